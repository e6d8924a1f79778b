"""A child process that is watched: what it writes is kept, and its end can be waited for."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from assay._platform import CAN_POLL_PIPES, CREATION_FLAGS, KILL, signal_group
from assay._platform._processes import wait_unreaped
from assay.transport._deadline import Deadline
from assay.transport._errors import LaunchError
from assay.transport._starts import STARTS

__all__ = ["ChildProcess"]

KEPT_BYTES = 65_536
"""How much of what the process wrote is kept: enough for a traceback of any depth."""

SHOWN_LINES = 20
"""How many of its last lines stand in an error message."""

CHUNK_BYTES = 65_536

PIPE_CHUNKS = 16
"""A pipe may have been enlarged to 1 MiB at most (Linux's limit for ordinary users)."""

JOIN_TIMEOUT_S = 5.0


class ChildProcess:
    """A process in a session of its own.

    Two threads look after it, both asleep as long as nothing happens: one keeps the tail of what
    the process writes, one waits for its end and then makes `fileno` readable. A signal goes to the
    whole process group, and only while its leader lives: what a kernel leaves running when it ends
    by itself is left alone.

    Args:
        argv: The command.
        env: The whole environment.
        cwd: Where it runs; None is here.
        capture: Keep what it writes to stdout and stderr; otherwise that goes where ours goes.
        leaves: What the process leaves if it does not end by itself. `close` removes it where it
            has killed the process: then it says nothing.

    Raises:
        LaunchError: the command cannot be run.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        capture: bool = True,
        leaves: Path | None = None,
    ) -> None:
        self.argv = tuple(argv)
        self._leaves = leaves
        self._is_killed = False
        self._written = bytearray()
        self._open_sockets()
        self._reader: threading.Thread | None = None
        with STARTS.deferring():  # all of it: what a signal raises then finds a child to close
            self._process = self._started(env, cwd, capture=capture)
            STARTS.living.add(self)
            self._waiter = threading.Thread(target=self._wait_for_end, daemon=True)
            self._waiter.start()
            if capture:
                read = self._read_polled if CAN_POLL_PIPES else self._read_waiting
                self._reader = threading.Thread(target=read, daemon=True)
                self._reader.start()

    def _started(
        self, env: Mapping[str, str], cwd: Path | None, *, capture: bool
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 - running a kernel's command is the point
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if capture else None,
                stderr=subprocess.STDOUT if capture else None,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                creationflags=CREATION_FLAGS,
            )
        except (OSError, ValueError) as error:
            self._close_sockets()
            raise LaunchError(
                f"wanted to run {self.argv[0]!r}, found that it cannot be run: {error}"
            ) from error

    @property
    def pid(self) -> int:
        """The process id, and the id of its process group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How the process ended: negative for a signal, None while it runs."""
        return self._process.poll()

    def fileno(self) -> int:
        """Return a descriptor that is readable once the process has ended."""
        return self._ended_descriptor

    def written(self) -> str:
        """Return the end of what the process has written so far, or once it has ended at all."""
        if self.exit_code is not None:
            self._read_the_rest()
        return bytes(self._written).decode("utf-8", "replace")

    def ending(self, when: str = "") -> str:
        """Return how the process ended, from the word "ended"; waits for its end.

        Args:
            when: Stands behind the exit code: "before it answered".
        """
        code = self.wait(None)
        how = f"with exit code {code}" if code >= 0 else f"by {_signal_name(-code)}"
        lines = self.written().strip().splitlines()[-SHOWN_LINES:]
        text = "\n".join(lines)
        first = f"ended {how} {when}".rstrip()
        if self._reader is None:
            return first
        return f"{first}; it wrote:\n{text}" if text else f"{first}; it wrote nothing"

    def wait(self, timeout: float | None) -> int:
        """Wait for the end and return the exit code.

        Raises:
            LaunchError: the process still runs after *timeout* seconds.
        """
        if self._process.returncode is not None:
            return self._process.returncode
        # Not by `fileno`: a thread that closes it meanwhile would leave this waiting for ever.
        if not Deadline(timeout).wait(lambda ms: self._ended.wait(ms / 1_000)):
            raise LaunchError(
                f"wanted the end of process {self.pid}, found it running after {timeout:g} s"
            )
        return self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and all of its group; nothing happens if it has ended."""
        if not self._ended.is_set():
            # Between its end and the event it is not reaped yet: the group is still its own. Where
            # that cannot be (see `wait_unreaped`), a system that gives numbers in turn has not got
            # round to this one again.
            with suppress(ProcessLookupError, PermissionError):
                signal_group(self.pid, number)

    def kill(self) -> None:
        """Kill the process and its group if it runs, without waiting for its end."""
        if not self._ended.is_set():
            self._is_killed = True
            self.signal(KILL)

    def close(self) -> None:
        """Kill the process if it runs, and let go of everything."""
        if self._stop_write.fileno() >= 0:
            self._close()
        # Last: what a signal interrupts here is done once more by `end_processes`.
        STARTS.living.discard(self)

    def _close(self) -> None:
        self.kill()
        code = self._process.wait()
        self._waiter.join(JOIN_TIMEOUT_S)
        if self._leaves is not None and self._is_killed and code == -KILL:
            self._leaves.unlink(missing_ok=True)
        self._read_the_rest()
        if self._process.stdout is not None and not self._is_reading:
            self._process.stdout.close()  # else the thread does
        self._close_sockets()

    @property
    def _is_reading(self) -> bool:
        """True where another process has the pipe open, and a thread of ours waits for it."""
        return self._reader is not None and self._reader.is_alive()

    def _open_sockets(self) -> None:
        """Make what says that the process has ended, and what ends the reader.

        Sockets, since these can be polled everywhere.
        """
        self._ended = threading.Event()
        self._ended_read, self._ended_write = socket.socketpair()
        self._ended_descriptor = self._ended_read.fileno()
        self._stop_read, self._stop_write = socket.socketpair()

    def _close_sockets(self) -> None:
        for end in (self._ended_read, self._ended_write, self._stop_read, self._stop_write):
            end.close()

    def _stop(self) -> None:
        self._stop_write.send(b".")

    def _read_the_rest(self) -> None:
        """Read what is left of a process that has ended."""
        # All of it was written before the end; children that live on may keep the pipe open.
        if self._is_reading and self._stop_write.fileno() >= 0:
            assert self._reader is not None, "it reads"
            self._stop()
            self._reader.join(JOIN_TIMEOUT_S)

    def _wait_for_end(self) -> None:
        with suppress(ChildProcessError):  # another thread has reaped it
            if not wait_unreaped(self._process.pid):
                self._process.wait()
        self._note_end()

    def _note_end(self) -> None:
        STARTS.living.discard(self)
        self._ended.set()
        self._ended_write.send(b".")

    def _keep(self, data: bytes) -> None:
        self._written += data
        del self._written[:-KEPT_BYTES]

    def _read_waiting(self) -> None:
        """Read as long as any process has the pipe open."""
        assert self._process.stdout is not None
        with self._process.stdout as source:
            while data := os.read(source.fileno(), CHUNK_BYTES):
                self._keep(data)

    def _read_polled(self) -> None:
        """Read until the process has ended and what it wrote is read."""
        assert self._process.stdout is not None
        source = self._process.stdout.fileno()
        if sys.platform != "win32":
            os.set_blocking(source, False)
        with selectors.DefaultSelector() as selector:
            selector.register(source, selectors.EVENT_READ)
            selector.register(self._stop_read, selectors.EVENT_READ)
            while True:
                stopped = any(key.fileobj is self._stop_read for key, _ in selector.select())
                # After the end one pipe's worth is left; a child that lives on may write for ever.
                for _ in range(PIPE_CHUNKS if stopped else 1):
                    data = _read_some(source)
                    if data == b"":
                        return
                    self._keep(data or b"")
                if stopped:
                    return


def _read_some(source: int) -> bytes | None:
    """Return what can be read now: None is nothing yet, empty is the end."""
    try:
        return os.read(source, CHUNK_BYTES)
    except BlockingIOError:
        return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
