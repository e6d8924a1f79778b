"""Loggers that are found when there is something to say.

Importing `logging` takes 2 ms, and a kernel that starts has nothing to say (decision 0008).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from logging import Logger

__all__ = ["get_logger", "prepare_logging"]

_preparations: list[Callable[[], None]] = []


def prepare_logging(prepare: Callable[[], None]) -> None:
    """Call *prepare* before the next line is logged: it says where lines go."""
    _preparations[:] = [prepare]


def get_logger(name: str) -> Logger:
    """Return what does as `logging.getLogger` does, when it is first used."""
    return cast("Logger", _LateLogger(name))


class _LateLogger:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        import logging  # noqa: PLC0415 - see above

        with suppress(IndexError):  # nothing is left to prepare
            _preparations.pop()()
        return getattr(logging.getLogger(self._name), method)
