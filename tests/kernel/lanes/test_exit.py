"""The end of a kernel: clean, in time, and with nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from assay.kernel.process import _exit as exit_module
from assay.protocol import (
    Channel,
    CompleteRequest,
    ConnectionFile,
    ErrorReply,
    ExecuteRequest,
    ShutdownReply,
    ShutdownRequest,
    StreamName,
    Transport,
    Unknown,
)
from assay.transport import Client, KernelEndedError, KernelProcess
from tests.ends import watched_end
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    argv,
    be_patient,
    begin,
    error,
    execute,
    failed,
    finish,
    is_well,
    result,
    start,
    states,
    succeeded,
    text_of,
)
from tests.kernel._probe import LOAD

BOTH = [Channel.CONTROL, Channel.SHELL]


@pytest.fixture
def patient(mine: Client) -> Client:
    """A client of a kernel that gives its exit functions as long as a test may take.

    For what is about the work that is done at the end, and not about its limit of two seconds,
    within which a busy machine may not get far.
    """
    be_patient(mine)
    return mine


def shut_down(client: Client, channel: Channel = Channel.CONTROL) -> str:
    """Ask the kernel to end, wait for reply and idle, return what it wrote meanwhile."""
    answer = client.request(ShutdownRequest(), channel=channel, timeout=HANG_LIMIT_S)
    assert answer.content == ShutdownReply(restart=False)
    assert states(answer.published) == ["busy", "idle"]
    assert answer.types[-2:] == ("shutdown_reply", "status")
    return answer.text()


@pytest.mark.parametrize("channel", BOTH)
def test_kernel_ends_by_itself(kernel: KernelProcess, patient: Client, channel: Channel) -> None:
    """After a shutdown request the process exits with 0 (CTRL-04, CTRL-05, SHELL-16)."""
    execute(patient, "1")

    shut_down(patient, channel)

    assert kernel.wait(HANG_LIMIT_S) == 0
    assert kernel.written() == ""


@pytest.mark.parametrize("restart", [False, True])
def test_reply_repeats_restart_and_is_broadcast(
    kernel: KernelProcess, patient: Client, restart: bool
) -> None:
    """The reply tells `restart`, and all clients hear it under another id (CTRL-04, CTRL-07)."""
    with kernel.client(timeout=HANG_LIMIT_S) as another:
        answer = patient.request(
            ShutdownRequest(restart=restart), channel=Channel.CONTROL, timeout=HANG_LIMIT_S
        )
        heard = another.receive(Channel.IOPUB, HANG_LIMIT_S)
        while not isinstance(heard.content, ShutdownReply):
            heard = another.receive(Channel.IOPUB, HANG_LIMIT_S)

    assert answer.content == heard.content == ShutdownReply(restart=restart)
    assert heard.header.msg_id != answer.reply.header.msg_id
    assert heard.parent_header == answer.request.header
    assert kernel.wait(HANG_LIMIT_S) == 0


def test_malformed_shutdown_is_refused(mine: Client) -> None:
    """A shutdown request of the wrong shape ends nothing (WIRE-19)."""
    answer = mine.request(
        Unknown(extra={"restart": "no"}),
        msg_type="shutdown_request",
        channel=Channel.CONTROL,
        timeout=HANG_LIMIT_S,
    )

    assert isinstance(answer.content, ErrorReply)
    assert is_well(mine)


def test_missing_restart_is_false(kernel: KernelProcess, patient: Client) -> None:
    """`restart` may be left out (AMB-40)."""
    answer = patient.request(
        Unknown(), msg_type="shutdown_request", channel=Channel.CONTROL, timeout=HANG_LIMIT_S
    )

    assert answer.content == ShutdownReply(restart=False)
    assert kernel.wait(HANG_LIMIT_S) == 0


RUNNING = {
    "loop": "while True: pass",
    "sleep": "import time; time.sleep(600)",
    "await": "import asyncio; await asyncio.sleep(600)",
    "child": "import subprocess; subprocess.run(['sleep', '600'])",
    "swallows": "import time\nwhile True:\n    try: time.sleep(600)\n"
    "    except KeyboardInterrupt: print('no')",
    "swallows everything": "import time\nwhile True:\n    try: time.sleep(600)\n"
    "    except BaseException: pass",
    "hangs in C": "import ctypes; ctypes.CDLL(None).pause()\nwhile True:\n"
    "    try: ctypes.CDLL(None).sleep(600)\n    except BaseException: pass",
    "task swallows": "import asyncio\nwhile True:\n    try: await asyncio.sleep(600)\n"
    "    except asyncio.CancelledError: pass",
}


@pytest.mark.parametrize("kind", sorted(RUNNING))
def test_shutdown_does_not_wait_for_a_cell(kernel: KernelProcess, mine: Client, kind: str) -> None:
    """Whatever runs, a shutdown on control is answered and the process exits with 0 (CTRL-05,
    CTRL-08)."""
    begin(mine, f"print('runs')\n{RUNNING[kind]}", until="runs")

    shut_down(mine)

    assert kernel.wait(HANG_LIMIT_S) == 0


def test_shutdown_does_not_wait_for_input(kernel: KernelProcess, patient: Client) -> None:
    """A pending prompt does not hold the kernel up (STDIN-12)."""
    begin(patient, "input()", allow_stdin=True)
    patient.receive(Channel.STDIN, HANG_LIMIT_S)

    shut_down(patient)

    assert kernel.wait(HANG_LIMIT_S) == 0


def test_interrupted_cell_is_answered_before_the_end(
    kernel: KernelProcess, patient: Client
) -> None:
    """A cell that a shutdown interrupts has its reply and its idle (EXEC-16, SHELL-05)."""
    running = begin(patient, "print('runs')\nwhile True: pass", until="runs")

    shut_down(patient)

    assert failed(finish(patient, running)).ename == "KeyboardInterrupt"
    assert kernel.wait(HANG_LIMIT_S) == 0


STRUCK_WHILE_SHOWN = """\
import signal, sys
def watch(frame, event, _):
    if event == "call" and frame.f_code.co_name in {"structured_traceback", "_lines_of"}:
        sys.setprofile(None)
        signal.raise_signal(signal.SIGINT)
