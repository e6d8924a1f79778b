"""Subshells: cells that run beside each other, and what each keeps for itself (SUBSHELL-…)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from assay.kernel.lanes import _subshell
from assay.protocol import (
    Channel,
    CommClose,
    CommInfoRequest,
    CommMsg,
    CompleteRequest,
    Content,
    CreateSubshellReply,
    CreateSubshellRequest,
    DeleteSubshellReply,
    DeleteSubshellRequest,
    ErrorReply,
    ExecuteInput,
    ExecuteRequest,
    ExecuteResult,
    HistoryReply,
    HistoryRequest,
    InputRequest,
    InspectRequest,
    InterruptRequest,
    ListSubshellReply,
    ListSubshellRequest,
    ShutdownReply,
    ShutdownRequest,
    StreamName,
)
from assay.transport import Answer, Client, Exchange, KernelProcess
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    begin,
    error,
    execute,
    failed,
    finish,
    is_well,
    only,
    origin,
    result,
    states,
    succeeded,
    text_of,
    value,
)
from tests.kernel._probe import LOAD

TWICE = range(2)


def ask(client: Client, content: Content) -> Answer:
    """Send *content* on control and wait for its reply and its idle."""
    return client.request(content, channel=Channel.CONTROL, timeout=HANG_LIMIT_S)


def create(client: Client) -> str:
    """Return the id of a new subshell."""
    reply = ask(client, CreateSubshellRequest()).content
    assert isinstance(reply, CreateSubshellReply)
    return reply.subshell_id


def delete(client: Client, ident: str) -> None:
    """Delete a subshell."""
    assert isinstance(
        ask(client, DeleteSubshellRequest(subshell_id=ident)).content, DeleteSubshellReply
    )


def listed(client: Client) -> Sequence[str]:
    """Return the ids of all subshells."""
    reply = ask(client, ListSubshellRequest()).content
    assert isinstance(reply, ListSubshellReply)
    return reply.subshell_id


def start_in(
    client: Client,
    ident: str | None,
    code: str,
    *,
    until: str = "",
    allow_stdin: bool = False,
    stop_on_error: bool = False,
) -> Exchange:
    """Send *code* to a subshell, and return once it has printed *until*."""
    content = ExecuteRequest(code=code, allow_stdin=allow_stdin, stop_on_error=stop_on_error)
    exchange = client.start(content, subshell_id=ident)
    if until:
        client.wait_until(
            lambda: until in text_of(exchange.published), awaited=until, timeout=HANG_LIMIT_S
        )
    return exchange


def run_in(client: Client, ident: str | None, code: str) -> Answer:
    """Run *code* in a subshell and wait for its end."""
    return finish(client, start_in(client, ident, code))


@pytest.fixture
def sub(client: Client) -> Iterator[str]:
    """A subshell of the module's kernel."""
    ident = create(client)
    yield ident
    if ident in listed(client):
        delete(client, ident)


@pytest.fixture
def subs(client: Client) -> Iterator[list[str]]:
    """Three subshells."""
    idents = [create(client) for _ in range(3)]
    yield idents
    for ident in idents:
        delete(client, ident)


# --- Managing them.


def test_subshells_are_listed_until_they_are_deleted(client: Client) -> None:
    """Each has an id of its own; the main shell is on no list (SUBSHELL-02 to SUBSHELL-05)."""
    idents = [create(client) for _ in TWICE]
    before = listed(client)
    delete(client, idents[0])
    after = listed(client)
    delete(client, idents[1])

    assert list(before) == idents
    assert list(after) == idents[1:]
    assert list(listed(client)) == []


def test_request_for_a_deleted_subshell_is_an_error(client: Client) -> None:
    """It gets a reply of its own type, between busy and idle, and runs nothing (AMB-34)."""
    ident = create(client)
    delete(client, ident)

    cell = run_in(client, ident, "unknown_was_run = True")
    other = client.request(CommInfoRequest(), subshell_id=ident, timeout=HANG_LIMIT_S)
    again = ask(client, DeleteSubshellRequest(subshell_id=ident))

    for answer, kind in (
        (cell, "execute_reply"),
        (other, "comm_info_reply"),
        (again, "delete_subshell_reply"),
    ):
        assert isinstance(answer.content, ErrorReply)
        assert answer.content.ename == "UnknownSubshellError"
        assert ident in answer.content.evalue
        assert answer.content.traceback
        assert answer.reply.msg_type == kind
        assert states(answer.published) == ["busy", "idle"]
    assert failed(cell).execution_count is not None
    assert value(client, "'unknown_was_run' in globals()") == "False"


