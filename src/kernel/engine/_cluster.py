"""Where the engine's controller is, and its number there."""

from __future__ import annotations

import itertools
import os
import socket
from pathlib import Path

from attrs import frozen

from assay._clock import monotonic, now, sleep
from assay._small_file import mode_risk, read_small_file
from assay.kernel._errors import StartError
from assay.kernel.engine._options import EngineOptions
from assay.kernel.engine._packers import packer_of
from assay.protocol import (
    ClusterFile,
    ConnectionFileError,
    MsgId,
    PackedSession,
    Packer,
    RegistrationReply,
    RegistrationRequest,
    SessionId,
    UnregistrationRequest,
    structure,
)
from assay.transport import CurveClient, Hub, TimedOutError, curve_client, get_logger, open_tunnel

__all__ = ["Cluster", "Registered", "find_cluster", "register", "unregister"]

logger = get_logger("assay.kernel")

LOOK_S = 0.1
"""How often it is looked whether the file is there."""

LOOPBACK = "127.0.0.1"

UNSIGNED = (
    "%s has neither a key nor CURVE: who reaches the controller runs code in this engine; start "
    "the controller without an empty Session.key"
)


@frozen(kw_only=True, eq=False)
class Cluster:
    """What is known of the cluster."""

    file: ClusterFile
    host: str
    """The controller's address."""

    curve: CurveClient | None
    packer: Packer | None
    ssh: str
    """The machine to tunnel through; empty for none."""

    ssh_key: str | None

    def url(self, port: int) -> str:
        """Return the address of *port*, or of a tunnel to it."""
        url = self.file.url(port, self.host)
        return open_tunnel(url, self.ssh, self.ssh_key) if self.ssh else url

    def session(self, uuid: str) -> PackedSession:
        """Return a session for the engine *uuid*; each has message ids of its own."""
        prefix, count = os.urandom(8).hex(), itertools.count()
        return PackedSession(
            self.file.key.encode(),
            session=SessionId(uuid),
            now=now,
            new_id=lambda: MsgId(f"{prefix}_{next(count)}"),
            username="engine",
            signature_scheme=self.file.signature_scheme,
            packer=self.packer,
            metadata={"engine": uuid},
        )


@frozen(kw_only=True)
class Registered:
    """What the hub answered."""

    number: int
    """The engine's."""

    period_s: float
    """From one ping of the hub to the next."""


def find_cluster(options: EngineOptions) -> Cluster:
    """Return the cluster that *options* and the environment name.

    Raises:
        ConnectionFileError: there is no engine file, or it is none.
        StartError: it names a packer that is not there.
    """
    name, data, risk = _read(options)
    if risk:
        logger.warning("%s", risk)
    file = ClusterFile.from_json(data, name=name)
    curve = _curve(file)
    if not file.key and curve is None:
        if options.session_key:
            file = ClusterFile.from_json(_with_key(data, options.session_key), name=name)
        else:
            logger.warning(UNSIGNED, name)
    ssh = options.ssh or (file.ssh if isinstance(file.ssh, str) else "")
    host = _host(file, options.location or file.location)
    if options.ssh_key and not ssh:
        ssh, host = host, LOOPBACK
    return Cluster(
        file=file,
        host=host,
        curve=curve,
        packer=packer_of(file.pack, file.unpack),
        ssh=ssh,
        ssh_key=options.ssh_key or None,
    )


def register(cluster: Cluster, uuid: str, options: EngineOptions) -> Registered:
    """Ask the hub for a number.

    Raises:
        StartError: it does not answer in time, or refuses.
    """
    session = cluster.session(uuid)
    url = cluster.url(cluster.file.registration)
    hub = Hub(url, cluster.curve, uuid.encode())
    try:
        asked = RegistrationRequest(uuid=uuid)
        if options.number is not None:
            asked = RegistrationRequest(uuid=uuid, id=options.number)
        hub.send(session.pack(asked))
        envelope = session.open(hub.receive(options.timeout_s))
    except TimedOutError as error:
        raise StartError(
            f"{error}: is it running, and does it listen at {url}? For engines on other machines "
            f"it is started with --ip='*'"
        ) from error
    finally:
        hub.close()
    content = envelope.content
    if content.get("status") != "ok":
        raise StartError(
            f"the controller refused the engine: {content.get('ename')}: {content.get('evalue')}"
        )
    reply = structure(RegistrationReply, content)
    return Registered(number=reply.id, period_s=reply.hb_period / 1000)


def unregister(cluster: Cluster, uuid: str, number: int, linger_ms: int) -> None:
    """Tell the hub that engine *number* is gone."""
    hub = Hub(cluster.url(cluster.file.registration), cluster.curve)
    hub.send(cluster.session(uuid).pack(UnregistrationRequest(id=number)))
    hub.close(linger_ms)


def _read(options: EngineOptions) -> tuple[str, bytes, str]:
    """Return the name and the bytes of the engine file, and what its mode lets others do."""
    text = os.environ.get("IPP_CONNECTION_INFO", "")
    if text and not options.path:
        return "$IPP_CONNECTION_INFO", text.encode(), ""
    path = options.path or options.default_path()
    end = monotonic() + options.wait_s
    while not Path(path).exists() and monotonic() < end:
        sleep(LOOK_S)
    try:
        data, mode = read_small_file(path)
    except OSError as error:
        raise ConnectionFileError(
            f"{path}: cannot be read: {error.strerror}: wanted the file that a controller writes "
            f"for its engines (ipcontroller-engine.json; --file, --profile, --cluster-id)"
        ) from error
    return path, data, mode_risk(path, mode, "this engine")


def _with_key(data: bytes, key: str) -> bytes:
    from assay.protocol import decode_object, encode_json  # noqa: PLC0415 - few files lack a key

    return encode_json({**decode_object(data, "engine file"), "key": key})


def _curve(file: ClusterFile) -> CurveClient | None:
    environment = os.environ.get
    server_key = file.curve_serverkey if isinstance(file.curve_serverkey, str) else ""
    server_key = server_key or environment("IPP_CURVE_SERVERKEY", "")
    if not server_key:
        return None
    return curve_client(
        server_key, environment("IPP_CURVE_PUBLICKEY"), environment("IPP_CURVE_SECRETKEY")
    )


def _host(file: ClusterFile, location: str) -> str:
    """Return where the controller is reached: its address, or if that is a wildcard, its machine.

    A controller on this machine is reached by loopback, whatever names the machine has.
    """
    if not file.is_wildcard:
        return file.address
    if not location or _is_here(location):
        return LOOPBACK
    return f"[{location}]" if ":" in location else location


def _is_here(location: str) -> bool:
    if location in {"localhost", socket.gethostname(), socket.getfqdn()}:
        return True
    try:
        with socket.socket(socket.AF_INET6 if ":" in location else socket.AF_INET) as probe:
            probe.bind((location, 0))  # only an address of this machine can be bound
    except OSError:
        return False
    return True
