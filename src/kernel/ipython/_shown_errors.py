"""How the shell shows the errors of cells: as IPython does, and as a kernel publishes them.

What ended a cell is published once, whatever shows it, and however that fails (EXEC-17).
"""

from __future__ import annotations

import sys
from contextlib import nullcontext, suppress
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from assay.kernel._tracebacks import hide_own_frames, last_line_of, lines_of, text_of
from assay.kernel.ipython._cell_run import CellRun, run_of
from assay.kernel.ipython._errors import is_cancelled, newest_error, note_error
from assay.kernel.ipython._long_tracebacks import is_beyond_ipython
from assay.kernel.ipython._representing import is_first_error
from assay.kernel.ipython._sources import forget_old_sources
from assay.kernel.ipython.speedups._highlighting import remember_highlighting
from assay.kernel.process._interrupts import end_at_user_code
from assay.protocol import Error

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from assay.kernel._interpreter import CellTracer, Host
    from assay.kernel.ipython._lazy_event_loop import Loops

__all__ = ["ExcInfo", "ShowsErrors"]

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

KEPT_ERRORS = 200
"""How many tracebacks are kept of cells that failed, for ``%notebook`` to write."""

RUNS_FILES = frozenset({"safe_execfile", "safe_run_module"})
"""IPython's functions behind ``%run``."""


def _raise_interrupt_of_file(value: BaseException | None, caller: FrameType) -> None:
    if isinstance(value, KeyboardInterrupt) and caller.f_code.co_name in RUNS_FILES:
        raise value


