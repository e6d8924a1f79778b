"""What a person reads when a cell fails."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import assay
from assay.protocol import Channel, CompleteRequest, Error, ErrorReply, StreamName
from assay.transport import Answer, Client, KernelProcess, Received
from tests.kernel._kernels import HANG_LIMIT_S, begin, execute, failed, finish, succeeded

COLOUR = re.compile(r"\x1b\[[\d;]*m")


def test_interrupted_cell_shows_the_users_code_alone(
    shared_kernel: KernelProcess, client: Client
) -> None:
    """The traceback of an interrupt ends in the user's code, not in the kernel's (CTRL-09)."""

    def interrupt(_: Received) -> None:
        shared_kernel.interrupt()

    answer = client.execute(
        "print('on', flush=True)\nwhile True: pass",
        on_output=lambda received: interrupt(received) if received.msg_type == "stream" else None,
        timeout=HANG_LIMIT_S,
    )

    assert isinstance(answer.content, ErrorReply)
    text = COLOUR.sub("", "\n".join(answer.content.traceback))
    assert (text.count("Cell In["), "File " in text) == (1, False)


OWN_FILES = re.compile(rf"{Path(assay.__file__).parent}|assay[/\\\\.]kernel|typings/assay")
"""What names a file of the kernel, in full or in part."""


def seen(answer: Answer) -> str:
    """Return all that a person reads of a failure: error, reply and stderr, without colours."""
    parts = [answer.text(StreamName.STDERR)]
    parts += ["\n".join(error.traceback) for error in answer.contents(Error)]
    if isinstance(answer.content, ErrorReply):
        parts.append("\n".join(answer.content.traceback))
    return COLOUR.sub("", "\n".join(parts))


FAILING = {
    "write of no text": "import sys; sys.stdout.write(5)",
    "input without stdin": "input()",
    "password without stdin": "import getpass; getpass.getpass()",
    "display": "class D:\n    def _repr_html_(self): return 1 / 0\ndisplay(D())",
    "repr": "class D:\n    def __repr__(self): return 1 / 0\nD()",
    "display of no JSON": "display({'application/json': {1: object()}}, raw=True)",
    "import": "import fails_when_imported",
    "import of a hooked module": "import trio",
    "await": "import asyncio\nasync def f(): 1 / 0\nawait f()",
    "await of a task": "import asyncio\nasync def f(): 1 / 0\nawait asyncio.create_task(f())",
    "thread": "import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start(); t.join()\n"
    "1 / 0",
    "pool": "from concurrent.futures import ThreadPoolExecutor\n"
    "with ThreadPoolExecutor() as pool: pool.submit(lambda: 1 / 0).result()",
    "magic": "%connect_info --no-such-option\n",
    "group": "raise ExceptionGroup('g', [ValueError(1)])",
    "cause": "try: input()\nexcept Exception as e: raise ValueError(1) from e",
    "context": "try: input()\nexcept Exception: 1 / 0",
    "exit of a task": "import asyncio, sys\nasync def f(): sys.exit(1)\n"
    "await asyncio.create_task(f())",
    "comm": "from comm import create_comm; create_comm(target_name='t', data={'a': object()})",
    "set_parent": "get_ipython().set_parent({'header': 5})",
    "send": "k = get_ipython().kernel; k.session.send(None, 'stream', {})",
}


@pytest.mark.parametrize("kind", sorted(FAILING))
def test_failure_shows_none_of_our_frames(client: Client, kind: str) -> None:
    """Whatever fails where, the traceback holds the user's code, and no file of the kernel."""
    execute(client, MODULES)
    answer = client.execute(FAILING[kind], timeout=HANG_LIMIT_S)

    assert not OWN_FILES.search(seen(answer)), seen(answer)


MODULES = """\
with open('fails_when_imported.py', 'w') as file: file.write('1 / 0')
with open('trio.py', 'w') as file: file.write('1 / 0')
import sys
sys.modules.pop('trio', None); sys.modules.pop('fails_when_imported', None);
"""

