"""Write the byte vectors of spec/vectors/ from the sources in spec/vector_sources/.

    python spec/make_vectors.py           write spec/vectors/
    python spec/make_vectors.py --check   write nothing, exit 1 if a file is stale

The format is described in docs/spec-format.md. Only the standard library is used: what makes the
bytes shares no code with what is tested with them.
"""

import argparse
import json
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

if not __package__:  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from spec.vector_sources.connection import connection_files
from spec.vector_sources.control import control, engine
from spec.vector_sources.conversations import conversations
from spec.vector_sources.files import kernelspecs, registration_files
from spec.vector_sources.framing import buffers, framing
from spec.vector_sources.headers import headers
from spec.vector_sources.iopub import iopub
from spec.vector_sources.json_frames import json_frames, numbers, unicode_text
from spec.vector_sources.recorded import recorded
from spec.vector_sources.shell import shell
from spec.vector_sources.signing import replay, signatures
from spec.vector_sources.stdin import stdin
from spec.vector_sources.vector import Vector
from spec.vector_sources.versions import handshake, versions
from spec.vector_sources.websocket import websocket

FORMAT = 1
SPEC = Path(__file__).resolve().parent
VECTORS = SPEC / "vectors"

SUBJECTS: Mapping[str, tuple[str, Callable[[], list[Vector]]]] = {
    "framing": ("Routing prefix, delimiter and number of frames", framing),
    "buffers": ("What follows the content", buffers),
    "signatures": ("Who may talk", signatures),
    "replay": ("Messages that come again", replay),
    "json": ("What is an object and what is JSON", json_frames),
    "unicode": ("Text of every kind", unicode_text),
    "numbers": ("Numbers of every size", numbers),
    "headers": ("Headers, parent headers and metadata", headers),
    "shell": ("Contents on shell", shell),
    "control": ("Contents on control", control),
    "stdin": ("Contents on stdin", stdin),
    "iopub": ("Contents and topics on IOPub", iopub),
    "engine": ("Messages of engines, which are not in the text", engine),
    "versions": ("Messages of protocol versions 3 to 5.5", versions),
    "handshake": ("Messages of the handshake, a draft of 5.6", handshake),
    "connection": ("Connection files", connection_files),
    "kernelspec": ("Kernelspecs", kernelspecs),
    "registration": ("Registration files, a draft of 5.6", registration_files),
    "websocket": ("Messages over the websockets of Jupyter Server", websocket),
    "conversations": ("Conversations that keep the rules, and such that break one", conversations),
    "recorded": ("Messages that other implementations sent", recorded),
}

KINDS = {
    "message",
    "sequence",
    "version-3-message",
    "registration-message",
    "connection-file",
    "conversation",
    "kernelspec",
    "registration-file",
    "websocket-message",
}
CARRIERS = {"decoded", "sequence", "file", "records"}
"""What a vector is about: one of them is in each that is valid."""

OFFERED = frozenset({"hmac-sha256", "hmac-sha512"})
"""The schemes that every receiver has; any other hash may be missing in a language (AMB-54)."""

QUIRKS = frozenset(
    {
        # A part that is null: a receiver may take it as empty, as known peers send it.
        "VEC-HEADERS-061", "VEC-JSON-006", "VEC-JSON-007",
        # What tells a failure or a response apart is there, and the rest can be done without.
        "VEC-CONTROL-022", "VEC-CONTROL-023", "VEC-CONTROL-032", "VEC-SHELL-084", "VEC-SHELL-085",
    }
)  # fmt: skip
"""Messages that break a rule and do no harm, so that a receiver may accept them."""

STAGES = ("framing", "signature", "json", "header", "replay", "content")

_MARK = re.compile(r'"@(\d+)@"')
_ID = re.compile(r"VEC-[A-Z]+-\d{3}")


def make() -> dict[str, str]:
    """Return the text of each file by its name."""
    files = {}
    for name, (title, vectors) in SUBJECTS.items():
        made = [_left_open(vector) for vector in vectors()]
        whole = {"format": FORMAT, "subject": name, "title": title, "vectors": made}
        files[f"{name}.json"] = _pretty(whole)
    return files


