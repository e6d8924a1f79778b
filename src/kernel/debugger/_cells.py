"""The files that stand for cells: a debugger knows code by the path of a file (DEBUG-05)."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from assay.kernel.debugger._errors import DebuggerError
from assay.protocol import murmur2

__all__ = ["HASH_METHOD", "HASH_SEED", "CellFiles"]

HASH_METHOD = "Murmur2"
"""As clients know it."""

HASH_SEED = 0xC70F6907
"""Any would do; this one clients have met (AMB-29)."""

CLIENTS_LOOK_FOR = "ipykernel_"
"""JupyterLab shows a path that has it as the cell's number, any other as it is (AMB-29)."""


class CellFiles:
    """A folder with a file for each cell that a client has submitted.

    Others on the machine cannot know its name before it is made, and cannot read it afterwards. It
    is made with the first cell.
    """

    def __init__(self) -> None:
        name = f"assay_{CLIENTS_LOOK_FOR}{os.getpid()}_{os.urandom(8).hex()}"
        self._folder = Path(tempfile.gettempdir()) / name
        self._codes: dict[str, str] = {}
        self.prefix = f"{self._folder}{os.sep}"
        """What each path begins with."""
        self.suffix = ".py"
        """What each path ends with."""

    def path(self, code: str) -> str:
        """Return the path that stands for *code*, whether there is a file or not (DEBUG-13)."""
        hashed = murmur2(code.encode("utf-8", "surrogatepass"), HASH_SEED)
        return f"{self.prefix}{hashed}{self.suffix}"

    def dump(self, code: str) -> str:
        """Write *code* into its file; return the path.

        Raises:
            DebuggerError: it cannot be written.
        """
        path = self.path(code)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            Path(path).write_text(code, "utf-8", "surrogatepass", newline="")
        except OSError as error:
            raise DebuggerError(f"cannot write the cell to {path}: {error.strerror}") from error
        self._codes[path] = code
        return path

    def code(self, path: str) -> str | None:
        """Return the code that *path* stands for, if it has been dumped."""
        return self._codes.get(path)

    def remove(self) -> None:
        """Remove the files; those of a kernel that is killed stay."""
        shutil.rmtree(self._folder, ignore_errors=True)
