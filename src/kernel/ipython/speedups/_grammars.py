"""Grammars that are made when something is parsed by them.

For its first completion jedi asks parso for two grammars, Python's own and the newest that parso
knows. Making each takes 12 ms, and the second is for stubs, which parso mostly finds in its cache.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from assay.kernel.process._import_hooks import after_import
from assay.kernel.process._patches import Kind, patches

__all__ = ["defer_parso_grammars"]


def defer_parso_grammars() -> None:
    """Defer what parso makes of a grammar's text, once parso is imported."""
    after_import("parso.grammar", _replace_generator)


def _replace_generator() -> None:
    module: Any = sys.modules["parso.grammar"]
    # A name that parso does not document; without it nothing is put off.
    patches.patch(
        module,
        "generate_grammar",
        lambda generate: partial(_LateTables, generate),
        kind=Kind.SPEED,
        reason="of two grammars a completion needs one",
    )


class _LateTables:
    """Stands for a parser's tables, and has them made when they are first looked at."""

    def __init__(self, generate: Callable[..., object], *args: object, **kwargs: object) -> None:
        self._make = partial(generate, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_make" not in self.__dict__:
            raise AttributeError(name)
        tables = self._make()
        self.__dict__.update(vars(tables))
        return getattr(tables, name)
