"""Requests while a cell runs: what is answered, by whom, and what becomes of the cell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

from assay.protocol import (
    Channel,
    CommInfoReply,
    CommInfoRequest,
    CommMsg,
    CommOpen,
    CompleteReply,
    CompleteRequest,
    Content,
    ExecuteRequest,
    HistoryReply,
    HistoryRequest,
    InspectReply,
    InspectRequest,
    IsCompleteReply,
    IsCompleteRequest,
    KernelInfoReply,
    KernelInfoRequest,
    StreamName,
)
from assay.transport import Client, Exchange, KernelProcess
from tests.kernel._judged import judged
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    begin,
    execute,
    failed,
    finish,
    is_well,
    result,
    states,
    succeeded,
    text_of,
    value,
)
from tests.kernel._probe import LOAD

SETUP = """
import asyncio, contextvars, os, time
from comm import get_comm_manager
touched = []

class Plain:
    "What Plain is for."
    size = 3
    def grow(self, by, factor=2):
        "Make it larger."
        return self
    @property
    def twin(self) -> "Plain":
        touched.append('twin')

class Meta(type):
    def __getattribute__(cls, name): touched.append(name); return type.__getattribute__(cls, name)
    def __dir__(cls): touched.append('dir'); return []
    def __eq__(cls, other): touched.append('eq'); return NotImplemented
    def __hash__(cls): touched.append('hash'); return 1

class Wary(metaclass=Meta):
    def __getattribute__(self, name):
        touched.append(name); return object.__getattribute__(self, name)
    def __getattr__(self, name): touched.append(name); raise AttributeError(name)
    def __dir__(self): touched.append('dir'); return []
    def __repr__(self): touched.append('repr'); return ''
    def __len__(self): touched.append('len'); return 0
    def __getitem__(self, key): touched.append('item')
    def __eq__(self, other): touched.append('eq'); return False
    def __hash__(self): touched.append('hash'); return 1
    __class__ = property(lambda self: touched.append('class'))
    __dict__ = property(lambda self: touched.append('dict'))
    seen = property(lambda self: touched.append('seen'))

def make(one, *rest, last=None) -> Plain:
    "Make one."

plain, wary, by_key = Plain(), Wary(), {'first key': Plain(), Wary(): 1}
plain.own = 'text'
touched.clear()
"""


@pytest.fixture(scope="module")
def prepared(shared_kernel: KernelProcess) -> KernelProcess:
    """The module's kernel with some objects, and time for its answers."""
    with shared_kernel.client(timeout=HANG_LIMIT_S) as client:
        succeeded(execute(client, SETUP))
        patience = f"{LOAD}probe.allow_for_answers({HANG_LIMIT_S}); del probe, runpy"
        succeeded(execute(client, patience, silent=True))
    return shared_kernel


@pytest.fixture
def client(prepared: KernelProcess) -> Iterator[Client]:
    """A client with whose conversation nothing is wrong."""
    with judged(prepared) as client:
        yield client


BLOCKED = {
    "in the system": "print('blocks', flush=True); open({0!r}).read()",
    "in a loop": "print('blocks', flush=True)\nwhile not os.path.exists({0!r} + '.go'): pass",
    "in a step of a cell that awaits": (
        "print('blocks', flush=True)\nopen({0!r}).read()\nawait asyncio.sleep(0)"
    ),
}


@contextmanager
def blocked(client: Client, folder: Path, kind: str = "in the system") -> Iterator[Exchange]:
    """Have a cell block inside; afterwards it has ended, and nothing but its own text is its."""
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    cell = begin(client, BLOCKED[kind].format(str(fifo)), until="blocks")
    try:
        yield cell
        assert cell.reply is None
    finally:
        Path(f"{fifo}.go").touch()
        if "open(" in BLOCKED[kind]:
            fifo.write_text("go on")
    answer = finish(client, cell)
    succeeded(answer)
    assert answer.text() == "blocks\n"


def ask(client: Client, content: Content) -> Content:
    """Return the answer to a question, which has its own busy and idle."""
    answer = client.request(content, timeout=HANG_LIMIT_S)
    assert [str(state) for state in states(answer.published)] == ["busy", "idle"]
    return answer.content


