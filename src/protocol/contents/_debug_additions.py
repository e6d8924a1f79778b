"""What Jupyter adds to the Debug Adapter Protocol: arguments and bodies of its own commands.

| command                | arguments                       | body                       |          |
|------------------------|---------------------------------|----------------------------|----------|
| `dumpCell`             | `DumpCellArguments`             | `DumpCellBody`             | DEBUG-05 |
| `debugInfo`            | none                            | `DebugInfoBody`            | DEBUG-06 |
| `inspectVariables`     | none                            | `InspectVariablesBody`     | DEBUG-09 |
| `richInspectVariables` | `RichInspectVariablesArguments` | `RichInspectVariablesBody` | DEBUG-10 |
| `copyToGlobals`        | `CopyToGlobalsArguments`        | `CopyToGlobalsBody`        | DEBUG-11 |

All other commands are the adapter protocol's: their arguments and bodies stay JSON. Wire names are
the adapter protocol's too, in its spelling.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen
from msgspec import UNSET, UnsetType

from assay.protocol._errors import ContentError, shorten
from assay.protocol._shapes import is_mapping
from assay.protocol.contents._debug import DebugReply, DebugRequest
from assay.protocol.wire._arguments import check_instance
from assay.protocol.wire._json import JsonObject
from assay.protocol.wire._message import Content
from assay.protocol.wire._structure import structure

__all__ = [
    "CopyToGlobalsArguments",
    "CopyToGlobalsBody",
    "DebugInfoBody",
    "DebugVariable",
    "DumpCellArguments",
    "DumpCellBody",
    "InspectVariablesBody",
    "RichInspectVariablesArguments",
    "RichInspectVariablesBody",
    "SourceBreakpoints",
    "debug_arguments",
    "debug_body",
]


@frozen(kw_only=True, eq=False, repr=False)
class DumpCellArguments(Content):
    """Submit a cell, so that breakpoints can be set in it (messaging.rst §dumpCell, DEBUG-05)."""

    code: str
    """The cell's source."""


@frozen(kw_only=True, eq=False, repr=False)
class DumpCellBody(Content):
    """Where the cell is for the debugger (messaging.rst §dumpCell, DEBUG-05)."""

    sourcePath: str  # noqa: N815 - the name on the wire, here and below
    """The path of the file that stands for the code; see DEBUG-13 for how it is made."""


@frozen(kw_only=True, eq=False, repr=False)
class SourceBreakpoints(Content):
    """The breakpoints in one file (messaging.rst §debugInfo, DEBUG-08)."""

    source: str
    """The path of the file."""

    breakpoints: tuple[JsonObject, ...]
    """Each a ``SourceBreakpoint`` of the adapter protocol, with a ``line``."""


@frozen(kw_only=True, eq=False, repr=False)
class DebugInfoBody(Content):
    """The state of the debugger, for later clients (messaging.rst §debugInfo, DEBUG-06)."""

    isStarted: bool  # noqa: N815
    """Whether the debugger has been started."""

    hashMethod: str  # noqa: N815
    """The hash in the paths of cells: ``Murmur2`` as a rule (DEBUG-13)."""

    hashSeed: int | str  # noqa: N815
    """The seed of the hash. The text says text; kernels send, and clients read, a number."""

    tmpFilePrefix: str  # noqa: N815
    """What the path of a cell begins with."""

    tmpFileSuffix: str  # noqa: N815
    """What it ends with: ``.py``."""

    breakpoints: tuple[SourceBreakpoints, ...]
    """Those that are set, by file; may be empty (DEBUG-07)."""

    stoppedThreads: tuple[int, ...]  # noqa: N815
    """The ids of the threads that stand at a breakpoint; may be empty (DEBUG-07)."""

    richRendering: bool | UnsetType = UNSET  # noqa: N815
    """Whether richInspectVariables is served; absent from older kernels."""

    exceptionPaths: tuple[str, ...] | UnsetType = UNSET  # noqa: N815
    """Names of exceptions that can be broken at."""

    copyToGlobals: bool | UnsetType = UNSET  # noqa: N815
    """Whether copyToGlobals is served; absent means that it is not (DEBUG-11)."""


@frozen(kw_only=True, eq=False, repr=False)
class DebugVariable(Content):
    """One variable of the user (messaging.rst §inspectVariables, DEBUG-09)."""

    name: str
    """As in the code."""

    variablesReference: int  # noqa: N815
    """By which its parts are asked for; 0 if it has none."""

    value: str
    """How it is shown."""

    type: str | UnsetType = UNSET
    """The name of its type."""


