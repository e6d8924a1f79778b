"""Show what the public documents say otherwise than when the register was compared with them.

    python scripts/upstream.py FOLDER             a copy of jupyter_client's docs, or of its sources
    python scripts/upstream.py --download         the newest release, by pip
    python scripts/upstream.py FOLDER --base OLD  show the changed lines as well
    python scripts/upstream.py FOLDER --pin COMMIT RELEASE   write spec/upstream.toml anew

spec/upstream.toml pins the commit, and a digest of each section. The exit status is 0 if nothing
has changed, 1 if something has, 2 if there is nothing to compare.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PIN = ROOT / "spec" / "upstream.toml"
REGISTER = ROOT / "spec" / "requirements.toml"
DOCUMENTS = ("messaging.rst", "kernels.rst", "security.rst", "wrapperkernels.rst")
MARKS = "=-~#"
"""What the documents underline headings with, the outermost first."""

CHANNELS = {"Control": "control", "IOPub": "IOPub", "shell": "shell", "stdin": "stdin"}
"""Tells headings apart that stand twice: the channel in the heading above."""


class UpstreamError(Exception):
    """There is nothing to compare; the message says why."""


def sections(text: str) -> dict[str, str]:
    """Return the text of each section of a document by its heading, without what is below it.

    Two sections of one name are told apart by their channel, as the register does it.
    """
    found: list[tuple[str, str, list[str]]] = []
    above = ""
    lines = text.splitlines()
    for at, line in enumerate(lines):
        if _is_heading(lines, at):
            title = _plain(line)
            if lines[at + 1][0] == "=":
                above = title
            found.append((title, above, []))
        elif found and not (at and _is_heading(lines, at - 1)):
            found[-1][2].append(line.rstrip())
    made: dict[str, str] = {}
    for title, chapter, body in found:
        made[_told_apart(title, chapter) if title in made else title] = "\n".join(body).strip()
    return made


def _is_heading(lines: Sequence[str], at: int) -> bool:
    if at + 1 >= len(lines) or not lines[at].strip():
        return False
    below = lines[at + 1].rstrip()
    return (
        len(below) > 3
        and below[0] in MARKS
        and set(below) == {below[0]}
        and lines[at][0] != below[0]
    )


def _plain(title: str) -> str:
    return " ".join(title.replace("`", "").split())


def _told_apart(title: str, chapter: str) -> str:
    channel = next((short for word, short in CHANNELS.items() if word in chapter), chapter)
    return f"{title} ({channel})"


def digest(text: str) -> str:
    """Return what a section is recognised by: its words, however they are broken into lines."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:16]


def documents(folder: Path) -> dict[str, dict[str, str]]:
    """Return the sections of each document in *folder*, or in ``docs`` below it.

    Raises:
        UpstreamError: one of the documents is not there.
    """
    inner = folder / "docs" if (folder / "docs" / DOCUMENTS[0]).is_file() else folder
    missing = [name for name in DOCUMENTS if not (inner / name).is_file()]
    if missing:
        raise UpstreamError(
            f"{folder}: wanted {', '.join(missing)} of jupyter_client's docs, found none"
        )
    return {name: sections((inner / name).read_text("utf-8")) for name in DOCUMENTS}


def download(into: Path) -> Path:
    """Return the sources of the newest release, by pip.

    Raises:
        UpstreamError: pip could not get them: there is no network, or no index.
    """
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-binary",
        ":all:",
    ]
    try:
        done = subprocess.run(
            [*command, "--dest", str(into), "jupyter_client"],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise UpstreamError(f"pip could not be run: {error}") from error
    archive = next(into.glob("jupyter_client-*.tar.gz"), None)
    if archive is None:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise UpstreamError(
            f"wanted the sources of jupyter_client by pip, found none: {last}\n"
            "Without a network, give the folder of a copy: python scripts/upstream.py FOLDER"
        )
    with tarfile.open(archive) as packed:
        packed.extractall(into, filter="data")
    return next(path for path in into.iterdir() if path.is_dir())


def changes(
    pinned: Mapping[str, Mapping[str, str]], found: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, str, str]]:
    """Yield document, section and what became of it: changed, new or gone."""
    for name in DOCUMENTS:
        before, now = pinned.get(name, {}), found[name]
        for title in [*now, *(one for one in before if one not in now)]:
            if title not in now:
                yield name, title, "gone"
            elif title not in before:
                yield name, title, "new"
            elif before[title] != digest(now[title]):
                yield name, title, "changed"


def citing(register: Path = REGISTER) -> dict[str, list[str]]:
    """Return the ids of the requirements that cite each section."""
    made: dict[str, list[str]] = {}
    for one in tomllib.loads(register.read_text("utf-8"))["requirement"]:
        for source in one["source"]:
            made.setdefault(source, []).append(one["id"])
    return made


def _report(
    pin: Mapping[str, object],
    found: Mapping[str, Mapping[str, str]],
    base: Mapping[str, Mapping[str, str]] | None,
) -> int:
    pinned = pin["sections"]
    assert isinstance(pinned, dict)
    cited = citing()
    listed = list(changes(pinned, found))
    for name, title, what in listed:
        ids = cited.get(f"{name} §{title}", [])
        print(f"{what:8} {name} §{title}: {', '.join(ids) or 'cited by no requirement'}")
        if base is not None and title in base[name] and title in found[name]:
            old, new = base[name][title].splitlines(), found[name][title].splitlines()
            print(*difflib.unified_diff(old, new, lineterm="", n=1), sep="\n")
    release, commit = pin["release"], pin["commit"]
    print(f"{len(listed)} sections differ from jupyter_client {release}, commit {commit}")
    return 1 if listed else 0


def _pin(found: Mapping[str, Mapping[str, str]], commit: str, release: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise UpstreamError(f"wanted a commit of 40 hexadecimal digits, found {commit!r}")
    lines = [
        "# Which public documents the register was compared with; scripts/upstream.py writes this.",
        "",
        "format = 1",
        'repository = "jupyter/jupyter_client"',
        f"release = {json.dumps(release)}",
        f"commit = {json.dumps(commit)}",
    ]
    for name, parts in found.items():
        lines += ["", f"[sections.{json.dumps(name)}]"]
        lines += [
            f"{json.dumps(title)} = {json.dumps(digest(body))}" for title, body in parts.items()
        ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description="Show what has changed upstream.")
    parser.add_argument("folder", type=Path, nargs="?", help="a copy of jupyter_client's docs")
    parser.add_argument("--download", action="store_true", help="get the newest release by pip")
    parser.add_argument("--base", type=Path, help="an older copy: show the changed lines")
    parser.add_argument("--pin", nargs=2, metavar=("COMMIT", "RELEASE"), help="write the pin anew")
    options = parser.parse_args(arguments)
    if (options.folder is None) is not options.download:
        parser.error("wanted either a folder or --download")
    try:
        with tempfile.TemporaryDirectory() as temporary:
            folder = download(Path(temporary)) if options.download else options.folder
            found = documents(folder)
            base = documents(options.base) if options.base else None
        if options.pin:
            PIN.write_text(_pin(found, *options.pin), "utf-8")
            return 0
        return _report(tomllib.loads(PIN.read_text("utf-8")), found, base)
    except UpstreamError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
