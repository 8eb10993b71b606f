"""Which arms are worth having? Quality against cost and waiting time, with how sure each place on the front is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from evalharness.stats.bootstrap import resampled_sums
from evalharness.stats.quantile_draws import quantile_draws
from evalharness.stats.quantiles import effective_trials, fewest_for_upper, ordered
from evalharness.stats.sample import Floats, Sample, Settings, groups, require_scores, sums_by

RESAMPLES = 2_000
#: Points of a cloud: enough to see its shape, few enough for a page.
CLOUD_POINTS = 200
#: The time axis is the highest of these whose upper limit the trials of every arm could give.
TIME_QUANTILES = (0.95, 0.9, 0.5)
#: Offset of the seed of the smoothing noise from that of the draws.
NOISE_STREAM = 0x5EED

Row = tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contender:
    """One arm's scores in [0, 1], its cost per trial and its times; cost or time None: not known.

    The samples of all contenders index the same cases, and have the same clusters.
    """

    quality: Sample
    cost: Sample | None = None
    time: Sample | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPlace:
    """One arm. ``point`` and the points of ``cloud`` have a value per axis, None for a time among failed trials.

    ``front_share`` is the share of the draws in which no arm dominates it, ``dominated_by`` the arms (by index) that
    do, with the share of the draws, most often first. Shares are never 0 or 1: draws do not show certainty.
    """

    point: Row
    on_front: bool
    front_share: float
    dominated_by: tuple[tuple[int, float], ...]
    cloud: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """``axes`` of ``quality`` (more is better), ``cost`` and ``time`` (less is better) that every arm has.

    ``time_quantile`` is what ``time`` means, None without that axis. ``places`` follow the arms, None for an arm
    without a score.
    """

    axes: tuple[str, ...]
    time_quantile: float | None
    places: tuple[FrontPlace | None, ...]
    n_cases: int
    n_clusters: int
    n_draws: int


def pareto_front(arms: Sequence[Contender], settings: Settings) -> Front | None:
    """Mean score against mean cost and p95 time in joint draws of whole clusters; an arm dominates another that it
    matches on all axes and beats on one.

    Shares of draws are no test: two arms of exactly equal quality share the front in about half of the draws. Each
    draw of a mean score gets normal noise of one independent case, 1/G, because draws of scores that are all right
    never vary and would call a cheaper arm as good for certain; the noise stands for the one flipped pair that
    intervals of paired shares add, and vanishes faster than the sampling error. A cost or time that an arm does not
    have takes the axis out for all; an infinite p95 is worse than every other. None below two arms with a score, with
    fewer than two clusters, or with the quality axis alone.
    Source: Kung, Luccio and Preparata 1975 (maxima of vectors); Bonett and Price 2012 (the added pair).
    """
    present = [k for k, arm in enumerate(arms) if arm.quality.scored.any()]
    if len(present) < 2:
        return None
    shown = [arms[k] for k in present]
    few = replace(settings, n_resamples=min(settings.n_resamples, RESAMPLES))
    n_clusters = min(groups(arm.quality.cluster[arm.quality.scored])[1] for arm in shown)
    axes, time_quantile = _axes(shown, settings.level)
    if len(axes) < 2 or n_clusters < 2:
        return None
    points = np.column_stack([_points(shown, axis, time_quantile) for axis in axes])
    draws = np.stack([_draws(shown, axis, time_quantile, few) for axis in axes], axis=2)
    draws = draws[~np.isnan(draws).any(axis=(1, 2))]
    if not len(draws):
        return None
    found = _places(points, _smoothed(draws, n_clusters, settings.seed), present)
    return Front(
        axes=axes,
        time_quantile=time_quantile,
        places=tuple(found.get(k) for k in range(len(arms))),
        n_cases=int(np.any([arm.quality.scored for arm in shown], axis=0).sum()),
        n_clusters=n_clusters,
        n_draws=len(draws),
    )


def _axes(arms: Sequence[Contender], level: float) -> tuple[tuple[str, ...], float | None]:
    costs = [arm.cost for arm in arms]
    times = [arm.time for arm in arms]
    axes = ["quality"]
    if all(cost is not None and cost.scored.any() for cost in costs):
        axes.append("cost")
    quantile = None
    if all(time is not None and time.scored.any() for time in times):
        samples = [time for time in times if time is not None]
        quantile = next((q for q in TIME_QUANTILES if all(_gives(time, q, level) for time in samples)), None)
    return ((*axes, "time") if quantile is not None else tuple(axes)), quantile


def _gives(time: Sample, q: float, level: float) -> bool:
    """Whether the trials are enough for an upper limit of the quantile: with fewer, draws hardly move it."""
    order = ordered(time)
    return order is not None and effective_trials(time, order.at(q), level) >= fewest_for_upper(q, level)


def _column(arm: Contender, axis: str) -> Sample:
    sample = {"quality": arm.quality, "cost": arm.cost, "time": arm.time}[axis]
    assert sample is not None  # an axis is only taken where every arm has it
    return sample


def _points(arms: Sequence[Contender], axis: str, q: float | None) -> Floats:
    """(arms) of one axis, less is better: qualities are negated."""
    samples = [_column(arm, axis) for arm in arms]
    if axis == "time":
        assert q is not None
        return np.array([order.at(q) for sample in samples if (order := ordered(sample)) is not None])
    means = np.array([sample.means[sample.scored].mean() for sample in samples])
    return -means.round(12) if axis == "quality" else means


def _draws(arms: Sequence[Contender], axis: str, q: float | None, settings: Settings) -> Floats:
    """(B, arms) of one axis, less is better, NaN where a draw has no value of an arm."""
    samples = [_column(arm, axis) for arm in arms]
    if axis == "time":
        assert q is not None
        columns = [draws for sample in samples if (draws := quantile_draws(sample, (q,), settings)) is not None]
        return np.hstack(columns)
    if axis == "quality":
        for sample in samples:
            require_scores(sample)
    means = _mean_draws(samples, settings)
    return -means if axis == "quality" else means


def _mean_draws(samples: Sequence[Sample], settings: Settings) -> Floats:
    """(B, arms) means over the cases of each arm."""
    sums, sizes = [], []
    for sample in samples:
        index, n_clusters = groups(sample.cluster)
        if np.isinf(sample.means).any():
            raise ValueError("a mean of times that never ended does not exist; waiting has an axis of its own")
        sums.append(sums_by(index, np.where(sample.scored, sample.means, 0.0), n_clusters))
        sizes.append(sums_by(index, sample.scored.astype(float), n_clusters))
    total, size = np.hsplit(resampled_sums(np.column_stack(sums + sizes), settings), 2)
    means = np.full_like(total, np.nan)
    np.divide(total, size, out=means, where=size > 0)
    return means


def _smoothed(draws: Floats, n_clusters: int, seed: int) -> Floats:
    """The draws (B, arms, axes) with the noise of one case in the quality of each arm."""
    noise = np.random.default_rng([seed, NOISE_STREAM]).normal(0, 1 / n_clusters, draws.shape[:2])
    smoothed = draws.copy()
    smoothed[:, :, 0] += noise
    return smoothed


def _dominates(x: Floats) -> npt.NDArray[np.bool_]:
    """(..., a, b) whether arm a dominates arm b; ``x`` (..., arms, axes), less is better."""
    first, second = x[..., :, None, :], x[..., None, :, :]
    return np.asarray((first <= second).all(axis=-1) & (first < second).any(axis=-1))


def _places(points: Floats, draws: Floats, present: Sequence[int]) -> dict[int, FrontPlace]:
    """The place of each arm of ``present``; rows of ``points`` and of ``draws`` (B, arms, axes) are these arms."""
    wins = _dominates(draws)
    n_draws = len(draws)
    by, front = wins.sum(axis=0), (~wins.any(axis=1)).sum(axis=0)
    beaten = np.any(_dominates(points), axis=0, keepdims=True)[0]
    places = {}
    for at, arm in enumerate(present):
        rivals = sorted((-int(by[other, at]), present[other]) for other in range(len(present)) if by[other, at])
        places[arm] = FrontPlace(
            point=_row(points[at]),
            on_front=not beaten[at],
            front_share=_share(int(front[at]), n_draws),
            dominated_by=tuple((other, _share(-hits, n_draws)) for hits, other in rivals),
            cloud=tuple(_row(row) for row in draws[:CLOUD_POINTS, at]),
        )
    return places


def _share(hits: int, n_draws: int) -> float:
    return min(max(hits, 1), n_draws) / (n_draws + 1)


def _row(values: Floats) -> Row:
    """Back to more is better for quality, held in [0, 1]; None for an infinite time."""
    quality = min(1.0, max(0.0, -float(values[0])))
    return (quality, *(float(value) if np.isfinite(value) else None for value in values[1:]))
