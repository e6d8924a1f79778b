"""What can go wrong, sorted by who must act."""

from __future__ import annotations

__all__ = [
    "AssayError",
    "ConnectionFileError",
    "ContentError",
    "FramingError",
    "JsonError",
    "LocalError",
    "ProtocolError",
    "RemoteError",
    "ReplayError",
    "SignatureError",
]

SHOWN_CHARACTERS = 80
"""How much of an offending value an error message repeats."""


def shorten(value: object) -> str:
    """Return *value* as it stands in an error message, `SHOWN_CHARACTERS` long at most."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - nested too deep, too many digits, or a user's __repr__
        text = f"<{type(value).__name__} without a short form>"
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


class AssayError(Exception):
    """Anything this project raises on purpose."""


class ProtocolError(AssayError):
    """A rule of the protocol was broken.

    `requirement` holds the id of the rule in ``spec/``, or is empty where the rule is our own.
    """

    def __init__(self, message: str, *, requirement: str = "") -> None:
        super().__init__(message)
        self.requirement = requirement

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} ({self.requirement})" if self.requirement else message


class LocalError(ProtocolError):
    """We were asked to send something that breaks a rule: a fault on this side, let it rise."""


class JsonError(LocalError, TypeError, ValueError):
    """A value to be sent has no JSON form; the message begins with its path.

    It is a `TypeError` and a `ValueError` too, for programs that know those from `json.dumps`.
    """


class RemoteError(ProtocolError):
    """The peer sent something that breaks a rule: log it, drop it, keep serving."""


class FramingError(RemoteError):
    """The frames are no message: no delimiter, too few frames, or a dict that is not JSON."""


class SignatureError(RemoteError):
    """The signature is missing or wrong."""


class ReplayError(SignatureError):
    """The signature is right, and was seen before (SIGN-14)."""


class ContentError(RemoteError):
    """The frames are a trusted message whose content does not fit its type.

    `faults` names each offending field: ``("code: wanted text, found 5", …)``.
    """

    def __init__(
        self, message: str, *, requirement: str = "", faults: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, requirement=requirement)
        self.faults = faults

    @property
    def without_values(self) -> str:
        """Which fields were wrong and what was wanted, without what was found: it may be secret."""
        faults = (fault.partition(", found ")[0] for fault in self.faults)
        return "; ".join(faults) or "wrong content"


class ConnectionFileError(ProtocolError):
    """A connection file cannot be read, or does not say what it must (CONN-02)."""
