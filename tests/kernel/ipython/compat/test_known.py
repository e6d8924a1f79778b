"""What programs look for in a kernel's process: modules, classes, the application, the kernel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.protocol import (
    Channel,
    CommClose,
    CommMsg,
    CommOpen,
    ExecuteRequest,
    ExecuteResult,
    InputRequest,
    KernelInfoReply,
    KernelInfoRequest,
    StreamName,
    UpdateDisplayData,
    unstructure,
)
from assay.transport import Client, KernelProcess, Received
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    answering,
    execute,
    failed,
    finish,
    heard_meanwhile,
    only,
    result,
    start,
    succeeded,
    text_of,
)

PACKAGE = {
    "__init__": "from .connect import *",
    "connect": (
        "__all__ = ['get_connection_file']\n"
        "def get_connection_file():\n"
        "    from ipykernel.kernelapp import IPKernelApp\n"
        "    assert IPKernelApp.initialized()\n"
        "    app = IPKernelApp.instance()\n"
        "    return app.connection_file, app.connection_dir"
    ),
    "zmqshell": ("class ZMQInteractiveShell: pass\nclass First: pass\nclass Second(First): pass"),
    "kernelapp": (
        "from traitlets.config import SingletonConfigurable\n"
        "class IPKernelApp(SingletonConfigurable): pass\n"
        "launch_new_instance = IPKernelApp.instance"
    ),
    "comm/__init__": "from .comm import Comm\nfrom .manager import CommManager",
    "comm/comm": "class Comm: pass\nclass BaseComm: pass\nother = 'comm'",
    "comm/manager": "class CommManager: pass",
    "ipkernel": (
        "import comm\n"
        "from .comm.comm import BaseComm\n"
        "from .comm.manager import CommManager\n"
        "comm.create_comm = comm.get_comm_manager = None"
    ),
}
"""What matters here of the package whose names we take: what it defines, does and imports."""


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[tuple[KernelProcess, Client]]:
    """A kernel in whose process that package can be imported, and a client."""
    for name, text in PACKAGE.items():
        path = tmp_path / "modules" / "ipykernel" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with (
        start(tmp_path, env={"PYTHONPATH": str(tmp_path / "modules")}) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        yield kernel, client


@pytest.fixture
def alone(mine: Client) -> Client:
    """A client of a kernel in whose process that package cannot be imported."""
    succeeded(execute(mine, "import sys; sys.modules['ipykernel'] = None"))
    return mine


COMM = (
    "c = Comm(target_name='t', data={'a': 1}, metadata={}, buffers=[b'x'], comm_id='k',"
    " primary=True, kernel=get_ipython().kernel)\n"
    "c.send({'b': 2}); c.close()\n"
    "assert c.kernel is get_ipython().kernel"
)

IMPORTS_OF_COMM = {
    "package": "from ipykernel.comm import Comm",
    "module": "from ipykernel.comm.comm import Comm",
    "base": "from ipykernel.comm.comm import BaseComm as Comm",
}


def is_heard(client: Client, imported: str) -> None:
    """Return if what `COMM` does is published."""
    answer = execute(client, f"{imported}\n{COMM}")

    succeeded(answer)
    assert only(answer, CommOpen).target_name == "t"
    assert only(answer, CommMsg) == CommMsg(comm_id="k", data={"b": 2})
    assert only(answer, CommClose).comm_id == "k"


@pytest.mark.parametrize("kind", sorted(IMPORTS_OF_COMM))
def test_known_comm_is_carried(beside: tuple[KernelProcess, Client], kind: str) -> None:
    """A comm of the class that programs import is this kernel's (COMM-01, COMM-10)."""
    _, client = beside

    is_heard(client, IMPORTS_OF_COMM[kind])


@pytest.mark.parametrize("kind", sorted(IMPORTS_OF_COMM))
def test_known_comm_needs_no_package(alone: Client, kind: str) -> None:
    """It can be imported where its package is not installed (COMM-01, COMM-10)."""
    is_heard(alone, IMPORTS_OF_COMM[kind])


def test_known_comm_is_found_through_the_package(beside: tuple[KernelProcess, Client]) -> None:
    """The package has the modules as its attributes, whichever way it is imported."""
    _, client = beside
    succeeded(execute(client, "import ipykernel.comm.comm, ipykernel.kernelapp"))

    is_heard(client, "Comm = ipykernel.comm.Comm\nassert ipykernel.comm.comm.Comm is Comm")
    assert (
        result(execute(client, "isinstance(get_ipython(), ipykernel.zmqshell.ZMQInteractiveShell)"))
        == "True"
    )


