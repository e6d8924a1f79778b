"""The handshake of a kernel that chooses its own ports (spec/chapters/handshake.md, draft)."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import frozen

from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, passed
from assay.conformance._testee import Testee
from assay.conformance.checks._started import client_of, refused, started_with
from assay.protocol import (
    DELIMITER,
    Channel,
    ConnectionFile,
    ConnectionFileError,
    Handshake,
    ProtocolError,
    Registration,
    RegistrationFile,
    SignatureError,
    decode_object,
)
from assay.transport import KernelProcess, LaunchError, RawSocket

__all__: list[str] = []

SINCE = (5, 6)

KEYS = ("kernel_id", *(f"{channel}_port" for channel in Channel))

WAITS_S = 60.0
"""How long a kernel may wait for its acknowledgement; the time is its own choice."""


@frozen(kw_only=True)
class Started:
    """A kernel that was given a registration file, and what it has sent to the service."""

    process: KernelProcess
    service: RawSocket
    handshake: Handshake
    frames: tuple[bytes, ...]
    runtime: Path
    """Its folder for connection files."""

    def registration(self) -> Registration:
        """Return what it registered.

        Raises:
            Skip: it is none; that is for HANDSHAKE-03 to 05.
        """
        try:
            return self.handshake.read_registration(self.frames)[1]
        except ProtocolError as error:
            raise Skip(f"the registration cannot be read: {error}") from error

    @property
    def identities(self) -> tuple[bytes, ...]:
        """The routing prefix of the kernel's DEALER."""
        return self.frames[: self.frames.index(DELIMITER)] if DELIMITER in self.frames else ()

    def content(self) -> dict[str, object]:
        """Return the content frame, whatever its signature says.

        Raises:
            Skip: it is no object; that is for HANDSHAKE-03.
        """
        try:
            return dict(decode_object(self.frames[-1], "registration"))
        except ProtocolError as error:
            raise Skip(str(error)) from error

    def acknowledge(self, *, forged: bool = False) -> None:
        """Answer the kernel."""
        frames = self.handshake.acknowledge(self.identities)
        if forged:
            frames[-2] = b"0" * len(bytes(frames[-2]))
        self.service.send(frames)


def _must_know(kernel: Testee) -> None:
    if not _knows(kernel):
        raise Skip("the kernelspec states no protocol version of 5.6 or later")


def _knows(kernel: Testee) -> bool:
    spec = kernel.target.kernelspec
    stated = "" if spec is None else spec.kernel_protocol_version
    parts = stated.split(".") if isinstance(stated, str) else []
    return all(map(str.isdecimal, parts)) and tuple(map(int, parts)) >= SINCE


def _file(port: int) -> RegistrationFile:
    return RegistrationFile(
        kernel_id=str(uuid.uuid4()),
        registration_ip="127.0.0.1",
        registration_port=port,
        key=secrets.token_hex(16),
    )


@contextmanager
def _starting(kernel: Testee) -> Iterator[Started]:
    """Start a kernel with a registration file and yield it once it has registered.

    Raises:
        Skip: it registers nothing; that is for HANDSHAKE-01.
    """
    _must_know(kernel)
    with RawSocket.service() as service, TemporaryDirectory() as runtime:
        file = _file(service.port)
        env = {"JUPYTER_RUNTIME_DIR": runtime}
        with started_with(kernel, file.to_json(), env=env) as process:
            frames = _next(kernel, process, service)
            if frames is None:
                raise Skip("the kernel registers nothing (HANDSHAKE-01)")
            yield Started(
                process=process,
                service=service,
                handshake=Handshake(file),
                frames=frames,
                runtime=Path(runtime),
            )


def _next(kernel: Testee, process: KernelProcess, service: RawSocket) -> tuple[bytes, ...] | None:
    """Return what comes to *service* while *process* runs, None if nothing does in time."""
    for _ in range(int(kernel.patience * 10)):
        frames = service.receive(0.1)
        if frames is not None or process.exit_code is not None:
            return frames
    return None


@check(
    "HANDSHAKE-01.1",
    "a kernel that is given a registration file sends a message to the registration address",
    process=True,
)
def begins(kernel: Testee) -> Outcome:
    _must_know(kernel)
    with (
        RawSocket.service() as service,
        started_with(kernel, _file(service.port).to_json()) as process,
    ):
        if _next(kernel, process, service) is None:
            code = process.exit_code
            got = "nothing" if code is None else f"an end with exit code {code}"
            return failed("a message at the registration address", got)
    return passed()


@check(
    "HANDSHAKE-02.1",
    "the ports of a registration are bound when it arrives",
    process=True,
    also=("HANDSHAKE-03",),
    mistake="Ports are chosen, announced, and bound later.",
)
def ports_are_bound(kernel: Testee) -> Outcome:
    with _starting(kernel) as started:
        registration = started.registration()
        started.acknowledge()
        file = registration.connection(started.handshake.file)
        with client_of(kernel, started.process, file) as other:
            for channel in (Channel.SHELL, Channel.CONTROL):
                if not other.peer.quiet(channel):
                    return failed(f"an answer at the registered port of {channel}", "none")
            if not other.peer.beat():
                return failed("an echo at the registered port of the heartbeat", "nothing")
    return passed()


