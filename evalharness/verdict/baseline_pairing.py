"""A run and what is kept of another, brought together: arm by arm, case by case."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from evalharness.core.findings import BaselineSource
from evalharness.core.model import Json
from evalharness.metrics.table import Bools
from evalharness.stats.gate_costs import Spending
from evalharness.stats.sample import Ints, Sample, sample_of
from evalharness.verdict.baseline_changes import (
    ArmPairs,
    changes,
    differing_keys,
    mismatches,
    paired_arms,
    unpaired_cases,
)
from evalharness.verdict.baseline_trials import BaselineTrials, Kept, Long, trials_of
from evalharness.verdict.view import RunView


class PairedBaseline:
    """A ``Baseline`` for the run of ``view``. Comparisons that cannot be made are None, with the reason in ``source``.

    Scores are compared although no case is common (questions drawn anew): unpaired. Their samples then index the cases
    of both plans, each scored on its own side alone. Times and costs need common cases.
    """

    def __init__(self, view: RunView, kept: Kept) -> None:
        self.view = view
        self._kept = kept
        self._pairs: dict[tuple[str, int, str | None], tuple[Sample, Sample] | None] = {}

    @property
    def has_trials(self) -> bool:
        return self._kept.has_trials

    @cached_property
    def source(self) -> BaselineSource:
        facts, own = self._kept.facts, self._own.facts
        only_there, only_here = unpaired_cases(own.cases, facts.cases)
        return BaselineSource(
            run_id=facts.run_id,
            suite_name=facts.suite_name,
            started_utc=facts.started_utc,
            is_summary=not self._kept.has_trials,
            n_paired=int(self._common.sum()),
            changed=changes(facts, own),
            only_in_baseline=only_there,
            only_in_candidate=only_here,
            invalid=mismatches(self.view.run.plan, facts),
        )

    @cached_property
    def arm_pairs(self) -> ArmPairs:
        """Empty where nothing may be compared."""
        if self.source.invalid:
            return {}
        return paired_arms([arm.key for arm in self.view.arms], self._kept.facts.arms)

    def key(self, arm: int) -> Mapping[str, Json] | None:
        other = self.arm_pairs.get(arm)
        return None if other is None else self._kept.facts.arms[other]

    def has_other_prices(self, arm: int) -> bool:
        """Whether the arm's endpoint has other prices than the endpoint of that name had in the baseline."""
        start = f"prices.{self.view.arms[arm].endpoint}."
        differing = differing_keys(self._kept.facts.described, self._own.facts.described)
        return any(key.startswith(start) for key in differing)

    def pair(self, metric: str, arm: int, tag: str | None = None) -> tuple[Sample, Sample] | None:
        """Made once: a comparison asks for its samples several times."""
        wanted = metric, arm, tag
        if wanted not in self._pairs:
            self._pairs[wanted] = self._made(metric, arm, tag)
        return self._pairs[wanted]

    def _made(self, metric: str, arm: int, tag: str | None) -> tuple[Sample, Sample] | None:
        other = self.arm_pairs.get(arm)
        if other is None or not self._is_comparable(metric):
            return None
        ours, theirs = self._own.values(metric, arm), self._kept.values(metric, other)
        if ours is None or theirs is None:
            return None
        if not self._common.any() and metric in self.view.grader_ids and tag is None:
            return self._unpaired(ours, theirs)
        return self._paired(ours, theirs, self._cases(tag))

    def spending_pair(self, arm: int, tag: str | None = None) -> tuple[Spending, Spending] | None:
        other = self.arm_pairs.get(arm)
        if other is None or self._kept.facts.primary != self._own.facts.primary:
            return None
        cost = self.pair("cost_usd", arm, tag)
        right = self._paired(self._own.right(arm), self._kept.right(other), self._cases(tag))
        if cost is None or right is None:
            return None
        return Spending(cost=cost[0], correct=right[0]), Spending(cost=cost[1], correct=right[1])

    @cached_property
    def _own(self) -> BaselineTrials:
        return trials_of(self.view)

    @cached_property
    def _place(self) -> Ints:
        """Per case of the baseline its place among the run's cases, -1 where it cannot be paired."""
        places = {case_id: place for place, case_id in enumerate(self._own.facts.cases)}
        apart = unpaired_cases(self._own.facts.cases, self._kept.facts.cases)[0]
        found = [-1 if case_id in apart else places[case_id] for case_id in self._kept.facts.cases]
        return np.array(found, dtype=np.int64)

    @cached_property
    def _common(self) -> Bools:
        """(the run's cases) whether a case is in both plans with equal content."""
        common = np.zeros(len(self._own.facts.cases), dtype=np.bool_)
        common[self._place[self._place >= 0]] = True
        return common

    def _cases(self, tag: str | None) -> Bools:
        if tag is None:
            return self._common
        tagged = np.zeros_like(self._common)
        tagged[self.view.table.tags.get(tag, np.empty(0, dtype=np.int32))] = True
        return tagged & self._common

    def _is_comparable(self, metric: str) -> bool:
        """Whether a grader is the same in both; ``source`` lists the differences."""
        return self._own.facts.graders.get(metric) == self._kept.facts.graders.get(metric)

    def _paired(self, ours: Long, theirs: Long, cases: Bools) -> tuple[Sample, Sample] | None:
        if not cases.any():
            return None
        place = self._place[theirs[1]]
        kept = (place >= 0) & cases[place]
        here = cases[ours[1]]
        candidate = sample_of(ours[0][here], ours[1][here], self.view.clusters)
        return candidate, sample_of(theirs[0][kept], place[kept], self.view.clusters)

    def _unpaired(self, ours: Long, theirs: Long) -> tuple[Sample, Sample]:
        """Both on the cases of this run and, after them, those of the baseline."""
        own = self.view.clusters
        names = [case.cluster or f"case {case_id}" for case_id, case in self._kept.facts.cases.items()]
        _, others = np.unique(names, return_inverse=True)
        cluster = np.concatenate([own, others.astype(np.int64) + len(own)])
        return sample_of(ours[0], ours[1], cluster), sample_of(theirs[0], theirs[1] + len(own), cluster)