def test_known_comm_is_what_a_client_opens(alone: Client) -> None:
    """What a target is given is an instance of the class, the manager of the manager's."""
    answer = execute(
        alone,
        "from ipykernel.comm import Comm, CommManager\n"
        "from comm import create_comm\n"
        "isinstance(create_comm(), Comm), isinstance(get_ipython().kernel.comm_manager,"
        " CommManager)",
    )

    assert result(answer) == "(True, True)"


def test_import_of_another_kernel_leaves_comms_alone(
    beside: tuple[KernelProcess, Client],
) -> None:
    """The package's own kernel takes comms for itself when it is imported; they stay ours."""
    _, client = beside
    succeeded(execute(client, "import ipykernel.ipkernel"))

    is_heard(client, "from comm import create_comm as Comm, get_comm_manager; get_comm_manager()")


def test_package_that_is_missing_is_told(alone: Client) -> None:
    """The package itself is not pretended to be installed."""
    answer = execute(
        alone,
        "for name in 'ipykernel', 'ipykernel.comm':\n"
        "    try:\n        __import__(name)\n"
        "    except ModuleNotFoundError as error:\n        print('missing')\n"
        "from ipykernel import comm",
        stop_on_error=False,
    )

    assert answer.text() == "missing\nmissing\n"


def test_known_shell_stays_ours(beside: tuple[KernelProcess, Client]) -> None:
    """Other names come from the package as often as one likes; the shell's class is ours still."""
    _, client = beside
    answer = execute(
        client,
        "import ipykernel.zmqshell as z\n"
        "print(z.First.__module__, z.Second.__mro__[1] is z.First)\n"
        "from ipykernel.zmqshell import First, ZMQInteractiveShell\n"
        "import ipykernel\n"
        "print(First is z.First, ipykernel.zmqshell.Second is z.Second)\n"
        "classes = ZMQInteractiveShell, z.ZMQInteractiveShell,"
        " ipykernel.zmqshell.ZMQInteractiveShell\n"
        "print(*(isinstance(get_ipython(), found) for found in classes), hasattr(z, 'no_such'))",
    )

    assert answer.text() == "ipykernel.zmqshell True\nTrue True\nTrue True True False\n"


def test_module_that_is_broken_leaves_ours(beside: tuple[KernelProcess, Client]) -> None:
    """Whatever goes wrong when the package is imported, the classes are found again."""
    _, client = beside
    answer = execute(
        client,
        "import ipykernel, pathlib, ipykernel.zmqshell as z\n"
        "path = pathlib.Path(ipykernel.__file__).with_name('zmqshell.py')\n"
        "path.write_text('raise OSError')\n"
        "try:\n    z.First\nexcept OSError:\n    print('told')\n"
        "from ipykernel.zmqshell import ZMQInteractiveShell\n"
        "print(isinstance(get_ipython(), ZMQInteractiveShell))",
    )

    assert answer.text() == "told\nTrue\n"


def test_application_is_found_where_programs_look_for_it(alone: Client) -> None:
    """The running application can be had from its class, and the kernel from it (EXEC-01)."""
    answer = execute(
        alone,
        "from ipykernel.kernelapp import IPKernelApp\n"
        "from IPython import Application\n"
        "app = IPKernelApp.instance()\n"
        "app is Application.instance(), app.kernel is get_ipython().kernel,"
        " app.shell is get_ipython()",
    )

    assert result(answer) == "(True, True, True)"


def test_connection_file_is_found(beside: tuple[KernelProcess, Client]) -> None:
    """The package's functions find this kernel's connection file (CONN-01)."""
    kernel, client = beside
    path = kernel.connection_file

    answer = execute(client, "import ipykernel; print(ipykernel.get_connection_file())")

    assert answer.text() == f"{(str(path), str(path.parent))!r}\n"


def test_connection_file_is_found_in_the_installed_module(
    beside: tuple[KernelProcess, Client],
) -> None:
    """What is installed answers there as well, whichever is imported first (CONN-01)."""
    kernel, client = beside
    path = kernel.connection_file

    answer = execute(
        client,
        "from ipykernel.connect import get_connection_file as found\n"
        "import ipykernel\n"
        "from ipykernel.connect import *\n"
        "{found(), get_connection_file(), ipykernel.get_connection_file()}",
    )

    assert result(answer) == f"{{{(str(path), str(path.parent))!r}}}"


