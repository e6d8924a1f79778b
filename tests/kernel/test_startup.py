"""The start: answers before IPython is there, and what people have configured for IPython."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from assay.protocol import (
    Channel,
    ConnectionFile,
    DisplayData,
    ExecuteRequest,
    ExecuteResult,
    ExecutionState,
    InterruptRequest,
    KernelInfoReply,
    KernelInfoRequest,
    Status,
    Transport,
)
from assay.transport import Client, KernelProcess, free_ports
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    argv,
    begin,
    execute,
    failed,
    finish,
    frames,
    is_well,
    only,
    result,
    start,
    succeeded,
    value,
)
from tests.kernel._probe import LOAD


def profile(folder: Path, name: str = "default") -> Path:
    """Return the folder of an IPython profile, made if need be."""
    place = folder / "ipythondir" / f"profile_{name}"
    (place / "startup").mkdir(parents=True, exist_ok=True)
    return place


@contextmanager
def configured(folder: Path, *options: str) -> Iterator[tuple[KernelProcess, Client]]:
    """A kernel with what has been written to *folder*, and a client."""
    with start(folder, *options) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        yield kernel, client


# --- Before IPython is loaded


@pytest.fixture
def held_up(tmp_path: Path) -> Iterator[tuple[KernelProcess, Path]]:
    """A kernel whose start-up waits until somebody opens a FIFO, and that FIFO.

    A startup file of IPython's opens it, so IPython is not ready before.
    """
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    (profile(tmp_path) / "startup" / "wait.py").write_text(
        f"open({str(fifo)!r}).read(); started = True"
    )
    with start(tmp_path) as kernel:
        yield kernel, fifo


@pytest.mark.parametrize("channel", [Channel.SHELL, Channel.CONTROL])
def test_kernel_info_is_answered_before_ipython_is_ready(
    held_up: tuple[KernelProcess, Path], channel: Channel
) -> None:
    """kernel_info and the heartbeat are answered while start-up code still runs (INFO-01, INFO-11,
    HB-05)."""
    kernel, fifo = held_up
    with kernel.client(timeout=HANG_LIMIT_S) as client:
        for _ in range(3):
            client.request(KernelInfoRequest(), channel=channel, timeout=HANG_LIMIT_S)
        answer = client.request(KernelInfoRequest(), channel=channel, timeout=HANG_LIMIT_S)
        client.beat(timeout=HANG_LIMIT_S)
        early = client.start(ExecuteRequest(code="started"))

        assert isinstance(answer.content, KernelInfoReply)
        # Nobody reads from the FIFO yet unless the startup file does, which it does from here on.
        fifo.write_text("go on")
        assert result(finish(client, early)) == "True"


def test_import_of_ipython_comes_after_the_answer(tmp_path: Path) -> None:
    """kernel_info is answered before IPython is even imported (INFO-01)."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        "import sys\n"
        "class Gate:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'IPython.core.interactiveshell':\n"
        "            sys.meta_path.remove(self)\n"
        f"            open({str(fifo)!r}).read()\n"
        "sys.meta_path.insert(0, Gate())\n"
    )
    with (
        start(tmp_path, env={"PYTHONPATH": str(hook)}) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        fifo.write_text("go on")

        assert result(execute(client, "1")) == "1"


@pytest.mark.parametrize("by_signal", [True, False])
def test_interrupt_during_the_start_is_for_the_cell_that_waits(
    held_up: tuple[KernelProcess, Path], by_signal: bool
) -> None:
    """A client whose kernel_info is answered may interrupt its cell before IPython is ready; the
    cell is interrupted once it runs, and no other is (CTRL-09, CTRL-11)."""
    kernel, fifo = held_up
    with kernel.client(timeout=HANG_LIMIT_S) as client:
        first = client.start(
            ExecuteRequest(code="import time; time.sleep(600)", stop_on_error=False)
        )
        second = client.start(ExecuteRequest(code="'runs'"))
        # Answered at once, behind the cells on the same channel: these have been received.
        client.request(KernelInfoRequest(), subshell_id="none", timeout=HANG_LIMIT_S)
        if by_signal:
            os.kill(kernel.pid, signal.SIGINT)
            for _ in range(2):  # what the I/O thread does first in a turn is not said
                client.request(KernelInfoRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
        else:
            client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
        fifo.write_text("go on")

        assert failed(finish(client, first)).ename == "KeyboardInterrupt"
        assert result(finish(client, second)) == "'runs'"


def test_requests_before_the_start_keep_their_order(
    held_up: tuple[KernelProcess, Path],
) -> None:
    """What is sent while the kernel starts is served in order, kernel_info among it (SHELL-15)."""
    kernel, fifo = held_up
    with kernel.client(timeout=HANG_LIMIT_S) as client:
        cells = [client.start(ExecuteRequest(code=f"print({i}); {i}")) for i in range(20)]
        info = client.start(KernelInfoRequest())
        fifo.write_text("go on")

        answers = [finish(client, cell) for cell in cells]

        assert [succeeded(answer).execution_count for answer in answers] == list(range(1, 21))
        client.finish(info, timeout=HANG_LIMIT_S)


def test_interrupt_during_the_start_is_harmless(held_up: tuple[KernelProcess, Path]) -> None:
    """An interrupt while the kernel starts ends nothing (CTRL-10)."""
    kernel, fifo = held_up
    with kernel.client(timeout=HANG_LIMIT_S) as client:
        kernel.interrupt()
        is_control_alive(client)
        fifo.write_text("go on")

        assert result(execute(client, "started")) == "True"


def is_control_alive(client: Client) -> None:
    """Return once control has answered."""
    client.request(KernelInfoRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)


def test_shutdown_during_the_start_ends_it(held_up: tuple[KernelProcess, Path]) -> None:
    """A kernel that hangs while it starts can be shut down, with exit code 0 (CTRL-08)."""
    kernel, _ = held_up
    with kernel.client(timeout=HANG_LIMIT_S):
        assert kernel.shutdown() == 0


def test_starting_is_said_once(tmp_path: Path) -> None:
    """`starting` is published once, before all else and without a parent (IOPUB-22, AMB-20)."""
    wanted = ConnectionFile(transport=Transport.IPC, ip=str(tmp_path / "socket"), key="k")
    # An ipc subscriber may connect before the kernel binds, and misses nothing.
    with Client(wanted.with_ports(dict(zip(Channel, range(1, 6), strict=True)))) as client:
        connection = client.connection
        with start(tmp_path, connection=connection) as kernel:
            client.wait_until_ready(HANG_LIMIT_S)
            execute(client, "1")
            heard = client.waiting(Channel.IOPUB)
            kernel.shutdown()

    starting = [
        received
        for received in heard
        if received.content == Status(execution_state=ExecutionState.STARTING)
    ]
    assert len(starting) <= 1
    assert all(received.parent_header is None for received in starting)


# --- Configuration


def test_profile_is_used(tmp_path: Path) -> None:
    """``--profile`` names the folder whose startup files are run in order (EXEC-01)."""
    place = profile(tmp_path, "mine")
    (place / "startup" / "10-first.py").write_text("order = ['first']")
    (place / "startup" / "20-second.ipy").write_text("order += ['second']\nuser = %pwd")
    with configured(tmp_path, "--profile=mine") as (_, client):
        assert result(execute(client, "order, type(user)")) == "(['first', 'second'], str)"


@pytest.mark.parametrize("name", ["ipython_config.py", "ipython_kernel_config.py"])
def test_configuration_files_are_read(tmp_path: Path, name: str) -> None:
    """The files that configure IPython's kernel configure this one (EXEC-01)."""
    (profile(tmp_path) / name).write_text(
        "c.InteractiveShellApp.exec_lines = ['%config Completer.use_jedi = False', 'line = 1']\n"
        "c.IPKernelApp.exec_lines = ['line = 2']\n"
        "c.InteractiveShell.ast_node_interactivity = 'all'\n"
        "c.ZMQInteractiveShell.cache_size = 77\n"
    )
    with configured(tmp_path) as (_, client):
        answer = execute(client, "line\nget_ipython().cache_size")

    assert [shown.data["text/plain"] for shown in answer.contents(ExecuteResult)] == ["2", "77"]


def test_options_of_ipython_are_taken(tmp_path: Path) -> None:
    """Traits can be set on the command line, as IPython's kernel takes them (EXEC-01)."""
    with configured(
        tmp_path, "--InteractiveShellApp.exec_lines=given = 5", "--InteractiveShell.cache_size=88"
    ) as (_, client):
        assert result(execute(client, "given, get_ipython().cache_size")) == "(5, 88)"


def test_extensions_are_loaded(tmp_path: Path) -> None:
    """Extensions named by the configuration are loaded (EXEC-01)."""
    place = profile(tmp_path)
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "an_extension.py").write_text(
        "def load_ipython_extension(shell): shell.user_ns['extended'] = True"
    )
    (place / "ipython_kernel_config.py").write_text(
        "c.InteractiveShellApp.extensions = ['an_extension', 'autoreload']"
    )
    with start(tmp_path, env={"PYTHONPATH": str(folder)}) as kernel, kernel.client() as client:
        assert result(execute(client, "extended")) == "True"
        succeeded(execute(client, "%autoreload 2"))


def test_startup_code_sees_what_cells_see(tmp_path: Path) -> None:
    """Startup code may display, print, use magics and start tasks' futures (EXEC-01)."""
    (profile(tmp_path) / "startup" / "code.py").write_text(
        "import asyncio, threading\n"
        "from IPython import get_ipython\n"
        "from IPython.display import display\n"
        "get_ipython().run_line_magic('matplotlib', 'inline')\n"
        "display(1); print('printed')\n"
        "from comm import create_comm\n"
        "comm = create_comm(target_name='early')\n"
    )
    with configured(tmp_path) as (_, client):
        assert result(execute(client, "comm.target_name")) == "'early'"


ERRORS = {
    "startup file": ("startup/bad.py", "1 / 0", "ZeroDivisionError"),
    "syntax of a startup file": ("startup/bad.py", "x = = 1", "SyntaxError"),
    "startup file in IPython": ("startup/bad.ipy", "%no_such_magic", "no_such_magic"),
    "exec_lines": (
        "ipython_kernel_config.py",
        "c.InteractiveShellApp.exec_lines = ['1 / 0']",
        "ZeroDivisionError",
    ),
    "exec_files": (
        "ipython_kernel_config.py",
        "c.InteractiveShellApp.exec_files = ['no_such_file.py']",
        "no_such_file",
    ),
    "extension": (
        "ipython_kernel_config.py",
        "c.InteractiveShellApp.extensions = ['no_such_extension']",
        "no_such_extension",
    ),
    "configuration": ("ipython_kernel_config.py", "1 / 0", "ZeroDivisionError"),
    "syntax of the configuration": ("ipython_config.py", "c.x = = 1", "SyntaxError"),
    "exit in a startup file": ("startup/bad.py", "raise SystemExit(3)", "SystemExit"),
    "input in a startup file": ("startup/bad.py", "input()", "StdinNotImplementedError"),
}


@pytest.mark.parametrize("kind", sorted(ERRORS))
def test_error_at_the_start_is_told_and_no_cells_error(tmp_path: Path, kind: str) -> None:
    """What goes wrong at the start is reported, the kernel runs, and the first cell is ok (S-053,
    EXEC-17)."""
    path, text, told = ERRORS[kind]
    place = profile(tmp_path)
    (place / path).write_text(text)
    with configured(tmp_path) as (kernel, client):
        answer = execute(client, "'first'")
        kernel.shutdown()

        assert result(answer) == "'first'"
        assert answer.types == ("status", "execute_input", "execute_result", "status")
        assert succeeded(answer).execution_count == 1
        # Written for the program that started the process: no client may have listened yet.
        assert told in kernel.written()


def test_exit_in_a_startup_file_ends_nothing(tmp_path: Path) -> None:
    """Start-up code that says `exit` does not end the kernel, now or after a cell (S-053)."""
    (profile(tmp_path) / "startup" / "leave.py").write_text("exit()")
    with configured(tmp_path) as (kernel, client):
        assert result(execute(client, "1")) == "1"
        assert result(execute(client, f"{LOAD}probe.exit_is_due(); True")) == "True"
        assert kernel.shutdown() == 0


def test_wrong_option_ends_the_start(tmp_path: Path) -> None:
    """A profile that is not there is told on stderr; the process does not hang (CONN-01)."""
    with start(tmp_path, "--profile=nosuch") as kernel:
        code = kernel.wait(HANG_LIMIT_S)

        assert code == 1
        assert "nosuch" in kernel.written()
        assert "it could not start: IPython cannot start: an option" in kernel.ending()


WRONG_VALUES = {
    "--InteractiveShell.cache_size=many": "Shell.cache_size: wanted an int, found 'many'",
    "--colors=purple": "Shell.colors: wanted one of",
    "--gui=nonsense": "--gui=nonsense: GUI: wanted one of tk, qt",
    "--matplotlib=nonsense": "App.matplotlib: wanted any of",
    "--ext": "options that want a value, such as --gui=tk, and have none: --ext",
}


def test_values_that_make_no_sense_are_left_out(tmp_path: Path) -> None:
    """Each is named once, with what was wanted; the kernel starts, and takes the others."""
    (profile(tmp_path) / "ipython_kernel_config.py").write_text(
        "c.InteractiveShell.xmode = 'Odd'\n"
        "c.IPKernelApp.exec_lines = 5\n"
        "c.InteractiveShell.separate_in = 1\n"
        "class Shy:\n    def __repr__(self): raise OSError\n"
        "c.InteractiveShell.logfile = Shy()\n"
        "c.ZMQInteractiveShell.autocall = 1\n"
    )
    of_file = (
        "InteractiveShell.xmode: wanted any of",
        "IPKernelApp.exec_lines: wanted a list",
        "InteractiveShell.separate_in: wanted a unicode string, found 1",  # the trait trips over it
        "InteractiveShell.logfile: wanted a unicode string, found a Shy",
    )
    with configured(tmp_path, *WRONG_VALUES) as (kernel, client):
        answer = execute(client, "get_ipython().autocall")
        kernel.shutdown()
        said = kernel.written()

    assert result(answer) == "1"
    for wanted in (*WRONG_VALUES.values(), *of_file):
        assert said.count(wanted) == 1, said
    assert "Traceback" not in said


def test_options_of_the_ancestor_are_taken(tmp_path: Path) -> None:
    """Code, extensions, a file's settings and pylab, under the names that people know; the names of
    pylab are there and not on the list of the user's (S-119, S-120, S-128, S-247)."""
    lines = ("c.IPKernelApp.exec_lines = ['lines = 1']", "c.InlineBackend.figure_formats = {'svg'}")
    (profile(tmp_path) / "ipython_kernel_config.py").write_text("\n".join(lines))
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "started.py").write_text("module = 3")
    options = ("--ext=autoreload", "-c", "code = 2", "-m", "started", "--pylab=inline")
    with configured(tmp_path, *options) as (kernel, client):
        found = value(client, "(lines, code, module)")
        plot = execute(client, "plot(array([1, 2]));")
        listed = value(
            client, "[n for n in ('np', 'plot') if n in get_ipython().run_line_magic('who_ls', '')]"
        )
        loaded = value(client, "'autoreload' in str(get_ipython().extension_manager.loaded)")
        kernel.shutdown()

        assert (found, loaded, listed) == ("(1, 2, 3)", "True", "[]")
        assert "image/svg+xml" in only(plot, DisplayData).data
        assert kernel.written() == ""


