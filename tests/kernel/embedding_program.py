"""A program with a kernel in it, and its own client; writes what it finds as JSON.

python -m tests.kernel.embedding_program FILE
"""

from __future__ import annotations

import asyncio
import atexit
import builtins
import io
import json
import os
import signal
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from assay.kernel import (
    BackgroundKernel,
    Ownership,
    SteppedKernel,
    embed,
    serve_background,
    serve_in_steps,
)
from assay.protocol import (
    AssayError,
    Channel,
    ConnectionFile,
    Error,
    ErrorReply,
    ExecuteRequest,
    ExecuteResult,
    InspectReply,
    InspectRequest,
    InterruptRequest,
    IsCompleteReply,
    IsCompleteRequest,
    ShutdownRequest,
)
from assay.transport import Answer, Client, TimedOutError, free_ports
from tests.kernel.guest_program import PUT_BACK, UNTOUCHED, changed, descriptors, looks
from tests.limits import HANG_LIMIT_S

TIMES = 8

tare = 3
"""A name of this module's, for cells."""


@contextmanager
def client_of(kernel: BackgroundKernel | SteppedKernel) -> Iterator[Client]:
    """A client that is ready; not for a kernel that needs this thread to answer."""
    with kernel.connect() as client:
        client.wait_until_ready(HANG_LIMIT_S)
        yield client


def shown(answer: Answer) -> list[str]:
    """Return the results and errors of a cell, and what it printed."""
    results = [str(one.data["text/plain"]) for one in answer.contents(ExecuteResult)]
    errors = [one.ename for one in answer.contents(Error)]
    return [*results, *errors, *([answer.text()] if answer.text() else [])]


def run(client: Client, code: str) -> list[str]:
    """Run *code*; return what it shows."""
    return shown(client.execute(code, timeout=HANG_LIMIT_S))


def state() -> dict[str, object]:
    """Return what a kernel must leave as it was."""
    found = looks({**UNTOUCHED, **PUT_BACK})
    found["finders"] = [*sys.meta_path]
    found["threads"] = sorted(thread.name for thread in threading.enumerate())
    found["names"] = {n: v for n, v in globals().items() if n.startswith("_") or n in shell_names}
    return found


shell_names = {"In", "Out", "exit", "quit", "open", "get_ipython"}


@contextmanager
def noted_exit_functions() -> Iterator[list[str]]:
    """Note what is registered with `atexit` inside, and not taken back."""
    noted: list[Any] = []
    register, unregister = atexit.register, atexit.unregister

    def note(function: Callable[..., Any], *args: object, **kwargs: object) -> Any:
        noted.append(function)
        return register(function, *args, **kwargs)

    def forget(function: Callable[..., Any]) -> None:
        noted[:] = [one for one in noted if one != function]
        unregister(function)

    vars(atexit).update(register=note, unregister=forget)
    try:
        yield noted
    finally:
        vars(atexit).update(register=register, unregister=unregister)


def start_and_stop() -> dict[str, object]:
    """Start and stop a kernel in the background, again and again."""
    serve_background().stop()  # imports what is needed, which stays
    before, opened = state(), len(descriptors())
    answers = []
    files = []
    with noted_exit_functions() as left:
        for _ in range(TIMES):
            with serve_background() as kernel, client_of(kernel) as client:
                answers.append(run(client, "tare + 1"))
                files.append(kernel.connection_file)
    return {
        "answers": answers,
        "changed": changed(before, state()),
        "exit functions": [repr(one) for one in left],
        "descriptors": len(descriptors()) - opened,
        "file is left": any(file.exists() for file in files),
    }


def between_cells() -> dict[str, object]:
    """Look at the process while a kernel is there and no cell runs, and while one does."""
    before = looks({**UNTOUCHED, "displayhook": lambda: sys.displayhook})
    before |= {"builtins": dict(vars(builtins))}
    filters = [*warnings.filters]
    out = io.StringIO()
    namespace: dict[str, Any] = {"meanwhile": threading.Event(), "go_on": threading.Event()}
    with serve_background(namespace) as kernel, client_of(kernel) as client:
        idle = looks({**UNTOUCHED, "displayhook": lambda: sys.displayhook})
        idle |= {"builtins": dict(vars(builtins))}
        code = "print('cell'); meanwhile.set(); go_on.wait(); print('still the cell')"
        running = client.start(ExecuteRequest(code=code))
        namespace["meanwhile"].wait(HANG_LIMIT_S)
        print("the program's, while a cell runs")
        with redirect_stdout(out):
            print("redirected")
        whole = client.request(IsCompleteRequest(code="1 +"), timeout=HANG_LIMIT_S).content
        namespace["go_on"].set()
        answer = client.finish(running, timeout=HANG_LIMIT_S)
        print("the program's, between cells")
        info = client.info(timeout=HANG_LIMIT_S)
        asked = client.execute(
            "input('name? ') + __import__('getpass').getpass('? ')",
            on_input=lambda question: f"to {question.prompt}",
            timeout=HANG_LIMIT_S,
        )
    return {
        "changed": changed(before, idle),
        "of the cell": answer.text(),
        "redirected": out.getvalue(),
        "asked meanwhile": isinstance(whole, IsCompleteReply) and whole.status,
        "filters": [str(one) for one in warnings.filters if one not in filters],
        "asked": shown(asked),
        "announced": [*(info.supported_features or ()), info.debugger],
        "stdout": sys.stdout is before["stdout"],
    }


