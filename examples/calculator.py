"""A kernel for a language of one line: arithmetic. The template for a kernel of your own.

    python examples/calculator.py -f CONNECTION_FILE

Everything the protocol demands (sockets, signatures, busy and idle, the counter, aborted queues,
interrupts, shutdown) is the kernel's; what stands here is the language.

    1 + 2 * 3          a result
    r = 2              a name for a value
    r * r * pi         names in use
    # anything         a comment
"""

from __future__ import annotations

import ast
import math
import operator
import re
import sys
from collections.abc import Callable

from assay.kernel import Cell, Executed, Failed, Host, Succeeded, serve
from assay.protocol import (
    CommClose,
    CommInfoReply,
    CommMsg,
    CommOpen,
    CompleteReply,
    Error,
    ExecuteResult,
    HistoryReply,
    HistoryRequest,
    InspectReply,
    IsCompleteReply,
    JsonObject,
    KernelInfoReply,
    LanguageInfo,
    Message,
)

INFO = KernelInfoReply(
    implementation="calculator",
    implementation_version="1.0",
    banner="A calculator. Names, numbers, + - * / ** and brackets.\n",
    language_info=LanguageInfo(
        name="arithmetic", version="1.0", mimetype="text/x-arithmetic", file_extension=".calc"
    ),
)

OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
ASSIGNMENT = re.compile(r"\s*([A-Za-z_]\w*)\s*=(?!=)(.*)", re.DOTALL)
WORD = re.compile(r"\w*\Z")


class CalculationError(Exception):
    """What was typed is no arithmetic."""


class Calculator:
    """The language, behind the seam that `assay.kernel.Interpreter` describes."""

    _host: Host

    def __init__(self) -> None:
        self._names: dict[str, float] = {"pi": math.pi, "e": math.e}
        self._cells: list[tuple[str, str | None]] = []

    def attach(self, host: Host) -> None:
        """Work for the kernel of *host*."""
        self._host = host

    @property
    def execution_count(self) -> int:
        """The number of the newest stored cell."""
        return len(self._cells)

    def is_blank(self, code: str) -> bool:
        """Return True if there is nothing to calculate."""
        return not _without_comment(code)

    def execute(self, cell: Cell) -> Executed:
        """Calculate; publish the result or the error."""
        shown: str | None = None
        try:
            value = self._run(cell.code)
        except (CalculationError, ArithmeticError) as error:
            return self._fail(cell, error)
        if value is not None:
            shown = f"{value:g}"
            self._host.publish(
                ExecuteResult(execution_count=cell.number, data={"text/plain": shown})
            )
        if cell.store_history:
            self._cells.append((cell.code, shown))
        return Succeeded(
            user_expressions={n: self._expression(e) for n, e in cell.user_expressions.items()}
        )

    def complete(self, code: str, cursor_pos: int) -> CompleteReply:
        """Complete a name."""
        found = WORD.search(code[:cursor_pos])
        start = found.start() if found else cursor_pos
        matches = tuple(n for n in sorted(self._names) if n.startswith(code[start:cursor_pos]))
        return CompleteReply(matches=matches, cursor_start=start, cursor_end=cursor_pos)

    def inspect(self, code: str, cursor_pos: int, detail_level: int) -> InspectReply:  # noqa: ARG002
        """Tell the value of a name."""
        words = (m for m in re.finditer(r"\w+", code) if m.start() <= cursor_pos <= m.end())
        name = next((m.group() for m in words), "")
        if name not in self._names:
            return InspectReply(found=False)
        return InspectReply(found=True, data={"text/plain": f"{name} = {self._names[name]:g}"})

    def is_complete(self, code: str) -> IsCompleteReply:
        """Ask for more while a bracket is open."""
        if code.count("(") > code.count(")"):
            return IsCompleteReply(status="incomplete", indent="    ")
        try:
            self._parse(code)
        except CalculationError:
            return IsCompleteReply(status="invalid")
        return IsCompleteReply(status="complete")

    def history(self, request: HistoryRequest) -> HistoryReply:
        """Return the newest cells, whatever kind of access was asked for."""
        count = request.n if isinstance(request.n, int) else len(self._cells)
        numbered = list(enumerate(self._cells, 1))[-count:] if count else []
        return HistoryReply(
            history=tuple(
                (1, number, (code, result) if request.output else code)
                for number, (code, result) in numbered
            )
        )

    def comm(self, message: Message[CommOpen | CommMsg | CommClose]) -> None:
        """Close what is opened: there are no targets (COMM-03)."""
        if isinstance(message.content, CommOpen):
            self._host.publish(CommClose(comm_id=message.content.comm_id))

    def comm_info(self, target_name: str | None) -> CommInfoReply:  # noqa: ARG002 - the seam's
        """List no comms."""
        return CommInfoReply()

    def close(self) -> None:
        """Free nothing."""

    def _run(self, code: str) -> float | None:
        text = _without_comment(code)
        if not text:
            return None
        assignment = ASSIGNMENT.fullmatch(text)
        if assignment is None:
            return self._value(self._parse(text))
        self._names[assignment[1]] = self._value(self._parse(assignment[2]))
        return None

    def _parse(self, code: str) -> ast.expr:
        assignment = ASSIGNMENT.fullmatch(code)
        text = _without_comment(assignment[2] if assignment else code)
        try:
            return ast.parse(text or "0", mode="eval").body
        except (SyntaxError, ValueError) as error:
            raise CalculationError(f"this is no arithmetic: {text}") from error

    def _value(self, node: ast.expr) -> float:
        match node:
            case ast.Constant(value=int() | float() as value):
                return value
            case ast.Name(id=name) if name in self._names:
                return self._names[name]
            case ast.Name(id=name):
                raise CalculationError(f"there is no {name}")
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._value(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return OPERATORS[type(op)](self._value(left), self._value(right))
        raise CalculationError(f"this is no arithmetic: {ast.unparse(node)}")

    def _expression(self, text: str) -> JsonObject:
        try:
            value = self._run(text)
        except (CalculationError, ArithmeticError) as error:
            name = type(error).__name__
            return {"status": "error", "ename": name, "evalue": str(error), "traceback": []}
        return {"status": "ok", "data": {"text/plain": f"{value:g}"}, "metadata": {}}

    def _fail(self, cell: Cell, error: Exception) -> Failed:
        if cell.store_history:
            self._cells.append((cell.code, None))
        name, text = type(error).__name__, str(error)
        shown = Error(ename=name, evalue=text, traceback=(f"{name}: {text}",))
        self._host.publish(shown)
        return Failed(ename=name, evalue=text, traceback=shown.traceback)


def _without_comment(code: str) -> str:
    return code.partition("#")[0].strip()


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1:], INFO, lambda _: Calculator()))
