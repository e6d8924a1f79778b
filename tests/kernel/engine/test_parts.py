"""Parts of an engine that need no cluster: options, packers, aborted ids, the watcher's answers."""

from __future__ import annotations

import _thread
import ctypes
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from importlib import import_module
from itertools import count
from mmap import mmap
from pathlib import Path
from threading import Lock, Thread, current_thread, get_ident
from types import ModuleType
from typing import Any, cast
from unittest.mock import Mock, patch

import numpy as np
import pytest
import zmq
from attrs import evolve
from ipyparallel.serialize import canning, deserialize_object, serialize_object

from assay.kernel._command_line import CommandLineError
from assay.kernel._errors import StartError
from assay.kernel._request import Request
from assay.kernel.dispatch._replies import Reply
from assay.kernel.engine import _lending
from assay.kernel.engine._aborts import Aborts
from assay.kernel.engine._arrays import spare_numpy
from assay.kernel.engine._cluster import find_cluster
from assay.kernel.engine._hub_watch import HubWatch
from assay.kernel.engine._lending import Lender
from assay.kernel.engine._main import main
from assay.kernel.engine._membership import Membership
from assay.kernel.engine._options import EngineOptions, parse_engine
from assay.kernel.engine._packers import packer_of
from assay.kernel.engine._replies import EngineResponder
from assay.kernel.engine._results import packed
from assay.kernel.engine._watcher import answer_signal
from assay.kernel.lanes._main_lane import MainLane
from assay.protocol import (
    Aborted,
    AbortRequest,
    ApplyReply,
    Buffer,
    Channel,
    ConnectionReply,
    Content,
    Envelope,
    ErrorReply,
    Header,
    MsgId,
    PackedSession,
    Session,
    SessionId,
    SignalReply,
    encode_json,
)
from assay.transport import Heart, HubLine, IoThread, _logger
from assay.transport._frames import settled
from tests.limits import HANG_LIMIT_S

FILE: dict[str, object] = {
    "interface": "tcp://127.0.0.1",
    **dict.fromkeys(("registration", "control", "mux", "task", "iopub", "hb_ping", "hb_pong"), 7),
    "broadcast": [8, 9],
    "key": "k",
    "signature_scheme": "hmac-sha256",
    "pack": "json",
    "unpack": "json",
    "curve_serverkey": None,
    "location": "",
    "ssh": "",
}


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a cluster that runs these tests."""
    for name in ("CONNECTION_INFO", "PROFILE_DIR", "CLUSTER_ID", "SESSION_KEY"):
        monkeypatch.delenv(f"IPP_{name}", raising=False)


def test_options_are_those_of_ipengine() -> None:
    """What its launchers write is understood; the rest is IPython's."""
    words = "--file=a.json --id 3 --mpi --timeout=2.5 --log-level=10 --debug --profile=p"
    others = "--IPEngine.max_heartbeat_misses=0 --InteractiveShell.colors=nocolor"

    options = parse_engine([*words.split(), *others.split()])

    assert (options.path, options.number, options.is_mpi, options.timeout_s) == (
        "a.json",
        3,
        True,
        2.5,
    )
    assert (options.log_level, options.misses) == (10, 0)
    assert options.rest == ["--profile=p", "--InteractiveShell.colors=nocolor"]


@pytest.mark.parametrize(
    "words", [["--id=x"], ["--timeout=-1"], ["--file"], ["--log-level=LOUD"], ["--wait="]]
)
def test_an_option_without_a_sensible_value_is_refused(words: list[str]) -> None:
    """The error names the option."""
    with pytest.raises(CommandLineError) as caught:
        parse_engine(words)

    assert words[0].partition("=")[0] in str(caught.value)


