"""The comfortable way to a kernel: a class with one method, and defaults for the rest.

`Language` is what an author writes; what the protocol wants besides (numbers, history, comms, the
two forms of each error) is kept by the `Interpreter` that `Language.interpreter` makes of it.
``docs/languages.md`` is the guide.
"""

from __future__ import annotations

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from assay.kernel._interpreter import Cell, Failed, Host, Interpreter, Succeeded
from assay.kernel._plain_methods import why_not_plain
from assay.protocol import (
    UNSET,
    CompleteReply,
    DisplayData,
    HelpLink,
    InspectReply,
    IsCompleteReply,
    Json,
    JsonObject,
    KernelInfoReply,
    LanguageInfo,
    UpdateDisplayData,
)

if TYPE_CHECKING:
    from assay.protocol import Content

__all__ = ["Bundle", "CellError", "Completeness", "Language", "Result"]

Bundle: TypeAlias = str | Mapping[str, Json]
"""What is shown: a text, or representations by MIME type."""

Result: TypeAlias = Bundle | Succeeded | Failed | None
"""What a cell gives: something to show as its result, nothing, or what a kernel says of it."""

Completeness: TypeAlias = Literal["complete", "incomplete", "invalid", "unknown"]


PLAIN = (
    "start",
    "close",
    "interrupt",
    "evaluate",
    "complete",
    "inspect",
    "is_complete",
    "is_blank",
    "display",
    "ask",
)
"""All methods but `execute`."""


class CellError(Exception):
    """What a cell fails with: the user is shown this, and nothing of the kernel's own code.

    Args:
        name: Of the kind of error, as the language calls it.
        text: What is wrong.
        traceback: Lines to show; by default one, of *name* and *text*.
    """

    def __init__(self, name: str, text: str, traceback: Sequence[str] = ()) -> None:
        super().__init__(name, text)
        self.name = name
        self.text = text
        self.traceback = tuple(traceback)


