"""What the clients of a generated conversation do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from attrs import field, frozen
from hypothesis import strategies as st

from assay.conformance._language import Language
from assay.protocol import Channel
from assay.testing import malformed_contents

__all__ = [
    "Ask",
    "Frames",
    "Interrupt",
    "Step",
    "conversations",
    "requires_reply",
    "shown",
]

CLIENTS = 3

MOST_STEPS = 12

CELLS: tuple[tuple[str, dict[str, object]], ...] = (
    ("nothing", {}),
    ("print", {"text": "assay"}),
    ("result", {"number": 41}),
    ("error", {"text": "assay"}),
    ("print_and_error", {"text": "assay"}),
    ("syntax_error", {}),
    ("define", {"name": "assay_a", "number": 1}),
    ("use", {"name": "assay_a"}),
    ("unicode", {}),
    ("comment", {"text": "assay"}),
)
"""Snippets and their words."""

SPOILT = (
    "execute_request",
    "complete_request",
    "inspect_request",
    "is_complete_request",
    "history_request",
    "comm_info_request",
    "comm_open",
    "comm_msg",
    "comm_close",
)
"""Types whose content is made wrong on shell."""

TEXTS = st.sampled_from(["", "a", "é", "中\U0001f600", "\n", "(", "a\u0000b", "x" * 300])


@frozen(kw_only=True)
class Ask:
    """A client sends a message, which is right unless `wrong` says what is not."""

    client: int
    msg_type: str
    content: Mapping[str, object] = field(factory=dict, hash=False)
    channel: Channel = Channel.SHELL
    wrong: str = ""


@frozen(kw_only=True)
class Frames:
    """A client sends frames that are no message, or one that is not signed."""

    client: int
    frames: tuple[bytes, ...]
    channel: Channel = Channel.SHELL


@frozen(kw_only=True)
class Interrupt:
    """The kernel is interrupted in the way that its kernelspec asks for."""


Step: TypeAlias = Ask | Frames | Interrupt

_clients = st.integers(0, CLIENTS - 1)
_channels = st.sampled_from([Channel.SHELL, Channel.CONTROL])


def conversations(
    language: Language | None, *, interrupts: bool, broken: bool = True
) -> st.SearchStrategy[tuple[Step, ...]]:
    """What several clients send, in order, without waiting for each other.

    Args:
        language: Of the cells; None leaves cells out that hold code.
        interrupts: Whether the kernel may be interrupted.
        broken: Whether frames that are no message are sent.
    """
    kinds: list[st.SearchStrategy[Step]] = [_questions(), _comms(), _spoilt()]
    kinds += [_broken()] if broken else []
    kinds += [_executions(language)]
    kinds += [st.just(Interrupt())] if interrupts else []
    step = st.one_of(kinds)
    return st.lists(step, min_size=1, max_size=MOST_STEPS).map(tuple)


def _asks(
    msg_type: str, channel: st.SearchStrategy[Channel], **content: st.SearchStrategy[object]
) -> st.SearchStrategy[Ask]:
    return st.builds(
        Ask,
        client=_clients,
        msg_type=st.just(msg_type),
        content=st.fixed_dictionaries(content),
        channel=channel,
    )


def _questions() -> st.SearchStrategy[Ask]:
    shell = st.just(Channel.SHELL)
    positions = st.integers(0, 4)
    session = st.booleans()
    return st.one_of(
        _asks("kernel_info_request", _channels),
        _asks("complete_request", shell, code=TEXTS, cursor_pos=st.just(0)),
        _asks("inspect_request", shell, code=st.just("abcd"), cursor_pos=positions,
              detail_level=st.integers(0, 1)),
        _asks("is_complete_request", shell, code=TEXTS),
        _asks("history_request", shell, output=session, raw=session,
              hist_access_type=st.just("tail"), n=st.integers(0, 3)),
        _asks("comm_info_request", shell),
    )  # fmt: skip


def _comms() -> st.SearchStrategy[Ask]:
    shell = st.just(Channel.SHELL)
    names: st.SearchStrategy[object] = st.sampled_from(["assay-1", "assay-2"])
    data: st.SearchStrategy[object] = st.just({})
    return st.one_of(
        _asks("comm_open", shell, comm_id=names, target_name=st.just("assay.nowhere"), data=data),
        _asks("comm_msg", shell, comm_id=names, data=data),
        _asks("comm_close", shell, comm_id=names, data=data),
    )


def _executions(language: Language | None) -> st.SearchStrategy[Ask]:
    codes = [""]
    if language is not None:
        known = [(name, words) for name, words in CELLS if name in language.snippets]
        codes += [language.snippet(name, **words) for name, words in known]
    return _asks(
        "execute_request",
        st.just(Channel.SHELL),
        code=st.sampled_from(codes),
        silent=st.booleans(),
        store_history=st.booleans(),
        user_expressions=st.just({}),
        allow_stdin=st.just(False),
        stop_on_error=st.booleans(),
    )


@st.composite
def _spoilt(draw: st.DrawFn) -> Ask:
    spoilt = draw(malformed_contents(draw(st.sampled_from(SPOILT))))
    content: dict[str, object] = dict(spoilt.data)
    if isinstance(content.get("code"), str):
        content["code"] = ""  # invented text is not to be run by a shell
    return Ask(
        client=draw(_clients),
        msg_type=spoilt.msg_type,
        content=content,
        wrong=f"{spoilt.path}: {spoilt.fault}",
    )


def _broken() -> st.SearchStrategy[Frames]:
    delimiter, status = b"<IDS|MSG>", b'{"msg_type":"status"}'
    frames = st.one_of(
        st.lists(st.binary(max_size=8), max_size=7).map(tuple),
        st.lists(st.sampled_from([delimiter, b"", b"{}", b"[]", b"\xff", status]), max_size=8).map(
            tuple
        ),
    )
    # A message without a frame cannot be sent.
    return st.builds(Frames, client=_clients, frames=frames.filter(bool), channel=_channels)


def requires_reply(step: Ask) -> bool:
    """Return whether a right message of this type has to be answered."""
    return step.msg_type.endswith("_request") and not step.wrong


def shown(step: Step) -> str:
    """Return *step* in a line for people."""
    match step:
        case Interrupt():
            return "interrupt"
        case Frames():
            return f"client {step.client} → {step.channel} frames {list(step.frames)!r}"
        case Ask():
            wrong = f"   (wrong: {step.wrong})" if step.wrong else ""
            return (
                f"client {step.client} → {step.channel} {step.msg_type} {dict(step.content)}{wrong}"
            )
