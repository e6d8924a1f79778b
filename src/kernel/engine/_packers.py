"""How the dicts of messages become bytes: what ``pack`` and ``unpack`` of an engine file name.

A packer sees a frame after its signature has been verified (`PackedSession`): to unpickle is to run
what the sender wants, as an engine does anyway.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from importlib import import_module
from typing import Any

from attrs import frozen

from assay.kernel._errors import StartError
from assay.protocol import Json, Packer

__all__ = ["packer_of"]

JSON_NAMES = frozenset({"json", "orjson"})
"""Both are JSON on the wire."""


@frozen
class _Functions:
    """A packer made of two functions."""

    packs: Callable[[Any], bytes]
    unpacks: Callable[[bytes], object]

    def pack(self, value: Json) -> bytes:
        """Return the frame of *value*."""
        return self.packs(value)

    def unpack(self, data: bytes) -> object:
        """Return what is in a frame."""
        return self.unpacks(data)


def packer_of(pack: str, unpack: str) -> Packer | None:
    """Return the packer that a cluster's file names; None for JSON.

    Args:
        pack: ``json``, ``orjson``, ``pickle``, ``msgpack``, or the dotted name of a function.
        unpack: The same, for the reverse.

    Raises:
        StartError: there is no such packer, or not what it needs.
    """
    if pack in JSON_NAMES and unpack in JSON_NAMES:
        return None
    if pack == unpack == "pickle":
        return _Functions(pickle.dumps, pickle.loads)
    if pack == unpack == "msgpack":
        try:
            import msgpack  # noqa: PLC0415 - few clusters use it
        except ImportError as error:
            raise StartError("the cluster packs with msgpack: wanted it, found none") from error
        return _Functions(msgpack.packb, msgpack.unpackb)
    return _Functions(_imported(pack), _imported(unpack))


def _imported(name: str) -> Callable[[Any], Any]:
    module, _, function = name.rpartition(".")
    try:
        found = getattr(import_module(module), function) if module else None
    except (ImportError, AttributeError) as error:
        raise StartError(f"wanted the packer {name!r:.80} of the cluster, found none") from error
    if not callable(found):
        raise StartError(f"wanted the packer {name!r:.80} of the cluster, found no function")
    checked: Callable[[Any], Any] = found
    return checked
