"""Forget what tracebacks of old cells have parsed.

For each frame of a traceback `executing` parses the whole file, or the cell, and keeps the tree for
good. A cell that fails in a loop has another name each time, so that each would keep some
kilobytes. The caches are private to the package: where they are gone, nothing is forgotten, and a
test fails.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["forget_old_sources"]

CACHES = ("__source_cache_with_lines", "__executing_cache")
"""Attributes: parsed files, and places in code, each of which holds its file."""

REMEMBERING = ("statements_at_line", "statement_containing_node")
"""Functions with a cache of `functools`, which keeps the files or trees that they were asked of."""

KEPT = 32
"""How much of each is kept: tracebacks that are made next to each other need mostly the same."""


def forget_old_sources() -> None:
    """Keep what was parsed last; call it behind a traceback."""
    source: Any = getattr(sys.modules.get("stack_data"), "Source", None)
    for owner in (*getattr(source, "__mro__", ()), sys.modules.get("executing.executing")):
        known = vars(owner) if owner is not None else {}
        for cache in filter(None, map(known.get, CACHES)):
            for key in [*cache][:-KEPT]:
                cache.pop(key, None)  # another thread may do the same
        for function in filter(None, map(known.get, REMEMBERING)):
            if hasattr(function, "cache_info") and function.cache_info().currsize > KEPT:
                function.cache_clear()
