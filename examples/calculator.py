"""A kernel for arithmetic, in sixty lines: ``python examples/calculator.py -f CONNECTION_FILE``."""

import ast
import math
import sys
from operator import add, mul, sub, truediv
from operator import pow as power

from assay.kernel import Cell, CellError, Completeness, Language

OPERATORS = {ast.Add: add, ast.Sub: sub, ast.Mult: mul, ast.Div: truediv, ast.Pow: power}


class Calculator(Language):
    """Numbers, names, + - * / ** and brackets; ``r = 2`` names a value, # begins a comment."""

    name, file_extension, implementation = "arithmetic", ".calc", "calculator"
    errors = (ArithmeticError, SyntaxError)

    def start(self) -> None:
        self.names = {"pi": math.pi, "e": math.e}

    def execute(self, cell: Cell) -> str | None:
        name, is_assignment, code = cell.code.partition("#")[0].partition("=")
        if is_assignment:
            self.names[name.strip()] = self.value(code)
        return None if is_assignment or not name.strip() else self.evaluate(name)

    def evaluate(self, expression: str) -> str:
        return f"{self.value(expression):g}"

    def complete(self, code: str, cursor_pos: int) -> list[str]:
        return sorted(self.names)

    def inspect(self, code: str, cursor_pos: int, detail_level: int) -> str | None:
        name = self.word_at(code, cursor_pos)
        return f"{name} = {self.names[name]:g}" if name in self.names else None

    def is_complete(self, code: str) -> Completeness:
        try:
            ast.parse(code.partition("#")[0].rpartition("=")[2].strip())
        except (SyntaxError, ValueError):
            return "incomplete" if code.count("(") > code.count(")") else "invalid"
        return "complete"

    def value(self, code: str | ast.expr) -> float:
        match ast.parse(code.strip(), mode="eval").body if isinstance(code, str) else code:
            case ast.Constant(value=int() | float() as value):
                return value
            case ast.Name(id=name) if name in self.names:
                return self.names[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.value(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return float(OPERATORS[type(op)](self.value(left), self.value(right)))
        raise CellError("CalculationError", f"this has no value: {code}")


if __name__ == "__main__":
    sys.exit(Calculator.main())
