"""Kernels for the clients: found by name, started by the client's own launcher.

Every folder that Jupyter, IPython or Matplotlib may write to is temporary. The kernelspec is
written by a fixture, so that an installed one is neither needed nor touched. The environment
variable ASSAY_TEST_ARGV, a JSON list in which ``{connection_file}`` stands for the path, puts
another kernel in its place.
"""

import json
import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import frozen
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.jsonutil import extract_dates
from jupyter_client.manager import KernelManager

from tests.clients._conversation import HANG_LIMIT_S, environment
from tests.held_ports import HeldPorts

KERNEL_NAMES = {"assay": "signal", "assay-message": "message"}
"""The names of the kernelspecs and how each asks to be interrupted."""


def kernel_argv() -> list[str]:
    """Return the command that starts the kernel under test."""
    given = os.environ.get("ASSAY_TEST_ARGV")
    if given is not None:
        return [str(word) for word in json.loads(given)]
    return [sys.executable, "-P", "-m", "assay", "kernel", "-f", "{connection_file}"]


def write_kernelspec(folder: Path, interrupt_mode: str) -> None:
    """Write a kernelspec whose clients interrupt by *interrupt_mode*."""
    folder.mkdir(parents=True)
    spec = {
        "argv": kernel_argv(),
        "display_name": "Assay",
        "language": "python",
        "interrupt_mode": interrupt_mode,
        "metadata": {"supported_encryption": ["curve"]},
    }
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")


@pytest.fixture(scope="package", autouse=True)
def dates_are_read() -> Iterator[None]:
    """jupyter_client reads dates, which ipyparallel ends where another test imports it.

    Without them nbclient takes dates of its own, in a way that warns from Python 3.12 on.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jupyter_client.session.extract_dates", extract_dates)
        yield


@pytest.fixture(scope="package", autouse=True)
def ports_are_held() -> Iterator[None]:
    """No other test is given a port of a kernel that has not bound it yet."""
    HeldPorts.instance()
    yield
    HeldPorts.clear_instance()


@pytest.fixture(scope="package", autouse=True)
def jupyter_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of Jupyter data with our kernelspecs, seen by this process and its children."""
    root = tmp_path_factory.mktemp("clients")
    data = root / "jupyter_data"
    for name, interrupt_mode in KERNEL_NAMES.items():
        write_kernelspec(data / "kernels" / name, interrupt_mode)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(data))
        patch.setenv("PATH", sysconfig.get_path("scripts"), prepend=os.pathsep)
        for variable in (
            "JUPYTER_CONFIG_DIR",
            "JUPYTER_DATA_DIR",
            "JUPYTER_RUNTIME_DIR",
            "IPYTHONDIR",
            "MPLCONFIGDIR",
        ):
            folder = root / variable.lower()
            folder.mkdir()
            patch.setenv(variable, str(folder))
        yield data


@frozen(kw_only=True)
class Running:
    """A started kernel, the manager that started it, and a client that is ready."""

    manager: KernelManager
    client: BlockingKernelClient


@pytest.fixture
def kernel_name() -> str:
    """The name of the kernel under test; a test may ask for another by parametrizing it."""
    return "assay"


@pytest.fixture
def encryption() -> str:
    """What the manager does about CURVE; a test may ask for something else by parametrizing it."""
    return "disabled"


@contextmanager
def started(kernel_name: str, folder: Path, encryption: str = "disabled") -> Iterator[Running]:
    """A kernel that is started in an empty folder, and ends with the block."""
    manager = KernelManager(
        kernel_name=kernel_name,
        transport_encryption=encryption,
    )
    manager.start_kernel(cwd=str(folder), env=environment())
    try:
        with connected(manager) as client:
            yield Running(manager=manager, client=client)
    finally:
        manager.shutdown_kernel(now=True)


@contextmanager
def connected(manager: KernelManager) -> Iterator[BlockingKernelClient]:
    """A client that is ready, until the end of the block."""
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=HANG_LIMIT_S)
        yield client
    finally:
        client.stop_channels()


@pytest.fixture
def running(kernel_name: str, encryption: str, tmp_path: Path) -> Iterator[Running]:
    """A kernel of its own for one test."""
    with started(kernel_name, tmp_path, encryption) as running:
        yield running


@pytest.fixture
def client(running: Running) -> BlockingKernelClient:
    """A ready client of a kernel of its own."""
    return running.client
