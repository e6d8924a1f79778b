"""The specification is readable from Python, wherever the package is."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from assay import spec
from assay.protocol import ContentError, FramingError, encode_json, validate, version_of
from assay.spec import _files
from assay.testing import make_session

ROOT = Path(__file__).parents[2]


def test_the_files_are_beside_the_package() -> None:
    """What the package reads is what is in the repository."""
    folder = files("assay.spec") / "data"

    for name in ("requirements.toml", "errata.toml"):
        assert (folder / name).read_bytes() == (ROOT / "spec" / name).read_bytes()
    assert (folder / "schemas" / "index.json").is_file()


def test_requirements() -> None:
    """Every requirement of the file is there, in its order and with all it says."""
    table = tomllib.loads((ROOT / "spec" / "requirements.toml").read_text("utf-8"))
    rows = table["requirement"]
    found = spec.requirements()

    assert [one.id for one in found] == [row["id"] for row in rows]
    for one, row in zip(found, rows, strict=True):
        for key, value in row.items():
            assert getattr(one, key) == (tuple(value) if isinstance(value, list) else value)
    assert [one.prefix for one in spec.areas()] == [area["prefix"] for area in table["area"]]
    assert dict(spec.features()) == table["features"]


def test_errata() -> None:
    """Every erratum of the file is there."""
    rows = tomllib.loads((ROOT / "spec" / "errata.toml").read_text("utf-8"))["ambiguity"]

    assert [one.id for one in spec.errata()] == [row["id"] for row in rows]
    assert spec.erratum("AMB-06").requirements


def test_entries() -> None:
    """An id is found whatever its case."""
    assert spec.requirement("exec-20") is spec.requirement("EXEC-20")
    assert spec.entry("EXEC-20") is spec.requirement("EXEC-20")
    assert spec.entry("amb-06") is spec.erratum("AMB-06")


def test_binding() -> None:
    """What binds both binds each."""
    both = next(one for one in spec.requirements() if one.binds == "both")

    assert both.binds_a("kernel")
    assert both.binds_a("client")
    assert not both.binds_a("launcher")


def test_every_schema_is_readable() -> None:
    """Each name of each version has a schema of each profile."""
    for version in spec.versions():
        for name in spec.schema_names(version):
            strict = spec.schema(name, version)
            lenient = spec.schema(name, version, "lenient")
            assert strict.title.startswith(f"{name}, strict, ")
            assert lenient.title.startswith(f"{name}, lenient, ")
            assert version in str(strict.document["x-versions"])


def test_old_names() -> None:
    """A type has the name of its version."""
    assert "pyout" in spec.schema_names("4.1")
    assert "execute_result" in spec.schema_names("5.0")
    assert "pyout" not in spec.schema_names("5.0")


def test_vectors() -> None:
    """Every vector has an id of its own and pins requirements that exist."""
    found = [one for file in spec.vectors() for one in file.vectors]
    known = {one.id for one in spec.requirements()}

    assert len({one.id for one in found}) == len(found)
    assert all(one.data["id"] == one.id and known.issuperset(one.requirements) for one in found)
    if found:
        assert spec.vector(found[0].id.lower()) is found[0]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("EXECC-20", "EXEC-20"), ("ECEC-20", "EXEC-20"), ("EXEC-99", "EXEC-29"), ("AMB06", "AMB-06")],
)
def test_the_nearest_ids_are_suggested(name: str, nearest: str) -> None:
    """Who mistypes an id is told what exists."""
    with pytest.raises(spec.UnknownNameError) as told:
        spec.entry(name)

    assert told.value.suggestions[0] == nearest
    assert f"did you mean {nearest}" in str(told.value)


def test_what_does_not_exist() -> None:
    """Everything that is looked up by name has the same error."""
    with pytest.raises(spec.UnknownNameError):
        spec.requirement("AMB-06")
    with pytest.raises(spec.UnknownNameError):
        spec.erratum("EXEC-20")
    with pytest.raises(spec.UnknownNameError):
        spec.vector("VEC-NONE-001")
    with pytest.raises(spec.UnknownNameError, match="execute_input"):
        spec.schema("execute_inptu")
    with pytest.raises(spec.UnknownNameError, match=r"4\.0 to 5\.5"):
        spec.schema_names("3")
    with pytest.raises(spec.UnknownNameError, match="profile"):
        spec.schema("stream", profile="loose")  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.toml", "format = 2", "wanted format 1, found 2"),
        ("a.toml", "format =", "wanted TOML"),
        ("a.json", "{", "wanted JSON"),
        ("a.json", "[]", "wanted format 1, found None"),
        ("b.json", "{}", "cannot be read"),
    ],
)
def test_damaged_files(
    name: str, text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is missing, damaged or newer is named."""
    (tmp_path / f"a{Path(name).suffix}").write_text(text, "utf-8")
    monkeypatch.setattr(_files, "data_folder", lambda: tmp_path)
    read = _files.read_toml if name.endswith(".toml") else _files.read_json

    with pytest.raises(spec.SpecError, match=told) as error:
        read(name)

    assert name in str(error.value)


