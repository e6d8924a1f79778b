"""The kernel under test, as checks see it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Self

from assay.conformance._arrival import Object
from assay.conformance._judge import Segment
from assay.conformance._language import Language, language_for
from assay.conformance._limits import START_LIMIT_S, Limits
from assay.conformance._outcome import Skip
from assay.conformance._peer import Peer
from assay.conformance._target import Target
from assay.conformance._traffic import FloodError, Line, Traffic
from assay.protocol import AssayError, Channel, ConnectionFile, Sender, read_parts
from assay.transport import KernelEndedError, KernelProcess, LaunchError

__all__ = ["BrokenKernelError", "SilentKernelError", "Testee"]

ASK_AGAIN_S = 0.3
"""Between kernel_info requests while nothing comes on IOPub yet."""

OTHER_CHANNEL_S = 2.0
"""For the answer on shell once control has answered."""

PORT_TAKEN = "ddress already in use"
"""In what a kernel writes at its end, whichever library it binds with."""

VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})*")
"""Numbers that are no attack."""

MOST_JUDGED = 20_000
"""Messages of one check. To judge so many takes seconds, and no more is learnt from more."""

ASKS_UNTIL_IT_RECEIVES = 10
"""So many answered requests without a word on IOPub: it is not going to come."""


class SilentKernelError(LaunchError):
    """A kernel runs and gives no sign of life."""


class BrokenKernelError(LaunchError):
    """A kernel answers, and says nothing about itself but an error: no check has a meaning."""


class Testee:
    """One kernel under test and our clients of it, for one thread.

    Made by the runner, and by `Testee.another` for checks that need a kernel with another
    connection file.
    """

    __test__ = False  # no test, whatever pytest thinks of the name

    def __init__(
        self,
        target: Target,
        *,
        process: KernelProcess | None,
        connection: ConnectionFile,
        limits: Limits,
        language: Language | None,
    ) -> None:
        self.target = target
        self.process = process
        self.connection = connection
        self.limits = limits
        self.language = language
        self.traffic = Traffic()

        self.info: Object = {}
        """The content of the first ``kernel_info_reply``; empty if it had none."""

        self.held = ExitStack()
        """What lasts as long as this: the ports of kernels that checks start with a file."""

        self._others: list[Testee] = []
        self._ended: list[Testee] = []
        self._known: set[str] = set()
        self._begun = 0
        self._taken = 0
        self._peers: list[Peer] = []
        self._awaited: set[str] = set()
        self.peer = self.connect("one")

    @classmethod
    def start(
        cls,
        target: Target,
        *,
        limits: Limits | None = None,
        language: Language | None = None,
        start_limit: float = START_LIMIT_S,
        connection: ConnectionFile | None = None,
        env: dict[str, str] | None = None,
    ) -> Testee:
        """Start a kernel, or connect to the one that runs, and wait until it answers.

        One that ends because another program has taken one of its ports since they were chosen is
        started a second time.

        Raises:
            LaunchError: it cannot be started, or ended before it answered.
            SilentKernelError: it gave no sign of life.
            BrokenKernelError: it answers with errors alone.
        """

        def once() -> Testee:
            return cls._started(
                target,
                limits=limits or Limits(),
                language=language,
                start_limit=start_limit,
                connection=connection,
                env=env,
            )

        try:
            return once()
        except LaunchError as error:
            if PORT_TAKEN not in str(error):
                raise
        return once()

    @classmethod
    def _started(
        cls,
        target: Target,
        *,
        limits: Limits,
        language: Language | None,
        start_limit: float,
        connection: ConnectionFile | None,
        env: dict[str, str] | None,
    ) -> Testee:
        began = time.monotonic()
        process = target.start(connection, env=env) if target.can_start else None
        found = process.connection if process is not None else target.existing
        assert found is not None
        testee = cls(target, process=process, connection=found, limits=limits, language=language)
        try:
            testee.await_life(start_limit)
        except (KernelEndedError, FloodError) as error:
            testee.close()
            raise LaunchError(str(error)) from error
        except BaseException:
            testee.close()
            raise
        testee.started_s = time.monotonic() - began
        testee.begin()
        return testee

    started_s = 0.0
    """Seconds from the start of the process until the kernel answered."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the clients and kill the kernel, if we started it; nothing is left."""
        for peer in self._peers:
            peer.close()
        for other in self._others:
            other.close()
        if self.process is not None:
            self.process.close(kill=True)
        self.held.close()

    # For checks

    def connect(self, name: str = "two", *, identity: bytes | None = None) -> Peer:
        """Return one more client; it receives what is published once `Peer.quiet` returns true.

        Args:
            name: For the evidence; it tells clients apart.
            identity: Under which the kernel knows it; by default its session.
        """
        peer = Peer(
            self.connection,
            name=name,
            limits=self.limits,
            traffic=self.traffic,
            lifeline=self.process,
            read_all=self.read_all,
            observes=not self._peers,
            identity=identity,
        )
        self._peers.append(peer)
        return peer

    def reaches(self, peer: Peer) -> bool:
        """Wait until *peer* receives what is published, and return whether it does."""
        for _ in range(ASKS_UNTIL_IT_RECEIVES):
            asked = peer.send("kernel_info_request")
            if peer.wait_for(lambda: asked.published and asked.replies, ASK_AGAIN_S):  # noqa: B023 - called before the next round
                peer.finish(asked)
                return True
        return False

    @contextmanager
    def another(
        self, connection: ConnectionFile | None = None, *, env: dict[str, str] | None = None
    ) -> Iterator[Testee]:
        """Start another kernel of the same kind, with its own *connection*; closed at the end.

        Raises:
            Skip: the kernel was not started by us.
            LaunchError: it does not start.
        """
        if not self.target.can_start:
            raise Skip("the kernel was started by another program")
        other = Testee.start(
            self.target,
            limits=self.limits,
            language=self.language,
            connection=connection,
            start_limit=self.limits.start(),
            env=env,
        )
        self._others.append(other)
        try:
            yield other
        finally:
            other.close()
            self._others.remove(other)
            self._ended.append(other)

    @property
    def patience(self) -> float:
        """Seconds to wait for what must come; scales with the time that the start took."""
        return self.limits.patience

    @property
    def is_running(self) -> bool:
        """Whether the process runs; true for one that is not ours."""
        return self.process is None or self.process.exit_code is None

    def own_process(self) -> KernelProcess:
        """Return the kernel's process.

        Raises:
            Skip: it is not ours.
        """
        if self.process is None:
            raise Skip("the kernel was started by another program")
        return self.process

    def snippet(self, name: str, /, **words: object) -> str:
        """Return code in the kernel's language, see `SNIPPETS`.

        Raises:
            Skip: there is none.
        """
        if self.language is None:
            raise Skip("the kernel's language is not known: give its snippets with --language")
        return self.language.snippet(name, **words)

    @property
    def features(self) -> tuple[str, ...]:
        """The ``supported_features`` that the kernel announces."""
        listed = self.info.get("supported_features")
        return tuple(map(str, listed)) if isinstance(listed, (list, tuple)) else ()

    @property
    def version(self) -> tuple[int, ...]:
        """The protocol version that the kernel announces, as numbers; (5, 0) if it is none."""
        stated = str(self.info.get("protocol_version", ""))
        return tuple(map(int, stated.split("."))) if VERSION.fullmatch(stated) else (5, 0)

    # For the runner

    def learn_language(self) -> Language | None:
        """Return the language, which is that which the kernel names unless it was given."""
        if self.language is None:
            about = self.info.get("language_info")
            name = about.get("name") if isinstance(about, dict) else None
            self.language = language_for(name) if isinstance(name, str) else None
        return self.language

    def begin(self) -> None:
        """Know that from now on all that is published arrives."""
        self._begun = len(self.traffic)

    @property
    def is_settled(self) -> bool:
        """Whether everything that was asked has come to its end."""
        # What has reached another client may reach the first one, whose traffic is judged, later.
        reached = {one.parent_id for one in self.peer.arrivals if one.state == "idle"}
        return all(one.done and one.msg_id in reached for peer in self._peers for one in peer.asked)

    @property
    def asked(self) -> frozenset[str]:
        """The ids of all that any client has asked."""
        return frozenset(one.msg_id for peer in self._peers for one in peer.asked)

    def await_cells(self) -> bool:
        """Wait for the end of all cells that have begun, once for each; return whether it came.

        A kernel may answer questions while it runs code (AMB-74): that it answers does not show
        that an interrupted cell has ended.
        """
        # Of any client: what is published may reach another one than who asked, and reach it first.
        begun = {
            one.parent_id for peer in self._peers for one in peer.arrivals if one.state == "busy"
        }
        cells = [
            one
            for peer in self._peers
            for one in peer.asked
            if one.is_cell
            and one.msg_id in begun
            and not one.done
            and one.msg_id not in self._awaited
        ]
        self._awaited.update(one.msg_id for one in cells)
        ended = self.peer.wait_for(lambda: all(one.ended for one in cells))
        for cell in cells:
            if cell.ended:
                self.peer.finish(cell)
        return ended

    def take_others(self) -> tuple[Testee, ...]:
        """Return the kernels that `another` has started, and forget them."""
        found = tuple(self._ended)
        self._ended.clear()
        return found

    def take_segments(self, *, settled: bool) -> tuple[Segment, ...]:
        """Return the traffic since the last call, for judgement.

        Args:
            settled: Whether everything that was asked has had its effects.
        """
        start, self._taken = self._taken, len(self.traffic)
        begun = min(max(start, self._begun), self._taken)
        complete = settled or self.is_settled
        return tuple(
            self._segment(self.traffic.lines[first:last], complete=complete, alone=alone)
            for first, last, alone in ((start, begun, True), (begun, self._taken, False))
            if first < last
        )

    def _segment(self, lines: list[Line], *, complete: bool, alone: bool) -> Segment:
        earlier = frozenset(self._known)
        self._known |= {
            read_parts(line.frames).msg_id for line in lines if line.sender is Sender.CLIENT
        }
        return Segment(
            lines=tuple(lines[:MOST_JUDGED]),
            earlier=earlier,
            signer=self.peer.signer,
            complete=complete and len(lines) <= MOST_JUDGED,
            alone=alone,
        )

    def rest(self) -> None:
        """Wait until all that came from the start, or from what was asked before, is here."""
        # It has never answered on control: nothing is on its way there. One that ends, or sends
        # without end, shows that to what comes next.
        with suppress(Skip, AssayError):
            for channel in (Channel.SHELL, Channel.CONTROL):
                self.peer.quiet(channel)

    def answering(self) -> tuple[Channel, ...]:
        """Return where a kernel_info_request is answered: on shell, and maybe on control."""
        deaf = not self.traffic.has_answered(Channel.CONTROL)
        return (Channel.SHELL,) if deaf else (Channel.SHELL, Channel.CONTROL)

    def read_all(self) -> None:
        """Read what has arrived for any of the clients, without waiting."""
        for peer in self._peers:
            peer.read()

    def await_life(self, start_limit: float = START_LIMIT_S) -> None:
        """Wait until the kernel answers and IOPub arrives.

        IOPub may stay silent, and so may one of shell and control: then a check will say so.

        Args:
            start_limit: Seconds for the first sign of life.

        Raises:
            KernelEndedError: the process ended.
            SilentKernelError: the kernel gave no sign of life.
            LaunchError: one that runs already answers on control alone.
            BrokenKernelError: it answered kernel_info with errors alone.
        """
        peer = self.peer
        asked = [
            peer.send("kernel_info_request", channel=c) for c in (Channel.SHELL, Channel.CONTROL)
        ]
        shell, control = asked
        # A reply whose parent is not the request is a sign of life too, and HDR-12 is for a check.
        began = time.monotonic()
        if not peer.wait_for(
            lambda: peer.on(Channel.SHELL) or peer.on(Channel.CONTROL), start_limit
        ):
            where = self.target.unreachable
            raise SilentKernelError(
                f"wanted a kernel_info_reply, found none within {start_limit:g} s"
                + (f": nothing listens at {where}" if where else "")
            )
        if not peer.on(Channel.SHELL):
            # Shell may be a little later than control; if it is dumb, that is for SHELL-01. What
            # runs already may run somebody's code, and is not judged by how long that takes.
            taken = time.monotonic() - began
            later = max(OTHER_CHANNEL_S, taken) if self.target.can_start else start_limit
            answers = peer.wait_for(lambda: peer.on(Channel.SHELL), later)
            if not answers and not self.target.can_start:
                raise LaunchError(
                    f"wanted a kernel_info_reply on shell, found one on control alone within "
                    f"{start_limit:g} s: it may run the code of another client"
                )
        came = (*peer.on(Channel.SHELL), *peer.on(Channel.CONTROL))
        reply = shell.reply or control.reply or came[0]
        self.info = reply.content
        if all(one.status == "error" for one in came):
            raise BrokenKernelError(
                f"wanted a kernel_info_reply, found an error: "
                f"{reply.text('ename')}: {reply.text('evalue')}"
            )
        peer.wait_for(lambda: peer.on(Channel.IOPUB), 0)
        self.reaches(peer)
