"""A conversation is judged as a whole: a fault between messages is found, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import pytest
from attrs import define, evolve, field
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.protocol import (
    Channel,
    Profile,
    Recorded,
    Sender,
    Severity,
    check_conversation,
)
from assay.testing import Step, conversations, frames, json_objects, truncated_frames
from tests.properties import MANY

SHELL, CONTROL, IOPUB, STDIN = Channel.SHELL, Channel.CONTROL, Channel.IOPUB, Channel.STDIN
CLIENT, KERNEL = Sender.CLIENT, Sender.KERNEL
Message = dict[str, Any]

INFO = {
    "status": "ok",
    "protocol_version": "5.5",
    "implementation": "x",
    "implementation_version": "1",
    "banner": "",
    "language_info": {"name": "x", "version": "1", "mimetype": "text/x", "file_extension": ".x"},
}
FAILURE = {"ename": "E", "evalue": "wrong", "traceback": ["E: wrong"]}
VALUE = {"status": "ok", "data": {"text/plain": "1"}, "metadata": {}}


@define
class Script:
    """A conversation in the making: records by label, in the order in which they were seen."""

    order: list[str] = field(factory=list)
    records: dict[str, Recorded] = field(factory=dict)

    def add(self, label: str, record: Recorded) -> Message:
        """Append a record and return its message."""
        assert label not in self.records
        self.order.append(label)
        self.records[label] = record
        return self[label]

    def __getitem__(self, label: str) -> Message:
        message = self.records[label].message
        assert isinstance(message, dict)
        return message

    def drop(self, label: str) -> None:
        """Take a record out."""
        self.order.remove(label)

    def move(self, label: str, before: str) -> None:
        """Let it be seen before another one."""
        self.order.remove(label)
        self.order.insert(self.order.index(before), label)

    def copy(self, label: str, *, msg_id: str | None = "copy") -> Message:
        """Let it be seen twice in a row, under an id of its own; return the second one."""
        again = deepcopy(self.records[label])
        self.order.insert(self.order.index(label) + 1, f"{label} again")
        self.records[f"{label} again"] = again
        if msg_id is not None:
            self[f"{label} again"]["header"]["msg_id"] = msg_id
        return self[f"{label} again"]

    def place(self, label: str, **changes: Any) -> None:
        """Change the circumstances of a record."""
        self.records[label] = evolve(self.records[label], **changes)

    def swap(self, one: str, other: str) -> None:
        """Exchange the places of two records."""
        first, second = self.order.index(one), self.order.index(other)
        self.order[first], self.order[second] = other, one

    def recorded(self) -> list[Recorded]:
        """Return the records, numbered as they stand."""
        return [evolve(self.records[name], index=at) for at, name in enumerate(self.order)]


@define
class Scene:
    """Writes what a client and a kernel say into a script."""

    script: Script = field(factory=Script)
    session: str = "kernel"

    def message(
        self,
        label: str,
        session: str,
        msg_type: str,
        content: Mapping[str, Any],
        parent: Message | None,
    ) -> Message:
        """Return a message whose id is its label."""
        return {
            "header": {
                "msg_id": label,
                "msg_type": msg_type,
                "session": session,
                "username": "tester",
                "date": "2026-01-01T12:00:00Z",
                "version": "5.5",
            },
            "parent_header": {} if parent is None else deepcopy(parent["header"]),
            "metadata": {},
            "content": dict(content),
        }

    def ask(
        self,
        label: str,
        msg_type: str,
        content: Mapping[str, Any],
        *,
        channel: Channel = SHELL,
        client: str = "client",
        parent: Message | None = None,
    ) -> Message:
        """Let a client say something."""
        message = self.message(label, client, msg_type, content, parent)
        return self.script.add(
            label,
            Recorded(index=0, channel=channel, sender=CLIENT, message=message, client=client),
        )

    def tell(
        self,
        label: str,
        msg_type: str,
        content: Mapping[str, Any],
        parent: Message | None,
        *,
        channel: Channel = IOPUB,
        client: str = "",
    ) -> Message:
        """Let the kernel say something."""
        message = self.message(label, self.session, msg_type, content, parent)
        return self.script.add(
            label,
            Recorded(index=0, channel=channel, sender=KERNEL, message=message, client=client),
        )

    def status(self, label: str, state: str, parent: Message | None) -> None:
        """Let the kernel say what it is doing."""
        self.tell(f"{label}.{state}", "status", {"execution_state": state}, parent)

    def reply(self, label: str, content: Mapping[str, Any], request: Message) -> None:
        """Let the kernel answer where it was asked."""
        asked = self.script.records[request["header"]["msg_id"]]
        msg_type = request["header"]["msg_type"].replace("_request", "_reply")
        self.tell(
            f"{label}.reply", msg_type, content, request, channel=asked.channel, client=asked.client
        )

    def question(
        self,
        label: str,
        name: str,
        content: Mapping[str, Any],
        answer: Mapping[str, Any],
        *,
        channel: Channel = SHELL,
        client: str = "client",
    ) -> None:
        """Let a client ask and the kernel answer, with busy and idle around it."""
        request = self.ask(label, f"{name}_request", content, channel=channel, client=client)
        self.status(label, "busy", request)
        self.reply(label, {"status": "ok", **answer}, request)
        self.status(label, "idle", request)

    def cell(
        self,
        label: str,
        count: int,
        *outputs: tuple[str, Mapping[str, Any]],
        failed: bool = False,
        request: Message | None = None,
        client: str = "client",
        **fields: Any,
    ) -> None:
        """Let a client run a cell that publishes *outputs*."""
        request = request or self.wanted(label, client=client, **fields)
        self.status(label, "busy", request)
        self.tell(
            f"{label}.input", "execute_input", {"code": "x", "execution_count": count}, request
        )
        for name, content in outputs:
            self.tell(f"{label}.{name}", name, content, request)
        if failed:
            self.tell(f"{label}.error", "error", FAILURE, request)
            answer: Mapping[str, Any] = {"status": "error", **FAILURE}
        else:
            answer = {"status": "ok", "user_expressions": {}}
        self.reply(label, {**answer, "execution_count": count}, request)
        self.status(label, "idle", request)

    def wanted(self, label: str, *, client: str = "client", **fields: Any) -> Message:
        """Let a client send an execute request."""
        return self.ask(label, "execute_request", {"code": "x", **fields}, client=client)

    def aborted(self, label: str, count: int, request: Message) -> None:
        """Let the kernel drop a cell from the queue."""
        self.status(label, "busy", request)
        answer = {"status": "error", "ename": "Aborted", "evalue": "", "traceback": []}
        self.reply(label, {**answer, "execution_count": count}, request)
        self.status(label, "idle", request)


def play() -> Script:
    """Return a conversation of two clients and a kernel in which nothing is wrong."""
    scene = Scene()
    scene.tell("welcome", "iopub_welcome", {"subscription": ""}, None)
    scene.status("start", "starting", None)
    scene.question("info", "kernel_info", {}, INFO)
    scene.question("info2", "kernel_info", {}, INFO, channel=CONTROL)
    scene.cell("one", 1, ("stream", {"name": "stdout", "text": "1"}))
    result = {"data": {"text/plain": "2"}, "metadata": {}, "execution_count": 2}
    scene.cell("two", 2, ("execute_result", result))
    matches = {"matches": ["x"], "cursor_start": 0, "cursor_end": 1, "metadata": {}}
    scene.question("complete", "complete", {"code": "x", "cursor_pos": 1}, matches)
    scene.question("complete2", "complete", {"code": "x", "cursor_pos": 1}, matches)
    scene.question(
        "inspect",
        "inspect",
        {"code": "x", "cursor_pos": 1},
        {"found": False, "data": {}, "metadata": {}},
    )
    tail = {"hist_access_type": "tail", "n": 2, "output": False, "raw": True}
    scene.question("history", "history", tail, {"history": [[1, 1, "x"], [1, 2, "x"]]})
    scene.question("whole", "is_complete", {"code": "x"}, {"status": "complete"})
    scene.question(
        "comms", "comm_info", {"target_name": "t"}, {"comms": {"c": {"target_name": "t"}}}
    )
    _quiet_cells(scene)
    _prompting_cell(scene)
    _failing_cell(scene)
    _comm(scene)
    scene.cell("last", 5, ("display_data", {"data": {"text/plain": ""}, "metadata": {}}))
    scene.cell("other", 6, client="other")
    _shutdown(scene)
    return scene.script


def _quiet_cells(scene: Scene) -> None:
    request = scene.wanted("silent", silent=True)
    scene.status("silent", "busy", request)
    scene.reply("silent", {"status": "ok", "execution_count": 2, "user_expressions": {}}, request)
    scene.status("silent", "idle", request)
    scene.cell("unstored", 2, store_history=False)


def _prompting_cell(scene: Scene) -> None:
    request = scene.wanted("asking", allow_stdin=True)
    scene.status("asking", "busy", request)
    scene.tell("asking.input", "execute_input", {"code": "x", "execution_count": 3}, request)
    prompt = scene.tell(
        "prompt",
        "input_request",
        {"prompt": "?", "password": False},
        request,
        channel=STDIN,
        client="client",
    )
    scene.ask("answer", "input_reply", {"value": "!"}, channel=STDIN, parent=prompt)
    scene.reply("asking", {"status": "ok", "execution_count": 3, "user_expressions": {}}, request)
    scene.status("asking", "idle", request)


def _failing_cell(scene: Scene) -> None:
    failing = scene.wanted("failing")
    waiting = scene.wanted("waiting")
    scene.cell("failing", 4, failed=True, request=failing)
    scene.aborted("waiting", 4, waiting)


def _comm(scene: Scene) -> None:
    message = scene.ask("comm", "comm_msg", {"comm_id": "c", "data": {}})
    scene.status("comm", "busy", message)
    scene.tell("comm.back", "comm_msg", {"comm_id": "c", "data": {}}, message)
    scene.status("comm", "idle", message)


def _shutdown(scene: Scene) -> None:
    request = scene.ask("end", "shutdown_request", {"restart": False}, channel=CONTROL)
    scene.status("end", "busy", request)
    scene.reply("end", {"status": "ok", "restart": False}, request)
    scene.tell("end.broadcast", "shutdown_reply", {"status": "ok", "restart": False}, request)
    scene.status("end", "idle", request)


# One fault each

Fault = Callable[[Script], object]


def dropped(*labels: str) -> Fault:
    """Some messages never came."""

    def spoil(script: Script) -> None:
        for label in labels:
            script.drop(label)

    return spoil


def changed(label: str, part: str, **fields: Any) -> Fault:
    """A message says something else; None takes a key out."""

    def spoil(script: Script) -> None:
        for key, value in fields.items():
            script[label][part].pop(key, None)
            if value is not None:
                script[label][part][key] = value

    return spoil


def parent_of(label: str, other: str) -> Fault:
    """A message names another one as its cause."""

    def spoil(script: Script) -> None:
        script[label]["parent_header"] = deepcopy(script[other]["header"])

    return spoil


def parents_swapped(one: str, other: str) -> Fault:
    """Two messages name each other's cause."""

    def spoil(script: Script) -> None:
        first, second = script[one], script[other]
        first["parent_header"], second["parent_header"] = (
            second["parent_header"],
            first["parent_header"],
        )

    return spoil


