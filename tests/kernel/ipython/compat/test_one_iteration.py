"""Widget events in the middle of a cell, as jupyter_ui_poll has them handled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from assay.protocol import (
    Channel,
    CommMsg,
    CompleteReply,
    CompleteRequest,
    CreateSubshellReply,
    CreateSubshellRequest,
    ExecuteRequest,
    KernelInfoRequest,
)
from assay.transport import Client, KernelProcess
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    begin,
    execute,
    failed,
    finish,
    is_well,
    result,
    start_forked,
    states,
    succeeded,
    text_of,
    value,
)

OPEN = """\
import asyncio, threading
from comm import create_comm
got = []
def take(message):
    got.append(message['content']['data']['n'])
    print('taken')
c = create_comm(target_name='t')
c.on_msg(take)
one = get_ipython().kernel.do_one_iteration
c.comm_id
"""

POLL = {
    "awaiting": "print('polls', flush=True)\nwhile len(got) < 2: await one()\n"
    "asyncio.get_running_loop().is_running()",
    "in a thread": "def poll():\n    asyncio.run(one())\n"
    "print('polls', flush=True)\nwhile len(got) < 2:\n"
    "    t = threading.Thread(target=poll); t.start(); t.join()\n"
    "asyncio.get_running_loop().is_running()",
}


@pytest.mark.parametrize("kind", POLL)
def test_events_are_handled_before_the_cells_that_wait(client: Client, kind: str) -> None:
    """What waits behind the cell and is no cell is handled in its order; cells wait for their
    turn, and what the events print is theirs."""
    comm_id = str(result(execute(client, OPEN))).strip("'")
    polling = begin(client, POLL[kind], until="polls")
    behind = client.start(ExecuteRequest(code="print('cell')\nlist(got)"))
    messages = [CommMsg(comm_id=comm_id, data={"n": n}) for n in (1, 2)]
    events = [client.start(message, wants_reply=False) for message in messages]
    polled = finish(client, polling)
    after = finish(client, behind)

    assert result(polled) == "True"  # the cell's loop is as it was
    assert result(after) == "[1, 2]"
    assert [text_of(event.published) for event in events] == ["taken\n", "taken\n"]
    assert polled.text() == "polls\n"
    assert all([str(s) for s in states(e.published)] == ["busy", "idle"] for e in events)
    assert is_well(client)


def test_cell_can_be_interrupted_afterwards(shared_kernel: KernelProcess, client: Client) -> None:
    """A request that was handled in its middle takes nothing from the cell."""
    comm_id = str(result(execute(client, OPEN))).strip("'")
    code = "print('polls', flush=True)\nwhile not got: await one()\nprint('on', flush=True)\n"
    polling = begin(client, f"{code}while True: pass", until="polls")
    client.start(CommMsg(comm_id=comm_id, data={"n": 1}), wants_reply=False)
    client.wait_until(
        lambda: "on\n" in text_of(polling.published), awaited="on", timeout=HANG_LIMIT_S
    )
    shared_kernel.interrupt()

    assert failed(finish(client, polling)).ename == "KeyboardInterrupt"


def test_other_requests_are_answered_too(client: Client) -> None:
    """A question that waits on shell is answered in the middle of the cell."""
    execute(client, OPEN)
    code = "print('polls', flush=True)\nwhile not get_ipython().kernel._host.handle_waiting(): pass"
    polling = begin(client, code, until="polls")
    client.request(KernelInfoRequest(), timeout=HANG_LIMIT_S)

    succeeded(finish(client, polling))


@pytest.mark.parametrize("name", ["shell_stream", "msg_queue", "control_thread"])
def test_absent_names_say_why(client: Client, name: str) -> None:
    """What IPython's kernel has and this one does not is missing for a reason."""
    answer = execute(client, f"get_ipython().kernel.{name}")

    assert failed(answer).ename == "AttributeError"
    assert name in failed(answer).evalue
    assert value(client, f"hasattr(get_ipython().kernel, {name!r})") == "False"


