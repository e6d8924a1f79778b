"""Validate the register of requirements and render it as chapters.

    python spec/render.py           write spec/chapters/
    python spec/render.py --check   write nothing, exit 1 if a chapter is stale

The files are described in docs/spec-format.md. Every fault is reported, not only the first.
"""

import argparse
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FORMAT = 1

ROOT = Path(__file__).resolve().parents[1]
"""Where the tests and checks are that verify the requirements."""

LEVELS = ("MUST", "SHOULD", "MAY", "INFO")
BASES = {
    "worded": "said in the public text",
    "implied": "follows from the public text",
    "de-facto": "said nowhere, relied upon in practice",
    "jep": "said only in an enhancement proposal",
}
NEEDS = {
    "wire": "the sockets",
    "process": "a process of one's own to start, signal or see end",
    "files": "the files of the kernel",
    "code": "code in the kernel's language",
    "time": "a clock",
}
BOUND = {
    "kernel": "the kernel",
    "client": "the client",
    "both": "kernel and client",
    "launcher": "the launcher",
    "package": "the package of a kernel",
}

_ID = re.compile(r"([A-Z]+)-(\d{2,})")
_AREA_NAME = re.compile(r"[a-z_]+")
_VERSION = re.compile(r"\d+\.\d+")
_SOURCE = re.compile(r"(messaging|kernels|security|wrapperkernels)\.rst §\S.*|JEP \d+|practice")
_KEYWORD = re.compile(r"\b(MUST|SHOULD|MAY)\b")
_SECOND_SENTENCE = re.compile(r"[.!?]\s+[A-Z]")
_CHECK = re.compile(r'@check\(\s*"([A-Z]+-\d+\.\d+)"')
_VECTOR = re.compile(r'"id": "(VEC-[A-Z]+-\d{3})"')
_TEST = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)
_MENTION = re.compile(r"\b[A-Z]+-\d{2,}\b")


class RegisterError(Exception):
    """The register breaks its own rules; `problems` says where and how."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, kw_only=True)
class Area:
    """One part of the protocol, and so one chapter."""

    name: str
    """File name of the chapter without its suffix."""
    prefix: str
    """What the ids of its requirements begin with."""
    title: str
    introduction: str
    """Prose for a newcomer, from introductions/<name>.md."""


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One obligation; docs/spec-format.md explains the fields."""

    id: str
    level: str
    basis: str
    binds: str
    judged: bool
    text: str
    source: tuple[str, ...]
    since: str | None
    deprecated: str | None
    draft: bool
    optional_feature: str | None
    rationale: str | None
    divergence: str | None
    see: tuple[str, ...]
    test: str | None
    needs: tuple[str, ...]
    verified_by: tuple[str, ...]
    untestable: str | None

    @property
    def prefix(self) -> str:
        return self.id.rpartition("-")[0]

    @property
    def prose(self) -> str:
        """Everything in it that may mention an id."""
        parts = (self.text, self.rationale, self.divergence, self.test, self.untestable)
        return "\n".join(part for part in parts if part)


@dataclass(frozen=True, kw_only=True)
class Ambiguity:
    """One place where the public text does not settle the matter, and our reading."""

    id: str
    topic: str
    report_upstream: bool
    problem: str
    practice: str
    reading: str
    why: str
    requirements: tuple[str, ...]

    @property
    def prose(self) -> str:
        return "\n".join((self.topic, self.problem, self.practice, self.reading, self.why))


@dataclass(frozen=True, kw_only=True)
class Register:
    """Both files and the introductions, read but not yet judged."""

    formats: tuple[int, int]
    """Format versions of requirements.toml and errata.toml."""
    protocol: str
    draft_protocol: str
    verified_against: str
    upstream: str
    evidence: frozenset[str]
    """Every check, vector and test that there is, as `verified_by` names them."""
    features: Mapping[str, str]
    areas: tuple[Area, ...]
    requirements: tuple[Requirement, ...]
    ambiguities: tuple[Ambiguity, ...]

    @property
    def entries(self) -> tuple[Requirement | Ambiguity, ...]:
        return (*self.requirements, *self.ambiguities)

    def in_area(self, area: Area) -> tuple[Requirement, ...]:
        return tuple(one for one in self.requirements if one.prefix == area.prefix)


