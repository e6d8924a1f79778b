"""Signals whose stacks are recorded, and the program's own handlers of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.limits import HANG_LIMIT_S

FORK = """
import os, signal, sys, tempfile
from assay.kernel.process._recorded_signals import forget_signals, record_signals

file = tempfile.TemporaryFile()
record_signals(file.fileno())
signal.signal(signal.SIGALRM, eval(sys.argv[1]))
if not (child := os.fork()):
    forget_signals()
    signal.raise_signal(signal.SIGALRM)
    os._exit(0)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
file.seek(0)
print(status, file.read())
"""


@pytest.mark.parametrize(
    ("handler", "status"),
    [("lambda *_: None", "0"), ("signal.SIG_IGN", "0"), ("signal.SIG_DFL", "-14")],
)
def test_forked_child_keeps_the_handler_of_the_program(handler: str, status: str) -> None:
    """A worker that is forked handles its alarms as the program has said, and records none."""
    done = subprocess.run(
        [sys.executable, "-c", FORK, handler],
        capture_output=True,
        text=True,
        timeout=HANG_LIMIT_S,
        check=True,
    )

    assert done.stdout == f"{status} b''\n"
