"""A cell may break what the kernel itself is made of: the next one works, and is told what was."""

from __future__ import annotations

import pytest

from assay.kernel.ipython._lazy_event_loop import REPAIRED
from assay.protocol import Channel, ShutdownRequest, StreamName
from assay.transport import Client, KernelProcess
from tests.kernel._kernels import HANG_LIMIT_S, execute, failed, is_well, result, succeeded

FREEZE = """
import sys, time
kept = time.time, time.monotonic
for name, module in list(sys.modules.items()):
    if name == "time" or name.startswith("assay"):
        for word, value in list(vars(module).items()):
            if any(value is one for one in kept):
                setattr(module, word, lambda: 0.0)
"""
"""What freezegun does to every module, though not to those of Python that need the time."""

CLOCKS = {
    "frozen everywhere": FREEZE,
    "deleted": "import time; del time.time, time.monotonic",
    "raising": "import time; time.time = time.monotonic = lambda: 1 / 0",
    "of another kind": "import time; time.time = time.monotonic = lambda: 'soon'",
    "mocked": """
from unittest import mock
for name in ("time.time", "time.monotonic", "time.sleep"):
    mock.patch(name).start()
""",
}
"""Ways in which a program, often a test, replaces the time."""

LOOP = "import asyncio; loop = asyncio.get_event_loop(); "

BROKEN_LOOPS = {
    "closed selector": f"{LOOP}loop._selector.close()",
    "no selector": f"{LOOP}loop._selector = None",
    "closed loop": f"{LOOP}loop._closed = True; loop._close_self_pipe(); loop._selector.close()",
}


FAKED = """
import os, sys
from types import ModuleType
from unittest.mock import Mock
for name, module in list(sys.modules.items()):
    if name.startswith("assay"):
        for word, value in list(vars(module).items()):
            if isinstance(value, ModuleType) and value.__name__ == "os":
                setattr(module, word, Mock())
"""
"""What pyfakefs does to every module."""

FUNCTIONS = {
    "of os": """
import os
from unittest import mock
for name in ("read", "write", "close", "getpid"):
    mock.patch(f"os.{name}").start()
""",
    "of os, everywhere": FAKED,
    "open": "from unittest import mock; mock.patch('builtins.open').start()",
}
"""Functions that a test puts others in the place of, and does not give back."""

LOOKING = """
import builtins, sys
callers = []
def looking(*names):
    frame = sys._getframe(1)
    if "known_import" not in frame.f_builtins:
        callers.append(frame.f_code.co_name)
    return known_import(*names)
builtins.known_import, builtins.__import__ = builtins.__import__, looking
"""

BUILTINS = {
    "imports are refused": """
import builtins
def refuse(*_, **__): raise ImportError("refused")
builtins.__import__ = refuse
""",
    "no len": "import builtins; del builtins.len",
}
"""What leaves hardly any code in Python working."""

GONE = (
    "import builtins, sys; del builtins.isinstance; sys.meta_path.clear(); sys.modules.clear()",
    "import builtins; del builtins.isinstance, builtins.getattr",
    "import builtins; builtins.isinstance = None",
    "import builtins; builtins.Exception = builtins.__import__ = 'a text'",
    "import builtins; builtins.isinstance = builtins.vars = lambda *_: 1 / 0",
    "import builtins, sys; builtins.dict = sys.exit; builtins.len = lambda _: sys.exit()",
    "import builtins; vars(builtins).clear()",
    "import threading; threading.Lock = threading.RLock = threading.Thread = None",
    "import sys; sys.modules = {}",
    "import sys; sys.modules.clear()",
    "import sys; sys.modules = None",
    "import sys; sys.meta_path.clear()",
)
"""What takes away what all code in Python needs."""

FORGET = """
import sys
for name in list(sys.modules):
    if name.partition(".")[0] in ("assay", "attr", "cattrs", "msgspec", "zmq"):
        del sys.modules[name]
"""
"""As test tools do that import everything anew, for more modules."""


