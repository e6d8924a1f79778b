"""How long Hypothesis searches, whether it finds the same each time, and what counts as covered.

``HYPOTHESIS_PROFILE=fuzz pytest tests/protocol`` searches for minutes, with other values each time.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

# No deadline: a slow machine is not a fault. Strategies of whole messages are allowed their time.
CALM = (HealthCheck.too_slow, HealthCheck.data_too_large)

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    max_examples=40,
    database=None,
    suppress_health_check=CALM,
)
settings.register_profile(
    "fuzz", deadline=None, max_examples=3_000, print_blob=True, suppress_health_check=CALM
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# In a run in the background these may be ignored, and all that tests start would inherit that.
for number, handler in (
    ("SIGINT", signal.default_int_handler),
    ("SIGQUIT", signal.SIG_DFL),
    ("SIGHUP", signal.SIG_DFL),
):
    if (known := getattr(signal, number, None)) and signal.getsignal(known) is signal.SIG_IGN:
        signal.signal(known, handler)

COUNTED_EXAMPLES = 5
"""Examples of a property whose lines count as covered. Counting makes Python half as fast, the
search of Hypothesis included, and further examples add next to nothing."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Count the lines that the first examples of a property run, and not those of all others."""
    tracer = sys.gettrace()
    property_ = getattr(getattr(item, "obj", None), "hypothesis", None)
    if tracer is None or property_ is None:
        yield
        return
    test, count = property_.inner_test, 0

    @functools.wraps(test)
    def example(*args: object, **values: object) -> object:
        nonlocal count
        count += 1
        if count > COUNTED_EXAMPLES:
            sys.settrace(None)
        return test(*args, **values)

    property_.inner_test = example
    try:
        yield
    finally:
        property_.inner_test = test
        sys.settrace(tracer)
