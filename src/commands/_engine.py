"""``assay engine``: the help, and the way to it for callers of `cli`."""

from __future__ import annotations

import click

__all__ = ["engine_command"]


@click.command(
    "engine",
    short_help="Be an engine of an ipyparallel cluster.",
    context_settings={"ignore_unknown_options": True},
)
@click.option(
    "-f",
    "--file",
    "file",
    metavar="FILE",
    help="The controller's file for engines, ipcontroller-engine.json. By default the text in "
    "$IPP_CONNECTION_INFO, else the file in the profile's folder.",
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS]...")
def engine_command(*, file: str | None, options: tuple[str, ...]) -> int:
    """Work for a controller of ipyparallel, which an `ipyparallel.Client` drives.

    The controller gives the engine its number and its tasks, and tasks are pickled functions: who
    may send some to the controller runs code here. The engine ends when a client shuts it down,
    and when the controller is gone. It needs ipyparallel: pip install 'assay-kernel[parallel]'.

    \b
    --profile=NAME --profile-dir=FOLDER --cluster-id=ID    which cluster, instead of FILE
    --wait=SECONDS          how long a FILE that is not there is waited for (10)
    --timeout=SECONDS       how long the controller has to answer (30)
    --id=N                  the number to ask for; --mpi asks for the rank
    --missed-pings=N        how many of the controller's pings may fail before the engine ends
                            (10, and 10 seconds at least; 0: it never ends)
    --ssh=SERVER --sshkey=KEYFILE --location=ADDRESS       how to reach the controller
    -c CODE, -s SCRIPT      what is run first
    --no-watcher            start no second process that tells the controller of this one's end
    --debug --quiet --log-level=LEVEL                      how much goes to stderr

    Other options are IPython's, such as --InteractiveShell.colors=nocolor.

    \b
    assay engine --file=ipcontroller-engine.json
    ipcluster start -n 4 --engines=assay

    \b
    Exit codes: 0 after a shutdown, 1 the engine cannot start, its controller is gone or has dropped
    it, 2 the options make no sense, 143 after SIGTERM.
    """
    # `assay.__main__` has dispatched real starts already; this is for callers of `cli`.
    from assay.kernel.engine import main  # noqa: PLC0415 - only this command needs it

    return main([*([] if file is None else [f"--file={file}"]), *options])
