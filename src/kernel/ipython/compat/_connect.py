"""What `ipykernel.connect` says of the connection, where that is not installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assay.kernel.ipython._app import IPKernelApp

__all__ = ["get_connection_file", "get_connection_info"]


def get_connection_file(app: Any = None) -> str:
    """Return the path of the connection file of this kernel, or of *app*'s."""
    return str((app if app is not None else IPKernelApp.instance()).connection_file)


def get_connection_info(
    connection_file: str | None = None, unpack: bool = False
) -> str | dict[str, Any]:
    """Return what the connection file says.

    Args:
        connection_file: Its path; by default this kernel's.
        unpack: As a dict with the key as bytes, and not as JSON.
    """
    path = Path(connection_file if connection_file is not None else get_connection_file())
    text = path.read_text(encoding="utf-8")
    if not unpack:
        return text
    info: dict[str, Any] = json.loads(text)
    return info | {"key": str(info.get("key", "")).encode()}
