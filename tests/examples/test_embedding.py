"""The programs of ``examples/embedding``: clients find the kernel in each, and each goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assay.protocol import Channel, ConnectionFile, ExecuteResult, ShutdownRequest
from assay.transport import Client
from tests.kernel._kernels import FOLDERS
from tests.limits import HANG_LIMIT_S

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples" / "embedding"

PROGRAMS = {
    "script": (
        [("len(grams), [weigh for _ in 'a'] != []", "(2, True)"), ("notes['sum'] = 7", "")],
        "{'sum': 7, 'mean': 62.55}\n",
    ),
    "thread": (
        [("work.is_done.is_set()", "False"), ("work.is_done.set()", "")],
        "done",
    ),
    "tasks": (
        [("import asyncio; await asyncio.sleep(0); stop.is_set()", "False")],
        "stopped\n",
    ),
    "window": ([("label['text']", "'a label'")], "closed\n"),
}
ENDS = {"tasks": "stop.set()", "window": "root.destroy()"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_is_looked_into_and_goes_on(name: str, tmp_path: Path) -> None:
    """A client finds the program's objects by the connection file that the program names."""
    if name == "window" and not os.environ.get("DISPLAY"):
        pytest.skip("a window needs a display")
    cells, last = PROGRAMS[name]
    program = subprocess.Popen(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **{variable: str(tmp_path) for variable in FOLDERS}},
    )
    stream = program.stderr if name == "script" else program.stdout
    assert stream is not None
    path = Path(stream.readline().split("--existing ")[1].strip())
    with program, Client(ConnectionFile.read(path)) as client:
        client.wait_until_ready(HANG_LIMIT_S)
        shown = []
        for code, _ in cells:
            answer = client.execute(code, timeout=HANG_LIMIT_S)
            shown.append("".join(str(r.data["text/plain"]) for r in answer.contents(ExecuteResult)))
        if name in ENDS:
            client.execute(ENDS[name], timeout=HANG_LIMIT_S)
        elif name == "script":
            client.request(ShutdownRequest(restart=False), channel=Channel.CONTROL)
        written, errors = program.communicate(timeout=HANG_LIMIT_S)

    assert shown == [wanted for _, wanted in cells]
    assert (program.returncode, errors) == (0, "")
    assert written.startswith(last)
    assert not path.exists()
