"""Messages of every protocol version from 3 to 5.5, and of the 5.6 handshake's draft."""

from __future__ import annotations

from spec.vector_sources.vector import (
    DELIMITER,
    KEY,
    JsonObject,
    Sent,
    Vector,
    header,
    invalid,
    message,
    sign,
    text,
)

__all__ = ["handshake", "versions"]

OLD_DATE = "2013-08-08T12:00:00.000001"


def _old_header(msg_type: str) -> dict[str, object]:
    """Return a header as IPython 0.12 to 2 wrote it: no version, and a date without zone."""
    whole = header(msg_type, {"date": OLD_DATE})
    return {name: value for name, value in whole.items() if name != "version"}


def versions() -> list[Vector]:
    """Return the vectors of what older and newer peers send."""
    return [*_three(), *_four(), *_five()]


def _three() -> list[Vector]:
    """Return messages of version 3: three dicts, signed with MD5, known from IPython 0.12."""

    def old(
        number: str,
        reason: str,
        msg_type: str,
        content: JsonObject,
        *,
        key: str = KEY,
        parent: JsonObject | None = None,
        buffers: tuple[bytes, ...] = (),
        topic: tuple[bytes, ...] = (),
    ) -> Vector:
        dicts = [text(_old_header(msg_type)), text(parent or {}), text(content)]
        signature = sign(key, dicts, "hmac-md5")
        return {
            "id": f"VEC-VERSIONS-{number}",
            "kind": "version-3-message",
            "protocol": "3",
            "reason": reason,
            "requirements": ["WIRE-02", "SIGN-11"],
            "result": "valid",
            "key": key,
            "signature_scheme": "hmac-md5",
            "identities": [identity.hex() for identity in topic],
            "frames": [frame.hex() for frame in [*topic, DELIMITER, signature, *dicts, *buffers]],
            "decoded": {
                "header": _old_header(msg_type),
                "parent_header": parent or {},
                "content": content,
                "buffers": [buffer.hex() for buffer in buffers],
            },
        }

    request = _old_header("execute_request")
    return [
        old(
            "001",
            "Version 3 has no metadata frame and signs with MD5.",
            "execute_request",
            {
                "code": "1",
                "silent": False,
                "user_variables": [],
                "user_expressions": {},
                "allow_stdin": True,
            },
        ),
        old(
            "002",
            "Without a key version 3 has four frames behind the delimiter.",
            "object_info_request",
            {"oname": "print"},
            key="",
        ),
        old(
            "003",
            "The buffers of version 3 follow the third dict.",
            "apply_request",
            {},
            buffers=(b"\x00\x01", b""),
        ),
        old(
            "004",
            "Without a key the first buffer stands where 5.x has the content.",
            "apply_request",
            {},
            buffers=(b"\x80\x02",),
            key="",
        ),
        old(
            "005",
            "The input of a cell was called pyin.",
            "pyin",
            {"code": "1", "execution_count": 1},
            parent=request,
        ),
        old(
            "006",
            "The result of a cell was called pyout and had no metadata.",
            "pyout",
            {"execution_count": 1, "data": {"text/plain": "1"}},
            parent=request,
        ),
        old(
            "007",
            "An exception was called pyerr.",
            "pyerr",
            {"ename": "E", "evalue": "", "traceback": []},
            parent=request,
        ),
        old(
            "008",
            "The text of a stream was called data; there may be a topic.",
            "stream",
            {"name": "stdout", "data": "a\n"},
            parent=request,
            topic=(b"stream.stdout",),
        ),
        old(
            "009",
            "Completion was asked with text, line and block.",
            "complete_request",
            {"text": "pri", "line": "a = pri", "block": None, "cursor_pos": 7},
        ),
        old(
            "010",
            "User variables came back as text.",
            "execute_reply",
            {
                "status": "ok",
                "execution_count": 1,
                "payload": [],
                "user_variables": {"a": "1"},
                "user_expressions": {},
            },
            parent=request,
        ),
    ]


