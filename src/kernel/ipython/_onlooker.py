"""What is answered while a cell runs, in other threads (`Onlooker`).

Nothing here runs the user's code, changes what the user's code may see, or waits for the main
thread. A completion is less than the usual one, therefore: what an object says only if it is asked
(the columns of a data frame, a proxy's attributes) is missing.
"""

from __future__ import annotations

import keyword
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.utils.tokenutil import token_at_cursor

from assay import protocol
from assay.kernel.ipython._answers import MAX_COMPLETIONS, MAX_LINE, history_reply
from assay.kernel.ipython._described import described, described_magic
from assay.kernel.ipython._looking import (
    Found,
    attribute,
    bound_in,
    evaluate,
    kind_of,
    module_found,
    names_of,
    parse,
)
from assay.kernel.ipython._quiet import parse_quietly
from assay.kernel.ipython._whole import is_whole

if TYPE_CHECKING:
    from assay.kernel.ipython._comms import Comms
    from assay.kernel.ipython._shell import ZMQInteractiveShell
    from assay.protocol import Json

__all__ = ["Onlooker"]

T = TypeVar("T")

MAX_CODE = 200_000
"""Characters of code that is looked through for what it binds."""

TRIES = 3
"""How often is looked again if a dictionary changes meanwhile."""

WORD = re.compile(r"\w*\Z")
MAGIC = re.compile(r"^\s*(%{1,2})(\w*)\Z")
KEY = re.compile(r"\[\s*(['\"])([^'\"\\\n]*)\Z")
IMPORT = re.compile(r"^\s*(?:import|from)\s+(?:[\w.]+\s*(?:as\s+\w+)?\s*,\s*)*((?:\w+\.)*)(\w*)\Z")
IMPORT_FROM = re.compile(
    r"^\s*from\s+([\w.]+)\s+import\s+\(?\s*(?:\w+(?:\s+as\s+\w+)?\s*,\s*)*(\w*)\Z"
)
OPENING, CLOSING = "([{", ")]}"