def test_message_without_reply_for_a_deleted_subshell_is_over(client: Client) -> None:
    """Nothing but busy and idle answers it."""
    ident = create(client)
    delete(client, ident)

    content = CommMsg(comm_id="none", data={})
    published = client.notify(content, subshell_id=ident, timeout=HANG_LIMIT_S)

    assert states(published) == ["busy", "idle"]
    assert is_well(client)


def test_comm_is_closed_for_a_deleted_subshell(client: Client) -> None:
    """A page deletes its subshell before it closes its comms: the main shell closes them."""
    code = "import comm; kept = comm.create_comm(target_name='page', comm_id='of-a-page')"
    succeeded(execute(client, f"{code}\nkept.on_close(lambda _: print('closed'))"))
    ident = create(client)
    delete(client, ident)

    published = client.notify(
        CommClose(comm_id="of-a-page", data={}), subshell_id=ident, timeout=HANG_LIMIT_S
    )

    assert text_of(published) == "closed\n"
    assert states(published) == ["busy", "idle"]


def test_subshell_that_is_deleted_finishes_what_it_has_received(client: Client, sub: str) -> None:
    """It is off the list at once; its cell and the one behind it run to their ends (AMB-34)."""
    ident = create(client)
    succeeded(execute(client, "import threading; gate = threading.Event()"))
    cell = start_in(client, ident, "print('begun'); print(gate.wait())", until="begun")
    behind = start_in(client, ident, "'behind'")
    client.request(CommInfoRequest(), subshell_id=sub, timeout=HANG_LIMIT_S)  # it has come by now

    delete(client, ident)
    is_listed = ident in listed(client)
    late = run_in(client, ident, "1")
    succeeded(execute(client, "gate.set()"))

    assert not is_listed
    assert failed(late).ename == "UnknownSubshellError"
    assert text_of(finish(client, cell).published) == "begun\nTrue\n"
    assert result(finish(client, behind)) == "'behind'"


KEEPING = {
    "swallows": "await asyncio.sleep(600)",
    "blocks": "gate.wait(); break",
}
"""What a background task does over and over, whatever is raised in it."""


@pytest.mark.parametrize("kind", sorted(KEEPING))
def test_background_task_keeps_no_deletion_waiting(client: Client, kind: str) -> None:
    """One that swallows its cancellation is left, and its cell shows so; one that blocks its thread
    goes on, and ends with that."""
    ident = create(client)
    code = (
        "import asyncio, threading\n"
        "begun, gate = threading.Event(), threading.Event()\n"
        "async def stay():\n"
        "    while True:\n"
        f"        try: begun.set(); {KEEPING[kind]}\n"
        "        except BaseException as error: raised = type(error)\n"
        "task = asyncio.create_task(stay());"
    )
    cell = run_in(client, ident, code)
    succeeded(execute(client, "assert begun.wait()"))

    delete(client, ident)

    if kind == "swallows":
        assert origin(client, "It is left") == cell.request.header.msg_id
    succeeded(execute(client, "gate.set()"))
    settle = (
        f"while any({ident!r} in t.name for t in threading.enumerate()):\n    time.sleep(0.001)"
    )
    succeeded(execute(client, f"import time\n{settle}"))


