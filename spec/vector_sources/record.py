"""Record messages of other implementations; run by hand, once, and never by the maker.

``python -m spec.vector_sources.record FILE`` needs jupyter_client, ipykernel and pyzmq and writes
a list of messages to *FILE*. Those worth keeping are copied by hand into ``recordings.json`` under
a name, after a look for paths and names of the machine; `recorded.py` makes vectors of them.
Recording again gives other ids and dates, so what is in ``recordings.json`` stays and grows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

__all__ = ["kernel_messages", "session_messages"]

KEY = "5ca1ab1e-0dd5-4bad-a55e-5add1e5ca1ab"
CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
SETTLE_MS = 3_000
"""How long a socket has to be silent before a step counts as over."""

Recording = dict[str, object]


def session_messages() -> Iterator[Recording]:
    """Yield what jupyter_client's `Session` makes of some messages."""
    from jupyter_client.session import Session  # noqa: PLC0415 - only a recording needs it

    source = f"jupyter_client {version('jupyter_client')} Session.serialize"
    cases: tuple[tuple[str, str, dict[str, object], list[bytes]], ...] = (
        ("execute_request", "hmac-sha256", {"code": "1 + 1", "silent": False}, []),
        ("execute_request", "hmac-sha512", {"code": "1 + 1", "silent": False}, []),
        ("execute_request", "hmac-sha1", {"code": "1 + 1", "silent": False}, []),
        ("execute_request", "hmac-sha3_256", {"code": "1 + 1", "silent": False}, []),
        ("execute_request", "hmac-blake2b", {"code": "1 + 1", "silent": False}, []),
        ("stream", "hmac-sha256", {"name": "stdout", "text": "¡olé! 𝄞 \u2028 \x00 \t"}, []),
        ("status", "hmac-sha256", {"execution_state": "busy"}, []),
        ("comm_msg", "hmac-sha256", {"comm_id": "c-1", "data": {}}, [b"\x00\xff", b""]),
        ("kernel_info_request", "hmac-sha256", {}, []),
        ("complete_request", "hmac-sha256", {"code": "𝄞.x", "cursor_pos": 3}, []),
    )
    for msg_type, scheme, content, buffers in cases:
        session = Session(
            key=KEY.encode(), signature_scheme=scheme, session="recorder", username="ada"
        )
        frames = session.serialize(session.msg(msg_type, content), ident=[b"recorder"])
        yield recording(source, [*frames, *buffers], scheme=scheme, channel="")


def kernel_messages() -> Iterator[Recording]:
    """Yield what an ipykernel sends while it is asked a few things."""
    import zmq  # noqa: PLC0415 - only a recording needs it
    from jupyter_client.session import Session  # noqa: PLC0415 - only a recording needs it

    context = zmq.Context()
    session = Session(key=KEY.encode(), session="recorder", username="ada")
    sockets: dict[str, zmq.Socket[bytes]] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = {"transport": "ipc", "ip": f"{folder}/k", "key": KEY, "kernel_name": "python3"}
        file["signature_scheme"] = "hmac-sha256"
        ports: dict[str, object] = {f"{name}_port": at for at, name in enumerate(CHANNELS, 1)}
        connection = Path(folder) / "kernel.json"
        connection.write_text(json.dumps({**file, **ports}))
        kernel = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "ipykernel_launcher", "-f", str(connection)],
            cwd=folder,
            env={**os.environ, "LOGNAME": "ada", "USER": "ada", "IPYTHONDIR": folder},
        )
        try:
            kinds = {"iopub": zmq.SUB, "hb": zmq.REQ}
            for name, port in ports.items():
                channel = name.removesuffix("_port")
                socket = sockets[channel] = context.socket(kinds.get(channel, zmq.DEALER))
                socket.identity = b"recorder"
                if channel == "iopub":
                    socket.subscribe(b"")
                socket.connect(f"ipc://{file['ip']}-{port}")
            yield from conversation(sockets, session)
        finally:
            kernel.terminate()
            kernel.wait()
            context.destroy(linger=0)


def conversation(sockets: Mapping[str, Any], session: Any) -> Iterator[Recording]:
    """Ask one thing after the other and yield every message that comes back.

    Sockets and session are Any here: both are imported by the caller, and only for a recording.
    """
    source = f"ipykernel {version('ipykernel')}"
    asked: tuple[tuple[str, str, dict[str, object]], ...] = (
        ("shell", "kernel_info_request", {}),
        ("shell", "execute_request", {"code": "print('å'); 6 * 7", "silent": False}),
        ("shell", "execute_request", {"code": "1 / 0", "silent": False}),
        ("shell", "execute_request", {"code": "'abc", "silent": False}),
        ("shell", "execute_request", {"code": "raise SystemExit(3)", "silent": False}),
        (
            "shell",
            "execute_request",
            {"code": "", "silent": True, "user_expressions": {"a": "1", "b": "nothing"}},
        ),
        ("shell", "complete_request", {"code": "impor", "cursor_pos": 5}),
        ("shell", "is_complete_request", {"code": "for i in x:"}),
        ("shell", "inspect_request", {"code": "nothing_here", "cursor_pos": 3}),
        ("shell", "history_request", {"hist_access_type": "tail", "n": 1, "output": True}),
        ("shell", "comm_info_request", {}),
        ("control", "create_subshell_request", {}),
        ("control", "list_subshell_request", {}),
        ("control", "delete_subshell_request", {"subshell_id": "none such"}),
        ("control", "debug_request", {"seq": 1, "type": "request", "command": "debugInfo"}),
        ("control", "interrupt_request", {}),
        ("shell", "execute_request", {"code": "input('? ')", "allow_stdin": True}),
        ("control", "shutdown_request", {"restart": False}),
    )
    for channel, msg_type, content in asked:
        session.send(sockets[channel], msg_type, content)
        for name, frames in replies(sockets):
            yield recording(source, frames, scheme="hmac-sha256", channel=name)
            if json.loads(frames[-4])["msg_type"] == "input_request":
                session.send(sockets["stdin"], "input_reply", {"value": "42"})


def replies(sockets: Mapping[str, Any]) -> Iterator[tuple[str, list[bytes]]]:
    """Yield what arrives until all sockets are silent."""
    import zmq  # noqa: PLC0415 - only a recording needs it

    names = {socket: name for name, socket in sockets.items()}
    poller = zmq.Poller()
    for socket in names:
        poller.register(socket, zmq.POLLIN)
    while ready := poller.poll(SETTLE_MS):
        for socket, _ in ready:
            yield names[socket], socket.recv_multipart()


def recording(source: str, frames: Sequence[bytes], *, scheme: str, channel: str) -> Recording:
    """Return one message as it is stored."""
    return {
        "recorded_from": source,
        "channel": channel,
        "key": KEY,
        "signature_scheme": scheme,
        "frames": [bytes(frame).hex() for frame in frames],
    }


if __name__ == "__main__":
    recorded = [*session_messages(), *kernel_messages()]
    Path(sys.argv[1]).write_text(json.dumps(recorded, indent=1) + "\n", "utf-8")
