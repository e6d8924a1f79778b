"""What a kernel leaves for the case that it dies: a file beside its connection file.

It is made at the start and removed at a good end. So one that lies there without a process that has
its lock is that of a kernel that died, by SIGKILL as well, after which no code of the process runs.
A lock is lost where code in the kernel opens the file and closes it, and some file systems have
none: the process that the record names is looked for as well.

Nothing of the project is imported but `assay._platform`, so that a kernel whose imports fail can
write a record, and ``assay why`` read it (decision 0021).

| bytes from | what                                                                            |
|------------|---------------------------------------------------------------------------------|
| 0          | who: lines of text, padded with spaces                                          |
| 2,048      | the last cell of the main shell, a line: number, begun, ended or ``-``, its     |
|            | first line; 256 bytes                                                           |
| 2,304      | the same for subshells, whichever wrote last                                    |
| 2,560      | what the kernel itself wrote of its end, if it could                            |
| 4,080      | how many bytes of the stacks were there when a cell began or ended: of a child  |
|            | process which C code forked, and which has crashed                              |
| 4,096      | stacks, as `faulthandler` or a traceback has them                               |

Written is with `os.pwrite`, which takes some microseconds and fails where a disk is full. A mapped
page would be cheaper, and end the process there, or when a program truncates the file.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from contextlib import suppress
from threading import get_ident  # by name: gevent replaces the module's

from assay._clock import sleep, wall_clock
from assay._isolation import os
from assay._platform import host_name, is_own_file, lock_file, write_at
from assay._platform._processes import process_start

__all__ = [
    "CELLS_AT",
    "CELL_BYTES",
    "END_AT",
    "FATAL_HEAD",
    "MAGIC",
    "NOT_IMPORTED",
    "NOT_STARTED",
    "STACKS_AT",
    "STRAY_AT",
    "CellNotes",
    "Record",
    "note_failed_import",
    "read_who",
    "record_path",
]

MAGIC = "assay record 1"

NOT_STARTED, NOT_IMPORTED = "it could not start", "it could not be imported"
"""How the end of a kernel begins that has served no client."""

CELLS_AT, CELL_BYTES, END_AT, STRAY_AT, STACKS_AT = 2_048, 256, 2_560, 4_080, 4_096

FATAL_HEAD = b"Fatal Python error: "
"""How the stacks of a crash begin."""

LINE_CHARACTERS = 80
"""Of a cell's first line, which is code of the user's: enough to know the cell again."""

KEPT = 20
"""Records of dead kernels that stay in a folder, the newest; clients may kill every kernel that
they have started."""

KEPT_S = 14 * 24 * 3_600

LOCK_TRIES = 1_000
LOCK_PAUSE_S = 0.001
"""Another process that looks at a record has its lock for some microseconds."""

SUFFIX = ".record"


def record_path(connection_path: str) -> str:
    """Return where the record of the kernel with this connection file is.

    Its name begins with a dot: clients look for connection files by a part of the name.
    """
    folder, name = os.path.split(os.path.abspath(connection_path))
    return os.path.join(folder, f".{name}{SUFFIX}")


def former_path(path: str) -> str:
    """Return where the record goes that was at *path* when a kernel started there again."""
    return f"{path.removesuffix(SUFFIX)}.former{SUFFIX}"


class CellNotes:
    """The place for the newest cell of the main shell, or of all subshells.

    Written by the threads that run the cells.
    """

    def __init__(self, record: Record, offset: int) -> None:
        self._record = record
        self._offset = offset
        self._newest = 0, "", ""
        """The thread of the newest cell, its number and beginning, and its first line."""

    def begin(self, number: int, code: str) -> None:
        """Note that a cell begins; *code* is empty for one that is not stored."""
        line = code[:1_000].lstrip().split("\n", 1)[0][:LINE_CHARACTERS]
        self._newest = get_ident(), f"{number} {wall_clock():.3f}", line
        self._write("-")

    def end(self) -> None:
        """Note that it has ended, unless another subshell has begun one since."""
        if self._newest[0] == get_ident():
            self._write(f"{wall_clock():.3f}")

    def _write(self, ended: str) -> None:
        _, head, line = self._newest
        text = f"{head} {ended} {line}".encode("utf-8", "backslashreplace")
        self._record.note_strays()
        self._record.write(self._offset, text[: CELL_BYTES - 1].ljust(CELL_BYTES - 1) + b"\n")


class Record:
    """The record of this process, open until its end.

    Made by `open`. Its descriptor is given to `faulthandler` alone, and keeps its number
    until the process ends: what it stands for is changed by `os.dup2`.
    """

    def __init__(self, path: str, descriptor: int, former: str) -> None:
        self.path = path
        self.former = former
        """The record of a kernel that had the same connection file, and died; may be empty."""
        self._descriptor = descriptor
        self._inode = os.fstat(descriptor).st_ino
        self._process = os.getpid()
        self._strays = STACKS_AT
        """Up to where stacks are known to be of others."""
        self._is_ours = True
        self.can_be_written = True
        """False once something could not be written, and where it is not this process's."""
        self.main = CellNotes(self, CELLS_AT)
        self.subshells = CellNotes(self, CELLS_AT + CELL_BYTES)

    @classmethod
    def open(cls, connection_path: str, about: str) -> Record:
        """Make the record of a kernel that starts, and remove old ones of others.

        Args:
            connection_path: Its connection file.
            about: What it is, on a line.

        Raises:
            OSError: there cannot be one, or a kernel with the same connection file runs.
        """
        path = record_path(connection_path)
        former = _move_away(path)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _lock(descriptor)
            who = (
                MAGIC,
                f"connection {os.path.abspath(connection_path)}",
                f"process {os.getpid()}",
                f"started {process_start(os.getpid())}",
                f"host {host_name()}",
                f"began {wall_clock():.3f}",
                f"about {about}",
            )
            head = os.fsencode("\n".join(who))[: CELLS_AT - 1].ljust(CELLS_AT - 1) + b"\n"
            # All of it is written: what fails for want of room fails now.
            os.write(descriptor, head.ljust(STACKS_AT - 1) + b"\n")
        except BaseException:
            os.close(descriptor)
            with suppress(OSError):
                os.unlink(path)
            raise
        _remove_old(os.path.dirname(path), spared=path)
        return cls(path, descriptor, former)

    def fileno(self) -> int:
        """Return the descriptor, for `faulthandler`: it writes behind all else."""
        return self._descriptor

    def note_end(self, why: str, stacks: str = "") -> None:
        """Write why the kernel ends, and where it was; the record stays."""
        room = STRAY_AT - END_AT - 1
        text = why.encode("utf-8", "backslashreplace")[:room]
        self.write(END_AT, text.ljust(room) + b"\n")
        self.write(STACKS_AT, stacks.encode("utf-8", "backslashreplace"))

    def note_strays(self) -> None:
        """Note that this process has outlived what is written as stacks so far.

        They are of a child that shares the descriptor: C code forks without a call of `leave`.
        """
        with suppress(OSError):  # a cell has closed it
            end = os.lseek(self._descriptor, 0, os.SEEK_CUR) if self.can_be_written else 0
            if end > self._strays:
                self._strays = end
                text = str(end - STACKS_AT).encode().ljust(STACKS_AT - STRAY_AT - 1)
                self.write(STRAY_AT, text + b"\n")

    def remove(self, stderr: int) -> None:
        """Remove the record: the kernel has ended as it should. A crash is written to *stderr*."""
        if not self._is_ours:
            return
        with suppress(OSError):  # it is gone, or the folder can no longer be written
            if os.stat(self.path).st_ino == self._inode:
                os.unlink(self.path)
        self.leave(stderr)

    def leave(self, stderr: int) -> None:
        """Write nothing more, as in a forked child: the record is its parent's."""
        self._is_ours = self.can_be_written = False
        with suppress(OSError):
            os.dup2(stderr, self._descriptor, inheritable=False)

    def write(self, offset: int, data: bytes) -> None:
        """Write *data*, if that can be done: a record is worth no cell.

        Not in a child that C code has forked: the record is its parent's.
        """
        if self.can_be_written and os.getpid() == self._process:
            try:
                write_at(self._descriptor, data, offset)
            except OSError:  # full, or a cell has closed it
                self.can_be_written = False


