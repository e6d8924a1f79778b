"""Debugging with debugpy, in a started kernel, as a client sees it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from itertools import pairwise

import pytest

from assay.protocol import (
    Channel,
    CompleteReply,
    CompleteRequest,
    CreateSubshellReply,
    CreateSubshellRequest,
    DebugReply,
    DeleteSubshellRequest,
    ErrorReply,
    ExecuteReply,
    ExecuteRequest,
    InterruptRequest,
    KernelInfoRequest,
    ShutdownRequest,
)
from assay.transport import Client, KernelProcess
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    be_patient,
    begin,
    execute,
    failed,
    finish,
    is_well,
    result,
    succeeded,
    value,
)
from tests.kernel.debugger._client import Debugging, by_name

DOUBLED = """\


z = 1
def double(n):
    m = n * 2
    return m
y = double(z)
print(y)
"""
"""Two empty lines, a function of two lines, a call, and a line behind it."""


@pytest.fixture
def idle(client: Client) -> Iterator[Debugging]:
    """A debugging client without a session, also afterwards."""
    debugging = Debugging(client)
    yield debugging
    debugging.body("disconnect", restart=False, terminateDebuggee=False)


@pytest.fixture
def debugging(idle: Debugging) -> Debugging:
    """A debugging client with a session."""
    idle.attach()
    return idle


# --- Without a session


def test_debugger_is_announced_and_idle(idle: Debugging) -> None:
    """Nothing of debugpy is imported, no thread is there and no file written until a client
    attaches; what needs a session says so (DEBUG-01, DEBUG-06)."""
    info = idle.body("debugInfo")
    path = idle.refusal("setBreakpoints", source={"path": "/x"}, breakpoints=[])

    assert info["isStarted"] is False
    assert (info["breakpoints"], info["stoppedThreads"]) == ([], [])
    assert "initialize and attach come first" in path
    assert value(idle.client, "'debugpy' in __import__('sys').modules") == "False"
    assert value(idle.client, f"__import__('os').path.exists({info['tmpFilePrefix']!r})") == "False"


def test_variables_without_a_session(idle: Debugging) -> None:
    """The user's variables are listed, shown and looked into while nothing is debugged, and while a
    cell runs; those of the shell are not among them (DEBUG-09, DEBUG-10)."""
    execute(
        idle.client, "data = {'k': [1]}\nclass Rude:\n    def __repr__(self): 1 / 0\nr = Rude()"
    )
    cell = begin(idle.client, "print('runs')\nwhile 'data' in globals(): pass", until="runs")

    found = idle.body("inspectVariables")
    shown = by_name(found)
    variables = found["variables"]
    assert isinstance(variables, list)
    (reference,) = (one["variablesReference"] for one in variables if one["name"] == "data")
    parts = by_name(idle.body("variables", variablesReference=reference))
    rich = idle.body("richInspectVariables", variableName="data")
    missing = idle.refusal("richInspectVariables", variableName="nothing")
    idle.client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
    finish(idle.client, cell)

    assert shown["data"] == "{'k': [1]}"
    assert "ZeroDivisionError" in shown["r"]
    assert not {"In", "Out", "get_ipython", "exit", "_i1", "__name__", "_"} & set(shown)
    assert parts == {"'k'": "[1]"}
    assert rich["data"] == {"text/plain": "{'k': [1]}"}
    assert missing == "name 'nothing' is not defined"


# --- A session


def test_cell_stops_steps_and_goes_on(debugging: Debugging) -> None:
    """Lines are counted as the client sees them, frames are the user's, steps lead from statement
    to statement and end with the cell (DEBUG-03, DEBUG-05)."""
    cell = debugging.stop(DOUBLED, 5)
    places = [debugging.places()]
    for _ in range(2):
        debugging.go_on("next")
        debugging.stopped()
        places.append(debugging.places())
    debugging.go_on("next")
    answer = finish(debugging.client, cell)

    module, inside = ("<module>", 7), [("double", 5), ("double", 6)]
    assert places == [
        [inside[0], module],
        [inside[1], module],
        [("<module>", 8)],
    ]
    assert answer.text() == "2\n"
    assert isinstance(answer.content, ExecuteReply)
    assert execute(debugging.client, "x = 1\nx").types[-2:] == ("execute_result", "status")


def test_step_into_and_out(debugging: Debugging) -> None:
    """A step leads into a function of the user's, and out of it."""
    cell = debugging.stop(DOUBLED, 7)
    debugging.go_on("stepIn")
    debugging.stopped()
    inside = debugging.places()
    debugging.go_on("stepOut")
    debugging.stopped()
    outside = debugging.places()
    debugging.end(cell)

    assert inside == [("double", 5), ("<module>", 7)]
    assert outside == [("<module>", 7)]


