"""Contents and topics on IOPub: what a kernel tells everybody."""

from __future__ import annotations

from spec.vector_sources.contents import BUNDLE, ERROR, Table, add_comms
from spec.vector_sources.vector import Sent, Vector, header, message

__all__ = ["iopub"]


def iopub() -> list[Vector]:
    """Return the vectors of what a kernel tells everybody."""
    table = Table("IOPUB", "iopub")
    _status_and_text(table)
    _displays(table)
    add_comms(table, first=46)
    table.vectors += _topics()
    return table.vectors


def _status_and_text(table: Table) -> None:
    good, bad = table.good, table.bad
    for number, state in (("001", "busy"), ("002", "idle"), ("003", "starting")):
        good(
            number,
            "status",
            f"A kernel says that it is {state}.",
            {"execution_state": state},
            "IOPUB-21",
        )
    bad("004", "status", "There is no fourth state.", {"execution_state": "dead"}, "IOPUB-21")
    bad("005", "status", "The state cannot be missing.", {}, "IOPUB-21")
    good("006", "stream", "Output has a stream.", {"name": "stdout", "text": "a\n"}, "IOPUB-09")
    good("007", "stream", "There are two streams.", {"name": "stderr", "text": "b"}, "IOPUB-09")
    bad(
        "008",
        "stream",
        "There is no third stream to write to.",
        {"name": "stdin", "text": ""},
        "IOPUB-09",
    )
    bad(
        "009",
        "stream",
        "Before 5.0 the text was called data.",
        {"name": "stdout", "data": "a"},
        "IOPUB-09",
    )
    bad(
        "010",
        "stream",
        "Output is text, not a list of lines.",
        {"name": "stdout", "text": ["a"]},
        "IOPUB-09",
    )
    good(
        "011",
        "execute_input",
        "Everybody sees what is run.",
        {"code": "6 * 7", "execution_count": 1},
        "IOPUB-18",
    )
    bad("012", "execute_input", "The counter cannot be missing.", {"code": "6 * 7"}, "IOPUB-18")
    bad(
        "013",
        "execute_input",
        "The code cannot be null.",
        {"code": None, "execution_count": 1},
        "IOPUB-18",
    )
    error = {k: v for k, v in ERROR.items() if k != "status"}
    good("014", "error", "An error has a name, a value and a traceback.", error, "IOPUB-20")
    good(
        "015",
        "error",
        "An error may have no words.",
        {"ename": "", "evalue": "", "traceback": []},
        "IOPUB-20",
    )
    bad(
        "016", "error", "The traceback cannot be missing.", {"ename": "E", "evalue": ""}, "IOPUB-20"
    )
    bad("017", "error", "The value of an error is text.", {**error, "evalue": 3}, "IOPUB-20")
    good("018", "clear_output", "Output is cleared at once.", {"wait": False}, "IOPUB-25")
    good(
        "019",
        "clear_output",
        "Output is cleared when more comes.",
        {"wait": True},
        "IOPUB-25",
        "IOPUB-32",
    )
    bad("020", "clear_output", "Whether to wait is a boolean.", {"wait": 1}, "IOPUB-25")
    table.open("021", "clear_output", "A missing wait may mean false.", {}, "IOPUB-25")
    good(
        "022",
        "iopub_welcome",
        "A kernel greets a subscription.",
        {"subscription": "status"},
        "IOPUB-02",
    )
    bad("023", "iopub_welcome", "A greeting names the subscription.", {}, "IOPUB-02")
    bad("024", "iopub_welcome", "The subscription is text.", {"subscription": None}, "IOPUB-02")
    event = {"type": "event", "seq": 3, "event": "stopped"}
    good("025", "debug_event", "The debugger reports an event.", event, "DEBUG-03")
    good(
        "026",
        "debug_event",
        "An event may have a body.",
        {**event, "body": {"reason": "breakpoint", "threadId": 1}},
        "DEBUG-03",
    )
    bad("027", "debug_event", "An event has a name.", {"type": "event", "seq": 3}, "DEBUG-03")
    bad(
        "028", "debug_event", "An event is not a request.", {**event, "type": "request"}, "DEBUG-03"
    )
    good(
        "029",
        "shutdown_reply",
        "The end of the kernel is told to everybody.",
        {"status": "ok", "restart": False},
        "CTRL-07",
    )


