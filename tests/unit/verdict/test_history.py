"""Runs in their order: what breaks a line, what is searched, and what is said beside a change."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from evalharness.core.estimate import Estimate
from evalharness.core.run_summary import ArmSummary, GateSummary, Quantity, RunSummary, summary_of
from evalharness.verdict.history import MOST_RUNS, differing, history

MEASURED = ("cases", "graders", "prompts", "request", "model", "endpoint")
HASHES = dict.fromkeys((*MEASURED, "load", "prices", "client", "version", "reported model"), "a")


def estimate(point: float, half: float, level: float = 0.95) -> Estimate:
    return Estimate(point=point, lower=point - half, upper=point + half, method="", n=0, unit="", level=level)


def arm(label: str = "low", quality: float = 0.8, ms: float = 1000.0) -> ArmSummary:
    return ArmSummary(
        label=label,
        quality=estimate(quality, 0.04),
        cost_usd=estimate(0.001, 0.0001),
        total_ms_p95=estimate(ms, ms / 20),
    )


def run(day: int, **changed: object) -> RunSummary:
    made = summary_of(
        {
            "run_id": f"r{day:03d}",
            "suite": "maths",
            "kind": "single",
            "created_utc": f"2026-11-{day:03d}",
            "state": "complete",
            "metric": "answer",
            "arm": "low",
            "n_arms": 1,
            "hashes": HASHES,
        }
    )
    return replace(made, **{"arms": (arm(),), **changed})


def changed(**parts: str) -> dict[str, str]:
    return {**HASHES, **{name.replace("_", " "): value for name, value in parts.items()}}


def series(found, metric: str):
    return next(each for each in found.series if each.metric == metric)


def scatter(day: int) -> float:
    """A little noise, the same every time."""
    return 0.006 * math.sin(9.7 * day)


def steps(at: int, n: int = 12, **after: object) -> list[RunSummary]:
    """Quality falls by 20 points at the run ``at``."""
    runs = []
    for day in range(n):
        quality = (0.8 if day < at else 0.6) + scatter(day)
        runs.append(run(day, arms=(arm(quality=quality, ms=1000 * math.exp(scatter(day + 40))),)))
    return [replace(each, **after) if day >= at else each for day, each in enumerate(runs)]


def test_a_change_is_marked_where_the_level_changed_and_in_that_figure_alone():
    found = history(steps(7))
    quality = series(found, "quality")
    (change,) = quality.changes
    assert change.at == 7
    assert change.shift.point == pytest.approx(-0.2, abs=0.01)
    assert (len(change.before), len(change.after)) == (7, 5)
    assert change.level_before == pytest.approx(0.8, abs=0.01)
    assert [each.metric for each in found.series if each.changes] == ["quality"]
    assert found.n_stretches == 3


def test_times_and_money_change_by_a_ratio():
    runs = [run(day, arms=(arm(ms=(1000 if day < 6 else 1500) * math.exp(scatter(day))),)) for day in range(12)]
    (change,) = series(history(runs), "total_ms_p95").changes
    assert change.shift.point == pytest.approx(1.5, abs=0.03)
    assert change.shift.lower is not None and change.shift.lower > 1.3
    assert change.level_after == pytest.approx(1500, rel=0.02)


@pytest.mark.parametrize("part", MEASURED)
def test_what_was_measured_breaks_every_line_and_no_change_is_marked_across(part):
    found = history(steps(6, hashes=changed(**{part: "b"})))
    assert {each.broken for each in found.series} == {(6,)}
    assert series(found, "quality").changes == ()
    assert found.changed[6] == (part,)
    assert found.n_stretches == 6


@pytest.mark.parametrize(("part", "broken"), [("load", {"total_ms_p95"}), ("prices", {"cost_usd"})])
def test_load_and_prices_break_only_the_figures_that_depend_on_them(part, broken):
    found = history(steps(6, hashes=changed(**{part: "b"})))
    assert {each.metric for each in found.series if each.broken} == broken
    assert len(series(found, "quality").changes) == 1


@pytest.mark.parametrize("part", ["client", "version", "reported_model"])
def test_what_is_not_measured_breaks_nothing_and_is_said_beside_the_change(part):
    found = history(steps(6, hashes=changed(**{part: "b"})))
    (change,) = series(found, "quality").changes
    assert change.alongside == (part.replace("_", " "),)
    assert all(not each.broken for each in found.series)


def test_runs_that_are_not_finished_are_drawn_and_not_searched():
    runs = [replace(each, state="interrupted") if day >= 7 else each for day, each in enumerate(steps(7))]
    quality = series(history(runs), "quality")
    assert quality.changes == ()
    assert quality.n_tested == 7
    assert None not in quality.points


def test_a_run_with_other_arms_breaks_no_line_of_an_arm():
    runs = [run(day, arms=(arm("low"), arm("high", 0.9)) if day % 2 else (arm("low"),)) for day in range(6)]
    found = history(runs)
    qualities = {each.arm: each for each in found.series if each.metric == "quality"}
    assert qualities["high"].points[0] is None
    assert qualities["high"].points[1] is not None
    assert not any(each.broken for each in qualities.values())


def test_a_latency_run_is_told_by_its_own_figures_and_broken_where_another_level_stands_for_it():
    runs = [
        run(day, kind="latency", good_share=estimate(0.95, 0.02), total_ms_p95=estimate(900, 50), arms=())
        for day in range(6)
    ]
    found = history([*runs[:5], replace(runs[5], arm="40/s")])
    assert [each.metric for each in found.series] == ["good_share", "total_ms_p95"]
    assert all(each.broken == (5,) for each in found.series)


def gate(subject: str, point: float, quantity: Quantity = Quantity.SHARE) -> GateSummary:
    return GateSummary(
        subject=subject,
        demand="at least 75%",
        verdict="pass",
        quantity=quantity,
        found=estimate(point, 0.03, 0.90),
        allowed=(0.75, None),
    )


def test_a_gate_on_a_figure_that_is_shown_gives_it_its_limit_and_others_get_a_line():
    runs = [run(day, gates=(gate("answer", 0.8), gate("first output", 0.9 + scatter(day)))) for day in range(5)]
    found = history(runs)
    assert series(found, "quality").allowed == (0.75, None)
    assert [each.name for each in found.series if each.metric == "gate"] == ["first output"]
    assert series(found, "gate").higher_is_better is True


def test_a_gate_against_another_baseline_is_another_figure():
    runs = [run(day, gates=(gate("answer against the baseline", 0.01, Quantity.POINTS),)) for day in range(6)]
    found = history([replace(each, baseline_run="old" if day < 3 else "new") for day, each in enumerate(runs)])
    assert series(found, "gate").broken == (3,)
    assert series(found, "quality").broken == ()


def test_the_rate_of_false_alarms_is_shared_out_over_all_that_is_searched():
    """By the p-value of the change: it is kept at a rate that its share of three stretches is above, not below."""
    (change,) = series(history(steps(7)), "quality").changes
    assert series(history(steps(7), alarm=change.p_value * 3.01), "quality").changes
    assert not series(history(steps(7), alarm=change.p_value * 2.99), "quality").changes


def test_the_newest_runs_are_kept_and_the_others_counted():
    found = history([run(day) for day in range(MOST_RUNS + 7)][::-1])
    assert (len(found.runs), found.n_older) == (MOST_RUNS, 7)
    assert found.runs[-1].run_id == f"r{MOST_RUNS + 6:03d}"


@pytest.mark.parametrize(
    "figure", [estimate(0.0, 0.0), replace(estimate(5.0, 1.0), lower=None, upper=None), estimate(-3.0, 1.0)]
)
def test_a_figure_that_cannot_be_put_on_a_scale_is_not_searched(figure):
    runs = [run(day, arms=(replace(arm(), total_ms_p95=figure),)) for day in range(6)]
    assert series(history(runs), "total_ms_p95").n_tested == 0


def test_runs_that_measured_the_same_differ_in_nothing():
    assert differing(run(1), run(2)) == ()
    assert differing(run(1), run(2, metric="tone")) == ("metric",)


def test_a_history_of_nothing_is_empty():
    assert history([]).runs == ()
