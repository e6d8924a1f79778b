"""A report as JSON, by spec/check-report.schema.json, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from assay.conformance._exhibit import Exhibit
from assay.conformance._outcome import Verdict
from assay.conformance._profile import Profile
from assay.conformance._report._counts import tool_version
from assay.conformance._result import Report, Result
from assay.protocol import AssayError, Channel, Sender

__all__ = ["FORMAT", "ReportError", "json_report", "read_report"]

FORMAT = 1


class ReportError(AssayError):
    """A file is no report of ``assay check --format json``."""


def json_report(report: Report) -> str:
    """Return *report* as JSON."""
    table = {
        "format": FORMAT,
        "tool": {"name": "assay", "version": tool_version()},
        "profile": str(report.profile),
        "kernel": {
            "name": report.kernel,
            "started": not report.error,
            "existing": report.existing,
            "error": report.error,
            "start_seconds": round(report.start_s, 3),
            "info": report.info,
        },
        "seconds": round(report.seconds, 3),
        "unasked": report.unasked,
        "ignored": list(report.ignored),
        "counts": {str(one): len(report.with_outcome(one)) for one in Verdict},
        "results": [_result(one) for one in report.results],
    }
    return json.dumps(table, indent=1, ensure_ascii=True, default=str) + "\n"


def _result(one: Result) -> dict[str, object]:
    return {
        "check": one.check,
        "requirements": list(one.requirements),
        "level": one.level,
        "title": one.title,
        "outcome": str(one.outcome),
        "expected": one.expected,
        "got": one.got,
        "reason": one.reason,
        "accepted": one.accepted,
        "mistake": one.mistake,
        "rerun": one.rerun,
        "seconds": round(one.seconds, 3),
        "evidence": [_exhibit(shown) for shown in one.evidence],
    }


def _exhibit(one: Exhibit) -> dict[str, object]:
    return {
        "index": one.index,
        "sender": str(one.sender),
        "channel": str(one.channel),
        "client": one.client,
        "identities": list(one.identities),
        "frames": one.frames,
        "header": one.header,
        "parent_header": one.parent_header,
        "metadata": one.metadata,
        "content": one.content,
        "faults": list(one.faults),
    }


def read_report(text: str, name: str) -> Report:
    """Return the report in a JSON text.

    Args:
        text: What `json_report` made.
        name: The file, for errors.

    Raises:
        ReportError: it is something else.
    """
    try:
        table = json.loads(text)
        if table["format"] != FORMAT:
            raise ReportError(f"{name}: wanted format {FORMAT}, found {table['format']!r}")
        kernel = table["kernel"]
        return Report(
            kernel=kernel["name"],
            info=kernel["info"],
            error=kernel["error"],
            existing=kernel.get("existing", False),
            unasked=table.get("unasked", 0),
            ignored=tuple(table.get("ignored", ())),
            start_s=kernel["start_seconds"],
            profile=Profile(table["profile"]),
            seconds=table["seconds"],
            results=tuple(_read_result(one) for one in table["results"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = f"{type(error).__name__}: {error}"
        raise ReportError(f"{name}: wanted a report of `assay check`: {what}") from error


def _read_result(one: Mapping[str, object]) -> Result:
    evidence = cast("list[Mapping[str, object]]", one["evidence"])
    texts = {
        key: str(one[key])
        for key in ("check", "level", "title", "expected", "got", "reason", "accepted", "mistake")
    }
    return Result(
        **texts,
        requirements=tuple(cast("list[str]", one["requirements"])),
        outcome=Verdict(str(one["outcome"])),
        rerun=str(one["rerun"]),
        seconds=float(str(one["seconds"])),
        evidence=tuple(_read_exhibit(shown) for shown in evidence),
    )


def _read_exhibit(one: Mapping[str, object]) -> Exhibit:
    parts = {
        key: cast("Mapping[str, object]", one[key])
        for key in ("header", "parent_header", "metadata", "content")
    }
    return Exhibit(
        index=int(str(one["index"])),
        sender=Sender(str(one["sender"])),
        channel=Channel(str(one["channel"])),
        client=str(one["client"]),
        identities=tuple(cast("list[str]", one["identities"])),
        frames=int(str(one["frames"])),
        faults=tuple(cast("list[str]", one["faults"])),
        header=parts["header"],
        parent_header=parts["parent_header"],
        metadata=parts["metadata"],
        content=parts["content"],
    )
