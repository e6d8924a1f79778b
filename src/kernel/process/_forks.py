"""What objects of the kernel do in each child that is forked: it is the program's alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from weakref import WeakMethod

__all__ = ["call_in_children"]

_functions: list[WeakMethod[Callable[[], None]]] = []


def call_in_children(function: Callable[[], None]) -> Callable[[], None]:
    """Call the method *function* in each child that is forked from now on, while its object lives.

    What is registered with the system stays for the life of the process, so there is one function.

    Returns:
        A function that undoes this; to call it again does nothing.
    """
    if not _is_registered:
        _is_registered.append(True)
        os.register_at_fork(after_in_child=_call_all)
    kept = WeakMethod(function, _forget)
    _functions.append(kept)
    return lambda: _forget(kept)


_is_registered: list[bool] = []


def _forget(kept: WeakMethod[Callable[[], None]]) -> None:
    with suppress(ValueError):  # undone before
        _functions.remove(kept)


def _call_all() -> None:
    for kept in [*_functions]:
        if (function := kept()) is not None:
            function()
