"""Interrupts, by message and by signal, whatever runs."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from assay.protocol import (
    Channel,
    CommOpen,
    CompleteRequest,
    CreateSubshellReply,
    CreateSubshellRequest,
    DeleteSubshellRequest,
    ExecuteInput,
    ExecuteRequest,
    InterruptReply,
    InterruptRequest,
    StreamName,
)
from assay.transport import Client, Exchange, KernelProcess
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    begin,
    error,
    execute,
    failed,
    finish,
    is_well,
    only,
    outputs,
    result,
    states,
    succeeded,
    text_of,
)
from tests.kernel._probe import LOAD

Interrupt = Callable[[KernelProcess, Client], None]


def by_message(_: KernelProcess, client: Client) -> None:
    """Send interrupt_request on control and wait for its reply and its idle."""
    answer = client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
    assert isinstance(answer.content, InterruptReply)
    assert states(answer.published) == ["busy", "idle"]


def by_signal(kernel: KernelProcess, _: Client) -> None:
    """Send SIGINT to the process alone, as a server does that is not in its group."""
    os.kill(kernel.pid, signal.SIGINT)


def by_signal_to_the_group(kernel: KernelProcess, _: Client) -> None:
    """Send SIGINT as a terminal does: to the kernel and all its children."""
    os.killpg(kernel.pid, signal.SIGINT)


WAYS = [by_message, by_signal, by_signal_to_the_group]

RUNNING = {
    "printing loop": "while True: print('x')",
    "join": "import threading, time\n"
    "threading.Thread(target=lambda: time.sleep(600), daemon=True).start()\n"
    "threading.enumerate()[-1].join()",
    "imports of what looks like ipykernel": "while True: import ipykernel, ipykernel.iostream",
    "loop behind an await": "import asyncio\nawait asyncio.sleep(0)\nwhile True: pass",
}
"""What the table of `docs/interrupts.md` does not name (`test_interrupt_table.py`)."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", sorted(RUNNING))
def test_running_cell_is_interrupted(
    shared_kernel: KernelProcess, client: Client, kind: str, way: Interrupt
) -> None:
    """Whatever a cell does, an interrupt ends it with one KeyboardInterrupt (CTRL-09, CTRL-11,
    EXEC-30)."""
    code = f"print('runs')\n{RUNNING[kind]}"
    running = begin(client, code, until="runs", stop_on_error=False)

    way(shared_kernel, client)
    answer = finish(client, running)

    assert failed(answer).ename == error(answer).ename == "KeyboardInterrupt"
    number = only(answer, ExecuteInput).execution_count
    assert failed(answer).execution_count == number
    assert succeeded(execute(client, "'next'")).execution_count == number + 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "code",
    [
        "!echo runs; sleep 600",
        "%%bash\necho runs\nsleep 600",
        "import os; os.system('echo runs; exec sleep 600')",
    ],
)
def test_command_is_interrupted(
    shared_kernel: KernelProcess, client: Client, code: str, way: Interrupt
) -> None:
    """An interrupt ends the command that a cell waits for, and the cell (CTRL-09, CTRL-11)."""
    running = begin(client, code, until="runs", stop_on_error=False)

    way(shared_kernel, client)

    assert failed(finish(client, running)).ename == "KeyboardInterrupt"
    assert result(execute(client, "'alive'")) == "'alive'"


def test_system_is_as_in_a_script(client: Client) -> None:
    """`os.system` returns the status that the system has for the command (EXEC-30)."""
    commands = "b'exit 3'", "'kill -9 $$'", "'echo out'", "'echo err >&2'"
    calls = "; ".join(f"print(os.system({command}))" for command in commands)

    answer = execute(client, f"import os; {calls}")

    assert answer.text() == "768\n9\nout\n0\n0\n"
    assert answer.text(StreamName.STDERR) == "err\n"


def test_system_leaves_statuses_to_what_reaps_children(client: Client) -> None:
    """Its status is C's also where the program handles or ignores SIGCHLD (EXEC-30)."""
    code = """\
import os, signal
def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
before = signal.signal(signal.SIGCHLD, reap)
handled = {os.system('exit 3') for _ in range(50)}
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
ignored = os.system('exit 3')
signal.signal(signal.SIGCHLD, before)
print(handled, ignored, os.system('kill -PIPE $$; exit 4'))
"""

    assert execute(client, code).text() == "{768} -1 1024\n"


