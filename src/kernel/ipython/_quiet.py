"""Parse in any thread without a word about it.

What Python warns of while it compiles goes by the warnings filters, which are those of the whole
process: to change them for a moment, as `codeop` does, may leave them wrong for the code that runs
meanwhile. What is parsed here has file names of its own, and filters that are for those alone.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from contextlib import suppress
from types import CodeType
from typing import Literal

from assay.kernel.ipython._sketch import SHARES_DEPTH, sketch

__all__ = ["allow_provisional", "compile_whole", "forget_filters", "parse_quietly"]

SILENT, STRICT = "<assay looks>", "<assay asks>"
"""What has the one name gives no warning; warnings about the other one's syntax are errors."""

FILTERS: tuple[tuple[Literal["ignore", "error"], type[Warning], str], ...] = (
    ("ignore", Warning, re.escape(SILENT)),
    ("ignore", Warning, re.escape(STRICT)),
    ("error", SyntaxWarning, re.escape(STRICT)),
)

ALLOW_INCOMPLETE_INPUT = 0x4000
DONT_IMPLY_DEDENT = 0x200
"""Flags of Python's compiler, as `codeop` uses them."""

NO_CODE = re.compile(r"(?:\s*(?:#[^\n]*)?(?:\n|\Z))*\Z")


def parse_quietly(code: str, mode: str = "exec") -> ast.AST | None:
    """Return the tree of *code*, or None if it has no syntax that Python knows.

    Where Python's own would harm another thread that parses, it is what `sketch` makes.
    """
    _ensure_filters()
    try:
        return sketch(code, SILENT, mode) if SHARES_DEPTH else ast.parse(code, SILENT, mode)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def compile_whole(source: str, symbol: str = "exec") -> CodeType | None:
    """Return *source* compiled, or None if more may follow; as `codeop` says.

    Raises:
        SyntaxError: what stands there is wrong, whatever follows.
        ValueError: it holds what no code may.
    """
    _ensure_filters()
    if symbol == "exec" and NO_CODE.match(source):
        source = "pass"
    awaiting = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    unfinished = awaiting | DONT_IMPLY_DEDENT | ALLOW_INCOMPLETE_INPUT
    try:
        compile(source, SILENT, symbol, unfinished, dont_inherit=True)
    except SyntaxError:
        try:
            compile(f"{source}\n", SILENT, symbol, unfinished, dont_inherit=True)
        except SyntaxError as error:
            if "incomplete input" in str(error):
                return None
        else:
            return None
    whole: CodeType = compile(source, STRICT, symbol, awaiting, dont_inherit=True)
    return whole


def allow_provisional() -> None:
    """Let IPython's completer be used without `provisionalcompleter`, from now on.

    That puts all filters back when it ends: also where a cell in another thread has changed them
    meanwhile.
    """
    from IPython.core.completer import ProvisionalCompleterWarning  # noqa: PLC0415 - expensive

    if ("ignore", None, ProvisionalCompleterWarning, None, 0) not in tuple(warnings.filters):
        warnings.simplefilter("ignore", ProvisionalCompleterWarning)


def _ensure_filters() -> None:
    # A program may have put others in their place, or back those that were there before.
    present = tuple(warnings.filters)
    for action, category, module in FILTERS:
        if (action, None, category, re.compile(module), 0) not in present:
            warnings.filterwarnings(action, category=category, module=module)


def forget_filters() -> None:
    """Leave the warnings filters to the program as they would be without what is done here."""
    completer = sys.modules.get("IPython.core.completer")
    ours: list[tuple[object, ...]]
    ours = [(action, None, category, re.compile(module), 0) for action, category, module in FILTERS]
    if completer is not None:
        ours.append(("ignore", None, completer.ProvisionalCompleterWarning, None, 0))
    for one in ours:
        with suppress(ValueError):  # not there, or the program has taken it away
            warnings.filters.remove(one)  # type: ignore[attr-defined]  # a list
