"""Contents on control: what must not wait behind user code. Engines' messages stand here too."""

from __future__ import annotations

from spec.vector_sources.contents import ERROR, INFO, Table
from spec.vector_sources.vector import Vector, message

__all__ = ["control", "engine"]


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
        "HDR-18",
        "SUBSHELL-03",
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


def engine() -> list[Vector]:
    """Return the messages of a parallel cluster's engines, which are not in the text.

    Who does not know them takes them as unknown types, so no field of theirs makes one invalid.
    """
    table = Table("ENGINE", "control")
    good, open_ = table.good, table.open
    good("001", "abort_request", "One request is not to be run.", {"msg_ids": "m-1"}, "WIRE-14")
    good("002", "abort_request", "Some are not to be run.", {"msg_ids": ["m-1", "m-2"]}, "WIRE-14")
    good("003", "abort_request", "Nothing that waits is to be run.", {}, "WIRE-14")
    open_("004", "abort_request", "An id is text.", {"msg_ids": 7}, "WIRE-14")
    good("005", "abort_reply", "They will not be run.", {"status": "ok"}, "WIRE-14")
    open_("006", "abort_reply", "There is no status okay.", {"status": "okay"}, "WIRE-14")
    good("007", "clear_request", "The namespace is to be emptied.", {}, "WIRE-14")
    table.no_object("008", "clear_request")
    good("009", "clear_reply", "The namespace is empty.", {"status": "ok"}, "WIRE-14")
    open_("010", "clear_reply", "A status is text.", {"status": 0}, "WIRE-14")
    called = table.sent("apply_request", {}, [b"\x80\x04f.", b"\x80\x04)."])
    gave = table.sent("apply_reply", {"status": "ok"}, [b"\x80\x04K\x01."])
    table.vectors += [
        message(
            "ENGINE-011",
            "Function and arguments travel in the buffers.",
            "WIRE-09",
            "WIRE-14",
            sent=called,
            channel="shell",
        ),
        message(
            "ENGINE-012",
            "The result travels in the buffers.",
            "WIRE-09",
            "WIRE-14",
            sent=gave,
            channel="shell",
        ),
    ]
    good("013", "apply_reply", "The function raised an exception.", ERROR, "WIRE-14", "SHELL-10")
    open_("014", "apply_reply", "A status is no list.", {"status": ["ok"]}, "WIRE-14")
    table.no_object("015", "apply_request")
    return table.vectors
