"""The schemas are sound and current, and judge as the models and the reader do."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatch
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from assay import spec
from assay.protocol import (
    MESSAGE_TYPES,
    ConnectionFile,
    ConnectionFileError,
    ContentError,
    Finding,
    Header,
    KernelSpec,
    Registration,
    RegistrationFile,
    Severity,
    decode_object,
    encode_json,
    structure,
    structure_content,
    unstructure,
    validate,
)
from assay.spec import Profile, message_schema, vectors
from assay.testing import MalformedContent, contents, headers, json_values, malformed_contents
from spec import make_schemas
from tests.properties import EACH, MANY

SPEC = Path(make_schemas.__file__).parent
SCHEMAS = SPEC / "schemas"
TABLE = tomllib.loads((SPEC / "schema_table.toml").read_text("utf-8"))
INDEX = json.loads((SCHEMAS / "index.json").read_text("utf-8"))
PATHS = sorted(path.relative_to(SCHEMAS).as_posix() for path in SCHEMAS.glob("*/*.json"))
CURRENT = INDEX["versions"][INDEX["protocol"]]

Validator: Any = import_module("jsonschema").Draft202012Validator  # has no types of its own


def read(path: str) -> dict[str, Any]:
    """Return the schema in the file at *path*."""
    schema: dict[str, Any] = json.loads((SCHEMAS / path).read_text("utf-8"))
    return schema


@cache
def validator(name: str, profile: str, version: str = INDEX["protocol"]) -> Any:
    """Return the validator of the schema that the index names."""
    return judge(read(INDEX["versions"][version][name][profile]))


def judge(schema: object) -> Any:
    """Return the validator of *schema*, which may refer to any other file."""
    return Validator(schema, registry=registry())


@cache
def registry() -> Any:
    """Return all files by their ``$id``, for a validator that meets a reference."""
    referencing = import_module("referencing")
    resources = [referencing.Resource.from_contents(read(path)) for path in PATHS]
    return referencing.Registry().with_resources([(one.id(), one) for one in resources])


def faults(name: str, profile: str, data: object) -> list[str]:
    """Return what the schema has against *data*."""
    return [error.message for error in validator(name, profile).iter_errors(data)]


def as_json(content: object) -> dict[str, Any]:
    """Return *content* as it is on the wire, unknown keys included."""
    return dict(decode_object(encode_json(unstructure(content)), "content"))


# The files.


def test_schemas_are_current() -> None:
    """What is in schemas/ is what the models and the table give."""
    assert make_schemas.stale(SPEC, make_schemas.render(SPEC)) == []


def test_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stale, missing and surplus files are told, and mended without --check."""
    table = (SPEC / "schema_table.toml").read_text("utf-8")
    (tmp_path / "schema_table.toml").write_text(table, "utf-8")
    command = ["--folder", str(tmp_path)]

    assert make_schemas.main([*command, "--check"]) == 1
    assert make_schemas.main(command) == 0
    assert make_schemas.main([*command, "--check"]) == 0

    (tmp_path / "schemas" / "strict" / "stream-5.0.json").write_text("{}", "utf-8")
    (tmp_path / "schemas" / "strict" / "surplus-5.0.json").write_text("{}", "utf-8")
    capsys.readouterr()

    assert make_schemas.main([*command, "--check"]) == 1
    told = capsys.readouterr().err
    assert "stream-5.0.json" in told
    assert "surplus-5.0.json" in told
    assert make_schemas.main(command) == 0
    assert make_schemas.main([*command, "--check"]) == 0


@pytest.mark.parametrize("path", PATHS)
def test_a_schema_is_sound(path: str) -> None:
    """A schema is valid, says what it is, and its examples bear it out."""
    schema = read(path)
    judges = judge(schema)
    profile, _, rest = path.partition("/")
    name, _, version = rest.removesuffix(".json").rpartition("-")

    Validator.check_schema(schema)
    assert schema["$id"] == f"urn:assay:schema:{profile}:{name}:{version}"
    assert schema["title"].startswith(f"{name}, {profile}, protocol ")
    assert schema["description"]
    assert schema["x-versions"][0] == version
    assert schema["examples"]
    assert [
        list(judges.iter_errors(one)) for one in schema["examples"] if not judges.is_valid(one)
    ] == []
    assert len(schema["x-counter-examples"]) >= 1
    assert [
        one["reason"] for one in schema["x-counter-examples"] if judges.is_valid(one["instance"])
    ] == []


