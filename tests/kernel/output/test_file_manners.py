"""What programs do with streams that are files elsewhere: bytes, descriptors, wrappers, closing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.protocol import Channel, CompleteRequest, ShutdownRequest, StreamName
from assay.transport import Client
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    argv,
    execute,
    failed,
    heard_meanwhile,
    outputs,
    result,
    start,
    succeeded,
    text_of,
)

AS_FILES = {
    "its bytes have a name and a mode": (
        "b = sys.stdout.buffer; print(b.name, b.mode, b.isatty(), b.readable(), b.seekable())",
        "<stdout> wb False False False\n",
    ),
    "raw bytes": ("sys.stdout.buffer.raw.write(b'raw\\n');", "raw\n"),
    "lines of bytes": ("sys.stdout.buffer.writelines([b'a\\n', b'b\\n'])", "a\nb\n"),
    "a character in two pieces": (
        "sys.stdout.buffer.write(b'\\xe2\\x82'); sys.stdout.buffer.write(b'\\xac\\n');",
        "\u20ac\n",
    ),
    "a wrapper of its bytes": (
        "w = io.TextIOWrapper(sys.stdout.buffer); print(w.name, file=w, flush=True); del w; "
        "print('on')",
        "<stdout>\non\n",
    ),
    "what is detached can be wrapped": (
        "sys.stdout = io.TextIOWrapper(sys.stdout.detach(), 'utf-8', line_buffering=True); "
        "print('wrapped'); sys.stdout = ours",
        "wrapped\n",
    ),
    "files on its descriptor": (
        "with open('/dev/fd/1', 'w') as f: print('opened', file=f)\n"
        "with io.open(sys.stdout.fileno(), 'w', closefd=False) as f: print('by number', file=f)",
        "opened\nby number\n",
    ),
    "children that write to it": (
        "import subprocess\n"
        "subprocess.run(['echo', 'text'], stdout=sys.stdout)\n"
        "subprocess.run(['echo', 'bytes'], stdout=sys.stdout.buffer)\n"
        "subprocess.run(['echo', 'original'], stdout=sys.__stdout__);",
        "text\nbytes\noriginal\n",
    ),
    "the original stream, line by line": (
        "for n in 1, 2: print(n, file=sys.__stdout__); print(n, 'ours')\n"
        "print('rest', end='', file=sys.__stdout__)",
        "1\n1 ours\n2\n2 ours\nrest",
    ),
    "a call without its argument": (
        "try: sys.stdout.write()\nexcept TypeError as error: print(str(error)[:14])",
        "write() missin\n",
    ),
    "text is no bytes": (
        "try: sys.stdout.buffer.write('text')\nexcept TypeError as error: print(error)",
        "a bytes-like object is required, not 'str'\n",
    ),
    "its description": (
        "print(sys.stdout)",
        "<OutStream name='<stdout>' mode='w' encoding='utf-8'>\n",
    ),
}


@pytest.mark.parametrize(("code", "text"), AS_FILES.values(), ids=AS_FILES.keys())
def test_stream_passes_for_a_file(client: Client, code: str, text: str) -> None:
    """What a program does with the stdout of a script has the same output here (EXEC-31)."""
    answer = execute(client, f"import io, sys\nours = sys.stdout\n{code}")

    succeeded(answer)
    assert answer.text() == text


def test_half_a_character_belongs_to_its_cell(client: Client) -> None:
    """The bytes of a character that never ends are shown at the end of the cell, and complete
    nothing of the next one's (EXEC-31)."""
    first = execute(client, "import sys\nsys.stdout.buffer.write(b'caf\\xc3');")
    second = execute(client, "sys.stdout.buffer.write(b'\\xa9\\n');")

    assert first.text() == "caf\\xc3"
    assert second.text() == "\\xa9\n"


TWO_CELLS = {
    "closed": ("sys.stdout.close()", "ValueError", "I/O operation on closed file"),
    "detached": ("sys.stdout.detach()", "ValueError", "underlying buffer has been detached"),
}


@pytest.mark.parametrize(("code", "ename", "evalue"), TWO_CELLS.values(), ids=TWO_CELLS.keys())
def test_stream_takes_text_again_in_the_next_cell(
    client: Client, code: str, ename: str, evalue: str
) -> None:
    """A stream that a cell has given up is a clear error in that cell, and open in the next."""
    reply = failed(execute(client, f"import sys\n{code};\nprint('never')"))
    after = execute(client, "print('again')")

    assert (reply.ename, reply.evalue) == (ename, evalue)
    assert after.text() == "again\n"


