"""How well this client saw a time: one rule, so that no two parts of a report say different things of one figure."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from evalharness.core.findings import Analysis
from evalharness.report import markdown, terminal
from evalharness.report.cells import quantile_cell, sight_notes
from evalharness.report.page import render_page
from evalharness.report.sections import result, tradeoff, waiting
from evalharness.report.settings import ReportSettings
from evalharness.report.sight import COARSE, NARROW_NOTE, NOT_SHOWN
from evalharness.report.view import View, make_view
from tests.support.reports import analysed, plain_markdown, shown_text

ALL = ("ttfo_ms", "total_ms", "gap_ms", "latency_ms")


def with_errors(kind: str, factor: float, metrics: tuple[str, ...] = ALL) -> tuple[View, Analysis]:
    """A run whose client may be off by ``factor`` times the median of every arm and level."""
    run, analysis = analysed(kind)

    def changed(times):
        return {
            name: replace(each, error_p99_ms=factor * each.quantiles["0.5"].point, errors_ms={})
            if name in metrics and each.quantiles.get("0.5")
            else each
            for name, each in times.items()
        }

    arms = tuple(replace(arm, times=changed(arm.times)) for arm in analysis.arms)
    stretches = tuple(replace(each, times=changed(each.times)) for each in analysis.stretches)
    seen = replace(analysis, arms=arms, stretches=stretches)
    return make_view(run, seen, ReportSettings()), seen


@pytest.mark.parametrize("kind", ["sweep", "levels", "latency", "single"])
def test_times_that_the_client_drowns_are_shown_nowhere(kind: str) -> None:
    run, _ = analysed(kind)
    view, analysis = with_errors(kind, 1.5)
    table = result.build(view).table
    of_times = [place for place, title in enumerate(table.columns) if title.startswith(("First output", "Total time"))]
    assert {row.cells[place].main for row in table.rows for place in of_times} == {NOT_SHOWN}
    model = waiting.build(view)
    assert model.ladders == model.rest == model.curves == model.drift == ()
    assert model.divided is None
    assert len(model.unseen) >= 2
    said = " ".join([view.verdict.lead, *view.verdict.bullets])
    assert not re.search(r"(came|ended) within", said)
    page = shown_text(render_page(run, analysis, ReportSettings()))
    text = plain_markdown(markdown.render(run, analysis))
    assert NOT_SHOWN in page
    assert NOT_SHOWN in text
    assert NOT_SHOWN in terminal.render(run, analysis, width=100)


def test_a_ratio_of_drowned_times_is_not_said_and_one_of_money_is() -> None:
    view, _ = with_errors("sweep", 1.5)
    seen, _ = with_errors("sweep", 0.5)
    other = next(arm for arm in view.arms if not arm.is_baseline)
    assert seen.ratio("total_ms", other.arm_id) is not None
    assert view.ratio("total_ms", other.arm_id) is None
    assert view.ratio("cost_usd", other.arm_id) is not None
    assert "as long" not in view.verdict.lead


def test_the_chart_of_quality_against_time_has_no_drowned_time() -> None:
    captions = [
        [caption for _, panels in tradeoff.build(with_errors("sweep", factor)[0]).groups for caption, _ in panels]
        for factor in (1.5, 0.5)
    ]
    assert not any("time" in caption for caption in captions[0])
    assert any("time" in caption for caption in captions[1])


def test_a_figure_is_coarse_where_the_error_is_more_than_one_per_cent_of_that_figure() -> None:
    """p95 is more than twice the median in these runs: an error of 1.5% of the median is less than 1% of it."""
    view, _ = with_errors("sweep", 0.015)
    table = result.arm_table(view, view.arms, "")
    ladders = waiting.build(view).ladders
    places = {title: place for place, title in enumerate(table.columns)}
    for row, arm in zip(table.rows, view.arms, strict=True):
        total = arm.found.times["total_ms"]
        assert row.cells[places["Total time, median"]].mark == COARSE
        is_far = total.quantiles["0.95"].point > 1.5 * total.quantiles["0.5"].point
        assert row.cells[places["Total time, p95"]].mark == ("" if is_far else COARSE)
        ladder = next(each for each in ladders if each.caption == "Total time")
        same = next(each for each in ladder.rows if each.head == arm.label)
        for q, column in (("0.5", "Total time, median"), ("0.95", "Total time, p95")):
            place = ladder.columns.index(f"p{100 * float(q):g}")
            assert same.cells[place].mark == row.cells[places[column]].mark
            assert same.cells[place].main == row.cells[places[column]].main


def test_a_level_is_as_well_seen_as_its_own_calls() -> None:
    run, analysis = analysed("levels")
    first = analysis.stretches[0].step
    stretches = tuple(
        replace(
            each,
            times={
                name: replace(
                    times, error_p99_ms=2 * times.quantiles["0.5"].point if each.step == first else 0.001, errors_ms={}
                )
                for name, times in each.times.items()
            },
        )
        for each in analysis.stretches
    )
    table = result.build(make_view(run, replace(analysis, stretches=stretches), ReportSettings())).table
    place = table.columns.index("First output, median")
    assert [row.cells[place].main == NOT_SHOWN for row in table.rows] == [
        True,
        *([False] * (len(table.rows) - 1)),
    ]


def test_an_interval_narrower_than_the_client_can_tell_is_explained_where_it_stands() -> None:
    view, _ = with_errors("sweep", 0.6)
    model = result.build(view)
    narrow = [cell.below for row in model.table.rows for cell in row.cells if cell.below.startswith("less than")]
    assert bool(narrow) is (NARROW_NOTE in model.about_times)
    times = view.arms[0].found.times["total_ms"]
    point = times.quantiles["0.5"].point
    same = replace(times.quantiles["0.5"], lower=point * 0.9999, upper=point * 1.0001)
    cell = quantile_cell(
        replace(times, quantiles={**times.quantiles, "0.5": same}, error_p99_ms=point / 2, errors_ms={}), "0.5"
    )
    assert cell.below.startswith("less than ")
    row = replace(model.table.rows[0], cells=(cell,))
    assert NARROW_NOTE in sight_notes([replace(model.table, columns=("Total",), rows=(row,))])


def test_a_token_rate_is_as_well_seen_as_its_time_and_has_its_interval() -> None:
    def rates(factor: float):
        tables = waiting.build(with_errors("sweep", factor)[0]).stream
        return next(each for each in tables if each.caption.startswith("Tokens per second"))

    assert {cell.main for row in rates(1.5).rows for cell in row.cells} == {NOT_SHOWN}
    assert {cell.mark for row in rates(0.5).rows for cell in row.cells} == {COARSE}
    clear = rates(0.001)
    assert {cell.mark for row in clear.rows for cell in row.cells} == {""}
    assert all(cell.below for row in clear.rows for cell in row.cells)
    assert "95% confidence interval" in clear.note
