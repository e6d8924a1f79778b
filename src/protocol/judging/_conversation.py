"""Judge a recorded conversation as a whole: what each message owes to the others."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from math import inf

from attrs import evolve

from assay.protocol._errors import shorten
from assay.protocol._shapes import is_mapping, is_sequence
from assay.protocol.judging._cell_rules import check_cells
from assay.protocol.judging._exchanges import Conversation, Recorded, RecordedExchange, Seen
from assay.protocol.judging._feature_rules import check_features, has_subshells
from assay.protocol.judging._finding import Finding
from assay.protocol.judging._parts import read_parts, text_in
from assay.protocol.judging._validation import (
    HEADER_FIELDS,
    Profile,
    findings_of,
    profile_named,
)
from assay.protocol.wire._arguments import check_instance
from assay.protocol.wire._message import UNSET
from assay.protocol.wire._registry import MESSAGE_TYPES, Channel, Sender
from assay.protocol.wire._signing import Signer

__all__ = ["Recorded", "check_conversation"]

COMM_MESSAGES = frozenset({"comm_open", "comm_msg", "comm_close"})


def check_conversation(
    records: Iterable[Recorded],
    *,
    profile: Profile | None = Profile.LENIENT,
    signer: Signer | None = None,
    complete: bool = True,
) -> tuple[Finding, ...]:
    """Return all that is wrong with a conversation; nothing is raised, whatever was recorded.

    The order of time is that of one observer. Messages of different channels overtake each other on
    their way to a client, so nothing is concluded from the order of a reply and what is published
    for the same request (AMB-22).

    Args:
        records: In any order; `Recorded.index` says when.
        profile: How each message alone is judged, see `validate`; None leaves that out.
        signer: Has the key of the connection, as for `validate`.
        complete: False if the recording begins or ends in the middle of things: what it refers to
            then need not be there, and requests may be open at the end.

    Returns:
        First what is wrong with single messages, in the order of time; then what is wrong between
        them. One cause gives one finding as far as it can be found: a reply with the parent of
        another request is a wrong parent, and not one reply too many and one too few.

    Raises:
        LocalError: the *profile* is none, or *records* holds something else.

    Source: messaging.rst §Request-Reply, §Execute, §Kernel status, §Messages on the stdin
    (ROUTER/DEALER) channel.
    """
    profile = None if profile is None else profile_named(profile)
    found: list[Finding] = []
    seen: list[Seen] = []
    for record in sorted(_checked(records), key=lambda one: one.index):
        parts = read_parts(record.message, signer)
        if profile is not None:
            alone = findings_of(parts, profile, record.channel, record.sender)
            found += (evolve(one, records=(record.index,)) for one in alone)
        seen.append(
            Seen(
                index=record.index,
                channel=record.channel,
                sender=record.sender,
                client=record.client,
                parts=parts,
            )
        )
    repeated = tuple(_repeated(seen))
    copies = {copy.index for first, copy in repeated if _is_copy(first, copy)}
    conversation = Conversation([one for one in seen if one.index not in copies], complete=complete)
    for first, other in repeated:
        got = shorten(other.parts.msg_id)
        conversation.note("HDR-02", "header.msg_id", "an id of its own", got, first, other)
    _sessions(conversation)
    _parents(conversation)
    for exchange in conversation:
        _busy_and_idle(conversation, exchange)
    _order(conversation)
    check_cells(conversation)
    _answers(conversation)
    _kernel(conversation)
    check_features(conversation)
    return (*found, *conversation.found)


def _checked(records: Iterable[Recorded]) -> list[Recorded]:
    check_instance(records, Iterable, "the records of a conversation")
    found = list(records)
    for at, record in enumerate(found):
        check_instance(record, Recorded, f"records[{at}] to be a Recorded")
    return found


# Ids and sessions


def _repeated(seen: Iterable[Seen]) -> Iterator[tuple[Seen, Seen]]:
    known: dict[tuple[Sender, str, str], Seen] = {}
    for one in seen:
        if one.parts.msg_id:
            client = one.client if one.sender is Sender.CLIENT else ""
            first = known.setdefault((one.sender, client, one.parts.msg_id), one)
            if first is not one:
                yield first, one


def _is_copy(first: Seen, other: Seen) -> bool:
    """Return whether *other* is *first* once more, and so says nothing new."""
    return (first.channel, first.parts.header, first.parts.parent_header, first.content) == (
        other.channel,
        other.parts.header,
        other.parts.parent_header,
        other.content,
    )


def _sessions(conversation: Conversation) -> None:
    first: dict[object, Seen] = {}
    known: dict[object, set[str]] = {}
    ended = False
    for one in conversation.seen:
        session = text_in(one.parts.header, "session")
        # A kernel that was killed is followed by another process, which says that it starts.
        ended = ended or (one.state == "starting" and session not in known.get(None, {session}))
        who = one.peer if one.sender is Sender.CLIENT else None
        names = known.setdefault(who, set())
        if session and not names:
            first[who] = one
        elif session and session not in names and not (who is None and ended):
            rule = "HDR-04" if who is None else "HDR-05"
            wanted = "the session of the sender's first message"
            conversation.note(rule, "header.session", wanted, shorten(session), first[who], one)
        if session:
            names.add(session)
        ended = ended or one.msg_type == "shutdown_request"
    shared = known.get(None, set()) & conversation.clients
    for name in sorted(shared):
        one = next(
            one
            for one in conversation.seen
            if one.sender is not Sender.CLIENT and text_in(one.parts.header, "session") == name
        )
        wanted = "a session of the kernel's own"
        conversation.note("HDR-03", "header.session", wanted, "a client's", one)


# Parents


def _parents(conversation: Conversation) -> None:
    for exchange in conversation:
        if exchange.reply is not None:
            _echo(conversation, exchange, exchange.reply, "HDR-12")
        for one in exchange.published:
            _echo(conversation, exchange, one, "HDR-13")
        for one in exchange.prompts:
            _echo(conversation, exchange, one, "STDIN-07")


def _echo(conversation: Conversation, exchange: RecordedExchange, one: Seen, rule: str) -> None:
    """Compare the parent header of *one* with the header of its request, field by field."""
    wanted, got = exchange.request.parts.header, one.parts.parent_header
    if one.parts.parent_id != exchange.request.parts.msg_id:
        return  # a wrong parent altogether is a finding already
    named = {*HEADER_FIELDS, "subshell_id"}
    for key in [*wanted, *(key for key in got if key not in wanted)]:
        mine, theirs = wanted.get(key, UNSET), got.get(key, UNSET)
        if mine == theirs or (key == "date" and _same_moment(mine, theirs)):
            continue
        path = f"parent_header.{key}"
        known = key in named and mine is not UNSET
        text = "no such field" if mine is UNSET else shorten(mine)
        found = "nothing" if theirs is UNSET else shorten(theirs)
        conversation.note(rule if known else "HDR-15", path, text, found, exchange.request, one)


def _same_moment(one: object, other: object) -> bool:
    # Seen: kernels that read the date and write it again, in another form of ISO 8601.
    try:
        first, second = (datetime.fromisoformat(str(date)) for date in (one, other))
    except ValueError:
        return False
    return _aware(first) == _aware(second)


def _aware(date: datetime) -> datetime:
    return date if date.tzinfo else date.replace(tzinfo=UTC)


# Busy and idle

BACKGROUND = frozenset(
    {
        "stream", "display_data", "update_display_data", "clear_output",
        "comm_open", "comm_msg", "comm_close",
    }
)  # fmt: skip
"""What may follow idle, though it had better not (IOPUB-23, IOPUB-24)."""

ANY_TIME = frozenset({"debug_event", "iopub_welcome", "shutdown_reply"})
"""What is published when it happens: the last words of a kernel too, which no sentence places."""


def _busy_and_idle(conversation: Conversation, exchange: RecordedExchange) -> None:
    busy, idle, asked = exchange.busy, exchange.idle, exchange.request
    if conversation.is_open(exchange):
        return
    if busy is None and idle is None:
        rule = _status_rule(exchange)
        conversation.note(rule, "header", "busy and idle on IOPub", "neither", asked)
        return
    if busy is None:
        conversation.note("SHELL-04", "header", "busy on IOPub", "none", asked)
    elif exchange.published[0] is not busy:
        got = f"{exchange.published[0].msg_type} before it"
        conversation.note("SHELL-04", "header", "busy first", got, exchange.published[0], busy)
    if idle is None:
        conversation.note("SHELL-05", "header", "idle on IOPub", "none", asked)
        return
    for one in exchange.published:
        if one.state == "busy" and one is not busy:
            conversation.note("SHELL-04", "content", "one busy", "another one", asked, one)
        elif one.index > idle.index and one.msg_type not in ANY_TIME:
            rule = "IOPUB-23" if one.msg_type in BACKGROUND else "SHELL-05"
            wanted = "nothing behind idle"
            conversation.note(rule, "header.msg_type", wanted, one.msg_type, idle, one)


def _status_rule(exchange: RecordedExchange) -> str:
    if exchange.request.channel is Channel.CONTROL:
        return "CTRL-03"
    # What is refused or aborted need not have been begun; what shows its input has.
    begun = not exchange.failed or exchange.first("execute_input") is not None
    if exchange.msg_type in {"execute_request", "kernel_info_request"} and begun:
        return "SHELL-01"
    row = MESSAGE_TYPES.get(exchange.msg_type)
    return "SHELL-06" if row is not None and row.reply is not None else "SHELL-07"


# Order


def _order(conversation: Conversation) -> None:
    """SHELL-15: one after the other in a lane, in the order in which a client asked.

    What was asked while code ran or waited to run need not wait for its end, nor for other such
    questions (AMB-74). That questions keep their order at all is SUBSHELL-10 of a kernel with
    subshells, and SHELL-20 of others.
    """
    lanes: dict[object, list[RecordedExchange]] = {}
    for exchange in conversation:
        if exchange.request.channel is Channel.SHELL:
            lanes.setdefault(exchange.lane, []).append(exchange)
    reported = set[frozenset[int]]()
    of_questions = "SUBSHELL-10" if has_subshells(conversation) else "SHELL-20"
    for lane in lanes.values():
        cells = [one for one in lane if one.msg_type == "execute_request"]
        comms = [one for one in lane if one.msg_type in COMM_MESSAGES]
        waits = _waiting(lane, {*cells, *comms})
        in_turn = [one for one in lane if one not in waits or one in cells]
        for series in (in_turn, cells, comms):
            _series(conversation, series, of_questions, reported)


def _waiting(
    lane: Sequence[RecordedExchange], code: Container[RecordedExchange]
) -> set[RecordedExchange]:
    """Return what may have arrived when something of *code* was there and had not ended.

    Of one client that is what it sent later; of several, which arrived first cannot be seen, and
    what began later may have.
    """
    waits = set()
    end = 0.0
    for exchange in lane:
        if exchange.request.index < end:
            waits.add(exchange)
        if exchange in code:
            end = max(end, _end(exchange))
    ends: dict[object, float] = {}
    for exchange in sorted(lane, key=lambda one: one.began):
        peer = exchange.request.peer
        others = max((end for other, end in ends.items() if other != peer), default=0.0)
        if exchange.request.index < others:
            waits.add(exchange)
        if exchange in code:
            ends[peer] = max(ends.get(peer, 0.0), _end(exchange))
    return waits


def _end(exchange: RecordedExchange) -> float:
    return inf if exchange.idle is None else exchange.idle.index


def _series(
    conversation: Conversation,
    series: Iterable[RecordedExchange],
    of_questions: str,
    reported: set[frozenset[int]],
) -> None:
    """Note which of *series* were not handled one after the other, each pair once.

    Args:
        conversation: What they belong to.
        series: In the order in which they were asked.
        of_questions: The rule that a pair breaks which is not of two cells or two comm messages.
        reported: The pairs that were noted.
    """
    queues: dict[object, list[RecordedExchange]] = {}
    seen = []
    for exchange in series:
        queues.setdefault(exchange.request.peer, []).append(exchange)
        if exchange.busy is not None and exchange.idle is not None:
            seen.append(exchange)
    for queue in queues.values():
        for first, second in pairwise(queue):
            wrong = _overtaken(first, second)
            if wrong is not None and _is_new(first, second, reported):
                _note_order(conversation, of_questions, first, second, *wrong)
    for first, second in pairwise(sorted(seen, key=lambda one: one.began)):
        assert first.idle is not None
        assert second.busy is not None
        if second.busy.index < first.idle.index and _is_new(first, second, reported):
            _note_order(conversation, of_questions, first, second, second.busy, first.idle)


def _is_new(
    first: RecordedExchange, second: RecordedExchange, reported: set[frozenset[int]]
) -> bool:
    pair = frozenset((first.request.index, second.request.index))
    known = pair in reported
    reported.add(pair)
    return not known


def _overtaken(first: RecordedExchange, second: RecordedExchange) -> tuple[Seen, Seen] | None:
    for one, other in ((first.reply, second.reply), (first.busy, second.busy)):
        if one is not None and other is not None and other.index < one.index:
            return other, one
    return None


def _note_order(
    conversation: Conversation,
    of_questions: str,
    first: RecordedExchange,
    second: RecordedExchange,
    *records: Seen,
) -> None:
    types = {first.msg_type, second.msg_type}
    queued = types == {"execute_request"} or types <= COMM_MESSAGES
    rule = "SHELL-15" if queued else of_questions
    wanted = f"the end of the {first.msg_type} before it"
    got = f"the {second.msg_type} behind it, begun or answered earlier"
    conversation.note(rule, "header", wanted, got, first.request, second.request, *records)


# What a reply owes to its request


def _answers(conversation: Conversation) -> None:
    for exchange in conversation:
        reply = exchange.reply
        if reply is None or exchange.failed:
            continue
        for rule, path, wanted, got in _disagreements(exchange, reply):
            conversation.note(rule, path, wanted, got, exchange.request, reply)


SET_EXPRESSION = "setExpression"
"""The request by which a debugger copies a variable."""


def _disagreements(exchange: RecordedExchange, reply: Seen) -> Iterator[tuple[str, str, str, str]]:
    asked, answered = exchange.request.content, reply.content
    match exchange.msg_type:
        case "complete_request":
            end, code = answered.get("cursor_end"), asked.get("code")
            if isinstance(end, int) and isinstance(code, str) and end > len(code):
                wanted = f"{len(code)} or less, the length of the code"
                yield "COMPLETE-06", "content.cursor_end", wanted, shorten(end)
        case "comm_info_request":
            target = asked.get("target_name")
            for key, one in _items(answered.get("comms")):
                if isinstance(target, str) and one.get("target_name") != target:
                    path = f"content.comms[{key!r}].target_name"
                    yield "INFO-12", path, shorten(target), shorten(one.get("target_name"))
        case "history_request":
            yield from _history(asked.get("output") is True, answered.get("history"))
            yield from _history_length(asked, answered.get("history"))
            yield from _duplicates(asked, answered.get("history"))
        case "shutdown_request":
            wanted_restart, restart = asked.get("restart", False), answered.get("restart", False)
            if restart != wanted_restart:
                path = "content.restart"
                yield "CTRL-04", path, shorten(wanted_restart), shorten(restart)
        case "debug_request":
            if (asked.get("command"), answered.get("command")) == ("copyToGlobals", SET_EXPRESSION):
                return  # as the text's example has it (AMB-29): it is the debugger's own response
            for name, own in (("request_seq", "seq"), ("command", "command")):
                if answered.get(name) != asked.get(own):
                    wanted, got = shorten(asked.get(own)), shorten(answered.get(name))
                    yield "DEBUG-04", f"content.{name}", wanted, got


def _items(value: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    if is_mapping(value):
        yield from ((str(key), one) for key, one in value.items() if is_mapping(one))


def _history(output: bool, history: object) -> Iterator[tuple[str, str, str, str]]:
    if not is_sequence(history) or isinstance(history, (str, bytes)):
        return
    cells = [one for one in history if is_sequence(one) and len(one) == 3]
    for at, (_, _, shown) in enumerate(cells):
        if isinstance(shown, str) is output:
            wanted = "input and output" if output else "input alone"
            yield "HIST-07", f"content.history[{at}][2]", wanted, shorten(shown)
    numbers = [one[:2] for one in cells if all(type(number) is int for number in one[:2])]
    if any(list(first) > list(second) for first, second in pairwise(numbers)):
        yield "HIST-12", "content.history", "ascending order", "another one"


LIMITED = {"tail": "HIST-02", "search": "HIST-04"}
"""The ways of asking for history whose `n` is a limit."""


def _history_length(
    asked: Mapping[str, object], history: object
) -> Iterator[tuple[str, str, str, str]]:
    rule = LIMITED.get(text_in(asked, "hist_access_type"))
    limit = asked.get("n")
    if rule is None or type(limit) is not int or not isinstance(history, (list, tuple)):
        return
    if 0 <= limit < len(history):
        yield rule, "content.history", f"{limit} cells at most", f"{len(history)} cells"


def _duplicates(
    asked: Mapping[str, object], history: object
) -> Iterator[tuple[str, str, str, str]]:
    """HIST-05, as far as the cells alone show it: which of equal ones is kept is open."""
    searches = asked.get("hist_access_type") == "search" and asked.get("unique") is True
    if not searches or not isinstance(history, (list, tuple)):
        return
    first: dict[str, int] = {}
    for at, cell in enumerate(history):
        shown = cell[2] if isinstance(cell, (list, tuple)) and len(cell) == 3 else None
        code = shown[0] if isinstance(shown, (list, tuple)) and shown else shown
        if isinstance(code, str) and first.setdefault(code, at) != at:
            yield "HIST-05", f"content.history[{at}]", "each cell once", shorten(code)


# What a kernel says of itself


def _kernel(conversation: Conversation) -> None:
    starts: dict[str, Seen] = {}
    for one in conversation.seen:
        if one.sender is Sender.KERNEL and one.state == "starting":
            first = starts.setdefault(text_in(one.parts.header, "session"), one)
            if first is not one:
                path = "content.execution_state"
                conversation.note("IOPUB-22", path, "starting once", "once more", first, one)
    _infos(conversation)
    for exchange in conversation.of("shutdown_request"):
        reply = exchange.reply
        if reply is None or conversation.is_open(exchange):
            continue
        if exchange.first("shutdown_reply") is None:
            asked = exchange.request
            conversation.note(
                "CTRL-07", "header", "a shutdown_reply on IOPub", "none", asked, reply
            )
        for one in exchange.all("shutdown_reply"):
            _same_restart(conversation, exchange.request, reply, one)


def _same_restart(conversation: Conversation, asked: Seen, reply: Seen, published: Seen) -> None:
    """CTRL-04 for the other clients, who read what the reply says; its own fault is noted there."""
    wanted, replied, got = (one.content.get("restart", False) for one in (asked, reply, published))
    if wanted == replied != got:
        path = "content.restart"
        conversation.note("CTRL-04", path, shorten(wanted), shorten(got), reply, published)


def _infos(conversation: Conversation) -> None:
    infos = [
        one.reply
        for one in conversation.of("kernel_info_request")
        if one.reply is not None and not one.failed
    ]
    for one in infos:
        version = text_in(one.content, "protocol_version")
        claimed = text_in(one.parts.header, "version")
        if version and claimed and version.split(".")[:2] != claimed.split(".")[:2]:
            wanted = f"the version that the kernel announces, {shorten(version)}"
            conversation.note("HDR-09", "header.version", wanted, shorten(claimed), one)
            break
    # A banner may end in a tip that changes with each answer.
    on_shell = [_facts(one) for one in infos if one.channel is Channel.SHELL]
    for one in infos:
        # What a kernel offers may change while it starts, so one that is equal is enough.
        if one.channel is Channel.CONTROL and on_shell:
            if _facts(one) not in on_shell:
                other = next(info for info in reversed(infos) if info.channel is Channel.SHELL)
                wanted = "the answer that is given on shell"
                conversation.note("INFO-02", "content", wanted, "another one", other, one)
            break


def _facts(info: Seen) -> Mapping[str, object]:
    return {key: value for key, value in info.content.items() if key != "banner"}
