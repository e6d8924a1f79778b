"""The same conversation with `jupyter_client`'s asynchronous client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
from attrs import frozen
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager

from tests.clients._conversation import (
    HANG_LIMIT_S,
    Answer,
    Message,
    await_reply_async,
    environment,
    execute_async,
    process_of,
)

T = TypeVar("T")


@frozen(kw_only=True)
class RunningAsync:
    """A started kernel, its asynchronous manager and a client that is ready."""

    manager: AsyncKernelManager
    client: AsyncKernelClient


class Converse(Protocol):
    """Hold one conversation with a kernel of its own and return what it returns."""

    def __call__(self, conversation: Callable[[RunningAsync], Awaitable[T]]) -> T: ...


@asynccontextmanager
async def started(kernel_name: str, folder: Path) -> AsyncIterator[RunningAsync]:
    """Start a kernel in *folder* and end it on the way out."""
    manager = AsyncKernelManager(kernel_name=kernel_name)
    await manager.start_kernel(cwd=str(folder), env=environment())
    client = manager.client()
    try:
        client.start_channels()
        await client.wait_for_ready(timeout=HANG_LIMIT_S)
        yield RunningAsync(manager=manager, client=client)
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)


@pytest.fixture
def converse(kernel_name: str, tmp_path: Path) -> Converse:
    """A function that holds a conversation in an event loop of its own."""

    def hold(conversation: Callable[[RunningAsync], Awaitable[T]]) -> T:
        async def main() -> T:
            async with started(kernel_name, tmp_path) as running:
                return await conversation(running)

        return asyncio.run(main())

    return hold


async def ask(client: AsyncKernelClient, request: str, **arguments: Any) -> Message:
    """Send the *request* named as the client's method is, and return its reply's content."""
    channel = "control" if request == "shutdown" else "shell"
    reply = await await_reply_async(client, getattr(client, request)(**arguments), channel)
    content: Message = reply["content"]
    return content


def test_result_is_published(converse: Converse) -> None:
    """The value of the last expression is published as the result."""

    async def conversation(running: RunningAsync) -> Answer:
        return await execute_async(running.client, "6 * 7")

    answer = converse(conversation)

    assert answer.types == ["status", "execute_input", "execute_result", "status"]


def test_streams_stay_apart(converse: Converse) -> None:
    """Standard output and standard error arrive as two streams."""

    async def conversation(running: RunningAsync) -> Answer:
        return await execute_async(
            running.client, "import sys; print('out'); print('err', file=sys.stderr)"
        )

    answer = converse(conversation)

    assert (answer.text("stdout"), answer.text("stderr")) == ("out\n", "err\n")


def test_error_is_replied(converse: Converse) -> None:
    """The error of a cell comes in its reply."""

    async def conversation(running: RunningAsync) -> Answer:
        return await execute_async(running.client, "{}['missing']")

    answer = converse(conversation)

    assert (answer.content["ename"], answer.content["evalue"]) == ("KeyError", "'missing'")


def test_requests_sent_at_once_are_all_answered(converse: Converse) -> None:
    """Cells that are sent without waiting run in order and are each answered."""

    async def conversation(running: RunningAsync) -> list[int]:
        asked = [running.client.execute("pass") for _ in range(50)]
        counts: list[int] = []
        while len(counts) < len(asked):
            reply = await running.client.get_shell_msg(timeout=HANG_LIMIT_S)
            # The client asks for kernel_info each second until the kernel is there.
            if reply["parent_header"]["msg_id"] in asked:
                counts.append(reply["content"]["execution_count"])
        return counts

    counts = converse(conversation)

    assert counts == list(range(1, 51))


def test_questions_are_answered(converse: Converse) -> None:
    """Every kind of question has its reply, and each reply is ok."""

    async def conversation(running: RunningAsync) -> list[Message]:
        client = running.client
        await execute_async(client, "sample_name = 1")
        return [
            await ask(client, "kernel_info"),
            await ask(client, "complete", code="sample_na"),
            await ask(client, "inspect", code="sample_name"),
            await ask(client, "history", hist_access_type="tail", n=1),
            await ask(client, "comm_info"),
            await ask(client, "is_complete", code="if 1:"),
        ]

    info, completion, inspection, history, comms, completeness = converse(conversation)

    assert info["language_info"]["name"] == "python"
    assert completion["matches"] == ["sample_name"]
    assert inspection["found"] is True
    assert [line[2] for line in history["history"]] == ["sample_name = 1"]
    assert comms["comms"] == {}
    assert completeness == {"status": "incomplete", "indent": "    "}


def test_kernel_info_is_answered_on_control_while_a_cell_runs(converse: Converse) -> None:
    """The control channel answers while user code keeps the shell channel busy."""

    async def conversation(running: RunningAsync) -> Message:
        client = running.client
        client.execute("print('running', flush=True)\nwhile True:\n    pass")
        while (await client.get_iopub_msg(timeout=HANG_LIMIT_S))["msg_type"] != "stream":
            pass
        client.control_channel.send(client.session.msg("kernel_info_request"))
        reply: Message = await client.get_control_msg(timeout=HANG_LIMIT_S)
        return reply

    reply = converse(conversation)

    assert (reply["msg_type"], reply["content"]["status"]) == ("kernel_info_reply", "ok")


def test_input_comes_from_the_client(converse: Converse) -> None:
    """Two prompts of one cell are each answered by the client."""

    async def conversation(running: RunningAsync) -> Answer:
        answers = iter(["6", "7"])
        return await execute_async(
            running.client,
            "int(input()) * int(input())",
            allow_stdin=True,
            stdin_hook=lambda _: running.client.input(next(answers)),
        )

    answer = converse(conversation)

    (result,) = answer.contents("execute_result")
    assert result["data"]["text/plain"] == "42"


def test_interrupt_ends_the_cell(converse: Converse) -> None:
    """A running cell that is interrupted fails, and all its output has arrived."""

    async def conversation(running: RunningAsync) -> Answer:
        published: list[Message] = []
        interrupts: list[asyncio.Future[None]] = []

        def interrupt_when_running(message: Message) -> None:
            published.append(message)
            if message["msg_type"] == "stream":
                interrupts.append(asyncio.ensure_future(running.manager.interrupt_kernel()))

        answer = await execute_async(
            running.client,
            "print('running', flush=True)\nwhile True:\n    pass",
            output_hook=interrupt_when_running,
        )
        await asyncio.gather(*interrupts)
        return Answer(reply=answer.reply, published=published)

    answer = converse(conversation)

    assert (answer.content["ename"], answer.text()) == ("KeyboardInterrupt", "running\n")


def test_restart_forgets(converse: Converse) -> None:
    """A restarted kernel counts from one and has no old names."""

    async def conversation(running: RunningAsync) -> Answer:
        await execute_async(running.client, "old = 1")
        await running.manager.restart_kernel()
        await running.client.wait_for_ready(timeout=HANG_LIMIT_S)
        return await execute_async(running.client, "old")

    answer = converse(conversation)

    assert (answer.content["ename"], answer.content["execution_count"]) == ("NameError", 1)


def test_shutdown_ends_the_process(converse: Converse) -> None:
    """A kernel that is asked to shut down replies and exits with code zero."""

    async def conversation(running: RunningAsync) -> tuple[Message, int]:
        process = process_of(running.manager)
        content = await ask(running.client, "shutdown")
        code = await asyncio.to_thread(process.wait, HANG_LIMIT_S)
        return content, code

    content, code = converse(conversation)

    assert (content, code) == ({"status": "ok", "restart": False}, 0)
