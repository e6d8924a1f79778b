"""Build the documentation site: all pages, the specification, and the API from its docstrings.

    python scripts/site.py           build it into build/site; open build/site/index.html
    python scripts/site.py --serve   show it on a local port, and build it anew with each change

Needs the `dev` extra. A warning, such as a link that leads nowhere, ends the build. Pages stay as
they are in the repository; this copies them, adds what is generated, and makes each id of a
requirement or erratum a link.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from posixpath import normpath
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "build" / "site-sources"
SITE = ROOT / "build" / "site"
CONFIGURATION = ROOT / "scripts" / "documentation" / "mkdocs.yml"

TOP = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
FOLDERS = ("docs", "spec/chapters", "examples/verifiers")
PACKAGES = ("protocol", "transport", "kernel", "testing", "spec")
"""What the API reference covers."""

WEIGHTS = {"docs/kernels/": 0.01, "docs/conformance-matrix": 0.1, "spec/chapters/": 10.0}
"""What a page counts in a search: who looks for an id wants the sentence, not who breaks it."""

LOGO = ROOT / "src" / "kernel" / "resources" / "logo-svg.svg"

FENCE = re.compile(r"^(\s*```\w+) .*$", re.MULTILINE)
"""A block of code with more than its language: what a test shall know of it, and mkdocs not."""

LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
ANCHOR = re.compile(r"[^\w\- ]")


def collect() -> None:
    """Write everything that mkdocs reads into `SOURCES`."""
    shutil.rmtree(SOURCES, ignore_errors=True)
    pages = list(_pages())
    there = {page.relative_to(ROOT).as_posix() for page in pages}
    for page in pages:
        name = page.relative_to(ROOT).as_posix()
        text = FENCE.sub(r"\1", page.read_text("utf-8"))
        _write(name, _weighed(name) + _linked(text, name, there))
    for picture in (ROOT / "docs").rglob("*"):
        if picture.suffix in {".png", ".svg"}:
            _copy(picture)
    for schema in sorted((ROOT / "spec" / "schemas").rglob("*.json")):
        _copy(schema)
    (SOURCES / "assets").mkdir()
    shutil.copy(LOGO, SOURCES / "assets" / "logo.svg")
    _write("spec/schemas.md", _schemas())
    for package in PACKAGES:
        _write(f"api/{package}.md", _reference(package))
    # No index.md: mkdocs shows README.md of a folder as its index, and would drop it for another.
    _write("README.md", _opened((SOURCES / "README.md").read_text("utf-8")))


def unlisted() -> list[str]:
    """Return the chapters and pages that the navigation lacks: nobody would find them."""
    listed = CONFIGURATION.read_text("utf-8")
    pages = [*(ROOT / "spec" / "chapters").glob("*.md"), *(ROOT / "docs").glob("*.md")]
    names = sorted(str(page.relative_to(ROOT)) for page in pages)
    return [name for name in names if f"- {name}\n" not in listed]


def _pages() -> Iterator[Path]:
    yield from (ROOT / name for name in TOP)
    yield ROOT / "spec" / "README.md"
    for folder in FOLDERS:
        yield from sorted((ROOT / folder).rglob("*.md"))


def _write(name: str, text: str) -> None:
    path = SOURCES / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _weighed(name: str) -> str:
    """Return what stands before the page *name*, so that a search weighs it as `WEIGHTS` say."""
    for folder, weight in WEIGHTS.items():
        if name.startswith(folder):
            return f"---\nsearch:\n  boost: {weight}\n---\n"
    return ""


def _copy(path: Path) -> None:
    target = SOURCES / path.relative_to(ROOT)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, target)


def _linked(text: str, name: str, there: set[str]) -> str:
    """Return *text* with the links to what is no page of the site as plain words."""
    folder = name.rpartition("/")[0]
    # A page's title is its first line, where mkdocs looks for it.
    text = re.sub(r"\A<!--.*?-->\s*", "", text)

    def change(match: re.Match[str]) -> str:
        words, target, anchor = match.groups()
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        path = normpath(f"{folder}/{target}" if folder else target)
        index = f"{path}/README.md"
        if path in there or (ROOT / path).suffix in {".png", ".svg"}:
            return match[0]
        if path.startswith("spec/schemas/"):
            return f"[{words}]({_up(folder)}spec/schemas.md)"
        if index in there:
            return f"[{words}]({target.rstrip('/')}/README.md{anchor or ''})"
        return str(words)

    return LINK.sub(change, text)


def _up(folder: str) -> str:
    return "../" * (folder.count("/") + 1) if folder else ""


def _opened(text: str) -> str:
    """Return the start page: *text*, with what the site alone has before its first section."""
    api = ", ".join(f"[`assay.{one}`](api/{one}.md)" for one in PACKAGES)
    first, section, rest = text.partition("\n## ")
    return f"""{first}
