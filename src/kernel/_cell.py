"""A cell, as an interpreter gets it, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from attrs import field, frozen

from assay._value import Value

if TYPE_CHECKING:
    from assay.protocol import Json, JsonObject

__all__ = ["Cell", "Executed", "Failed", "Succeeded"]


@frozen(kw_only=True, eq=False, repr=False)
class Cell(Value):
    """What an interpreter is to run."""

    code: str
    number: int
    """What its results are numbered with: its own if it is stored, else the last one (AMB-07)."""
    silent: bool
    store_history: bool
    user_expressions: Mapping[str, str]
    metadata: Mapping[str, Json] = field(factory=dict)
    """The request's metadata."""

    cell_id: str | None = None
    """The notebook cell's id, where the client tells it (AMB-70)."""


@frozen(kw_only=True, eq=False, repr=False)
class Succeeded(Value):
    """The cell ran to its end."""

    user_expressions: Mapping[str, JsonObject] = field(factory=dict)
    payload: tuple[JsonObject, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class Failed(Value):
    """The cell raised, or was interrupted.

    The kernel publishes the `Error`, unless the interpreter has done so where it happened.
    """

    ename: str
    evalue: str
    traceback: tuple[str, ...]
    payload: tuple[JsonObject, ...] = ()
    """What the cell had asked the client for before (S-056, AMB-04)."""


Executed: TypeAlias = Succeeded | Failed
