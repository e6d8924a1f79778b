"""The fields of each request: their types and their defaults."""

from __future__ import annotations

from collections.abc import Mapping

from tests.faults._language import LanguageError
from tests.faults._wire import Fields


class Needed:
    """Stands in place of a default where there is none."""


NEEDED = Needed()

Rule = tuple[type, object]

TABLE: Mapping[str, Mapping[str, Rule]] = {
    "execute_request": {
        "code": (str, NEEDED),
        "silent": (bool, False),
        "store_history": (bool, None),
        "user_expressions": (dict, {}),
        "allow_stdin": (bool, False),
        "stop_on_error": (bool, True),
    },
    "complete_request": {"code": (str, NEEDED), "cursor_pos": (int, None)},
    "inspect_request": {
        "code": (str, NEEDED),
        "cursor_pos": (int, None),
        "detail_level": (int, 0),
    },
    "history_request": {
        "output": (bool, False),
        "raw": (bool, True),
        "hist_access_type": (str, NEEDED),
        "session": (int, 0),
        "start": (int, 1),
        "stop": (int, None),
        "n": (int, None),
        "pattern": (str, "*"),
        "unique": (bool, False),
    },
    "is_complete_request": {"code": (str, NEEDED)},
    "comm_info_request": {"target_name": (str, None)},
    "shutdown_request": {"restart": (bool, False)},
    "delete_subshell_request": {"subshell_id": (str, NEEDED)},
    "debug_request": {"seq": (int, NEEDED), "command": (str, NEEDED), "arguments": (dict, {})},
    "comm_open": {"comm_id": (str, NEEDED), "target_name": (str, NEEDED), "data": (dict, {})},
    "comm_msg": {"comm_id": (str, NEEDED), "data": (dict, {})},
    "comm_close": {"comm_id": (str, NEEDED), "data": (dict, {})},
}


def read(msg_type: str, content: Fields) -> Fields:
    """Return the fields of a request, with defaults for those that are missing or null.

    Raises:
        LanguageError: one has the wrong type, or is missing.
    """
    return {name: _field(name, rule, content) for name, rule in TABLE.get(msg_type, {}).items()}


def _field(name: str, rule: Rule, content: Fields) -> object:
    kind, default = rule
    value = content.get(name)
    if value is None:
        if default is NEEDED:
            raise LanguageError("TypeError", f"{name} is missing")
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise LanguageError("TypeError", f"{name} is no {kind.__name__}")
    return value
