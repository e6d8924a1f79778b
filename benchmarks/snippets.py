"""The cells that are run, and what each must publish.

The floors read the same table, so that they send what a kernel has to, without running anything.
Cells that print end with an expression, because one kernel loses the output of those that do not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MEGABYTE: Final = 1 << 20
LINE_WIDTH: Final = 24
"""Characters of a printed line, with its newline."""

PASS: Final = "pass"
RESULT: Final = "1+1"
SPIN: Final = "while True: pass"
FIRST_LINE_TEXT: Final = "the first line\n"
PREPARE_DISPLAY: Final = "from IPython.display import display"
PREPARE_NAMES: Final = "import collections, json, os, sys"

PREPARE_COMM: Final = """
import comm
def benchmark_echo(channel, opening):
    def back(message):
        channel.send(message["content"]["data"], buffers=message.get("buffers"))
    channel.on_msg(back)
comm.get_comm_manager().register_target("benchmark_echo", benchmark_echo)
"""


@dataclass(frozen=True, kw_only=True)
class Output:
    """A cell and the text on stdout that it must give."""

    code: str
    text: Callable[[], str]


def lines(count: int) -> Output:
    """Return a cell that prints *count* lines, one call each."""
    width = LINE_WIDTH - 1
    return Output(
        code=f"for number in range({count}):\n    print(f'{{number:0{width}}}')\nNone",
        text=lambda: "".join(f"{number:0{width}}\n" for number in range(count)),
    )


def writes(megabytes: int) -> Output:
    """Return a cell that writes *megabytes*, one megabyte a call."""
    code = f"""
import sys
block = ("x" * 1023 + "\\n") * 1024
for number in range({megabytes}):
    sys.stdout.write(block)
del block
None
"""
    return Output(code=code, text=lambda: ("x" * 1023 + "\n") * 1024 * megabytes)


def displays(count: int) -> str:
    """Return a cell that displays *count* numbers."""
    return f"for number in range({count}):\n    display(number)\nNone"


def running(seconds: float) -> str:
    """Return a cell that prints a line and then computes for *seconds*."""
    return f"""
import time
end = time.perf_counter() + {seconds}
print({FIRST_LINE_TEXT[:-1]!r})
while time.perf_counter() < end:
    pass
None
"""
