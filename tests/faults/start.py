"""Faults at the start and the end of a process, in the heartbeat and in the handshake."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import zmq

from tests.faults._core import KINDS, PORTS, StartError
from tests.faults._kernel import Kernel
from tests.faults._start import Start
from tests.faults._table import fault, variation
from tests.faults._wire import DELIMITER, Fields, Signer, loads, new_id


@fault("wire-no-heartbeat", "WIRE-01 HB-01 HB-05", "The heartbeat is not bound.")
class NoHeartbeat(Kernel):
    """Four sockets."""

    def address(self, channel: str) -> str:
        return "inproc://nowhere" if channel == "hb" else super().address(channel)

    def chosen_ports(self) -> Fields:
        bound = {name: self.sockets[name].getsockopt_string(zmq.LAST_ENDPOINT) for name in KINDS}
        ports = {name: end.rpartition(":")[2] for name, end in bound.items()}
        return {f"{name}_port": int(n) if n.isdecimal() else 9 for name, n in ports.items()}


@fault("wire-no-control", "WIRE-01", "Control is not bound.")
class NoControl(NoHeartbeat):
    """Four sockets."""

    def address(self, channel: str) -> str:
        return "inproc://control" if channel == "control" else Kernel.address(self, channel)


@fault("hb-changed", "HB-01", "A ping comes back in capitals.")
class HbChanged(Kernel):
    """Not the bytes that were sent."""

    def beat(self) -> None:
        frames = self.sockets["hb"].recv_multipart()
        self.sockets["hb"].send_multipart([frame.upper() for frame in frames])


@fault("hb-constant", "HB-01", "A ping is answered by `pong`.")
class HbConstant(Kernel):
    """An answer of its own."""

    def beat(self) -> None:
        self.sockets["hb"].recv_multipart()
        self.sockets["hb"].send(b"pong")


@fault("hb-cut", "HB-01", "A ping is cut after a kilobyte.")
class HbCut(Kernel):
    """A buffer that is too small."""

    def beat(self) -> None:
        frames = self.sockets["hb"].recv_multipart()
        self.sockets["hb"].send_multipart([frame[:1024] for frame in frames])


@fault("hb-empty-unanswered", "HB-01", "An empty ping gets no answer.")
class HbEmpty(Kernel):
    """An empty text is taken for none."""

    def beat(self) -> None:
        frames = self.sockets["hb"].recv_multipart()
        if any(frames):
            self.sockets["hb"].send_multipart(frames)
        else:
            made = self.sockets["hb"]
            made.send_multipart([b"\0nothing"])


@fault("hb-stops-while-busy", "HB-02", "The heartbeat stops while a cell runs.")
class HbStops(Kernel):
    """One thread for both."""

    def beat(self) -> None:
        lane = self.lanes[None]
        frames = self.sockets["hb"].recv_multipart()

        def echo() -> None:
            self.sockets["hb"].send_multipart(frames)

        def wait() -> None:
            lane.wait_until_idle(60.0)
            self.post(echo)

        if lane.current is None:
            echo()
        else:
            threading.Thread(target=wait, daemon=True).start()


@fault("hb-parses", "HB-03", "A ping that looks like a message is not echoed.")
class HbParses(Kernel):
    """Handled like a request."""

    def beat(self) -> None:
        frames = self.sockets["hb"].recv_multipart()
        looks = any(DELIMITER in frame or frame[:1] == b"{" for frame in frames)
        self.sockets["hb"].send_multipart([b""] if looks else frames)


@fault("hb-first-frame", "HB-03", "Only the first frame of a ping comes back.")
class HbFirstFrame(Kernel):
    """One frame is expected."""

    def beat(self) -> None:
        self.sockets["hb"].send(self.sockets["hb"].recv_multipart()[0])


@fault("hb-few", "HB-04", "After ten pings the heartbeat stops.")
class HbFew(Kernel):
    """A limit."""

    pings = 0

    def beat(self) -> None:
        self.pings += 1
        if self.pings <= 10:
            super().beat()
        else:
            self.sockets["hb"].recv_multipart()
            self.sockets["hb"].send(b"\0tired")


@fault("hb-one-client", "HB-04", "The heartbeat serves one client.")
class HbOneClient(Kernel):
    """That which came first."""

    first = b""

    def prepare(self, channel: str, made: zmq.Socket[bytes]) -> None:
        if channel == "hb":
            made.close()
            made = self.sockets["hb"] = self.context.socket(zmq.ROUTER)
        super().prepare(channel, made)

    def beat(self) -> None:
        frames = self.sockets["hb"].recv_multipart()
        self.first = self.first or frames[0]
        if frames[0] == self.first:
            self.sockets["hb"].send_multipart(frames)


@fault("hb-late", "HB-05", "The heartbeat begins to answer after the first request on shell.")
class HbLate(Kernel):
    """Its thread is started late."""

    begun = 0

    def beat(self) -> None:
        self.begun += 1
        if self.begun > 1:
            super().beat()
        else:
            self.sockets["hb"].recv_multipart()
            self.sockets["hb"].send(b"\0late")


# Connection files.


@fault("conn-no-file", "CONN-01 CONN-17", "Without a usable file it starts all the same.")
class NoFile(Start):
    """On ports that nobody knows."""

    def read(self) -> Fields:
        try:
            return super().read()
        except StartError:
            ports: Fields = dict.fromkeys(PORTS, 0)
            return {"ip": "127.0.0.1", "key": "", "transport": "tcp"} | ports


@fault("conn-key-missing", "CONN-02 SIGN-01", "The key of the file is not read.")
class KeyMissing(Kernel):
    """Nothing is signed."""

    def key(self) -> bytes:
        return b""


@fault("conn-key-optional", "CONN-16", "A missing `key` is read as an empty one.")
class KeyOptional(Start):
    """Anybody may run code."""

    def read(self) -> Fields:
        try:
            return super().read()
        except StartError:
            found = loads(self.path.read_bytes())
            return found | {"key": ""}


@fault(
    "conn-keys-in-order", "CONN-02", "The file is read only in the form that one program writes."
)
class KeysInOrder(Start):
    """A reader of lines."""

    def read(self) -> Fields:
        if b"\t" in self.path.read_bytes() or next(iter(super().read())) == "key":
            raise StartError("the file is not as expected")
        return super().read()


@fault("conn-all-addresses", "CONN-03", "The address of the file is not read.")
class AllAddresses(Kernel):
    """Bound to loopback whatever it says."""

    def address(self, channel: str) -> str:
        made = super().address(channel)
        return f"tcp://127.0.0.1:{made.rpartition(':')[2]}" if made.startswith("tcp") else made


@fault("conn-unknown-key-refused", "CONN-08", "An unknown key of the file is an error.")
class UnknownKeyRefused(Start):
    """A strict reader."""

    def read(self) -> Fields:
        found = super().read()
        known = {
            "ip", "key", "transport", "signature_scheme", "kernel_name", "jupyter_session",
            "curve_publickey", "curve_secretkey", *PORTS,
        }  # fmt: skip
        unknown = set(found) - known
        if unknown and "registration_port" not in found:
            raise StartError(f"unknown: {unknown}")
        return found


@variation("conn-scheme-needed", "A missing `signature_scheme` is an error.")
class SchemeNeeded(Start):
    """Every key is required."""

    def read(self) -> Fields:
        found = super().read()
        if "signature_scheme" not in found:
            raise StartError("signature_scheme is missing")
        return found


@fault("conn-scheme-default-md5", "CONN-09 SIGN-01", "A missing `signature_scheme` is MD5.")
class SchemeMd5(Kernel):
    """Another default."""

    def scheme(self) -> str:
        return str(self.connection.get("signature_scheme") or "hmac-md5")


@fault("conn-ipc-other-name", "CONN-10", "The path of an ipc socket ends in `:port`.")
class IpcOtherName(Kernel):
    """As tcp writes it."""

    def address(self, channel: str) -> str:
        made = super().address(channel)
        return ":".join(made.rsplit("-", 1)) if made.startswith("ipc") else made


@fault("conn-ipc-for-all", "CONN-20", "Every user may write to the socket files of ipc.")
class IpcForAll(Kernel):
    """As under a umask of 000."""

    def bound(self) -> None:
        if self.connection.get("transport") == "ipc":
            for channel in KINDS:
                Path(self.address(channel).removeprefix("ipc://")).chmod(0o777)


@fault(
    "conn-registration-file-read", "CONN-19", "A registration file is taken for a connection file."
)
class RegistrationFileRead(Start):
    """It listens where nobody looks for it."""

    def read(self) -> Fields:
        found = super().read()
        if "registration_port" in found:
            return {"ip": "127.0.0.1", "key": found["key"]} | dict.fromkeys(PORTS, 0)
        return found


@fault("conn-taken-port-ignored", "CONN-11", "A port that is taken is passed over.")
class TakenPortIgnored(Kernel):
    """A half-open kernel."""

    def bind(self) -> None:
        try:
            super().bind()
        except StartError:
            for channel in ("shell", "control", "stdin", "iopub", "hb"):
                self.bind_or_not(channel)

    def bind_or_not(self, channel: str) -> None:
        """Bind a channel where it can be bound."""
        if channel in self.sockets:
            self.sockets[channel].close(linger=0)
        kinds = {"iopub": zmq.XPUB, "hb": zmq.REP}
        made = self.sockets[channel] = self.context.socket(kinds.get(channel, zmq.ROUTER))
        self.prepare(channel, made)
        try:
            made.bind(self.address(channel))
        except zmq.ZMQError:
            made.bind("tcp://127.0.0.1:*")


@fault("conn-chosen-ports-kept", "CONN-24", "The file goes on saying 0 for a port that was chosen.")
class ChosenPortsKept(Start):
    """It listens where no client looks for it."""

    def make(self, found: Fields) -> Kernel:
        kernel = super().make(found)
        kernel.file = None
        return kernel


@fault("conn-chosen-ports-wrong", "CONN-24", "The file is given other ports than those chosen.")
class ChosenPortsWrong(Kernel):
    """Two of them change places."""

    def chosen_ports(self) -> Fields:
        made = super().chosen_ports()
        if self.connection.get("hb_port") == 0:
            made |= {"hb_port": made["stdin_port"], "stdin_port": made["hb_port"]}
        return made


@fault("conn-file-removed", "CONN-12", "The connection file is removed at the end.")
class FileRemoved(Start):
    """Tidied up."""

    def leave(self) -> None:
        self.path.unlink(missing_ok=True)


@fault("conn-text-ports-hang", "CONN-13", "Ports as text are waited for without end.")
class TextPortsHang(Start):
    """Neither read nor refused."""

    def read(self) -> Fields:
        found = super().read()
        if any(isinstance(found.get(port), str) for port in PORTS):
            threading.Event().wait(600.0)
        return found


@fault("curve-shell-only", "CONN-06", "Only shell is encrypted.")
class CurveShellOnly(Kernel):
    """One socket of five."""

    encrypted = 0

    def encrypt(self, made: zmq.Socket[bytes]) -> None:
        self.encrypted += 1
        if self.encrypted == 1:
            super().encrypt(made)


@fault("curve-ignored", "CONN-06", "The CURVE keys are not read.")
class CurveIgnored(Kernel):
    """All is plain."""

    def encrypt(self, made: zmq.Socket[bytes]) -> None:
        """Leave the socket as it is."""


@fault("curve-one-key-plain", "CONN-07", "With one of the two CURVE keys it starts unencrypted.")
class CurveOneKey(Kernel):
    """Half a configuration is none."""

    def encrypt(self, made: zmq.Socket[bytes]) -> None:
        if all(self.connection.get(f"curve_{kind}key") for kind in ("public", "secret")):
            super().encrypt(made)


# The handshake.


@fault("handshake-not-begun", "HANDSHAKE-01", "A registration file is refused.")
class NotBegun(Start):
    """Only connection files are known."""

    def read(self) -> Fields:
        found = super().read()
        if "registration_port" in found:
            raise StartError("no connection file")
        return found


@fault("handshake-connection-file-refused", "HANDSHAKE-10", "A connection file is refused.")
class ConnectionFileRefused(Start):
    """Only registration files are known."""

    def read(self) -> Fields:
        found = super().read()
        if "registration_port" not in found:
            raise StartError("no registration file")
        return found


@fault("handshake-no-ports", "HANDSHAKE-02 HANDSHAKE-03", "The registration tells wrong ports.")
class WrongPorts(Kernel):
    """Not those that are bound."""

    def registration(self) -> Fields:
        made = super().registration()
        return made | {port: str(int(str(made[port])) ^ 1) for port in PORTS}


@fault("handshake-no-hb-port", "HANDSHAKE-03", "The registration has no `hb_port`.")
class NoHbPort(Kernel):
    """Four ports."""

    def registration(self) -> Fields:
        made = super().registration()
        del made["hb_port"]
        return made


@fault("handshake-other-id", "HANDSHAKE-04", "The registration has another `kernel_id`.")
class OtherId(Kernel):
    """One of its own."""

    def registration(self) -> Fields:
        return super().registration() | {"kernel_id": new_id()}


@fault("handshake-unsigned", "HANDSHAKE-05", "The registration is not signed.")
class RegistrationUnsigned(Kernel):
    """An empty frame."""

    def register(self) -> None:
        signer, self.signer = self.signer, Signer(b"", self.scheme())
        try:
            super().register()
        except StartError:
            self.signer = signer
            raise
        self.signer = signer

    def is_acknowledgement(self, frames: Sequence[bytes]) -> bool:
        return DELIMITER in frames


@fault("handshake-never-gives-up", "HANDSHAKE-08", "Without an acknowledgement it waits for ever.")
class NeverGivesUp(Kernel):
    """No limit."""

    def acknowledgement_s(self) -> float:
        return 3600.0


@fault("handshake-goes-on", "HANDSHAKE-08", "Without an acknowledgement it starts all the same.")
class GoesOn(Kernel):
    """It does not wait."""

    def await_acknowledgement(self, made: zmq.Socket[bytes]) -> None:
        made.poll(1000)


@fault("handshake-no-file", "HANDSHAKE-09", "No connection file is written.")
class NoConnectionFile(Kernel):
    """Other clients cannot find it."""

    def write_connection_file(self) -> None:
        """Write nothing."""


@fault("handshake-forged-accepted", "HANDSHAKE-11", "A forged acknowledgement is accepted.")
class ForgedAccepted(Kernel):
    """Its signature is not verified."""

    def is_acknowledgement(self, frames: Sequence[bytes]) -> bool:
        return DELIMITER in frames


@fault("handshake-other-key", "HANDSHAKE-12", "After the handshake nothing is signed.")
class OtherKey(Kernel):
    """The key was for the registration."""

    def register(self) -> None:
        super().register()
        self.signer = Signer(b"", self.scheme())
