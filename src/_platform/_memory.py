"""Memory: how much the process has, what is given back, and kinds that few need."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Final

from assay._isolation import os
from assay._platform import IS_PORTABLE

__all__ = ["Residence", "anonymous_memory", "give_back_memory", "huge_pages"]


class Residence:
    """How much memory the process has; nothing where that cannot be seen.

    Its descriptor is kept: when it is asked, there may be none left.
    """

    PATH: Final = "/proc/self/statm"
    FIELDS_BYTES: Final = 128

    def __init__(self) -> None:
        self._descriptor = -1
        if sys.platform == "linux" and not IS_PORTABLE:
            # A cell may replace functions of `os`.
            self._read, self._page_bytes = os.pread, os.sysconf("SC_PAGE_SIZE")
            with suppress(OSError):  # no /proc is mounted here
                self._descriptor = os.open(self.PATH, os.O_RDONLY | os.O_CLOEXEC)

    def bytes(self) -> int:
        """Return the memory that the process has; 0 if it is not known."""
        if sys.platform == "linux" and self._descriptor >= 0:
            with suppress(OSError):
                fields = self._read(self._descriptor, self.FIELDS_BYTES, 0).split()
                return int(fields[1]) * self._page_bytes
        return 0

    def close(self) -> None:
        """Hold nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def give_back_memory() -> None:
    """Give the system back what was freed, where the C library keeps it."""
    if sys.platform == "linux" and not IS_PORTABLE:
        import ctypes  # noqa: PLC0415 - rarely

        with suppress(AttributeError, OSError):  # another library than that of GNU
            ctypes.CDLL(None).malloc_trim(0)


def anonymous_memory(size: int) -> int:
    """Return a descriptor of *size* bytes that processes can share, gone with its last user.

    No process can change the size, so that what is mapped stays there.

    Raises:
        OSError: there is no room for it, no descriptor, or no such memory on this system.
    """
    if sys.platform == "linux" and not IS_PORTABLE and hasattr(os, "memfd_create"):
        import fcntl  # noqa: PLC0415 - absent on some platforms

        descriptor = os.memfd_create("assay", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(descriptor, size)
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor
    raise OSError("memory without a name is had on Linux alone")


def huge_pages(size: int) -> memoryview | None:
    """Return *size* bytes of fresh memory in huge pages; None where there are none.

    It lives as long as what is returned. Where the system has no huge pages to give just then, it
    is like any other.
    """
    if sys.platform == "linux" and not IS_PORTABLE:
        import mmap  # noqa: PLC0415 - few programs need so much at once

        try:
            memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            memory.madvise(mmap.MADV_HUGEPAGE)
        except OSError:  # a kernel without them, or no room: the C library may have some
            return None
        return memoryview(memory)
    return None
