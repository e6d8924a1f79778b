"""Snippets of the kernel's language, as data."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path

from attrs import frozen

from assay._nearest import did_you_mean
from assay.conformance._outcome import Skip
from assay.protocol import AssayError

__all__ = [
    "SNIPPETS",
    "Language",
    "LanguageError",
    "known_languages",
    "language_for",
    "language_named",
]

FORMAT = 1

KEYS = ("format", "name", "matches", "snippets")

SNIPPETS: Mapping[str, tuple[str, ...]] = {
    "nothing": (),
    "print": ("text",),
    "print_lines": ("count", "text"),
    "stderr": ("text",),
    "result": ("number",),
    "no_result": (),
    "error": ("text",),
    "syntax_error": (),
    "define": ("name", "number"),
    "use": ("name",),
    "raw_use": ("name",),
    "print_name": ("name",),
    "input": ("prompt",),
    "password": ("prompt",),
    "sleep": ("seconds",),
    "loop": (),
    "print_and_sleep": ("text", "seconds"),
    "print_and_error": ("text",),
    "complete": (),
    "incomplete": (),
    "invalid": (),
    "display": ("text",),
    "display_data": ("text", "mime"),
    "display_nan": (),
    "display_update": ("text", "id"),
    "update": ("text", "id"),
    "clear": (),
    "page": ("text",),
    "comm_open": ("target", "id"),
    "comm_register": ("target",),
    "comm_close": ("target", "id"),
    "comm_msg": ("target", "id"),
    "child_stdout": ("text",),
    "native_stdout": ("text",),
    "background_print": ("text", "seconds"),
    "large_output": ("count",),
    "exit": (),
    "comment": ("text",),
    "documented": ("name",),
    "unicode": (),
    "sum_of": ("first", "second"),
    "numbers": ("count",),
    "next_input": ("text",),
    "display_json": (),
    "display_png": (),
    "display_both": ("text",),
    "odd_text": (),
    "rewritten": ("text",),
    "comm_raise": ("target",),
    "at_exit": ("path",),
}
"""The snippets there are, and the words that each takes in braces; docs/conformance.md explains."""

WORD = re.compile(r"\{([a-z]+)\}")


class LanguageError(AssayError):
    """A language file is missing, or is not as docs/conformance.md says."""


@frozen(kw_only=True)
class Language:
    """The snippets of one language."""

    name: str

    matches: tuple[str, ...]
    """What ``language_info.name`` of its kernels is, in small letters."""

    snippets: Mapping[str, str]
    """By name, see `SNIPPETS`."""

    @classmethod
    def read(cls, text: str, name: str) -> Language:
        """Return the language in a file.

        Args:
            text: The TOML.
            name: The file, for errors.

        Raises:
            LanguageError: it is not as it should be.
        """
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise LanguageError(f"{name}: wanted TOML: {error}") from error
        if (found := table.get("format")) != FORMAT:
            raise LanguageError(f"{name}: wanted format {FORMAT}, found {found!r}")
        for key in table:
            if key not in KEYS:
                hint = did_you_mean(key, KEYS)
                raise LanguageError(f"{name}: wanted {', '.join(KEYS)}; found {key!r}{hint}")
        snippets = _checked(table.get("snippets"), name)
        own = table.get("name")
        if not isinstance(own, str) or not own:
            raise LanguageError(f"{name}: wanted a name, found {own!r}")
        matches = table.get("matches", [])
        if not isinstance(matches, list) or not all(isinstance(one, str) for one in matches):
            raise LanguageError(f"{name}: wanted a list of text as matches, found {matches!r}")
        return cls(
            name=own,
            matches=tuple(one.lower() for one in [own, *matches]),
            snippets=snippets,
        )

    def snippet(self, name: str, /, **words: object) -> str:
        """Return the snippet *name* with *words* put in.

        Raises:
            Skip: the language has none.
        """
        wanted = SNIPPETS[name]
        assert set(words) == set(wanted), f"{name} takes {wanted}"
        if name not in self.snippets:
            raise Skip(f"there is no snippet {name!r} for {self.name}")
        return WORD.sub(lambda m: str(words[m[1]]) if m[1] in words else m[0], self.snippets[name])


def _checked(snippets: object, name: str) -> Mapping[str, str]:
    if not isinstance(snippets, dict):
        raise LanguageError(f"{name}: wanted a table of snippets, found {snippets!r}")
    for key, code in snippets.items():
        if key not in SNIPPETS:
            hint = did_you_mean(key, SNIPPETS) or f"; there are {', '.join(SNIPPETS)}"
            raise LanguageError(f"{name}: wanted the name of a snippet, found {key!r}{hint}")
        if not isinstance(code, str):
            raise LanguageError(f"{name}: {key}: wanted text, found {code!r}")
        missing = [word for word in SNIPPETS[key] if f"{{{word}}}" not in code]
        if missing:
            wanted = ", ".join(f"{{{word}}}" for word in missing)
            raise LanguageError(f"{name}: {key}: wanted {wanted} in it, found {code!r}")
    return snippets


def known_languages() -> Iterator[Language]:
    """Yield the languages that come with this package."""
    for file in sorted((files("assay.conformance") / "languages").iterdir(), key=str):
        if file.name.endswith(".toml"):
            yield Language.read(file.read_text("utf-8"), file.name)


def language_for(name: str) -> Language | None:
    """Return the language of a kernel whose ``language_info.name`` is *name*, if it is known."""
    wanted = name.lower()
    return next((one for one in known_languages() if wanted in one.matches), None)


def language_named(name: str) -> Language:
    """Return the language that a user names, or that is in the file of this name.

    Raises:
        LanguageError: there is none, or the file cannot be used.
    """
    if name.endswith(".toml"):
        try:
            return Language.read(Path(name).read_text("utf-8"), name)
        except (OSError, UnicodeDecodeError) as error:
            raise LanguageError(f"{name}: cannot be read: {error}") from error
    found = language_for(name)
    if found is None:
        known = [one.name for one in known_languages()]
        raise LanguageError(
            f"wanted a file that ends in .toml, or one of {', '.join(known)}; found {name!r}"
            f"{did_you_mean(name, known)}"
        )
    return found
