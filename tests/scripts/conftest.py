"""A report that is known to the letter."""

from tests.conformance.conftest import report

__all__ = ["report"]
