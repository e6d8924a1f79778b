"""Which checks there are."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from assay._nearest import did_you_mean
from assay.conformance import checks as package
from assay.conformance._check import Check
from assay.protocol import AssayError
from assay.spec import areas, requirements

__all__ = ["TRAFFIC", "SelectionError", "all_checks", "result_ids", "rules_named", "select"]

TRAFFIC = ".0"
"""Ends the name of what was seen in passing: in the traffic of all checks."""


class SelectionError(AssayError):
    """Nothing has this id, prefix or chapter."""


@cache
def all_checks() -> tuple[Check, ...]:
    """Return every check, in the order of the requirements in the register."""
    found: dict[str, Check] = {}
    for module in iter_modules(package.__path__, f"{package.__name__}."):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, Check):
                assert found.setdefault(value.id, value) is value, f"two checks are {value.id}"
    places = {one.id: place for place, one in enumerate(requirements())}
    return tuple(sorted(found.values(), key=lambda one: (places[one.requirement.id], one.number)))


def select(chosen: Iterable[str] = (), ignored: Iterable[str] = ()) -> tuple[Check, ...]:
    """Return the checks that *chosen* names and *ignored* does not.

    A requirement's checks are those that judge it. Where none does, who chooses it means those that
    judge another one and are about it as well; who ignores it does not: the other one is asked.

    Args:
        chosen: Ids of checks or requirements, prefixes or chapters: ``SHELL-04.1``, ``SHELL-04``,
            ``SHELL``, ``shell``; none chooses all. ``SHELL-04.0`` is a name too, and no check: it
            is what `Options.ignored` leaves out.
        ignored: The same.

    Raises:
        SelectionError: nothing has one of these names.
    """
    wanted = [_named(name) or _checks_about(name) for name in chosen]
    unwanted = [_named(name) for name in ignored]
    return tuple(
        one
        for one in all_checks()
        if (not wanted or any(one.id in ids for ids in wanted))
        and not any(one.id in ids for ids in unwanted)
    )


@cache
def result_ids() -> frozenset[str]:
    """Return the id of every result there may be: of each check, and of what is seen in passing."""
    return frozenset(
        (*(one.id for one in all_checks()), *(one.id + TRAFFIC for one in requirements()))
    )


def rules_named(names: Iterable[str]) -> frozenset[str]:
    """Return the ids of the requirements that *names* mean as a whole, as `select` reads them.

    Args:
        names: ``SHELL-04``, ``SHELL-04.0``, ``SHELL`` or ``shell``; that of a check means none.
    """
    wanted = {_wanted(name).removesuffix(TRAFFIC) for name in names}
    return frozenset(one.id for one in requirements() if wanted & {one.id, one.prefix})


def _wanted(name: str) -> str:
    prefixes = {area.name.upper(): area.prefix for area in areas()}
    return prefixes.get(name.upper(), name.upper())


def _named(name: str) -> frozenset[str]:
    wanted = _wanted(name)
    found = frozenset(
        one.id
        for one in all_checks()
        if wanted in {one.id, one.requirement.id, one.requirement.prefix}
    )
    if not found and not rules_named([name]):
        raise SelectionError(
            f"wanted a check, a requirement, a prefix or a chapter, found {name!r}; "
            f"`assay check --list` lists them{did_you_mean(name, _names())}"
        )
    return found


def _names() -> Iterable[str]:
    yield from (one.id for one in all_checks())
    yield from (one.id for one in requirements())
    for area in areas():
        yield from (area.prefix, area.name)


def _checks_about(name: str) -> frozenset[str]:
    """Return the checks of another requirement that are about that of this *name* as well."""
    wanted = _wanted(name)
    return frozenset(one.id for one in all_checks() if wanted in one.also)
