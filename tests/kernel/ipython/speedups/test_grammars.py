"""The grammars of completions, which are made when something is parsed by them."""

from __future__ import annotations

import parso.grammar
import pytest
from parso.pgen2.generator import generate_grammar
from parso.python.token import PythonTokenTypes

from assay.kernel.ipython.speedups._grammars import _LateTables
from assay.protocol import CompleteReply, CompleteRequest
from assay.transport import Client
from tests.kernel._kernels import HANG_LIMIT_S, execute, result

RULES = "file_input: (NEWLINE | stmt)* ENDMARKER\nstmt: NAME '=' NUMBER NEWLINE\n"


def test_late_tables_are_the_same() -> None:
    """What is looked at is what parso would have made at once."""
    late = _LateTables(generate_grammar, RULES, token_namespace=PythonTokenTypes)
    made = generate_grammar(RULES, token_namespace=PythonTokenTypes)

    assert late.start_nonterminal == made.start_nonterminal
    assert late.nonterminal_to_dfas.keys() == made.nonterminal_to_dfas.keys()
    assert late.reserved_syntax_strings.keys() == made.reserved_syntax_strings.keys()


def test_late_tables_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grammar whose tables come late parses, and makes them once."""
    calls: list[str] = []

    def generate(rules: str, token_namespace: object) -> object:
        calls.append(rules)
        return generate_grammar(rules, token_namespace=token_namespace)

    def late(rules: str, token_namespace: object) -> _LateTables:
        return _LateTables(generate, rules, token_namespace=token_namespace)

    monkeypatch.setattr(parso.grammar, "generate_grammar", late)
    monkeypatch.setattr(parso.grammar, "_loaded_grammars", {})
    grammar = parso.grammar.load_grammar(version="3.11")
    assert calls == []

    assert grammar.parse("x = 1\n").get_code() == "x = 1\n"
    assert grammar.parse("def f(): pass\n").get_code() == "def f(): pass\n"
    assert len(calls) == 1


def test_a_completion_makes_one_grammar(mine: Client) -> None:
    """The tables of Python's own grammar are there, and no other one's (COMPLETE-01).

    The newest that jedi knows is another one, unless Python is as new.
    """
    execute(mine, "import os")
    mine.request(CompleteRequest(code="os.pa", cursor_pos=5), timeout=HANG_LIMIT_S)

    reply = mine.request(CompleteRequest(code="os.pa", cursor_pos=5), timeout=HANG_LIMIT_S).content
    late = execute(
        mine,
        "import parso.grammar as g\n"
        "tables = [grammar._pgen_grammar for grammar in g._loaded_grammars.values()]\n"
        "sorted({type(t).__name__ for t in tables}), sum(len(vars(t)) > 1 for t in tables)",
    )

    assert isinstance(reply, CompleteReply)
    assert "path" in reply.matches
    assert result(late) == "(['_LateTables'], 1)"
