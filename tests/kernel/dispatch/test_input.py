"""Prompts: input and getpass, and who may answer them."""

from __future__ import annotations

import re

import pytest

from assay.protocol import (
    Channel,
    Content,
    Header,
    InputReply,
    InputRequest,
    InterruptRequest,
    Message,
    Unknown,
)
from assay.transport import Client, Exchange, Received
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    answering,
    begin,
    error,
    execute,
    failed,
    finish,
    frames,
    is_well,
    outputs,
    result,
    succeeded,
    text_of,
)
from tests.kernel._probe import LOAD


def asking(client: Client, code: str) -> tuple[Exchange, Received]:
    """Run *code* until it prompts; return the request in flight and the prompt."""
    running = begin(client, code, allow_stdin=True)
    prompt = client.receive(Channel.STDIN, HANG_LIMIT_S)
    assert isinstance(prompt.content, InputRequest)
    return running, prompt


def test_line_comes_verbatim(client: Client) -> None:
    """Whatever the client sends is what `input` returns (STDIN-01, STDIN-09)."""
    for line in ("", "  blanks ", "line\nend", "\U0001f40d \u00e9", "\x00", "2026-01-01T00:00:00Z"):
        answer_input, _ = answering(line)

        assert result(execute(client, "input()", on_input=answer_input)) == repr(line)


def test_prompt_belongs_to_its_request(client: Client) -> None:
    """The prompt has the execute request as parent (STDIN-07)."""
    running, prompt = asking(client, "input('who? ')")

    assert prompt.parent_header == running.request.header
    assert prompt.content == InputRequest(prompt="who? ", password=False)
    client.answer_input("me", parent=prompt.header)
    assert result(finish(client, running)) == "'me'"


def test_reply_needs_no_parent(client: Client) -> None:
    """An input_reply without a parent header answers (AMB-42)."""
    running, _ = asking(client, "input()")

    client.answer_input("no parent")

    assert result(finish(client, running)) == "'no parent'"


@pytest.mark.parametrize("prompt", ["5", "None", "object", "'\\ud800'", "'x' * 100_000"])
def test_prompt_may_be_any_object(client: Client, prompt: str) -> None:
    """A prompt is made text, as by Python's own `input` (STDIN-01)."""
    answer_input, asked = answering("line")

    answer = execute(client, f"input({prompt})", on_input=answer_input)

    assert result(answer) == "'line'"
    assert isinstance(asked[0].prompt, str)


def test_several_prompts_are_answered_in_turn(client: Client) -> None:
    """A cell may prompt again and again, for secrets too (STDIN-08, STDIN-14)."""
    answer_input, asked = answering("one", "two", "three")

    answer = execute(
        client,
        "import getpass\n[input('a'), getpass.getpass('b'), input('c')]",
        on_input=answer_input,
    )

    assert result(answer) == "['one', 'two', 'three']"
    assert [(q.prompt, q.password) for q in asked] == [("a", False), ("b", True), ("c", False)]


def test_secret_has_a_default_prompt(client: Client) -> None:
    """`getpass.getpass()` asks as it does in a terminal (STDIN-08)."""
    answer_input, asked = answering("secret")

    execute(client, "import getpass; getpass.getpass();", on_input=answer_input)

    assert [(q.prompt, q.password) for q in asked] == [("Password: ", True)]


def test_end_of_input_is_an_error(client: Client) -> None:
    """A value of Ctrl-D alone raises EOFError (STDIN-10, AMB-65)."""
    answer_input, _ = answering("\x04")

    answer = execute(client, "input()", on_input=answer_input, stop_on_error=False)

    assert failed(answer).ename == error(answer).ename == "EOFError"


def test_output_is_published_before_the_prompt(client: Client) -> None:
    """What was printed before a prompt has been sent before it (STDIN-13)."""
    running, prompt = asking(
        client, "import os\nprint('printed'); os.write(1, b'written')\ninput()"
    )
    client.wait_until(
        lambda: "written" in text_of(running.published), awaited="it", timeout=HANG_LIMIT_S
    )
    client.answer_input("", parent=prompt.header)

    assert outputs(finish(client, running)) == ["stdout", "execute_result"]


