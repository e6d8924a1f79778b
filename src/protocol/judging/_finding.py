"""What is wrong with a message or a conversation of another program, as values."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

__all__ = ["Finding", "Severity"]


class Severity(StrEnum):
    """How much a finding weighs: the level of its requirement, in another word."""

    VIOLATION = "violation"
    """A sentence with MUST does not hold."""

    WARNING = "warning"
    """A sentence with SHOULD does not hold, or what a MAY allows was done in another form."""


@frozen(kw_only=True)
class Finding:
    """One thing that is not as the protocol has it."""

    requirement: str
    """The id of the sentence in ``spec/requirements.toml``: ``IOPUB-09``."""

    severity: Severity
    """The level of the requirement."""

    path: str
    """Where: a part of the message and the way to the value in it, ``content.comms['x'].data``.

    Of a conversation: the part of the last of `records` that is at odds with the others.
    """

    expected: str
    """What was wanted there, in words."""

    got: str
    """What was found, shortened: it may hold code of a user."""

    records: tuple[int, ...] = ()
    """Of a conversation: which records it is about, by `Recorded.index`, ascending."""

    def __str__(self) -> str:
        where = f" (records {', '.join(map(str, self.records))})" if self.records else ""
        return (
            f"{self.requirement} {self.severity}: {self.path}: "
            f"wanted {self.expected}, found {self.got}{where}"
        )


SHOULD = frozenset(
    {
        "CTRL-03", "CTRL-07", "CTRL-14", "EXEC-06", "EXEC-21", "EXEC-23", "HDR-03", "HDR-04",
        "HDR-05", "HDR-13", "HDR-14", "HDR-15", "HIST-12", "INFO-15", "INSPECT-08", "IOPUB-11",
        "IOPUB-12", "IOPUB-23", "IOPUB-29", "ISCOMPLETE-02", "SHELL-06", "SHELL-07", "SHELL-10",
        "SHELL-11", "SHELL-12", "SHELL-20", "SIGN-16", "WIRE-07", "WIRE-11",
    }
)  # fmt: skip
"""The requirements named by findings whose level is SHOULD; a test compares it with the register,
which the protocol layer does not need in order to work."""

MAY = frozenset({"HDR-11", "INFO-08", "INFO-09", "INFO-10", "EXEC-13", "IOPUB-15"})


def finding(
    requirement: str,
    path: str,
    expected: str,
    got: str,
    records: tuple[int, ...] = (),
    *,
    severity: Severity | None = None,
) -> Finding:
    """Return a finding whose severity is that of its requirement, if none is given."""
    weak = requirement in SHOULD or requirement in MAY
    return Finding(
        requirement=requirement,
        severity=severity or (Severity.WARNING if weak else Severity.VIOLATION),
        path=path,
        expected=expected,
        got=got,
        records=tuple(sorted(set(records))),
    )