def copied(label: str) -> Fault:
    """A message is said once more, under another id."""
    return lambda script: script.copy(label)


def repeated(label: str) -> Fault:
    """The very same message comes twice."""
    return lambda script: script.copy(label, msg_id=None)


def moved(label: str, *, before: str) -> Fault:
    """A message comes too early or too late."""
    return lambda script: script.move(label, before)


def swapped(*pairs: tuple[str, str]) -> Fault:
    """Messages come in each other's place."""

    def spoil(script: Script) -> None:
        for one, other in pairs:
            script.swap(one, other)

    return spoil


def placed(label: str, **changes: Any) -> Fault:
    """A message travels another way."""
    return lambda script: script.place(label, **changes)


def both(*faults: Fault) -> Fault:
    """One mistake of a kernel that shows in several messages."""

    def spoil(script: Script) -> None:
        for fault in faults:
            fault(script)

    return spoil


def _runs_what_should_be_aborted(script: Script) -> None:
    script.drop("waiting.reply")
    script.drop("waiting.idle")
    scene, request = Scene(script), script["waiting"]
    scene.tell("waiting.input", "execute_input", {"code": "x", "execution_count": 5}, request)
    answer = {"status": "ok", "execution_count": 5, "user_expressions": {}}
    scene.tell("late.reply", "execute_reply", answer, request, channel=SHELL, client="client")
    scene.status("late", "idle", request)
    for label in ("waiting.input", "late.reply", "late.idle"):
        script.move(label, "comm")
    for label, count in (("last", 6), ("other", 7)):
        for name in ("input", "reply"):
            script[f"{label}.{name}"]["content"]["execution_count"] = count


