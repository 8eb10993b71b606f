"""How often steady runs are said to drift, and whether intervals hold where times come in spells: on generated runs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from evalharness.core.findings import Estimate
from evalharness.stats.quantiles import estimate_quantile
from evalharness.verdict.view import RunView, view
from tests.support.runs import ArmTruth, make_run

#: Arms that take alike long, and whose answers come in one piece.
ALIKE = {name: ArmTruth(accuracy=0.6, reasoning_tokens=40, ttfo_ms=500) for name in ("none", "low")}
STEADY = {"failures": 0.0, "incomplete": 0.0, "retries": 0.0, "decision": None, "truth": ALIKE, "stream": False}


def most(runs: int, share: float) -> float:
    """What an error of this share may come to, with 2.6 Monte-Carlo errors."""
    return runs * share + 2.6 * math.sqrt(runs * share * (1 - share))


@pytest.mark.parametrize("one_by_one", [False, True])
def test_steady_runs_raise_no_alarm_and_lose_no_verdict(one_by_one):
    shape = {**STEADY, "arms": 2, "cases": 30, "repeats": 2, "one_by_one": one_by_one}
    found = [view(make_run(**shape, seed=seed), n_resamples=1) for seed in range(200)]
    assert sum(seen.drift is not None for seen in found) <= most(200, 0.05)
    assert sum(seen.time_confounded is not None for seen in found) <= (most(200, 0.05) if one_by_one else 0)


@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_drift_by_half_is_found_in_nearly_every_run(one_by_one):
    shape = {**STEADY, "arms": 2, "cases": 100, "repeats": 2, "one_by_one": one_by_one, "drift": 1.0}
    found = [view(make_run(**shape, seed=seed), n_resamples=1).drift for seed in range(30)]
    assert sum(drift is not None and drift.moved for drift in found) >= 28
    assert all(drift is None or drift.confounded is one_by_one for drift in found)


def test_intervals_of_an_arm_hold_its_true_median_where_times_come_in_spells():
    """Lag-1 correlation .8; the truth is that of 20,000 trials drawn in the same way. By cases alone, three in ten
    miss."""
    shape = {**STEADY, "arms": 1, "cases": 100, "repeats": 1, "spells": 0.8}
    long = view(make_run(**{**shape, "cases": 20_000}), n_resamples=1)
    truth = float(np.median(long.table.metrics["total_ms"]))
    found = [view(make_run(**shape, seed=seed), n_resamples=1) for seed in range(150)]
    assert sum(not _holds(_median(seen), truth) for seen in found) <= most(150, 0.08)
    assert sum(not _holds(_median(replace(seen, measured_drift=None)), truth) for seen in found) > most(150, 0.08)


def _median(seen: RunView) -> Estimate:
    found = estimate_quantile(seen.metric("total_ms", 0), 0.5, seen.settings)
    assert found is not None
    return found


def _holds(estimate: Estimate, truth: float) -> bool:
    return (estimate.lower or 0.0) <= truth <= (math.inf if estimate.upper is None else estimate.upper)
