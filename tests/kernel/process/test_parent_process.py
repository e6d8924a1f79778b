"""Watching the process that started the kernel, where the system has no descriptors for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import NoReturn, cast

import pytest

from assay.kernel.process import _parent_process
from assay.transport import IoThread
from tests.ends import watched_end
from tests.kernel._kernels import HANG_LIMIT_S, argv

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


LAUNCHER = """\
import os, subprocess, sys
os.environ["JPY_PARENT_PID"] = str(os.getpid())
end = os.open(sys.argv[1], os.O_WRONLY)
quiet = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)
child = subprocess.Popen(sys.argv[2:], **quiet, start_new_session=True, pass_fds=[end]).pid
print(child, flush=True)
# Until the kernel has begun, and not until it looks: it imports most of what it needs in between.
while True:
    with open(f"/proc/{child}/maps") as maps:
        if "msgspec" in maps.read():
            os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="what a process has loaded is read from Linux")
def test_launcher_dies_before_the_kernel_looks(tmp_path: Path) -> None:
    """A launcher that was the parent when the process began, and is gone when the kernel looks,
    ends it: its number is nobody's, as that of an inherited environment may be."""
    words = [str(tmp_path / "k.json") if word == "{connection_file}" else word for word in argv()]
    environment = {**os.environ, "IPYTHONDIR": str(tmp_path)}
    with watched_end(tmp_path) as end:
        launched = subprocess.run(
            [sys.executable, "-c", LAUNCHER, str(end.path), *words],
            stdout=subprocess.PIPE,
            check=True,
            env=environment,
            timeout=HANG_LIMIT_S,
        )
        try:
            end.wait()
        except AssertionError:
            os.kill(int(launched.stdout), signal.SIGKILL)
            raise


def test_parent_that_is_gone_has_ended() -> None:
    """That a process was the parent is known of it, not looked up by its number."""
    gone = threading.Event()
    _parent_process.watch_parent(os.getpid(), UNUSED, gone.set, is_parent=True)

    assert gone.is_set()
