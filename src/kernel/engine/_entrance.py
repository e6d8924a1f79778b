"""Let clients of a kernel into a running engine: what ``ipyparallel.bind_kernel`` is for.

The engine's own sockets are bound as well, at ports of loopback, so that a console and the cluster
talk to one interpreter, in one queue. The messages are signed with the cluster's key.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from assay.kernel._parts import Parts
from assay.kernel.engine._cluster import Cluster
from assay.kernel.process._import_hooks import after_import
from assay.kernel.process._patches import Kind, patches
from assay.protocol import AssayError, Channel, ConnectionFile
from assay.transport import EngineSockets, Heartbeat, bind_engine, get_logger

__all__ = ["Entrance", "EntranceError"]

logger = get_logger("assay.kernel")

REASON = "an engine of ours is no IPEngine, and can be entered all the same"


class EntranceError(AssayError):
    """Clients of a kernel could not speak with this engine, or not safely."""


class Entrance:
    """The way in, which is opened once.

    Args:
        cluster: Its key signs.
        sockets: The engine's.
        parts: The engine's.
        number: The engine's.
    """

    def __init__(self, cluster: Cluster, sockets: EngineSockets, parts: Parts, number: int) -> None:
        self._cluster = cluster
        self._sockets = sockets
        self._parts = parts
        self._number = number
        self._path: Path | None = None
        self._heartbeat: Heartbeat | None = None

    def open(self, **_: object) -> str:
        """Listen for clients of a kernel; return the path of the connection file.

        Raises:
            EntranceError: the cluster has no key, or packs its messages as no client does.
            BindError: there is no port.
        """
        if self._path is not None:
            return str(self._path)
        self._check()
        file = self._cluster.file
        connection = self._bind(
            ConnectionFile(key=file.key, signature_scheme=file.signature_scheme)
        )
        self._heartbeat = Heartbeat(connection)
        connection = self._heartbeat.connection
        self._heartbeat.start()
        self._path = _free_path(self._number)
        host = self._parts.host
        host.note_file(self._path, is_there=True)
        connection.write(self._path)
        host.connection = connection
        host.on_close(self.close)
        logger.info("connect a client with: jupyter console --existing %s", self._path)
        return str(self._path)

    def close(self) -> None:
        """Remove the file, and what only clients of a kernel need."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        if self._heartbeat is not None:
            self._heartbeat.close()
        self._path = self._heartbeat = None

    def replace_bind_kernel(self) -> None:
        """Let ``ipyparallel.bind_kernel`` open this, wherever its code is run."""
        after_import("ipyparallel.engine.app", self._replace)

    def _replace(self) -> None:
        from ipyparallel.engine.app import IPEngine  # noqa: PLC0415 - it has just been imported

        found: dict[str, Callable[..., Any]] = {
            "initialized": lambda: True,
            "instance": lambda *_, **__: _Application(self.open),
        }
        for name, ours in found.items():
            patches.replace(
                IPEngine, name, staticmethod(ours), kind=Kind.CORRECTNESS, reason=REASON
            )

    def _check(self) -> None:
        if not self._cluster.file.key or self._cluster.curve is not None:
            raise EntranceError(
                "wanted a cluster with a key to sign with, found one without (CURVE?): every "
                "user of this machine could enter the engine"
            )
        if self._cluster.packer is not None:
            raise EntranceError(
                f"wanted a cluster that packs its messages as JSON, found "
                f"{self._cluster.file.pack!r:.40}, which no client of a kernel reads"
            )

    def _bind(self, connection: ConnectionFile) -> ConnectionFile:
        """Bind the sockets in the I/O thread, which owns them."""
        answers: SimpleQueue[ConnectionFile | Exception] = SimpleQueue()

        def bind() -> None:
            try:
                answers.put(bind_engine(self._sockets, connection))
            except Exception as error:  # noqa: BLE001 - the caller's, who waits
                answers.put(error)

        self._parts.io.log.call(bind)
        answer = answers.get()
        if isinstance(answer, Exception):
            raise answer
        assert answer.port(Channel.SHELL), "bound"
        return answer


class _Application:
    """What ``IPEngine.instance()`` is to the code of ``bind_kernel``."""

    def __init__(self, open_: Callable[..., str]) -> None:
        self.bind_kernel = open_


def _free_path(number: int) -> Path:
    from jupyter_core.paths import jupyter_runtime_dir  # noqa: PLC0415 - few engines are entered

    folder = Path(jupyter_runtime_dir())
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"kernel-engine-{number}-{os.getpid()}.json"
