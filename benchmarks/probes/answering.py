"""Round trips of single requests to a kernel that has nothing else to do."""

from __future__ import annotations

from typing import Final

from benchmarks import snippets
from benchmarks.client import Conversation, WrongAnswerError
from benchmarks.probes.probe import Findings, Probe
from benchmarks.running import Running
from benchmarks.scale import Scale
from benchmarks.wire import Request, answers, read

MICROSECONDS: Final = 1e6
MILLISECONDS: Final = 1e3
WARM_UP: Final = 3

COLD: Final = ("os.pa", "path")
WARM: Final = (
    ("os.getc", "getcwd"),
    ("json.du", "dumps"),
    ("sys.pa", "path"),
    ("collections.Ord", "OrderedDict"),
)
INSPECTED: Final = "os.path.join"


def kernel_info(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Measure requests that need no interpreter."""
    make = kernel.client.writer.request
    requests = [make("kernel_info_request") for _ in range(WARM_UP + scale.repeats)]
    _measure(kernel, requests, "kernel_info", findings, MICROSECONDS)


def execute_pass(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Measure the cell that does nothing."""
    make = kernel.client.writer.execute
    requests = [make(snippets.PASS) for _ in range(WARM_UP + scale.repeats)]
    _measure(kernel, requests, "execute_pass", findings, MICROSECONDS)


def execute_result(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Measure a cell with a result; each result must be 2."""
    make = kernel.client.writer.execute
    requests = [make(snippets.RESULT) for _ in range(WARM_UP + scale.repeats)]
    for talk in _measure(kernel, requests, "execute_result", findings, MICROSECONDS):
        _check_result(talk)


def complete(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Measure the first completion of a process, then others."""
    kernel.execute(snippets.PREPARE_NAMES)
    _complete(kernel, COLD, "complete_cold", findings)
    for number in range(max(2, scale.repeats // 4)):
        _complete(kernel, WARM[number % len(WARM)], "complete_warm", findings)


def inspect(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Measure looking up the help of a function."""
    kernel.execute(snippets.PREPARE_NAMES)
    content = {"code": INSPECTED, "cursor_pos": len(INSPECTED), "detail_level": 0}
    make = kernel.client.writer.request
    count = WARM_UP + max(2, scale.repeats // 4)
    requests = [make("inspect_request", dict(content)) for _ in range(count)]
    for talk in _measure(kernel, requests, "inspect", findings, MILLISECONDS):
        if kernel.check(talk).get("found") is not True:
            raise WrongAnswerError(f"{INSPECTED} was not found")


def _measure(
    kernel: Running, requests: list[Request], metric: str, findings: Findings, unit: float
) -> list[Conversation]:
    """Ask all *requests* and, once all have the right reply, add the times of *metric*."""
    talks = [kernel.client.ask(request) for request in requests]
    for talk in talks:
        kernel.check(talk)
    findings.add(metric, *(talk.seconds * unit for talk in talks[WARM_UP:]))
    return talks


def _complete(kernel: Running, case: tuple[str, str], metric: str, findings: Findings) -> None:
    code, wanted = case
    content = {"code": code, "cursor_pos": len(code)}
    talk = kernel.client.ask(kernel.client.writer.request("complete_request", dict(content)))
    matches = kernel.check(talk).get("matches")
    if not isinstance(matches, list) or not any(str(one).endswith(wanted) for one in matches):
        raise WrongAnswerError(f"{code} was not completed to {wanted}")
    findings.add(metric, talk.seconds * MILLISECONDS)


def _check_result(talk: Conversation) -> None:
    for frames in talk.published:
        if answers(frames, talk.request.msg_id) and b"text/plain" in frames[-1]:
            data = read(frames).content.get("data")
            if isinstance(data, dict) and data.get("text/plain") == "2":
                return
    raise WrongAnswerError("1+1 did not give 2 before idle")


PROBES: Final = (
    Probe(
        name="complete",
        metrics=("complete_cold", "complete_warm"),
        run=complete,
        on_floor=False,
    ),
    Probe(name="kernel_info", metrics=("kernel_info",), run=kernel_info),
    Probe(name="execute_pass", metrics=("execute_pass",), run=execute_pass),
    Probe(name="execute_result", metrics=("execute_result",), run=execute_result),
    Probe(name="inspect", metrics=("inspect",), run=inspect, on_floor=False),
)
