"""What interrupts the cell of a guest, without a kernel around."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from assay.kernel.process._interrupts import Interrupts
from assay.kernel.process._visit import Visit
from tests.limits import HANG_LIMIT_S

SOURCE = "from events_of_a_visit import begun, go_on; begun.set(); go_on.wait()"


def test_import_is_not_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that imports a module is struck a moment later: else its lock may stay locked. What
    has been put off is for no later cell."""
    (tmp_path / "imported_in_a_visit.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    begun, go_on = threading.Event(), threading.Event()
    events = ModuleType("events_of_a_visit")
    vars(events).update(begun=begun, go_on=go_on)
    monkeypatch.setitem(sys.modules, "events_of_a_visit", events)
    put_off: list[Callable[[], None]] = []
    interrupts = Interrupts()
    visit = Visit(interrupts, (None, None), lambda: False, put_off.append)
    found: list[object] = []

    def work() -> None:
        try:
            with visit.allowed():
                importlib.import_module("imported_in_a_visit")
            with visit.allowed():
                for call in put_off:
                    call()
                found.append("done")
        except KeyboardInterrupt as error:
            found.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert begun.wait(HANG_LIMIT_S)
    visit.interrupt()
    go_on.set()
    thread.join(HANG_LIMIT_S)
    visit.end()

    assert found == ["done"]
    assert len(put_off) == 1
    assert interrupts.count == 0
