"""Drift of times in the order of sending: what arms sent one after the other hide, and what trials are worth."""

from __future__ import annotations

import numpy as np
import pytest

from evalharness.stats.blocks import block_labels
from evalharness.stats.drift import moving_block, one_after_the_other, send_order_drift
from evalharness.stats.quantiles import effective_trials
from evalharness.stats.sample import sample_of


def run(arms_in_turn: bool, growth: float, repeats: int = 1, n: int = 150) -> tuple[np.ndarray, ...]:
    """Values, case, arm and stamp of two arms on the same cases; times grow by ``growth`` from first to last."""
    rng = np.random.default_rng(4)
    slots = [(c, a) for _ in range(repeats) for c in rng.permutation(n) for a in range(2)]
    if arms_in_turn:
        slots = sorted(slots, key=lambda slot: slot[1])
    case, arm = np.array(slots).T
    own = rng.normal(0, 0.1, n)
    sent = np.arange(len(case), dtype=float)
    values = np.exp(6 + own[case] + 0.3 * arm + rng.normal(0, 0.2, len(case)) + growth * sent / len(case))
    return values, case, arm, sent


@pytest.mark.parametrize("repeats", [1, 3])
def test_drift_within_arms_that_ran_one_after_the_other_confounds_them_with_time(repeats):
    found = send_order_drift(*run(True, 0.8, repeats))
    assert found.sequential
    assert found.drifting
    assert found.confounded
    assert found.half_ratio > 1.1, "the halves of each arm, not the two arms"


def test_a_steady_run_of_arms_in_turn_is_not_confounded_and_interleaved_arms_never_are():
    steady = send_order_drift(*run(True, 0.0))
    assert steady.sequential
    assert not steady.confounded
    interleaved = send_order_drift(*run(False, 0.8))
    assert interleaved.drifting
    assert not interleaved.sequential
    assert not interleaved.confounded


@pytest.mark.parametrize(
    ("arms", "expected"), [("aabb", True), ("abab", False), ("aaaa", False), ("aabbcc", True), ("aabbca", False)]
)
def test_arms_are_in_turn_when_each_begins_after_the_one_before_has_ended(arms, expected):
    order = np.array([ord(arm) for arm in arms])
    assert one_after_the_other(order, np.arange(len(arms), dtype=float)) is expected
    assert one_after_the_other(order[::-1], -np.arange(len(arms), dtype=float)) is expected


def test_a_trial_that_was_asked_again_at_the_end_leaves_arms_one_after_the_other():
    arm = np.repeat([0, 1], 100)
    sent = np.arange(200.0)
    sent[[3, 40]] = 500.0, 501.0
    assert one_after_the_other(arm, sent)


def case_effects_in_turn(seed: int) -> tuple[np.ndarray, ...]:
    """Four arms in turn over the same 100 cases, whose sizes differ more than their times; nothing drifts."""
    rng = np.random.default_rng(seed)
    case, arm = np.tile(np.arange(100), 4), np.repeat(np.arange(4), 100)
    return np.exp(rng.normal(0, 0.5, 100)[case] + rng.normal(0, 0.1, 400)), case, arm, np.arange(400.0)


def test_the_sizes_of_cases_that_all_arms_in_turn_share_are_counted_once():
    """Were each arm's copy of a size a residual of its own, a third of such runs would be called drifting."""
    alarms = sum(send_order_drift(*case_effects_in_turn(seed)).drifting for seed in range(300))
    assert alarms <= 300 * 0.05 + 2.6 * np.sqrt(300 * 0.05 * 0.95)


@pytest.mark.parametrize(("n", "arms", "repeats"), [(100, 2, 1), (30, 1, 3), (100, 1, 1), (40, 3, 4)])
def test_a_steady_run_is_called_drifting_in_at_most_one_of_twenty(n, arms, repeats):
    rng = np.random.default_rng(11)
    alarms = 0
    for _ in range(400):
        slots = [(c, a) for _ in range(repeats) for c in rng.permutation(n) for a in rng.permutation(arms)]
        case, arm = np.array(slots).T
        values = np.exp(rng.normal(0, 0.3, n)[case] + rng.normal(0, 0.4, len(case)))
        alarms += send_order_drift(values, case, arm, np.arange(float(len(case)))).drifting
    assert alarms <= 400 * 0.05 + 2.6 * np.sqrt(400 * 0.05 * 0.95)


