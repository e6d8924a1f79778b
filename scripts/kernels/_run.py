"""Check one kernel in its workplace and return what is kept of it."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias, cast

from attrs import evolve, frozen
from scripts.kernels._install import InstallError, install, versions
from scripts.kernels._record import Record, record_of
from scripts.kernels._workplace import MARK, ROOT, Workplace, run_within, still_running

__all__ = ["check", "confirmed", "names_to_ask_again", "results_of"]

Report: TypeAlias = dict[str, object]
"""The JSON of ``assay check``."""

START_S = 120.0
"""For the first start, in which some kernels compile themselves."""

SLACK_S = 120.0
"""For the check at hand, once the time for the run is over."""

MOST_COMMAND = 80
"""Characters of the command line of a process that was left running."""


def check(
    place: Workplace,
    *,
    seconds: float,
    jobs: int,
    again: bool,
    selected: str = "",
    known: bool = False,
) -> Record:
    """Install a kernel if need be, check it, and end whatever it leaves behind.

    What failed is asked a second time: a busy machine is no fault of a kernel's.

    Args:
        place: Where.
        seconds: After which no further check is begun.
        jobs: How many of it are asked at the same time.
        again: Install it anew.
        selected: Checks to ask, with commas; none asks all.
        known: Take the report of the last run, and ask only what failed in it.
    """
    entry = place.entry
    record = Record(name=entry.name, group=entry.group, remark=entry.remark, state="not installed")
    try:
        install(place, again=again)
    except InstallError as error:
        return evolve(record, why=_hide(str(error), _places(place)))
    record = evolve(record, versions=versions(place))
    mark = secrets.token_hex(8)
    try:
        ask = Asking(place=place, mark=mark, seconds=seconds, jobs=jobs)
        return _asked(ask, record, selected, known=known)
    finally:
        _end(still_running(mark))


@frozen(kw_only=True)
class Asking:
    """How ``assay check`` is run."""

    place: Workplace
    mark: str
    seconds: float
    jobs: int

    def report(self, selected: str, name: str) -> Report | str:
        """Return the report on *selected* checks, or how it went wrong.

        Args:
            selected: Names of checks, with commas; none asks all.
            name: What the files are called.
        """
        place = self.place
        output, log = place.folder / f"{name}.json", place.folder / f"{name}.log"
        output.unlink(missing_ok=True)
        log.unlink(missing_ok=True)
        env = place.environment(**{MARK: self.mark})
        most = self.seconds + START_S + SLACK_S
        code = run_within(self._command(selected, output), most, env=env, cwd=place.home, log=log)
        if output.exists():
            return read_json(output)
        how = "was stopped" if code is None else f"ended with exit code {code}"
        return f"{how}\n{log.read_text('utf-8', 'replace')[-1_000:]}"

    def _command(self, selected: str, output: Path) -> list[str]:
        entry = self.place.entry
        words = [sys.executable, "-m", "assay", "check", entry.name, "--quiet"]
        words += ["--jobs", str(self.jobs), "--time-limit", f"{self.seconds:g}"]
        words += ["--start-timeout", f"{START_S:g}", "--fail-on", "never", "-o", str(output)]
        words += ["--language", *self.place.filled([entry.language])] if entry.language else []
        return [*words, "--select", selected] if selected else words


def _asked(ask: Asking, record: Record, selected: str, *, known: bool) -> Record:
    kept = ask.place.folder / "report.json"
    report = read_json(kept) if known and kept.exists() else ask.report(selected, "report")
    again = names_to_ask_again(report) if isinstance(report, dict) else ""
    second = ask.report(again, "second") if again else ""
    hide = _places(ask.place)
    left = sorted(set(still_running(ask.mark).values()))
    record = evolve(record, left=tuple(shortened(_hide(one, hide)) for one in left))
    if isinstance(report, str):
        return evolve(record, state="not finished", why=_hide(report, hide))
    if isinstance(second, dict):
        report = confirmed(report, second)
    return record_of(record, report, hide)


def names_to_ask_again(report: Report) -> str:
    """Return the checks that failed; for what was seen in passing, one of those that show it."""
    failed = [one for one in results_of(report) if one["outcome"] == "failed"]
    names = {
        str(one["rerun"]).split("--select ")[1].split()[0] if is_passing(one) else one["check"]
        for one in failed
    }
    return ",".join(sorted(map(str, names)))


def confirmed(report: Report, second: Report) -> Report:
    """Return *report* with what became of its failures when they were asked a second time.

    What was seen in passing, and then not, is left out; what there was no time for stays.
    """
    found = {str(one["check"]): one for one in results_of(second) if not _had_no_time(one)}
    results = [
        found.get(str(one["check"]), one) if one["outcome"] == "failed" else one
        for one in results_of(report)
        if one["outcome"] != "failed" or not is_passing(one) or one["check"] in found
    ]
    return {**report, "results": results}


def shortened(command: str) -> str:
    """Return the beginning of a command line, in one line: enough to know the program by."""
    words = " ".join(command.split())
    return words if len(words) <= MOST_COMMAND else f"{words[: MOST_COMMAND - 1]}…"


def is_passing(one: Mapping[str, object]) -> bool:
    """Return whether a result is about the traffic of all checks."""
    return str(one["check"]).endswith(".0")


def results_of(report: Report) -> list[dict[str, object]]:
    """Return the results in a report."""
    return cast("list[dict[str, object]]", report["results"])


def read_json(path: Path) -> Report:
    """Return the object in a JSON file."""
    return cast("Report", json.loads(path.read_bytes()))


def _had_no_time(one: Mapping[str, object]) -> bool:
    return "had used up its" in str(one["reason"]) or "did not start" in str(one["reason"])


def _end(left: Mapping[int, str]) -> None:
    for number in left:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def _places(place: Workplace) -> dict[str, str]:
    """Return the paths that mean nothing elsewhere, the longer ones first."""
    places = {
        str(place.venv / "lib"): "$VENV/lib",
        str(place.venv): "$VENV",
        str(place.npm): "$NPM",
        str(place.home): "~",
        str(place.folder): "$KERNEL",
        str(ROOT): "$ASSAY",
        sys.prefix: "$PREFIX",
        str(Path.home()): "~",
        tempfile.gettempdir(): "$TMP",
    }
    return dict(sorted(places.items(), key=lambda item: -len(item[0])))


def _hide(text: str, hide: Mapping[str, str]) -> str:
    for path, name in hide.items():
        text = text.replace(path, name)
    return text
