"""Faults in frames, signatures and headers."""

from __future__ import annotations

import binascii
import json
import threading
from collections.abc import Sequence

from tests.faults._kernel import Kernel
from tests.faults._lane import Lane
from tests.faults._language import LanguageError
from tests.faults._table import (
    Row,
    both,
    caused_by,
    changed,
    every,
    fault,
    of,
    on,
    published,
    replied,
    spoil,
    with_content,
    with_header,
    with_parent,
    without_header,
)
from tests.faults._wire import (
    CONTROL,
    DELIMITER,
    IOPUB,
    SHELL,
    STDIN,
    Fields,
    Incoming,
    Outgoing,
    RejectedError,
    Signer,
    loads,
    new_id,
    split,
)

MEGABYTE = 1 << 20

LATER_S = 0.3
"""By then a kernel has long answered on shell."""


def _one_identity(message: Outgoing) -> None:
    message.prefix = message.prefix[:1]


def _no_topic(message: Outgoing) -> None:
    message.prefix = []


def _two_topics(message: Outgoing) -> None:
    message.prefix = [*message.prefix, b"more"]


def _metadata(value: object) -> object:
    def change(message: Outgoing) -> None:
        message.metadata = value  # type: ignore[assignment] # the fault

    return change


def _known_parent(message: Outgoing) -> None:
    known = ("msg_id", "session", "username", "date", "msg_type", "version")
    message.parent = {key: message.parent[key] for key in known if key in message.parent}


def _short_parent(message: Outgoing) -> None:
    message.parent = {key: message.parent[key] for key in ("msg_id",) if key in message.parent}


def _renewed_parent(message: Outgoing) -> None:
    if message.parent:
        message.parent |= {"msg_id": new_id()}


ROWS: tuple[Row, ...] = (
    spoil("wire-prefix-cut", "WIRE-03", "Only the first routing frame comes back.", replied,
          _one_identity),
    spoil("wire-topic-missing", "WIRE-11", "IOPub messages have no topic.", published, _no_topic),
    spoil("wire-topic-two", "WIRE-11", "IOPub messages have two frames before the delimiter.",
          published, _two_topics),
    spoil("hdr-msg-id-missing", "HDR-01", "Headers have no `msg_id`.", every,
          without_header("msg_id")),
    spoil("hdr-session-missing", "HDR-01", "Headers have no `session`.", every,
          without_header("session")),
    spoil("hdr-username-missing", "HDR-01", "Headers have no `username`.", every,
          without_header("username")),
    spoil("hdr-username-null", "HDR-01", "The `username` is null.", every,
          with_header(username=None)),
    spoil("hdr-version-missing", "HDR-01 HDR-09", "Headers have no `version`.", every,
          without_header("version")),
    spoil("hdr-version-number", "HDR-01 HDR-09", "The `version` is a number.", every,
          with_header(version=5.5)),
    spoil("hdr-version-other", "HDR-09", "Headers state another version than kernel_info.", every,
          with_header(version="4.1")),
    spoil("hdr-date-missing", "HDR-01 HDR-07", "Headers have no `date`.", every,
          without_header("date")),
    spoil("hdr-date-number", "HDR-01 HDR-07", "The `date` is a number of seconds.", every,
          with_header(date=1_700_000_000.5)),
    spoil("hdr-date-prose", "HDR-07", "The `date` is written as people write it.", every,
          with_header(date="Tue Nov 14 22:13:20 2023")),
    spoil("hdr-msg-id-one", "HDR-02", "All messages have one `msg_id`.", every,
          with_header(msg_id="1")),
    spoil("hdr-session-one", "HDR-03 HDR-04", "All kernels have one `session`.", every,
          with_header(session="kernel")),
    spoil("hdr-parent-of-replies-missing", "HDR-12", "Replies have no parent.", replied,
          with_parent({})),
    spoil("hdr-parent-of-replies-renewed", "HDR-12", "The parent of replies has another id.",
          replied, _renewed_parent),
    spoil("hdr-parent-of-replies-short", "HDR-12", "The parent of replies is only its id.",
          replied, _short_parent),
    spoil("hdr-parent-of-control-missing", "HDR-12", "Replies on control have no parent.",
          both(replied, on(CONTROL)), with_parent({})),
    spoil("hdr-parent-of-outputs-missing", "HDR-13", "Outputs have no parent.",
          of("stream", "display_data", "execute_result", "error", "update_display_data"),
          with_parent({})),
    spoil("hdr-parent-of-status-missing", "HDR-13", "Busy and idle have no parent.",
          both(of("status"), caused_by("execute_request", "kernel_info_request")),
          with_parent({})),
    spoil("hdr-parent-invented", "HDR-14 IOPUB-04", "The welcome has a parent.",
          of("iopub_welcome"),
          with_parent({"msg_id": "x", "msg_type": "x", "session": "x", "username": "",
                       "date": "2026-01-01T00:00:00Z", "version": "5.5"})),
    spoil("hdr-parent-known-keys", "HDR-15", "The parent has only the keys that are known.",
          replied, _known_parent),
    spoil("hdr-content-wrong", "HDR-18", "A status holds what a stream holds.", of("status"),
          lambda message: message.content.clear(), with_content(name="stdout", text="")),
)  # fmt: skip


