"""Execute requests: what is run, counted, published and answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.protocol import (
    DELIMITER,
    UNSET,
    Channel,
    ClearOutput,
    CompleteReply,
    CompleteRequest,
    DisplayData,
    Error,
    ExecuteInput,
    ExecuteRequest,
    ExecuteResult,
    HistoryReply,
    HistoryRequest,
    Json,
    StreamName,
    Unknown,
)
from assay.transport import Client, KernelProcess
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    answering,
    begin,
    error,
    execute,
    failed,
    finish,
    heard_meanwhile,
    is_well,
    only,
    outputs,
    result,
    start,
    states,
    succeeded,
    text_of,
    value,
)
from tests.kernel._probe import LOAD

NOISE = """
import os, sys, warnings
from IPython.display import display, clear_output

print("printed")
print("printed", file=sys.stderr)
display("displayed")
clear_output()
warnings.warn("warned")
os.write(1, b"written")
os.system("echo by a child")
42
"""


def count(client: Client) -> int:
    """Return the counter, in the way that the text recommends (EXEC-27)."""
    return succeeded(execute(client, "", silent=True)).execution_count


# --- Results, displays, errors


def test_value_of_last_expression_is_published(client: Client) -> None:
    """The last expression's value is an execute_result with the cell's number (EXEC-19)."""
    answer = execute(client, "x = 20\nx + 1\nx + 2")

    published = only(answer, ExecuteResult)
    assert published.data == {"text/plain": "22"}
    assert published.execution_count == succeeded(answer).execution_count
    assert published.transient is UNSET


@pytest.mark.parametrize("code", ["None", "1 + 1;", "x = 1", "def f(): ...", "# nothing"])
def test_no_result_where_nothing_is_to_be_shown(client: Client, code: str) -> None:
    """None, a trailing semicolon and statements publish no result (EXEC-19)."""
    answer = execute(client, code)

    assert answer.types == ("status", "execute_input", "status")


def test_code_is_announced_before_its_output(client: Client) -> None:
    """execute_input comes after busy, before output, with the code as it was sent (EXEC-18)."""
    code = "print('one')  # \u00e9 \U0001f40d\r\n\n'two'"

    answer = execute(client, code)

    assert answer.types[:2] == ("status", "execute_input")
    assert outputs(answer) == ["stdout", "execute_result"]
    assert only(answer, ExecuteInput).code == code


def test_names_live_on_and_are_not_the_kernels(client: Client) -> None:
    """User code has a namespace of its own, kept between cells (EXEC-01)."""
    execute(client, "kernel, Session, request = 1, 2, 3; len = 4")

    answer = execute(client, "kernel, Session, request, len")

    assert result(answer) == "(1, 2, 3, 4)"
    execute(client, "del kernel, Session, request, len")


def test_main_module_is_the_users(client: Client) -> None:
    """`__main__` holds the user's names, so that what is pickled there can be found (EXEC-01)."""
    answer = execute(
        client,
        "import __main__, pickle\n"
        "class Thing: ...\n"
        "__name__, __main__.Thing is Thing, type(pickle.loads(pickle.dumps(Thing()))) is Thing",
    )

    assert result(answer) == "('__main__', True, True)"


def test_error_is_published_and_replied_alike(client: Client) -> None:
    """Reply and IOPub tell the same error; no result follows it (EXEC-17, EXEC-32, SHELL-10)."""
    answer = execute(client, "print('before')\n1 / 0\n'after'", stop_on_error=False)

    reply, published = failed(answer), error(answer)
    assert (reply.ename, reply.evalue) == ("ZeroDivisionError", "division by zero")
    assert (published.ename, published.evalue) == (reply.ename, reply.evalue)
    assert published.traceback == reply.traceback
    assert "In[" in "".join(reply.traceback)
    assert "line 2" in "".join(reply.traceback)
    assert "\x1b[" in "".join(reply.traceback)  # colours
    assert answer.contents(ExecuteResult) == ()
    assert not published.extra
    assert not reply.extra


def test_error_has_the_number_of_its_cell(client: Client) -> None:
    """A cell that fails is counted like one that does not (SHELL-13, EXEC-07)."""
    before = count(client)

    answer = execute(client, "1 / 0", stop_on_error=False)

    assert failed(answer).execution_count == before + 1
    assert only(answer, ExecuteInput).execution_count == before + 1
    assert count(client) == before + 1


