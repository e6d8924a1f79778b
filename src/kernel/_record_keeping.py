"""The record of this kernel, for the case that it dies: made, followed and removed."""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from operator import index
from typing import TYPE_CHECKING, NoReturn, TextIO

from assay._record import NOT_STARTED, Record
from assay.kernel.process._patches import Kind, patches
from assay.kernel.process._recorded_signals import forget_signals, record_signals
from assay.transport import get_logger

if TYPE_CHECKING:
    from assay.protocol import KernelInfoReply

__all__ = ["note_exits", "note_failure", "open_record"]

logger = get_logger("assay.kernel")

MAX_STATUS = 2**31
"""What `os._exit` takes is a C int: less than this, and not less than its negative."""


def open_record(connection_path: str, info: KernelInfoReply, stderr: TextIO) -> Record | None:
    """Make the record beside the connection file, if there can be one, and send crashes there.

    A kernel that had this connection file and crashed is named: who starts a kernel again where one
    has died, as clients do, shows this on the same terminal. Not one that could not start: its
    error stands there already.
    """
    version = sys.version.split()[0]
    about = f"{info.implementation} {info.implementation_version}, Python {version}"
    try:
        record = Record.open(connection_path, about)
    except OSError as error:  # the folder cannot be written, or the disk is full
        logger.debug("no record beside %s: %s", connection_path, error)
        faulthandler.enable(stderr)
        return None
    faulthandler.enable(record.fileno())
    record_signals(record.fileno())
    os.register_at_fork(after_in_child=lambda: _leave(record, stderr))
    if record.former:
        _tell_of(record.former)
    return record


def _leave(record: Record, stderr: TextIO) -> None:
    forget_signals()
    record.leave(stderr.fileno())


def note_failure(record: Record | None, error: BaseException, *, at_start: bool) -> None:
    """Write why the kernel does not start, or ends by a fault of its own."""
    if record is None:
        return
    if at_start:
        record.note_end(f"{NOT_STARTED}: {error}")
        return
    import traceback  # noqa: PLC0415 - no kernel without faults needs it

    what = "".join(traceback.format_exception_only(error)).strip()
    record.note_end(f"a fault of the kernel: {what}", "".join(traceback.format_exception(error)))


def note_exits(record: Record) -> None:
    """Have the record say so where the program ends its process by `os._exit`."""
    process = os.getpid()

    def noting(leave: Callable[[int], NoReturn]) -> Callable[[int], NoReturn]:
        def note_and_leave(status: int) -> NoReturn:
            status = index(status)  # what is none raises, and the kernel goes on
            may_leave = -MAX_STATUS <= status < MAX_STATUS  # else `os._exit` raises, as above
            # C code forks without calling what leaves the record to the parent.
            if may_leave and os.getpid() == process and record.can_be_written:
                record.note_end(f"its program called os._exit({status})")
                # In want of memory too; that of its thread alone: others have no part in it.
                faulthandler.dump_traceback(record.fileno(), all_threads=False)
            leave(status)

        return note_and_leave

    patches.patch(
        os,
        "_exit",
        noting,
        kind=Kind.CORRECTNESS,
        reason="the record of a kernel that dies says that its program has ended it",
    )


def _tell_of(former: str) -> None:
    from pathlib import Path  # noqa: PLC0415 - few kernels have had one before

    from assay._record_reader import RecordError, Story  # noqa: PLC0415 - as above

    with suppress(RecordError):
        story = Story.read(Path(former))
        # Without a crash its manager may have killed it, to start this one.
        if story.is_crash and story.has_started:
            logger.warning(
                "the kernel before this one died %s: %s; `assay why %s` says more\n%s",
                story.activity(),
                story.cause(),
                former,
                story.stacks,
            )