@fault("wire-four-frames", "WIRE-02 WIRE-06", "The metadata are left out of every message.")
class FourFrames(Kernel):
    """Three dictionaries."""

    def parts(self, message: Outgoing) -> list[bytes]:
        return [
            self.dumps(message, part) for part in (message.header, message.parent, message.content)
        ]


@fault("wire-signature-frame-missing", "WIRE-05", "Without a key there is no signature frame.")
class NoSignatureFrame(Kernel):
    """One frame fewer."""

    def frames(self, message: Outgoing) -> list[bytes]:
        made = super().frames(message)
        if not self.signer.key:
            del made[made.index(DELIMITER) + 1]
        return made


@fault("wire-metadata-null", "WIRE-06 HDR-16", "The metadata are null.")
class MetadataNull(Kernel):
    """No object."""

    def parts(self, message: Outgoing) -> list[bytes]:
        made = super().parts(message)
        return [*made[:2], b"null", made[3]]


@fault("wire-content-text", "WIRE-06", "The content of a stream is text that holds JSON.")
class ContentText(Kernel):
    """Serialised twice."""

    def parts(self, message: Outgoing) -> list[bytes]:
        made = super().parts(message)
        twice = json.dumps(made[3].decode()).encode()
        return [*made[:3], twice] if message.type == "stream" else made


@fault("wire-latin-1", "WIRE-07 IOPUB-26", "JSON is written in Latin-1.")
class Latin1(Kernel):
    """Another encoding."""

    def dumps(self, message: Outgoing, part: Fields) -> bytes:
        return super().dumps(message, part).decode("utf-8").encode("latin-1", "replace")


@fault("wire-nan", "WIRE-08", "Numbers that are none are written as NaN.")
class BareNan(Kernel):
    """What Python writes unless it is forbidden."""

    def dumps(self, message: Outgoing, part: Fields) -> bytes:  # noqa: ARG002
        return json.dumps(part, ensure_ascii=False).encode("utf-8", "replace")


@fault("iopub-surrogates", "IOPUB-26", "Lone surrogates are written as if UTF-8 could hold them.")
class Surrogates(Kernel):
    """Bytes that nobody can decode."""

    def dumps(self, message: Outgoing, part: Fields) -> bytes:  # noqa: ARG002
        text = json.dumps(part, ensure_ascii=False, allow_nan=True)
        return text.encode("utf-8", "surrogatepass")