def test_prompt_goes_to_the_client_that_asked(client: Client, another: Client) -> None:
    """No other client receives the prompt (STDIN-06)."""
    running, prompt = asking(client, "input()")
    client.beat(timeout=HANG_LIMIT_S)

    assert another.waiting(Channel.STDIN) == ()
    client.answer_input("mine", parent=prompt.header)
    assert result(finish(client, running)) == "'mine'"


def test_reply_of_another_client_is_dropped(client: Client, another: Client) -> None:
    """Only the client that was asked may answer (STDIN-11, S-106)."""
    running, prompt = asking(client, "input()")

    another.answer_input("theirs", parent=prompt.header)
    another.answer_input("theirs")
    settle(another)
    client.answer_input("mine", parent=prompt.header)

    assert result(finish(client, running)) == "'mine'"


def settle(client: Client) -> None:
    """Return once the kernel has read what was sent before, more likely than not.

    Channels are read in no order that is promised; a few answers on control make it sure enough.
    """
    for _ in range(3):
        client.request(
            Unknown(), msg_type="kernel_info_request", channel=Channel.CONTROL, timeout=HANG_LIMIT_S
        )


def send(client: Client, content: Content, parent: Header | None, msg_type: str = "") -> None:
    """Send any message on stdin."""
    client.send(content, channel=Channel.STDIN, parent=parent, msg_type=msg_type)


def test_wrong_replies_are_dropped(client: Client) -> None:
    """Forged, malformed and foreign messages on stdin answer nothing (STDIN-11, SIGN-08)."""
    running, prompt = asking(client, "input()")
    stranger = client.session.header("input_request")

    client.send_frames(Channel.STDIN, [b"garbage"])
    forged = frames(client, "input_reply", {"value": "forged"})
    forged[1] = b"0" * len(forged[1])
    client.send_frames(Channel.STDIN, forged)
    unsigned = frames(client, "input_reply", {"value": "unsigned"})
    unsigned[1] = b""
    client.send_frames(Channel.STDIN, unsigned)
    send(client, InputReply(value="stale"), stranger)
    send(client, Unknown(extra={"value": 5}), prompt.header, "input_reply")
    send(client, Unknown(extra={}), prompt.header, "input_reply")
    send(client, Unknown(extra={"value": "other type"}), prompt.header, "execute_reply")
    send(client, Unknown(extra={"code": "1 / 0"}), None, "execute_request")
    client.answer_input("right", parent=prompt.header)

    assert result(finish(client, running)) == "'right'"
    assert client.waiting(Channel.STDIN) == ()


def test_replayed_reply_is_dropped(client: Client) -> None:
    """The same signed reply answers once (SIGN-14)."""
    running, prompt = asking(client, "[input(), input()]")
    reply: Message[Content] = client.session.message(InputReply(value="first"))
    packed = [bytes(frame) for frame in client.session.encode(reply)]

    client.send_frames(Channel.STDIN, packed)
    second = client.receive(Channel.STDIN, HANG_LIMIT_S)
    client.send_frames(Channel.STDIN, packed)
    client.answer_input("second", parent=second.header)

    assert prompt.header != second.header
    assert result(finish(client, running)) == "['first', 'second']"


def test_stale_reply_does_not_answer_the_next_prompt(client: Client) -> None:
    """What was sent before the prompt is no answer to it (STDIN-11)."""
    client.answer_input("stale")
    settle(client)

    running, prompt = asking(client, "input()")
    client.answer_input("fresh", parent=prompt.header)

    assert result(finish(client, running)) == "'fresh'"


