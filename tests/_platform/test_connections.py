"""What the system says of a peer, and which ports it gives."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

import pytest

from assay._platform import _connections
from assay._platform._connections import lowest_served_port, progress_of


def test_what_a_peer_has_not_taken_is_seen() -> None:
    """The bytes that wait for a peer that reads nothing are counted."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as ours,
        server.accept()[0],
    ):
        ours.setblocking(False)
        sent = 0
        with suppress(BlockingIOError):
            while True:
                sent += ours.send(bytes(1 << 16))
        taken, pending = progress_of(ours)

    assert 0 < pending <= sent
    assert 0 <= taken <= sent


@pytest.mark.parametrize(
    ("text", "lowest"), [("40000\t60999\n", 40_000), ("", 32_768), ("x", 32_768)]
)
def test_ports_that_the_system_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, lowest: int
) -> None:
    """They begin where the system says, and else where Linux's do by default."""
    path = tmp_path / "range"
    path.write_text(text)
    monkeypatch.setattr(_connections, "LOCAL_PORT_RANGE", str(path))
    monkeypatch.setattr(_connections, "IS_PORTABLE", False)
    asked = lowest_served_port()
    monkeypatch.setattr(_connections, "IS_PORTABLE", True)

    assert asked == lowest
    assert lowest_served_port() == 32_768