class Language(ABC):
    """A language. All methods but `interrupt` are called in one thread, one at a time.

    That is the main thread of the process. Whatever a method raises is an error of the request that
    it was called for, and ends nothing.

    Args:
        arguments: What stood on the command line and is not the kernel's own.
    """

    name: ClassVar[str]
    """The language, in small letters; what follows describes it to clients."""
    version: ClassVar[str] = "1.0"
    file_extension: ClassVar[str] = ".txt"
    mimetype: ClassVar[str] = "text/plain"
    banner: ClassVar[str] = ""
    """What consoles show at their start."""
    pygments_lexer: ClassVar[str | None] = None
    codemirror_mode: ClassVar[str | JsonObject | None] = None
    help_links: ClassVar[Mapping[str, str]] = {}
    """What a client's help menu shows, with where it leads."""
    implementation: ClassVar[str] = ""
    """The kernel's name; by default the language's."""
    implementation_version: ClassVar[str] = "1.0"
    errors: ClassVar[tuple[type[Exception], ...]] = ()
    """Exceptions that are the user's: shown in one line, without the kernel's own code."""
    word: ClassVar[str] = r"\w+"
    """A regular expression of what is completed and inspected."""

    host: Host
    """The kernel; there from `start` on. `Host` says what it offers."""

    def __init_subclass__(cls, **rest: object) -> None:
        """Refuse an async method that the kernel would not await.

        Raises:
            TypeError: a method other than `execute` is async.
        """
        super().__init_subclass__(**rest)
        if reason := why_not_plain(cls, cls.__name__, PLAIN):
            raise TypeError(f"{reason}: only execute may be async")

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        self.arguments = tuple(arguments)

    # What a language does.

    @abstractmethod
    def execute(self, cell: Cell) -> Result | Awaitable[Result]:
        """Run ``cell.code`` and return what it gives; may be ``async``.

        What is printed meanwhile is the cell's output. KeyboardInterrupt is raised in it where the
        user interrupts; an awaiting one is cancelled.

        Raises:
            CellError: the code is wrong; so does what `errors` names.
        """

    def start(self) -> None:  # noqa: B027 - a default
        """Open what the language needs, once there is a `host`."""

    def close(self) -> None:  # noqa: B027 - a default
        """Close it; the kernel is about to end."""

    def interrupt(self) -> None:  # noqa: B027 - a default
        """End what runs where KeyboardInterrupt cannot reach; called in **another thread**.

        KeyboardInterrupt is raised in `execute` as soon as Python code runs there. This is for code
        that does not come back to Python by itself, such as a query of a database. It may be called
        when the cell has just ended.
        """

    def evaluate(self, expression: str) -> Bundle:  # noqa: ARG002 - part of the signature
        """Return what *expression* is, for a client's user_expressions (EXEC-09)."""
        raise CellError("NotSupported", f"{self.name} evaluates no expressions for clients")

    def complete(self, code: str, cursor_pos: int) -> CompleteReply | Iterable[str]:  # noqa: ARG002
        """Return what may stand at *cursor_pos*, 0 to ``len(code)`` code points.

        Of names, those are shown that begin like the `word` before the cursor, whatever the case.
        """
        return ()

    def inspect(
        self,
        code: str,  # noqa: ARG002 - part of the signature
        cursor_pos: int,  # noqa: ARG002 - as above
        detail_level: int,  # noqa: ARG002 - as above
    ) -> InspectReply | Bundle | None:
        """Describe what stands at *cursor_pos*; None if that is nothing."""
        return None

    def is_complete(self, code: str) -> IsCompleteReply | Completeness:  # noqa: ARG002
        """Say whether *code* can be run as it stands."""
        return "unknown"

    def is_blank(self, code: str) -> bool:
        """Return True if *code* holds nothing to run, and so gets no number."""
        return not code.strip()

    # What it is offered.

    def display(
        self,
        shown: Bundle,
        *,
        metadata: Mapping[str, Json] | None = None,
        display_id: str | None = None,
        update: bool = False,
    ) -> None:
        """Show *shown* among the cell's outputs; with *update* in the place of an earlier one.

        Args:
            shown: A text, or representations by MIME type.
            metadata: Of the whole, or under a MIME type of one representation.
            display_id: A name to update it by.
            update: Replace what has that name.
        """
        transient: JsonObject = {"display_id": display_id} if display_id is not None else {}
        data, extras = bundle(shown, f"{type(self).__name__}.display"), dict(metadata or {})
        content: Content
        if update:
            content = UpdateDisplayData(data=data, metadata=extras, transient=transient)
        else:
            content = DisplayData(data=data, metadata=extras, transient=transient or UNSET)
        self.host.publish(content)

    def ask(self, prompt: str = "", *, password: bool = False) -> str:
        """Return a line that the user types.

        Raises:
            NoInputError: the client takes no input.
            EOFError: the user has ended the input.
        """
        return self.host.ask(prompt, password=password)

    def word_at(self, code: str, cursor_pos: int) -> str:
        """Return the `word` that *cursor_pos* stands in or behind; empty if there is none."""
        for found in re.finditer(self.word, code):
            if found.start() <= cursor_pos <= found.end():
                return found.group()
        return ""

    # How it becomes a kernel.

    @classmethod
    def info(cls) -> KernelInfoReply:
        """Return what the kernel says of itself."""
        return KernelInfoReply(
            implementation=cls.implementation or cls.name,
            implementation_version=cls.implementation_version,
            banner=cls.banner,
            language_info=LanguageInfo(
                name=cls.name,
                version=cls.version,
                mimetype=cls.mimetype,
                file_extension=cls.file_extension,
                pygments_lexer=cls.pygments_lexer if cls.pygments_lexer is not None else UNSET,
                codemirror_mode=cls.codemirror_mode if cls.codemirror_mode is not None else UNSET,
            ),
            help_links=tuple(HelpLink(text=text, url=url) for text, url in cls.help_links.items()),
        )

    @classmethod
    def interpreter(cls, arguments: Sequence[str] = ()) -> Interpreter:
        """Return what a `Kernel` works with."""
        from assay.kernel._language_interpreter import LanguageInterpreter  # noqa: PLC0415 - its base

        return LanguageInterpreter(cls(arguments))

    @classmethod
    def main(cls, arguments: Sequence[str] | None = None) -> int:
        """Be a kernel, and return the exit code: ``sys.exit(MyLanguage.main())``.

        Args:
            arguments: Such as ``-f FILE``; by default those of the process.
        """
        from assay.kernel._main import serve  # noqa: PLC0415 - to make a class takes no sockets

        words = sys.argv[1:] if arguments is None else arguments
        return serve([*words], cls.info(), cls.interpreter)


def bundle(shown: Bundle, of: str) -> dict[str, Json]:
    """Return *shown* as representations by MIME type.

    Raises:
        TypeError: it is neither a text nor a dict by MIME type; or one that is no JSON is no text
            either, nor bytes, which become base64 (IOPUB-12, IOPUB-13). *of* says whose it is.
    """
    if isinstance(shown, str):
        return {"text/plain": shown}
    if not isinstance(shown, Mapping):
        raise TypeError(f"{of}: wanted a text or a dict by MIME type, found {shown!r:.80}")
    data = dict(shown)
    for mime, value in data.items():
        if not isinstance(mime, str):
            raise TypeError(f"{of}: wanted a MIME type as key, found {mime!r:.80}")
        is_json = mime == "application/json" or mime.endswith("+json")
        if not (is_json or isinstance(value, (str, bytes, bytearray, memoryview))):
            raise TypeError(f"{of}: wanted text or bytes for {mime}, found {value!r:.80}")
    return data
