"""Programs that take the descriptors over, and the trace of a crash (public reports 11, 13)."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay._record_reader import Story, story_of_connection
from assay.protocol import Channel, ShutdownRequest, StreamName
from assay.transport import Client, LaunchError, TransportError
from tests.kernel._kernels import HANG_LIMIT_S, argv, be_patient, execute, start, succeeded


def test_wurlitzer_works_in_every_cell(client: Client) -> None:
    """It wants to know that the stream is not the process's own, and takes descriptor 1 over
    (wurlitzer#85)."""
    succeeded(execute(client, "%load_ext wurlitzer"))

    answer = execute(client, "import os\nos.system('echo child'); print('own')")
    succeeded(execute(client, "%unload_ext wurlitzer"))

    assert sorted(answer.text().splitlines()) == ["child", "own"]
    assert answer.types[-1] == "status"
    assert "error" not in answer.types


def test_descriptor_of_the_stream_is_shown(client: Client) -> None:
    """Who writes to it, or hands it to a child, is shown, whatever has become of descriptor 1."""
    answer = execute(
        client,
        "import os, subprocess, sys\n"
        "assert sys.stdout.fileno() != sys.__stdout__.fileno() == 1\n"
        "os.write(sys.stdout.fileno(), b'written\\n')\n"
        "subprocess.run(['echo', 'child'], stdout=sys.stdout)\n"
        "os.write(sys.stderr.fileno(), b'err\\n');",
    )

    assert answer.text() == "written\nchild\n"
    assert answer.text(StreamName.STDERR) == "err\n"


FILES = ("", "sys.stderr", "sys.__stderr__", "2", "os.dup(sys.stderr.fileno())", "sys.stdout")


@pytest.mark.parametrize("file", FILES)
def test_trace_of_a_crash_goes_to_the_record(tmp_path: Path, file: str) -> None:
    """A cell that has enabled `faulthandler` itself loses nothing by it (qtconsole#407), and
    ``assay why`` knows the cause."""
    code = f"import ctypes, faulthandler, os, sys\nfaulthandler.enable({file})\nctypes.string_at(0)"

    story = left_by(code, tmp_path)

    assert "SIGSEGV" in story.cause()
    assert "string_at" in story.stacks


def left_by(code: str, folder: Path) -> Story:
    """Return the record of a kernel that *code* ends."""
    with start(folder) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        with pytest.raises((TransportError, LaunchError)):
            execute(client, code)
        kernel.wait(HANG_LIMIT_S)
        story = story_of_connection(kernel.connection_file)
    assert story is not None
    return story


def test_trace_of_a_crash_without_a_record_reaches_the_terminal(tmp_path: Path) -> None:
    """Where the kernel can keep no record, the trace goes where its own would have gone."""
    code = "import ctypes, faulthandler\nfaulthandler.enable()\nctypes.string_at(0)"

    assert "string_at" in written_at_the_end_by(code, tmp_path, before=NO_RECORD)


NO_RECORD = 'for file; do :; done; mkdir "${file%/*}/.${file##*/}.record"; '
"""For `sh`: a folder stands where the record of the kernel with the last operand would be."""


ENDS_LATER = (
    "import faulthandler, threading\n"
    "faulthandler.dump_traceback_later(0.01, exit=True)\n"
    "threading.Event().wait()"
)


def test_trace_of_an_end_without_a_record_reaches_the_terminal(tmp_path: Path) -> None:
    """A program that lets `faulthandler` end a process which hangs sees where it hung."""
    assert "Timeout (" in written_at_the_end_by(ENDS_LATER, tmp_path, before=NO_RECORD)


def test_trace_of_an_end_goes_to_the_record(tmp_path: Path) -> None:
    """``assay why`` knows that the program had asked for its end, and where it hung."""
    story = left_by(ENDS_LATER, tmp_path)

    assert "faulthandler.dump_traceback_later" in story.cause()
    assert "in wait" in story.stacks


def written_at_the_end_by(code: str, folder: Path, before: str = "") -> str:
    """Return what the stderr of a kernel has that *code* ends at once; `sh` runs *before* first."""
    trace = folder / "stderr"
    command = ["sh", "-c", f'{before}exec 2>{trace}; exec "$@"', "sh", *argv()]
    with (
        start(folder, command=command) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
        pytest.raises((TransportError, LaunchError)),
    ):
        execute(client, code)
    return trace.read_text()


def test_traces_that_a_cell_asks_for_are_its_output(client: Client) -> None:
    """Only what a crash writes goes elsewhere."""
    answer = execute(client, "import faulthandler\nfaulthandler.dump_traceback()")

    assert "most recent call first" in answer.text(StreamName.STDERR)


def test_finalizer_that_sends_at_the_end_makes_no_noise(tmp_path: Path) -> None:
    """An object that is kept until the interpreter's end may send on a comm then (public report
    28): nobody gets it, and nothing is said on the terminal."""
    noise = tmp_path / "stderr"
    command = ["sh", "-c", f'exec 2>{noise}; exec "$@"', "sh", *argv()]
    code = (
        "import builtins\nfrom comm import create_comm\n"
        "class Late:\n    def __init__(self): self.comm = create_comm(target_name='t')\n"
        "    def __del__(self): self.comm.send({'a': 1}); self.comm.close()\n"
        "builtins.kept = Late()"
    )

    with (
        start(tmp_path, command=command) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        be_patient(client)
        succeeded(execute(client, code))
        client.request(ShutdownRequest(restart=False), channel=Channel.CONTROL)
        assert kernel.wait(HANG_LIMIT_S) == 0

    assert noise.read_text() == ""
