"""Asking about the kernel (spec/chapters/info.md)."""

from __future__ import annotations

import re

from assay.conformance._check import check
from assay.conformance._outcome import Outcome, failed, passed
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
