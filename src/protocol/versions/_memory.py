"""What was asked, for the answers that cannot be worded without it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TypeAlias

from attrs import field, frozen

from assay.protocol.wire._arguments import check_count

__all__ = ["Asked", "AskedComplete", "AskedExecute", "AskedInspect", "Memory"]


@frozen(kw_only=True)
class AskedExecute:
    """An execute_request that asked for variables by name."""

    variables: Mapping[str, str] = field(hash=False)
    """The names asked for, by the key in ``user_expressions`` under which they travel."""


@frozen(kw_only=True)
class AskedComplete:
    """A complete_request; cursors of the two versions count from different places."""

    code: str
    """The whole code as 5.5 has it."""

    cursor: int
    """In code points, 0 to the length of `code`."""


@frozen(kw_only=True)
class AskedInspect:
    """An object_info_request: its answer repeats the name."""

    oname: str
    """The name as it was asked for."""


Asked: TypeAlias = AskedExecute | AskedComplete | AskedInspect


class Memory:
    """The newest *size* questions that have no answer yet, by message id.

    Raises:
        LocalError: *size* is less than one: then no answer could be worded.
    """

    __slots__ = ("_asked", "_size")

    def __init__(self, size: int) -> None:
        check_count(size, "room for one request at least", 1)
        self._size = size
        self._asked: OrderedDict[str, Asked] = OrderedDict()

    def enter(self, msg_id: str, asked: Asked) -> None:
        """Remember what the message *msg_id* asked; the oldest question makes room."""
        self._asked[msg_id] = asked
        self._asked.move_to_end(msg_id)
        if len(self._asked) > self._size:
            self._asked.popitem(last=False)

    def get(self, msg_id: object) -> Asked | None:
        """Return what the message *msg_id* asked, if that is remembered."""
        return self._asked.get(msg_id) if isinstance(msg_id, str) else None

    def forget(self, msg_id: object) -> None:
        """Make room: the question has been answered."""
        if isinstance(msg_id, str):
            self._asked.pop(msg_id, None)
