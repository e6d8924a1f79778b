"""How debugpy is met: of the programs that connect to a socket, it is the one that knows a secret.

**Theory of operation.** Any program of this machine may connect to the loopback interface, ahead of
debugpy. So everything that connects is asked for the secret that only debugpy was given, all at the
same time; what shows it is debugpy. The others are closed: those that show something else at once,
those that send nothing when debugpy is found. Nothing that a stranger sends goes any further.
"""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait

from assay._clock import monotonic
from assay.kernel._own_thread import OwnThread
from assay.kernel.debugger._connection import Connection, body_of
from assay.kernel.debugger._errors import DebuggerError
from assay.protocol import JsonObject

__all__ = ["meet"]

LOOPBACK = "127.0.0.1"

BACKLOG = 16
"""How many may connect before the first is looked at."""

LOOK_S = 0.05
"""How long one is waited for, a next one that connects or an answer, before the other is."""


def meet(
    connect: Callable[[tuple[str, int], str], object],
    *,
    on_event: Callable[[JsonObject], None],
    on_lost: Callable[[], None],
    limit_s: float,
) -> tuple[Connection, threading.Thread]:
    """Let debugpy connect to a socket.

    Args:
        connect: Has debugpy connect to an address, and know a secret; called in another thread.
        on_event: Called with each event of debugpy's (`Connection`).
        on_lost: Called once, when there will be no more of them.
        limit_s: How long that may take.

    Returns:
        The connection, and the thread that *connect* is called in.

    Raises:
        DebuggerError: it failed, or debugpy has not connected in time.
    """
    token, failures = secrets.token_hex(16), list[BaseException]()
    with socket.create_server((LOOPBACK, 0), backlog=BACKLOG) as listening:
        address: tuple[str, int] = listening.getsockname()

        def join() -> None:
            try:
                connect(address, token)
            except Exception as error:  # noqa: BLE001 - the thread that waits raises it
                failures.append(error)

        thread = OwnThread(target=join, name="assay-debugger-connect", daemon=True)
        thread.start()
        visitors = _Visitors(listening, token)
        try:
            found = visitors.find(failures, limit_s)
        finally:
            visitors.close()
    found.admit(on_event, on_lost)
    return found.connection, thread


class _Visitor:
    """One that has connected, and may be debugpy.

    Args:
        end: Connected to it.
    """

    def __init__(self, end: socket.socket) -> None:
        self._lock = threading.Lock()
        self._on_event: Callable[[JsonObject], None] | None = None
        self._on_lost: Callable[[], None] | None = None
        self.connection = Connection(end, on_event=self._take, on_lost=self._lose)
        self.answer: Future[JsonObject] = self.connection.send("pydevdAuthorize", {})

    def knows(self, token: str) -> bool:
        """Return True if its answer, which has come, shows *token*."""
        try:
            shown = body_of(self.answer.result()).get("clientAccessToken")
        except DebuggerError:
            return False
        if not isinstance(shown, str):
            return False
        # A stranger may show half a surrogate pair, which no secret has.
        return secrets.compare_digest(shown.encode(errors="replace"), token.encode())

    def admit(self, on_event: Callable[[JsonObject], None], on_lost: Callable[[], None]) -> None:
        """Hand on what it sends from now on, and its end."""
        with self._lock:
            self._on_event, self._on_lost = on_event, on_lost
            is_lost = self.connection.is_lost
        if is_lost:
            self._lose()

    def _take(self, event: JsonObject) -> None:
        with self._lock:
            on_event = self._on_event
        if on_event is not None:
            on_event(event)

    def _lose(self) -> None:
        with self._lock:
            on_lost, self._on_lost = self._on_lost, None
        if on_lost is not None:
            on_lost()


class _Visitors:
    """All that have connected, and have not been sent away.

    Args:
        listening: Where they connect.
        token: What debugpy knows.
    """

    def __init__(self, listening: socket.socket, token: str) -> None:
        listening.settimeout(LOOK_S)
        self._listening = listening
        self._token = token
        self._present: list[_Visitor] = []

    def find(self, failures: list[BaseException], limit_s: float) -> _Visitor:
        """Return the one that is debugpy; as long as there are no *failures* of its own.

        Raises:
            DebuggerError: it does not come.
        """
        end = monotonic() + limit_s
        while monotonic() < end and not failures:
            self._let_in()
            if (found := self._look()) is not None:
                self._present.remove(found)
                return found
        reason = failures[0] if failures else f"nothing that knows the secret in {limit_s:g} s"
        raise DebuggerError(f"debugpy does not connect: {reason}") from next(iter(failures), None)

    def close(self) -> None:
        """Send away all that are left."""
        for visitor in self._present:
            visitor.connection.close()

    def _let_in(self) -> None:
        try:
            end, _ = self._listening.accept()
        except TimeoutError:
            return
        except OSError as error:
            raise DebuggerError(f"debugpy does not connect: {error}") from error
        end.settimeout(None)
        self._present.append(_Visitor(end))

    def _look(self) -> _Visitor | None:
        wait([visitor.answer for visitor in self._present], LOOK_S, "FIRST_COMPLETED")
        for visitor in [one for one in self._present if one.answer.done()]:
            if visitor.knows(self._token):
                return visitor
            self._present.remove(visitor)
            visitor.connection.close()
        return None
