"""Checks of kernels in any language against the specification: ``assay check`` as a library.

A check asks a kernel one question about one requirement, over its sockets alone;
docs/conformance.md says how to write one.
"""

from assay.conformance._arrival import Arrival, Object
from assay.conformance._baseline import (
    BaselineError,
    apply_baseline,
    baseline_in,
    baseline_of,
    read_baseline,
)
from assay.conformance._check import Check
from assay.conformance._compare import Comparison, compare, comparison_text
from assay.conformance._draft import ABSENT, Draft
from assay.conformance._exhibit import Exhibit
from assay.conformance._failure import Failure
from assay.conformance._judge import judge
from assay.conformance._language import (
    SNIPPETS,
    Language,
    LanguageError,
    known_languages,
    language_for,
    language_named,
)
from assay.conformance._limits import Limits, OutOfTime
from assay.conformance._outcome import Outcome, Skip, Verdict, failed, note, passed, skipped
from assay.conformance._peer import Peer
from assay.conformance._profile import Profile
from assay.conformance._recording import Recording, RecordingError, TrafficRecorder
from assay.conformance._registry import SelectionError, all_checks, rules_named, select
from assay.conformance._replay import replay
from assay.conformance._report import FORMATS
from assay.conformance._report._badge import badge
from assay.conformance._report._json import ReportError, read_report
from assay.conformance._report._text import summary_text, text_report
from assay.conformance._response import Response
from assay.conformance._result import Report, Result
from assay.conformance._runner import OnResult, Options, check, run_checks
from assay.conformance._target import Target
from assay.conformance._testee import SilentKernelError, Testee
from assay.conformance._trace import check_recording
from assay.conformance._traffic import Line, Traffic
from assay.conformance._visible import in_lines, visible

__all__ = [
    "ABSENT",
    "FORMATS",
    "SNIPPETS",
    "Arrival",
    "BaselineError",
    "Check",
    "Comparison",
    "Draft",
    "Exhibit",
    "Failure",
    "Language",
    "LanguageError",
    "Limits",
    "Line",
    "Object",
    "OnResult",
    "Options",
    "OutOfTime",
    "Outcome",
    "Peer",
    "Profile",
    "Recording",
    "RecordingError",
    "Report",
    "ReportError",
    "Response",
    "Result",
    "SelectionError",
    "SilentKernelError",
    "Skip",
    "Target",
    "Testee",
    "Traffic",
    "TrafficRecorder",
    "Verdict",
    "all_checks",
    "apply_baseline",
    "badge",
    "baseline_in",
    "baseline_of",
    "check",
    "check_recording",
    "compare",
    "comparison_text",
    "failed",
    "in_lines",
    "judge",
    "known_languages",
    "language_for",
    "language_named",
    "note",
    "passed",
    "read_baseline",
    "read_report",
    "replay",
    "rules_named",
    "run_checks",
    "select",
    "skipped",
    "summary_text",
    "text_report",
    "visible",
]
