"""Cells that need no transformation, which are let through."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from IPython.core.async_helpers import _should_be_async
from IPython.core.inputtransformer2 import TransformerManager

from assay.kernel.ipython.speedups._input import SPECIAL, QuickTransformer, may_await
from assay.transport import Client
from tests.kernel._kernels import execute, failed, result

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
@example("")
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


def test_an_empty_cell_is_not_taken_apart() -> None:
    """It goes the quick way: IPython's own steps are not asked."""
    transformer = QuickTransformer()
    steps = "IPython.core.inputtransformer2.make_tokens_by_line"
    with patch(steps, side_effect=AssertionError):
        assert transformer.transform_cell("") == "\n"


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


FIRST = ("", "a", "pass", "ls", "cd", "mac", "exit", "quit", "who.x", "autoreload", "1", "λ", "*")
REST = ("", " ", " b", "=1", "(1)", ", b", ".b", "+1", " +1", "[0]", "'s'", ";", "\n", "\nx")
BEFORE = ("", " ", "\t", ";", ",", "/", "%", "%%", "!", "?", "\x0c", "\xa0")

COMPARE_PREFILTERS = f"""
from IPython.core import prefilter
shell = get_ipython()
shell.define_macro("mac", "x = 1\\ny = 2")
ours, theirs = shell.prefilter_manager, prefilter.PrefilterManager(shell=shell)
differences = []
for shell.autocall in (0, 1, 2):
    for shell.automagic in (True, False):
        for before in {BEFORE}:
            for first in {FIRST}:
                for rest in {REST}:
                    line = before + first + rest
                    found = []
                    for manager in (ours, theirs):
                        filtered = manager.prefilter_lines(line)
                        found.append((filtered, shell._last_input_line))
                    if found[0] != found[1]:
                        differences.append((line, found))
shell.autocall, shell.automagic = 0, True
type(ours) is not type(theirs), differences
"""


def test_a_line_is_short_for_the_same(mine: Client) -> None:
    """Macros, automatic magics and calls without parentheses are seen, and nothing else is."""
    assert result(execute(mine, COMPARE_PREFILTERS)) == "(True, [])"


LINES = (
    "",
    "\\n",
    "a\\n",
    "a\\nb",
    "if a:\\n    b\\n",
    "a\\n\\n",
    "%who\\n",
    "mac\\n",
    "mac\\na",
    "a\\x0cb",
    "x = !ls\\n",
)
"""Cells of one line and of several, with and without an end, as they stand in a cell's source."""

COMPARE_SHELLS = f"""
from IPython.core.interactiveshell import InteractiveShell
from assay.kernel.ipython.speedups._input import is_python
shell = get_ipython()
shell.define_macro("mac", "x = 1\\ny = 2")
def both(cell):
    for transform in (shell.transform_cell, lambda c: InteractiveShell.transform_cell(shell, c)):
        shell._last_input_line = "another"
        yield transform(cell), shell._last_input_line
cells = [before + first + rest for before in {BEFORE} for first in {FIRST} for rest in {REST}]
cells += {LINES}
different = []
for cell in cells:
    ours, theirs = both(cell)
    if ours != theirs:
        different.append((cell, ours, theirs))
different, sum(is_python(shell, cell) for cell in cells) > 100
"""


def test_a_cell_becomes_what_ipython_makes_of_it(mine: Client) -> None:
    """The short way of the shell finds the same, also of what it notes as the last line."""
    assert result(execute(mine, COMPARE_SHELLS)) == "([], True)"


@pytest.mark.parametrize(
    ("add", "remove"),
    [
        (
            "shell.input_transformers_post.append(lambda lines: ['print(1)\\n', *lines])",
            "shell.input_transformers_post.clear()",
        ),
        (
            "shell.input_transformer_manager.transform_cell = lambda cell: 'print(1)\\n' + cell",
            "del shell.input_transformer_manager.transform_cell",
        ),
        (
            "shell.prefilter_manager.prefilter_lines = lambda lines, _=0: 'print(1)'",
            "del shell.prefilter_manager.prefilter_lines",
        ),
    ],
    ids=["post", "transformer", "prefilter"],
)
def test_what_a_program_puts_in_the_way_of_a_cell_is_asked(
    mine: Client, add: str, remove: str
) -> None:
    """Each cell goes through it, until it is taken away."""
    execute(mine, f"shell = get_ipython()\nx = 1\n{add}")
    assert execute(mine, "x = 1").text() == "1\n"

    execute(mine, f"x = 2\n{remove}\nx = 3")
    assert execute(mine, "x = 1").text() == ""