def test_command_of_another_thread_keeps_no_interrupt_away(
    shared_kernel: KernelProcess, client: Client, tmp_path: Path
) -> None:
    """An interrupt ends the cell while a thread waits in `os.system`, which goes on (CTRL-11)."""
    os.mkfifo(fifo := tmp_path / "fifo")
    code = f"""\
import os, threading
statuses = []
command = 'echo runs; read line < {fifo}; exit 3'
thread = threading.Thread(target=lambda: statuses.append(os.system(command)))
thread.start()
threading.Event().wait()
"""
    running = begin(client, code, until="runs", stop_on_error=False)

    by_signal(shared_kernel, client)

    assert failed(finish(client, running)).ename == "KeyboardInterrupt"
    goes_on = f"print('line', file=open('{fifo}', 'w'), flush=True); thread.join(); statuses"
    assert result(execute(client, goes_on)) == "[768]"


WAITS_AGAIN = """\
import ctypes
library = ctypes.CDLL(None)
pointer, size = ctypes.c_void_p, ctypes.c_size_t
library.bsearch.argtypes = pointer, pointer, size, size, pointer
print('waits', flush=True)
library.bsearch(1_000_000_000, None, 8, 1, ctypes.cast(library.usleep, pointer))
"""
"""Waits a thousand seconds, and as long again each time that a signal ends the wait: four times."""


@pytest.mark.parametrize("way", [by_message, by_signal])
def test_main_thread_that_waits_on_is_woken_again(
    shared_kernel: KernelProcess, client: Client, way: Interrupt
) -> None:
    """An interrupt whose first ping ends no wait either is not lost (CTRL-11)."""
    waiting = begin(client, WAITS_AGAIN, until="waits", stop_on_error=False)

    way(shared_kernel, client)

    assert failed(finish(client, waiting)).ename == "KeyboardInterrupt"


FORKING = """\
import os
print('forks', flush=True)
while True:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_interrupt_of_a_fork_is_not_lost(kernel: KernelProcess, mine: Client) -> None:
    """An interrupt that strikes while a cell forks ends the cell (CTRL-11).

    Half of the loop's time is spent in forks: of twenty interrupts some strike there.
    """
    answers = []
    for _ in range(20):
        running = begin(mine, FORKING, until="forks")
        by_signal(kernel, mine)
        answers.append(finish(mine, running))

    assert {failed(answer).ename for answer in answers} == {"KeyboardInterrupt"}


WARNING = """\
import signal, sys, warnings
warnings.simplefilter("always")
def strike(frame, event, _):
    if frame.f_code.co_qualname == {function!r}:
        sys.setprofile(None)
        signal.raise_signal(signal.SIGINT)
sys.setprofile(strike)
open("/dev/null")
while sys.getprofile() is None: pass
"""


@pytest.mark.parametrize("function", ["WarningMessage.__init__", "_showwarnmsg"])
def test_interrupt_of_a_warning_is_not_lost(mine: Client, function: str) -> None:
    """An interrupt that strikes while the warning of a file that was not closed is shown, where
    Python swallows it, ends the cell all the same (CTRL-11)."""
    answer = execute(mine, WARNING.format(function=function))

    assert failed(answer).ename == "KeyboardInterrupt"


def test_warning_whose_showing_does_not_end_is_interrupted(
    kernel: KernelProcess, mine: Client
) -> None:
    """An interrupt is not put off for ever by a program that waits where it shows warnings
    (CTRL-11)."""
    code = (
        "import time, warnings\n"
        "def show(*_):\n"
        "    print('shows', flush=True); time.sleep(600)\n"
        "warnings.showwarning = show\n"
        "warnings.warn('of something')"
    )
    running = begin(mine, code, until="shows")
    by_signal(kernel, mine)

    assert failed(finish(mine, running)).ename == "KeyboardInterrupt"


FINALIZING = """\
class Finalized:
    def __del__(self):
        for _ in range(2000): pass
