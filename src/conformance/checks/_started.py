"""Kernels that a check starts with a file of its own."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import evolve

from assay.conformance._outcome import Outcome, Skip, failed, passed
from assay.conformance._testee import Testee
from assay.protocol import ConnectionFile, KernelSpec
from assay.transport import KernelProcess, LaunchError, free_ports, launch

__all__ = [
    "client_of",
    "fields_of",
    "fresh_file",
    "keyless",
    "refused",
    "refuses",
    "started_with",
]


def fresh_file(kernel: Testee) -> ConnectionFile:
    """Return a file for another kernel, whose ports are its alone until *kernel* is closed."""
    return free_ports(ConnectionFile(key=secrets.token_hex(16)), held=kernel.held)


def fields_of(connection: ConnectionFile) -> dict[str, object]:
    fields: dict[str, object] = json.loads(connection.to_json())
    return fields


def _command(kernel: Testee, path: Path) -> KernelSpec:
    """Return how a kernel like *kernel* is started with the file *path*."""
    target = kernel.target
    spec = target.kernelspec or KernelSpec(argv=target.argv, display_name=target.label, language="")
    resources = "" if target.spec is None else str(target.spec.folder)
    words = (
        word.replace("{connection_file}", str(path)).replace("{resource_dir}", resources)
        for word in spec.argv
    )
    return evolve(spec, argv=tuple(words))


@contextmanager
def keyless(kernel: Testee) -> Iterator[Testee]:
    """Start a kernel like *kernel* with an empty key.

    Raises:
        Skip: it does not start; that is for SIGN-06.
    """
    with ExitStack() as stack:
        try:
            other = stack.enter_context(kernel.another(ConnectionFile(key="")))
        except LaunchError as error:
            raise Skip("with an empty key the kernel does not answer (SIGN-06)") from error
        yield other


@contextmanager
def started_with(
    kernel: Testee, text: bytes, path: Path | None = None, *, env: Mapping[str, str] | None = None
) -> Iterator[KernelProcess]:
    """Start a kernel whose connection file, at *path* or anywhere, holds *text*."""
    with TemporaryDirectory() as folder:
        path = path or Path(folder) / "kernel-assay.json"
        path.write_bytes(text)
        path.chmod(0o600)
        with launch(_command(kernel, path), env=env) as process:
            try:
                yield process
            finally:
                process.close(kill=True)


@contextmanager
def client_of(kernel: Testee, process: KernelProcess, file: ConnectionFile) -> Iterator[Testee]:
    """Return the kernel that *process* is, reached as *file* says."""
    other = Testee(
        kernel.target,
        process=process,
        connection=file,
        limits=kernel.limits,
        language=kernel.language,
    )
    try:
        yield other
    finally:
        other.close()


def refused(process: KernelProcess) -> Outcome:
    """Judge how a kernel ended that was to refuse something."""
    code = process.exit_code
    if code == 0:
        return failed("an end with an error", "exit code 0")
    return passed()


def refuses(kernel: Testee, text: bytes, what: str) -> Outcome:
    """Say whether a kernel ends with an error when its file holds *text*, which is *what*."""
    with started_with(kernel, text) as process:
        with suppress(LaunchError):
            process.wait(kernel.patience)
        if process.exit_code is None:
            return failed(f"an end with an error, given {what}", "it still runs")
        return refused(process)
