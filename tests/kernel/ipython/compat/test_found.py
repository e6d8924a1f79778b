"""What programs look for: the stream as a text wrapper, modules, attributes (public reports 9, 16,
18, 20, 22, 26, 27), and what a failing cell had asked its client for (23)."""

from __future__ import annotations

import pytest

from assay.protocol import CommMsg, ExecuteRequest
from assay.transport import Client
from tests.kernel._kernels import (
    error,
    execute,
    failed,
    finish,
    heard_meanwhile,
    only,
    result,
    succeeded,
)


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("sys.stdout.reconfigure(encoding='utf-8', errors='strict'); print('é')", "é\n"),
        ("sys.stdout.reconfigure(line_buffering=False, write_through=True); print('a')", "a\n"),
        ("sys.stdout.reconfigure(newline='\\n'); print(sys.stdout.newlines)", "None\n"),
        ("sys.stdout.reconfigure(encoding='latin-1'); sys.stdout.buffer.write(b'\\xe9')", "é"),
        (
            "sys.stdout.reconfigure(encoding='ascii', errors='replace')\n"
            "print(sys.stdout.encoding, sys.stdout.errors, 'é')",
            "ascii replace é\n",
        ),
    ],
)
def test_stream_is_reconfigured_as_a_text_wrapper(client: Client, code: str, printed: str) -> None:
    """What has a meaning for text has its effect, and nothing that is printed is lost."""
    answer = execute(client, f"import sys\n{code};")
    succeeded(execute(client, "sys.stdout.reconfigure(encoding='utf-8', errors='strict')"))

    assert answer.text() == printed


@pytest.mark.parametrize(
    ("keys", "ename"),
    [
        ("encoding='none-such'", "LookupError"),
        ("errors='none-such'", "LookupError"),
        ("newline='x'", "ValueError"),
    ],
)
def test_stream_refuses_what_a_text_wrapper_refuses(client: Client, keys: str, ename: str) -> None:
    """Nothing has changed then."""
    answer = execute(client, f"import sys\nsys.stdout.reconfigure({keys})", stop_on_error=False)

    assert failed(answer).ename == ename
    assert execute(client, "print(sys.stdout.encoding)").text() == "utf-8\n"


def test_stream_is_recognised_by_its_class(client: Client) -> None:
    """click looks at the module of the class, loguru at the class in that module."""
    answer = execute(
        client,
        "import sys, ipykernel, click\n"
        "from click._compat import should_strip_ansi\n"
        "print(type(sys.stdout).__module__, type(sys.stderr).__name__,"
        " isinstance(sys.stdout, ipykernel.iostream.OutStream),"
        " isinstance(get_ipython(), ipykernel.zmqshell.ZMQInteractiveShell),"
        " should_strip_ansi(sys.stdout), 'ipykernel' in sys.modules)",
    )

    assert answer.text() == "ipykernel.iostream OutStream True True False True\n"


def test_stream_is_hooked(client: Client) -> None:
    """A hook sees each text as a message, may take it, and is gone when it is unregistered."""
    answer = execute(
        client,
        "import sys\nseen = []\n"
        "def hook(message):\n    seen.append(message)\n"
        "    return None if 'secret' in message['content']['text'] else message\n"
        "sys.stdout.register_hook(hook)\n"
        "print('secret', end=''); print('open', end='')\n"
        "print(sys.stdout.unregister_hook(hook), sys.stdout.unregister_hook(hook))\n"
        "assert [m['content']['text'] for m in seen] == ['secret', 'open']\n"
        "assert seen[0]['parent_header'] == get_ipython().get_parent()['header']",
    )

    succeeded(answer)
    assert answer.text() == "openTrue False\n"


def test_stream_has_a_parent(client: Client) -> None:
    """It is the running request's header, and another one once it is set (HDR-13)."""
    first = execute(client, "import sys\nkept = sys.stdout.parent_header; kept['msg_id']")
    second = execute(
        client,
        "own = sys.stdout.parent_header\n"
        "sys.stdout.parent_header = kept; print('first'); sys.stdout.set_parent(own)\n"
        "sys.stdout.parent_header = {}; print('second')",
    )
    (late,) = heard_meanwhile(client)

    assert second.text() == "second\n"
    assert result(first) == repr(str(first.request.header.msg_id))
    assert late.parent_header is not None
    assert late.parent_header.msg_id == first.request.header.msg_id


