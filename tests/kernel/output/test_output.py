"""What a program writes: under the right cell, in order, complete, before idle."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.protocol import StreamName
from assay.transport import Client, KernelProcess
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    be_patient,
    begin,
    error,
    execute,
    failed,
    finish,
    heard_meanwhile,
    is_well,
    outputs,
    result,
    start,
    states,
    succeeded,
)

PRINTF = """
import ctypes
libc = ctypes.CDLL(None)
"""


def test_text_of_both_streams_keeps_its_order(client: Client) -> None:
    """Text is published in the order of writing (IOPUB-09, IOPUB-27)."""
    answer = execute(
        client,
        "import sys\nfor i in range(200): print(i, file=(sys.stdout, sys.stderr)[i % 2])",
    )

    assert outputs(answer) == ["stdout", "stderr"] * 100
    assert answer.text() == "".join(f"{i}\n" for i in range(0, 200, 2))


def test_much_text_arrives_complete(client: Client) -> None:
    """100,000 lines arrive whole, in order and before idle (EXEC-31, IOPUB-27)."""
    answer = execute(client, "for i in range(100_000): print(i)")

    assert answer.text() == "".join(f"{i}\n" for i in range(100_000))
    assert heard_meanwhile(client) == []


def test_descriptors_are_captured(client: Client) -> None:
    """Bytes written to descriptors 1 and 2 are output like any other (EXEC-31)."""
    answer = execute(
        client,
        "import os\n"
        "print('a'); os.write(1, b'b\\n'); print('c'); os.write(2, b'd\\n'); print('e')\n"
        "os.write(1, b'no newline');",
    )

    assert answer.text() == "a\nb\nc\ne\nno newline"
    assert answer.text(StreamName.STDERR) == "d\n"
    assert outputs(answer) == ["stdout", "stderr", "stdout"]


def test_c_code_is_heard(client: Client) -> None:
    """What C's stdio holds back is published in the cell that wrote it (EXEC-31)."""
    answer = execute(
        client,
        PRINTF + "libc.printf(b'a line\\n'); print('printed')\n"
        "libc.puts(b'another'); libc.printf(b'no newline');",
    )

    assert answer.text() == "a line\nprinted\nanother\nno newline"


def test_c_code_writes_in_its_own_cell(client: Client) -> None:
    """Text without a newline does not wait for the next cell (EXEC-31, S-197)."""
    first = execute(client, PRINTF + "libc.printf(b'first');")
    second = execute(client, "libc.printf(b'second');")

    assert first.text() == "first"
    assert second.text() == "second"


@pytest.mark.parametrize(
    "before",
    [
        "print('a', end='')",
        "print('a', end='', flush=True)",
        "sys.stdout.write('a'); sys.stdout.flush()",
        "print('a', 'b', sep='', end='')",
    ],
)
@pytest.mark.parametrize("between", ["os.write(1, b'C')", "os.system('printf C')"])
def test_line_may_be_finished_by_others(client: Client, before: str, between: str) -> None:
    """What C code or a child writes comes between two prints of one line (IOPUB-27)."""
    code = f"import os, sys\nfor i in range(3):\n    {before}; {between}; print()\n    {between}"

    line = before.count("'b'") * "b"
    assert execute(client, code).text() == f"a{line}C\nC" * 3


def test_line_that_is_not_flushed_may_stay_together(client: Client) -> None:
    """Its end need not wait for what others write meanwhile; nothing is lost (decision 0006)."""
    code = "import os, sys\nsys.stdout.write('a'); os.write(1, b'C'); print(); print('b')"

    assert execute(client, code).text() in {"a\nCb\n", "aC\nb\n"}


def test_bytes_are_decoded_as_a_stream(client: Client) -> None:
    """A character split between two writes is one character; wrong bytes are shown (IOPUB-26)."""
    answer = execute(
        client,
        "import os, sys\n"
        "data = '\u00e9\U0001f40d\\n'.encode()\n"
        "for i in range(len(data)): os.write(1, data[i:i + 1])\n"
        "for i in range(len(data)): sys.stdout.buffer.write(data[i:i + 1])\n"
        "os.write(1, b'\\xff\\n');",
    )

    assert answer.text() == "\u00e9\U0001f40d\n" * 2 + "\\xff\n"


