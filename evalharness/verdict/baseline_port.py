"""What gates and comparisons ask of the run that a run is compared with: another run, or a small file kept in git."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from evalharness.core.findings import BaselineSource
from evalharness.core.model import Json
from evalharness.stats.gate_costs import Spending
from evalharness.stats.sample import Sample


class Baseline(Protocol):
    """``arm`` is everywhere an index into the arms of the candidate's ``RunView``; the baseline's arm is the one with
    the same ``key``. Pairs are (candidate, baseline), index the same cases and have the candidate's clusters: the
    cases in both plans with equal content, less those without ``tag``. A case of which calls are missing stays, NaN.
    """

    @property
    def source(self) -> BaselineSource: ...

    @property
    def has_trials(self) -> bool:
        """False for a file of sums: it has one median a case for each time, and no quantiles."""
        ...

    def key(self, arm: int) -> Mapping[str, Json] | None:
        """Axis values of the baseline's arm; None where it has no such arm."""
        ...

    def pair(self, metric: str, arm: int, tag: str | None = None) -> tuple[Sample, Sample] | None:
        """``metric``: a grader id, a name of the catalogue, or ``error_share`` (1.0 where a trial failed).

        Times are trials, +inf where one failed; without trials one value a case, the median, on both sides. None where
        the baseline has no such arm or metric, and where no case is common.
        """
        ...

    def spending_pair(self, arm: int, tag: str | None = None) -> tuple[Spending, Spending] | None:
        """Costs and right answers (of the primary grader) for ``cost_per_correct_usd``; None as ``pair``."""
        ...