CLOSED_DESCRIPTORS = {
    "one": "os.close(1)",
    "both": "os.close(1); os.close(2)",
    "the stream's own": "os.close(sys.stdout.fileno())",
    "one, which sqlite fills": "os.close(1); os.open('/dev/null', os.O_RDONLY)",
    "the stream's own and one": "os.close(sys.stdout.fileno()); os.close(1)",
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A kernel in which nothing opens a file but cells: no thread writes the history."""
    options = "--HistoryManager.hist_file=:memory:"
    with (
        start(tmp_path_factory.mktemp("alone"), options) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        yield client


@pytest.mark.parametrize("code", CLOSED_DESCRIPTORS.values(), ids=CLOSED_DESCRIPTORS.keys())
def test_closed_descriptor_is_open_in_the_next_cell(alone: Client, code: str) -> None:
    """A program that closes a descriptor, as one that is about to end may, leaves the next cell
    all of its streams: for children, C code and `fileno`."""
    succeeded(execute(alone, f"import os, subprocess, sys\n{code}"))

    answer = execute(
        alone,
        "os.system('echo child; echo error >&2')\n"
        "os.write(sys.stdout.fileno(), b'own\\n')\n"
        "subprocess.run(['echo', 'handed'], stdout=sys.stdout);",
    )

    succeeded(answer)
    assert sorted(answer.text().split()) == ["child", "handed", "own"]
    assert answer.text(StreamName.STDERR) == "error\n"


NONE_LEFT = """\
import os, resource
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (70, limits[1]))
os.close(1)
taken = []
try:
    while True: taken.append(os.open('/dev/null', os.O_RDONLY))
except OSError: pass
"""


def test_closed_descriptor_is_open_again_though_none_is_left(alone: Client) -> None:
    """A cell that closes a descriptor and takes all others is answered, and 1 is open again."""
    succeeded(execute(alone, NONE_LEFT))
    answer = execute(
        alone,
        "resource.setrlimit(resource.RLIMIT_NOFILE, limits)\n"
        "for one in taken:\n    if one != 1: os.close(one)\n"
        "os.system('echo child');",
    )

    succeeded(answer)
    assert answer.text() == "child\n"


def test_file_to_read_in_the_place_of_a_descriptor_stays(alone: Client) -> None:
    """A file that a program opens gets the number of the descriptor that it has closed, and is
    its own until it closes it."""
    succeeded(
        execute(
            alone,
            "import os\nwith open('read', 'w') as f: f.write('text')\n"
            "number = os.dup(1); os.close(1); f = open('read')\nassert f.fileno() == 1",
        )
    )
    read = execute(alone, "print(f.read()); f.close(); os.close(number)")
    after = execute(alone, "os.system('echo child');")

    assert read.text() == "text\n"
    assert after.text() == "child\n"


HALVES = {
    "closed": "sys.stdout.buffer.write(b'\\xc3'); sys.stdout.close()",
    "strict": "sys.stdout.reconfigure(errors='strict'); sys.stdout.buffer.write(b'\\xc3');",
    "strict and closed": "sys.stdout.reconfigure(encoding='utf-16-le', errors='strict')\n"
    "sys.stdout.buffer.write(b'\\xc3'); sys.stdout.close()",
}


@pytest.mark.parametrize("code", HALVES.values(), ids=HALVES.keys())
def test_half_a_character_keeps_no_cell_from_its_reply(client: Client, code: str) -> None:
    """It is shown as it is, whatever the cell has made of the stream (EXEC-31)."""
    answer = execute(client, f"import sys\n{code}")
    reset = execute(client, "sys.stdout.reconfigure(encoding='utf-8', errors='backslashreplace')")

    succeeded(answer)
    succeeded(reset)
    assert answer.text() == "\\xc3"


FAILING_HOOK = """\
import sys
def hook(message): raise {error}
sys.stdout.buffer.write(b'\\xc3')
sys.stdout.register_hook(hook)
"""


@pytest.mark.parametrize("error", ["ValueError", "SystemExit"])
def test_hook_that_fails_keeps_no_cell_from_its_reply(client: Client, error: str) -> None:
    """What it is given behind the cell's code is lost, and nothing else; nor does it end the
    kernel."""
    answer = execute(client, FAILING_HOOK.format(error=error))
    after = execute(client, "sys.stdout.unregister_hook(hook); print('after')")

    succeeded(answer)
    assert after.text() == "after\n"


OUTLIVES = """\
import sys, threading
half, wrote, goes_on = threading.Event(), threading.Event(), threading.Event()
def work():
    half.wait()
    sys.stdout.buffer.write(b'\\xc3'); wrote.set()
    goes_on.wait()
    sys.stdout.buffer.write(b'\\xa4-\\xc3')