class Onlooker:
    """Looks at the shell from outside.

    Args:
        shell: Whose namespace, magics and history are looked at.
        comms: The open ones.
    """

    def __init__(self, shell: ZMQInteractiveShell, comms: Comms) -> None:
        self._shell = shell
        self._comms = comms

    def complete(self, code: str, cursor_pos: int) -> protocol.CompleteReply:
        """Say what may stand at *cursor_pos*, as far as that can be seen."""
        return _steady(lambda: self._complete(code, cursor_pos))

    def inspect(self, code: str, cursor_pos: int, detail_level: int) -> protocol.InspectReply:
        """Describe the name at the cursor, or the one whose call it stands in, as far as seen."""
        text = _steady(lambda: self._described(code, cursor_pos, detail_level))
        if text is None:
            return protocol.InspectReply(found=False)
        return protocol.InspectReply(found=True, data={"text/plain": text})

    def is_complete(self, code: str) -> protocol.IsCompleteReply:
        """Say whether *code* can be run; unknown where a program's own transformations decide."""
        return is_whole(self._shell.input_transformer_manager, code)

    def history(self, request: protocol.HistoryRequest) -> protocol.HistoryReply:
        """Read IPython's history."""
        return history_reply(self._shell.history_manager, request)

    def comm_info(self, target_name: str | None) -> protocol.CommInfoReply:
        """List the open comms."""
        return self._comms.info(target_name)

    # --- Completion.

    def _complete(self, code: str, cursor_pos: int) -> protocol.CompleteReply:
        before = code[:cursor_pos]
        line = before[before.rfind("\n") + 1 :]
        found: dict[str, str] = {}
        start = cursor_pos
        if len(line) <= MAX_LINE:
            fragment, found = self._matches(code, before, line)
            start -= len(fragment)
        matches = sorted(found, key=_order)[:MAX_COMPLETIONS]
        extras: list[Json] = [
            {"start": start, "end": cursor_pos, "text": one, "type": found[one], "signature": ""}
            for one in matches
        ]
        return protocol.CompleteReply(
            matches=tuple(matches),
            cursor_start=start,
            cursor_end=cursor_pos,
            metadata={"_jupyter_types_experimental": extras},
        )

    def _matches(self, code: str, before: str, line: str) -> tuple[str, dict[str, str]]:
        """Return what is replaced, and what may stand there with the kind of each."""
        if (magic := MAGIC.search(line)) is not None and before[: -len(line)].strip() == "":
            return magic[1] + magic[2], self._magics(magic[1], magic[2])
        if quote := _open_quote(before):
            return ("", {}) if quote == "#" else self._keys(code, before)
        return _imports(line) or self._names(code, before)

    def _names(self, code: str, before: str) -> tuple[str, dict[str, str]]:
        word = _last(WORD, before)
        owner = before[: len(before) - len(word)].rstrip()
        names: Iterable[tuple[str, Found | None]]
        if owner.endswith("."):
            value = self._value_before(code, owner[:-1])
            names = [] if value is None else [(name, value) for name in names_of(value)]
            return word, _fitting(names, word, _attribute_kind)
        if word[:1].isdigit():
            return word, {}
        return word, {
            **dict.fromkeys(_starting(keyword.kwlist, word), "keyword"),
            **_fitting(self._variables(code, before), word, lambda _, found: kind_of(found)),
        }

    def _variables(self, code: str, before: str) -> Iterator[tuple[str, Found | None]]:
        for kept in (sys.modules["builtins"].__dict__, self._shell.user_ns):
            for name in tuple(kept):
                if type(name) is str:
                    yield name, Found(kept.get(name))
        yield from self._bound(code, before).items()

    def _bound(self, code: str, before: str) -> Mapping[str, Found | None]:
        """Return what the code around the cursor binds, but for the line that is being written."""
        if len(code) > MAX_CODE:
            return {}
        lines = code.split("\n")
        at = before.count("\n")
        for rest in (lines, [*lines[:at], "pass", *lines[at + 1 :]], lines[:at]):
            tree = parse_quietly("\n".join(rest))
            if tree is not None:
                return bound_in(tree, self._shell.user_ns)
        return {}

    def _value_before(self, code: str, text: str) -> Found | None:
        """Return what the expression stands for that *text* ends with."""
        expression = _trailing_expression(text)
        tree = parse(expression) if expression else None
        if tree is None:
            return None
        return evaluate(tree, self._bound(code, text), self._shell.user_ns)

    def _keys(self, code: str, before: str) -> tuple[str, dict[str, str]]:
        opened = KEY.search(before)
        owner = self._value_before(code, before[: opened.start()]) if opened is not None else None
        if opened is None or owner is None or type(owner.value) is not dict:
            return "", {}
        keys = (key for key in tuple(owner.value) if type(key) is str and "\n" not in key)
        fitting = (key for key in keys if key.startswith(opened[2]) and opened[1] not in key)
        return opened[2], dict.fromkeys(fitting, "dict key")

    def _magics(self, sign: str, word: str) -> dict[str, str]:
        magics = self._shell.magics_manager.magics
        names = {*magics["cell"]} if sign == "%%" else {*magics["line"]}
        return {f"{sign}{name}": "magic" for name in _starting(names, word)}

    # --- Inspection.

    def _described(self, code: str, cursor_pos: int, detail_level: int) -> str | None:
        name = token_at_cursor(code, cursor_pos)
        if name.startswith("%"):
            return described_magic(self._shell.magics_manager, name)
        tree = parse(name) if name else None
        if tree is None:
            return None
        found = evaluate(tree, {}, self._shell.user_ns)
        return described(found, detail_level) if found is not None else None


def _steady(look: Callable[[], T]) -> T:
    """Return what *look* sees; it looks again where the main thread has changed it meanwhile."""
    for _ in range(TRIES - 1):
        with suppress(RuntimeError):
            return look()
    return look()


def _order(name: str) -> tuple[bool, bool, str]:
    bare = name.lstrip("%")
    return bare.startswith("__"), bare.startswith("_"), name


