"""Drifting times in every output: what was found stands before the numbers, beside the times, among the methods and
in report.json; a steady run says nothing of it."""

from __future__ import annotations

import json

import pytest

from evalharness.report import markdown, page, terminal
from evalharness.report.settings import ReportSettings
from evalharness.report.summary import report_json
from evalharness.report.verdict_text import verdict_text
from evalharness.verdict.compare import analyse
from tests.support.runs import RULE, ArmTruth, make_run

ALIKE = {
    name: ArmTruth(accuracy=0.6, reasoning_tokens=tokens, ttfo_ms=500)
    for name, tokens in {"none": 0, "low": 400}.items()
}
SHAPE = {"arms": 2, "cases": 80, "repeats": 2, "decision": None, "truth": ALIKE}


@pytest.fixture(scope="module")
def outputs() -> dict[str, dict[str, str]]:
    """By kind of run: every format."""
    runs = {
        "steady": make_run(**SHAPE),
        "drifting": make_run(**SHAPE, drift=0.8),
        "in turn": make_run(**SHAPE, drift=0.8, one_by_one=True),
    }
    found = {name: (run, analyse(run, n_resamples=200)) for name, run in runs.items()}
    return {
        name: {
            "page": page.render_page(run, analysis, ReportSettings()),
            "markdown": markdown.render(run, analysis),
            "terminal": terminal.render(run, analysis),
            "json": report_json(run, analysis),
        }
        for name, (run, analysis) in found.items()
    }


@pytest.mark.parametrize("form", ["page", "markdown", "terminal"])
def test_a_large_drift_is_said_in_every_format_and_a_steady_run_is_silent(outputs, form):
    assert "Times drifted: trials in the second half took" in " ".join(outputs["drifting"][form].split())
    assert "Times drifted" not in outputs["steady"][form]
    assert "The arms ran one after the other while times drifted" in " ".join(outputs["in turn"][form].split())


def test_the_page_says_how_much_a_mean_time_is_worth_and_what_its_intervals_are_made_of(outputs):
    assert "clusters in two directions" in outputs["drifting"]["page"]
    assert "alike within cases" not in outputs["steady"]["page"]
    assert "clusters in two directions" not in outputs["steady"]["page"]


def test_a_sentence_on_the_result_does_not_claim_a_ratio_of_times_that_the_hour_made(outputs):
    chosen = {"decision": RULE, "truth": {**ALIKE, "low": ArmTruth(accuracy=0.95, reasoning_tokens=400, ttfo_ms=500)}}
    for drift, claimed in ((0.0, True), (0.8, False)):
        run = make_run(**{**SHAPE, **chosen}, drift=drift, one_by_one=True)
        lead = verdict_text(run, analyse(run, n_resamples=200)).lead
        assert ("as long" in lead) is claimed, lead


def test_report_json_holds_what_was_found(outputs):
    steady, drifting, in_turn = (json.loads(outputs[name]["json"])["drift"] for name in outputs)
    assert steady is None
    assert drifting["moved"] is True
    assert drifting["confounded"] is False
    assert drifting["half_ratio"] == pytest.approx(1.6 / 1.2, rel=0.15)
    assert 0 < drifting["effective_share"] <= 1
    assert in_turn["confounded"] is True
