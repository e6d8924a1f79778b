"""``pytest --assay-kernel NAME`` collects the checks as tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CALCULATOR = ROOT / "examples" / "calculator.py"

OWN_TEST = """
def test_own(kernel, client, conversation):
    response = client.execute("6 * 7")
    assert response.succeeded().content["execution_count"] == 1
    assert conversation
"""


@pytest.fixture
def kernels(tmp_path: Path) -> Path:
    """A folder in which Jupyter finds a calculator."""
    _install(tmp_path, "calculator", [sys.executable, str(CALCULATOR), "-f", "{connection_file}"])
    return tmp_path


def _install(folder: Path, name: str, argv: list[str]) -> None:
    place = folder / "kernels" / name
    place.mkdir(parents=True)
    env = {"PYTHONPATH": str(ROOT)}
    spec = {"argv": argv, "display_name": name, "language": name, "env": env}
    (place / "kernel.json").write_text(json.dumps(spec))


def _pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_own.py").write_text(OWN_TEST)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:assay", "-p", "assay.pytest_plugin", "-v"]
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env={**os.environ, "JUPYTER_PATH": str(folder), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_checks_are_tests(kernels: Path) -> None:
    """Each check is a test, beside the tests of one's own, which get the fixtures; no warnings."""
    chosen = ("--assay-select", "SIGN,SHELL-04", "--assay-ignore", "SIGN-02")
    done = _pytest(
        kernels, "-Werror::pytest.PytestDeprecationWarning", "--assay-kernel", "calculator", *chosen
    )

    assert done.returncode == 0, done.stdout
    for name in ("test_own", "SIGN-07.1", "in passing"):
        assert any(name in line and "PASSED" in line for line in done.stdout.splitlines()), name
    assert any("SHELL-04.1" in line and "SKIPPED" in line for line in done.stdout.splitlines())
    assert "SIGN-02" not in done.stdout


def test_accepted_failures(kernels: Path) -> None:
    """What a baseline accepts, of a check or in passing, is no failed test."""
    argv = [sys.executable, "-m", "tests.faults", "--fault", "hdr-username-missing"]
    _install(kernels, "faulty", [*argv, "-f", "{connection_file}"])
    baseline = kernels / "baseline.toml"
    baseline.write_text('[accepted]\n"HDR-01.1" = "issue 7"\n"HDR-01.0" = "issue 7"\n')
    chosen = ("--assay-kernel", "faulty", "--assay-select", "HDR-01", "-k", "HDR or passing")

    assert _pytest(kernels, *chosen).returncode == pytest.ExitCode.TESTS_FAILED
    done = _pytest(kernels, *chosen, "--assay-baseline", str(baseline))
    assert done.returncode == pytest.ExitCode.OK, done.stdout


def test_kernel_that_does_not_start(kernels: Path) -> None:
    """A kernel that does not start is tried once; no check passes, and each says why."""
    starts = kernels / "starts"
    script = f"open({str(starts)!r}, 'a').write('x'); raise SystemExit('no luck')"
    _install(kernels, "dead", [sys.executable, "-c", script, "{connection_file}"])

    done = _pytest(
        kernels,
        "--assay-kernel",
        "dead",
        "--assay-select",
        "SIGN-07,SIGN-02",
        "-k",
        "SIGN or passing",
    )

    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert " passed" not in done.stdout
    assert done.stdout.count("no luck") >= 3
    assert starts.read_text() == "x"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["calculatro"], "wanted a kernelspec named 'calculatro'"),
        (["calculator", "--assay-select", "SHEL-04.1"], "did you mean SHELL-04.1"),
        (["calculator", "-n", "2"], "wanted --dist loadfile or loadscope"),
    ],
)
def test_wrong_options(arguments: list[str], complaint: str, kernels: Path) -> None:
    """An option that makes no sense is an error of usage, and no traceback."""
    done = _pytest(kernels, "--assay-kernel", *arguments)

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert complaint in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_without_a_kernel(kernels: Path) -> None:
    """Nothing is collected, and nothing of the checks imported, unless a kernel is named."""
    (kernels / "test_idle.py").write_text(
        "import sys\n\ndef test_idle():\n    assert 'assay.conformance' not in sys.modules\n"
    )

    done = _pytest(kernels, "test_idle.py")

    assert "1 passed" in done.stdout


def test_collected_checks_are_counted(kernels: Path) -> None:
    """`--collect-only` counts the tests that it names."""
    chosen = ("--assay-kernel", "calculator", "--assay-select", "SIGN-07", "--collect-only")
    done = _pytest(kernels, *chosen, "test_own.py")

    named = [line for line in done.stdout.splitlines() if "<Function" in line or "Item" in line]
    assert any("SIGN-07.1" in line for line in named), done.stdout
    assert f" {len(named)} tests collected" in done.stdout


def test_a_fixture_without_a_kernel_says_what_is_missing(kernels: Path) -> None:
    """The fixtures are there where a kernel is named, and the error says how."""
    done = _pytest(kernels, "test_own.py")

    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "the fixture 'kernel' is there where a kernel is named: --assay-kernel" in done.stdout
