"""The parts of a message in whatever form it comes, right or wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from attrs import evolve, field, frozen

from assay.protocol._errors import FramingError, LocalError, shorten
from assay.protocol._shapes import is_mapping, is_sequence
from assay.protocol.judging._finding import Finding, Severity, finding
from assay.protocol.wire._arguments import BYTES, as_bytes
from assay.protocol.wire._framing import DELIMITER, DICTS, Buffer
from assay.protocol.wire._json import UnreadJsonError, decode_json
from assay.protocol.wire._message import Content, Message
from assay.protocol.wire._signing import Signer
from assay.protocol.wire._structure import unstructure

__all__ = ["AnyMessage", "Parts", "read_parts"]

AnyMessage: TypeAlias = "Sequence[Buffer] | Mapping[str, object] | Message[Content]"
"""A message as frames, as the dictionary that other libraries keep, or as ours."""

DICT_NAMES = ("header", "parent_header", "metadata", "content")
MAY_BE_NULL = frozenset({"parent_header", "metadata"})
"""What known peers write as null, and a receiver can do without."""

DICT_RULES = ("HDR-01", "HDR-12", "HDR-16", "HDR-18")
"""Which sentence says that the part is an object, where there is no frame to speak of."""


@frozen(kw_only=True)
class Parts:
    """A message, taken apart. A part that is no object at all is an empty one here."""

    identities: tuple[bytes, ...] | None = None
    """What stood before the delimiter; None if the form does not tell."""

    header: Mapping[str, object] = field(factory=dict)
    parent_header: Mapping[str, object] = field(factory=dict)
    metadata: Mapping[str, object] = field(factory=dict)
    content: Mapping[str, object] = field(factory=dict)
    found: tuple[Finding, ...] = ()
    """What was wrong with the form."""

    nulls: tuple[Finding, ...] = ()
    """What only a strict reader minds of the form: null in place of an empty object."""

    faulty: frozenset[str] = frozenset()
    """The parts that are no objects; there is nothing to say of what they lack."""

    @property
    def msg_type(self) -> str:
        """The type in the header; empty if there is none that is text."""
        return text_in(self.header, "msg_type")

    @property
    def msg_id(self) -> str:
        """The id in the header; empty if there is none that is text."""
        return text_in(self.header, "msg_id")

    @property
    def parent_id(self) -> str:
        """The id in the parent header; empty if there is none that is text."""
        return text_in(self.parent_header, "msg_id")


def text_in(value: Mapping[str, object], key: str) -> str:
    """Return the text under *key*; empty if there is something else or nothing."""
    item = value.get(key)
    return item if isinstance(item, str) else ""


def read_parts(message: AnyMessage, signer: Signer | None = None) -> Parts:
    """Take *message* apart; whatever it is, there are parts and perhaps findings."""
    if isinstance(message, Message):
        return _of_message(message)
    if is_mapping(message):
        return _of_mapping(message)
    frames = _frames(message)
    if isinstance(frames, Finding):
        return _broken(frames)
    return _of_frames(frames, signer)


def _frames(message: object) -> list[bytes] | Finding:
    """Return the frames in *message*, or what is wrong if it has none of the three forms."""
    # Text and bytes are sequences too, but not of frames.
    if isinstance(message, (str, *BYTES)) or not is_sequence(message):
        return finding("WIRE-02", "frames", "a list of frames", _shown(message))
    frames = []
    for frame in message:
        try:
            frames.append(as_bytes(frame, "frames"))
        except LocalError:
            return finding("WIRE-02", "frames", "frames of bytes", _shown(frame))
    return frames


def _of_message(message: Message[Content]) -> Parts:
    parent = message.parent_header
    return Parts(
        header=unstructure(message.header),
        parent_header={} if parent is None else unstructure(parent),
        metadata=message.metadata,
        content=unstructure(message.content),
    )


def _of_mapping(message: Mapping[str, object]) -> Parts:
    parts: dict[str, Mapping[str, object]] = {}
    found = []
    nulls = []
    for name, rule in zip(DICT_NAMES, DICT_RULES, strict=True):
        # A library may leave out of its dictionary what is empty on the wire, but not the others.
        part = message.get(name, {} if name in MAY_BE_NULL else None)
        if is_mapping(part):
            parts[name] = part
            continue
        wrong = finding(rule, name, "an object", _shown(part))
        if part is None and name in MAY_BE_NULL:
            parts[name] = {}
            nulls.append(wrong)
        else:
            found.append(wrong)
    for name in ("header", "parent_header"):
        if name in parts:
            parts[name] = _with_text_date(parts[name])
    return evolve(_together(parts, found), nulls=tuple(nulls))


def _with_text_date(header: Mapping[str, object]) -> Mapping[str, object]:
    # jupyter_client's Session turns the text into a datetime when it reads a message.
    date = header.get("date")
    return {**header, "date": date.isoformat()} if isinstance(date, datetime) else header


def _of_frames(frames: list[bytes], signer: Signer | None) -> Parts:
    if DELIMITER not in frames:
        got = f"{len(frames)} frames without it"
        return _broken(finding("WIRE-02", "frames", f"the delimiter {DELIMITER!r}", got))
    start = frames.index(DELIMITER)
    behind = frames[start + 1 :]
    if len(behind) <= DICTS:
        wanted = f"a signature and {DICTS} dicts behind the delimiter"
        return _broken(finding("WIRE-02", "frames", wanted, f"{len(behind)} frames"))
    signature, *dicts = behind[: DICTS + 1]
    found = [] if signer is None else _signature_findings(signature, dicts, signer)
    parts: dict[str, Mapping[str, object]] = {}
    nulls = []
    for name, data in zip(DICT_NAMES, dicts, strict=True):
        value = _object(data, name)
        if not isinstance(value, Finding):
            parts[name] = value
        elif name in MAY_BE_NULL and data.strip() == b"null":
            parts[name] = {}
            nulls.append(value)
        else:
            found.append(value)
    whole = _together(parts, found)
    return evolve(whole, identities=tuple(frames[:start]), nulls=tuple(nulls))


def _together(parts: Mapping[str, Mapping[str, object]], found: Sequence[Finding]) -> Parts:
    return Parts(
        **parts,  # type: ignore[arg-type]  # the names are those of the four dicts
        found=tuple(found),
        faulty=frozenset(DICT_NAMES) - frozenset(parts),
    )


def _broken(fault: Finding) -> Parts:
    return Parts(found=(fault,), faulty=frozenset(DICT_NAMES))


def _signature_findings(signature: bytes, dicts: Sequence[bytes], signer: Signer) -> list[Finding]:
    if not signer.has_key:
        if not signature:
            return []
        return [finding("SIGN-16", "signature", "an empty frame without a key", _shown(signature))]
    wanted = signer.sign(*dicts)
    if signature == wanted:
        return []
    if signature.lower() == wanted:
        return [finding("SIGN-03", "signature", "lower-case digits", _shown(signature))]
    got = _shown(signature) if signature else "an empty frame"
    return [finding("SIGN-01", "signature", "the HMAC of the four dicts", got)]


def _object(data: bytes, name: str) -> Mapping[str, object] | Finding:
    try:
        value = decode_json(data)
    except UnreadJsonError:
        # It may be right: Python cannot read it, so it is no finding.
        got = f"{len(data)} bytes that are too deep, or have too long a number, for Python"
        return finding("WIRE-08", name, "JSON that can be read", got, severity=Severity.WARNING)
    except FramingError:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            return finding("WIRE-07", name, "UTF-8", f"{len(data)} bytes that are none")
        return finding("WIRE-08", name, "JSON", f"{len(data)} bytes that are none")
    if is_mapping(value):
        return value
    return finding("WIRE-06", name, "an object", _shown(value))


def _shown(value: object) -> str:
    return "nothing" if value is None else shorten(value)
