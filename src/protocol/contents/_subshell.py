"""Contents that start, end and list subshells, on the control channel."""

from __future__ import annotations

from typing import ClassVar, Literal

from attrs import frozen

from assay.protocol.wire._message import Content

__all__ = [
    "CreateSubshellReply",
    "CreateSubshellRequest",
    "DeleteSubshellReply",
    "DeleteSubshellRequest",
    "ListSubshellReply",
    "ListSubshellRequest",
]


@frozen(kw_only=True, eq=False, repr=False)
class CreateSubshellRequest(Content):
    """Start a subshell (SUBSHELL-02)."""

    msg_type: ClassVar[str] = "create_subshell_request"


@frozen(kw_only=True, eq=False, repr=False)
class CreateSubshellReply(Content):
    """Name the subshell that was started (SUBSHELL-02)."""

    msg_type: ClassVar[str] = "create_subshell_reply"

    subshell_id: str
    """Unique in the kernel (SUBSHELL-02)."""

    status: Literal["ok"] = "ok"
    """Always ``ok``; a failure has another form (SHELL-10)."""


@frozen(kw_only=True, eq=False, repr=False)
class DeleteSubshellRequest(Content):
    """End a subshell (SUBSHELL-03)."""

    msg_type: ClassVar[str] = "delete_subshell_request"

    subshell_id: str
    """The subshell that is to end."""


@frozen(kw_only=True, eq=False, repr=False)
class DeleteSubshellReply(Content):
    """Say that the subshell has ended (SUBSHELL-03)."""

    msg_type: ClassVar[str] = "delete_subshell_reply"

    status: Literal["ok"] = "ok"
    """Always ``ok``; a failure has another form (SHELL-10, SUBSHELL-17)."""


@frozen(kw_only=True, eq=False, repr=False)
class ListSubshellRequest(Content):
    """Ask which subshells there are (SUBSHELL-04)."""

    msg_type: ClassVar[str] = "list_subshell_request"


@frozen(kw_only=True, eq=False, repr=False)
class ListSubshellReply(Content):
    """List the subshells without the main one (SUBSHELL-04, SUBSHELL-05)."""

    msg_type: ClassVar[str] = "list_subshell_reply"

    subshell_id: tuple[str, ...]
    """A list under a singular name, as the public text has it (AMB-32)."""

    status: Literal["ok"] = "ok"
    """Always ``ok``; a failure has another form (SHELL-10)."""
