"""The page of a candidate against its baseline: what it says, in which order, and what it says of nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import pytest

from evalharness.core.findings import Analysis, BaselineSource, Change, Comparison
from evalharness.core.model import Prices, Prompt
from evalharness.core.record import RunRecord
from evalharness.report import comparison_markdown, comparison_terminal
from evalharness.report.comparison_table import TIMES_NOTE, side_by_side
from evalharness.report.comparison_words import NOTHING_CHANGED, comparison_text
from evalharness.report.page import render_page
from evalharness.report.sections import against
from evalharness.report.settings import ReportSettings
from evalharness.report.terminal_table import Writer
from evalharness.report.view import make_view
from evalharness.verdict.baseline_trials import trials_of
from evalharness.verdict.compare import analyse
from evalharness.verdict.view import view
from tests.support.printed import offences
from tests.support.reports import KINDS, shown_text
from tests.support.runs import PRICES, ArmTruth, make_run

WEAK = {"medium": ArmTruth(accuracy=0.3, reasoning_tokens=600, ttfo_ms=2_000)}
SHAPE = {"arms": ("medium",), "cases": 60, "repeats": 2, "decision": None, "failures": 0.0}
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e{{ 7*7 }}</pre><img src=x onerror=alert(1)>"
PLAIN = Writer(width=100, color=False, unicode=True, strips=False)


def compared(old: RunRecord, new: RunRecord) -> Analysis:
    return analyse(new, baseline=trials_of(view(old)), n_resamples=100)


@cache
def regression() -> tuple[RunRecord, Analysis]:
    old, new = make_run(**SHAPE, seed=1), make_run(**SHAPE, seed=2, truth=WEAK)
    return new, compared(old, new)


def page(run: RunRecord, analysis: Analysis) -> str:
    return render_page(run, analysis, ReportSettings())


def told(run: RunRecord, analysis: Analysis) -> str:
    return " ".join(shown_text(page(run, analysis)).split())


def order(html: str) -> list[str]:
    return re.findall(r'<section id="(\w+)"', html)


def with_prompt(run: RunRecord, text: str) -> RunRecord:
    """As if the suite's prompt had been this one: the name and the hash of it are the plan's."""
    suite = replace(run.plan.suite, prompts=(Prompt(name="plain", template=text),))
    hashed = {**run.plan.hashed, "prompts.plain": f"hash of {len(text)} characters"}
    return replace(run, plan=replace(run.plan, suite=suite, hashed=hashed))


# ---------------------------------------------------------------- contents


def test_the_verdict_comes_first_then_what_changed_then_the_differences_then_the_cases() -> None:
    run, analysis = regression()
    html = page(run, analysis)
    assert order(html)[:4] == ["gates", "changed", "against", "flips"]
    assert f"<h1>Candidate against baseline: {run.manifest.suite_name}" in html
    text, words = comparison_text(run, analysis), told(run, analysis)
    assert text.heading == "Worse"
    for said in (text.subject, text.heading, text.lead, NOTHING_CHANGED):
        assert said in words
    assert "nothing to compare" not in words


def test_the_page_says_what_compare_prints() -> None:
    """Each row's two figures, their difference and its interval: as in the table of the terminal and of Markdown."""
    run, analysis = regression()
    words, markdown = told(run, analysis), comparison_markdown.render(run, analysis).replace("\\", "")
    rows = [each for of in analysis.against_run.values() for each in of]
    assert {each.metric for each in rows} >= {"answer", "cost_usd", "total_ms", "output_tokens"}
    for each in rows:
        row = side_by_side(each, run, analysis)
        for cell in (row.baseline, row.candidate, row.difference, row.interval, row.reading):
            assert cell.main in words, each.metric
            assert cell.main in markdown, each.metric


@pytest.mark.parametrize("kind", KINDS)
def test_of_no_kind_of_run_is_anything_printed_that_statistics_forbid(kind: str) -> None:
    options = {name: value for name, value in KINDS[kind].items() if value is not None}
    old, new = make_run(**options, seed=11), make_run(**options, seed=12)
    analysis = compared(old, new)
    html = page(new, analysis)
    sections = re.findall(r'<section id="(?:gates|changed|against)".*?</section>', html, re.S)
    assert offences(shown_text("".join(sections))) == []
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert "against" not in order(html) or analysis.against_run


