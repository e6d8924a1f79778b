"""IOPub seen by subscribers of any kind (spec/chapters/iopub.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from assay.conformance._arrival import Arrival
from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, passed
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import must_run, new_name
from assay.protocol import Channel
from assay.transport import RawSocket

__all__: list[str] = []

NO_TEXT = b"\xff\xfeassay"

LOOK_S = 0.05

MANY = 24
LARGE = 1_000_000
"""So many lines of so many characters: more than sockets and the system's buffers hold."""


@contextmanager
def _subscriber(kernel: Testee, *, keep: int = 0) -> Iterator[RawSocket]:
    with RawSocket.subscriber(kernel.connection, keep=keep) as made:
        yield made


def _read(socket: RawSocket, found: list[tuple[bytes, ...]]) -> None:
    while (frames := socket.receive(0)) is not None:
        found.append(frames)


def _print(kernel: Testee) -> list[Arrival]:
    """Run a cell that prints, and return what it publishes."""
    response = kernel.peer.execute(kernel.snippet("print", text=new_name()))
    response.succeeded()
    return response.published


def _own_topic(kernel: Testee) -> bytes:
    """Return the topic of streams.

    Raises:
        Skip: the topic of other messages begins with it as well.
    """
    published = _print(kernel)
    topics = {one.identities[:1] for one in published if one.msg_type == "stream"}
    others = [one.identities[0] for one in published if one.msg_type != "stream" and one.identities]
    if len(topics) != 1 or topics == {()}:
        raise Skip("streams have no topic, or several (WIRE-11)")
    ((topic,),) = topics
    if not topic or any(other.startswith(topic) for other in others):
        raise Skip("streams have no topic of their own")
    return topic


def _hears_prints(kernel: Testee, socket: RawSocket, found: list[tuple[bytes, ...]]) -> bool:
    """Run cells that print until *socket* has got something of one, and return whether it has."""

    def arrived() -> bool:
        _read(socket, found)
        return bool(found)

    for _ in range(10):
        _print(kernel)
        if kernel.peer.wait_for(arrived, kernel.limits.grace):
            return True
    return False


@check(
    "IOPUB-01.1",
    "a subscriber of one topic gets the messages of this topic, and no others",
    snippets=("print",),
    mistake="Every message is sent to every subscriber.",
)
def one_topic(kernel: Testee) -> Outcome:
    must_run(kernel)
    topic = _own_topic(kernel)
    found: list[tuple[bytes, ...]] = []
    with _subscriber(kernel) as socket:
        socket.subscribe(topic)
        if not _hears_prints(kernel, socket, found):
            return failed(f"messages of the topic {topic!r} for its subscriber", "none")
        cell = kernel.peer.execute(kernel.snippet("print", text=new_name()))
        wanted = [one.frames for one in cell.published if one.msg_type == "stream"]

        def all_there() -> bool:
            _read(socket, found)
            return set(wanted) <= set(found)

        kernel.peer.wait_for(all_there)
        missing = set(wanted) - set(found)
        others = [one for one in found if not one[0].startswith(topic)]
    if missing:
        return failed(f"all messages of the topic {topic!r}", f"{len(missing)} missing", cell)
    if others:
        return failed(f"messages of the topic {topic!r} alone", f"one of {others[0][0]!r}", cell)
    return passed()


@check(
    "IOPUB-01.2",
    "what a subscriber has unsubscribed from does not come any more",
    snippets=("print",),
)
def unsubscribed(kernel: Testee) -> Outcome:
    must_run(kernel)
    topic = _own_topic(kernel)
    with _subscriber(kernel) as socket:
        socket.subscribe(topic)
        if not _hears_prints(kernel, socket, []):
            raise Skip("a subscriber of one topic receives nothing (IOPUB-01)")
        socket.unsubscribe(topic)
        status = _status_topic(kernel, topic)
        socket.subscribe(status)
        # Subscriptions of one socket arrive in their order: with the second, the first is gone.
        late: list[tuple[bytes, ...]] = []
        if not _gets(kernel, socket, late, status):
            raise Skip("a subscriber of the topic of status messages receives nothing")
        late.clear()
        _print(kernel)
        _gets(kernel, socket, late, status)
    if any(one[0].startswith(topic) for one in late):
        return failed(f"nothing of the topic {topic!r}", "a message")
    return passed()


def _status_topic(kernel: Testee, topic: bytes) -> bytes:
    response = kernel.peer.ask("kernel_info_request")
    found = response.idle.identities if response.idle is not None else ()
    if not found or not found[0] or found[0].startswith(topic) or topic.startswith(found[0]):
        raise Skip("status messages have no topic of their own")
    return found[0]


