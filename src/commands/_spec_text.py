"""The specification as text for people, and as JSON for programs."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import click

from assay import spec
from assay.commands._exit import Exit
from assay.protocol import PROTOCOL_VERSION

__all__ = ["list_entries", "list_vectors", "print_schema", "search", "show"]

MAX_WIDTH = 100
"""Lines longer than this are hard to read, however wide the terminal."""

INDENT = 15
"""Where the text of a field begins; the longest label is shorter."""

ERRATA_PREFIX = "AMB"

BASES = {
    "worded": "stated in the public text",
    "implied": "follows from the public text",
    "de-facto": "stated nowhere, relied upon in practice",
    "jep": "stated only in an enhancement proposal",
}
BOUND = {
    "kernel": "the kernel",
    "client": "the client",
    "both": "kernel and client",
    "launcher": "the launcher",
    "package": "the package of a kernel",
}

Row = tuple[str, ...]


def list_entries(*, area: str | None, level: str | None, binds: str | None, as_json: bool) -> int:
    """List requirements, or the errata if they are the *area*."""
    if area is not None and area.upper() == ERRATA_PREFIX:
        if level or binds:
            raise click.UsageError("errata have no level and bind no side")
        _list(spec.errata(), [(one.id, one.topic) for one in spec.errata()], as_json=as_json)
        return Exit.OK
    prefix = None if area is None else _prefix(area)
    chosen = [
        one
        for one in spec.requirements()
        if (prefix is None or one.prefix == prefix)
        and (level is None or one.level == level.upper())
        and (binds is None or one.binds_a(binds))
    ]
    rows = [(one.id, one.level, one.binds, one.text) for one in chosen]
    _list(chosen, rows, as_json=as_json)
    return Exit.OK


def _prefix(area: str) -> str:
    known = {one.name: one.prefix for one in spec.areas()}
    by_any = {**known, **{prefix: prefix for prefix in known.values()}}
    found = by_any.get(area.upper()) or by_any.get(area.lower())
    if found is None:
        prefixes = [*known.values(), ERRATA_PREFIX]
        raise spec.UnknownNameError("an area", area, [*prefixes, *known], listed=prefixes)
    return found


def show(ids: Sequence[str], *, as_json: bool) -> int:
    """Explain each of the *ids*; nothing is shown unless all exist."""
    found = [_find(one) for one in ids]
    if as_json:
        _print_json([_plain(one) for one in found] if len(found) > 1 else _plain(found[0]))
        return Exit.OK
    for number, one in enumerate(found):
        if number:
            click.echo()
        match one:
            case spec.Requirement():
                _show_requirement(one)
            case spec.Erratum():
                _show_erratum(one)
            case spec.Vector():
                _print_json(one.data)
    return Exit.OK


def _find(id: str) -> spec.Requirement | spec.Erratum | spec.Vector:  # noqa: A002 - as in spec
    named: Iterator[spec.Requirement | spec.Erratum | spec.Vector] = iter(
        (*spec.requirements(), *spec.errata(), *_vectors())
    )
    known = {one.id: one for one in named}
    found = known.get(id.upper())
    if found is None:
        raise spec.UnknownNameError("the id of a requirement, erratum or vector", id, known)
    return found


def _vectors() -> Iterator[spec.Vector]:
    return (one for file in spec.vectors() for one in file.vectors)


def _show_requirement(one: spec.Requirement) -> None:
    marks = [one.level, f"binds {BOUND[one.binds]}", BASES[one.basis]]
    if one.since:
        marks.append(f"since {one.since}")
    if one.deprecated:
        marks.append(f"deprecated since {one.deprecated}")
    if one.draft:
        marks.append("draft")
    _title(one.id, ", ".join(marks))
    _paragraph(one.text)
    click.echo()
    _field("source", "; ".join(one.source))
    if one.optional_feature:
        sign = spec.features()[one.optional_feature]
        _field("only with", f"{one.optional_feature}: {sign}")
    _field("test", one.test)
    _field("it needs", ", ".join(one.needs))
    _field("verified by", ", ".join(one.verified_by))
    _field("untestable", one.untestable)
    if not one.judged:
        _field(
            "judged",
            "no kernel: no document says it, it is our reading, or another page differs",
        )
    _field("remark", one.rationale)
    _field("elsewhere", one.divergence)
    for id in one.see:  # noqa: A001 - as in spec
        erratum = spec.erratum(id)
        _field(id, f"{erratum.topic}. {erratum.reading}")


def _show_erratum(one: spec.Erratum) -> None:
    _title(one.id, one.topic)
    _field("problem", one.problem)
    _field("practice", one.practice)
    _field("reading", one.reading)
    _field("why", one.why)
    for id in one.requirements:  # noqa: A001 - as in spec
        _field(id, spec.requirement(id).text)


def print_schema(
    name: str | None, *, version: str | None, lenient: bool, as_json: bool = False
) -> int:
    """Print one schema, which is JSON anyway, or the names there are."""
    version = version or PROTOCOL_VERSION
    if name is None:
        names = spec.schema_names(version)
        if as_json:
            _print_json(list(names))
        else:
            click.echo("\n".join(names))
        return Exit.OK
    found = spec.schema(name, version, "lenient" if lenient else "strict")
    _print_json(found.document)
    return Exit.OK


def list_vectors(subject: str | None, *, as_json: bool) -> int:
    """List the vectors on one subject, or the subjects."""
    files = {file.subject: file for file in spec.vectors()}
    if subject is None:
        rows = [(one.subject, str(len(one.vectors)), one.title) for one in files.values()]
        subjects = [{"subject": s, "vectors": int(n), "title": title} for s, n, title in rows]
        if as_json:
            _print_json(subjects)
        else:
            _print_table(rows)
        return Exit.OK
    if subject not in files:
        raise spec.UnknownNameError("a subject of vectors", subject, files)
    chosen = files[subject].vectors
    _list(chosen, [(one.id, one.reason) for one in chosen], as_json=as_json)
    return Exit.OK


def search(words: Sequence[str], *, as_json: bool) -> bool:
    """List everything that holds all the *words*; return whether there is anything."""
    wanted = [word.casefold() for word in words]
    found = [row for row, text in _everything() if all(word in text.casefold() for word in wanted)]
    if as_json:
        _print_json([{"kind": kind, "id": name, "text": text} for kind, name, text in found])
    elif found:
        _print_table([(name, text) for _, name, text in found])
    else:
        click.echo(f"assay: nothing holds {' and '.join(words)}", err=True)
    return bool(found)


def _everything() -> Iterator[tuple[tuple[str, str, str], str]]:
    """Give each thing as kind, name and line, with the text in which words are looked for."""
    for requirement in spec.requirements():
        yield ("requirement", requirement.id, requirement.text), _text(requirement)
    for erratum in spec.errata():
        yield ("erratum", erratum.id, erratum.topic), _text(erratum)
    for name in spec.schema_names():
        document = spec.schema(name).document
        line = str(document["description"])
        defs: Any = document.get("$defs", {})
        # A whole message holds the schemas of all contents, which are found by their own names.
        own = [part for part in defs.values() if "$id" not in part]
        text = json.dumps([name, line, document.get("properties"), own])
        yield ("schema", name, line), text
    for vector in _vectors():
        yield (
            ("vector", vector.id, vector.reason),
            " ".join((vector.id, vector.reason, *vector.requirements)),
        )


def _text(value: spec.Requirement | spec.Erratum) -> str:
    return "\n".join(str(item) for item in attrs.astuple(value) if item)


# Printing.


def _plain(one: spec.Requirement | spec.Erratum | spec.Vector) -> object:
    return one.data if isinstance(one, spec.Vector) else attrs.asdict(one)


def _list(
    values: Iterable[spec.Requirement | spec.Erratum | spec.Vector],
    rows: Sequence[Row],
    *,
    as_json: bool,
) -> None:
    if as_json:
        _print_json([_plain(value) for value in values])
    elif rows:
        _print_table(rows)
    else:
        click.echo("assay: nothing is like that", err=True)


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, default=_unfrozen))


def _unfrozen(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"wanted JSON, found {type(value).__name__}")


def _print_table(rows: Sequence[Row]) -> None:
    """Print *rows* in columns: the last wraps on a terminal, and is one line for other programs."""
    *widths, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    start = sum(widths) + 2 * len(widths)
    for row in rows:
        head = "".join(f"{cell:{width}}  " for cell, width in zip(row, widths, strict=False))
        if sys.stdout.isatty():
            click.echo(head + _wrapped(row[-1], start))
        else:
            click.echo(head + row[-1])


def _title(id: str, text: str) -> None:  # noqa: A002 - as in spec
    click.echo(f"{click.style(id, bold=True)}  {text}")
    click.echo()


def _paragraph(text: str) -> None:
    click.echo(_wrapped(text, 0))


def _field(label: str, text: str | None) -> None:
    if text:
        click.echo(f"{label:{INDENT}}{_wrapped(text, INDENT)}")


def _wrapped(text: str, indent: int) -> str:
    width = min(shutil.get_terminal_size((MAX_WIDTH, 0)).columns, MAX_WIDTH)
    room = max(width - indent, 20)
    lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
    return f"\n{' ' * indent}".join(lines)
