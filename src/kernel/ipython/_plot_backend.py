"""matplotlib's backend, where another one cannot be had."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

__all__ = ["backend_kept_on_failure"]


@contextmanager
def backend_kept_on_failure() -> Iterator[None]:
    """Go back to the backend there was, if choosing another inside fails.

    Seen: IPython names the backend in matplotlib's settings before it is loaded, and loads it
    before the GUI is switched on. So one that cannot be had was that of the next plot.
    """
    matplotlib: Any = import_module("matplotlib")
    # Not by the settings' own methods: they load what the name "auto" stands for.
    before = dict.__getitem__(matplotlib.rcParams, "backend")
    was_interactive = matplotlib.is_interactive()
    try:
        yield
    except BaseException:
        matplotlib.interactive(was_interactive)
        dict.__setitem__(matplotlib.rcParams, "backend", before)
        pyplot: Any = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None and isinstance(before, str):
            with suppress(ImportError):  # the one before could not be had either
                pyplot.switch_backend(before)
        raise