def matches(client: Client, code: str) -> tuple[str, ...]:
    """Return what may stand at the end of *code*; what is replaced fits in front of it."""
    found = ask(client, CompleteRequest(code=code, cursor_pos=len(code)))
    assert isinstance(found, CompleteReply)
    assert found.cursor_end == len(code)
    start = code[found.cursor_start :]
    assert all(match.lower().startswith(start.lower()) for match in found.matches)
    return found.matches


QUESTIONS: list[tuple[Content, type[Content]]] = [
    (CompleteRequest(code="plain.", cursor_pos=6), CompleteReply),
    (InspectRequest(code="make(", cursor_pos=5, detail_level=0), InspectReply),
    (IsCompleteRequest(code="for one in []:"), IsCompleteReply),
    (HistoryRequest(hist_access_type="tail", n=2, output=False, raw=True), HistoryReply),
    (
        HistoryRequest(hist_access_type="search", pattern="*Plain*", n=2, output=False, raw=True),
        HistoryReply,
    ),
    (
        HistoryRequest(hist_access_type="range", session=0, start=1, output=True, raw=True),
        HistoryReply,
    ),
    (CommInfoRequest(), CommInfoReply),
    (KernelInfoRequest(), KernelInfoReply),
]


@pytest.mark.parametrize("kind", BLOCKED)
def test_questions_are_answered_while_code_blocks(
    client: Client, tmp_path: Path, kind: str
) -> None:
    """Wherever it blocks, and with cells behind it, which keep their order and their numbers."""
    number = int(str(value(client, "get_ipython().execution_count")))
    with blocked(client, tmp_path, kind):
        behind = [client.start(ExecuteRequest(code=f"print({n})")) for n in range(2)]
        for content, reply in QUESTIONS:
            assert isinstance(ask(client, content), reply)
        told = ask(client, QUESTIONS[3][0])
        assert isinstance(told, HistoryReply)
        assert "blocks" in str(told.history[-1][2])
    answers = [finish(client, one) for one in behind]

    assert [answer.text() for answer in answers] == ["0\n", "1\n"]
    assert [succeeded(answer).execution_count for answer in answers] == [number + 1, number + 2]


LOOKED = {
    "plain.": {"grow", "own", "size", "twin"},
    "plain.own.upp": {"upper"},
    "Plain().gr": {"grow"},
    "make(1).gr": {"grow"},
    "plain.twin.si": {"size"},
    "by_key['fir": {"first key"},
    "[1, 2].app": {"append"},
    "'a b'.upp": {"upper"},
    "x = plain\nx.gr": {"grow"},
    "import os.path as p\np.exis": {"exists"},
    "from os import getpi": {"getpid"},
    "import asynci": {"asyncio"},
    "%tim": {"%time", "%timeit"},
    "%%writ": {"%%writefile"},
    "pla": {"plain"},
    "def outer(parameter):\n    return para": {"parameter"},
    "whi": {"while"},
    "# pla": set(),
    "'pla": set(),
    "nowhere.x": set(),
    "1 + (": None,
    "": None,
    "\N{GRINNING FACE} + plain.ow": {"own"},
}
"""What is completed by looking, and what is found; None where that is left open."""

WARY = [
    "wary.",
    "wary.seen.",
    "wary.__class__.",
    "Wary.",
    "wary[0].",
    "wary().",
    "by_key['x'].",
    "war",
]


def test_completion_looks_and_runs_nothing(client: Client, tmp_path: Path) -> None:
    """Names, attributes, keys, modules, magics: by what can be seen, without the user's code."""
    with blocked(client, tmp_path):
        for code, found in LOOKED.items():
            told = set(matches(client, code))
            if found is not None:
                assert told >= found if found else not told, (code, told)
        assert "seen" in matches(client, "wary.")
        for code in WARY:
            matches(client, code)
            ask(client, InspectRequest(code=code, cursor_pos=len(code), detail_level=1))

    assert value(client, "touched") == "[]"


