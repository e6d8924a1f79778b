"""How many examples a property gets that asks for more or fewer than others do.

Shares of the profile's number (`tests/conftest.py`), so that the long search is longer for all.
"""

from __future__ import annotations

from hypothesis import settings

__all__ = ["EACH", "MANY"]

EACH = settings().max_examples // 5
"""For each of the fifty types of messages: together many."""

MANY = settings().max_examples * 5 // 2
"""Where what is drawn is mostly of one kind, and another is looked for."""
