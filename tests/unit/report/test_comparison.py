"""A run beside its baseline in words: of every kind of run, valid or not, in every format alike."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache

import pytest

from evalharness.core.errors import ExitCode
from evalharness.core.findings import Analysis, BaselineSource, CaseReading, Change
from evalharness.core.record import RunRecord
from evalharness.report import comparison_markdown, comparison_terminal, markdown, page, terminal
from evalharness.report.comparison_flips import flip_lines
from evalharness.report.comparison_json import comparison_json
from evalharness.report.comparison_words import changed_lines, comparison_text, unpaired_lines
from evalharness.report.markdown_text import COMMENT_BYTES, SUMMARY_BYTES
from evalharness.report.settings import ReportSettings
from evalharness.report.summary import report_json
from evalharness.report.terminal_table import Writer
from evalharness.verdict.baseline_against import flips_against
from evalharness.verdict.baseline_pairing import PairedBaseline
from evalharness.verdict.baseline_trials import trials_of
from evalharness.verdict.compare import analyse
from evalharness.verdict.view import view
from tests.support.printed import offences
from tests.support.reports import KINDS, plain_markdown, shown_text
from tests.support.runs import ArmTruth, make_run

PLAIN = Writer(width=100, color=False, unicode=True, strips=False)
WEAK = {name: ArmTruth(accuracy=0.15, reasoning_tokens=50, ttfo_ms=2_000) for name in ("none", "low", "medium")}


@cache
def beside(kind: str, weak: bool = False) -> tuple[RunRecord, Analysis]:
    options = {name: value for name, value in KINDS[kind].items() if value is not None}
    old = make_run(**options, seed=11)
    new = make_run(**(options | ({"truth": WEAK} if weak else {})), seed=12)
    kept = trials_of(view(old))
    return new, analyse(new, baseline=kept, n_resamples=100)


def terminal_text(kind: str, weak: bool = False) -> str:
    run, analysis = beside(kind, weak)
    return comparison_terminal.render(run, analysis, PLAIN)


def markdown_text(kind: str, weak: bool = False) -> str:
    run, analysis = beside(kind, weak)
    return comparison_markdown.render(run, analysis)


@pytest.mark.parametrize("kind", KINDS)
def test_of_no_kind_of_run_is_anything_printed_that_statistics_forbid(kind: str) -> None:
    lines = terminal_text(kind)
    assert offences(lines) == []
    assert offences(plain_markdown(markdown_text(kind))) == []
    assert max(map(len, lines.splitlines())) <= 100
    run, analysis = beside(kind)
    assert offences(plain_markdown(markdown.render(run, analysis))) == []
    assert len(terminal.render(run, analysis, width=100).splitlines()) <= terminal.MAX_LINES


@pytest.mark.parametrize(("kind", "weak"), [*((kind, False) for kind in KINDS), ("two arms", True), ("single", True)])
def test_page_markdown_terminal_comment_and_json_carry_the_same_verdict(kind: str, weak: bool) -> None:
    run, analysis = beside(kind, weak)
    said = comparison_text(run, analysis)
    stored = json.loads(report_json(run, analysis))
    outputs = {
        "page": shown_text(page.render_page(run, analysis, ReportSettings())),
        "compare": terminal_text(kind, weak),
        "compare, markdown": plain_markdown(markdown_text(kind, weak)),
        "comment": plain_markdown(comparison_markdown.render(run, analysis, max_bytes=COMMENT_BYTES)),
    }
    for name, text in outputs.items():
        for words in (said.heading, said.lead):
            assert " ".join(words.split()) in " ".join(text.split()), name
    for found in (json.loads(comparison_json(run, analysis, ExitCode.OK)), stored["comparison"]):
        assert (found["heading"], found["lead"]) == (said.heading, said.lead)
    assert stored["comparison"]["baseline"] == analysis.baseline_run.run_id
    assert stored["comparison"]["n_changed"] == len(analysis.baseline_run.changed)


@pytest.mark.parametrize("kind", ["two arms", "single"])
def test_a_regression_is_said_with_its_size_its_interval_and_what_it_is_compared_with(kind: str) -> None:
    run, analysis = beside(kind, weak=True)
    text = comparison_text(run, analysis)
    assert text.heading == "Worse"
    assert re.search(r"scores \d+ points lower than .*the baseline \(95% CI \d+ to \d+\)\.", text.lead)
    found = json.loads(comparison_json(run, analysis, ExitCode.OK))
    first = found["comparisons"][0]
    assert first["reading"] == "worse"
    size = f"{abs(first['estimate'][0]) * 100:.0f} points lower"
    assert size in text.lead
    assert size in terminal_text(kind, True).replace("\n", " ")
    assert size in markdown_text(kind, True)


def test_lost_cases_are_named_in_a_fence_that_their_names_cannot_close() -> None:
    run, analysis = beside("single", weak=True)
    arm_id, moved = next(iter(analysis.run_flips.items()))
    hostile = {arm_id: tuple(replace(flip, case_id=f"```` @team {i}") for i, flip in enumerate(moved))}
    text = comparison_markdown.render(run, replace(analysis, run_flips=hostile))
    n_lost = sum(flip.candidate_score < flip.baseline_score for flip in moved)
    assert f"{n_lost} cases scored lower than in the baseline" in text
    assert "\n`````\n" in text
    assert f"and {n_lost - 10} more" in text


def test_a_summary_over_the_cap_drops_details_and_says_so() -> None:
    run, analysis = beside("single", weak=True)
    assert analysis.baseline_run is not None
    long = {f"case-{i}-{'x' * 400}": f"reason {i} {'y' * 10_000}" for i in range(40)}
    crowded = replace(analysis, baseline_run=replace(analysis.baseline_run, only_in_baseline=long))
    text = comparison_markdown.render(run, crowded)
    assert len(text.encode("utf-8")) <= SUMMARY_BYTES
    assert "Details were left out" in text
    assert text.rstrip().endswith("-->")


def test_an_invalid_comparison_shows_its_reasons_and_no_figure() -> None:
    old, new = make_run(arms=2, cases=20, seed=1), make_run(arms=("high", "xhigh"), cases=20, seed=2)
    kept = trials_of(view(old))
    analysis = analyse(new, baseline=kept, n_resamples=100)
    for text in (
        comparison_terminal.render(new, analysis, PLAIN),
        comparison_terminal.verdicts(new, analysis, PLAIN),
        comparison_markdown.render(new, analysis),
        shown_text(page.render_page(new, analysis, ReportSettings())),
        json.dumps(json.loads(report_json(new, analysis))["comparison"]),
    ):
        assert "Invalid" in text
        assert "No arm is in both" in " ".join(text.split())
        assert "Reading" not in text
    assert json.loads(comparison_json(new, analysis, ExitCode.USAGE))["comparisons"] == []


def test_changes_are_lines_of_what_was_and_what_is() -> None:
    changes = (
        Change(what="prices sim input", baseline="1.0", candidate="2.0"),
        Change(what="grader “tone”", baseline=None, candidate="rubric"),
    )
    assert changed_lines(changes) == ("prices sim input: 1.0 → 2.0", "grader “tone”: not there → rubric")


def test_cases_that_cannot_be_paired_are_gathered_by_reason_and_counted() -> None:
    source = BaselineSource(
        run_id="r",
        suite_name="s",
        started_utc="2026-11-01T12:00:00.000Z",
        is_summary=False,
        n_paired=3,
        only_in_baseline={**{f"gone-{i}": "not in this run" for i in range(7)}, "edited": "its content changed"},
        only_in_candidate={"edited": "its content changed", "new": "not in the baseline; “old” has the same content"},
    )
    assert unpaired_lines(source) == (
        "1 case in both: its content changed: edited",
        "7 cases only in the baseline: not in this run: gone-0, gone-1, gone-2, gone-3, gone-4 and 2 more",
        "1 case only in this run: not in the baseline: new (“old” has the same content)",
    )


def test_both_sides_stand_with_their_intervals_beside_what_sets_them_apart() -> None:
    run, analysis = beside("single", weak=True)
    found = json.loads(comparison_json(run, analysis, ExitCode.OK))["comparisons"][0]
    answer = analysis.against_run["answer"][0]
    assert answer.baseline_level is not None and answer.candidate_level is not None
    for side, level in (("baseline", answer.baseline_level), ("candidate", answer.candidate_level)):
        assert found[side] == pytest.approx([level.point, level.lower, level.upper], rel=1e-5)
        text = re.compile(rf"{level.point * 100:.1f}".replace(".", r"(\\.") + ")?%")
        assert text.search(terminal_text("single", True))
        assert text.search(markdown_text("single", True))
    first = next(line for line in terminal_text("single", True).splitlines() if line.startswith("answer"))
    assert re.fullmatch(r"answer( +[\d.]+%){2} +−\d+ points +−\d+ to −\d+ +worse", first), first
    row = next(line for line in markdown_text("single", True).splitlines() if line.startswith("| answer"))
    assert len(re.findall(r"[\d.]+% \([\d.]+ to [\d.]+\)", row)) == 2, row


@pytest.mark.parametrize("kind", KINDS)
def test_a_comparison_fits_one_screen(kind: str) -> None:
    lines = terminal_text(kind).splitlines()
    assert len(lines) <= comparison_terminal.MAX_LINES == 25


def test_much_that_changed_is_cut_to_its_lines_and_counted() -> None:
    run, analysis = beside("single", weak=True)
    assert analysis.baseline_run is not None
    many = tuple(Change(what=f"request parameter {i}", baseline="x" * 50, candidate=None) for i in range(30))
    crowded = replace(analysis, baseline_run=replace(analysis.baseline_run, changed=many))
    lines = comparison_terminal.render(run, crowded, PLAIN).splitlines()
    assert len(lines) <= 25
    told = " ".join(lines)
    n_told = told.count("request parameter")
    assert 0 < n_told < 30
    assert f"and {30 - n_told} more" in told


@pytest.mark.parametrize(
    ("repeats", "shown"), [(1, "Changed is all that can be said"), (4, "shown by a case's own repeats")]
)
def test_cases_that_changed_against_the_baseline_are_counted_everywhere_with_what_may_be_said(repeats, shown) -> None:
    shape = {"arms": 1, "cases": 60, "repeats": repeats, "decision": None, "failures": 0.0}
    old, new = make_run(**shape, seed=1), make_run(**shape, seed=2, truth=WEAK)
    analysis = analyse(new, baseline=trials_of(view(old)), n_resamples=100)
    (moved,) = analysis.run_flips.values()
    lost = sum(flip.candidate_score < flip.baseline_score for flip in moved)
    sentence = f"{lost} cases scored lower than in the baseline and {len(moved) - lost} higher"
    assert lost > 10
    outputs = {
        "compare": comparison_terminal.render(new, analysis, PLAIN),
        "compare, markdown": comparison_markdown.render(new, analysis),
        "markdown": markdown.render(new, analysis),
        "terminal": terminal.render(new, analysis),
    }
    for name, text in outputs.items():
        words = " ".join(text.replace("\\", "").split())
        assert sentence in words, name
        assert name in ("terminal", "compare") or shown in words, name  # a screen has no room for it
    written = page.render_page(new, analysis, ReportSettings())
    assert "Against the baseline run" in written
    assert f"{lost} cases lost, {len(moved) - lost} won" in written
    counted = json.loads(report_json(new, analysis))["changed_cases"]
    assert (counted["lost"], counted["won"]) == (lost, len(moved) - lost)
    assert (counted["regressed"] > 0) is (repeats == 4)


def test_the_same_arm_twice_is_said_to_regress_in_at_most_one_case_of_ten_that_are_named() -> None:
    """200 comparisons of two runs of one truth: a case is named by its own repeats in at most a tenth of them."""
    shape = {"arms": 1, "cases": 12, "repeats": 4, "decision": None, "failures": 0.0, "difficulty_spread": 0.0}
    named = 0
    for seed in range(200):
        old, new = make_run(**shape, seed=2 * seed), make_run(**shape, seed=2 * seed + 1)
        (moved,) = flips_against(PairedBaseline(view(new, n_resamples=1), trials_of(view(old, n_resamples=1)))).values()
        named += any(flip.reading is not CaseReading.CHANGED for flip in moved)
    assert named <= 200 * 0.10 + 2.6 * (200 * 0.10 * 0.90) ** 0.5


def test_a_run_without_a_baseline_run_says_nothing_of_cases_against_one() -> None:
    run = make_run(arms=2, cases=20, seed=1)
    analysis = analyse(run, n_resamples=100)
    assert flip_lines(analysis) == ()
    assert json.loads(report_json(run, analysis))["changed_cases"] is None
    assert "Against the baseline run" not in page.render_page(run, analysis, ReportSettings())