@fault("wire-last-delimiter", "WIRE-04", "The last delimiter ends the prefix.")
class LastDelimiter(Kernel):
    """A buffer that looks like a delimiter shifts everything."""

    def split(self, frames: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
        at = max((n for n, frame in enumerate(frames) if frame == DELIMITER), default=-1)
        if at < 0 or len(frames) - at < 6:
            raise RejectedError("frames are missing")
        return list(frames[:at]), list(frames[at + 1 :])


@fault("wire-one-prefix-frame", "WIRE-03", "Messages with more than one routing frame are dropped.")
class OnePrefixFrame(Kernel):
    """A fixed place of the delimiter."""

    def split(self, frames: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
        if len(frames) < 2 or frames[1] != DELIMITER:
            raise RejectedError("no delimiter")
        return super().split(frames)


@fault("wire-buffers-refused", "WIRE-09 WIRE-10", "Messages with buffers are dropped.")
class BuffersRefused(Kernel):
    """Exactly five frames behind the delimiter."""

    def split(self, frames: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
        prefix, rest = super().split(frames)
        if len(rest) != 5:
            raise RejectedError("there are buffers")
        return prefix, rest


@fault("wire-buffers-are-errors", "WIRE-10", "Official requests with buffers are errors.")
class BuffersAreErrors(Kernel):
    """Strict where the text is not."""

    def serve(self, request: Incoming, lane: Lane) -> Fields | None:
        if request.buffers and request.type.endswith("_request"):
            raise LanguageError("ValueError", "buffers were not expected")
        return super().serve(request, lane)


@fault("wire-dies-of-unknown-type", "WIRE-14 CTRL-15", "An unknown type ends the process.")
class DiesOfUnknown(Kernel):
    """An exception that nobody catches."""

    def accept(self, request: Incoming) -> None:
        if request.channel != STDIN and not hasattr(self, f"on_{request.type}"):
            self.die(3)
        super().accept(request)


@fault("ctrl-dies-of-unknown-type", "CTRL-15", "An unknown type on control ends the process.")
class DiesOfUnknownControl(Kernel):
    """On control only."""

    def accept(self, request: Incoming) -> None:
        if request.channel == CONTROL and not hasattr(self, f"on_{request.type}"):
            self.die(3)
        super().accept(request)


@fault("wire-unknown-content-refused", "WIRE-15", "An unknown key of the content is an error.")
class UnknownContentRefused(Kernel):
    """A strict reader."""

    def read(self, request: Incoming) -> Fields:
        made = super().read(request)
        known = {*made, "user_variables", "payload"}
        if request.type.endswith("_request") and set(request.content) - known:
            raise LanguageError("TypeError", "an unknown key")
        return made


@fault("wire-unknown-header-refused", "WIRE-15", "A message with an unknown header key is dropped.")
class UnknownHeaderRefused(Kernel):
    """A strict reader of headers."""

    known = frozenset(
        {"msg_id", "session", "username", "date", "msg_type", "version", "subshell_id"}
    )

    def accept(self, request: Incoming) -> None:
        if set(request.header) <= self.known:
            super().accept(request)


@fault("hdr-metadata-refused", "WIRE-15 HDR-17", "Unknown metadata of a request are an error.")
class MetadataRefused(Kernel):
    """Strict about what extensions use."""

    def serve(self, request: Incoming, lane: Lane) -> Fields | None:
        if request.metadata and request.type.endswith("_request"):
            raise LanguageError("TypeError", "metadata were not expected")
        return super().serve(request, lane)


class Broadcasting(Kernel):
    """Remembers who has asked."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # handed on
        self.asked: list[list[bytes]] = []

    def accept(self, request: Incoming) -> None:
        if request.channel == SHELL and request.prefix not in self.asked:
            self.asked.append(list(request.prefix))
        super().accept(request)


@fault("wire-reply-to-all", "WIRE-16", "Every client gets every reply.")
class ReplyToAll(Broadcasting):
    """Not only the peer that asked."""

    def queue(self, channel: str, frames: Sequence[bytes]) -> None:
        if channel != SHELL:
            super().queue(channel, frames)
            return
        rest = list(frames)[list(frames).index(DELIMITER) :]
        for prefix in self.asked:
            super().queue(channel, [*prefix, *rest])


@fault("wire-reply-to-last", "WIRE-16 WIRE-17", "Replies go to the client that asked last.")
class ReplyToLast(Kernel):
    """One place for the identity."""

    latest: tuple[bytes, ...] = ()

    def accept(self, request: Incoming) -> None:
        if request.channel == SHELL:
            self.latest = tuple(request.prefix)
        super().accept(request)

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        if message.channel == SHELL:
            message.prefix = list(self.latest)
        return (message,)


@fault("wire-control-replies-on-shell", "WIRE-16", "Replies to control leave on shell.")
class ControlRepliesOnShell(Kernel):
    """The wrong channel."""

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        if message.channel == CONTROL:
            message.channel = SHELL
        return (message,)


@fault("wire-first-client-only", "WIRE-17", "Only the first client of a channel is served.")
class FirstClientOnly(Kernel):
    """Written for one frontend."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # handed on
        self.first: dict[str, bytes] = {}

    def accept(self, request: Incoming) -> None:
        identity = request.prefix[0] if request.prefix else b""
        if self.first.setdefault(request.channel, identity) == identity:
            super().accept(request)


@fault("wire-dies-of-malformed", "WIRE-18", "A message that cannot be parsed ends the process.")
class DiesOfMalformed(Kernel):
    """All of them."""

    def rejected(self, channel: str, frames: Sequence[bytes], error: RejectedError) -> None:
        if "signature" not in str(error):
            self.die(3)
        super().rejected(channel, frames, error)


@fault("wire-dies-of-no-delimiter", "WIRE-18", "A message without delimiter ends the process.")
class DiesOfNoDelimiter(Kernel):
    """The loop looks for it for ever."""

    def rejected(self, channel: str, frames: Sequence[bytes], error: RejectedError) -> None:
        if str(error) == "no delimiter":
            self.die(3)
        super().rejected(channel, frames, error)


@fault("wire-dies-behind-shell", "WIRE-18", "What is no message on control ends it a bit later.")
class DiesBehindShell(Kernel):
    """Control is read by slower code than shell, and leaves kernel_info to it."""

    def accept(self, request: Incoming) -> None:
        if request.channel != CONTROL or request.type != "kernel_info_request":
            super().accept(request)

    def rejected(self, channel: str, frames: Sequence[bytes], error: RejectedError) -> None:
        super().rejected(channel, frames, error)
        if channel == CONTROL and "signature" not in str(error):
            threading.Timer(LATER_S, self.die, (3,)).start()


@fault("wire-deaf-after-malformed", "WIRE-18", "After a malformed message a channel is deaf.")
class DeafAfterMalformed(Kernel):
    """A thread that has ended."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # handed on
        self.deaf: set[str] = set()

    def rejected(self, channel: str, frames: Sequence[bytes], error: RejectedError) -> None:
        self.deaf.add(channel)
        super().rejected(channel, frames, error)

    def receive(self, channel: str, frames: Sequence[bytes]) -> None:
        if channel not in self.deaf:
            super().receive(channel, frames)


@fault("wire-status-of-malformed", "WIRE-23", "Busy and idle are published for what is malformed.")
class StatusOfMalformed(Kernel):
    """Busy before the message is parsed."""

    def rejected(self, channel: str, frames: Sequence[bytes], error: RejectedError) -> None:
        if "signature" not in str(error):
            self.publish_status("busy", None)
            self.publish_status("idle", None)
        super().rejected(channel, frames, error)


@fault("wire-runs-malformed-content", "WIRE-23", "Content that is no object is read as empty.")
class RunsMalformed(Kernel):
    """A request without fields gets an answer where none is due."""

    def receive(self, channel: str, frames: Sequence[bytes]) -> None:
        try:
            _, rest = self.split(frames)
            loads(rest[4])
        except RejectedError:
            frames = self._mended(frames)
        super().receive(channel, frames)

    def _mended(self, frames: Sequence[bytes]) -> Sequence[bytes]:
        try:
            prefix, rest = self.split(frames)
        except RejectedError:
            return frames
        parts = [*rest[1:4], b"{}"]
        return [*prefix, DELIMITER, self.signer.sign(parts), *parts, *rest[5:]]


@fault("wire-wrong-types-unanswered", "WIRE-19 EXEC-16", "Fields of wrong types get no reply.")
class WrongTypesUnanswered(Kernel):
    """An exception before the reply."""

    def failed(self, request: Incoming, error: LanguageError) -> Fields | None:
        if error.name == "TypeError":
            return None
        return super().failed(request, error)


@fault("wire-dies-of-wrong-types", "WIRE-19", "A field of the wrong type ends the process.")
class DiesOfWrongTypes(Kernel):
    """An exception that ends the thread."""

    def failed(self, request: Incoming, error: LanguageError) -> Fields | None:
        if error.name == "TypeError":
            self.die(3)
        return super().failed(request, error)


@fault("wire-large-dropped", "WIRE-20", "Messages above a megabyte are dropped.")
class LargeDropped(Kernel):
    """A limit that is too low."""

    def receive(self, channel: str, frames: Sequence[bytes]) -> None:
        if sum(map(len, frames)) <= MEGABYTE:
            super().receive(channel, frames)


@fault("wire-large-cut", "WIRE-20", "Text above a megabyte is cut.")
class LargeCut(Kernel):
    """A limit on outputs."""

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        text = message.content.get("text")
        if isinstance(text, str):
            message.content["text"] = text[:MEGABYTE]
        return (message,)


# Signatures.


class Unsigned(Kernel):
    """Leaves out the signatures of some messages."""

    channels: tuple[str, ...] = ()

    def signature(self, message: Outgoing, parts: Sequence[bytes]) -> bytes:
        return b"" if message.channel in self.channels else super().signature(message, parts)


@fault("sign-shell-unsigned", "SIGN-01 SIGN-13", "Replies on shell are not signed.")
class ShellUnsigned(Unsigned):
    """Shell."""

    channels = (SHELL,)


@fault("sign-control-unsigned", "SIGN-01 SIGN-13", "Replies on control are not signed.")
class ControlUnsigned(Unsigned):
    """Control."""

    channels = (CONTROL,)


@fault("sign-stdin-unsigned", "SIGN-01 SIGN-13", "Prompts are not signed.")
class StdinUnsigned(Unsigned):
    """Stdin."""

    channels = (STDIN,)


@fault("sign-iopub-unsigned", "SIGN-01 SIGN-13", "What is published is not signed.")
class IopubUnsigned(Unsigned):
    """IOPub."""

    channels = (IOPUB,)


@fault("sign-welcome-unsigned", "SIGN-01 SIGN-13", "The welcome is not signed.")
class WelcomeUnsigned(Kernel):
    """Made by hand in the thread of the socket."""

    def signature(self, message: Outgoing, parts: Sequence[bytes]) -> bytes:
        return b"" if message.type == "iopub_welcome" else super().signature(message, parts)


@fault("sign-other-order", "SIGN-01 SIGN-02", "Signatures cover the frames in another order.")
class OtherOrder(Kernel):
    """Content first."""

    def signature(self, message: Outgoing, parts: Sequence[bytes]) -> bytes:
        return super().signature(message, list(reversed(parts)))


@fault("sign-covers-buffers", "SIGN-01 SIGN-02", "Signatures of what is sent cover the buffers.")
class CoversBuffers(Kernel):
    """Visible only where there are buffers."""

    def signature(self, message: Outgoing, parts: Sequence[bytes]) -> bytes:
        return super().signature(message, [*parts, *message.buffers])


@fault("sign-verifies-buffers", "SIGN-02 WIRE-10", "Signatures of requests must cover the buffers.")
class VerifiesBuffers(Kernel):
    """The receiving side."""

    def verify(self, channel: str, rest: Sequence[bytes]) -> None:
        wanted = self.signer.sign(rest[1:])
        if self.signer.key and rest[0] != wanted:
            raise RejectedError("the signature is wrong")
        super().verify(channel, [self.signer.sign(rest[1:5]), *rest[1:]])


@fault("sign-upper-case", "SIGN-01 SIGN-03", "Signatures are written in upper case.")
class UpperCase(Kernel):
    """Capital digits."""

    def signature(self, message: Outgoing, parts: Sequence[bytes]) -> bytes:
        return super().signature(message, parts).upper()


@fault("sign-raw-digest", "SIGN-01 SIGN-03", "Signatures are raw bytes.")
class RawDigest(Kernel):
    """No hexadecimal digits."""

    def signature(self, message: Outgoing, parts: Sequence[bytes]) -> bytes:
        return binascii.unhexlify(super().signature(message, parts))


@fault("sign-new-serialisation", "SIGN-04", "Signatures are verified over a new serialisation.")
class NewSerialisation(Kernel):
    """Works for clients that write JSON as the kernel does."""

    def verify(self, channel: str, rest: Sequence[bytes]) -> None:
        parts = [json.dumps(loads(part), sort_keys=True) for part in rest[1:5]]
        arrived = [json.dumps(json.loads(part)) for part in rest[1:5]]
        compact = [json.dumps(json.loads(part), separators=(",", ":")) for part in rest[1:5]]
        texts = [part.decode("utf-8") for part in rest[1:5]]
        ascii_only = [json.dumps(json.loads(p), ensure_ascii=False) for p in rest[1:5]]
        tight = [
            json.dumps(json.loads(p), ensure_ascii=False, separators=(",", ":")) for p in rest[1:5]
        ]
        if texts not in (parts, arrived, compact, ascii_only, tight):
            raise RejectedError("the signature is wrong")
        super().verify(channel, rest)


@fault("sign-key-decoded", "SIGN-05", "A key that is a UUID is decoded.")
class KeyDecoded(Kernel):
    """A key of digits becomes half as long."""

    def key(self) -> bytes:
        text = super().key()
        return binascii.unhexlify(text.replace(b"-", b"")) if b"-" in text else text


@fault("sign-empty-key-signs", "SIGN-06 SIGN-16", "Messages are signed with an empty key.")
class EmptyKeySigns(Kernel):
    """HMAC takes an empty key."""

    def signature(self, message: Outgoing, parts: Sequence[bytes]) -> bytes:
        if self.signer.key:
            return super().signature(message, parts)
        return Signer(b"\0", self.scheme()).sign(parts)


@fault("sign-empty-key-verifies", "SIGN-06", "With an empty key unsigned messages are refused.")
class EmptyKeyVerifies(Kernel):
    """The check is never switched off."""

    def verify(self, channel: str, rest: Sequence[bytes]) -> None:
        if not self.signer.key and not rest[0]:
            raise RejectedError("the signature is missing")
        super().verify(channel, rest)


class Trusting(Kernel):
    """Does not look at the signatures of some channels."""

    trusted: tuple[str, ...] = ()

    def verify(self, channel: str, rest: Sequence[bytes]) -> None:
        if channel not in self.trusted:
            super().verify(channel, rest)


@fault("sign-shell-unverified", "SIGN-07 SIGN-09 SIGN-10", "Signatures on shell are not verified.")
class ShellUnverified(Trusting):
    """Shell."""

    trusted = (SHELL,)


@fault("sign-control-unverified", "SIGN-07 SIGN-09 SIGN-10", "Those on control are not verified.")
class ControlUnverified(Trusting):
    """Control."""

    trusted = (CONTROL,)


@fault("sign-stdin-unverified", "SIGN-08 STDIN-11", "Those on stdin are not verified.")
class StdinUnverified(Trusting):
    """Stdin."""

    trusted = (STDIN,)


@fault("sign-empty-accepted", "SIGN-09", "A message with an empty signature is accepted.")
class EmptyAccepted(Kernel):
    """Taken for a client without a key."""

    def verify(self, channel: str, rest: Sequence[bytes]) -> None:
        if rest[0]:
            super().verify(channel, rest)


@fault("sign-beginning-compared", "SIGN-07", "Only the beginning of a signature is compared.")
class BeginningCompared(Kernel):
    """As long as what was received."""

    def is_signature(self, channel: str, found: bytes, wanted: bytes) -> bool:  # noqa: ARG002
        return bool(found) and wanted[:16] == found[:16]


@fault("sign-refused-status", "SIGN-10", "Busy and idle are published for what is refused.")
class RefusedStatus(Kernel):
    """Busy before the signature is verified."""

    def rejected(self, channel: str, frames: Sequence[bytes], error: RejectedError) -> None:
        if "signature" in str(error):
            self.publish_status("busy", None)
            self.publish_status("idle", None)
        super().rejected(channel, frames, error)


@fault("sign-refused-reply", "SIGN-07 SIGN-10", "What is refused gets an error reply.")
class RefusedReply(Kernel):
    """It tells a forger that it was there."""

    def rejected(self, channel: str, frames: Sequence[bytes], error: RejectedError) -> None:
        super().rejected(channel, frames, error)
        if "signature" not in str(error):
            return
        prefix, rest = split(frames)
        content = self.error(LanguageError("SignatureError", "wrong")) | {"execution_count": 0}
        header = self.header("execute_reply")
        made = Outgoing(
            channel=channel, prefix=prefix, header=header, parent=loads(rest[1]), content=content
        )
        self.emit(made)


@fault("sign-refused-counts", "SIGN-10", "What is refused moves the counter.")
class RefusedCounts(Kernel):
    """The state changes before trust."""

    def rejected(self, channel: str, frames: Sequence[bytes], error: RejectedError) -> None:
        self.count += "signature" in str(error)
        super().rejected(channel, frames, error)


@fault("sign-dies-of-refused", "SIGN-10", "A wrong signature ends the process.")
class DiesOfRefused(Kernel):
    """An exception that nobody catches."""

    def rejected(self, channel: str, frames: Sequence[bytes], error: RejectedError) -> None:
        if "signature" in str(error):
            self.die(3)
        super().rejected(channel, frames, error)


@fault("sign-replies-sha256", "SIGN-11", "What is sent has SHA-256, and what comes its own hash.")
class RepliesSha256(Kernel):
    """The file is read for one way alone."""

    def signature(self, message: Outgoing, parts: Sequence[bytes]) -> bytes:  # noqa: ARG002
        return Signer(self.key(), "hmac-sha256").sign(parts)


@fault("sign-always-sha256", "SIGN-11", "SHA-256 is used whatever the file says.")
class AlwaysSha256(Kernel):
    """The name of the hash is not read."""

    def scheme(self) -> str:
        super().make_signer()
        return "hmac-sha256"

    def make_signer(self) -> Signer:
        return Signer(self.key(), "hmac-sha256")


@fault("sign-unknown-scheme", "SIGN-12", "An unknown scheme is taken for SHA-256.")
class UnknownScheme(Kernel):
    """It starts all the same."""

    def make_signer(self) -> Signer:
        try:
            return Signer(self.key(), self.scheme())
        except ValueError:
            return Signer(self.key(), "hmac-sha256")


# Headers.


@fault("hdr-session-per-message", "HDR-04", "Every message has another `session`.")
class SessionPerMessage(Kernel):
    """A new id each time."""

    def header(self, msg_type: str) -> Fields:
        return super().header(msg_type) | {"session": new_id()}


@fault("hdr-session-per-channel", "HDR-04", "IOPub has another `session` than shell.")
class SessionPerChannel(Kernel):
    """Two sessions in one process."""

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        return (
            changed(message, [with_header(session=f"{self.session}-2")])
            if (message.channel == IOPUB)
            else (message,)
        )


@fault("hdr-session-of-the-client", "HDR-03 HDR-04", "The `session` is that of the request.")
class SessionOfTheClient(Kernel):
    """The header is copied from the request."""

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        if message.parent:
            message.header["session"] = message.parent.get("session")
        return (message,)


@fault("hdr-msg-id-of-the-request", "HDR-02", "A reply has the `msg_id` of its request.")
class MsgIdOfTheRequest(Kernel):
    """The header is copied from the request."""

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        if replied(message) and message.parent:
            message.header["msg_id"] = message.parent["msg_id"]
        return (message,)


@fault("hdr-date-needed", "HDR-08", "Requests without `date` are dropped.")
class DateNeeded(Kernel):
    """Strict about old peers."""

    def accept(self, request: Incoming) -> None:
        if "date" in request.header:
            super().accept(request)


@fault("hdr-username-needed", "HDR-10", "Requests with an empty `username` are dropped.")
class UsernameNeeded(Kernel):
    """An empty text is taken for none."""

    def accept(self, request: Incoming) -> None:
        if request.header.get("username"):
            super().accept(request)


@fault("hdr-parent-of-the-last", "HDR-12 HDR-13", "Parents are the header of the request before.")
class ParentOfTheLast(Kernel):
    """The parent is set after the first messages."""

    before: Fields | None = None

    def finished(self, request: Incoming) -> None:
        self.before = request.header
        super().finished(request)

    def parent(self, request: Incoming | None) -> Fields:
        return super().parent(request) if request is None or not self.before else dict(self.before)


@fault("hdr-parent-of-the-second-output", "HDR-13", "A cell's second text names the cell before.")
class ParentOfTheSecondOutput(Kernel):
    """Flushed by what belongs to another cell."""

    cell: Incoming | None = None
    before: Incoming | None = None
    written = 0

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        if message.type != "stream" or message.cause is None:
            return (message,)
        if message.cause is not self.cell:
            self.cell, self.before, self.written = message.cause, self.cell, 0
        self.written += 1
        if self.written == 2 and self.before is not None:
            message.parent = dict(self.before.header)
        return (message,)


@fault("hdr-metadata-of-replies-list", "HDR-16", "The metadata of replies are a list.")
class MetadataList(Kernel):
    """No object."""

    def parts(self, message: Outgoing) -> list[bytes]:
        made = super().parts(message)
        return [*made[:2], b"[]", made[3]] if replied(message) else made
