"""What a kernel takes over of the process that it runs in."""

from __future__ import annotations

from assay._fields import Fields

__all__ = ["GUEST", "OWNER", "VISITOR", "Ownership"]


class Ownership(Fields):
    """Which process-wide things a kernel may take, for the time that it runs."""

    descriptors: bool = False
    """Descriptors 1 and 2: what C code and child processes write is shown to the client."""
    streams: bool = False
    """`sys.stdout` and `sys.stderr`."""
    visits: bool = False
    """The same while a cell runs, and for the code of that cell alone; an interrupt is raised in
    its thread. Without effect where `signals` are the kernel's."""
    signals: bool = False
    """SIGINT and SIGTERM, and what goes with them around a fork; only in the main thread. Without
    them an interrupt_request is refused."""
    threads: bool = False
    """`Thread.start` and the pools' work items: what threads write goes to the cell that started
    them."""
    collector: bool = False
    """The garbage collector: it rests while the interpreter is made."""
    exit: bool = False
    """The process ends with the kernel: exit functions are called, child processes ended, and the
    process itself if its main thread hangs."""


OWNER = Ownership(
    descriptors=True, streams=True, signals=True, threads=True, collector=True, exit=True
)
"""The process is the kernel's."""

GUEST = Ownership()
"""It is another program's: nothing but sockets and threads of the kernel's own is touched."""

VISITOR = Ownership(visits=True)
"""It is another program's, and what cells print is shown to the client."""