HIDE = """
import sys
class Hiding:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] == 'ipykernel':
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)
sys.meta_path.insert(0, Hiding())
"""
"""Have the package not be installed, as far as an import finds."""


def test_connection_file_is_found_without_the_package(kernel: KernelProcess, mine: Client) -> None:
    """By the same functions, in the module and in the package (CONN-01)."""
    path = str(kernel.connection_file)
    succeeded(execute(mine, HIDE))

    answer = execute(
        mine,
        "import ipykernel\n"
        "from ipykernel.connect import get_connection_file, get_connection_info\n"
        "info = get_connection_info(unpack=True)\n"
        "found = {get_connection_file(), ipykernel.get_connection_file()}\n"
        "found, type(info['key']), get_connection_info() == open(get_connection_file()).read()",
    )

    assert result(answer) == f"({ {path}!r}, bytes, True)"


def test_rest_of_the_application_comes_from_its_package(
    beside: tuple[KernelProcess, Client],
) -> None:
    """What else is asked of the application's module is the package's."""
    _, client = beside
    answer = execute(
        client,
        "from ipykernel.kernelapp import launch_new_instance\n"
        "from ipykernel.kernelapp import IPKernelApp\n"
        "launch_new_instance.__name__, IPKernelApp.initialized()",
    )

    assert result(answer) == "('instance', True)"


# --- get_ipython() and its kernel


def test_kernel_tells_what_kernel_info_says(client: Client) -> None:
    """A program finds what clients receive (INFO-02)."""
    told = client.request(KernelInfoRequest(), timeout=HANG_LIMIT_S).content
    assert isinstance(told, KernelInfoReply)

    answer = execute(
        client,
        "import json\nkernel = get_ipython().kernel\n"
        "print(json.dumps([kernel.implementation, kernel.implementation_version, kernel.banner,"
        " kernel.language_info, kernel.execution_count]))",
    )

    assert json.loads(answer.text()) == [
        told.implementation,
        told.implementation_version,
        told.banner,
        unstructure(told.language_info),
        succeeded(answer).execution_count + 1,
    ]


@pytest.mark.parametrize(("ask", "password"), [("raw_input", False), ("getpass", True)])
def test_kernel_prompts(client: Client, ask: str, password: bool) -> None:
    """The kernel's own prompts go to the client (STDIN-01)."""
    on_input, asked = answering("said")

    answer = execute(client, f"get_ipython().kernel.{ask}('prompt')", on_input=on_input)

    assert result(answer) == "'said'"
    assert asked == [InputRequest(prompt="prompt", password=password)]


@pytest.mark.parametrize("restart", [True, False])
def test_shutdown_from_code_ends_the_kernel(
    kernel: KernelProcess, mine: Client, restart: bool
) -> None:
    """The cell that asks for the end is answered, exit functions run, the process exits with 0
    (CTRL-05)."""
    marker = kernel.connection_file.parent / "marker"
    answer = execute(
        mine,
        f"import atexit; atexit.register(open({str(marker)!r}, 'w').close)\n"
        f"get_ipython().kernel.do_shutdown({restart})",
    )

    assert result(answer) == repr({"status": "ok", "restart": restart})
    assert kernel.wait(HANG_LIMIT_S) == 0
    assert marker.exists()


@pytest.mark.parametrize(
    "later",
    [
        "import threading; threading.Timer(0.1, leave).start()",
        "import asyncio; asyncio.get_running_loop().call_later(0.1, leave);",
    ],
)
def test_shutdown_while_nothing_runs_ends_the_kernel(
    kernel: KernelProcess, mine: Client, later: str
) -> None:
    """A thread or a timer may ask for the end between cells (CTRL-05)."""
    succeeded(
        execute(mine, f"def leave(): get_ipython().kernel.do_shutdown(restart=True)\n{later}")
    )

    assert kernel.wait(HANG_LIMIT_S) == 0