# Reading: shapes and types only.


class _Table:
    """One table of a file, read key by key; what is wrong with it goes to *problems*."""

    def __init__(self, values: object, where: str, problems: list[str]) -> None:
        self._where = where
        self._problems = problems
        self._left: dict[str, object] = {}
        if isinstance(values, dict):
            self._left = dict(values)
            label = values.get("id", values.get("name"))
            self._where = f"{where}, {label}" if isinstance(label, str) else where
        else:
            self._complain(f"wanted a table, found {values!r}")

    def text(self, key: str) -> str:
        found = self.optional_text(key)
        if found is None:
            self._complain(f"`{key}` is missing")
        return found or ""

    def optional_text(self, key: str) -> str | None:
        value = self._left.pop(key, None)
        if value is None or (isinstance(value, str) and value.strip() == value and value):
            return value
        self._complain(f"`{key}` wants text without space around it, found {value!r}")
        return ""

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.tables(key)
        if not all(isinstance(value, str) and value for value in values):
            self._complain(f"`{key}` wants a list of text, found {values!r}")
        return tuple(str(value) for value in values)

    def flag(self, key: str, *, missing: bool = False) -> bool:
        value = self._left.pop(key, missing)
        if not isinstance(value, bool):
            self._complain(f"`{key}` wants true or false, found {value!r}")
        return value is True

    def number(self, key: str) -> int:
        value = self._left.pop(key, None)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self._complain(f"`{key}` wants a number, found {value!r}")
        return 0

    def tables(self, key: str) -> list[object]:
        value = self._left.pop(key, [])
        if isinstance(value, list):
            return list(value)
        self._complain(f"`{key}` wants a list, found {value!r}")
        return []

    def mapping(self, key: str) -> dict[str, str]:
        value = self._left.pop(key, {})
        if isinstance(value, dict) and all(isinstance(one, str) and one for one in value.values()):
            return dict(value)
        self._complain(f"`{key}` wants a table of text, found {value!r}")
        return {}

    def close(self) -> None:
        """Complain about keys that nobody asked for."""
        for key in self._left:
            self._complain(f"unknown key `{key}`")

    def _complain(self, what: str) -> None:
        self._problems.append(f"{self._where}: {what}")


def load(folder: Path) -> Register:
    """Read requirements.toml, errata.toml and introductions/ in *folder*.

    Raises:
        RegisterError: a file is missing or not TOML, a key is missing, unknown or of a wrong type.
    """
    problems: list[str] = []
    main = _Table(_parse(folder / "requirements.toml"), "requirements.toml", problems)
    errata = _Table(_parse(folder / "errata.toml"), "errata.toml", problems)
    register = Register(
        formats=(main.number("format"), errata.number("format")),
        protocol=main.text("protocol"),
        draft_protocol=main.text("draft_protocol"),
        verified_against=main.text("verified_against"),
        upstream=main.text("upstream"),
        evidence=evidence(ROOT),
        features=main.mapping("features"),
        areas=tuple(
            _area(_Table(values, "area", problems), folder / "introductions", problems)
            for values in main.tables("area")
        ),
        requirements=tuple(
            _requirement(_Table(values, "requirement", problems))
            for values in main.tables("requirement")
        ),
        ambiguities=tuple(
            _ambiguity(_Table(values, "ambiguity", problems))
            for values in errata.tables("ambiguity")
        ),
    )
    main.close()
    errata.close()
    if problems:
        raise RegisterError(problems)
    return register


