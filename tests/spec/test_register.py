"""The register of requirements is sound, its chapters are current, and its validator bites."""

import contextlib
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.conformance import all_checks
from assay.spec import requirements
from spec import render

SPEC = Path(render.__file__).parent


def copy_register(target: Path) -> Path:
    """Copy what the validator reads to *target*, where a test may break it."""
    for name in ("requirements.toml", "errata.toml"):
        shutil.copy(SPEC / name, target / name)
    shutil.copytree(SPEC / "introductions", target / "introductions")
    return target


@pytest.fixture(name="folder")
def folder_with_a_copy(tmp_path: Path) -> Path:
    return copy_register(tmp_path)


def change(path: Path, old: str, new: str) -> None:
    """Replace the first *old* in the file, which has to be there."""
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def problems(folder: Path) -> tuple[str, ...]:
    """Return what the validator has to say about the register in *folder*."""
    try:
        render.validate(render.load(folder))
    except render.RegisterError as fault:
        return fault.problems
    return ()


def block(text: str, entry: str) -> str:
    """Return the table of the entry with this id, heading included."""
    start = text.index(f'id = "{entry}"')
    start = text.rindex("[[", 0, start)
    end = text.find("\n\n", start)
    return text[start : end if end >= 0 else len(text)]


def edit(folder: Path, entry: str, pattern: str, replacement: str) -> None:
    """Change the table of one entry by a regular expression that has to match once."""
    path = folder / ("errata.toml" if entry.startswith("AMB") else "requirements.toml")
    old = block(path.read_text("utf-8"), entry)
    new, count = re.subn(pattern, replacement, old, count=1, flags=re.MULTILINE)
    assert count == 1
    change(path, old, new)


def test_register_is_valid() -> None:
    """The register keeps its own rules."""
    assert problems(SPEC) == ()


def test_chapters_are_current() -> None:
    """What is in chapters/ is what rendering gives."""
    assert render.stale(SPEC, render.render(render.load(SPEC))) == []


def test_working_list_is_complete() -> None:
    """The ids that were given first are all still there."""
    first = {
        "WIRE": 22, "SIGN": 15, "HDR": 18, "SHELL": 18, "EXEC": 32, "COMPLETE": 11, "INSPECT": 9,
        "HIST": 12, "ISCOMPLETE": 6, "INFO": 15, "COMM": 12, "CTRL": 17, "DEBUG": 14,
        "SUBSHELL": 17, "IOPUB": 28, "STDIN": 15, "HB": 5, "CONN": 14, "SPEC": 13, "HANDSHAKE": 12,
    }  # fmt: skip
    wanted = {f"{area}-{n:02}" for area, last in first.items() for n in range(1, last + 1)}
    wanted |= {f"AMB-{number:02}" for number in range(1, 71)}

    assert len(wanted) == 305 + 70
    assert wanted <= {one.id for one in render.load(SPEC).entries}


def test_announced_format_is_documented() -> None:
    """The page on the format describes the version at the top of the files."""
    page = (SPEC.parent / "docs" / "spec-format.md").read_text("utf-8")

    assert f"**format {render.FORMAT}**" in page
    for name in ("requirements.toml", "errata.toml"):
        assert tomllib.loads((SPEC / name).read_text("utf-8"))["format"] == render.FORMAT


def test_every_key_is_documented() -> None:
    """Each key that the files use has its row on the page about the format."""
    page = (SPEC.parent / "docs" / "spec-format.md").read_text("utf-8")
    register = tomllib.loads((SPEC / "requirements.toml").read_text("utf-8"))
    errata = tomllib.loads((SPEC / "errata.toml").read_text("utf-8"))
    tables = [register, errata, *register["area"], *register["requirement"], *errata["ambiguity"]]

    assert [key for table in tables for key in table if f"| `{key}` |" not in page] == []


