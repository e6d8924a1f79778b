"""The fixtures of ``pytest --assay-kernel NAME``; see `assay.pytest_plugin`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assay.conformance._peer import Peer
from assay.conformance._target import Target
from assay.conformance._testee import Testee
from assay.conformance._traffic import Line

__all__ = ["client", "conversation", "kernel"]


@pytest.fixture(scope="module")
def kernel(request: pytest.FixtureRequest) -> Iterator[Testee]:
    """A kernel of the kind that is checked, for the tests of one module."""
    name = str(request.config.getoption("--assay-kernel"))
    with Testee.start(Target.named(name)) as testee:
        yield testee


@pytest.fixture
def client(kernel: Testee) -> Peer:
    """Its first client, which receives what is published."""
    return kernel.peer


@pytest.fixture
def conversation(kernel: Testee) -> list[Line]:
    """All that went over the wire; it goes on growing."""
    return kernel.traffic.lines