def test_a_drift_is_seen_where_all_trials_of_a_case_are_sent_together():
    """As in a run that may end early: the mean of a case would take the drift out with it."""
    rng = np.random.default_rng(2)
    case, sent = np.repeat(np.arange(80), 5), np.arange(400.0)
    values = np.exp(rng.normal(0, 0.2, 80)[case] + rng.normal(0, 0.2, 400) + 0.8 * sent / 400)
    found = send_order_drift(values, case, np.zeros(400, np.int64), sent)
    assert found.moved
    assert found.half_ratio == pytest.approx(np.exp(0.4), rel=0.15)


def ar1(rng: np.random.Generator, n: int, phi: float) -> np.ndarray:
    x = rng.normal(size=n)
    for at in range(1, n):
        x[at] = phi * x[at - 1] + np.sqrt(1 - phi**2) * x[at]
    return x


def test_spells_are_told_from_a_drift():
    rng = np.random.default_rng(8)
    found = send_order_drift(np.exp(ar1(rng, 400, 0.6)), np.arange(400), np.zeros(400, np.int64), np.arange(400.0))
    assert found.in_spells
    assert found.lag1 == pytest.approx(0.6, abs=0.12)
    assert found.effective_share < 0.5


def in_blocks(values: np.ndarray, case: np.ndarray, n: int, n_blocks: int):
    return sample_of(values, case, np.arange(n), block=block_labels(len(values), n_blocks))


def test_trials_in_blocks_of_time_are_worth_what_the_sandwich_in_two_directions_says():
    """Against the formula written out as sums over all pairs of trials: those of one case, and those of one block."""
    rng = np.random.default_rng(5)
    n, repeats = 60, 3
    case = np.concatenate([rng.permutation(n) for _ in range(repeats)])
    values = np.exp(0.4 * ar1(rng, n * repeats, 0.8) + rng.normal(0, 0.3, n)[case])
    sample = in_blocks(values, case, n, 12)
    at = float(np.quantile(values, 0.5))
    d = (values <= at) - np.mean(values <= at)
    same_case, same_block = case[:, None] == case[None, :], sample.block[:, None] == sample.block[None, :]
    big = np.outer(d, d) / len(d) ** 2
    parts = [(same_case, n), (same_block, 12), (np.eye(len(d), dtype=bool), len(d))]
    of_case, of_block, of_trial = (big[same].sum() * groups / (groups - 1) for same, groups in parts)
    wanted = np.mean(values <= at) * np.mean(values > at) / (of_case + max(0.0, of_block - of_trial))
    assert effective_trials(sample, at, 0.95) == pytest.approx(
        wanted * (1.959964 / 2.200985) ** 2, rel=1e-5
    )  # t, 11 df


def test_blocks_of_time_never_make_trials_worth_more():
    rng = np.random.default_rng(7)
    for _ in range(50):
        case = rng.permutation(np.repeat(np.arange(40), 2))
        values = rng.lognormal(0, 0.5, 80)
        at = float(np.median(values))
        without = effective_trials(sample_of(values, case, np.arange(40)), at, 0.95)
        assert effective_trials(in_blocks(values, case, 40, 10), at, 0.95) <= without + 1e-9


@pytest.mark.parametrize(("n", "block"), [(1, 1), (8, 2), (9, 3), (27, 3), (28, 4), (1000, 10), (1001, 11)])
def test_a_block_is_the_cube_root_rounded_up(n, block):
    assert moving_block(n) == block


def test_what_trials_are_worth_is_the_variance_of_a_moving_block_bootstrap():
    """Against drawn blocks: 20,000 circular block bootstraps of the mean."""
    rng = np.random.default_rng(6)
    x = np.empty(216)
    x[0] = rng.normal()
    for at in range(1, len(x)):
        x[at] = 0.6 * x[at - 1] + rng.normal(0, 0.8)
    arm, sent = np.zeros(216, np.int64), np.arange(216.0)
    found = send_order_drift(np.exp(x), np.arange(216), arm, sent)
    starts = rng.integers(0, 216, (20_000, 36))
    drawn = x[(starts[:, :, None] + np.arange(6)) % 216].mean(axis=(1, 2))
    assert found.effective_share == pytest.approx(x.var() / 216 / drawn.var(), rel=0.03)


def test_independent_trials_are_worth_nearly_their_number():
    shares = [
        send_order_drift(
            np.random.default_rng(k).lognormal(5, 0.3, 400), np.arange(400), np.zeros(400), np.arange(400.0)
        )
        for k in range(20)
    ]
    assert np.mean([drift.effective_share for drift in shares]) > 0.85
    assert all(1 / 400 <= drift.effective_share <= 1 for drift in shares)
