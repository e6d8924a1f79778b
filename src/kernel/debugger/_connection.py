"""A connection to debugpy: requests out, responses and events in.

**Theory of operation.** Any thread sends; one thread of the connection's own reads, for as long as
it lasts. A response resolves the future of its request. An event is handed on in the order in which
it came, in the reading thread, before any response behind it is looked at. When the connection
breaks, by whichever side, every request that waits fails, and so does every later one.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress

from assay.kernel._own_thread import OwnThread
from assay.kernel.debugger._errors import DebuggerError
from assay.kernel.debugger._framing import Decoder, encode
from assay.protocol import Json, JsonObject
from assay.transport import get_logger

__all__ = ["Connection", "body_of"]

logger = get_logger("assay.kernel")

READ_SIZE = 65536

LOST = "the connection to debugpy is lost"


class Connection:
    """The client's end of a connection.

    Args:
        end: Connected to debugpy.
        on_event: Called with each event, in the reading thread.
        on_lost: Called once, in the same thread, when there will be no more of them.
    """

    def __init__(
        self,
        end: socket.socket,
        *,
        on_event: Callable[[JsonObject], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._end = end
        self._on_event = on_event
        self._on_lost = on_lost
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[JsonObject]] = {}
        self._seq = 0
        self.is_lost = False
        self._reader = OwnThread(target=self._read, name="assay-debugger-read", daemon=True)
        self._reader.start()

    def send(self, command: str, arguments: Mapping[str, Json]) -> Future[JsonObject]:
        """Send a request; return the future of its response, which may be one that failed.

        The future raises `DebuggerError` when the connection is lost before.
        """
        answer: Future[JsonObject] = Future()
        with self._lock:
            self._seq += 1
            if self.is_lost:
                answer.set_exception(DebuggerError(LOST))
                return answer
            self._waiting[self._seq] = answer
            request: dict[str, Json] = {
                "seq": self._seq,
                "type": "request",
                "command": command,
                "arguments": dict(arguments),
            }
            try:
                self._end.sendall(encode(request))
            except OSError as error:  # also after `close`
                del self._waiting[self._seq]
                answer.set_exception(DebuggerError(f"{LOST}: {error.strerror}"))
        return answer

    def ask(self, command: str, arguments: Mapping[str, Json], limit_s: float) -> JsonObject:
        """Send a request and return the body of its response; it waits, so not in the reader.

        Raises:
            DebuggerError: debugpy refused, did not answer within *limit_s* seconds, or is gone.
        """
        try:
            return body_of(self.send(command, arguments).result(limit_s))
        except FutureTimeoutError:
            raise DebuggerError(f"debugpy has not answered {command} in {limit_s} s") from None

    def close(self) -> None:
        """End the connection; whatever waits fails."""
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        if threading.current_thread() is not self._reader:
            self._reader.join()
        self._end.close()

    def _read(self) -> None:
        decoder = Decoder()
        try:
            while data := self._end.recv(READ_SIZE):
                for message in decoder.feed(data):
                    self._take(message)
        except (OSError, DebuggerError) as error:
            logger.warning("debugger: %s", error)
        except Exception:  # what waits must learn that nothing comes any more
            logger.exception("debugger: reading failed")
        self._lose()

    def _take(self, message: JsonObject) -> None:
        if message.get("type") == "event":
            self._on_event(message)
            return
        seq = message.get("request_seq")
        with self._lock:
            answer = self._waiting.pop(seq, None) if isinstance(seq, int) else None
        if answer is not None:
            answer.set_result(message)

    def _lose(self) -> None:
        with self._lock:
            self.is_lost = True
            waiting, self._waiting = self._waiting, {}
        with suppress(OSError):  # the other side is to know, also where this one gave up
            self._end.shutdown(socket.SHUT_RDWR)
        for answer in waiting.values():
            answer.set_exception(DebuggerError(LOST))
        self._on_lost()


def body_of(response: JsonObject) -> JsonObject:
    """Return the body of *response*.

    Raises:
        DebuggerError: it says that the request failed.
    """
    if response.get("success") is not True:
        command = response.get("command")
        raise DebuggerError(str(response.get("message") or f"debugpy refuses {command}"))
    body = response.get("body")
    return body if isinstance(body, Mapping) else {}
