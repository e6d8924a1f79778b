"""The command that starts this kernel, for kernelspecs and for those who start it themselves."""

from __future__ import annotations

import sys

__all__ = ["COMMAND", "kernel_argv"]

COMMAND = ("-m", "assay", "kernel")
"""Words by which a command is known to start this kernel."""


def kernel_argv(python: str = sys.executable) -> tuple[str, ...]:
    """Return the command that starts this kernel.

    ``-P`` keeps the working folder off the module path: a file named like a module that the kernel
    needs must not stop it from starting. Without frozen modules, tracebacks, ``??`` and
    `inspect.getsource` show the source of modules such as `os`; a Python that has none takes no
    notice, and the start takes no longer.
    """
    return (python, "-P", "-X", "frozen_modules=off", *COMMAND, "-f", "{connection_file}")
