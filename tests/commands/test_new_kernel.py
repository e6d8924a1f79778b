"""``assay new-kernel`` and ``assay install --argv``: kernels of other languages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from assay.__main__ import main
from tests.limits import HANG_LIMIT_S

ECHO = Path(__file__).parents[2] / "examples" / "echo.py"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A new package, with names that have to be changed to be Python's."""
    folder = tmp_path / "made"
    words = ["--language", "chess notation", "--display-name", "Chess 'moves'"]
    assert main(["new-kernel", "My-Chess", str(folder), *words]) == 0
    return folder


def test_package_is_whole(package: Path) -> None:
    """Its parts agree about the names: project, kernelspec, package, command; what it installs is
    there, and by a builder that installs the kernelspec with ``pip install -e`` as well."""
    project = tomllib.loads((package / "pyproject.toml").read_text("utf-8"))
    spec = json.loads((package / "kernelspec" / "kernel.json").read_text("utf-8"))

    assert project["project"]["name"] == "my-chess-kernel"
    assert project["build-system"]["build-backend"] == "hatchling.build"
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["src/my_chess_kernel"]
    installed = "share/jupyter/kernels/my-chess/kernel.json"
    assert wheel["shared-data"] == {"kernelspec/kernel.json": installed}
    assert (package / wheel["packages"][0] / "py.typed").exists()
    assert spec == {
        "argv": ["python", "-m", "my_chess_kernel", "-f", "{connection_file}"],
        "display_name": "Chess 'moves'",
        "language": "chess notation",
        "interrupt_mode": "signal",
    }
    assert "assay check my-chess" in (package / ".github/workflows/test.yml").read_text("utf-8")


def test_its_own_tests_pass(package: Path) -> None:
    """They run against its kernel, by the fixture of pytest's plugin, and it is strictly typed."""
    env = {**os.environ, "PYTHONPATH": str(package / "src"), "NO_COLOR": "1"}
    plugin = ["-p", "no:assay", "-p", "assay.pytest_plugin", "-p", "no:cacheprovider"]
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugin],
        cwd=package,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_LIMIT_S,
    )

    assert (tests.returncode, "4 passed" in tests.stdout) == (0, True), tests.stdout


def test_fixture_asks_for_a_command(tmp_path: Path) -> None:
    """Without a command in the configuration the fixture says what it wants."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nassay_kernel_command = python -m x\n")
    (tmp_path / "test_it.py").write_text("def test_it(kernel_client):\n    pass\n")
    plugin = ["-p", "no:assay", "-p", "assay.pytest_plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugin],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_LIMIT_S,
    )

    assert done.returncode == 1
    assert "wanted assay_kernel_command" in done.stdout
    assert "found 'python -m x'" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a b"], "wanted a name of ASCII letters"),
        (["1st"], "begins with a letter"),
        (["x", "--extension", "a\nb"], "--extension"),
        (["x", "--display-name", 'a"b'], "--display-name"),
    ],
)
def test_names_that_are_none(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are refused, and nothing is written."""
    folder = tmp_path / "made"

    assert main(["new-kernel", words[0], str(folder), *words[1:]]) == 1
    assert said in capsys.readouterr().err
    assert not folder.exists()


def test_full_folder_is_left_alone(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written over."""
    assert main(["new-kernel", "other", str(package)]) == 1
    assert "wanted a new or empty folder" in capsys.readouterr().err


def test_command_is_installed_run_and_removed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Any command can be a kernelspec, which is found, started, replaced and removed."""
    argv = ["--argv", f"python '{ECHO}' -f {{connection_file}}", "--language", "echo"]
    where = ["install", "--user", "--name", "echo", "--display-name", "Echo"]

    assert main([*where, *argv, "--interrupt-mode", "message"]) == 0
    folder = home / "jupyter_data_dir" / "kernels" / "echo"
    spec = json.loads((folder / "kernel.json").read_text("utf-8"))
    assert spec["argv"] == [sys.executable, str(ECHO), "-f", "{connection_file}"]
    assert (spec["language"], spec["interrupt_mode"]) == ("echo", "message")
    assert [path.name for path in folder.iterdir()] == ["kernel.json"]
    assert main([*where, *argv]) == 0
    assert main(["run", "--kernel", "echo", "-c", "gold"]) == 0
    assert "gold" in capsys.readouterr().out
    assert main(["uninstall", "--name", "echo", "-y"]) == 0
    assert not folder.exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--name", "n", "--language", "x", "--argv", "python x.py"], 1, "{connection_file}"),
        (["--name", "n", "--language", "x", "--argv", "no-such {connection_file}"], 1, "no-such"),
        (["--name", "n", "--language", "x", "--argv", "'a {connection_file}"], 1, "--argv"),
        (["--name", "n", "--argv", "python {connection_file}"], 2, "--language"),
        (["--language", "x", "--argv", "python {connection_file}"], 2, "--name"),
        (["--language", "x"], 2, "--argv"),
    ],
)
def test_command_that_is_none(
    words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused, and the error says what was wanted."""
    assert main(["install", "--user", *words]) == code
    assert said in capsys.readouterr().err
