"""All rows of the table: import it to run or to list them."""

from __future__ import annotations

from tests.faults import control, hopeless, iopub, questions, shell, start, variations, wire
from tests.faults._table import Row, rows_of

MODULES = (wire, shell, questions, control, iopub, start, variations, hopeless)


def rows() -> tuple[Row, ...]:
    """Return all rows, in the order of the modules."""
    return tuple(row for module in MODULES for row in rows_of(module))


def find(name: str) -> Row:
    """Return the row of a name.

    Raises:
        SystemExit: there is none.
    """
    found = [row for row in rows() if row.name == name]
    if not found:
        raise SystemExit(f"there is no row {name!r}; --list shows them")
    return found[0]
