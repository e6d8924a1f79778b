"""The table of docs/interrupts.md: what an interrupt does to whatever runs, by both ways."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from assay.protocol import (
    Channel,
    CommInfoRequest,
    CreateSubshellReply,
    CreateSubshellRequest,
    DeleteSubshellRequest,
    ExecuteInput,
    ExecuteRequest,
    InterruptReply,
    InterruptRequest,
    StreamName,
)
from assay.transport import Client, Exchange, KernelProcess
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    error,
    execute,
    failed,
    finish,
    only,
    result,
    states,
    succeeded,
    text_of,
)

DOCS = Path(__file__).parents[3] / "docs" / "interrupts.md"

AT_ONCE, LATER = "stops it", "stops it when that returns"


@frozen
class Row:
    """A cell that does not end by itself, and what an interrupt does to it."""

    code: str
    effect: str = AT_ONCE
    freeing: str = ""
    """Lets what it waits for return; run in another subshell."""
    in_subshell: bool = False


MUTEX = "libc.pthread_mutex_lock(mutex)"
"""Of the system: no signal ends the wait for it."""

ROWS = {
    "a loop": Row("while True: pass"),
    "`time.sleep`": Row("time.sleep(600)"),
    "`await asyncio.sleep`": Row("await asyncio.sleep(600)"),
    "a loop that awaits": Row("while True: await asyncio.sleep(0)"),
    "`gather`": Row("await asyncio.gather(*[asyncio.sleep(600) for _ in range(9)])"),
    "`TaskGroup`": Row(
        "async with asyncio.TaskGroup() as group:\n"
        "    for _ in range(9): group.create_task(asyncio.sleep(600))"
    ),
    "a task that it awaits": Row("await asyncio.create_task(asyncio.sleep(600))"),
    "a task behind it": Row("behind = asyncio.create_task(asyncio.sleep(600))\nwhile True: pass"),
    "`to_thread`": Row("await asyncio.to_thread(gate.wait)"),
    "a subprocess": Row("subprocess.run(['sleep', '600'])"),
    "a shell command": Row("get_ipython().system('sleep 600')"),
    "`input()`": Row("input()"),
    "a wait for a lock": Row("gate.wait()"),
    "the debugger's prompt": Row("breakpoint()\n1"),
    "C code that lets signals end it": Row("os.read(os.pipe()[0], 1)"),
    "C code that frees the interpreter": Row(
        f"{MUTEX}; print('begun'); {MUTEX}", LATER, "libc.pthread_mutex_unlock(mutex)"
    ),
    "C code that holds the interpreter": Row(
        "holding.usleep(200_000)\nwhile True: pass", LATER, "pass"
    ),
    "a subshell's loop": Row("while True: pass", in_subshell=True),
    "a subshell's `time.sleep`": Row("time.sleep(600)", in_subshell=True),
    "a subshell's `await`": Row("await asyncio.sleep(600)", in_subshell=True),
    "a subshell's `asyncio.run`": Row("asyncio.run(asyncio.sleep(600))", in_subshell=True),
    "a subshell's `trio.run`": Row("trio.run(trio.sleep, 600)", in_subshell=True),
    "a subshell's `input()`": Row("input()", in_subshell=True),
    # By SIGINT to both, the process may be gone a moment before the cell is struck.
    "a subshell's subprocess": Row(
        "subprocess.run(['sleep', '600'])\nwhile True: pass", in_subshell=True
    ),
    "a subshell's wait for an event": Row("gate.wait()", in_subshell=True),
    "a subshell's wait for a lock": Row(
        "lock.acquire(); lock.acquire()", LATER, "lock.release()", in_subshell=True
    ),
}

ELSEWHERE = {"nothing", "a comm handler", "a completion"}
"""Rows that are no cells; ``test_interrupt.py`` has their tests."""

SETTING = """\
import asyncio, ctypes, os, subprocess, threading, time, trio
gate, lock = threading.Event(), threading.Lock()
mutex = ctypes.create_string_buffer(64)
libc, holding = ctypes.CDLL(None), ctypes.PyDLL(None)
await asyncio.sleep(0)
"""


def by_message(_: KernelProcess, client: Client) -> None:
    """Send interrupt_request on control and wait for its reply."""
    answer = client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
    assert isinstance(answer.content, InterruptReply)


def by_signal(kernel: KernelProcess, _: Client) -> None:
    """Send SIGINT as a terminal does: to the kernel and all its children."""
    os.killpg(kernel.pid, signal.SIGINT)


@pytest.fixture
def sub(client: Client) -> Iterator[str]:
    """A subshell."""
    created = client.request(
        CreateSubshellRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S
    ).content
    assert isinstance(created, CreateSubshellReply)
    yield created.subshell_id
    client.request(
        DeleteSubshellRequest(subshell_id=created.subshell_id),
        channel=Channel.CONTROL,
        timeout=HANG_LIMIT_S,
    )


def start(client: Client, code: str, shell: str | None) -> Exchange:
    """Send a cell."""
    return client.start(ExecuteRequest(code=code, allow_stdin=True), subshell_id=shell)


@pytest.mark.parametrize("way", [by_message, by_signal])
@pytest.mark.parametrize("what", ROWS)
def test_cell_is_interrupted(
    shared_kernel: KernelProcess, client: Client, sub: str, what: str, way: object
) -> None:
    """One KeyboardInterrupt ends the cell (CTRL-09, CTRL-11, EXEC-30, SUBSHELL-20), what is queued
    is aborted (EXEC-20), no task is left, and the next cell runs under the next number."""
    assert callable(way)
    row = ROWS[what]
    shell = sub if row.in_subshell else None
    succeeded(execute(client, SETTING))
    cell = start(client, f"print('begun')\n{row.code}", shell)
    client.wait_until(
        lambda: "begun" in text_of(cell.published), awaited="begun", timeout=HANG_LIMIT_S
    )
    queued = [start(client, "'queued'", shell) for _ in range(2)]
    # They have come when what was sent behind them is answered, which another shell does.
    other = None if row.in_subshell else sub
    client.request(CommInfoRequest(), subshell_id=other, timeout=HANG_LIMIT_S)

    way(shared_kernel, client)
    if row.freeing:
        free(client, cell, row, other)
    answer = finish(client, cell)

    assert failed(answer).ename == error(answer).ename == "KeyboardInterrupt"
    assert not any("assay" in line for line in error(answer).traceback)
    for behind in queued:
        aborted = finish(client, behind)
        assert failed(aborted).ename == "ExecutionAborted"
        assert states(aborted.published) == ["busy", "idle"]
    after = finish(client, start(client, "gate.set(); len(asyncio.all_tasks())", shell))
    assert result(after) == ("1" if what == "a task behind it" else "0")
    number = only(answer, ExecuteInput).execution_count
    assert failed(answer).execution_count == number
    assert succeeded(after).execution_count == number + 1
    succeeded(execute(client, "[task.cancel() for task in asyncio.all_tasks()]"))


def free(client: Client, cell: Exchange, row: Row, other: str | None) -> None:
    """Let the cell's wait end, once the client has been told what can be told."""
    if "usleep" in row.code:
        return
    client.wait_until(
        lambda: "and goes on" in text_of(cell.published, StreamName.STDERR),
        awaited="the report",
        timeout=HANG_LIMIT_S,
    )
    content = ExecuteRequest(code=row.freeing, silent=True)
    succeeded(finish(client, client.start(content, subshell_id=other)))


def test_table_is_that_of_the_docs() -> None:
    """Each row of the docs has a test, and says what the test says."""
    text = DOCS.read_text("utf-8")
    (table,) = re.findall(r"<!-- the table of interrupts.*?-->(.*?)<!-- end", text, re.DOTALL)
    cells = [line.strip("|").split("|") for line in table.strip().splitlines()[2:]]
    rows = {what.strip(): effect.strip() for what, effect, _ in cells}

    assert {what: effect for what, effect in rows.items() if what not in ELSEWHERE} == {
        what: row.effect for what, row in ROWS.items()
    }
    assert set(rows) >= ELSEWHERE
