"""`Language`: what an author writes becomes a kernel, and what may be left out has defaults."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.kernel import Bundle, Cell, CellError, Language, Result, Succeeded
from assay.kernel._errors import StartError
from assay.kernel._language import PLAIN
from assay.kernel._language_interpreter import LanguageInterpreter
from assay.kernel._plain_methods import refuse_async
from assay.protocol import (
    UNSET,
    Channel,
    DisplayData,
    Error,
    ErrorReply,
    ExecuteReply,
    ExecuteRequest,
    ExecuteResult,
    InterruptRequest,
    UpdateDisplayData,
)
from assay.transport import Answer, Client, KernelProcess, RefusedRequestError, launch
from tests.limits import HANG_LIMIT_S

ROOT = Path(__file__).resolve().parent.parent.parent


class Awaiting(Language):
    """A language whose cells say what to do; each awaits."""

    name = "awaiting"
    codemirror_mode = {"name": "null"}  # noqa: RUF012 - as authors write it
    help_links = {"Help": "https://example.org"}  # noqa: RUF012 - as above
    errors = (LookupError,)
    word = r"[\w-]+"

    def __init__(self, arguments: tuple[str, ...] = ()) -> None:
        super().__init__(arguments)
        self.background: list[asyncio.Task[None]] = []

    async def execute(self, cell: Cell) -> Result:  # noqa: PLR0912 - one for each kind of cell
        """Do what the cell says."""
        await asyncio.sleep(0)
        match cell.code.split():
            case ["arguments"]:
                return " ".join(self.arguments)
            case ["bundle"]:
                return {"text/html": "<b>b</b>", "text/plain": "b"}
            case ["done"]:
                return Succeeded(payload=({"source": "page", "data": {}, "start": 0},))
            case ["display"]:
                self.display("first", display_id="d")
                self.display({"text/plain": "second"}, display_id="d", update=True)
            case ["ask"]:
                return self.ask("name? ")
            case ["wait"]:
                print("waits", flush=True)
                await asyncio.sleep(1e6)
            case ["spin"]:
                print("spins", flush=True)
                while True:
                    pass
            case ["later"]:
                self.background.append(asyncio.create_task(self.later()))
            case ["refuse"]:
                raise CellError("Refused", "because", ["line 1", "line 2"])
            case ["lookup"]:
                raise KeyError("absent")
            case ["bug"]:
                return str(int(cell.code))
            case ["wrong"]:
                return 5  # type: ignore[return-value]  # what an author does by mistake
            case ["number"]:
                return {"application/json": [1], "text/plain": 5}
        return None

    def evaluate(self, expression: str) -> Bundle:
        """Return what no client can be sent, or raise what has no text."""
        if expression == "unspeakable":
            raise UnspeakableError
        return 5  # type: ignore[return-value]  # what an author does by mistake

    async def later(self) -> None:
        """Go on when the cell is over."""
        await asyncio.sleep(0)
        print("later")

    def is_blank(self, code: str) -> bool:
        """Fail where a language may."""
        if code == "blank?":
            raise ValueError("cannot tell")
        return not code.strip()

    def complete(self, code: str, cursor_pos: int) -> list[str]:  # noqa: ARG002 - as the base's
        """Return some names."""
        return ["one-two", "One-three", "four"]

    def inspect(self, code: str, cursor_pos: int, detail_level: int) -> str | None:  # noqa: ARG002
        """Return the word."""
        return self.word_at(code, cursor_pos) or None


class UnspeakableError(Exception):
    """An error whose text cannot be had."""

    def __str__(self) -> str:
        raise ValueError("no text")


class Least(Language):
    """A language with nothing but what is demanded."""

    name = "least"

    def execute(self, cell: Cell) -> str:
        """Return the code."""
        return cell.code


MAIN = "import sys; from tests.kernel.test_language import {0}; sys.exit({0}.main())"


def start(name: str) -> KernelProcess:
    """Start a kernel for the language *name* of this module."""
    words = [sys.executable, "-c", MAIN.format(name), "-f", "{connection_file}", "--own", "words"]
    return launch(words, cwd=ROOT)


@pytest.fixture(scope="module")
def awaiting() -> Iterator[KernelProcess]:
    """A kernel of a language that awaits."""
    with start("Awaiting") as kernel:
        yield kernel
        assert kernel.shutdown() == 0


@pytest.fixture
def client(awaiting: KernelProcess) -> Iterator[Client]:
    """Its client."""
    with awaiting.client(timeout=HANG_LIMIT_S) as client:
        yield client


@pytest.fixture(scope="module")
def least() -> Iterator[Client]:
    """A client of a language that leaves out what it may."""
    with start("Least") as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        yield client


def run(client: Client, code: str) -> Answer:
    """Run *code*."""
    return client.execute(code, timeout=HANG_LIMIT_S)


def results(answer: Answer) -> list[object]:
    """Return what the cell gave."""
    return [dict(one.data) for one in answer.contents(ExecuteResult)]


def errors(answer: Answer) -> list[str]:
    """Return the names of the errors on IOPub."""
    return [one.ename for one in answer.contents(Error)]


def test_what_a_cell_gives(client: Client) -> None:
    """A text, representations by type, nothing, or what a kernel says of it; after awaiting."""
    assert results(run(client, "arguments")) == [{"text/plain": "--own words"}]
    assert results(run(client, "bundle")) == [{"text/html": "<b>b</b>", "text/plain": "b"}]
    assert results(run(client, "")) == []
    done = run(client, "done").content
    assert isinstance(done, ExecuteReply)
    assert done.payload is not UNSET
    assert done.payload[0]["source"] == "page"


def test_what_a_cell_shows(client: Client) -> None:
    """Displays, which may be replaced."""
    answer = run(client, "display")

    assert [one.data for one in answer.contents(DisplayData)] == [{"text/plain": "first"}]
    assert [one.data for one in answer.contents(UpdateDisplayData)] == [{"text/plain": "second"}]


def test_cell_asks(client: Client) -> None:
    """A line of the user's is its value."""
    answer = client.execute("ask", on_input=lambda asked: f"{asked.prompt}x", timeout=HANG_LIMIT_S)

    assert results(answer) == [{"text/plain": "name? x"}]


