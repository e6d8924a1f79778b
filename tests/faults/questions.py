"""Faults in completion, inspection, history, completeness, kernel_info and comms."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.faults import _language as language
from tests.faults._kernel import Kernel, Stored, last
from tests.faults._lane import Lane
from tests.faults._language import LanguageError
from tests.faults._table import (
    Change,
    Row,
    both,
    caused_by,
    fault,
    gone,
    having,
    of,
    on,
    spoil,
    with_content,
    with_parent,
    within,
    within_without,
    without,
)
from tests.faults._wire import CONTROL, SHELL, Fields, Incoming, Outgoing

COMMS = ("comm_open", "comm_msg", "comm_close")

FROM_HANDLERS = both(of(*COMMS), caused_by(*COMMS))


def _utf16(code: str, places: int) -> int:
    """Return the code point that a place in UTF-16 units is at."""
    return len(code.encode("utf-16-le")[: places * 2].decode("utf-16-le", "ignore"))


def _in_bytes(code: str, places: int) -> int:
    return len(code.encode("utf-8")[:places].decode("utf-8", "ignore"))


def _units(code: str, places: int) -> int:
    return len(code[:places].encode("utf-16-le")) // 2


def _ends_in(count: Callable[[str, int], int]) -> Change:
    def change(message: Outgoing) -> None:
        code = str(message.cause.content.get("code")) if message.cause else ""
        for key in ("cursor_start", "cursor_end"):
            place = message.content.get(key)
            if isinstance(place, int):
                message.content[key] = count(code, place)

    return change


def _history(change: Callable[[list[object]], object]) -> Change:
    """Change each row of a history."""

    def make(message: Outgoing) -> None:
        found = message.content.get("history")
        if isinstance(found, list):
            message.content["history"] = [change(row) for row in found]

    return make


def _backwards(message: Outgoing) -> None:
    found = message.content.get("history")
    if isinstance(found, list):
        message.content["history"] = found[::-1]


def _comm_targets_bare(message: Outgoing) -> None:
    found = message.content.get("comms")
    if isinstance(found, dict):
        message.content["comms"] = {key: found[key]["target_name"] for key in found}


def _parent_of_another(message: Outgoing) -> None:
    message.parent |= {"msg_id": "another", "msg_type": "execute_request"}


def _no_buffers(message: Outgoing) -> None:
    message.buffers = []


def _no_empty_buffers(message: Outgoing) -> None:
    message.buffers = [one for one in message.buffers if one]


def _indented(message: Outgoing) -> None:
    message.content.setdefault("indent", "")


def _ports_plus_one(message: Outgoing) -> None:
    for key, port in message.content.items():
        if key.endswith("_port") and isinstance(port, int):
            message.content[key] = port + 1


def _keys(value: object) -> Sequence[str]:
    return [str(key) for key in value] if isinstance(value, dict) else []


def _to_shell(message: Outgoing) -> None:
    if message.cause is not None:
        message.channel = SHELL
        message.prefix = list(message.cause.prefix)


COMPLETED = both(of("complete_reply"), having(status="ok"))
INSPECTED = both(of("inspect_reply"), having(status="ok"))
FOUND = both(of("inspect_reply"), having(found=True))
JUDGED = of("is_complete_reply")
INFO = of("kernel_info_reply")
OPENED = of("comm_open")

ROWS: tuple[Row, ...] = (
    # Completion.
    spoil("complete-matches-text", "COMPLETE-04", "The `matches` are text.", COMPLETED,
          with_content(matches="print")),
    spoil("complete-matches-objects", "COMPLETE-04", "The `matches` are objects.", COMPLETED,
          with_content(matches=[{"text": "print"}])),
    spoil("complete-no-start", "COMPLETE-04", "There is no `cursor_start`.", COMPLETED,
          without("cursor_start")),
    spoil("complete-no-end", "COMPLETE-04", "There is no `cursor_end`.", COMPLETED,
          without("cursor_end")),
    spoil("complete-no-metadata", "COMPLETE-04", "There are no `metadata`.", COMPLETED,
          without("metadata")),
    spoil("complete-start-float", "COMPLETE-04", "The `cursor_start` is text.", COMPLETED,
          with_content(cursor_start="0")),
    spoil("complete-range-empty", "COMPLETE-05", "The range begins where it ends.", COMPLETED,
          lambda m: m.content.update(cursor_start=m.content["cursor_end"])),
    spoil("complete-range-whole", "COMPLETE-05", "The range begins with the code.", COMPLETED,
          with_content(cursor_start=0)),
    spoil("complete-end-beyond", "COMPLETE-06", "The `cursor_end` is beyond the code.", COMPLETED,
          with_content(cursor_end=10_000)),
    spoil("complete-start-negative", "COMPLETE-06", "The `cursor_start` is negative.", COMPLETED,
          with_content(cursor_start=-1)),
    spoil("complete-start-behind-end", "COMPLETE-06", "The range is backwards.", COMPLETED,
          lambda m: m.content.update(cursor_start=int(str(m.content["cursor_end"])) + 1)),
    spoil("complete-answers-in-utf16", "COMPLETE-02", "The range counts UTF-16 units.",
          COMPLETED, _ends_in(_units)),
    spoil("complete-answers-in-bytes", "COMPLETE-02", "The range counts bytes.", COMPLETED,
          _ends_in(lambda code, place: len(code[:place].encode("utf-8")))),
    # Inspection.
    spoil("inspect-no-found", "INSPECT-03", "There is no `found`.", INSPECTED, without("found")),
    spoil("inspect-found-text", "INSPECT-03", "The `found` is text.", INSPECTED,
          with_content(found="true")),
    spoil("inspect-no-data", "INSPECT-03", "There are no `data`.", INSPECTED, without("data")),
    spoil("inspect-data-text", "INSPECT-03", "The `data` are text.", INSPECTED,
          with_content(data="a call")),
    spoil("inspect-no-metadata", "INSPECT-03", "There are no `metadata`.", INSPECTED,
          without("metadata")),
    spoil("inspect-html", "INSPECT-08", "What is found is HTML alone.", FOUND,
          with_content(data={"text/html": "<p>"})),
    spoil("inspect-all-found", "INSPECT-04", "Everything is found.",
          both(INSPECTED, having(found=False)),
          with_content(found=True, data={"text/plain": "nothing"})),
    spoil("inspect-nothing-found", "INSPECT-10", "Nothing is found.", FOUND,
          with_content(found=False, data={})),
    # History.
    spoil("history-no-list", "HIST-07", "There is no `history`.", of("history_reply"),
          without("history")),
    spoil("history-pairs", "HIST-07", "Rows are pairs without the session.", of("history_reply"),
          _history(lambda row: row[1:])),
    spoil("history-objects", "HIST-07", "Rows are objects.", of("history_reply"),
          _history(lambda row: {"line": row[1], "input": row[2]})),
    spoil("history-always-pairs", "HIST-07", "Output is there although it was not asked for.",
          of("history_reply"),
          _history(lambda r: r if isinstance(r[2], list) else [*r[:2], [r[2], None]])),
    spoil("history-never-pairs", "HIST-07", "Output is not there although it was asked for.",
          of("history_reply"),
          _history(lambda r: [*r[:2], r[2][0]] if isinstance(r[2], list) else r)),
    spoil("history-lines-text", "HIST-07", "Line numbers are text.", of("history_reply"),
          _history(lambda row: [row[0], str(row[1]), row[2]])),
    spoil("history-backwards", "HIST-12", "The newest cell comes first.", of("history_reply"),
          _backwards),
    # Completeness.
    spoil("is-complete-bool", "ISCOMPLETE-01", "The `status` is a boolean.", JUDGED,
          with_content(status=True)),
    spoil("is-complete-ok", "ISCOMPLETE-01 ISCOMPLETE-03", "The `status` is `ok`.", JUDGED,
          with_content(status="ok")),
    spoil("is-complete-always", "ISCOMPLETE-01", "All code is complete.", JUDGED,
          without("indent"), with_content(status="complete")),
    spoil("is-complete-never", "ISCOMPLETE-01", "All code is incomplete.", JUDGED,
          with_content(status="incomplete", indent="")),
    spoil("is-complete-no-indent", "ISCOMPLETE-02", "There is no `indent`.", JUDGED,
          without("indent")),
    spoil("is-complete-indent-number", "ISCOMPLETE-02", "The `indent` is a number.",
          both(JUDGED, having(status="incomplete")), with_content(indent=2)),
    spoil("is-complete-indent-always", "ISCOMPLETE-03", "There always is an `indent`.", JUDGED,
          _indented),
    # kernel_info.
    spoil("info-version-number", "INFO-04", "The `protocol_version` is a number.", INFO,
          with_content(protocol_version=5.5)),
    spoil("info-version-words", "INFO-04", "The `protocol_version` is no version.", INFO,
          with_content(protocol_version="five")),
    spoil("info-version-missing", "INFO-04", "There is no `protocol_version`.", INFO,
          without("protocol_version")),
    spoil("info-no-implementation", "INFO-05", "There is no `implementation`.", INFO,
          without("implementation")),
    spoil("info-no-implementation-version", "INFO-05", "No `implementation_version`.", INFO,
          without("implementation_version")),
    spoil("info-implementation-version-number", "INFO-05", "It is a number.", INFO,
          with_content(implementation_version=1.0)),
    spoil("info-no-banner", "INFO-05", "There is no `banner`.", INFO, without("banner")),
    spoil("info-banner-list", "INFO-05", "The `banner` is a list of lines.", INFO,
          with_content(banner=["A small kernel"])),
    spoil("info-no-language", "INFO-06", "There is no `language_info`.", INFO,
          without("language_info")),
    spoil("info-no-language-name", "INFO-06", "The language has no `name`.", INFO,
          within_without("language_info", "name")),
    spoil("info-no-language-version", "INFO-18", "The language has no `version`.", INFO,
          within_without("language_info", "version")),
    spoil("info-language-version-number", "INFO-06", "The language's `version` is a number.", INFO,
          within("language_info", version=3)),
    spoil("info-no-mimetype", "INFO-06", "The language has no `mimetype`.", INFO,
          within_without("language_info", "mimetype")),
    spoil("info-no-extension", "INFO-06", "The language has no `file_extension`.", INFO,
          within_without("language_info", "file_extension")),
    spoil("info-extension-bare", "INFO-06", "The `file_extension` has no dot.", INFO,
          within("language_info", file_extension="tiny")),
    spoil("info-lexer-number", "INFO-07", "The `pygments_lexer` is a number.", INFO,
          within("language_info", pygments_lexer=1)),
    spoil("info-mode-list", "INFO-07", "The `codemirror_mode` is a list.", INFO,
          within("language_info", codemirror_mode=["tiny"])),
    spoil("info-help-links-object", "INFO-08", "The `help_links` are an object.", INFO,
          with_content(help_links={"The protocol": "https://jupyter.org"})),
    spoil("info-help-links-bare", "INFO-08", "The `help_links` are texts.", INFO,
          with_content(help_links=["https://jupyter.org"])),
    spoil("info-features-text", "INFO-09", "The `supported_features` are text.", INFO,
          with_content(supported_features="debugger")),
    spoil("info-features-object", "INFO-09", "The `supported_features` are an object.", INFO,
          with_content(supported_features={"debugger": True})),
    spoil("info-debugger-differs", "INFO-10 DEBUG-01",
          "The `debugger` is true and the list does not hold it.", INFO,
          with_content(debugger=True, supported_features=["kernel subshells"])),
    spoil("info-debugger-text", "INFO-10", "The `debugger` is text.", INFO,
          with_content(debugger="yes")),
    spoil("info-control-differs", "INFO-02", "The reply on control has another content.",
          both(INFO, on(CONTROL)), with_content(banner="control")),
    spoil("info-control-empty", "INFO-02", "The reply on control has a status alone.",
          both(INFO, on(CONTROL)), lambda m: m.content.clear(), with_content(status="ok")),
    spoil("info-connect-other-ports", "INFO-15", "A `connect_reply` states other ports.",
          of("connect_reply"), _ports_plus_one),
    spoil("info-connect-no-control", "INFO-15", "It leaves out the control port.",
          of("connect_reply"), without("control_port")),
    spoil("info-connect-text", "INFO-15 HDR-18", "It states ports as text.",
          of("connect_reply"), lambda m: m.content.update(shell_port="1")),
    spoil("info-no-comms", "INFO-12", "A `comm_info_reply` has no `comms`.",
          of("comm_info_reply"), without("comms")),
    spoil("info-comms-list", "INFO-12", "The `comms` are a list.", of("comm_info_reply"),
          lambda m: m.content.update(comms=list(_keys(m.content.get("comms"))))),
    spoil("info-comms-bare", "INFO-12", "The `comms` are target names by id.",
          of("comm_info_reply"), _comm_targets_bare),
    spoil("info-comms-null", "INFO-13", "No comms are null.",
          both(of("comm_info_reply"), having(comms={})), with_content(comms=None)),
    # Comms.
    spoil("comm-no-data", "COMM-01", "A `comm_open` has no `data`.", OPENED, without("data")),
    spoil("comm-no-target", "COMM-01", "It has no `target_name`.", OPENED,
          without("target_name")),
    spoil("comm-data-null", "COMM-06", "The `data` of comm messages are null.", of(*COMMS),
          with_content(data=None)),
    spoil("comm-data-list", "COMM-06", "The `data` of a `comm_msg` are a list.", of("comm_msg"),
          with_content(data=[])),
    spoil("comm-msg-without-id", "COMM-04", "A `comm_msg` has no `comm_id`.", of("comm_msg"),
          without("comm_id")),
    spoil("comm-close-without-id", "COMM-05 COMM-03", "A `comm_close` has no `comm_id`.",
          of("comm_close"), without("comm_id")),
    spoil("comm-close-without-data", "COMM-05", "A `comm_close` has no `data`.",
          of("comm_close"), without("data")),
    spoil("comm-unknown-target-ignored", "COMM-03", "An unknown target is ignored.",
          both(of("comm_close"), caused_by("comm_open")), gone),
    spoil("comm-close-with-another-parent", "HDR-13", "That refusal has the last cell as parent.",
          both(of("comm_close"), caused_by("comm_open")), _parent_of_another),
    spoil("comm-unknown-target-other-id", "COMM-03", "Another comm is closed.",
          both(of("comm_close"), caused_by("comm_open")), with_content(comm_id="other")),
    spoil("comm-no-parent", "COMM-07 HDR-13", "What handlers send has no parent.", FROM_HANDLERS,
          with_parent({})),
    spoil("comm-buffers-lost", "WIRE-09 COMM-09", "An echo has no buffers.", of("comm_msg"),
          _no_buffers),
    spoil("comm-empty-buffers-lost", "WIRE-09", "An echo has no empty buffers.", of("comm_msg"),
          _no_empty_buffers),
    spoil("comm-on-shell", "COMM-10 COMM-01", "Comm messages go to one client, on shell.",
          of(*COMMS), _to_shell),
    spoil("comm-close-silent", "COMM-05", "The kernel closes a comm without a word.",
          both(of("comm_close"), caused_by("execute_request")), gone),
)  # fmt: skip


class Cursors(Kernel):
    """Reads cursors in its own way."""

    types: tuple[str, ...] = ("complete_request",)

    def place(self, code: str, cursor: int) -> int:
        """Return the code point that is meant."""
        raise NotImplementedError

    def read(self, request: Incoming) -> Fields:
        asked = super().read(request)
        cursor = asked.get("cursor_pos")
        if request.type in self.types and isinstance(cursor, int) and cursor >= 0:
            asked["cursor_pos"] = self.place(str(asked["code"]), cursor)
        return asked


@fault("complete-utf16", "COMPLETE-02", "The cursor is read in UTF-16 units.")
class CompleteUtf16(Cursors):
    """As JavaScript counts."""

    def place(self, code: str, cursor: int) -> int:
        return _utf16(code, cursor)


@fault("complete-bytes", "COMPLETE-02", "The cursor is read in bytes.")
class CompleteBytes(Cursors):
    """As C counts."""

    def place(self, code: str, cursor: int) -> int:
        return _in_bytes(code, cursor)


@fault("inspect-utf16", "INSPECT-06", "The cursor is read in UTF-16 units.")
class InspectUtf16(CompleteUtf16):
    """As JavaScript counts."""

    types = ("inspect_request",)


@fault("inspect-bytes", "INSPECT-06", "The cursor is read in bytes.")
class InspectBytes(CompleteBytes):
    """As C counts."""

    types = ("inspect_request",)


@fault("complete-end-of-code", "COMPLETE-01", "The end of the code is completed, not the cursor.")
class CompleteEnd(Cursors):
    """The cursor is not read."""

    def place(self, code: str, cursor: int) -> int:  # noqa: ARG002
        return len(code)


@fault("complete-first-line", "COMPLETE-01", "The cursor is read in the first line.")
class CompleteFirstLine(Cursors):
    """Made for one line."""

    def place(self, code: str, cursor: int) -> int:
        return min(cursor, len(code.split("\n", 1)[0]))


@fault("inspect-end-of-code", "INSPECT-01", "The end of the code is inspected, not the cursor.")
class InspectEnd(CompleteEnd):
    """The cursor is not read."""

    types = ("inspect_request",)


class Answering(Kernel):
    """Answers one type of request in its own way."""

    type = ""

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:
        """Return the content of the reply."""
        raise NotImplementedError

    def serve(self, request: Incoming, lane: Lane) -> Fields | None:
        if request.type == self.type:
            return self.instead(request, self.read(request), lane)
        return super().serve(request, lane)

    def usual(self, request: Incoming, lane: Lane) -> Fields | None:
        """Return what a good kernel would answer."""
        return super().serve(request, lane)


@fault("complete-unanswered", "SHELL-19", "A `complete_request` gets busy, idle and no reply.")
class CompleteUnanswered(Answering):
    """Left out."""

    type = "complete_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:  # noqa: ARG002
        return None


@fault("complete-none-is-error", "COMPLETE-07", "No match is an error.")
class NoMatchIsError(Answering):
    """Taken for a failure."""

    type = "complete_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:  # noqa: ARG002
        made = self.usual(request, lane)
        if made is not None and made.get("matches") == []:
            raise LanguageError("LookupError", "there is no match")
        return made


@fault("complete-none-unanswered", "COMPLETE-07 SHELL-14", "No match is not answered.")
class NoMatchUnanswered(Answering):
    """Nothing to say."""

    type = "complete_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:  # noqa: ARG002
        made = self.usual(request, lane)
        return None if made is not None and made.get("matches") == [] else made


@fault("complete-errors-unanswered", "COMPLETE-08 WIRE-19", "An error of completion is silent.")
class CompleteErrorsUnanswered(Kernel):
    """An exception before the reply."""

    def failed(self, request: Incoming, error: LanguageError) -> Fields | None:
        return None if request.type == "complete_request" else super().failed(request, error)


@fault("complete-errors-are-ok", "COMPLETE-08 WIRE-19", "An error of completion has no matches.")
class CompleteErrorsOk(Kernel):
    """Hidden in an `ok`."""

    def failed(self, request: Incoming, error: LanguageError) -> Fields | None:
        if request.type != "complete_request":
            return super().failed(request, error)
        ends: Fields = {"cursor_start": 0, "cursor_end": 0}
        return {"status": "ok", "matches": [], "metadata": {}} | ends


@fault("complete-counts", "COMPLETE-09", "Completing moves the counter.")
class CompleteCounts(Answering):
    """A side effect."""

    type = "complete_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:  # noqa: ARG002
        self.count += 1
        return self.usual(request, lane)


@fault("complete-stores", "COMPLETE-09", "Completing stores the code.")
class CompleteStores(Answering):
    """A side effect."""

    type = "complete_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:
        code = str(asked["code"])
        self.history.append(Stored(self.history_session, self.count, code, code, None))
        return self.usual(request, lane)


@fault("complete-prints", "COMPLETE-09", "Completing writes to stderr.")
class CompletePrints(Answering):
    """A warning of the completer."""

    type = "complete_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:  # noqa: ARG002
        self.publish("stream", {"name": "stderr", "text": "slow\n"}, request)
        return self.usual(request, lane)


@fault("complete-start-fails", "COMPLETE-10", "Position 0 is an error.")
class CompleteStartFails(Answering):
    """Looks at the character before."""

    type = "complete_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:
        if asked["cursor_pos"] == 0:
            raise LanguageError("IndexError", "there is nothing before the cursor")
        return self.usual(request, lane)


@fault("complete-empty-unanswered", "COMPLETE-10", "Empty code is not answered.")
class CompleteEmptyUnanswered(Answering):
    """Nothing to complete."""

    type = "complete_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:
        return self.usual(request, lane) if asked["code"] else None


@fault("inspect-level-needed", "INSPECT-02", "A missing `detail_level` is an error.")
class LevelNeeded(Answering):
    """Every field is required."""

    type = "inspect_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:  # noqa: ARG002
        if "detail_level" not in request.content:
            raise LanguageError("KeyError", "detail_level")
        return self.usual(request, lane)


@fault("inspect-level-one-by-default", "INSPECT-02", "A missing `detail_level` is read as 1.")
class LevelOne(Answering):
    """The wrong default."""

    type = "inspect_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:
        level = request.content.get("detail_level", 1)
        return self.on_inspect_request(request, asked | {"detail_level": level}, lane)


@fault("inspect-level-one-refused", "INSPECT-01", "A `detail_level` of 1 is an error.")
class LevelOneRefused(Answering):
    """Only one level."""

    type = "inspect_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:
        if asked["detail_level"] == 1:
            raise LanguageError("ValueError", "there is one level")
        return self.usual(request, lane)


@fault("inspect-nothing-is-error", "INSPECT-04", "Nothing to inspect is an error.")
class NothingIsError(Answering):
    """Taken for a failure."""

    type = "inspect_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:  # noqa: ARG002
        made = self.usual(request, lane)
        if made is not None and made.get("found") is False:
            raise LanguageError("LookupError", "there is nothing")
        return made


@fault("inspect-nothing-unanswered", "INSPECT-04 SHELL-14", "Nothing to inspect is not answered.")
class NothingUnanswered(Answering):
    """Nothing to say."""

    type = "inspect_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:  # noqa: ARG002
        made = self.usual(request, lane)
        return None if made is not None and made.get("found") is False else made


@fault("inspect-errors-unanswered", "INSPECT-07 WIRE-19", "An error of inspection is silent.")
class InspectErrorsUnanswered(Kernel):
    """An exception before the reply."""

    def failed(self, request: Incoming, error: LanguageError) -> Fields | None:
        return None if request.type == "inspect_request" else super().failed(request, error)


@fault("inspect-counts", "INSPECT-09", "Inspecting moves the counter.")
class InspectCounts(CompleteCounts):
    """A side effect."""

    type = "inspect_request"


@fault("inspect-stores", "INSPECT-09", "Inspecting stores the code.")
class InspectStores(CompleteStores):
    """A side effect."""

    type = "inspect_request"


@fault("inspect-prints", "INSPECT-09", "Inspecting writes to stderr.")
class InspectPrints(CompletePrints):
    """A warning."""

    type = "inspect_request"


# History.


@fault("history-tail-first", "HIST-02", "The tail has the first cells.")
class TailFirst(Kernel):
    """The wrong end."""

    def tail(self, asked: Fields) -> list[Stored]:
        number = asked["n"]
        return self.history[: number if isinstance(number, int) else None]


@fault("history-tail-all", "HIST-02", "The tail has all cells.")
class TailAll(Kernel):
    """`n` is not read."""

    def tail(self, asked: Fields) -> list[Stored]:  # noqa: ARG002
        return list(self.history)


@fault("history-tail-one-less", "HIST-02", "The tail has one cell too few.")
class TailLess(Kernel):
    """Counted from zero."""

    def tail(self, asked: Fields) -> list[Stored]:
        return super().tail(asked)[1:]


@fault("history-tail-is-error", "HIST-02 HIST-10", "The tail is an error.")
class TailIsError(Kernel):
    """Only the session is known."""

    def tail(self, asked: Fields) -> list[Stored]:  # noqa: ARG002
        raise LanguageError("NotImplementedError", "there is no tail")


@fault("history-range-includes-stop", "HIST-03", "A range includes its `stop`.")
class RangeIncludes(Kernel):
    """One too many."""

    def of_session(self, asked: Fields) -> list[Stored]:
        stop = asked["stop"]
        return super().of_session(asked | {"stop": stop + 1 if isinstance(stop, int) else stop})


@fault("history-range-whole", "HIST-03", "A range is the whole session.")
class RangeWhole(Kernel):
    """`start` and `stop` are not read."""

    def of_session(self, asked: Fields) -> list[Stored]:
        return super().of_session(asked | {"start": 0, "stop": None})


@fault("history-range-of-any-session", "HIST-03", "A range does not look at the session.")
class RangeOfAny(Kernel):
    """Another session's number brings this one's cells."""

    def of_session(self, asked: Fields) -> list[Stored]:
        return super().of_session(asked | {"session": self.history_session})


@fault("history-search-exact", "HIST-04", "A search takes the pattern literally.")
class SearchExact(Kernel):
    """No wildcards."""

    def matches(self, text: str, pattern: str) -> bool:
        return text == pattern


@fault("history-search-star-only", "HIST-04", "A search does not know the wildcard `?`.")
class SearchStarOnly(Kernel):
    """One wildcard of two."""

    def matches(self, text: str, pattern: str) -> bool:
        return super().matches(text, pattern.replace("?", "[?]").replace("[[]", "["))


@fault("history-search-all", "HIST-04", "A search finds everything.")
class SearchAll(Kernel):
    """The pattern is not read."""

    def matches(self, text: str, pattern: str) -> bool:  # noqa: ARG002
        return True


@fault("history-search-unlimited", "HIST-04", "A search does not stop at `n`.")
class SearchUnlimited(Kernel):
    """`n` is not read."""

    def search(self, asked: Fields) -> list[Stored]:
        return super().search(asked | {"n": None})


@fault("history-search-oldest", "HIST-04", "A search gives the first `n`.")
class SearchOldest(Kernel):
    """The wrong end."""

    def search(self, asked: Fields) -> list[Stored]:
        found, number = super().search(asked | {"n": None}), asked["n"]
        return found[:number] if isinstance(number, int) else last(found, None)


@fault("history-unique-ignored", "HIST-05", "A search keeps duplicates.")
class UniqueIgnored(Kernel):
    """`unique` is not read."""

    def search(self, asked: Fields) -> list[Stored]:
        return super().search(asked | {"unique": False})


@fault("history-unique-always", "HIST-05", "A search always leaves out duplicates.")
class UniqueAlways(Kernel):
    """`unique` is not read."""

    def search(self, asked: Fields) -> list[Stored]:
        return super().search(asked | {"unique": True})


@fault("history-raw-always", "HIST-06", "Input is always as it was typed.")
class RawAlways(Kernel):
    """`raw` is not read."""

    def row(self, cell: Stored, asked: Fields) -> list[object]:
        return super().row(cell, asked | {"raw": True})


@fault("history-raw-never", "HIST-06", "Input is always as it was transformed.")
class RawNever(Kernel):
    """`raw` is not read."""

    def row(self, cell: Stored, asked: Fields) -> list[object]:
        return super().row(cell, asked | {"raw": False})


@fault("history-of-everything", "HIST-08 EXEC-03", "Cells that are not to be stored are stored.")
class HistoryOfEverything(Kernel):
    """The counter is right, the history is not."""

    def on_execute_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:
        made = super().on_execute_request(request, asked, lane)
        if not self.is_stored(asked):
            code = str(asked["code"])
            self.history.append(Stored(self.history_session, self.count, code, code, None))
        return made


@fault("history-one-session", "HIST-09", "Every start has the session number 1.")
class OneSession(Kernel):
    """A constant."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # handed on
        self.history_session = 1


