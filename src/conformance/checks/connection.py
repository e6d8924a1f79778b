"""Connection files (spec/chapters/connection.md)."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import evolve

from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, passed
from assay.conformance._testee import Testee
from assay.conformance.checks._control import control_answers_its_own
from assay.conformance.checks._started import (
    client_of,
    fields_of,
    fresh_file,
    refused,
    refuses,
    started_with,
)
from assay.protocol import Channel, ConnectionFile, Transport
from assay.transport import KernelEndedError, LaunchError, TransportError, curve_keys, launch

__all__: list[str] = []

ANOTHER_LOOPBACK = "127.0.0.2"

GRACES = 4
"""How many graces a kernel whose heart beats has for an answer that it may not give."""


def _works_with(kernel: Testee, fields: Mapping[str, object], file: ConnectionFile) -> Outcome:
    text = json.dumps(dict(fields)).encode()
    with started_with(kernel, text) as process, client_of(kernel, process, file) as other:
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
    if not peer.ask("kernel_info_request").replies:
        return failed("an answer on shell", "none")
    control = peer.ask("kernel_info_request", channel=Channel.CONTROL)
    if not control.replies and not control_answers_its_own(kernel):
        return failed("an answer on control", "none")
    if not peer.on(Channel.IOPUB):
        return failed("messages on IOPub", "none")
    if not peer.beat():
        return failed("the heartbeat's echo", "nothing")
    return passed()


@check(
    "CONN-03.1",
    "a kernel binds at the address of its connection file",
    process=True,
    mistake="The kernel binds at 127.0.0.1, or at every address, whatever the file says.",
)
def another_address(kernel: Testee) -> Outcome:
    with socket.socket() as probe:
        try:
            probe.bind((ANOTHER_LOOPBACK, 0))
        except OSError as error:
            raise Skip(f"this machine has no address {ANOTHER_LOOPBACK}") from error
    # Numbers that are free at 127.0.0.1 too, and held there: what answers there is this kernel.
    wanted = evolve(fresh_file(kernel), ip=ANOTHER_LOOPBACK)
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
    mistake="The file is read into a closed record, so that each new key of a launcher breaks it.",
)
def unknown_keys(kernel: Testee) -> Outcome:
    file = fresh_file(kernel)
    added = {"kernel_name": "assay", "jupyter_session": "", "assay_invented": {"a": [1, None]}}
    return _works_with(kernel, {**fields_of(file), **added}, file)


@check(
    "CONN-02.2",
    "the order of the keys and white space in a connection file do not matter",
    process=True,
)
def order_of_keys(kernel: Testee) -> Outcome:
    file = fresh_file(kernel)
    fields = dict(sorted(fields_of(file).items(), reverse=True))
    text = b"\n\n " + json.dumps(fields, indent="\t").encode() + b"\n\n"
    with started_with(kernel, text) as process, client_of(kernel, process, file) as other:
        if not other.peer.quiet():
            return failed("a kernel that answers on shell", "no answer")
    return passed()


@check(
    "CONN-13.1",
    "ports that are written as text are read or refused",
    process=True,
    mistake="The kernel goes on without sockets, or binds others.",
)
def ports_as_text(kernel: Testee) -> Outcome:
    file = fresh_file(kernel)
    fields = {
        key: str(value) if key.endswith("_port") else value
        for key, value in fields_of(file).items()
    }
    text = json.dumps(fields).encode()
    with started_with(kernel, text) as process, client_of(kernel, process, file) as other:
        try:
            if other.peer.quiet():
                return passed()
        except KernelEndedError:
            return refused(process)
        return failed("an answer, or an end with an error", "neither")


@check(
    "CONN-24.1",
    "a kernel binds free ports in place of 0, and writes them into its connection file",
    process=True,
    mistake="The kernel binds free ports and keeps them to itself, so that no client finds it.",
)
def ports_are_chosen(kernel: Testee) -> Outcome:
    open_ports = ConnectionFile(key=secrets.token_hex(16))
    command = kernel.target.spec or kernel.target.argv
    try:
        process = launch(
            command, connection=open_ports, kernel_chooses_ports=True, timeout=kernel.patience
        )
    except LaunchError as error:
        return failed("five ports in the connection file", str(error).splitlines()[0])
    with process, client_of(kernel, process, process.connection) as other:
        try:
            return _all_answer(other, "at the ports of the file")
        finally:
            process.close(kill=True)


@check(
    "CONN-11.1",
    "a kernel ends with an error if one of its ports is taken",
    process=True,
    mistake="The kernel goes on without the socket, and its client waits for ever.",
)
def port_is_taken(kernel: Testee) -> Outcome:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        file = evolve(fresh_file(kernel), iopub_port=taken.getsockname()[1])
        with started_with(kernel, file.to_json()) as process:
            with suppress(LaunchError):
                process.wait(kernel.patience)
            if process.exit_code is None:
                return failed("an end with an error", "it still runs")
            return refused(process)


@check(
    "CONN-12.1",
    "a connection file that a kernel did not write is there after its end",
    process=True,
    mistake="The kernel removes the file at its end, and its restart by the same launcher fails.",
)
def file_is_kept(kernel: Testee) -> Outcome:
    file = fresh_file(kernel)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "kernel-assay.json"
        with started_with(kernel, file.to_json(), path) as process:
            with client_of(kernel, process, file) as other:
                other.await_life()
                asked = other.peer.send(
                    "shutdown_request", {"restart": False}, channel=Channel.CONTROL
                )
                with suppress(KernelEndedError):  # that a reply comes first is for CTRL-04
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
)
def served_from_the_start(kernel: Testee) -> Outcome:
    file = fresh_file(kernel)
    text = file.to_json()
    with started_with(kernel, text) as process, client_of(kernel, process, file) as other:
        peer = other.peer
        asked = [peer.send("kernel_info_request", channel=one) for one in kernel.answering()]
        if not peer.wait_for(lambda: all(one.replies for one in asked)):
            missing = next(one.channel for one in asked if not one.replies)
            return failed("answers on shell and control", f"none on {missing}")
        if not peer.beat():
            return failed("the heartbeat's echo", "nothing")
    return passed()


@check(
    "CONN-16.1",
    "unsigned requests are not answered if the connection file has no key",
    process=True,
    slow=True,
    mistake="A missing key is read as an empty one, and an empty one switches signatures off.",
)
def no_key(kernel: Testee) -> Outcome:
    return _answers_nobody(kernel, {})


@check(
    "CONN-16.2",
    "unsigned requests are not answered if the key has a misspelt name",
    process=True,
    slow=True,
)
def misspelt_key(kernel: Testee) -> Outcome:
    return _answers_nobody(kernel, {"kye": secrets.token_hex(16)})


def _answers_nobody(kernel: Testee, added: Mapping[str, object]) -> Outcome:
    file = fresh_file(kernel)
    fields = {key: value for key, value in fields_of(file).items() if key != "key"}
    text = json.dumps({**fields, **added}).encode()
    unsigned = evolve(file, key="")
    with started_with(kernel, text) as process, client_of(kernel, process, unsigned) as other:
        try:
            # A kernel that beats has its sockets: what it answers at all, it answers soon.
            response = other.peer.send("kernel_info_request")
            beats = other.peer.beat()
            grace = kernel.limits.grace * GRACES if beats else None
            if other.peer.wait_for(lambda: response.replies, grace):
                return failed("no answer to a request without signature", "one", response)
        except KernelEndedError:
            return passed()
    return passed()


@check(
    "CONN-17.1",
    "a kernel ends with an error if its connection file is empty, no JSON or a list",
    process=True,
    slow=True,
    mistake="The kernel chooses ports itself and waits for clients that cannot find it.",
)
def unreadable_file(kernel: Testee) -> Outcome:
    for text in (b"", b"shell_port = 1", b"[]"):
        outcome = refuses(kernel, text, repr(text))
        if outcome != passed():
            return outcome
    return passed()


@check(
    "CONN-09.1",
    "a connection file without signature_scheme is refused, or means hmac-sha256",
    process=True,
    mistake="Another hash is the default.",
)
def default_scheme(kernel: Testee) -> Outcome:
    file = fresh_file(kernel)
    fields = {key: value for key, value in fields_of(file).items() if key != "signature_scheme"}
    text = json.dumps(fields).encode()
    with started_with(kernel, text) as process, client_of(kernel, process, file) as other:
        response = other.peer.send("kernel_info_request")
        try:
            if not other.peer.wait_for(lambda: response.replies):
                return failed("an end with an error, or SHA-256", "neither", response)
        except KernelEndedError:
            return refused(process)
        if response.replied().signature != other.peer.signer.sign(*response.replied().dicts):
            return failed("a reply signed with SHA-256", "another signature", response)
    return passed()


@check(
    "CONN-10.1",
    "a kernel serves its channels on the transport ipc at the path and number of its file",
    process=True,
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


@check(
    "CONN-20.1",
    "no other user reaches the socket files of the transport ipc",
    process=True,
)
def ipc_modes(kernel: Testee) -> Outcome:
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # the folder of the launcher protects nothing here
        wanted = ConnectionFile(
            key=secrets.token_hex(16), transport=Transport.IPC, ip=str(folder / "socket")
        ).with_ports({channel: number for number, channel in enumerate(Channel, 1)})
        try:
            with kernel.another(wanted) as other:
                other.peer.quiet()
                modes = {file.name: file.stat().st_mode & 0o077 for file in folder.iterdir()}
        except LaunchError as error:
            raise Skip(f"the kernel does not start with the transport ipc: {error}") from error
    files = {file: mode for file, mode in modes.items() if file.startswith("socket")}
    if not files:
        raise Skip("there are no socket files where they are expected (CONN-10)")
    # To connect to a socket is to write to it.
    wide = [file for file, mode in files.items() if mode & 0o022]
    if wide:
        return failed(
            "modes without rights to write for others", f"{files[wide[0]]:o} of {wide[0]}"
        )
    return passed()


def _supports_curve(kernel: Testee) -> None:
    spec = kernel.target.kernelspec
    listed = () if spec is None else spec.metadata.get("supported_encryption", ())
    if listed != "curve" and not (isinstance(listed, (list, tuple)) and "curve" in listed):
        raise Skip("the kernelspec does not list curve under supported_encryption")


@check(
    "CONN-06.1",
    "with the two CURVE keys all five channels serve who has them, and no one else",
    process=True,
    mistake="One of the five sockets is left out.",
)
def curve(kernel: Testee) -> Outcome:
    _supports_curve(kernel)
    keys = curve_keys()
    wanted = evolve(
        fresh_file(kernel), curve_publickey=keys.public_key, curve_secretkey=keys.secret_key
    )
    text = wanted.to_json()
    plain = evolve(wanted, curve_publickey=None, curve_secretkey=None)
    with (
        started_with(kernel, text) as process,
        client_of(kernel, process, wanted) as other,
        # Asked while the other one is there: with it the kernel ends.
        client_of(kernel, process, plain) as stranger,
    ):
        outcome = _all_answer(other, "encrypted")
        return outcome if outcome != passed() else _none_answers(stranger)


def _all_answer(other: Testee, how: str) -> Outcome:
    peer = other.peer
    for channel in (Channel.SHELL, Channel.CONTROL):
        response = peer.send("kernel_info_request", channel=channel)
        if not peer.wait_for(lambda: response.replies):  # noqa: B023 - called at once
            return failed(f"an answer on {channel}, {how}", "none", response)
    if not other.reaches(peer):
        return failed(f"messages on IOPub, {how}", "none")
    if not peer.beat():
        return failed(f"the heartbeat's echo, {how}", "nothing")
    return passed()


def _unless_refused(act: Callable[[], object]) -> object:
    """Return what *act* returns; None where the kernel has refused the connection by then.

    Once it has, nothing can be sent: that comes sooner or later, and is what a stranger deserves.
    """
    try:
        return act()
    except KernelEndedError:
        raise
    except TransportError:
        return None


def _none_answers(stranger: Testee) -> Outcome:
    peer = stranger.peer
    for channel in (Channel.SHELL, Channel.CONTROL):
        _unless_refused(partial(peer.send, "kernel_info_request", channel=channel))
    echo = _unless_refused(partial(peer.beat, timeout=stranger.limits.grace))
    peer.wait_for(lambda: peer.arrivals, stranger.limits.grace)
    if peer.arrivals:
        return failed("nothing for a client without keys", f"{peer.arrivals[0].channel} answers")
    return failed("nothing for a client without keys", "a heartbeat") if echo else passed()


@check("CONN-07.1", "with one of the two CURVE keys a kernel ends with an error", process=True)
def half_a_pair(kernel: Testee) -> Outcome:
    _supports_curve(kernel)
    keys = curve_keys()
    for name, value in (
        ("curve_publickey", keys.public_key),
        ("curve_secretkey", keys.secret_key),
    ):
        text = json.dumps({**fields_of(fresh_file(kernel)), name: value}).encode()
        outcome = refuses(kernel, text, f"{name} alone")
        if outcome != passed():
            return outcome
    return passed()
