"""Requirements and errata, as in ``requirements.toml`` and ``errata.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Literal

from attrs import fields, frozen

from assay.spec._errors import UnknownNameError
from assay.spec._files import Table, read_toml

__all__ = [
    "Area",
    "Erratum",
    "Requirement",
    "areas",
    "entry",
    "errata",
    "erratum",
    "features",
    "requirement",
    "requirements",
]


@frozen(kw_only=True)
class Area:
    """One part of the protocol."""

    name: str
    """The name of its chapter: ``execute``."""

    prefix: str
    """What the ids of its requirements begin with: ``EXEC``."""

    title: str
    """The heading of its chapter."""


@frozen(kw_only=True)
class Requirement:
    """One obligation of a kernel, client, launcher or package."""

    id: str
    """Never changes its meaning: ``EXEC-20``."""

    level: Literal["MUST", "SHOULD", "MAY", "INFO"]
    """INFO binds no side."""

    basis: Literal["worded", "implied", "jep", "de-facto"]
    """How firmly it stands."""

    binds: Literal["kernel", "client", "both", "launcher", "package"]
    """Who has to obey; ``package`` is that of a kernel."""

    text: str
    """One sentence, in Markdown."""

    judged: bool = True
    """False where it rests on this project's own reading: no other kernel fails by it."""

    source: tuple[str, ...]
    """Sections of the public text, enhancement proposals, or ``practice``."""

    since: str | None = None
    """The version that brought it; None if it is older than the record."""

    deprecated: str | None = None
    """The version that deprecated what it is about."""

    draft: bool = False
    """It belongs to the draft of the next version."""

    optional_feature: str | None = None
    """It binds only who offers this, see `features`."""

    rationale: str | None = None
    """A reason or a remark."""

    divergence: str | None = None
    """How well-known software is seen to differ."""

    see: tuple[str, ...] = ()
    """Ids of errata."""

    test: str | None = None
    """How it can be tested from outside."""

    needs: tuple[Literal["wire", "process", "files", "code", "time"], ...] = ()
    """What the test takes: the sockets, a process of one's own, files, snippets, a clock."""

    verified_by: tuple[str, ...] = ()
    """Checks, vectors and tests of this project: ``check EXEC-20.1``, ``vector …``."""

    untestable: str | None = None
    """Why it cannot be tested."""

    @property
    def prefix(self) -> str:
        """The prefix of its area."""
        return self.id.rpartition("-")[0]

    def binds_a(self, party: str) -> bool:
        """Return whether it binds *party*: what binds both binds the kernel and the client."""
        return self.binds == party or (self.binds == "both" and party in {"kernel", "client"})


@frozen(kw_only=True)
class Erratum:
    """One place where the public text does not settle the matter, and how we read it."""

    id: str
    """Never changes its meaning: ``AMB-06``."""

    topic: str
    """A few words."""

    report_upstream: bool
    """Whether it is worth telling the authors of the protocol."""

    problem: str
    """What the public text says, or does not."""

    practice: str
    """What software is seen to do."""

    reading: str
    """What this project does."""

    why: str
    """The reason for the choice."""

    requirements: tuple[str, ...] = ()
    """Ids of the requirements that it touches."""


def areas() -> tuple[Area, ...]:
    """Return the parts of the protocol, in reading order."""
    return tuple(Area(**_known(Area, one)) for one in _register()["area"])


def features() -> Mapping[str, str]:
    """Return the optional features: their names, and how one sees that a peer offers them."""
    return MappingProxyType(dict(_register()["features"]))


def requirements() -> tuple[Requirement, ...]:
    """Return every requirement, in reading order."""
    return tuple(_requirements().values())


def requirement(id: str) -> Requirement:  # noqa: A002 - what the files call it
    """Return the requirement with this *id*, in capitals or not.

    Raises:
        UnknownNameError: there is none.
    """
    found = _requirements().get(id.upper())
    if found is None:
        raise UnknownNameError("the id of a requirement", id, _requirements())
    return found


def errata() -> tuple[Erratum, ...]:
    """Return every erratum, in the order of their ids."""
    return tuple(_errata().values())


def erratum(id: str) -> Erratum:  # noqa: A002 - as above
    """Return the erratum with this *id*, in capitals or not.

    Raises:
        UnknownNameError: there is none.
    """
    found = _errata().get(id.upper())
    if found is None:
        raise UnknownNameError("the id of an erratum", id, _errata())
    return found


def entry(id: str) -> Requirement | Erratum:  # noqa: A002 - as above
    """Return the requirement or the erratum with this *id*.

    Raises:
        UnknownNameError: there is neither.
    """
    known: dict[str, Requirement | Erratum] = {**_requirements(), **_errata()}
    found = known.get(id.upper())
    if found is None:
        raise UnknownNameError("the id of a requirement or erratum", id, known)
    return found


@cache
def _register() -> Table:
    return read_toml("requirements.toml")


@cache
def _requirements() -> dict[str, Requirement]:
    rows = (Requirement(**_known(Requirement, one)) for one in _register()["requirement"])
    return {one.id: one for one in rows}


@cache
def _errata() -> dict[str, Erratum]:
    rows = (Erratum(**_known(Erratum, one)) for one in read_toml("errata.toml")["ambiguity"])
    return {one.id: one for one in rows}


def _known(cls: type[Area | Erratum | Requirement], row: Table) -> Table:
    """Return the keys of *row* that *cls* has; a later file of this format may have more."""
    names = {field.name for field in fields(cls)}
    frozen_values = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    return {key: value for key, value in frozen_values.items() if key in names}