@pytest.mark.parametrize("code", FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_functions_that_are_not_the_systems(mine: Client, code: str) -> None:
    """The kernel has those that it was started with."""
    succeeded(execute(mine, code))

    assert result(execute(mine, "1 + 1")) == "2"
    assert execute(mine, "print('a')").text() == "a\n"


@pytest.mark.parametrize("code", BUILTINS.values(), ids=BUILTINS.keys())
def test_builtins_that_are_gone(kernel: KernelProcess, mine: Client, code: str) -> None:
    """The kernel has its own: it answers, and ends in order, whatever the cells can do then."""
    succeeded(execute(mine, "1"))
    # Threads of Python's own may fail as well, and say so behind the cell's idle.
    mine.execute(code, timeout=HANG_LIMIT_S)

    assert is_well(mine)
    mine.request(ShutdownRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
    assert kernel.wait(HANG_LIMIT_S) == 0


def test_what_python_needs_is_put_back(kernel: KernelProcess, mine: Client) -> None:
    """The cell that takes it away is answered, the next one has it again, and the log says so."""
    for _ in range(2):  # until the kernel has started its threads
        succeeded(execute(mine, "1"))
    for code in GONE:
        mine.execute(code, timeout=HANG_LIMIT_S)  # it may fail itself

        assert failed(execute(mine, "1 / 0", stop_on_error=False)).ename == "ZeroDivisionError"
        assert result(execute(mine, "import sys, json; len(sys.argv[:0])")) == "0"

    kernel.shutdown()
    assert kernel.written().count("[assay] WARNING") == len(GONE) + 2  # the first took three


def test_builtins_that_a_program_has_put_there_stay(mine: Client) -> None:
    """What does a builtin's work stays, as a mock does or a function that also counts its calls."""
    code = "import builtins, unittest.mock as mock; mock.patch('builtins.sum').start(); own = len"
    succeeded(execute(mine, f"{code}; counted = builtins.len = lambda it: own(it)"))
    succeeded(execute(mine, "known = map; builtins.map = lambda *of: [*known(*of)]"))

    found = "len is counted, isinstance(sum, mock.Mock), map(abs, [-1])"
    assert result(execute(mine, found)) == "(True, True, [1])"


def test_what_looks_for_its_names_in_the_callers_builtins(mine: Client) -> None:
    """The import of PySide6 does, in C, and ends a process whose builtins lack the name."""
    succeeded(execute(mine, LOOKING))

    found = "__import__ is looking, callers"
    assert result(execute(mine, f"import json; {found}")) == "(True, [])"


def test_modules_that_a_program_forgets(mine: Client) -> None:
    """The kernel's are the same ones when it imports them again: no class is there twice."""
    succeeded(execute(mine, FORGET))

    assert mine.inspect("print", 5, timeout=HANG_LIMIT_S).found
    assert mine.is_complete("if", timeout=HANG_LIMIT_S).status == "invalid"
    assert failed(execute(mine, "1 / 0", stop_on_error=False)).ename == "ZeroDivisionError"


@pytest.mark.parametrize("code", CLOCKS.values(), ids=CLOCKS.keys())
def test_time_that_is_not_the_machines(mine: Client, code: str) -> None:
    """The kernel has the clock that it was started with: cells answer, print and wait."""
    succeeded(execute(mine, "import asyncio, subprocess"))
    succeeded(execute(mine, code))

    assert result(execute(mine, "1 + 1")) == "2"
    assert execute(mine, "print('a')").text() == "a\n"
    assert result(execute(mine, "await asyncio.sleep(0.01, 3)")) == "3"
    assert result(execute(mine, "subprocess.run(['true']).returncode")) == "0"


@pytest.mark.parametrize("code", BROKEN_LOOPS.values(), ids=BROKEN_LOOPS.keys())
def test_loop_that_cannot_wait(mine: Client, code: str) -> None:
    """The next cell repairs it and says so, once; tasks go on, and a cell can await."""
    succeeded(execute(mine, f"{LOOP}task = loop.create_task(asyncio.sleep(0.01, 'done'))"))
    succeeded(execute(mine, code))

    cells = [execute(mine, "1 + 1"), execute(mine, "await task")]

    assert [result(cell) for cell in cells] == ["2", "'done'"]
    assert "".join(cell.text(StreamName.STDERR) for cell in cells).count(REPAIRED) == 1
    assert execute(mine, "print(await asyncio.to_thread(str, 4))").text() == "4\n"


def test_builtins_of_the_kernel_are_its_own(kernel: KernelProcess) -> None:
    """Also in a kernel that is forked, as those of most tests are: its modules look names up in a
    copy, and the program's in what it may change."""
    with kernel.client() as client:
        code = "import builtins, json, zmq; [m.__builtins__ is vars(builtins) for m in (zmq, json)]"
        assert result(execute(client, code)) == "[False, True]"
