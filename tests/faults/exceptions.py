"""What the matrix cannot promise, with the reason. Each list shall become shorter."""

from __future__ import annotations

from collections.abc import Mapping

EITHER: Mapping[str, Mapping[str, str]] = {}
"""Checks that a row may fail or pass: by row and check, the reason."""

UNBITTEN: Mapping[str, str] = {}
"""Checks that no fault fails: by check, the reason."""

UNCAUGHT: Mapping[str, str] = {}
"""Faults that fail no check that is meant for them though there are some: by row, the reason."""
