"""The floors: a process that answers like a kernel and does none of a kernel's work.

`echo` sends frames that were made before, with the request's header as the parent, unread and
unsigned. `echo-json` reads and verifies each request, and makes, encodes and signs each message
anew. What a kernel needs beyond the second is its own; what is below the first is ZeroMQ.

Run as `python -m benchmarks.floor NAME CONNECTION_FILE`.
"""

from __future__ import annotations

import itertools
import re
import sys
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import zmq

from benchmarks import snippets
from benchmarks.wire import DATE, DECODER, DELIMITER, ENCODER, PROTOCOL_VERSION, Json, signature

CHUNK: Final = 1 << 16
"""Characters of printed lines in one message."""
COUNT: Final = re.compile(r"range\((\d+)\)")

JSON_FRAMES: Final = 7
"""Identity, delimiter, signature and the four JSON frames; buffers follow."""

Frame = bytes | zmq.Frame
Send = Callable[[list[Frame]], object]
Published = tuple[str, Json]
"""A type and a content."""

INFO: Final[Json] = {
    "status": "ok",
    "protocol_version": PROTOCOL_VERSION,
    "implementation": "floor",
    "implementation_version": "1",
    "language_info": {
        "name": "none",
        "version": "0",
        "mimetype": "text/plain",
        "file_extension": ".txt",
        "pygments_lexer": "text",
        "codemirror_mode": {"name": "text", "version": 1},
    },
    "banner": "Answers without doing anything.\n" * 4,
    "help_links": [],
}
EXECUTED: Final[Json] = {
    "status": "ok",
    "execution_count": 1,
    "user_expressions": {},
    "payload": [],
}
REPLIES: Final[dict[str, Json]] = {
    "kernel_info": INFO,
    "execute": EXECUTED,
    "shutdown": {"status": "ok", "restart": False},
    "interrupt": {"status": "ok"},
}
BUSY: Final[Json] = {"execution_state": "busy"}
IDLE: Final[Json] = {"execution_state": "idle"}
NOTHING: Final[Json] = {}


class Maker(Protocol):
    """Makes the frames of one message; the two floors differ in nothing else."""

    def read(self, frames: Sequence[bytes]) -> None:
        """Look at a request, as far as this floor does."""

    def echo(self, frames: Sequence[bytes]) -> list[Frame]:
        """Return a comm message with the content of the request *frames*."""

    def make(self, msg_type: str, parent: Sequence[bytes], content: Json) -> list[Frame]:
        """Return the frames of a message whose parent is the request *parent*."""


class Prepared:
    """The floor `echo`: every frame but the parent is made once."""

    def __init__(self) -> None:
        """Begin with nothing prepared."""
        self._headers: dict[str, bytes] = {}
        self._contents: dict[int, tuple[Json, bytes]] = {}
        self._signature = b"0" * 64

    def read(self, frames: Sequence[bytes]) -> None:
        """Look at nothing."""

    def echo(self, frames: Sequence[bytes]) -> list[Frame]:
        """Return the frames of the content as they came."""
        return [*self.make("comm_msg", frames, NOTHING)[:-1], frames[5]]

    def make(self, msg_type: str, parent: Sequence[bytes], content: Json) -> list[Frame]:
        """Return frames made before, when they were."""
        header = self._headers.get(msg_type)
        if header is None:
            header = self._headers[msg_type] = ENCODER.encode(_header(msg_type, "s" * 36, "0"))
        # The content is kept beside its frame, so that its id is not another's meanwhile.
        kept = self._contents.get(id(content))
        if kept is None:
            kept = self._contents[id(content)] = (content, ENCODER.encode(content))
        return [DELIMITER, self._signature, header, parent[2], b"{}", kept[1]]


class Composed:
    """The floor `echo-json`: JSON both ways, and HMAC both ways."""

    def __init__(self, key: bytes) -> None:
        """Sign with *key*."""
        self._key = key
        self._session = str(uuid.uuid4())
        self._numbers = itertools.count()
        self._parent: object = NOTHING
        self._content = NOTHING

    def read(self, frames: Sequence[bytes]) -> None:
        """Verify and decode the four JSON frames."""
        assert frames[1] == signature(self._key, frames[2:6])
        self._parent, _, _, self._content = [DECODER.decode(frame) for frame in frames[2:6]]

    def echo(self, frames: Sequence[bytes]) -> list[Frame]:
        """Return the content encoded anew."""
        return self.make("comm_msg", frames, self._content)

    def make(self, msg_type: str, parent: Sequence[bytes], content: Json) -> list[Frame]:
        """Return a new message, encoded and signed."""
        del parent
        header = _header(msg_type, self._session, f"{self._session}_{next(self._numbers)}")
        values: tuple[object, ...] = (header, self._parent, NOTHING, content)
        parts = [ENCODER.encode(value) for value in values]
        return [DELIMITER, signature(self._key, parts), *parts]


