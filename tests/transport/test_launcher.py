"""The launcher, with small kernels in processes of their own."""

from __future__ import annotations

import os
import random
import select
import signal
import stat
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from assay.protocol import (
    Channel,
    ConnectionFile,
    ErrorReply,
    ExecuteRequest,
    KernelSpec,
    ShutdownReply,
    Status,
    Transport,
)
from assay.transport import (
    Client,
    InstalledKernel,
    KernelEndedError,
    KernelProcess,
    KernelSpecError,
    LaunchError,
    _launcher,
    _process,
    find_kernelspec,
    free_ports,
    kernelspec_folders,
    launch,
    list_kernelspecs,
)
from assay.transport._process import ChildProcess
from tests.limits import HANG_LIMIT_S

AT_ONCE_S = 0.05
"""For what never comes."""

SMALL = (sys.executable, str(Path(__file__).with_name("small_kernel.py")), "{connection_file}")


def python(code: str) -> list[str]:
    """Return a command that runs *code* and gets the connection file as its argument."""
    return [sys.executable, "-c", code, "{connection_file}"]


def ports_of(connection: ConnectionFile) -> set[int]:
    """Return the five ports."""
    return {connection.port(channel) for channel in Channel}


def drawn_again(monkeypatch: pytest.MonkeyPatch, connection: ConnectionFile) -> None:
    """Let chance choose the ports of *connection* once more, before any others."""
    first = iter(ports_of(connection))

    def draw(lowest: int, above: int) -> int:
        return next(first, None) or random.randrange(lowest, above)

    monkeypatch.setattr(_launcher, "random", SimpleNamespace(randrange=draw))


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which temporary folders are made."""
    assert tmp_path.exists()  # pytest's own folders are made before, so not in there
    # Not below tmp_path: the path of a Unix socket must fit in 107 bytes.
    with tempfile.TemporaryDirectory(prefix="l-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.fixture
def kernel() -> Iterator[KernelProcess]:
    """A small kernel that runs."""
    with launch(SMALL, kernel_chooses_ports=True) as kernel:
        yield kernel


@pytest.fixture
def client(kernel: KernelProcess) -> Client:
    """A client of it that is ready."""
    return kernel.client(timeout=HANG_LIMIT_S)


class TestLife:
    """From start to end."""

    @pytest.mark.parametrize("kernel_chooses_ports", [True, False])
    @pytest.mark.parametrize("transport", list(Transport))
    def test_runs_and_ends(
        self, temporary: Path, transport: Transport, *, kernel_chooses_ports: bool
    ) -> None:
        """A kernel runs, ends when it is asked to, and leaves nothing behind."""
        with launch(
            SMALL,
            connection=ConnectionFile(key="a key", transport=transport),
            kernel_chooses_ports=kernel_chooses_ports,
        ) as kernel:
            client = kernel.client(timeout=HANG_LIMIT_S)
            answer = client.execute("out('hello')", timeout=HANG_LIMIT_S)
            ports = [kernel.connection.port(channel) for channel in Channel]
            running = kernel.exit_code
            code = kernel.shutdown(timeout=HANG_LIMIT_S)

        assert answer.text() == "hello"
        assert all(ports)
        assert len(set(ports)) == len(ports)
        assert running is None
        assert (code, kernel.exit_code) == (0, 0)
        assert list(temporary.iterdir()) == []

    def test_leaving_the_block_shuts_down(self) -> None:
        """The end of the block asks the kernel to end."""
        with launch(SMALL, kernel_chooses_ports=True) as kernel:
            kernel.client(timeout=HANG_LIMIT_S)

        assert kernel.exit_code == 0

    def test_leaving_by_an_exception_kills(self) -> None:
        """After an exception nothing waits for the kernel."""
        with pytest.raises(LookupError), launch(SMALL, kernel_chooses_ports=True) as kernel:
            raise LookupError

        assert kernel.exit_code == -signal.SIGKILL

    def test_close_twice(self, kernel: KernelProcess) -> None:
        """Closing is idempotent, and closes the clients."""
        client = kernel.client(timeout=HANG_LIMIT_S)
        kernel.close()
        kernel.close()

        assert kernel.exit_code == 0
        client.close()

    @pytest.mark.parametrize("restart", [True, False])
    def test_restart_is_told(self, kernel: KernelProcess, client: Client, *, restart: bool) -> None:
        """The kernel learns whether another one will follow."""
        client.waiting(Channel.IOPUB)
        kernel.shutdown(restart=restart, timeout=HANG_LIMIT_S)

        contents = [client.receive(Channel.IOPUB, HANG_LIMIT_S).content for _ in range(2)]
        assert contents[1] == ShutdownReply(restart=restart)

    def test_kill_one_that_does_not_end(self) -> None:
        """A kernel that ignores the request is ended by signal."""
        code = "import signal, sys; print('up', flush=True); signal.pause()"
        with launch(python(code)) as kernel:
            code_when_asked = kernel.shutdown(timeout=AT_ONCE_S)

        assert code_when_asked == -signal.SIGTERM

    def test_kill_one_that_ignores_sigterm(self, client: Client, kernel: KernelProcess) -> None:
        """A kernel that ignores SIGTERM as well is killed."""
        client.execute(
            "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)", timeout=HANG_LIMIT_S
        )

        assert kernel.kill() == -signal.SIGKILL

    def test_kill_reaches_children(self, client: Client, kernel: KernelProcess) -> None:
        """What the kernel has started is killed with it."""
        read, write = os.pipe()
        with open(read, "rb") as pipe:  # noqa: PTH123 - a descriptor
            path = f"/proc/{os.getpid()}/fd/{write}"
            answer = client.execute(
                "import subprocess, sys\n"
                f"held = open({path!r}, 'wb')\n"
                "subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'],"
                " stdout=held)\n"
                "out('started')",
                timeout=HANG_LIMIT_S,
            )
            os.close(write)
            kernel.kill(gently=False)

            assert answer.text() == "started"
            # Only when every holder of the other end is gone is this the end of the file.
            assert pipe.read() == b""

    def test_wait_has_a_limit(self, kernel: KernelProcess) -> None:
        """Waiting for a kernel that runs on is an error."""
        with pytest.raises(LaunchError, match=f"process {kernel.pid}"):
            kernel.wait(AT_ONCE_S)

    def test_same_connection_again(self, kernel: KernelProcess) -> None:
        """A kernel can be started anew where another one was (CTRL-13)."""
        kernel.client(timeout=HANG_LIMIT_S)
        kernel.shutdown(restart=True, timeout=HANG_LIMIT_S)
        with launch(SMALL, connection=kernel.connection) as second:
            second.client(timeout=HANG_LIMIT_S)

            assert second.connection == kernel.connection


class TestStart:
    """What the kernel is started with."""

    def test_connection_file(self, kernel: KernelProcess) -> None:
        """The file is the user's alone, in a folder that is, and has a key (CONN-04)."""
        path = kernel.connection_file

        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert ConnectionFile.read(path) == kernel.connection
        assert kernel.connection.key

    def test_given_folder(self, tmp_path: Path) -> None:
        """A folder that was given stays, without the file."""
        with launch(SMALL, folder=tmp_path, kernel_chooses_ports=True) as kernel:
            assert kernel.connection_file.parent == tmp_path
        assert list(tmp_path.glob("*.json")) == []

    def test_parent(self, client: Client) -> None:
        """The kernel knows who started it, and leads a session of its own."""
        code = (
            "import os; out(os.environ['JPY_PARENT_PID']); out(f' {os.getsid(0) == os.getpid()}')"
        )

        assert client.execute(code, timeout=HANG_LIMIT_S).text() == f"{os.getpid()} True"

    def test_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The kernelspec's variables are expanded; the caller's come last (SPEC-06)."""
        monkeypatch.setenv("ASSAY_TEST_HOME", "/home")
        spec = KernelSpec(
            argv=SMALL,
            display_name="s",
            language="python",
            env={"A": "${ASSAY_TEST_HOME}/a", "B": "b", "C": "${UNKNOWN_TO_ALL}"},
        )
        with launch(spec, env={"B": "c"}, kernel_chooses_ports=True) as kernel:
            answer = kernel.client(timeout=HANG_LIMIT_S).execute(
                "import os; out(' '.join(os.environ[n] for n in 'ABC'))", timeout=HANG_LIMIT_S
            )

        assert answer.text() == "/home/a c ${UNKNOWN_TO_ALL}"

    def test_placeholders(self, tmp_path: Path) -> None:
        """Placeholders are replaced inside of words, unknown ones stay (SPEC-04)."""
        argv = (*SMALL, "a{connection_file}b", "{resource_dir}/x", "{unheard}")
        spec = KernelSpec(argv=argv, display_name="s", language="python")
        installed = InstalledKernel(name="s", folder=tmp_path, spec=spec)
        with launch(installed, kernel_chooses_ports=True) as kernel:
            file = kernel.connection_file

        assert kernel.argv[2:] == (str(file), f"a{file}b", f"{tmp_path}/x", "{unheard}")

    @pytest.mark.parametrize("name", ["python", "python3"])
    def test_python_is_this_one(self, name: str) -> None:
        """A kernelspec that says ``python`` gets the Python that starts it."""
        with launch([name, *SMALL[1:]], kernel_chooses_ports=True) as kernel:
            assert kernel.argv[0] == sys.executable

    def test_working_folder(self, tmp_path: Path) -> None:
        """The kernel runs in the folder that it is given."""
        with launch(SMALL, cwd=tmp_path, kernel_chooses_ports=True) as kernel:
            answer = kernel.client(timeout=HANG_LIMIT_S).execute(
                "import os; out(os.getcwd())", timeout=HANG_LIMIT_S
            )

        assert Path(answer.text()).samefile(tmp_path)

    def test_free_ports(self) -> None:
        """Ports that are given stay; the others are all different."""
        found = free_ports(ConnectionFile(key="", shell_port=7))
        ports = {channel: found.port(channel) for channel in Channel}

        assert ports.pop(Channel.SHELL) == 7
        assert all(ports.values())
        assert len(set(ports.values())) == 4

    @pytest.mark.parametrize("ip", ["127.0.0.1", "*"])
    def test_no_port_twice(self, ip: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A kernel's ports are its own from the launch on, although it has not bound them yet."""
        with launch(python("import signal; signal.pause()")) as kernel:
            drawn_again(monkeypatch, kernel.connection)
            others = free_ports(ConnectionFile(key="", ip=ip))
            kernel.close(kill=True)

        assert not ports_of(others) & ports_of(kernel.connection)

    def test_ports_are_held(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """For who chooses them without a launch, as long as that is wanted."""
        with ExitStack() as held:
            first = free_ports(ConnectionFile(key=""), held=held)
            drawn_again(monkeypatch, first)
            second = free_ports(ConnectionFile(key=""), held=held)

        assert not ports_of(first) & ports_of(second)

    def test_no_free_ports(self) -> None:
        """An address that is not ours has no free ports."""
        with pytest.raises(LaunchError, match=r"wanted a free port on 192\.0\.2\.1"):
            free_ports(ConnectionFile(key="", ip="192.0.2.1"))


class TestInterrupt:
    """Interrupts."""

    def test_by_signal(self, client: Client, kernel: KernelProcess) -> None:
        """SIGINT reaches the code that runs (CTRL-11)."""
        exchange = client.start(ExecuteRequest(code="out('on'); import signal; signal.pause()"))
        client.wait_until(
            lambda: "stream" in exchange.types, awaited="output", timeout=HANG_LIMIT_S
        )
        kernel.interrupt()
        content = client.finish(exchange, timeout=HANG_LIMIT_S).content

        assert isinstance(content, ErrorReply)
        assert content.ename == "KeyboardInterrupt"

    def test_by_message(self) -> None:
        """An interrupt_request goes out where the kernelspec asks for it (CTRL-09)."""
        with launch(SMALL, kernel_chooses_ports=True, interrupt_mode="message") as kernel:
            client = kernel.client(timeout=HANG_LIMIT_S)
            kernel.interrupt()
            kernel.interrupt()
            caused: list[str] = []
            while caused.count("interrupt_request") < 4:
                received = client.receive(Channel.IOPUB, HANG_LIMIT_S)
                if isinstance(received.content, Status) and received.parent_header is not None:
                    caused.append(received.parent_header.msg_type)

        assert kernel.exit_code == 0

    def test_after_the_end(self, kernel: KernelProcess) -> None:
        """Nothing happens to a kernel that has ended."""
        kernel.client(timeout=HANG_LIMIT_S)
        kernel.shutdown(timeout=HANG_LIMIT_S)
        kernel.interrupt()

        assert kernel.shutdown() == 0


class TestFailure:
    """Kernels that do not start, or do not last."""

    def test_no_such_command(self, temporary: Path) -> None:
        """A command that does not exist is an error at once."""
        with pytest.raises(LaunchError, match="wanted to run '/no/such/kernel'"):
            launch(["/no/such/kernel", "{connection_file}"])

        assert list(temporary.iterdir()) == []

    @pytest.mark.parametrize("wrong", ["python3", b"python3", None, 5, {"argv": ["true"]}])
    def test_no_command(self, wrong: Any) -> None:
        """A name is no list of words, and is not run letter by letter."""
        with pytest.raises(LaunchError, match="wanted a kernelspec, or a command as a list of wor"):
            launch(wrong)

    def test_empty_command(self) -> None:
        """No command is an error, too."""
        with pytest.raises(LaunchError, match="found an empty one"):
            launch([])

    @pytest.mark.parametrize(
        ("code", "how"),
        [
            ("import sys; sys.exit('no luck')", "ended with exit code 1"),
            ("print('no luck', flush=True); import os; os._exit(0)", "ended with exit code 0"),
            ("import os; os.write(2, b'no luck'); os.kill(os.getpid(), 9)", "ended by SIGKILL"),
        ],
    )
    def test_early_end(self, code: str, how: str, temporary: Path) -> None:
        """The error says how the kernel ended and what it wrote."""
        with launch(python(code)) as kernel, pytest.raises(LaunchError) as caught:
            kernel.client(timeout=HANG_LIMIT_S)

        assert str(caught.value) == f"the kernel {how} before it answered; it wrote:\nno luck"
        assert list(temporary.iterdir()) == []

    def test_early_end_while_waiting_for_ports(self, temporary: Path) -> None:
        """So it does while the kernel's ports are awaited."""
        with pytest.raises(LaunchError) as caught:
            launch(python("import sys; sys.exit('no luck')"), kernel_chooses_ports=True)

        assert str(caught.value) == (
            "the kernel ended with exit code 1 before it listened; it wrote:\nno luck"
        )
        assert list(temporary.iterdir()) == []

    def test_ports_never_written(self, temporary: Path) -> None:
        """A kernel that never writes its ports is ended."""
        code = "import signal; signal.pause()"
        with pytest.raises(LaunchError, match="wanted the kernel's ports"):
            launch(python(code), kernel_chooses_ports=True, timeout=AT_ONCE_S)

        assert list(temporary.iterdir()) == []

    def test_file_of_ports_that_cannot_be_read(self, tmp_path: Path) -> None:
        """The error says what is wrong with what the kernel has written."""
        file = tmp_path / "kernel.json"
        file.write_text("[]")
        child = Mock(**{"wait.side_effect": LaunchError("it still runs")})
        with pytest.raises(LaunchError, match=r"found none within 0 s: .*wanted a JSON object"):
            _launcher._wait_for_ports(file, child, 0.0)

    def test_last_lines(self) -> None:
        """Of much that was written, the end is shown."""
        code = "import sys; [print(n) for n in range(100_000)]; sys.exit(5)"
        with launch(python(code)) as kernel, pytest.raises(LaunchError) as caught:
            kernel.client(timeout=HANG_LIMIT_S)

        lines = str(caught.value).splitlines()
        assert lines[1:] == [str(n) for n in range(99_980, 100_000)]

    def test_death_during_a_request(self, client: Client, kernel: KernelProcess) -> None:
        """A kernel that dies ends the waiting, with its last output kept."""
        exchange = client.start(
            ExecuteRequest(code="out('last'); import os; os.write(2, b'ouch'); os._exit(3)")
        )
        with pytest.raises(KernelEndedError) as caught:
            client.finish(exchange, timeout=HANG_LIMIT_S)

        assert str(caught.value) == "the kernel ended with exit code 3; it wrote:\nouch"
        assert kernel.exit_code == 3

    def test_not_captured(self) -> None:
        """Without capturing there is nothing to tell."""
        code = "import os; os._exit(4)"
        with launch(python(code), capture=False) as kernel, pytest.raises(LaunchError) as caught:
            kernel.client(timeout=HANG_LIMIT_S)

        assert str(caught.value) == "the kernel ended with exit code 4 before it answered"

    def test_children_that_live_on(self, client: Client, kernel: KernelProcess) -> None:
        """A child that keeps the kernel's stderr open does not hold up its end."""
        answer = client.execute(
            "import subprocess, sys\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'],"
            " start_new_session=True)\n"
            "out(str(child.pid))",
            timeout=HANG_LIMIT_S,
        )
        try:
            assert kernel.shutdown(timeout=HANG_LIMIT_S) == 0
            assert "exit code 0" in kernel.ending()
            kernel.close()
        finally:
            os.kill(int(answer.text()), signal.SIGKILL)


def test_who_waits_for_a_process_that_another_thread_closes_is_woken() -> None:
    """Closing it takes nothing away that the waiting thread needs to be woken by."""
    for _ in range(30):
        child = ChildProcess(["sleep", "1000"], env=dict(os.environ))
        waiting = threading.Thread(target=child.wait, args=(None,), daemon=True)
        waiting.start()
        child.close()
        waiting.join(HANG_LIMIT_S)
        assert not waiting.is_alive()


def test_what_an_ended_process_wrote_is_there_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that reads it may be behind, on a busy machine."""
    read, children = _process._read_some, list[ChildProcess]()

    def read_when_it_must(source: int) -> bytes | None:
        must = bool(children and select.select([children[0]._stop_read], [], [], 0)[0])
        return read(source) if must else None

    monkeypatch.setattr(_process, "_read_some", read_when_it_must)
    child = ChildProcess(python("print('last')"), env=os.environ)
    children.append(child)
    child.wait(HANG_LIMIT_S)
    written = child.written()
    child.close()

    assert written == "last\n"


class TestWithoutPolling:
    """Where a pipe cannot be polled, a thread waits for what the process writes."""

    @pytest.fixture(autouse=True)
    def waiting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have pipes read so."""
        monkeypatch.setattr(_process, "CAN_POLL_PIPES", False)

    def test_all_of_it_is_kept(self) -> None:
        """Whatever was written before the end is there when the end is reported."""
        child = ChildProcess(python("print('x' * 100_000); print('last')"), env=os.environ)
        ending = child.ending()
        child.close()

        assert ending.startswith("ended with exit code 0; it wrote:")
        assert ending.endswith("x\nlast")

    def test_another_process_holds_the_pipe(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What the process leaves running keeps no thread waiting for ever."""
        monkeypatch.setattr(_process, "JOIN_TIMEOUT_S", AT_ONCE_S)
        code = "import os, subprocess; subprocess.Popen(['sleep', '600']); os._exit(3)"
        child = ChildProcess(python(code), env=os.environ)
        ending = child.ending()
        child.close()
        os.killpg(child.pid, signal.SIGTERM)  # an error if none of the group were left

        assert ending == "ended with exit code 3; it wrote nothing"


class TestWithoutSignals:
    """Where no signal reaches another process."""

    def test_interrupt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A kernel that wants one cannot be interrupted, and the error says so."""
        monkeypatch.setattr(_launcher, "HAS_SIGNALS", False)
        with (
            launch(SMALL, kernel_chooses_ports=True) as kernel,
            pytest.raises(LaunchError, match="Windows"),
        ):
            kernel.interrupt()

    def test_parent_is_not_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A kernel is not given a number that it takes for something else."""
        monkeypatch.setattr(_launcher, "HAS_SIGNALS", False)
        monkeypatch.delenv("JPY_PARENT_PID", raising=False)
        with launch(SMALL, kernel_chooses_ports=True) as kernel:
            answer = kernel.client(timeout=HANG_LIMIT_S).execute(
                "import os; out(str(os.environ.get('JPY_PARENT_PID')))", timeout=HANG_LIMIT_S
            )

        assert answer.text() == "None"


class TestKernelspecs:
    """Finding kernelspecs."""

    def write(self, place: Path, name: str, *, argv: Sequence[str] = SMALL) -> Path:
        """Write a kernelspec and return its folder."""
        folder = place / name
        folder.mkdir(parents=True)
        spec = KernelSpec(argv=tuple(argv), display_name=f"{name} in {place.name}", language="p")
        (folder / "kernel.json").write_bytes(spec.to_json())
        return folder

    def test_find(self, tmp_path: Path) -> None:
        """Names are compared without regard to case; the first place wins (SPEC-02, SPEC-09)."""
        first, second = tmp_path / "first", tmp_path / "second"
        self.write(second, "Mine")
        self.write(second, "other")
        folder = self.write(first, "mine")

        found = find_kernelspec("MINE", [tmp_path / "missing", first, second])
        assert found.folder == folder
        assert found.spec.display_name == "mine in first"

    def test_not_found(self, tmp_path: Path) -> None:
        """A name that does not exist is answered with those that do, and where they were sought."""
        self.write(tmp_path, "one")
        self.write(tmp_path, "two")
        (tmp_path / "no kernel").mkdir()
        with pytest.raises(KernelSpecError) as caught:
            find_kernelspec("three", [tmp_path])

        assert str(caught.value) == (
            f"wanted a kernelspec named 'three', found one, two (looked in {tmp_path})"
        )

    def test_misspelt(self, tmp_path: Path) -> None:
        """The name of a kernel that is nearly meant is suggested."""
        self.write(tmp_path, "python3")

        with pytest.raises(KernelSpecError, match=r"; did you mean python3\?$"):
            find_kernelspec("pyhton3", [tmp_path])

    def test_none_at_all(self, tmp_path: Path) -> None:
        """No kernels at all is a sentence."""
        with pytest.raises(KernelSpecError, match="found none at all"):
            find_kernelspec("three", [tmp_path])

    @pytest.mark.parametrize(
        "text", ["", "[]", "{}", '{"argv": [], "display_name": "", "language": ""}']
    )
    def test_broken(self, tmp_path: Path, text: str) -> None:
        """A broken kernelspec is an error if it is asked for, and not listed."""
        self.write(tmp_path, "good")
        broken = self.write(tmp_path, "broken")
        (broken / "kernel.json").write_text(text, encoding="utf-8")
        with pytest.raises(KernelSpecError, match=r"kernel\.json"):
            find_kernelspec("broken", [tmp_path])

        assert [kernel.name for kernel in list_kernelspecs([tmp_path])] == ["good"]

    def test_list(self, tmp_path: Path) -> None:
        """Each name is listed once, as it would be found."""
        first, second = tmp_path / "first", tmp_path / "second"
        self.write(first, "b")
        self.write(second, "B")
        self.write(second, "a")

        names = [kernel.spec.display_name for kernel in list_kernelspecs([first, second])]
        assert names == ["a in second", "b in first"]

    def test_where_jupyter_looks(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """JUPYTER_PATH comes first."""
        monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
        self.write(tmp_path / "kernels", "mine")

        assert kernelspec_folders()[0] == tmp_path / "kernels"
        with launch(find_kernelspec("mine"), kernel_chooses_ports=True) as kernel:
            kernel.client(timeout=HANG_LIMIT_S)
