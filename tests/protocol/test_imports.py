"""What is paid at import: the protocol alone, and of it only what is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

REPORT = """
import sys
before = set(sys.modules)
{code}
print(*sorted({{name.partition(".")[0] for name in set(sys.modules) - before}}))
print(*sorted(name for name in set(sys.modules) - before if name.startswith("assay.")))
"""


def imported(code: str) -> tuple[set[str], set[str]]:
    """Return the packages that *code* imports in a fresh Python, and the modules of assay."""
    done = subprocess.run(
        [sys.executable, "-c", REPORT.format(code=code)], capture_output=True, text=True, check=True
    )
    packages, ours = done.stdout.splitlines()[-2:]
    return set(packages.split()), set(ours.split())


NEVER = {"zmq", "IPython", "traitlets", "comm", "jupyter_client", "tornado", "asyncio"}

USE = """
import assay.protocol
for name in assay.protocol.__all__:
    if name != "make_converter":
        getattr(assay.protocol, name)
"""


@pytest.mark.parametrize("code", ["import assay.protocol", USE])
def test_the_protocol_needs_little(code: str) -> None:
    """Neither the package nor its names import sockets, a shell, the converter or Hypothesis."""
    packages, _ = imported(code)

    assert not packages & (NEVER | {"cattrs", "hypothesis"})


def test_the_converter_is_imported_only_for_what_is_wrong() -> None:
    """A conversation without faults does without cattrs."""
    packages, _ = imported(
        "from assay.protocol import Session, Status\n"
        "from datetime import datetime, UTC\n"
        "s = Session(b'k', session='s', now=lambda: datetime.now(UTC), new_id=lambda: 'i')\n"
        "s.decode([bytes(f) for f in s.pack(Status(execution_state='idle'))])"
    )

    assert "cattrs" not in packages
    assert "msgspec" in packages


def test_the_package_imports_nothing_of_itself() -> None:
    """Names are imported from their modules when they are first used."""
    _, ours = imported("import assay.protocol")

    assert ours == {"assay.protocol"}


def test_the_strategies_need_the_protocol_and_hypothesis_alone() -> None:
    """A test suite for another kernel imports neither sockets nor a shell."""
    packages, ours = imported("import assay.testing")

    assert "hypothesis" in packages
    assert not packages & (NEVER - {"asyncio"})
    assert {name.split(".")[1] for name in ours} == {"_value", "protocol", "testing"}


LATE = (
    "contents._comm",
    "contents._control",
    "contents._execute",
    "contents._introspection",
    "contents._iopub",
    "contents._stdin",
    "files._registration",
)


def test_a_kernel_that_starts_makes_few_classes() -> None:
    """What answers no first kernel_info is imported when the sockets answer (decision 0003)."""
    packages, ours = imported(
        "from assay.kernel import Kernel\nfrom assay.kernel._info import kernel_info\nkernel_info()"
    )

    assert not packages & {"IPython", "asyncio", "cattrs", "click", "rich", "socket", "traitlets"}
    assert not ours & {f"assay.protocol.{name}" for name in LATE}
    assert "assay.kernel.dispatch._introspection" not in ours


PRELOAD = """
import sys
from assay import protocol
before = "assay.protocol.contents._comm" in sys.modules
protocol.preload("CommOpen")
print(before, "assay.protocol.contents._comm" in sys.modules)
try:
    protocol.preload("NoSuchMessage")
except AttributeError as error:
    print("NoSuchMessage" in str(error))
"""


def test_names_are_loaded_before_they_are_used() -> None:
    """What is to be had without a descriptor later is imported now; an unknown name is an error."""
    done = subprocess.run(
        [sys.executable, "-c", PRELOAD], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["False", "True", "True"]
