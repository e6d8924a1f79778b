"""What is changed on the way between a client and debugpy, in memory."""

from __future__ import annotations

import stat
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import pytest

from assay.kernel.debugger._cells import HASH_SEED, CellFiles
from assay.kernel.debugger._errors import DebuggerError
from assay.kernel.debugger._scopes import Scopes
from assay.kernel.debugger._stack import is_standard, page, step_rules, user_frames
from assay.kernel.debugger._variables import FIRST_REFERENCE, MAX_PARTS, MAX_TEXT, Variables
from assay.protocol import Json, murmur2

STANDARD = sysconfig.get_path("stdlib")


def frame(path: str, name: str = "f", number: int = 1) -> Json:
    """Return a frame of the file at *path*."""
    return {"id": number, "name": name, "source": {"path": path}}


def paths(frames: list[Json]) -> list[str]:
    """Return the paths of *frames*."""
    return [one["source"]["path"] for one in frames if isinstance(one, dict)]


@pytest.mark.parametrize(
    ("stack", "shown"),
    [
        (["/cell/1.py"], 1),
        (["/lib/pandas.py", "/cell/1.py", "/cell/2.py", f"{STANDARD}/asyncio/events.py"], 3),
        (["/cell/1.py", "/home/script.py"], 1),
        (["/home/worker.py", f"{STANDARD}/threading.py", f"{STANDARD}/threading.py"], 1),
        ([f"{STANDARD}/json/decoder.py", "/home/worker.py", "<frozen runpy>"], 2),
        ([f"{STANDARD}/site-packages/numpy/a.py", f"{STANDARD}/threading.py"], 1),
        ([f"{STANDARD}/threading.py"], 1),
        ([], 0),
    ],
)
def test_stack_ends_with_the_users_frames(stack: list[str], shown: int) -> None:
    """Below the outermost cell, or below what is not Python's own, nothing is shown."""
    frames = [frame(path) for path in stack]

    found = user_frames(frames, lambda path: path.startswith("/cell/"))

    assert paths(found) == stack[:shown]


def test_pages_of_a_stack() -> None:
    """A client may ask for a part; the total is that of what it can see."""
    frames = [frame("/a", number=number) for number in range(5)]

    assert page(frames, {"startFrame": 1, "levels": 2}) == {
        "stackFrames": frames[1:3],
        "totalFrames": 5,
    }
    assert page(frames, {"levels": 0}) == page(frames, {}) == page(frames, {"levels": "x"})


def test_steps_pass_over_pythons_own_modules() -> None:
    """But not over what is installed among them, nor where a breakpoint is set."""
    wanted = f"{STANDARD}/json/decoder.py"
    rules = step_rules([wanted, "/cell/1.py"])

    by_path = {rule["path"]: rule["include"] for rule in rules if isinstance(rule, dict)}
    assert by_path[STANDARD] is False
    assert by_path[f"{STANDARD}/site-packages"] is True
    assert by_path[wanted] is True
    assert "/cell/1.py" not in by_path
    assert not is_standard("/cell/1.py")


def test_names_of_the_shell_are_hidden_in_its_namespace_alone() -> None:
    """A function's local variable may have any name."""
    scopes = Scopes({"In", "open"}.__contains__, lambda path: path.startswith("/cell/"))
    scopes.note_frames([frame("/cell/1.py", "f", 1), frame("/cell/1.py", "<module>", 2)])
    scopes.note_frames([frame("/lib/a.py", "g", 3)])
    for number in (1, 2, 3):
        scopes.note_scopes(
            number,
            [
                {"presentationHint": "locals", "variablesReference": 10 * number},
                {"variablesReference": 10 * number + 1},
            ],
        )
    body: dict[str, Json] = {
        "variables": [
            {"name": "In"},
            {"name": "x"},
            {"name": "function variables", "variablesReference": 77},
        ]
    }

    hiding = [
        reference
        for reference in (10, 11, 20, 21, 30, 31, 77, 78)
        if len(variables(scopes.without_hidden(reference, body))) == 2
    ]

    assert hiding == [11, 20, 21, 77]


def variables(body: Mapping[str, Json]) -> list[Json]:
    """Return the variables of a *body*."""
    found = body["variables"]
    assert isinstance(found, list)
    return found