def test_code_cites_ids_that_exist() -> None:
    """Each id that the source code names is in the register."""
    known = {one.id for one in render.load(SPEC).entries}
    prefixes = {one.rpartition("-")[0] for one in known}
    cited = {
        (path.name, mention)
        for path in (SPEC.parent / "src").rglob("*.py")
        for mention in re.findall(r"\b[A-Z]+-\d+\b", path.read_text("utf-8"))
        if mention.rpartition("-")[0] in prefixes
    }

    assert {one for one in cited if one[1] not in known} == set()


def test_code_cites_documents_that_exist() -> None:
    """What a docstring calls its source is a document that the register cites as well."""
    documents = {
        source.partition(" §")[0]
        for one in requirements()
        for source in one.source
        if "§" in source
    }
    cited = [
        found
        for path in (render.ROOT / "src" / "protocol").rglob("*.py")
        for found in re.findall(r"Source: ([\w.]+) §", path.read_text("utf-8"))
    ]

    assert set(cited) <= documents
    assert cited


def test_needs_say_what_every_check_takes() -> None:
    """Code and process are needs of a test where no check of the sentence does without them."""
    lacking = []
    for one in requirements():
        checks = [check for check in all_checks() if check.requirement.id == one.id]
        if not (checks and one.needs):
            continue
        takes = {
            "code": all(check.snippets for check in checks),
            "process": all(check.process for check in checks),
        }
        lacking += [f"{one.id}: {need}" for need in takes if takes[need] and need not in one.needs]

    assert lacking == []


def test_links_in_chapters_lead_somewhere() -> None:
    """Each link between chapters names a heading that exists."""
    chapters = render.render(render.load(SPEC))
    headings = {
        f"{name}#{heading.lower()}"
        for name, text in chapters.items()
        for heading in re.findall(r"^### (\S+)$", text, re.MULTILINE)
    }
    links = {
        link for text in chapters.values() for link in re.findall(r"\]\(([^)#]+\.md#[^)]+)\)", text)
    }

    assert links
    assert links <= headings


Break = Callable[[Path], None]


def in_entry(entry: str, pattern: str, replacement: str) -> Break:
    return lambda folder: edit(folder, entry, pattern, replacement)


def in_file(name: str, old: str, new: str) -> Break:
    return lambda folder: change(folder / name, old, new)


def capitalise_an_area(folder: Path) -> None:
    change(folder / "requirements.toml", 'name = "wire"', 'name = "Wire"')
    (folder / "introductions" / "wire.md").rename(folder / "introductions" / "Wire.md")


