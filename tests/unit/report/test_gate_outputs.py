"""Gates in every output: page, Markdown, terminal, JSON, JUnit and index print one verdict, and print it first."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from evalharness.core.failure import Clock, Failure, FailureKind
from evalharness.core.findings import Analysis
from evalharness.core.model import Status
from evalharness.core.record import RunRecord
from evalharness.report import index, markdown, terminal
from evalharness.report.gate_words import GateState, gates_text
from evalharness.report.page import render_page
from evalharness.report.sections import gates as gates_section
from evalharness.report.settings import ReportSettings
from evalharness.report.summary import MAX_BYTES, report_json
from evalharness.report.verdict_text import verdict_text
from evalharness.report.view import make_view
from evalharness.store.export import junit
from tests.support.gates import ALL_GATED, GATED, all_right, gate_kinds, gated, with_tag
from tests.support.reports import analysed, plain_markdown, shown_text

FORBIDDEN = re.compile(r"±|\b(nan|inf|significant|proves|no difference|outperforms?)\b")


def one_line(text: str) -> str:
    return " ".join(text.split())


def page_of(kind: str) -> str:
    return render_page(*gated(kind), ReportSettings())


def junit_tests(run: RunRecord, analysis: Analysis) -> dict[str, ElementTree.Element]:
    root = ElementTree.fromstring(junit.export(run, analysis))
    return {test.get("name", ""): test for test in root.iter("testcase")}


def outcome_of(test: ElementTree.Element) -> str:
    return next((child.tag for child in test if child.tag != "system-out"), "passed")


@pytest.mark.parametrize("kind", ALL_GATED)
def test_every_output_carries_the_same_verdict_with_its_lead(kind):
    run, analysis = gated(kind)
    said = gates_text(analysis)
    page = shown_text(page_of(kind))
    text = one_line(plain_markdown(markdown.render(run, analysis)))
    screen = one_line(terminal.render(run, analysis, width=100))
    stored = json.loads(report_json(run, analysis))
    for words in (said.heading, said.lead):
        assert one_line(words) in page
        assert one_line(words) in text
        assert one_line(words) in screen
    assert stored["verdict"] == said.state.value
    assert stored["verdict_lead"].removesuffix("…") in said.lead
    assert stored["n_gates"] == len(said.lines)


@pytest.mark.parametrize("kind", GATED)
def test_every_gate_has_the_same_demand_figure_interval_and_verdict_everywhere(kind):
    run, analysis = gated(kind)
    page = shown_text(page_of(kind))
    text = plain_markdown(markdown.render(run, analysis))
    gates = json.loads(report_json(run, analysis))["gates"]
    stored = {f"{gate['subject']}: {gate['demand']}": gate for gate in gates}
    tests = junit_tests(run, analysis)
    for line in gates_text(analysis).lines:
        below = f" {line.interval}" if line.finding.estimate else ""
        strip = page.partition("Each gate")[2].partition(verdict_text(run, analysis).heading)[0]
        assert one_line(f"{line.demand} {line.found}{below} {line.state.value} {line.remark}") in strip
        assert f"| {line.demand} | {line.found} | {line.interval} | {line.state.value}" in text
        assert stored[line.name]["verdict"] == line.state.value
        test = tests[line.name]
        told = test.findtext("system-out") or test[0].get("message")
        assert told == line.outcome


@pytest.mark.parametrize("kind", GATED)
def test_the_terminal_has_a_line_for_each_gate_as_far_as_five(kind):
    run, analysis = gated(kind)
    lines = terminal.render(run, analysis, width=100).splitlines()
    for line in gates_text(analysis).lines:
        ends = f"{line.found} ({line.interval})" if line.interval != "–" else line.found
        row = [text for text in lines if ends in text and text.endswith(f"  {line.state.value}")]
        assert row or len(GATED[kind]) > 5


@pytest.mark.parametrize("kind", ALL_GATED)
@pytest.mark.parametrize(("width", "unicode"), [(100, True), (72, False), (40, True)])
def test_the_terminal_keeps_its_lines_and_its_width_with_gates(kind, width, unicode):
    text = terminal.render(*gated(kind), width=width, unicode=unicode, report_path="reports/x/y/report.html")
    lines = text.splitlines()
    assert len(lines) <= 25
    assert max(len(line) for line in lines) <= width
    assert lines[-1] == "Report: reports/x/y/report.html"
    assert unicode or text.isascii()
    assert not FORBIDDEN.search(text)


@pytest.mark.parametrize("kind", ALL_GATED)
def test_the_verdict_stands_before_the_decision(kind):
    run, analysis = gated(kind)
    said, decision = gates_text(analysis), verdict_text(run, analysis)
    page = page_of(kind)
    if said.lines:
        assert page.index(f">{said.heading}</h2>") < page.index(f">{decision.heading}</h2>")
    else:  # runs that cannot be compared: a page of the reasons alone
        assert f">{said.heading}</h2>" in page and f">{decision.heading}</h2>" not in page
    assert 'class="skip" href="#gates"' in page
    text = plain_markdown(markdown.render(run, analysis))
    assert text.startswith(f"**{said.heading}**\n")
    assert text.index(said.lead[:40]) < text.index(f"**{decision.heading}**")
    screen = terminal.render(run, analysis).splitlines()
    assert screen.index(said.heading) < screen.index(decision.heading)


def test_what_must_be_known_first_is_said_once_and_before_the_figures_of_gates():
    run, analysis = gated("gates fail")
    page = shown_text(render_page(run, replace(analysis, banners=("Few cases: 8.",)), ReportSettings()))
    assert page.count("Few cases: 8.") == 1
    assert page.index("Few cases: 8.") < page.index("Each gate")


def test_a_run_without_gates_says_nothing_of_them():
    run, analysis = analysed("sweep")
    assert 'id="gates"' not in render_page(run, analysis, ReportSettings())
    stored = json.loads(report_json(run, analysis))
    assert stored["verdict"] is None
    assert stored["gates"] == []
    assert "Verdict" not in shown_text(index.render([stored]))


def test_many_gates_leave_every_output_within_its_size():
    run, analysis = gated("gates open")
    many = replace(analysis, gates=analysis.gates * 60)
    stored = json.loads(report_json(run, many))
    assert len(report_json(run, many).encode()) < MAX_BYTES
    assert stored["n_gates"] == 300
    text = plain_markdown(markdown.render(run, many))
    assert "and 250 more gates, 190 of them not passed; all are in the report." in text
    assert len(terminal.render(run, many, width=100).splitlines()) <= 25


def test_gates_go_before_the_cap_of_markdown_is_broken():
    run, analysis = gated("gates open")
    text = markdown.render(run, replace(analysis, gates=analysis.gates * 10), max_bytes=4_000)
    assert "and 42 more gates" in plain_markdown(text)


def test_the_index_has_a_column_for_the_verdict():
    stored = [json.loads(report_json(*gated(kind))) for kind in ("gates fail", "gates, missing decide")]
    stored.append(json.loads(report_json(*analysed("single"))))
    html = index.render(stored)
    rows = [shown_text(row) for row in re.findall(r"<tr>.*?</tr>", html)]
    assert any("Verdict Decision" in row for row in rows)
    assert any("Fail No clear winner" in row for row in rows)
    assert any("Cannot tell No clear winner" in row for row in rows)


@pytest.mark.parametrize("kind", ALL_GATED)
def test_every_strip_is_an_image_that_says_nothing_the_table_does_not(kind):
    model = gates_section.build(make_view(*gated(kind), ReportSettings()))
    strips = [row.strip for row in model.table.rows if row.strip] if model.table else []
    for strip in strips:
        drawn = ElementTree.fromstring(strip)
        assert drawn.get("aria-hidden") == "true"
        assert not re.search(r"nan|inf|style=", strip)


# ---------------------------------------------------------------- JUnit


@pytest.mark.parametrize("kind", GATED)
def test_a_gate_that_fails_is_a_failed_test_and_an_open_one_is_skipped(kind):
    run, analysis = gated(kind)
    tests = junit_tests(run, analysis)
    expected = {GateState.PASS: "passed", GateState.FAIL: "failure"}
    for line in gates_text(analysis).lines:
        assert outcome_of(tests[line.name]) == expected.get(line.state, "skipped")
    root = ElementTree.fromstring(junit.export(run, analysis))
    suite = root.find("testsuite[@name='gates']")
    counted = [outcome_of(test) for test in suite]
    assert suite.get("tests") == str(len(counted))
    assert suite.get("failures") == str(counted.count("failure"))
    assert suite.get("skipped") == str(counted.count("skipped"))


def test_what_the_gates_allow_to_be_wrong_is_no_failed_test():
    run, analysis = gated("gates pass")
    root = ElementTree.fromstring(junit.export(run, analysis))
    assert any(score.value == 0 for result in run.results.values() for score in result.scores.values())
    assert not list(root.iter("failure"))


def test_a_comparison_that_is_invalid_is_an_error():
    root = ElementTree.fromstring(junit.export(*gated("invalid")))
    assert root.find("testsuite").get("errors") == "1"
    assert "cannot be compared" in root.find("testsuite/testcase/error").get("message")


def must_pass_run(**changes: object) -> dict[str, str]:
    """The outcome of every case that has to pass, of a run in which all are right but for ``changes`` to one trial."""
    run, analysis = analysed("sweep")
    run = with_tag(all_right(run), "critical", 3)
    gate = gate_kinds()["must pass"]
    first = next(
        trial.trial_id
        for trial in run.plan.trials
        if trial.arm_id == gate.arm_id and trial.case_id == run.plan.suite.cases[0].case_id
    )
    run = replace(run, results=run.results | {first: replace(run.results[first], **changes)})
    tests = ElementTree.fromstring(junit.export(run, replace(analysis, gates=(gate, gate))))
    suite = tests.find("testsuite[@name='cases that must pass']")
    return {test.get("name"): outcome_of(test) for test in suite}


def test_every_case_that_must_pass_is_a_test_once():
    assert list(must_pass_run().values()) == ["passed"] * 3


def test_a_wrong_answer_fails_a_case_that_must_pass():
    run, _ = analysed("sweep")
    wrong = {
        name: replace(score, value=0.0, passed=False) for name, score in next(iter(run.results.values())).scores.items()
    }
    assert list(must_pass_run(scores=wrong).values()) == ["failure", "passed", "passed"]


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [(FailureKind.TIMEOUT, "failure"), (FailureKind.CONNECTION, "skipped"), (FailureKind.STREAM_CUT, "skipped")],
)
def test_a_call_that_is_missing_leaves_a_case_open_and_a_timeout_does_not(kind, outcome):
    clock = Clock.TOTAL if kind is FailureKind.TIMEOUT else None
    failure = Failure(kind=kind, message="gone", clock=clock)
    found = must_pass_run(status=Status.ERROR, failure=failure, scores={})
    assert list(found.values()) == [outcome, "passed", "passed"]


def test_hostile_names_of_graders_and_tags_are_shown_as_text():
    run, analysis = analysed("sweep")
    asked = replace(gate_kinds()["pass"].spec, metric="<b>|`@x`\x1b[2J", tag="\x00</script>")
    gated_by = replace(analysis, gates=(replace(gate_kinds()["pass"], spec=asked),))
    page = render_page(run, gated_by, ReportSettings())
    assert "<b>|" not in page
    assert "\x1b" not in page
    text = markdown.render(run, gated_by)
    assert "<b>" not in text
    assert "@x" not in text
    assert "\x1b" not in terminal.render(run, gated_by)
    ElementTree.fromstring(junit.export(run, gated_by))


def test_what_a_strip_draws_is_explained_where_it_is_drawn():
    notes = {
        kind: gates_section.build(make_view(*gated(kind), ReportSettings())).table.note
        for kind in ("gates pass", "gates, missing decide")
    }
    assert "Dotted" in notes["gates, missing decide"]
    assert "Dashed" in notes["gates, missing decide"]
    assert "Dotted" not in notes["gates pass"]
    assert "Dashed" not in notes["gates pass"]
