"""What values of other libraries and rare types mean in JSON (jupyter_client#706)."""

from __future__ import annotations

import array
import io
import itertools
import json
import subprocess
import sys
from collections import ChainMap, Counter, UserString, deque, namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import attrs
import numpy as np
import pandas as pd
import pytest

from assay.protocol import DisplayData, JsonError, LocalError, encode_json
from assay.testing import make_session

Point = namedtuple("Point", "x y")


class Kind(Enum):
    PLAIN = "plain"
    DEEP = Decimal(1)


@dataclass
class Pair:
    one: object
    other: object


@attrs.frozen
class Box:
    held: object
    _own: object = None


class Owner:
    """What has no JSON form."""


class Tensor:
    """An array of a library that nobody here has heard of."""

    def tolist(self) -> list[float]:
        return [1.0, 2.0]


class Table:
    """A mapping by its methods only."""

    def keys(self) -> list[str]:
        return ["a"]

    def __getitem__(self, key: str) -> object:
        return np.arange(2)


class Raising:
    def __iter__(self) -> NoReturn:
        raise OSError("gone")


class Proxy:
    """Answers whatever it is asked for, as stand-ins for remote objects do."""

    def __getattr__(self, name: str) -> object:
        return self


class Symbol:
    """A number that has no value yet."""

    def __float__(self) -> NoReturn:
        raise TypeError("no value")


RECORDS = np.array([(1, 2.5, "a")], dtype=[("n", int), ("x", float), ("s", "U3")])

MEANINGS: list[tuple[Any, object]] = [
    (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
    (np.array(5), 5),
    (np.array([]), []),
    (np.bool_(True), True),
    (np.int8(-3), -3),
    (np.uint64(2**64 - 1), 2**64 - 1),
    (np.float64(1.5), 1.5),
    (np.float16(1.5), 1.5),
    (np.longdouble(1.5), 1.5),
    (np.float32("nan"), None),
    (np.complex64(1 + 2j), [1.0, 2.0]),
    (np.str_("s"), "s"),
    (np.bytes_(b"ab"), "YWI="),
    (np.array([True, False]), [True, False]),
    (np.array([1, "a", None, np.int8(2)], dtype=object), [1, "a", None, 2]),
    (np.ma.array([1, 2], mask=[False, True]), [1, None]),
    (np.datetime64("2026-01-02"), "2026-01-02"),
    (np.datetime64("2026-01-02T03:04:05", "ns"), "2026-01-02T03:04:05.000000000"),
    (np.array(["2026-01-02", "NaT"], "M8[D]"), ["2026-01-02", None]),
    (np.timedelta64(90, "s"), "PT90S"),
    (np.timedelta64(5_000, "ns"), "PT0.000005S"),
    (RECORDS, [{"n": 1, "x": 2.5, "s": "a"}]),
    (RECORDS[0], {"n": 1, "x": 2.5, "s": "a"}),
    (pd.Series([1, 2]), [1, 2]),
    (pd.Series([1.5, None]), [1.5, None]),
    (pd.Series(np.array(["2026-01-02", "NaT"], "M8[ns]")), ["2026-01-02T00:00:00", None]),
    (pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), {"a": [1, 2], "b": ["x", "y"]}),
    (pd.Index([1, 2]), [1, 2]),
    (pd.RangeIndex(3), [0, 1, 2]),
    (pd.MultiIndex.from_tuples([(1, "a")]), [[1, "a"]]),
    (pd.Categorical(["a", "b"]), ["a", "b"]),
    (pd.array([1, None], dtype="Int64"), [1, None]),
    (pd.Timestamp("2026-01-02", tz="UTC"), "2026-01-02T00:00:00Z"),
    (pd.Timedelta(1, "s"), "P0DT0H0M1S"),
    (pd.NA, None),
    (pd.NaT, None),
    (range(3), [0, 1, 2]),
    ({"a": 1}.keys(), ["a"]),
    ({"a": 1}.values(), [1]),
    ({"a": 1}.items(), [["a", 1]]),
    (deque([1, 2]), [1, 2]),
    ({1}, [1]),
    (frozenset({1}), [1]),
    (Point(1, np.int8(2)), [1, 2]),
    (array.array("i", [1, 2]), [1, 2]),
    (memoryview(b"ab"), "YWI="),
    (UserString("abc"), "abc"),
    (ChainMap({"a": 1}, {"b": 2}), {"a": 1, "b": 2}),
    (Counter("aab"), {"a": 2, "b": 1}),
    (MappingProxyType({"a": {1}}), {"a": [1]}),
    (Kind.PLAIN, "plain"),
    (Kind.DEEP, "1"),
    (Pair(np.arange(2), Kind.PLAIN), {"one": [0, 1], "other": "plain"}),
    (Box(range(2)), {"held": [0, 1]}),
    (Path("/a/b"), "/a/b"),
    (Decimal("1.10"), "1.10"),
    (date(2026, 1, 2), "2026-01-02"),
    (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
    (time(3, 4), "03:04:00"),
    (timedelta(days=1, seconds=5), "P1DT5S"),
    (1 + 2j, [1.0, 2.0]),
    (Tensor(), [1.0, 2.0]),
    (Table(), {"a": [0, 1]}),
    ({np.int64(3): 1, date(2026, 1, 2): 2, Kind.PLAIN: 3}, {"3": 1, "2026-01-02": 2, "plain": 3}),
]


@pytest.mark.parametrize(("value", "wanted"), MEANINGS, ids=lambda v: type(v).__name__)
def test_a_value_becomes_what_it_means(value: Any, wanted: object) -> None:
    """It does alone, in a container, and where the codec must be helped for another reason."""
    assert json.loads(encode_json(value)) == wanted
    assert json.loads(encode_json({"a": [value]})) == {"a": [wanted]}
    assert json.loads(encode_json({"a": "\ud800", "b": (value,)})) == {
        "a": "\\ud800",
        "b": [wanted],
    }
    content = DisplayData(data={"application/json": value}, metadata={"m": value})
    frames = make_session().pack(content, metadata={"m": value})
    assert json.loads(bytes(frames[-1]))["data"] == {"application/json": wanted}
    assert json.loads(bytes(frames[-2])) == {"m": wanted}


@pytest.mark.parametrize(
    "make",
    [
        lambda: (n for n in [1, 2]),
        lambda: iter([1, 2]),
        lambda: map(int, "12"),
        lambda: itertools.islice(itertools.count(1), 2),
    ],
)
def test_an_iterator_is_read_once(make: Any) -> None:
    """Whatever else the codec must be helped with, nothing of it is lost."""
    assert json.loads(encode_json({"a": make(), "b": "\ud800", "c": {3}})) == {
        "a": [1, 2],
        "b": "\\ud800",
        "c": [3],
    }


def endless() -> Iterator[int]:
    """Never end."""
    return itertools.count()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Owner(), "wanted a JSON value, found <Owner>"),
        ({"a": [1, {"b": Owner()}]}, "a[1].b: wanted a JSON value, found <Owner>"),
        ({"not a name": Owner()}, '["not a name"]: wanted a JSON value, found <Owner>'),
        ({"a": {1: Owner()}}, 'a["1"]: wanted a JSON value, found <Owner>'),
        (Pair(1, Owner()), "other: wanted a JSON value, found <Owner>"),
        (Box(Owner()), "held: wanted a JSON value, found <Owner>"),
        (np.array([Owner()]), "[0]: wanted a JSON value, found <Owner>"),
        (pd.DataFrame({"a": [Owner()]}), "a[0]: wanted a JSON value, found <Owner>"),
        ((n for n in [1, Owner()]), "[1]: wanted a JSON value, found <Owner>"),
        (Owner, "wanted a JSON value, found <class Owner>"),
        (Kind, "wanted a JSON value, found <class Kind>"),
        (np.ndarray, "wanted a JSON value, found <class ndarray>"),
        (len, "wanted a JSON value, found <builtin_function_or_method>"),
        (endless, "wanted a JSON value, found <function>"),
        (sys, "wanted a JSON value, found <module>"),
        (object(), "wanted a JSON value, found <object>"),
        (..., "wanted a JSON value, found <ellipsis>"),
        (io.StringIO("a"), "wanted a JSON value, found <StringIO>"),
        (Symbol(), "wanted a JSON value, found <Symbol>"),
        (Proxy(), "wanted a JSON value, found <Proxy>"),
        ({(1, 2): 3}, "wanted a key that is text or a number, found <tuple>"),
        ({"a": {Owner: 3}}, "a: wanted a key that is text or a number, found <type>"),
        (range(10**12), "wanted a JSON value, found <range> of more than 10,000,000 items"),
        (
            pd.DataFrame([[1, 2]], columns=["a", "a"]),
            "wanted a JSON value, found <DataFrame> that has a key more than once",
        ),
        (Raising(), "wanted a JSON value, found <Raising>: OSError while it was read"),
    ],
)
def test_what_has_no_form_is_named_by_its_path(value: object, message: str) -> None:
    """It is never its repr: the text of a value is not the value."""
    with pytest.raises(JsonError) as caught:
        encode_json(value)

    assert str(caught.value) == message
    assert caught.value.__suppress_context__


