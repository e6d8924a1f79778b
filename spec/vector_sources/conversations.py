"""Conversations that keep the rules, and for each rule that traffic shows one that breaks it.

A scene is a conversation that nothing is wrong with. A fault is a scene with one change, which
breaks one rule and no other.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spec.vector_sources.vector import DELIMITER, KEY, Vector, sign, text

__all__ = ["conversations"]

Content = Mapping[str, Any]
Record = dict[str, Any]

CLIENT, KERNEL = "client", "kernel"
DATE = "2026-01-02T03:04:05.678901Z"
PARTS = ("header", "parent_header", "metadata", "content")

BUSY: Content = {"execution_state": "busy"}
IDLE: Content = {"execution_state": "idle"}
FAILURE: Content = {"ename": "ValueError", "evalue": "no", "traceback": ["ValueError: no"]}
LANGUAGE: Content = {
    "name": "calc",
    "version": "1.0",
    "mimetype": "text/x-calc",
    "file_extension": ".calc",
}
INFO: Content = {
    "status": "ok",
    "protocol_version": "5.5",
    "implementation": "calc",
    "implementation_version": "1.0",
    "language_info": LANGUAGE,
    "banner": "calc 1.0",
    "supported_features": ["debugger", "kernel subshells"],
    "debugger": True,
}
PNG = "iVBORw0KGgo="


@dataclass
class Scene:
    """Records by label, in the order in which one observer saw them."""

    reason: str
    complete: bool = True
    key: str = KEY
    records: dict[str, Record] = field(default_factory=dict)

    def add(
        self,
        label: str,
        channel: str,
        sender: str,
        msg_type: str,
        content: Content,
        *,
        parent: str = "",
        client: str = "",
        **header: Any,
    ) -> Scene:
        """Append one message, whose id is *label*."""
        own = {
            "msg_id": label,
            "msg_type": msg_type,
            "session": client or "client" if sender == CLIENT else "kernel",
            "username": "ada",
            "date": DATE,
            "version": "5.5",
            **header,
        }
        self.records[label] = {
            "channel": channel,
            "sender": sender,
            **({"client": client or "client"} if channel != "iopub" else {}),
            "header": own,
            "parent_header": copy.deepcopy(self.records[parent]["header"]) if parent else {},
            "metadata": {},
            "content": copy.deepcopy(dict(content)),
        }
        return self

    def told(
        self, label: str, msg_type: str, content: Content, channel: str = "iopub", parent: str = ""
    ) -> Scene:
        """Append one message of the kernel."""
        return self.add(label, channel, KERNEL, msg_type, content, parent=parent)

    def exchange(
        self,
        label: str,
        msg_type: str,
        content: Content,
        reply: Content | None,
        *published: tuple[str, Content],
        channel: str = "shell",
        client: str = "",
        **header: Any,
    ) -> Scene:
        """Append a request with its busy, what it publishes, its reply and its idle."""
        self.add(label, channel, CLIENT, msg_type, content, client=client, **header)
        self.told(f"{label}.busy", "status", BUSY, parent=label)
        for name, what in published:
            kind = f"{label}.{name}"
            # The second of a type has another label.
            self.told(f"{kind}2" if kind in self.records else kind, name, what, parent=label)
        if reply is not None:
            answer = f"{msg_type.removesuffix('_request')}_reply"
            self.add(f"{label}.reply", channel, KERNEL, answer, reply, parent=label, client=client)
        return self.told(f"{label}.idle", "status", IDLE, parent=label)

    def cell(
        self,
        label: str,
        count: int,
        *published: tuple[str, Content],
        code: str = "x",
        failed: bool = False,
        expressions: Content | None = None,
        **request: Any,
    ) -> Scene:
        """Append an execute request that runs."""
        outcome = {"status": "ok", "user_expressions": expressions or {}}
        outputs = list(published)
        if failed:
            outcome = {"status": "error", **FAILURE}
            outputs.append(("error", FAILURE))
        shown = [("execute_input", {"code": code, "execution_count": count}), *outputs]
        asked = {"code": code, **request}
        loud = [] if asked.get("silent") else shown
        return self.exchange(
            label, "execute_request", asked, {**outcome, "execution_count": count}, *loud
        )


def copied(scene: Scene) -> Scene:
    """Return a scene of its own that says the same."""
    return Scene(scene.reason, scene.complete, scene.key, copy.deepcopy(scene.records))


def alone(reason: str, sender: str, channel: str, msg_type: str, content: Content) -> Scene:
    """Return a scene of one message, labelled ``it``."""
    scene = Scene(reason, complete=False)
    parent = ""
    if msg_type.endswith("_reply") or msg_type == "input_request":
        # Its request was not seen, but the parent header is there.
        scene.add("asked", channel, CLIENT, f"{msg_type.rpartition('_')[0]}_request", {})
        if msg_type == "input_request":
            scene.records["asked"]["header"]["msg_type"] = "execute_request"
        parent = "asked" if sender == KERNEL else ""
    scene.add("it", channel, sender, msg_type, content, parent=parent)
    scene.records.pop("asked", None)
    return scene


def framed(
    reason: str, label: str, msg_type: str, content: Content, *, topic: bytes | None
) -> Scene:
    """Return a scene of one published message as frames."""
    scene = alone(reason, KERNEL, "iopub", msg_type, content)
    record = scene.records.pop("it")
    dicts = [text(record[part]) for part in PARTS]
    scene.records[label] = {
        "channel": "iopub",
        "sender": KERNEL,
        "frames": frames(dicts, sign(KEY, dicts), [] if topic is None else [topic]),
    }
    return scene


def frames(dicts: Sequence[bytes], signature: bytes, before: Sequence[bytes]) -> list[str]:
    """Return the frames of one message in hexadecimal."""
    return [part.hex() for part in (*before, DELIMITER, signature, *dicts)]


# The scenes


DISPLAY: Content = {
    "data": {"text/plain": "<Figure>", "image/png": PNG, "application/json": {"a": [1]}},
    "metadata": {},
    "transient": {"display_id": "d-1"},
}
PROMPT: Content = {"prompt": "? ", "password": False}
DEBUG: Content = {"type": "request", "seq": 1, "command": "threads"}


def response(command: str, body: Content, **more: Any) -> Content:
    """Return a response of the Debug Adapter Protocol."""
    envelope = {"type": "response", "seq": 2, "request_seq": 1, "command": command}
    return {**envelope, "success": True, "body": body, **more}


DEBUG_INFO: Content = {
    "isStarted": False,
    "hashMethod": "Murmur2",
    "hashSeed": 1,
    "tmpFilePrefix": "/tmp/calc/",  # noqa: S108 - a value in a message
    "tmpFileSuffix": ".calc",
    "breakpoints": [],
    "stoppedThreads": [],
}
VARIABLE: Content = {"name": "x", "variablesReference": 0, "value": "1", "type": "int"}
GOOD: Content = {"status": "ok", "data": {"text/plain": "1"}, "metadata": {}}
BAD: Content = {"status": "error", **FAILURE}
PAYLOADS = [
    {"source": "page", "data": {"text/plain": "help"}, "start": 0},
    {"source": "set_next_input", "text": "y", "replace": False},
]

KERNELS: tuple[tuple[str, str, str, Content], ...] = (
    ("shell", "complete_reply", "Matches for a word.", {
        "status": "ok", "matches": ["pi"], "cursor_start": 0, "cursor_end": 1, "metadata": {},
    }),
    ("shell", "inspect_reply", "What a name is.", {
        "status": "ok", "found": True, "data": {"text/plain": "a number"}, "metadata": {},
    }),
    ("shell", "history_reply", "Two cells.", {
        "status": "ok", "history": [[1, 1, "x"], [1, 2, "y"]],
    }),
    ("shell", "is_complete_reply", "Code that goes on.", {"status": "incomplete", "indent": "  "}),
    ("shell", "connect_reply", "The ports of all channels.", {
        "status": "ok", "shell_port": 50001, "iopub_port": 50002, "stdin_port": 50003,
        "hb_port": 50004, "control_port": 50005,
    }),
    ("shell", "comm_info_reply", "One comm.", {
        "status": "ok", "comms": {"c-1": {"target_name": "t"}},
    }),
    ("shell", "kernel_info_reply", "What the kernel is.", INFO),
    ("shell", "execute_reply", "A cell that ran.", {
        "status": "ok", "execution_count": 1, "user_expressions": {"a": GOOD, "b": BAD},
        "payload": PAYLOADS,
    }),
    ("control", "interrupt_reply", "An interrupt.", {"status": "ok"}),
    ("control", "shutdown_reply", "An end.", {"status": "ok", "restart": False}),
    ("control", "create_subshell_reply", "A new subshell.", {"status": "ok", "subshell_id": "s"}),
    ("control", "delete_subshell_reply", "A subshell less.", {"status": "ok"}),
    ("control", "list_subshell_reply", "All subshells.", {"status": "ok", "subshell_id": ["s"]}),
    ("control", "debug_reply", "An answer of the debugger.", response("threads", {"threads": []})),
    ("iopub", "debug_event", "An event of the debugger.", {
        "type": "event", "seq": 3, "event": "stopped", "body": {"reason": "breakpoint"},
    }),
    ("iopub", "stream", "Text.", {"name": "stdout", "text": "hello\n"}),
    ("iopub", "display_data", "A picture.", DISPLAY),
    ("iopub", "update_display_data", "Another picture in its place.", DISPLAY),
    ("iopub", "execute_input", "The code that runs.", {"code": "x", "execution_count": 1}),
    ("iopub", "execute_result", "A result.", {
        "execution_count": 1, "data": {"text/plain": "1"}, "metadata": {},
    }),
    ("iopub", "error", "An exception.", FAILURE),
    ("iopub", "status", "A kernel that is busy.", BUSY),
    ("iopub", "clear_output", "An order to clear.", {"wait": True}),
    ("iopub", "iopub_welcome", "A welcome.", {"subscription": ""}),
    ("iopub", "comm_open", "A comm is opened.", {
        "comm_id": "c-1", "target_name": "t", "data": {},
    }),
    ("iopub", "comm_msg", "A comm says something.", {"comm_id": "c-1", "data": {}}),
    ("iopub", "comm_close", "A comm is closed.", {"comm_id": "c-1", "data": {}}),
    ("stdin", "input_request", "A prompt.", PROMPT),
)  # fmt: skip
"""Channel, type, what it is, and content of a message of the kernel."""

CLIENTS: tuple[tuple[str, str, str, Content], ...] = (
    ("shell", "complete_request", "A word to complete.", {"code": "p", "cursor_pos": 1}),
    ("shell", "inspect_request", "A name to explain.", {"code": "p", "cursor_pos": 1}),
    ("shell", "history_request", "The last cells.", {"hist_access_type": "tail", "n": 2}),
    ("control", "shutdown_request", "The order to end.", {"restart": False}),
    ("control", "debug_request", "A question to the debugger.", DEBUG),
    ("stdin", "input_reply", "What was typed.", {"value": "42"}),
)
"""The same of the client."""

FAILED = "A reply that failed."


def scenes() -> dict[str, Scene]:
    """Return every scene by name: a message type, or what goes on."""
    made = {
        kind: alone(reason, sender, channel, kind, content)
        for sender, rows in ((KERNEL, KERNELS), (CLIENT, CLIENTS))
        for channel, kind, reason, content in rows
    }
    failed = {"status": "error", **FAILURE}
    made["failure"] = alone(FAILED, KERNEL, "shell", "inspect_reply", failed)
    made["failed cell"] = alone(
        "A cell that failed, and what it had asked its client for.",
        KERNEL,
        "shell",
        "execute_reply",
        {**failed, "execution_count": 1, "payload": PAYLOADS},
    )
    for command, body in (
        ("dumpCell", {"sourcePath": "/tmp/calc/1.calc"}),  # noqa: S108 - as above
        ("debugInfo", DEBUG_INFO),
        ("inspectVariables", {"variables": [VARIABLE]}),
        ("richInspectVariables", {"data": {"text/plain": "1"}, "metadata": {}}),
        ("copyToGlobals", {"value": "1", "type": "int", "variablesReference": 0}),
    ):
        content = response(command, body)
        made[command] = alone(f"An answer to {command}.", KERNEL, "control", "debug_reply", content)
    made["frames"] = framed("A published message as frames.", "it", "status", IDLE, topic=b"status")
    made["unsigned"] = framed(
        "A published message of a kernel without a key.", "it", "status", IDLE, topic=b"status"
    )
    made["unsigned"].key = ""
    signature_as(lambda _: b"")(made["unsigned"])
    made["welcome"] = framed(
        "A welcome for one topic.", "it", "iopub_welcome", {"subscription": "a"}, topic=b"a"
    )
    return made | dict(_conversations())


def _conversations() -> Iterator[tuple[str, Scene]]:  # noqa: PLR0915 - one scene after the other
    output = (("stream", {"name": "stdout", "text": "hello\n"}),)
    result = {"execution_count": 1, "data": {"text/plain": "1"}, "metadata": {}}
    scene = Scene("A kernel starts, says what it is, and runs two cells.")
    scene.told("starting", "status", {"execution_state": "starting"})
    scene.exchange("info", "kernel_info_request", {}, INFO)
    scene.cell("one", 1, *output, ("execute_result", result))
    yield "cells", scene.cell("two", 2)

    scene = Scene("What the kernel is, asked on both channels.")
    scene.exchange("info", "kernel_info_request", {}, INFO)
    yield "both", scene.exchange("again", "kernel_info_request", {}, INFO, channel="control")

    scene = Scene("A stored cell, one that is not stored, and a silent one.")
    scene.cell("one", 1).cell("unstored", 1, store_history=False)
    yield "quiet", scene.cell("silent", 1, silent=True, user_expressions={"a": "x"},
                              expressions={"a": GOOD})  # fmt: skip

    scene = Scene("A cell fails, and the one that waits behind it is aborted.")
    scene.add("bad", "shell", CLIENT, "execute_request", {"code": "x"})
    scene.add("late", "shell", CLIENT, "execute_request", {"code": "y"})
    scene.told("bad.busy", "status", BUSY, parent="bad")
    scene.told("bad.input", "execute_input", {"code": "x", "execution_count": 1}, parent="bad")
    scene.told("bad.error", "error", FAILURE, parent="bad")
    scene.told("bad.reply", "execute_reply", {"status": "error", **FAILURE, "execution_count": 1},
               "shell", "bad")  # fmt: skip
    scene.told("bad.idle", "status", IDLE, parent="bad")
    scene.told("late.busy", "status", BUSY, parent="late")
    gone = {"status": "error", "ename": "Aborted", "evalue": "the cell before it failed",
            "traceback": [], "execution_count": 1}  # fmt: skip
    scene.told("late.reply", "execute_reply", gone, "shell", "late")
    yield "queue", scene.told("late.idle", "status", IDLE, parent="late")

    scene = Scene("A cell asks for a line.")
    scene.add("cell", "shell", CLIENT, "execute_request", {"code": "x", "allow_stdin": True})
    scene.told("cell.busy", "status", BUSY, parent="cell")
    scene.told("cell.input", "execute_input", {"code": "x", "execution_count": 1}, parent="cell")
    scene.told("cell.prompt", "input_request", PROMPT, "stdin", "cell")
    scene.add("answer", "stdin", CLIENT, "input_reply", {"value": "1"}, parent="cell.prompt")
    done = {"status": "ok", "execution_count": 1, "user_expressions": {}}
    scene.told("cell.reply", "execute_reply", done, "shell", "cell")
    yield "prompt", scene.told("cell.idle", "status", IDLE, parent="cell")

    scene = Scene("A kernel ends.")
    ended = {"status": "ok", "restart": False}
    scene.exchange("end", "shutdown_request", {"restart": False}, ended,
                   ("shutdown_reply", ended), channel="control")  # fmt: skip
    yield "end", scene

    scene = Scene("Two subshells are made by a kernel that offers them.")
    scene.exchange("info", "kernel_info_request", {}, INFO)
    for name in ("first", "second"):
        scene.exchange(name, "create_subshell_request", {}, {"status": "ok", "subshell_id": name},
                       channel="control")  # fmt: skip
    yield "subshells", scene

    scene = Scene("A kernel that offers subshells knows one not.")
    scene.exchange("info", "kernel_info_request", {}, INFO)
    scene.exchange("gone", "delete_subshell_request", {"subshell_id": "none"},
                   {"status": "error", **FAILURE}, channel="control")  # fmt: skip
    yield "no such subshell", scene

    scene = Scene("A debugger is asked by a client that knows of it.")
    scene.exchange("info", "kernel_info_request", {}, INFO)
    answer = response("threads", {"threads": []})
    scene.exchange("debug", "debug_request", DEBUG, answer, channel="control")
    yield "debugger", scene

    scene = Scene("A kernel is asked for comms of a target.")
    found = {"status": "ok", "comms": {"c-1": {"target_name": "t"}}}
    yield "comms", scene.exchange("comms", "comm_info_request", {"target_name": "t"}, found)

    scene = Scene("A comm message of a client is handled.")
    yield "comm", scene.exchange("open", "comm_msg", {"comm_id": "c-1", "data": {}}, None)

    extras: tuple[tuple[str, Content], ...] = (("tail", {}), ("search", {"pattern": "*"}))
    for kind, more in extras:
        scene = Scene(f"A kernel is asked for history, by {kind}.")
        asked = {"hist_access_type": kind, "n": 2, "output": False, "raw": True, **more}
        cells = {"status": "ok", "history": [[1, 1, "x"], [1, 2, "y"]]}
        yield kind, scene.exchange("history", "history_request", asked, cells)

    scene = Scene("A client is greeted and asks for a word.")
    words = {"status": "ok", "matches": ["pi"], "cursor_start": 0, "cursor_end": 1, "metadata": {}}
    scene.exchange("word", "complete_request", {"code": "p", "cursor_pos": 1}, words)
    yield "word", scene

    scene = Scene("Two clients ask one kernel.")
    scene.exchange("mine", "kernel_info_request", {}, INFO)
    yield "two clients", scene.exchange("yours", "kernel_info_request", {}, INFO, client="other")

    plain = {**INFO, "supported_features": ["debugger"]}
    for name, info in (("questions", plain), ("questions of a shell", INFO)):
        has = "has" if info is INFO else "has no"
        scene = Scene(f"A kernel that {has} subshells is asked for two words.")
        scene.exchange("info", "kernel_info_request", {}, info)
        for label in ("one", "two"):
            scene.exchange(label, "complete_request", {"code": "p", "cursor_pos": 1}, words)
        yield name, scene


# The faults

Change = Callable[[Scene], None]


def part(label: str, name: str, /, **changes: Any) -> Change:
    """Change or add keys of one part of a message; `GONE` takes a key away."""

    def change(scene: Scene) -> None:
        for key, value in changes.items():
            if value is GONE:
                del scene.records[label][name][key]
            else:
                scene.records[label][name][key] = value

    return change


GONE: Any = object()


def content(label: str = "it", /, **changes: Any) -> Change:
    """Change keys of a content."""
    return part(label, "content", **changes)


def body(**changes: Any) -> Change:
    """Change keys of the body of a response."""

    def change(scene: Scene) -> None:
        inner = scene.records["it"]["content"]["body"]
        for key, value in changes.items():
            if value is GONE:
                del inner[key]
            else:
                inner[key] = value

    return change


def header(label: str, /, **changes: Any) -> Change:
    """Change keys of a header, and of the parent headers that repeat it."""

    def change(scene: Scene) -> None:
        name = scene.records[label]["header"]["msg_id"]
        part(label, "header", **changes)(scene)
        for record in scene.records.values():
            if record["parent_header"].get("msg_id") == name:
                record["parent_header"] = copy.deepcopy(scene.records[label]["header"])

    return change


def parent(label: str, /, **changes: Any) -> Change:
    """Change keys of a parent header."""
    return part(label, "parent_header", **changes)


def place(label: str, **changes: Any) -> Change:
    """Change channel, sender or client of a record."""

    def change(scene: Scene) -> None:
        scene.records[label] |= changes

    return change


def drop(*labels: str) -> Change:
    """Take records out."""

    def change(scene: Scene) -> None:
        for label in labels:
            del scene.records[label]

    return change


def move(label: str, before: str = "") -> Change:
    """Let one record be seen before another, or last."""

    def change(scene: Scene) -> None:
        taken = scene.records.pop(label)
        rest = list(scene.records.items())
        at = next((i for i, (name, _) in enumerate(rest) if name == before), len(rest))
        scene.records = dict([*rest[:at], (label, taken), *rest[at:]])

    return change


def again(label: str, new: str) -> Change:
    """Let a message come again behind itself, under the id *new*."""

    def change(scene: Scene) -> None:
        twin = copy.deepcopy(scene.records[label])
        twin["header"]["msg_id"] = new
        rest = list(scene.records.items())
        at = 1 + list(scene.records).index(label)
        scene.records = dict([*rest[:at], (new, twin), *rest[at:]])

    return change


def dicts_of(scene: Scene) -> tuple[list[bytes], list[bytes]]:
    """Return the frames before the delimiter, and the four dicts."""
    whole = [bytes.fromhex(one) for one in scene.records["it"]["frames"]]
    start = whole.index(DELIMITER)
    return whole[:start], whole[start + 2 :]


def dict_as(at: int, data: bytes) -> Change:
    """Put *data* into the place of one of the four dicts, and sign them."""

    def change(scene: Scene) -> None:
        before, dicts = dicts_of(scene)
        dicts[at] = data
        scene.records["it"]["frames"] = frames(dicts, sign(KEY, dicts), before)

    return change


def signature_as(make: Callable[[bytes], bytes]) -> Change:
    """Change the signature."""

    def change(scene: Scene) -> None:
        before, dicts = dicts_of(scene)
        scene.records["it"]["frames"] = frames(dicts, make(sign(KEY, dicts)), before)

    return change


def topics(*before: bytes) -> Change:
    """Change what stands before the delimiter."""

    def change(scene: Scene) -> None:
        _, dicts = dicts_of(scene)
        scene.records["it"]["frames"] = frames(dicts, sign(KEY, dicts), before)

    return change


def cut(scene: Scene) -> None:
    """Leave out the last frame."""
    scene.records["it"]["frames"].pop()


def new_output(label: str, kind: str, said: Content, asked: str, before: str) -> Change:
    """Let one more message be published for a request."""

    def change(scene: Scene) -> None:
        scene.told(label, kind, said, parent=asked)
        move(label, before)(scene)

    return change


def fail_expression(scene: Scene) -> None:
    """Take a field of a failed expression away."""
    del scene.records["it"]["content"]["user_expressions"]["b"]["traceback"]


def pretend_abort(scene: Scene) -> None:
    """Abort the second cell though the first one ran."""
    for label in ("one.execute_input", "two.execute_input"):
        assert label in scene.records
    del scene.records["two.execute_input"]
    scene.records["two.reply"]["content"] = {
        "status": "error", "ename": "Aborted", "evalue": "", "traceback": [], "execution_count": 1,
    }  # fmt: skip


def run_late(scene: Scene) -> None:
    """Run the cell that was to be aborted."""
    told = {"code": "y", "execution_count": 2}
    new_output("late.input", "execute_input", told, "late", "late.reply")(scene)
    scene.records["late.reply"]["content"] = {
        "status": "ok", "execution_count": 2, "user_expressions": {},
    }  # fmt: skip


def abort_question(scene: Scene) -> None:
    """Let what waits be another request than one to run code."""
    header("late", msg_type="inspect_request")(scene)
    scene.records["late"]["content"] = {"code": "x", "cursor_pos": 1}
    answer = scene.records["late.reply"]
    answer["header"]["msg_type"] = "inspect_reply"
    del answer["content"]["execution_count"]


def numbered_subshell(scene: Scene) -> None:
    """Write a number where the id of a subshell stands."""
    scene.records["it"]["header"]["subshell_id"] = 7


PAGE = {"source": "page", "data": {"text/html": "<b>"}, "start": 0}
NO_FEATURES = content("info.reply", supported_features=[], debugger=False)
JSON_TEXT = {"text/plain": "x", "application/json": '{"a": 1}'}
TEXT_PNG = {"text/plain": "x", "image/png": "not base 64!"}
NO_TYPE = {"text/plain": "x", "picture": "x"}
REORDERED = {"status": "ok", "history": [[1, 2, "y"], [1, 1, "x"]]}
THREE = [[1, 1, "x"], [1, 2, "y"], [1, 3, "z"]]

FAULTS: tuple[tuple[str, str, str, tuple[Change, ...]], ...] = (
    ("COMM-01", "comm_open", "It names no target.", (content(target_name=GONE),)),
    ("COMM-04", "comm_msg", "It names no comm.", (content(comm_id=GONE),)),
    ("COMM-05", "comm_close", "It names no comm.", (content(comm_id=GONE),)),
    ("COMM-06", "comm_msg", "Its data are a list.", (content(data=[]),)),
    ("COMPLETE-02", "complete_request", "The cursor is negative.", (content(cursor_pos=-1),)),
    ("COMPLETE-04", "complete_reply", "There are no matches.", (content(matches=GONE),)),
    ("COMPLETE-06", "complete_reply", "The range begins behind its end.", (
        content(cursor_start=2),
    )),
    ("COMPLETE-06", "word", "The range ends behind the code.", (
        content("word.reply", cursor_end=9),
    )),
    ("INSPECT-03", "inspect_reply", "Nobody knows whether it was found.", (content(found=GONE),)),
    ("INSPECT-06", "inspect_request", "The cursor is negative.", (content(cursor_pos=-1),)),
    ("INSPECT-08", "inspect_reply", "There is no plain text.", (content(data={}),)),
    ("CTRL-03", "both", "Control has no busy and idle.", (drop("again.busy", "again.idle"),)),
    ("CTRL-04", "end", "The reply says that a restart follows.", (
        content("end.reply", restart=True),
    )),
    ("CTRL-07", "end", "Nobody else learns of the end.", (drop("end.shutdown_reply"),)),
    ("CTRL-09", "interrupt_reply", "It comes on shell.", (place("it", channel="shell"),)),
    ("CTRL-14", "shutdown_request", "It is sent on shell.", (place("it", channel="shell"),)),
    ("DEBUG-01", "debugger", "The kernel does not say that it debugs.", (NO_FEATURES,)),
    ("DEBUG-02", "debug_request", "It has no type.", (content(type=GONE),)),
    ("DEBUG-03", "debug_event", "It names no event.", (content(event=GONE),)),
    ("DEBUG-04", "debug_reply", "It has no number.", (content(seq=GONE),)),
    ("DEBUG-04", "debug_reply", "It fails in the common form.", (
        content(type=GONE, seq=GONE, request_seq=GONE, command=GONE, success=GONE, body=GONE,
                status="error", **FAILURE),
    )),
    ("DEBUG-05", "dumpCell", "There is no path.", (body(sourcePath=GONE),)),
    ("DEBUG-06", "debugInfo", "Nobody knows whether it is started.", (body(isStarted=GONE),)),
    ("DEBUG-09", "inspectVariables", "There are no variables.", (body(variables=GONE),)),
    ("DEBUG-10", "richInspectVariables", "There are no data.", (body(data=GONE),)),
    ("DEBUG-11", "copyToGlobals", "There is no value.", (body(value=GONE),)),
    ("EXEC-04", "quiet", "A silent cell prints.", (
        new_output("silent.stream", "stream", {"name": "stdout", "text": "!"}, "silent",
                   "silent.idle"),
    )),
    ("EXEC-06", "cells", "The counter jumps.", (
        content("two.execute_input", execution_count=3), content("two.reply", execution_count=3),
    )),
    ("EXEC-07", "cells", "The reply counts otherwise.", (content("two.reply", execution_count=3),)),
    ("EXEC-08", "quiet", "An unstored cell counts.", (
        content("unstored.execute_input", execution_count=2),
        content("unstored.reply", execution_count=2),
    )),
    ("EXEC-09", "execute_reply", "An expression has no status.", (
        content(user_expressions={"a": {}}),
    )),
    ("EXEC-35", "quiet", "An expression is not answered.", (
        content("silent.reply", user_expressions={}),
    )),
    ("EXEC-10", "execute_reply", "A failed expression has no traceback.", (fail_expression,)),
    ("EXEC-11", "execute_reply", "There are no expressions.", (content(user_expressions=GONE),)),
    ("EXEC-14", "execute_reply", "A payload does not say what it is.", (content(payload=[{}]),)),
    ("EXEC-16", "cells", "A cell gets no reply.", (drop("two.reply"),)),
    ("EXEC-17", "queue", "Nothing is published of the exception.", (drop("bad.error"),)),
    ("EXEC-18", "cells", "The code is not shown.", (drop("two.execute_input"),)),
    ("EXEC-20", "queue", "The cell behind runs.", (run_late,)),
    ("EXEC-21", "queue", "The aborted cell counts.", (content("late.reply", execution_count=9),)),
    ("EXEC-22", "queue", "It is aborted though the first says to go on.", (
        content("bad", stop_on_error=False),
    )),
    ("EXEC-23", "queue", "A question is aborted.", (abort_question,)),
    ("EXEC-24", "queue", "It is aborted though it came later.", (move("late", "late.busy"),)),
    ("EXEC-26", "cells", "It is aborted though nothing failed.", (pretend_abort,)),
    ("EXEC-32", "queue", "A result follows the exception.", (
        new_output("bad.result", "execute_result",
                   {"execution_count": 1, "data": {"text/plain": "1"}, "metadata": {}}, "bad",
                   "bad.reply"),
    )),
    ("EXEC-33", "execute_reply", "A page has no plain text.", (content(payload=[PAGE]),)),
    ("HDR-01", "status", "The header has no session.", (part("it", "header", session=GONE),)),
    ("HDR-02", "cells", "Two messages have one id.", (
        part("two.execute_input", "header", msg_id="one.stream"),
    )),
    ("HDR-03", "word", "The kernel takes its client's session.", (
        part("word.reply", "header", session="client"),
        part("word.busy", "header", session="client"),
        part("word.idle", "header", session="client"),
    )),
    ("HDR-04", "word", "The kernel changes its session.", (
        part("word.reply", "header", session="another"),
    )),
    ("HDR-05", "cells", "The client changes its session.", (header("two", session="another"),)),
    ("HDR-07", "status", "The date is none.", (part("it", "header", date="noon"),)),
    ("HDR-09", "status", "The version is none.", (part("it", "header", version="five"),)),
    ("HDR-11", "inspect_request", "The id of a subshell is a number.", (numbered_subshell,)),
    ("HDR-12", "word", "The reply has the parent of nothing.", (
        part("word.reply", "parent_header", msg_id="nobody"),
    )),
    ("HDR-13", "cells", "Text has the parent of nothing.", (
        parent("one.stream", msg_id="nobody"),
    )),
    ("HDR-14", "cells", "The start has a cause.", (
        part("starting", "parent_header", msg_id="it", msg_type="x", session="x", username="",
             date=DATE, version="5.5"),
    )),
    ("HDR-15", "word", "An unknown key is not repeated.", (
        part("word", "header", own=1),
    )),
    ("HDR-16", "status", "The metadata are a list.", (place("it", metadata=[]),)),
    ("HDR-18", "input_reply", "There is no value.", (content(value=GONE),)),
    ("HIST-02", "tail", "There are more cells than asked for.", (
        content("history.reply", history=THREE),
    )),
    ("HIST-04", "search", "There are more cells than asked for.", (
        content("history.reply", history=THREE),
    )),
    ("HIST-07", "history_reply", "A cell has two parts.", (content(history=[[1, "x"]]),)),
    ("HIST-12", "tail", "The newest comes first.", (content("history.reply", **REORDERED),)),
    ("INFO-01", "both", "No answer comes on shell.", (drop("info.reply"),)),
    ("INFO-02", "both", "Control gives another answer.", (
        content("again.reply", implementation="another"),
    )),
    ("INFO-04", "kernel_info_reply", "The version is a word.", (content(protocol_version="five"),)),
    ("INFO-05", "kernel_info_reply", "There is no name.", (content(implementation=GONE),)),
    ("INFO-06", "kernel_info_reply", "The extension has no dot.", (
        content(language_info={**LANGUAGE, "file_extension": "calc"}),
    )),
    ("INFO-10", "kernel_info_reply", "The flag says otherwise.", (content(debugger=False),)),
    ("INFO-12", "comms", "A comm of another target is listed.", (
        content("comms.reply", comms={"c-1": {"target_name": "u"}}),
    )),
    ("IOPUB-02", "iopub_welcome", "It names no subscription.", (content(subscription=GONE),)),
    ("IOPUB-04", "iopub_welcome", "It has a cause.", (
        part("it", "parent_header", msg_id="x", msg_type="x", session="x", username="", date=DATE,
             version="5.5"),
    )),
    ("IOPUB-05", "welcome", "Its topic is another.", (topics(b"b"),)),
    ("IOPUB-08", "stream", "It comes on shell.", (place("it", channel="shell"),)),
    ("IOPUB-09", "stream", "It comes from nowhere.", (content(name="stdlog"),)),
    ("IOPUB-10", "display_data", "It has no metadata.", (content(metadata=GONE),)),
    ("IOPUB-11", "display_data", "A key is no MIME type.", (content(data=NO_TYPE),)),
    ("IOPUB-12", "display_data", "JSON is sent as text.", (content(data=JSON_TEXT),)),
    ("IOPUB-13", "display_data", "A picture is no base64.", (content(data=TEXT_PNG),)),
    ("IOPUB-15", "display_data", "The id is a number.", (content(transient={"display_id": 1}),)),
    ("IOPUB-16", "update_display_data", "It names no display.", (content(transient={}),)),
    ("IOPUB-18", "execute_input", "It has no count.", (content(execution_count=GONE),)),
    ("IOPUB-18", "cells", "The code is another.", (content("two.execute_input", code="z"),)),
    ("IOPUB-19", "execute_result", "It has no metadata.", (content(metadata=GONE),)),
    ("IOPUB-20", "error", "It has a status.", (content(status="error"),)),
    ("IOPUB-21", "status", "There is no such state.", (content(execution_state="dead"),)),
    ("IOPUB-22", "cells", "The kernel starts twice.", (again("starting", "starting2"),)),
    ("IOPUB-23", "cells", "Text follows idle.", (move("one.stream", "two"),)),
    ("IOPUB-25", "clear_output", "It does not say whether to wait.", (content(wait=GONE),)),
    ("IOPUB-29", "execute_result", "It has no plain text.", (content(data={}),)),
    ("ISCOMPLETE-01", "is_complete_reply", "The code is ok.", (
        content(status="ok", indent=GONE),
    )),
    ("ISCOMPLETE-01", "is_complete_reply", "It fails in the common form.", (
        content(indent=GONE, status="error", **FAILURE),
    )),
    ("ISCOMPLETE-02", "is_complete_reply", "There is no indent.", (content(indent=GONE),)),
    ("ISCOMPLETE-03", "is_complete_reply", "Whole code is indented.", (
        content(status="complete"),
    )),
    ("SHELL-01", "cells", "A cell has neither busy nor idle.", (drop("two.busy", "two.idle"),)),
    ("SHELL-03", "word", "The reply is that of another question.", (
        part("word.reply", "header", msg_type="inspect_reply"),
        place("word.reply", content={"status": "ok", "found": False, "data": {}, "metadata": {}}),
    )),
    ("SHELL-04", "cells", "The code is shown before busy.", (
        move("two.execute_input", "two.busy"),
    )),
    ("SHELL-05", "cells", "A cell never ends.", (drop("two.idle"),)),
    ("SHELL-06", "word", "A question has neither busy nor idle.", (
        drop("word.busy", "word.idle"),
    )),
    ("SHELL-07", "comm", "A comm message has neither busy nor idle.", (
        drop("open.busy", "open.idle"),
    )),
    ("SHELL-09", "delete_subshell_reply", "It has no status.", (content(status=GONE),)),
    ("SHELL-10", "failure", "It has no traceback.", (content(traceback=GONE),)),
    ("SHELL-10", "failure", "It holds what a success does.", (content(data={}),)),
    ("SHELL-11", "failure", "It is aborted and says why.", ()),
    ("SHELL-12", "failure", "It is aborted.", ()),
    ("SHELL-13", "failed cell", "It has no count.", (content(execution_count=GONE),)),
    ("SHELL-14", "word", "There are two replies.", (again("word.reply", "word.reply2"),)),
    ("SHELL-15", "cells", "The second ends before the first.", (
        move("one.idle"), move("one.reply"),
    )),
    ("SIGN-01", "frames", "It is signed with another key.", (signature_as(lambda _: b"0" * 64),)),
    ("SIGN-03", "frames", "The signature is in capitals.", (signature_as(bytes.upper),)),
    ("SIGN-16", "unsigned", "There is a signature.", (signature_as(lambda _: b"0" * 64),)),
    ("STDIN-02", "prompt", "Nobody answers.", (drop("answer"),)),
    ("STDIN-03", "prompt", "Nobody allowed it.", (content("cell", allow_stdin=False),)),
    ("STDIN-06", "prompt", "Another client is asked.", (
        place("cell.prompt", client="other"), place("answer", client="other"),
        part("answer", "header", session="other"),
    )),
    ("STDIN-07", "input_request", "It has no cause.", (place("it", parent_header={}),)),
    ("STDIN-08", "input_request", "It does not say whether it is secret.", (
        content(password=GONE),
    )),
    ("SUBSHELL-01", "subshells", "The kernel does not say that it has them.", (
        content("info.reply", supported_features=["debugger"]),
    )),
    ("SUBSHELL-02", "create_subshell_reply", "It names none.", (content(subshell_id=GONE),)),
    ("SUBSHELL-02", "subshells", "Both have one id.", (
        content("second.reply", subshell_id="first"),
    )),
    ("SUBSHELL-03", "delete_subshell_reply", "It comes on shell.", (
        place("it", channel="shell"),
    )),
    ("SUBSHELL-04", "list_subshell_reply", "It is no list.", (content(subshell_id="s"),)),
    ("SUBSHELL-06", "no such subshell", "A kernel without subshells replies.", (
        content("info.reply", supported_features=["debugger"]),
    )),
    ("SUBSHELL-15", "execute_result", "The header names a subshell.", (
        part("it", "header", subshell_id="s"),
    )),
    ("WIRE-02", "frames", "A frame is missing.", (cut,)),
    ("WIRE-06", "frames", "The metadata are null.", (dict_as(2, b"null"),)),
    ("WIRE-07", "frames", "The content is not UTF-8.", (
        dict_as(3, b'{"execution_state":"\xff"}'),
    )),
    ("WIRE-08", "frames", "The content has a NaN.", (dict_as(3, b'{"execution_state":NaN}'),)),
    ("WIRE-11", "frames", "There is no topic.", (topics(),)),
    ("WIRE-16", "word", "The reply comes on another channel.", (
        place("word.reply", channel="control"),
    )),
    ("EXEC-09", "quiet", "An expression is answered that was not asked for.", (
        content("silent.reply", user_expressions={"a": GOOD, "b": GOOD}),
    )),
    ("INFO-18", "kernel_info_reply", "Nobody knows which version of the language it is.", (
        content(language_info={key: LANGUAGE[key] for key in LANGUAGE if key != "version"}),
    )),
    ("EXEC-17", "queue", "IOPub names another exception.", (
        content("bad.error", ename="TypeError"),
    )),
    ("EXEC-17", "queue", "IOPub gives the exception another value.", (
        content("bad.error", evalue="yes"),
    )),
    ("EXEC-17", "queue", "IOPub has another traceback.", (
        content("bad.error", traceback=["ValueError: yes"]),
    )),
    ("IOPUB-19", "cells", "The result has the number of another cell.", (
        content("one.execute_result", execution_count=2),
    )),
    ("CTRL-04", "end", "The others learn that a restart follows.", (
        content("end.shutdown_reply", restart=True),
    )),
    ("DEBUG-04", "debugger", "The reply is that to another number.", (
        content("debug.reply", request_seq=2),
    )),
    ("DEBUG-04", "debugger", "The reply is that to another command.", (
        content("debug.reply", command="continue"),
    )),
    ("HIST-05", "search", "One cell is listed twice.", (
        content("history", unique=True),
        content("history.reply", history=[[1, 1, "x"], [1, 2, "x"]]),
    )),
    ("SHELL-20", "questions", "The second is answered before the first.", (
        move("one.idle"), move("one.reply"),
    )),
    ("SUBSHELL-10", "questions of a shell", "The second is answered before the first.", (
        move("one.idle"), move("one.reply"),
    )),
)  # fmt: skip
"""The rule that is broken, the scene, what is wrong, and the change. New ones come last: the place
is the number."""

FIRST_FAULT = 101
ABORTED: Mapping[str, Content] = {
    "SHELL-11": {"status": "aborted", "ename": "E"},
    "SHELL-12": {"status": "aborted"},
}


def conversations() -> list[Vector]:
    """Return each scene, and each fault."""
    made = scenes()
    names = {name: f"VEC-CONVERSATION-{at:03}" for at, name in enumerate(made, start=1)}
    rules: dict[str, list[str]] = {name: [] for name in made}
    for rule, name, _, _ in FAULTS:
        if rule not in rules[name]:
            rules[name].append(rule)
    good = [
        _vector(names[name], scene, scene.reason, rules[name] or ["HDR-18"], "valid")
        for name, scene in made.items()
    ]
    return [*good, *_faults(made, names)]


def _faults(made: Mapping[str, Scene], names: Mapping[str, str]) -> Iterator[Vector]:
    for at, (rule, name, reason, changes) in enumerate(FAULTS, start=FIRST_FAULT):
        scene = copied(made[name])
        for change in changes:
            change(scene)
        if rule in ABORTED:
            scene.records["it"]["content"] = dict(ABORTED[rule])
        vector = _vector(f"VEC-CONVERSATION-{at}", scene, reason, [rule], "invalid")
        yield {**vector, "breaks": rule, "kept_by": names[name]}


def _vector(number: str, scene: Scene, reason: str, rules: Sequence[str], result: str) -> Vector:
    return {
        "id": number,
        "kind": "conversation",
        "protocol": "5.5",
        "reason": reason,
        "requirements": list(rules),
        "result": result,
        "key": scene.key,
        "signature_scheme": "hmac-sha256",
        "complete": scene.complete,
        "records": list(scene.records.values()),
    }
