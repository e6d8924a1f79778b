"""The file of the history, which other kernels write to, and which may be unusable.

IPython takes each error of sqlite's for a corrupt file, which it renames: also one that another
process has locked for five seconds, one on a full disk, and one that is read. Here a file is moved
away only if it is no database, or a damaged one, when a session begins. Of any other error one line
is written to the stderr of the process, and the history of this session is kept in memory.
Where it was only locked, the session moves into the file as soon as it can (`open_late`).

No cell, and no start, waits for the file longer than `PATIENCE_S`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from inspect import unwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core import history
from traitlets import default

from assay._clock import now
from assay.transport import get_logger

if TYPE_CHECKING:
    from sqlite3 import Connection, DatabaseError

__all__ = [
    "MEMORY",
    "PATIENCE_S",
    "HistoryReader",
    "OnFile",
    "copy_session",
    "database_error",
    "identity",
    "is_locked",
    "open_late",
]

logger = get_logger("assay.kernel")

PATIENCE_S = 0.25
"""How long sqlite tries when another process has locked the file. A kernel that writes its cells
has it locked for milliseconds."""

MEMORY = ":memory:"

BUSY, LOCKED, CORRUPT, NO_DATABASE = 5, 6, 11, 26
"""Of sqlite's result codes, in their lowest byte."""

COLUMNS = {"history": "line, source, source_raw", "output_history": "line, output"}
"""Of IPython's tables, behind the number of the session."""

JOURNALS = ("-journal", "-wal", "-shm")
"""What sqlite keeps beside a file, and would take for that of the file that replaces it."""


def database_error() -> type[DatabaseError] | tuple[()]:
    """Return what sqlite raises: nothing, in a Python that has none."""
    try:
        from sqlite3 import DatabaseError  # noqa: PLC0415 - IPython imports it where it needs it
    except ImportError:
        return ()
    return DatabaseError


def _failing(name: str) -> Callable[..., Any]:
    """Return IPython's method *name*, which lets what sqlite raises rise, and moves no file."""
    read = unwrap(getattr(history.HistoryManager, name))

    @wraps(read)
    def read_or_fail(self: OnFile, *args: Any, **kwargs: Any) -> Any:
        if not self.enabled:
            return []
        found = read(self, *args, **kwargs)
        return found if isinstance(found, tuple) else list(found)  # a cursor may fail later

    return read_or_fail


class OnFile(history.HistoryAccessor):  # type: ignore[misc]  # skipped, see mypy.ini
    """What the manager of a session and a reader have in common: IPython's with other manners."""

    hist_file: Any
    db: Any
    session_number: Any

    is_locked_out = False
    """Another process had the file locked when this session began, and it is in memory yet."""

    @default("connection_options")
    def _default_connection_options(self) -> dict[str, Any]:
        return {"check_same_thread": False, "timeout": PATIENCE_S}

    get_tail = _failing("get_tail")
    search = _failing("search")
    get_session_info = _failing("get_session_info")

    def init_db(self) -> None:
        """Open the file, or what takes its place."""
        if not self.enabled:
            _open(self)
            return
        found = identity(self.hist_file)
        try:
            _open(self)
        except database_error() as error:
            self.replace_file(error, found)

    def replace_file(self, error: DatabaseError, found: object) -> None:
        """Go on without the file, which *error* shows to be unusable.

        Args:
            error: What sqlite raised.
            found: What `identity` was when it was opened: another kernel may have replaced it.
        """
        path, code = self.hist_file, getattr(error, "sqlite_errorcode", 0) & 0xFF
        db = self.db
        if db is not None:
            db.close()
        if path == MEMORY:
            raise error
        if code in {CORRUPT, NO_DATABASE} and (moved := _move_away(Path(path), found)):
            logger.warning("history: %s is damaged (%s): moved to %s", path, error, moved)
            try:
                _open(self)
            except database_error() as new_error:
                error = new_error
            else:
                return
        self.is_locked_out = is_locked(error)
        if not self.is_locked_out:
            logger.warning(
                "history: %s cannot be used (%s): that of this session is in memory, and is not"
                " kept",
                path,
                error,
            )
        self.file_in_vain = Path(path)
        self.hist_file = MEMORY
        _open(self)

    file_in_vain: Path | None = None
    """The file that was to be used."""


class HistoryReader(OnFile):
    """Reads the file by a connection of its own, in another thread than the manager's.

    It opens what is there, and neither makes nor moves anything.
    """

    get_tail = unwrap(history.HistoryAccessor.get_tail)

    def replace_file(self, error: DatabaseError, found: object) -> None:
        """Let *error* rise: what becomes of the file, the session decides."""
        del found
        raise error


def is_locked(error: Exception) -> bool:
    """Return True if another process uses the file just now, and all is well otherwise."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {BUSY, LOCKED}


class _Opening:
    """What IPython's own opening of a file needs of a manager."""

    enabled = True
    db: Connection
    _finalizer: Any

    def __init__(self, hist_file: Path, options: dict[str, Any]) -> None:
        self.hist_file = hist_file
        self.connection_options = options

    def opened(self) -> Connection:
        """Open the file, and return the connection, which is the caller's to close."""
        try:
            _open(self)
        except BaseException:
            self._finalizer()
            raise
        self._finalizer.detach()
        return self.db


def open_late(path: Path, options: dict[str, Any]) -> Connection:
    """Open the file that was locked when the session began, with all tables.

    Raises:
        sqlite3.DatabaseError: it still cannot be used.
    """
    return _Opening(path, options).opened()


def copy_session(memory: Connection, number: int, file: Connection) -> int:
    """Write the session *number* of *memory* into *file*, as a whole or not at all.

    Returns:
        Its number there.

    Raises:
        sqlite3.DatabaseError: the file cannot be written.
    """
    found = memory.execute
    ((*times, count, remark),) = found(
        "SELECT start, end, num_cmds, remark FROM sessions WHERE session==?", (number,)
    )
    with file:
        row = file.execute(
            "INSERT INTO sessions VALUES (NULL, ?, ?, ?, ?)",
            (*(time and time.isoformat(" ") for time in times), count, remark),
        )
        for table, columns in COLUMNS.items():
            rows = found(f"SELECT {columns} FROM {table} WHERE session==?", (number,))  # noqa: S608 - of ours alone
            marks = ", ?" * (columns.count(",") + 1)
            file.executemany(
                f"INSERT INTO {table} VALUES (?{marks})",  # noqa: S608 - as above
                [(row.lastrowid, *found_row) for found_row in rows],
            )
    return int(row.lastrowid or 0)


def _open(manager: Any) -> None:
    unwrap(history.HistoryAccessor.init_db)(manager)


def identity(path: object) -> object:
    """Return what tells the file from another one of the same name; None if there is none."""
    try:
        found = os.stat(str(path))  # noqa: PTH116 - as text it may be ``:memory:``
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _move_away(path: Path, found: object) -> Path | None:
    """Rename the damaged file *path*; None if it is not *found*, or cannot be renamed."""
    if found is None or identity(path) != found:
        return None
    moment = now().isoformat().replace(":", ".")
    moved = path.with_name(f"{path.stem}-corrupt-{moment}{path.suffix}")
    try:
        path.rename(moved)
        for ending in JOURNALS:
            beside = Path(f"{path}{ending}")
            if beside.exists():
                beside.rename(f"{moved}{ending}")
    except OSError:
        return None
    return moved
