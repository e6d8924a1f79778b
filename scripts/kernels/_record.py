"""What is kept of a run: a small JSON file, and the messages that show each failure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

from attrs import asdict, evolve, field, frozen

__all__ = ["Failure", "Note", "Record", "read_record", "record_of", "write_record"]

FORMAT = 1

MOST_MESSAGES = 8
"""So many messages are kept of one failure, the first and the last; the report has all."""

LONG_ID = 8
"""From so many characters on an id stands in no other word."""

MOST_CONTENT = 230
"""Characters of one message."""

MOST_TEXT = 500
"""Characters of what was expected or found."""

HEADER_CHAPTERS = ("HDR", "WIRE", "SIGN")
"""Failures of these are about what else stands in a message than its content."""

STATES = ("checked", "not started", "not installed", "not finished")

T = TypeVar("T")

UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}(_\d+)*")


@frozen(kw_only=True)
class Failure:
    """A check that failed."""

    check: str
    level: str
    title: str
    expected: str
    got: str
    evidence: tuple[str, ...] = ()
    """One message a line."""


@frozen(kw_only=True)
class Note:
    """A check whose result is worth a word."""

    check: str
    level: str
    reason: str
    got: str


@frozen(kw_only=True)
class Record:
    """What was found of one kernel."""

    name: str
    group: str
    state: str
    """One of `STATES`."""

    why: str = ""
    """What was printed, unless it was checked."""

    remark: str = ""
    versions: Mapping[str, str] = field(factory=dict)
    assay: str = ""
    start_s: float = 0.0
    seconds: float = 0.0
    slowest: Mapping[str, float] = field(factory=dict)
    """The checks that took longest, in seconds."""

    left: tuple[str, ...] = ()
    """Processes that ran on after the end, which were ended."""

    info: Mapping[str, object] = field(factory=dict)
    passed: Mapping[str, tuple[str, ...]] = field(factory=dict)
    """Checks by level."""

    skipped: Mapping[str, tuple[str, ...]] = field(factory=dict)
    """Checks by reason."""

    notes: tuple[Note, ...] = ()
    failed: tuple[Failure, ...] = ()

    def failures(self, level: str) -> tuple[Failure, ...]:
        """Return the failures of *level*."""
        return tuple(one for one in self.failed if one.level == level)


def record_of(record: Record, report: Mapping[str, object], hide: Mapping[str, str]) -> Record:
    """Return *record* with what a report says.

    Args:
        record: What is known besides.
        report: The JSON of ``assay check``.
        hide: Paths of this machine, and what to write instead.
    """
    kernel = cast("dict[str, object]", report["kernel"])
    results = cast("list[dict[str, object]]", _hidden(report["results"], hide))
    started = bool(kernel["started"])
    return evolve(
        record,
        state="checked" if started else "not started",
        why=str(_hidden(kernel["error"], hide)),
        assay=str(cast("dict[str, object]", report["tool"])["version"]),
        start_s=float(str(kernel["start_seconds"])),
        seconds=round(float(str(report["seconds"])), 1),
        info=_about(cast("dict[str, object]", kernel["info"])),
        **(_judgements(results) if started else {}),  # type: ignore[arg-type]  # names of fields
    )


def _judgements(results: Sequence[Mapping[str, object]]) -> dict[str, object]:
    passed: dict[str, list[str]] = {}
    skipped: dict[str, list[str]] = {}
    for one in results:
        if one["outcome"] == "passed":
            passed.setdefault(str(one["level"]), []).append(str(one["check"]))
        elif one["outcome"] == "skipped":
            skipped.setdefault(str(one["reason"]), []).append(str(one["check"]))
    slowest = sorted(results, key=lambda one: -float(str(one["seconds"])))[:5]
    return {
        "passed": {level: tuple(found) for level, found in passed.items()},
        "skipped": {reason: tuple(found) for reason, found in sorted(skipped.items())},
        "notes": tuple(_note(one) for one in results if one["outcome"] == "note"),
        "failed": tuple(_failure(one) for one in results if one["outcome"] == "failed"),
        "slowest": {str(one["check"]): round(float(str(one["seconds"])), 1) for one in slowest},
    }


def _note(one: Mapping[str, object]) -> Note:
    return Note(
        check=str(one["check"]),
        level=str(one["level"]),
        reason=_short(str(one["reason"]), MOST_TEXT),
        got=_short(str(one["got"]), MOST_TEXT),
    )


def _failure(one: Mapping[str, object]) -> Failure:
    check = str(one["check"])
    evidence = cast("list[Mapping[str, object]]", one["evidence"])
    return Failure(
        check=check,
        level=str(one["level"]),
        title=str(one["title"]),
        expected=_short(str(one["expected"]), MOST_TEXT),
        got=_short(str(one["got"]), MOST_TEXT),
        evidence=tuple(_lines(evidence, headers=check.startswith(HEADER_CHAPTERS))),
    )


def _about(info: Mapping[str, object]) -> dict[str, object]:
    about = info.get("language_info")
    language = about if isinstance(about, dict) else {}
    keys = ("implementation", "implementation_version", "protocol_version", "supported_features")
    return {
        **{key: info[key] for key in keys if key in info},
        "language": language.get("name"),
        "language_version": language.get("version"),
    }


# Messages


def _lines(evidence: Sequence[Mapping[str, object]], *, headers: bool) -> list[str]:
    """Return one line for each message; ids are numbered in the order in which they come."""
    names: dict[str, str] = {}
    lines = [_line(one, names, headers=headers) for one in evidence]
    if len(lines) <= MOST_MESSAGES:
        return lines
    half = MOST_MESSAGES // 2
    return [*lines[:half], f"… {len(lines) - MOST_MESSAGES} messages …", *lines[-half:]]


def _line(one: Mapping[str, object], names: dict[str, str], *, headers: bool) -> str:
    header = cast("Mapping[str, object]", one["header"])
    parent = cast("Mapping[str, object]", one["parent_header"])
    arrow = "→" if one["sender"] == "client" else "←"
    own, of = (_alias(part.get("msg_id"), names) for part in (header, parent))
    words = [f"{arrow} {one['channel']}", str(header.get("msg_type", "?")), own]
    words += [f"of {of}"] if of else []
    words.append(_text(one["content"], names))
    if headers:
        words.append(f"header {_text(header, names)}")
        words.append(f"parent {_text(parent, names)}" if parent else "no parent")
    words += [f"metadata {_text(one['metadata'], names)}"] if one["metadata"] else []
    words += [f"[{fault}]" for fault in cast("list[str]", one["faults"])]
    return " ".join(word for word in words if word)


def _alias(value: object, names: dict[str, str]) -> str:
    if not isinstance(value, str) or not value:
        return ""
    return names.setdefault(value, f"m{len(names) + 1}")


def _text(value: object, names: Mapping[str, str]) -> str:
    text = json.dumps(value, ensure_ascii=False)
    for name, alias in names.items():
        # An id as short as a letter stands in words that have nothing to do with it.
        word = name if len(name) >= LONG_ID else f'"{name}"'
        text = text.replace(word, word.replace(name, alias))
    return _short(UUID.sub("…", text), MOST_CONTENT)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _hidden(value: object, hide: Mapping[str, str]) -> object:
    """Return *value* without paths of this machine."""
    text = json.dumps(value, ensure_ascii=False)
    for path, name in hide.items():
        text = text.replace(path, name)
    found: object = json.loads(text)
    return found


# Files


def write_record(record: Record, folder: Path) -> None:
    """Write *record* into *folder*, without its evidence, which stands in the page."""
    bare = [evolve(one, evidence=()) for one in record.failed]
    table = {"format": FORMAT, **asdict(evolve(record, failed=tuple(bare)))}
    for failure in cast("list[dict[str, object]]", table["failed"]):
        del failure["evidence"]
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(table, indent=1, ensure_ascii=False)
    (folder / f"{record.name}.json").write_text(f"{text}\n", encoding="utf-8")


def read_record(path: Path) -> Record:
    """Return what `write_record` wrote."""
    table = json.loads(path.read_text("utf-8"))
    assert table.pop("format") == FORMAT, f"{path}: wanted format {FORMAT}"
    for key in ("passed", "skipped"):
        table[key] = {name: tuple(found) for name, found in table[key].items()}
    table["left"] = tuple(table["left"])
    table["notes"] = tuple(_made(Note, table["notes"]))
    table["failed"] = tuple(_made(Failure, table["failed"]))
    return Record(**table)


def _made(kind: type[T], tables: Iterable[Mapping[str, object]]) -> Iterable[T]:
    return (kind(**table) for table in tables)
