"""Wrong messages of every kind: they kill, block and confuse nothing."""

from __future__ import annotations

import random

import pytest

from assay.protocol import (
    DELIMITER,
    Channel,
    ErrorReply,
    Json,
    KernelInfoRequest,
    Unknown,
    encode_json,
)
from assay.transport import Client, KernelProcess, Received
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    execute,
    failed,
    frames,
    heard_meanwhile,
    is_well,
    result,
    signed,
    states,
    succeeded,
)

INBOUND = [Channel.SHELL, Channel.CONTROL, Channel.STDIN]

HEADER: dict[str, Json] = {
    "msg_id": "m",
    "session": "s",
    "username": "",
    "date": "2026-01-01T00:00:00Z",
    "msg_type": "execute_request",
    "version": "5.5",
}


def dicts(**parts: bytes) -> list[bytes]:
    """Return the four dicts of a message, some of them replaced."""
    whole = {"header": encode_json(HEADER), "parent": b"{}", "metadata": b"{}", "content": b"{}"}
    return list((whole | parts).values())


UNTRUSTED = {
    "nothing": [b""],
    "no delimiter": [b"a", b"b", b"c", b"d", b"e", b"f"],
    "delimiter alone": [DELIMITER],
    "too few frames": [DELIMITER, b"", *dicts()[:3]],
    "no signature": [DELIMITER, b"", *dicts(content=b'{"code":"1/0"}')],
    "wrong signature": [DELIMITER, b"0" * 64, *dicts(content=b'{"code":"1/0"}')],
    "signature of no hex": [DELIMITER, b"\xff" * 64, *dicts()],
    "many frames": [DELIMITER, b"", *[b"x"] * 500],
    "huge frame": [DELIMITER, b"", *dicts(content=b"x" * 3_000_000)],
    "many identities": [*[b"identity"] * 300, DELIMITER, b""],
}


@pytest.mark.parametrize("channel", INBOUND)
@pytest.mark.parametrize("kind", sorted(UNTRUSTED))
def test_untrusted_frames_are_dropped(client: Client, channel: Channel, kind: str) -> None:
    """What is no signed message has no effect and no answer (WIRE-18, SIGN-07, -09, -10, S-022)."""
    client.send_frames(channel, UNTRUSTED[kind])

    assert is_well(client)
    assert client.waiting(Channel.SHELL) == client.waiting(Channel.CONTROL) == ()
    assert heard_meanwhile(client) == []


