"""Kernels under test, started in a folder of their own, and what requests to them bring."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache, partial
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

from assay import _platform
from assay.protocol import (
    DELIMITER,
    UNSET,
    Buffer,
    Channel,
    ConnectionFile,
    Content,
    Error,
    ErrorReply,
    ExecuteReply,
    ExecuteRequest,
    ExecuteResult,
    ExecutionState,
    InputRequest,
    InterruptReply,
    InterruptRequest,
    Json,
    KernelInfoRequest,
    MsgId,
    Status,
    Stream,
    StreamName,
    UnsetType,
    encode_json,
)
from assay.transport import Answer, Client, Exchange, KernelProcess, OnInput, Received, launch
from assay.transport import _launcher as launcher
from tests.forks import ForkedChild, ForkServer
from tests.kernel._probe import LOAD
from tests.limits import HANG_LIMIT_S as HANG_LIMIT_S  # noqa: PLC0414 - passed on

C = TypeVar("C", bound=Content)


FOLDERS = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "HOME")
"""Where a kernel would otherwise find what the person at this machine has configured."""

IMPORTED = ("assay.kernel._main", "assay.kernel.ipython._interpreter")
"""What a kernel imports before its first cell, and nothing that it might import later."""


def argv(*options: str) -> list[str]:
    """Return the command that starts the kernel under test."""
    return [sys.executable, "-P", "-m", "assay", "kernel", "-f", "{connection_file}", *options]


def start(
    folder: Path,
    *options: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    connection: ConnectionFile | None = None,
    command: Sequence[str] = (),
) -> AbstractContextManager[KernelProcess]:
    """Start a kernel that finds nothing but what is in *folder*."""
    homes = {name: str(folder / name.lower()) for name in FOLDERS}
    for home in homes.values():
        Path(home).mkdir(parents=True, exist_ok=True)
    # A kernel is no test.
    cleared = {"PYTEST_CURRENT_TEST": "", "MPLBACKEND": ""}
    work = cwd or folder / "work"
    work.mkdir(exist_ok=True)
    return launch(
        list(command) or argv(*options),
        kernel_chooses_ports=True,
        connection=connection,
        env={**homes, **cleared, **(env or {})},
        cwd=work,
    )


def start_forked(folder: Path) -> AbstractContextManager[KernelProcess]:
    """As `start`, for what is not about the start: forked from a process that has imported IPython.

    To import it is two thirds of what a kernel costs that runs one cell. Only where `--portable`
    hides nothing: elsewhere a fork is not safe.
    """
    if sys.platform == "linux" and not _platform.IS_PORTABLE:
        with patch.object(launcher, "ChildProcess", partial(ForkedChild, fork_server())):
            return start(folder)
    return start(folder)


@cache
def fork_server() -> ForkServer:
    """Return what kernels are forked from, as long as the tests run."""
    server = ForkServer("assay", *IMPORTED)
    atexit.register(server.close)
    return server


def execute(
    client: Client,
    code: str,
    *,
    silent: bool = False,
    store_history: bool | UnsetType = UNSET,
    user_expressions: Mapping[str, str] | None = None,
    stop_on_error: bool = True,
    on_input: OnInput | None = None,
) -> Answer:
    """Run *code* and wait for its end."""
    return _faultless(
        client.execute(
            code,
            silent=silent,
            store_history=store_history,
            user_expressions=user_expressions,
            stop_on_error=stop_on_error,
            on_input=on_input,
            timeout=HANG_LIMIT_S,
        )
    )


def be_patient(client: Client) -> None:
    """Let the kernel wait for its exit functions as long as a test may take."""
    code = f"{LOAD}probe.allow_for_shutdown({HANG_LIMIT_S}); del probe, runpy"
    succeeded(execute(client, code, silent=True))


def begin(
    client: Client,
    code: str,
    *,
    until: str = "",
    allow_stdin: bool = False,
    stop_on_error: bool = True,
) -> Exchange:
    """Send *code* to be run and return once it has printed *until*."""
    exchange = client.start(
        ExecuteRequest(code=code, allow_stdin=allow_stdin, stop_on_error=stop_on_error)
    )
    if until:
        client.wait_until(
            lambda: until in text_of(exchange.published),
            awaited=f"{until!r} on stdout",
            timeout=HANG_LIMIT_S,
        )
    return exchange


def interrupt(client: Client) -> None:
    """Interrupt what runs, by a message, and wait for the reply."""
    answer = client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
    assert isinstance(answer.content, InterruptReply), answer.content


def finish(client: Client, exchange: Exchange) -> Answer:
    """Wait for the end of what `begin` began."""
    return _faultless(client.finish(exchange, timeout=HANG_LIMIT_S))


def succeeded(answer: Answer) -> ExecuteReply:
    """Return the reply of a cell that ran to its end."""
    assert isinstance(answer.content, ExecuteReply), answer.content
    return answer.content


def failed(answer: Answer) -> ErrorReply:
    """Return the reply of a request that failed."""
    assert isinstance(answer.content, ErrorReply), answer.content
    return answer.content


def only(answer: Answer, kind: type[C]) -> C:
    """Return the one published content of class *kind*."""
    (content,) = answer.contents(kind)
    return content


def result(answer: Answer) -> Json:
    """Return the plain text of the cell's result."""
    assert isinstance(answer.content, ExecuteReply), answer.content
    return only(answer, ExecuteResult).data["text/plain"]


