"""The tables of docs/interrupts.md about the end: its ways, and what becomes of what is there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assay.protocol import (
    Channel,
    CreateSubshellReply,
    CreateSubshellRequest,
    ErrorReply,
    ExecuteRequest,
    ShutdownRequest,
)
from assay.transport import Client, Exchange, KernelEndedError, KernelProcess
from tests.ends import End, watched_end
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    argv,
    be_patient,
    begin,
    execute,
    start,
    succeeded,
    text_of,
)
from tests.kernel._probe import LOAD

DOCS = Path(__file__).parents[3] / "docs" / "interrupts.md"

SETTING = """\
probe.interrupt_once_at_the_end(); del probe, runpy
import asyncio, atexit, os, subprocess, threading, time
gate = threading.Event()

def mark(name, os=os):  # the namespace is emptied before the last of them
    os.close(os.open(os.path.join({folder!r}, name), os.O_CREAT))

def work(mark=mark):
    gate.wait()
    mark("threads")

async def stay(mark=mark):
    try: await asyncio.sleep(600)
    finally: mark("tasks")

threading.Thread(target=work).start()
atexit.register(gate.set)
atexit.register(mark, "exit functions")
task = asyncio.create_task(stay())
with open({pipe!r}, "wb") as end: subprocess.Popen(["sleep", "600"], stdout=end)
await asyncio.sleep(0)
"""
"""What is there besides cells, each leaving a mark when it ends as it should."""

CELL = "try:\n    print('begun')\n    while True: pass\nfinally: mark({name!r})"


class Full:
    """A kernel with all that the table names.

    Args:
        kernel: Of the test's own.
        client: A client of it.
        folder: Where the marks are.
        end: Says when the child process has ended.
    """

    def __init__(self, kernel: KernelProcess, client: Client, folder: Path, end: End) -> None:
        self.kernel, self.client, self._folder, self._end = kernel, client, folder, end
        be_patient(client)
        code = LOAD + SETTING.format(folder=str(folder), pipe=str(end.path))
        succeeded(execute(client, code))
        created = client.request(
            CreateSubshellRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S
        ).content
        assert isinstance(created, CreateSubshellReply)
        self._main = begin(client, CELL.format(name="a cell"), until="begun")
        self._sub = self._start(CELL.format(name="a subshell's cell"), created.subshell_id)
        client.wait_until(
            lambda: "begun" in text_of(self._sub.published), awaited="begun", timeout=HANG_LIMIT_S
        )
        self._waiting = self._start("mark('cells that wait')", None)

    def _start(self, code: str, subshell: str | None) -> Exchange:
        return self.client.start(ExecuteRequest(code=code), subshell_id=subshell)

    def found(self) -> dict[str, str]:
        """Return what has become of each thing, in the words of the docs."""
        for exchange in (self._main, self._sub, self._waiting):
            try:
                self.client.finish(exchange, timeout=HANG_LIMIT_S)
            except KernelEndedError:
                continue
        self._end.wait()
        marks = {path.name for path in self._folder.iterdir()}
        return {
            "a cell": _cell("a cell" in marks, self._main),
            "a subshell's cell": _cell("a subshell's cell" in marks, self._sub),
            "cells that wait": f"{'are run' if 'cells that wait' in marks else 'are not run'}, "
            f"{'and answered' if self._waiting.reply is not None else 'and not answered'}",
            "threads": "are waited for" if "threads" in marks else "are left",
            "exit functions": "run" if "exit functions" in marks else "do not run",
            "tasks": "are cancelled, and clean up" if "tasks" in marks else "are left",
            "child processes": "get SIGTERM",
        }


def _cell(is_interrupted: bool, exchange: Exchange) -> str:
    is_answered = exchange.reply is not None and isinstance(exchange.reply.content, ErrorReply)
    return (
        f"{'is interrupted' if is_interrupted else 'is left'}, "
        f"{'and answered' if is_answered else 'and not answered'}"
    )


def by_request(full: Full, _: subprocess.Popen[bytes]) -> None:
    """Send shutdown_request on control, and wait for its reply."""
    full.client.request(ShutdownRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)


def by_signal(number: signal.Signals) -> Callable[[Full, subprocess.Popen[bytes]], None]:
    """Return what sends that signal."""
    return lambda full, _: os.kill(full.kernel.pid, number)


def by_parent(_: Full, parent: subprocess.Popen[bytes]) -> None:
    """End the process that the kernel takes for its launcher."""
    parent.kill()
    parent.wait()


WAYS = {
    "`shutdown_request`": by_request,
    "SIGTERM": by_signal(signal.SIGTERM),
    "SIGHUP": by_signal(signal.SIGHUP),
    "the end of the process that started it": by_parent,
}


def table(name: str) -> dict[str, list[str]]:
    """Return the rows of a table of the docs, by their first cell."""
    text = DOCS.read_text("utf-8")
    (lines,) = re.findall(rf"<!-- the table of {name}.*?-->(.*?)<!-- end", text, re.DOTALL)
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines.strip().splitlines()[2:]
    ]
    return {first: rest for first, *rest in rows}


@contextmanager
def launcher() -> Iterator[subprocess.Popen[bytes]]:
    """Start what a kernel may take for the process that started it; it ends with the block."""
    with subprocess.Popen(["sleep", "600"]) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("way", WAYS)
def test_kernel_ends_as_the_docs_say(tmp_path: Path, way: str) -> None:
    """Its exit code, and what becomes of all that is there (CTRL-05, CTRL-06, decision 0007)."""
    (marks := tmp_path / "marks").mkdir()
    with (
        watched_end(tmp_path) as end,
        launcher() as parent,
        start(tmp_path, command=["env", f"JPY_PARENT_PID={parent.pid}", *argv()]) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        full = Full(kernel, client, marks, end)
        WAYS[way](full, parent)
        exit_code = kernel.wait(HANG_LIMIT_S)
        found = full.found()

    assert table("ways to end")[way] == [str(exit_code)]
    column = 0 if way == "`shutdown_request`" else 1
    assert {what: said[column] for what, said in table("what ends").items()} == found


def test_tables_name_all_ways() -> None:
    """No way is in the docs that has no test."""
    assert list(table("ways to end")) == list(WAYS)