@pytest.mark.parametrize(
    ("code", "name", "text"),
    [
        ("refuse", "Refused", r"line 1\nline 2"),
        ("lookup", "KeyError", r"KeyError: 'absent'"),
        ("bug", "ValueError", r"(?s)Traceback .*test_language\.py.*"),
        ("wrong", "TypeError", r"(?s).*Awaiting\.execute: wanted a text, .* found 5"),
        (
            "number",
            "TypeError",
            r"(?s).*Awaiting\.execute: wanted text or bytes for text/plain, .* 5",
        ),
    ],
)
def test_errors_are_said_once_in_each_place(
    client: Client, code: str, name: str, text: str
) -> None:
    """The user's error in its lines, the author's with his code and none of the kernel's; both in
    the reply and on IOPub, and the number counts (EXEC-17)."""
    before = client.execute("", silent=True, timeout=HANG_LIMIT_S).content
    answer = run(client, code)

    assert isinstance(before, ExecuteReply)
    assert isinstance(answer.content, ErrorReply)
    assert errors(answer) == [answer.content.ename] == [name]
    assert answer.content.execution_count == before.execution_count + 1
    assert re.fullmatch(text, "\n".join(answer.content.traceback))
    assert "src/kernel" not in "".join(answer.content.traceback)


class Mistaken(Language):
    """Answers what its field says, whatever it is asked."""

    name = "mistaken"
    answer: Any = None

    def execute(self, cell: Cell) -> None:
        """Do nothing."""

    def complete(self, code: str, cursor_pos: int) -> Any:  # noqa: ARG002 - as the base's
        """Answer."""
        return self.answer

    def inspect(self, code: str, cursor_pos: int, detail_level: int) -> Any:  # noqa: ARG002
        """Answer."""
        return self.answer

    def is_complete(self, code: str) -> Any:  # noqa: ARG002 - as the base's
        """Answer."""
        return self.answer