def _gets(kernel: Testee, socket: RawSocket, found: list[tuple[bytes, ...]], topic: bytes) -> bool:
    """Ask for the kernel's info until *socket* has got a message of *topic*."""

    def arrived() -> bool:
        _read(socket, found)
        return any(one[0].startswith(topic) for one in found)

    for _ in range(10):
        kernel.peer.ask("kernel_info_request")
        if kernel.peer.wait_for(arrived, kernel.limits.grace):
            return True
    return False


# Welcomes


def _welcomes(kernel: Testee) -> list[Arrival]:
    """Return the welcomes that the first client, which subscribes to everything, has got."""
    kernel.peer.quiet()
    return [one for one in kernel.peer.on(Channel.IOPUB) if one.msg_type == "iopub_welcome"]


def _welcomed(kernel: Testee, socket: RawSocket, topic: str) -> Callable[[], bool]:
    """Subscribe to *topic* and return what says whether the welcome has come."""
    socket.subscribe(topic.encode())
    return lambda: any(
        one.content.get("subscription") == topic
        for one in kernel.peer.on(Channel.IOPUB)
        if one.msg_type == "iopub_welcome"
    )


def _must_welcome(kernel: Testee, socket: RawSocket) -> None:
    """Skip the check unless the kernel sends welcomes."""
    if not kernel.peer.wait_for(_welcomed(kernel, socket, new_name()), kernel.limits.grace * 4):
        raise Skip("a new subscription is not welcomed (IOPUB-02)")


@check(
    "IOPUB-06.1",
    "a subscription that is no UTF-8 gets no welcome",
    mistake="The bytes are decoded in another way, or the error ends the loop of the sockets.",
)
def no_text(kernel: Testee) -> Outcome:
    with _subscriber(kernel) as socket:
        _must_welcome(kernel, socket)
        before = len(_welcomes(kernel))
        socket.subscribe(NO_TEXT)
        if not kernel.peer.wait_for(_welcomed(kernel, socket, new_name())):
            return failed("a welcome for the subscription after it", "none")
        found = _welcomes(kernel)[before:]
        odd = socket.receive(LOOK_S)
        while odd is not None and not odd[0].startswith(NO_TEXT):
            odd = socket.receive(LOOK_S)
    if len(found) != 1:
        return failed("no welcome", repr(found[0].content.get("subscription")), *found)
    return failed("no message", f"one of topic {odd[0]!r}") if odd is not None else passed()


@check("IOPUB-06.2", "an unsubscription gets no welcome")
def no_farewell(kernel: Testee) -> Outcome:
    topic = new_name()
    with _subscriber(kernel) as socket:
        _must_welcome(kernel, socket)
        if not kernel.peer.wait_for(_welcomed(kernel, socket, topic)):
            raise Skip("a further subscription is not welcomed (IOPUB-03)")
        before = len(_welcomes(kernel))
        socket.unsubscribe(topic.encode())
        if not kernel.peer.wait_for(_welcomed(kernel, socket, new_name())):
            return failed("a welcome for the subscription after it", "none")
        found = _welcomes(kernel)[before:]
    if len(found) != 1:
        return failed("one welcome, that of the new subscription", f"{len(found)}", *found)
    return passed()


@check(
    "IOPUB-06.3",
    "bytes that are no subscription do no harm on IOPub",
    ours=True,
    mistake="The first byte is not looked at, or an unexpected one raises.",
)
def junk(kernel: Testee) -> Outcome:
    """Judge by our own reading: no client sends such bytes."""
    with _subscriber(kernel) as socket:
        socket.send([b"\x05assay"])
        socket.send([b""])
        socket.send([b"\x05assay", b"more"])
        socket.subscribe(b"")
        found: list[tuple[bytes, ...]] = []
        if not _gets(kernel, socket, found, b"") or not kernel.is_running:
            return failed("a kernel that goes on publishing", "nothing")
    return passed()


@check(
    "IOPUB-28.1",
    "a subscriber that does not read does not keep cells waiting",
    fresh=True,
    snippets=("large_output", "nothing"),
    slow=True,
    mistake="The socket blocks when its queue is full, and the code that prints waits.",
)
def slow_subscriber(kernel: Testee) -> Outcome:
    found: list[tuple[bytes, ...]] = []
    with _subscriber(kernel, keep=1) as socket:
        socket.subscribe(b"")
        if not _gets(kernel, socket, found, b""):
            raise Skip("a subscriber receives nothing")
        # From here on it does not read.
        for _ in range(MANY):
            cell = kernel.peer.execute(kernel.snippet("large_output", count=LARGE))
            if cell.reply is None:
                return failed("a cell that ends", "none", cell)
        if not kernel.peer.execute(kernel.snippet("nothing")).replies:
            return failed("an answer to the next cell", "none")
    return passed()
