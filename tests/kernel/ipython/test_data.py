"""What a program shows, sends and asks for arrives as what it means (public report 10,
jupyter_client#706)."""

from __future__ import annotations

import pytest

from assay.protocol import CommMsg, CommOpen, DisplayData, ExecuteResult, Json
from assay.transport import Client
from tests.kernel._kernels import error, execute, failed, only, succeeded

MEANINGS: list[tuple[str, Json]] = [
    ("np.arange(3)", [0, 1, 2]),
    ("np.bool_(True)", True),
    ("pd.Series([1, 2])", [1, 2]),
    ("pd.NA", None),
    ("range(3)", [0, 1, 2]),
    ("(n for n in 'ab')", ["a", "b"]),
    ("{'a': 1}.keys()", ["a"]),
    ("[float('nan'), '\\ud800', (n for n in [1])]", [None, "\\ud800", [1]]),
]

PLACES = {
    "comm": "create_comm(target_name='t').send({'it': %s})",
    "comm_open": "create_comm(target_name='t', data={'it': %s})",
    "display": "display({'application/json': {'it': %s}}, raw=True)",
    "result": "class Shown:\n    def _repr_json_(self): return {'it': %s}\nShown()",
}


def shown(client: Client, place: str, expression: str) -> Json:
    """Return what arrives where *expression* stands at *place*."""
    imports = "import numpy as np, pandas as pd; from comm import create_comm"
    answer = execute(client, f"{imports}\n{PLACES[place] % expression}")
    succeeded(answer)
    data: Json
    match place:
        case "comm":
            return only(answer, CommMsg).data["it"]
        case "comm_open":
            return only(answer, CommOpen).data["it"]
        case "display":
            data = only(answer, DisplayData).data["application/json"]
        case _:
            data = only(answer, ExecuteResult).data["application/json"]
    assert isinstance(data, dict)
    found: Json = data["it"]
    return found


@pytest.mark.parametrize("place", sorted(PLACES))
def test_data_become_what_they_mean(client: Client, place: str) -> None:
    """Arrays, views, iterators and the like are JSON wherever they stand (COMM-04, IOPUB-13)."""
    for expression, wanted in MEANINGS:
        assert shown(client, place, expression) == wanted, expression


REFUSED = {
    "comm": (
        "comm.send({'points': [1, {'owner': Owner()}]})",
        "data.points[1].owner: wanted a JSON value, found <Owner>",
    ),
    "comm metadata": (
        "comm.send({}, metadata={'a': Owner})",
        "metadata.a: wanted a JSON value, found <class Owner>",
    ),
    "display": (
        "display({'application/json': {'a': open}}, raw=True)",
        'data["application/json"].a: wanted a JSON value, found <function>',
    ),
    "display metadata": (
        "display({'text/plain': 'a'}, metadata={'a': Owner()}, raw=True)",
        "metadata.a: wanted a JSON value, found <Owner>",
    ),
    "transient": (
        "display({'text/plain': 'a'}, transient={'a': Owner()}, raw=True)",
        "transient.a: wanted a JSON value, found <Owner>",
    ),
    "result": (
        "class Shown:\n    def _repr_json_(self): return {'a': Owner()}\nShown()",
        'data["application/json"].a: wanted a JSON value, found <Owner>',
    ),
    "payload": (
        "get_ipython().payload_manager.write_payload({'source': 'x', 'a': Owner()})",
        "a: wanted a JSON value, found <Owner>",
    ),
    "circle": (
        "a = []; a.append(a); comm.send({'a': a})",
        "data.a[0]: wanted a JSON value, found a list inside itself",
    ),
}


@pytest.mark.parametrize("place", sorted(REFUSED))
def test_data_without_a_form_are_an_error_of_the_cell(client: Client, place: str) -> None:
    """It is raised where they are sent, and names them by their path."""
    code, message = REFUSED[place]
    execute(
        client,
        "class Owner: pass\nfrom comm import create_comm; comm = create_comm(target_name='t')",
    )

    answer = execute(client, code, stop_on_error=False)

    assert failed(answer).ename == "JsonError"
    assert error(answer).evalue == message
    assert not answer.contents(CommMsg)
    assert not answer.contents(DisplayData)


@pytest.mark.parametrize("name", ["data", "metadata", "transient"])
def test_display_of_what_is_no_dict_says_so(client: Client, name: str) -> None:
    """The error names the argument, what was wanted and what was found."""
    code = f"get_ipython().display_pub.publish(**{{'data': {{}}, '{name}': 5}})"

    answer = execute(client, code)

    assert failed(answer).evalue == f"{name}: wanted a dict, found int"


def test_program_goes_on_after_such_an_error(client: Client) -> None:
    """It can be caught where it is raised, as the error of `json.dumps` can."""
    answer = execute(
        client,
        "from comm import create_comm\n"
        "try:\n    create_comm(target_name='t', data={'a': object()})\n"
        "except TypeError as error: print(error)",
    )

    assert answer.text() == "data.a: wanted a JSON value, found <object>\n"


def test_user_expressions_are_data_too(client: Client) -> None:
    """What has no form is the error of its expression alone (EXEC-10)."""
    execute(
        client,
        "class Shown:\n    def __init__(self, it): self.it = it\n"
        "    def _repr_json_(self): return {'it': self.it}",
    )

    reply = succeeded(
        execute(
            client,
            "",
            user_expressions={"good": "Shown(n for n in [1, 2])", "bad": "Shown(object())"},
        )
    )

    good, bad = reply.user_expressions["good"], reply.user_expressions["bad"]
    assert good["status"] == "ok"
    assert isinstance(good["data"], dict)
    assert good["data"]["application/json"] == {"it": [1, 2]}
    assert (bad["status"], bad["ename"]) == ("error", "JsonError")


def test_payload_is_data_too(client: Client) -> None:
    """It is what it was when it was written (EXEC-13)."""
    reply = succeeded(
        execute(
            client,
            "kept = [1]\nmanager = get_ipython().payload_manager\n"
            "manager.write_payload({'source': 'x', 'a': kept, 'b': range(2)})\n"
            "kept.append(2)",
        )
    )

    assert reply.payload == ({"source": "x", "a": [1], "b": [0, 1]},)
