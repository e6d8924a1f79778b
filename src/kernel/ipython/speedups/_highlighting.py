"""Highlight code without doing the same again, or for nothing.

For each traceback IPython and its helpers derive a style, translate its colours to those of a
terminal, and make a lexer class, whose patterns are put together and compiled: nine tenths of the
time from an exception, or an interrupt, to the error message. All of it depends on the style alone.
What is replaced here is private to those packages. Where it is gone, nothing is replaced, and a
test fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from IPython.core import oinspect

from assay.kernel.process._patches import Kind, patches

__all__ = ["remember_highlighting", "spare_html"]

Range = tuple[int, int]


@cache
def remember_highlighting() -> None:
    """Cache traceback styles from the first traceback on, which imports all this anyway."""
    import stack_data  # noqa: PLC0415 - see the docstring
    from pygments.formatters.terminal256 import Terminal256Formatter  # noqa: PLC0415

    package: Any = stack_data
    _patch(package, "style_with_executing_node", cache)
    core: Any = getattr(package, "core", None)
    if core is not None:
        _patch(core, "_pygmented_with_ranges", lambda _: _highlighter())
    _patch(Terminal256Formatter, "_setup_styles", _remembered)


def _patch(owner: Any, name: str, make: Callable[[Any], object]) -> None:
    patches.patch(
        owner, name, make, kind=Kind.SPEED, reason="a traceback's colours are worked out once"
    )


def _remembered(set_up_styles: Any) -> Any:
    """Return a method like *set_up_styles* that copies what it did for an equal formatter."""
    known: dict[tuple[object, ...], tuple[dict[Any, Any], dict[Any, Any]]] = {}

    def set_up(self: Any) -> None:
        key = (type(self), self.style, self.usebold, self.useunderline, self.useitalic)
        if key in known:
            colors, styles = known[key]
            self.best_match.update(colors)
            self.style_string.update(styles)
            return
        set_up_styles(self)
        if len(known) < MAX_STYLES:
            known[key] = (dict(self.best_match), dict(self.style_string))

    return set_up


MAX_STYLES = 16
"""The limit for programs that make styles by the thousand."""


def _highlighter() -> Any:
    """Return a function that highlights Python code and marks what stands in some ranges."""
    from pygments import highlight  # noqa: PLC0415 - see above
    from pygments.lexers.python import PythonLexer  # noqa: PLC0415

    class MarkingLexer(PythonLexer):  # type: ignore[misc]  # pygments is untyped here
        ranges: Iterable[Range] = ()

        def get_tokens(self, text: str) -> Iterator[tuple[Any, str]]:
            """Mark the type of each token that begins in one of the ranges, in characters."""
            position = 0
            for kind, value in super().get_tokens(text):
                marked = any(start <= position < end for start, end in self.ranges)
                yield kind.ExecutingNode if marked else kind, value
                position += len(value)

    def lines(formatter: Any, code: str, ranges: Iterable[Range]) -> list[str]:
        lexer = MarkingLexer(stripnl=False)
        lexer.ranges = ranges
        try:
            colored: str = highlight(code, lexer, formatter)
        except Exception:  # noqa: BLE001 - better plain code than no traceback
            colored = code
        return colored.splitlines()

    return lines


_is_spared = ContextVar("_is_spared", default=False)
"""True during an inspection, for the thread that inspects: others want their colours."""


@contextmanager
def spare_html() -> Iterator[None]:
    """Switch off the colours of the HTML that IPython makes of what it inspects: it is thrown away.

    Colouring it takes more than half the time of an inspection.
    """
    _make_html_sparing()
    before = _is_spared.set(True)
    try:
        yield
    finally:
        _is_spared.reset(before)


@cache
def _make_html_sparing() -> None:
    def sparing(pylight: Callable[[str], str]) -> Callable[[str], str]:
        return lambda code: code if _is_spared.get() else pylight(code)

    reason = "HTML that an inspection throws away has no colours"
    patches.patch(oinspect, "pylight", sparing, kind=Kind.SPEED, reason=reason)
