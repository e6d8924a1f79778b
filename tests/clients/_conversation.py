"""What one request brings, as a real client sees it.

Everything here goes through the public calls of the client, so that the client's own reading of the
protocol is part of what is tested.
"""

import os
from collections.abc import Sequence
from subprocess import Popen
from typing import Any, cast

from attrs import frozen
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from tests.limits import HANG_LIMIT_S as HANG_LIMIT_S  # noqa: PLC0414 - passed on

# Any: the shape of a message is what the tests look at.
Message = dict[str, Any]


@frozen(kw_only=True)
class Answer:
    """The reply to one request and, in order, all that was published for it."""

    reply: Message
    published: Sequence[Message]

    @property
    def content(self) -> Message:
        """The content of the reply."""
        return cast(Message, self.reply["content"])

    @property
    def types(self) -> list[str]:
        """The types of the published messages, in order."""
        return [message["header"]["msg_type"] for message in self.published]

    def contents(self, msg_type: str) -> list[Message]:
        """Return the contents of the published messages of type *msg_type*, in order."""
        return [
            message["content"]
            for message in self.published
            if message["header"]["msg_type"] == msg_type
        ]

    def text(self, stream: str = "stdout") -> str:
        """Return all that was written to *stream*, joined."""
        return "".join(
            content["text"] for content in self.contents("stream") if content["name"] == stream
        )


def execute(client: BlockingKernelClient, code: str, **options: Any) -> Answer:
    """Execute *code* and wait for all that comes of it; *options* go to the client."""
    published: list[Message] = []
    defaults: dict[str, Any] = {"allow_stdin": False, "output_hook": published.append}
    reply = client.execute_interactive(code, timeout=HANG_LIMIT_S, **defaults | options)
    return Answer(reply=reply, published=published)


async def execute_async(client: AsyncKernelClient, code: str, **options: Any) -> Answer:
    """Do as `execute` does, with the asynchronous client."""
    published: list[Message] = []
    defaults: dict[str, Any] = {"allow_stdin": False, "output_hook": published.append}
    reply = await client.execute_interactive(code, timeout=HANG_LIMIT_S, **defaults | options)
    return Answer(reply=reply, published=published)


def await_reply(client: BlockingKernelClient, msg_id: str, channel: str = "shell") -> Message:
    """Wait on *channel* for the reply to request *msg_id*, and return it."""
    receive = {"shell": client.get_shell_msg, "control": client.get_control_msg}[channel]
    while True:
        reply: Message = receive(timeout=HANG_LIMIT_S)
        if reply["parent_header"]["msg_id"] == msg_id:
            return reply


async def await_reply_async(
    client: AsyncKernelClient, msg_id: str, channel: str = "shell"
) -> Message:
    """Do as `await_reply` does, with the asynchronous client."""
    receive = {"shell": client.get_shell_msg, "control": client.get_control_msg}[channel]
    while True:
        reply: Message = await receive(timeout=HANG_LIMIT_S)
        if reply["parent_header"]["msg_id"] == msg_id:
            return reply


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment with *variables*, and no trace of a running test.

    Programs may behave otherwise when they find themselves tested, and here they are not.
    """
    return {
        name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"
    } | variables


def process_of(manager: KernelManager) -> Popen[bytes]:
    """Return the process of the kernel that *manager* started."""
    provisioner = manager.provisioner
    assert isinstance(provisioner, LocalProvisioner)
    return cast("Popen[bytes]", provisioner.process)