def test_the_default_file_is_that_of_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is the profile's, and the name has the cluster's id."""
    monkeypatch.setenv("IPYTHONDIR", "/ip")
    assert parse_engine([]).default_path() == (
        "/ip/profile_default/security/ipcontroller-engine.json"
    )
    monkeypatch.setenv("IPP_PROFILE_DIR", "/p")
    monkeypatch.setenv("IPP_CLUSTER_ID", "c")
    assert parse_engine([]).default_path() == "/p/security/ipcontroller-c-engine.json"


def test_the_environment_may_hold_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ipyparallel's launchers start engines; a wildcard on this machine is its loopback."""
    text = encode_json({**FILE, "interface": "tcp://*", "location": "localhost"}).decode()
    monkeypatch.setenv("IPP_CONNECTION_INFO", text)

    cluster = find_cluster(EngineOptions())

    assert cluster.url(cluster.file.broadcast_port(3)) == "tcp://127.0.0.1:9"


@pytest.fixture
def own_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an engine that runs in this process decide where lines go, and nobody after it."""
    monkeypatch.setattr(_logger, "_preparations", [])
    monkeypatch.setattr(_logger, "_projects", [])


@pytest.mark.usefixtures("own_logging")
def test_an_engine_without_a_controller_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the file that it wanted, and ends with 1; a foolish option ends it with 2."""
    path = tmp_path / "none.json"

    assert main([f"--file={path}", "--wait=0"]) == 1
    assert f"{path}: cannot be read" in capsys.readouterr().err
    assert main(["--id=none"]) == 2


@pytest.mark.usefixtures("own_logging")
def test_without_ipyparallel_the_message_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no traceback of an import."""
    monkeypatch.setattr("assay.kernel.engine._main.find_spec", lambda _: None)

    assert main(["--file=x"]) == 1
    assert "pip install 'assay-kernel[parallel]'" in capsys.readouterr().err


PACKERS = [
    ("pickle", "pickle"),
    ("pickle.dumps", "pickle.loads"),
    ("msgpack", "msgpack"),
    ("msgpack.packb", "msgpack.unpackb"),
]


def test_packers_are_those_that_clusters_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON needs none; pickle, msgpack and functions by their names are taken; others are
    refused, and what is not installed."""
    assert packer_of("json", "orjson") is None
    for pack, unpack in PACKERS:
        packer = packer_of(pack, unpack)
        assert packer is not None
        assert packer.unpack(packer.pack({"a": [1]})) == {"a": [1]}
    for name in ("nothing.such", "plain", "sys.maxsize"):
        with pytest.raises(StartError):
            packer_of(name, name)
    monkeypatch.setitem(sys.modules, "msgpack", None)
    for pack, unpack in PACKERS[2:]:
        with pytest.raises(StartError, match="msgpack"):
            packer_of(pack, unpack)


def test_what_is_no_array_is_packed_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """An array is packed as ipyparallel does it once there is a numpy that has arrays."""
    arrays = ModuleType("numpy")
    array = type("ndarray", (), {})
    table: dict[object, object] = {
        bytes: lambda _: "bytes",
        "numpy.ndarray": lambda _: "array",
        "fractions.Fraction": lambda _: "fraction",
        float: lambda _: "float",
    }
    monkeypatch.setattr(canning, "can_map", table)
    monkeypatch.delitem(sys.modules, "numpy", raising=False)

    spare_numpy(table)

    assert [canning.can(value) for value in (b"", 1, 1.5, Fraction(1))] == [
        "bytes",
        1,
        "float",
        "fraction",
    ]
    assert "numpy" not in sys.modules
    monkeypatch.setitem(sys.modules, "numpy", arrays)  # its import has begun, and is not done
    assert canning.can(1.5) == "float"
    monkeypatch.setattr(arrays, "ndarray", array, raising=False)
    assert [canning.can(value) for value in (array(), 1.5)] == ["array", "float"]


def held(_: object, kept: list[object] = []) -> np.ndarray[Any, Any]:  # noqa: B006 - to keep them
    """Return an array that is known elsewhere as well."""
    kept.append(np.ones(200_000))
    return cast("np.ndarray[Any, Any]", kept[-1])


LENT = np.ones(200_000)

PYARRAY_NEW = 93
"""In that table; `PyArray_SimpleNewFromData` of C is a call of it."""

