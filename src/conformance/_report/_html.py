"""A report as one HTML file that needs nothing else: no scripts, no fonts, no network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape

from assay.conformance._exhibit import Exhibit
from assay.conformance._outcome import Verdict
from assay.conformance._report._counts import (
    LEVELS,
    Chapter,
    chapters,
    facts,
    kernel_line,
    score,
    tool_version,
    unasked,
)
from assay.conformance._report._style import STYLE
from assay.conformance._result import Report, Result
from assay.protocol import Sender
from assay.spec import requirement

__all__ = ["html_report"]

ORDER = (Verdict.FAILED, Verdict.NOTE, Verdict.SKIPPED, Verdict.PASSED)
"""What a reader looks for comes first."""

CODE = re.compile(r"`([^`]+)`")


def html_report(report: Report) -> str:
    """Return *report* as a page that is read in a browser, light or dark, or printed."""
    return "".join(_page(report))


def _page(report: Report) -> Iterator[str]:
    title = f"{escape(report.kernel)} · conformance"
    yield (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{title}</title>'
        f"<style>{STYLE}</style></head><body><main>"
    )
    yield from _head(report)
    if report.error:
        yield f'<section class="stop"><h2>{report.trouble.capitalize()}</h2>'
        yield f"<pre>{escape(report.error)}</pre></section>"
    yield from _table(report)
    yield from _section("Failures", "failures", report.failures(), opened=True)
    yield from _section("Notes", "notes", report.with_outcome(Verdict.NOTE), opened=False)
    yield '<h2 id="all">All checks</h2>'
    for chapter in chapters(report):
        yield from _chapter(chapter)
    yield (
        f"<footer>Made by Assay {escape(tool_version())}, profile {report.profile}. "
        "MUST, SHOULD and MAY are the levels of the requirements. Notes break no rule: the text "
        "leaves the matter open, the reading is this project's own, or a baseline accepts it."
        "</footer>"
        "</main></body></html>\n"
    )


def _head(report: Report) -> Iterator[str]:
    good, judged = score(report.results, "MUST")
    failed = report.failures()
    verdict = "bad" if report.failures(["MUST"]) or report.error else "good"
    share = round(100 * good / judged) if judged else 0
    yield f'<header class="{verdict}"><div><p class="kicker">Jupyter kernel protocol</p>'
    yield f"<h1>{escape(report.kernel)}</h1><p class='about'>{escape(kernel_line(report))}</p>"
    yield f"<p class='about'>{len(report.results)} results in {report.seconds:.1f} s; "
    yield f"the kernel starts in {report.start_s:.2f} s</p></div>"
    if judged:
        yield (
            f'<div class="dial" role="img" aria-label="{good} of {judged} MUST checks passed" '
            f'style="--share:{share}"><b>{good}<small>/{judged}</small></b><span>MUST</span></div>'
        )
    yield "</header>"
    yield '<ul class="tiles">'
    for one in ORDER:
        anchor = {"failed": "failures", "note": "notes"}.get(one, "all")
        count = len(report.with_outcome(one))
        label = {"note": "notes"}.get(one, str(one))
        yield f'<li class="{one}"><a href="#{anchor}"><b>{count}</b> {label}</a></li>'
    yield "</ul>"
    if report.unasked:
        yield f"<p class='unasked'>{escape(unasked(report))}.</p>"
    elif not failed and not report.error and judged:
        yield "<p class='cheer'>Nothing failed.</p>"


def _table(report: Report) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr><th scope="col">Chapter</th>'
    for level in LEVELS:
        yield f'<th scope="col">{level}</th>'
    yield '<th scope="col">Skipped</th><th scope="col">Notes</th></tr></thead><tbody>'
    for chapter in chapters(report):
        yield f'<tr><th scope="row"><a href="#{chapter.name}">{escape(chapter.title)}</a></th>'
        for level in LEVELS:
            good, judged = chapter.score(level)
            share = round(100 * good / judged) if judged else 0
            state = "" if not judged else "full" if good == judged else "part"
            bar = f'<i style="--share:{share}"></i>' if judged else ""
            yield f'<td class="{state}">{f"{good}/{judged}" if judged else ""}{bar}</td>'
        for one in (Verdict.SKIPPED, Verdict.NOTE):
            yield f"<td>{chapter.count(one) or ''}</td>"
        yield "</tr>"
    yield "</tbody></table></div>"


def _section(
    title: str, anchor: str, results: tuple[Result, ...], *, opened: bool
) -> Iterator[str]:
    if not results:
        return
    yield f'<h2 id="{anchor}">{title}</h2>'
    for one in results:
        yield from _card(one, opened=opened)


def _card(result: Result, *, opened: bool) -> Iterator[str]:
    rule = requirement(result.requirements[0])
    yield f'<details class="card {result.outcome}" id="{result.check}"{" open" if opened else ""}>'
    yield f'<summary><code>{result.check}</code> <span class="level">{result.level}</span> '
    yield f"{_inline(result.title)}</summary>"
    yield f"<p class='rule'>{_inline(rule.text)}</p><dl>"
    for label, text in facts(result):
        yield f"<dt>{label}</dt><dd>{_inline(text)}</dd>"
    yield f"<dt>Source</dt><dd>{escape('; '.join(rule.source))}</dd>"
    yield f"<dt>Rerun</dt><dd><code>{escape(result.rerun)}</code></dd></dl>"
    if result.evidence:
        count = len(result.evidence)
        yield f"<details><summary>{count} message{'s' if count > 1 else ''}</summary>"
        yield "<ol class='wire'>"
        yield from (_message(one) for one in result.evidence)
        yield "</ol></details>"
    yield "</details>"


def _message(one: Exhibit) -> str:
    mine = one.sender is Sender.CLIENT
    name = escape(str(one.header.get("msg_type", "no message type")))
    state = one.content.get("execution_state") or one.content.get("status")
    hint = f" <em>{escape(str(state))}</em>" if isinstance(state, str) else ""
    table = {
        "identities": one.identities,
        "header": one.header,
        "parent_header": one.parent_header,
        "metadata": one.metadata,
        "content": one.content,
    }
    text = json.dumps(table, indent=2, ensure_ascii=False, default=str)
    faults = "".join(f"<p class='fault'>{escape(fault)}</p>" for fault in one.faults)
    client = f" · {escape(one.client)}" if one.client else ""
    return (
        f'<li class="{"sent" if mine else "came"}"><details><summary>'
        f"<span class='no'>{one.index}</span> {'→' if mine else '←'} "
        f"<span class='channel'>{one.channel}{client}</span> <b>{name}</b>{hint}</summary>"
        f"<pre>{escape(text)}</pre></details>{faults}</li>"
    )


def _chapter(chapter: Chapter) -> Iterator[str]:
    failed = chapter.count(Verdict.FAILED)
    counts = f"{len(chapter.results)} checks" + (f", {failed} failed" if failed else "")
    yield f'<details class="chapter" id="{chapter.name}"><summary>{escape(chapter.title)} '
    yield f"<small>{counts}</small></summary><ul class='list'>"
    for one in chapter.results:
        more = f" <small>{_inline(one.reason)}</small>" if one.reason else ""
        linked = one.outcome in {Verdict.FAILED, Verdict.NOTE}
        label = f'<a href="#{one.check}">{one.check}</a>' if linked else one.check
        yield f'<li class="{one.outcome}"><span class="mark">{one.outcome}</span> '
        yield f"<code>{label}</code> {_inline(one.title)}{more}</li>"
    yield "</ul></details>"


def _inline(text: str) -> str:
    return CODE.sub(r"<code>\1</code>", escape(text, quote=False))
