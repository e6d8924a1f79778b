"""Awaiting cells, tasks, timers and threads, and whose output theirs is."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.protocol import StreamName
from assay.transport import Answer, Client
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    answering,
    begin,
    error,
    execute,
    failed,
    finish,
    heard_meanwhile,
    is_well,
    origin,
    result,
    start,
    succeeded,
)
from tests.kernel._probe import LOAD


def test_cell_may_await(client: Client) -> None:
    """Top-level await works, with a result like any cell (EXEC-01, EXEC-19)."""
    answer = execute(client, "import asyncio\nawait asyncio.sleep(0, 'slept')")

    assert result(answer) == "'slept'"


def test_async_statements_work_at_top_level(client: Client) -> None:
    """`async for`, `async with` and comprehensions need no function (EXEC-01)."""
    answer = execute(
        client,
        "import contextlib\n"
        "@contextlib.asynccontextmanager\n"
        "async def place(): yield 'there'\n"
        "async def numbers():\n"
        "    for i in range(3): yield i\n"
        "async with place() as where: pass\n"
        "found = []\n"
        "async for i in numbers(): found.append(i)\n"
        "where, found, [i async for i in numbers()]",
    )

    assert result(answer) == "('there', [0, 1, 2], [0, 1, 2])"


def test_error_in_awaiting_cell_is_told(client: Client) -> None:
    """An awaiting cell fails like a plain one (EXEC-17)."""
    answer = execute(client, "import asyncio\nawait asyncio.sleep(0)\n1 / 0", stop_on_error=False)

    assert failed(answer).ename == error(answer).ename == "ZeroDivisionError"
    assert failed(answer).traceback == error(answer).traceback


@pytest.mark.parametrize("code", ["1", "await asyncio.sleep(0)"])
def test_loop_is_running_and_the_same(client: Client, code: str) -> None:
    """All cells see one loop that runs (EXEC-01)."""
    execute(client, "import asyncio; loop = asyncio.get_running_loop()")

    answer = execute(client, f"{code}\nasyncio.get_running_loop() is loop and loop.is_running()")

    assert result(answer) == "True"


def test_nested_loops_can_be_allowed(mine: Client) -> None:
    """Packages that let `asyncio.run` be nested work (EXEC-01)."""
    execute(mine, "import nest_asyncio2, asyncio; nest_asyncio2.apply()")

    plain = execute(mine, "asyncio.run(asyncio.sleep(0.001, 'nested'))")
    awaiting = execute(mine, "await asyncio.sleep(0)\nasyncio.run(asyncio.sleep(0.001, 'nested'))")

    assert [result(plain), result(awaiting)] == ["'nested'", "'nested'"]
    assert result(execute(mine, "await asyncio.sleep(0, 1)")) == "1"


def test_asyncio_run_works_in_a_thread(client: Client) -> None:
    """Other threads may run loops of their own (EXEC-01)."""
    answer = execute(
        client,
        "import asyncio, concurrent.futures\n"
        "with concurrent.futures.ThreadPoolExecutor() as pool:\n"
        "    there = pool.submit(asyncio.run, asyncio.sleep(0, 'there')).result()\n"
        "there",
    )

    assert result(answer) == "'there'"


def test_task_of_a_plain_cell_runs(client: Client) -> None:
    """A cell that awaits nothing may start a task, which runs by itself (EXEC-01)."""
    first = client.execute(
        "import asyncio\n"
        "async def work():\n"
        "    await asyncio.sleep(0.001)\n"
        "    print('from the task')\n"
        "task = asyncio.create_task(work());",
        timeout=HANG_LIMIT_S,
    )

    if "from the task" not in first.text():
        assert origin(client, "from the task") == first.request.header.msg_id


def test_task_goes_on_while_plain_cells_run(client: Client) -> None:
    """Between plain cells in a full queue, tasks get their turns (EXEC-01)."""
    execute(
        client,
        "import asyncio\nturns = 0\n"
        "async def work():\n"
        "    global turns\n"
        "    while True:\n"
        "        turns += 1; await asyncio.sleep(0)\n"
        "task = asyncio.create_task(work());",
    )

    seen = [result(execute(client, "turns")) for _ in range(3)]
    execute(client, "task.cancel();")

    numbers = [int(str(text)) for text in seen]
    assert numbers == sorted(set(numbers))


# How a later cell lets the background go on, and what each kind of background is.
BACKGROUND = {
    "task": (
        "async def work():\n    await gate.wait(); print('background')\n"
        "import asyncio; gate = asyncio.Event(); it = asyncio.create_task(work());",
        "gate.set(); await it;",
    ),
    "task between cells": (
        "async def work():\n    await gate.wait(); print('background')\n"
        "import asyncio; gate = asyncio.Event(); it = asyncio.create_task(work());",
        "gate.set();",
    ),
    "thread": (
        "import threading; gate = threading.Event()\n"
        "it = threading.Thread(target=lambda: (gate.wait(), print('background'))); it.start()",
        "gate.set(); it.join()",
    ),
    "thread of a thread": (
        "import threading; gate = threading.Event()\n"
        "inner = threading.Thread(target=lambda: (gate.wait(), print('background')))\n"
        "it = threading.Thread(target=lambda: inner.start()); it.start(); it.join()",
        "gate.set(); inner.join()",
    ),
    "timer": (
        "import threading; gate = threading.Event()\n"
        "it = threading.Timer(0, lambda: (gate.wait(), print('background'))); it.start()",
        "gate.set(); it.join()",
    ),
    "executor": (
        "import threading, concurrent.futures; gate = threading.Event()\n"
        "pool = concurrent.futures.ThreadPoolExecutor(1)\n"
        "it = pool.submit(lambda: (gate.wait(), print('background')));",
        "gate.set(); it.result(); pool.shutdown()",
    ),
    "to_thread": (
        "import threading, asyncio; gate = threading.Event()\n"
        "it = asyncio.create_task(\n"
        "    asyncio.to_thread(lambda: (gate.wait(), print('background'))));",
        "await asyncio.sleep(0)\ngate.set(); await it;",
    ),
    "callback of a future": (
        "import asyncio; it = asyncio.get_running_loop().create_future()\n"
        "it.add_done_callback(lambda future: print('background'));",
        "it.set_result(1)\nawait asyncio.sleep(0)",
    ),
    "logging in a thread": (
        "import threading, logging, sys; gate = threading.Event()\n"
        "logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))\n"
        "it = threading.Thread(target=lambda: (gate.wait(), logging.error('background')))\n"
        "it.start()",
        "gate.set(); it.join(); logging.getLogger().handlers.clear()",
    ),
}


def _start(client: Client, kind: str) -> tuple[Answer, str]:
    code, release = BACKGROUND[kind]
    return execute(client, code), release


@pytest.mark.parametrize("kind", sorted(BACKGROUND))
def test_background_writes_under_the_cell_that_started_it(client: Client, kind: str) -> None:
    """Output of what runs on belongs to the cell that started it (HDR-13, IOPUB-24)."""
    started, release = _start(client, kind)

    released = execute(client, f"print('foreground')\n{release}")

    succeeded(released)
    assert released.text() == "foreground\n"
    assert origin(client, "background") == started.request.header.msg_id


@pytest.mark.parametrize(
    ("pool", "work"),
    [
        ("pool = concurrent.futures.ThreadPoolExecutor(1)", "pool.submit({}).result()"),
        (
            "pool = concurrent.futures.ThreadPoolExecutor(1)",
            "list(pool.map(lambda _: ({})(), [1]))",
        ),
        ("loop = asyncio.get_running_loop()", "await loop.run_in_executor(None, {})"),
        ("pass", "await asyncio.to_thread({})"),
    ],
)
def test_work_of_a_pool_belongs_to_the_cell_that_gave_it(
    mine: Client, pool: str, work: str
) -> None:
    """Not to the cell that started the pool's thread; it may prompt there, too (IOPUB-24)."""
    answer_input, asked = answering("Ada")
    execute(mine, f"import asyncio, concurrent.futures\n{pool}\n{work.format('print')}")

    second = execute(mine, work.format("lambda: print('second')") + ";")
    third = execute(mine, work.format("lambda: print(input('name'))") + ";", on_input=answer_input)

    assert (second.text(), third.text()) == ("second\n", "Ada\n")
    assert [question.prompt for question in asked] == ["name"]
    assert heard_meanwhile(mine) == []


