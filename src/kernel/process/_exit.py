"""The end of the process: exit functions, children, threads, and the end by force."""

from __future__ import annotations

import atexit
import faulthandler
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TextIO

from assay._clock import monotonic
from assay._isolation import os
from assay.transport import get_logger

__all__ = [
    "call_at_exit",
    "dump_stacks",
    "end_by_force",
    "end_children",
    "end_pools",
    "join_threads",
    "run_exit_functions",
]

logger = get_logger("assay.kernel")

JOIN_S = 0.5
"""How long threads that are no daemons may go on after the last message."""

PROCESS_POOLS = (
    "concurrent.futures.process",
    "joblib.externals.loky.process_executor",
    "loky.process_executor",
)
"""Modules of which each has Python call a function of its own before it calls exit functions."""

run_exit_functions: Callable[[], None] = atexit._run_exitfuncs
"""Call what was registered with `atexit`, last first, and forget it."""


def call_at_exit(
    functions: Iterable[Callable[[], object]],
    interruptible: Callable[[], AbstractContextManager[None]],
) -> None:
    """Call each of *functions*, first to last; one that fails or is interrupted ends only itself.

    Args:
        functions: User code, or what calls some.
        interruptible: Allows interrupts inside.
    """
    for function in functions:
        try:
            try:
                with interruptible():
                    function()
            except (Exception, KeyboardInterrupt):
                logger.exception("an exit function failed")
        except Exception:  # of a signal's handler, just when the function had ended
            logger.exception("a signal's handler failed after an exit function")


def end_pools() -> None:
    """Let pools of processes end, as Python does before it calls exit functions.

    One of those, `multiprocessing`'s, waits for the processes of pools. Pools wait for work that is
    under way: here, as long as threads may go on. Pools of threads end later, with Python: exit
    functions and tasks that are cancelled may want one.
    """
    deadline = monotonic() + JOIN_S
    # Private, the same from 3.9 to 3.14, as in joblib.
    functions = [getattr(sys.modules.get(name), "_python_exit", None) for name in PROCESS_POOLS]
    ending = [
        threading.Thread(target=call_at_exit, args=[[function], nullcontext], daemon=True)
        for function in functions
        if function is not None
    ]
    for thread in ending:
        thread.start()
    for thread in ending:
        thread.join(max(0.0, deadline - monotonic()))


def end_children() -> None:
    """End the child processes that are left, where the process group is our own."""
    if os.getpgrp() != os.getpid():
        return
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(os.getpgrp(), signal.SIGTERM)


def dump_stacks(stream: TextIO) -> None:
    """Write to *stream* where each thread is."""
    # Not to the descriptor itself: it may be a full pipe, where writing waits for ever.
    with suppress(OSError):  # also of the import: a program may have used up all descriptors
        from tempfile import TemporaryFile  # noqa: PLC0415 - few kernels hang

        with TemporaryFile("w+", encoding="utf-8") as stacks:
            faulthandler.dump_traceback(stacks, all_threads=True)
            stacks.seek(0)
            stream.write(stacks.read())


def end_by_force(exit_code: int, *, children: bool) -> None:
    """End the process at once.

    Args:
        exit_code: The process's.
        children: End the rest of its process group as well, if it leads one.
    """
    if children and os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGTERM)  # its own handler runs no more
    os._exit(exit_code)


def join_threads(exit_code: int) -> None:
    """End at once if threads are left that would keep the process alive."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(JOIN_S)
            if thread.is_alive():
                logger.warning("thread %s is still running", thread.name)
                os._exit(exit_code)
