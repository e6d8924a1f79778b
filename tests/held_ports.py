"""Ports for programs that bind them some time later: nobody else is given them meanwhile.

jupyter_client asks the system for a port and lets go of it, long before the kernel binds it: the
system may give it to another test's connection. So does ipyparallel. These lie elsewhere, and are
held for each other.

Run as a program, this holds ports in the installed program that its first argument names.
"""

import sys
from contextlib import ExitStack
from importlib.metadata import entry_points

from jupyter_client.connect import LocalPortCache

from assay.transport._launcher import _free_port


def held_port(held: ExitStack, ip: str = "127.0.0.1") -> int:
    """Return a free port on *ip*, which *held* holds."""
    with ExitStack() as chosen:
        return _free_port(ip, chosen, held)


class HeldPorts(LocalPortCache):
    """Holds those of jupyter_client's kernels.

    Its `instance`, once made, is what `LocalPortCache.instance` returns, too.
    """

    def __init__(self) -> None:
        super().__init__()
        self._held: dict[int, ExitStack] = {}

    def find_available_port(self, ip: str) -> int:
        """Return a free port on *ip*, and hold it."""
        held = ExitStack()
        port = held_port(held, ip)
        self._held[port] = held
        return port

    def return_port(self, port: int) -> None:
        """Let go of *port*, whose kernel has ended; it may be said twice."""
        self._held.pop(port, ExitStack()).close()


def main() -> None:
    """Run the program that the command line names."""
    sys.argv = sys.argv[1:]
    (program,) = entry_points(group="console_scripts", name=sys.argv[0])
    HeldPorts.instance()
    sys.exit(program.load()())


if __name__ == "__main__":
    main()
