"""Which threads are in the middle of a call of `print`."""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from types import CodeType

import pytest

from assay.kernel.output import _prints
from assay.kernel.output._prints import is_within_print
from assay.transport import Client
from tests.kernel._kernels import execute, text_of
from tests.kernel._probe import LOAD

WRITE = "def write(text):\n    found.append(is_within_print(get_ident()))\n"
"""What stands for a stream of ours, whose code is in the folder of the package."""

MANY_NAMES = "\n".join(f"name{n} = 0" for n in range(300))

CALLS = {
    "several arguments": ("print(1, 2, file=stream)", True),
    "a list of them": ("many = [1, 2]\nprint(*many, **{'file': stream})", True),
    "in a function": ("def show():\n    print(1, 2, file=stream)\nshow()", True),
    "on several lines": ("print(\n    1,\n    2,\n    file=stream,\n)", True),
    "behind other calls": ("int('1'); print(str(1), 2, file=stream)", True),
    "among many names": (f"{MANY_NAMES}\nprint(1, 2, file=stream)", True),
    "by a thread": (
        "from threading import Thread\n"
        "thread = Thread(target=print, args=[1, 2], kwargs={'file': stream})\n"
        "thread.start(); thread.join()",
        True,
    ),
    "by a pool": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(1) as pool: pool.submit(print, 1, 2, file=stream)",
        True,
    ),
    "another function by a thread": (
        "from threading import Thread\n"
        "thread = Thread(target=stream.write, args=['1'])\n"
        "thread.start(); thread.join()",
        False,
    ),
    "another class of that name": (
        "class Thread:\n    __slots__ = ()\n    def run(self): stream.write('1')\nThread().run()",
        False,
    ),
    "no print": ("stream.write('1'); print", False),
    "a list for another function": ("call = stream.write\ncall(*['1'])\nprint", False),
    "within an argument": ("print(stream.write('1'), file=other)", False),
    "in code that it calls": (
        "class Shown:\n"
        "    def __str__(self):\n"
        "        stream.write('1')\n"
        "        return ''\n"
        "print(Shown(), file=other)",
        False,
    ),
    "by another name": ("show = print\nshow(1, 2, file=stream)", False),
}


class Stream:
    """Takes what is printed, and looks at the call that it comes from."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write


def looks(code: CodeType) -> list[bool]:
    """Run *code*, and return what was found in each write to ``stream``."""
    found: list[bool] = []
    names: dict[str, Callable[[str], object]] = {}
    ours = compile(WRITE, f"{_prints.OURS}stream.py", "exec")
    here = {"found": found, "is_within_print": is_within_print, "get_ident": get_ident}
    exec(ours, here, names)
    exec(code, {"stream": Stream(names["write"]), "other": Stream(len)})
    return found


@pytest.mark.parametrize("kind", CALLS)
def test_call_that_is_under_way(kind: str) -> None:
    """A thread whose newest frame stands at a call of `print` is within it."""
    code, wanted = CALLS[kind]

    found = looks(compile(code, "<cell>", "exec"))

    assert found
    assert set(found) == {wanted}


def test_code_without_positions() -> None:
    """Where nothing says which expression an instruction belongs to, nothing is assumed."""
    code = compile("print(1, 2, file=stream)", "<cell>", "exec")

    assert set(looks(code.replace(co_linetable=b""))) == {False}


def test_code_without_a_hash() -> None:
    """Code that has been given a constant without one is looked at as other code."""
    code = compile("print(1, 2, file=stream)", "<cell>", "exec")

    assert set(looks(code.replace(co_consts=(*code.co_consts, [])))) == {True}


def test_thread_that_is_not_there() -> None:
    """It is within no call."""
    assert not is_within_print(-1)


LONG_LINES = """
import threading
probe.allow_for_prints({limit})
def work(number):
    for _ in range(4):
        print(*[number] * 3_000)
threads = [threading.Thread(target=work, args=[n]) for n in range(5)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_long_lines_of_threads_stay_whole(client: Client) -> None:
    """However many arguments a call of `print` has, no other thread writes between them."""
    answer = execute(client, LOAD + LONG_LINES.format(limit=3_600))

    lines = text_of(answer.published).splitlines()
    assert sorted(lines) == sorted(4 * [" ".join([str(n)] * 3_000) for n in range(5)])
