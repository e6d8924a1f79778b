"""Trees made of tokens: the same is found in them as in Python's, in memory."""

from __future__ import annotations

import ast
import sys

import pytest

from assay.kernel.ipython._looking import Found, bound_in, evaluate
from assay.kernel.ipython._sketch import sketch

pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="it reads the tokens and constants of Python 3.11"
)

NAMESPACE = {"listed": [1], "nested": {"a": {"b": "text"}}, "text": "t", "self": ast}

PROGRAM = """
import os.path as p, sys, json.decoder
from os import (getpid as g,
  sep,)
from . import near
one = [1, 2]; two = 3
typed: int = 3
first = second = 4
joined = "a" 'b'
formatted = f"{one}"
@decorated
def outer(param, *rest, k=1, **kw) -> int:
    inner = {"a": 1}; other = {1, 2}
    for i, (j, q) in one: pass
    with open("x") as opened: pass
    try: pass
    except ValueError as error: pass
async def co(): pass
class K(object):
    part = nested["a"]["b"]
if (walrus := 3): pass
short = lambda u: 1
pair = 1, 2
empty, parted = (), (one)
made = (c for c in one)
below = -1
real = listed[0].real
one[0] = two
one.attribute = 4
total = one + two
"""


def test_a_program_binds_the_same() -> None:
    """Each name that Python's tree binds is bound, and to the same."""
    known = bound_in(sketch(PROGRAM, "<test>", "exec"), NAMESPACE)

    assert known == bound_in(ast.parse(PROGRAM), NAMESPACE)


EXPRESSIONS = [
    "listed", "listed[0]", "listed[-1].real", "nested['a']['b']", "nested", "'x' 'y'", "b'x'",
    "f'{x}'", "1.5", "[1][0]", "{}", "{1: 2}", "{1, 2}", "{**nested}", "()", "(1, 2)", "(listed)",
    "(c for c in listed)", "[c for c in listed]", "str()", "int('1').real", "lambda: 1", "-3",
    "not text", "listed + listed", "text if text else 1", "True", "None", "... ", "self.parse",
    "(\nlisted\n)[0]", "nowhere.x", "listed[0:1]", "'('", "listed [ 0 ]",
]  # fmt: skip


@pytest.mark.parametrize("code", EXPRESSIONS)
def test_an_expression_stands_for_the_same(code: str) -> None:
    """What can be known of it is the same as by Python's tree."""
    assert _found(sketch(code, "<test>", "eval")) == _found(ast.parse(code, mode="eval"))


def _found(tree: ast.AST) -> Found | None:
    assert isinstance(tree, ast.Expression)
    return evaluate(tree.body, {}, NAMESPACE)


@pytest.mark.parametrize("code", ["1 +", "listed[", "'", "x = 1", ""])
def test_no_expression_is_an_error(code: str) -> None:
    """Python's own."""
    with pytest.raises(SyntaxError):
        sketch(code, "<test>", "eval")
