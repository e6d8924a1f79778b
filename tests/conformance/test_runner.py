"""Checks are run against a kernel, and what it does becomes results."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import pytest

from assay.conformance import (
    Limits,
    Options,
    OutOfTime,
    Peer,
    Report,
    Response,
    Result,
    Target,
    Testee,
    Verdict,
    _limits,
    _peer,
    _runner,
    _traffic,
    all_checks,
    check,
    language_named,
    run_checks,
    select,
)
from assay.conformance._check import check as made_check
from assay.conformance._findings import MISTAKES
from assay.conformance._outcome import Outcome, Skip, failed, passed
from assay.conformance._runner import After, Run
from assay.conformance._traffic import FloodError, Traffic
from assay.conformance.checks import _comms, _status, connection, control, load
from assay.conformance.checks._cells import stop
from assay.protocol import Channel, ConnectionFile, Transport
from assay.spec import requirements
from assay.transport import TimedOutError
from tests.conformance.late_channels import delayed
from tests.faults.harness import ask
from tests.limits import HANG_LIMIT_S

CALCULATOR = Path(__file__).parents[2] / "examples" / "calculator.py"

TINY = str(Path(__file__).parents[1] / "faults" / "tiny.toml")


@pytest.fixture(scope="module")
def report() -> Report:
    """What is found of the calculator, a kernel of whose language there are no snippets."""
    target = Target.command((sys.executable, str(CALCULATOR), "-f", "{connection_file}"))
    return run_checks(target, select(["SHELL", "SIGN", "INFO"]), Options(jobs=1))


def test_a_good_kernel_fails_nothing(report: Report) -> None:
    """A kernel without faults passes what can be asked of it."""
    assert report.failures() == ()
    assert report.with_outcome(Verdict.PASSED)


def test_no_snippets(report: Report) -> None:
    """Checks that need code of an unknown language are skipped, with the reason."""
    skipped = {one.check: one.reason for one in report.with_outcome(Verdict.SKIPPED)}

    assert "language is not known" in skipped["SHELL-04.1"]


@pytest.mark.parametrize(
    ("stated", "version"),
    [
        ("5.3", (5, 3)),
        ("9" * 5_000, (5, 0)),
        ("\u0665.\u0663", (5, 0)),
        ("5..", (5, 0)),
        ("", (5, 0)),
    ],
    ids=["good", "long", "foreign digits", "dots", "none"],
)
def test_version_in_whatever_form(stated: str, version: tuple[int, ...]) -> None:
    """A protocol version that is no number is that of a kernel which states none."""
    testee = object.__new__(Testee)
    testee.info = {"protocol_version": stated}

    assert testee.version == version


def test_kernel_that_floods(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that sends more than can be kept fails the check at hand, and is replaced."""
    target = Target.command((sys.executable, str(CALCULATOR), "-f", "{connection_file}"))
    checks = select(["SHELL-06.11", "SHELL-06.12", "SHELL-06.13"])

    def flood(result: Result) -> None:
        most = 1 if result.check == "SHELL-06.11" else 1_000
        monkeypatch.setattr(_traffic, "MOST_MESSAGES", most)

    report = run_checks(target, checks, Options(jobs=1), on_result=flood)

    flooded = [one.check for one in report.failures() if "messages of" in one.got]
    assert flooded == ["SHELL-06.12"]


def test_huge_message_is_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """What there is no room for is refused as bytes: its values take many times as much memory.

    What is published counts for each client that has it.
    """
    monkeypatch.setattr(_traffic, "MOST_BYTES", 100)
    frames = (b"topic", b"<IDS|MSG>", b"", b"{}", b"{}", b"{}", b'{"x": "' + b"x" * 40 + b'"}')
    wire = Mock(receive=lambda _: [(Channel.IOPUB, frames)])
    peer = Mock(_traffic=Traffic(), _wire=wire, _observes=False, _responses={}, arrivals=[])

    Peer.read(peer)
    with pytest.raises(FloodError, match="found 2 messages of"):
        Peer.read(peer)

    assert len(peer.arrivals) == 1