print('runs', flush=True)
while True: Finalized()
"""


@pytest.mark.parametrize("way", WAYS)
def test_interrupt_of_a_finalizer_is_not_lost(
    shared_kernel: KernelProcess, client: Client, way: Interrupt
) -> None:
    """An interrupt that strikes in a finalizer, where Python swallows it, ends the cell all the
    same (CTRL-11)."""
    running = begin(client, FINALIZING, until="runs")
    way(shared_kernel, client)
    answer = finish(client, running)

    assert failed(answer).ename == "KeyboardInterrupt"
    assert answer.text(StreamName.STDERR) == ""


def test_interrupt_on_the_way_to_the_code_stops_it(client: Client) -> None:
    """A cell that has been taken, and whose code has not begun, is interrupted (CTRL-11)."""
    succeeded(execute(client, f"{LOAD}probe.interrupt_on_the_way_to_the_code()"))

    answer = execute(client, "reached = True")

    assert failed(answer).ename == "KeyboardInterrupt"
    assert error(answer).ename == "KeyboardInterrupt"
    assert result(execute(client, "'reached' in dir()")) == "False"


@pytest.mark.parametrize("way", WAYS)
def test_interrupt_while_idle_is_harmless(
    shared_kernel: KernelProcess, client: Client, way: Interrupt
) -> None:
    """While nothing runs, an interrupt has no effect on what comes next (CTRL-10)."""
    for _ in range(5):
        way(shared_kernel, client)
        assert is_well(client)

        assert result(execute(client, "'untouched'")) == "'untouched'"


@pytest.mark.parametrize("way", WAYS)
def test_interrupt_while_a_task_loops_between_cells(
    shared_kernel: KernelProcess, client: Client, way: Interrupt
) -> None:
    """A background task that blocks the idle kernel can be interrupted (CTRL-09, CTRL-11)."""
    execute(
        client,
        "import asyncio\n"
        "async def block():\n"
        "    await gate.wait()\n"
        "    print('blocks')\n"
        "    while True: pass\n"
        "gate = asyncio.Event()\n"
        "task = asyncio.create_task(block());",
    )
    execute(client, "gate.set()")
    while "blocks" not in str(client.receive(Channel.IOPUB, HANG_LIMIT_S).content):
        pass

    way(shared_kernel, client)

    assert is_well(client)
    # Who never asks for it is told of it when the task is let go, in whatever cell that happens.
    assert result(execute(client, "task.exception()")) == "KeyboardInterrupt()"


def test_interrupt_does_not_end_tasks_that_wait(
    shared_kernel: KernelProcess, client: Client
) -> None:
    """An interrupted await leaves tasks of earlier cells alone (CTRL-09)."""
    execute(
        client,
        "import asyncio\nhere = asyncio.Event()\n"
        "async def work(): await here.wait(); return 'worked'\n"
        "task = asyncio.create_task(work());",
    )
    running = begin(client, "print('waits')\nawait asyncio.sleep(600)", until="waits")
    by_message(shared_kernel, client)
    failed(finish(client, running))

    assert result(execute(client, "here.set()\nawait task")) == "'worked'"


def test_awaiting_cell_may_clean_up(shared_kernel: KernelProcess, client: Client) -> None:
    """`finally` and `except CancelledError` run before the reply (CTRL-09)."""
    running = begin(
        client,
        "import asyncio\n"
        "try:\n"
        "    print('waits'); await asyncio.sleep(600)\n"
        "finally:\n"
        "    await asyncio.sleep(0); print('cleaned up')",
        until="waits",
    )

    by_message(shared_kernel, client)
    answer = finish(client, running)

    assert failed(answer).ename == "KeyboardInterrupt"
    assert answer.text(StreamName.STDERR) == ""
    assert answer.text().endswith("cleaned up\n")


def test_cell_may_catch_the_interrupt(shared_kernel: KernelProcess, client: Client) -> None:
    """A cell that handles KeyboardInterrupt goes on (CTRL-09)."""
    running = begin(
        client,
        "try:\n    print('runs')\n    while True: pass\nexcept KeyboardInterrupt: print('caught')\n"
        "'ended well'",
        until="runs",
    )

    by_message(shared_kernel, client)

    assert result(finish(client, running)) == "'ended well'"


def test_users_own_handler_is_called(kernel: KernelProcess, mine: Client) -> None:
    """A handler that user code installs for SIGINT is used, by both ways (CTRL-11)."""
    running = begin(
        mine,
        "import signal\nhits = []\n"
        "signal.signal(signal.SIGINT, lambda *_: hits.append(1))\n"
        "print('runs')\n"
        "while len(hits) < 2: pass",
        until="runs",
    )

    by_message(kernel, mine)
    os.kill(kernel.pid, signal.SIGINT)

    # Two signals at once count once: keep on until both have been seen. The handler stays: one that
    # was put back would raise on the signal that comes last.
    while not running.done:
        os.kill(kernel.pid, signal.SIGINT)
        is_well_on_control(mine)
    succeeded(finish(mine, running))


def is_well_on_control(client: Client) -> None:
    """Return once control has answered."""
    client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)


def test_interrupt_aborts_what_is_queued(shared_kernel: KernelProcess, client: Client) -> None:
    """An interrupted cell is a failed one: those behind it are not run (EXEC-20, EXEC-30)."""
    code = f"{LOAD}ran = []\nwhile probe.queued() < 3: pass\nprint('runs')\nwhile True: pass"
    running = begin(client, code)
    queued = [client.start(ExecuteRequest(code="ran.append(1)")) for _ in range(3)]
    client.wait_until(
        lambda: "runs" in text_of(running.published), awaited="the queue", timeout=HANG_LIMIT_S
    )

    by_message(shared_kernel, client)
    answers = [finish(client, exchange) for exchange in (running, *queued)]

    assert [failed(answer).ename for answer in answers] == [
        "KeyboardInterrupt",
        *["ExecutionAborted"] * 3,
    ]
    assert result(execute(client, "ran")) == "[]"


def test_interrupt_ends_one_cell_only(shared_kernel: KernelProcess, client: Client) -> None:
    """The cell behind an interrupted one runs, if errors do not stop the queue (CTRL-09)."""
    running = begin(client, "print('runs')\nwhile True: pass", until="runs", stop_on_error=False)
    queued = client.start(ExecuteRequest(code="'runs'"))

    by_message(shared_kernel, client)

    assert failed(finish(client, running)).ename == "KeyboardInterrupt"
    assert result(finish(client, queued)) == "'runs'"


def test_many_interrupts_at_random_moments(kernel: KernelProcess, mine: Client) -> None:
    """Wherever an interrupt strikes, each request has its reply and its idle (CTRL-11, SHELL-14).

    They strike short cells, the code around them, and the waiting between them.
    """
    asked = [
        mine.start(ExecuteRequest(code="sum(range(2000))", stop_on_error=False)) for _ in range(400)
    ]
    while not asked[-1].done:
        os.kill(kernel.pid, signal.SIGINT)
        is_well_on_control(mine)

    for exchange in asked:
        answer = mine.finish(exchange, timeout=HANG_LIMIT_S)
        assert states(answer.published) == ["busy", "idle"]
    assert is_well(mine)
    assert result(execute(mine, "'alive'")) == "'alive'"


def test_interrupt_of_a_comm_handler(shared_kernel: KernelProcess, client: Client) -> None:
    """A handler that hangs can be interrupted (CTRL-09, COMM-11)."""
    execute(
        client,
        "from comm import get_comm_manager\n"
        "def hang(comm, opening):\n"
        "    print('hangs', flush=True)\n"
        "    while True: pass\n"
        "get_comm_manager().register_target('hangs', hang)",
    )
    exchange = client.start(CommOpen(comm_id="h", target_name="hangs"), wants_reply=False)
    client.wait_until(
        lambda: "stream" in exchange.types, awaited="the handler", timeout=HANG_LIMIT_S
    )

    by_message(shared_kernel, client)

    client.wait_until(lambda: exchange.idle, awaited="idle", timeout=HANG_LIMIT_S)
    assert is_well(client)


SLOW = """\
def hang(*_):
    print('hangs', flush=True)
    while True: pass
