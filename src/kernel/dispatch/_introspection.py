"""The shell requests besides execute_request: completion, inspection, history, comms, ports.

They are handled in the main thread, or while a cell runs in another one that looks on.
This module is imported after the first reply, or for the first
such request: a kernel that starts needs none of these contents.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeVar

from assay.kernel._abilities import CommCarrier, SectionInspector
from assay.kernel._comm_contents import CarriedClose, CarriedMsg, CarriedOpen
from assay.kernel._request import Request
from assay.kernel.dispatch._handlers import Handlers
from assay.kernel.dispatch._replies import error_reply
from assay.protocol import (
    CommClose,
    CommInfoRequest,
    CommMsg,
    CommOpen,
    CompleteReply,
    CompleteRequest,
    ConnectionFile,
    ConnectReply,
    ConnectRequest,
    Content,
    ContentError,
    ErrorReply,
    HistoryRequest,
    InspectReply,
    InspectRequest,
    IsCompleteReply,
    IsCompleteRequest,
    Message,
)

if TYPE_CHECKING:
    from assay.kernel._interpreter import Interpreter, Onlooker

__all__ = ["serve_beside", "serve_introspection", "serve_without_finding"]

C = TypeVar("C", bound=Content)


def serve_introspection(
    shell: Handlers,
    interpreter: Interpreter,
    interruptible: Callable[[], AbstractContextManager[None]],
    connection: Callable[[], ConnectionFile],
) -> None:
    """Let *shell* answer with *interpreter*."""

    def comm(request: Request, content: CommOpen | CommMsg | CommClose) -> None:
        with interruptible():
            interpreter.comm(_message(request, content))

    # Both may run code of the user's objects, which may hang.
    def complete(_: Request, content: CompleteRequest) -> CompleteReply:
        with interruptible():
            return interpreter.complete(content.code, _cursor(content))

    def inspect(_: Request, content: InspectRequest) -> InspectReply:
        omitted = _omitted(content)
        with interruptible():
            if omitted and isinstance(interpreter, SectionInspector):
                return interpreter.inspect_without(
                    omitted, content.code, _cursor(content), content.detail_level
                )
            return interpreter.inspect(content.code, _cursor(content), content.detail_level)

    shell.on(CompleteRequest, complete)
    shell.on(InspectRequest, inspect)
    shell.on(IsCompleteRequest, lambda _, c: interpreter.is_complete(c.code))
    shell.on(HistoryRequest, lambda _, c: interpreter.history(c))
    shell.on(CommInfoRequest, lambda _, c: interpreter.comm_info(c.target_name or None))
    shell.on(ConnectRequest, lambda *_: _ports(connection()))
    if isinstance(interpreter, CommCarrier):
        carrier = interpreter

        def carry(request: Request, content: CarriedOpen | CarriedMsg | CarriedClose) -> None:
            with interruptible():
                carrier.carry_comm(_message(request, content))

        shell.on(CarriedOpen, carry)
        shell.on(CarriedMsg, carry)
        shell.on(CarriedClose, carry)
        return
    shell.on(CommOpen, comm)
    shell.on(CommMsg, comm)
    shell.on(CommClose, comm)


def serve_beside(
    beside: Handlers, onlooker: Callable[[], Onlooker], connection: Callable[[], ConnectionFile]
) -> None:
    """Let *beside* answer with *onlooker* while a cell runs."""

    def complete(_: Request, content: CompleteRequest) -> CompleteReply:
        return onlooker().complete(content.code, _cursor(content))

    def inspect(_: Request, content: InspectRequest) -> InspectReply:
        return onlooker().inspect(content.code, _cursor(content), content.detail_level)

    beside.on(CompleteRequest, complete)
    beside.on(InspectRequest, inspect)
    beside.on(IsCompleteRequest, lambda _, c: onlooker().is_complete(c.code))
    beside.on(HistoryRequest, lambda _, c: onlooker().history(c))
    beside.on(CommInfoRequest, lambda _, c: onlooker().comm_info(c.target_name or None))
    beside.on(ConnectRequest, lambda *_: _ports(connection()))


def serve_without_finding(nothing: Handlers) -> None:
    """Let *nothing* answer what could not be found out in time, truthfully."""

    def late(request: Request, _: object) -> ErrorReply | None:
        wanted = "wanted an answer while a cell runs, found none in time"
        return error_reply(request, "TimeoutError", wanted)

    def no_match(_: Request, content: CompleteRequest) -> CompleteReply:
        cursor = _cursor(content)
        return CompleteReply(matches=(), cursor_start=cursor, cursor_end=cursor)

    nothing.on(CompleteRequest, no_match)
    nothing.on(InspectRequest, lambda *_: InspectReply(found=False))
    nothing.on(IsCompleteRequest, lambda *_: IsCompleteReply(status="unknown"))
    nothing.on(HistoryRequest, late)
    nothing.on(CommInfoRequest, late)
    nothing.on(ConnectRequest, late)


def _message(request: Request, content: C) -> Message[C]:
    return Message(
        header=request.header,
        metadata=request.envelope.metadata,
        content=content,
        buffers=request.envelope.buffers,
    )


def _ports(connection: ConnectionFile) -> ConnectReply:
    return ConnectReply(
        shell_port=connection.shell_port,
        iopub_port=connection.iopub_port,
        stdin_port=connection.stdin_port,
        hb_port=connection.hb_port,
        control_port=connection.control_port,
    )


def _omitted(content: InspectRequest) -> tuple[str, ...]:
    """Return the sections of the description that the client does without (AMB-70)."""
    found = content.extra.get("omit_sections")
    if found is None:
        return ()
    if not isinstance(found, (list, tuple)) or not all(isinstance(name, str) for name in found):
        raise ContentError(
            f"omit_sections: wanted a list of text, found {found!r:.40}", requirement="AMB-70"
        )
    return tuple(map(str, found))


def _cursor(content: CompleteRequest | InspectRequest) -> int:
    """Return the cursor as an offset into the code.

    Spec: silent on null and on values outside the code. Here: null and anything past the end is
    the end, negative is an error (AMB-59).
    """
    position = content.cursor_pos
    if position is None or position > len(content.code):
        return len(content.code)
    if position < 0:
        raise ContentError(
            f"cursor_pos: wanted 0 to {len(content.code)}, found {position}",
            requirement="COMPLETE-08",
        )
    return position