def test_looking_around_while_stopped(debugging: Debugging) -> None:
    """Variables are listed, evaluated, changed, displayed and copied; those of the shell are not
    shown (DEBUG-10, DEBUG-11)."""
    cell = debugging.stop(DOUBLED, 5)
    inner = debugging.frames()[0]["id"]
    local = debugging.scope()
    outer = debugging.scope(frame=1)
    evaluated = debugging.body("evaluate", expression="n + 40", frameId=inner, context="repl")
    rich = debugging.body("richInspectVariables", variableName="n", frameId=inner)
    wrong = debugging.refusal("richInspectVariables", variableName="nothing", frameId=inner)
    debugging.body("setExpression", expression="n", value="21", frameId=inner)
    debugging.body("copyToGlobals", srcVariableName="n", dstVariableName="copied", srcFrameId=inner)
    answer = debugging.end(cell)

    assert local == {"n": "1"}
    assert outer["z"] == "1"
    assert not {"In", "Out", "get_ipython", "exit", "_i1"} & set(outer)
    assert evaluated["result"] == "41"
    assert rich == {"data": {"text/plain": "1"}, "metadata": {}}
    assert "nothing" in wrong
    assert answer.text() == "42\n"
    assert value(debugging.client, "copied") == "21"


def test_requests_sent_at_once_are_answered_in_order(debugging: Debugging) -> None:
    """Replies come as the requests were sent, and are numbered."""
    client = debugging.client
    sent = [debugging.begin("threads") for _ in range(5)]
    answers = [client.finish(exchange, timeout=HANG_LIMIT_S).content for exchange in sent]

    replies = [reply for reply in answers if isinstance(reply, DebugReply)]
    assert [reply.request_seq for reply in replies] == [*range(3, 8)]
    assert all(one.seq < other.seq for one, other in pairwise(replies))


def test_second_client_and_reload(debugging: Debugging, another: Client) -> None:
    """Whoever comes later finds session, breakpoints and the stopped thread, may begin once more,
    and let the cell go on (DEBUG-06 to DEBUG-08)."""
    cell = debugging.stop(DOUBLED, 5)
    second = Debugging(another)
    info = second.body("debugInfo")
    second.attach()
    again = second.body("debugInfo")
    path = second.body("dumpCell", code=DOUBLED)["sourcePath"]
    second.body("continue", threadId=debugging.thread())
    finish(debugging.client, cell)

    assert info == again
    assert info["isStarted"] is True
    assert info["breakpoints"] == [{"source": path, "breakpoints": [{"line": 5}]}]
    assert info["stoppedThreads"] == [debugging.thread()]
    assert second.body("debugInfo")["stoppedThreads"] == []


def test_function_from_before_the_session(idle: Debugging) -> None:
    """A breakpoint is reached in a function that a cell defined before anybody debugged, and still
    is when that cell has been run again."""
    code = "def early(a):\n    b = a + 1\n    return b"
    execute(idle.client, code)
    idle.attach()
    path = idle.break_in(code, 2)
    stops = []
    for _ in range(2):
        cell = idle.run("early(4)")
        idle.stopped()
        stops.append((idle.frames()[0]["source"], idle.places()))
        idle.end(cell)
        execute(idle.client, code)

    assert [place for _, place in stops] == [[("early", 2), ("<module>", 1)]] * 2
    assert [source["path"] for source, _ in stops] == [path] * 2  # type: ignore[call-overload, index]  # objects