@pytest.mark.parametrize("path", PATHS)
def test_a_strict_example_is_good_for_a_lenient_receiver(path: str) -> None:
    """What the strict profile shows as right, the lenient one of the same version accepts."""
    schema = read(path)
    name = path.partition("/")[2].removesuffix(".json").rpartition("-")[0]
    for version in schema["x-versions"]:
        lenient = validator(name, "lenient", version)
        assert all(lenient.is_valid(one) for one in schema["examples"])


@pytest.mark.parametrize("profile", ["strict", "lenient"])
def test_a_whole_message_has_the_content_of_its_type(profile: Profile) -> None:
    """Its schema takes what is right for the type's own and refuses what is wrong there (HDR-18); a
    type that has no schema may hold anything."""
    whole = Validator(spec.schema("message", profile=profile).document)
    sound = read(CURRENT["message"][profile])["examples"][0]

    def takes(name: str, content: object) -> bool:
        head = {**sound["header"], "msg_type": name}
        return bool(whole.is_valid({**sound, "header": head, "content": content}))

    for name in MESSAGE_TYPES:
        own = read(CURRENT[name][profile])
        assert takes(name, own["examples"][-1]), name
        assert not takes(name, own["x-counter-examples"][-1]["instance"]), name
    assert takes("x-own", {"code": 5})


@pytest.mark.parametrize("profile", ["strict", "lenient"])
@pytest.mark.parametrize("name", ["message", "websocket_message"])
def test_a_whole_message_refers_to_the_schema_that_its_header_chooses(
    name: str, profile: Profile
) -> None:
    """In each version, for each type there is, and for types that came later."""
    types = {one for entries in INDEX["versions"].values() for one in entries}
    for version in INDEX["versions"]:
        chosen = {
            one: found.document["$id"]
            for one in types
            if (found := message_schema({"msg_type": one, "version": version}, profile))
        }

        document: Any = spec.schema(name, version, profile).document

        assert len(document["allOf"]) == len(chosen)
        for row in document["allOf"]:
            header = row["if"]["properties"]["header"]
            refers = row["then"]["properties"]["content"]["$ref"]
            assert refers == chosen[header["properties"]["msg_type"]["const"]]
            assert document["$defs"][refers]["$id"] == refers


def test_the_file_of_a_whole_message_refers_to_the_files_of_contents() -> None:
    """With all files at hand by ``$id`` it judges as the document does that holds them."""
    sound = read(CURRENT["websocket_message"]["strict"])["examples"][0]
    spoilt = {**sound, "content": {**sound["content"], "code": 5}}

    for judges in (
        validator("websocket_message", "strict"),
        Validator(spec.schema("websocket_message").document),
    ):
        assert judges.is_valid(sound)
        assert [[*one.path] for one in judges.iter_errors(spoilt)] == [["content", "code"]]


def test_requirements_exist() -> None:
    """Every id that a schema names is in the register, and what is official names one."""
    register = tomllib.loads((SPEC / "requirements.toml").read_text("utf-8"))
    errata = tomllib.loads((SPEC / "errata.toml").read_text("utf-8"))
    known = {one["id"] for one in (*register["requirement"], *errata["ambiguity"])}

    for path in PATHS:
        schema = read(path)
        ids = set(schema["x-requirements"])
        assert ids <= known
        assert all(one in schema["description"] for one in ids)
    for entry in CURRENT.values():
        assert read(entry["strict"])["x-requirements"] or not entry["official"]


def test_the_index_is_complete() -> None:
    """Every version and file is in the index, and no file is in vain."""
    named = set()
    for version, entries in INDEX["versions"].items():
        for name, entry in entries.items():
            for profile in ("strict", "lenient"):
                named.add(entry[profile])
                assert version in read(entry[profile])["x-versions"]
                assert entry[profile].startswith(f"{profile}/{name}-")
    assert named == set(PATHS)


def test_the_index_agrees_with_the_registry() -> None:
    """A type is there from the version on that brought it."""
    messages = {name for name, entry in CURRENT.items() if entry["kind"] == "message"}
    assert messages == set(MESSAGE_TYPES)
    for name, row in MESSAGE_TYPES.items():
        there = [version for version, entries in INDEX["versions"].items() if name in entries]
        if row.since != "5.0":
            assert there[0] == row.since
        assert "5.0" in there or row.since > "5.0"
        assert CURRENT[name].get("reply") == row.reply
        assert CURRENT[name]["sender"] == row.sender


