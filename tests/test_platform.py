"""What stands in where a system lacks a facility; and that it can be hidden on this one."""

from __future__ import annotations

import ctypes
import os
import re
import select
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from assay import _platform
from assay._platform import (
    CallMadePoll,
    huge_pages,
    lowest_served_port,
    process_descriptor,
    process_environment,
    process_name,
    progress_of,
)
from tests.limits import HANG_LIMIT_S

FORMS = """\
import os, subprocess, sys
from assay import _platform
one, other = _platform.wakeup_descriptors()
child = subprocess.Popen(["true"])
print(
    _platform.IS_PORTABLE,
    one == other,
    isinstance(_platform.make_readiness(), _platform.CallMadePoll),
    _platform.process_descriptor(os.getpid()) is None,
    _platform.huge_pages(1) is None,
    _platform.wait_unreaped(child.pid),
)
child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="another system has no first forms to hide")
@pytest.mark.parametrize(
    ("setting", "forms"),
    [
        ("1", "True False True True True False"),
        ("", "False True False False False True"),
        ("0", "False True False False False True"),
        ("yes", "False True False False False True"),
    ],
)
def test_what_only_linux_has_can_be_hidden(setting: str, forms: str) -> None:
    """The environment hides the first forms, if it says so in exactly one way."""
    done = subprocess.run(
        [sys.executable, "-c", FORMS],
        env=os.environ | {"ASSAY_TEST_PORTABLE": setting},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == forms


def test_poll_that_is_made_for_each_call() -> None:
    """It finds what is ready, and nothing after its end."""
    read, write = os.pipe()
    asked = CallMadePoll()
    asked.register(read, select.POLLIN)
    before = asked.poll(0)
    os.write(write, b".")
    after = asked.poll(HANG_LIMIT_S)
    asked.close()

    assert before == []
    assert after == [(read, select.POLLIN)]
    assert asked.closed
    assert asked.poll(0) == []
    os.close(read)
    os.close(write)


@pytest.mark.skipif(huge_pages(1) is None, reason="this system has none to give")
def test_huge_pages() -> None:
    """The memory is all there, can be written to, and asks for huge pages."""
    memory = huge_pages(3_000_001)
    assert memory is not None
    memory[:] = bytes(3_000_000) + b"x"

    assert (memory.nbytes, memory[0], memory[-1]) == (3_000_001, 0, ord("x"))
    assert "hg" in flags_of(ctypes.addressof(ctypes.c_char.from_buffer(memory)))


def flags_of(address: int) -> list[str]:
    """Return what Linux notes for the mapping that *address* lies in."""
    inside = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if bounds := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            inside = int(bounds[1], 16) <= address < int(bounds[2], 16)
        elif inside and line.startswith("VmFlags:"):
            return line.split()[1:]
    return []


def test_descriptor_of_a_process() -> None:
    """Where there are such descriptors, one is readable when its process has ended."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        descriptor = process_descriptor(process.pid)
        if descriptor is None:
            pytest.skip("this system has none")
        assert select.select([descriptor], [], [], 0)[0] == []
        assert process.stdin is not None
        process.stdin.close()

        assert select.select([descriptor], [], [], HANG_LIMIT_S)[0] == [descriptor]
        os.close(descriptor)


@pytest.mark.skipif(_platform.IS_PORTABLE or sys.platform != "linux", reason="only Linux says it")
def test_what_a_process_is() -> None:
    """Its name and first environment are known, and nothing of one that is not there."""
    pipe, environment = subprocess.PIPE, {"A": "1", "B": "="}
    with subprocess.Popen(["cat"], stdin=pipe, stdout=pipe, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"x\n")
        process.stdin.flush()
        process.stdout.readline()  # it has begun: before that, Linux may still say nothing
        assert process_environment(process.pid) == [b"A=1", b"B=="]
        assert process_name(process.pid) == "cat"
        process.communicate()

    assert process_environment(process.pid) is None
    assert process_name(process.pid) == ""


