"""Both ends of the handshake with which a kernel that chose its ports reports them (5.6 draft).

| launcher                        | kernel                                                     |
|---------------------------------|------------------------------------------------------------|
| listens, writes the file        |                                                            |
| starts the process with it      | reads the file, binds five sockets                         |
|                                 | connects, sends its ports, signed                          |
| checks signature and kernel_id  |                                                            |
| acknowledges, signed            | checks the signature, serves                               |

Who has no key can neither register nor acknowledge: what is wrongly signed counts as nothing.
"""

from __future__ import annotations

import secrets
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import zmq

from assay.protocol import (
    Channel,
    ConnectionFile,
    Handshake,
    ProtocolError,
    Registration,
    RegistrationFile,
    Transport,
)
from assay.transport._deadline import Deadline
from assay.transport._errors import LaunchError, TimedOutError
from assay.transport._sockets import Socket, refuse_old_versions, stop_no_input
from assay.transport._wakeup import Wakeup

if TYPE_CHECKING:
    from assay.transport._strangers import StrangersThread

__all__ = ["RegistrationService", "register"]

LINGER_MS = 1_000
"""How long the acknowledgement may take to leave; the kernel is there, and reads."""

MAX_REGISTRATION_BYTES = 64 * 1024
"""A registration has some hundred; who sends more is no kernel, and its connection is ended."""

DESCRIPTOR = slice(2, 6)
"""Where the event of a monitor has it, as a number of the machine's own byte order."""

SERVICE_NUMBER = 1
"""At the end of the service's path, over ipc."""


class Child(Protocol):
    """What is used of a kernel's process."""

    def fileno(self) -> int:
        """Return a descriptor that is readable once it has ended."""
        ...

    def ending(self, when: str = "") -> str:
        """Return how it ended."""
        ...


class RegistrationService:
    """Where one kernel reports the ports that it chose; for one thread.

    Args:
        wanted: How the kernel shall be reached: transport, address, key and CURVE keys.
        folder: Where its file goes, over ipc.

    Raises:
        LaunchError: it cannot listen at that address.
    """

    def __init__(self, wanted: ConnectionFile, folder: Path) -> None:
        self._wanted = wanted
        self._file: Path | None = None
        self._guard = _Guard()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            self._socket = self._context.socket(zmq.ROUTER)
            ip, port = self._listen(folder)
            self._guard.start(self._socket, wanted)
            self._handshake = Handshake(_file_for(wanted, ip, port))
        except BaseException as error:
            self.close()
            if isinstance(error, zmq.ZMQError | OSError):
                raise LaunchError(
                    f"wanted to listen for the kernel's registration at {wanted.ip}, "
                    f"found that it cannot be done: {zmq.strerror(error.errno or 0)}"
                ) from error
            raise

    @property
    def file(self) -> RegistrationFile:
        """What the kernel is started with."""
        return self._handshake.file

    def close(self) -> None:
        """Stop listening, once what was sent is out."""
        self._guard.close()
        self._context.destroy(linger=LINGER_MS)
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def wait_for(self, child: Child, timeout: float) -> ConnectionFile:
        """Wait until the kernel has registered, acknowledge it, and return where it listens.

        Raises:
            LaunchError: it ended before it registered, or did not register in time.
        """
        poller = zmq.Poller()
        for source in (self._socket, child.fileno(), *self._guard.sources):
            poller.register(source, zmq.POLLIN)
        deadline = Deadline(timeout)
        refused = ""
        while ready := dict(deadline.wait(poller.poll)):
            if self._socket in ready:
                frames = self._socket.recv_multipart()
                try:
                    identities, found = self._handshake.read_registration(frames)
                except ProtocolError as error:  # another program's: the kernel's may still come
                    refused = f"the last message was refused: {error}"
                else:
                    self._socket.send_multipart(self._handshake.acknowledge(identities))
                    return self._wanted.with_ports(found.ports)
            if child.fileno() in ready:  # also where strangers send without end
                raise LaunchError(f"the kernel {child.ending('before it registered')}")
            self._guard.look()
            if deadline.passed:  # there may be something to read for ever
                break
        raise LaunchError(str(TimedOutError("the kernel's registration", timeout, note=refused)))

    def _listen(self, folder: Path) -> tuple[str, int]:
        """Bind, and return what stands in the file."""
        wanted = self._wanted
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_REGISTRATION_BYTES)
        refuse_old_versions(self._socket)
        stop_no_input(self._socket)
        if wanted.transport is Transport.IPC:
            ip = str(folder / f"reg-{secrets.token_hex(4)}")  # others may register in this folder
            self._file = Path(f"{ip}-{SERVICE_NUMBER}")
            self._socket.bind(f"ipc://{self._file}")
            return ip, SERVICE_NUMBER
        if ":" in wanted.ip:
            self._socket.setsockopt(zmq.IPV6, 1)
        address = wanted.address(Channel.SHELL).rpartition(":")[0]
        self._socket.bind(f"{address}:*")
        bound = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        return wanted.ip, int(bound.rpartition(":")[2])


