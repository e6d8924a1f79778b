"""Completion among very many names (public report 24), and beside objects that misbehave."""

from __future__ import annotations

import pytest

from assay.protocol import CompleteReply, CompleteRequest
from assay.transport import Client
from tests.kernel._kernels import HANG_LIMIT_S, execute, succeeded

MANY = """
import types
globals().update({f'name_{i}': i for i in range(100_000)})
class Many: pass
many = Many(); many.__dict__.update({f'attr_{i}': i for i in range(100_000)})
module = types.ModuleType('module'); module.__dict__.update(many.__dict__)
class Listed:
    def __dir__(self): return list(many.__dict__)
holder = Many(); holder.listed = Listed()
keys = {f'key_{i}': i for i in range(100_000)}
class Odd:
    def __dir__(self): raise RuntimeError('no names')
    @property
    def prop(self): raise RuntimeError('no value')
odd = Odd()
text = 'text'
"""


def matches(client: Client, code: str) -> tuple[str, ...]:
    """Return what may stand at the end of *code*."""
    answer = client.request(CompleteRequest(code=code, cursor_pos=len(code)), timeout=HANG_LIMIT_S)
    assert isinstance(answer.content, CompleteReply)
    return answer.content.matches


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("name_99", "name_99"),
        ("name_9999", "name_99999"),
        ("many.attr_4321", "attr_43210"),
        ("module.attr_4321", "attr_43210"),
        ("holder.listed.attr_4321", "attr_43210"),
        ("keys['key_4321", "key_43210"),
        ("text.upp", "upper"),
        ("print(text.upp", "upper"),
        ("x = name_1\nx.bit_len", "bit_length"),
        ("te", "text"),
        ("odd.", "prop"),
        ("odd.pr", "prop"),
    ],
)
def test_names_are_found_among_very_many(client: Client, code: str, wanted: str) -> None:
    """Each kind of name is; jedi looks at few of them, so that it does not take half a minute."""
    succeeded(execute(client, MANY))

    found = matches(client, code)

    assert any(wanted in match for match in found)


def test_property_that_raises_is_no_hindrance(client: Client) -> None:
    """There is nothing to say of its value, and that is the answer."""
    succeeded(execute(client, MANY))

    assert matches(client, "odd.prop.x") == ()


def test_all_names_that_fit_are_listed(client: Client) -> None:
    """What jedi is not given is listed all the same; no text or comment is completed with it."""
    succeeded(execute(client, MANY))

    assert len(matches(client, "name_98")) == 1111
    assert len(matches(client, "many.attr_98")) == 1111
    assert "name_98765" not in matches(client, "# name_98")