def test_loop_runner_is_told_by_its_name(client: Client) -> None:
    """``%autoawait`` says who runs a cell that awaits."""
    assert "asyncio" in execute(client, "%autoawait").text()
    assert "object at" not in execute(client, "%autoawait").text()


def test_thread_that_the_kernel_starts_belongs_to_no_cell(client: Client) -> None:
    """What runs in it, such as a finalizer, writes under the newest cell (HDR-13)."""
    execute(
        client,
        f"{LOAD}import threading; gate = threading.Event()\n"
        "it = threading.Thread(target=lambda: (gate.wait(), print('background')))\n"
        "probe.call_in_io_thread(it.start)",
    )

    answer = execute(client, "gate.set(); it.join()")

    assert answer.text() == "background\n"


@pytest.mark.parametrize("call", ["call_soon(", "call_later(0.001, ", "call_at(0, "])
def test_timer_of_the_loop_writes_under_its_cell(client: Client, call: str) -> None:
    """Callbacks of the loop belong to the cell that asked for them (HDR-13, IOPUB-24)."""
    code = f"import asyncio; asyncio.get_running_loop().{call}print, 'background');"

    started = client.execute(code, timeout=HANG_LIMIT_S)

    # It runs after the cell: before its idle has come here, or later.
    if "background" not in started.text():
        assert origin(client, "background") == started.request.header.msg_id