def test_kernel_that_floods_at_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that sends more than can be kept before it is asked anything has not started."""
    monkeypatch.setattr(_traffic, "MOST_MESSAGES", 2)
    target = Target.command((sys.executable, str(CALCULATOR), "-f", "{connection_file}"))

    report = run_checks(target, select(["SHELL-06.11"]), Options(jobs=1))

    assert "messages of" in report.error


def test_kernel_that_ends_at_once() -> None:
    """A kernel that ends before it answers makes a report without any judgement."""
    target = Target.command((sys.executable, "-c", "raise SystemExit('no luck')"))

    report = run_checks(target, select(["SIGN"]))

    assert "no luck" in report.error
    assert {one.outcome for one in report.results} == {Verdict.SKIPPED}


def test_stop() -> None:
    """A run that is stopped waits for nothing any more: Ctrl-C is not kept waiting by a check."""
    target = Target.command((sys.executable, str(CALCULATOR), "-f", "{connection_file}"))
    with Testee.start(target) as testee:
        testee.limits.begin()
        testee.limits.stop()

        with pytest.raises(OutOfTime, match="stopped"):
            testee.peer.wait_for(lambda: False)


def test_what_is_here_when_the_time_is_over() -> None:
    """An answer that has come and was not read yet has come in time."""
    come: list[str] = []
    peer = Mock(_limits=Limits(), _read_all=lambda: come.append("reply"))

    assert Peer.wait_for(peer, lambda: come, timeout=0)


def test_time_in_which_the_checks_do_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """For how long the system keeps the checks themselves waiting is not the kernel's fault.

    It counts neither in the wait nor in the time of the whole check.
    """
    now, reads = [0.0], []

    def read(seconds: float) -> None:
        reads.append(seconds)
        now[0] += seconds + 60.0

    for module in (_peer, _limits):
        monkeypatch.setattr(module, "time", Mock(monotonic=lambda: now[0]))
    limits = Limits(1.0)
    limits.begin()
    peer = Mock(_limits=limits, read=read)
    peer._overslept = partial(Peer._overslept, peer)

    assert Peer.wait_for(peer, lambda: len(reads) == 3, timeout=1.0)
    assert not Peer.wait_for(peer, lambda: False, timeout=1.0)
    assert sum(reads[3:]) == pytest.approx(1.0)


def _stopped(kernel: Testee) -> Outcome:
    assert kernel.is_running
    raise OutOfTime("the check was stopped")


def _stopped_in_a_loop(kernel: Testee) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet("loop"), wait=False)
    assert kernel.peer.wait_for(lambda: cell.of_type("execute_input"), HANG_LIMIT_S)
    kernel.limits.times = 0.1  # what follows never comes
    return _stopped(kernel)


@pytest.mark.parametrize(
    ("function", "verdict"), [(_stopped, Verdict.SKIPPED), (_stopped_in_a_loop, Verdict.FAILED)]
)
def test_check_that_our_limit_ends(function: Callable[[Testee], Outcome], verdict: Verdict) -> None:
    """That a check takes too long accuses a kernel that hangs, and none that answers behind it."""
    (result,) = ask("good", [made_check("SHELL-14.99", "It ends in time.")(function)]).results

    assert (result.outcome, "stopped" in result.reason + result.got) == (verdict, True)


def test_output_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output is followed for as long as some comes, and not for ever: no flood is needed for it."""
    now = [1e6]
    monkeypatch.setattr(_limits, "time", Mock(monotonic=lambda: now[0]))
    limits = Limits(1.0)
    limits.begin()
    cell = Mock(done=False, published=[])

    def wait_for(_: Callable[[], object]) -> bool:
        now[0] += limits.patience * 0.9
        limits.require_time()
        cell.published.append(now[0])
        assert len(cell.published) < 1_000, "it goes on"
        return True

    with pytest.raises(OutOfTime, match=f"after {10 * limits.check_s:.0f} s"):
        Peer.follow(Mock(_limits=limits, wait_for=wait_for), cell)


def _ends(_: Testee) -> Outcome:
    raise OutOfTime("the check was stopped")


