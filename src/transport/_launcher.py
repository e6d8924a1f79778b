"""Start a kernel, interrupt it, end it, and leave nothing behind."""

from __future__ import annotations

import os
import random
import re
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Literal, Self

from attrs import evolve

from assay._platform import HAS_SIGNALS, KILL
from assay._platform._connections import lowest_served_port
from assay._record import record_path
from assay._record_reader import story_of_connection
from assay.protocol import (
    Channel,
    ConnectionFile,
    ConnectionFileError,
    InterruptRequest,
    KernelSpec,
    ShutdownRequest,
    Transport,
)
from assay.transport._client import READY_TIMEOUT_S, Client
from assay.transport._deadline import Deadline
from assay.transport._errors import KernelEndedError, LaunchError
from assay.transport._kernelspecs import InstalledKernel
from assay.transport._process import ChildProcess
from assay.transport._reach import DEFAULT_IP, HandshakeForm, Reach
from assay.transport._recorder import Recorder
from assay.transport._registration import RegistrationService

__all__ = ["KernelProcess", "free_ports", "launch"]

SHUTDOWN_TIMEOUT_S = 10.0
"""A kernel may have atexit functions to run; clients in the wild wait 5 to 20 seconds."""

TERMINATE_TIMEOUT_S = 2.0

PORTS_POLL_MS = 5
"""Between looks at the connection file, while waiting for the kernel to write its ports."""

HANDSHAKE_SINCE = (5, 5)
"""The version of the enhancement proposal; the text says 5.6, and some kernels state 5.5 and can do
it (AMB-56, decision 0020)."""

STACK_LINES = 30
"""Of the stacks that a kernel left, the thread that crashed first."""

LOWEST_PORT = 10_000

PORT_TRIES = 200

PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_]+)\}")

PYTHONS = frozenset(f"python{version}" for version in ("", "3", f"3.{sys.version_info.minor}"))