def test_the_path_begins_with_the_field() -> None:
    """The error of a content names the field, that of metadata says so."""
    session = make_session()
    owner: Any = Owner()
    content = DisplayData(data={"application/json": {"points": [1, 2, 3, {"owner": owner}]}})

    with pytest.raises(JsonError) as in_content:
        session.pack(content)
    with pytest.raises(JsonError) as in_metadata:
        session.pack(DisplayData(data={}), metadata={"a": owner})

    path = 'data["application/json"].points[3].owner'
    assert str(in_content.value) == f"{path}: wanted a JSON value, found <Owner>"
    assert str(in_metadata.value) == "metadata.a: wanted a JSON value, found <Owner>"


def test_a_file_that_is_open_is_no_list(tmp_path: Path) -> None:
    """It is not read."""
    path = tmp_path / "file"
    path.write_text("a\nb\n")

    with path.open() as file:
        with pytest.raises(JsonError):
            encode_json({"a": file})
        assert file.read() == "a\nb\n"


@pytest.mark.parametrize("known", [LocalError, TypeError, ValueError])
def test_the_error_is_caught_as_programs_know_it(known: type[Exception]) -> None:
    """`json.dumps` raises TypeError for an object and ValueError for a circle."""
    with pytest.raises(known):
        encode_json(Owner())


def test_no_library_is_imported() -> None:
    """What is converted brings its own library."""
    code = (
        "import sys\nfrom assay.protocol import encode_json\nencode_json({1: {2}, 'a': range(3)})\n"
        "assert not {'numpy', 'pandas'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
