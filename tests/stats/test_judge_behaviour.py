"""What correction of a judge says and refuses, and which of its figures it shows."""

from __future__ import annotations

import numpy as np
import pytest

from evalharness.stats import judge, judge_calibration, judge_gap
from evalharness.stats.judge import Judged, correct_by_labels
from evalharness.stats.judge_agreement import Labelled, agreement
from evalharness.stats.judge_calibration import correct_by_calibration
from evalharness.stats.judge_gap import Basis, compare_judged
from evalharness.stats.one_arm import estimate_share
from evalharness.stats.sample import Settings, sample_of

SETTINGS = Settings(seed=5, n_resamples=199)


def arm(seed: int, *, n: int = 400, p: float = 0.7, se: float = 0.9, sp: float = 0.8, n_labels: int = 80) -> Judged:
    rng = np.random.default_rng(seed)
    right = (rng.random(n) < p).astype(float)
    scored = (rng.random(n) < np.where(right == 1, se, 1 - sp)).astype(float)
    label = np.full(n, np.nan)
    asked = rng.choice(n, n_labels, replace=False)
    label[asked] = right[asked]
    return Judged(judge=scored, label=label, case=np.arange(n), cluster=np.arange(n))


def labels(right_passed: int, right_failed: int, wrong_failed: int, wrong_passed: int, copies: int = 1) -> Labelled:
    counts = np.array([right_passed, right_failed, wrong_failed, wrong_passed]) * copies
    return Labelled(
        judge=np.repeat([1.0, 0.0, 0.0, 1.0], counts),
        label=np.repeat([1.0, 1.0, 0.0, 0.0], counts),
        cluster=np.arange(counts.sum()),
    )


GOOD = labels(90, 10, 80, 20)


def test_a_lenient_judge_is_corrected_downwards_by_either_design():
    lenient = arm(1, n=2000, p=0.5, se=0.98, sp=0.6, n_labels=300)
    for found in (
        correct_by_labels(lenient, SETTINGS),
        correct_by_calibration(lenient, labels(98, 2, 60, 40, copies=5), SETTINGS),
    ):
        assert found.raw.point > 0.65
        assert found.corrected.lower < 0.5 < found.corrected.upper < found.raw.point


@pytest.mark.parametrize(
    ("n_labels", "p"), [(29, 0.5), (100, 0.99)], ids=["too few labels", "too few wrong ones among them"]
)
def test_few_labels_speak_alone_and_say_so(n_labels, p):
    few = arm(3, n_labels=n_labels, p=p)
    found = correct_by_labels(few, SETTINGS)
    alone = estimate_share(sample_of(few.label, few.case, few.cluster), SETTINGS)
    assert found.corrected == alone
    assert found.corrected.method == "Wilson"
    assert found.cautions == (judge.FEW_LABELS,)


def test_an_arm_labelled_throughout_needs_no_judge():
    full = arm(4, n_labels=400)
    found = correct_by_labels(full, SETTINGS)
    assert found.corrected.point == pytest.approx(full.label.mean())
    assert found.cautions == (judge.ALL_LABELLED,)


def test_without_a_label_there_is_no_correction():
    found = correct_by_labels(arm(4, n_labels=0), SETTINGS)
    assert found.corrected is None
    assert found.refused == "no output is labelled"
    assert found.raw is not None


def test_a_judge_that_says_always_the_same_leaves_the_labels_as_they_are():
    blind = arm(6, se=1.0, sp=0.0)
    found = correct_by_labels(blind, SETTINGS)
    assert found.corrected.point == pytest.approx(np.nanmean(blind.label))
    assert judge.rectified(blind).worth == 0


def test_cases_weigh_equally_though_their_repeats_differ():
    """One case of 300 outputs, all right, among 100 wrong and 100 right ones of a single output each."""
    truth = np.concatenate([np.ones(300), np.zeros(100), np.ones(100)])
    case = np.concatenate([np.zeros(300, int), np.arange(1, 201)])
    label = np.where(np.random.default_rng(2).random(len(truth)) < 0.5, truth, np.nan)
    found = correct_by_labels(Judged(judge=truth, label=label, case=case, cluster=np.arange(201)), SETTINGS)
    assert found.corrected.point == pytest.approx(101 / 201, abs=0.01)


@pytest.mark.parametrize(
    ("outside", "reason"),
    [
        (labels(50, 50, 50, 50), judge_calibration.GUESSING),
        (labels(20, 80, 30, 70), judge_calibration.GUESSING),
        (labels(90, 10, 0, 0), "no output of one class"),
        (labels(60, 40, 90, 10, copies=20), judge_calibration.NOT_OF_THIS_JUDGE),
    ],
    ids=["guessing", "worse than guessing", "one class", "raw rate beyond the calibration"],
)
def test_a_calibration_that_cannot_correct_is_refused(outside, reason):
    found = correct_by_calibration(arm(7, p=0.95, se=0.97), outside, SETTINGS)
    assert found.corrected is None
    assert reason in found.refused
    assert found.raw is not None


def test_a_weak_judge_and_one_that_may_guess_are_pointed_out():
    weak = correct_by_calibration(arm(8, p=0.5, se=0.6, sp=0.6), labels(60, 40, 60, 40, copies=10), SETTINGS)
    assert [caution.split(":")[0] for caution in weak.cautions] == ["weak judge"]
    unsure = correct_by_calibration(arm(8, p=0.5, se=0.6, sp=0.6), labels(6, 4, 6, 4), SETTINGS)
    assert [caution.split(":")[0] for caution in unsure.cautions] == ["weak judge", "the judge may be guessing"]
    assert correct_by_calibration(arm(8), GOOD, SETTINGS).cautions == ()


