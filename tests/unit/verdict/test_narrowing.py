"""What a further run should try: for each way in which levels can be settled, or not."""

from __future__ import annotations

import pytest

from evalharness.core.findings import Estimate, Met, ServiceLevel, StretchFindings
from evalharness.core.model import LevelUnit
from evalharness.verdict.narrowing import Between, narrowing


def level(
    value: float,
    met: Met = Met.OPEN,
    *,
    good: float | None = 0.9,
    n_effective: float = 100.0,
    rate_kept: bool = True,
) -> StretchFindings:
    """One whose trials are worth ``n_effective`` independent ones; a share of 0.75 is asked."""
    share = None
    if good is not None:
        share = Estimate(point=good, lower=0.5, upper=0.99, method="", n=100, unit="share", n_effective=n_effective)
    service = ServiceLevel(share_at_least=0.75, met=met, limits=(), share=share)
    return StretchFindings(
        step=0,
        arm_id=None,
        level=value,
        level_unit=LevelUnit.RATE_PER_S,
        n_sent=1,
        n_ended=1,
        n_failed=0,
        service=service,
        rate_kept=rate_kept,
    )


def said(held=(), tried=(), failed=(), *, unit: LevelUnit = LevelUnit.RATE_PER_S, each_s: float | None = 6.0) -> str:
    return " ".join(narrowing(Between(held=held, open=tried, failed=failed, unit=unit, each_s=each_s)))


@pytest.mark.parametrize(
    ("held", "tried", "failed", "sentence"),
    [
        ((20.0, 40.0), (), (80.0,), "To narrow it: add 50/s, 60/s and 70/s."),
        ((10.0,), (), (11.0,), "To narrow it: add 10.2/s, 10.5/s and 10.8/s."),
        ((20.0, 40.0), (), (), "To see where it fails: add 60/s and 80/s."),
        ((), (), (20.0, 40.0), "To narrow it: add 5/s and 10/s."),
        ((20.0,), (40.0,), (100.0,), "To narrow it: add 30/s and 70/s."),
        ((), (40.0,), (100.0,), "To narrow it: add 20/s and 70/s."),
        ((20.0,), (40.0,), (), "To narrow it: add 30/s and 60/s."),
    ],
)
def test_further_levels_lie_between_what_is_shown_and_what_is_not(held, tried, failed, sentence):
    assert said(held, [level(each) for each in tried], failed).endswith(sentence)


def test_trials_in_flight_are_whole_and_neighbours_have_none_between_them():
    assert said((4.0,), (), (6.0,), unit=LevelUnit.CONCURRENCY) == "To narrow it: add 5 in flight."
    assert said((4.0,), (), (5.0,), unit=LevelUnit.CONCURRENCY) == ""


def test_an_open_level_says_how_long_it_would_have_to_be():
    """Share 0.85, target 0.75: ((1.645 sqrt(.75 .25) + .842 sqrt(.85 .15)) / .1)^2 = 102.5 are wanted, 25 are there."""
    worth_25 = level(70.0, good=0.85, n_effective=25.0)
    assert "To settle 70/s: about 25 s for each level (each_s, now 6)." in said((60.0,), [worth_25], (80.0,))
    assert "about 5 times as many calls" in said((60.0,), [worth_25], (80.0,), each_s=None)


def test_a_share_at_its_target_names_no_length():
    for good in (0.75, 0.7501, None):
        words = said((60.0,), [level(70.0, good=good)], (80.0,))
        assert "At 70/s no length can be named" in words
        assert "To settle" not in words


def test_no_higher_rate_is_proposed_to_a_client_that_did_not_keep_the_highest():
    words = said((), [level(20.0, rate_kept=False), level(100.0, rate_kept=False)], ())
    assert words == (
        "This client did not keep 20/s and 100/s, so those say nothing of the service: give it more workers, or a "
        "machine with less to do. To narrow it: add 10/s."
    )


def test_a_rate_that_was_not_kept_was_not_tried_and_needs_another_client():
    words = said((20.0,), [level(40.0, Met.MET, rate_kept=False), level(60.0)], (80.0,))
    assert words.startswith("This client did not keep 40/s, so that says nothing of the service")
    assert "To settle 60/s" in words


def test_a_level_that_fails_below_one_that_holds_is_said_and_not_smoothed_over():
    words = said((), [level(5.0, Met.NOT_MET), level(10.0, Met.MET)], ())
    assert "Not met at 5/s and yet met at 10/s" in words