class KernelProcess:
    """A kernel that was started here: its process, its connection file, its end.

    Made by `launch`. Leaving its ``with`` block shuts the kernel down, or kills it if it does not
    end in time, and removes everything that was made for it.
    """

    def __init__(
        self,
        child: ChildProcess,
        connection: ConnectionFile,
        connection_file: Path,
        *,
        interrupt_mode: Literal["signal", "message"],
        owned: ExitStack,
    ) -> None:
        self.connection = connection
        self.connection_file = connection_file
        self.interrupt_mode = interrupt_mode
        self._child = child
        self._owned = owned
        self._control: Client | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(kill=kind is not None)

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its session and process group."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """How the kernel ended: negative for a signal, None while it runs."""
        return self._child.exit_code

    @property
    def argv(self) -> tuple[str, ...]:
        """The command that was run."""
        return self._child.argv

    def fileno(self) -> int:
        """Return a descriptor that is readable once the process has ended."""
        return self._child.fileno()

    def ending(self) -> str:
        """Return how the kernel ended, and what it was doing if it left a record; waits for it."""
        return self._ending()

    def written(self) -> str:
        """Return the end of what the process wrote to its own stdout and stderr."""
        return self._child.written()

    def client(
        self, *, timeout: float | None = READY_TIMEOUT_S, recorder: Recorder | None = None
    ) -> Client:
        """Return a new client that is ready; it is closed with the kernel, or before.

        Args:
            timeout: Seconds for the kernel to answer; None waits for ever.
            recorder: Sees each message that the client sends and receives.

        Raises:
            LaunchError: the kernel's process ended before it answered.
            TimedOutError: the kernel did not answer in time.
        """
        client = self.connect(recorder=recorder)
        try:
            client.wait_until_ready(timeout)
        except KernelEndedError as error:
            client.close()
            raise LaunchError(self._ending("before it answered")) from error
        except BaseException:
            client.close()
            raise
        return client

    def connect(self, *, recorder: Recorder | None = None) -> Client:
        """Return a new client as it is, without waiting for anything."""
        client = Client(self.connection, lifeline=self, recorder=recorder)
        self._owned.callback(client.close)
        return client

    def interrupt(self) -> None:
        """Interrupt what runs, in the way the kernelspec asks for (CTRL-09, CTRL-11).

        Returns as soon as the interrupt is sent; nothing happens if the kernel has ended.

        Raises:
            LaunchError: it asks for a signal, on Windows.
        """
        if self.interrupt_mode == "message":
            self._control_client().send(InterruptRequest(), channel=Channel.CONTROL)
        elif HAS_SIGNALS:
            self._child.signal(signal.SIGINT)
        else:
            raise LaunchError(
                "wanted a kernel that is interrupted by message, found interrupt_mode "
                f"{self.interrupt_mode!r}: on Windows no signal reaches it"
            )

    def shutdown(self, *, restart: bool = False, timeout: float = SHUTDOWN_TIMEOUT_S) -> int:
        """Ask the kernel to end and return its exit code; one that does not end is killed.

        Args:
            restart: Tell the kernel that another one will follow.
            timeout: Seconds for the kernel to end by itself (CTRL-12).

        Returns:
            The exit code; ``-SIGTERM`` or ``-SIGKILL`` (on Windows 15) if it did not end by itself.
        """
        if (code := self.exit_code) is not None:
            return code
        self._control_client().send(ShutdownRequest(restart=restart), channel=Channel.CONTROL)
        with suppress(LaunchError):
            return self.wait(timeout)
        return self.kill()

    def kill(self, *, gently: bool = True) -> int:
        """End the kernel and its process group by signal and return its exit code.

        Args:
            gently: Send SIGTERM first and wait a little; on Windows nothing is gentle.
        """
        if gently:
            self._child.signal(signal.SIGTERM)
            with suppress(LaunchError):
                return self._killed(self.wait(TERMINATE_TIMEOUT_S))
        self._child.kill()
        return self._killed(self.wait(None))

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the kernel's end and return its exit code.

        Raises:
            LaunchError: it still runs after *timeout* seconds.
        """
        return self._child.wait(timeout)

    def close(self, *, kill: bool = False) -> None:
        """End the kernel if it runs and remove everything that was made for it.

        Args:
            kill: Do not ask first.
        """
        if self._closed:
            return
        self._closed = True
        with self._owned:
            if self.exit_code is None:
                if kill:
                    self.kill(gently=False)
                else:
                    self.shutdown()

    def _ending(self, when: str = "") -> str:
        how = f"the kernel {self._child.ending(when)}"
        story = story_of_connection(self.connection_file)
        if story is None or story.runs:
            return how
        shown = [how, f"it died {story.activity()}: {story.cause(self.exit_code)}"]
        if story.stacks:
            shown += story.stacks.splitlines()[:STACK_LINES]
        return "\n".join(shown)

    def _killed(self, code: int) -> int:
        """Remove what the kernel left if it died of our signal, and return *code*."""
        if code in {-signal.SIGTERM, -KILL}:
            _record_beside(self.connection_file).unlink(missing_ok=True)
        return code

    def _control_client(self) -> Client:
        if self._control is None:
            self._control = Client(
                self.connection, channels=(Channel.CONTROL,), lifeline=self._child
            )
            self._owned.callback(self._control.close)
        return self._control


