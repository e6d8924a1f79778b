"""What the system says of a process."""

from __future__ import annotations

import os
import select
import subprocess
import sys

import pytest

from assay import _platform
from assay._platform._processes import process_descriptor, process_environment, process_name
from tests.limits import HANG_LIMIT_S


def test_descriptor_of_a_process() -> None:
    """Where there are such descriptors, one is readable when its process has ended."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        descriptor = process_descriptor(process.pid)
        if descriptor is None:
            pytest.skip("this system has none")
        assert select.select([descriptor], [], [], 0)[0] == []
        assert process.stdin is not None
        process.stdin.close()

        assert select.select([descriptor], [], [], HANG_LIMIT_S)[0] == [descriptor]
        os.close(descriptor)


@pytest.mark.skipif(_platform.IS_PORTABLE or sys.platform != "linux", reason="only Linux says it")
def test_what_a_process_is() -> None:
    """Its name and first environment are known, and nothing of one that is not there."""
    pipe, environment = subprocess.PIPE, {"A": "1", "B": "="}
    with subprocess.Popen(["cat"], stdin=pipe, stdout=pipe, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"x\n")
        process.stdin.flush()
        process.stdout.readline()  # it has begun: before that, Linux may still say nothing
        assert process_environment(process.pid) == [b"A=1", b"B=="]
        assert process_name(process.pid) == "cat"
        process.communicate()

    assert process_environment(process.pid) is None
    assert process_name(process.pid) == ""