def test_exception_that_a_cell_does_not_catch(debugging: Debugging) -> None:
    """With the filter for uncaught exceptions a cell stops where it raises, and fails afterwards;
    one that it catches goes by."""
    debugging.body("setExceptionBreakpoints", filters=["uncaught"])
    caught = execute(
        debugging.client, "try:\n    1 / 0\nexcept ZeroDivisionError:\n    print('caught')"
    )
    cell = debugging.run("def divide(a):\n    return a / 0\ndivide(7)")
    stop = debugging.stopped()
    places, outer = debugging.places(), debugging.scope(frame=1)
    debugging.go_on()
    debugging.body("setExceptionBreakpoints", filters=[])
    answer = finish(debugging.client, cell)

    assert caught.text() == "caught\n"
    assert stop["reason"] == "exception"
    assert places == [("divide", 2), ("<module>", 3)]
    assert not {"In", "get_ipython"} & set(outer)
    assert failed(answer).ename == "ZeroDivisionError"


def test_work_of_the_kernel_is_not_debugged(debugging: Debugging) -> None:
    """With the filter for all exceptions a cell stops where it raises; the libraries that show its
    error, and those that complete, stop nothing."""
    debugging.body("setExceptionBreakpoints", filters=["raised"])
    cell = debugging.run("int('x')")
    debugging.stopped()
    places = debugging.places()
    error = failed(debugging.end(cell))
    completed = debugging.client.request(
        CompleteRequest(code="import json\njson.lo", cursor_pos=20), timeout=HANG_LIMIT_S
    ).content
    debugging.body("setExceptionBreakpoints", filters=[])

    assert places == [("<module>", 1)]
    assert error.ename == "ValueError"
    assert isinstance(completed, CompleteReply)
    assert "loads" in str(completed.matches)


def test_thread_stops_alone(debugging: Debugging) -> None:
    """A thread of the user's stops at a breakpoint; cells go on meanwhile, and the threads of the
    kernel are not among those that are shown."""
    code = """\
import threading
gone_on = threading.Event()
def work():
    word = "worked"
    print(word)
    gone_on.set()
thread = threading.Thread(target=work, name="the user's")
thread.start()
"""
    debugging.break_in(code, 5)
    debugging.cells.append(cell := debugging.run(code))
    debugging.stopped()
    finish(debugging.client, cell)
    meanwhile = result(execute(debugging.client, "gone_on.is_set()"))
    threads = debugging.body("threads")["threads"]
    places, local = debugging.places(), debugging.scope()
    debugging.go_on()
    succeeded(
        execute(debugging.client, f"assert gone_on.wait({HANG_LIMIT_S}); thread.join(); del thread")
    )

    assert meanwhile == "False"
    assert isinstance(threads, list)
    assert {one["name"] for one in threads} == {"MainThread", "the user's"}
    assert places == [("work", 5)]
    assert local == {"word": "'worked'"}


def test_subshell_stops_alone(debugging: Debugging) -> None:
    """A subshell is a thread that stops like others: the main shell goes on meanwhile, an interrupt
    ends its cell, and the next one stops again."""
    client = debugging.client
    created = client.request(
        CreateSubshellRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S
    ).content
    assert isinstance(created, CreateSubshellReply)
    debugging.break_in(DOUBLED, 5)
    ends = []
    for interrupts in (True, False):
        cell = client.start(ExecuteRequest(code=DOUBLED), subshell_id=created.subshell_id)
        debugging.cells.append(cell)
        debugging.stopped()
        places = debugging.places()
        meanwhile = result(execute(client, "20 + 3"))
        if interrupts:
            client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
        else:
            debugging.go_on()
        ends.append((places, meanwhile, finish(client, cell).reply.content))
    client.request(
        DeleteSubshellRequest(subshell_id=created.subshell_id),
        channel=Channel.CONTROL,
        timeout=HANG_LIMIT_S,
    )

    assert [(places, said) for places, said, _ in ends] == [
        ([("double", 5), ("<module>", 7)], "23"),
    ] * 2
    assert isinstance(ends[0][2], ErrorReply)
    assert isinstance(ends[1][2], ExecuteReply)


