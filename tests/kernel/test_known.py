"""What programs look for in a kernel's process: modules, classes, the application, the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.protocol import CommClose, CommMsg, CommOpen
from assay.transport import Client, KernelProcess
from tests.kernel._kernels import HANG_LIMIT_S, execute, only, result, start, succeeded

PACKAGE = {
    "__init__": "from .connect import *",
    "connect": (
        "__all__ = ['get_connection_file']\n"
        "def get_connection_file():\n"
        "    from ipykernel.kernelapp import IPKernelApp\n"
        "    assert IPKernelApp.initialized()\n"
        "    app = IPKernelApp.instance()\n"
        "    return app.connection_file, app.connection_dir"
    ),
    "zmqshell": ("class ZMQInteractiveShell: pass\nclass First: pass\nclass Second(First): pass"),
    "kernelapp": (
        "from traitlets.config import SingletonConfigurable\n"
        "class IPKernelApp(SingletonConfigurable): pass\n"
        "launch_new_instance = IPKernelApp.instance"
    ),
    "comm/__init__": "from .comm import Comm\nfrom .manager import CommManager",
    "comm/comm": "class Comm: pass\nclass BaseComm: pass\nother = 'comm'",
    "comm/manager": "class CommManager: pass",
    "ipkernel": (
        "import comm\n"
        "from .comm.comm import BaseComm\n"
        "from .comm.manager import CommManager\n"
        "comm.create_comm = comm.get_comm_manager = None"
    ),
}
"""What matters here of the package whose names we take: what it defines, does and imports."""


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[tuple[KernelProcess, Client]]:
    """A kernel in whose process that package can be imported, and a client."""
    for name, text in PACKAGE.items():
        path = tmp_path / "modules" / "ipykernel" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with (
        start(tmp_path, env={"PYTHONPATH": str(tmp_path / "modules")}) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        yield kernel, client


@pytest.fixture
def alone(mine: Client) -> Client:
    """A client of a kernel in whose process that package cannot be imported."""
    succeeded(execute(mine, "import sys; sys.modules['ipykernel'] = None"))
    return mine


COMM = (
    "c = Comm(target_name='t', data={'a': 1}, metadata={}, buffers=[b'x'], comm_id='k',"
    " primary=True, kernel=get_ipython().kernel)\n"
    "c.send({'b': 2}); c.close()\n"
    "assert c.kernel is get_ipython().kernel"
)

IMPORTS_OF_COMM = {
    "package": "from ipykernel.comm import Comm",
    "module": "from ipykernel.comm.comm import Comm",
    "base": "from ipykernel.comm.comm import BaseComm as Comm",
}


def is_heard(client: Client, imported: str) -> None:
    """Return if what `COMM` does is published."""
    answer = execute(client, f"{imported}\n{COMM}")

    succeeded(answer)
    assert only(answer, CommOpen).target_name == "t"
    assert only(answer, CommMsg) == CommMsg(comm_id="k", data={"b": 2})
    assert only(answer, CommClose).comm_id == "k"


@pytest.mark.parametrize("kind", sorted(IMPORTS_OF_COMM))
def test_known_comm_is_carried(beside: tuple[KernelProcess, Client], kind: str) -> None:
    """A comm of the class that programs import is this kernel's (COMM-01, COMM-10)."""
    _, client = beside

    is_heard(client, IMPORTS_OF_COMM[kind])


@pytest.mark.parametrize("kind", sorted(IMPORTS_OF_COMM))
def test_known_comm_needs_no_package(alone: Client, kind: str) -> None:
    """It can be imported where its package is not installed (COMM-01, COMM-10)."""
    is_heard(alone, IMPORTS_OF_COMM[kind])


