"""What is said of a run as a measurement of time: its service level, its stretches of load, and how well it was seen.

Units as in ``findings.py``: shares are fractions, times milliseconds unless their name says otherwise. ``math.nan`` and
infinity never appear here: missing is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from evalharness.core.estimate import Estimate, TimeFindings
from evalharness.core.model import LevelUnit

# ---------------------------------------------------------------- what a service level asks


class Met(StrEnum):
    """The outcomes of a target, from one-sided 95% bounds. ``UNTRIED``: of a level of load whose rate this client did
    not keep, which more data of its kind would not settle."""

    MET = "met"
    NOT_MET = "not met"
    OPEN = "not enough data"
    UNTRIED = "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitFindings:
    """One time limit of the suite's ``slo``, read as a quantile: *95% of first outputs within 1.8 s (90% interval 1.6
    to 1.9), target 2 s: met*.

    ``quantile`` is the time within which ``share_at_least`` of the trials got there; its limits, at level 0.90, are the
    two one-sided 95% bounds. Failed trials are infinitely late. None where that share was not reached (``unreached``)
    or nothing was measured. ``met``: the upper bound is at most the limit; ``not met``: the lower bound is beyond it;
    each also with every missing trial late, or in time. ``reason``: why it is open, one clause; None where decided.
    """

    metric: str
    limit_ms: float
    share_at_least: float
    met: Met
    quantile: Estimate | None = None
    unreached: bool = False
    n_missing: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevel:
    """Whether enough trials were good (right, and inside every limit at once), and each limit by itself.

    ``share`` of good trials with its one-sided 95% bounds (level 0.90), None where of no trial is known whether it was
    good; ``share_bounds``: the point with all missing trials bad and all good, None when nothing is missing.
    ``met`` judges ``share`` against ``share_at_least`` and is the verdict; a limit can be met although the share is not
    (wrong answers). ``goodput_per_s``: good trials a second of wall time, its limits those of the share times the rate
    at which trials ended; None where the wall time is not known. ``reason`` as in ``LimitFindings``.
    """

    share_at_least: float
    met: Met
    limits: tuple[LimitFindings, ...]
    share: Estimate | None = None
    share_bounds: tuple[float, float] | None = None
    goodput_per_s: Estimate | None = None
    n_missing: int = 0
    reason: str | None = None


# ---------------------------------------------------------------- times over a run

#: Halves of a run that differ by less in their times are a remark beside them, and decide nothing.
LARGE_DRIFT = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How ``total_ms`` moved with the order of sending, case and arm taken out; of runs whose unit is the case.

    ``moved``: from first to last, by the rank correlation ``rho`` (``p_value``), ``half_ratio`` times as long in the
    second half. ``in_spells``: neighbours in time are alike, by their correlation ``lag1``. ``n``: independent
    residuals that this is seen in. ``effective_share``: independent ones that would tell as much about their mean, as a
    share of those at hand. ``sequential``: the arms were sent one after the other; ``rho`` and ``half_ratio`` are then
    within arms.
    """

    rho: float
    p_value: float
    half_ratio: float
    lag1: float
    n: int
    moved: bool
    in_spells: bool
    effective_share: float
    sequential: bool = False

    @property
    def drifting(self) -> bool:
        return self.moved or self.in_spells

    @property
    def confounded(self) -> bool:
        """Whether a difference between arms may come from when they ran: no comparison of their times decides."""
        return self.drifting and self.sequential

    @property
    def size(self) -> float:
        """By which share the median time of the second half differs from the first."""
        return abs(self.half_ratio - 1)

    @property
    def is_large(self) -> bool:
        return self.moved and self.size >= LARGE_DRIFT


# ---------------------------------------------------------------- stretches of load


