"""Which of three or more arms is preferred, from pairs? Strengths by Bradley and Terry, anchored at the baseline."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from evalharness.core.findings import Estimate
from evalharness.stats.bootstrap import NO_SPREAD, resampled_sums
from evalharness.stats.proportions import Interval, t_quantile
from evalharness.stats.sample import Floats, Ints, Mask, Settings, groups, sums_by

#: Wins each way between any two arms in each draw, far below any count: a draw in which an arm never lost has a fit.
GHOST_WINS = 1e-6
PSEUDO_WINS = 0.5
MOST_STEPS = 100
ELO_PER_LOG_ODDS = 400 / math.log(10)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Games:
    """Verdicts between pairs of ``n_arms`` arms.

    ``first`` and ``second`` (N): indices of the arms. ``score`` (N) in [0, 1]: 1 where the first won, 0.5 a tie, NaN
    where there is no verdict (``preference.preferences`` makes these of both orders). ``case`` (N) and ``cluster``
    (n cases) as in ``Sample``.
    """

    first: Ints
    second: Ints
    score: Floats
    case: Ints
    cluster: Ints
    n_arms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """An arm against the baseline: ``log_odds`` of being preferred to it (0: a draw), and as ``win_probability``."""

    arm: int
    log_odds: Estimate
    win_probability: Estimate

    def elo(self) -> Estimate:
        """Points above the baseline on the scale on which 400 are odds of ten to one."""
        odds = self.log_odds
        lower, upper = (None if limit is None else limit * ELO_PER_LOG_ODDS for limit in (odds.lower, odds.upper))
        return replace(odds, point=odds.point * ELO_PER_LOG_ODDS, lower=lower, upper=upper, unit="elo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """``strengths`` of all arms but the baseline, by arm index; empty where ``refused`` says why there are none.

    ``groups`` are the arms between which wins go both ways, directly or over other arms: with more than one of them the
    likelihood has no maximum. ``pseudo_wins``: whether half a win each way was added between every two arms, which
    must be said beside the figures.
    """

    baseline: int
    strengths: tuple[Strength, ...]
    groups: tuple[tuple[int, ...], ...]
    pseudo_wins: bool = False
    refused: str | None = None


def rank_arms(games: Games, baseline: int, settings: Settings, *, pseudo_wins: bool = False) -> Ranking:
    """Maximum likelihood strengths, ties half a win each way, with BCa limits of the cluster bootstrap.

    A pair of arms counts once in each case, with the mean of its verdicts there. Refused where some group of arms never
    lost to the others (see ``Ranking.groups``), unless ``pseudo_wins``. In a draw of such a kind a strength counts as
    infinite, so that with few cases a limit may be None; that of a win probability is 0 or 1 then. All limits are None
    with one cluster or where all draws agree. The intervals are for new cases whatever ``settings.scope`` says.
    Raises ``ValueError`` for a score outside [0, 1], an arm outside 0..n_arms-1 or a game of an arm with itself.
    Source: Bradley and Terry 1952; Ford 1957 for the condition.
    """
    wins = _wins_by_cluster(games)
    added = (PSEUDO_WINS if pseudo_wins else 0.0) * (1 - np.eye(games.n_arms))
    total = wins.sum(axis=0)
    apart = _groups_of(total)
    if len(apart) > 1 and not pseudo_wins:
        return Ranking(baseline=baseline, strengths=(), groups=apart, refused=_reason(apart))
    points = _fit((total + added)[None], baseline)[0]
    draws = _drawn_strengths(wins, added, baseline, settings)
    influence = _influence(wins, total + added, points, baseline)
    strengths = []
    for arm in (arm for arm in range(games.n_arms) if arm != baseline):
        limits = _bca_limits(float(points[arm]), draws[:, arm], influence[:, arm], settings.level)
        strengths.append(_strength(games, arm, float(points[arm]), limits, settings))
    ranking = Ranking(baseline=baseline, strengths=tuple(strengths), groups=apart)
    return _labelled(ranking) if pseudo_wins else ranking


def _wins_by_cluster(games: Games) -> Floats:
    """(G, arms, arms): how often the arm of the row won against that of the column, each pair once in each case."""
    _check(games)
    present = ~np.isnan(games.score)
    first, second = games.first[present], games.second[present]
    low, high = np.minimum(first, second), np.maximum(first, second)
    won = np.where(first < second, games.score[present], 1 - games.score[present])
    played, at = np.unique(np.column_stack([games.case[present], low, high]), axis=0, return_inverse=True)
    at = at.ravel()
    share = sums_by(at, won, len(played)) / sums_by(at, np.ones_like(won), len(played))
    index, n_groups = groups(games.cluster)
    wins = np.zeros((n_groups, games.n_arms, games.n_arms))
    case, low, high = played.T
    np.add.at(wins, (index[case], low, high), share)
    np.add.at(wins, (index[case], high, low), 1 - share)
    return wins[wins.any(axis=(1, 2))]


def _check(games: Games) -> None:
    arms, score = np.concatenate([games.first, games.second]), games.score[~np.isnan(games.score)]
    if len(arms) and not 0 <= arms.min() <= arms.max() < games.n_arms:
        raise ValueError(f"arm indices must lie in 0..{games.n_arms - 1}")
    if (games.first == games.second).any():
        raise ValueError("an arm cannot be compared with itself")
    if ((score < 0) | (score > 1)).any():
        raise ValueError("the score of a game must lie in [0, 1]: 1 the first won, 0.5 a tie, 0 the second won")


def _reachable(wins: Floats) -> Mask:
    """(..., arms, arms): whether a chain of wins leads from the arm of the row to that of the column."""
    n_arms = wins.shape[-1]
    reach = ((wins > 0) | np.eye(n_arms, dtype=bool)).astype(float)
    for _ in range(max(1, (n_arms - 1).bit_length())):
        reach = (reach @ reach > 0).astype(float)
    return np.asarray(reach > 0)


def _groups_of(wins: Floats) -> tuple[tuple[int, ...], ...]:
    reach = _reachable(wins)
    both = reach & reach.T
    return tuple(sorted({tuple(np.flatnonzero(row).tolist()) for row in both}))


def _reason(apart: tuple[tuple[int, ...], ...]) -> str:
    named = "; ".join(" ".join(map(str, group)) for group in apart)
    return f"no chain of wins leads both ways between these groups of arms: {named}"


def _drawn_strengths(wins: Floats, added: Floats, baseline: int, settings: Settings) -> Floats:
    """(B, arms) log odds against the baseline, +-inf where a draw has wins one way only, NaN where none either way."""
    n_groups, n_arms = wins.shape[:2]
    if n_groups == 0:
        return np.zeros((1, n_arms))
    drawn = resampled_sums(wins.reshape(n_groups, -1), settings).reshape(-1, n_arms, n_arms) + added
    fits = _fit(drawn + GHOST_WINS * (1 - np.eye(n_arms)), baseline)
    reach = _reachable(drawn)
    down, up = reach[:, :, baseline], reach[:, baseline, :]
    fits[down & ~up], fits[up & ~down], fits[~up & ~down] = np.inf, -np.inf, np.nan
    return fits


def _fit(wins: Floats, baseline: int) -> Floats:
    """(B, arms) maximum likelihood log odds against the baseline, by Newton's method; all ``wins`` connected."""
    others = np.flatnonzero(np.arange(wins.shape[-1]) != baseline)
    games = wins + wins.swapaxes(1, 2)
    strengths, open_ = np.zeros(wins.shape[:2]), np.arange(len(wins))
    for _ in range(MOST_STEPS):
        played, s = games[open_], strengths[open_]
        chance = special.expit(s[:, :, None] - s[:, None, :])
        slope = (wins[open_] - played * chance).sum(axis=2)
        information = _information(played, chance)[:, others[:, None], others]
        step = np.linalg.solve(information, slope[:, others, None])[..., 0]
        # Far from the maximum a full step can overshoot for good; the likelihood is concave, so short ones arrive.
        step /= np.maximum(1.0, np.abs(step).max(axis=1, keepdims=True) / 2)
        strengths[open_[:, None], others] += step
        open_ = open_[np.abs(step).max(axis=1) > 1e-10]
        if not len(open_):
            break
    return strengths


