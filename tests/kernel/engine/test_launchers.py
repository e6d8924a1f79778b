"""The launchers that ipyparallel finds by their entry points."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import ipyparallel as ipp
import pytest

from assay.launchers import (
    AssayEngineSetLauncher,
    AssayHTCondorEngineSetLauncher,
    AssayLSFEngineSetLauncher,
    AssayPBSEngineSetLauncher,
    AssaySGEEngineSetLauncher,
    AssaySlurmEngineSetLauncher,
    AssaySSHEngineSetLauncher,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # of traitlets and asyncio in ipyparallel

GROUP = "ipyparallel.engine_launchers"


def test_a_cluster_finds_the_launcher_by_its_name() -> None:
    """``engines="assay"`` starts this Python's engines, each of them with the same command."""
    cluster = ipp.Cluster(engines="assay")

    assert cluster.engine_launcher_class is AssayEngineSetLauncher
    assert AssayEngineSetLauncher().engine_cmd == [sys.executable, "-m", "assay", "engine"]


def test_each_launcher_of_ipyparallel_for_engines_has_its_own() -> None:
    """They start our engines, there with the Python of that machine."""
    named = {entry.name: entry for entry in entry_points(group=GROUP)}
    theirs = {name for name in named if not name.startswith("assay")}

    # `batch` is the base of the others, and Windows HPC starts no engine of a kernel.
    assert {f"assay-{name}" for name in theirs - {"local", "batch", "winhpc"}} | {"assay"} == {
        name for name in named if name.startswith("assay")
    }
    for name in named:
        if name.startswith("assay") and name != "assay-sshproxy":
            assert named[name].load()().engine_cmd[1:] == ["-m", "assay", "engine"]
    proxy = named["assay-sshproxy"].load()()
    assert proxy.ipcluster_args == ["--engines=assay"]
    there = AssaySSHEngineSetLauncher(remote_python="/far/python")
    assert there.engine_cmd == ["/far/python", "-m", "assay", "engine"]


STAND_IN = """#!/bin/sh
cat ${1:--} > script
printf %s "$IPP_CONNECTION_INFO" > environment
echo 'job 7.'
"""
"""The command of a batch system: keeps what it is given, and says which job it is."""


@pytest.mark.parametrize(
    "launcher",
    [
        AssaySlurmEngineSetLauncher,
        AssayPBSEngineSetLauncher,
        AssaySGEEngineSetLauncher,
        AssayLSFEngineSetLauncher,
        AssayHTCondorEngineSetLauncher,
    ],
)
def test_a_job_of_a_batch_system_runs_our_engines(
    launcher: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script names our command, and the environment where the cluster is."""
    command = tmp_path / "submit"
    command.write_text(STAND_IN)
    command.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IPP_CONNECTION_INFO", raising=False)
    batch = launcher(
        work_dir=str(tmp_path),
        submit_command=[str(command)],
        environment={"IPP_CONNECTION_INFO": "of the cluster"},
    )

    job = batch.start(2)

    assert job == "7"
    assert f"{sys.executable} -m assay engine" in (tmp_path / "script").read_text()
    assert (tmp_path / "environment").read_text() == "of the cluster"
