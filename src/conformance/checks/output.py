"""What cells publish (spec/chapters/iopub.md): the form of each message, and its order."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from itertools import pairwise

from assay.conformance._arrival import Arrival
from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, note, passed
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import (
    NUMBER,
    count_of,
    lines,
    must_run,
    new_name,
    plain_text,
)
from assay.conformance.checks._shape import (
    BOOLEAN,
    BUNDLE,
    ERROR,
    INTEGER,
    OBJECT,
    TEXT,
    Kind,
    has_shape,
)

__all__: list[str] = []

MIME_TYPE = re.compile(r"[\w.+!#$&^-]+/[\w.+!#$&^-]+(\s*;.*)?")

PNG = b"\x89PNG\r\n\x1a\n"

STATES = ("busy", "idle", "starting")

ODD_CODE = ("", "   ", "\t", " \u00e9\u4e2d\U0001f600 ")
"""Lines behind the mark of a comment that a careless kernel changes."""


def _published(cell: Response, msg_type: str) -> Arrival:
    """Return the first message of a type that *cell* published.

    Raises:
        Skip: the cell failed, or published none.
    """
    cell.succeeded()
    found = cell.of_type(msg_type)
    if not found:
        raise Skip(f"the cell published no {msg_type}")
    return found[0]


# Forms


def _stream(kernel: Testee, snippet: str, name: str) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet(snippet, text="assay"))
    cell.succeeded()
    streams = cell.of_type("stream")
    for one in streams:
        outcome = has_shape(one, {"name": TEXT, "text": TEXT})
        if outcome != passed():
            return outcome
        if one.content["name"] not in {"stdout", "stderr"}:
            return failed("name stdout or stderr", repr(one.content["name"]), one)
    if "assay" in cell.text(name):
        return passed()
    if not any("assay" in str(one.content["text"]) for one in streams):
        raise Skip(f"what is written to {name} is not published as a stream")
    return note(
        "which of the two a kernel calls the text of a program is left to it",
        expected=f"the text on {name}",
        got=", ".join(cell.types),
        evidence=(cell,),
    )


@check(
    "IOPUB-09.1",
    "what is written to standard output is a stream named stdout, with text",
    snippets=("print",),
)
def stdout_form(kernel: Testee) -> Outcome:
    return _stream(kernel, "print", "stdout")


@check(
    "IOPUB-09.2",
    "what is written to standard error is a stream named stderr, with text",
    snippets=("stderr",),
    mistake="Both streams are published under one name.",
)
def stderr_form(kernel: Testee) -> Outcome:
    return _stream(kernel, "stderr", "stderr")


@check(
    "IOPUB-10.1",
    "a display_data has data and metadata as objects",
    snippets=("display",),
    mistake="metadata is left out where there is none.",
)
def display_form(kernel: Testee) -> Outcome:
    display = _published(
        kernel.peer.execute(kernel.snippet("display", text="assay")), "display_data"
    )
    return has_shape(display, _with_transient(display, BUNDLE))


def _with_transient(arrival: Arrival, wanted: Mapping[str, Kind]) -> Mapping[str, Kind]:
    return {**wanted, "transient": OBJECT} if "transient" in arrival.content else wanted


@check(
    "IOPUB-11.1",
    "the representations of one thing are in one message",
    snippets=("display_both",),
    mistake="Each representation is published as a display of its own.",
)
def one_message_for_one_thing(kernel: Testee) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet("display_both", text="assay"))
    _published(cell, "display_data")
    displays = cell.of_type("display_data")
    if len(displays) != 1:
        return failed("one display_data", f"{len(displays)}", *displays)
    data = displays[0].content.get("data")
    keys = list(data) if isinstance(data, dict) else []
    if not {"text/plain", "text/html"} <= set(keys):
        return failed("text/plain and text/html in its data", repr(keys), displays[0])
    return passed()


@check("IOPUB-11.2", "the keys of display data are MIME types", snippets=("display",))
def keys_are_mime_types(kernel: Testee) -> Outcome:
    display = _published(
        kernel.peer.execute(kernel.snippet("display", text="assay")), "display_data"
    )
    data = display.content.get("data")
    if not isinstance(data, dict) or not data:
        raise Skip("the display has no data (IOPUB-10)")
    wrong = [key for key in data if not MIME_TYPE.fullmatch(key)]
    return failed("keys such as text/plain", f"{wrong[0]!r}", display) if wrong else passed()


@check(
    "IOPUB-12.1",
    "a JSON representation is a JSON value",
    snippets=("display_json",),
    mistake="The value is serialised, and its text put into the message.",
)
def json_is_a_value(kernel: Testee) -> Outcome:
    display = _published(kernel.peer.execute(kernel.snippet("display_json")), "display_data")
    data = display.content.get("data")
    if not isinstance(data, dict) or "application/json" not in data:
        raise Skip("the display has no application/json")
    if data["application/json"] != {"assay": [1, 2]}:
        return failed('{"assay": [1, 2]}', repr(data["application/json"]), display)
    return passed()


@check("IOPUB-13.1", "an image is sent as base64 text", snippets=("display_png",))
def images_are_base64(kernel: Testee) -> Outcome:
    display = _published(kernel.peer.execute(kernel.snippet("display_png")), "display_data")
    data = display.content.get("data")
    if not isinstance(data, dict) or "image/png" not in data:
        raise Skip("the display has no image/png")
    image = data["image/png"]
    if not isinstance(image, str):
        return failed("text", type(image).__name__, display)
    try:
        found = base64.b64decode("".join(image.split()), validate=True)
    except (binascii.Error, ValueError):
        return failed("base64", f"{image[:40]!r}", display)
    return passed() if found.startswith(PNG) else failed("a PNG image", repr(found[:8]), display)


@check(
    "IOPUB-15.1", "the display_id of a display is text in transient", snippets=("display_update",)
)
def display_id_form(kernel: Testee) -> Outcome:
    code = kernel.snippet("display_update", text="assay", id=new_name())
    display = _published(kernel.peer.execute(code), "display_data")
    transient = display.content.get("transient")
    if not isinstance(transient, dict) or "display_id" not in transient:
        raise Skip("the kernel names no display")
    if not isinstance(transient["display_id"], str):
        return failed("text under 'display_id'", repr(transient["display_id"]), display)
    return passed()


def _update(kernel: Testee) -> tuple[Arrival, Response]:
    """Return a named display and the cell that updates it.

    Raises:
        Skip: the display has no id.
    """
    name = new_name()
    first = kernel.peer.execute(kernel.snippet("display_update", text="first", id=name))
    display = _published(first, "display_data")
    cell = kernel.peer.execute(kernel.snippet("update", text="second", id=name))
    cell.succeeded()
    return display, cell


def _display_id(arrival: Arrival) -> object:
    transient = arrival.content.get("transient")
    return transient.get("display_id") if isinstance(transient, dict) else None


@check(
    "IOPUB-16.1",
    "an update of a display is an update_display_data with the id of that display",
    snippets=("display_update", "update"),
    mistake="The update is published as a display of its own, or without its transient object.",
)
def update_has_the_id(kernel: Testee) -> Outcome:
    display, cell = _update(kernel)
    updates = cell.of_type("update_display_data")
    if not updates:
        return failed("an update_display_data", ", ".join(cell.types), cell)
    if _display_id(updates[0]) is None or _display_id(updates[0]) != _display_id(display):
        wanted = f"display_id {_display_id(display)!r}"
        return failed(wanted, repr(_display_id(updates[0])), display, updates[0])
    return passed()


@check(
    "IOPUB-16.2",
    "an update_display_data has the form of display_data",
    snippets=("display_update", "update"),
)
def update_form(kernel: Testee) -> Outcome:
    _, cell = _update(kernel)
    update = _published(cell, "update_display_data")
    outcome = has_shape(update, {**BUNDLE, "transient": OBJECT})
    if outcome != passed():
        return outcome
    if "second" not in str(update.content["data"]):
        return failed("the new data", repr(update.content["data"]), update)
    return passed()


@check(
    "IOPUB-18.1",
    "execute_input has the code of the request and execution_count",
    snippets=("print",),
)
def input_form(kernel: Testee) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet("print", text="assay"))
    return has_shape(_published(cell, "execute_input"), {"code": TEXT, "execution_count": INTEGER})


@check(
    "IOPUB-18.2",
    "execute_input has the code of the request to the letter",
    snippets=("comment", "print"),
    mistake="The code is stripped, or is what the front end of the language made of it.",
)
def input_is_unchanged(kernel: Testee) -> Outcome:
    comments = [kernel.snippet("comment", text=f"a{text}") for text in ODD_CODE]
    code = "\n" + lines(*comments, kernel.snippet("print", text="assay")) + "\n\n"
    found = _published(kernel.peer.execute(code), "execute_input")
    if found.content.get("code") != code:
        return failed(repr(code), repr(found.content.get("code")), found)
    return passed()


@check(
    "IOPUB-19.1",
    "execute_result has execution_count, data and metadata",
    snippets=("result",),
)
def result_form(kernel: Testee) -> Outcome:
    result = _published(
        kernel.peer.execute(kernel.snippet("result", number=NUMBER)), "execute_result"
    )
    return has_shape(result, {"execution_count": INTEGER, **BUNDLE})


@check(
    "IOPUB-19.2",
    "execute_result has the execution_count of its execute_reply",
    snippets=("result",),
)
def result_count(kernel: Testee) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet("result", number=NUMBER))
    found = count_of(_published(cell, "execute_result"))
    if found != count_of(cell.replied()):
        return failed(f"execution_count {count_of(cell.replied())}", f"{found}", cell)
    return passed()


@check(
    "IOPUB-20.1",
    "an error has ename, evalue and traceback, and neither status nor execution_count",
    snippets=("error",),
    mistake="The content of the reply is published as it is.",
)
def error_form(kernel: Testee) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet("error", text="assay"), stop_on_error=False)
    if not cell.of_type("error"):
        raise Skip("no error is published (EXEC-17)")
    error = cell.of_type("error")[0]
    extra = [key for key in ("status", "execution_count") if key in error.content]
    if extra:
        return failed("no status and no execution_count", ", ".join(extra), error)
    return has_shape(error, ERROR)


@check("IOPUB-21.1", "every status is busy, idle or starting", snippets=("print", "error"))
def states(kernel: Testee) -> Outcome:
    cells = [
        kernel.peer.execute(kernel.snippet("print", text="assay")),
        kernel.peer.execute(kernel.snippet("error", text="assay"), stop_on_error=False),
        kernel.peer.ask("kernel_info_request"),
    ]
    found = [one for cell in cells for one in cell.of_type("status")]
    if not found:
        raise Skip("no status is published (SHELL-04)")
    for one in found:
        if one.content.get("execution_state") not in STATES:
            wanted = "busy, idle or starting"
            return failed(wanted, repr(one.content.get("execution_state")), one)
    return passed()


@check("IOPUB-25.1", "a clear_output has true or false under wait", snippets=("clear",))
def clear_form(kernel: Testee) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet("clear"))
    return has_shape(_published(cell, "clear_output"), {"wait": BOOLEAN})


@check("IOPUB-29.1", "the data of an execute_result have text/plain", snippets=("result",))
def results_have_text(kernel: Testee) -> Outcome:
    result = _published(
        kernel.peer.execute(kernel.snippet("result", number=NUMBER)), "execute_result"
    )
    if not plain_text(result):
        return failed("text under 'text/plain'", repr(result.content.get("data")), result)
    return passed()


@check(
    "IOPUB-26.1",
    "text that no encoding can hold is sent as valid UTF-8 and JSON",
    snippets=("odd_text", "print"),
    mistake="The text is encoded with errors passed on, or encoding raises and output stops.",
)
def odd_text(kernel: Testee) -> Outcome:
    must_run(kernel)
    cell = kernel.peer.execute(kernel.snippet("odd_text"))
    if cell.reply is None:
        return failed("an execute_reply", "none", cell)
    for one in cell.published:
        if one.parts.faulty or not all(_is_text(frame) for frame in one.dicts):
            return failed("valid UTF-8 and JSON", "something else", one)
    following = kernel.peer.execute(kernel.snippet("print", text="behind"))
    if "behind" not in following.text():
        return failed("the output of the next cell", ", ".join(following.types), cell, following)
    return passed()


def _is_text(frame: bytes) -> bool:
    try:
        frame.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@check(
    "IOPUB-26.2",
    "text beyond ASCII and beyond U+FFFF arrives as it was printed",
    snippets=("unicode",),
    mistake="Output is written in the encoding of the terminal.",
)
def unicode_text(kernel: Testee) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet("unicode"))
    if cell.status == "error":
        raise Skip("the code fails")
    cell.replied()
    if "\u00e9\u4e2d\U0001f600" not in cell.text():
        return failed(repr("\u00e9\u4e2d\U0001f600"), repr(cell.text()), cell)
    return passed()


# Order


@check(
    "EXEC-31.1",
    "printed and displayed output comes in the order in which it was produced, before idle",
    snippets=("print", "display"),
    also=("IOPUB-27",),
    mistake="Streams wait in a buffer that displays do not flush.",
)
def order_of_output(kernel: Testee) -> Outcome:
    code = lines(
        kernel.snippet("print", text="first"),
        kernel.snippet("display", text="second"),
        kernel.snippet("print", text="third"),
        kernel.snippet("display", text="fourth"),
    )
    cell = kernel.peer.execute(code)
    cell.succeeded()
    kernel.peer.quiet()
    found = _outputs_before_idle(cell)
    places = [found.find(word) for word in ("first", "second", "third", "fourth")]
    if -1 in places or places != sorted(places):
        return failed("first, second, third, fourth, then idle", repr(found), cell)
    return passed()


def _outputs_before_idle(cell: Response) -> str:
    """Return the texts of streams and displays before idle, in order."""
    texts = []
    for one in cell.published:
        if one.state == "idle":
            break
        if one.msg_type == "stream":
            texts.append(one.text("text"))
        elif one.msg_type == "display_data":
            texts.append(str(one.content.get("data")))
    return "".join(texts)


@check(
    "EXEC-31.2",
    "standard output and standard error of a cell come before idle",
    snippets=("print", "stderr"),
)
def both_streams(kernel: Testee) -> Outcome:
    must_run(kernel)
    code = lines(kernel.snippet("print", text="first"), kernel.snippet("stderr", text="second"))
    cell = kernel.peer.execute(code)
    cell.succeeded()
    kernel.peer.quiet()
    found = _outputs_before_idle(cell)
    for word in ("first", "second"):
        if word not in found:
            return failed(f"{word} before idle", repr(found), cell)
    return passed()


@check(
    "IOPUB-23.1",
    "the output of each of thirty cells lies between its own busy and idle",
    snippets=("print",),
    mistake="A timer or another thread empties the stream's buffer, whichever cell runs by then.",
)
def output_in_its_window(kernel: Testee) -> Outcome:
    must_run(kernel)
    words = [new_name() for _ in range(30)]
    cells = [kernel.peer.execute(kernel.snippet("print", text=w), wait=False) for w in words]
    kernel.peer.wait_for(lambda: all(one.done for one in cells))
    if not kernel.peer.quiet():
        return failed("an answer to the next request", "none", cells[-1])
    for word, cell in zip(words, cells, strict=True):
        cell.succeeded()
        states = [one.state for one in cell.published]
        if "busy" not in states or "idle" not in states:
            raise Skip("a cell has no busy or no idle (SHELL-04, SHELL-05)")
        inside = cell.published[states.index("busy") : states.index("idle")]
        if word not in "".join(one.text("text") for one in inside):
            return failed("the cell's text between its busy and idle", "it is not there", cell)
    return passed()


@check(
    "IOPUB-24.1",
    "what becomes of output that comes after idle",
    snippets=("background_print", "nothing"),
    slow=True,
)
def output_after_idle(kernel: Testee) -> Outcome:
    word = new_name()
    kernel.peer.execute(kernel.snippet("nothing")).succeeded()
    code = kernel.snippet("background_print", text=word, seconds=1)
    # Background work may publish after idle (IOPUB-24): the rules for all traffic do not know it.
    cell = kernel.peer.ask(kernel.peer.draft("execute_request", {"code": code}).unjudged())
    cell.succeeded()
    latest = kernel.peer.execute(kernel.snippet("nothing"))

    def found() -> list[Arrival]:
        return [one for one in kernel.peer.arrivals if word in one.text("text")]

    if not kernel.peer.wait_for(found):
        return note("it does not come", evidence=(cell,))
    parents = {cell.msg_id: "the cell that started the work", latest.msg_id: "the latest cell"}
    parent = parents.get(found()[0].parent_id, "neither cell")
    return note(f"its parent is {parent}", evidence=(cell, latest, found()[0]))


@check(
    "IOPUB-27.1",
    "a thousand numbered lines come in order",
    snippets=("numbers",),
    also=("EXEC-31",),
    mistake="Pieces of output are sent by several threads.",
)
def order_of_lines(kernel: Testee) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet("numbers", count=1000), wait=False)
    kernel.peer.follow(cell).succeeded()
    kernel.peer.quiet()
    found = [int(word) for word in cell.text().split() if word.isdecimal()]
    if len(found) < 500:
        raise Skip(f"of a thousand lines {len(found)} arrived (EXEC-31)")
    wrong = next((pair for pair in pairwise(found) if pair[0] >= pair[1]), None)
    if wrong is not None:
        return failed("rising numbers", f"{wrong[1]} behind {wrong[0]}", cell.published[0])
    return passed()
