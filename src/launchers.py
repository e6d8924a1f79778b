"""Launchers of ipyparallel that start Assay's engines: what its entry points name.

``ipyparallel.Cluster(n=4, engines="assay")`` and ``ipcluster start --engines=assay`` start them on
this machine; ``assay-ssh``, ``assay-mpi`` and the batch systems where ipyparallel's launcher of
that name does. Each is that launcher with another command; its options and configuration hold.
Only programs that have ipyparallel import this module.
"""

from __future__ import annotations

import os
import sys

from ipyparallel.cluster.launcher import (
    HTCondorEngineSetLauncher,
    LocalEngineSetLauncher,
    LSFEngineSetLauncher,
    MPIEngineSetLauncher,
    PBSEngineSetLauncher,
    SGEEngineSetLauncher,
    SlurmEngineSetLauncher,
    SSHEngineLauncher,
    SSHEngineSetLauncher,
    SSHProxyEngineSetLauncher,
)

__all__ = [
    "AssayEngineSetLauncher",
    "AssayHTCondorEngineSetLauncher",
    "AssayLSFEngineSetLauncher",
    "AssayMPIEngineSetLauncher",
    "AssayPBSEngineSetLauncher",
    "AssaySGEEngineSetLauncher",
    "AssaySSHEngineLauncher",
    "AssaySSHEngineSetLauncher",
    "AssaySSHProxyEngineSetLauncher",
    "AssaySlurmEngineSetLauncher",
]

ENGINE = ("-m", "assay", "engine")

HTCONDOR = """
universe        = vanilla
executable      = /usr/bin/env
transfer_executable = False
getenv          = True
arguments       = "{program_and_args}"
"""
"""The environment says where the cluster is; and Python, started by ``env``, knows its own path."""


class _Here:
    """Starts engines with the Python that runs this."""

    def _engine_cmd_default(self) -> list[str]:
        return [sys.executable, *ENGINE]


class _There:
    """Starts engines with the Python of another machine."""

    remote_python: str

    def _engine_cmd_default(self) -> list[str]:
        return [self.remote_python, *ENGINE]


class AssayEngineSetLauncher(_Here, LocalEngineSetLauncher):  # type: ignore[misc]  # untyped
    """Start engines on this machine."""


class AssayMPIEngineSetLauncher(_Here, MPIEngineSetLauncher):  # type: ignore[misc]  # untyped
    """Start engines with mpiexec."""


class AssaySSHEngineLauncher(_There, SSHEngineLauncher):  # type: ignore[misc]  # untyped
    """Start one engine by ssh."""


class AssaySSHEngineSetLauncher(_There, SSHEngineSetLauncher):  # type: ignore[misc]  # untyped
    """Start engines by ssh."""

    launcher_class = AssaySSHEngineLauncher


class AssaySSHProxyEngineSetLauncher(SSHProxyEngineSetLauncher):  # type: ignore[misc]  # untyped
    """Let ipcluster start engines on another machine, by ssh."""

    def _ipcluster_args_default(self) -> list[str]:
        return ["--engines=assay"]


class AssaySlurmEngineSetLauncher(_Here, SlurmEngineSetLauncher):  # type: ignore[misc]  # untyped
    """Start engines with Slurm."""


class AssayPBSEngineSetLauncher(_Here, PBSEngineSetLauncher):  # type: ignore[misc]  # untyped
    """Start engines with PBS."""


class AssaySGEEngineSetLauncher(_Here, SGEEngineSetLauncher):  # type: ignore[misc]  # untyped
    """Start engines with Sun Grid Engine."""


class AssayLSFEngineSetLauncher(_Here, LSFEngineSetLauncher):  # type: ignore[misc]  # untyped
    """Start engines with LSF.

    ipyparallel's hands on the environment of this process alone, which does not say where the
    cluster is.
    """

    def start(self, n: int = 1) -> object:
        """Submit a job of *n* engines; return its id."""
        before = {name: os.environ.get(name) for name in self.get_env()}
        os.environ.update(self.get_env())
        try:
            return super().start(n)
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


class AssayHTCondorEngineSetLauncher(_Here, HTCondorEngineSetLauncher):  # type: ignore[misc]  # untyped
    """Start engines with HTCondor; ipyparallel's script names its own engine."""

    default_template = HTCONDOR
