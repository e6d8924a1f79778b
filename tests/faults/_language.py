"""The language of the kernels here: a few calls, names, numbers, text and JSON.

| code                             | does                                                         |
|----------------------------------|--------------------------------------------------------------|
| `print("a")`, `warn("a")`        | writes to stdout, to stderr                                  |
| `raise("ValueError", "text")`    | raises                                                       |
| `x = 5`, `x`, `x + 1`            | defines, uses; a last expression is the result of the cell   |
| `display({"text/plain": "a"})`   | displays; a second argument is the display id                |
| `update({…}, "id")`              | updates a display; `clear(true)` clears the output           |
| `input("? ")`, `password("? ")`  | asks                                                         |
| `loop()`, `sleep(5)`             | works for ever, sleeps; both can be interrupted              |
| `target("t")`, `target("t", "raise")` | registers a comm target that echoes, or raises          |
| `open("t", {…})`, `close("id")`  | opens and closes a comm                                      |
| `page("text")`                   | a payload; so does `next("code")`                            |
| `flood(1000)`                    | writes that many lines, each in a message of its own         |
| `later("text")`                  | writes from a thread when the cell has ended                 |
| `magic text`                     | is changed to `print("text")`                                |

Statements end with a line or a semicolon; `#` begins a comment; an open bracket goes on in the next
line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

TOKEN = re.compile(
    r"""(?P<blank>[ \t\r]+|\#[^\n]*)
    |(?P<end>[\n;])
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<name>[^\W\d]\w*)
    |(?P<sign>[()=,+*/-])""",
    re.VERBOSE,
)
JSON_START = '"{['
MAGIC = re.compile(r"^magic (.*)$", re.MULTILINE)
WORDS: Mapping[str, object] = {"true": True, "false": False, "none": None}
NAME = re.compile(r"[^\W\d]\w*")


class LanguageError(Exception):
    """An exception of the user's code: its name, its text."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name
        self.text = text


class IncompleteError(Exception):
    """The code ends within a bracket or a text."""


class Token(NamedTuple):
    """A piece of code, and the number of its line, from 1."""

    kind: str
    value: object
    line: int


class Statement(NamedTuple):
    """An expression, the name that it is given, if any, and its line."""

    target: str | None
    tokens: list[Token]
    line: int


Call = Callable[[list[object]], object]


class Nothing:
    """What a call returns that has no result."""


NOTHING = Nothing()


def transform(code: str) -> str:
    """Return the code as it is run: a magic line has become a call."""
    return MAGIC.sub(lambda found: f"print({json.dumps(found[1])})", code)


def tokens(code: str) -> list[Token]:
    """Return the tokens of *code*.

    Raises:
        IncompleteError: a text or a JSON value does not end.
        LanguageError: a character has no meaning.
    """
    made, at, line = [], 0, 1
    while at < len(code):
        start = at
        if code[at] in JSON_START:
            value, at = _json(code, at)
            made.append(Token("json", value, line))
        else:
            found = TOKEN.match(code, at)
            if found is None:
                raise LanguageError("SyntaxError", f"{code[at]!r} has no meaning")
            at = found.end()
            kind = str(found.lastgroup)
            if kind != "blank":
                made.append(Token(kind, found[0], line))
        line += code.count("\n", start, at)
    return made


def _json(code: str, at: int) -> tuple[object, int]:
    try:
        value, end = json.JSONDecoder(strict=False).raw_decode(code, at)
    except json.JSONDecodeError as error:
        if error.pos >= len(code.rstrip()) or "Unterminated" in error.msg:
            raise IncompleteError from error
        raise LanguageError("SyntaxError", error.msg) from error
    return value, end


def statements(code: str) -> list[Statement]:
    """Return the statements of *code*.

    Raises:
        IncompleteError: a bracket is open at the end.
        LanguageError: the code makes no sense.
    """
    lines: list[list[Token]] = [[]]
    depth = 0
    for token in tokens(transform(code)):
        depth += {"(": 1, ")": -1}.get(str(token.value), 0) if token.kind == "sign" else 0
        if depth < 0:
            raise LanguageError("SyntaxError", "a bracket closes that was not open")
        if token.kind != "end":
            lines[-1].append(token)
        elif depth == 0:
            lines.append([])
    if depth:
        raise IncompleteError
    return [_statement(line) for line in lines if line]


def _statement(line: list[Token]) -> Statement:
    match line:
        case [Token("name", str(name), number), Token("sign", "=", _), *rest] if rest:
            made = Statement(name, rest, number)
        case _:
            made = Statement(None, line, line[0].line)
    if _end_of_sum(made.tokens, 0) != len(made.tokens):
        raise LanguageError("SyntaxError", "the statement makes no sense")
    return made


