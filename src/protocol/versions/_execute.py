"""execute_request and execute_reply: variables, expressions, payloads, aborted cells."""

from __future__ import annotations

import re
from collections.abc import Mapping

from assay.protocol._shapes import is_mapping
from assay.protocol.versions._bundles import PLAIN, plain_text
from assay.protocol.versions._draft import Draft
from assay.protocol.versions._memory import AskedExecute
from assay.protocol.versions._payloads import lower_payloads, raise_payloads
from assay.protocol.versions._reading import (
    fault,
    read_flag,
    read_integer,
    read_object,
    read_text,
    read_texts,
)
from assay.protocol.versions._version import ProtocolVersion
from assay.protocol.wire._json import Json

__all__ = ["lower_reply", "lower_request", "raise_reply", "raise_request"]

ABORTED_NAMES = ("ExecutionAborted",)
"""The ``ename`` of an error reply that says: this cell never ran (AMB-01)."""

_FAILURE = re.compile(r"\[ERROR\] ([^\s:]+): (.*)", re.DOTALL)


def raise_request(draft: Draft) -> None:
    """Fold the variables asked for into the expressions, and say what old kernels always did."""
    content = draft.content
    silent = read_flag(content, "silent", default=False)
    expressions = read_object(content, "user_expressions")
    variables: dict[str, str] = {}
    for name in dict.fromkeys(read_texts(content, "user_variables")):
        key = name
        # An expression of the client's own keeps its key: its answer would be lost.
        while key in expressions:
            key = f"_variable_{key}"
        expressions[key] = name
        variables[key] = name
    content.pop("user_variables", None)
    content["silent"] = silent
    content["user_expressions"] = expressions
    content["allow_stdin"] = read_flag(content, "allow_stdin", default=False)
    content["stop_on_error"] = True
    if draft.version is ProtocolVersion.V3:
        content["store_history"] = not silent
    elif content.get("store_history", False) is None:
        del content["store_history"]
    if variables:
        draft.keep(user_variables=dict(variables))
        draft.noted = AskedExecute(variables=variables)


def lower_request(draft: Draft) -> None:
    """Write the fields that old kernels insist on, without those they do not know."""
    content = draft.content
    read_text(content, "code")
    expressions = read_object(content, "user_expressions")
    variables = _kept_variables(draft, expressions)
    if variables:
        draft.noted = AskedExecute(variables=variables)
    content["silent"] = read_flag(content, "silent", default=False)
    content["allow_stdin"] = read_flag(content, "allow_stdin", default=False)
    content["user_variables"] = list(variables.values())
    content["user_expressions"] = {k: v for k, v in expressions.items() if k not in variables}
    content.pop("stop_on_error", None)
    if draft.version is ProtocolVersion.V3 or content.get("store_history", False) is None:
        content.pop("store_history", None)


def _kept_variables(draft: Draft, expressions: Mapping[str, Json]) -> dict[str, str]:
    kept = draft.kept("user_variables")
    if not is_mapping(kept):
        return {}
    return {
        key: name
        for key, name in kept.items()
        if isinstance(name, str) and expressions.get(key) == name
    }


def raise_reply(draft: Draft) -> None:
    """Put the values of variables and expressions together, each as a bundle."""
    content = draft.content
    if draft.aborted:
        content["status"] = "aborted"
        return
    variables = read_object(content, "user_variables")
    expressions = read_object(content, "user_expressions")
    payload = raise_payloads(content)
    content.pop("user_variables", None)
    content.pop("user_expressions", None)
    if content.get("status") == "error":
        content.pop("payload", None)
        if payload:
            content["payload"] = payload
        return
    names = draft.asked.variables if isinstance(draft.asked, AskedExecute) else {}
    keys = {name: key for key, name in names.items()}
    values = {**expressions, **{keys.get(name, name): item for name, item in variables.items()}}
    if draft.version is ProtocolVersion.V3:
        values = {key: _as_bundle(key, value) for key, value in values.items()}
    content["user_expressions"] = values
    content["payload"] = payload


def lower_reply(draft: Draft) -> None:
    """Split the values by what was asked, and write all the fields that old clients read."""
    content = draft.content
    status = content.get("status")
    if draft.aborted or (status == "error" and content.get("ename") in ABORTED_NAMES):
        draft.content = {"status": "aborted"}
        return
    values = read_object(content, "user_expressions")
    if draft.version is ProtocolVersion.V3:
        values = {key: _as_text(key, value) for key, value in values.items()}
    names = draft.asked.variables if isinstance(draft.asked, AskedExecute) else {}
    content["user_variables"] = {names[key]: item for key, item in values.items() if key in names}
    content["user_expressions"] = {key: item for key, item in values.items() if key not in names}
    content["payload"] = lower_payloads(content, draft.version)
    content["execution_count"] = read_integer(content, "execution_count", 0)
    if status == "error":
        content["ename"] = read_text(content, "ename", "")
        content["evalue"] = read_text(content, "evalue", "")
        content["traceback"] = [*read_texts(content, "traceback")]
    else:
        content["status"] = "ok"


def _as_text(key: str, value: Json) -> str:
    """Return the value of an expression as version 3 writes it."""
    if not is_mapping(value):
        raise fault(f"user_expressions[{key!r}]", "an object", value)
    if value.get("status") == "error":
        return f"[ERROR] {read_text(value, 'ename', '')}: {read_text(value, 'evalue', '')}"
    return plain_text(value.get("data"))


def _as_bundle(key: str, value: Json) -> Json:
    """Return the value of an expression that version 3 wrote as text."""
    if not isinstance(value, str):
        raise fault(f"user_expressions[{key!r}]", "text", value)
    failed = _FAILURE.fullmatch(value)
    if failed:
        return {"status": "error", "ename": failed[1], "evalue": failed[2], "traceback": []}
    return {"status": "ok", "data": {PLAIN: value}, "metadata": {}}
