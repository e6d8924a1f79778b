"""A connection to debugpy: answers, events, silence, and its end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from assay.kernel.debugger._connection import Connection
from assay.kernel.debugger._errors import DebuggerError
from assay.kernel.debugger._framing import Decoder, encode
from assay.protocol import Json, JsonObject
from tests.limits import HANG_LIMIT_S


class Peer:
    """The other end: it reads requests and answers what a test wants."""

    def __init__(self) -> None:
        ours, self.end = socket.socketpair()
        self.end.settimeout(HANG_LIMIT_S)
        self.events: SimpleQueue[JsonObject] = SimpleQueue()
        self.lost = threading.Event()
        self._decoder = Decoder()
        self._read: list[JsonObject] = []
        self.connection = Connection(ours, on_event=self.events.put, on_lost=self.lost.set)

    def request(self) -> JsonObject:
        """Return the next request."""
        while not self._read:
            self._read += self._decoder.feed(self.end.recv(65536))
        return self._read.pop(0)

    def answer(self, request: JsonObject, **more: Json) -> None:
        """Answer *request*."""
        answer = {"type": "response", "request_seq": request["seq"], "success": True, **more}
        self.end.sendall(encode(answer))


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A connection and its other end."""
    peer = Peer()
    yield peer
    peer.connection.close()
    peer.end.close()


def test_each_answer_finds_its_request(peer: Peer) -> None:
    """Answers may come in any order."""
    first, second = (peer.connection.send(command, {"n": 1}) for command in ("a", "b"))
    asked = [peer.request(), peer.request()]

    for request in reversed(asked):
        peer.answer(request, body={"is": request["command"]})

    assert [future.result(HANG_LIMIT_S)["body"] for future in (first, second)] == [
        {"is": "a"},
        {"is": "b"},
    ]


def test_event_comes_before_the_answer_behind_it(peer: Peer) -> None:
    """When an answer is there, so are the events that were sent before it."""
    future = peer.connection.send("next", {})
    request = peer.request()
    peer.end.sendall(encode({"type": "event", "event": "stopped"}))
    peer.answer(request)

    future.result(HANG_LIMIT_S)

    assert not peer.events.empty()


def test_refusal_is_an_error_with_its_message(peer: Peer) -> None:
    """What debugpy says of a failure is what the client is told."""
    refusing = threading.Thread(
        target=lambda: peer.answer(peer.request(), success=False, message="not now")
    )
    refusing.start()

    with pytest.raises(DebuggerError, match=r"^not now$"):
        peer.connection.ask("pause", {}, HANG_LIMIT_S)
    refusing.join()


def test_silence_has_a_limit(peer: Peer) -> None:
    """A request that is not answered fails, and the connection goes on."""
    with pytest.raises(DebuggerError, match="has not answered threads"):
        peer.connection.ask("threads", {}, 0.01)
    peer.request()

    future = peer.connection.send("again", {})
    peer.answer(peer.request())
    assert future.result(HANG_LIMIT_S)["success"] is True


@pytest.mark.parametrize("last", [b"", b"Content-Length: nonsense\r\n\r\n"])
def test_end_fails_what_waits_and_what_comes_later(peer: Peer, last: bytes) -> None:
    """When the other end goes away, or talks nonsense, nothing waits for it any more."""
    waiting = peer.connection.send("evaluate", {})
    peer.request()
    peer.end.sendall(last)
    if not last:
        peer.end.shutdown(socket.SHUT_RDWR)

    with pytest.raises(DebuggerError, match="lost"):
        waiting.result(HANG_LIMIT_S)
    assert peer.lost.wait(HANG_LIMIT_S)
    with pytest.raises(DebuggerError, match="lost"):
        peer.connection.ask("threads", {}, HANG_LIMIT_S)


def test_answer_to_nothing_is_passed_over(peer: Peer) -> None:
    """Answers to what was not asked, or long given up, do no harm."""
    for seq in (99, "1", None):
        peer.end.sendall(encode({"type": "response", "request_seq": seq, "success": True}))
    future = peer.connection.send("a", {})
    peer.answer(peer.request())

    assert future.result(HANG_LIMIT_S)["success"] is True
