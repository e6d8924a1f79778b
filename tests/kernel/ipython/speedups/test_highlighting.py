"""Tracebacks that are highlighted the short way look the same."""

from __future__ import annotations

import subprocess
import sys

import pytest

SHOW = """
import sys
import stack_data.core
sys.setrecursionlimit(250)  # a thousand frames look no different, and take seconds
from IPython.core.interactiveshell import InteractiveShell
from pygments.formatters.terminal256 import Terminal256Formatter
shell = InteractiveShell.instance()
shell.colors = {colors!r}
shown = []
shell._showtraceback = lambda kind, value, lines: shown.append("\\n".join(lines))
def show():
    shown.clear()
    for cell in CELLS:
        shell.execution_count = 1
        shell.run_cell(cell)
    return list(shown)
CELLS = [
    "1 / 0",
    "def outer(n):\\n    return inner(n) + len('é' * n)\\n\\n"
    "def inner(n):\\n    raise ValueError(f'{{n!r}}')\\n\\nouter(3)",
    "import json; json.loads('{{')",
    "try:\\n    {{}}['a']\\nexcept KeyError as error:\\n    raise RuntimeError('two') from error",
    "def deep(n):\\n    return deep(n + 1)\\ndeep(0)",
    "x = (1 +",
]
before = show()
private = Terminal256Formatter._setup_styles, stack_data.core._pygmented_with_ranges
from assay.kernel.ipython.speedups._highlighting import remember_highlighting
remember_highlighting()
now = Terminal256Formatter._setup_styles, stack_data.core._pygmented_with_ranges
first, second = show(), show()
print(len(before) == len(CELLS), first == before, second == before)
print([old is new for old, new in zip(private, now)])
"""


@pytest.mark.parametrize("colors", ["linux", "lightbg", "neutral", "nocolor"])
def test_tracebacks_look_the_same(colors: str) -> None:
    """With what is remembered, each line of each traceback is what it was without."""
    done = subprocess.run(
        [sys.executable, "-c", SHOW.format(colors=colors)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.splitlines() == ["True True True", "[False, False]"], done.stderr


SPARE = """
from threading import Thread
from IPython.core import oinspect
from assay.kernel.ipython.speedups._highlighting import spare_html
before = oinspect.pylight("1")
found = []
with spare_html():
    here = oinspect.pylight("1")
    other = Thread(target=lambda: found.append(oinspect.pylight("1")))
    other.start()
    other.join()
print(here, found == [before], oinspect.pylight("1") == before)
"""


def test_colours_of_other_threads_are_not_spared() -> None:
    """What a cell inspects while a client's inspection is answered has its colours."""
    done = subprocess.run([sys.executable, "-c", SPARE], check=True, capture_output=True, text=True)

    assert done.stdout == "1 True True\n"
