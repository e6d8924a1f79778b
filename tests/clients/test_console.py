"""The terminal console, driven through a pseudo-terminal as a person drives it."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests import held_ports
from tests.clients._conversation import HANG_LIMIT_S, environment
from tests.ends import watched_end

# Colours, cursor moves, modes and titles: all that is not text.
ESCAPE = r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b[=>]|\x1b[()][0-9A-B]"

# By itself the console waits one second for the history of a kernel that starts, and takes a reply
# that comes later for that of the first cell.
PATIENT_CONSOLE = f"""
import runpy
from jupyter_client import BlockingKernelClient
from jupyter_console.app import main
get = BlockingKernelClient.get_shell_msg
BlockingKernelClient.get_shell_msg = lambda self, timeout: get(self, timeout={HANG_LIMIT_S})
runpy.run_path({held_ports.__file__!r})["HeldPorts"].instance()
main()
"""


def prompt(word: str, number: int) -> str:
    """Return a pattern for the prompt *word* with *number*, in whatever colours."""
    return rf"{word} ?\[(?:{ESCAPE})*{number}(?:{ESCAPE})*\]: "


class Console:
    """A console in a pseudo-terminal of eighty columns.

    By default two empty lines end each cell. A console that asks the kernel whether a cell is
    complete may take the idle of that request for the end of the cell: what the cell writes is then
    shown after the next prompt, and what it asks for is not seen.
    """

    def __init__(self, kernel_name: str, folder: Path, *, asks_is_complete: bool = False) -> None:
        # Nobody answers questions about the cursor here, so the console is set not to ask.
        self.terminal = pexpect.spawn(
            sys.executable,
            [
                *("-c", PATIENT_CONSOLE, "--kernel", kernel_name),
                f"--ZMQCompleter.timeout={HANG_LIMIT_S}",
                f"--ZMQTerminalInteractiveShell.kernel_is_complete_timeout={HANG_LIMIT_S}",
                f"--ZMQTerminalInteractiveShell.use_kernel_is_complete={asks_is_complete}",
            ],
            cwd=str(folder),
            env=environment(PROMPT_TOOLKIT_NO_CPR="1", TERM="xterm"),
            encoding="utf-8",
            dimensions=(40, 80),
            timeout=HANG_LIMIT_S,
        )

    def wait_for(self, pattern: str) -> str:
        """Wait until *pattern* has been shown, and return the text that was shown before it."""
        self.terminal.expect(pattern)
        return re.sub(ESCAPE, "", str(self.terminal.before))

    def wait_for_prompt(self, number: int) -> str:
        """Wait for input prompt *number*, and return the text that was shown before it."""
        return self.wait_for(prompt("In", number))

    def wait_for_result(self, number: int) -> str:
        """Wait for result *number*, and return its text, without the space around it."""
        self.wait_for(prompt("Out", number))
        return self.wait_for_prompt(number + 1).strip()

    def type(self, text: str) -> None:
        """Type *text* as it is."""
        self.terminal.send(text)

    def enter(self, line: str = "") -> None:
        """Type *line* and press Enter."""
        self.terminal.send(f"{line}\r")

    def run(self, cell: str) -> None:
        """Type *cell* and the empty lines that end it."""
        self.terminal.send(f"{cell}\r\r\r")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.terminal.sendintr()

    def wait_for_exit(self) -> int | None:
        """Wait for the end of the console, and return its exit code."""
        self.terminal.expect(pexpect.EOF)
        self.terminal.wait()
        code = self.terminal.exitstatus
        return None if code is None else int(code)

    def close(self) -> None:
        """End the console if it is still there."""
        self.terminal.close(force=True)


@pytest.fixture
def console(kernel_name: str, tmp_path: Path) -> Iterator[Console]:
    """A console that has just been started."""
    console = Console(kernel_name, tmp_path)
    yield console
    console.close()


@pytest.fixture
def asking_console(kernel_name: str, tmp_path: Path) -> Iterator[Console]:
    """A console that has just been started, and asks the kernel whether an input is complete."""
    console = Console(kernel_name, tmp_path, asks_is_complete=True)
    yield console
    console.close()


def test_banner_is_shown(console: Console) -> None:
    """The console begins with the kernel's banner and the first prompt."""
    shown = console.wait_for_prompt(1)

    assert re.search(r"Jupyter console [\d.]+", shown)
    assert re.search(r"Python \d+\.\d+", shown)


