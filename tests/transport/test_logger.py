"""Loggers that a flood does not fill."""

from __future__ import annotations

import logging

import pytest

from assay.transport import _logger
from assay.transport._logger import FIRST_LINES, INTERVAL_S, QUIET_S, _LimitedLogger


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged."""
    caplog.set_level(logging.DEBUG, "assay.test")
    return caplog


def test_first_lines_then_a_count(clock: Clock, lines: pytest.LogCaptureFixture) -> None:
    """The first lines of a kind are written, then one at times, with how many were not."""
    logger = _LimitedLogger("assay.test", clock)
    for number in range(1_000):
        logger.warning("dropped %s", number)
    clock.now += INTERVAL_S
    logger.warning("dropped %s", "late")

    assert len(lines.messages) == FIRST_LINES + 1
    assert lines.messages[-1] == f"dropped late (and {1_000 - FIRST_LINES} more like it)"


def test_kinds_are_counted_apart(clock: Clock, lines: pytest.LogCaptureFixture) -> None:
    """A flood of one kind hides no line of another."""
    logger = _LimitedLogger("assay.test", clock)
    for _ in range(1_000):
        logger.warning("flood")
    logger.info("another")

    assert lines.messages[-1] == "another"


def test_after_a_quiet_time(clock: Clock, lines: pytest.LogCaptureFixture) -> None:
    """When a kind has not been seen for long, its first lines are written again."""
    logger = _LimitedLogger("assay.test", clock)
    for _ in range(2 * FIRST_LINES):
        logger.warning("flood")
    clock.now += QUIET_S
    lines.clear()
    for _ in range(2 * FIRST_LINES):
        logger.warning("flood")

    assert len(lines.messages) == FIRST_LINES


def test_traceback(clock: Clock, lines: pytest.LogCaptureFixture) -> None:
    """An exception is logged with its traceback, from where it was caught."""
    logger = _LimitedLogger("assay.test", clock)
    try:
        int("no number")
    except ValueError:
        logger.exception("it failed")

    assert "no number" in lines.text
    assert lines.records[0].funcName == "test_traceback"


def test_error_that_has_no_form_is_logged_without(clock: Clock) -> None:
    """A traceback that cannot be written, such as a SyntaxError's whose parts are of wrong types,
    costs its line nothing else, and the thread that logs nothing."""

    class Writer(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info:
                raise TypeError("as `logging.Formatter` does then")
            written.append(record.getMessage())

    written: list[str] = []
    program = logging.getLogger("assay.test.formless")
    handler = Writer()
    program.addHandler(handler)
    logger = _LimitedLogger(program.name, clock)
    logger.exception("%s failed", "it")
    program.removeHandler(handler)

    assert written == ["it failed (no traceback: TypeError)"]


def test_to_log_raises_nothing(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, lines: pytest.LogCaptureFixture
) -> None:
    """Who logs goes on where logging cannot be set up, and later lines find that it can be."""
    places: list[logging.Logger] = []
    monkeypatch.setattr(_logger, "_projects", [])
    monkeypatch.setattr(_logger, "_preparations", [places.pop])
    logger = _LimitedLogger("assay.test", clock)

    logger.warning("lost")
    places.append(logging.getLogger("assay"))
    logger.warning("lost")

    assert lines.messages == ["lost (and 1 more like it)"]
