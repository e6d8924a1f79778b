"""What cells and windows can rely on, whichever toolkit there is: shown with one without windows.

The toolkit comes in by the public seam (`assay.kernel.Toolkit`); `test_toolkits.py` has real ones.
"""

from __future__ import annotations

import ast
import os
import signal
from collections.abc import Iterator

import pytest

from assay.protocol import (
    Channel,
    CreateSubshellReply,
    CreateSubshellRequest,
    DeleteSubshellRequest,
    ExecuteRequest,
    ShutdownRequest,
    StreamName,
)
from assay.transport import Client, KernelProcess
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    begin,
    error,
    execute,
    failed,
    finish,
    interrupt,
    is_well,
    origin,
    succeeded,
    text_of,
    value,
)
from tests.kernel.gui._toys import SETUP

PRINT_TICKS = """
toy, other, ticks, turns = Toy("toy"), Toy("other"), [], []
toy.every(0.002, lambda: ticks.append(1))
gui(toy)
"""


@pytest.fixture
def windows(client: Client) -> Iterator[Client]:
    """A client of a kernel in which a toolkit is on, with a timer that fills `ticks`."""
    succeeded(execute(client, SETUP + PRINT_TICKS))
    yield client
    succeeded(execute(client, "gui(None); del toy, other"))


def wait_for_text(client: Client, code: str, text: str) -> None:
    """Run *code*, and return once *text* has been printed, later than its cell or within it."""
    exchange = client.start(ExecuteRequest(code=code))
    client.finish(exchange, timeout=HANG_LIMIT_S)  # what comes behind its idle may be read with it
    if text not in text_of(exchange.published) + text_of(exchange.published, StreamName.STDERR):
        origin(client, text)


def goes_on(client: Client) -> bool:
    """Return True once a timer of the toolkit's has ticked between two cells."""
    code = "toy.every(0.002, lambda: toy.timers.pop() and print('it goes on'))"
    wait_for_text(client, code, "it goes on")
    return True


def test_kernel_without_windows_pays_nothing(mine: Client) -> None:
    """No module of the seam is imported, and the loop's selector is as it was (decision 0019)."""
    loaded = "[n for n in __import__('sys').modules if n.startswith('assay.kernel.gui')]"
    succeeded(execute(mine, "%gui\nimport asyncio\nawait asyncio.sleep(0)"))

    assert value(mine, loaded) == "[]"
    assert value(mine, "vars(asyncio.get_running_loop()._selector).get('select')") == "None"


def test_cells_and_timers_take_turns(windows: Client) -> None:
    """Timers of windows tick between cells, and cells are answered meanwhile (S-036)."""
    assert goes_on(windows)
    assert value(windows, "6 * 7") == "42"
    assert goes_on(windows)


def test_toolkit_waits_until_it_is_woken(windows: Client) -> None:
    """Where neither has a timer nothing is polled: it waits without a limit, and requests wake it.

    That it is woken is shown by the answer to what is asked while it waits.
    """
    code = """
    loop = asyncio.get_running_loop()
    while loop._scheduled: await asyncio.sleep(0)
    toy.timers.clear(); toy.waits.clear()
    toy.on_wait = lambda: toy.waits[-1] is None and print('without a limit')
    """
    wait_for_text(windows, code, "without a limit")

    waits = ast.literal_eval(str(value(windows, "toy.waits")))

    assert set(waits) <= {None, 0}


def test_windows_live_beside_tasks(windows: Client) -> None:
    """A background task, a timer of asyncio's and a timer of a window's go on together."""
    code = """
    async def work():
        while True:
            await asyncio.sleep(0.002)
            turns.append(1)
            if len(turns) > 3 and len(ticks) > 3:
                print('both went on')
                return
    ticks.clear(); turns.clear()
    task = asyncio.create_task(work())
    """
    wait_for_text(windows, code, "both went on")


def test_windows_live_while_a_cell_awaits(windows: Client) -> None:
    """A cell that awaits is woken by a callback of a window's, which may use asyncio."""
    code = """
    done = asyncio.Event()
    toy.every(0.002, lambda: toy.timers.pop() and asyncio.create_task(set_done()))
    async def set_done(): done.set()
    await done.wait()
    """
    succeeded(execute(windows, code))


def test_busy_task_keeps_no_window_waiting(windows: Client) -> None:
    """A task that never waits shares the thread with windows (decision 0019)."""
    code = """
    async def work():
        while len(ticks) < 3:
            await asyncio.sleep(0)
    ticks.clear()
    await work()
    """
    succeeded(execute(windows, code))


def test_cell_that_awaits_is_interrupted(windows: Client) -> None:
    """An interrupt ends an await while the toolkit waits in its place (CTRL-11)."""
    exchange = begin(windows, "print('now')\nawait asyncio.sleep(1000)", until="now")

    interrupt(windows)

    assert error(finish(windows, exchange)).ename == "KeyboardInterrupt"
    assert goes_on(windows)


def test_cell_is_interrupted(windows: Client) -> None:
    """An interrupt ends a plain cell while windows live, and windows live on (CTRL-11)."""
    exchange = begin(windows, "print('now')\ntime.sleep(1000)", until="now")

    interrupt(windows)

    assert error(finish(windows, exchange)).ename == "KeyboardInterrupt"
    assert goes_on(windows)


