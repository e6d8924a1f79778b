"""Cells that are plain Python are found out before IPython takes them apart.

IPython tokenizes each cell to look for its own syntax, asks seven objects what a cell of one line
may be short for, and compiles it once more than it needs to learn whether it awaits: a quarter of
the time of a small cell. All is spared where the text holds none of the characters, names or words
that the answer depends on.
"""

from __future__ import annotations

import re
from operator import attrgetter
from typing import Any

from IPython.core import prefilter
from IPython.core.autocall import IPyAutocall
from IPython.core.inputtransformer2 import TransformerManager
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.macro import Macro

__all__ = ["PrefilterManager", "QuickTransformer", "is_python", "may_await"]

SPECIAL = re.compile(
    r"""
      [%!?]                             # magics, commands, help
    | ^[ \t]*[,;/]                      # quoting and calling at the beginning of a line
    | >>> | \.\.\. | In[ ]\[            # prompts that were pasted
    | \A\s                              # leading empty lines and indentation
    | ^[^\S\n]+$                        # lines of white space, which are emptied
    | [\r\v\f\x1c-\x1e\x85\u2028\u2029] # other ends of lines
    """,
    re.VERBOSE | re.MULTILINE,
)
"""What a cell must hold for any of IPython's own transformations to change it."""

FIRST_NAME = re.compile(r"(?![\s,;/%!?])[\w.*]*")
"""What a line without IPython's own syntax may be a short command by."""

_of_transformer = attrgetter("do_token_transforms", "do_one_token_transform")
_of_filters = attrgetter("prefilter_line", "prefilter_line_info", "find_handler", "transform_line")
_of_checker = attrgetter("check")
"""They return the methods of IPython's that a plain cell goes through: a program may have replaced
one, in an object or in its class."""

SHELLS_OWN = InteractiveShell.transform_cell


class QuickTransformer(TransformerManager):  # type: ignore[misc]  # IPython is untyped here
    """A `TransformerManager` that finds the same sooner."""

    def __init__(self) -> None:
        super().__init__()
        self._own = self._present()

    def transform_cell(self, cell: str) -> str:
        """Return *cell* as Python, with a line end."""
        if self.is_python(cell):
            return cell if cell.endswith("\n") else f"{cell}\n"
        transformed: str = super().transform_cell(cell)
        return transformed

    def is_python(self, cell: str) -> bool:
        """Return True if *cell* certainly is Python as it stands, whatever it consists of.

        And if it is IPython alone that transforms cells.
        """
        return not SPECIAL.search(cell) and self.is_plain

    @property
    def is_plain(self) -> bool:
        """True if it transforms cells as IPython does, and nothing else has been added."""
        return self._present() == self._own

    def _present(self) -> list[object]:
        return [
            *self.cleanup_transforms,
            *self.line_transforms,
            *self.token_transformers,
            TransformerManager.transform_cell,
            *_of_transformer(self),
        ]


class PrefilterManager(prefilter.PrefilterManager):  # type: ignore[misc]  # IPython is untyped here
    """IPython's, which finds the same sooner.

    It looks at cells of one line: an automatic magic, a macro, a function that is called without
    parentheses. Its name is IPython's, which is what ``%config`` knows it by.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._own = self._present()

    def prefilter_lines(self, lines: str, continue_prompt: bool = False) -> str:
        """Return *lines*, a line with or without its end, as Python without a line end."""
        line = lines.removesuffix("\n")
        if self.is_python(self.shell, line):
            return line
        filtered: str = super().prefilter_lines(lines, continue_prompt)
        return filtered

    def is_python(self, shell: Any, line: str) -> bool:
        """Return True if *line* certainly is no short command, and note it as the last line."""
        found = FIRST_NAME.match(line)
        if found is None or "\n" in line or shell.autocall or self._present() != self._own:
            return False
        name = found[0]
        if isinstance(shell.user_ns.get(name), (Macro, IPyAutocall)):
            return False
        magics = shell.magics_manager
        if name in magics.magics["line"] or name in magics.lazy_magics:
            return False
        shell._last_input_line = line
        return True

    def _present(self) -> tuple[object, ...]:
        handlers = dict(self.handlers)
        return (
            [*self.transformers, *map(_of_checker, self.checkers)],
            handlers,
            getattr(handlers.get("normal"), "handle", None),
            prefilter.PrefilterManager.prefilter_lines,
            _of_filters(self),
        )


def is_python(shell: Any, cell: str) -> bool:
    """Return True if *cell* certainly is Python to *shell* as it stands, but for its last line end.

    What a program has put in the place of what looks at it may find anything in it.
    """
    # A trait, which has no value before it is first asked for, and is read so in half the time.
    transformer = shell._trait_values.get("input_transformer_manager")
    filters = shell.prefilter_manager
    is_ours = type(transformer) is QuickTransformer and type(filters) is PrefilterManager
    if not is_ours or InteractiveShell.transform_cell is not SHELLS_OWN:
        return False
    if "transform_cell" in vars(transformer) or "prefilter_lines" in vars(filters):
        return False
    if not transformer.is_python(cell):
        return False
    line = cell.removesuffix("\n")
    return "\n" in line or filters.is_python(shell, line)


def may_await(cell: str) -> bool:
    """Return False if *cell*, Python code, certainly awaits nothing at its top level."""
    return "await" in cell or "async" in cell
