"""Page, Markdown, terminal and JSON say the same of the same run."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from evalharness.core.findings import Outcome
from evalharness.report import markdown, terminal
from evalharness.report.summary import MAX_BYTES, report_json
from evalharness.report.verdict_text import verdict_text
from tests.support.reports import ALL_KINDS, analysed, plain_markdown, rendered, shown_text

FORBIDDEN = re.compile(r"±|\b(nan|inf|significant|proves|no difference|outperforms?|trend)\b")


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_page_markdown_terminal_and_json_carry_the_same_verdict(kind):
    run, analysis = analysed(kind)
    said = verdict_text(run, analysis)
    page = shown_text(rendered(kind))
    text = one_line(plain_markdown(markdown.render(run, analysis)))
    screen = one_line(terminal.render(run, analysis, width=100))
    stored = json.loads(report_json(run, analysis))
    for words in (said.heading, said.lead):
        assert one_line(words) in page
        assert one_line(words) in text
        assert one_line(words) in screen
    for words in (*said.bullets, said.rule, *said.cautions, said.origin):
        assert one_line(words) in text
    for words in (*said.bullets, said.rule, *said.cautions, *said.origin.split(": ", 1)):
        assert one_line(words) in page
    assert stored["heading"] == said.heading
    assert one_line(stored["lead"]) == one_line(said.lead)


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize(("width", "unicode"), [(100, True), (72, False), (200, True), (40, True)])
def test_the_terminal_gets_at_most_25_lines_of_its_width(kind, width, unicode):
    text = terminal.render(*analysed(kind), width=width, unicode=unicode, report_path="reports/x/y/report.html")
    lines = text.splitlines()
    assert len(lines) <= 25
    assert max(len(line) for line in lines) <= max(40, min(100, width))
    assert lines[-1] == "Report: reports/x/y/report.html"
    assert unicode or text.isascii()
    assert not FORBIDDEN.search(text)
    assert "\x1b" not in text


def test_the_terminal_uses_colour_only_when_told():
    assert "\x1b[1m" in terminal.render(*analysed("sweep"), color=True)


def test_an_interval_strip_is_drawn_only_where_asked_for_and_a_hundred_columns_are():
    strip = re.compile(r"\|-*o-*\|")
    assert strip.search(terminal.render(*analysed("sweep"), width=100, strips=True))
    assert not strip.search(terminal.render(*analysed("sweep"), width=99, strips=True))
    assert not strip.search(terminal.render(*analysed("sweep"), width=100))


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_every_format_says_simulated_where_it_is(kind):
    run, analysis = analysed(kind)
    simulated = run.manifest.simulated
    assert ("SIMULATED" in markdown.render(run, analysis)) is simulated
    assert ("SIMULATED" in terminal.render(run, analysis)) is simulated
    assert json.loads(report_json(run, analysis))["simulated"] is simulated


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_the_first_line_of_markdown_is_the_decision_and_the_last_marks_the_suite(kind):
    lines = markdown.render(*analysed(kind)).strip().splitlines()
    assert plain_markdown(lines[0]) == f"**{verdict_text(*analysed(kind)).heading}**"
    assert lines[-1] == f"<!-- evalharness:{analysed(kind)[0].manifest.suite_name} -->"


def test_markdown_neither_formats_nor_links_nor_mentions_what_a_run_says():
    text = markdown.escaped("@team see #12 <b>*x*</b> [a](b) `c` | d_e \x1b\u202e")
    assert not re.search(r"@[a-z]|(?<!&)#\d|<b>|(?<!\\)[*`|_\[]", text)
    assert "\\\\x1b" in text


def test_lost_cases_stand_in_a_fence_they_cannot_close():
    run, analysis = analysed("sweep")
    baseline = next(arm for arm in analysis.arms if arm.arm_id == analysis.baseline)
    chosen = analysis.arms[2]
    flips = analysis.flips[chosen.arm_id]
    worse = replace(flips[0], case_id="a ````\n@team", baseline_score=1.0, candidate_score=0.0)
    decision = replace(analysis.decision, outcome=Outcome.USE, arm_id=chosen.arm_id)
    text = markdown.render(run, replace(analysis, decision=decision, flips={chosen.arm_id: (worse,)}))
    assert "`````\na ```` @team\n`````" in text
    assert baseline.label == "none"


def test_markdown_over_its_cap_drops_details_then_rows_and_says_so():
    text = markdown.render(*analysed("sweep"), max_bytes=1_500)
    assert "left out to keep this summary short" in text
    assert "Showing 2 of 5 arms" in text


@pytest.mark.parametrize(("times", "kept"), [(20, 100), (400, None)])
def test_report_json_keeps_a_hundred_arms_and_of_two_thousand_what_an_index_can_read(times, kept):
    run, analysis = analysed("sweep")
    text = report_json(run, replace(analysis, arms=analysis.arms * times))
    stored = json.loads(text)
    assert len(text.encode()) < MAX_BYTES
    assert stored["n_arms"] == 5 * times
    assert len(stored["arms"]) == kept or (kept is None and 150 < len(stored["arms"]) < 2_000)