def test_inspection_looks_and_runs_nothing(client: Client, tmp_path: Path) -> None:
    """Signature, type and documentation; the source where it is asked for."""
    asked: dict[tuple[str, Literal[0, 1]], tuple[str, ...]] = {
        ("make(", 0): ("make(one, *rest, last=…)", "Make one."),
        ("plain.grow", 0): ("grow(by, factor=…)", "Make it larger."),
        ("plain", 0): ("Plain", "What Plain is for."),
        ("Plain", 0): ("What Plain is for.",),
        ("plain.own", 0): ("str", "'text'"),
        ("plain.grow", 1): ("return self",),
        ("%time", 0): ("Docstring",),
        ("len", 0): ("Return the number of items",),
    }
    with blocked(client, tmp_path):
        for (code, level), wanted in asked.items():
            content = InspectRequest(code=code, cursor_pos=len(code), detail_level=level)
            told = ask(client, content)
            assert isinstance(told, InspectReply)
            assert all(part in str(told.data["text/plain"]) for part in wanted), told.data
        nothing = ask(client, InspectRequest(code="nowhere", cursor_pos=3, detail_level=0))

    assert nothing == InspectReply(found=False)
    assert value(client, "touched") == "[]"


PARSES = """
import ast, gc
class Waits:
    def __del__(self):
        print('blocks', flush=True); open({0!r}).read()
thresholds = gc.get_threshold()
gc.collect()
waits = Waits()
waits.itself = waits
del waits
gc.set_threshold(200, 10, 10)
try:
    tree = ast.parse('x = [y for y in z]\\n' * 1000)
finally:
    gc.set_threshold(*thresholds)
print(len(tree.body))
"""


def test_looking_spares_a_cell_that_parses(client: Client, tmp_path: Path) -> None:
    """The cell is in the middle of a tree of Python's, which a second one would spoil (3.11)."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    cell = begin(client, PARSES.format(str(fifo)), until="blocks")
    found = matches(client, "x = plain\nx.gr")
    described = ask(client, InspectRequest(code="plain.own", cursor_pos=9, detail_level=0))
    whole = ask(client, IsCompleteRequest(code="x = ["))
    fifo.write_text("go on")
    answer = finish(client, cell)

    assert "grow" in found
    assert isinstance(described, InspectReply)
    assert described.found
    assert isinstance(whole, IsCompleteReply)
    assert whole.status == "incomplete"
    succeeded(answer)
    assert answer.text() == "blocks\n1000\n"


CODES = [
    "", " ", "1", "1 +", "for i in x:", "for i in x:\n    i", "for i in x:\n    i\n", "def f(",
    "'''",
    "'", "%time", "%%time", "%%time\nx", "%%time\nx\n\n", "!ls", "a?", "x = '\\d'", "1 is 1",
    "return", "await x", "if 1:\n  pass\nelse:", "a \\", "\0", "# only", "class A:\n", ")", "f'{x",
    "@x", "try:\n  pass", "  x", "x = [\n1,", "assert (1, 2)", "0777", "1if 2else 3", "'\\d' + (",
]  # fmt: skip


def test_whole_code_is_told_as_ever(client: Client, tmp_path: Path) -> None:
    """is_complete says the same beside a cell as without one, and changes no warnings filter."""
    idle = [ask(client, IsCompleteRequest(code=code)) for code in CODES]
    with blocked(client, tmp_path):
        beside = [ask(client, IsCompleteRequest(code=code)) for code in CODES]

    different = {
        code: (one, other)
        for code, one, other in zip(CODES, idle, beside, strict=True)
        if one != other
    }
    assert different == {}
    warned = execute(client, "import warnings\nwarnings.warn('seen', SyntaxWarning)")
    assert "seen" in warned.text(StreamName.STDERR)


def test_a_burst_of_completions_is_answered(client: Client, tmp_path: Path) -> None:
    """Of fifty at once each has one reply and one idle, and the newest has a finding."""
    with blocked(client, tmp_path):
        asked = [client.start(CompleteRequest(code="plain.o", cursor_pos=7)) for _ in range(50)]
        answers = [client.finish(one, timeout=HANG_LIMIT_S) for one in asked]

    told = [answer.content for answer in answers]
    assert all(isinstance(one, CompleteReply) for one in told)
    assert isinstance(told[-1], CompleteReply)
    assert "own" in told[-1].matches
    assert client.waiting(Channel.SHELL) == ()


def test_a_failing_cell_spares_questions(client: Client, tmp_path: Path) -> None:
    """What is no cell is answered, whether or not the cell before it fails (EXEC-23)."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    failing = begin(
        client, f"print('blocks', flush=True); open({str(fifo)!r}).read(); 1 / 0", until="blocks"
    )
    behind = client.start(ExecuteRequest(code="1"))
    asked = [client.start(content) for content, _ in QUESTIONS]
    fifo.write_text("go on")

    assert failed(finish(client, failing)).ename == "ZeroDivisionError"
    assert failed(finish(client, behind)).ename == "ExecutionAborted"
    for exchange, (_, reply) in zip(asked, QUESTIONS, strict=True):
        assert isinstance(client.finish(exchange, timeout=HANG_LIMIT_S).content, reply)


