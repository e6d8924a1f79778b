"""JSON values, and what users' programs display that is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from functools import cache
from typing import Never

from hypothesis import strategies as st

from assay.protocol import Json

__all__ = ["hostile_values", "json_objects", "json_values", "texts"]

MIN_INT64, MAX_UINT64 = -(2**63), 2**64 - 1
"""The integers that every JSON codec can take."""

DEEP = (300, 900, 1_100, 5_000)
"""Levels of nesting around the limits of codecs: ours, Python's, and far beyond."""


@cache
def texts(*, max_size: int | None = 40) -> st.SearchStrategy[str]:
    """Text that UTF-8 can hold: NUL, control characters and astral code points, no surrogates."""
    awkward = st.sampled_from(
        ["", "\0", "\x7f", "\u2028", "\ufeff", "\U0001f9ea", "e\u0301", '"\\']
    )
    return awkward | st.text(max_size=max_size)


@cache
def json_values(*, max_leaves: int = 8) -> st.SearchStrategy[Json]:
    """Any JSON value that every codec takes: integers of 64 bits, finite floats, `texts`."""
    leaves: st.SearchStrategy[Json] = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(MIN_INT64, MAX_UINT64),
        st.sampled_from([MIN_INT64, 2**53 + 1, 2**63, MAX_UINT64]),
        st.floats(allow_nan=False, allow_infinity=False),
        texts(),
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts(), inner, max_size=4),
        max_leaves=max_leaves,
    )


@cache
def json_objects(*, max_leaves: int = 8) -> st.SearchStrategy[dict[str, Json]]:
    """Any JSON object."""
    return st.dictionaries(texts(), json_values(max_leaves=max_leaves), max_size=4)


@cache
def hostile_values() -> st.SearchStrategy[object]:
    """What a user's program may hand to a display, and JSON cannot hold.

    Lone surrogates, integers of any size, NaN and infinities, bytes, sets, keys that are no text,
    nesting around and beyond the limits of codecs, containers inside themselves, subclasses of the
    builtin types, and objects whose methods raise.
    """
    leaves: st.SearchStrategy[object] = st.one_of(
        st.text(st.characters(), max_size=5),
        st.text(st.characters(categories=["Cs"]), min_size=1, max_size=3),
        st.integers(),
        _wide_integers,
        st.floats(),
        st.complex_numbers(),
        st.binary(max_size=5),
        st.binary(max_size=5).map(bytearray),
        st.binary(max_size=5).map(lambda data: memoryview(data)[::2]),
        st.decimals(),
        st.fractions(),
        st.datetimes(),
        st.uuids(),
        st.sets(st.integers() | st.text(st.characters(), max_size=2), max_size=3),
        st.frozensets(st.binary(max_size=2), max_size=3),
        st.sampled_from(_ODDITIES).map(lambda make: make()),
    )
    keys: st.SearchStrategy[object] = st.one_of(
        st.text(st.characters(), max_size=3),
        st.integers(),
        st.none() | st.booleans(),
        st.sampled_from([(1, "\ud800"), _Word("word"), _Color.RED]),
        st.builds(_Raising),
        _wide_integers,
        st.floats(),
        st.binary(max_size=3),
        st.tuples(st.integers(), st.text(st.characters(), max_size=2)),
        st.frozensets(st.integers(), max_size=2),
    )
    trees: st.SearchStrategy[object] = st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.lists(inner, max_size=3).map(tuple),
            st.lists(inner, max_size=3).map(_List),
            st.dictionaries(keys, inner, max_size=3),
            st.dictionaries(keys, inner, max_size=3).map(_Dict),
        ),
        max_leaves=6,
    )
    cycles: st.SearchStrategy[object] = st.builds(_cyclic_list, trees) | st.builds(
        _cyclic_dict, trees
    )
    deep: st.SearchStrategy[object] = st.builds(_nested, trees, st.sampled_from(DEEP))
    return st.one_of(leaves, trees, cycles, deep)


class _Raising:
    """An object that cannot be shown."""

    def __repr__(self) -> Never:
        raise RuntimeError("no repr")

    def __float__(self) -> Never:
        raise RuntimeError("no number")


class _RaisingMapping(Mapping[str, object]):
    def __getitem__(self, key: str) -> Never:
        raise RuntimeError("no items")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no keys")

    def __len__(self) -> int:
        return 1


class _Surrogates:
    def __repr__(self) -> str:
        return "\udcff"


class _Word(str):
    __slots__ = ()


class _Bytes(bytes):
    __slots__ = ()


class _Float(float):
    __slots__ = ()


class _Int(int):
    pass


class _List(list[object]):
    pass


class _Dict(dict[object, object]):
    pass


class _Color(Enum):
    RED = "red"


class _Number(IntEnum):
    ONE = 1


# Made anew for each example: Hypothesis shows the values it samples from, and some cannot be shown.
_ODDITIES: tuple[Callable[[], object], ...] = (
    _Raising,
    lambda: _Raising,
    _RaisingMapping,
    _Surrogates,
    lambda: _Word("word"),
    lambda: _Word("\ud800"),
    lambda: _Bytes(b"bytes"),
    lambda: _Float("nan"),
    lambda: _Int(2**70),
    lambda: _Color.RED,
    lambda: _Color,
    lambda: _Number.ONE,
    lambda: Decimal("NaN"),
    lambda: Fraction(1, 3),
    lambda: range(10**12),
    lambda: iter(()),
    object,
    lambda: Ellipsis,
    lambda: NotImplemented,
    lambda: len,
    lambda: float("inf"),
    lambda: float("-inf"),
)


# Beyond 64 bits, and beyond the 4,300 digits that Python turns into text.
_wide_integers = st.integers(64, 90).map(lambda bits: -1 << bits) | st.integers(15_000, 20_000).map(
    lambda bits: 1 << bits
)


def _cyclic_list(value: object) -> list[object]:
    made = [value]
    made.append({"again": made})
    return made


def _cyclic_dict(value: object) -> dict[str, object]:
    made = {"value": value}
    made["again"] = [made]
    return made


def _nested(value: object, levels: int) -> object:
    for level in range(levels):
        value = [value] if level % 2 else {"in": value}
    return value
