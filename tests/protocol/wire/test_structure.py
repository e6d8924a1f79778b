"""Contents are read in several threads at once."""

from __future__ import annotations

import subprocess
import sys

from tests.limits import HANG_LIMIT_S

PROGRAM = """
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from enum import Enum

import attrs

from assay.protocol.wire._structure import structure

THREADS, ROUNDS, FIELDS = 4, 30, range(8)


def new_class():
    kind = Enum("kind", {f"v{n}": f"w{n}" for n in FIELDS})
    inner = attrs.make_class("Inner", {f"f{n}": attrs.field(type=kind) for n in FIELDS[1:2]})
    return attrs.make_class("Outer", {f"f{n}": attrs.field(type=dict[str, inner]) for n in FIELDS})


def read(cls):
    gate.wait()
    return structure(cls, {f"f{n}": {"a": {"f1": "w2"}} for n in FIELDS})


sys.setswitchinterval(1e-6)
gate = threading.Barrier(THREADS)
with ThreadPoolExecutor(THREADS) as pool:
    for _ in range(ROUNDS):
        for made in pool.map(read, [new_class()] * THREADS):
            assert made.f3["a"].f1.value == "w2"
"""


def test_threads_may_read_a_class_for_its_first_time_at_once() -> None:
    """In the codec's reader two threads at a class that it does not know end the process."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], check=False, capture_output=True, timeout=HANG_LIMIT_S
    )
    assert (done.returncode, done.stderr) == (0, b"")
