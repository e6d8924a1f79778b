"""The tests bite: the log, the lane and the publisher are broken in named ways, and each is caught.

Each by a test in memory, within seconds (see `tests.mutants`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.mutants import (
    Mutant,
    assert_is_caught,
    assert_property_fails,
    replace,
)

LOG = "transport._log:OutboundLog."
ORDER = "transport/test_log.py::TestOrder::"
WAKING = "transport/test_log.py::TestWaking::"
ROOM = "transport/test_log.py::TestRoom::"
LINE = "transport/test_log.py::test_line_in_progress_is_known"
LINE_IN_PART = "transport/test_log.py::test_line_taken_in_part_stays_in_its_place"

LANE = "transport._lane:Lane."
LANES = "transport/test_lane.py::"

PUBLISHER = "transport._publisher:Publisher."
STATES = "transport/test_publisher.py::TestStates::"
MISSED = "transport/test_publisher_stateful.py::test_a_notice_is_missed"

STRANGERS = "transport._strangers:Strangers."
DOOR = "transport/test_strangers.py::"

MUTANTS = (
    Mutant(
        "messages are taken last first",
        f"{LOG}post",
        "self._entries.append(entry)",
        "self._entries.appendleft(entry)",
        f"{ORDER}test_each_way",
    ),
    Mutant(
        "text goes on in a run that is not the newest",
        f"{LOG}post",
        "if self.newest is not None:",
        "if False:",
        f"{ORDER}test_each_way",
    ),
    Mutant(
        "a call is forgotten",
        f"{LOG}call",
        "self._entries.append(function)",
        "",
        f"{ORDER}test_call",
    ),
    Mutant(
        "a call overtakes what was posted before",
        f"{LOG}call",
        "self._entries.append(function)",
        "self._entries.appendleft(function)",
        f"{ORDER}test_call",
    ),
    Mutant(
        "a call is not urgent",
        f"{LOG}call",
        "self.urgent = True",
        "",
        f"{WAKING}test_function",
    ),
    Mutant(
        "what is posted while it is taken is taken too",
        f"{LOG}take",
        "for _ in range(len(entries)):",
        "while entries:",
        f"{ORDER}test_said_meanwhile",
    ),
    Mutant(
        "streams are not told apart",
        f"{LOG}take",
        "if found and (text is None or text[:2] != (entry.name, entry.parent)):",
        "if found and text is None:",
        f"{ORDER}test_each_way",
    ),
    Mutant(
        "text of two parents is one message",
        f"{LOG}write",
        "or run.parent != parent",
        "",
        f"{ORDER}test_each_way",
    ),
    Mutant(
        "each text is a message of its own",
        f"{LOG}take",
        "if found and (text is None or text[:2] != (entry.name, entry.parent)):",
        "if found:",
        f"{ORDER}test_adjacent_texts",
    ),
    Mutant(
        "a message is never full",
        "transport._text:Text.messages",
        "while length - start > room:",
        "while False:",
        f"{ORDER}test_each_way",
    ),
    Mutant(
        "the end of a long text is lost",
        "transport._text:Text.messages",
        "start += room",
        "start += room + 1",
        f"{ORDER}test_each_way",
    ),
    Mutant(
        "a text that came while its run was taken is lost",
        f"{LOG}attend",
        "self.resume(run)",
        "",
        f"{ORDER}test_late_text",
    ),
    Mutant(
        "a text that came when its run was settled weighs nothing",
        f"{LOG}attend",
        "self._weigh(run)",
        "pass",
        f"{ORDER}test_text_that_nobody_attends_to",
    ),
    Mutant(
        "what somebody can still change is not copied",
        f"{LOG}post",
        "frames, size = settled(frames)",
        "size = settled(frames)[1]",
        "transport/test_log.py::TestFrames::test_mutable",
    ),
    Mutant(
        "each entry wakes",
        f"{LOG}_rouse",
        "if not self._woken:",
        "if True:",
        f"{WAKING}test_once",
    ),
    Mutant(
        "no entry wakes",
        f"{LOG}_rouse",
        "if not self._woken:",
        "if False:",
        f"{WAKING}test_once",
    ),
    Mutant(
        "one wake-up is all there ever is",
        f"{LOG}wakeup_received",
        "self._woken = False",
        "pass",
        f"{WAKING}test_once",
    ),
    Mutant(
        "a wake-up that an interrupt has kept back counts as sent",
        f"{LOG}_rouse",
        "self._woken = False",
        "pass",
        "transport/test_log.py::TestInterrupt::test_what_follows_is_heard",
    ),
    Mutant(
        "taking counts as being woken",
        f"{LOG}_rouse",
        "self._woken = True\n",
        "pass\n",
        f"{WAKING}test_once",
    ),
    Mutant(
        "text wakes one who is going to look",
        f"{LOG}mute_text_wakeups",
        "self._text_wakes = False",
        "pass",
        f"{WAKING}test_resting_text",
    ),
    Mutant(
        "text that came meanwhile is not reported",
        f"{LOG}unmute_text_wakeups",
        "bool(self._entries)",
        "False",
        f"{WAKING}test_resting_text",
    ),
    Mutant(
        "a display wakes one who is going to look",
        f"{LOG}post",
        "(when is SOON and not self.expected)",
        "when is SOON",
        f"{WAKING}test_display_expected",
    ),
    Mutant(
        "a display that is not expected wakes nobody",
        f"{LOG}post",
        "(when is SOON and not self.expected)",
        "False",
        f"{WAKING}test_display_unexpected",
    ),
    Mutant(
        "busy that is not expected wakes nobody",
        f"{LOG}post",
        "elif is_published and not self.expected:",
        "elif False:",
        f"{WAKING}test_busy_unexpected",
    ),
    Mutant(
        "a busy hides that more follows the idle before it",
        f"{LOG}post",
        "if when is not WITH_NEXT:",
        "if when is not SOON:\n        self.shows_more = False\n    if when is SOON:",
        f"{WAKING}test_idle_before_another_request",
    ),
    Mutant(
        "replies wait for room",
        f"{LOG}post",
        "if is_published and (self._held",
        "if (self._held",
        f"{ROOM}test_reply",
    ),
    Mutant(
        "displays never wait",
        f"{LOG}post",
        "if is_published and (self._held",
        "if False and (self._held",
        f"{ROOM}test_held",
    ),
    Mutant(
        "writers are not released",
        f"{LOG}hold",
        "self._open_gates()",
        "",
        f"{ROOM}test_held",
    ),
    Mutant(
        "the reader waits for itself",
        f"{LOG}_wait_for_room",
        "if get_ident() == self.owner:\n        return",
        'if get_ident() == self.owner:\n        raise AssertionError("it would wait")',
        f"{ROOM}test_owner",
    ),
    Mutant(
        "what nobody takes any more piles up",
        f"{LOG}_wait_for_room",
        "self._entries.clear()",
        "pass",
        f"{ROOM}test_closed",
    ),
    Mutant(
        "a line is taken before its end",
        f"{LOG}_drain",
        "stays = patient and",
        "stays = False and",
        LINE,
    ),
    Mutant(
        "a line of which some was taken has lost its place",
        f"{LOG}_drain",
        "run.begun = _begun(run.begun, found) if stays else 0",
        "pass",
        LINE_IN_PART,
    ),
    Mutant(
        "the end of a line stands behind what came between",
        f"{LOG}_continue_line",
        "if run.taken or not run.is_mid_line:",
        "if True:",
        LINE,
    ),
    Mutant(
        "a line that waits is not reported",
        f"{LOG}take",
        "self._stopped_at = entry",
        "pass",
        LINE,
    ),
    Mutant(
        "last in, first out",
        f"{LANE}poll",
        "popleft()",
        "pop()",
        f"{LANES}test_order",
    ),
    Mutant(
        "a reader does not wait",
        f"{LANE}wait",
        "self._lock.acquire(timeout=seconds)",
        "True",
        f"{LANES}test_waits",
    ),
    Mutant(
        "an item wakes nobody",
        f"{LANE}put",
        "self.wake()",
        "pass",
        f"{LANES}test_no_wake_up_lost",
    ),
    Mutant(
        "two who wake at once fail",
        f"{LANE}nudge",
        "except RuntimeError",
        "except LookupError",
        f"{LANES}test_two_wake_at_once",
    ),
    Mutant(
        "a reader that waits elsewhere is not woken there",
        f"{LANE}wait_by",
        "self.wake = wake or self.nudge",
        "pass",
        f"{LANES}test_other_waker",
    ),
    Mutant(
        "a reader that is back is woken elsewhere",
        f"{LANE}wait_by",
        "self.wake = wake or self.nudge",
        "self.wake = wake or self.wake",
        f"{LANES}test_other_waker",
    ),
    Mutant(
        "what waits is not shown",
        f"{LANE}waiting",
        "list(self._items)",
        "[]",
        f"{LANES}test_order",
    ),
    Mutant(
        "what does not fit is dropped",
        f"{PUBLISHER}_keep",
        "self._kept.append(kept)",
        "pass",
        f"{STATES}test_waiting",
    ),
    Mutant(
        "a new message overtakes those that are kept",
        f"{PUBLISHER}publish",
        "not self._kept and self._try(frames, size)",
        "self._try(frames, size)",
        f"{STATES}test_waiting",
    ),
    Mutant(
        "what was kept stays",
        f"{PUBLISHER}pump",
        "(message := self._first_kept()) is not None and self._try(*message)",
        "False",
        f"{STATES}test_waiting",
    ),
    Mutant(
        "a text overtakes what is kept",
        f"{PUBLISHER}publish_each",
        "if not self._kept:",
        "if True:",
        f"{STATES}test_text_behind_another",
    ),
    Mutant(
        "all messages of a text are made at once",
        f"{PUBLISHER}publish_each",
        "_Kept(first, messages, weigh())",
        "_Kept(first, iter(list(messages)), weigh())",
        f"{STATES}test_text",
    ),
    Mutant(
        "what a text holds is not counted",
        f"{PUBLISHER}publish_each",
        "weigh()",
        "0",
        f"{STATES}test_text",
    ),
    Mutant(
        "what was sent of a text counts on",
        f"{PUBLISHER}_note_sent",
        "self._kept_bytes -= less",
        "pass",
        f"{STATES}test_text",
    ),
    Mutant(
        "one that takes nothing is waited for without end",
        f"{PUBLISHER}_has_waited_enough",
        "return now - self._waiting_since >= self._patience_now()",
        "return False",
        f"{STATES}test_stalled",
    ),
    Mutant(
        "one whose queue is full is left out at once",
        f"{PUBLISHER}_has_waited_enough",
        "return now - self._waiting_since >= self._patience_now()",
        "return True",
        f"{STATES}test_slow",
    ),
    Mutant(
        "one that takes a little is left out",
        f"{PUBLISHER}_has_waited_enough",
        "if self._has_progressed(now) or self._waiting_since is None:",
        "if self._waiting_since is None:",
        f"{STATES}test_slow",
    ),
    Mutant(
        "one that stopped is given large messages until its queue is full",
        f"{PUBLISHER}_try",
        "self._fill(frames[0], self._filler)",
        "pass",
        f"{STATES}test_large_stalled",
    ),
    Mutant(
        "a full queue refuses from then on",
        f"{PUBLISHER}_send_to_those_with_room",
        "self._socket.setsockopt(zmq.XPUB_NODROP, 0)",
        "pass",
        f"{STATES}test_stalled",
    ),
    Mutant(
        "a full queue drops from then on",
        f"{PUBLISHER}_send_to_those_with_room",
        "self._socket.setsockopt(zmq.XPUB_NODROP, 1)",
        "pass",
        f"{STATES}test_patience_again",
    ),
    Mutant(
        "what was missed is not told",
        f"{PUBLISHER}_notify_recovered",
        "self._keep(notice, size)",
        "pass",
        f"{STATES}test_back",
    ),
    Mutant(
        "what was missed is told again and again",
        f"{PUBLISHER}_notify_recovered",
        "is_back and one.notice is None",
        "is_back",
        f"{STATES}test_back_while_another_is_slow",
    ),
    Mutant(
        "one that was told is looked after for ever",
        f"{PUBLISHER}_forget_told",
        "if not one.is_told",
        "",
        f"{STATES}test_back",
    ),
    Mutant(
        "one that is left out before its notice is sent is taken for told",
        f"{PUBLISHER}_note_again",
        "self._stalled[index] = again",
        "pass",
        MISSED,
    ),
    Mutant(
        "what was missed before the notice was missed is forgotten",
        f"{PUBLISHER}_notify_recovered",
        "self._stalled += [one._replace(notice=notice) for one in same]",
        "pass",
        MISSED,
    ),
    Mutant(
        "one less is told than was missed",
        f"{PUBLISHER}_notify_recovered",
        "self._sent - after",
        "self._sent - after - 1",
        f"{STATES}test_back",
    ),
    Mutant(
        "writers are never held",
        f"{PUBLISHER}_keep",
        "self._hold(True)",
        "pass",
        f"{STATES}test_writers_wait",
    ),
    Mutant(
        "writers that were held stay so",
        f"{PUBLISHER}pump",
        "self._hold(False)",
        "pass",
        f"{STATES}test_writers_wait",
    ),
    Mutant(
        "the end is waited for as patiently as anything",
        f"{PUBLISHER}shorten_patience",
        "self._patience_s = LAST_PATIENCE_S",
        "pass",
        f"{STATES}test_hurry",
    ),
    Mutant(
        "at the end what was kept is dropped",
        f"{PUBLISHER}give_up",
        "self._send_to_those_with_room(*message)",
        "pass",
        f"{STATES}test_give_up",
    ),
    Mutant(
        "memory does not count",
        f"{STRANGERS}_bound_all",
        "resident > most + self._total()",
        "False",
        f"{DOOR}test_newcomers_are_cut_until_what_is_left_is_read",
    ),
    Mutant(
        "memory does not count while strangers send",
        f"{STRANGERS}_bound_all",
        "resident > most + self._total()",
        "False",
        f"{DOOR}test_few_bytes_are_too_many_while_the_process_grows",
    ),
    Mutant(
        "the memory of a program counts as that of strangers",
        f"{STRANGERS}_measure",
        "if self._total() <= FREE_BYTES:",
        "if False:",
        f"{DOOR}test_growth_before_strangers_send_is_not_theirs",
    ),
    Mutant(
        "a subscriber may send as much as any",
        f"{STRANGERS}_measure",
        "self._bound_subscribers()",
        "pass",
        f"{DOOR}test_subscribers_are_bounded_one_by_one",
    ),
    Mutant(
        "subscribers are cut for what they have sent together",
        f"{STRANGERS}_bound_subscribers",
        "stranger.held > MAX_IOPUB_BYTES",
        "self._total() > MAX_IOPUB_BYTES",
        f"{DOOR}test_subscribers_are_bounded_one_by_one",
    ),
    Mutant(
        "the one that has sent least is cut",
        f"{STRANGERS}_bound_all",
        "self._cut(max(",
        "self._cut(min(",
        f"{DOOR}test_the_one_that_sent_most_is_cut",
    ),
    Mutant(
        "what connections have left does not count",
        f"{STRANGERS}_forget",
        "self._left[stranger.channel] += stranger.held",
        "pass",
        f"{DOOR}test_newcomers_are_cut_until_what_is_left_is_read",
    ),
    Mutant(
        "what connections have left counts for ever",
        f"{STRANGERS}have_read_all",
        "del self._left[channel]",
        "pass",
        f"{DOOR}test_newcomers_are_cut_until_what_is_left_is_read",
    ),
    Mutant(
        "what ends while a channel is found empty does not count",
        f"{STRANGERS}have_read_all",
        "if as_of != self.changes:",
        "if False:",
        f"{DOOR}test_what_comes_while_a_channel_is_found_empty_is_no_reason",
    ),
    Mutant(
        "what is read of one channel counts for all",
        f"{STRANGERS}have_read_all",
        "del self._left[channel]",
        "self._left.clear()",
        f"{DOOR}test_those_of_another_channel_are_no_reason_to_let_in",
    ),
    Mutant(
        "what is left is not asked for",
        f"{STRANGERS}_look_at_seen",
        "self._ask()",
        "pass",
        f"{DOOR}test_newcomers_are_cut_until_what_is_left_is_read",
    ),
    Mutant(
        "what is left is asked for again and again",
        f"{STRANGERS}_ask",
        "self._asked.add(channel)",
        "pass",
        f"{DOOR}test_newcomers_are_cut_until_what_is_left_is_read",
    ),
    Mutant(
        "untaken echoes stay behind",
        f"{STRANGERS}_forget",
        "stranger.channel is not Channel.HB",
        "True",
        f"{DOOR}test_echoes_of_a_connection_that_has_ended_are_gone",
    ),
    Mutant(
        "newcomers are let in while there is too much",
        f"{STRANGERS}_accept",
        "if self._is_full:",
        "if False:",
        f"{DOOR}test_newcomers_are_cut_until_what_is_left_is_read",
    ),
    Mutant(
        "none is searched for behind a cut",
        f"{STRANGERS}_look_at_seen",
        "self._accept_all()",
        "pass",
        f"{DOOR}test_more_are_searched_for_once_one_is_cut",
    ),
    Mutant(
        "the search has no end",
        f"{STRANGERS}_look_at_seen",
        "monotonic() < self._search_until",
        "True",
        f"{DOOR}test_more_are_searched_for_once_one_is_cut",
    ),
    Mutant(
        "memory is given back before all was read",
        f"{STRANGERS}_look_at_seen",
        "not (searches or self._left)",
        "not searches",
        f"{DOOR}test_memory_is_given_back_once_all_was_read",
    ),
    Mutant(
        "no memory is given back",
        f"{STRANGERS}_look_again",
        "give_back_memory()",
        "pass",
        f"{DOOR}test_memory_is_given_back_once_all_was_read",
    ),
    Mutant(
        "memory is given back for ever",
        f"{STRANGERS}_look_at_seen",
        "self._gives_back and not gives_back",
        "self._gives_back",
        f"{DOOR}test_memory_is_given_back_once_all_was_read",
    ),
    Mutant(
        "one who sent before it was followed begins anew",
        f"{STRANGERS}_note_held",
        "max(0, held - forgiven)",
        "0",
        f"{DOOR}test_what_came_before_a_connection_was_followed_counts",
    ),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_caught(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The named test fails on the broken code, because of what it asserts."""
    assert_is_caught(mutant, monkeypatch)


