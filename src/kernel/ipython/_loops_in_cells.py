"""Let a plain cell run an event loop, as a script does.

Spec: none. Seen: in other kernels a cell stands in a callback of the kernel's own loop, so that
`asyncio.run` is refused everywhere; a script that is pasted into a notebook fails. Here: a cell
that does not await stands in no callback, its loop only seems to run (`UserLoop`). While such a
cell runs a loop, it is at rest and does not seem to. Code that looks whether a loop runs finds one
as ever, and may create a task; code that does not look may run one. Inside a coroutine asyncio
refuses as everywhere: there a loop does run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from assay.kernel.process._patches import Kind, patches

__all__ = ["let_cells_run_loops", "let_cells_run_loops_of"]

REASON = "a cell that awaits nothing may run a loop, as a script does"


def let_cells_run_loops() -> None:
    """Patch what runs a loop in asyncio, which has been imported."""
    import asyncio  # noqa: PLC0415 - see `LazyEventLoop`
    from asyncio import base_events, runners  # noqa: PLC0415

    owners: list[tuple[Any, str]] = [
        (asyncio, "run"),
        (runners, "run"),
        (runners.Runner, "run"),
        (base_events.BaseEventLoop, "run_forever"),
        (base_events.BaseEventLoop, "run_until_complete"),
    ]
    for owner, name in owners:
        _patch(owner, name)


def let_cells_run_loops_of(name: str) -> None:
    """Patch what runs a loop in the package *name*, which has been imported."""
    module: Any = sys.modules[name]
    # uvloop has its own loops, and `run` since 0.18.
    for owner, method in (
        (module, "run"),
        (getattr(module, "Loop", None), "run_forever"),
        (getattr(module, "Loop", None), "run_until_complete"),
    ):
        if hasattr(owner, method):
            _patch(owner, method)


def _patch(owner: Any, name: str) -> None:
    patches.patch(owner, name, _beside_the_cells_loop, kind=Kind.CORRECTNESS, reason=REASON)


def _beside_the_cells_loop(run: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(run)
    def run_in_cell(*args: Any, **kwargs: Any) -> Any:
        events: Any = sys.modules.get("asyncio.events")
        loop: Any = events._get_running_loop() if events is not None else None
        # Only a `UserLoop` has it.
        if not getattr(loop, "seems_to_run", False):
            return run(*args, **kwargs)
        with loop.at_rest():
            return run(*args, **kwargs)

    return run_in_cell