RAISERS = {
    "SyntaxError": "x = = 1",
    "IndentationError": "if True:\nx = 1",
    "SystemExit": "raise SystemExit(3)",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "GeneratorExit": "raise GeneratorExit",
    "CancelledError": "import asyncio\nraise asyncio.CancelledError",
    "BaseException": "raise BaseException('base')",
    "UsageError": "%no_such_magic",
    "StopIteration": "raise StopIteration",
    "RecursionError": "def f(): return f()\nf()",
    "ExceptionGroup": "raise ExceptionGroup('several', [ValueError(1), KeyError('k')])",
    "BaseExceptionGroup": "raise BaseExceptionGroup('several', [KeyboardInterrupt()])",
}


@pytest.mark.parametrize("ename", sorted(RAISERS))
def test_every_kind_of_exception_is_an_error(client: Client, ename: str) -> None:
    """Whatever ends a cell is an error on both channels, and the kernel lives (EXEC-17)."""
    answer = execute(client, RAISERS[ename], stop_on_error=False)

    reply, published = failed(answer), error(answer)
    assert reply.ename == ename
    assert published.ename == ename
    assert published.evalue == reply.evalue
    assert published.traceback == reply.traceback
    assert reply.traceback
    assert not any("\n" in line for line in reply.traceback if ename.endswith("Group"))
    assert is_well(client)


@pytest.mark.parametrize(
    "code",
    [
        "%%no_such_cell_magic\n1",
        "%less",
        "%timeit -q -z",
        "%run /no/such/file.py",
        "%%bash\nexit 3",
        "%alias_magic x no_such_magic",
        "%%time\n1/0",
    ],
)
def test_reply_and_iopub_agree_on_magics(client: Client, code: str) -> None:
    """A magic used wrongly is an error in the reply if and only if IOPub says so (S-228)."""
    answer = execute(client, code, stop_on_error=False)

    published = answer.contents(Error)
    assert [error.ename for error in published] == [failed(answer).ename]


UNSHOWABLE = """
class Unshowable(Exception):
    def __str__(self): raise RuntimeError("no text")
    __repr__ = __str__
raise Unshowable
"""


def test_exception_without_text_is_an_error(client: Client) -> None:
    """An exception whose `__str__` raises is shown like any other (EXEC-17)."""
    answer = execute(client, UNSHOWABLE, stop_on_error=False)

    assert failed(answer).ename == error(answer).ename == "Unshowable"
    assert is_well(client)


@pytest.mark.parametrize(
    "code",
    [
        "class Odd(Exception):\n    def _render_traceback_(self): 1 / 0\nraise Odd",
        "class Odd(Exception):\n    def _render_traceback_(self): return None\nraise Odd",
        "one, two = Odd(), Odd()\none.__context__, two.__context__ = two, one\nraise one",
        "import bdb\nclass Odd(bdb.BdbQuit): ...\nraise Odd",
        "raise Odd",
    ],
)
def test_exception_that_cannot_be_formatted_is_an_error(client: Client, code: str) -> None:
    """Where IPython fails to format an exception, it is shown all the same, once (EXEC-17)."""
    answer = execute(client, "class Odd(Exception): ...\n" + code, stop_on_error=False)

    assert failed(answer).ename == error(answer).ename == "Odd"
    assert failed(answer).traceback == error(answer).traceback
    assert is_well(client)


def test_shown_traceback_is_no_failure(client: Client) -> None:
    """Code that merely shows a traceback has not failed (S-052)."""
    answer = execute(
        client, "try:\n    1/0\nexcept Exception:\n    get_ipython().showtraceback()\n'fine'"
    )

    assert result(answer) == "'fine'"


def test_error_that_a_program_shows_its_own_way_is_shown_once(client: Client) -> None:
    """Where a program shows errors its own way, it does so once, and the error is shown in one line
    (EXEC-17)."""
    execute(client, "def show(kind, value, lines): print('mine', kind.__name__)")
    execute(client, "get_ipython()._showtraceback = show")

    answer = execute(client, "1 / 0", stop_on_error=False)
    execute(client, "del get_ipython()._showtraceback")

    assert answer.text() == "mine ZeroDivisionError\n"
    assert error(answer).traceback == ("ZeroDivisionError: division by zero",)
    assert failed(answer).ename == error(answer).ename == "ZeroDivisionError"


