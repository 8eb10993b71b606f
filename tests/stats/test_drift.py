"""Drift of times in the order of sending: what arms sent one after the other hide, and what trials are worth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalharness.stats.drift import moving_block, one_after_the_other, send_order_drift, time_blocks


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


def test_time_blocks_are_neighbours_in_time_whatever_the_order_of_cases():
    moment = np.random.default_rng(1).permutation(30).astype(float)
    labels = time_blocks(moment)
    assert (np.diff(labels[np.argsort(moment)]) >= 0).all()
    assert set(np.bincount(labels)) <= {4, 5}
    assert math.isclose(len(np.unique(labels)), 30 // moving_block(30))
    assert time_blocks(np.array([3.0])).tolist() == [0]
