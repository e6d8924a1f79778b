"""A client whose whole conversation is judged when it ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from assay.protocol import Buffer, Channel, Recorded, Sender, Session, check_conversation
from assay.transport import Client, KernelProcess
from tests.kernel._kernels import HANG_LIMIT_S

__all__ = ["Traffic", "judged"]


class Traffic:
    """What clients send and receive, in the order in which one thread sees it."""

    def __init__(self) -> None:
        self.records: list[Recorded] = []

    def of(self, client: str, *, hears_iopub: bool = True) -> _Recorder:
        """Return the recorder of *client*; one client hears IOPub for all."""
        return _Recorder(self, client, hears_iopub)

    def begin(self) -> None:
        """Forget what has been said: what is published is lost until a client is ready."""
        self.records.clear()

    def findings(self, session: Session) -> list[str]:
        """Return what is wrong with all of it."""
        return [
            str(one)
            for one in check_conversation(self.records, signer=session.signer, complete=False)
        ]


class _Recorder:
    def __init__(self, traffic: Traffic, client: str, hears_iopub: bool) -> None:
        self._traffic = traffic
        self._client = client
        self._hears_iopub = hears_iopub

    def sent(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Note what leaves."""
        self._add(channel, Sender.CLIENT, frames)

    def received(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Note what came."""
        if channel is not Channel.IOPUB or self._hears_iopub:
            self._add(channel, Sender.KERNEL, frames)

    def _add(self, channel: Channel, sender: Sender, frames: Sequence[Buffer]) -> None:
        self._traffic.records.append(
            Recorded(
                index=len(self._traffic.records),
                channel=channel,
                sender=sender,
                message=tuple(map(bytes, frames)),
                client="" if channel is Channel.IOPUB else self._client,
            )
        )


@contextmanager
def judged(kernel: KernelProcess) -> Iterator[Client]:
    """A client of *kernel*; at the end nothing is wrong with what both have said."""
    traffic = Traffic()
    with kernel.client(timeout=HANG_LIMIT_S, recorder=traffic.of("client")) as client:
        traffic.begin()
        yield client
        found = traffic.findings(client.session)
        assert not found, "\n".join(found)
