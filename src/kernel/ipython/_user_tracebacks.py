"""Tracebacks that neither a cell nor a reply shows: of threads, finalizers, callbacks and logs.

Python and IPython write them where they happen, in text. The kernel's own frames are taken out
before, wherever the traceback begins in the user's code: one that begins in the kernel is a report
of the kernel's own, for its log.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from types import FrameType, TracebackType
from typing import Any

from assay.kernel._tracebacks import (
    hide_own_frames,
    is_hidden,
    lines_of,
    reports_on_own,
    without_own,
)
from assay.kernel.process._import_hooks import after_import
from assay.kernel.process._patches import Kind, patches

__all__ = ["hide_everywhere", "without_own_frames"]

REASON = "a traceback shows where the user's code stood, and none of the kernel's frames"

Hook = Callable[[Any], object]

FramesAndLines = Iterable[tuple[FrameType, int]]
"""As `traceback.walk_tb` and `traceback.walk_stack` yield them."""

HOOKS = (
    (threading, "excepthook"),
    (threading, "__excepthook__"),
    (sys, "unraisablehook"),
    (sys, "__unraisablehook__"),
)
"""Python's own are there twice: a program that had a hook of its own puts them back."""


def hide_everywhere() -> None:
    """Let Python write no traceback of user code with frames of the kernel."""
    patch = partial(patches.patch, kind=Kind.CORRECTNESS, reason=REASON)
    for owner, name in HOOKS:
        patch(owner, name, _hook)
    patch(traceback.TracebackException, "__init__", _of_self)
    patch(traceback.StackSummary, "extract", _of_frames)
    patch(traceback, "extract_tb", _of_traceback)
    after_import("twisted.python.failure", partial(_hide_in_failures, patch))


def _hide_in_failures(patch: Callable[..., object]) -> None:
    """Let twisted keep no frames of the kernel: it walks along tracebacks itself."""
    patch(sys.modules["twisted.python.failure"].Failure, "__init__", _of_failure)


def _hook(show: Hook) -> Hook:
    def show_without_own(arguments: Any) -> object:
        error = arguments.exc_value
        if error is not None and not reports_on_own(error, error.__traceback__):
            hide_own_frames(error)
            # What is shown is the traceback that the arguments name.
            arguments = type(arguments)(
                [
                    error.__traceback__ if part is arguments.exc_traceback else part
                    for part in arguments
                ]
            )
        return show(arguments)

    return show_without_own


def _of_self(init: Callable[..., None]) -> Callable[..., None]:
    def init_without_own(
        self: traceback.TracebackException,
        exc_type: type[BaseException],
        exc_value: BaseException,
        exc_traceback: TracebackType | None,
        *rest: object,
        **options: object,
    ) -> None:
        shown = exc_traceback
        if options.get("_seen") is None:  # else it is shown with another, which has hidden its own
            shown = _hidden(exc_value, exc_traceback)
        init(self, exc_type, exc_value, shown, *rest, **options)

    return init_without_own


def _of_frames(extract: Any) -> object:
    def extract_without_own(
        kind: type[traceback.StackSummary], /, frame_gen: FramesAndLines, **options: Any
    ) -> traceback.StackSummary:
        # No generator of ours: `walk_stack` counts the frames from itself to its user.
        shown = filter(lambda found: not is_hidden(found[0]), frame_gen)
        return extract.__func__(kind, shown, **options)  # type: ignore[no-any-return]  # see above

    return classmethod(extract_without_own)


def _of_traceback(extract: Callable[..., traceback.StackSummary]) -> object:
    def extract_tb(tb: TracebackType | None, limit: int | None = None) -> traceback.StackSummary:
        return extract(without_own(tb), limit)

    return extract_tb


def _of_failure(init: Callable[..., None]) -> Callable[..., None]:
    def init_without_own(
        self: object,
        exc_value: object = None,
        exc_type: object = None,
        exc_tb: TracebackType | None = None,
        *rest: object,
        **options: object,
    ) -> None:
        error = sys.exc_info()[1] if exc_value is None else exc_value
        if isinstance(error, BaseException):
            _hidden(error, error.__traceback__)
        init(self, exc_value, exc_type, _hidden(error, exc_tb), *rest, **options)

    return init_without_own


def without_own_frames(format_error: Callable[..., Any]) -> Callable[..., Any]:
    """Return *format_error*, whose arguments are the parts of `sys.exc_info`, for the user's frames
    alone."""

    def format_without_own(
        etype: type[BaseException],
        evalue: BaseException,
        etb: TracebackType | None = None,
        *rest: object,
        **options: object,
    ) -> Any:
        try:
            return format_error(etype, evalue, _hidden(evalue, etb), *rest, **options)
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001 - of the error's `__str__`, which may raise anything
            return lines_of(evalue)

    return format_without_own


def _hidden(error: object, trace: TracebackType | None) -> TracebackType | None:
    """Take the kernel's frames out of *error*, and return what becomes of its *trace*."""
    if not isinstance(error, BaseException) or reports_on_own(error, trace):
        return trace
    is_its_own = trace is error.__traceback__
    hide_own_frames(error)
    return error.__traceback__ if is_its_own else trace
