"""The kernel as a program that runs in it knows it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from comm.base_comm import CommManager

    from assay.kernel._interpreter import Host
    from assay.kernel.ipython._comms import Comms
    from assay.kernel.ipython._shell import ZMQInteractiveShell

__all__ = ["KernelOfShell"]

LOOPLESS = frozenset({None, "asyncio", "inline", "ipympl", "nbagg", "notebook", "webagg", "widget"})
"""What counts as a GUI toolkit and has no event loop of its own: the client shows it."""


class KernelOfShell:
    """What programs find as ``get_ipython().kernel``."""

    def __init__(self, host: Host, comms: Comms, shell: ZMQInteractiveShell) -> None:
        self._host = host
        self.shell = shell
        self.comm_manager: CommManager = comms.manager
        self.log = logging.getLogger("assay.kernel")

    def get_parent(self, channel: object = None) -> dict[str, Any]:  # noqa: ARG002 - as known
        """Return the running request as a dict with a ``header``, or an empty one."""
        request = self._host.request()
        return dict(request.as_json()) if request is not None else {}

    @property
    def _parent_header(self) -> dict[str, Any]:
        return self.get_parent()

    @property
    def user_ns(self) -> dict[str, Any]:
        """The user's namespace."""
        namespace: dict[str, Any] = self.shell.user_ns
        return namespace

    def enable_gui(self, gui: str | None) -> None:
        """Let the event loop of a GUI toolkit turn between cells.

        Raises:
            NotImplementedError: only what needs none (`LOOPLESS`) works so far.
        """
        if gui not in LOOPLESS:
            raise NotImplementedError(f"wanted no GUI event loop or 'inline', found {gui!r}")