REPLACED = """
from unittest.mock import patch
from IPython.core import formatters
from IPython.core.inputtransformer2 import TransformerManager
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.prefilter import PrefilterManager
shell = get_ipython()
filters, transformer = shell.prefilter_manager, shell.input_transformer_manager
def replace(owner, name):
    def seen(*args, old=getattr(owner, name), **keys):
        print(1)
        return old(*args, **keys)
    return patch.object(owner, name, seen)
replaced = [
    replace(InteractiveShell, "transform_cell"),
    replace(shell, "transform_cell"),
    replace(TransformerManager, "transform_cell"),
    replace(TransformerManager, "do_token_transforms"),
    replace(transformer, "do_one_token_transform"),
    replace(PrefilterManager, "prefilter_lines"),
    replace(PrefilterManager, "prefilter_line"),
    replace(filters, "prefilter_line_info"),
    replace(filters, "find_handler"),
    replace(filters, "transform_line"),
    replace(next(c for c in filters.checkers if type(c).__name__ == "AssignmentChecker"), "check"),
    replace(type(filters.handlers["normal"]), "handle"),
    replace(shell.builtin_trap, "add_builtin"),
    replace(type(shell.builtin_trap), "remove_builtin"),
    replace(shell, "user_expressions"),
    replace(shell.payload_manager, "read_payload"),
    replace(formatters.DisplayFormatter, "format"),
    replace(formatters.PlainTextFormatter, "__call__"),
]
len(replaced)
"""


def test_what_a_program_replaces_in_ipython_is_called(mine: Client) -> None:
    """In an object or in its class, for a cell that needs none of it; until it is put back."""
    count = int(str(result(execute(mine, REPLACED))))

    for index in range(count):
        execute(mine, f"replaced[{index}].start()\nNone")
        assert "1\n" in execute(mine, "7").text(), index
        execute(mine, f"replaced[{index}].stop()\nNone")
        assert execute(mine, "7").text() == "", index


def test_transformers_are_a_trait_of_the_shell(mine: Client) -> None:
    """What is no list is refused at once, and not by each cell that follows (as IPython does)."""
    refused = execute(mine, "get_ipython().input_transformers_post = 5")

    assert failed(refused).ename == "TraitError"
    assert result(execute(mine, "6 * 7")) == "42"


BUILTINS = """
import builtins, sys
shell = get_ipython()
def seen(*names):
    return *(hasattr(builtins, name) for name in names), sys.displayhook is shell.displayhook
inside = seen("get_ipython", "exit")
outside = []
def look(*_):
    if shell.display_trap.is_active or hasattr(builtins, "get_ipython"):
        return
    outside.append(seen("exit"))
shell.events.register("post_execute", look)
shell.run_cell("y = 1")
nested = seen("get_ipython")
"""


def test_names_are_among_the_builtins_in_a_cell_alone(mine: Client) -> None:
    """Also where a cell runs another one; what was there before is there again behind it."""
    execute(mine, BUILTINS)
    found = result(execute(mine, "inside, nested, outside[-1]"))
    execute(mine, "shell.events.unregister('post_execute', look)")

    assert found == "((True, False, True), (True, True), (True, False))"


def test_a_checker_of_somebodys_own_sees_each_line(mine: Client) -> None:
    """What a program adds to IPython's prefilter is asked."""
    code = (
        "from IPython.core.prefilter import PrefilterChecker\n"
        "class Own(PrefilterChecker):\n"
        "    def check(self, info): print('seen', info.line)\n"
        "shell = get_ipython()\n"
        "Own(shell=shell, prefilter_manager=shell.prefilter_manager) and None"
    )
    execute(mine, code)

    assert execute(mine, "x = 1").text() == "seen x = 1\n"


def test_short_commands_still_work(mine: Client) -> None:
    """A macro, an automatic magic and an alias are run where they are the cell's only line."""
    define = "get_ipython().define_macro('twice', 'print(1)\\nprint(2)')"
    execute(mine, f"{define}\n%alias say echo said")

    assert execute(mine, "twice").text() == "1\n2\n"
    assert execute(mine, "automagic").text().startswith("\nAutomagic is OFF")
    assert execute(mine, "%automagic").text().startswith("\nAutomagic is ON")
    assert execute(mine, "say so").text().strip() == "said so"
