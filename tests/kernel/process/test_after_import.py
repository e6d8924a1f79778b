"""What is done as soon as somebody imports a module, in this process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from assay.kernel.process._import_hooks import after_import

FIRST, SECOND = "assay_imported_first", "assay_imported_second"


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with two modules that nobody has imported; what is found them by is put back."""
    for name in (FIRST, SECOND):
        (tmp_path / f"{name}.py").write_text("complete = True")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    yield tmp_path
    for name in (FIRST, SECOND):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("modules")
def test_function_is_called_once() -> None:
    """When the module is complete, and not for another one."""
    seen: list[object] = []
    after_import(SECOND, lambda: seen.append(import_module(SECOND).complete))

    for name in (FIRST, SECOND, FIRST, SECOND):
        import_module(name)
    sys.modules.pop(SECOND)
    import_module(SECOND)

    assert seen == [True]


@pytest.mark.usefixtures("modules")
def test_function_is_called_at_once_for_what_is_there() -> None:
    """Nobody imports a module twice."""
    import_module(FIRST)
    seen: list[int] = []
    after_import(FIRST, lambda: seen.append(1))

    assert seen == [1]


def test_function_is_called_after_an_import_that_failed(modules: Path) -> None:
    """A module that cannot be imported yet has not been imported."""
    (modules / f"{FIRST}.py").write_text("raise KeyboardInterrupt")
    seen: list[int] = []
    after_import(FIRST, lambda: seen.append(1))

    with pytest.raises(KeyboardInterrupt):
        import_module(FIRST)
    assert seen == []
    (modules / f"{FIRST}.py").write_text("complete = True")
    import_module(FIRST)
    assert seen == [1]
