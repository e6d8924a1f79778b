"""``assay spec``: the specification on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from assay import spec
from assay.__main__ import main


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Return the exit code of ``assay spec`` with *words*, and what it wrote."""
    capsys.readouterr()
    code = main(["spec", *words])
    out, err = capsys.readouterr()
    return code, out, err


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """Return the JSON that ``assay spec`` with *words* prints."""
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    return json.loads(out)


def ids(out: str) -> list[str]:
    """Return the first word of each line."""
    return [line.split()[0] for line in out.splitlines()]


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    """Every requirement has one line for a program."""
    code, out, _ = run(capsys, "list")

    assert code == 0
    assert ids(out) == [one.id for one in spec.requirements()]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--area", "EXEC"], lambda one: one.prefix == "EXEC"),
        (["--area", "execute"], lambda one: one.prefix == "EXEC"),
        (["--level", "must"], lambda one: one.level == "MUST"),
        (["--binds", "client"], lambda one: one.binds in {"client", "both"}),
        (
            ["--area", "hb", "--level", "MUST", "--binds", "kernel"],
            lambda one: (
                one.prefix == "HB" and one.level == "MUST" and one.binds in {"kernel", "both"}
            ),
        ),
    ],
)
def test_choices(capsys: pytest.CaptureFixture[str], words: list[str], wanted: Any) -> None:
    """The options choose, alone and together."""
    chosen = [one.id for one in spec.requirements() if wanted(one)]

    assert chosen
    assert ids(run(capsys, "list", *words)[1]) == chosen
    assert [row["id"] for row in told(capsys, "list", *words, "--json")] == chosen


def test_list_of_errata(capsys: pytest.CaptureFixture[str]) -> None:
    """The errata are an area of their own."""
    assert ids(run(capsys, "list", "--area", "amb")[1]) == [one.id for one in spec.errata()]
    assert run(capsys, "list", "--area", "AMB", "--level", "MUST")[0] == 2


def test_an_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    """That there is nothing of a kind is an answer, on stderr."""
    code, out, err = run(capsys, "list", "--area", "HB", "--binds", "package")

    assert (code, out) == (0, "")
    assert "nothing" in err


def test_show_a_requirement(capsys: pytest.CaptureFixture[str]) -> None:
    """A requirement is shown with all that is known of it."""
    code, out, _ = run(capsys, "show", "exec-20")
    one = spec.requirement("EXEC-20")
    flat = " ".join(out.split())

    assert code == 0
    assert flat.startswith("EXEC-20 MUST, binds the kernel, stated in the public text")
    for text in (one.text, one.test, *one.source, spec.erratum("AMB-06").reading):
        assert text is not None
        assert " ".join(text.split()) in flat
    assert max(map(len, out.splitlines())) <= 100


def test_everything_can_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """No requirement or erratum leaves anything out."""
    for one in spec.requirements():
        flat = " ".join(run(capsys, "show", one.id)[1].split())
        for text in (one.since, one.optional_feature, one.rationale, one.divergence):
            assert text is None or " ".join(text.split()) in flat
        assert one.untestable is None or "untestable" in flat
        assert not one.draft or ", draft" in flat
    for erratum in spec.errata():
        flat = " ".join(run(capsys, "show", erratum.id)[1].split())
        for text in (
            erratum.topic,
            erratum.problem,
            erratum.practice,
            erratum.reading,
            erratum.why,
        ):
            assert " ".join(text.split()) in flat
        assert all(f"{name} " in flat for name in erratum.requirements)


def test_show_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """One id gives an object, several give a list."""
    assert told(capsys, "show", "EXEC-20", "--json")["level"] == "MUST"
    both = told(capsys, "show", "EXEC-20", "AMB-06", "--json")
    assert [one["id"] for one in both] == ["EXEC-20", "AMB-06"]


def test_show_a_vector(capsys: pytest.CaptureFixture[str]) -> None:
    """A vector is shown as in its file."""
    for file in spec.vectors():
        one = file.vectors[0]
        assert told(capsys, "show", one.id) == one.data


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """A schema is printed as it is."""
    assert told(capsys, "schema", "stream") == spec.schema("stream").document
    assert (
        told(capsys, "schema", "stream", "--version", "4.1", "--lenient")
        == spec.schema("stream", "4.1", "lenient").document
    )