def test_cell_that_awaits(debugging: Debugging) -> None:
    """A stop in a cell with a top-level await shows its frames, and none of the event loop's."""
    code = (
        "import asyncio\nasync def wait():\n    await asyncio.sleep(0)\n    return 5\nawait wait()"
    )
    cell = debugging.stop(code, 4)
    places = debugging.places()
    answer = debugging.end(cell)

    assert places == [("wait", 4), ("<module>", 5)]
    assert result(answer) == "5"


def test_breakpoint_call_and_condition(debugging: Debugging) -> None:
    """`breakpoint()` stops for the client that debugs, and a condition is obeyed."""
    cell = debugging.run("word = 'here'\nbreakpoint()\nprint(word)")
    debugging.stopped()
    first = debugging.scope()["word"]
    debugging.end(cell)
    loop = "for i in range(5):\n    j = i * i\nprint(j)"
    debugging.break_in(loop, 2, condition="i == 3")
    cell = debugging.run(loop)
    debugging.stopped()
    second = debugging.scope()["i"]
    answer = debugging.end(cell)

    assert (first, second) == ("'here'", "3")
    assert answer.text() == "16\n"


def test_pause_and_sources(debugging: Debugging) -> None:
    """A running cell is paused; modules are listed with their files, and files are shown."""
    code = "print('runs')\nn = 0\nwhile n >= 0:\n    n += 1"
    debugging.break_in(code)
    cell = begin(debugging.client, code, until="runs")
    debugging.cells.append(cell)
    threads = debugging.body("threads")["threads"]
    assert isinstance(threads, list)
    (main,) = (one["id"] for one in threads if one["name"] == "MainThread")
    debugging.body("pause", threadId=main)
    stop = debugging.stopped()
    frame = debugging.frames()[0]
    source = debugging.body("source", source=frame["source"], sourceReference=0)
    debugging.body("evaluate", expression="n = -5", frameId=frame["id"], context="repl")
    debugging.end(cell)
    modules = debugging.body("modules", startModule=2, moduleCount=3)

    assert stop["reason"] == "pause"
    assert source["content"] == code
    assert "no file" in debugging.refusal("source", source={"path": "/none"})
    assert isinstance(modules["modules"], list)
    assert [set(one) for one in modules["modules"]] == [{"id", "name", "path"}] * 3


# --- Interrupts, and the end


