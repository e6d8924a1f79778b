"""What people write with asyncio: as in a script and as in a notebook, in one kernel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assay.transport import Client, KernelProcess
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    begin,
    execute,
    failed,
    finish,
    is_well,
    result,
    text_of,
)

SETUP = """
import asyncio, contextvars, sys, threading
async def double(n):
    await asyncio.sleep(0.001)
    return 2 * n
async def count(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i
async def keep(n):
    kept.append(n); return n
kept = []
var = contextvars.ContextVar('var', default='none')
"""

IDIOMS: dict[str, list[tuple[str, str]]] = {
    "asyncio.run in a plain cell": [("asyncio.run(double(1))", "2")],
    "asyncio.run again and again": [
        ("[asyncio.run(double(n)) for n in range(3)]", "[0, 2, 4]"),
        ("await double(3), asyncio.get_running_loop().is_running()", "(6, True)"),
    ],
    "a script as it stands": [
        (
            "async def main():\n"
            "    first = asyncio.create_task(double(1))\n"
            "    async with asyncio.timeout(60):\n"
            "        return await asyncio.gather(first, double(2))\n"
            "if __name__ == '__main__':\n"
            "    found = asyncio.run(main())\n"
            "found",
            "[2, 4]",
        )
    ],
    "a runner": [
        (
            "with asyncio.Runner() as runner:\n"
            "    both = runner.run(double(1)), runner.run(double(2))\n"
            "both",
            "(2, 4)",
        )
    ],
    "run_until_complete of the present loop": [
        ("loop = asyncio.get_event_loop()\nloop.run_until_complete(double(4))", "8"),
        ("loop.run_until_complete(asyncio.gather(double(1), double(2)))", "[2, 4]"),
        ("await double(1), loop is asyncio.get_running_loop()", "(2, True)"),
    ],
    "a loop of one's own": [
        (
            "loop = asyncio.new_event_loop()\n"
            "try: found = loop.run_until_complete(double(5))\n"
            "finally: loop.close()\n"
            "found, loop.is_closed()",
            "(10, True)",
        )
    ],
    "run_forever until something stops it": [
        (
            "loop = asyncio.get_event_loop()\n"
            "loop.call_later(0.001, loop.stop); loop.run_forever()\n"
            "loop.is_running()",
            "True",
        )
    ],
    "create_task in a plain cell": [
        ("task = asyncio.create_task(double(1)); task.done()", "False"),
        ("await task", "2"),
    ],
    "ensure_future in a plain cell": [
        ("future = asyncio.ensure_future(double(2)); asyncio.isfuture(future)", "True"),
        ("await future", "4"),
    ],
    "a task that loops across cells": [
        (
            "ticks = []\n"
            "async def tick():\n"
            "    while True:\n"
            "        ticks.append(1); await asyncio.sleep(0)\n"
            "ticker = asyncio.create_task(tick()); len(ticks)",
            "0",
        ),
        ("await asyncio.sleep(0.001); bool(ticks)", "True"),
        ("ticker.cancel()", "True"),
    ],
    "gather in a plain cell": [
        ("both = asyncio.gather(double(1), double(2)); both.done()", "False"),
        ("await both", "[2, 4]"),
    ],
    "a task group": [
        (
            "async with asyncio.TaskGroup() as group:\n"
            "    tasks = [group.create_task(double(n)) for n in range(3)]\n"
            "[task.result() for task in tasks]",
            "[0, 2, 4]",
        )
    ],
    "a timeout": [
        (
            "try:\n"
            "    async with asyncio.timeout(0.001): await asyncio.sleep(1000)\n"
            "except TimeoutError: found = 'late'\n"
            "found",
            "'late'",
        ),
        (
            "try: await asyncio.wait_for(asyncio.sleep(1000), 0.001)\n"
            "except TimeoutError: found = 'later'\n"
            "found",
            "'later'",
        ),
    ],
    "async generators and comprehensions": [
        ("[i async for i in count(3)]", "[0, 1, 2]"),
        ("async for i in count(2): last = i\nlast", "1"),
    ],
    "a queue across cells": [
        ("queue = asyncio.Queue(); queue.put_nowait(1); queue.qsize()", "1"),
        ("await queue.get()", "1"),
    ],
    "a subprocess": [
        (
            "process = await asyncio.create_subprocess_exec(\n"
            "    sys.executable, '-c', 'print(7)', stdout=asyncio.subprocess.PIPE)\n"
            "(await process.communicate())[0], process.returncode",
            "(b'7\\n', 0)",
        ),
        (
            "async def run():\n"
            "    process = await asyncio.create_subprocess_exec(sys.executable, '-c', '')\n"
            "    return await process.wait()\n"
            "asyncio.run(run())",
            "0",
        ),
    ],
    "threads": [
        ("await asyncio.to_thread(lambda: 3)", "3"),
        ("await asyncio.get_running_loop().run_in_executor(None, lambda: 4)", "4"),
        (
            "loop = asyncio.get_running_loop()\n"
            "def work(): return asyncio.run_coroutine_threadsafe(double(3), loop).result()\n"
            "await asyncio.to_thread(work)",
            "6",
        ),
    ],
    "a server and its client": [
        (
            "async def serve(reader, writer):\n"
            "    writer.write(await reader.readline()); await writer.drain(); writer.close()\n"
            "server = await asyncio.start_server(serve, '127.0.0.1', 0)\n"
            "reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())\n"
            "writer.write(b'there and back\\n'); found = await reader.readline()\n"
            "writer.close(); server.close(); found",
            "b'there and back\\n'",
        )
    ],
    "anyio": [
        ("import anyio\nanyio.run(double, 1)", "2"),
        ("anyio.run(double, 2)", "4"),
        ("await anyio.to_thread.run_sync(lambda: 5)", "5"),
        ("async def four(): await anyio.sleep(0); return 4\nanyio.run(four, backend='trio')", "4"),
        ("await double(1)", "2"),
    ],
    "trio": [
        (
            "import trio\nasync def sleep(): await trio.sleep(0); return 'trio'\ntrio.run(sleep)",
            "'trio'",
        ),
        ("await double(1)", "2"),
    ],
    "context variables from cell to cell": [
        ("var.set('plain'); var.get()", "'plain'"),
        ("await asyncio.sleep(0); (var.get(), var.set('awaiting')) and var.get()", "'awaiting'"),
        ("var.get()", "'awaiting'"),
        ("async def get(): return var.get()\nasyncio.run(get())", "'awaiting'"),
        ("task = asyncio.create_task(get()); var.set('later'); await task", "'awaiting'"),
    ],
    "code that looks for a running loop": [
        (
            "async def main(): kept.append('main')\n"
            "try: task = asyncio.get_running_loop().create_task(main())\n"
            "except RuntimeError: asyncio.run(main())\n"
            "else: found = 'notebook'\n"
            "found",
            "'notebook'",
        ),
        ("await task; kept.pop()", "'main'"),
    ],
    "magics": [("%timeit -n 1 -r 1 -q -o asyncio.run(double(1))\n1", "1")],
}
"""Cells, and what each shows last."""


@pytest.fixture(scope="module")
def prepared(shared_kernel: KernelProcess) -> Iterator[Client]:
    """A client of a kernel that has some coroutine functions."""
    with shared_kernel.client(timeout=HANG_LIMIT_S) as client:
        execute(client, SETUP)
        yield client


@pytest.mark.parametrize("idiom", IDIOMS)
def test_idiom_works(prepared: Client, idiom: str) -> None:
    """One kernel runs them all, one after the other (EXEC-01)."""
    for code, shown in IDIOMS[idiom]:
        assert result(execute(prepared, code)) == shown


@pytest.mark.parametrize(
    "code",
    [
        "asyncio.run(work)",
        "asyncio.get_running_loop().run_until_complete(work)",
        "asyncio.new_event_loop().run_until_complete(work)",
    ],
)
def test_a_running_loop_refuses_another_one(prepared: Client, code: str) -> None:
    """In a coroutine, as in every program."""
    answer = execute(
        prepared, f"work = double(1)\nawait asyncio.sleep(0)\n{code}", stop_on_error=False
    )
    execute(prepared, "work.close()")

    assert failed(answer).ename == "RuntimeError"
    assert is_well(prepared)


@pytest.mark.parametrize(
    "code",
    [
        "asyncio.run(hang())",
        "asyncio.get_event_loop().run_until_complete(hang())",
        "asyncio.new_event_loop().run_until_complete(hang())",
        "loop = asyncio.get_event_loop(); loop.call_soon(print, 'hangs'); loop.run_forever()",
        "import anyio; anyio.run(hang)",
    ],
)
def test_a_loop_in_a_plain_cell_is_interrupted(
    prepared: Client, shared_kernel: KernelProcess, code: str
) -> None:
    """By an interrupt as by Ctrl-C in a script; the next cell awaits (CTRL-11)."""
    hang = "async def hang():\n    print('hangs', flush=True)\n    await asyncio.sleep(1000)\n"
    hanging = begin(prepared, f"{hang}{code}", until="hangs", stop_on_error=False)
    shared_kernel.interrupt()

    assert failed(finish(prepared, hanging)).ename == "KeyboardInterrupt"
    assert result(execute(prepared, "await double(1)")) == "2"


def test_nesting_packages_change_nothing(mine: Client) -> None:
    """`nest_asyncio.apply()` does no harm to what works without it."""
    execute(mine, f"{SETUP}import nest_asyncio; nest_asyncio.apply()")

    for code, shown in [
        ("asyncio.run(double(1))", "2"),
        ("asyncio.get_event_loop().run_until_complete(double(2))", "4"),
        ("await double(3)", "6"),
        ("await asyncio.sleep(0); asyncio.run(double(4))", "8"),
        (
            "task = asyncio.create_task(double(5))\n"
            "asyncio.get_event_loop().run_until_complete(task)",
            "10",
        ),
        ("asyncio.run(double(6))", "12"),
    ]:
        assert result(execute(mine, code)) == shown


def test_another_policy_is_used_for_new_loops(prepared: Client) -> None:
    """As by `uvloop.install()`: `asyncio.run` makes the loops of the policy, cells keep theirs."""
    code = (
        "import warnings; warnings.simplefilter('ignore', DeprecationWarning)\n"
        "class Loop(asyncio.SelectorEventLoop): pass\n"
        "class Policy(asyncio.DefaultEventLoopPolicy): _loop_factory = Loop\n"
        "async def kind(): return type(asyncio.get_running_loop()).__name__\n"
        "asyncio.set_event_loop_policy(Policy())\n"
        "found = asyncio.run(kind()), type(asyncio.get_running_loop()).__name__\n"
        "asyncio.set_event_loop_policy(None)\nfound"
    )

    assert result(execute(prepared, code)) == "('Loop', 'UserLoop')"


FAILS_ONCE = """
import sys
class OneFailure:
    def find_spec(self, name, path=None, target=None):
        if name == "assay.kernel.ipython._loops_in_cells":
            sys.meta_path.remove(self)
            raise OSError(24, "Too many open files")
assert "asyncio" not in sys.modules and OneFailure().find_spec("another") is None
sys.meta_path.insert(0, OneFailure())
try:
    import asyncio
except OSError as error:
    print(error.errno)
"""


def test_import_that_fails_once_is_done_again(mine: Client) -> None:
    """A cell may run a loop also where the kernel's part of the first import has failed."""
    refused = execute(mine, FAILS_ONCE)
    ran = execute(mine, "import asyncio\nasyncio.run(asyncio.sleep(0, 'slept'))")

    assert text_of(refused.published) == "24\n"
    assert result(ran) == "'slept'"