def test_renamed_replies() -> None:
    """A request of an old version names a reply of that version."""
    for entries in INDEX["versions"].values():
        replies = {entry["reply"] for entry in entries.values() if "reply" in entry}
        assert replies <= entries.keys()


# The models and the schemas.


def divergences(profile: str, name: str) -> Iterator[Mapping[str, str]]:
    """Give the known differences that concern *name*."""
    for row in TABLE["divergence"]:
        if row["profile"] == profile and any(fnmatch(name, one) for one in row["msg_types"]):
            yield row


def applies(row: Mapping[str, str], data: Mapping[str, object]) -> bool:
    """Return whether *data* has in its place what *row* is about."""
    if row["value"] == "absent":
        return row["path"] not in data
    if row["path"] not in data:
        return False
    found = data[row["path"]]
    match row["value"]:
        case "null":
            return found is None
        case "any":
            return True
        case word:
            return found == word


def diverges(name: str, data: Mapping[str, object]) -> bool:
    """Return whether the models may write *data* and the strict profile refuse it."""
    return any(applies(row, data) for row in divergences("strict", name))


@pytest.mark.parametrize("name", sorted(MESSAGE_TYPES))
@given(data=st.data())
@settings(max_examples=EACH)
def test_schemas_accept_what_models_write(name: str, data: st.DataObject) -> None:
    """Whatever a model writes is right, strictly too but for unknown keys and what is listed."""
    content = data.draw(contents(name))
    known = decode_object(encode_json(content), "content")

    assert faults(name, "lenient", as_json(content)) == []
    if not diverges(name, known):
        assert faults(name, "strict", known) == []


def test_divergences_are_real() -> None:
    """A listed difference of the strict profile is one, and the index tells it."""
    failure = {"status": "error", "ename": "E", "evalue": "", "traceback": []}
    assert INDEX["divergences"] == TABLE["divergence"]
    for name in MESSAGE_TYPES:
        for row in divergences("strict", name):
            path = row["path"]
            about_failures = path in {"execution_count", "status"}
            good = failure if about_failures else read(CURRENT[name]["lenient"])["examples"][0]
            values: dict[str, dict[str, object]] = {
                "null": {path: None},
                "any": {path: good.get(path, 1)},
                "absent": {},
            }
            odd = {**good, **values.get(row["value"], {path: row["value"]})}

            assert applies(row, odd)
            assert faults(name, "strict", odd)
            assert faults(name, "lenient", odd) == []


def reads(name: str, data: Mapping[str, Any]) -> bool:
    """Return whether the reader takes *data*."""
    try:
        match name:
            case "parent_header":
                if data:
                    structure(Header, data)
            case "header":
                structure(Header, data)
            case "connection_file":
                ConnectionFile.from_json(encode_json(data))
            case "registration_file":
                RegistrationFile.from_json(encode_json(data))
            case "registration":
                Registration.from_object(data)
            case "kernelspec":
                KernelSpec.from_json(encode_json(data))
            case _:
                structure_content(name, data)
    except (ContentError, ConnectionFileError):
        return False
    return True


@given(malformed_contents())
@settings(max_examples=MANY)
def test_schemas_refuse_what_the_reader_refuses(malformed: MalformedContent) -> None:
    """A content with one fault is refused by both profiles and by the reader."""
    assert not reads(malformed.msg_type, malformed.data)
    assert faults(malformed.msg_type, "lenient", malformed.data)
    assert faults(malformed.msg_type, "strict", malformed.data)


def fractional(value: Any) -> Any:
    """Return *value* with a fraction to every float: whether 3.0 is an integer is a divergence."""
    match value:
        case float():
            return value + 0.5 if (value + 0.5) % 1 else "a large number"
        case list():
            return [fractional(item) for item in value]
        case dict():
            return {key: fractional(item) for key, item in value.items()}
    return value


VALUES: st.SearchStrategy[Any] = (
    json_values(max_leaves=4).map(fractional)
    | st.sampled_from(["ok", "error", "aborted", "abort", "tcp", "1", "70000", "hmac-sha256", ""])
    | st.sampled_from([0, 1, -1, 65535, 65536, None, True, [], {}, [[1, 1, "x"]]])
)


