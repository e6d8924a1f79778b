"""Pack the result of a task, without copying its arrays where that can be avoided.

What is sent must not change any more, and ZeroMQ sends it later, while other tasks run. So what
user code may still write to is copied first (`settled`). An array that a function has made and
returned has no other reference once it is packed: it is given away as it is. An array that has a
name somewhere, as one that is pulled, is lent if it can be (`Lender`), and else copied; so is what
lies in memory that is not this process's alone, as a mapped file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any
from weakref import getweakrefcount

from assay.protocol import Buffer
from assay.transport import give_away, is_received

__all__ = ["packed"]

BUFFER_THRESHOLD = 1024
ITEM_THRESHOLD = 64
"""What is sent as a frame of its own, and how large a container may be that is looked into; as the
sessions of clients have them."""


def packed(
    serialize: Callable[..., list[Buffer]],
    call: Callable[[], object],
    lend: Callable[[Buffer], Buffer],
) -> list[Buffer]:
    """Return the buffers of what *call* returns.

    Args:
        serialize: ipyparallel's ``serialize_object``.
        call: Called once; what it returns must have no other reference in its caller.
        lend: Returns a buffer as one that is sent without a copy, or as it is.
    """
    result = call()
    buffers = serialize(result, buffer_threshold=BUFFER_THRESHOLD, item_threshold=ITEM_THRESHOLD)
    arrays = {id(value) for value in _parts(result) if _owns_memory(value)}
    del result  # with it go the containers that hold arrays
    return [_sendable(buffer, arrays, lend) for buffer in buffers]


def _sendable(buffer: Buffer, arrays: set[int], lend: Callable[[Buffer], Buffer]) -> Buffer:
    if id(_owner(buffer)) in arrays and _is_alone(buffer):
        return give_away(buffer)
    return lend(buffer) if _is_of_this_process(_owner(buffer)) else buffer


def _parts(result: object) -> Iterable[object]:
    """Return what ipyparallel makes frames of."""
    if type(result) is dict:
        return tuple(result.values())
    return tuple(result) if isinstance(result, (list, tuple)) else (result,)


def _owns_memory(value: Any) -> bool:
    """Return True for an array of numpy's that has allocated its memory itself.

    One that a C extension has made over memory of its own has no base either: that memory may
    change, and outlive the array or not.
    """
    return _is_array(value) and value.base is None and bool(value.flags.owndata)


def _is_of_this_process(value: Any) -> bool:
    """Return True if nothing but Python code of this process can write to what *value* lies in.

    Arrays that clients have pushed lie in what was received, and parts of arrays in those.
    """
    while (_is_array(value) and value.base is not None) or isinstance(value, memoryview):
        value = value.obj if isinstance(value, memoryview) else value.base
    return _owns_memory(value) or type(value) is bytearray or is_received(value)


def _is_array(value: object) -> bool:
    array: Any = getattr(sys.modules.get("numpy"), "ndarray", None)
    return array is not None and type(value) is array


def _owner(buffer: Buffer) -> object:
    return buffer.obj if isinstance(buffer, memoryview) else None


def _is_alone(buffer: Buffer) -> bool:
    """Return True if the memory of *buffer* belongs to an object that it alone refers to."""
    assert isinstance(buffer, memoryview)
    return _references(buffer) == ALONE and not getweakrefcount(buffer.obj)


def _references(view: memoryview) -> int:
    return sys.getrefcount(view.obj)


ALONE = _references(memoryview(bytearray(1)))
"""What is counted where a view alone refers to its object: Pythons count differently."""
