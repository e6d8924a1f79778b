"""What kernels put into messages, made fit for a report that people read."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["in_a_line", "in_lines", "visible"]


def visible(text: str) -> str:
    """Return *text* with what is not printable as its escape: ``\\x1b``, ``\\u202e``, ``\\ud800``.

    A terminal obeys control characters, some of them turn the text around, XML and UTF-8 have no
    place for others. Line breaks and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in "\n\t" else _escape(one) for one in text)


def in_lines(texts: Iterable[str]) -> str:
    """Return *texts*, each from the beginning of a line on; what goes on in the next has a bar.

    A line break of a kernel could else begin a line that lies.
    """
    return "\n".join("\n    | ".join(text.splitlines()) for text in texts)


def in_a_line(text: str) -> str:
    """Return *text* with blanks for its line breaks, for the same reason."""
    return " ".join(text.splitlines())


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
