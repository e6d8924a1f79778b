"""Reports say all that was found, in each format, whatever kernels put into messages."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema  # type: ignore[import-untyped]  # it comes without types
import pytest
from attrs import evolve

from assay.conformance import (
    FORMATS,
    Arrival,
    BaselineError,
    Draft,
    Line,
    Profile,
    Report,
    ReportError,
    Response,
    Verdict,
    apply_baseline,
    badge,
    baseline_of,
    compare,
    comparison_text,
    read_baseline,
    read_report,
    summary_text,
)
from assay.conformance._exhibit import exhibits_of, of_lines
from assay.conformance._report._badge import GOOD
from assay.conformance._report._text import failure_text
from assay.protocol import Channel, Sender, Signer
from tests.conformance.conftest import result

SCHEMA = json.loads((Path(__file__).parents[2] / "spec/check-report.schema.json").read_text())


def test_json_is_valid(report: Report) -> None:
    """The JSON is as its schema says."""
    for one in (report, evolve(report, ignored=("HDR-09.0",))):
        jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(FORMATS["json"](one)))


def test_schema_bites(report: Report) -> None:
    """The schema refuses an outcome that does not exist, and a failure that expects nothing."""
    for key, value in (("outcome", "fine"), ("expected", "")):
        table = json.loads(FORMATS["json"](report))
        table["results"][0][key] = value

        assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(table)
    named = json.loads(FORMATS["json"](evolve(report, ignored=("HDR-09",))))
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(named)


def test_json_round_trip(report: Report) -> None:
    """What is written as JSON is read back the same."""
    ignoring = evolve(report, ignored=("HDR-09.0", "SHELL-04.0"))

    for one in (report, ignoring):
        assert read_report(FORMATS["json"](one), "r.json") == one


def test_json_without_what_is_newer(report: Report) -> None:
    """A report of the time before the list of what was ignored is read."""
    table = json.loads(FORMATS["json"](report))
    del table["ignored"]

    assert read_report(json.dumps(table), "r.json") == report


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "kernel": 5}'])
def test_no_report(text: str) -> None:
    """A file that is no report is refused by name."""
    with pytest.raises(ReportError, match=r"r\.json: wanted"):
        read_report(text, "r.json")


def test_junit(report: Report) -> None:
    """Each check is a case of its chapter; what XML cannot hold is an escape."""
    root = ET.fromstring(FORMATS["junit"](report))
    cases = {case.get("name", "").split()[0]: case for case in root.iter("testcase")}

    assert {suite.get("name") for suite in root} == {"shell", "info"}
    assert cases["SHELL-04.1"].find("failure") is not None
    assert cases["INFO-01.1"].find("skipped") is not None
    assert len(cases["SHELL-05.1"]) == 0


def test_html_is_one_file(report: Report) -> None:
    """The page loads nothing, and what a kernel says is text in it."""
    page = FORMATS["html"](report)

    assert "</script>" not in page
    assert "k &amp; &lt;k&gt;" in page
    assert "http" not in page
    assert "prefers-color-scheme:dark" in page


HOSTILE = "\x1b[2J\x00\x07\x7f\x9b31m\r\u202e\ud800]]><b>\nFAILED"


@pytest.mark.parametrize("name", sorted(FORMATS))
@pytest.mark.parametrize("error", ["", HOSTILE], ids=["judged", "ended"])
def test_nothing_that_acts(name: str, error: str, report: Report) -> None:
    """What a kernel says moves no cursor, turns no text, and can be written as UTF-8."""
    (shown,) = report.results[0].evidence
    shown = evolve(shown, header={"msg_type": HOSTILE}, content={HOSTILE: HOSTILE})
    failed = evolve(report.results[0], got=HOSTILE, evidence=(shown,))
    info = dict.fromkeys(("implementation", "implementation_version", "banner"), HOSTILE)

    text = FORMATS[name](evolve(report, info=info, error=error, results=(failed,)))

    assert text.replace("\n", "").isprintable()
    assert text.encode("utf-8")
    if name == "junit":
        assert ET.fromstring(text).find(".//failure") is not None


BREAKS = "a\nFAILED b\u2028FAILED c\r\nFAILED d"


def _own_lines(name: str, report: Report) -> list[str]:
    """Return the lines of a report, or of what is made of it, that say "FAILED"."""
    match name:
        case "summary":
            text = summary_text(report, ["MUST"])
        case "comparison":
            text = comparison_text(compare(evolve(report, error="", results=()), report))
        case "pytest":
            text = failure_text(report.results[0])
        case _:
            text = FORMATS[name](report)
    return [one for one in text.splitlines() if one.startswith("FAILED")]


@pytest.mark.parametrize(
    ("name", "error"),
    [(one, "") for one in ("text", "markdown", "junit", "summary", "comparison", "pytest")]
    # In the others it stands in a block of its own.
    + [(one, BREAKS) for one in ("text", "summary", "comparison")],
)
def test_line_of_a_kernel(name: str, error: str, report: Report) -> None:
    """A line break in what a kernel says begins no line that could be one of the report."""
    (shown,) = report.results[0].evidence
    shown = evolve(shown, header={"msg_type": BREAKS})
    failed = evolve(report.results[0], expected=BREAKS, got=BREAKS, evidence=(shown,))
    noted = result("SHELL-05.1", Verdict.NOTE, reason=BREAKS, expected=BREAKS, got=BREAKS)
    skipped = result("INFO-01.1", Verdict.SKIPPED, reason=BREAKS)
    info = {"implementation": BREAKS}
    told = evolve(report, info=info, error=error, results=(failed, noted, skipped))

    has_it = name in {"text", "summary", "pytest"}
    own = ["FAILED SHELL-04.1 (MUST): the fact of SHELL-04.1"] if has_it else []
    assert _own_lines(name, told) == own


@pytest.mark.parametrize(
    "metadata",
    [
        b'{"x": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"x": [' + b"{}," * 100_000 + b"{}]}",
        b"{" + b",".join(b'"%d": [[[]]]' % one for one in range(30_000)) + b"}",
        b'{"x": ["' + b'","'.join([b"y" * 3_000] * 500) + b'"]}',
        b'{"x": 1e999, "y": -1e999}',
        b'{"x": [' + b",".join([b"9" * 4_200] * 500) + b"]}",
    ],
    ids=["deep", "long", "many", "texts", "infinite", "digits"],
)
def test_evidence_has_a_size(metadata: bytes, report: Report) -> None:
    """However deep and large a message is, what is shown of it is JSON of a size to read."""
    frames = (b"topic", b"<IDS|MSG>", b"", b'{"msg_type": "status"}', b"{}", metadata, b"{}")
    line = Line(
        index=0, client="", channel=Channel.IOPUB, sender=Sender.KERNEL, frames=frames, judged=True
    )
    (shown,) = of_lines([line])
    failed = evolve(report.results[0], evidence=(shown,))

    text = FORMATS["json"](evolve(report, results=(failed,)))

    assert len(text) < 500_000
    assert "Infinity" not in text
    assert shown.metadata


def test_evidence_has_the_answers_to_prompts() -> None:
    """Which answer a prompt got is what a check of stdin is about, whichever client has sent it."""
    cell = Draft.make("execute_request", {}, session="one", username="u")
    prompt = Draft.make("input_request", {}, session="kernel", username="u")
    answer = Draft.make("input_reply", {"value": "wrong"}, session="two", username="u")
    sent = (
        ("one", Channel.SHELL, Sender.CLIENT, cell),
        ("one", Channel.STDIN, Sender.KERNEL, prompt.with_parts(parent_header=cell.header)),
        ("two", Channel.STDIN, Sender.CLIENT, answer.with_parts(parent_header=prompt.header)),
        ("two", Channel.STDIN, Sender.CLIENT, answer),
    )
    lines = [
        Line(
            index=index,
            client=client,
            channel=channel,
            sender=sender,
            frames=draft.frames(Signer(b"")),
            judged=True,
        )
        for index, (client, channel, sender, draft) in enumerate(sent)
    ]
    response = Response(cell, Channel.SHELL, wants_reply=True)
    response.add(Arrival.read(1, Channel.STDIN, lines[1].frames))

    shown = exhibits_of([response], lines)

    assert [one.index for one in shown] == [0, 1, 2]


def test_markdown_fence(report: Report) -> None:
    """A message with backticks does not end its block."""
    assert "````text" in FORMATS["markdown"](report)


def test_markdown_calls_nobody(report: Report) -> None:
    """A name behind @ that a kernel writes is told of no comment, and a number is no issue."""
    failed = evolve(report.results[0], got="@octocat, see #7 and a @ b", evidence=())

    text = FORMATS["markdown"](evolve(report, results=(failed,)))

    assert "- Got: @&#8203;octocat, see #&#8203;7 and a @ b" in text


def test_text(report: Report) -> None:
    """The text has the requirement in words, what was wanted and found, and how to rerun it."""
    text = FORMATS["text"](report)

    for part in ("SHELL-04: A kernel that publishes", "busy <first>", "rerun:", "1 failed"):
        assert part in text


@pytest.mark.parametrize("name", ["text", "markdown"])
def test_reasons_of_what_was_skipped(name: str, report: Report) -> None:
    """The most frequent reasons are counted, and the rest together."""
    reasons = ["no snippets", "too old", "no snippets", "not ours", "too old", "one", "two"]
    skipped = tuple(
        result("SHELL-05.1", Verdict.SKIPPED, reason=reason)
        for reason in [*reasons, "no snippets", "not ours"]
    )

    text = FORMATS[name](evolve(report, results=skipped))

    lines = [line.removeprefix("- ") for line in text.splitlines()]
    start = lines.index("3 skipped: no snippets")
    assert lines[start : start + 4] == [
        "3 skipped: no snippets",
        "2 skipped: too old",
        "2 skipped: not ours",
        "2 skipped for 2 other reasons",
    ]
    assert "other reasons" not in FORMATS[name](report)


def test_badge(report: Report) -> None:
    """The badge counts what was judged at MUST."""
    assert "1 of 2 MUST" in "".join(ET.fromstring(badge(report)).itertext())
    assert "did not start" in badge(evolve(report, error="no"))
    assert "no answer" in badge(evolve(report, error="no", existing=True))


@pytest.mark.parametrize("name", ["text", "markdown", "html", "junit"])
def test_kernel_that_does_not_answer(name: str, report: Report) -> None:
    """A kernel that was to run already was not started by us: that is not what is reported."""
    text = FORMATS[name](evolve(report, error="no", existing=True)).lower()

    assert "the kernel does not answer" in text
    assert "the kernel did not start" not in text


def test_checks_without_time(report: Report) -> None:
    """A report of which a part was not asked says so, and its badge is not that of a good one."""
    good = evolve(report, results=report.results[1:])
    seen = result("HDR-09.0", Verdict.NOTE, reason="no check that could be asked")
    cut = evolve(good, unasked=1, results=(*good.results, seen))

    for name in ("text", "markdown", "html"):
        assert "1 of 3 were not asked" in FORMATS[name](cut)
        assert "not asked" not in FORMATS[name](good)
    assert "Nothing failed" not in FORMATS["html"](cut)
    assert "1 not asked" in badge(cut)
    assert GOOD in badge(good)
    assert GOOD not in badge(cut)
    assert read_report(FORMATS["json"](cut), "r.json") == cut


def test_baseline(report: Report) -> None:
    """An accepted failure is a note that says why; what passes by now is reported."""
    text = '[accepted]\n"SHELL-04.1" = "issue 7"\n"SHELL-05.1" = "issue 8"\n'

    found, stale = apply_baseline(report, read_baseline(text, "b.toml"))

    assert found.failures() == ()
    assert found.results[0].outcome is Verdict.NOTE
    assert found.results[0].accepted == "issue 7"
    assert stale == ("SHELL-05.1",)


def test_baseline_that_is_written(report: Report) -> None:
    """A baseline that is written accepts all that failed, whatever was found."""
    found, stale = apply_baseline(report, read_baseline(baseline_of(report), "b.toml"))

    assert found.failures() == ()
    assert stale == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[", "wanted TOML"),
        ("accepted = 5", "wanted a table `accepted`, found 5"),
        ('[accepted]\n"SHELL-04.1" = ""', "SHELL-04.1: wanted the reason as text"),
        ('[accept]\n"SHELL-04.1" = "why"', "wanted one table `accepted`, found 'accept'"),
        ('"SHELL-04.1" = "why"', "wanted one table `accepted`, found 'SHELL-04.1'"),
        ('[accepted]\n"SHELL-4.1" = "why"', "or SHELL-04.1 or"),
        ('[accepted]\n"SHELL-04" = "why"', "wanted the id of a check, found 'SHELL-04'"),
    ],
)
def test_bad_baseline(text: str, complaint: str) -> None:
    """A baseline that would silently accept nothing is refused, and what is wrong is named."""
    with pytest.raises(BaselineError, match=r"^b\.toml: ") as caught:
        read_baseline(text, "b.toml")
    assert complaint in str(caught.value)


def test_baseline_of_traffic() -> None:
    """What was seen in passing can be accepted."""
    assert read_baseline('[accepted]\n"HDR-09.0" = "issue 9"', "b.toml") == {"HDR-09.0": "issue 9"}


def test_comparison(report: Report) -> None:
    """What broke and what was mended is kept apart."""
    first, second, *rest = report.results
    after = evolve(
        report,
        results=(
            result(first.check, Verdict.PASSED),
            result(second.check, Verdict.FAILED, expected="idle", got="none"),
            *rest,
        ),
    )

    found = compare(report, after)

    assert [one.check for one in found.mended] == ["SHELL-04.1"]
    assert [one.check for one in found.broken] == ["SHELL-05.1"]
    assert "1 broken, 1 mended, 0 changed" in comparison_text(found)


@pytest.mark.parametrize("now", [Verdict.SKIPPED, Verdict.NOTE])
def test_what_was_not_judged_again_is_not_mended(report: Report, now: Verdict) -> None:
    """A failure that is skipped, or accepted, in the later report has changed."""
    (failure,) = report.failures()
    rest = [one for one in report.results if one is not failure]

    found = compare(report, evolve(report, results=(evolve(failure, outcome=now), *rest)))

    assert found.mended == ()
    assert [other.outcome for _, other in found.changed] == [now]
    assert f"SHELL-04.1 (MUST): failed before, {now} now" in comparison_text(found)


def test_failure_that_is_not_asked_again(report: Report) -> None:
    """A failure that the later report does not have is named, and is not mended."""
    (failure,) = report.failures()
    rest = tuple(one for one in report.results if one is not failure)

    found = compare(report, evolve(report, results=rest))

    assert found.unasked == (failure,)
    assert (found.broken, found.mended, found.changed) == ((), (), ())
    assert "SHELL-04.1 (MUST): failed before, not asked now" in comparison_text(found)
    assert "0 mended, 0 changed, 1 not asked" in comparison_text(found)


WAYS = ["all", "cut", "skipped", "other checks", "profile", "no kernel", "ignored", "recording"]


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_seen_in_passing_any_more(report: Report, way: str) -> None:
    """It is mended where all checks are judged that were judged before, else it is not known."""
    seen = result("HDR-09.0", Verdict.FAILED, expected="a", got="b")
    passed = result("SHELL-05.1", Verdict.PASSED)
    before = evolve(report, results=(passed, seen))
    after = {
        "all": evolve(report, results=(passed,)),
        "cut": evolve(report, results=(passed,), unasked=1),
        "skipped": evolve(report, results=(result("SHELL-05.1", Verdict.SKIPPED, reason="no"),)),
        "other checks": evolve(report, results=(result("INFO-01.1", Verdict.PASSED),)),
        "profile": evolve(report, results=(passed,), profile=Profile.DE_FACTO),
        "no kernel": evolve(report, results=(), error="no luck"),
        "ignored": evolve(report, results=(passed,), ignored=("HDR-09.0",)),
        "recording": evolve(report, results=()),
    }[way]
    if way == "recording":
        before = evolve(before, results=(seen,))

    found = compare(before, after)

    expected = ((seen,), ()) if way == "all" else ((), (seen,))
    assert (found.mended, found.unasked) == expected


def test_what_is_ignored_now(report: Report) -> None:
    """A failure that the later run was told to ignore is named as that."""
    seen = result("HDR-09.0", Verdict.FAILED, expected="a", got="b")
    before = evolve(report, results=(*report.results, seen))

    found = compare(before, evolve(report, ignored=("HDR-09.0",)))

    assert "HDR-09.0 (MUST): failed before, ignored now" in comparison_text(found)


@pytest.mark.parametrize("check", ["HDR-09.0", "SHELL-04.1"])
def test_failure_that_was_not_asked_before(check: str, report: Report) -> None:
    """A failure of which the earlier report could know nothing counts, and is named as that."""
    seen = result(check, Verdict.FAILED, expected="a", got="b")
    passed = result("SHELL-05.1", Verdict.PASSED)
    after = evolve(report, results=(passed, seen))
    silent = evolve(report, results=(passed,), ignored=("HDR-09.0",))
    asked = evolve(report, results=(passed, result("SHELL-04.1", Verdict.PASSED)))

    assert compare(silent, after).broken == (seen,)
    assert "        not asked before" in comparison_text(compare(silent, after))
    assert "not asked before" not in comparison_text(compare(asked, after))


def test_kernel_that_does_not_start_any_more(report: Report) -> None:
    """That is reported, and mends nothing."""
    after = evolve(report, error="no luck", results=())

    found = compare(report, after)

    assert found.stopped
    assert not compare(after, after).stopped
    assert found.mended == ()
    assert "broken  the kernel did not start: no luck" in comparison_text(found)