sys.setprofile(watch)
print("runs")
while True: pass
"""
"""It is interrupted a second time when the first interrupt is about to be shown."""


def test_interrupt_of_the_end_is_shown_whole_and_once(
    kernel: KernelProcess, patient: Client
) -> None:
    """Each interrupt that follows the first leaves what is shown of that as it is: one error with
    the line where the cell was, and no text on stderr (EXEC-17)."""
    running = begin(patient, STRUCK_WHILE_SHOWN, until="runs")

    shut_down(patient)
    answer = finish(patient, running)

    assert "while True: pass" in "\n".join(error(answer).traceback)
    assert failed(answer).ename == error(answer).ename == "KeyboardInterrupt"
    assert answer.text(StreamName.STDERR) == ""
    assert kernel.wait(HANG_LIMIT_S) == 0


def test_shutdown_on_shell_waits_for_its_turn(kernel: KernelProcess, patient: Client) -> None:
    """On shell the requests before it are served first (SHELL-15, SHELL-16)."""
    before = patient.start(ExecuteRequest(code="print('served'); 1"))

    shut_down(patient, Channel.SHELL)

    assert result(finish(patient, before)) == "1"
    assert kernel.wait(HANG_LIMIT_S) == 0


@pytest.mark.parametrize("channel", BOTH)
def test_exit_functions_run_and_are_heard(
    kernel: KernelProcess, patient: Client, channel: Channel
) -> None:
    """atexit functions run, last first, and their output comes before idle (CTRL-06, AMB-39)."""
    execute(
        patient,
        "import atexit, os, sys\n"
        "atexit.register(lambda: os.system('echo child'))\n"
        "atexit.register(lambda: os.write(1, b'raw\\n'))\n"
        "atexit.register(lambda: 1 / 0)\n"
        "atexit.register(print, 'printed', file=sys.stdout);",
    )

    assert shut_down(patient, channel) == "printed\nraw\nchild\n"
    assert kernel.wait(HANG_LIMIT_S) == 0


def test_pool_that_a_cell_has_left_ends(kernel: KernelProcess, patient: Client) -> None:
    """A pool of processes that nobody has shut down keeps no exit function from its turn, and one
    of threads serves it (CTRL-06)."""
    code = (
        "import atexit\nfrom concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor\n"
        "threads = ThreadPoolExecutor(1); print(*threads.map(abs, [-1]))\n"
        "atexit.register(lambda: print('cleaned up', *threads.map(abs, [-2])))\n"  # runs last
        "import multiprocessing.util\n"
        "pool = ProcessPoolExecutor(1); print(*pool.map(abs, [-3]))"
    )
    assert execute(patient, code).text() == "1\n3\n"

    assert shut_down(patient) == "cleaned up 2\n"
    assert kernel.wait(HANG_LIMIT_S) == 0


def test_pool_that_works_on_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is busy, or fails, keeps no other from its end, nor the process."""
    done, never = threading.Event(), threading.Event()
    functions = (never.wait, lambda: 1 / 0, done.set)
    for name, function in zip(exit_module.PROCESS_POOLS, functions, strict=True):
        monkeypatch.setitem(sys.modules, name, cast("Any", SimpleNamespace(_python_exit=function)))
    monkeypatch.setattr(exit_module, "JOIN_S", 0.01)

    exit_module.end_pools()

    assert done.wait(HANG_LIMIT_S)
    never.set()