def _result_after_error(script: Script) -> None:
    result = {"data": {"text/plain": "2"}, "metadata": {}, "execution_count": 4}
    Scene(script).tell("failing.result", "execute_result", result, script["failing"])
    script.move("failing.result", "failing.reply")


def _output_of_silent(script: Script) -> None:
    text = {"name": "stdout", "text": "1"}
    Scene(script).tell("silent.stream", "stream", text, script["silent"])
    script.move("silent.stream", "silent.idle")


def _starting_twice(script: Script) -> None:
    Scene(script).status("again", "starting", None)
    script.move("again.starting", "comm")


def _comm_answered(script: Script) -> None:
    scene = Scene(script)
    scene.tell(
        "comm.reply", "comm_msg_reply", {"status": "ok"}, script["comm"], channel=SHELL,
        client="client",
    )  # fmt: skip
    script.move("comm.reply", "comm.idle")


FAULTS: dict[str, tuple[Fault, str, tuple[str, ...]]] = {
    "an execute request without reply": (dropped("one.reply"), "EXEC-16", ("one",)),
    "a kernel_info_request without reply": (dropped("info.reply"), "INFO-01", ("info",)),
    "no kernel_info_reply on control": (dropped("info2.reply"), "INFO-02", ("info2",)),
    "a completion without reply": (dropped("complete.reply"), "SHELL-14", ("complete",)),
    "a shutdown without reply": (dropped("end.reply", "end.broadcast"), "CTRL-04", ("end",)),
    "two replies": (copied("one.reply"), "SHELL-14", ("one", "one.reply", "one.reply again")),
    "a reply of another type": (
        changed("inspect.reply", "header", msg_type="usage_reply"),
        "SHELL-03",
        ("inspect", "inspect.reply"),
    ),
    "a reply on another channel": (
        placed("info.reply", channel=CONTROL),
        "WIRE-16",
        ("info", "info.reply"),
    ),
    "a reply to another client": (
        placed("other.reply", client="client"),
        "WIRE-16",
        ("other", "other.reply"),
    ),
    "a reply to nobody's request": (
        changed("one.reply", "parent_header", msg_id="nobody"),
        "HDR-12",
        ("one", "one.reply"),
    ),
    "a reply with the parent of an earlier request": (
        parent_of("two.reply", "one"),
        "HDR-12",
        ("two", "two.reply"),
    ),
    "a reply with a changed parent": (
        changed("two.reply", "parent_header", username="somebody"),
        "HDR-12",
        ("two", "two.reply"),
    ),
    "a parent with a key more": (
        changed("two.input", "parent_header", extra=1),
        "HDR-15",
        ("two", "two.input"),
    ),
    "an output with a changed parent": (
        changed("two.execute_result", "parent_header", session="somebody"),
        "HDR-13",
        ("two", "two.execute_result"),
    ),
    "an output with an unknown parent": (
        changed("one.stream", "parent_header", msg_id="nobody"),
        "HDR-13",
        ("one.stream",),
    ),
    "an output with the parent of an earlier request": (
        parent_of("last.display_data", "one"),
        "IOPUB-23",
        ("one.idle", "last.display_data"),
    ),
    "neither busy nor idle for a kernel_info_request": (
        dropped("info.busy", "info.idle"),
        "SHELL-01",
        ("info",),
    ),
    "neither busy nor idle for a completion": (
        dropped("complete.busy", "complete.idle"),
        "SHELL-06",
        ("complete",),
    ),
    "neither busy nor idle on control": (
        dropped("info2.busy", "info2.idle"),
        "CTRL-03",
        ("info2",),
    ),
    "neither busy nor idle for a comm message": (
        dropped("comm.busy", "comm.back", "comm.idle"),
        "SHELL-07",
        ("comm",),
    ),
    "no busy": (dropped("one.busy"), "SHELL-04", ("one",)),
    "busy not first": (
        moved("one.busy", before="one.stream"),
        "SHELL-04",
        ("one.busy", "one.input"),
    ),
    "busy twice": (copied("two.busy"), "SHELL-04", ("two", "two.busy again")),
    "no idle": (dropped("one.idle"), "SHELL-05", ("one",)),
    "no idle at the shutdown": (dropped("end.idle"), "SHELL-05", ("end",)),
    "idle twice": (copied("two.idle"), "SHELL-05", ("two.idle", "two.idle again")),
    "a result behind idle": (
        swapped(("two.idle", "two.execute_result")),
        "SHELL-05",
        ("two.idle", "two.execute_result"),
    ),
    "text behind idle": (
        swapped(("one.idle", "one.stream")),
        "IOPUB-23",
        ("one.idle", "one.stream"),
    ),
    "replies in another order": (
        swapped(("complete.reply", "complete2.reply")),
        "SHELL-20",
        ("complete", "complete2", "complete.reply", "complete2.reply"),
    ),
    "busy before the idle of the request before": (
        moved("complete2.busy", before="complete.idle"),
        "SHELL-20",
        ("complete", "complete2", "complete.idle", "complete2.busy"),
    ),
    "an id twice": (
        changed("two.input", "header", msg_id="one.input"),
        "HDR-02",
        ("one.input", "two.input"),
    ),
    "a message twice": (
        repeated("one.stream"),
        "HDR-02",
        ("one.stream", "one.stream again"),
    ),
    "one id for both shutdown replies": (
        changed("end.broadcast", "header", msg_id="end.reply"),
        "HDR-02",
        ("end.reply", "end.broadcast"),
    ),
    "a new session of the kernel": (
        changed("two.reply", "header", session="another"),
        "HDR-04",
        ("welcome", "two.reply"),
    ),
    "a new session of a client": (
        changed("answer", "header", session="another"),
        "HDR-05",
        ("info", "answer"),
    ),
    "another count in the reply": (
        changed("one.reply", "content", execution_count=9),
        "EXEC-07",
        ("one.input", "one.reply"),
    ),
    "a count left out": (
        both(
            changed("other.input", "content", execution_count=9),
            changed("other.reply", "content", execution_count=9),
        ),
        "EXEC-06",
        ("other.input",),
    ),
    "a count that stands still": (
        both(
            changed("other.input", "content", execution_count=5),
            changed("other.reply", "content", execution_count=5),
        ),
        "EXEC-06",
        ("other.input",),
    ),
    "another count in the result": (
        changed("two.execute_result", "content", execution_count=9),
        "IOPUB-19",
        ("two.input", "two.execute_result"),
    ),
    "a silent cell is counted": (
        changed("silent.reply", "content", execution_count=3),
        "EXEC-08",
        ("silent.reply",),
    ),
    "an aborted cell is counted": (
        changed("waiting.reply", "content", execution_count=5),
        "EXEC-21",
        ("waiting.reply",),
    ),
    "no execute_input": (dropped("two.input"), "EXEC-18", ("two",)),
    "execute_input behind the output": (
        swapped(("one.input", "one.stream")),
        "EXEC-18",
        ("one.stream", "one.input"),
    ),
    "two execute_inputs": (copied("one.input"), "EXEC-18", ("one", "one.input again")),
    "other code in execute_input": (
        changed("one.input", "content", code="y"),
        "IOPUB-18",
        ("one", "one.input"),
    ),
    "output of a silent cell": (_output_of_silent, "EXEC-04", ("silent", "silent.stream")),
    "an error that IOPub does not tell": (
        dropped("failing.error"),
        "EXEC-17",
        ("failing", "failing.reply"),
    ),
    "an error told in other words": (
        changed("failing.error", "content", evalue="worse"),
        "EXEC-17",
        ("failing.error", "failing.reply"),
    ),
    "an error told twice": (
        copied("failing.error"),
        "EXEC-17",
        ("failing.error", "failing.error again"),
    ),
    "a result behind the error": (
        _result_after_error,
        "EXEC-32",
        ("failing.error", "failing.result"),
    ),
    "a cell that was to be aborted runs": (
        _runs_what_should_be_aborted,
        "EXEC-20",
        ("failing", "late.reply"),
    ),
    "an abort although the failing cell forbids it": (
        changed("failing", "content", stop_on_error=False),
        "EXEC-22",
        ("waiting", "waiting.reply"),
    ),
    "an abort of what was sent later": (
        moved("waiting", before="waiting.busy"),
        "EXEC-24",
        ("waiting", "waiting.reply"),
    ),
    "an abort without a failure": (
        both(
            changed("failing.reply", "content", status="ok", user_expressions={}),
            dropped("failing.error"),
        ),
        "EXEC-26",
        ("waiting", "waiting.reply"),
    ),
    "a completion is aborted": (
        changed("complete2.reply", "content", status="aborted"),
        "EXEC-23",
        ("complete2", "complete2.reply"),
    ),
    "user expressions that are ignored": (
        changed("one", "content", user_expressions={"x": "1"}),
        "EXEC-35",
        ("one", "one.reply"),
    ),
    "one of two user expressions": (
        both(
            changed("one", "content", user_expressions={"x": "1", "y": "2"}),
            changed("one.reply", "content", user_expressions={"x": VALUE}),
        ),
        "EXEC-09",
        ("one", "one.reply"),
    ),
    "a user expression that was not asked for": (
        changed("one.reply", "content", user_expressions={"x": VALUE}),
        "EXEC-09",
        ("one", "one.reply"),
    ),
    "a prompt that was not allowed": (
        changed("asking", "content", allow_stdin=False),
        "STDIN-03",
        ("asking", "prompt"),
    ),
    "a prompt for another client": (
        both(placed("prompt", client="other"), dropped("answer")),
        "STDIN-06",
        ("asking", "prompt"),
    ),
    "a prompt of a completion": (
        parent_of("prompt", "complete"),
        "STDIN-07",
        ("complete", "prompt"),
    ),
    "a prompt of nobody": (
        changed("prompt", "parent_header", msg_id="nobody"),
        "STDIN-07",
        ("prompt",),
    ),
    "a prompt without answer": (dropped("answer"), "STDIN-02", ("prompt",)),
    "starting twice": (_starting_twice, "IOPUB-22", ("start.starting", "again.starting")),
    "a welcome with a parent": (parent_of("welcome", "info"), "IOPUB-04", ("welcome",)),
    "two versions": (
        both(
            changed("info.reply", "content", protocol_version="5.4"),
            changed("info2.reply", "content", protocol_version="5.4"),
        ),
        "HDR-09",
        ("info.reply",),
    ),
    "another answer on control": (
        changed("info2.reply", "content", implementation="another"),
        "INFO-02",
        ("info.reply", "info2.reply"),
    ),
    "a shutdown that nobody else hears of": (
        dropped("end.broadcast"),
        "CTRL-07",
        ("end", "end.reply"),
    ),
    "another restart": (
        changed("end.reply", "content", restart=True),
        "CTRL-04",
        ("end", "end.reply"),
    ),
    "another restart for the others": (
        changed("end.broadcast", "content", restart=True),
        "CTRL-04",
        ("end.reply", "end.broadcast"),
    ),
    "a reply to a comm message": (_comm_answered, "COMM-04", ("comm", "comm.reply")),
    "a cursor behind the code": (
        changed("complete.reply", "content", cursor_end=2),
        "COMPLETE-06",
        ("complete", "complete.reply"),
    ),
    "comms of other targets": (
        changed("comms.reply", "content", comms={"c": {"target_name": "u"}}),
        "INFO-12",
        ("comms", "comms.reply"),
    ),
    "history without the output": (
        changed("history", "content", output=True),
        "HIST-07",
        ("history", "history.reply"),
    ),
    "history in descending order": (
        changed("history.reply", "content", history=[[1, 2, "x"], [1, 1, "x"]]),
        "HIST-12",
        ("history", "history.reply"),
    ),
}
"""Each name says what is wrong; then the requirement, and the records that the finding is about."""

