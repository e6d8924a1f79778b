"""A kernel that is no engine never reads what an engine would unpickle."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from assay.protocol import ApplyRequest, Channel, ErrorReply, Unknown
from assay.transport import Client
from tests.kernel._kernels import HANG_LIMIT_S, value


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self._path,)


def test_a_plain_kernel_never_unpickles(client: Client, tmp_path: Path) -> None:
    """A signed task gets an error reply; the parts of an engine are not even imported."""
    marker = tmp_path / "unpickled"
    buffers = [pickle.dumps(Trap(marker))] * 2

    answer = client.request(ApplyRequest(), buffers=buffers, timeout=HANG_LIMIT_S)
    names = value(
        client,
        "[m for m in __import__('sys').modules if 'ipyparallel' in m or 'kernel.engine' in m"
        " or '_packed' in m or m == 'assay.transport._cluster']",
    )

    assert isinstance(answer.content, ErrorReply)
    assert not marker.exists()
    assert names == "[]"


@pytest.mark.parametrize("channel", [Channel.SHELL, Channel.CONTROL])
@pytest.mark.parametrize("msg_type", ["clear_request", "abort_request"])
def test_a_plain_kernel_refuses_what_is_an_engines(
    client: Client, channel: Channel, msg_type: str
) -> None:
    """What empties its namespace, or its queue, on an engine does neither (S-097)."""
    client.execute("kept = 1")

    answer = client.request(
        Unknown(extra={"msg_ids": None}), msg_type=msg_type, channel=channel, timeout=HANG_LIMIT_S
    )

    assert isinstance(answer.content, ErrorReply), answer.content
    assert value(client, "kept") == "1"