def launch(
    command: KernelSpec | InstalledKernel | Sequence[str],
    *,
    connection: ConnectionFile | None = None,
    kernel_chooses_ports: bool = False,
    handshake: HandshakeForm | None = None,
    interrupt_mode: Literal["signal", "message"] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    folder: Path | None = None,
    capture: bool = True,
    timeout: float = READY_TIMEOUT_S,
) -> KernelProcess:
    """Start a kernel.

    Args:
        command: A kernelspec, or a command in which ``{connection_file}`` stands for the path
            (SPEC-04).
        connection: What stands in the connection file: transport, address, keys; see `Reach`. Ports
            that are 0 are filled in. Not given: TCP on the loopback interface and a fresh key.
        kernel_chooses_ports: Leave ports of 0 to the kernel and wait until it has written what it
            bound back to the file. Free of races, but only some kernels can do it.
        handshake: Start it with a registration file: it chooses its ports and reports them, signed.
            Free of races as well; for a kernel that you know to be able to (HANDSHAKE-14).
        interrupt_mode: Instead of the kernelspec's; for a command without one, ``signal``.
        env: Added to the environment, after the kernelspec's own.
        cwd: Where the kernel runs; None is here.
        folder: Where the connection file goes; not given, a private temporary folder.
        capture: Keep what the process writes to its own stdout and stderr, for error messages.
        timeout: Seconds for the kernel to write back its ports, or to register.

    Raises:
        LaunchError: the command cannot be run, the kernel ended before its ports were known, or its
            kernelspec does not say that it can do what is wanted.
    """
    spec, resources = _spec_of(command)
    if handshake is not None:
        _must_not_be_older(spec)
    with ExitStack() as owned:
        place = folder or _private_folder(owned)
        path = place / f"kernel-{secrets.token_hex(8)}.json"
        wanted = connection or Reach().connection()
        if wanted.curve is not None and not isinstance(command, Sequence):
            _must_encrypt(spec)
        if not (kernel_chooses_ports or handshake is not None):
            wanted = free_ports(wanted, place, held=owned)
        elif wanted.transport is Transport.IPC and wanted.ip == DEFAULT_IP:
            wanted = _with_ip(wanted, str(place / "socket"))
        owned.callback(path.unlink, missing_ok=True)
        service = None
        if handshake is None:
            wanted.write(path)
        else:
            service = owned.enter_context(closing(RegistrationService(wanted, place)))
            service.file.write(path, for_xeus=handshake == "xeus")
        child = ChildProcess(
            _argv(spec, path, resources),
            env=_environment(spec, env or {}),
            cwd=cwd,
            capture=capture,
            leaves=_record_beside(path),
        )
        owned.callback(child.close)
        if service is not None:
            wanted = service.wait_for(child, timeout)
            service.close()  # no other kernel is to register
            wanted.write(path)
        elif kernel_chooses_ports:
            wanted = _wait_for_ports(path, child, timeout)
        return KernelProcess(
            child,
            wanted,
            path,
            interrupt_mode=interrupt_mode or spec.interrupt_mode,
            owned=owned.pop_all(),
        )


def free_ports(
    connection: ConnectionFile, folder: Path | None = None, *, held: ExitStack | None = None
) -> ConnectionFile:
    """Return *connection* with a number for every port that is 0.

    Over TCP they are free at this moment, and lie outside of the range from which the system
    serves others: so that neither another program's connection, nor a
    client's that connects to itself while the kernel has not bound yet, can take them.

    Args:
        connection: What stands in the connection file.
        folder: Where the sockets of the transport ipc go.
        held: Keeps each number from others that ask here, in any process of this machine, until
            it is closed. Without it two kernels that start slowly may be given one port.

    Raises:
        LaunchError: no free port was found.
    """
    missing = [channel for channel in Channel if not connection.port(channel)]
    if connection.transport is Transport.IPC:
        if connection.ip == DEFAULT_IP and folder is not None:
            connection = _with_ip(connection, str(folder / "socket"))
        return connection.with_ports({c: n for n, c in enumerate(Channel, 1) if c in missing})
    with ExitStack() as chosen:
        kept = chosen if held is None else held
        return connection.with_ports({c: _free_port(connection.ip, chosen, kept) for c in missing})


def _free_port(ip: str, chosen: ExitStack, kept: ExitStack) -> int:
    """Return a port that is neither bound nor held; *kept* holds it from now on.

    The kernel has to bind it for TCP, so what holds it is a socket for UDP: no kernel uses one, the
    numbers of the two are separate, and the system ends the hold with the process that has it.
    """
    lowest, above = _port_range()
    reason: OSError | None = None
    for _ in range(PORT_TRIES):
        wanted = random.randrange(lowest, above) if above else 0  # noqa: S311
        try:
            bound = chosen.enter_context(_bound(socket.socket, socket.SOCK_STREAM, ip, wanted))
            port: int = bound.getsockname()[1]
            kept.enter_context(_bound(_HeldPort, socket.SOCK_DGRAM, ip, port))
        except OSError as error:
            reason = error
            continue
        return port
    raise LaunchError(f"wanted a free port on {ip}, found none in {PORT_TRIES} tries: {reason}")


class _HeldPort(socket.socket):
    """Holds a number until it is closed, or forgotten with the kernel that it is for."""

    def __del__(self) -> None:
        # A kernel that is never closed ends with its command: that is no fault to warn of.
        self.close()


