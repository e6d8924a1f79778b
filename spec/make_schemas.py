"""Make the JSON Schemas of every message type, version and profile, and of the files.

    python spec/make_schemas.py           write spec/schemas/
    python spec/make_schemas.py --check   write nothing, exit 1 if a file is stale

What version 5.5 says comes from the models of `assay.protocol`; what types cannot say, and how
older versions differ, from schema_table.toml. docs/spec-format.md describes what is written.
"""

import argparse
import ast
import copy
import inspect
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NewType, TypeAlias, Union, get_args, get_origin, get_type_hints

import attrs

from assay.protocol import (
    MESSAGE_TYPES,
    UNSET,
    Aborted,
    ConnectionFile,
    Content,
    ErrorReply,
    Header,
    KernelSpec,
    Registration,
    RegistrationFile,
    UnsetType,
)
from assay.protocol.contents._debug_additions import ARGUMENTS, BODIES

FORMAT = 1
PROFILES = ("strict", "lenient")
DIALECT = "https://json-schema.org/draft/2020-12/schema"

FILES: dict[str, type[attrs.AttrsInstance]] = {
    "header": Header,
    "connection_file": ConnectionFile,
    "registration_file": RegistrationFile,
    "kernelspec": KernelSpec,
    "registration": Registration,
}
"""What is not the content of a message."""

ENVELOPES = ("message", "websocket_message")
"""What holds a whole message, whose content has a schema by its type."""

DRAFTS = {"registration_file": "5.6", "registration": "5.6"}
"""What belongs to the draft of a later version."""

ALSO_PUBLISHED = ("shutdown_reply",)
"""Replies that kernels send on IOPub as well (CTRL-07)."""

# The arms of a reply, and where schema_table.toml keeps their examples.
CONTENT, ERROR, ABORTED = "content", "error", "aborted"
FAILURES = {ERROR: "reply with status error", ABORTED: "reply with status aborted"}

COMMON_REQUIREMENTS = ("SHELL-09", "SHELL-10", "SHELL-11", "SHELL-12")
"""What the common forms of a failed reply rest on."""

# JSON of any shape: schemas, examples and the table are taken apart by key all the time.
Tree: TypeAlias = dict[str, Any]

_EMPHASIS = re.compile(r"(?<!\w)\*(\w[^*]*)\*(?!\w)")
_ID = re.compile(r"\b([A-Z]+)-(\d{2,})\b(?: to [A-Z]+-(\d{2,})\b)?((?:, -\d{2,})*)")


@dataclass
class Field:
    """One key of an object, as both profiles see it."""

    schemas: dict[str, Tree]
    """The schema of its value by profile; a profile that does not know the key has none."""
    required: set[str]
    description: str = ""
    example: object = UNSET
    shown: bool = False
    """Whether the shortest example has it all the same: something has to stand for it."""


@dataclass(kw_only=True)
class Arm:
    """One form that a content can take."""

    description: str
    fields: dict[str, Field]
    also: dict[str, list[Tree]] = field(default_factory=dict)
    """Further schemas that hold, by profile."""


@dataclass(kw_only=True)
class Shape:
    """One message type or file in one version."""

    name: str
    arms: dict[str, Arm]
    requirements: tuple[str, ...]
    facts: Tree
    """What the index tells about it."""
    plain: bool = False
    """Strictly, it fails in no common form."""


# From models to shapes.


def shapes(table: Tree) -> dict[str, Shape]:
    """Return every message type and file of 5.5, by name."""
    made = {}
    for name, row in sorted(MESSAGE_TYPES.items()):
        channels = sorted(row.channels)
        facts: Tree = {
            "kind": "message",
            "sender": str(row.sender),
            "channels": [*channels, "iopub"] if name in ALSO_PUBLISHED else channels,
            "official": row.official,
        }
        if row.reply:
            facts["reply"] = row.reply
        if row.deprecated:
            facts["deprecated"] = row.deprecated
        made[name] = _shape(name, row.content, facts, table)
    _add_debug_commands(made)
    for name, cls in FILES.items():
        facts = {"kind": "header" if name == "header" else "file"}
        if name in DRAFTS:
            facts["draft"] = DRAFTS[name]
        made[name] = _shape(name, cls, facts, table)
    return made


