"""The pages: one with the comparison, and one for each kernel with what shows its failures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import evolve
from scripts.kernels._catalogue import read_catalogue
from scripts.kernels._record import Failure, Record, read_record, write_record
from scripts.kernels._workplace import ROOT

from assay.spec import areas, requirement

__all__ = ["DATA", "PAGE", "disagreements", "keep", "pages", "records", "write_pages"]

PAGE = ROOT / "docs" / "kernels.md"

DATA = ROOT / "docs" / "kernels"
"""Two files for each kernel: NAME.json, the result, and NAME.md, the page."""

GROUPS = {
    "ours": "Assay and its example",
    "python": "Python, and languages that become Python",
    "shells": "Shells",
    "metakernel": "Kernels built on MetaKernel",
    "wrappers": "Wrappers built on ipykernel's base class",
    "javascript": "JavaScript and TypeScript",
    "others": "Kernels with a messaging layer of their own",
}

LEVELS = ("MUST", "SHOULD", "MAY")

BEGIN = Path(__file__).with_name("introduction.md")


def records() -> tuple[Record, ...]:
    """Return all results, in the order of the catalogue."""
    names = [one.name for one in read_catalogue()]
    found = [read_record(path) for path in DATA.glob("*.json")]
    return tuple(sorted(found, key=lambda one: names.index(one.name)))


def keep(record: Record) -> None:
    """Write the result and the page of one kernel, with its evidence."""
    write_record(record, DATA)
    (DATA / f"{record.name}.md").write_text(_kernel_page(record), encoding="utf-8")


def pages(found: Sequence[Record]) -> dict[Path, str]:
    """Return what stands in each page. The evidence of a page is taken from the page as it is."""
    texts = {PAGE: _comparison(found)}
    for record in found:
        path = DATA / f"{record.name}.md"
        shown = _evidence(path.read_text("utf-8")) if path.exists() else {}
        failed = tuple(evolve(one, evidence=shown.get(one.check, ())) for one in record.failed)
        texts[path] = _kernel_page(evolve(record, failed=failed))
    return texts


def write_pages() -> None:
    """Write every page."""
    for path, text in pages(records()).items():
        path.write_text(text, encoding="utf-8")


def disagreements() -> list[str]:
    """Return what is wrong with the pages: those that say something else than the results."""
    wanted = pages(records())
    wrong = [
        f"{path.relative_to(ROOT)}: says something else than the results"
        for path, text in wanted.items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    strays = [path for path in sorted(DATA.glob("*.md")) if path not in wanted]
    return [*wrong, *(f"{path.relative_to(ROOT)}: belongs to no result" for path in strays)]


# The comparison


def _comparison(found: Sequence[Record]) -> str:
    lines = [BEGIN.read_text("utf-8")]
    for group, title in GROUPS.items():
        members = [one for one in found if one.group == group]
        checked = [one for one in members if one.state == "checked"]
        if checked:
            lines += [f"## {title}\n", *_summary(checked), "", *_by_chapter(checked), ""]
    rest = [one for one in found if one.state != "checked"]
    if rest:
        lines += ["## Not checked\n", *_unchecked(rest), ""]
    return "\n".join(lines)


def _summary(found: Sequence[Record]) -> Iterator[str]:
    heads = ("kernel", "version", "language", "protocol", *LEVELS, "notes", "not asked", "seconds")
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for one in found:
        cells = [
            f"[{one.name}](kernels/{one.name}.md)",
            _version(one),
            str(one.info.get("language") or "?"),
            str(one.info.get("protocol_version") or "?"),
            *(_score(one, level) for level in LEVELS),
            str(len(one.notes)),
            str(sum(map(len, one.skipped.values()))),
            f"{one.seconds:.0f}",
        ]
        yield f"| {' | '.join(cells)} |"


def _version(one: Record) -> str:
    return next(iter(one.versions.values()), one.assay)


def _score(one: Record, level: str) -> str:
    failed = len(one.failures(level))
    passed = len(one.passed.get(level, ()))
    return f"{passed} passed, **{failed} failed**" if failed else f"{passed} passed"


def _by_chapter(found: Sequence[Record]) -> Iterator[str]:
    """Yield a table of chapters and kernels: passed, failed and notes."""
    yield f"| passed / failed / notes | {' | '.join(one.name for one in found)} |"
    yield "|---" * (len(found) + 1) + "|"
    for area in areas():
        cells = [_cell(one, area.prefix, area.name) for one in found]
        if any(cells):
            yield f"| [{area.name}](../spec/chapters/{area.name}.md) | {' | '.join(cells)} |"


def _cell(one: Record, prefix: str, name: str) -> str:
    passed = sum(_of(check, prefix) for found in one.passed.values() for check in found)
    failed = sum(_of(failure.check, prefix) for failure in one.failed)
    notes = sum(_of(note.check, prefix) for note in one.notes)
    if not passed + failed + notes:
        return ""
    shown = f"[**{failed}**](kernels/{one.name}.md#{name})" if failed else "0"
    return f"{passed} / {shown} / {notes}"


def _of(check: str, prefix: str) -> bool:
    return requirement(check.rpartition(".")[0]).prefix == prefix


def _unchecked(found: Sequence[Record]) -> Iterator[str]:
    yield "| kernel | versions | what became of it |"
    yield "|---|---|---|"
    for one in found:
        last = one.why.strip().splitlines()[-1] if one.why.strip() else ""
        versions = ", ".join(f"{name} {number}" for name, number in one.versions.items())
        told = f"{one.state}: {last}".replace("|", "\\|").replace("<", "&lt;")
        yield f"| [{one.name}](kernels/{one.name}.md) | {versions} | {told} |"


# One kernel


def _kernel_page(record: Record) -> str:
    lines = [f"# {record.name}", ""]
    lines += [record.remark, ""] if record.remark else []
    lines += [*_facts(record), ""]
    if record.why:
        lines += [f"It was {record.state}:", "", *_fenced(record.why.splitlines()), ""]
    for area in areas():
        own = [one for one in record.failed if _of(one.check, area.prefix)]
        if own:
            lines += [f"## {area.name}", "", *(line for one in own for line in _failure(one))]
    lines += [*_notes(record), *_not_asked(record)]
    return "\n".join(lines).rstrip() + "\n"


def _facts(record: Record) -> Iterator[str]:
    info = record.info
    versions = ", ".join(f"{name} {number}" for name, number in record.versions.items())
    features = info.get("supported_features")
    rows = {
        "versions": versions,
        "implementation": _words(info, "implementation", "implementation_version"),
        "language": _words(info, "language", "language_version"),
        "protocol": _words(info, "protocol_version"),
        "announced features": ", ".join(map(str, features)) if isinstance(features, list) else "",
        "start": f"{record.start_s:.1f} s" if record.start_s else "",
        "whole run": f"{record.seconds:.0f} s" if record.seconds else "",
        "slowest checks": ", ".join(f"{name} {took:g} s" for name, took in record.slowest.items()),
        "passed": "; ".join(f"{len(record.passed.get(one, ()))} {one}" for one in LEVELS),
        "failed": "; ".join(f"{len(record.failures(one))} {one}" for one in LEVELS),
        "notes": str(len(record.notes)),
        "not asked": str(sum(map(len, record.skipped.values()))),
        "left running at the end": "; ".join(f"`{one}`" for one in record.left),
    }
    if record.state != "checked":
        rows |= dict.fromkeys(("passed", "failed", "notes", "not asked"), "")
    yield "| | |"
    yield "|---|---|"
    yield from (f"| {name} | {_inline(value)} |" for name, value in rows.items() if value)


def _words(info: Mapping[str, object], *keys: str) -> str:
    return " ".join(str(info[key]) for key in keys if info.get(key))


def _failure(one: Failure) -> Iterator[str]:
    yield f"### {one.check} ({one.level}): {_inline(one.title)}"
    yield ""
    yield f"- wanted: {_inline(one.expected)}"
    yield f"- found: {_inline(one.got)}"
    yield ""
    if one.evidence:
        yield from _fenced(one.evidence)
        yield ""


def _notes(record: Record) -> list[str]:
    if not record.notes:
        return []
    rows = [
        f"- {one.check} ({one.level}): {_inline(one.got or one.reason)}" for one in record.notes
    ]
    return ["## Notes", "", *rows, ""]


def _not_asked(record: Record) -> list[str]:
    if record.state != "checked":
        return []
    rows = [f"- {_inline(reason)}: {', '.join(own)}" for reason, own in record.skipped.items()]
    return ["## Not asked", "", *rows, ""]


def _inline(text: str) -> str:
    """Return *text* as it is read in one line of Markdown: what marks it up is escaped."""
    line = " ".join(text.split())
    for mark in "\\`*_|<[":
        line = line.replace(mark, f"\\{mark}")
    return _printable(line)


def _printable(line: str) -> str:
    """Return *line* with what is not printable as its escape."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in line
    )


def _fenced(lines: Iterable[str]) -> list[str]:
    return ["```text", *(_printable(line).replace("```", "'''") for line in lines), "```"]


def _evidence(page: str) -> dict[str, tuple[str, ...]]:
    """Return the evidence in a page, by check."""
    found: dict[str, tuple[str, ...]] = {}
    check, inside = "", False
    lines: list[str] = []
    for line in page.splitlines():
        if line.startswith("### ") and not inside:
            check, lines = line.split()[1], []
        elif line == "```text" and check:
            inside = True
        elif line == "```" and inside:
            found[check], inside = tuple(lines), False
        elif inside:
            lines.append(line)
    return found
