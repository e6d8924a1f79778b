"""IPython as the interpreter of an engine: it also calls functions that come as bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assay.kernel._interpreter import Failed, Host
from assay.kernel.ipython._cell_run import CellRun
from assay.kernel.ipython._interpreter import IPythonInterpreter
from assay.protocol import Buffer, DataMessage

__all__ = ["EngineInterpreter"]


class DataPublisher:
    """What ``ipyparallel.datapub.publish_data`` finds as the shell's ``data_pub``.

    Args:
        host: Publishes.
        serialize: Returns the bytes of a dict of objects.
    """

    def __init__(self, host: Host, serialize: Callable[[dict[str, Any]], list[Buffer]]) -> None:
        self._host = host
        self._serialize = serialize

    def publish_data(self, data: dict[str, Any]) -> None:
        """Publish *data* for the running task; clients see it before the task ends."""
        self._host.publish(DataMessage(keys=tuple(map(str, data))), buffers=self._serialize(data))


class EngineInterpreter(IPythonInterpreter):
    """The shell of an engine.

    Args:
        arguments: IPython's own command line.
        serialize: As for `DataPublisher`.
    """

    def __init__(
        self, arguments: list[str], serialize: Callable[[dict[str, Any]], list[Buffer]]
    ) -> None:
        super().__init__(arguments)
        self._serialize = serialize

    def attach(self, host: Host) -> None:
        """Begin to work for the engine of *host*."""
        super().attach(host)
        self.shell.data_pub = DataPublisher(host, self._serialize)

    def run_task(self, task: Callable[[dict[str, Any]], None]) -> Failed | None:
        """Call *task* with the user's namespace, where the user's event loop seems to run.

        Returns:
            None, or what it failed with, which has been published.
        """
        shell, request = self.shell, self._host.request()
        self._streams.mend()
        run = CellRun(0)  # it has no number
        if request is not None:
            request.run = run
        with self._loops.here().in_cell():
            try:
                run.depth += 1
                try:
                    task(shell.user_ns)
                finally:
                    run.depth -= 1
            except BaseException as error:  # noqa: BLE001 - whatever a function raises is its error
                shell.showtraceback()
                shown = shell.published_error(error)
                return Failed(ename=shown.ename, evalue=shown.evalue, traceback=shown.traceback)
            finally:
                self._streams.flush()
        return None

    def clear(self) -> None:
        """Empty the user's namespace; the process goes on."""
        self.shell.reset(new_session=False)