def _add_debug_commands(made: Mapping[str, Shape]) -> None:
    """Say what Jupyter's own commands of the debugger hold (DEBUG-05 to DEBUG-11)."""
    nothing: Tree = {}
    arguments = {command: (cls, "arguments", nothing) for command, cls in ARGUMENTS.items()}
    succeeded: Tree = {"success": {"const": True}}
    bodies = {command: (cls, "body", succeeded) for command, (cls, _) in BODIES.items()}
    for name, commands in (("debug_request", arguments), ("debug_reply", bodies)):
        made[name].arms[CONTENT].also["strict"] = [
            {
                "if": {
                    "properties": {"command": {"const": command}, **more},
                    "required": ["command", *more],
                },
                "then": {"required": [part], "properties": {part: _nested(cls, "strict")}},
            }
            for command, (cls, part, more) in commands.items()
        ]


def _shape(name: str, cls: type[attrs.AttrsInstance], facts: Tree, table: Tree) -> Shape:
    arms = {CONTENT: _arm(name, cls, table)}
    if name.endswith("_reply"):
        failures: tuple[tuple[str, type[Content]], ...] = ((ERROR, ErrorReply), (ABORTED, Aborted))
        for key, failure in failures:
            arms[key] = _arm(FAILURES[key], failure, table)
            count = arms[key].fields["execution_count"]
            if name == "execute_reply":
                count.required.add("strict")
            else:
                del count.schemas["strict"]
    if name == "execute_reply":
        # What a cell asked its client for before it failed (EXEC-13, AMB-04).
        payload = arms[CONTENT].fields["payload"]
        arms[ERROR].fields["payload"] = Field(
            schemas={"strict": payload.schemas["strict"]},
            required=set(),
            description=payload.description,
        )
    plain = bool(table["strict"].get(name, {}).get("plain"))
    own = (*_mentioned(_docs(cls)), *table["requirements"].get(name, ()))
    common = COMMON_REQUIREMENTS if ERROR in arms and not plain else ()
    return Shape(
        name=name,
        arms=arms,
        requirements=tuple(sorted({*own, *common})),
        facts=facts,
        plain=plain,
    )


def _arm(name: str, cls: type[attrs.AttrsInstance], table: Tree) -> Arm:
    docs, hints = _docs(cls), get_type_hints(cls)
    strict, lenient = table["strict"].get(name, {}), table["lenient"].get(name, {})
    example = table["example"].get(name)
    if example is None:
        raise ValueError(f"schema_table.toml: {name} wants an example")
    fields = {}
    for one in attrs.fields(cls):
        if one.name.startswith("_"):
            continue
        schemas = {profile: _schema(hints[one.name], profile) for profile in PROFILES}
        for profile, own in (("strict", strict), ("lenient", lenient)):
            schemas[profile] = own.get("schema", {}).get(one.name, schemas[profile])
        if one.name in strict.get("without", ()):
            del schemas["strict"]
        fields[one.name] = Field(
            schemas=schemas,
            required=_required(one, cls, strict, lenient),
            description=docs.get(one.name, ""),
            example=example.get(one.name, UNSET),
            shown=one.name in (*lenient.get("optional", ()), *strict.get("shown", ())),
        )
    surplus = example.keys() - fields.keys()
    if surplus:
        raise ValueError(f"schema_table.toml: the example of {name} has unknown keys {surplus}")
    also = {profile: table[profile].get(name, {}).get("also", []) for profile in PROFILES}
    return Arm(description=docs[""], fields=fields, also=also)