@pytest.mark.parametrize("method", ["__repr__", "_repr_html_", "_ipython_display_"])
def test_result_that_cannot_be_shown_is_an_error(client: Client, method: str) -> None:
    """It is published, is the reply's, and ends the queue, as any other (EXEC-17, EXEC-20)."""
    code = f"class Odd:\n    def {method}(self): raise ValueError('no repr')\nOdd()"
    odd = begin(client, once_queued(1, code))
    waiting = begin(client, "'waited'")

    answer, behind = finish(client, odd), finish(client, waiting)

    reply, published = failed(answer), error(answer)
    assert (reply.ename, reply.evalue) == ("ValueError", "no repr")
    assert (published.ename, published.traceback) == ("ValueError", reply.traceback)
    assert failed(behind).ename == "ExecutionAborted"
    assert result(execute(client, "1 + 1")) == "2"


def test_display_that_fails_is_no_error_of_the_cell(client: Client) -> None:
    """Of several displays one may fail; it is shown, and the cell goes on (IOPUB-19)."""
    code = "class Odd:\n    def __repr__(self): raise ValueError('no repr')\n"
    answer = execute(client, f"{code}display(Odd(), 3)\nprint('on')")

    succeeded(answer)
    assert (error(answer).ename, answer.text()) == ("ValueError", "on\n")


@pytest.mark.parametrize(
    "code",
    [
        "from IPython.display import display; display({'application/x': object()}, raw=True)",
        "from IPython.display import display; display({'a/b': float('nan')}, raw=True)",
        "from IPython.display import display; display({'a/b': {1: b'\\xff'}}, raw=True)",
        "from IPython.display import display; display({'a/b': '\\ud800'}, raw=True)",
        "from IPython.display import display; display({'a/b': 10 ** 400}, raw=True)",
        "print('\\ud800 \\x00 \\U0001f40d')",
        "'\\ud800'",
        "raise ValueError('\\ud800')",
    ],
)
def test_odd_values_never_break_a_message(client: Client, code: str) -> None:
    """What JSON cannot hold is written in some way, and the cell ends (WIRE-08, IOPUB-26)."""
    answer = execute(client, code, stop_on_error=False)

    assert len(answer.published) == 4
    assert is_well(client)


def test_very_large_result_arrives(client: Client) -> None:
    """Results of tens of megabytes are legal (WIRE-20)."""
    answer = execute(client, "print('x' * 20_000_000)")

    assert len(answer.text()) == 20_000_001


def test_display_with_id_and_update(client: Client) -> None:
    """A display with an id can be replaced (IOPUB-10, IOPUB-15, IOPUB-16)."""
    answer = execute(
        client,
        "from IPython.display import display, update_display\n"
        "handle = display('old', display_id='the id')\n"
        "handle.update('new')\n"
        "update_display('newest', display_id='the id')",
    )

    assert answer.types[2:-1] == ("display_data", "update_display_data", "update_display_data")
    shown = [received.content for received in answer.published[2:-1]]
    assert [getattr(content, "transient", None) for content in shown] == [
        {"display_id": "the id"}
    ] * 3
    assert [getattr(content, "data", {})["text/plain"] for content in shown] == [
        "'old'",
        "'new'",
        "'newest'",
    ]


def test_display_without_id_has_no_transient(client: Client) -> None:
    """A display without an id carries no transient data (IOPUB-10)."""
    answer = execute(client, "display(1)")

    assert only(answer, DisplayData).transient is UNSET


@pytest.mark.parametrize("wait", [False, True])
def test_output_is_cleared(client: Client, wait: bool) -> None:
    """clear_output says whether to wait for the next output (IOPUB-25)."""
    answer = execute(
        client,
        f"from IPython.display import clear_output\nprint(1)\nclear_output({wait})\nprint(2)",
    )

    assert outputs(answer) == ["stdout", "clear_output", "stdout"]
    assert only(answer, ClearOutput).wait is wait


