"""IPython's debugger in the place of Python's own, and interrupts at its prompt.

To import this module replaces them.
"""

from __future__ import annotations

import pdb  # noqa: T100 - to replace it
import sys
from bdb import BdbQuit
from types import FrameType
from typing import Any

from IPython.core import debugger
from IPython.core.getipython import get_ipython

from assay.kernel.process._patches import Kind, patches

__all__ = ["Debugger"]

NO_PROMPTS = "No debugger: this client does not answer prompts (allow_stdin)."


RUNNER = "IPython.core.interactiveshell"
STATEMENTS = frozenset({"run_ast_nodes", "run_code"})
CELL = frozenset({"run_cell_async", "run_cell"})
"""Its functions that a statement of a cell returns to, and a cell that has ended."""

PONG = "assay.kernel.process._signal_pipe"
"""Its functions are called by the code that a signal has come to."""
DISPLAY = "assay.kernel.ipython._display"
"""What shows a result; Python calls it from the cell's own frame."""


class Debugger(debugger.Pdb):  # type: ignore[misc]  # IPython is untyped here
    """IPython's debugger; an interrupt at its prompt ends the cell.

    Spec: an interrupt raises KeyboardInterrupt in the running code (CTRL-11). Seen: Python's
    debugger takes it for the end of one command and prompts again, so that a cell could never be
    ended whose client answers no more; IPython's lets the code go on.
    Here: it is raised where the code had stopped.
    """

    _is_over = True
    """False from the time the code has stopped until the last command is obeyed."""

    def stop_here(self, frame: FrameType) -> bool:
        """Return True if a step ends in *frame*: not in what runs a cell or shows its result."""
        if _name(frame) == RUNNER and frame.f_code.co_name in CELL:
            self.set_continue()  # it is over
            return False
        return _is_of_user(frame) and bool(super().stop_here(frame))

    def dispatch_call(self, frame: FrameType, arg: object) -> Any:
        """Stop where *frame* begins; where a signal has come to, not in what answers it."""
        if _name(frame) != PONG:
            return super().dispatch_call(frame, arg)
        if self.stop_here(frame):
            self.interaction(frame.f_back, None)
            if self.quitting:
                raise BdbQuit
        return None

    def user_return(self, frame: FrameType, value: object) -> None:
        """Stop where *frame* returns, if it is the user's."""
        if _is_of_user(frame):
            super().user_return(frame, value)

    def user_exception(self, frame: FrameType, exc_info: Any) -> None:
        """Stop where an exception passes *frame*, if it is the user's."""
        if _is_of_user(frame):
            super().user_exception(frame, exc_info)

    def setup(self, f: FrameType | None, tb: Any) -> Any:
        """Look at the frame or traceback where the code has stopped."""
        try:
            return super().setup(f, tb)
        finally:
            self._is_over = False

    def forget(self) -> None:
        """Forget where the code had stopped; the last thing of an interaction."""
        super().forget()
        self._is_over = True

    def interaction(self, *stopped: Any) -> None:
        """Talk to the user about the frame and traceback where the code has stopped.

        IPython's method shows an interrupt and returns, wherever it came.
        """
        if len(stopped) > 1 and stopped[1] is not None and not _is_client_asked():
            # After the error there is nothing to go on with, and nothing to fail: it is shown.
            print(NO_PROMPTS, file=sys.stderr)
            return
        self._is_over = False
        super().interaction(*stopped)
        if not self._is_over:
            self.set_continue()
            raise KeyboardInterrupt

    def _cmdloop(self) -> None:
        self.allow_kbdint = True  # no interrupt prompts again
        self.cmdloop()
        self.allow_kbdint = False


def _name(frame: FrameType) -> object:
    return frame.f_globals.get("__name__")


def _is_of_user(frame: FrameType | None) -> bool:
    """Return False for what runs a cell or shows a result, and for whatever that has called."""
    while frame is not None and (name := _name(frame)) != "__main__":
        if name == DISPLAY or (name == RUNNER and frame.f_code.co_name in STATEMENTS):
            return False
        frame = frame.f_back
    return True


def _is_client_asked() -> bool:
    """Return True if the client of the running cell answers prompts."""
    request = get_ipython().host.request()
    return request is not None and bool(request.may_prompt)


# Let ``breakpoint()`` and the functions of `pdb` use ours.
for owner, name, ours in (
    (debugger, "Pdb", Debugger),
    (pdb, "Pdb", Debugger),
    (pdb, "set_trace", debugger.set_trace),
):
    patches.replace(
        owner,
        name,
        ours,
        kind=Kind.CORRECTNESS,
        reason="the client is the debugger's terminal, and an interrupt ends its prompt",
    )
