"""How a client starts a kernel: ``kernel.json``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from attrs import field, frozen
from msgspec import UNSET, UnsetType

from assay.protocol._errors import ContentError, FramingError, shorten
from assay.protocol.wire._json import Json, JsonObject, decode_object, encode_json
from assay.protocol.wire._structure import structure, unstructure

__all__ = ["KERNEL_NAME", "KernelSpec"]

KERNEL_NAME = re.compile(r"[A-Za-z0-9._-]+")
"""What the folder of a kernelspec may be called, in full (SPEC-01)."""


@frozen(kw_only=True)
class KernelSpec:
    """How a client starts a kernel: ``kernel.json`` (kernels.rst §Kernel specs, SPEC-03)."""

    # Spec: a language (SPEC-03). Seen: the documents' own echo kernel has none, and the reference
    # library starts it. Here: it is read, and found by no notebook's language (AMB-55).
    absent: ClassVar[Mapping[str, Json]] = {"language": ""}

    argv: tuple[str, ...]
    """The command; ``{connection_file}`` in any argument stands for the path (SPEC-04)."""

    display_name: str
    """What menus show; any characters (SPEC-12)."""

    language: str
    """The name of the language; a notebook may be opened with another kernel of it (SPEC-11).

    Empty where a file that was read names none.
    """

    interrupt_mode: Literal["signal", "message"] = "signal"
    """SIGINT, or an interrupt_request on control (SPEC-05, CTRL-18)."""

    env: Mapping[str, str] = field(factory=dict, hash=False)
    """Added to the environment; ``${NAME}`` is expanded (SPEC-06)."""

    metadata: JsonObject = field(factory=dict, hash=False)
    """For clients; ``supported_encryption`` is the one key with a meaning (SPEC-07)."""

    kernel_protocol_version: str | UnsetType = UNSET
    """Decides about the handshake (SPEC-08)."""

    _extra: JsonObject = field(factory=dict, repr=False, hash=False)

    @property
    def extra(self) -> JsonObject:
        """Keys that the protocol does not name."""
        return self._extra

    @classmethod
    def from_json(cls, data: bytes, *, name: str = "kernel.json") -> Self:
        """Return the kernelspec in *data*; *name* stands in the errors.

        Raises:
            ContentError: a field is missing or has the wrong type, or ``argv`` is empty.
            FramingError: *data* is not a JSON object.
        """
        try:
            made = structure(cls, decode_object(data, name))
        except FramingError as error:
            raise FramingError(error.args[0], requirement="SPEC-03") from error
        except ContentError as error:
            raise _wrong(name, error.faults) from error
        if not made.argv:
            raise _wrong(name, (f"argv: wanted a command, found {shorten([])}",))
        return made

    def to_json(self) -> bytes:
        """Return the file's bytes."""
        return encode_json(unstructure(self))


def _wrong(name: str, faults: tuple[str, ...]) -> ContentError:
    return ContentError(f"{name}: {'; '.join(faults)}", requirement="SPEC-03", faults=faults)