PROPERTIES = {
    "transport/test_frames.py::TestRoundTrip::test_any": "transport._frames:receive_frames",
    f"{LANES}test_order": f"{LANE}poll",
    f"{ORDER}test_nothing_lost": f"{LOG}take",
    f"{ORDER}test_few_messages": f"{LOG}take",
    "transport/test_publisher.py::test_nobody_who_reads_misses": f"{PUBLISHER}publish",
    "transport/test_publisher_stateful.py::TestReaders::runTest": f"{PUBLISHER}publish",
}
"""Each property of this folder, and the function that it is about."""


def drop(_: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that takes what it is given, and gives nothing."""
    return lambda *_, **__: ()


def repeat(genuine: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that does and returns what it did at first."""
    first: list[Any] = []

    def repeated(owner: Any, *arguments: Any, **options: Any) -> Any:
        if not first:
            result = genuine(owner, *arguments, **options)
            first.extend((arguments, list(result) if hasattr(result, "__next__") else result))
        elif first[1] is None:
            genuine(owner, *first[0], **options)
        return first[1]

    return repeated


@pytest.mark.parametrize("wrong", [drop, repeat])
@pytest.mark.parametrize("test", PROPERTIES)
def test_no_property_holds_of_what_drops_or_repeats(
    test: str, wrong: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transport that refuses all, or gives one thing for ever, fails each property."""
    replace(PROPERTIES[test], wrong, monkeypatch)
    assert_property_fails(test, monkeypatch)


def test_every_property_is_in_the_table() -> None:
    """A new property has to be shown to fail."""
    there = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.FunctionDef(name=name, decorator_list=marks) if any(
                    ast.unparse(mark).startswith("given(") for mark in marks
                ):
                    there.add((path.name, name))
                case ast.ClassDef(bases=[ast.Name(id="RuleBasedStateMachine")]):
                    there.add((path.name, "runTest"))

    assert there == {
        (test.split("/")[1].split("::")[0], test.split("::")[-1]) for test in PROPERTIES
    }
