"""Gates and sequences against values that the code under test did not make (``reference/make_gates.py``)."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from evalharness.stats import betting, gate_scores
from evalharness.stats.betting import Discordant
from evalharness.stats.evidence import Claim, Evidence, Gap, Showing
from evalharness.stats.gate_scores import difference_evidence, share_evidence
from evalharness.stats.gate_times import quantile_evidence, time_ratio_evidence
from evalharness.stats.gates import Gate, at_most, judge_gates
from evalharness.stats.sample import Settings
from evalharness.stats.settle import settle
from tests.stats.test_references import flips, one_each

ROWS = json.loads((Path(__file__).parent / "reference" / "gates.json").read_text(encoding="utf-8"))
SETTINGS = Settings(seed=11)


def of(what: str) -> pytest.MarkDecorator:
    rows = [(row["given"], row["expected"]) for row in ROWS if row["what"] == what]
    assert rows, f"no reference for {what}"
    return pytest.mark.parametrize(("given", "expected"), rows)


def same(p: float, expected: float) -> None:
    """p to 3 digits; 1.0 stands for all that is not below 0.45. What matters is on the same side of 5%."""
    if expected > 0.45:
        assert p == 1.0
    else:
        assert p == pytest.approx(max(expected, 1e-12), rel=2e-3)
        assert (p <= 0.05) == (expected <= 0.05)


def shares(given) -> Evidence:
    values = np.zeros(given["n"])
    values[: given["right"]] = 1
    return one_each(values)


@of("share")
def test_p_of_a_share_of_single_trials_is_the_exact_binomial_one(given, expected):
    evidence = share_evidence(shares(given), SETTINGS)
    same(evidence.observed.p_value(Claim(limit=given["limit"], above=given["above"])), expected)


@of("few")
def test_fewer_than_ten_single_trials_are_judged_by_the_exact_test(given, expected):
    evidence = share_evidence(shares(given), SETTINGS)
    claim = Claim(limit=given["limit"], above=given["above"])
    assert evidence.observed.may_decide(claim)
    same(evidence.observed.p_value(claim), expected)


@of("quantile")
def test_p_of_a_quantile_is_the_binomial_one_of_the_share_inside(given, expected):
    values = np.r_[np.full(given["inside"], 90.0), np.full(given["n"] - given["inside"], 110.0)]
    evidence = quantile_evidence(one_each(values + np.arange(given["n"]) * 1e-3), given["q"], SETTINGS)
    same(evidence.observed.p_value(Claim(limit=100.0, above=not given["met"])), expected)


@of("non_inferior")
def test_p_of_a_margin_is_that_of_the_score_test_for_many_pairs(given, expected, monkeypatch):
    monkeypatch.setattr(gate_scores, "MOST_PAIRS", 0)
    evidence = difference_evidence(*flips(given["gained"], given["lost"], given["n"]), SETTINGS)
    for side in ("above", "below"):
        p = evidence.observed.p_value(Claim(limit=-given["margin"], above=side == "above"))
        same(p, expected[side])


@of("time_ratio")
def test_p_of_a_ratio_of_times_is_the_signed_rank_one_of_the_limit(given, expected):
    evidence = time_ratio_evidence(one_each(given["candidate"]), one_each(given["baseline"]), SETTINGS)
    for side in ("above", "below"):
        p = evidence.observed.p_value(Claim(limit=given["limit"], above=side == "above"))
        assert p == pytest.approx(expected[side], rel=1e-9) or (p == 1.0 and expected[side] > 0.45)


@of("holm")
def test_fails_are_adjusted_by_holm(given, expected):
    def evidence(p: float) -> Evidence:
        return Evidence(
            observed=Showing(estimate=None, p_value=lambda claim: p if claim.above else 1.0, n_clusters=100)
        )

    gates = [Gate(requirement=at_most(1.0), evidence=evidence(p)) for p in given["p"]]
    found = judge_gates(gates)
    assert [finding.p_fail_adjusted for finding in found] == pytest.approx(expected)
    assert [finding.verdict == "fail" for finding in found] == [p <= 0.05 for p in expected]


@of("cases")
def test_cases_that_settle_are_those_of_the_one_sided_sample_size(given, expected):
    gap = Gap(
        point=given["distance"], limit=0.0, variance=given["variance"], at_limit=given["at_limit"], n_cases=expected - 1
    )
    assert settle([gap]).cases == expected


@of("betting")
def test_bets_on_differences_make_what_confseq_makes(given, expected):
    bets = betting.betting([given["limit"]], low=-1, high=1)
    for value in given["d"]:
        bets = bets.after(value)
    for side in ("above", "below"):
        won = bets.log_e(Claim(limit=given["limit"], above=side == "above"))
        assert won == pytest.approx(max(0.0, expected[side]), abs=1e-9)


@of("betting_scores")
def test_bets_on_scores_make_what_confseq_makes(given, expected):
    bets = betting.betting([given["limit"]], low=0, high=1)
    for value in given["x"]:
        bets = bets.after(value)
    for side in ("above", "below"):
        won = bets.log_e(Claim(limit=given["limit"], above=side == "above"))
        assert won == pytest.approx(max(0.0, expected[side]), abs=1e-9)


@of("discordant")
def test_bets_on_discordant_pairs_average_the_likelihood_ratio(given, expected):
    gained, lost = given["gained"], given["lost"]
    assert betting.log_e_above(gained, lost) == pytest.approx(expected["above"], abs=1e-5)
    assert betting.log_e_above(lost, gained) == pytest.approx(expected["below"], abs=1e-5)
    assert betting.log_e_two_sided(gained, lost) == pytest.approx(expected["two_sided"], abs=1e-5)


@pytest.mark.parametrize("gain_share", [0.5, 0.45])
def test_looking_at_every_pair_errs_as_rarely_as_once(gain_share):
    """All paths of 400 discordant pairs, without simulation: the chance that the bets ever reach 1/0.05."""
    alive, crossed = {0: 1.0}, 0.0
    for n in range(1, 401):
        then: dict[int, float] = {}
        for gained, weight in alive.items():
            for more, chance in ((1, gain_share), (0, 1 - gain_share)):
                then[gained + more] = then.get(gained + more, 0.0) + weight * chance
        over = [g for g in then if betting.log_e_above(g, n - g) >= -math.log(0.05)]
        crossed += sum(then.pop(g) for g in over)
        alive = then
    assert 0 < crossed <= 0.05


def test_the_peak_of_the_bets_is_kept():
    flips_seen = Discordant()
    for _ in range(9):
        flips_seen = flips_seen.after(1.0)
    highest = flips_seen.peak_above
    for _ in range(9):
        flips_seen = flips_seen.after(-1.0)
    assert flips_seen.peak_above == highest == pytest.approx(betting.log_e_above(9, 0))