def _required(
    one: "attrs.Attribute[Any]", cls: type[attrs.AttrsInstance], strict: Tree, lenient: Tree
) -> set[str]:
    if one.name in getattr(cls, "absent", {}) or one.name in lenient.get("optional", ()):
        return {"strict"}
    if one.default is attrs.NOTHING or one.name in lenient.get("required", ()):
        return {"strict", "lenient"}
    said = one.name in strict.get("required", ())
    left_out = one.default is UNSET or one.name in strict.get("optional", ())
    return {"strict"} if said or not left_out else set()


def _schema(hint: Any, profile: str) -> Tree:  # noqa: PLR0911 - a table; hints have no type
    origin, inner = get_origin(hint), get_args(hint)
    match origin or hint:
        case _ if hint is Any:
            return {}
        case NewType():
            return _schema(hint.__supertype__, profile)
        case _ if origin in (Union, UnionType):
            return _union([_schema(arm, profile) for arm in inner if arm is not UnsetType])
        case _ if origin is Literal:
            return {"const": inner[0]} if len(inner) == 1 else {"enum": list(inner)}
        case _ if origin is tuple and Ellipsis in inner:
            return {"type": "array", "items": _schema(inner[0], profile)}
        case _ if origin is tuple:
            items = [_schema(item, profile) for item in inner]
            return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}
        case _ if origin is Mapping:
            values = _schema(inner[1], profile)
            return {"type": "object"} | ({"additionalProperties": values} if values else {})
        case type() as cls if issubclass(cls, Enum):
            return {"enum": [member.value for member in cls]}
        case type() as cls if issubclass(cls, Content):
            return _nested(cls, profile)
    return {"type": PRIMITIVES[hint]}


PRIMITIVES = {str: "string", int: "integer", bool: "boolean", NoneType: "null"}


def _union(arms: list[Tree]) -> Tree:
    if len(arms) == 1:
        return arms[0]
    if all(arm.keys() == {"type"} for arm in arms):
        return {"type": [arm["type"] for arm in arms]}
    return {"anyOf": arms}


def _nested(cls: type[Content], profile: str) -> Tree:
    docs, hints = _docs(cls), get_type_hints(cls)
    names = [one for one in attrs.fields(cls) if not one.name.startswith("_")]
    fields = {
        one.name: Field(
            schemas={profile: _schema(hints[one.name], profile)},
            required=_required(one, cls, {}, {}),
            description=docs.get(one.name, ""),
        )
        for one in names
    }
    return _object(Arm(description=docs[""], fields=fields), profile)


def _docs(cls: type[attrs.AttrsInstance]) -> dict[str, str]:
    """Return the first paragraph of the class's docstring under "", and its fields' by name."""
    tree = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(tree, ast.ClassDef)
    docs = {"": _prose(inspect.getdoc(cls) or "")}
    for before, after in zip(tree.body, tree.body[1:], strict=False):
        match before, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                docs[name] = _prose(inspect.cleandoc(text))
    return docs


def _prose(text: str) -> str:
    paragraph = " ".join(text.split("\n\n", maxsplit=1)[0].split())
    plain = paragraph.replace("``", "").replace("`", "")
    return _EMPHASIS.sub(r"\1", plain)


def _mentioned(docs: Mapping[str, str]) -> Iterator[str]:
    """Give the ids in *docs*; "A-01 to A-03" and "A-01, -02" name all of theirs."""
    for prefix, first, last, more in _ID.findall("\n".join(docs.values())):
        for number in range(int(first), int(last or first) + 1):
            yield f"{prefix}-{number:02}"
        for number in re.findall(r"\d+", more):
            yield f"{prefix}-{number}"


# From newer versions to older ones.


def versions(table: Tree) -> dict[str, dict[str, Shape]]:
    """Return the shapes of every version, oldest first."""
    current = shapes(table)
    made = {}
    steps = list(table["step"])
    for version in reversed(table["versions"]):
        while steps and steps[0]["until"] == version:
            current = copy.deepcopy(current)
            _apply(steps.pop(0), current)
        made[version] = current | envelopes(current["header"], current["execute_request"])
    if steps:
        raise ValueError(f"schema_table.toml: steps out of order at {steps[0]['until']}")
    return dict(reversed(made.items()))


