"""Code that is broken in named ways, and whether a named test notices.

A mutant is one replacement in the source of one function, which gets the changed code for the time
of one test. The test runs in this process, in a session of pytest of its own, so that it has its
fixtures, and with a short limit in the place of `HANG_LIMIT_S`. That it passes on the code as it
is, the ordinary run shows.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
from attrs import define, field, frozen
from hypothesis import Phase, settings
from hypothesis.errors import HypothesisException

from tests import properties

__all__ = [
    "Mutant",
    "assert_is_caught",
    "assert_property_fails",
    "function",
    "mutated",
    "private_copy",
    "replace",
    "without_shrinking",
]

TESTS = Path(__file__).parent

LONGER = 8
"""How many times as many examples a mutant gets as the ordinary run."""

HANG_S = 2.0
"""What a mutant that waits for ever is given: a machine that is too slow for it catches it too."""

OPTIONS = ["-o", "addopts=", "--import-mode=importlib", "-s", "--rootdir", str(TESTS.parent)]
OPTIONS += ["-W", "ignore::hypothesis.errors.HypothesisWarning"]  # a failure may be long
PLUGINS_LEFT_OUT = ["terminal", "faulthandler", "cacheprovider", "unraisableexception"]
"""The last would collect the garbage of all tests, twice for each mutant."""


@frozen
class Mutant:
    """One way to break the code."""

    name: str
    function: str
    """Module below `assay`, and the name in it: ``transport._log:OutboundLog.post``."""

    old: str
    new: str
    test: str
    """File below ``tests``, and the test: ``transport/test_log.py::TestRoom::test_held``."""


@define
class _Seen:
    """What became of the tests of a session."""

    crashes: list[pytest.CallInfo[None]] = field(factory=list)
    passed: int = 0

    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        """Note how the test itself ended."""
        if call.when == "call" and call.excinfo is None:
            self.passed += 1
        elif call.excinfo is not None:
            self.crashes.append(call)


def function(path: str) -> FunctionType:
    """Return the function of `assay` at *path*, that of a property if it is one."""
    module, _, names = path.partition(":")
    found: Any = import_module(f"assay.{module}")
    for name in names.split("."):
        found = inspect.getattr_static(found, name)
        found = getattr(found, "fget", found)
    plain = inspect.unwrap(found)
    assert isinstance(plain, FunctionType)
    return plain


def mutated(target: FunctionType, old: str, new: str) -> CodeType:
    """Return the code of *target* with *new* in place of *old*, which is there exactly once."""
    source = textwrap.dedent(inspect.getsource(target))
    assert source.count(old) == 1, f"{old!r} is not there, or more than once"
    scope: dict[str, Any] = dict(target.__globals__)
    exec(f"from __future__ import annotations\n{source.replace(old, new)}", scope)
    changed = inspect.unwrap(getattr(scope[target.__name__], "fget", scope[target.__name__]))
    code: CodeType = changed.__code__
    return code


def replace(
    path: str,
    make: Callable[[Callable[..., Any]], Callable[..., Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Put what *make* returns for the function of `assay` at *path* in its place, everywhere."""
    target = function(path)
    genuine = FunctionType(
        target.__code__, target.__globals__, target.__name__, target.__defaults__
    )
    genuine.__kwdefaults__ = target.__kwdefaults__
    monkeypatch.setitem(target.__globals__, "_replacement", make(genuine))
    stand_in = _generating_stand_in if inspect.isgeneratorfunction(target) else _stand_in
    monkeypatch.setattr(target, "__code__", stand_in.__code__)


def _stand_in(*args: object, **options: object) -> object:
    # Its code runs with the globals of the function that it replaces.
    return _replacement(*args, **options)  # type: ignore[name-defined]  # noqa: F821 - theirs


def _generating_stand_in(*args: object, **options: object) -> Iterator[object]:
    # A function keeps its kind: Python 3.13 warns where code of another one is assigned.
    yield from _replacement(*args, **options)  # type: ignore[name-defined]  # noqa: F821 - theirs


@contextmanager
def without_shrinking() -> Iterator[None]:
    """Let tests that are imported inside stop at the first failure, as it was found.

    They search longer: what they draw depends on constants anywhere in the code, and a mutant may
    be caught by one draw in ten.
    """
    before = settings.default
    assert before is not None
    settings.register_profile(
        "mutants",
        settings.get_profile("ci"),
        max_examples=LONGER * settings.get_profile("ci").max_examples,
        phases=(Phase.explicit, Phase.generate),
        report_multiple_bugs=False,
    )
    settings.load_profile("mutants")
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(properties, "EACH", LONGER * properties.EACH)
            patch.setattr(properties, "MANY", LONGER * properties.MANY)
            yield
    finally:
        settings.register_profile("before", before)
        settings.load_profile("before")


def private_copy(path: Path) -> ModuleType:
    """Import the test module at *path* once more, under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"private_{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks for its module there
    spec.loader.exec_module(module)
    return module


def assert_is_caught(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Assert that the test of *mutant* fails on its code, because of what it asserts."""
    target = function(mutant.function)
    monkeypatch.setattr(target, "__code__", mutated(target, mutant.old, mutant.new))
    assert_fails(mutant.test, monkeypatch)


def assert_fails(test: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Assert that *test*, a file below ``tests`` and a name in it, fails because it asserts."""
    monkeypatch.chdir(TESTS.parent)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    file, _, _ = test.partition("::")
    without = [word for name in PLUGINS_LEFT_OUT for word in ("-p", f"no:{name}")]
    if not any(module.__file__ == str(TESTS / file) for module in _test_modules()):
        # Imported before its limit is changed, which the ordinary run is to find as it was.
        pytest.main([*OPTIONS, *without, "--collect-only", f"tests/{file}"])
    for module in _test_modules():
        if hasattr(module, "HANG_LIMIT_S"):
            monkeypatch.setattr(module, "HANG_LIMIT_S", HANG_S)
    seen = _Seen()
    pytest.main([*OPTIONS, *without, f"tests/{test}"], plugins=[seen])

    assert seen.passed + len(seen.crashes) > 0, f"there is no test {test}"
    assert seen.crashes, f"{test} passes all the same"
    for crash in seen.crashes:
        assert crash.excinfo is not None
        error = crash.excinfo.value
        assert not isinstance(error, (HypothesisException, SyntaxError, NameError)), repr(error)


def assert_property_fails(test: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `assert_fails`, for a property: in a new copy of its module, without shrinking."""
    file, _, _ = test.partition("::")
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) == str(TESTS / file):
            monkeypatch.delitem(sys.modules, name)
    with without_shrinking():
        assert_fails(test, monkeypatch)


def _test_modules() -> list[ModuleType]:
    return [
        module
        for module in list(sys.modules.values())
        if (getattr(module, "__file__", None) or "").startswith(str(TESTS))
    ]
