"""The measurements that a gate is judged by: of one arm, or of two arms of a run, on the cases that it names."""

from __future__ import annotations

import math

import numpy as np

from evalharness.core.model import Status
from evalharness.metrics.catalog import CATALOG, Unit
from evalharness.metrics.table import Bools, Floats
from evalharness.stats.gate_costs import Spending
from evalharness.stats.sample import Sample, restricted
from evalharness.verdict.families import Pair
from evalharness.verdict.service import right_column
from evalharness.verdict.unknown_spending import most_spent
from evalharness.verdict.view import RunView

ERROR_SHARE = "error_share"
COST_PER_CORRECT = "cost_per_correct_usd"
#: Answers that lack these lack nothing: a connection was used again, nothing was reasoned, one token has no pace.
MAY_LACK = ("connect_ms", "ttfr_ms", "reasoning_ms", "tpot_ms", "gap_ms", "visible_tokens_per_s")


def is_of_the_moment(metric: str) -> bool:
    """Whether it is a time or a rate: what a service does at a moment, of which a latency run's unit is the trial."""
    return metric in CATALOG and CATALOG[metric].unit in (Unit.MS, Unit.TOKENS_PER_S)


def one_arm(view: RunView, metric: str, arm: int, tag: str | None) -> Sample:
    """``metric``: a grader id, a name of the catalogue, or ``error_share`` (1.0 where a trial failed)."""
    if metric in view.grader_ids:
        return _tagged(view, view.scores(metric, arm), tag)
    if metric == ERROR_SHARE:
        return _tagged(view, view.sample(failed_column(view), arm), tag)
    if is_of_the_moment(metric):
        return view.times(view.table.timed(metric), view.rows(arm) & _rows(view, metric, tag))
    return _tagged(view, view.metric(metric, arm), tag)


def two_arms(view: RunView, metric: str, pair: Pair, tag: str | None) -> tuple[Sample, Sample]:
    """(candidate, baseline) on the same cases; times of a latency run on the same repeats of them."""
    if is_of_the_moment(metric) and view.is_latency:
        return view.paired_times(metric, pair, _rows(view, metric, tag))
    return one_arm(view, metric, pair[0], tag), one_arm(view, metric, pair[1], tag)


def spending(view: RunView, arm: int, tag: str | None) -> Spending:
    """Right is what the primary grader says."""
    return Spending(
        cost=one_arm(view, "cost_usd", arm, tag),
        correct=right_answers(view, arm, tag),
        missing=(0.0, most_spent(view, "cost_usd", arm)),
    )


def right_answers(view: RunView, arm: int, tag: str | None) -> Sample:
    """1.0 where the primary score reaches its pass mark, 0.0 where not, NaN where it is missing."""
    return _tagged(view, view.sample(right_column(view), arm), tag)


def most_missing(view: RunView, metric: str, *arms: int) -> float:
    """What a missing value of one of ``arms`` can be at most; +inf for all that is no amount."""
    if metric not in CATALOG or CATALOG[metric].unit not in (Unit.TOKENS, Unit.USD):
        return math.inf
    return max(most_spent(view, metric, arm) for arm in arms)


def failed_column(view: RunView) -> Floats:
    """Per row 1.0 where the trial ended with an error, NaN where it did not end."""
    failed = view.table.has_status(Status.ERROR).astype(float)
    return np.where(view.table.has_status(Status.PENDING), np.nan, failed)


def _tagged(view: RunView, sample: Sample, tag: str | None) -> Sample:
    return sample if tag is None else restricted(sample, _cases(view, tag))


def _cases(view: RunView, tag: str) -> Bools:
    cases = np.zeros(view.table.n_cases, dtype=np.bool_)
    cases[view.table.tags.get(tag, np.empty(0, dtype=np.int32))] = True
    return cases


def _rows(view: RunView, metric: str, tag: str | None) -> Bools:
    """Trials of the tag, less answers that have no such value by their nature: these are not missing."""
    rows = view.all_rows if tag is None else _cases(view, tag)[view.table.case_index]
    if metric in MAY_LACK:
        rows = rows & ~(np.isnan(view.table.metrics[metric]) & ~_unfinished(view))
    return rows


def _unfinished(view: RunView) -> Bools:
    """Trials of which nothing is known, or that failed: no answer that could lack anything."""
    return view.table.has_status(Status.PENDING) | view.table.has_status(Status.ERROR)