def test_arms_stand_under_their_metric_each_beside_itself() -> None:
    old, new = make_run(arms=3, cases=30, seed=1), make_run(arms=3, cases=30, seed=2)
    analysis = compared(old, new)
    table = re.search(r'<section id="against".*?</section>', page(new, analysis), re.S).group()
    groups = re.findall(r'<th scope="rowgroup"[^>]*>([^<]+)<', table)
    assert groups[0] == "answer"
    assert "Cost of 1,000 calls" in groups
    rows = len(re.findall(r'<th scope="row"', table))
    assert rows == sum(len(of) for of in analysis.against_run.values())


def test_a_run_by_itself_has_no_word_of_a_baseline_run() -> None:
    run = make_run(**SHAPE, seed=1)
    html = page(run, analyse(run, n_resamples=100))
    assert "Candidate against baseline" not in html
    assert not {"changed", "against"} & set(order(html))


# ---------------------------------------------------------------- what changed


def test_a_prompt_that_changed_is_shown_word_by_word() -> None:
    old = with_prompt(make_run(**SHAPE, seed=1), "Answer in one word.")
    new = with_prompt(make_run(**SHAPE, seed=1), "Answer in one short word.")
    html = page(new, compared(old, new))
    changed = re.search(r'<section id="changed".*?</section>', html, re.S).group()
    assert "The prompt “plain”, word by word" in changed
    assert "<ins>short</ins>" in changed
    assert "Answer in one word." in changed


def test_hostile_text_in_prompts_and_changes_stays_text() -> None:
    old, new = with_prompt(make_run(**SHAPE, seed=1), "Answer."), with_prompt(make_run(**SHAPE, seed=1), HOSTILE)
    analysis = compared(old, new)
    source = analysis.baseline_run
    assert source is not None and source.changed[0].texts is not None
    hostile = replace(
        source,
        run_id=HOSTILE,
        suite_name=HOSTILE,
        changed=(*source.changed, Change(what=HOSTILE, baseline=HOSTILE, candidate=None)),
        only_in_baseline={HOSTILE: HOSTILE},
    )
    plain, html = page(new, analysis), page(new, replace(analysis, baseline_run=hostile))
    for tag in ("script", "img", "pre"):
        assert len(re.findall(rf"<{tag}\b", html)) == len(re.findall(rf"<{tag}\b", plain))
    assert not re.search("[\x00-\x08\x0e-\x1f\x7f\u202a-\u202e]", html)
    assert "\\x1b" in html
    assert "49</pre>" not in html


def test_the_cases_that_could_not_be_paired_are_told_with_their_reasons() -> None:
    old, new = make_run(**SHAPE, seed=1), make_run(**(SHAPE | {"cases": 50}), seed=1)
    words = told(new, compared(old, new))
    assert "Cases that could not be paired" in words
    assert "10 cases only in the baseline: not in this run:" in words


# ---------------------------------------------------------------- figures that mislead


def cost(analysis: Analysis) -> Comparison:
    (found,) = analysis.against_run["cost_usd"]
    return found


def test_a_cost_at_other_prices_says_so_on_its_row_in_every_format() -> None:
    dearer = Prices(input=PRICES.input, cached_input=PRICES.cached_input, output=9.0, as_of=PRICES.as_of)
    old, new = make_run(**SHAPE, seed=1), make_run(**SHAPE, seed=1, prices=dearer)
    analysis = compared(old, new)
    assert cost(analysis).estimate.point > 1.5
    assert "worse, at other prices" in told(new, analysis)
    assert "worse, at other prices" in comparison_markdown.render(new, analysis)
    assert "worse, at other prices" in comparison_terminal.render(new, analysis, PLAIN)
    assert "at other prices" not in told(*regression())


def test_medians_beside_a_paired_ratio_are_explained_once() -> None:
    run, analysis = regression()
    assert told(run, analysis).count(TIMES_NOTE) == 1
    assert comparison_markdown.render(run, analysis).count(TIMES_NOTE) == 1


# ---------------------------------------------------------------- invalid


