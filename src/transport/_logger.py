"""Loggers that are found when there is something to log, and that a flood does not fill.

Importing `logging` takes 2 ms, and a kernel that starts has nothing to log (decision 0008).

In a process that is the kernel's, `prepare_logging` has decided where its lines go, and no program
in a cell decides anything else by chance: `logging.config.dictConfig` switches off all loggers that
there are, `logging.disable` all lines, and `importlib.reload(logging)` makes new loggers, whose
lines would be output of the cell. In a program that uses this project as a library all of that is
the program's to say.

A loop that outlives what fails in it logs that. So to log raises nothing, whatever a program has
broken: what `logging` needs may fail, and so may `suppress` where ``issubclass`` is gone.

What a peer does wrong it may do a million times. So of each kind of line, which is a message
before its arguments are put in, the first `FIRST_LINES` are written; then one each `INTERVAL_S` at
most, with how many were left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from assay._clock import monotonic

if TYPE_CHECKING:
    import logging

__all__ = ["Logger", "get_logger", "prepare_logging", "set_up_logging"]

FIRST_LINES = 10
"""Of a kind, written as they come."""

INTERVAL_S = 10.0
"""From one line of a kind to the next, afterwards: at most 8,640 lines of a kind in a day."""

QUIET_S = 600.0
"""After so long without a line of a kind, the first ones are written again."""

LEVELS = {"debug": 10, "info": 20, "warning": 30, "exception": 40, "critical": 50}
"""As in `logging`; an exception is an error."""

_preparations: list[Callable[[], logging.Logger]] = []

_projects: list[logging.Logger] = []
"""The project's logger in a process that is the kernel's: at most one."""


class Logger(Protocol):
    """What this project uses of a `logging.Logger`; *message* names the kind of line."""

    def debug(self, message: str, *args: object, exc_info: bool = False) -> None:
        """Log what only its author wants to know, with the traceback if *exc_info*."""
        ...

    def info(self, message: str, *args: object) -> None:
        """Log what was to be expected."""
        ...

    def warning(self, message: str, *args: object) -> None:
        """Log what is wrong and does no harm."""
        ...

    def exception(self, message: str, *args: object) -> None:
        """Log an error with the traceback of what is being handled."""
        ...

    def critical(self, message: str, *args: object) -> None:
        """Log why the process ends."""
        ...


def prepare_logging(prepare: Callable[[], logging.Logger]) -> None:
    """Call *prepare* before the next line is logged: it decides where lines go.

    Args:
        prepare: Returns the logger of the project, with its level and handler.
    """
    _preparations[:] = [prepare]


def set_up_logging() -> None:
    """Decide now where lines go; what decides it is not called again."""
    try:
        prepare = _preparations.pop()
    except IndexError:  # nothing is left to prepare
        return
    try:
        _projects[:] = [prepare()]
    except BaseException:
        _preparations.append(prepare)
        raise


def get_logger(name: str) -> Logger:
    """Return a logger that finds that of `logging` when it is first used."""
    return _LimitedLogger(name)


class _Kind:
    """Lines of one kind: how many came, and when one was written."""

    def __init__(self) -> None:
        self.written = 0
        self.left_out = 0
        self.last = 0.0


class _LimitedLogger:
    """Any thread may log. Two that log the same at once may be counted as one."""

    def __init__(self, name: str, now: Callable[[], float] = monotonic) -> None:
        self._name = name
        self._now = now
        self._kinds: dict[str, _Kind] = {}

    def debug(self, message: str, *args: object, exc_info: bool = False) -> None:
        self._log("debug", message, args, exc_info=exc_info)

    def info(self, message: str, *args: object) -> None:
        self._log("info", message, args)

    def warning(self, message: str, *args: object) -> None:
        self._log("warning", message, args)

    def exception(self, message: str, *args: object) -> None:
        self._log("exception", message, args)

    def critical(self, message: str, *args: object) -> None:
        self._log("critical", message, args)

    def _log(
        self, method: str, message: str, args: tuple[object, ...], *, exc_info: bool = False
    ) -> None:
        left_out = self._admit(message)
        if left_out is None:
            return
        try:
            import logging  # noqa: F401, PLC0415 - see above

            set_up_logging()
        except Exception:  # noqa: BLE001 - a program has used up all descriptors, or broken that
            self._kinds[message].left_out += 1
            return
        if left_out:
            message, args = f"{message} (and %s more like it)", (*args, left_out)
        exc_info = exc_info or method == "exception"
        try:
            self._write(method, message, args, exc_info=exc_info)
        except Exception as error:  # noqa: BLE001 - of a program's `SyntaxError`, which has no form
            reason = f"{message} (no traceback: %s)"
            try:  # noqa: SIM105 - see the top
                self._write(method, reason, (*args, type(error).__name__), exc_info=False)
            except Exception:  # noqa: BLE001, S110 - nothing is left to say it with
                pass

    def _write(
        self, method: str, message: str, args: tuple[object, ...], *, exc_info: bool
    ) -> None:
        level = LEVELS[method]
        if not _projects:
            import logging  # noqa: PLC0415 - see above

            logging.getLogger(self._name).log(
                level, message, *args, exc_info=exc_info, stacklevel=4
            )
            return
        logger = _projects[0].manager.getLogger(self._name)
        if level >= logger.getEffectiveLevel():
            error = sys.exc_info() if exc_info else None
            record = logger.makeRecord(logger.name, level, "", 0, message, args, error)
            logger.callHandlers(record)  # not `handle`, which asks whether it is switched off

    def _admit(self, message: str) -> int | None:
        """Return how many lines of this kind were left out before; None to leave this one out."""
        kind = self._kinds.get(message)
        if kind is None:
            kind = self._kinds[message] = _Kind()
        now = self._now()
        since = now - kind.last
        if kind.written >= FIRST_LINES:
            if since < INTERVAL_S:
                kind.left_out += 1
                return None
            if since >= QUIET_S:
                kind.written = 0
        kind.written += 1
        kind.last = now
        left_out, kind.left_out = kind.left_out, 0
        return left_out
