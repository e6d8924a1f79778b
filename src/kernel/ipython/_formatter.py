"""Format what most cells show without asking who has nothing to say of it.

IPython asks eleven formatters for each object, 70 µs for a number that only one of them knows. For
objects of Python's own types the answer is known, unless somebody has registered a printer.
"""

from __future__ import annotations

from collections.abc import Collection
from types import NoneType
from typing import Any

from IPython.core import formatters
from IPython.core.formatters import DisplayFormatter

__all__ = ["QuickFormatter"]

PLAIN = frozenset(
    {NoneType, bool, bytes, complex, dict, float, frozenset, int, list, set, str, tuple}
)
"""Types without any ``_repr_*_`` method; their subclasses may have some."""

TEXT = "text/plain"


class QuickFormatter(DisplayFormatter):  # type: ignore[misc]  # IPython is untyped here
    """A `DisplayFormatter` that finds the same sooner."""

    def format(
        self,
        obj: object,
        include: Collection[str] | None = None,
        exclude: Collection[str] | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the representations of *obj* by MIME type, and the metadata of each."""
        if type(obj) in PLAIN and not include and not exclude and self._is_text_alone(obj):
            text = self.formatters[TEXT](obj)
            return {} if text is None else {TEXT: text}, {}
        found: tuple[dict[str, Any], dict[str, Any]] = super().format(obj, include, exclude)
        return found

    def _is_text_alone(self, obj: object) -> bool:
        """Return True if nobody has registered anything but text for *obj*."""
        ours = self.ipython_display_formatter, self.mimebundle_formatter
        others = (f for name, f in self.formatters.items() if name != TEXT)
        if type(self.formatters.get(TEXT)) is not formatters.PlainTextFormatter:
            return False
        return all(_has_nothing(formatter, obj) for formatter in (*ours, *others))


def _has_nothing(formatter: Any, obj: object) -> bool:
    if type(formatter).__module__ != formatters.__name__:
        return False  # somebody's own, which may do anything
    if formatter.singleton_printers and id(obj) in formatter.singleton_printers:
        return False
    classes = type(obj).__mro__
    if (printers := formatter.type_printers) and any(cls in printers for cls in classes):
        return False
    deferred = formatter.deferred_printers
    return not deferred or not any((c.__module__, c.__name__) in deferred for c in classes)