TWICE = {"history without the output": 2}
"""Faults that show in more than one place."""


def test_nothing_is_wrong_with_the_play() -> None:
    """The conversation that the faults are put into has none."""
    assert check_conversation(play().recorded(), profile=Profile.STRICT) == ()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_nothing_else(name: str) -> None:
    """One fault gives its requirement with the records that show it."""
    fault, rule, labels = FAULTS[name]
    script = play()
    fault(script)

    found = check_conversation(script.recorded())

    assert {(one.requirement, one.records) for one in found} == {
        (rule, tuple(sorted(script.order.index(label) for label in labels)))
    }, "\n".join(map(str, found))
    assert len(found) == TWICE.get(name, 1)


def _beside() -> Script:
    """Return a conversation in which questions and comm messages go on beside two cells."""
    scene = Scene()
    running, behind = scene.wanted("running"), scene.wanted("behind")
    matches = {"matches": ["x"], "cursor_start": 0, "cursor_end": 1, "metadata": {}}
    scene.status("running", "busy", running)
    tell = {"code": "x", "execution_count": 1}
    scene.tell("running.input", "execute_input", tell, running)
    scene.question("complete", "complete", {"code": "x", "cursor_pos": 1}, matches)
    for label in ("one", "two"):
        message = scene.ask(label, "comm_msg", {"comm_id": "c", "data": {}})
        scene.status(label, "busy", message)
        scene.status(label, "idle", message)
    late = scene.ask("late", "complete_request", {"code": "x", "cursor_pos": 1})
    scene.reply("running", {"status": "ok", "execution_count": 1}, running)
    scene.status("running", "idle", running)
    scene.cell("behind", 2, request=behind)
    scene.status("late", "busy", late)
    scene.reply("late", {"status": "ok", **matches}, late)
    scene.status("late", "idle", late)
    return scene.script


