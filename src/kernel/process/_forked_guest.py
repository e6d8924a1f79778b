"""Forks of a program that has a guest: the child is the program's alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from weakref import WeakMethod

__all__ = ["call_in_children"]

_functions: list[WeakMethod[Callable[[], None]]] = []


def call_in_children(function: Callable[[], None]) -> Callable[[], None]:
    """Call the method *function* in each child that is forked from now on.

    What is registered with the system stays for the life of the process, so there is one function.

    Returns:
        A function that undoes this.
    """
    if not _is_registered:
        _is_registered.append(True)
        os.register_at_fork(after_in_child=_call_all)
    kept = WeakMethod(function)
    _functions.append(kept)
    return lambda: _functions.remove(kept)


_is_registered: list[bool] = []


def _call_all() -> None:
    for kept in _functions:
        if (function := kept()) is not None:
            function()