# --- Cells that await


OPEN = """
got = []
def opened(comm, message):
    print('opened')
    @comm.on_msg
    def take(message):
        n = message['content']['data']['n']
        got.append(n)
        print('taken', n)
        comm.send({'back': n})
        if n == waited_for: future.set_result(n)
    @comm.on_close
    def close(message): print('closed')
get_comm_manager().register_target('await', opened)
"""

AWAIT = """
waited_for = {0}
future = asyncio.get_running_loop().create_future()
print('waits', flush=True)
print(await future)
got
"""


def send(client: Client, *contents: Content) -> list[Exchange]:
    """Send comm messages."""
    return [client.start(content, wants_reply=False) for content in contents]


def idle(client: Client, exchanges: list[Exchange]) -> list[str]:
    """Wait until all of *exchanges* are over; return what each printed."""
    client.wait_until(
        lambda: all(len(states(one.published)) == 2 for one in exchanges),
        awaited="idle",
        timeout=HANG_LIMIT_S,
    )
    return [text_of(one.published) for one in exchanges]


def test_a_cell_may_await_what_a_comm_brings(client: Client) -> None:
    """Opened, sent to and closed while the cell waits, ahead of the cells behind it; what a handler
    prints and sends is the message's, and the rest is the cell's (COMM-07)."""
    execute(client, OPEN)
    cell = begin(client, AWAIT.format(2), until="waits")
    behind = client.start(ExecuteRequest(code="print('behind')\ngot"))
    sent = send(
        client,
        CommOpen(comm_id="a", target_name="await", data={}),
        CommMsg(comm_id="a", data={"n": 1}),
        CommOpen(comm_id="b", target_name="await", data={}),
        CommMsg(comm_id="b", data={"n": 0}),
        CommMsg(comm_id="a", data={"n": 2}),
    )
    answer, after = finish(client, cell), finish(client, behind)

    assert idle(client, sent) == ["opened\n", "taken 1\n", "opened\n", "taken 0\n", "taken 2\n"]
    assert [[r.msg_type for r in one.published].count("comm_msg") for one in sent] == [
        0,
        1,
        0,
        1,
        1,
    ]
    assert answer.text() == "waits\n2\n"
    assert result(answer) == "[1, 0, 2]"
    assert succeeded(after).execution_count == succeeded(answer).execution_count + 1


def test_many_messages_keep_their_order(client: Client) -> None:
    """Two hundred at once, as of a slider, while the cell's own task has its turns."""
    execute(client, OPEN)
    send(client, CommOpen(comm_id="slider", target_name="await", data={}))
    code = "turns = 0\nasync def turn():\n    global turns\n    while True:\n"
    code += "        turns += 1; await asyncio.sleep(0)\n"
    cell = begin(
        client, f"{code}task = asyncio.create_task(turn()){AWAIT.format(199)}", until="waits"
    )
    moved = send(client, *(CommMsg(comm_id="slider", data={"n": n}) for n in range(200)))

    answer = finish(client, cell)

    assert "199" in str(result(answer))
    assert idle(client, moved) == [f"taken {n}\n" for n in range(200)]
    assert (
        value(client, "got == list(range(200)), turns > 50, task.cancel()") == "(True, True, True)"
    )