BESIDE: dict[str, tuple[Fault, set[str]]] = {
    "as they are": (lambda _: None, set()),
    "a question ends in the next cell": (
        both(moved("late.busy", before="running.idle"), moved("late.reply", before="behind.input")),
        set(),
    ),
    "comm messages in another order": (
        both(moved("two.busy", before="one.busy"), moved("two.idle", before="one.busy")),
        {"SHELL-15"},
    ),
    "comm messages at once": (moved("two.busy", before="one.idle"), {"SHELL-15"}),
    "cells at once": (moved("behind.busy", before="running.idle"), {"SHELL-15"}),
    "a question asked before a cell": (moved("complete", before="running"), {"SHELL-20"}),
    "a question that another client asked, which arrived when the cell ran": (
        both(
            placed("complete", client="other"),
            placed("complete.reply", client="other"),
            moved("complete", before="running"),
        ),
        set(),
    ),
    "a question asked when the cells were over": (
        both(
            moved("complete", before="late.reply"),
            moved("complete.busy", before="late.reply"),
            moved("complete.reply", before="late.reply"),
            moved("complete.idle", before="late.reply"),
            moved("late", before="late.busy"),
        ),
        {"SHELL-20"},
    ),
}
"""What is moved, and what that breaks."""


@pytest.mark.parametrize("name", BESIDE)
def test_questions_may_be_answered_beside_code(name: str) -> None:
    """What is no cell may overtake code that runs; cells and comm messages keep their order."""
    fault, rules = BESIDE[name]
    script = _beside()
    fault(script)

    assert {one.requirement for one in check_conversation(script.recorded())} == rules


