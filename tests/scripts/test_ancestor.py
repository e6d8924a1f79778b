"""The page of what the ancestor did: a row without a test that exists is an error."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script, which is no module of a package."""
    spec = importlib.util.spec_from_file_location("ancestor", ROOT / "scripts" / "ancestor.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tests(script: ModuleType) -> Any:
    """All tests of the project."""
    return script.Tests()


HERE = "test_ancestor.py::test_what_is_wrong_is_named"
SOUND = {"fate": "kept", "then": "a", "here": "b", "tests": [HERE], "decision": "0001"}


def rows(**changes: Any) -> list[dict[str, Any]]:
    """Return 268 rows, the first of them with *changes*."""
    return [{"id": f"S-{n:03}", **SOUND, **(changes if n == 1 else {})} for n in range(1, 269)]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, None),
        ({"id": "S-002"}, "wanted each row once, missing [1], twice [2]"),
        ({"fate": "gone"}, "found 'gone'"),
        ({"tests": []}, "S-001: wanted a test"),
        ({"tests": [], "fate": "replaced"}, None),
        ({"tests": [], "fate": "replaced", "decision": ""}, "S-001: wanted a test"),
        ({"tests": ["test_that_nobody_wrote"]}, "wanted one test test_that_nobody_wrote, found"),
        ({"tests": ["test_taken_port"]}, "wanted one test test_taken_port, found ["),
        ({"decision": "9999"}, "wanted a page of decision 9999"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(
    script: ModuleType, tests: Any, changes: dict[str, Any], fault: str | None
) -> None:
    """A row that is missing, and a test that is gone or may be one of several."""
    faults = [*script.faults_of(rows(**changes), tests)]

    assert len(faults) == (fault is not None)
    assert all(str(fault) in one for one in faults)


def test_a_test_is_found_by_its_end(tests: Any) -> None:
    """File, class and folder may stand before its name, as far as they are needed."""
    whole = "tests/transport/test_sockets.py::TestHeartbeat::test_taken_port"

    for name in (whole, "TestHeartbeat::test_taken_port"):
        assert tests.found(name) == [whole]
    assert tests.found("beat::test_taken_port") == []
    assert whole in tests.found("test_sockets.py::test_taken_port")
