"""What this kernel replaces in modules that are not its own: one list, with the reason of each.

A program that runs in the kernel shares one process with it, and so does whatever else replaces
functions there: profilers, debuggers, gevent. So each patch is undone only where it still is what
stands there. What was put over it calls it, and goes on doing so: a patch that was not undone must
work as the original did once the kernel has closed.

`Patches.table` shows what a process has replaced so far; ``docs/process.md`` has the table of
a kernel that has come to use all of it.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

__all__ = ["Kind", "Patches", "patches"]


class Kind(enum.StrEnum):
    """What a patch is good for."""

    CORRECTNESS = "correctness"
    """Without it, the kernel or a program in it does something wrong."""

    SPEED = "speed"
    """Without it, the same is done more slowly."""


class _Absent:
    """Stands for what an owner did not have."""


class _Patch:
    def __init__(self, owner: Any, name: str, before: object, after: object) -> None:
        self.owner = owner
        self.name = name
        self.before = before
        self.after = after

    def undo(self) -> None:
        if _own(self.owner, self.name) is not self.after:
            return  # of another owner by now
        if isinstance(self.before, _Absent):
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self.before)


Row = tuple[str, Kind, str]
"""What is replaced, what for, and why."""


class Patches:
    """The patches of a process, oldest first."""

    def __init__(self) -> None:
        self._made: list[_Patch] = []
        self._rows: dict[str, Row] = {}

    def __reduce__(self) -> tuple[Callable[[], Patches], tuple[()]]:
        # A session that is pickled holds functions that were put into the place of others.
        return _present, ()

    def patch(
        self, owner: Any, name: str, make: Callable[[Any], object], *, kind: Kind, reason: str
    ) -> Any:
        """Replace the attribute *name* of *owner*, and return what it was.

        Args:
            owner: A module or a class.
            name: Of an attribute; where there is none, nothing is done and None returned.
            make: Called with what the attribute is, returns what it becomes.
            kind: What it is good for.
            reason: Why, in a line for the table.
        """
        found = getattr(owner, name, _ABSENT)
        if found is _ABSENT:
            return None
        self.add(owner, name, make(found), kind=kind, reason=reason)
        return found

    def add(self, owner: Any, name: str, ours: object, *, kind: Kind, reason: str) -> None:
        """Set the attribute *name* of *owner* to *ours*, also where there is none."""
        what = f"`{_path(owner)}.{name}`"
        if (before := self._rows.get(what)) is not None and reason not in before[2]:
            reason = f"{before[2]}; {reason}"
        self._rows[what] = (what, kind, reason)
        self._made.append(_Patch(owner, name, _own(owner, name), ours))
        setattr(owner, name, ours)
        if isinstance(ours, FunctionType) and not _is_found(ours):
            _name_by_place(ours, owner, name)

    def replace(self, owner: Any, name: str, ours: object, *, kind: Kind, reason: str) -> None:
        """Replace the attribute *name* of *owner* by *ours*, as `patch` does."""
        self.patch(owner, name, lambda _: ours, kind=kind, reason=reason)

    def undo(self, owner: Any, name: str) -> None:
        """Undo the newest patch of the attribute *name* of *owner*, if there is one."""
        for patch in reversed(self._made):
            if patch.owner is owner and patch.name == name:
                self._made.remove(patch)
                patch.undo()
                return

    def mark(self) -> int:
        """Return a mark for `undo_since`."""
        return len(self._made)

    def undo_since(self, mark: int) -> None:
        """Undo what has been patched since *mark* and is left, newest first."""
        while len(self._made) > mark:
            self._made.pop().undo()

    def table(self) -> str:
        """Return all that has been replaced so far as a table in Markdown."""
        rows = sorted(self._rows.values(), key=lambda row: (row[1], row[0].lower()))
        lines = ["| what | for | why |", "|---|---|---|"]
        lines += [f"| {what} | {kind} | {reason} |" for what, kind, reason in rows]
        return "\n".join(lines) + "\n"


def _own(owner: Any, name: str) -> object:
    """Return what *owner* itself has: a class inherits from others, which are not patched."""
    return vars(owner).get(name, _ABSENT)


def _path(owner: Any) -> str:
    name = getattr(owner, "__qualname__", None)
    return f"{owner.__module__}.{name}" if name is not None else str(owner.__name__)


def _is_found(function: FunctionType) -> bool:
    """Return True if *function* stands where its name says."""
    found: object = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is function


def _name_by_place(function: FunctionType, owner: Any, name: str) -> None:
    # A session that is pickled holds what it imported, such as `getpass`: by this name it is found
    # again, as the original would be. Without one the whole kernel would be pickled along.
    if isinstance(owner, type):
        function.__module__, path = owner.__module__, f"{owner.__qualname__}."
    else:
        function.__module__, path = owner.__name__, ""
    function.__name__, function.__qualname__ = name, f"{path}{name}"


_ABSENT = _Absent()

patches = Patches()
"""Those of this process, of which there is one, as of all that they replace."""


def _present() -> Patches:
    return patches
