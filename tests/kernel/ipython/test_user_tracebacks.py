"""Tracebacks that are no cell's error: of threads, finalizers, callbacks and logs; debuggers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import assay
from assay.protocol import Error, ErrorReply, StreamName
from assay.transport import Answer, Client, KernelProcess
from tests.kernel._kernels import HANG_LIMIT_S, answering, error, execute, failed, start, succeeded

COLOUR = re.compile(r"\x1b\[[\d;]*m")
OWN_FRAME = re.compile(rf"File .{{0,2}}(?:{Path(assay.__file__).parent}|[^\n]*typings/assay)[^\n]*")
"""A line of a traceback, in any of its forms, that names a file of the kernel."""

BEFORE = """\
import asyncio, gc, logging, signal, threading, traceback
from concurrent.futures import ThreadPoolExecutor
from comm import create_comm
c = create_comm(target_name='t')
def bad(*_): c.send({'a': object()})
class Final:
    def __init__(self, do): self.do = do
    def __del__(self): self.do()
"""

SHOWN = {
    "thread that asks": "t = threading.Thread(target=input); t.start(); t.join()",
    "thread that sends": "t = threading.Thread(target=bad); t.start(); t.join()",
    "timer": "t = threading.Timer(0, bad); t.start(); t.join()",
    "task": "async def f(): bad()\nt = asyncio.create_task(f())\nawait asyncio.wait([t])\n"
    "del t; gc.collect(); None",
    "callback": "asyncio.get_running_loop().call_soon(bad); await asyncio.sleep(0)",
    "finalizer that sends": "Final(bad); None",
    "finalizer that asks": "Final(input); None",
    "format_exc": "try: bad()\nexcept Exception: print(traceback.format_exc())",
    "print_exc": "try: input()\nexcept Exception: traceback.print_exc()",
    "logging": "try: bad()\nexcept Exception: logging.exception('it failed')",
    "interrupt of C code that runs the program": "try: signal.raise_signal(signal.SIGINT)\n"
    "except KeyboardInterrupt as e:\n"
    "    traceback.print_exception(e.with_traceback(e.__traceback__.tb_next))",
    "error of a pool": "with ThreadPoolExecutor() as pool: pool.submit(bad).result()",
    "debugged statement": "%debug bad()",
    "comm": "bad()",
    "comm without JSON in its metadata": "c.send({}, metadata={'a': object()})",
    "comm with no buffer": "c.send({}, buffers=[5])",
    "next input": "get_ipython().set_next_input(object())",
    "payload": "get_ipython().payload_manager.write_payload({'source': 's', 'data': object()})",
    "publish": "get_ipython().display_pub.publish({'application/json': object()})",
    "pager": "from IPython.core import page\npage.page(5)",
    "hook": "get_ipython().events.register('post_execute', bad)",
    "no hook": "get_ipython().events.unregister('post_execute', bad)",
    "hook for threads": "before = threading.excepthook\n"
    "threading.excepthook = lambda e: traceback.print_exception(e.exc_value)\n"
    "t = threading.Thread(target=bad); t.start(); t.join(); threading.excepthook = before",
    "hook for finalizers": "import sys; before = sys.unraisablehook\n"
    "sys.unraisablehook = lambda e: traceback.print_exception(e.exc_value)\n"
    "Final(bad); sys.unraisablehook = before",
    "handler of a loop": "loop = asyncio.get_running_loop()\n"
    "loop.set_exception_handler(lambda _, c: traceback.print_exception(c['exception']))\n"
    "loop.call_soon(bad); await asyncio.sleep(0); loop.set_exception_handler(None)",
    "handler of errors": "get_ipython().set_custom_exc((TypeError, ValueError), "
    "lambda shell, kind, e, trace, tb_offset=None: traceback.print_exception(e))\nbad()",
    "no handler of errors": "get_ipython().set_custom_exc((), None)\nbad()",
    "magic of the user's": "get_ipython().register_magic_function(bad, 'line', 'bad')\n%bad",
    "cell magic of the user's": "get_ipython().register_magic_function(bad, 'cell', 'bad')\n"
    "get_ipython().run_cell_magic('bad', '', 'x')",
    "module that fails": "import pathlib, sys, tempfile\nwith tempfile.TemporaryDirectory() as f:\n"
    "    pathlib.Path(f, 'fails_here.py').write_text('input()')\n    sys.path.insert(0, f)\n"
    "    try: import fails_here\n    finally: sys.path.remove(f)",
    "object that cannot be shown": "class Shown:\n"
    "    def _repr_mimebundle_(self, **_): bad()\nShown()",
    "printed traceback": "try: bad()\nexcept TypeError as e: traceback.print_tb(e.__traceback__)\n"
    "print('Error')",
    "formatted traceback": "try: input()\n"
    "except Exception as e: print(*traceback.format_tb(e.__traceback__), 'Error')",
    "walked traceback": "try: bad()\nexcept Exception as e:\n"
    "    walk = traceback.walk_tb(e.__traceback__)\n"
    "    print(*traceback.StackSummary.extract(walk).format(), 'Error')",
    "stack": "traceback.print_stack(); print('Error')",
    "stack of a formatter": "class R:\n"
    "    def __repr__(self): traceback.print_stack(); return 'Error'\nR()",
    "handler of logs": "class H(logging.Handler):\n    def emit(self, record):\n"
    "        try: bad()\n        except Exception: self.handleError(record)\n"
    "log = logging.getLogger('fails'); log.addHandler(H()); log.error('it')",
    "Python's hook for threads": "now = threading.excepthook\n"
    "threading.excepthook = threading.__excepthook__\n"
    "t = threading.Thread(target=bad); t.start(); t.join(); threading.excepthook = now",
    "Python's hook for finalizers": "import sys; now = sys.unraisablehook\n"
    "sys.unraisablehook = sys.__unraisablehook__\nFinal(bad); sys.unraisablehook = now",
    "failure of twisted": "from twisted.python.failure import Failure\n"
    "try: bad()\nexcept TypeError as e: print(*Failure().frames, *Failure(e).frames, 'Error')",
    "verbose": "%xmode Verbose\nbad()",
    "plain": "%xmode Plain\nbad()",
    "as ever": "%xmode Context\nbad()",
}


TWISTED = """\
import sys
class Failure:
    def __init__(self, exc_value=None, exc_type=None, exc_tb=None):
        error = sys.exc_info()[1] if exc_value is None else exc_value
        self.frames, at = [], exc_tb or error.__traceback__
        while at is not None:
            self.frames.append(f'File "{at.tb_frame.f_code.co_filename}", line {at.tb_lineno}')
            at = at.tb_next