def test_reading_needs_little() -> None:
    """Neither sockets nor a shell nor a schema library is needed."""
    code = (
        "import sys, assay.spec as s; s.requirements(); s.schema('stream'); s.vectors();"
        "print(*{'zmq', 'IPython', 'cattrs', 'hypothesis', 'jsonschema', 'click', 'rich',"
        " 'assay.transport', 'assay.kernel'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "\n"


@pytest.mark.parametrize(
    ("claimed", "version"),
    [
        (None, "4.1"),
        ("5.3", "5.3"),
        ("5.5.0", "5.5"),
        ("5.6", "5.5"),
        ("5.12.3", "5.5"),
        ("4.0", "4.0"),
    ],
)
def test_a_claimed_version_has_schemas(claimed: str | None, version: str) -> None:
    """Patch numbers and newer minor versions are judged by the newest version that fits."""
    assert spec.schema_version(claimed) == version


@pytest.mark.parametrize("claimed", ["3", "4.2", "6.0", "5", "five", ""])
def test_other_versions_have_none(claimed: str) -> None:
    """What is no version of these protocols is refused, with the ones that there are."""
    with pytest.raises(spec.UnknownNameError, match=r"wanted a version from 4\.0 to 5\.5"):
        spec.schema_version(claimed)


@pytest.mark.parametrize(
    ("msg_type", "claimed", "found"),
    [
        ("stream", "5.6", "5.5"),
        ("debug_reply", "5.4", "5.5"),
        ("interrupt_reply", "5.1.2", "5.3"),
        ("pyout", None, "4.1"),
        ("usage_request", "5.5", None),
        ("header", "5.5", None),
    ],
)
def test_a_header_leads_to_a_schema(msg_type: str, claimed: str | None, found: str | None) -> None:
    """A type that is newer than its version has the schema of the version that brought it."""
    header = {"msg_type": msg_type} | ({} if claimed is None else {"version": claimed})

    made = spec.message_schema(header)

    assert (None if made is None else made.version) == found


WILD = [
    (5.5 if claimed == "a number" else None if claimed == "no such key" else claimed, *cells)
    for line in (ROOT / "docs" / "validation.md").read_text("utf-8").splitlines()
    if line.startswith("| ") and line.count("|") == 6 and "`version` in the header" not in line
    for claims, *cells in [[cell.strip() for cell in line.strip("|").split("|")]]
    for claimed in re.sub(r"`|, any other text", "", claims).replace("empty", "").split(", ")
]


def test_the_table_of_versions_has_rows() -> None:
    """None of them is passed over by the test below."""
    assert [row[0] for row in WILD] == [
        *("5.3", "5.3.0", "5.6", "5.10", "6.0", "4.1", "2.0", "5", "", None, 5.5)
    ]


@pytest.mark.parametrize(("claimed", "schema", "judged", "decoded", "spoken"), WILD)
def test_versions_in_the_wild(
    claimed: str | float | None, schema: str, judged: str, decoded: str, spoken: str
) -> None:
    """What the page on judging says of each version that a header may claim is so."""
    header: dict[str, Any] = {"msg_id": "m", "msg_type": "stream", "version": claimed}
    if claimed is None:
        del header["version"]
    content = {"name": "stdout", "text": 5}
    found = validate({"header": header, "content": content})

    if schema == "none":
        with pytest.raises(spec.UnknownNameError):
            spec.message_schema(header)
    else:
        version = "4.1" if "no" in schema else schema.removeprefix("of ")
        assert spec.message_schema(header) == spec.schema("stream", version, "lenient")
    assert any(one.path.startswith("content") for one in found) == judged.startswith("as of")
    assert {one.requirement for one in found if one.path == "header.version"} == set(
        re.findall(r"[A-Z]+-\d+", judged)
    )
    with pytest.raises(FramingError if decoded.startswith("not") else ContentError):
        make_session(key=b"").decode(
            [b"<IDS|MSG>", b"", encode_json(header), b"{}", b"{}", encode_json(content)]
        )
    if spoken == "an error":
        with pytest.raises(ContentError):
            version_of(header)
    else:
        assert version_of(header) == spoken
