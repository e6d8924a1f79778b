"""A server that prepares IPython once and forks a kernel for each of two clients.

    python -m tests.kernel.forking_program FILE

What it writes to FILE is JSON: what preparing has changed, and what both clients were answered.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

from assay.kernel import Kernel
from assay.kernel.ipython._interpreter import IPythonInterpreter
from assay.kernel.process._ownership import OWNER
from assay.protocol import Channel, ConnectionFile, ExecuteResult, ShutdownRequest
from assay.transport import Client, free_ports, session_for
from tests.kernel.guest_program import INFO, PUT_BACK, UNTOUCHED, changed, looks
from tests.limits import HANG_LIMIT_S


def fork_kernel(interpreter: IPythonInterpreter, connection: ConnectionFile) -> int:
    """Return the number of a child process that serves *connection* with *interpreter*."""
    number = os.fork()
    if number == 0:
        kernel = Kernel(
            connection, session_for(connection), INFO, lambda: interpreter, ownership=OWNER
        )
        os._exit(kernel.run())
    return number


def talk(connection: ConnectionFile, name: str) -> list[str]:
    """Be the client of one kernel, and end it; return its results."""
    results: list[str] = []
    with Client(connection) as client:
        client.wait_until_ready(HANG_LIMIT_S)
        for code in (f"name = {name!r}; len([n for n in dir() if n == 'name'])", "name"):
            answer = client.execute(code, timeout=HANG_LIMIT_S)
            results += [str(one.data["text/plain"]) for one in answer.contents(ExecuteResult)]
        client.request(
            ShutdownRequest(restart=False), channel=Channel.CONTROL, timeout=HANG_LIMIT_S
        )
    return results


def main() -> dict[str, object]:
    """Prepare, fork twice, and return what came of it."""
    before = looks({**UNTOUCHED, **PUT_BACK})
    interpreter = IPythonInterpreter([])
    report: dict[str, object] = {
        "changed": changed(before, looks({**UNTOUCHED, **PUT_BACK})),
        "threads": [thread.name for thread in threading.enumerate()],
    }
    answers, codes = [], []
    for name in ("first", "second"):
        connection = free_ports(ConnectionFile(key="secret"))
        number = fork_kernel(interpreter, connection)
        answers.append(talk(connection, name))
        codes.append(os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]))
    return {**report, "answers": answers, "exit codes": codes}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(main()), encoding="utf-8")
