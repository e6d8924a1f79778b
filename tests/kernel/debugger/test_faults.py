"""What goes wrong around a debugger: it is missing, broken, lost, or asked the wrong things."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.protocol import (
    Channel,
    DebugReply,
    Json,
    KernelInfoReply,
    KernelInfoRequest,
)
from assay.transport import Client
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    begin,
    execute,
    failed,
    finish,
    frames,
    interrupt,
    is_well,
    result,
    start,
    succeeded,
    value,
)
from tests.kernel.debugger._client import Debugging

CODE = "def f(a):\n    b = a + 1\n    return b\nprint(f(1))"


@pytest.fixture
def debugging(client: Client) -> Iterator[Debugging]:
    """A debugging client with a session."""
    debugging = Debugging(client)
    debugging.attach()
    yield debugging
    debugging.body("disconnect", restart=False, terminateDebuggee=False)


def hidden_by(folder: Path, name: str, content: str) -> dict[str, str]:
    """Return an environment in which a module of that *name* is found first."""
    (folder / "first").mkdir()
    (folder / "first" / name).write_text(content, "utf-8")
    return {"PYTHONPATH": str(folder / "first")}


def test_debugpy_is_missing(tmp_path: Path) -> None:
    """A kernel without debugpy does not announce a debugger, and says what to install
    (DEBUG-01, DEBUG-14, AMB-28)."""
    env = hidden_by(tmp_path, "sitecustomize.py", "import sys; sys.modules['debugpy'] = None")
    with start(tmp_path, env=env) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        info = client.request(KernelInfoRequest(), timeout=HANG_LIMIT_S).content
        said = {Debugging(client).refusal(command) for command in ("debugInfo", "initialize")}

        assert isinstance(info, KernelInfoReply)
        assert "debugger" not in (info.supported_features or ())
        assert info.debugger is False
        assert said == {
            "wanted debugpy, which is not installed: pip install 'assay-kernel[debugger]'"
        }
        assert is_well(client)


def test_debugpy_is_broken(tmp_path: Path) -> None:
    """A debugpy that cannot be imported is a failure that says why; what needs none goes on."""
    env = hidden_by(tmp_path, "debugpy.py", "raise RuntimeError('built for another Python')")
    with start(tmp_path, env=env) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        debugging = Debugging(client)
        execute(client, "x = 5")
        said = debugging.refusal("initialize")

        assert said == "debugpy cannot be imported: RuntimeError: built for another Python"
        assert debugging.body("debugInfo")["isStarted"] is False
        assert debugging.body("richInspectVariables", variableName="x")["data"] == {
            "text/plain": "5"
        }


BREAK_OFF = "__import__('pydevd').get_global_debugger()._client_socket.shutdown(2)"
"""Ends the connection between debugpy and the kernel."""


def test_connection_is_lost_while_stopped(debugging: Debugging) -> None:
    """The cell goes on, the client is told, and the next session has the breakpoints again."""
    cell = debugging.stop(CODE, 2)
    frame = debugging.frames()[0]["id"]
    lost = debugging.refusal("evaluate", expression=BREAK_OFF, frameId=frame, context="repl")
    answer = finish(debugging.client, cell)
    info = debugging.body("debugInfo")
    before = debugging.refusal("threads")
    debugging.attach()
    cell = debugging.run(CODE)
    debugging.stopped()
    debugging.end(cell)

    assert "lost" in lost
    assert answer.text() == "2\n"
    assert info["isStarted"] is False
    assert info["stoppedThreads"] == []
    assert "initialize" in before
    assert debugging.events("terminated") == [{}]


STRANGER = """\
import debugpy, json, socket
genuine = debugpy.connect
event = json.dumps({"seq": 1, "type": "event", "event": "stranger"}).encode()
def connect(address, **keys):
    global stranger
    stranger = socket.create_connection(address)
    stranger.sendall(b"Content-Length: %d\\r\\n\\r\\n%b" % (len(event), event))
    return genuine(address, **keys)
