"""The hash by which the files of cells are named (DEBUG-13)."""

from __future__ import annotations

from assay.protocol.wire._arguments import as_bytes, check_instance

__all__ = ["murmur2"]

MULTIPLIER = 0x5BD1E995
MASK = 0xFFFFFFFF


def murmur2(data: bytes, seed: int) -> int:
    """Return the 32-bit MurmurHash2 of *data*, as unsigned number.

    Source: messaging.rst §debugInfo, DEBUG-13. The file of a cell is named by the hash of its code
    in UTF-8 (AMB-29).

    Raises:
        LocalError: *data* is no bytes, or *seed* no integer.
    """
    data = as_bytes(data, "data")
    check_instance(seed, int, "an integer as seed")
    value = (seed ^ len(data)) & MASK
    whole = len(data) // 4 * 4
    for place in range(0, whole, 4):
        word = int.from_bytes(data[place : place + 4], "little") * MULTIPLIER & MASK
        word = (word ^ word >> 24) * MULTIPLIER & MASK
        value = value * MULTIPLIER & MASK ^ word
    if rest := data[whole:]:
        value = (value ^ int.from_bytes(rest, "little")) * MULTIPLIER & MASK
    value = (value ^ value >> 13) * MULTIPLIER & MASK
    return value ^ value >> 15
