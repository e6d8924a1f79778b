"""Which threads are in the middle of a call of `print`.

`print` writes each of its arguments by itself, and a thread that shares the processor with others
may be long about the end of the line. Nothing says so that `write` could see, and to look at each
text would cost more than to write it. So the thread is looked at, by the I/O thread, where a line
has been waited for longer than usual: at the call that its newest frame stands at.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from opcode import opmap
from types import CodeType, FrameType

__all__ = ["is_within_print"]

OURS = os.path.dirname(os.path.dirname(os.path.dirname(__file__))) + os.sep  # noqa: PTH120 - text
"""The folder of the package: what `print` calls is in it."""

NAME = "print"

RUNNERS = {"Thread.run": "_target", "_WorkItem.run": "fn"}
"""What calls a function that it was given, in a thread, and which attribute of it that is."""

LOADS = {opmap["LOAD_NAME"]: 0, opmap["LOAD_GLOBAL"]: 1}
"""What puts a function on the stack, and by how many bits its argument is more than the number of a
name."""

NOWHERE = None, None, None, None

EXTENDED_ARG = opmap["EXTENDED_ARG"]


def is_within_print(thread: int) -> bool:
    """Return True while *thread* is within a call of `print`, and not in code that this calls.

    False as well where it is called by another name, or by C code. No code of the program's is run
    to find that.
    """
    frame: FrameType | None = sys._current_frames().get(thread)
    while frame is not None and frame.f_code.co_filename.startswith(OURS):
        frame = frame.f_back
    if frame is None:
        return False
    if (attribute := RUNNERS.get(frame.f_code.co_qualname)) is not None:
        return _attribute(frame.f_locals.get("self"), attribute) is print
    return NEWEST.is_print(frame.f_code, frame.f_lasti)


def _attribute(owner: object, name: str) -> object:
    try:
        return object.__getattribute__(owner, "__dict__").get(name)
    except AttributeError:  # another class that is called so
        return None


class _Newest:
    """The answer for one place in the code, since the same is asked about again and again.

    Found by identity: a code object is equal to another by its constants, whose methods may be the
    program's own.
    """

    def __init__(self) -> None:
        self._found: tuple[CodeType, int, bool] | None = None
        """One value, taken once: several kernels in a process ask."""

    def is_print(self, code: CodeType, instruction: int) -> bool:
        """Return True if the expression that *instruction* belongs to begins with the name."""
        found = self._found
        if found is None or found[0] is not code or found[1] != instruction:
            found = self._found = code, instruction, _is_print(code, instruction)
        return found[2]


NEWEST = _Newest()


def _is_print(code: CodeType, instruction: int) -> bool:
    if NAME not in code.co_names:
        return False
    positions = [*code.co_positions()]
    call_at = positions[instruction // 2] if 0 <= instruction < 2 * len(positions) else NOWHERE
    line, _, column, _ = call_at
    if line is None or column is None:
        return False
    name_at = line, line, column, column + len(NAME)
    return (name_at, NAME) in zip(positions, _names(code), strict=False)


def _names(code: CodeType) -> Iterator[str]:
    """Return the name that each instruction of *code* loads; empty for one that loads none."""
    more = 0
    for operation, low in zip(*[iter(code.co_code)] * 2, strict=True):
        argument = more << 8 | low
        more = argument if operation == EXTENDED_ARG else 0
        shift = LOADS.get(operation)
        yield code.co_names[argument >> shift] if shift is not None else ""