def test_displays_of_threads_have_their_cell(client: Client) -> None:
    """A display from a thread has its cell as parent too (HDR-13)."""
    started = execute(
        client,
        "import threading; gate = threading.Event()\n"
        "it = threading.Thread(target=lambda: (gate.wait(), display('background')))\n"
        "it.start()",
    )
    released = execute(client, "gate.set(); it.join()")

    assert "display_data" not in released.types
    (received,) = [r for r in heard_meanwhile(client) if r.msg_type == "display_data"]
    assert received.parent_header is not None
    assert received.parent_header.msg_id == started.request.header.msg_id


def test_exception_in_a_thread_is_printed_under_its_cell(client: Client) -> None:
    """An exception that ends a thread is on stderr of the cell that started it (IOPUB-24)."""
    started = execute(
        client,
        "import threading; gate = threading.Event()\n"
        "it = threading.Thread(target=lambda: (gate.wait(), 1 / 0)); it.start()",
    )
    released = execute(client, "gate.set(); it.join()")

    succeeded(released)
    assert origin(client, "ZeroDivisionError") == started.request.header.msg_id


def test_two_tasks_keep_their_cells(client: Client) -> None:
    """Tasks of two cells that take turns each write under their own (HDR-13)."""
    code = (
        "import asyncio\n"
        "async def work(name):\n"
        "    for i in range(20):\n"
        "        print(f'<{name}{i}>'); await asyncio.sleep(0)\n"
    )
    first = execute(
        client,
        f"{code}gate = asyncio.Event()\n"
        "async def later(name):\n    await gate.wait(); await work(name)\n"
        "one = asyncio.create_task(later('one'));",
    )
    second = execute(client, "two = asyncio.create_task(later('two'));")
    execute(client, "gate.set(); await asyncio.gather(one, two);")

    parents = [first.request.header.msg_id, second.request.header.msg_id]
    assert [origin(client, "<one19>"), origin(client, "<two19>")] == parents


def test_asyncio_is_not_imported_for_nothing(mine: Client) -> None:
    """A kernel whose cells await nothing has no loop, and needs none (EXEC-01)."""
    assert result(execute(mine, "import sys; 'asyncio' in sys.modules")) == "False"
    assert result(execute(mine, "async def work(): return 1\nawait work()")) == "1"


def test_cell_that_imports_asyncio_has_a_loop(mine: Client) -> None:
    """The first cell that knows asyncio runs in a loop that seems to run, as all others do."""
    first = execute(
        mine,
        "import asyncio\n"
        "async def work(): return 'worked'\n"
        "task = asyncio.create_task(work())\n"
        "loop = asyncio.get_running_loop()\n"
        "loop.is_running()",
    )

    assert result(first) == "True"
    assert result(execute(mine, "await task, asyncio.get_running_loop() is loop")) == (
        "('worked', True)"
    )


def test_thread_may_import_asyncio_first(mine: Client) -> None:
    """Whoever imports asyncio, the next cell has a loop (EXEC-01)."""
    execute(
        mine,
        "import importlib, threading\n"
        "thread = threading.Thread(target=importlib.import_module, args=['asyncio'])\n"
        "thread.start(); thread.join()",
    )

    assert (
        result(execute(mine, "import asyncio\nasyncio.get_running_loop().is_running()")) == "True"
    )


