"""The answer to kernel_info_request, made before IPython is imported."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import PathFinder

from assay import __version__
from assay.protocol import HelpLink, KernelInfoReply, LanguageInfo

__all__ = ["kernel_info"]

HELP_LINKS = (
    ("Python Reference", "https://docs.python.org/{}.{}"),
    ("IPython Reference", "https://ipython.org/documentation.html"),
    ("NumPy Reference", "https://docs.scipy.org/doc/numpy/reference/"),
    ("SciPy Reference", "https://docs.scipy.org/doc/scipy/reference/"),
    ("Matplotlib Reference", "https://matplotlib.org/contents.html"),
    ("SymPy Reference", "http://docs.sympy.org/latest/index.html"),
    ("pandas Reference", "https://pandas.pydata.org/pandas-docs/stable/"),
)


def kernel_info() -> KernelInfoReply:
    """Return what this kernel is."""
    python = sys.version.partition(" ")[0]
    has_debugger = importlib.util.find_spec("debugpy") is not None
    return KernelInfoReply(
        implementation="assay",
        implementation_version=__version__,
        banner=(
            f"Python {python} ({sys.implementation.name}) on {sys.platform}\n"
            f"Assay {__version__} -- IPython {_ipython_version()}. Type '?' for help.\n"
        ),
        language_info=LanguageInfo(
            name="python",
            version=python,
            mimetype="text/x-python",
            file_extension=".py",
            pygments_lexer="ipython3",
            codemirror_mode={"name": "ipython", "version": sys.version_info.major},
            nbconvert_exporter="python",
        ),
        help_links=tuple(
            HelpLink(text=text, url=url.format(*sys.version_info)) for text, url in HELP_LINKS
        ),
        supported_features=(*(("debugger",) if has_debugger else ()), "kernel subshells"),
        debugger=has_debugger,
    )


def _ipython_version() -> str:
    """Return IPython's version without importing it, which takes a hundred times as long."""
    package = importlib.util.find_spec("IPython")
    if package is None:
        return "(not installed)"
    folders = package.submodule_search_locations or ()
    spec = PathFinder.find_spec("release", [f"{folder}/core" for folder in folders])
    if spec is None or spec.loader is None:
        return "(unknown)"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.version)
