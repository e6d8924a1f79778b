"""What stands in where a system lacks a facility; and that it can be hidden on this one."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from assay import _platform
from assay._platform import CallMadePoll, lowest_served_port, process_descriptor, progress_of
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
    _platform.wait_unreaped(child.pid),
)
child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="another system has no first forms to hide")
@pytest.mark.parametrize(
    ("setting", "forms"),
    [
        ("1", "True False True True False"),
        ("", "False True False False True"),
        ("0", "False True False False True"),
        ("yes", "False True False False True"),
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