On this site: [all pages](docs/README.md); the protocol,
[requirement by requirement](spec/chapters/README.md), with its [errata](spec/chapters/errata.md)
and [schemas](spec/schemas.md); and the library, {api}.
{section}{rest}"""


# The schemas


def _schemas() -> str:
    index = json.loads((ROOT / "spec" / "schemas" / "index.json").read_text("utf-8"))
    newest = index["protocol"]
    parts = [
        "# Schemas\n",
        f"What each message, header and file of protocol {newest} holds, from the strict profile. "
        "The files are [JSON Schema](../docs/spec-format.md#schemas); "
        "the [index](schemas/index.json) names those of older versions too.\n",
    ]
    for name, entry in sorted(index["versions"][newest].items()):
        schema = json.loads((ROOT / "spec" / "schemas" / entry["strict"]).read_text("utf-8"))
        parts += [f"## {name}\n", f"{schema['description']}\n"]
        where = ", ".join(entry.get("channels", ()))
        if where:
            parts.append(f"Sent by: {entry['sender']}. Channels: {where}.\n")
        forms = schema.get("$defs", {"": schema})
        parts += [_form(title, form) for title, form in forms.items()]
        files = " and ".join(f"[{one}](schemas/{entry[one]})" for one in ("strict", "lenient"))
        parts.append(f"Files: {files}.\n")
    return "\n".join(parts)


def _form(title: str, form: dict[str, Any]) -> str:
    rows = ["| key | type | | meaning |", "|---|---|---|---|"]
    needed = form.get("required", ())
    for key, one in form.get("properties", {}).items():
        text = str(one.get("description", "")).replace("|", "\\|")
        mark = "required" if key in needed else ""
        rows.append(f"| `{key}` | {_type(one)} | {mark} | {text} |")
    head = f"**{title}**\n\n" if title and title != "content" else ""
    return head + ("\n".join(rows) if len(rows) > 2 else "No keys.") + "\n"


def _type(schema: dict[str, Any]) -> str:
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " or ".join(f"`{json.dumps(value)}`" for value in values)
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    found = schema.get("type", "anything")
    return found if isinstance(found, str) else " or ".join(found)


# The API


def _reference(package: str) -> str:
    module = import_module(f"assay.{package}")
    names = sorted(module.__all__, key=str.casefold)
    return "\n".join(
        [f"# assay.{package}\n", f"{_prose(module.__doc__ or '')}\n"]
        + [_entry(package, name, getattr(module, name)) for name in names]
    )


def _entry(package: str, name: str, value: object) -> str:
    home = getattr(value, "__module__", None) or type(value).__module__
    if type(value).__module__.startswith("msgspec") or str(home).startswith("msgspec"):
        return f"## {name}\n\nAs in `msgspec`: what marks a field as absent.\n"
    return f"::: assay.{package}.{name}\n"


def _prose(text: str) -> str:
    return re.sub(r"``([^`]+)``", r"`\1`", text.strip()).replace("::\n", ":\n")


# The command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description="Build the documentation site.")
    parser.add_argument("--serve", action="store_true", help="show it on a local port")
    options = parser.parse_args(arguments)
    if missing := unlisted():
        print(f"{CONFIGURATION}: wanted {', '.join(missing)} in nav, found none", file=sys.stderr)
        return 1
    collect()
    if options.serve:
        return _mkdocs("serve").returncode
    built = _mkdocs("build", "--strict", "--site-dir", str(SITE), stderr=subprocess.PIPE)
    if built.returncode:
        # With --quiet mkdocs would keep its warnings to itself too, for which it has failed.
        print(_without_news(built.stderr), file=sys.stderr)
    else:
        print(f"built {SITE / 'index.html'}")
    return built.returncode


def _without_news(text: str) -> str:
    """Return what mkdocs wrote without its lines of level INFO and the lists below them."""
    return re.sub(r"^INFO .*\n(?:  .*\n)*", "", text, flags=re.MULTILINE).strip()


def _mkdocs(*arguments: str, stderr: int | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", *arguments, "--config-file", str(CONFIGURATION)]
    # Its makers announce another program at each run.
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        command, cwd=ROOT, check=False, env=environment, stderr=stderr, text=True, encoding="utf-8"
    )


if __name__ == "__main__":
    sys.exit(main())
