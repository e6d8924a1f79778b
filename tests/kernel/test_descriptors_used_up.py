"""Programs that use up all file descriptors: the kernel goes on, and says so."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from assay.protocol import (
    Channel,
    CompleteReply,
    CompleteRequest,
    InspectReply,
    InspectRequest,
    InterruptRequest,
)
from assay.transport import Client, KernelProcess
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    begin,
    error,
    execute,
    failed,
    finish,
    is_well,
    result,
    start,
    succeeded,
)
from tests.kernel._probe import LOAD

USE_UP = f"""\
{LOAD}probe.io_thread_passes()  # what it prepares behind the first answer is there
import os, resource
here = len(os.listdir('/proc/self/fd')) + 20
resource.setrlimit(resource.RLIMIT_NOFILE, (here, here))
taken = []
try:
    while True: taken.append(os.open(os.devnull, os.O_RDONLY))
except OSError as e:
    print(e.errno == 24)
"""

FREE = "while taken: os.close(taken.pop())"


@pytest.fixture
def full(mine: Client) -> Client:
    """A client of a kernel whose program has used up all descriptors in its first cell."""
    assert execute(mine, USE_UP).text() == "True\n"
    return mine


def test_first_failure_is_shown_as_ever(full: Client) -> None:
    """What shows an error is imported, and the source read, with descriptors kept for that."""
    answer = execute(full, "1 / 0")

    assert failed(answer).ename == "ZeroDivisionError"
    assert "Cell" in "".join(error(answer).traceback)
    assert answer.types == ("status", "execute_input", "error", "status")


def test_cell_may_await(full: Client) -> None:
    """The first cell that awaits gets its event loop."""
    assert result(execute(full, "import asyncio\nawait asyncio.sleep(0, 'slept')")) == "'slept'"


def test_questions_are_answered(full: Client) -> None:
    """A first completion and inspection import what they need."""
    complete = full.request(CompleteRequest(code="taken.app", cursor_pos=9), timeout=HANG_LIMIT_S)
    inspect = full.request(InspectRequest(code="taken", cursor_pos=5), timeout=HANG_LIMIT_S)

    assert isinstance(complete.content, CompleteReply)
    assert "append" in " ".join(complete.content.matches)
    assert isinstance(inspect.content, InspectReply)
    assert inspect.content.found


def test_client_connects_and_interrupts(kernel: KernelProcess, full: Client) -> None:
    """A new client is let in, and ends the cell that has taken everything."""
    running = begin(full, "print('runs', flush=True)\nwhile True: pass", until="runs")
    with kernel.connect() as new:
        new.wait_until(lambda: new.welcomed, awaited="iopub_welcome", timeout=HANG_LIMIT_S)
        new.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)

    assert failed(finish(full, running)).ename == "KeyboardInterrupt"


def test_too_many_clients_wait_until_there_is_room(tmp_path: Path) -> None:
    """More clients than can be let in disturb nobody, and get in when descriptors are free."""
    with start(tmp_path) as kernel, kernel.client(timeout=HANG_LIMIT_S) as mine:
        assert execute(mine, USE_UP).text() == "True\n"
        waiting = [kernel.connect() for _ in range(4)]
        assert result(execute(mine, "1")) == "1"
        succeeded(execute(mine, FREE))

        for client in waiting:
            client.wait_until_ready(HANG_LIMIT_S)
            assert is_well(client)
            client.close()
        kernel.shutdown()
        said = kernel.written()

    assert said.count("has used up its") == 1, said
    assert "ulimit -n" in said


def test_history_waits_for_a_descriptor(full: Client) -> None:
    """Cells that cannot be written to the history are written later."""
    write = "get_ipython().history_manager.writeout_cache()"
    execute(full, "marker = 'at the limit'")
    execute(full, write)
    succeeded(execute(full, f"{FREE}\n{write}"))

    assert "at the limit" in execute(full, "%history -g marker").text()


def test_end_needs_no_descriptor_of_the_program(kernel: KernelProcess, full: Client) -> None:
    """Exit functions may open files: what was kept is theirs at the end."""
    succeeded(
        execute(full, "import atexit\natexit.register(lambda: print(open(os.devnull).read()))")
    )

    assert kernel.shutdown() == 0
    assert "Too many open files" not in kernel.written()


TOO_FEW = """\
import os, resource
kind = resource.RLIMIT_NOFILE
before = resource.getrlimit(kind)
for set_limit in (resource.setrlimit, lambda *a: resource.prlimit(os.getpid(), *a)):
    try: set_limit(kind, (10, before[1]))
    except ValueError as error: print(error)
print(resource.getrlimit(kind) == before == resource.prlimit(0, kind))
child = os.fork()
if not child:
    resource.setrlimit(kind, (10, 10))
    os._exit(resource.getrlimit(kind)[0])
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="prlimit is Linux's")
def test_a_limit_that_would_end_the_kernel_is_refused(mine: Client) -> None:
    """A cell cannot set fewer descriptors than ZeroMQ waits for; its children can."""
    refused = (
        "wanted a limit of at least 70 file descriptors, found 10: "
        "the kernel, which runs in this process, would be aborted\n"
    )

    assert execute(mine, TOO_FEW).text() == f"{refused}{refused}True\n10\n"
    assert result(execute(mine, "1")) == "1"