def test_second_answer_to_one_prompt_is_stale(client: Client) -> None:
    """Two answers to one prompt do not answer the next one (STDIN-11)."""
    running, prompt = asking(client, "[input(), input()]")
    client.answer_input("one", parent=prompt.header)
    client.answer_input("one again", parent=prompt.header)

    second = client.receive(Channel.STDIN, HANG_LIMIT_S)
    client.answer_input("two", parent=second.header)

    assert result(finish(client, running)) == "['one', 'two']"


@pytest.mark.parametrize("call", ["input('? ')", "__import__('getpass').getpass()"])
def test_interrupt_ends_a_prompt(client: Client, call: str) -> None:
    """An interrupt ends the wait for an answer; a late answer is stale (CTRL-17, STDIN-12)."""
    running, prompt = asking(client, call)

    client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)

    assert failed(finish(client, running)).ename == "KeyboardInterrupt"
    client.answer_input("late", parent=prompt.header)
    again, prompt = asking(client, "input()")
    client.answer_input("in time", parent=prompt.header)
    assert result(finish(client, again)) == "'in time'"


def test_kernel_answers_control_while_it_waits(client: Client) -> None:
    """A prompt does not block control (CTRL-01)."""
    running, prompt = asking(client, "input()")

    settle(client)

    client.answer_input("", parent=prompt.header)
    succeeded(finish(client, running))


def test_prompt_after_the_end_is_refused(client: Client) -> None:
    """A thread that prompts when its request is over gets an error, not an answer (S-045)."""
    answer_input, _ = answering()
    execute(
        client,
        "import threading\ngate = threading.Event()\n"
        "def ask():\n"
        "    gate.wait()\n"
        "    try: input()\n"
        "    except Exception as error: told.append(type(error).__name__)\n"
        "told = []\nthread = threading.Thread(target=ask); thread.start()",
        on_input=answer_input,
    )
    execute(client, "gate.set(); thread.join()")

    assert result(execute(client, "told")) == "['StdinNotImplementedError']"
    assert client.waiting(Channel.STDIN) == ()


def test_thread_may_prompt_while_its_cell_runs(client: Client) -> None:
    """A thread's prompt goes to the client of the cell that started it (STDIN-06)."""
    answer_input, _ = answering("for the thread")

    answer = execute(
        client,
        "import threading\nheard = []\n"
        "thread = threading.Thread(target=lambda: heard.append(input()))\n"
        "thread.start(); thread.join(); heard",
        on_input=answer_input,
    )

    assert result(answer) == "['for the thread']"


def test_awaiting_cell_may_prompt(client: Client) -> None:
    """`input` works in a cell with top-level await (STDIN-01)."""
    answer_input, _ = answering("line")

    answer = execute(
        client, "import asyncio\nawait asyncio.sleep(0)\ninput()", on_input=answer_input
    )

    assert result(answer) == "'line'"


def test_standard_input_is_empty(client: Client) -> None:
    """`sys.stdin` is at its end: nothing waits for a keyboard that is not there (STDIN-15)."""
    answer = execute(client, "import sys; sys.stdin.read()")

    assert result(answer) == "''"
    assert is_well(client)


def test_debugger_asks_for_commands(client: Client) -> None:
    """`breakpoint()` and ``%debug`` talk through prompts (STDIN-14)."""
    answer_input, asked = answering("p x", "c")
    execute(client, "x = 41")

    answer = execute(client, "breakpoint()\nx += 1\nx", on_input=answer_input)

    assert result(answer) == "42"
    assert "41" in answer.text()
    assert all("db" in question.prompt for question in asked)


STOPS = {
    "alone": "breakpoint()",
    "last": "a = 1\nimport pdb; pdb.set_trace()",
    "before a result": "breakpoint()\n'it'",
    "in a block": "if True:\n    breakpoint()",
    "in a function": "def stop():\n    breakpoint()\nstop()",
    "behind an await": "import asyncio\nawait asyncio.sleep(0)\nbreakpoint()\n'it'",
}