ENDS = made_check("SHELL-14.99", "It ends in time.")(_ends)
CELL, PROBE = "the cell", "our question"


def _busy_kernel(monkeypatch: pytest.MonkeyPatch, msg_type: str, parent: str) -> Mock:
    """Make a kernel of whose cell no end comes; one message comes behind the limit.

    As with `Testee.await_cells`, each cell is waited for once.
    """
    kernel = Mock(asked=frozenset({CELL}), is_settled=False)
    kernel.traffic.lines, kernel.peer.arrivals = [], []
    kernel.traffic.__len__ = lambda _: 0
    kernel.take_others.return_value = ()
    kernel.limits.stopped = False
    settled = iter([False])

    def settle(_: Testee) -> bool:
        kernel.asked |= {PROBE}
        kernel.peer.arrivals.append(Mock(msg_type=msg_type, parent_id=parent))
        return next(settled, True)

    monkeypatch.setattr(_runner, "_settle", settle)
    return kernel


@pytest.mark.parametrize(
    ("msg_type", "parent", "verdict"),
    [
        ("stream", CELL, Verdict.SKIPPED),
        ("status", CELL, Verdict.FAILED),
        ("kernel_info_reply", PROBE, Verdict.FAILED),
    ],
)
def test_kernel_that_goes_on(
    monkeypatch: pytest.MonkeyPatch, msg_type: str, parent: str, verdict: Verdict
) -> None:
    """One that is not through, and still says something of it, is slow and does not hang.

    A status alone may come from another thread than the one that hangs, and so may the answer to
    the question whether it lives. It is replaced, and what is missing accuses it of nothing.
    """
    kernel = _busy_kernel(monkeypatch, msg_type, parent)
    kernel.take_segments.return_value = ()
    run = Run(Mock(can_start=True), [ENDS], Options(), None)

    assert run.ask(ENDS, kernel) is None
    assert run.result(ENDS).outcome is verdict
    kernel.take_segments.assert_called_once_with(settled=False)


def test_running_kernel_that_stays_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be asked of a running kernel, since it goes on with a check, is not asked."""
    kernel = _busy_kernel(monkeypatch, "stream", CELL)
    kernel.take_segments.return_value = ()
    checks = [ENDS, *select(["INFO-01.1", "CONN-16.1"])]
    run = Run(Mock(can_start=False, label="kernel"), checks, Options(), None)
    for one in checks:
        run.ask(one, kernel)

    report = run.report(1.0)

    assert {one.outcome for one in report.results} == {Verdict.SKIPPED}
    assert "goes on with SHELL-14.99" in run.result(checks[1]).reason
    assert "was started for it" in run.result(checks[2]).reason
    assert report.unasked == 1


def test_kernel_that_has_just_ended_goes_on_no_more() -> None:
    """The run does not end with it."""
    ended = Mock(read_all=Mock(side_effect=TimedOutError("anything", 1)))

    assert _runner._behind_our_limit(ended) is After.LOST


def test_what_is_never_answered_is_waited_for_twice() -> None:
    """A kernel that leaves a request out need not be waited for in each check; an answer counts."""
    limits, waits = Limits(), list[float | None]()
    peer = Mock(_limits=limits, wait_for=lambda _, timeout: waits.append(timeout))
    request = Mock(kind=("complete_request", Channel.SHELL), ended=False)

    for _ in range(3):
        assert not Peer._has_begun(peer, request, None)
    limits.silence.discard(request.kind)
    assert not Peer._has_begun(peer, request, None)

    grace = limits.grace
    assert waits == [None, grace, None, grace, grace, None, grace]


@pytest.mark.parametrize(
    ("lives", "msg_type", "timeout"),
    [
        (False, "complete_request", None),
        (True, "execute_request", None),
        (True, "complete_request", 1.0),
    ],
)
def test_what_has_to_be_waited_for(*, lives: bool, msg_type: str, timeout: float | None) -> None:
    """What must be answered, and what a kernel that hangs was asked, is waited for each time."""
    waits = list[float | None]()
    peer = Mock(_limits=Limits(), wait_for=lambda _, timeout: waits.append(timeout))
    peer.fence.return_value = lives

    for _ in range(3):
        Peer._has_begun(peer, Mock(kind=(msg_type, Channel.SHELL), ended=False), timeout)

    assert waits == [timeout] * 3


def test_time_limit() -> None:
    """A run whose time is over skips what it has not begun, says so, and accuses of nothing."""
    target = Target.command((sys.executable, str(CALCULATOR), "-f", "{connection_file}"))

    # So little time is over before the first check: how fast the kernel is makes no difference.
    cut = run_checks(target, select(["SIGN"]), Options(time_limit=1e-9))

    assert {one.outcome for one in cut.results} == {Verdict.SKIPPED}
    assert "used up its 1e-09 s" in cut.results[0].reason
    assert cut.unasked == len(cut.results)


@pytest.mark.parametrize(("took", "wanted"), [(0.1, 10), (3, 24), (60, 60)])
def test_later_starts(took: float, wanted: float) -> None:
    """How long a later kernel may take to start follows from the first one's start."""
    assert Limits(took).start(60) == wanted