def test_start_up_code_runs_in_its_order(tmp_path: Path) -> None:
    """The toolkit, extensions, files of the profile by their names, lines, files, and then a file
    or code, and a module; what they print is no cell's output, and the names of files and lines
    are hidden from ``%who`` (S-122, S-129)."""
    place = profile(tmp_path)
    for name in ("20-b.py", "10-a.ipy"):
        (place / "startup" / name).write_text(f"ran.append('{name}')")
    (place / "ipython_kernel_config.py").write_text(
        "c.IPKernelApp.exec_lines = ['ran.append(\"line\"); hidden = 1']\n"
        "c.IPKernelApp.exec_files = ['file.py']\n"
    )
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "file.py").write_text(
        "import sys; ran.append(__file__ in sys.argv[0] and 'file'); print('not of a cell')"
    )
    (tmp_path / "work" / "module.py").write_text(
        "from IPython import get_ipython\nran = [*get_ipython().user_ns['ran'], 'module']"
    )
    # It lies in the working folder, and so it shows that this is on the path by then.
    (tmp_path / "work" / "extension.py").write_text(
        "def load_ipython_extension(shell):\n"
        "    shell.user_ns['ran'] = ['array' in shell.user_ns and 'pylab', 'extension']"
    )
    options = ("--ext=extension", "--pylab=inline", "-c", "ran.append('code')", "-m", "module")
    with configured(tmp_path, *options) as (_, client):
        answer = execute(client, "ran")
        named = execute(client, "listed = 1\n%who")

    wanted = ["pylab", "extension", "10-a.ipy", "20-b.py", "line", "file", "code", "module"]
    assert result(answer) == repr(wanted)
    assert answer.text() == ""
    assert "listed" in named.text()
    assert "hidden" not in named.text()


