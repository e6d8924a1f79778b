"""``ipyparallel.Cluster(engines="assay")``: what starts, drives and stops engines on one machine.

Its messages are packed with pickle, to see all of it with another packer than JSON.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import ipyparallel as ipp
import numpy as np
import pytest
from ipyparallel import error as remote

from tests.kernel.engine._cluster import MISSES, PERIOD_MS, controller_ports
from tests.limits import HANG_LIMIT_S

pytestmark = pytest.mark.filterwarnings(
    "ignore"
)  # of tornado, traitlets and asyncio in ipyparallel

OPTIONS = [
    "--usethreads",
    f"--HeartMonitor.period={PERIOD_MS}",
    f"--HeartMonitor.max_heartmonitor_misses={MISSES}",
    "--Session.packer=pickle",
    "--Session.unpacker=pickle",
]

SPAWNED = """
import json, sys
import ipyparallel as ipp
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

shell = InteractiveShell.instance(colors="NoColor")
view = ipp.Client(sys.argv[1], timeout=120)[:]
view.block = True
view.activate()
found = []
for cell in json.loads(sys.argv[2]):
    with capture_output() as shown:
        result = shell.run_cell(cell)
    error = result.error_in_exec
    texts = [shown.stdout, *(output.data["text/plain"] for output in shown.outputs)]
    found.append(["".join(texts), error and type(error).__name__])
print(json.dumps([found, view.apply_sync(lambda: globals().get("y"))]))
"""
"""A session of IPython, which runs cells that use the magics."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ipp.Cluster]:
    """A controller and two engines, which ipyparallel has started and stops."""
    folder = tmp_path_factory.mktemp("started")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as held:
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        patch.setenv("PYTEST_CURRENT_TEST", "")
        cluster = ipp.Cluster(
            n=2,
            engines="assay",
            profile_dir=str(folder / "profile"),
            controller_args=[*OPTIONS, f"--ports={controller_ports(held)}"],
            engine_timeout=HANG_LIMIT_S,
        )
        cluster.start_cluster_sync()
        try:
            yield cluster
        finally:
            cluster.stop_cluster_sync()


@pytest.fixture(scope="module")
def client(cluster: ipp.Cluster) -> Iterator[ipp.Client]:
    """Its client, which knows two engines."""
    client = cluster.connect_client_sync(timeout=HANG_LIMIT_S)
    client.wait_for_engines(2, timeout=HANG_LIMIT_S, interactive=False)
    yield client
    client.close()


def got(result: Any) -> Any:
    """Return the value of an AsyncResult, or raise its error."""
    return result.get(timeout=HANG_LIMIT_S)


def run_on(path: str) -> None:
    """Make a file in *path* for the engine, and run until something ends it; on an engine."""
    import os  # noqa: PLC0415 - there
    from pathlib import Path  # noqa: PLC0415 - there
    from time import sleep  # noqa: PLC0415 - there

    Path(path, str(os.getpid())).touch()
    sleep(600)


def running_on(client: ipp.Client, folder: Path, result: Any, count: int = 1) -> set[int]:
    """Return the processes in which `run_on` runs, once there are so many, or *result* is there."""
    while not result.ready() and len(list(folder.iterdir())) < count:
        client.wait(timeout=0.01)
    return {int(path.name) for path in folder.iterdir()}


def test_engines_of_a_started_cluster_are_ours(cluster: ipp.Cluster, client: ipp.Client) -> None:
    """They work, and have numpy when they need it."""

    def describe() -> tuple[bool, bool]:
        import sys  # noqa: PLC0415 - on the engine

        return "assay.kernel.engine" in sys.modules, "numpy" in sys.modules

    view = client[:]
    assert cluster.engine_launcher_class.__module__ == "assay.launchers"
    assert got(view.apply_async(ipp.interactive(describe))) == [(True, False)] * 2
    whole = np.arange(4_000_000, dtype="f4")
    text = os.urandom(4_000_000)
    got(view.push({"whole": whole, "text": text}))
    found, same = got(view.pull(["whole", "text"]))[1]
    assert (found == whole).all()
    assert same == text
    assert got(view.apply_async(ipp.interactive(describe))) == [(True, True)] * 2


def test_magics_run_cells_on_the_engines(cluster: ipp.Cluster, client: ipp.Client) -> None:
    """%px shows output, results and errors of each engine; %autopx sends whole cells."""
    assert len(client.ids) == 2
    # A print of one text: of several, another engine's may be shown between them.
    cells = [
        "%px print(f'six times {6 * 7}')",
        f"%%px --targets {client.ids[0]}\nx = 5\nx + 1",
        "%px import asyncio; print('slept ' + await asyncio.sleep(0, 'well'))",
        "%px 1/0",
        "%autopx",
        "y = 3",
        "%autopx",
    ]
    done = subprocess.run(
        [sys.executable, "-c", SPAWNED, client_file(cluster), json.dumps(cells)],
        capture_output=True,
        text=True,
        timeout=HANG_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found, pulled = json.loads(done.stdout.splitlines()[-1])
    shown = [text for text, _ in found]

    assert shown[0].count("six times 42") == 2
    assert re.search(r"Out\[\d+:\d+\]: 6", shown[1])
    assert shown[2].count("slept well") == 2
    assert [error for _, error in found] == [None, None, None, "AlreadyDisplayedError"] + [None] * 3
    assert pulled == [3, 3]


def client_file(cluster: ipp.Cluster) -> str:
    """Return the file for clients."""
    return str(
        Path(cluster.profile_dir, "security", f"ipcontroller-{cluster.cluster_id}-client.json")
    )


def test_a_signal_of_the_cluster_interrupts_what_runs(
    cluster: ipp.Cluster, client: ipp.Client, tmp_path: Path
) -> None:
    """SIGINT by the launcher ends the tasks alone."""
    result = client[:].apply_async(ipp.interactive(run_on), str(tmp_path))
    pids = running_on(client, tmp_path, result, 2)
    cluster.signal_engines_sync(signal.SIGINT)

    with pytest.raises(remote.CompositeError) as caught:
        got(result)
    assert {kind for kind, *_ in caught.value.elist} == {"KeyboardInterrupt"}
    assert set(got(client[:].apply_async(os.getpid))) == pids


def test_the_task_of_a_killed_engine_runs_on_another(
    cluster: ipp.Cluster, client: ipp.Client, tmp_path: Path
) -> None:
    """A task that may be tried again is; a restart replaces all engines, the killed one as well."""

    def run_once(path: str) -> list[str]:
        import os  # noqa: PLC0415 - on the engine
        from pathlib import Path  # noqa: PLC0415 - on the engine
        from time import sleep  # noqa: PLC0415 - on the engine

        names = [path.name for path in Path(path).iterdir()]
        Path(path, str(os.getpid())).touch()
        if not names:
            sleep(600)
        return names

    before = client.ids
    view = client.load_balanced_view()
    with view.temp_flags(retries=1):
        result = view.apply_async(ipp.interactive(run_once), str(tmp_path))
    (first,) = running_on(client, tmp_path, result)
    os.kill(first, signal.SIGKILL)
    assert got(result) == [str(first)]

    cluster.restart_engines_sync()
    while len(client.ids) < 2 or set(client.ids) & set(before):
        client.wait(timeout=0.01)
    assert len(set(got(client[:].apply_async(os.getpid)))) == 2
