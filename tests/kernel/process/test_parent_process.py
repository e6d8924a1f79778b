"""Watching the process that started the kernel, where the system has no descriptors for it."""

from __future__ import annotations

import os
import subprocess
import threading
from typing import NoReturn, cast

import pytest

from assay.kernel.process import _parent_process
from assay.transport import IoThread
from tests.kernel._kernels import HANG_LIMIT_S

UNUSED = cast("IoThread", None)
"""Watches the descriptors that there are none of."""


def forbidden(_: int) -> NoReturn:
    """Refuse, as a sandbox does."""
    raise PermissionError


@pytest.mark.parametrize("has_descriptors", [False, True])
def test_end_is_noticed_by_asking(monkeypatch: pytest.MonkeyPatch, has_descriptors: bool) -> None:
    """Without descriptors of processes, or where they are forbidden, the parent is asked after."""
    if has_descriptors:
        monkeypatch.setattr(os, "pidfd_open", forbidden)
    else:
        monkeypatch.setattr(_parent_process, "process_descriptor", lambda _: None)
    monkeypatch.setattr(_parent_process, "POLL_S", 0.001)
    gone = threading.Event()
    parent = subprocess.Popen(["sleep", "600"])
    _parent_process.watch_parent(parent.pid, UNUSED, gone.set)
    before = gone.is_set()
    parent.kill()
    parent.wait()

    assert gone.wait(HANG_LIMIT_S)
    assert not before
