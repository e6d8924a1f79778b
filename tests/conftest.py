"""How long Hypothesis searches, and whether it finds the same each time.

``HYPOTHESIS_PROFILE=fuzz pytest tests/protocol`` searches for minutes, with other values each time.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# No deadline: a slow machine is not a fault. Strategies of whole messages are allowed their time.
CALM = (HealthCheck.too_slow, HealthCheck.data_too_large)

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    max_examples=25,
    database=None,
    suppress_health_check=CALM,
)
settings.register_profile(
    "fuzz", deadline=None, max_examples=3_000, print_blob=True, suppress_health_check=CALM
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Nothing imported to collect the tests is garbage: to look for some takes a third of the time.
gc.disable()


def pytest_collection_finish() -> None:
    """Collect garbage again, and none of what stays to the end."""
    gc.freeze()
    gc.enable()


# In a run in the background these may be ignored, and all that tests start would inherit that.
for number, handler in (
    ("SIGINT", signal.default_int_handler),
    ("SIGQUIT", signal.SIG_DFL),
    ("SIGHUP", signal.SIG_DFL),
):
    if (known := getattr(signal, number, None)) and signal.getsignal(known) is signal.SIG_IGN:
        signal.signal(known, handler)

# The process beside a kernel takes 15 ms of a processor, and tests start 1,500 kernels. Those of
# `test_reserve.py` have it.
os.environ.setdefault("ASSAY_RESERVE", "0")


@pytest.fixture(scope="session", autouse=True)
def caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One place for what jedi has parsed, and Matplotlib found of fonts, of all that tests start.

    Most kernels have a home of their own, where each would take two seconds to find it again.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))
        yield


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Fail the test that leaves the process otherwise than it was; else a later one would fail."""
    before = _process()
    yield
    left = {name: value for name, value in _process().items() if value != before[name]}

    assert not left, f"the test left {left}; before: { ({name: before[name] for name in left}) }"


def _process() -> dict[str, object]:
    """Return what belongs to the whole process, and tests change."""
    environment = dict(os.environ)
    environment.pop("PYTEST_CURRENT_TEST", None)  # pytest's own
    return {
        "environment": environment,
        "folder": os.getcwd(),  # noqa: PTH109 - a Path costs more
        "signal handlers": {
            number: handler
            for number in signal.valid_signals()
            if (handler := signal.getsignal(number)) is not signal.SIG_DFL
        },
        "finders": [*sys.meta_path],
        "paths": [*sys.path],
        "hooks": (sys.excepthook, sys.unraisablehook, sys.displayhook, threading.excepthook),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "collector": gc.isenabled(),
        "recursion limit": sys.getrecursionlimit(),
        "switch interval": sys.getswitchinterval(),
    }
