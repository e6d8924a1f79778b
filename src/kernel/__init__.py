"""The kernel: dispatch, handlers, output, and IPython behind a seam.

`main` runs it. `embed`, `serve_background`, `serve_in_steps` and `launch` start one from a program
(``docs/embedding.md``). `serve`, `Kernel`, `Interpreter` and the values they exchange are for
authors of kernels for other languages; ``examples/calculator.py`` is one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from assay._platform import require_kernel_system

require_kernel_system()  # what is imported next would fail, and not say why

from assay.kernel._kernel import Kernel  # noqa: E402 - see above
from assay.kernel._main import main, serve  # noqa: E402 - see above
from assay.kernel.process._ownership import Ownership  # noqa: E402 - see above

if TYPE_CHECKING:
    from assay.kernel._embed import (
        BackgroundKernel,
        NamespaceError,
        SteppedKernel,
        embed,
        launch,
        serve_background,
        serve_in_steps,
    )
    from assay.kernel._errors import StartError
    from assay.kernel._interpreter import (
        INTERPRETER_VERSION,
        Cell,
        CellTracer,
        ConcurrentInterpreter,
        Debuggable,
        Debuggee,
        EventLoop,
        Executed,
        Failed,
        Host,
        Interpreter,
        NoInputError,
        Onlooker,
        SubshellLoop,
        Succeeded,
        TextStream,
        Watched,
    )
    from assay.kernel._language import Bundle, CellError, Completeness, Language, Result
    from assay.kernel.gui import Toolkit, ToolkitError

__all__ = [
    "INTERPRETER_VERSION",
    "BackgroundKernel",
    "Bundle",
    "Cell",
    "CellError",
    "CellTracer",
    "Completeness",
    "ConcurrentInterpreter",
    "Debuggable",
    "Debuggee",
    "EventLoop",
    "Executed",
    "Failed",
    "Host",
    "Interpreter",
    "Kernel",
    "Language",
    "NamespaceError",
    "NoInputError",
    "Onlooker",
    "Ownership",
    "Result",
    "StartError",
    "SteppedKernel",
    "SubshellLoop",
    "Succeeded",
    "TextStream",
    "Toolkit",
    "ToolkitError",
    "Watched",
    "embed",
    "launch",
    "main",
    "serve",
    "serve_background",
    "serve_in_steps",
]

_HOMES = {
    **dict.fromkeys(
        (
            "BackgroundKernel",
            "NamespaceError",
            "SteppedKernel",
            "embed",
            "launch",
            "serve_background",
            "serve_in_steps",
        ),
        "_embed",
    ),
    **dict.fromkeys(("Bundle", "CellError", "Completeness", "Language", "Result"), "_language"),
    **dict.fromkeys(("Toolkit", "ToolkitError"), "gui"),
}
"""Where names are that are not in `_interpreter`."""


def __getattr__(name: str) -> object:
    # A kernel that starts needs none of these before its sockets answer.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES.get(name, '_interpreter')}"), name)
    globals()[name] = value
    return value