def note_failed_import(arguments: Sequence[str], error: BaseException) -> None:
    """Leave a record of a kernel that could not be imported.

    Args:
        arguments: What stands behind ``assay kernel``.
        error: Why.
    """
    words = [*arguments]
    if "-f" not in words[:-1]:
        return
    import traceback  # noqa: PLC0415 - no kernel that starts needs it

    with suppress(OSError):
        record = Record.open(words[words.index("-f") + 1], "assay kernel, not imported")
        why = "".join(traceback.format_exception_only(error)).strip()
        record.note_end(f"{NOT_IMPORTED}: {why}", "".join(traceback.format_exception(error)))


def read_who(data: bytes) -> dict[str, str]:
    """Return what the beginning of a record, *data*, says of its kernel; empty if it is none."""
    magic, *lines = os.fsdecode(data[:CELLS_AT]).rstrip().split("\n")
    if magic != MAGIC:
        return {}
    return {name: value for name, _, value in (line.partition(" ") for line in lines)}


def is_left(path: str) -> bool:
    """Return True if the record at *path* is of a kernel that has ended.

    It has if the record is not locked, and the process that it names is not there on this host.

    Raises:
        OSError: it cannot be read, or is another user's.
    """
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        if not is_own_file(descriptor):
            raise PermissionError(errno.EACCES, "it is another user's", path)
        free = lock_file(descriptor, shared=True)
        who = read_who(os.read(descriptor, CELLS_AT))
        return free is not False and not _is_there(who, has_locks=free is not None)
    finally:
        os.close(descriptor)


