"""Frames of whole messages: genuine, tampered with, and cut up."""

from __future__ import annotations

from attrs import frozen
from hypothesis import strategies as st

from assay.protocol import DEFAULT_SCHEME, DELIMITER, Content, Message, Session
from assay.testing._messages import keys, messages, schemes
from assay.testing._sessions import as_bytes, make_session

__all__ = [
    "AdversarialFrames",
    "MutatedFrames",
    "SignedFrames",
    "adversarial_frames",
    "buffers",
    "frames",
    "identities",
    "mutated_frames",
    "truncated_frames",
]

SIGNED = ("signature", "header", "parent_header", "metadata", "content")
"""The frames behind the delimiter in which no byte may change."""


def identities() -> st.SearchStrategy[tuple[bytes, ...]]:
    """Routing prefixes: any bytes but the delimiter, outermost router first (WIRE-03)."""
    frame = st.binary(max_size=12).filter(lambda data: data != DELIMITER)
    return st.lists(frame, max_size=3).map(tuple)


def buffers() -> st.SearchStrategy[tuple[bytes, ...]]:
    """Buffers: any bytes, the delimiter too (WIRE-04, WIRE-09)."""
    return st.lists(st.just(DELIMITER) | st.binary(max_size=40), max_size=3).map(tuple)


@frozen(kw_only=True)
class SignedFrames:
    """One ZeroMQ message and all that is needed to check it."""

    key: bytes
    """What they are signed with; empty for nothing."""

    scheme: str
    """``hmac-`` and a hash."""

    identities: tuple[bytes, ...]
    """The routing prefix; may be empty."""

    message: Message[Content]
    """What the frames say."""

    frames: tuple[bytes, ...]
    """All frames in order, the routing prefix first."""

    def session(self, *, replay_window: int | None = None) -> Session:
        """Return a fresh session that has the key."""
        return make_session(self.key, signature_scheme=self.scheme, replay_window=replay_window)

    @property
    def signature_index(self) -> int:
        """Where the signature stands among the frames; the four dicts follow it."""
        return len(self.identities) + 1


@frozen(kw_only=True)
class MutatedFrames:
    """Frames in which one signed byte was changed by a stranger without the key."""

    genuine: SignedFrames
    """What it was made from, with its key."""

    part: str
    """Which frame was changed: ``signature``, ``header``, …"""

    frames: tuple[bytes, ...]
    """Frames whose signature is wrong, or another's."""


_KEYS = keys()
_SCHEMES = schemes()
_IDENTITIES = identities()


@st.composite
def frames(
    draw: st.DrawFn, msg_type: str | None = None, *, scheme: str | None = DEFAULT_SCHEME
) -> SignedFrames:
    """Return a valid message of *msg_type*, of any type if None, signed under some key.

    Args:
        draw: Handed in by Hypothesis.
        msg_type: A name in the registry.
        scheme: The signature scheme; None for any.
    """
    key, name = draw(_KEYS), draw(_SCHEMES) if scheme is None else scheme
    prefix, message = draw(_IDENTITIES), draw(messages(msg_type))
    encoded = make_session(key, signature_scheme=name).encode(message, prefix)
    return SignedFrames(
        key=key, scheme=name, identities=prefix, message=message, frames=tuple(as_bytes(encoded))
    )


@st.composite
def mutated_frames(draw: st.DrawFn, msg_type: str | None = None) -> MutatedFrames:
    """Return a message of *msg_type* with one byte of a signed frame changed, added or removed."""
    genuine = draw(frames(msg_type))
    part = draw(st.sampled_from(SIGNED))
    index = genuine.signature_index + SIGNED.index(part)
    changed = list(genuine.frames)
    changed[index] = draw(_altered(changed[index]))
    return MutatedFrames(genuine=genuine, part=part, frames=tuple(changed))


