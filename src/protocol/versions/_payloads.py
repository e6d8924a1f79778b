"""Payloads: what a kernel wishes its client to do, in the words of each version.

| wish           | 3, 4.0, 4.1                              | 5.5                             |
|----------------|------------------------------------------|---------------------------------|
| page           | ``text``, ``html``, ``start_line_number`` | ``data`` (a bundle), ``start`` |
| set_next_input | ``text``                                 | ``text``, ``replace``           |
| ask_exit       | ``exit``, ``keepkernel``                 | ``keepkernel``                  |

Version 3 names the Python object that wishes, later versions only its last part.
"""

from __future__ import annotations

from assay.protocol._shapes import is_mapping
from assay.protocol.versions._bundles import PLAIN, plain_text
from assay.protocol.versions._reading import fault, read_list, read_object
from assay.protocol.versions._version import ProtocolVersion
from assay.protocol.wire._json import Json, JsonObject

__all__ = ["lower_payloads", "raise_payloads"]

HTML = "text/html"

_SHELL = "IPython.zmq.zmqshell.ZMQInteractiveShell."
_LONG_NAMES = {"page": "IPython.zmq.page.page"} | {
    name: _SHELL + name
    for name in ("set_next_input", "edit_magic", "ask_exit", "auto_rewrite_input", "doctest_mode")
}
_SHORT_NAMES = {long: short for short, long in _LONG_NAMES.items()}


def lower_payloads(content: JsonObject, version: ProtocolVersion) -> list[Json]:
    """Return the payloads of a 5.5 reply as a client of *version* reads them."""
    lowered: list[Json] = []
    for payload in _payloads(content):
        source = payload.get("source")
        match source:
            case "page":
                _lower_page(payload)
            case "set_next_input":
                payload.pop("replace", None)
            case "ask_exit":
                payload["exit"] = True
        if version is ProtocolVersion.V3 and isinstance(source, str):
            payload["source"] = _LONG_NAMES.get(source, source)
        lowered.append(payload)
    return lowered


def raise_payloads(content: JsonObject) -> list[Json]:
    """Return the payloads of an old reply in the words of 5.5."""
    raised: list[Json] = []
    for payload in _payloads(content):
        source = payload.get("source")
        if isinstance(source, str):
            source = payload["source"] = _SHORT_NAMES.get(source, source)
        if source == "page":
            _raise_page(payload)
        elif source == "ask_exit":
            payload.pop("exit", None)
        raised.append(payload)
    return raised


def _payloads(content: JsonObject) -> list[dict[str, Json]]:
    payloads = []
    for place, payload in enumerate(read_list(content, "payload")):
        if not is_mapping(payload):
            raise fault(f"payload[{place}]", "an object", payload)
        payloads.append(dict(payload))
    return payloads


def _lower_page(payload: dict[str, Json]) -> None:
    if "data" in payload:
        data = read_object(payload, "data")
        del payload["data"]
        html = data.get(HTML)
        payload["text"] = plain_text(data)
        # Consoles of 0.13 read the key without asking whether it is there.
        payload["html"] = html if isinstance(html, str) else None
    payload["start_line_number"] = payload.pop("start", payload.get("start_line_number", 0))


def _raise_page(payload: dict[str, Json]) -> None:
    if "data" not in payload and "text" in payload:
        text, html = payload.pop("text"), payload.pop("html", None)
        payload["data"] = {PLAIN: text} if html is None else {PLAIN: text, HTML: html}
    payload["start"] = payload.pop("start_line_number", payload.get("start", 0))
