"""Connection files (spec/chapters/connection.md)."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import evolve

from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, passed
from assay.conformance._testee import Testee
from assay.protocol import Channel, ConnectionFile, KernelSpec, Transport
from assay.transport import KernelEndedError, KernelProcess, LaunchError, free_ports, launch

__all__: list[str] = []

ANOTHER_LOOPBACK = "127.0.0.2"


def _fresh() -> ConnectionFile:
    return free_ports(ConnectionFile(key=secrets.token_hex(16)))


def _fields(connection: ConnectionFile) -> dict[str, object]:
    fields: dict[str, object] = json.loads(connection.to_json())
    return fields


def _command(kernel: Testee, path: Path) -> KernelSpec:
    """Return how a kernel like *kernel* is started with the file *path*."""
    target = kernel.target
    if target.spec is None:
        spec = KernelSpec(argv=target.argv, display_name=target.label, language="")
        resources = ""
    else:
        spec, resources = target.spec.spec, str(target.spec.folder)
    words = (
        word.replace("{connection_file}", str(path)).replace("{resource_dir}", resources)
        for word in spec.argv
    )
    return evolve(spec, argv=tuple(words))


@contextmanager
def _started_with(kernel: Testee, text: bytes) -> Iterator[KernelProcess]:
    """Start a kernel whose connection file holds *text*."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "kernel-assay.json"
        path.write_bytes(text)
        path.chmod(0o600)
        with launch(_command(kernel, path)) as process:
            try:
                yield process
            finally:
                process.close(kill=True)


@contextmanager
def _client_of(kernel: Testee, process: KernelProcess, file: ConnectionFile) -> Iterator[Testee]:
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


def _works_with(kernel: Testee, fields: Mapping[str, object], file: ConnectionFile) -> Outcome:
    text = json.dumps(dict(fields)).encode()
    with _started_with(kernel, text) as process, _client_of(kernel, process, file) as other:
        if not other.peer.quiet():
            return failed("a kernel that answers on shell", "no answer")
    return passed()


@check(
    "CONN-02.1",
    "a kernel serves shell, control, IOPub and heartbeat where its connection file says",
    process=True,
)
def all_channels_work(kernel: Testee) -> Outcome:
    peer = kernel.peer
    for channel in (Channel.SHELL, Channel.CONTROL):
        if not peer.ask("kernel_info_request", channel=channel).replies:
            return failed(f"an answer on {channel}", "none")
    if not peer.on(Channel.IOPUB):
        return failed("messages on IOPub", "none")
    if not peer.beat():
        return failed("the heartbeat's echo", "nothing")
    return passed()


@check(
    "CONN-03.1",
    "a kernel binds at the address of its connection file",
    process=True,
    fresh=True,
    mistake="The kernel binds at 127.0.0.1, or at every address, whatever the file says.",
)
def another_address(kernel: Testee) -> Outcome:
    with socket.socket() as probe:
        try:
            probe.bind((ANOTHER_LOOPBACK, 0))
        except OSError as error:
            raise Skip(f"this machine has no address {ANOTHER_LOOPBACK}") from error
    wanted = ConnectionFile(key=secrets.token_hex(16), ip=ANOTHER_LOOPBACK)
    with kernel.another(wanted) as other:
        if not other.peer.quiet():
            return failed(f"an answer at {ANOTHER_LOOPBACK}", "none")
        with socket.socket() as probe, suppress(ConnectionRefusedError):
            probe.connect(("127.0.0.1", other.connection.shell_port))
            return failed(f"a shell socket at {ANOTHER_LOOPBACK}", "one at 127.0.0.1 too")
    return passed()


@check(
    "CONN-08.1",
    "a kernel starts although its connection file has further keys",
    process=True,
    fresh=True,
    mistake="The file is read into a closed record, so that each new key of a launcher breaks it.",
)
def unknown_keys(kernel: Testee) -> Outcome:
    file = _fresh()
    added = {"kernel_name": "assay", "jupyter_session": "", "assay_invented": {"a": [1, None]}}
    return _works_with(kernel, {**_fields(file), **added}, file)


@check(
    "CONN-02.2",
    "the order of the keys and white space in a connection file do not matter",
    process=True,
    fresh=True,
)
def order_of_keys(kernel: Testee) -> Outcome:
    file = _fresh()
    fields = dict(sorted(_fields(file).items(), reverse=True))
    text = b"\n\n " + json.dumps(fields, indent=4).encode() + b"\n\n"
    with _started_with(kernel, text) as process, _client_of(kernel, process, file) as other:
        if not other.peer.quiet():
            return failed("a kernel that answers on shell", "no answer")
    return passed()


@check(
    "CONN-13.1",
    "ports that are written as text are read or refused",
    process=True,
    fresh=True,
    mistake="The kernel goes on without sockets, or binds others.",
)
def ports_as_text(kernel: Testee) -> Outcome:
    file = _fresh()
    fields = {
        key: str(value) if key.endswith("_port") else value for key, value in _fields(file).items()
    }
    text = json.dumps(fields).encode()
    with _started_with(kernel, text) as process, _client_of(kernel, process, file) as other:
        try:
            if other.peer.quiet():
                return passed()
        except KernelEndedError:
            return _refused(process)
        return failed("an answer, or an end with an error", "neither")