WRITEABLE = 0x401
"""And contiguous: flags of an array."""


def borrowed() -> np.ndarray[Any, Any]:
    """Return an array over memory that it does not own, and that has no base: as C code makes it.

    The function is numpy's own for C code, out of its table of them.
    """
    umath: Any = import_module("numpy._core._multiarray_umath")
    pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    table = pointer_of(("PyCapsule_GetPointer", ctypes.pythonapi))(umath._ARRAY_API, None)
    some, number, pointer = ctypes.py_object, ctypes.c_int, ctypes.c_void_p
    new = ctypes.PYFUNCTYPE(
        some, some, number, pointer, number, pointer, pointer, number, number, pointer
    )(ctypes.cast(table, ctypes.POINTER(pointer))[PYARRAY_NEW])
    shape = (ctypes.c_ssize_t * 1)(LENT.size)
    place = LENT.ctypes.data
    return cast(
        "np.ndarray[Any, Any]",
        new(np.ndarray, 1, shape, LENT.dtype.num, None, place, 0, WRITEABLE, None),
    )


@pytest.mark.parametrize(
    ("call", "given"),
    [
        (lambda: np.ones(200_000), [True]),
        (lambda: [np.ones(200_000), held(0)], [True, False]),
        (lambda: {"a": np.zeros((3, 100_000)), "b": held(0)}, [True, False]),
        (lambda: (np.ones(200_000), 5), [True]),
        (lambda: held(0), [False]),
        (lambda: held(0)[1:], [False]),
        (borrowed, [False]),
        (lambda: np.ones(200_000)[1:], [False]),
        (lambda: memoryview(np.ones(200_000).data), [False]),
        (lambda: [one := np.ones(200_000), one], [False, False]),
        (lambda: np.ones(3), []),
    ],
)
def test_an_array_that_only_the_result_holds_is_not_copied(
    call: Callable[[], Any], given: list[bool]
) -> None:
    """It is read-only from then on; all else may still change, and is left to be copied."""
    expected = call()
    buffers = packed(serialize_object, call, lambda buffer: buffer)

    assert [settled([frame])[0][0] is frame for frame in buffers[1:]] == given
    found, rest = deserialize_object(buffers)
    assert not rest
    assert all(np.array_equal(a, b) for a, b in zip(parts(expected), parts(found), strict=True))


@pytest.mark.parametrize(
    ("may_lend", "names", "is_lent"),
    [
        (True, [], True),
        (False, [], False),
        (True, ["Thread-1"], False),
        (True, ["assay-io", "assay-heart", "assay-looks"], True),
        (True, ["assay-io", "assay-strangers", "assay-parent"], True),
        (True, ["assay-io", "assay-subshell-1"], False),
    ],
)
def test_a_result_is_lent_where_nothing_waits_or_could_write(
    may_lend: bool, names: list[str], is_lent: bool
) -> None:
    """The lane then runs nothing until it has left; else it is left to be copied."""
    main = Mock(may_lend=may_lend)
    memory = memoryview(bytearray(2_000_000))
    threads = [current_thread(), *(Thread(name=name) for name in names)]
    with (
        patch("threading.enumerate", lambda: threads),
        patch.object(_lending, "threads_in_python", lambda: {get_ident()}),
    ):
        found = Lender(main).lend(memory)

    assert (found is memory) is not is_lent
    assert main.lend.call_count == is_lent
    assert found == memory


def test_a_result_is_copied_beside_a_thread_that_only_python_knows() -> None:
    """One that `_thread` has started could write, though `threading` does not list it."""
    main, gate, begun = Mock(may_lend=True), Lock(), Lock()
    memory = memoryview(bytearray(2_000_000))

    def wait() -> None:
        begun.release()
        with gate:
            pass

    begun.acquire()
    with gate, patch("threading.enumerate", lambda: [current_thread()]):
        _thread.start_new_thread(wait, ())
        assert begun.acquire(timeout=HANG_LIMIT_S)
        found = Lender(main).lend(memory)

    assert found is memory
    assert not main.lend.called