def test_outputs_keep_their_order(client: Client) -> None:
    """Text, displays and results are published as they were produced (EXEC-31, IOPUB-27)."""
    answer = execute(
        client,
        "import sys\nfor i in range(3):\n    print(i); display(i); print(i, file=sys.stderr)\ni",
    )

    assert outputs(answer) == ["stdout", "display_data", "stderr"] * 3 + ["execute_result"]


def test_rich_result_holds_every_representation(client: Client) -> None:
    """One message holds all representations, with their metadata (IOPUB-11, IOPUB-14)."""
    answer = execute(
        client,
        "class Rich:\n"
        "    def _repr_html_(self): return '<b>rich</b>', {'isolated': True}\n"
        "    def _repr_json_(self): return {'a': [1]}\n"
        "    def _repr_png_(self): return b'\\x89PNG'\n"
        "    def __repr__(self): return 'rich'\n"
        "Rich()",
    )

    published = only(answer, ExecuteResult)
    assert published.data == {
        "text/plain": "rich",
        "text/html": "<b>rich</b>",
        "application/json": {"a": [1]},
        "image/png": "iVBORw==",
    }
    assert published.metadata == {"text/html": {"isolated": True}}


# --- The counter


def test_stored_cells_are_numbered_from_one(mine: Client) -> None:
    """The counter grows by one with each stored cell (EXEC-05, EXEC-06, EXEC-07)."""
    first, second = execute(mine, "1"), execute(mine, "2")

    assert [succeeded(first).execution_count, succeeded(second).execution_count] == [1, 2]
    assert [only(a, ExecuteInput).execution_count for a in (first, second)] == [1, 2]


@pytest.mark.parametrize(
    ("code", "store_history"), [("7", False), ("", UNSET), ("  \n\t\n", UNSET), ("", True)]
)
def test_unstored_cell_has_the_last_number(mine: Client, code: str, store_history: bool) -> None:
    """Input and reply of an unstored cell agree on the last number used (EXEC-08, AMB-07)."""
    for wanted in (0, 1):
        answer = execute(mine, code, store_history=store_history)

        assert succeeded(answer).execution_count == wanted
        assert only(answer, ExecuteInput).execution_count == wanted
        assert all(c.execution_count == wanted for c in answer.contents(ExecuteResult))
        execute(mine, "'stored'")


def test_unstored_cell_is_not_remembered(mine: Client) -> None:
    """What is not stored is in no history (HIST-08)."""
    execute(mine, "'stored'")
    execute(mine, "'unstored'", store_history=False)
    execute(mine, "'silent'", silent=True)

    reply = mine.request(HistoryRequest(hist_access_type="tail", n=9), timeout=HANG_LIMIT_S)

    assert isinstance(reply.content, HistoryReply)
    assert [entry[2] for entry in reply.content.history] == ["'stored'"]


def test_failing_unstored_cell_has_the_last_number(mine: Client) -> None:
    """An unstored cell that fails tells the last number too (SHELL-13, AMB-07)."""
    execute(mine, "'stored'")

    answer = execute(mine, "1 / 0", store_history=False)

    assert failed(answer).execution_count == 1
    assert only(answer, ExecuteInput).execution_count == 1


# --- Silent


def test_silent_request_publishes_status_only(client: Client) -> None:
    """A silent request leaves nothing but its status on IOPub (EXEC-03, EXEC-04, AMB-08)."""
    before = count(client)

    answer = execute(client, NOISE, silent=True)

    assert answer.types == ("status", "status")
    assert succeeded(answer).execution_count == before
    assert count(client) == before
    assert heard_meanwhile(client) == []


def test_silent_request_forces_no_history(client: Client) -> None:
    """`store_history` true does not count where silent is true (EXEC-03)."""
    before = count(client)

    answer = execute(client, "1", silent=True, store_history=True)

    assert succeeded(answer).execution_count == count(client) == before


def test_silent_failure_is_told_in_the_reply_only(client: Client) -> None:
    """An error of a silent request is in its reply alone (EXEC-04, EXEC-16)."""
    answer = execute(client, "1 / 0", silent=True)

    assert failed(answer).ename == "ZeroDivisionError"
    assert failed(answer).execution_count == count(client)
    assert answer.types == ("status", "status")