def test_last_words_may_be_many(kernel: KernelProcess, patient: Client) -> None:
    """What is written after all exit functions, by tasks that are cancelled, is whole (CTRL-06)."""
    execute(
        patient,
        "import asyncio\n"
        "async def talk():\n"
        "    import os  # the namespace is emptied before\n"
        "    try: await asyncio.sleep(600)\n"
        "    finally: os.system('printf %0900000d 0')\n"
        "task = asyncio.create_task(talk()); print('x' * 1_000_000)\n"
        "await asyncio.sleep(0)  # so that it has begun",
    )

    assert shut_down(patient) == "0" * 900_000
    assert kernel.wait(HANG_LIMIT_S) == 0


def test_failing_exit_function_is_told(kernel: KernelProcess, patient: Client) -> None:
    """An atexit function that raises is on stderr and harms nobody (CTRL-06)."""
    execute(patient, "import atexit; atexit.register(lambda: 1 / 0);")

    answer = patient.request(ShutdownRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)

    assert "ZeroDivisionError" in answer.text(StreamName.STDERR)
    assert kernel.wait(HANG_LIMIT_S) == 0


@pytest.mark.parametrize(
    "code",
    [
        "import atexit, time; atexit.register(lambda: time.sleep(600));",
        "import atexit, time\n@atexit.register\ndef loop():\n    while True:\n        try:\n"
        "            time.sleep(600)\n        except KeyboardInterrupt: pass\n",
        "import threading, time; threading.Thread(target=lambda: time.sleep(600)).start()",
        "import threading\ndef loop():\n    while True: pass\n"
        "threading.Thread(target=loop).start()",
        "import concurrent.futures, time\npool = concurrent.futures.ThreadPoolExecutor()\n"
        "pool.submit(time.sleep, 600);",
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN);\nprint('on')",
        "import asyncio\nasync def loop():\n    while True:\n"
        "        try: await asyncio.sleep(600)\n        except asyncio.CancelledError: pass\n"
        "task = asyncio.create_task(loop());",
    ],
)
def test_nothing_keeps_the_kernel_from_ending(
    kernel: KernelProcess, mine: Client, code: str
) -> None:
    """Exit functions, threads and tasks that never end are left behind (CTRL-05)."""
    execute(mine, code)

    shut_down(mine)

    assert kernel.wait(HANG_LIMIT_S) == 0


