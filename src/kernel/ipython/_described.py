"""Describe an object by what can be seen of it, in the form of IPython's own inspection."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from typing import Any

from assay.kernel.ipython._looking import Found, attribute, instance_dict, is_class

__all__ = ["described", "described_magic"]

SHOWN = (int, float, complex, bool, str, bytes, type(None))
"""What is shown as it is: its text is Python's own."""

SIZED = (list, tuple, dict, set, frozenset, str, bytes, bytearray)

MAX_SHOWN = 200


def described(found: Found, detail_level: int) -> str | None:
    """Return a text about *found*, with its source if *detail_level* asks for it."""
    return "\n".join(f"{name}: {text}" for name, text in _fields(found, detail_level)) or None


def described_magic(manager: Any, name: str) -> str | None:
    """Return a text about the magic *name*."""
    bare = name.lstrip("%")
    kinds = ("cell",) if name.startswith("%%") else ("line", "cell")
    for kind in kinds:
        if (function := manager.magics[kind].get(bare)) is not None:
            return described(Found(function), 0)
    return None


def _fields(found: Found, detail_level: int) -> Iterator[tuple[str, str]]:
    value = found.value
    function = value.__func__ if type(value) is types.MethodType else value
    if type(function) is types.FunctionType:
        skip = int(found.is_bound or function is not value)
        yield "Signature", f"{function.__code__.co_name}{_signature(function, skip=skip)}"
    elif found.cls is None and is_class(value):
        init = attribute(found, "__init__")
        if init is not None and type(init.value) is types.FunctionType:
            name = type.__dict__["__name__"].__get__(value)
            yield "Init signature", f"{name}{_signature(init.value, skip=1)}"
    yield "Type", _type_name(found.type)
    if found.cls is None and any(type(value) is one for one in SHOWN):
        shown = repr(value)
        yield "String form", shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}…"
    if found.cls is None and any(type(value) is one for one in SIZED):
        yield "Length", str(len(value))  # type: ignore[arg-type]  # one of Python's own
    if type(function) is types.FunctionType:
        yield "File", function.__code__.co_filename
    source = _source(function) if detail_level else None
    if source is not None:
        yield "Source", f"\n{source}"
    elif (doc := _doc(found, function)) is not None:
        yield "Docstring", doc if "\n" not in doc else f"\n{doc}"


def _signature(function: types.FunctionType, *, skip: int) -> str:
    """Return the parameters of *function*; of a default only that there is one."""
    code = function.__code__
    count, only = code.co_argcount, code.co_kwonlyargcount
    names = list(code.co_varnames)
    defaults = len(function.__defaults__ or ())
    shown = [
        name if at < count - defaults else f"{name}=…" for at, name in enumerate(names[:count])
    ]
    if code.co_posonlyargcount:
        shown.insert(code.co_posonlyargcount, "/")
    rest = names[count + only :]
    if code.co_flags & inspect.CO_VARARGS:
        shown.append(f"*{rest.pop(0)}")
    elif only:
        shown.append("*")
    given = function.__kwdefaults__ or {}
    shown.extend(f"{name}=…" if name in given else name for name in names[count : count + only])
    if code.co_flags & inspect.CO_VARKEYWORDS:
        shown.append(f"**{rest[0]}")
    return f"({', '.join(shown[skip:])})"


def _type_name(cls: type) -> str:
    name: str = type.__dict__["__name__"].__get__(cls)
    return name


def _doc(found: Found, function: object) -> str | None:
    """Return what documents it: its own text, or that of its class."""
    if type(function) is types.FunctionType:
        doc: object = function.__doc__
    elif found.cls is None and not is_class(found.value):
        doc = instance_dict(found.value).get("__doc__")
        if type(doc) is not str:
            kept = attribute(Found(cls=found.type), "__doc__") or attribute(found, "__doc__")
            doc = kept.value if kept is not None else None
    else:
        kept = attribute(Found(found.cls or found.value), "__doc__")
        doc = kept.value if kept is not None else None
    return inspect.cleandoc(doc) if type(doc) is str and doc else None


def _source(function: object) -> str | None:
    if type(function) is not types.FunctionType:
        return None
    try:
        return inspect.getsource(function.__code__)
    except (OSError, TypeError, IndexError, SyntaxError):
        return None