class Rude:
    """An object whose every method raises."""

    def __init__(self) -> None:
        self.part = 1

    def __repr__(self) -> str:
        raise RuntimeError("no")

    def __getattr__(self, name: str) -> object:
        raise AssertionError(name)

    def __len__(self) -> int:
        raise AssertionError

    def __bool__(self) -> bool:
        raise AssertionError


def listed(namespace: Mapping[str, object]) -> tuple[Variables, dict[object, dict[str, Json]]]:
    """Return the variables of *namespace*, and what is shown of each, by name."""
    found = Variables(lambda: namespace)
    return found, {one["name"]: one for one in found.all() if isinstance(one, dict)}


def test_variables_have_parts() -> None:
    """What has parts has a reference for them, and each part an expression."""
    found, shown = listed({"x": [1, {"k{}": (2,)}], "n": 1, "e": [], "s": {3}, "o": Rude()})

    inner = found.parts(reference(shown["x"]))
    deeper = found.parts(reference(inner[1]))
    deepest = found.parts(reference(deeper[0]))

    assert [shown[name]["variablesReference"] for name in ("n", "e")] == [0, 0]
    assert [one["evaluateName"] for one in (inner[1], deeper[0], deepest[0])] == [  # type: ignore[call-overload, index]  # objects
        "x[1]",
        "x[1]['k{}']",
        "x[1]['k{}'][0]",
    ]
    assert reference(shown["s"]) >= FIRST_REFERENCE
    assert [one["name"] for one in found.parts(reference(shown["o"]))] == ["part"]  # type: ignore[call-overload, index]  # objects
    assert "RuntimeError: no" in str(shown["o"]["value"])


def reference(one: Json) -> int:
    """Return the reference of a variable."""
    assert isinstance(one, dict)
    found = one["variablesReference"]
    assert isinstance(found, int)
    return found


def test_large_variables_are_shown_in_part() -> None:
    """Neither a long text nor a long list takes long, and a list can be paged through."""
    found, shown = listed({"t": "x" * 10**6, "l": list(range(10**5))})

    assert all(len(str(one["value"])) <= MAX_TEXT + 1 for one in shown.values())
    assert len(found.parts(reference(shown["l"]))) == MAX_PARTS
    last = found.parts(reference(shown["l"]), 99_999, 5)
    assert [one["value"] for one in last] == ["99999"]  # type: ignore[call-overload, index]  # objects


def test_old_references_are_void() -> None:
    """A reference lasts until the variables are listed again."""
    found, shown = listed({"x": [1]})
    old = reference(shown["x"])
    found._namespace = dict
    found.all()

    with pytest.raises(DebuggerError, match="no variable with the reference"):
        found.parts(old)


def test_file_of_a_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path is made of what debugInfo tells, the file holds the code, others cannot read it, and
    at the end it is gone (DEBUG-05, DEBUG-13)."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cells = CellFiles()
    code = "x = 'ü'\r\n\ud800"

    path = Path(cells.dump(code))

    hashed = murmur2(code.encode("utf-8", "surrogatepass"), HASH_SEED)
    assert str(path) == f"{cells.prefix}{hashed}{cells.suffix}" == cells.path(code)
    assert path.read_bytes() == code.encode("utf-8", "surrogatepass")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (cells.code(str(path)), cells.code("/else")) == (code, None)
    cells.remove()
    assert not path.parent.exists()


def test_path_of_a_cell_is_known_for_one() -> None:
    """The path has what clients look for, which then show the number of the cell (AMB-29)."""
    cells, others = CellFiles(), CellFiles()

    assert "ipykernel_" in cells.path("1")
    assert cells.prefix != others.prefix


def test_cell_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is told why."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))

    with pytest.raises(DebuggerError, match="cannot write the cell"):
        CellFiles().dump("1")


@pytest.mark.parametrize(
    ("text", "seed", "hashed"),
    # Computed with another implementation, that of ipykernel 7.4.
    [("", 0, 0), ("a", 0, 2456313694), ("print(1)", 0xC70F6907, 3773950048)],
)
def test_hash_is_that_of_the_clients(text: str, seed: int, hashed: int) -> None:
    """The hash is MurmurHash2, as the clients compute it."""
    assert murmur2(text.encode(), seed) == hashed
