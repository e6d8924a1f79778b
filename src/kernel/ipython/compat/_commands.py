"""Shell commands with any text, where the locale knows ASCII only."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from IPython.core import interactiveshell
from IPython.utils import _process_common, _process_posix

from assay.kernel.process._patches import Kind, patches

__all__ = ["send_commands_as_utf8"]

REASON = "under an ASCII locale a command with any other character was not run, without a word"


def send_commands_as_utf8() -> None:
    """Hand the commands of ``!`` to the system as UTF-8, and read what they write as such.

    Nothing is done where the locale's encoding can hold all text.
    """
    encoding = sys.getfilesystemencoding()
    if encoding.lower().replace("-", "") == "utf8":
        return

    def make(run: Callable[..., Any]) -> Callable[..., Any]:
        def run_utf8(command: str, *rest: object) -> Any:
            # The system's functions turn it back into the same bytes.
            raw = command.encode("utf-8", "surrogateescape")
            return run(raw.decode(encoding, "surrogateescape"), *rest)

        return run_utf8

    for name in ("system", "getoutput", "get_output_error_code"):
        patches.patch(interactiveshell, name, make, kind=Kind.CORRECTNESS, reason=REASON)
    for module in (_process_common, _process_posix):
        patches.patch(
            module, "DEFAULT_ENCODING", lambda _: "utf-8", kind=Kind.CORRECTNESS, reason=REASON
        )
