"""A latency run: its service level first, then its course under load, where the time goes, how well it was seen."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import pytest

from evalharness.core.findings import Estimate, LimitFindings, Met, ServiceLevel
from evalharness.core.model import Status
from evalharness.report import index, markdown, terminal
from evalharness.report.charts.marks import Interval, Mark
from evalharness.report.charts.scales import LETTER, Scale
from evalharness.report.charts.strip import LadderRow, ladder_axis, ladder_strip
from evalharness.report.ladders import ladder
from evalharness.report.lanes import arm_lanes
from evalharness.report.page import render_page
from evalharness.report.sections import methods, result, stability, waiting
from evalharness.report.service_words import goodput_sentence, level_outcome, limit_sentence
from evalharness.report.settings import ReportSettings
from evalharness.report.summary import report_json
from evalharness.report.verdict_text import verdict_text
from evalharness.report.view import make_view
from evalharness.verdict.compare import analyse
from tests.support.reports import LATENCY_KINDS, analysed, plain_markdown, rendered, shown_text
from tests.support.runs import make_run


def sections(kind: str) -> list[str]:
    return re.findall(r'<section id="([a-z]+)"', rendered(kind))


# ---------------------------------------------------------------- the order of the page


@pytest.mark.parametrize("kind", [kind for kind in LATENCY_KINDS if kind != "latency, all failed"])
def test_no_answers_are_compared_and_waiting_comes_first_after_result_and_load(kind):
    found = sections(kind)
    assert not {"tradeoff", "quality", "tags", "flips"} & set(found)
    levels = "levels" in kind
    assert found[: 2 + levels] == ["result", *(["load"] if levels else []), "waiting"]
    assert found[-3:] == ["errors", "trials", "methods"] or found[-4:] == ["errors", "stability", "trials", "methods"]


def test_a_run_in_which_every_call_failed_says_so_and_draws_nothing():
    text = shown_text(rendered("latency, all failed"))
    assert "All 40 calls failed" in text
    assert "waiting" not in sections("latency, all failed")


# ---------------------------------------------------------------- the verdict


@pytest.mark.parametrize("kind", LATENCY_KINDS)
def test_the_heading_has_at_most_four_words(kind):
    assert len(verdict_text(*analysed(kind)).heading.split()) <= 4


def test_the_verdict_is_the_sentence_of_the_service_level():
    run, analysis = analysed("latency")
    said = verdict_text(run, analysis)
    limit = analysis.service.limits[0]
    assert said.heading == "Service level met"
    assert re.match(r"95% of first outputs within \d+ ms \(90% interval \d+ to \d+ ms\), target 2 s: met\.", said.lead)
    assert f"{limit.quantile.point:.0f} ms" in said.lead


def test_without_a_target_there_are_facts_and_no_word_of_a_verdict():
    run, analysis = analysed("latency, no target")
    said = verdict_text(run, analysis)
    assert said.heading == "No target set"
    told = " ".join([said.lead, *said.bullets])
    assert "95% within" in told
    assert not re.search(r"\b(met|good|goodput|target|holds|fails)\b", told, re.IGNORECASE)
    page = shown_text(rendered("latency, no target"))
    assert "Good" not in page.split("How well was this measured?")[0].split("Small figures")[0]


def test_levels_are_told_by_how_far_the_service_level_holds():
    said = verdict_text(*analysed("levels"))
    assert said.heading == "Holds up to 20/s"
    assert re.match(
        r"Holds up to 20/s; .*shown to fail at 40/s \(95% confidence each\)\. At 20 calls a second: 95% of ",
        said.lead,
    )


def test_arms_of_which_one_keeps_the_target_differ_and_each_is_told():
    said = verdict_text(*analysed("latency, arms"))
    assert said.heading == "Arms differ"
    assert re.search(r"Swift: 95% .*: met\. Slow: 95% .*: not met\.", said.lead)


@pytest.mark.parametrize(
    ("outcomes", "word"),
    [
        ([Met.MET, Met.MET], Met.MET),
        ([Met.NOT_MET, Met.NOT_MET], Met.NOT_MET),
        ([Met.MET, Met.OPEN], Met.OPEN),
        ([Met.NOT_MET, Met.OPEN], Met.OPEN),
        ([Met.MET, Met.NOT_MET, Met.OPEN], None),
    ],
)
def test_one_word_for_several_arms_is_never_more_certain_than_they_are(outcomes, word):
    assert level_outcome(outcomes) is word


def limit(point: float, lower: float | None, upper: float | None, met: Met) -> LimitFindings:
    quantile = Estimate(point=point, lower=lower, upper=upper, method="m", n=9, unit="ms", level=0.9)
    return LimitFindings(metric="ttfo_ms", limit_ms=2_000.0, share_at_least=0.95, met=met, quantile=quantile)


def test_no_figure_prints_as_the_limit_that_it_misses():
    said = limit_sentence(limit(2_040, 2_010, 2_100, Met.NOT_MET))
    assert said == "95% of first outputs within 2.04 s (90% interval 2.01 to 2.10 s), target 2 s: not met"
    said = limit_sentence(limit(1_800, 1_600, 1_900, Met.MET))
    assert said == "95% of first outputs within 1.80 s (90% interval 1.60 to 1.90 s), target 2 s: met"


def test_a_limit_that_too_many_failures_keep_out_of_reach_has_no_figure():
    found = replace(limit(1, None, None, Met.NOT_MET), quantile=None, unreached=True)
    assert limit_sentence(found) == "First outputs came for fewer than 95% of calls, target 2 s: not met"


def test_a_share_that_disagrees_with_the_only_limit_leads():
    """All in time, many wrong: the quantile alone would read as a success under a heading that is none."""
    run, analysis = analysed("latency")
    share = Estimate(point=0.6, lower=0.55, upper=0.65, method="m", n=9, unit="share", level=0.9)
    service = replace(analysis.service, met=Met.NOT_MET, share=share)
    assert isinstance(service, ServiceLevel)
    said = verdict_text(run, replace(analysis, service=service))
    assert said.heading == "Service level not met"
    assert said.lead == "60.0% of calls right and in time (90% interval 55.0 to 65.0), target 95%: not met."
    assert said.bullets[0].endswith("target 2 s: met.")


def test_only_levels_that_this_client_kept_are_told_as_results():
    run, analysis = analysed("levels")

    def lost(steps: set[int]):
        stretches = []
        for stretch in analysis.stretches:
            if stretch.step in steps:
                service = replace(stretch.service, met=Met.UNTRIED, reason="the rate was not kept")
                stretch = replace(stretch, rate_kept=False, service=service)
            stretches.append(stretch)
        met = tuple(Met.UNTRIED if step in steps else found for step, found in enumerate(analysis.knees[0].met))
        none = replace(analysis.knees[0], met=met, holds_up_to=None, fails_from=None)
        return replace(analysis, stretches=tuple(stretches), knees=(none,) if len(steps) == 4 else analysis.knees)

    told = " ".join(verdict_text(run, lost({3})).bullets + verdict_text(run, lost({1, 2, 3})).bullets)
    assert "at 30 calls a second 95% of first outputs" in told
    assert "t 40 calls a second 95% of first outputs" not in told
    assert verdict_text(run, lost({0, 1, 2, 3})).heading == "Cannot tell"
    bare = replace(lost({0, 1, 2, 3}), service=None, knees=())
    assert verdict_text(run, bare).lead.startswith("This client kept the rate of no level")
    view = make_view(run, lost({2, 3}), ReportSettings())
    table = result.build(view).table
    place = table.columns.index("Good")
    assert [row.cells[place].mark for row in table.rows][2:] == ["cannot tell"] * 2
    assert waiting.build(view).service_summary.endswith("cannot tell at 30/s and 40/s")
    assert any("Cannot tell: this client did not keep the rate" in note for note in result.build(view).notes)


def test_goodput_is_told_as_a_part_of_what_ended():
    """18 of 20 were good, and 25 ended each second."""
    share = Estimate(point=0.9, lower=0.8, upper=0.96, method="m", n=20, unit="share", level=0.9)
    rate = replace(share, point=22.5, lower=20.0, upper=24.0, unit="trials/s")
    service = ServiceLevel(share_at_least=0.8, met=Met.MET, limits=(), share=share, goodput_per_s=rate, n_missing=0)
    assert goodput_sentence(service) == (
        "Goodput: 22.5 of the 25.0 calls that ended each second were right and in time (90% interval 20.0 to 24.0)."
    )
    nothing = replace(service, share=replace(share, point=0.0), goodput_per_s=replace(rate, point=0.0, lower=0.0))
    assert goodput_sentence(nothing).startswith("Goodput: no call that ended was right and in time (")


# ---------------------------------------------------------------- load


def test_the_curve_tells_every_level_in_words_and_rings_the_highest_that_holds():
    page = rendered("levels")
    pictures = re.findall(r"<desc>(Time to first output, p95.*?)</desc>", page)
    assert len(pictures) == 1
    assert all(f"at {level}/s" in pictures[0] for level in (10, 20, 30, 40))
    assert "at 20/s, the highest that holds," in pictures[0]
    assert "The limit is 2 s." in pictures[0]
    assert page.count('r="11"') == 2


def test_beside_a_limit_the_curve_has_the_quantile_that_must_keep_it():
    """A median under the limit says nothing of a target for 80% of the calls."""
    run, _ = analysed("levels")
    suite = replace(run.plan.suite, slo=replace(run.plan.suite.slo, share_at_least=0.8))
    run = replace(run, plan=replace(run.plan, suite=suite))
    judged = analyse(run, n_resamples=100)
    page = render_page(run, judged, ReportSettings())
    [told] = re.findall(r"<desc>(Time to first output, p80, .*?)</desc>", page)
    drawn_ms = [float(size) * (1_000 if unit == "s" else 1) for size, unit in re.findall(r"and ([\d.]+) (ms|s)", told)]
    curves = [stretch.times["ttfo_ms"] for stretch in judged.stretches_of()]
    wanted_ms = [next(x for x, y in zip(c.ecdf_x, c.ecdf_y, strict=True) if y >= 0.8) for c in curves]
    assert drawn_ms == pytest.approx(wanted_ms, rel=0.02)
    assert "The limit is 2 s." in told
    assert "<desc>Total time, p80" not in page, "no limit, no target"
    assert "Beside a limit: the p80 that has to keep it" in page


def test_one_level_draws_no_curve():
    assert "load" not in sections("latency")


# ---------------------------------------------------------------- where the time goes


def test_the_parts_of_the_time_add_up_to_the_total_that_is_printed():
    _, analysis = analysed("latency")
    divided = analysis.arms[0].divided
    assert sum(part.mean_ms for part in divided.parts.values()) == pytest.approx(divided.total.mean_ms)
    text = shown_text(rendered("latency"))
    assert "Queue" in text
    assert "Where does the time go?" in text


def test_hidden_reasoning_is_said_and_never_zero():
    text = shown_text(rendered("levels, reasoning hidden"))
    row = re.search(r"Where the total time went.*?10/s(.*?)Means over", text).group(1)
    assert "hidden in waiting" in row
    assert "waiting, with hidden reasoning" in rendered("levels, reasoning hidden")


# ---------------------------------------------------------------- how well it was seen


def test_every_report_says_how_well_it_was_measured_or_that_nobody_knows():
    assert "Not recorded: this run holds nothing about its own measurement error" in shown_text(rendered("sweep"))
    text = shown_text(rendered("levels"))
    assert "Arrivals were dated by the kernel" in text
    assert "Stated error of time to first output" in text
    assert "reached by the measuring transport" in text
    assert "No median or p95 of the whole run is off by more than 1% of itself" in text


def test_a_time_that_was_not_seen_well_is_marked_wherever_it_stands():
    run, analysis = analysed("levels, seen badly")
    text = shown_text(rendered("levels, seen badly"))
    assert "Total time, median coarse" in text
    assert "Coarse: this client may be off by more than 1% of the figure" in text
    assert "httpx's own transport, whose times are coarser, because a proxy is set" in text
    assert re.search(r"\d+ ms coarse", plain_markdown(markdown.render(run, analysis)))
    assert re.search(r"\d (m?s) coarse", terminal.render(run, analysis, width=100))
    clean = analysed("levels")
    assert "coarse" not in rendered("levels").replace("coarser", "")
    assert "coarse" not in terminal.render(*clean, width=100) + markdown.render(*clean)


def test_coarse_times_are_a_table_of_errors_beside_medians():
    text = shown_text(rendered("levels, seen badly"))
    assert "Coarse: median or p95 may be off by more than 1% of itself" in text
    assert "Coarse: median" not in shown_text(rendered("levels"))


def test_more_levels_than_bands_can_be_told_apart_have_their_bands_in_words():
    assert "A shaded band holds" in rendered("levels, seen badly")
    four = rendered("levels")
    assert "A shaded band holds" not in four
    assert re.search(r"so many points above or below: 10/s \d+; 20/s \d+; 30/s \d+\. At 40/s the calls", four)


def test_what_would_narrow_the_knee_stands_under_the_verdict_and_what_was_tried_in_its_rule():
    said = verdict_text(*analysed("levels"))
    [knee] = analysed("levels")[1].knees
    assert knee.narrowing
    assert said.bullets[0] == " ".join(knee.narrowing)
    assert "Tried: 10, 20, 30 and then 40 calls a second" in said.rule


def test_the_error_is_an_outline_to_scale_and_one_that_its_mark_would_hide_is_not_drawn():
    scale = Scale(100.0, 10_000.0, 16, 304, logarithmic=True)
    at_one_second = Interval(point=1_000.0, lower=None, upper=None)
    wide, narrow = (
        str(ladder_strip(LadderRow(mark=Mark(2), quantiles=[at_one_second], errors_ms=[error]), scale, None))
        for error in (900.0, 5.0)
    )
    # From 100 to 1,900 ms: 144 units for a decade, log10(19) of them.
    [width] = re.findall(r'<rect [^>]*width="([\d.]+)"', wide)
    assert float(width) == pytest.approx(144 * math.log10(19), abs=0.1)
    assert "<rect" not in narrow
    assert wide.index("<rect") < wide.index('class="f-e2'), "behind the data"


def test_a_time_that_the_client_may_be_off_by_more_than_is_told_in_a_sentence_and_not_drawn():
    view = make_view(*analysed("latency"), ReportSettings())
    [lane] = arm_lanes(view)
    times = lane.times("ttfo_ms")
    median = times.quantiles["0.5"].point
    for error, is_shown in ((median * 1.1, False), (median * 0.9, True)):
        found = {**lane.arm.found.times, "ttfo_ms": replace(times, error_p99_ms=error, errors_ms={})}
        stretches = [replace(stretch, times=found) for stretch in view.analysis.stretches]
        run, analysis = analysed("latency")
        arms = tuple(replace(arm, times=found) for arm in analysis.arms)
        changed = make_view(run, replace(analysis, arms=arms, stretches=tuple(stretches)), ReportSettings())
        drawn = ladder(changed, arm_lanes(changed), "ttfo_ms")
        assert (drawn.table is not None) is is_shown
        assert ("may be off by more than the median itself" in drawn.unseen) is not is_shown


def test_the_limit_is_named_on_the_axis_and_no_tick_is_printed_over_it():
    scale = Scale(100.0, 10_000.0, 16, 304, logarithmic=True)
    drawn = str(ladder_axis(scale, str, 1_100))
    labels = {label: float(x) for x, label in re.findall(r'x="([\d.]+)"[^>]*>([^<]+)<', drawn)}
    assert labels.pop("limit 1100") == pytest.approx(scale(1_100), abs=0.1)
    half = len("limit 1100") * LETTER / 2
    assert labels
    assert all(abs(x - scale(1_100)) >= half + len(label) * LETTER / 2 for label, x in labels.items())


# ---------------------------------------------------------------- summaries


def test_report_json_and_index_carry_type_verdict_and_p95():
    run, analysis = analysed("levels")
    stored = json.loads(report_json(run, analysis))
    held = next(stretch for stretch in analysis.stretches_of() if stretch.level == 20)
    assert stored["kind"] == "latency"
    assert stored["arm"] == "20/s"
    assert stored["total_ms_p95"][0] == pytest.approx(held.times["total_ms"].quantiles["0.95"].point, rel=1e-5)
    text = shown_text(index.render([stored]))
    assert "latency" in text
    assert "Holds up to 20/s" in text
    assert "1.1 s" in text


@pytest.mark.parametrize("kind", ["levels", "levels, arms", "latency"])
def test_the_terminal_has_a_row_for_each_level_or_arm(kind):
    run, analysis = analysed(kind)
    text = terminal.render(run, analysis, width=100)
    heads = (
        [f"{level:g}/s" for level in run.plan.suite.load.levels]
        if kind == "levels"
        else [a.label for a in analysis.arms]
    )
    assert all(re.search(rf"^{re.escape(head)} ", text, re.MULTILINE) for head in heads)


def test_the_ladder_of_gaps_is_given_success_and_says_how_many_calls_failed():
    run = make_run(arms=2, cases=40, failures=0.4, seed=2)
    view = make_view(run, analyse(run, n_resamples=100), ReportSettings())
    gaps, totals = (ladder(view, arm_lanes(view), metric) for metric in ("gap_ms", "total_ms"))
    n_failed = sum(result.status is Status.ERROR for result in run.results.values())
    assert gaps.table.caption == "Gap between deltas, given success"
    assert f"{n_failed} failed calls are left out." in gaps.table.note
    assert totals.table.caption == "Total time"
    assert f"{n_failed} failed calls count as never ended." in totals.table.note


def test_report_json_has_the_outcome_of_the_level_that_the_heading_names():
    """Levels that fail above the one that holds do not make the run a failure."""
    run, analysis = analysed("levels")
    [knee, *_] = analysis.knees
    level = knee.holds_up_to if knee.holds_up_to is not None else knee.levels[0]
    wanted = next(stretch.service.met for stretch in analysis.stretches_of() if stretch.level == level)
    for overall in Met:
        mixed = replace(analysis, service=replace(analysis.service, met=overall))
        assert json.loads(report_json(run, mixed))["outcome"] == wanted.value


def test_a_limit_in_a_sentence_has_no_digit_that_the_client_makes_up():
    """The quantile of the table and that of the sentence are one figure: 1,800.4 ms, give or take 90."""
    _, analysis = analysed("latency")
    found = limit(1_800.4, 1_800.1, 1_800.7, Met.MET)
    times = replace(analysis.arms[0].times["ttfo_ms"], error_p99_ms=90.0, errors_ms={})
    assert limit_sentence(found, times={"ttfo_ms": times}).startswith(
        "95% of first outputs within 1.80 s (90% interval less than 90 ms wide), target 2 s: met"
    )


def test_a_run_that_time_ends_asks_each_case_up_to_so_many_times():
    run, analysis = analysed("latency")
    for duration_s, up_to in ((30.0, True), (None, False)):
        load = replace(run.plan.suite.load, duration_s=duration_s)
        timed = replace(run, plan=replace(run.plan, suite=replace(run.plan.suite, load=load)))
        view = make_view(timed, analysis, ReportSettings())
        [unit] = [sentence for sentence in methods.build(view).methods if sentence.startswith("Unit: ")]
        assert ("up to " in unit) is up_to


def test_what_repeats_are_worth_is_told_not_to_follow_from_their_agreement_where_cases_come_in_groups():
    for n_clusters, is_said in ((12, True), (30, False)):
        run, analysis = analysed("single")
        arms = tuple(
            replace(arm, quality={name: replace(each, n_clusters=n_clusters) for name, each in arm.quality.items()})
            for arm in analysis.arms
        )
        note = stability.build(make_view(run, replace(analysis, arms=arms), ReportSettings())).table.note
        assert ("how alike the cases of one group are" in note) is is_said
