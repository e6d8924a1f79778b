"""Event loops of GUI toolkits, which turn in the main thread while the kernel waits.

`Toolkit` is the seam. A module for each toolkit stands beside it, and is imported when a cell asks
for it by name (``%gui qt``); ``docs/gui.md`` says what users see.
"""

from assay.kernel.gui._table import LOOPLESS, NAMES, open_toolkit
from assay.kernel.gui._toolkit import Toolkit, ToolkitError

__all__ = ["LOOPLESS", "NAMES", "Toolkit", "ToolkitError", "open_toolkit"]
