"""Toolkits that are installed, behind the seam: windows without a screen, or Tcl without windows.

CI has Tcl. The others are run where there is a binding of Qt (``pip install PySide6``), and Tk's
windows where there is Xvfb.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from assay.protocol import DisplayData
from assay.transport import Client
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    begin,
    error,
    execute,
    failed,
    finish,
    interrupt,
    start,
    succeeded,
)
from tests.kernel.gui.test_windows import wait_for_text

TCL = """
import asyncio, tkinter
from assay.kernel.gui import _tk
window = tkinter.Tcl()
toolkit = _tk._Tk("tk", window)
get_ipython().enable_gui(toolkit)
def later(call): window.after(5, call)
def run_loop(): window.tk.mainloop(-1)
"""
"""Tcl's timers and its loop, which need no display."""

SWITCH_ON = "get_ipython().enable_gui(toolkit)"

TK = """
%gui tk
import asyncio, tkinter
window = tkinter.Tk()
def later(call): window.after(5, call)
def run_loop(): window.mainloop()
"""

QT = """
%gui qt
import asyncio
{imports}
window = QtWidgets.QPushButton('here')
window.show()
def later(call): QtCore.QTimer.singleShot(5, call)
def run_loop(): getattr(QtWidgets.QApplication.instance(), 'exec')()
"""

GTK = """
%gui gtk3
import asyncio
from gi.repository import GLib, Gtk
window = Gtk.Window()
window.show_all()
def later(call): GLib.timeout_add(5, lambda: call() and False)
def run_loop(): Gtk.main()
"""

WX = """
%gui wx
import asyncio, wx
window = wx.Frame(None)
window.Show()
def later(call): wx.CallLater(5, call)
def run_loop(): wx.GetApp().MainLoop()
"""

PYGLET = """
%gui pyglet
import asyncio, pyglet
window = pyglet.window.Window()
def later(call): pyglet.clock.schedule_once(lambda _: call(), 0.005)
def run_loop(): pyglet.app.run()
"""

BINDING = next((name for name in ("PySide6", "PyQt6") if find_spec(name) is not None), "")

needs_tk = pytest.mark.skipif(
    find_spec("_tkinter") is None, reason="this Python was built without tkinter"
)
needs_screen = pytest.mark.skipif(
    shutil.which("Xvfb") is None, reason="no Xvfb, which would be the screen of Tk's windows"
)
needs_gtk = pytest.mark.skipif(find_spec("gi") is None, reason="no PyGObject: python3-gi")
needs_wx = pytest.mark.skipif(find_spec("wx") is None, reason="no wxPython: python3-wxgtk4.0")
needs_pyglet = pytest.mark.skipif(find_spec("pyglet") is None, reason="no pyglet")
needs_qt = pytest.mark.skipif(not BINDING, reason="no binding of Qt: pip install PySide6")


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """A display of Xvfb's own choice."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-noreset", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as server:
        os.close(write)
        with os.fdopen(read, encoding="ascii") as answer:
            number = answer.readline().strip()
        try:
            if not number:
                pytest.skip("Xvfb does not start here")
            yield f":{number}"
        finally:
            server.terminate()


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("tcl", marks=needs_tk),
        pytest.param("tk", marks=[needs_tk, needs_screen]),
        pytest.param("qt", marks=needs_qt),
        pytest.param("gtk", marks=[needs_gtk, needs_screen]),
        pytest.param("wx", marks=[needs_wx, needs_screen]),
        pytest.param("pyglet", marks=[needs_pyglet, needs_screen]),
    ],
)
def toolkit(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """A client of a kernel with a toolkit that is on; `later` calls a function in a moment."""
    imports = f"from {BINDING} import QtCore, QtWidgets"
    codes = {"tcl": TCL, "tk": TK, "gtk": GTK, "wx": WX, "pyglet": PYGLET}
    code = {**codes, "qt": QT.format(imports=imports)}[request.param]
    env = {"QT_QPA_PLATFORM": "offscreen", "QT_API": BINDING.lower()}
    if request.param not in ("tcl", "qt"):
        env["DISPLAY"] = request.getfixturevalue("screen")
    with (
        start(tmp_path_factory.mktemp("kernel"), env=env) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        succeeded(execute(client, code))
        # What is given back when it is switched off is there again.
        switch_on = code.strip().splitlines()[0] if request.param != "tcl" else SWITCH_ON
        succeeded(execute(client, f"%gui\n{switch_on}"))
        yield client
        succeeded(execute(client, "%gui"))


def goes_on(client: Client) -> bool:
    """Return True once a timer of the toolkit's has called something between two cells."""
    wait_for_text(client, "later(lambda: print('it goes on'))", "it goes on")
    return True


def test_timers_tick_between_cells_and_beside_tasks(toolkit: Client) -> None:
    """A timer of the toolkit's and a task each wake the other, for some rounds."""
    code = """
    rounds = []
    async def work():
        for _ in range(5):
            done = asyncio.Event()
            later(done.set)
            await done.wait()
            await asyncio.sleep(0.001)
        print('five rounds')
    task = asyncio.create_task(work())
    """
    wait_for_text(toolkit, code, "five rounds")


def test_timers_tick_while_a_cell_awaits(toolkit: Client) -> None:
    """A cell can await what a callback of a window's sets."""
    succeeded(execute(toolkit, "done = asyncio.Event()\nlater(done.set)\nawait done.wait()"))


