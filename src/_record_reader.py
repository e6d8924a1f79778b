"""Read the record of a kernel that died, and say why it did, as far as that can be known."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path
from typing import NamedTuple

from assay._record import (
    CELL_BYTES,
    CELLS_AT,
    END_AT,
    FATAL_HEAD,
    NOT_IMPORTED,
    NOT_STARTED,
    STACKS_AT,
    STRAY_AT,
    SUFFIX,
    former_path,
    is_left,
    read_who,
    record_path,
)

__all__ = ["CellNote", "RecordError", "Story", "find_story", "newest_story", "story_of_connection"]

FATAL = re.compile(r"^Fatal Python error: (.+)$", re.MULTILINE)

TIMEOUT = re.compile(r"^Timeout \((.+)\)!$", re.MULTILINE)
"""What `faulthandler` writes before the stacks when it ends a process after a time."""

LATEST_S = 1e11
"""Some thousand years from now: moments from here on have no date everywhere."""

STACKS_BYTES = 256 * 1_024
"""Read at most: hundreds of threads."""

IN_WORDS = {
    "SIGSEGV": "a segmentation fault (SIGSEGV): C code touched memory that it may not",
    "SIGBUS": "a bus error (SIGBUS): a file that is mapped was cut off, or its disk is full",
    "SIGABRT": "an abort (SIGABRT): C code found that it cannot go on",
    "SIGFPE": "an arithmetic error of C code (SIGFPE)",
    "SIGILL": "an instruction that this processor does not have (SIGILL)",
    "SIGXCPU": "the limit of processor time that was set for it (SIGXCPU, as by `ulimit -t`)",
    "SIGALRM": "an alarm that its program had set and has no handler for (SIGALRM)",
    "SIGKILL": "SIGKILL: the system killed it for want of memory, or a user did",
}

FATAL_SIGNALS = {
    "Segmentation fault": "SIGSEGV",
    "Bus error": "SIGBUS",
    "Aborted": "SIGABRT",
    "Floating-point exception": "SIGFPE",
    "Floating point exception": "SIGFPE",
    "Illegal instruction": "SIGILL",
}
"""How `faulthandler` calls them."""

NAMELESS = {"Current thread": "SIGXCPU", "Thread": "SIGXCPU", "Stack": "SIGALRM"}
"""How stacks begin that `faulthandler` writes at a signal which is not one of its own, all threads
for the one and the newest for the other (`record_signals`)."""

WITHOUT_A_WORD = (
    "unknown: it ended without a word, as after SIGKILL (the system does that for want of memory) "
    "or exit() of C code"
)


class RecordError(Exception):
    """There is no record, or the file is none."""


class CellNote(NamedTuple):
    """A cell that a kernel noted."""

    number: int
    began: float
    ended: float | None
    """None if it ran when the kernel died."""
    line: str
    """The beginning of its code; empty for a cell that is not stored in the history."""


class Story(NamedTuple):
    """What a record says."""

    path: Path
    who: dict[str, str]
    began: float
    cells: tuple[CellNote, ...]
    """Of the main shell and of subshells, the newest last."""
    ended: str
    """What the kernel itself wrote of its end; empty if it could not."""
    stacks: str
    last_sign: float
    """When it wrote last."""
    runs: bool
    """The kernel runs."""

    @classmethod
    def read(cls, path: Path) -> Story:
        """Return what the record at *path* says.

        Raises:
            RecordError: it cannot be read, or is none.
        """
        try:
            with path.open("rb") as file:
                data = file.read(STACKS_AT + STACKS_BYTES)
                last_sign = os.fstat(file.fileno()).st_mtime
            runs = not is_left(str(path))
        except OSError as error:
            raise RecordError(f"{path}: cannot be read: {error.strerror}") from error
        who = read_who(data)
        if not who:
            raise RecordError(f"{path}: wanted the record of a kernel, found another file")
        try:
            began = _seconds(who.get("began", ""))
        except ValueError as error:
            raise RecordError(
                f"{path}: wanted when the kernel began, in seconds, found {who.get('began', '')!r}"
            ) from error
        slots = (data[at : at + CELL_BYTES] for at in range(CELLS_AT, END_AT, CELL_BYTES))
        cells = [note for slot in slots if (note := _cell(slot)) is not None]
        return cls(
            path=path,
            who=who,
            began=began,
            cells=tuple(sorted(cells, key=lambda cell: cell.began)),
            ended=data[END_AT:STRAY_AT].decode("utf-8", "replace").strip(),
            stacks=_crashed_first(_own(data).decode("utf-8", "replace").strip("\0\n ")),
            last_sign=last_sign,
            runs=runs,
        )

    @property
    def running(self) -> tuple[CellNote, ...]:
        """The cells that had not ended."""
        return tuple(cell for cell in self.cells if cell.ended is None)

    @property
    def is_crash(self) -> bool:
        """True if the kernel itself knew that something was wrong."""
        return bool(self.ended or self.stacks)

    @property
    def has_started(self) -> bool:
        """False if the kernel ended before it served any client, and knew why."""
        return not self.ended.startswith((NOT_STARTED, NOT_IMPORTED))

    def cause(self, exit_code: int | None = None) -> str:
        """Return why the kernel ended, in words.

        Args:
            exit_code: How its process ended, negative for a signal, if that is known.
        """
        if self.ended:
            return self.ended
        fatal = FATAL.search(self.stacks)
        if exit_code is not None and exit_code < 0:
            return _signal_in_words(-exit_code)
        if TIMEOUT.search(self.stacks) is None and exit_code is not None:
            how = f"it ended with exit code {exit_code} and without a word"
            return f"{how}, as by exit() of C code"
        return self._cause_of_stacks(fatal[1] if fatal is not None else "")

    def _cause_of_stacks(self, fatal: str) -> str:
        """Return the cause as the stacks say it, which begin with *fatal* or no such words."""
        if fatal:
            return IN_WORDS.get(FATAL_SIGNALS.get(fatal, ""), fatal)
        if (timeout := TIMEOUT.search(self.stacks)) is not None:
            return (
                "its program had asked for the end if it were not done after "
                f"{timeout[1].split('.')[0]} (faulthandler.dump_traceback_later)"
            )
        names = (name for head, name in NAMELESS.items() if self.stacks.startswith(head))
        return next((IN_WORDS[name] for name in names), WITHOUT_A_WORD)

    def activity(self) -> str:
        """Return what it did, without any code of the user's."""
        if running := self.running:
            numbers = " and ".join(str(cell.number) for cell in running)
            return f"while cell {numbers} ran"
        return f"after cell {self.cells[-1].number}" if self.cells else "before its first cell"

    def text(self) -> str:
        """Return all of it for its user, who may read the code."""
        connection = self.who.get("connection", "?")
        rows = [
            ("kernel", f"{self.who.get('about', '?')}, {connection}"),
            ("process", f"{self.who.get('process', '?')} on {self.who.get('host', '?')}"),
            ("began", _moment(self.began)),
        ]
        if self.runs:
            rows.append(("runs", "yes"))
        else:
            ended = f"{self.activity()}; its last sign is from {_moment(self.last_sign)}"
            rows += [("cause", self.cause()), ("ended", ended)]
        for cell in self.cells:
            until = "had not ended" if cell.ended is None else f"{cell.ended - cell.began:.3f} s"
            line = f": {cell.line}" if cell.line else ""
            # Two of them may have one number: that of a subshell's that ran at the same time.
            rows.append((f"cell {cell.number}", f"{_moment(cell.began)}, {until}{line}"))
        shown = [f"{name:<9} {value}" for name, value in rows]
        if self.stacks:
            shown += ["", self.stacks]
        return "\n".join(shown)


