"""Which thread is the main one, whatever a program makes of `threading`.

gevent replaces the functions of that module: a thread's number becomes a greenlet's, which the
system does not know, and a lock that is made afterwards belongs to gevent's loop. So whatever the
kernel's threads need of it is bound by name when the kernel starts.
"""

from __future__ import annotations

import os
from threading import get_ident, main_thread

__all__ = ["is_main_thread", "main_thread_ident"]

_ident = [main_thread().ident or 0]


def main_thread_ident() -> int:
    """Return the identifier of the main thread (`threading.get_ident`)."""
    return _ident[0]


def is_main_thread() -> bool:
    """Return True in the main thread, in whichever greenlet."""
    return get_ident() == _ident[0]


def _renew() -> None:
    _ident[0] = get_ident()


# In a child, the thread that forked is the main one.
os.register_at_fork(after_in_child=_renew)
