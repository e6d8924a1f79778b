"""The process that outlives the engine: it tells the hub of its end, and sends it signals.

**Theory of operation.** The watcher is forked before the engine has any thread. It holds the
connection to the control scheduler, under the engine's identity, and relays what comes by it, both
ways. Two things it does itself:

- It answers signal_request, so that an engine is stopped, continued, interrupted or killed whatever
  holds its interpreter, and the client gets its reply also where the signal ended the engine.
- When the engine's process has ended, however it did, it unregisters it. Hub, schedulers and
  clients then know at once; without it the hub would count missed heartbeats for half a minute.

| comes from              | what                        | the watcher                            |
|-------------------------|-----------------------------|----------------------------------------|
| the scheduler           | signal_request              | sends the signal, replies              |
| the scheduler           | anything else               | hands it to the engine                 |
| the engine              | a reply                     | hands it to the scheduler              |
| the engine, by the link | its number, or none any more | notes it                              |
| the engine, by the link | a file that is there, or gone | notes it                             |
| the system              | the engine has ended        | removes its files, unregisters it, ends |

That the engine has ended is shown by a descriptor of its process. Where there is none, two things
are looked at. The link ends with the engine, which closes it by no other way; a child that the
engine has forked may hold it longer. And the number of the process is asked about, which is there
as long as the launcher has not reaped the process.

The two meet at a socket in a folder that is the user's alone, so that no other user can give orders
to the engine where the cluster has no key of its own (CURVE). If the watcher is killed, the link
ends, and the engine connects to the scheduler itself.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from assay._platform._processes import process_descriptor
from assay.kernel._tracebacks import text_of
from assay.kernel.engine._cluster import Cluster, unregister
from assay.kernel.process._detached import run_detached, send_signal, signal_number
from assay.protocol import (
    Buffer,
    Content,
    ContentError,
    Envelope,
    ErrorReply,
    RemoteError,
    SignalReply,
    SignalRequest,
    structure,
)
from assay.transport import Reactor, Relay

__all__ = ["Watcher", "answer_signal"]

READY = b"ready\n"

THERE, GONE = b"+", b"-"
"""What begins a line about a file; other lines are the engine's number."""

LINK_BYTES = 4096

LINGER_MS = 2_000
"""How long it tries to reach the hub once the engine has ended."""

LOOK_S = 0.5
"""How often it is looked whether the engine lives, where the system does not tell."""

MAX_FOLDER = 80
"""Bytes in the path of the folder; that of a socket may have 107 on Linux, 103 elsewhere."""


class Watcher:
    """The engine's side.

    Args:
        link: Connects to the process.
        control: Where the engine's control socket is to listen.
    """

    def __init__(self, link: socket.socket, control: str) -> None:
        self._link = link
        self.control = control

    @classmethod
    def start(cls, cluster: Cluster, uuid: str, timeout_s: float) -> Watcher:
        """Start the process; before there are other threads in this one."""
        ours, theirs = socket.socketpair()
        folder = _private_folder()
        control = f"ipc://{folder}/control"
        engine = os.getpid()

        def run() -> None:
            ours.close()
            try:
                _Watch(cluster, uuid, engine, theirs, control).run(timeout_s)
            finally:
                shutil.rmtree(folder, ignore_errors=True)

        run_detached(run)
        theirs.close()
        return cls(ours, control)

    def wait_until_ready(self, timeout_s: float) -> bool:
        """Return True once the process is connected, False if it is not in time."""
        self._link.settimeout(timeout_s)
        try:
            return self._link.recv(len(READY)) == READY
        except OSError:
            return False
        finally:
            self._link.settimeout(None)

    def note_number(self, number: int) -> None:
        """Let the process know which engine it is to unregister."""
        self._say(b"%d\n" % number)

    def forget_number(self) -> None:
        """Let the process unregister nothing: the engine has no number any more."""
        self._say(b"\n")

    def note_file(self, path: Path, is_there: bool) -> None:
        """Let the process remove the file *path* when the engine has ended, or no longer."""
        self._say(b"%s%s\n" % (THERE if is_there else GONE, bytes(path).hex().encode()))

    def fileno(self) -> int:
        """Return the descriptor that is readable once the process has ended."""
        return self._link.fileno()

    def close(self) -> None:
        """Forget the process; it goes on until this one ends.

        The descriptor stays open until then: the end of the link says that the engine has ended.
        """
        self._link.detach()

    def _say(self, line: bytes) -> None:
        with suppress(OSError):  # it has ended, which is noticed elsewhere
            self._link.sendall(line)