@frozen(kw_only=True, eq=False, repr=False)
class InspectVariablesBody(Content):
    """All that the user has defined (messaging.rst §inspectVariables, DEBUG-09)."""

    variables: tuple[DebugVariable, ...]
    """May be empty."""


@frozen(kw_only=True, eq=False, repr=False)
class RichInspectVariablesArguments(Content):
    """Ask how a variable looks (messaging.rst §richInspectVariables, DEBUG-10)."""

    variableName: str  # noqa: N815
    """As in the code."""

    frameId: int | UnsetType | None = UNSET  # noqa: N815
    """The frame that it is looked up in, when stopped at a breakpoint."""


@frozen(kw_only=True, eq=False, repr=False)
class RichInspectVariablesBody(Content):
    """How the variable looks (messaging.rst §richInspectVariables, DEBUG-10)."""

    data: JsonObject
    """Representations by MIME type."""

    metadata: JsonObject = field(factory=dict)
    """Of the whole, or under a MIME type of one representation."""


@frozen(kw_only=True, eq=False, repr=False)
class CopyToGlobalsArguments(Content):
    """Copy a variable of a frame into the user's namespace (messaging.rst §copyToGlobals)."""

    srcVariableName: str  # noqa: N815
    """Its name in the frame."""

    srcFrameId: int  # noqa: N815
    """The frame."""

    dstVariableName: str  # noqa: N815
    """Its name thereafter."""


@frozen(kw_only=True, eq=False, repr=False)
class CopyToGlobalsBody(Content):
    """What was copied (messaging.rst §copyToGlobals, DEBUG-11)."""

    value: str
    """How it is shown."""

    type: str | UnsetType = UNSET
    """The name of its type."""

    variablesReference: int | UnsetType = UNSET  # noqa: N815
    """By which its parts are asked for; 0 if it has none."""


ARGUMENTS: Mapping[str, type[Content]] = {
    "dumpCell": DumpCellArguments,
    "richInspectVariables": RichInspectVariablesArguments,
    "copyToGlobals": CopyToGlobalsArguments,
}

BODIES: Mapping[str, tuple[type[Content], str]] = {
    "dumpCell": (DumpCellBody, "DEBUG-05"),
    "debugInfo": (DebugInfoBody, "DEBUG-06"),
    "inspectVariables": (InspectVariablesBody, "DEBUG-09"),
    "richInspectVariables": (RichInspectVariablesBody, "DEBUG-10"),
    "copyToGlobals": (CopyToGlobalsBody, "DEBUG-11"),
}
"""The class of the body, and the sentence that asks for it."""


def debug_arguments(request: DebugRequest) -> Content | None:
    """Return the arguments of one of Jupyter's commands; None for all others.

    Raises:
        ContentError: they do not fit the command; `faults` names each field.
        LocalError: *request* is none.

    Source: messaging.rst §Additions to the DAP, DEBUG-05 to DEBUG-11.
    """
    check_instance(request, DebugRequest, "a DebugRequest", "HDR-18")
    cls = ARGUMENTS.get(request.command)
    return None if cls is None else _read(cls, request.arguments, "arguments", "HDR-18")


def debug_body(reply: DebugReply, *, command: str = "") -> Content | None:
    """Return the body of the answer to one of Jupyter's commands; None for all others.

    Args:
        reply: The answer; one that failed has no such body, and None is returned.
        command: The command of the request, where it is known. The text answers copyToGlobals under
            the name of another command.

    Raises:
        ContentError: it does not fit the command; `faults` names each field.
        LocalError: *reply* is none.

    Source: messaging.rst §Additions to the DAP, DEBUG-05 to DEBUG-11.
    """
    check_instance(reply, DebugReply, "a DebugReply", "HDR-18")
    found = BODIES.get(command or reply.command)
    if found is None or not reply.success:
        return None
    cls, rule = found
    return _read(cls, reply.body, "body", rule)


def _read(cls: type[Content], value: object, part: str, rule: str) -> Content:
    if not is_mapping(value):
        got = "none" if value is UNSET else shorten(value)
        faults: tuple[str, ...] = (f"{part}: wanted an object, found {got}",)
    else:
        try:
            return structure(cls, value)
        except ContentError as error:
            faults = tuple(f"{part}.{fault}" for fault in error.faults)
    message = f"wanted {cls.__name__}, found faults: {'; '.join(faults)}"
    raise ContentError(message, requirement=rule, faults=faults)
