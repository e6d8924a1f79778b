"""The launchers that ipyparallel finds by their entry points."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import ipyparallel as ipp
import pytest

from assay.launchers import AssayEngineSetLauncher, AssaySSHEngineSetLauncher

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
