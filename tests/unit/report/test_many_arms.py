"""Sweeps of many arms: what is shown of them, under which names, and that the page stays one that can be read."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from evalharness.core.findings import FrontFindings, FrontPlace
from evalharness.report.charts.bars import Bar, Part, bars
from evalharness.report.charts.course import drift
from evalharness.report.charts.marks import Mark
from evalharness.report.curves import curves
from evalharness.report.keys import arm_key
from evalharness.report.ladders import ladder
from evalharness.report.lanes import arm_lanes
from evalharness.report.sections import quality, tags, tokens, tradeoff, waiting
from evalharness.report.sections.result import excerpt
from evalharness.report.settings import ReportSettings
from evalharness.report.view import View, make_view
from evalharness.verdict.compare import analyse
from tests.support.reports import analysed, rendered, shown_text
from tests.support.runs import make_run


def view_of(kind: str, **changes: object) -> View:
    run, analysis = analysed(kind)
    return make_view(run, replace(analysis, **changes), ReportSettings())


@pytest.fixture(scope="module")
def two_models() -> View:
    """3 efforts x 2 models x 2 prompts: the models as axis values of the arms, which share an endpoint."""
    run = make_run(arms=3, cases=20, repeats=1, prompts=("plain", "careful"))
    arms, doubled = run.plan.arms, []
    for model in ("mini", "large"):
        for arm in arms[: len(arms)]:
            key = {**arm.key, "model": model}
            doubled.append(replace(arm, key=key, model=model, arm_id=f"{arm.arm_id}-{model}"))
    trials = tuple(
        replace(trial, arm_id=f"{trial.arm_id}-{model}", trial_id=f"{trial.trial_id}-{model}")
        for model in ("mini", "large")
        for trial in run.plan.trials
    )
    results = {f"{trial_id}-{model}": result for model in ("mini", "large") for trial_id, result in run.results.items()}
    run = replace(run, plan=replace(run.plan, arms=tuple(doubled), trials=trials), results=results)
    return make_view(run, analyse(run, n_resamples=100), ReportSettings())


def test_a_step_at_which_the_score_fell_has_its_reading_even_where_no_table_shows_it():
    run, analysis = analysed("sweep")
    assert analysis.trend is not None
    pairs = tuple((step.lower_arm, step.upper_arm) for step in analysis.steps[-2:])
    trend = replace(analysis.trend, fell=pairs)
    view = make_view(run, replace(analysis, trend=trend), ReportSettings())
    view = replace(view, shown=view.shown[:2])  # of a large sweep most arms are not drawn
    (note,) = [note for note in quality.build(view).notes if "The score fell from" in note]
    labels = {arm.arm_id: arm.label for arm in analysis.arms}
    for step in analysis.steps[-2:]:
        fell = f"“{labels[step.lower_arm]}” to “{labels[step.upper_arm]}” ({step.quality.reading.value}"
        assert fell in note or fell.replace("“", "").replace("”", "") in note
    assert "in the table of steps" not in note


# ---------------------------------------------------------------- which arms


def test_every_arm_that_the_verdict_names_is_shown_with_the_baseline_and_what_no_other_beats():
    analysis = analysed("many arms")[1]
    worst = sorted(analysis.arms, key=lambda arm: arm.quality["answer"].point)[:3]
    places = {
        arm.arm_id: FrontPlace(on_front=arm is worst[2], front_share=0.5, dominated_by=()) for arm in analysis.arms
    }
    front = FrontFindings(axes=("quality", "cost"), time_quantile=None, places=places)
    view = view_of("many arms", front=front, decision=replace(analysis.decision, arm_id=worst[0].arm_id))
    shown = {arm.arm_id for arm in view.shown}
    assert {worst[0].arm_id, worst[2].arm_id, analysis.baseline} <= shown
    assert len(shown) <= 13
    said = " ".join([view.verdict.heading, view.verdict.lead, *view.verdict.bullets])
    assert {arm.arm_id for arm in view.arms if arm.spoken in said} <= shown


def test_an_excerpt_keeps_the_arms_that_are_needed_most_in_the_order_of_the_page():
    view = view_of("many arms")
    table, left_out = excerpt(view, 8)
    assert left_out == "Showing 8 of 21 arms"
    heads = [row.head for row in table.rows]
    assert heads == [arm.label for arm in view.shown if arm.label in heads]
    assert view.baseline.label in heads
    assert {arm.label for arm in view.by_weight[:7]} <= set(heads)


def test_what_is_shown_and_why_stands_over_the_table():
    text = shown_text(rendered("many arms"))
    assert re.search(r"Showing 1[23] of 21 arms: .* and the baseline Arm", text)


# ---------------------------------------------------------------- their names


def test_under_a_heading_an_arm_is_named_by_what_the_heading_does_not_say(two_models):
    table = quality.build(two_models).tables[0]
    assert {row.group for row in table.rows} == {"mini", "large"}
    assert all("mini" in row.head or "large" in row.head for row in table.rows)
    assert not any("mini" in row.within or "large" in row.within for row in table.rows)
    steps = quality.build(two_models).tables[1]
    assert [row.group for row in steps.rows[::2]] == ["mini, plain", "mini, careful", "large, plain", "large, careful"]
    assert [row.within for row in steps.rows[:2]] == ["none to low", "low to medium"]


def test_arms_that_differ_in_their_model_alone_have_no_heading_each():
    view = view_of("latency, arms")
    assert [(arm.label, arm.group) for arm in view.arms] == [("swift", ""), ("slow", "")]


def test_the_key_has_every_effort_and_every_variant_once(two_models):
    assert [entry.label for entry in arm_key(two_models.shown)] == ["none", "low", "medium", "plain", "careful"]
    assert [entry.label for entry in arm_key(view_of("sweep").shown)] == ["none", "low", "medium", "high", "xhigh"]


# ---------------------------------------------------------------- what is drawn


def test_curves_share_a_panel_for_each_model_with_the_baseline_in_grey_elsewhere(two_models):
    group = curves(arm_lanes(two_models), "total_ms")
    assert [name for name, _ in group.pictures] == ["mini", "large"]
    grey = [
        re.findall(r'class="s-muted" fill="none" stroke="#56606c" stroke-width="1"', str(p)) for _, p in group.pictures
    ]
    assert [len(found) for found in grey] == [0, 1]
    assert group.has_grey


def test_above_six_arms_a_ladder_has_median_and_p95_and_the_rest_is_folded(two_models):
    large, small = (
        ladder(two_models, arm_lanes(two_models), "total_ms"),
        ladder(view_of("sweep"), arm_lanes(view_of("sweep")), "total_ms"),
    )
    assert large.table.columns == ("p50", "p95", "Times baseline")
    assert large.rest.columns == ("p50", "p90", "p95", "p99")
    assert [row.head for row in large.rest.rows] == [row.head for row in large.table.rows]
    assert small.table.columns[:4] == ("p50", "p90", "p95", "p99")
    assert small.rest is None


def test_above_six_arms_tags_stand_over_their_columns(two_models):
    by_tag, by_arm = tags.build(view_of("sweep")).tables[0], tags.build(two_models).tables[0]
    assert by_tag.head == "Tag"
    assert by_tag.columns[:2] == ("Cases", "none"), "arms in their order, the baseline where it belongs"
    assert by_arm.head == "Arm"
    assert len(by_arm.rows) == 12
    assert all(re.search(r"\(\d+ cases?\)$", column) for column in by_arm.columns)


def test_labels_of_many_arms_are_those_that_the_key_cannot_replace(two_models):
    pictures = [str(picture) for _, panels in tradeoff.build(two_models).groups for _, picture in panels]
    assert all(len(re.findall('font-weight="600"', picture)) < 6 for picture in pictures)


def test_bars_of_several_models_stand_under_the_models_name():
    part = Part(name="input", role="input", size=2.0)
    rows = [
        Bar(label=f"arm {n}", parts=[part], total=2.0, total_text="2", group=group) for n, group in enumerate("aab")
    ]
    drawn = str(bars(rows, title="T", unit="u", write=str, uid="u"))
    assert re.findall(r'font-weight="600">([^<]+)<', drawn) == ["a", "arm 0", "arm 1", "b", "arm 2"]
    assert "a, arm 1: 2" in drawn


def test_blocks_with_calls_that_were_tried_again_are_marked_and_told():
    calm = str(drift([1.0, 2.0, 3.0, 4.0], Mark(2), label="low", top_text="median 2 s", retried=(0, 0, 0, 0)))
    shaky = str(drift([1.0, 2.0, 3.0, 4.0], Mark(2), label="low", top_text="median 2 s", retried=(0, 3, 1, 0)))
    assert shaky.count("s-worse") == calm.count("s-worse") + 2 == 2
    assert "Tried again or turned away: 4 calls" in shaky
    assert "tried again" not in calm


def test_what_is_zero_everywhere_has_no_colour_in_the_key_and_no_column():
    run, analysis = analysed("sweep")
    arms = [
        replace(arm, tokens={**arm.tokens, "cached": replace(arm.tokens["cached"], point=0.0, lower=0.0, upper=0.0)})
        for arm in analysis.arms
    ]
    with_cache, without = (
        tokens.build(make_view(run, each, ReportSettings())) for each in (analysis, replace(analysis, arms=tuple(arms)))
    )
    assert "input, cached" in [entry.label for entry in with_cache.key]
    assert "input, cached" not in [entry.label for entry in without.key]
    assert "Input, cached" in with_cache.tables[0].columns
    assert "Input, cached" not in without.tables[0].columns


# ---------------------------------------------------------------- said once


@pytest.mark.parametrize("kind", ["sweep", "many arms", "levels, seen badly"])
def test_what_the_words_in_cells_mean_is_said_once_under_the_question_of_waiting(kind):
    model = waiting.build(make_view(*analysed(kind), ReportSettings()))
    notes = [table.note for table in (*model.ladders, *model.rest, *model.stream)]
    assert not any("no upper limit" in note or "Coarse" in note for note in notes)
    section = re.search(r'<section id="waiting".*?</section>', rendered(kind), re.S).group()
    assert shown_text(section).count("Coarse: this client") <= 1
    assert shown_text(section).count("≥: no upper limit") == 1