@fault("history-unknown-type-is-ok", "HIST-11", "An unknown access type has an empty history.")
class UnknownTypeOk(Answering):
    """A condition without an else."""

    type = "history_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:
        if asked["hist_access_type"] not in {"tail", "range", "search"}:
            return {"status": "ok", "history": []}
        return self.usual(request, lane)


@fault("history-unknown-type-unanswered", "HIST-11", "An unknown access type gets no reply.")
class UnknownTypeUnanswered(Answering):
    """An exception before the reply."""

    type = "history_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:
        known = asked["hist_access_type"] in {"tail", "range", "search"}
        return self.usual(request, lane) if known else None


# Completeness and kernel_info.


@fault("is-complete-runs", "ISCOMPLETE-04", "The code is run to see whether it is complete.")
class IsCompleteRuns(Answering):
    """Tried out."""

    type = "is_complete_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:
        if language.is_complete(str(asked["code"])) == "complete":
            fields: Fields = {"silent": False, "allow_stdin": False, **asked}
            try:
                self.make_cell(request, lane, fields).run()
            except LanguageError:
                return {"status": "invalid"}
        return self.usual(request, lane)


@fault("is-complete-counts", "ISCOMPLETE-04", "The counter moves.")
class IsCompleteCounts(CompleteCounts):
    """A side effect."""

    type = "is_complete_request"