def test_threads_may_finish(kernel: KernelProcess, patient: Client, tmp_path: Path) -> None:
    """A thread that ends soon is waited for (CTRL-06)."""
    path = tmp_path / "written"
    execute(
        patient,
        "import atexit, threading; gate = threading.Event()\n"
        f"def work(): gate.wait(); open({str(path)!r}, 'w').write('by the thread')\n"
        "threading.Thread(target=work).start(); atexit.register(gate.set);",
    )

    shut_down(patient)

    assert kernel.wait(HANG_LIMIT_S) == 0
    assert path.read_text() == "by the thread"


def test_what_completions_parsed_is_let_go(patient: Client) -> None:
    """Nothing of it is left for Python to look through at the very end (CTRL-05)."""
    patient.request(CompleteRequest(code="print.", cursor_pos=6), timeout=HANG_LIMIT_S)
    code = (
        "import atexit, parso.cache as cache\n"
        "atexit.register(lambda: print(len(cache.parser_cache)))\n"
        "len(cache.parser_cache) > 0"
    )
    assert result(execute(patient, code)) == "True"

    assert shut_down(patient) == "0\n"


def test_files_are_flushed(kernel: KernelProcess, patient: Client, tmp_path: Path) -> None:
    """What was written to an open file is in it (CTRL-06)."""
    path = tmp_path / "open"
    execute(patient, f"file = open({str(path)!r}, 'w'); file.write('kept');")

    shut_down(patient)

    assert kernel.wait(HANG_LIMIT_S) == 0
    assert path.read_text() == "kept"


@pytest.mark.parametrize("keep", ["Open()", "kept = Open()"])
def test_results_are_finalized(
    kernel: KernelProcess, patient: Client, tmp_path: Path, keep: str
) -> None:
    """What a result or a variable holds open is written to its end (CTRL-06)."""
    path = tmp_path / "written"
    execute(
        patient,
        "class Open:\n"
        f"    def __init__(self): self.file = open({str(path)!r}, 'w'); self.file.write('all')\n"
        "    def __repr__(self): return 'open'",
    )
    execute(patient, keep)
    shut_down(patient)

    assert kernel.wait(HANG_LIMIT_S) == 0
    assert path.read_text() == "all"


def test_history_is_saved(tmp_path: Path) -> None:
    """The cell before a shutdown is in the history of the next kernel (HIST-09, CTRL-06)."""
    with start(tmp_path) as first, first.client() as client:
        be_patient(client)
        execute(client, "'last words'")
        shut_down(client)
        first.wait(HANG_LIMIT_S)
    with start(tmp_path) as second, second.client() as client:
        answer = execute(client, "[*get_ipython().history_manager.get_tail(1)]")

    assert "last words" in str(result(answer))


CHILD = """\
import subprocess, time
with open({path!r}, "wb") as end:
    child = subprocess.Popen(["sleep", "600"], stdout=end)
"""


def test_child_processes_end(kernel: KernelProcess, patient: Client, tmp_path: Path) -> None:
    """Children that the kernel leaves behind are ended with it (CTRL-06)."""
    with watched_end(tmp_path) as end:
        succeeded(execute(patient, CHILD.format(path=str(end.path))))

        shut_down(patient)
        assert kernel.wait(HANG_LIMIT_S) == 0

        end.wait()


def test_child_of_a_hanging_cell_ends(kernel: KernelProcess, mine: Client, tmp_path: Path) -> None:
    """A kernel that must be ended by force ends the processes that its cells started."""
    with watched_end(tmp_path) as end:
        child = CHILD.format(path=str(end.path))
        begin(mine, f"{child}print('runs')\n{RUNNING['swallows everything']}", until="runs")

        shut_down(mine)

        assert kernel.wait(HANG_LIMIT_S) == 0
        end.wait()


