"""What a comparison of arms asks of where they come from: one run, or two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from evalharness.core.model import Arm
from evalharness.stats.sample import Ints, Sample, Settings
from evalharness.verdict.families import Pair


class ArmSamples(Protocol):
    """``arm`` is everywhere an index into ``arms``; the samples of a metric index the same cases."""

    @property
    def settings(self) -> Settings: ...

    @property
    def arms(self) -> Sequence[Arm]: ...

    @property
    def clusters(self) -> Ints:
        """(cases) the independent unit of each case."""
        ...

    @property
    def is_latency(self) -> bool:
        """Whether times are compared in blocks of trials, and not by case."""
        ...

    @property
    def time_confounded(self) -> str | None:
        """Why their times may not be compared, one clause; None where they may."""
        ...

    def scores(self, grader: str, arm: int) -> Sample: ...

    def metric(self, name: str, arm: int) -> Sample: ...

    def paired_times(self, name: str, pair: Pair) -> tuple[Sample, Sample]: ...