def test_subshells_that_are_gone_leave_nothing(client: Client) -> None:
    """Neither threads nor event loops are left of those that have run cells and tasks."""
    code = "import asyncio; task = asyncio.create_task(asyncio.sleep(600)); await asyncio.sleep(0)"
    succeeded(execute(client, f"{code}; task.cancel()\nimport threading, time"))
    settle = (
        "while any(t.name.startswith('assay-subshell') for t in threading.enumerate()):\n"
        "    time.sleep(0.001)\n"
        "import gc; gc.collect()\n"
        "sum(type(o).__name__ == 'UserLoop' and not o.is_closed() for o in gc.get_objects())"
    )
    before = result(execute(client, settle))

    idents = [create(client) for _ in range(20)]
    for exchange in [start_in(client, ident, code) for ident in idents]:
        succeeded(finish(client, exchange))
    for ident in idents:
        delete(client, ident)

    assert result(execute(client, settle)) == before


def test_magic_names_the_subshell(client: Client, sub: str) -> None:
    """``%subshell`` says where the cell runs, and what subshells there are."""
    there = text_of(run_in(client, sub, "%subshell").published)
    here = text_of(execute(client, "%subshell").published)

    assert f"subshell id: {sub}\n" in there
    assert "subshell id: None\n" in here
    assert f"subshell list: ['{sub}']\n" in there


# --- Cells at the same time.


HANGS = """\
from threading import Event
inside, released = Event(), Event()
def hang():
    inside.set()
    released.wait()
    return ""
class Table:
    def __dir__(self):
        return hang() or ["column"]
    def __repr__(self):
        return hang() or "table"
class Odd(Exception):
    def __str__(self):
        return hang() or "odd"
table = Table()
"""
HANGING: dict[str, Content] = {
    "completion": CompleteRequest(code="table.co", cursor_pos=8),
    "inspection": InspectRequest(code="table", cursor_pos=5),
    "error": ExecuteRequest(code="raise Odd", stop_on_error=False),
}


@pytest.mark.parametrize("kind", sorted(HANGING))
def test_code_that_the_kernel_calls_and_that_hangs_keeps_no_other_shell_waiting(
    client: Client, sub: str, kind: str
) -> None:
    """A completion, an inspection or an error that one shell never ends; cells of another run and
    fail meanwhile (SUBSHELL-07)."""
    succeeded(execute(client, HANGS))
    hanging = client.start(HANGING[kind])
    succeeded(run_in(client, sub, "inside.wait()"))

    ran, raised = run_in(client, sub, "1 + 1"), run_in(client, sub, "1 / 0")
    succeeded(run_in(client, sub, "released.set()"))
    finish(client, hanging)

    assert (result(ran), failed(raised).ename) == ("2", "ZeroDivisionError")


def test_what_an_interrupt_leaves_locked_is_free_when_the_cell_has_ended(
    client: Client, sub: str
) -> None:
    """An interrupt may strike just when a thread has got the shell's lock; cells of others run."""
    succeeded(execute(client, "lock = get_ipython().lock; lock.acquire(); lock.acquire()"))

    assert result(run_in(client, sub, "1 + 1")) == "2"


def test_cell_runs_while_the_main_shell_is_busy(client: Client, sub: str) -> None:
    """What each prints, shows and returns has its own request as parent (SUBSHELL-02)."""
    succeeded(execute(client, "import threading; gate = threading.Event()"))
    main = begin(client, "print('begun'); gate.wait(); print('main'); 'of main'", until="begun")

    beside = run_in(client, sub, "display('shown'); print('beside'); gate.set(); 'of sub'")
    answer = finish(client, main)

    assert text_of(answer.published) == "begun\nmain\n"
    assert result(answer) == "'of main'"
    assert text_of(beside.published) == "beside\n"
    assert result(beside) == "'of sub'"


def test_cells_at_once_keep_their_numbers_and_results(client: Client, subs: list[str]) -> None:
    """No number is given twice; In, Out and the history have each under its own (AMB-35)."""
    succeeded(execute(client, "import threading; meet = threading.Barrier(4)"))
    shells = [None, *subs]
    codes = {
        (shell, i): f"_ = meet.wait(); ({i}, {at}, 'counted')"
        for i in range(5)
        for at, shell in enumerate(shells)
    }

    running = [(code, start_in(client, shell, code)) for (shell, _), code in codes.items()]
    answers = [(code, finish(client, exchange)) for code, exchange in running]

    numbers = [succeeded(answer).execution_count for _, answer in answers]
    assert len(set(numbers)) == len(numbers)
    for code, answer in answers:
        number = succeeded(answer).execution_count
        assert only(answer, ExecuteInput).execution_count == number
        assert only(answer, ExecuteResult).execution_count == number
        expected = code.partition("; ")[2]
        assert result(answer) == expected
        assert value(client, f"In[{number}] == {code!r} and Out[{number}]") == expected
        assert value(client, f"_{number}") == expected
    request = HistoryRequest(
        hist_access_type="range", session=0, start=min(numbers), stop=max(numbers) + 1,
        raw=True, output=False,
    )  # fmt: skip
    history = client.request(request, timeout=HANG_LIMIT_S).content
    assert isinstance(history, HistoryReply)
    found = {line: text for _, line, text in history.history}
    assert found == {succeeded(answer).execution_count: code for code, answer in answers}


