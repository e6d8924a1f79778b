"""``assay engine``: find the controller, register, serve its tasks."""

from __future__ import annotations

import faulthandler
import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TextIO
from uuid import uuid4

from assay.kernel._errors import StartError
from assay.kernel._info import kernel_info
from assay.kernel._main import (
    SWITCH_INTERVAL_S,
    check_descriptors,
    log_to,
    open_missing_descriptors,
)
from assay.kernel.engine._arrays import spare_numpy
from assay.kernel.engine._cluster import Registered, find_cluster, register
from assay.kernel.engine._kernel import EngineKernel
from assay.kernel.engine._options import EngineOptions, parse_engine
from assay.kernel.engine._watcher import Watcher
from assay.kernel.output._descriptors import real_stderr
from assay.kernel.process._exit import join_threads
from assay.protocol import AssayError, Buffer
from assay.transport import prepare_logging, set_up_logging

if TYPE_CHECKING:
    from assay.kernel.engine._tasks import TaskInterpreter

__all__ = ["main"]

NO_IPYPARALLEL = (
    "wanted ipyparallel, found none: it reads the tasks of a cluster; "
    "pip install 'assay-kernel[parallel]'"
)

RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID")
"""Where launchers of MPI say which process this is."""

MPI_LINES = [
    "from mpi4py import MPI",
    "mpi_rank = MPI.COMM_WORLD.Get_rank()",
    "mpi_size = MPI.COMM_WORLD.Get_size()",
]


def main(arguments: list[str]) -> int:
    """Run an engine; return the exit code.

    Args:
        arguments: What stands behind ``assay engine``.

    Returns:
        0 after a shutdown, 1 if the engine cannot start, or its controller is gone or has dropped
        it, 2 for options that make no sense.
    """
    open_missing_descriptors()
    prepare_logging(lambda: log_to(sys.__stderr__))
    try:
        options = parse_engine(arguments)
    except AssayError as error:
        return _refuse(error, 2)
    prepare_logging(lambda: log_to(sys.__stderr__, options.log_level, options.log_file))
    try:
        return _run(options)
    except (AssayError, OSError) as error:
        return _refuse(error, 1)


def _run(options: EngineOptions) -> int:
    if find_spec("ipyparallel") is None:
        raise StartError(NO_IPYPARALLEL)
    check_descriptors()
    cluster = find_cluster(options)
    uuid = str(uuid4())
    watcher = Watcher.start(cluster, uuid, options.timeout_s) if options.watcher else None
    if options.is_mpi:
        _use_mpi(options)
    registered = register(cluster, uuid, options)
    stderr = real_stderr()
    prepare_logging(lambda: log_to(stderr, options.log_level, options.log_file))
    kernel = EngineKernel(
        cluster,
        registered,
        uuid,
        options=options,
        watcher=watcher,
        info=kernel_info(),
        prepare=lambda: _prepare(options),
        started=lambda: _announce(registered, stderr),
        stderr=stderr,
    )
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    faulthandler.enable(stderr)
    code = kernel.run()
    join_threads(code)
    # As for a kernel: Python ends by SIGINT where a string that `exec` ran was interrupted last.
    exec("")  # noqa: S102 - Python forgets it
    return code


def _prepare(options: EngineOptions) -> TaskInterpreter:
    """Import IPython and what reads tasks, while the hub waits for the heart's second beat."""
    from assay.kernel.ipython._engine import EngineInterpreter  # noqa: PLC0415 - slow

    set_up_logging()
    from ipyparallel import serialize as tasks  # noqa: PLC0415 - slow

    spare_numpy(tasks.can_map)
    # What the first task would import, while clients wait for it.
    tasks.unpack_apply_message(tasks.pack_apply_message(len, ((),), {}), {}, copy=False)

    def serialize(data: dict[str, Any]) -> list[Buffer]:
        buffers: list[Buffer] = tasks.serialize_object(data)
        return buffers

    # Thousands of engines must not lock one history in a home folder that they share.
    arguments = ["--HistoryManager.hist_file=:memory:", *options.rest]
    return EngineInterpreter(arguments, serialize)


def _use_mpi(options: EngineOptions) -> None:
    """Ask for the rank as number, and show it to tasks."""
    if options.number is None:
        options.number = _rank()
    options.rest.append(f"--IPKernelApp.exec_lines={MPI_LINES!r}")


def _rank() -> int | None:
    for name in RANKS:
        if (text := os.environ.get(name, "")).isdecimal():
            return int(text)
    try:
        from mpi4py import MPI  # noqa: PLC0415 - few engines run under MPI
    except ImportError as error:
        raise StartError("--mpi: wanted mpi4py, or a launcher of MPI; found neither") from error
    rank: int = MPI.COMM_WORLD.Get_rank()
    return rank


def _announce(registered: Registered, stderr: TextIO) -> None:
    print(f"assay engine: Completed registration with id {registered.number}", file=stderr)
    stderr.flush()


def _refuse(error: Exception, code: int) -> int:
    print(f"assay engine: {error}", file=sys.stderr)
    return code
