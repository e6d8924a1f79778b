"""A debugging client, for tests: it numbers its requests and finds its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.protocol import (
    Channel,
    DebugEvent,
    DebugReply,
    DebugRequest,
    ExecuteRequest,
    Json,
    JsonObject,
)
from assay.transport import Answer, Client, Exchange, Received
from tests.kernel._kernels import HANG_LIMIT_S, finish

__all__ = ["Debugging"]


class Debugging:
    """Asks the debugger of a kernel."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.cells: list[Exchange] = []
        self._seq = 0
        self._others: list[Received] = []
        self._taken = 0

    def ask(self, command: str, **arguments: Json) -> DebugReply:
        """Send a request; return its response, which may be one that failed."""
        return self._reply(self.begin(command, **arguments))

    def begin(self, command: str, **arguments: Json) -> Exchange:
        """Send a request."""
        self._seq += 1
        request = DebugRequest(seq=self._seq, command=command, arguments=arguments)
        return self.client.start(request, channel=Channel.CONTROL)

    def _reply(self, exchange: Exchange) -> DebugReply:
        reply = self.client.finish(exchange, timeout=HANG_LIMIT_S).content
        assert isinstance(reply, DebugReply), reply
        assert reply.request_seq == self._seq
        return reply

    def body(self, command: str, **arguments: Json) -> JsonObject:
        """Send a request that succeeds; return the body of its response."""
        reply = self.ask(command, **arguments)
        assert reply.success, (command, reply.message)
        return reply.body if isinstance(reply.body, Mapping) else {}

    def refusal(self, command: str, **arguments: Json) -> str:
        """Send a request that fails; return what its response says."""
        reply = self.ask(command, **arguments)
        assert not reply.success, (command, reply.body)
        assert isinstance(reply.message, str)
        return reply.message

    def attach(self) -> None:
        """Begin a session."""
        self.body("initialize", clientID="tests", adapterID="")
        self.body("attach")

    def break_in(self, code: str, *lines: int, **more: Json) -> str:
        """Set breakpoints in a cell; return its path."""
        path = self.body("dumpCell", code=code)["sourcePath"]
        assert isinstance(path, str)
        places: list[Json] = [{"line": line, **more} for line in lines]
        self.body("setBreakpoints", source={"path": path}, breakpoints=places)
        return path

    def run(self, code: str) -> Exchange:
        """Run a cell, and go on."""
        cell = self.client.start(ExecuteRequest(code=code))
        self.cells.append(cell)
        return cell

    def stop(self, code: str, *lines: int) -> Exchange:
        """Run a cell with breakpoints, until it stops at one."""
        self.break_in(code, *lines)
        cell = self.run(code)
        self.stopped()
        return cell

    def events(self, name: str) -> list[JsonObject]:
        """Return the bodies of all events of that name that have come."""
        self._others += self.client.waiting(Channel.IOPUB)
        heard = [*self._others, *(one for cell in self.cells for one in cell.published)]
        contents = [one.content for one in heard if isinstance(one.content, DebugEvent)]
        found = sorted((one for one in contents if one.event == name), key=lambda one: one.seq)
        return [one.body if isinstance(one.body, Mapping) else {} for one in found]

    def stopped(self) -> JsonObject:
        """Wait for the next stop; return the body of its event."""
        self.client.wait_until(
            lambda: len(self.events("stopped")) > self._taken,
            awaited="the event stopped",
            timeout=HANG_LIMIT_S,
        )
        self._taken += 1
        return self.events("stopped")[self._taken - 1]

    def thread(self) -> Json:
        """Return the thread that stopped last."""
        return self.events("stopped")[-1]["threadId"]

    def frames(self) -> Sequence[JsonObject]:
        """Return the frames of the thread that stopped last."""
        found = self.body("stackTrace", threadId=self.thread())["stackFrames"]
        assert isinstance(found, list)
        return found

    def places(self) -> list[tuple[Json, Json]]:
        """Return name and line of each of those frames."""
        return [(frame["name"], frame["line"]) for frame in self.frames()]

    def scope(self, frame: int = 0, number: int = 0) -> dict[str, str]:
        """Return names and values of the variables in a scope of a frame."""
        scopes = self.body("scopes", frameId=self.frames()[frame]["id"])["scopes"]
        assert isinstance(scopes, list)
        found = self.body("variables", variablesReference=scopes[number]["variablesReference"])
        return by_name(found)

    def go_on(self, command: str = "continue") -> None:
        """Let the thread go on that stopped last."""
        self.body(command, threadId=self.thread())

    def end(self, cell: Exchange) -> Answer:
        """Let a stopped *cell* go on to its end."""
        self.go_on()
        return finish(self.client, cell)


def by_name(body: JsonObject) -> dict[str, str]:
    """Return names and values of the variables in *body*."""
    found = body["variables"]
    assert isinstance(found, list)
    return {str(one["name"]): str(one["value"]) for one in found}