@fault("info-control-unanswered", "INFO-02", "A kernel_info on control gets no reply.")
class ControlInfoUnanswered(Answering):
    """Shell alone, as before protocol 5.5."""

    type = "kernel_info_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:  # noqa: ARG002
        return None if request.channel == CONTROL else self.usual(request, lane)


@fault("info-once", "INFO-11", "Only the first three kernel_info on shell are answered.")
class InfoOnce(Answering):
    """A greeting, not a question."""

    type = "kernel_info_request"
    answered_requests = 0

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:  # noqa: ARG002
        self.answered_requests += request.channel == SHELL
        if request.channel == SHELL and self.answered_requests > 3:
            return None
        return self.usual(request, lane)


@fault("info-forgets", "INFO-11", "A kernel_info resets the names and the counter.")
class InfoForgets(Answering):
    """Taken for a new client."""

    type = "kernel_info_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:  # noqa: ARG002
        self.names.clear()
        self.count = 0
        return self.usual(request, lane)


@fault("info-comms-unfiltered", "INFO-12", "The target of a `comm_info_request` is not read.")
class CommsUnfiltered(Answering):
    """All comms, always."""

    type = "comm_info_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:
        return self.on_comm_info_request(request, asked | {"target_name": None}, lane)


@fault("info-comms-none-is-error", "INFO-13", "No comms are an error.")
class NoCommsIsError(Answering):
    """Taken for a failure."""

    type = "comm_info_request"

    def instead(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:  # noqa: ARG002
        made = self.usual(request, lane)
        if made is not None and not made.get("comms"):
            raise LanguageError("LookupError", "there are no comms")
        return made


@fault("info-debugger-idle-talk", "INFO-16", "A kernel that can debug tells so before each reply.")
class IdleTalk(Kernel):
    """A feature that puts messages of its own between those of all clients."""

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        if message.type != "execute_input":
            return (message,)
        talk = message.copy()
        talk.header |= {"msg_id": f"{message.header['msg_id']}-d", "msg_type": "debug_event"}
        talk.content = {"type": "event", "seq": 1, "event": "process", "body": {}}
        return (talk, message)


# Comms.


@fault("comm-not-held", "COMM-02 INFO-12", "An opened comm is forgotten.")
class NotHeld(Kernel):
    """`comm_info` does not list it."""

    def on_comm_info_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        return {"status": "ok", "comms": {}}


@fault("comm-never-closed", "COMM-05", "A comm that the client closed stays.")
class NeverClosed(Kernel):
    """`comm_info` still lists it."""

    def on_comm_close(self, request: Incoming, asked: Fields, lane: Lane) -> None:
        """Forget nothing."""


@fault("comm-msg-answered", "COMM-04", "A `comm_msg` gets a reply.")
class CommMsgAnswered(Kernel):
    """Taken for a request."""

    def serve(self, request: Incoming, lane: Lane) -> Fields | None:
        made = super().serve(request, lane)
        return {"status": "ok"} if request.type == "comm_msg" else made


@fault("comm-dies-of-unknown-id", "COMM-08", "A message for an unknown comm ends the process.")
class DiesOfUnknownComm(Kernel):
    """A key that is not there."""

    def serve(self, request: Incoming, lane: Lane) -> Fields | None:
        known = request.content.get("comm_id") in self.comms
        if request.type in {"comm_msg", "comm_close"} and not known:
            self.die(3)
        return super().serve(request, lane)


@fault("comm-stuck-after-unknown-id", "COMM-08", "After it comm messages end the shell's thread.")
class StuckAfterUnknownComm(Kernel):
    """An exception that ends the thread."""

    def handle(self, request: Incoming, lane: Lane) -> None:
        known = request.content.get("comm_id") in self.comms
        if request.type in {"comm_msg", "comm_close"} and not known:
            lane.close()
            return
        super().handle(request, lane)


@fault("comm-dies-in-handler", "COMM-11", "A handler that raises ends the process.")
class DiesInHandler(Kernel):
    """An exception that nobody catches."""

    def failed(self, request: Incoming, error: LanguageError) -> Fields | None:
        if request.type in COMMS:
            self.die(3)
        return super().failed(request, error)


@fault("comm-handler-aborts", "COMM-12", "A handler that raises aborts the queue.")
class HandlerAborts(Kernel):
    """Taken for a cell."""

    def failed(self, request: Incoming, error: LanguageError) -> Fields | None:
        if request.type in COMMS:
            self.abort_queue(self.lanes[None])
        return super().failed(request, error)


@fault("comm-metadata-lost", "COMM-09", "An echo has no metadata.")
class MetadataLost(Kernel):
    """Only the data come back."""

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        if message.type == "comm_msg":
            message.metadata = {}
        return (message,)


@fault("comm-closed-by-kernel-stays", "COMM-05", "A comm that the kernel closes stays listed.")
class ClosedStays(Kernel):
    """Told to the client alone."""

    def on_comm_info_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:
        made = super().on_comm_info_request(request, asked, lane)
        return made | {"comms": {**self.closed, **self.comms_of(made)}}

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # handed on
        self.closed: Fields = {}

    def comms_of(self, reply: Fields) -> Fields:
        """Return the comms of a reply."""
        found = reply["comms"]
        assert isinstance(found, dict)
        return found

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        caused = message.cause is not None and message.cause.type == "execute_request"
        if message.type == "comm_close" and caused:
            self.closed[str(message.content["comm_id"])] = {"target_name": "closed"}
        return (message,)


@fault("history-unanswered-tail", "HIST-01", "A tail gets another type of reply.")
class UnansweredTail(Kernel):
    """A name that is not finished."""

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        if message.type == "history_reply":
            message.header["msg_type"] = "history_answer"
        return (message,)