@pytest.mark.parametrize("kind", STOPS)
@pytest.mark.parametrize("step", ["n", "s", "r"])
def test_steps_of_the_debugger_end_in_code_of_the_user(
    client: Client, step: str, kind: str
) -> None:
    """It stops neither in what shows a result nor in what runs the cell, and ends with that."""
    answer_input, asked = answering(*[step] * 9)
    answer = execute(client, STOPS[kind], on_input=answer_input)

    succeeded(answer)
    text = re.sub(r"\x1b\[[0-9;]*m", "", answer.text())
    stops = re.findall(r"^> (\S+)", text, re.MULTILINE)
    assert len(stops) == len(asked) > 0
    assert all(stop.startswith("<ipython-input-") for stop in stops), text
    # It is over for the next cell as well.
    assert execute(client, "a = 2").types == ("status", "execute_input", "status")


@pytest.mark.parametrize("way", ["breakpoint()", "import pdb; pdb.set_trace()", "%debug 1"])
def test_debugger_is_ipythons(client: Client, way: str) -> None:
    """However it is called, the debugger is the one that people know from IPython (STDIN-14)."""
    answer_input, asked = answering("c")

    execute(client, way, on_input=answer_input)

    assert [question.prompt for question in asked] == ["ipdb> "]


@pytest.mark.parametrize(
    "way",
    [
        "%debug",
        "%pdb on\n1 / 0",
        "breakpoint()\nx += 0",
        "import pdb; pdb.set_trace()\nx += 0",
        "import pdb; pdb.post_mortem(sys.last_value.__traceback__)",
        "from IPython.core.debugger import set_trace; set_trace()\nx += 0",
        "from IPython.core import debugger; debugger.Pdb().set_trace()\nx += 0",
        "from IPython.terminal.debugger import TerminalPdb; breakpoint()\nx += 0",
    ],
)
def test_debugger_is_ours_whoever_imports_it_first(mine: Client, way: str) -> None:
    """In a new kernel, which has imported none, each way leads to a prompt (STDIN-14)."""
    execute(mine, "import sys\nx = 41\n1 / 0", stop_on_error=False)
    execute(
        mine, "before = {name for name in ('pdb', 'IPython.core.debugger') if name in sys.modules}"
    )
    answer_input, asked = answering("p x", "q")

    answer = execute(mine, way, on_input=answer_input, stop_on_error=False)

    assert result(execute(mine, "before")) == "set()"
    assert {question.prompt for question in asked} == {"ipdb> "}
    assert "41" in answer.text()
    ours = (
        "import pdb, IPython.core.debugger as debugger; pdb.Pdb is debugger.Pdb, pdb.Pdb.__module__"
    )
    assert result(execute(mine, ours)) == "(True, 'assay.kernel.ipython._debugger')"


def test_post_mortem_asks_for_commands(client: Client) -> None:
    """``%debug`` looks at the last exception (STDIN-14)."""
    execute(client, "def f(local): 1 / 0\nf('seen')", stop_on_error=False)
    answer_input, _ = answering("p local", "q")

    answer = execute(client, "%debug", on_input=answer_input, stop_on_error=False)

    assert "'seen'" in answer.text()
    assert is_well(client)


@pytest.mark.parametrize(
    "call",
    ["breakpoint()", "import pdb; pdb.set_trace()", "import pdb; pdb.run('1')", "%debug 1"],
)
def test_interrupt_ends_a_debugger(client: Client, call: str) -> None:
    """An interrupt at a debugger's prompt ends the cell, not only the command (CTRL-11)."""
    running, _ = asking(client, f"{call}\nprint(3 * 333)")

    client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)

    answer = finish(client, running)
    assert failed(answer).ename == "KeyboardInterrupt"
    assert "999" not in text_of(answer.published)
    assert is_well(client)
    # The next debugger asks: IPython keeps that of %debug.
    answer_input, asked = answering("c")
    succeeded(execute(client, "%debug 1", on_input=answer_input))
    assert [question.prompt for question in asked] == ["ipdb> "]


