"""Contents around the running of code: the request, what is published, the reply.

The only contents besides status that a kernel needs before its first result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from attrs import field, frozen
from msgspec import UNSET, UnsetType

from assay.protocol.wire._json import JsonObject
from assay.protocol.wire._message import Content

__all__ = ["Error", "ExecuteInput", "ExecuteReply", "ExecuteRequest", "ExecuteResult"]


@frozen(kw_only=True, eq=False, repr=False)
class ExecuteRequest(Content):
    """Run code in the user's namespace (messaging.rst §Execute)."""

    msg_type: ClassVar[str] = "execute_request"

    code: str
    """Source, possibly several lines (EXEC-01)."""

    silent: bool = False
    """Run as quietly as possible: nothing but status on IOPub (EXEC-02, EXEC-04, AMB-08)."""

    store_history: bool | UnsetType = UNSET
    """Count and remember the cell; absent means *not silent* (EXEC-05)."""

    user_expressions: Mapping[str, str] = field(factory=dict)
    """Expressions to evaluate after the code, by a name of the client's (EXEC-09)."""

    allow_stdin: bool = False
    """The client answers input_request (EXEC-15, AMB-44)."""

    stop_on_error: bool = True
    """An exception aborts the execute requests that wait behind this one (EXEC-20)."""


@frozen(kw_only=True, eq=False, repr=False)
class ExecuteInput(Content):
    """Tell every client what is being run (IOPUB-18)."""

    msg_type: ClassVar[str] = "execute_input"

    code: str
    """As in the request (IOPUB-18)."""

    execution_count: int
    """The number of the cell, from 1; of one that is not stored, the last (AMB-07)."""


@frozen(kw_only=True, eq=False, repr=False)
class ExecuteResult(Content):
    """What the cell's last expression gave (IOPUB-19, EXEC-19)."""

    msg_type: ClassVar[str] = "execute_result"

    execution_count: int
    """The number of the cell (IOPUB-19)."""

    data: JsonObject
    """Representations by MIME type, ``text/plain`` among them (IOPUB-29); binary ones as base64."""

    metadata: JsonObject = field(factory=dict)
    """Of the whole, or under a MIME type of one representation (IOPUB-14)."""

    transient: JsonObject | UnsetType = UNSET
    """Present only with a ``display_id`` (AMB-10)."""


@frozen(kw_only=True, eq=False, repr=False)
class Error(Content):
    """An exception of the user's code (IOPUB-20)."""

    msg_type: ClassVar[str] = "error"

    ename: str
    """The exception's class."""

    evalue: str
    """The exception's text."""

    traceback: tuple[str, ...]
    """Lines or blocks of text, with ANSI colours or without; may be empty."""


@frozen(kw_only=True, eq=False, repr=False)
class ExecuteReply(Content):
    """Say that the code ran without an exception (EXEC-16)."""

    msg_type: ClassVar[str] = "execute_reply"

    execution_count: int
    """The counter's value (EXEC-07); for a cell that is not stored, the last one used (EXEC-08)."""

    user_expressions: Mapping[str, JsonObject] = field(factory=dict)
    """For each expression a display bundle or an error; ``status`` says which (EXEC-09, -10)."""

    payload: tuple[JsonObject, ...] | UnsetType = UNSET
    """Wishes to the client, each with a ``source``; deprecated (EXEC-13, EXEC-14)."""

    status: Literal["ok"] = "ok"
    """Always ``ok``; a failure has another form (SHELL-10)."""
