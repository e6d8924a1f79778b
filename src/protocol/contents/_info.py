"""Contents of kernel_info: the first question of every client, on shell or control."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from attrs import frozen
from msgspec import UNSET, UnsetType

from assay.protocol.wire._json import Json, JsonObject
from assay.protocol.wire._message import PROTOCOL_VERSION, Content

__all__ = ["HelpLink", "KernelInfoReply", "KernelInfoRequest", "LanguageInfo"]


@frozen(kw_only=True, eq=False, repr=False)
class KernelInfoRequest(Content):
    """Ask what the kernel is (messaging.rst §Kernel info, INFO-01, INFO-02)."""

    msg_type: ClassVar[str] = "kernel_info_request"


@frozen(kw_only=True, eq=False, repr=False)
class LanguageInfo(Content):
    """The language that a kernel runs (INFO-06, INFO-18)."""

    # Seen: kernels that leave out the version, which wrapperkernels.rst does not ask for.
    absent: ClassVar[Mapping[str, Json]] = dict.fromkeys(
        ("name", "version", "mimetype", "file_extension"), ""
    )

    name: str
    """In small letters: ``python``."""

    version: str
    """Of the language, not of the kernel: ``3.12.1``."""

    mimetype: str
    """Of a file of source: ``text/x-python``."""

    file_extension: str
    """With the dot: ``.py``."""

    pygments_lexer: str | UnsetType = UNSET
    """Only where it is not `name` (INFO-07)."""

    codemirror_mode: str | JsonObject | UnsetType = UNSET
    """Only where it is not `name` (INFO-07)."""

    nbconvert_exporter: str | UnsetType = UNSET
    """Only where it is not the general script exporter (INFO-07)."""


@frozen(kw_only=True, eq=False, repr=False)
class HelpLink(Content):
    """An entry of a client's help menu (INFO-08)."""

    text: str
    """What the menu shows."""

    url: str
    """Where it leads."""


@frozen(kw_only=True, eq=False, repr=False)
class KernelInfoReply(Content):
    """Say what the kernel is (INFO-04 to INFO-10, INFO-18)."""

    msg_type: ClassVar[str] = "kernel_info_reply"

    # Seen: ipymini 0.1 answers with a status alone on control.
    absent: ClassVar[Mapping[str, Json]] = {
        "implementation": "",
        "implementation_version": "",
        # Not the default, which is what we speak: nothing is known of what it speaks.
        "protocol_version": "",
        "language_info": LanguageInfo.absent,
    }

    implementation: str
    """The kernel's name: ``ipython``."""

    implementation_version: str
    """The kernel's own version."""

    language_info: LanguageInfo
    """The language of the code (INFO-06)."""

    banner: str = ""
    """What a console shows at its start; may have several lines."""

    help_links: tuple[HelpLink, ...] | UnsetType = UNSET
    """For the menu of a notebook (INFO-08)."""

    supported_features: tuple[str, ...] | UnsetType = UNSET
    """``debugger`` and ``kernel subshells``, where the kernel has them (INFO-09)."""

    debugger: bool | UnsetType = UNSET
    """Deprecated since 5.5 in favour of `supported_features` (INFO-10)."""

    protocol_version: str = PROTOCOL_VERSION
    """Two numbers, or three: major, minor, patch (INFO-04)."""

    status: Literal["ok"] = "ok"
    """Always ``ok``; a failure has another form (SHELL-10)."""
