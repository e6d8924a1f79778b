"""Options of commands that start a kernel: how it shall be reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from assay.transport import HandshakeForm, Reach

__all__ = ["reach_of", "reach_options"]

F = TypeVar("F", bound=Callable[..., object])


def reach_options(command: F) -> F:
    """Give *command* the options that `assay.transport.Reach` is made of."""
    for option in reversed(
        (
            click.option(
                "--transport",
                type=click.Choice(("tcp", "ipc")),
                default="tcp",
                show_default=True,
                help="How the kernel that is started is reached.",
            ),
            click.option(
                "--ip",
                default="",
                metavar="ADDRESS",
                help="Where it listens, such as ::1; over ipc the beginning of the paths.",
            ),
            click.option("--encrypt", is_flag=True, help="Encrypt its connections, by CURVE."),
            click.option(
                "--handshake",
                type=click.Choice(("draft", "xeus")),
                help="Let it choose its ports and report them (draft of protocol 5.6), by a "
                "registration file as the draft has it or as kernels made with xeus want it.",
            ),
        )
    ):
        command = option(command)
    return command


def reach_of(transport: str, *, ip: str, encrypt: bool, handshake: HandshakeForm | None) -> Reach:
    """Return what the options ask for."""
    from assay.protocol import Transport  # noqa: PLC0415 - sockets are for commands that run
    from assay.transport import Reach  # noqa: PLC0415 - as above

    return Reach(transport=Transport(transport), ip=ip, encrypt=encrypt, handshake=handshake)
