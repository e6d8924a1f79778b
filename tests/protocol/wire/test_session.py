"""Fresh headers and messages: what a session puts in by itself."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest

from assay.protocol import (
    PROTOCOL_VERSION,
    UNSET,
    Aborted,
    Content,
    ContentError,
    ErrorReply,
    ExecuteRequest,
    LocalError,
    MsgId,
    Session,
    SessionId,
    Status,
    Unknown,
    split,
    structure_content,
)
from assay.protocol import ExecutionState as State
from assay.protocol.wire import _converter
from assay.testing import as_bytes, make_session

FAILED = ErrorReply(ename="E", evalue="e")


class Frozen(datetime):
    """A time as the tools make it that stop the clock of a test."""


def at(moment: datetime) -> Session:
    """Return a session whose clock stands at *moment*."""
    return Session(b"k", session=SessionId("s"), now=lambda: moment, new_id=lambda: MsgId("i"))


def test_a_fresh_header_says_who_when_and_which_version() -> None:
    """Ids count, the clock stands, the version is ours (HDR-01, HDR-09)."""
    session = make_session(name="kernel")

    first, second = session.header("status"), session.header("status", subshell_id="sub")

    assert (first.msg_id, second.msg_id) == ("kernel-1", "kernel-2")
    assert (first.session, first.username) == ("kernel", "tester")
    assert (first.date, first.version) == ("2026-01-01T12:00:00Z", PROTOCOL_VERSION)
    assert (first.subshell_id, second.subshell_id) == (UNSET, "sub")
    assert first.raw is None


@pytest.mark.parametrize(
    ("moment", "wanted"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
        (datetime(2026, 1, 1, 0, 0, 0, 5, tzinfo=UTC), "2026-01-01T00:00:00.000005Z"),
        (Frozen(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
        (datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2026-01-01T00:00:00+02:00"),
    ],
)
def test_a_date_is_iso_8601_with_its_zone(moment: datetime, wanted: str) -> None:
    """`pack` and `header` write the same date, with the clock's own zone (HDR-07)."""
    session = at(moment)

    packed = as_bytes(session.pack(Status(execution_state=State.IDLE)))
    header = session.header("status")

    assert json.loads(split(packed).header)["date"] == header.date == wanted
    assert header.sent_at == moment


@pytest.mark.parametrize("content", [FAILED, Aborted(), Unknown()])
def test_contents_of_several_types_need_to_be_told_theirs(content: Content) -> None:
    """Without a type, a message is neither made nor packed."""
    session = make_session()

    with pytest.raises(LocalError):
        session.message(content)
    with pytest.raises(LocalError):
        session.pack(content)


@pytest.mark.parametrize("msg_type", ["execute_reply", "x_reply"])
def test_an_error_answers_any_request(msg_type: str) -> None:
    """Its type is the one that is named (SHELL-10)."""
    session = make_session()

    made = session.message(FAILED, msg_type=msg_type)
    packed = make_session().decode(as_bytes(session.pack(FAILED, msg_type=msg_type))).message

    assert made.header.msg_type == packed.header.msg_type == msg_type
    assert packed.content == FAILED


def test_a_content_does_not_go_under_another_type() -> None:
    """A content that has a type of its own is refused under another."""
    session, content = make_session(), ExecuteRequest(code="")

    with pytest.raises(LocalError):
        session.message(content, msg_type="status")
    with pytest.raises(LocalError):
        session.pack(content, msg_type="status")
    assert session.message(content, msg_type="execute_request").content is content


def test_an_unknown_scheme_makes_no_session() -> None:
    """A kernel that cannot sign as it was told refuses to start (SIGN-12)."""
    with pytest.raises(LocalError):
        make_session(signature_scheme="hmac-foo")


def test_faults_of_all_messages_are_found_by_one_converter(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong is found as quickly the second time: a flood of wrong messages with the
    key's signature kept a kernel from answering for 20 s."""
    made: list[object] = []
    genuine = _converter.make_converter

    def noted() -> object:
        made.append(genuine())
        return made[-1]

    monkeypatch.setattr(_converter, "make_converter", noted)

    def fault(number: int) -> bool:
        kind, field = (("execute_request", "code"), ("kernel_info_reply", "banner"))[number % 2]
        with pytest.raises(ContentError) as caught:
            structure_content(kind, {field: number})
        return f"{field}: wanted text, found {number}" in caught.value.faults

    assert all(map(fault, range(40)))
    assert len(made) <= 1


def test_threads_may_send_at_once() -> None:
    """What several threads pack and encode with one session is signed, each under its own id, with
    forced switches."""
    before = sys.getswitchinterval()
    session, peer = make_session(name="kernel"), make_session(name="client")

    def send(number: int) -> list[list[bytes]]:
        packed = [session.pack(Status(execution_state=State.BUSY)) for _ in range(100)]
        packed += [session.pack_json("status", b"{}") for _ in range(100)]
        made = [session.message(ExecuteRequest(code=str(number))) for _ in range(100)]
        return [as_bytes(frames) for frames in (*packed, *map(session.encode, made))]

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(6) as pool:
            sent = [frames for all_of_one in pool.map(send, range(6)) for frames in all_of_one]
    finally:
        sys.setswitchinterval(before)

    ids = {peer.open(frames).header.msg_id for frames in sent}
    assert len(ids) == len(sent) == 1_800