def test_silent_request_may_still_open_comms(client: Client) -> None:
    """Comm messages are no output: a silent request sends them (EXEC-04, COMM-01)."""
    answer = execute(
        client, "from comm import create_comm; create_comm(target_name='t').close()", silent=True
    )

    assert answer.types == ("status", "comm_open", "comm_close", "status")


def test_silent_output_can_be_published(tmp_path: Path) -> None:
    """``--publish-silent`` restores what other kernels do (EXEC-04, AMB-08)."""
    with start(tmp_path, "--publish-silent") as kernel, kernel.client() as client:
        answer = execute(client, "print('heard'); display(1)", silent=True)

    assert "stream" in answer.types
    assert "display_data" in answer.types
    assert answer.text() == "heard\n"


# --- User expressions


def test_expressions_see_what_the_code_did(client: Client) -> None:
    """Expressions come after the code and give display bundles (EXEC-09, EXEC-12)."""
    answer = execute(client, "seen = 6", user_expressions={"a": "seen * 7", "b": "'\u00e9'"})

    assert succeeded(answer).user_expressions == {
        "a": {"status": "ok", "data": {"text/plain": "42"}, "metadata": {}},
        "b": {"status": "ok", "data": {"text/plain": "'\u00e9'"}, "metadata": {}},
    }


def test_failing_expression_affects_its_key_only(client: Client) -> None:
    """An expression that fails is an error in its place; the reply is ok (EXEC-10, EXEC-26)."""
    request = ExecuteRequest(code="", user_expressions={"bad": "1 / 0", "good": "1", "odd": "= ="})
    running = client.start(request)
    queued = client.start(ExecuteRequest(code="'next'"))

    reply = succeeded(finish(client, running))

    expressions = reply.user_expressions
    assert expressions["good"]["status"] == "ok"
    for name, ename in (("bad", "ZeroDivisionError"), ("odd", "SyntaxError")):
        assert expressions[name]["status"] == "error"
        assert expressions[name]["ename"] == ename
        assert isinstance(expressions[name]["evalue"], str)
        assert isinstance(expressions[name]["traceback"], list)
    assert result(finish(client, queued)) == "'next'"


def test_expressions_of_a_failing_cell_are_not_evaluated(client: Client) -> None:
    """A cell that fails has no user expressions in its reply (EXEC-11, SHELL-10)."""
    answer = execute(client, "1/0", user_expressions={"a": "1"}, stop_on_error=False)

    assert not failed(answer).extra


def test_expressions_do_not_count(client: Client) -> None:
    """Expressions change neither counter nor history (EXEC-12)."""
    before = count(client)

    execute(client, "1", user_expressions={"a": "2", "b": "3"})

    assert count(client) == before + 1


def test_output_of_expressions_belongs_to_the_request(client: Client) -> None:
    """What an expression prints is published before idle (EXEC-31)."""
    answer = execute(client, "", user_expressions={"a": "print('side effect')"})

    assert answer.text() == "side effect\n"


# --- Defaults


def test_missing_fields_take_their_defaults(client: Client) -> None:
    """`code` alone is a request; what is not known is ignored (EXEC-28, EXEC-29, WIRE-15)."""
    fields: dict[str, Json] = {"code": "1", "user_variables": ["x"], "unheard_of": {"a": None}}

    answer = client.request(Unknown(extra=fields), msg_type="execute_request", timeout=HANG_LIMIT_S)

    assert result(answer) == "1"
    assert succeeded(answer).execution_count == count(client)


# --- The queue


def test_failure_aborts_what_is_queued(client: Client, another: Client) -> None:
    """A failing cell aborts the waiting cells of every client (EXEC-20, EXEC-21, AMB-06)."""
    execute(client, "ran = []")
    waits = once_queued(4, "print('waits')\nwhile True: pass")
    # It must run before the other client's request comes: there is no order among clients.
    failing = begin(client, f"print('runs')\n{waits}", until="runs")
    queued = [
        (who, who.start(ExecuteRequest(code=f"ran.append({i})")))
        for i, who in enumerate((client, another, client))
    ]
    complete = client.start(CompleteRequest(code="pri", cursor_pos=3))
    client.wait_until(
        lambda: "waits" in text_of(failing.published), awaited="the queue", timeout=HANG_LIMIT_S
    )

    interrupt(client)
    answers = [finish(who, exchange) for who, exchange in queued]

    number = failed(finish(client, failing)).execution_count
    for answer in answers:
        assert failed(answer).ename == "ExecutionAborted"
        assert failed(answer).execution_count == number
        assert answer.types == ("status", "status")
        assert not failed(answer).extra
    completed = client.finish(complete, timeout=HANG_LIMIT_S).content
    assert isinstance(completed, CompleteReply)  # perhaps without a finding, while the cell ran
    assert value(client, "ran") == "[]"


