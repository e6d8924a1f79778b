"""The shell of a cell in the middle of which another kernel serves: `embed` in a kernel's own cell.

IPython has one shell in a process, found as a singleton. The cell's steps aside for as long as the
other kernel is there, and is what it was when its own cell goes on. Whatever else the two kernels
would both change is changed by the outer one alone: its patches and its signals hold for both.
"""

from __future__ import annotations

from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from assay.kernel.ipython._shell import ZMQInteractiveShell

__all__ = ["SuspendedShell", "shell_around", "shell_in_the_way"]


def shell_in_the_way() -> str:
    """Return the name of the class of the shell that this process has; empty if it has none."""
    if not InteractiveShell.initialized():
        return ""
    return type(InteractiveShell.instance()).__name__


def shell_around() -> ZMQInteractiveShell | None:
    """Return the shell of ours whose cell runs in this thread; None if none does."""
    shell = InteractiveShell.instance() if InteractiveShell.initialized() else None
    is_around = isinstance(shell, ZMQInteractiveShell) and shell.host.is_in_request
    return shell if is_around else None


class SuspendedShell:
    """A shell and its application that are not found as the singletons of their classes.

    Args:
        shell: Its cell runs; it is suspended from now on.
    """

    def __init__(self, shell: ZMQInteractiveShell) -> None:
        self.shell = shell
        self._places: list[tuple[Any, Any]] = [
            (place, one) for one in (shell.parent, shell) for place in _places(one)
        ]
        for place, _ in self._places:
            place._instance = None

    def resume(self) -> None:
        """Be found again."""
        for place, one in self._places:
            place._instance = one

    def with_profile(self, arguments: list[str]) -> list[str]:
        """Return *arguments* and, unless they name a profile, the options for the suspended one."""
        if any("profile" in word.lower() for word in arguments):
            return arguments
        shell = self.shell
        return [
            f"--ipython-dir={shell.ipython_dir}",
            f"--profile-dir={shell.profile_dir.location}",
            f"--HistoryManager.hist_file={shell.history_manager.hist_file}",
            *arguments,
        ]


def _places(one: Any) -> list[Any]:
    """Return the classes where *one* is found."""
    return [place for place in type(one)._walk_mro() if place._instance is one]