def _starting(names: Iterable[str], start: str) -> Iterator[str]:
    return (name for name in names if name.startswith(start))


def _fitting(
    names: Iterable[tuple[str, Found | None]],
    start: str,
    kind: Callable[[str, Found | None], str],
) -> dict[str, str]:
    """Return those of *names* that begin with *start*; private ones if it is private."""
    return {
        name: kind(name, found)
        for name, found in names
        if name.lower().startswith(start.lower())
        and (start.startswith("_") or not name.startswith("_"))
        and name.isidentifier()
    }


def _attribute_kind(name: str, owner: Found | None) -> str:
    return kind_of(attribute(owner, name)) if owner is not None else "<unknown>"


def _last(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[0] if found is not None else ""


def _open_quote(text: str) -> str:
    """Return the quote or the ``#`` in which *text* ends; empty if in none."""
    opened, at = "", 0
    while at < len(text):
        here = text[at]
        if opened == "#":
            opened = "" if here == "\n" else "#"
        elif opened:
            if here == "\\":
                at += 1
            elif text.startswith(opened, at):
                at += len(opened) - 1
                opened = ""
            elif here == "\n" and len(opened) == 1:
                opened = ""
        elif here in "'\"":
            opened = here * 3 if text.startswith(here * 3, at) else here
            at += len(opened) - 1
        elif here == "#":
            opened = "#"
        at += 1
    return opened


def _trailing_expression(text: str) -> str:
    """Return the atom with its attributes, items and calls that *text* ends with."""
    at = len(text)
    while True:
        at = _before_atom(text, at)
        dot = len(text[:at].rstrip())
        if at < 0 or not text[:dot].endswith("."):
            break
        at = dot - 1
    return text[max(at, 0) :]


def _before_atom(text: str, at: int) -> int:
    """Return where the name, text or brackets begin that end at *at*, a call with its name."""
    end = len(text[:at].rstrip())
    while end and text[end - 1] in CLOSING:
        depth = 0
        while end:
            end -= 1
            depth += (text[end] in CLOSING) - (text[end] in OPENING)
            if not depth:
                break
    if end and text[end - 1] in "'\"":
        opened = text.rfind(text[end - 1], 0, end - 1)
        return opened if opened >= 0 else end
    return end - len(_last(WORD, text[:end]))


def _imports(line: str) -> tuple[str, dict[str, str]] | None:
    """Return what is replaced and what may stand at the end of an import statement."""
    if (found := IMPORT_FROM.search(line)) is not None:
        module, word = found[1], found[2]
        owner = module_found(module)
        names = names_of(owner) if owner is not None else set()
        listed = [(name, None) for name in names | set(_submodules(module))]
        return word, _fitting(listed, word, lambda *_: "<unknown>")
    if (found := IMPORT.search(line)) is not None:
        package, word = found[1].rstrip("."), found[2]
        names = set(_submodules(package)) if package else set(_modules())
        return word, dict.fromkeys(sorted(_starting(names, word)), "module")
    return None


def _modules() -> Iterator[str]:
    yield from (name for name in sys.stdlib_module_names if not name.startswith("_"))
    yield from (name for name in tuple(sys.modules) if "." not in name and not name.startswith("_"))
    for folder in tuple(sys.path):
        if type(folder) is str:
            yield from _in_folder(folder or ".")


def _submodules(package: str) -> Iterator[str]:
    """Return the modules in *package*, by what has been imported and by its folder."""
    found = module_found(package)
    start = f"{package}."
    for name in tuple(sys.modules):
        if name.startswith(start):
            yield name[len(start) :].partition(".")[0]
    folders: Any = getattr(found, "value", None)
    kept = vars(folders).get("__path__") if found is not None else None
    for folder in kept if type(kept) is list else ():
        if type(folder) is str:
            yield from _in_folder(folder)


def _in_folder(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name, dot, ending = entry.name.partition(".")
                is_module = ending == "py" or (dot and ending.endswith((".so", "so")))
                if name.isidentifier() and (is_module or (not dot and entry.is_dir())):
                    yield name
    except OSError:
        return