def story_of_connection(connection_path: str | os.PathLike[str]) -> Story | None:
    """Return what a kernel with this connection file left, or None if there is no record."""
    try:
        return Story.read(Path(record_path(os.fspath(connection_path))))
    except RecordError:
        return None


def find_story(name: Path) -> Story:
    """Return what *name* leads to: a record, or a connection file with one beside it.

    The record of a kernel that has died goes before that of the one that was started in its place.

    Raises:
        RecordError: there is none.
    """
    if name.name.endswith(SUFFIX):
        return Story.read(name)
    beside = record_path(str(name))
    found = [Path(path) for path in (beside, former_path(beside)) if Path(path).exists()]
    if not found:
        raise RecordError(
            f"{name}: wanted the record of a kernel beside this connection file, found none: "
            f"a kernel that ends well leaves none"
        )
    stories = [Story.read(path) for path in found]
    return next((story for story in stories if not story.runs), stories[0])


def newest_story(folder: Path) -> Story:
    """Return what the kernel left that died last of those with a record in *folder*.

    Raises:
        RecordError: there is none.
    """
    stories = []
    for path in folder.glob(f".*{SUFFIX}"):
        try:
            story = Story.read(path)
        except RecordError:  # another user's, or removed meanwhile
            continue
        if not story.runs:
            stories.append(story)
    if not stories:
        raise RecordError(
            f"{folder}: wanted the record of a kernel that died, found none: "
            f"a kernel that ends well leaves none"
        )
    return max(stories, key=lambda story: story.last_sign)


def _own(data: bytes) -> bytes:
    """Return the stacks in a record, *data*, without those that the kernel has outlived."""
    stacks = data[STACKS_AT:]
    try:
        strays = int(data[STRAY_AT:STACKS_AT])
    except ValueError:  # there were none
        return stacks
    own = stacks[strays:]
    # Else a cell began just when another thread had crashed, and its stacks were being written.
    return own if not own or own.startswith(FATAL_HEAD) else stacks


def _crashed_first(stacks: str) -> str:
    """Return *stacks* with the thread that crashed before the others: Python writes it last."""
    blocks = stacks.split("\n\n")
    head = [] if blocks[0].startswith(tuple(NAMELESS)) else [blocks.pop(0)]
    blocks.sort(key=lambda block: not block.startswith("Current thread"))
    return "\n\n".join((*head, *blocks))


def _cell(slot: bytes) -> CellNote | None:
    words = slot.decode("utf-8", "replace").strip().split(" ", 3)
    try:
        number, began, ended = words[:3]
        return CellNote(
            number=int(number),
            began=_seconds(began),
            ended=None if ended == "-" else _seconds(ended),
            line=words[3].strip() if len(words) > 3 else "",
        )
    except ValueError:  # no cell has run, or it is damaged
        return None


def _signal_in_words(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return IN_WORDS.get(name, name)


def _seconds(text: str) -> float:
    """Return the moment that *text* says.

    Raises:
        ValueError: it says none that has a date.
    """
    seconds = float(text)
    if not 0 <= seconds < LATEST_S:
        raise ValueError(text)
    return seconds


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
