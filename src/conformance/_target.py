"""What is to be checked, and how a kernel of it is started."""

from __future__ import annotations

import shlex
import socket
import sys
from pathlib import Path

from attrs import frozen

from assay.protocol import Channel, ConnectionFile, ConnectionFileError, KernelSpec, Transport
from assay.transport import (
    USUAL_REACH,
    InstalledKernel,
    KernelProcess,
    Reach,
    find_kernelspec,
    launch,
    tell_risks,
)

__all__ = ["Target"]

CONNECT_S = 2.0
"""For a connection without a word, by which is found out whether there is a kernel at all."""


@frozen(kw_only=True)
class Target:
    """A kernel that can be started, or one that runs."""

    label: str
    """What reports call it."""

    argument: str
    """How the command line names it, and how it is to be asked: ``python3``, ``--existing FILE``,
    ``--language tiny.toml python3``."""

    spec: InstalledKernel | None = None
    argv: tuple[str, ...] = ()
    existing: ConnectionFile | None = None

    reach: Reach = USUAL_REACH
    """How one that is started is reached, where a check does not ask for something else."""

    @classmethod
    def named(cls, name: str, *, reach: Reach = USUAL_REACH) -> Target:
        """Return the installed kernel *name*.

        Raises:
            KernelSpecError: there is none of this name, or it cannot be used.
        """
        words = shlex.join((*reach.options, name))
        return cls(label=name, argument=words, spec=find_kernelspec(name), reach=reach)

    @classmethod
    def command(cls, argv: tuple[str, ...], *, reach: Reach = USUAL_REACH) -> Target:
        """Return the kernel that a command starts; ``{connection_file}`` stands for the file."""
        words = shlex.join((*reach.options, "--cmd", "--", *argv))
        return cls(label=shlex.join(argv), argument=words, argv=argv, reach=reach)

    @classmethod
    def running(cls, connection_file: Path) -> Target:
        """Return the kernel that listens where *connection_file* says.

        Raises:
            ConnectionFileError: the file cannot be read, or has no port of a kernel that runs.
        """
        connection = ConnectionFile.read(connection_file)
        if open_ones := [f"{one}_port" for one in Channel if not connection.port(one)]:
            raise ConnectionFileError(
                f"{connection_file}: {', '.join(open_ones)}: wanted what the kernel has bound, "
                "found 0"
            )
        tell_risks(connection)
        shown = str(connection_file)
        return cls(label=shown, argument=f"--existing {shlex.quote(shown)}", existing=connection)

    @property
    def kernelspec(self) -> KernelSpec | None:
        """What the author of the kernel says of it; None if it is a command, or runs already."""
        return None if self.spec is None else self.spec.spec

    @property
    def can_start(self) -> bool:
        """Whether a kernel of it can be started; else there is one that runs."""
        return self.existing is None

    @property
    def unreachable(self) -> str:
        """The address of shell of a kernel that runs already, if nothing listens there."""
        there = self.existing
        if there is None or _listens(there):
            return ""
        return there.address(Channel.SHELL)

    def rerun(self, check: str) -> str:
        """Return the command line that asks *check* alone."""
        return f"assay check --select {check} {self.argument}"

    def start(
        self, connection: ConnectionFile | None = None, *, env: dict[str, str] | None = None
    ) -> KernelProcess:
        """Start a kernel.

        Raises:
            LaunchError: it cannot be started.
        """
        return launch(
            self.spec or self.argv,
            connection=connection or self.reach.connection(),
            handshake=self.reach.handshake if connection is None else None,
            env=env,
        )


def _listens(connection: ConnectionFile) -> bool:
    """Return whether something can be connected to where *connection* has its shell."""
    port = connection.port(Channel.SHELL)
    if connection.transport is Transport.IPC:
        return _is_served(f"{connection.ip}-{port}")
    try:
        with socket.create_connection((connection.ip.strip("[]"), port), CONNECT_S):
            return True
    except OSError:
        return False


def _is_served(path: str) -> bool:
    """Return whether something listens at *path*, where a killed kernel leaves its socket file."""
    if sys.platform == "win32":
        return False
    else:  # noqa: RET505 - so that mypy takes each branch for its system's
        with socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)
            try:
                probe.connect(path)
            except BlockingIOError:  # a listener whose queue is full
                return True
            except OSError:
                return False
        return True