SIGNED_AND_WRONG = {
    "no JSON": dicts(content=b"{"),
    "content a list": dicts(content=b"[]"),
    "content a text": dicts(content=b'"x"'),
    "content null": dicts(content=b"null"),
    "no UTF-8": dicts(content=b'{"code":"\xff"}'),
    "trailing text": dicts(content=b"{} {}"),
    "header a list": dicts(header=b"[]"),
    "header empty": dicts(header=b"{}"),
    "header without a type": dicts(header=b'{"msg_id":"m","session":"s"}'),
    "header with a wrong id": dicts(header=encode_json(HEADER | {"msg_id": 5})),
    "header with a wrong type": dicts(header=encode_json(HEADER | {"msg_type": None})),
    "parent a text": dicts(parent=b'"x"'),
    "metadata a list": dicts(metadata=b"[1]"),
    "deep nesting": dicts(content=b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
}


@pytest.mark.parametrize("channel", INBOUND)
@pytest.mark.parametrize("kind", sorted(SIGNED_AND_WRONG))
def test_signed_nonsense_is_dropped(client: Client, channel: Channel, kind: str) -> None:
    """What is signed but no message is dropped all the same (WIRE-06, WIRE-18)."""
    client.send_frames(channel, signed(client, SIGNED_AND_WRONG[kind]))

    assert is_well(client)
    assert client.waiting(Channel.SHELL) == client.waiting(Channel.CONTROL) == ()


WRONG_CONTENTS: list[tuple[str, Json, str]] = [
    ("execute_request", {}, "code"),
    ("execute_request", {"code": 5}, "code"),
    ("execute_request", {"code": None}, "code"),
    ("execute_request", {"code": ["1"]}, "code"),
    ("execute_request", {"code": "ran = 1", "silent": "yes"}, "silent"),
    ("execute_request", {"code": "ran = 1", "silent": 1}, "silent"),
    ("execute_request", {"code": "ran = 1", "store_history": "x"}, "store_history"),
    ("execute_request", {"code": "ran = 1", "user_expressions": []}, "user_expressions"),
    ("execute_request", {"code": "ran = 1", "user_expressions": {"a": 1}}, "user_expressions"),
    ("execute_request", {"code": "ran = 1", "allow_stdin": {}}, "allow_stdin"),
    ("execute_request", {"code": "ran = 1", "stop_on_error": None}, "stop_on_error"),
    ("complete_request", {}, "code"),
    ("complete_request", {"code": "a", "cursor_pos": "x"}, "cursor_pos"),
    ("complete_request", {"code": "a", "cursor_pos": 1.5}, "cursor_pos"),
    ("complete_request", {"code": "a", "cursor_pos": True}, "cursor_pos"),
    ("inspect_request", {"code": {}, "cursor_pos": 0}, "code"),
    ("inspect_request", {"code": "a", "cursor_pos": 0, "detail_level": 7}, "detail_level"),
    ("inspect_request", {"code": "a", "cursor_pos": 0, "detail_level": "1"}, "detail_level"),
    ("is_complete_request", {"code": 1}, "code"),
    ("comm_info_request", {"target_name": 3}, "target_name"),
    ("shutdown_request", {"restart": "no"}, "restart"),
    ("shutdown_request", {"restart": 1}, "restart"),
    ("shutdown_request", {"restart": None}, "restart"),
    ("shutdown_request", {"restart": [True]}, "restart"),
]


@pytest.mark.parametrize(("msg_type", "content", "field"), WRONG_CONTENTS)
def test_wrong_content_is_answered_with_its_field(
    client: Client, msg_type: str, content: dict[str, Json], field: str
) -> None:
    """A request of the wrong shape has an error reply that names the field, busy and idle, and
    nothing of it is done (WIRE-19, SHELL-08, EXEC-16, S-033, S-043, S-067)."""
    answer = client.request(Unknown(extra=content), msg_type=msg_type, timeout=HANG_LIMIT_S)

    assert field in failed(answer).evalue
    assert failed(answer).ename == "ContentError"
    assert answer.types == ("status", "status")
    assert states(answer.published) == ["busy", "idle"]
    assert result(execute(client, "'ran' in globals()")) == "False"


def test_malformed_execute_is_answered_with_the_counter(client: Client) -> None:
    """An execute_reply has the counter whatever was wrong (SHELL-13, AMB-67)."""
    count = succeeded(execute(client, "1")).execution_count

    answer = client.request(Unknown(), msg_type="execute_request", timeout=HANG_LIMIT_S)

    assert failed(answer).execution_count == count


def test_malformed_request_aborts_nothing(client: Client) -> None:
    """A request of the wrong shape is no exception of the user's: the queue goes on (EXEC-26)."""
    first = client.start(Unknown(), msg_type="execute_request")
    second = client.start(Unknown(extra={"code": "'runs'"}), msg_type="execute_request")

    failed(client.finish(first, timeout=HANG_LIMIT_S))
    assert result(client.finish(second, timeout=HANG_LIMIT_S)) == "'runs'"


@pytest.mark.parametrize("channel", [Channel.SHELL, Channel.CONTROL])
@pytest.mark.parametrize(
    "msg_type",
    [
        "nonsense_request",
        "",
        "status",
        "execute",
        "\U0001f40d",
        "x" * 100_000,
    ],
)
def test_unknown_type_has_no_reply(client: Client, channel: Channel, msg_type: str) -> None:
    """An unknown type has busy and idle and no reply (WIRE-14, SHELL-07, CTRL-15, AMB-23)."""
    header: dict[str, Json] = {"msg_type": msg_type, "msg_id": f"unknown {channel} {msg_type[:30]}"}
    client.send_frames(channel, frames(client, "x", {}, header=header))

    heard: list[Received] = []

    def is_idle() -> bool:
        heard.extend(heard_meanwhile(client))
        return "idle" in states(heard)

    assert is_well(client)
    # What the kernel answers at once may overtake it.
    client.wait_until(is_idle, awaited="idle", timeout=HANG_LIMIT_S)
    assert states(heard) == ["busy", "idle"]
    assert client.waiting(channel) == ()


@pytest.mark.parametrize(
    "msg_type",
    ["execute_request", "complete_request", "history_request", "comm_info_request"],
)
def test_shell_requests_are_refused_on_control(client: Client, msg_type: str) -> None:
    """Control serves what belongs there and refuses the rest (CTRL-16, AMB-37)."""
    answer = client.request(
        Unknown(extra={"code": "ran = 1"}),
        msg_type=msg_type,
        channel=Channel.CONTROL,
        timeout=HANG_LIMIT_S,
    )

    assert isinstance(answer.content, ErrorReply)
    assert answer.reply.msg_type == msg_type.replace("_request", "_reply")
    assert states(answer.published) == ["busy", "idle"]
    assert result(execute(client, "'ran' in globals()")) == "False"


def test_control_requests_are_refused_on_shell(client: Client) -> None:
    """interrupt_request belongs on control (AMB-37)."""
    answer = client.request(Unknown(), msg_type="interrupt_request", timeout=HANG_LIMIT_S)

    assert isinstance(answer.content, ErrorReply)


def test_replayed_request_is_dropped(client: Client) -> None:
    """The same signed request is served once (SIGN-14)."""
    execute(client, "runs = 0")
    request = frames(client, "execute_request", {"code": "runs += 1"})

    for _ in range(3):
        client.send_frames(Channel.SHELL, request)

    assert result(execute(client, "runs")) == "1"


def test_forged_copy_does_not_shadow_the_genuine(client: Client) -> None:
    """A forged copy that comes first does not make the genuine message a copy (SIGN-15, S-169)."""
    execute(client, "runs = 0")
    genuine = frames(client, "execute_request", {"code": "runs += 1"})
    forged = [*genuine[:-1], encode_json({"code": "runs -= 1"})]

    client.send_frames(Channel.SHELL, forged)
    client.send_frames(Channel.SHELL, genuine)

    assert result(execute(client, "runs")) == "1"


def test_old_and_odd_headers_are_served(client: Client) -> None:
    """No date, no version, empty names, unknown keys: all are legal (HDR-08, -10, -15, WIRE-15)."""
    headers: list[dict[str, Json]] = [
        {"date": None},
        {"version": None},
        {"date": "yesterday"},
        {"version": "0.1"},
        {"session": "", "username": ""},
        {"extra": {"deep": [1, 2.5, None]}},
        {"subshell_id": "nobody"},
        {"subshell_id": None},
        {"msg_id": "\U0001f40d" * 1000},
    ]
    for header in headers:
        sent = frames(client, "kernel_info_request", {"odd": 1}, header=header)
        client.send_frames(Channel.SHELL, sent)
        reply = client.receive(Channel.SHELL, HANG_LIMIT_S)

        assert reply.msg_type == "kernel_info_reply"
        # The parent header is the request's header, byte for byte (HDR-15).
        assert reply.frames[-3] == sent[2]
    client.waiting(Channel.IOPUB)


def test_signature_covers_the_bytes_as_sent(client: Client) -> None:
    """White space and key order of the sender do not matter (SIGN-04)."""
    header = encode_json(dict(reversed(HEADER.items())) | {"msg_type": "kernel_info_request"})
    parts = [b" \n" + header.replace(b",", b" ,\t"), b" {} ", b"{ }", b"\n{}"]

    client.send_frames(Channel.SHELL, signed(client, parts))

    assert client.receive(Channel.SHELL, HANG_LIMIT_S).msg_type == "kernel_info_reply"
    client.waiting(Channel.IOPUB)


def test_identities_and_buffers_are_kept_apart(client: Client) -> None:
    """Extra identities come back with the reply; buffers are ignored (WIRE-03, -04, -10)."""
    request = frames(client, "kernel_info_request", {})

    client.send_frames(Channel.SHELL, [b"one", b"", b"three", *request, DELIMITER, b"buffer"])

    reply = client.receive(Channel.SHELL, HANG_LIMIT_S)
    assert reply.identities == (b"one", b"", b"three")
    client.waiting(Channel.IOPUB)


def test_noise_is_survived(kernel: KernelProcess, mine: Client) -> None:
    """Thousands of random messages, signed and not, leave a kernel that works (WIRE-18)."""
    chance = random.Random(20260101)
    texts = [b"", b"{}", b"[]", b"null", DELIMITER, b"\xff\xfe", b'{"code":1}', b'{"msg_type":1}']
    types = ["execute_request", "comm_open", "input_reply", "interrupt_request", "history_request"]
    contents: list[Json] = [{}, {"code": None}, {"comm_id": {}}, [], {"n": "x"}]
    for _ in range(2000):
        channel = chance.choice(INBOUND)
        if chance.random() < 0.5:
            mine.send_frames(channel, chance.choices(texts, k=chance.randrange(1, 9)))
        else:
            mine.send_frames(channel, frames(mine, chance.choice(types), chance.choice(contents)))

    mine.request(KernelInfoRequest(), timeout=HANG_LIMIT_S)

    assert result(execute(mine, "'works'")) == "'works'"
    assert kernel.exit_code is None


def test_logger_is_the_programs_from_the_first_cell_on(mine: Client) -> None:
    """What a program does with the kernel's logger stays, whenever the first line is logged.

    In a kernel that has not complained yet: it does so once in a while.
    """
    code = (
        "import logging\n"
        "told = []\n"
        "class Handler(logging.Handler):\n"
        "    def emit(self, record): told.append(record.levelname)\n"
        "handler = Handler()\n"
        "logging.getLogger('assay').addHandler(handler)"
    )
    execute(mine, code)

    mine.send_frames(Channel.SHELL, [b"garbage"])
    found = result(execute(mine, "told[:1]"))
    execute(mine, "logging.getLogger('assay').removeHandler(handler)")

    assert found == "['WARNING']"
