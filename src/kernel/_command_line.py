"""What stands behind ``assay kernel``: where to listen, the key, how much to log.

The names are those of IPython's kernel, in each of its spellings. What is not known here is the
interpreter's, see `CommandLine.rest`. What file and command line both say is decided so:

| what                       | counts                                                      |
|----------------------------|-------------------------------------------------------------|
| transport, address, ports  | the command line's, else the file's                         |
| signature scheme           | the file's, else the command line's                         |
| key                        | the file's unless it is empty, else the command line's      |

Clients read the file. A kernel that took another key would not be understood, and one that took
none would run the code of strangers: ``--no-secure`` holds for a file that the kernel makes, or
that has no key either (decision 0009).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from assay._fields import Fields
from assay.protocol import AssayError, Channel, ConnectionFile

if TYPE_CHECKING:
    from assay.protocol import Json

__all__ = ["CommandLine", "CommandLineError", "parse"]

APPLICATIONS = ("IPKernelApp", "KernelApp", "ConnectionFileMixin")
"""Classes that IPython's kernels have had these options in."""

PLACES = {
    **{f"--{name}": name for name in ("ip", "transport")},
    **{f"--{name}": f"{name}_port" for name in Channel},
    **{
        f"--{application}.{name}": name
        for application in APPLICATIONS
        for name in ("ip", "transport", *(f"{channel}_port" for channel in Channel))
    },
}
"""Options that say where to listen, and the key of the connection file that each stands for."""

MAX_KEY = 1 << 20
"""Characters of a key file, which may be a device that never ends."""

KERNEL = "kernel"
"""The username of every kernel that is given no other (S-146)."""

MAX_PID = 2**31 - 1
"""The greatest that the system's type holds."""

