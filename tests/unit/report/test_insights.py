"""How the page says what lies beyond one comparison: never more than was found."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from evalharness.core.findings import (
    Analysis,
    CaseFlip,
    CaseReading,
    Estimate,
    FrontFindings,
    FrontPlace,
    NoPrice,
    OrderedFindings,
    Price,
    Route,
    TagEffect,
    TagRoute,
    TagTable,
)
from evalharness.core.record import RunRecord
from evalharness.report import insight_words, markdown, palette, terminal
from evalharness.report.insight_tables import efficient_table, solved_table, steps_table
from evalharness.report.sections import flips, tags, tradeoff
from evalharness.report.settings import ReportSettings
from evalharness.report.view import View, make_view
from evalharness.verdict.compare import analyse
from tests.support.reports import analysed, plain_markdown
from tests.support.runs import make_run
from tests.unit.report.test_palette import contrast

SETTINGS = ReportSettings()


def between(lower: float | None, point: float, upper: float | None, unit: str = "share") -> Estimate:
    return Estimate(point=point, lower=lower, upper=upper, method="test", n=40, unit=unit)


def seen(analysis: Analysis, run: RunRecord | None = None) -> View:
    return make_view(run or analysed("sweep")[0], analysis, SETTINGS)


@pytest.fixture
def sweep() -> Analysis:
    return analysed("sweep")[1]


# ---------------------------------------------------------------- steps


def priced(sweep: Analysis, *prices: Price) -> Analysis:
    steps = [
        replace(step, usd_per_score=price, ms_per_score=price) for step, price in zip(sweep.steps, prices, strict=True)
    ]
    return replace(sweep, steps=tuple(steps))


def test_a_price_is_for_one_point_of_a_thousand_calls_and_the_reason_stands_where_there_is_none(sweep):
    known = Price(estimate=between(0.01, 0.02, 0.05, "usd"))
    changed = priced(
        sweep,
        known,
        Price(estimate=None, why_not=NoPrice.CANNOT_TELL),
        Price(estimate=None, why_not=NoPrice.LOSES),
        Price(estimate=None, why_not=NoPrice.SAVES),
    )
    table = steps_table(seen(changed))
    column = table.columns.index("Cost per point")
    assert [row.cells[column].main for row in table.rows] == ["$0.200", "cannot tell", "scores lower", "takes no more"]
    assert table.rows[0].cells[column].below == "0.100 to 0.500"
    line = insight_words.steps_line(changed)
    assert "none to low $0.200 (0.100 to 0.500); low to medium cannot tell" in line
    assert line in " ".join(plain_markdown(markdown.render(analysed("sweep")[0], changed)).split())


def test_a_price_without_an_upper_limit_says_what_that_means(sweep):
    still_open = Price(estimate=between(0.01, 0.02, None, "usd"))
    table = steps_table(seen(priced(sweep, *[still_open] * 4)))
    assert table.rows[0].cells[2].below == "≥ 0.100"
    assert "≥ per point: the gain may be next to nothing" in table.note


def test_a_step_between_prompts_bears_their_names_and_no_effort():
    run = make_run(arms=("medium",), prompts=("plain", "careful"), cases=30, repeats=1, decision=None)
    (row,) = steps_table(make_view(run, analyse(run, n_resamples=100), SETTINGS)).rows
    assert (row.head, row.group, row.within) == ("plain to careful", "", "")


def test_steps_without_prices_or_times_have_no_table_and_no_line(sweep):
    bare = replace(sweep, steps=tuple(replace(step, usd_per_score=None, ms_per_score=None) for step in sweep.steps))
    assert steps_table(seen(bare)) is None
    assert insight_words.steps_line(bare) == ""


def test_the_terminal_keeps_to_its_lines_with_what_steps_cost(sweep):
    known = Price(estimate=between(0.01, 0.02, 0.05, "usd"))
    text = terminal.render(analysed("sweep")[0], priced(sweep, *[known] * 4), width=100)
    assert len(text.splitlines()) <= 25


@pytest.mark.parametrize(
    ("rises", "sentence"),
    [
        (True, "From effort none to xhigh, total time goes up."),
        (False, "From effort none to xhigh, total time goes down."),
        (None, "Whether total time moves with the effort, this run cannot tell."),
    ],
)
def test_what_moves_with_the_effort_is_said_and_what_is_not_shown_to_is_too(sweep, rises, sentence):
    found = OrderedFindings(
        metric="total_ms",
        arms=tuple(arm.arm_id for arm in sweep.arms),
        correlation=between(-0.2, 0.1, 0.4, "rank correlation"),
        p_value=0.3,
        p_method="Page's L, normal",
        p_adjusted=None,
        rises=rises,
    )
    assert insight_words.ordered_sentences(replace(sweep, ordered=(found,))) == [sentence]


# ---------------------------------------------------------------- efficient arms


def test_an_arm_that_is_dominated_is_hollow_and_named_so_in_table_and_picture(sweep):
    first, second, *_ = (arm.arm_id for arm in sweep.arms)
    shares = dict.fromkeys((arm.arm_id for arm in sweep.arms), 0.99) | {second: 0.01}
    places = {
        arm_id: FrontPlace(
            on_front=share > 0.5, front_share=share, dominated_by=((first, 0.9),) if arm_id == second else ()
        )
        for arm_id, share in shares.items()
    }
    view = seen(replace(sweep, front=FrontFindings(axes=("quality", "cost"), time_quantile=None, places=places)))
    rows = {row.head: [cell.main for cell in row.cells] for row in efficient_table(view).rows}
    assert rows["low"] == ["no", "effort none in 90% of the draws"]
    assert rows["none"] == ["yes", "–"]
    picture = str(tradeoff.build(view).groups[0][1][0][1])
    assert "low (dominated)" in picture
    assert "none (dominated)" not in picture


@pytest.mark.parametrize(("share", "said"), [(0.96, "yes"), (0.6, "cannot tell"), (0.04, "no")])
def test_whether_an_arm_is_efficient_is_open_between_the_two_limits(share, said):
    assert insight_words.front_text(FrontPlace(on_front=True, front_share=share, dominated_by=())) == said


def test_shares_of_draws_are_never_all_or_none():
    assert (insight_words.draws_share(0.9995), insight_words.draws_share(0.0005)) == ("over 99%", "under 1%")


# ---------------------------------------------------------------- routing


def routed(sweep: Analysis, gain: Estimate, *, is_shown: bool, **changes: object) -> list[str]:
    route = Route(score=gain, gain=gain, is_shown=is_shown, extra_cost_usd=None, choices={})
    return insight_words.router_sentences(
        replace(sweep, router=replace(sweep.router, held_out=route, tags=(), **changes))
    )


def test_a_gain_of_routing_that_is_not_shown_is_not_said_as_one(sweep):
    first, *_ = routed(sweep, between(-0.01, 0.02, 0.05), is_shown=False)
    assert "is not shown to score higher" in first
    assert "between 1.0 points lower and 5.0 higher" in first


def test_a_gain_of_routing_that_is_shown_is_said_with_what_it_costs(sweep):
    route = Route(
        score=between(0.8, 0.82, 0.85),
        gain=between(0.02, 0.04, 0.06),
        is_shown=True,
        extra_cost_usd=between(-0.003, -0.002, -0.001, "usd"),
        choices={},
    )
    first, *_ = insight_words.router_sentences(replace(sweep, router=replace(sweep.router, held_out=route)))
    assert "would score 4.0 points higher than" in first
    assert "and cost $2.00 less per 1,000 calls (95% CI 1.00 to 3.00)" in first


def test_the_naive_gain_is_never_said_without_the_warning_and_not_where_there_is_none(sweep):
    last = routed(sweep, between(-0.01, 0.0, 0.01), is_shown=False, naive_gain=0.21)[-1]
    assert "21.0 points" in last
    assert "That is no forecast" in last
    assert not any("winner" in text for text in routed(sweep, between(-0.1, 0, 0.1), is_shown=False, naive_gain=0.0))


def test_only_tags_shown_to_gain_are_named(sweep):
    gains = TagRoute(tag="hard", n_cases=30, arm_id=sweep.arms[1].arm_id, gain=between(0.1, 0.2, 0.3), is_shown=True)
    lucky = replace(gains, tag="easy", is_shown=False)
    told = " ".join(insight_words.router_sentences(replace(sweep, router=replace(sweep.router, tags=(gains, lucky)))))
    assert "“hard” gains 20 points with low (95% CI 10 to 30)" in told
    assert "easy" not in told
    none = " ".join(insight_words.router_sentences(replace(sweep, router=replace(sweep.router, tags=(lucky,)))))
    assert "No tag is shown to gain from an arm of its own (1 tag tried)." in none


def test_solved_shares_stand_with_their_intervals_and_what_was_left_out(sweep):
    table = solved_table(seen(replace(sweep, router=replace(sweep.router, n_left_out=1))))
    assert all(" to " in cell.below for cell in table.rows[0].cells)
    assert "Left out: 1 case without a score in some arm." in table.note


# ---------------------------------------------------------------- tags and cases


def tagged(sweep: Analysis, *, is_shown: bool, point: float) -> tags.Tags:
    effect = TagEffect(
        tag="hard",
        raw=between(point - 0.02, point, point + 0.02),
        shrunk=between(point / 2 - 0.02, point / 2, point / 2 + 0.02),
        p_adjusted=0.01,
        is_shown=is_shown,
    )
    found = {arm.arm_id: TagTable(effects=(effect,), p_tags_differ=0.01) for arm in sweep.arms[1:]}
    return tags.build(seen(replace(sweep, tag_effects=found)))


@pytest.mark.parametrize(
    ("point", "heat"), [(0.03, "better1"), (0.07, "better2"), (0.12, "better3"), (-0.03, "worse1"), (-0.2, "worse3")]
)
def test_a_tag_is_coloured_by_its_size_only_where_it_is_shown(sweep, point, heat):
    def cell(found: tags.Tags) -> object:
        return next(row for row in found.tables[0].rows if row.head == "hard").cells[2]

    assert cell(tagged(sweep, is_shown=True, point=point)).heat == heat
    assert cell(tagged(sweep, is_shown=False, point=point)).heat == ""


def test_raw_and_shrunk_difference_stand_in_one_cell(sweep):
    cell = next(row for row in tagged(sweep, is_shown=True, point=0.12).tables[0].rows if row.head == "hard").cells[2]
    assert (cell.main, cell.aside, cell.below) == ("+12.0", "(+6.0)", "+10.0 to +14.0")


def test_one_arm_has_its_scores_by_tag():
    found = tags.build(make_view(*analysed("single"), SETTINGS))
    assert found.title == tags.TITLE
    assert not any(cell.heat for row in found.tables[0].rows for cell in row.cells)


def test_text_on_every_ground_of_the_heat_map_is_readable():
    text = palette.COLOURS["text"]
    assert min(contrast(text.light, ground.light) for ground in palette.HEAT.values()) >= 7
    assert min(contrast(text.dark, ground.dark) for ground in palette.HEAT.values()) >= 7


def test_a_single_case_is_called_regressed_only_where_its_repeats_show_it(sweep):
    arm = sweep.arms[1].arm_id
    changes = (
        CaseFlip(
            case_id="case-0001", baseline_score=1, candidate_score=0, reading=CaseReading.REGRESSED, p_adjusted=0.01
        ),
        CaseFlip(case_id="case-0002", baseline_score=1, candidate_score=0.5),
        CaseFlip(
            case_id="case-0003", baseline_score=0, candidate_score=1, reading=CaseReading.IMPROVED, p_adjusted=0.02
        ),
    )
    found = flips.build(seen(replace(sweep, flips={arm: changes})))
    (group,) = found.groups
    (listed,) = group.lists
    assert [(case.reading, case.tone) for case in listed.cases] == [
        ("regressed", "worse"),
        ("", ""),
        ("improved", "better"),
    ]
    assert re.search("2 cases lost, 1 won; 1 regressed and 1 improved by their own repeats", listed.summary)
    assert "shown by a case's own repeats" in group.note
