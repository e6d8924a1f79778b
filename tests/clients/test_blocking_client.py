"""A conversation with `jupyter_client`'s blocking client, request by request."""

import re
import signal
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from tests.clients._conversation import (
    HANG_LIMIT_S,
    Answer,
    Message,
    await_reply,
    execute,
    process_of,
)
from tests.clients.conftest import KERNEL_NAMES, Running, connected, started

COLOURS = re.compile(r"\x1b\[[0-9;]*m")

ENDLESS = {
    "loop": "print('running', flush=True)\nwhile True:\n    pass",
    "sleep": "import time\nprint('running', flush=True)\ntime.sleep(86_400)",
    "await": "import asyncio\nprint('running', flush=True)\nawait asyncio.sleep(86_400)",
    "child": (
        "import subprocess, sys\n"
        "print('running', flush=True)\n"
        "subprocess.run([sys.executable, '-c', 'import time; time.sleep(86_400)'])"
    ),
}


def ask(client: BlockingKernelClient, request: str, **arguments: Any) -> Message:
    """Send the *request* named as the client's method is, and return its reply."""
    channel = "control" if request == "shutdown" else "shell"
    return await_reply(client, getattr(client, request)(**arguments), channel)


def execute_and_interrupt(running: Running, code: str) -> Answer:
    """Execute *code*, which says that it is running, and interrupt it when it has printed that."""
    published: list[Message] = []

    def interrupt_when_running(message: Message) -> None:
        published.append(message)
        if message["header"]["msg_type"] == "stream":
            running.manager.interrupt_kernel()

    answer = execute(running.client, code, output_hook=interrupt_when_running)
    return Answer(reply=answer.reply, published=published)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A kernel for all tests that neither end it nor look at how it was started."""
    with started("assay", tmp_path_factory.mktemp("shared")) as running:
        yield running


@pytest.fixture
def client(shared: Running) -> Iterator[BlockingKernelClient]:
    """A client of its own of that kernel, which begins a new session, without any name."""
    with connected(shared.manager) as client:
        execute(client, "get_ipython().reset()", silent=True)
        yield client


class TestExecute:
    """Requests to execute, and what comes of them."""

    def test_last_expression_is_the_result(self, client: BlockingKernelClient) -> None:
        """The value of the last expression is published as the result."""
        answer = execute(client, "6 * 7")

        (result,) = answer.contents("execute_result")
        assert result["data"] == {"text/plain": "42"}

    def test_result_and_reply_agree_on_the_count(self, client: BlockingKernelClient) -> None:
        """Input, result and reply carry the same execution count."""
        execute(client, "1")

        answer = execute(client, "2")

        (given,) = answer.contents("execute_input")
        (result,) = answer.contents("execute_result")
        counts = {content["execution_count"] for content in (given, result, answer.content)}
        assert counts == {2}

    def test_statement_has_no_result(self, client: BlockingKernelClient) -> None:
        """A cell without a last expression publishes status and input only."""
        answer = execute(client, "a = 1")

        assert answer.types == ["status", "execute_input", "status"]

    def test_busy_is_first_and_idle_is_last(self, client: BlockingKernelClient) -> None:
        """What is published for a request lies between busy and idle."""
        answer = execute(client, "print('x')")

        states = [content["execution_state"] for content in answer.contents("status")]
        assert (answer.types[0], answer.types[-1], states) == ("status", "status", ["busy", "idle"])

    def test_reply_carries_the_header_of_its_request(self, client: BlockingKernelClient) -> None:
        """A reply carries its request's header as parent."""
        msg_id = client.execute("1")

        reply = client.get_shell_msg(timeout=HANG_LIMIT_S)
        while reply["msg_type"] == "kernel_info_reply":  # asked each second until one came
            reply = client.get_shell_msg(timeout=HANG_LIMIT_S)
        parent = reply["parent_header"]
        assert (parent["msg_id"], parent["session"]) == (msg_id, client.session.session)

    def test_code_is_echoed(self, client: BlockingKernelClient) -> None:
        """The code of a request is published as it came."""
        code = "# déjà vu 🙂\nNone\n"

        answer = execute(client, code)

        (given,) = answer.contents("execute_input")
        assert given["code"] == code

    def test_streams_stay_apart(self, client: BlockingKernelClient) -> None:
        """Standard output and standard error arrive as two streams."""
        answer = execute(client, "import sys; print('out'); print('err', file=sys.stderr)")

        assert (answer.text("stdout"), answer.text("stderr")) == ("out\n", "err\n")

    def test_streams_keep_their_order(self, client: BlockingKernelClient) -> None:
        """Flushed writes to both streams arrive in the order they were made."""
        answer = execute(
            client,
            "import sys\n"
            "for i in range(20):\n"
            "    print(i, file=(sys.stdout, sys.stderr)[i % 2], flush=True)",
        )

        numbers = "".join(content["text"] for content in answer.contents("stream")).split()
        assert numbers == [str(i) for i in range(20)]

    def test_long_output_is_complete(self, client: BlockingKernelClient) -> None:
        """Ten thousand lines arrive whole, in order, before idle."""
        answer = execute(client, "for i in range(10_000):\n    print(i)")

        assert answer.text() == "".join(f"{i}\n" for i in range(10_000))

    @pytest.mark.parametrize(
        "code",
        [
            pytest.param("import os; _ = os.write(1, b'seen\\n')", id="file descriptor"),
            pytest.param("!echo seen", id="shell escape"),
            pytest.param("%%bash\necho seen", id="cell magic"),
            pytest.param(
                "import subprocess, sys\n"
                "_ = subprocess.run([sys.executable, '-c', \"print('seen')\"])",
                id="child process",
            ),
            pytest.param(
                "import threading\n"
                "thread = threading.Thread(target=print, args=('seen',))\n"
                "thread.start(); thread.join()",
                id="thread",
            ),
            pytest.param("await __import__('asyncio').sleep(0); print('seen')", id="await"),
        ],
    )
    def test_output_reaches_its_cell(self, client: BlockingKernelClient, code: str) -> None:
        """Output is under the cell that made it and before idle, of C code and children too."""
        answer = execute(client, code)

        assert answer.text().splitlines() == ["seen"]

    def test_error_is_the_same_in_reply_and_message(self, client: BlockingKernelClient) -> None:
        """The reply and the published error agree on name, value and traceback."""
        answer = execute(client, "1 / 0")

        (error,) = answer.contents("error")
        assert error == {key: answer.content[key] for key in ("ename", "evalue", "traceback")}

    def test_error_names_the_exception(self, client: BlockingKernelClient) -> None:
        """An error reply names the exception, its value and the line that raised it."""
        answer = execute(client, "def f():\n    return 1 / 0\n\nf()")

        content = answer.content
        assert (content["status"], content["ename"], content["evalue"]) == (
            "error",
            "ZeroDivisionError",
            "division by zero",
        )
        assert "return 1 / 0" in COLOURS.sub("", "\n".join(content["traceback"]))

    def test_syntax_error_is_an_error(self, client: BlockingKernelClient) -> None:
        """Code that does not compile is answered with an error."""
        answer = execute(client, "a b")

        assert answer.content["ename"] == "SyntaxError"

    def test_kernel_goes_on_after_an_error(self, client: BlockingKernelClient) -> None:
        """A cell that failed leaves the kernel and its names as they were."""
        execute(client, "kept = 5; 1 / 0")

        answer = execute(client, "kept")

        (result,) = answer.contents("execute_result")
        assert result["data"]["text/plain"] == "5"

    def test_error_stops_what_was_queued(self, client: BlockingKernelClient) -> None:
        """Cells sent behind a cell that fails are answered and not run."""
        client.execute("input(); 1 / 0")
        client.get_stdin_msg(timeout=HANG_LIMIT_S)
        queued = client.execute("ran = True")
        # It is answered beside the cell, and has come behind the other one: that is there by now.
        client.kernel_info(reply=True, timeout=HANG_LIMIT_S)
        client.input("")
        reply = await_reply(client, queued)

        answer = execute(client, "'ran' in globals()")

        (result,) = answer.contents("execute_result")
        assert (reply["content"]["status"] != "ok", result["data"]["text/plain"]) == (True, "False")

    def test_error_may_leave_the_queue_alone(self, client: BlockingKernelClient) -> None:
        """Cells sent behind one that fails with stop_on_error false are run."""
        client.execute("1 / 0", stop_on_error=False)
        client.execute("ran = True")

        answer = execute(client, "ran")

        (result,) = answer.contents("execute_result")
        assert result["data"]["text/plain"] == "True"

    def test_display_has_data_and_metadata(self, client: BlockingKernelClient) -> None:
        """A displayed object is published with a bundle of formats."""
        answer = execute(client, "from IPython.display import HTML, display; display(HTML('<b>x'))")

        (display,) = answer.contents("display_data")
        assert display["data"]["text/html"] == "<b>x"

    def test_display_can_be_updated(self, client: BlockingKernelClient) -> None:
        """An update names the display that it replaces."""
        answer = execute(
            client,
            "from IPython.display import display\n"
            "handle = display('one', display_id=True); handle.update('two')",
        )

        (display,) = answer.contents("display_data")
        (update,) = answer.contents("update_display_data")
        assert display["transient"]["display_id"] == update["transient"]["display_id"]

    def test_output_can_be_cleared(self, client: BlockingKernelClient) -> None:
        """Clearing stands between what was printed before and what was printed after."""
        answer = execute(
            client,
            "from IPython.display import clear_output\n"
            "print('before'); clear_output(wait=True); print('after')",
        )

        # A slow print may leave as two messages: its text, then the end of its line.
        kinds = [kind for kind, _ in groupby(answer.types[2:-1])]
        assert kinds == ["stream", "clear_output", "stream"]

    def test_user_expressions_are_evaluated(self, client: BlockingKernelClient) -> None:
        """Each user expression has a result or an error of its own."""
        answer = execute(client, "a = 6", user_expressions={"good": "a * 7", "bad": "b"})

        found = answer.content["user_expressions"]
        assert (found["good"]["data"]["text/plain"], found["bad"]["ename"]) == ("42", "NameError")

    def test_silent_takes_no_number(self, client: BlockingKernelClient) -> None:
        """A silent cell publishes no input and no result, and takes no number."""
        silent = execute(client, "1", silent=True)

        answer = execute(client, "1")

        assert ("execute_input" in silent.types, "execute_result" in silent.types) == (False, False)
        assert answer.content["execution_count"] == 1

    def test_unstored_cell_takes_no_number(self, client: BlockingKernelClient) -> None:
        """A cell that is not stored leaves the counter as it was."""
        execute(client, "1", store_history=False)

        answer = execute(client, "1")

        assert answer.content["execution_count"] == 1

    def test_next_input_is_a_payload(self, client: BlockingKernelClient) -> None:
        """The text for the next cell comes in the reply."""
        answer = execute(client, "get_ipython().set_next_input('b = 2')")

        (payload,) = answer.content["payload"]
        assert (payload["source"], payload["text"]) == ("set_next_input", "b = 2")

    def test_pager_is_a_payload(self, client: BlockingKernelClient) -> None:
        """The documentation that a question mark asks for comes in the reply."""
        answer = execute(client, "len?")

        (payload,) = answer.content["payload"]
        assert (payload["source"], "Return the number" in payload["data"]["text/plain"]) == (
            "page",
            True,
        )

    def test_exit_is_a_payload(self, running: Running) -> None:
        """Asking to exit is left to the client to do."""
        answer = execute(running.client, "exit")

        (payload,) = answer.content["payload"]
        assert (payload["source"], payload["keepkernel"]) == ("ask_exit", False)

    def test_connection_can_be_shown(self, client: BlockingKernelClient) -> None:
        """The magic for the connection prints what another client needs."""
        answer = execute(client, "%connect_info")

        assert str(client.shell_port) in answer.text()

    def test_names_survive_from_cell_to_cell(self, client: BlockingKernelClient) -> None:
        """A cell sees what the cells before it defined, and their results."""
        execute(client, "41")

        answer = execute(client, "_ + 1")

        (result,) = answer.contents("execute_result")
        assert result["data"]["text/plain"] == "42"

    def test_working_folder_is_importable(self, running: Running, tmp_path: Path) -> None:
        """A module that lies in the folder the kernel was started in can be imported."""
        (tmp_path / "beside_the_notebook.py").write_text("answer = 42\n", encoding="utf-8")

        answer = execute(running.client, "import beside_the_notebook; beside_the_notebook.answer")

        (result,) = answer.contents("execute_result")
        assert result["data"]["text/plain"] == "42"