def mutated(draw: Callable[..., Any], name: str) -> dict[str, Any]:
    """Return an example of *name* with a key or two changed or gone."""
    schema = read(CURRENT[name]["lenient"])
    data = dict(draw(st.sampled_from(schema["examples"])))
    arms = schema.get("$defs", {"content": schema}).values()
    keys = sorted({key for arm in arms for key in arm["properties"]} | {"x-own"})
    for key in draw(st.lists(st.sampled_from(keys), max_size=2)):
        if draw(st.booleans()):
            data.pop(key, None)
        else:
            data[key] = draw(VALUES)
    return data


@pytest.mark.parametrize(
    "name", sorted(name for name, entry in CURRENT.items() if entry["kind"] != "envelope")
)
@given(data=st.data())
@settings(max_examples=2 * EACH)
def test_the_lenient_profile_is_the_reader(name: str, data: st.DataObject) -> None:
    """Whatever it is, the reader takes it exactly if the lenient profile does."""
    example = mutated(data.draw, name)
    if name in {"connection_file", "registration_file"}:
        assume(example.get("signature_scheme", "hmac-sha256") == "hmac-sha256")

    assert reads(name, example) is (faults(name, "lenient", example) == [])


IN_OLDER = [
    (name, version)
    for version, index in INDEX["versions"].items()
    if version.startswith("5.")
    for name in sorted(index.keys() & {"header", *MESSAGE_TYPES})
    if index[name]["lenient"] != CURRENT[name]["lenient"]
]


@pytest.mark.parametrize(("name", "version"), IN_OLDER)
def test_the_lenient_profile_of_older_versions_knows_what_came_later(
    name: str, version: str
) -> None:
    """A key of 5.5 in a message of 5.0, which major 5 has one reader for, must fit all the same."""
    cls = Header if name == "header" else MESSAGE_TYPES[name].content
    keys = [one.name for one in attrs.fields(cls) if not one.name.startswith("_")]
    older = read(INDEX["versions"][version][name]["lenient"])["examples"][0]

    for key in keys:
        for value in (None, True, 5, "text", [5], {"a": 5}):
            data = {**older, key: value}

            assert reads(name, data) or faults_in(name, version, data), (key, value)


def faults_in(name: str, version: str, data: object) -> list[str]:
    """Return what the lenient schema of *version* has against *data*."""
    return [error.message for error in validator(name, "lenient", version).iter_errors(data)]


@pytest.mark.parametrize("name", sorted(CURRENT))
@given(data=st.data())
@settings(max_examples=EACH)
def test_strict_is_stricter(name: str, data: st.DataObject) -> None:
    """Whatever the strict profile accepts, the lenient one accepts."""
    example = mutated(data.draw, name)

    assert faults(name, "strict", example) or faults(name, "lenient", example) == []


@given(headers())
def test_headers(header: Header) -> None:
    """Every header that can be written is one for a tolerant receiver."""
    assert faults("header", "lenient", as_json(header)) == []


@pytest.mark.parametrize(("scheme", "key"), [("hmac-no-such-hash", ""), ("hmac-sha256", "\ud800")])
def test_what_a_schema_cannot_say(scheme: str, key: str) -> None:
    """The reader refuses a connection file that the schema accepts, as the table tells."""
    example = read(CURRENT["connection_file"]["lenient"])["examples"][0]
    data = {**example, "signature_scheme": scheme, "key": key}

    assert faults("connection_file", "lenient", data) == []
    with pytest.raises(ConnectionFileError):
        ConnectionFile.from_json(json.dumps(data).encode())


def cases() -> Iterator[tuple[str, str, str, object, bool]]:
    """Give id, type, version and content of the vectors whose content can be judged, and how."""
    for file in vectors():
        for vector in file.vectors:
            steps: Any = vector.data.get("sequence") or [vector.data]
            for step in steps:
                decoded = step.get("decoded")
                header = decoded.get("header", {}) if isinstance(decoded, dict) else {}
                version = header.get("version", "4.1")
                name = str(header.get("msg_type"))
                about_content = step["result"] == "valid" or step.get("stage") == "content"
                if about_content and name in INDEX["versions"].get(version, ()):
                    yield vector.id, name, version, decoded["content"], step["result"] == "valid"


def test_a_port_that_the_kernel_is_to_choose_stands_in_a_connection_file_alone() -> None:
    """0 is written by launchers (CONN-23); who names a port that is bound names a real one."""
    for profile in ("strict", "lenient"):
        chosen = {"shell_port": 0, "hb_port": 0}
        assert not faults("connection_file", profile, example("connection_file") | chosen)
        negative = {"shell_port": -1}
        assert faults("connection_file", profile, example("connection_file") | negative)
        unbound = {"registration_port": 0}
        assert faults("registration_file", profile, example("registration_file") | unbound)
        assert faults("registration", profile, example("registration") | {"shell_port": "0"})
    assert faults("connect_reply", "strict", example("connect_reply") | {"shell_port": 0})


