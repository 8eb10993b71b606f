"""Whatever a run recorded, its analysis is complete, finite and inside what each quantity can be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from itertools import product

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from evalharness.core.findings import Analysis, Comparison, Estimate, Met, Outcome, Reading, Standing
from evalharness.core.model import Status
from evalharness.metrics.catalog import CATALOG, WhenFailed
from evalharness.verdict.compare import analyse
from tests.support.generated_runs import loads, run_of, shapes
from tests.support.latency_runs import make_latency_run
from tests.support.runs import make_run

SPACE = {"share": (0.0, 1.0), "ms": (0.0, math.inf), "usd": (0.0, math.inf), "tokens": (0.0, math.inf)}


def parts(value: object) -> Iterator[object]:
    """Everything inside a tree of dataclasses, mappings and tuples."""
    yield value
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from parts(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from parts(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from parts(inner)


def check(analysis: Analysis) -> None:
    for part in parts(analysis):
        if isinstance(part, float):
            assert math.isfinite(part), part
            assert type(part) is float, "numpy scalars do not print and store as floats do"
        if isinstance(part, Estimate):
            check_estimate(part)
        if isinstance(part, Comparison):
            check_comparison(part)
    for arm in analysis.arms:
        assert sum(arm.counts.values()) == arm.n_planned
        assert sum(arm.failures.values()) == arm.counts[Status.ERROR]
        assert arm.quality.keys() == set(analysis.grader_ids)
        for finding in arm.times.values():
            assert finding.n_measured + finding.n_failed + finding.n_without == arm.n_planned - arm.counts["pending"]
            assert list(finding.ecdf_y) == sorted(finding.ecdf_y)
            ends_below = finding.n_failed > 0 and CATALOG[finding.metric].when_failed is WhenFailed.ENDLESS
            assert (finding.ecdf_y[-1] < 1 - 1e-9) is ends_below
        for low, high in arm.quality_bounds.values():
            assert 0 <= low <= high <= 1
    check_decision(analysis)
    sentences = (*analysis.banners, *analysis.notes)
    assert all(sentence[0].isupper() or sentence[0].isdigit() for sentence in sentences)
    assert all(sentence.endswith(".") for sentence in sentences)
    assert len(set(sentences)) == len(sentences)


def check_load(analysis: Analysis) -> None:
    """What a latency run adds to ``check``."""
    assert analysis.kind == "latency"
    alone = len(analysis.arms) == 1
    for stretch in analysis.stretches:
        assert stretch.n_failed <= stretch.n_ended <= stretch.n_sent
        assert (stretch.steadiness is None) is (stretch.arm_id is None and not alone)
        assert (stretch.rate_sentence is None) is (stretch.rate_kept is not False)
        assert stretch.in_flight is None or stretch.in_flight <= stretch.n_ended + 1e-9
    levels = [service for service in (analysis.service, *(each.service for each in analysis.stretches)) if service]
    for service in levels:
        assert (service.reason is None) is (service.met in (Met.MET, Met.NOT_MET))
        if service.met is Met.MET:
            assert service.share.lower >= service.share_at_least
        if service.met is Met.NOT_MET:
            assert service.share.upper <= service.share_at_least
        for limit in service.limits:
            quantile = limit.quantile
            assert limit.met is not Met.MET or quantile.upper <= limit.limit_ms
            assert limit.met is not Met.NOT_MET or quantile is None or quantile.lower >= limit.limit_ms
    for knee in analysis.knees:
        assert None in (knee.holds_up_to, knee.fails_from) or knee.holds_up_to < knee.fails_from


@given(loads)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_latency_run_has_a_finite_analysis_whose_parts_agree(options: dict):
    run = make_latency_run(**options)
    assume(run.plan.suite.load.shape != "closed")
    found = analyse(run, n_resamples=200)
    check(found)
    check_load(found)
    assert found == analyse(run, n_resamples=200)


def check_estimate(estimate: Estimate) -> None:
    lower, upper = estimate.lower, estimate.upper
    assert lower is None or lower <= estimate.point
    assert upper is None or upper >= estimate.point
    assert lower is None or upper is None or lower < upper, "a zero-width interval claims to know"
    assert estimate.method
    assert estimate.n > 0


def check_comparison(comparison: Comparison) -> None:
    shown = comparison.shown
    neutral = 0.0 if comparison.kind == "difference" else 1.0
    low, high = (-1.0, 1.0) if comparison.kind == "difference" else (0.0, math.inf)
    for estimate in filter(None, (comparison.estimate, comparison.simultaneous, comparison.worst, comparison.best)):
        assert low <= estimate.point <= high
        assert estimate.lower is None or low <= estimate.lower
        assert estimate.upper is None or estimate.upper <= high
    assert isinstance(comparison.reading, Reading)
    if comparison.reading in (Reading.BETTER, Reading.WORSE, Reading.BETTER_BUT_SMALL, Reading.WORSE_BUT_SMALL):
        up = shown.lower is not None and shown.lower > neutral
        down = shown.upper is not None and shown.upper < neutral
        assert up or down
        says_better = comparison.reading in (Reading.BETTER, Reading.BETTER_BUT_SMALL)
        assert says_better is (up if comparison.higher_is_better else down)
    for p in (comparison.p_value, comparison.p_adjusted):
        assert p is None or 0 < p <= 1
    assert (comparison.n_missing == 0) or comparison.kind == "ratio" or comparison.worst is not None
    if comparison.worst is not None and comparison.best is not None:
        # The estimate is over the pairs that are complete: it may lie outside, where the other pairs are known in part.
        assert comparison.worst.point <= comparison.best.point


def check_decision(analysis: Analysis) -> None:
    decision = analysis.decision
    known = {arm.arm_id for arm in analysis.arms}
    assert decision.arm_id is None or decision.arm_id in known
    if decision.outcome is Outcome.USE:
        assert decision.held_back is None
        chosen = next(standing for standing in decision.standings if standing.arm_id == decision.arm_id)
        assert chosen.standing is Standing.ADMISSIBLE
    if decision.held_back == "no call was scored":
        assert not decision.standings
        assert all(arm.quality[decision.rule.metric] is None for arm in analysis.arms)
    elif decision.outcome is not Outcome.NO_RULE:
        assert [standing.arm_id for standing in decision.standings] == [arm.arm_id for arm in analysis.arms]


@given(shapes)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_run_has_a_finite_analysis_whose_parts_agree(options: dict):
    check(analyse(run_of(options), n_resamples=200))


@pytest.mark.parametrize(
    ("arms", "cases", "repeats"), list(product([1, 2], [1, 3], [1, 2])), ids=lambda value: str(value)
)
@pytest.mark.parametrize("broken", ["failures", "pending", "null_scores", "without_usage"])
def test_a_tiny_run_in_which_everything_is_missing_has_an_analysis(arms, cases, repeats, broken):
    check(analyse(make_run(arms=arms, cases=cases, repeats=repeats, **{broken: 1.0}), n_resamples=200))


@given(st.integers(0, 500))
@settings(max_examples=8, deadline=None)
def test_swapping_baseline_and_candidate_negates_the_difference(seed: int):
    there = analyse(make_run(arms=("low", "high"), cases=25, seed=seed, failures=0.1), n_resamples=200)
    run = make_run(arms=("low", "high"), cases=25, seed=seed, failures=0.1)
    suite = replace(run.plan.suite, sweep=replace(run.plan.suite.sweep, baseline={"reasoning.effort": "high"}))
    back = analyse(replace(run, plan=replace(run.plan, suite=suite)), n_resamples=200)
    forward, backward = there.versus_baseline[0], back.versus_baseline[0]
    assert forward.estimate.point == pytest.approx(-backward.estimate.point, abs=1e-12)
    assert forward.estimate.lower == pytest.approx(-backward.estimate.upper, abs=1e-9)
    assert (forward.gained, forward.lost) == (backward.lost, backward.gained)
    assert {Reading.BETTER: Reading.WORSE, Reading.WORSE: Reading.BETTER}.get(
        forward.reading, forward.reading
    ) is backward.reading
