"""A working directory full of files that are named like modules the kernel needs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from assay.protocol import Channel, CompleteReply, CompleteRequest, DisplayData, InspectRequest
from assay.transport import Client, KernelProcess
from tests.kernel._kernels import HANG_LIMIT_S, execute, failed, outputs, result, start, succeeded

OURS = {"assay", "kernel", "protocol", "transport", "conformance", "testing", "commands"}
"""Our own package, and the folders of its repository."""

RAISES = "raise ImportError(f'{__name__} of the working directory was imported')\n"

NAMES = sorted(
    {name for name in sys.stdlib_module_names if name not in {"__main__", "antigravity", "this"}}
    | {name for name in packages_distributions() if name.isidentifier()}
    | OURS
)


@pytest.fixture(scope="module")
def surrounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelProcess]:
    """A kernel in a folder that has a file, which raises, for every name that could be imported."""
    folder = tmp_path_factory.mktemp("shadows")
    work = folder / "work"
    work.mkdir()
    for name in NAMES:
        (work / f"{name}.py").write_text(RAISES)
    with start(folder, cwd=work) as kernel:
        yield kernel


@pytest.fixture
def client(surrounded: KernelProcess) -> Iterator[Client]:
    """A client of that kernel."""
    with surrounded.client(timeout=HANG_LIMIT_S) as client:
        yield client


def test_code_runs(client: Client) -> None:
    """The kernel starts, runs cells and shows errors (EXEC-16, EXEC-17)."""
    assert result(execute(client, "1 + 1")) == "2"
    assert failed(execute(client, "1 / 0", stop_on_error=False)).ename == "ZeroDivisionError"
    assert result(execute(client, "import asyncio\nawait asyncio.sleep(0, 'slept')")) == "'slept'"


def test_questions_are_answered(client: Client) -> None:
    """Completion, inspection and history work (COMPLETE-01, INSPECT-01)."""
    execute(client, "a_long_name = 1")
    completed = client.request(CompleteRequest(code="a_long_"), timeout=HANG_LIMIT_S)
    inspected = client.request(InspectRequest(code="len"), timeout=HANG_LIMIT_S)

    assert isinstance(completed.content, CompleteReply)
    assert completed.content.matches == ("a_long_name",)
    assert "number of items" in str(inspected.content)


def test_displays_and_commands_work(client: Client) -> None:
    """Displays, magics, child processes and prompts work (IOPUB-10, EXEC-31)."""
    execute(client, "from IPython.display import HTML")
    answer = execute(client, "display(HTML('<b>bold</b>'))\n!echo child\n%pwd")
    bash = execute(client, "%%bash\necho bash")

    assert outputs(answer) == ["display_data", "stdout", "execute_result"]
    assert bash.text() == "bash\n"
    assert result(execute(client, "kept = !echo kept\nkept[0]")) == "'kept'"


def test_standard_modules_are_pythons(client: Client) -> None:
    """The standard library comes before the working directory, as its documentation has it for
    modules that are part of it (EXEC-01)."""
    answer = execute(client, "import random, json, logging, random as r\nr.__name__")

    assert result(answer) == "'random'"


@pytest.mark.parametrize("name", ["kernel", "protocol", "testing", "commands"])
def test_files_named_like_our_folders_are_the_users(client: Client, name: str) -> None:
    """`import kernel` finds the user's file, which is not ours to hide (EXEC-01)."""
    answer = execute(client, f"import {name}", stop_on_error=False)

    assert failed(answer).evalue == f"{name} of the working directory was imported"


def test_comms_work(client: Client) -> None:
    """Comms need nothing from the working directory (COMM-01)."""
    answer = execute(client, "from comm import create_comm; create_comm(target_name='t').close()")

    succeeded(answer)
    assert "comm_open" in answer.types


def test_kernel_can_be_interrupted_and_ended(tmp_path: Path) -> None:
    """Shutting down imports nothing from the working directory (CTRL-05)."""
    work = tmp_path / "work"
    work.mkdir()
    for name in NAMES:
        (work / f"{name}.py").write_text(RAISES)
    with start(tmp_path, cwd=work) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        execute(client, "import atexit; atexit.register(print, 'bye');")

        assert kernel.shutdown() == 0
        assert "bye" in str(client.waiting(Channel.IOPUB))
        assert "working directory" not in kernel.written()


def test_plots_work_beside_files_of_standard_names(tmp_path: Path) -> None:
    """matplotlib draws beside files that are named like modules it needs (IOPUB-13)."""
    work = tmp_path / "work"
    work.mkdir()
    for name in sorted(set(sys.stdlib_module_names) - {"__main__", "antigravity", "this"}):
        (work / f"{name}.py").write_text(RAISES)
    with start(tmp_path, cwd=work) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        answer = execute(client, "import matplotlib.pyplot as plt\nplt.plot([1, 2]);")

    assert any("image/png" in shown.data for shown in answer.contents(DisplayData)), answer.content


def test_own_modules_can_be_imported(tmp_path: Path) -> None:
    """Files of the user's are importable, whatever our own modules are called (EXEC-01)."""
    work = tmp_path / "work"
    work.mkdir()
    for name in ("kernel", "protocol", "transport", "mine"):
        (work / f"{name}.py").write_text(f"value = 'the user's {name}'".replace("'s", "s"))
    with start(tmp_path, cwd=work) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        answer = execute(
            client,
            "import kernel, protocol, transport, mine, sys\n"
            "for module in (kernel, protocol, transport, mine): print(module.value)\n"
            "'' in sys.path",
        )

    assert result(answer) == "True"
    assert answer.text().count("the users") == 4


@pytest.mark.parametrize(("options", "safe"), [(["--ignore-cwd"], ""), ([], "1")])
def test_working_directory_can_be_left_out(tmp_path: Path, options: list[str], safe: str) -> None:
    """``--ignore-cwd`` keeps the working directory off the path, and so does PYTHONSAFEPATH, as for
    Python itself (EXEC-01)."""
    with (
        start(tmp_path, *options, env={"PYTHONSAFEPATH": safe}) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        assert result(execute(client, "import sys; '' in sys.path")) == "False"


def test_working_directory_may_vanish(tmp_path: Path) -> None:
    """The kernel works on where its working directory has been removed (EXEC-01)."""
    with start(tmp_path) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        execute(client, "import os; os.rmdir(os.getcwd())")
        completed = client.request(CompleteRequest(code="prin"), timeout=HANG_LIMIT_S)
        answer = execute(client, "!echo child\n1")

        assert isinstance(completed.content, CompleteReply)
        assert "child" in answer.text()
        assert result(answer) == "1"
        assert kernel.shutdown() == 0
