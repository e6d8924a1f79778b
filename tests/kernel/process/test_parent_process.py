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

from assay._platform._processes import process_name
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


EARLY = """\
import os, subprocess, sys
environment = os.environ | {"JPY_PARENT_PID": str(os.getpid())}
end = os.open(sys.argv[1], os.O_WRONLY)
command = ["sh", "-c", 'read go && exec "$@"', "sh", *sys.argv[2:]]
quiet = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)
child = subprocess.Popen(command, **quiet, env=environment, start_new_session=True, pass_fds=[end])
print(child.pid, flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="whose child a process is is read from Linux")
def test_launcher_dies_before_the_kernel_begins(tmp_path: Path) -> None:
    """A launcher that is gone before the kernel's first step ends it as well."""
    words = [str(tmp_path / "k.json") if word == "{connection_file}" else word for word in argv()]
    with (
        watched_end(tmp_path) as end,
        subprocess.Popen(
            [sys.executable, "-c", EARLY, str(end.path), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "IPYTHONDIR": str(tmp_path)},
        ) as launcher,
    ):
        assert launcher.stdout is not None
        assert launcher.stdin is not None
        child = int(launcher.stdout.readline())
        launcher.wait(HANG_LIMIT_S)
        try:
            adopter = int(Path(f"/proc/{child}/stat").read_bytes().rpartition(b")")[2].split()[1])
            if adopter != 1 and process_name(adopter) != "systemd":
                pytest.skip("another process adopts orphans here")
            launcher.stdin.write(b"go\n")
            launcher.stdin.flush()
            end.wait()
        except BaseException:
            os.kill(child, signal.SIGKILL)
            raise


@pytest.mark.parametrize(
    ("parent", "name", "environment", "ends"),
    [
        (1, "init", [b"HOME=/"], True),
        (1, "own", [], True),
        (1, "init", None, True),  # another user's
        (1, "systemd", None, True),
        (1, "tini", None, False),
        (1, "", None, True),  # on a system that tells nothing of it
        (1, "tini", [b"HOME=/", b"JPY_PARENT_PID=%d"], False),
        (1, "tini", [b"JPY_PARENT_PID=%d1"], True),
        (700, "systemd", [b"HOME=/"], True),
        (700, "bash", [b"HOME=/"], False),
        (0, "", [], False),
    ],
)
def test_number_of_nobody(
    monkeypatch: pytest.MonkeyPatch,
    parent: int,
    name: str,
    environment: list[bytes] | None,
    ends: bool,
) -> None:
    """The number of no process is that of a launcher which is gone, if this process was adopted;
    not if the adopter has it in its own environment, as a container's first process, nor if the
    parent is another process."""
    with subprocess.Popen(["true"]) as process:
        nobody = process.pid
    filled = environment and [one % nobody if b"%" in one else one for one in environment]
    monkeypatch.setattr(os, "getppid", lambda: parent)
    monkeypatch.setattr(_parent_process, "process_name", lambda _: name)
    monkeypatch.setattr(_parent_process, "process_environment", lambda _: filled)
    gone = threading.Event()
    _parent_process.watch_parent(nobody, UNUSED, gone.set)

    assert gone.is_set() is ends