def test_result_is_shown(console: Console) -> None:
    """A result is shown with its number, and the next prompt counts on."""
    console.wait_for_prompt(1)

    console.run("6 * 7")

    assert console.wait_for_result(1) == "42"


def test_output_is_shown(console: Console) -> None:
    """What a cell prints is shown."""
    console.wait_for_prompt(1)

    console.run("print('a' + 'b', 'c' + 'd')")

    console.wait_for("ab cd")


def test_error_is_shown(console: Console) -> None:
    """The traceback of a failed cell is shown, and the console goes on."""
    console.wait_for_prompt(1)

    console.run("1 / 0")

    console.wait_for("ZeroDivisionError")
    console.run("6 * 7")
    assert console.wait_for_result(2) == "42"


def test_tab_completes_a_name(console: Console) -> None:
    """The tab key completes a name that only the kernel can know."""
    console.wait_for_prompt(1)
    console.run("sample_" + "of_a_name = 41")
    console.wait_for_prompt(2)

    console.type("sample_of\t")
    console.wait_for("_a_name")
    console.run(" + 1")

    assert console.wait_for_result(2) == "42"


def test_open_block_goes_on(asking_console: Console) -> None:
    """A block that is not complete gets an indented line, and an empty line ends it."""
    console = asking_console
    console.wait_for_prompt(1)

    console.enter("for i in range(3):")
    console.wait_for(r"\.\.\.: ")
    console.enter("print(i * (100 + 11))")
    console.wait_for(r"\.\.\.: ")
    console.enter()

    console.wait_for("111")
    console.wait_for("222")


def test_interrupt_ends_the_cell(console: Console) -> None:
    """Ctrl-C ends a running cell, and the console goes on."""
    console.wait_for_prompt(1)
    console.run("print('run' + 'ning', flush=True); [None for _ in iter(int, 1)]")
    console.wait_for("running")

    console.interrupt()

    console.wait_for("KeyboardInterrupt")
    console.run("6 * 7")
    assert console.wait_for_result(2) == "42"


def test_input_is_asked_for(console: Console) -> None:
    """A cell that asks gets what is typed at its own prompt."""
    console.wait_for_prompt(1)

    console.run("input('Who' + '? ')[::-1]")
    console.wait_for(r"Who\? ")
    console.enter("Ada")

    assert console.wait_for_result(1) == "'adA'"


def test_password_is_not_shown(console: Console) -> None:
    """What is typed for a password does not appear."""
    console.wait_for_prompt(1)

    console.run("from getpass import getpass; len(getpass('Word' + '? '))")
    console.wait_for(r"Word\? ")
    console.terminal.waitnoecho()
    console.enter("secret")

    shown = console.wait_for(prompt("Out", 1))
    assert "secret" not in shown
    assert console.wait_for_prompt(2).strip() == "6"


def test_exit_ends_console_and_kernel(asking_console: Console, tmp_path: Path) -> None:
    """The word exit ends the console with code zero, and the kernel with it."""
    console = asking_console  # the word does so on a line alone
    with watched_end(tmp_path) as end:
        console.wait_for_prompt(1)
        console.enter(f"import os; os.open({str(end.path)!r}, os.O_WRONLY)")
        console.wait_for_prompt(2)

        console.enter("exit")

        assert console.wait_for_exit() == 0
        end.wait()
