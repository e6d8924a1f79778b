"""Cells that need no transformation, which are let through."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from IPython.core.async_helpers import _should_be_async
from IPython.core.inputtransformer2 import TransformerManager

from assay.kernel.ipython._input import SPECIAL, QuickTransformer, may_await
from assay.transport import Client
from tests.kernel._kernels import execute, result

PIECES = (
    *("a", "pass", "x = 1", "x = ", "f(", ")", "'''", '"', "#", "\\", ":", "if x:", "λ", "await x"),
    *("%", "%%time", "!", "?", "??", ",", ";", "/", ">>>", "...", "...:", "In [1]: ", "[ins] "),
    *(" ", "    ", "\t", "\n", "\n\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\xa0"),
    *("async with x: pass", "[y async for y in x]", "lambda: (yield)", "def f(): await x"),
)
"""What IPython looks for, and what surrounds it."""

pytestmark = [
    # IPython's, of cells whose lines end otherwise; and Python's, of what it compiles.
    pytest.mark.filterwarnings("ignore:.*make_tokens_by_line"),
    pytest.mark.filterwarnings("ignore::SyntaxWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

CELLS = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join)
PLAIN = CELLS.filter(lambda cell: not SPECIAL.search(cell))


@given(CELLS)
@example("a\n  \nb")
@example("x = '''\n\t\n'''")
@example("if x:\n    /f x")
@example("a\x0c%time")
def test_the_quick_way_finds_the_same(cell: str) -> None:
    """Any cell becomes what IPython makes of it."""
    assert QuickTransformer().transform_cell(cell) == TransformerManager().transform_cell(cell)


@given(PLAIN)
def test_a_plain_cell_is_left_alone(cell: str) -> None:
    """IPython changes nothing of a cell that holds nothing special."""
    assert TransformerManager().transform_cell(cell) in {cell, f"{cell}\n"}


@given(CELLS)
def test_a_cell_without_the_words_awaits_nothing(cell: str) -> None:
    """What awaits at its top level has one of the words for it."""
    assert may_await(cell) or not _should_be_async(cell)


def test_the_shell_takes_another_transformer(mine: Client) -> None:
    """The shell's transformer is ours, and a program may put its own in its place."""
    code = (
        "from IPython.core.inputtransformer2 import TransformerManager\n"
        "shell = get_ipython()\n"
        "class Own(TransformerManager):\n"
        "    def transform_cell(self, cell): return super().transform_cell(cell) + '\\nprint(1)'\n"
        "ours, shell.input_transformer_manager = shell.input_transformer_manager, Own()\n"
        "type(ours).__name__"
    )
    assert result(execute(mine, code)) == "'QuickTransformer'"

    assert execute(mine, "x = 1").text() == "1\n"


@pytest.mark.parametrize("kind", ["cleanup_transforms", "line_transforms"])
def test_a_transformation_of_somebodys_own_is_applied(kind: str) -> None:
    """Who adds a transformation sees every cell."""
    transformer = QuickTransformer()
    assert transformer.transform_cell("a") == "a\n"
    getattr(transformer, kind).append(lambda lines: [*lines, "b\n"])

    assert transformer.transform_cell("a") == "a\nb\n"