class _Guard:
    """Bounds what strangers make ZeroMQ keep, as those of a kernel (decision 0027)."""

    def __init__(self) -> None:
        self._thread: StrangersThread | None = None
        self.sources: tuple[Socket | int, ...] = ()
        """What is readable when `look` is to be called; nothing where nobody is followed."""

    def start(self, socket: Socket, wanted: ConnectionFile) -> None:
        """Follow those who connect to *socket*, which is bound."""
        from assay.transport._strangers import follow_strangers  # noqa: PLC0415 - few launchers wait

        if wanted.transport is not Transport.TCP:
            return
        endpoint = socket.getsockopt_string(zmq.LAST_ENDPOINT)
        ports = dict.fromkeys(Channel, 0) | {Channel.SHELL: int(endpoint.rpartition(":")[2])}
        self._socket, self._wakeup = socket, Wakeup()
        self._thread = follow_strangers(
            wanted.with_ports(ports), endpoint, lambda _: self._wakeup.set()
        )
        if self._thread is not None:
            self._accepted = socket.get_monitor_socket(zmq.EVENT_ACCEPTED)
            self._thread.strangers.accept_all()  # who came before the monitor
            self.sources = self._accepted, self._wakeup.fileno()

    def look(self) -> None:
        """Follow who has connected, and say whether all was read."""
        if self._thread is None:
            return
        self._wakeup.clear()
        while self._accepted.poll(0):
            event = self._accepted.recv_multipart()[0]
            self._thread.strangers.accept(int.from_bytes(event[DESCRIPTOR], sys.byteorder))
        as_of = self._thread.strangers.changes
        if not self._socket.poll(0):
            self._thread.strangers.have_read_all(Channel.SHELL, as_of)

    def close(self) -> None:
        """Follow nothing any more."""
        if self._thread is not None:
            self._thread.close()


def register(file: RegistrationFile, bound: ConnectionFile, timeout: float) -> None:
    """Report the ports of *bound*, which are bound, and wait until that is acknowledged.

    Args:
        file: What the kernel was started with.
        bound: Where it listens.
        timeout: Seconds for the acknowledgement (HANDSHAKE-08).

    Raises:
        TimedOutError: no acknowledgement with the right signature came (HANDSHAKE-11).
        LaunchError: the address of the service is none.
    """
    handshake = Handshake(file)
    registration = Registration.of(file, bound)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        socket = context.socket(zmq.DEALER)
        if file.transport is Transport.TCP and ":" in file.registration_ip:
            socket.setsockopt(zmq.IPV6, 1)
        try:
            socket.connect(file.address)
        except zmq.ZMQError as error:
            raise LaunchError(
                f"wanted the address of a registration service, found {file.address}: "
                f"{zmq.strerror(error.errno or 0)}"
            ) from error
        socket.send_multipart(handshake.register(registration))
        _await_acknowledgement(socket, handshake, timeout)
    finally:
        context.destroy(linger=0)


def _await_acknowledgement(socket: zmq.Socket[bytes], handshake: Handshake, timeout: float) -> None:
    deadline = Deadline(timeout)
    refused = ""
    while deadline.wait(socket.poll):
        try:
            handshake.read_acknowledgement(socket.recv_multipart())
        except ProtocolError as error:  # as if nothing had come
            refused = f"the last message was refused: {error}"
        else:
            return
        if deadline.passed:  # there may be something to read for ever
            break
    raise TimedOutError("the acknowledgement of the registration", timeout, note=refused)


def _file_for(wanted: ConnectionFile, ip: str, port: int) -> RegistrationFile:
    """Return the file for a kernel that is to be reached as *wanted* says.

    The text names neither CURVE keys nor the beginning of paths over ipc: a kernel that does not
    know these keys takes no notice of them (decision 0020).
    """
    keys = {"curve_publickey": wanted.curve_publickey, "curve_secretkey": wanted.curve_secretkey}
    extra = {name: key for name, key in keys.items() if isinstance(key, str)}
    if wanted.transport is Transport.IPC:
        extra["kernel_ip"] = wanted.ip
    return RegistrationFile(
        kernel_id=str(uuid.uuid4()),
        registration_ip=ip,
        registration_port=port,
        transport=wanted.transport,
        key=wanted.key,
        signature_scheme=wanted.signature_scheme,
        extra=extra,
    )