def test_lines_of_cells_at_once_are_not_mixed(client: Client, subs: list[str]) -> None:
    """Each cell gets all it prints and nothing of another, also from its threads and children."""
    succeeded(execute(client, "import os, threading; meet = threading.Barrier(4)"))
    # A function: names at the top level are shared by all shells (SUBSHELL-11).
    code = (
        "def write(name):\n"
        "    meet.wait()\n"
        "    for i in range(200): print(name, i)\n"
        "    worker = threading.Thread(target=print, args=(name, 'thread', 1))\n"
        "    worker.start(); worker.join()"
    )
    succeeded(execute(client, code))
    running = {}
    for shell in (None, *subs):
        name = shell or "main"
        running[name] = start_in(client, shell, f"write({name!r})")

    for name, exchange in running.items():
        lines = [f"{name} {i}\n" for i in range(200)] + [f"{name} thread 1\n"]
        assert text_of(finish(client, exchange).published) == "".join(lines)


def test_errors_of_cells_at_once_are_their_own(client: Client, subs: list[str]) -> None:
    """Each fails with its own exception, published once; what a semicolon silences stays silent."""
    succeeded(execute(client, "import threading; meet = threading.Barrier(3)"))
    wrong = [
        start_in(client, shell, f"_ = meet.wait()\nraise LookupError({shell!r})")
        for shell in subs[:2]
    ]
    silent = start_in(client, subs[2], "meet.wait() and 'silent';")

    for shell, exchange in zip(subs, wrong, strict=False):
        answer = finish(client, exchange)
        assert failed(answer).evalue == error(answer).evalue == repr(shell)[1:-1]
        assert failed(answer).traceback == error(answer).traceback
        assert any(shell in line for line in error(answer).traceback)
    assert not finish(client, silent).contents(ExecuteResult)
    assert value(client, "__import__('sys').excepthook.__module__") == "'sys'"


def test_cells_at_once_are_compiled(client: Client, subs: list[str]) -> None:
    """Threads that take turns in the middle of a cell's parsing do not disturb each other: Python
    3.11 counts how deep it is in a tree for all of them together."""
    setting = (
        "import gc, sys\nbefore = sys.getswitchinterval(), gc.get_threshold()\n"
        "sys.setswitchinterval(1e-5); gc.set_threshold(50)\n"
        "class Slow:\n    def __del__(self): pass"
    )
    succeeded(execute(client, setting))
    lines = [f"x{i} = [({i}, [{i}, ({i} + {i}) * {i}], dict(a={i}))]" for i in range(200)]
    code = "\n".join(f"{line}; l = [Slow()]; l.append(l)" for line in lines)

    for _ in range(6):
        for exchange in [start_in(client, shell, code) for shell in (None, *subs)]:
            succeeded(finish(client, exchange))

    succeeded(execute(client, "sys.setswitchinterval(before[0]); gc.set_threshold(*before[1])"))


def test_payloads_of_cells_at_once_are_their_own(client: Client, sub: str) -> None:
    """A page that one cell shows is no part of the other's reply."""
    succeeded(
        execute(client, "import threading; gate, shown = threading.Event(), threading.Event()")
    )
    main = start_in(client, None, "%pinfo print\nshown.set(); _ = gate.wait()")

    beside = run_in(client, sub, "_ = shown.wait(); gate.set()\nget_ipython().set_next_input('x')")

    (page,) = succeeded(finish(client, main)).payload or ()
    (text,) = succeeded(beside).payload or ()
    assert page["source"] == "page"
    assert text["source"] == "set_next_input"