"""
"""What stands for twisted here: a Failure walks along the traceback by itself."""


@pytest.fixture(scope="module")
def kernel_with_names(
    shared_kernel: KernelProcess, tmp_path_factory: pytest.TempPathFactory
) -> KernelProcess:
    """The module's kernel, with what the cells use."""
    folder = tmp_path_factory.mktemp("packages")
    package = folder / "twisted" / "python"
    package.mkdir(parents=True)
    (package / "failure.py").write_text(TWISTED, "utf-8")
    with shared_kernel.client(timeout=HANG_LIMIT_S) as client:
        succeeded(execute(client, f"import sys; sys.path.insert(0, {str(folder)!r})\n{BEFORE}"))
    return shared_kernel


def seen(answer: Answer) -> str:
    """Return all that a person reads, without colours."""
    parts = [answer.text(), answer.text(StreamName.STDERR)]
    parts += ["\n".join(shown.traceback) for shown in answer.contents(Error)]
    if isinstance(answer.content, ErrorReply):
        parts.append("\n".join(answer.content.traceback))
    return COLOUR.sub("", "\n".join(parts))


@pytest.mark.usefixtures("kernel_with_names")
@pytest.mark.parametrize("kind", SHOWN)
def test_no_frame_of_ours_is_seen(client: Client, kind: str) -> None:
    """Whatever writes a traceback where, the user reads of their own code alone."""
    answer = client.execute(SHOWN[kind], stop_on_error=False, timeout=HANG_LIMIT_S)

    assert re.search("Error|Interrupt", seen(answer)) or kind in {"hook", "no hook", "pager"}
    assert not OWN_FRAME.search(seen(answer)), seen(answer)


