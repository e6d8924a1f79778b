"""Commands of the system's shell: an interrupt that ends one ends the cell as well.

Seen: IPython ends the command, swallows the interrupt and goes on with the next line of the cell,
which may be the next command (ipython#514). Here: KeyboardInterrupt is raised behind the command
(CTRL-11).

Nor is a magic lost whose module an interrupt keeps from being imported: IPython notes that it has
looked for it, and takes that back after an error only. What a class of magics had until it was
interrupted would be the next class's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from IPython.core import interactiveshell, magic
from IPython.core.getipython import get_ipython

from assay.kernel.process._import_hooks import after_import
from assay.kernel.process._patches import Kind, patches

__all__ = ["let_interrupts_end_cells"]

P = ParamSpec("P")
T = TypeVar("T")

COMMANDS = ("system", "getoutput", "get_output_error_code")
"""What runs ``!command`` and ``name = !command``."""

SCRIPTS = "IPython.core.magics.script"
"""Where ``%%bash`` and its like are; IPython imports it for the first magic."""


def let_interrupts_end_cells() -> None:
    """Raise each interrupt that one of the `COMMANDS`, or a script, has swallowed."""

    def replace(owner: object, name: str) -> None:
        patches.patch(
            owner,
            name,
            _raising,
            kind=Kind.CORRECTNESS,
            reason="an interrupt of a command ends its cell, and not only the command",
        )

    for name in COMMANDS:
        replace(interactiveshell, name)
    replace(interactiveshell.InteractiveShell, "system_raw")
    after_import(SCRIPTS, lambda: replace(sys.modules[SCRIPTS].ScriptMagics, "shebang"))
    # A name that IPython does not document; an older one has no such magics.
    patches.patch(
        magic.MagicsManager,
        "load_lazy",
        _forgetting,
        kind=Kind.CORRECTNESS,
        reason="an interrupt of a magic's first use does not take the magic away",
    )


def _raising(run: Callable[P, T]) -> Callable[P, T]:
    # Without the host in it: sessions that are pickled hold all that IPython's module does.
    @wraps(run)
    def run_and_raise(*args: P.args, **kwargs: P.kwargs) -> T:
        host = get_ipython().host
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


def _forgetting(load: Callable[..., None]) -> Callable[..., None]:
    @wraps(load)
    def load_lazy(self: Any, *args: Any, **kwargs: Any) -> None:
        before = {*self._loaded_lazy}
        try:
            load(self, *args, **kwargs)
        except BaseException:
            self._loaded_lazy.intersection_update(before)
            for of_kind in magic.magics.values():  # those of a class that was not made to its end
                of_kind.clear()
            raise

    return load_lazy
