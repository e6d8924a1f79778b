"""Kernels for the tests: one for each module, or one of its own for a test that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.transport import Client, KernelProcess
from tests.kernel._kernels import HANG_LIMIT_S, start_forked


@pytest.fixture(scope="module")
def shared_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelProcess]:
    """The kernel of a module, for tests that leave no trace that another one could see."""
    with start_forked(tmp_path_factory.mktemp("kernel")) as kernel:
        yield kernel


@pytest.fixture
def client(shared_kernel: KernelProcess) -> Iterator[Client]:
    """A client of its own of the module's kernel."""
    with shared_kernel.client(timeout=HANG_LIMIT_S) as client:
        yield client
        assert not client.refused


@pytest.fixture
def another(shared_kernel: KernelProcess) -> Iterator[Client]:
    """A second client of the module's kernel."""
    with shared_kernel.client(timeout=HANG_LIMIT_S) as another:
        yield another
        assert not another.refused


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[KernelProcess]:
    """A kernel of its own for one test."""
    with start_forked(tmp_path) as kernel:
        yield kernel


@pytest.fixture
def mine(kernel: KernelProcess) -> Iterator[Client]:
    """A client of the test's own kernel."""
    with kernel.client(timeout=HANG_LIMIT_S) as client:
        yield client
        assert not client.refused