def _parse(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise RegisterError([f"{path.name}: {fault}"]) from fault


@cache
def evidence(root: Path) -> frozenset[str]:
    """Return all that a requirement can be verified by: checks, vectors and tests under *root*."""
    matrix = tomllib.loads((root / "docs" / "conformance-matrix.toml").read_text("utf-8"))
    checks = {f"check {one}" for one in matrix["checks"]}
    # What is judged in the traffic of all checks has no check of its own: a fault shows it.
    checks |= {f"check {one}" for found in matrix["fails"].values() for one in found}
    for path in (root / "src" / "conformance" / "checks").glob("*.py"):
        checks |= {f"check {one}" for one in _CHECK.findall(path.read_text("utf-8"))}
    vectors = {
        f"vector {one}"
        for path in (root / "spec" / "vectors").glob("*.json")
        for one in _VECTOR.findall(path.read_text("utf-8"))
    }
    tests = {
        f"test {path.relative_to(root).as_posix()}::{name}"
        for path in (root / "tests").rglob("test_*.py")
        for name in _TEST.findall(path.read_text("utf-8"))
    }
    return frozenset(checks | vectors | tests)


def _area(table: _Table, introductions: Path, problems: list[str]) -> Area:
    name = table.text("name")
    path = introductions / f"{name}.md"
    introduction = path.read_text("utf-8").strip() if path.is_file() else ""
    if not introduction:
        problems.append(f"area, {name}: introductions/{name}.md is missing or empty")
    area = Area(
        name=name,
        prefix=table.text("prefix"),
        title=table.text("title"),
        introduction=introduction,
    )
    table.close()
    return area


def _requirement(table: _Table) -> Requirement:
    requirement = Requirement(
        id=table.text("id"),
        level=table.text("level"),
        basis=table.text("basis"),
        binds=table.text("binds"),
        judged=table.flag("judged", missing=True),
        text=table.text("text"),
        source=table.texts("source"),
        since=table.optional_text("since"),
        deprecated=table.optional_text("deprecated"),
        draft=table.flag("draft"),
        optional_feature=table.optional_text("optional_feature"),
        rationale=table.optional_text("rationale"),
        divergence=table.optional_text("divergence"),
        see=table.texts("see"),
        test=table.optional_text("test"),
        needs=table.texts("needs"),
        verified_by=table.texts("verified_by"),
        untestable=table.optional_text("untestable"),
    )
    table.close()
    return requirement


def _ambiguity(table: _Table) -> Ambiguity:
    ambiguity = Ambiguity(
        id=table.text("id"),
        topic=table.text("topic"),
        report_upstream=table.flag("report_upstream"),
        problem=table.text("problem"),
        practice=table.text("practice"),
        reading=table.text("reading"),
        why=table.text("why"),
        requirements=table.texts("requirements"),
    )
    table.close()
    return ambiguity


# Judging: one function a rule. Each yields what is wrong, as a sentence that says where.


def _check_format(register: Register) -> Iterator[str]:
    for name, found in zip(("requirements.toml", "errata.toml"), register.formats, strict=True):
        if found != FORMAT:
            yield f"{name}: wanted format {FORMAT}, found {found}"


def _check_areas(register: Register) -> Iterator[str]:
    for area in register.areas:
        if not _AREA_NAME.fullmatch(area.name):
            yield f"area {area.name}: a name has lower-case letters and underscores only"
        if not register.in_area(area):
            yield f"area {area.name}: no requirement begins with {area.prefix}"
    for what in ("name", "prefix"):
        for value in _repeated(getattr(area, what) for area in register.areas):
            yield f"area {what} {value} is used twice"


def _check_ids(register: Register) -> Iterator[str]:
    known = {area.prefix for area in register.areas}
    for requirement in register.requirements:
        match = _ID.fullmatch(requirement.id)
        if match is None or match[1] not in known:
            yield f"{requirement.id}: wanted the prefix of an area, a hyphen and two digits or more"
    for ambiguity in register.ambiguities:
        match = _ID.fullmatch(ambiguity.id)
        if match is None or match[1] != "AMB":
            yield f"{ambiguity.id}: wanted AMB, a hyphen and two digits or more"
    for repeated in _repeated(one.id for one in register.entries):
        yield f"{repeated}: this id is used twice"


def _check_numbering(register: Register) -> Iterator[str]:
    """A gap or a jump means that somebody deleted or renumbered."""
    groups: dict[str, list[str]] = {}
    for one in register.entries:
        groups.setdefault(one.id.rpartition("-")[0], []).append(one.id)
    for prefix, ids in groups.items():
        for number, found in enumerate(ids, start=1):
            wanted = f"{prefix}-{number:02}"
            if found != wanted:
                yield f"{found}: wanted {wanted} here, since ids count up from 01 without a gap"
                break


def _check_words(register: Register) -> Iterator[str]:
    for one in register.requirements:
        for what, value, known in (
            ("level", one.level, LEVELS),
            ("basis", one.basis, tuple(BASES)),
            ("binds", one.binds, tuple(BOUND)),
        ):
            if value not in known:
                yield f"{one.id}: `{what}` wants one of {', '.join(known)}, found {value!r}"


def _check_sentences(register: Register) -> Iterator[str]:
    for one in register.requirements:
        wanted = [] if one.level == "INFO" else [one.level]
        if _KEYWORD.findall(one.text) != wanted:
            said = one.level if wanted else "no level"
            yield f"{one.id}: the text wants to say {said} in capitals, once, and no other level"
        if not one.text.endswith(".") or _SECOND_SENTENCE.search(one.text):
            yield f"{one.id}: the text wants to be one sentence with a full stop"


def _check_sources(register: Register) -> Iterator[str]:
    for one in register.requirements:
        if not one.source:
            yield f"{one.id}: `source` is missing"
        for source in one.source:
            if not _SOURCE.fullmatch(source):
                yield f"{one.id}: `source` wants a section, a JEP or practice, found {source!r}"
        if (one.basis == "de-facto") != ("practice" in one.source):
            yield f"{one.id}: the basis de-facto and the source practice go together"
        if one.basis == "jep" and not any(source.startswith("JEP ") for source in one.source):
            yield f"{one.id}: the basis jep wants a JEP as source"


def _check_versions(register: Register) -> Iterator[str]:
    for one in register.requirements:
        if one.since is not None and not _VERSION.fullmatch(one.since):
            yield f"{one.id}: `since` wants a version such as 5.5, found {one.since!r}"
        if one.deprecated is not None and not _VERSION.fullmatch(one.deprecated):
            yield f"{one.id}: `deprecated` wants a version such as 5.1, found {one.deprecated!r}"
        if one.draft != (one.since == register.draft_protocol):
            yield f"{one.id}: `draft` marks exactly what is since {register.draft_protocol}"


def _check_features(register: Register) -> Iterator[str]:
    used = {one.optional_feature for one in register.requirements} - {None}
    for one in register.requirements:
        if one.optional_feature is not None and one.optional_feature not in register.features:
            yield f"{one.id}: unknown `optional_feature` {one.optional_feature!r}"
    for feature in register.features:
        if feature not in used:
            yield f"feature {feature}: no requirement uses it"


def _check_tests(register: Register) -> Iterator[str]:
    for one in register.requirements:
        if one.test and one.untestable:
            yield f"{one.id}: `test` and `untestable` exclude each other"
        binding = one.level in {"MUST", "SHOULD"} and one.binds in {"kernel", "both"}
        if binding and not (one.test or one.untestable):
            yield f"{one.id}: binds a kernel and so wants `test` or `untestable`"
        known = one.level in LEVELS and one.binds in BOUND
        if known and (bool(one.test) or not binding) and bool(one.needs) != binding:
            yield f"{one.id}: `needs` goes with the `test` of what a kernel must or should do"
        if one.needs and (
            one.needs[0] != "wire" or list(one.needs) != [n for n in NEEDS if n in one.needs]
        ):
            yield f"{one.id}: `needs` wants wire, then some of {', '.join([*NEEDS][1:])} in order"


def _check_evidence(register: Register) -> Iterator[str]:
    for one in register.requirements:
        if one.needs and not one.verified_by:
            yield (
                f"{one.id}: `verified_by` is missing: name a check, vector or test, or say in"
                " `untestable` why there is none"
            )
        for name in one.verified_by:
            if name not in register.evidence:
                yield f"{one.id}: `verified_by` names {name!r}, which does not exist"


def _check_references(register: Register) -> Iterator[str]:
    ambiguities = {one.id: one for one in register.ambiguities}
    requirements = {one.id: one for one in register.requirements}
    for requirement in register.requirements:
        for target in requirement.see:
            if target not in ambiguities:
                yield f"{requirement.id}: `see` names {target}, which does not exist"
            elif requirement.id not in ambiguities[target].requirements:
                yield f"{requirement.id}: sees {target}, which does not name it in return"
    for ambiguity in register.ambiguities:
        for target in ambiguity.requirements:
            if target not in requirements:
                yield f"{ambiguity.id}: `requirements` names {target}, which does not exist"
            elif ambiguity.id not in requirements[target].see:
                yield f"{ambiguity.id}: names {target}, which does not see it in return"


def _check_mentions(register: Register) -> Iterator[str]:
    """Ids in running text exist too; names such as SHA-256 are none of our ids."""
    prefixes = {area.prefix for area in register.areas} | {"AMB"}
    known = {one.id for one in register.entries}
    for one in register.entries:
        for mention in _MENTION.findall(one.prose):
            if mention.rpartition("-")[0] in prefixes and mention not in known:
                yield f"{one.id}: mentions {mention}, which does not exist"


RULES: tuple[Callable[[Register], Iterator[str]], ...] = (
    _check_format,
    _check_areas,
    _check_ids,
    _check_numbering,
    _check_words,
    _check_sentences,
    _check_sources,
    _check_versions,
    _check_features,
    _check_tests,
    _check_evidence,
    _check_references,
    _check_mentions,
)


def validate(register: Register) -> None:
    """Apply every rule.

    Raises:
        RegisterError: with all that is wrong.
    """
    problems = [problem for rule in RULES for problem in rule(register)]
    if problems:
        raise RegisterError(problems)


def _repeated(values: Iterator[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


# Rendering: values in, Markdown out.

_NOTICE = "<!-- Rendered by spec/render.py from the files beside it. Edit those, not this. -->\n\n"


def render(register: Register) -> dict[str, str]:
    """Return the text of every file that belongs into chapters/, by file name."""
    links = {
        one.id: f"[{one.id}]({area.name}.md#{one.id.lower()})"
        for area in register.areas
        for one in register.in_area(area)
    }
    links |= {one.id: f"[{one.id}](errata.md#{one.id.lower()})" for one in register.ambiguities}

    def link(text: str) -> str:
        return _MENTION.sub(lambda match: links.get(match[0], match[0]), text)

    chapters = {f"{area.name}.md": _chapter(register, area, link) for area in register.areas}
    return chapters | {
        "errata.md": _errata(register, link),
        "README.md": _index(register),
    }


def _chapter(register: Register, area: Area, link: Callable[[str], str]) -> str:
    requirements = register.in_area(area)
    parts = [f"{_NOTICE}# {area.title}\n", f"{link(area.introduction)}\n", "## Requirements\n"]
    parts += [_requirement_section(one, register, link) for one in requirements]
    return "\n".join(parts)


def _requirement_section(one: Requirement, register: Register, link: Callable[[str], str]) -> str:
    marks = [f"**{one.level}**", f"binds {BOUND[one.binds]}", BASES[one.basis]]
    if one.since:
        marks.append(f"since {one.since}")
    if one.deprecated:
        marks.append(f"deprecated since {one.deprecated}")
    if one.draft:
        marks.append("**draft**")
    if not one.judged:
        marks.append("our reading: no other kernel is judged by it")
    notes = [f"Source: {'; '.join(one.source)}."]
    if one.optional_feature:
        sign = register.features[one.optional_feature]
        sign = sign[0].lower() + sign[1:] if sign.startswith(("The ", "A ", "An ")) else sign
        notes.append(f"Only where this feature is offered (`{one.optional_feature}`): {sign}")
    for label, text in (
        ("Remark", one.rationale),
        ("Seen elsewhere", one.divergence),
        ("Test", one.test),
        ("The test needs", f"{', '.join(NEEDS[n] for n in one.needs)}." if one.needs else None),
        ("Not testable", one.untestable),
        ("See", ", ".join(one.see) + "." if one.see else None),
    ):
        if text:
            notes.append(f"{label}: {link(text)}")
    if one.verified_by:
        notes.append(f"Verified by: {', '.join(map(_evidence, one.verified_by))}.")
    bullets = "\n".join(f"- {note}" for note in notes)
    return f"### {one.id}\n\n{' · '.join(marks)}\n\n{link(one.text)}\n\n{bullets}\n"


def _evidence(name: str) -> str:
    kind, _, what = name.partition(" ")
    return f"{kind} `{what}`"


def _errata(register: Register, link: Callable[[str], str]) -> str:
    upstream = sum(one.report_upstream for one in register.ambiguities)
    parts = [
        f"{_NOTICE}# Errata\n",
        "Some places of the public text are silent, contradict another place, or disagree with"
        " what all software does. Each is listed here with the reading that this project has"
        " chosen and the reason for it."
        f" There are {len(register.ambiguities)} of them; {upstream} are marked as worth"
        " reporting to the authors of the protocol.\n",
    ]
    for one in register.ambiguities:
        touched = link(", ".join(one.requirements)) or "none"
        parts.append(
            f"### {one.id}\n\n**{one.topic}**{' · worth reporting' * one.report_upstream}\n\n"
            f"- Problem: {link(one.problem)}\n"
            f"- Practice: {link(one.practice)}\n"
            f"- Our reading: {link(one.reading)}\n"
            f"- Why: {link(one.why)}\n"
            f"- Touches: {touched}{'.' if one.requirements else ''}\n"
        )
    return "\n".join(parts)


def _index(register: Register) -> str:
    drafts = sum(one.draft for one in register.requirements)
    lines = [
        f"{_NOTICE}# The chapters\n",
        f"The Jupyter kernel protocol {register.protocol} in {len(register.requirements)}"
        f" requirements, {drafts} of them from the draft of {register.draft_protocol}."
        f" Verified against the {register.verified_against}.\n",
        f"| chapter | ids | {' | '.join(LEVELS)} | all |",
        f"|---|---|{'---:|' * (len(LEVELS) + 1)}",
    ]
    for area in register.areas:
        counts = _counts(register.in_area(area))
        lines.append(f"| [{area.title}]({area.name}.md) | {area.prefix} | {counts} |")
    lines += [
        f"| **all** | | {_counts(register.requirements)} |\n",
        f"The [errata](errata.md) list {len(register.ambiguities)} places where the public text"
        " needs a reading.\n",
        "## What the words mean\n",
        "| level | meaning |\n|---|---|",
        "| MUST | not keeping it breaks the protocol |",
        "| SHOULD | there may be good reasons not to keep it, and they are worth writing down |",
        "| MAY | allowed, and nobody may rely on it |",
        "| INFO | worth knowing, no obligation |\n",
        "| basis | meaning | requirements |\n|---|---|---:|",
        *_tally(BASES, [one.basis for one in register.requirements]),
        "\n| binds | meaning | requirements |\n|---|---|---:|",
        *_tally(BOUND, [one.binds for one in register.requirements]),
        "\n## Optional features\n",
        "| feature | how it shows | requirements |\n|---|---|---:|",
        *_tally(register.features, [one.optional_feature for one in register.requirements]),
    ]
    return "\n".join(lines) + "\n"


def _counts(requirements: Sequence[Requirement]) -> str:
    counts = Counter(one.level for one in requirements)
    return " | ".join(str(number) for number in (*map(counts.__getitem__, LEVELS), counts.total()))


def _tally(meanings: Mapping[str, str], values: Sequence[str | None]) -> Iterator[str]:
    counts = Counter(values)
    for name, meaning in meanings.items():
        yield f"| {name} | {meaning} | {counts[name]} |"


# The command.


def stale(folder: Path, wanted: Mapping[str, str]) -> list[Path]:
    """Return the files of chapters/ that differ from *wanted*, are missing, or are too many."""
    chapters = folder / "chapters"
    differing = [
        chapters / name
        for name, text in wanted.items()
        if not (chapters / name).is_file() or (chapters / name).read_text("utf-8") != text
    ]
    surplus = [path for path in chapters.glob("*.md") if path.name not in wanted]
    return sorted(differing + surplus)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description="Validate and render the register.")
    parser.add_argument("--check", action="store_true", help="write nothing, report stale chapters")
    parser.add_argument(
        "--folder", type=Path, default=Path(__file__).parent, help="where requirements.toml is"
    )
    options = parser.parse_args(arguments)
    folder: Path = options.folder
    try:
        register = load(folder)
        validate(register)
    except RegisterError as fault:
        print(fault, file=sys.stderr)
        return 1
    wanted = render(register)
    changed = stale(folder, wanted)
    if options.check:
        for path in changed:
            print(f"stale: {path}; run python spec/render.py", file=sys.stderr)
        return 1 if changed else 0
    (folder / "chapters").mkdir(exist_ok=True)
    for path in changed:
        if path.name in wanted:
            path.write_text(wanted[path.name], "utf-8")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
