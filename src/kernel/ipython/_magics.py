"""Magics that only a kernel has."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core import page
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magics.code import CodeMagics, InteractivelyDefined, MacroToEdit
from IPython.utils.process import arg_split

from assay.protocol import AssayError, unstructure

if TYPE_CHECKING:
    from assay.kernel.ipython._shell import ZMQInteractiveShell

__all__ = ["KernelMagics"]


@magics_class
class KernelMagics(Magics):  # type: ignore[misc]  # IPython is untyped here
    """What a terminal does itself and a kernel asks its client for."""

    shell: ZMQInteractiveShell

    @line_magic  # type: ignore[untyped-decorator]  # skipped, see mypy.ini
    def edit(self, parameter_s: str = "", last_call: Any = None) -> None:
        """Open an editor on the client's side, with the same arguments as in a terminal."""
        opts, args = self.parse_options(parameter_s, "prn:")
        last = last_call or ["", ""]
        find = CodeMagics._find_edit_target
        try:
            try:
                filename, lineno, _ = find(self.shell, args, opts, last)
            except InteractivelyDefined as error:
                # What was defined in a cell is edited as the text of that cell, in a new file.
                filename, lineno, _ = find(self.shell, str(error.index), opts, last)
        except MacroToEdit as error:
            raise UsageError("a macro cannot be edited from a kernel") from error
        if filename is None:
            raise UsageError(f"found nothing to edit for {args!r}")
        self.shell.payload_manager.write_payload(
            {
                "source": "edit_magic",
                "filename": str(Path(filename).absolute()),
                "line_number": int(opts.get("n", lineno) or 0),
            }
        )

    @line_magic  # type: ignore[untyped-decorator]  # skipped, see mypy.ini
    def clear(self, _: str = "") -> None:
        """Clear the terminal, where the client is one."""
        os.system("clear" if os.name == "posix" else "cls")  # noqa: S605 - a fixed command

    @line_magic  # type: ignore[untyped-decorator]  # skipped, see mypy.ini
    def cls(self, line: str = "") -> None:
        """Clear the terminal, where the client is one."""
        self.clear(line)

    @line_magic  # type: ignore[untyped-decorator]  # skipped, see mypy.ini
    def less(self, line: str) -> None:
        """Show a file in the client's pager: %less FILE."""
        if not line.strip():
            raise UsageError("wanted a file name: %less FILE")
        path = Path(line.strip()).expanduser()
        if path.suffix == ".py" and path.is_file():
            text = self.shell.pycolorize(path.read_text("utf-8"))
        elif path.is_file():
            text = path.read_text("utf-8", errors="replace")
        else:
            raise UsageError(f"found no file {str(path)!r}")
        page.page(text)

    @line_magic  # type: ignore[untyped-decorator]  # skipped, see mypy.ini
    def more(self, line: str) -> None:
        """Show a file in the client's pager: %more FILE."""
        self.less(line)

    @line_magic  # type: ignore[untyped-decorator]  # skipped, see mypy.ini
    def man(self, line: str) -> None:
        """Show a manual page in the client's pager: %man NAME."""
        if not line.strip():
            raise UsageError("wanted a page's name: %man NAME")
        page.page(self.shell.getoutput(f"man {line} | col -b", split=False))

    @line_magic  # type: ignore[untyped-decorator]  # skipped, see mypy.ini
    def connect_info(self, _: str = "") -> None:
        """Print how another client connects to this kernel."""
        host = self.shell.host
        print(json.dumps(unstructure(host.connection), indent=2))
        path = host.connection_path
        if path is None:
            return
        print(
            "\nPaste the above JSON into a file, and connect with:\n"
            "    $> jupyter <app> --existing <file>\n"
            "or, if you are local, connect with:\n"
            f"    $> jupyter <app> --existing {_short(path)}\n"
            "or even just:\n"
            "    $> jupyter <app> --existing\n"
            "if this is the most recent Jupyter kernel you have started."
        )

    @line_magic  # type: ignore[untyped-decorator]  # skipped, see mypy.ini
    def qtconsole(self, line: str) -> None:
        """Open a Qt console on this kernel; arguments go to it."""
        import subprocess  # noqa: PLC0415 - asked for by few

        path = self.shell.host.connection_path
        if path is None:
            raise UsageError("this kernel has no connection file to connect with")
        subprocess.Popen(  # noqa: S603 - the user's own command line
            [sys.executable, "-m", "qtconsole", "--existing", str(path), *arg_split(line, True)],
            start_new_session=True,
        )

    @line_magic  # type: ignore[untyped-decorator]  # skipped, see mypy.ini
    def subshell(self, _: str = "") -> None:
        """Print which subshell the cell runs in, and which there are; the main shell is None."""
        host = self.shell.host
        threads = threading.enumerate()
        print(f"subshell id: {host.subshell()}")
        print(f"thread id: {threading.get_ident()}")
        print(f"main thread id: {threading.main_thread().ident}")
        print(f"pid: {os.getpid()}")
        print(f"thread count: {len(threads)}")
        print(f"subshell list: {list(host.subshells())}")

    @line_magic  # type: ignore[untyped-decorator]  # skipped, see mypy.ini
    def gui(self, line: str = "") -> None:
        """Let the windows of a GUI live while the kernel waits: %gui NAME; %gui alone for none."""
        try:
            self.shell.enable_gui(line.strip() or None)
        except AssayError as error:
            # IPython would log it, and the cell would seem to have done what it was to do.
            raise UsageError(str(error)) from None

    @line_magic  # type: ignore[untyped-decorator]  # skipped, see mypy.ini
    def autosave(self, line: str) -> None:
        """Set the autosave interval of a classic notebook, in seconds: %autosave N."""
        try:
            interval = int(line)
        except ValueError:
            raise UsageError(f"wanted a number of seconds, found {line!r}") from None
        self.shell.run_cell_magic(
            "javascript", "", f"IPython.notebook.set_autosave_interval({1000 * interval})"
        )
        print(f"Autosaving every {interval} seconds" if interval else "Autosave disabled")


def _short(path: Path) -> str:
    """Return the name alone where clients look for it by themselves."""
    from jupyter_core.paths import jupyter_runtime_dir  # noqa: PLC0415 - asked for by few

    return path.name if path.parent == Path(jupyter_runtime_dir()) else str(path)
