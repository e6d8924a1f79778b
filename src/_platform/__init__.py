"""What systems differ in: a facility where there is one, and elsewhere what does the same.

Nothing else of the package asks which system it runs on. Here stand signals, pipes, polling and
files; beside it what concerns processes, memory and connections.

| wanted                             | where there is one    | elsewhere                          |
|------------------------------------|-----------------------|------------------------------------|
| wake a thread that polls           | eventfd               | a pipe                             |
| several threads ask what is there  | epoll                 | a poll that is made for each call  |
| the end of any process             | pidfd                 | ask once a second (by the caller)  |
| the end of a child, not yet reaped | waitid                | wait for it and reap it (the same) |
| a pipe that holds more             | ``F_SETPIPE_SZ``      | the pipe as it is                  |
| what others read from has come     | epoll                 | none                               |
| memory that processes share        | memfd                 | none, an error                     |
| memory that is mapped at once      | huge pages            | the C library's (by the caller)    |
| bytes that a peer has sent, taken  | ``TCP_INFO``          | unknown, 0                         |
| bytes that it has not              | ``SIOCOUTQ``; macOS:  | unknown, 0                         |
|                                    | ``SO_NWRITE``         |                                    |
| ports given to who asks            | ``/proc``             | Linux's default, from 32,768 on    |
| when a process started             | ``/proc``             | unknown, whether it is there alone |

The choice is made when this is imported. Elsewhere is macOS and the BSDs. For the tests alone, so
that they run the second forms on Linux as well, ``ASSAY_TEST_PORTABLE=1`` in the environment hides
the first ones (not ``SIOCOUTQ``, which stands for that of macOS). A kernel that is started with it
serves as any other; it needs a little more time here and there.

Kernels do not run on Windows, which lacks more than this (``docs/platforms.md``). For clients there
it is written down here as well what becomes of a signal to a kernel, and that a pipe can only be
read by a thread that waits.
"""

from __future__ import annotations

import select
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from assay._isolation import os

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.platform != "win32":
    from select import poll  # by name: gevent replaces the module's

__all__ = [
    "CAN_POLL_PIPES",
    "CREATION_FLAGS",
    "ENDING_SIGNALS",
    "HAS_SIGNALS",
    "IS_PORTABLE",
    "KILL",
    "CallMadePoll",
    "Readiness",
    "UnsupportedSystemError",
    "block_signals",
    "enlarge_pipe",
    "host_name",
    "is_own_file",
    "lock_file",
    "make_arrivals",
    "make_descriptor_limit",
    "make_readiness",
    "nonblocking_pipe",
    "require_kernel_system",
    "signal_group",
    "wakeup_descriptors",
    "write_at",
]

SYSTEM: str = sys.platform
"""What `require_kernel_system` judges."""

IS_PORTABLE: Final = os.environ.get("ASSAY_TEST_PORTABLE") == "1"
"""True where the first forms are hidden."""

if sys.platform == "win32":
    HAS_SIGNALS = False
    """Whether another process can be interrupted, and whether its number says who started it."""

    CAN_POLL_PIPES = False
    """Whether `selectors` takes pipes, not sockets alone."""

    KILL = signal.SIGTERM
    """What ends a process that does not want to end."""

    ENDING_SIGNALS = (signal.SIGTERM,)
    """What asks a program to end."""

    CREATION_FLAGS = 0x200
    """For `subprocess.Popen`: CREATE_NEW_PROCESS_GROUP, so that Ctrl-C is not for the child."""

    FAULTS = {signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV}
    """What a thread causes itself; to block it would end the process without a trace."""
else:
    HAS_SIGNALS = True
    CAN_POLL_PIPES = True
    KILL = signal.SIGKILL
    ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
    CREATION_FLAGS = 0
    FAULTS = {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV}


NO_KERNEL = (
    "wanted Linux, macOS or another POSIX system to run the kernel, found Windows, which lacks "
    "signals to other processes, process groups, pipes that can be polled, and fork. In WSL it "
    "runs. The protocol and clients of other kernels need none of it: see docs/platforms.md"
)


class UnsupportedSystemError(ImportError):
    """This system lacks what a kernel needs."""


def require_kernel_system() -> None:
    """Do nothing where kernels run.

    Raises:
        UnsupportedSystemError: they do not.
    """
    if SYSTEM == "win32":
        raise UnsupportedSystemError(NO_KERNEL)


def block_signals() -> None:
    """Leave signals to other threads from now on; a call of theirs is to return early."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - FAULTS)


def signal_group(leader: int, number: signal.Signals) -> None:
    """Send a signal to a process and all of its group; on Windows end the process, whichever it is.

    Raises:
        ProcessLookupError, PermissionError: there is no such process any more.
    """
    if sys.platform == "win32":
        os.kill(leader, number)
    else:
        os.killpg(leader, number)


def nonblocking_pipe() -> tuple[int, int]:
    """Return a pipe's two ends, reading first, neither of which ever waits."""
    if sys.platform == "win32":
        raise UnsupportedSystemError(NO_KERNEL)
    else:  # noqa: RET506 - so that mypy takes each branch for its system's
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        return read, write


if sys.platform == "linux" and not IS_PORTABLE and hasattr(os, "eventfd"):

    def wakeup_descriptors() -> tuple[int, int]:
        """Return where to read and where to write eight bytes; the same one, or a pipe's ends."""
        descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        return descriptor, descriptor

else:

    def wakeup_descriptors() -> tuple[int, int]:
        """Return where to read and where to write eight bytes; the same one, or a pipe's ends."""
        return nonblocking_pipe()