class ShowsErrors:
    """The part of the shell that shows errors; stands before IPython's own."""

    host: Host
    loops: Loops
    history_manager: Any
    tracer: CellTracer | None

    if TYPE_CHECKING:

        @property
        def own_work(self) -> AbstractContextManager[object]: ...

    def showtraceback(
        self,
        exc_tuple: ExcInfo | None = None,
        filename: str | None = None,
        tb_offset: int | None = None,
        exception_only: bool = False,
        running_compiled_code: bool = False,
    ) -> None:
        """Show the exception that just happened, or *exc_tuple*.

        Raises:
            KeyboardInterrupt: ``%run`` would show it and let the cell go on, which it ends.
        """
        kind, value, trace = exc_tuple or sys.exc_info()
        _raise_interrupt_of_file(value, sys._getframe(1))
        run = run_of(self.host.request()) or CellRun()
        is_late = run.is_failed and not run.depth and isinstance(value, KeyboardInterrupt)
        if is_late or (exc_tuple and not running_compiled_code and not is_first_error(value)):
            return  # it struck when the error that ended the cell had been shown; or is one of many
        run.is_ending = running_compiled_code and run.depth == 1
        if value is not None:
            self.host.end_child(value)
        if self.host.abandons:
            return  # nothing shows it, and IPython prints an interrupt meanwhile on stderr
        if value is not None and running_compiled_code and self.tracer is not None:
            self.tracer.fail(value)
        if value is not None and kind is not None:
            loop = self.loops.here()
            reason = loop.reason
            if value is loop.shown_reason:
                return  # where the code of the cell was ended, which was left then
            if value is reason:
                loop.shown_reason = value
            if reason is not None and is_cancelled(value):
                # A cell that awaits is interrupted by cancelling it; the user pressed interrupt.
                kind, value = type(reason), reason.with_traceback(trace)
                exc_tuple = (kind, value, trace)
            elif isinstance(value, KeyboardInterrupt):
                # A debugger is called in the middle of the user's code, at breakpoint().
                bdb = sys.modules.get("bdb")
                end_at_user_code(
                    value.__traceback__, *([bdb.Bdb.trace_dispatch.__code__] if bdb else ())
                )
            elif is_beyond_ipython(value):
                hide_own_frames(value)
                # IPython prints these as plain text on stderr, and no error is published.
                self._showtraceback(kind, value, self._lines_of(value))
                return
        if value is not None and kind is not None:
            hide_own_frames(value)
            exc_tuple = (kind, value, value.__traceback__)
            if isinstance(value, KeyboardInterrupt) and self.host.is_ending:
                # The next interrupt comes before IPython has imported what shows the first.
                with self.host.uninterrupted():
                    self._showtraceback(kind, value, self._lines_of(value))
                return
        self._show(exc_tuple, filename, tb_offset, exception_only, running_compiled_code)

    def _show(self, exc_tuple: ExcInfo | None, *how: Any) -> None:
        """Show *exc_tuple* as IPython does, or in Python's way where that fails."""
        before = newest_error()
        run = run_of(self.host.request()) or CellRun()
        value = exc_tuple[1] if exc_tuple else None
        run.shows_interrupt = isinstance(value, KeyboardInterrupt)
        failures = [Exception, SystemExit]  # of the user's `__str__` or `_render_traceback_`
        if run.shows_interrupt:
            failures.append(KeyboardInterrupt)  # the next one: a client may send several
        # To read the source, and import what shows it.
        with self.host.lend_descriptors(), self.own_work:
            # Of a program that has used up all the same. An import that is interrupted may leave a
            # lock of Python's locked.
            with suppress(ImportError, OSError), self.host.uninterrupted():
                remember_highlighting()
            with suppress(*failures):
                super().showtraceback(exc_tuple, *how)  # type: ignore[misc]  # IPython's
        replaced = "_showtraceback" in vars(self)  # by a program that shows errors its own way
        if newest_error() is before and not replaced and exc_tuple and value is not None:
            # Its own `_render_traceback_` failed, or IPython did: that is no reason to be silent.
            with self.host.uninterrupted() if run.shows_interrupt else nullcontext():
                self._showtraceback(exc_tuple[0], value, self._lines_of(value))
        run.shows_interrupt = False

    def get_exception_only(self, exc_tuple: ExcInfo | None = None) -> str:
        """Return the last lines of *exc_tuple*, or of the exception that just happened.

        Raises:
            KeyboardInterrupt: it struck what shows an interrupt: IPython would write a line on
                stderr, beside the error of the cell.
        """
        run = run_of(self.host.request())
        if exc_tuple is None and run is not None and run.shows_interrupt:
            raise KeyboardInterrupt
        lines: str = super().get_exception_only(exc_tuple)  # type: ignore[misc]  # IPython's
        return lines

    def published_error(self, error: BaseException) -> Error:
        """Return what was published for *error*, which ended the cell.

        Hooks that fail behind the cell show errors, which are none of its own. IPython keeps some
        to itself, such as the end of a debugger's session, and programs that show errors their own
        way keep all; they are published now, in one line (EXEC-17).
        """
        run = run_of(self.host.request()) or CellRun()
        for raised, shown in reversed(run.errors):
            if raised is error:
                return shown
        if (last := run.ended_by or self._error_of_cell()) is not None:
            return last
        return self._publish_error(type(error), error, [last_line_of(error)])

    def show_usage_error(self, exc: BaseException) -> None:
        """Show that a magic was used wrongly."""
        self._showtraceback(type(exc), exc, [f"UsageError: {text_of(exc)}"])

    def _showtraceback(
        self, etype: type[BaseException], evalue: BaseException, stb: object
    ) -> None:
        self._publish_error(etype, evalue, stb)

    def _publish_error(
        self, etype: type[BaseException], evalue: BaseException, stb: object
    ) -> Error:
        if not isinstance(stb, (list, tuple)):
            # A `_render_traceback_` of the user's may return anything.
            stb = stb.splitlines() if isinstance(stb, str) else self._lines_of(evalue)
        try:
            lines = tuple(map(str, stb))
        except BaseException:  # noqa: BLE001 - of the items
            lines = tuple(self._lines_of(evalue))
        error = Error(ename=str(etype.__name__), evalue=text_of(evalue), traceback=lines)
        request = self.host.request()
        if (run := run_of(request)) is not None and (run.is_ending or not run.depth):
            run.is_failed = True
            if run.is_ending:
                run.ended_by = error
        # IPython shows an exit before it says that the code has ended.
        if run is not None and (run.is_ending or not run.depth or isinstance(evalue, SystemExit)):
            run.errors.append((evalue, error))
        if request is None:
            # Start-up code: there is no cell to show it in, and perhaps no client to receive it.
            for stream in (sys.stderr, self.host.real_stderr):
                print("\n".join(error.traceback), file=stream)
            note_error(error)
        else:
            with self.host.uninterrupted():  # it would be published a second time
                earlier = request.error
                self.host.publish(error)
                if run is not None and run.is_in_code and request.error is error:
                    request.error = earlier
                note_error(error)
                is_interrupt = issubclass(etype, KeyboardInterrupt)
                # Neither what the code itself has shown, nor another thread of the cell's.
                if is_interrupt and run is not None and not run.depth and request.error is error:
                    run.interrupt_outside = evalue
        forget_old_sources()
        return error

    def _lines_of(self, error: BaseException) -> list[str]:
        """Return what Python shows of *error*: it parses the lines of the source, for its marks."""
        with self.own_work:
            return lines_of(error)

    def _error_of_cell(self) -> Error | None:
        """Return what the running cell has published as its error."""
        request = self.host.request()
        error = request.error if request is not None else newest_error()
        return error if isinstance(error, Error) else None

    def _format_exception_for_storage(
        self, exception: BaseException, **_: object
    ) -> dict[str, str | list[str]]:
        """Return for IPython's history of errors what was published.

        IPython would format it a second time, which takes as long as the first and may fail, where
        a failure is taken for another error of the cell.
        """
        kept = self.history_manager.exceptions
        for number in list(kept)[: len(kept) - KEPT_ERRORS + 1]:
            kept.pop(number, None)  # another cell may do the same
        shown = self._error_of_cell()
        if shown is None or shown.ename != type(exception).__name__:
            name = type(exception).__name__
            return {"ename": name, "evalue": text_of(exception), "traceback": [name]}
        return {"ename": shown.ename, "evalue": shown.evalue, "traceback": list(shown.traceback)}
