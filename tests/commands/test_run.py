"""``assay run``: outputs, exit codes, notebooks, questions, signals."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pexpect
import pytest

from assay.__main__ import main
from assay.transport import Answer, Client
from tests.limits import HANG_LIMIT_S

ASSAY = (sys.executable, "-m", "assay")


def notebook(path: Path, *cells: str | tuple[str, str], language: str = "python") -> Path:
    """Write a notebook of code cells, each with its tag if it has one, and return its path."""
    # nbformat's functions have no annotations.
    node = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    node.metadata["kernelspec"] = {"name": "k", "display_name": "K", "language": language}
    node.cells.append(nbformat.v4.new_markdown_cell("# Title"))  # type: ignore[no-untyped-call]
    for cell in cells:
        code, *tags = (cell,) if isinstance(cell, str) else cell
        node.cells.append(
            nbformat.v4.new_code_cell(code, metadata={"tags": tags} if tags else {})  # type: ignore[no-untyped-call]
        )
    nbformat.write(node, path)  # type: ignore[no-untyped-call]
    return path


def outputs(path: Path) -> list[list[dict[str, object]]]:
    """Return the outputs of each code cell of the notebook at *path*, which is valid."""
    node = nbformat.read(path, as_version=nbformat.NO_CONVERT)  # type: ignore[no-untyped-call]
    nbformat.validate(node)
    return [cell.outputs for cell in node.cells if cell.cell_type == "code"]


def stream(text: str, name: str = "stdout") -> dict[str, object]:
    """Return an output of text as a notebook has it."""
    return {"output_type": "stream", "name": name, "text": text}


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What stands in stdin; empty until something is put there."""
    stdin = io.StringIO()
    monkeypatch.setattr(sys, "stdin", stdin)
    return stdin