def test_second_request_is_answered_too(kernel: KernelProcess, mine: Client) -> None:
    """A shutdown request that comes during a shutdown has a reply (SHELL-14)."""
    running = begin(mine, f"print('runs')\n{RUNNING['swallows']}", until="runs")
    first = mine.start(ShutdownRequest(), channel=Channel.CONTROL)
    mine.wait_until(
        lambda: "no" in text_of(running.published), awaited="interrupt", timeout=HANG_LIMIT_S
    )

    second = mine.request(ShutdownRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)

    assert second.content == ShutdownReply(restart=False)
    assert mine.finish(first, timeout=HANG_LIMIT_S).content == ShutdownReply(restart=False)
    assert kernel.wait(HANG_LIMIT_S) == 0


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, "1"),
        (signal.SIGTERM, "while True: pass"),
        (signal.SIGTERM, "import time; time.sleep(600)"),
        (signal.SIGHUP, "1"),
        (signal.SIGHUP, "while True: pass"),
    ],
)
def test_signal_ends_the_kernel(
    kernel: KernelProcess, patient: Client, number: int, code: str
) -> None:
    """SIGTERM and SIGHUP run exit functions and end the process as shells expect (CTRL-05)."""
    execute(patient, "import atexit; atexit.register(lambda: print('exit function'));")
    running = begin(patient, f"print('runs')\n{code}", until="runs")

    os.kill(kernel.pid, number)

    patient.wait_until(
        lambda: "exit function" in text_of(running.published),
        awaited="the exit function",
        timeout=HANG_LIMIT_S,
    )
    assert kernel.wait(HANG_LIMIT_S) == 128 + number


SWALLOWING = """\
import time
try: time.sleep(600)
except BaseException: print('caught')
"""

STRUCK_AGAIN = """\
class Late(Exception):
    def _render_traceback_(self): raise KeyboardInterrupt
import asyncio
try: await asyncio.sleep(600)
except BaseException: raise Late from None
"""
"""IPython is interrupted while it shows the error of the cell, as if a second signal came."""

ENDED = {
    "struck again while it is shown": STRUCK_AGAIN,
    "loop": "while True: pass",
    "sleep": "import time; time.sleep(600)",
    "await": "import asyncio; await asyncio.sleep(600)",
    "print": "while True: print('.', end='')",
    "display": "while True: display(1)",
    "child": "import subprocess; subprocess.run(['sleep', '600'])",
    "input": "input()",
    "swallows": SWALLOWING,
    "swallows and returns": f"{SWALLOWING}'a result'",
    "swallows and fails": f"{SWALLOWING}1 / 0",
    "swallows in a task": "import asyncio\ntry: await asyncio.sleep(600)\n"
    "except asyncio.CancelledError: print('caught')",
}


@pytest.mark.parametrize("kind", sorted(ENDED))
def test_sigterm_says_nothing_of_the_cell(
    kernel: KernelProcess, patient: Client, kind: str
) -> None:
    """A cell that SIGTERM ends has what it wrote, and neither error, reply nor idle: it did not
    raise and did not succeed (EXEC-16, decision 0007)."""
    code = f"print('runs')\n{ENDED[kind]}"
    running = begin(patient, code, until="runs", allow_stdin=kind == "input")
    waiting = patient.start(ExecuteRequest(code="'waits'"))
    if kind == "input":
        patient.receive(Channel.STDIN, HANG_LIMIT_S)

    os.kill(kernel.pid, signal.SIGTERM)
    assert kernel.wait(HANG_LIMIT_S) == 128 + signal.SIGTERM
    with pytest.raises(KernelEndedError):
        patient.finish(running, timeout=HANG_LIMIT_S)

    assert running.reply is None
    assert waiting.reply is None
    types = {received.msg_type for received in running.published}
    assert types <= {"status", "execute_input", "stream", "display_data", "execute_result"}
    assert states(running.published) == ["busy"]
    assert text_of(running.published, StreamName.STDERR) == ""