@pytest.mark.parametrize(
    "options", [["--pylab"], ["--pylab=auto"], ["--matplotlib"], ["--IPKernelApp.matplotlib=auto"]]
)
def test_figures_are_drawn_as_matplotlib_is_configured(tmp_path: Path, options: list[str]) -> None:
    """Without a name, and as `auto`, the backend is that of the user's matplotlibrc (S-126)."""
    (tmp_path / "matplotlibrc").write_text("backend: svg")
    env = {"MPLCONFIGDIR": str(tmp_path)}
    with (
        start(tmp_path, *options, env=env) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        found = value(client, "'plot' in globals(), __import__('matplotlib').get_backend()")
        kernel.shutdown()

        assert found == str(("pylab" in options[0], "svg"))
        assert kernel.written() == ""


def test_a_file_of_settings_is_named(tmp_path: Path) -> None:
    """``--config`` names any file, which is read beside those of the profile (S-153)."""
    (profile(tmp_path) / "ipython_kernel_config.py").write_text("c.InteractiveShell.autocall = 1")
    (tmp_path / "mine.py").write_text("c.InteractiveShell.cache_size = 77")
    with configured(tmp_path, f"--config={tmp_path / 'mine.py'}") as (_, client):
        found = value(client, "get_ipython().cache_size, get_ipython().autocall")

    assert found == "(77, 1)"


def test_flags_of_the_shell_are_taken(tmp_path: Path) -> None:
    """Flags, their opposites and short names mean what they mean to IPython (S-119, S-120)."""
    log = tmp_path / "log"
    flags = "--no-automagic --no-pprint --no-autoindent --pdb --nosep --autocall=1 --gui=none"
    with configured(
        tmp_path, *flags.split(), "--cache-size=77", "--colors=nocolor", f"--logappend={log}"
    ) as (kernel, client):
        traits = "automagic autoindent call_pdb separate_in autocall cache_size colors"
        formatter = "display_formatter.formatters['text/plain'].pprint"
        names = ", ".join(f"get_ipython().{name}" for name in (*traits.split(), formatter))
        succeeded(execute(client, "logged = 1"))
        found = value(client, f"({names})")
        kernel.shutdown()

        assert found == "(False, False, True, '', 1, 77, 'nocolor', False)"
        assert "logged = 1" in log.read_text()
        assert kernel.written() == ""


def test_windows_that_cannot_be_had_keep_no_kernel_from_starting(tmp_path: Path) -> None:
    """What was wanted and found is told on stderr, in one line, and cells run (S-127)."""
    with start(tmp_path, "--gui=osx") as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        answer = execute(client, "'first'")
        kernel.shutdown()

        assert result(answer) == "'first'"
        assert "--gui=osx: GUI osx: wanted macOS, found Linux" in kernel.written()
        assert "Traceback" not in kernel.written()


@pytest.mark.parametrize(
    ("option", "told"),
    [("--help-all", "--IPKernelApp.exec_lines="), ("--version", "assay "), ("-V", "assay ")],
)
def test_what_asks_for_a_text_starts_nothing(tmp_path: Path, option: str, told: str) -> None:
    """It is printed where a shell can read it, and no socket is bound for it (S-119)."""
    file = tmp_path / "kernel.json"
    words = [str(file) if word == "{connection_file}" else word for word in argv(option)]
    ended = subprocess.run(
        words, capture_output=True, text=True, timeout=HANG_LIMIT_S, check=False, cwd=tmp_path
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert told in ended.stdout
    assert not file.exists()


def test_environment_says_that_this_is_a_kernel(tmp_path: Path) -> None:
    """Programs find what they look for: the shell's class, the application's config (EXEC-01)."""
    with configured(tmp_path) as (_, client):
        answer = execute(
            client,
            "import os\n"
            "shell = get_ipython()\n"
            "print(type(shell).__name__, 'IPKernelApp' in shell.config, hasattr(shell, 'kernel'),\n"
            " os.environ['TERM'], os.environ['MPLBACKEND'])\n"
            "print(*(os.environ[n] for n in ('PAGER', 'GIT_PAGER', 'CLICOLOR')), shell.autoindent)",
        )

    assert answer.text() == (
        "ZMQInteractiveShell True True xterm-color module://matplotlib_inline.backend_inline\n"
        "cat cat 1 False\n"
    )


def test_shell_is_found_where_programs_look_for_it(tmp_path: Path) -> None:
    """The class has the full name that programs compare with, and can be imported by it
    (EXEC-01)."""
    with configured(tmp_path) as (_, client):
        answer = execute(
            client,
            "import inspect, sys\n"
            "print(type(get_ipython()), 'ipykernel.zmqshell' in sys.modules)\n"
            "from ipykernel.zmqshell import ZMQInteractiveShell\n"
            "print(isinstance(get_ipython(), ZMQInteractiveShell))\n"
            "print(inspect.getsource(ZMQInteractiveShell)[:25])",
        )

    assert answer.text() == (
        "<class 'ipykernel.zmqshell.ZMQInteractiveShell'> True\nTrue\nclass ZMQInteractiveShell\n"
    )


def test_nothing_optional_is_imported(tmp_path: Path) -> None:
    """A fresh kernel has imported no plotting, debugger or widget package (INFO-11)."""
    with configured(tmp_path) as (_, client):
        answer = execute(
            client,
            "import sys\n"
            "sorted({'matplotlib', 'numpy', 'debugpy', 'psutil', 'ipywidgets', 'tornado',"
            " 'ipykernel.kernelbase', 'jupyter_client', 'jedi', 'rich', 'click'}"
            " & set(sys.modules))",
        )

    assert result(answer) == "[]"


def test_sockets_answer_before_much_is_imported(tmp_path: Path) -> None:
    """When the interpreter is loaded, nothing is there yet that only it needs (INFO-11)."""
    code = (
        "import os, sys\n"
        "before = set(sys.modules)  # an editable install brings some of them\n"
        "from assay.kernel import serve\n"
        "from assay.kernel._info import kernel_info\n"
        "stderr = os.dup(2)\n"
        "def prepare(arguments):\n"
        "    heavy = {'IPython', 'asyncio', 'base64', 'cattrs', 'ipaddress', 'logging',"
        " 'pathlib', 'tempfile', 'traceback', 'urllib'}\n"
        "    found = repr(heavy & set(sys.modules) - before)\n"
        "    os.write(stderr, found.encode())\n"
        "    os._exit(0)\n"
        "serve(['-f', sys.argv[1]], kernel_info(), prepare)"
    )
    path = tmp_path / "connection.json"
    free_ports(ConnectionFile(key="k")).write(path)

    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(path)], capture_output=True, text=True, check=True
    )

    assert done.stderr == "set()"


