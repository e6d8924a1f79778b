"""A kernel that runs, with a client of it."""

from __future__ import annotations

from pathlib import Path

import zmq

from benchmarks.client import DEFAULT_LIMIT_S, Client, Conversation, WrongAnswerError
from benchmarks.kernels import KernelSpec
from benchmarks.process import KernelProcess
from benchmarks.wire import Json, WireError, read

START_LIMIT_S = 20.0


class Running:
    """One process of a kernel and the client that talks to it."""

    def __init__(
        self, spec: KernelSpec, context: zmq.Context[zmq.Socket[bytes]], home: Path
    ) -> None:
        """Prepare the process and connect the client; nothing is started."""
        self.spec = spec
        self.context = context
        self.process = KernelProcess(spec, home)
        self.client = Client(context, self.process.connection, lambda: self.process.is_running)
        self.info: Json = {}
        """The content of its first kernel_info_reply."""

    def start(self) -> None:
        """Start it, wait until it answers and publishes, and keep what it says of itself."""
        self.client.limit_s = START_LIMIT_S
        request = self.client.writer.request("kernel_info_request")
        self.client.shell.send_multipart(request.frames)
        self.process.start()
        self.info = read(self.client.reply(request), self.key).content
        self.client.settle()
        self.client.limit_s = DEFAULT_LIMIT_S

    def stop(self) -> None:
        """Close the client and end the process."""
        self.client.close()
        self.process.stop()

    @property
    def key(self) -> bytes | None:
        """The key to verify its messages with; nothing for a floor that does not sign."""
        return self.process.connection.key if self.spec.signed else None

    def execute(self, code: str) -> Conversation:
        """Run *code*, untimed.

        Raises:
            WrongAnswerError: It failed in the kernel.
        """
        conversation = self.client.ask(self.client.writer.execute(code))
        self.check(conversation)
        return conversation

    def check(self, conversation: Conversation) -> Json:
        """Return the content of the reply, which must be `ok`, signed and of the right type."""
        return self.check_reply(conversation.reply, conversation.request.msg_type)

    def check_reply(self, frames: list[bytes], request_type: str) -> Json:
        """Return the content of a reply; see `check`.

        Raises:
            WrongAnswerError: It is not a well-formed reply with status `ok`.
        """
        try:
            message = read(frames, self.key)
        except WireError as error:
            raise WrongAnswerError(str(error)) from error
        wanted = request_type.replace("_request", "_reply")
        if message.msg_type != wanted:
            raise WrongAnswerError(f"want {wanted}, found {message.msg_type}")
        status = message.content.get("status", "ok")
        if status != "ok":
            reason = f"{message.content.get('ename')}: {message.content.get('evalue')}"
            raise WrongAnswerError(f"{request_type} gave {status}, {reason}")
        return message.content
