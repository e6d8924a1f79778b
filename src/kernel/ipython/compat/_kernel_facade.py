"""The kernel as a program that runs in it knows it.

The names are those of IPython's own kernel. Only what works is here: a program that looks whether
there is a name is to find another way where there is none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from IPython.core.error import StdinNotImplementedError

from assay.kernel._info import kernel_info
from assay.kernel._request import NoInputError
from assay.kernel.ipython._answers import complete_reply, inspect_reply
from assay.kernel.ipython._comms import flat
from assay.protocol import MESSAGE_TYPES, Channel, LocalError, structure_content, unstructure

if TYPE_CHECKING:
    from comm.base_comm import CommManager
    from traitlets.config import Config

    from assay.kernel._interpreter import Host
    from assay.kernel.gui import Toolkit
    from assay.kernel.ipython._app import IPKernelApp
    from assay.kernel.ipython._comms import Comms
    from assay.kernel.ipython._gui import Gui
    from assay.kernel.ipython._shell import ZMQInteractiveShell
    from assay.protocol import Buffer, Json, JsonObject

__all__ = ["KernelFacade", "ask"]

SOCKETS = "the sockets are the I/O thread's; publish with kernel.session.send or display"
QUEUE = "requests wait in the kernel's own lane; handle one with kernel.do_one_iteration"

WHY_ABSENT = {
    "shell_stream": SOCKETS,
    "shell_socket": SOCKETS,
    "control_stream": SOCKETS,
    "control_socket": SOCKETS,
    "stdin_socket": SOCKETS,
    "iopub_thread": SOCKETS,
    "msg_queue": QUEUE,
    "dispatch_queue": QUEUE,
    "schedule_dispatch": QUEUE,
    "execute_request": QUEUE,
    "control_thread": "control has a thread only while it is needed, and no loop in it",
    "control_handlers": "requests on control are answered by the kernel's own threads",
    "debugger": "debug requests have a thread of their own; programs call breakpoint()",
}
"""Names of IPython's kernel that mean nothing here, and what does the same."""