def test_awaiting_cells_at_once_have_their_own_loops(client: Client, subs: list[str]) -> None:
    """Each awaits on the loop of its own thread, while the other does as well (EXEC-01)."""
    code = "import asyncio, threading; gate = threading.Event(); loops = set()"
    succeeded(execute(client, code))
    code = (
        "loops.add(asyncio.get_running_loop()); print('begun')\nawait asyncio.to_thread(gate.wait)"
    )
    running = [start_in(client, shell, code, until="begun") for shell in (None, subs[0])]

    succeeded(run_in(client, subs[1], "gate.set()"))
    for exchange in running:
        succeeded(finish(client, exchange))

    assert value(client, "len(loops)") == "2"


def test_task_of_a_subshell_goes_on_between_its_cells(client: Client) -> None:
    """It is cancelled when the subshell is deleted."""
    ident = create(client)
    code = (
        "import asyncio, threading\n"
        "ticks, ended = [threading.Event() for _ in range(3)], threading.Event()\n"
        "async def tick():\n"
        "    try:\n"
        "        for event in ticks:\n"
        "            await asyncio.sleep(0.001)\n"
        "            event.set()\n"
        "        await asyncio.sleep(600)\n"
        "    finally: ended.set()\n"
        "task = asyncio.create_task(tick())"
    )
    succeeded(run_in(client, ident, code))

    succeeded(execute(client, "assert all([event.wait() for event in ticks])"))
    assert value(client, "ended.is_set()") == "False"
    delete(client, ident)
    succeeded(execute(client, "assert ended.wait()"))


def test_future_may_be_set_in_another_shell(client: Client, sub: str) -> None:
    """A cell that awaits it wakes: so widgets' observers work that run in a subshell."""
    code = "import asyncio; future = asyncio.get_running_loop().create_future()"
    succeeded(execute(client, code))
    waiting = begin(client, "print('begun'); await future", until="begun")

    succeeded(run_in(client, sub, "future.set_result('set')"))

    assert result(finish(client, waiting)) == "'set'"


def test_child_writes_for_the_subshell(client: Client, sub: str) -> None:
    """What a process writes that a cell of a subshell has started is that cell's output."""
    succeeded(execute(client, "1"))

    answer = run_in(client, sub, "import os; os.system('echo child')")

    assert text_of(answer.published) == "child\n"


def test_forked_child_ends_by_itself(client: Client, sub: str) -> None:
    """It writes for the cell that forked it, sends no reply, and handles no request."""
    code = (
        "import os\n"
        "if (child := os.fork()) == 0:\n"
        "    print('in the child')\n"
        "else:\n"
        "    print(os.waitpid(child, 0)[1])"
    )
    answer = run_in(client, sub, code)

    assert text_of(answer.published) == "in the child\n0\n"
    assert is_well(client)
    assert result(run_in(client, sub, "2 + 2")) == "4"


def test_comm_messages_run_in_their_subshell(client: Client, sub: str) -> None:
    """An observer runs while a cell blocks the main shell; what it prints is the message's."""
    code = (
        "import comm, threading\n"
        "gate = threading.Event()\n"
        "line = comm.create_comm(target_name='subshells', comm_id='of-subshells')\n"
        "@line.on_msg\n"
        "def hear(message):\n"
        "    print('heard', message['content']['data']['it']); gate.set()"
    )
    succeeded(execute(client, code))
    main = begin(client, "print('begun'); print(gate.wait())", until="begun")

    content = CommMsg(comm_id="of-subshells", data={"it": 5})
    published = client.notify(content, subshell_id=sub, timeout=HANG_LIMIT_S)

    assert text_of(published) == "heard 5\n"
    assert text_of(finish(client, main).published) == "begun\nTrue\n"


# --- What one does to the others.