@pytest.mark.parametrize(
    "code",
    [
        "!echo child",
        "import os; os.system('echo child')",
        "import subprocess; subprocess.run(['echo', 'child'])",
        "%%bash\necho child",
        "%%sh\necho child",
        "import subprocess, sys; subprocess.run(['echo', 'child'], stdout=sys.stdout)",
        "print(subprocess.check_output(['echo', 'child'], text=True), end='')",
        "import subprocess; p = subprocess.Popen(['echo', 'child']); p.wait()",
        "%%python\nprint('child')",
        "x = !echo child\nprint(x[0])",
    ],
)
def test_child_processes_are_heard(client: Client, code: str) -> None:
    """What a child process writes belongs to the cell that waits for it (EXEC-31)."""
    execute(client, "import subprocess")

    answer = execute(client, f"{code};" if code.count("\n") == 0 else code)

    succeeded(answer)
    # ``!`` gives a command a terminal, whose lines end like this.
    assert answer.text().replace("\r\n", "\n") == "child\n"


def test_output_of_child_stands_between_ours(client: Client) -> None:
    """Text of a child comes where it was written (IOPUB-27)."""
    answer = execute(
        client,
        "import os\nfor i in range(5):\n    print(i)\n    os.system('echo child; echo err >&2')\n"
        "    display(i)",
    )

    lines = [line for i in range(5) for line in (str(i), "child")]
    assert answer.text().splitlines() == lines
    assert answer.text(StreamName.STDERR) == "err\n" * 5
    assert [name for name in outputs(answer) if name == "display_data"] == ["display_data"] * 5
    assert outputs(answer)[-1] == "display_data"


def test_much_output_of_a_child_arrives_complete(client: Client) -> None:
    """A child that writes megabytes neither hangs nor loses any (EXEC-31)."""
    answer = execute(client, "!seq 1 300000")

    assert answer.text() == "".join(f"{i}\r\n" for i in range(1, 300_001))


def test_failing_command_is_reported(client: Client) -> None:
    """`_exit_code` tells how a command ended; ``%%bash`` raises (EXEC-17)."""
    answer = execute(client, "!exit 3\n_exit_code")
    bash = execute(client, "%%bash\nexit 3", stop_on_error=False)

    assert result(answer) == "3"
    assert failed(bash).ename == error(bash).ename == "CalledProcessError"


def test_logging_and_warnings_are_heard(client: Client) -> None:
    """Handlers that took `sys.stderr` earlier write to the cell that logs (EXEC-31)."""
    execute(
        client,
        "import logging, warnings\nlogger = logging.getLogger('mine')\n"
        "handler = logging.StreamHandler(); logger.addHandler(handler)",
    )

    answer = execute(client, "logger.warning('logged'); warnings.warn('warned')")

    heard = answer.text(StreamName.STDERR)
    assert heard.startswith("logged\n")
    assert "UserWarning: warned" in heard


def test_streams_behave_like_files(client: Client) -> None:
    """`sys.stdout` has what programs ask of a text file (IOPUB-09)."""
    answer = execute(
        client,
        "import sys, io\n"
        "out = sys.stdout\n"
        "(out.encoding, out.isatty(), out.writable(), out.readable(), out.closed,\n"
        " out.fileno() > 2,\n"
        " isinstance(out, io.TextIOBase), out.write('abc'), out.errors, sys.__stdout__ is None)",
    )

    assert result(answer) == (
        "('utf-8', False, True, False, False, True, True, 3, 'backslashreplace', False)"
    )


def test_flush_of_nothing_sends_nothing(client: Client) -> None:
    """What holds no text has no message (S-201)."""
    answer = execute(client, "import sys; sys.stdout.flush(); sys.stderr.flush(); print(end='')")

    assert answer.types == ("status", "execute_input", "status")


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_streams_can_be_redirected(client: Client, name: str) -> None:
    """`contextlib.redirect_stdout` works, and what follows is shown again (IOPUB-09)."""
    answer = execute(
        client,
        "import contextlib, io, sys\n"
        f"with contextlib.redirect_{name}(io.StringIO()) as taken:\n"
        f"    print('taken', file=sys.{name})\n"
        f"print('heard', file=sys.{name})\n"
        "taken.getvalue()",
    )

    assert answer.text(StreamName(name)) == "heard\n"
    assert result(answer) == r"'taken\n'"


def test_output_can_be_captured(client: Client) -> None:
    """``%%capture`` takes text and displays (IOPUB-10)."""
    answer = execute(client, "%%capture taken\nprint('text'); display(1)\n2")
    shown = execute(client, "taken.stdout, len(taken.outputs)")

    assert outputs(answer) == []
    assert result(shown) == r"('text\n', 2)"


@pytest.mark.parametrize("value", ["1", "b'bytes'", "None"])
def test_only_text_can_be_written(client: Client, value: str) -> None:
    """Writing anything but text is a TypeError, as with any text file (IOPUB-26)."""
    answer = execute(client, f"import sys; sys.stdout.write({value})", stop_on_error=False)

    assert failed(answer).ename == "TypeError"


