"""The connection that a kernel is started with."""

from __future__ import annotations

from benchmarks.process import CHANNELS, PORTS, new_connection


def test_ports_are_not_those_of_outgoing_connections() -> None:
    """Every channel has one of its own, which is given to none who asks for any port."""
    ports = new_connection().ports

    assert tuple(ports) == CHANNELS
    assert len(set(ports.values())) == len(CHANNELS)
    assert all(port in PORTS for port in ports.values())


def test_keys_differ() -> None:
    """Two kernels never share a key."""
    assert new_connection().key != new_connection().key
