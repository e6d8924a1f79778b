"""Ask what a value is where it may be of any class.

Seen: `isinstance` looks a class up in a table for `Mapping` and `Sequence`, and raises a TypeError
if it has no hash: its metaclass defines equality alone.
Here: such a value is none, unless its class is made of ``dict``, ``list`` or ``tuple``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

__all__ = ["is_instance", "is_mapping", "is_sequence"]


def is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Return whether *value* has values by key."""
    return isinstance(value, dict) or is_instance(value, Mapping)


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """Return whether *value* has values by position; text and bytes have."""
    return isinstance(value, (list, tuple)) or is_instance(value, Sequence)


def is_instance(value: object, cls: type) -> bool:
    """Return whether *value* is a *cls*, which may be abstract."""
    try:
        return isinstance(value, cls)
    except TypeError:  # its class has no hash
        return False
