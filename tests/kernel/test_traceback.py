"""What a person reads when a cell fails."""

from __future__ import annotations

import re

from assay.protocol import ErrorReply
from assay.transport import Client, KernelProcess, Received
from tests.kernel._kernels import HANG_LIMIT_S

COLOUR = re.compile(r"\x1b\[[\d;]*m")


def test_interrupted_cell_shows_the_users_code_alone(
    shared_kernel: KernelProcess, client: Client
) -> None:
    """The traceback of an interrupt ends in the user's code, not in the kernel's (CTRL-09)."""

    def interrupt(_: Received) -> None:
        shared_kernel.interrupt()

    answer = client.execute(
        "print('on', flush=True)\nwhile True: pass",
        on_output=lambda received: interrupt(received) if received.msg_type == "stream" else None,
        timeout=HANG_LIMIT_S,
    )

    assert isinstance(answer.content, ErrorReply)
    text = COLOUR.sub("", "\n".join(answer.content.traceback))
    assert (text.count("Cell In["), "File " in text) == (1, False)
