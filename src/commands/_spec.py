"""``assay spec``: requirements, errata, schemas and vectors on the command line."""

from __future__ import annotations

import click

from assay.commands._exit import Exit

__all__ = ["spec"]

LEVELS = ("MUST", "SHOULD", "MAY", "INFO")
PARTIES = ("kernel", "client", "launcher", "package")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


@click.group("spec", short_help="Look up the protocol's rules.")
def spec() -> None:
    """Look up requirements, errata, schemas and byte vectors of the protocol.

    \b
    assay spec show EXEC-20
    assay spec list --area EXEC --level MUST --binds kernel
    assay spec search idle output
    assay spec schema execute_request --lenient
    """


@spec.command("list", short_help="List requirements.")
@click.option("--area", metavar="PREFIX", help="Only this area: EXEC, or its name; AMB for errata.")
@click.option("--level", type=click.Choice(LEVELS, case_sensitive=False), help="Only this level.")
@click.option(
    "--binds",
    type=click.Choice(PARTIES, case_sensitive=False),
    help="Only what binds this party; what binds kernel and client counts for each.",
)
@json_option
def list_command(*, area: str | None, level: str | None, binds: str | None, as_json: bool) -> int:
    """List the requirements, or those of them that the options choose.

    \b
    assay spec list
    assay spec list --area SUBSHELL
    assay spec list --level MUST --binds client --json
    """
    from assay.commands import _spec_text  # noqa: PLC0415 - the files are read by this group alone

    return _spec_text.list_entries(area=area, level=level, binds=binds, as_json=as_json)


@spec.command("show", short_help="Explain a requirement, an erratum or a vector.")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@json_option
def show_command(*, ids: tuple[str, ...], as_json: bool) -> int:
    """Explain what has this ID: its text, source, test, known divergences, and our reading.

    \b
    assay spec show EXEC-20
    assay spec show AMB-06
    assay spec show EXEC-20 EXEC-21 --json
    """
    from assay.commands import _spec_text  # noqa: PLC0415 - as above

    return _spec_text.show(ids, as_json=as_json)


@spec.command("schema", short_help="Print a JSON Schema.")
@click.option("--version", metavar="VERSION", help="The protocol's version; by default the newest.")
@click.option("--lenient", is_flag=True, help="What a tolerant receiver takes.")
@click.argument("name", required=False, metavar="[MSG_TYPE]")
@json_option
def schema_command(*, version: str | None, lenient: bool, name: str | None, as_json: bool) -> int:
    """Print the JSON Schema of a message's content, or without a MSG_TYPE the names there are.

    There are also header, parent_header, message, websocket_message, connection_file, kernelspec,
    registration_file and registration. A newer minor VERSION has the schemas of the newest.

    \b
    assay spec schema
    assay spec schema execute_request
    assay spec schema object_info_reply --version 4.1 --lenient
    """
    from assay.commands import _spec_text  # noqa: PLC0415 - as above

    return _spec_text.print_schema(name, version=version, lenient=lenient, as_json=as_json)


@spec.command("vectors", short_help="List byte vectors.")
@click.argument("subject", required=False, metavar="[SUBJECT]")
@json_option
def vectors_command(*, subject: str | None, as_json: bool) -> int:
    """List the byte vectors on a SUBJECT, or without one the subjects.

    \b
    assay spec vectors
    assay spec vectors framing
    """
    from assay.commands import _spec_text  # noqa: PLC0415 - as above

    return _spec_text.list_vectors(subject, as_json=as_json)


@spec.command("search", short_help="Find requirements, errata, schemas and vectors.")
@click.argument("words", nargs=-1, required=True, metavar="WORDS...")
@json_option
def search_command(*, words: tuple[str, ...], as_json: bool) -> int:
    """Find what has all the WORDS, in any order and any case. Finding nothing is exit code 1.

    \b
    assay spec search idle output
    assay spec search display_id
    """
    from assay.commands import _spec_text  # noqa: PLC0415 - as above

    found = _spec_text.search(words, as_json=as_json)
    return Exit.OK if found else Exit.RAISED
