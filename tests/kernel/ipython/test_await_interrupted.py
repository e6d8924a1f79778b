"""Interrupts of cells that await what does not end: code that lets nothing else run, and code that
swallows its cancellation (CTRL-11)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from assay.kernel.ipython._event_loop import PATIENCE_S, STILL_RUNS, UserLoop
from assay.protocol import Error, StreamName
from assay.transport import Client, KernelProcess
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    begin,
    execute,
    failed,
    finish,
    result,
    start,
    succeeded,
    text_of,
)

BEGIN = "import asyncio\nprint('runs', flush=True)\n"

ONE_IS_ENOUGH = {
    "task that awaits nothing": "async def f():\n    while True: pass\n"
    "await asyncio.create_task(f())",
    "callback that does not end": "def f():\n    while True: pass\n"
    "asyncio.get_running_loop().call_soon(f); await asyncio.sleep(600)",
    "task that swallows CancelledError": "async def f():\n    while True:\n"
    "        try: await asyncio.sleep(0.01)\n        except asyncio.CancelledError: pass\n"
    "await asyncio.create_task(f())",
    "task that swallows everything": "async def f():\n    while True:\n"
    "        try: await asyncio.sleep(0.01)\n        except BaseException: pass\n"
    "await asyncio.create_task(f())",
    "one task of a group": "async def f():\n    while True: pass\n"
    "async with asyncio.TaskGroup() as group:\n"
    "    group.create_task(asyncio.sleep(600)); group.create_task(f())",
    "several": "async def f():\n    while True: await asyncio.sleep(0)\n"
    "await asyncio.gather(f(), f(), asyncio.sleep(600))",
    "shielded task": "await asyncio.shield(asyncio.create_task(asyncio.sleep(600)))",
}


@pytest.mark.parametrize("kind", sorted(ONE_IS_ENOUGH))
def test_one_interrupt_ends_the_cell(
    shared_kernel: KernelProcess, client: Client, kind: str
) -> None:
    """Whatever other code stands on the loop, the cell ends, once, in its own code."""
    running = begin(client, BEGIN + ONE_IS_ENOUGH[kind], until="runs")
    shared_kernel.interrupt()
    answer = finish(client, running)
    after = execute(client, "for task in asyncio.all_tasks(): task.cancel()\n1")

    assert failed(answer).ename == "KeyboardInterrupt"
    assert "Cell" in "".join(answer.contents(Error)[0].traceback)
    assert len(answer.contents(Error)) == 1
    assert result(after) == "1"
    count = failed(answer).execution_count
    assert isinstance(count, int)
    assert succeeded(after).execution_count == count + 1


ONCE_IT_WAITS = """
import asyncio
asyncio.get_running_loop().call_soon(lambda: print('runs', flush=True))
"""
"""An interrupt that strikes the cell's own code is raised in it, and ends it or is swallowed."""

SECOND = {
    "cleans up": "try: await asyncio.sleep(600)\nfinally: await asyncio.sleep(600)",
    "swallows CancelledError": "while True:\n    try: await asyncio.sleep(600)\n"
    "    except asyncio.CancelledError: pass",
    "swallows everything": "while True:\n    try: await asyncio.sleep(600)\n"
    "    except BaseException: pass",
}


@pytest.mark.parametrize("kind", sorted(SECOND))
def test_cell_that_goes_on_is_told_of(
    shared_kernel: KernelProcess, client: Client, kind: str
) -> None:
    """A cell may clean up as long as it likes: a line says so, and the next interrupt ends
    it where it waits."""
    running = begin(client, ONCE_IT_WAITS + SECOND[kind], until="runs")
    shared_kernel.interrupt()
    client.wait_until(
        lambda: "Interrupt it again" in text_of(running.published, StreamName.STDERR),
        awaited="what is said of a cell that goes on",
        timeout=HANG_LIMIT_S,
    )
    shared_kernel.interrupt()
    answer = finish(client, running)

    assert failed(answer).ename == "KeyboardInterrupt"
    said = answer.text(StreamName.STDERR)
    assert ("goes on in the background" in said) == (kind == "swallows everything")
    assert result(execute(client, "await asyncio.sleep(0, 1)")) == "1"


def test_interrupted_exec_leaves_the_exit_code_alone(tmp_path: Path) -> None:
    """Python notes the interrupt of a string that is executed, to end by SIGINT itself; a kernel
    that is shut down ends with its own code all the same."""
    with start(tmp_path) as kernel:
        with kernel.client(timeout=HANG_LIMIT_S) as client:
            code = """exec("print('runs', flush=True)\\nwhile True: pass")"""
            running = begin(client, code, until="runs")
            kernel.interrupt()
            assert failed(finish(client, running)).ename == "KeyboardInterrupt"

        assert kernel.shutdown() == 0


def test_interrupt_of_what_blocks_the_loop_reports_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The cell is cancelled by the loop and by what was raised in it, and that is one interrupt."""
    loop = UserLoop()

    async def block() -> None:
        assert loop.interrupt()  # as the signal's handler does, and raises when it looks again
        raise KeyboardInterrupt

    async def cell() -> None:
        blocking = loop.create_task(block())
        try:
            await loop.create_future()
        finally:
            with suppress(KeyboardInterrupt):
                await blocking
            await asyncio.sleep(2 * PATIENCE_S)

    loop.enter_cell()
    with pytest.raises(KeyboardInterrupt):
        loop.run_cell(cell())
    loop.leave_cell()
    loop.end()

    assert capsys.readouterr().err == f"{STILL_RUNS}\n"
