"""Memory in huge pages, where the system has them; and how much the process has."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from assay import _platform
from assay._platform import _memory as memory_module
from assay._platform._memory import Residence, huge_pages
from tests.limits import HANG_LIMIT_S


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


FREED = """\
from assay._platform._memory import Residence, give_back_memory
residence = Residence()
before = residence.bytes()
blocks = [bytes(4_000) for _ in range(20_000)]
last = bytes(4_000)  # else what is above it goes back by itself
full = residence.bytes()
del blocks
freed = residence.bytes()
give_back_memory()
print(before, full, freed, residence.bytes())
"""


@pytest.mark.skipif(
    sys.platform != "linux" or _platform.IS_PORTABLE or os.confstr("CS_GNU_LIBC_VERSION") is None,
    reason="elsewhere nothing says how much memory there is, or gives it back",
)
def test_memory_that_is_given_back_is_seen() -> None:
    """What was freed stays the process's until it is given back."""
    done = subprocess.run(
        [sys.executable, "-c", FREED], check=True, capture_output=True, timeout=HANG_LIMIT_S
    )
    before, full, freed, given_back = (int(size) / 80e6 for size in done.stdout.split())

    assert before < full - 0.9
    assert freed > full - 0.1
    assert given_back < full - 0.9


@pytest.mark.parametrize("lack", ["system", "file", "closed"])
def test_memory_of_the_process_may_be_unknown(
    lack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it is nothing; and closing twice closes no other file."""
    if lack == "system":
        monkeypatch.setattr(memory_module, "IS_PORTABLE", True)
    elif lack == "file":
        monkeypatch.setattr(Residence, "PATH", str(tmp_path / "statm"))
    residence = Residence()
    if lack == "closed":
        residence.close()

    assert residence.bytes() == 0
    residence.close()