@pytest.mark.parametrize(("limit", "first"), [(None, True), (3600, False)])
def test_order(limit: float | None, *, first: bool) -> None:
    """What takes long is asked first, and last where there may be no time for everything."""
    target = Target.command((sys.executable, str(CALCULATOR), "-f", "{connection_file}"))
    asked: list[str] = []

    run_checks(
        target,
        select(["CONN-16.1", "INFO-01.1"]),
        Options(jobs=1, time_limit=limit),
        on_result=lambda one: asked.append(one.check),
    )

    assert (asked[0] == "CONN-16.1") is first


def _found_of(fault: str, name: str) -> Result:
    argv = (sys.executable, "-m", "tests.faults", "--fault", fault, "-f", "{connection_file}")
    report = run_checks(Target.command(argv), select([name]), Options(jobs=1))
    return next(one for one in report.results if one.check == name)


def test_what_is_ignored_takes_no_other_requirement_with_it() -> None:
    """A requirement without checks of its own chooses those that are about it as well; to ignore it
    leaves these in, since they judge another one."""
    about = {one.id for one in select(["EXEC-15"])}

    assert about
    assert about <= {one.id for one in select(ignored=["EXEC-15"])}


@pytest.mark.parametrize(("ignored", "seen"), [((), True), (("HDR-09.0",), False)])
def test_what_is_seen_in_passing_can_be_ignored(ignored: tuple[str, ...], *, seen: bool) -> None:
    """What the traffic of all checks shows is reported, unless its requirement is ignored."""
    fault = ("--fault", "hdr-version-other", "-f", "{connection_file}")
    argv = (sys.executable, "-m", "tests.faults", *fault)

    report = check(argv, select=["INFO-01.1"], ignore=ignored, options=Options(jobs=1))

    found = {one.check: one for one in report.failures()}
    assert ("HDR-09.0" in found) is seen
    assert not seen or "messaging library's" in found["HDR-09.0"].mistake


def test_mistakes_are_those_of_requirements() -> None:
    """What describes how kernels break a rule belongs to a rule that there is."""
    assert set(MISTAKES) <= {one.id for one in requirements()}


def _verdicts(fault: str, *names: str) -> dict[str, Verdict]:
    argv = (sys.executable, "-m", "tests.faults", "--fault", fault, "-f", "{connection_file}")
    options = Options(jobs=1, language=language_named(TINY))
    report = run_checks(Target.command(argv), select(names), options)
    return {one.check: one.outcome for one in report.results}


def test_wrong_count_fails_the_kernel_by_its_name() -> None:
    """A wrong count in `execute_input` breaks EXEC-07, a MUST, and what is aborted nothing."""
    found = _verdicts("exec-input-count-before", "EXEC-07.1", "EXEC-07.2", "EXEC-21.1")

    assert {name for name in found if found[name] is Verdict.FAILED} == {
        "EXEC-07.0",
        "EXEC-07.1",
        "EXEC-07.2",
    }