def test_interrupt_without_a_cell_is_harmless(
    windows: Client, shared_kernel: KernelProcess
) -> None:
    """Ctrl-C and interrupt_request while the toolkit waits end nothing (CTRL-10)."""
    os.kill(shared_kernel.pid, signal.SIGINT)
    interrupt(windows)

    assert is_well(windows)
    assert goes_on(windows)


def test_callback_is_interrupted(windows: Client) -> None:
    """An interrupt ends a callback that does not end by itself; the kernel answers again."""
    code = """
    def spin():
        toy.timers.pop()
        print('it spins')
        while True: pass
    toy.every(0.002, spin)
    """
    wait_for_text(windows, code, "it spins")

    interrupt(windows)

    assert is_well(windows)
    assert goes_on(windows)


@pytest.mark.parametrize("kind", ["ZeroDivisionError", "SystemExit"])
def test_failing_callback_is_shown(windows: Client, kind: str) -> None:
    """What a callback raises goes to stderr, and ends neither the kernel nor the window."""
    code = f"""
    def fail():
        toy.timers.pop()
        raise {kind}('by its own fault')
    toy.every(0.002, fail)
    """
    wait_for_text(windows, code, "by its own fault")

    assert goes_on(windows)


def test_toolkit_that_fails_again_and_again_is_switched_off(windows: Client) -> None:
    """It would fill the processor's time, and the cell's output."""
    code = "other.wait = lambda *_: 1 / 0\ngui(other)"
    wait_for_text(windows, code, "'other' is switched off: it failed 10 times in a row")

    assert value(windows, "get_ipython().active_eventloop") == "None"
    assert value(windows, "other.closings") == "1"


def test_one_toolkit_follows_another(windows: Client) -> None:
    """Switching gives back what the one has needed, and lets the other wait; off is possible."""
    code = "other.on_wait = lambda: print('the other waits')\ngui(other)"
    wait_for_text(windows, code, "the other waits")
    assert value(windows, "(toy.closings, get_ipython().active_eventloop)") == "(1, 'other')"

    succeeded(execute(windows, "other.on_wait = None\ngui(toy)"))
    assert goes_on(windows)

    succeeded(execute(windows, "%gui"))
    succeeded(execute(windows, "toy.waits.clear()"))
    assert value(windows, "(toy.waits, toy.closings, other.closings)") == "([], 2, 1)"


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("%gui nonsense", "wanted one of tk, qt, qt6, qt5, gtk, gtk3, gtk4, wx, pyglet, osx"),
        ("gui('nonsense')", "wanted one of tk, qt"),
        ("gui(5)", "wanted a name or a Toolkit, found 5"),
        ("%gui osx", "wanted macOS, found Linux"),
    ],
)
def test_missing_gui_is_an_error_of_the_cell(windows: Client, code: str, wanted: str) -> None:
    """A GUI that is not there fails the cell and says why; what was on stays on (S-246)."""
    answer = execute(windows, code, stop_on_error=False)

    assert wanted in failed(answer).evalue
    assert goes_on(windows)


def test_subshell_may_not_have_windows(windows: Client) -> None:
    """Windows need the main thread: a subshell is refused, and told so (SUBSHELL-11).

    It may not switch off either what waits in that thread.
    """
    made = windows.request(CreateSubshellRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
    assert isinstance(made.content, CreateSubshellReply)
    ident = made.content.subshell_id
    for code in ("gui(other)", "gui(None)", "%gui", "%gui inline", "%gui none", "gui('nonsense')"):
        request = ExecuteRequest(code=code, stop_on_error=False)
        answer = finish(windows, windows.start(request, subshell_id=ident))
        assert "wanted the main thread" in failed(answer).evalue, code

    assert value(windows, "(toy.closings, get_ipython().active_eventloop)") == "(0, 'toy')"
    assert goes_on(windows)
    windows.request(
        DeleteSubshellRequest(subshell_id=ident), channel=Channel.CONTROL, timeout=HANG_LIMIT_S
    )


def test_loop_that_a_cell_runs_is_broken_off(windows: Client) -> None:
    """A toolkit's own loop, in a cell, is ended by an interrupt that Python cannot see (CTRL-11).

    The cell waits in C code, as a loop of a toolkit's does, and lets go when it is broken off.
    """
    code = """
    import ctypes
    library, mutex, released = ctypes.CDLL(None), ctypes.create_string_buffer(128), []
    library.pthread_mutex_init(mutex, None)
    library.pthread_mutex_lock(mutex)
    other.break_off = lambda: released or (released.append(1), library.pthread_mutex_unlock(mutex))
    gui(other)
    print('now')
    library.pthread_mutex_lock(mutex)
    """
    exchange = begin(windows, code, until="now")

    interrupt(windows)

    assert error(finish(windows, exchange)).ename == "KeyboardInterrupt"


def test_shutdown_ends_a_kernel_with_windows(mine: Client, kernel: KernelProcess) -> None:
    """A shutdown ends it while a toolkit waits, which gives back what it had (CTRL-01)."""
    code = "toy = Toy('toy')\ntoy.close = lambda: print('it is given back')\ngui(toy)"
    succeeded(execute(mine, SETUP + code))

    request = ShutdownRequest(restart=False)
    answer = mine.request(request, channel=Channel.CONTROL, timeout=HANG_LIMIT_S)

    assert "it is given back" in answer.text()
    assert kernel.wait(HANG_LIMIT_S) == 0
