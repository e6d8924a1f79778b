"""What a cell, a library or asyncio leaves behind among signals and loops ends nothing.

The numbers of public reports stand beside each kind: ipython#472, ipykernel#328, ipyparallel#354,
oct2py#381, fps#110, ipython#11730, notebook#3860.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.kernel.process._signal_handlers import Reclaim, SignalHandlers
from assay.protocol import Channel, ExecuteReply
from assay.transport import Answer, Client, KernelProcess
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    begin,
    execute,
    failed,
    finish,
    is_well,
    result,
    start,
    succeeded,
)
from tests.kernel.process.test_interrupt import by_message, by_signal

SIGINT_LEFT = {
    "Python's own (ipython#472)": "signal.signal(signal.SIGINT, signal.default_int_handler)",
    "the default action (ipykernel#328)": "signal.signal(signal.SIGINT, signal.SIG_DFL)",
    "ignored (oct2py#381)": "signal.signal(signal.SIGINT, signal.SIG_IGN)",
    "one that raises": "signal.signal(signal.SIGINT, lambda *_: 1 / 0)",
    "a loop's": "asyncio.get_running_loop().add_signal_handler(signal.SIGINT, print)",
    "a loop's that was removed": "loop = asyncio.get_running_loop()\n"
    "loop.add_signal_handler(signal.SIGINT, print)\nloop.remove_signal_handler(signal.SIGINT)",
    "blocked": "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})",
    "restarting system calls": "signal.siginterrupt(signal.SIGINT, False)",
    "no wake-up descriptor": "signal.set_wakeup_fd(-1)",
    "C's ignored": "import ctypes; ctypes.CDLL(None).signal(signal.SIGINT, ctypes.c_void_p(1))",
}


@pytest.mark.parametrize("left", SIGINT_LEFT.values(), ids=SIGINT_LEFT.keys())
def test_next_cell_is_interrupted(shared_kernel: KernelProcess, client: Client, left: str) -> None:
    """Whatever a cell left of SIGINT, an idle kernel outlives an interrupt, and the next cell is
    ended by it (CTRL-10, CTRL-11)."""
    succeeded(execute(client, f"import asyncio, os, signal\n{left};"))
    for way in (by_signal, by_message):
        way(shared_kernel, client)
        assert is_well(client)
        running = begin(client, "print('runs')\nos.read(os.pipe()[0], 1)", until="runs")
        way(shared_kernel, client)

        assert failed(finish(client, running)).ename == "KeyboardInterrupt"


def test_handler_of_a_cell_lasts_until_its_end(client: Client) -> None:
    """A handler for SIGINT is the cell's that installs it; Python's default one means ours."""
    code = (
        "import signal; hits = []; signal.signal(signal.SIGINT, lambda *_: hits.append(1))\n"
        "signal.raise_signal(signal.SIGINT); hits"
    )
    assert result(execute(client, code)) == "[1]"

    present = "signal.getsignal(signal.SIGINT) is signal.default_int_handler"
    assert result(execute(client, present)) == "True"


def test_mask_of_a_cell_lasts(client: Client) -> None:
    """What a cell keeps back stays kept back, but for what the kernel needs."""
    kept = "sorted(s.name for s in signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
    mask = "{signal.SIGUSR2, signal.SIGINT}"
    succeeded(execute(client, f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {mask});"))

    found = result(execute(client, kept))
    succeeded(execute(client, f"signal.pthread_sigmask(signal.SIG_UNBLOCK, {mask});"))
    assert found == "['SIGUSR2']"
    assert result(execute(client, kept)) == "[]"


RAISING = {
    "an error": "1 / 0",
    "an interrupt": "exec('raise KeyboardInterrupt')",
    "an exit": "exec('raise SystemExit(3)')",
    "no exception": "exec('raise BaseException')",
}


@pytest.mark.parametrize("raising", RAISING.values(), ids=RAISING.keys())
def test_handler_that_raises_while_idle(kernel: KernelProcess, mine: Client, raising: str) -> None:
    """Whatever a handler raises while no cell runs is reported and ends nothing
    (ipyparallel#354)."""
    code = f"import signal\nsignal.signal(signal.SIGUSR1, lambda *_: {raising});"
    succeeded(execute(mine, code))

    os.kill(kernel.pid, signal.SIGUSR1)

    text = ""
    while "SIGUSR1" not in text:
        text += str(mine.receive(Channel.IOPUB, HANG_LIMIT_S).content)
    assert is_well(mine)
    again = execute(mine, "signal.raise_signal(signal.SIGUSR1)")
    assert failed(again).ename != "AssertionError"
    assert "_signal_handlers" not in "".join(failed(again).traceback)


def test_timer_that_raises_all_the_time(client: Client) -> None:
    """A timer that often fires and whose handler raises leaves a kernel that answers
    (ipyparallel#354)."""
    code = (
        "import signal; signal.signal(signal.SIGALRM, lambda *_: 1 / 0)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)"
    )
    # What the handler raised after idle is still the cell's: its answers do not end with idle.
    run(client, code)
    for _ in range(20):
        run(client, "2 + 2")

    stop = "signal.setitimer(signal.ITIMER_REAL, 0); signal.signal(signal.SIGALRM, signal.SIG_IGN)"
    while not isinstance(run(client, stop).content, ExecuteReply):
        pass

    assert result(run(client, "2 + 2")) == "4"


def run(client: Client, code: str) -> Answer:
    """Run *code*, whatever becomes of it."""
    return client.execute(code, stop_on_error=False, timeout=HANG_LIMIT_S)


def test_program_finds_its_own_handler(client: Client) -> None:
    """A handler that was guarded between two cells is in the second what it was in the first."""
    execute(client, "import signal\ndef own(*_): pass\nsignal.signal(signal.SIGUSR2, own);")

    assert result(execute(client, "signal.getsignal(signal.SIGUSR2) is own")) == "True"


def test_loops_handler_is_called_between_cells_and_in_them(
    kernel: KernelProcess, mine: Client
) -> None:
    """What a cell has the loop do on a signal is done when it comes, once (ipykernel#328)."""
    execute(
        mine,
        "import asyncio, os, signal\nhits = asyncio.Queue()\n"
        "asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, hits.put_nowait, 'hit')",
    )
    os.kill(kernel.pid, signal.SIGUSR1)
    assert result(execute(mine, "await hits.get()")) == "'hit'"

    assert result(execute(mine, "os.kill(os.getpid(), signal.SIGUSR1); await hits.get()")) == (
        "'hit'"
    )
    assert result(execute(mine, "await asyncio.sleep(0); hits.empty()")) == "True"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_handler_that_exits_ends_the_kernel(
    kernel: KernelProcess, mine: Client, number: signal.Signals
) -> None:
    """A program's own handler of a signal that ends processes ends this one, with its status."""
    code = (
        "import atexit, signal, sys; atexit.register(print, 'cleaned up')\n"
        f"signal.signal({int(number)}, lambda *_: sys.exit(9));"
    )
    succeeded(execute(mine, code))

    os.kill(kernel.pid, number)

    assert kernel.wait(HANG_LIMIT_S) == 9


@pytest.fixture
def _hangup_by_default() -> Iterator[None]:
    """A kernel keeps ignoring SIGHUP where its launcher does, such as under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("_hangup_by_default")
def test_hangup_ends_the_kernel_in_order(kernel: KernelProcess, mine: Client) -> None:
    """SIGHUP runs exit functions and ends the process as shells expect, as SIGTERM does
    (CTRL-05)."""
    execute(
        mine,
        "import atexit, pathlib\natexit.register(pathlib.Path('cleaned').touch)\n"
        "import os; print(os.getcwd())",
    )
    folder = execute(mine, "print(os.getcwd())").text().strip()

    os.kill(kernel.pid, signal.SIGHUP)

    assert kernel.wait(HANG_LIMIT_S) == 128 + signal.SIGHUP
    assert os.path.exists(f"{folder}/cleaned")  # noqa: PTH110 - of another process


def test_default_action_of_an_ending_signal_is_ours(kernel: KernelProcess, mine: Client) -> None:
    """A library that gives SIGTERM back to the default leaves an end in order (CTRL-05)."""
    execute(mine, "import signal; signal.signal(signal.SIGTERM, signal.SIG_DFL);")

    os.kill(kernel.pid, signal.SIGTERM)

    assert kernel.wait(HANG_LIMIT_S) == 128 + signal.SIGTERM


LIBRARIES = {
    "trio (fps#110)": ("trio", "import trio", "trio.run(work, {})"),
    "anyio on trio": ("anyio", "import anyio, trio", "anyio.run(work, {}, backend='trio')"),
    "anyio": ("anyio", "import anyio", "await work({})"),
    "nest_asyncio": (
        "asyncio",
        "import asyncio, nest_asyncio; nest_asyncio.apply()",
        "asyncio.run(work({}))",
    ),
}


@pytest.mark.parametrize(("library", "imports", "run"), LIBRARIES.values(), ids=LIBRARIES.keys())
def test_library_works_again_after_an_interrupt(
    kernel: KernelProcess, mine: Client, library: str, imports: str, run: str
) -> None:
    """An interrupt ends what a library's loop runs; it runs the next thing (CTRL-11).

    What runs says so in the loop: one that is struck while it is made is the library's own affair.
    """
    work = f"async def work(seconds): print('runs'); await {library}.sleep(seconds)"
    succeeded(execute(mine, f"{imports}\n{work}"))
    for way in (by_signal, by_message):
        running = begin(mine, run.format(600), until="runs")
        way(kernel, mine)
        assert failed(finish(mine, running)).ename == "KeyboardInterrupt"

        assert result(execute(mine, f"{run.format(0)}\n'again'")) == "'again'"
    assert result(execute(mine, "import asyncio\nawait asyncio.sleep(0)\n'awaited'")) == "'awaited'"


def test_interrupt_with_gevent(kernel: KernelProcess, mine: Client) -> None:
    """gevent in the place of threads, and of their numbers, leaves a kernel that is interrupted
    (ipython#11730)."""
    code = "from gevent import monkey; monkey.patch_all(); import time, gevent; time.sleep(0)"
    succeeded(execute(mine, code))  # the last of it makes gevent's own loop
    for waiting in ("time.sleep(600)", "gevent.sleep(600)", "while True: pass"):
        running = begin(mine, f"print('runs')\n{waiting}", until="runs")
        by_message(kernel, mine)
        assert failed(finish(mine, running)).ename == "KeyboardInterrupt"

    assert result(execute(mine, "time.sleep(0); 'again'")) == "'again'"


def test_gevent_in_a_startup_file(tmp_path: Path) -> None:
    """What the kernel's threads wait for is the system's, whatever threads are to the program."""
    startup = tmp_path / "ipythondir" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("from gevent import monkey; monkey.patch_all()")
    with start(tmp_path) as kernel, kernel.client() as client:
        assert result(execute(client, "import time; time.sleep(0); 'woken'")) == "'woken'"


LOOP_LEFT = {
    "stopped (notebook#3860)": "loop.stop()",
    "stopped soon": "loop.call_soon(loop.stop)",
    "stopped by a thread": "loop.call_soon_threadsafe(loop.stop)",
    "no loop": "asyncio.set_event_loop(None)",
    "another loop": "asyncio.set_event_loop(other := asyncio.new_event_loop()); other.close()",
    "another policy": "asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())",
    "closed": "try: loop.close()\nexcept RuntimeError: pass",
    "closed by a thread": "try: await asyncio.to_thread(loop.close)\nexcept RuntimeError: pass",
    "closed between cells": "loop.call_soon(loop.close)",
    "a nested run": "try: asyncio.run(asyncio.sleep(0, coroutine := None))\nexcept Exception: pass",
}


@pytest.mark.parametrize("left", LOOP_LEFT.values(), ids=LOOP_LEFT.keys())
@pytest.mark.filterwarnings("ignore")
def test_next_cell_awaits(client: Client, left: str) -> None:
    """Whatever a cell did to the loop, the next one awaits on the same loop (notebook#3860)."""
    run(client, f"import asyncio\nloop = asyncio.get_running_loop()\n{left};")

    code = "await asyncio.sleep(0)\nasyncio.get_running_loop() is loop"
    assert result(run(client, code)) == "True"


def test_cell_that_stops_the_loop_runs_to_its_end(client: Client) -> None:
    """A cell that awaits goes on where it, or a task, stops the loop (notebook#3860)."""
    code = "import asyncio; asyncio.get_running_loop().stop(); await asyncio.sleep(0.01); 'ended'"

    assert result(execute(client, code)) == "'ended'"


LOW_LIMITS = (
    "sys.setrecursionlimit(50)",
    "for low in range(1, 100):\n"
    "    try: sys.setrecursionlimit(low); break\n"
    "    except RecursionError: pass",
    "import threading\nt = threading.Thread(target=sys.setrecursionlimit, args=(45,))\n"
    "t.start(); t.join()",
    "import asyncio\nasyncio.get_running_loop().call_soon(sys.setrecursionlimit, 50);",
)


@pytest.mark.parametrize("lower", LOW_LIMITS)
def test_next_cell_runs_after_a_low_recursion_limit(client: Client, lower: str) -> None:
    """A cell that leaves Python no room to call functions leaves the next one what it needs."""
    run(client, f"import sys; before = sys.getrecursionlimit()\n{lower}")

    assert result(run(client, "await __import__('asyncio').sleep(0)\n40 + 2")) == "42"
    assert failed(run(client, "1 / 0")).ename == "ZeroDivisionError"
    assert result(run(client, "sys.setrecursionlimit(before); sys.getrecursionlimit()")) == "1000"


def test_plain_cell_is_no_task(client: Client) -> None:
    """In a plain cell no task runs, so that anyio may run another library's loop; in a cell that
    awaits, sniffio finds asyncio (decision 0005, public report 21)."""
    asked = "asyncio.current_task() is None"
    assert result(execute(client, f"import asyncio\n{asked}")) == "True"
    assert result(execute(client, f"await asyncio.sleep(0)\n{asked}")) == "False"

    found = "import sniffio\nawait asyncio.sleep(0)\nsniffio.current_async_library()"
    assert result(execute(client, found)) == "'asyncio'"


@pytest.fixture
def handlers() -> Iterator[SignalHandlers]:
    """Handlers that are given back."""
    handlers = SignalHandlers()
    yield handlers
    handlers.restore()


def test_handlers_are_given_back_where_they_are_ours(handlers: SignalHandlers) -> None:
    """What was there before comes back, and what was installed since is left alone."""

    def ours(*_: object) -> None: ...

    def theirs(*_: object) -> None: ...

    before = signal.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGUSR2)
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        handlers.take(number, ours, Reclaim.ALWAYS)
    signal.signal(signal.SIGUSR2, theirs)

    handlers.restore()

    after = signal.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGUSR2)
    signal.signal(signal.SIGUSR2, before[1])
    assert after == (before[0], theirs)


