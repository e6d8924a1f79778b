"""A search finds what a kernel gets wrong, and the smallest conversation that shows it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import Mock

import pytest
from click.testing import CliRunner

from assay.commands._cli import cli, run
from assay.conformance import (
    Language,
    Recording,
    RecordingError,
    Target,
    Testee,
    _traffic,
    judge,
    language_named,
    replay,
)
from assay.conformance._failure import Failure, no_answer
from assay.conformance._limits import Limits, OutOfTime
from assay.conformance._peer import Peer
from assay.conformance.fuzz._play import Peers, play
from assay.conformance.fuzz._search import (
    CONFIRMING,
    MOST_MESSAGES,
    Found,
    FuzzReport,
    _Search,
    fuzz,
)
from assay.conformance.fuzz._steps import Step
from assay.protocol import Channel, Profile
from assay.transport import KernelEndedError

ROOT = Path(__file__).parents[3]
TINY = str(ROOT / "tests" / "faults" / "tiny.toml")


def faulty(name: str) -> Target:
    """Return the kernel with the fault *name*; ``good`` has none."""
    words = (sys.executable, "-m", "tests.faults", "--fault", name, "-f", "{connection_file}")
    return Target.command(words)


def search(name: str, conversations: int, *, shrinks: int = 25) -> FuzzReport:
    """Return what a search finds of a faulty kernel; the clock is out of the game."""
    return fuzz(
        faulty(name),
        seed=1,
        minutes=60,
        most=conversations,
        most_shrinks=shrinks,
        language=language_named(TINY),
    )


@pytest.fixture(autouse=True)
def _at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    # The kernels are modules of this project's tests.
    monkeypatch.chdir(ROOT)


def test_fault() -> None:
    """A kernel that dies of frames without delimiter is caught by a single step."""
    report = search("wire-dies-of-no-delimiter", 60)

    (died,) = (one for one in report.found if one.failure.kind == "died")
    assert len(died.steps) == 1


def test_kernel_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search goes on with a new kernel behind each that has ended in a way that is known."""
    ended = list[int | None]()

    def watched(
        testee: Testee, steps: Sequence[Step], *, profile: Profile, peers: Peers
    ) -> Failure | None:
        ended.append(testee.own_process().exit_code)
        return play(testee, steps, profile=profile, peers=peers)

    monkeypatch.setattr("assay.conformance.fuzz._search.play", watched)
    report = search("comm-dies-of-unknown-id", 40, shrinks=3)

    assert "died" in [one.failure.kind for one in report.found]
    assert len(ended) > 15
    assert set(ended) == {None}


def test_conversation_that_was_not_shrunk() -> None:
    """A step that fails by itself is found where there was no time for shrinking."""
    report = search("comm-dies-of-unknown-id", 40, shrinks=1)

    assert [(one.failure.kind, len(one.steps)) for one in report.found] == [("died", 1)]


def test_slow_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is believed of a fresh kernel only that is waited for three times as long."""
    patience = list[float]()

    def slow(testee: Testee, _: Sequence[Step], **_rest: object) -> Failure | None:
        patience.append(testee.limits.patience)
        is_silent = patience[-1] < 3 * patience[0]
        return no_answer(Channel.SHELL, patience[-1]) if is_silent else None

    monkeypatch.setattr("assay.conformance.fuzz._search.play", slow)
    report = search("good", 3)

    assert report.found == ()
    assert {one.kind for one in report.unreproduced} == {"no answer on shell"}
    assert set(patience) == {patience[0], 3 * patience[0]}


def test_shrinking_of_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is silent is confirmed once: while it is shrunk each kernel is a fresh one."""
    patience = list[float]()

    def silent(testee: Testee, _: Sequence[Step], **_rest: object) -> Failure | None:
        patience.append(testee.limits.patience)
        return no_answer(Channel.SHELL, patience[-1])

    monkeypatch.setattr("assay.conformance.fuzz._search.play", silent)
    report = search("good", 1, shrinks=2)

    assert [one.failure.kind for one in report.found] == ["no answer on shell"]
    first, *others = patience
    assert len(others) > 1
    assert set(others) == {3 * first}


