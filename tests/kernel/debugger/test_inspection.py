"""What an expression in a stopped frame hands over to be looked at; in memory."""

from __future__ import annotations

import weakref
from concurrent.futures import Future

import pytest

from assay.kernel.debugger._errors import DebuggerError
from assay.kernel.debugger._inspection import Inspection, fetch_expression
from assay.protocol import JsonObject
from tests.kernel.debugger.test_service import Names, Slow
from tests.limits import HANG_LIMIT_S


class Looks:
    """A variable of a frame that is looked at."""

    def __init__(self) -> None:
        self.names = Names()
        self.inspection = Inspection(lambda: self.names)
        self.evaluated: Future[JsonObject] = Future()
        self.token, self.expression = fetch_expression("value")

    def evaluate(self) -> weakref.ref[Slow]:
        """Do as debugpy does in the frame; return what the variable is."""
        value = Slow()
        eval(self.expression, {"value": value})
        return weakref.ref(value)

    def answer(self) -> Future[JsonObject]:
        """Ask for the variable."""
        return self.inspection.rich_in_frame(self.token, self.evaluated)


def test_refused_look_keeps_no_value() -> None:
    """What has been handed over is let go where an earlier look has not ended."""
    looks = Looks()
    earlier = looks.inspection.everything()

    kept = looks.evaluate()
    refused = looks.answer()
    looks.evaluated.set_result({"success": True})

    with pytest.raises(DebuggerError, match="an earlier look"):
        refused.result(HANG_LIMIT_S)
    assert kept() is None
    looks.names.slow.may_return.set()
    earlier.result(HANG_LIMIT_S)


def test_value_that_comes_too_late_is_not_kept() -> None:
    """The connection was lost, and the expression is evaluated all the same."""
    looks = Looks()

    failed = looks.answer()
    looks.evaluated.set_exception(DebuggerError("the connection is lost"))
    with pytest.raises(DebuggerError, match="is lost"):
        failed.result(HANG_LIMIT_S)

    assert looks.evaluate()() is None