def test_full_agreement_is_not_certain():
    found = agreement(labels(20, 0, 20, 0), SETTINGS)
    assert found.kappa.point == 1
    assert 0.7 < found.kappa.lower < found.kappa.upper == 1
    assert found.sensitivity.lower < 1


def test_labels_of_one_kind_have_no_kappa():
    found = agreement(labels(20, 0, 0, 0), SETTINGS)
    assert found.kappa is None
    assert found.specificity is None
    assert (found.n_right, found.n_wrong) == (20, 0)


def test_repeats_of_a_case_make_agreement_less_certain():
    once = labels(45, 5, 40, 10)
    repeated = Labelled(
        judge=np.repeat(once.judge, 4), label=np.repeat(once.label, 4), cluster=np.repeat(once.cluster, 4)
    )
    single, of_cases = agreement(once, SETTINGS), agreement(repeated, SETTINGS)
    for name in ("sensitivity", "specificity", "kappa"):
        one, four = getattr(single, name), getattr(of_cases, name)
        assert one.point == pytest.approx(four.point)
        assert four.upper - four.lower >= one.upper - one.lower - 1e-9


def test_scales_have_a_corrected_mean_but_no_sensitivity():
    rng = np.random.default_rng(3)
    scored = rng.choice([0, 0.25, 0.5, 0.75, 1.0], 300)
    label = np.where(np.arange(300) < 60, np.clip(scored - 0.25, 0, 1), np.nan)
    found = correct_by_labels(Judged(judge=scored, label=label, case=np.arange(300), cluster=np.arange(300)), SETTINGS)
    assert found.agreement is None
    assert found.corrected.point < found.raw.point


@pytest.mark.parametrize("column", ["judge", "label"])
def test_scores_outside_0_and_1_are_refused(column):
    fields = {"judge": np.array([1.0, 0.0]), "label": np.array([1.0, np.nan])}
    fields[column] = fields[column] * 5
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        correct_by_labels(Judged(**fields, case=np.arange(2), cluster=np.arange(2)), SETTINGS)


def test_calibration_needs_verdicts_that_are_right_or_wrong():
    halves = Judged(judge=np.full(3, 0.5), label=np.full(3, np.nan), case=np.arange(3), cluster=np.arange(3))
    with pytest.raises(ValueError, match="pass_at"):
        correct_by_calibration(halves, GOOD, SETTINGS)


# ---------------------------------------------------------------- two arms


def test_a_judge_that_favours_an_arm_makes_no_gap_once_both_arms_are_labelled():
    favoured, other = arm(11, n=2000, se=0.98, n_labels=300), arm(12, n=2000, se=0.8, n_labels=300)
    found = compare_judged(favoured, other, SETTINGS)
    assert found.basis is Basis.LABELS
    assert found.judge_only.estimate.lower > 0.05
    assert found.estimate.lower < 0 < found.estimate.upper
    assert found.sensitivity_gap.lower > 0


def test_calibrations_of_each_arm_take_the_favour_out():
    favoured, other = arm(13, n=2000, se=0.98, n_labels=0), arm(14, n=2000, se=0.8, n_labels=0)
    outside = labels(98, 2, 80, 20, copies=5), labels(80, 20, 80, 20, copies=5)
    found = compare_judged(favoured, other, SETTINGS, outside=outside)
    assert found.basis is Basis.PER_ARM
    assert found.judge_only.p_value < 0.001
    assert found.p_value > 0.05


def test_pooling_needs_labels_that_show_no_favour():
    """One arm has too few labels of its own. Whether the other's may speak for it is what the outside labels show."""
    candidate, baseline = arm(15, p=0.8, n_labels=0), arm(16, p=0.6, n_labels=0)
    guess = labels(0, 0, 80, 20, copies=5)  # no right output: this arm's sensitivity is unknown
    unknown = compare_judged(candidate, baseline, SETTINGS, outside=(GOOD, guess))
    assert unknown.basis is Basis.JUDGE_ONLY
    assert unknown.cautions == (judge_gap.FAVOUR,)
    assert unknown.estimate.point == unknown.judge_only.estimate.point
    assert "judge only" in unknown.estimate.method


def test_labels_that_show_no_favour_are_pooled(monkeypatch):
    monkeypatch.setattr(judge, "FEWEST_LABELS", 10_000)  # as if no arm had enough of its own
    candidate, baseline = arm(17, n=4000, p=0.75, n_labels=2000), arm(18, n=4000, p=0.6, n_labels=2000)
    found = compare_judged(candidate, baseline, SETTINGS)
    assert found.basis is Basis.POOLED
    assert found.estimate.point > found.judge_only.estimate.point > 0
    assert found.estimate.lower < 0.15 < found.estimate.upper
    favoured = compare_judged(arm(19, n=4000, p=0.75, se=0.99, n_labels=2000), baseline, SETTINGS)
    assert favoured.basis is Basis.JUDGE_ONLY


def test_arms_of_equal_outputs_still_have_an_interval():
    same = arm(20)
    found = compare_judged(same, same, SETTINGS)
    assert found.estimate.point == 0
    assert found.estimate.lower < 0 < found.estimate.upper
    assert found.p_value == 1.0


def test_arms_of_other_cases_are_refused():
    with pytest.raises(ValueError, match="same cases"):
        compare_judged(arm(1, n=400), arm(2, n=300), SETTINGS)


def test_arms_that_the_judge_did_not_score_are_not_compared():
    silent = Judged(judge=np.full(400, np.nan), label=np.full(400, np.nan), case=np.arange(400), cluster=np.arange(400))
    assert compare_judged(silent, arm(1), SETTINGS) is None
