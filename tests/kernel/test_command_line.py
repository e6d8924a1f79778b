"""The command line of a kernel: where to listen, the key, and what programs see of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client.blocking.client import BlockingKernelClient

from assay.kernel._command_line import CommandLineError, parse
from assay.kernel._trace import described
from assay.kernel.ipython._options import LATE_CLASSES, sort_options
from assay.protocol import (
    DELIMITER,
    AssayError,
    Channel,
    ConnectionFile,
    ConnectionFileError,
    Json,
    KernelInfoRequest,
    StreamName,
)
from assay.transport import Client, free_ports
from tests.kernel._kernels import FOLDERS, HANG_LIMIT_S, argv, execute, result, start, succeeded

READY = "connect a client with"
"""What a kernel says when it has written its own connection file."""

PORTS = ("shell", "iopub", "stdin", "control", "hb")


class ByHand:
    """A kernel that was started as people start one, and what it has said so far."""

    def __init__(self, folder: Path, *options: str, env: dict[str, str] | None = None) -> None:
        homes = {name: str(folder / name.lower()) for name in FOLDERS}
        for home in homes.values():
            Path(home).mkdir(parents=True, exist_ok=True)
        self.path = folder / "by-hand.json"
        words = [str(self.path) if word == "{connection_file}" else word for word in argv()]
        self.process = subprocess.Popen(
            [*words, *options],
            env={**os.environ, **homes, "JPY_PARENT_PID": "", **(env or {})},
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._said: list[str] = []

    def wait_until_written(self) -> ConnectionFile:
        """Return the connection file once the kernel has written it."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._said.append(line)
            if READY in line:
                return ConnectionFile.read(self.path)
        raise AssertionError(f"the kernel ended: {self._said}")

    def said(self) -> str:
        """Return all that the kernel has said until its end."""
        _, rest = self.process.communicate(timeout=HANG_LIMIT_S)
        return "".join(self._said) + rest


@contextmanager
def by_hand(folder: Path, *options: str, env: dict[str, str] | None = None) -> Iterator[ByHand]:
    """Start a kernel whose connection file does not exist yet."""
    kernel = ByHand(folder, *options, env=env)
    try:
        yield kernel
    finally:
        kernel.process.kill()
        with kernel.process:  # waits for it and closes the pipe
            pass


# --- What the options say


@pytest.mark.parametrize(
    ("words", "places"),
    [
        (["--ip=10.0.0.1"], {"ip": "10.0.0.1"}),
        (["--ip", "10.0.0.1"], {"ip": "10.0.0.1"}),
        (["--ip='10.0.0.1'"], {"ip": "10.0.0.1"}),
        (["--IPKernelApp.ip=::1"], {"ip": "::1"}),
        (["--KernelApp.ip=*"], {"ip": "*"}),
        (["--ConnectionFileMixin.ip=*"], {"ip": "*"}),
        (["--transport=ipc"], {"transport": "ipc"}),
        (["--IPKernelApp.transport", "tcp"], {"transport": "tcp"}),
        *(([f"--{name}=5"], {f"{name}_port": "5"}) for name in PORTS),
        *(([f"--IPKernelApp.{name}_port=5"], {f"{name}_port": "5"}) for name in PORTS),
        (["--ip=a", "--ip=b", "--hb=1"], {"ip": "b", "hb_port": "1"}),
    ],
)
def test_places(words: list[str], places: dict[str, Json]) -> None:
    """Address, transport and ports are read in all spellings of IPython's kernel."""
    options = parse(words)

    assert options.places == places
    assert options.rest == ()


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["--Session.key=secret"], "secret"),
        (["--Session.key", "secret"], "secret"),
        (["--Session.key=b'secret'"], "secret"),
        (['--Session.key=b"secret"'], "secret"),
        (["--Session.key='secret'"], "secret"),
        (["--Session.key=be'cret"], "be'cret"),
        (["--Session.key=a=b"], "a=b"),
        (["--Session.key="], ""),
        (["--Session.key=b''"], ""),
        (["--no-secure"], ""),
        (["--Session.key=x", "--no-secure"], ""),
        (["--no-secure", "--Session.key=x"], "x"),
        (["--no-secure", "--secure"], None),
        ([], None),
    ],
)
def test_keys(words: list[str], key: str | None) -> None:
    """A key is text, quoted or not; an empty one has been asked for, none has not."""
    assert parse(words).signing.get("key") == key


