"""The text stream alone, over a log that the test alone empties."""

from __future__ import annotations

import codecs
import os
import select
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any, NamedTuple, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.kernel._request import Request
from assay.kernel.lanes._host import _Held as Held
from assay.kernel.output import _descriptors, _reserve
from assay.kernel.output._descriptors import (
    PIPE_BYTES,
    READ_BYTES,
    DescriptorCapture,
    _Captured,
)
from assay.kernel.output._iopub import Output
from assay.kernel.output._parents import Parents
from assay.kernel.output._streams import OutputStream
from assay.kernel.process._interrupts import Interrupts
from assay.protocol import Channel, Envelope, MsgId, Session, SessionId, StreamName, encode_json
from assay.protocol.wire._session import read_header
from assay.transport import PART_ROOM, RUN_ROOM, OutboundLog, Run
from assay.transport import _log as log_module
from assay.transport._frames import size_of
from assay.transport._log import Outgoing
from assay.transport._text import Text
from tests.moments import struck


class Quiet:
    """Descriptors that are not written to, but where a test says so."""

    reading = False
    read: Callable[[], object] | None = None
    """Publishes what waits, if something does."""
    meanwhile: Callable[[], object] | None = None
    """Called once while a thread looks at them."""

    def written_to(self, _: float, __: int) -> list[tuple[int, int]]:
        """Return that nothing waits."""
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return [] if self.read is None else [(1, 1)]

    def catch_up(self) -> None:
        """Read what waits."""
        if self.read is not None:
            read, self.read = self.read, None
            read()


class Fixture:
    """A stream in a request, and its log."""

    def __init__(self) -> None:
        self.log = OutboundLog(lambda: None)
        self.parents = Parents()
        session = Session(
            b"",
            session=SessionId("s"),
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
            new_id=lambda: MsgId("m"),
        )
        self.output = output = Output(self.log, session, self.parents, lambda kind: kind.encode())
        self.descriptors = Quiet()
        capture = cast(DescriptorCapture, self.descriptors)
        self.stream = OutputStream(StreamName.STDOUT, output, capture, self.log, self.parents)

    def enter(self, name: str) -> None:
        """Begin the request *name*."""
        envelope = Envelope(
            identities=(),
            header=read_header(encode_json({"msg_id": name, "msg_type": "execute_request"})),
            parent_header=None,
            metadata={},
            content={},
            buffers=(),
        )
        self.request = request = Request(Channel.SHELL, envelope)
        self.parents.enter(request)  # another thread's may be `self.request` by now

    def join(self) -> None:
        """Let the caller's thread belong to the request that began last."""
        self.parents.enter(self.request)

    def said(self) -> str:
        """Return the text in the log, and empty it."""
        return "".join("".join(entry.parts) for entry in self.log.take())  # type: ignore[union-attr]


@pytest.fixture
def here() -> Fixture:
    """A stream in a request."""
    fixture = Fixture()
    fixture.enter("first")
    return fixture


