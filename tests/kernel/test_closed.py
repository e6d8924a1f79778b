"""Where a kernel is not sure whom it serves, it is closed; where it cannot start, it says why."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from assay.kernel import _main
from assay.kernel.process._descriptor_limit import DESCRIPTORS
from assay.protocol import Channel, ConnectionFile, Transport
from assay.transport import Client, free_ports
from tests.kernel._kernels import HANG_LIMIT_S, argv, be_patient, execute, result, start

REGISTRATION = {
    "kernel_id": "k",
    "registration_ip": "127.0.0.1",
    "registration_port": 5,
    "transport": "tcp",
    "key": "k",
    "signature_scheme": "hmac-sha256",
}

NO_PROCESS = str(2**31 - 1)
"""More than any system's highest number of a process."""


def whole() -> dict[str, object]:
    """Return the fields of a connection file that is right."""
    fields: dict[str, object] = json.loads(ConnectionFile(key="k").to_json())
    return fields


def refused(path: Path, *options: str, env: Mapping[str, str] | None = None) -> str:
    """Return the one line that a kernel says which ends at once because of the file at *path*."""
    words = [str(path) if word == "{connection_file}" else word for word in argv(*options)]
    return ending(words, env=env)


def ending(words: Sequence[str], *, code: int = 1, env: Mapping[str, str] | None = None) -> str:
    """Return the one line that the command *words* ends with, and its exit code."""
    ended = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_LIMIT_S,
        env={**os.environ, **(env or {})},
    )
    assert ended.returncode == code, ended.stderr
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    return line


# --- Files that are none


@pytest.mark.parametrize("key", sorted(whole()))
def test_missing_key(tmp_path: Path, key: str) -> None:
    """A kernel whose file lacks one of the nine keys ends and names it (CONN-16, CONN-17)."""
    path = tmp_path / "k.json"
    path.write_text(json.dumps({k: v for k, v in whole().items() if k != key}))

    line = refused(path)

    assert line.startswith(f"assay: {path}: {key}: wanted this key, found none")


def test_misspelt_key(tmp_path: Path) -> None:
    """A misspelt key is not an empty one: the kernel does not run (CONN-16)."""
    fields = whole()
    fields["kye"] = fields.pop("key")
    path = tmp_path / "k.json"
    path.write_text(json.dumps(fields))

    assert "found 'kye': is key meant?" in refused(path)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "wanted JSON, found 0 bytes"),
        (b"\xff\xfe{", "wanted JSON"),
        (b"{" * 100_000, "wanted JSON"),
        (b"[]", "wanted a JSON object, found a list"),
        (b'"text"', "wanted a JSON object"),
        (b"null", "wanted a JSON object"),
        (json.dumps(REGISTRATION | {"registration_port": 0}).encode(), "registration_port: wanted"),
        (json.dumps({**whole(), "key": None}).encode(), "key: wanted text"),
        (json.dumps({**whole(), "transport": "udp"}).encode(), "transport: wanted one of"),
        (json.dumps({**whole(), "shell_port": "a"}).encode(), "shell_port: wanted an integer"),
        (json.dumps({**whole(), "signature_scheme": "hmac-md5"}).encode(), "is broken"),
        (json.dumps({**whole(), "signature_scheme": "x"}).encode(), "signature_scheme: wanted"),
    ],
)
def test_file_that_is_no_connection_file(tmp_path: Path, data: bytes, said: str) -> None:
    """The kernel ends with one line that names the file and says what was wanted (CONN-17)."""
    path = tmp_path / "k.json"
    path.write_bytes(data)

    line = refused(path)

    assert line.startswith(f"assay: {path}: ")
    assert said in line


def test_path_that_is_no_file(tmp_path: Path) -> None:
    """A folder, a link to nothing and a file in no folder are named with the reason (CONN-17)."""
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "nowhere" / "k.json")

    assert refused(tmp_path) == f"assay: {tmp_path}: cannot be read: Is a directory (CONN-17)"
    assert "cannot be read: No such file or directory" in refused(link)
    assert "cannot be written: Not a directory" in refused(Path(__file__) / "k.json")