def _bound(
    made_of: type[socket.socket], kind: socket.SocketKind, ip: str, port: int
) -> socket.socket:
    made = made_of(socket.AF_INET6 if ":" in ip else socket.AF_INET, kind)
    try:
        made.bind(("" if ip == "*" else ip, port))
    except OSError:
        made.close()
        raise
    return made


def _port_range() -> tuple[int, int]:
    """Return where to look for ports, upper end excluded; (0, 0) leaves it to the system."""
    lowest_served = lowest_served_port()
    return (LOWEST_PORT, lowest_served) if lowest_served > LOWEST_PORT + PORT_TRIES else (0, 0)


def _wait_for_ports(path: Path, child: ChildProcess, timeout: float) -> ConnectionFile:
    deadline = Deadline(timeout)
    while True:
        # The process's end wakes this at once; there is no portable way to wait for a file.
        reason = ""
        try:
            found = ConnectionFile.read(path)
            if all(found.port(channel) for channel in Channel):
                return found
        except ConnectionFileError as error:  # the kernel may be writing it just now
            reason = f": {error}"
        try:
            child.wait(PORTS_POLL_MS / 1_000)
        except LaunchError:
            if deadline.passed:
                raise LaunchError(
                    f"wanted the kernel's ports in its connection file, "
                    f"found none within {timeout:g} s{reason}"
                ) from None
            continue
        raise LaunchError(f"the kernel {child.ending('before it listened')}")


def _must_not_be_older(spec: KernelSpec) -> None:
    """Refuse a kernel whose author says that it is from before the handshake (HANDSHAKE-14)."""
    stated = spec.kernel_protocol_version
    parts = stated.split(".") if isinstance(stated, str) else []
    if parts and all(map(str.isdecimal, parts)) and tuple(map(int, parts)) < HANDSHAKE_SINCE:
        raise LaunchError(
            f"wanted a kernel that may know the handshake, found the kernelspec of one that speaks "
            f"protocol {stated}"
        )


def _must_encrypt(spec: KernelSpec) -> None:
    """Refuse a kernel that would ignore the keys, and run in plain view (SPEC-07)."""
    listed = spec.metadata.get("supported_encryption")
    names = listed if isinstance(listed, Sequence) and not isinstance(listed, str) else (listed,)
    if not any(isinstance(name, str) and name.strip().lower() == "curve" for name in names):
        raise LaunchError(
            "wanted a kernel that encrypts, found a kernelspec without curve under "
            "supported_encryption in its metadata"
        )


def _spec_of(command: KernelSpec | InstalledKernel | Sequence[str]) -> tuple[KernelSpec, Path]:
    match command:
        case InstalledKernel():
            return command.spec, command.folder
        case KernelSpec():
            return command, Path()
    if isinstance(command, (str, bytes)) or not isinstance(command, Sequence):
        raise LaunchError(
            f"wanted a kernelspec, or a command as a list of words, found {command!r}: "
            "find_kernelspec(NAME) returns that of an installed kernel"
        )
    return KernelSpec(argv=tuple(command), display_name="", language=""), Path()


def _argv(spec: KernelSpec, connection_file: Path, resources: Path) -> list[str]:
    values = {
        "connection_file": str(connection_file),
        "resource_dir": str(resources),
        "prefix": sys.prefix,
    }
    argv = [PLACEHOLDER.sub(lambda m: values.get(m[1], m[0]), word) for word in spec.argv]
    if not argv:
        raise LaunchError("wanted a command, found an empty one")
    # Seen: kernelspecs that say "python". Here, as in the reference client: this Python.
    return [sys.executable if argv[0] in PYTHONS else argv[0], *argv[1:]]


def _environment(spec: KernelSpec, added: Mapping[str, str]) -> dict[str, str]:
    ours = dict(os.environ)
    own = {name: Template(value).safe_substitute(ours) for name, value in spec.env.items()}
    # On Windows kernels take it for a handle, which a number is not.
    parent = {"JPY_PARENT_PID": str(os.getpid())} if HAS_SIGNALS else {}
    return {**ours, **own, **added, **parent}


def _record_beside(connection_file: Path) -> Path:
    return Path(record_path(str(connection_file)))


def _private_folder(owned: ExitStack) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="assay-"))
    owned.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _with_ip(connection: ConnectionFile, ip: str) -> ConnectionFile:
    return evolve(connection, ip=ip)