def _left_open(vector: Vector) -> Vector:
    """Return *vector*, as `either` where receivers may differ."""
    optional = vector.get("signature_scheme", "hmac-sha256") not in OFFERED
    optional = optional and vector["kind"] == "message" and str(vector["protocol"])[0] == "5"
    if vector["result"] == "valid" and optional:
        return {**vector, "result": "either"}
    if vector["id"] not in QUIRKS:
        return vector
    kept = {key: value for key, value in vector.items() if key not in {"stage", "breaks"}}
    return {**kept, "result": "either"}


def faults(files: Mapping[str, str], requirements: set[str]) -> list[str]:
    """Return what is wrong with the vectors in *files*, each in a line."""
    vectors = [vector for text in files.values() for vector in json.loads(text)["vectors"]]
    ids = Counter(vector["id"] for vector in vectors)
    found = [f"{one}: used {times} times" for one, times in ids.items() if times > 1]
    found += [f"{one}: not an id" for one in ids if not _ID.fullmatch(one)]
    for vector in vectors:
        found += [f"{vector['id']}: {fault}" for fault in _faults(vector, requirements)]
    return found


def _faults(vector: Mapping[str, object], requirements: set[str]) -> list[str]:
    found = []
    named = vector["requirements"]
    assert isinstance(named, list)
    steps = vector.get("sequence", [vector])
    assert isinstance(steps, list)
    unknown = {*named, *(step["breaks"] for step in steps if "breaks" in step)} - requirements
    if unknown:
        found.append(f"no requirement {', '.join(sorted(unknown))}")
    if not named:
        found.append("pins no requirement")
    if vector["kind"] not in KINDS:
        found.append(f"no kind {vector['kind']}")
    if not str(vector["reason"]).endswith("."):
        found.append("the reason is no sentence")
    for step in steps:
        if step["result"] not in {"valid", "invalid", "either"}:
            found.append(f"no result {step['result']}")
        if step["result"] == "invalid" and "breaks" not in step:
            found.append("invalid without a rule that it breaks")
        if step.get("stage", STAGES[0]) not in STAGES:
            found.append(f"no stage {step['stage']}")
        if step["result"] == "valid" and not (CARRIERS & step.keys()):
            found.append("valid without the decoded value")
    return found


def _pretty(value: object) -> str:
    # One line for each frame and field: a change of a vector is a change of few lines.
    # The messages of a conversation have one line each: they are many, and change as a whole.
    records: list[str] = []

    def compact(node: object) -> object:
        match node:
            case {"records": list(items), **rest}:
                records.extend(json.dumps(one, ensure_ascii=True) for one in items)
                marks = [f"@{len(records) - len(items) + at}@" for at in range(len(items))]
                return {**rest, "records": marks}
            case {"vectors": list(items), **rest}:
                return {**rest, "vectors": [compact(one) for one in items]}
        return node

    whole = json.dumps(compact(value), ensure_ascii=True, indent=1, allow_nan=False) + "\n"
    return _MARK.sub(lambda match: records[int(match[1])], whole) if records else whole


def stale(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Return the names of files in *folder* that are missing, too many or out of date."""
    there = {path.name: path.read_text("utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in {*there, *files} if there.get(name) != files.get(name))


def register() -> set[str]:
    """Return the ids of all requirements."""
    with (SPEC / "requirements.toml").open("rb") as file:
        return {one["id"] for one in tomllib.load(file)["requirement"]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description="Write the byte vectors.")
    parser.add_argument("--check", action="store_true", help="write nothing, only look")
    options = parser.parse_args(arguments)
    files = make()
    if wrong := faults(files, register()):
        print("\n".join(wrong), file=sys.stderr)
        return 1
    out_of_date = stale(VECTORS, files)
    if options.check:
        for name in out_of_date:
            print(f"stale: spec/vectors/{name}", file=sys.stderr)
        return 1 if out_of_date else 0
    for name in out_of_date:
        if name in files:
            (VECTORS / name).write_text(files[name], "utf-8")
        else:
            (VECTORS / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
