"""Asking about the kernel (spec/chapters/info.md)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assay.conformance._arrival import Arrival, Object
from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, passed
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import has_count, moving_count, new_name
from assay.conformance.checks._comms import echoes, open_comm, registered_target
from assay.conformance.checks._shape import OBJECT, has_shape
from assay.protocol import Channel

__all__: list[str] = []

VERSION = re.compile(r"\d+\.\d+(\.\d+)?")


@check("INFO-01.1", "a kernel_info_request on shell gets a kernel_info_reply")
def answered_on_shell(kernel: Testee) -> Outcome:
    response = kernel.peer.ask("kernel_info_request")
    if response.reply is None or response.reply.msg_type != "kernel_info_reply":
        got = "nothing" if response.reply is None else response.reply.msg_type
        return failed("a kernel_info_reply", got, response)
    if response.status == "error":
        return failed("a kernel_info_reply", "an error", response)
    return passed()


@check("INFO-02.1", "a kernel_info_request on control gets a kernel_info_reply")
def answered_on_control(kernel: Testee) -> Outcome:
    response = kernel.peer.ask("kernel_info_request", channel=Channel.CONTROL)
    if response.reply is None or response.reply.msg_type != "kernel_info_reply":
        got = "nothing" if response.reply is None else response.reply.msg_type
        return failed("a kernel_info_reply", got, response)
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


@check(
    "INFO-06.1",
    "language_info names the language, its MIME type and file extension",
    mistake="The MIME type is missing, or the extension is written without its dot.",
)
def language(kernel: Testee) -> Outcome:
    about = kernel.peer.ask("kernel_info_request").succeeded().content.get("language_info")
    if not isinstance(about, dict):
        return failed("an object as language_info", repr(about))
    named = ["version"] if "version" in about else []  # whether it is there is for INFO-18
    return _texts(about, ("name", "mimetype", "file_extension", *named), "language_info.")


@check("INFO-06.2", "the file extension begins with a dot")
def extension(kernel: Testee) -> Outcome:
    about = kernel.peer.ask("kernel_info_request").succeeded().content.get("language_info")
    value = about.get("file_extension") if isinstance(about, dict) else None
    if not isinstance(value, str):
        raise Skip("there is no file extension")
    if not value.startswith("."):
        return failed("a dot first", repr(value))
    return passed()


@check(
    "INFO-18.1",
    "language_info has the version of the language",
    mistake="The page on wrapper kernels does not name it among the keys.",
)
def language_version(kernel: Testee) -> Outcome:
    about = kernel.peer.ask("kernel_info_request").succeeded().content.get("language_info")
    if not isinstance(about, dict):
        raise Skip("there is no language_info (INFO-06)")
    if "version" not in about:
        return failed("text as language_info.version", "nothing")
    return passed()


@check("INFO-02.2", "the answer on control is the one on shell")
def same_on_control(kernel: Testee) -> Outcome:
    shell = kernel.peer.ask("kernel_info_request").succeeded()
    control = kernel.peer.ask("kernel_info_request", channel=Channel.CONTROL).succeeded()
    differing = [key for key in shell.content if shell.content[key] != control.content.get(key)]
    if differing:
        return failed("the same content", f"another {', '.join(differing)}", shell, control)
    return passed()


@check("INFO-11.1", "asking three times changes nothing", snippets=("nothing",))
def asking_changes_nothing(kernel: Testee) -> Outcome:
    before = moving_count(kernel)
    asked = [kernel.peer.ask("kernel_info_request") for _ in range(3)]
    for one in asked:
        one.succeeded()
    return has_count(kernel.peer.execute(kernel.snippet("nothing")), before + 1, *asked)


@check(
    "INFO-03.1",
    "kernel_info is answered on control while a cell runs",
    snippets=("print_and_sleep",),
)
def answered_while_busy(kernel: Testee) -> Outcome:
    peer = kernel.peer
    cell = peer.execute(kernel.snippet("print_and_sleep", text="assay", seconds=2), wait=False)
    # What it prints may be held back until it ends.
    if not peer.wait_for(lambda: cell.busy or cell.replies) or cell.replies:
        raise Skip("nothing shows that the cell runs")
    response = peer.ask("kernel_info_request", channel=Channel.CONTROL)
    in_time = bool(response.replies) and not cell.replies
    peer.finish(cell)
    if not in_time:
        return failed("a reply before the end of the cell", "none", response, cell)
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


def _opened(kernel: Testee) -> tuple[str, str]:
    """Return the target and the id of a comm that is open now.

    Raises:
        Skip: the kernel has no comms that a client can open.
    """
    target, comm_id = registered_target(kernel), new_name("assaycomm")
    open_comm(kernel.peer, target, comm_id)
    if not echoes(kernel.peer, comm_id):
        raise Skip("a comm_open of a client opens no comm (COMM-02)")
    return target, comm_id


def _comms(kernel: Testee, **content: object) -> Arrival:
    return kernel.peer.ask("comm_info_request", content).succeeded()


@check(
    "INFO-12.1",
    "a comm_info_reply lists the open comms by id, each with its target_name",
    snippets=("comm_register",),
    mistake="The comms are a list, or the targets stand bare.",
)
def open_comms(kernel: Testee) -> Outcome:
    target, comm_id = _opened(kernel)
    reply = _comms(kernel)
    comms = reply.content.get("comms")
    if not isinstance(comms, dict):
        return failed("an object under 'comms'", repr(comms), reply)
    if comm_id not in comms:
        return failed(f"the open comm {comm_id!r}", repr(list(comms)), reply)
    found = comms[comm_id]
    if not isinstance(found, dict) or found.get("target_name") != target:
        return failed(f"an object with target_name {target!r}", repr(found), reply)
    return passed()


@check(
    "INFO-12.2",
    "a comm_info_reply is limited to the target that its request names",
    snippets=("comm_register",),
    mistake="The target of the request is not read.",
)
def comms_of_a_target(kernel: Testee) -> Outcome:
    first, second = _opened(kernel), _opened(kernel)
    reply = _comms(kernel, target_name=second[0])
    comms = reply.content.get("comms")
    if not isinstance(comms, dict):
        raise Skip("the comm_info_reply has no comms (INFO-12)")
    if second[1] not in comms or first[1] in comms:
        return failed(f"the comm of {second[0]!r} alone", repr(comms), reply)
    return passed()


@check(
    "INFO-12.3",
    "a comm_info_reply has an object of comms",
    mistake="Without comms there is a list, or nothing.",
)
def form_of_comms(kernel: Testee) -> Outcome:
    return has_shape(_comms(kernel), {"comms": OBJECT})


@check("INFO-13.1", "without comms to list the reply is ok, and its comms an empty object")
def no_comms(kernel: Testee) -> Outcome:
    response = kernel.peer.ask("comm_info_request", {"target_name": new_name("assaytarget")})
    response.replied()
    kernel.peer.ask("kernel_info_request").succeeded()
    if response.status != "ok" or response.replied().content.get("comms") != {}:
        content = response.replied().content
        got = f"status {response.status!r}, comms {content.get('comms')!r}"
        return failed("status ok and no comms", got, response)
    return passed()


@check("INFO-15.1", "a connect_reply states the ports of the connection file")
def ports(kernel: Testee) -> Outcome:
    reply = kernel.peer.ask("connect_request").replied()
    if reply.status == "error":
        raise Skip("the connect_request, which is optional, is refused")
    for channel in Channel:
        key = f"{channel}_port"
        wanted, found = kernel.connection.port(channel), reply.content.get(key)
        if found != wanted or isinstance(found, bool):
            return failed(f"{key} {wanted}", repr(found), reply)
    return passed()


PLAIN = ("status:busy", "execute_input", "stream", "status:idle")


@check(
    "INFO-16.1",
    "a plain cell of a kernel with optional features publishes what it does without them",
    snippets=("print",),
    mistake="A debugger or a plotting library adds messages of its own to every cell.",
)
def features_add_nothing(kernel: Testee) -> Outcome:
    if not kernel.features:
        raise Skip("the kernel announces no optional feature")
    cell = kernel.peer.execute(kernel.snippet("print", text="assay"))
    cell.succeeded()
    kernel.peer.quiet()
    added = [one for one in cell.types if one not in PLAIN]
    if added:
        return failed(", ".join(PLAIN), ", ".join(cell.types), cell)
    return passed()
