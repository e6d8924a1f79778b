"""The end of a kernel that has subshells and no interpreter yet; in memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from assay.kernel._request import Request
from assay.kernel.dispatch._replies import Responder
from assay.kernel.lanes._answering import Surroundings
from assay.kernel.lanes._beside import Beside
from assay.kernel.lanes._shutdown import Shutdown
from assay.kernel.lanes._subshells import Subshells
from assay.kernel.output._iopub import Output
from assay.kernel.output._parents import Parents
from assay.protocol import Channel, CreateSubshellReply, CreateSubshellRequest
from assay.transport import IoThread, OutboundLog
from tests.kernel._memory import MemoryLog, make_session, received, topic


def test_subshell_ends_that_has_not_begun() -> None:
    """Its thread ends, without an error, though there never was an interpreter."""
    log, ended = MemoryLog(), list[str]()
    around = Surroundings(
        io=cast("IoThread", SimpleNamespace(log=log)),
        responder=Responder(cast("OutboundLog", log), make_session("kernel"), topic),
        output=cast("Output", None),
        parents=Parents(),
        shutdown=cast("Shutdown", None),
        catch_up=lambda: None,
        put_back=lambda: None,
    )
    subshells = Subshells(around, cast("Beside", None), ended.append)
    subshells.receive(Request(Channel.CONTROL, received(CreateSubshellRequest())))

    subshells.close()
    while not ended:
        log.step()

    (created,) = [
        message.content
        for _, message in log.sent
        if isinstance(message.content, CreateSubshellReply)
    ]
    assert ended == [created.subshell_id]
