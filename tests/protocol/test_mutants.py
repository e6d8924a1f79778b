"""The tests bite: the codec is broken in named ways, and a named test catches each.

The changed code is there for the time of one test, wherever it has been imported (see
`tests.mutants`). The tests run in private copies of their modules, without
shrinking: here it matters that they fail, and not how nicely. That they pass on
the code as it is, the ordinary run shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from attrs import frozen
from hypothesis.errors import HypothesisException

from assay.protocol.wire import _converter
from tests import mutants


class Word(str):
    """A subclass of text, as NumPy has one."""

    __slots__ = ()


@frozen
class Mutant(mutants.Mutant):
    """One way to break the codec.

    Its function is below `assay.protocol`, and its test is a module below this folder and a name in
    it: ``wire.signing.a_missing_signature_is_refused``.
    """

    arguments: tuple[Any, ...] = ()


MUTANTS = (
    Mutant(
        "the last delimiter counts",
        "wire._framing:delimited",
        "frames.index(DELIMITER)",
        "len(frames) - 1 - list(frames)[::-1].index(DELIMITER)",
        "wire.framing.the_first_delimiter_counts",
    ),
    Mutant(
        "four frames are enough",
        "wire._framing:split",
        "len(frames) < end",
        "len(frames) < end - 1",
        "wire.framing.fewer_than_five_frames_behind_the_delimiter_are_refused",
        (4,),
    ),
    Mutant(
        "buffers are lost",
        "wire._framing:split",
        "tuple(frames[end:])",
        "()",
        "wire.framing.join_undoes_split",
    ),
    Mutant(
        "the outermost identity is lost",
        "wire._framing:split",
        'as_bytes(frame, "identities") for frame in frames[:start]',
        'as_bytes(frame, "identities") for frame in frames[1:start]',
        "wire.round_trip.any_key_and_scheme_carries_any_message",
    ),
    Mutant(
        "metadata is not signed",
        "wire._signing:Signer.sign",
        "header + parent_header + metadata",
        "header + parent_header",
        "wire.signing.every_single_bit_counts",
    ),
    Mutant(
        "the parent is signed first",
        "wire._signing:Signer.sign",
        "header + parent_header + metadata",
        "parent_header + header + metadata",
        "wire.signing.a_signature_is_the_hmac_of_the_standard_library",
    ),
    Mutant(
        "the signature is in capitals",
        "wire._signing:Signer.sign",
        "outer.hexdigest()",
        "outer.hexdigest().upper()",
        "wire.signing.a_signature_is_the_hmac_of_the_standard_library",
    ),
    Mutant(
        "a key of one block is hashed",
        "wire._signing:Signer.__init__",
        "len(key) > block",
        "len(key) >= block",
        "wire.signing.a_signature_is_the_hmac_of_the_standard_library",
    ),
    Mutant(
        "a long key is cut instead of hashed",
        "wire._signing:Signer.__init__",
        "hashlib.new(digest, key).digest() if len(key) > block",
        "key[:block] if len(key) > block",
        "wire.signing.a_signature_is_the_hmac_of_the_standard_library",
    ),
    Mutant(
        "the outer pad is wrong",
        "wire._signing:Signer.__init__",
        "0x5C",
        "0x5D",
        "wire.signing.a_signature_is_the_hmac_of_the_standard_library",
    ),
    Mutant(
        "half a signature is enough",
        "wire._signing:Signer.verify",
        "compare_digest(wanted, signature)",
        "compare_digest(wanted[:32], signature[:32])",
        "wire.signing.any_change_to_a_signed_byte_is_refused",
    ),
    Mutant(
        "no signature is as good as one",
        "wire._signing:Signer.verify",
        'raise SignatureError("wanted a signed message, found none", requirement="SIGN-09")',
        "return",
        "wire.signing.a_missing_signature_is_refused",
    ),
    Mutant(
        "broken hashes are taken",
        "wire._signing:_digest_name",
        "name in BROKEN_HASHES and not allow_broken",
        "False",
        "wire.signing.md5_is_used_only_when_asked_for_by_name",
    ),
    Mutant(
        "a scheme needs no prefix",
        "wire._signing:_digest_name",
        "name == scheme or name not in",
        "name not in",
        "wire.signing.an_unknown_scheme_is_refused",
        ("sha256", b"key"),
    ),
    Mutant(
        "nothing is verified",
        "wire._session:Session._verified",
        "self.signer.verify(signature, header, parent_header, metadata, content)",
        "pass",
        "wire.signing.any_change_to_a_signed_byte_is_refused",
    ),
    Mutant(
        "a message is remembered before it is verified",
        "wire._session:Session._verified",
        "self.signer.verify(",
        "self._replay.enter(signature); self.signer.verify(",
        "wire.signing.a_forgery_under_a_genuine_signature_does_not_poison_it",
    ),
    Mutant(
        "a message is remembered before it is parsed",
        "wire._session:Session._verified",
        "verified = (",
        "self._replay.enter(signature); verified = (",
        "wire.signing.a_signed_message_that_is_malformed_leaves_no_trace",
        ((b"[]", b"{}", b"{}", b"{}"),),
    ),
    Mutant(
        "replays are believed",
        "wire._signing:ReplayWindow.enter",
        "if signature in self._seen",
        "if False",
        "wire.signing.a_replay_in_another_wrapping_is_refused",
    ),
    Mutant(
        "the oldest message is never forgotten",
        "wire._signing:ReplayWindow.enter",
        "self._seen.discard(order.popleft())",
        "order.popleft()",
        "wire.signing.the_replay_window_holds_the_newest",
    ),
    Mutant(
        "unsigned messages are remembered",
        "wire._session:Session._verified",
        "if self.signer.has_key",
        "if True",
        "wire.signing.without_a_key_a_message_may_be_repeated",
    ),
    Mutant(
        "a received header loses its bytes",
        "wire._session:_header",
        '_set_raw(header, "_raw", data)',
        "pass",
        "wire.round_trip.a_parent_header_is_echoed_byte_for_byte",
    ),
    Mutant(
        "a parent header is written anew",
        "wire._structure:header_json",
        "if header.raw is not None:",
        "if header.raw is None:",
        "wire.round_trip.a_parent_header_is_echoed_byte_for_byte",
    ),
    Mutant(
        "the parent is not read",
        "wire._session:_read_parent",
        "if value else None",
        "if False else None",
        "wire.round_trip.any_key_and_scheme_carries_any_message",
    ),
    Mutant(
        "ids are not escaped",
        "wire._session:Session.pack_json",
        "encode_json(self._fresh_id())",
        "b'\"%b\"' % self._fresh_id().encode()",
        "wire.round_trip.ids_are_opaque",
    ),
    Mutant(
        "pack forgets the parent",
        "wire._session:Session.pack_json",
        "self._frames(header, parent,",
        "self._frames(header, EMPTY_OBJECT,",
        "wire.round_trip.pack_says_what_message_and_encode_say",
    ),
    Mutant(
        "pack takes a content under any type",
        "wire._session:Session.pack",
        "_type_of(content, msg_type)",
        "msg_type or content.msg_type",
        "wire.session.a_content_does_not_go_under_another_type",
    ),
    Mutant(
        "encode forgets the metadata",
        "wire._session:Session.encode",
        "_metadata_json(message.metadata)",
        "EMPTY_OBJECT",
        "wire.round_trip.every_type_of_message_comes_back_equal",
        ("status",),
    ),
    Mutant(
        "unknown keys are dropped when read",
        "wire._structure:structure",
        "if extra is not None and plan.has_extra",
        "if False",
        "wire.round_trip.unknown_keys_survive",
        ("status",),
    ),
    Mutant(
        "unknown keys are dropped when written",
        "wire._structure:unstructure",
        "result.setdefault(key, item)",
        "pass",
        "wire.round_trip.unknown_keys_survive_in_headers",
    ),
    Mutant(
        "unknown keys of nested objects are dropped",
        "wire._structure:_keep_nested_extra",
        "if k not in known",
        "if False",
        "wire.round_trip.unknown_keys_survive_in_nested_contents",
        ("x-own", 5),
    ),
    Mutant(
        "the codec coerces",
        "wire._structure:structure",
        "_convert(known, cls)",
        "_convert(known, cls, strict=False)",
        "contents.reading.every_fault_has_its_words",
        (
            "complete_request",
            {"code": "", "cursor_pos": "1"},
            ["cursor_pos: wanted an integer or null, found '1'"],
        ),
    ),
    Mutant(
        "the converter takes true for 1",
        "wire._converter:_primitive",
        "type(value) is wanted",
        "isinstance(value, wanted)",
        "contents.reading.every_fault_has_its_words",
        (
            "execute_input",
            {"code": "", "execution_count": True},
            ["execution_count: wanted an integer, found True"],
        ),
    ),
    Mutant(
        "a fault in an object is known by number",
        "wire._converter:_mapping",
        "((key, item, item_hint) for key, item in value.items())",
        "((at, item, item_hint) for at, item in enumerate(value.values()))",
        "contents.reading.every_fault_has_its_words",
        (
            "comm_info_reply",
            {"comms": {"c": {"target_name": 1}}},
            ["comms['c'].target_name: wanted text, found 1"],
        ),
    ),
    Mutant(
        "a failed reply is read as a success",
        "wire._registry:content_class",
        'if status == "error"',
        "if False",
        "wire.round_trip.every_type_of_message_comes_back_equal",
        ("execute_reply",),
    ),
    Mutant(
        "only some failures to encode are mended",
        "wire._json:encode_json",
        "except Exception",
        "except TypeError",
        "wire.json.encoding_gives_json_or_names_what_has_none",
    ),
    Mutant(
        "a cycle is followed",
        "wire._json_values:_Rebuilding._opened",
        "if any(level.origin is value for level in self._levels)",
        "if False",
        "wire.json.a_container_inside_itself_is_refused",
    ),
    Mutant(
        "depth has no limit",
        "wire._json_values:_Rebuilding._opened",
        "if len(self._levels) > MAX_DEPTH",
        "if False",
        "wire.json.conversion_goes_no_deeper_than_its_limit",
    ),
    Mutant(
        "a lone surrogate is written",
        "wire._json_values:_text",
        '"backslashreplace").decode("utf-8")',
        '"surrogatepass").decode("utf-8", "surrogatepass")',
        "wire.json.encoding_gives_json_or_names_what_has_none",
    ),
    Mutant(
        "a subclass of text is a list of letters",
        "wire._json_values:_simpler",
        "return _text(value)",
        "return list(value)",
        "wire.json.each_stand_in",
        (Word("word"), "word"),
    ),
    Mutant(
        "NaN is read",
        "wire._json:_decode_leniently",
        ", parse_constant=_refuse_constant",
        "",
        "wire.json.what_is_not_json_is_refused",
        (b"NaN",),
    ),
    Mutant(
        "any JSON is an object",
        "wire._json:decode_object",
        "type(value) is not dict",
        "False",
        "wire.json.a_frame_that_is_no_object_is_refused",
        (b"[]",),
    ),
    Mutant(
        "an error shows what a frame says",
        "wire._json:_decode_leniently",
        "found {len(data)} bytes that are none",
        "found {data!r} bytes that are none",
        "wire.framing.an_error_does_not_show_what_the_frames_say",
    ),
    Mutant(
        "a port has no upper limit",
        "files._connection:ConnectionFile._check",
        "<= MAX_PORT",
        "",
        "files.connection.what_is_no_port_is_refused",
        ("hb_port", 65_536),
    ),
    Mutant(
        "an IPv6 address has no brackets",
        "files._connection:ConnectionFile.address",
        'if ":" in self.ip',
        "if False",
        "files.connection.each_transport_has_its_addresses",
        ("::1", "tcp", "tcp://[::1]:1"),
    ),
    Mutant(
        "one CURVE key is enough",
        "files._connection:ConnectionFile._check",
        "(keys[0] is None) is not (keys[1] is None)",
        "False",
        "files.connection.a_wrong_field_is_refused",
        ({"curve_publickey": "x" * 40}, "CONN-07"),
    ),
)


@pytest.fixture(scope="module")
def private() -> Iterator[dict[str, ModuleType]]:
    """Return copies of the test modules whose tests do not shrink what they find."""
    names = {mutant.test.rpartition(".")[0] for mutant in MUTANTS}
    with mutants.without_shrinking():
        yield {name: mutants.private_copy(_path(name)) for name in names}


def _path(module: str) -> Path:
    folder, name = module.split(".")
    return Path(__file__).with_name(folder) / f"test_{name}.py"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_caught(
    mutant: Mutant, private: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The named test fails on the broken code, because of what it asserts."""
    module, _, name = mutant.test.rpartition(".")
    test = getattr(private[module], f"test_{name}")
    target = mutants.function(f"protocol.{mutant.function}")
    monkeypatch.setattr(target, "__code__", mutants.mutated(target, mutant.old, mutant.new))
    # Made of the broken code, and forgotten behind the test.
    monkeypatch.setattr(_converter, "_converter", cache(_converter.make_converter))

    with pytest.raises((Exception, pytest.fail.Exception)) as caught:
        test(*mutant.arguments)

    assert not isinstance(caught.value, (HypothesisException, SyntaxError, NameError))
