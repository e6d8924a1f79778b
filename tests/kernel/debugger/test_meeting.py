"""Who may be debugpy: strangers that connect first; in memory, without debugpy."""

from __future__ import annotations

import socket
from queue import SimpleQueue

import pytest

from assay.kernel.debugger._errors import DebuggerError
from assay.kernel.debugger._framing import Decoder, encode
from assay.kernel.debugger._meeting import meet
from assay.protocol import Json, JsonObject
from tests.limits import HANG_LIMIT_S

EVENT: JsonObject = {"seq": 1, "type": "event", "event": "output"}


class Visitor:
    """One that connects."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.end = socket.create_connection(address, HANG_LIMIT_S)

    def send(self, **message: Json) -> None:
        """Send a message."""
        self.end.sendall(encode(message))

    def show(self, token: object) -> None:
        """Answer what is asked first by *token*."""
        body = {"clientAccessToken": token if isinstance(token, str) else None}
        (asked,) = Decoder().feed(self.end.recv(65536))
        self.send(type="response", request_seq=asked["seq"], success=True, body=body)

    def show_half_a_character(self) -> None:
        """Answer what is asked first by text that has no form in UTF-8, though JSON can write it.

        Return when the answer has been judged: the other side has closed.
        """
        (asked,) = Decoder().feed(self.end.recv(65536))
        body = '{"clientAccessToken": "\\ud800"}'
        answer = (
            f'"type": "response", "request_seq": {asked["seq"]}, "success": true, "body": {body}'
        )
        self.end.sendall(b"Content-Length: %d\r\n\r\n{%b}" % (len(answer) + 2, answer.encode()))
        assert self.end.recv(65536) == b""

    def is_sent_away(self) -> bool:
        """Return True once the other side has closed."""
        try:
            while self.end.recv(65536):
                pass
        except ConnectionResetError:
            pass
        self.end.close()
        return True


def test_debugpy_is_found_among_strangers() -> None:
    """One that says nothing, some that say nonsense and one that does not know the secret are sent
    away, and what they send goes no further."""
    strangers: list[Visitor] = []
    found: SimpleQueue[Visitor] = SimpleQueue()
    events: SimpleQueue[JsonObject] = SimpleQueue()
    lost: SimpleQueue[bool] = SimpleQueue()

    def connect(address: tuple[str, int], token: str) -> None:
        strangers.extend(Visitor(address) for _ in range(5))
        strangers[1].send(**EVENT, body={"of": "a stranger"})
        strangers[2].end.sendall(b"Content-Length: none\r\n\r\n")
        strangers[3].show("another secret")
        strangers[4].show_half_a_character()
        found.put(debugpy := Visitor(address))
        debugpy.show(token)

    connection, joining = meet(
        connect, on_event=events.put, on_lost=lambda: lost.put(True), limit_s=HANG_LIMIT_S
    )
    joining.join(HANG_LIMIT_S)
    debugpy = found.get(timeout=HANG_LIMIT_S)
    debugpy.send(**EVENT, body={"of": "debugpy"})
    event = events.get(timeout=HANG_LIMIT_S)
    debugpy.end.close()

    assert all(stranger.is_sent_away() for stranger in strangers)
    assert event["body"] == {"of": "debugpy"}
    assert events.empty()
    assert lost.get(timeout=HANG_LIMIT_S)
    connection.close()
    assert lost.empty()


def test_debugpy_does_not_come() -> None:
    """Its own reason is told; without one, the limit. A stranger that waits is sent away."""
    strangers: list[Visitor] = []

    def connect(address: tuple[str, int], _: str) -> None:
        strangers.append(Visitor(address))

    def fail(address: tuple[str, int], token: str) -> None:
        connect(address, token)
        raise RuntimeError("debugpy is broken")

    for way, limit_s, said in (
        (connect, 0.2, "nothing that knows the secret in 0.2 s"),
        (fail, HANG_LIMIT_S, "debugpy is broken"),
    ):
        with pytest.raises(DebuggerError, match=said):
            meet(way, on_event=lambda _: None, on_lost=lambda: None, limit_s=limit_s)

    assert all(stranger.is_sent_away() for stranger in strangers)
