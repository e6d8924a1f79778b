"""How a command that has kernels running ends, whatever ends it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click

from assay._platform import ENDING_SIGNALS
from assay.commands._exit import Exit

__all__ = ["exit_code_of"]


def exit_code_of(work: Callable[[], int]) -> int:
    """Do *work* and return its exit code, or that of the signal or the closed pipe that ends it.

    A request to end goes through *work* as an exception, so that it ends its kernels.
    """
    from assay.transport import end_processes  # noqa: PLC0415 - sockets are for what works

    try:
        with _requests_to_end_raise():
            try:
                return work()
            finally:
                end_processes()
    except KeyboardInterrupt:
        click.echo("assay: stopped", err=True)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more when it flushes stdout at its end.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.BROKEN_PIPE


@contextmanager
def _requests_to_end_raise() -> Iterator[None]:
    handlers = {**dict.fromkeys(ENDING_SIGNALS, _end), signal.SIGINT: _interrupt}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _end(number: int, frame: FrameType | None) -> None:
    from assay.transport import raise_soon  # noqa: PLC0415 - imported by `exit_code_of`

    del frame
    raise_soon(SystemExit(128 + number))


def _interrupt(number: int, frame: FrameType | None) -> None:
    from assay.transport import raise_soon  # noqa: PLC0415 - as above

    del number, frame
    raise_soon(KeyboardInterrupt())
