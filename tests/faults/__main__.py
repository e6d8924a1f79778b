"""Run a faulty kernel: ``python -m tests.faults --fault NAME -f FILE``; without a name, a good one.

``--list`` shows the names.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str] | None = None) -> int:
    """Run the kernel and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("-f", "--file", type=Path, help="connection file or registration file")
    parser.add_argument("--fault", default="good", help="the name of a fault or a variation")
    parser.add_argument("--history", type=Path, help="where cells are kept for the next kernel")
    parser.add_argument("--list", action="store_true", help="list the names and end")
    options = parser.parse_args(argv)
    from tests.faults.rows import find, rows  # noqa: PLC0415 - help needs no ZeroMQ

    if options.list:
        print(*rows(), sep="\n")
        return 0
    if options.file is None:
        parser.error("wanted -f FILE")
    sys.setswitchinterval(0.001)  # A cell that loops must not slow the loop of the sockets.
    row = find(options.fault)
    return row.start(row.kernel, options.file, options.history).run()


if __name__ == "__main__":
    sys.exit(main())
