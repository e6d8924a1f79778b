"""A program that has a kernel as its guest, twice, and says what that has changed in it.

    python -m tests.kernel.guest_program main|thread FILE

It is its own client. What it writes to FILE is JSON: what cells found changed while they ran, what
was changed afterwards, and what the client was answered.
"""

from __future__ import annotations

import builtins
import gc
import getpass
import json
import os
import pdb  # noqa: T100 - it is looked at, not entered
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import comm

from assay.kernel import Kernel
from assay.kernel.ipython._interpreter import IPythonInterpreter
from assay.protocol import (
    Channel,
    ConnectionFile,
    Error,
    ErrorReply,
    ExecuteResult,
    InterruptRequest,
    KernelInfoReply,
    LanguageInfo,
    ShutdownRequest,
)
from assay.transport import Client, session_for
from tests.limits import HANG_LIMIT_S

State = dict[str, object]

INFO = KernelInfoReply(
    implementation="guest",
    implementation_version="1",
    banner="",
    language_info=LanguageInfo(
        name="python", version="3", mimetype="text/x-python", file_extension=".py"
    ),
)

UNTOUCHED: dict[str, Callable[[], object]] = {
    "stdin": lambda: sys.stdin,
    "stdout": lambda: sys.stdout,
    "stderr": lambda: sys.stderr,
    "unraisablehook": lambda: sys.unraisablehook,
    "threading.excepthook": lambda: threading.excepthook,
    "Thread.start": lambda: threading.Thread.start,
    "Thread._bootstrap_inner": lambda: vars(threading.Thread)["_bootstrap_inner"],
    "default_int_handler": lambda: signal.default_int_handler,
    "signals": lambda: {n: signal.getsignal(n) for n in signal.valid_signals()},
    "mask": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
    "os._exit": lambda: os._exit,
    "descriptors 0 to 2": lambda: [os.fstat(number) for number in range(3)],
    "switch interval": sys.getswitchinterval,
    "collector": lambda: (gc.isenabled(), gc.get_freeze_count()),
    "argv": lambda: [*sys.argv],
}
"""What a guest leaves alone while it runs."""

PUT_BACK: dict[str, Callable[[], object]] = {
    "excepthook": lambda: sys.excepthook,
    "displayhook": lambda: sys.displayhook,
    "prompts": lambda: [getattr(sys, name, None) for name in ("ps1", "ps2", "ps3")],
    "builtins": lambda: dict(vars(builtins)),
    "getpass": lambda: getpass.getpass,
    "comms": lambda: (comm.create_comm, comm.get_comm_manager),
    "set_trace": lambda: pdb.set_trace,
    "last error": lambda: [
        getattr(sys, f"last_{name}", None) for name in ("type", "value", "traceback", "exc")
    ],
    "__main__": lambda: sys.modules["__main__"],
    "ipykernel": lambda: [n for n in sys.modules if n.partition(".")[0] == "ipykernel"],
    "path": lambda: [*sys.path],
    "environment": lambda: dict(os.environ),
    "wake-up descriptor": lambda: signal.set_wakeup_fd(-1) if _in_main() else -1,
    "threads": lambda: sorted(t.name for t in threading.enumerate() if t.name.startswith("assay")),
}
"""What is as it was when the guest has gone."""

during: dict[str, State] = {}


def _in_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def looks(of: dict[str, Callable[[], object]]) -> State:
    """Return what each of the functions *of* returns."""
    return {name: look() for name, look in of.items()}


def changed(before: State, after: State) -> list[str]:
    """Return the names of what is not the same, with what can be shown of it."""
    return [name for name, value in before.items() if after[name] != value]


def descriptors() -> list[str]:
    """Return what the open descriptors are."""
    gc.collect()
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(entry.readlink()).partition(":")[0])
        except FileNotFoundError:  # that of the folder itself
            continue
    return sorted(found)


def note() -> str:
    """Note the state of the process; called by a cell."""
    during["state"] = looks(UNTOUCHED)
    return "noted"


def serve(bound: SimpleQueue[ConnectionFile], codes: SimpleQueue[int]) -> None:
    """Run a kernel in the caller's thread, until a client ends it."""
    connection = ConnectionFile(key="secret")
    kernel = Kernel(
        connection,
        session_for(connection),
        INFO,
        lambda: IPythonInterpreter([]),
        on_bound=bound.put,
    )
    codes.put(kernel.run())


def talk(bound: SimpleQueue[ConnectionFile], answers: list[object]) -> None:
    """Be the client of the kernel that *bound* tells of, and end it."""
    with Client(bound.get(timeout=HANG_LIMIT_S)) as client:
        client.wait_until_ready(HANG_LIMIT_S)
        for code in ("import tests.kernel.guest_program as it", "it.note()", "await it.awaited()"):
            answer = client.execute(code, timeout=HANG_LIMIT_S)
            answers.append([one.data["text/plain"] for one in answer.contents(ExecuteResult)])
        failed = client.execute("it.fail()", timeout=HANG_LIMIT_S)
        answers.append([one.evalue for one in failed.contents(Error)])
        refused = client.request(
            InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S
        ).content
        answers.append(isinstance(refused, ErrorReply))
        client.request(
            ShutdownRequest(restart=False), channel=Channel.CONTROL, timeout=HANG_LIMIT_S
        )


def fail() -> None:
    """Fail, as cells do; Python remembers it."""
    raise OSError("it failed")


async def awaited() -> str:
    """Wait on the guest's event loop."""
    import asyncio  # noqa: PLC0415 - a guest makes its loop when this is imported

    await asyncio.sleep(0)
    return "awaited"


def host_a_guest(where: str) -> tuple[list[object], int]:
    """Start a kernel and end it; return the client's answers and the kernel's exit code."""
    bound: SimpleQueue[ConnectionFile] = SimpleQueue()
    codes: SimpleQueue[int] = SimpleQueue()
    answers: list[object] = []
    first: tuple[Any, ...] = (serve, bound, codes)
    other: tuple[Any, ...] = (talk, bound, answers)
    here, there = (first, other) if where == "main" else (other, first)
    thread = threading.Thread(target=there[0], args=there[1:])
    thread.start()
    here[0](*here[1:])
    thread.join()
    return answers, codes.get(timeout=HANG_LIMIT_S)


def main(where: str) -> dict[str, object]:
    """Host two guests, one after the other, and return what they changed."""
    before = looks({**UNTOUCHED, **PUT_BACK})
    first = host_a_guest(where)
    opened = descriptors()  # libraries keep some from their first use on
    second = host_a_guest(where)
    untouched = {name: before[name] for name in UNTOUCHED}
    return {
        "answers": [first, second],
        "during": changed(untouched, during["state"]),
        "after": changed(before, looks({**UNTOUCHED, **PUT_BACK})),
        "descriptors": {"after the first": opened, "after the second": descriptors()},
    }


if __name__ == "__main__":
    # Cells import this module by its name, and find the one that runs.
    sys.modules["tests.kernel.guest_program"] = sys.modules["__main__"]
    Path(sys.argv[2]).write_text(json.dumps(main(sys.argv[1])), encoding="utf-8")