@pytest.mark.parametrize(
    "expression",
    [
        "kernel.config['IPKernelApp']['connection_file'] == kernel.parent.connection_file",
        "kernel.parent is get_ipython().parent",
        "get_ipython().has_trait('kernel')",
        "kernel.io_loop.asyncio_loop is __import__('asyncio').get_event_loop()",
        "importlib.util.find_spec('ipykernel') is not None",
        "importlib.util.find_spec('ipykernel.none_such') is None",
        "pickle.loads(pickle.dumps(sys.stdout)) is sys.stdout",
        "copy.copy(sys.stderr) is sys.stderr",
        "pickle.loads(pickle.dumps(get_ipython())) is get_ipython()",
        "pickle.loads(pickle.dumps(kernel)) is kernel",
        "type(pickle.loads(pickle.dumps(exit))) is type(exit)",
    ],
)
def test_it_is_found(client: Client, expression: str) -> None:
    """Each of these is what programs expect."""
    answer = execute(
        client,
        "import copy, importlib.util, pickle, sys; kernel = get_ipython().kernel\n" + expression,
    )

    assert result(answer) == "True"


REPLACED = """\
import asyncio, pickle, sys, threading
from comm import create_comm, get_comm_manager
from getpass import getpass
of_a_notebook = [
    create_comm, get_comm_manager, getpass, input, threading.Thread.start, asyncio.run,
    sys.stdout.buffer,
]
[found for found in of_a_notebook if pickle.loads(pickle.dumps(found)) is not found]
"""


def test_what_is_replaced_is_pickled_by_its_name(client: Client) -> None:
    """A session that has imported what the kernel replaces is pickled without the kernel
    (dill#255)."""
    assert result(execute(client, REPLACED)) == "[]"


def test_iteration_lets_tasks_go_on(client: Client) -> None:
    """Awaited in a loop, it gives other tasks their turn."""
    answer = execute(
        client,
        "import asyncio\nasync def say(): print('said')\ntask = asyncio.create_task(say())\n"
        "while not task.done(): await get_ipython().kernel.do_one_iteration()",
    )

    assert answer.text() == "said\n"


def test_function_of_a_cell_is_edited(client: Client) -> None:
    """The client is asked to open the text of the cell (EXEC-14)."""
    number = succeeded(execute(client, "def q():\n    return 5")).execution_count

    reply = succeeded(execute(client, "%edit q"))

    assert isinstance(reply.payload, tuple)
    (payload,) = reply.payload
    assert payload["source"] == "edit_magic"
    text = result(execute(client, f"open({payload['filename']!r}).read(), {number}"))
    assert text == repr(("def q():\n    return 5", number))


@pytest.mark.parametrize(
    ("ask", "name"), [("input()", "raw_input"), ("getpass.getpass()", "getpass")]
)
def test_error_without_input_keeps_what_was_handled(client: Client, ask: str, name: str) -> None:
    """The program's own exception is shown as its context, and the text is the one that programs
    look for (STDIN-03)."""
    answer = execute(
        client,
        f"import getpass\ntry: 1 / 0\nexcept ZeroDivisionError: {ask}",
        stop_on_error=False,
    )

    shown = "\n".join(error(answer).traceback)
    assert failed(answer).evalue == (
        f"{name} was called, but this frontend does not support input requests."
    )
    assert "ZeroDivisionError" in shown
    assert "NoInputError" not in shown


def test_hooks_see_the_metadata_of_the_request(client: Client) -> None:
    """IPython hands it to hooks as `cell_meta`."""
    execute(
        client,
        "metas = []\ndef hook(info): metas.append(info.cell_meta)\n"
        "get_ipython().events.register('pre_run_cell', hook)",
    )
    exchange = client.start(
        ExecuteRequest(code="get_ipython().events.unregister('pre_run_cell', hook)"),
        metadata={"cellId": "c", "tags": ["a"]},
    )
    succeeded(finish(client, exchange))

    assert result(execute(client, "metas[-1]")) == "{'cellId': 'c', 'tags': ['a']}"


def test_failing_cell_returns_its_payload(client: Client) -> None:
    """What it had asked for before is not lost, and is no other cell's (S-056, AMB-04)."""
    answer = execute(client, "get_ipython().set_next_input('a'); 1 / 0", stop_on_error=False)
    after = succeeded(execute(client, "1"))

    wanted = [{"source": "set_next_input", "text": "a", "replace": False}]
    assert failed(answer).extra["payload"] == wanted
    assert not after.payload


def test_late_comm_message_goes_to_the_cell_that_runs(client: Client) -> None:
    """A thread of a cell that is over reaches the client with what it sets; what it prints stays
    with its cell (public report 25, COMM-10)."""
    first = execute(
        client,
        "import threading\nfrom comm import create_comm\ncomm = create_comm(target_name='t')\n"
        "go = threading.Event()\n"
        "def work():\n    go.wait(); comm.send({'value': 5}); print('late')\n"
        "thread = threading.Thread(target=work); thread.start()",
    )
    second = execute(client, "go.set(); thread.join()")
    late = [r for r in heard_meanwhile(client) if r.msg_type == "stream"]

    assert only(second, CommMsg).data == {"value": 5}
    assert [r.parent_header.msg_id for r in late if r.parent_header is not None] == [
        first.request.header.msg_id
    ]
    assert second.text() == ""