class TestQuestions:
    """Requests that ask and run nothing."""

    def test_kernel_info_describes_python(self, client: BlockingKernelClient) -> None:
        """The description of the language has all that frontends read from it."""
        content = ask(client, "kernel_info")["content"]

        language = content["language_info"]
        assert (content["status"], language["name"], language["file_extension"]) == (
            "ok",
            "python",
            ".py",
        )
        assert language["mimetype"] == "text/x-python"
        assert language["pygments_lexer"] == "ipython3"
        assert language["nbconvert_exporter"] == "python"
        assert language["codemirror_mode"] == {"name": "ipython", "version": 3}

    def test_kernel_info_announces_the_version_of_the_headers(
        self, client: BlockingKernelClient
    ) -> None:
        """The version that is announced is the version that is written in headers."""
        reply = ask(client, "kernel_info")

        assert reply["content"]["protocol_version"] == reply["header"]["version"]

    @pytest.mark.parametrize(
        ("code", "completed"),
        [
            pytest.param("sample_na", "sample_name", id="name"),
            pytest.param("'🙂'; sample_na", "'🙂'; sample_name", id="after an emoji"),
            pytest.param("sample_name.nume", "sample_name.numerator", id="attribute"),
            pytest.param("x = [\n    sample_na", "x = [\n    sample_name", id="second line"),
            pytest.param("%connect_in", "%connect_info", id="magic"),
            pytest.param("import itertoo", "import itertools", id="module"),
        ],
    )
    def test_completion_fits_its_place(
        self, client: BlockingKernelClient, code: str, completed: str
    ) -> None:
        """The only match, put in place of the span it names, completes the code."""
        execute(client, "sample_name = 1")

        content = ask(client, "complete", code=code)["content"]

        (match,) = content["matches"]
        whole = code[: content["cursor_start"]] + match + code[content["cursor_end"] :]
        assert whole == completed

    def test_completion_looks_at_the_cursor(self, client: BlockingKernelClient) -> None:
        """What stands behind the cursor takes no part in the completion."""
        execute(client, "sample_name = 1")

        content = ask(client, "complete", code="sample_na + other", cursor_pos=9)["content"]

        assert (content["matches"], content["cursor_start"], content["cursor_end"]) == (
            ["sample_name"],
            0,
            9,
        )

    def test_completion_of_nothing_is_empty(self, client: BlockingKernelClient) -> None:
        """A name that nothing begins with has no matches, and that is no error."""
        content = ask(client, "complete", code="no_name_begins_like_this")["content"]

        assert (content["status"], content["matches"]) == ("ok", [])

    def test_inspection_shows_the_documentation(self, client: BlockingKernelClient) -> None:
        """A name under the cursor is found and described in plain text."""
        content = ask(client, "inspect", code="len(x)", cursor_pos=2)["content"]

        assert (content["status"], content["found"]) == ("ok", True)
        assert "Return the number of items" in content["data"]["text/plain"]

    def test_inspection_shows_the_source(self, client: BlockingKernelClient) -> None:
        """The second level of detail adds the source."""
        execute(client, "def documented():\n    'Words.'\n    return 'in the source'")

        content = ask(client, "inspect", code="documented", detail_level=1)["content"]

        assert "in the source" in content["data"]["text/plain"]

    def test_inspection_of_nothing_is_not_found(self, client: BlockingKernelClient) -> None:
        """A name that does not exist is not found, and that is no error."""
        content = ask(client, "inspect", code="no_such_name")["content"]

        assert (content["status"], content["found"], content["data"]) == ("ok", False, {})

    @pytest.mark.parametrize(
        ("code", "status"),
        [
            pytest.param("a = 1", "complete", id="statement"),
            pytest.param("for i in range(3):", "incomplete", id="header of a block"),
            pytest.param("print('''", "incomplete", id="open string"),
            pytest.param("a b", "invalid", id="not Python"),
            pytest.param("%time 1", "complete", id="magic"),
        ],
    )
    def test_code_is_complete_or_not(
        self, client: BlockingKernelClient, code: str, status: str
    ) -> None:
        """Code is judged complete, incomplete or invalid without being run."""
        content = ask(client, "is_complete", code=code)["content"]

        assert content["status"] == status

    def test_incomplete_code_has_an_indent(self, client: BlockingKernelClient) -> None:
        """The line behind the header of a block is to be indented."""
        content = ask(client, "is_complete", code="for i in range(3):")["content"]

        assert content["indent"] == "    "

    def test_history_has_a_tail(self, client: BlockingKernelClient) -> None:
        """The last cells come as session, line and source, oldest first."""
        execute(client, "a = 1")
        execute(client, "a + 1")

        content = ask(client, "history", raw=True, output=False, hist_access_type="tail", n=2)[
            "content"
        ]

        assert [line[1:] for line in content["history"]] == [[1, "a = 1"], [2, "a + 1"]]

    def test_history_has_ranges(self, running: Running) -> None:
        """A range of the running session comes with its outputs."""
        execute(running.client, "a = 1")
        execute(running.client, "a + 1")

        content = ask(
            running.client,
            "history",
            raw=True,
            output=True,
            hist_access_type="range",
            session=0,
            start=1,
            stop=3,
        )["content"]

        assert [line[2] for line in content["history"]] == [["a = 1", None], ["a + 1", "2"]]

    def test_history_can_be_searched(self, client: BlockingKernelClient) -> None:
        """A pattern finds the cells that it matches, each once when they are to be unique."""
        for code in ("needle = 1", "hay = 2", "needle = 1"):
            execute(client, code)

        content = ask(
            client,
            "history",
            raw=True,
            output=False,
            hist_access_type="search",
            pattern="needle*",
            unique=True,
            n=10,
        )["content"]

        assert [line[2] for line in content["history"]] == ["needle = 1"]

    def test_heart_beats(self, running: Running) -> None:
        """The kernel is alive to its client and to its manager."""
        assert (running.client.is_alive(), running.manager.is_alive()) == (True, True)