def test_cell_runs_a_loop_where_no_other_shell_has_one(mine: Client) -> None:
    """A subshell may be the first that imports asyncio, and the only one."""
    code = "import asyncio\nasync def main(): return 7\nasyncio.run(main())"

    answer = mine.execute(code, subshell_id=create(mine), timeout=HANG_LIMIT_S)

    assert result(answer) == "7"


IMPORTING_TRIO = """\
import pathlib, sys, tempfile, threading
gate = threading.Event()
folder = tempfile.TemporaryDirectory()
pathlib.Path(folder.name, "trio.py").write_text("import __main__\\nprint('begun', flush=True)\\n"
    "__main__.gate.wait()\\ndef run(main, **_): return hasattr(main, '__wrapped__')")
sys.path.insert(0, folder.name)
import trio
folder.cleanup()
"""
"""What it imports tells whether the function that it is to run can be cancelled."""


def test_subshell_that_begins_while_trio_is_imported_is_interrupted_in_it(mine: Client) -> None:
    """The main shell has imported half of trio when it begins: loops of trio's can be ended."""
    importing = start_in(mine, None, IMPORTING_TRIO, until="begun")
    sub = create(mine)
    run_in(mine, sub, "gate.set()")
    succeeded(finish(mine, importing))

    assert result(run_in(mine, sub, "trio.run(print)")) == "True"


def test_failure_aborts_the_queue_of_its_own_subshell(client: Client, subs: list[str]) -> None:
    """The cells behind it are not run; those of another are (EXEC-20, SUBSHELL-16)."""
    succeeded(execute(client, "import threading; gate = threading.Event()"))
    lead = [
        start_in(client, ident, "print('begun'); gate.wait(); 1 / 0", until="begun",
                 stop_on_error=ident == subs[0])
        for ident in subs[:2]
    ]  # fmt: skip
    behind = [[start_in(client, ident, "'run'") for _ in TWICE] for ident in subs[:2]]

    succeeded(execute(client, "gate.set()"))

    for exchange in lead:
        assert failed(finish(client, exchange)).ename == "ZeroDivisionError"
    for exchange in behind[0]:
        aborted = finish(client, exchange)
        assert failed(aborted).ename == "ExecutionAborted"
        assert states(aborted.published) == ["busy", "idle"]
    for exchange in behind[1]:
        assert result(finish(client, exchange)) == "'run'"
    assert result(run_in(client, subs[0], "'again'")) == "'again'"


def test_prompts_of_subshells_stand_beside_each_other(client: Client, subs: list[str]) -> None:
    """Each gets its own answer, in any order (SUBSHELL-14)."""
    cells = [
        start_in(client, ident, f"print(input({ident!r}))", allow_stdin=True) for ident in subs
    ]
    asked = {}
    for _ in cells:
        question = client.receive(Channel.STDIN, HANG_LIMIT_S)
        assert isinstance(question.content, InputRequest)
        asked[question.content.prompt] = question.header

    assert sorted(asked) == sorted(subs)
    for ident in reversed(subs):
        client.answer_input(f"to {ident}", parent=asked[ident])

    for ident, cell in zip(subs, cells, strict=True):
        assert text_of(finish(client, cell).published) == f"to {ident}\n"


# --- Interrupts and the end.

INTERRUPTED = {
    "sleep by name": "from time import sleep\nsleep(600)",
    "await in a loop": "while True: await asyncio.sleep(0)",
    "loop behind an await": "await asyncio.sleep(0)\nwhile True: pass",
    "gather": "await asyncio.gather(*[asyncio.sleep(600) for _ in range(9)])",
    "finalizer": "class Slow:\n    def __del__(self):\n        while not self.seen(): pass\n"
    "    def seen(self): return False\nSlow()\nwhile True: pass",
}
"""What the table of `docs/interrupts.md` does not name."""


@pytest.mark.parametrize("kind", sorted(INTERRUPTED))
def test_cell_of_a_subshell_is_interrupted(client: Client, sub: str, kind: str) -> None:
    """It fails with KeyboardInterrupt, without our frames; the next one runs (SUBSHELL-20)."""
    cell = start_in(
        client, sub, f"import asyncio\nprint('begun')\n{INTERRUPTED[kind]}", until="begun"
    )

    ask(client, InterruptRequest())
    answer = finish(client, cell)

    assert failed(answer).ename == error(answer).ename == "KeyboardInterrupt"
    assert not any("assay" in line for line in error(answer).traceback)
    assert result(run_in(client, sub, "2 + 2")) == "4"