def test_text_is_said_once_in_order(here: Fixture) -> None:
    """However long the texts are and however many, all are sent, and none twice."""
    texts = [str(n) for n in range(2 * RUN_ROOM // PART_ROOM)]
    texts[10], texts[20], texts[30] = "x" * RUN_ROOM, "", "y" * (RUN_ROOM - 1)

    lengths = [here.stream.write(text) for text in texts]

    assert here.said() == "".join(texts)
    assert lengths == [len(text) for text in texts]


class Pretending(str):
    """A text whose methods say something else than it holds."""

    __slots__ = ()

    def __len__(self) -> int:
        return 0

    def __str__(self) -> str:
        return "what it shows"

    def endswith(self, *_: object) -> bool:
        """Pretend to be the end of a line."""
        return True


def test_text_of_a_subclass_is_what_it_holds(here: Fixture) -> None:
    """As with Python's own streams, and however its class counts it."""
    length = here.stream.write(Pretending("held"))
    here.stream.write("\n")
    print(Pretending("held"), file=here.stream)

    assert length == len("held")
    assert here.said() == "held\nwhat it shows\n"


def test_text_is_said_once_while_it_is_taken(here: Fixture) -> None:
    """Text that is written between two takings is in the second."""
    for n in range(3 * RUN_ROOM // PART_ROOM):
        here.stream.write(f"{n},")
        if n % 7 == 0:
            assert here.said().endswith(f"{n},")


def test_text_of_threads_belongs_to_their_requests(here: Fixture) -> None:
    """Two threads of two requests write at once: each text has the parent of its own."""

    def other() -> None:
        here.enter("second")
        here.stream.write("second")

    def write_in_thread() -> None:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    here.stream.write("first,")
    here.descriptors.meanwhile = write_in_thread
    here.stream.write("first")

    texts: dict[str, str] = {}
    for entry in here.log.take():
        assert isinstance(entry, Text)
        name = b"first" if b"first" in entry.parent else b"second"
        texts[name.decode()] = texts.get(name.decode(), "") + "".join(entry.parts)
    assert texts == {"first": "first,first", "second": "second"}


def test_line_of_a_thread_is_its_own(here: Fixture) -> None:
    """Another thread of the same request that writes in the middle of a line does not go on in
    its run."""

    def other() -> None:
        here.join()
        here.stream.write("b")

    here.stream.write("a")
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    here.stream.write("\n")

    assert here.said() == "a\nb"


def test_text_stands_behind_what_is_read_just_before(here: Fixture) -> None:
    """What the I/O thread has read and put into the log while a writer looks whether anything
    waits stands before the writer's text (IOPUB-27)."""
    here.stream.write("a")
    here.descriptors.meanwhile = lambda: here.output.write_captured(StreamName.STDOUT, "C")
    here.stream.write("b")

    assert here.said() == "aCb"


def test_descriptors_are_read_first(here: Fixture) -> None:
    """What C code or a child has written stands before what is written afterwards (IOPUB-27)."""
    here.stream.write("a")
    here.descriptors.read = lambda: here.output.write_captured(StreamName.STDOUT, "C")
    here.stream.write("b")

    assert here.said() == "aCb"


def test_run_grows_so_far(here: Fixture) -> None:
    """A program that writes and writes makes runs of a bounded size."""
    text = "x" * 100 + "\n"
    for _ in range(3 * RUN_ROOM // len(text)):
        here.stream.write(text)

    assert max(held(entry) for entry in here.log._entries) <= RUN_ROOM + len(text)


class Endless:
    """A descriptor to which a child never stops writing."""

    name = StreamName.STDOUT
    read_end = 77
    decoder = codecs.getincrementaldecoder("utf-8")()

    def read(self, _may_wait: bool, /) -> bytes:
        """Return what is there at any time."""
        return b"more\n"


def test_reading_ends_though_there_is_always_more(
    here: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read before a cell's end is bounded, and is all that a full pipe holds (SHELL-05)."""
    capture = DescriptorCapture(here.output)
    monkeypatch.setattr(capture, "_captured", (Endless(),))
    monkeypatch.setattr(capture, "written_to", lambda *_: [(Endless.read_end, select.POLLIN)])
    capture.drain()

    assert PIPE_BYTES // READ_BYTES <= here.said().count("more") <= 2 * PIPE_BYTES // READ_BYTES


class InPieces:
    """A descriptor from which little comes at a time."""

    name = StreamName.STDOUT
    read_end = 77

    def __init__(self, *pieces: bytes) -> None:
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.pieces = deque(pieces)
        self.waits: list[bool] = []

    def written_to(self, *_: object) -> list[tuple[int, int]]:
        """Return that it is readable until all has been read."""
        return [(self.read_end, select.POLLIN)] if self.pieces else []

    def read(self, may_wait: bool, /) -> bytes:
        """Return the next piece."""
        self.waits.append(may_wait)
        return self.pieces.popleft()


def test_reading_goes_on_behind_half_a_character(
    here: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piece that ends in the middle of its only character is not the last one (IOPUB-27)."""
    capture = DescriptorCapture(here.output)
    pieces = InPieces(*(bytes([byte]) for byte in "é€!".encode()))
    monkeypatch.setattr(capture, "_captured", (pieces,))
    monkeypatch.setattr(capture, "written_to", pieces.written_to)
    capture.drain()

    assert here.said() == "é€!"


def test_io_thread_waits_for_no_other_process(
    here: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has sockets to serve, and comes again; what reads before it prints waits."""
    capture = DescriptorCapture(here.output)
    pieces = InPieces(b"a", b"b")
    monkeypatch.setattr(capture, "_captured", (pieces,))
    monkeypatch.setattr(capture, "written_to", pieces.written_to)
    capture.read_some()
    capture.drain()

    assert pieces.waits == [False, True]


@pytest.fixture
def captured() -> Iterator[_Captured]:
    """A descriptor that is caught."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    captured = _Captured(StreamName.STDOUT, descriptor)
    yield captured
    captured.restore()
    os.close(descriptor)


PIECE_BYTES = 4096
"""More than one is read, and both fit into any system's pipe."""


def test_interrupt_loses_nothing_that_was_read(
    here: Fixture, captured: _Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever one strikes code that reads before it prints, what was written is shown, once."""
    capture = DescriptorCapture(here.output)
    monkeypatch.setattr(capture, "_captured", (captured,))
    monkeypatch.setattr(_descriptors, "READ_BYTES", PIECE_BYTES)
    capture._readiness.register(captured.read_end, select.POLLIN)
    interrupts = Interrupts()
    monkeypatch.setattr(capture, "uninterrupted", partial(Held, interrupts))
    interrupts.install()
    strike = partial(signal.raise_signal, signal.SIGINT)
    text = "first," + "x" * PIECE_BYTES + ",last\n"
    try:
        for place in count():
            os.write(captured.writer, text.encode())
            has_fewer = False
            with suppress(KeyboardInterrupt), interrupts.allowed():
                has_fewer = struck(capture.drain, place, strike)
            capture.drain()
            assert (here.said() == text) is True, place
            if has_fewer:
                break
    finally:
        interrupts.restore()


def test_thread_that_starts_the_reserve_may_print(
    here: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finalizer that runs meanwhile and prints does not wait for its own thread."""
    capture = DescriptorCapture(here.output)
    drained: list[str] = []

    def start_reserve(_pipes: object) -> None:
        capture.drain()
        drained.append("meanwhile")
        raise OSError("no more processes")

    monkeypatch.setattr(_reserve, "Reserve", start_reserve)
    capture.keep_reserve(lambda _descriptor, _call: None)
    monkeypatch.setattr(capture, "_read_each", lambda **_: drained.append("afterwards"))
    capture.drain()

    assert drained == ["meanwhile", "afterwards"]


@pytest.mark.parametrize("end", ["", "\n"])
def test_what_is_recorded_is_what_is_written(here: Fixture, end: str) -> None:
    """A record begins and ends in the middle of a run, and of a line or behind it."""
    here.stream.write(f"a{end}")
    texts: list[str] = []
    with here.stream.recording(texts.extend):
        for letter in "bcd":
            here.stream.write(f"{letter}{end}")
    here.stream.write(f"e{end}")

    assert "".join(texts) == "".join(f"{letter}{end}" for letter in "bcd")
    assert here.said() == "".join(f"{letter}{end}" for letter in "abcde")


def test_a_recording_that_an_interrupt_has_kept_from_its_end_ends(here: Fixture) -> None:
    """What enters a block and is dropped before its end, records no more."""
    outer: list[str] = []
    inner: list[str] = []
    with here.stream.recording(outer.extend):
        recording = here.stream.recording(inner.extend)
        recording.__enter__()
        here.stream.write("a")
        del recording
        here.stream.write("b")

    assert (outer, inner, here.said()) == (["a", "b"], [], "ab")


class Stubborn:
    """Something like an array, which is neither equal to a text nor unequal."""

    def __eq__(self, _: object) -> bool:
        raise ValueError("ambiguous")

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("text", [b"bytes", b"", None, 3, Stubborn()])
def test_what_is_no_text_is_refused(here: Fixture, text: object) -> None:
    """As for any text stream, in the middle of a run too."""
    here.stream.write("a")
    with pytest.raises(TypeError) as caught:
        here.stream.write(text)  # type: ignore[arg-type]

    assert type(text).__name__ in str(caught.value)


def test_closed_stream_refuses(here: Fixture) -> None:
    """A closed stream takes no more, in the middle of a run too."""
    here.stream.write("a")
    here.stream.close()
    with pytest.raises(ValueError, match="closed"):
        here.stream.write("b")


def test_text_that_an_interrupt_kept_back_is_said_at_the_end(here: Fixture) -> None:
    """Wherever an interrupt strikes, and the I/O thread with it, no text waits for the next one."""
    for place in count():
        here.stream.write("a")
        finished = taken_and_interrupted(here, lambda: here.stream.write("b"), place)
        here.stream.catch_up()
        here.said()

        here.stream.write("c")
        assert here.said() == "c"
        if finished:
            return


def taken_and_interrupted(here: Fixture, function: Callable[[], object], place: int) -> bool:
    """Call *function* with an interrupt at its *place*-th chance; True if it has fewer.

    Before each function that is written in C, the log is emptied.
    """

    def interrupt() -> None:
        raise KeyboardInterrupt

    try:
        return struck(function, place, interrupt, before_c=here.said)
    except KeyboardInterrupt:
        return False


def test_run_ends_though_threads_write_at_once(here: Fixture) -> None:
    """Another thread that writes while one looks at the descriptors makes no run endless."""
    text = "x" * 100 + "\n"

    def other() -> None:
        here.join()
        here.stream.write(text)

    def write_in_thread() -> None:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    for _ in range(3 * RUN_ROOM // len(text)):
        here.descriptors.meanwhile = write_in_thread
        here.stream.write(text)

    assert max(held(entry) for entry in here.log._entries) <= 2 * RUN_ROOM


def held(entry: object) -> int:
    """Return the characters in an entry of the log."""
    return sum(map(len, entry.parts)) if isinstance(entry, Run) else 0


class Taker:
    """Takes what a log holds, as the I/O thread does, and measures it before."""

    def __init__(self, here: Fixture) -> None:
        self.log = here.log
        self.texts: list[tuple[bytes, str]] = []
        self.peak = 0

    def take(self, *, patient: bool) -> None:
        """Take once."""
        self.peak = max(self.peak, sum(map(memory, [*self.log._entries])))
        for entry in self.log.take(patient=patient):
            if isinstance(entry, Text):
                self.texts.append((entry.parent, "".join(entry.parts)))

    def take_while(self, threads: list[threading.Thread]) -> None:
        """Take until *threads* have ended, which are started and forced to switch."""
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        self.log.owner = threading.get_ident()
        try:
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                self.take(patient=True)
                # A line that is never finished is waited for, but not for ever.
                if self.log.open_line() is not None and self.log._gates:
                    self.take(patient=False)
        finally:
            sys.setswitchinterval(interval)
        self.take(patient=False)


def memory(entry: object) -> int:
    """Return what an entry of the log takes in memory."""
    if isinstance(entry, Run):
        return sum(map(sys.getsizeof, list(entry.parts)))
    return size_of(entry.frames) if isinstance(entry, Outgoing) else 0


def test_lines_of_threads_stay_whole(here: Fixture) -> None:
    """What one call of `print` writes stays together, with many threads forced to switch."""
    count, threads = 300, 6

    def work(number: int) -> None:
        here.join()
        for line in range(count):
            print("thread", number, "line", line, file=here.stream)

    taker = Taker(here)
    taker.take_while([threading.Thread(target=work, args=[n]) for n in range(threads)])

    lines = "".join(text for _, text in taker.texts).splitlines()
    wanted = [f"thread {n} line {line}" for n in range(threads) for line in range(count)]
    assert sorted(lines) == sorted(wanted)


class Between:
    """While it becomes text, another thread prints a line."""

    def __init__(self, fixture: Fixture) -> None:
        self._fixture = fixture

    def _print(self) -> None:
        self._fixture.join()
        print("of another", file=self._fixture.stream)

    def __str__(self) -> str:
        thread = threading.Thread(target=self._print)
        thread.start()
        thread.join()
        return "e"


def _with_options(here: Fixture, between: Between) -> None:
    options: dict[str, Any] = {"sep": ""}
    print("lin", between, file=here.stream, sep="", end="\n")
    print("lin", between, file=here.stream, **options)


def _by_write(here: Fixture, between: Between) -> None:
    here.stream.write("lin")
    here.stream.write("")
    here.stream.write(str(between))
    here.stream.write("\n")


def _in_turn(here: Fixture, between: Between) -> None:
    for _ in range(2):
        print("lin", between, sep="", file=here.stream)
        print("lin", end="", file=here.stream)
        print(between, file=here.stream)


EMPTY: dict[str, tuple[Callable[[Fixture, Between], object], list[str]]] = {
    "no separator": (
        lambda here, between: print("lin", between, sep="", file=here.stream),
        ["line", "of another"],
    ),
    "an empty argument": (
        lambda here, between: print("lin", between, sep="", file=here.stream),
        ["line", "of another"],
    ),
    "an end that is not empty": (
        lambda here, between: print("lin", between, sep="", end="\n", file=here.stream),
        ["line", "of another"],
    ),
    "an empty write": (_by_write, ["line", "of another"]),
    "an empty end": (
        lambda here, between: (
            print("lin", end="", file=here.stream),
            print(between, file=here.stream),
        ),
        ["linof another", "e"],
    ),
    "one and the other in turn": (_in_turn, 2 * ["line", "of another", "linof another", "e"]),
    "who knows which end": (_with_options, ["line", "of another", "linof another", "e"]),
}


@pytest.mark.parametrize("kind", EMPTY)
def test_an_empty_text_parts_a_line_only_as_the_end(here: Fixture, kind: str) -> None:
    """What another thread prints in the middle of one call stands behind its line."""
    call, wanted = EMPTY[kind]
    call(here, Between(here))

    assert here.said().splitlines() == wanted


def test_calls_without_a_source_may_end_a_line(here: Fixture) -> None:
    """Then an empty text is taken for the end."""
    code = compile("print('lin', between, sep='', file=stream)", "no such file", "exec")
    exec(code, {"between": Between(here), "stream": here.stream})

    assert here.said().splitlines() == ["linof another", "e"]


def test_order_of_one_thread_is_kept_between_streams(here: Fixture) -> None:
    """The end of a line comes behind what its thread has written to the other stream since."""
    capture = cast(DescriptorCapture, here.descriptors)
    other = OutputStream(StreamName.STDERR, here.output, capture, here.log, here.parents)

    here.stream.write("a")
    other.write("b")
    here.stream.write("\n")

    found = [(e.name, "".join(e.parts)) for e in here.log.take() if isinstance(e, Text)]
    assert found == [("stdout", "a"), ("stderr", "b"), ("stdout", "\n")]


@pytest.mark.parametrize("part", ["flush", "empty"])
def test_flushed_text_waits_for_nothing(here: Fixture, part: str) -> None:
    """A prompt that is flushed, or printed without an end, is taken at once."""
    if part == "flush":
        here.stream.write("50 %")
        here.stream.flush()
    else:
        print("50 %", end="", file=here.stream)

    texts = ["".join(e.parts) for e in here.log.take(patient=True) if isinstance(e, Text)]
    assert texts == ["50 %"]


BIG = 16 * 1024


def test_writers_wait_between_lines(here: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that print more than is taken wait when they have ended a line, not within it."""
    monkeypatch.setattr(log_module, "MAX_BYTES", 100_000)
    monkeypatch.setattr(log_module, "LINE_BYTES", 50_000)
    ended = threading.Event()

    def work(number: int) -> None:
        here.enter(f"thread-{number}")
        while not ended.is_set():
            print("x" * 1_000, file=here.stream)

    threads = [threading.Thread(target=work, args=[n], daemon=True) for n in range(3)]
    for thread in threads:
        thread.start()
    while len(here.log._gates) < len(threads):
        assert all(thread.is_alive() for thread in threads)
    texts = ["".join(run.parts) for run in here.log._entries if isinstance(run, Run)]
    ended.set()
    here.log.close()
    for thread in threads:
        thread.join()

    assert all(text.endswith("\n") for text in texts)


class Piece(NamedTuple):
    """A text, by few words: Hypothesis shows those with which a test fails."""

    letter: str
    size: int
    end: str

    @property
    def text(self) -> str:
        """The text itself."""
        return self.letter * self.size + self.end


pieces = st.one_of(
    st.builds(
        Piece,
        st.sampled_from("l\u00e9\u4e2d\U0001f40d"),
        st.one_of(st.integers(1, 60), st.sampled_from([1_000, 3_000, BIG - 1, BIG])),
        st.sampled_from(["", "\n"]),
    ),
    st.integers(1, 3_000),  # bytes of a display
)


@settings(max_examples=25, deadline=None)
@given(plans=st.lists(st.lists(pieces, max_size=40), min_size=1, max_size=4))
def test_held_is_bounded_for_any_mix(plans: list[list[Piece | int]]) -> None:
    """Texts of all sizes and displays of any threads arrive once and in order, and never more is
    held than the bound allows."""
    here = Fixture()
    here.enter("first")

    def work(number: int) -> None:
        here.enter(f"thread-{number}")
        for piece in plans[number] * 4:
            if isinstance(piece, Piece):
                here.stream.write(piece.text)
            else:
                here.log.post(Channel.IOPUB, [bytes(piece)])

    taker = Taker(here)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_module, "MAX_BYTES", 100_000)
        patch.setattr(log_module, "LINE_BYTES", 50_000)
        threads = [threading.Thread(target=work, args=[n]) for n in range(len(plans))]
        taker.take_while(threads)

    for number, plan in enumerate(plans):
        name = f'"thread-{number}"'.encode()
        text = "".join(text for parent, text in taker.texts if name in parent)
        assert text == "".join(piece.text for piece in plan * 4 if isinstance(piece, Piece))
    # On top of the bound: one text for each thread, and the run that grows.
    assert taker.peak <= 150_000 + (len(plans) + 1) * (4 * BIG + 100) + 5 * RUN_ROOM