def once_queued(number: int, code: str) -> str:
    """Return *code* that waits until *number* requests have come behind it.

    What is sent at once does not arrive at once, least of all on a busy machine.
    """
    return f"{LOAD}while probe.queued() < {number}: pass\n{code}"


def interrupt(client: Client) -> None:
    """Interrupt what runs, by message."""
    client.request(Unknown(), msg_type="interrupt_request", channel=Channel.CONTROL)


def test_pipelined_failure_aborts_what_was_sent_with_it(client: Client) -> None:
    """Of requests sent at once, those behind a failure are not run (EXEC-20, EXEC-21)."""
    execute(client, "ran = []")
    codes = ["ran.append(1)", once_queued(2, "1 / 0"), "ran.append(2)", "ran.append(3)"]

    exchanges = [client.start(ExecuteRequest(code=code)) for code in codes]
    answers = [finish(client, exchange) for exchange in exchanges]

    assert [getattr(answer.content, "ename", "ok") for answer in answers] == [
        "ok",
        "ZeroDivisionError",
        "ExecutionAborted",
        "ExecutionAborted",
    ]
    assert value(client, "ran") == "[1]"


def test_rubbish_behind_a_failing_cell_keeps_nothing_back(client: Client) -> None:
    """What is no message is dropped when it comes: the cell before it has its idle, and those
    behind it are aborted all the same (S-062, S-100)."""
    failing = client.start(ExecuteRequest(code=once_queued(1, "1 / 0")))
    for rubbish in ([b"x"], [DELIMITER, b"0" * 64, b"{}", b"{}", b"{}", b"{}"]):
        client.send_frames(Channel.SHELL, rubbish)
    behind = client.start(ExecuteRequest(code="1"))
    answers = [finish(client, exchange) for exchange in (failing, behind)]

    assert [failed(one).ename for one in answers] == ["ZeroDivisionError", "ExecutionAborted"]
    assert [states(one.published) for one in answers] == [["busy", "idle"]] * 2


def test_request_sent_after_the_failure_runs(client: Client) -> None:
    """What is sent once the error reply has come is run (EXEC-24)."""
    for _ in range(20):
        failed(execute(client, "1 / 0"))

        assert result(execute(client, "'runs'")) == "'runs'"


def test_failure_need_not_stop_the_queue(client: Client) -> None:
    """With `stop_on_error` false the queue goes on (EXEC-22)."""
    first = client.start(ExecuteRequest(code="1 / 0", stop_on_error=False))
    second = client.start(ExecuteRequest(code="'runs'"))

    assert failed(finish(client, first)).ename == "ZeroDivisionError"
    assert result(finish(client, second)) == "'runs'"


def test_aborted_requests_do_not_abort_others(client: Client) -> None:
    """An aborted request did not fail: it aborts nothing that comes after it (EXEC-24)."""
    codes = (once_queued(2, "1 / 0"), "1", "2")
    exchanges = [client.start(ExecuteRequest(code=code)) for code in codes]
    for exchange in exchanges:
        failed(finish(client, exchange))

    assert result(execute(client, "3")) == "3"


def test_requests_are_answered_in_order(client: Client) -> None:
    """One shell answers its requests one after the other (SHELL-14, SHELL-15)."""
    exchanges = [client.start(ExecuteRequest(code=f"print({i}); {i}")) for i in range(100)]
    answers = [finish(client, exchange) for exchange in exchanges]

    counts = [succeeded(answer).execution_count for answer in answers]
    assert counts == list(range(counts[0], counts[0] + 100))
    assert [answer.text() for answer in answers] == [f"{i}\n" for i in range(100)]
    assert client.waiting(Channel.SHELL) == ()


