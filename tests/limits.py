"""How long a test may wait for something that always comes."""

from __future__ import annotations

__all__ = ["HANG_LIMIT_S"]

HANG_LIMIT_S = 120.0
"""Longer than any wait on a slow and busy machine: only a hang reaches it."""
