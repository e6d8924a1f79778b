"""Kernels that die: what they leave, and what their launcher says of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assay._record import record_path
from assay._record_reader import Story, story_of_connection
from assay.protocol import Channel, ConnectionFile, ShutdownRequest
from assay.transport import Client, KernelEndedError, KernelProcess, launch
from tests.kernel._kernels import HANG_LIMIT_S, argv, begin, execute, finish, result, text_of

CRASH = "secret = 'of the user'; import ctypes\nctypes.string_at(0)"

CHILD_CRASHES = """
import ctypes, os
child = os.fork()
if not child:
    ctypes.string_at(0)
os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""

FAILS_AT_START = """
import sys
from assay.kernel._info import kernel_info
from assay.kernel._main import serve

def prepare(rest):
    raise ImportError("no module named IPython")

sys.exit(serve(["-f", sys.argv[1]], kernel_info(), prepare))
"""


@contextmanager
def started(folder: Path) -> Iterator[tuple[KernelProcess, Client]]:
    """Start a kernel whose files are in *folder*, and that finds nothing else of this machine."""
    environment = {"IPYTHONDIR": str(folder / "ipython")}
    with (
        launch(argv(), folder=folder, kernel_chooses_ports=True, env=environment) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        yield kernel, client


def story(kernel: KernelProcess) -> Story:
    """Return what *kernel* has left by now."""
    found = story_of_connection(kernel.connection_file)
    assert found is not None
    return found


def died(client: Client, code: str) -> str:
    """Run *code*, which ends the process, and return what the client says."""
    exchange = begin(client, code)
    with pytest.raises(KernelEndedError) as caught:
        finish(client, exchange)
    return str(caught.value)


def test_crash(tmp_path: Path) -> None:
    """The launcher says what crashed and where, without code; the next kernel says it again."""
    with started(tmp_path) as (kernel, client):
        execute(client, "x = 1")
        said = died(client, CRASH)
        left = story(kernel)
        kernel.connection_file.unlink()  # the next one chooses ports of its own
        following = started_again(kernel.connection_file, tmp_path)
        names = [path.name for path in tmp_path.glob(".*.record")]

    for wanted in ("by SIGSEGV", "while cell 2 ran", "a segmentation fault", "string_at"):
        assert wanted in said
    assert "secret" not in said
    assert [(cell.number, cell.ended, cell.line) for cell in left.cells] == [
        (2, None, CRASH.split("\n", maxsplit=1)[0])
    ]
    assert not left.runs
    assert "the kernel before this one died while cell 2 ran" in following
    assert "string_at" in following
    assert names == [f".{kernel.connection_file.name}.former.record"]


def started_again(connection_file: Path, folder: Path) -> str:
    """Start a kernel with the same file, end it, and return what it wrote to stderr."""
    command = [str(connection_file) if "{" in word else word for word in argv()]
    environment = os.environ | {"IPYTHONDIR": str(folder / "ipython")}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            return _ended(process, connection_file)
        finally:
            process.kill()


def _ended(process: subprocess.Popen[str], connection_file: Path) -> str:
    """End the kernel by request, and return what it wrote to stderr."""
    assert process.stderr is not None
    written = ""
    while "connect a client with" not in written:
        line = process.stderr.readline()
        assert line, written
        written += line
    with Client(ConnectionFile.read(connection_file)) as client:
        client.wait_until_ready(HANG_LIMIT_S)
        client.send(ShutdownRequest(), channel=Channel.CONTROL)
        return written + process.communicate(timeout=HANG_LIMIT_S)[1]


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "for want of memory"),
        ("import ctypes; ctypes.CDLL(None)._exit(3)", "exit code 3 and without a word"),
    ],
)
def test_end_without_a_word(tmp_path: Path, code: str, wanted: str) -> None:
    """What the process could not say itself is found in what it left."""
    with started(tmp_path) as (_, client):
        said = died(client, code)

    assert "it died while cell 1 ran" in said
    assert wanted in said


KEEPS_ITS_HANDLER = """
import signal
before = signal.signal(signal.SIGALRM, lambda *_: print("handled"))
signal.raise_signal(signal.SIGALRM)
"""


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("import signal; signal.raise_signal(signal.SIGXCPU)", "the limit of processor time"),
        ("import signal; signal.raise_signal(signal.SIGALRM)", "an alarm that its program had set"),
    ],
)
def test_end_that_faulthandler_does_not_name(tmp_path: Path, code: str, wanted: str) -> None:
    """The record alone says the cause and where it was, and the launcher says the same."""
    with started(tmp_path) as (kernel, client):
        said = died(client, code)
        left = story(kernel)

    assert left.cause().startswith(wanted)
    assert "<module>" in left.stacks
    assert wanted in said


