"""What gates demand and what came of them, in words."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.core.findings import Estimate, GateFindings, Reason, Settling, Verdict
from evalharness.core.model import Demand, GateScope, GateSpec
from evalharness.report import markdown
from evalharness.report.gate_demands import demand_text, metric_text
from evalharness.report.gate_figures import figures, limit_text
from evalharness.report.gate_remarks import settling_text
from evalharness.report.gate_words import (
    GateState,
    by_urgency,
    excerpt,
    gate_line,
    gates_text,
    overall_state,
    remarks_once,
)
from evalharness.report.page import render_page
from evalharness.report.settings import ReportSettings
from tests.support.gates import ALL_GATED, estimate, finding, gate_kinds, gated, spec
from tests.support.reports import analysed, plain_markdown, shown_text

FORBIDDEN = re.compile(r"±|\b(nan|inf|none|significant|proves|no difference|outperforms?|trend|equivalent)\b", re.I)
ARMS = {"scope": GateScope.ARMS, "arm": {"reasoning.effort": "low"}, "to": {"reasoning.effort": "high"}}

SENTENCES = {
    "pass": "answer of medium: at least 80%: pass, 86.2% (90% interval 82.1 to 89.6)",
    "fail": "answer of low against high: at most 2 points lower: fail, −6.1 points (90% interval −9.0 to −3.2)",
    "open": "answer of low: at least 80%: not enough data, 81.3% (90% interval 77.1 to 84.8); the interval straddles "
    "the limit; about 240 more cases, or 4 repeats instead of 2, would settle it",
    "missing decide": "answer of high: at least 80%: cannot tell, 84.2% (90% interval 80.3 to 87.4); 3 missing calls "
    "decide: 78.1% with all against it, 86.2% with all for it",
    "time": "p95 of time to first output of high: at most 2.5 s: pass, 1.8 s (90% interval 1.7 to 2.1 s)",
    "holm": "p95 of time to first output of medium: at most 2.5 s: not enough data, 2.64 s (90% interval 2.52 to "
    "2.91 s); fails by itself, but among 9 gates chance alone would do that too often; about 290 more cases would "
    "settle it",
    "near the limit": "share of failed calls of medium: at most 1%: not enough data, 1.01% (90% interval 0.40 to "
    "2.10); the interval straddles the limit; cannot be settled near the limit, the figure lies too close to it",
    "few cases": "answer in cases tagged hard of low against high: higher: not enough data, +5 points (90% interval −8 "
    "to +17); only 6 independent cases, 10 are needed",
    "ratio": "total time of medium against the baseline: at most 1.15× as long: fail, 1.31× (90% interval 1.22 to "
    "1.41)",
    "equivalent": "answer of medium against the baseline: within 2 points: pass, +0.4 points (90% interval −1.1 to "
    "+1.9)",
    "money": "cost per right answer of low: at most $0.004: pass, $0.00231 (90% interval 0.00218 to 0.00247); whatever "
    "the 2 missing calls had been",
    "must pass": "cases tagged critical of medium: every repeat right: pass, all right",
    "must pass, wrong": "cases tagged critical of low: every repeat right: fail, 2 trials are not right",
    "nothing": "answer of medium: at least 80%: cannot tell; nothing to judge",
    "barred": "p95 of time to first output of medium: at most 2.5 s: cannot tell, 1.8 s (90% interval ≥ 1.7 s); "
    "confounded with time: the arms ran one after the other and times drifted",
    "no width": "answer of low: at least 80%: not enough data, 80.0%; the interval straddles the limit",
}


#: As one reads them aloud.
TOLD = {
    "pass": "Answer of medium is 86.2% (90% interval 82.1 to 89.6), at least 80% asked.",
    "fail": "Answer of low is worse: 6.1 points lower than high (90% interval 3.2 to 9.0), 2 allowed.",
    "open": "Answer of low is 81.3% (90% interval 77.1 to 84.8), at least 80% asked. The interval straddles the limit; "
    "about 240 more cases, or 4 repeats instead of 2, would settle it.",
    "few cases": "Answer in cases tagged hard of low is between 8 points lower and 17 higher than high (90% interval), "
    "it has to be higher. Only 6 independent cases, 10 are needed.",
    "ratio": "Total time of medium is 1.31× that of the baseline (90% interval 1.22 to 1.41), at most 1.15× allowed.",
    "equivalent": "Answer of medium is between 1.1 points lower and 1.9 higher than the baseline (90% interval), 2 "
    "either way allowed.",
    "money": "Cost per right answer of low is $0.00231 (90% interval 0.00218 to 0.00247), at most $0.004 asked, "
    "whatever the 2 missing calls had been.",
    "must pass, wrong": "Cases tagged critical of low, every repeat right: 2 trials are not right.",
    "nothing": "Answer of medium, at least 80%: nothing to judge.",
    "no width": "Answer of low is 80.0%, at least 80% asked. The interval straddles the limit.",
}


@pytest.mark.parametrize("kind", TOLD)
def test_a_gate_can_be_read_aloud(kind):
    assert gate_line(gate_kinds()[kind], analysed("sweep")[1]).told == TOLD[kind]


@pytest.mark.parametrize(
    ("point", "lower", "upper", "told"),
    [
        (
            -0.12,
            -0.17,
            -0.07,
            "Answer got worse: 12 points lower than the baseline run of 1 Nov (90% interval 7 to 17), ",
        ),
        (0.12, 0.07, 0.17, "Answer is 12 points higher than the baseline run of 1 Nov (90% interval 7 to 17), "),
        (
            -0.02,
            -0.07,
            0.03,
            "Answer is between 7 points lower and 3 higher than the baseline run of 1 Nov (90% interval), ",
        ),
        (-0.02, None, 0.03, "Answer is 2 points lower than the baseline run of 1 Nov, "),
    ],
)
def test_a_gate_against_a_baseline_run_names_its_day_and_got_worse_only_where_the_interval_shows_it(
    point, lower, upper, told
):
    _, analysis = analysed("single")
    source = gated("invalid")[1].baseline_run
    gate = GateFindings(
        spec=spec(Demand.NON_INFERIOR, 0.05, scope=GateScope.BASELINE_RUN),
        arm_id=analysis.arms[0].arm_id,
        key={},
        verdict=Verdict.FAIL,
        estimate=estimate(point, lower, upper),
    )
    assert gate_line(gate, replace(analysis, baseline_run=replace(source, invalid=()))).told == told + "5 allowed."


def test_gates_that_fail_come_first_and_those_that_pass_last():
    lines = gates_text(gated("gates fail")[1]).lines
    states = [line.state for line in by_urgency(lines)]
    assert states[:2] == [GateState.FAIL] * 2
    assert states[-2:] == [GateState.PASS] * 2


@pytest.mark.parametrize("kind", SENTENCES)
def test_a_gate_is_one_sentence(kind):
    assert gate_line(gate_kinds()[kind], analysed("sweep")[1]).sentence == SENTENCES[kind]


def test_every_kind_of_finding_has_its_sentence():
    assert set(SENTENCES) == set(gate_kinds())


def test_the_only_arm_of_a_run_is_not_named():
    _, analysis = analysed("single")
    gate = GateFindings(
        spec=spec(Demand.AT_LEAST, 0.5),
        arm_id=analysis.arms[0].arm_id,
        key={},
        verdict=Verdict.PASS,
        estimate=estimate(0.8, 0.7, 0.9),
    )
    assert gate_line(gate, analysis).name == "answer: at least 50%"
    compared = replace(gate, spec=spec(Demand.NON_INFERIOR, 0.02, scope=GateScope.BASELINE_RUN))
    assert gate_line(compared, analysis).name == "answer against the baseline: at most 2 points lower"


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (spec(Demand.AT_LEAST, 0.995), "answer: at least 99.5%"),
        (spec(Demand.AT_MOST, 0.01, metric="error_share"), "share of failed calls: at most 1%"),
        (spec(Demand.AT_MOST, 2500.0, metric="ttfo_ms", quantile=0.95), "p95 of time to first output: at most 2.5 s"),
        (spec(Demand.AT_MOST, 800.0, metric="ttfo_ms", quantile=0.5), "median time to first output: at most 800 ms"),
        (spec(Demand.AT_MOST, 0.02, metric="cost_usd"), "mean cost: at most $0.02"),
        (spec(Demand.AT_MOST, 1200.0, metric="output_tokens"), "mean output tokens: at most 1,200"),
        (spec(Demand.NON_INFERIOR, 0.01, **ARMS), "answer: at most 1 point lower"),
        (spec(Demand.NON_INFERIOR, 0.0, **ARMS), "answer: not lower"),
        (
            spec(Demand.NON_INFERIOR, 0.02, metric="error_share", **ARMS),
            "share of failed calls: at most 2 points higher",
        ),
        (spec(Demand.IMPROVED, **ARMS), "answer: higher"),
        (spec(Demand.IMPROVED, metric="total_ms", **ARMS), "total time: shorter"),
        (spec(Demand.EQUIVALENT, 0.005, **ARMS), "answer: within 0.5 points"),
        (spec(Demand.RATIO_AT_MOST, 1.15, metric="total_ms", **ARMS), "total time: at most 1.15× as long"),
        (
            spec(Demand.RATIO_AT_MOST, 1.1, metric="cost_per_correct_usd", **ARMS),
            "cost per right answer: at most 1.1× as much",
        ),
        (spec(Demand.AT_LEAST, 0.8, tag="hard"), "answer in cases tagged hard: at least 80%"),
        (spec(Demand.MUST_PASS, metric="", tag="critical"), "cases tagged critical: every repeat right"),
    ],
)
def test_a_demand_is_said_in_the_unit_of_its_metric(asked, text):
    assert f"{metric_text(asked)}: {demand_text(asked)}" == text


@pytest.mark.parametrize(
    ("settling", "text"),
    [
        (None, ""),
        (Settling(), ""),
        (Settling(cases=121), "about 1 more case would settle it"),
        (Settling(cases=360), "about 240 more cases would settle it"),
        (Settling(cases=7_521), "about 7,400 more cases would settle it"),
        (Settling(cases=360, repeats=4), "about 240 more cases, or 4 repeats instead of 1, would settle it"),
        (Settling(repeats=4), "about 4 repeats instead of 1 would settle it"),
        (
            Settling(cases=360, cases_at_most_repeats=200),
            "about 240 more cases would settle it, no number of repeats would",
        ),
        (Settling(cases_at_most_repeats=200), "no number of repeats would settle it"),
        (Settling(near_limit=True), "cannot be settled near the limit, the figure lies too close to it"),
    ],
)
def test_what_would_settle_a_gate_is_said_in_cases_and_repeats(settling, text):
    assert settling_text(settling, n_cases=120, n_repeats=1) == text


@pytest.mark.parametrize(
    ("names", "state"),
    [
        (("pass", "time"), GateState.PASS),
        (("pass", "fail", "open", "missing decide"), GateState.FAIL),
        (("pass", "open", "holm", "few cases"), GateState.NOT_ENOUGH),
        (("open", "missing decide"), GateState.CANNOT_TELL),
        (("pass", "nothing"), GateState.CANNOT_TELL),
        (("pass", "barred"), GateState.CANNOT_TELL),
    ],
)
def test_all_gates_together_have_the_state_that_the_least_of_them_allows(names, state):
    assert overall_state([gate_kinds()[name] for name in names]) is state


@pytest.mark.parametrize(
    ("kind", "heading", "lead"),
    [
        ("gates pass", "Pass", "All 5 gates pass."),
        ("one gate", "Pass", "Answer of medium is 86.2% (90% interval 82.1 to 89.6), at least 80% asked."),
        (
            "gates fail",
            "Fail",
            "2 of 6 gates fail, 1 is “cannot tell” and 1 is “not enough data”. Answer of low is worse: 6.1 points ",
        ),
        ("gates open", "Not enough data", "No gate fails, but 4 of 5 are “not enough data”. Answer of low is 81.3% "),
        (
            "gates, missing decide",
            "Cannot tell",
            "No gate fails, but 2 of 3 are “cannot tell”. Answer of high is 84.2% ",
        ),
        ("invalid", "Invalid", "The two runs cannot be compared: the grader of “answer” is numeric here and exact"),
    ],
)
def test_the_heading_is_the_state_and_the_lead_says_why(kind, heading, lead):
    text = gates_text(gated(kind)[1])
    assert text.heading == heading
    assert text.lead.startswith(lead)
    assert text.lead.endswith(".")


def test_a_run_without_gates_has_no_verdict():
    assert gates_text(analysed("sweep")[1]) is None


def test_an_interval_that_holds_under_looking_says_so():
    _, analysis = gated("one gate")
    looked = replace(analysis, gates=tuple(replace(gate, is_sequential=True) for gate in analysis.gates))
    assert "however often one looked" in gates_text(looked).rule
    assert "however often one looked" not in gates_text(analysis).rule


def test_what_does_not_fit_is_counted_and_what_passes_goes_first():
    lines = gates_text(gated("gates fail")[1]).lines
    told, left_out = excerpt(lines, 3)
    assert [line.state.value for line in told] == ["fail", "fail", "cannot tell"]
    assert left_out == "and 3 more gates, 1 of them not passed"
    assert excerpt(lines, 6) == (lines, "")


# ---------------------------------------------------------------- figures


def test_no_figure_is_printed_as_a_limit_that_it_is_not():
    asked = spec(Demand.AT_LEAST, 0.8)
    assert figures(asked, estimate(0.8004, 0.72, 0.87)).point == "80.04%"
    assert figures(asked, estimate(0.86, 0.8002, 0.91)).interval == "80.02 to 91.00"
    assert figures(asked, estimate(0.8, 0.72, 0.87)).point == "80%"
    assert figures(asked, estimate(0.1 + 0.7, 0.72, 0.87)).point == "80%", "0.1 + 0.7 is not 0.8 in floating point"
    late = spec(Demand.AT_MOST, 2000.0, metric="ttfo_ms", quantile=0.95)
    assert figures(late, estimate(2030.0, 1900.0, 2400.0, "ms")).point == "2.03 s"


@pytest.mark.parametrize(
    ("lower", "upper", "interval"),
    [
        (None, None, ""),
        (0.7, None, "≥ 70"),
        (None, 0.9, "≤ 90"),
        (0.8, 0.8, ""),
        (0.79999, 0.80001, "79.999 to 80.001"),
    ],
)
def test_an_interval_without_width_or_limits_is_none(lower, upper, interval):
    assert figures(spec(Demand.AT_LEAST, 0.5), estimate(0.8, lower, upper)).interval == interval


LIMITS = st.floats(1e-6, 1e6).map(lambda value: float(f"{value:.6g}"))
_ASKED = {
    "share": (Demand.AT_LEAST, "answer", GateScope.ALONE, 1.0, None),
    "points": (Demand.NON_INFERIOR, "answer", GateScope.ARMS, 1.0, None),
    "time": (Demand.AT_MOST, "ttfo_ms", GateScope.ALONE, 1e6, 0.95),
    "money": (Demand.AT_MOST, "cost_usd", GateScope.ALONE, 1e2, None),
    "ratio": (Demand.RATIO_AT_MOST, "total_ms", GateScope.ARMS, 1e2, None),
    "tokens": (Demand.AT_MOST, "output_tokens", GateScope.ALONE, 1e6, None),
}


@st.composite
def judged(draw) -> GateFindings:
    """Any gate with any estimate, limits missing or not, alike or not."""
    demand, metric, scope, size, quantile = _ASKED[draw(st.sampled_from(sorted(_ASKED)))]
    values = st.floats(0, 1, allow_subnormal=False).map(lambda share: share * size)
    if scope is GateScope.ARMS and metric == "answer":
        values = st.floats(-1, 1, allow_subnormal=False)
    low, point, high = sorted(draw(st.lists(values, min_size=3, max_size=3)))
    lower, upper = draw(st.sampled_from([(low, high), (None, high), (low, None), (None, None), (point, point)]))
    limit = draw(st.floats(0.001, 1)) * size
    asked = GateSpec(number=1, demand=demand, metric=metric, limit=limit, scope=scope, quantile=quantile)
    verdict = draw(st.sampled_from(list(Verdict)))
    found = Estimate(point=point, lower=lower, upper=upper, method="", n=20, unit="", level=0.90)
    return finding(
        asked,
        verdict,
        estimate=draw(st.none() | st.just(found)),
        reason=draw(st.sampled_from(list(Reason))) if verdict is Verdict.INCONCLUSIVE else None,
        settling=draw(
            st.none() | st.builds(Settling, cases=st.none() | st.integers(1, 10**9), near_limit=st.booleans())
        ),
    )


@given(judged())
def test_no_sentence_has_a_forbidden_word_or_an_interval_without_width(gate):
    line = gate_line(gate, analysed("sweep")[1])
    assert not FORBIDDEN.search(line.sentence)
    assert not FORBIDDEN.search(line.told)
    ends = re.fullmatch(r"(\S+)(?: m?s)? to (\S+)(?: m?s)?", line.interval)
    assert ends is None or ends[1] != ends[2]
    assert not re.search(r"\de[+-]?\d", line.sentence)


@given(LIMITS, st.sampled_from(sorted(_ASKED)))
def test_a_limit_is_written_without_an_exponent(limit, kind):
    demand, metric, scope, _, quantile = _ASKED[kind]
    asked = GateSpec(number=1, demand=demand, metric=metric, limit=limit, scope=scope, quantile=quantile)
    assert not re.search(r"\de[+-]?\d", limit_text(asked, limit))


@pytest.mark.parametrize("kind", ALL_GATED)
def test_no_output_of_gates_has_a_forbidden_word(kind):
    text = gates_text(gated(kind)[1])
    for words in (text.heading, text.lead, text.rule, *(line.sentence for line in text.lines)):
        assert not FORBIDDEN.search(words)


# ---------------------------------------------------------------- said once


DRIFTED = "confounded with time: times drifted by 18% within this run, and the baseline ran at another"


def barred(arm: str, quantile: float, clause: str = DRIFTED) -> GateFindings:
    asked = GateSpec(number=1, demand=Demand.AT_MOST, metric="total_ms", limit=2500, quantile=quantile)
    found = estimate(1_800, 1_700, None)
    key = {"reasoning.effort": arm}
    return finding(asked, Verdict.INCONCLUSIVE, key, reason=Reason.BARRED, clause=clause, estimate=found)


def test_a_long_reason_of_several_gates_is_one_note_that_names_them():
    analysis = analysed("sweep")[1]
    gates = (barred("low", 0.5), barred("high", 0.5), barred("high", 0.95, "3 missing calls decide"))
    lines = [gate_line(gate, analysis) for gate in gates]
    remarks, notes = remarks_once(lines)
    assert remarks == ("see note", "see note", "3 missing calls decide")
    assert notes == (f"Note ({lines[0].subject} and {lines[1].subject}): {DRIFTED}.",)
    assert remarks_once(lines[1:]) == ((DRIFTED, "3 missing calls decide"), ())
    said = gates_text(replace(analysis, gates=gates[:2])).lead
    assert said.count("confounded with time") == 1
    assert said.endswith(f" Of both: {DRIFTED}.")


def test_two_such_reasons_are_two_notes_and_the_cells_say_which():
    analysis, other = analysed("sweep")[1], "the mean of times that drifted is that of no moment of the run"
    gates = [barred(arm, q, clause) for clause, q in ((DRIFTED, 0.5), (other, 0.95)) for arm in ("low", "high")]
    lines = [gate_line(gate, analysis) for gate in gates]
    remarks, notes = remarks_once(lines)
    assert remarks == ("note 1", "note 1", "note 2", "note 2")
    assert [note.split(" (")[0] for note in notes] == ["Note 1", "Note 2"]
    run = analysed("sweep")[0]
    changed = replace(analysis, gates=tuple(gates))
    for text in (
        plain_markdown(markdown.render(run, changed)),
        shown_text(render_page(run, changed, ReportSettings())),
    ):
        assert all(note in text for note in notes)
        assert text.count(DRIFTED) <= 2, "in the note, and where the verdict tells of the first gates"