LAZY_IO_THREAD = """\
import os, signal, threading
one = {min(os.sched_getaffinity(0))}
for thread in threading.enumerate():
    os.sched_setaffinity(thread.native_id, one)
    if thread.name == "assay-io":
        os.sched_setscheduler(thread.native_id, os.SCHED_IDLE, os.sched_param(0))
"""


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="the system has no such priority")
@pytest.mark.parametrize("last", ["", "\n1", "\nraise SystemExit"])
def test_cell_that_signals_its_own_process_is_not_answered(
    kernel: KernelProcess, patient: Client, last: str
) -> None:
    """A cell that ends the process by a signal has no reply, even if nothing follows in it.

    The I/O thread, which decides about the end, has a processor only while the main thread waits.
    """
    execute(patient, LAZY_IO_THREAD)
    asked = patient.start(ExecuteRequest(code=f"os.kill(os.getpid(), signal.SIGTERM){last}"))
    with pytest.raises(KernelEndedError):
        patient.finish(asked, timeout=HANG_LIMIT_S)

    assert kernel.wait(HANG_LIMIT_S) == 128 + signal.SIGTERM
    assert asked.reply is None
    assert states(asked.published) == ["busy"]


def test_parent_that_ends_says_nothing_of_the_cell(tmp_path: Path) -> None:
    """It is the same when the launcher's process ends."""
    with (
        subprocess.Popen(["sleep", "600"]) as parent,
        start(
            tmp_path, env={"JPY_PARENT_PID": str(parent.pid)}, command=parented(parent.pid)
        ) as kernel,
        kernel.client() as client,
    ):
        be_patient(client)
        running = begin(client, "print('runs')\nwhile True: pass", until="runs")
        parent.kill()
        parent.wait()
        assert kernel.wait(HANG_LIMIT_S) == 0
        with pytest.raises(KernelEndedError):
            client.finish(running, timeout=HANG_LIMIT_S)

    assert running.reply is None
    assert states(running.published) == ["busy"]


def parented(pid: int) -> list[str]:
    """Return a command that starts the kernel as if the process *pid* had done so."""
    return ["env", f"JPY_PARENT_PID={pid}", *argv()]


def test_sigterm_ends_what_does_not_look(kernel: KernelProcess, mine: Client) -> None:
    """A main thread that waits where no signal reaches it is left behind (CTRL-05).

    As it would wait if a signal came just before it began to.
    """
    code = (
        "import ctypes\n"
        "libc = ctypes.CDLL(None)\n"
        "mutex = ctypes.create_string_buffer(64)\n"
        "libc.pthread_mutex_lock(mutex)\n"
        "print('runs')\n"
        "libc.pthread_mutex_lock(mutex)"
    )
    begin(mine, code, until="runs")

    os.kill(kernel.pid, signal.SIGTERM)

    assert kernel.wait(HANG_LIMIT_S) == 128 + signal.SIGTERM


def test_signal_of_a_forked_child_is_the_childs(kernel: KernelProcess, mine: Client) -> None:
    """What a child of the kernel is sent does not end the kernel (CTRL-05)."""
    code = (
        "import os, signal, time\n"
        "r, w = os.pipe()\n"
        "if not (child := os.fork()):\n"
        "    signal.signal(signal.SIGTERM, lambda *_: os._exit(7))\n"
        "    os.write(w, b'1'); time.sleep(600)\n"
        "os.read(r, 1); os.kill(child, signal.SIGTERM); os.waitpid(child, 0)[1] >> 8"
    )
    assert result(execute(mine, code)) == "7"

    assert is_well(mine)
    assert kernel.exit_code is None


def test_sigterm_is_the_programs_while_it_handles_it(kernel: KernelProcess, mine: Client) -> None:
    """A handler that a cell puts into the place of ours for a while is the one that counts."""
    code = (
        f"{LOAD}import os, signal; got = []\n"
        "for _ in range(20):\n"
        "    ours = signal.signal(signal.SIGTERM, lambda *_: got.append(1))\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    signal.signal(signal.SIGTERM, ours)\n"
        "    probe.io_thread_passes()\n"
        "probe.sigterm_is_judged()\n"
        "len(got)"
    )
    assert result(execute(mine, code)) == "20"

    assert is_well(mine)
    assert kernel.exit_code is None


