"""Let a search for a name of the API list just that name before all that begins with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

EXACT = 30.0
"""What counts a name with which other titles begin: more than a chapter of the specification.

A search takes each word for the beginning of one, and a rare word for more than a common one: of
`ConnectionFile` and `ConnectionFileError` the second would be the first.
"""

LONGER = 0.5
"""What counts a name that begins with another."""


def weighed(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the *entries* of a search index, those of the API weighed by their names."""
    names = {one["title"].casefold() for one in entries if _is_name(one)}
    titles = [one["title"].casefold() for one in entries]
    short = {
        name for name in names if any(title.startswith(name) and title != name for title in titles)
    } | {name for name in names if titles.count(name) > 1}
    return [_weighed(one, names, short) if _is_name(one) else one for one in entries]


def _is_name(entry: dict[str, Any]) -> bool:
    """Return whether *entry* is a public name of a package, and no attribute of one."""
    page, _, anchor = str(entry["location"]).partition("#")
    return page.startswith("api/") and anchor.count(".") == 2


def _weighed(entry: dict[str, Any], names: set[str], short: set[str]) -> dict[str, Any]:
    title = str(entry["title"]).casefold()
    if any(title[:end] in names for end in range(1, len(title))):
        return {**entry, "boost": LONGER}
    return {**entry, "boost": EXACT} if title in short else entry


def on_post_build(*, config: Any, **_: object) -> None:
    """Be called by mkdocs when the site is written."""
    path = Path(config["site_dir"]) / "search" / "search_index.json"
    index = json.loads(path.read_text("utf-8"))
    index["docs"] = weighed(index["docs"])
    path.write_text(json.dumps(index, separators=(",", ":")), "utf-8")