def envelopes(header: Shape, request: Shape) -> dict[str, Shape]:
    """Return the shapes of what holds a *header*: a parent, a whole message, one on a websocket.

    The *request* is that of the example header.
    """
    arm = header.arms[CONTENT]
    heads = {profile: _object(arm, profile) for profile in PROFILES}
    nothing: Tree = {"type": "object", "maxProperties": 0}
    parents: dict[str, Tree] = {
        "strict": {"anyOf": [nothing, heads["strict"]]},
        "lenient": {"anyOf": [nothing, {"type": "null"}, heads["lenient"]]},
    }
    example = _full(arm, "strict")
    anything: Tree = {"type": "object"}
    parts = {
        "header": Field(heads, set(PROFILES), "Who sent it, when, and of which type.", example),
        "parent_header": Field(
            parents, {"strict"}, "The header of its cause, or an empty object.", example
        ),
        "metadata": Field(
            {"strict": anything, "lenient": {"type": ["object", "null"]}},
            {"strict"},
            "Free for extensions.",
            {},
        ),
        "content": Field(
            dict.fromkeys(PROFILES, anything),
            set(PROFILES),
            "As the schema of the header's msg_type has it; anything for a type without one.",
            _full(request.arms[CONTENT], "strict"),
        ),
    }
    words: Tree = {"type": "string"}
    empty: Tree = {"type": "array", "maxItems": 0}
    more = {
        "channel": Field(
            {
                "strict": {"enum": CHANNELS},
                "lenient": {"type": ["string", "null"], "enum": [*CHANNELS, None]},
            },
            {"strict"},
            "On which channel it is sent, or was.",
            "shell",
        ),
        "buffers": Field(
            dict.fromkeys(PROFILES, empty),
            set(),
            "Empty: a message with buffers is sent in binary form.",
            [],
        ),
        "msg_id": Field(dict.fromkeys(PROFILES, words), set(), "That of the header, once more."),
        "msg_type": Field(dict.fromkeys(PROFILES, words), set(), "That of the header, once more."),
    }
    whole = "A whole message as one object."
    socket = "A message as Jupyter Server's default websocket has it: text, one object."
    return {
        name: Shape(
            name=name,
            arms={CONTENT: Arm(description=description, fields=fields)},
            requirements=("HDR-12", "HDR-16", "HDR-18", "WIRE-06", *also),
            facts={"kind": "envelope"},
        )
        for name, description, fields, also in (
            ("message", whole, parts, ()),
            ("websocket_message", socket, parts | more, ("WS-01", "WS-04")),
        )
    } | {"parent_header": _parent_header(arm)}


def _parent_header(header: Arm) -> Shape:
    """Return the shape of a header in the place of a parent: whole, or empty."""
    fields = {
        name: Field(one.schemas, set(), one.description, one.example)
        for name, one in header.fields.items()
    }
    whole = {
        profile: [name for name, one in header.fields.items() if profile in one.required]
        for profile in PROFILES
    }
    also: dict[str, list[Tree]] = {
        profile: [{"if": {"minProperties": 1}, "then": {"required": names}}]
        for profile, names in whole.items()
    }
    description = "The header of the message that caused this one; empty where nothing did."
    return Shape(
        name="parent_header",
        arms={CONTENT: Arm(description=description, fields=fields, also=also)},
        requirements=("HDR-12", "HDR-14", "HDR-15"),
        facts={"kind": "header"},
    )


CHANNELS = ["shell", "control", "iopub", "stdin"]


def _apply(step: Tree, current: dict[str, Shape]) -> None:
    for name in step.get("remove", ()):
        del current[name]
    for name, new in step.get("new", {}).items():
        current[name] = Shape(
            name=name,
            arms={CONTENT: Arm(description=new["description"], fields=_added(new["add"]))},
            requirements=(),
            facts={
                "kind": "message",
                "sender": new["sender"],
                "channels": new["channels"],
                "official": True,
            },
        )
    for name, change in step.get("change", {}).items():
        shape = current.pop(name)
        _change(shape, change, keeps=step["until"].startswith("5."))
        current[shape.name] = shape
    for shape in current.values():
        if ABORTED in shape.arms and "aborted" in step:
            shape.arms[ABORTED].fields["status"].schemas["strict"] = {"enum": step["aborted"]}
        if shape.facts.get("reply") not in (None, *current):
            shape.facts["reply"] = f"{shape.name.removesuffix('_request')}_reply"


