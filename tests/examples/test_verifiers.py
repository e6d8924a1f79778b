"""The verifiers in other languages agree with every vector, and notice one that is wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "verifiers"
VECTORS = ROOT / "spec" / "vectors"
LIMIT_S = 300.0

TOOLS = {"javascript": "node", "go": "go", "rust": "rustc"}
MOST = {"javascript": 720, "go": 710, "rust": 700}
"""How many vectors are right at least: what is left out may grow, and these may not shrink."""


@cache
def built(language: str, into: Path) -> list[str]:
    """Return the command that runs the verifier, made where it has to be."""
    sources = sorted(map(str, (FOLDER / language).iterdir()))
    program = str(into / language)
    match language:
        case "javascript":
            return ["node", *sources]
        case "go":
            command = ["go", "build", "-o", program, *sources]
        case _:
            source = str(FOLDER / language / "verify.rs")
            command = ["rustc", "--edition", "2021", "-o", program, source]
    environment = {**os.environ, "GOCACHE": str(into / "cache")}
    subprocess.run(command, check=True, timeout=LIMIT_S, env=environment)
    return [program]


@pytest.fixture(name="command", params=sorted(TOOLS))
def command_of_a_language(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[str]]:
    language: str = request.param
    if shutil.which(TOOLS[language]) is None:
        pytest.skip(f"{TOOLS[language]} is not installed: the verifier in {language} was not run")
    return language, built(language, tmp_path_factory.getbasetemp())


def run(command: list[str], folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [*command, str(folder)], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_it_agrees_with_every_vector(command: tuple[str, list[str]]) -> None:
    """Nothing is wrong, and hardly anything is left out."""
    language, program = command

    status, said = run(program, VECTORS)

    counted = re.search(r"(\d+) right, (\d+) wrong, (\d+) left out", said)
    assert counted is not None, said
    assert (status, int(counted[2])) == (0, 0), said
    assert int(counted[1]) >= MOST[language]


def test_it_notices_what_is_wrong(command: tuple[str, list[str]], tmp_path: Path) -> None:
    """A vector that says the contrary, one with another content, and a refusal elsewhere."""
    whole = json.loads((VECTORS / "framing.json").read_text("utf-8"))
    valid = next(one for one in whole["vectors"] if one["result"] == "valid")
    invalid = next(one for one in whole["vectors"] if one.get("stage") == "framing")
    other = {**valid["decoded"], "content": {"x": 1}}
    refused = {"result": "invalid", "breaks": "WIRE-02", "stage": "framing"}
    spoilt = {
        "VEC-FRAMING-901": {**valid, **refused},
        "VEC-FRAMING-902": {**valid, "decoded": other},
        "VEC-FRAMING-903": {**invalid, "stage": "json"},
        "VEC-FRAMING-904": {**invalid, "result": "valid"},
        "VEC-FRAMING-905": valid,
    }
    vectors = [{**one, "id": name} for name, one in spoilt.items()]
    (tmp_path / "framing.json").write_text(json.dumps({**whole, "vectors": vectors}), "utf-8")

    status, said = run(command[1], tmp_path)

    assert status == 1
    assert re.findall(r"VEC-FRAMING-(\d+)", said) == ["901", "902", "903", "904"]
    assert "1 right, 4 wrong" in said


def test_each_is_short() -> None:
    """Each is one file, read in one go; beside Rust's stands what others have in the language."""
    for language in TOOLS:
        found = {path.name: path for path in (FOLDER / language).iterdir()}
        (program,) = (path for name, path in found.items() if name.startswith("verify."))
        assert len(program.read_text("utf-8").splitlines()) < 200, program.name
        assert {*found} - {program.name} <= {"hmac.rs", "json.rs"}
