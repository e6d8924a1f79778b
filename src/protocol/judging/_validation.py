"""Judge messages of other programs: all that is wrong, each by the number of its sentence.

`Session.decode` refuses a message at its first fault, which is what a peer needs. Who writes a
kernel, or a suite for one, needs to know them all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from assay.protocol._errors import ContentError, LocalError, shorten
from assay.protocol.judging._content_rules import (
    PLAIN,
    VERSION,
    field_rule,
    strict_findings,
)
from assay.protocol.judging._finding import Finding, Severity, finding
from assay.protocol.judging._parts import AnyMessage, Parts, read_parts, text_in
from assay.protocol.wire._message import Unknown
from assay.protocol.wire._registry import (
    MESSAGE_TYPES,
    Channel,
    MessageType,
    Sender,
    channel_named,
    content_class,
    sender_named,
)
from assay.protocol.wire._signing import Signer
from assay.protocol.wire._structure import structure

if TYPE_CHECKING:
    import cattrs

    from assay.protocol.wire._message import Content

__all__ = ["Profile", "validate"]


class Profile(StrEnum):
    """How much is asked of a message."""

    STRICT = "strict"
    """All that a conforming sender of the version that the message claims does."""

    LENIENT = "lenient"
    """What a tolerant receiver needs: it fills in defaults and ignores what it does not know."""


def validate(
    message: AnyMessage,
    *,
    profile: Profile = Profile.STRICT,
    channel: Channel | str | None = None,
    sender: Sender | str | None = None,
    signer: Signer | None = None,
    version: str | None = None,
) -> tuple[Finding, ...]:
    """Return all that is wrong with one *message*; whatever that is, nothing is raised.

    Args:
        message: Its frames; or a mapping with ``header``, ``parent_header``, ``metadata`` and
            ``content``, as other libraries keep one (a date may be a `datetime`); or a `Message`.
        profile: How much is asked of it.
        channel: Where it was seen; None leaves out what depends on that.
        sender: Who sent it, the client or the kernel; None leaves out what depends on that.
        signer: Has the key of the connection, for frames; None leaves the signature unjudged.
        version: The protocol to judge by, ``5.3``; None goes by the one that the header claims, and
            takes a header without one as 5.5. A content is judged only in versions of major 5: what
            is older or newer is another protocol.

    Returns:
        Findings in the order of the parts: frames, header, parent header, content, channel.

    Raises:
        LocalError: the *profile*, *channel*, *sender*, *signer* or *version* is none.

    Source: messaging.rst §The Wire Protocol, §General Message Format, and
    each type's own section.
    """
    profile = profile_named(profile)
    if version is not None:
        _check_version(version)
    channel = None if channel is None else channel_named(channel)
    sender = None if sender is None else sender_named(sender)
    if signer is not None and not isinstance(signer, Signer):
        raise LocalError(f"wanted a Signer, found a value of type {type(signer).__name__}")
    parts = read_parts(message, signer)
    return findings_of(parts, profile, channel, sender, version)


def _check_version(version: object) -> None:
    if not isinstance(version, str) or _numbers(version) is None:
        raise LocalError(f"wanted a version like '5.5', found {shorten(version)}")


def profile_named(profile: Profile | str) -> Profile:
    """Return the profile of this name.

    Raises:
        LocalError: there is none.
    """
    try:
        return Profile(profile)
    except ValueError:
        names = " or ".join(repr(str(one)) for one in Profile)
        raise LocalError(f"wanted the profile {names}, found {shorten(profile)}") from None


def findings_of(
    parts: Parts,
    profile: Profile,
    channel: Channel | None,
    sender: Sender | None,
    version: str | None = None,
) -> tuple[Finding, ...]:
    """Return what is wrong with *parts*; see `validate`."""
    strict = profile == Profile.STRICT
    claimed = _numbers(version or text_in(parts.header, "version"))
    found = [*parts.found, *(parts.nulls if strict else ())]
    if "header" not in parts.faulty:
        found += _header_findings(parts.header, claimed, strict=strict)
        if strict:
            found += _sender_findings(parts, sender)
    if "parent_header" not in parts.faulty:
        found += _parent_findings(parts, sender, strict=strict)
    if "content" not in parts.faulty and (claimed is None or claimed[0] == 5):
        found += _content_findings(parts.msg_type, parts.content, claimed, strict=strict)
    row = MESSAGE_TYPES.get(parts.msg_type)
    if row is not None:
        found += _place_findings(row, channel, sender, strict=strict)
        if strict:
            found += _version_findings(row, claimed)
    if strict and channel == Channel.IOPUB and parts.identities is not None:
        found += _topic_findings(parts)
    return tuple(found)


# Header and parent header

HEADER_FIELDS = {
    "msg_id": "HDR-01",
    "msg_type": "HDR-01",
    "session": "HDR-01",
    "username": "HDR-01",
    "date": "HDR-07",
    "version": "HDR-09",
}
"""The fields of a header, with the sentence that asks for each."""

NEEDED = frozenset({"msg_id", "msg_type"})
"""What a tolerant receiver cannot do without."""

DATED_SINCE = (5, 1)


def _numbers(version: str) -> tuple[int, ...] | None:
    if len(version) > 20 or not VERSION.fullmatch(version):
        return None
    return tuple(map(int, version.split(".")[:2]))


def _header_findings(
    header: Mapping[str, object], claimed: tuple[int, ...] | None, *, strict: bool
) -> Iterator[Finding]:
    undated = claimed is not None and claimed < DATED_SINCE
    for name, rule in HEADER_FIELDS.items():
        path = f"header.{name}"
        if name not in header:
            if name in NEEDED or (strict and not (name == "date" and undated)):
                yield finding(rule, path, "text", "nothing")
        elif not isinstance(header[name], str):
            yield finding("HDR-01", path, "text", shorten(header[name]))
    yield from _subshell_findings(header, "header")
    if strict:
        yield from _form_findings(header)


def _subshell_findings(header: Mapping[str, object], part: str) -> Iterator[Finding]:
    subshell = header.get("subshell_id")
    if subshell is not None and not isinstance(subshell, str):
        wanted = "text or null"
        # A MAY with a form: what has another form cannot be handled, so it weighs as much.
        yield finding(
            "HDR-11",
            f"{part}.subshell_id",
            wanted,
            shorten(subshell),
            severity=Severity.VIOLATION,
        )


def _sender_findings(parts: Parts, sender: Sender | None) -> Iterator[Finding]:
    """Yield what the header of a kernel's message may not hold."""
    row = MESSAGE_TYPES.get(parts.msg_type)
    theirs = Sender.KERNEL in {sender, row.sender if row is not None else None}
    # A prompt may name its subshell (JEP 91): the answer goes there.
    is_prompt = parts.msg_type == "input_request"
    if theirs and not is_prompt and parts.header.get("subshell_id") is not None:
        wanted = "no id of a subshell but in the parent header"
        got = shorten(parts.header["subshell_id"])
        yield finding("SUBSHELL-15", "header.subshell_id", wanted, got)


