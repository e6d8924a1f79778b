"""The kernel that all faults are made from, and the table of them."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from assay.spec import requirement
from assay.transport import launch
from tests.faults.rows import rows

ARGV = (sys.executable, "-m", "tests.faults", "-f", "{connection_file}")


@pytest.mark.parametrize(
    ("code", "types"),
    [
        ('say("a")', ["execute_input", "stream"]),
        ("x = 2; x * 3", ["execute_input", "execute_result"]),
        ('raise("ValueError", "a")', ["execute_input", "error"]),
        ('display({"text/plain": "a"})', ["execute_input", "display_data"]),
        ("say(", ["execute_input", "error"]),
        ("magic a", ["execute_input", "stream"]),
    ],
)  # fmt: skip
def test_language(code: str, types: list[str]) -> None:
    """The language of these kernels does what its table says."""
    with launch(ARGV, kernel_chooses_ports=True) as kernel, kernel.client() as client:
        answer = client.execute(code)

    assert [one for one in answer.types if one != "status"] == types


def test_every_name_is_given_once() -> None:
    """No two rows have one name."""
    again = [name for name, times in Counter(row.name for row in rows()).items() if times > 1]

    assert not again


def test_every_fault_names_requirements_of_the_register() -> None:
    """A fault breaks requirements that the register knows, a variation breaks none."""
    for row in rows():
        assert bool(row.breaks) == (row.kind == "fault"), row.name
        for one in row.breaks:
            assert requirement(one).id == one
