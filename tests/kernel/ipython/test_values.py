"""Whatever a value, an error or a comm's data make of themselves: one answer, and the true one."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from assay.protocol import CommClose, CommMsg, CommOpen, Error, Json, StreamName
from assay.transport import Client, KernelProcess
from tests.kernel._kernels import HANG_LIMIT_S, error, execute, failed, succeeded

COLOUR = re.compile(r"\x1b\[[\d;]*m")

CLASSES = """\
import sys
class Exits(Exception):
    def __str__(self): raise SystemExit(3)
class Interrupts(Exception):
    def __str__(self): raise KeyboardInterrupt
class Stop(BaseException): pass
class Stops(Exception):
    def __str__(self): raise Stop
    def __repr__(self): raise Stop
class Renders(Exception):
    def __init__(self, found): self.found = found
    def _render_traceback_(self):
        if self.found is SystemExit: raise SystemExit
        return self.found
class Noted(Exception):
    @property
    def __notes__(self): raise RuntimeError("notes")
class Classless:
    @property
    def __class__(self): raise RuntimeError("class")
class Unspeakable(type):
    def __repr__(self): raise RuntimeError("meta")
class Instance(metaclass=Unspeakable): pass
class Silent:
    def __getattribute__(self, name): raise RuntimeError("silent")
class Html:
    def _repr_html_(self): raise ValueError("html")
class Twice:
    def _repr_html_(self): raise ValueError("html")
    def __repr__(self): raise ValueError("text")
class Nested:
    def _repr_html_(self):
        display(Html())
        raise ValueError("outer")
def deep(n):
    if n == 0: 1 / 0
    return deep(n - 1)
def two(n): return other(n)
def other(n):
    if n == 0: raise ExceptionGroup("many", [ValueError(1)])
    return two(n - 1)
"""

UNSHOWN = {
    "10**5000": "ValueError",
    "{1: [10**5000]}": "ValueError",
    "Classless()": "RuntimeError",
    "Instance()": "RuntimeError",
    "Instance": "RuntimeError",
    "Silent()": "RuntimeError",
    "Html()": "ValueError",
    "Twice()": "ValueError",
}
"""Values whose representations fail, all or some, and with what."""


@pytest.fixture(autouse=True, scope="module")
def classes(shared_kernel: KernelProcess) -> None:
    """The user's classes, once for all tests."""
    with shared_kernel.client(timeout=HANG_LIMIT_S) as client:
        succeeded(execute(client, CLASSES))


def expressions(client: Client, sources: Mapping[str, str]) -> Mapping[str, Mapping[str, Json]]:
    """Return what the reply says of *sources*, which published nothing."""
    answer = execute(client, "", user_expressions=sources)
    assert answer.types == ("status", "execute_input", "status"), answer.types
    return succeeded(answer).user_expressions


def test_representation_that_fails_is_one_error(client: Client) -> None:
    """A dozen formatters meet the same error, which is published once (IOPUB-13, EXEC-17)."""
    for source, ename in UNSHOWN.items():
        answer = execute(client, source, stop_on_error=False)

        assert [shown.ename for shown in answer.contents(Error)] == [ename], source
        assert failed(answer).ename == ename, source


def test_representations_of_two_objects_are_two_errors(client: Client) -> None:
    """An object shown by another one's representation has an error of its own; so has the next."""
    answer = execute(client, "Nested()", stop_on_error=False)
    after = execute(client, "Html()", stop_on_error=False)

    assert [shown.evalue for shown in answer.contents(Error)] == ["html", "outer"]
    assert error(after).evalue == "html"


def test_expression_without_representation_is_its_error(client: Client) -> None:
    """It is an error in its place, and nowhere else (EXEC-10)."""
    found = expressions(client, {source: source for source in UNSHOWN} | {"good": "1"})

    assert found["good"]["status"] == "ok"
    for source, ename in UNSHOWN.items():
        assert (found[source]["status"], found[source]["ename"]) == ("error", ename)


RAISED = {
    "Exits('why')": ("Exits", "Exits('why')"),
    "Interrupts('why')": ("Interrupts", "Interrupts('why')"),
    "Stops('why')": ("Stops", "<the exception cannot be shown>"),
    "Renders(SystemExit)": ("Renders", "<class 'SystemExit'>"),
    "Renders(5)": ("Renders", "5"),
    "Renders([Stops()])": ("Renders", "<the exception cannot be shown>"),
    "Noted('why')": ("Noted", "why"),
    "SyntaxError(5)": ("SyntaxError", "5 (<string>)"),
    "SyntaxError('why', ('f', 'x', 'y', 'z'))": ("SyntaxError", "why (f)"),
    "ValueError('\\ud800')": ("ValueError", "\\ud800"),
    "ValueError(10**5000)": ("ValueError", "<the exception cannot be shown>"),
    "Unspeakable('Named', (Exception,), {})('why')": ("Named", "why"),
}
"""Errors that fail when they are shown, and how they are shown all the same."""


def test_error_that_cannot_be_shown_is_not_another(client: Client) -> None:
    """Name and text are of what the cell raised, whatever its class does when it is asked."""
    for source, wanted in RAISED.items():
        answer = execute(client, f"raise {source}", stop_on_error=False)
        shown, reply = error(answer), failed(answer)

        assert (shown.ename, shown.evalue) == wanted, source
        assert (reply.ename, reply.evalue) == wanted, source
        assert shown.traceback, source


