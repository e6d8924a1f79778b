"""A kernel that is no engine never reads what an engine would unpickle."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

from assay.protocol import ApplyRequest, ErrorReply
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