class Slow:
    __dir__ = __getattr__ = hang
slow = Slow()
get_ipython().set_hook("complete_command", hang, str_key="slow_command")
"""


@pytest.mark.parametrize("code", ["slow.", "slow.a.", "slow_command x"])
def test_interrupt_of_a_completion(shared_kernel: KernelProcess, client: Client, code: str) -> None:
    """A completion that hangs in the user's code can be interrupted; its reply is an error, also
    where IPython would go on with what was found (CTRL-09)."""
    execute(client, SLOW)
    exchange = client.start(CompleteRequest(code=code, cursor_pos=len(code)))
    client.wait_until(
        lambda: "stream" in exchange.types, awaited="the completion", timeout=HANG_LIMIT_S
    )

    by_message(shared_kernel, client)

    answer = finish(client, exchange)
    assert failed(answer).ename == "KeyboardInterrupt"
    assert states(answer.published) == ["busy", "idle"]
    assert outputs(answer) == ["stdout"]
    assert is_well(client)


def test_interrupt_of_user_expressions(shared_kernel: KernelProcess, client: Client) -> None:
    """An expression that hangs can be interrupted; the request is answered (CTRL-09, EXEC-10)."""
    exchange = client.start(
        ExecuteRequest(
            code="def hang():\n    print('hangs')\n    while True: pass",
            user_expressions={"x": "hang()"},
        )
    )
    client.wait_until(
        lambda: "stream" in exchange.types, awaited="the expression", timeout=HANG_LIMIT_S
    )

    by_message(shared_kernel, client)

    answer = client.finish(exchange, timeout=HANG_LIMIT_S)
    assert answer.reply.msg_type == "execute_reply"
    assert is_well(client)


def test_interrupt_behind_the_code_is_told_everywhere(client: Client) -> None:
    """One that comes when the code has ended is an error in the reply and on IOPub (EXEC-17)."""
    code = (
        "manager = get_ipython().payload_manager\n"
        "def interrupted():\n"
        "    del manager.read_payload\n"
        "    raise KeyboardInterrupt\n"
        "manager.read_payload = interrupted"
    )
    answer = execute(client, code)

    assert failed(answer).ename == error(answer).ename == "KeyboardInterrupt"
    assert result(execute(client, "6 * 7")) == "42"


def test_interrupt_that_came_just_before_the_wait(client: Client) -> None:
    """A signal that Python has noted, and that did not wake the cell, wakes it (CTRL-11)."""
    code = (
        "import _thread, threading, time\n"
        "here = f'/proc/self/task/{threading.get_native_id()}/wchan'\n"
        "def interrupt():\n"
        "    for _ in range(10_000):  # some systems do not say where a thread waits\n"
        "        if 'nanosleep' in open(here).read(): break\n"
        "    _thread.interrupt_main()  # notes it, and sends no signal\n"
        "threading.Thread(target=interrupt).start()\n"
        "time.sleep(600)"
    )
    running = begin(client, code)

    assert failed(finish(client, running)).ename == "KeyboardInterrupt"


STRUCK_AGAIN = """\
import signal, sys
struck = []
def watch(frame, event, _):
    if (frame.f_code.co_name, event) == ({name!r}, {event!r}):
        sys.setprofile(None)
        struck.append(event)
        signal.raise_signal(signal.SIGINT)