def _end_of_sum(line: list[Token], at: int) -> int:
    """Return where the expression that begins at *at* ends."""
    at = _end_of_value(line, at)
    while at < len(line) and line[at].value in {"+", "-", "*", "/"} and line[at].kind == "sign":
        at = _end_of_value(line, at + 1)
    return at


def _end_of_value(line: list[Token], at: int) -> int:
    if at >= len(line):
        raise LanguageError("SyntaxError", "a value is missing")
    if line[at].kind == "sign":
        raise LanguageError("SyntaxError", f"{line[at].value} stands for no value")
    if not (line[at].kind == "name" and _is_sign(line, at + 1, "(")):
        return at + 1
    at += 2
    while not _is_sign(line, at, ")"):
        at = _end_of_sum(line, at)
        if _is_sign(line, at, ","):
            at += 1
        elif not _is_sign(line, at, ")"):
            raise LanguageError("SyntaxError", "a comma is missing")
    return at + 1


def _is_sign(line: list[Token], at: int, sign: str) -> bool:
    return at < len(line) and line[at].kind == "sign" and line[at].value == sign


class Evaluator:
    """Evaluate expressions against names and calls."""

    def __init__(self, names: dict[str, object], calls: Mapping[str, Call]) -> None:
        self.names = names
        self.calls = calls

    def statement(self, statement: Statement) -> object:
        """Run a statement and return its value, `NOTHING` if it has none."""
        value, _ = self._sum(statement.tokens, 0)
        if statement.target is None:
            return value
        self.names[statement.target] = value
        return NOTHING

    def _sum(self, line: list[Token], at: int) -> tuple[object, int]:
        value, at = self._value(line, at)
        while at < len(line) and line[at].kind == "sign" and line[at].value in {"+", "-", "*", "/"}:
            other, end = self._value(line, at + 1)
            value, at = combine(str(line[at].value), value, other), end
        return value, at

    def _value(self, line: list[Token], at: int) -> tuple[object, int]:
        token = line[at]
        if token.kind == "json":
            return token.value, at + 1
        if token.kind == "number":
            text = str(token.value)
            return (float(text) if "." in text else int(text)), at + 1
        if _is_sign(line, at + 1, "("):
            return self._call(line, at)
        return self._name(str(token.value)), at + 1

    def _call(self, line: list[Token], at: int) -> tuple[object, int]:
        name = str(line[at].value)
        values: list[object] = []
        at += 2
        while not _is_sign(line, at, ")"):
            value, at = self._sum(line, at)
            values.append(value)
            at += _is_sign(line, at, ",")
        call = self.calls.get(name)
        if call is None:
            raise LanguageError("NameError", f"there is no call {name}")
        return call(values), at + 1

    def _name(self, name: str) -> object:
        if name in self.names:
            return self.names[name]
        if name in WORDS:
            return WORDS[name]
        raise LanguageError("NameError", f"the name {name} is not defined")


def combine(sign: str, left: object, right: object) -> object:
    """Return the sum, the difference, the product or the quotient."""
    if sign == "+" and isinstance(left, str) and isinstance(right, str):
        return left + right
    if sign == "*" and isinstance(left, str) and isinstance(right, int):
        return left * right
    if not (isinstance(left, int | float) and isinstance(right, int | float)):
        raise LanguageError("TypeError", f"{show(left)} {sign} {show(right)} makes no sense")
    match sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _ if right == 0:
            raise LanguageError("ZeroDivisionError", "division by zero")
        case _:
            return left / right


def show(value: object) -> str:
    """Return how a value is shown: as JSON."""
    return json.dumps(value, ensure_ascii=False)


def is_complete(code: str) -> str:
    """Return `complete`, `incomplete` or `invalid`."""
    try:
        statements(code)
    except IncompleteError:
        return "incomplete"
    except LanguageError:
        return "invalid"
    return "complete"


def name_before(code: str, cursor: int) -> int:
    """Return where the name begins that ends at *cursor*."""
    start = cursor
    while start and (code[start - 1].isalnum() or code[start - 1] == "_"):
        start -= 1
    return start


def name_at(code: str, cursor: int) -> str:
    """Return the name that *cursor* is in, behind, or in the call brackets of."""
    for found in NAME.finditer(code):
        if found.start() <= cursor <= found.end():
            return found[0]
    before = code[:cursor].rstrip("() \t")
    found_last = list(NAME.finditer(before))
    return found_last[-1][0] if found_last and found_last[-1].end() == len(before) else ""