@frozen(kw_only=True)
class AdversarialFrames:
    """A message of a peer that has the key and means harm: signed, and no message all the same."""

    genuine: SignedFrames
    """What it was made from, with its key."""

    part: str
    """Which dict is none: ``header``, ``parent_header``, ``metadata`` or ``content``."""

    fault: str
    """What stands in its place: ``a list``, ``nested without end``, …"""

    frames: tuple[bytes, ...]
    """All frames in order, with a signature that is right."""


NO_OBJECTS = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a number": b"1",
    "text": b'"{}"',
    "half an object": b'{"a":',
    "two objects": b"{}{}",
    "single quotes": b"{'a':1}",
    "a comma too many": b'{"a":1,}',
    "a comment": b"{}//",
    "no number": b'{"a":NaN}',
    "infinity": b'{"a":-Infinity}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": "{}".encode("utf-16"),
    "no UTF-8": b'{"a":"\xff"}',
    "half a surrogate pair as bytes": b'{"a":"\xed\xa0\x80"}',
    "a bare NUL": b'{"a":"\0"}',
    "nested without end": b'{"a":' * 100_000,
    "lists nested too deep": b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "a number of too many digits": b'{"a":' + b"9" * 5_000 + b"}",
}
"""What is no JSON object in UTF-8, or none that a reader takes."""

MAY_BE_NULL = frozenset({"parent_header", "metadata"})
"""Dicts for which a reader takes ``null``, as some kernels write it."""


@st.composite
def adversarial_frames(draw: st.DrawFn, msg_type: str | None = None) -> AdversarialFrames:
    """Return a rightly signed message of *msg_type* in which one dict is no JSON object.

    A receiver refuses it, keeps serving, and has not become slower or larger (WIRE-18).
    """
    genuine = draw(frames(msg_type))
    part = draw(st.sampled_from(SIGNED[1:]))
    faults = NO_OBJECTS.keys() - ({"null"} if part in MAY_BE_NULL else set())
    fault = draw(st.sampled_from(sorted(faults)))
    start = genuine.signature_index
    dicts = list(genuine.frames[start + 1 : start + 5])
    dicts[SIGNED[1:].index(part)] = NO_OBJECTS[fault]
    header, parent_header, metadata, content = dicts
    signature = genuine.session().signer.sign(header, parent_header, metadata, content)
    spoilt = (*genuine.frames[:start], signature, *dicts, *genuine.frames[start + 5 :])
    return AdversarialFrames(genuine=genuine, part=part, fault=fault, frames=spoilt)


@st.composite
def truncated_frames(draw: st.DrawFn) -> tuple[bytes, ...]:
    """Return the frames of a valid message in disorder.

    Some are missing, repeated, split in two, run together, cut short or in another order; by chance
    the message may still be whole.
    """
    whole = list(draw(frames()).frames)
    for damage in draw(st.lists(st.sampled_from(DAMAGES), min_size=1, max_size=3)):
        if not whole:
            break
        at = draw(st.integers(0, len(whole) - 1))
        frame = whole[at]
        cut = draw(st.integers(0, len(frame)))
        match damage:
            case "drop":
                del whole[at]
            case "repeat":
                whole.insert(at, frame)
            case "split":
                whole[at : at + 1] = [frame[:cut], frame[cut:]]
            case "merge":
                whole[at : at + 2] = [b"".join(whole[at : at + 2])]
            case "cut":
                whole[at] = frame[:cut]
            case "end":
                del whole[at:]
            case "shuffle":
                whole = draw(st.permutations(whole))
    return tuple(whole)


DAMAGES = ("drop", "repeat", "split", "merge", "cut", "end", "shuffle")


@st.composite
def _altered(draw: st.DrawFn, data: bytes) -> bytes:
    """Return *data* with one byte changed, added or removed."""
    at = draw(st.integers(0, len(data) - 1))
    match draw(st.sampled_from(("change", "add", "remove"))):
        case "change":
            byte = data[at] ^ draw(st.integers(1, 255))
            return data[:at] + bytes([byte]) + data[at + 1 :]
        case "add":
            return data[:at] + draw(st.binary(min_size=1, max_size=1)) + data[at:]
        case _:
            return data[:at] + data[at + 1 :]
