"""End with the process that started the kernel."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from assay._clock import sleep
from assay._platform._processes import process_descriptor, process_environment, process_name
from assay.transport import IoThread, get_logger

__all__ = ["watch_parent"]

logger = get_logger("assay.kernel")

POLL_S = 1.0

SERVICE_MANAGER = "systemd"
"""Besides the first process of the system it adopts the orphans: those of its user."""

OF_CONTAINERS = frozenset({"catatonit", "docker-init", "dumb-init", "pause", "s6-svscan", "tini"})
"""What the first process of a container runs, and never that of a whole system."""


def watch_parent(
    pid: int, io: IoThread, gone: Callable[[], None], *, is_parent: bool = False
) -> None:
    """Call *gone* once when the process *pid* has ended.

    A number that names no process from the beginning is either that of a launcher which died before
    this process could look: *gone* is called at once. Or it came with an environment that was
    inherited across the border of a container, and is not watched.

    Args:
        pid: The launcher, as ``JPY_PARENT_PID`` names it. 1 or less names no process.
        io: Watches the descriptor of the process, before it is started.
        gone: Called in that thread, or in one that polls where there are no such descriptors.
        is_parent: It was the parent of this process when this one began. The launcher may have died
            since: then it has ended, and its number is free, or another process's.
    """
    if pid <= 1:
        return
    if is_parent and not _is_our_parent(pid):
        gone()
        return
    if not _lives(pid):
        if _is_orphan(pid):
            logger.warning(
                "JPY_PARENT_PID: the launcher %s ended before the kernel began, which ends as well",
                pid,
            )
            gone()
            return
        logger.warning(
            "JPY_PARENT_PID: wanted a process, found none with the number %s: "
            "the kernel does not end with its launcher",
            pid,
        )
        return
    try:
        descriptor = process_descriptor(pid)
    except ProcessLookupError:  # just now
        gone()
        return
    if descriptor is None:
        _poll(pid, gone)
        return

    def ended() -> None:
        io.unwatch(descriptor)
        os.close(descriptor)
        gone()

    io.watch(descriptor, ended)


def _poll(pid: int, gone: Callable[[], None]) -> None:
    # A parent that has ended keeps its number until its own parent looks after it.
    lives = _is_our_parent if _is_our_parent(pid) else _lives

    def wait() -> None:
        while lives(pid):
            sleep(POLL_S)
        gone()

    threading.Thread(target=wait, name="assay-parent", daemon=True).start()


def _is_orphan(launcher: int) -> bool:
    """Return True if the *launcher* has died and another process has adopted this one.

    Where that one has the number in its own environment it is a container's first process, and the
    number comes from outside.
    """
    parent = os.getppid()
    name = process_name(parent)
    if parent != 1 and name != SERVICE_MANAGER:
        return False
    environment = process_environment(parent)
    if environment is None:  # it is another user's
        return name not in OF_CONTAINERS
    return b"JPY_PARENT_PID=%d" % launcher not in environment


def _is_our_parent(pid: int) -> bool:
    return os.getppid() == pid


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # and belongs to another user
    return True