@pytest.mark.parametrize("option", ["--Session.keyfile=", "--keyfile="])
def test_key_in_a_file(tmp_path: Path, option: str) -> None:
    """The file's text is the key, as it is."""
    path = tmp_path / "key"
    path.write_text("clé\n", encoding="utf-8")

    assert parse([f"{option}{path}"]).signing["key"] == "clé\n"


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe secret"])
def test_key_file_that_has_no_key_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing, empty or no text never leaves messages unsigned (CONN-16)."""
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(CommandLineError) as caught:
        parse([f"--Session.keyfile={path}"])

    assert str(path) in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "words",
    [["-f", "k.json"], ["-f=k.json"], ["--f", "k.json"], ["--f=k.json"]]
    + [[f"--{name}.connection_file=k.json"] for name in ("IPKernelApp", "KernelApp")],
)
def test_path(words: list[str]) -> None:
    """The connection file is named in all spellings of IPython's kernel."""
    assert parse(words).path == "k.json"


@pytest.mark.parametrize(
    ("words", "level"),
    [
        (["--debug"], 10),
        (["--quiet"], 50),
        (["--log-level=DEBUG"], 10),
        (["--log-level", "error"], 40),
        (["--log-level=35"], 35),
        (["--Application.log_level=INFO"], 20),
        (["--IPKernelApp.log_level=10"], 10),
        ([], None),
    ],
)
def test_levels(words: list[str], level: int | None) -> None:
    """Levels go by name or number, and the interpreter gets them as well."""
    options = parse(words)

    assert options.log_level == level
    assert bool(options.rest) is bool(words)


@pytest.mark.parametrize(
    ("words", "environment", "found", "warnings"),
    [
        ([], {"ASSAY_LOG_LEVEL": "info", "ASSAY_LOG_FILE": "a"}, (20, "a"), 0),
        ([], {"ASSAY_LOG_LEVEL": "", "ASSAY_LOG_FILE": ""}, (None, ""), 0),
        ([], {"ASSAY_LOG_LEVEL": "LOUD"}, (None, ""), 1),
        (
            ["--debug", "--log-file=b"],
            {"ASSAY_LOG_LEVEL": "50", "ASSAY_LOG_FILE": "a"},
            (10, "b"),
            0,
        ),
        (["--log-level=5"], {"ASSAY_LOG_LEVEL": "LOUD"}, (5, ""), 0),
    ],
)
def test_log_by_environment(
    words: list[str], environment: dict[str, str], found: tuple[int | None, str], warnings: int
) -> None:
    """The environment says what the command line does not; a wrong value ends no start."""
    options = parse(words, environment)

    assert (options.log_level, options.log_file) == found
    assert len(options.warnings) == warnings
    assert all("ASSAY_LOG_LEVEL: wanted a number or one of" in one for one in options.warnings)
    assert [word for word in options.rest if "level" in word] == [
        f"--log-level={options.log_level}"
        for _ in (1,)
        if options.log_level is not None and "--debug" not in words
    ]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--ip=a", "--ip=b"], "--ip"),
        (["--shell=1", "--IPKernelApp.shell_port=2"], "--IPKernelApp.shell_port"),
        (["-f", "a", "--f=b", "--connection-file=c"], "--f, --connection-file"),
        (["--log-level=1", "--log-level=2", "--log-level=3"], "--log-level"),
        (["--Session.key=secret", "--Session.key=secret2"], "--Session.key"),
        (["--debug", "--debug"], ""),
        (["--shell=1", "--iopub=1"], ""),
    ],
)
def test_options_given_more_than_once(words: list[str], named: str) -> None:
    """The last one counts, which is said without the value."""
    options = parse(words)

    assert [one.partition(": ")[2] for one in options.warnings] == [named] * bool(named)
    assert sum("level" in word for word in options.rest) <= 1


