"""`embed` in a cell of a kernel: a second kernel in the middle of the cell, and then the first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assay.protocol import (
    Channel,
    CommOpen,
    ConnectionFile,
    CreateSubshellReply,
    CreateSubshellRequest,
    DisplayData,
    Error,
    ExecuteRequest,
    InputRequest,
    ShutdownRequest,
    StreamName,
)
from assay.transport import Client, Exchange, KernelProcess
from tests.kernel._kernels import (
    begin,
    execute,
    failed,
    finish,
    interrupt,
    is_well,
    only,
    result,
    succeeded,
    text_of,
    value,
)
from tests.limits import HANG_LIMIT_S

IN_FUNCTION = """
import assay.kernel

def weigh(grams):
    print("before")
    assay.kernel.embed()
    print("behind", grams)
    return len(grams)

weigh([1, 2, 3])
"""

AWAITING = """
import asyncio, assay.kernel

async def ask():
    assay.kernel.embed()
    return await asyncio.sleep(0, "goes on")

await asyncio.create_task(ask())
"""

STATE = """
import os, sys, threading
from assay.kernel.process._import_hooks import waiting_imports
from assay.kernel.process._patches import patches

def state():
    for thread in threading.enumerate():
        if thread.name == "assay-history":  # commits the beginning of a session that is over
            thread.join()
    shell = get_ipython()
    return (
        patches.mark(), waiting_imports(), len(sys.meta_path), threading.active_count(),
        len(os.listdir("/dev/fd")), sys.stdout, sys.displayhook, sys.excepthook,
        sys.modules["__main__"], id(shell), id(shell.user_ns), id(In), id(Out),
        [name for name in shell.user_ns if name[0] != "_"], shell.kernel.comm_manager,
    )
"""


STRIKING = """
import signal, assay.kernel
from assay.kernel._kernel import Kernel, RunningKernel
from assay.kernel.ipython._comms import Comms
from assay.kernel.ipython._interpreter import IPythonInterpreter
from assay.kernel.ipython._suspended import SuspendedShell
from assay.kernel.process._visit import Visit

def embed_struck(owner, name):
    real, serve = getattr(owner, name), RunningKernel.serve

    def struck(*args, **keys):
        signal.raise_signal(signal.SIGINT)
        found = real(*args, **keys)
        signal.raise_signal(signal.SIGINT)
        return found

    def end_at_once(self):
        self.ask_end()
        serve(self)

    setattr(owner, name, struck)
    RunningKernel.serve = end_at_once
    try:
        assay.kernel.embed(quiet=True)
        while True:
            pass
    finally:
        setattr(owner, name, real)
        RunningKernel.serve = serve
"""

MOMENTS = (
    "Kernel, '_acquire'",
    "IPythonInterpreter, '_attach'",
    "SuspendedShell, 'with_profile'",
    "Kernel, '_finish'",
    "IPythonInterpreter, '_leave_no_trace'",
    "SuspendedShell, 'resume'",
    "Comms, 'uninstall'",
    "Visit, 'end'",
)
"""What is called while an embedded kernel begins and ends, in this order."""


def hint(exchange: Exchange) -> list[str]:
    """Return the paths of the connection files that a cell has named on stderr."""
    return re.findall(r"--existing (\S+)\n", text_of(exchange.published, StreamName.STDERR))


@contextmanager
def entered(outer: Client, cell: Exchange, count: int = 1) -> Iterator[Client]:
    """A client of the kernel that *cell* embeds, the *count*-th it does."""
    outer.wait_until(
        lambda: len(hint(cell)) == count, awaited="an embedded kernel", timeout=HANG_LIMIT_S
    )
    with Client(ConnectionFile.read(hint(cell)[-1])) as client:
        client.wait_until_ready(HANG_LIMIT_S)
        yield client


def end(client: Client) -> None:
    """End the kernel that *client* is in."""
    client.request(ShutdownRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)


def test_cells_see_the_function_and_show_in_their_own_client(client: Client) -> None:
    """What they print, show and fail with is theirs alone; what the cell around them prints before
    and behind is its own, and so is its result."""
    cell = begin(client, IN_FUNCTION)
    with entered(client, cell) as inside:
        seen = execute(inside, "print('inside'); display('shown'); grams")
        broken = execute(inside, "1/0")
        child = execute(inside, "!echo child")
        made = execute(
            inside,
            "import asyncio, comm; comm.create_comm(target_name='t'); await asyncio.sleep(0, 6)",
        )
        numbers = value(inside, "(len(In), Out[1])")
        end(inside)
    done = finish(client, cell)

    assert result(seen) == "[1, 2, 3]"
    assert text_of(seen.published) == "inside\n"
    assert only(seen, DisplayData).data["text/plain"] == "'shown'"
    assert failed(broken).ename == "ZeroDivisionError"
    assert text_of(child.published).split() == ["child"]
    assert only(made, CommOpen).target_name == "t"
    assert result(made) == "6"
    assert numbers == "(5, [1, 2, 3])"
    assert text_of(done.published) == "before\nbehind [1, 2, 3]\n"
    assert result(done) == "3"
    assert not done.contents(Error)
    assert not Path(hint(cell)[0]).exists()
    assert is_well(client)


def test_nothing_is_left_behind(client: Client) -> None:
    """However often: neither patches, threads and descriptors, nor names, hooks and streams; the
    cell's own names are shared where it is no function that embeds."""
    succeeded(execute(client, STATE))
    cells = "import assay.kernel; mine = 1; assay.kernel.embed(); mine, 'In' in globals(), len(Out)"
    found: list[object] = []
    states = []
    for _ in range(3):
        cell = begin(client, cells)
        with entered(client, cell) as inside:
            succeeded(execute(inside, "mine += 1; other = 5"))
            failed(execute(inside, "exec('1/0')"))
            succeeded(execute(inside, "exit"))
            done = finish(client, cell)
        found.append(result(done))
        states.append(value(client, "state()"))

    assert states[1] == states[2]
    assert [str(one).split(", ")[:2] for one in found] == [["(2", "True"]] * 3
    assert value(client, "other") == "5"


