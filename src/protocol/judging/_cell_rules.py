"""What holds for the execute requests of a conversation: counters, outputs, prompts, aborts."""

from __future__ import annotations

from assay.protocol._errors import shorten
from assay.protocol._shapes import is_mapping
from assay.protocol.judging._exchanges import Conversation, RecordedExchange, Seen
from assay.protocol.judging._finding import Severity
from assay.protocol.wire._registry import Channel, Sender

__all__ = ["check_cells"]

OUTPUTS = frozenset(
    {"stream", "display_data", "update_display_data", "execute_result", "error", "clear_output"}
)
"""What code publishes, as opposed to what the kernel says of the code."""

NOTHING_SILENT = ("nothing but status for a silent request", "no error for a silent request")
"""What is wanted of output, and of an error: two kinds, as only one of them breaks the rule."""


def check_cells(conversation: Conversation) -> None:
    """Note what is wrong with the execute requests of *conversation*."""
    cells = sorted(conversation.of("execute_request"), key=lambda one: one.began)
    for cell in cells:
        _outputs(conversation, cell)
        _failure(conversation, cell)
        _expressions(conversation, cell)
    _counters(conversation, [one for one in cells if one.lane == (Channel.SHELL, "")])
    _aborts(conversation, cells)
    _prompts(conversation)


def is_silent(cell: RecordedExchange) -> bool:
    """Return whether *cell* is to run as quietly as possible (EXEC-02)."""
    return cell.request.content.get("silent") is True


def is_stored(cell: RecordedExchange) -> bool:
    """Return whether *cell* is counted (EXEC-03, EXEC-05)."""
    return cell.request.content.get("store_history") is not False and not is_silent(cell)


def _outputs(conversation: Conversation, cell: RecordedExchange) -> None:
    inputs = list(cell.all("execute_input"))
    outputs = [one for one in cell.published if one.msg_type in OUTPUTS]
    asked = cell.request
    if is_silent(cell):
        for one in outputs:
            # Whether the error of silent code is output is open (AMB-08).
            severity = Severity.WARNING if one.msg_type == "error" else None
            path, wanted = "header.msg_type", NOTHING_SILENT[one.msg_type == "error"]
            conversation.note("EXEC-04", path, wanted, one.msg_type, asked, one, severity=severity)
        return
    if not inputs:
        if not cell.failed and cell.reply is not None:
            conversation.note("EXEC-18", "header", "an execute_input", "none", asked)
        return
    for one in inputs[1:]:
        conversation.note("EXEC-18", "header", "one execute_input", "another one", asked, one)
    early = [one for one in outputs if one.index < inputs[0].index]
    for one in early:
        got = f"{one.msg_type} before it"
        conversation.note("EXEC-18", "header", "execute_input first", got, one, inputs[0])
    code = inputs[0].content.get("code")
    if code != asked.content.get("code"):
        wanted = "the code of the request"
        conversation.note("IOPUB-18", "content.code", wanted, shorten(code), asked, inputs[0])


def _is_given_up(reply: Seen) -> bool:
    """Return whether a cell that has run is answered as aborted: an interrupt raises nothing in
    many languages, and how it is to be answered is EXEC-30's."""
    return reply.content.get("status") in {"aborted", "abort"}


def _failure(conversation: Conversation, cell: RecordedExchange) -> None:
    """EXEC-17 and EXEC-32: what describes an exception, and what may not follow it."""
    errors = list(cell.all("error"))
    reply = cell.reply
    for one in cell.all("execute_result"):
        if errors and one.index > errors[0].index:
            wanted = "no result behind the error"
            conversation.note("EXEC-32", "header.msg_type", wanted, one.msg_type, errors[0], one)
    if reply is None or is_silent(cell):
        return
    if not cell.failed:
        for one in errors:
            wanted = "no error for a reply that says ok"
            conversation.note("EXEC-17", "header.msg_type", wanted, "error", one, reply)
    elif not errors and cell.first("execute_input") is not None and not _is_given_up(reply):
        conversation.note("EXEC-17", "header", "an error on IOPub", "none", cell.request, reply)
    for one in errors[1:] if cell.failed else ():
        conversation.note("EXEC-17", "header", "one error", "another one", errors[0], one)
    for name in ("ename", "evalue", "traceback") if cell.failed and errors else ():
        # That the reply lacks one is a finding of the reply alone (SHELL-10).
        if name in reply.content and errors[0].content.get(name) != reply.content[name]:
            got = shorten(errors[0].content.get(name))
            wanted = "what the reply says"
            conversation.note("EXEC-17", f"content.{name}", wanted, got, errors[0], reply)


