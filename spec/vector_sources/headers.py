"""Headers, parent headers and metadata (HDR-01 to HDR-17, SUBSHELL-07)."""

from __future__ import annotations

from spec.vector_sources.vector import Json, Sent, Vector, header, invalid, message

__all__ = ["headers"]

FIELDS = ("msg_id", "msg_type", "session", "username", "date", "version")


def _without(*names: str, **changes: Json) -> dict[str, Json]:
    whole = header("status", changes)
    return {name: value for name, value in whole.items() if name not in names}


def _valid(number: str, reason: str, *requirements: str, **changes: Json) -> Vector:
    return message(
        f"HEADERS-{number}", reason, *requirements, sent=Sent(header=header("status", changes))
    )


def headers() -> list[Vector]:
    """Return the vectors on headers."""
    return [*_fields(), *_dates(), *_subshells(), *_parents(), *_metadata()]


def _fields() -> list[Vector]:
    return [
        _valid("001", "A header holds six texts.", "HDR-01"),
        _valid("002", "A username may be empty.", "HDR-10", username=""),
        _valid("003", "A msg_id need not be a UUID.", "HDR-02", msg_id="1"),
        _valid("004", "A msg_id may be long.", "HDR-02", msg_id="0123456789" * 40),
        _valid("005", "A session may hold spaces and slashes.", "HDR-03", session="a b/c"),
        _valid("006", "Fields that nobody knows are tolerated.", "WIRE-15", trace="7", x=[1, {}]),
        _valid(
            "007",
            "A field that nobody knows may have any name, an empty one too.",
            "WIRE-15",
            **{"": None, "_extra": 1, "raw": "x", "content": {}},
        ),
        message(
            "HEADERS-008",
            "A message type that nobody knows is tolerated.",
            "WIRE-14",
            sent=Sent(header=header("org.example.ping"), content={"anything": [1, None]}),
        ),
        message(
            "HEADERS-009",
            "Fields come in any order.",
            "HDR-01",
            sent=Sent(header=dict(reversed(header("status").items()))),
        ),
        *[
            invalid(
                f"HEADERS-{number}",
                f"A header without {name} says too little.",
                "header",
                "HDR-01",
                sent=Sent(header=_without(name)),
            )
            for number, name in (("010", "msg_id"), ("011", "msg_type"))
        ],
        *[
            message(
                f"HEADERS-{number}",
                f"A header without {name} breaks a rule that a receiver can do without.",
                rule,
                sent=Sent(header=_without(name)),
                result="either",
                decoded=True,
            )
            for number, name, rule in (
                ("012", "session", "HDR-01"),
                ("013", "username", "HDR-01"),
                ("014", "version", "HDR-09"),
            )
        ],
        invalid(
            "HEADERS-015",
            "An empty object is no header.",
            "header",
            "HDR-01",
            sent=Sent(header={}),
        ),
        *[
            invalid(
                f"HEADERS-{number}",
                f"A {name} that is {words} is not text.",
                "header",
                "HDR-01",
                sent=Sent(header=header("status", {name: value})),
            )
            for number, name, words, value in (
                ("016", "msg_id", "a number", 7),
                ("017", "msg_id", "null", None),
                ("018", "msg_type", "a number", 7),
                ("019", "msg_type", "a list", ["status"]),
                ("020", "msg_type", "null", None),
                ("021", "session", "a number", 7),
                ("022", "session", "null", None),
                ("023", "username", "null", None),
                ("024", "username", "true", True),
                ("025", "version", "a number", 5.5),
                ("026", "version", "a list", [5, 5]),
                ("027", "date", "a number of seconds", 1767323045.678901),
                ("028", "date", "null", None),
            )
        ],
        message(
            "HEADERS-029",
            "An empty msg_id identifies nothing, but is text.",
            "HDR-02",
            sent=Sent(header=header("status", {"msg_id": ""})),
            result="either",
            decoded=True,
        ),
        message(
            "HEADERS-030",
            "A message type in other letters is another one, and unknown.",
            "WIRE-14",
            sent=Sent(header=header("Status"), content={}),
        ),
        message(
            "HEADERS-031",
            "White space around a message type makes it another one.",
            "WIRE-14",
            sent=Sent(header=header("status "), content={}),
        ),
    ]


def _dates() -> list[Vector]:
    vectors = [
        _valid(number, reason, "HDR-07", date=date)
        for number, reason, date in (
            ("032", "A date in UTC ends in Z.", "2026-01-02T03:04:05.678901Z"),
            ("033", "A date may have an offset.", "2026-01-02T08:34:05.678901+05:30"),
            ("034", "An offset may be negative.", "2026-01-01T19:04:05-08:00"),
            ("035", "A date may have no fraction.", "2026-01-02T03:04:05Z"),
            (
                "036",
                "A date may have milliseconds, as browsers write them.",
                "2026-01-02T03:04:05.678Z",
            ),
            (
                "037",
                "A date may have nanoseconds, as some languages write them.",
                "2026-01-02T03:04:05.678901234Z",
            ),
            ("038", "Older peers write dates without a zone.", "2026-01-02T03:04:05.678901"),
            ("039", "A leap day is a date.", "2028-02-29T00:00:00Z"),
        )
    ]
    unclear = [
        message(
            f"HEADERS-{number}",
            reason,
            "HDR-07",
            sent=Sent(header=header("status", {"date": date})),
            result="either",
            decoded=True,
        )
        for number, reason, date in (
            ("040", "Text that is no date breaks a rule that few receivers depend on.", "noon"),
            ("041", "An empty date breaks a rule that few receivers depend on.", ""),
            ("042", "A day that does not exist is no date.", "2026-02-30T00:00:00Z"),
            ("043", "A date of RFC 822 is not ISO 8601.", "Fri, 02 Jan 2026 03:04:05 GMT"),
            ("044", "A leap second is a date that many libraries refuse.", "2016-12-31T23:59:60Z"),
        )
    ]
    return [
        *vectors,
        *unclear,
        message(
            "HEADERS-045",
            "A header without date is accepted, as old peers send it.",
            "HDR-08",
            sent=Sent(header=_without("date", version="5.0")),
            protocol="5.0",
        ),
        message(
            "HEADERS-046",
            "Since 5.1 the date is mandatory, yet a receiver should do without.",
            "HDR-07",
            "HDR-08",
            sent=Sent(header=_without("date")),
            result="either",
            decoded=True,
        ),
    ]


