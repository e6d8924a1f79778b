"""How a command that has kernels running ends, whatever ends it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TypeAlias

import click

from assay._platform import ENDING_SIGNALS
from assay.commands._exit import Exit

__all__ = ["Handler", "discard_stdout", "exit_code_of", "put_back", "put_handlers"]

Handler: TypeAlias = Callable[[int, FrameType | None], object] | int | None
"""What `signal.signal` returns."""


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
        discard_stdout()
        return Exit.BROKEN_PIPE


def discard_stdout() -> None:
    """Drop what stdout could not take: Python would try, and complain, once more at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _requests_to_end_raise() -> Iterator[None]:
    before = put_handlers({**dict.fromkeys(ENDING_SIGNALS, _end), signal.SIGINT: _interrupt})
    try:
        yield
    finally:
        put_back(before)


def put_handlers(
    handlers: Mapping[signal.Signals, Callable[[int, FrameType | None], object]],
) -> dict[signal.Signals, Handler]:
    """Set *handlers* and return those before, for `put_back`.

    A signal that is ignored stays so, as SIGHUP under nohup and SIGINT in the background of a
    shell: who has started us does not want it to end us.
    """
    return {
        number: signal.signal(number, handler)
        for number, handler in handlers.items()
        if signal.getsignal(number) is not signal.SIG_IGN
    }


def put_back(before: Mapping[signal.Signals, Handler]) -> None:
    """Set the handlers that `put_handlers` returned; one that was not made in Python is lost."""
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
