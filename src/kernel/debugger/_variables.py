"""The user's variables while nothing is stopped, as the Debug Adapter Protocol shows variables.

debugpy shows what stopped frames hold. What there is between the cells is looked at here, in the
kernel's own process, so that it needs no session, nor debugpy.

A variable that has parts gets a reference, by which a client asks for them. References last until
the variables are listed again; they are far above those of debugpy, which count from 1.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator, Mapping, Set
from itertools import islice

from assay.kernel._tracebacks import text_of
from assay.kernel.debugger._errors import DebuggerError
from assay.protocol import Json

__all__ = ["FIRST_REFERENCE", "Variables"]

FIRST_REFERENCE = 2**30
"""Clients take references for 32-bit numbers, as the protocol says."""

MAX_PARTS = 1000
"""Of one variable; a client that wants others names the first (``start``)."""

MAX_TEXT = 1000
"""Characters of a value."""

PLAIN = (str, bytes, bytearray, int, float, complex, bool, type(None), type, range)
"""Types without parts to look at."""

Part = tuple[str, str, object]
"""Its name, the expression for it with a place for its owner's, and its value."""


class Variables:
    """The variables of one namespace, and of what they hold.

    Args:
        namespace: Returns what there is at the moment; called in any thread.
    """

    def __init__(self, namespace: Callable[[], Mapping[str, object]]) -> None:
        self._namespace = namespace
        self._held: dict[int, tuple[object, str]] = {}

    def all(self) -> list[Json]:
        """Return the variables of the namespace, sorted by name; earlier references are void."""
        self._held = {}
        return [self._shown(name, name, value) for name, value in sorted(self._namespace().items())]

    def parts(self, reference: int, start: int = 0, count: int = 0) -> list[Json]:
        """Return what the variable with that *reference* holds.

        Args:
            reference: As `all` or `parts` gave it.
            start: The first part.
            count: How many; 0 for all that are shown.

        Raises:
            DebuggerError: there is no such reference.
        """
        if (held := self._held.get(reference)) is None:
            raise DebuggerError(f"there is no variable with the reference {reference} any more")
        value, expression = held
        end = start + (min(count, MAX_PARTS) if count > 0 else MAX_PARTS)
        return [
            self._shown(name, template.format(expression), part)
            for name, template, part in islice(_parts(value), start, end)
        ]

    def _shown(self, name: str, expression: str, value: object) -> Json:
        reference = 0
        if _has_parts(value):
            reference = FIRST_REFERENCE + len(self._held)
            self._held[reference] = value, expression
        return {
            "name": name,
            "value": _text(value),
            "type": type(value).__name__,
            "evaluateName": expression,
            "variablesReference": reference,
        }


def _has_parts(value: object) -> bool:
    if isinstance(value, PLAIN):
        return False
    return next(_parts(value), None) is not None


def _parts(value: object) -> Iterator[Part]:
    # Only of types whose methods are Python's own: the user's may do anything.
    if type(value) is dict:
        for key, part in value.copy().items():
            yield _text(key), f"{{}}[{_escaped(_text(key))}]", part
    elif type(value) in (list, tuple):
        assert isinstance(value, (list, tuple))
        for number, part in enumerate(value):
            yield str(number), f"{{}}[{number}]", part
    elif isinstance(value, Set) and type(value) in (set, frozenset):
        for number, part in enumerate(tuple(value)):
            yield str(number), "", part
    else:
        for name, part in _attributes(value).items():
            yield name, f"{{}}.{_escaped(name)}", part


def _attributes(value: object) -> dict[str, object]:
    try:
        found = object.__getattribute__(value, "__dict__")
    except Exception:  # noqa: BLE001 - a descriptor of the user's
        return {}
    return {name: part for name, part in dict(found).items() if isinstance(name, str)}


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _text(value: object) -> str:
    text = _repr.repr(value)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


class _Repr(reprlib.Repr):
    """Shows the beginning of a container; it never raises."""

    def __init__(self) -> None:
        super().__init__()
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = 20
        self.maxdeque = self.maxarray = 20
        self.maxstring = self.maxother = self.maxlong = MAX_TEXT

    def repr1(self, x: object, level: int) -> str:
        """Show *x*, which stands in *level* others."""
        try:
            return super().repr1(x, level)
        except Exception as error:  # noqa: BLE001 - a user's __repr__ may raise anything
            return _failed(x, error)

    def repr_instance(self, x: object, level: int) -> str:  # noqa: ARG002 - part of the signature
        """Show *x*, an object of a class that is not Python's own."""
        text = repr(x)
        return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


def _failed(value: object, error: Exception) -> str:
    return f"<{type(value).__name__} whose repr raised {type(error).__name__}: {text_of(error)}>"


_repr = _Repr()
