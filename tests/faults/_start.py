"""Start a kernel from a file, and keep its history."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.faults._core import PORTS, StartError
from tests.faults._kernel import Kernel, Stored
from tests.faults._wire import Fields, RejectedError, loads

NEEDED = ("ip", "key", *PORTS)


class Start:
    """How a process begins and ends; each step is a method, so that a fault can spoil it."""

    def __init__(self, kernel: type[Kernel], path: Path, history: Path | None = None) -> None:
        self.kernel = kernel
        self.path = path
        self.history = history

    def run(self) -> int:
        """Serve until the end; return the exit code."""
        try:
            kernel = self.make(self.read())
            self.install(kernel)
            kernel.run()
        except StartError as error:
            print(error, file=sys.stderr)
            return 1
        self.save(kernel)
        self.leave()
        return 0

    def read(self) -> Fields:
        """Return what the file says.

        Raises:
            StartError: it is neither a connection file nor a registration file.
        """
        try:
            found = loads(self.path.read_bytes())
        except (OSError, RejectedError) as error:
            raise StartError(f"{self.path}: {error}") from error
        missing = [key for key in NEEDED if key not in found]
        if missing and "registration_port" not in found:
            raise StartError(f"{self.path}: {', '.join(missing)} missing")
        return found

    def make(self, found: Fields) -> Kernel:
        """Return the kernel of a file."""
        kernel = self.kernel(found, self.stored())
        kernel.file = self.path
        return kernel

    def install(self, kernel: Kernel) -> None:
        """Let SIGINT interrupt what runs."""
        signal.signal(signal.SIGINT, on_signal(kernel.post, kernel.interrupt))

    def leave(self) -> None:
        """Do with the file what is due at the end: nothing, for this process did not write it."""

    def stored(self) -> list[Stored]:
        """Return the cells of earlier kernels."""
        if self.history is None or not self.history.is_file():
            return []
        lines = self.history.read_text(encoding="utf-8").splitlines()
        return [Stored(*json.loads(line)) for line in lines]

    def save(self, kernel: Kernel) -> None:
        """Keep the cells for later kernels."""
        if self.history is not None:
            lines = [json.dumps(cell) for cell in kernel.history]
            self.history.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


Work = Callable[[], None]


def on_signal(post: Callable[[Work], None], work: Work) -> Callable[[int, object], None]:
    """Return a signal handler that lets the loop do *work*."""

    def handler(number: int, frame: object) -> None:  # noqa: ARG001
        post(work)

    return handler