def example(name: str) -> dict[str, object]:
    """Return the example with every key that the strict schema of *name* has."""
    first: dict[str, object] = read(CURRENT[name]["strict"])["examples"][0]
    return first


def test_vectors() -> None:
    """The lenient profile of its own version takes a vector's content exactly if it is valid."""
    judged = [
        (id_, name, version, valid, validator(name, "lenient", version).is_valid(content))
        for id_, name, version, content, valid in cases()
    ]

    assert len(judged) > 300
    assert [one for one in judged if one[-2] is not one[-1]] == []


def test_recorded_traffic() -> None:
    """What other implementations say is right in both profiles, or one of their listed quirks."""
    seen: set[int] = set()
    for vector in next(file.vectors for file in vectors() if file.subject == "recorded"):
        decoded: Any = vector.data["decoded"]
        content, header = decoded["content"], decoded["header"]
        name, version = header["msg_type"], header.get("version", "4.1")
        quirks = {
            number: row
            for number, row in enumerate(TABLE["quirk"])
            if name in row["msg_types"]
            and str(vector.data["recorded_from"]).startswith(row["software"])
        }
        newer = {at for at, row in quirks.items() if not row["keys"] and "lacks" not in row}
        if name not in INDEX["versions"][version]:
            assert newer
            seen |= newer
            version = INDEX["protocol"]
        strict = validator(name, "strict", version)
        assert validator(name, "lenient", version).is_valid(content)
        if not strict.is_valid(content):
            odd = {key for row in quirks.values() for key in row["keys"]}
            lacking = {key for row in quirks.values() for key in row.get("lacks", ())}
            sound = next(one for one in strict.schema["examples"] if lacking <= one.keys())
            rest = {key: value for key, value in content.items() if key not in odd}
            assert strict.is_valid(rest | {key: sound[key] for key in lacking})
            seen |= quirks.keys() - newer

    assert seen == {*range(len(TABLE["quirk"]))}


def test_integral_numbers() -> None:
    """JSON Schema takes 3.0 as an integer; the reader does not."""
    data = {"code": "x", "execution_count": 3.0}

    assert faults("execute_input", "lenient", data) == []
    assert not reads("execute_input", data)


@pytest.mark.parametrize(
    ("name", "version"),
    # One version for each file, as all that it serves are the same.
    sorted(
        {
            entries[name]["strict"]: (name, version)
            for version, entries in INDEX["versions"].items()
            if version.startswith("5.")
            for name, row in MESSAGE_TYPES.items()
            if row.official and name in entries
        }.values()
    ),
)
def test_the_validator_asks_for_what_the_strict_schema_asks_for(name: str, version: str) -> None:
    """A sender's key that is missing, null or out of range is a finding in the same versions."""
    entry = INDEX["versions"][version][name]
    strict = judge(read(entry["strict"]))
    example = read(entry["strict"])["examples"][0]
    assert content_findings(name, example, version) == []
    for spoilt in spoilings(example):
        told = content_findings(name, spoilt, version)
        wrong = [one for one in told if one.severity is Severity.VIOLATION]

        if strict.is_valid(spoilt):
            assert {one.requirement for one in wrong} <= UNSAID, spoilt
        else:
            assert told, spoilt
            assert judge(read(entry["lenient"])).is_valid(spoilt) == reads(name, spoilt), spoilt


UNSAID = {one["requirement"] for one in INDEX["unsaid"]}


def spoilings(example: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield *example* with one key left out, or with another value."""
    for key in example:
        yield {other: item for other, item in example.items() if other != key}
        for value in (None, -1, 0, 1_000_000, "", "abort", "aborted", "error"):
            yield {**example, key: value}
    if "status" in example:
        yield {"status": "abort", "execution_count": 1}
        yield {"status": "abort"}


def content_findings(name: str, content: Mapping[str, Any], version: str) -> list[Finding]:
    """Return what our validator has against *content* in the strict profile of *version*."""
    header = {"msg_id": "m", "msg_type": name, "version": version}
    message = {"header": header, "content": content}
    return [one for one in validate(message) if one.path.startswith("content")]
