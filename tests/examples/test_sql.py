"""The SQL kernel of ``examples/``: a whole one, in which C code runs what users write."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.protocol import Content, DisplayData, Error, ErrorReply, ExecuteRequest, ExecuteResult
from assay.transport import Client, KernelProcess, launch
from tests.limits import HANG_LIMIT_S

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "sql.py"

METALS = """\
DROP TABLE IF EXISTS metals;
CREATE TABLE metals (name TEXT PRIMARY KEY, price REAL);
INSERT INTO metals VALUES ('gold; <b>', 61.2), ('silver', NULL); -- two of them"""

FOR_EVER = "WITH RECURSIVE r(i) AS (VALUES(0) UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r"


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelProcess]:
    """A kernel for all tests here."""
    with launch([sys.executable, "-P", str(EXAMPLE), "-f", "{connection_file}"]) as kernel:
        yield kernel
        assert kernel.shutdown() == 0


@pytest.fixture
def client(kernel: KernelProcess) -> Iterator[Client]:
    """A client, and a table in the database."""
    with kernel.client() as client:
        client.execute(METALS, timeout=HANG_LIMIT_S)
        yield client


def tables(client: Client, code: str) -> list[dict[str, object]]:
    """Run *code*; return what it shows and gives."""
    answer = client.execute(code, timeout=HANG_LIMIT_S)
    shown: list[Content] = [*answer.contents(DisplayData), *answer.contents(ExecuteResult)]
    return [dict(one.data) for one in shown if isinstance(one, (DisplayData, ExecuteResult))]


def test_tables_are_html_and_text(client: Client) -> None:
    """Each statement's table is shown, the last as the result; values are escaped."""
    shown = tables(client, "SELECT * FROM metals; SELECT count(*) AS n FROM metals -- how many?")

    assert [one["text/plain"] for one in shown] == [
        "name       price\n---------  -----\ngold; <b>  61.2\nsilver     NULL",
        "n\n-\n2",
    ]
    assert "<td>gold; &lt;b&gt;</td>" in str(shown[0]["text/html"])


def test_changes_are_counted(client: Client) -> None:
    """A statement without a table says how many rows it changed."""
    answer = client.execute("DELETE FROM metals WHERE price IS NULL", timeout=HANG_LIMIT_S)

    assert answer.text() == "1 row changed\n"


@pytest.mark.parametrize(
    ("code", "name"),
    [("SELEC 1", "OperationalError"), ("SELECT 'a", "SyntaxError"), ("/* a", None), (" ; ", None)],
)
def test_errors_are_the_users(client: Client, code: str, name: str | None) -> None:
    """What SQLite refuses is an error of one line, in the reply and once on IOPub (EXEC-17)."""
    answer = client.execute(code, timeout=HANG_LIMIT_S)

    assert [one.ename for one in answer.contents(Error)] == ([name] if name else [])
    if isinstance(answer.content, ErrorReply):
        assert len(answer.content.traceback) == 1


def test_query_is_interrupted(kernel: KernelProcess, client: Client) -> None:
    """A query that C code would run for ever ends by an interrupt, and the next one runs."""
    running = client.start(ExecuteRequest(code=f"SELECT 'begun'; SELECT 'next'; {FOR_EVER}"))
    client.wait_until(  # the first table is shown when the second is there
        lambda: any(isinstance(one.content, DisplayData) for one in running.published),
        awaited="the first table",
        timeout=HANG_LIMIT_S,
    )
    kernel.interrupt()
    answer = client.finish(running, timeout=HANG_LIMIT_S)

    assert [one.ename for one in answer.contents(Error)] == ["KeyboardInterrupt"]
    assert tables(client, "SELECT 1 AS one")[0]["text/plain"] == "one\n---\n1"


def test_names_are_completed_and_described(client: Client) -> None:
    """Tables, columns and keywords, whatever the case; a table with its columns, or its source."""
    assert client.complete("select na").matches == ("name",)
    assert client.complete("SEL").matches == ("SELECT",)
    assert "metals" in client.complete("SELECT * FROM met").matches
    assert "name    TEXT (primary key)" in str(client.inspect("metals").data["text/plain"])
    assert str(client.inspect("metals", detail_level=1).data["text/plain"]).startswith("CREATE")
    assert client.inspect("nothing").found is False


def test_statement_ends_with_a_semicolon(client: Client) -> None:
    """A console asks for more lines until it has come (ISCOMPLETE-01)."""
    codes = ("SELECT 1", "SELECT 1;", "SELECT 'a;")

    assert [client.is_complete(code).status for code in codes] == [
        "incomplete",
        "complete",
        "incomplete",
    ]
