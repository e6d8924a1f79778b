"""The command line: ``assay`` and ``python -m assay``.

A kernel is started by a program and has no time to lose, so ``assay kernel`` is recognised before
anything that draws help texts or tables is imported.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence

from assay._isolation import isolate

__all__ = ["main"]

HELP_OPTIONS = frozenset({"-h", "--help"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that *arguments*, or else the process's own, ask for.

    Returns:
        The exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    starts = words[:1] in (["kernel"], ["engine"]) and not HELP_OPTIONS.intersection(words)
    if starts:
        isolate()
    from assay._platform import UnsupportedSystemError  # noqa: PLC0415 - isolated by then

    try:
        return _start(words) if starts else _command(words)
    except UnsupportedSystemError as error:
        print(f"assay: {error}", file=sys.stderr)
        return 1


def _start(words: list[str]) -> int:
    if words[0] == "kernel":
        # A launcher that dies meanwhile is not the parent any more when the kernel looks for it.
        parent = os.getppid()
        # Until the kernel takes it over, an interrupt has nothing to interrupt (CTRL-10).
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # What is imported does not become garbage; looking for some costs a sixth of the start.
        gc.disable()
        from assay._platform import UnsupportedSystemError  # noqa: PLC0415 - as in `main`

        try:
            from assay.kernel import main as run_kernel  # noqa: PLC0415 - see above
        except UnsupportedSystemError:
            raise
        except Exception as error:
            from assay._record import note_failed_import  # noqa: PLC0415 - a kernel imports it later

            note_failed_import(words[1:], error)
            raise

        return run_kernel(words[1:], parent=parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as above
    gc.disable()  # as above
    from assay.kernel.engine import main as run_engine  # noqa: PLC0415 - see above

    return run_engine(words[1:])


def _command(words: list[str]) -> int:
    try:
        from assay.commands import run  # noqa: PLC0415 - see above

        return run(words)
    except KeyboardInterrupt:  # while modules are imported; else the command says what it means
        print("assay: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