def _subshells() -> list[Vector]:
    def asks(number: str, reason: str, **changes: Json) -> Vector:
        return message(
            f"HEADERS-{number}",
            reason,
            "HDR-11",
            "SUBSHELL-07",
            sent=Sent(header=header("execute_request", changes), content={"code": ""}),
            channel="shell",
        )

    return [
        asks("047", "Without subshell_id a request is for the main shell."),
        asks("048", "A subshell_id of null is the main shell as well.", subshell_id=None),
        asks("049", "A subshell_id names a subshell.", subshell_id="sub-1"),
        asks("050", "An empty subshell_id is a name, which no subshell has.", subshell_id=""),
        *[
            invalid(
                f"HEADERS-{number}",
                f"A subshell_id that is {words} is neither text nor null.",
                "header",
                "HDR-11",
                sent=Sent(
                    header=header("execute_request", {"subshell_id": value}), content={"code": ""}
                ),
                channel="shell",
            )
            for number, words, value in (
                ("051", "a number", 1),
                ("052", "false", False),
                ("053", "a list", ["sub-1"]),
            )
        ],
        message(
            "HEADERS-054",
            "A subshell_id inside the content means nothing.",
            "SUBSHELL-07",
            "WIRE-15",
            sent=Sent(
                header=header("execute_request"), content={"code": "", "subshell_id": "sub-1"}
            ),
            channel="shell",
        ),
    ]


def _parents() -> list[Vector]:
    request = header("execute_request")

    def caused(number: str, reason: str, parent: Json, *requirements: str) -> Vector:
        return message(f"HEADERS-{number}", reason, *requirements, sent=Sent(parent_header=parent))

    def refused(number: str, reason: str, parent: Json, stage: str, breaks: str) -> Vector:
        return invalid(f"HEADERS-{number}", reason, stage, breaks, sent=Sent(parent_header=parent))

    return [
        caused("055", "A message without a cause has an empty parent header.", {}, "HDR-14"),
        caused("056", "A side effect carries the header of its request.", request, "HDR-13"),
        caused(
            "057",
            "A parent header keeps the keys that the kernel does not know.",
            {**request, "trace": {"id": 7}, "subshell_id": None},
            "HDR-15",
        ),
        caused(
            "058",
            "A parent header may come from an older peer, without version and date.",
            {name: request[name] for name in FIELDS if name not in {"date", "version"}},
            "HDR-08",
            "HDR-13",
        ),
        caused(
            "059",
            "The parent header of a subshell's message shows its id.",
            {**request, "subshell_id": "sub-1"},
            "SUBSHELL-15",
        ),
        message(
            "HEADERS-060",
            "A parent header is echoed byte by byte, so it may have white space of its own.",
            "HDR-15",
            "SIGN-04",
            sent=Sent(parent_header={}, written={"parent_header": b"{ }"}),
        ),
        refused("061", "A parent header of null is not an empty object.", None, "json", "WIRE-06"),
        refused(
            "062",
            "A parent header whose msg_id is a number is no header.",
            {**request, "msg_id": 7},
            "header",
            "HDR-01",
        ),
        message(
            "HEADERS-063",
            "A parent header that is only a msg_id is less than a header.",
            "HDR-12",
            "HDR-15",
            sent=Sent(parent_header={"msg_id": "1"}),
            result="either",
        ),
        message(
            "HEADERS-064",
            "A parent header may belong to a message type that the receiver does not know.",
            "WIRE-14",
            "HDR-13",
            sent=Sent(parent_header=header("org.example.ping")),
        ),
    ]


def _metadata() -> list[Vector]:
    def extended(number: str, reason: str, metadata: Json) -> Vector:
        return message(
            f"HEADERS-{number}",
            reason,
            "HDR-16",
            "HDR-17",
            sent=Sent(header=header("execute_request"), content={"code": "1"}, metadata=metadata),
            channel="shell",
        )

    return [
        extended("065", "Metadata may be empty.", {}),
        extended(
            "066",
            "Metadata of known clients is ignored by who does not know it.",
            {"deletedCells": [], "recordTiming": False, "cellId": "2f1c", "trusted": True},
        ),
        extended("067", "Metadata may hold null and nested values.", {"a": None, "b": {"c": [{}]}}),
        extended(
            "068",
            "Metadata may repeat names of the header, which mean nothing there.",
            {"msg_id": 7, "msg_type": None, "status": "error"},
        ),
    ]
