"""Whether code can be run as it stands, found out in any thread.

IPython's own answer changes the warnings filters for a moment, which are those of the whole
process. So its function runs here with a compiler that changes nothing.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from types import FunctionType
from typing import Any

from IPython.core import inputtransformer2

from assay import protocol
from assay.kernel.ipython._answers import is_complete_reply
from assay.kernel.ipython._quiet import compile_whole
from assay.kernel.ipython.speedups._input import QuickTransformer

__all__ = ["is_whole"]


class _NoWarnings:
    """Stands for the module `warnings` where its filters must stay as they are."""

    @staticmethod
    def catch_warnings() -> AbstractContextManager[None]:
        """Change nothing."""
        return nullcontext()

    @staticmethod
    def simplefilter(*_: object) -> None:
        """Change nothing."""


_check_quietly = FunctionType(
    inputtransformer2.TransformerManager.check_complete.__code__,
    {**vars(inputtransformer2), "warnings": _NoWarnings, "compile_command": compile_whole},
)
"""IPython's ``check_complete``, which changes nothing."""


def is_whole(manager: Any, code: str) -> protocol.IsCompleteReply:
    """Return the answer to is_complete_request for *code*, by the transformer *manager*."""
    if not (isinstance(manager, QuickTransformer) and manager.is_plain):
        return protocol.IsCompleteReply(status="unknown")  # a program's own code would decide
    status, indent = _check_quietly(manager, code)
    return is_complete_reply(status, indent, code)
