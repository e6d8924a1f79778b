"""Questions that run no code: complete, inspect, is_complete, history, kernel_info, connect."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

import assay
from assay.protocol import (
    PROTOCOL_VERSION,
    UNSET,
    Channel,
    CompleteReply,
    CompleteRequest,
    ConnectReply,
    ConnectRequest,
    Content,
    ErrorReply,
    HistoryReply,
    HistoryRequest,
    InspectReply,
    InspectRequest,
    IsCompleteReply,
    IsCompleteRequest,
    KernelInfoReply,
    KernelInfoRequest,
    Unknown,
)
from assay.transport import Answer, Client, KernelProcess
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    be_patient,
    begin,
    execute,
    failed,
    finish,
    is_well,
    start,
    states,
    succeeded,
)

SNAKE = "\U0001f40d"


def ask(client: Client, content: Content, channel: Channel = Channel.SHELL) -> Answer:
    """Send a question and wait for its answer."""
    return client.request(content, channel=channel, timeout=HANG_LIMIT_S)


def complete(client: Client, code: str, cursor_pos: int | None = None) -> CompleteReply:
    """Return what may stand at the cursor, by default at the end."""
    reply = ask(client, CompleteRequest(code=code, cursor_pos=cursor_pos)).content
    assert isinstance(reply, CompleteReply), reply
    return reply


def inspect(client: Client, code: str, cursor_pos: int | None = None, level: int = 0) -> str:
    """Return the plain text about what stands at the cursor; empty if nothing was found."""
    request = InspectRequest(code=code, cursor_pos=cursor_pos, detail_level=1 if level else 0)
    reply = ask(client, request).content
    assert isinstance(reply, InspectReply), reply
    assert reply.found == bool(reply.data)
    return str(reply.data["text/plain"]) if reply.found else ""


# --- Complete


def test_names_are_completed(client: Client) -> None:
    """A match replaces `code[cursor_start:cursor_end]` (COMPLETE-01, -04, -05)."""
    execute(client, "a_long_name = 1")

    reply = complete(client, "x = [a_long_, 2]", 12)

    assert reply.matches == ("a_long_name",)
    assert (reply.cursor_start, reply.cursor_end) == (5, 12)


def test_attributes_are_completed_in_a_whole_cell(client: Client) -> None:
    """The cell may have many lines; the cursor counts from its start (COMPLETE-01)."""
    code = "import os\nos.getc\nprint(1)"

    reply = complete(client, code, 17)

    assert any(match.endswith("getcwd") for match in reply.matches)
    assert code[reply.cursor_start : reply.cursor_end] in {"getc", ".getc", "os.getc"}


def test_cursor_counts_code_points(client: Client) -> None:
    """Characters beyond the BMP count one each (COMPLETE-02)."""
    execute(client, "a_long_name = 1")
    code = f"'{SNAKE}{SNAKE}', a_long_"

    reply = complete(client, code, len(code))

    assert reply.matches == ("a_long_name",)
    assert (reply.cursor_start, reply.cursor_end) == (6, 13)


@pytest.mark.parametrize("cursor_pos", [None, 7, 8, 10_000_000_000])
def test_cursor_null_or_too_far_is_the_end(client: Client, cursor_pos: int | None) -> None:
    """null and whatever lies past the end mean the end (AMB-59)."""
    execute(client, "a_long_name = 1")

    reply = complete(client, "a_long_", cursor_pos)

    assert reply.matches == ("a_long_name",)
    assert reply.cursor_end == 7


@pytest.mark.parametrize("request_type", [CompleteRequest, InspectRequest])
def test_negative_cursor_is_an_error(
    client: Client, request_type: type[CompleteRequest | InspectRequest]
) -> None:
    """A negative cursor is refused, with its name (COMPLETE-08, AMB-59)."""
    answer = ask(client, request_type(code="x", cursor_pos=-1))

    assert "cursor_pos" in failed(answer).evalue
    assert states(answer.published) == ["busy", "idle"]


@pytest.mark.parametrize(("code", "cursor_pos"), [("", 0), ("", None), ("abc", 0), ("\n\n", 1)])
def test_completing_nothing_is_legal(client: Client, code: str, cursor_pos: int | None) -> None:
    """Cursor 0 and empty code have an ok reply (COMPLETE-10)."""
    reply = complete(client, code, cursor_pos)

    assert 0 <= reply.cursor_start <= reply.cursor_end <= len(code)


def test_no_match_is_an_empty_list(client: Client) -> None:
    """What nothing completes has no matches, and is no error (COMPLETE-07)."""
    reply = complete(client, "zzz_none")

    assert reply.matches == ()
    assert (reply.cursor_start, reply.cursor_end) == (8, 8)


AWKWARD = [
    f"{SNAKE}.x",
    "'unclosed",
    '"""',
    "%",
    "%%",
    "!",
    "?",
    "\\alp",
    "\\",
    "import ",
    "from os import ",
    "d['",
    "open('/",
    "x = (((",
    "\x00",
    "\ud800",
    "class",
    "1.",
    "print(\n\t\n",
    "a\r\nb.c",
    "len(x, ",
]