def test_no_place_for_a_file_that_nobody_named(tmp_path: Path) -> None:
    """Without -f and a folder for such files, the file is a temporary one; where there is no
    temporary folder either, the kernel says what to do (CONN-04)."""
    words = [word for word in argv() if word not in {"-f", "{connection_file}"}]
    env = {"JUPYTER_RUNTIME_DIR": f"{__file__}/runtime", "TMPDIR": str(tmp_path)}
    kernel = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env={**os.environ, **env})
    with kernel:
        assert kernel.stderr is not None
        path = Path(kernel.stderr.readline().split()[-1])
        mode, folder = stat.S_IMODE(path.stat().st_mode), path.parent
        with Client(ConnectionFile.read(path)) as client:
            client.wait_until_ready(HANG_LIMIT_S)
            be_patient(client)
            kernel.terminate()
            kernel.communicate(timeout=HANG_LIMIT_S)

    assert (folder, mode) == (tmp_path, 0o600)
    assert list(tmp_path.iterdir()) == []
    line = ending(_without_temporary_folders(words), env=env)
    assert f"{__file__}/runtime: cannot be written, nor can a temporary folder" in line
    assert "-f FILE" in line


def _without_temporary_folders(words: list[str]) -> list[str]:
    """Return the command of a kernel that finds no folder for temporary files."""
    code = (
        "import sys, tempfile\n"
        "tempfile._get_default_tempdir = lambda: open('/no/such/folder')\n"
        "from assay.__main__ import main\n"
        "sys.exit(main(['kernel']))"
    )
    return [words[0], "-P", "-c", code]


# --- What is open because somebody says so


def warnings(written: str) -> list[str]:
    """Return the lines of *written* that are warnings."""
    return [line for line in written.splitlines() if line.startswith("[assay] WARNING")]


@pytest.mark.parametrize(
    ("connection", "said"),
    [
        (ConnectionFile(key=""), ["the key is empty"]),
        (ConnectionFile(key="k", ip="0.0.0.0"), ["the address 0.0.0.0"]),
        (ConnectionFile(key="", ip="*"), ["the key is empty", "the address *"]),
        (ConnectionFile(key="k"), []),
        (ConnectionFile(key="k", ip="127.0.0.2"), []),
    ],
)
def test_each_risk_is_warned_of_once(
    tmp_path: Path, connection: ConnectionFile, said: list[str]
) -> None:
    """An empty key and an address that others reach are one warning each (CONN-21)."""
    with start(tmp_path, connection=connection) as kernel:
        with kernel.client(timeout=HANG_LIMIT_S) as client:
            assert result(execute(client, "1")) == "1"
        kernel.shutdown()

        found = warnings(kernel.written())
    assert len(found) == len(said)
    assert all(part in line for part, line in zip(said, found, strict=True))


def loosened(mode: int) -> list[str]:
    """Return the command that starts a kernel whose connection file has *mode*."""
    line = f'chmod {mode:o} "$1"; shift; exec "$@"'
    return ["sh", "-c", line, "sh", "{connection_file}", *argv()]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o666])
def test_file_that_others_can_read(tmp_path: Path, mode: int) -> None:
    """It is warned of, and stays as it is where the kernel has nothing to write (CONN-21)."""
    connection = free_ports(ConnectionFile(key="k"))
    with start(tmp_path, command=loosened(mode), connection=connection) as kernel:
        with kernel.client(timeout=HANG_LIMIT_S) as client:
            execute(client, "1")
        path, left = kernel.connection_file, stat.S_IMODE(kernel.connection_file.stat().st_mode)
        kernel.shutdown()

        (line,) = warnings(kernel.written())
    assert f"{path}: others may read or write it (mode {mode:04o})" in line
    assert left == mode


def test_file_with_new_ports_is_tightened(tmp_path: Path) -> None:
    """The kernel chooses for each 0 and writes the file, its owner's alone then (CONN-04, -24)."""
    given = ConnectionFile(key="k")
    with start(tmp_path, command=loosened(0o644), connection=given) as kernel:
        written = ConnectionFile.read(kernel.connection_file)
        mode = stat.S_IMODE(kernel.connection_file.stat().st_mode)
        with kernel.client(timeout=HANG_LIMIT_S) as client:
            execute(client, "1")
        kernel.shutdown()

        (line,) = warnings(kernel.written())
    assert "(mode 0644)" in line
    assert mode == 0o600
    assert {given.port(channel) for channel in Channel} == {0}
    assert len({written.port(channel) for channel in Channel} - {0}) == len(Channel)


def test_ipc_sockets_are_their_users_alone(tmp_path: Path) -> None:
    """Nobody else may connect to the five files, whatever the umask (CONN-20)."""
    connection = ConnectionFile(key="k", transport=Transport.IPC, ip=str(tmp_path / "s"))
    command = ["sh", "-c", 'umask 0; exec "$@"', "sh", *argv()]
    with start(tmp_path, command=command, connection=connection) as kernel:
        with kernel.client(timeout=HANG_LIMIT_S) as client:
            umask = execute(client, "import os; print(os.umask(0))").text()
        modes = [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("s-*")]

    assert len(modes) == 5
    assert all(mode & 0o077 == 0 for mode in modes)
    assert umask == "0\n"


