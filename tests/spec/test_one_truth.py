"""Register, strict schema and judges are one truth: each rule is broken by a message of its own.

The vectors of the kind `conversation` hold, for each rule that traffic shows, a scene that keeps it
and one with a single change that breaks it.
"""

from __future__ import annotations

import ast
import json
import re
from copy import deepcopy
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from assay.protocol import Finding, Profile, Recorded, Severity, Signer, check_conversation, judging
from assay.spec import requirement
from spec import make_schemas

SPEC = Path(make_schemas.__file__).parent
SCHEMAS = SPEC / "schemas"
INDEX = json.loads((SCHEMAS / "index.json").read_text("utf-8"))
VECTORS = json.loads((SPEC / "vectors" / "conversations.json").read_text("utf-8"))["vectors"]
BY_ID = {one["id"]: one for one in VECTORS}
BROKEN = [one for one in VECTORS if one["result"] == "invalid"]

Validator: Any = import_module("jsonschema").Draft202012Validator  # has no types of its own
Vector = dict[str, Any]

UNSAID = {one["requirement"]: one["reason"] for one in INDEX["unsaid"]}


def records(vector: Vector) -> list[Recorded]:
    """Return the records of *vector*."""
    return [
        Recorded(
            index=at,
            channel=one["channel"],
            sender=one["sender"],
            client=one.get("client", ""),
            message=[bytes.fromhex(frame) for frame in one["frames"]] if "frames" in one else one,
        )
        for at, one in enumerate(vector["records"])
    ]


def judged(vector: Vector, profile: Profile = Profile.STRICT) -> tuple[Finding, ...]:
    """Return what is wrong with *vector*."""
    signer = Signer(vector["key"].encode(), vector["signature_scheme"])
    return check_conversation(
        records(vector), profile=profile, signer=signer, complete=vector["complete"]
    )


@cache
def schema(name: str, profile: str) -> Any:
    path = INDEX["versions"][INDEX["protocol"]][name][profile]
    return Validator(json.loads((SCHEMAS / path).read_text("utf-8")))


def refused(vector: Vector, profile: str = "strict") -> set[int]:
    """Return which records have a content that the schema of their type refuses."""
    known = INDEX["versions"][INDEX["protocol"]]
    return {
        at
        for at, one in enumerate(vector["records"])
        if "content" in one
        and one["header"].get("msg_type") in known
        and not schema(one["header"]["msg_type"], profile).is_valid(one["content"])
    }


def named(vector: Vector) -> str:
    return f"{vector['id']}-{vector.get('breaks', 'kept')}"


@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_a_rule_is_one_truth(vector: Vector) -> None:
    """Judges name exactly the broken rule, with its level; the strict schema says no more or less.

    The schema speaks of a content alone. What it cannot say is listed in the index, with a reason.
    """
    found = judged(vector)
    rules = {one.requirement for one in found}
    about_content = {
        at
        for one in found
        for at in one.records
        if one.path.startswith("content.") and len(one.records) == 1
        if one.requirement not in UNSAID
    }

    wanted = {vector["breaks"], *ALWAYS_TOO.get(vector["breaks"], ())} if "breaks" in vector else {}
    assert rules == {*wanted}, "\n".join(map(str, found))
    assert refused(vector) == about_content - between(found)
    for one in found:
        level = requirement(one.requirement).level
        if level == "MUST":
            assert one.severity is Severity.VIOLATION or one.requirement == "HDR-07"
        elif level == "SHOULD":
            assert one.severity is Severity.WARNING


def between(found: tuple[Finding, ...]) -> set[int]:
    """Return the records that are wrong by what other records say."""
    return {at for one in found for at in one.records if one.requirement in BETWEEN}


ALWAYS_TOO = {"SHELL-11": ("SHELL-12",)}
"""What is broken along with a rule: whoever is aborted with a reason is aborted."""

BETWEEN = frozenset({"EXEC-06", "EXEC-08", "EXEC-21", "IOPUB-22", "SUBSHELL-01", "DEBUG-01"})
"""Rules whose findings may be about a single content and rest on others."""


@pytest.mark.parametrize("unique", [False, None])
def test_a_search_may_list_a_cell_twice(unique: bool | None) -> None:
    """Duplicates are left out of a search only where the request says so (HIST-05)."""
    vector = deepcopy(next(one for one in BROKEN if one["breaks"] == "HIST-05"))
    asked = next(one for one in vector["records"] if one["sender"] == "client")
    if unique is None:
        del asked["content"]["unique"]
    else:
        asked["content"]["unique"] = unique

    assert judged(vector) == ()


@pytest.mark.parametrize("vector", BROKEN, ids=named)
def test_one_change_breaks_it(vector: Vector) -> None:
    """The scene that a fault was made from keeps the rule, and names it."""
    kept = BY_ID[vector["kept_by"]]

    assert kept["result"] == "valid"
    assert vector["breaks"] in kept["requirements"]
    assert vector["records"] != kept["records"]


@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_a_tolerant_receiver_agrees_with_its_schema(vector: Vector) -> None:
    """What the lenient profile finds in a content, the lenient schema refuses, and nothing else."""
    found = judged(vector, Profile.LENIENT)
    alone = {
        at
        for one in found
        for at in one.records
        if one.path.startswith("content.") and len(one.records) == 1
        if one.requirement not in UNSAID
    }

    assert refused(vector, "lenient") == alone - between(found)


def test_every_rule_that_a_judge_names_is_broken_by_a_vector() -> None:
    """No rule is in the judges that no vector breaks, and no vector breaks a rule that is not."""
    assert {one["breaks"] for one in BROKEN} == rules_of_the_judges()


def rules_of_the_judges() -> set[str]:
    """Return every requirement that the judges can name."""
    folder = Path(judging.__file__).parent
    additions = folder.parent / "contents" / "_debug_additions.py"
    found = set()
    for path in (*folder.glob("*.py"), additions):
        tree = ast.parse(path.read_text("utf-8"))
        skipped = [
            inner
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in {"SHOULD", "MAY"}
            for inner in ast.walk(node)
        ]
        for node in ast.walk(tree):
            value = node.value if isinstance(node, ast.Constant) and node not in skipped else None
            if isinstance(value, str) and re.fullmatch(r"[A-Z]+-\d\d", value):
                found.add(value)
    return found


def test_what_a_schema_cannot_say_is_judged() -> None:
    """Each rule that the index calls unsaid is one that the judges name."""
    assert set(UNSAID) <= rules_of_the_judges()
    assert all(UNSAID.values())
