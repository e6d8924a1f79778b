"""Asking about the kernel (spec/chapters/info.md)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assay.conformance._arrival import Object
from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, passed
from assay.conformance._testee import Testee
from assay.protocol import Channel

__all__: list[str] = []

VERSION = re.compile(r"\d+\.\d+(\.\d+)?")


@check("INFO-01.1", "a kernel_info_request on shell gets a kernel_info_reply")
def answered_on_shell(kernel: Testee) -> Outcome:
    heard = kernel.peer.ask("kernel_info_request")
    if heard.reply is None or heard.reply.msg_type != "kernel_info_reply":
        got = "nothing" if heard.reply is None else heard.reply.msg_type
        return failed("a kernel_info_reply", got, heard)
    if heard.status == "error":
        return failed("a kernel_info_reply", "an error", heard)
    return passed()


@check("INFO-02.1", "a kernel_info_request on control gets a kernel_info_reply")
def answered_on_control(kernel: Testee) -> Outcome:
    heard = kernel.peer.ask("kernel_info_request", channel=Channel.CONTROL)
    if heard.reply is None or heard.reply.msg_type != "kernel_info_reply":
        got = "nothing" if heard.reply is None else heard.reply.msg_type
        return failed("a kernel_info_reply", got, heard)
    return passed()


@check("INFO-04.1", "protocol_version is two or three numbers with dots between them")
def version_form(kernel: Testee) -> Outcome:
    reply = kernel.peer.ask("kernel_info_request").succeeded()
    version = reply.content.get("protocol_version")
    if not isinstance(version, str) or not VERSION.fullmatch(version):
        return failed("numbers such as 5.5", repr(version), reply)
    return passed()


def _texts(content: Object, names: Sequence[str], where: str) -> Outcome:
    for name in names:
        value = content.get(name)
        if not isinstance(value, str):
            return failed(f"text as {where}{name}", repr(value))
    return passed()


@check("INFO-05.1", "implementation, implementation_version and banner are text")
def implementation(kernel: Testee) -> Outcome:
    content = kernel.peer.ask("kernel_info_request").succeeded().content
    return _texts(content, ("implementation", "implementation_version", "banner"), "")


@check("INFO-06.1", "language_info names the language, its version, MIME type and file extension")
def language(kernel: Testee) -> Outcome:
    about = kernel.peer.ask("kernel_info_request").succeeded().content.get("language_info")
    if not isinstance(about, dict):
        return failed("an object as language_info", repr(about))
    return _texts(about, ("name", "version", "mimetype", "file_extension"), "language_info.")


@check("INFO-06.2", "the file extension begins with a dot")
def extension(kernel: Testee) -> Outcome:
    about = kernel.peer.ask("kernel_info_request").succeeded().content.get("language_info")
    value = about.get("file_extension") if isinstance(about, dict) else None
    if not isinstance(value, str):
        raise Skip("there is no file extension")
    if not value.startswith("."):
        return failed("a dot first", repr(value))
    return passed()


@check("INFO-02.2", "the answer on control is the one on shell")
def same_on_control(kernel: Testee) -> Outcome:
    shell = kernel.peer.ask("kernel_info_request").succeeded()
    control = kernel.peer.ask("kernel_info_request", channel=Channel.CONTROL).succeeded()
    differing = [key for key in shell.content if shell.content[key] != control.content.get(key)]
    if differing:
        return failed("the same content", f"another {', '.join(differing)}", shell, control)
    return passed()


@check("INFO-11.1", "asking three times changes nothing", fresh=True, snippets=("nothing",))
def asking_changes_nothing(kernel: Testee) -> Outcome:
    for _ in range(3):
        kernel.peer.ask("kernel_info_request").succeeded()
    reply = kernel.peer.execute(kernel.snippet("nothing")).succeeded()
    if reply.content.get("execution_count") != 1:
        return failed("1 as count of the first cell", repr(reply.content.get("execution_count")))
    return passed()


@check(
    "INFO-03.1",
    "kernel_info is answered on control while a cell runs",
    snippets=("print_and_sleep",),
)
def answered_while_busy(kernel: Testee) -> Outcome:
    peer = kernel.peer
    cell = peer.execute(kernel.snippet("print_and_sleep", text="assay", seconds=2), wait=False)
    if not peer.wait_for(lambda: cell.text() or cell.replies):
        raise Skip("the cell did not begin")
    heard = peer.ask("kernel_info_request", channel=Channel.CONTROL)
    in_time = bool(heard.replies) and not cell.replies
    peer.finish(cell)
    if not in_time:
        return failed("a reply before the end of the cell", "none", heard, cell)
    return passed()


@check("INFO-09.1", "supported_features is a list of text")
def features(kernel: Testee) -> Outcome:
    content = kernel.peer.ask("kernel_info_request").succeeded().content
    value = content.get("supported_features")
    if value is None:
        raise Skip("there is no supported_features")
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return failed("a list of text", repr(value))
    return passed()
