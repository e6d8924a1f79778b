"""What kernels put into messages, made fit for a report that people read."""

from __future__ import annotations

__all__ = ["visible"]


def visible(text: str) -> str:
    """Return *text* with what is not printable as its escape: ``\\x1b``, ``\\u202e``, ``\\ud800``.

    A terminal obeys control characters, some of them turn the text around, XML and UTF-8 have no
    place for others. Line breaks and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in "\n\t" else _escape(one) for one in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
