"""What is kept of a run for the index and for the history of its suite: the ``report.json`` as a value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from evalharness.core.estimate import Estimate
from evalharness.core.model import Json


class Quantity(StrEnum):
    """What a figure is, which decides how it is written and whether two are compared by difference or by ratio."""

    SHARE = "share"
    POINTS = "points"
    TIME = "time"
    MONEY = "money"
    RATIO = "ratio"
    NUMBER = "number"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSummary:
    label: str
    quality: Estimate | None
    cost_usd: Estimate | None
    total_ms_p95: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSummary:
    """``subject`` and ``demand`` are the gate in words: ``answer of low``, ``at least 80%``. ``allowed``: the region in
    which the figure has to lie; None: no limit on that side."""

    subject: str
    demand: str
    verdict: str
    quantity: Quantity | None
    found: Estimate | None
    allowed: tuple[float | None, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """Texts are empty and numbers None where the file does not say.

    ``baseline_run``: id of the run it was compared with, ``comparison`` what came of that in a few words. ``hashes``:
    what was measured, by part (cases, graders, prompts, request, model, endpoint, load, prices) and who measured it
    (client, version, reported model). Two runs measured the same where all parts have equal hashes. ``quality_range``:
    lowest and highest score of the arms.
    """

    run_id: str
    suite: str
    kind: str
    created_utc: str
    state: str
    simulated: bool
    commit: str
    outcome: str
    heading: str
    verdict: str
    metric: str
    arm: str
    n_arms: int
    baseline_run: str
    comparison: str
    quality: Estimate | None
    cost_usd: Estimate | None
    total_ms_p95: Estimate | None
    good_share: Estimate | None
    quality_range: tuple[float, float] | None
    hashes: Mapping[str, str] = field(default_factory=dict)
    arms: tuple[ArmSummary, ...] = ()
    gates: tuple[GateSummary, ...] = ()

    @property
    def is_complete(self) -> bool:
        return self.state == "complete"

    @property
    def is_latency(self) -> bool:
        return self.kind == "latency"


def summary_of(report: Mapping[str, Json]) -> RunSummary:
    """From the JSON object. What is not of its type is taken for absent: anybody may have written the file."""
    ends, hashes = _pair(report.get("quality_range")), report.get("hashes")
    beside = report.get("comparison")
    compared = beside if isinstance(beside, Mapping) else {}
    return RunSummary(
        **{name: _text(report.get(name)) for name in _TEXTS},
        baseline_run=_text(compared.get("baseline")),
        comparison=_text(compared.get("heading")),
        simulated=report.get("simulated") is True,
        n_arms=report["n_arms"] if isinstance(report.get("n_arms"), int) else 0,
        quality=_estimate(report.get("quality")),
        cost_usd=_estimate(report.get("cost_usd")),
        total_ms_p95=_estimate(report.get("total_ms_p95")),
        good_share=_estimate(report.get("good_share")),
        quality_range=None if ends[0] is None or ends[1] is None else (ends[0], ends[1]),
        hashes={key: _text(value) for key, value in hashes.items()} if isinstance(hashes, Mapping) else {},
        arms=tuple(_arm(each) for each in _objects(report.get("arms"))),
        gates=tuple(_gate(each) for each in _objects(report.get("gates"))),
    )


_TEXTS = ("run_id", "suite", "kind", "created_utc", "state", "commit", "outcome", "heading", "verdict", "metric", "arm")


def _arm(value: Mapping[str, Json]) -> ArmSummary:
    figures = {name: _estimate(value.get(name)) for name in ("quality", "cost_usd", "total_ms_p95")}
    return ArmSummary(label=_text(value.get("label")), **figures)


def _gate(value: Mapping[str, Json]) -> GateSummary:
    quantity = value.get("quantity")
    return GateSummary(
        subject=_text(value.get("subject")),
        demand=_text(value.get("demand")),
        verdict=_text(value.get("verdict")),
        quantity=next((each for each in Quantity if each == quantity), None),
        found=_estimate(value.get("found"), level=0.90),
        allowed=_pair(value.get("allowed")),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _objects(value: Any) -> list[Mapping[str, Json]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, Sequence) else []


def _pair(value: Any) -> tuple[float | None, float | None]:
    if not isinstance(value, list) or len(value) != 2:
        return None, None
    return _number(value[0]), _number(value[1])


def _number(value: Any) -> float | None:
    """Only what is finite: JSON as Python reads it has more."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _estimate(value: Any, *, level: float = 0.95) -> Estimate | None:
    """``[point, lower, upper]`` back."""
    if not isinstance(value, list) or len(value) != 3 or (point := _number(value[0])) is None:
        return None
    lower, upper = _number(value[1]), _number(value[2])
    return Estimate(point=point, lower=lower, upper=upper, method="", n=0, unit="", level=level)