def _change(shape: Shape, change: Tree, *, keeps: bool) -> None:
    content = shape.arms[CONTENT]
    shape.name = change.get("rename_to", shape.name)
    shape.plain = change.get("plain", shape.plain)
    content.description = change.get("description", content.description)
    shape.requirements = tuple(change.get("requirements", shape.requirements))
    if "channels" in change:
        shape.facts["channels"] = change["channels"]
    for name in change.get("remove", ()):
        if keeps:
            # Major 5 has one reader, which takes a key for what it became, whoever sends it.
            content.fields[name] = _kept(content.fields[name])
        else:
            del content.fields[name]
        # What was said of this field beside its schema goes with it.
        for said in content.also.values():
            said[:] = [one for one in said if name not in json.dumps(one)]
    names = {name: change.get("rename", {}).get(name, name) for name in content.fields}
    content.fields = {names[name]: field for name, field in content.fields.items()}
    content.fields |= _added(change.get("add", {}))
    if ERROR in shape.arms:
        shape.arms[ERROR].fields |= _added(change.get("error", {}))
    for name, new in change.get("set", {}).items():
        one = content.fields[name]
        if "schema" in new:
            one.schemas = dict.fromkeys(PROFILES, new["schema"])
        if "required" in new:
            one.required = set(new["required"])
        one.description = new.get("description", one.description)
        one.example = new.get("example", one.example)


def _kept(field: Field) -> Field:
    """Return a *field* that its version does not have, as a lenient reader finds it."""
    return Field(
        schemas={"lenient": field.schemas["lenient"]},
        required=set(),
        description=field.description,
    )


def _added(rows: Tree) -> dict[str, Field]:
    return {
        name: Field(
            schemas=dict.fromkeys(PROFILES, row["schema"]),
            required=set(row["required"]),
            description=row["description"],
            example=row["example"],
        )
        for name, row in rows.items()
    }


# From shapes to schemas.


def schema(shape: Shape, profile: str, counters: Sequence[Tree] = ()) -> Tree:
    """Return the schema of *shape* without what depends on the versions that it serves."""
    ids = ", ".join(shape.requirements)
    content = shape.arms[CONTENT]
    description = f"{content.description} Requirements: {ids}." if ids else content.description
    arms = _arms(shape, profile)
    made: Tree = {"description": description, "x-requirements": list(shape.requirements)}
    if len(arms) == 1:
        made |= {**_object(content, profile), "description": description}
    else:
        made |= {
            "type": "object",
            "if": {"properties": {"status": {"const": "error"}}, "required": ["status"]},
            "then": {"$ref": "#/$defs/error"},
            "else": {
                "if": {
                    "properties": {"status": {"enum": ["aborted", "abort"]}},
                    "required": ["status"],
                },
                "then": {"$ref": "#/$defs/aborted"},
                "else": {"$ref": "#/$defs/content"},
            },
            "$defs": {name: _object(arm, profile) for name, arm in arms.items()},
        }
    made["examples"] = [one for arm in arms.values() for one in _examples(arm, profile)]
    made["x-counter-examples"] = list(_counter_examples(arms, profile, counters))
    return made


def _arms(shape: Shape, profile: str) -> dict[str, Arm]:
    if profile == "strict" and shape.plain:
        return {CONTENT: shape.arms[CONTENT]}
    return shape.arms


