"""Kernels in a program: embedded, in the background, a step at a time; and in a process of their
own. What a program with such kernels finds is written by `tests.kernel.embedding_program`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay.kernel import launch
from tests.kernel._kernels import FOLDERS
from tests.kernel.embedding_program import TIMES
from tests.kernel.test_guest import run_program, run_python
from tests.limits import HANG_LIMIT_S

Report = dict[str, dict[str, Any]]

ENDING = """
import atexit

weights = {"gold": 1}

@atexit.register
def save():
    print("saved", weights)

from assay.kernel import serve_background
from tests.limits import HANG_LIMIT_S

kernel = serve_background()
with kernel.connect() as client:
    client.execute("weights['silver'] = 2", timeout=HANG_LIMIT_S)
"""
"""A program that ends with a kernel in it."""

STAYING = """
import threading

from zmq.utils.garbage import gc as collector

from assay.kernel import serve_background
from tests.kernel.guest_program import descriptors
from tests.limits import HANG_LIMIT_S

threads, opened = threading.enumerate(), descriptors()
for _ in range(2):
    with serve_background({}) as kernel, kernel.connect() as client:
        client.execute("1", timeout=HANG_LIMIT_S)
print([thread is collector.thread for thread in threading.enumerate() if thread not in threads])
print(len(descriptors()) - len(opened))
collector.stop()
print(threading.enumerate() == threads, descriptors() == opened)
"""
"""A program that has kernels in it, and then takes what stays away."""

IMPORTING = """
import ctypes, sys, threading

from assay.kernel import serve_background
from assay.protocol import ExecuteRequest
from tests.limits import HANG_LIMIT_S

added = []
ctypes.pythonapi = type("Python", (), {
    "Py_AddPendingCall": lambda *call: added.append(call),
    "__getattr__": lambda _, name, real=ctypes.pythonapi: getattr(real, name),
})()
begun, go_on = threading.Event(), threading.Event()
with serve_background() as kernel, kernel.connect() as client:
    assert "asyncio" not in sys.modules
    running = client.start(ExecuteRequest(code="begun.set(); go_on.wait()"))
    begun.wait(HANG_LIMIT_S)
    import asyncio
    go_on.set()
    client.finish(running, timeout=HANG_LIMIT_S)
    client.execute("loop = asyncio.get_running_loop()", timeout=HANG_LIMIT_S)
    print(len(added), "loop" in globals())
"""
"""A program that imports asyncio while a cell runs in another thread."""

CONNECTING = """
from assay.kernel import serve_background, serve_in_steps
from assay.transport import KernelEndedError

for serve in (serve_background, serve_in_steps):
    with serve() as kernel, kernel.connect() as client:
        print(client.welcomed)
    try:
        kernel.connect()
    except KernelEndedError as error:
        print(error)
"""
"""A program that talks to the kernels in it."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """What the program finds; it does it all in one process."""
    return run_program("embedding_program", folder=tmp_path_factory.mktemp("embedding"))


def test_started_and_stopped_often_nothing_is_left(report: Report) -> None:
    """Each kernel in the background works, and after many the process is as it was: threads,
    descriptors, hooks, streams, signals, builtins, modules, exit functions, the module's names."""
    assert report["start and stop"] == {
        "answers": [["4"]] * TIMES,
        "changed": [],
        "exit functions": [],
        "descriptors": 0,
        "file is left": False,
    }


def test_nothing_is_the_kernels_between_cells(report: Report) -> None:
    """While no cell runs the process is the program's; while one does, each prints where it should,
    also behind a redirection of the program's that comes and goes meanwhile. What is asked while a
    cell runs leaves no warnings filter behind."""
    assert report["between cells"] == {
        "changed": [],
        "of the cell": "cell\nstill the cell\n",
        "redirected": "redirected\n",
        "asked meanwhile": "invalid",
        "filters": [],
        "asked": ["'to name? to ? '"],
        "announced": [False],
        "stdout": True,
    }


def test_cells_in_the_background_are_interrupted(report: Report) -> None:
    """By a client, and by the end, which answers them: code that runs, and code that awaits."""
    assert report["interrupts"] == {
        "shown": [
            ["KeyboardInterrupt"],
            ["KeyboardInterrupt"],
            ["'goes on'"],
            ["KeyboardInterrupt"],
        ],
        "is running": False,
    }


def test_interrupts_wait_for_what_is_not_done_by_half(report: Report) -> None:
    """What a cell runs inside `uninterrupted` is done as a whole; then the interrupt comes."""
    assert report["put off"] == {"shown": ["KeyboardInterrupt", "True"]}


def test_stop_says_what_it_waited_for(report: Report) -> None:
    """A cell that cannot be ended is an error of `stop`; the kernel ends when the cell does."""
    said = report["stubborn"]["said"]

    assert "wanted the end of the kernel's thread" in said
    assert report["stubborn"]["is running"] is False


def test_clients_and_cells_end_it_too(report: Report) -> None:
    """By a shutdown_request, by ``exit()``, and by a cell that stops the kernel that runs it."""
    assert report["ended by a client"] == {"found": [False, ["1"], False, ["2"], False]}


def test_program_ends_with_a_kernel_in_it(tmp_path: Path) -> None:
    """Its own exit functions find the names of its module, and no error is shown."""
    out, err = run_python("-c", ENDING, folder=tmp_path)

    assert out == "saved {'gold': 1, 'silver': 2}\n"
    assert "Traceback" not in err