class TestCode:
    """Code, scripts and stdin, on the kernel that is the default."""

    def test_outputs(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Each output goes where it belongs."""
        code = main(["run", "-c", "import sys; print('o'); print('e', file=sys.stderr); 6 * 7"])

        assert capsys.readouterr() == ("o\n42\n", "e\n")
        assert code == 0

    def test_error(self, capsys: pytest.CaptureFixture[str]) -> None:
        """An exception is shown on stderr, without colours where no terminal shows them."""
        code = main(["run", "-c", "print('before'); 1 / 0"])

        captured = capsys.readouterr()
        assert code == 1
        assert captured.out == "before\n"
        assert "ZeroDivisionError: division by zero" in captured.err
        assert "\x1b[" not in captured.err

    def test_script(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """A script has its arguments, its name, and its neighbours."""
        (tmp_path / "neighbour.py").write_text("NAME = 'there'", encoding="utf-8")
        script = tmp_path / "script.py"
        script.write_text(
            "# coding: latin-1\nimport sys, neighbour\n"
            "print(sys.argv, __name__, __file__, neighbour.NAME, 'é')",
            encoding="latin-1",
        )
        code = main(["run", str(script), "a", "b", "--", "-c"])

        assert code == 0
        assert capsys.readouterr().out == (
            f"{[str(script), 'a', 'b', '-c']} __main__ {script} there é\n"
        )

    def test_stdin(self, typed: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
        """A dash reads the code from stdin, which is then at its end."""
        typed.write("try:\n    input()\nexcept EOFError:\n    print('the end')\n")
        typed.seek(0)
        code = main(["run", "-"])

        assert (code, capsys.readouterr().out) == (0, "the end\n")

    def test_input(self, typed: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
        """What the code asks for is read from stdin."""
        typed.write("bob\nsecret\n")
        typed.seek(0)
        code = main(
            ["run", "-c", "import getpass; print([input('name? '), getpass.getpass('word? ')])"]
        )

        assert (code, capsys.readouterr().out) == (0, "name? word? ['bob', 'secret']\n")

    @pytest.mark.parametrize(
        ("value", "wanted", "message"),
        [("", 0, ""), ("0", 0, ""), ("7", 7, ""), ("'no luck'", 1, "no luck\n")],
    )
    def test_exit(
        self, value: str, wanted: int, message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Code that exits decides about the exit code, and no traceback is shown."""
        code = main(["run", "-c", f"import sys; sys.exit({value})"])

        assert (code, capsys.readouterr().err) == (wanted, message)

    def test_death(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A kernel that dies is kept apart from code that fails."""
        code = main(["run", "-c", "print('last'); import os; os._exit(1)"])

        captured = capsys.readouterr()
        assert code == 3
        assert "the kernel ended with exit code 1" in captured.err

    def test_timeout(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Code that takes too long is interrupted."""
        monkeypatch.setattr("assay.commands._run.INTERRUPT_GRACE_S", HANG_LIMIT_S)
        code = main(["run", "--timeout", "0.2", "-c", "import time; time.sleep(1000)"])

        captured = capsys.readouterr()
        assert code == 1
        assert "longer than 0.2 s" in captured.err
        assert "KeyboardInterrupt" in captured.err

    def test_help_in_pager(self, capsys: pytest.CaptureFixture[str]) -> None:
        """What would be shown in a pager is shown."""
        code = main(["run", "-c", "len?"])

        assert code == 0
        assert "Return the number of items" in capsys.readouterr().out

    def test_nothing_is_left(self, home: Path) -> None:
        """All that was made for a run is gone after it."""
        main(["run", "-c", "1"])

        assert list((home / "tmpdir").iterdir()) == []


class TestOtherKernels:
    """Kernels that are chosen by name."""

    def test_name(self, small: str, capsys: pytest.CaptureFixture[str]) -> None:
        """An installed kernel can be used, in any case of its name."""
        code = main(["run", "--kernel", small.upper(), "-c", "out('hello')"])

        assert (code, capsys.readouterr().out) == (0, "hello")

    def test_no_such_kernel(self, small: str, capsys: pytest.CaptureFixture[str]) -> None:
        """A name that does not exist is answered with those that do."""
        code = main(["run", "--kernel", "nobody", "-c", ""])

        assert code == 3
        assert small in capsys.readouterr().err

    def test_allowed_errors(self, small: str, capsys: pytest.CaptureFixture[str]) -> None:
        """An error that is allowed is shown, and no failure."""
        code = main(["run", "--kernel", small, "--allow-errors", "-c", "1 / 0"])

        assert (code, capsys.readouterr().err) == (0, "ZeroDivisionError!\n")

    def test_kernel_that_does_not_start(
        self, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A kernel that does not start is reported with what it wrote."""
        folder = home / "jupyter_path" / "kernels" / "broken"
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(
            '{"argv": ["python", "-c", "exit(\'no luck\')"], "display_name": "", "language": ""}',
            encoding="utf-8",
        )
        code = main(["run", "--kernel", "broken", "-c", ""])

        assert code == 3
        assert "ended with exit code 1 before it answered; it wrote:\nno luck" in (
            capsys.readouterr().err
        )

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            ("ErrorReply(ename='E', evalue='why', execution_count=1)", "assay: E: why\n"),
            ("Aborted()", "assay: the kernel has aborted the code\n"),
            ("Unknown(extra={'status': 5})", "assay: the kernel's reply has the status 5\n"),
        ],
    )
    def test_kernel_that_publishes_no_error(
        self, content: str, reason: str, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """It is said why the exit code is not 0."""
        _install(home, "terse", f"lambda *_: {content}")

        assert main(["run", "--kernel", "terse", "-c", "1"]) == 1
        assert capsys.readouterr().err == reason

    def test_kernel_that_answers_no_cell(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A kernel that is ready, and does not say how its first cell ended, is given up."""
        limits: list[float] = []
        genuine = Client.execute

        def execute(
            client: Client, code: str, *, timeout: float, silent: bool, store_history: bool
        ) -> Answer:
            limits.append(timeout)
            return genuine(client, code, timeout=0.1, silent=silent, store_history=store_history)

        _install(home, "silent", "lambda *_: None")
        monkeypatch.setattr(Client, "execute", execute)
        code = main(["run", "--kernel", "silent", "--start-timeout", "77", "-c", "1"])

        assert (code, limits) == (3, [77.0])
        told = capsys.readouterr().err
        assert "the kernel answers, but did not say within 77 s how an empty cell ended" in told
        assert "wanted the reply to execute_request on shell" in told


def _install(home: Path, name: str, execute: str) -> None:
    """Install a small kernel that answers execute_request with what *execute* makes."""
    folder = home / "jupyter_path" / "kernels" / name
    folder.mkdir(parents=True)
    program = (
        "from assay.protocol import *\n"
        "from tests.transport import small_kernel as it\n"
        f"it.SmallKernel._execute = {execute}\n"
        "it.main()"
    )
    argv = [sys.executable, "-c", program, "{connection_file}"]
    spec = {"argv": argv, "display_name": name, "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")


class TestNotebook:
    """Notebooks."""

    def test_run(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """A notebook is executed, shown, and written with its outputs."""
        path = notebook(
            tmp_path / "n.ipynb",
            "print('a'); print('b')\n1 + 1",
            "",
            "import os\nfrom IPython.display import display\n"
            "handle = display('first', display_id=True)",
            "handle.update('second')\nos.path.samefile('.', " + repr(str(tmp_path)) + ")",
        )
        done = tmp_path / "new" / "done.ipynb"
        code = main(["run", str(path), "--output", str(done)])

        captured = capsys.readouterr()
        assert code == 0
        assert captured.out == "a\nb\n2\n'first'\n'second'\nTrue\n"
        assert captured.err.splitlines()[0] == "[1/3] print('a'); print('b')"
        assert captured.err.splitlines()[2].startswith("[3/3] handle.update")
        first, empty, third, fourth = outputs(done)
        assert first == [
            stream("a\nb\n"),
            {
                "output_type": "execute_result",
                "execution_count": 1,
                "data": {"text/plain": "2"},
                "metadata": {},
            },
        ]
        assert empty == []
        assert [output["data"] for output in third] == [{"text/plain": "'second'"}]
        assert [output["data"] for output in fourth] == [{"text/plain": "True"}]
        assert outputs(path) == [[], [], [], []]

    def test_error_ends_it(
        self, small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """An error ends the run; what was run is written all the same."""
        path = notebook(tmp_path / "n.ipynb", "out('a')", "1 / 0", "out('c')")
        code = main(["run", "-q", "--kernel", small, str(path), "-o", str(path)])

        captured = capsys.readouterr()
        assert code == 1
        assert captured == ("a", "ZeroDivisionError!\n")
        first, second, third = outputs(path)
        assert first == [stream("a")]
        assert second[0]["ename"] == "ZeroDivisionError"
        assert third == []

    def test_allowed_errors(
        self, small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Errors that are allowed, or expected of a cell, do not end it."""
        path = notebook(
            tmp_path / "n.ipynb",
            ("1 / 0", "raises-exception"),
            ("nobody", "skip-execution"),
            "out('c')",
        )
        expected = main(["run", "-q", "--kernel", small, str(path)])
        path = notebook(tmp_path / "n.ipynb", "1 / 0", "out('d')")
        allowed = main(["run", "-q", "--kernel", small, "--allow-errors", str(path)])

        assert (expected, allowed) == (0, 0)
        assert capsys.readouterr().out == "cd"

    def test_clear_output(self, small: str, tmp_path: Path) -> None:
        """clear_output forgets what was shown: now, or when the next output comes."""
        code = (
            "from assay.protocol import ClearOutput\n"
            "def clear(wait): kernel.publish(ClearOutput(wait=wait), envelope.header)\n"
            "out('a'); clear({wait}); {last}"
        )
        cells = [
            code.format(wait=wait, last=last)
            for wait, last in [(False, ""), (True, ""), (True, "out('b')"), (True, "result('c')")]
        ]
        path = notebook(tmp_path / "n.ipynb", *cells)
        main(["run", "-q", "--kernel", small, str(path), "-o", str(path)])

        now, never, text, result = outputs(path)
        assert (now, never, text) == ([], [stream("a")], [stream("b")])
        assert [output["output_type"] for output in result] == ["execute_result"]

    def test_permissions(self, small: str, tmp_path: Path) -> None:
        """A notebook that is overwritten keeps its permissions."""
        path = notebook(tmp_path / "n.ipynb", "out('a')")
        path.chmod(0o640)
        main(["run", "-q", "--kernel", small, str(path), "-o", str(path)])

        assert path.stat().st_mode & 0o777 == 0o640
        assert list(tmp_path.glob(".n*")) == []

    def test_exit(self, small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """A cell that exits ends the run."""
        path = notebook(tmp_path / "n.ipynb", "raise SystemExit(0)", "out('b')")
        code = main(["run", "-q", "--kernel", small, str(path)])

        assert (code, capsys.readouterr().out) == (0, "")

    def test_other_language(
        self, small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A notebook in another language is refused."""
        path = notebook(tmp_path / "n.ipynb", "1", language="R")
        code = main(["run", "--kernel", small, str(path)])

        assert code == 2
        assert "is written in r, and this kernel speaks python" in capsys.readouterr().err

    @pytest.mark.parametrize("text", ["", "[]", "no notebook", '{"nbformat": 99, "cells": 5}'])
    def test_no_notebook(
        self, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A file that is no notebook is refused."""
        path = tmp_path / "n.ipynb"
        path.write_text(text, encoding="utf-8")
        code = main(["run", str(path)])

        assert code == 2
        assert "wanted a notebook" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "words",
        [
            ["missing.ipynb"],
            ["missing.py"],
            ["-c", "1", "--output", "o.ipynb"],
            ["n.ipynb", "argument"],
            ["-c", "1", "--timeout", "0"],
            ["-c", "1", "--cwd", "missing"],
        ],
    )
    def test_usage(self, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What makes no sense has exit code 2, and starts no kernel."""
        monkeypatch.chdir(tmp_path)

        assert main(["run", "--kernel", "nobody", *words]) == 2

    def test_output_that_cannot_be_written(
        self, small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A result that cannot be kept is a failure."""
        path = notebook(tmp_path / "n.ipynb", "out('a')")
        (tmp_path / "file").touch()
        code = main(["run", "-q", "--kernel", small, str(path), "-o", str(tmp_path / "file" / "n")])

        assert code == 1
        assert "cannot be written" in capsys.readouterr().err


class TestProcess:
    """A process of its own, as a shell starts it."""

    def test_broken_pipe(self, small: str) -> None:
        """When the reader leaves, so does the run, without a word."""
        command = [*ASSAY, "run", "--kernel", small, "-c", "while True: out('a line\\n')"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == b"a line\n"
            process.stdout.close()
            code = process.wait(HANG_LIMIT_S)

            assert (code, process.stderr.read()) == (141, b"")

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
    def test_told_to_end(self, small: str, home: Path, number: signal.Signals) -> None:
        """A run that is asked to end takes its kernel along, and all that was made for it."""
        code = "import os; out(f'{os.getpid()}\\n'); import signal; signal.pause()"
        with subprocess.Popen(
            [*ASSAY, "run", "--kernel", small, "-c", code], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            kernel = int(process.stdout.readline())
            process.send_signal(number)
            ended = process.wait(HANG_LIMIT_S)

        assert ended == 128 + number
        assert list((home / "tmpdir").iterdir()) == []
        with pytest.raises(ProcessLookupError):
            os.kill(kernel, 0)


class TestTerminal:
    """A person in front of a terminal."""

    def spawn(self, *words: str) -> pexpect.spawn[str]:
        """Start ``assay run`` in a terminal."""
        return pexpect.spawn(
            ASSAY[0],
            [*ASSAY[1:], "run", *words],
            timeout=HANG_LIMIT_S,
            encoding="utf-8",
            env={**os.environ, "TERM": "xterm"},
        )

    def end(self, child: pexpect.spawn[str]) -> int | None:
        """Wait for the end and return the exit code."""
        child.expect(pexpect.EOF)
        child.close()
        return child.exitstatus

    def test_interrupt(self) -> None:
        """Ctrl-C interrupts the code, and the exit code says so."""
        child = self.spawn("-c", "print('on', flush=True)\nwhile True: pass")
        child.expect_exact("on\r\n")
        child.sendintr()
        child.expect("KeyboardInterrupt")

        assert self.end(child) == 130

    def test_interrupt_that_is_caught(self) -> None:
        """Code that catches the interrupt goes on to its own end."""
        code = (
            "import time\ntry:\n    print('on', flush=True)\n    time.sleep(1000)\n"
            "except KeyboardInterrupt:\n    print('caught')"
        )
        child = self.spawn("-c", code)
        child.expect_exact("on\r\n")
        child.sendintr()
        child.expect_exact("caught\r\n")

        assert self.end(child) == 0

    def test_three_interrupts(self, small: str) -> None:
        """Who presses Ctrl-C three times is done with it."""
        code = (
            "import signal, time\n"
            "signal.signal(signal.SIGINT, lambda *_: out('no\\n'))\n"
            "out('on\\n')\nwhile True: signal.pause()"
        )
        child = self.spawn("--kernel", small, "-c", code)
        child.expect_exact("on\r\n")
        child.sendintr()
        child.expect_exact("no\r\n")
        child.sendintr()
        child.expect_exact("press Ctrl-C once more to kill the kernel")
        child.expect_exact("no\r\n")
        child.sendintr()

        assert self.end(child) == 130

    def test_question(self) -> None:
        """A question is asked in the terminal, a secret one without echo."""
        code = "import getpass\nprint('<', input('name? '), getpass.getpass('word? '), '>')"
        child = self.spawn("-c", code)
        child.expect_exact("name? ")
        child.sendline("bob")
        child.expect_exact("word? ")
        child.waitnoecho()
        child.sendline("secret")
        child.expect_exact("< bob secret >\r\n")

        assert "secret" not in str(child.before)
        assert self.end(child) == 0

    def test_interrupted_question(self) -> None:
        """Ctrl-C at a question interrupts the code that asks."""
        child = self.spawn("-c", "input('name? ')")
        child.expect_exact("name? ")
        child.sendintr()
        child.expect("KeyboardInterrupt")

        assert self.end(child) == 130

    def test_end_of_input(self) -> None:
        """Ctrl-D at a question is the end of the input."""
        child = self.spawn(
            "-c", "try:\n    input('name? ')\nexcept EOFError:\n    print('no more')"
        )
        child.expect_exact("name? ")
        child.sendeof()
        child.expect_exact("no more\r\n")

        assert self.end(child) == 0

    def test_colour(self) -> None:
        """A traceback has colours where they are seen."""
        child = self.spawn("-c", "1 / 0")
        child.expect_exact("\x1b[")
        child.expect_exact("ZeroDivisionError")

        assert self.end(child) == 1
