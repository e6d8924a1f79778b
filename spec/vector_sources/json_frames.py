"""The four dicts as JSON: objects, text and numbers (WIRE-06 to WIRE-08, IOPUB-26)."""

from __future__ import annotations

from spec.vector_sources.vector import Json, JsonObject, Sent, Vector, header, invalid, message

__all__ = ["json_frames", "numbers", "unicode_text"]

STREAM = header("stream")
PARTS = ("header", "parent_header", "metadata", "content")


def _written(part: str, data: bytes) -> Sent:
    return Sent(written={part: data})


def json_frames() -> list[Vector]:
    """Return the vectors on what is an object and what is JSON."""
    vectors: list[Vector] = []
    number = 0
    for words, data, breaks in (
        ("a list", b"[]", "WIRE-06"),
        ("null", b"null", "WIRE-06"),
        ("text", b'"{}"', "WIRE-06"),
        ("a number", b"0", "WIRE-06"),
        ("true", b"true", "WIRE-06"),
        ("a word that is no JSON", b"busy", "WIRE-08"),
        ("an object that does not end", b'{"a":1', "WIRE-08"),
        ("an object followed by more", b"{}{}", "WIRE-08"),
        ("bytes that are not UTF-8", b'{"a":"\xff"}', "WIRE-08"),
    ):
        for part in PARTS:
            number += 1
            vectors.append(
                invalid(
                    f"JSON-{number:03}",
                    f"A {part.replace('_', ' ')} that is {words} is refused, though signed.",
                    "json",
                    breaks,
                    *(["HDR-16"] if part == "metadata" else []),
                    sent=_written(part, data),
                )
            )
    assert number == 36
    return [*vectors, *_syntax(), *_nesting()]


