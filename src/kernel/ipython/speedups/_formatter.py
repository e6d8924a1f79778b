"""Format what most cells show without asking who has nothing to say of it.

IPython asks eleven formatters for each object, 70 µs for a number that only one of them knows. For
objects of Python's own types the answer is known, unless a program has registered a printer; and
where the pretty printer would only ask for `repr`, so can we.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from operator import attrgetter, itemgetter
from types import NoneType
from typing import Any

from IPython.core import formatters
from IPython.lib import pretty

from assay.kernel.ipython._representing import Representing

__all__ = ["DisplayFormatter"]

PLAIN = frozenset(
    {NoneType, bool, bytes, complex, dict, float, frozenset, int, list, set, str, tuple}
)
"""Types without any ``_repr_*_`` method; their subclasses may have some."""

TEXT = "text/plain"

_registered = itemgetter("singleton_printers", "type_printers", "deferred_printers")
"""Returns the tables of what is registered with a formatter, of its traits."""

_other_formatters = itemgetter("ipython_display_formatter", "mimebundle_formatter")
"""Returns those that are in no table, of the traits of what has them."""

_of_classes = attrgetter(
    "DisplayFormatter.format", "BaseFormatter.__call__", "PlainTextFormatter.__call__"
)
IPYTHONS = _of_classes(formatters)
"""What IPython formats by, which a program may replace for all objects of the classes."""


class DisplayFormatter(formatters.DisplayFormatter):  # type: ignore[misc]  # IPython is untyped here
    """IPython's, which finds the same sooner.

    Its name is IPython's too: it is what ``%config`` knows it by.
    """

    _known: Sequence[object] = ()
    _text: Any = None
    """The formatter of text among the `_known`."""
    _printers: Sequence[Mapping[str, Mapping[object, object]]] | None = None
    """The traits of the `_known` formatters but text's, where their printers are; None if one of
    the formatters is a program's own, which may do anything."""

    def format(
        self,
        obj: object,
        include: Collection[str] | None = None,
        exclude: Collection[str] | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the representations of *obj* by MIME type, and the metadata of each."""
        current = Representing.begin()
        if type(obj) in PLAIN and not include and not exclude and self._is_text_alone(obj):
            text = _text(self._text, obj)
            return {} if text is None else {TEXT: text}, {}
        found: tuple[dict[str, Any], dict[str, Any]] = current.call(
            super().format, obj, include, exclude
        )
        return found

    def _is_text_alone(self, obj: object) -> bool:
        """Return True if nothing but text is registered for *obj*."""
        try:
            others = _other_formatters(self._trait_values)
        except KeyError:  # a trait has no value before it is asked for
            others = self.ipython_display_formatter, self.mimebundle_formatter
        present = [*others, *self.formatters.values()]
        if present != self._known:
            self._look_at(present)
        if self._printers is None or _of_classes(formatters) != IPYTHONS:
            return False
        if not any(chain.from_iterable(map(_registered, self._printers))):
            return True  # as in most kernels, and found without a loop
        classes = type(obj).__mro__
        for traits in self._printers:
            singletons, types = traits["singleton_printers"], traits["type_printers"]
            if singletons and id(obj) in singletons:
                return False
            if types and any(cls in types for cls in classes):
                return False
            deferred = traits["deferred_printers"]
            if deferred and any((c.__module__, c.__name__) in deferred for c in classes):
                return False
        return True

    def _look_at(self, present: Sequence[Any]) -> None:
        text = self.formatters.get(TEXT)
        others = [formatter for formatter in present if formatter is not text]
        is_ipythons = type(text) is formatters.PlainTextFormatter and all(
            type(formatter).__module__ == formatters.__name__ for formatter in others
        )
        for formatter in present if is_ipythons else ():
            # As above.
            _ = formatter.singleton_printers, formatter.type_printers, formatter.deferred_printers
        # Of a dozen formatters, traits are read in half the time where traitlets keeps them.
        self._printers = [formatter._trait_values for formatter in others] if is_ipythons else None
        self._known, self._text = present, text


def _text(formatter: Any, obj: object) -> str | None:
    """Return what IPython's *formatter* of text says of *obj*."""
    singletons, types, _ = _registered(formatter._trait_values)
    printer = singletons.get(id(obj)) or types.get(type(obj))
    if printer is pretty._repr_pprint:
        with suppress(
            ValueError
        ):  # a number of more digits than Python writes, and IPython says so
            return repr(obj)
    found: str | None = formatter(obj)
    return found