def test_two_clients_are_told_everything_and_answered_alone(
    client: Client, another: Client
) -> None:
    """IOPub goes to all, a reply to the one who asked (WIRE-16, IOPUB-08)."""
    heard_meanwhile(another)

    answer = execute(client, "print('for all')")
    execute(another, "")

    heard = [received.frames for received in heard_meanwhile(another)]
    assert heard == [received.frames for received in answer.published]
    assert another.waiting(Channel.SHELL) == ()


# --- Payloads


def payload(client: Client, code: str) -> list[dict[str, Json]]:
    """Return the wishes in the reply to *code*."""
    found = succeeded(execute(client, code)).payload
    return [] if found is UNSET else [dict(item) for item in found]


def test_pager_is_a_wish_to_the_client(client: Client) -> None:
    """`?` asks the client to show a page (EXEC-13, EXEC-14)."""
    (page,) = payload(client, "print?")

    assert page["source"] == "page"
    assert page["start"] == 0
    assert isinstance(page["data"], dict)
    assert "text/plain" in page["data"]


@pytest.mark.parametrize("replace", [True, False])
def test_next_input_is_a_wish_to_the_client(client: Client, replace: bool) -> None:
    """`set_next_input` asks for the text of a cell (EXEC-14)."""
    wishes = payload(client, f"get_ipython().set_next_input('text', replace={replace})")

    assert wishes == [{"source": "set_next_input", "text": "text", "replace": replace}]


def test_editor_is_a_wish_to_the_client(client: Client, tmp_path: Path) -> None:
    """``%edit`` asks the client to open a file (EXEC-14)."""
    path = tmp_path / "edited.py"
    path.write_text("x = 1\n")

    wishes = payload(client, f"%edit -n 3 {path}")

    assert wishes == [{"source": "edit_magic", "filename": str(path), "line_number": 3}]


def test_load_fills_the_cell(client: Client, tmp_path: Path) -> None:
    """``%load`` asks for the file's text in the cell's place (EXEC-14)."""
    path = tmp_path / "loaded.py"
    path.write_text("loaded = 1\n")

    (wish,) = payload(client, f"%load {path}")

    assert wish["source"] == "set_next_input"
    assert wish["replace"] is True
    assert "loaded = 1" in str(wish["text"])


def test_reply_has_a_payload(client: Client) -> None:
    """It is an empty list where a cell asks for nothing: some clients look without asking first."""
    for code in ("1", "", "x = 1"):
        assert succeeded(execute(client, code)).payload == ()


def test_payload_does_not_leak(client: Client) -> None:
    """A wish is sent once, in the reply of its own cell, failed or silent cells or not (S-056)."""
    wish = "get_ipython().set_next_input('leaks')"
    execute(client, f"{wish}\n1 / 0", stop_on_error=False)
    assert payload(client, "1") == []
    execute(client, wish, silent=True)
    assert payload(client, "1") == []
    assert payload(client, wish)

    assert payload(client, "1") == []


@pytest.mark.parametrize(
    "code",
    [
        "shell.set_next_input('text'); shell.set_parent(parent)",
        "shell.set_parent(parent); shell.set_next_input('text')",
        "with shell.output_to(parent): shell.set_next_input('text')",
    ],
)
def test_payload_is_of_the_cell_that_runs(client: Client, code: str) -> None:
    """A wish is sent in the reply of its cell, also where that writes for another (EXEC-12)."""
    execute(client, "shell = get_ipython(); parent = shell.get_parent()")

    assert [wish["text"] for wish in payload(client, code)] == ["text"]
    assert payload(client, "1") == []


@pytest.mark.parametrize("name", ["exit", "quit"])
def test_exit_is_a_wish_and_ends_the_kernel(kernel: KernelProcess, mine: Client, name: str) -> None:
    """`exit` asks the client to leave, and the kernel ends by itself (EXEC-14, S-212)."""
    wishes = payload(mine, name)

    assert wishes == [{"source": "ask_exit", "keepkernel": False}]
    assert kernel.wait(HANG_LIMIT_S) == 0


def test_exit_may_keep_the_kernel(client: Client) -> None:
    """`exit(keep_kernel=True)` sends the client away alone (EXEC-14, S-212)."""
    wishes = payload(client, "exit(keep_kernel=True)")

    assert wishes == [{"source": "ask_exit", "keepkernel": True}]
    assert is_well(client)
    assert result(execute(client, "'alive'")) == "'alive'"


