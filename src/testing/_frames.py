"""Frames of whole messages: genuine, tampered with, and cut up."""

from __future__ import annotations

from attrs import frozen
from hypothesis import strategies as st

from assay.protocol import DEFAULT_SCHEME, DELIMITER, Content, Message, Session
from assay.testing._messages import keys, messages, schemes
from assay.testing._sessions import as_bytes, make_session

__all__ = [
    "MutatedFrames",
    "SignedFrames",
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
    """Frames in which somebody without the key has changed a signed byte."""

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