def test_signal_of_a_child_that_c_code_forked_is_the_childs(
    kernel: KernelProcess, mine: Client
) -> None:
    """Such a child tells the kernel's own pipe of it, and Python nothing of the child (CTRL-05)."""
    code = (
        f"{LOAD}import os, signal\n"
        "pipe = signal.set_wakeup_fd(-1)\n"
        "signal.set_wakeup_fd(pipe)\n"
        "os.write(pipe, bytes([signal.SIGTERM]))\n"
        "probe.sigterm_is_judged()"
    )
    succeeded(execute(mine, code))

    assert is_well(mine)
    assert kernel.exit_code is None


WAKEUP = """\
import signal, trio, warnings
def wakeup():
    found = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(found, warn_on_full_buffer=False)
    return found
async def inside(): return wakeup()
"""
"""What looks where Python writes signals."""


def test_signals_come_while_trio_runs(mine: Client) -> None:
    """Python writes signals for the kernel before, in and after a run of trio, which warns if
    others are told of them: it does not see that, and warns of what a program has put there."""
    succeeded(execute(mine, WAKEUP))
    code = """
with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    places = {wakeup(), trio.run(inside), wakeup()}
len(places), -1 in places, [str(one.message) for one in found]
"""
    assert result(execute(mine, code)) == "(1, False, [])"

    code = """
import socket
theirs, other = socket.socketpair()
theirs.setblocking(False)
with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    before = signal.set_wakeup_fd(theirs.fileno())
    trio.run(inside)
    after = signal.set_wakeup_fd(before)
after == theirs.fileno(), len(found)
"""
    assert result(execute(mine, code)) == "(True, 1)"


def test_guest_run_of_trio_leaves_signals_to_the_kernel(mine: Client) -> None:
    """Trio as the guest of a cell's loop takes nothing from the kernel, and warns of nothing."""
    succeeded(execute(mine, WAKEUP))
    code = """
import asyncio
loop, done = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    trio.lowlevel.start_guest_run(
        inside, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=done.set_result)
    outcome = await done
outcome.unwrap() == wakeup() != -1, [str(one.message) for one in found]
"""
    assert result(execute(mine, code)) == "(True, [])"


# --- What the kernel made, and what it did not make


