"""A client is told what is risky about a connection that it was given, as the kernel tells it."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from assay.conformance import Target
from assay.kernel._command_line import parse
from assay.kernel._connection import open_connection
from assay.protocol import ConnectionFile
from assay.transport import Client, _risks, free_ports, get_logger
from tests.limits import HANG_LIMIT_S

PROGRAM = """
import sys
from assay.protocol import ConnectionFile
from assay.transport import Client

for _ in range(3):
    with Client(ConnectionFile.read(sys.argv[1])):
        pass
"""

RISKY = [
    pytest.param({"key": ""}, 0o600, 1, id="empty key"),
    pytest.param({"key": "\t "}, 0o600, 1, id="blank key"),
    pytest.param({"ip": "0.0.0.0"}, 0o600, 1, id="all addresses"),
    pytest.param({}, 0o644, 1, id="all may read"),
    pytest.param({}, 0o620, 1, id="group may write"),
    pytest.param({"key": "", "ip": "*"}, 0o604, 3, id="all of it"),
    pytest.param({}, 0o600, 0, id="nothing"),
    pytest.param({}, 0o400, 0, id="nothing, read only"),
]


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what other tests of this process were told, and how often."""
    monkeypatch.setattr(_risks, "_told", set())
    monkeypatch.setattr(_risks, "logger", get_logger("assay.transport"))


def write(path: Path, fields: dict[str, str], mode: int) -> Path:
    """Write a connection file with free ports, these fields and this mode; return its path."""
    free_ports(ConnectionFile.from_fields({"key": "k", **fields})).write(path)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(("fields", "mode", "count"), RISKY)
def test_client_says_what_the_kernel_says(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    fields: dict[str, str],
    mode: int,
    count: int,
) -> None:
    """Each risk is one warning in the kernel's words, however many clients there are (CONN-21)."""
    path = write(tmp_path / "k.json", fields, mode)
    opened = open_connection(parse(["-f", str(path)]))

    for _ in range(2):
        with Client(ConnectionFile.read(path)):
            pass

    assert len(caplog.messages) == count
    assert all(record.levelno == logging.WARNING for record in caplog.records)
    said = [message.partition(": ")[2] for message in caplog.messages]
    assert said == list(opened.warnings)


def test_program_without_logging_is_told_on_stderr(tmp_path: Path) -> None:
    """Three clients, one line on stderr, and no exception even where warnings are errors."""
    path = write(tmp_path / "k.json", {}, 0o644)

    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_LIMIT_S,
    )

    assert (ended.returncode, ended.stdout) == (0, "")
    (line,) = ended.stderr.splitlines()
    assert f"{path}: others may read or write it (mode 0644)" in line


def test_a_kernel_to_check_is_a_connection_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """``--existing FILE`` tells it before the first question, and no client tells it again."""
    path = write(tmp_path / "k.json", {"key": ""}, 0o644)

    target = Target.running(path)
    told = list(caplog.messages)
    assert target.existing is not None
    with Client(target.existing):
        pass

    assert len(told) == 2
    assert caplog.messages == told


def test_two_kernels_are_told_apart(caplog: pytest.LogCaptureFixture) -> None:
    """What was said of one kernel is said of the next as well."""
    for connection in (free_ports(ConnectionFile(key="")) for _ in range(2)):
        with Client(connection):
            pass

    assert len(set(caplog.messages)) == 2


def test_a_changed_copy_is_of_no_file(tmp_path: Path) -> None:
    """The mode belongs to what was read: neither equality, text, JSON nor a copy has it."""
    path = write(tmp_path / "k.json", {}, 0o644)
    loose = ConnectionFile.read(path)
    path.chmod(0o600)
    tight = ConnectionFile.read(path)

    assert loose == tight
    assert repr(loose) == repr(tight)
    assert loose.to_json() == tight.to_json()
    assert len(loose.risks) == 1
    assert loose.with_ports({}).risks == tight.risks == ()