@pytest.mark.parametrize(
    "code", ["while True: pass", "import time; time.sleep(600)", "await asyncio.sleep(600)"]
)
def test_an_interrupt_inside_ends_that_cell_alone(client: Client, code: str) -> None:
    """The cell inside fails, and the one around it goes on, though it awaits itself."""
    cell = begin(client, AWAITING)
    with entered(client, cell) as inside:
        running = begin(inside, f"import asyncio; print('begun')\n{code}", until="begun")
        interrupt(inside)
        struck = finish(inside, running)
        again = value(inside, "2 + 2")
        end(inside)
    done = finish(client, cell)

    assert failed(struck).ename == "KeyboardInterrupt"
    assert again == "4"
    assert result(done) == "'goes on'"


def test_an_interrupt_of_the_kernel_around_ends_the_cell_inside_and_then_itself(
    client: Client,
) -> None:
    """As Ctrl-C does in a program: while nothing runs inside, `embed` ends by KeyboardInterrupt."""
    cell = begin(client, AWAITING)
    with entered(client, cell) as inside:
        running = begin(inside, "print('begun')\nwhile True: pass", until="begun")
        interrupt(client)
        struck = finish(inside, running)
        interrupt(client)
        done = finish(client, cell)

    assert failed(struck).ename == "KeyboardInterrupt"
    assert failed(done).ename == "KeyboardInterrupt"
    assert not Path(hint(cell)[0]).exists()
    assert is_well(client)


def test_an_interrupt_at_the_begin_or_end_strikes_behind_embed(client: Client) -> None:
    """Whenever it comes, the kernel has begun and ended in order, and what it had of the process is
    as it was; then the cell around it is interrupted."""
    succeeded(execute(client, STATE + STRIKING))
    states = []
    for moment in ("Kernel, 'run'", *MOMENTS):
        done = execute(client, f"embed_struck({moment})")
        assert failed(done).ename == "KeyboardInterrupt", moment
        states.append(value(client, "state()[:4] + state()[5:]"))  # without descriptors

    assert states[1:] == states[:1] * len(MOMENTS)
    assert is_well(client)


def test_what_runs_behind_a_cell_inside_is_not_struck(client: Client) -> None:
    """An interrupt of the kernel around that comes once the cell inside is over: that is answered
    whole, and then `embed` ends by KeyboardInterrupt (SHELL-05)."""
    cell = begin(
        client,
        "import signal, assay.kernel\n"
        "from assay.kernel.dispatch._replies import Responder\n"
        "reply = Responder.reply\n"
        "def struck(self, request, content):\n"
        "    if request.header.msg_type == 'execute_request':\n"
        "        Responder.reply = reply\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "    reply(self, request, content)\n"
        "assay.kernel.embed()",
    )
    with entered(client, cell) as inside:
        seen = execute(inside, "Responder.reply = struck; 'answered'")
        done = finish(client, cell)

    assert result(seen) == "'answered'"
    assert failed(done).ename == "KeyboardInterrupt"
    assert is_well(client)


