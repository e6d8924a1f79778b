"""What stands in where a system lacks a facility; and that it can be hidden on this one."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from assay._platform import CallMadePoll
from tests.limits import HANG_LIMIT_S

FORMS = """\
import os, subprocess, sys
from assay import _platform
from assay._platform._memory import huge_pages
from assay._platform._processes import process_descriptor, wait_unreaped
one, other = _platform.wakeup_descriptors()
child = subprocess.Popen(["true"])
print(
    _platform.IS_PORTABLE,
    one == other,
    isinstance(_platform.make_readiness(), _platform.CallMadePoll),
    process_descriptor(os.getpid()) is None,
    huge_pages(1) is None,
    wait_unreaped(child.pid),
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
