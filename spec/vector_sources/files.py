"""Vectors of kernelspecs and registration files."""

from __future__ import annotations

from collections.abc import Callable

from spec.vector_sources.vector import JsonObject, Vector, text

__all__ = ["kernelspecs", "registration_files"]

SPEC: JsonObject = {
    "argv": ["calc", "-f", "{connection_file}"],
    "display_name": "Calc",
    "language": "calc",
}
FILE: JsonObject = {
    "kernel_id": "k-1",
    "transport": "tcp",
    "registration_ip": "127.0.0.1",
    "registration_port": 51587,
    "signature_scheme": "hmac-sha256",
    "key": "a0436f6c",
}
ABSENT = object()


def changed(whole: JsonObject, **changes: object) -> JsonObject:
    """Return *whole* with these keys changed, added or, for `ABSENT`, left out."""
    made = {**whole, **changes}
    return {key: value for key, value in made.items() if value is not ABSENT}


def _maker(kind: str, subject: str, protocol: str) -> Callable[..., Vector]:
    def made(
        number: str, reason: str, content: object, *rules: str, breaks: str = "", result: str = ""
    ) -> Vector:
        data = content if isinstance(content, bytes) else text(content)
        vector: Vector = {
            "id": f"VEC-{subject}-{number}",
            "kind": kind,
            "protocol": protocol,
            "reason": reason,
            "requirements": list(dict.fromkeys([*rules, *([breaks] if breaks else [])])),
            "result": result or ("invalid" if breaks else "valid"),
        }
        if breaks:
            vector["breaks"] = breaks
        vector["file"] = data.hex()
        if breaks:
            return vector
        vector["decoded"] = content
        if kind == "registration-file" and isinstance(content, dict):
            vector |= {name: content[name] for name in ("key", "signature_scheme")}
        return vector

    return made


def kernelspecs() -> list[Vector]:
    """Return files that say how a kernel is started."""
    made = _maker("kernelspec", "KERNELSPEC", "5.5")
    mode = "SPEC-05"
    return [
        made("001", "Three keys are enough.", SPEC, "SPEC-03"),
        made("002", "A name is any text.", changed(SPEC, display_name="Ca\u00f1a \u03c0"),
             "SPEC-12"),
        made("003", "A kernel may want to be interrupted by message.",
             changed(SPEC, interrupt_mode="message"), mode),
        made("004", "Variables are text.", changed(SPEC, env={"PATH": "${HOME}/bin"}), "SPEC-06"),
        made("005", "Metadata may hold anything.",
             changed(SPEC, metadata={"supported_encryption": ["curve"]}), "SPEC-07"),
        made("006", "A version has two numbers or three.",
             changed(SPEC, kernel_protocol_version="5.5.0"), "SPEC-08"),
        made("007", "An unknown key is let through.", changed(SPEC, own=1), "SPEC-03"),
        made("008", "There is a command.", changed(SPEC, argv=ABSENT), breaks="SPEC-03"),
        made("009", "There is a name.", changed(SPEC, display_name=ABSENT), breaks="SPEC-03"),
        made("010", "There is a language, though the documents' echo kernel has none.",
             changed(SPEC, language=ABSENT), "SPEC-03", result="either"),
        made("011", "A command is not empty.", changed(SPEC, argv=[]), breaks="SPEC-16"),
        made("012", "A command is a list.", changed(SPEC, argv="calc"), breaks="SPEC-03"),
        made("013", "An argument is text.", changed(SPEC, argv=["calc", 1]), breaks="SPEC-03"),
        made("014", "There are two ways to interrupt.", changed(SPEC, interrupt_mode="control"),
             breaks=mode),
        made("015", "A variable is text.", changed(SPEC, env={"N": 1}), breaks="SPEC-06"),
        made("016", "A kernelspec is an object.", [], breaks="SPEC-03"),
        made("017", "A kernelspec is JSON.", b"argv = []", breaks="SPEC-03"),
    ]  # fmt: skip


def registration_files() -> list[Vector]:
    """Return files that say where a kernel reports its ports; a draft of 5.6."""
    made = _maker("registration-file", "REGISTRATION", "5.6")
    rule, key = "HANDSHAKE-15", "CONN-16"
    return [
        made("001", "The six keys.", FILE, rule),
        made("002", "An unknown key is let through.", changed(FILE, own=1), rule),
        made("003", "An empty key switches signing off.", changed(FILE, key=""), "SIGN-06"),
        made("004", "xeus 6 has the port as text and the address under ip.",
             changed(FILE, registration_port="51587", registration_ip=ABSENT, ip="127.0.0.1"), rule,
             result="either"),
        made("005", "There is an id.", changed(FILE, kernel_id=ABSENT), breaks=rule),
        made("006", "There is an address.", changed(FILE, registration_ip=ABSENT), breaks=rule),
        made("007", "There is a port.", changed(FILE, registration_port=ABSENT), breaks=rule),
        made("008", "There is a key, though it may be empty.", changed(FILE, key=ABSENT), rule,
             breaks=key),
        made("009", "Misspelt, it is none.", changed(FILE, key=ABSENT, Key="x"), rule, breaks=key),
        made("010", "A port is at least 1.", changed(FILE, registration_port=0), breaks=rule),
        made("011", "A port has a limit.", changed(FILE, registration_port=65536), breaks=rule),
        made("012", "Nobody has this hash.", changed(FILE, signature_scheme="hmac-none"),
             breaks="SIGN-12"),
        made("013", "A transport is tcp or ipc.", changed(FILE, transport="udp"), breaks=rule),
        made("014", "A registration file is an object.", [], breaks=rule),
    ]  # fmt: skip
