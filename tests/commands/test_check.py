"""``assay check`` on the command line: what it takes, writes and returns."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from assay.commands import _check, run
from assay.commands._exit import Exit
from assay.conformance import Line, Options, Recording
from assay.protocol import Channel, ConnectionFile, ExecuteRequest, Sender
from assay.testing import as_bytes, make_session
from tests.limits import HANG_LIMIT_S

ASSAY = (sys.executable, "-m", "assay")

CALCULATOR = (
    sys.executable,
    str(Path(__file__).parents[2] / "examples" / "calculator.py"),
    "-f",
    "{connection_file}",
)

ENDS = (sys.executable, "-c", "raise SystemExit('no luck')", "{connection_file}")


def test_good_kernel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A kernel without faults is exit code 0; each report is in its file, the text on stdout."""
    files = [tmp_path / name for name in ("r.html", "r.json", "r.xml", "r.md")]
    outputs = [word for file in files for word in ("--output", str(file))]
    formats = ["html", "json", "junit", "markdown", "text"]
    wanted = [word for name in formats for word in ("--format", name)]

    code = run(
        ["check", "--cmd", "--select", "SIGN-07", *wanted, *outputs, "--badge", str(tmp_path / "b"),
         "--", *CALCULATOR]
    )  # fmt: skip

    assert code == Exit.OK
    assert all(file.stat().st_size for file in [*files, tmp_path / "b"])
    assert json.loads(files[1].read_text())["counts"]["failed"] == 0
    assert "passed, 0 failed" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["--quiet"]])
