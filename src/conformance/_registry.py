"""Which checks there are."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from assay.conformance import checks as package
from assay.conformance._check import Check
from assay.protocol import AssayError
from assay.spec import areas, requirements

__all__ = ["SelectionError", "all_checks", "select"]


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

    Args:
        chosen: Ids of checks or requirements, prefixes or chapters: ``SHELL-04.1``, ``SHELL-04``,
            ``SHELL``, ``shell``; none chooses all.
        ignored: The same.

    Raises:
        SelectionError: nothing has one of these names.
    """
    wanted = [_named(name) for name in chosen]
    unwanted = [_named(name) for name in ignored]
    return tuple(
        one
        for one in all_checks()
        if (not wanted or any(one.id in ids for ids in wanted))
        and not any(one.id in ids for ids in unwanted)
    )


def _named(name: str) -> frozenset[str]:
    prefixes = {area.name.upper(): area.prefix for area in areas()}
    wanted = prefixes.get(name.upper(), name.upper())
    found = frozenset(
        one.id
        for one in all_checks()
        if wanted in {one.id, one.requirement.id, one.requirement.prefix}
    )
    known = {one.id for one in requirements()} | set(prefixes.values())
    if not found and wanted not in known:
        raise SelectionError(
            f"wanted a check, a requirement, a prefix or a chapter, found {name!r}; "
            f"`assay check --list` lists them"
        )
    return found
