"""Look at the user's objects without running any of the user's code.

What `getattr`, `dir`, `repr` and `isinstance` do may call what a program has defined:
``__getattr__``, properties, ``__dir__``, a metaclass, ``__class__``. While a cell runs, in a thread
that is not its own, none of that may be. So everything is read from where Python itself keeps it:
the dictionaries of instances, modules and classes, by the functions of `type` and `object` alone.

An expression is *evaluated* as far as it can be known that way: names, attributes, constants, items
of the very lists and dicts of Python, and what a class or an annotated function gives when it is
called.
"""

from __future__ import annotations

import ast
import builtins
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from attrs import evolve, frozen

from assay.kernel.ipython._quiet import parse_quietly

__all__ = [
    "Found",
    "attribute",
    "bound_in",
    "evaluate",
    "instance_dict",
    "is_class",
    "kind_of",
    "module_found",
    "names_of",
    "parse",
]

NOTHING = object()
"""What is not known."""

MRO = type.__dict__["__mro__"].__get__
CLASS_DICT = type.__dict__["__dict__"].__get__
STORED = (types.GetSetDescriptorType, types.MemberDescriptorType)
"""Descriptors of Python's own, which only read what is stored."""

FUNCTIONS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
)

DISPLAYS: Mapping[type[ast.expr], type] = {
    ast.List: list,
    ast.ListComp: list,
    ast.Tuple: tuple,
    ast.Dict: dict,
    ast.DictComp: dict,
    ast.Set: set,
    ast.SetComp: set,
    ast.JoinedStr: str,
    ast.Lambda: types.FunctionType,
    ast.GeneratorExp: types.GeneratorType,
    ast.Compare: bool,
}
"""The type of what these expressions give."""

KEYS = (int, str, bytes)

MAX_DEPTH = 50


@frozen
class Found:
    """What an expression stands for: an object, or only the class of one."""

    value: object = NOTHING
    cls: type | None = None
    is_bound: bool = False
    """True for a function that is called on an object: its first parameter is that."""

    @property
    def type(self) -> type:
        """The class of what it stands for."""
        return self.cls if self.cls is not None else type(self.value)


def is_class(value: object) -> bool:
    """Return True if *value* is a class."""
    return _is_one_of(type, MRO(type(value)))


def is_module(value: object) -> bool:
    """Return True if *value* is a module."""
    return _is_one_of(types.ModuleType, MRO(type(value)))


def _is_one_of(cls: type, classes: Iterable[type]) -> bool:
    # Not `in`: that compares, and a metaclass may define how.
    return any(cls is one for one in classes)


def names_of(found: Found) -> set[str]:
    """Return the names of the attributes that can be seen."""
    names: set[str] = set()
    for cls in MRO(found.type):
        names.update(name for name in tuple(CLASS_DICT(cls)) if type(name) is str)
    if found.cls is None:
        value = found.value
        own = instance_dict(value)
        names.update(name for name in tuple(own) if type(name) is str)
        if is_class(value):
            for cls in MRO(value):
                names.update(name for name in tuple(CLASS_DICT(cls)) if type(name) is str)
    return names


def instance_dict(value: object) -> Mapping[str, object]:
    """Return the attributes that *value* keeps itself, by name."""
    if is_class(value):
        return {}
    for cls in MRO(type(value)):
        keeper = CLASS_DICT(cls).get("__dict__", NOTHING)
        if keeper is not NOTHING:
            # A program may have put a property there.
            found = keeper.__get__(value) if _is_one_of(type(keeper), STORED) else None
            return found if type(found) is dict else {}
    return {}


def attribute(found: Found, name: str) -> Found | None:
    """Return what *name* of *found* stands for, if that can be seen."""
    if found.cls is None:
        value = found.value
        if is_class(value):
            for cls in MRO(value):
                kept = CLASS_DICT(cls).get(name, NOTHING)
                if kept is not NOTHING:
                    return _unbound(kept)
        kept = instance_dict(value).get(name, NOTHING)
        if kept is not NOTHING:
            return Found(kept)
    for cls in MRO(found.type):
        kept = CLASS_DICT(cls).get(name, NOTHING)
        if kept is NOTHING:
            continue
        if _is_one_of(type(kept), STORED):
            return _stored(kept, found)
        if type(kept) is property:
            return _returned(Found(kept.fget))
        return _bound(kept)
    return None


def _bound(kept: object) -> Found | None:
    """Return what an attribute of an object stands for that its class keeps as *kept*."""
    found = _unbound(kept)
    is_method = _is_one_of(type(kept), (types.FunctionType, classmethod))
    return evolve(found, is_bound=is_method) if found is not None else None


def _unbound(kept: object) -> Found | None:
    """Return what an attribute stands for that a class keeps as *kept*."""
    if _is_one_of(type(kept), (staticmethod, classmethod)):
        return Found(kept.__func__)  # type: ignore[attr-defined]  # both have it
    if _is_one_of(type(kept), FUNCTIONS):
        return Found(kept)
    # Other descriptors give what their code says.
    is_descriptor = any("__get__" in CLASS_DICT(cls) for cls in MRO(type(kept)))
    return None if is_descriptor else Found(kept)


def _stored(descriptor: Any, found: Found) -> Found | None:
    if found.cls is not None:
        return None
    try:
        return Found(descriptor.__get__(found.value))
    except AttributeError:  # an empty slot
        return None