@pytest.mark.parametrize("way", ["message", "signal"])
def test_interrupt_at_a_breakpoint(
    shared_kernel: KernelProcess, debugging: Debugging, way: str
) -> None:
    """An interrupt ends the cell that stands at a breakpoint, with a traceback of the user's frames
    alone; control answers before; the next cell stops again, and is not stopped where it should
    not be (CTRL-10, CTRL-11, DEBUG-12)."""
    cell = debugging.stop(DOUBLED, 5)
    debugging.client.request(KernelInfoRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
    if way == "message":
        debugging.client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
    else:
        os.kill(shared_kernel.pid, signal.SIGINT)
    error = failed(finish(debugging.client, cell))
    plain = execute(debugging.client, "3 + 4")
    info = debugging.body("debugInfo")
    cell = debugging.stop(DOUBLED, 5)
    again = debugging.places()
    debugging.end(cell)

    assert error.ename == "KeyboardInterrupt"
    text = "\n".join(error.traceback)
    assert "double" in text
    assert "pydevd" not in text
    assert "threading.py" not in text
    assert result(plain) == "7"
    assert info["stoppedThreads"] == []
    assert again == [("double", 5), ("<module>", 7)]


def test_terminate_ends_the_cell_and_not_the_kernel(idle: Debugging) -> None:
    """What is debugged is a cell; the session ends with it, and a new one may begin."""
    idle.attach()
    cell = idle.stop(DOUBLED, 5)
    idle.body("terminate")
    error = failed(finish(idle.client, cell))
    started = idle.body("debugInfo")["isStarted"]
    idle.attach()
    cell = idle.stop(DOUBLED, 5)
    idle.end(cell)

    assert error.ename == "KeyboardInterrupt"
    assert started is False
    assert is_well(idle.client)


TIMED = """
import sys, threading, traceback
from assay.transport import IoThread
places = [frame for top in sys._current_frames().values() for frame, _ in traceback.walk_stack(top)]
io = next(found for frame in places if type(found := frame.f_locals.get('self')) is IoThread)
callers, real = set(), io.call_later
def call_later(*arguments):
    callers.add(threading.current_thread().name)
    real(*arguments)
io.call_later = call_later
"""


def test_terminate_leaves_timers_to_their_thread(idle: Debugging) -> None:
    """The debugger's worker interrupts the cell by way of the I/O thread."""
    succeeded(execute(idle.client, TIMED))
    idle.attach()
    cell = idle.stop(DOUBLED, 5)
    idle.body("terminate")
    failed(finish(idle.client, cell))

    assert value(idle.client, "'assay-debugger' in callers") == "False"
    assert value(idle.client, "callers != set()") == "True"
    succeeded(execute(idle.client, "io.call_later = real"))


LOOKING = """\
import gc, sys, threading
from _pydevd_bundle import pydevd_constants

gate, collected = threading.Event(), set()
threads = [threading.Thread(target=gate.wait, daemon=True) for _ in range(20)]
for thread in threads: thread.start()

def note(*_):
    if gc.isenabled(): collected.add(sys._getframe(1).f_code.co_name)  # else it was asked for

def look_at_all(look):
    gc.collect()
    gc.set_threshold(1)
    gc.enable(); frames = look(); gc.disable()
    return len(frames) > 20

before, was_enabled = gc.get_threshold(), gc.isenabled()
gc.disable()
gc.callbacks.append(note)
try:
    looks = sys._current_frames, pydevd_constants._current_frames
    seen = [look_at_all(look) for look in looks]
finally:
    gc.callbacks.remove(note)
    gc.set_threshold(*before)
    if was_enabled: gc.enable()
    gate.set()
seen, "look_at_all" in collected
"""
"""Asks for the frames of all threads, as debugpy does, where each object may be one too many."""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="garbage is collected elsewhere there")
def test_no_garbage_is_collected_where_debugpy_looks_at_all_threads(debugging: Debugging) -> None:
    """Python 3.11 holds a lock there which garbage may want; what debugpy calls is given back when
    the client disconnects."""
    looked = execute(debugging.client, LOOKING)
    debugging.body("disconnect", restart=False, terminateDebuggee=False)

    assert result(looked) == "([True, True], False)"
    assert value(debugging.client, "type(sys._current_frames).__name__") == (
        "'builtin_function_or_method'"
    )


def test_disconnect_leaves_nothing(idle: Debugging) -> None:
    """A cell that stands goes on, breakpoints are gone, nothing is traced any more, and what was
    changed in the process is as it was."""
    look = (
        "import sys, threading, _thread; (sys.gettrace(), sys.breakpointhook is"
        " sys.__breakpointhook__, type(sys.settrace).__name__, threading.gettrace(),"
        " type(_thread.start_new_thread).__name__, 'pydev_do_not_trace' in vars(threading.Thread),"
        " sorted(t.name for t in threading.enumerate() if 'pydevd' in t.name))"
    )
    before = result(execute(idle.client, look))
    idle.attach()
    cell = idle.stop(DOUBLED, 5)
    idle.body("disconnect", restart=False, terminateDebuggee=False)
    answer = finish(idle.client, cell)
    info = idle.body("debugInfo")
    free = execute(idle.client, DOUBLED)

    assert answer.text() == free.text() == "2\n"
    assert info["isStarted"] is False
    assert info["breakpoints"] == []
    assert result(execute(idle.client, look)) == before
    assert idle.events("terminated") == [{}]


def test_shutdown_at_a_breakpoint(kernel: KernelProcess, mine: Client) -> None:
    """A kernel whose cell stands at a breakpoint ends in order, and removes the files of cells."""
    be_patient(mine)
    debugging = Debugging(mine)
    debugging.attach()
    path = debugging.break_in(DOUBLED, 5)
    debugging.run(DOUBLED)
    debugging.stopped()

    mine.request(ShutdownRequest(restart=False), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)

    assert kernel.wait(HANG_LIMIT_S) == 0
    assert not os.path.exists(os.path.dirname(path))  # noqa: PTH110, PTH120 - a string as it came