def _syntax() -> list[Vector]:
    """Return one vector for each rule of JSON's grammar that people get wrong."""
    wrong = (
        ("037", "A comma behind the last member is not JSON.", b'{"a":1,}'),
        ("038", "A missing comma is not JSON.", b'{"a":1 "b":2}'),
        ("039", "A missing colon is not JSON.", b'{"a" 1}'),
        ("040", "Single quotes are not JSON.", b"{'a':1}"),
        ("041", "A key without quotes is not JSON.", b"{a:1}"),
        ("042", "A key that is a number is not JSON.", b"{1:1}"),
        ("043", "A comment is not JSON.", b'{"a":1/* one */}'),
        ("044", "A comment behind the object is not JSON.", b'{"a":1} // one'),
        ("045", "The words of Python are not those of JSON.", b'{"a":None,"b":True}'),
        ("046", "The word undefined is not JSON.", b'{"a":undefined}'),
        ("047", "A word of JSON in capitals is not JSON.", b'{"a":TRUE}'),
        ("048", "The bare word NaN is not JSON.", b'{"a":NaN}'),
        ("049", "The bare word Infinity is not JSON.", b'{"a":Infinity}'),
        ("050", "The bare word -Infinity is not JSON.", b'{"a":-Infinity}'),
        ("051", "A line end inside text has to be escaped.", b'{"a":"x\ny"}'),
        ("052", "A tab inside text has to be escaped.", b'{"a":"x\ty"}'),
        ("053", "A NUL inside text has to be escaped.", b'{"a":"x\0y"}'),
        ("054", "An escape that JSON does not know is refused.", rb'{"a":"\x41"}'),
        ("055", "An escape with three digits is refused.", rb'{"a":"\u041"}'),
        ("056", "Text that does not end is refused.", b'{"a":"x}'),
        ("057", "A NUL behind the object is not white space.", b"{}\0"),
        ("058", "A form feed is not white space of JSON.", b"{\f}"),
        ("059", "A no-break space is not white space of JSON.", b"{\xc2\xa0}"),
        ("060", "White space alone is no object.", b" \n"),
        ("061", "JSON in UTF-16 is not JSON in UTF-8.", '{"a":1}'.encode("utf-16")),
        ("062", "MessagePack is not JSON.", b"\x81\xa1a\x01"),
        ("063", "A pickle is not JSON, and never to be loaded.", b"\x80\x04}\x94."),
    )
    right: tuple[tuple[str, str, bytes, JsonObject], ...] = (
        ("064", "White space may stand around everything.", b' {\t"a" :\r\n1 } ', {"a": 1}),
        ("065", "A key may be empty.", b'{"":1}', {"": 1}),
        ("066", "A key may be escaped.", rb'{"\u0061":1}', {"a": 1}),
        ("067", "A solidus may be escaped.", rb'{"a":"\/"}', {"a": "/"}),
        ("068", "All short escapes are read.", rb'{"a":"\"\\\b\f\n\r\t"}', {"a": '"\\\b\f\n\r\t'}),
        ("069", "Hexadecimal digits of an escape have any case.", rb'{"a":"\u00eF"}', {"a": "ï"}),
        (
            "070",
            "Values of every kind stand in a list.",
            b'{"a":[null,true,false,0,"",[],{}]}',
            {"a": [None, True, False, 0, "", [], {}]},
        ),
        ("071", "Keys that differ in case are different keys.", b'{"a":1,"A":2}', {"a": 1, "A": 2}),
        (
            "072",
            "A key that programs treat specially is a key.",
            b'{"__proto__":{"a":1}}',
            {"__proto__": {"a": 1}},
        ),
    )
    open_ = (
        (
            "073",
            "RFC 8259 leaves open what a key that comes twice means.",
            b'{"a":1,"a":2}',
        ),
        (
            "074",
            "RFC 8259 lets a reader ignore a byte order mark or refuse it.",
            b"\xef\xbb\xbf{}",
        ),
    )
    return [
        *[
            invalid(f"JSON-{number}", reason, "json", "WIRE-08", sent=_written("metadata", data))
            for number, reason, data in wrong
        ],
        *[
            message(
                f"JSON-{number}",
                reason,
                "WIRE-07",
                sent=Sent(written={"metadata": data}, metadata=value),
            )
            for number, reason, data, value in right
        ],
        *[
            message(
                f"JSON-{number}",
                reason,
                "WIRE-08",
                sent=_written("metadata", data),
                result="either",
            )
            for number, reason, data in open_
        ],
        message(
            "JSON-075",
            "A header whose msg_id comes twice is read one way or refused, but does no harm.",
            "WIRE-08",
            "WIRE-18",
            sent=_written(
                "header",
                b'{"msg_id":"1","msg_id":"2","msg_type":"status","session":"s","username":"",'
                b'"date":"2026-01-02T03:04:05Z","version":"5.5"}',
            ),
            result="either",
        ),
    ]


def _nesting() -> list[Vector]:
    def nested(levels: int) -> bytes:
        return b'{"a":' * levels + b"{}" + b"}" * levels

    value: dict[str, Json] = {}
    for _ in range(64):
        value = {"a": value}
    return [
        message(
            "JSON-076",
            "Sixty-four levels of nesting are within everybody's limit.",
            "WIRE-07",
            sent=Sent(metadata=value),
        ),
        message(
            "JSON-077",
            "Where nesting ends is up to the reader, who may refuse 500 levels.",
            "WIRE-18",
            sent=_written("metadata", nested(500)),
            result="either",
        ),
        message(
            "JSON-078",
            "Two thousand levels of nesting may be refused but must not end the receiver.",
            "WIRE-18",
            sent=_written("metadata", nested(2_000)),
            result="either",
        ),
        message(
            "JSON-079",
            "Two thousand lists inside each other must not end the receiver.",
            "WIRE-18",
            sent=_written("content", b'{"a":' + b"[" * 2_000 + b"]" * 2_000 + b"}"),
            result="either",
        ),
        invalid(
            "JSON-080",
            "Five thousand brackets that are never closed are no JSON and must not end the "
            "receiver.",
            "json",
            "WIRE-08",
            "WIRE-18",
            sent=_written("content", b"[" * 5_000),
        ),
        message(
            "JSON-081",
            "Without a key JSON is read in just the same way.",
            "SIGN-06",
            sent=Sent(key="", written={"metadata": b'{ "a": 1 }'}, metadata={"a": 1}),
        ),
        invalid(
            "JSON-082",
            "Without a key, too, a content that is no object is refused.",
            "json",
            "WIRE-06",
            sent=Sent(key="", written={"content": b"[]"}),
        ),
    ]