def test_names_of_schemas(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a name there is a list of names."""
    assert run(capsys, "schema")[1].split() == [*spec.schema_names()]
    assert run(capsys, "schema", "--version", "4.0")[1].split() == [*spec.schema_names("4.0")]
    assert told(capsys, "schema", "--json") == [*spec.schema_names()]
    assert told(capsys, "schema", "stream", "--json") == spec.schema("stream").document


def test_lists_of_vectors(capsys: pytest.CaptureFixture[str]) -> None:
    """There is a list of subjects, and one of the vectors on each."""
    assert ids(run(capsys, "vectors")[1]) == [file.subject for file in spec.vectors()]
    assert len(told(capsys, "vectors", "--json")) == len(spec.vectors())
    for file in spec.vectors():
        assert ids(run(capsys, "vectors", file.subject)[1]) == [one.id for one in file.vectors]


def test_search(capsys: pytest.CaptureFixture[str]) -> None:
    """All words have to be there, in any order and case."""
    code, out, _ = run(capsys, "search", "Abort", "QUEUE")

    assert code == 0
    assert "EXEC-20" in ids(out)
    assert ids(out) == ids(run(capsys, "search", "queue", "abort")[1])
    assert len(ids(out)) < len(ids(run(capsys, "search", "abort")[1]))


def test_search_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    """Requirements, errata and schemas are found, and a field by its name."""
    found = told(capsys, "search", "display_id", "--json")

    assert {"requirement", "erratum", "schema"} <= {one["kind"] for one in found}
    names = {one["id"] for one in found}
    assert "update_display_data" in names
    # Its document holds the schemas of all contents, which are found by themselves.
    assert "message" not in names


def test_search_in_vain(capsys: pytest.CaptureFixture[str]) -> None:
    """Finding nothing is exit code 1, as with grep."""
    code, out, err = run(capsys, "search", "qwertzuiop")

    assert (code, out) == (1, "")
    assert "qwertzuiop" in err
    assert run(capsys, "search", "qwertzuiop", "--json")[:2] == (1, "[]\n")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["show", "ECEC-20"], "did you mean EXEC-20"),
        (["show", "EXEC-20", "AMB6"], "did you mean AMB-"),
        (["list", "--area", "EXCE"], "did you mean EXEC"),
        (["schema", "excute_request"], "did you mean execute_request"),
        (["schema", "stream", "--version", "6.5"], "did you mean 5."),
        (["list", "--area", "?"], "there are WIRE, SIGN, HDR, "),
        (["vectors", "?"], "there are buffers, connection, "),
    ],
)
def test_unknown_names(capsys: pytest.CaptureFixture[str], words: list[str], hint: str) -> None:
    """What does not exist is exit code 1, with what was perhaps meant and nothing else."""
    code, out, err = run(capsys, *words)

    assert (code, out) == (1, "")
    assert err.startswith("assay: wanted ")
    assert hint in err


@pytest.mark.parametrize(
    "words", [["show"], ["search"], ["list", "--level", "PERHAPS"], ["no-such-command"]]
)
def test_usage(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """A command that makes no sense has exit code 2."""
    assert run(capsys, *words)[0] == 2


@pytest.mark.parametrize("command", ["list", "show", "schema", "vectors", "search"])
def test_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """Each command has an example."""
    code, out, _ = run(capsys, command, "--help")

    assert code == 0
    assert f"\n  assay spec {command}" in out


def test_tables_wrap_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a terminal, no line is longer than the terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    capsys.readouterr()
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    _, out, _ = run(capsys, "list", "--area", "EXEC")

    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    "words",
    [
        ["spec", "show", "EXEC-20"],
        ["spec", "search", "heartbeat"],
        ["spec", "schema", "status"],
        ["--help"],
    ],
)
def test_the_specification_is_looked_up_without_sockets(words: list[str]) -> None:
    """Who only reads the specification loads neither ZeroMQ nor IPython."""
    code = (
        "import sys\n"
        "from assay.commands import run\n"
        f"code = run({words})\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(code, sorted(loaded & {'zmq', 'IPython', 'traitlets', 'jupyter_core', 'nbformat'}))"
    )

    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "0 []"
