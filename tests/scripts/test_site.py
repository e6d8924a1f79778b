"""The documentation site: ids become links, and pages keep the links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scripts.documentation import requirement_links

from scripts import site


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        (
            "<p>See EXEC-20.</p>",
            '<p>See <a href="../spec/chapters/execute/#exec-20">EXEC-20</a>.</p>',
        ),
        (
            "<code>AMB-06</code>",
            '<code><a href="../spec/chapters/errata/#amb-06">AMB-06</a></code>',
        ),
        ('<a href="#x">EXEC-20</a>', '<a href="#x">EXEC-20</a>'),
        ('<h3 id="exec-20">EXEC-20</h3>', '<h3 id="exec-20">EXEC-20</h3>'),
        ("<pre><code>EXEC-20</code></pre>", "<pre><code>EXEC-20</code></pre>"),
        ("<p>SHA-256, EXEC-99 and EXEC-20.1</p>", "<p>SHA-256, EXEC-99 and EXEC-20.1</p>"),
    ],
)
def test_ids_become_links(html: str, wanted: str) -> None:
    """An id that exists leads to its chapter; names, checks, headings and code blocks stay."""
    assert requirement_links.linked(html, "../") == wanted


def test_every_id_has_a_place() -> None:
    """Requirements and errata alike."""
    found = requirement_links.places()

    assert len(found) > 400
    assert found["WIRE-01"] == "spec/chapters/wire/#wire-01"


def test_pages_keep_what_leads_somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links to pages stay, those to sources become words, and the notice does not hide a title."""
    monkeypatch.setattr(site, "SOURCES", tmp_path)

    site.collect()

    chapter = (tmp_path / "spec" / "chapters" / "execute.md").read_text("utf-8")
    assert chapter.startswith("---\nsearch:\n  boost: 10.0\n---\n# Running code\n")
    report = (tmp_path / "docs" / "kernels" / "deno.md").read_text("utf-8")
    assert report.startswith("---\nsearch:\n  boost: 0.01\n---\n# deno\n")
    assert "](errata.md#amb-06)" in chapter
    languages = (tmp_path / "docs" / "languages.md").read_text("utf-8")
    assert "../src/" not in languages
    assert "::: assay.spec.requirement\n" in (tmp_path / "api" / "spec.md").read_text("utf-8")
    schemas = (tmp_path / "spec" / "schemas.md").read_text("utf-8")
    assert "## execute_request\n" in schemas
    assert "| `code` | string | required |" in schemas


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("see EXEC-20, (AMB-06).", ["see", "EXEC", "20", "AMB", "06"]),
        ("EXEC-20.1: 5.5", ["EXEC", "20.1", "5.5"]),
        ("`assay.protocol.ConnectionFile`", ["assay", "protocol", "ConnectionFile"]),
        ('stop_on_error="x" on-line', ["stop_on_error", "x", "on", "line"]),
    ],
)
def test_a_search_is_not_stopped_by_punctuation(text: str, words: list[str]) -> None:
    """A word is found whatever stands around it, and a number of a version stays whole."""
    (separator,) = re.findall(r"separator: '(.*)'", site.CONFIGURATION.read_text("utf-8"))

    assert [word for word in re.split(separator, text) if word] == words


def test_every_chapter_is_in_the_navigation() -> None:
    """A chapter that is left out would be found by nobody."""
    assert site.unlisted() == []
