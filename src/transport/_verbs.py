"""What a client asks most, each with a name: the reply's content, or its error as an exception."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar

from assay.protocol import (
    UNSET,
    Aborted,
    Buffer,
    Channel,
    CompleteReply,
    CompleteRequest,
    Content,
    ErrorReply,
    HistoryReply,
    HistoryRequest,
    InspectReply,
    InspectRequest,
    IsCompleteReply,
    IsCompleteRequest,
    Json,
    KernelInfoReply,
    KernelInfoRequest,
    Unknown,
    UnsetType,
)
from assay.transport._answer import Answer
from assay.transport._errors import RefusedRequestError

__all__ = ["REPLY_TIMEOUT_S", "Verbs"]

C = TypeVar("C", bound=Content)

REPLY_TIMEOUT_S = 60.0


class Verbs(ABC):
    """Questions by name; the time limits are those of `request`.

    Each raises `RefusedRequestError` if the kernel answers with an error, or with something else.
    """

    @abstractmethod
    def request(
        self,
        content: Content,
        *,
        channel: Channel = Channel.SHELL,
        timeout: float | None = REPLY_TIMEOUT_S,
        msg_type: str = "",
        metadata: Mapping[str, Json] | None = None,
        buffers: Sequence[Buffer] = (),
        subshell_id: str | None = None,
    ) -> Answer:
        """Send a request and wait for its reply and its idle."""

    def info(self, *, timeout: float | None = REPLY_TIMEOUT_S) -> KernelInfoReply:
        """Return what the kernel is (INFO-04)."""
        return self._asked(KernelInfoRequest(), KernelInfoReply, timeout)

    def complete(
        self, code: str, cursor_pos: int | None = None, *, timeout: float | None = REPLY_TIMEOUT_S
    ) -> CompleteReply:
        """Return what may stand at *cursor_pos*, in code points; None is the end of *code*."""
        at = len(code) if cursor_pos is None else cursor_pos
        return self._asked(CompleteRequest(code=code, cursor_pos=at), CompleteReply, timeout)

    def inspect(
        self,
        code: str,
        cursor_pos: int | None = None,
        *,
        detail_level: Literal[0, 1] = 0,
        timeout: float | None = REPLY_TIMEOUT_S,
    ) -> InspectReply:
        """Return what stands at *cursor_pos*, in code points; None is the end of *code*."""
        at = len(code) if cursor_pos is None else cursor_pos
        request = InspectRequest(code=code, cursor_pos=at, detail_level=detail_level)
        return self._asked(request, InspectReply, timeout)

    def is_complete(self, code: str, *, timeout: float | None = REPLY_TIMEOUT_S) -> IsCompleteReply:
        """Return whether *code* can be run as it stands."""
        return self._asked(IsCompleteRequest(code=code), IsCompleteReply, timeout)

    def history(
        self,
        hist_access_type: Literal["range", "tail", "search"] = "tail",
        *,
        n: int | UnsetType = UNSET,
        pattern: str | UnsetType = UNSET,
        unique: bool = False,
        session: int | UnsetType = UNSET,
        start: int | UnsetType = UNSET,
        stop: int | UnsetType = UNSET,
        output: bool = False,
        raw: bool = True,
        timeout: float | None = REPLY_TIMEOUT_S,
    ) -> HistoryReply:
        """Return earlier cells: by default the newest ten.

        Args:
            hist_access_type: Decides which of the others count; see `HistoryRequest`.
            n: tail, search: how many.
            pattern: search: a glob.
            unique: search: leave out repetitions.
            session: range: which; 0 is the present one.
            start: range: the first number.
            stop: range: the number behind the last.
            output: Return what the cells gave as well.
            raw: Return input as typed.
            timeout: Seconds; None waits for ever.
        """
        request = HistoryRequest(
            hist_access_type=hist_access_type,
            n=10 if n is UNSET and hist_access_type == "tail" else n,
            pattern=pattern,
            unique=unique,
            session=session,
            start=start,
            stop=stop,
            output=output,
            raw=raw,
        )
        return self._asked(request, HistoryReply, timeout)

    def raw_request(
        self,
        msg_type: str,
        content: Mapping[str, Json],
        *,
        channel: Channel = Channel.SHELL,
        timeout: float | None = REPLY_TIMEOUT_S,
        metadata: Mapping[str, Json] | None = None,
        buffers: Sequence[Buffer] = (),
    ) -> Answer:
        """Send *content* as it is, right or wrong, as a *msg_type*; return the whole answer.

        Such as that of `assay.testing.malformed_contents`. It is signed and has a right header.

        Raises:
            TimedOutError: the reply or idle did not come; holds what did.
            KernelEndedError: the kernel's process ended.
        """
        return self.request(
            Unknown(extra=content),
            msg_type=msg_type,
            channel=channel,
            timeout=timeout,
            metadata=metadata,
            buffers=buffers,
        )

    def _asked(self, request: Content, wanted: type[C], timeout: float | None) -> C:
        content = self.request(request, timeout=timeout).content
        if isinstance(content, wanted):
            return content
        if isinstance(content, ErrorReply):
            found = f"{content.ename}: {content.evalue}"
        else:
            found = "aborted" if isinstance(content, Aborted) else repr(content)[:200]
        raise RefusedRequestError(
            f"wanted a {wanted.msg_type} without an error, found {found}", content
        )