class TestComms:
    """Comms as widgets use them."""

    def test_no_comm_is_open_at_first(self, running: Running) -> None:
        """A fresh kernel has no open comms."""
        content = ask(running.client, "comm_info")["content"]

        assert (content["status"], content["comms"]) == ("ok", {})

    def test_opened_comm_is_listed_by_target(self, client: BlockingKernelClient) -> None:
        """A comm that a cell opened is listed with its target, and only for that target."""
        answer = execute(client, "from comm import create_comm; c = create_comm('one.target')")
        (opened,) = answer.contents("comm_open")

        listed = ask(client, "comm_info", target_name="one.target")["content"]["comms"]
        others = ask(client, "comm_info", target_name="other.target")["content"]["comms"]

        assert (listed, others) == ({opened["comm_id"]: {"target_name": "one.target"}}, {})

    def test_comm_of_a_client_reaches_its_target(self, client: BlockingKernelClient) -> None:
        """Opening a comm from outside calls what was registered, and its answer comes back."""
        execute(
            client,
            "from comm import get_comm_manager\n"
            "def opened(comm, message):\n"
            "    comm.send({'got': message['content']['data']})\n"
            "get_comm_manager().register_target('echo.target', opened)",
        )
        data = {"comm_id": "from-outside", "target_name": "echo.target", "data": {"a": 1}}
        client.shell_channel.send(client.session.msg("comm_open", data))

        message = client.get_iopub_msg(timeout=HANG_LIMIT_S)
        while message["header"]["msg_type"] != "comm_msg":
            message = client.get_iopub_msg(timeout=HANG_LIMIT_S)

        content = message["content"]
        assert (content["comm_id"], content["data"]) == ("from-outside", {"got": {"a": 1}})

    def test_unknown_target_is_closed(self, client: BlockingKernelClient) -> None:
        """A comm for a target that is not registered is closed by the kernel."""
        data = {"comm_id": "astray", "target_name": "no.such.target", "data": {}}
        client.shell_channel.send(client.session.msg("comm_open", data))

        message = client.get_iopub_msg(timeout=HANG_LIMIT_S)
        while message["header"]["msg_type"] != "comm_close":
            message = client.get_iopub_msg(timeout=HANG_LIMIT_S)

        assert message["content"]["comm_id"] == "astray"