@pytest.mark.parametrize("code", AWKWARD)
def test_every_cursor_has_an_answer(client: Client, code: str) -> None:
    """At each place of awkward code, completion and inspection answer in range (COMPLETE-06)."""
    for cursor in range(len(code) + 1):
        reply = complete(client, code, cursor)
        found = ask(client, InspectRequest(code=code, cursor_pos=cursor)).content

        assert 0 <= reply.cursor_start <= reply.cursor_end <= len(code)
        assert isinstance(found, InspectReply)


def test_kinds_of_completions_are_told(client: Client) -> None:
    """`metadata` says of each match where it goes and what it is (COMPLETE-11)."""
    reply = complete(client, "prin")

    extras = reply.metadata["_jupyter_types_experimental"]
    assert isinstance(extras, list)
    assert [extra["text"] for extra in extras] == list(reply.matches)
    assert {"start", "end", "text", "type", "signature"} == set(extras[0])


def test_completers_and_names_of_the_user_are_asked(client: Client) -> None:
    """What a completer for a command finds is among the matches; what an object lists as its
    attributes, its own code says (S-236)."""
    execute(
        client,
        "get_ipython().set_hook('complete_command', lambda *_: ['mine'], str_key='own_command')\n"
        "class Dynamic:\n    def __dir__(self): return ['made_' + 'up']\n"
        "dynamic = Dynamic()",
    )

    assert "mine" in complete(client, "own_command ").matches
    assert any(match.endswith("made_up") for match in complete(client, "dynamic.ma").matches)


def test_magics_and_files_are_completed(client: Client, tmp_path: Path) -> None:
    """Magics and the names of files are known too (COMPLETE-01)."""
    (tmp_path / "a_file.txt").touch()

    assert "%timeit" in complete(client, "%timei").matches
    assert "%%timeit" in complete(client, "%%timei").matches
    assert any("a_file.txt" in match for match in complete(client, f"open('{tmp_path}/a_f").matches)


def test_completing_has_no_side_effects(client: Client) -> None:
    """Completion publishes status alone and changes no counter, even where code is looked at
    that raises (COMPLETE-09)."""
    execute(
        client,
        "class Odd:\n    def __dir__(self): print('looked at'); raise RuntimeError\nodd = Odd()",
    )
    before = succeeded(execute(client, "")).execution_count

    answer = ask(client, CompleteRequest(code="odd.", cursor_pos=4))

    assert isinstance(answer.content, CompleteReply)
    assert answer.types[0] == answer.types[-1] == "status"
    assert succeeded(execute(client, "")).execution_count == before


# --- Inspect


@pytest.mark.parametrize(
    ("code", "cursor_pos"), [("len", 0), ("len", 2), ("len", 3), ("len(", 4), ("x = len(a, ", 11)]
)
def test_name_at_the_cursor_is_described(client: Client, code: str, cursor_pos: int) -> None:
    """The cursor may stand in a name, behind it, or inside its call (INSPECT-01, INSPECT-08)."""
    assert "number of items" in inspect(client, code, cursor_pos)


def test_inspection_counts_code_points(client: Client) -> None:
    """Characters beyond the BMP count one each (INSPECT-06)."""
    code = f"'{SNAKE}{SNAKE}{SNAKE}'; len"

    assert "number of items" in inspect(client, code, len(code))


@pytest.mark.parametrize("cursor_pos", [None, 3, 99])
def test_inspection_takes_too_far_for_the_end(client: Client, cursor_pos: int | None) -> None:
    """null and whatever lies past the end mean the end (AMB-59)."""
    assert "number of items" in inspect(client, "len", cursor_pos)


@pytest.mark.parametrize("code", ["zzz_none", "", "  ", "1 + 1", "'text'"])
def test_unknown_name_is_not_found(client: Client, code: str) -> None:
    """What is not known is not found, which is no error (INSPECT-04)."""
    assert inspect(client, code) == ""