@check("HANDSHAKE-03.1", "a registration is a delimiter, a signature and six keys", process=True)
def form(kernel: Testee) -> Outcome:
    with _starting(kernel) as started:
        if DELIMITER not in started.frames:
            return failed("a delimiter", f"{len(started.frames)} frames without one")
        behind = len(started.frames) - started.frames.index(DELIMITER) - 1
        if behind != 2:
            return failed("a signature and a content behind the delimiter", f"{behind} frames")
        missing = [key for key in KEYS if key not in started.content()]
        if missing:
            return failed(f"the keys {', '.join(KEYS)}", f"no {' and no '.join(missing)}")
    return passed()


@check("HANDSHAKE-04.1", "a registration has the kernel_id of the registration file", process=True)
def kernel_id(kernel: Testee) -> Outcome:
    with _starting(kernel) as started:
        found, wanted = started.content().get("kernel_id"), started.handshake.file.kernel_id
        if found != wanted:
            return failed(f"kernel_id {wanted!r}", repr(found))
    return passed()


@check("HANDSHAKE-05.1", "a registration carries the HMAC of its content frame", process=True)
def signature(kernel: Testee) -> Outcome:
    with _starting(kernel) as started:
        with suppress(ProtocolError):
            started.handshake.read_registration(started.frames)
            return passed()
        try:
            started.handshake.read_acknowledgement(started.frames)
        except SignatureError as error:
            return failed("the HMAC of the content frame", str(error))
    return passed()


def _ends(kernel: Testee, process: KernelProcess, limit: float) -> bool:
    with suppress(LaunchError):
        process.wait(min(limit, kernel.limits.within(limit)))
    return process.exit_code is not None


@check(
    "HANDSHAKE-08.1",
    "a kernel whose registration is not acknowledged ends itself",
    process=True,
    slow=True,
)
def gives_up(kernel: Testee) -> Outcome:
    with _starting(kernel) as started:
        if not _ends(kernel, started.process, WAITS_S):
            return failed("the end of the process", "it still runs")
        return refused(started.process)


@check(
    "HANDSHAKE-11.1",
    "a forged acknowledgement is taken for none",
    process=True,
    slow=True,
    mistake="Whatever comes from the service is an acknowledgement.",
)
def forged(kernel: Testee) -> Outcome:
    with _starting(kernel) as started:
        started.acknowledge(forged=True)
        if _ends(kernel, started.process, WAITS_S):
            return passed()
        return failed("the end of the process, as without an acknowledgement", "it still runs")


@check("HANDSHAKE-12.1", "after the handshake messages are signed with its key", process=True)
def key_is_used(kernel: Testee) -> Outcome:
    with _starting(kernel) as started:
        registration = started.registration()
        started.acknowledge()
        file = registration.connection(started.handshake.file)
        with client_of(kernel, started.process, file) as other:
            response = other.peer.send("kernel_info_request")
            if not other.peer.wait_for(lambda: response.replies):
                return failed("an answer to a request signed with the key", "none", response)
            reply = response.replied()
            if reply.signature != other.peer.signer.sign(*reply.dicts):
                return failed("a reply signed with the key", "another signature", response)
    return passed()


@check(
    "HANDSHAKE-09.1",
    "a kernel writes a connection file into Jupyter's runtime folder after the handshake",
    process=True,
)
def writes_a_file(kernel: Testee) -> Outcome:
    with _starting(kernel) as started:
        registration = started.registration()
        started.acknowledge()
        file = registration.connection(started.handshake.file)
        with client_of(kernel, started.process, file) as other:
            # The file is written after the handshake: an answer says that this is over.
            other.peer.quiet()
        found = [one for one in map(_read, started.runtime.iterdir()) if one is not None]
        if not any(one.shell_port == registration.shell_port for one in found):
            return failed("a connection file with the registered ports", f"{len(found)} others")
    return passed()


def _read(path: Path) -> ConnectionFile | None:
    with suppress(ConnectionFileError):
        return ConnectionFile.read(path)
    return None


@check("HANDSHAKE-10.1", "a kernel that knows the handshake takes a connection file", process=True)
def either_file(kernel: Testee) -> Outcome:
    _must_know(kernel)
    with kernel.another() as other:
        if not other.peer.quiet():
            return failed("a kernel that answers", "no answer")
    return passed()


@check(
    "CONN-19.1",
    "a kernel that does not know the handshake ends with an error, given a registration file",
    process=True,
    slow=True,
)
def registration_file_is_refused(kernel: Testee) -> Outcome:
    if _knows(kernel):
        raise Skip("the kernelspec states a protocol version with the handshake")
    with (
        RawSocket.service() as service,
        started_with(kernel, _file(service.port).to_json()) as process,
    ):
        if _next(kernel, process, service) is not None:
            raise Skip("the kernel begins the handshake")
        if process.exit_code is None:
            return failed("an end with an error", "it still runs")
        return refused(process)