def test_interrupt_before_the_prompt_ends_the_cell(client: Client) -> None:
    """It is as good while the debugger looks at where the code has stopped (CTRL-11)."""
    answer = execute(
        client,
        "class Shown:\n"
        "    def __repr__(self): raise KeyboardInterrupt  # as an interrupt that comes here\n"
        "def stop():\n"
        "    __args__ = Shown()\n"
        "    breakpoint()\n"
        "    print(3 * 333)\n"
        "stop()\nprint(3 * 333)",
        stop_on_error=False,
    )

    assert failed(answer).ename == error(answer).ename == "KeyboardInterrupt"
    assert "999" not in answer.text()


def test_interrupt_of_code_that_goes_on_stops_in_it(client: Client) -> None:
    """Behind the debugger's ``c``, it leads to the debugger, at the code that ran; a second one
    ends the cell."""
    running, prompt = asking(client, "breakpoint()\nprint('on')\nwhile True: pass")
    client.answer_input("c", parent=prompt.header)
    client.wait_until(
        lambda: "on\n" in text_of(running.published), awaited="on", timeout=HANG_LIMIT_S
    )

    client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)

    assert isinstance(client.receive(Channel.STDIN, HANG_LIMIT_S).content, InputRequest)
    client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
    answer = finish(client, running)
    assert failed(answer).ename == "KeyboardInterrupt"
    stops = re.findall(r"^> (\S+)", re.sub(r"\x1b\[[0-9;]*m", "", answer.text()), re.MULTILINE)
    assert len(stops) == 2
    assert all(stop.startswith("<ipython-input-") for stop in stops)


def test_interrupt_of_a_debugger_shows_the_users_code_alone(client: Client) -> None:
    """The traceback ends at the line before which the code had stopped."""
    running, _ = asking(client, "def f():\n    breakpoint()\n    x = 1\nf()")

    client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)

    shown = "".join(error(finish(client, running)).traceback)
    assert "breakpoint" in shown
    assert "bdb" not in shown


def test_leaving_the_debugger_is_an_error_on_both_channels(client: Client) -> None:
    """Quitting a debugger ends the cell; reply and IOPub agree on how (EXEC-17)."""
    answer_input, _ = answering("q")

    answer = execute(client, "breakpoint()\n1", on_input=answer_input, stop_on_error=False)

    assert failed(answer).ename == error(answer).ename == "BdbQuit"


def test_debugger_without_permission_fails(client: Client) -> None:
    """Where the client cannot be asked, a debugger ends at once (STDIN-03, STDIN-04)."""
    answer = execute(client, "breakpoint()\n1", stop_on_error=False)

    assert failed(answer).ename == error(answer).ename
    assert client.waiting(Channel.STDIN) == ()
    assert is_well(client)


def test_interrupt_just_before_the_wait(client: Client) -> None:
    """A signal that Python has noted, and that did not wake it, ends the prompt as well."""
    code = (
        f"{LOAD}import _thread, threading\n"
        "def interrupt():\n"
        "    while not probe.is_prompting(): pass\n"
        "    _thread.interrupt_main()\n"
        "threading.Thread(target=interrupt).start()\n"
        "input()"
    )
    running = begin(client, code, allow_stdin=True)

    assert failed(finish(client, running)).ename == "KeyboardInterrupt"


def test_prompt_that_outlives_its_cell_blocks_no_other(client: Client) -> None:
    """A thread that waits for an answer gives up when its cell has ended.

    What it says then comes behind the cell's idle, and may come before the reply is read.
    """
    code = (
        f"{LOAD}import threading\n"
        "threading.Thread(target=input, args=['of a thread']).start()\n"
        "while not probe.is_asking(): pass"
    )
    outlived = begin(client, code, allow_stdin=True)
    client.receive(Channel.STDIN, HANG_LIMIT_S)
    succeeded(client.finish(outlived, timeout=HANG_LIMIT_S))

    answer = execute(client, "input()", on_input=lambda _: "ours")

    assert result(answer) == "'ours'"