def _expressions(conversation: Conversation, cell: RecordedExchange) -> None:
    """EXEC-09 and EXEC-35: the names that are answered, if there are any, are those asked for."""
    asked = cell.request.content.get("user_expressions", {})
    if cell.reply is None or cell.failed or not is_mapping(asked):
        return
    answered = cell.reply.content.get("user_expressions")
    if is_mapping(answered) and set(answered) != set(asked):
        wanted = f"the names {shorten(sorted(map(str, asked)))}"
        got = shorten(sorted(map(str, answered)))
        path = "content.user_expressions"
        rule = "EXEC-09" if answered else "EXEC-35"
        conversation.note(rule, path, wanted, got, cell.request, cell.reply)


# Counters


def _count(one: Seen | None) -> int | None:
    count = one.content.get("execution_count") if one is not None else None
    return count if type(count) is int else None


def _counters(conversation: Conversation, cells: list[RecordedExchange]) -> None:
    own = {cell.request.parts.msg_id for cell in cells}
    # Another client's cells, or those of a subshell, may have moved the counter in between.
    alone = all(
        one.parts.parent_id in own
        for one in conversation.seen
        if one.channel is Channel.IOPUB and one.msg_type == "execute_input"
    )
    last: int | None = None
    session: object = None
    for cell in cells:
        if cell.reply is None or _known_session(cell.reply) != session:
            # Another process counts anew.
            session, last = _known_session(cell.reply), None if cell.reply is not None else last
        known = last if alone else None
        if cell.aborted:
            _unmoved(conversation, cell, known, "EXEC-21")
        elif cell.failed and cell.first("execute_input") is None:
            # Refused before it ran, or run and not announced: it may have counted or not.
            last = None
        elif is_stored(cell):
            last = _moved(conversation, cell, last, alone=alone)
        else:
            # A cell that shows another number may have been counted, or shown under the next one.
            last = last if _unmoved(conversation, cell, known, "EXEC-08") else None


def _known_session(one: Seen | None) -> object:
    return one.parts.header.get("session") if one is not None else None


def _moved(
    conversation: Conversation, cell: RecordedExchange, last: int | None, *, alone: bool
) -> int | None:
    """Compare the numbers of a stored cell and return the counter's new value, None if unsure."""
    shown, reply = cell.first("execute_input"), cell.reply
    published, replied = _count(shown), _count(reply)
    known = [count for count in (published, replied) if count is not None]
    if not known:
        return last
    for one in cell.all("execute_result"):
        if (result := _count(one)) is not None and result not in known:
            numbered = shown if published is not None else reply
            assert numbered is not None
            path, wanted = "content.execution_count", f"the number of its cell, {known[0]}"
            conversation.note("IOPUB-19", path, wanted, str(result), numbered, one)
    if len(set(known)) == 2:
        _disagree(conversation, cell)
        # The one that goes on from the cell before is right; without one, either may be.
        likely = () if last is None else _next_counts(cell, last)
        return next((count for count in reversed(known) if count in likely), None)
    count = known[0]
    if last is not None and count not in _next_counts(cell, last) and (alone or count <= last):
        wanted = str(last + 1) if alone else f"more than {last}"
        where = shown or reply or cell.request
        conversation.note("EXEC-06", "content.execution_count", wanted, str(count), where)
    return count


def _disagree(conversation: Conversation, cell: RecordedExchange) -> None:
    """EXEC-07: the two messages that show the number of a stored cell show two."""
    shown, reply = cell.first("execute_input"), cell.reply
    assert shown is not None
    assert reply is not None
    wanted = f"the count of the execute_input, {_count(shown)}"
    got = str(_count(reply))
    # What a cell counts in which there is nothing is open, and whose number is the current one
    # while two cells run at a time (AMB-07, AMB-35).
    is_open = _is_blank(cell) or _is_overlapped(conversation, cell)
    severity = Severity.WARNING if is_open else None
    path = "content.execution_count"
    conversation.note("EXEC-07", path, wanted, got, shown, reply, severity=severity)


def _is_overlapped(conversation: Conversation, cell: RecordedExchange) -> bool:
    """Return whether a cell of another queue ran, or may have run, at the same time."""
    return any(_overlap(cell, other) for other in conversation.of("execute_request")) or any(
        one.msg_type == "execute_input"
        and one.parts.parent_id not in conversation.exchanges
        and cell.began < one.index <= cell.ended
        for one in conversation.seen
    )


def _overlap(one: RecordedExchange, other: RecordedExchange) -> bool:
    return one.lane != other.lane and one.began <= other.ended and other.began <= one.ended


def _is_blank(cell: RecordedExchange) -> bool:
    code = cell.request.content.get("code")
    return isinstance(code, str) and not code.strip()


def _next_counts(cell: RecordedExchange, last: int) -> tuple[int, ...]:
    # Seen: IPython neither stores nor counts a cell in which there is nothing.
    return (last + 1, last) if _is_blank(cell) else (last + 1,)


