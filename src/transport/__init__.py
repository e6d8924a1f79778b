"""ZeroMQ, for a kernel and for its clients; no other package imports zmq."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from assay.transport._heartbeat import Heartbeat
from assay.transport._io_thread import IoThread, Receiver
from assay.transport._lane import Lane
from assay.transport._log import OutboundLog, When
from assay.transport._logger import get_logger, prepare_logging, set_up_logging
from assay.transport._sockets import BindError, KernelSockets, bind_kernel, postpone_exit
from assay.transport._text import PART_ROOM, RUN_ROOM, Record, Run
from assay.transport._topics import Topics

__all__ = [
    "PART_ROOM",
    "RUN_ROOM",
    "BindError",
    "Heartbeat",
    "IoThread",
    "KernelSockets",
    "Lane",
    "OutboundLog",
    "Receiver",
    "Record",
    "Run",
    "Topics",
    "When",
    "bind_kernel",
    "get_logger",
    "postpone_exit",
    "prepare_logging",
    "set_up_logging",
]

# The client's side and an engine's. Imported when first used: a kernel that starts needs none of
# it.

if TYPE_CHECKING:
    from assay.transport._answer import Answer, Received, Refused
    from assay.transport._client import Client, Lifeline, session_for
    from assay.transport._cluster import (
        CurveClient,
        EngineSockets,
        Heart,
        Hub,
        HubLine,
        Relay,
        bind_engine,
        connect_control,
        connect_engine,
        curve_client,
        open_tunnel,
    )
    from assay.transport._errors import (
        ClosedError,
        KernelEndedError,
        KernelSpecError,
        LaunchError,
        RefusedRequestError,
        TimedOutError,
        TransportError,
    )
    from assay.transport._exchange import Exchange, OnInput, OnOutput
    from assay.transport._kernelspecs import (
        InstalledKernel,
        find_kernelspec,
        kernelspec_folders,
        list_kernelspecs,
    )
    from assay.transport._launcher import KernelProcess, free_ports, launch
    from assay.transport._loans import Loan, lend
    from assay.transport._raw_client import RawClient
    from assay.transport._raw_socket import RawSocket, curve_keys
    from assay.transport._reach import USUAL_REACH, HandshakeForm, Reach
    from assay.transport._reactor import Reactor
    from assay.transport._recorder import Recorder
    from assay.transport._registration import RegistrationService, register
    from assay.transport._risks import tell_risks
    from assay.transport._sharing import give_away, is_received, writable
    from assay.transport._starts import end_processes, raise_soon
    from assay.transport._topics import EngineTopics

__all__ += [
    "USUAL_REACH",
    "Answer",
    "Client",
    "ClosedError",
    "CurveClient",
    "EngineSockets",
    "EngineTopics",
    "Exchange",
    "HandshakeForm",
    "Heart",
    "Hub",
    "HubLine",
    "InstalledKernel",
    "KernelEndedError",
    "KernelProcess",
    "KernelSpecError",
    "LaunchError",
    "Lifeline",
    "Loan",
    "OnInput",
    "OnOutput",
    "RawClient",
    "RawSocket",
    "Reach",
    "Reactor",
    "Received",
    "Recorder",
    "Refused",
    "RefusedRequestError",
    "RegistrationService",
    "Relay",
    "TimedOutError",
    "TransportError",
    "bind_engine",
    "connect_control",
    "connect_engine",
    "curve_client",
    "curve_keys",
    "end_processes",
    "find_kernelspec",
    "free_ports",
    "give_away",
    "is_received",
    "kernelspec_folders",
    "launch",
    "lend",
    "list_kernelspecs",
    "open_tunnel",
    "raise_soon",
    "register",
    "session_for",
    "tell_risks",
    "writable",
]

_CLIENT_MODULES = {
    "_answer": ("Answer", "Received", "Refused"),
    "_client": ("Client", "Lifeline", "session_for"),
    "_cluster": (
        "CurveClient",
        "EngineSockets",
        "Heart",
        "Hub",
        "HubLine",
        "Relay",
        "bind_engine",
        "connect_control",
        "connect_engine",
        "curve_client",
        "open_tunnel",
    ),
    "_errors": (
        "ClosedError",
        "KernelEndedError",
        "KernelSpecError",
        "LaunchError",
        "RefusedRequestError",
        "TimedOutError",
        "TransportError",
    ),
    "_exchange": ("Exchange", "OnInput", "OnOutput"),
    "_kernelspecs": (
        "InstalledKernel",
        "find_kernelspec",
        "kernelspec_folders",
        "list_kernelspecs",
    ),
    "_launcher": ("KernelProcess", "free_ports", "launch"),
    "_loans": ("Loan", "lend"),
    "_raw_client": ("RawClient",),
    "_raw_socket": ("RawSocket", "curve_keys"),
    "_reach": ("USUAL_REACH", "HandshakeForm", "Reach"),
    "_reactor": ("Reactor",),
    "_recorder": ("Recorder",),
    "_registration": ("RegistrationService", "register"),
    "_risks": ("tell_risks",),
    "_sharing": ("give_away", "is_received", "writable"),
    "_starts": ("end_processes", "raise_soon"),
    "_topics": ("EngineTopics",),
}
_CLIENT_HOMES = {name: module for module, names in _CLIENT_MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    home = _CLIENT_HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