async def awaited_names() -> list[str]:
    """Return names when it is awaited."""
    return ["a"]


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (awaited_names, "a coroutine: only execute may be async"),
        (lambda: 5, "5"),
        (lambda: [1], r"\[?1\]?"),
        (lambda: True, "True"),
    ],
    ids=["async", "number", "number in a list", "bool"],
)
def test_questions_that_are_answered_wrongly_say_so(make: Callable[[], object], found: str) -> None:
    """The author's method is named, with what was wanted and found, as for `execute`."""
    language = Mistaken()
    asked = LanguageInterpreter(language)
    questions: dict[str, Callable[[], object]] = {
        "complete": lambda: asked.complete("a", 1),
        "inspect": lambda: asked.inspect("a", 1, 0),
        "is_complete": lambda: asked.is_complete("a"),
    }

    for method, ask in questions.items():
        language.answer = make()
        with pytest.raises(TypeError) as caught:
            ask()
        assert re.fullmatch(rf"Mistaken\.{method}: wanted .+, found {found}", str(caught.value))


@pytest.mark.parametrize("method", PLAIN)
def test_only_execute_may_be_async(method: str) -> None:
    """A class with another method that is async cannot be made; that of a mixin counts as well."""
    mixin = type("Mixin", (), {method: awaited_names})

    with pytest.raises(TypeError) as caught:
        type("Late", (mixin, Mistaken), {})
    assert str(caught.value) == (
        f"Late.{method}: wanted a method, found an async one: only execute may be async"
    )


@pytest.mark.parametrize("method", ["execute", "is_blank", "comm", "close"])
def test_an_interpreter_with_an_async_method_does_not_start(method: str) -> None:
    """The method is named, with what there is for cells that await."""
    late = type("Late", (LanguageInterpreter,), {method: awaited_names})(Mistaken())

    with pytest.raises(StartError) as caught:
        refuse_async(late)
    assert str(caught.value) == (
        f"Late.{method}: wanted a method, found an async one: "
        "for cells that await, derive from assay.kernel.Language"
    )


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ({"text/plain": 5}, "text or bytes for text/plain, found 5"),
        ({"text/html": ["a", "b"]}, "text or bytes for text/html, found ['a', 'b']"),
        ({"application/vnd.own": {}}, "text or bytes for application/vnd.own, found {}"),
        ({5: "text"}, "a MIME type as key, found 5"),
    ],
)
def test_representations_have_the_form_of_their_type(answer: Any, wanted: str) -> None:
    """What is no JSON is text, or bytes, and each has its type (IOPUB-11 to IOPUB-13)."""
    language = Mistaken()
    language.answer = answer

    with pytest.raises(TypeError) as caught:
        LanguageInterpreter(language).inspect("a", 1, 0)
    assert str(caught.value) == f"Mistaken.inspect: wanted {wanted}"


def test_json_and_bytes_may_stand_in_representations() -> None:
    """Each where it belongs."""
    language = Mistaken()
    language.answer = found = {"application/vnd.own+json": 5, "image/png": b"1", "text/plain": ""}

    assert LanguageInterpreter(language).inspect("a", 1, 0).data == found


def test_a_text_is_no_list_of_names() -> None:
    """It would be completed letter by letter."""
    language = Mistaken()
    language.answer = "abc"

    with pytest.raises(TypeError) as caught:
        LanguageInterpreter(language).complete("a", 1)
    assert "wanted names or a CompleteReply, found 'abc'" in str(caught.value)


def test_blank_that_fails_hides_no_cell(client: Client) -> None:
    """Where a language cannot tell whether a cell is blank, the cell runs, and says so."""
    assert errors(run(client, "blank?")) == ["ValueError"]


def test_expressions_that_fail_are_errors_of_their_own(client: Client) -> None:
    """What an author's `evaluate` returns by mistake, or raises, ends neither cell nor kernel."""
    answer = client.execute(
        "bundle", user_expressions={"a": "wrong", "b": "unspeakable"}, timeout=HANG_LIMIT_S
    )

    assert isinstance(answer.content, ExecuteReply)
    assert {
        name: (value["status"], value["ename"])
        for name, value in dict(answer.content.user_expressions).items()
        if isinstance(value, dict)
    } == {"a": ("error", "TypeError"), "b": ("error", "UnspeakableError")}


