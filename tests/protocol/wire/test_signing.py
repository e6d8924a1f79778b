"""Who is believed: signatures, keys, schemes, replay."""

from __future__ import annotations

import hashlib
import hmac
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.protocol import (
    DELIMITER,
    FramingError,
    LocalError,
    ReplayError,
    ReplayWindow,
    SignatureError,
    Signer,
    Status,
    structure_content,
)
from assay.protocol import ExecutionState as State
from assay.testing import (
    MutatedFrames,
    SignedFrames,
    as_bytes,
    buffers,
    frames,
    identities,
    keys,
    make_session,
    mutated_frames,
    schemes,
)
from tests.properties import MANY

PARTS = (b'{"msg_id":"1"}', b"{}", b'{"a":1}', b'{"b":2}')


def packed(count: int = 1) -> list[list[bytes]]:
    """Return *count* different messages under the key of `make_session`."""
    session = make_session()
    return [as_bytes(session.pack(Status(execution_state=State.IDLE))) for _ in range(count)]


@given(keys(), schemes(), st.tuples(*[st.binary(max_size=200)] * 4))
def test_a_signature_is_the_hmac_of_the_standard_library(
    key: bytes, scheme: str, parts: tuple[bytes, bytes, bytes, bytes]
) -> None:
    """A signature is RFC 2104 over the four dicts, in lower-case hexadecimal (SIGN-02, SIGN-04)."""
    wanted = hmac.new(key, b"".join(parts), scheme.removeprefix("hmac-")).hexdigest()

    assert Signer(key, scheme).sign(*parts) == wanted.encode()


@given(mutated_frames())
@settings(max_examples=MANY)
def test_any_change_to_a_signed_byte_is_refused(mutated: MutatedFrames) -> None:
    """One byte changed, added or removed in signature or dicts is an error (SIGN-07).

    The genuine message is none.
    """
    session = mutated.genuine.session()

    with pytest.raises(SignatureError) as caught:
        session.decode(mutated.frames)

    assert type(caught.value) is SignatureError
    assert caught.value.requirement in {"SIGN-07", "SIGN-09"}
    assert session.decode(mutated.genuine.frames).message == mutated.genuine.message