def interrupts() -> dict[str, object]:
    """Interrupt cells, by the client and by the end."""
    begun = threading.Event()
    codes = [
        "begun.set()\nwhile True: pass",
        "import asyncio; begun.set(); await asyncio.sleep(1e6)",
    ]
    found = []
    with serve_background({"begun": begun}) as kernel, client_of(kernel) as client:
        for code in codes:
            begun.clear()
            running = client.start(ExecuteRequest(code=code))
            begun.wait(HANG_LIMIT_S)
            client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
            found.append(shown(client.finish(running, timeout=HANG_LIMIT_S)))
        found.append(run(client, "'goes on'"))
        begun.clear()
        running = client.start(ExecuteRequest(code=codes[0]))
        begun.wait(HANG_LIMIT_S)
        kernel.stop()
        found.append(shown(client.finish(running, timeout=HANG_LIMIT_S)))
    return {"shown": found, "is running": kernel.is_running}


HELD = """\
is_whole = False
with get_ipython().host.uninterrupted():
    begun.set()
    sent.wait()
    for _ in range(1000):
        pass
    is_whole = True
while True:
    pass
"""


def put_off() -> dict[str, object]:
    """Interrupt a cell where that must wait."""
    names: dict[str, Any] = {"begun": threading.Event(), "sent": threading.Event()}
    with serve_background(names) as kernel, client_of(kernel) as client:
        running = client.start(ExecuteRequest(code=HELD))
        names["begun"].wait(HANG_LIMIT_S)
        client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
        names["sent"].set()
        found = shown(client.finish(running, timeout=HANG_LIMIT_S))
        found += run(client, "is_whole")
    return {"shown": found}


def stubborn() -> dict[str, object]:
    """Stop a kernel whose cell does not end, and wait for its end once it does."""
    begun, go_on = threading.Event(), threading.Event()
    code = """\
while not go_on.is_set():
    try:
        begun.set(); go_on.wait()
    except BaseException:
        pass
"""
    kernel = serve_background({"begun": begun, "go_on": go_on})
    with client_of(kernel) as client:
        client.start(ExecuteRequest(code=code))
        begun.wait(HANG_LIMIT_S)
        said = ""
        try:
            kernel.stop(timeout=0.01)
        except TimedOutError as error:
            said = str(error)
        go_on.set()
        kernel.wait(HANG_LIMIT_S)
    return {"said": said, "is running": kernel.is_running}