def test_kernel_that_does_not_start(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kernel that does not start is exit code 3; the report and stderr say why, always."""
    file = tmp_path / "r.json"

    code = run(["check", "--cmd", *words, "--output", str(file), "--", *ENDS])

    report = json.loads(file.read_text())
    assert code == Exit.KERNEL
    assert "no luck" in report["kernel"]["error"]
    assert {one["outcome"] for one in report["results"]} == {"skipped"}
    stdout, stderr = capsys.readouterr()
    assert stdout == ""
    assert "the kernel did not start" in stderr
    assert "no luck" in stderr
    assert (f"wrote {file}" in stderr) is not bool(words)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "wanted a KERNEL"),
        (["python3", "--select", "NONSENSE"], "'NONSENSE'"),
        (["python3", "--explain", "NONSENSE"], "'NONSENSE'"),
        (["python3", "--select", "SHEL-04.1"], "did you mean SHELL-04.1"),
        (["python3", "--select", "INF"], "did you mean info"),
        (["python3", "--ignore", "heartbeet"], "did you mean heartbeat"),
        (["python3", "--explain", "SHEL-04.1"], "did you mean SHELL-04.1"),
        (["python3", "--language", "klingon"], "'klingon'"),
        (["python3", "--language", "pyhton"], "did you mean python?"),
        (["python3", "--language", "missing.toml"], "missing.toml"),
        (["python3", "--baseline", "missing"], "missing"),
        (["python3", "--format", "html", "--format", "json"], "--output"),
        (["python3", "--output", "report.pdf"], "report.pdf, or a name that ends in .json"),
        (["python3", "another"], "'another'"),
        (["no-such-kernel"], "'no-such-kernel'"),
        (["--existing", __file__], "test_check.py"),
        (["--cmd", "--", "mykernel"], "wanted {connection_file}"),
        (["--cmd", "python", "-m", "mykernel"], "wanted -- between --cmd and the command"),
        (["python3", "-m"], "No such option"),
        (["--cmd", "--output", f"{__file__}/r.html", "--", *CALCULATOR], "cannot be written"),
        (["--cmd", "--badge", f"{__file__}/b.svg", "--", *CALCULATOR], "cannot be written"),
        (["--explain", "NONSENSE-01.0"], "NONSENSE-01"),
        (["python3", "--select", "SHELL-04.1", "--ignore", "SHELL"], "select none"),
        (["python3", "--select", "SHELL", "--ignore", "shell"], "select none"),
        (["python3", "--select", "HDR-18"], "found none of HDR-18: it is judged in the traffic"),
        (["python3", "--ignore", "NONSENSE-01.0"], "'NONSENSE-01.0'"),
    ],
)
def test_wrong_command_line(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command line that makes no sense is exit code 2, and says what was wanted."""
    assert run(["check", *words]) == Exit.USAGE
    assert complaint in capsys.readouterr().err


def test_replay_of_no_recording(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that cannot be used is exit code 2: 1 says that something was found."""
    assert run(["fuzz", "--replay", __file__, "--cmd", "--", *CALCULATOR]) == Exit.USAGE
    assert "test_check.py" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("klingon", "'klingon'"),
        ("pyhton", "did you mean python?"),
        ("missing.toml", "missing.toml"),
    ],
)
def test_fuzz_in_an_unknown_language(
    name: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A language that there is not is exit code 2, before a kernel is started."""
    assert run(["fuzz", "--language", name, "--cmd", "--", *ENDS]) == Exit.USAGE
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"key": None}, "key: wanted this key, found none (CONN-16)"),
        ({"key": None, "kye": "secret"}, "is key meant?"),
        ({"hb_port": None}, "hb_port: wanted this key, found none (CONN-17)"),
        ({"ip": ""}, "ip: wanted an address"),
        ({}, "hb_port: wanted what the kernel has bound, found 0"),
        ({"signature_scheme": "hmac-md5"}, "signature_scheme: "),
    ],
)
@pytest.mark.parametrize("command", ["check", "fuzz"])
def test_a_client_takes_no_file_that_leaves_something_open(
    command: str,
    changes: dict[str, str | None],
    complaint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A connection file that no kernel takes is none for its clients, and no key is shown."""
    whole = json.loads(ConnectionFile(key="secret").to_json()) | changes
    path = tmp_path / "k.json"
    path.write_text(json.dumps({key: it for key, it in whole.items() if it is not None}))

    assert run([command, "--existing", str(path)]) == Exit.USAGE
    said = capsys.readouterr().err
    assert complaint in said
    assert "secret" not in said


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    """The list has the ids, levels and facts of what is selected."""
    assert run(["check", "--list", "--select", "signing"]) == Exit.OK

    lines = capsys.readouterr().out.splitlines()
    assert "SIGN-07.1" in {line.split()[0] for line in lines}
    assert all(line.startswith("SIGN-") for line in lines)


@pytest.mark.parametrize(
    ("command", "number", "code"),
    [
        ("check", signal.SIGINT, 130),
        ("check", signal.SIGTERM, 143),
        ("fuzz", signal.SIGINT, 130),
        ("fuzz", signal.SIGHUP, 129),
    ],
)
def test_end_in_the_middle(command: str, number: signal.Signals, code: int, tmp_path: Path) -> None:
    """Ctrl-C, or a request to end, ends the command at once, and its kernels with it."""
    pipe, report = tmp_path / "pipe", tmp_path / "r.json"
    os.mkfifo(pipe)
    # Once it is connected to, it is known to the command, which ends it whatever comes.
    hangs = """if True:
        import json, os, signal, socket, sys
        there = json.load(open(sys.argv[2]))
        with socket.create_server((there["ip"], there["shell_port"])) as server:
            server.accept()
            open(sys.argv[1], "w").write(str(os.getpid()))
            signal.pause()
    """
    words = [*ASSAY, command]
    words += ["--output", str(report)] if command == "check" else []
    words += ["--cmd", "--", sys.executable, "-c", hangs, str(pipe), "{connection_file}"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        kernel = int(pipe.read_text())
        process.send_signal(number)
        _, complaint = process.communicate(timeout=HANG_LIMIT_S)

    assert process.returncode == code
    assert "Traceback" not in complaint
    assert not report.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(kernel, 0)


def test_closed_pipe() -> None:
    """A reader that leaves ends the command without a traceback."""
    with subprocess.Popen(
        [*ASSAY, "check", "--list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, complaint = process.communicate(timeout=HANG_LIMIT_S)

    assert process.returncode == Exit.BROKEN_PIPE
    assert "Traceback" not in complaint


def test_list_of_a_requirement_that_others_judge(capsys: pytest.CaptureFixture[str]) -> None:
    """A requirement without a check of its own has those that are about it as well (EXEC-15)."""
    assert run(["check", "--list", "--select", "EXEC-15"]) == Exit.OK
    assert run(["check", "--explain", "EXEC-15"]) == Exit.OK

    out = capsys.readouterr().out
    assert "STDIN-03.1      MUST" in out
    assert "STDIN-03.1: code that asks for input sends no input_request" in out


@pytest.mark.parametrize("name", ["SHELL-04.1", "SHELL-04.0", "SHELL-04"])
def test_explain(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A check is explained by the sentence that it judges."""
    assert run(["check", "--explain", name]) == Exit.OK
    assert "MUST publish `busy`" in capsys.readouterr().out


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A recording in which a kernel sends what only clients send (SHELL-03)."""
    session = make_session()
    frames = as_bytes(session.encode(session.message(ExecuteRequest(code="1"))))
    line = Line(
        index=0,
        client="one",
        channel=Channel.SHELL,
        sender=Sender.KERNEL,
        frames=tuple(frames),
        judged=True,
    )
    path = tmp_path / "recording.json"
    Recording(kernel="example", key="", lines=(line,)).write(path)
    return path


def test_trace_with_a_baseline(recording: Path, tmp_path: Path) -> None:
    """What is accepted in a recording is no failure; a badge is made of it as well."""
    baseline, badge, page = (tmp_path / name for name in ("b.toml", "b.svg", "r.json"))
    words = ["check", "--trace", str(recording), "-o", str(page)]

    assert run([*words, "--write-baseline", str(baseline), "--badge", str(badge)]) == Exit.RAISED
    assert run([*words, "--baseline", str(baseline)]) == Exit.OK
    outcomes = {one["check"]: one["outcome"] for one in json.loads(page.read_text())["results"]}
    assert outcomes["SHELL-03.0"] == "note"
    assert badge.stat().st_size


def test_files_alone(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no report goes to stdout, stderr says what counts, how many, and where it stands."""
    page, badge = tmp_path / "r.json", tmp_path / "b.svg"
    words = ["check", "--trace", str(recording), "-o", str(page), "--badge", str(badge)]

    assert run(words) == Exit.RAISED
    stdout, stderr = capsys.readouterr()
    *failures, counts, wrote, last = stderr.splitlines()
    results = json.loads(page.read_text())["results"]
    failed = [one for one in results if one["outcome"] == "failed"]
    assert stdout == ""
    assert [line.partition(":")[0] for line in failures] == [
        f"FAILED {one['check']} ({one['level']})" for one in failed if one["level"] == "MUST"
    ]
    assert any(line.startswith("FAILED SHELL-03.0 (MUST)") for line in failures)
    assert counts.startswith(f"example: 0 passed, {len(failed)} failed")
    assert [wrote, last] == [f"wrote {page}", f"wrote {badge}"]

    assert run([*words, "--fail-on", "never"]) == Exit.OK
    assert "FAILED" not in capsys.readouterr().err
    assert run([*words, "--quiet"]) == Exit.RAISED
    assert capsys.readouterr() == ("", "")


def test_rerun_of_a_recording(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command that a report names judges the recording again, by the same profile."""
    place = recording.rename(tmp_path / "a recording.json")
    words = ["check", "--trace", str(place), "--profile", "de-facto", "--format", "json"]

    assert run(words) == Exit.RAISED
    before = json.loads(capsys.readouterr().out)["results"]
    assert run([*shlex.split(before[0]["rerun"])[1:], "--format", "json"]) == Exit.RAISED
    again = json.loads(capsys.readouterr().out)
    assert [again["profile"], again["results"]] == ["de-facto", before]


def test_rerun_asks_alike(capsys: pytest.CaptureFixture[str]) -> None:
    """The command that a report names has the options without which another thing were found."""
    tiny = str(Path(__file__).parents[1] / "faults" / "tiny.toml")
    options = ["--language", tiny, "--profile", "de-facto", "--start-timeout", "59.5"]
    words = ["--select", "EXEC-01.1,SIGN-07.1", "--format", "json", "--cmd", "--", *CALCULATOR]

    run(["check", *options, *words])

    for one in json.loads(capsys.readouterr().out)["results"]:
        command, check, *words = shlex.split(one["rerun"])
        asked = [command, check, "--select", one["check"], *options, "--cmd", "--", *CALCULATOR]
        assert [command, check, *words] == asked


def test_what_is_usual() -> None:
    """What the help says is used without an option is what `Options` has."""
    usual = {one.name: one.default for one in _check.check_command.params}
    options = Options()

    assert usual["jobs"] == options.jobs
    assert usual["profile"] == options.profile
    assert usual["start_timeout"] == options.start_limit


def test_trace_asks_for_nothing(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A choice of checks makes no sense with a recording; what is ignored is left out of it."""
    words = ["check", "--trace", str(recording), "--profile", "de-facto", "--format", "json"]

    assert run([*words, "--ignore", "SHELL-03"]) == Exit.OK
    report = json.loads(capsys.readouterr().out)
    assert "SHELL-03.0" not in {one["check"] for one in report["results"]}
    assert report["ignored"] == ["SHELL-03.0"]
    assert report["profile"] == "de-facto"
    assert run([*words, "--select", "SHELL-03"]) == Exit.USAGE
    assert "found --select" in capsys.readouterr().err


def test_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two reports are compared; what broke at MUST is exit code 1."""
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    words = ["check", "--cmd", "--select", "SIGN-07.1", "--ignore", "HDR-09"]
    run([*words, "-o", str(before), "--", *CALCULATOR])
    table = json.loads(before.read_text())
    table["results"][0] |= {"outcome": "failed", "expected": "no reply", "got": "one"}
    after.write_text(json.dumps(table))

    assert table["ignored"] == ["HDR-09.0"]
    assert run(["check", "--compare", str(before), str(before)]) == Exit.OK
    assert run(["check", "--compare", str(before), str(after)]) == Exit.RAISED
    assert "broken  SIGN-07.1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], Exit.UNASKED),
        (["--fail-on", "never"], Exit.OK),
    ],
)
def test_time_that_does_not_suffice(words: list[str], code: int) -> None:
    """A run that had no time for all of it is no success, unless nothing counts as a failure."""
    cut = ["--time-limit", "1e-9", "--select", "SIGN-07.1", *words]

    assert run(["check", *cut, "--cmd", "--", *CALCULATOR]) == code


def test_kernel_that_has_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A connection file that a kernel has left is exit code 3; no line says that it starts."""
    path = tmp_path / "k.json"
    with ExitStack() as held:
        ports = {}
        for channel in Channel:
            taken = held.enter_context(socket.socket())
            taken.bind(("127.0.0.1", 0))
            ports[channel] = taken.getsockname()[1]
        ConnectionFile(key="secret").with_ports(ports).write(path)

        code = run(["check", "--existing", str(path), "--start-timeout", "0.1"])

    assert code == Exit.KERNEL
    out = capsys.readouterr().out
    assert f"nothing listens at tcp://127.0.0.1:{ports[Channel.SHELL]}" in out
    assert "did not start" not in out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize(
    ("words", "unbuffered"),
    [
        (["--select", "SIGN-07.1", "--cmd", "--", *CALCULATOR], ""),
        (["--list"], ""),
        (["--list"], "1"),
    ],
)
def test_report_that_finds_no_room(words: list[str], unbuffered: str) -> None:
    """A stdout that takes nothing is an error in a line, whether or not Python buffers it."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*ASSAY, "check", *words],
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == Exit.RAISED
    assert "written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


def test_interrupt_before_the_command_is_ready(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C that comes while modules are imported is exit code 130 too."""

    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(_check, "exit_code_of", interrupted)

    assert run(["check", "nonesuch"]) == Exit.INTERRUPTED
    assert "stopped" in capsys.readouterr().err