def _refused(process: KernelProcess) -> Outcome:
    """Judge how a kernel ended that was to refuse something."""
    code = process.exit_code
    if code == 0:
        return failed("an end with an error", "exit code 0")
    return passed()


@check(
    "CONN-11.1",
    "a kernel ends with an error if one of its ports is taken",
    process=True,
    fresh=True,
    mistake="The kernel goes on without the socket, and its client waits for ever.",
)
def port_is_taken(kernel: Testee) -> Outcome:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        file = evolve(_fresh(), iopub_port=taken.getsockname()[1])
        with _started_with(kernel, file.to_json()) as process:
            with suppress(LaunchError):
                process.wait(kernel.patience)
            if process.exit_code is None:
                return failed("an end with an error", "it still runs")
            return _refused(process)


@check(
    "CONN-12.1",
    "a connection file that a kernel did not write is there after its end",
    process=True,
    fresh=True,
    mistake="The kernel removes the file at its end, and its restart by the same launcher fails.",
)
def file_is_kept(kernel: Testee) -> Outcome:
    file = _fresh()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "kernel-assay.json"
        file.write(path)
        with launch(_command(kernel, path)) as process:
            with _client_of(kernel, process, file) as other:
                other.await_life()
                asked = other.peer.send(
                    "shutdown_request", {"restart": False}, channel=Channel.CONTROL
                )
                other.peer.wait_for(lambda: asked.replies)
                with suppress(LaunchError):
                    process.wait(kernel.patience)
                if process.exit_code is None:
                    raise Skip("the process does not end")
            if not path.exists():
                return failed("the file", "none any more")
    return passed()


@check(
    "CONN-14.1",
    "shell, control and heartbeat answer directly after the start",
    process=True,
    fresh=True,
)
def served_from_the_start(kernel: Testee) -> Outcome:
    file = _fresh()
    text = file.to_json()
    with _started_with(kernel, text) as process, _client_of(kernel, process, file) as other:
        peer = other.peer
        shell = peer.send("kernel_info_request")
        control = peer.send("kernel_info_request", channel=Channel.CONTROL)
        if not peer.wait_for(lambda: shell.replies and control.replies):
            missing = "shell" if not shell.replies else "control"
            return failed("answers on shell and control", f"none on {missing}")
        if not peer.beat():
            return failed("the heartbeat's echo", "nothing")
    return passed()


@check(
    "CONN-16.1",
    "unsigned requests are not answered if the connection file has no key",
    process=True,
    fresh=True,
    slow=True,
    mistake="A missing key is read as an empty one, and an empty one switches signatures off.",
)
def no_key(kernel: Testee) -> Outcome:
    return _answers_nobody(kernel, {})


@check(
    "CONN-16.2",
    "unsigned requests are not answered if the key has a misspelt name",
    process=True,
    fresh=True,
    slow=True,
)
def misspelt_key(kernel: Testee) -> Outcome:
    return _answers_nobody(kernel, {"kye": secrets.token_hex(16)})


def _answers_nobody(kernel: Testee, added: Mapping[str, object]) -> Outcome:
    file = _fresh()
    fields = {key: value for key, value in _fields(file).items() if key != "key"}
    text = json.dumps({**fields, **added}).encode()
    unsigned = evolve(file, key="")
    with _started_with(kernel, text) as process, _client_of(kernel, process, unsigned) as other:
        try:
            heard = other.peer.send("kernel_info_request")
            if other.peer.wait_for(lambda: heard.replies):
                return failed("no answer to a request without signature", "one", heard)
        except KernelEndedError:
            return passed()
    return passed()


@check(
    "CONN-17.1",
    "a kernel ends with an error if its connection file is empty, no JSON or a list",
    process=True,
    fresh=True,
    slow=True,
    mistake="The kernel chooses ports itself and waits for clients that cannot find it.",
)
def unreadable_file(kernel: Testee) -> Outcome:
    for text in (b"", b"shell_port = 1", b"[]"):
        with _started_with(kernel, text) as process:
            with suppress(LaunchError):
                process.wait(kernel.patience)
            if process.exit_code is None:
                return failed(f"an end with an error, given {text!r}", "it still runs")
            if process.exit_code == 0:
                return failed(f"an end with an error, given {text!r}", "exit code 0")
    return passed()


@check(
    "CONN-10.1",
    "a kernel serves its channels on the transport ipc at the path and number of its file",
    process=True,
    fresh=True,
)
def ipc(kernel: Testee) -> Outcome:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "socket"
        wanted = ConnectionFile(
            key=secrets.token_hex(16), transport=Transport.IPC, ip=str(path)
        ).with_ports({channel: number for number, channel in enumerate(Channel, 1)})
        try:
            with kernel.another(wanted) as other:
                if not other.peer.quiet(Channel.CONTROL) or not other.peer.beat():
                    return failed("answers on control and heartbeat", "none")
                missing = [n for n in range(1, 6) if not Path(f"{path}-{n}").exists()]
                if missing:
                    return failed("five socket files", f"none that ends in -{missing[0]}")
        except LaunchError as error:
            raise Skip(f"the kernel does not start with the transport ipc: {error}") from error
    return passed()