def _form_findings(header: Mapping[str, object]) -> Iterator[Finding]:
    if header.get("msg_id") == "":
        yield finding("HDR-02", "header.msg_id", "an id of its own", "empty text")
    date, version = header.get("date"), header.get("version")
    if isinstance(date, str):
        yield from _date_findings(date)
    if isinstance(version, str) and not VERSION.fullmatch(version):
        wanted = "two or three numbers with dots between them"
        yield finding("HDR-09", "header.version", wanted, shorten(version))


def _date_findings(date: str) -> Iterator[Finding]:
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        yield finding("HDR-07", "header.date", "a date and time in ISO 8601", shorten(date))
        return
    if moment.tzinfo is None:
        # The text says ISO 8601 and leaves the zone open (AMB-12): worth a word, no violation.
        wanted = "a date and time with a zone"
        yield finding("HDR-07", "header.date", wanted, shorten(date), severity=Severity.WARNING)


def _parent_findings(parts: Parts, sender: Sender | None, *, strict: bool) -> Iterator[Finding]:
    parent, msg_type = parts.parent_header, parts.msg_type
    if msg_type == "iopub_welcome":
        if parent:
            yield finding("IOPUB-04", "parent_header", "an empty object", shorten(dict(parent)))
        return
    if not parent:
        # An input_reply is the one reply that may lack it (AMB-42).
        if msg_type.endswith("_reply") and msg_type != "input_reply" and sender != Sender.CLIENT:
            yield finding("HDR-12", "parent_header", "the header of the request", "an empty object")
        if msg_type == "input_request":
            yield finding("STDIN-07", "parent_header", "the header of the request", "an empty one")
        return
    for name in HEADER_FIELDS:
        path = f"parent_header.{name}"
        if name not in parent:
            if name in NEEDED:
                yield finding("HDR-12", path, "text", "nothing")
        elif not isinstance(parent[name], str):
            yield finding("HDR-12", path, "text", shorten(parent[name]))
    yield from _subshell_findings(parent, "parent_header")
    if strict and parts.content.get("execution_state") == "starting" and msg_type == "status":
        yield finding("HDR-14", "parent_header", "an empty object", shorten(dict(parent)))


# Content


def _content_findings(
    msg_type: str,
    content: Mapping[str, object],
    claimed: tuple[int, ...] | None,
    *,
    strict: bool,
) -> Iterator[Finding]:
    status = content.get("status")
    cls = content_class(msg_type, status) if msg_type else Unknown
    if cls is Unknown:
        return
    faults = tuple(_type_findings(cls, msg_type, status, content))
    yield from faults
    wrong = {(one.requirement, one.path) for one in faults}
    more: list[Finding] = []
    if strict:
        more += strict_findings(msg_type, content, claimed)
        if msg_type in PLAIN and cls is not content_class(msg_type):
            wanted = "a reply in its own form, not in the common form of a failure"
            more = [finding(PLAIN[msg_type], "content.status", wanted, shorten(status))]
    yield from (one for one in more if (one.requirement, one.path) not in wrong)


