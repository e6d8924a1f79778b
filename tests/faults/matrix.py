"""Ask every kernel of the table, keep what was found, and render it as docs/conformance-matrix.md.

``python -m tests.faults.matrix run`` asks what is not known yet: new checks and new rows. What
fails is asked a second time, as patiently as any kernel: a busy machine is no fault. ``confirm``
does that for all that is kept. ``--rows NAME …`` and ``--checks ID …`` ask again; ``--full`` asks
each kernel every check, which takes hours; ``render`` writes the page; ``check`` says whether the
page is what `render` writes.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from zlib import crc32

from assay.conformance import Check, Report, Result, all_checks
from assay.spec import requirements
from tests.faults._table import Row
from tests.faults.exceptions import EITHER
from tests.faults.harness import ask_all, forking, impatient
from tests.faults.rows import find, rows

DOCS = Path(__file__).parents[2] / "docs"
DATA = DOCS / "conformance-matrix.toml"
PAGE = DOCS / "conformance-matrix.md"

SAMPLE = 16
"""One in so many of the checks that have nothing to do with a fault is asked all the same."""

VARIED = 3
"""One in so many of the checks is asked of a variation."""

AT_ONCE = 6

FAILED = "failed"

TRAFFIC = ".0"
"""Ends the ids of findings that are made in the traffic of all checks."""


@dataclass(kw_only=True)
class Matrix:
    """What was found when the kernels were asked."""

    checks: set[str] = field(default_factory=set)
    """The checks that were asked, of each row those that `asked_of` names."""

    fails: dict[str, set[str]] = field(default_factory=dict)
    """The checks that each row failed; a row that is not here was not asked."""

    @classmethod
    def read(cls, path: Path = DATA) -> Matrix:
        """Return what was kept; nothing if there is no file."""
        if not path.is_file():
            return cls()
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        fails = {name: set(checks) for name, checks in table["fails"].items()}
        return cls(checks=set(table["checks"]), fails=fails)

    def write(self, path: Path = DATA) -> None:
        """Keep it."""
        known = {row.name for row in rows()}
        lines = [
            "# Which kernels of tests/faults fail which checks; tests/faults/matrix.py writes it.",
            "",
            *_list("checks", _in_order(self.checks)),
            "",
            "[fails]",
            *(
                line
                for row in rows()
                if row.name in self.fails
                for line in _list(row.name, _in_order(self.fails[row.name]))
            ),
        ]
        assert set(self.fails) <= known
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def add(self, name: str, report: Report) -> None:
        """Take what was found of a row."""
        if report.error and name not in HOPELESS:
            print(f"{name}: {report.error}", flush=True)
        found = self.fails.setdefault(name, set())
        for one in report.results:
            found.discard(one.check)
            wrong = is_found(one) if find(name).kind == "fault" else one.outcome.value == FAILED
            if wrong and one.check not in EITHER.get(name, {}):
                found.add(one.check)

    def drop_unknown(self) -> None:
        """Forget rows and checks that are gone."""
        names, ids = {row.name for row in rows()}, {one.id for one in all_checks()}
        self.checks &= ids
        self.fails = {
            name: {one for one in fails if one in ids or one.endswith(TRAFFIC)}
            for name, fails in self.fails.items()
            if name in names
        }

    def biting(self, check: str) -> list[str]:
        """Return the rows that fail a check."""
        return [row.name for row in rows() if check in self.fails.get(row.name, ())]


def is_found(result: Result) -> bool:
    """Say whether a check has found something: a failure, or what it judges by our own reading.

    What rests on our reading of the text is reported as a note, which says what was expected.
    """
    return result.outcome.value == FAILED or (
        result.outcome.value == "note" and bool(result.expected)
    )


HOPELESS = frozenset(row.name for row in rows() if row.kind == "hopeless")


def _list(key: str, values: Sequence[str]) -> list[str]:
    if len(values) < 4:
        return [f"{key} = [{', '.join(map(_quoted, values))}]"]
    return [f"{key} = [", *(f"    {_quoted(value)}," for value in values), "]"]


def _quoted(text: str) -> str:
    return f'"{text}"'


def _in_order(ids: Iterable[str]) -> list[str]:
    """Sort ids as the register does; number 0 is what the traffic of all checks shows."""
    places = _places()
    return sorted(ids, key=lambda one: (places[rule(one)], int(one.rpartition(".")[2])))


def rule(check: str) -> str:
    """Return the requirement that a check judges."""
    return check.rpartition(".")[0]


@cache
def requirements_of(check: str) -> frozenset[str]:
    """Return all requirements that a check is about."""
    found = {one.id: one.requirements for one in all_checks()}
    return frozenset(found.get(check, (rule(check),)))


@cache
def _places() -> dict[str, int]:
    return {one.id: place for place, one in enumerate(requirements())}


def is_meant(row: Row, check: Check) -> bool:
    """Say whether a check is meant for a fault: it is about a requirement that the fault breaks."""
    return breaks(row, check.id)


def breaks(row: Row, check: str) -> bool:
    """Say the same of the id of a check."""
    return not requirements_of(check).isdisjoint(row.breaks)


def is_near(row: Row, check: Check) -> bool:
    """Say whether a check is about the same chapter as a fault."""
    prefixes = {one.partition("-")[0] for one in row.breaks}
    return check.requirement.prefix in prefixes


def is_sampled(row: Row, check: Check, one_in: int = SAMPLE) -> bool:
    """Say whether a check is asked of a row although it is about something else."""
    return crc32(f"{row.name} {check.id}".encode()) % one_in == 0


def is_cheap(check: Check) -> bool:
    """Say whether a check needs no kernel of its own."""
    return not (check.fresh or check.process or check.slow)


def asked_of(row: Row, checks: Sequence[Check]) -> list[Check]:
    """Return those of *checks* that a row is asked."""
    if row.kind == "variation" and row.name != "good":
        return [one for one in checks if is_cheap(one) and is_sampled(row, one, VARIED)]
    if row.kind != "fault":
        return list(checks)
    return [
        one
        for one in checks
        if is_meant(row, one) or (is_cheap(one) and (is_near(row, one) or is_sampled(row, one)))
    ]


def wanted(
    matrix: Matrix, names: Sequence[str], ids: Sequence[str], *, full: bool
) -> dict[str, list[Check]]:
    """Return which checks each row is to be asked now."""
    made: dict[str, list[Check]] = {}
    for row in rows():
        again = not names and not ids and row.name in matrix.fails
        checks = [
            one
            for one in all_checks()
            if (not ids or _named(one, ids)) and not (again and one.id in matrix.checks)
        ]
        chosen = checks if full else asked_of(row, checks)
        if chosen and (not names or row.name in names):
            made[row.name] = chosen
    return made


def _named(check: Check, ids: Sequence[str]) -> bool:
    return bool({check.id, check.requirement.id, check.requirement.prefix} & set(ids))


def run(names: Sequence[str], ids: Sequence[str], *, full: bool, at_once: int) -> None:
    """Ask, and keep what was found."""
    matrix = Matrix.read()
    matrix.drop_unknown()
    asked = wanted(matrix, names, ids, full=full)
    faults = {name: asked[name] for name in asked if find(name).kind != "variation"}
    varied = {name: asked[name] for name in asked if name not in faults}
    with forking():
        with impatient():
            _keep(matrix, ask_all(faults, at_once=at_once))
        _confirm(matrix, faults, at_once)
        # What is legal must not fail for slowness either, so it is waited for as any kernel is.
        _keep(matrix, ask_all(varied, at_once=at_once))
    if not names:
        matrix.checks |= {one.id for one in all_checks() if not ids or _named(one, ids)}
    matrix.write()
    PAGE.write_text(page(matrix), encoding="utf-8")


def _confirm(matrix: Matrix, asked: Mapping[str, Iterable[Check]], at_once: int) -> None:
    """Ask once more what has failed, and forget what passes."""
    again = {
        name: [one for one in checks if one.id in matrix.fails.get(name, ())]
        for name, checks in asked.items()
    }
    print("once more:", sum(map(len, again.values())), flush=True)
    _keep(matrix, ask_all({name: one for name, one in again.items() if one}, at_once=at_once))


def confirm(names: Sequence[str], at_once: int) -> None:
    """Ask once more what the rows are kept to fail, and write the matrix and the page."""
    matrix = Matrix.read()
    faults = {row.name: all_checks() for row in rows() if row.kind == "fault"}
    chosen = {name: checks for name, checks in faults.items() if not names or name in names}
    with forking():
        _confirm(matrix, chosen, at_once)
    PAGE.write_text(page(matrix), encoding="utf-8")


def _keep(matrix: Matrix, reports: Iterable[tuple[str, Report]]) -> None:
    for name, report in reports:
        before = set(matrix.fails.get(name, ()))
        matrix.add(name, report)
        gone = [f"-{one}" for one in _in_order(before - matrix.fails[name])]
        new = _in_order(matrix.fails[name] - before)
        print(f"{report.seconds:.1f}", name, *new, *gone, flush=True)
        matrix.write()


def page(matrix: Matrix) -> str:
    """Return docs/conformance-matrix.md."""
    return "\n".join(_page(matrix)) + "\n"


def _page(matrix: Matrix) -> Iterator[str]:
    table = rows()
    faults = [row for row in table if row.kind == "fault"]
    yield INTRODUCTION.format(
        faults=len(faults),
        variations=sum(row.kind == "variation" for row in table),
        checks=len(matrix.checks),
    )
    yield "\n## Checks, and the faults that fail them\n"
    yield "| check | says of a good kernel | faults |\n|---|---|---|"
    for check in all_checks():
        if check.id in matrix.checks:
            names = [f"`{name}`" for name in matrix.biting(check.id) if name not in HOPELESS]
            yield f"| {check.id} | {_cell(check.title)} | {' '.join(names) or '-'} |"
    yield "\n## Faults, and the checks that they fail\n"
    yield "What is meant comes first; what stands in brackets fails as a consequence.\n"
    yield "| fault | breaks | what is wrong | fails |\n|---|---|---|---|"
    for row in faults:
        yield _fault_line(row, _in_order(matrix.fails.get(row.name, ())))
    yield "\n## Variations, which fail nothing\n"
    yield "| variation | what is different |\n|---|---|"
    yield from (f"| `{row.name}` | {_cell(row.says)} |" for row in table if row.kind == "variation")
    yield "\n## Kernels that pass nothing\n"
    yield "| kernel | what it does |\n|---|---|"
    yield from (f"| `{row.name}` | {_cell(row.says)} |" for row in table if row.kind == "hopeless")


def _fault_line(row: Row, fails: Sequence[str]) -> str:
    meant = [one for one in fails if breaks(row, one)]
    others = [one for one in fails if not breaks(row, one)]
    shown = " ".join(meant) or "-"
    also = f" ({' '.join(others)})" if others else ""
    return f"| `{row.name}` | {' '.join(row.breaks)} | {_cell(row.says)} | {shown}{also} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


INTRODUCTION = """\
# Which check finds which fault

