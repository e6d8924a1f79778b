"""Complete among very many names.

jedi makes an object of its own for each name that it is given, and looks at what the name stands
for: 0.3 ms a name, half a minute for 100,000. It is given the names that it can need, and no object
with more attributes than that; the other names that fit are listed by themselves. So are the
attributes of an object whose own list of them cannot be had, of which jedi lists none.

What an expression stands for, jedi alone may know: it lists the attributes of whatever it found
there through one method of its own, which is given the same few names. IPython makes several
objects of each key of a mapping, and shows 500: it is given those that can be among them.
"""

from __future__ import annotations

import re
import sys
from ast import literal_eval
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from heapq import nsmallest
from inspect import getattr_static
from typing import Any, TypeAlias

from IPython.core import completer
from IPython.core.interactiveshell import InteractiveShell

from assay.kernel.process._import_hooks import after_import
from assay.kernel.process._patches import Kind, patches

__all__ = ["IPCompleter", "give_jedi_few_attributes", "init_completer"]

MANY_NAMES = 1_000
"""From so many names on, jedi is given a part of them: all would take a third of a second."""

GIVEN_NAMES = 300
"""How many of the names that fit are given to jedi, in their order: it tells their types."""

LISTED_NAMES = 10_000
"""How many are listed by themselves."""

GIVEN_KEYS = 2 * completer.MATCHES_LIMIT
"""How many keys, or names of a module, IPython is given: it shows half, in an order of its own."""

WORD = re.compile(r"\w+")
ATTRIBUTE = re.compile(r"((?:\w+\.)*\w+)\s*\.\s*(\w*)\Z")
BEGINNING = re.compile(r"\w*\Z")
AFTER_DOT = re.compile(r"\.\s*\w*\Z")

NOTHING = object()

_Names: TypeAlias = Mapping[str, object] | None
_Key: TypeAlias = str | bytes | int | float


def init_completer(shell: InteractiveShell) -> None:
    """Make the completer of *shell* as IPython does, of our class."""
    its_own = completer.IPCompleter
    completer.IPCompleter = IPCompleter  # it is looked up there
    try:
        InteractiveShell.init_completer(shell)
    finally:
        completer.IPCompleter = its_own


def give_jedi_few_attributes() -> None:
    """Let jedi look at few of an object's 100,000 attributes, once it is imported."""
    after_import("jedi.inference.compiled.value", _replace_values)


class _Matching:
    """One completion, which asks one matcher after the other."""

    def __init__(self) -> None:
        self._is_interrupted = False

    def until_interrupted(self, matcher: Callable[..., Any]) -> Callable[..., Any]:
        """Return *matcher*, which finds nothing once one is interrupted."""
        is_first_version = getattr(matcher, "matcher_api_version", 1) == 1

        @wraps(matcher)
        def match(*args: Any) -> Any:
            try:
                if not self._is_interrupted:
                    return matcher(*args)
            except KeyboardInterrupt:
                self._is_interrupted = True
            return [] if is_first_version else {"completions": []}

        return match


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

    @property
    def matchers(self) -> list[Any]:
        """What finds completions, until an interrupt ends one of them and so all."""
        # IPython would show its traceback, as what fails is shown, and ask the next one.
        return list(map(_Matching().until_interrupted, super().matchers))

    def _jedi_matches(self, cursor_column: int, cursor_line: int, text: str) -> Iterator[Any]:
        code = text[: completer.cursor_to_position(text, cursor_line, cursor_column)]
        found = ATTRIBUTE.search(code)
        if found is not None and (attributes := self._many_attributes(found[1])):
            return _named(attributes, found[2])
        whole = self.namespace, self.global_namespace
        start = _beginning(code)
        rest: set[str] = set()
        for names in whole:
            if names is not None and len(names) > MANY_NAMES and not AFTER_DOT.search(code):
                rest.update(names)
        self.namespace = _needed(self.namespace, code) or {}
        self.global_namespace = _needed(self.global_namespace, code)
        try:
            with _few_attributes(start) as attributes:
                matches = list(super()._jedi_matches(cursor_column, cursor_line, text))
        finally:
            self.namespace, self.global_namespace = whole
        if rest and _wants_names(code):
            attributes |= rest
        matches.extend(_named(attributes - {match.name for match in matches}, start))
        return iter(matches)

    def _get_keys(self, obj: object) -> Any:
        keys = super()._get_keys(obj)
        if not isinstance(keys, Collection) or len(keys) <= MANY_NAMES:
            return keys
        found = completer.DICT_MATCHER_REGEX.search(self.text_until_cursor)
        try:
            before = literal_eval(f"({found[2]})") if found[2] else ()
            return _keys_that_fit(keys, before, _key_test(found[3] or ""))
        except (SyntaxError, ValueError):  # a slice, a sign: IPython knows what it means
            return keys

    def dispatch_custom_completer(self, text: str) -> Any:
        found = super().dispatch_custom_completer(text)  # `from module import`, and others
        return nsmallest(GIVEN_KEYS, found) if found and len(found) > MANY_NAMES else found

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


