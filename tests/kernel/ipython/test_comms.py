"""Comms: messages between a kernel's objects and a client's."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from assay.kernel._comm_contents import CarriedClose, CarriedMsg, CarriedOpen
from assay.protocol import (
    Channel,
    CommClose,
    CommInfoReply,
    CommInfoRequest,
    CommMsg,
    CommOpen,
    Content,
    ExecuteRequest,
    Json,
    StreamName,
    Unknown,
    unstructure,
)
from assay.transport import Client, Received
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    execute,
    finish,
    is_well,
    only,
    result,
    states,
    succeeded,
    text_of,
)

ECHO = """
from comm import get_comm_manager

def echo(comm, opening):
    kept.append(comm)
    comm.send({'opened': opening['content']['data']})
    @comm.on_msg
    def answer(message):
        comm.send(
            {'echo': message['content']['data']},
            metadata=message['metadata'],
            buffers=message['buffers'],
        )
    @comm.on_close
    def closed(message):
        print('closed', message['content']['data'])

kept = []
get_comm_manager().register_target('echo', echo)
"""


@pytest.fixture
def echo(client: Client) -> Client:
    """A client of a kernel that has the target ``echo``."""
    succeeded(execute(client, ECHO))
    return client


def notify(
    client: Client,
    content: Content,
    *,
    buffers: Sequence[bytes] = (),
    metadata: dict[str, Json] | None = None,
) -> tuple[Received, ...]:
    """Send a comm message; return what was published for it, status aside."""
    published = client.notify(content, buffers=buffers, metadata=metadata, timeout=HANG_LIMIT_S)
    assert states(published) == ["busy", "idle"]
    assert published[0].msg_type == published[-1].msg_type == "status"
    assert client.waiting(Channel.SHELL) == ()
    return published[1:-1]


def comms(client: Client, target_name: str | None = None) -> dict[str, str]:
    """Return the ids and targets of the open comms."""
    request = CommInfoRequest() if target_name is None else CommInfoRequest(target_name=target_name)
    reply = client.request(request, timeout=HANG_LIMIT_S).content
    assert isinstance(reply, CommInfoReply)
    return {comm_id: info.target_name for comm_id, info in reply.comms.items()}


def test_conversation_from_open_to_close(echo: Client) -> None:
    """open, msg and close reach the target, each with busy and idle (COMM-01, -02, -04 to -07)."""
    (opened,) = notify(echo, CommOpen(comm_id="c1", target_name="echo", data={"a": 1}))
    assert opened.content == CommMsg(comm_id="c1", data={"opened": {"a": 1}})
    assert comms(echo, "echo") == {"c1": "echo"}

    (echoed,) = notify(echo, CommMsg(comm_id="c1", data={"b": [None, "\U0001f40d"]}))
    assert echoed.content == CommMsg(comm_id="c1", data={"echo": {"b": [None, "\U0001f40d"]}})

    closed = notify(echo, CommClose(comm_id="c1", data={"bye": True}))
    assert text_of(closed) == "closed {'bye': True}\n"
    assert comms(echo) == {}


BUFFERS = {
    "none": [],
    "empty": [b""],
    "several": [b"", b"\x00\xff", b"<IDS|MSG>"],
    "large": [b"x" * 5_000_000],
}


@pytest.mark.parametrize("kind", sorted(BUFFERS))
def test_buffers_and_metadata_go_both_ways(echo: Client, kind: str) -> None:
    """Buffers come back byte for byte, with the metadata (COMM-09, WIRE-09)."""
    notify(echo, CommOpen(comm_id="b", target_name="echo"))

    (echoed,) = notify(
        echo, CommMsg(comm_id="b"), buffers=BUFFERS[kind], metadata={"key": {"deep": 1}}
    )
    notify(echo, CommClose(comm_id="b"))

    assert [bytes(buffer) for buffer in echoed.message.buffers] == BUFFERS[kind]
    assert echoed.message.metadata == {"key": {"deep": 1}}


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("b'bytes'", b"bytes"),
        ("bytearray(b'array')", b"array"),
        ("memoryview(b'a view')[2:]", b"view"),
        ("memoryview(b'abcdef')[::2]", b"ace"),
        ("numpy.arange(3, dtype='<i4')", b"\0\0\0\0\1\0\0\0\2\0\0\0"),
        ("numpy.arange(4, dtype='u1').reshape(2, 2).T", b"\0\2\1\3"),
        ("numpy.zeros((0, 3))", b""),
        ("memoryview(numpy.arange(6, dtype='u1').reshape(2, 3))[:]", b"\0\1\2\3\4\5"),
    ],
)
def test_anything_with_bytes_is_a_buffer(client: Client, expression: str, wanted: bytes) -> None:
    """Whatever has bytes can be sent as a buffer, in the order of its elements (COMM-09)."""
    answer = execute(
        client,
        "import numpy\nfrom comm import create_comm\n"
        f"create_comm(target_name='t').send({{}}, buffers=[{expression}])",
    )

    succeeded(answer)
    (sent,) = [received for received in answer.published if received.msg_type == "comm_msg"]
    assert [bytes(buffer) for buffer in sent.message.buffers] == [wanted]


def test_buffers_are_what_they_were_when_sent(client: Client) -> None:
    """A buffer that changes after `send` arrives as it was (COMM-09)."""
    answer = execute(
        client,
        "from comm import create_comm\n"
        "data = bytearray(b'x' * 200_000)\n"
        "create_comm(target_name='t').send({}, buffers=[data]); data[:] = b'y' * 200_000",
    )

    (sent,) = [received for received in answer.published if received.msg_type == "comm_msg"]
    assert bytes(sent.message.buffers[0]) == b"x" * 200_000


def test_kernel_may_open_and_close(client: Client) -> None:
    """A comm opened by the kernel is published with target and data (COMM-01, COMM-10)."""
    answer = execute(
        client,
        "from comm import create_comm\n"
        "mine = create_comm(target_name='front', data={'a': 1}, metadata={'m': 2}, comm_id='k')",
    )

    assert only(answer, CommOpen) == CommOpen(
        comm_id="k", target_name="front", data={"a": 1}, target_module=None
    )
    assert comms(client, "front") == {"k": "front"}

    closed = execute(client, "mine.close({'why': 'done'})")
    assert only(closed, CommClose) == CommClose(comm_id="k", data={"why": "done"})
    assert comms(client, "front") == {}


WRONG_CALLS = {
    "create_comm(comm_id=b'x')": "comm_id: wanted text or None, found bytes",
    "create_comm('t', None, None, None, 5)": "comm_id: wanted text or None, found int",
    "create_comm(target_name=5)": "target_name: wanted text, found int",
    "create_comm(target_module=b'm')": "target_module: wanted text or None, found bytes",
    "create_comm(metadata='m')": "metadata: wanted a dict or None, found str",
    "create_comm(buffers=b'xy')": "buffers: wanted a list of buffers, found bytes",
    "mine.send({}, metadata=[])": "metadata: wanted a dict or None, found list",
    "mine.send({}, buffers=[b'1', 'two'])": "buffers[1]: wanted bytes or the like",
    "mine.send({}, buffers=5)": "buffers[0]: wanted bytes or the like",
    "mine.on_msg(5)": "callback: wanted a function or None, found int",
    "mine.on_close('x')": "callback: wanted a function or None, found str",
    "manager.register_target(b't', print)": "target_name: wanted text, found bytes",
    "manager.register_target('t', 5)": "f: wanted a function, or the dotted name of one, found int",
}
"""What a program may call by mistake, and what it reads."""


def test_wrong_types_are_errors_of_the_call(client: Client) -> None:
    """Each verb refuses what no client could read, sends nothing, and the comm goes on."""
    answer = execute(
        client,
        "from comm import create_comm, get_comm_manager\n"
        "manager = get_comm_manager(); mine = create_comm(comm_id='é')\n"
        "for call in " + repr([*WRONG_CALLS]) + ":\n"
        "    try: eval(call)\n"
        "    except TypeError as error: print(error)\n"
        "    else: print('accepted', call)\n"
        "mine.send({'still': 'open'})",
    )

    found = answer.text().splitlines()
    assert [wanted in line for wanted, line in zip(WRONG_CALLS.values(), found, strict=True)] == [
        True
    ] * len(WRONG_CALLS), found
    assert [r.content for r in answer.published if r.msg_type.startswith("comm_")] == [
        CommOpen(comm_id="é", target_name="comm", target_module=None),
        CommMsg(comm_id="é", data={"still": "open"}),
    ]


@pytest.mark.parametrize("data", ["text", "", ["a"], 0, 1.5, False, {"a": 1}])
def test_data_of_any_form_are_carried(echo: Client, data: Json) -> None:
    """Data that are no object reach the target and come back as they were (decision 0028)."""
    comm_id = f"any-{data!r}"
    came = [
        *notify(echo, CarriedOpen(comm_id=comm_id, target_name="echo", data=data)),
        *notify(echo, CarriedMsg(comm_id=comm_id, data=data)),
        *notify(echo, CarriedClose(comm_id=comm_id, data=data)),
    ]

    assert [one.content for one in came[:2]] == [
        CommMsg(comm_id=comm_id, data={"opened": data}),
        CommMsg(comm_id=comm_id, data={"echo": data}),
    ]
    assert text_of(came[2:]) == f"closed {data}\n"


def test_program_sends_data_of_any_form(client: Client) -> None:
    """What is no object is published as it is, nothing as an empty object (decision 0028)."""
    sent: list[Json] = ["text", "", ["a"], 0, False, None]
    answer = client.execute(
        "from comm import create_comm\n"
        f"for data in {sent!r}:\n"
        "    mine = create_comm(target_name='t', data=data); mine.send(data); mine.close(data)",
        timeout=HANG_LIMIT_S,
    )

    published = [r.content for r in answer.published if r.msg_type.startswith("comm_")]
    wanted = [{} if data is None else data for data in sent for _ in range(3)]
    assert [unstructure(content)["data"] for content in published] == wanted


def test_unknown_target_is_closed(client: Client) -> None:
    """An open for a target that is not there is answered by a close (COMM-03)."""
    published = notify(client, CommOpen(comm_id="lost", target_name="nobody"))

    assert [r.content for r in published if r.msg_type == "comm_close"] == [
        CommClose(comm_id="lost")
    ]
    assert "lost" not in comms(client)


@pytest.mark.parametrize("content", [CommMsg(comm_id="no"), CommClose(comm_id="no")])
def test_unknown_comm_does_no_harm(client: Client, content: Content) -> None:
    """Messages for an id that nobody has are ignored (COMM-08)."""
    notify(client, content)

    assert is_well(client)


def test_handler_that_raises_at_open_closes_the_comm(client: Client) -> None:
    """A target that fails closes the comm; the kernel lives (COMM-11)."""
    execute(
        client,
        "from comm import get_comm_manager\n"
        "get_comm_manager().register_target('bad', lambda comm, message: 1 / 0)",
    )

    published = notify(client, CommOpen(comm_id="bad1", target_name="bad"))

    assert "comm_close" in [received.msg_type for received in published]
    assert comms(client, "bad") == {}
    assert is_well(client)


@pytest.mark.parametrize("failure", ["1 / 0", "raise KeyboardInterrupt", "raise SystemExit"])
@pytest.mark.parametrize("event", ["msg", "close"])
def test_handler_that_raises_is_told_and_harmless(client: Client, event: str, failure: str) -> None:
    """A failing handler aborts nothing and does not end the kernel (COMM-11, COMM-12)."""
    execute(
        client,
        "from comm import get_comm_manager\n"
        "def target(comm, opening):\n"
        f"    @comm.on_{event}\n"
        "    def handle(message):\n"
        f"        {failure}\n"
        "get_comm_manager().register_target('raises', target)",
    )
    notify(client, CommOpen(comm_id="r", target_name="raises"))

    content = CommMsg(comm_id="r") if event == "msg" else CommClose(comm_id="r")
    client.send(content)
    queued = client.start(ExecuteRequest(code="'runs'"))

    assert result(finish(client, queued)) == "'runs'"
    assert is_well(client)
    notify(client, CommClose(comm_id="r"))


@pytest.mark.parametrize(
    ("msg_type", "fields"),
    [
        ("comm_open", {}),
        ("comm_open", {"comm_id": 5, "target_name": "echo", "data": {}}),
        ("comm_open", {"comm_id": "x", "target_name": None, "data": {}}),
        ("comm_msg", {"data": {}}),
        ("comm_close", {"comm_id": ["x"]}),
    ],
)
def test_malformed_comm_message_is_dropped(
    client: Client, msg_type: str, fields: dict[str, Json]
) -> None:
    """A comm message of the wrong shape has busy and idle, and no reply (SHELL-07, WIRE-19)."""
    published = client.notify(Unknown(extra=fields), msg_type=msg_type, timeout=HANG_LIMIT_S)

    assert states(published) == ["busy", "idle"]
    assert len(published) == 2
    assert client.waiting(Channel.SHELL) == ()


def test_comm_id_that_is_taken_does_no_harm(echo: Client) -> None:
    """A second open under one id does not break the kernel (AMB-47)."""
    notify(echo, CommOpen(comm_id="twice", target_name="echo"))
    notify(echo, CommOpen(comm_id="twice", target_name="echo"))

    assert comms(echo, "echo") == {"twice": "echo"}
    notify(echo, CommClose(comm_id="twice"))


def test_other_clients_hear_comms(echo: Client, another: Client) -> None:
    """Comm messages of the kernel go to all clients (COMM-10)."""
    notify(echo, CommOpen(comm_id="heard", target_name="echo"))
    execute(another, "")

    heard = [received.msg_type for received in another.waiting(Channel.IOPUB)]
    assert "comm_msg" in heard
    notify(echo, CommClose(comm_id="heard"))


def test_output_of_a_handler_belongs_to_its_message(client: Client) -> None:
    """What a handler prints and displays has the comm message as parent (COMM-07, HDR-13)."""
    execute(
        client,
        "from comm import get_comm_manager\n"
        "from IPython.display import display\n"
        "def target(comm, opening):\n"
        "    import sys, os\n"
        "    print('printed'); display(1); print('err', file=sys.stderr); os.write(1, b'raw')\n"
        "get_comm_manager().register_target('prints', target)",
    )

    published = notify(client, CommOpen(comm_id="p", target_name="prints"))

    assert text_of(published) == "printed\nraw"
    assert text_of(published, StreamName.STDERR) == "err\n"
    assert "display_data" in [received.msg_type for received in published]


def test_handler_may_start_tasks(client: Client) -> None:
    """A handler sees the running event loop, as cells do (EXEC-01, COMM-07)."""
    execute(
        client,
        "import asyncio\nfrom comm import get_comm_manager\n"
        "async def work(): done.set()\n"
        "done = asyncio.Event()\n"
        "def target(comm, opening): global task; task = asyncio.create_task(work())\n"
        "get_comm_manager().register_target('tasks', target)",
    )
    notify(client, CommOpen(comm_id="t", target_name="tasks"))

    assert result(execute(client, "await done.wait()")) == "True"


def test_unknown_filter_finds_nothing(client: Client) -> None:
    """comm_info for a target that has no comms is empty and ok (INFO-13)."""
    assert comms(client, "no such target") == {}


def test_slider_of_ipywidgets_works(mine: Client) -> None:
    """A widget is opened, displayed, moved by the client and read by a cell (COMM-01 to -05)."""
    shown = execute(
        mine,
        "import ipywidgets\n"
        "slider = ipywidgets.IntSlider(value=3, max=50)\n"
        "seen = []\n"
        "slider.observe(lambda change: seen.append(change['new']), 'value')\n"
        "slider.observe(lambda change: print('moved', change['new']), 'value')\n"
        "slider",
    )
    opened = [received for received in shown.published if received.msg_type == "comm_open"]
    assert {c.target_name for c in shown.contents(CommOpen)} == {"jupyter.widget"}
    assert all("version" in received.message.metadata for received in opened)
    assert "application/vnd.jupyter.widget-view+json" in str(shown.published)
    slider = next(
        c.comm_id for c in shown.contents(CommOpen) if "IntSliderModel" in str(c.data["state"])
    )

    moved = notify(mine, CommMsg(comm_id=slider, data={"method": "update", "state": {"value": 7}}))

    assert text_of(moved) == "moved 7\n"
    assert result(execute(mine, "slider.value, seen")) == "(7, [7])"
    updated = execute(mine, "slider.value = 9")
    assert any(c.data.get("state") == {"value": 9} for c in updated.contents(CommMsg))


def test_output_widget_takes_what_is_printed(mine: Client) -> None:
    """ipywidgets' Output finds the running request and captures by it (HDR-13)."""
    answer = execute(
        mine,
        "import ipywidgets\nout = ipywidgets.Output()\nwith out:\n    print('inside')\n"
        "print('outside')",
    )

    # The client moves what comes between these two updates into the widget.
    found = [content.data.get("state") for content in answer.contents(CommMsg)]
    assert found == [{"msg_id": str(answer.request.header.msg_id)}, {"msg_id": ""}]
    assert answer.text() == "inside\noutside\n"


def test_interact_runs_its_function(mine: Client) -> None:
    """`interact` shows what the function gives for each value (COMM-07)."""
    shown = execute(
        mine,
        "from ipywidgets import interact, IntSlider\n"
        "slider = IntSlider(value=1)\n"
        "interact(lambda x: print('value', x), x=slider);",
    )
    slider = next(
        c.comm_id for c in shown.contents(CommOpen) if "IntSliderModel" in str(c.data["state"])
    )

    moved = notify(mine, CommMsg(comm_id=slider, data={"method": "update", "state": {"value": 5}}))

    assert "value 1\n" in shown.text()
    assert "value 5\n" in text_of(moved)