class TestInput:
    """Cells that ask the person at the client."""

    @pytest.mark.parametrize(
        ("code", "password"),
        [
            pytest.param("input('Who? ')", False, id="input"),
            pytest.param("import getpass; getpass.getpass('Who? ')", True, id="getpass"),
        ],
    )
    def test_input_comes_from_the_client(
        self, client: BlockingKernelClient, code: str, password: bool
    ) -> None:
        """A prompt goes to the client, with a mark for passwords, and its answer to the cell."""
        asked: list[Message] = []

        def answer_it(message: Message) -> None:
            asked.append(message["content"])
            client.input("Ada 🙂")

        answer = execute(client, code, allow_stdin=True, stdin_hook=answer_it)

        (result,) = answer.contents("execute_result")
        assert asked == [{"prompt": "Who? ", "password": password}]
        assert result["data"]["text/plain"] == "'Ada 🙂'"

    def test_end_of_file_is_an_error_in_the_cell(self, client: BlockingKernelClient) -> None:
        """An answer of end-of-transmission alone ends the input."""
        answer = execute(
            client,
            "input()",
            allow_stdin=True,
            stdin_hook=lambda _: client.input("\x04"),
        )

        assert answer.content["ename"] == "EOFError"

    @pytest.mark.parametrize("code", ["input()", "import getpass; getpass.getpass()"])
    def test_input_may_be_refused(self, client: BlockingKernelClient, code: str) -> None:
        """A cell that asks a client without input fails with an error that says so."""
        answer = execute(client, code, allow_stdin=False)

        assert answer.content["ename"] == "StdinNotImplementedError"

    def test_input_can_be_interrupted(self, running: Running) -> None:
        """An interrupt ends a cell that waits for input."""
        answer = execute(
            running.client,
            "input()",
            allow_stdin=True,
            stdin_hook=lambda _: running.manager.interrupt_kernel(),
        )

        assert answer.content["ename"] == "KeyboardInterrupt"


