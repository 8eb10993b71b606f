"""What statistics and verdicts say: the one object that HTML, Markdown, terminal and JSON print.

Shares and scores are fractions (0.72), differences of them fractions (0.047 = 4.7 points), times milliseconds, money
US dollars. No point travels without its interval. ``math.nan`` and infinity never appear here: missing is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from evalharness.core.estimate import Estimate, TimeFindings
from evalharness.core.gate_findings import (
    BaselineSource,
    Change,
    GateFindings,
    Reason,
    Settling,
    Verdict,
    overall,
)
from evalharness.core.insight_findings import (
    CaseFlip,
    CaseReading,
    FrontFindings,
    FrontPlace,
    NoPrice,
    OrderedFindings,
    Price,
    QuantileShift,
    Route,
    RouterFindings,
    ShiftFindings,
    SolvedShares,
    TagEffect,
    TagRoute,
    TagTable,
)
from evalharness.core.load_findings import (
    Course,
    Drift,
    Knee,
    LimitFindings,
    Mark,
    Met,
    ObserverFindings,
    Part,
    ServiceLevel,
    Spread,
    Steadiness,
    StretchFindings,
    TimeDivision,
)
from evalharness.core.model import DecisionLimit, DecisionRule, Json

__all__ = [
    "Analysis",
    "ArmFindings",
    "ArmStanding",
    "BaselineSource",
    "CaseFlip",
    "CaseReading",
    "Change",
    "Comparison",
    "Course",
    "Decision",
    "Drift",
    "EffortEvidence",
    "Estimate",
    "FrontFindings",
    "FrontPlace",
    "GateFindings",
    "Knee",
    "LimitFindings",
    "Mark",
    "Met",
    "NoPrice",
    "ObserverFindings",
    "OrderedFindings",
    "Outcome",
    "Part",
    "Price",
    "QuantileShift",
    "Reading",
    "Reason",
    "Route",
    "RouterFindings",
    "ServiceLevel",
    "Settling",
    "ShiftFindings",
    "SolvedShares",
    "Spread",
    "Standing",
    "Steadiness",
    "Step",
    "StretchFindings",
    "TagEffect",
    "TagRoute",
    "TagTable",
    "TimeDivision",
    "TimeFindings",
    "Trend",
    "Verdict",
    "overall",
]


class Reading(StrEnum):
    """The allowed readings of a comparison."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "the same"
    BETTER_BUT_SMALL = "better, but too small to matter"
    WORSE_BUT_SMALL = "worse, but too small to matter"
    TOO_CLOSE = "too close to tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Candidate against baseline on one metric.

    ``kind`` is ``difference`` (candidate - baseline, in the metric's unit) or ``ratio`` (candidate / baseline).
    ``simultaneous`` is the interval that holds jointly over the family of comparisons shown together; the reading is
    taken from it where it exists. ``gained`` and ``lost`` count cases that improved and worsened.
    ``candidate_level`` and ``baseline_level``: what the metric comes to on either side by itself, over the cases
    compared; only where a run is compared with another. ``p_value`` floors at 1/(draws+1), never 0. ``worst`` and
    ``best`` are the same estimate with every missing trial counted against and for the candidate; None when nothing is
    missing.
    """

    metric: str
    candidate: str
    baseline: str
    kind: str
    design: str
    estimate: Estimate
    reading: Reading
    higher_is_better: bool
    simultaneous: Estimate | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    p_method: str = ""
    adjustment: str | None = None
    smallest_p: float | None = None
    n_pairs: int = 0
    gained: int = 0
    lost: int = 0
    correlation: float | None = None
    n_missing: int = 0
    worst: Estimate | None = None
    best: Estimate | None = None
    cautions: tuple[str, ...] = ()
    candidate_level: Estimate | None = None
    baseline_level: Estimate | None = None

    @property
    def shown(self) -> Estimate:
        """The interval to print beside other comparisons: simultaneous where there is one."""
        return self.simultaneous or self.estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class EffortEvidence:
    """Whether the service did what was asked. ``honoured`` None: nothing to judge by."""

    requested: str | None
    reported: Mapping[str, int] = field(default_factory=dict)
    honoured: bool | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """What asking each case ``k`` times brings: the share of cases right at least once (pass@k) and every time
    (pass^k). ``n_left_out``: cases without k scores, of which neither can be said."""

    k: int
    any_right: Estimate
    all_right: Estimate
    n_left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFindings:
    """One arm. ``counts`` has every status with its number; their sum is ``n_planned``.

    ``quality`` maps each grader id to its estimate (None: nothing scored); ``quality_bounds`` to the point with all
    missing trials wrong and all right, only for graders with something missing. ``tokens`` maps ``input_uncached``,
    ``cached``, ``reasoning``, ``answer``, ``input`` and ``output`` to the mean per trial (None: not reported).
    ``rates`` maps ``visible_tokens_per_s`` and ``output_tokens_per_s`` to their medians.
    ``cost_usd`` is the mean per trial, failed attempts included. ``drift`` are medians of total_ms in equal blocks of
    trials in time order, ``retried`` how many trials of each block were tried again or turned away (429).
    ``p95_retries``: 95% of trials were tried again at most so often. ``mixed_share`` is the share of cases whose
    repeats disagree, None with one repeat; ``tries``: None too where time ends the run, no case has all
    scores, and with ``scope`` suite.
    ``slo_share`` is at level 0.95, ``service`` holds the verdict with one-sided bounds; with ``steps`` both are over
    all levels, and the stretches and the knee say more. ``n_cut``: answers cut at ``max_output_tokens``;
    ``n_cut_by_reasoning``: those of which more than half of the tokens were reasoning, None where of none of them that
    is known; ``n_cut_by_reasoning_at_limit``: those of the latter that are as long as it allows.
    ``coalesced_share``: gaps between deltas that this client may have closed by reading late; in runs that
    did not observe themselves all gaps that are 0. ``divided``: None where nothing ended.
    """

    arm_id: str
    label: str
    key: Mapping[str, Json]
    n_planned: int
    counts: Mapping[str, int]
    quality: Mapping[str, Estimate | None]
    quality_bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    icc: float | None = None
    mixed_share: float | None = None
    tries: Tries | None = None
    times: Mapping[str, TimeFindings] = field(default_factory=dict)
    tokens: Mapping[str, Estimate | None] = field(default_factory=dict)
    rates: Mapping[str, Estimate | None] = field(default_factory=dict)
    n_without_usage: int = 0
    cost_usd: Estimate | None = None
    cost_total_usd: float | None = None
    cost_per_correct_usd: Estimate | None = None
    n_without_cost: int = 0
    wasted_cost_usd: float | None = None
    slo_share: Estimate | None = None
    failures: Mapping[str, int] = field(default_factory=dict)
    incomplete_reasons: Mapping[str, int] = field(default_factory=dict)
    n_cut: int = 0
    n_cut_by_reasoning: int | None = 0
    n_cut_by_reasoning_at_limit: int = 0
    n_retries: int = 0
    p95_retries: int = 0
    n_null_scores: int = 0
    anomalies: Mapping[str, int] = field(default_factory=dict)
    effort: EffortEvidence | None = None
    models_reported: Mapping[str, int] = field(default_factory=dict)
    tiers_reported: Mapping[str, int] = field(default_factory=dict)
    coalesced_share: float | None = None
    connection_reused_share: float | None = None
    drift: tuple[float | None, ...] = ()
    retried: tuple[int, ...] = ()
    service: ServiceLevel | None = None
    divided: TimeDivision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An arm against the one below it on the effort axis. ``extra_cost_usd`` per trial, ``time_ratio`` of total_ms.

    ``extra_ms``: how much longer a case typically takes, failed trials infinitely late. ``usd_per_score`` and
    ``ms_per_score``: what it takes for what it gains, None where cost or time is not known.
    """

    lower_arm: str
    upper_arm: str
    quality: Comparison
    extra_cost_usd: Estimate | None = None
    time_ratio: Comparison | None = None
    extra_ms: Estimate | None = None
    usd_per_score: Price | None = None
    ms_per_score: Price | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """How the primary score moves along three or more efforts of one ladder (``arms``: their ids, lowest first).

    ``estimate``: change per step, with ``n_steps`` steps. ``fell``: the steps (lower arm, upper arm) whose score was
    lower in the upper arm: a trend is not monotonicity. Whether such a fall is shown is said by that ``Step``.
    ``rising_line``: by arm, the scores closest to those found that never fall; ``levelled``: the runs of arms (first,
    last) that it has to make equal. It describes, and tests nothing.
    """

    metric: str
    arms: tuple[str, ...]
    estimate: Estimate
    reading: Reading
    p_value: float
    p_method: str
    fell: tuple[tuple[str, str], ...] = ()
    rising_line: tuple[float, ...] = ()
    levelled: tuple[tuple[str, str], ...] = ()
    cautions: tuple[str, ...] = ()

    @property
    def n_steps(self) -> int:
        return len(self.arms) - 1


class Standing(StrEnum):
    """``ineligible``: broke a limit. ``excluded``: shown to be worse than some arm by more than the margin."""

    ADMISSIBLE = "admissible"
    EXCLUDED = "excluded"
    UNDECIDED = "undecided"
    INELIGIBLE = "ineligible"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmStanding:
    """Where an arm stands under the rule. ``against`` is the arm id that decides it; ``limit`` is one that is broken,
    or of which it is not known.

    ``gap`` is the simultaneous interval of this arm minus ``against``. ``cases_to_settle`` None: not needed, or
    none can be named.
    """

    arm_id: str
    standing: Standing
    against: str | None = None
    gap: Estimate | None = None
    limit: DecisionLimit | None = None
    cases_to_settle: int | None = None


class Outcome(StrEnum):
    USE = "use"
    NO_CLEAR_WINNER = "no clear winner"
    NO_RULE = "no rule set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Which arm to use. ``arm_id`` is the arm to use, or for *no clear winner* the cheapest not excluded.

    ``held_back`` says in one clause why no arm could be chosen where the data alone would have chosen one (too few
    cases, missing trials decide, prices unknown); None otherwise.
    """

    outcome: Outcome
    rule: DecisionRule | None = None
    arm_id: str | None = None
    standings: tuple[ArmStanding, ...] = ()
    held_back: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Everything a report says about one run.

    ``kind`` is ``latency`` (the load is open, timed or has steps: times are of the mix of requests, and their unit is
    the trial), else ``effort`` (two or more arms) or ``single``. ``primary`` is the first grader's id. Comparisons of
    the primary metric against the baseline are in ``versus_baseline``; those of other graders in ``secondary``
    (exploratory). ``ratios`` maps a metric (``cost_usd``, ``total_ms``, ``ttfo_ms``, ``output_tokens``) to its
    comparisons against the baseline by candidate arm id. ``tag_quality`` maps tag -> arm id -> estimate of the primary
    metric. ``flips`` maps the candidate's arm id to cases that changed against the baseline, losses first, largest
    change first.
    ``service``: that of all arms together, None without an ``slo``. ``stretches`` of a latency run, by step, all arms
    together first; empty for other kinds. ``knees``: one for all arms and, with several, one for each; empty without
    ``steps`` or without an ``slo``. ``observer`` None: nothing was observed (runs of earlier versions).
    ``trend`` is that of the ladder of efforts with the baseline (else the first), None below three efforts; ``ordered``
    says of the same arms whether times and tokens move with the effort. ``router`` is over that ladder, of two arms or
    more. ``front``: None without costs and times. ``tag_effects`` maps a candidate's arm id to its differences by tag.
    ``shift``: the recommended arm against the baseline, else the only other one.
    ``gates``: judged, in the suite's order, each on every arm it selects. ``baseline_run``: the run compared with, None
    where there is none; ``against_run`` maps a metric to this run's arms against the same arms of that one, and
    ``run_flips`` an arm's id to its cases that changed against it, in the order of ``flips``, ``run_tag_effects`` to
    its differences from it by tag; ``run_shift`` is of the recommended arm against itself there, else of the only one.
    ``drift`` None: none of times was found, or (not ``drift_sought``) too few were taken to say; of a latency run its
    ``stretches`` say it.
    ``banners`` are whole sentences that a reader must see before the numbers; ``notes`` whole sentences that belong
    beside the figures they concern (waiting times), not before them.
    """

    kind: str
    primary: str
    grader_ids: tuple[str, ...]
    n_cases: int
    n_clusters: int
    repeats: int
    scope: str
    seed: int
    n_resamples: int
    arms: tuple[ArmFindings, ...]
    baseline: str | None = None
    versus_baseline: tuple[Comparison, ...] = ()
    secondary: Mapping[str, tuple[Comparison, ...]] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    trend: Trend | None = None
    ratios: Mapping[str, Mapping[str, Comparison]] = field(default_factory=dict)
    tag_quality: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    tag_cases: Mapping[str, int] = field(default_factory=dict)
    flips: Mapping[str, tuple[CaseFlip, ...]] = field(default_factory=dict)
    decision: Decision = field(default_factory=lambda: Decision(outcome=Outcome.NO_RULE))
    banners: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    n_comparisons: int = 0
    service: ServiceLevel | None = None
    stretches: tuple[StretchFindings, ...] = ()
    knees: tuple[Knee, ...] = ()
    observer: ObserverFindings | None = None
    gates: tuple[GateFindings, ...] = ()
    baseline_run: BaselineSource | None = None
    against_run: Mapping[str, tuple[Comparison, ...]] = field(default_factory=dict)
    run_flips: Mapping[str, tuple[CaseFlip, ...]] = field(default_factory=dict)
    run_tag_effects: Mapping[str, TagTable] = field(default_factory=dict)
    ordered: tuple[OrderedFindings, ...] = ()
    router: RouterFindings | None = None
    front: FrontFindings | None = None
    tag_effects: Mapping[str, TagTable] = field(default_factory=dict)
    shift: ShiftFindings | None = None
    run_shift: ShiftFindings | None = None
    drift: Drift | None = None
    drift_sought: bool = False

    def arm(self, arm_id: str) -> ArmFindings:
        return next(arm for arm in self.arms if arm.arm_id == arm_id)

    def stretches_of(self, arm_id: str | None = None) -> tuple[StretchFindings, ...]:
        """Those of one arm, or of all arms together, by step. A single arm's are those of all arms."""
        wanted = None if len(self.arms) == 1 else arm_id
        return tuple(stretch for stretch in self.stretches if stretch.arm_id == wanted)