def test_user_may_close_the_streams(mine: Client) -> None:
    """A program that closes `sys.stdout` hurts itself alone (EXEC-31)."""
    execute(mine, "import sys; sys.stdout.close()", stop_on_error=False)

    assert is_well(mine)
    execute(mine, "1 + 1", stop_on_error=False)
    assert is_well(mine)


@pytest.mark.parametrize("code", ["sys.stdout = None", "del sys.stdout", "sys.stderr = 5"])
def test_user_may_lose_the_streams(client: Client, code: str) -> None:
    """A cell that leaves no stream to write to does not spoil those after it (EXEC-31)."""
    execute(client, f"import sys\n{code}", stop_on_error=False)

    answer = execute(client, "print('out'); print('err', file=sys.stderr)")

    assert answer.text() == "out\n"
    assert answer.text(StreamName.STDERR) == "err\n"


# --- Forked children


def test_forked_child_is_heard(client: Client) -> None:
    """A forked child writes to the cell that forked it (EXEC-31, S-202)."""
    answer = execute(
        client,
        # Of the threads that the child does not get, Python 3.12 and later warn.
        "import os, sys, warnings\n"
        "warnings.filterwarnings('ignore', '.*use of fork')\n"
        "print('before')\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    print('child'); print('err', file=sys.stderr); os.write(1, b'raw\\n'); os._exit(7)\n"
        "code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"
        "print('after', code)",
    )

    assert answer.text() == "before\nchild\nraw\nafter 7\n"
    assert answer.text(StreamName.STDERR) == "err\n"


@pytest.mark.parametrize("ending", ["", "raise SystemExit(1)", "1 / 0", "display(1)", "input()"])
def test_forked_child_never_speaks_for_its_parent(client: Client, ending: str) -> None:
    """A child that runs to the cell's end is gone then, and has sent nothing itself (S-202)."""
    answer = execute(
        client,
        "import os\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    print('child')\n"
        f"    {ending}\n"
        "else:\n"
        "    _ = os.waitpid(pid, 0)\n"
        "    print('parent')",
    )

    succeeded(answer)
    assert answer.text() == "child\nparent\n"
    assert set(outputs(answer)) <= {"stdout", "stderr"}
    assert is_well(client)
    assert result(execute(client, "'one kernel'")) == "'one kernel'"


def test_children_take_nothing_from_their_parent(client: Client) -> None:
    """While children run to the end of the cell, all that is written arrives (S-202)."""
    answer = execute(
        client,
        "import os\n"
        "pids = []\n"
        "for i in range(20):\n"
        "    os.write(1, b'parent\\n')\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        print('child'); break\n"
        "    pids.append(pid)\n"
        "else:\n"
        "    for pid in pids: os.write(1, b'waits\\n'); os.waitpid(pid, 0)",
    )

    lines = answer.text().splitlines()
    assert [lines.count(word) for word in ("parent", "child", "waits")] == [20, 20, 20]


def test_lines_of_forked_children_do_not_mix(client: Client) -> None:
    """Children that print at the same time write whole lines (IOPUB-27)."""
    answer = execute(
        client,
        "import os\n"
        "pids = []\n"
        "for i in range(8):\n"
        "    if (pid := os.fork()) == 0:\n"
        "        for j in range(200): print('child', i, j)\n"
        "        os._exit(0)\n"
        "    pids.append(pid)\n"
        "for pid in pids: os.waitpid(pid, 0)",
    )

    assert sorted(answer.text().splitlines()) == sorted(
        f"child {i} {j}" for i in range(8) for j in range(200)
    )


MODULE = """
import os, sys

def work(n):
    # In one piece: unless Python buffers, `print` writes the end of a line on its own.
    sys.stdout.write(f"work {n}\\n")
    sys.stdout.flush()
    os.write(2, b"raw\\n")
    return n * n
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_is_heard(tmp_path: Path, method: str) -> None:
    """Processes of `multiprocessing` write to the cell that waits for them (EXEC-31)."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "jobs.py").write_text(MODULE)
    with start(tmp_path, cwd=work) as kernel, kernel.client() as client:
        answer = execute(
            client,
            "import multiprocessing, jobs\n"
            f"context = multiprocessing.get_context({method!r})\n"
            "process = context.Process(target=jobs.work, args=(3,))\n"
            "process.start(); process.join()\n"
            "with context.Pool(2) as pool: squares = pool.map(jobs.work, range(4))\n"
            "process.exitcode, squares",
        )

    assert result(answer) == "(0, [0, 1, 4, 9])"
    assert sorted(answer.text().splitlines()) == [
        "work 0",
        "work 1",
        "work 2",
        "work 3",
        "work 3",
    ]
    assert answer.text(StreamName.STDERR) == "raw\n" * 5


