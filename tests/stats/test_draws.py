from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from evalharness.stats import draws as draws_module
from evalharness.stats import means
from evalharness.stats.draws import Draws, sums_over
from evalharness.stats.sample import Settings, sample_of


def all_counts(draws: Draws, seed: int, n_draws: int, n_clusters: int) -> np.ndarray:
    return np.concatenate(list(draws.counts(seed, n_draws, n_clusters)))


def test_every_draw_has_as_many_clusters_as_the_plan_and_each_comes_up_once_on_average():
    counts = all_counts(Draws(), 3, 4_000, 50)
    assert counts.shape == (4_000, 50)
    assert (counts.sum(axis=1) == 50).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(50), abs=4 * math.sqrt(0.98 / 4_000))
    assert counts.astype(float).var() == pytest.approx(0.98, rel=0.02)  # multinomial: 1 - 1/G


@pytest.mark.parametrize("chunk", [1, 700, 10**6])
def test_what_is_drawn_depends_on_no_size_of_block(monkeypatch, chunk):
    expected = all_counts(Draws(), 3, 40, 30)
    monkeypatch.setattr(draws_module, "CHUNK", chunk)
    assert (all_counts(Draws(), 3, 40, 30) == expected).all()


def test_counts_are_kept_and_the_oldest_make_room(monkeypatch):
    monkeypatch.setattr(draws_module, "KEPT_BYTES", 250)
    draws = Draws()
    first, again = next(draws.counts(1, 10, 10)), next(draws.counts(1, 10, 10))
    assert first is again
    next(draws.counts(2, 10, 10))
    next(draws.counts(3, 10, 10))
    assert next(draws.counts(3, 10, 10)) is next(draws.counts(3, 10, 10))
    anew = next(draws.counts(1, 10, 10))
    assert anew is not first
    assert (anew == first).all()
    assert next(draws.counts(1, 10, 30)) is not next(draws.counts(1, 10, 30)), "more than may be kept at all"


@pytest.mark.parametrize(("many", "rounded_away"), [(1_000, 37 * 2.0**-90), (37, 37 * 2.0**-47)])
def test_sums_are_the_rational_ones_but_for_the_rounding_of_the_values_whatever_the_order(
    monkeypatch, many, rounded_away
):
    """Against exact rational arithmetic; columns that cancel and span many magnitudes. A value is rounded to 53 bits
    less the 6 of 37, and where two parts are summed to twice as many."""
    monkeypatch.setattr(draws_module, "MANY", many)
    rng = np.random.default_rng(4)
    columns = np.column_stack(
        [rng.normal(size=37), rng.lognormal(0, 4, 37), rng.normal(1e8, 1e-3, 37), np.zeros(37), np.arange(37.0)]
    )
    draws = Draws()
    counts = all_counts(draws, 5, 20, 37)
    sums, around_usual = sums_over(iter([counts]), columns), draws.sums(5, 20, columns)
    largest, spread = np.abs(columns).max(axis=0), np.ptp(columns, axis=0)
    for row, other, weights in zip(sums, around_usual, counts, strict=True):
        for k in range(5):
            exact = sum(Fraction(int(n)) * Fraction(x) for n, x in zip(weights, columns[:, k].tolist(), strict=True))
            ulp = math.ulp(float(exact))
            assert abs(float(Fraction(float(row[k])) - exact)) <= ulp + rounded_away * largest[k]
            # The differences from the usual value, and its multiple, are rounded as well.
            beyond = 37 * math.ulp(largest[k]) + rounded_away * max(largest[k], spread[k])
            assert abs(float(Fraction(float(other[k])) - exact)) <= 2 * ulp + beyond
    shuffled = rng.permutation(37)
    assert (sums_over(iter([counts[:, shuffled]]), columns[shuffled]) == sums).all()


def test_sums_of_what_most_clusters_have_are_exact():
    """Right and wrong around their mean, and sizes: of these a draw without spread must show none at all."""
    right = np.zeros(2_000)
    right[[3, 500, 1999]] = 1
    draws = Draws()
    sums = draws.sums(2, 300, np.column_stack([right - right.mean(), np.full(2_000, 0.1), right]))
    n_right = all_counts(draws, 2, 300, 2_000) @ right
    assert (sums[:, 2] == n_right).all()
    assert (n_right == 0).any()
    assert (sums[n_right == 0, 0] == -3).all()  # 2,000 times the mean of three in 2,000
    assert (sums[:, 1] == 200).all()


def test_tiles_change_no_bit(monkeypatch):
    columns = np.random.default_rng(6).normal(size=(300, 3))
    counts = all_counts(Draws(), 7, 50, 300)
    whole = sums_over(iter([counts]), columns)
    monkeypatch.setattr(draws_module, "TILE", 2_000)
    assert (sums_over(iter([counts]), columns) == whole).all()


def test_a_mean_is_the_same_alone_and_among_others_and_with_kept_draws():
    rng = np.random.default_rng(8)
    cluster = np.arange(40) // 2
    columns = [rng.lognormal(0, 1, 40), np.where(rng.random(40) < 0.3, np.nan, rng.random(40)), np.full(40, np.nan)]
    samples = [sample_of(column, np.arange(40), cluster) for column in columns]
    settings = Settings(seed=9, n_resamples=500)
    together = means.estimate_means(samples, settings, units=["usd"] * 3)
    alone = tuple(means.estimate_mean(each, Settings(seed=9, n_resamples=500), unit="usd") for each in samples)
    assert together == alone
    assert together[2] is None
    assert together[1].n == int((~np.isnan(columns[1])).sum())


def test_a_mean_of_few_of_the_cases_covers_its_truth():
    """All clusters of the plan are drawn, so that a draw may hold more or fewer of the cases that have a value."""
    rng = np.random.default_rng(10)
    hits = 0
    for seed in range(400):
        values = np.full(60, np.nan)
        values[:15] = rng.normal(3, 1, 15)
        sample = sample_of(values, np.arange(60), np.arange(60))
        estimate = means.estimate_mean(sample, Settings(seed=seed, n_resamples=400), unit="usd")
        hits += estimate.lower <= 3 <= estimate.upper
    assert hits / 400 >= 0.93 - 2.6 * math.sqrt(0.93 * 0.07 / 400)