def test_more_detail_shows_the_source(client: Client) -> None:
    """Level 1 shows the source, level 0 and none do not (INSPECT-02, INSPECT-05)."""
    execute(client, "def documented():\n    'A docstring.'\n    return 'the body'")

    assert "the body" not in inspect(client, "documented")
    assert "the body" in inspect(client, "documented", level=1)


def test_object_that_hates_to_be_looked_at_is_answered(client: Client) -> None:
    """Objects whose methods raise have an answer all the same (INSPECT-07)."""
    execute(
        client,
        "class Odd:\n"
        "    def __repr__(self): raise RuntimeError('no repr')\n"
        "    def __getattribute__(self, name): raise RuntimeError('no attribute')\n"
        "odd = Odd()",
    )

    answer = ask(client, InspectRequest(code="odd", cursor_pos=3))

    assert isinstance(answer.content, InspectReply | ErrorReply)
    assert states(answer.published) == ["busy", "idle"]
    execute(client, "del odd")


def test_inspection_does_not_count(client: Client) -> None:
    """Inspection changes no counter and publishes status alone (INSPECT-09)."""
    before = succeeded(execute(client, "")).execution_count

    answer = ask(client, InspectRequest(code="len", cursor_pos=3))

    assert answer.types == ("status", "status")
    assert succeeded(execute(client, "")).execution_count == before


# --- Is complete


@pytest.mark.parametrize(
    ("code", "status", "indent"),
    [
        ("1 + 1", "complete", UNSET),
        ("", "complete", UNSET),
        ("for i in x:", "incomplete", "    "),
        ("for i in x:\n    if i:", "incomplete", "        "),
        ("print(", "incomplete", ""),
        ("'''", "incomplete", ""),
        ("x = = 1", "invalid", UNSET),
        ("%timeit 1", "complete", UNSET),
        ("%%time", "incomplete", ""),
        ("await f()", "complete", UNSET),
        ("raise SystemExit", "complete", UNSET),
        ("\x00", "invalid", UNSET),
        ("for i in x:\n    '\x00", "invalid", UNSET),
        ("%%bash\necho '\x00'", "incomplete", ""),
        ("print('not run')", "complete", UNSET),
    ],
)
def test_completeness_is_judged(client: Client, code: str, status: str, indent: object) -> None:
    """The answer is one of four, with `indent` for incomplete code only (ISCOMPLETE-01 to -04)."""
    answer = ask(client, IsCompleteRequest(code=code))

    assert isinstance(answer.content, IsCompleteReply)
    assert (answer.content.status, answer.content.indent) == (status, indent)
    assert answer.types == ("status", "status")


# --- History


def history(client: Client, **fields: object) -> list[tuple[int, str]]:
    """Return cell numbers and texts of this session that a request brings."""
    answer = client.request(
        Unknown(extra={"output": False, "raw": True, **fields}),  # type: ignore[dict-item]
        msg_type="history_request",
        timeout=HANG_LIMIT_S,
    )
    assert isinstance(answer.content, HistoryReply), answer.content
    return [(line, str(text)) for _, line, text in answer.content.history]


def test_history_is_found_in_each_way(mine: Client) -> None:
    """tail, range and search return cells in ascending order (HIST-01 to -04, HIST-12, AMB-45)."""
    for code in ("a = 1", "b = 1", "%time a", "a = 1", "c = 1"):
        execute(mine, code)
    everything = [(1, "a = 1"), (2, "b = 1"), (3, "%time a"), (4, "a = 1"), (5, "c = 1")]

    assert history(mine, hist_access_type="tail", n=3) == everything[2:]
    assert history(mine, hist_access_type="tail", n=100) == everything
    assert history(mine, hist_access_type="tail", n=0) == []
    assert history(mine, hist_access_type="range", session=0, start=2, stop=4) == everything[1:3]
    assert history(mine, hist_access_type="range", session=0, start=4) == everything[3:]
    assert history(mine, hist_access_type="range", session=0, start=-2) == everything[3:]
    assert history(mine, hist_access_type="range", session=0, start=1, stop=-1) == everything[:4]
    assert history(mine, hist_access_type="search", pattern="?? = 1") == []
    assert history(mine, hist_access_type="search", pattern="? = *") == [
        everything[i] for i in (0, 1, 3, 4)
    ]
    assert history(mine, hist_access_type="search", pattern="a*", n=1) == [everything[3]]
    assert [
        text for _, text in history(mine, hist_access_type="search", pattern="a*", unique=True)
    ] == ["a = 1"]


