"""What a kernel serves, against what it says that it offers (INFO-09, JEP 92)."""

from __future__ import annotations

from collections.abc import Iterator

from assay.protocol._errors import shorten
from assay.protocol.judging._exchanges import Conversation, RecordedExchange, Seen
from assay.protocol.judging._parts import text_in
from assay.protocol.wire._registry import Channel

__all__ = ["check_features", "has_subshells"]

SUBSHELLS = "kernel subshells"
DEBUGGER = "debugger"

SUBSHELL_REQUESTS = (
    "create_subshell_request",
    "delete_subshell_request",
    "list_subshell_request",
)


def check_features(conversation: Conversation) -> None:
    """Note what was served without having been announced, and ids that were given twice."""
    if infos := _infos(conversation):
        for exchange in _unannounced(conversation, infos, SUBSHELLS, SUBSHELL_REQUESTS):
            # What it did is a feature; what it refused is a reply that should not be there.
            rule, wanted = ("SUBSHELL-01", f"{SUBSHELLS!r} among them")
            if exchange.failed:
                rule, wanted = "SUBSHELL-06", "no reply: the kernel offers no subshells"
            _note(conversation, exchange, infos[-1], rule, wanted)
        for exchange in _unannounced(conversation, infos, DEBUGGER, ("debug_request",)):
            if exchange.reply is not None and exchange.reply.content.get("success") is True:
                _note(conversation, exchange, infos[-1], "DEBUG-01", f"{DEBUGGER!r} among them")
    _ids(conversation)


def has_subshells(conversation: Conversation) -> bool:
    """Return whether the kernel was seen to announce that it supports subshells."""
    return any(_names(info, SUBSHELLS) for info in _infos(conversation))


def _infos(conversation: Conversation) -> list[Seen]:
    return [
        one.reply
        for one in conversation.of("kernel_info_request")
        if one.reply is not None and not one.failed and _lists_features(one.reply)
    ]


def _names(info: Seen, feature: str) -> bool:
    listed = info.content.get("supported_features")
    return isinstance(listed, (list, tuple)) and feature in listed


def _lists_features(info: Seen) -> bool:
    """Return whether *info* says what is offered; one on control that does not is for INFO-02."""
    return info.channel is Channel.SHELL or "supported_features" in info.content


def _note(
    conversation: Conversation, exchange: RecordedExchange, info: Seen, rule: str, wanted: str
) -> None:
    assert exchange.reply is not None
    if rule == "SUBSHELL-06":
        got = exchange.reply.msg_type
        conversation.note(
            rule, "header.msg_type", wanted, got, info, exchange.request, exchange.reply
        )
        return
    path, got = "content.supported_features", shorten(info.content.get("supported_features"))
    conversation.note(rule, path, wanted, got, exchange.reply, info)


def _unannounced(
    conversation: Conversation, infos: list[Seen], feature: str, msg_types: tuple[str, ...]
) -> Iterator[RecordedExchange]:
    """Yield the first answered exchange of *msg_types* if no info named *feature*."""
    for info in infos:
        if _names(info, feature):
            return
        if feature == DEBUGGER and info.content.get("debugger") is True:
            return  # as before there was a list (INFO-10)
    answered = (one for one in conversation.of(*msg_types) if one.reply is not None)
    first = next(answered, None)
    if first is not None:
        yield first


def _ids(conversation: Conversation) -> None:
    """SUBSHELL-02: no two subshells of one kernel have one id."""
    first: dict[str, Seen] = {}
    for exchange in conversation.of("create_subshell_request"):
        reply = exchange.reply
        if reply is None or exchange.failed:
            continue
        name = text_in(reply.content, "subshell_id")
        other = first.setdefault(name, reply)
        if name and other is not reply:
            wanted = "an id that no other subshell has had"
            conversation.note(
                "SUBSHELL-02", "content.subshell_id", wanted, shorten(name), other, reply
            )