def test_identity() -> None:
    """Name and session of the kernel's headers, in each spelling of the ancestor (S-139, S-146)."""
    short = parse(["--user=me", "--ident", "one"])
    long = parse(["--Session.username=me", "--Session.session='one'"])

    assert (short.username, short.session) == (long.username, long.session) == ("me", "one")
    assert (parse([]).username, parse([]).session) == ("kernel", "")


def test_process() -> None:
    """Whom to end with, what to write to, and which descriptors to leave (S-139, S-147)."""
    options = parse(["--parent=77", "--no-stdout", "--no-stderr", "--log-file=a.log"])

    assert (options.parent, options.log_file) == (77, "a.log")
    assert options.silenced == {1, 2}
    assert parse(["--IPKernelApp.parent_handle", "1"]).parent == 1


WRONG = {
    "-f": "-f: wanted a value",
    "--ip": "--ip: wanted a value",
    "--f=": "--f: wanted a path",
    "--Session.key": "--Session.key: wanted a value",
    "--shell=http": "shell_port: wanted an integer, found 'http'",
    "--hb=65536": "hb_port: wanted 0 to 65535, found 65536",
    "--iopub=-1": "iopub_port",
    "--transport=udp": "transport: wanted one of 'tcp', 'ipc', found 'udp'",
    "--Session.signature_scheme=hmac-md5": "'hmac-md5': the hash is broken",
    "--Session.signature_scheme=hmac-none": "'hmac-none'",
    "--Session.keyfile=/no/such/file": "/no/such/file cannot be read",
    "--log-level=LOUD": "--log-level: wanted a number or one of DEBUG",
    "--log-file=": "--log-file: wanted a path",
    "--parent=none": "--parent: wanted the number of a process, found 'none'",
    "--parent=0": "--parent: wanted the number of a process, found '0'",
    "--parent=99999999999": "--parent: wanted the number of a process",
    "--ident=": "--ident: wanted an id",
}


@pytest.mark.parametrize("word", WRONG)
def test_wrong_values(word: str) -> None:
    """An option without its value, or with a wrong one, is named as one of the command line."""
    with pytest.raises((CommandLineError, ConnectionFileError)) as caught:
        parse([word])

    assert str(caught.value).startswith("command line: ")
    assert WRONG[word] in str(caught.value)


@given(st.lists(st.sampled_from(["-x", "--a", "--a=1", "b", "-c", "c d", "--K.t=1"])))
def test_the_rest_is_left_as_it_is(words: list[str]) -> None:
    """What is not known here is the interpreter's, in order."""
    assert list(parse(words).rest) == words


def test_nothing_behind_two_dashes_is_an_option() -> None:
    """Operands may look like options."""
    options = parse(["--ip=a", "--", "--ip=b", "-f"])

    assert (options.places, options.path) == ({"ip": "a"}, "")
    assert options.rest == ("--", "--ip=b", "-f")


@given(st.lists(st.text(max_size=12) | st.sampled_from([*WRONG, "--Session.key=x"]), max_size=5))
def test_any_command_line_is_read_or_refused(words: list[str]) -> None:
    """Whatever stands there, no other error comes out, and no key is made up (CONN-16)."""
    try:
        options = parse(words)
    except AssayError:
        return

    assert options.signing.get("key", "none") != "" or {"--no-secure"} & set(words)


ALIASES = {"profile": "", "pylab": "", "c": ""}
FLAGS = {"debug": "", "pylab": ""}
KNOWN_CLASS = InteractiveShell.__name__  # imported, and so known