def test_history_names_its_session(mine: Client) -> None:
    """Entries carry the number of their session, the current one's too (HIST-07, AMB-45)."""
    execute(mine, "first")
    execute(mine, "second")

    sessions = set()
    for kind in ("tail", "range", "search"):
        request = HistoryRequest(hist_access_type=kind, n=2, session=0, pattern="*")
        reply = ask(mine, request).content
        assert isinstance(reply, HistoryReply)
        assert len(reply.history) == 2
        sessions |= {entry[0] for entry in reply.history}

    assert sessions == {1}


def test_outputs_are_in_the_file_where_that_is_wanted(tmp_path: Path) -> None:
    """Of an earlier session there are outputs if it has logged them, and none else (S-235)."""
    found = []
    for options in ([], ["--HistoryManager.db_log_output=True"], []):
        with start(tmp_path, *options) as kernel, kernel.client() as client:
            request = HistoryRequest(hist_access_type="range", session=-1, start=1, output=True)
            reply = ask(client, request).content
            assert isinstance(reply, HistoryReply)
            found += [entry[2] for entry in reply.history]
            be_patient(client)
            execute(client, "6 * 7")
            assert kernel.shutdown() == 0

    assert found == [("6 * 7", None), ("6 * 7", "42")]


def test_history_can_be_transformed_and_have_output(mine: Client) -> None:
    """`raw` false gives what was run; `output` true adds results (HIST-06, HIST-07)."""
    execute(mine, "%time 1")
    execute(mine, "6 * 7")

    cooked = ask(mine, HistoryRequest(hist_access_type="tail", n=2, raw=False)).content
    shown = ask(
        mine, HistoryRequest(hist_access_type="range", session=0, start=1, output=True)
    ).content

    assert isinstance(cooked, HistoryReply)
    assert isinstance(shown, HistoryReply)
    assert "run_line_magic" in str(cooked.history[0][2])
    assert shown.history[1][2] == ("6 * 7", "42")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"hist_access_type": "bogus"}, "hist_access_type"),
        ({}, "hist_access_type"),
        ({"hist_access_type": "tail"}, "n"),
        ({"hist_access_type": "tail", "n": "3"}, "n"),
        ({"hist_access_type": "range", "start": "x"}, "start"),
        ({"hist_access_type": "search", "pattern": 5}, "pattern"),
        ({"hist_access_type": "tail", "n": 1, "raw": "yes"}, "raw"),
    ],
)
def test_wrong_history_request_names_the_field(
    client: Client, fields: dict[str, object], named: str
) -> None:
    """Unknown types and missing or wrong fields are errors (HIST-11, WIRE-19)."""
    answer = client.request(
        Unknown(extra=fields),  # type: ignore[arg-type]
        msg_type="history_request",
        timeout=HANG_LIMIT_S,
    )

    assert named in failed(answer).evalue
    assert states(answer.published) == ["busy", "idle"]


@pytest.mark.parametrize(
    "fields",
    [
        {"hist_access_type": "tail", "n": -1},
        {"hist_access_type": "tail", "n": 10**30},
        {"hist_access_type": "range", "session": 10**30, "start": 1},
        {"hist_access_type": "range", "session": -99, "start": 1},
        {"hist_access_type": "range", "session": 0, "start": -5, "stop": -1},
        {"hist_access_type": "search", "pattern": "[", "n": -1},
        {"hist_access_type": "search", "pattern": "\ud800"},
        {"hist_access_type": "search", "n": 10**30},
    ],
)
def test_odd_history_request_is_answered(client: Client, fields: dict[str, object]) -> None:
    """Numbers that no history has bring nothing or an error, never silence (SHELL-14)."""
    answer = client.request(
        Unknown(extra=fields),  # type: ignore[arg-type]
        msg_type="history_request",
        timeout=HANG_LIMIT_S,
    )

    assert isinstance(answer.content, HistoryReply | ErrorReply)
    assert states(answer.published) == ["busy", "idle"]


def test_history_lives_on_between_kernels(tmp_path: Path) -> None:
    """A later kernel has a higher session number and finds earlier cells (HIST-03, HIST-09)."""
    with start(tmp_path) as first, first.client() as client:
        execute(client, "'of the first'")
        assert first.shutdown() == 0
    with start(tmp_path) as second, second.client() as client:
        execute(client, "'of the second'")

        reply = ask(client, HistoryRequest(hist_access_type="range", session=-1, start=1)).content
        tail = ask(client, HistoryRequest(hist_access_type="tail", n=2)).content

    assert isinstance(reply, HistoryReply)
    assert reply.history == ((1, 1, "'of the first'"),)
    assert isinstance(tail, HistoryReply)
    assert tail.history == ((1, 1, "'of the first'"), (2, 1, "'of the second'"))


