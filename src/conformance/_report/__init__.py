"""Reports of a run, in several formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from assay.conformance._report._html import html_report
from assay.conformance._report._json import json_report
from assay.conformance._report._junit import junit_report
from assay.conformance._report._markdown import markdown_report
from assay.conformance._report._text import text_report
from assay.conformance._result import Report
from assay.conformance._visible import visible

__all__ = ["FORMATS"]


def _readable(made: Callable[[Report], str], report: Report) -> str:
    return visible(made(report))


FORMATS: Mapping[str, Callable[[Report], str]] = {
    "text": text_report,
    "json": json_report,
    "junit": partial(_readable, junit_report),
    "html": partial(_readable, html_report),
    "markdown": partial(_readable, markdown_report),
}
"""What makes each format; the name of a file says which it is: ``report.html``."""