def _type_findings(
    cls: type[Content], msg_type: str, status: object, content: Mapping[str, object]
) -> Iterator[Finding]:
    try:
        structure(cls, content)  # type: ignore[arg-type]  # what is no JSON is refused like the rest
    except (ContentError, RecursionError):
        for name, path, wanted, got in _faults(cls, content):
            yield finding(field_rule(msg_type, status, name), f"content{path}", wanted, got)


FAULT = re.compile(r"wanted (.*?), found (.*)", re.DOTALL)
MARK = "\0"
"""Stands before a path; no `repr` of a key or value contains it."""

FIELD = re.compile(r"\.?(\w+)")


def _faults(
    cls: type[Content], content: Mapping[str, object]
) -> Iterator[tuple[str, str, str, str]]:
    """Yield the top field, the path, what was wanted there and what was found."""
    import cattrs  # noqa: PLC0415 - 60 ms, paid only when something is wrong

    try:
        _converter().structure(content, cls)
    except (cattrs.BaseValidationError, RecursionError) as error:
        for line in cattrs.transform_error(error, MARK, _worded):
            text, _, path = line.rpartition(f" @ {MARK}")
            name = FIELD.match(path)
            fault = FAULT.fullmatch(text)
            wanted, got = fault.groups() if fault else ("a sound value", text)
            yield name[1] if name else "", path, wanted, got


def _worded(error: BaseException, _hint: object) -> str:
    if isinstance(error, KeyError):
        return "wanted this field, found nothing"
    return str(error)


@cache
def _converter() -> cattrs.Converter:
    from assay.protocol.wire._converter import make_converter  # noqa: PLC0415 - as above

    return make_converter()


# Channel, direction, version

HOME = {
    "input_request": "STDIN-06",
    "input_reply": "STDIN-02",
    "comm_open": "COMM-01",
    "comm_msg": "COMM-01",
    "comm_close": "COMM-01",
    "kernel_info_request": "INFO-01",
    "interrupt_request": "CTRL-09",
    "interrupt_reply": "CTRL-09",
    "debug_request": "DEBUG-02",
    "debug_reply": "DEBUG-02",
    "debug_event": "DEBUG-03",
    "create_subshell_request": "SUBSHELL-02",
    "create_subshell_reply": "SUBSHELL-02",
    "delete_subshell_request": "SUBSHELL-03",
    "delete_subshell_reply": "SUBSHELL-03",
    "list_subshell_request": "SUBSHELL-04",
    "list_subshell_reply": "SUBSHELL-04",
}
"""The sentence that says where a type travels and who sends it, for those that have one."""

CONTROL_LIKE_SHELL = frozenset({Channel.CONTROL})
"""A kernel may serve the requests of shell on control as well (CTRL-16)."""


def _place_findings(
    row: MessageType, channel: Channel | None, sender: Sender | None, *, strict: bool
) -> Iterator[Finding]:
    if sender is not None and row.sender not in {sender, Sender.BOTH, None}:
        yield finding(_home(row), "sender", f"the {row.sender}", f"the {sender}")
        return
    if channel is None:
        return
    if channel not in _channels(row, sender):
        wanted = " or ".join(sorted(_channels(row, sender)))
        yield finding(_home(row), "channel", wanted, str(channel))
    elif strict and row.name == "shutdown_request" and channel == Channel.SHELL:
        yield finding("CTRL-14", "channel", "control", str(channel))


def _channels(row: MessageType, sender: Sender | None) -> frozenset[Channel]:
    if row.name.startswith("comm_") and not row.name.startswith("comm_info"):
        one_way = {Sender.CLIENT: Channel.SHELL, Sender.KERNEL: Channel.IOPUB}
        return frozenset({one_way[sender]}) if sender in one_way else row.channels
    if row.name == "shutdown_reply":
        return row.channels | {Channel.IOPUB}  # the broadcast of CTRL-07
    return row.channels | CONTROL_LIKE_SHELL if Channel.SHELL in row.channels else row.channels


def _home(row: MessageType) -> str:
    if row.name in HOME:
        return HOME[row.name]
    if row.channels == {Channel.IOPUB}:
        return "IOPUB-08"
    return "WIRE-16" if row.name.endswith("_reply") else "SHELL-03"


def _version_findings(row: MessageType, claimed: tuple[int, ...] | None) -> Iterator[Finding]:
    since = _numbers(row.since)
    if claimed is not None and since is not None and claimed[0] == 5 and claimed < since:
        got = ".".join(map(str, claimed))
        yield finding("HDR-09", "header.version", f"{row.since}, which brought {row.name}", got)


def _topic_findings(parts: Parts) -> Iterator[Finding]:
    identities: Sequence[bytes] = parts.identities or ()
    if len(identities) != 1:
        got = f"{len(identities)} frames"
        yield finding("WIRE-11", "frames", "one frame, the topic, before the delimiter", got)
    elif parts.msg_type == "iopub_welcome":
        wanted = text_in(parts.content, "subscription")
        # The proposal lets a topic hold more, and it arrives if it begins so.
        if not identities[0].startswith(wanted.encode("utf-8", "surrogatepass")):
            got = shorten(identities[0])
            yield finding("IOPUB-05", "frames", f"the topic {shorten(wanted)}", got)
