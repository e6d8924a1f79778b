"""Frames of old versions: MD5 and three dicts only when asked for, and how they are recognised."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.protocol import (
    Buffer,
    ContentError,
    FrameCodec,
    FramingError,
    LocalError,
    MessageDict,
    ProtocolVersion,
    ReplayError,
    Session,
    SessionId,
    SignatureError,
    recognize,
    version_of,
)
from assay.testing import as_bytes, counted_ids, json_objects, make_session, standing_clock

V3, V4_0, V4_1, V5_5 = ProtocolVersion
KEY = b"a key for tests"

HEADER = {"msg_id": "m", "msg_type": "stream", "session": "s", "username": "u"}
MESSAGE = MessageDict(
    header=HEADER,
    parent_header={},
    metadata={},
    content={"name": "stdout", "data": "x"},
    buffers=(),
)


def codec(version: ProtocolVersion, key: bytes = KEY, **options: Any) -> FrameCodec:
    return FrameCodec(version, key, allow_broken_scheme=True, **options)


def signed(key: bytes, name: str, *dicts: bytes, buffers: tuple[bytes, ...] = ()) -> list[bytes]:
    """Return frames made with nothing but the standard library."""
    signature = hmac.new(key, b"".join(dicts), name).hexdigest().encode() if key else b""
    return [b"route", b"<IDS|MSG>", signature, *dicts, *buffers]


def dicts(count: int, **header: object) -> list[bytes]:
    """Return the dicts of a message, three or four."""
    parts: list[object] = [HEADER | header, {}, {}, {"name": "stdout", "data": "x"}]
    if count == 3:
        del parts[2]
    return [json.dumps(part).encode() for part in parts]


@given(st.sampled_from([V3, V4_0, V4_1]), json_objects(), st.lists(st.binary(), max_size=2))
def test_a_message_comes_back(
    version: ProtocolVersion, content: dict[str, Any], buffers: list[bytes]
) -> None:
    """What is encoded is decoded, buffers and routing prefix included."""
    message = MessageDict(
        header=HEADER,
        parent_header=HEADER,
        metadata={} if version is V3 else content,
        content=content,
        buffers=tuple(buffers),
    )

    frames = as_bytes(codec(version).encode(message, (b"a", b"b")))

    assert codec(version).decode(frames) == ((b"a", b"b"), message)


@pytest.mark.parametrize("version", [V3, V4_1])
@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_frames_may_be_of_any_kind_of_bytes(
    version: ProtocolVersion, kind: Callable[[bytes], Buffer]
) -> None:
    """What was received without copying is read and recognised like bytes."""
    frames = as_bytes(codec(version).encode(MESSAGE, (b"a",)))
    views = [kind(frame) for frame in frames]

    found = recognize(views, KEY, allow_broken_scheme=True)
    read = found.codec(KEY, allow_broken_scheme=True).decode(views)

    assert found == recognize(frames, KEY, allow_broken_scheme=True)
    assert read == codec(version).decode(frames)


def test_version_3_is_three_dicts_and_md5() -> None:
    """The frames are those that IPython 0.13 made: header, parent header, content."""
    route, message = codec(V3).decode(signed(KEY, "md5", *dicts(3), buffers=(b"buffer",)))
    frames = as_bytes(codec(V3).encode(MESSAGE))

    assert route == (b"route",)
    assert message == {**MESSAGE, "buffers": (b"buffer",)}
    assert frames[1] == hmac.new(KEY, b"".join(frames[2:]), hashlib.md5).hexdigest().encode()
    assert [json.loads(frame) for frame in frames[2:]] == [HEADER, {}, MESSAGE["content"]]


def test_metadata_do_not_fit_into_version_3() -> None:
    """They are left out: no frame is theirs."""
    frames = codec(V3).encode({**MESSAGE, "metadata": {"a": 1}})

    assert len(frames) == 5


def test_our_session_reads_the_frames_of_4() -> None:
    """From 4.0 to 5.5 the frames are the same."""
    frames = as_bytes(codec(V4_0).encode(MESSAGE))

    delivery = make_session(KEY).open(frames)

    assert delivery.content == MESSAGE["content"]
    assert delivery.header.msg_id == "m"


@pytest.mark.parametrize("key", [b"", KEY])
def test_version_3_is_spoken_only_when_asked_for(key: bytes) -> None:
    """To name the version is not enough: MD5 has to be allowed as well (SIGN-12)."""
    with pytest.raises(LocalError) as caught:
        FrameCodec(V3, key)

    assert caught.value.requirement == "SIGN-12"
    with pytest.raises(LocalError):
        FrameCodec(V4_0, key, signature_scheme="hmac-md5")


@pytest.mark.parametrize("version", [V3, V4_1])
def test_a_changed_message_is_refused(version: ProtocolVersion) -> None:
    """One byte of any dict or of the signature counts (SIGN-07)."""
    frames = as_bytes(codec(version).encode(MESSAGE))

    for index in range(1, len(frames)):
        changed = [*frames]
        changed[index] += b" "
        with pytest.raises(SignatureError):
            codec(version).decode(changed)


def test_the_dicts_of_version_3_may_not_pose_as_four() -> None:
    """What was signed as one layout does not verify as the other."""
    with pytest.raises(SignatureError):
        codec(V4_0).decode(signed(KEY, "md5", *dicts(3), buffers=(b"{}",)))
    with pytest.raises(SignatureError):
        codec(V3).decode(signed(KEY, "sha256", *dicts(4)))


def test_a_repeated_message_is_refused() -> None:
    """A verified signature is seen once (SIGN-14); a refused message is not remembered."""
    subject = codec(V3)
    frames = signed(KEY, "md5", *dicts(3))
    broken = [*frames[:2], b"0" * 32, *frames[3:]]
    with pytest.raises(SignatureError):
        subject.decode(broken)
    subject.decode(frames)

    with pytest.raises(ReplayError):
        subject.decode(frames)

    codec(V3, replay_window=0).decode(frames)


@pytest.mark.parametrize("version", [V3, V4_0])
@pytest.mark.parametrize("frames", [[], [b"a"], [b"<IDS|MSG>"], [b"<IDS|MSG>", b"", b"{}", b"{}"]])
def test_too_few_frames_are_refused(version: ProtocolVersion, frames: list[bytes]) -> None:
    """No delimiter, or too few dicts behind it, is no message."""
    with pytest.raises(FramingError):
        codec(version, b"").decode(frames)
    with pytest.raises(FramingError):
        recognize(frames, allow_broken_scheme=True)


def test_dicts_that_are_none_are_refused() -> None:
    """A signed frame that is no JSON object is a framing error; a header without id is ours too."""
    with pytest.raises(FramingError):
        codec(V3).decode(signed(KEY, "md5", b"[]", b"{}", b"{}"))
    with pytest.raises(ContentError):
        codec(V3).decode(signed(KEY, "md5", b"{}", b"{}", b"{}"))


# Recognition


@pytest.mark.parametrize("key", [b"", KEY])
@pytest.mark.parametrize(
    ("count", "header", "wanted"),
    [
        (3, {}, V3),
        (4, {}, V4_1),
        (4, {"version": [0, 14, 0, "dev"]}, V4_1),
        (4, {"version": "3.0"}, V4_0),
        (4, {"version": "4.0"}, V4_0),
        (4, {"version": "4.1"}, V4_1),
        (4, {"version": "5.0"}, V5_5),
        (4, {"version": "5.5"}, V5_5),
    ],
)
def test_frames_show_their_version(
    key: bytes, count: int, header: dict[str, object], wanted: ProtocolVersion
) -> None:
    """With a key by what is signed, without one by the number of dicts, then by the header."""
    name = "md5" if count == 3 else "sha256"
    frames = signed(key, name, *dicts(count, **header))

    found = recognize(frames, key, allow_broken_scheme=True)

    assert found.version is wanted
    assert found.signature_scheme == f"hmac-{name}"
    found.codec(key, allow_broken_scheme=True).decode(frames)


@pytest.mark.parametrize("key", [b"", KEY])
def test_version_3_with_buffers_is_recognised(key: bytes) -> None:
    """Five frames are not four dicts if the fifth is no object, or only three are signed."""
    frames = signed(key, "md5", *dicts(3), buffers=(b"raw", b"more"))

    assert recognize(frames, key, allow_broken_scheme=True).version is V3


def test_only_a_key_tells_a_buffer_that_is_an_object() -> None:
    """Without a signature, a buffer that looks like a content is taken for one."""
    unsigned = signed(b"", "md5", *dicts(3), buffers=(b"{}",))
    with_key = signed(KEY, "md5", *dicts(3), buffers=(b"{}",))

    assert recognize(unsigned, allow_broken_scheme=True).version is V4_1
    assert recognize(with_key, KEY, allow_broken_scheme=True).version is V3


def test_snapshots_have_four_dicts_and_md5() -> None:
    """The development versions of IPython before 1.0 are recognised by the signature."""
    frames = signed(KEY, "md5", *dicts(4))

    found = recognize(frames, KEY, allow_broken_scheme=True)

    assert (found.version, found.signature_scheme) == (V4_1, "hmac-md5")
    assert found.codec(KEY, allow_broken_scheme=True).decode(frames)[1] == MESSAGE


def test_the_weaker_scheme_is_not_accepted_because_a_peer_uses_it() -> None:
    """MD5 and three dicts are refused unless they are switched on."""
    with pytest.raises(SignatureError):
        recognize(signed(KEY, "md5", *dicts(3)), KEY)
    with pytest.raises(SignatureError):
        recognize(signed(KEY, "md5", *dicts(4)), KEY)
    with pytest.raises(FramingError):
        recognize(signed(b"", "md5", *dicts(3)))


@pytest.mark.parametrize("count", [3, 4])
def test_unsigned_frames_are_not_recognised_under_a_key(count: int) -> None:
    """With a key, an empty or wrong signature shows nothing (SIGN-07, SIGN-09)."""
    for key in (b"", b"another"):
        frames = signed(key, "md5" if count == 3 else "sha256", *dicts(count))
        with pytest.raises(SignatureError):
            recognize(frames, KEY, allow_broken_scheme=True)


def test_our_own_messages_are_recognised() -> None:
    """What a session of ours sends is 5.5, under whatever scheme."""
    session = Session(
        KEY,
        session=SessionId("s"),
        now=standing_clock(),
        new_id=counted_ids(),
        signature_scheme="hmac-sha512",
    )
    frames = as_bytes(session.pack_json("status", b'{"execution_state":"idle"}'))

    found = recognize(frames, KEY, signature_scheme="hmac-sha512")

    assert (found.version, found.signature_scheme) == (V5_5, "hmac-sha512")


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        (None, V4_1),
        ([1, 0], V4_1),
        ("3.2", V3),
        ("3", V3),
        ("4", V4_0),
        ("4.0.1", V4_0),
        ("4.2", V4_1),
        ("5", V5_5),
        ("5.10", V5_5),
        ("6.0", V5_5),
    ],
)
def test_a_header_names_its_version(version: Any, wanted: ProtocolVersion) -> None:
    """By its major number; one below 5.0 names none and is 4.1."""
    assert version_of({"version": version}) is wanted


@pytest.mark.parametrize("version", ["", "x", "2.0", "0.13", 5.5, True, {}, "4x"])
def test_a_header_with_a_wrong_version_is_refused(version: Any) -> None:
    """A version that never was is a content error."""
    with pytest.raises(ContentError) as caught:
        version_of({"version": version})

    assert caught.value.faults[0].startswith("version: wanted")


def test_versions_are_ordered() -> None:
    """Older is less."""
    assert list(ProtocolVersion) == sorted(ProtocolVersion)
