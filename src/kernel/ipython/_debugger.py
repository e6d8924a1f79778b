"""IPython's debugger in the place of Python's own, and interrupts at its prompt.

To import this module replaces them.
"""

from __future__ import annotations

import pdb  # noqa: T100 - to replace it
import sys
from typing import Any

from IPython.core import debugger
from IPython.core.getipython import get_ipython

from assay.kernel.process._patches import Kind, patches

__all__ = ["Debugger"]

NO_PROMPTS = "No debugger: this client does not answer prompts (allow_stdin)."


class Debugger(debugger.InterruptiblePdb):  # type: ignore[misc]  # IPython is untyped here
    """IPython's debugger; an interrupt at its prompt ends the cell.

    Spec: an interrupt raises KeyboardInterrupt in the running code (CTRL-11). Seen: Python's
    debugger takes it for the end of one command and prompts again, so that a cell could never be
    ended whose client answers no more; IPython's leaves the debugger and lets the code go on.
    Here: it is raised where the code had stopped.
    """

    _interrupted = False

    def cmdloop(self, intro: object = None) -> None:
        """Read and obey commands until one lets the code go on."""
        try:
            super().cmdloop(intro)
        except KeyboardInterrupt:
            self._interrupted = True
            raise

    def interaction(self, *stopped: Any) -> None:
        """Talk to the user about the frame and traceback where the code has stopped."""
        self._interrupted = False
        if len(stopped) > 1 and stopped[1] is not None and not _is_client_asked():
            # After the error there is nothing to go on with, and nothing to fail: it is shown.
            print(NO_PROMPTS, file=sys.stderr)
            return
        super().interaction(*stopped)
        if self._interrupted:
            raise KeyboardInterrupt


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
