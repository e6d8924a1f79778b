"""No property holds of a codec that refuses everything, takes everything, or reads one thing.

For each function of the codec there are three wrong versions, and for each of them the properties
that must fail. A property that draws nothing but what is sound cannot find out that what is not is
taken: it stands under `BLIND`. That each property of these folders is in the table is a test, too.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import is_hypothesis_test
from hypothesis.errors import HypothesisException

from assay.protocol import (
    AssayError,
    Channel,
    ConnectionFile,
    ConnectionFileError,
    ContentError,
    ExecuteRequest,
    ExecutionState,
    Finding,
    Frames,
    FramingError,
    Header,
    JsonError,
    LocalError,
    ReplayError,
    SignatureError,
    Status,
    Unknown,
)
from assay.protocol.judging._finding import finding
from assay.testing import as_bytes, make_session
from tests import mutants

FOLDER = Path(__file__).parent
FRAMES = as_bytes(make_session(b"").pack(Status(execution_state=ExecutionState.IDLE)))
ENVELOPE = make_session(b"").open(FRAMES)
DELIVERY = make_session(b"").decode(FRAMES)
FINDINGS = (finding("WIRE-02", "frames", "a message", "another"),)
Function = Callable[..., Any]


class Version(StrEnum):
    """How a function is wrong."""

    REFUSES = "refuses everything"
    ACCEPTS = "accepts everything"
    REPEATS = "returns the first value for ever"


@frozen(kw_only=True)
class Subject:
    """A function, and the properties that hold of it."""

    path: str
    """Module below `assay`, and the name in it; or a module of tests, and the names in it."""

    refusal: object
    """What it raises, if it is an exception, or returns for what is wrong."""

    acceptance: Function
    """Returns what a version that accepts everything makes of such arguments."""

    seeing: tuple[str, ...] = ()
    """Modules of tests with their properties that each of the three wrong versions fails."""

    blind: tuple[str, ...] = ()
    """Those that draw nothing to refuse: only the version that accepts everything passes."""

    names: tuple[str, ...] = field(init=False)

    @names.default
    def _all(self) -> tuple[str, ...]:
        return (*self.seeing, *self.blind)

    def wrong(self, version: Version, genuine: Function) -> Function:
        """Return a wrong version of *genuine*."""
        memory: list[object] = []

        def refuse(*_: object, **__: object) -> object:
            if isinstance(self.refusal, Exception):
                raise self.refusal
            return self.refusal

        def accept(*args: object, **options: object) -> object:
            try:
                result = genuine(*args, **options)
            except AssayError:
                return self.acceptance(*args)
            is_refused = result == self.refusal or _has_findings(result)
            return self.acceptance(*args) if is_refused else result

        def repeat(*args: object, **options: object) -> object:
            if not memory:
                memory.append(accept(*args, **options))
            return memory[0]

        return {Version.REFUSES: refuse, Version.ACCEPTS: accept, Version.REPEATS: repeat}[version]


def _has_findings(result: object) -> bool:
    return isinstance(result, tuple) and bool(result) and isinstance(result[0], Finding)


def _structured(cls: type, data: Any) -> object:
    return DELIVERY.message.header if cls is Header else Unknown(extra=data)


WRONG_CONTENT = ContentError("code: wanted text, found 1", requirement="WIRE-19")
WRONG_FRAMES = FramingError("wanted a message, found none", requirement="WIRE-18")

SUBJECTS = {
    "split": Subject(
        path="protocol.wire._framing:split",
        refusal=WRONG_FRAMES,
        acceptance=lambda _: Frames((), b"", b"{}", b"{}", b"{}", b"{}", ()),
        seeing=("wire.framing.without_a_delimiter_there_is_no_message",),
        blind=("wire.framing.join_undoes_split", "wire.framing.the_first_delimiter_counts"),
    ),
    "split_websocket": Subject(
        path="protocol.wire._websocket:split_websocket",
        refusal=WRONG_FRAMES,
        acceptance=lambda *_: (Channel.SHELL, Frames((), b"", b"{}", b"{}", b"{}", b"{}", ())),
        seeing=(
            "wire.websocket.a_frame_of_v1_that_ends_early_is_refused",
            "wire.websocket.a_text_frame_that_ends_early_is_refused",
            "wire.websocket.a_frame_with_buffers_that_ends_before_the_last_is_refused",
            "wire.websocket.any_bytes_are_a_message_or_refused",
            "wire.websocket.any_number_in_the_table_is_right_or_refused",
        ),
        blind=("wire.websocket.a_message_comes_back",),
    ),
    "join_websocket": Subject(
        path="protocol.wire._websocket:join_websocket",
        refusal=LocalError("wanted a channel of messages, found another"),
        acceptance=lambda *_: "{}",
        blind=(
            "wire.websocket.a_message_comes_back",
            "wire.websocket.identities_and_signature_stay_behind",
        ),
    ),
    "encode_json": Subject(
        path="protocol.wire._json:encode_json",
        refusal=JsonError("wanted a JSON value, found another"),
        acceptance=lambda *_: b"null",
        seeing=(
            "wire.json.encoding_gives_json_or_names_what_has_none",
            "wire.json.any_value_in_any_place_is_sent_or_refused",
            "wire.json.a_content_of_hostile_values_stays_an_object",
        ),
        blind=(
            "wire.json.what_json_can_hold_is_written_as_it_is",
            "wire.round_trip.encoded_parts_are_json_objects",
            "wire.round_trip.pack_says_what_message_and_encode_say",
        ),
    ),
    "decode_json": Subject(
        path="protocol.wire._json:decode_json",
        refusal=FramingError("wanted JSON, found none", requirement="WIRE-08"),
        acceptance=lambda _: {},
        seeing=("wire.json.our_reader_takes_what_the_standard_library_takes",),
        blind=(
            "wire.json.what_json_can_hold_is_written_as_it_is",
            "wire.json.any_spelling_of_json_is_read",
        ),
    ),
    "structure": Subject(
        path="protocol.wire._structure:structure",
        refusal=WRONG_CONTENT,
        acceptance=_structured,
        seeing=(
            "wire.framing.any_json_content_is_taken_or_a_content_error",
            "contents.reading.one_fault_is_named_with_its_path",
            "contents.reading.half_a_surrogate_pair_anywhere_is_taken_or_a_content_error",
            "contents.reading.a_header_field_that_is_no_text_is_refused",
            "testing.strategies.malformed_contents_are_refused",
        ),
        blind=(
            "wire.round_trip.unknown_keys_survive",
            "wire.round_trip.unknown_keys_survive_in_headers",
            "contents.reading.the_readers_agree_on_headers",
            "testing.strategies.contents_are_valid_for_their_type",
            "wire.sending.what_is_sound_is_sent",
            "wire.sending.the_quick_look_lets_nothing_pass_that_a_reader_refuses",
        ),
    ),
    "the two readers": Subject(
        path="contents.reading:by_codec by_converter",
        refusal="refused",
        acceptance=lambda *_: ExecuteRequest(code=""),
        seeing=(
            "contents.reading.the_readers_agree_on_what_is_wrong",
            "contents.reading.the_readers_agree_on_anything",
        ),
        blind=("contents.reading.the_readers_agree_on_what_is_right",),
    ),
    "sign": Subject(
        path="protocol.wire._signing:Signer.sign",
        refusal=LocalError("wanted a key, found none"),
        acceptance=lambda *_: b"",
        blind=("wire.signing.a_signature_is_the_hmac_of_the_standard_library",),
    ),
    "verify": Subject(
        path="protocol.wire._signing:Signer.verify",
        refusal=SignatureError("wanted another signature", requirement="SIGN-07"),
        acceptance=lambda *_: None,
        seeing=(
            "wire.signing.any_change_to_a_signed_byte_is_refused",
            "wire.signing.every_single_bit_counts",
            "wire.signing.another_key_is_refused",
            "wire.signing.a_forged_copy_does_not_poison_the_genuine_message",
            "wire.stateful.Conversation",
        ),
    ),
    "enter": Subject(
        path="protocol.wire._signing:ReplayWindow.enter",
        refusal=ReplayError("wanted a new message", requirement="SIGN-14"),
        acceptance=lambda *_: None,
        seeing=(
            "wire.signing.the_replay_window_holds_the_newest",
            "wire.framing.frames_may_be_of_any_kind_of_bytes",
            "wire.stateful.Conversation",
        ),
    ),
    "open": Subject(
        path="protocol.wire._session:Session.open",
        refusal=WRONG_FRAMES,
        acceptance=lambda *_: ENVELOPE,
        blind=(
            "wire.round_trip.open_reads_everything_but_the_content",
            "wire.round_trip.any_key_and_scheme_carries_any_message",
        ),
    ),
    "decode": Subject(
        path="protocol.wire._session:Session.decode",
        refusal=WRONG_FRAMES,
        acceptance=lambda *_: DELIVERY,
        seeing=(
            "wire.framing.any_disorder_of_frames_is_one_of_three_errors",
            "wire.framing.any_bytes_are_one_of_three_errors",
            "wire.framing.any_signed_dicts_are_one_of_three_errors",
            "wire.framing.frames_may_be_of_any_kind_of_bytes",
            "wire.signing.any_change_to_a_signed_byte_is_refused",
            "wire.signing.every_single_bit_counts",
            "wire.signing.a_forged_copy_does_not_poison_the_genuine_message",
            "wire.stateful.Conversation",
            "testing.strategies.adversarial_frames_are_signed_and_refused",
        ),
        blind=(
            "wire.json.a_content_of_hostile_values_stays_an_object",
            "wire.round_trip.every_type_of_message_comes_back_equal",
            "wire.round_trip.any_key_and_scheme_carries_any_message",
            "wire.round_trip.json_comes_back",
            "wire.round_trip.wide_integers_and_astral_text_come_back",
            "wire.round_trip.ids_are_opaque",
            "wire.round_trip.equal_messages_have_equal_hashes",
            "wire.round_trip.a_message_can_be_copied_and_pickled",
            "wire.signing.identities_and_buffers_are_not_signed",
            "testing.strategies.frames_are_believed_by_their_session",
            "testing.strategies.conversations_go_over_a_link",
            "testing.example_suite.a_cell_is_answered_under_its_header",
            "testing.example_suite.what_is_not_done_is_an_error",
        ),
    ),
    "validate": Subject(
        path="protocol.judging._validation:validate",
        refusal=FINDINGS,
        acceptance=lambda *_: (),
        seeing=(
            "judging.validation.the_form_makes_no_difference",
            "judging.validation.a_malformed_field_is_named",
            "judging.validation.genuine_frames_are_signed",
            "judging.validation.tampering_is_found",
            "judging.validation.nothing_is_raised",
            "judging.validation.any_json_is_judged_as_any_content",
            "judging.validation.a_tolerant_receiver_takes_every_valid_message",
        ),
    ),
    "check_conversation": Subject(
        path="protocol.judging._conversation:check_conversation",
        refusal=FINDINGS,
        acceptance=lambda *_: (),
        seeing=(
            "judging.conversation.nothing_is_wrong_with_a_valid_conversation",
            "judging.conversation.a_missing_status_is_always_found",
            "judging.conversation.a_part_of_a_conversation_can_be_judged",
            "judging.conversation.nothing_is_raised",
        ),
    ),
    "decode of old versions": Subject(
        path="protocol.versions._frames:FrameCodec.decode",
        refusal=WRONG_FRAMES,
        acceptance=lambda *_: ((), {}),
        blind=("versions.frames.a_message_comes_back",),
    ),
    "up": Subject(
        path="protocol.versions._translator:Translator.up",
        refusal=WRONG_CONTENT,
        acceptance=lambda _, message: message,
        seeing=("versions.laws.only_our_errors_are_raised",),
        blind=(
            "versions.laws.an_old_client_and_an_old_kernel_understand_each_other",
            "versions.laws.a_broadcast_comes_back_as_it_was",
            "versions.laws.of_5_5_nothing_is_changed",
            "versions.laws.what_goes_up_fits_5_5_and_says_that_its_peer_is_old",
            "versions.laws.an_old_answer_has_what_5_0_asks_of_a_reply",
            "versions.adapter.up_questions_and_answers_agree",
            "versions.adapter.up_broadcasts_agree",
        ),
    ),
    "down": Subject(
        path="protocol.versions._translator:Translator.down",
        refusal=WRONG_CONTENT,
        acceptance=lambda _, message: message,
        seeing=("versions.laws.only_our_errors_are_raised",),
        blind=(
            "versions.laws.an_old_client_and_an_old_kernel_understand_each_other",
            "versions.laws.a_broadcast_comes_back_as_it_was",
            "versions.laws.of_5_5_nothing_is_changed",
            "versions.laws.what_comes_down_is_of_the_old_version",
            "versions.adapter.down_contents_agree",
            "versions.adapter.down_lines_and_cursors_agree",
        ),
    ),
    "structure_message": Subject(
        path="protocol.versions._draft:structure_message",
        refusal=WRONG_CONTENT,
        acceptance=lambda _: DELIVERY.message,
        blind=("versions.laws.a_message_is_its_dicts",),
    ),
    "connection file": Subject(
        path="protocol.files._connection:ConnectionFile.from_json",
        refusal=ConnectionFileError("wanted a connection file", requirement="CONN-02"),
        acceptance=lambda *_: ConnectionFile(key=""),
        seeing=(
            "files.connection.all_that_is_missing_is_named",
            "files.connection.no_file_is_unsigned_by_accident",
        ),
        blind=("files.connection.a_connection_file_comes_back",),
    ),
    "registration": Subject(
        path="protocol.files._handshake:Handshake.read_registration",
        refusal=WRONG_FRAMES,
        acceptance=lambda *_: ((), {}),
        blind=("files.handshake.a_registration_comes_back",),
    ),
    "acknowledgement": Subject(
        path="protocol.files._handshake:Handshake.read_acknowledgement",
        refusal=WRONG_FRAMES,
        acceptance=lambda *_: {},
        blind=("files.handshake.an_acknowledgement_may_say_anything",),
    ),
}

OF_NO_CODEC = {
    "testing.strategies.json_values_are_json",
    "testing.strategies.parts_are_what_their_names_say",
    "testing.strategies.messages_have_the_type_asked_for",
    "testing.strategies.mutated_frames_differ_in_one_signed_frame",
    "testing.strategies.conversations_keep_the_rules",
    "testing.strategies.a_judge_takes_every_message",
    "testing.strategies.a_reader_of_older_versions_takes_none_for_its_own",
}
"""Properties of strategies alone: they read nothing."""


@pytest.fixture(scope="module")
def private() -> Iterator[dict[str, ModuleType]]:
    """Return copies of the test modules whose tests do not shrink what they find."""
    names = {name.rpartition(".")[0] for one in SUBJECTS.values() for name in one.names}
    with mutants.without_shrinking():
        yield {name: mutants.private_copy(_path(name)) for name in sorted(names)}


def _path(module: str) -> Path:
    folder, name = module.split(".")
    return (FOLDER.parent if folder == "testing" else FOLDER) / folder / f"test_{name}.py"


CASES = [
    (name, version)
    for name, subject in SUBJECTS.items()
    for version in Version
    if subject.seeing or version is not Version.ACCEPTS
]


@pytest.mark.parametrize(("name", "version"), CASES, ids=str)
def test_no_property_holds_of_a_wrong_codec(
    name: str, version: Version, private: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each property that is about the function fails, because of what it asserts."""
    subject = SUBJECTS[name]
    tests = subject.seeing if version is Version.ACCEPTS else subject.names

    passed = [test for test in tests if _passes(test, subject, version, private, monkeypatch)]

    assert passed == []