@pytest.mark.usefixtures("kernel_with_names")
def test_user_expressions_that_fail_show_none(client: Client) -> None:
    """The traceback of an expression is in the reply."""
    expressions = {"sends": "bad()", "asks": "input()"}
    reply = succeeded(execute(client, "1", user_expressions=expressions))

    assert [found["status"] for found in reply.user_expressions.values()] == ["error"] * 2
    assert not OWN_FRAME.search(COLOUR.sub("", str(reply.user_expressions)))


def test_exit_functions_show_none_to_the_user(tmp_path: Path) -> None:
    """What an exit function raises is written for the kernel's user: the user's frames."""
    with start(tmp_path) as kernel:
        with kernel.client(timeout=HANG_LIMIT_S) as client:
            succeeded(execute(client, f"{BEFORE}import atexit; atexit.register(bad);"))
        assert kernel.shutdown() == 0

        said = kernel.written()
    assert not OWN_FRAME.search(said), said


# --- Debuggers


POST_MORTEM = {
    "pdb on": "%pdb on\n1 / 0",
    "debug": "%debug",
    "post_mortem": "import pdb\ntry: 1 / 0\nexcept Exception: pdb.post_mortem()",
    "pm": "import pdb; pdb.pm()",
}


@pytest.mark.parametrize("kind", POST_MORTEM)
def test_post_mortem_needs_prompts(client: Client, kind: str) -> None:
    """A client that answers no prompts gets the error alone, and a line that says why."""
    client.execute("1 / 0", stop_on_error=False, timeout=HANG_LIMIT_S)
    answer = client.execute(POST_MORTEM[kind], stop_on_error=False, timeout=HANG_LIMIT_S)
    execute(client, "%pdb off")

    assert "does not answer prompts" in answer.text(StreamName.STDERR)
    if kind == "pdb on":
        assert failed(answer).ename == error(answer).ename == "ZeroDivisionError"
    else:
        succeeded(answer)


@pytest.mark.parametrize("kind", POST_MORTEM)
def test_post_mortem_prompts(client: Client, kind: str) -> None:
    """A client that does is asked, and ends the session."""
    client.execute("1 / 0", stop_on_error=False, timeout=HANG_LIMIT_S)
    answer_prompts, asked = answering("p 6 * 7", "q")
    answer = client.execute(
        POST_MORTEM[kind], stop_on_error=False, on_input=answer_prompts, timeout=HANG_LIMIT_S
    )
    execute(client, "%pdb off")

    assert [request.prompt for request in asked] == ["ipdb> ", "ipdb> "]
    assert "42" in answer.text()


LIVE = {
    "breakpoint": "breakpoint()\n1",
    "set_trace": "import pdb; pdb.set_trace()\n1",
}


@pytest.mark.parametrize("kind", LIVE)
def test_breakpoint_without_prompts_fails_the_cell(client: Client, kind: str) -> None:
    """Code that stops where no prompt is answered fails there, and the next cell runs."""
    answer = client.execute(LIVE[kind], stop_on_error=False, timeout=HANG_LIMIT_S)

    assert failed(answer).ename == "StdinNotImplementedError"
    assert not OWN_FRAME.search(seen(answer)), seen(answer)
    succeeded(execute(client, "1"))
