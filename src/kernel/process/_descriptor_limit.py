"""A program's limit of file descriptors, which the kernel's sockets have to get along with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from assay._isolation import os
from assay.kernel.process._patches import Kind, patches

__all__ = ["DESCRIPTORS", "refuse_too_few"]

DESCRIPTORS = 70
"""What a kernel needs at least: 47 for its sockets, 12 to spare, 5 for each client, and a few for
files. Where a process may have fewer than it waits for, ZeroMQ aborts it."""

OWN = 0
"""How a process names itself to `prlimit`."""


def refuse_too_few() -> None:
    """Have `resource`, which is imported, refuse a limit below `DESCRIPTORS` for this process."""
    resource: Any = sys.modules["resource"]
    process = os.getpid()

    def checked(set_limit: Callable[..., Any], names_process: bool) -> Callable[..., Any]:
        @wraps(set_limit)
        def set_if_enough(*arguments: Any) -> Any:
            given = arguments if names_process else (OWN, *arguments)
            whose, kind, limits, *_ = (*given, None, None, None)
            if kind == resource.RLIMIT_NOFILE and whose in (OWN, process):
                _check(limits, process, resource.RLIM_INFINITY)
            return set_limit(*arguments)

        return set_if_enough

    for name in ("setrlimit", "prlimit"):  # the second is Linux's
        patches.patch(
            resource,
            name,
            partial(checked, names_process=name == "prlimit"),
            kind=Kind.CORRECTNESS,
            reason="ZeroMQ aborts a process that may have fewer descriptors than it waits for",
        )


def _check(limits: Any, process: int, infinity: int) -> None:
    try:
        soft = int(limits[0])
    except (TypeError, ValueError, LookupError):
        return  # the function says what is wrong, or only looks
    # A child sets its own: one that runs a command, say.
    if soft < DESCRIPTORS and soft != infinity and os.getpid() == process:
        raise ValueError(
            f"wanted a limit of at least {DESCRIPTORS} file descriptors, found {soft}: "
            "the kernel, which runs in this process, would be aborted"
        )
