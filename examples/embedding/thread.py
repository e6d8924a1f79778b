"""A program that works, with a kernel in the background that shows what it is at.

    python examples/embedding/thread.py

It says how to connect, and ends when a cell sets ``work.is_done``.
"""

from __future__ import annotations

import threading

from assay.kernel import serve_background


class Work:
    """Counts until it is told that it is done."""

    def __init__(self) -> None:
        self.steps = 0
        self.is_done = threading.Event()

    def run(self) -> None:
        """Count."""
        while not self.is_done.wait(0.01):
            self.steps += 1


work = Work()

if __name__ == "__main__":
    with serve_background({"work": work}) as kernel:
        print(f"jupyter console --existing {kernel.connection_file}", flush=True)
        work.run()
    print("done after some steps" if work.steps else "done at once")
