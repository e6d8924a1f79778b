"""Ports that the kernel chooses: those that the file left open, or all, told by the handshake."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import zmq

from tests.faults._core import KINDS, PORTS, Core, StartError
from tests.faults._wire import DELIMITER, Fields, RejectedError, dumps, loads

ACKNOWLEDGEMENT_S = 5.0


class RegisteringCore(Core):
    """A core that is given a connection file or a registration file."""

    file: Path | None = None
    """The file, written again with the ports if it left them open."""

    def ready(self) -> None:
        """Tell which ports were chosen, if they were."""
        chosen = self.chosen_ports()
        if "registration_port" in self.connection:
            self.connection |= chosen
            self.register()
        elif chosen != {port: self.connection.get(port) for port in PORTS}:
            asked = [self.connection.get(port) for port in PORTS]
            self.connection |= chosen
            if 0 in asked and self.file is not None:
                write_atomically(self.file, self.connection)

    def chosen_ports(self) -> Fields:
        """Return the ports that are bound."""
        if self.connection.get("transport", "tcp") != "tcp":
            return {port: self.connection.get(port) for port in PORTS}
        ends = {name: self.sockets[name].getsockopt_string(zmq.LAST_ENDPOINT) for name in KINDS}
        return {f"{name}_port": int(end.rpartition(":")[2]) for name, end in ends.items()}

    def register(self) -> None:
        """Tell the ports to the service, and wait until it has understood.

        Raises:
            StartError: it did not.
        """
        made = self.context.socket(zmq.DEALER)
        made.linger = 0
        service = self.connection
        made.connect(f"tcp://{service['registration_ip']}:{service['registration_port']}")
        content = self.dumps_registration(self.registration())
        made.send_multipart([DELIMITER, self.sign_registration(content), content])
        try:
            self.await_acknowledgement(made)
        finally:
            made.close()
        self.write_connection_file()

    def registration(self) -> Fields:
        """Return what is told to the service."""
        ports = {port: str(self.connection[port]) for port in PORTS}
        return {"kernel_id": self.connection["kernel_id"], **ports}

    def dumps_registration(self, content: Fields) -> bytes:
        """Return the frame of the registration."""
        return dumps(content)

    def sign_registration(self, content: bytes) -> bytes:
        """Return the signature of the registration."""
        return self.signer.sign([content])

    def await_acknowledgement(self, made: zmq.Socket[bytes]) -> None:
        """Wait until the service has acknowledged.

        Raises:
            StartError: it did not.
        """
        while made.poll(int(self.acknowledgement_s() * 1000)):
            if self.is_acknowledgement(made.recv_multipart()):
                return
        raise StartError("the registration was not acknowledged")

    def acknowledgement_s(self) -> float:
        """Return how long the service may take."""
        return ACKNOWLEDGEMENT_S

    def is_acknowledgement(self, frames: Sequence[bytes]) -> bool:
        """Say whether the frames are a signed acknowledgement."""
        match list(frames):
            case [*_, delimiter, signature, content] if delimiter == DELIMITER:
                return signature == self.sign_registration(content) and is_object(content)
        return False

    def write_connection_file(self) -> None:
        """Write a connection file for other clients into Jupyter's runtime folder."""
        folder = os.environ.get("JUPYTER_RUNTIME_DIR")
        if folder and Path(folder).is_dir():
            keys = ("transport", "key", "signature_scheme", *PORTS)
            made = {"ip": self.connection.get("ip", "127.0.0.1")}
            made |= {key: self.connection[key] for key in keys if key in self.connection}
            write_atomically(Path(folder) / f"kernel-{self.connection['kernel_id']}.json", made)


def is_object(frame: bytes) -> bool:
    """Say whether a frame holds an object."""
    try:
        loads(frame)
    except RejectedError:
        return False
    return True


def write_atomically(path: Path, content: Fields) -> None:
    """Write a file that only this user can read, so that it is never seen half written."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.touch(mode=0o600)
    beside.write_text(json.dumps(content), encoding="utf-8")
    beside.replace(path)