# --- It says why


def test_too_few_descriptors(tmp_path: Path) -> None:
    """A process that may open few files is told how many are wanted."""
    words = [str(tmp_path / "k.json") if word == "{connection_file}" else word for word in argv()]

    line = ending(["sh", "-c", 'ulimit -n 30; exec "$@"', "sh", *words])

    assert f"wanted {DESCRIPTORS} free file descriptors, found 2" in line
    assert "ulimit -n" in line
    assert not (tmp_path / "k.json").exists()


def test_just_enough_descriptors(tmp_path: Path) -> None:
    """What the check asks for is enough for a client and a failing cell."""
    words = [str(tmp_path / "k.json") if word == "{connection_file}" else word for word in argv()]
    line = ending(["sh", "-c", 'ulimit -n 30; exec "$@"', "sh", *words])
    taken = 30 - int(line.partition("found ")[2].partition(":")[0])
    command = ["sh", "-c", f'ulimit -n {DESCRIPTORS + taken}; exec "$@"', "sh", *argv()]
    with start(tmp_path, command=command) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        execute(client, "1 / 0", stop_on_error=False)

        assert result(execute(client, "1")) == "1"


def test_parent_that_never_was(tmp_path: Path) -> None:
    """A JPY_PARENT_PID that names no process is warned of; the kernel runs on: it came with the
    environment of a container."""
    # Not by `exec`: whoever runs the tests may be the first process, which adopts orphans.
    line = f'export JPY_PARENT_PID={NO_PROCESS}; "$@"; exit $?'
    command = ["sh", "-c", line, "sh", *argv()]
    with start(tmp_path, command=command) as kernel:
        with kernel.client(timeout=HANG_LIMIT_S) as client:
            assert result(execute(client, "1")) == "1"
            assert result(execute(client, "2")) == "2"
        assert kernel.shutdown() == 0

        (line,) = warnings(kernel.written())
    assert NO_PROCESS in line


@pytest.mark.parametrize("text", ["--5", "9" * 5_000, "-" + "9" * 5_000, "٣", "-", "5-", " 5"])
def test_parent_that_is_no_number(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A JPY_PARENT_PID that is none is not watched, and ends no kernel that starts."""
    monkeypatch.setenv("JPY_PARENT_PID", text)

    assert _main._parent_pid(0) == 0


A_FILE = shlex.quote(__file__)

PLACES = {
    "folder below a file": f"IPYTHONDIR={A_FILE}/ipython",
    "folder is a file": f"IPYTHONDIR={A_FILE}",
    "empty name of a folder": f"IPYTHONDIR=; HOME={A_FILE}/home",
    "home below a file": f"unset IPYTHONDIR; HOME={A_FILE}/home",
}


@pytest.mark.parametrize("place", PLACES)
def test_ipython_has_no_folder(tmp_path: Path, place: str) -> None:
    """The kernel warns, runs with a temporary folder, and leaves nothing behind."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    line = f'{PLACES[place]}; export HOME IPYTHONDIR; exec "$@"'
    command = ["sh", "-c", line, "sh", *argv()]
    with start(tmp_path, command=command, env={"TMPDIR": str(temporary)}) as kernel:
        with kernel.client(timeout=HANG_LIMIT_S) as client:
            be_patient(client)
            assert execute(client, "kept = 1\n%history -n 1").text().endswith("%history -n 1\n")
        kernel.shutdown()

        (said,) = warnings(kernel.written())
    assert "temp" in said
    assert list(temporary.iterdir()) == []


def test_profile_cannot_be_completed(tmp_path: Path) -> None:
    """On a full disk the configuration of a profile counts, and nothing is kept."""
    place = tmp_path / "ipythondir" / "profile_default"
    place.mkdir(parents=True)
    (place / "ipython_config.py").write_text("c.InteractiveShell.cache_size = 88")
    # No file may grow: IPython copies one into a folder that it makes.
    command = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *argv()]
    connection = free_ports(ConnectionFile(key="k"))
    with start(tmp_path, command=command, connection=connection) as kernel:
        with kernel.client(timeout=HANG_LIMIT_S) as client:
            answer = execute(client, "get_ipython().cache_size")
            history = execute(client, "%history -n 1")
        kernel.shutdown()

        (said,) = warnings(kernel.written())
    assert result(answer) == "88"
    assert "cache_size" in history.text()
    assert f"{place} cannot be written" in said