sys.setprofile(watch)
signal.raise_signal(signal.SIGINT)
"""
"""It is interrupted, and once more while the first interrupt is shown."""


@pytest.mark.parametrize("event", ["call", "return"])
@pytest.mark.parametrize("name", ["_get_exc_info", "structured_traceback", "_showtraceback"])
def test_interrupt_of_an_interrupt_that_is_shown_adds_nothing(
    client: Client, name: str, event: str
) -> None:
    """The cell has one error, with the line where it was, and no text on stderr (EXEC-17)."""
    answer = execute(client, STRUCK_AGAIN.format(name=name, event=event))

    assert failed(answer).ename == error(answer).ename == "KeyboardInterrupt"
    assert "raise_signal" in "\n".join(error(answer).traceback)
    assert answer.text(StreamName.STDERR) == ""
    assert result(execute(client, "sys.setprofile(None); struck")) == f"[{event!r}]"


def test_interrupt_of_an_error_that_is_shown_is_written(client: Client) -> None:
    """The error is not the interrupt's, which has a line of its own on stderr."""
    code = STRUCK_AGAIN.format(name="structured_traceback", event="call")
    answer = execute(client, code.removesuffix("signal.raise_signal(signal.SIGINT)\n") + "1 / 0")

    assert failed(answer).ename == error(answer).ename == "ZeroDivisionError"
    assert "KeyboardInterrupt" in answer.text(StreamName.STDERR)
    assert result(execute(client, "sys.setprofile(None); struck")) == "['call']"


BLOCKED_WHEN_CANCELLED = """\
import asyncio
def block():
    print('blocks')
    while True: pass
async def clean_up():
    asyncio.get_running_loop().call_soon(print, 'waits')
    try:
        await asyncio.sleep(600)
    finally:
        asyncio.get_running_loop().call_soon(block)
        await asyncio.sleep(600)
await clean_up()
"""
"""Once it has been cancelled, other code blocks its loop."""


@pytest.mark.parametrize("is_beside", [False, True], ids=["main shell", "subshell"])
def test_interrupt_ends_what_blocks_a_cell_that_was_cancelled(
    shared_kernel: KernelProcess, client: Client, is_beside: bool
) -> None:
    """The loop does not come round, neither for the cell nor for the interrupt: what blocks it is
    struck, and the cell ends (CTRL-09)."""
    shell = None
    if is_beside:
        created = client.request(CreateSubshellRequest(), channel=Channel.CONTROL).content
        assert isinstance(created, CreateSubshellReply)
        shell = created.subshell_id
    cell = client.start(ExecuteRequest(code=BLOCKED_WHEN_CANCELLED), subshell_id=shell)
    for word in ("waits", "blocks"):
        client.wait_until(partial(_is_written, cell, word), awaited=word, timeout=HANG_LIMIT_S)
        by_message(shared_kernel, client)

    assert failed(finish(client, cell)).ename == "KeyboardInterrupt"
    assert is_well(client)
    if shell is not None:
        delete = DeleteSubshellRequest(subshell_id=shell)
        client.request(delete, channel=Channel.CONTROL, timeout=HANG_LIMIT_S)


def _is_written(cell: Exchange, word: str) -> bool:
    return word in text_of(cell.published)