def ended_by_client() -> dict[str, object]:
    """Let a client, and a cell, end a kernel in the background."""
    found: list[object] = []
    for how in ("a request", "exit(); 1", "kernel.stop(); 2"):
        namespace: dict[str, Any] = {}
        kernel = namespace["kernel"] = serve_background(namespace)
        with client_of(kernel) as client:
            if how == "a request":
                ask = ShutdownRequest(restart=False)
                client.request(ask, channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
            else:
                found.append(run(client, how))
            kernel.wait(HANG_LIMIT_S)
        found.append(kernel.is_running)
        kernel.stop()
    return {"found": found}


def refusals() -> dict[str, object]:
    """Return what is refused, and with what words."""
    said: dict[str, str] = {}

    def refused(what: str, start: Callable[[], object]) -> None:
        try:
            start()
        except AssayError as error:
            said[what] = f"{type(error).__name__}: {error}"

    with serve_background():
        refused("a second", serve_background)
        refused("a second, embedded", embed)
        refused("a second in steps", serve_in_steps)
    thread = threading.Thread(target=refused, args=("embed in a thread", embed), name="other")
    thread.start()
    thread.join()
    wrong: Any = [1]
    refused("namespace", lambda: serve_background(wrong))
    refused("local_ns", lambda: embed(local_ns=wrong))
    refused("module", lambda: embed(wrong))
    refused("signals", lambda: serve_background(owns=Ownership(signals=True)))
    refused("file", lambda: serve_background(connection_file="/no/such/folder/k.json"))
    refused("option", lambda: serve_background(arguments=["--profile=no such"]))
    with serve_background({"embed": embed}) as kernel, client_of(kernel) as client:
        answer = client.execute("embed()", timeout=HANG_LIMIT_S)
        assert isinstance(answer.content, ErrorReply)
        said["in a cell"] = f"{answer.content.ename}: {answer.content.evalue}"
    return {"said": said}


def talk_to(connection: ConnectionFile, codes: list[str], found: list[object], end: str) -> None:
    """Be the client of a kernel that the main thread embeds, and end it."""
    with Client(connection) as client:
        client.wait_until_ready(HANG_LIMIT_S)
        found.extend(run(client, code) for code in codes)
        inspected = client.request(InspectRequest(code="tare", cursor_pos=1), timeout=HANG_LIMIT_S)
        found.append(isinstance(inspected.content, InspectReply) and inspected.content.found)
        if end == "SIGINT":
            os.kill(os.getpid(), signal.SIGINT)
        else:
            client.request(ShutdownRequest(restart=False), channel=Channel.CONTROL)


def embedded(
    start: Callable[[Path], None], codes: list[str], folder: Path, *, end: str = "a request"
) -> list[object]:
    """Call *start*, which embeds a kernel, and return what a client finds there."""
    path = folder / "known.json"
    connection = free_ports(ConnectionFile(key="secret"))
    connection.write(path)
    found: list[object] = []
    client = threading.Thread(target=talk_to, args=(connection, codes, found, end))
    client.start()
    try:
        start(path)
    except KeyboardInterrupt:
        found.append("KeyboardInterrupt")
    client.join()
    return found


def owning(folder: Path) -> dict[str, object]:
    """Embed a kernel that has all of the process but its end."""
    owns = Ownership(descriptors=True, streams=True, signals=True, threads=True)
    code = """\
import ctypes, os, threading, signal
os.system('echo child')
ctypes.CDLL(None).puts(b'C')
thread = threading.Thread(target=print, args=['thread'])
thread.start()
thread.join()
signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
"""

    def start(path: Path) -> None:
        embed(connection_file=path, owns=owns, quiet=True)

    embedded(start, [code], folder)  # the first time, libraries open what they keep
    before, opened = state(), len(descriptors())
    found = embedded(start, [code], folder)
    return {
        "found": found[0],
        "changed": changed(before, state()),
        "descriptors": len(descriptors()) - opened,
    }


def scopes(folder: Path) -> dict[str, object]:
    """Embed kernels in scopes of several kinds."""
    within: dict[str, object] = {}
    explicit: dict[str, Any] = {"grams": 5}
    module = types.ModuleType("weights")
    vars(module).update(tare=100, weigh=lambda: 7)
    before = state()

    def in_function(path: Path) -> None:
        grams = [1, 2]
        embed(connection_file=path, quiet=True)
        within.update(locals())

    def deaf(path: Path) -> None:
        """Let the client's thread get the signal, which then ends no wait of this one."""
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            in_function(path)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def in_class(path: Path) -> None:
        class Scale:
            maximum = 9
            embed(connection_file=path, quiet=True)

        within["maximum"] = Scale.maximum

    codes = [
        "grams, tare, [grams for _ in range(1)], (lambda: grams)()",
        "def f(): return extra + tare",
        "extra = 1; grams.append(3)",
        "f(), f.__module__ == __name__",
    ]
    found = {
        "function": embedded(in_function, codes, folder),
        "again": embedded(in_function, codes[:1], folder, end="SIGINT"),
        "deaf": embedded(deaf, codes[:1], folder, end="SIGINT"),
        "class": embedded(in_class, ["[maximum + tare for _ in (1,)]"], folder),
        "given": embedded(
            lambda path: embed(module, explicit, path, quiet=True),
            ["[grams + tare for _ in (1,)]", "weigh()", "total = grams + tare"],
            folder,
        ),
    }
    top = compile(
        "embed(connection_file=known, quiet=True)", "program.py", "exec", dont_inherit=True
    )
    globals()["known"] = folder / "known.json"
    found["top"] = embedded(
        lambda _: exec(top, globals()), ["[tare for _ in (1,)]", "tare += 1", "_i, _"], folder
    )
    return {
        "found": found,
        "grams": within["grams"],
        "extra": "extra" in within,
        "given": sorted(explicit),
        "module": sorted(name for name in vars(module) if not name.startswith("__")),
        "builtins of the module": "__builtin__" in vars(module),
        "tare": tare,
        "changed": changed(before, state()),
    }


def forks(folder: Path) -> dict[str, object]:
    """Fork in cells, and in the program."""
    out = folder / "children.txt"
    codes = [
        """\
import os
pid = os.fork()
if pid == 0:
    print('forked')
else:
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""",
        "pid = os.fork()\nif pid == 0: 1 / 0\nos.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])",
        "'goes on'",
    ]
    kept = [os.dup(1), os.dup(2)]
    with out.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            with serve_background({}) as kernel:
                with client_of(kernel) as client:
                    found = [run(client, code) for code in codes]
                if (pid := os.fork()) == 0:
                    kernel.stop()
                    os._exit(int(kernel.is_running))
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                with client_of(kernel) as client:
                    found.append(run(client, codes[-1]))
        finally:
            for number, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, number)
                os.close(copy)
    written = out.read_text("utf-8")
    return {
        "found": found,
        "status of the program's": status,
        "written": ["forked\n" in written, "ZeroDivisionError" in written],
    }


