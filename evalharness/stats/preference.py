"""Which of two answers is preferred? Each pair is judged in both orders, because judges favour a position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import sign_flip
from evalharness.stats.one_arm import estimate_share
from evalharness.stats.sample import Floats, Ints, Sample, Settings, cluster_totals, sample_of, without_noise


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Duel:
    """Pairs of answers of candidate and baseline, each judged in both orders.

    ``shown_first`` and ``shown_second`` (N pairs): 1 where the candidate won, 0.5 a tie, 0 where it lost, when its
    answer was the first or the second one shown; NaN where the judge gave no verdict. ``case`` (N) and ``cluster``
    (n cases) as in ``Sample``. Repeated trials of a case are further pairs of it. Several votes of a judge on one pair
    and order are no further pairs: hand in their majority.
    """

    shown_first: Floats
    shown_second: Floats
    case: Ints
    cluster: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """How often the candidate is preferred: ``win_rate`` 0.5 is a draw.

    ``won``, ``lost`` and ``tied`` count cases with a score above, below and at 0.5. ``order_dependent`` is the share of
    pairs whose verdict changes with the order; of these ``favoured_first`` and ``favoured_second`` count those that
    went towards the answer in that place. ``n_missing``: pairs that lack a verdict in either order. ``p_value`` is of a
    win rate of 0.5 and never 0; ``smallest_p`` the least that these cases could have given.
    """

    win_rate: Estimate
    p_value: float
    p_method: str
    smallest_p: float
    won: int
    lost: int
    tied: int
    order_dependent: Estimate
    favoured_first: int
    favoured_second: int
    n_missing: int

    @property
    def agrees(self) -> bool:
        """Whether interval and p say the same about a draw; where not, it is too close to tell."""
        lower, upper = self.win_rate.lower, self.win_rate.upper
        if lower is None or upper is None:
            return True
        return (self.p_value < 1 - self.win_rate.level) == (lower > 0.5 or upper < 0.5)


def preferences(duel: Duel) -> Sample:
    """One verdict per pair: 1 or 0 where one arm won in both orders, else 0.5; NaN where either order has none.

    A verdict that changes with the order tells about the judge, not about the answers, so a win and a tie make 0.5,
    not 0.75. A verdict of one order alone would bring the favour of that place back in, so it is missing.
    Raises ``ValueError`` for verdicts other than 0, 0.5 and 1.
    Source: Zheng et al. 2023, arXiv 2306.05685, section 3.4.
    """
    first, second = duel.shown_first, duel.shown_second
    for verdicts in (first, second):
        if not np.isin(verdicts[~np.isnan(verdicts)], (0.0, 0.5, 1.0)).all():
            raise ValueError("a verdict is 1 (candidate won), 0.5 (tie) or 0 (lost), or NaN where there is none")
    agreed = np.where(first == second, first, 0.5)
    return sample_of(np.where(np.isnan(first + second), np.nan, agreed), duel.case, duel.cluster)


def compare_preferences(duel: Duel, settings: Settings) -> Preference | None:
    """Win rate with score limits at the effective number of pairs, p by sign flips of cluster totals of score - 0.5.

    A case's score is the mean over its pairs. None without a pair that has both verdicts, or as ``estimate_share``
    with ``scope`` suite. Missing pairs are left out: ``filled(preferences(duel), 0 or 1)`` gives the bounds.
    """
    sample = preferences(duel)
    changed = np.where(np.isnan(sample.values), np.nan, duel.shown_first != duel.shown_second)
    win_rate = estimate_share(sample, settings)
    order_dependent = estimate_share(sample_of(changed, duel.case, duel.cluster), settings)
    if win_rate is None or order_dependent is None:
        return None
    lead = without_noise(sample.means[sample.scored] - 0.5, 1.0)
    test = sign_flip(cluster_totals(lead, sample.cluster[sample.scored]), settings)
    towards = (duel.shown_first - duel.shown_second)[changed == 1]
    return Preference(
        win_rate=win_rate,
        p_value=test.p_value,
        p_method=test.method,
        smallest_p=test.smallest_p,
        won=int((lead > 0).sum()),
        lost=int((lead < 0).sum()),
        tied=int((lead == 0).sum()),
        order_dependent=order_dependent,
        favoured_first=int((towards > 0).sum()),
        favoured_second=int((towards < 0).sum()),
        n_missing=sample.n_missing,
    )