def test_kernel_without_a_key_is_open(tmp_path: Path) -> None:
    """An empty key switches signing off, in both directions (SIGN-06)."""
    with start(tmp_path, connection=ConnectionFile(key="")) as kernel, kernel.client() as client:
        answer = execute(client, "1")

    assert result(answer) == "1"
    assert answer.reply.frames[1] == b""


@pytest.mark.parametrize(("scheme", "digits"), [("hmac-sha512", 128), ("hmac-sha384", 96)])
def test_signature_scheme_is_used(tmp_path: Path, scheme: str, digits: int) -> None:
    """The scheme of the connection file signs every message (SIGN-11, SIGN-13)."""
    connection = ConnectionFile(key="secret", signature_scheme=scheme)
    with start(tmp_path, connection=connection) as kernel, kernel.client() as client:
        answer = execute(client, "print(1)")

    for received in (answer.reply, *answer.published):
        signature = received.frames[len(received.identities) + 1]
        assert len(signature) == digits


def test_first_cell_may_come_at_once(tmp_path: Path) -> None:
    """A request that is sent before anything else is served (INFO-11, SHELL-14)."""
    with start(tmp_path) as kernel, kernel.connect() as client:
        exchange = client.start(ExecuteRequest(code="1 + 1"))

        client.wait_until(lambda: exchange.reply is not None, awaited="reply", timeout=HANG_LIMIT_S)
        assert exchange.reply is not None
        assert exchange.reply.msg_type == "execute_reply"
        client.wait_until_ready(HANG_LIMIT_S)
        assert is_well(client)


