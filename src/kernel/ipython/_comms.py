"""The comm package's comms, carried by this kernel."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import comm
from comm.base_comm import BaseComm, CommManager

from assay import protocol
from assay.kernel.process._patches import Kind, patches
from assay.protocol import Buffer, Json, unstructure

if TYPE_CHECKING:
    from assay.kernel._interpreter import Host
    from assay.protocol import Content, Message

__all__ = ["Comms", "flat"]


class _Manager(CommManager):  # type: ignore[misc]  # skipped, see mypy.ini
    """What opens comms for clients; it refuses at the call what it could not use later."""

    def register_target(self, target_name: str, f: Callable[..., object] | str) -> None:
        """Call *f*, or what a dotted name leads to, with each comm that a client opens."""
        _require("target_name", target_name, str, "text")
        if not callable(f):
            _require("f", f, str, "a function, or the dotted name of one")
        super().register_target(target_name, f)


class Comms:
    """The kernel's side of all comms; installs itself into the comm package.

    Args:
        host: Carries them.
        is_alone: False in the middle of another kernel's cell, whose other code keeps its own.
    """

    def __init__(self, host: Host, *, is_alone: bool = True) -> None:
        self._host = host
        self._is_alone = is_alone
        self.manager = _Manager()
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
                target_name: str = "comm",
                data: Json = None,
                metadata: Mapping[str, Json] | None = None,
                buffers: Sequence[Buffer] | None = None,
                comm_id: str | None = None,
                *args: Any,
                kernel: object = None,  # noqa: ARG002 - as known; there is one
                show_warning: bool = True,  # noqa: ARG002 - as known; nothing is deprecated here
                **keys: Any,
            ) -> None:
                if comm_id is not None:
                    _require("comm_id", comm_id, str, "text or None")
                # By default it is made of the id, which must be ASCII then; nothing needs it here.
                keys.setdefault("topic", b"comm")
                super().__init__(target_name, data, metadata, buffers, comm_id, *args, **keys)

            @property
            def kernel(self) -> object:
                return comms.kernel

            def on_msg(self, callback: Callable[..., object] | None) -> None:
                _require_callback(callback)
                super().on_msg(callback)

            def on_close(self, callback: Callable[..., object] | None) -> None:
                _require_callback(callback)
                super().on_close(callback)

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
                    # There is no caller whose error it is, and no later one: the client is sent it.
                    super().close({}, deleting=True)

            def publish_msg(
                self,
                msg_type: str,
                data: Json = None,
                metadata: Mapping[str, Json] | None = None,
                buffers: Sequence[Buffer] | None = None,
                **keys: Any,
            ) -> None:
                if comms.is_over:
                    return
                # Not at a kernel's start: classes of contents take time to make.
                from assay.kernel import _comm_contents as contents  # noqa: PLC0415

                _require("comm_id", self.comm_id, str, "text")
                if metadata is not None:
                    _require("metadata", metadata, Mapping, "a dict or None")
                data = {} if data is None else data
                content: Content
                match msg_type:
                    case "comm_open":
                        _require("target_name", keys["target_name"], str, "text")
                        if (module := keys.get("target_module")) is not None:
                            _require("target_module", module, str, "text or None")
                        content = contents.CarriedOpen(
                            comm_id=self.comm_id,
                            target_name=keys["target_name"],
                            data=data,
                            target_module=keys.get("target_module"),
                        )
                    case "comm_msg":
                        content = contents.CarriedMsg(comm_id=self.comm_id, data=data)
                    case _:
                        content = contents.CarriedClose(comm_id=self.comm_id, data=data)
                host.publish(content, metadata=metadata, buffers=_flat_each(buffers))

        self.comm_class: type = KernelComm
        self.install()

    def install(self) -> None:
        """Let the comm package make our comms, and find them."""
        for name, value in self._ours().items():
            patches.replace(
                comm,
                name,
                value if self._is_alone else self._for_own_code(value, getattr(comm, name)),
                kind=Kind.CORRECTNESS,
                reason="widgets and others make their comms with it",
            )
        if self._is_alone:
            # Libraries that took the function before we replaced it keep what it returns.
            sys.modules["comm"].__dict__["_comm_manager"] = self.manager

    def uninstall(self) -> None:
        """Undo `install`."""
        for name in self._ours():
            patches.undo(comm, name)

    def _ours(self) -> dict[str, Callable[..., Any]]:
        # No class: a session that is pickled finds a function by the name of its place.
        def create_comm(*args: Any, **keys: Any) -> Any:
            return self.comm_class(*args, **keys)

        return {"create_comm": create_comm, "get_comm_manager": lambda: self.manager}

    def _for_own_code(
        self, ours: Callable[..., Any], theirs: Callable[..., Any]
    ) -> Callable[..., Any]:
        def of_caller(*args: Any, **keys: Any) -> Any:
            make = ours if self._host.is_own_code else theirs
            return make(*args, **keys)

        return of_caller

    def receive(self, message: Message[Content]) -> None:
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
        match content.msg_type:
            case "comm_open":
                self.manager.comm_open(None, None, as_dict)
            case "comm_msg":
                self.manager.comm_msg(None, None, as_dict)
            case _:
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


def _require(name: str, value: object, wanted: type, words: str) -> None:
    """Refuse what a client could not read.

    Raises:
        TypeError: *value* is not of the type *wanted*.
    """
    if not isinstance(value, wanted):
        raise TypeError(f"comm: {name}: wanted {words}, found {type(value).__name__}")


def _require_callback(callback: object) -> None:
    if callback is not None and not callable(callback):
        found = type(callback).__name__
        raise TypeError(f"comm: callback: wanted a function or None, found {found}")


def _flat_each(buffers: Sequence[Buffer] | None) -> list[Buffer]:
    if buffers is None:
        return []
    if isinstance(buffers, str | bytes | bytearray | Mapping):
        found = type(buffers).__name__
        raise TypeError(f"comm: buffers: wanted a list of buffers, found {found}")
    flattened: list[Buffer] = []
    try:
        for buffer in buffers:
            flattened.append(flat(buffer))  # noqa: PERF401 - its length says which one is wrong
    except (TypeError, ValueError, BufferError) as error:
        where = f"buffers[{len(flattened)}]"
        raise TypeError(f"comm: {where}: wanted bytes or the like: {error}") from None
    return flattened


def flat(buffer: Buffer) -> Buffer:
    """Return *buffer* as bytes one after the other."""
    if isinstance(buffer, bytes):
        return buffer
    view = memoryview(buffer)
    # Views without any element cannot be cast.
    return view.cast("B") if view.c_contiguous and view.nbytes else view.tobytes()
