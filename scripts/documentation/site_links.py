"""Warn of each link of the built site that leads nowhere: mkdocs compares sources, not pages.

It drops a page whose place another one has, and finds no fault with the links to it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from posixpath import join, normpath
from urllib.parse import unquote, urlsplit

LOG = logging.getLogger("mkdocs.hooks.site_links")
"""A warning here ends a build with ``--strict``, as each of mkdocs' own does."""


class Page(HTMLParser):
    """What one page refers to, and the places in it that others may refer to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: dict[str, None] = {}
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if value and key in {"href", "src"}:
                self.targets[value] = None
            elif value and (key == "id" or (key, tag) == ("name", "a")):
                self.anchors.add(value)


def on_post_build(*, config: Mapping[str, object], **_: object) -> None:
    """Be called by mkdocs when the site is written."""
    for line in dead(Path(str(config["site_dir"]))):
        LOG.warning(line)


def dead(site: Path) -> Iterator[str]:
    """Yield a line for each link within *site* whose file or anchor does not exist."""
    pages = {
        path.relative_to(site).as_posix(): Page(path.read_text("utf-8"))
        for path in sorted(site.rglob("*.html"))
    }
    for name, page in pages.items():
        for target in page.targets:
            if reason := _lacking(site, pages, name, target):
                yield f"{name}: the link '{target}' leads to {reason}, which does not exist"


def _lacking(site: Path, pages: Mapping[str, Page], name: str, target: str) -> str:
    """Return the file or anchor that *target*, a link of the page *name*, does not find."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return ""
    wanted = _file(site, name, unquote(parts.path))
    anchor = unquote(parts.fragment)
    if not (site / wanted).is_file():
        return wanted
    if anchor and wanted in pages and anchor not in pages[wanted].anchors:
        return f"{wanted}#{anchor}"
    return ""


def _file(site: Path, name: str, path: str) -> str:
    """Return the file of *site* that a browser shows for *path* in the page *name*."""
    if not path:
        return name
    folder = name.rpartition("/")[0]
    found = normpath(path.lstrip("/") if path.startswith("/") else join(folder, path))
    return join(found, "index.html") if (site / found).is_dir() else found
