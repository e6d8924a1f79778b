"""Which words of a command line IPython's application knows.

The application ends the process at a flag that it does not know, takes others in silence, and warns
of some several times over. A kernel goes on, and says once what it did not understand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from attrs import frozen
from traitlets import TraitType
from traitlets.config import Configurable

__all__ = ["SortedOptions", "sort_options", "traits_by_class"]

LATE_CLASSES = frozenset({"InlineBackend", "IPCompleter", "HistoryManager"})
"""Classes that people configure, and that are not imported before they are used."""

HELP = frozenset({"-h", "--help", "--help-all", "-V", "--version"})


@frozen(kw_only=True)
class SortedOptions:
    """The words of a command line, told apart."""

    known: tuple[str, ...]
    """What the application may read."""

    unknown: tuple[str, ...]
    """The names of the other options and operands; no values, which may be secrets."""

    lacking: tuple[str, ...]
    """The names of options that take a value, and have none."""


def sort_options(
    words: Collection[str], aliases: Mapping[str, object], flags: Mapping[str, object]
) -> SortedOptions:
    """Return *words* told apart.

    Args:
        words: The command line.
        aliases: Names, without dashes, of options that take a value.
        flags: Names of options that take none; a name may be both.
    """
    traits = traits_by_class()
    known: list[str] = []
    unknown: list[str] = []
    lacking: list[str] = []
    for option, group in _options(words):
        name = option.lstrip("-")
        is_option = option != name != ""
        if option in HELP or (is_option and _is_known(name, group, aliases, flags, traits)):
            known += group
        elif (
            is_option and len(group) == 1 and _is_known(name, (f"{option}=",), aliases, {}, traits)
        ):
            lacking.append(option)
        else:
            unknown.append(option)
    return SortedOptions(known=tuple(known), unknown=tuple(unknown), lacking=tuple(lacking))


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