@pytest.mark.parametrize(
    ("words", "unknown"),
    [
        (["--profile=x", "--debug", "--pylab", "--pylab=inline", "-c", "1"], []),
        (["--profile", "x"], []),
        (["--debug=1"], ["--debug"]),
        (["--nosuch", "--nosuch2=1", "--nosuch3", "value"], ["--nosuch", "--nosuch2", "--nosuch3"]),
        (["operand", "--debug"], ["operand"]),
        (["--", "--profile=x"], ["--profile=x"]),
        (["-x", "-xyz", "-"], ["-x", "-xyz", "-"]),
        ([f"--{KNOWN_CLASS}.cache_size=5"], []),
        ([f"--{KNOWN_CLASS}.cache_size", "5"], []),
        ([f"--{KNOWN_CLASS}.no_such=5"], [f"--{KNOWN_CLASS}.no_such"]),
        (["--NoSuchClass.trait=5"], ["--NoSuchClass.trait"]),
        (["--InlineBackend.figure_format=retina"], []),
        (["--Session.kye=secret"], ["--Session.kye"]),
        (["--help-all"], []),
    ],
)
def test_options_are_told_apart(words: list[str], unknown: list[str]) -> None:
    """Options that IPython's application does not know are named, without their values."""
    options = sort_options(words, ALIASES, FLAGS)

    assert ([*options.unknown, *options.operands], options.lacking) == (unknown, ())
    assert {word.partition("=")[0] for word in options.known}.isdisjoint(unknown)


CACHE = f"--{KNOWN_CLASS}.cache_size"


@pytest.mark.parametrize(
    ("words", "known", "repeated"),
    [
        ([f"{CACHE}=1", f"{CACHE}=2"], [f"{CACHE}=2"], [CACHE]),
        ([f"{CACHE}=1", "--cache-size", "2"], ["--cache-size", "2"], [CACHE]),
        (["-c", "1", "--debug", "-c", "2"], ["--debug", "-c", "2"], ["-c"]),
        ([f"--{KNOWN_CLASS}.ast_transformers=a"] * 2, None, []),
        (["--HistoryManager.enabled=True"] * 2, ["--HistoryManager.enabled=True"], None),
        (["--InlineBackend.figure_formats=svg", "--InlineBackend.figure_formats=png"], None, []),
        (["--debug", "--debug"], None, []),
    ],
)
def test_options_of_the_shell_given_more_than_once(
    words: list[str], known: list[str] | None, repeated: list[str] | None
) -> None:
    """The last value of a trait counts; what collects values gets them all."""
    aliases = {**ALIASES, "c": "Application.code", "cache-size": f"{KNOWN_CLASS}.cache_size"}

    options = sort_options(words, aliases, FLAGS)

    assert list(options.known) == (words if known is None else known)
    assert list(options.repeated) == (
        ["--HistoryManager.enabled"] if repeated is None else repeated
    )


