"""What the process, its children and the machine use, for the resource displays of frontends."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from attrs import evolve

from assay.protocol import UNSET, UsageReply

__all__ = ["Usage"]

SHARED = "pss"
"""Memory in which what several processes share counts for each in part; Linux alone has it."""


class Usage:
    """The use of the process from one question to the next; for one thread.

    psutil finds it out. Without that the reply has what Python knows, as IPython's kernel's does.
    """

    def __init__(self) -> None:
        self._processes: dict[int, Any] = {}
        """Each remembers the processor time that it had taken at the last question."""

        self._was_asked = False
        """psutil counts how busy the machine is from one question to the next: of the first it
        says 0."""

    def reply(self) -> UsageReply:
        """Return what can be found out now; what cannot is left out."""
        known = UsageReply(
            hostname=socket.gethostname(), pid=os.getpid(), cpu_count=os.cpu_count(), status="ok"
        )
        try:
            import psutil  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415 - optional
        except ImportError:
            return known
        return self._measured(known, psutil)

    def _measured(self, known: UsageReply, psutil: Any) -> UsageReply:
        def found(read: Callable[[], float]) -> float:
            try:
                return read()
            except psutil.Error:  # a child has ended meanwhile, or is another user's
                return 0

        self._look_for_processes(psutil)
        processes = list(self._processes.values())
        busy, was_asked = psutil.cpu_percent(), self._was_asked
        self._was_asked = True
        return evolve(
            known,
            kernel_cpu=float(sum(found(process.cpu_percent) for process in processes)),
            kernel_memory=int(sum(found(_memory_of(process)) for process in processes)),
            host_cpu_percent=float(busy) if was_asked else UNSET,
            cpu_count=psutil.cpu_count(logical=True),
            host_virtual_memory=dict(psutil.virtual_memory()._asdict()),
        )

    def _look_for_processes(self, psutil: Any) -> None:
        own = psutil.Process()
        try:
            children = own.children(recursive=True)
        except psutil.Error:
            children = []
        # The same objects as before: what one took is counted from its last question.
        self._processes = {
            process.pid: known
            if (known := self._processes.get(process.pid)) == process
            else process
            for process in (own, *children)
        }


def _memory_of(process: Any) -> Callable[[], float]:
    def read() -> float:
        memory = process.memory_full_info()
        return float(getattr(memory, SHARED, memory.rss))

    return read
