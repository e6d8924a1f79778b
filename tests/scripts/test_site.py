"""The documentation site: ids become links, and pages keep the links that lead somewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from scripts.documentation import requirement_links, search_order, site_links

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
    # For mkdocs a block of code has one word, its language, and README.md is a folder's index.
    assert "\n```python\nc.IPKernelApp" in (tmp_path / "docs" / "options.md").read_text("utf-8")
    start = (tmp_path / "README.md").read_text("utf-8")
    assert start.index("](api/spec.md)") < start.index("\n## ")
    assert not (tmp_path / "index.md").exists()


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


def test_a_name_is_listed_before_what_begins_with_it(tmp_path: Path) -> None:
    """A search is for the beginnings of words; what is no name of the API counts as before."""
    places = {
        "ConnectionFile": "api/protocol/#assay.protocol.ConnectionFile",
        "ConnectionFileError": "api/protocol/#assay.protocol.ConnectionFileError",
        "connection_file": "api/transport/#assay.transport.Kernel.connection_file",
        "Content": "api/protocol/#assay.protocol.Content",
        "content": "api/protocol/#assay.protocol.Message.content",
        "Signer": "api/protocol/#assay.protocol.Signer",
        "ConnectionFiles": "docs/options/#files",
    }
    entries = [{"title": title, "location": at, "text": ""} for title, at in places.items()]
    written = tmp_path / "search" / "search_index.json"
    written.parent.mkdir()
    written.write_text(json.dumps({"config": {}, "docs": entries}), "utf-8")

    search_order.on_post_build(config={"site_dir": str(tmp_path)})

    index = json.loads(written.read_text("utf-8"))
    assert {one["title"]: one["boost"] for one in index["docs"] if "boost" in one} == {
        "ConnectionFile": search_order.EXACT,
        "ConnectionFileError": search_order.LONGER,
        "Content": search_order.EXACT,
    }
    assert "- search_order.py\n" in site.CONFIGURATION.read_text("utf-8")


def test_every_chapter_is_in_the_navigation() -> None:
    """A chapter that is left out could not be found."""
    assert site.unlisted() == []


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("pages/", ""),
        ("pages/#there", ""),
        ("/pages/index.html#a%20name", ""),
        ("#start", ""),
        ("?q=1", ""),
        ("mailto:a@example.org", ""),
        ("//example.org/x", ""),
        ("pages/#lost", "pages/index.html#lost"),
        ("#lost", "index.html#lost"),
        ("README.md", "README.md"),
        ("/lost/", "lost"),
        ("pages/../lost.png", "lost.png"),
        ("empty/", "empty/index.html"),
    ],
)
@pytest.mark.parametrize("page", ["index.html", "pages/index.html"])
def test_a_link_that_leads_nowhere_is_named(
    link: str, found: str, page: str, tmp_path: Path
) -> None:
    """To a page, a file or an anchor, from any folder; what is elsewhere is not looked for."""
    (tmp_path / "pages").mkdir()
    (tmp_path / "empty").mkdir()
    start, other = tmp_path / "index.html", tmp_path / "pages" / "index.html"
    start.write_text('<h1 id="start"></h1>', "utf-8")
    other.write_text('<h1 id="there"></h1><a name="a name"></a><h1 id="start"></h1>', "utf-8")
    tag = "img src" if link.endswith(".png") else "a href"
    up = "../" if page != "index.html" and link[0] not in "/#?m" else ""
    with (tmp_path / page).open("a", encoding="utf-8") as file:
        file.write(f'<p><{tag}="{up}{link}"></p><code>&lt;a href="no"&gt;</code>')

    lines = list(site_links.dead(tmp_path))

    found = found if not link.startswith("#") else found.replace("index.html", page)
    assert [line.split("leads to ")[1].split(",")[0] for line in lines] == (
        [found] if found else []
    )
    assert all(line.startswith(f"{page}: the link '{up}{link}'") for line in lines)


def test_a_dead_link_ends_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """mkdocs fails for what the hook warns of, and the reason is shown without the rest."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "unlisted.md").write_text("# Of which mkdocs makes a list\n", "utf-8")
    (tmp_path / "docs" / "index.md").write_text(
        '# Start\n\n<a href="gone.html">gone</a>\n', "utf-8"
    )
    configuration = tmp_path / "mkdocs.yml"
    configuration.write_text(
        f"site_name: x\nnav: [index.md]\nhooks: [{site_links.__file__}]\n", "utf-8"
    )
    assert "- site_links.py\n" in site.CONFIGURATION.read_text("utf-8")
    monkeypatch.setattr(site, "CONFIGURATION", configuration)
    monkeypatch.setattr(site, "SITE", tmp_path / "site")
    monkeypatch.setattr(site, "collect", lambda: None)
    monkeypatch.setattr(site, "unlisted", list)

    assert site.main([]) == 1

    shown = capfd.readouterr().err
    assert "index.html: the link 'gone.html' leads to gone.html, which does not exist" in shown
    assert "INFO" not in shown
    assert "unlisted.md" not in shown
