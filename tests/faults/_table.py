"""What a row of the table is, and short ways to write one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Literal, TypeVar

from tests.faults._kernel import Kernel
from tests.faults._start import Start
from tests.faults._wire import IOPUB, Fields, Outgoing

Kind = Literal["fault", "variation", "hopeless"]

Where = Callable[[Outgoing], bool]
"""Which messages of the kernel are changed."""

Change = Callable[[Outgoing], Sequence[Outgoing] | None]
"""Changes a message in place, and returns None or what is sent instead of it."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One kernel of the table."""

    name: str
    kind: Kind
    breaks: tuple[str, ...]
    """Requirement ids; empty for a variation."""

    says: str
    """What is different, as a sentence."""

    kernel: type[Kernel] = Kernel
    start: type[Start] = Start

    def __str__(self) -> str:
        return f"{self.name:36} {' '.join(self.breaks):24} {self.says}"


ROW = "_row"
"""Where a class keeps its row."""

C = TypeVar("C", bound="type[Kernel] | type[Start]")


def _row(name: str, kind: Kind, breaks: str, says: str, cls: type[Kernel] | type[Start]) -> Row:
    ids = tuple(breaks.split())
    if issubclass(cls, Start):
        return Row(name=name, kind=kind, breaks=ids, says=says, start=cls)
    return Row(name=name, kind=kind, breaks=ids, says=says, kernel=cls)


def fault(name: str, breaks: str, says: str) -> Callable[[C], C]:
    """Make a class a fault that breaks some requirements, given with blanks between them."""
    return _mark(name, "fault", breaks, says)


def variation(name: str, says: str) -> Callable[[C], C]:
    """Make a class a variation that the protocol allows."""
    return _mark(name, "variation", "", says)


def hopeless(name: str, says: str) -> Callable[[C], C]:
    """Make a class a kernel that passes no check."""
    return _mark(name, "hopeless", "", says)


def _mark(name: str, kind: Kind, breaks: str, says: str) -> Callable[[C], C]:
    def mark(cls: C) -> C:
        setattr(cls, ROW, _row(name, kind, breaks, says, cls))
        return cls

    return mark


def spoil(name: str, breaks: str, says: str, where: Where, *changes: Change) -> Row:
    """Return a fault that changes what the kernel sends."""
    return _row(name, "fault", breaks, says, _altering(where, changes))


def vary(name: str, says: str, where: Where, *changes: Change) -> Row:
    """Return a variation that changes what the kernel sends."""
    return _row(name, "variation", "", says, _altering(where, changes))


def _altering(where: Where, changes: Sequence[Change]) -> type[Kernel]:
    class Altering(Kernel):
        def alter(self, message: Outgoing) -> Iterable[Outgoing]:
            return changed(message, changes) if where(message) else (message,)

    return Altering


def changed(message: Outgoing, changes: Sequence[Change]) -> Sequence[Outgoing]:
    """Return what is sent in place of *message* after each of the changes."""
    found: Sequence[Outgoing] = (message,)
    for change in changes:
        found = [new for old in found for new in _one(old, change)]
    return found


def _one(message: Outgoing, change: Change) -> Sequence[Outgoing]:
    made = change(message)
    return (message,) if made is None else made


def rows_of(module: ModuleType) -> tuple[Row, ...]:
    """Return the rows of a module: those of its tuple ROWS and those of its marked classes."""
    listed: tuple[Row, ...] = getattr(module, "ROWS", ())
    classes = [one for one in vars(module).values() if isinstance(one, type)]
    marked: list[Row] = [vars(one)[ROW] for one in classes if ROW in vars(one)]
    return (*listed, *marked)


# Which messages.


def every(message: Outgoing) -> bool:  # noqa: ARG001
    """Choose all."""
    return True


def published(message: Outgoing) -> bool:
    """Choose what goes out on IOPub."""
    return message.channel == IOPUB


def replied(message: Outgoing) -> bool:
    """Choose replies."""
    return message.channel != IOPUB and message.type.endswith("_reply")


def of(*types: str) -> Where:
    """Choose messages of these types, but not a reply that is broadcast."""
    return lambda message: (
        message.type in types and not (message.channel == IOPUB and message.type.endswith("_reply"))
    )


def on(channel: str) -> Where:
    """Choose messages of a channel."""
    return lambda message: message.channel == channel


def caused_by(*types: str) -> Where:
    """Choose messages that a request of one of these types led to."""
    return lambda message: message.cause is not None and message.cause.type in types


def both(*wheres: Where) -> Where:
    """Choose messages that all of the conditions choose."""
    return lambda message: all(where(message) for where in wheres)


def having(**content: object) -> Where:
    """Choose messages whose content has these values."""
    return lambda message: all(message.content.get(key) == value for key, value in content.items())


def state(name: str) -> Where:
    """Choose the status messages of a state that have a cause."""
    return both(of("status"), having(execution_state=name), lambda m: m.cause is not None)


# What becomes of them.


def gone(message: Outgoing) -> Sequence[Outgoing]:  # noqa: ARG001
    """Send nothing."""
    return ()


def without(*keys: str) -> Change:
    """Leave keys of the content out."""

    def change(message: Outgoing) -> None:
        for key in keys:
            message.content.pop(key, None)

    return change


def with_content(**values: object) -> Change:
    """Set keys of the content."""
    return lambda message: message.content.update(values)


def without_header(key: str) -> Change:
    """Leave a key of the header out."""

    def change(message: Outgoing) -> None:
        message.header.pop(key, None)

    return change


def with_header(**values: object) -> Change:
    """Set keys of the header."""
    return lambda message: message.header.update(values)


def with_parent(parent: Fields) -> Change:
    """Set the parent header."""

    def change(message: Outgoing) -> None:
        message.parent = dict(parent)

    return change


def within(key: str, **values: object) -> Change:
    """Set keys of an object in the content."""

    def change(message: Outgoing) -> None:
        inner = message.content.get(key)
        if isinstance(inner, dict):
            message.content[key] = inner | values

    return change


def within_without(key: str, *keys: str) -> Change:
    """Leave keys of an object in the content out."""

    def change(message: Outgoing) -> None:
        inner = message.content.get(key)
        if isinstance(inner, dict):
            message.content[key] = {name: inner[name] for name in inner if name not in keys}

    return change


def twice(message: Outgoing) -> Sequence[Outgoing]:
    """Send it again under another id."""
    again = message.copy()
    again.header["msg_id"] = f"{message.header.get('msg_id')}-2"
    return (message, again)


def renamed(name: str) -> Change:
    """Give it another type."""
    return with_header(msg_type=name)


def moved(channel: str) -> Change:
    """Send it on another channel."""

    def change(message: Outgoing) -> None:
        message.channel = channel

    return change