def test_handlers_can_be_replaced_and_put_back(client: Client) -> None:
    """A program that replaces the handler of cells finds a coroutine function, and its own."""
    code = """\
import inspect
handlers = get_ipython().kernel.shell_handlers
before = handlers['execute_request']
handlers['execute_request'] = len
found = handlers['execute_request'] is len, inspect.iscoroutinefunction(before)
handlers['execute_request'] = before
found
"""

    assert result(execute(client, code)) == "(True, True)"


HIDES_PACKAGE = """\
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] == 'ipykernel':
            raise ModuleNotFoundError(name)
kept = sys.modules.pop('ipykernel')
type(sys.modules['ipykernel.connect'])('ipykernel')
sys.meta_path.insert(0, Hidden())
try:
    from ipykernel import __version__, version_info
finally:
    sys.meta_path.pop(0)
    sys.modules['ipykernel'] = kept
__version__, version_info >= (6, 18)
"""
"""Asks the package for its version as if it was not installed."""


def test_package_that_is_not_installed_has_a_version(client: Client) -> None:
    """ipywidgets asks for one that makes comms as we do; VS Code imports it with each question."""
    assert result(execute(client, HIDES_PACKAGE)) == "('6.31.0', True)"


ASKS_IN_THREAD = """\
from threading import Thread
class Table:
    def __dir__(self):
        return ['column']
table, found = Table(), []
def ask():
    kernel = get_ipython().kernel
    found.append(kernel.do_complete('table.co', 8))
    found.append(kernel.do_inspect('table', 3, 0))
    found.append(kernel.do_complete('table.co'))
thread = Thread(target=ask)
thread.start()
thread.join()
completed, inspected, last = found
(
    completed['matches'], completed['cursor_start'], completed['cursor_end'],
    inspected['found'], 'Table' in inspected['data']['text/plain'], last['matches'],
)
"""


def test_questions_are_answered_in_a_thread(client: Client) -> None:
    """VS Code has a thread ask for what a reply would say, and shows that."""
    assert result(execute(client, ASKS_IN_THREAD)) == ("(['column'], 6, 8, True, True, ['column'])")


HANGS_IN_THREAD = """\
from threading import Event, Thread, current_thread, main_thread
inside, released = Event(), Event()
class Table:
    def __dir__(self):
        self.hang()
        return ['column']
    def __repr__(self):
        self.hang()
        return 'table'
    def hang(self):
        if current_thread() is thread:
            inside.set()
            released.wait()
table = Table()
kernel = get_ipython().kernel
thread = Thread(target=lambda: {question}, daemon=True)
thread.start()
inside.wait()
"""


@pytest.mark.parametrize(
    ("question", "matches"),
    [("kernel.do_complete('table.co')", ()), ("kernel.do_inspect('table', 3)", ("column",))],
)
def test_thread_whose_question_hangs_keeps_nobody_waiting(
    tmp_path: Path, question: str, matches: Sequence[str]
) -> None:
    """What one asks may never answer: meanwhile cells run, and so does what asks the same. Which
    warnings are shown is the cells' to say."""
    with start_forked(tmp_path) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        # With a subshell, cells lock what they share.
        created = client.request(CreateSubshellRequest(), channel=Channel.CONTROL).content
        assert isinstance(created, CreateSubshellReply)
        succeeded(execute(client, HANGS_IN_THREAD.format(question=question)))
        show = "import warnings; warnings.simplefilter('always', ImportWarning)"
        succeeded(execute(client, show))
        complete = CompleteRequest(code="table.co", cursor_pos=8)
        found = client.request(complete, timeout=HANG_LIMIT_S).content
        elsewhere = client.start(ExecuteRequest(code="1 + 1"), subshell_id=created.subshell_id)

        assert isinstance(found, CompleteReply)
        assert found.matches == matches
        assert result(finish(client, elsewhere)) == "2"
        succeeded(execute(client, "released.set(); thread.join()"))
        kept = "('always', ImportWarning) in {(one[0], one[2]) for one in warnings.filters}"
        assert result(execute(client, kept)) == "True"
        again = client.request(complete, timeout=HANG_LIMIT_S).content
        assert isinstance(again, CompleteReply)
        assert again.matches == ("column",)