@pytest.mark.parametrize("kernel_name", KERNEL_NAMES)
class TestInterrupt:
    """Interrupts, by signal and by message as the kernelspec asks."""

    @pytest.mark.parametrize("code", ENDLESS.values(), ids=ENDLESS)
    def test_interrupt_ends_the_cell(self, running: Running, code: str) -> None:
        """A running cell that is interrupted fails, and all its output has arrived."""
        answer = execute_and_interrupt(running, code)

        assert (answer.content["ename"], answer.text()) == ("KeyboardInterrupt", "running\n")

    def test_kernel_goes_on_after_an_interrupt(self, running: Running) -> None:
        """The names of a kernel survive an interrupt."""
        execute(running.client, "kept = 5")
        execute_and_interrupt(running, ENDLESS["loop"])

        answer = execute(running.client, "kept")

        (result,) = answer.contents("execute_result")
        assert result["data"]["text/plain"] == "5"


class TestInterruptAtRest:
    """Interrupts of a kernel that runs nothing."""

    def test_signal_does_no_harm(self, running: Running) -> None:
        """A signal to a kernel at rest does not reach the next cell."""
        execute(running.client, "0")  # while it starts, the signal is for the cell that waits
        running.manager.interrupt_kernel()

        answer = execute(running.client, "1")

        assert answer.content["status"] == "ok"

    def test_message_is_answered(self, client: BlockingKernelClient) -> None:
        """A request to interrupt is replied to on control when there is nothing to interrupt."""
        request = client.session.msg("interrupt_request")
        client.control_channel.send(request)

        reply = await_reply(client, request["header"]["msg_id"], "control")

        assert (reply["msg_type"], reply["content"]) == ("interrupt_reply", {"status": "ok"})

    def test_message_does_no_harm(self, client: BlockingKernelClient) -> None:
        """A request to interrupt that has been answered does not reach the next cell."""
        request = client.session.msg("interrupt_request")
        client.control_channel.send(request)
        await_reply(client, request["header"]["msg_id"], "control")

        answer = execute(client, "1")

        assert answer.content["status"] == "ok"