class Floor:
    """Answers requests on shell and control until it is told to shut down."""

    def __init__(self, maker: Maker, send: Send) -> None:
        """Publish with *send*."""
        self._maker = maker
        self._publish = send
        self._known: dict[bytes, list[Published]] = {}
        self.is_running = True

    def answer(self, frames: Sequence[bytes], buffers: Sequence[zmq.Frame], reply: Send) -> None:
        """Serve one request, from its delimiter on; *reply* sends to who asked."""
        make, publish = self._maker.make, self._publish
        self._maker.read(frames)
        kind = _kind(frames[2])
        publish(make("status", frames, BUSY))
        if kind == "execute":
            for msg_type, content in self._outputs(frames[5]):
                publish(make(msg_type, frames, content))
        if kind == "comm":
            publish([*self._maker.echo(frames), *buffers])
        else:
            reply(make(f"{kind}_reply", frames, REPLIES[kind]))
        publish(make("status", frames, IDLE))
        self.is_running = kind != "shutdown"

    def _outputs(self, content: bytes) -> list[Published]:
        if content not in self._known:
            self._known[content] = list(_outputs(str(DECODER.decode(content)["code"])))
        return self._known[content]


def main(name: str, connection_file: str) -> None:
    """Bind the ports of *connection_file* and serve as the floor *name*."""
    connection = DECODER.decode(Path(connection_file).read_bytes())
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    sockets = {}
    for channel, kind in (("shell", zmq.ROUTER), ("control", zmq.ROUTER), ("iopub", zmq.PUB)):
        sockets[channel] = context.socket(kind)
        sockets[channel].linger = 1000
        sockets[channel].sndhwm = 0
        sockets[channel].bind(f"tcp://127.0.0.1:{connection[f'{channel}_port']}")
    maker = Prepared() if name == "echo" else Composed(str(connection["key"]).encode())
    # Large frames are neither copied here nor when they come; small ones always are.
    floor = Floor(maker, partial(sockets["iopub"].send_multipart, copy=False))
    _serve(floor, sockets["shell"], sockets["control"])
    context.destroy(1000)


def _serve(floor: Floor, *routers: zmq.Socket[bytes]) -> None:
    poller = zmq.Poller()
    for router in routers:
        poller.register(router, zmq.POLLIN)
    while floor.is_running:
        for socket, _ in poller.poll():
            frames, buffers = [socket.recv()], []
            while len(frames) < JSON_FRAMES and socket.rcvmore:
                frames.append(socket.recv())
            while socket.rcvmore:
                buffers.append(socket.recv(copy=False))
            floor.answer(frames[1:], buffers, partial(_reply, socket, frames[0]))


def _reply(socket: zmq.Socket[bytes], identity: bytes, frames: Sequence[Frame]) -> None:
    socket.send_multipart([identity, *frames])


def _kind(header: bytes) -> str:
    """Return the type of a request without `_request`, by the bytes of its header."""
    if b'"comm_' in header:
        return "comm"
    return next(kind for kind in REPLIES if b'"' + kind.encode() + b"_request" in header)


def _header(msg_type: str, session: str, msg_id: str) -> Json:
    return {
        "msg_id": msg_id.ljust(38, "_"),
        "msg_type": msg_type,
        "username": "username",
        "session": session,
        "date": DATE,
        "version": PROTOCOL_VERSION,
    }


def _outputs(code: str) -> list[Published]:
    """Return what the cell *code* of `snippets` publishes between busy and idle."""
    made: list[Published] = [("execute_input", {"code": code, "execution_count": 1})]
    found = COUNT.search(code)
    count = int(found[1]) if found else 0
    if code == snippets.RESULT:
        made.append(("execute_result", _bundle("2") | {"execution_count": 1}))
    elif code == snippets.displays(count):
        made += [("display_data", _bundle(str(number))) for number in range(count)]
    elif code == snippets.lines(count).code:
        made += _streams(snippets.lines(count).text(), CHUNK)
    elif code == snippets.writes(count).code:
        made += _streams(snippets.writes(1).text(), snippets.MEGABYTE) * count
    elif snippets.FIRST_LINE_TEXT[:-1] in code:
        made += _streams(snippets.FIRST_LINE_TEXT, CHUNK)
    return made


def _bundle(text: str) -> Json:
    return {"data": {"text/plain": text}, "metadata": {}}


def _streams(text: str, size: int) -> list[Published]:
    starts = range(0, len(text), size)
    return [("stream", {"name": "stdout", "text": text[at : at + size]}) for at in starts]


if __name__ == "__main__":
    main(*sys.argv[1:3])
