"""Have a new session in the file a little later than in the connection."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite3 import Connection, Cursor

__all__ = ["Uncommitted", "commit"]

COMMITS = 40
"""How often the new session is committed where others have the file locked: ten seconds long."""

COMMIT_REST_S = 0.01
"""Between two of these, in which others get at the connection."""


class Uncommitted:
    """A connection that leaves the commit to another thread."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        """Begin nothing: the first statement does."""

    def __exit__(self, *_: object) -> None:
        """Commit nothing."""

    def execute(self, statement: str, values: Sequence[object]) -> Cursor:
        """Execute *statement*."""
        return self._db.execute(statement, values)


def commit(db: Connection, writing: threading.RLock, is_ending: threading.Event) -> None:
    """Commit the new session; others who read or write just now make it wait.

    Where that fails, the session begins anew with its first cell that is written.

    Args:
        db: The connection, which one thread at a time uses while it holds *writing*.
        writing: Free between two tries, for those who look at the history.
        is_ending: Set where the end of the session commits it.
    """
    for left in reversed(range(COMMITS)):
        with writing:
            if is_ending.is_set() or _is_committed(db, is_last=not left):
                return
        if is_ending.wait(COMMIT_REST_S):
            return


def _is_committed(db: Connection, *, is_last: bool) -> bool:
    """Try to commit; return True if there is nothing more to be tried."""
    from sqlite3 import Error  # noqa: PLC0415 - IPython imports it where it needs it

    try:
        db.commit()
    except Error as error:
        if db.in_transaction:  # else who looked at the history has ended it
            if not is_last and "locked" in str(error):
                return False
            with suppress(Error):
                db.rollback()  # it would keep all others from writing
    return True