def test_known_comm_is_found_through_the_package(beside: tuple[KernelProcess, Client]) -> None:
    """The package has the modules as its attributes, whichever way it is imported."""
    _, client = beside
    succeeded(execute(client, "import ipykernel.comm.comm, ipykernel.kernelapp"))

    is_heard(client, "Comm = ipykernel.comm.Comm\nassert ipykernel.comm.comm.Comm is Comm")
    assert (
        result(execute(client, "isinstance(get_ipython(), ipykernel.zmqshell.ZMQInteractiveShell)"))
        == "True"
    )


def test_known_comm_is_what_a_client_opens(alone: Client) -> None:
    """What a target is given is an instance of the class, the manager of the manager's."""
    answer = execute(
        alone,
        "from ipykernel.comm import Comm, CommManager\n"
        "from comm import create_comm\n"
        "isinstance(create_comm(), Comm), isinstance(get_ipython().kernel.comm_manager,"
        " CommManager)",
    )

    assert result(answer) == "(True, True)"


def test_import_of_another_kernel_leaves_comms_alone(
    beside: tuple[KernelProcess, Client],
) -> None:
    """The package's own kernel takes comms for itself when it is imported; they stay ours."""
    _, client = beside
    succeeded(execute(client, "import ipykernel.ipkernel"))

    is_heard(client, "from comm import create_comm as Comm, get_comm_manager; get_comm_manager()")


def test_package_that_is_missing_is_told(alone: Client) -> None:
    """The package itself is not pretended to be installed."""
    answer = execute(
        alone,
        "for name in 'ipykernel', 'ipykernel.comm':\n"
        "    try:\n        __import__(name)\n"
        "    except ModuleNotFoundError as error:\n        print('missing')\n"
        "from ipykernel import comm",
        stop_on_error=False,
    )

    assert answer.text() == "missing\nmissing\n"


def test_known_shell_stays_ours(beside: tuple[KernelProcess, Client]) -> None:
    """Other names come from the package as often as one likes; the shell's class is ours still."""
    _, client = beside
    answer = execute(
        client,
        "import ipykernel.zmqshell as z\n"
        "print(z.First.__module__, z.Second.__mro__[1] is z.First)\n"
        "from ipykernel.zmqshell import First, ZMQInteractiveShell\n"
        "import ipykernel\n"
        "print(First is z.First, ipykernel.zmqshell.Second is z.Second)\n"
        "classes = ZMQInteractiveShell, z.ZMQInteractiveShell,"
        " ipykernel.zmqshell.ZMQInteractiveShell\n"
        "print(*(isinstance(get_ipython(), found) for found in classes), hasattr(z, 'no_such'))",
    )

    assert answer.text() == "ipykernel.zmqshell True\nTrue True\nTrue True True False\n"


def test_application_is_found_where_programs_look_for_it(alone: Client) -> None:
    """The running application can be had from its class, and the kernel from it (EXEC-01)."""
    answer = execute(
        alone,
        "from ipykernel.kernelapp import IPKernelApp\n"
        "from IPython import Application\n"
        "app = IPKernelApp.instance()\n"
        "app is Application.instance(), app.kernel is get_ipython().kernel,"
        " app.shell is get_ipython()",
    )

    assert result(answer) == "(True, True, True)"


def test_connection_file_is_found(beside: tuple[KernelProcess, Client]) -> None:
    """The package's functions find this kernel's connection file (CONN-01)."""
    kernel, client = beside
    path = kernel.connection_file

    answer = execute(client, "import ipykernel; ipykernel.get_connection_file()")

    assert result(answer) == repr((str(path), str(path.parent)))


def test_rest_of_the_application_comes_from_its_package(
    beside: tuple[KernelProcess, Client],
) -> None:
    """What else is asked of the application's module is the package's."""
    _, client = beside
    answer = execute(
        client,
        "from ipykernel.kernelapp import launch_new_instance\n"
        "from ipykernel.kernelapp import IPKernelApp\n"
        "launch_new_instance.__name__, IPKernelApp.initialized()",
    )

    assert result(answer) == "('instance', True)"