@pytest.mark.parametrize(
    ("row", "check"),
    [
        ("exec-interrupt-aborted", "EXEC-30.1"),
        ("iopub-streams-swapped", "IOPUB-09.2"),
        ("ctrl-no-broadcast", "CTRL-07.1"),
        ("sign-unknown-scheme", "SIGN-12.1"),
        ("conn-taken-port-ignored", "CONN-11.1"),
    ],
)
def test_what_the_text_does_not_forbid_is_a_note(row: str, check: str) -> None:
    """It is shown, and nobody fails by it."""
    assert _verdicts(row, check)[check] is Verdict.NOTE


def test_a_comm_message_without_parent_breaks_one_rule() -> None:
    """What else is asked of comms is there, whatever it names as its parent (COMM-07)."""
    found = _verdicts("comm-no-parent", "COMM-03.1", "COMM-07.1", "COMM-08.3", "COMM-09.1")

    assert {name: found[name] for name in found if not name.endswith(".0")} == {
        "COMM-03.1": Verdict.PASSED,
        "COMM-07.1": Verdict.FAILED,
        "COMM-08.3": Verdict.PASSED,
        "COMM-09.1": Verdict.PASSED,
    }


def test_nobody_fails_by_what_no_text_says() -> None:
    """What software relies on, and no document asks for, is reported as a note."""
    unwritten = [one for one in all_checks() if one.requirement.basis == "de-facto"]

    assert unwritten
    assert [one.id for one in unwritten if one.judged] == []


def test_what_rests_on_our_reading_fails_nothing_in_passing_either() -> None:
    """The kernel that a note is about, started with a file of its own, fails nothing else."""
    found = _verdicts("sign-replies-sha256", "SIGN-11.1")

    assert found["SIGN-11.1"] is Verdict.NOTE
    assert found["SIGN-01.0"] is Verdict.NOTE


def _second_client_is_late(
    monkeypatch: pytest.MonkeyPatch, opened: dict[Channel, threading.Event]
) -> None:
    _clients_connect(monkeypatch, "two", lambda connection: delayed(connection, opened))


def _clients_connect(
    monkeypatch: pytest.MonkeyPatch, client: str, way: Callable[[ConnectionFile], ConnectionFile]
) -> None:
    """Let *client* reach the kernel by another way."""
    connect = Testee.connect

    def connect_so(kernel: Testee, name: str = "two") -> Peer:
        known = kernel.connection
        if name == client:
            kernel.connection = way(known)
        try:
            return connect(kernel, name)
        finally:
            kernel.connection = known

    monkeypatch.setattr(Testee, "connect", connect_so)


def _late_stdin(
    check: str, monkeypatch: pytest.MonkeyPatch, *, client: str, is_old: bool = False
) -> dict[str, Verdict]:
    """Return what is found if the client's stdin is there when the check waits for it."""
    opened = threading.Event()
    ways = {Channel.STDIN: opened}
    _clients_connect(monkeypatch, client, lambda one: delayed(one, ways, is_old=is_old))
    can_be_asked = Peer.can_be_asked

    def wait_for_stdin(peer: Peer) -> bool:
        opened.set()
        return can_be_asked(peer)

    monkeypatch.setattr(Peer, "can_be_asked", wait_for_stdin)
    try:
        return _verdicts("good", check)
    finally:
        opened.set()  # lets the relay's threads end


