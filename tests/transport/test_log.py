"""The outbound log: order, room, and no wake-up too few."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from typing import ClassVar, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.protocol import Buffer, Channel, StreamName
from assay.transport import PART_ROOM, RUN_ROOM, OutboundLog, Run, When
from assay.transport import _log as log_module
from assay.transport._log import Outgoing
from assay.transport._text import LINE_PARTS, MAX_TEXT, RUN_BYTES, Text
from tests.limits import HANG_LIMIT_S
from tests.moments import struck

FRAMES: list[Buffer] = [b"topic", b"content"]

BIG = 16 * 1024
"""Characters of a text of which a log of the size used here holds only some."""

Said: TypeAlias = "tuple[StreamName, bytes, str] | bytes"
"""A text with its stream and parent, or a message."""


class Writer:
    """A stream as the kernel has it: its run grows while nothing else is written."""

    def __init__(self, log: OutboundLog) -> None:
        self.log = log
        self.run: Run | None = None
        self.room = 0

    def write(self, name: StreamName, parent: bytes, text: str) -> None:
        """Write *text* the quick way if that may be done."""
        run = self.run
        if (
            run is not None
            and run.thread == threading.get_ident()
            and run is self.log.newest
            and (run.name, run.parent) == (name, parent)
            and self.room >= len(text)
        ):
            run.append(text)
            self.room -= len(text) + PART_ROOM
            if run.is_settled:
                self.log.attend(run)
        else:
            self.run = self.log.write(name, parent, text)
            if self.run is not run:
                self.room = RUN_ROOM - len(text)


def nothing() -> None:
    """Be woken."""


def taken(log: OutboundLog, *, patient: bool = False) -> list[Said]:
    """Return all that waits, each text in one piece with those that follow it."""
    found: list[Said] = []
    for entry in log.take(patient=patient):
        if isinstance(entry, Text):
            for text in entry.messages():
                assert 0 < len(text) <= MAX_TEXT
                found.append((entry.name, entry.parent, text))
        elif isinstance(entry, Outgoing):
            found.append(bytes(entry.frames[0]))
        else:
            entry()
    return found


def joined(said: list[Said]) -> list[Said]:
    """Return *said* with adjacent texts of one stream and parent put together."""
    found: list[Said] = []
    for one in said:
        last = found[-1] if found else b""
        if isinstance(one, tuple) and isinstance(last, tuple) and last[:2] == one[:2]:
            found[-1] = (*one[:2], last[2] + one[2])
        else:
            found.append(one)
    return found


texts = st.tuples(
    st.sampled_from(StreamName),
    st.sampled_from([b"{}", b'{"msg_id":"1"}']),
    st.text(min_size=1) | st.sampled_from(["\n", "x" * BIG, "y" * (MAX_TEXT + 1)]),
)
messages = st.binary(min_size=1, max_size=4)
TAKE = None
steps = st.lists(texts | messages | st.just(TAKE), max_size=60)


OUT, ERR = StreamName.STDOUT, StreamName.STDERR
ONE, TWO = b'{"msg_id":"1"}', b'{"msg_id":"2"}'
WALK: list[Said | None] = [
    *[(OUT, ONE, "a"), (OUT, ONE, "b"), (ERR, ONE, "c"), (OUT, ONE, "d"), (OUT, TWO, "e")],
    *[b"m", (OUT, TWO, "f"), b"n", (OUT, TWO, "g\n"), TAKE, (OUT, TWO, "h"), TAKE],
    *[(OUT, ONE, "xyz" * MAX_TEXT), (OUT, ONE, "i"), b"o", (OUT, ONE, "y" * RUN_ROOM), TAKE],
]
"""Each way that text and messages can follow each other, of two streams and two requests."""


class TestOrder:
    """What is written is taken, in order."""

    @given(steps=steps)
    def test_nothing_lost(self, steps: list[Said | None]) -> None:
        """Whenever it is taken, each text and message comes once, in order and under its parent."""
        self.check(steps)

    def test_each_way(self) -> None:
        """So it is in each way that two of them can follow each other."""
        self.check(WALK)

    def check(self, steps: list[Said | None]) -> None:
        """Check that what is written and posted by *steps* is taken."""
        log = OutboundLog(nothing)
        writer = Writer(log)
        found: list[Said] = []
        for step in steps:
            match step:
                case None:
                    found.extend(taken(log))
                case bytes():
                    log.post(Channel.IOPUB, [step])
                case _:
                    writer.write(*step)
        found.extend(taken(log))

        assert joined(found) == joined([step for step in steps if step is not None])
        assert len(log) == 0

    def test_adjacent_texts(self) -> None:
        """Texts of one stream and request that wait together are one message."""
        log = OutboundLog(nothing)
        for text in ("a", "b\n", "c"):
            log.write(OUT, ONE, text)

        assert taken(log) == [(OUT, ONE, "ab\nc")]

    @given(said=st.lists(texts, min_size=1))
    def test_few_messages(self, said: list[tuple[StreamName, bytes, str]]) -> None:
        """Texts that wait together make no more messages than they must."""
        log = OutboundLog(nothing)
        for name, parent, text in said:
            log.write(name, parent, text)
        found = taken(log)

        wanted = [one for one in joined([*said]) if isinstance(one, tuple)]
        assert len(found) == sum(-(-len(text) // MAX_TEXT) for _, _, text in wanted)

    def test_threads(self) -> None:
        """Many writers lose nothing while it is taken, and each keeps its own order."""
        sys_interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        log = OutboundLog(nothing)
        count, writers = 3_000, 4

        def write(number: int) -> None:
            writer = Writer(log)
            for i in range(count):
                writer.write(StreamName.STDOUT, b"%d" % number, f"{i},")
                if i % 100 == 0:
                    log.post(Channel.IOPUB, [b"%d:%d" % (number, i)])

        threads = [threading.Thread(target=write, args=[n]) for n in range(writers)]
        found: list[Said] = []
        try:
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                found.extend(taken(log))
        finally:
            sys.setswitchinterval(sys_interval)
        found.extend(taken(log))

        for n in range(writers):
            own = b"%d" % n
            mine = [one for one in found if isinstance(one, tuple) and one[1] == own]
            assert "".join(text for _, _, text in mine) == "".join(f"{i}," for i in range(count))

    def test_shared_stream(self) -> None:
        """Two threads that grow the same run lose nothing while it is taken."""
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        log = OutboundLog(nothing)
        writer = Writer(log)

        def write(letter: str) -> None:
            for _ in range(20_000):
                writer.write(StreamName.STDOUT, b"{}", letter)

        threads = [threading.Thread(target=write, args=[letter]) for letter in "ab"]
        found: list[Said] = []
        try:
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                found.extend(taken(log))
        finally:
            sys.setswitchinterval(interval)
        found.extend(taken(log))

        text = "".join(one[2] for one in found if isinstance(one, tuple))
        assert (text.count("a"), text.count("b")) == (20_000, 20_000)

    def test_late_text(self) -> None:
        """A text that is appended to a run just when that has been taken is taken next."""
        log = OutboundLog(nothing)
        run = log.write(OUT, ONE, "a")
        assert taken(log) == [(OUT, ONE, "a")]
        run.append("b")
        assert run.is_settled
        log.attend(run)

        assert taken(log) == [(OUT, ONE, "b")]

    def test_text_that_nobody_attends_to(self) -> None:
        """A text that is appended to a run that others have appended behind stands in its place."""
        log = OutboundLog(nothing)
        run = log.write(OUT, ONE, "a")
        log.post(Channel.IOPUB, [b"m"])
        before = log.held_bytes
        run.append("b" * 1_000)
        log.attend(run)

        assert log.held_bytes >= before + 1_000
        assert taken(log) == [(OUT, ONE, "a" + "b" * 1_000), b"m"]

    def test_call(self) -> None:
        """A function is called when all before it has been taken, and nothing behind it."""
        log = OutboundLog(nothing)
        found: list[Said] = []
        seen: list[int] = []
        log.post(Channel.SHELL, [b"before"])
        log.call(lambda: seen.append(len(found)))
        log.post(Channel.SHELL, [b"behind"])
        for entry in log.take():
            if isinstance(entry, Outgoing):
                found.append(b"")
            else:
                assert not isinstance(entry, Text)
                entry()

        assert seen == [1]

    def test_said_meanwhile(self) -> None:
        """What is written while it is taken waits for the next time."""
        log = OutboundLog(nothing)
        log.call(lambda: log.post(Channel.SHELL, [b"answer"]))

        assert taken(log) == []
        assert log.urgent
        assert taken(log) == [b"answer"]


class TestFrames:
    """A message says what was true when it was posted."""

    def test_mutable(self) -> None:
        """Later changes to a buffer change nothing."""
        log = OutboundLog(nothing)
        data = bytearray(b"before")
        log.post(Channel.IOPUB, [data, memoryview(data), memoryview(data).toreadonly()])
        data[:] = b"behind"
        (entry,) = log.take()

        assert isinstance(entry, Outgoing)
        assert [bytes(frame) for frame in entry.frames] == [b"before"] * 3

    def test_immutable(self) -> None:
        """What cannot change is not copied."""
        log = OutboundLog(nothing)
        data = b"x" * 100_000
        view = memoryview(data)
        log.post(Channel.IOPUB, [data, view])
        (entry,) = log.take()

        assert isinstance(entry, Outgoing)
        assert entry.frames[0] is data
        assert entry.frames[1] is view


class Woken:
    """Counts, and can do something in the middle of waking."""

    def __init__(self) -> None:
        self.count = 0
        self.meanwhile: Callable[[], None] = nothing

    def __call__(self) -> None:
        """Be woken."""
        self.count += 1
        self.meanwhile()


class TestWaking:
    """What a thread has written arrives."""

    def test_once(self) -> None:
        """Until the wake-up has arrived, one is enough."""
        woken = Woken()
        log = OutboundLog(woken)
        for _ in range(3):
            log.post(Channel.SHELL, FRAMES)
        assert woken.count == 1
        log.wakeup_received()
        log.post(Channel.SHELL, FRAMES)

        assert woken.count == 2

    @pytest.mark.parametrize("kind", ["message", "text", "call"])
    def test_taken_before_waking(self, kind: str) -> None:
        """An entry that is taken before its writer has woken anybody costs no later wake-up."""
        woken = Woken()
        log = OutboundLog(woken)
        ways: dict[str, Callable[[], object]] = {
            "message": lambda: log.post(Channel.SHELL, FRAMES),
            "text": lambda: log.write(StreamName.STDOUT, b"{}", "x"),
            "call": lambda: log.call(nothing),
        }
        said = ways[kind]
        # The writer loses its turn between appending and waking, and the entry is taken.
        woken.meanwhile = lambda: list(log.take()).clear()
        said()
        woken.meanwhile = nothing
        # The wake-up arrives and finds nothing to take.
        log.wakeup_received()
        assert len(log) == 0
        said()

        assert woken.count == 2

    def test_function(self) -> None:
        """A function that is to be called wakes at once, whichever thread is going to look."""
        woken = Woken()
        log = OutboundLog(woken)
        log.expected = True
        log.call(nothing)

        assert (woken.count, log.urgent) == (1, True)

    def test_resting_text(self) -> None:
        """Text wakes no thread while the I/O thread is going to look, and is then reported."""
        woken = Woken()
        log = OutboundLog(woken)
        log.mute_text_wakeups()
        log.write(StreamName.STDOUT, b"{}", "x")
        assert woken.count == 0

        assert log.unmute_text_wakeups()
        list(log.take())
        assert not log.unmute_text_wakeups()

    def test_busy_expected(self) -> None:
        """A message that may wait wakes no thread if the I/O thread is going to look."""
        woken = Woken()
        log = OutboundLog(woken)
        log.expected = True
        log.post(Channel.IOPUB, FRAMES, When.WITH_NEXT)

        assert woken.count == 0
        assert not log.urgent

    def test_display_expected(self) -> None:
        """Nor does a display, and the I/O thread learns that more may come."""
        woken = Woken()
        log = OutboundLog(woken)
        log.expected = True
        log.post(Channel.IOPUB, FRAMES, When.SOON)

        assert woken.count == 0
        assert log.shows_more

    def test_display_unexpected(self) -> None:
        """An unexpected display is as urgent as a reply."""
        woken = Woken()
        log = OutboundLog(woken)
        log.post(Channel.IOPUB, FRAMES, When.SOON)

        assert woken.count == 1
        assert log.urgent

    def test_nothing_more_is_shown_behind_idle(self) -> None:
        """Behind what must leave at once the I/O thread need not look again."""
        log = OutboundLog(Woken())
        log.post(Channel.IOPUB, FRAMES, When.SOON)
        log.post(Channel.IOPUB, FRAMES)

        assert not log.shows_more

    def test_idle_before_another_request(self) -> None:
        """It leaves at once, and the I/O thread learns that more comes, also behind a busy."""
        woken = Woken()
        log = OutboundLog(woken)
        log.post(Channel.IOPUB, FRAMES, When.NOW_AND_MORE)
        log.post(Channel.IOPUB, FRAMES, When.WITH_NEXT)

        assert woken.count == 1
        assert log.urgent
        assert log.shows_more

    def test_busy_unexpected(self) -> None:
        """A message that may wait wakes the I/O thread if it is not: no more may follow."""
        woken = Woken()
        log = OutboundLog(woken)
        log.post(Channel.IOPUB, FRAMES, When.WITH_NEXT)

        assert woken.count == 1

    def test_reply(self) -> None:
        """A reply that is followed by idle leaves the waking to it."""
        woken = Woken()
        log = OutboundLog(woken)
        log.post(Channel.SHELL, FRAMES, When.WITH_NEXT)

        assert woken.count == 0


SMALL_BYTES = 4 * BIG
"""For a log that is full soon."""


class TestRoom:
    """Who writes faster than others read waits."""

    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(log_module, "MAX_BYTES", SMALL_BYTES)

    def written(self, log: OutboundLog, write: Callable[[], object], bound: int) -> None:
        """Check that a thread that calls *write* for ever stops at *bound*, and goes on."""
        woken = threading.Semaphore(0)
        ended = threading.Event()

        def work() -> None:
            while not ended.is_set():
                write()

        log._wake = woken.release
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        for _ in range(20):
            # Who waits has woken us first.
            assert woken.acquire(timeout=HANG_LIMIT_S)
            while not log._gates:
                assert thread.is_alive()
            assert len(log) <= bound
            log.wakeup_received()
            list(log.take())
            log.mute_text_wakeups()
            while log._gates and not len(log):
                assert thread.is_alive()
        ended.set()
        log.close()
        thread.join(HANG_LIMIT_S)
        assert not thread.is_alive()

    def test_texts(self) -> None:
        """Many texts wait for room."""
        log = OutboundLog(nothing)
        lines = SMALL_BYTES // RUN_BYTES
        self.written(log, lambda: log.write(StreamName.STDOUT, b"{}", "x\n"), lines)

    def test_big_texts(self) -> None:
        """Few big texts wait for room."""
        log = OutboundLog(nothing)
        text = "x" * BIG + "\n"
        self.written(log, lambda: log.write(StreamName.STDOUT, b"{}", text), 4)

    def test_displays(self) -> None:
        """Messages on IOPub wait for room."""
        log = OutboundLog(nothing)
        self.written(
            log, lambda: log.post(Channel.IOPUB, FRAMES), SMALL_BYTES // log_module.MESSAGE_BYTES
        )

    def test_held(self) -> None:
        """A writer waits while the subscribers are behind, and is released."""
        log = OutboundLog(nothing)
        log.hold(True)
        thread = threading.Thread(target=log.post, args=[Channel.IOPUB, FRAMES], daemon=True)
        thread.start()
        while not log._gates:
            assert thread.is_alive()
        log.hold(False)
        thread.join(HANG_LIMIT_S)

        assert not thread.is_alive()

    def test_reply(self) -> None:
        """Replies never wait."""
        log = OutboundLog(nothing)
        log.hold(True)

        def post() -> None:
            for _ in range(100):
                log.post(Channel.SHELL, FRAMES)

        thread = threading.Thread(target=post, daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                assert not log._gates
        finally:
            log.hold(False)
            thread.join(HANG_LIMIT_S)

        assert len(log) == 100

    def test_owner(self) -> None:
        """The thread that takes never waits for itself."""
        log = OutboundLog(nothing)
        log.owner = threading.get_ident()
        log.hold(True)
        for _ in range(100):
            log.write(StreamName.STDOUT, b"{}", "x")
            log.post(Channel.IOPUB, FRAMES)

        assert len(log) == 200

    def test_closed(self) -> None:
        """When nothing is taken any more, no thread waits, and nothing piles up."""
        log = OutboundLog(nothing)
        log.close()
        for _ in range(1_000):
            log.write(StreamName.STDOUT, b"{}", "x\n")

        assert len(log) <= SMALL_BYTES // RUN_BYTES


class TakenOnceCounted(list[str]):
    """Texts that are taken as soon as they have been counted, by another thread as it were."""

    def __len__(self) -> int:
        count = super().__len__()
        self.clear()
        return count


def test_line_that_is_taken_meanwhile() -> None:
    """A line that is taken while its writer looks at it does not go on."""
    run = Run(OUT, ONE)
    run.parts = TakenOnceCounted(["a line"])

    assert not run.is_mid_line


def test_text_weighs_what_it_holds() -> None:
    """A part that is being divided counts whole until its last message is made."""
    whole = "x" * (2 * MAX_TEXT + 1)
    text = Text(StreamName.STDOUT, b"{}", [whole])
    messages = text.messages()

    weights = [text.weigh() for _ in messages]

    assert weights[0] == weights[1] > sys.getsizeof(whole)
    assert weights[2] < MAX_TEXT


def test_line_in_progress_is_known() -> None:
    """A line that has not ended is not taken by who is patient, nor is what stands behind it."""
    log = OutboundLog(lambda: None)
    log.post(Channel.IOPUB, [b"before"])
    run = log.write(StreamName.STDOUT, b"{}", "a line")
    in_thread(lambda: [log.post(Channel.IOPUB, [b"behind"])])  # type: ignore[func-returns-value,list-item]  # nothing is returned
    begun = taken(log, patient=True)
    assert log.open_line() is run

    log.write(StreamName.STDOUT, b"{}", "\n")

    assert begun == [b"before"]
    assert taken(log, patient=True) == [(StreamName.STDOUT, b"{}", "a line\n"), b"behind"]
    assert log.open_line() is None


def test_line_taken_in_part_stays_in_its_place() -> None:
    """What its thread writes next goes on in it, before what others have written meanwhile."""
    log = OutboundLog(lambda: None)
    run = log.write(OUT, b"{}", "a ")
    in_thread(partial(written, log, b"behind"))
    first = [joined_parts(log.take(patient=True, in_part=run)) for _ in range(2)]
    log.write(OUT, b"{}", "line")
    second = joined_parts(log.take(patient=True, in_part=run))
    log.write(OUT, b"{}", "\n")

    assert (first, second) == (["a ", ""], "line")
    assert taken(log, patient=True) == [(OUT, b"{}", "\n"), b"behind"]


@pytest.mark.parametrize("part", ["flush", "another stream", "captured"])
def test_line_taken_in_part_may_be_parted(part: str) -> None:
    """What ends the claim of a line to stay together ends it as well where some was taken."""
    log = OutboundLog(lambda: None)
    run = log.write(OUT, b"{}", "a ")
    in_thread(partial(written, log, b"behind"))
    [*log.take(patient=True, in_part=run)]
    if part == "flush":
        log.part_line()
    elif part == "captured":
        log.part_lines()
    else:
        log.write(ERR, b"{}", "b")

    found = taken(log, patient=True)
    log.write(OUT, b"{}", "line")

    assert found == [b"behind"]
    assert (OUT, b"{}", "line") in taken(log)


class Watched(list[str]):
    """Texts of a run; *counted* is called once, where their number has been found and not used."""

    def __init__(self, counted: Callable[[], object]) -> None:
        super().__init__()
        self._counted = iter([counted])

    def __len__(self) -> int:
        count = super().__len__()
        for counted in self._counted:
            counted()
        return count


def test_line_that_is_taken_while_it_is_parted_is_parted() -> None:
    """A flush counts what the line has; what takes some of it just then does not undo that."""
    log = OutboundLog(lambda: None)
    run = log.write(OUT, b"{}", "a ")

    def take_in_part() -> list[Said]:
        if log._lock.acquire(blocking=False):  # else it would wait for the flush to be through
            log._lock.release()
            [*log.take(patient=True, in_part=run)]
        return []

    run.parts = Watched(lambda: in_thread(take_in_part))
    run.append = run.parts.append
    run.append("b ")
    log.part_line()
    [*log.take(patient=True, in_part=run)]

    assert log.open_line() is None


def test_long_line_takes_little_more_memory_than_its_characters() -> None:
    """However many texts it is made of and others wait behind it; each is recorded once."""
    log = OutboundLog(lambda: None)
    kept: list[str] = []
    log.write(OUT, b"{}", "0 ", record := kept.extend)
    in_thread(partial(written, log, b"behind"))
    for number in range(1, 5_000):
        log.write(OUT, b"{}", f"{number} ", record)
    line = "".join(f"{number} " for number in range(5_000))

    assert log.held_bytes < 2 * len(line) + LINE_PARTS * sys.getsizeof("9999 ")
    assert taken(log) == [(OUT, b"{}", line), b"behind"]
    assert "".join(kept) == line


def written(log: OutboundLog, message: bytes) -> list[Said]:
    """Post *message*."""
    log.post(Channel.IOPUB, [message])
    return []


def joined_parts(entries: Iterable[object]) -> str:
    """Return the text in *entries*."""
    return "".join("".join(entry.parts) for entry in entries if isinstance(entry, Text))


def write_and_end(log: OutboundLog) -> None:
    """Write a text that nothing can be appended to."""
    log.write(StreamName.STDOUT, b"{}", "text")
    log.end_run()


class TestInterrupt:
    """An interrupt raises in the middle of anything that the main thread does."""

    SAID: ClassVar[dict[str, Callable[[OutboundLog], object]]] = {
        "text": lambda log: log.write(StreamName.STDOUT, b"{}", "text"),
        "big text": lambda log: log.write(StreamName.STDOUT, b"{}", "x" * BIG),
        "ended run": write_and_end,
        "display": lambda log: log.post(Channel.IOPUB, FRAMES),
        "reply": lambda log: log.post(Channel.SHELL, FRAMES),
        "call": lambda log: log.call(nothing),
    }

    @pytest.mark.parametrize("kind", sorted(SAID))
    def test_what_follows_is_heard(self, kind: str) -> None:
        """Wherever it comes, the next message wakes the I/O thread, and can be taken."""
        for place in count():
            bell = Bell()
            log = OutboundLog(bell.ring)
            finished = interrupted(partial(self.SAID[kind], log), place)
            log.post(Channel.SHELL, [b"reply"])

            assert in_thread(partial(taken, log))[-1] == b"reply", place
            assert bell.rung, place
            if finished:
                return

    def test_waiting_for_room(self) -> None:
        """A writer that waits can be interrupted, and leaves room for others."""
        log = OutboundLog(nothing)
        log.hold(True)
        raised = threading.Event()

        def interrupt() -> None:
            while not log._gates:
                continue
            # One that comes just before the wait itself is noted, and wakes no thread.
            while not raised.is_set():
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        def strike(*_: object) -> None:
            if not raised.is_set():
                raised.set()
                raise KeyboardInterrupt

        thread = threading.Thread(target=interrupt, daemon=True)
        before = signal.signal(signal.SIGINT, strike)
        thread.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                log.post(Channel.IOPUB, FRAMES)
        finally:
            thread.join()
            signal.signal(signal.SIGINT, before)
        log.hold(False)
        in_thread(partial(taken, log))
        log.post(Channel.IOPUB, FRAMES)

        assert len(log) == 1


def test_text_that_a_finalizer_writes_while_texts_are_joined() -> None:
    """It is kept, at whichever moment it strikes."""
    place = 0
    has_ended = False
    while not has_ended:
        run = Run(StreamName.STDOUT, b"{}")
        for _ in range(LINE_PARTS):
            run.append("x")
        has_ended = struck(run.join_newest, place, partial(run.append, "y"))
        place += 1

        assert "".join(run.parts).count("x") == LINE_PARTS
        assert has_ended or "y" in "".join(run.parts)

    assert place > 1


class Bell:
    """Something to be woken by."""

    rung = False

    def ring(self) -> None:
        """Wake."""
        self.rung = True


def interrupted(function: Callable[[], object], place: int) -> bool:
    """Call *function* with an interrupt at its *place*-th chance; True if it has fewer."""
    try:
        return struck(function, place, interrupt)
    except KeyboardInterrupt:
        return False


def interrupt() -> None:
    """Do what the handler of SIGINT does."""
    raise KeyboardInterrupt


def in_thread(function: Callable[[], list[Said]]) -> list[Said]:
    """Return what *function* returns in another thread, which must not have to wait for ours."""
    found: list[list[Said]] = []
    thread = threading.Thread(target=lambda: found.append(function()), daemon=True)
    thread.start()
    thread.join(HANG_LIMIT_S)
    assert found, "it waits for a lock that nobody will release"
    return found[0]
