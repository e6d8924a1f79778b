"""Whether a process of the kernel's may live beside the kernel, and be noticed by no program."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from assay._platform._processes import process_descriptor

__all__ = ["why_none_beside"]

PR_GET_CHILD_SUBREAPER = 37


def why_none_beside() -> str | None:
    """Return why another Python must not be started in the background; None if it may be."""
    if getattr(sys, "frozen", False) or not _program().startswith("python"):
        return f"wanted the path of Python, found {sys.executable!r}"
    if signal.getsignal(signal.SIGCHLD) not in {signal.SIG_DFL, signal.SIG_IGN}:
        return "start-up code handles SIGCHLD, and would see a child that is not its own"
    if (descriptor := process_descriptor(os.getpid())) is None:
        return "the system has no descriptors of processes, by which the other would see the end"
    os.close(descriptor)
    if os.getpid() == 1 or _reaps_orphans():
        return "the system would make the other process a child of this one"
    if os.getppid() == 1:
        return "process 1 has started this one, and may be a server that reaps no orphans"
    return None


def _program() -> str:
    return os.path.basename(sys.executable or "")  # noqa: PTH119 - pathlib is no part of the start


def _reaps_orphans() -> bool:
    """Return True if the process has asked to be the parent of processes that lose theirs."""
    answer = ctypes.c_int()
    ctypes.CDLL(None).prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(answer), 0, 0, 0)
    return bool(answer.value)