def _displays(table: Table) -> None:
    good, bad = table.good, table.bad
    plain = {"data": {"text/plain": "42"}, "metadata": {}}
    for number, msg_type, more in (
        ("030", "display_data", {}),
        ("031", "execute_result", {"execution_count": 1}),
    ):
        good(number, msg_type, f"The least that {msg_type} needs.", {**plain, **more}, "IOPUB-11")
    good(
        "032",
        "display_data",
        "Representations may be text, base64 or JSON.",
        {
            "data": BUNDLE,
            "metadata": {"isolated": True, "image/png": {"width": 1}},
            "transient": {"display_id": "d-1"},
        },
        "IOPUB-10",
        "IOPUB-12",
        "IOPUB-13",
        "IOPUB-14",
        "IOPUB-15",
    )
    good(
        "033",
        "execute_result",
        "A result may be named like a display.",
        {"data": BUNDLE, "metadata": {}, "execution_count": 7, "transient": {"display_id": "d"}},
        "IOPUB-19",
        "IOPUB-15",
    )
    good(
        "034",
        "update_display_data",
        "An update names its display.",
        {**plain, "transient": {"display_id": "d-1"}},
        "IOPUB-16",
    )
    good(
        "035",
        "display_data",
        "There may be nothing to show.",
        {"data": {}, "metadata": {}},
        "IOPUB-10",
    )
    good(
        "036",
        "display_data",
        "An empty transient names nothing.",
        {**plain, "transient": {}},
        "IOPUB-10",
    )
    table.open(
        "037",
        "display_data",
        "Some kernels leave out empty metadata.",
        {"data": {"text/plain": "42"}},
        "IOPUB-10",
    )
    bad("038", "display_data", "The data cannot be missing.", {"metadata": {}}, "IOPUB-10")
    bad(
        "039",
        "display_data",
        "The data is keyed by MIME type.",
        {"data": [["text/plain", "42"]], "metadata": {}},
        "IOPUB-10",
    )
    bad(
        "040",
        "display_data",
        "A transient that is there is an object.",
        {**plain, "transient": None},
        "IOPUB-10",
    )
    bad("041", "display_data", "Metadata is an object.", {**plain, "metadata": "none"}, "IOPUB-10")
    bad("042", "execute_result", "A result has a counter.", plain, "IOPUB-19")
    bad(
        "043",
        "execute_result",
        "The data cannot be null.",
        {"data": None, "metadata": {}, "execution_count": 1},
        "IOPUB-19",
    )
    bad(
        "044",
        "update_display_data",
        "An update without a transient updates nothing.",
        plain,
        "IOPUB-16",
    )
    good(
        "045",
        "display_data",
        "Who does not understand a representation ignores it.",
        {
            "data": {"text/plain": "x", "application/vnd.example.v1+json": {"deep": [{}]}},
            "metadata": {},
        },
        "IOPUB-30",
    )


def _topics() -> list[Vector]:
    """Return the vectors on what stands before the delimiter on IOPub."""

    def topic(number: str, reason: str, *topics: bytes) -> Vector:
        return message(
            f"IOPUB-{number}",
            reason,
            "WIRE-11",
            "WIRE-12",
            "WIRE-13",
            sent=Sent(identities=topics),
            channel="iopub",
        )

    def welcome(number: str, reason: str, subscription: str) -> Vector:
        sent = Sent(
            header=header("iopub_welcome"),
            content={"subscription": subscription},
            identities=[subscription.encode()],
        )
        return message(
            f"IOPUB-{number}",
            reason,
            "IOPUB-02",
            "IOPUB-04",
            "IOPUB-05",
            "SIGN-13",
            sent=sent,
            channel="iopub",
        )

    return [
        topic("055", "A topic usually says which kernel and which type.", b"kernel.7e57.status"),
        topic("056", "A topic may be short.", b"status"),
        topic("057", "A topic may be empty.", b""),
        topic("058", "Some kernels send no topic, which a client copes with."),
        topic("059", "Some kernels send several frames, which a client copes with.", b"a", b"b"),
        topic(
            "060",
            "A topic that names another type means nothing: the header counts.",
            b"stream.stdout",
        ),
        topic("061", "A topic need not be text.", b"\x00\xff"),
        welcome("062", "A welcome to everything has an empty topic.", ""),
        welcome("063", "A welcome has the subscription as its topic.", "kernel.7e57"),
        welcome("064", "A subscription may be any text.", "поток 🗝"),
    ]
