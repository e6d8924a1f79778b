"""Memory in huge pages, where the system has them."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import pytest

from assay._platform._memory import huge_pages


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
