"""Make each id of a requirement or an erratum a link to its chapter, wherever it is written."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

CHAPTERS = Path(__file__).resolve().parents[2] / "spec" / "chapters"

HEADING = re.compile(r"^### ([A-Z]+-\d{2,})$", re.MULTILINE)
ID = re.compile(r"\b[A-Z]+-\d{2,}\b(?!\.\d)")
TAG = re.compile(r"<(/?)(\w+)[^>]*>")
CLOSED = frozenset({"a", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "script", "style"})
"""Elements whose text stays as it is."""


@cache
def places() -> dict[str, str]:
    """Return the chapter and anchor of each id."""
    return {
        found: f"spec/chapters/{path.stem}/#{found.lower()}"
        for path in CHAPTERS.glob("*.md")
        for found in HEADING.findall(path.read_text("utf-8"))
    }


def linked(html: str, up: str) -> str:
    """Return *html* with a link around each id; *up* leads from the page to the site's root."""
    made: list[str] = []
    inside: list[str] = []
    at = 0
    for tag in TAG.finditer(html):
        made += [_linked_text(html[at : tag.start()], up) if not inside else html[at : tag.start()]]
        made.append(tag[0])
        at = tag.end()
        name = tag[2].lower()
        if name in CLOSED and not tag[0].endswith("/>"):
            if not tag[1]:
                inside.append(name)
            elif name in inside:
                inside.remove(name)
    return "".join([*made, _linked_text(html[at:], up)])


def _linked_text(text: str, up: str) -> str:
    def link(match: re.Match[str]) -> str:
        place = places().get(match[0])
        return match[0] if place is None else f'<a href="{up}{place}">{match[0]}</a>'

    return ID.sub(link, text)


def on_page_content(html: str, *, page: Any, **_: object) -> str:
    """Be called by mkdocs for each page."""
    return linked(html, "../" * page.url.count("/"))