def test_forked_process_can_be_terminated(client: Client) -> None:
    """SIGTERM ends a forked child as it ends any process (EXEC-01)."""
    answer = execute(
        client,
        "import multiprocessing, time\n"
        "process = multiprocessing.get_context('fork').Process(target=time.sleep, args=(600,))\n"
        "process.start(); process.terminate(); process.join(); process.exitcode",
    )

    assert result(answer) == "-15"


def test_forked_children_can_be_interrupted(kernel: KernelProcess, mine: Client) -> None:
    """An interrupt ends a wait for a forked child, and the child too (CTRL-11)."""
    running = begin(
        mine,
        "import os, time\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    print('child sleeps'); time.sleep(600); os._exit(0)\n"
        "os.waitpid(pid, 0)",
        until="child sleeps",
    )

    kernel.interrupt()

    assert failed(finish(mine, running)).ename == "KeyboardInterrupt"
    # The interrupted wait may have reaped the child before its exception was raised.
    gone = execute(
        mine,
        "try: os.waitpid(pid, 0)\n"
        "except ChildProcessError: pass\n"
        "try: os.kill(pid, 0)\n"
        "except ProcessLookupError: print('gone')",
    )
    assert gone.text() == "gone\n"


def test_output_after_the_end_has_a_parent(mine: Client) -> None:
    """What a child writes after its cell's idle is published too (IOPUB-24)."""
    execute(
        mine,
        "import subprocess\n"
        "child = subprocess.Popen(['sh', '-c', 'read line; echo $line'],"
        " stdin=subprocess.PIPE, text=True)",
    )

    answer = execute(mine, "child.communicate('late'); child.wait()")

    assert answer.text() == "late\n"


def test_silent_child_output_is_not_published(client: Client) -> None:
    """What children of a silent request write stays unheard as well (EXEC-04)."""
    execute(client, "import os; os.system('echo child'); os.write(1, b'raw')", silent=True)
    answer = execute(client, "print('next')")

    assert answer.text() == "next\n"
    assert heard_meanwhile(client) == []


def test_real_streams_are_left_alone(tmp_path: Path) -> None:
    """What user code writes does not reach the terminal of the kernel's process (EXEC-31)."""
    with start(tmp_path) as kernel:
        with kernel.client() as client:
            be_patient(client)
            execute(client, "import os; print('text'); os.write(1, b'bytes'); os.system('echo x')")
        kernel.shutdown()

        assert kernel.wait(HANG_LIMIT_S) == 0
        assert kernel.written() == ""


def test_child_that_never_stops_writing(kernel: KernelProcess, mine: Client) -> None:
    """A child that goes on writing for ever keeps no cell from ending (SHELL-05).

    What it writes behind a cell's idle is the cell's too, and may come before its reply is read.
    """
    answers = [
        mine.execute(code, timeout=HANG_LIMIT_S)
        for code in (
            "import subprocess; child = subprocess.Popen(['yes'])",
            "child.kill(); child.wait()",
        )
    ]

    assert [states(answer.published) for answer in answers] == [["busy", "idle"]] * 2
    assert kernel.exit_code is None


AT_ANY_MOMENT = {
    "finalizer": "import gc, os\n"
    "class Loud:\n"
    "    def __init__(self): self.circle = self\n"
    "    def __del__(self): print('gone')\n"
    "threshold = gc.get_threshold()\n"
    "for number in range(1_000):\n"
    "    gc.set_threshold(1 + number % 20)\n"
    "    os.write(1, b'by C\\n'); Loud(); print('ours')\n"
    "gc.set_threshold(*threshold); gc.collect()\n",
    "signal": "import os, signal\n"
    # Set again when the handler has printed: a machine on which that takes longer than the timer
    # would do nothing else.
    "def handle(*_): print('gone'); signal.setitimer(signal.ITIMER_REAL, 0.0003)\n"
    "signal.signal(signal.SIGALRM, handle); signal.setitimer(signal.ITIMER_REAL, 0.0003)\n"
    "for _ in range(5_000):\n"
    "    os.write(1, b'by C\\n'); print('ours')\n"
    "signal.signal(signal.SIGALRM, signal.SIG_IGN); signal.setitimer(signal.ITIMER_REAL, 0)\n",
}


@pytest.mark.parametrize("kind", sorted(AT_ANY_MOMENT))
def test_anything_may_write_at_any_moment(client: Client, kind: str) -> None:
    """Code that runs in the middle of our own may print: finalizers and signal handlers.

    A finalizer may run in any thread, and so end its line when the cell has ended.
    """
    answer = client.execute(AT_ANY_MOMENT[kind], timeout=HANG_LIMIT_S)

    succeeded(answer)
    text = answer.text()
    assert text.count("ours") == text.count("by C") > 0
    assert "gone" in text
