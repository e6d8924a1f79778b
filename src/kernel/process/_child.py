"""A child process that user code forked: it ends as any Python program would, and by itself."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from assay.kernel.process._exit_status import exit_status
from assay.kernel.process._patches import Kind, patches

__all__ = ["after_fork_in_child", "end_child", "end_child_by"]


def after_fork_in_child() -> None:
    """Write the beginning of a line that has no end yet, also where user code calls `os._exit`."""
    patches.patch(
        os,
        "_exit",
        _flushing,
        kind=Kind.CORRECTNESS,
        reason="in a forked child alone: what it wrote last is shown",
    )


def end_child(status: int) -> NoReturn:
    """End this process with *status*; what the two streams hold back is written first.

    Exit functions are its parent's, which has registered them, and are not called.
    """
    _flush()
    os._exit(status)


def _flushing(leave: Callable[[int], NoReturn]) -> Callable[[int], NoReturn]:
    def flush_and_leave(status: int) -> NoReturn:
        _flush()
        leave(status)

    return flush_and_leave


def _flush() -> None:
    for name in ("stdout", "stderr"):
        with suppress(Exception):  # the user's stream, or none
            getattr(sys, name).flush()


def end_child_by(error: BaseException) -> NoReturn:
    """End this process as Python does with *error*, which nothing has caught.

    The status is that of SystemExit, the signal of an interrupt, or 1 with the traceback on stderr.
    """
    if isinstance(error, SystemExit):
        end_child(exit_status(error))
    trace = error.__traceback__
    with suppress(Exception):  # as above
        import traceback  # noqa: PLC0415 - a kernel that starts does without

        # The first frame is that of whatever runs the user's code.
        traceback.print_exception(
            type(error), error, trace.tb_next if trace else None, file=sys.stderr
        )
    if isinstance(error, KeyboardInterrupt):
        _flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    end_child(1)
