"""Let a plain cell run an event loop, as a script does.

Spec: none. Seen: in other kernels a cell stands in a callback of the kernel's own loop, so that
`asyncio.run` is refused everywhere; a script that is pasted into a notebook fails. Here: a cell
that does not await stands in no callback, its loop only seems to run (`UserLoop`). While such a
cell runs a loop, it is at rest and does not seem to. Code that looks whether a loop runs finds one
as ever, and may create a task; code that does not look may run one. Inside a coroutine asyncio
refuses as everywhere: there a loop does run.

In the thread of a subshell no signal handler runs, which is how a loop is interrupted elsewhere, by
asyncio's and trio's own means. There each loop that a cell runs is known to the interrupts of the
thread (`RunningLoop`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from inspect import iscoroutine
from typing import Any

from assay.kernel.process._patches import Kind, patches
from assay.kernel.process._running_loops import RunningLoop, may_be_ended

__all__ = ["let_cells_run_loops", "let_cells_run_loops_of", "let_interrupts_end_trio"]

REASON = "a cell that awaits nothing may run a loop, as a script does"
ENDED = "an interrupt ends the loop that a cell of a subshell runs"


def let_cells_run_loops() -> None:
    """Patch what runs a loop in asyncio, which has been imported."""
    import asyncio  # noqa: PLC0415 - see `LazyEventLoop`
    from asyncio import base_events, runners  # noqa: PLC0415

    owners: list[tuple[Any, str]] = [
        (asyncio, "run"),
        (runners, "run"),
        (runners.Runner, "run"),
        (base_events.BaseEventLoop, "run_until_complete"),
    ]
    for owner, name in owners:
        _patch(owner, name)
    _patch_run_forever(base_events.BaseEventLoop)


def let_cells_run_loops_of(name: str) -> None:
    """Patch what runs a loop in the package *name*, which has been imported."""
    module: Any = sys.modules[name]
    # uvloop has its own loops, and `run` since 0.18.
    kind = getattr(module, "Loop", None)
    for owner, method in ((module, "run"), (kind, "run_until_complete")):
        if hasattr(owner, method):
            _patch(owner, method)
    if hasattr(kind, "run_forever"):
        _patch_run_forever(kind)


def let_interrupts_end_trio() -> None:
    """Patch what runs trio, which has been imported."""
    module: Any = sys.modules["trio"]
    patches.patch(module, "run", _ended_in_trio, kind=Kind.CORRECTNESS, reason=ENDED)


def _patch(owner: Any, name: str) -> None:
    patches.patch(owner, name, _beside_the_cells_loop, kind=Kind.CORRECTNESS, reason=REASON)


def _patch_run_forever(kind: Any) -> None:
    def make(run: Callable[..., Any]) -> Callable[..., Any]:
        return _beside_the_cells_loop(_ended_between_steps(run))

    reason = f"{REASON}; {ENDED}"
    patches.patch(kind, "run_forever", make, kind=Kind.CORRECTNESS, reason=reason)


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


def _ended_between_steps(run: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(run)
    def run_forever(loop: Any, *args: Any, **kwargs: Any) -> Any:
        if not may_be_ended() or hasattr(loop, "seems_to_run"):  # a `UserLoop` knows what to cancel
            return run(loop, *args, **kwargs)
        with RunningLoop(loop.call_soon_threadsafe, _interrupt):
            return run(loop, *args, **kwargs)

    return run_forever


def _interrupt() -> None:
    raise KeyboardInterrupt


def _ended_in_trio(run: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(run)
    def run_trio(main: Any, *args: Any, **kwargs: Any) -> Any:
        if not (may_be_ended() and callable(main)):
            return run(main, *args, **kwargs)
        return run(_until_interrupted(main), *args, **kwargs)

    return run_trio


def _until_interrupted(main: Callable[..., Any]) -> Callable[..., Any]:
    """Return *main*, the first function of a run of trio, such that interrupts cancel it."""
    trio: Any = sys.modules["trio"]

    async def run_to_its_end(coroutine: Coroutine[Any, Any, Any]) -> Any:
        call_soon = trio.lowlevel.current_trio_token().run_sync_soon
        with trio.CancelScope() as scope, RunningLoop(call_soon, scope.cancel) as loop:
            found = await coroutine
        if loop.is_ended:
            raise KeyboardInterrupt
        return found

    @wraps(main)
    def interruptible(*args: Any) -> Any:
        coroutine = main(*args)
        # What is none is trio's to refuse.
        return run_to_its_end(coroutine) if iscoroutine(coroutine) else coroutine

    return interruptible