def test_parent_of_a_thread_is_set_and_reset(client: Client) -> None:
    """A thread may write for an earlier request for a while, and the main thread goes on with its
    own (HDR-13)."""
    first = execute(client, "kept = get_ipython().get_parent()")
    answer = execute(
        client,
        "import threading\ndef work():\n"
        "    token = get_ipython().set_thread_parent(kept); print('for the first')\n"
        "    get_ipython().reset_thread_parent(token); print('thread')\n"
        "thread = threading.Thread(target=work); thread.start(); thread.join(); print('main')",
    )
    heard = heard_meanwhile(client)

    succeeded(answer)
    assert answer.text() == "thread\nmain\n"
    assert text_of(heard) == "for the first\n"
    ids = {r.parent_header.msg_id for r in heard if r.parent_header is not None}
    assert ids == {first.request.header.msg_id}


def test_parent_is_a_message(client: Client) -> None:
    """The running request has what a message has that Jupyter's session has read."""
    code = "p = get_ipython().get_parent(); print(p['msg_type'], p['buffers'], p['parent_header'])"
    answer = execute(client, f"{code}\nprint(p['msg_id'])")

    msg_id = answer.request.header.msg_id
    assert answer.text() == f"execute_request [] {{}}\n{msg_id}\n"


def parent_of(received: Received) -> str | None:
    """Return the id of the request that *received* belongs to."""
    header = received.parent_header
    return header.msg_id if header is not None else None


def test_thread_chooses_where_its_output_goes(client: Client) -> None:
    """A thread writes for the cell that started it, for the one that runs, or for one that it
    names, as it chooses (HDR-13)."""
    execute(
        client,
        "import queue, threading\nsteps, done = queue.Queue(), queue.Queue()\n"
        "shell = get_ipython()\n"
        "def work():\n"
        "    for target in iter(steps.get, None):\n"
        "        with shell.output_to(target):\n"
        "            print('inside'); display('shown')\n"
        "            with shell.output_to('origin'): print('nested')\n"
        "        print('outside'); done.put(None)\n"
        "threading.Thread(target=work, daemon=True).start(); kept = shell.get_parent()",
    )
    named = execute(client, "named = shell.get_parent()")
    heard = {}
    for target in ("'current'", "named", "'origin'"):
        answer = execute(client, f"steps.put({target}); done.get(timeout={HANG_LIMIT_S})")
        rest = heard_meanwhile(client)
        of_named = [one for one in rest if parent_of(one) == named.request.header.msg_id]
        of_origin = [one for one in rest if one not in of_named]
        shows = "display_data" in answer.types
        heard[target] = answer.text(), shows, text_of(of_named), text_of(of_origin)
    execute(client, "steps.put(None)")
    refused = {
        code: failed(execute(client, code, stop_on_error=False))
        for code in (
            "with shell.output_to({'header': {}}): pass",
            "with shell.output_to('nowhere'): pass",
            "shell.set_parent(5)",
        )
    }

    assert heard == {
        "'current'": ("inside\n", True, "", "nested\noutside\n"),
        "named": ("", False, "inside\n", "nested\noutside\n"),
        "'origin'": ("", False, "", "inside\nnested\noutside\n"),
    }
    assert {reply.ename for reply in refused.values()} == {"ContentError"}
    for found in ("'nowhere'", "5"):
        wanted = f"wanted a request, as get_parent() returns it, found {found}"
        assert wanted in [reply.evalue for reply in refused.values()]


def test_tasks_of_a_thread_choose_apart(client: Client) -> None:
    """What one task of a thread chooses is not undone by another one's end (HDR-13)."""
    execute(
        client,
        "import asyncio, queue, threading\nstart, done = queue.Queue(), queue.Queue()\n"
        "shell = get_ipython()\n"
        "async def first(inside, left):\n"
        "    with shell.output_to('current'): inside.set(); await asyncio.sleep(0)\n"
        "    left.set()\n"
        "async def second(inside, left):\n"
        "    await inside.wait()\n"
        "    with shell.output_to('current'): await left.wait(); print('second')\n"
        "async def both():\n"
        "    events = asyncio.Event(), asyncio.Event()\n"
        "    await asyncio.gather(first(*events), second(*events))\n"
        "def work(): start.get(); asyncio.run(both()); done.put(None)\n"
        "threading.Thread(target=work, daemon=True).start()",
    )

    answer = execute(client, f"start.put(None); done.get(timeout={HANG_LIMIT_S})")

    assert answer.text() == "second\n"


def test_streams_know_a_forked_child(client: Client) -> None:
    """`sys.stdout._is_master_process()` is False in a forked child, as some tests ask."""
    code = (
        "import os, sys\npid = os.fork()\n"
        "if not pid: os._exit(int(sys.stdout._is_master_process()))\n"
        "sys.stdout._is_master_process(), os.waitpid(pid, 0)[1]"
    )

    assert result(execute(client, code)) == "(True, 0)"