def test_interrupted_import_of_asyncio_is_repeated(mine: Client) -> None:
    """An import of asyncio that fails is made up for by the next (EXEC-01)."""
    failing = (
        "import sys\n"
        "class Broken:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'asyncio.base_events': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Broken())\n"
        "import asyncio"
    )
    assert failed(execute(mine, failing, stop_on_error=False)).ename == "KeyboardInterrupt"

    answer = execute(mine, "del sys.meta_path[0]\nimport asyncio\nasyncio.get_running_loop();1")

    assert result(answer) == "1"


def test_context_variables_live_on(client: Client) -> None:
    """A context variable keeps its value from cell to cell, awaiting or not (EXEC-01)."""
    execute(client, "import asyncio, contextvars\nvar = contextvars.ContextVar('var')\nvar.set(1);")
    execute(client, "await asyncio.sleep(0)\nseen = var.get()\nvar.set(2);")

    answer = execute(client, "seen, var.get()")

    assert result(answer) == "(1, 2)"
    assert result(execute(client, "await asyncio.sleep(0, var.get())")) == "2"


def test_silent_awaiting_cell_is_silent(client: Client) -> None:
    """Top-level await does not make a silent request heard (EXEC-04)."""
    answer = execute(
        client, "import asyncio\nawait asyncio.sleep(0)\nprint('heard')\n1", silent=True
    )

    assert answer.types == ("status", "status")


def test_requests_are_served_while_a_task_runs(client: Client) -> None:
    """A background task that never ends leaves the kernel answering (SHELL-15)."""
    execute(
        client,
        "import asyncio\n"
        "async def forever():\n"
        "    while True: await asyncio.sleep(0)\n"
        "task = asyncio.create_task(forever());",
    )

    for _ in range(20):
        assert is_well(client)
    assert result(execute(client, "task.cancel()")) == "True"


def test_cancelled_cell_is_an_error(client: Client) -> None:
    """A cell whose own task is cancelled fails with CancelledError (EXEC-17)."""
    answer = execute(
        client,
        "import asyncio\nasyncio.current_task().cancel()\nawait asyncio.sleep(1)",
        stop_on_error=False,
    )

    assert failed(answer).ename == error(answer).ename == "CancelledError"
    assert result(execute(client, "await asyncio.sleep(0, 'fine')")) == "'fine'"


def test_awaiting_cell_lets_others_work(client: Client) -> None:
    """While a cell awaits, tasks of earlier cells go on (EXEC-01)."""
    execute(
        client,
        "import asyncio\nasked, given = asyncio.Event(), asyncio.Event()\n"
        "async def serve():\n    await asked.wait(); given.set()\n"
        "task = asyncio.create_task(serve());",
    )

    answer = execute(client, "asked.set()\nawait given.wait()")

    assert result(answer) == "True"


def test_task_from_another_thread_wakes_an_idle_kernel(client: Client) -> None:
    """`run_coroutine_threadsafe` works while no cell runs (EXEC-01)."""
    execute(client, "import asyncio, threading; loop = asyncio.get_running_loop()")
    started = execute(
        client,
        "gate = threading.Event()\n"
        "async def work(): print('scheduled')\n"
        "def run():\n"
        "    gate.wait()\n"
        "    asyncio.run_coroutine_threadsafe(work(), loop).result()\n"
        "it = threading.Thread(target=run); it.start()",
    )
    execute(client, "gate.set()")

    assert origin(client, "scheduled") == started.request.header.msg_id


def test_child_of_asyncio_can_be_awaited(client: Client) -> None:
    """A child process can be awaited, and what it writes is its reader's (EXEC-31)."""
    answer = execute(
        client,
        "import asyncio\n"
        "child = await asyncio.create_subprocess_exec(\n"
        "    'sh', '-c', 'echo piped; echo heard >&2; exit 3', stdout=asyncio.subprocess.PIPE)\n"
        "out, _ = await child.communicate()\n"
        "out, child.returncode",
    )

    assert result(answer) == r"(b'piped\n', 3)"


def test_output_does_not_wait_for_the_end(client: Client) -> None:
    """Output of an awaiting cell arrives while it still awaits (EXEC-31)."""
    running = begin(
        client,
        "import asyncio\nprint('waits')\nhere = asyncio.Event()\n"
        "asyncio.get_running_loop().call_later(0.01, here.set)\nawait here.wait()",
        until="waits",
    )

    assert result(finish(client, running)) == "True"