class Course(StrEnum):
    """What times did from the first to the second half of a stretch.

    ``NO_DRIFT``: a change was looked for and none is shown, which does not say that there was none. ``TOO_CLOSE``: the
    interval leaves out 1, but with so many stretches looked at one may do so by chance. ``CROWDED``: trials enough, but
    so many in flight together that neighbours saw the same moment.
    """

    NO_DRIFT = "no drift found"
    TOO_CLOSE = "too close to tell"
    ROSE = "rose"
    FELL = "fell"
    UNKNOWN = "too few trials to tell"
    CROWDED = "too many calls at once to tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Steadiness:
    """Whether ``total_ms`` drifted over a stretch, case taken into account, by blocks of trials in time.

    ``ratio``: second half over first (1.18: rose by 18%) with its 95% interval; ``p_adjusted``: Holm over all stretches
    that were looked at; ``rho``: Spearman's rank correlation of the blocks' medians with time. All None where times
    tell nothing: then the course is ``UNKNOWN`` or ``CROWDED``, or ``ROSE`` because trials piled up in an open loop, as
    the sentence says. The interval says how large a drift may be that was not found. ``sentence``: the finding
    in words.
    """

    course: Course
    sentence: str
    ratio: Estimate | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    rho: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the total time, over the trials that ended."""

    mean_ms: float
    median_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeDivision:
    """Where the total time went, over the ``n_trials`` that ended with every part known; the parts' means add up to
    ``total``'s.

    ``parts`` in the order of a trial: ``earlier`` (turns of a conversation before its last, only there), ``queue``
    (intended start to connecting or sending: the client's own), ``connect`` (0 on a connection in use before),
    ``retry`` (attempts that failed, the pauses after them, and those the service caused), ``waiting``
    (sent to first token), ``reasoning`` (first reasoning to first output), ``answer`` (first output to end). Without
    streaming the last three are ``waiting``.
    ``reasoning_hidden``: tokens were spent on reasoning that the service does not show; it is inside ``waiting``.
    """

    n_trials: int
    total: Part
    parts: Mapping[str, Part]
    reasoning_hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StretchFindings:
    """One stretch of load (a level of ``steps``, else the whole run) as one arm, or all arms together, saw it.

    ``arm_id`` None: all arms. ``level``: what the suite asks of each endpoint (trials in flight, or starts a second;
    for bursts their mean), None for ramps and traces. ``wall_s``: first intended start to last end, the run-out after
    the last start included, pauses between sessions left out; None where nothing ended. ``n_sent`` trials were sent, of
    which ``n_ended`` ended, ``n_failed`` of them in an error.

    Rates are a second of ``wall_s``: ``ends_per_s``, ``output_tokens_per_s`` and ``visible_tokens_per_s`` (without
    reasoning; both None as soon as one answered trial has no count). ``in_flight``: mean number of trials between
    intended start and end (Little). ``intended_per_s`` and ``starts_per_s``: starts over the time from first to last
    start, as intended and as this client was ready to send.
    ``times`` maps ``ttfo_ms``, ``latency_ms`` and ``total_ms`` to what was found of them, as those of an arm.
    ``dispatch_lag``: intended start to sending, without connecting and pauses that the service caused; open loop
    only. ``rate_kept`` False: the client fell behind, and ``rate_sentence`` says by how much; None in a closed loop.
    ``steadiness`` only where ``arm_id`` names an arm, or the run has a single one.
    """

    step: int
    arm_id: str | None
    level: float | None
    level_unit: LevelUnit | None
    n_sent: int
    n_ended: int
    n_failed: int
    wall_s: float | None = None
    intended_per_s: float | None = None
    starts_per_s: float | None = None
    ends_per_s: float | None = None
    in_flight: float | None = None
    output_tokens_per_s: float | None = None
    visible_tokens_per_s: float | None = None
    times: Mapping[str, TimeFindings] = field(default_factory=dict)
    service: ServiceLevel | None = None
    dispatch_lag: Spread | None = None
    rate_kept: bool | None = None
    rate_sentence: str | None = None
    steadiness: Steadiness | None = None
    divided: TimeDivision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Knee:
    """Up to which level of ``steps`` the service level holds, for one arm or (``arm_id`` None) all of them together.

    ``levels`` rise; ``met`` has one outcome for each. ``holds_up_to``: the highest level such that it and all lower
    ones are shown to hold; ``fails_from``: the lowest such that it and all higher ones are shown to fail. Tested in
    this fixed order, one side upward and the other downward, each keeps its family-wise error at 5% without a
    correction, because the first level that is not shown ends it. None: no level. What lies between is undecided.
    A level whose rate the client did not keep is undecided. ``sentence``: *Holds up to 20/s; shown to fail at 40/s (95%
    confidence each).* ``narrowing``: whole sentences on what a further run should try to know it more exactly.
    """

    arm_id: str | None
    level_unit: LevelUnit
    levels: tuple[float, ...]
    met: tuple[Met, ...]
    holds_up_to: float | None
    fails_from: float | None
    sentence: str
    narrowing: tuple[str, ...] = ()


# ---------------------------------------------------------------- how well the client saw


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Quantiles of ``n`` durations or errors of this client: no estimates of something else, so without intervals."""

    p50_ms: float
    p99_ms: float
    max_ms: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A metric of an arm that the client did not see well enough, or that holds the delay of trials it sent after their
    intended start. ``share``: the largest part of itself that its median or p95 may be off by; of a metric without such
    figures, and of late starts, of the median. ``late_start``: a sentence on these, empty in other marks."""

    arm_id: str
    metric: str
    error_p99_ms: float
    median_ms: float
    share: float
    late_start: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserverFindings:
    """What a run states of its own measurement error. None or empty: not observed.

    ``sources``: share of attempts by who dated them (``kernel``, ``user``). ``send``: handing a request to the socket.
    ``errors``: stated bounds by metric (``ttfo_ms``, ``latency_ms``). ``read_lag``: the longest that arrived bytes of
    an attempt waited to be read. ``loop_lag``: how long the event loop was away from its sockets, upper ends of bins by
    powers of two. ``coalesced_share``: gaps between deltas that this client may have closed by reading late.
    ``dispatch_lag``: intended start to sending, open loop only. ``routes``: endpoint to how it was reached in words.
    ``marked``: metrics whose median or p95 may be off by more than 1% of itself, or that a late dispatch distorts.
    ``coarse``: the former in one sentence, which is one of the banners too.
    """

    n_attempts: int
    sources: Mapping[str, float] = field(default_factory=dict)
    send: Spread | None = None
    errors: Mapping[str, Spread] = field(default_factory=dict)
    read_lag: Spread | None = None
    loop_lag: Spread | None = None
    coalesced_share: float | None = None
    dispatch_lag: Spread | None = None
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    loops: tuple[str, ...] = ()
    n_workers: int = 0
    notes: tuple[str, ...] = ()
    clock_steps_ms: tuple[float, ...] = ()
    suspended_s: float = 0.0
    marked: tuple[Mark, ...] = ()
    coarse: str = ""
