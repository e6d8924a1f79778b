"""What pytest loads at its start: the options. The rest is imported when a kernel is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

__all__ = ["pytest_addoption", "pytest_configure"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("assay", "conformance of Jupyter kernels")
    group.addoption(
        "--assay-kernel",
        metavar="NAME",
        help="Collect the checks of this installed kernel as tests, and offer the fixtures kernel, "
        "client and conversation.",
    )
    group.addoption(
        "--assay-select",
        metavar="NAMES",
        default="",
        help="Only these checks: ids, requirements, prefixes or chapters, with commas.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Bring in the checks and fixtures if a kernel is named."""
    name = config.getoption("--assay-kernel")
    if name:
        from assay.conformance._pytest import Checks  # noqa: PLC0415 - not for every run of pytest

        names = str(config.getoption("--assay-select")).split(",")
        config.pluginmanager.register(Checks(str(name), names), "assay-checks")
