"""The kernel: dispatch, handlers, output, and IPython behind a seam.

`main` runs it. `Kernel` and `Interpreter` are for authors of kernels for other languages.
"""

from __future__ import annotations

from assay.kernel._main import main

__all__ = ["main"]
