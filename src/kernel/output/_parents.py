"""Which request the running code belongs to, in any thread, task or pool."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any
from weakref import WeakKeyDictionary

from assay.kernel._own_thread import OwnThread
from assay.kernel._request import Request
from assay.kernel.process._main_thread import is_main_thread
from assay.kernel.process._patches import Kind, patches
from assay.protocol import JsonObject

__all__ = ["Parents"]


ThreadMethod = Callable[[threading.Thread], None]

THREADS = "what a thread writes goes to the cell that started it"
POOLS = "what a pool's work writes goes to the cell that submitted it"


class Parents:
    """Which request the running code belongs to.

    A context variable: tasks and timers of an event loop keep the request that started them. A new
    thread starts with an empty context, so `Thread.start` is wrapped to note the starter's request;
    and what a pool of threads is given to do belongs to the request that gave it. Code that neither
    knows (a callback of a C library) belongs to the newest request.
    """

    def __init__(self) -> None:
        self._current: ContextVar[Request | None] = ContextVar("assay-request", default=None)
        self._of_thread: WeakKeyDictionary[threading.Thread, Request] = WeakKeyDictionary()
        self._follows: ContextVar[bool] = ContextVar("assay-follows", default=False)
        """True where what is written is for whatever is handled at each moment."""
        self._item: object = None
        """The class of a pool's work, once it is imported."""
        self.of_context = self._current.get
        """Returns the context's own request, if it has one: `current` without looking further."""
        self._entered: Request | None = None
        self._beside: dict[int, Request] = {}
        """What subshells handle just now, by thread."""
        self.newest: Request | None = None
        """The request that was handled last, or adopted by the main thread since."""

    def enter(self, request: Request) -> Token[Request | None]:
        """Make *request* the one that the caller's context belongs to."""
        self._entered = self.newest = request
        return self._current.set(request)

    def reset(self, token: Token[Request | None]) -> None:
        """Undo `enter`."""
        self._current.reset(token)

    @contextmanager
    def entered(self, request: Request) -> Iterator[None]:
        """Belong to *request* inside, in the middle of another one."""
        before = self._entered, self.newest
        token = self.enter(request)
        try:
            yield
        finally:
            self.reset(token)
            self._entered, self.newest = before

    def enter_beside(self, request: Request) -> Token[Request | None]:
        """Do as `enter` does, in the thread of a subshell (`Request.thread`)."""
        self._beside[request.thread] = self.newest = request
        return self._current.set(request)

    def leave_beside(self, request: Request, token: Token[Request | None]) -> None:
        """Undo `enter_beside`: output without a context belongs to a request that still runs."""
        self._current.reset(token)
        self._beside.pop(request.thread, None)
        running = self._running()
        if self.newest is request and running:
            self.newest = running[-1]

    @contextmanager
    def entered_beside(self, request: Request, outer: Request) -> Iterator[None]:
        """Belong to *request* inside, in the middle of *outer*, in the thread of a subshell."""
        token = self.enter_beside(request)
        try:
            yield
        finally:
            self.leave_beside(request, token)
            self._beside[outer.thread] = self.newest = outer

    def _running(self) -> list[Request]:
        """Return the requests that are handled now, that of the main thread last."""
        every = [*self._beside.values(), *([self._entered] if self._entered is not None else [])]
        return [request for request in every if not request.finished]

    def current(self) -> Request | None:
        """Return the request that the running code belongs to, if there ever was one."""
        request = self._current.get()
        if request is not None:
            return request
        if not is_main_thread() and not self._follows.get():
            request = self._of_thread.get(threading.current_thread())
            if request is not None:
                self._current.set(request)
                return request
        newest = self.newest
        if self._beside and newest is not None and newest.finished:
            return (self._running() or [newest])[-1]
        return newest

    @property
    def of_main_thread(self) -> Request | None:
        """The request that the main thread handles now."""
        running = self._entered
        return running if running is not None and not running.finished else None

    def not_finished(self, request: Request | None) -> Request | None:
        """Return *request*, or if it is over the one that its thread handles now."""
        thread = request.thread if request is not None else 0
        running = self._beside.get(thread) if thread else self._entered
        if request is None or not request.finished or running is None or running.finished:
            return request
        return running

    def resolve_parent(self, parts: JsonObject) -> Request:
        """Return the request that *parts* describes (`Request.as_json`).

        Raises:
            ContentError: it has no header, or one that is none.
        """
        origin = Request.from_json(parts)
        for request in (self._entered, self.current(), *self._beside.values()):
            # The request itself can do more than its parts, such as prompt.
            if request is not None and request.header.msg_id == origin.header.msg_id:
                return request
        return origin

    def set_parent(self, request: Request) -> None:
        """Let the caller's context belong to *request*.

        In the main thread also what has no context, such as the output of child processes.
        """
        self._current.set(request)
        if is_main_thread():
            self.newest = request

    @contextmanager
    def writing_for(self, request: Request | None) -> Iterator[None]:
        """Let what the caller's thread or task causes inside belong to *request*.

        None is the request that is handled at each moment.
        """
        follows = self._follows.set(request is None)
        token = self._current.set(request)
        try:
            yield
        finally:
            self._current.reset(token)
            self._follows.reset(follows)

    @property
    def of_origin(self) -> Request | None:
        """The request whose code started the caller's thread; None for the main thread."""
        return self._of_thread.get(threading.current_thread())

    def follow_threads(self, in_own: Callable[[], bool]) -> None:
        """Note for each thread the request that started it, from now on.

        Args:
            in_own: Returns True in a thread of the kernel's own. What that starts (pyzmq frees
                frames in a thread) belongs to no request: a finalizer may print in it long
                afterwards. Nor does an `OwnThread`.
        """
        of_thread = self._of_thread
        current = self.current
        enter = self._current.set

        def noting(start: ThreadMethod) -> ThreadMethod:
            def start_and_note(thread: threading.Thread) -> None:
                request = current()
                own = in_own() or isinstance(thread, OwnThread)
                if request is not None and not own:
                    of_thread[thread] = request
                start(thread)

            return start_and_note

        def entering(begin: ThreadMethod) -> ThreadMethod:
            def enter_and_begin(thread: threading.Thread) -> None:
                # Before the thread's own code: whatever copies its context, such as
                # `asyncio.run_coroutine_threadsafe`, is to find the request there.
                request = of_thread.get(thread)
                if request is not None:
                    enter(request)
                begin(thread)

            return enter_and_begin

        # The second is private, the same from 3.4 to 3.14; what it spares a thread is done later
        # without it.
        for name, make in (("start", noting), ("_bootstrap_inner", entering)):
            patches.patch(threading.Thread, name, make, kind=Kind.CORRECTNESS, reason=THREADS)

    def follow_pools(self) -> None:
        """Note for each piece of work in a pool of `concurrent.futures` which request gave it."""
        from concurrent.futures import thread  # noqa: PLC0415 - called when it has been imported

        # Private, but the work's own traceback shows nothing of us here.
        item: Any = getattr(thread, "_WorkItem", None)
        if item is None:
            return
        current, enter, leave = self.current, self._current.set, self._current.reset

        def noting(begin: Callable[..., None]) -> Callable[..., None]:
            def begin_and_note(work: Any, *args: object, **kwargs: object) -> None:
                begin(work, *args, **kwargs)
                work.assay_request = current()

            return begin_and_note

        def entering(run: Callable[..., None]) -> Callable[..., None]:
            def run_for_request(work: Any, *args: object) -> None:
                # One that was made before this was patched, or after it no longer was, has none.
                if (request := getattr(work, "assay_request", None)) is None:
                    run(work, *args)
                    return
                token = enter(request)
                try:
                    run(work, *args)
                finally:
                    leave(token)

            return run_for_request

        for name, make in (("__init__", noting), ("run", entering)):
            patches.patch(item, name, make, kind=Kind.CORRECTNESS, reason=POOLS)
        self._item = item

    def forget_threads(self) -> None:
        """Undo `follow_threads` and `follow_pools`."""
        for name in ("run", "__init__"):
            patches.undo(self._item, name)
        for name in ("_bootstrap_inner", "start"):
            patches.undo(threading.Thread, name)
