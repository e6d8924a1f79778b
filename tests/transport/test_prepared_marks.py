"""What frees marked frames is made when there is time for it, and before user code runs."""

from __future__ import annotations

import subprocess
import sys

from tests.limits import HANG_LIMIT_S

CODE = """\
import threading
import zmq.utils.garbage
from assay.transport._sharing import prepare_marks

before = [t.name for t in threading.enumerate()]
prepare_marks()
made = getattr(zmq.utils.garbage.gc, "thread", None)
print(before, made is not None and made.is_alive(), flush=True)
"""

BROKEN = """\
import builtins
from assay._isolation import isolate
isolate()
import zmq.utils.garbage
from assay.transport._sharing import prepare_marks, shared

prepare_marks()
collector = zmq.utils.garbage.gc
length = builtins.len
del builtins.len
marks = [shared(b"1").tracker]
while collector.refs:
    pass
builtins.len = length
marks.append(shared(b"2").tracker)
for mark in marks:
    mark.wait()
print(collector.thread.is_alive(), flush=True)
"""


def ended(code: str) -> subprocess.CompletedProcess[str]:
    """Run *code* in a process of its own."""
    return subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_LIMIT_S,
    )


def test_marks_are_prepared_when_asked_for() -> None:
    """pyzmq's thread is there once marks are prepared, and not when frames are imported."""
    process = ended(CODE)

    assert process.stdout == "['MainThread'] True\n", process.stderr


def test_memory_is_freed_while_builtins_are_gone() -> None:
    """pyzmq's thread goes on where a program has taken away what events need: nobody waits."""
    process = ended(BROKEN)

    assert process.stdout == "True\n", process.stderr
