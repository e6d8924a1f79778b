"""What a cell leaves in the place of the streams, and how its forked children end.

The numbers of public reports stand beside each kind: ipykernel#786, ipython#514.
"""

from __future__ import annotations

import pytest

from assay.protocol import StreamName
from assay.transport import Client, KernelProcess
from tests.kernel._kernels import begin, execute, failed, finish, result, succeeded
from tests.kernel.process.test_interrupt import WAYS, Interrupt

WRAPPERS = {
    "a text wrapper (ipykernel#786)": "io.TextIOWrapper(sys.stdout.buffer, encoding='utf-8')",
    "a text wrapper of big writes": "io.TextIOWrapper(io.BufferedWriter(Raw(sys.stdout)))",
    "a codec's writer": "codecs.getwriter('utf-8')(sys.stdout.buffer)",
    "a tee": "Tee(sys.stdout)",
    "a tee whose write is read-only": "Slots(sys.stdout)",
}

CLASSES = """\
import codecs, io, sys
class Raw(io.RawIOBase):
    def __init__(self, stream): self.stream = stream
    def writable(self): return True
    def write(self, data): return self.stream.write(bytes(data).decode())
class Tee:
    def __init__(self, stream): self.stream, self.held = stream, ''
    def write(self, text): self.held += text
    def flush(self): self.stream.write(self.held); self.held = ''
class Slots:
    __slots__ = ('stream',)
    def __init__(self, stream): self.stream = stream
    def write(self, text): return self.stream.write(text)
"""


@pytest.mark.parametrize("wrapper", WRAPPERS.values(), ids=WRAPPERS.keys())
def test_wrapped_stream_is_flushed_with_each_cell(client: Client, wrapper: str) -> None:
    """What a program's own stream holds back is shown with the cell that wrote it, and with the
    ones after (EXEC-31)."""
    execute(client, CLASSES)
    first = execute(client, f"ours = sys.stdout; sys.stdout = {wrapper}; print('first')")
    second = execute(client, "print('second')")
    succeeded(execute(client, "sys.stdout = ours"))

    assert (first.text(), second.text()) == ("first\n", "second\n")
    assert execute(client, "print('third')").text() == "third\n"


BROKEN = {
    "none": "sys.stdout = sys.stderr = None",
    "deleted": "del sys.stdout",
    "deleted errors": "del sys.stderr",
    "ours closed": "sys.stdout.close()",
    "a closed one": "sys.stdout = io.StringIO(); sys.stdout.close()",
    "a wrapper of ours that is closed": "sys.stdout = io.TextIOWrapper(sys.stdout.buffer)\n"
    "sys.stdout.close()",
    "a number": "sys.stdout = 5",
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_next_cell_writes_again(client: Client, broken: str) -> None:
    """A stream that takes no text fails neither its cell nor the ones after, which write to ours
    (EXEC-31)."""
    succeeded(execute(client, f"import io, sys\n{broken}\n6 * 7;"))

    assert execute(client, "print('written')").text() == "written\n"


@pytest.mark.parametrize("raised", ["1 / 0", "raise SystemExit(2)", "raise GeneratorExit"])
def test_stream_whose_flush_raises_fails_no_cell(client: Client, raised: str) -> None:
    """The cell has done its work when its streams are flushed."""
    code = (
        "import sys\nours = sys.stdout\n"
        "class Failing:\n    def write(self, text): return ours.write(text)\n"
        f"    def flush(self): {raised}\n"
        "sys.stdout = Failing()\nprint('written')"
    )
    answer = execute(client, code)

    assert answer.text() == "written\n"
    succeeded(answer)
    succeeded(execute(client, "sys.stdout = ours"))


ENDINGS = {
    "a number": ("sys.exit(5)", 5, ""),
    "nothing": ("sys.exit()", 0, ""),
    "a text": ("sys.exit('text')", 1, "text\n"),
    "a great number": ("raise SystemExit(256 + 7)", 7, ""),
    "an error": ("1 / 0", 1, "ZeroDivisionError"),
    "at once": ("os._exit(9)", 9, ""),
    "the end of the cell": ("pass", 0, ""),
}


@pytest.mark.parametrize(("code", "status", "text"), ENDINGS.values(), ids=ENDINGS.keys())
def test_forked_child_ends_with_its_own_status(
    client: Client, code: str, status: int, text: str
) -> None:
    """A child of a cell ends as any Python program does; all that it wrote is shown (public
    report 7)."""
    forking = (
        "import os, sys, warnings\nwarnings.simplefilter('ignore')\n"
        f"if not (child := os.fork()):\n    print('child', end='')\n    {code}\n"
        "else: print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    answer = execute(client, forking)

    assert answer.text() == f"child{status}\n"
    assert text in answer.text(StreamName.STDERR)
    assert bool(answer.text(StreamName.STDERR)) == bool(text)


COMMANDS = {
    "a command (ipython#514)": "!echo runs; read x\n!echo next",
    "its output": "x = !sleep 600\nprint('next')",
    "without a terminal": "get_ipython().system_raw('sleep 600'); print('next')",
    "a function": "get_ipython().system('sleep 600'); print('next')",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("code", COMMANDS.values(), ids=COMMANDS.keys())
def test_interrupted_command_ends_its_cell(
    shared_kernel: KernelProcess, client: Client, code: str, way: Interrupt
) -> None:
    """What stands behind a command that was interrupted is not run (CTRL-11)."""
    running = begin(client, f"print('runs')\n{code}", until="runs", stop_on_error=False)

    way(shared_kernel, client)
    answer = finish(client, running)

    assert failed(answer).ename == "KeyboardInterrupt"
    assert "next" not in answer.text()


def test_command_finds_the_names_of_its_function(client: Client) -> None:
    """``$name`` in a command is the name where the command stands."""
    assert "local" in execute(client, "def run(x):\n    !echo $x\nrun('local')").text()
    assert result(execute(client, "def get(x):\n    y = !echo $x\n    return y[0]\nget('it')")) == (
        "'it'"
    )
