"""Results and displays of Python's own types, which are formatted the short way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.formatters import BaseFormatter, DisplayFormatter

from assay.kernel.ipython.speedups._formatter import DisplayFormatter as QuickFormatter

HTML = "text/html"
TEXT = "text/plain"


class Shown:
    """An object that knows how it is shown."""

    def _repr_html_(self) -> str:
        return "<b>shown</b>"


class Number(int):
    """A number that knows how it is shown."""

    def _repr_latex_(self) -> str:
        return "$n$"


OBJECTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)
SPECIAL = (Shown(), Number(3), Shown, int, {1, 2}, frozenset({1}), 1j, object, len, range(3))


@given(OBJECTS | st.sampled_from(SPECIAL))
def test_the_short_way_finds_the_same(obj: object) -> None:
    """What is found for any object is what IPython's own formatter finds."""
    assert QuickFormatter().format(obj) == DisplayFormatter().format(obj)


def register_type(formatter: BaseFormatter) -> None:
    formatter.for_type(int, lambda _: "<i>int</i>")


def register_base(formatter: BaseFormatter) -> None:
    formatter.for_type(object, lambda _: "<i>anything</i>")


def register_name(formatter: BaseFormatter) -> None:
    formatter.for_type_by_name("builtins", "int", lambda _: "<i>by name</i>")


def register_one(formatter: BaseFormatter) -> None:
    formatter.singleton_printers[id(SEVEN)] = lambda _: "<i>seven</i>"


SEVEN = 7


def register_anew(formatter: BaseFormatter) -> None:
    formatter.type_printers = {int: lambda _: "<i>int</i>"}


REGISTER = [register_type, register_base, register_name, register_one, register_anew]


@pytest.mark.parametrize("register", REGISTER)
def test_a_registered_printer_is_asked(register: Any) -> None:
    """A printer that a program registers for a number is used from then on."""
    quick, plain = QuickFormatter(), DisplayFormatter()
    assert quick.format(SEVEN) == ({TEXT: "7"}, {})
    for formatter in (quick, plain):
        register(formatter.formatters[HTML])

    assert HTML in quick.format(SEVEN)[0]
    assert quick.format(SEVEN) == plain.format(SEVEN)


def print_type(formatter: BaseFormatter) -> None:
    formatter.for_type(int, lambda _, printer, __: printer.text("int"))


def print_one(formatter: BaseFormatter) -> None:
    formatter.singleton_printers[id(SEVEN)] = lambda _, printer, __: printer.text("seven")


@pytest.mark.parametrize(("register", "text"), [(print_type, "int"), (print_one, "seven")])
def test_a_printer_of_text_is_asked(register: Any, text: str) -> None:
    """A printer that a program registers for a number's text is used from then on."""
    quick = QuickFormatter()
    assert quick.format(SEVEN) == ({TEXT: "7"}, {})
    register(quick.formatters[TEXT])

    assert quick.format(SEVEN) == ({TEXT: text}, {})


def test_a_number_that_python_does_not_write(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a number with too many digits there is no text, and the reason is shown."""
    number = 10**5_000

    assert QuickFormatter().format(number) == DisplayFormatter().format(number) == ({}, {})
    assert capsys.readouterr().err.count("ValueError: Exceeds the limit") == 2


def test_a_formatter_of_somebodys_own_is_asked() -> None:
    """A formatter that IPython does not bring may say something of everything."""

    class Own(BaseFormatter):  # type: ignore[misc]  # IPython is untyped here
        format_type = "application/x-own"

        def __call__(self, obj: object) -> str:
            return f"own {obj}"

    quick = QuickFormatter()
    quick.register_formatter(Own())

    assert quick.format(SEVEN)[0] == {"text/plain": "7", "application/x-own": "own 7"}


@pytest.mark.parametrize(("include", "exclude"), [([HTML], None), (None, [TEXT])])
def test_a_choice_of_representations_is_kept(
    include: list[str] | None, exclude: list[str] | None
) -> None:
    """Who asks for some representations alone gets them alone."""
    assert QuickFormatter().format(SEVEN, include, exclude) == ({}, {})


def test_text_that_is_switched_off_is_not_given() -> None:
    """Where text/plain is not active there is nothing left to show."""
    quick = QuickFormatter()
    quick.active_types = [HTML]

    assert quick.format(SEVEN) == DisplayFormatter(active_types=[HTML]).format(SEVEN)