class Readiness(Protocol):
    """What several threads at once may ask which descriptors are readable."""

    @property
    def closed(self) -> bool:
        """True after `close`."""
        ...

    def register(self, descriptor: int, events: int, /) -> None:
        """Ask for *descriptor* as well."""
        ...

    def poll(self, timeout_s: float, at_most: int = -1, /) -> list[tuple[int, int]]:
        """Return what is ready within *timeout_s*, or *at_most* so many of that.

        An epoll makes room for a thousand at each call that names no number.
        """
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


class CallMadePoll:
    """A `select.poll` for each call, since two threads may not ask the same one."""

    def __init__(self) -> None:
        self._events: dict[int, int] = {}
        self.closed = False

    def register(self, descriptor: int, events: int, /) -> None:
        """Ask for *descriptor* as well."""
        self._events[descriptor] = events

    def poll(self, timeout_s: float, at_most: int = -1, /) -> list[tuple[int, int]]:
        """Return what is ready within *timeout_s*, or *at_most* so many of that."""
        if sys.platform == "win32":
            raise UnsupportedSystemError(NO_KERNEL)
        else:  # noqa: RET506 - as above
            made = poll()
            for descriptor, events in self._events.items():
                made.register(descriptor, events)
            found = made.poll(timeout_s * 1000)
            return found if at_most < 0 else found[:at_most]

    def close(self) -> None:
        """Ask for nothing any more."""
        self._events = {}
        self.closed = True


if sys.platform == "linux" and not IS_PORTABLE:

    def make_readiness() -> Readiness:
        """Return one that asks for nothing yet."""
        return select.epoll()

else:

    def make_readiness() -> Readiness:
        """Return one that asks for nothing yet."""
        return CallMadePoll()


class Arrivals(Protocol):
    """Says that something has come by sockets that others read; for one thread."""

    def fileno(self) -> int:
        """Return what is readable once something has come."""
        ...

    def arm(self, descriptor: int, /) -> None:
        """Report *descriptor* once, when something has come by it from now on, or waits there.

        Raises:
            OSError: it is not open.
        """
        ...

    def disarm(self, descriptor: int, /) -> None:
        """Report *descriptor* no more."""
        ...

    def arrived(self) -> list[int]:
        """Return what is to be reported."""
        ...

    def close(self) -> None:
        """Report nothing any more."""
        ...


if sys.platform == "linux" and not IS_PORTABLE:

    class EdgeArrivals:
        """An epoll that reports edges.

        What others have read before the caller looks is reported with what comes next.
        """

        EVENTS: Final = select.EPOLLIN | select.EPOLLET | select.EPOLLONESHOT

        def __init__(self) -> None:
            self._epoll = select.epoll()
            self.fileno = self._epoll.fileno
            self.close = self._epoll.close

        def arm(self, descriptor: int, /) -> None:
            """Report *descriptor* once, when something has come by it."""
            try:
                self._epoll.register(descriptor, self.EVENTS)
            except FileExistsError:
                self._epoll.modify(descriptor, self.EVENTS)

        def disarm(self, descriptor: int, /) -> None:
            """Report *descriptor* no more; with its end it is forgotten anyway."""
            with suppress(OSError):
                self._epoll.unregister(descriptor)

        def arrived(self) -> list[int]:
            """Return what is to be reported, and may be armed again."""
            return [descriptor for descriptor, _ in self._epoll.poll(0)]

    def make_arrivals() -> Arrivals | None:
        """Return one that reports nothing yet; None where there is none."""
        return EdgeArrivals()

else:

    def make_arrivals() -> Arrivals | None:
        """Return None: there is none."""
        return None


def enlarge_pipe(descriptor: int, size: int) -> None:
    """Let a pipe hold *size* bytes, where the system and the user's limit allow it."""
    if sys.platform == "linux" and not IS_PORTABLE:
        import fcntl  # noqa: PLC0415 - absent on some platforms

        try:
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, size)
        except OSError:  # over the user's limit: the default will do
            return


def lock_file(descriptor: int, *, shared: bool = False) -> bool | None:
    """Lock a file that this process has open for reading and writing, as long as it lives.

    A forked child does not have the lock. It is gone once the process closes any descriptor of the
    file.

    Args:
        descriptor: The open file.
        shared: Others may have it as well, if theirs is shared: for who only wants to see whether
            it is locked.

    Returns:
        False if another process has it; None where there are no locks.
    """
    if sys.platform == "win32":
        return None
    else:  # noqa: RET505 - so that mypy takes each branch for its system's
        import fcntl  # noqa: PLC0415 - absent on some platforms

        try:
            fcntl.lockf(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:  # a file system without locks
            return None
        return True


def host_name() -> str:
    """Return the name of this machine."""
    name = ""  # on Windows, where no kernel runs
    if sys.platform != "win32":
        name = os.uname().nodename
    return name


def is_own_file(descriptor: int) -> bool:
    """Return True if an open file belongs to this user."""
    is_own = True
    if sys.platform != "win32":
        is_own = os.fstat(descriptor).st_uid == os.geteuid()
    return is_own


def write_at(descriptor: int, data: bytes, offset: int) -> None:
    """Write to an open file, *offset* bytes behind its beginning.

    Raises:
        OSError: there is no room, or the file is not open for writing.
    """
    if sys.platform != "win32":
        os.pwrite(descriptor, data, offset)


def make_descriptor_limit() -> Callable[[], int]:
    """Return what says how many descriptors the process may have; when called, it imports nothing.

    It can be asked when there are none left.
    """
    if sys.platform == "win32":
        raise UnsupportedSystemError(NO_KERNEL)
    else:  # noqa: RET506 - as above
        import resource  # noqa: PLC0415 - few kernels are asked

        return lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[0]
