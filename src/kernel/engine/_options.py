"""What stands behind ``assay engine``: where the controller is, and how to register.

The names are those of ipyparallel's ``ipengine``, whose launchers write them. What is not known
here is IPython's, see `EngineOptions.rest`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from attrs import define, field

from assay.kernel._command_line import LEVELS, LOG_FILE, LOG_LEVEL, CommandLineError

__all__ = ["EngineOptions", "parse_engine"]

FILE_NAME = "ipcontroller{cluster}-engine.json"


@define(kw_only=True)
class EngineOptions:
    """What the options say."""

    path: str = ""
    """The engine file; empty if none is named."""

    profile: str = ""
    profile_dir: str = field(factory=lambda: os.environ.get("IPP_PROFILE_DIR", ""))
    cluster_id: str = field(factory=lambda: os.environ.get("IPP_CLUSTER_ID", ""))
    number: int | None = None
    """The engine's number, if it wants a certain one."""

    is_mpi: bool = False
    """Ask for the rank of MPI as number."""

    timeout_s: float = 30.0
    """How long the hub and the schedulers have to answer."""

    wait_s: float = 10.0
    """How long a file that is not there is waited for."""

    misses: int = 10
    """How many pings of the hub may be missed; 0 for any number."""

    location: str = ""
    ssh: str = ""
    ssh_key: str = ""
    session_key: str = field(factory=lambda: os.environ.get("IPP_SESSION_KEY", ""), repr=False)
    """Signs where the file has no key."""

    log_level: int | None = None
    log_file: str = field(factory=lambda: os.environ.get(LOG_FILE, ""))
    """Where the engine's own lines go; empty for the standard error."""

    watcher: bool = True
    """Start the process that watches this one."""

    rest: list[str] = field(factory=list)
    """What is IPython's."""

    def default_path(self) -> str:
        """Return where ipyparallel puts the file that no option names."""
        folder = self.profile_dir
        if not folder:
            home = os.environ.get("IPYTHONDIR") or os.path.expanduser("~/.ipython")  # noqa: PTH111 - text
            folder = os.path.join(home, f"profile_{self.profile or 'default'}")  # noqa: PTH118 - text
        cluster = f"-{self.cluster_id}" if self.cluster_id else ""
        return os.path.join(folder, "security", FILE_NAME.format(cluster=cluster))  # noqa: PTH118 - text


def parse_engine(arguments: list[str]) -> EngineOptions:
    """Return what *arguments* say, which stand behind ``assay engine``.

    Raises:
        CommandLineError: an option lacks its value, or the value is wrong.
    """
    options = EngineOptions()
    words = iter(arguments)
    for word in words:
        option, equals, value = word.partition("=")
        if option in FLAGS:
            FLAGS[option](options)
        elif option in VALUES:
            if not equals:
                value = next(words, "")
            if not value:
                raise CommandLineError(f"command line: {option}: wanted a value, found none")
            VALUES[option](options, option, _unquoted(value))
        else:
            options.rest.append(word)
    if options.log_level is None and (level := os.environ.get(LOG_LEVEL, "")):
        with suppress(CommandLineError):  # other kernels get the same environment
            _level(options, LOG_LEVEL, level)
    return options


def _unquoted(value: str) -> str:
    for quote in ("'", '"'):
        if len(value) > 1 and value.startswith(quote) and value.endswith(quote):
            return value[1:-1]
    return value


Take = Callable[[EngineOptions, str, str], None]


def _text(name: str) -> Take:
    def take(options: EngineOptions, _: str, value: str) -> None:
        setattr(options, name, value)

    return take


def _number(name: str, kind: type[int] | type[float]) -> Take:
    def take(options: EngineOptions, option: str, value: str) -> None:
        try:
            number = kind(value)
        except ValueError:
            number = -1
        if number < 0:
            raise CommandLineError(
                f"command line: {option}: wanted a number from 0, found {value!r:.40}"
            )
        setattr(options, name, number)

    return take


def _level(options: EngineOptions, option: str, value: str) -> None:
    level = int(value) if value.isdecimal() else LEVELS.get(value.upper())
    if level is None:
        raise CommandLineError(
            f"command line: {option}: wanted a level such as DEBUG or 10, found {value!r:.40}"
        )
    options.log_level = level


def _profile(options: EngineOptions, _: str, value: str) -> None:
    options.profile = value
    options.rest.append(f"--profile={value}")


def _profile_dir(options: EngineOptions, _: str, value: str) -> None:
    options.profile_dir = value
    if os.path.isdir(value):  # noqa: PTH112 - text
        options.rest.append(f"--profile-dir={value}")


def _ipython_dir(options: EngineOptions, _: str, value: str) -> None:
    os.environ["IPYTHONDIR"] = value
    del options


def _script(options: EngineOptions, _: str, value: str) -> None:
    options.rest.append(f"--IPKernelApp.exec_files=[{value!r}]")


def _command(options: EngineOptions, _: str, value: str) -> None:
    options.rest.append(f"--IPKernelApp.exec_lines=[{value!r}]")


def _switch(name: str, value: object) -> Callable[[EngineOptions], None]:
    return lambda options: setattr(options, name, value)


FLAGS: dict[str, Callable[[EngineOptions], None]] = {
    "--mpi": _switch("is_mpi", True),
    "--debug": _switch("log_level", LEVELS["DEBUG"]),
    "--quiet": _switch("log_level", LEVELS["ERROR"]),
    "--no-watcher": _switch("watcher", False),
    "--IPEngine.enable_nanny=False": _switch("watcher", False),
    "--log-to-file": lambda _: None,
}

VALUES: dict[str, Take] = {
    "--cluster-id": _text("cluster_id"),
    "--id": _number("number", int),
    "--timeout": _number("timeout_s", float),
    "--wait": _number("wait_s", float),
    "--missed-pings": _number("misses", int),
    "--location": _text("location"),
    "--ssh": _text("ssh"),
    "--sshkey": _text("ssh_key"),
    "--log-level": _level,
    "--log-file": _text("log_file"),
    "--profile": _profile,
    "--profile-dir": _profile_dir,
    "--ipython-dir": _ipython_dir,
    "-c": _command,
    "-s": _script,
    **dict.fromkeys(("-f", "--file", "--IPEngine.url_file"), _text("path")),
    "--IPEngine.id": _number("number", int),
    "--IPEngine.timeout": _number("timeout_s", float),
    "--IPEngine.wait_for_url_file": _number("wait_s", float),
    "--IPEngine.max_heartbeat_misses": _number("misses", int),
    "--IPEngine.location": _text("location"),
    "--IPEngine.sshserver": _text("ssh"),
    "--IPEngine.sshkey": _text("ssh_key"),
    "--IPEngine.startup_script": _script,
    "--IPEngine.startup_command": _command,
}
