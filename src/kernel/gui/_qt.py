"""Qt, by whichever binding there is: PySide6, PyQt6, PyQt5, PySide2.

No slot of Python's is connected: the notifier and the timer end Qt's waiting by what they are. So
an interrupt strikes in Python code of the caller's, or in a slot of the user's, and never between.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from assay.kernel.gui._toolkit import Toolkit, ToolkitError

__all__ = ["make"]

BINDINGS = {
    "qt": ("PySide6", "PyQt6", "PyQt5", "PySide2"),
    "qt6": ("PySide6", "PyQt6"),
    "qt5": ("PyQt5", "PySide2"),
}
"""Names, and the bindings that will do, best first; one that is imported already is better."""

PROBE = "import sys; from {}.QtWidgets import QApplication; QApplication(sys.argv)"
PROBE_LIMIT_S = 60.0

MAX_MS = 2**31 - 1


def make(name: str) -> Toolkit:
    """Return Qt, with an application if there was none.

    Raises:
        ToolkitError: no binding is installed, or Qt cannot reach a display.
    """
    binding = _binding(name)
    try:
        core: Any = import_module(f"{binding}.QtCore")
        app = core.QCoreApplication.instance()
        if app is None:
            _require_display(name, binding)
            app = import_module(f"{binding}.QtWidgets").QApplication(["assay"])
            app.setQuitOnLastWindowClosed(False)
    except ImportError as error:
        raise ToolkitError(f"GUI {name}: {binding} cannot be imported: {error}") from error
    return _Qt(name, core, app)


def _binding(name: str) -> str:
    wanted = BINDINGS[name]
    asked = os.environ.get("QT_API", "").lower()
    for binding in wanted:
        if f"{binding}.QtCore" in sys.modules:
            return binding
    found = [binding for binding in wanted if find_spec(binding) is not None]
    if not found:
        raise ToolkitError(
            f"GUI {name}: wanted one of {', '.join(wanted)}, found none installed "
            f"(pip install {wanted[0]})"
        )
    return next((binding for binding in found if binding.lower() == asked), found[0])


def _require_display(name: str, binding: str) -> None:
    """Refuse where Qt would end the process: try it in another one.

    It aborts where it cannot load a plugin for its platform, and where there is no display.
    """
    command = [sys.executable, "-c", PROBE.format(binding)]
    environment = {**os.environ, "QT_LOGGING_TO_CONSOLE": "1", "PYTHONSAFEPATH": "1"}
    try:
        tried = subprocess.run(  # noqa: S603 - our own command
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=PROBE_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolkitError(f"GUI {name}: a process to try {binding} in failed: {error}") from error
    if tried.returncode:
        text = tried.stderr.decode(errors="replace").strip() or f"exit code {tried.returncode}"
        raise ToolkitError(f"GUI {name}: wanted a display that {binding} can use, found: {text}")


class _Qt:
    """Qt's event dispatcher.

    Args:
        name: As it was asked for.
        core: The binding's QtCore.
        app: The application, which lives as long as this.
    """

    def __init__(self, name: str, core: Any, app: Any) -> None:
        self.name = name
        self._core, self._app = core, app
        flags = _scoped(core.QEventLoop, "ProcessEventsFlag")
        self._all, self._wait_for_more = flags.AllEvents, flags.WaitForMoreEvents
        self._deferred_delete = _scoped(core.QEvent, "Type").DeferredDelete
        self._queued = _scoped(core.Qt, "ConnectionType").QueuedConnection
        self._loop = core.QEventLoop()
        self._timer = core.QTimer()
        self._timer.setSingleShot(True)
        self._notifier: Any = None
        self._watched = -1
        self._thread = core.QThread.currentThread()
        self._was_broken_off = False

    def wait(self, descriptor: int, timeout: float | None) -> None:
        """Handle events until *descriptor* can be read, or some have been handled."""
        if self._was_broken_off:
            self._mend()
        if timeout == 0:
            self._loop.processEvents(self._all)
        else:
            self._wait_for_some(descriptor, timeout)
        # Qt keeps these back for a loop of its own that never begins here.
        self._app.sendPostedEvents(None, _number(self._deferred_delete))

    def _wait_for_some(self, descriptor: int, timeout: float | None) -> None:
        if descriptor != self._watched:
            kind = _scoped(self._core.QSocketNotifier, "Type").Read
            self._notifier = self._core.QSocketNotifier(descriptor, kind)
            self._watched = descriptor
        try:
            self._notifier.setEnabled(True)
            if timeout is not None:
                self._timer.start(min(MAX_MS, max(1, round(timeout * 1000))))
            self._loop.processEvents(self._wait_for_more)
        finally:
            self._notifier.setEnabled(False)
            self._timer.stop()

    def break_off(self) -> None:
        """End all loops that run, by a call that waits in the main thread's queue."""
        self._was_broken_off = True
        self._core.QMetaObject.invokeMethod(self._thread, "quit", self._queued)

    def _mend(self) -> None:
        """Take back what `break_off` has asked for.

        Where it came too late, or ended a dialog's loop, Qt would refuse to run any dialog later:
        only an application's own loop puts that right, at its end.
        """
        self._was_broken_off = False
        self._core.QMetaObject.invokeMethod(self._thread, "quit", self._queued)
        are_blocked = self._app.blockSignals(True)  # nothing is about to quit
        try:
            run = getattr(self._app, "exec", None) or self._app.exec_
            run()
        finally:
            self._app.blockSignals(are_blocked)

    def close(self) -> None:
        """Free the notifier."""
        self._notifier = None
        self._watched = -1


def _scoped(owner: Any, name: str) -> Any:
    """Return where the members of an enumeration are: in it, or in older bindings around it."""
    scope = getattr(owner, name, owner)
    return scope if hasattr(scope, "__members__") or hasattr(scope, "values") else owner


def _number(member: Any) -> int:
    return int(getattr(member, "value", member))