def test_begun_before_interrupted_after(tmp_path: Path) -> None:
    """A kernel is interruptible from its first cell on (CTRL-09)."""
    with configured(tmp_path) as (kernel, client):
        running = begin(client, "print('runs')\nwhile True: pass", until="runs")
        kernel.interrupt()

        assert failed(finish(client, running)).ename == "KeyboardInterrupt"


SESSION_OF_AN_OTHER = (
    "import sqlite3; db = sqlite3.connect(get_ipython().history_manager.hist_file, timeout=30)"
)


def test_session_is_in_the_history_database(tmp_path: Path) -> None:
    """The number that the start took is on the disk, where other kernels see that it is taken."""
    with configured(tmp_path) as (_, client):
        execute(client, SESSION_OF_AN_OTHER)

        # Its own transaction waits for the start's to be committed.
        execute(client, "db.execute('begin immediate')")
        answer = execute(
            client,
            "number = get_ipython().history_manager.session_number\n"
            "db.execute('select count(*) from sessions where session = ?', (number,)).fetchone()",
        )

        assert result(answer) == "(1,)"


def test_database_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """Where no session can be entered, the kernel says so and remembers for itself."""
    place = profile(tmp_path) / "history.sqlite"
    place.mkdir()

    with configured(tmp_path) as (kernel, client):
        execute(client, "'kept in memory'")
        answer = execute(client, "%history -n 1")

        assert "kept in memory" in answer.text()
        assert "istory" in kernel.written()