def _unmoved(
    conversation: Conversation, cell: RecordedExchange, last: int | None, rule: str
) -> bool:
    """Compare the numbers of a cell that does not count; return whether all are the counter's."""
    numbers = [
        (one, count)
        for one in (cell.first("execute_input"), cell.reply)
        if one is not None and (count := _count(one)) is not None
    ]
    wanted = last if last is not None else numbers[-1][1] if numbers else None
    others = [(one, count) for one, count in numbers if count != wanted]
    for one, count in others:
        path = "content.execution_count"
        conversation.note(rule, path, f"the counter's value, {wanted}", str(count), one)
    return not others


# Aborts


def _aborts(conversation: Conversation, cells: list[RecordedExchange]) -> None:
    failing = [one for one in cells if one.failed and not one.aborted]
    stopping = [one for one in failing if one.request.content.get("stop_on_error") is not False]
    # Whether a cell without execute_input has run before it failed cannot be seen.
    ran = [one for one in stopping if one.first("execute_input")]
    for one in conversation:
        if one.aborted and one.msg_type != "execute_request":
            assert one.reply is not None
            wanted = "an answer: only execute requests are aborted"
            got = shorten(one.reply.content.get("status"))
            conversation.note("EXEC-23", "content.status", wanted, got, one.request, one.reply)
    for cell in cells:
        if cell.aborted:
            _abort_has_a_cause(conversation, cell, failing, stopping)
        else:
            _cell_was_to_be_aborted(conversation, cell, ran)


def _abort_has_a_cause(
    conversation: Conversation,
    cell: RecordedExchange,
    failing: list[RecordedExchange],
    stopping: list[RecordedExchange],
) -> None:
    def waited(other: RecordedExchange) -> bool:
        """Return whether *cell* had been sent when the failure of *other* became known."""
        return other.reply is not None and cell.request.index < other.reply.index

    before = [one for one in failing if one.began < cell.began]
    if not conversation.complete or any(waited(one) for one in before if one in stopping):
        return
    rule, wanted = "EXEC-26", "that it runs: none before it failed"
    if any(waited(one) for one in before):
        rule, wanted = "EXEC-22", "that it runs: the request before it has stop_on_error false"
    elif before:
        rule, wanted = (
            "EXEC-24",
            "that it runs: it was sent behind the reply that reported an error",
        )
    assert cell.reply is not None
    got = shorten(cell.reply.content.get("status"))
    conversation.note(rule, "content.status", wanted, got, cell.request, cell.reply)


def _cell_was_to_be_aborted(
    conversation: Conversation, cell: RecordedExchange, ran: list[RecordedExchange]
) -> None:
    """EXEC-20, as far as an observer can be sure: the cell was sent before the failing one began.

    What is sent while the failing cell runs may come too late, for all that a client can see.
    """
    if cell.first("execute_input") is None and (cell.failed or cell.reply is None):
        return
    for other in ran:
        between = other.request.index < cell.request.index < other.began
        if between and other.lane == cell.lane and other.request.peer == cell.request.peer:
            wanted = "an abort, the cell before it having failed"
            shown = cell.reply or cell.request
            path = "content.status"
            conversation.note("EXEC-20", path, wanted, "that it ran", other.request, shown)
            return


# Prompts


def _prompts(conversation: Conversation) -> None:
    answers = [
        one
        for one in conversation.seen
        if one.sender is Sender.CLIENT and one.msg_type == "input_reply"
    ]
    for exchange in conversation:
        for prompt in exchange.prompts:
            _prompt(conversation, exchange, prompt, answers)


def _prompt(
    conversation: Conversation, exchange: RecordedExchange, prompt: Seen, answers: list[Seen]
) -> None:
    asked = exchange.request
    answer = next(
        (one for one in answers if one.index > prompt.index and one.peer == prompt.peer), None
    )
    if answer is not None:
        answers.remove(answer)
    if exchange.msg_type != "execute_request":
        wanted = "the header of an execute_request"
        got = shorten(exchange.msg_type)
        conversation.note("STDIN-07", "parent_header.msg_type", wanted, got, asked, prompt)
    elif asked.content.get("allow_stdin") is not True:
        wanted = "no prompt: allow_stdin is not true"
        conversation.note("STDIN-03", "header.msg_type", wanted, prompt.msg_type, asked, prompt)
    elif prompt.peer != asked.peer:
        wanted = "the client whose code it is"
        conversation.note("STDIN-06", "frames", wanted, "another one", asked, prompt)
    elif answer is None and exchange.reply is not None and not exchange.failed:
        conversation.note("STDIN-02", "header", "an input_reply", "none", prompt)