def test_expression_that_raises_it_fails_alone(client: Client) -> None:
    """The reply is ok, and says of each expression what it raised (EXEC-10)."""
    raising = {source: f"exec({f'raise {source}'!r})" for source in RAISED}
    found = expressions(client, raising | {"good": "1"})

    assert found["good"]["status"] == "ok"
    for source, (ename, _) in RAISED.items():
        assert (found[source]["status"], found[source]["ename"]) == ("error", ename), source
        assert found[source]["traceback"], source


@pytest.mark.parametrize("mode", ["context", "plain"])
def test_very_deep_traceback_is_shown_in_part(client: Client, mode: str) -> None:
    """Its beginning and its end are shown, and how much is between (EXEC-17)."""
    limit = "before = sys.getrecursionlimit(); sys.setrecursionlimit(20_000)"
    succeeded(execute(client, f"%xmode {mode}\n{limit}"))
    recursion = failed(execute(client, "deep(6_000)", stop_on_error=False))
    group = failed(execute(client, "two(3_500)", stop_on_error=False))
    succeeded(execute(client, "sys.setrecursionlimit(before)\n%xmode context"))

    text = COLOUR.sub("", "".join(recursion.traceback))
    assert re.search(r"\[\.\.\. 500[23] frames left out\]", text)  # IPython counts its own, too
    assert "deep(n - 1)" in text.partition("left out]")[0]
    assert "ZeroDivisionError" in text.partition("left out]")[2]
    assert "lines left out]" in "".join(group.traceback)
    assert len("".join(group.traceback)) < 500_000


CHAINED = {
    "raised": "def chain(n):\n    try:\n        if n: chain(n - 1)\n        1 / 0\n"
    "    except ArithmeticError as cause: raise ArithmeticError(n) from cause\nchain(300)",
    "made": "error = None\nfor n in range(20_000):\n"
    "    made = ArithmeticError(n); made.__context__ = error; error = made\nraise error",
    "each deep": "def chain(n):\n    try:\n        if n: chain(n - 1)\n"
    "    finally: deep(600)\nchain(20)",
}


@pytest.mark.parametrize("kind", sorted(CHAINED))
def test_very_long_chain_of_errors_is_shown_in_part(client: Client, kind: str) -> None:
    """Where each would be shown with its source, Python's own form is shown (EXEC-17)."""
    reply = failed(execute(client, CHAINED[kind], stop_on_error=False))
    execute(client, "error = made = None", silent=True)

    text = "\n".join(reply.traceback)
    assert reply.ename in {"ArithmeticError", "ZeroDivisionError"}
    assert text.count("During handling of the above") + text.count("The above exception") > 10
    assert "---->" not in COLOUR.sub("", text)
    assert ("exceptions left out" in text) == (kind != "each deep")
    assert len(text) < 500_000


TELL = """\
from comm import create_comm, get_comm_manager
def tell(act):
    mine = create_comm(target_name="t", comm_id="mine", data={})
    try: act(mine)
    except Exception as error: print(type(error).__name__, end=" ")
    print(mine._closed, "mine" in get_comm_manager().comms)
"""

WRONG = ["data={'a': object()}", "data=[object()]", "metadata={'a': object()}", "buffers=[5]"]


@pytest.mark.parametrize("act", ["open", "send", "close"])
def test_comm_is_what_the_client_believes_it_is(client: Client, act: str) -> None:
    """What cannot be sent is the caller's error, and the comm stays open on both ends (COMM-04)."""
    succeeded(execute(client, TELL))
    for wrong in WRONG:
        tried = execute(client, f"tell(lambda comm: comm.{act}({wrong}))")
        after = execute(client, "get_comm_manager().comms['mine'].send({'still': 'open'})")
        closed = execute(client, "get_comm_manager().comms['mine'].close({'by': 'us'})")

        assert tried.text().split()[1:] == ["False", "True"], (act, wrong, tried.text())
        assert len(tried.contents(CommOpen)) == 1
        assert not tried.contents(CommMsg)
        assert not tried.contents(CommClose)
        assert [message.data for message in after.contents(CommMsg)] == [{"still": "open"}]
        assert [message.data for message in closed.contents(CommClose)] == [{"by": "us"}]


def test_comm_that_is_forgotten_is_closed(client: Client) -> None:
    """Its closing data have no form, and no caller: it is closed without them (COMM-04)."""
    succeeded(execute(client, TELL))
    answer = execute(
        client,
        "lost = create_comm(target_name='t', comm_id='lost', _close_data={'a': object()})\n"
        "get_comm_manager().comms.pop('lost')\n"
        "del lost, _",
    )

    assert [message.comm_id for message in answer.contents(CommClose)] == ["lost"]


def test_text_of_the_next_cell_is_text(client: Client) -> None:
    """Anything else is an error where it is given, not in the client (EXEC-13)."""
    wrong = execute(client, "get_ipython().set_next_input(5)", stop_on_error=False)
    right = execute(client, "get_ipython().set_next_input('\\ud800', replace=1)")

    assert error(wrong).evalue == "set_next_input: wanted text, found int"
    assert succeeded(right).payload == (
        {"source": "set_next_input", "text": "\\ud800", "replace": True},
    )
    assert not right.text(StreamName.STDERR)