FAULTS: dict[str, tuple[Break, str]] = {
    "not TOML": (in_file("requirements.toml", "format = 1", "format ="), "requirements.toml: "),
    "missing file": (
        lambda folder: (folder / "errata.toml").unlink(),
        "errata.toml: ",
    ),
    "unknown format": (
        in_file("requirements.toml", "format = 1", "format = 2"),
        "requirements.toml: wanted format 1, found 2",
    ),
    "unknown format of the errata": (
        in_file("errata.toml", "format = 1", "format = 2"),
        "errata.toml: wanted format 1, found 2",
    ),
    "format is text": (
        in_file("errata.toml", "format = 1", 'format = "1"'),
        "errata.toml: `format` wants a number, found '1'",
    ),
    "features are no table": (
        in_file("requirements.toml", 'ipc = "', 'ipc = 1 # "'),
        "`features` wants a table of text",
    ),
    "missing key": (
        in_entry("EXEC-20", r"^level = .*\n", ""),
        "requirement, EXEC-20: `level` is missing",
    ),
    "unknown key": (
        in_entry("EXEC-20", r"^level", "levle"),
        "requirement, EXEC-20: unknown key `levle`",
    ),
    "text of a wrong type": (
        in_entry("EXEC-20", r"^text = .*", "text = 5"),
        "requirement, EXEC-20: `text` wants text without space around it, found 5",
    ),
    "text with space around it": (
        in_entry("EXEC-20", r'^test = "', 'test = " '),
        "requirement, EXEC-20: `test` wants text without space around it",
    ),
    "list of a wrong type": (
        in_entry("EXEC-20", r"^source = .*", 'source = "messaging.rst §Execute"'),
        "requirement, EXEC-20: `source` wants a list, found",
    ),
    "list with a number": (
        in_entry("EXEC-20", r"^see = .*", "see = [6]"),
        "requirement, EXEC-20: `see` wants a list of text, found [6]",
    ),
    "flag of a wrong type": (
        in_entry("AMB-01", r"^report_upstream = true", 'report_upstream = "yes"'),
        "ambiguity, AMB-01: `report_upstream` wants true or false, found 'yes'",
    ),
    "entry is no table": (
        in_file("errata.toml", "format = 1", "format = 1\nambiguity = [7]\n#"),
        "errata.toml: ",
    ),
    "missing introduction": (
        lambda folder: (folder / "introductions" / "wire.md").unlink(),
        "area, wire: introductions/wire.md is missing or empty",
    ),
    "odd area name": (
        capitalise_an_area,
        "area Wire: a name has lower-case letters and underscores only",
    ),
    "area used twice": (
        in_file("requirements.toml", 'name = "signing"', 'name = "wire"'),
        "area name wire is used twice",
    ),
    "prefix used twice": (
        in_file("requirements.toml", 'prefix = "SIGN"', 'prefix = "WIRE"'),
        "area prefix WIRE is used twice",
    ),
    "empty area": (
        in_file("requirements.toml", 'prefix = "HB"', 'prefix = "BEAT"'),
        "area heartbeat: no requirement begins with BEAT",
    ),
    "unknown prefix": (
        in_file("requirements.toml", 'id = "HB-01"', 'id = "BEAT-01"'),
        "BEAT-01: wanted the prefix of an area, a hyphen and two digits or more",
    ),
    "odd id": (
        in_file("requirements.toml", 'id = "HB-01"', 'id = "HB-1"'),
        "HB-1: wanted the prefix of an area, a hyphen and two digits or more",
    ),
    "odd id of an ambiguity": (
        in_file("errata.toml", 'id = "AMB-71"', 'id = "WIRE-71"'),
        "WIRE-71: wanted AMB, a hyphen and two digits or more",
    ),
    "id used twice": (
        in_file("requirements.toml", 'id = "HB-02"', 'id = "HB-01"'),
        "HB-01: this id is used twice",
    ),
    "ambiguity used twice": (
        in_file("errata.toml", 'id = "AMB-02"', 'id = "AMB-01"'),
        "AMB-01: this id is used twice",
    ),
    "gap in the numbers": (
        in_file("requirements.toml", 'id = "HB-05"', 'id = "HB-06"'),
        "HB-06: wanted HB-05 here, since ids count up from 01 without a gap",
    ),
    "unknown level": (
        in_entry("EXEC-20", r"^level = .*", 'level = "OUGHT"'),
        "EXEC-20: `level` wants one of MUST, SHOULD, MAY, INFO, found 'OUGHT'",
    ),
    "unknown basis": (
        in_entry("EXEC-20", r"^basis = .*", 'basis = "hearsay"'),
        "EXEC-20: `basis` wants one of worded, implied, de-facto, jep, found 'hearsay'",
    ),
    "unknown party": (
        in_entry("EXEC-20", r"^binds = .*", 'binds = "everyone"'),
        "EXEC-20: `binds` wants one of kernel, client, both, launcher, package, found 'everyone'",
    ),
    "text of another level": (
        in_entry("EXEC-20", r"^level = .*", 'level = "SHOULD"'),
        "EXEC-20: the text wants to say SHOULD in capitals, once, and no other level",
    ),
    "information that demands": (
        in_entry("STDIN-15", r'^text = "', 'text = "One MUST know: '),
        "STDIN-15: the text wants to say no level in capitals, once, and no other level",
    ),
    "two sentences": (
        in_entry("EXEC-20", r'^text = "', 'text = "Look here. '),
        "EXEC-20: the text wants to be one sentence with a full stop",
    ),
    "no full stop": (
        in_entry("EXEC-20", r'^(text = ".*)\."$', r'\1"'),
        "EXEC-20: the text wants to be one sentence with a full stop",
    ),
    "no source": (
        in_entry("EXEC-20", r"^source = .*\n", ""),
        "EXEC-20: `source` is missing",
    ),
    "odd source": (
        in_entry("EXEC-20", r"^source = .*", 'source = ["a blog"]'),
        "EXEC-20: `source` wants a section, a JEP or practice, found 'a blog'",
    ),
    "practice that is worded": (
        in_entry("EXEC-20", r"^source = .*", 'source = ["practice"]'),
        "EXEC-20: the basis de-facto and the source practice go together",
    ),
    "habit without practice": (
        in_entry("EXEC-20", r"^basis = .*", 'basis = "de-facto"'),
        "EXEC-20: the basis de-facto and the source practice go together",
    ),
    "proposal without a number": (
        in_entry("EXEC-20", r"^basis = .*", 'basis = "jep"'),
        "EXEC-20: the basis jep wants a JEP as source",
    ),
    "odd version": (
        in_entry("EXEC-29", r"^since = .*", 'since = "5"'),
        "EXEC-29: `since` wants a version such as 5.5, found '5'",
    ),
    "draft without the mark": (
        in_entry("HANDSHAKE-01", r"^draft = true\n", ""),
        "HANDSHAKE-01: `draft` marks exactly what is since 5.6",
    ),
    "mark without the draft": (
        in_entry("EXEC-29", r"^since = .*", 'since = "5.0"\ndraft = true'),
        "EXEC-29: `draft` marks exactly what is since 5.6",
    ),
    "unknown feature": (
        in_entry("COMPLETE-01", r"^optional_feature = .*", 'optional_feature = "magic"'),
        "COMPLETE-01: unknown `optional_feature` 'magic'",
    ),
    "unused feature": (
        in_file("requirements.toml", 'ipc = "', 'magic = "Sparks fly."\nipc = "'),
        "feature magic: no requirement uses it",
    ),
    "no test": (
        in_entry("EXEC-20", r"^test = .*", ""),
        "EXEC-20: binds a kernel and so wants `test` or `untestable`",
    ),
    "no test of both sides": (
        in_entry("WIRE-07", r"^test = .*", ""),
        "WIRE-07: binds a kernel and so wants `test` or `untestable`",
    ),
    "test without its needs": (
        in_entry("EXEC-20", r"^needs = .*", ""),
        "EXEC-20: `needs` goes with the `test` of what a kernel must or should do",
    ),
    "no evidence": (
        in_entry("EXEC-20", r"^verified_by = .*", ""),
        "EXEC-20: `verified_by` is missing: name a check, vector or test",
    ),
    "evidence that does not exist": (
        in_entry("EXEC-20", r"^verified_by = .*", 'verified_by = ["check EXEC-20.99"]'),
        "EXEC-20: `verified_by` names 'check EXEC-20.99', which does not exist",
    ),
    "odd version of what is deprecated": (
        in_entry("EXEC-13", r"^deprecated = .*", 'deprecated = "soon"'),
        "EXEC-13: `deprecated` wants a version such as 5.1, found 'soon'",
    ),
    "needs of an unknown kind": (
        in_entry("EXEC-20", r"^needs = .*", 'needs = ["wire", "luck"]'),
        "EXEC-20: `needs` wants wire, then some of process, files, code, time in order",
    ),
    "tested and untestable": (
        in_entry("EXEC-20", r"^test", 'untestable = "Too hard."\ntest'),
        "EXEC-20: `test` and `untestable` exclude each other",
    ),
    "erratum that does not exist": (
        in_entry("EXEC-20", r"^see = .*", 'see = ["AMB-99"]'),
        "EXEC-20: `see` names AMB-99, which does not exist",
    ),
    "erratum that does not answer": (
        in_entry("EXEC-20", r"^see = .*", 'see = ["AMB-70"]'),
        "EXEC-20: sees AMB-70, which does not name it in return",
    ),
    "requirement that does not exist": (
        in_entry("AMB-06", r"^requirements = .*", 'requirements = ["EXEC-99"]'),
        "AMB-06: `requirements` names EXEC-99, which does not exist",
    ),
    "requirement that does not answer": (
        in_entry("AMB-06", r"^requirements = .*", 'requirements = ["HB-01"]'),
        "AMB-06: names HB-01, which does not see it in return",
    ),
    "mention that does not exist": (
        in_entry("EXEC-20", r"EXEC-28", "EXEC-99"),
        "EXEC-20: mentions EXEC-99, which does not exist",
    ),
    "mention in an erratum": (
        in_entry("AMB-06", r'^why = "', 'why = "See HB-99: '),
        "AMB-06: mentions HB-99, which does not exist",
    ),
}