thread = threading.Thread(target=work); thread.start()
"""


def test_half_a_character_of_a_thread_that_outlives_its_cell(client: Client) -> None:
    """It waits for its other half while the thread goes on, and is shown as it is behind the next
    cell; all of it is output of the cell that started the thread (EXEC-31)."""
    succeeded(execute(client, OUTLIVES))
    heard_meanwhile(client)
    between = execute(client, "half.set(); wrote.wait(); None")
    behind = execute(client, "goes_on.set(); thread.join()")
    held = result(execute(client, "len(sys.stdout.buffer._begun)"))
    late = text_of(heard_meanwhile(client))

    assert (between.text(), behind.text()) == ("", "")
    assert late == "\u00e4-\\xc3"
    assert held == "0"


def test_descriptor_that_is_another_file_stays(client: Client) -> None:
    """What a program has put into the place of a descriptor goes on there, cell by cell."""
    execute(
        client,
        "import os, tempfile\nf = tempfile.TemporaryFile(); saved = os.dup(1)\n"
        "os.dup2(f.fileno(), 1)",
    )
    between = execute(client, "os.system('echo child'); print('ours')")
    after = execute(
        client,
        "os.dup2(saved, 1); os.close(saved); f.seek(0); print(f.read()); f.close()\n"
        "os.system('echo back');",
    )

    assert between.text() == "ours\n"
    assert sorted(after.text().splitlines()) == ["b'child\\n'", "back"]


BARS = {
    "print": "print(f'\\r{n}', end='', flush=True)",
    "stderr": "sys.stderr.write(f'\\r{n}'); sys.stderr.flush()",
    "bytes": "sys.stdout.buffer.write(b'\\r%d' % n); sys.stdout.buffer.flush()",
}
STEPS = 10_000


@pytest.mark.parametrize("step", BARS.values(), ids=BARS.keys())
def test_progress_bar_arrives_in_few_messages(client: Client, step: str) -> None:
    """A line that is written over and over, and flushed each time, loses no step and makes few
    messages, however fast it is (EXEC-31)."""
    answer = execute(client, f"import sys\nfor n in range({STEPS}): {step}\nNone")

    texts = [content for content in answer.types if content == "stream"]
    written = answer.text() or answer.text(StreamName.STDERR)
    assert written == "".join(f"\r{n}" for n in range(STEPS))
    assert len(texts) < STEPS // 10
    assert len(outputs(answer)) == 1


def test_log_of_a_cell_is_its_own(mine: Client) -> None:
    """`basicConfig` finds the root logger as Python makes it; what asyncio, jedi and the kernel log
    of the kernel's own work is no output of a cell, at any level."""
    configured = execute(
        mine,
        "import logging\n"
        "assert not logging.root.handlers and logging.root.level == logging.WARNING\n"
        "logging.basicConfig(level=logging.DEBUG, format='%(name)s %(message)s')\n"
        "logging.debug('mine')",
    )
    mine.request(CompleteRequest(code="logging.ba", cursor_pos=10), timeout=HANG_LIMIT_S)
    awaiting = execute(mine, "import asyncio; await asyncio.sleep(0); logging.debug('later')")

    assert configured.text(StreamName.STDERR) == "root mine\n"
    assert awaiting.text(StreamName.STDERR) == "root later\n"
    assert outputs(awaiting) == ["stderr"]


WRAPPED = """
import io, sys
before = sys.__stdout__, sys.stdout
wrapper = io.TextIOWrapper(sys.__stdout__.buffer, 'utf-8', write_through=True)
print('wrapped', file=wrapper); wrapper.detach()
sys.__stderr__.reconfigure(newline='\\n', errors='replace')
print('reconfigured', file=sys.__stderr__, flush=True)
print(sys.__stderr__.name, sys.__stderr__.mode, sys.__stderr__.fileno(), sys.__stderr__.seekable())
"""


def test_stream_of_the_process_is_no_file(tmp_path: Path) -> None:
    """A kernel whose output goes to a file, as under nohup, has streams that can be wrapped and
    reconfigured: what a cell writes to them is shown, and stands in no file (ipykernel#786)."""
    shell = ["/bin/sh", "-c", 'exec "$0" "$@" >"$OUT" 2>&1', *argv()]
    out = tmp_path / "out.txt"
    with (
        start(tmp_path, command=shell, env={"OUT": str(out)}) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        answer = execute(client, WRAPPED)
        client.request(
            ShutdownRequest(restart=False), channel=Channel.CONTROL, timeout=HANG_LIMIT_S
        )
        assert kernel.wait(HANG_LIMIT_S) == 0

    succeeded(answer)
    assert answer.text() == "wrapped\n<stderr> w 2 False\n"
    assert answer.text(StreamName.STDERR) == "reconfigured\n"
    assert out.read_text("utf-8") == ""


DETACHED = """\
import io, sys
sys.stdout = io.TextIOWrapper(sys.stdout.detach(), 'utf-8', line_buffering=True)
from assay.__main__ import main
sys.exit(main(['kernel', *sys.argv[1:]]))
"""


def test_start_with_a_stream_that_was_detached(tmp_path: Path) -> None:
    """Start-up code that has wrapped anew what is below `sys.stdout` keeps no kernel from it."""
    command = [sys.executable, "-P", "-c", DETACHED, "-f", "{connection_file}"]
    with (
        start(tmp_path, command=command) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        answer = execute(client, "print('shown')")

    assert answer.text() == "shown\n"
