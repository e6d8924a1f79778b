"""The smallest kernel: a cell gives back what stands in it.

python examples/echo.py -f CONNECTION_FILE
"""

import sys

from assay.kernel import Cell, Language


class Echo(Language):
    """A language in which everything is its own value."""

    name = "echo"

    def execute(self, cell: Cell) -> str:
        """Return the code."""
        return cell.code


if __name__ == "__main__":
    sys.exit(Echo.main())
