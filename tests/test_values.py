"""What all values have from their base class."""

from __future__ import annotations

from attrs import evolve

from assay.protocol import ConnectionFile, Header, InputReply, Message, MsgId

HEADER = Header(msg_id=MsgId("m"), msg_type="input_reply", version="5.5", extra={"more": [1]})


def test_equal_values() -> None:
    """Values are equal if their fields are, and then have equal hashes."""
    same = evolve(HEADER)

    assert same == HEADER
    assert hash(HEADER) == hash(same)
    assert evolve(HEADER, msg_id=MsgId("n")) != HEADER
    assert evolve(HEADER, extra={}) != HEADER


def test_values_of_other_classes_are_never_equal() -> None:
    """A value is not equal to one of another class, even with the same fields."""
    assert (HEADER == "m") is False
    assert InputReply(value="") != ConnectionFile(key="")


def test_messages_can_be_in_sets() -> None:
    """A message can be hashed whatever its metadata and content hold."""
    message = Message(header=HEADER, content=InputReply(value="x"), metadata={"a": [1]})

    assert {message, evolve(message)} == {message}
    assert evolve(message, metadata={}) != message


def test_secrets_are_not_shown() -> None:
    """Keys are left out of a connection file's representation (CONN-04)."""
    shown = repr(ConnectionFile(key="secret", curve_secretkey="s" * 40, curve_publickey="p" * 40))

    assert shown.startswith("ConnectionFile(shell_port=0, iopub_port=0,")
    assert not any(text in shown for text in ("secret", "sss", "ppp"))


def test_extras_are_shown_where_there_are_some() -> None:
    """A content shows keys that the protocol does not name, a header does not."""
    assert repr(InputReply(value="x")) == "InputReply(value='x')"
    assert repr(InputReply(value="x", extra={"y": 1})) == "InputReply(extra={'y': 1}, value='x')"
    assert "more" not in repr(HEADER)