@pytest.mark.parametrize(
    ("make", "is_lent"),
    [
        (lambda _: held(0), True),
        (lambda _: held(0)[1:], True),
        (lambda _: np.frombuffer(bytearray(1_600_000)), True),
        (lambda _: np.frombuffer(zmq.Frame(bytes(1_600_000)).buffer)[1:], True),
        (lambda _: memoryview(bytearray(1_600_000)), True),
        (lambda path: np.asarray(np.memmap(path, mode="w+", shape=200_000))[1:], False),
        (lambda _: np.frombuffer(mmap(-1, 1_600_000)), False),
        (lambda _: np.frombuffer(memoryview((ctypes.c_double * 200_000)())), False),
        (lambda _: borrowed(), False),
    ],
)
def test_what_others_may_share_is_not_lent(
    tmp_path: Path, make: Callable[[Path], Any], is_lent: bool
) -> None:
    """Memory of this process is; a mapped file, or what C code may hold, is left to be copied."""
    value = make(tmp_path / "file")
    lent: list[Buffer] = []

    def lend(buffer: Buffer) -> Buffer:
        lent.append(buffer)
        return buffer

    buffers = packed(serialize_object, lambda: value, lend)

    assert len([buffer for buffer in buffers[1:] if memoryview(buffer).nbytes > 100_000]) == 1
    assert any(memoryview(buffer).nbytes > 100_000 for buffer in lent) is is_lent


def parts(value: Any) -> list[Any]:
    """Return what a container holds, and an array as it is."""
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, (list, tuple)) else [value]


@pytest.mark.parametrize(
    ("content", "status", "is_met"),
    [
        (ApplyReply(), "ok", True),
        (Aborted(status="aborted"), "aborted", True),
        (ErrorReply(ename="UnmetDependency", evalue="", traceback=()), "error", False),
        (ErrorReply(ename="ValueError", evalue="", traceback=()), "error", True),
    ],
)
def test_a_reply_says_when_its_task_began_and_how_it_ended(
    content: Content, status: str, is_met: bool
) -> None:
    """In its metadata: the date when it was busy first (ENGINE-09), with its zone; the content's
    status (ENGINE-07); whether it must run elsewhere (ENGINE-08); what the request brought
    (ENGINE-10)."""
    session = a_session()
    log = Mock()
    responder = EngineResponder(log, session, lambda _: b"topic")
    task = request("a")
    task.envelope = evolve(task.envelope, metadata={"label": "mine", "is_broadcast": True})
    before = datetime.now(UTC)
    responder.status("busy", task)
    began = task.started
    assert began is not None
    while datetime.now(UTC) == began:
        pass
    responder.status("busy", task)
    responder.reply(task, Reply(content))

    assert before <= began
    assert session.open(log.post.call_args.args[1]).metadata == {
        "status": status,
        "dependencies_met": is_met,
        "started": began.isoformat(),
        "is_broadcast": True,
        "is_coalescing": False,
        "original_msg_id": "",
        "label": "mine",
    }
    assert began.utcoffset() is not None


def a_session() -> Session:
    """Return a session that signs with a key."""
    numbers = count()
    return Session(
        b"k",
        session=SessionId("engine"),
        now=lambda: datetime.now(UTC),
        new_id=lambda: MsgId(f"m{next(numbers)}"),
    )


def test_an_id_may_be_aborted_before_its_task_comes() -> None:
    """It is remembered once; what waits is marked, and no id means all that waits."""
    lane = FakeLane()
    aborts = Aborts(cast("IoThread", FakeIo()), cast("MainLane", lane))
    first, second, late = (request(name) for name in ("a", "b", "c"))
    lane.items += [first, second]

    aborts.abort(first, AbortRequest(msg_ids=("b", "c")))
    aborts.look_at(late)

    assert (first.aborted, second.aborted, late.aborted) == (False, True, True)
    again = request("c")
    aborts.look_at(again)
    assert not again.aborted
    aborts.abort(first, AbortRequest())
    assert first.aborted