def test_history_can_do_without_a_file(tmp_path: Path) -> None:
    """A history in memory serves the session (HIST-10)."""
    with (
        start(tmp_path, "--HistoryManager.hist_file=:memory:") as kernel,
        kernel.client() as client,
    ):
        execute(client, "'cell'")

        assert history(client, hist_access_type="tail", n=5) == [(1, "'cell'")]


# --- What the kernel is


def test_kernel_info_is_whole(client: Client) -> None:
    """The reply says what the kernel and the language are (INFO-01, INFO-04 to INFO-10)."""
    reply = ask(client, KernelInfoRequest()).content

    assert isinstance(reply, KernelInfoReply)
    assert reply.protocol_version == PROTOCOL_VERSION == "5.5"
    assert reply.implementation == "assay"
    assert reply.implementation_version == assay.__version__
    assert reply.language_info.name == "python"
    assert reply.language_info.version == platform.python_version()
    assert reply.language_info.file_extension == ".py"
    assert reply.language_info.mimetype == "text/x-python"
    assert "IPython" in reply.banner
    assert reply.supported_features == ("debugger", "kernel subshells")
    assert reply.debugger is True


def test_kernel_info_is_the_same_on_control(client: Client) -> None:
    """Control answers kernel_info as shell does (INFO-02)."""
    shell = ask(client, KernelInfoRequest())
    control = ask(client, KernelInfoRequest(), Channel.CONTROL)

    assert control.content == shell.content
    assert states(control.published) == ["busy", "idle"]


@pytest.mark.parametrize(
    "loop",
    [
        "while True: pass",
        "import time\nwhile True: time.sleep(600)",
        "import asyncio\nawait asyncio.sleep(600)",
        "while True: print(end='')",
    ],
)
def test_control_answers_while_code_runs(
    client: Client, shared_kernel: KernelProcess, loop: str
) -> None:
    """kernel_info on control does not wait for the cell (INFO-03, CTRL-01)."""
    running = begin(client, f"print('runs')\n{loop}", until="runs")

    reply = ask(client, KernelInfoRequest(), Channel.CONTROL).content

    assert isinstance(reply, KernelInfoReply)
    shared_kernel.interrupt()
    assert failed(finish(client, running)).ename == "KeyboardInterrupt"


def test_replies_carry_the_request_as_parent(client: Client) -> None:
    """A reply and what it publishes have the request's header, unknown keys too (HDR-12, -15)."""
    for content in (KernelInfoRequest(), CompleteRequest(code="a"), IsCompleteRequest(code="a")):
        answer = ask(client, content)

        for received in (answer.reply, *answer.published):
            assert received.parent_header == answer.request.header
        assert answer.reply.msg_type == content.msg_type.replace("_request", "_reply")


def test_ports_are_told(client: Client, shared_kernel: KernelProcess) -> None:
    """connect_reply names the five ports (INFO-14, INFO-15)."""
    reply = ask(client, ConnectRequest()).content

    assert isinstance(reply, ConnectReply)
    wanted = shared_kernel.connection
    for channel, port in (
        (Channel.SHELL, reply.shell_port),
        (Channel.IOPUB, reply.iopub_port),
        (Channel.STDIN, reply.stdin_port),
        (Channel.CONTROL, reply.control_port),
        (Channel.HB, reply.hb_port),
    ):
        assert port == wanted.port(channel)


def test_heart_beats_while_the_interpreter_is_held(mine: Client, tmp_path: Path) -> None:
    """The heartbeat needs neither the main thread nor the interpreter's lock (HB-02)."""
    flag = tmp_path / "flag"
    code = (
        "import ctypes, os; print('runs')\n"
        f"while not os.path.exists({str(flag)!r}): pass\n"
        "ctypes.PyDLL(None).sleep(1)  # which does not release the lock"
    )
    running = begin(mine, code, until="runs")
    flag.touch()

    for _ in range(3):
        mine.beat(timeout=HANG_LIMIT_S)

    assert not running.idle
    succeeded(finish(mine, running))


def test_completing_a_line_without_end_does_not_hang(client: Client) -> None:
    """A line that is no person's has no completions, and what is asked next is answered."""
    code = "x" * 3_000_000
    reply = client.request(
        CompleteRequest(code=code, cursor_pos=len(code)), timeout=HANG_LIMIT_S
    ).content

    assert isinstance(reply, CompleteReply)
    assert reply.matches == ()
    assert is_well(client)