def test_a_cell_inside_embeds_again(client: Client) -> None:
    """Each in the scope of the cell around it, and they end one after the other."""
    cell = begin(
        client, "import assay.kernel\ndef f(x): assay.kernel.embed(); return x\nf('outermost')"
    )
    with entered(client, cell) as inside:
        deeper = begin(inside, "def g(y): assay.kernel.embed(); return y\ng(x + ' inside')")
        with entered(inside, deeper) as innermost:
            seen = value(innermost, "y")
            running = begin(innermost, "print('begun')\nwhile True: pass", until="begun")
            interrupt(innermost)
            struck = finish(innermost, running)
            end(innermost)
        of_inside = result(finish(inside, deeper))
        end(inside)

    assert seen == "'outermost inside'"
    assert failed(struck).ename == "KeyboardInterrupt"
    assert of_inside == "'outermost inside'"
    assert result(finish(client, cell)) == "'outermost'"
    assert is_well(client)


def test_threads_of_the_cell_around_show_where_they_did(client: Client) -> None:
    """While a cell runs inside as well."""
    cell = begin(
        client,
        "import assay.kernel, threading\n"
        "go = threading.Event()\n"
        "def show(): go.wait(); print('of a thread'); display('shown by it')\n"
        "thread = threading.Thread(target=show); thread.start()\n"
        "assay.kernel.embed(); thread.join()",
    )
    with entered(client, cell) as inside:
        seen = execute(inside, "go.set(); thread.join(); print('of the cell')")
        end(inside)
    done = finish(client, cell)

    assert text_of(seen.published) == "of the cell\n"
    assert not seen.contents(DisplayData)
    assert text_of(done.published) == "of a thread\n"
    assert only(done, DisplayData).data["text/plain"] == "'shown by it'"


def test_a_subshell_of_the_kernel_around_goes_on(mine: Client) -> None:
    """What its cells return and show is its own, also while a cell runs inside."""
    created = mine.request(CreateSubshellRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
    assert isinstance(created.content, CreateSubshellReply)
    cell = begin(
        mine, "import assay.kernel, threading; go = threading.Event(); assay.kernel.embed()"
    )
    with entered(mine, cell) as inside:
        waiting = begin(inside, "print('begun'); go.wait(); 'inside'", until="begun")
        beside = mine.request(
            ExecuteRequest(code="display('shown'); print('said'); 'returned'"),
            subshell_id=created.content.subshell_id,
            timeout=HANG_LIMIT_S,
        )
        mine.request(
            ExecuteRequest(code="go.set()"),
            subshell_id=created.content.subshell_id,
            timeout=HANG_LIMIT_S,
        )
        seen = finish(inside, waiting)
        end(inside)
    finish(mine, cell)

    assert result(beside) == "'returned'"
    assert text_of(beside.published) == "said\n"
    assert only(beside, DisplayData).data["text/plain"] == "'shown'"
    assert result(seen) == "'inside'"
    assert not seen.contents(DisplayData)
    assert is_well(mine)


def test_input_is_asked_of_the_client_inside(client: Client) -> None:
    """And behind that of the client of the cell around it."""
    cell = begin(
        client,
        "import assay.kernel, getpass; assay.kernel.embed(); input('outer?')",
        allow_stdin=True,
    )
    with entered(client, cell) as inside:
        asked = inside.execute(
            "input('inner?'), getpass.getpass()",
            on_input=lambda request: request.prompt,
            timeout=HANG_LIMIT_S,
        )
        end(inside)
    asks = client.receive(Channel.STDIN, HANG_LIMIT_S).content
    client.answer_input("outer!")

    assert result(asked) == "('inner?', 'Password: ')"
    assert isinstance(asks, InputRequest)
    assert asks.prompt == "outer?"
    assert result(finish(client, cell)) == "'outer!'"


@pytest.mark.parametrize(
    ("call", "words"),
    {
        "embed(owns=Ownership(signals=True))": "wanted to own no more",
        "serve_background()": "this is a kernel already",
        "[t := Thread(target=lambda: refused(embed)), t.start(), t.join()]": "the main thread",
        "embed(arguments=['--profile=no such'])": "an option or a configuration file is wrong",
    }.items(),
)
def test_what_cannot_be_in_a_cell_is_refused(client: Client, call: str, words: str) -> None:
    """With a reason, and the kernel goes on."""
    code = (
        "from assay.kernel import embed, serve_background, Ownership, StartError\n"
        "from threading import Thread\n"
        "def refused(call):\n"
        "    try: call()\n"
        "    except StartError as error: print(error)\n"
        f"refused(lambda: {call})"
    )
    done = execute(client, code)

    assert words in text_of(done.published)
    assert not done.contents(Error)
    assert is_well(client)


def test_the_kernel_around_ends_meanwhile(mine: Client, kernel: KernelProcess) -> None:
    """In order: the embedded kernel is over first, and its file is gone."""
    cell = begin(mine, IN_FUNCTION)
    with entered(mine, cell) as inside:
        succeeded(execute(inside, "1"))
        mine.request(ShutdownRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)

    assert kernel.wait(HANG_LIMIT_S) == 0
    assert not Path(hint(cell)[0]).exists()