@pytest.mark.parametrize(("stops", "rules"), [(True, set()), (False, {"EXEC-22"})])
def test_a_silent_cell_that_fails_is_a_reason_to_abort(*, stops: bool, rules: set[str]) -> None:
    """Such a cell publishes no execute_input, and what waits behind it may be aborted."""
    scene = Scene()
    failing = scene.wanted("failing", silent=True, stop_on_error=stops)
    waiting = scene.wanted("waiting")
    scene.status("failing", "busy", failing)
    scene.reply("failing", {"status": "error", **FAILURE, "execution_count": 0}, failing)
    scene.status("failing", "idle", failing)
    scene.aborted("waiting", 0, waiting)

    found = check_conversation(scene.script.recorded())

    assert {one.requirement for one in found} == rules


def test_a_failure_without_execute_input_is_a_reason_to_abort() -> None:
    """That the kernel did not announce the cell is EXEC-18's; what waits behind it is aborted."""
    scene = Scene()
    failing, waiting = scene.wanted("failing"), scene.wanted("waiting")
    scene.status("failing", "busy", failing)
    scene.tell("failing.error", "error", FAILURE, failing)
    scene.reply("failing", {"status": "error", **FAILURE, "execution_count": 0}, failing)
    scene.status("failing", "idle", failing)
    scene.aborted("waiting", 0, waiting)

    assert check_conversation(scene.script.recorded()) == ()


def test_the_error_of_silent_code_is_worth_a_word() -> None:
    """Whether it is output is open (AMB-08): a warning, where a stream breaks the rule."""
    scene = Scene()
    failing = scene.wanted("failing", silent=True)
    scene.status("failing", "busy", failing)
    scene.tell("failing.error", "error", FAILURE, failing)
    scene.tell("failing.stream", "stream", {"name": "stdout", "text": "1"}, failing)
    scene.reply("failing", {"status": "error", **FAILURE, "execution_count": 0}, failing)
    scene.status("failing", "idle", failing)

    found = check_conversation(scene.script.recorded())

    assert [(one.requirement, one.got, one.severity) for one in found] == [
        ("EXEC-04", "error", Severity.WARNING),
        ("EXEC-04", "stream", Severity.VIOLATION),
    ]


def test_an_unstored_cell_may_be_shown_under_the_next_number() -> None:
    """That is a wrong number (EXEC-08); the stored cell that takes it has a right one."""
    scene = Scene()
    scene.cell("one", 1)
    scene.cell("unstored", 2, store_history=False)
    scene.cell("two", 2)
    scene.cell("three", 4)

    found = check_conversation(scene.script.recorded())

    assert {(one.requirement, one.expected, one.got) for one in found} == {
        ("EXEC-08", "the counter's value, 1", "2"),
        ("EXEC-06", "3", "4"),
    }


def test_a_cell_that_raises_was_begun() -> None:
    """What shows its input has begun, however it ends: busy belongs around it (SHELL-01)."""
    scene = Scene()
    raising = scene.wanted("raising")
    scene.tell("raising.input", "execute_input", {"code": "x", "execution_count": 1}, raising)
    scene.tell("raising.error", "error", FAILURE, raising)
    scene.reply("raising", {"status": "error", **FAILURE, "execution_count": 1}, raising)

    found = check_conversation(scene.script.recorded())

    assert [one.requirement for one in found] == ["SHELL-01"]


def test_an_aborted_cell_was_not_begun() -> None:
    """That it has neither busy nor idle is against a recommendation only (SHELL-06)."""
    script = play()
    dropped("waiting.busy", "waiting.idle")(script)

    found = check_conversation(script.recorded())

    assert [one.requirement for one in found] == ["SHELL-06"]


