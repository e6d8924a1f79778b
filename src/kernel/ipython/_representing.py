"""Errors of an object's representations: one of them is enough.

IPython asks a dozen formatters for an object, and each shows the error that it meets. An object
that fails wherever it is looked at (a property ``__class__``, a metaclass with a ``__repr__``)
would be shown as a dozen errors.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

__all__ = ["Representing", "is_first_error", "represent"]


class Representing:
    """An object whose representations are being made.

    Args:
        raises: Its error is the caller's, and not shown.
    """

    error: BaseException | None = None
    """What the first formatter met that failed."""

    is_begun = False
    is_over = False

    def __init__(self, *, raises: bool = False) -> None:
        self.raises = raises

    @staticmethod
    def begin() -> Representing:
        """Return that of the object that is being formatted from now on."""
        current = _current.get()
        if current is None or current.is_begun:  # perhaps by a representation of another object
            current = Representing()
        current.is_begun = True
        return current

    def call(self, make: Any, *arguments: object) -> Any:
        """Return what *make* makes of *arguments*; formatters that fail meanwhile are its."""
        before = _current.get()
        try:
            _current.set(self)
            return make(*arguments)
        finally:
            # First: an interrupt may strike behind any call, and a task may have kept the context.
            self.is_over = True
            _current.set(before)


_current: ContextVar[Representing | None] = ContextVar("assay-representing", default=None)


def is_first_error(error: BaseException | None) -> bool:
    """Return True if *error*, which a formatter has met, is to be shown."""
    current = _current.get()
    if current is None or current.is_over:
        return True
    if current.error is not None:
        return False
    current.error = error
    return not current.raises


def represent(formatter: Any, obj: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the representations of *obj* by MIME type, and the metadata of each.

    Raises:
        BaseException: one of them failed; IPython would show that and go on.
    """
    current = Representing(raises=True)
    found: tuple[dict[str, Any], dict[str, Any]] = current.call(formatter.format, obj)
    if current.error is not None:
        raise current.error
    return found