def test_questions_are_answered_between_the_steps(client: Client) -> None:
    """All kinds, by the main thread: a property is asked, which looking does not."""
    execute(
        client, "class Open:\n    def __dir__(self): return ['only_asked']\nopen_object = Open()"
    )
    execute(client, OPEN)
    cell = begin(client, AWAIT.format(1), until="waits")

    for content, reply in QUESTIONS:
        assert isinstance(ask(client, content), reply)
    assert "only_asked" in matches(client, "open_object.")
    assert cell.reply is None
    send(
        client,
        CommOpen(comm_id="c", target_name="await", data={}),
        CommMsg(comm_id="c", data={"n": 1}),
    )
    succeeded(finish(client, cell))


def test_handlers_share_the_context_of_the_cell(client: Client) -> None:
    """A handler sees what the cell has set, and the cell and the next ones what it sets."""
    code = """
var = contextvars.ContextVar('var', default='none')
def opened(comm, message):
    seen.append(var.get()); var.set('handler'); future.set_result(1)
get_comm_manager().register_target('context', opened)
seen = []; var.set('before')
"""
    execute(client, code)
    cell = begin(
        client,
        "future = asyncio.get_running_loop().create_future()\nvar.set('cell')\n"
        "print('waits', flush=True)\nawait future\nseen, var.get()",
        until="waits",
    )
    send(client, CommOpen(comm_id="x", target_name="context", data={}))

    assert result(finish(client, cell)) == "(['cell'], 'handler')"
    assert value(client, "var.get()") == "'handler'"


def test_what_waits_when_a_cell_begins_to_await_is_served(client: Client, tmp_path: Path) -> None:
    """Messages that came while an earlier cell ran, or this one's blocking part."""
    execute(client, OPEN)
    with blocked(client, tmp_path):
        cell = client.start(ExecuteRequest(code=AWAIT.format(5)))
        sent = send(
            client,
            CommOpen(comm_id="early", target_name="await", data={}),
            CommMsg(comm_id="early", data={"n": 4}),
            CommMsg(comm_id="early", data={"n": 5}),
        )
    assert idle(client, sent)[1:] == ["taken 4\n", "taken 5\n"]
    succeeded(finish(client, cell))


def test_an_interrupt_in_a_handler_ends_the_cell(prepared: KernelProcess, client: Client) -> None:
    """A handler that hangs while a cell awaits is ended, and so is the cell; the next one runs."""
    execute(
        client,
        "def hang(comm, message):\n    print('hangs', flush=True)\n    while True: pass\n"
        "get_comm_manager().register_target('hang', hang)",
    )
    cell = begin(client, "print('waits', flush=True)\nawait asyncio.sleep(1000)", until="waits")
    (hanging,) = send(client, CommOpen(comm_id="h", target_name="hang", data={}))
    client.wait_until(
        lambda: "hangs" in text_of(hanging.published), awaited="hangs", timeout=HANG_LIMIT_S
    )
    prepared.interrupt()

    assert failed(finish(client, cell)).ename == "KeyboardInterrupt"
    idle(client, [hanging])
    assert is_well(client)


def test_a_poll_that_is_interrupted_ends_the_cell(prepared: KernelProcess, client: Client) -> None:
    """Also where the cell itself has the message handled, as jupyter_ui_poll does."""
    execute(
        client,
        "def hang(comm, message):\n    print('hangs', flush=True)\n    while True: pass\n"
        "get_comm_manager().register_target('hang', hang)",
    )
    code = "print('polls', flush=True)\nwhile True: get_ipython().kernel._host.handle_waiting()"
    cell = begin(client, code, until="polls")
    (hanging,) = send(client, CommOpen(comm_id="h2", target_name="hang", data={}))
    client.wait_until(
        lambda: "hangs" in text_of(hanging.published), awaited="hangs", timeout=HANG_LIMIT_S
    )
    prepared.interrupt()

    assert failed(finish(client, cell)).ename == "KeyboardInterrupt"
    idle(client, [hanging])
