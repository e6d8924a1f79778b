"""The commands and their help texts."""

from __future__ import annotations

import errno
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from assay.commands._check import check_command
from assay.commands._ending import discard_stdout
from assay.commands._engine import engine_command
from assay.commands._exit import Exit
from assay.commands._fuzz import fuzz_command
from assay.commands._install import (
    DEFAULT_DISPLAY_NAME,
    DEFAULT_NAME,
    InstallError,
    Place,
    find_installed,
    foreign_spec,
    install,
    kernel_spec,
    uninstall,
)
from assay.commands._reach_options import reach_of, reach_options
from assay.commands._spec import spec
from assay.commands._why import why_command
from assay.protocol import PROTOCOL_VERSION, AssayError

if TYPE_CHECKING:
    from assay.transport import HandshakeForm

__all__ = ["cli", "run"]

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What writing to a full disk fails with; stdout may be a file on it."""


def run(arguments: Sequence[str]) -> int:
    """Run the command line *arguments* and return the exit code."""
    try:
        result = cli.main(args=list(arguments), prog_name="assay", standalone_mode=False)
    except click.exceptions.Abort as error:
        click.echo("assay: stopped; nothing was changed", err=True)
        # click has one exception for Ctrl-C and for a question that was answered with no.
        # Where it asked itself, it has hidden the cause, which is the context then.
        by_signal = isinstance(error.__cause__ or error.__context__, KeyboardInterrupt)
        return Exit.INTERRUPTED if by_signal else Exit.RAISED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except AssayError as error:
        click.echo(f"assay: {error}", err=True)
        return Exit.RAISED
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        discard_stdout()
        click.echo(f"assay: nothing more can be written: {error.strerror}", err=True)
        return Exit.RAISED
    return result if isinstance(result, int) else Exit.OK


def _show_versions(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    del parameter
    if not value or context.resilient_parsing:
        return
    rows = {
        "assay": _version_of("assay-kernel"),
        "protocol": PROTOCOL_VERSION,
        "Python": platform.python_version(),
        "IPython": _version_of("ipython"),
        "pyzmq": _version_of("pyzmq"),
    }
    for name, found in rows.items():
        click.echo(f"{name} {found}")
    context.exit()


def _version_of(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`assay COMMAND --help` tells more about a command.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_versions,
    help="Show the versions of assay, the protocol, Python, IPython and pyzmq.",
)
def cli() -> None:
    """A reference implementation of the Jupyter kernel protocol, and a Python kernel.

    \b
    assay install --user          make the kernel known to Jupyter
    assay run -c 'print(1 + 1)'   run code on a kernel, here in the terminal
    assay run notebook.ipynb      run all of a notebook
    assay check python3           check a kernel against the specification
    assay new-kernel chess        write the package of a kernel of your own
    assay fuzz python3            search for conversations that a kernel gets wrong
    assay engine --file=FILE      be an engine of an ipyparallel cluster
    assay spec show EXEC-20       explain a rule of the protocol
    assay why                     say why a kernel died
    """


cli.add_command(check_command)
cli.add_command(engine_command)
cli.add_command(fuzz_command)
cli.add_command(spec)
cli.add_command(why_command)


@cli.command("install", short_help="Make the kernel known to Jupyter.")
@click.option("--user", is_flag=True, help="Install for you alone.")
@click.option("--sys-prefix", is_flag=True, help=f"Install in this environment ({sys.prefix}).")
@click.option(
    "--prefix",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Install in the environment in FOLDER, under share/jupyter/kernels.",
)
@click.option("--name", default=DEFAULT_NAME, show_default=True, help="The name clients use.")
@click.option("--display-name", metavar="TEXT", help="The name menus show.")
@click.option(
    "--env",
    "variables",
    type=(str, str),
    multiple=True,
    metavar="NAME VALUE",
    help="Set an environment variable for the kernel; may be repeated.",
)
@click.option("--force", is_flag=True, help="Replace the kernelspec of another kernel, too.")
@click.option(
    "--argv",
    "command",
    metavar="COMMAND",
    help="Install this command, the kernel of another language; {connection_file} stands in it.",
)
@click.option("--language", metavar="NAME", help="With --argv: its language.")
@click.option(
    "--interrupt-mode",
    type=click.Choice(("signal", "message")),
    help="With --argv: how it is interrupted; by default by a signal.",
)
def install_command(
    *,
    user: bool,
    sys_prefix: bool,
    prefix: Path | None,
    name: str,
    display_name: str | None,
    variables: tuple[tuple[str, str], ...],
    force: bool,
    command: str | None,
    language: str | None,
    interrupt_mode: Literal["signal", "message"] | None,
) -> int:
    """Make the kernel known to Jupyter, for the Python that runs this command.

    Without a place the kernelspec goes where all users of the machine find it, which usually takes
    the rights of an administrator.

    \b
    assay install --user
    assay install --sys-prefix --name research --display-name "Python (research)"
    assay install --user --env OMP_NUM_THREADS 4 --env LANG C.UTF-8

    A kernel of your own, in whatever language (docs/languages.md):

    \b
    assay install --user --name sql --language sql --display-name SQL \\
        --argv 'python /path/to/sql.py -f {connection_file}'
    """
    place = _one_place(user=user, sys_prefix=sys_prefix, prefix=prefix)
    if command is None:
        if language is not None or interrupt_mode is not None:
            raise click.UsageError(
                "--language and --interrupt-mode are for a command: wanted --argv"
            )
        shown = display_name or (DEFAULT_DISPLAY_NAME if name == DEFAULT_NAME else name)
        spec = kernel_spec(display_name=shown, env=dict(variables))
    else:
        if language is None or name == DEFAULT_NAME:
            raise click.UsageError("wanted --language and --name with --argv")
        spec = foreign_spec(
            command,
            language=language,
            display_name=display_name or name,
            env=dict(variables),
            interrupt_mode=interrupt_mode or "signal",
        )
    folder = install(place, spec, name=name, force=force)
    click.echo(f"Installed the kernelspec {folder.name} in {folder}")
    if folder not in find_installed(folder.name):
        click.echo(
            f"Jupyter does not look there by itself: set JUPYTER_PATH={folder.parent.parent}",
            err=True,
        )
    return Exit.OK


@cli.command("new-kernel", short_help="Write the package of a kernel of your own.")
@click.argument("name")
@click.argument(
    "folder", required=False, type=click.Path(file_okay=False, path_type=Path), metavar="[FOLDER]"
)
@click.option("--language", metavar="NAME", help="The language; by default NAME.")
@click.option("--display-name", metavar="TEXT", help="The name menus show; by default NAME.")
@click.option("--extension", metavar="TEXT", help="Of files of source; by default .NAME.")
def new_kernel_command(
    *,
    name: str,
    folder: Path | None,
    language: str | None,
    display_name: str | None,
    extension: str | None,
) -> int:
    """Write the package of a kernel called NAME into FOLDER, by default one of that name here.

    It has a language with one word, a kernelspec, tests, and a workflow for CI; all of it runs.

    \b
    assay new-kernel chess
    pip install -e 'chess[test]'
    jupyter console --kernel chess
    pytest chess
    assay check chess
    """
    from assay.commands._new_kernel import NewKernel, write_package  # noqa: PLC0415 - for this alone

    small = name.lower()
    kernel = NewKernel(
        name=name,
        language=language or small,
        display_name=display_name or name,
        extension=extension or f".{small}",
    )
    place = folder or Path(small)
    for path in write_package(kernel, place):
        click.echo(f"  {path}")
    click.echo(f"Next: pip install -e '{place}[test]'; the language is in {kernel.package}")
    return Exit.OK


@cli.command("uninstall", short_help="Remove the kernelspec.")
@click.option("--user", is_flag=True, help="Look only among your own kernelspecs.")
@click.option("--sys-prefix", is_flag=True, help="Look only in this environment.")
@click.option(
    "--prefix",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Look only in the environment in FOLDER.",
)
@click.option("--name", default=DEFAULT_NAME, show_default=True, help="The kernelspec's name.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Remove the kernelspec of another kernel, too.")
def uninstall_command(
    *, user: bool, sys_prefix: bool, prefix: Path | None, name: str, yes: bool, force: bool
) -> int:
    """Remove the kernelspec from wherever Jupyter finds it. The package stays.

    \b
    assay uninstall
    assay uninstall --name research -y
    """
    somewhere = user or sys_prefix or prefix is not None
    place = _one_place(user=user, sys_prefix=sys_prefix, prefix=prefix)
    folders = find_installed(name, (place,) if somewhere else ())
    if not folders:
        raise InstallError(f"wanted a kernelspec named {name!r}, found none; see `assay list`")
    if not yes:
        for folder in folders:
            click.echo(f"  {folder}")
        click.confirm("Remove?", abort=True)
    uninstall(folders, force=force)
    for folder in folders:
        click.echo(f"Removed {folder}")
    return Exit.OK


@cli.command("list", short_help="List the kernels that Jupyter finds.")
def list_command() -> int:
    """List the kernelspecs that Jupyter finds: those that `assay run --kernel NAME` takes."""
    from rich.console import Console  # noqa: PLC0415 - takes time, and few commands need it
    from rich.table import Table  # noqa: PLC0415 - as above

    from assay.transport import list_kernelspecs  # noqa: PLC0415 - as in `_install`

    table = Table(box=None, pad_edge=False, show_edge=False)
    for heading in ("name", "display name", "language", "folder"):
        table.add_column(heading, overflow="fold", no_wrap=not sys.stdout.isatty())
    kernels = list_kernelspecs()
    for kernel in kernels:
        spec = kernel.spec
        table.add_row(kernel.name, spec.display_name, spec.language, str(kernel.folder))
    if kernels:
        width = None if sys.stdout.isatty() else 10_000
        Console(width=width, highlight=False, markup=False).print(table)
    else:
        click.echo("Jupyter finds no kernels; `assay install --user` adds this one.", err=True)
    return Exit.OK


@cli.command(
    "kernel",
    short_help="Be a kernel; Jupyter runs this.",
    context_settings={"ignore_unknown_options": True},
)
@click.option(
    "-f",
    "connection_file",
    metavar="FILE",
    help="The connection file. Ports of 0 are chosen by the kernel and written back; a file that "
    "does not exist is written, and removed at the end.",
)
@click.option(
    "--publish-silent",
    is_flag=True,
    help="Publish what silent requests print and display, as ipykernel does.",
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF IPYTHON]...")
def kernel_command(
    *, connection_file: str | None, publish_silent: bool, options: tuple[str, ...]
) -> int:
    """Start a kernel that listens where the connection FILE says.

    Jupyter runs this by itself once the kernel is installed. It ends when a client shuts it down,
    or with the process that started it.

    The options of IPython's kernel are taken, such as --profile=NAME. Unknown options are
    named in a warning, and the kernel goes on. What decides about the connection:

    \b
    --ip=ADDRESS --transport=tcp|ipc            instead of what FILE says
    --shell=PORT --iopub=PORT --stdin=PORT --control=PORT --hb=PORT
    --Session.keyfile=PATH --Session.key=KEY    where FILE has no key
    --Session.signature_scheme=hmac-sha512      where FILE names none
    --no-secure                                 no key, where FILE has none
    --debug --quiet --log-level=LEVEL           how much goes to stderr
    --IPKernelApp.capture_fd_output=False       leave what C code writes to the terminal

    \b
    assay kernel -f connection.json
    jupyter console --existing connection.json

    \b
    Exit codes: 0 after a shutdown, 1 the kernel cannot start, 2 the options make no sense,
    143 after SIGTERM.
    """
    # `assay.__main__` has dispatched real starts already; this is for callers of `cli`.
    from assay.kernel import main as run_kernel  # noqa: PLC0415 - only this command needs it

    words = [] if connection_file is None else ["-f", connection_file]
    return run_kernel([*words, *(["--publish-silent"] if publish_silent else []), *options])


@cli.command("run", short_help="Run code, a script or a notebook.")
@click.option("-c", "code", metavar="CODE", help="Run this code.")
@click.option("--kernel", metavar="NAME", help="Use an installed kernel instead of this one.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the executed notebook here; what was run until an error is written as well.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Interrupt a cell that takes longer.",
)
@click.option(
    "--start-timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the kernel may take to answer, and again until it runs code.",
)
@click.option("--allow-errors", is_flag=True, help="Go on after an error; it is no failure.")
@click.option(
    "--cwd",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where the kernel runs: by default here, for a notebook its own folder.",
)
@reach_options
@click.option("-q", "--quiet", is_flag=True, help="Do not report progress.")
@click.argument("source", required=False, metavar="[FILE | -]")
@click.argument("arguments", nargs=-1, metavar="[ARGUMENTS]...")
def run_command(
    *,
    code: str | None,
    kernel: str | None,
    output: Path | None,
    timeout: float | None,
    start_timeout: float,
    allow_errors: bool,
    cwd: Path | None,
    transport: str,
    ip: str,
    encrypt: bool,
    handshake: HandshakeForm | None,
    quiet: bool,
    source: str | None,
    arguments: tuple[str, ...],
) -> int:
    """Run code, a script or a notebook on a kernel of its own.

    Outputs are shown as they come, and input() asks here. Ctrl-C interrupts the code. A FILE that
    ends in .ipynb is a notebook; a dash reads code from stdin. ARGUMENTS are the script's own;
    those that begin with a dash stand behind `--`.

    \b
    assay run -c 'import sys; print(sys.version)'
    assay run analysis.py data.csv -- --verbose
    assay run report.ipynb --output done.ipynb --timeout 600
    echo 'print(6 * 7)' | assay run -
    assay run --kernel python3 notebook.ipynb

    \b
    Exit codes: 0 all went well, 1 the code raised an exception, 2 the command makes no sense, 3 the
    kernel could not start or died, 130 interrupted. Code that calls sys.exit decides for itself.
    """
    from assay.commands import _run  # noqa: PLC0415 - sockets are for this command alone

    options = _run.Options(
        kernel=kernel,
        timeout=timeout,
        start_timeout=start_timeout,
        allow_errors=allow_errors,
        cwd=cwd,
        quiet=quiet,
        reach=reach_of(transport, ip=ip, encrypt=encrypt, handshake=handshake),
    )
    try:
        if code is not None:
            words = arguments if source is None else (source, *arguments)
            _refuse_output(output)
            return _run.run_code(code, options, arguments=words)
        if source is None:
            raise click.UsageError("wanted -c CODE, a FILE, or - for stdin; found nothing to run")
        path = None if source == "-" else Path(source)
        if path is not None and path.suffix == ".ipynb":
            if arguments:
                raise click.UsageError("a notebook takes no arguments")
            return _run.run_notebook(path, options, output=output)
        _refuse_output(output)
        text = _run.read_script(path)
        return _run.run_code(text, options, script=path, arguments=arguments)
    except _run.SourceError as error:
        raise click.UsageError(str(error)) from error


def _one_place(*, user: bool, sys_prefix: bool, prefix: Path | None) -> Place:
    if [user, sys_prefix, prefix is not None].count(True) > 1:
        raise click.UsageError("wanted one of --user, --sys-prefix and --prefix, found several")
    return Place(user=user, prefix=Path(sys.prefix) if sys_prefix else prefix)


def _refuse_output(output: Path | None) -> None:
    if output is not None:
        raise click.UsageError("--output is for notebooks")
