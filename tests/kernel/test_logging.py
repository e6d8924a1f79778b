"""What the kernel logs: on a handler of its own, and nothing of what messages say above debug."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.kernel._main import log_to
from assay.protocol import Channel, CommClose, CommMsg, CommOpen, Json, Stream, StreamName
from assay.transport import Client, KernelProcess
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    answering,
    execute,
    frames,
    heard_meanwhile,
    is_well,
    result,
    signed,
    start,
    succeeded,
)
from tests.kernel.dispatch.test_malformed import WRONG_CONTENTS, dicts

MARK = "zQ7-of-the-user"
"""Data of the user's, wherever a message has room for it."""

TAKES_LOGGING_OVER = {
    "basicConfig": "logging.basicConfig(level=logging.DEBUG)",
    "dictConfig": "import logging.config; logging.config.dictConfig({'version': 1})",
    "disable": "logging.disable(logging.CRITICAL)",
    "root": "logging.disable(0); logging.root.setLevel(logging.CRITICAL)",
    "reload": "import importlib; importlib.reload(logging); logging.basicConfig(level=1)",
}
"""What programs do to all loggers of a process."""


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the kernel of this module logs."""
    return tmp_path_factory.mktemp("log") / "kernel.log"


@pytest.fixture(scope="module")
def shared_kernel(
    tmp_path_factory: pytest.TempPathFactory, log_file: Path
) -> Iterator[KernelProcess]:
    """A kernel that logs as its environment says."""
    environment = {"ASSAY_LOG_LEVEL": "INFO", "ASSAY_LOG_FILE": str(log_file)}
    with start(tmp_path_factory.mktemp("kernel"), env=environment) as kernel:
        yield kernel


def send_unknown(client: Client, msg_type: str, content: Json) -> None:
    """Send what the kernel does not know, and return when it has logged so."""
    client.send_frames(Channel.SHELL, frames(client, msg_type, content))
    execute(client, "")  # cells keep their place behind it; other questions may overtake it


def test_content_is_logged_at_debug_alone(client: Client, log_file: Path) -> None:
    """A session whose every message has a word of the user's leaves none of it in the log."""
    on_input, _ = answering(MARK)
    for code in (
        f"print({MARK!r}); from IPython.display import display; display({MARK!r}, metadata={{}})",
        f"raise ValueError({MARK!r})",
        f"class C:\n    def __repr__(self): raise ValueError({MARK!r})\nC()",
        f"{MARK} = (",
        f"def f(comm, m): raise ValueError({MARK!r})\nfrom comm import get_comm_manager\n"
        f"get_comm_manager().register_target({MARK!r}, f)",
    ):
        execute(client, code, user_expressions={MARK: f"{MARK!r} + 1"}, stop_on_error=False)
    answer = client.execute(f"input({MARK!r})", on_input=on_input, timeout=HANG_LIMIT_S)
    succeeded(answer)
    client.answer_input(MARK)  # nothing waits for it
    client.complete(f"C().{MARK}")
    client.inspect(MARK)
    client.history(pattern=f"*{MARK}*")
    client.raw_request("debug_request", {"command": MARK}, channel=Channel.CONTROL)
    for content in (
        CommOpen(comm_id=MARK, target_name=MARK, data={MARK: MARK}),
        CommOpen(comm_id="other", target_name=f"no {MARK}"),
        CommMsg(comm_id=MARK, data={MARK: MARK}),
        CommClose(comm_id=MARK, data={MARK: MARK}),
    ):
        client.notify(content, metadata={MARK: MARK}, timeout=HANG_LIMIT_S)
    for msg_type, wrong, field in WRONG_CONTENTS:
        values: Json = {field.partition(".")[0]: {MARK: [MARK]}, MARK: MARK}
        for content_of_mark in (values, {**wrong, MARK: MARK} if isinstance(wrong, dict) else MARK):
            channel = Channel.STDIN if msg_type == "input_reply" else Channel.SHELL
            client.send_frames(channel, frames(client, msg_type, content_of_mark))
    for channel in (Channel.SHELL, Channel.CONTROL, Channel.STDIN):
        client.send_frames(channel, signed(client, dicts(content=f'"{MARK}"'.encode())))
        client.send_frames(channel, signed(client, dicts(metadata=f'{{"{MARK}":'.encode())))
        client.send_frames(channel, frames(client, "no_such_request", {MARK: MARK}))
    is_well(client)  # control as well
    send_unknown(client, "last_request", {MARK: MARK})
    heard_meanwhile(client)

    said = log_file.read_text()

    assert "unknown message type 'last_request'" in said
    assert "dropped a message" in said
    assert MARK not in said


def test_kernel_logs_whatever_a_cell_does_to_logging(client: Client, log_file: Path) -> None:
    """Its lines go on, into its own file and never into a cell; the program's work as it says."""
    untouched = execute(client, "import logging; logging.root.handlers, logging.root.level")
    shown = {}
    for kind, code in TAKES_LOGGING_OVER.items():
        succeeded(execute(client, f"import logging; {code}"))
        send_unknown(client, f"request_after_{kind}", {})
        shown[kind] = execute(client, f"logging.error({kind!r})").text(StreamName.STDERR)
    said = log_file.read_text()

    assert result(untouched) == "([], 30)"
    assert [kind for kind in TAKES_LOGGING_OVER if f"'request_after_{kind}'" not in said] == []
    assert [kind for kind, text in shown.items() if kind in text] == [
        "basicConfig",
        "dictConfig",
        "reload",
    ]
    assert not any("request" in text or "[assay]" in text for text in shown.values())
    assert not any(
        "request" in received.content.text
        for received in heard_meanwhile(client)
        if isinstance(received.content, Stream)
    )


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """The project's logger, which is afterwards what it was."""
    logger = logging.getLogger("assay")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "propagate", logger.propagate)
    monkeypatch.setattr(logger, "level", logger.level)
    return logger


def test_file_is_made_for_its_owner_alone(project: logging.Logger, tmp_path: Path) -> None:
    """At DEBUG it has what people write. One that is there keeps its mode."""
    new, there = tmp_path / "new.log", tmp_path / "there.log"
    there.touch()
    there.chmod(0o644)
    umask = os.umask(0o022)
    try:
        log_to(None, path=str(new))
        (former,) = project.handlers
        log_to(None, path=str(there))
    finally:
        os.umask(umask)
    project.error("a line")
    for handler in project.handlers:
        handler.close()

    assert (new.stat().st_mode & 0o777, there.stat().st_mode & 0o777) == (0o600, 0o644)
    assert there.read_text().endswith("[assay] ERROR a line\n")
    assert isinstance(former, logging.FileHandler)
    assert former.stream is None  # closed