def _passes(
    test: str,
    subject: Subject,
    version: Version,
    private: dict[str, ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> bool:
    module, _, name = test.rpartition(".")
    run = _runner(private[module], name)
    with monkeypatch.context() as patch:
        _install(subject, version, private, patch)
        failed = _failure(run)
    assert not isinstance(failed, (HypothesisException, SyntaxError, NameError)), test
    return failed is None


def _failure(run: Callable[[], object]) -> BaseException | None:
    try:
        run()
    except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - any failure counts
        return error
    return None


def _install(
    subject: Subject,
    version: Version,
    private: dict[str, ModuleType],
    patch: pytest.MonkeyPatch,
) -> None:
    module, _, names = subject.path.partition(":")
    if module not in private:
        mutants.replace(subject.path, lambda genuine: subject.wrong(version, genuine), patch)
        return
    for name in names.split():
        genuine = getattr(private[module], name)
        patch.setattr(private[module], name, subject.wrong(version, genuine))


def _runner(module: ModuleType, name: str) -> Callable[[], object]:
    """Return what runs the property *name*, for cells if it has parameters, or for the last."""
    if name == "Conversation":
        return lambda: module.TestConversation("runTest").runTest()
    test = getattr(module, f"test_{name}")
    arguments: dict[str, Any] = {}
    for mark in getattr(test, "pytestmark", ()):
        names, values = mark.args
        value = "execute_request" if "execute_request" in map(str, values) else list(values)[-1]
        if isinstance(names, str):
            arguments[names] = value
        else:
            arguments.update(zip(names, value, strict=True))
    return lambda: test(**arguments)


def test_every_property_is_in_the_table(private: dict[str, ModuleType]) -> None:
    """A new property has to be shown to fail on wrong codecs."""
    there = {
        f"{path.parent.name}.{path.stem.removeprefix('test_')}.{name}"
        for path in (*FOLDER.glob("*/test_*.py"), *FOLDER.parent.glob("testing/test_*.py"))
        for name in _properties(path)
    }
    listed = {name for subject in SUBJECTS.values() for name in subject.names}

    assert there - OF_NO_CODEC == listed
    assert there >= OF_NO_CODEC
    for one in listed - {"wire.stateful.Conversation"}:
        module, _, name = one.rpartition(".")
        assert is_hypothesis_test(getattr(private[module], f"test_{name}"))


def _properties(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text("utf-8")).body:
        match node:
            case ast.FunctionDef(name=name, decorator_list=marks) if any(
                ast.unparse(mark).startswith("given(") for mark in marks
            ):
                if name.startswith("test_"):
                    yield name.removeprefix("test_")
            case ast.ClassDef(name=name, bases=[ast.Name(id="RuleBasedStateMachine")]):
                yield name
