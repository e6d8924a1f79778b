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


def test_marks_are_prepared_when_asked_for() -> None:
    """pyzmq's thread is there once marks are prepared, and not when frames are imported."""
    ended = subprocess.run(
        [sys.executable, "-P", "-c", CODE],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_LIMIT_S,
    )

    assert ended.stdout == "['MainThread'] True\n", ended.stderr