def test_swapped_parents_are_two_wrong_parents() -> None:
    """Neither is a reply too many, nor one too few."""
    script = play()
    parents_swapped("one.reply", "inspect.reply")(script)

    found = check_conversation(script.recorded())

    assert [one.requirement for one in found] == ["HDR-12", "HDR-12"]


def assert_judges_conversations() -> None:
    """Fail unless a sound conversation has no finding, and two spoilt ones have theirs."""
    scene = Scene()
    scene.cell("cell", 1)
    sound = scene.script.recorded()
    named = zip(scene.script.order, sound, strict=True)
    at = {scene.script[name]["content"].get("execution_state"): one.index for name, one in named}
    assert check_conversation(sound) == ()
    for state, rule in (("busy", "SHELL-04"), ("idle", "SHELL-05")):
        found = check_conversation(one for one in sound if one.index != at[state])
        assert [one.requirement for one in found] == [rule]


@given(conversations())
@settings(max_examples=MANY)
def test_nothing_is_wrong_with_a_valid_conversation(steps: tuple[Step, ...]) -> None:
    """Conversations that are valid by construction have no findings."""
    assert check_conversation(recorded(steps), profile=Profile.STRICT) == ()
    assert_judges_conversations()


def recorded(steps: tuple[Step, ...]) -> list[Recorded]:
    """Return the steps as records."""
    return [
        Recorded(index=at, channel=step.channel, sender=step.sender, message=step.message)
        for at, step in enumerate(steps)
    ]


@given(conversations(), st.data())
@settings(max_examples=MANY)
def test_a_missing_status_is_always_found(steps: tuple[Step, ...], data: st.DataObject) -> None:
    """Whichever busy or idle is dropped, exactly that is found."""
    states = [at for at, step in enumerate(steps) if step.message.header.msg_type == "status"]
    at = data.draw(st.sampled_from(states))
    is_busy = getattr(steps[at].message.content, "execution_state", "") == "busy"

    found = check_conversation(one for one in recorded(steps) if one.index != at)

    assert [one.requirement for one in found] == ["SHELL-04" if is_busy else "SHELL-05"]


@given(conversations(), st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=MANY)
def test_a_part_of_a_conversation_can_be_judged(
    steps: tuple[Step, ...], start: int, stop: int
) -> None:
    """What was cut off is not missed if the recording is said to be incomplete."""
    part = recorded(steps)[start:]
    part = part[: max(0, len(part) - stop)]

    found = check_conversation(part, complete=False)

    assert {one.requirement for one in found} <= {"SHELL-04", "EXEC-18"}, found
    assert_judges_conversations()


def test_the_order_of_time_is_the_index() -> None:
    """The records may come in any order."""
    records = play().recorded()

    assert check_conversation(reversed(records)) == ()


def test_a_restarted_kernel_has_a_new_session() -> None:
    """After a shutdown another session, another starting and another first count are right."""
    script = play()
    scene = Scene(script, session="kernel 2")
    scene.status("start 2", "starting", None)
    scene.cell("again", 1)

    assert check_conversation(script.recorded()) == ()


def test_a_kernel_that_was_killed_is_followed_by_another() -> None:
    """Nobody asked for its end: that another process starts is told by its status (HDR-04)."""
    script = play()
    for label in [label for label in script.order if label.startswith("end")]:
        script.drop(label)
    scene = Scene(script, session="kernel 2")
    scene.status("start 2", "starting", None)
    scene.cell("again", 1)

    assert check_conversation(script.recorded()) == ()

    script.drop("start 2.starting")
    rules = {one.requirement for one in check_conversation(script.recorded())}
    assert rules == {"HDR-04"}


def test_names_that_are_no_text_are_judged() -> None:
    """A program may hand over a dict that JSON could not hold; it is judged all the same."""
    script = play()
    script["one"]["content"]["user_expressions"] = {1: "a", "b": "c"}

    found = [one for one in check_conversation(script.recorded()) if one.requirement == "EXEC-35"]

    assert [one.expected for one in found] == ["the names ['1', 'b']"]


def test_a_request_may_be_cut_off_by_the_shutdown() -> None:
    """A cell that ran when the kernel ended has neither reply nor idle."""
    script = play()
    Scene(script).wanted("cut")
    script.move("cut", "end")

    assert check_conversation(script.recorded()) == ()


def test_other_clients_may_have_moved_the_counter() -> None:
    """Cells whose requests were not recorded leave gaps."""
    script = play()
    for label in ("two", "two.reply"):
        script.drop(label)

    assert check_conversation(script.recorded(), complete=False) == ()


@pytest.mark.parametrize("wrong", ["execute_input", "execute_reply"])
@pytest.mark.parametrize("number", [-1, 1])
def test_a_wrong_count_is_blamed_where_it_stands(wrong: str, number: int) -> None:
    """A counter that one of two messages shows wrong makes nothing else wrong: no aborted reply."""
    script = play()
    cells = ("one", "two", "asking", "failing", "last", "other")
    for label in cells:
        content = script[f"{label}.{wrong.removeprefix('execute_')}"]["content"]
        content["execution_count"] += number

    found = check_conversation(script.recorded())

    assert [str(one.severity) for one in found] == ["violation"] * len(cells)
    assert {one.requirement for one in found} == {"EXEC-07"}