def test_client_misses_nothing_and_finds_no_kernel_that_has_ended(tmp_path: Path) -> None:
    """A client that a program connects is subscribed, though no cell has run."""
    out, _ = run_python("-c", CONNECTING, folder=tmp_path)

    ended = "wanted a kernel that runs, found one that has ended"
    assert out.splitlines() == ["True", ended] * 2


def test_what_stays_of_a_kernel_is_what_frees_sent_memory(tmp_path: Path) -> None:
    """One thread of pyzmq's and its sockets, however many kernels there were; without them threads
    and descriptors are those of a program that never had one."""
    out, _ = run_python("-c", STAYING, folder=tmp_path)

    assert out.splitlines() == ["[True]", "7", "True True"]


def test_asyncio_imported_by_the_program_while_a_cell_runs(tmp_path: Path) -> None:
    """The program's threads are not asked to make the loop of cells: the next cell makes it."""
    out, _ = run_python("-c", IMPORTING, folder=tmp_path)

    assert out == "0 True\n"


@pytest.mark.parametrize(
    ("what", "words"),
    {
        "a second": ("StartError", "no other kernel in this process", "--existing"),
        "a second, embedded": ("StartError", "no other kernel in this process", "--existing"),
        "a second in steps": ("StartError", "no other kernel in this process", "--existing"),
        "embed in a thread": ("StartError", "the main thread", "'other'", "serve_background"),
        "in a cell": ("StartError", "serve_background"),
        "namespace": ("NamespaceError", "namespace: wanted a dict, found [1] of type list"),
        "local_ns": ("NamespaceError", "local_ns: wanted a dict"),
        "module": ("NamespaceError", "module: wanted a module"),
        "signals": ("StartError", "signals"),
        "file": ("ConnectionFileError", "/no/such/folder/k.json"),
        "option": ("StartError", "an option or a configuration file is wrong"),
    }.items(),
)
def test_what_cannot_be_is_refused(report: Report, what: str, words: tuple[str, ...]) -> None:
    """The error says what was wanted and found, and the program goes on."""
    said = report["refusals"]["said"][what]

    assert [word for word in words if word not in said] == []


def test_cells_run_in_the_scope_that_was_given(report: Report) -> None:
    """A function's variables are copied and a module's are its own; a cell's functions find both,
    and what other cells have made. A dict that is given is the cells', and stays so. Ctrl-C ends
    the kernel while it waits, and goes on to the program (S-131 to S-134)."""
    scopes = report["scopes"]
    found = scopes.pop("found")

    assert found == {
        "function": [["([1, 2], 3, [[1, 2]], [1, 2])"], [], [], ["(4, True)"], True],
        "again": [["([1, 2], 3, [[1, 2]], [1, 2])"], True, "KeyboardInterrupt"],
        "deaf": [["([1, 2], 3, [[1, 2]], [1, 2])"], True, "KeyboardInterrupt"],
        "class": [["[12]"], True],
        "given": [["[105]"], ["7"], [], True],
        "top": [["[3]"], [], ["('tare += 1', [3])"], True],
    }
    assert scopes == {
        "grams": [1, 2, 3],
        "extra": False,
        "given": ["grams", "total"],
        "module": ["tare", "weigh"],
        "builtins of the module": False,
        "tare": 4,
        "changed": [],
    }


def test_what_is_asked_for_is_taken_and_given_back(report: Report) -> None:
    """A guest may have signals, streams, descriptors and threads: what children, C code and threads
    write is its client's; and when it ends all of that is the program's again."""
    assert report["owning"] == {
        "found": ["False", "child\nC\nthread\n"],
        "changed": [],
        "descriptors": 0,
    }


def test_children_are_the_programs(report: Report) -> None:
    """A child that a cell forks ends with the cell, with its status, and writes where the program
    does; one that the program forks has no kernel. The kernel goes on."""
    assert report["forks"] == {
        "found": [["0\n"], ["1"], ["'goes on'"], ["'goes on'"]],
        "status of the program's": 0,
        "written": [True, True],
    }


def test_embedded_in_a_coroutine(report: Report) -> None:
    """Cells await on a loop of their own where the program's runs, which goes on afterwards."""
    assert report["in a coroutine"] == {"found": [["5"], ["5"]]}


def test_steps_run_cells_where_they_are_made(report: Report) -> None:
    """In the thread of the caller, one request each, and none in the middle of a cell; when a
    client ends the kernel, the next step gives all back."""
    assert report["stepped"] == {
        "found": [["False"], ["cell\n"], ["ZeroDivisionError"], []],
        "here": True,
        "after": False,
        "changed": [],
    }


def test_steps_between_the_tasks_of_a_program(report: Report) -> None:
    """Cells that await have a loop of their own, and the program's loop goes on as it did."""
    assert report["asyncio"] == {
        "found": [["True"], []],
        "ticks": True,
        "its loop runs": True,
        "its task": True,
    }


def test_launched_with_options(tmp_path: Path) -> None:
    """`launch` starts this kernel in a process, with ports of its own and the options given."""
    homes = {variable: str(tmp_path) for variable in FOLDERS}
    with (
        launch("--IPKernelApp.exec_lines=grams = 5", env=homes, cwd=tmp_path) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        answer = client.execute("print(grams)", timeout=HANG_LIMIT_S)

    assert answer.text() == "5\n"
    assert kernel.pid > 0
    assert kernel.connection.shell_port > 0
    assert kernel.exit_code == 0