@pytest.mark.parametrize(("break_it", "wanted"), FAULTS.values(), ids=FAULTS)
def test_fault_is_found(folder: Path, break_it: Break, wanted: str) -> None:
    """A register with this one fault is refused, with a message that says where it is."""
    break_it(folder)

    assert any(wanted in problem for problem in problems(folder)), problems(folder)


def test_every_rule_bites(tmp_path: Path) -> None:
    """Each rule accepts the register as it is and refuses at least one of the faults."""
    refusing: set[str] = set()
    for number, (break_it, _) in enumerate(FAULTS.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        break_it(copy_register(folder))
        with contextlib.suppress(render.RegisterError):
            register = render.load(folder)
            refusing |= {rule.__name__ for rule in render.RULES if any(rule(register))}

    assert refusing == {rule.__name__ for rule in render.RULES}


def test_all_faults_are_told_at_once(folder: Path) -> None:
    """Two independent faults give two complaints."""
    edit(folder, "EXEC-20", r"^binds = .*", 'binds = "everyone"')
    edit(folder, "HB-01", r"^basis = .*", 'basis = "hearsay"')

    assert [problem.partition(":")[0] for problem in problems(folder)] == ["EXEC-20", "HB-01"]


def test_other_names_with_a_hyphen_and_digits_are_no_ids(folder: Path) -> None:
    """SHA-256 in running text is not taken for an id."""
    edit(folder, "SIGN-09", r'^test = "', 'test = "With SHA-999: ')

    assert problems(folder) == ()


def test_rendering_writes_and_then_agrees(folder: Path) -> None:
    """After writing, the check is content."""
    written = render.main(["--folder", str(folder)])
    checked = render.main(["--folder", str(folder), "--check"])

    assert (written, checked) == (0, 0)
    assert (folder / "chapters" / "execute.md").is_file()


def test_check_names_what_is_stale(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A chapter that was edited, one that is missing and one too many are all named."""
    render.main(["--folder", str(folder)])
    chapters = folder / "chapters"
    (chapters / "wire.md").write_text("edited", "utf-8")
    (chapters / "stdin.md").unlink()
    (chapters / "poetry.md").write_text("too many", "utf-8")

    status = render.main(["--folder", str(folder), "--check"])

    named = re.findall(r"stale: .*?(\w+\.md)", capsys.readouterr().err)
    assert (status, named) == (1, ["poetry.md", "stdin.md", "wire.md"])
    assert not (chapters / "stdin.md").exists()


def test_rendering_mends_what_is_stale(folder: Path) -> None:
    """Rendering again rewrites what was edited and removes what is too many."""
    render.main(["--folder", str(folder)])
    (folder / "chapters" / "wire.md").write_text("edited", "utf-8")
    (folder / "chapters" / "poetry.md").write_text("too many", "utf-8")

    render.main(["--folder", str(folder)])

    assert render.main(["--folder", str(folder), "--check"]) == 0
    assert not (folder / "chapters" / "poetry.md").exists()


def test_invalid_register_is_not_rendered(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command says what is wrong and writes nothing."""
    edit(folder, "EXEC-20", r"^binds = .*", 'binds = "everyone"')

    status = render.main(["--folder", str(folder)])

    assert status == 1
    assert "EXEC-20: `binds`" in capsys.readouterr().err
    assert not (folder / "chapters").exists()