def test_option_given_more_than_once_whose_class_cannot_be_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The kernel starts: that of `InlineBackend` wants matplotlib."""
    monkeypatch.setitem(LATE_CLASSES, "InlineBackend", "assay.no_such_module")
    words = ["--InlineBackend.figure_format=svg", "--InlineBackend.figure_format=png"]

    options = sort_options(words, ALIASES, FLAGS)

    assert list(options.known) == words[1:]


def test_options_that_lack_their_value() -> None:
    """They are kept apart from those that nobody knows."""
    option = f"--{KNOWN_CLASS}.cache_size"

    options = sort_options(["--profile", "-c", option, "--nosuch"], ALIASES, FLAGS)

    assert options.lacking == ("--profile", "-c", option)
    assert options.unknown == ("--nosuch",)


# --- From outside


def test_ports_and_key_on_the_command_line(tmp_path: Path) -> None:
    """A client that knows ports and key, and no file, reaches the kernel: that of a container
    (public report 17)."""
    wanted = free_ports(ConnectionFile(key="not shown"))
    ports = {f"{name}_port": wanted.port(Channel(name)) for name in PORTS}
    client = BlockingKernelClient()
    client.load_connection_info(
        {"ip": "127.0.0.1", "transport": "tcp", "key": b"not shown", **ports}  # type: ignore[typeddict-item]  # there are more keys than it needs
    )
    client.hb_channel.time_to_dead = HANG_LIMIT_S  # it ends the wait for a kernel that is late
    options = [f"--{name}={wanted.port(Channel(name))}" for name in PORTS]
    with by_hand(tmp_path, "--ip=127.0.0.1", "--Session.key=not shown", *options) as kernel:
        client.start_channels()
        client.wait_for_ready(timeout=HANG_LIMIT_S)
        reply = client.execute_interactive("6 * 7", timeout=HANG_LIMIT_S, silent=True)
        written = kernel.wait_until_written()
        client.shutdown(reply=True, timeout=HANG_LIMIT_S)
        client.stop_channels()

        said = kernel.said()
        assert kernel.process.returncode == 0
    assert reply["content"]["status"] == "ok"
    assert {name: written.port(Channel(name.removesuffix("_port"))) for name in ports} == ports
    assert "not shown" not in said
    assert not kernel.path.exists()


def test_file_that_exists_is_completed_and_written_back(tmp_path: Path) -> None:
    """The command line may bring the key that a file lacks; clients find it in the file."""
    kernel_file = tmp_path / "by-hand.json"
    whole = free_ports(ConnectionFile(key="k"))
    kernel_file.write_bytes(whole.to_json().replace(b'"key"', b'"another"'))
    with (
        by_hand(tmp_path, "--Session.key=given") as kernel,
        Client(_keyed(whole, "given")) as client,
    ):
        client.wait_until_ready(HANG_LIMIT_S)

        assert ConnectionFile.read(kernel.path).key == "given"


def test_file_that_cannot_be_written_back(tmp_path: Path) -> None:
    """Where the command line says all that matters, a read-only file is no reason to end."""
    connection = free_ports(ConnectionFile(key="k"))
    place = tmp_path / "read-only"
    place.mkdir()
    connection.write(place / "k.json")
    # The name of the temporary file beside it would be too long for any file system.
    path = place / f"{'k' * 245}.json"
    (place / "k.json").rename(path)
    with (
        by_hand(tmp_path, "-f", str(path), "--ip=127.0.0.2") as kernel,
        Client(evolve(connection, ip="127.0.0.2")) as client,
    ):
        client.wait_until_ready(HANG_LIMIT_S)
        answer = execute(client, "1")
        kernel.process.terminate()
        said = kernel.said()

    assert result(answer) == "1"
    assert said.count("it does not say what the command line says") == 1
    assert ConnectionFile.read(path) == connection


def test_key_of_the_file_stays(tmp_path: Path) -> None:
    """`--no-secure` does not open a kernel whose file has a key; that is said, once (CONN-16)."""
    with start(tmp_path, "--no-secure", connection=ConnectionFile(key="k")) as kernel:
        with kernel.client(timeout=HANG_LIMIT_S) as client:
            answer = client.request(KernelInfoRequest(), timeout=HANG_LIMIT_S)
        kernel.shutdown()

        assert answer.reply.frames[1] != b""
        assert kernel.written().count("--no-secure has no effect") == 1
        assert "the key is empty" not in kernel.written()


@pytest.mark.parametrize("is_there", [False, True])
def test_how_to_connect_is_told_where_the_kernel_makes_the_file(
    tmp_path: Path, is_there: bool
) -> None:
    """In one line on stderr, which names the file; whoever has made the file knows it (S-144)."""
    connection = free_ports(ConnectionFile(key="k"))
    if is_there:
        connection.write(tmp_path / "by-hand.json")
    with by_hand(tmp_path) as kernel:
        if not is_there:
            connection = kernel.wait_until_written()
        with Client(connection) as client:
            client.wait_until_ready(HANG_LIMIT_S)
            kernel.process.terminate()
        told = [line for line in kernel.said().splitlines() if "console --existing" in line]

    hint = f"assay: {READY}: jupyter console --existing {kernel.path}"
    assert told == ([] if is_there else [hint])


def test_no_secure_opens_a_kernel_that_makes_its_own_file(tmp_path: Path) -> None:
    """Who asks for it gets an empty key, and one warning that says what it means (CONN-21)."""
    with by_hand(tmp_path, "--no-secure") as kernel:
        written = kernel.wait_until_written()
        with Client(written) as client:
            client.wait_until_ready(HANG_LIMIT_S)
            answer = execute(client, "1")
            kernel.process.terminate()

        assert written.key == ""
        assert result(answer) == "1"
        assert kernel.said().count("all who reach the kernel run code in it") == 1


def test_options_that_nobody_knows(tmp_path: Path) -> None:
    """The kernel names them in one line and goes on; the values are not shown."""
    unknown = ["--nosuchflag", "--no-such=secret", "--existing=x", "--IPKernelApp.no_such=1"]
    with start(tmp_path, *unknown, "--InteractiveShell.cache_size=77") as kernel:
        with kernel.client(timeout=HANG_LIMIT_S) as client:
            answer = execute(client, "get_ipython().cache_size")
        kernel.shutdown()

        assert result(answer) == "77"
        (line,) = [line for line in kernel.written().splitlines() if "does not know" in line]
        for word in ("--nosuchflag", "--no-such", "--IPKernelApp.no_such"):
            assert word in line
        assert "jupyter console --existing" in line
        assert "secret" not in kernel.written()


def test_launchers_may_hand_on_operands(tmp_path: Path) -> None:
    """`jupyter run` does, and its user reads no warning; who starts a kernel by hand does."""
    with start(tmp_path, "operand") as launched:
        with launched.client(timeout=HANG_LIMIT_S) as client:
            execute(client, "1")
        launched.shutdown()
    with by_hand(tmp_path, "operand") as kernel:
        with Client(kernel.wait_until_written()) as client:
            execute(client, "1")
        kernel.process.terminate()

        assert "operand" not in launched.written()
        assert "does not know, and goes on without: operand" in kernel.said()


def test_wrong_value_is_said_before_anything_is_bound(tmp_path: Path) -> None:
    """A wrong command line ends with exit code 2 and one line."""
    with by_hand(tmp_path, "--shell=http") as kernel:
        said = kernel.said()

    assert said == "assay: command line: shell_port: wanted an integer, found 'http' (CONN-02)\n"
    assert kernel.process.returncode == 2


@pytest.mark.parametrize("option", ["--quiet", "--log-level=ERROR"])
def test_levels_hide_warnings(tmp_path: Path, option: str) -> None:
    """A level above the warnings' leaves them out."""
    with start(tmp_path, option, "--nosuch", connection=ConnectionFile(key="")) as kernel:
        with kernel.client(timeout=HANG_LIMIT_S) as client:
            execute(client, "1")
        kernel.shutdown()

        assert "WARNING" not in kernel.written()


