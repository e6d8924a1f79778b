"""Which request the code of a thread belongs to."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from assay.kernel._own_thread import OwnThread
from assay.kernel._request import Request
from assay.kernel.output._parents import Parents
from assay.protocol import Channel, KernelInfoRequest
from tests.kernel._memory import received


def make_request() -> Request:
    """Return a request."""
    return Request(Channel.SHELL, received(KernelInfoRequest()))


@pytest.fixture
def parents() -> Iterator[Parents]:
    """What notes for each thread the request that starts it."""
    made = Parents()
    made.follow_threads(lambda: False)
    yield made
    made.forget_threads()


@pytest.mark.parametrize(("kind", "is_kept"), [(threading.Thread, True), (OwnThread, False)])
def test_thread_of_the_kernels_own_belongs_to_no_cell(
    parents: Parents, kind: type[threading.Thread], is_kept: bool
) -> None:
    """A cell's thread belongs to that cell for good, one of the kernel's own to no cell."""
    first, second = make_request(), make_request()
    is_over = threading.Event()
    found = list[Request | None]()

    def look() -> None:
        is_over.wait()
        found.append(parents.current())
        found.append(parents.of_origin)

    parents.enter(first)
    thread = kind(target=look)
    thread.start()
    parents.enter(second)
    is_over.set()
    thread.join()

    assert found == ([first, first] if is_kept else [second, None])