class KernelFacade:
    """What programs find as ``get_ipython().kernel``."""

    iopub_socket = Channel.IOPUB
    """Where `session` sends to."""

    def __init__(self, host: Host, comms: Comms, shell: ZMQInteractiveShell) -> None:
        self._host = host
        self.shell = shell
        self.comm_manager: CommManager = comms.manager
        self.log = logging.getLogger("assay.kernel")
        self.session = _Publisher(host)
        self._gui: Gui | None = None
        self._shell_handlers: dict[str, Callable[..., Any]] = {"execute_request": _not_called}

    def __reduce__(self) -> tuple[Callable[[], KernelFacade], tuple[()]]:
        # A session that is pickled may hold it; the kernel that reads it puts itself there.
        return _present_kernel, ()

    # --- What kernel_info says.

    @property
    def implementation(self) -> str:
        """Which kernel this is."""
        return kernel_info().implementation

    @property
    def implementation_version(self) -> str:
        """Which version of it."""
        return kernel_info().implementation_version

    @property
    def language_info(self) -> dict[str, Json]:
        """Which Python."""
        return unstructure(kernel_info().language_info)

    @property
    def banner(self) -> str:
        """What consoles show at their start."""
        return kernel_info().banner

    # --- The shell's state.

    @property
    def execution_count(self) -> int:
        """The number of the next cell, as the shell counts."""
        return int(self.shell.execution_count)

    @property
    def config(self) -> Config:
        """The configuration, in whose ``IPKernelApp`` programs see that they run in a kernel."""
        found: Config = self.shell.config
        return found

    @property
    def parent(self) -> IPKernelApp:
        """The application."""
        found: IPKernelApp = self.shell.parent
        return found

    @property
    def io_loop(self) -> Any:
        """Tornado's view of the user's event loop.

        Raises:
            AttributeError: tornado is not installed.
        """
        try:
            from tornado.ioloop import IOLoop  # noqa: PLC0415 - few programs use it
        except ImportError as error:
            raise AttributeError("io_loop: wanted tornado, which is not installed") from error
        return IOLoop.current()

    async def do_one_iteration(self) -> None:
        """Handle one request that waits behind the cell, such as a widget's event; not a cell.

        And let other tasks go on. Awaited by the cell, or in another thread for which it waits
        (jupyter_ui_poll does both).
        """
        import asyncio  # noqa: PLC0415 - code that awaits has imported it

        self._host.handle_waiting()
        await asyncio.sleep(0)

    @property
    def shell_handlers(self) -> dict[str, Callable[..., Any]]:
        """Handlers by type, which programs replace for a while; cells always wait for their turn.

        What stands here is kept and not called.
        """
        return self._shell_handlers

    def __getattr__(self, name: str) -> Any:
        reason = WHY_ABSENT.get(name, "this kernel has nothing that would be it")
        raise AttributeError(f"get_ipython().kernel has no {name!r}: {reason}")

    @property
    def user_ns(self) -> dict[str, Any]:
        """The user's namespace."""
        namespace: dict[str, Any] = self.shell.user_ns
        return namespace

    # --- The running request.

    def get_parent(self, channel: object = None) -> dict[str, Any]:
        """Return the running request as a dict of its parts, or an empty one.

        Its id and type stand beside ``header``, as in every message that Jupyter's sessions read.

        Args:
            channel: Of ``"control"`` no request runs a program's code: it is empty.
        """
        request = self._host.request()
        if channel == "control" or request is None:
            return {}
        header = request.header
        return {
            **request.as_json(),
            "msg_id": header.msg_id,
            "msg_type": header.msg_type,
            "parent_header": {},
            "buffers": list(request.envelope.buffers),
        }

    def set_parent(
        self,
        ident: object,  # noqa: ARG002 - as known; a request that is over gets no prompt
        parent: JsonObject,
        channel: object = None,
    ) -> None:
        """Let what the caller prints and shows belong to *parent*, an earlier request.

        It holds for the caller's thread or task, and in a cell until its end.

        Args:
            ident: Is not looked at.
            parent: What `get_parent` returned, or only the header.
            channel: For ``"control"``, whose requests show nothing, it has no effect.

        Raises:
            ContentError: there is no such header.
        """
        if parent and channel != "control":
            self._host.set_parent(_with_header(parent))

    @property
    def _parent_header(self) -> dict[str, Any]:
        return self.get_parent()

    @property
    def _parent_ident(self) -> dict[str, list[bytes]]:
        request = self._host.request()
        return {"shell": list(request.envelope.identities) if request is not None else []}

    # --- Questions. VS Code has its cells ask them, in threads of their own.

    def do_complete(self, code: str, cursor_pos: int | None = None) -> dict[str, Any]:
        """Return what a complete_reply says, found in the caller's thread.

        Args:
            code: What is written.
            cursor_pos: Where, in code points; by default at its end.
        """
        at = len(code) if cursor_pos is None else cursor_pos
        return unstructure(complete_reply(self.shell, code, at, in_thread=True))

    def do_inspect(
        self,
        code: str,
        cursor_pos: int,
        detail_level: int = 0,
        omit_sections: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Return what an inspect_reply says, found in the caller's thread."""
        found = inspect_reply(
            self.shell, code, cursor_pos, detail_level, omit_sections, in_thread=True
        )
        return unstructure(found)

    # --- What a program may do.

    def send_response(
        self,
        stream: object,
        msg_or_type: str,
        content: JsonObject | None = None,
        ident: object = None,
        **parts: Any,
    ) -> None:
        """Publish for the running request (`_Publisher.send`)."""
        self.session.send(stream, msg_or_type, content, None, ident, **parts)

    def raw_input(self, prompt: object = "") -> str:
        """Return a line from the client; EOF raises EOFError."""
        return ask(self._host, str(prompt), password=False)

    def getpass(self, prompt: object = "", stream: object = None, **_: Any) -> str:  # noqa: ARG002
        """Return a line that the client does not show."""
        return ask(self._host, str(prompt), password=True)

    def do_shutdown(self, restart: bool) -> dict[str, Json]:
        """End once the running cell is answered.

        A client that did not ask for the end starts the kernel again, with *restart* or without.
        """
        self._host.request_exit()
        return {"status": "ok", "restart": restart}

    def enable_gui(self, gui: str | Toolkit | None) -> None:
        """Let the windows of a GUI toolkit live while the kernel waits; None for none.

        Args:
            gui: A name that ``%gui`` takes, or a toolkit of one's own (`assay.kernel.Toolkit`).

        Raises:
            ToolkitError: it is not there, or cannot run here; what was on stays on.
        """
        if self._gui is None:
            if gui is None:
                return
            from assay.kernel.ipython._gui import Gui  # noqa: PLC0415 - for few kernels

            self._gui = Gui(self._host, self.shell.loops.main)
            self._host.on_close(self._gui.close)
        self._gui.choose(gui)

    @property
    def active_gui(self) -> str | None:
        """The name of the GUI whose windows live."""
        present = self._gui.present if self._gui is not None else None
        return present.name if present is not None else None


async def _not_called(*_: object) -> None:
    """Stand for a handler."""


def _present_kernel() -> KernelFacade:
    from IPython.core.getipython import get_ipython  # noqa: PLC0415 - for few programs

    kernel: KernelFacade = get_ipython().kernel
    return kernel


class _Publisher:
    """Publishes for programs that use the session of Jupyter's kernels to do so."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def msg(
        self,
        msg_type: str,
        content: JsonObject | None = None,
        parent: JsonObject | None = None,
        header: object = None,  # noqa: ARG002 - as known; a message gets its header when it is sent
        metadata: Mapping[str, Json] | None = None,
    ) -> dict[str, Any]:
        """Return a message that `send` takes."""
        return {
            "header": {"msg_type": msg_type},
            "msg_type": msg_type,
            "parent_header": _with_header(parent)["header"] if parent else {},
            "content": content or {},
            "metadata": dict(metadata or {}),
        }

    def send(
        self,
        stream: object,
        msg_or_type: str | Mapping[str, Any],
        content: JsonObject | None = None,
        parent: JsonObject | None = None,
        ident: object = None,  # noqa: ARG002 - as known; the kernel names its own topics
        *,
        metadata: Mapping[str, Json] | None = None,
        buffers: Sequence[Buffer] | None = None,
        **_: object,
    ) -> None:
        """Publish one of IOPub's messages.

        Args:
            stream: `KernelFacade.iopub_socket`.
            msg_or_type: The type; or a whole message, of which the arguments after it tell nothing.
            content: Of that type.
            parent: The request it belongs to, or its header; by default the running one.
            ident: Is not looked at.
            metadata: Free for extensions.
            buffers: Raw bytes that go along.

        Raises:
            LocalError: it is for another channel, or of no type of IOPub's.
            ContentError: *content* does not fit the type.
        """
        if isinstance(msg_or_type, Mapping):
            message = msg_or_type
            msg_type = str(message.get("msg_type"))
            content, metadata = message.get("content"), message.get("metadata")
            parent, buffers = message.get("parent_header"), buffers or message.get("buffers")
        else:
            msg_type = msg_or_type
        row = MESSAGE_TYPES.get(msg_type)
        if stream is not Channel.IOPUB or row is None or Channel.IOPUB not in row.channels:
            raise LocalError(f"wanted a message of IOPub for iopub_socket, found {msg_type!r}")
        typed = structure_content(msg_type, content or {})
        self._host.publish(
            typed,
            metadata=metadata,
            buffers=[flat(buffer) for buffer in buffers or ()],
            parent=_with_header(parent) if parent else None,
        )


def _with_header(parent: Any) -> JsonObject:
    """Return *parent*, which may be a header alone, as a dict with a ``header``.

    What is no dict is left as it is: it is refused where a header is wanted.
    """
    is_header = isinstance(parent, Mapping) and "header" not in parent
    whole: JsonObject = {"header": parent} if is_header else parent
    return whole


def ask(host: Host, prompt: str, *, password: bool) -> str:
    """Return a line from the client.

    Raises:
        StdinNotImplementedError: the client answers no prompts.
    """
    with suppress(NoInputError):
        return host.ask(prompt, password=password)
    # Not while that is handled: the context is what the program handles just now.
    # The text is ipykernel's: programs that run notebooks look for it, nbclient's tests for one.
    name = "getpass" if password else "raw_input"
    raise StdinNotImplementedError(
        f"{name} was called, but this frontend does not support input requests."
    )
