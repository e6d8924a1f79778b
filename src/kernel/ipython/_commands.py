"""Commands of the system's shell: an interrupt that ends one ends the cell as well.

Seen: IPython ends the command, swallows the interrupt and goes on with the next line of the cell,
which may be the next command (ipython#514). Here: KeyboardInterrupt is raised behind the command
(CTRL-11).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from IPython.core import interactiveshell
from IPython.core.magics.script import ScriptMagics

from assay.kernel._interpreter import Host
from assay.kernel.process._patches import Kind, patches

__all__ = ["let_interrupts_end_cells"]

P = ParamSpec("P")
T = TypeVar("T")

COMMANDS = (
    (interactiveshell, "system"),
    (interactiveshell, "getoutput"),
    (interactiveshell, "get_output_error_code"),
    (ScriptMagics, "shebang"),
)
"""What runs ``!command``, ``name = !command`` and ``%%bash``."""


def let_interrupts_end_cells(host: Host) -> None:
    """Raise each interrupt that one of the `COMMANDS` has swallowed."""
    for owner, name in COMMANDS:
        patches.patch(
            owner,
            name,
            lambda run: _raising(host, run),
            kind=Kind.CORRECTNESS,
            reason="an interrupt of a command ends its cell, and not only the command",
        )


def _raising(host: Host, run: Callable[P, T]) -> Callable[P, T]:
    @wraps(run)
    def run_and_raise(*args: P.args, **kwargs: P.kwargs) -> T:
        before = host.interrupt_count()
        try:
            returned = run(*args, **kwargs)
        except Exception:
            # IPython cleans up what an interrupt has kept it from making.
            if host.interrupt_count() != before:
                raise KeyboardInterrupt from None
            raise
        if host.interrupt_count() != before:
            raise KeyboardInterrupt
        return returned

    return run_and_raise