def in_coroutine(folder: Path) -> dict[str, object]:
    """Embed a kernel in a coroutine, where the program's loop runs."""

    async def work(path: Path) -> None:
        grams = 5
        embed(connection_file=path, quiet=True)
        await asyncio.sleep(0)
        found.append([str(grams)])

    found: list[object] = []
    codes = ["import asyncio; await asyncio.sleep(0); grams"]
    answers = embedded(lambda path: asyncio.run(work(path)), codes, folder)
    return {"found": [answers[0], *found]}


def stepped() -> dict[str, object]:
    """Have cells run in this thread, a step at a time."""
    namespace: dict[str, Any] = {"where": threading.get_ident}
    due = threading.Semaphore(0)
    found: list[object] = []
    before = state()
    with serve_in_steps(namespace) as kernel:
        namespace["kernel"] = kernel
        kernel.when_due(due.release)
        thread = threading.Thread(target=_talk_in_steps, args=(kernel, found))
        thread.start()
        while kernel.is_running:
            while kernel.do_one_iteration():
                pass
            if kernel.is_running:
                due.acquire(timeout=HANG_LIMIT_S)
        thread.join()
    return {
        "found": found[1:],
        "here": found[0] == [str(threading.get_ident())],
        "after": kernel.do_one_iteration(),
        "changed": changed(before, state()),
    }


def _talk_in_steps(kernel: SteppedKernel, found: list[object]) -> None:
    with client_of(kernel) as client:
        found.extend(
            run(client, code)
            for code in (
                "where()",
                "import asyncio; await asyncio.sleep(0); kernel.do_one_iteration()",
                "print('cell')",
                "1 / 0",
                "exit",
            )
        )


def in_asyncio() -> dict[str, object]:
    """Have cells run between the tasks of an asyncio program."""

    async def work() -> dict[str, object]:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        codes = [
            "import asyncio; await asyncio.sleep(0.001); asyncio.get_running_loop() is not loop",
            "stop.set()",
        ]
        found: list[object] = []
        ticks = 0

        def step() -> None:
            if kernel.do_one_iteration():
                loop.call_soon(step)

        def talk() -> None:
            with client_of(kernel) as client:
                found.extend(run(client, code) for code in codes)

        with serve_in_steps({"stop": stop, "loop": loop}) as kernel:
            kernel.when_due(lambda: loop.call_soon_threadsafe(step))
            step()
            talking = loop.run_in_executor(None, talk)
            while not stop.is_set():
                ticks += 1
                await asyncio.sleep(0)
            await talking
        return {
            "found": found,
            "ticks": ticks > 0,
            "its loop runs": asyncio.get_running_loop() is loop,
            "its task": asyncio.current_task() is not None,
        }

    return asyncio.run(work())


def main(folder: Path) -> dict[str, object]:
    """Return what each function finds."""
    return {
        "start and stop": start_and_stop(),
        "between cells": between_cells(),
        "interrupts": interrupts(),
        "put off": put_off(),
        "stubborn": stubborn(),
        "ended by a client": ended_by_client(),
        "refusals": refusals(),
        "scopes": scopes(folder),
        "owning": owning(folder),
        "forks": forks(folder),
        "in a coroutine": in_coroutine(folder),
        "stepped": stepped(),
        "asyncio": in_asyncio(),
    }


if __name__ == "__main__":
    report = Path(sys.argv[1])
    report.write_text(json.dumps(main(report.parent)), encoding="utf-8")