def _four() -> list[Vector]:
    """Return messages of 4.0 and 4.1: today's frames, older names, and no version."""

    def old(number: str, protocol: str, reason: str, msg_type: str, content: JsonObject) -> Vector:
        return message(
            f"VERSIONS-{number}",
            reason,
            "WIRE-02",
            "HDR-08",
            sent=Sent(
                header=_old_header(msg_type),
                parent_header={} if msg_type.endswith("_request") else _old_header("x_request"),
                content=content,
            ),
            protocol=protocol,
        )

    executed = {
        "status": "ok",
        "execution_count": 1,
        "payload": [],
        "user_variables": {"a": {"status": "ok", "data": {"text/plain": "1"}, "metadata": {}}},
        "user_expressions": {},
    }
    return [
        old(
            "011",
            "4.0",
            "A header of version 4 has no version.",
            "execute_request",
            {
                "code": "1",
                "silent": False,
                "store_history": True,
                "user_variables": ["a"],
                "user_expressions": {},
                "allow_stdin": False,
            },
        ),
        old("012", "4.0", "User variables came back as bundles.", "execute_reply", executed),
        old(
            "013",
            "4.0",
            "The version was a list of two numbers.",
            "kernel_info_reply",
            {
                "protocol_version": [4, 0],
                "ipython_version": [1, 0, 0, ""],
                "language_version": [2, 7, 5],
                "language": "python",
            },
        ),
        old(
            "014",
            "4.0",
            "An object was asked for by name.",
            "object_info_request",
            {"oname": "print", "detail_level": 0},
        ),
        old(
            "015",
            "4.0",
            "An object was described in one flat object.",
            "object_info_reply",
            {
                "name": "print",
                "found": True,
                "ismagic": False,
                "isalias": False,
                "namespace": "Python builtin",
                "type_name": "builtin_function_or_method",
                "string_form": "<built-in function print>",
                "docstring": "print(value, ...)",
                "source": None,
            },
        ),
        old(
            "016",
            "4.0",
            "Completion was asked with text, line and block.",
            "complete_request",
            {"text": "pri", "line": "pri", "block": "pri", "cursor_pos": 3},
        ),
        old(
            "017",
            "4.0",
            "Completion answered with the text that was matched.",
            "complete_reply",
            {"status": "ok", "matches": ["print"], "matched_text": "pri"},
        ),
        old(
            "018",
            "4.0",
            "Text of a stream was called data.",
            "stream",
            {"name": "stdout", "data": "a\n"},
        ),
        old(
            "019",
            "4.0",
            "A display named its source.",
            "display_data",
            {
                "source": "display",
                "data": {"text/plain": "1", "application/json": '{"a":1}'},
                "metadata": {},
            },
        ),
        old(
            "020",
            "4.0",
            "The input of a cell was called pyin.",
            "pyin",
            {"code": "1", "execution_count": 1},
        ),
        old(
            "021",
            "4.0",
            "The result of a cell was called pyout.",
            "pyout",
            {"execution_count": 1, "data": {"text/plain": "1"}, "metadata": {}},
        ),
        old(
            "022",
            "4.0",
            "An exception was called pyerr.",
            "pyerr",
            {"ename": "E", "evalue": "", "traceback": []},
        ),
        old(
            "023",
            "4.0",
            "Three kinds of output were cleared apart.",
            "clear_output",
            {"stdout": True, "stderr": True, "other": True},
        ),
        old("024", "4.0", "Data could be published.", "data_pub", {"keys": ["a"]}),
        old(
            "025",
            "4.1",
            "The version 4.1 brought comms.",
            "comm_open",
            {"comm_id": "c-1", "target_name": "t", "data": {}},
        ),
        old("026", "4.1", "Clearing can wait since 4.1.", "clear_output", {"wait": True}),
        old(
            "027",
            "4.1",
            "A kernel of IPython 2 says 4.1.",
            "kernel_info_reply",
            {
                "protocol_version": [4, 1],
                "ipython_version": [2, 0, 0, ""],
                "language_version": [3, 4, 0],
                "language": "python",
            },
        ),
        old(
            "028",
            "4.1",
            "An aborted reply had no more than its status.",
            "execute_reply",
            {"status": "aborted"},
        ),
    ]