PARENTS = ["shell.get_parent()", "shell.parent_header", "shell.parent_header['header']"]


@pytest.mark.parametrize("parent", PARENTS)
def test_output_goes_to_the_parent_that_is_set(client: Client, parent: str) -> None:
    """What is printed and shown after `set_parent` belongs to that request (HDR-13, HDR-15)."""
    first = execute(client, f"shell = get_ipython()\nkept = {parent}")
    second = client.start(
        ExecuteRequest(
            code="import sys\nown = shell.get_parent()\nprint('before')\nshell.set_parent(kept)\n"
            "print('for the first'); display('shown'); print('err', file=sys.stderr)\n"
            "assert shell.get_parent()['header'] == shell.kernel._parent_header['header']\n"
            "assert shell.get_parent()['header']['msg_id'] != own['header']['msg_id']\n"
            "shell.set_parent(own); print('after')"
        )
    )
    answer = finish(client, second)
    heard = heard_meanwhile(client)

    succeeded(answer)
    assert answer.text() == "before\nafter\n"
    assert text_of(heard) == "for the first\n"
    assert text_of(heard, StreamName.STDERR) == "err\n"
    assert [r.msg_type for r in heard].count("display_data") == 1
    ids = {r.parent_header.msg_id for r in heard if r.parent_header is not None}
    assert ids == {first.request.header.msg_id}
    wanted = json.loads(bytes(first.published[0].frames[4]))
    assert all(json.loads(bytes(r.frames[4])) == wanted for r in heard)


def test_output_of_children_goes_to_the_parent_that_is_set(client: Client) -> None:
    """What came through the descriptors before `set_parent`, and after it, is kept apart
    (HDR-13)."""
    execute(client, "import os; shell = get_ipython(); kept = shell.get_parent()")
    answer = execute(
        client,
        "os.system('echo before'); shell.set_parent(kept); os.system('echo for the first');",
    )

    assert answer.text() == "before\n"
    assert text_of(heard_meanwhile(client)) == "for the first\n"


def test_control_has_no_parent_of_a_cell(client: Client) -> None:
    """No cell is a request of control's: there is no parent to find, and none to set."""
    execute(client, "earlier = get_ipython().get_parent()")

    answer = execute(
        client,
        "kernel = get_ipython().kernel\n"
        "kernel.set_parent([], earlier, channel='control')\n"
        "print(kernel.get_parent('control'), kernel.get_parent('shell') == kernel.get_parent())",
    )

    assert answer.text() == "{} True\n"


def test_set_parent_holds_until_the_end_of_the_cell(client: Client) -> None:
    """The next cell has its own output, and the one that was adopted may not prompt (STDIN-03)."""
    execute(client, "kept = get_ipython().get_parent()")
    on_input, asked = answering("said")
    second = execute(
        client, "get_ipython().set_parent(kept)\ninput()", on_input=on_input, stop_on_error=False
    )
    client.waiting(Channel.IOPUB)

    assert failed(second).ename == "StdinNotImplementedError"
    assert not asked
    assert execute(client, "print('own')").text() == "own\n"


def test_parent_that_is_set_back_may_prompt(client: Client) -> None:
    """A cell that goes back to its own request has all that belongs to it (STDIN-01)."""
    execute(client, "kept = get_ipython().get_parent()")
    on_input, _ = answering("said")
    answer = execute(
        client,
        "kernel = get_ipython().kernel\n"
        "ident, own = kernel._parent_ident, kernel.get_parent()\n"
        "assert ident['shell']\n"
        "kernel.set_parent(ident, kept); kernel.set_parent(ident, own, channel='shell')\ninput()",
        on_input=on_input,
    )

    assert result(answer) == "'said'"


@pytest.mark.parametrize("parent", ["{'header': {}}", "{'header': 5}", "{'msg_id': 5}"])
def test_parent_that_is_none_is_refused(client: Client, parent: str) -> None:
    """What has no header is logged, and nothing changes."""
    refused = execute(client, f"get_ipython().set_parent({parent})", stop_on_error=False)

    assert failed(refused).ename == "ContentError"
    assert execute(client, "get_ipython().set_parent({}); print('own')").text() == "own\n"


