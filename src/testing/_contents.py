"""Contents of every message type, made from the classes themselves, and spoilt ones."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs
from attrs import frozen
from hypothesis import strategies as st

from assay.protocol import (
    MESSAGE_TYPES,
    UNSET,
    Aborted,
    CompleteReply,
    Content,
    ErrorReply,
    InspectReply,
    IsCompleteReply,
    Json,
    KernelInfoReply,
    LocalError,
    UnsetType,
    message_type,
    unstructure,
)
from assay.testing._values import json_objects, json_values, texts

__all__ = ["MalformedContent", "contents", "contents_of", "extras", "malformed_contents"]

T = TypeVar("T")
Strategy = st.SearchStrategy[Any]

MAX_PORT = 65_535
MIME_TYPES = ("text/plain", "text/html", "image/png", "application/json", "application/x-own+json")
NO_STATUS = frozenset({"debug_reply", "input_reply", "is_complete_reply"})
"""Replies that say in another way that they failed, or cannot fail (AMB-02)."""


def contents(msg_type: str | None = None, *, may_fail: bool = True) -> st.SearchStrategy[Content]:
    """Valid contents of *msg_type*, of any type in the registry if None.

    A reply's content is now and then an `ErrorReply` or `Aborted`, unless *may_fail* is false: then
    each is of the class that the registry has for its type. Every field that may be absent
    sometimes is, and there may be keys that the protocol does not name. What one field says about
    another holds: a completion's start is not behind its end.
    """
    if msg_type is None:
        return st.sampled_from(sorted(MESSAGE_TYPES)).flatmap(
            lambda name: contents(name, may_fail=may_fail)
        )
    cls = _class_of(msg_type)
    if not may_fail or not msg_type.endswith("_reply") or msg_type in NO_STATUS:
        return _BUILT[cls]
    return st.one_of(_BUILT[cls], _BUILT[ErrorReply], _BUILT[Aborted])


def contents_of(cls: type[Content]) -> st.SearchStrategy[Content]:
    """Valid contents of this class, which several types may share, or be a part of another."""
    return _BUILT[cls]


def extras(cls: type[attrs.AttrsInstance]) -> st.SearchStrategy[dict[str, Json]]:
    """JSON objects none of whose keys is a field of *cls*; mostly empty."""
    taken = {"status", *(f.name for f in attrs.fields(cls) if not f.name.startswith("_"))}
    # The names of private attributes are nothing special on the wire.
    keys = (st.sampled_from(["_extra", "_raw", "extra", "msg_type", "x-own"]) | texts()).filter(
        lambda key: key not in taken
    )
    return st.just({}) | st.dictionaries(keys, json_values(max_leaves=3), max_size=3)


@frozen(kw_only=True)
class MalformedContent:
    """The JSON of a content with exactly one fault."""

    msg_type: str
    """The type that the content was made for."""

    data: Mapping[str, Json]
    """The content, as `structure_content` takes it."""

    path: str
    """The field that is wrong: ``code``."""

    fault: str
    """``missing``, or ``found`` and what stands there instead: ``found null``."""


@st.composite
def malformed_contents(draw: st.DrawFn, msg_type: str | None = None) -> MalformedContent:
    """Return a content of *msg_type*, of any type that can be spoilt if None, with one fault.

    One of its top-level fields has a value of a type that it cannot have, or is missing.

    Raises:
        LocalError: *msg_type* is not in the registry, or nothing in it can be wrong.
    """
    name = draw(st.sampled_from(_spoilable())) if msg_type is None else msg_type
    cls = _class_of(name)
    if not _FIELDS[cls]:
        raise LocalError(f"wanted a type with a field that can be wrong, found {name!r}")
    data = unstructure(draw(_BUILT[cls]))
    path = draw(st.sampled_from(sorted(_FIELDS[cls])))
    field, hint = _FIELDS[cls][path]
    spoilt: dict[str, Json] = {
        f"found {word}": value for word, value in WRONG.items() if not _fits(value, hint)
    }
    needed = field.default is attrs.NOTHING and field.name not in cls.absent
    faults = ["missing"] * needed + sorted(spoilt)
    fault = draw(st.sampled_from(faults))
    data.pop(path, None)
    if fault != "missing":
        data[path] = spoilt[fault]
    return MalformedContent(msg_type=name, data=data, path=path, fault=fault)


WRONG: dict[str, Json] = {
    "null": None,
    "true": True,
    "an integer": 7,
    "a number": 2.5,
    "a word": "assay",
    "a list": [None],
    "an object": {"assay": 1},
}
"""One value of each JSON type, for a field that wants another."""


def _class_of(msg_type: str) -> type[Content]:
    return message_type(msg_type).content


def _spoilable() -> tuple[str, ...]:
    """Return the types that have a field which can have a wrong type."""
    rows = sorted(MESSAGE_TYPES.values(), key=lambda row: row.name)
    return tuple(row.name for row in rows if _FIELDS[row.content])


class _Fields(dict[type[Content], "dict[str, tuple[attrs.Attribute[Any], Any]]"]):
    """The fields of a class that can be wrong, with their types."""

    def __missing__(self, cls: type[Content]) -> dict[str, tuple[attrs.Attribute[Any], Any]]:
        hints = get_type_hints(cls)
        found = self[cls] = {
            field.name: (field, hints[field.name])
            for field in attrs.fields(cls)
            if not field.name.startswith("_")
            and not all(_fits(value, hints[field.name]) for value in WRONG.values())
        }
        return found


_FIELDS = _Fields()


def _fits(value: Json, hint: Any) -> bool:  # noqa: PLR0911 - a table
    """Return whether *value* has the type *hint*; shares no code with the readers under test."""
    origin, inner = get_origin(hint), get_args(hint)
    match origin or hint:
        case _ if hint in (Any, object):
            return True
        case NewType(__supertype__=basis):
            return _fits(value, basis)
        case _ if origin in (Union, UnionType):
            return any(_fits(value, arm) for arm in inner)
        case _ if origin is Literal:
            return any(type(value) is type(item) and value == item for item in inner)
        case _ if origin in (tuple, list, Sequence):
            # No field with a fixed length is at the top of a content.
            return isinstance(value, list) and all(_fits(item, inner[0]) for item in value)
        case _ if origin in (dict, Mapping):
            return isinstance(value, dict) and all(_fits(item, inner[1]) for item in value.values())
        case type() as cls if issubclass(cls, Enum):
            return isinstance(value, str) and value in [member.value for member in cls]
        case type() as cls if issubclass(cls, Content):
            # The object in `WRONG` is none either, but would have a fault for each field it lacks.
            return isinstance(value, dict)
        case _:
            return type(value) is hint or (hint is float and type(value) is int)


class _Built(dict[type[Content], st.SearchStrategy[Content]]):
    """The strategy for each class, made when it is first asked for."""

    def __missing__(self, cls: type[Content]) -> st.SearchStrategy[Content]:
        made = self[cls] = _build(cls)
        return made


_BUILT = _Built()


def _build(cls: type[Content]) -> st.SearchStrategy[Content]:
    hints = get_type_hints(cls)
    names = [field.name for field in attrs.fields(cls) if not field.name.startswith("_")]
    fields: dict[str, Strategy] = {name: _values(hints[name]) for name in names}
    fields.update({name: special for name, special in _SPECIAL.items() if name in fields})
    fields.update(_OWN.get(cls.__name__, {}))
    made: st.SearchStrategy[Content] = st.builds(cls, **fields, extra=extras(cls))
    return made.map(_coherent)


def _values(hint: Any) -> Strategy:  # noqa: PLR0911 - a table
    origin, inner = get_origin(hint), get_args(hint)
    match origin or hint:
        case _ if hint in (Any, object):
            return json_values(max_leaves=4)
        case NewType(__supertype__=basis):
            return _values(basis)
        case _ if origin in (Union, UnionType):
            return st.one_of(*map(_values, inner))
        case _ if origin is Literal:
            return st.sampled_from(inner)
        case _ if origin is tuple and Ellipsis in inner:
            return st.lists(_values(inner[0]), max_size=3).map(tuple)
        case _ if origin is tuple:
            return st.tuples(*map(_values, inner))
        case _ if origin in (list, Sequence):
            return st.lists(_values(inner[0]), max_size=3)
        case _ if origin in (dict, Mapping):
            return st.dictionaries(texts(), _values(inner[1]), max_size=3)
        case type() as cls if issubclass(cls, Enum):
            return st.sampled_from(list(cls))
        case type() as cls if issubclass(cls, Content):
            return _BUILT[cls]
        case _ if hint in _PRIMITIVE:
            return _PRIMITIVE[hint]
    raise LocalError(f"wanted a field of a type that JSON has, found {hint}")


_PRIMITIVE: dict[type, Strategy] = {
    str: texts(),
    int: st.integers(-(2**31), 2**31),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    NoneType: st.none(),
    UnsetType: st.just(UNSET),
}

_REPRESENTATIONS: dict[str, Strategy] = {
    "text/html": texts(),
    "image/png": st.binary(max_size=9).map(lambda data: b64encode(data).decode()),
    "application/json": json_objects(max_leaves=3),
    "application/x-own+json": json_objects(max_leaves=3),
}
"""Each in the form of its type (IOPUB-12, IOPUB-13)."""

_plain_bundles = st.fixed_dictionaries({"text/plain": texts()}, optional=_REPRESENTATIONS)
_bundles = _plain_bundles | st.fixed_dictionaries({}, optional=_REPRESENTATIONS)
_bundle_metadata = st.dictionaries(st.sampled_from(MIME_TYPES), json_objects(max_leaves=2))
_transient = st.fixed_dictionaries({"display_id": texts()})
_display = st.fixed_dictionaries(
    {"status": st.just("ok"), "data": _bundles, "metadata": _bundle_metadata}
)
_failure = st.fixed_dictionaries(
    {
        "status": st.just("error"),
        "ename": texts(),
        "evalue": texts(),
        "traceback": st.lists(texts(), max_size=2),
    }
)
_shown: dict[str, Strategy] = {"data": _bundles, "metadata": _bundle_metadata}
_ports = st.integers(1, MAX_PORT) | st.just(UNSET)

_SPECIAL: dict[str, Strategy] = {
    "execution_count": st.integers(0, 2**31),
    "cursor_pos": st.none() | st.integers(0, 10**6),
    "seq": st.integers(1, 2**31),
    "request_seq": st.integers(1, 2**31),
    "user_expressions": st.dictionaries(texts(), texts(), max_size=3),
    "comm_id": texts().filter(bool),
}
"""Fields that mean the same in every content."""

_OWN: dict[str, dict[str, Strategy]] = {
    "CompleteReply": {"cursor_start": st.integers(0, 99), "cursor_end": st.integers(0, 99)},
    "ConnectReply": {f"{name}_port": _ports for name in ("shell", "iopub", "stdin", "hb")}
    | {"control_port": _ports},
    "DisplayData": {**_shown, "transient": st.just(UNSET) | _transient},
    "ErrorReply": {"execution_count": st.just(UNSET) | st.integers(0, 2**31)},
    "Aborted": {"execution_count": st.just(UNSET) | st.integers(0, 2**31)},
    "ExecuteReply": {
        "user_expressions": st.dictionaries(texts(), _display | _failure, max_size=2),
        "payload": st.just(UNSET)
        | st.lists(st.fixed_dictionaries({"source": texts()}), max_size=2).map(tuple),
    },
    "ExecuteResult": {
        "data": _plain_bundles,
        "metadata": _bundle_metadata,
        "transient": st.just(UNSET) | _transient,
    },
    "InspectReply": {"data": _plain_bundles, "metadata": _bundle_metadata},
    "KernelInfoReply": {"protocol_version": st.sampled_from(["5.0", "5.5", "5.10.1"])},
    "LanguageInfo": {"file_extension": texts().map(lambda text: f".{text}")},
    "UpdateDisplayData": {**_shown, "transient": _transient},
}
"""Fields that one content has rules for."""


def _coherent(content: Content) -> Content:
    """Return *content* with those fields changed that contradict another."""
    match content:
        case CompleteReply(cursor_start=start, cursor_end=end) if start > end:
            return attrs.evolve(content, cursor_start=end, cursor_end=start)
        case IsCompleteReply(status="complete" | "invalid" | "unknown"):
            return attrs.evolve(content, indent=UNSET)
        case IsCompleteReply(indent=UnsetType()):
            return attrs.evolve(content, indent="")
        case KernelInfoReply(debugger=bool(flag), supported_features=tuple(listed)):
            others = tuple(name for name in listed if name != "debugger")
            return attrs.evolve(
                content, supported_features=(*others, *(("debugger",) if flag else ()))
            )
        case InspectReply(found=False):
            return attrs.evolve(content, data={}, metadata={})
    return content