def test_rest_of_the_known_module_comes_from_its_package(tmp_path: Path) -> None:
    """What else is asked of the module is found where the package is installed, else missing."""
    with configured(tmp_path) as (_, client):
        answer = execute(
            client,
            "import sys\n"
            "ours = sys.modules['ipykernel.zmqshell']\n"
            "print(hasattr(ours, '__path__'), 'ipykernel' in sys.modules)\n"
            "from ipykernel.zmqshell import ZMQDisplayPublisher\n"
            "print(ZMQDisplayPublisher.__module__, 'ipykernel' in sys.modules)\n"
            "print('ipykernel.zmqshell' in sys.modules, type(get_ipython()).__module__)",
        )

    assert answer.text() == ("False True\nipykernel.zmqshell True\nTrue ipykernel.zmqshell\n")


def test_known_module_alone_where_its_package_is_missing(tmp_path: Path) -> None:
    """Where the package is not installed, the module says so and stays."""
    with configured(tmp_path) as (_, client):
        answer = execute(
            client,
            "import sys\n"
            "sys.modules['ipykernel'] = None\n"
            "ours = sys.modules['ipykernel.zmqshell']\n"
            "try:\n    ours.ZMQDisplayPublisher\n"
            "except AttributeError as error:\n    print(error)\n"
            "print(sys.modules['ipykernel.zmqshell'] is ours)",
        )

    assert answer.text() == (
        "ipykernel.zmqshell is not installed; it would have 'ZMQDisplayPublisher'\nTrue\n"
    )