def test_connection_in_a_configuration_file(tmp_path: Path) -> None:
    """The sockets are bound before such files are read; one warning says so and what to do."""
    place = tmp_path / "ipythondir" / "profile_default"
    place.mkdir(parents=True)
    (place / "ipython_kernel_config.py").write_text(
        "c.IPKernelApp.ip = '0.0.0.0'\nc.Session.key = b''\nc.Session.metadata = {}"
    )
    with start(tmp_path) as kernel:
        with kernel.client(timeout=HANG_LIMIT_S) as client:
            answer = execute(client, "1")
        kernel.shutdown()

        (line,) = [line for line in kernel.written().splitlines() if "no effect" in line]
    assert "c.IPKernelApp.ip, c.Session.key: no effect" in line
    assert answer.reply.frames[1] != b""


def test_name_of_a_file_in_jupyters_folder(tmp_path: Path) -> None:
    """A bare name is looked for here and among Jupyter's connection files, as IPython does."""
    connection = free_ports(ConnectionFile(key="k"))
    env = {"JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    (tmp_path / "runtime").mkdir()
    connection.write(tmp_path / "runtime" / "by-name.json")
    with by_hand(tmp_path, "-f", "by-name.json", env=env), Client(connection) as client:
        client.wait_until_ready(HANG_LIMIT_S)

        assert not (tmp_path / "by-name.json").exists()


# --- What programs see


def test_argv_is_what_programs_know(tmp_path: Path) -> None:
    """The name of ipykernel's launcher, and the options; no operand (pytorch/examples#369)."""
    with start(tmp_path) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        answer = execute(
            client,
            "import argparse, os, sys\n"
            "parser = argparse.ArgumentParser()\n"
            "parser.add_argument('-f', '--f')\n"
            "parser.add_argument('--epochs', default=3)\n"
            "found = parser.parse_args()\n"
            "print('ipykernel_launcher' in sys.argv[0], os.path.isfile(sys.argv[0]))\n"
            "print(sys.argv[1:] == ['-f', found.f], os.path.isfile(found.f), found.epochs)",
        )

    assert answer.text() == "True True\nTrue True 3\n"


def test_argv_starts_the_kernel_again(tmp_path: Path) -> None:
    """A program that runs what `sys.argv` says, with another file, gets a kernel."""
    launcher = "import sys; print(sys.argv[0])"
    with start(tmp_path) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        path = execute(client, launcher).text().strip()
    linked = tmp_path / "resources"
    linked.symlink_to(Path(path).parent)
    command = [sys.executable, str(linked / Path(path).name), "-f", "{connection_file}"]

    with start(tmp_path, command=command) as again, again.client(timeout=HANG_LIMIT_S) as client:
        answer = execute(client, "import sys; sys.argv[0], sys.path[0].endswith('resources')")

    assert result(answer) == repr((path, False))


@pytest.mark.parametrize("code", ["__session__", "%reset -f\n__session__"])
def test_session_of_the_notebook(tmp_path: Path, code: str) -> None:
    """`__session__` is what the server says, also after a reset."""
    env = {"JPY_SESSION_NAME": "/a/notebook.ipynb"}
    with start(tmp_path, env=env) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        assert result(execute(client, code)) == "'/a/notebook.ipynb'"


def test_no_session_without_a_notebook(tmp_path: Path) -> None:
    """Where no server names one, there is no such name."""
    env = {"JPY_SESSION_NAME": ""}
    with start(tmp_path, env=env) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        assert result(execute(client, "'__session__' in globals()")) == "False"


WRITES = (
    "import os, subprocess, sys\n"
    "os.write(1, b'of C\\n'); os.write(2, b'of C too\\n')\n"
    "os.system('echo of a child')\n"
    "subprocess.run(['echo', 'for the stream'], stdout=sys.stdout)\n"
    "print('of Python')"
)


@pytest.mark.parametrize("where", ["option", "ipython_kernel_config.py", "ipython_config.py"])
def test_descriptors_are_left_alone(tmp_path: Path, where: str) -> None:
    """With `capture_fd_output` off, C code and children write where the kernel was started; what
    goes through Python's streams is shown (docker-stacks#1562)."""
    options = ["--IPKernelApp.capture_fd_output=False"] if where == "option" else []
    place = tmp_path / "ipythondir" / "profile_default"
    place.mkdir(parents=True)
    if not options:
        (place / where).write_text("c.IPKernelApp.capture_fd_output = False")
    with start(tmp_path, *options) as kernel:
        with kernel.client(timeout=HANG_LIMIT_S) as client:
            answer = execute(client, WRITES)
            again = execute(client, "print('still here')")
        kernel.shutdown()

        assert answer.text() == "for the stream\nof Python\n"
        assert again.text() == "still here\n"
        assert {"of C", "of C too", "of a child"} <= set(kernel.written().splitlines())


def test_descriptors_are_caught_otherwise(tmp_path: Path) -> None:
    """Without the option all of it is shown, as ever."""
    with start(tmp_path) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        answer = execute(client, WRITES)

    assert answer.text() == "of C\nof a child\nfor the stream\nof Python\n"


def test_source_of_the_standard_library_is_found(tmp_path: Path) -> None:
    """Started as the kernelspec says, `inspect` and tracebacks show what is in `os.path`."""
    from assay._command import kernel_argv  # noqa: PLC0415 - of another layer

    code = "import inspect, os.path\ninspect.getsource(os.path.join)[:9]"
    with (
        start(tmp_path, command=kernel_argv()) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        source = result(execute(client, code))
        shown = execute(client, "import os\nos.path.join(1)", stop_on_error=False)
        succeeded(execute(client, "1"))

    assert source == "'def join('"
    traceback: Any = shown.content
    assert "posixpath" in "".join(traceback.traceback)


def _keyed(connection: ConnectionFile, key: str) -> ConnectionFile:
    ports: dict[str, Json] = {f"{name}_port": connection.port(Channel(name)) for name in PORTS}
    return ConnectionFile.from_fields({**ports, "key": key})


def test_options_of_the_process(tmp_path: Path) -> None:
    """Headers name what was asked for, lines go to the file, and the kernel ends with a process."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as parent:
        options = [f"--parent={parent.pid}", "--user=me", "--ident=mine", "--no-stderr"]
        options += [f"--log-file={tmp_path / 'log'}", "--nosuch", "-c", "1 / 0"]
        with start(tmp_path, *options) as kernel:
            with kernel.client(timeout=HANG_LIMIT_S) as client:
                answer = execute(client, "import os\nos.write(2, b'shown')")
            parent.communicate(timeout=HANG_LIMIT_S)
            kernel.wait(HANG_LIMIT_S)

            assert answer.reply.header is not None
            assert (answer.reply.header.username, answer.reply.header.session) == ("me", "mine")
            assert "shown" in answer.text(StreamName.STDERR)
            assert "does not know, and goes on without: --nosuch" in (tmp_path / "log").read_text()
            assert kernel.written() == ""


def test_debugging_has_a_line_for_each_message(tmp_path: Path) -> None:
    """It says channel, way, type, id, cause and content, from `starting` on, also of what is no
    message; the lines are no cell's output (S-024, IOPUB-22)."""
    log = tmp_path / "log"
    with start(tmp_path, "--debug", f"--log-file={log}") as kernel:
        with kernel.client(timeout=HANG_LIMIT_S) as client:
            answer = execute(client, "print('shown')\nsecret = 7")
            client.send_frames(Channel.SHELL, [b"\xff", b"x\ny"])
            succeeded(execute(client, ""))
        kernel.shutdown()
    asked = answer.request.header.msg_id
    said = [line.partition(" DEBUG ")[2] for line in log.read_text("utf-8").splitlines()]
    sent = [line for line in said if line.startswith("iopub: sent") and "welcome" not in line]
    cell = [line for line in said if asked in line]

    assert answer.text() == "shown\n"
    assert " for " not in sent[0]  # it has no parent
    assert sent[0].endswith(': {"execution_state":"starting"}')
    assert sum("starting" in line for line in sent) == 1
    assert cell[0].startswith(f"shell: received execute_request {asked}: {{")
    assert r"print('shown')\nsecret = 7" in cell[0]
    kinds = [" ".join(line.split()[:3]) for line in cell[1:]]
    assert kinds == [
        "iopub: sent status",
        "iopub: sent execute_input",
        "iopub: sent stream",
        "shell: sent execute_reply",
        "iopub: sent status",
    ]
    assert "shell: received 3 frames that are no message" in said


@pytest.mark.parametrize(
    ("frames", "line"),
    [
        ([], "0 frames that are no message"),
        ([DELIMITER, b"", b"{}"], "3 frames that are no message"),
        ([b"t", DELIMITER, b"", b"[", b"\xff", b"{}", b"{}"], ": {}"),
        ([DELIMITER, b"", b'{"msg_type":5}', b"{}", b"{}", b'"\xff\n"'], ": '\"\ufffd\\n\"'"),
        ([DELIMITER, b"", b"{}", b"{}", b"{}", b"x" * 501], f": {'x' * 500}…"),
        ([DELIMITER, b"", b"{}", b"{}", b"{}", b"{}", b"b", b""], "with 2 buffers: {}"),
        (
            [DELIMITER, b"", b'{"msg_type":"input_reply"}', b"{}", b"{}", b'{"value":"secret"}'],
            "input_reply: (not shown)",
        ),
    ],
)
def test_any_frames_have_a_line(frames: list[bytes], line: str) -> None:
    """Whatever came, it is one line of a bounded length."""
    assert described(frames) == line


def test_nothing_is_traced_without_debugging() -> None:
    """What users write is in no log unless everything is."""
    assert not any(parse(words).is_debugging for words in ([], ["--log-level=INFO"], ["--quiet"]))
    assert parse(["--debug"]).is_debugging
