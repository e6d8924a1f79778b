"""The table of message types is consistent with itself, the classes and the public names."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path

import attrs
import pytest

import assay.protocol
from assay.protocol import (
    MESSAGE_TYPES,
    Channel,
    Content,
    MessageType,
    Sender,
    reply_type,
)

ROWS = [pytest.param(row, id=row.name) for row in MESSAGE_TYPES.values()]
VERSIONS = {"5.0", "5.1", "5.2", "5.3", "5.4", "5.5"}
SOURCE = Path(inspect.getfile(assay.protocol))


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_its_class(row: MessageType) -> None:
    """The class exists, is public, is a content and says the same name."""
    cls = row.content

    assert issubclass(cls, Content)
    assert cls is getattr(assay.protocol, row.class_name)
    assert cls.msg_type == row.name
    assert cls.__doc__


@pytest.mark.parametrize("row", ROWS)
def test_a_request_has_its_reply(row: MessageType) -> None:
    """Every request names a reply that goes the other way on the same channels (SHELL-03)."""
    if row.name.endswith("_request"):
        assert row.reply == reply_type(row.name)
        reply = MESSAGE_TYPES[row.reply]
        assert reply.channels == row.channels
        assert {row.sender, reply.sender} == {Sender.CLIENT, Sender.KERNEL}
    else:
        assert row.reply is None


@pytest.mark.parametrize("row", ROWS)
def test_a_reply_has_its_request(row: MessageType) -> None:
    """No reply stands alone."""
    if row.name.endswith("_reply"):
        request = row.name.removesuffix("_reply") + "_request"
        assert MESSAGE_TYPES[request].reply == row.name


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_plausible(row: MessageType) -> None:
    """Channels, direction and versions fit together."""
    assert row.channels
    assert Channel.HB not in row.channels
    assert row.since in VERSIONS
    assert row.deprecated is None or row.since < row.deprecated
    if row.channels == {Channel.IOPUB}:
        assert row.sender is Sender.KERNEL
    if row.sender is Sender.BOTH:
        assert row.name.startswith("comm_")


OF_THE_HUB = {
    "connection_request",
    "connection_reply",
    "registration_request",
    "registration_reply",
    "unregistration_request",
    "signal_request",
    "signal_reply",
    "data_message",
}
"""What an engine says to its hub and its watcher, and no kernel to a client (ENGINE-01 to 20)."""


CUSTOMS = {"usage_request", "usage_reply"}
"""What `register_usage` makes known: no types of the protocol (AMB-70)."""


def test_every_content_class_has_a_row() -> None:
    """A class that says a message type is in the table; those between engine and hub are not, nor
    customs beside the text."""
    named = {
        value.msg_type
        for name in assay.protocol.__all__
        if inspect.isclass(value := getattr(assay.protocol, name))
        and issubclass(value, Content)
        and value.msg_type
    }

    assert named - OF_THE_HUB - CUSTOMS == set(MESSAGE_TYPES)
    assert named >= OF_THE_HUB | CUSTOMS


@pytest.mark.parametrize("row", ROWS)
def test_contents_are_frozen_values(row: MessageType) -> None:
    """Fields are keyword-only, and set once."""
    cls = row.content

    assert all(field.kw_only for field in attrs.fields(cls))
    assert cls.__setattr__ is not object.__setattr__
    with pytest.raises(TypeError):
        cls({})  # type: ignore[call-arg]  # that is the point


def test_public_names_match_their_homes() -> None:
    """`__all__`, the lazy table and the imports for type checkers list the same names."""
    tree = ast.parse(SOURCE.read_text())
    (guarded,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.name: node.module.removeprefix("assay.protocol.")
        for node in guarded.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    homes = vars(assay.protocol)["_HOMES"]

    assert imported == homes
    assert sorted(homes) == sorted(assay.protocol.__all__)
    assert len(set(assay.protocol.__all__)) == len(assay.protocol.__all__)


@pytest.mark.parametrize("name", assay.protocol.__all__)
def test_a_public_name_is_public_at_home(name: str) -> None:
    """The module that defines or passes on a name lists it."""
    home = import_module(f"assay.protocol.{vars(assay.protocol)['_HOMES'][name]}")

    assert name in home.__all__
    assert getattr(assay.protocol, name) is getattr(home, name)


def test_unknown_names_are_an_attribute_error() -> None:
    """The lazy module behaves like any other."""
    with pytest.raises(AttributeError, match="no_such_name"):
        assay.protocol.no_such_name  # noqa: B018 - that is the point

    assert set(assay.protocol.__all__) <= set(dir(assay.protocol))


@pytest.mark.parametrize(
    ("msg_type", "wanted"),
    [("execute_request", "execute_reply"), ("x_request", "x_reply"), ("x", "x_reply")],
)
def test_the_type_of_a_reply_follows_from_the_request(msg_type: str, wanted: str) -> None:
    """Known or not (SHELL-03)."""
    assert reply_type(msg_type) == wanted