def _five() -> list[Vector]:
    def newer(
        number: str,
        version: str,
        reason: str,
        msg_type: str,
        content: JsonObject,
        *requirements: str,
        result: str = "valid",
    ) -> Vector:
        cause = msg_type.replace("_reply", "_request") if msg_type.endswith("_reply") else ""
        if msg_type == "input_request":
            cause = "execute_request"
        return message(
            f"VERSIONS-{number}",
            reason,
            *requirements,
            sent=Sent(
                header=header(msg_type, version=version),
                parent_header=header(cause, version=version) if cause else {},
                content=content,
            ),
            protocol=version if result == "valid" and version.count(".") == 1 else "5.5",
            result=result,
            decoded=True,
        )

    plain = {"data": {"text/plain": "1"}, "metadata": {}}
    info = {
        "status": "ok",
        "implementation": "lox",
        "implementation_version": "1",
        "language_info": {
            "name": "lox",
            "version": "1",
            "mimetype": "text/x-lox",
            "file_extension": ".lox",
        },
        "banner": "lox",
    }
    return [
        newer(
            "029",
            "5.0",
            "Since 5.0 the version is text.",
            "kernel_info_reply",
            {**info, "protocol_version": "5.0"},
            "INFO-04",
            "HDR-09",
        ),
        newer(
            "030",
            "5.0",
            "Since 5.0 code can be judged.",
            "is_complete_request",
            {"code": "1"},
            "ISCOMPLETE-04",
        ),
        newer(
            "031",
            "5.0",
            "Since 5.0 the text of a stream is called text.",
            "stream",
            {"name": "stdout", "text": "a"},
            "IOPUB-09",
        ),
        newer(
            "032",
            "5.0",
            "Since 5.0 a prompt can be secret.",
            "input_request",
            {"prompt": "", "password": True},
            "STDIN-08",
        ),
        newer(
            "033",
            "5.0",
            "A client of 5.0 does not ask to stop on errors.",
            "execute_request",
            {
                "code": "1",
                "silent": False,
                "store_history": True,
                "user_expressions": {},
                "allow_stdin": True,
            },
            "EXEC-28",
        ),
        newer(
            "034",
            "5.0",
            "Since 5.0 JSON is shown as a value.",
            "display_data",
            {"data": {"text/plain": "1", "application/json": {"a": 1}}, "metadata": {}},
            "IOPUB-12",
        ),
        newer(
            "035",
            "5.1",
            "Since 5.1 displays have names.",
            "display_data",
            {**plain, "transient": {"display_id": "d"}},
            "IOPUB-15",
        ),
        newer(
            "036",
            "5.1",
            "Since 5.1 displays can be updated.",
            "update_display_data",
            {**plain, "transient": {"display_id": "d"}},
            "IOPUB-16",
        ),
        newer(
            "037", "5.1", "Since 5.1 open comms can be listed.", "comm_info_request", {}, "INFO-12"
        ),
        newer(
            "038",
            "5.1",
            "A position from 5.1 may have counted UTF-16 units.",
            "complete_request",
            {"code": "𝄞.a", "cursor_pos": 4},
            "COMPLETE-03",
        ),
        newer(
            "039",
            "5.2",
            "Since 5.2 positions count code points.",
            "complete_request",
            {"code": "𝄞.a", "cursor_pos": 3},
            "COMPLETE-02",
        ),
        newer(
            "040",
            "5.2",
            "Inspection counts code points as well.",
            "inspect_request",
            {"code": "𝄞.a", "cursor_pos": 3, "detail_level": 0},
            "INSPECT-06",
        ),
        newer(
            "041", "5.3", "Since 5.3 a message can interrupt.", "interrupt_request", {}, "CTRL-09"
        ),
        newer(
            "042",
            "5.3",
            "Kernels of today still announce 5.3.",
            "kernel_info_reply",
            {**info, "protocol_version": "5.3", "help_links": []},
            "INFO-04",
        ),
        newer(
            "043",
            "5.4",
            "Since 5.4 shutting down belongs on control.",
            "shutdown_request",
            {"restart": False},
            "CTRL-14",
        ),
        newer(
            "044",
            "5.5",
            "Since 5.5 a kernel greets its subscribers.",
            "iopub_welcome",
            {"subscription": ""},
            "IOPUB-02",
        ),
        newer(
            "045",
            "5.5",
            "Since 5.5 there is a list of features.",
            "kernel_info_reply",
            {**info, "protocol_version": "5.5", "supported_features": ["kernel subshells"]},
            "INFO-09",
        ),
        newer(
            "046",
            "5.5",
            "Since 5.5 a debugger has its messages.",
            "debug_request",
            {"type": "request", "seq": 1, "command": "initialize"},
            "DEBUG-02",
        ),
        newer(
            "047",
            "5.5",
            "Since 5.5 there are subshells.",
            "create_subshell_request",
            {},
            "SUBSHELL-02",
        ),
        newer(
            "048",
            "5.5.0",
            "A version may have three parts.",
            "status",
            {"execution_state": "idle"},
            "HDR-09",
            "INFO-04",
        ),
        newer(
            "049",
            "5.6",
            "A later minor version is compatible.",
            "status",
            {"execution_state": "idle"},
            "HDR-09",
            "INFO-04",
        ),
        newer(
            "050",
            "5.10",
            "The minor version is a number, so ten follows nine.",
            "status",
            {"execution_state": "idle"},
            "HDR-09",
            "INFO-04",
        ),
        newer(
            "051",
            "6.0",
            "A later major version may have changed everything.",
            "status",
            {"execution_state": "idle"},
            "HDR-09",
            "INFO-04",
            result="either",
        ),
        newer(
            "052",
            "",
            "An empty version says nothing.",
            "status",
            {"execution_state": "idle"},
            "HDR-09",
            result="either",
        ),
        newer(
            "053",
            "new",
            "A version without a number says nothing.",
            "status",
            {"execution_state": "idle"},
            "HDR-09",
            result="either",
        ),
        *_across(),
    ]


