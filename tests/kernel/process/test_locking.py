"""Where an interrupt would leave a lock of Python's locked."""

from __future__ import annotations

import importlib
import sys
from types import FrameType

from assay.kernel.process._interrupts import is_locking

NAME = "colorsys"
"""A small module of the standard library."""


def test_forgetting_a_module_lock_is_locking() -> None:
    """Taking the lock of a module that is imported puts an interrupt off, as does forgetting it:
    both take the lock of all imports."""
    found: dict[str, set[bool]] = {"_get_module_lock": set(), "cb": set()}

    def look(frame: FrameType, event: str, _arg: object) -> None:
        if event == "call" and frame.f_code.co_name in found:
            found[frame.f_code.co_name].add(is_locking(frame))

    sys.modules.pop(NAME, None)
    before = sys.getprofile()
    sys.setprofile(look)
    try:
        importlib.import_module(NAME)
    finally:
        sys.setprofile(before)

    assert found == {"_get_module_lock": {True}, "cb": {True}}