def test_a_signal_is_sent_by_name_or_number() -> None:
    """What is no signal is answered with an error, and nothing is sent."""
    sent: list[int] = []

    def answer(sig: object, send: Callable[[int], None] = sent.append) -> Content:
        return answer_signal(request("a", {"sig": sig}).envelope, send)

    assert isinstance(answer("SIGINT"), SignalReply)
    assert isinstance(answer(int(signal.SIGTERM)), SignalReply)
    assert isinstance(answer(0), SignalReply)
    assert sent == [signal.SIGINT, signal.SIGTERM, 0]
    wrongs: tuple[object, ...] = ("SIG", "default_int_handler", 9999, None, {})
    for wrong in wrongs:
        assert isinstance(answer(wrong), ErrorReply)
    assert len(sent) == 3


@pytest.mark.parametrize("lost", ["pings", "hub", "neither", "stopped"])
def test_a_controller_without_a_sign_of_life_is_gone(lost: str) -> None:
    """Its pings stop, or the hub is not there to connect to; an engine that was stopped waits."""
    io, heart, line = FakeIo(), FakeSigns(), FakeSigns(is_up=lost != "hub")
    gone: list[float] = []
    returned: list[float] = []
    watch = HubWatch(
        cast("IoThread", io),
        cast("Heart", heart),
        cast("HubLine", line),
        period_s=1.0,
        misses=12,
        gone=lambda: gone.append(io.time),
        returned=lambda: returned.append(io.time),
        now=lambda: io.time,
    )
    io.ready[line.events]()
    while io.later and io.time < 40:
        io.time += 30.0 if lost == "stopped" and io.time == 5.0 else 1.0
        if lost not in {"pings", "stopped"}:
            io.ready[heart.pings]()
        io.later.pop()()

    assert watch is not None
    assert gone == {"pings": [13.0], "hub": [13.0]}.get(lost, [])
    assert returned == {"stopped": [35.0]}.get(lost, [])


def test_a_sign_of_life_after_others_were_missed_is_a_return() -> None:
    """A ping after more than two periods is one, and a connection that was made again."""
    io, heart, line = FakeIo(), FakeSigns(), FakeSigns(is_up=False)
    returned: list[float] = []
    HubWatch(
        cast("IoThread", io),
        cast("Heart", heart),
        cast("HubLine", line),
        period_s=1.0,
        misses=0,
        gone=lambda: None,
        returned=lambda: returned.append(io.time),
        now=lambda: io.time,
    )

    for io.time in (1.0, 3.0, 5.5, 6.5):
        io.ready[heart.pings]()
    assert returned == [5.5]
    io.ready[line.events]()
    line.is_up = True
    for io.time in (7.0, 8.0):
        io.ready[line.events]()
    assert returned == [5.5, 7.0]


DROPPED = "the controller has dropped this engine, which was out of touch"


class Member:
    """An engine that is in touch with a hub."""

    def __init__(self) -> None:
        self.io, self.line, self.session = FakeIo(), FakeLine(), make_session("e")
        self.was_asked = False
        self.reasons: list[str] = []
        self.membership = Membership(
            cast("IoThread", self.io),
            cast("HubLine", self.line),
            self.session,
            period_s=1.0,
            was_asked=lambda: self.was_asked,
            dropped=self.reasons.append,
            now=lambda: self.io.time,
        )

    def read(self, *uuids: str) -> None:
        """Let it read that the hub has these engines, behind what is no message."""
        content = ConnectionReply(engines={str(i): uuid for i, uuid in enumerate(uuids)})
        self.line.answers = [[b"junk"], make_session("hub").pack(content)]
        self.io.ready[self.line.socket]()


def test_an_engine_that_is_not_listed_any_more_ends() -> None:
    """It was listed, though it has had no request; it ends once."""
    member = Member()

    member.membership.check()
    member.read("other", "e")
    assert not member.reasons
    member.membership.check()
    assert [member.session.open(list(sent)).header.msg_type for sent in member.line.sent] == [
        "connection_request",
        "connection_request",
    ]
    member.read("other")
    member.read("other")

    assert member.reasons == [DROPPED]


