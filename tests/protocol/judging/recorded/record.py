"""Record what a kernel and a client say, without what tells of the machine it was recorded on.

    python -m tests.protocol.judging.recorded.record NAME VERSION ARGV...

runs the command ARGV of that version, in which ``{connection_file}`` stands for the path of that
file, goes through the requests below, and writes ``NAME.json`` beside this file. Names of hosts and
users, paths and keys are replaced, and the messages signed anew with `KEY`.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from assay.protocol import (
    DELIMITER,
    Buffer,
    Channel,
    CommInfoRequest,
    CommOpen,
    CompleteRequest,
    Content,
    ExecuteRequest,
    HistoryRequest,
    InspectRequest,
    IsCompleteRequest,
    KernelInfoRequest,
    Sender,
    ShutdownRequest,
    Signer,
    join,
    split,
)
from assay.transport import Client, Received, Refused, TransportError, launch

FOLDER = Path(__file__).resolve().parent
KEY = "a key for tests"
TIMEOUT_S = 10.0

DISPLAY = """\
try:
    from IPython.display import clear_output, display, update_display
except ImportError:
    pass
"""

CELLS = (
    "print('one')",
    "import sys; print('two', file=sys.stderr)",
    "6 * 7",
    DISPLAY,
    "display({'text/plain': 'three', 'text/html': '<b>three</b>'}, raw=True)",
    "handle = display('four', display_id='four')",
    "update_display('five', display_id='four')",
    "clear_output()",
    "1 / 0",
    "def",
    "",
)


class Recorder(Client):
    """A client that keeps every frame that it sends and receives."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.kept: list[tuple[Channel, Sender, tuple[bytes, ...]]] = []
        super().__init__(*args, **options)

    def send_frames(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Keep and send *frames*."""
        self.kept.append((channel, Sender.CLIENT, tuple(bytes(frame) for frame in frames)))
        super().send_frames(channel, frames)

    # The one place through which everything comes, in the order in which it came.
    def _read(self, channel: Channel, frames: tuple[bytes, ...]) -> Received | Refused:
        self.kept.append((channel, Sender.KERNEL, frames))
        return super()._read(channel, self._repaired(frames))

    def forget_the_probes(self) -> None:
        """Keep only what has no cause: of the first requests not all that came was heard."""
        self.kept = [one for one in self.kept if one[1] is Sender.KERNEL and not _parent(one[2])]

    def _repaired(self, frames: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Return *frames* with an object in place of null metadata, which akernel sends."""
        parts = split(frames)
        if parts.metadata != b"null":
            return frames
        signature = self.session.signer.sign(
            parts.header, parts.parent_header, b"{}", parts.content
        )
        repaired = parts._replace(signature=signature, metadata=b"{}")
        return tuple(bytes(frame) for frame in join(repaired))


def _parent(frames: tuple[bytes, ...]) -> object:
    return json.loads(split(frames).parent_header)


def converse(client: Recorder) -> None:
    """Ask for everything that a client usually asks for, and end the kernel."""
    client.wait_until_ready()
    client.forget_the_probes()
    attempt(lambda: client.request(KernelInfoRequest(), timeout=TIMEOUT_S))
    for cell in CELLS:
        attempt(partial(client.execute, cell, timeout=TIMEOUT_S))
    attempt(lambda: client.execute("x = 1", silent=True, timeout=TIMEOUT_S))
    attempt(lambda: client.execute("x = 2", store_history=False, timeout=TIMEOUT_S))
    values = {"good": "x + 1", "bad": "nothing"}
    attempt(lambda: client.execute("x = 3", user_expressions=values, timeout=TIMEOUT_S))
    answer: Callable[[object], str] = lambda _question: "typed"  # noqa: E731 - one word
    attempt(lambda: client.execute("input('? ')", on_input=answer, timeout=TIMEOUT_S))
    requests: tuple[Content, ...] = (
        CompleteRequest(code="pri", cursor_pos=3),
        CompleteRequest(code="nothing_like_it", cursor_pos=15),
        InspectRequest(code="print", cursor_pos=5),
        InspectRequest(code="nothing_like_it", cursor_pos=15),
        HistoryRequest(hist_access_type="range", session=0, start=1, stop=4),
        HistoryRequest(hist_access_type="range", session=0, start=1, stop=4, output=True),
        IsCompleteRequest(code="1 + 1"),
        IsCompleteRequest(code="for x in range(3):"),
        IsCompleteRequest(code="1 +* 1"),
        CommInfoRequest(),
        CommInfoRequest(target_name="nobody"),
    )
    for request in requests:
        attempt(partial(client.request, request, timeout=TIMEOUT_S))
    nobody = CommOpen(comm_id="c-1", target_name="nobody")
    attempt(lambda: client.notify(nobody, timeout=TIMEOUT_S))
    info = KernelInfoRequest()
    attempt(lambda: client.request(info, channel=Channel.CONTROL, timeout=TIMEOUT_S))
    failing_queue(client)
    attempt(lambda: client.execute("print('last')", timeout=TIMEOUT_S))
    end = ShutdownRequest(restart=False)
    attempt(lambda: client.request(end, channel=Channel.CONTROL, timeout=TIMEOUT_S))
    with suppress(TransportError):
        while True:  # its last words, until there are none for a second
            client.receive(Channel.IOPUB, 1)


def failing_queue(client: Recorder) -> None:
    """Send a cell that fails and two that wait behind it."""
    code = "import time; time.sleep(0.3); raise ValueError('stop')"
    sent = [client.start(ExecuteRequest(code=code)) for code in (code, "print(1)", "print(2)")]
    for exchange in sent:
        attempt(partial(client.finish, exchange, timeout=TIMEOUT_S))


def attempt(ask: Callable[[], object]) -> None:
    """Ask, and go on if the kernel does not answer: that is what is recorded then."""
    try:
        ask()
    except TransportError as error:
        print(error, file=sys.stderr)


def scrubbed(text: str) -> str:
    """Return *text* without what tells of this machine."""
    for pattern, stand_in in PRIVATE:
        text = re.sub(pattern, stand_in, text)
    return text


ENVIRONMENT = r"(/[\w.+-]+)+?/(?=(lib|bin)/)"
PRIVATE = (
    (re.escape(str(FOLDER.parent.parent.parent)), "/project"),
    (re.escape(tempfile.gettempdir()) + r"/[\w./-]*", "/tmp/file"),
    (ENVIRONMENT, "/environment/"),
    (re.escape(str(Path.home())) + r"(?=/)", "/home/tester"),
    (re.escape(socket.gethostname()), "host"),
    (r'("username": ?)"(?!assay")[^"]+"', r'\1"tester"'),
)


def signed(frames: Sequence[bytes], signer: Signer) -> list[str]:
    """Return *frames* as text, scrubbed and with the signature of the test key."""
    parts = split(frames)
    header, parent, metadata, content = (
        scrubbed(part.decode()).encode()
        for part in (parts.header, parts.parent_header, parts.metadata, parts.content)
    )
    signature = signer.sign(header, parent, metadata, content)
    if not parts.signature:
        signature = b""
    whole = (*parts.identities, DELIMITER, signature, header, parent, metadata, content)
    return [bytes(frame).decode() for frame in (*whole, *parts.buffers)]


def record(name: str, version: str, argv: Sequence[str]) -> None:
    """Run *argv*, converse and write the recording of the kernel *name* in *version*."""
    with tempfile.TemporaryDirectory() as folder:
        own = {"HOME": folder, "IPYTHONDIR": folder, "XDG_CACHE_HOME": folder}
        with launch(argv, env=own, cwd=Path(folder)) as kernel:
            client = Recorder(kernel.connection, lifeline=kernel)
            with client:
                converse(client)
    signer = Signer(KEY.encode())
    recording = {
        "format": 1,
        "kernel": name,
        "version": version,
        "key": KEY,
        "records": [
            {"channel": channel, "sender": sender, "frames": signed(frames, signer)}
            for channel, sender, frames in client.kept
        ],
    }
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(recording, indent=1, ensure_ascii=False) + os.linesep, "utf-8")


if __name__ == "__main__":
    record(sys.argv[1], sys.argv[2], sys.argv[3:])