def _information(played: Floats, chance: Floats) -> Floats:
    """(..., arms, arms) minus the second derivative of the log likelihood."""
    bend = played * chance * (1 - chance)
    return np.asarray(bend.sum(axis=-1)[..., None] * np.eye(bend.shape[-1]) - bend)


def _influence(wins: Floats, total: Floats, strengths: Floats, baseline: int) -> Floats:
    """(G, arms): by how much each cluster moves the strengths, to first order."""
    others = np.arange(len(strengths)) != baseline
    chance = special.expit(strengths[:, None] - strengths)
    slope = (wins - (wins + wins.swapaxes(1, 2)) * chance).sum(axis=2)
    moved = np.zeros_like(slope)
    information = _information(total + total.T, chance)[np.ix_(others, others)]
    moved[:, others] = np.linalg.solve(information, slope[:, others].T).T
    return np.asarray(moved)


def _bca_limits(point: float, draws: Floats, influence: Floats, level: float) -> Interval | None:
    """Percentiles of ``draws``, moved for their bias and skewness, at t levels; None below two clusters or one value.

    At plain percentiles 89% of the intervals of 5 arms from 10 cases covered, at these 96%. A draw that says nothing
    of an arm (NaN) counts against either limit. Infinite where draws beyond any number are part of the interval.
    Source: Efron 1987 (BCa, acceleration by influence); Hesterberg 2015 for the t levels.
    """
    known = draws[~np.isnan(draws)]
    n_groups = len(influence)
    if n_groups < 2 or not len(known) or known.min() == known.max():
        return None
    below = (float((known < point).mean()) + float((known <= point).mean())) / 2
    floor = 1 / (len(draws) + 1)
    bias = float(special.ndtri(min(1 - floor, max(floor, below))))
    squares = float(np.square(influence).sum())
    acceleration = float((influence**3).sum()) / (6 * squares**1.5) if squares else 0.0
    reach = t_quantile(level, n_groups - 1) * math.sqrt(n_groups / (n_groups - 1))
    limits = []
    for z, unknown in ((bias - reach, -np.inf), (bias + reach, np.inf)):
        share = float(special.ndtr(bias + z / max(1e-9, 1 - acceleration * z)))
        filled = np.where(np.isnan(draws), unknown, draws)
        limits.append(float(np.quantile(filled, share, method="inverted_cdf")))
    lower, upper = min(limits[0], point), max(limits[1], point)
    return (lower, upper) if lower < upper else None