debugpy.connect = connect
"""
"""Whenever debugpy is to connect, connects first, sends an event, and answers nothing."""


def test_stranger_that_connects_first_is_sent_away(debugging: Debugging) -> None:
    """The session begins nevertheless, and what the stranger sends reaches no client."""
    debugging.body("disconnect", restart=False, terminateDebuggee=False)
    succeeded(execute(debugging.client, STRANGER))
    debugging.attach()
    succeeded(execute(debugging.client, "debugpy.connect = genuine"))

    assert "pydevdAuthorize" in str(value(debugging.client, "stranger.makefile('rb').read()"))
    cell = debugging.stop(CODE, 2)
    assert debugging.end(cell).text() == "2\n"
    assert debugging.events("stranger") == []


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        ("noSuchCommand", {}, "is not supported"),
        ("launch", {}, "is not supported"),
        ("", {}, "is not supported"),
        ("dumpCell", {}, "code: wanted text"),
        ("dumpCell", {"code": 7}, "code: wanted text"),
        ("setBreakpoints", {"source": 7}, "source.path: wanted"),
        ("setBreakpoints", {"source": {"path": "/x"}, "breakpoints": 7}, ""),
        ("variables", {}, "variablesReference: wanted"),
        ("variables", {"variablesReference": 2**30 + 999}, "no variable"),
        ("variables", {"variablesReference": 12345}, ""),
        ("stackTrace", {"threadId": 987654}, ""),
        ("stackTrace", {}, ""),
        ("evaluate", {"expression": "1", "frameId": 987654}, ""),
        ("evaluate", {}, ""),
        ("richInspectVariables", {"variableName": "a.b"}, "wanted an identifier"),
        ("copyToGlobals", {"srcVariableName": "a b", "dstVariableName": "c"}, "name of a variable"),
        ("copyToGlobals", {"srcVariableName": "a", "dstVariableName": "c"}, ""),
    ],
)
def test_wrong_arguments_fail(
    debugging: Debugging, command: str, arguments: dict[str, Json], said: str
) -> None:
    """Each is answered, by a failure that says what is wrong, and nothing breaks."""
    assert said in debugging.refusal(command, **arguments)
    assert debugging.body("debugInfo")["isStarted"] is True


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"type": "response", "seq": 1, "command": "debugInfo"},
        {"type": "request", "seq": "1", "command": "debugInfo"},
        {"type": "request", "seq": 1, "command": ["debugInfo"]},
        {"type": "request", "seq": 1, "command": "debugInfo", "arguments": [1]},
    ],
)
def test_what_is_no_request_fails(client: Client, content: dict[str, Json]) -> None:
    """Malformed requests are answered in the debugger's own protocol (AMB-28, DEBUG-04)."""
    request = frames(client, "debug_request", content)
    client.send_frames(Channel.CONTROL, request)

    received = client.receive(Channel.CONTROL, HANG_LIMIT_S)

    reply = received.content
    assert isinstance(reply, DebugReply)
    assert (reply.type, reply.success) == ("response", False)
    assert reply.message


def test_look_that_hangs_keeps_nothing_else(client: Client) -> None:
    """A representation that does not return holds back one answer; the debugger, the cells and the
    rest of control go on, and so do looks once it has returned."""
    debugging = Debugging(client)
    hang = (
        "import threading\n"
        "may_return = threading.Event()\n"
        "class Slow:\n"
        f"    def __repr__(self): may_return.wait({HANG_LIMIT_S}); return 'slow'\n"
        "slow = Slow()"
    )
    succeeded(execute(client, hang))
    waiting = debugging.begin("inspectVariables")
    other = debugging.refusal("richInspectVariables", variableName="slow")
    info = debugging.body("debugInfo")
    cell = execute(client, "may_return.set()\n1 + 1")
    late = client.finish(waiting, timeout=HANG_LIMIT_S).content
    succeeded(execute(client, "del slow"))

    assert "earlier look" in other
    assert info["isStarted"] is False
    assert result(cell) == "2"
    assert isinstance(late, DebugReply)
    assert late.success
    assert "may_return" in str(debugging.body("inspectVariables"))


def test_forked_child_is_not_debugged(debugging: Debugging) -> None:
    """A child has the breakpoints of its parent and no client: it runs through them."""
    succeeded(execute(debugging.client, CODE.replace("print(f(1))", "")))
    debugging.break_in(CODE, 2)
    code = (
        "import os\n"
        "pid = os.fork()\n"
        "if not pid: os._exit(f(6))\n"
        "os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])"
    )

    assert result(execute(debugging.client, code)) == "7"


def test_child_processes_are_not_debugged(debugging: Debugging) -> None:
    """A Python started by a cell is an ordinary one: its command is not changed."""
    code = (
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'import sys; print(sys.orig_argv[1:],"
        " \"pydevd\" in sys.modules)'], capture_output=True, text=True).stdout.split(',')[-1]"
    )

    assert "False" in str(result(execute(debugging.client, code)))


def test_interrupt_of_an_evaluation(debugging: Debugging) -> None:
    """What is evaluated at a breakpoint and does not end is ended by an interrupt."""
    cell = debugging.stop(CODE, 2)
    frame = debugging.frames()[0]["id"]
    endless = debugging.begin(
        "evaluate",
        expression="[print('turns') for _ in iter(int, 1)]",
        frameId=frame,
        context="repl",
    )
    debugging.client.wait_until(
        lambda: any("turns" in str(one.content) for one in cell.published),
        awaited="the evaluation",
        timeout=HANG_LIMIT_S,
    )
    interrupt(debugging.client)
    evaluated = debugging.client.finish(endless, timeout=HANG_LIMIT_S).content
    interrupt(debugging.client)
    answer = finish(debugging.client, cell)

    assert isinstance(evaluated, DebugReply)
    assert failed(answer).ename == "KeyboardInterrupt"
    assert value(debugging.client, "1 + 1") == "2"


def test_client_that_goes_away_at_a_breakpoint(debugging: Debugging, another: Client) -> None:
    """A cell whose client is gone is let go on by another."""
    other = Debugging(another)
    other.break_in(CODE, 2)
    cell = begin(another, CODE)
    other.cells.append(cell)
    other.stopped()
    another.close()
    stopped = debugging.body("debugInfo")["stoppedThreads"]
    assert isinstance(stopped, list)
    debugging.body("continue", threadId=stopped[0])

    assert result(execute(debugging.client, "1 + 1")) == "2"
