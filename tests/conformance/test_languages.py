"""The languages that come with the package are as docs/conformance.md and their schema say."""

from __future__ import annotations

import json
import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from assay.conformance import SNIPPETS, Language, LanguageError, known_languages, language_for

Validator: Any = import_module("jsonschema").Draft202012Validator  # has no types of its own

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "src" / "conformance" / "languages").glob("*.toml"))
SCHEMA = json.loads((ROOT / "spec" / "language.schema.json").read_text("utf-8"))

WANTED = (
    *("python", "bash", "zsh", "fish", "R", "julia", "javascript", "typescript", "c++"),
    *("octave", "lua", "scheme", "clojure", "kotlin", "prolog", "forth", "sql"),
)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_file_fits_the_schema(file: Path) -> None:
    """Each file fits the schema in spec/, and is read."""
    text = file.read_text("utf-8")

    Validator(SCHEMA).validate(tomllib.loads(text))

    assert Language.read(text, file.name).snippets


def test_schema_has_every_snippet() -> None:
    """The schema knows the snippets that the checks know, with the same words."""
    described = SCHEMA["properties"]["snippets"]["properties"]
    words = {
        name: tuple(re.sub(r"\W", "", one["pattern"]) for one in entry.get("allOf", ()))
        for name, entry in described.items()
    }

    assert words == dict(SNIPPETS)


def test_document_has_every_snippet() -> None:
    """The table of docs/conformance.md has every snippet."""
    text = (ROOT / "docs" / "conformance.md").read_text("utf-8")

    assert [name for name in SNIPPETS if f"`{name}`" not in text] == []


def test_a_name_means_one_language() -> None:
    """No two languages answer to one name."""
    names = [name for language in known_languages() for name in language.matches]

    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("name", [*WANTED, "IPython", "C++17", "r", "sqlite3"])
def test_language_is_found_by_its_name(name: str) -> None:
    """The name in ``language_info`` leads to the snippets, however it is capitalised."""
    assert language_for(name) is not None


def test_words_are_put_in() -> None:
    """Words in braces are replaced, and the braces of the language stay."""
    javascript = language_for("javascript")
    assert javascript is not None

    code = javascript.snippet("sleep", seconds=2)

    assert code.startswith("{ const")
    assert "2 * 1000" in code
    assert "{seconds}" not in code


def test_a_word_may_be_called_name() -> None:
    """The words of a snippet do not clash with the name of the snippet."""
    julia = language_for("julia")
    assert julia is not None

    assert julia.snippet("define", name="assay", number=5) == "assay = 5"


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ("format = 1\nname = 5\n[snippets]", "wanted a name, found 5"),
        ("name = 'x'\n[snippets]", "wanted format 1, found None"),
        ("format = 1\nname = 'x'", "wanted a table of snippets, found None"),
        ("format = 1\nname = 'x'\n[snippet]", "found 'snippet'; did you mean snippets?"),
        ("format = 1\nname = 'x'\nmatches = 5\n[snippets]", "wanted a list of text as matches"),
        ("format = 1\nname = 'x'\nmatches = 'xy'\n[snippets]", "as matches, found 'xy'"),
        ("format = 1\nname = 'x'\nmatches = [5]\n[snippets]", "as matches, found [5]"),
        ("format = 1\nname = 'x'\n[snippets]\nprnt = ''", "found 'prnt'; did you mean print"),
        ("format = 1\nname = 'x'\n[snippets]\nqq = ''", "found 'qq'; there are nothing, print"),
        ("format = 1\nname = 'x'\n[snippets]\nprint = 'p'", "print: wanted {text} in it"),
        ("format = 1\nname = 'x'\n[snippets]\nloop = 4", "loop: wanted text, found 4"),
    ],
)
def test_file_that_is_no_language(rows: str, complaint: str) -> None:
    """What does not fit the schema is refused, and what is wrong in which file is named."""
    assert not Validator(SCHEMA).is_valid(tomllib.loads(rows))

    with pytest.raises(LanguageError, match=r"^x\.toml: ") as caught:
        Language.read(rows, "x.toml")
    assert complaint in str(caught.value)