def test_what_a_peer_has_not_taken_is_seen() -> None:
    """The bytes that wait for a peer that reads nothing are counted."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as ours,
        server.accept()[0],
    ):
        ours.setblocking(False)
        sent = 0
        with suppress(BlockingIOError):
            while True:
                sent += ours.send(bytes(1 << 16))
        taken, pending = progress_of(ours)

    assert 0 < pending <= sent
    assert 0 <= taken <= sent


@pytest.mark.parametrize(
    ("text", "lowest"), [("40000\t60999\n", 40_000), ("", 32_768), ("x", 32_768)]
)
def test_ports_that_the_system_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, lowest: int
) -> None:
    """They begin where the system says, and else where Linux's do by default."""
    path = tmp_path / "range"
    path.write_text(text)
    monkeypatch.setattr(_platform, "LOCAL_PORT_RANGE", str(path))
    monkeypatch.setattr(_platform, "IS_PORTABLE", False)
    asked = lowest_served_port()
    monkeypatch.setattr(_platform, "IS_PORTABLE", True)

    assert asked == lowest
    assert lowest_served_port() == 32_768


ON_WINDOWS = """\
import sys
from assay import _platform
_platform.SYSTEM = "win32"
{code}
"""


def on_windows(code: str) -> subprocess.CompletedProcess[str]:
    """Run *code* where the system calls itself Windows."""
    return subprocess.run(
        [sys.executable, "-c", ON_WINDOWS.format(code=code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_LIMIT_S,
    )


@pytest.mark.parametrize(
    "words", [["kernel", "-f", "kernel.json"], ["install", "--prefix", "."]], ids=lambda w: w[0]
)
def test_windows_is_told_what_the_kernel_lacks(tmp_path: Path, words: list[str]) -> None:
    """It neither starts there nor can be installed; one sentence says why."""
    ended = on_windows(
        f"import os; os.chdir({str(tmp_path)!r})\n"
        f"from assay.__main__ import main\nsys.exit(main({words!r}))"
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert "found Windows" in ended.stderr
    assert "docs/platforms.md" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_kernel_package_says_so_too() -> None:
    """A kernel for another language, which imports the package, gets the same sentence."""
    ended = on_windows(
        "try: import assay.kernel\n"
        "except ImportError as error: print('found Windows' in str(error))"
    )

    assert ended.stdout == "True\n", ended.stderr


WITHOUT_POSIX = """\
import importlib, os, select, selectors, signal, socket, subprocess, sys, tempfile
import attrs, cattrs.preconf.json, click, hypothesis, jupyter_core.paths, msgspec, nbformat, zmq
import rich.console, rich.table
for name in ("fcntl", "termios", "resource", "pwd", "grp", "tty", "pty", "syslog", "readline"):
    sys.modules[name] = None
for module, names in {
    os: "eventfd fork forkpty getpgrp getppid killpg mkfifo openpty pidfd_open register_at_fork "
    "set_blocking setsid waitid",
    select: "epoll poll PIPE_BUF",
    signal: "SIGALRM SIGBUS SIGCHLD SIGHUP SIGKILL SIGPIPE SIGSTOP SIGURG SIGUSR1 SIG_BLOCK "
    "SIG_UNBLOCK pthread_kill pthread_sigmask set_wakeup_fd",
    socket: "AF_UNIX",
}.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
sys.platform = "win32"
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    for public in module.__all__:
        getattr(module, public)
    print(name)
"""


def test_what_runs_on_windows_needs_nothing_of_posix() -> None:
    """All but the kernel can be imported, each public name of it, without what Windows lacks."""
    names = ["protocol", "transport", "testing", "spec", "conformance", "commands", "__main__"]
    packages = [f"assay.{name}" for name in names]
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_POSIX, *packages],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_LIMIT_S,
    )

    assert ended.stdout.split() == packages, ended.stderr
