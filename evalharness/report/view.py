"""What every section starts from: the run, its analysis, and how each arm is named and drawn."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.core.findings import Analysis, ArmFindings, Comparison, Estimate, Outcome
from evalharness.core.model import Arm
from evalharness.core.record import RunRecord
from evalharness.report import sight
from evalharness.report.charts.marks import Interval, Mark, swatch
from evalharness.report.gate_words import GatesText, gates_text
from evalharness.report.palette import PLACES_IN_ORDER, effort_place
from evalharness.report.settings import ReportSettings
from evalharness.report.trouble import nothing_measured
from evalharness.report.verdict_text import VerdictText, share_right, verdict_text
from evalharness.report.words import spoken

_GROUPING = ("model", "endpoint")
#: Arms drawn and compared on the page; a larger sweep shows the most telling ones and has a table of all.
MAX_SHOWN = 12
#: Up to here every arm has its own line and row in full; beyond, what is least needed is folded away.
FEW_ARMS = 6
#: Places that the highest scores have among the shown, however many arms are efficient: nobody looks for less.
_TOP_SCORES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmView:
    """``group`` heads the arm's rows where the run has several models or endpoints, else it is empty.

    ``variant`` are its values on all other axes but the effort: arms of one group and variant form a ladder.
    """

    found: ArmFindings
    planned: Arm
    mark: Mark
    group: str
    variant: str
    is_baseline: bool
    is_chosen: bool

    @property
    def label(self) -> str:
        return self.found.label

    @property
    def label_in_group(self) -> str:
        """The label without what the group's heading says."""
        values = [str(value) for name, value in self.planned.key.items() if not (self.group and name in _GROUPING)]
        return ", ".join(values) or self.label

    @property
    def spoken(self) -> str:
        return spoken(self.found)

    @property
    def arm_id(self) -> str:
        return self.found.arm_id

    @property
    def swatch(self) -> Markup:
        """The arm's shape, for keys and rows."""
        return swatch(self.mark)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """``arms`` are all, ``shown`` those drawn (at most 12 and the baseline), both in the plan's order by group.

    ``named``: ids of the arms that the verdict names. ``by_weight``: all arms, those first that a reader needs most.
    ``says_something``: False where no call came to an end that says anything of the answers, so that comparing them
    would be a comparison of nothing. ``beside``: the run compared with, for its answers; None where it is not at hand.
    """

    run: RunRecord
    analysis: Analysis
    settings: ReportSettings
    verdict: VerdictText
    gates: GatesText | None
    arms: tuple[ArmView, ...]
    shown: tuple[ArmView, ...]
    named: frozenset[str]
    by_weight: tuple[ArmView, ...]
    share_right: bool
    says_something: bool
    beside: RunRecord | None = None

    @property
    def baseline(self) -> ArmView | None:
        return next((arm for arm in self.arms if arm.is_baseline), None)

    @property
    def is_invalid(self) -> bool:
        """Whether it was to be compared with a run that it cannot be compared with."""
        source = self.analysis.baseline_run
        return source is not None and bool(source.invalid)

    @property
    def margin(self) -> float | None:
        """The size of a difference that the suite calls too small to matter; None where it states none."""
        rule = self.analysis.decision.rule
        return rule.margin or None if rule is not None and rule.metric == self.analysis.primary else None

    @property
    def is_large(self) -> bool:
        """Whether there are so many arms that a page with all of each would bury the answer."""
        return len(self.shown) > FEW_ARMS

    @property
    def shown_text(self) -> str:
        """Which arms are shown, and why those; empty where all are."""
        if len(self.shown) == len(self.arms):
            return ""
        baseline = " and the baseline" if self.baseline else ""
        return (
            f"Showing {len(self.shown)} of {len(self.arms)} arms: those that the verdict names, the highest "
            f"scores, efficient ones{baseline}"
        )

    def few(self, n: int) -> tuple[ArmView, ...]:
        """The ``n`` of the shown arms that are needed most, the baseline among them, in the order of the page."""
        kept = {arm.arm_id for arm in self.by_weight[:n]}
        if self.baseline and self.baseline.arm_id not in kept:
            kept = {arm.arm_id for arm in self.by_weight[: n - 1]} | {self.baseline.arm_id}
        return tuple(arm for arm in self.shown if arm.arm_id in kept)

    @property
    def quality_name(self) -> str:
        return "Right" if self.share_right else "Mean score"

    def arm(self, arm_id: str) -> ArmView:
        return next(arm for arm in self.arms if arm.arm_id == arm_id)

    def versus(self, arm_id: str) -> Comparison | None:
        """The arm's quality against the baseline's."""
        return next((item for item in self.analysis.versus_baseline if item.candidate == arm_id), None)

    def ratio(self, metric: str, arm_id: str) -> Comparison | None:
        """The arm's cost, time or tokens against the baseline's, as far as this client saw them."""
        return sight.ratio(self.analysis, metric, arm_id)

    def quality(self, arm: ArmView) -> Estimate | None:
        return arm.found.quality.get(self.analysis.primary)

    def limit_ms(self, metric: str) -> float | None:
        """The limit that the suite's service level sets for a time metric."""
        slo = self.run.plan.suite.slo
        return slo.limits_ms.get(metric) if slo else None