def _strength(games: Games, arm: int, point: float, limits: Interval | None, settings: Settings) -> Strength:
    lower, upper = limits or (None, None)
    present = ~np.isnan(games.score)
    cases = np.unique(games.case[present])
    log_odds = Estimate(
        point=point,
        lower=None if lower is None or math.isinf(lower) else lower,
        upper=None if upper is None or math.isinf(upper) else upper,
        method="Bradley-Terry, BCa cluster bootstrap" if limits else f"Bradley-Terry, {NO_SPREAD}",
        n=len(cases),
        unit="log odds",
        level=settings.level,
        n_trials=int(present.sum()),
        n_clusters=groups(games.cluster[cases])[1],
    )
    chances = (None if limit is None else float(special.expit(limit)) for limit in (lower, upper))
    least, most = chances
    chance = replace(log_odds, point=float(special.expit(point)), lower=least, upper=most, unit="share")
    return Strength(arm=arm, log_odds=log_odds, win_probability=chance)


def _labelled(ranking: Ranking) -> Ranking:
    """The same ranking with the pseudo-wins named in the method of every figure."""

    def named(estimate: Estimate) -> Estimate:
        return replace(estimate, method=f"{estimate.method}; half a pseudo-win each way between every two arms")

    strengths = tuple(
        replace(each, log_odds=named(each.log_odds), win_probability=named(each.win_probability))
        for each in ranking.strengths
    )
    return replace(ranking, strengths=strengths, pseudo_wins=True)
