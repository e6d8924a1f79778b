"""The end of the user's event loop."""

from __future__ import annotations

import asyncio

import pytest

from assay.kernel.ipython._event_loop import UserLoop


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
