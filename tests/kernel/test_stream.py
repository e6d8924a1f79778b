"""The text stream alone, over a log that nobody empties but us."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import cast

import pytest

from assay.kernel._request import Request
from assay.kernel.output._descriptors import DescriptorCapture
from assay.kernel.output._iopub import Output
from assay.kernel.output._parents import Parents
from assay.kernel.output._streams import OutputStream
from assay.protocol import Channel, Envelope, MsgId, Session, SessionId, StreamName, encode_json
from assay.protocol.wire._session import read_header
from assay.transport import BIG_TEXT, MAX_PARTS, OutboundLog
from assay.transport._log import Text
from tests.moments import struck


class Quiet:
    """Descriptors that nobody writes to."""

    reading = False
    meanwhile: Callable[[], None] | None = None
    """Called once while somebody looks at them."""

    def written_to(self, _: float) -> list[tuple[int, int]]:
        """Return that nothing waits."""
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return []

    def catch_up(self) -> None:
        """Read nothing."""


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
        output = Output(self.log, session, self.parents, lambda kind: kind.encode())
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
        self.parents.enter(Request(Channel.SHELL, envelope))

    def said(self) -> str:
        """Return the text in the log, and empty it."""
        return "".join(entry.text for entry in self.log.take())  # type: ignore[union-attr]


@pytest.fixture
def here() -> Fixture:
    """A stream in a request."""
    fixture = Fixture()
    fixture.enter("first")
    return fixture


def test_text_is_said_once_in_order(here: Fixture) -> None:
    """However long the texts are and however many, all are said, and none twice."""
    texts = [str(n) for n in range(2 * MAX_PARTS)]
    texts[10], texts[20], texts[30] = "x" * BIG_TEXT, "", "y" * (BIG_TEXT - 1)

    lengths = [here.stream.write(text) for text in texts]

    assert here.said() == "".join(texts)
    assert lengths == [len(text) for text in texts]


def test_text_is_said_once_while_it_is_taken(here: Fixture) -> None:
    """Text that is written between two takings is in the second."""
    for n in range(3 * MAX_PARTS):
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
        texts[name.decode()] = texts.get(name.decode(), "") + entry.text
    assert texts == {"first": "first,first", "second": "second"}


def test_what_is_recorded_is_what_is_written(here: Fixture) -> None:
    """A record begins and ends in the middle of a run."""
    here.stream.write("a")
    with here.stream.recording() as texts:
        here.stream.write("b")
        here.stream.write("c")
    here.stream.write("d")

    assert list(texts) == ["b", "c"]
    assert here.said() == "abcd"


class Stubborn:
    """Something like an array, which is neither equal to a text nor unequal."""

    def __eq__(self, _: object) -> bool:
        raise ValueError("ambiguous")

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("text", [b"bytes", None, 3, Stubborn()])
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
