"""Old messages to 5.5 and back: one object for each old peer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import TypeAlias

from attrs import frozen

from assay.protocol.versions import _code, _execute, _iopub, _questions
from assay.protocol.versions._draft import Draft, MessageDict, read_message, structure_message
from assay.protocol.versions._headers import lower_headers, raise_headers
from assay.protocol.versions._memory import Memory
from assay.protocol.versions._version import ProtocolVersion, version_named
from assay.protocol.wire._arguments import check_function, check_instance
from assay.protocol.wire._sending import check_moment

__all__ = ["Translator"]

MEMORY = 1_000
"""Questions remembered: a client asks a few at a time, and each is forgotten with its answer."""

V3, V4_0, V4_1, V5_5 = ProtocolVersion


class Translator:
    """Reword the messages of one old peer, a client or a kernel.

    `up` takes what the old peer sends and gives what 5.5 says instead; `down` takes a message of
    5.5 and gives what the old peer understands. Which of the two sends requests does not matter:
    what a request asked is remembered until its reply passes the other way.

    Messages are mappings with ``header``, ``parent_header``, ``metadata``, ``content`` and
    ``buffers``; what is handed in is not changed. One of 5.5 as the old version changes nothing.

    Args:
        old: The version of the old peer.
        now: Returns the aware time: the date of messages that came without one.
        zone: The zone of the dates that the old peer reads, which do not say theirs.
        parallel: Write the metadata of engines into the headers of version 3, where a scheduler of
            IPython.parallel reads them.
        memory: How many requests without a reply are remembered, one at least.

    Raises:
        LocalError: *old* is no version that differs, *memory* is less than one, or another argument
            is not what it should be.
    """

    def __init__(
        self,
        old: ProtocolVersion,
        *,
        now: Callable[[], datetime],
        zone: tzinfo = UTC,
        parallel: bool = False,
        memory: int = MEMORY,
    ) -> None:
        self.old = version_named(old)
        check_function(now, "now", "the time", "HDR-07")
        check_instance(zone, tzinfo, "the zone of dates")
        self._now = now
        self._zone = zone
        self._parallel = parallel
        self._memory = Memory(memory)

    def up(self, message: Mapping[str, object]) -> MessageDict | None:
        """Return what *message*, of the old peer, is in 5.5; None if there is no such thing.

        The result fits `structure_message`. What 5.5 has no place for, such as the fields of an
        object_info_reply, stands in the metadata under ``older_protocol``, and `down` uses it.

        Raises:
            ContentError: header, parent header or content do not fit the message type (WIRE-19).
            FramingError: a part came as bytes that are no JSON object.
            LocalError: the clock gives a time without a zone (HDR-07).
        """
        draft = self._draft(message)
        if self.old is V5_5:
            return draft.finished()
        moment = self._now()
        check_moment(moment)
        raise_headers(draft, moment)
        _rule(draft).up(draft)
        if draft.dropped:
            return None
        raised = draft.finished()
        structure_message(raised)
        self._remember(draft)
        return raised

    def down(self, message: Mapping[str, object]) -> MessageDict | None:
        """Return what *message*, of 5.5, is to the old peer; None if it would not understand it.

        A prompt for a password becomes one like any other, which an old client echoes: look at
        ``password`` before if that must not be.

        Raises:
            ContentError: a field that has to be reworded has the wrong type (WIRE-19).
            FramingError: a part came as bytes that are no JSON object.
        """
        draft = self._draft(message)
        if self.old is V5_5:
            return draft.finished()
        rule = _rule(draft)
        draft.take_kept()
        if self.old < rule.since:
            return None
        rule.down(draft)
        if draft.dropped:
            return None
        lower_headers(draft, self._zone, parallel=self._parallel)
        self._remember(draft)
        return draft.finished()

    def _draft(self, message: Mapping[str, object]) -> Draft:
        data = read_message(message)
        return Draft(
            version=self.old,
            header=dict(data["header"]),
            parent_header=dict(data["parent_header"]),
            metadata=dict(data["metadata"]),
            content=dict(data["content"]),
            buffers=data["buffers"],
            asked=self._memory.get(data["parent_header"].get("msg_id")),
        )

    def _remember(self, draft: Draft) -> None:
        # Last of all: a message that is refused leaves the memory as it was.
        if draft.noted is not None:
            self._memory.enter(str(draft.header["msg_id"]), draft.noted)
        elif draft.asked is not None and str(draft.header["msg_type"]).endswith("_reply"):
            self._memory.forget(draft.parent_header.get("msg_id"))


def _unchanged(_draft: Draft) -> None:
    """The versions agree."""


@frozen(kw_only=True)
class _Rule:
    up: Callable[[Draft], None] = _unchanged
    down: Callable[[Draft], None] = _unchanged
    since: ProtocolVersion = V3
    """The oldest version that knows the type."""


def _rule(draft: Draft) -> _Rule:
    return _RULES.get(draft.msg_type, _UNKNOWN)


_UNKNOWN = _Rule()
_NEW = _Rule(since=V5_5)
_COMM = _Rule(since=V4_1)

_Rules: TypeAlias = Mapping[str, _Rule]

_RULES: _Rules = {
    "execute_request": _Rule(up=_execute.raise_request, down=_execute.lower_request),
    "execute_reply": _Rule(up=_execute.raise_reply, down=_execute.lower_reply),
    "complete_request": _Rule(up=_code.raise_complete_request, down=_code.lower_complete_request),
    "complete_reply": _Rule(up=_code.raise_complete_reply, down=_code.lower_complete_reply),
    "inspect_request": _Rule(up=_code.raise_inspect_request, down=_code.lower_inspect_request),
    "inspect_reply": _Rule(up=_code.raise_inspect_reply, down=_code.lower_inspect_reply),
    "history_request": _Rule(
        up=_questions.raise_history_request, down=_questions.lower_history_request
    ),
    "history_reply": _Rule(up=_questions.raise_history_reply, down=_questions.lower_history_reply),
    "connect_reply": _Rule(up=_questions.raise_connect_reply, down=_questions.lower_connect_reply),
    "kernel_info_request": _Rule(since=V4_0),
    "kernel_info_reply": _Rule(
        up=_questions.raise_kernel_info_reply,
        down=_questions.lower_kernel_info_reply,
        since=V4_0,
    ),
    "shutdown_request": _Rule(up=_questions.raise_shutdown, down=_questions.lower_shutdown),
    "shutdown_reply": _Rule(up=_questions.raise_shutdown, down=_questions.lower_shutdown),
    "stream": _Rule(up=_iopub.raise_stream, down=_iopub.lower_stream),
    "display_data": _Rule(up=_iopub.raise_display_data, down=_iopub.lower_display_data),
    "execute_result": _Rule(up=_iopub.raise_execute_result, down=_iopub.lower_execute_result),
    "execute_input": _Rule(up=_iopub.raise_execute_input),
    "status": _Rule(down=_iopub.lower_status),
    "clear_output": _Rule(up=_iopub.raise_clear_output, down=_iopub.lower_clear_output),
    "input_request": _Rule(up=_iopub.raise_input_request, down=_iopub.lower_input_request),
    "comm_open": _COMM,
    "comm_msg": _COMM,
    "comm_close": _COMM,
    # An old client cannot replace what it shows; shown anew, each step of a progress bar would
    # stay on the page.
    "update_display_data": _NEW,
    "is_complete_request": _NEW,
    "is_complete_reply": _NEW,
    "comm_info_request": _NEW,
    "comm_info_reply": _NEW,
    "interrupt_request": _NEW,
    "interrupt_reply": _NEW,
    "debug_request": _NEW,
    "debug_reply": _NEW,
    "debug_event": _NEW,
    "create_subshell_request": _NEW,
    "create_subshell_reply": _NEW,
    "delete_subshell_request": _NEW,
    "delete_subshell_reply": _NEW,
    "list_subshell_request": _NEW,
    "list_subshell_reply": _NEW,
    "iopub_welcome": _NEW,
}
"""By the names of 5.5. Types that are not here are the same in every version, or unknown."""