class _Asked:
    """What a completion asks jedi for, and what jedi was not given."""

    def __init__(self, start: str) -> None:
        self.start = start
        self.left_out: set[str] = set()


_asked: ContextVar[_Asked | None] = ContextVar("asked", default=None)


@contextmanager
def _few_attributes(start: str) -> Iterator[set[str]]:
    """Give jedi few names of an object that has very many; the set gets the others that fit."""
    asked = _Asked(start.lower())
    before = _asked.set(asked)
    try:
        yield asked.left_out
    finally:
        _asked.reset(before)


def _replace_values() -> None:
    # A class that jedi does not document; without it all names are looked at.
    module: Any = sys.modules["jedi.inference.compiled.value"]
    if (of_compiled := getattr(module, "CompiledValueFilter", None)) is not None:
        patches.patch(
            of_compiled,
            "values",
            _with_few,
            kind=Kind.SPEED,
            reason="completion looks at no 100,000 attributes",
        )


def _with_few(values: Callable[[Any], list[Any]]) -> Callable[[Any], list[Any]]:
    def few(self: Any) -> list[Any]:
        if (asked := _asked.get()) is None:
            return values(self)
        access = self.compiled_value.access_handle
        names = {str(name) for name in access.dir()}
        if len(names) <= MANY_NAMES:
            return values(self)
        fitting = {name for name in names if name.lower().startswith(asked.start)}
        given = nsmallest(GIVEN_NAMES, fitting)
        asked.left_out.update(fitting.difference(given))
        found = (self._get(name, access.is_allowed_getattr, names.__contains__) for name in given)
        return [name for of_one in found for name in of_one]

    return few


def _key_test(prefix: str) -> Callable[[_Key], bool]:
    """Return the test whether a key may begin with *prefix*, which may lack its end quote.

    Raises:
        SyntaxError, ValueError: *prefix* is not the beginning of a literal, or of a number that
            may be written otherwise than Python shows the key.
    """
    if quote := re.search("[\"']", prefix):
        start: Any = literal_eval(prefix + quote[0])
        return lambda key: isinstance(key, type(start)) and key.startswith(start)
    if prefix.isdecimal():
        return lambda key: isinstance(key, (int, float)) and str(key).startswith(prefix)
    if prefix:
        raise ValueError(f"{prefix} may begin a number with a sign, or one that is not decimal")
    return lambda _: True


def _keys_that_fit(
    keys: Iterable[object], before: tuple[object, ...], fits: Callable[[_Key], bool]
) -> list[object]:
    """Return those of *keys* which may be shown after the items *before* of a tuple."""
    at = len(before)
    parts: dict[_Key, list[object]] = {}
    for key in keys:
        whole = key if isinstance(key, tuple) else (key,)
        if len(whole) <= at or whole[:at] != before:
            continue
        part = whole[at]
        if isinstance(part, (str, bytes, int, float)) and fits(part):
            parts.setdefault(part, []).append(key)
    return [key for part in nsmallest(GIVEN_KEYS, parts, key=_in_order) for key in parts[part]]


def _in_order(key: _Key) -> tuple[bool, str]:
    text = str(key)
    return text.startswith("_"), text


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
