"""IPython's display hook and publisher, with IOPub as their screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher

from assay import protocol
from assay.kernel.ipython._cell_run import run_of
from assay.kernel.ipython._errors import newest_error
from assay.protocol import UNSET, Channel, ExecuteResult, Json, JsonObject, unstructure

if TYPE_CHECKING:
    from assay.kernel.ipython._shell import ZMQInteractiveShell

__all__ = ["IopubDisplayHook", "IopubDisplayPublisher"]

Hook = Callable[[dict[str, Any]], dict[str, Any] | None]


class _Sender:
    """What programs that publish for a cell take from IPython's hook and publisher.

    One is `execute_interactive` of jupyter_client, in a cell: it shows there what the other kernel
    does.
    """

    shell: ZMQInteractiveShell

    pub_socket = Channel.IOPUB
    """Where `session` sends to."""

    @property
    def session(self) -> Any:
        """What sends: the `session` of ``get_ipython().kernel``."""
        return self.shell.kernel.session

    @property
    def parent_header(self) -> dict[str, Any]:
        """The header of the running request; an empty dict without one."""
        header: dict[str, Any] = self.shell.kernel.get_parent().get("header", {})
        return header

    @parent_header.setter
    def parent_header(self, parent: JsonObject) -> None:
        self.set_parent(parent)

    def set_parent(self, parent: JsonObject) -> None:
        """Let what the caller prints and shows belong to *parent*, a request or its header."""
        self.shell.kernel.set_parent(None, parent)


class IopubDisplayHook(_Sender, DisplayHook):  # type: ignore[misc]  # IPython is untyped here
    """Publish what a cell's last expression gave, as execute_result."""

    topic = b"execute_result"
    """For `session`, which does not look at it."""

    def __init__(self, shell: ZMQInteractiveShell | None = None, **keys: Any) -> None:
        super().__init__(shell=shell, **keys)
        self._shell = self.shell  # a trait, and so twice as expensive to look up

    @property
    def exec_result(self) -> Any:
        """Where the result is noted, while a cell runs; no trait here, it is set twice a cell."""
        run = run_of(self._shell.host.request())
        return run.result if run is not None else None

    @exec_result.setter
    def exec_result(self, result: object) -> None:
        if (run := run_of(self._shell.host.request())) is not None:
            run.result = result

    def quiet(self) -> bool:
        """Return True if the cell ends with a semicolon; another cell may have begun since."""
        inputs, number = self._shell.history_manager.input_hist_parsed, self.prompt_count
        run = run_of(self._shell.host.request())
        if run is None or not run.count or not 0 < number < len(inputs):
            return bool(super().quiet())
        return bool(self.semicolon_at_end_of_expression(inputs[number]))

    def update_user_ns(self, result: object) -> None:
        """Give *result* its names: ``_``, ``_N`` and ``Out[N]``."""
        with self._shell.lock:
            super().update_user_ns(result)

    def __call__(self, result: object = None) -> None:
        """Show *result*; that it cannot be shown is an error of the cell (EXEC-17)."""
        if (around := self._shell.around) is not None and not self._shell.host.is_own_code:
            around.displayhook(result)  # of a subshell of the kernel around
            return
        before = newest_error()
        super().__call__(result)
        request, error = self._shell.host.request(), newest_error()
        if request is not None and error is not before:
            request.result_error = request.error = error

    def write_output_prompt(self) -> None:
        """Write nothing: the client numbers its own prompts."""

    def write_format_data(
        self, format_dict: Mapping[str, Json], md_dict: Mapping[str, Json] | None = None
    ) -> None:
        """Publish the representations that IPython computed."""
        request = self._shell.host.request()
        # One that a program has made its parent, or none in start-up code, has no cell here.
        number = request.number if request is not None else 0
        self._shell.host.publish(
            ExecuteResult(
                execution_count=number or self.prompt_count,
                data=dict(format_dict),
                metadata=dict(md_dict or {}),
            )
        )

    def finish_displayhook(self) -> None:
        """Write nothing: the message has left already."""


class IopubDisplayPublisher(_Sender, DisplayPublisher):  # type: ignore[misc]  # IPython is untyped here
    """Publish displays, as display_data and its relatives."""

    topic = b"display_data"
    """For `session`, which does not look at it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._hooks: list[Hook] = []

    def publish(
        self,
        data: Mapping[str, Json],
        metadata: Mapping[str, Json] | None = None,
        *,
        source: object = None,  # noqa: ARG002 - part of IPython's signature
        transient: Mapping[str, Json] | None = None,
        update: bool = False,
        **_: Any,
    ) -> None:
        """Publish *data*, or with *update* replace what has the same ``display_id``."""
        if (around := self._of_caller()) is not None:
            around.publish(data, metadata, transient=transient, update=update)
            return
        shown: protocol.DisplayData | protocol.UpdateDisplayData
        whole = _dict_of("data", data)
        about = _dict_of("metadata", metadata or {})
        passing = _dict_of("transient", transient or {})
        if update:
            shown = protocol.UpdateDisplayData(data=whole, metadata=about, transient=passing)
        else:
            shown = protocol.DisplayData(data=whole, metadata=about, transient=passing or UNSET)
        if self._hooks and self._is_taken(shown):
            return
        self.shell.host.publish(shown)

    def clear_output(self, wait: bool = False) -> None:
        """Clear the cell's output, with *wait* only when the next one comes."""
        if (around := self._of_caller()) is not None:
            around.clear_output(wait)
            return
        self.shell.host.publish(protocol.ClearOutput(wait=bool(wait)))

    def _of_caller(self) -> IopubDisplayPublisher | None:
        """Return the publisher of the shell around this one, for code that is not of this one's."""
        shell = self.shell
        if shell.around is None or shell.host.is_own_code:
            return None
        found: IopubDisplayPublisher = shell.around.display_pub
        return found

    def register_hook(self, hook: Hook) -> None:
        """Let *hook* see every display first, as a message in its dict form; None takes it."""
        self._hooks.append(hook)

    def unregister_hook(self, hook: Hook) -> bool:
        """Undo `register_hook`; False if *hook* is not registered."""
        if hook not in self._hooks:
            return False
        self._hooks.remove(hook)
        return True

    def _is_taken(self, shown: protocol.DisplayData | protocol.UpdateDisplayData) -> bool:
        message: dict[str, Any] | None = {
            "header": {"msg_type": shown.msg_type},
            "msg_type": shown.msg_type,
            "parent_header": self.parent_header,
            "metadata": {},
            "content": unstructure(shown),
        }
        for hook in self._hooks:
            assert message is not None
            message = hook(message)
            if message is None:
                return True
        return False


def _dict_of(name: str, value: Mapping[str, Json]) -> dict[str, Json]:
    """Return *value* as a dict of its own.

    Raises:
        TypeError: it is something else; no type checker sees what a cell passes.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}: wanted a dict, found {type(value).__name__}")
    return dict(value)
