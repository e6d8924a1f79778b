"""The comm package's comms, carried by this kernel."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import comm
from comm.base_comm import BaseComm, CommManager

from assay import protocol
from assay.kernel.process._patches import Kind, patches
from assay.protocol import Buffer, Json, unstructure

if TYPE_CHECKING:
    from assay.kernel._interpreter import Host
    from assay.protocol import CommClose, CommMsg, CommOpen, Message

__all__ = ["Comms", "flat"]


class Comms:
    """The kernel's side of all comms; installs itself into the comm package."""

    def __init__(self, host: Host) -> None:
        self.manager = CommManager()
        self.kernel: object = None
        """What programs find as the `kernel` of a comm: widgets are mute without one."""
        self.is_over = False
        """True once nothing reaches a client any more. Finalizers may send as late as the
        interpreter's end, when modules have lost their names."""
        comms = self

        class KernelComm(BaseComm):  # type: ignore[misc]  # skipped, see mypy.ini
            """A comm whose other end is a client."""

            _closed: bool

            def __init__(
                self,
                *args: Any,
                kernel: object = None,  # noqa: ARG002 - as known; there is one
                show_warning: bool = True,  # noqa: ARG002 - as known; nothing is deprecated here
                **keys: Any,
            ) -> None:
                super().__init__(*args, **keys)

            @property
            def kernel(self) -> object:
                return comms.kernel

            def open(self, *args: Any, **keys: Any) -> None:
                was_open = not self._closed
                try:
                    super().open(*args, **keys)
                except Exception:
                    if was_open:  # the client still has it
                        comms.manager.register_comm(self)
                    raise

            def close(
                self, data: Any = None, *args: Any, deleting: bool = False, **keys: Any
            ) -> None:
                if comms.is_over or self._closed:
                    return
                try:
                    super().close(data, *args, deleting=deleting, **keys)
                except Exception:
                    self._closed = False  # the client still has it
                    if not deleting:
                        raise
                    # There is no caller whose error it is, and no later: the client is told.
                    super().close({}, deleting=True)

            def publish_msg(
                self,
                msg_type: str,
                data: Mapping[str, Json] | None = None,
                metadata: Mapping[str, Json] | None = None,
                buffers: Sequence[Buffer] | None = None,
                **keys: Any,
            ) -> None:
                if comms.is_over:
                    return
                content: CommOpen | CommMsg | CommClose
                match msg_type:
                    case "comm_open":
                        content = protocol.CommOpen(
                            comm_id=self.comm_id,
                            target_name=keys["target_name"],
                            data=data or {},
                            target_module=keys.get("target_module"),
                        )
                    case "comm_msg":
                        content = protocol.CommMsg(comm_id=self.comm_id, data=data or {})
                    case _:
                        content = protocol.CommClose(comm_id=self.comm_id, data=data or {})
                host.publish(content, metadata=metadata, buffers=[flat(b) for b in buffers or ()])

        self.comm_class: type = KernelComm
        self.install()

    def install(self) -> None:
        """Let the comm package make our comms, and find them."""
        ours = {"create_comm": self.comm_class, "get_comm_manager": lambda: self.manager}
        for name, value in ours.items():
            patches.replace(
                comm,
                name,
                value,
                kind=Kind.CORRECTNESS,
                reason="widgets and others make their comms with it",
            )
        # Libraries that took the function before we replaced it keep what it returns.
        sys.modules["comm"].__dict__["_comm_manager"] = self.manager

    def receive(
        self, message: Message[protocol.CommOpen | protocol.CommMsg | protocol.CommClose]
    ) -> None:
        """Hand a message from a client to its comm; one for an unknown id does no harm."""
        content = message.content
        as_dict = {
            "header": unstructure(message.header),
            "msg_id": message.header.msg_id,
            "msg_type": message.header.msg_type,
            "parent_header": {},
            "metadata": dict(message.metadata),
            "content": unstructure(content),
            "buffers": [memoryview(buffer) for buffer in message.buffers],
        }
        match content:
            case protocol.CommOpen():
                self.manager.comm_open(None, None, as_dict)
            case protocol.CommMsg():
                self.manager.comm_msg(None, None, as_dict)
            case protocol.CommClose():
                self.manager.comm_close(None, None, as_dict)

    def info(self, target_name: str | None) -> protocol.CommInfoReply:
        """List the open comms, of one target or of all."""
        return protocol.CommInfoReply(
            comms={
                comm_id: protocol.CommInfo(target_name=found.target_name)
                for comm_id, found in self.manager.comms.copy().items()  # perhaps in another thread
                if target_name is None or found.target_name == target_name
            }
        )


def flat(buffer: Buffer) -> Buffer:
    """Return *buffer* as bytes one after the other."""
    if isinstance(buffer, bytes):
        return buffer
    view = memoryview(buffer)
    # Views without any element cannot be cast.
    return view.cast("B") if view.c_contiguous and view.nbytes else view.tobytes()
