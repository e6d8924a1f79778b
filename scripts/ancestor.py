"""Write docs/ancestor.md: what the ancestor did, and which tests show what becomes of it here.

    python scripts/ancestor.py           # write
    python scripts/ancestor.py --check   # fail if the page says something else, or a test is gone
    pytest $(python scripts/ancestor.py --tests)   # run what the page names

docs/ancestor.toml holds the rows. A test is named by its file and function,
``test_file.py::test_x``, with class or folder where two would have that name. In which folder the
file is, is found.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "docs" / "ancestor.toml"
PAGE = ROOT / "docs" / "ancestor.md"

ROWS = range(1, 269)
"""The numbers of the rows: none may be missing."""

FATES = {
    "kept": "as it was",
    "changed": "the same purpose in another form",
    "opposite": "it was a fault: here is the contrary",
    "old clients": "today's form, and a translation for clients of that time",
    "engines": "for engines of a parallel cluster",
    "replaced": "not built: something else is in its place",
    "launchers": "the other end's: what ours does",
}

TEST = re.compile(
    r"^class (Test\w*)|^( {4})?(?:async )?def (test_\w+)",
    re.MULTILINE,
)
"""A class of tests, or a test, perhaps in the class before it."""

Row = dict[str, Any]


def main() -> None:
    """Do what the command line says."""
    text = SOURCE.read_text("utf-8")
    chapters = tomllib.loads(text)["chapter"]
    tests = Tests()
    faults = [*faults_of([row for chapter in chapters for row in chapter["rows"]], tests)]
    if faults:
        sys.exit("\n".join(f"{SOURCE.relative_to(ROOT)}: {fault}" for fault in faults))
    if "--tests" in sys.argv[1:]:
        named = (name for chapter in chapters for row in chapter["rows"] for name in row["tests"])
        print(*dict.fromkeys(tests.found(name)[0] for name in named), sep="\n")
        return
    page = drawn(chapters, tests)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page, "utf-8")
    elif not PAGE.exists() or PAGE.read_text("utf-8") != page:
        name = PAGE.relative_to(ROOT)
        sys.exit(f"{name}: it is not what it would be: run python scripts/ancestor.py")


class Tests:
    """The tests of the project, by their names; none is imported."""

    def __init__(self) -> None:
        self._ids: dict[str, list[str]] = {}
        for path in sorted((ROOT / "tests").rglob("test_*.py")):
            place = path.relative_to(ROOT).as_posix()
            for id_ in ids_in(path.read_text("utf-8"), place):
                self._ids.setdefault(id_.rpartition("::")[2], []).append(id_)

    def found(self, name: str) -> list[str]:
        """Return the ids of the tests that *name* may mean."""
        ends = re.compile(rf"(?:^|/|::){re.escape(name)}$")
        of_name = self._ids.get(name.rpartition("::")[2], [])
        return [id_ for id_ in of_name if ends.search(id_) or is_in(id_, name)]


def is_in(id_: str, name: str) -> bool:
    """Return whether *name* is the file and function of *id_*, without its class."""
    file, _, function = name.partition("::")
    return id_.partition("::")[0].endswith(f"/{file}") and id_.endswith(f"::{function}")


def ids_in(text: str, place: str) -> Iterator[str]:
    """Yield the ids of the tests in *text*, as pytest writes them."""
    of_class = ""
    for name, indent, function in TEST.findall(text):
        if name:
            of_class = f"::{name}"
        else:
            yield f"{place}{of_class if indent else ''}::{function}"


def faults_of(rows: list[Row], tests: Tests) -> Iterator[str]:
    """Yield what is wrong with the rows."""
    numbers = [int(row["id"].removeprefix("S-")) for row in rows]
    if sorted(numbers) != [*ROWS]:
        twice = sorted({n for n in numbers if numbers.count(n) > 1})
        yield f"wanted each row once, missing {sorted({*ROWS} - {*numbers})}, twice {twice}"
    for row in rows:
        if row["fate"] not in FATES:
            yield f"{row['id']}: wanted one of {', '.join(FATES)}, found {row['fate']!r}"
        if not row["tests"] and (row["fate"] != "replaced" or not row.get("decision")):
            yield f"{row['id']}: wanted a test, or where it is replaced a decision, found none"
        for name in row["tests"]:
            if len(found := tests.found(name)) != 1:
                yield f"{row['id']}: wanted one test {name}, found {found or 'none'}"
        if (number := row.get("decision")) and not page_of(number):
            yield f"{row['id']}: wanted a page of decision {number}, found none"


def page_of(number: str) -> str:
    """Return the name of the page of decision *number*; empty if there is none."""
    pages = sorted((ROOT / "docs" / "decisions").glob(f"{number}-*.md"))
    return pages[0].name if pages else ""


def drawn(chapters: list[dict[str, Any]], tests: Tests) -> str:
    """Return the page."""
    rows = [row for chapter in chapters for row in chapter["rows"]]
    counts = "\n".join(
        f"| {fate} | {meaning} | {sum(row['fate'] == fate for row in rows)} |"
        for fate, meaning in FATES.items()
    )
    parts = [INTRODUCTION.format(counts=counts)]
    for chapter in chapters:
        lines = (line_of(row, tests) for row in chapter["rows"])
        parts.append(f"## {chapter['title']}\n\n{HEAD}\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def line_of(row: Row, tests: Tests) -> str:
    """Return the line of *row* in its table."""
    shown = [linked(tests.found(name)[0]) for name in row["tests"]]
    if number := row.get("decision"):
        shown.append(f"[decision {number}](decisions/{page_of(number)})")
    cells = (row["id"], row["fate"], row["then"], row["here"], ", ".join(shown))
    return f"| {' | '.join(cells)} |"


def linked(id_: str) -> str:
    """Return a link to the file of test *id_*, under the fact in its name."""
    path, _, name = id_.partition("::")
    words = name.rpartition("::")[2].removeprefix("test_").replace("_", " ")
    return f"[{words}](../{path})"


HEAD = "| row | here it is | the ancestor | here | shown by |\n|---|---|---|---|---|"

INTRODUCTION = """\
<!-- written by scripts/ancestor.py from docs/ancestor.toml -->

# What the ancestor did

This project began with the kernel of IPython before its release 0.13, of June 2012. The tables go
through all that it did, what it leaned on, and what its documents promised; they say what is here
in its place, and which tests show it. The page is written from `docs/ancestor.toml`;
`scripts/check` fails where a test is gone that it names, or a row is missing.

| here it is | that means | rows |
|---|---|---|
{counts}

`pytest $(python scripts/ancestor.py --tests)` runs all that is named here. Tests of toolkits need
the toolkit and a display ([gui.md](gui.md)), and are skipped where there is none.
"""


if __name__ == "__main__":
    main()
