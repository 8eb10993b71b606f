"""Running figures of each arm for the progress display. Rough by design: the report computes its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist, median

from evalharness.core.model import Arm, Plan, Status, Trial
from evalharness.core.record import TrialResult

_Z95 = NormalDist().inv_cdf(0.975)


@dataclass(slots=True)
class ArmTally:
    label: str
    n_planned: int = 0
    n_done: int = 0
    n_errors: int = 0
    cost_usd: float | None = None
    ttfo_ms: list[float] = field(default_factory=list)
    score_by_case: dict[str, list[float]] = field(default_factory=dict)

    @property
    def quality(self) -> tuple[float, float, float] | None:
        """Mean of case means with a Wilson interval over cases: wider than the report's where repeats add knowledge."""
        if not self.score_by_case:
            return None
        n = len(self.score_by_case)
        mean = sum(sum(scores) / len(scores) for scores in self.score_by_case.values()) / n
        centre = (mean + _Z95**2 / (2 * n)) / (1 + _Z95**2 / n)
        half = _Z95 / (1 + _Z95**2 / n) * (mean * (1 - mean) / n + _Z95**2 / (4 * n * n)) ** 0.5
        return mean, max(0.0, centre - half), min(1.0, centre + half)

    @property
    def ttfo_p50_ms(self) -> float | None:
        return median(self.ttfo_ms) if self.ttfo_ms else None


class Tally:
    """All arms of a plan, fed with each finished trial. Where time ends the run, nothing is planned beyond it:
    ``timed_s`` is how long it lasts, and ``n_planned`` stays 0."""

    def __init__(self, plan: Plan) -> None:
        self._primary = plan.suite.graders[0].grader_id if plan.suite.graders else None
        self.arms: Mapping[str, ArmTally] = {arm.arm_id: ArmTally(label=arm.label) for arm in plan.arms}
        self.timed_s = plan.suite.load.timed_s
        for trial in plan.trials:
            if trial.phase == "measured" and self.timed_s is None:
                self.arms[trial.arm_id].n_planned += 1

    @property
    def n_planned(self) -> int:
        return sum(arm.n_planned for arm in self.arms.values())

    @property
    def n_done(self) -> int:
        return sum(arm.n_done for arm in self.arms.values())

    def count(self, trial: Trial, arm: Arm, result: TrialResult, ttfo_ms: float | None) -> None:
        if trial.phase != "measured":
            return
        tally = self.arms[arm.arm_id]
        tally.n_done += 1
        tally.n_errors += result.status is Status.ERROR
        if result.cost_usd is not None:
            tally.cost_usd = (tally.cost_usd or 0.0) + result.cost_usd
        if ttfo_ms is not None:
            tally.ttfo_ms.append(ttfo_ms)
        score = self._score(result)
        if score is not None:
            tally.score_by_case.setdefault(trial.case_id, []).append(score)

    def _score(self, result: TrialResult) -> float | None:
        if result.status in (Status.INCOMPLETE, Status.REFUSED) and not result.scores:
            return 0.0
        score = result.scores.get(self._primary) if self._primary else None
        return None if score is None else score.value