def test_an_invalid_comparison_is_a_page_of_its_reasons_without_a_figure() -> None:
    old, new = make_run(arms=2, cases=20, seed=1), make_run(arms=("high", "xhigh"), cases=20, seed=2)
    analysis = compared(old, new)
    html, words = page(new, analysis), told(new, analysis)
    assert order(html) == ["gates", "changed"]
    assert "Invalid" in words
    assert "No arm is in both" in words
    assert "make one with the present suite" in words
    assert not re.search(r"\d%|\d×|\bpoints\b|\d ms\b", words)
    assert "<svg" not in html


def test_nothing_in_common_but_the_arms_is_said_before_the_scores() -> None:
    run, analysis = regression()
    assert analysis.baseline_run is not None
    alone: BaselineSource = replace(analysis.baseline_run, n_paired=0)
    words = told(run, replace(analysis, baseline_run=alone))
    assert words.index("No case is in both") < words.index("What changed?")


def test_how_well_this_run_was_seen_stands_beside_its_times_in_every_format() -> None:
    """The baseline's error is not known here: its side has no mark, and the note says where it stands."""
    run, analysis = regression()

    def seen(factor: float) -> Analysis:
        arms = []
        for arm in analysis.arms:
            times = {
                name: replace(each, error_p99_ms=factor * each.quantiles["0.5"].point, errors_ms={})
                for name, each in arm.times.items()
                if each.quantiles.get("0.5")
            }
            arms.append(replace(arm, times={**arm.times, **times}))
        return replace(analysis, arms=tuple(arms))

    [total] = analysis.against_run["total_ms"]
    for factor, mark, main in ((0.001, "", None), (0.2, "coarse", None), (1.5, "", "not shown")):
        told_of = side_by_side(total, run, seen(factor))
        assert told_of.candidate.mark == mark
        assert told_of.baseline.mark == ""
        assert main is None or told_of.candidate.main == told_of.reading.main == main
        word = mark or main or ""
        for text in (told(run, seen(factor)), comparison_markdown.render(run, seen(factor))):
            against = text.partition(TIMES_NOTE)[2]
            assert ("Coarse: this client" in against) is (mark == "coarse")
            assert ("Not shown: this client" in against) is (main == "not shown")
            assert word in text
        assert word in comparison_terminal.render(run, seen(factor), PLAIN)


def test_a_time_of_either_side_is_called_what_it_is() -> None:
    """Medians over calls are of this run alone: a baseline file holds none, so these are of cases, and say so."""
    run, analysis = regression()
    for text in (told(run, analysis), comparison_markdown.render(run, analysis)):
        assert "Total time, median case" in text
        assert "a median over all calls, as a run's own tables have it, may differ" in text


def test_the_kinds_of_case_are_compared_with_the_baseline_run() -> None:
    run, analysis = regression()
    text = told(run, analysis)
    assert "How do kinds of case differ?" in text
    assert "benefit" not in text, "of one arm none is compared with another"
    assert "Right by tag: points by which this run differs from the baseline" in text
    alone = make_run(arms=2, cases=20, repeats=1, seed=1)
    assert "differs from the baseline" not in told(alone, analyse(alone, n_resamples=100))


def test_arrows_lead_from_the_baseline_to_this_run_in_quality_cost_and_time() -> None:
    run, analysis = regression()
    model = against.build(make_view(run, analysis, ReportSettings()))
    assert [title for title, _ in model.moves] == [
        "Quality against cost of 1,000 calls",
        "Quality against total time, median case",
    ]
    shares = {each.candidate: each for each in analysis.against_run[analysis.primary]}
    for arm in analysis.arms:
        before, after = (
            getattr(shares[arm.arm_id], side).point * 100 for side in ("baseline_level", "candidate_level")
        )
        for _, chart in model.moves:
            assert f"baseline: {before:.1f}% at " in chart
            assert f"this run: {after:.1f}% at " in chart


def test_without_times_on_both_sides_no_arrow_is_drawn_for_them() -> None:
    run, analysis = regression()
    costs = {name: found for name, found in analysis.against_run.items() if name != "total_ms"}
    model = against.build(make_view(run, replace(analysis, against_run=costs), ReportSettings()))
    assert [title for title, _ in model.moves] == ["Quality against cost of 1,000 calls"]


def test_the_appendix_says_which_part_of_the_times_differs_between_the_runs() -> None:
    run, analysis = regression()
    assert "Total time against the baseline run, quantile by quantile" in told(run, analysis)
    assert "cases in both runs" in told(run, analysis)
