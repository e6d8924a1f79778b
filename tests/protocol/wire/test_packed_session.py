"""Sessions whose dicts are not JSON on the wire."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime

import pytest

from assay.protocol import (
    ErrorReply,
    ExecutionState,
    FramingError,
    Json,
    MsgId,
    PackedSession,
    Packer,
    ReplayError,
    Session,
    SessionId,
    SignatureError,
    Status,
    decode_json,
)

BUSY = Status(execution_state=ExecutionState.BUSY)
IDLE = Status(execution_state=ExecutionState.IDLE)
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


class Pickled:
    """Notes what it was given to read."""

    def __init__(self) -> None:
        self.read: list[bytes] = []

    def pack(self, value: Json) -> bytes:
        """Return a pickle."""
        return pickle.dumps(value)

    def unpack(self, data: bytes) -> object:
        """Return what is in it."""
        self.read.append(data)
        return pickle.loads(data)


def session(packer: Packer | None = None, key: bytes = b"key") -> PackedSession:
    """Return a session that marks its messages."""
    return PackedSession(
        key,
        session=SessionId("s"),
        now=lambda: NOON,
        new_id=lambda: MsgId("m"),
        packer=packer,
        metadata={"engine": "e"},
    )


def test_what_a_packer_wrote_is_read() -> None:
    """Header, parent, metadata and content come back; a parent is echoed in the cluster's form."""
    sender, receiver = session(Pickled()), session(Pickled())
    first = receiver.open(sender.pack(BUSY, identities=(b"a", b"b")))
    assert first.header.raw is not None

    frames = sender.pack(
        ErrorReply(ename="E", evalue="v", traceback=("t",)),
        msg_type="apply_reply",
        parent=first.header.raw,
        metadata={"status": "error"},
        buffers=[b"buffer"],
    )
    second = receiver.open(frames) if frames else None

    assert first.identities == (b"a", b"b")
    assert first.content == {"execution_state": "busy"}
    assert second is not None
    assert second.parent_header is not None
    assert second.parent_header.msg_id == "m"
    assert second.metadata == {"engine": "e", "status": "error"}
    assert second.buffers == (b"buffer",)
    assert pickle.loads(bytes(frames[3]))["msg_type"] == "status"


def test_nothing_is_unpacked_before_it_is_trusted() -> None:
    """A wrong signature, and none, are refused first; so is what was seen before."""
    packer = Pickled()
    receiver = session(packer)
    frames = session(Pickled(), key=b"another").pack(BUSY)

    for refused in (frames, [frames[0], b"", *frames[2:]]):
        with pytest.raises(SignatureError):
            receiver.open(refused)
    assert packer.read == []
    good = session(Pickled()).pack(BUSY)
    receiver.open(good)
    with pytest.raises(ReplayError):
        receiver.open(good)


@pytest.mark.parametrize("wrong", [b"", b"{}", pickle.dumps([1])])
def test_a_frame_that_is_no_dict_is_refused(wrong: bytes) -> None:
    """It is a fault of the message, whatever the packer raised."""
    unsigned = session(Pickled(), key=b"")
    frames = [*unsigned.pack(BUSY)]
    frames[-1] = wrong

    with pytest.raises(FramingError):
        unsigned.open(frames)


def test_json_stays_json_and_has_the_mark() -> None:
    """Without a packer an ordinary session reads it."""
    plain = Session(b"key", session=SessionId("s"), now=lambda: NOON, new_id=lambda: MsgId("m"))

    frames = session().pack(BUSY, metadata={"a": 1})

    assert plain.open(frames).metadata == {"engine": "e", "a": 1}
    assert decode_json(bytes(session().pack(IDLE)[4])) == {"engine": "e"}
    assert session().open(plain.pack(BUSY)).metadata == {}
