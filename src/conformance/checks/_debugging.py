"""A client of a kernel's debugger."""

from __future__ import annotations

from collections.abc import Mapping

from assay.conformance._arrival import Arrival, Object
from assay.conformance._outcome import Skip
from assay.conformance._peer import Peer
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import lines
from assay.protocol import Channel

__all__ = ["Debugger"]

CAPABILITIES: Object = {
    "clientID": "assay",
    "clientName": "assay",
    "adapterID": "",
    "pathFormat": "path",
    "linesStartAt1": True,
    "columnsStartAt1": True,
    "supportsVariableType": True,
    "supportsVariablePaging": True,
    "supportsRunInTerminalRequest": True,
    "locale": "en",
}


class Debugger:
    """One debugging client: it numbers its requests and understands their responses."""

    def __init__(self, kernel: Testee, peer: Peer | None = None) -> None:
        self.kernel = kernel
        self.peer = peer or kernel.peer
        self.asked: list[Response] = []
        """All requests, in order."""

    def ask(self, command: str, **arguments: object) -> Response:
        """Send a request and wait for its reply."""
        content = {
            "type": "request",
            "seq": len(self.asked) + 1,
            "command": command,
            "arguments": arguments,
        }
        response = self.peer.ask("debug_request", content, channel=Channel.CONTROL)
        self.asked.append(response)
        return response

    def body(self, command: str, **arguments: object) -> Object:
        """Send a request and return the body of its response.

        Raises:
            Skip: it did not succeed; the checks of the command itself judge that.
        """
        reply = self.ask(command, **arguments).replied()
        if reply.content.get("success") is not True:
            raise Skip(f"{command} did not succeed: {reply.text('message')}".rstrip(": "))
        body = reply.content.get("body", {})
        return body if isinstance(body, Mapping) else {}

    def start(self) -> None:
        """Initialise and attach.

        Raises:
            Skip: one of them fails.
        """
        self.body("initialize", **CAPABILITIES)
        self.body("attach")

    def events(self, name: str) -> tuple[Arrival, ...]:
        """Return the events of that name that came."""
        return tuple(
            one
            for one in self.peer.on(Channel.IOPUB)
            if one.msg_type == "debug_event" and one.content.get("event") == name
        )

    def dump(self, code: str) -> str:
        """Return the path that stands for *code*.

        Raises:
            Skip: there is none.
        """
        path = self.body("dumpCell", code=code).get("sourcePath")
        if not isinstance(path, str):
            raise Skip("dumpCell gives no sourcePath (DEBUG-05)")
        return path

    def break_at(self, code: str, line: int) -> str:
        """Set a breakpoint in *code* and return its path."""
        path = self.dump(code)
        self.body(
            "setBreakpoints",
            source={"path": path},
            breakpoints=[{"line": line}],
            lines=[line],
            sourceModified=False,
        )
        return path

    def stop(self, *names: str) -> Response:
        """Run a cell that gives each of *names* its place as value, and return it when it stops.

        It stops at its last line, which gives the last name its value.

        Raises:
            Skip: it does not stop (DEBUG-03.2).
        """
        code = self.code(*names)
        self.break_at(code, len(names))
        self.body("configurationDone")
        cell = self.peer.execute(code, wait=False)
        if not self.peer.wait_for(lambda: self.events("stopped") or cell.replies):
            raise Skip("the cell neither stops nor ends")
        if not self.events("stopped"):
            raise Skip("the cell does not stop at its breakpoint (DEBUG-03.2)")
        return cell

    def code(self, *names: str) -> str:
        """Return a cell that gives each of *names* its place as value, a line each."""
        return lines(
            *(
                self.kernel.snippet("define", name=name, number=number)
                for number, name in enumerate(names, 1)
            )
        )

    def thread(self) -> object:
        """Return the id of the thread that is stopped."""
        body = self.events("stopped")[-1].content.get("body")
        return body.get("threadId") if isinstance(body, Mapping) else None

    def frame(self) -> object:
        """Return the id of the frame that is stopped."""
        frames = self.body("stackTrace", threadId=self.thread()).get("stackFrames")
        if not isinstance(frames, list) or not frames or not isinstance(frames[0], Mapping):
            raise Skip("stackTrace has no frames")
        return frames[0].get("id")

    def go_on(self, cell: Response) -> None:
        """Let the stopped *cell* go on, and wait for its end."""
        self.ask("continue", threadId=self.thread())
        self.peer.finish(cell)