@pytest.mark.parametrize(
    ("check", "client"),
    [
        ("STDIN-06.1", "two"),
        ("STDIN-11.1", "two"),
        ("STDIN-01.1", "one"),
        ("STDIN-07.1", "one"),
        ("SIGN-13.1", "one"),
        ("CTRL-17.1", "one"),
        ("SUBSHELL-14.1", "one"),
    ],
)
def test_stdin_connects_late(check: str, client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prompt for a client that is not there yet is lost: code asks when it is there."""
    assert _late_stdin(check, monkeypatch, client=client) == {check: Verdict.PASSED}


def test_kernel_of_an_old_zeromq(monkeypatch: pytest.MonkeyPatch) -> None:
    """ZeroMQ tells of no greeting by ZMTP 2: such a kernel is asked all the same."""
    found = _late_stdin("STDIN-01.1", monkeypatch, client="one", is_old=True)

    assert found == {"STDIN-01.1": Verdict.PASSED}


def test_a_lost_prompt_is_no_fault_of_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """That a cell of another client waits is seen by its busy, which that client may not see."""
    opened = threading.Event()
    _second_client_is_late(monkeypatch, {Channel.STDIN: opened, Channel.IOPUB: opened})
    monkeypatch.setattr(Peer, "can_be_asked", lambda _: True)
    target = Target.command((sys.executable, "-m", "assay", "kernel", "-f", "{connection_file}"))

    report = run_checks(target, select(["STDIN-11.1"]), Options(jobs=1))
    opened.set()  # lets the relay's threads end

    assert {one.check: one.outcome for one in report.results} == {"STDIN-11.1": Verdict.SKIPPED}


def test_kernel_that_does_not_count() -> None:
    """Of a counter that stands nothing says what else moves it: one check finds that, no other."""
    found = _verdicts("exec-counter-stands", "EXEC-06.1", "EXEC-03.1", "SIGN-10.2", "INSPECT-09.1")

    assert found.pop("EXEC-06.1") is Verdict.FAILED
    assert {found[name] for name in found if not name.endswith(".0")} == {Verdict.SKIPPED}


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("error", Verdict.PASSED),
        ("aborted", Verdict.PASSED),
        ("abort", Verdict.PASSED),
        ("ok", Verdict.PASSED),
    ],
)
def test_how_an_interrupted_cell_is_answered_is_another_check_s(
    status: str, verdict: Verdict
) -> None:
    """A kernel that answers such a cell as aborted or ok has interrupted it (EXEC-30)."""
    kernel, cell = Mock(spec=Testee), Mock(spec=Response)
    kernel.peer = Mock(spec=Peer)
    kernel.peer.execute.return_value.status = "ok"
    cell.status = status

    assert control._is_interrupted(kernel, cell).verdict is verdict


def _doubts(kernel: Testee) -> Outcome:
    """Send an answer that nothing has asked for, and fail."""
    kernel.peer.send("input_reply", {"value": "assay"}, channel=Channel.STDIN)
    return failed("a prompt", "none")


def _loses_it(kernel: Testee) -> Outcome:
    """Interrupt a kernel that has ended meanwhile, as one does that SIGINT ends."""
    cell = kernel.peer.send("execute_request")
    process = kernel.own_process()
    process.close(kill=True)
    stop(kernel, cell)
    return passed()


def _falls_silent(kernel: Testee) -> Outcome:
    """Do what a kernel cannot do yet, and after which it hangs."""
    number = kernel.own_process().pid
    os.kill(number, signal.SIGSTOP)
    os.waitpid(number, os.WUNTRACED)  # its threads stop one after the other
    raise Skip("no inspect_reply came")


@pytest.mark.parametrize(
    ("function", "verdict", "goes_on"),
    [
        (lambda _: failed("a prompt", "none"), Verdict.FAILED, True),
        (_doubts, Verdict.FAILED, False),
        (_loses_it, Verdict.PASSED, False),
        (_falls_silent, Verdict.FAILED, False),
    ],
    ids=["failed", "failed with stdin", "ended by an interrupt", "hangs"],
)
def test_kernel_that_is_replaced(
    function: Callable[[Testee], Outcome], verdict: Verdict, *, goes_on: bool
) -> None:
    """A kernel of which it is open what it will do next is not asked the next check."""
    target = Target.command((sys.executable, str(CALCULATOR), "-f", "{connection_file}"))
    question = made_check("STDIN-11.99", "a question of this test")(function)
    run = Run(target, [question], Options(jobs=1), None)
    with run.start_first() as first:
        following = run.ask(question, first)

        assert run.result(question).outcome is verdict
        assert following is (first if goes_on else None)


def test_kernel_without_control() -> None:
    """What does no harm is not blamed for the silence of a kernel that never spoke on control."""
    found = _found_of("wire-no-control", "CTRL-15.1")

    assert found.outcome is Verdict.SKIPPED
    assert "no kernel_info_request on control" in found.reason


@pytest.mark.parametrize("check", ["HDR-08.1", "WIRE-10.1"])
def test_replies_without_status(check: str) -> None:
    """A kernel whose every kernel_info_reply lacks a status is blamed for that alone."""
    assert _found_of("shell-status-of-info-missing", check).outcome is Verdict.PASSED


def test_missing_broadcast() -> None:
    """Of a kernel that ends without a last word the word is reported as missing, not the end."""
    found = _found_of("ctrl-no-broadcast", "CTRL-07.1")

    assert (found.expected, found.got) == ("a shutdown_reply on IOPub", "none")


def test_end_without_a_reply() -> None:
    """A kernel that ends on a shutdown without a reply is blamed for the reply, not for its end."""
    argv = (sys.executable, "-m", "tests.faults", "--fault", "ctrl-shutdown-unanswered", "-f")
    names = ("CTRL-04.1", "CTRL-04.2", "CTRL-05.1", "CTRL-05.2", "CTRL-20.1")
    report = run_checks(
        Target.command((*argv, "{connection_file}")), select(names), Options(jobs=1)
    )

    found = {one.check: one for one in report.results}
    assert {name: found[name].outcome for name in names} == {
        "CTRL-04.1": Verdict.FAILED,
        "CTRL-04.2": Verdict.FAILED,
        "CTRL-05.1": Verdict.SKIPPED,
        "CTRL-05.2": Verdict.PASSED,
        "CTRL-20.1": Verdict.NOTE,
    }
    assert found["CTRL-04.1"].got == "none, and the process has ended"
    assert (found["CTRL-20.1"].expected, found["CTRL-20.1"].got) == ("a shutdown_reply", "none")


def test_comms_of_a_kernel_that_does_not_list_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """That a comm_info_request goes unanswered does not say that a kernel opens no comm."""
    kernel = Mock()
    kernel.peer.ask.return_value.succeeded.side_effect = Skip("no reply")
    opened = {"_refuses": False, "_opens": True}
    for name, there in opened.items():
        monkeypatch.setattr(_comms, name, Mock(return_value=there))

    _comms.must_have_comms(kernel)

    monkeypatch.setattr(_comms, "_opens", Mock(return_value=False))
    with pytest.raises(Skip, match="no comms"):
        _comms.must_have_comms(kernel)


def test_socket_file_without_a_kernel(tmp_path: Path) -> None:
    """Where a killed kernel has left its socket file nothing listens, else something does."""
    path = tmp_path / "k.json"
    place = ConnectionFile(key="secret", transport=Transport.IPC, ip=str(tmp_path / "s"))
    place = place.with_ports(dict(zip(Channel, range(7, 12), strict=True)))
    place.write(path)
    there = f"{tmp_path / 's'}-{place.port(Channel.SHELL)}"
    with socket.socket(socket.AF_UNIX) as kernel:
        kernel.bind(there)
        kernel.listen(0)
        # None is accepted; only Linux tells a full queue from a socket without a listener.
        tries = 3 if sys.platform == "linux" else 1
        served = {Target.running(path).unreachable for _ in range(tries)}

    assert served == {""}
    assert Target.running(path).unreachable == f"ipc://{there}"


def test_port_that_was_taken_meanwhile(tmp_path: Path) -> None:
    """A kernel that finds a port taken is started again, and not blamed."""
    code = (
        "import pathlib, runpy, sys\n"
        "sys.argv = sys.argv[1:]\n"
        "try:\n"
        "    pathlib.Path(sys.argv.pop(1)).mkdir()\n"
        "except FileExistsError:\n"
        "    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "else:\n"
        "    sys.exit('OSError: [Errno 98] Address already in use')\n"
    )
    once = str(tmp_path / "tried")
    argv = (sys.executable, "-c", code, str(CALCULATOR), once, "-f", "{connection_file}")

    report = run_checks(Target.command(argv), select(["INFO-01.1"]), Options(jobs=1))

    assert not report.error
    assert [one.outcome for one in report.results] == [Verdict.PASSED]


def test_running_kernel_that_goes_away(tmp_path: Path) -> None:
    """Of a running kernel that dies one failure is reported, and nothing asked after it."""
    words = ("-m", "tests.faults", "--fault", "wire-dies-of-no-delimiter", "-f")
    target = Target.command((sys.executable, *words, "{connection_file}"))
    with target.start() as process:
        path = tmp_path / "kernel.json"
        process.connection.write(path)
        checks = select(["WIRE-18.1", "WIRE-14", "INFO-01"])
        report = run_checks(Target.running(path), checks, Options(jobs=1))

    found = {one.check: one for one in report.results}
    assert [one.check for one in report.failures()] == ["WIRE-18.1"]
    assert found["WIRE-14.1"].outcome is Verdict.PASSED
    assert "is silent since WIRE-18.1" in found["INFO-01.1"].reason


@pytest.mark.parametrize("listens", [True, False])
def test_running_kernel_that_does_not_answer(tmp_path: Path, *, listens: bool) -> None:
    """Of one that was to run the report says that it does not answer, and whether it is there."""
    path = tmp_path / "kernel.json"
    with ExitStack() as held:
        ports = {}
        for channel in Channel:
            taken = held.enter_context(socket.socket())
            taken.bind(("127.0.0.1", 0))
            if listens:
                taken.listen()
            ports[channel] = taken.getsockname()[1]
        ConnectionFile(key="secret").with_ports(ports).write(path)

        report = run_checks(Target.running(path), select(["SIGN"]), Options(start_limit=0.1))

    assert report.trouble == "the kernel does not answer"
    assert {one.reason for one in report.results} == {report.trouble}
    assert (
        f"nothing listens at tcp://127.0.0.1:{ports[Channel.SHELL]}" in report.error
    ) is not listens


def test_running_kernel_that_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that answers on control alone may run a cell of another client: it is not judged."""
    words = ("-m", "tests.faults", "--fault", "shell-info-unanswered", "-f", "{connection_file}")
    real = Peer.wait_for

    def wait_for(peer: Peer, reached: Callable[[], object], timeout: float | None = None) -> bool:
        del timeout
        return real(peer, reached, 0 if peer.on(Channel.CONTROL) else HANG_LIMIT_S)

    with Target.command((sys.executable, *words)).start() as process:
        path = tmp_path / "kernel.json"
        process.connection.write(path)
        monkeypatch.setattr(Peer, "wait_for", wait_for)
        report = run_checks(Target.running(path), select(["SHELL-14", "INFO-01"]))

    assert "on control alone" in report.error
    assert {one.outcome for one in report.results} == {Verdict.SKIPPED}


def test_client_without_curve_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks a kernel that runs: one that is dead answers no one, whatever it would have done."""

    def stays(stranger: Testee) -> Outcome:
        return passed() if stranger.is_running else failed("a kernel that runs", "none")

    monkeypatch.setattr(connection, "_none_answers", stays)

    (found,) = ask("good", select(["CONN-06.1"])).results

    assert (found.outcome, found.got) == (Verdict.PASSED, "")


def test_status_of_its_own_comes_late() -> None:
    """One behind the idle of a right request may be read with the next, and accuses nobody."""
    peer = Mock(asked=[], arrivals=[])

    def quiet(_: Channel) -> None:
        number = len(peer.asked)
        peer.asked.append(Mock(msg_id=f"m{number}"))
        usual, own = (Mock(state="idle", parent_id=one) for one in (f"m{number}", ""))
        # That of the first comes at once, that of each other one with the next.
        peer.arrivals += {0: [usual, own], 1: [usual]}.get(number, [own, usual])

    peer.quiet = quiet

    with pytest.raises(Skip, match="name no request, too"):
        _status.must_name_requests(peer)


def test_history_of_the_user() -> None:
    """A cell of twenty million characters does not go into the history, which may be the user's."""
    kernel = Mock(**{"snippet.return_value": "", "patience": 1.0})
    cell = kernel.peer.execute.return_value
    cell.status, cell.replies, cell.text.return_value = "ok", [], "assay behind"

    assert load.huge_cell(kernel) == passed()
    assert kernel.peer.execute.call_args.kwargs["store_history"] is False