def test_given_connection_file_is_kept(kernel: KernelProcess, patient: Client) -> None:
    """A connection file that the kernel did not make is left alone (CONN-12)."""
    shut_down(patient)
    kernel.wait(HANG_LIMIT_S)

    assert kernel.connection_file.exists()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A kernel that was started without a connection file, and the path it was given."""
    path = tmp_path / "kernel.json"
    command = [str(path) if word == "{connection_file}" else word for word in argv()]
    environment = os.environ | {"IPYTHONDIR": str(tmp_path), "JPY_PARENT_PID": str(os.getpid())}
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:
        yield process, path
        process.kill()


def connection_of(process: subprocess.Popen[bytes], path: Path) -> ConnectionFile:
    """Return what stands in the connection file, once it is there."""
    while not path.exists():
        assert process.poll() is None
    return ConnectionFile.read(path)


def test_own_connection_file_is_private_and_removed(
    alone: tuple[subprocess.Popen[bytes], Path],
) -> None:
    """A kernel without a file makes one for its user alone and removes it (CONN-04, CONN-12)."""
    process, path = alone
    connection = connection_of(process, path)
    mode = path.stat().st_mode & 0o777

    with Client(connection) as client:
        client.wait_until_ready(HANG_LIMIT_S)
        be_patient(client)
        client.send(ShutdownRequest(), channel=Channel.CONTROL)
        code = process.wait(HANG_LIMIT_S)

    assert (mode, code) == (0o600, 0)
    assert connection.key
    assert not path.exists()


def test_sockets_of_ipc_are_removed(tmp_path: Path) -> None:
    """The files of ipc sockets are gone after the end (CONN-10)."""
    place = tmp_path / "sockets"
    place.mkdir()
    wanted = ConnectionFile(transport=Transport.IPC, ip=str(place / "kernel"), key="k")
    with start(tmp_path, connection=wanted) as kernel, kernel.client() as client:
        assert result(execute(client, "1")) == "1"
        assert len(list(place.iterdir())) == 5

        be_patient(client)
        shut_down(client)

        assert kernel.wait(HANG_LIMIT_S) == 0
    assert list(place.iterdir()) == []


def test_end_by_force_leaves_no_files(tmp_path: Path) -> None:
    """What a kernel has made is gone where it hangs and is ended by force (CONN-04, CONN-10)."""
    place, path = tmp_path / "sockets", tmp_path / "kernel.json"
    place.mkdir()
    options = argv("--transport=ipc", f"--ip={place / 'kernel'}")
    command = [str(path) if word == "{connection_file}" else word for word in options]
    environment = os.environ | {"IPYTHONDIR": str(tmp_path), "JPY_PARENT_PID": str(os.getpid())}
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(
                command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL
            )
        )
        stack.callback(process.kill)
        client = stack.enter_context(Client(connection_of(process, path)))
        client.wait_until_ready(HANG_LIMIT_S)
        begin(client, f"print('runs')\n{RUNNING['swallows everything']}", until="runs")
        made = [*place.iterdir()]
        client.send(ShutdownRequest(), channel=Channel.CONTROL)
        code = process.wait(HANG_LIMIT_S)

    assert (len(made), code) == (5, 0)
    assert [*place.iterdir()] == []
    assert not path.exists()


PARENT = """
import os, subprocess, sys
subprocess.Popen(
    sys.argv[1:], env=os.environ | {"JPY_PARENT_PID": str(os.getpid())}, start_new_session=True
)
sys.stdin.read()
"""


@pytest.mark.parametrize("busy", [False, True])
def test_kernel_ends_with_its_parent(tmp_path: Path, busy: bool) -> None:
    """A kernel whose launcher is gone ends, whatever it does (CTRL-05).

    Also while that launcher's own parent has not looked after it.
    """
    path = tmp_path / "kernel.json"
    command = [str(path) if word == "{connection_file}" else word for word in argv()]
    with (
        subprocess.Popen(
            [sys.executable, "-c", PARENT, *command],
            env=os.environ | {"IPYTHONDIR": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as parent,
        Client(connection_of(parent, path)) as client,
        watched_end(tmp_path) as end,
    ):
        client.wait_until_ready(HANG_LIMIT_S)
        succeeded(execute(client, f"import os; os.open({str(end.path)!r}, os.O_WRONLY)"))
        if busy:
            begin(client, "print('runs')\nwhile True: pass", until="runs")
        parent.kill()
        end.wait()
        parent.wait()

    assert not path.exists()


def test_port_that_is_taken_ends_the_start(tmp_path: Path) -> None:
    """A port that cannot be bound is an error, told on stderr (CONN-11)."""
    with start(tmp_path) as kernel:
        path = tmp_path / "taken.json"
        kernel.connection.write(path)
        command = [str(path) if word == "{connection_file}" else word for word in argv()]

        second = subprocess.run(
            command, capture_output=True, text=True, timeout=HANG_LIMIT_S, check=False
        )

    assert second.returncode == 1
    assert second.stderr.startswith("assay")
    assert "Traceback" not in second.stderr
    assert path.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"shell_port": "x"}', '{"transport": "udp"}'])
def test_wrong_connection_file_ends_the_start(tmp_path: Path, text: str) -> None:
    """A file that is no connection file is an error, told on stderr (CONN-01)."""
    path = tmp_path / "wrong.json"
    path.write_text(text)
    command = [str(path) if word == "{connection_file}" else word for word in argv()]

    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=HANG_LIMIT_S, check=False
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith("assay")
    assert "wrong.json" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_user_cannot_end_the_kernel_by_mistake(mine: Client) -> None:
    """`sys.exit` in a cell is an error; the kernel lives (EXEC-17)."""
    assert failed(execute(mine, "import sys; sys.exit(3)", stop_on_error=False)).ename == (
        "SystemExit"
    )
    succeeded(execute(mine, "1"))


def test_crash_of_the_process_is_the_users(kernel: KernelProcess, mine: Client) -> None:
    """`os._exit` ends the process at once, with its code (CTRL-05)."""
    mine.start(ExecuteRequest(code="import os; os._exit(7)"))

    assert kernel.wait(HANG_LIMIT_S) == 7