# --- What a launcher may do


def by_shell(line: str) -> list[str]:
    """Return the command that starts a kernel by *line* of a shell, in which "$@" stands for it."""
    return ["sh", "-c", line, "sh", *argv()]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_standard_streams_may_be_closed(tmp_path: Path, closed: str) -> None:
    """A kernel that was started without standard streams catches output as any other."""
    command = by_shell(f'exec "$@" {closed}')
    with start(tmp_path, command=command) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        answer = execute(client, "import os; print('ours'); os.system('echo of a child');")

        assert answer.text() == "ours\nof a child\n"
        assert is_well(client)


@pytest.mark.parametrize("pid", ["nobody", "9" * 20, "-1", "0x10"])
def test_odd_parent_is_nobody(tmp_path: Path, pid: str) -> None:
    """A JPY_PARENT_PID that names no process is as good as none."""
    command = by_shell(f'JPY_PARENT_PID={pid} exec "$@"')
    with start(tmp_path, command=command) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        assert is_well(client)


@pytest.fixture
def unread(tmp_path: Path) -> Iterator[Path]:
    """A pipe that is full, and that nobody reads."""
    fifo = tmp_path / "unread"
    os.mkfifo(fifo)
    end = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(end, b"x" * 512)
    yield fifo
    os.close(end)