def unicode_text() -> list[Vector]:
    """Return the vectors on text of every kind."""

    def says(number: str, reason: str, value: str, data: bytes | None = None) -> Vector:
        written = {} if data is None else {"content": b'{"name":"stdout","text":"%b"}' % data}
        return message(
            f"UNICODE-{number}",
            reason,
            "WIRE-07",
            sent=Sent(header=STREAM, content={"name": "stdout", "text": value}, written=written),
            channel="iopub",
        )

    def spoilt(number: str, reason: str, data: bytes) -> Vector:
        return invalid(
            f"UNICODE-{number}",
            reason,
            "json",
            "WIRE-08",
            "WIRE-07",
            sent=Sent(header=STREAM, written={"content": b'{"name":"stdout","text":"%b"}' % data}),
            channel="iopub",
        )

    def lone(number: str, reason: str, data: bytes) -> Vector:
        return message(
            f"UNICODE-{number}",
            reason,
            "WIRE-18",
            "IOPUB-26",
            sent=Sent(header=STREAM, written={"content": b'{"name":"stdout","text":"%b"}' % data}),
            result="either",
            channel="iopub",
        )

    return [
        says("001", "Text of two bytes a character is UTF-8.", "naïve café"),
        says("002", "Text of three bytes a character is UTF-8.", "核 ядро नाभिक"),
        says("003", "Text beyond the basic plane is four bytes of UTF-8.", "𝄞 🎉"),
        says("004", "The same text may be escaped.", "naïve", rb"na\u00efve"),
        says(
            "005",
            "Beyond the basic plane an escape is a pair of surrogates.",
            "𝄞",
            rb"\ud834\udd1e",
        ),
        says("006", "The digits of such a pair may be in capitals.", "𝄞", rb"\uD834\uDD1E"),
        says("007", "The last code point, U+10FFFF, is text.", "\U0010ffff"),
        says("008", "A NUL, escaped, is text.", "a\0b", rb"a\u0000b"),
        says("009", "Escape characters of terminals are text.", "\x1b[31mred\x1b[0m"),
        says("010", "DEL needs no escape.", "a\x7fb", b"a\x7fb"),
        says("011", "C1 control characters need no escape.", "a\x85b", b"a\xc2\x85b"),
        says("012", "The line separators of Unicode need no escape.", "a\u2028b\u2029c"),
        says("013", "A byte order mark inside text is text.", "\ufeffa\ufeff"),
        says("014", "Noncharacters are code points like others.", "\uffff\ufdd0"),
        says("015", "Composed text is not decomposed.", "\u00e9"),
        says("016", "Decomposed text is not composed.", "e\u0301"),
        says("017", "Text may run from right to left.", "שלום مرحبا"),
        says("018", "Marks of direction are kept.", "a\u202eb\u202c"),
        says("019", "Joined emoji are several code points.", "👩‍👩‍👧🏽 🇳🇿"),
        says("020", "Private use is kept.", "\ue000\U000f0000"),
        says("021", "Carriage returns and line feeds are kept as they are.", "a\r\nb\rc\n"),
        says("022", "The replacement character may have been meant.", "\ufffd"),
        says("023", "What looks like an escape need not be one.", r"\u0041", rb"\\u0041"),
        says("024", "Text may be empty.", ""),
        says("025", "A mark that stacks on nothing is text.", "\u0301"),
        spoilt("026", "A byte that starts nothing is not UTF-8.", b"\x80"),
        spoilt("027", "A sequence cut short is not UTF-8.", b"\xe2\x82"),
        spoilt("028", "An overlong form is not UTF-8.", b"\xc0\xaf"),
        spoilt("029", "An overlong NUL is not UTF-8.", b"\xc0\x80"),
        spoilt("030", "A surrogate written in three bytes is not UTF-8.", b"\xed\xa0\xb4"),
        spoilt("031", "A pair written in six bytes is not UTF-8.", b"\xed\xa0\xb4\xed\xb4\x9e"),
        spoilt("032", "A code point beyond U+10FFFF is not UTF-8.", b"\xf4\x90\x80\x80"),
        spoilt("033", "A byte that UTF-8 never uses is refused.", b"\xfe"),
        spoilt("034", "Latin-1 is not UTF-8.", b"caf\xe9"),
        lone("035", "A high surrogate escaped alone is grammatical JSON and no text.", rb"\ud834"),
        lone("036", "A low surrogate escaped alone is grammatical JSON and no text.", rb"\udd1e"),
        lone("037", "A pair the wrong way round is two lone surrogates.", rb"\udd1e\ud834"),
        lone("038", "A high surrogate before a letter is alone.", rb"\ud834a"),
        lone("039", "A high surrogate before the wrong escape is alone.", rb"\ud834\u0041"),
        message(
            "UNICODE-040",
            "Keys may be any text.",
            "WIRE-15",
            sent=Sent(metadata={"ключ 🗝": {"": "\u2028"}}),
        ),
        message(
            "UNICODE-041",
            "Ids are opaque text, so they may be any.",
            "HDR-01",
            sent=Sent(
                header=header("status", {"msg_id": "№ 1 🗝", "session": "сеанс", "username": "Ånne"})
            ),
        ),
        message(
            "UNICODE-042",
            "A message type that is not ASCII is unknown and otherwise fine.",
            "WIRE-14",
            sent=Sent(header=header("größe"), content={}),
        ),
        message(
            "UNICODE-043",
            "A user expression may have any name.",
            "EXEC-09",
            sent=Sent(
                header=header("execute_request"),
                content={"code": "é = '𝄞'", "user_expressions": {"λ β": "é"}},
            ),
            channel="shell",
        ),
    ]