def test_session_publishes(client: Client) -> None:
    """A program may publish by the kernel's session (IOPUB-11, IOPUB-12)."""
    answer = execute(
        client,
        "shell = get_ipython(); kernel = shell.kernel\n"
        "def show(kind, text, **keys):\n"
        "    content = {'data': {'text/plain': text}, 'metadata': {},"
        " 'transient': {'display_id': 'd'}, **keys}\n"
        "    kernel.session.send(kernel.iopub_socket, kind, content, parent=shell.parent_header,"
        " ident=b'topic', metadata={'m': 1}, buffers=[b'b'])\n"
        "show('display_data', 'one'); show('update_display_data', 'two')\n"
        "show('execute_result', 'three', execution_count=7)\n"
        "kernel.send_response(kernel.iopub_socket, 'stream', {'name': 'stdout', 'text': 'four'})",
    )

    assert answer.types[2:-1] == (
        "display_data",
        "update_display_data",
        "execute_result",
        "stream",
    )
    assert only(answer, UpdateDisplayData).data == {"text/plain": "two"}
    assert only(answer, ExecuteResult).execution_count == 7
    assert answer.text() == "four"
    assert answer.published[2].message.metadata == {"m": 1}
    assert [bytes(b) for b in answer.published[2].message.buffers] == [b"b"]


@pytest.mark.parametrize("sender", ["display_pub", "displayhook"])
def test_hook_and_publisher_send_whole_messages(client: Client, sender: str) -> None:
    """Programs take session, socket and parent from them, as jupyter_client does in a cell."""
    answer = execute(
        client,
        f"sender = get_ipython().{sender}; session = sender.session\n"
        "session.send(sender.pub_socket, 'display_data', {'data': {}}, sender.parent_header)\n"
        "content = {'name': 'stdout', 'text': 'whole'}\n"
        "message = session.msg('stream', content, sender.parent_header, metadata={'m': 1})\n"
        "session.send(sender.pub_socket, message, ident=sender.topic, buffers=[b'b'])",
    )

    succeeded(answer)
    assert answer.types[2:-1] == ("display_data", "stream")
    assert answer.text() == "whole"
    assert answer.published[3].message.metadata == {"m": 1}
    assert [bytes(b) for b in answer.published[3].message.buffers] == [b"b"]


@pytest.mark.parametrize("sender", ["display_pub", "displayhook"])
def test_parent_is_set_by_hook_and_publisher(client: Client, sender: str) -> None:
    """Recipes that send the output of a thread to another cell set it there (HDR-13)."""
    first = execute(client, f"sender = get_ipython().{sender}; kept = sender.parent_header")
    second = execute(
        client,
        "own = sender.parent_header\n"
        "sender.parent_header = kept; display('first'); sender.set_parent(own); print('second')",
    )
    (late,) = heard_meanwhile(client)

    assert second.text() == "second\n"
    assert (late.msg_type, parent_of(late)) == ("display_data", first.request.header.msg_id)


def test_session_publishes_for_an_earlier_request(client: Client) -> None:
    """The parent that is given is the message's, and of no other (HDR-13)."""
    first = execute(client, "kept = get_ipython().parent_header")
    second = execute(
        client,
        "kernel = get_ipython().kernel\n"
        "content = {'name': 'stdout', 'text': 'x'}\n"
        "kernel.session.send(kernel.iopub_socket, 'stream', content, kept)\n"
        "print('own')\nimport os; os.system('echo child');",
    )
    (late,) = heard_meanwhile(client)

    assert second.text() == "own\nchild\n"
    assert late.parent_header is not None
    assert late.parent_header.msg_id == first.request.header.msg_id


@pytest.mark.parametrize(
    "sent",
    [
        "kernel.session.send(None, 'stream', {'name': 'stdout', 'text': ''})",
        "kernel.session.send(kernel.iopub_socket, 'execute_reply', {})",
        "kernel.send_response(kernel.iopub_socket, 'no_such_type', {})",
        "kernel.send_response(kernel.iopub_socket, 'stream', {'name': 'stdout'})",
        "kernel.session.send(kernel.iopub_socket, {'content': {}})",
    ],
)
def test_session_refuses_what_is_not_for_iopub(client: Client, sent: str) -> None:
    """Nothing leaves that a client could not read."""
    answer = execute(client, f"kernel = get_ipython().kernel\n{sent}", stop_on_error=False)

    assert failed(answer).ename in {"LocalError", "ContentError"}
    assert answer.types == ("status", "execute_input", "error", "status")