@pytest.mark.parametrize(
    "code", ["await asyncio.sleep(1000)", "run_loop()", "while True: pass"], ids=lambda c: c[:5]
)
def test_interrupt_ends_the_cell(toolkit: Client, code: str) -> None:
    """Whether it awaits, runs the toolkit's own loop or computes; windows live on (CTRL-11)."""
    exchange = begin(toolkit, f"print('now')\n{code}", until="now")

    interrupt(toolkit)

    assert error(finish(toolkit, exchange)).ename == "KeyboardInterrupt"
    assert goes_on(toolkit)


def test_interrupt_between_cells_is_harmless(toolkit: Client) -> None:
    """It ends no window and no kernel (CTRL-10)."""
    interrupt(toolkit)

    assert goes_on(toolkit)


def test_failing_callback_is_shown(toolkit: Client) -> None:
    """Its traceback goes to stderr; PyQt would end the process where nothing shows it."""
    wait_for_text(toolkit, "def fail(): raise OSError('by its fault')\nlater(fail)", "by its fault")

    assert goes_on(toolkit)


@pytest.mark.parametrize(
    "gui", [pytest.param("tk", marks=needs_tk), pytest.param("qt", marks=needs_qt)]
)
def test_gui_without_a_display_is_an_error_of_the_cell(tmp_path: Path, gui: str) -> None:
    """Also where the toolkit would end the process for it, as Qt does (S-246)."""
    display = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "QT_QPA_PLATFORM": ""}
    with start(tmp_path, env=display) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        answer = execute(client, f"%gui {gui}", stop_on_error=False)

        assert f"GUI {gui}: wanted a display" in failed(answer).evalue
        succeeded(execute(client, "1"))


@pytest.mark.parametrize("before", ["", "import matplotlib.pyplot as plt; plt.plot([1, 2]);"])
def test_backend_that_cannot_be_had_leaves_the_one_there_was(before: str, tmp_path: Path) -> None:
    """The next plot is shown where plots were, whether or not one was drawn before."""
    missing = "import sys\nsys.modules['wx'] = None\n%matplotlib wx"
    with start(tmp_path) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        succeeded(execute(client, before))
        refused = execute(client, missing, stop_on_error=False)
        shown = execute(client, "import matplotlib.pyplot as plt\nplt.plot([1, 2]);")
        name = execute(client, "print(plt.get_backend())")

        assert failed(refused).ename == "ModuleNotFoundError"
        assert len(shown.contents(DisplayData)) == 1
        assert "inline" in name.text()


@needs_tk
@needs_screen
def test_figures_are_windows_or_displays(tmp_path: Path, screen: str) -> None:
    """``%matplotlib tk`` shows a figure in a window that lives, and ``inline`` follows (S-248)."""
    setup = "%matplotlib tk\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()"
    with (
        start(tmp_path, env={"DISPLAY": screen}) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        shown = execute(client, setup)
        window = "plt.gcf().canvas.manager.window"
        wait_for_text(client, f"{window}.after(1, lambda: print('it lives'))", "it lives")
        inline = execute(client, "plt.close()\n%matplotlib inline\nplt.plot([1, 2]);")

        assert shown.contents(DisplayData) == ()
        assert len(inline.contents(DisplayData)) == 1


@needs_gtk
@needs_screen
def test_figure_of_gtk_is_saved_while_nobody_moves_the_mouse(tmp_path: Path, screen: str) -> None:
    """matplotlib changes the cursor meanwhile, and waits until GTK has handled an event."""
    with (
        start(tmp_path, env={"DISPLAY": screen}) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        succeeded(execute(client, "%matplotlib gtk3\nimport io, matplotlib.pyplot as plt"))
        succeeded(execute(client, "figure = plt.figure(); plt.show()"))
        # It is so only where the last time was a second ago.
        save = "figure.canvas.toolbar._draw_time = 0\nfigure.savefig(io.BytesIO())"
        succeeded(execute(client, save))
        succeeded(execute(client, f"%matplotlib inline\n{save}"))


@needs_pyglet
@needs_screen
def test_window_of_pyglet_is_closed_by_its_button(tmp_path: Path, screen: str) -> None:
    """As where pyglet's own loop runs; the next one lives."""
    closed = "window.dispatch_event('on_close'), print(len(pyglet.app.windows), 'left')"
    with (
        start(tmp_path, env={"DISPLAY": screen}) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        succeeded(execute(client, PYGLET))
        wait_for_text(client, f"later(lambda: ({closed}))", "0 left")
        succeeded(execute(client, "window = pyglet.window.Window()"))
        assert goes_on(client)


@needs_qt
def test_closed_window_ends_nothing(tmp_path: Path) -> None:
    """The last window is closed, a dialog opened and interrupted; then another dialog runs. The
    toolkit is that of the command line (S-126).

    Qt refuses to run dialogs once its loops have been told to end.
    """
    cells = (
        f"from {BINDING} import QtCore, QtWidgets; assert get_ipython().active_eventloop == 'qt'",
        "window = QtWidgets.QLabel('x'); window.show(); window.close()",
    )
    env = {"QT_QPA_PLATFORM": "offscreen", "QT_API": BINDING.lower()}
    with (
        start(tmp_path, "--gui=Qt", env=env) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        for cell in cells:
            succeeded(execute(client, cell))
        code = "dialog = QtWidgets.QDialog()\nprint('now')\ndialog.exec()"
        exchange = begin(client, code, until="now")
        interrupt(client)
        assert error(finish(client, exchange)).ename == "KeyboardInterrupt"

        code = "QtCore.QTimer.singleShot(1, dialog.accept)\nassert dialog.exec() == 1"
        succeeded(execute(client, code))