def error(answer: Answer) -> Error:
    """Return the one published error."""
    return only(answer, Error)


def value(client: Client, expression: str) -> Json:
    """Return the plain text of *expression*, evaluated without any other trace."""
    reply = succeeded(execute(client, "", silent=True, user_expressions={"it": expression}))
    found = reply.user_expressions["it"]
    assert found["status"] == "ok", found
    data: Json = found["data"]
    assert isinstance(data, Mapping)
    return data["text/plain"]


def text_of(published: Sequence[Received], stream: StreamName = StreamName.STDOUT) -> str:
    """Return all that *published* holds of a stream's text."""
    contents = [received.content for received in published]
    return "".join(c.text for c in contents if isinstance(c, Stream) and c.name is stream)


def outputs(answer: Answer) -> list[str]:
    """Return in order what was shown: names of streams, each once in a row, and message types.

    How much text makes one message is nobody's promise.
    """
    names: list[str] = []
    for received in answer.published:
        content = received.content
        name = str(content.name) if isinstance(content, Stream) else received.msg_type
        repeats = isinstance(content, Stream) and names[-1:] == [name]
        if name not in {"status", "execute_input"} and not repeats:
            names.append(name)
    return names


def heard_meanwhile(client: Client) -> list[Received]:
    """Return what IOPub has brought for requests of others, or late for our own."""
    heard = client.waiting(Channel.IOPUB)
    return [received for received in heard if received.parent_header is not None]


def origin(client: Client, text: str) -> MsgId:
    """Wait for a stream message that holds *text*; return the id of the request it belongs to."""
    while True:
        received = client.receive(Channel.IOPUB, HANG_LIMIT_S)
        if isinstance(received.content, Stream) and text in received.content.text:
            assert received.parent_header is not None
            return received.parent_header.msg_id


def states(published: Sequence[Received]) -> list[ExecutionState]:
    """Return the execution states in *published*."""
    contents = [received.content for received in published]
    return [content.execution_state for content in contents if isinstance(content, Status)]


def is_well(client: Client) -> bool:
    """Return True once the kernel has answered on shell and on control."""
    for channel in (Channel.SHELL, Channel.CONTROL):
        client.request(KernelInfoRequest(), channel=channel, timeout=HANG_LIMIT_S)
    return True


def answering(*lines: str) -> tuple[OnInput, list[InputRequest]]:
    """Return a function that answers prompts with *lines*, and the list of what it was asked."""
    asked: list[InputRequest] = []
    waiting = iter(lines)

    def answer(request: InputRequest) -> str:
        asked.append(request)
        return next(waiting)

    return answer, asked


def frames(
    client: Client, msg_type: str, content: Json, *, header: Mapping[str, Json] | None = None
) -> list[bytes]:
    """Return the signed frames of a message with any *content*, right or wrong.

    Args:
        client: Signs.
        msg_type: The header's type.
        content: Any JSON.
        header: Keys to change in the header; those that are None are left out.
    """
    own = client.session.header(msg_type)
    changed: dict[str, Json] = {
        "msg_id": str(own.msg_id),
        "session": str(own.session),
        "username": "",
        "date": str(own.date),
        "msg_type": msg_type,
        "version": str(own.version),
    } | dict(header or {})
    dicts: list[Json] = [
        {key: item for key, item in changed.items() if item is not None},
        {},
        {},
        content,
    ]
    return signed(client, [encode_json(part) for part in dicts])


def signed(client: Client, parts: Sequence[bytes], buffers: Sequence[Buffer] = ()) -> list[bytes]:
    """Return the frames of a message whose four dicts are *parts*, signed as they are."""
    header, parent, metadata, content = parts
    signature = client.session.signer.sign(header, parent, metadata, content)
    return [DELIMITER, signature, *parts, *(bytes(buffer) for buffer in buffers)]


def _faultless(answer: Answer) -> Answer:
    """Return *answer*, all of whose contents are what their types say."""
    faults = [part.fault for part in (answer.reply, *answer.published) if part.fault is not None]
    assert not faults
    assert answer.types[0] == answer.types[-1] == "status"
    assert states(answer.published) == [ExecutionState.BUSY, ExecutionState.IDLE]
    return answer
