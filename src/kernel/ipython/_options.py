"""Which words of a command line IPython's application knows.

The application ends the process at a flag that it does not know, takes others in silence, and warns
of some several times over. A kernel goes on, and says once what it did not understand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from importlib import import_module

from traitlets import Container, Dict, TraitType
from traitlets.config import Configurable

from assay._fields import Fields

__all__ = ["SortedOptions", "sort_options", "traits_by_class"]

LATE_CLASSES = {
    "InlineBackend": "matplotlib_inline.config",
    "IPCompleter": "IPython.core.completer",
    "HistoryManager": "IPython.core.history",
}
"""Classes that people configure, and that are not imported before they are used, and where."""

HELP = frozenset({"-h", "--help", "--help-all", "-V", "--version"})


class SortedOptions(Fields):
    """The words of a command line, by kind."""

    known: tuple[str, ...]
    """What the application may read."""

    unknown: tuple[str, ...]
    """The names of the other options; no values, which may be secrets."""

    operands: tuple[str, ...]
    """What is no option, and no value of one."""

    lacking: tuple[str, ...]
    """The names of options that take a value, and have none."""

    repeated: tuple[str, ...]
    """The names of options that stand there more than once; the last one is among `known`."""


def sort_options(
    words: Collection[str], aliases: Mapping[str, object], flags: Mapping[str, object]
) -> SortedOptions:
    """Return *words* by kind.

    Args:
        words: The command line.
        aliases: Names, without dashes, of options that take a value.
        flags: Names of options that take none; a name may be both.
    """
    traits = traits_by_class()
    known: list[tuple[str, ...]] = []
    unknown: list[str] = []
    operands: list[str] = []
    lacking: list[str] = []
    for option, group in _options(words):
        name = option.lstrip("-")
        is_option = option != name != ""
        if option in HELP or (is_option and _is_known(name, group, aliases, flags, traits)):
            known.append(group)
        elif (
            is_option and len(group) == 1 and _is_known(name, (f"{option}=",), aliases, {}, traits)
        ):
            lacking.append(option)
        else:
            (unknown if is_option else operands).append(option)
    last, repeated = _last_ones(known, aliases)
    return SortedOptions(
        known=tuple(word for group in last for word in group),
        unknown=tuple(unknown),
        operands=tuple(operands),
        lacking=tuple(lacking),
        repeated=tuple(repeated),
    )


def _last_ones(
    groups: list[tuple[str, ...]], aliases: Mapping[str, object]
) -> tuple[list[tuple[str, ...]], dict[str, None]]:
    """Return *groups* with the last of each option alone, and the names of those left out.

    The application ends the process where a trait has two values. Lists have any number of them.
    """
    kept: list[tuple[str, ...]] = []
    repeated: dict[str, None] = {}
    seen: set[str] = set()
    for group in reversed(groups):
        option, equals, _ = group[0].partition("=")
        name = option.lstrip("-")
        what = str(aliases.get(name, name))
        if not equals and len(group) == 1:  # a flag
            kept.append(group)
        elif what not in seen or _takes_many(what):
            kept.append(group)
            seen.add(what)
        else:
            repeated[option] = None
    return kept[::-1], repeated


def _takes_many(name: str) -> bool:
    """Return True for a trait, named with its class, that collects what it is given."""
    owner, _, trait = name.rpartition(".")
    if owner in LATE_CLASSES:
        with suppress(ImportError):  # where matplotlib is not installed, no option of it matters
            import_module(LATE_CLASSES[owner])
    return isinstance(traits_by_class().get(owner, {}).get(trait), Container | Dict)


def _options(words: Collection[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give each option with the words that belong to it; what stands alone is an operand."""
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        option, equals, _ = word.partition("=")
        if word == "--":
            yield from ((operand, (operand,)) for operand in waiting)
            return
        follows = waiting and not waiting[0].startswith("-")
        if word.startswith("-") and not equals and follows:
            yield option, (word, waiting.pop(0))
        else:
            yield (option if word.startswith("-") else word), (word,)


def _is_known(
    name: str,
    group: tuple[str, ...],
    aliases: Mapping[str, object],
    flags: Mapping[str, object],
    traits: Mapping[str, Mapping[str, object]],
) -> bool:
    has_value = len(group) > 1 or "=" in group[0]
    owner, dot, trait = name.rpartition(".")
    if dot:
        return has_value and (owner in LATE_CLASSES or trait in traits.get(owner, ()))
    return name in aliases if has_value else name in flags


def traits_by_class() -> Mapping[str, Mapping[str, TraitType[object, object]]]:
    """Return the configurable traits of every class that is imported, by its name.

    A section of a class holds for the classes that inherit from it as well, and so may name a trait
    that one of those brings.
    """
    found: dict[str, dict[str, TraitType[object, object]]] = {}
    waiting: list[type[Configurable]] = [Configurable]
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        traits = cls.class_traits(config=True)
        for base in cls.__mro__:
            if issubclass(base, Configurable):
                found.setdefault(base.__name__, {}).update(traits)
    return found
