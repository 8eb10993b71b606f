"""Verdicts under way: the same at each look, never taken back, and an interval that says what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.core.findings import Reason, Verdict
from evalharness.stats.betting import log_e_above
from evalharness.stats.evidence import ALPHA
from evalharness.stats.gates import at_least, equivalent, improved, non_inferior
from evalharness.stats.sequential import Watch, judge_watches, sign_of_ratio, watch
from tests.stats.test_properties import printable

QUICK = settings(max_examples=40, deadline=None, derandomize=True)


def run(state: Watch, values) -> Watch:
    for value in values:
        state = state.after(float(value))
    return state


def test_a_clear_gain_passes_before_the_cases_are_through():
    state = watch(improved(), low=-1, high=1, single_pairs=True)
    n = 0
    while state.worst.verdict is Verdict.INCONCLUSIVE:
        state = state.after(1.0)
        n += 1
    assert n == 6  # twice the Jeffreys mixture of 6 gains and no loss is the first above 1/0.05 (see the references)
    (finding,) = judge_watches([state])
    assert finding.estimate.lower >= 0
    assert finding.estimate.n == n


def test_a_verdict_once_given_stays():
    state = run(watch(non_inferior(0.05), low=-1, high=1), [1.0] * 60)
    assert state.worst.verdict is Verdict.PASS
    assert run(state, [-1.0] * 300).worst.verdict is Verdict.PASS


def test_the_interval_is_the_sequence_and_not_that_of_a_fixed_number():
    rng = np.random.default_rng(3)
    d = rng.choice([-1, 0, 1], p=[0.05, 0.8, 0.15], size=300)
    (finding,) = judge_watches([run(watch(improved(), low=-1, high=1, single_pairs=True), d)])
    assert finding.estimate.method == "betting confidence sequence"
    fixed = 1.645 * d.std() / np.sqrt(300)
    assert finding.estimate.upper - finding.estimate.point > fixed


def test_missing_trials_open_a_second_course():
    state = run(watch(at_least(0.5), low=0, high=1), [1.0] * 30)
    assert state.best is state.worst
    state = state.after_missing(0.0, 1.0, n_missing=1)
    assert state.best is not state.worst
    for _ in range(6):
        state = state.after_missing(0.0, 1.0, n_missing=1)
    (finding,) = judge_watches([state])
    assert finding.verdict is Verdict.PASS  # it was given before anything was missing
    state = watch(at_least(0.9), low=0, high=1)
    for _ in range(60):
        state = state.after_missing(0.0, 1.0, n_missing=1)
    (finding,) = judge_watches([state])
    assert (finding.verdict, finding.reason) == (Verdict.INCONCLUSIVE, Reason.MISSING)
    assert finding.clause == "60 missing calls decide"


def test_a_fail_among_several_has_to_be_kept_by_holm():
    one = watch(improved(), low=-1, high=1, single_pairs=True)
    failing = one
    while failing.worst.verdict is Verdict.INCONCLUSIVE:
        failing = failing.after(-1.0)
    found = judge_watches([failing, one, one])
    assert (found[0].verdict, found[0].reason) == (Verdict.INCONCLUSIVE, Reason.HOLM)
    assert judge_watches([run(failing, [-1.0] * 10), one, one])[0].verdict is Verdict.FAIL


def test_clusters_enter_as_sums():
    """Clusters of equal cases are single cases: the same bets, on values of the same mean."""
    rng = np.random.default_rng(4)
    values = rng.choice([0.0, 1.0], p=[0.3, 0.7], size=80)
    single = run(watch(at_least(0.5), low=0, high=1), values)
    threes = watch(at_least(0.5), low=0, high=1, largest=3)
    for value in values:
        threes = threes.after(3 * value, 3)
    assert threes.p_fail == pytest.approx(single.p_fail)
    assert threes.worst.estimate("share").lower == single.worst.estimate("share").lower
    assert threes.worst.estimate("share").n == 240


@pytest.mark.parametrize(("total", "cases"), [(1.5, 1), (-2.0, 1), (0.0, 2), (0.0, 0)])
def test_a_value_that_cannot_be_is_refused(total, cases):
    with pytest.raises(ValueError, match=r"values lie|a unit has"):
        watch(improved(), low=-1, high=1).after(total, cases)


def test_a_limit_that_no_case_could_show_is_refused():
    with pytest.raises(ValueError, match="between"):
        watch(at_least(1.5), low=0, high=1)


@pytest.mark.parametrize(
    ("candidate", "baseline", "sign"),
    [(100, 100, 1), (160, 100, -1), (150, 100, 0), (np.inf, 100, -1), (100, np.inf, 1), (np.inf, np.inf, 0)],
)
def test_a_ratio_of_times_counts_by_its_sign(candidate, baseline, sign):
    assert sign_of_ratio(candidate, baseline, 1.5) == sign


@QUICK
@given(
    st.lists(st.sampled_from([-1.0, 0.0, 0.0, 1.0, 0.5]), max_size=80),
    st.sampled_from([non_inferior(0.05), improved(), equivalent(0.1), non_inferior(1.0)]),
)
def test_the_interval_says_what_the_verdict_says(values, requirement):
    state = watch(requirement, low=-1, high=1)
    lower, upper, given_verdict = -1.0, 1.0, Verdict.INCONCLUSIVE
    for value in values:
        state = state.after(value)
        (finding,) = judge_watches([state])
        printable(finding.estimate, -1, 1)
        if finding.estimate.lower is None:
            return
        assert finding.estimate.lower >= lower
        assert finding.estimate.upper <= upper
        lower, upper = finding.estimate.lower, finding.estimate.upper
        if given_verdict is not Verdict.INCONCLUSIVE:
            assert finding.verdict is given_verdict
        elif finding.verdict is Verdict.PASS:
            assert all(
                claim.shown_by((np.nextafter(lower, 2), np.nextafter(upper, -2))) for claim in requirement.passes_if
            )
        elif finding.verdict is Verdict.FAIL:
            assert finding.p_fail <= ALPHA
            assert any(
                claim.shown_by((np.nextafter(lower, 2), np.nextafter(upper, -2))) for claim in requirement.fails_if
            )
        given_verdict = finding.verdict


@QUICK
@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=60), st.booleans())
def test_swapping_the_arms_mirrors_the_sequence(values, single_pairs):
    forth = run(watch(improved(), low=-1, high=1, single_pairs=single_pairs), values)
    back = run(watch(improved(), low=-1, high=1, single_pairs=single_pairs), [-value for value in values])
    turned = {Verdict.PASS: Verdict.FAIL, Verdict.FAIL: Verdict.PASS, Verdict.INCONCLUSIVE: Verdict.INCONCLUSIVE}
    assert back.worst.verdict is turned[forth.worst.verdict]
    ends = forth.worst.estimate("share"), back.worst.estimate("share")
    assert ends[0].lower == pytest.approx(-ends[1].upper, abs=1e-9)


@pytest.mark.parametrize(("share", "fewest", "most"), [(0.5, 0.02, 0.05), (0.45, 0.005, 0.02)])
def test_bets_on_more_gains_rarely_pay_where_gains_are_no_likelier(share, fewest, most):
    """The chance of ever reaching 20 within 150 pairs, exactly: the capital's paths, counted by gains so far."""
    n = 150
    alive, reached = np.zeros(n + 1), 0.0
    alive[0] = 1.0
    for pairs in range(1, n + 1):
        alive = np.concatenate([[0.0], alive[:-1] * share]) + alive * (1 - share)
        there = [b for b in range(pairs + 1) if alive[b] and log_e_above(b, pairs - b) >= math.log(20)]
        reached += alive[there].sum()
        alive[there] = 0
    assert fewest < reached <= most