class _Watch:
    """The watcher's own side."""

    def __init__(
        self, cluster: Cluster, uuid: str, engine: int, link: socket.socket, control: str
    ) -> None:
        self._cluster = cluster
        self._uuid = uuid
        self._engine = engine
        self._link = link
        self._session = cluster.session(uuid)
        self._number: int | None = None
        self._files: set[Path] = set()
        self._received = b""
        self._is_shown = False
        """Whether a descriptor shows the end of the engine."""
        self._reactor = Reactor()
        self._relay = Relay(
            control, cluster.url(cluster.file.control), uuid.encode(), cluster.curve
        )

    def run(self, timeout_s: float) -> None:
        """Relay until the engine has ended; then unregister it."""
        relay, reactor = self._relay, self._reactor
        relay.connect(timeout_s)
        self._watch_engine()
        reactor.watch(relay.outer, self._from_scheduler)
        reactor.watch(relay.inner, self._from_engine)
        reactor.watch(self._link.fileno(), self._from_link)
        self._link.sendall(READY)
        reactor.run(lambda: None)
        self._from_engine()  # the last replies
        self._remove_files()
        if self._number is not None:
            unregister(self._cluster, self._uuid, self._number, LINGER_MS)
        relay.close(LINGER_MS)

    def _watch_engine(self) -> None:
        try:
            descriptor = process_descriptor(self._engine)
        except ProcessLookupError:
            self._reactor.stop()
            return
        if descriptor is not None:
            self._is_shown = True
            self._reactor.watch(descriptor, self._reactor.stop)
        else:
            self._look()

    def _look(self) -> None:
        try:
            send_signal(self._engine, 0)
        except OSError:
            self._reactor.stop()
        else:
            self._reactor.call_later(LOOK_S, self._look)

    def _from_scheduler(self) -> None:
        for frames in self._relay.receive(self._relay.outer):
            reply = self._reply(frames)
            if reply is None:
                self._relay.send(self._relay.inner, frames)
            else:
                self._relay.send(self._relay.outer, reply)

    def _from_engine(self) -> None:
        for frames in self._relay.receive(self._relay.inner):
            self._relay.send(self._relay.outer, frames)

    def _remove_files(self) -> None:
        """Remove what the engine has left behind, by what it has sent up to its end."""
        self._link.setblocking(False)  # a child of the engine may hold the other end
        with suppress(OSError):  # all has been read
            while self._read_link():
                pass
        for path in self._files:
            with suppress(OSError):  # it is gone, or the folder can no longer be written
                path.unlink()

    def _from_link(self) -> None:
        self._read_link()

    def _read_link(self) -> bool:
        """Take what the engine says; return False if it says no more."""
        data = self._link.recv(LINK_BYTES)
        if not data:  # the engine has ended
            self._reactor.unwatch(self._link.fileno())
            if not self._is_shown:
                self._reactor.stop()
            return False
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._take(line)
        return True

    def _take(self, line: bytes) -> None:
        kind, path = line[:1], line[1:].decode()
        if kind == THERE:
            self._files.add(Path(os.fsdecode(bytes.fromhex(path))))
        elif kind == GONE:
            self._files.discard(Path(os.fsdecode(bytes.fromhex(path))))
        else:
            self._number = int(line) if line else None

    def _reply(self, frames: list[Buffer]) -> list[Buffer] | None:
        """Return the reply to what is the watcher's to answer; None for all that is the engine's.

        What is not trusted is the engine's to drop, with a line in its log.
        """
        try:
            envelope = self._session.open(frames)
        except RemoteError:
            return None
        if envelope.header.msg_type != SignalRequest.msg_type:
            return None
        content = answer_signal(envelope, lambda number: send_signal(self._engine, number))
        return self._session.pack(
            content,
            parent=envelope.header.raw or b"{}",
            msg_type=SignalReply.msg_type,
            metadata={"status": "ok" if isinstance(content, SignalReply) else "error"},
            identities=envelope.identities,
        )


def answer_signal(envelope: Envelope, send: Callable[[int], None]) -> Content:
    """Send the signal that *envelope* asks for, and return the content of the reply."""
    try:
        send(signal_number(structure(SignalRequest, envelope.content).sig))
    except (AttributeError, ValueError, OSError, ContentError) as error:
        name, text = type(error).__name__, text_of(error)
        return ErrorReply(ename=name, evalue=text, traceback=(f"{name}: {text}",))
    return SignalReply()


def _private_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="assay-engine-"))
    if len(bytes(folder)) > MAX_FOLDER:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="assay-engine-", dir="/tmp"))
    return folder