@given(frames(), st.data())
def test_every_single_bit_counts(signed: SignedFrames, data: st.DataObject) -> None:
    """No bit of the signature or the dicts can be turned over."""
    index = signed.signature_index + data.draw(st.integers(0, 4))
    frame = bytearray(signed.frames[index])
    bit = data.draw(st.integers(0, 8 * len(frame) - 1))
    frame[bit // 8] ^= 1 << bit % 8
    changed = [*signed.frames]
    changed[index] = bytes(frame)
    session = signed.session()

    with pytest.raises(SignatureError):
        session.decode(changed)
    assert session.decode(signed.frames).message == signed.message


@given(frames(), identities(), buffers())
def test_identities_and_buffers_are_not_signed(
    signed: SignedFrames, prefix: tuple[bytes, ...], attached: tuple[bytes, ...]
) -> None:
    """Another routing prefix or other buffers do not change the signature (SIGN-02)."""
    start = signed.signature_index
    changed = [*prefix, *signed.frames[start - 1 : start + 5], *attached]

    delivery = signed.session().decode(changed)

    assert delivery.identities == prefix
    assert delivery.message.buffers == attached
    assert delivery.message.content == signed.message.content


@given(keys(), keys())
def test_another_key_is_refused(key: bytes, other: bytes) -> None:
    """A message is believed under its own key only."""
    signature = Signer(key).sign(*PARTS)
    same = key.ljust(64, b"\0") == other.ljust(64, b"\0")  # RFC 2104 pads a key with zeros

    if same:
        Signer(other).verify(signature, *PARTS)
    else:
        with pytest.raises(SignatureError):
            Signer(other).verify(signature, *PARTS)


def test_parts_may_not_trade_places() -> None:
    """The order of the dicts is signed."""
    signer = Signer(b"key")
    signature = signer.sign(*PARTS)

    with pytest.raises(SignatureError):
        signer.verify(signature, PARTS[0], PARTS[2], PARTS[1], PARTS[3])


def test_a_signature_in_capitals_is_refused() -> None:
    """Hexadecimal digits are lower case (SIGN-03)."""
    signer = Signer(b"key")
    signature = signer.sign(*PARTS).upper()

    with pytest.raises(SignatureError):
        signer.verify(signature, *PARTS)


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison that takes as long wherever they differ decides, and no other (S-168)."""
    signer = Signer(b"key")
    compared: list[tuple[bytes, bytes]] = []

    def differ(wanted: bytes, found: bytes) -> bool:
        compared.append((wanted, found))
        return False

    monkeypatch.setattr(hmac, "compare_digest", differ)
    signature = signer.sign(*PARTS)
    with pytest.raises(SignatureError):
        signer.verify(signature, *PARTS)

    assert compared == [(signature, signature)]


def test_a_missing_signature_is_refused() -> None:
    """With a key, an empty signature is an error of its own (SIGN-09)."""
    signer = Signer(b"key")

    with pytest.raises(SignatureError) as caught:
        signer.verify(b"", *PARTS)

    assert caught.value.requirement == "SIGN-09"


def test_without_a_key_nothing_is_signed_and_everything_believed() -> None:
    """An empty key switches signing off (SIGN-06)."""
    signer = Signer(b"")

    assert not signer.has_key
    assert signer.sign(*PARTS) == b""
    signer.verify(b"anything", *PARTS)


def test_without_a_key_a_message_may_be_repeated() -> None:
    """Unsigned messages are not remembered: they cannot be told apart."""
    session = make_session(b"")
    message = as_bytes(session.pack(Status(execution_state=State.IDLE)))

    for _ in range(3):
        session.decode(message)


@pytest.mark.parametrize(
    "scheme",
    ["", "sha256", "hmac-", "hmac-foo", "hmac-SHA256", "HMAC-sha256", "hmac-shake_128", "md5"],
)
@pytest.mark.parametrize("key", [b"", b"key"])
def test_an_unknown_scheme_is_refused(scheme: str, key: bytes) -> None:
    """Only schemes that can sign are taken, with a key and without (SIGN-12)."""
    with pytest.raises(LocalError) as caught:
        Signer(key, scheme)

    assert caught.value.requirement == "SIGN-12"


def test_md5_is_used_only_when_asked_for_by_name() -> None:
    """A broken hash needs a second word (AMB-54)."""
    with pytest.raises(LocalError):
        Signer(b"key", "hmac-md5")

    wanted = hmac.new(b"key", b"".join(PARTS), hashlib.md5).hexdigest().encode()
    assert Signer(b"key", "hmac-md5", allow_broken=True).sign(*PARTS) == wanted


def test_an_error_does_not_show_the_key() -> None:
    """Neither a signature error nor a session's text holds the key."""
    session = make_session(b"secret-key")

    with pytest.raises(SignatureError) as caught:
        session.decode([DELIMITER, b"bad", *PARTS])

    assert "secret" not in str(caught.value) + repr(session) + repr(session.signer)


def test_a_replayed_message_is_refused() -> None:
    """The same message is believed once (SIGN-14)."""
    (message,) = packed()
    session = make_session()
    session.decode(message)

    with pytest.raises(ReplayError):
        session.decode(message)


def test_a_replay_in_another_wrapping_is_refused() -> None:
    """Other identities and buffers do not make a message new."""
    (message,) = packed()
    session = make_session()
    session.decode(message)

    with pytest.raises(ReplayError):
        session.decode([b"other", *message, b"buffer"])


@given(mutated_frames())
def test_a_forged_copy_does_not_poison_the_genuine_message(mutated: MutatedFrames) -> None:
    """What is refused is not remembered: the genuine message is still new (SIGN-15)."""
    session = mutated.genuine.session()
    with pytest.raises(SignatureError):
        session.decode(mutated.frames)

    assert session.decode(mutated.genuine.frames).message == mutated.genuine.message


def test_a_forgery_under_a_genuine_signature_does_not_poison_it() -> None:
    """The attack on the reference client: the genuine signature over other bytes, sent first."""
    (message,) = packed()
    session = make_session()
    forged = [*message[:-1], b'{"execution_state":"busy"}']
    with pytest.raises(SignatureError):
        session.decode(forged)

    session.decode(message)


def test_the_replay_window_is_bounded() -> None:
    """The newest messages are remembered, as many as the window is wide (SIGN-14)."""
    first, *others = packed(5)
    session = make_session(replay_window=3)
    session.decode(first)
    for message in others:
        session.decode(message)

    session.decode(first)
    with pytest.raises(ReplayError):
        session.decode(others[-1])


@given(st.integers(0, 5), st.lists(st.integers(0, 9).map(lambda n: b"%d" % n), max_size=40))
def test_the_replay_window_holds_the_newest(size: int, signatures: list[bytes]) -> None:
    """A window is a queue of the last *size* different signatures."""
    window, model = ReplayWindow(size), deque[bytes](maxlen=size)

    for signature in signatures:
        if signature in model:
            with pytest.raises(ReplayError):
                window.enter(signature)
        else:
            window.enter(signature)
            model.append(signature)
        assert len(window) == len(model)


def test_a_window_of_zero_accepts_repetitions() -> None:
    """Who asks for no memory gets none."""
    (message,) = packed()
    session = make_session(replay_window=0)

    for _ in range(3):
        session.decode(message)


@pytest.mark.parametrize(
    "parts",
    [
        (b"[]", b"{}", b"{}", b"{}"),
        (b'{"msg_id":"1"}', b"{}", b"{}", b"{}"),
        (b'{"msg_id":"1","msg_type":7}', b"{}", b"{}", b"{}"),
        (b'{"msg_id":"1","msg_type":"t"}', b'{"msg_id":"0"}', b"{}", b"{}"),
        (b'{"msg_id":"1","msg_type":"t"}', b"7", b"{}", b"{}"),
        (b'{"msg_id":"1","msg_type":"t"}', b"{}", b"3", b"{}"),
        (b'{"msg_id":"1","msg_type":"t"}', b"{}", b"{}", b'{"a":NaN}'),
    ],
)
def test_a_signed_message_that_is_malformed_leaves_no_trace(
    parts: tuple[bytes, bytes, bytes, bytes],
) -> None:
    """A message that is refused for its form is not remembered, signed or not."""
    session = make_session(replay_window=1)
    (genuine,) = packed()
    session.decode(genuine)
    frames = [DELIMITER, session.signer.sign(*parts), *parts]

    for _ in range(2):
        with pytest.raises(FramingError):
            session.decode(frames)
    with pytest.raises(ReplayError):  # the one place in the window is still taken
        session.decode(genuine)


def test_a_refused_content_counts_as_seen() -> None:
    """A trusted message whose content is wrong was delivered: it is answered once, not twice."""
    session = make_session()
    parts = (b'{"msg_id":"1","msg_type":"status"}', b"{}", b"{}", b"{}")
    frames = [DELIMITER, session.signer.sign(*parts), *parts]
    session.open(frames)

    with pytest.raises(ReplayError):
        session.open(frames)


def test_an_unknown_type_is_signed_like_any_other() -> None:
    """Signing does not know message types."""
    session = make_session()
    content = structure_content("x_own", {"a": 1})
    frames = as_bytes(session.pack(content, msg_type="x_own"))

    assert session.decode(frames).message.content == content