def _returned(called: Found) -> Found | None:
    """Return what a call of *called* gives: an object of the class, or of the annotated one."""
    value = called.value
    if called.cls is None and is_class(value):
        return Found(cls=value)  # type: ignore[arg-type]  # it is one
    if type(value) is types.MethodType:
        value = value.__func__
    if type(value) is not types.FunctionType:
        return None
    # Not `__annotations__` of the function: that evaluates them, since Python 3.14.
    kept = value.__annotations__ if _has_plain_annotations(value) else {}
    promised = kept.get("return", NOTHING)
    if type(promised) is str:
        promised = value.__globals__.get(promised, vars(builtins).get(promised, NOTHING))
    return Found(cls=promised) if is_class(promised) else None


def _has_plain_annotations(function: types.FunctionType) -> bool:
    return not hasattr(types.FunctionType, "__annotate__") and type(function) is types.FunctionType


def parse(expression: str) -> ast.expr | None:
    """Return the tree of *expression*, if it is one."""
    tree = parse_quietly(expression.strip(), "eval")
    return tree.body if isinstance(tree, ast.Expression) else None


def evaluate(
    tree: ast.expr,
    names: Mapping[str, Found | None],
    namespace: Mapping[str, object],
    depth: int = 0,
) -> Found | None:
    """Return what *tree* stands for, if that can be seen.

    Args:
        tree: An expression.
        names: What the code around it binds, as far as it is known; None where it is not.
        namespace: The user's variables.
        depth: How many expressions it stands in.
    """
    if depth > MAX_DEPTH:
        return None

    look = partial(evaluate, names=names, namespace=namespace, depth=depth + 1)
    found: Found | None = None
    match tree:
        case ast.Name(id=name):
            found = _variable(name, names, namespace)
        case ast.Constant(value=value):
            found = Found(value)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as number)):
            found = Found(-number)
        case ast.Attribute(value=part, attr=name) if (owner := look(part)) is not None:
            found = attribute(owner, name)
        case ast.Call(func=part) if (owner := look(part)) is not None:
            found = _returned(owner)
        case ast.Subscript(value=part, slice=index) if (owner := look(part)) is not None:
            at = look(index)
            found = _item(owner, at) if at is not None else None
        case _ if (cls := DISPLAYS.get(type(tree))) is not None:
            found = Found(cls=cls)
    return found


def _variable(
    name: str, names: Mapping[str, Found | None], namespace: Mapping[str, object]
) -> Found | None:
    if name in names:
        return names[name]
    for kept in (namespace, vars(builtins)):
        if (value := kept.get(name, NOTHING)) is not NOTHING:
            return Found(value)
    return None


def _item(owner: Found, at: Found) -> Found | None:
    """Return an item of one of Python's own containers, by a plain index or key."""
    if owner.cls is not None or at.cls is not None:
        return Found(cls=str) if owner.type is str else None
    value: Any = owner.value
    index: Any = at.value
    plain = _is_one_of(type(value), (list, tuple, str)) and type(index) is int
    if plain or (type(value) is dict and _is_one_of(type(index), KEYS)):
        # A key of a class of the user's would be compared by its code.
        if type(value) is dict and not all(_is_one_of(type(key), KEYS) for key in tuple(value)):
            return None
        try:
            return Found(value[index])
        except (LookupError, RuntimeError):
            return None
    return None


def bound_in(tree: ast.AST, namespace: Mapping[str, object]) -> dict[str, Found | None]:
    """Return what the statements of *tree* bind, and to what, as far as that can be seen."""
    names: dict[str, Found | None] = {}
    for node in ast.walk(tree):
        names.update(_bindings(node, names, namespace))
    return names


def _bindings(
    node: ast.AST, names: Mapping[str, Found | None], namespace: Mapping[str, object]
) -> Iterator[tuple[str, Found | None]]:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            yield name, evaluate(value, names, namespace)
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
            cls = evaluate(annotation, names, namespace)
            yield name, _returned(cls) if cls is not None and is_class(cls.value) else None
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name, Found(cls=types.FunctionType)
        case ast.ClassDef(name=name):
            yield name, Found(cls=type)
        case ast.Import(names=imported):
            for one in imported:
                root = one.name if one.asname else one.name.partition(".")[0]
                yield one.asname or root, module_found(root)
        case ast.ImportFrom(module=str(module), names=imported, level=0):
            owner = module_found(module)
            for one in imported:
                found = attribute(owner, one.name) if owner is not None else None
                yield one.asname or one.name, found
        case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) if name not in names:
            yield name, None
        case ast.ExceptHandler(name=str(name)) | ast.alias(asname=str(name)) if name not in names:
            yield name, None


def module_found(name: str) -> Found | None:
    """Return the module *name*, if it has been imported."""
    module = sys.modules.get(name, NOTHING)
    return Found(module) if is_module(module) else None


KINDS = {id(types.FunctionType): "function", id(type): "class"}


def kind_of(found: Found | None) -> str:
    """Return what clients call that: function, class, module or instance."""
    if found is None:
        return "<unknown>"
    if found.cls is not None:
        return KINDS.get(id(found.cls), "instance")
    if is_class(found.value):
        return "class"
    if _is_one_of(type(found.value), FUNCTIONS):
        return "function"
    return "module" if is_module(found.value) else "instance"