class TestLife:
    """Restart and shutdown as a manager does them."""

    def test_restart_forgets(self, running: Running) -> None:
        """A restarted kernel answers on the same ports, counts from one and has no old names."""
        execute(running.client, "old = 1")

        running.manager.restart_kernel()
        running.client.wait_for_ready(timeout=HANG_LIMIT_S)
        answer = execute(running.client, "'old' in globals()")

        (result,) = answer.contents("execute_result")
        assert (result["data"]["text/plain"], answer.content["execution_count"]) == ("False", 1)

    def test_restart_is_polite(self, running: Running, tmp_path: Path) -> None:
        """A restart lets the old process end by itself, its atexit functions run."""
        trace = tmp_path / "trace"
        execute(
            running.client,
            f"import atexit, pathlib; atexit.register(pathlib.Path({str(trace)!r}).touch)",
        )
        process = process_of(running.manager)

        running.manager.restart_kernel()

        assert (process.returncode, trace.exists()) == (0, True)

    @pytest.mark.parametrize("restart", [False, True])
    def test_shutdown_is_answered(self, running: Running, restart: bool) -> None:
        """The reply to a shutdown says whether a restart follows."""
        reply = ask(running.client, "shutdown", restart=restart)

        assert reply["content"] == {"status": "ok", "restart": restart}

    def test_shutdown_ends_the_process(self, running: Running) -> None:
        """A kernel that is asked to shut down exits with code zero."""
        process = process_of(running.manager)

        ask(running.client, "shutdown")

        assert process.wait(HANG_LIMIT_S) == 0

    def test_shutdown_ends_a_running_cell(self, running: Running) -> None:
        """A kernel that is asked to shut down while a cell runs is gone in the manager's time."""
        process = process_of(running.manager)
        running.client.execute("print('running', flush=True)\nwhile True:\n    pass")
        while running.client.get_iopub_msg(timeout=HANG_LIMIT_S)["msg_type"] != "stream":
            pass

        running.manager.shutdown_kernel()

        assert process.returncode is not None
        assert process.returncode != -signal.SIGKILL

    def test_manager_removes_the_connection_file(self, running: Running) -> None:
        """Nothing of a kernel that was shut down is left in the runtime folder."""
        file = Path(running.manager.connection_file)

        running.manager.shutdown_kernel()

        assert list(file.parent.glob(f"{file.stem}*")) == []


@pytest.mark.parametrize("encryption", ["required"])
def test_encrypted(running: Running) -> None:
    """jupyter_client finds CURVE in the kernelspec, and its messages go by it."""
    client = running.client

    answer = execute(
        client,
        "print(input())",
        allow_stdin=True,
        stdin_hook=lambda _: client.input("through"),
    )
    client.control_channel.send(client.session.msg("kernel_info_request"))
    control = client.get_control_msg(timeout=HANG_LIMIT_S)

    assert running.manager.curve_secretkey
    assert answer.text() == "through\n"
    assert control["content"]["status"] == "ok"
