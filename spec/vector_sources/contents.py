"""Contents of every message type of 5.5, by channel: the least, the most, and what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from spec.vector_sources.vector import JsonObject, Sent, Vector, header, invalid, message

__all__ = ["control", "iopub", "shell", "stdin"]

ROUTED = b"client-1"
ERROR = {
    "status": "error",
    "ename": "ZeroDivisionError",
    "evalue": "division by zero",
    "traceback": ["Traceback (most recent call last):", "ZeroDivisionError: division by zero"],
}
ABORTED = {"status": "aborted"}
BUNDLE = {"text/plain": "42", "application/json": {"a": [1, None]}, "image/png": "iVBORw0KGgo="}


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


def shell() -> list[Vector]:
    """Return the vectors of what a client asks on shell, and of the answers."""
    table = Table("SHELL", "shell")
    _execute(table)
    _code(table)
    _history(table)
    _info(table)
    _comms(table, first=100)
    return table.vectors


def _execute(table: Table) -> None:
    good, bad = table.good, table.bad
    good(
        "001",
        "execute_request",
        "Code is all that an execute request needs.",
        {"code": "1"},
        "EXEC-28",
        "EXEC-02",
        "EXEC-05",
    )
    good(
        "002",
        "execute_request",
        "A client states every field.",
        {
            "code": "a = 1\na",
            "silent": False,
            "store_history": True,
            "user_expressions": {"a": "a", "b": "b + 1"},
            "allow_stdin": True,
            "stop_on_error": False,
        },
        "EXEC-01",
        "EXEC-09",
        "EXEC-15",
        "EXEC-22",
    )
    good(
        "003",
        "execute_request",
        "Empty code, silent, reads the counter.",
        {"code": "", "silent": True},
        "EXEC-27",
    )
    good(
        "004",
        "execute_request",
        "A field that 5.0 removed is one that nobody knows.",
        {"code": "1", "user_variables": ["a"]},
        "EXEC-29",
        "WIRE-15",
    )
    bad("005", "execute_request", "Code cannot be missing.", {"silent": False}, "HDR-18", "WIRE-19")
    for number, field, words, value in (
        ("006", "code", "a number", 1),
        ("007", "code", "null", None),
        ("008", "code", "a list of lines", ["a = 1", "a"]),
        ("009", "silent", "text", "false"),
        ("010", "silent", "a number", 0),
        ("011", "silent", "null", None),
        ("012", "store_history", "null", None),
        ("013", "user_expressions", "a list", ["a"]),
        ("014", "user_expressions", "an object of numbers", {"a": 1}),
        ("015", "allow_stdin", "a number", 1),
        ("016", "stop_on_error", "text", "true"),
    ):
        bad(
            number,
            "execute_request",
            f"The field {field} cannot be {words}.",
            {"code": "1", field: value},
            "HDR-18",
            "WIRE-19",
        )
    good(
        "017",
        "execute_reply",
        "Success states the counter and the user expressions.",
        {"status": "ok", "execution_count": 1, "user_expressions": {}},
        "EXEC-07",
        "EXEC-11",
    )
    good(
        "018",
        "execute_reply",
        "User expressions succeed or fail one by one.",
        {
            "status": "ok",
            "execution_count": 7,
            "user_expressions": {
                "a": {"status": "ok", "data": {"text/plain": "1"}, "metadata": {}},
                "b": ERROR,
            },
            "payload": [
                {"source": "page", "data": {"text/plain": "help"}, "start": 0},
                {"source": "set_next_input", "text": "a", "replace": False},
                {"source": "edit_magic", "filename": "a.lox", "line_number": 3},
                {"source": "ask_exit", "keepkernel": True},
            ],
        },
        "EXEC-09",
        "EXEC-10",
        "EXEC-13",
        "EXEC-14",
    )
    good(
        "019",
        "execute_reply",
        "Failure states the error and the counter.",
        {**ERROR, "execution_count": 2},
        "SHELL-10",
        "SHELL-13",
        "EXEC-17",
    )
    good(
        "020",
        "execute_reply",
        "Error replies carry fields of old versions as well.",
        {
            **ERROR,
            "execution_count": 2,
            "payload": [],
            "user_expressions": {},
            "engine_info": {"engine_id": -1},
        },
        "WIRE-15",
        "SHELL-10",
    )
    good(
        "021",
        "execute_reply",
        "An aborted request is answered with its status and counter.",
        {**ABORTED, "execution_count": 2},
        "SHELL-11",
        "SHELL-13",
    )
    table.open(
        "022",
        "execute_reply",
        "Older texts spell the status of an aborted request abort.",
        {"status": "abort"},
        "SHELL-11",
        "SHELL-12",
    )
    bad(
        "023",
        "execute_reply",
        "Success without a counter is incomplete.",
        {"status": "ok", "user_expressions": {}},
        "EXEC-07",
        "SHELL-13",
    )
    bad(
        "024",
        "execute_reply",
        "A counter is an integer.",
        {"status": "ok", "execution_count": "1", "user_expressions": {}},
        "EXEC-07",
    )
    bad(
        "025",
        "execute_reply",
        "There is no status okay.",
        {"status": "okay", "execution_count": 1, "user_expressions": {}},
        "SHELL-09",
    )
    bad(
        "026",
        "execute_reply",
        "The value of a user expression is an object, not text.",
        {"status": "ok", "execution_count": 1, "user_expressions": {"a": "1"}},
        "EXEC-09",
    )
    bad(
        "027",
        "execute_reply",
        "A payload is a list.",
        {"status": "ok", "execution_count": 1, "user_expressions": {}, "payload": {}},
        "EXEC-13",
    )
    bad(
        "028",
        "execute_reply",
        "An error reply without a name is incomplete.",
        {"status": "error", "evalue": "x", "traceback": [], "execution_count": 1},
        "SHELL-10",
    )
    bad(
        "029",
        "execute_reply",
        "A traceback is a list of text, not one text.",
        {**ERROR, "traceback": "Traceback", "execution_count": 1},
        "SHELL-10",
    )
    bad(
        "030",
        "execute_reply",
        "A traceback holds text only.",
        {**ERROR, "traceback": ["a", None], "execution_count": 1},
        "SHELL-10",
    )


def _code(table: Table) -> None:
    good, bad, open_ = table.good, table.bad, table.open
    good(
        "031",
        "complete_request",
        "A client asks at a position.",
        {"code": "pri", "cursor_pos": 3},
        "COMPLETE-01",
    )
    good(
        "032",
        "complete_request",
        "Positions count code points, so this is the end.",
        {"code": "𝄞 = 1; 𝄞.", "cursor_pos": 9},
        "COMPLETE-02",
    )
    good(
        "033",
        "complete_request",
        "Position 0 in empty code is allowed.",
        {"code": "", "cursor_pos": 0},
        "COMPLETE-10",
    )
    open_(
        "034",
        "complete_request",
        "A missing position may mean the end.",
        {"code": "pri"},
        "COMPLETE-01",
    )
    open_(
        "035",
        "complete_request",
        "A position of null may mean the end.",
        {"code": "pri", "cursor_pos": None},
        "COMPLETE-01",
    )
    open_(
        "036",
        "complete_request",
        "A position behind the end may mean the end.",
        {"code": "pri", "cursor_pos": 99},
        "COMPLETE-01",
    )
    bad(
        "037", "complete_request", "Code cannot be missing.", {"cursor_pos": 0}, "HDR-18", "WIRE-19"
    )
    bad(
        "038",
        "complete_request",
        "A position is a number.",
        {"code": "a", "cursor_pos": "1"},
        "HDR-18",
        "WIRE-19",
    )
    bad(
        "039",
        "complete_request",
        "A position is no fraction.",
        {"code": "a", "cursor_pos": 0.5},
        "HDR-18",
        "WIRE-19",
    )
    nothing = {"status": "ok", "matches": [], "cursor_start": 0, "cursor_end": 0, "metadata": {}}
    good(
        "040",
        "complete_reply",
        "Finding nothing is a success.",
        nothing,
        "COMPLETE-04",
        "COMPLETE-07",
    )
    good(
        "041",
        "complete_reply",
        "Matches may carry details in the metadata.",
        {
            "status": "ok",
            "matches": ["print", "property"],
            "cursor_start": 0,
            "cursor_end": 2,
            "metadata": {
                "_jupyter_types_experimental": [
                    {"text": "print", "type": "function", "start": 0, "end": 2}
                ]
            },
        },
        "COMPLETE-05",
        "COMPLETE-11",
    )
    good("042", "complete_reply", "Completing may fail.", ERROR, "COMPLETE-08")
    bad(
        "043",
        "complete_reply",
        "Matches cannot be missing.",
        {k: v for k, v in nothing.items() if k != "matches"},
        "COMPLETE-04",
    )
    bad(
        "044",
        "complete_reply",
        "Matches are text.",
        {**nothing, "matches": [{"text": "a"}]},
        "COMPLETE-04",
    )
    bad(
        "045",
        "complete_reply",
        "The end of the range cannot be missing.",
        {k: v for k, v in nothing.items() if k != "cursor_end"},
        "COMPLETE-04",
    )
    bad(
        "046",
        "complete_reply",
        "Metadata is an object.",
        {**nothing, "metadata": None},
        "COMPLETE-04",
    )
    good(
        "047",
        "inspect_request",
        "The level of detail may be left out.",
        {"code": "a", "cursor_pos": 1},
        "INSPECT-02",
    )
    good(
        "048",
        "inspect_request",
        "Level 1 asks for more.",
        {"code": "𝄞a", "cursor_pos": 2, "detail_level": 1},
        "INSPECT-01",
        "INSPECT-06",
    )
    bad(
        "049",
        "inspect_request",
        "There is no level 2.",
        {"code": "a", "cursor_pos": 1, "detail_level": 2},
        "INSPECT-01",
        "HDR-18",
    )
    bad(
        "050",
        "inspect_request",
        "Code cannot be a number.",
        {"code": 1, "cursor_pos": 1},
        "HDR-18",
        "WIRE-19",
    )
    good(
        "051",
        "inspect_reply",
        "Finding nothing is a success.",
        {"status": "ok", "found": False, "data": {}, "metadata": {}},
        "INSPECT-03",
        "INSPECT-04",
    )
    good(
        "052",
        "inspect_reply",
        "A description is a display bundle.",
        {
            "status": "ok",
            "found": True,
            "data": {"text/plain": "int", "text/html": "<b>int</b>"},
            "metadata": {"text/html": {"isolated": True}},
        },
        "INSPECT-03",
        "INSPECT-08",
    )
    good("053", "inspect_reply", "Inspecting may fail.", ERROR, "INSPECT-07")
    bad(
        "054",
        "inspect_reply",
        "A reply says whether something was found.",
        {"status": "ok", "data": {}, "metadata": {}},
        "INSPECT-03",
    )
    bad(
        "055",
        "inspect_reply",
        "The data is an object.",
        {"status": "ok", "found": True, "data": "int", "metadata": {}},
        "INSPECT-03",
    )
    good(
        "056",
        "is_complete_request",
        "Code is all there is.",
        {"code": "for i in x:"},
        "ISCOMPLETE-04",
    )
    bad("057", "is_complete_request", "Code cannot be missing.", {}, "HDR-18", "WIRE-19")
    good(
        "058",
        "is_complete_reply",
        "Code can be complete.",
        {"status": "complete"},
        "ISCOMPLETE-01",
        "ISCOMPLETE-03",
    )
    good(
        "059",
        "is_complete_reply",
        "Incomplete code comes with an indent.",
        {"status": "incomplete", "indent": "    "},
        "ISCOMPLETE-01",
        "ISCOMPLETE-02",
    )
    good(
        "060",
        "is_complete_reply",
        "Code can be wrong whatever follows.",
        {"status": "invalid"},
        "ISCOMPLETE-01",
    )
    good(
        "061", "is_complete_reply", "A kernel may not know.", {"status": "unknown"}, "ISCOMPLETE-06"
    )
    bad("062", "is_complete_reply", "Success is no judgement.", {"status": "ok"}, "ISCOMPLETE-01")
    bad(
        "063",
        "is_complete_reply",
        "The judgement cannot be missing.",
        {"indent": ""},
        "ISCOMPLETE-01",
    )
    bad(
        "064",
        "is_complete_reply",
        "An indent is text, not a number of spaces.",
        {"status": "incomplete", "indent": 4},
        "ISCOMPLETE-02",
    )


def _history(table: Table) -> None:
    good, bad = table.good, table.bad
    base = {"output": False, "raw": True}
    good(
        "065",
        "history_request",
        "A client asks for the last cells.",
        {**base, "hist_access_type": "tail", "n": 10},
        "HIST-01",
        "HIST-02",
    )
    good(
        "066",
        "history_request",
        "A client asks for a range of an earlier session.",
        {**base, "hist_access_type": "range", "session": -1, "start": 1, "stop": 5},
        "HIST-03",
    )
    good(
        "067",
        "history_request",
        "A client searches, without repetitions.",
        {
            "output": True,
            "raw": False,
            "hist_access_type": "search",
            "n": 5,
            "pattern": "import *",
            "unique": True,
        },
        "HIST-04",
        "HIST-05",
    )
    good(
        "068",
        "history_request",
        "Clients send fields of every access type at once.",
        {
            **base,
            "hist_access_type": "tail",
            "session": 0,
            "start": 0,
            "stop": 0,
            "n": 3,
            "pattern": "",
            "unique": False,
        },
        "HIST-01",
    )
    bad(
        "069",
        "history_request",
        "There is no other access type.",
        {**base, "hist_access_type": "all"},
        "HIST-11",
        "HDR-18",
    )
    bad("070", "history_request", "The access type cannot be missing.", base, "HIST-01", "HDR-18")
    bad(
        "071",
        "history_request",
        "The number of cells is a number.",
        {**base, "hist_access_type": "tail", "n": "10"},
        "HDR-18",
        "WIRE-19",
    )
    good(
        "072",
        "history_reply",
        "There may be no history.",
        {"status": "ok", "history": []},
        "HIST-07",
    )
    good(
        "073",
        "history_reply",
        "Input alone is text.",
        {"status": "ok", "history": [[1, 1, "a = 1"], [1, 2, "a"]]},
        "HIST-07",
        "HIST-12",
    )
    good(
        "074",
        "history_reply",
        "Input with output is a pair, whose output may be null.",
        {"status": "ok", "history": [[1, 1, ["a = 1", None]], [1, 2, ["a", "1"]]]},
        "HIST-07",
    )
    good("075", "history_reply", "Reading history may fail.", ERROR, "SHELL-10")
    bad(
        "076",
        "history_reply",
        "An entry has three parts.",
        {"status": "ok", "history": [[1, 1]]},
        "HIST-07",
    )
    bad(
        "077",
        "history_reply",
        "The session of an entry is a number.",
        {"status": "ok", "history": [["1", 1, "a"]]},
        "HIST-07",
    )
    bad("078", "history_reply", "History cannot be missing.", {"status": "ok"}, "HIST-07")


LANGUAGE = {"name": "lox", "version": "1", "mimetype": "text/x-lox", "file_extension": ".lox"}
INFO = {
    "status": "ok",
    "protocol_version": "5.5",
    "implementation": "lox",
    "implementation_version": "0.1",
    "language_info": LANGUAGE,
    "banner": "",
}


def _info(table: Table) -> None:
    good, bad = table.good, table.bad
    good("079", "kernel_info_request", "The first question of a client is empty.", {}, "INFO-01")
    table.no_object("080", "kernel_info_request")
    good(
        "081",
        "kernel_info_reply",
        "The least that a kernel says of itself.",
        INFO,
        "INFO-04",
        "INFO-05",
        "INFO-06",
    )
    good(
        "082",
        "kernel_info_reply",
        "The most that a kernel says of itself.",
        {
            **INFO,
            "language_info": {
                **LANGUAGE,
                "pygments_lexer": "lox3",
                "codemirror_mode": {"name": "lox", "version": 3},
                "nbconvert_exporter": "script",
            },
            "help_links": [{"text": "Manual", "url": "https://example.org/lox"}],
            "supported_features": ["debugger", "kernel subshells"],
            "debugger": True,
        },
        "INFO-07",
        "INFO-08",
        "INFO-09",
        "INFO-10",
    )
    bad(
        "083",
        "kernel_info_reply",
        "The version is text, since 5.0.",
        {**INFO, "protocol_version": [5, 5]},
        "INFO-04",
    )
    bad(
        "084",
        "kernel_info_reply",
        "A kernel names its implementation.",
        {k: v for k, v in INFO.items() if k != "implementation"},
        "INFO-05",
    )
    bad(
        "085",
        "kernel_info_reply",
        "A language has a file extension.",
        {**INFO, "language_info": {k: v for k, v in LANGUAGE.items() if k != "file_extension"}},
        "INFO-06",
    )
    bad(
        "086",
        "kernel_info_reply",
        "The language is an object.",
        {**INFO, "language_info": "lox"},
        "INFO-06",
    )
    bad(
        "087",
        "kernel_info_reply",
        "A help link has an address.",
        {**INFO, "help_links": [{"text": "Manual"}]},
        "INFO-08",
    )
    bad(
        "088",
        "kernel_info_reply",
        "Features are a list.",
        {**INFO, "supported_features": "debugger"},
        "INFO-09",
    )
    good("089", "connect_request", "A client asks for the ports.", {}, "INFO-14")
    table.no_object("090", "connect_request")
    good(
        "091",
        "connect_reply",
        "A kernel states its ports.",
        {
            "status": "ok",
            "shell_port": 1,
            "iopub_port": 2,
            "stdin_port": 3,
            "hb_port": 4,
            "control_port": 5,
        },
        "INFO-15",
    )
    bad(
        "092",
        "connect_reply",
        "A port is a number.",
        {"status": "ok", "shell_port": "1"},
        "INFO-15",
    )
    good("093", "comm_info_request", "A client asks for all comms.", {}, "INFO-12")
    good(
        "094",
        "comm_info_request",
        "A client asks for the comms of one target.",
        {"target_name": "jupyter.widget"},
        "INFO-12",
    )
    bad("095", "comm_info_request", "A target's name is text.", {"target_name": 7}, "HDR-18")
    good(
        "096", "comm_info_reply", "There may be no comms.", {"status": "ok", "comms": {}}, "INFO-13"
    )
    good(
        "097",
        "comm_info_reply",
        "Comms are listed by id.",
        {"status": "ok", "comms": {"c-1": {"target_name": "jupyter.widget"}}},
        "INFO-12",
    )
    bad(
        "098",
        "comm_info_reply",
        "Each comm has a target.",
        {"status": "ok", "comms": {"c-1": {}}},
        "INFO-12",
    )
    bad(
        "099",
        "comm_info_reply",
        "Comms are an object, not a list of ids.",
        {"status": "ok", "comms": ["c-1"]},
        "INFO-12",
    )


def _comms(table: Table, first: int) -> None:
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


def control() -> list[Vector]:
    """Return the vectors of what must not wait behind user code."""
    table = Table("CONTROL", "control")
    good, bad = table.good, table.bad
    good("001", "kernel_info_request", "Control answers the first question as well.", {}, "INFO-02")
    good("002", "kernel_info_reply", "The answer is the same as on shell.", INFO, "INFO-02")
    good("003", "shutdown_request", "A kernel is told to end.", {"restart": False}, "CTRL-04")
    good(
        "004",
        "shutdown_request",
        "A kernel is told that another will follow.",
        {"restart": True},
        "CTRL-04",
    )
    table.open("005", "shutdown_request", "A missing restart may mean false.", {}, "CTRL-04")
    bad("006", "shutdown_request", "Restart is a boolean.", {"restart": "now"}, "HDR-18", "WIRE-19")
    good(
        "007",
        "shutdown_reply",
        "A reply repeats restart.",
        {"status": "ok", "restart": True},
        "CTRL-04",
    )
    good("008", "shutdown_reply", "Shutting down may fail.", ERROR, "SHELL-10")
    bad(
        "009",
        "shutdown_reply",
        "Restart is not null.",
        {"status": "ok", "restart": None},
        "CTRL-04",
    )
    good("010", "interrupt_request", "An interrupt needs no words.", {}, "CTRL-09")
    table.no_object("011", "interrupt_request")
    good("012", "interrupt_reply", "The interrupt was delivered.", {"status": "ok"}, "CTRL-09")
    bad("013", "interrupt_reply", "A status is text.", {"status": True}, "SHELL-09")
    request = {"type": "request", "seq": 1, "command": "debugInfo"}
    good(
        "014", "debug_request", "A request to the debugger needs no arguments.", request, "DEBUG-02"
    )
    good(
        "015",
        "debug_request",
        "Arguments are handed to the debugger as they are.",
        {
            **request,
            "command": "setBreakpoints",
            "arguments": {"source": {"path": "a.lox"}, "breakpoints": [{"line": 3}]},
        },
        "DEBUG-02",
    )
    bad(
        "016",
        "debug_request",
        "A request names its command.",
        {"type": "request", "seq": 1},
        "DEBUG-02",
    )
    bad(
        "017",
        "debug_request",
        "A request is not a response.",
        {**request, "type": "response"},
        "DEBUG-02",
    )
    bad(
        "018",
        "debug_request",
        "A sequence number is a number.",
        {**request, "seq": "1"},
        "DEBUG-02",
    )
    response = {
        "type": "response",
        "seq": 2,
        "request_seq": 1,
        "command": "debugInfo",
        "success": True,
    }
    good("019", "debug_reply", "A response has no status but success.", response, "DEBUG-04")
    good(
        "020",
        "debug_reply",
        "A response may have a body.",
        {
            **response,
            "body": {
                "isStarted": False,
                "hashMethod": "Murmur2",
                "hashSeed": 1,
                "tmpFilePrefix": "cells/",
                "tmpFileSuffix": ".lox",
                "breakpoints": [],
                "stoppedThreads": [],
            },
        },
        "DEBUG-06",
    )
    good(
        "021",
        "debug_reply",
        "A failed response says why.",
        {**response, "success": False, "message": "no debugger", "body": {}},
        "DEBUG-14",
    )
    bad(
        "022",
        "debug_reply",
        "A response says whether it succeeded.",
        {k: v for k, v in response.items() if k != "success"},
        "DEBUG-04",
    )
    bad(
        "023",
        "debug_reply",
        "A response says which request it answers.",
        {k: v for k, v in response.items() if k != "request_seq"},
        "DEBUG-04",
    )
    good("024", "create_subshell_request", "A client asks for a subshell.", {}, "SUBSHELL-02")
    table.no_object("025", "create_subshell_request")
    good(
        "026",
        "create_subshell_reply",
        "The kernel names the subshell.",
        {"status": "ok", "subshell_id": "sub-1"},
        "SUBSHELL-02",
    )
    bad(
        "027",
        "create_subshell_reply",
        "A subshell without a name is of no use.",
        {"status": "ok"},
        "SUBSHELL-02",
    )
    good(
        "028",
        "delete_subshell_request",
        "A client names the subshell to delete.",
        {"subshell_id": "sub-1"},
        "SUBSHELL-03",
    )
    bad(
        "029",
        "delete_subshell_request",
        "The main shell cannot be named.",
        {"subshell_id": None},
        "SUBSHELL-03",
        "HDR-18",
    )
    good("030", "delete_subshell_reply", "The subshell is gone.", {"status": "ok"}, "SUBSHELL-03")
    good(
        "031",
        "delete_subshell_reply",
        "There was no such subshell.",
        {"status": "error", "ename": "KeyError", "evalue": "sub-9", "traceback": []},
        "SUBSHELL-17",
    )
    bad(
        "032",
        "delete_subshell_reply",
        "An error has a name.",
        {"status": "error", "evalue": "sub-9", "traceback": []},
        "SUBSHELL-17",
    )
    good(
        "033",
        "list_subshell_request",
        "A client asks which subshells there are.",
        {},
        "SUBSHELL-04",
    )
    table.no_object("034", "list_subshell_request")
    good(
        "035",
        "list_subshell_reply",
        "The list may be empty.",
        {"status": "ok", "subshell_id": []},
        "SUBSHELL-04",
        "SUBSHELL-05",
    )
    good(
        "036",
        "list_subshell_reply",
        "The list stands under a singular name.",
        {"status": "ok", "subshell_id": ["sub-1", "sub-2"]},
        "SUBSHELL-04",
    )
    bad(
        "037",
        "list_subshell_reply",
        "The main shell is not in the list.",
        {"status": "ok", "subshell_id": [None, "sub-1"]},
        "SUBSHELL-04",
        "SUBSHELL-05",
    )
    bad(
        "038",
        "list_subshell_reply",
        "One id is not a list.",
        {"status": "ok", "subshell_id": "sub-1"},
        "SUBSHELL-04",
    )
    good(
        "039",
        "usage_request",
        "A request outside the text is one that nobody need know.",
        {},
        "CTRL-15",
        "WIRE-14",
    )
    good("040", "interrupt_reply", "An interrupt may fail.", ERROR, "SHELL-10")
    return table.vectors


def stdin() -> list[Vector]:
    """Return the vectors of prompts and their answers."""
    table = Table("STDIN", "stdin")
    good, bad = table.good, table.bad
    good(
        "001",
        "input_request",
        "A kernel asks for a line.",
        {"prompt": "name: ", "password": False},
        "STDIN-07",
        "STDIN-08",
    )
    good(
        "002",
        "input_request",
        "A kernel asks for a secret.",
        {"prompt": "Password:", "password": True},
        "STDIN-08",
    )
    good(
        "003",
        "input_request",
        "A prompt may be empty.",
        {"prompt": "", "password": False},
        "STDIN-08",
    )
    bad(
        "004", "input_request", "A prompt is text.", {"prompt": None, "password": False}, "STDIN-08"
    )
    bad(
        "005",
        "input_request",
        "Whether it is secret is a boolean.",
        {"prompt": "", "password": "no"},
        "STDIN-08",
    )
    good(
        "006", "input_reply", "The answer is a line without its end.", {"value": "Ada"}, "STDIN-09"
    )
    good("007", "input_reply", "The answer may be empty.", {"value": ""}, "STDIN-09")
    good(
        "008", "input_reply", "U+0004 alone is the end of the input.", {"value": "\x04"}, "STDIN-10"
    )
    good(
        "009",
        "input_reply",
        "An answer may have line ends, which are part of it.",
        {"value": "a\nb\r\n"},
        "STDIN-09",
    )
    good(
        "010",
        "input_reply",
        "Clients add a status, which means nothing here.",
        {"value": "Ada", "status": "ok"},
        "WIRE-15",
    )
    bad("011", "input_reply", "The answer cannot be missing.", {}, "STDIN-09", "STDIN-11")
    bad("012", "input_reply", "The answer is text.", {"value": 42}, "STDIN-09", "STDIN-11")
    table.vectors.append(
        message(
            "STDIN-013",
            "An answer may come without a parent header.",
            "STDIN-11",
            sent=Sent(header=header("input_reply"), content={"value": "Ada"}, identities=[ROUTED]),
            channel="stdin",
        )
    )
    return table.vectors


def iopub() -> list[Vector]:
    """Return the vectors of what a kernel tells everybody."""
    table = Table("IOPUB", "iopub")
    _status_and_text(table)
    _displays(table)
    _comms(table, first=46)
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