def test_guard_reports_and_raises_nothing(
    handlers: SignalHandlers, capsys: pytest.CaptureFixture[str]
) -> None:
    """Outside user code a handler's exception is shown once, and inside it is raised."""

    def raising(*_: object) -> None:
        raise ValueError("of the handler")

    before = signal.signal(signal.SIGUSR1, raising)
    handlers.leave_code()
    for _ in range(3):
        signal.raise_signal(signal.SIGUSR1)
    shown = capsys.readouterr().err
    handlers.enter_code()

    with pytest.raises(ValueError, match="of the handler"):
        signal.raise_signal(signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)
    assert shown.count("ValueError: of the handler") == 1
    assert "SIGUSR1" in shown


def test_each_handler_that_code_installs_is_guarded(
    handlers: SignalHandlers, capsys: pytest.CaptureFixture[str]
) -> None:
    """However often code is left that installs nothing, the next handler is seen.

    So is one that a handler installs while no code runs.
    """

    def raising(*_: object) -> None:
        raise ValueError("the first")

    def second(*_: object) -> None:
        raise ValueError("the second")

    def installing(*_: object) -> None:
        signal.signal(signal.SIGUSR1, raising)

    def leave() -> object:
        handlers.leave_code()
        return signal.getsignal(signal.SIGUSR1)

    before = signal.getsignal(signal.SIGUSR1)
    found, shown = [], []
    for handler in (raising, second, installing):
        signal.signal(signal.SIGUSR1, handler)
        found += [{leave() for _ in range(3)}]
        signal.raise_signal(signal.SIGUSR1)
        shown += [capsys.readouterr().err]
        if handler is not installing:
            handlers.enter_code()
    found += [{leave() for _ in range(3)}]
    signal.raise_signal(signal.SIGUSR1)
    handlers.enter_code()
    signal.signal(signal.SIGUSR1, before)

    assert [len(guards) for guards in found] == [1, 1, 1, 1]
    assert not {raising, second, installing}.intersection(*found)
    assert ["the first" in shown[0], "the second" in shown[1], shown[2]] == [True, True, ""]