def test_search_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """All traffic of a kernel is kept: none has so many conversations that it is called a flood."""
    kernels = list[list[int]]()

    def start(_: Target, **more: object) -> Mock:
        del more
        kernels.append([])
        return Mock(traffic=kernels[-1], started_s=0.1, **{"learn_language.return_value": None})

    def long(testee: Testee, *_: object, **more: object) -> None:
        del more
        kernels[-1].extend(range(MOST_MESSAGES // 2))
        assert len(testee.traffic) < _traffic.MOST_MESSAGES

    monkeypatch.setattr(Testee, "start", start)
    monkeypatch.setattr("assay.conformance.fuzz._search.play", long)

    report = fuzz(Mock(can_start=True), seed=1, minutes=60, most=30)

    assert report.conversations == 30
    assert len(kernels) == 10


def test_patience_has_an_end() -> None:
    """A slow kernel is waited for as long as any at most, also to confirm a failure."""
    slow = Limits(20.0)
    usual = slow.patience
    slow.times = CONFIRMING

    assert slow.patience == usual


def test_good_kernel() -> None:
    """A kernel that keeps all rules is not accused."""
    report = search("good", 15)

    assert report.conversations == 15
    assert not report.found
    assert not report.unreproduced


def test_kernel_without_control(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that never answers on control is asked on shell alone, by a search and a replay."""

    def may_answer(_: Peer, channel: Channel) -> bool:
        return channel is not Channel.CONTROL  # where nothing will come: do not wait for it

    monkeypatch.setattr(Peer, "_may_answer", may_answer)
    nothing = Recording(kernel="", key="", lines=())
    with Testee.start(faulty("wire-no-control")) as testee:
        played = play(testee, (), profile=Profile.LENIENT, peers={})
        again = replay(testee, nothing, profile=Profile.LENIENT)

    assert played is None
    assert again is None


def test_conversation_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next kernel has time to start, when a conversation has used up all that it had."""
    start, unstarted = Testee.start, list[OutOfTime]()

    def watched(target: Target, *, limits: Limits | None, language: Language | None) -> Testee:
        try:
            return start(target, limits=limits, language=language)
        except OutOfTime as error:
            unstarted.append(error)
            raise

    monkeypatch.setattr("assay.conformance._limits.CHECK_PATIENCES", 0.0)
    monkeypatch.setattr(Testee, "start", watched)
    words = language_named(TINY)
    report = fuzz(faulty("good"), seed=1, minutes=60, most=1, most_shrinks=2, language=words)

    assert [one.failure.kind for one in report.found] == ["slow"]
    assert not unstarted


def test_recordings(tmp_path: Path) -> None:
    """A failure that was written to a file shows itself again, and not with a good kernel."""
    (found,) = search("hdr-version-other", 15).found[:1]
    path = tmp_path / "failure.json"
    found.recording.write(path)
    recording = Recording.read(path)

    with Testee.start(faulty("hdr-version-other")) as testee:
        again = replay(testee, recording, profile=Profile.LENIENT)
    with Testee.start(faulty("good")) as testee:
        good = replay(testee, recording, profile=Profile.LENIENT)

    words = ["check", "--trace", str(path), "--format", "json"]
    judged = CliRunner().invoke(cli, words, standalone_mode=False)

    silent = CliRunner().invoke(cli, [*words, "--ignore", "HDR-09"], standalone_mode=False)

    assert judged.return_value == 1
    assert '"check": "HDR-09.0"' in judged.output
    assert '"check": "HDR-09.0"' not in silent.output
    assert '"ignored": [\n  "HDR-09.0"\n ]' in silent.output
    assert recording.lines[0].frames == found.recording.lines[0].frames
    assert judge(recording.lines)
    assert again is not None
    assert good is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{", "wanted a recording in JSON"),
        ("[]", "wanted a recording of format 1"),
        ('{"format": 1}', "records: wanted a list"),
        ('{"format": 1, "records": [3]}', "records[0]: wanted an object"),
        ('{"format": 1, "records": [{"channel": "x"}]}', "records[0]: wanted channel"),
        (
            '{"format": 1, "records": [{"channel": "shell", "sender": "client", "frames": [3]}]}',
            "records[0]: wanted channel",
        ),
        (
            '{"format": 1, "records": [{"channel": "shell", "sender": "client", "frames": "ab"}]}',
            "wanted a list of frames",
        ),
        ("[" * 100_000, "wanted a recording in JSON"),
        ('{"format": 1, "key": "\\ud800", "records": []}', "key: wanted the text"),
    ],
)
def test_files_that_are_no_recordings(tmp_path: Path, text: str, wanted: str) -> None:
    """The error says what was wanted, and where."""
    path = tmp_path / "no.json"
    path.write_text(text)

    with pytest.raises(RecordingError) as caught:
        Recording.read(path)

    assert wanted in str(caught.value)


def test_search_that_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found before Ctrl-C has been shown, and its recording written."""
    recording = Recording(kernel="k", key="", lines=())
    failure = Failure(kind="wrong", text="it is wrong")

    def stopped(self: _Search, number: int) -> bool:
        if number == 2:
            raise KeyboardInterrupt
        self._best = Found(failure=failure, steps=(), recording=recording)
        return self._take_best()

    monkeypatch.setattr(_Search, "round", stopped)
    words = ["fuzz", "--seed", "1", "--output", str(tmp_path)]
    words += ["--cmd", "--", *faulty("good").argv]

    result = CliRunner().invoke(cli, words, standalone_mode=False)

    assert result.return_value == 130
    assert "1. it is wrong" in result.output
    assert (tmp_path / "failure-1-1.json").exists()


def test_kernel_that_ends_behind_its_start() -> None:
    """That a kernel ends before it is asked anything is a failure that is found, and no error."""
    testee = object.__new__(Testee)
    testee.peer = Mock(**{"quiet.side_effect": KernelEndedError("the kernel ended")})

    testee.rest()

    testee.peer.quiet.assert_called()


def test_what_a_kernel_writes_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    """A terminal obeys nothing of it."""
    script = "raise SystemExit('\\x1b[2Jno luck')"

    code = run(["fuzz", "--cmd", "--", sys.executable, "-c", script, "{connection_file}"])

    assert code == 3
    assert "\\x1b[2Jno luck" in capsys.readouterr().err


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """That is said before the search begins."""
    file = tmp_path / "file"
    file.touch()
    words = ["fuzz", "--output", str(file / "folder"), "--cmd", "--", *faulty("good").argv]

    result = CliRunner().invoke(cli, words)

    assert result.exit_code == 2
    assert "folder: cannot be written" in result.output


def test_command(tmp_path: Path) -> None:
    """``assay fuzz`` shows the conversation, writes the recording and exits with 1."""
    words = ["fuzz", "--conversations", "60", "--seed", "1", "--language", TINY]
    words += ["--output", str(tmp_path), "--cmd", "--", *faulty("wire-dies-of-no-delimiter").argv]

    result = CliRunner().invoke(cli, words, standalone_mode=False)

    assert result.return_value == 1
    assert "ended with exit code 3" in result.output
    assert "--seed 1" in result.output
    assert list(tmp_path.glob("failure-1-*.json"))
