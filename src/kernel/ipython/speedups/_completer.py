"""Complete among very many names.

jedi makes an object of its own for each name that it is given, and looks at what the name stands
for: 0.3 ms a name, half a minute for 100,000. It is given the names that it can need, and no object
with more attributes than that; the other names that fit are listed by themselves. So are the
attributes of an object whose own list of them cannot be had, of which jedi lists none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from heapq import nsmallest
from inspect import getattr_static
from typing import Any, TypeAlias

from IPython.core import completer
from IPython.core.interactiveshell import InteractiveShell

__all__ = ["IPCompleter", "init_completer"]

MANY_NAMES = 1_000
"""From so many names on, jedi is given a part of them: all would take a third of a second."""

GIVEN_NAMES = 300
"""How many of the names that fit are given to jedi, in their order: it tells their types."""

LISTED_NAMES = 10_000
"""How many are listed by themselves."""

WORD = re.compile(r"\w+")
ATTRIBUTE = re.compile(r"((?:\w+\.)*\w+)\s*\.\s*(\w*)\Z")
BEGINNING = re.compile(r"\w*\Z")

NOTHING = object()

_Names: TypeAlias = Mapping[str, object] | None


def init_completer(shell: InteractiveShell) -> None:
    """Make the completer of *shell* as IPython does, of our class."""
    its_own = completer.IPCompleter
    completer.IPCompleter = IPCompleter  # it is looked up there
    try:
        InteractiveShell.init_completer(shell)
    finally:
        completer.IPCompleter = its_own


class _Name:
    """A completion in the form of jedi's, which it knows nothing more of than its name."""

    type = completer._UNKNOWN_TYPE

    def __init__(self, name: str, start: str) -> None:
        self.name = self.name_with_symbols = name
        self.complete = name[len(start) :]


class IPCompleter(completer.IPCompleter):  # type: ignore[misc]  # IPython is untyped here
    """IPython's completer. Its name is IPython's, by which it is configured."""

    namespace: Mapping[str, object]
    global_namespace: _Names

    def _jedi_matches(self, cursor_column: int, cursor_line: int, text: str) -> Iterator[Any]:
        code = text[: completer.cursor_to_position(text, cursor_line, cursor_column)]
        found = ATTRIBUTE.search(code)
        if found is not None and (attributes := self._many_attributes(found[1])):
            return _named(attributes, found[2])
        whole = self.namespace, self.global_namespace
        start = _beginning(code)
        rest: set[str] = set()
        for names in whole:
            if names is not None and len(names) > MANY_NAMES and found is None:
                rest.update(names)
        self.namespace = _needed(self.namespace, code) or {}
        self.global_namespace = _needed(self.global_namespace, code)
        try:
            matches = list(super()._jedi_matches(cursor_column, cursor_line, text))
        finally:
            self.namespace, self.global_namespace = whole
        if rest and _wants_names(code):
            matches.extend(_named(rest - {match.name for match in matches}, start))
        return iter(matches)

    def _many_attributes(self, expression: str) -> Collection[str]:
        """Return the names that *expression* has if they are very many, or else none."""
        first, *rest = expression.split(".")
        value = self.namespace.get(first, NOTHING)
        for name in rest:
            value = getattr_static(value, name, NOTHING)
        if value is NOTHING:
            return ()
        try:
            names = dir(value)
        except Exception:  # noqa: BLE001 - a user's __dir__ may raise anything
            return _static_names(value)
        return names if len(names) > MANY_NAMES else ()


def _static_names(value: object) -> set[str]:
    """Return what *value* and its classes have, asking nothing of *value*."""
    names = {name for cls in type(value).__mro__ for name in vars(cls)}
    own = getattr_static(value, "__dict__", {})
    return names.union(own) if isinstance(own, dict) else names


def _named(names: Iterable[object], start: str) -> Iterator[_Name]:
    """Return those of *names* that begin with *start*, in order; private ones if it is private."""
    fitting = [
        name
        for name in names
        if isinstance(name, str)
        and name.lower().startswith(start.lower())
        and (start.startswith("_") or not name.startswith("_"))
    ]
    return (_Name(name, start) for name in nsmallest(LISTED_NAMES, fitting))


def _beginning(code: str) -> str:
    found = BEGINNING.search(code)
    return found[0] if found is not None else ""


def _wants_names(code: str) -> bool:
    """Return True if a variable may stand at the end of *code*: not in a text or a comment."""
    line = code.rpartition("\n")[2]
    return "#" not in line and line.count("'") % 2 == line.count('"') % 2 == 0


def _needed(names: _Names, code: str) -> _Names:
    """Return what of *names* can be needed to complete *code*, all if they are few."""
    if names is None or len(names) <= MANY_NAMES:
        return names
    start = _beginning(code).lower()
    fitting = (name for name in tuple(names) if name.lower().startswith(start))
    kept = {*WORD.findall(code), *nsmallest(GIVEN_NAMES, fitting)}
    return {name: names[name] for name in kept if name in names}
