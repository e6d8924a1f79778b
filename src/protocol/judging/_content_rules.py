"""What a conforming sender's content is, beyond the types of its fields.

A rule is a function of a content and yields findings. A tolerant receiver lets all of it pass: what
it cannot do without, the types say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias, TypeVar

import attrs

from assay.protocol._errors import ContentError, FramingError, shorten
from assay.protocol._shapes import is_mapping
from assay.protocol.contents._debug import DebugReply, DebugRequest
from assay.protocol.judging._finding import Finding, finding
from assay.protocol.wire._json import decode_json
from assay.protocol.wire._message import Aborted, Content, ErrorReply
from assay.protocol.wire._registry import content_class
from assay.protocol.wire._structure import structure

__all__ = ["failed", "field_rule", "strict_findings"]

Fields: TypeAlias = Mapping[str, object]
C = TypeVar("C", bound=Content)
Rule: TypeAlias = Callable[[Fields], Iterator[Finding]]

WHOLE_TYPE = {
    "stream": "IOPUB-09",
    "display_data": "IOPUB-10",
    "update_display_data": "IOPUB-16",
    "execute_input": "IOPUB-18",
    "execute_result": "IOPUB-19",
    "error": "IOPUB-20",
    "status": "IOPUB-21",
    "clear_output": "IOPUB-25",
    "iopub_welcome": "IOPUB-02",
    "comm_open": "COMM-01",
    "comm_msg": "COMM-04",
    "comm_close": "COMM-05",
    "complete_reply": "COMPLETE-04",
    "inspect_reply": "INSPECT-03",
    "history_reply": "HIST-07",
    "is_complete_reply": "ISCOMPLETE-01",
    "kernel_info_reply": "INFO-05",
    "comm_info_reply": "INFO-12",
    "shutdown_reply": "CTRL-04",
    "interrupt_reply": "CTRL-09",
    "debug_request": "DEBUG-02",
    "debug_reply": "DEBUG-04",
    "debug_event": "DEBUG-03",
    "create_subshell_reply": "SUBSHELL-02",
    "delete_subshell_reply": "SUBSHELL-03",
    "list_subshell_reply": "SUBSHELL-04",
    "input_request": "STDIN-08",
}
"""The sentence that lists the fields of a type; `HDR-18` for the others."""

ONE_FIELD = {
    ("execute_reply", "execution_count"): "SHELL-13",
    ("execute_reply", "user_expressions"): "EXEC-11",
    ("execute_reply", "payload"): "EXEC-14",
    ("comm_open", "data"): "COMM-06",
    ("comm_msg", "data"): "COMM-06",
    ("comm_close", "data"): "COMM-06",
    ("kernel_info_reply", "protocol_version"): "INFO-04",
    ("kernel_info_reply", "language_info"): "INFO-06",
    ("kernel_info_reply", "help_links"): "HDR-18",
    ("kernel_info_reply", "supported_features"): "HDR-18",
    ("kernel_info_reply", "debugger"): "HDR-18",
    ("input_reply", "value"): "HDR-18",
    ("is_complete_reply", "indent"): "HDR-18",
}

NEEDED: Mapping[str, tuple[str, ...]] = {
    "complete_request": ("cursor_pos",),
    "inspect_request": ("cursor_pos",),
    "shutdown_request": ("restart",),
    "execute_reply": ("user_expressions",),
    "complete_reply": ("metadata",),
    "inspect_reply": ("data", "metadata"),
    "kernel_info_reply": (
        "banner",
        "implementation",
        "implementation_version",
        "language_info",
        "protocol_version",
    ),
    "comm_info_reply": ("comms",),
    "shutdown_reply": ("restart",),
    "display_data": ("metadata",),
    "update_display_data": ("metadata",),
    "execute_result": ("metadata",),
    "clear_output": ("wait",),
    "comm_open": ("data",),
    "comm_msg": ("data",),
    "comm_close": ("data",),
    "input_request": ("prompt", "password"),
    "debug_request": ("type", "seq"),
    "debug_reply": ("type", "seq", "request_seq", "command", "success"),
    "debug_event": ("type", "seq"),
}
"""Fields that a sender must write although a receiver can do without them: our classes have a
default for them. What an execute_request may leave out is not among them (EXEC-28)."""

NEVER_NULL: Mapping[str, tuple[str, ...]] = {
    "complete_request": ("cursor_pos",),
    "inspect_request": ("cursor_pos",),
    "history_request": ("stop", "n", "pattern"),
    "comm_info_request": ("target_name",),
}
"""Fields that our classes take null for, as clients send it, and the text does not (AMB-59)."""

OWN_STATUS = frozenset({"is_complete_reply", "debug_reply", "connect_reply", "input_reply"})
"""Replies whose ``status`` is another thing, or that have none (AMB-02)."""

PLAIN = {
    "is_complete_reply": "ISCOMPLETE-01",
    "debug_reply": "DEBUG-04",
    "input_reply": "HDR-18",
}
"""Replies that do not fail in the common form (AMB-02), and the sentence on their own."""

ERROR_FIELDS = ("ename", "evalue", "traceback")

FIELDS: Mapping[str, tuple[str, ...]] = {
    "ok": ("data", "metadata"),
    "error": ERROR_FIELDS,
}
"""What the value of a user expression holds, by its status (EXEC-09, EXEC-10)."""

VERSION = re.compile(r"\d+\.\d+(\.\d+)?", re.ASCII)
"""Two numbers, or three (AMB-11)."""

BINARY = re.compile(r"(image/(png|jpe?g|gif|webp|bmp|tiff)|application/pdf)", re.IGNORECASE)
"""Types whose representations are bytes."""

BASE64 = re.compile(r"[A-Za-z0-9+/\s]*={0,2}\s*", re.ASCII)

JSON_TYPE = re.compile(r"application/(json|.+\+json)", re.IGNORECASE)

FAILED_TOO: Mapping[str, frozenset[str]] = {
    "execute_reply": frozenset({"status", "execution_count", "payload"}),
}
"""Fields of a success that a failure has too: the count (SHELL-13), and what the cell had asked of
its client before it failed (EXEC-13, AMB-04)."""

SPELLED_ABORTED = (5, 5)
"""The version whose text spells the status so; it had been ``abort`` until then (AMB-01)."""

PAYLOADS = {
    "page": ("data", "start"),
    "set_next_input": ("text", "replace"),
    "edit_magic": ("filename", "line_number"),
    "ask_exit": ("keepkernel",),
}


def field_rule(msg_type: str, status: object, name: str) -> str:
    """Return the requirement that the field *name* of a *msg_type* content breaks."""
    match content_class(msg_type, status):
        case cls if cls is ErrorReply:
            own = name in ERROR_FIELDS
            return "SHELL-10" if own else ONE_FIELD.get((msg_type, name), "HDR-18")
        case cls if cls is Aborted:
            return ONE_FIELD.get((msg_type, name), "HDR-18")
    if name == "status" and msg_type.endswith("_reply") and msg_type not in OWN_STATUS:
        return "SHELL-09"
    return ONE_FIELD.get((msg_type, name)) or WHOLE_TYPE.get(msg_type, "HDR-18")


def failed(msg_type: str, content: Fields) -> bool:
    """Return whether *content* is a reply that says error or aborted."""
    return content_class(msg_type, content.get("status")) in {ErrorReply, Aborted}


def strict_findings(
    msg_type: str, content: Fields, claimed: tuple[int, ...] | None
) -> Iterator[Finding]:
    """Yield what a conforming sender of the version *claimed* does not send and receivers take."""
    cls = content_class(msg_type, content.get("status"))
    if cls in {Aborted, ErrorReply} and msg_type == "execute_reply":
        if "execution_count" not in content:
            yield finding("SHELL-13", "content.execution_count", "an integer", "nothing")
        yield from _count("SHELL-13")(content)
    match cls:
        case _ if cls is Aborted:
            yield from _aborted(msg_type, content, claimed or SPELLED_ABORTED)
        case _ if cls is ErrorReply:
            yield from _error_reply(msg_type, content)
        case _:
            yield from _needed(msg_type, content)
            yield from _nulls(msg_type, content)
            for rule in RULES.get(msg_type, ()):
                yield from rule(content)


def _needed(msg_type: str, content: Fields) -> Iterator[Finding]:
    names = NEEDED.get(msg_type, ())
    if msg_type.endswith("_reply") and msg_type not in OWN_STATUS:
        names = (*names, "status")
    for name in names:
        if name not in content:
            rule = field_rule(msg_type, None, name)
            yield finding(rule, f"content.{name}", "this field", "nothing")


def _nulls(msg_type: str, content: Fields) -> Iterator[Finding]:
    for name in NEVER_NULL.get(msg_type, ()):
        if name in content and content[name] is None:
            yield finding(field_rule(msg_type, None, name), f"content.{name}", "a value", "null")


def _error_reply(msg_type: str, content: Fields) -> Iterator[Finding]:
    for name in ERROR_FIELDS:
        if name not in content:
            wanted = "a list of text" if name == "traceback" else "text"
            yield finding("SHELL-10", f"content.{name}", wanted, "nothing")
    usual = {one.name for one in attrs.fields(content_class(msg_type)) if one.name != "_extra"}
    for name in sorted(usual - FAILED_TOO.get(msg_type, frozenset({"status"}))):
        if name in content:
            wanted = "no field of a reply that succeeded"
            yield finding("SHELL-10", f"content.{name}", wanted, shorten(content[name]))
    if msg_type == "execute_reply":
        yield from _payloads(content)


def _aborted(msg_type: str, content: Fields, claimed: tuple[int, ...]) -> Iterator[Finding]:
    if content.get("status") != "aborted" and claimed >= SPELLED_ABORTED:
        yield finding("SHELL-09", "content.status", "'aborted'", shorten(content.get("status")))
    yield finding("SHELL-12", "content.status", "'error'", shorten(content.get("status")))
    allowed = {"status"} | ({"execution_count"} if msg_type == "execute_reply" else set())
    for name in sorted(set(content) - allowed):
        yield finding("SHELL-11", f"content.{name}", "no such field", shorten(content[name]))


def _cursors(content: Fields) -> Iterator[Finding]:
    start, end = content.get("cursor_start"), content.get("cursor_end")
    if isinstance(start, int) and isinstance(end, int) and not 0 <= start <= end:
        got = f"{shorten(start)} and {shorten(end)}"
        yield finding("COMPLETE-06", "content.cursor_start", "0 ≤ start ≤ end", got)


def _cursor(rule: str) -> Rule:
    def check(content: Fields) -> Iterator[Finding]:
        cursor = content.get("cursor_pos")
        if isinstance(cursor, int) and cursor < 0:
            yield finding(rule, "content.cursor_pos", "a count of 0 or more", shorten(cursor))

    return check


def _count(rule: str) -> Rule:
    def check(content: Fields) -> Iterator[Finding]:
        count = content.get("execution_count")
        if isinstance(count, int) and count < 0:
            yield finding(rule, "content.execution_count", "a count of 0 or more", shorten(count))

    return check


def _ports(content: Fields) -> Iterator[Finding]:
    for name, port in content.items():
        if name in PORTS and isinstance(port, int) and not 0 < port < 65536:
            yield finding("HDR-18", f"content.{name}", "a port, 1 to 65535", shorten(port))


def _payloads(content: Fields) -> Iterator[Finding]:
    for at, item in _numbered(content.get("payload")):
        source = item.get("source")
        path = f"content.payload[{at}]"
        if not isinstance(source, str):
            yield finding("EXEC-14", f"{path}.source", "text", _shown(source))
            continue
        for name in PAYLOADS.get(source, ()):
            if name not in item:
                yield finding("EXEC-14", f"{path}.{name}", f"a field of {source}", "nothing")
        data = item.get("data")
        if source == "page" and is_mapping(data) and "text/plain" not in data:
            yield finding("EXEC-33", f"{path}.data", "text/plain among the types", _keys(data))


def _numbered(items: object) -> Iterator[tuple[int, Fields]]:
    if isinstance(items, (list, tuple)):
        yield from ((at, item) for at, item in enumerate(items) if is_mapping(item))


def _user_expressions(content: Fields) -> Iterator[Finding]:
    expressions = content.get("user_expressions")
    if not is_mapping(expressions):
        return
    for name, item in expressions.items():
        path = f"content.user_expressions[{name!r}]"
        status = item.get("status") if is_mapping(item) else None
        if not is_mapping(item) or not isinstance(status, str) or status not in FIELDS:
            yield finding("EXEC-09", f"{path}.status", "'ok' or 'error'", _shown(status))
            continue
        rule = "EXEC-09" if status == "ok" else "EXEC-10"
        for key in FIELDS[status]:
            if key not in item:
                yield finding(rule, f"{path}.{key}", "this field", "nothing")


def _mime_types(content: Fields) -> Iterator[Finding]:
    """IOPUB-11 to IOPUB-13: keys that are MIME types, and values in the form that goes with one."""
    data = content.get("data")
    for key, value in data.items() if is_mapping(data) else ():
        path = f"content.data[{key!r}]"
        if not isinstance(key, str) or "/" not in key:
            yield finding("IOPUB-11", path, "a MIME type as key", shorten(key))
        elif BINARY.fullmatch(key) and not (isinstance(value, str) and BASE64.fullmatch(value)):
            yield finding("IOPUB-13", path, "base64 text", shorten(value))
        elif JSON_TYPE.fullmatch(key) and isinstance(value, str) and _is_json(value):
            yield finding("IOPUB-12", path, "a JSON value", "text that holds JSON")


def _is_json(text: str) -> bool:
    # Text that stands for an object or array; any other may be meant as it is.
    if text.lstrip()[:1] not in {"{", "["}:
        return False
    try:
        decode_json(text.encode("utf-8", "surrogatepass"))
    except FramingError:
        return False
    return True


def _indent(content: Fields) -> Iterator[Finding]:
    status = content.get("status")
    if status == "incomplete" and "indent" not in content:
        yield finding("ISCOMPLETE-02", "content.indent", "text", "nothing")
    if status != "incomplete" and "indent" in content:
        wanted = "no such field unless the code is incomplete"
        yield finding("ISCOMPLETE-03", "content.indent", wanted, shorten(content["indent"]))


def _plain_text(rule: str, *, only_if: str = "") -> Rule:
    def check(content: Fields) -> Iterator[Finding]:
        data = content.get("data")
        if only_if and content.get(only_if) is not True:
            return
        if is_mapping(data) and "text/plain" not in data:
            yield finding(rule, "content.data", "text/plain among the types", _keys(data))

    return check


def _display_id(content: Fields) -> Iterator[Finding]:
    transient = content.get("transient")
    display_id = transient.get("display_id") if is_mapping(transient) else None
    if is_mapping(transient) and not isinstance(display_id, str):
        yield finding("IOPUB-16", "content.transient.display_id", "text", _shown(display_id))


def _named_display(content: Fields) -> Iterator[Finding]:
    transient = content.get("transient")
    if is_mapping(transient) and not isinstance(transient.get("display_id", ""), str):
        got = _shown(transient["display_id"])
        yield finding("IOPUB-15", "content.transient.display_id", "text", got)


def _error(content: Fields) -> Iterator[Finding]:
    for name in ("status", "execution_count"):
        if name in content:
            yield finding("IOPUB-20", f"content.{name}", "no such field", shorten(content[name]))


def _info(content: Fields) -> Iterator[Finding]:
    version = content.get("protocol_version")
    if isinstance(version, str) and not VERSION.fullmatch(version):
        wanted = "two or three numbers with dots between them"
        yield finding("INFO-04", "content.protocol_version", wanted, shorten(version))
    language = content.get("language_info")
    if not is_mapping(language):
        language = dict.fromkeys(LANGUAGE)  # of what is none, its type is wrong
    for name in LANGUAGE:
        if name not in language:
            rule = "INFO-18" if name == "version" else "INFO-06"
            yield finding(rule, f"content.language_info.{name}", "text", "nothing")
    ending = language.get("file_extension")
    if isinstance(ending, str) and not ending.startswith("."):
        path = "content.language_info.file_extension"
        yield finding("INFO-06", path, "a dot and letters", shorten(ending))
    yield from _debugger(content)


def _debugger(content: Fields) -> Iterator[Finding]:
    """INFO-10: the deprecated flag repeats what the list says."""
    flag, listed = content.get("debugger"), content.get("supported_features")
    if isinstance(flag, bool) and isinstance(listed, (list, tuple)):
        wanted = "debugger" in listed
        if flag is not wanted:
            flagged = f"{str(wanted).lower()}, as supported_features has it"
            yield finding("INFO-10", "content.debugger", flagged, str(flag).lower())


PORTS = frozenset({"shell_port", "iopub_port", "stdin_port", "hb_port", "control_port"})

LANGUAGE = ("name", "version", "mimetype", "file_extension")
"""The fields that describe every language."""

FAULT = re.compile(r"(.+?): wanted (.*?), found (.*)", re.DOTALL)


def _debug_request(content: Fields) -> Iterator[Finding]:
    from assay.protocol.contents._debug_additions import debug_arguments  # noqa: PLC0415 - seldom needed

    yield from _addition(DebugRequest, debug_arguments, content)


def _debug_reply(content: Fields) -> Iterator[Finding]:
    from assay.protocol.contents._debug_additions import debug_body  # noqa: PLC0415 - seldom needed

    yield from _addition(DebugReply, debug_body, content)


def _addition(
    cls: type[C], read: Callable[[C], Content | None], content: Fields
) -> Iterator[Finding]:
    """Yield what is wrong with the part that belongs to a command of Jupyter's own."""
    try:
        envelope = structure(cls, content)  # type: ignore[arg-type]  # what is no JSON is refused
    except ContentError:
        return  # is a finding already
    try:
        read(envelope)
    except ContentError as error:
        for fault in error.faults:
            if named := FAULT.fullmatch(fault):
                path, wanted, got = named.groups()
                yield finding(error.requirement, f"content.{path}", wanted, got)


def _keys(data: Mapping[str, object]) -> str:
    return shorten(sorted(map(str, data)))


def _shown(value: object) -> str:
    return "nothing" if value is None else shorten(value)


RULES: Mapping[str, tuple[Rule, ...]] = {
    "execute_reply": (_count("SHELL-13"), _payloads, _user_expressions),
    "execute_input": (_count("IOPUB-18"),),
    "execute_result": (_count("IOPUB-19"), _plain_text("IOPUB-29"), _named_display, _mime_types),
    "display_data": (_named_display, _mime_types),
    "complete_reply": (_cursors,),
    "update_display_data": (_mime_types, _display_id),
    "complete_request": (_cursor("COMPLETE-02"),),
    "inspect_request": (_cursor("INSPECT-06"),),
    "inspect_reply": (_plain_text("INSPECT-08", only_if="found"),),
    "is_complete_reply": (_indent,),
    "kernel_info_reply": (_info,),
    "error": (_error,),
    "connect_reply": (_ports,),
    "debug_request": (_debug_request,),
    "debug_reply": (_debug_reply,),
}