def make_view(run: RunRecord, analysis: Analysis, settings: ReportSettings, *, beside: RunRecord | None = None) -> View:
    planned = {arm.arm_id: arm for arm in run.plan.arms}
    groups = _groups([planned[found.arm_id] for found in analysis.arms])
    marks = _marks([planned[found.arm_id] for found in analysis.arms])
    decision = analysis.decision
    chosen = decision.arm_id if decision.outcome is Outcome.USE else None
    arms = [
        ArmView(
            found=found,
            planned=planned[found.arm_id],
            mark=mark,
            group=group,
            variant=_variant(planned[found.arm_id]),
            is_baseline=found.arm_id == analysis.baseline,
            is_chosen=found.arm_id == chosen,
        )
        for found, mark, group in zip(analysis.arms, marks, groups, strict=True)
    ]
    order = list(dict.fromkeys(groups))
    arms.sort(key=lambda arm: order.index(arm.group))
    verdict, gates = verdict_text(run, analysis), gates_text(analysis)
    said = " ".join([verdict.heading, verdict.lead, *verdict.bullets, gates.lead if gates else ""])
    named = frozenset(arm.arm_id for arm in arms if arm.is_chosen or _is_named(arm, said))
    by_weight = _by_weight(arms, analysis, named)
    return View(
        run=run,
        analysis=analysis,
        settings=settings,
        verdict=verdict,
        gates=gates,
        arms=tuple(arms),
        shown=_shown(arms, by_weight),
        named=named,
        by_weight=by_weight,
        share_right=share_right(run, analysis.primary),
        says_something=nothing_measured(run, analysis) is None,
        beside=beside,
    )


def percent_interval(estimate: Estimate) -> Interval:
    return scaled(estimate, 100)


def scaled(estimate: Estimate, factor: float = 1.0) -> Interval:
    """An estimate in the unit of an axis."""
    lower = None if estimate.lower is None else estimate.lower * factor
    upper = None if estimate.upper is None else estimate.upper * factor
    return Interval(point=estimate.point * factor, lower=lower, upper=upper)


def _groups(arms: Sequence[Arm]) -> list[str]:
    """Model, and endpoint where that differs too; empty for all where there is one only, or where that is all that
    the arms differ in: each would be headed by its own name."""
    if all(set(arm.key) <= set(_GROUPING) for arm in arms):
        return ["" for _ in arms]
    several_endpoints = len({arm.endpoint for arm in arms}) > 1
    names = [f"{arm.model} at {arm.endpoint}" if several_endpoints else arm.model for arm in arms]
    return names if len(set(names)) > 1 else ["" for _ in arms]


def _variant(arm: Arm) -> str:
    return ", ".join(str(value) for name, value in arm.key.items() if name not in (*_GROUPING, "reasoning.effort"))


def _marks(arms: Sequence[Arm]) -> list[Mark]:
    """Colour and shape are the effort's where efforts differ, else the place in order; variants differ by dash."""
    efforts = [arm.effort for arm in arms]
    variants = list(dict.fromkeys(_variant(arm) for arm in arms))
    by_effort = len(set(efforts)) > 1 and all(effort_place(effort or "") is not None for effort in efforts)
    marks = []
    for index, arm in enumerate(arms):
        place = effort_place(arm.effort or "") if by_effort else None
        if place is None:
            places = PLACES_IN_ORDER
            marks.append(Mark(places[index % len(places)], index // len(places)))
        else:
            marks.append(Mark(place, variants.index(_variant(arm))))
    return marks


def _is_named(arm: ArmView, said: str) -> bool:
    """Whole words alone: “low” is not in “below”."""
    return re.search(rf"(?<![\w-]){re.escape(arm.spoken)}(?![\w-])", said, re.IGNORECASE) is not None


def _by_weight(arms: Sequence[ArmView], analysis: Analysis, named: Collection[str]) -> tuple[ArmView, ...]:
    """Those that the verdict names, the highest scores, then those that no other beats in everything, then by score."""
    places = analysis.front.places if analysis.front else {}

    def by_score(arm: ArmView) -> float:
        estimate = arm.found.quality.get(analysis.primary)
        return 1.0 if estimate is None else -estimate.point

    top = {arm.arm_id for arm in sorted(arms, key=by_score)[:_TOP_SCORES]}

    def weight(arm: ArmView) -> tuple[bool, bool, bool, float]:
        place = places.get(arm.arm_id)
        return arm.arm_id not in named, arm.arm_id not in top, place is None or not place.on_front, by_score(arm)

    return tuple(sorted(arms, key=weight))


def _shown(arms: Sequence[ArmView], by_weight: Sequence[ArmView]) -> tuple[ArmView, ...]:
    """All arms up to the limit; beyond it the weightiest, and the baseline."""
    if len(arms) <= MAX_SHOWN:
        return tuple(arms)
    kept = {arm.arm_id for arm in by_weight[:MAX_SHOWN]}
    return tuple(arm for arm in arms if arm.arm_id in kept or arm.is_baseline)