def test_handler_of_an_alarm_is_the_programs(tmp_path: Path) -> None:
    """It is called, and nothing is written to the record."""
    with started(tmp_path) as (kernel, client):
        answer = execute(client, KEEPS_ITS_HANDLER)
        died(client, "import os; os.kill(os.getpid(), signal.SIGKILL)")
        left = story(kernel)

    assert text_of(answer.published) == "handled\n"
    assert left.stacks == ""


EXITS = """
import os, threading
if not (child := os.fork()):
    os._exit(4)
os.waitpid(child, 0)
try:
    os._exit("no status")
except TypeError:
    thread = threading.Thread(target=lambda: os._exit(3))
    thread.start()
    thread.join()
"""


def test_exit_by_the_program(tmp_path: Path) -> None:
    """`os._exit` is named as the cause, with its status and where it was called; that of a forked
    child is none of the kernel's, nor is a call that fails."""
    with started(tmp_path) as (kernel, client):
        said = died(client, EXITS)
        left = story(kernel)

    assert "while cell 1 ran" in said
    assert left.cause() == "its program called os._exit(3)"
    assert "in <lambda>" in left.stacks


EXITS_OF_OTHERS = """
import os
try:
    os._exit(2**40)
except OverflowError:
    child = os.getpid() + 1
    os.getpid = lambda: child
    os._exit(5)
"""
"""The second is as in a child that C code has forked. A real one may wait for ever for a thread
that the fork has not copied: where that wanted Python's lock, Python waits until it has it."""


def test_exits_that_do_not_end_the_kernel(tmp_path: Path) -> None:
    """An `os._exit` that fails, or is of a child that C code has forked, is no cause of the end."""
    with started(tmp_path) as (kernel, client):
        died(client, EXITS_OF_OTHERS)
        left = story(kernel)

    assert "os._exit" not in left.cause()
    assert left.stacks == ""


def test_good_end(tmp_path: Path) -> None:
    """A kernel that ends well leaves nothing, and what a child of it did is not its own."""
    with started(tmp_path) as (kernel, client):
        status = result(execute(client, CHILD_CRASHES))
        living = story(kernel)
        mode = living.path.stat().st_mode & 0o777
        execute(client, "not_stored", store_history=False)
        after = story(kernel)
        kernel.shutdown(timeout=HANG_LIMIT_S)
        kernel.ending()  # waits until all is read
        written = kernel.written()

    assert status == str(-signal.SIGSEGV)
    assert (living.runs, living.stacks, mode) == (True, "", 0o600)
    assert (after.cells[-1].line, after.cells[-1].ended is None) == ("", False)
    assert "Segmentation fault" in written
    assert [*tmp_path.glob(".*.record")] == []


def test_killed_by_its_launcher(tmp_path: Path) -> None:
    """What the launcher has killed itself did not die of anything."""
    with started(tmp_path) as (kernel, _):
        kernel.kill(gently=False)

    assert [*tmp_path.glob(".*.record")] == []


def test_start_that_fails(tmp_path: Path) -> None:
    """A kernel that cannot listen, or whose imports fail, leaves the reason. The next one that
    cannot listen says its own alone: the first has said its own on the same terminal."""
    written: list[str] = []
    path = tmp_path / "kernel.json"
    environment = os.environ | {"IPYTHONDIR": str(tmp_path)}

    def ended(*command: str) -> tuple[int, str]:
        done = subprocess.run(
            command,
            env=environment,
            stderr=subprocess.PIPE,
            timeout=HANG_LIMIT_S,
            check=False,
            text=True,
        )
        written.append(done.stderr)
        found = story_of_connection(path)
        assert found is not None
        return done.returncode, found.cause()

    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = ConnectionFile(key="k", control_port=server.getsockname()[1])
        taken.write(path)
        command = [str(path) if "{" in word else word for word in argv()]
        listens = ended(*command)
        again = ended(*command)
    ConnectionFile(key="k").write(path)
    Path(record_path(str(path))).unlink()
    imports = ended(sys.executable, "-P", "-c", FAILS_AT_START, str(path))

    assert again == listens
    assert written[0] == written[1]
    assert len(written[0].splitlines()) == 1
    assert listens[0] == imports[0] == 1
    assert listens[1].startswith("it could not start: control: cannot bind")
    assert imports[1] == "a fault of the kernel: ImportError: no module named IPython"