def _object(arm: Arm, profile: str) -> Tree:
    properties = {
        name: ({"description": one.description} if one.description else {}) | one.schemas[profile]
        for name, one in arm.fields.items()
        if profile in one.schemas
    }
    made: Tree = {"description": arm.description, "type": "object", "properties": properties}
    required = [name for name in properties if profile in arm.fields[name].required]
    if required:
        made["required"] = required
    if profile == "strict":
        made["additionalProperties"] = False
    if arm.also.get(profile):
        made["allOf"] = arm.also[profile]
    return made


def _full(arm: Arm, profile: str) -> Tree:
    return {
        name: one.example
        for name, one in arm.fields.items()
        if profile in one.schemas and one.example is not UNSET
    }


def _examples(arm: Arm, profile: str) -> Iterator[Tree]:
    full = _full(arm, profile)
    yield full
    least = {
        name: None if "null" in _types(arm.fields[name].schemas[profile]) else value
        for name, value in full.items()
        if profile in arm.fields[name].required
        or arm.fields[name].shown
        # A failure is told by its status, whether the profile requires it or not.
        or (name == "status" and value in (ERROR, ABORTED))
    }
    if least != full:
        yield least


WRONG: dict[str, object] = {
    "null": None,
    "integer": 7,
    "string": "assay",
    "boolean": True,
    "array": [None],
    "object": {"assay": 1},
}
"""A value of each type, the best counter-examples first."""

ARTICLES = {"integer": "an integer", "array": "a list", "object": "an object", "null": "null"}


def _types(schema: Tree) -> set[str]:
    """Return the JSON types that *schema* lets through."""
    if "type" in schema:
        found = schema["type"]
        return {found} if isinstance(found, str) else set(found)
    if "anyOf" in schema:
        return set().union(*map(_types, schema["anyOf"]))
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if values is None:
        return set(WRONG)
    return {"string" if isinstance(value, str) else "integer" for value in values}


def _counter_examples(
    arms: Mapping[str, Arm], profile: str, counters: Sequence[Tree]
) -> Iterator[Tree]:
    yield {"reason": "wanted an object, found a list", "instance": []}
    for key, arm in arms.items():
        where = "" if key == CONTENT else f" when the status is {key}"
        full = _full(arm, profile)
        for name in full:
            one = arm.fields[name]
            if key != CONTENT and name == "status":
                continue
            if profile in one.required:
                rest = {other: value for other, value in full.items() if other != name}
                yield {"reason": f"{name} is missing{where}", "instance": rest}
            allowed = _types(one.schemas[profile])
            wrong = next((found for found in WRONG if found not in allowed), None)
            if wrong is not None:
                word = ARTICLES.get(wrong, f"a {wrong}")
                reason = f"{name} is {word}{where}"
                yield {"reason": reason, "instance": {**full, name: WRONG[wrong]}}
    content = arms[CONTENT]
    full = _full(content, profile)
    if profile == "strict":
        reason = "x-own is no key of the protocol"
        yield {"reason": reason, "instance": {**full, "x-own": 1}}
    for counter in counters:
        if profile in counter["profiles"] and counter["set"].keys() <= full.keys():
            changed = {**full, **counter["set"]}
            for name in counter.get("remove", ()):
                changed.pop(name)
            yield {"reason": counter["reason"], "instance": changed}


# From schemas to files.


def render(folder: Path) -> dict[str, str]:
    """Return the text of every file that belongs into schemas/, by its path there."""
    table = tomllib.loads((folder / "schema_table.toml").read_text("utf-8"))
    by_version = versions(table)
    index: Tree = {
        "format": FORMAT,
        "dialect": DIALECT,
        "protocol": table["versions"][-1],
        "versions": {version: {} for version in table["versions"]},
        "divergences": table["divergence"],
        "unsaid": table["unsaid"],
    }
    files: dict[str, str] = {}
    # Envelopes come last, as they refer to the files of the others.
    names = {name for found in by_version.values() for name in found}
    for name in sorted(names, key=lambda name: (name in ENVELOPES, name)):
        for profile in PROFILES:
            made_by_version = _by_version(name, profile, by_version, table["counter"])
            if name in ENVELOPES:
                for version, made in made_by_version.items():
                    made["allOf"] = _by_type(index["versions"], version, profile)
            for served, made in _runs(made_by_version):
                path = f"{profile}/{name}-{served[0]}.json"
                files[path] = _text(_complete(name, profile, path, served, made))
                for version in served:
                    facts = by_version[version][name].facts
                    index["versions"][version].setdefault(name, {**facts})[profile] = path
    for version, entries in index["versions"].items():
        index["versions"][version] = dict(sorted(entries.items()))
    files["index.json"] = _text(index)
    return files