def _is_there(who: dict[str, str], *, has_locks: bool) -> bool:
    """Return whether the process of a record that is not locked is on this host.

    Where it is not known whether a process is that one, or has got its number later, the lock is
    believed.
    """
    try:
        pid = int(who.get("process", ""))
    except ValueError:  # damaged
        return False
    if pid <= 0 or who.get("host") != host_name():
        return False
    found, wanted = process_start(pid), who.get("started", "")
    if found is None:
        return False
    return found == wanted if found and wanted else not has_locks


def _lock(descriptor: int) -> None:
    """Lock the record of this process, which others may look at just now.

    It does without if that cannot be done: then `is_left` looks for the process.
    """
    for _ in range(LOCK_TRIES):
        if lock_file(descriptor) is not False:
            return
        sleep(LOCK_PAUSE_S)


def _move_away(path: str) -> str:
    """Move the record of a dead kernel at *path*, if there is one, and return where it is now.

    Raises:
        OSError: it is that of a kernel that runs.
    """
    try:
        if not is_left(path):
            raise BlockingIOError(errno.EAGAIN, "a kernel with this connection file runs", path)
    except FileNotFoundError:
        return ""
    former = former_path(path)
    os.replace(path, former)
    return former


def _remove_old(folder: str, spared: str) -> None:
    """Remove records of dead kernels from *folder*, but for the newest (docs/limits.md).

    A file that only has the name of one stays, whatever program it belongs to.

    *spared* is this kernel's own: to look at it would take its lock away.
    """
    with suppress(OSError):
        found = [
            (entry.stat(follow_symlinks=False).st_mtime, entry.path)
            for entry in os.scandir(folder)
            if entry.name.startswith(".") and entry.name.endswith(SUFFIX) and entry.path != spared
            # To read from a pipe waits for ever.
            if entry.is_file(follow_symlinks=False)
        ]
        oldest = wall_clock() - KEPT_S
        are_many = len(found) > KEPT
        dead = 0
        for changed, path in sorted(found, reverse=True):
            with suppress(OSError):
                if (are_many or changed < oldest) and is_left(path) and _is_record(path):
                    dead += 1
                    if dead > KEPT or changed < oldest:
                        os.unlink(path)


def _is_record(path: str) -> bool:
    """Return True if the file at *path* begins as a record does, or nothing was written to it."""
    with open(path, "rb") as file:  # noqa: PTH123 - as above
        return file.read(len(MAGIC) + 1) in {b"", os.fsencode(f"{MAGIC}\n")}
