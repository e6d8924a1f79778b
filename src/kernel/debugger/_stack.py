"""The frames of a stopped thread that are the user's.

debugpy leaves out what it is set not to trace: this kernel and IPython. What is left below the
cell is what called the kernel, and what turns an event loop or starts a thread; above it stand the
user's functions, and those of libraries that they have called.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Callable, Iterable, Sequence

from assay.protocol import Json, JsonObject

__all__ = ["is_standard", "page", "step_rules", "user_frames"]

STANDARD = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
"""Where Python's own modules are."""

INSTALLED = ("site-packages", "dist-packages")
"""Folders of what is installed; they may stand among Python's own."""


def user_frames(frames: Sequence[Json], is_cell: Callable[[str], bool]) -> list[Json]:
    """Return those of *frames*, innermost first, that are the user's or called by the user's.

    Args:
        frames: Each a ``StackFrame`` of the adapter protocol.
        is_cell: Returns True for the path of a cell.
    """
    cells = [place for place, frame in enumerate(frames) if is_cell(_path(frame))]
    if cells:
        return list(frames[: cells[-1] + 1])
    last = len(frames)
    while last and is_standard(_path(frames[last - 1])):
        last -= 1
    return list(frames[:last] or frames)  # it has stopped there after all


def is_standard(path: str) -> bool:
    """Return True for the *path* of one of Python's own modules."""
    if path.startswith("<frozen "):
        return True
    return any(
        path.startswith(f"{folder}/")
        and not path.startswith(tuple(f"{folder}/{name}/" for name in INSTALLED))
        for folder in STANDARD
    )


def step_rules(breakpoints: Iterable[str]) -> list[Json]:
    """Return the rules by which debugpy steps: over Python's own modules, and into all others.

    Between two statements of a cell, IPython calls a few of these.

    Args:
        breakpoints: Paths with breakpoints; also those in Python's own are reached.
    """
    wanted = [path for path in breakpoints if is_standard(path)]
    installed = [f"{folder}/{name}" for folder in STANDARD for name in INSTALLED]
    rules: list[Json] = [{"path": path, "include": True} for path in [*wanted, *installed]]
    excluded: list[Json] = [{"path": folder, "include": False} for folder in STANDARD]
    return [*rules, *excluded]


def page(frames: Sequence[Json], arguments: JsonObject) -> dict[str, Json]:
    """Return the body of the response to ``stackTrace`` with *arguments*."""
    first, count = (_number(arguments.get(name)) for name in ("startFrame", "levels"))
    last = first + count if count else len(frames)
    return {"stackFrames": list(frames[first:last]), "totalFrames": len(frames)}


def _path(frame: Json) -> str:
    source = frame.get("source") if isinstance(frame, dict) else None
    path = source.get("path") if isinstance(source, dict) else None
    return path if isinstance(path, str) else ""


def _number(value: Json) -> int:
    return max(value, 0) if isinstance(value, int) else 0
