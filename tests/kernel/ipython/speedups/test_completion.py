"""Completion among very many names (public report 24), and beside objects that misbehave."""

from __future__ import annotations

import pytest

from assay.protocol import CompleteReply, CompleteRequest
from assay.transport import Client
from tests.kernel._kernels import HANG_LIMIT_S, execute, succeeded

MANY = """
import sys, types
globals().update({f'name_{i}': i for i in range(100_000)})
class Many: pass
many = Many(); many.__dict__.update({f'attr_{i}': i for i in range(100_000)})
module = types.ModuleType('module'); module.__dict__.update(many.__dict__)
class Listed:
    def __dir__(self): return list(many.__dict__)
holder = Many(); holder.listed = Listed()
keys = {f'key_{i}': i for i in range(100_000)}
holders = [holder]; sys.modules['many_names'] = module
mixed = {(f'a_{i}', f'b_{i}'): i for i in range(50_000)}
mixed |= {i: i for i in range(50_000)} | {str(i).encode(): i for i in range(50_000)}
signed = {i: i for i in range(-3_000, 3_000)} | {('a', -i): i for i in range(3_000)}
class Keyed:
    def __getitem__(self, key): return key
    def _ipython_key_completions_(self): return {f'key_{i}' for i in range(100_000)}
keyed = Keyed()
class Odd:
    def __dir__(self): raise RuntimeError('no names')
    @property
    def prop(self): raise RuntimeError('no value')
odd = Odd()
text = 'text'
"""


def fill(client: Client) -> None:
    """Make the kernel's names once; other tests may have."""
    succeeded(execute(client, f"if 'many' not in globals(): exec({MANY!r})"))


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
        ("many.__dict__['attr_4321", "attr_43210"),
        ("keys[", "key_0"),
        ("keyed['key_4321", "key_43210"),
        ("mixed['a_4321", "a_43210"),
        ("mixed['a_43210', 'b", "b_43210"),
        ("mixed[4321", "43210"),
        ("mixed[b'4321", "43210"),
        ("signed[-29", "-2999"),
        ("signed['a', -29", "-2999"),
        ("signed[0xbb", "0xbb7"),
        ("signed[0b1011101101", "0b101110110111"),
        ("holders[0].listed.attr_4321", "attr_43210"),
        ("(many).attr_4321", "attr_43210"),
        ("x = many\nx.attr_4321", "attr_43210"),
        ("for one in [many]: one.attr_4321", "attr_43210"),
        ("from many_names import attr_4321", "attr_43210"),
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
    fill(client)

    found = matches(client, code)

    assert any(wanted in match for match in found)


def test_property_that_raises_is_no_hindrance(client: Client) -> None:
    """There is nothing to say of its value, and that is the answer."""
    fill(client)

    assert matches(client, "odd.prop.x") == ()


def test_all_names_that_fit_are_listed(client: Client) -> None:
    """What jedi is not given is listed all the same; no text or comment is completed with it."""
    fill(client)

    assert len(matches(client, "name_98")) == 1111
    assert len(matches(client, "many.attr_98")) == 1111
    assert "name_98765" not in matches(client, "# name_98")


COUNT = """
from IPython.core import completer
from jedi.inference.compiled.access import DirectObjectAccess
looked_at = []
def count(owner, name, size):
    function = getattr(owner, name)
    def counting(*args, **kwargs):
        looked_at.append(size(*args))
        return function(*args, **kwargs)
    setattr(owner, name, counting)
count(DirectObjectAccess, 'is_allowed_getattr', lambda *_: 1)
count(completer, 'match_dict_keys', lambda keys, *_: len(keys))
count(completer.SimpleCompletion, '__init__', lambda *_: 1)
"""


@pytest.fixture
def counting(client: Client) -> Client:
    """Return the client of a kernel that counts what is looked at."""
    fill(client)
    matches(client, "text.upp")  # imports jedi
    succeeded(execute(client, f"if 'looked_at' not in globals(): exec({COUNT!r})"))
    return client


@pytest.mark.parametrize(
    "code",
    [
        "holders[0].listed.",
        "x = many\nx.attr_",
        "keys['",
        "keys[",
        "keyed['key_",
        "mixed[",
        "mixed['a",
        "from many_names import attr_",
    ],
)
def test_few_of_very_many_are_looked_at(counting: Client, code: str) -> None:
    """Neither jedi nor IPython is given all attributes, keys or names of a module."""
    succeeded(execute(counting, "looked_at.clear()"))

    assert matches(counting, code)

    succeeded(execute(counting, "assert 0 < sum(looked_at) < 10_000, sum(looked_at)"))


def test_few_names_beside_many_variables(client: Client) -> None:
    """An attribute is no variable, whatever stands before its dot."""
    fill(client)

    assert matches(client, "[text][0].name_9") == ()