def test_one_interrupt_ends_the_cells_of_all_shells(client: Client, subs: list[str]) -> None:
    """The main shell's and those of all subshells, each once (SUBSHELL-20, AMB-36)."""
    code = "print('begun')\nwhile True: pass"
    cells = [start_in(client, shell, code, until="begun") for shell in (None, *subs)]

    ask(client, InterruptRequest())

    for cell in cells:
        answer = finish(client, cell)
        assert failed(answer).ename == error(answer).ename == "KeyboardInterrupt"
    for shell in (None, *subs):
        assert result(run_in(client, shell, "sum(range(10**5)); 'well'")) == "'well'"


def test_interrupt_that_is_put_off_is_reported_once(
    client: Client, sub: str, tmp_path: Path
) -> None:
    """It is tried again while a module is imported, and is one interrupt all the same."""
    (tmp_path / "module_that_waits.py").write_text("import sys; sys.modules['__main__'].wait()")
    code = (
        "import os, sys\n"
        "gate, opener = os.pipe()  # no condition, which an interrupt ends even here, in the end\n"
        "def wait(): print('begun'); os.read(gate, 1)\n"
        f"sys.path.append({str(tmp_path)!r})"
    )
    succeeded(execute(client, code))
    cell = start_in(client, sub, "import module_that_waits\nwhile True: pass", until="begun")

    ask(client, InterruptRequest())
    seconds = 1.5 * _subshell.REPORT_S
    succeeded(execute(client, f"{LOAD}probe.io_thread_passes({seconds})\nos.write(opener, b'1')"))
    answer = finish(client, cell)

    assert failed(answer).ename == error(answer).ename == "KeyboardInterrupt"
    assert answer.text(StreamName.STDERR).count("was interrupted") == 1


def test_interrupt_of_an_idle_subshell_is_harmless(client: Client, sub: str) -> None:
    """It ends no later cell, and no task that waits (CTRL-10)."""
    code = "import asyncio; task = asyncio.create_task(asyncio.sleep(600)); await asyncio.sleep(0)"
    succeeded(run_in(client, sub, code))

    ask(client, InterruptRequest())

    assert result(run_in(client, sub, "task.done()")) == "False"


@pytest.mark.parametrize("code", ["time.sleep(600)", "threading.Event().wait()"])
def test_shutdown_ends_a_busy_subshell(kernel: KernelProcess, mine: Client, code: str) -> None:
    """The kernel ends by itself, whether or not its cell can be ended (SUBSHELL-12)."""
    ident = create(mine)
    start_in(mine, ident, f"import threading, time; print('begun')\n{code}", until="begun")

    answer = ask(mine, ShutdownRequest(restart=False))

    assert isinstance(answer.content, ShutdownReply)
    assert kernel.wait(HANG_LIMIT_S) == 0


@pytest.mark.parametrize(
    "code",
    [
        "exit",
        "import asyncio\nasync def later(): await asyncio.sleep(0); exit()\n"
        "task = asyncio.create_task(later())",
    ],
    ids=["cell", "task"],
)
def test_exit_in_a_subshell_ends_the_kernel(kernel: KernelProcess, mine: Client, code: str) -> None:
    """The cell is answered first; a background task needs no request that comes after it."""
    answer = run_in(mine, create(mine), code)

    assert succeeded(answer).status == "ok"
    assert kernel.wait(HANG_LIMIT_S) == 0


def test_next_cell_of_a_subshell_runs_after_a_low_recursion_limit(client: Client, sub: str) -> None:
    """A cell that leaves Python no room to call functions leaves the next one what it needs."""
    run_in(client, sub, "import sys; before = sys.getrecursionlimit(); sys.setrecursionlimit(50)")
    behind = run_in(client, sub, "40 + 2")
    restored = run_in(client, sub, "sys.setrecursionlimit(before); sys.getrecursionlimit()")

    assert result(behind) == "42"
    assert result(restored) == "1000"