RUNNING = {
    "print": "while True: print('.' * 200)",
    "flush": "import sys\nwhile True: print(end='.'); sys.stdout.flush()",
    "bytes": "import sys\nwhile True: sys.stdout.buffer.write(b'.')",
    "display": "while True: display(1)",
    "update": "h = display(1, display_id=True)\nwhile True: h.update(2)",
    "repr": "class D:\n    def __repr__(self):\n        while True: pass\nD()",
    "import": "import loops_when_imported",
    "await": "import asyncio; await asyncio.sleep(600)",
    "await of a loop": "import asyncio\nwhile True: await asyncio.sleep(0)",
    "comm": "from comm import create_comm\nc = create_comm(target_name='t')\n"
    "while True: c.send({'a': 1})",
    "thread": "import threading\nwhile True:\n    t = threading.Thread(target=int)\n"
    "    t.start(); t.join()",
    "magic": "while True: get_ipython().run_line_magic('who', '')",
}


@pytest.mark.parametrize("kind", sorted(RUNNING))
def test_interrupt_shows_none_of_our_frames(
    shared_kernel: KernelProcess, client: Client, kind: str
) -> None:
    """Wherever an interrupt strikes, the traceback holds no file of the kernel (CTRL-09)."""
    execute(client, "open('loops_when_imported.py', 'w').write('while True: pass');")
    running = begin(client, f"print('runs', flush=True)\n{RUNNING[kind]}", until="runs")
    shared_kernel.interrupt()
    answer = finish(client, running)

    assert failed(answer).ename == "KeyboardInterrupt"
    assert not OWN_FILES.search(seen(answer)), seen(answer)


def test_interrupted_input_shows_none_of_our_frames(
    shared_kernel: KernelProcess, client: Client
) -> None:
    """A prompt that is interrupted was called by the user's code, which is shown (CTRL-18)."""

    running = begin(client, "input('never answered')", allow_stdin=True)
    client.receive(Channel.STDIN, HANG_LIMIT_S)
    shared_kernel.interrupt()
    answer = finish(client, running)

    assert failed(answer).ename == "KeyboardInterrupt"
    assert "never answered" in seen(answer)
    assert not OWN_FILES.search(seen(answer)), seen(answer)


def test_failing_completer_shows_none_of_our_frames(client: Client) -> None:
    """The reply to a completion that fails names the completer's code alone."""
    succeeded(
        execute(
            client,
            "def fail(*_): 1 / 0\nshell = get_ipython()\n"
            "complete, shell.Completer.completions = shell.Completer.completions, fail",
        )
    )
    answer = client.request(CompleteRequest(code="a", cursor_pos=1), timeout=HANG_LIMIT_S)
    execute(client, "shell.Completer.completions = complete")

    assert failed(answer).ename == "ZeroDivisionError"
    assert "in fail" in seen(answer)
    assert not OWN_FILES.search(seen(answer)), seen(answer)


THREADS_ERROR = """\
shell = get_ipython()
def show():
    try:
        1 / 0
    except ZeroDivisionError:
        shell.showtraceback()

import threading
thread = threading.Thread(target=show)
thread.start()
thread.join()
before, shell.showtraceback = shell.showtraceback, lambda *_, **__: None
raise KeyError("the cell's")
"""


def test_error_of_a_thread_is_not_the_cells(client: Client) -> None:
    """What a thread of the cell shows as its error stays the thread's: the cell's reply names the
    cell's own, also where a program keeps that from being shown (EXEC-17)."""
    answer = client.execute(THREADS_ERROR, timeout=HANG_LIMIT_S)
    execute(client, "shell.showtraceback = before")

    assert isinstance(answer.content, ErrorReply)
    assert answer.content.ename == "KeyError"
    assert [error.ename for error in answer.contents(Error)] == ["ZeroDivisionError", "KeyError"]
