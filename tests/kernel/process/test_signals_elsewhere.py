"""Signals that user code has a handler for, and that the system delivers to another thread."""

from __future__ import annotations

from assay.transport import Client
from tests.kernel._kernels import execute, result

IN_TRIO = """\
import signal, sys, threading, time, trio

def send():
    main = threading.main_thread().ident
    for _ in range(10_000):  # trio may wait in another function one day
        if sys._current_frames()[main].f_code.co_name == 'get_events': break
        time.sleep(0)  # gives the interpreter away
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

class AtWait(trio.abc.Instrument):
    sender = threading.Thread(target=send)

    def before_io_wait(self, timeout):
        if timeout and self.sender.ident is None:
            self.sender.start()

async def main():
    with trio.open_signal_receiver(signal.SIGUSR1) as received:
        async for number in received:
            return number

signal.Signals(trio.run(main, instruments=[AtWait()])).name
"""


def test_signal_of_another_thread_wakes_trio(client: Client) -> None:
    """Python handles it in the main thread, which waits in trio's loop, and is woken for that."""
    assert result(execute(client, IN_TRIO)) == "'SIGUSR1'"