def test_standard_error_may_be_a_full_pipe(tmp_path: Path, unread: Path) -> None:
    """What the kernel has to complain about never makes it wait for a reader."""
    command = by_shell(f'exec "$@" 2>"{unread}"')
    with start(tmp_path, command=command) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        for channel in (Channel.CONTROL, Channel.SHELL):
            client.send_frames(channel, frames(client, "execute_request", {}))
            client.send_frames(channel, frames(client, "no_such_type", {}))
            client.send_frames(channel, [b"nonsense"])

        assert is_well(client)


def test_hang_is_ended_with_a_full_pipe(tmp_path: Path, unread: Path) -> None:
    """Neither do the stacks that are written when the main thread hangs."""
    command = by_shell(f'exec "$@" 2>"{unread}"')
    with start(tmp_path, command=command) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        code = "while True:\n    try: time.sleep(600)\n    except BaseException: pass"
        begin(client, f"import time; print('runs')\n{code}", until="runs")

        assert kernel.shutdown(timeout=HANG_LIMIT_S) == 0


def test_place_for_the_connection_file_is_missing(tmp_path: Path) -> None:
    """A kernel that cannot write its own connection file says so and ends."""
    path = tmp_path / "missing" / "kernel.json"
    command = [word.format(connection_file=path) for word in argv()]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert (
        ended.stderr == f"assay: {path}: cannot be written: No such file or directory (CONN-04)\n"
    )