<!-- Written by `python -m tests.faults.matrix`; the tests compare it. -->

A check that cannot fail says nothing, and one that fails on a good kernel does harm. So there is a
small kernel in `tests/faults` that follows the protocol to the letter in a language of its own, and
{faults} kernels made from it that break one thing each. {variations} variations do what the
protocol leaves open, and three kernels do nothing right. They were asked {checks} checks:

- the good kernel all of them, each variation a third of those that need no kernel of their own:
  nothing may fail;
- each fault those that are meant for it, those of its chapters that need no kernel of their own,
  and a fixed sample of the rest;
- the three hopeless kernels all of them: nothing may pass.

`python -m tests.faults --list` shows the kernels. One of them is asked by

    assay check --language tests/faults/tiny.toml \\
        --cmd -- python -m tests.faults --fault NAME -f {{connection_file}}"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.matrix", description=__doc__)
    parser.add_argument("command", choices=("run", "confirm", "render", "check"))
    parser.add_argument("--rows", nargs="*", default=(), help="only these rows")
    parser.add_argument("--checks", nargs="*", default=(), help="only these checks or chapters")
    parser.add_argument("--full", action="store_true", help="ask each row every check")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="how many kernels at a time")
    options = parser.parse_args(argv)
    if options.command == "run":
        run(options.rows, options.checks, full=options.full, at_once=options.at_once)
        return 0
    if options.command == "confirm":
        confirm(options.rows, options.at_once)
        return 0
    made = page(Matrix.read())
    if options.command == "render":
        PAGE.write_text(made, encoding="utf-8")
        return 0
    return int(made != PAGE.read_text(encoding="utf-8"))


__all__ = ["DATA", "PAGE", "Matrix", "asked_of", "is_meant", "main", "page", "wanted"]

if __name__ == "__main__":
    sys.exit(main())
