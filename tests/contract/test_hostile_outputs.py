"""Whatever a model, a service or a case says, wherever it can stand, through every format that a run leaves in."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pyarrow.parquet
import pytest

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.record import Answer, RunRecord, ToolCall, TrialResult
from evalharness.report import markdown, terminal
from evalharness.report.markdown_text import COMMENT_BYTES
from evalharness.report.page import render_page
from evalharness.report.pictures import pictures
from evalharness.report.settings import ReportSettings
from evalharness.report.summary import report_json
from evalharness.report.trial_text import trial_text
from evalharness.store import export
from evalharness.verdict.compare import analyse
from tests.support.runs import make_run

_MEGABYTE = 2**20
OUTPUTS = {
    "one line of a megabyte": "x" * _MEGABYTE,
    "a megabyte of lines": "a\n" * (_MEGABYTE // 2),
    "brackets": "[" * 100_000,
    "nested to the end": "[" * 100_000 + "]" * 100_000,
    "no JSON": '{"a": NaN, "b": Infinity, "c": -Infinity, "d": 1e999}',
    "surrogates": "\ud800 a \udfff \ud83d",
    "nul and controls": "".join(map(chr, range(32))) + "\x7f\x85\x9b31m",
    "ansi": "\x1b[2J\x1b]0;title\x07\x1b]8;;http://example.com\x07link\x1b]8;;\x07",
    "bidi": "\u202etxt.exe\u2066 \u200b \U000e0061",
    "separators": "a\u2028b\u2029c\x0b\x0cd",
    "template": "{{ 7 * 7 }}{% for x in y %}{# #}${7*7}<%= 7*7 %>",
    "script": "</script><script>alert(1)</script><img src=x onerror=alert(1)>",
    "document": "]]><!--<!DOCTYPE x [<!ENTITY y 'z'>]>--!></style></svg></textarea>&y;&#0;",
    "links": "javascript:alert(1) [a](javascript:alert(1)) ![b](http://example.com/c.png) <http://example.com>",
    "markdown": "| a | b |\n|---|\n```\n# head\n@team #12 <details>\n~~~\n- [ ] x\n\\",
    "formulas": "=1+1",
    "formula, at": "@SUM(A1)",
    "formula, minus": "-2+3+cmd|' /C calc'!A0",
    "formula, tab": "\t=1+1",
    "formula, line end": "\r=1+1",
    "quotes": '"\'`,;""\n"',
    "nothing": "",
}
#: In names a megabyte helps nobody.
_NAME_CHARACTERS = 300
_SETTINGS = ReportSettings()


@cache
def hostile(name: str) -> RunRecord:
    """A run in which all that a service or a suite can put into text is this."""
    run = make_run(arms=2, cases=3, repeats=1, seed=1, failures=0.3, null_scores=0.2)
    text = OUTPUTS[name]
    short = text[:_NAME_CHARACTERS]
    answer = Answer(
        text=text,
        refusal=short,
        reasoning_summary=text,
        tool_calls=(ToolCall(name=short, arguments=text, call_id=short),),
        items=({"type": short, "content": text},),
        stop_reason=short,
        response_id=short,
        model_reported=short,
        effort_reported=short,
        tier_reported=short,
    )
    failure = Failure(kind=FailureKind.SERVER, message=short or "x", code=short, param=short, body_excerpt=text[:2048])

    def spoiled(result: TrialResult) -> TrialResult:
        calls = tuple(
            replace(
                call,
                answer=answer,
                request={**call.request, "input": text, short: short},
                failure=call.failure and failure,
                attempts=tuple(
                    replace(each, partial_text=text, request_id=short, failure=each.failure and failure)
                    for each in call.attempts
                ),
            )
            for call in result.calls
        )
        scores = {grader: replace(score, reason=short) for grader, score in result.scores.items()}
        return replace(
            result, calls=calls, scores=scores, anomalies=(short,), failure=result.failure and failure
        )  # fmt: skip

    suite = run.plan.suite
    names = {case.case_id: f"{short}{case.case_id}" for case in suite.cases}
    cases = tuple(
        replace(
            case,
            case_id=names[case.case_id],
            vars={"question": text, "other": [short]},
            expected=text,
            expected_text=text,
            tags=(short or "x",),
            cluster=short,
        )
        for case in suite.cases
    )
    trials = tuple(replace(trial, case_id=names[trial.case_id]) for trial in run.plan.trials)
    plan = replace(run.plan, suite=replace(suite, cases=cases, description=short), trials=trials)
    manifest = replace(run.manifest, suite_text=text, environment={"HOME": short})
    results = {trial_id: spoiled(result) for trial_id, result in run.results.items()}
    return replace(run, plan=plan, results=results, manifest=manifest)


@cache
def page(name: str) -> str:
    return render_page(hostile(name), analyse(hostile(name)), _SETTINGS)


def _shows_nothing_hidden(text: str) -> None:
    hidden = {sign for sign in set(text) if unicodedata.category(sign) in ("Cc", "Cs", "Cf") and sign != "\n"}
    assert not hidden, [hex(ord(sign)) for sign in hidden]
    text.encode("utf-8")


# ---------------------------------------------------------------- formats


def _jsonl(name: str) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    lines = export.load("jsonl").export(hostile(name)).decode("utf-8").splitlines()
    rows = [json.loads(line, parse_constant=refuse) for line in lines]
    assert len(rows) == len(hostile(name).plan.trials)
    # Byte for byte what the model said.
    assert {row["output_text"] for row in rows if row["status"] == "ok"} == {OUTPUTS[name]}


def _csv(name: str) -> None:
    text = export.load("csv").export(hostile(name)).decode("utf-8")
    csv.field_size_limit(10 * _MEGABYTE)
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert len(rows) == len(hostile(name).plan.trials)
    assert {len(row) for row in rows} == {len(header)}
    number = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?")
    for cell in {cell for row in rows for cell in row}:
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")) or number.fullmatch(cell), cell[:80]


def _parquet(name: str) -> None:
    table = pyarrow.parquet.read_table(io.BytesIO(export.load("parquet").export(hostile(name))))
    assert table.num_rows == len(hostile(name).plan.trials)
    table.validate(full=True)


def _junit(name: str) -> None:
    ElementTree.fromstring(export.load("junit").export(hostile(name)))


def _report_json(name: str) -> None:
    json.loads(report_json(hostile(name), analyse(hostile(name))))


def _html(name: str) -> None:
    html = page(name)
    plain = page("nothing")
    assert "default-src &#39;none&#39;" in html
    for tag in ("script", "img", "svg", "style", "iframe", "object", "link", "meta", "base", "form"):
        # No fewer either: nothing of the page is swallowed. Charts depend on what is said of a case.
        assert len(re.findall(rf"<{tag}\b", html)) == len(re.findall(rf"<{tag}\b", plain)), tag
    assert not re.search(r"<[^>]+\s(?:src|href|action|data)=[\"']?(?!#|data:)(?:\w+:|//)(?!//(?:github|docs))", html)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", html)
    # What a page shows of a megabyte is bounded; without one it is all shown.
    assert len(html) < len(plain) + 8 * _MEGABYTE


def _svg(name: str) -> None:
    drawn = list(pictures(page(name)))
    assert drawn
    for file, svg in drawn:
        assert re.fullmatch(r"[\w.-]+", file)
        ElementTree.fromstring(svg)


def _markdown(name: str, **options: int) -> None:
    text = markdown.render(hostile(name), analyse(hostile(name)), **options)
    _shows_nothing_hidden(text)
    outside = re.sub(r"(?s)(`{3,})\n.*?\n\1", "", text)
    assert not re.search(r"<(?!/?(?:details|summary|br|sub|!--)\b|!--)[a-zA-Z/]", outside)
    assert not re.search(r"(?<!\\)\]\((?:javascript|http://example)", outside)
    assert len(text.encode()) < _MEGABYTE


def _comment(name: str) -> None:
    _markdown(name, max_bytes=COMMENT_BYTES)


def _terminal(name: str) -> None:
    text = terminal.render(hostile(name), analyse(hostile(name)), width=100)
    _shows_nothing_hidden(text)
    assert len(text.splitlines()) <= 25


def _shown_trial(name: str) -> None:
    """What ``show`` and the pages of single trials print."""
    run = hostile(name)
    cases = {case.case_id: case for case in run.plan.suite.cases}
    for trial in run.plan.trials:
        if trial.trial_id in run.results:
            told = trial_text(cases[trial.case_id], run.results[trial.trial_id])
            texts = [told.failure, told.expected, told.remarks, *(part for pair in told.reasons for part in pair)]
            texts += [part for turn in told.turns for part in (turn.asked, turn.summary, turn.answer, turn.tools)]
            for text in texts:
                assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)


FORMATS: dict[str, Callable[[str], None]] = {
    "jsonl": _jsonl,
    "csv": _csv,
    "parquet": _parquet,
    "junit": _junit,
    "report.json": _report_json,
    "html": _html,
    "svg": _svg,
    "markdown": _markdown,
    "comment": _comment,
    "terminal": _terminal,
    "shown trial": _shown_trial,
}


def test_every_exporter_has_its_row_here():
    assert set(export.names()) <= set(FORMATS)


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_format_stands_it(name: str):
    failed = {}
    for form, stands in FORMATS.items():
        try:
            stands(name)
        except Exception as error:
            failed[form] = f"{type(error).__name__}: {str(error)[:500]}"
    hostile.cache_clear()
    assert not failed
