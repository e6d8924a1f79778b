"""How a kernel that is started here shall be reached."""

from __future__ import annotations

import secrets
from typing import Literal, TypeAlias

from attrs import evolve, frozen

from assay.protocol import ConnectionFile, Transport
from assay.transport._raw_socket import curve_keys

__all__ = ["DEFAULT_IP", "USUAL_REACH", "HandshakeForm", "Reach"]

KEY_BYTES = 32

DEFAULT_IP = ConnectionFile(key="").ip
"""What stands in a connection file that leaves the address to the launcher."""

HandshakeForm: TypeAlias = Literal["draft", "xeus"]
"""How a registration file is written: as the draft of 5.6 has it, or as kernels that are made with
xeus 6 want it, with the port as text (AMB-57)."""


@frozen(kw_only=True)
class Reach:
    """What who starts a kernel may wish of its connection."""

    transport: Transport = Transport.TCP

    ip: str = ""
    """An address of this machine, or over ipc the beginning of the paths; empty is the loopback
    interface, or a private folder."""

    encrypt: bool = False
    """With CURVE, over either transport (CONN-06)."""

    handshake: HandshakeForm | None = None
    """The kernel chooses its ports and reports them; None gives it a connection file."""

    def connection(self) -> ConnectionFile:
        """Return a new connection file for `launch` to add the ports.

        Keys are its own, and so are paths that begin as `ip` says: several kernels may be wanted.
        """
        ip = self.ip or DEFAULT_IP
        if self.transport is Transport.IPC and self.ip:
            ip = f"{ip}-{secrets.token_hex(4)}"
        made = ConnectionFile(key=secrets.token_hex(KEY_BYTES), transport=self.transport, ip=ip)
        if not self.encrypt:
            return made
        keys = curve_keys()
        return evolve(made, curve_publickey=keys.public_key, curve_secretkey=keys.secret_key)

    @property
    def options(self) -> tuple[str, ...]:
        """The words by which the command line asks for this."""
        words = []
        if self.transport is not Transport.TCP:
            words += ["--transport", str(self.transport)]
        if self.ip:
            words += ["--ip", self.ip]
        if self.encrypt:
            words.append("--encrypt")
        if self.handshake is not None:
            words += ["--handshake", self.handshake]
        return tuple(words)


USUAL_REACH = Reach()
"""TCP on the loopback interface, signed, with a connection file."""