def test_task_that_exits_ends_nothing(client: Client) -> None:
    """SystemExit in a background task is told, and the kernel goes on (EXEC-17)."""
    exiting = client.execute(
        "import asyncio, sys\nasync def leave(): sys.exit(3)\ntask = asyncio.create_task(leave());",
        timeout=HANG_LIMIT_S,
    )

    # Python 3.13 gives the name and the message colours of their own.
    if "SystemExit" not in exiting.text(StreamName.STDERR):
        origin(client, "SystemExit")
    assert is_well(client)


def test_task_that_exits_ends_an_awaiting_cell(client: Client) -> None:
    """SystemExit in a task ends the cell that awaits meanwhile, and nothing else (EXEC-17)."""
    answer = execute(
        client,
        "import asyncio, sys\n"
        "async def leave(): sys.exit(3)\n"
        "task = asyncio.create_task(leave())\n"
        "await asyncio.sleep(600)",
        stop_on_error=False,
    )

    assert failed(answer).ename == error(answer).ename == "SystemExit"
    assert result(execute(client, "await asyncio.sleep(0, 1)")) == "1"


def test_forked_child_may_run_a_loop(mine: Client) -> None:
    """In a child no loop runs, even if it is the first to import asyncio (EXEC-01)."""
    code = (
        "import os\n"
        "if not (child := os.fork()):\n"
        "    import asyncio\n"
        "    async def f(): return 7\n"
        "    os._exit(asyncio.run(f()))\n"
        "os.waitpid(child, 0)[1] >> 8"
    )

    assert result(execute(mine, code)) == "7"


def test_loop_is_there_when_a_thread_imports_first(mine: Client) -> None:
    """A cell sees the loop that runs, whichever thread has imported asyncio (EXEC-01)."""
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from importlib import import_module\n"
        "with ThreadPoolExecutor() as pool: pool.submit(import_module, 'asyncio').result()\n"
        "import asyncio\n"
        "async def f(): return 'ran'\n"
        "task = asyncio.create_task(f())"
    )
    succeeded(execute(mine, code))

    assert result(execute(mine, "await task")) == "'ran'"


def test_interrupted_import_of_asyncio_can_be_tried_again(mine: Client) -> None:
    """An import that ends midway, wherever, does not take the loop from later cells (EXEC-01)."""
    code = (
        "import sys\n"
        "class Finder:\n"
        "    seen = set()\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name.startswith('asyncio.') and name not in self.seen:\n"
        "            self.seen.add(name)\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Finder())\n"
        "while 'asyncio' not in sys.modules:\n"
        "    try: import asyncio\n"
        "    except KeyboardInterrupt: pass\n"
        "len(Finder.seen) > 20, asyncio.get_running_loop().is_running()"
    )

    assert result(execute(mine, code)) == "(True, True)"
    assert result(execute(mine, "await asyncio.sleep(0, 'slept')")) == "'slept'"


@pytest.mark.parametrize("instead", ["None", "type(sys)('asyncio')"])
def test_cells_run_without_asyncio(mine: Client, instead: str) -> None:
    """A program may keep others from importing it, and let them again (EXEC-01)."""
    execute(mine, f"import sys; sys.modules['asyncio'] = {instead}")

    succeeded(execute(mine, "del sys.modules['asyncio']"))

    assert (
        result(execute(mine, "import asyncio; asyncio.get_running_loop().is_running()")) == "True"
    )


@pytest.mark.parametrize("option", [(), ("--InteractiveShell.loop_runner=asyncio",)])
def test_runner_is_found_by_its_name(tmp_path: Path, option: tuple[str, ...]) -> None:
    """Whoever asks for asyncio gets the loop that runs already (EXEC-01)."""
    with start(tmp_path, *option) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        if not option:
            execute(client, "%autoawait sync\n%autoawait asyncio")

        answer = execute(client, "import asyncio\nawait asyncio.sleep(0, 'slept')")

        assert result(answer) == "'slept'"


def test_threads_may_import_asyncio_at_once(mine: Client) -> None:
    """Whichever of many threads imports it first, the main thread among them (EXEC-01)."""
    code = (
        "import threading\n"
        "def work(): import asyncio\n"
        "threads = [threading.Thread(target=work) for _ in range(8)]\n"
        "for thread in threads: thread.start()\n"
        "import asyncio\n"
        "for thread in threads: thread.join()\n"
        "asyncio.get_running_loop().is_running()"
    )

    assert result(execute(mine, code)) == "True"
