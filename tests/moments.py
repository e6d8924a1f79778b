"""Something at every moment at which a signal could strike."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

__all__ = ["struck"]


def _nothing() -> None:
    """Do nothing."""


def struck(
    function: Callable[[], object],
    place: int,
    strike: Callable[[], object],
    *,
    before_c: Callable[[], object] = _nothing,
) -> bool:
    """Call *function*, and *strike* at its *place*-th chance; return True if it has fewer.

    Python looks for signals where a function begins and where one that is written in C has ended.
    Garbage is not collected meanwhile: it would come at any moment, and swallow what is raised in
    the functions that are called then.

    Args:
        function: What is to be struck; what it raises is raised.
        place: 0 for the first chance.
        strike: Called there; what it raises, *function* raises.
        before_c: Called before each function that is written in C.
    """
    left = place + 1

    def watch(_frame: object, event: str, _argument: object) -> None:
        nonlocal left
        left -= event in {"call", "c_return"}
        if not left:
            sys.setprofile(None)
            strike()
        elif event == "c_call":
            sys.setprofile(None)
            before_c()
            sys.setprofile(watch)

    collects = gc.isenabled()
    gc.disable()
    sys.setprofile(watch)
    try:
        function()
    finally:
        sys.setprofile(None)
        if collects:
            gc.enable()
    return left > 0
