"""A whole run, against the harness's own floors and against kernels that fail."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.chart import svg
from benchmarks.kernels import FLOORS
from benchmarks.metrics import METRICS
from benchmarks.probes import ALL, Findings
from benchmarks.results import Results

DIES = f"""
[kernels.dies]
argv = [{sys.executable!r}, "-c", "raise SystemExit('not today')", "{{connection_file}}"]
"""


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """The JSON of a smoke run over both floors, by metric."""
    path = tmp_path_factory.mktemp("run") / "figures.json"
    code = command.main(["run", "--smoke", "--kernels", ",".join(FLOORS), "--json", str(path)])
    assert code == 0
    return {metric["id"]: metric["kernels"] for metric in json.loads(path.read_text())["metrics"]}


@pytest.mark.skipif(sys.platform != "linux", reason="CPU time is read from Linux")
@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_answers_everything_it_can(
    document: dict[str, dict[str, dict[str, object]]], floor: str
) -> None:
    """Every metric that a floor can have is there, with values, and nothing failed."""
    wanted = {metric for probe in ALL if probe.on_floor for metric in probe.metrics}

    assert set(document) == wanted
    assert {name: cell[floor]["failure"] for name, cell in document.items()} == dict.fromkeys(
        wanted
    )
    assert all(cell[floor]["summary"] for cell in document.values())


def test_nothing_of_a_floor_is_lost(
    document: dict[str, dict[str, dict[str, dict[str, object]]]],
) -> None:
    """Where all must arrive, all does."""
    for metric in METRICS:
        if metric.wants is not None:
            assert document[metric.id]["echo"]["summary"]["minimum"] == metric.wants


def test_a_kernel_that_dies_is_a_reason_and_no_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run goes on, and says why with the kernel's last words."""
    config = tmp_path / "kernels.toml"
    config.write_text(DIES)
    asked = ["--kernels", "dies,echo", "--metrics", "kernel_info", "--config", str(config)]

    code = command.main(["run", "--smoke", *asked])

    told = capsys.readouterr().out
    assert code == 0
    assert "not today" in told
    assert "failed !" in told


@pytest.mark.parametrize("asked", [["--kernels", "nobody"], ["--metrics", "nothing"]])
def test_an_unknown_name_is_refused(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The message lists the names that there are."""
    code = command.main(["run", *asked])

    assert code == 2
    assert "there is" in capsys.readouterr().err


def test_the_chart_draws_what_was_measured() -> None:
    """It is well-formed and has a dot for each kernel with a ratio, and none for the others."""
    results = Results(scale_name="test", kernels=("one", "two", "ipykernel", "echo"))
    for kernel, seconds in (("one", 1.0), ("ipykernel", 4.0), ("echo", 0.5)):
        results.add(0, kernel, Findings(values={"start_info": [seconds]}))

    drawn = ET.fromstring(svg(results))

    titles = [title.text or "" for title in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert "one: 4.00 times" in titles
    assert not any(title.startswith(("two: 4", "echo: ")) for title in titles)