def numbers() -> list[Vector]:
    """Return the vectors on numbers, which stand in the metadata under the key n."""

    def valid(number: str, reason: str, data: bytes, value: Json, *, exact: str = "") -> Vector:
        places = [{"at": "/metadata/n", "integer": exact}] if exact else []
        return message(
            f"NUMBERS-{number}",
            reason,
            "WIRE-07",
            sent=Sent(metadata={"n": value}, written={"metadata": b'{"n":%b}' % data}),
            exact=places,
        )

    def unclear(number: str, reason: str, data: bytes) -> Vector:
        return message(
            f"NUMBERS-{number}",
            reason,
            "WIRE-18",
            sent=_written("metadata", b'{"n":%b}' % data),
            result="either",
        )

    def wrong(number: str, reason: str, data: bytes) -> Vector:
        return invalid(
            f"NUMBERS-{number}",
            reason,
            "json",
            "WIRE-08",
            sent=_written("metadata", b'{"n":%b}' % data),
        )

    def count(number: str, reason: str, data: bytes, **more: str) -> Vector:
        return message(
            f"NUMBERS-{number}",
            reason,
            "HDR-18",
            sent=Sent(
                header=header("execute_input"),
                content={"code": "", "execution_count": 3},
                written={"content": b'{"code":"","execution_count":%b}' % data},
            ),
            channel="iopub",
            **more,  # type: ignore[arg-type]  # only texts are handed on
        )

    return [
        valid("001", "Zero is a number.", b"0", 0),
        valid("002", "Negative numbers have a sign.", b"-1", -1),
        valid(
            "003", "The largest integer of 32 bits is nothing special.", b"2147483647", 2**31 - 1
        ),
        valid("004", "Integers go beyond 32 bits.", b"2147483648", 2**31),
        valid(
            "005",
            "All integers up to 2⁵³ - 1 are exact everywhere.",
            b"9007199254740991",
            2**53 - 1,
        ),
        valid(
            "006",
            "An integer above 2⁵³ is not exact in a double.",
            b"9007199254740993",
            None,
            exact="9007199254740993",
        ),
        valid(
            "007",
            "The largest integer of 64 bits with a sign is accepted.",
            b"9223372036854775807",
            None,
            exact="9223372036854775807",
        ),
        valid(
            "008",
            "The smallest integer of 64 bits is accepted.",
            b"-9223372036854775808",
            None,
            exact="-9223372036854775808",
        ),
        valid(
            "009",
            "An integer of 64 bits without a sign is accepted.",
            b"18446744073709551615",
            None,
            exact="18446744073709551615",
        ),
        valid(
            "010",
            "An integer beyond 64 bits is accepted, as user code makes such.",
            b"18446744073709551616",
            None,
            exact="18446744073709551616",
        ),
        valid("011", "An integer of 40 digits is accepted.", b"1" * 40, None, exact="1" * 40),
        valid(
            "012",
            "A negative integer beyond 64 bits is accepted.",
            b"-" + b"9" * 30,
            None,
            exact="-" + "9" * 30,
        ),
        valid("013", "A fraction is a number.", b"0.5", 0.5),
        valid("014", "The nearest double of one tenth is what is read.", b"0.1", 0.1),
        valid("015", "Seventeen digits are read to the last.", b"0.30000000000000004", 0.1 + 0.2),
        valid("016", "An exponent may have a plus sign and a capital.", b"1E+2", 100.0),
        valid("017", "An exponent may be negative.", b"25e-1", 2.5),
        valid("018", "An exponent may have leading zeros.", b"1e02", 100.0),
        valid(
            "019",
            "The largest double is accepted.",
            b"1.7976931348623157e308",
            1.7976931348623157e308,
        ),
        valid("020", "The smallest double is accepted.", b"5e-324", 5e-324),
        valid("021", "A fraction of zeros is a number.", b"1.0", 1.0),
        valid(
            "022",
            "More digits than a double holds are rounded.",
            b"3.14159265358979323846264338327950288",
            3.141592653589793,
        ),
        unclear("023", "A number beyond the largest double is grammatical.", b"1e400"),
        unclear("024", "A negative number beyond the doubles is grammatical.", b"-1e400"),
        unclear("025", "A number below the smallest double is grammatical.", b"1e-400"),
        unclear("026", "Zero with a sign is grammatical, and some readers lose it.", b"-0"),
        unclear("027", "An integer of five thousand digits may be refused.", b"7" * 5_000),
        unclear("028", "An exponent of ten digits must not end the receiver.", b"1e9999999999"),
        wrong("029", "A leading zero is not JSON.", b"01"),
        wrong("030", "A plus sign is not JSON.", b"+1"),
        wrong("031", "A fraction needs a digit before the point.", b".5"),
        wrong("032", "A fraction needs a digit behind the point.", b"1."),
        wrong("033", "An exponent needs digits.", b"1e"),
        wrong("034", "Hexadecimal numbers are not JSON.", b"0x10"),
        wrong("035", "Underscores in numbers are not JSON.", b"1_000"),
        wrong("036", "A sign alone is not JSON.", b"-"),
        wrong("037", "A comma is no decimal point.", b"1,5"),
        wrong("038", "Digits of other scripts are not JSON.", "٣".encode()),
        wrong("039", "A space inside a number is not JSON.", b"1 000"),
        wrong("040", "NaN with a sign is not JSON.", b"-NaN"),
        count("041", "An execution count is an integer.", b"3"),
        count(
            "042",
            "JSON has one kind of number, so 3.0 may count as an integer.",
            b"3.0",
            result="either",
        ),
        count(
            "043",
            "JSON has one kind of number, so 3e0 may count as an integer.",
            b"3e0",
            result="either",
        ),
        *[
            invalid(
                f"NUMBERS-{number}",
                reason,
                "content",
                "IOPUB-18",
                sent=Sent(
                    header=header("execute_input"),
                    content={"code": "", "execution_count": value},
                ),
                channel="iopub",
            )
            for number, reason, value in (
                ("044", "A number written as text is text.", "3"),
                ("045", "A boolean is not a number.", True),
                ("046", "A fraction is not an execution count.", 2.5),
            )
        ],
    ]
