"""Signals while trio runs in the main thread.

Spec: none. Seen: trio has Python write the number of each signal into a socket of its own, for the
time that it runs, and warns of whatever else Python wrote to before. It needs that to wake. Here:
the kernel learns of signals all the time, and wakes the main thread itself (`SignalPipe`). So its
pipe is out of trio's sight while trio begins, and back once it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from assay.kernel.process._main_thread import is_main_thread
from assay.kernel.process._patches import Kind, patches
from assay.kernel.process._signal_pipe import SignalPipe

__all__ = ["share_signals_with_trio"]

REASON = "trio warns where signals wake anything but trio"


def share_signals_with_trio(pipe: SignalPipe) -> None:
    """Patch what runs trio, which has been imported."""
    trio: Any = sys.modules["trio"]

    def make_run(run: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(run)
        def run_out_of_sight(*args: Any, instruments: Sequence[Any] = (), **kwargs: Any) -> Any:
            if not is_main_thread():
                return run(*args, instruments=instruments, **kwargs)
            with pipe.put_away() as put_back:
                return run(*args, instruments=(*instruments, _AtBegin(put_back)), **kwargs)

        return run_out_of_sight

    def make_start(start: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(start)
        def start_in_sight(*args: Any, **kwargs: Any) -> Any:
            kwargs.setdefault("host_uses_signal_set_wakeup_fd", True)
            return start(*args, **kwargs)

        return start_in_sight

    lowlevel = getattr(trio, "lowlevel", None)
    for owner, name, make in ((trio, "run", make_run), (lowlevel, "start_guest_run", make_start)):
        patches.patch(owner, name, make, kind=Kind.CORRECTNESS, reason=REASON)


class _AtBegin:
    """An instrument of trio's."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def before_run(self) -> None:
        """Note that trio runs, and that Python writes to its socket; trio calls this."""
        self._call()
