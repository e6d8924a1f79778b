"""The tests bite: the kernel is broken in named ways, each is caught.

Each by a test in memory, within seconds (see `tests.mutants`).
"""

from __future__ import annotations

from typing import cast

import pytest

from assay.kernel.lanes._shutdown import MOVES, Event, Move, Phase
from tests.mutants import Mutant, assert_fails, assert_is_caught

STREAM = "kernel.output._streams:OutputStream."
STREAMS = "kernel/output/test_stream.py::"

SHUTDOWN = "kernel.lanes._shutdown:Shutdown."
ENDS = "kernel/lanes/test_shutdown.py::"

PROMPTER = "kernel.dispatch._stdin:"
DISPATCH = "kernel/dispatch/test_dispatch.py::"

RECORDS = "test_record.py::"
ENGINES = "kernel/engine/test_parts.py::"

DEBUGGER = "kernel.debugger."
TRANSLATED = "kernel/debugger/test_translation.py::"

MUTANTS = (
    Mutant(
        "a stack ends at its innermost cell",
        f"{DEBUGGER}_stack:user_frames",
        "cells[-1] + 1",
        "cells[0] + 1",
        f"{TRANSLATED}test_stack_ends_with_the_users_frames",
    ),
    Mutant(
        "names of the shell are hidden everywhere",
        f"{DEBUGGER}_scopes:Scopes.without_hidden",
        "reference not in self._namespaces or ",
        "",
        f"{TRANSLATED}test_names_of_the_shell_are_hidden_in_its_namespace_alone",
    ),
    Mutant(
        "a late page begins at the first part",
        f"{DEBUGGER}_variables:Variables.parts",
        "islice(_parts(value), start, end)",
        "islice(_parts(value), 0, end)",
        f"{TRANSLATED}test_large_variables_are_shown_in_part",
    ),
    Mutant(
        "text goes on in another thread's run",
        f"{STREAM}_quick_write",
        "and get_ident() == thread",
        "",
        f"{STREAMS}test_line_of_a_thread_is_its_own",
    ),
    Mutant(
        "a run grows for ever",
        f"{STREAM}_quick_write",
        "if room < length:",
        "if False:",
        f"{STREAMS}test_run_grows_so_far",
    ),
    Mutant(
        "text goes on in a run that is not the newest",
        f"{STREAM}_quick_write",
        "and run is log.newest",
        "",
        f"{STREAMS}test_text_stands_behind_what_is_read_just_before",
    ),
    Mutant(
        "a run that was taken is not put in again",
        f"{STREAM}_quick_write",
        f"room -= length + PART_ROOM\n{' ' * 16}if run.is_settled:",
        f"room -= length + PART_ROOM\n{' ' * 16}if False:",
        f"{STREAMS}test_text_that_an_interrupt_kept_back_is_said_at_the_end",
    ),
    Mutant(
        "an interrupted text waits for the next one",
        f"{STREAM}catch_up",
        "self._log.resume(run)",
        "pass",
        f"{STREAMS}test_text_that_an_interrupt_kept_back_is_said_at_the_end",
    ),
    Mutant(
        "anything is text",
        f"{STREAM}_write",
        "if not isinstance(text, str):",
        # Not as it is: a log with something else fails in finalizers too, as Python 3.13 reports.
        "if not isinstance(text, str) and not (text := repr(text)):",
        f"{STREAMS}test_what_is_no_text_is_refused",
    ),
    Mutant(
        "a closed stream takes text",
        f"{STREAM}_write",
        "if self._refusal:",
        "if False:",
        f"{STREAMS}test_closed_stream_refuses",
    ),
    Mutant(
        "an empty text does not part a line",
        f"{STREAM}_quick_write",
        "part_line()  # of",
        "pass  # of",
        f"{STREAMS}test_flushed_text_waits_for_nothing",
    ),
    Mutant(
        "every empty text parts a line",
        f"{STREAM}_quick_write",
        "if may_end_line(sys._getframe(2)):",
        "if True:",
        f"{STREAMS}test_an_empty_text_parts_a_line_only_as_the_end",
    ),
    Mutant(
        "the descriptors are not read first",
        f"{STREAM}_say",
        "self._capture.catch_up()",
        "pass",
        f"{STREAMS}test_descriptors_are_read_first",
    ),
    Mutant(
        "the descriptors are read without end",
        "kernel.output._descriptors:DescriptorCapture.drain",
        "for _ in range(1 + PIPE_BYTES // READ_BYTES + moved):",
        "for _ in range(100 * PIPE_BYTES // READ_BYTES + moved):",
        f"{STREAMS}test_reading_ends_though_there_is_always_more",
    ),
    Mutant(
        "a request that asks is not deferred",
        f"{SHUTDOWN}ask",
        "ending.request.is_deferred = True",
        "pass",
        f"{ENDS}test_every_request_is_deferred",
    ),
    Mutant(
        "who asks decides",
        f"{SHUTDOWN}ask",
        "self._post(lambda: self._take(Event.ASKED, ending))",
        "self._take(Event.ASKED, ending)",
        f"{ENDS}test_nothing_is_decided_before_the_owner_takes_it",
    ),
    Mutant(
        "the main thread goes on before the owner knows",
        f"{SHUTDOWN}stopped",
        "self.settle()",
        "pass",
        f"{ENDS}test_stopped_returns_when_the_owner_knows",
    ),
    Mutant(
        "an event that the table does not name begins again",
        f"{SHUTDOWN}_take",
        "if move is None:\n        return",
        "if move is None:\n        move = MOVES[Phase.SERVING, Event.ASKED]",
        f"{ENDS}test_every_event_in_every_phase",
    ),
    Mutant(
        "the phase stays",
        f"{SHUTDOWN}_take",
        "self._phase = move.phase",
        "pass",
        f"{ENDS}test_every_event_in_every_phase",
    ),
    Mutant(
        "a late request has no answer",
        f"{SHUTDOWN}_act",
        "effects.reply(asked.request, asked.restart)",
        "pass",
        f"{ENDS}test_every_request_is_deferred",
    ),
    Mutant(
        "the request that ends the kernel has no answer",
        f"{SHUTDOWN}_act",
        "effects.say_goodbye(self._ending or Ending())",
        "pass",
        f"{ENDS}test_last_messages_are_sent_once",
    ),
    Mutant(
        "time is never up",
        f"{SHUTDOWN}_begin",
        "self._effects.call_later(SHUTDOWN_BUDGET_S, self._time_is_up)",
        "pass",
        f"{ENDS}test_clock_is_started",
    ),
    Mutant(
        "what swallows an interrupt gets no other",
        f"{SHUTDOWN}_act",
        "effects.call_later(REPEAT_INTERRUPT_S, self._retry)",
        "pass",
        f"{ENDS}test_clock_is_started",
    ),
    Mutant(
        "a cell that a signal ends fails",
        f"{SHUTDOWN}_begin",
        "self._effects.abandon()",
        "pass",
        f"{ENDS}test_reason_is_known_before_the_interrupt",
    ),
    Mutant(
        "nothing is abandoned",
        f"{SHUTDOWN}abandons",
        "_abandons(self._ending)",
        "False",
        f"{ENDS}test_request_and_signal_meet",
    ),
    Mutant(
        "any client may answer a prompt",
        f"{PROMPTER}_Asked.mismatch",
        "if envelope.identities != self.identities:",
        "if False:",
        f"{DISPATCH}test_answer_of_another_client_is_dropped",
    ),
    Mutant(
        "the last answer counts",
        f"{PROMPTER}Prompter.receive",
        "self._asked.remove(asked)\n",
        "pass\n",
        f"{DISPATCH}test_answer_is_taken_once",
    ),
    Mutant(
        "a prompt is withdrawn by the thread that asked",
        f"{PROMPTER}Prompter.ask",
        "self._log.call(lambda: self._withdraw(asked))",
        "self._withdraw(asked)",
        f"{DISPATCH}test_prompt_that_ends_is_withdrawn_by_the_io_thread",
    ),
    Mutant(
        "what is no record is removed",
        "_record:_is_record",
        'file.read(len(MAGIC) + 1) in {b"", os.fsencode(f"{MAGIC}\\n")}',
        "True",
        f"{RECORDS}test_old_ones_go",
    ),
    Mutant(
        "one record too many stays",
        "_record:_remove_old",
        "dead > KEPT or",
        "dead > KEPT + 1 or",
        f"{RECORDS}test_old_ones_go",
    ),
    Mutant(
        "the end of an older cell is that of a newer one",
        "_record:CellNotes.end",
        "if self._newest[0] == get_ident():",
        "if True:",
        f"{RECORDS}test_end_of_an_older_cell_says_nothing_of_the_newest",
    ),
    Mutant(
        "a good end removes the record of another kernel",
        "_record:Record.remove",
        "os.stat(self.path).st_ino == self._inode",
        "True",
        f"{RECORDS}test_another_ones_is_left_alone",
    ),
    Mutant(
        "a kernel whose lock is lost is dead",
        "_record:is_left",
        "not _is_there(who, has_locks=free is not None)",
        "True",
        f"{RECORDS}test_lock_that_is_lost",
    ),
    Mutant(
        "a thread of the kernel's own belongs to a cell",
        "kernel.output._parents:Parents.follow_threads",
        " or isinstance(thread, OwnThread)",
        "",
        "kernel/output/test_parents.py::test_thread_of_the_kernels_own_belongs_to_no_cell",
    ),
    Mutant(
        "a closed watch writes into a file of the user's",
        "kernel.gui._descriptor_watch:DescriptorWatch._look",
        "if not self._is_closed:",
        "if True:",
        "kernel/gui/test_switching.py::test_watch_that_is_closed_does_nothing",
    ),
    Mutant(
        "an id is aborted for ever",
        "kernel.engine._aborts:Aborts.look_at",
        "del self._awaited[request.header.msg_id]",
        "pass",
        f"{ENGINES}test_an_id_may_be_aborted_before_its_task_comes",
    ),
    Mutant(
        "a task that comes after its abort runs",
        "kernel.engine._aborts:Aborts.abort",
        "self._remember(one)",
        "pass",
        f"{ENGINES}test_an_id_may_be_aborted_before_its_task_comes",
    ),
    Mutant(
        "an engine that was stopped gives its controller up",
        "kernel.engine._hub_watch:HubWatch._look",
        "self._pinged_at = now",
        "pass",
        f"{ENGINES}test_a_controller_without_a_sign_of_life_is_gone",
    ),
    Mutant(
        "each late ping is a return",
        "kernel.engine._hub_watch:HubWatch._note_ping",
        "MISSED_PERIODS * self._period_s",
        "self._period_s",
        f"{ENGINES}test_a_sign_of_life_after_others_were_missed_is_a_return",
    ),
    Mutant(
        "an answer of the hub is judged by the newest question",
        "kernel.engine._membership:Membership._look",
        "self._questions.popleft()",
        "self._questions.pop()",
        f"{ENGINES}test_a_list_from_before_the_first_request_ends_no_engine",
    ),
    Mutant(
        "a task begins when it is answered",
        "kernel.engine._replies:EngineResponder._metadata",
        "request.started or now()",
        "now()",
        f"{ENGINES}test_a_reply_says_when_its_task_began_and_how_it_ended",
    ),
    Mutant(
        "each failure moves the task",
        "kernel.engine._replies:EngineResponder._metadata",
        " and content.ename == UNMET",
        "",
        f"{ENGINES}test_a_reply_says_when_its_task_began_and_how_it_ended",
    ),
    Mutant(
        "the next request waits for no loan",
        "kernel.lanes._main_lane:MainLane._has_back_what_it_lent",
        "self._loans[0].is_over(LOOK_AT_END_S)",
        "True",
        "kernel/lanes/test_between.py::test_the_next_request_waits_for_a_loan",
    ),
    Mutant(
        "each loan that ends prolongs the time for all",
        "kernel.lanes._main_lane:MainLane._has_back_what_it_lent",
        "if not self._has_work:",
        "if is_over or not self._has_work:",
        "kernel/lanes/test_between.py::test_loans_keep_what_waits_no_longer_together_than_one",
    ),
    Mutant(
        "a result is lent beside a thread that could write",
        "kernel.engine._lending:Lender.lend",
        " or _others_run()",
        "",
        f"{ENGINES}test_a_result_is_lent_where_nothing_waits_or_could_write",
    ),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_caught(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The named test fails on the broken code, because of what it asserts."""
    assert_is_caught(mutant, monkeypatch)


@pytest.mark.parametrize(("phase", "event"), MOVES)
def test_a_missing_move_is_caught(
    phase: Phase, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line of the table of the end is there for something that a test asserts."""
    monkeypatch.delitem(cast("dict[tuple[Phase, Event], Move]", MOVES), (phase, event))
    assert_fails(f"{ENDS}test_walks", monkeypatch)


@pytest.mark.parametrize(("phase", "event"), MOVES)
def test_a_move_without_acts_is_caught(
    phase: Phase, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each act of the table is one, too."""
    move = MOVES[phase, event]
    if move.acts:
        moves = cast("dict[tuple[Phase, Event], Move]", MOVES)
        monkeypatch.setitem(moves, (phase, event), Move(move.phase))
        assert_fails(f"{ENDS}test_walks", monkeypatch)