@pytest.mark.parametrize("was_asked", [False, True])
def test_an_engine_that_clients_know_was_listed(*, was_asked: bool) -> None:
    """It ends at the first list without it if it has had a request, and only then."""
    member = Member()
    member.was_asked = was_asked

    member.membership.check()
    member.read("other")

    assert member.reasons == ([DROPPED] if was_asked else [])


def test_a_list_from_before_the_first_request_ends_no_engine() -> None:
    """The hub may answer, then complete the registration, and the first task may come before the
    answer is read; also where a later question is under way already."""
    member = Member()

    member.membership.check()
    member.was_asked = True
    member.membership.check()
    member.read("other")
    assert not member.reasons
    member.read("other")

    assert member.reasons == [DROPPED]


def test_a_registration_that_is_given_up_ends_the_engine() -> None:
    """As long as the hub may still announce it, it asks again; then it says why it ends."""
    member = Member()
    while member.io.later and member.io.time < 100:
        member.io.time += 2.0
        member.io.later.pop()()
        member.read()

    assert len(member.line.sent) == 31
    assert member.reasons == ["the controller has given up the registration of this engine"]


class FakeLine:
    """A line to a hub that answers what a test says."""

    def __init__(self) -> None:
        self.socket = 3
        self.sent: list[list[Buffer]] = []
        self.answers: list[list[Buffer]] = []

    def send(self, frames: list[Buffer]) -> None:
        """Keep it."""
        self.sent.append(frames)

    def receive(self) -> list[list[Buffer]]:
        """Return the answers."""
        return self.answers


def make_session(name: str) -> PackedSession:
    """Return a session of this name; all have one key."""
    ids = count()
    return PackedSession(
        b"key",
        session=SessionId(name),
        now=lambda: datetime.now(UTC),
        new_id=lambda: MsgId(f"{name}{next(ids)}"),
        packer=None,
        metadata={},
    )


class FakeSigns:
    """A heart whose pings a test notes, and a line that is up or not."""

    def __init__(self, *, is_up: bool = True) -> None:
        self.pings, self.events = 1, 2
        self.is_up = is_up

    def take(self) -> bool:
        """Return whether the line is up; of a heart, that a ping came."""
        return self.is_up


class FakeIo:
    """An I/O thread to which nothing has come."""

    def __init__(self) -> None:
        self.time = 0.0
        self.later: list[Callable[[], None]] = []
        self.ready: dict[int, Callable[[], None]] = {}

    def call_later(self, _: float, function: Callable[[], None]) -> None:
        """Keep it."""
        self.later.append(function)

    def watch(self, source: int, ready: Callable[[], None]) -> None:
        """Keep it."""
        self.ready[source] = ready

    def drain(self, channel: Channel) -> None:
        """Do nothing."""


class FakeLane:
    """A main lane with what a test puts there."""

    def __init__(self) -> None:
        self.items: list[Request] = []
        self.lane = self

    def waiting(self) -> list[Request]:
        """Return it."""
        return self.items


def request(name: str, content: dict[str, object] | None = None) -> Request:
    """Return a request with this id."""
    header = Header(
        msg_id=MsgId(name),
        msg_type="apply_request",
        session=SessionId("s"),
        username="",
        date=datetime.now(UTC).isoformat(),
        version="5.3",
    )
    envelope = Envelope(
        identities=(),
        header=header,
        parent_header=None,
        metadata={},
        content=content or {},  # type: ignore[arg-type]  # any value, to see it refused
        buffers=(),
    )
    return Request(Channel.SHELL, envelope)


def test_an_engine_that_is_ended_by_force_leaves_no_file_of_its_heart() -> None:
    """There is none to remove, whether the heart beats or not."""
    heart = Heart("tcp://127.0.0.1:9", "tcp://127.0.0.1:9", b"engine", None)

    heart.remove_file()
    heart.beat()
    heart.remove_file()

    heart.close()
