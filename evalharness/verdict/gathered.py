"""What a run says of its trials beside their metrics: counted by arm, placed in time, and judged of the client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evalharness.core.model import Json
from evalharness.core.record import RunRecord
from evalharness.metrics.table import Table
from evalharness.verdict.moments import Moments, moments_of
from evalharness.verdict.sightings import Sightings
from evalharness.verdict.tally import Tally, tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """``tallies`` by arm id, also of arms without a trial."""

    moments: Moments
    tallies: Mapping[str, Tally]
    sightings: Sightings


def gather(run: RunRecord, table: Table) -> Gathered:
    """``table``: that of the run."""
    return Gathered(
        moments=moments_of(table.facts, max(1, len({seen.session for seen in run.observers}))),
        tallies={
            arm.arm_id: tally(table, np.asarray(table.arm_index == place), _whole(arm.request.get("max_output_tokens")))
            for place, arm in enumerate(run.plan.arms)
        },
        sightings=Sightings(seen=table.facts.seen),
    )


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) else None