LEVELS = {"DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
"""As in `logging`, which is not imported before there is something to log."""

LOG_LEVEL, LOG_FILE = "ASSAY_LOG_LEVEL", "ASSAY_LOG_FILE"
"""What the environment says of the log, where the command line does not: a client that starts a
kernel hands its own environment down, and has no place for options."""

NO_ENVIRONMENT: Mapping[str, str] = {}


class CommandLineError(AssayError):
    """An option of the command line has no value, or one that makes no sense."""


class CommandLine(Fields):
    """What the options say."""

    path: str = ""
    """The connection file; empty if none is named."""

    places: dict[str, Json]
    """Transport, address and ports, by their names in a connection file."""

    signing: dict[str, Json]
    """Key and signature scheme, by their names there; an empty key is one that was asked for."""

    publish_silent: bool = False
    """Publish what silent requests print and display."""

    log_level: int | None = None
    """As in `logging`; None is the usual one."""

    log_file: str = ""
    """Where the kernel's own lines go; empty for the standard error."""

    username: str = KERNEL
    """What headers of the kernel's messages name."""

    session: str = ""
    """The id of its session; empty for one of its own."""

    parent: int = 0
    """The process to die with; 1 is the one that has started it, 0 says nothing."""

    silenced: frozenset[int] = frozenset()
    """The descriptors of the process, 1 and 2, that are to lead nowhere."""

    rest: tuple[str, ...] = ()
    """What is the interpreter's."""

    warnings: tuple[str, ...] = ()
    """Warnings about the options, which end no start."""

    @property
    def is_debugging(self) -> bool:
        """Everything shall be logged, each message too."""
        return self.log_level is not None and self.log_level <= LEVELS["DEBUG"]


def parse(arguments: list[str], environment: Mapping[str, str] = NO_ENVIRONMENT) -> CommandLine:
    """Return what *arguments* say, which stand behind ``assay kernel``.

    Args:
        arguments: The words. Of an option that stands there more than once the last counts.
        environment: Says where the log goes, and how much of it, unless *arguments* do. A value
            that makes no sense is left out: other kernels get the same environment.

    Raises:
        CommandLineError: an option lacks its value, or the value is wrong.
        ConnectionFileError: as for a file with the same values.
    """
    reading = _Reading(arguments)
    reading.read()
    reading.ask(environment)
    # About the command line, before it is mixed with what a file says.
    fields = {"key": "", **reading.places, **reading.signing}
    ConnectionFile.from_fields(fields, name="command line")
    return CommandLine(
        path=reading.path,
        places=reading.places,
        signing=reading.signing,
        publish_silent=reading.publish_silent,
        log_level=reading.log_level,
        log_file=reading.log_file,
        username=reading.username,
        session=reading.session,
        parent=reading.parent,
        silenced=frozenset(reading.silenced),
        rest=tuple(reading.rest),
        warnings=reading.warnings(),
    )


class _Reading:
    """A walk along the words of a command line."""

    def __init__(self, arguments: list[str]) -> None:
        self._arguments = arguments
        self._next = 0
        self.path = ""
        self.places: dict[str, Json] = {}
        self.signing: dict[str, Json] = {}
        self.publish_silent = False
        self.log_level: int | None = None
        self.log_file = ""
        self.username = KERNEL
        self.session = ""
        self.parent = 0
        self.silenced: set[int] = set()
        self.rest: list[str] = []
        self._given: set[object] = set()
        self._repeated: dict[str, None] = {}
        self._faults: list[str] = []

    def ask(self, environment: Mapping[str, str]) -> None:
        """Take what the command line does not say from *environment*."""
        level = environment.get(LOG_LEVEL, "")
        if level and self.log_level is None:
            try:
                self.take_level(LOG_LEVEL, level)
            except CommandLineError as error:
                self._faults.append(str(error).removeprefix("command line: "))
        self.log_file = self.log_file or environment.get(LOG_FILE, "")

    def warnings(self) -> tuple[str, ...]:
        if not self._repeated:
            return tuple(self._faults)
        return (REPEATED.format(", ".join(self._repeated)), *self._faults)

    def read(self) -> None:
        while self._next < len(self._arguments):
            argument = self._arguments[self._next]
            self._next += 1
            option, equals, value = argument.partition("=")
            if argument == "--":
                self.rest += self._arguments[self._next - 1 :]
                return
            if option in VALUES:
                self._note(option)
                VALUES[option](self, option, value if equals else self._following(option))
            elif argument in FLAGS:
                FLAGS[argument](self, argument)
            else:
                self.rest.append(argument)

    def _note(self, option: str) -> None:
        what = MEANINGS[option]
        if what in self._given:
            self._repeated[option] = None
        self._given.add(what)

    def _following(self, option: str) -> str:
        if self._next == len(self._arguments) or self._arguments[self._next].startswith("-"):
            raise CommandLineError(f"command line: {option}: wanted a value, found none")
        self._next += 1
        return self._arguments[self._next - 1]

    def take_file(self, option: str, value: str) -> None:
        if not value:
            raise CommandLineError(f"command line: {option}: wanted a path, found ''")
        self.path = value

    def take_place(self, option: str, value: str) -> None:
        self.places[PLACES[option]] = _unquoted(value)

    def take_key(self, option: str, value: str) -> None:
        del option
        self.signing["key"] = _unquoted(value)

    def take_key_file(self, option: str, value: str) -> None:
        path = _unquoted(value)
        try:
            with open(path, encoding="utf-8", newline="") as file:  # noqa: PTH123 - see `_main`
                key = file.read(MAX_KEY + 1)  # it may be a device
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise CommandLineError(
                f"command line: {option}: {path} cannot be read: {reason}"
            ) from None  # the cause would show a key that is no text
        if len(key) > MAX_KEY:
            raise CommandLineError(
                f"command line: {option}: wanted at most {MAX_KEY:,} characters in {path}, found "
                f"more"
            )
        self.signing["key"] = key
        if not key:
            raise CommandLineError(f"command line: {option}: wanted a key in {path}, found none")

    def take_scheme(self, option: str, value: str) -> None:
        del option
        self.signing["signature_scheme"] = _unquoted(value)

    def take_level(self, option: str, value: str) -> None:
        name = _unquoted(value).upper()
        level = int(name) if name.isdecimal() and len(name) < 10 else LEVELS.get(name)
        if level is None:
            raise CommandLineError(
                f"command line: {option}: wanted a number or one of {', '.join(LEVELS)}, "
                f"found {value!r}"
            )
        self.log_level = level
        self.rest = [word for word in self.rest if not word.startswith(LEVEL_FOR_REST)]
        self.rest.append(f"{LEVEL_FOR_REST}{level}")

    def take_log_file(self, option: str, value: str) -> None:
        if not value:
            raise CommandLineError(f"command line: {option}: wanted a path, found ''")
        self.log_file = value

    def take_username(self, option: str, value: str) -> None:
        del option
        self.username = _unquoted(value)

    def take_session(self, option: str, value: str) -> None:
        if not _unquoted(value):
            raise CommandLineError(f"command line: {option}: wanted an id, found ''")
        self.session = _unquoted(value)

    def take_parent(self, option: str, value: str) -> None:
        if not (value.isdecimal() and len(value) < 11 and 0 < int(value) <= MAX_PID):
            raise CommandLineError(
                f"command line: {option}: wanted the number of a process, found {value!r:.40}"
            )
        self.parent = int(value)

    def silence(self, option: str) -> None:
        self.silenced.add(1 if "out" in option else 2)

    def be_open(self, option: str) -> None:
        del option
        self.signing["key"] = ""

    def be_secure(self, option: str) -> None:
        del option
        self.signing.pop("key", None)

    def debug(self, option: str) -> None:
        self.log_level = LEVELS["DEBUG"]
        self.rest.append(option)

    def be_quiet(self, option: str) -> None:
        self.log_level = LEVELS["CRITICAL"]
        self.rest.append(option)

    def show_silent(self, option: str) -> None:
        del option
        self.publish_silent = True


VALUES: dict[str, Callable[[_Reading, str, str], None]] = {
    **dict.fromkeys(("-f", "--f", "--connection-file"), _Reading.take_file),
    **{f"--{name}.connection_file": _Reading.take_file for name in APPLICATIONS},
    **dict.fromkeys(PLACES, _Reading.take_place),
    "--Session.key": _Reading.take_key,
    "--Session.keyfile": _Reading.take_key_file,
    "--keyfile": _Reading.take_key_file,
    "--Session.signature_scheme": _Reading.take_scheme,
    "--log-level": _Reading.take_level,
    "--log-file": _Reading.take_log_file,
    **dict.fromkeys(("--user", "--Session.username"), _Reading.take_username),
    **dict.fromkeys(("--ident", "--Session.session"), _Reading.take_session),
    **dict.fromkeys(("--parent", "--IPKernelApp.parent_handle"), _Reading.take_parent),
    **{
        f"--{name}.log_level": _Reading.take_level
        for name in ("Application", "BaseIPythonApplication", *APPLICATIONS)
    },
}
"""Options with a value: ``--option=value`` or ``--option value``."""

MEANINGS: Mapping[str, object] = {
    option: "key" if "keyfile" in option else PLACES.get(option, take)
    for option, take in VALUES.items()
} | {"--Session.key": "key"}
"""What is the same for each spelling of an option."""

LEVEL_FOR_REST = "--log-level="

REPEATED = "options that stand on the command line more than once, of which the last counts: {}"

FLAGS: dict[str, Callable[[_Reading, str], None]] = {
    "--no-secure": _Reading.be_open,
    "--secure": _Reading.be_secure,
    "--debug": _Reading.debug,
    "--quiet": _Reading.be_quiet,
    "--publish-silent": _Reading.show_silent,
    **dict.fromkeys(("--no-stdout", "--no-stderr"), _Reading.silence),
}
"""Options without one."""


def _unquoted(text: str) -> str:
    """Return *text* without the quotes of a Python literal, as in ``--Session.key="b'secret'"``."""
    literal = text[1:] if text[:2] in ("b'", 'b"') else text
    if len(literal) > 1 and literal[0] == literal[-1] and literal[0] in "'\"":
        return literal[1:-1]
    return text