def _by_version(
    name: str,
    profile: str,
    by_version: Mapping[str, Mapping[str, Shape]],
    counters: Sequence[Tree],
) -> dict[str, Tree]:
    """Return the schema of *name* in each version that has it, oldest first."""
    own = [one for one in counters if one["type"] == name]
    return {
        version: schema(found[name], profile, own)
        for version, found in by_version.items()
        if name in found
    }


def _by_type(index: Mapping[str, Tree], version: str, profile: str) -> list[Tree]:
    """Return what a whole message of *version* has for each type: the schema of its content.

    Types that came later are among them, with the oldest schema that they have.
    """
    entries: Tree = {}
    for later in list(index)[list(index).index(version) :]:
        entries = index[later] | entries
    return [
        {
            "if": {
                "properties": {
                    "header": {
                        "type": "object",
                        "properties": {"msg_type": {"const": name}},
                        "required": ["msg_type"],
                    }
                },
                "required": ["header"],
            },
            "then": {"properties": {"content": {"$ref": _id(entry[profile])}}},
        }
        for name, entry in sorted(entries.items())
        if entry["kind"] == "message"
    ]


def _runs(made_by_version: Mapping[str, Tree]) -> Iterator[tuple[list[str], Tree]]:
    """Give the versions that follow each other with the same schema, with that schema."""
    served: list[str] = []
    last: Tree = {}
    for version, made in made_by_version.items():
        if served and made != last:
            yield served, last
            served = []
        served.append(version)
        last = made
    yield served, last


def _id(path: str) -> str:
    """Return the ``$id`` of the schema in the file at *path*."""
    profile, _, rest = path.removesuffix(".json").partition("/")
    name, _, version = rest.rpartition("-")
    return f"urn:assay:schema:{profile}:{name}:{version}"


def _complete(name: str, profile: str, path: str, served: Sequence[str], made: Tree) -> Tree:
    span = served[0] if len(served) == 1 else f"{served[0]} to {served[-1]}"
    return {
        "$schema": DIALECT,
        "$id": _id(path),
        "title": f"{name}, {profile}, protocol {DRAFTS.get(name, span)}",
        "x-versions": list(served),
        **made,
    }


def _text(tree: Tree) -> str:
    return json.dumps(tree, indent=1, ensure_ascii=False) + "\n"


# The command.


def stale(folder: Path, wanted: Mapping[str, str]) -> list[Path]:
    """Return the files of schemas/ that differ from *wanted*, are missing, or are too many."""
    schemas = folder / "schemas"
    differing = [
        schemas / name
        for name, text in wanted.items()
        if not (schemas / name).is_file() or (schemas / name).read_text("utf-8") != text
    ]
    found = (path for path in schemas.rglob("*.json"))
    surplus = [path for path in found if path.relative_to(schemas).as_posix() not in wanted]
    return sorted(differing + surplus)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description="Make the JSON Schemas.")
    parser.add_argument("--check", action="store_true", help="write nothing, report stale files")
    parser.add_argument(
        "--folder", type=Path, default=Path(__file__).parent, help="where schema_table.toml is"
    )
    options = parser.parse_args(arguments)
    folder: Path = options.folder
    wanted = render(folder)
    changed = stale(folder, wanted)
    if options.check:
        for path in changed:
            print(f"stale: {path}; run python spec/make_schemas.py", file=sys.stderr)
        return 1 if changed else 0
    for path in changed:
        name = path.relative_to(folder / "schemas").as_posix()
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name], "utf-8")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
