"""Contents on shell: what a client asks, and the answers."""

from __future__ import annotations

from spec.vector_sources.contents import ABORTED, ERROR, INFO, LANGUAGE, Table, add_comms
from spec.vector_sources.vector import Vector

__all__ = ["shell"]


def shell() -> list[Vector]:
    """Return the vectors of what a client asks on shell, and of the answers."""
    table = Table("SHELL", "shell")
    _execute(table)
    _code(table)
    _history(table)
    _info(table)
    add_comms(table, first=100)
    _unknown_keys(table)
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
        "SHELL-13",
        "EXEC-07",
    )
    bad(
        "024",
        "execute_reply",
        "A counter is an integer.",
        {"status": "ok", "execution_count": "1", "user_expressions": {}},
        "SHELL-13",
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
        "EXEC-11",
        "EXEC-09",
    )
    bad(
        "027",
        "execute_reply",
        "A payload is a list.",
        {"status": "ok", "execution_count": 1, "user_expressions": {}, "payload": {}},
        "HDR-18",
        "EXEC-13",
        "EXEC-14",
    )
    table.open(
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
        "HDR-18",
        "SHELL-10",
    )
    bad(
        "030",
        "execute_reply",
        "A traceback holds text only.",
        {**ERROR, "traceback": ["a", None], "execution_count": 1},
        "HDR-18",
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
        "HDR-18",
        "INSPECT-01",
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
        "HDR-18",
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
        "HDR-18",
        "HIST-11",
    )
    bad("070", "history_request", "The access type cannot be missing.", base, "HDR-18", "HIST-01")
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
        "HDR-18",
        "INFO-08",
    )
    bad(
        "088",
        "kernel_info_reply",
        "Features are a list.",
        {**INFO, "supported_features": "debugger"},
        "HDR-18",
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
        "HDR-18",
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


def _unknown_keys(table: Table) -> None:
    """Add contents with keys that nobody knows below the top."""
    good = table.good
    good(
        "109",
        "kernel_info_reply",
        "A language may say more of itself than the text names.",
        {**INFO, "language_info": {**LANGUAGE, "x-paradigm": {"object": True}}},
        "WIRE-15",
        "INFO-06",
    )
    good(
        "110",
        "kernel_info_reply",
        "A help link may say more than the text names.",
        {**INFO, "help_links": [{"text": "a", "url": "b", "x-icon": None}]},
        "WIRE-15",
        "INFO-08",
    )
    good(
        "111",
        "comm_info_reply",
        "A listed comm may say more than the text names.",
        {"status": "ok", "comms": {"c-1": {"target_name": "t", "x-since": 1}}},
        "WIRE-15",
        "INFO-12",
    )
    good(
        "112",
        "execute_reply",
        "A value may come with keys that the text does not name.",
        {
            "status": "ok",
            "execution_count": 1,
            "user_expressions": {"a": {"status": "ok", "data": {}, "metadata": {}, "x": 1}},
        },
        "WIRE-15",
        "EXEC-09",
    )