# --- The input and output history of the session


def test_last_results_can_be_used(mine: Client) -> None:
    """`_` to `___`, `_n`, `In` and `Out` hold what was stored (EXEC-07, S-206)."""
    for text in ("first", "second", "third"):
        execute(mine, repr(text))

    answer = execute(mine, "'|'.join((_, __, ___, _1, _i2, Out[1], In[2]))")

    assert result(answer) == "\"third|second|first|first|'second'|first|'second'\""


def test_status_is_busy_then_idle_for_each_cell(client: Client) -> None:
    """Each request has one busy and one idle, first and last (SHELL-04, SHELL-05)."""
    for code in ("1", "1 / 0", "", "print(1)"):
        answer = execute(client, code, stop_on_error=False)

        assert states(answer.published) == ["busy", "idle"]
        assert answer.types[0] == answer.types[-1] == "status"


def test_stderr_and_stdout_are_told_apart(client: Client) -> None:
    """Each text says which stream wrote it (IOPUB-09)."""
    answer = execute(client, "import sys; print('out'); print('err', file=sys.stderr)")

    assert answer.text() == "out\n"
    assert answer.text(StreamName.STDERR) == "err\n"


def test_prompt_without_permission_fails(client: Client) -> None:
    """With `allow_stdin` false no prompt is sent and the call fails (EXEC-15, STDIN-03)."""
    answer = execute(client, "input('? ')", stop_on_error=False)

    assert failed(answer).ename == "StdinNotImplementedError"
    assert client.waiting(Channel.STDIN) == ()


def test_prompt_with_permission_is_answered(client: Client) -> None:
    """With `allow_stdin` true the client is asked (EXEC-15, STDIN-01)."""
    answer_input, asked = answering("the line")

    answer = execute(client, "input('? ')", on_input=answer_input)

    assert result(answer) == "'the line'"
    assert [request.prompt for request in asked] == ["? "]


SOCKETS = """\
import os
names = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
sum(os.path.lexists(name) and os.readlink(name) == "anon_inode:[eventfd]" for name in names)
"""
"""Each of ZeroMQ's sockets has such a descriptor."""

# Not to be stored: IPython's history says so when it finds no descriptor.
FULL = """\
import os, resource
here = len(os.listdir("/proc/self/fd")) + 20
resource.setrlimit(resource.RLIMIT_NOFILE, (here, here))
taken = []
try:
    while True: taken.append(os.open(os.devnull, os.O_RDONLY))
except OSError as error:
    print(error.errno == 24, "", sep="")
1 / 0
"""


def test_what_zeromq_needs_descriptors_for_is_there_before_a_cell(mine: Client) -> None:
    """A first cell finds as many sockets of ZeroMQ's as a later one."""
    first = result(execute(mine, SOCKETS))
    later = {result(execute(mine, SOCKETS)) for _ in range(3)}

    assert {first} == later


def test_what_lines_are_kept_whole_by_is_there_before_a_cell(mine: Client) -> None:
    """A first cell that leaves no descriptor writes its lines as any other."""
    name = "assay.kernel.output._calls"

    assert result(execute(mine, f"import sys; {name!r} in sys.modules")) == "True"


def test_displays_need_no_descriptor(mine: Client) -> None:
    """A later cell that leaves no descriptor can still show something."""
    execute(mine, "1", store_history=False)
    full = execute(mine, FULL.replace("1 / 0", "display(1)"), store_history=False)

    assert full.types[-2:] == ("display_data", "status")
    assert full.text() == "True\n"


def test_program_may_use_up_all_descriptors(mine: Client) -> None:
    """A first cell that leaves no descriptor is answered, and so is everything behind it."""
    full = execute(mine, FULL, stop_on_error=False, store_history=False)
    answer = execute(mine, "for number in taken: os.close(number)", store_history=False)
    complete = mine.request(CompleteRequest(code="taken.app", cursor_pos=9), timeout=HANG_LIMIT_S)

    assert full.text().startswith("True\n")
    assert failed(full).ename == "ZeroDivisionError"
    assert answer.types == ("status", "execute_input", "status")
    assert isinstance(complete.content, CompleteReply)
    assert "append" in " ".join(complete.content.matches)