def test_a_blank_cell_may_show_two_counts() -> None:
    """What is counted of a cell in which there is nothing is open, so a kernel breaks nothing."""
    script = Scene().script
    scene = Scene(script)
    scene.cell("one", 1)
    scene.cell("blank", 2, code=" ")
    script["blank.input"]["content"]["code"] = " "
    script["blank.reply"]["content"]["execution_count"] = 1

    found = check_conversation(script.recorded(), complete=False)

    assert [(one.requirement, str(one.severity)) for one in found] == [("EXEC-07", "warning")]


@pytest.mark.parametrize("known", [True, False])
def test_a_cell_of_a_subshell_may_move_the_counter_meanwhile(*, known: bool) -> None:
    """Which number is current while two cells run is open, whether its request was seen or not."""
    scene = Scene()
    script = scene.script
    main = scene.wanted("main")
    beside = scene.wanted("beside")
    beside["header"]["subshell_id"] = "s"
    scene.cell("main", 1, request=main)
    scene.cell("beside", 2, request=beside)
    for part in ("busy", "input"):
        script.move(f"beside.{part}", "main.reply")
    script["main.reply"]["content"]["execution_count"] = 2
    if not known:
        for label in ("beside", "beside.reply"):
            script.drop(label)

    found = check_conversation(script.recorded(), complete=False)

    assert [(one.requirement, str(one.severity)) for one in found] == [("EXEC-07", "warning")]


def test_a_cell_that_is_refused_is_not_aborted() -> None:
    """A cell that fails before it runs, with nothing failed before it, may count or not."""
    script = play()
    for label in ("failing.input", "failing.error"):
        script.drop(label)
    script["failing.reply"]["content"]["execution_count"] = 9
    for label in ("waiting", *(f"waiting.{part}" for part in ("busy", "reply", "idle"))):
        script.drop(label)

    assert check_conversation(script.recorded()) == ()


@pytest.mark.parametrize("status", ["aborted", "abort"])
def test_an_interrupted_cell_need_not_have_raised(status: str) -> None:
    """A cell that ran and is answered as aborted may have no exception to publish (EXEC-30)."""
    script = play()
    script.drop("failing.error")
    script["failing.reply"]["content"] = {"status": status, "execution_count": 4}

    found = check_conversation(script.recorded())

    assert "EXEC-17" not in {one.requirement for one in found}


@pytest.mark.parametrize(("asked", "rules"), [("copyToGlobals", set()), ("evaluate", {"DEBUG-04"})])
def test_the_response_to_copy_may_be_the_debuggers(asked: str, rules: set[str]) -> None:
    """The text's example of a response to `copyToGlobals` names `setExpression` (AMB-29)."""
    scene = Scene()
    request = scene.ask(
        "copy",
        "debug_request",
        {"type": "request", "seq": 8, "command": asked, "arguments": {}},
        channel=CONTROL,
    )
    scene.status("copy.busy", "busy", request)
    content = {"type": "response", "seq": 9, "request_seq": 9, "success": True}
    scene.tell(
        "copy.reply",
        "debug_reply",
        {**content, "command": "setExpression", "body": {"value": "1", "variablesReference": 0}},
        request,
        channel=CONTROL,
        client="client",
    )
    scene.status("copy.idle", "idle", request)

    found = check_conversation(scene.script.recorded())

    assert {one.requirement for one in found} == rules


def test_a_recording_may_name_channel_and_sender_in_text() -> None:
    """Records from a file of JSON are those with members of the enums."""
    for one in play().recorded():
        text = Recorded(
            index=one.index,
            channel=str(one.channel),
            sender=str(one.sender),
            message=one.message,
            client=one.client,
        )

        assert text == one
        assert (text.channel, text.sender) == (one.channel, one.sender)
        assert isinstance(text.channel, Channel)
        assert isinstance(text.sender, Sender)


TYPES = (
    "execute_request", "execute_reply", "execute_input", "execute_result", "status", "error",
    "input_request", "input_reply", "history_request", "history_reply", "complete_request",
    "complete_reply", "comm_msg", "kernel_info_request", "kernel_info_reply", "shutdown_request",
)  # fmt: skip
FIELDS = (
    "status", "execution_count", "execution_state", "code", "history", "user_expressions", "comms",
    "cursor_end", "ename",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    "ok", "error", "aborted", "busy", "idle", 1, 2, None, True, [[1, 2, 3]], [["a", {}, []]],
    {"a": {}},
)  # fmt: skip


@st.composite
def wild_messages(draw: st.DrawFn) -> dict[str, Any]:
    """Messages that refer to each other and say anything."""
    ids = st.sampled_from("abc")
    fields = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(VALUES))
    return {
        "header": {"msg_id": draw(ids), "msg_type": draw(st.sampled_from(TYPES))},
        "parent_header": {"msg_id": draw(ids)},
        "content": draw(fields) if draw(st.booleans()) else draw(json_objects()),
    }


records = st.builds(
    Recorded,
    index=st.integers(0, 20),
    channel=st.sampled_from(Channel),
    sender=st.sampled_from(Sender),
    client=st.sampled_from(["", "a"]),
    message=wild_messages() | frames().map(lambda one: one.frames) | truncated_frames(),
)


@given(st.lists(records, max_size=12))
@settings(max_examples=MANY)
def test_nothing_is_raised(recorded: list[Recorded]) -> None:
    """Whatever was recorded, there is an answer."""
    for complete in (True, False):
        found = check_conversation(recorded, complete=complete)

        assert all(set(one.records) <= {other.index for other in recorded} for one in found)
    assert_judges_conversations()