def _across() -> list[Vector]:
    """Return what goes wrong when one version is taken for another."""
    three = [text(_old_header("kernel_info_request")), b"{}", b"{}"]
    apply_ = [text(_old_header("apply_request")), b"{}", b"{}"]
    dicts = Sent().dicts
    return [
        invalid(
            "VERSIONS-054",
            "Three dicts are too few for 5.x, even under today's hash.",
            "framing",
            "WIRE-06",
            frames=[DELIMITER, sign(KEY, three), *three],
        ),
        invalid(
            "VERSIONS-055",
            "Three dicts and a buffer have enough frames, and the signature of three.",
            "signature",
            "SIGN-02",
            frames=[DELIMITER, sign(KEY, apply_), *apply_, b"\x80"],
        ),
        invalid(
            "VERSIONS-056",
            "Four dicts under MD5 are an accident of 2012, and refused by who uses SHA-256.",
            "signature",
            "SIGN-11",
            frames=[DELIMITER, sign(KEY, dicts, "hmac-md5"), *dicts],
        ),
        invalid(
            "VERSIONS-057",
            "Without a key three dicts and a buffer are told apart as the buffer is no JSON.",
            "json",
            "WIRE-06",
            sent=Sent(key=""),
            frames=[DELIMITER, b"", *apply_, b"\x80\x02"],
        ),
        invalid(
            "VERSIONS-058",
            "A peer of 5.x does not write a stream as version 4 did.",
            "content",
            "IOPUB-09",
            sent=Sent(header=header("stream"), content={"name": "stdout", "data": "a"}),
        ),
        invalid(
            "VERSIONS-059",
            "A peer of 5.x does not ask for completion as version 4 did.",
            "content",
            "HDR-18",
            sent=Sent(
                header=header("complete_request"),
                content={"text": "pri", "line": "pri", "block": None, "cursor_pos": 3},
            ),
        ),
        message(
            "VERSIONS-060",
            "In 5.x the old names are message types that nobody knows.",
            "WIRE-14",
            sent=Sent(header=header("pyout"), content={"execution_count": 1, "data": {}}),
        ),
    ]


def handshake() -> list[Vector]:
    """Return the messages of the draft: a signature and one content frame."""

    def registration(
        number: str,
        reason: str,
        content: JsonObject,
        *requirements: str,
        signed: bytes | None = None,
        result: str = "valid",
        breaks: str = "",
    ) -> Vector:
        frame = text(content)
        signature = sign(KEY, [frame]) if signed is None else signed
        vector: Vector = {
            "id": f"VEC-HANDSHAKE-{number}",
            "kind": "registration-message",
            "protocol": "5.6",
            "reason": reason,
            "requirements": list(requirements),
            "result": result,
        }
        if breaks:
            vector |= {"stage": "signature", "breaks": breaks}
        vector |= {
            "key": KEY,
            "signature_scheme": "hmac-sha256",
            "identities": [b"kernel".hex()],
            "frames": [part.hex() for part in (b"kernel", DELIMITER, signature, frame)],
        }
        return vector if breaks else {**vector, "decoded": {"content": content}}

    ports = {
        f"{name}_port": str(port)
        for name, port in (
            ("control", 50_001),
            ("shell", 50_002),
            ("stdin", 50_003),
            ("iopub", 50_004),
            ("hb", 50_005),
        )
    }
    content = {"kernel_id": "k-1", **ports}
    return [
        registration(
            "001",
            "A kernel states its id and the ports that it chose, as text.",
            content,
            "HANDSHAKE-03",
            "HANDSHAKE-04",
            "HANDSHAKE-05",
        ),
        registration(
            "002", "An acknowledgement is signed and may say anything.", {}, "HANDSHAKE-06"
        ),
        registration(
            "003",
            "A registration signed with another key is refused.",
            content,
            "HANDSHAKE-05",
            signed=sign("another key", [text(content)]),
            result="invalid",
            breaks="HANDSHAKE-05",
        ),
        registration(
            "004",
            "An acknowledgement with a wrong signature counts as none.",
            {"ok": True},
            "HANDSHAKE-11",
            signed=b"0" * 64,
            result="invalid",
            breaks="HANDSHAKE-11",
        ),
        registration(
            "005",
            "An acknowledgement that is not signed counts as none.",
            {},
            "HANDSHAKE-11",
            signed=b"",
            result="invalid",
            breaks="HANDSHAKE-11",
        ),
        invalid(
            "HANDSHAKE-006",
            "A registration is no message of the five channels.",
            "framing",
            "WIRE-06",
            "HANDSHAKE-03",
            frames=[DELIMITER, sign(KEY, [text(content)]), text(content)],
        ),
    ]
