"""What the tables of contents share: the least, the most, and what is wrong of each type."""

from __future__ import annotations

from collections.abc import Sequence

from spec.vector_sources.vector import JsonObject, Sent, Vector, header, invalid, message

__all__ = ["ABORTED", "BUNDLE", "ERROR", "INFO", "LANGUAGE", "ROUTED", "Table", "add_comms"]

ROUTED = b"client-1"
ERROR = {
    "status": "error",
    "ename": "ZeroDivisionError",
    "evalue": "division by zero",
    "traceback": ["Traceback (most recent call last):", "ZeroDivisionError: division by zero"],
}
ABORTED = {"status": "aborted"}
BUNDLE = {"text/plain": "42", "application/json": {"a": [1, None]}, "image/png": "iVBORw0KGgo="}
LANGUAGE = {"name": "lox", "version": "1", "mimetype": "text/x-lox", "file_extension": ".lox"}
INFO = {
    "status": "ok",
    "protocol_version": "5.5",
    "implementation": "lox",
    "implementation_version": "0.1",
    "language_info": LANGUAGE,
    "banner": "",
}


class Table:
    """The vectors of one channel, in the order in which they are added."""

    def __init__(self, subject: str, channel: str) -> None:
        self.subject = subject
        self.channel = channel
        self.vectors: list[Vector] = []

    def sent(self, msg_type: str, content: JsonObject, buffers: Sequence[bytes] = ()) -> Sent:
        """Return the message with the prefix and the parent that are usual on the channel."""
        parent: JsonObject = {}
        if msg_type.endswith("_reply"):
            parent = header(msg_type.replace("_reply", "_request"))
        elif msg_type == "iopub_welcome" or content.get("execution_state") == "starting":
            pass  # nothing caused them
        elif self.channel == "iopub" or msg_type == "input_request":
            parent = header("execute_request")
        topic = f"kernel.7e57ab1e.{msg_type}".encode() if self.channel == "iopub" else ROUTED
        return Sent(
            header=header(msg_type),
            parent_header=parent,
            content=content,
            identities=[topic],
            buffers=buffers,
        )

    def good(
        self, number: str, msg_type: str, reason: str, content: JsonObject, *requirements: str
    ) -> None:
        """Add a content that every receiver accepts."""
        self.vectors.append(
            message(
                f"{self.subject}-{number}",
                reason,
                *requirements,
                sent=self.sent(msg_type, content),
                channel=self.channel,
            )
        )

    def bad(
        self, number: str, msg_type: str, reason: str, content: JsonObject, *breaks: str
    ) -> None:
        """Add a content that does not fit its type; the first of *breaks* is the rule."""
        self.vectors.append(
            invalid(
                f"{self.subject}-{number}",
                reason,
                "content",
                *breaks,
                sent=self.sent(msg_type, content),
                channel=self.channel,
            )
        )

    def open(
        self, number: str, msg_type: str, reason: str, content: JsonObject, *requirements: str
    ) -> None:
        """Add a content about which receivers may differ."""
        self.vectors.append(
            message(
                f"{self.subject}-{number}",
                reason,
                *requirements,
                sent=self.sent(msg_type, content),
                result="either",
                decoded=True,
                channel=self.channel,
            )
        )

    def no_object(self, number: str, msg_type: str) -> None:
        """Add a content that is a list, for a type none of whose fields can be wrong."""
        sent = self.sent(msg_type, {})
        self.vectors.append(
            invalid(
                f"{self.subject}-{number}",
                f"A content of {msg_type} that is a list is no object.",
                "json",
                "WIRE-06",
                sent=Sent(
                    header=sent.header,
                    parent_header=sent.parent_header,
                    identities=sent.identities,
                    written={"content": b"[]"},
                ),
                channel=self.channel,
            )
        )


def add_comms(table: Table, first: int) -> None:
    """Add the comm messages, which go both ways."""
    for at, (verdict, msg_type, reason, content, rules) in enumerate(_COMMS, first):
        add = {"good": table.good, "bad": table.bad}[verdict]
        add(f"{at:03}", msg_type, reason, content, *rules)


_COMMS: tuple[tuple[str, str, str, JsonObject, tuple[str, ...]], ...] = (
    (
        "good",
        "comm_open",
        "A comm is opened with an id, a target and data.",
        {"comm_id": "c-1", "target_name": "jupyter.widget", "data": {}},
        ("COMM-01",),
    ),
    (
        "good",
        "comm_open",
        "The module of a target was in the text for a year and is still sent.",
        {
            "comm_id": "c-1",
            "target_name": "t",
            "data": {"state": {"a": [1]}},
            "target_module": None,
        },
        ("COMM-01", "WIRE-15"),
    ),
    (
        "bad",
        "comm_open",
        "A comm without an id cannot be opened.",
        {"target_name": "t", "data": {}},
        ("COMM-01",),
    ),
    (
        "bad",
        "comm_open",
        "A comm without a target cannot be opened.",
        {"comm_id": "c-1", "data": {}},
        ("COMM-01",),
    ),
    (
        "good",
        "comm_msg",
        "A comm message has an id and data.",
        {"comm_id": "c-1", "data": {"method": "update", "state": {"value": 3}}},
        ("COMM-04",),
    ),
    (
        "bad",
        "comm_msg",
        "The data of a comm message is an object.",
        {"comm_id": "c-1", "data": [1]},
        ("COMM-06",),
    ),
    ("bad", "comm_msg", "The id of a comm is text.", {"comm_id": 1, "data": {}}, ("COMM-04",)),
    (
        "good",
        "comm_close",
        "Closing may come with data.",
        {"comm_id": "c-1", "data": {"why": "done"}},
        ("COMM-05",),
    ),
    ("bad", "comm_close", "A comm without an id cannot be closed.", {"data": {}}, ("COMM-05",)),
)
