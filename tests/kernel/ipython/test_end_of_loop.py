"""The end of the user's event loop."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from assay.kernel.ipython import _event_loop
from assay.kernel.ipython._event_loop import UserLoop
from assay.kernel.ipython._loop_turns import END_PATIENCE_S
from tests.limits import HANG_LIMIT_S


def test_loop_is_closed_though_a_task_exits() -> None:
    """A task that raises SystemExit when it is cancelled leaves no loop open."""

    async def leave() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            raise SystemExit

    loop = UserLoop()
    task = loop.create_task(leave())
    loop.run_once()

    with pytest.raises(SystemExit):
        loop.end()

    assert isinstance(task.exception(), SystemExit)
    assert loop.is_closed()


def test_task_that_goes_on_is_left_behind(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that swallows its cancellation is named on stderr, and nothing is raised in it any more;
    the others clean up, and the loop is closed."""
    monkeypatch.setattr(_event_loop, "PATIENCE_S", HANG_LIMIT_S)  # for the generator
    now = [0.0]  # goes on where the patience is to end: a task may be slow to clean up
    cleaned: list[str] = []
    swallowed: list[type[BaseException]] = []

    async def swallow() -> None:
        while True:
            try:
                await asyncio.sleep(600)
            except BaseException as error:  # noqa: BLE001 - the test is about that
                swallowed.append(type(error))
                if cleaned:
                    now[0] += max(END_PATIENCE_S)

    async def clean_up() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            await asyncio.sleep(0)
            cleaned.append("task")
            now[0] += max(END_PATIENCE_S)

    async def numbers() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            cleaned.append("generator")

    async def leave() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            raise KeyboardInterrupt

    async def begin() -> None:
        await anext(generator)

    loop, generator = UserLoop(), numbers()
    monkeypatch.setattr(loop, "time", lambda: now[0])
    tasks = [loop.create_task(one) for one in (swallow(), leave(), clean_up(), begin())]
    loop.run_once()

    with pytest.raises(KeyboardInterrupt):
        loop.end()

    assert loop.is_closed()
    assert [task.done() for task in tasks] == [False, True, True, True]
    name = tasks[0].get_name()
    tasks.clear()
    gc.collect()
    assert set(swallowed) == {asyncio.CancelledError}
    assert cleaned == ["task", "generator"]
    (line,) = capsys.readouterr().err.splitlines()
    assert name in line
    assert "swallow" in line
    loop.end()  # once more, where an interrupt came between