def test_interrupts(client: Client, awaiting: KernelProcess) -> None:
    """A cell that awaits and one that computes are ended, by message and by signal: the kernel
    knows an author's loop by what the seam offers."""
    for code, sign in (("wait", "waits"), ("spin", "spins")):
        for by_message in (True, False):
            running = client.start(ExecuteRequest(code=code))
            client.wait_until(
                lambda running=running, sign=sign: any(  # type: ignore[misc]  # bound at once
                    sign in str(getattr(one.content, "text", "")) for one in running.published
                ),
                awaited=sign,
                timeout=HANG_LIMIT_S,
            )
            if by_message:
                client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
            else:
                awaiting.interrupt()

            assert errors(client.finish(running, timeout=HANG_LIMIT_S)) == ["KeyboardInterrupt"]


def test_tasks_go_on_behind_their_cell(client: Client) -> None:
    """What a cell leaves in the loop runs when the cell is over, and belongs to it."""
    running = client.start(ExecuteRequest(code="later"))
    client.wait_until(
        lambda: any(getattr(one.content, "text", "") == "later\n" for one in running.published),
        awaited="later",
        timeout=HANG_LIMIT_S,
    )
    client.finish(running, timeout=HANG_LIMIT_S)


def test_names(client: Client) -> None:
    """Those that begin like the word before the cursor, whatever the case; the word at the cursor
    is described."""
    completed = client.complete("x one-t y", 7)

    assert (completed.matches, completed.cursor_start) == (("one-two", "One-three"), 2)
    assert client.inspect("x one-t y", 4).data == {"text/plain": "one-t"}
    assert client.inspect("  ", 1).found is False


def test_what_it_says_of_itself(client: Client) -> None:
    """Name, mode and links are those of the class; what it leaves out is left out."""
    info = client.info()

    assert (info.implementation, info.language_info.name) == ("awaiting", "awaiting")
    assert info.language_info.codemirror_mode == {"name": "null"}
    assert info.language_info.pygments_lexer is UNSET
    assert info.help_links is not UNSET
    assert [link.text for link in info.help_links] == ["Help"]


def test_defaults(least: Client) -> None:
    """A language that has nothing but `execute` answers every question (SHELL-01)."""
    for code in ("alpha", "beta", "alpha"):
        run(least, code)
    failed = least.execute("x", user_expressions={"e": "1"}, timeout=HANG_LIMIT_S).content

    assert least.complete("al").matches == ()
    assert least.inspect("al").found is False
    assert least.is_complete("al").status == "unknown"
    assert isinstance(failed, ExecuteReply)
    assert failed.user_expressions["e"]["ename"] == "NotSupported"


def test_history_is_remembered(least: Client) -> None:
    """By its end, by numbers, by a pattern; a bracket in a pattern is a bracket (HIST-04)."""
    count = least.execute("", silent=True, timeout=HANG_LIMIT_S).content
    assert isinstance(count, ExecuteReply)
    first = count.execution_count + 1
    for code in ("gold", "g[o]ld", "silver", "gold"):
        run(least, code)

    tail = least.history(n=2, output=True).history
    numbered = least.history("range", start=first, stop=first + 2).history
    found = least.history("search", pattern="g?ld", unique=True).history
    bracket = least.history("search", pattern="g[o]*").history

    assert tail == ((1, first + 2, ("silver", "silver")), (1, first + 3, ("gold", "gold")))
    assert [code for _, _, code in numbered] == ["gold", "g[o]ld"]
    assert [(number, code) for _, number, code in found] == [(first + 3, "gold")]
    assert [code for _, _, code in bracket] == ["g[o]ld"]


def test_verbs_raise_what_the_kernel_refuses(least: Client) -> None:
    """A verb returns a content or raises; a raw request brings whatever is answered."""
    with pytest.raises(RefusedRequestError) as refused:
        least.inspect("x", -1)
    raw = least.raw_request("complete_request", {"code": 5}, timeout=HANG_LIMIT_S)

    assert "cursor_pos" in str(refused.value)
    assert isinstance(refused.value.reply, ErrorReply)
    assert isinstance(raw.content, ErrorReply)
    assert "code: wanted text, found 5" in raw.content.evalue
