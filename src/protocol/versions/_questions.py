"""The other questions: history, connect, kernel_info, shutdown."""

from __future__ import annotations

import re
from collections.abc import Iterable

from assay.protocol.versions._draft import Draft
from assay.protocol.versions._reading import fault, read_flag, read_list, read_object, read_text
from assay.protocol.versions._version import ProtocolVersion
from assay.protocol.wire._json import Json, encode_json
from assay.protocol.wire._registry import Channel

__all__ = [
    "lower_connect_reply",
    "lower_history_reply",
    "lower_history_request",
    "lower_kernel_info_reply",
    "lower_shutdown",
    "raise_connect_reply",
    "raise_history_reply",
    "raise_history_request",
    "raise_kernel_info_reply",
    "raise_shutdown",
]

LANGUAGE_FILES = {"python": ("text/x-python", ".py")}
"""MIME type and file extension, which old kernels do not say."""

_LEADING_DIGITS = re.compile(r"\d{1,18}")


def raise_history_request(draft: Draft) -> None:
    """Old kernels had no ``unique`` at first; nothing else differs."""
    _drop_nulls(draft, ("output", "raw", "unique"))


def lower_history_request(draft: Draft) -> None:
    """Old kernels insist on every field of the access type."""
    content = draft.content
    content["output"] = read_flag(content, "output", default=False)
    content["raw"] = read_flag(content, "raw", default=True)
    access = content["hist_access_type"] = read_text(content, "hist_access_type")
    if draft.version is ProtocolVersion.V3 or access != "search":
        content.pop("unique", None)
    needed: dict[str, dict[str, Json]] = {
        "range": {"session": 0, "start": 1, "stop": None},
        "tail": {"n": None},
        "search": {"n": None, "pattern": "*"},
    }
    for name, default in needed.get(access, {}).items():
        if content.get(name) is None:
            content[name] = default


def raise_history_reply(draft: Draft) -> None:
    """Old kernels sent no status, without which clients of today take it for a failure."""
    draft.content.setdefault("status", "ok")


def lower_history_reply(draft: Draft) -> None:
    """Old clients read ``history`` whatever happened."""
    content = draft.content
    if draft.failed:
        draft.content = {"history": []}
        return
    content["history"] = read_list(content, "history")
    content.pop("status", None)


def raise_connect_reply(draft: Draft) -> None:
    """The wire had other names than the text until 2015."""
    content = draft.content
    for channel in map(str, Channel):
        port = content.pop(channel, None)
        if port is not None:
            content.setdefault(f"{channel}_port", port)


def lower_connect_reply(draft: Draft) -> None:
    """Give both spellings; version 3 has no control channel."""
    content = draft.content
    if draft.failed:
        draft.content = {}
        return
    content.pop("status", None)
    if draft.version is ProtocolVersion.V3:
        content.pop("control_port", None)
    for channel in map(str, Channel):
        port = content.get(f"{channel}_port")
        if port is not None:
            content[channel] = port


def raise_kernel_info_reply(draft: Draft) -> None:
    """Name implementation and language as 5.5 does, with what can be guessed of them."""
    content = draft.content
    if draft.failed:
        return
    language = read_text(content, "language", "")
    ipython = _joined(read_list(content, "ipython_version"))
    mimetype, extension = LANGUAGE_FILES.get(language.lower(), ("text/plain", ".txt"))
    info: dict[str, Json] = {
        "name": language,
        "version": _joined(read_list(content, "language_version")),
        "mimetype": mimetype,
        "file_extension": extension,
        **read_object(content, "language_info"),
    }
    for name in ("language", "language_version", "ipython_version"):
        content.pop(name, None)
    is_ipython = bool(ipython) and language.startswith("python")
    content["status"] = "ok"
    content["protocol_version"] = (
        _joined(read_list(content, "protocol_version")) or draft.version.value
    )
    content["implementation"] = (
        "ipython" if is_ipython else read_text(content, "implementation", language)
    )
    content["implementation_version"] = (
        ipython if is_ipython else read_text(content, "implementation_version", "")
    )
    content["language_info"] = info
    content["banner"] = read_text(content, "banner", "")


def lower_kernel_info_reply(draft: Draft) -> None:
    """Say the version that is spoken, not the kernel's own, and the language."""
    content = draft.content
    info = read_object(content, "language_info")
    spoken = ProtocolVersion.V4_1 if draft.version >= ProtocolVersion.V4_1 else ProtocolVersion.V4_0
    lowered: dict[str, Json] = {
        "protocol_version": [*_numbers(spoken)[0]],
        "language": read_text(info, "name", ""),
        "language_version": [*_numbers(read_text(info, "version", ""))[0]],
    }
    version = read_text(content, "implementation_version", "")
    if content.get("implementation") == "ipython" and version:
        numbers, rest = _numbers(version)
        lowered["ipython_version"] = [*(*numbers, 0, 0, 0)[:3], rest]
    draft.content = lowered


def _joined(parts: Iterable[Json]) -> str:
    """Return the version that a list of numbers and text says."""
    texts = []
    for part in parts:
        if not isinstance(part, (int, str)) or isinstance(part, bool):
            raise fault("version", "a list of numbers and text", part)
        texts.append(part if isinstance(part, str) else encode_json(part).decode("ascii"))
    return ".".join(filter(None, texts))


def _numbers(version: str) -> tuple[list[int], str]:
    """Return the numbers that *version* begins with, and what is left of it."""
    numbers = []
    rest = version
    while found := _LEADING_DIGITS.match(rest):
        numbers.append(int(found[0]))
        rest = rest[found.end() :]
        if not rest.startswith("."):
            break
        rest = rest[1:]
    return numbers, rest


def raise_shutdown(draft: Draft) -> None:
    """Clients of IPython.parallel leave ``restart`` out, and the text had no status."""
    if draft.msg_type == "shutdown_reply":
        draft.content.setdefault("status", "ok")
    if not draft.failed:
        draft.content["restart"] = read_flag(draft.content, "restart", default=False)


def lower_shutdown(draft: Draft) -> None:
    """The field is always there."""
    draft.content["restart"] = read_flag(draft.content, "restart", default=False)


def _drop_nulls(draft: Draft, names: Iterable[str]) -> None:
    for name in names:
        if name in draft.content and draft.content[name] is None:
            del draft.content[name]
