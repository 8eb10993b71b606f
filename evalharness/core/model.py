"""The nouns: what a suite says and what a plan holds. What was recorded is in ``record.py``.

All types are frozen, slotted and keyword-only. Missing is None, never zero. Times ending in ``_ns`` are
integers of one process's monotonic clock unless their name says ``utc``; durations ending in ``_ms`` are floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

#: A JSON value. ``Any`` because a recursive alias cannot be read back by the deserialiser of the store.
Json: TypeAlias = Any


# ---------------------------------------------------------------- what a suite says


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars per ``per_tokens`` tokens. ``cached_input`` None: cached tokens cost what others cost."""

    input: float
    output: float
    cached_input: float | None = None
    per_tokens: int = 1_000_000
    as_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    max_concurrency: int | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    max_output_bytes: int = 32 * 2**20
    max_body_bytes: int = 128 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Milliseconds. ``first_event`` and ``idle`` count *data* events: comments do not reset them."""

    connect: float = 5_000
    first_event: float = 120_000
    idle: float = 600_000
    total: float = 2_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    max_attempts: int = 3
    budget_share: float = 0.2
    max_retry_after_ms: float = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How an endpoint is reached, where it is not straight over TCP with HTTP/1.1.

    ``unix_socket``: path of a socket file. ``proxy``: its URL, or ``environment`` for the usual variables. ``http2``:
    offer it. Proxies and HTTP/2 go through httpx's own transport, whose times are coarser; the run says so.
    """

    unix_socket: str | None = None
    proxy: str | None = None
    http2: bool = False

    @property
    def is_measured(self) -> bool:
        """Whether the measuring transport can take it."""
        return self.proxy is None and not self.http2


class EndpointKind(StrEnum):
    HTTP = "http"
    SIMULATOR = "simulator"
    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A named place calls go to. ``target`` is the base URL, the simulator's profile or the local model's name.

    Holds the *name* of the key's variable, never the key.
    """

    name: str
    kind: EndpointKind
    target: str
    protocol: str = "responses"
    model: str | None = None
    api_key_env: str | None = None
    prices: Prices | None = None
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    route: Route = field(default_factory=Route)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A named variant: one template string, or a tuple of input items whose strings are templates.

    ``more_turns`` are what the user says after each answer, in the same form: a conversation.
    """

    name: str
    template: Json
    more_turns: tuple[Json, ...] = ()


class Status(StrEnum):
    """How a planned trial ended. ``pending``: it did not (never sent, or cut off by a stop)."""

    OK = "ok"
    INCOMPLETE = "incomplete"
    REFUSED = "refused"
    ERROR = "error"
    PENDING = "pending"


class PendingReason(StrEnum):
    BUDGET = "budget"
    INTERRUPTED = "interrupted"
    ABORTED = "aborted"
    SETTLED = "settled"
    DURATION = "duration"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraderSpec:
    """One grader as the suite wrote it. ``params`` are the keys of its type, validated, templates unrendered.

    ``grades`` are the statuses it judges; the others score 0 (refused, incomplete) without asking it.
    """

    grader_id: str
    type: str
    params: Mapping[str, Json] = field(default_factory=dict)
    pass_at: float = 1.0
    grades: tuple[Status, ...] = (Status.OK,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row. ``expected_text`` is the expectation as it was written (``1.10`` stays ``1.10``).

    ``content_hash`` covers variables and expectation: with the id it is the pairing key of comparisons. ``is_reserve``:
    not drawn at first, and asked only where the gates are still open then (``on_inconclusive: extend``); not stored.
    """

    case_id: str
    vars: Mapping[str, Json] = field(default_factory=dict)
    expected: Json = None
    expected_text: str | None = None
    tags: tuple[str, ...] = ()
    cluster: str | None = None
    graders: tuple[GraderSpec, ...] = ()
    content_hash: str = ""
    is_reserve: bool = False

    @property
    def unit(self) -> tuple[bool, str]:
        """What is independent of all else: its cluster, or the case itself. The flag keeps a cluster named like another
        case's id apart from that case."""
        return (True, self.case_id) if self.cluster is None else (False, self.cluster)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """``axes`` in declared order. ``baseline`` may name some axes only; it then matches several arms' factor."""

    axes: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)
    exclude: tuple[Mapping[str, Json], ...] = ()
    include: tuple[Mapping[str, Json], ...] = ()
    baseline: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Warmup:
    """Extra trials before the measured ones; exactly one of the two is set."""

    calls: int | None = None
    seconds: float | None = None


class Order(StrEnum):
    INTERLEAVED = "interleaved"
    SEQUENTIAL = "sequential"


class LevelUnit(StrEnum):
    """What a level of ``shape: steps`` counts: trials in flight, or trials a second (Poisson)."""

    CONCURRENCY = "concurrency"
    RATE_PER_S = "rate_per_s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How trials are sent. Which fields a shape uses, its module in ``load_shapes`` says; the others are None.

    ``offsets_s`` are the starts of a trace, from its first, before ``speed``. ``duration_s`` ends every shape: the list
    of trials is cut, or repeated, at this time. ``each_s`` does the same for each level of steps.
    """

    shape: str = "closed"
    concurrency: int = 8
    think_ms: float = 0
    rate_per_s: float | None = None
    from_per_s: float | None = None
    to_per_s: float | None = None
    over_s: float | None = None
    size: int | None = None
    every_s: float | None = None
    levels: tuple[float, ...] = ()
    level_unit: LevelUnit | None = None
    each_s: float | None = None
    file: str | None = None
    offsets_s: tuple[float, ...] = ()
    speed: float = 1.0
    duration_s: float | None = None
    warmup: Warmup | None = None
    order: Order = Order.INTERLEAVED
    seed: int = 1

    @property
    def is_open(self) -> bool:
        """Whether trials start by a clock and not by the end of others."""
        return self.shape not in ("closed", "steps") or self.level_unit is LevelUnit.RATE_PER_S

    @property
    def timed_s(self) -> float | None:
        """How long trials are started for, where time and not their list ends the run; None where the list does."""
        if self.each_s is not None:
            return self.each_s * len(self.levels)
        if self.offsets_s:
            return self.offsets_s[-1] / self.speed
        return self.duration_s or self.over_s

    @property
    def is_timed(self) -> bool:
        """Whether time ends the run: the list of trials is cut or repeated."""
        return self.timed_s is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """None: no limit. Nothing is sent once a limit is reached."""

    max_cost_usd: float | None = None
    max_calls: int | None = None
    max_wall_s: float | None = None
    stop_when_settled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """Good = right and every named time metric at most its limit. ``limits_ms`` maps metric name to milliseconds."""

    limits_ms: Mapping[str, float]
    share_at_least: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionLimit:
    """An upper limit an arm has to keep to be eligible. ``quantile`` None: the mean is limited."""

    metric: str
    at_most: float
    quantile: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRule:
    """``margin`` is on the scale of the metric (0.02 = two points of a share).

    ``value_per_correct_usd``: what a right answer is worth, of the rule ``best_value`` alone.
    """

    rule: str
    metric: str
    margin: float
    limits: tuple[DecisionLimit, ...] = ()
    value_per_correct_usd: float | None = None


class Demand(StrEnum):
    """What a gate demands; the values are the keys of a suite."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    NON_INFERIOR = "non_inferior_margin"
    IMPROVED = "improved"
    EQUIVALENT = "equivalent_margin"
    RATIO_AT_MOST = "ratio_at_most"
    MUST_PASS = "must_pass"


class GateScope(StrEnum):
    """What the candidate is judged by: itself, another arm of the run, or the same arm of another run."""

    ALONE = "alone"
    ARMS = "arms"
    BASELINE_RUN = "baseline_run"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSpec:
    """One entry of a suite's ``gates``. ``number`` counts from 1, for messages.

    ``metric``: a grader id, a name of the metric catalogue, ``cost_per_correct_usd`` or ``error_share``; empty with
    ``must_pass``. ``limit``: the value beside the demand, None with ``improved`` and ``must_pass``. ``arm`` selects
    every arm that has these axis values (none: all), and all of them have to pass; ``to`` selects the arm compared
    with, which equals the candidate on all axes that neither names. ``tag``: only the cases that have it.
    """

    number: int
    demand: Demand
    metric: str = ""
    limit: float | None = None
    scope: GateScope = GateScope.ALONE
    arm: Mapping[str, Json] = field(default_factory=dict)
    to: Mapping[str, Json] = field(default_factory=dict)
    quantile: float | None = None
    tag: str | None = None


class OnInconclusive(StrEnum):
    """What follows from a gate that is neither passed nor failed. ``EXTEND``: more cases, inside the budget."""

    WARN = "warn"
    FAIL = "fail"
    EXTEND = "extend"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisOptions:
    """``scope``: ``population`` (new cases like these) or ``suite`` (only these cases)."""

    scope: str = "population"
    exact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRef:
    """A file a suite reads, relative to the suite's folder, with the SHA-256 of what was read."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A suite file, complete and checked: cases loaded, generators run, defaults filled in.

    The first grader is the primary quality metric. ``files`` are all files that were read for it.
    """

    name: str
    endpoints: tuple[Endpoint, ...]
    prompts: tuple[Prompt, ...]
    cases: tuple[Case, ...]
    graders: tuple[GraderSpec, ...]
    description: str = ""
    request: Mapping[str, Json] = field(default_factory=dict)
    sweep: Sweep = field(default_factory=Sweep)
    repeats: int = 1
    load: Load = field(default_factory=Load)
    budget: Budget = field(default_factory=Budget)
    slo: Slo | None = None
    decision: DecisionRule | None = None
    gates: tuple[GateSpec, ...] = ()
    on_inconclusive: OnInconclusive = OnInconclusive.WARN
    tolerate_error_share: float = 0.0
    analysis: AnalysisOptions = field(default_factory=AnalysisOptions)
    files: tuple[FileRef, ...] = ()

    @property
    def is_sequential(self) -> bool:
        """Whether the gates are looked at while the run goes on, and may end it."""
        return self.budget.stop_when_settled or self.on_inconclusive is OnInconclusive.EXTEND


# ---------------------------------------------------------------- what is planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One treatment. ``key`` holds the values on the axes, in axis order: by it arms pair between runs.

    ``request`` is the body's parameters (Responses API spelling, ``model`` and ``input`` not among them), complete.
    ``arm_id`` is a hash of endpoint, model, prompt text and request.
    """

    arm_id: str
    key: Mapping[str, Json]
    endpoint: str
    model: str
    prompt: str
    request: Mapping[str, Json] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The axis values in words, ``medium`` or ``medium, careful``; ``all calls`` without an axis."""
        return ", ".join(str(value) for value in self.key.values()) or "all calls"

    @property
    def effort(self) -> str | None:
        """The reasoning effort asked for; None where the request says nothing about it."""
        reasoning = self.request.get("reasoning")
        return reasoning.get("effort") if isinstance(reasoning, Mapping) else None


class Phase(StrEnum):
    MEASURED = "measured"
    WARMUP = "warmup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A planned (case, arm, repeat). ``trial_id`` is a hash of the three and of the phase.

    ``step``: which level of ``shape: steps`` it belongs to, 0 for all other shapes. ``repeat_index`` counts on over the
    steps, so that (case, arm, repeat) stays unique.
    """

    trial_id: str
    case_id: str
    arm_id: str
    repeat_index: int
    phase: Phase = Phase.MEASURED
    step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All trials in the order they are sent, warm-up first. Depends on nothing in time.

    ``plan_hash`` covers what decides the trials and their measurement; ``hashed`` is that content in readable
    form (key path to value or hash), so that two plans can be compared in words.
    """

    suite: Suite
    arms: tuple[Arm, ...]
    trials: tuple[Trial, ...]
    plan_hash: str
    hashed: Mapping[str, Json]

    @property
    def baseline_arm_id(self) -> str | None:
        """The first arm that matches the sweep's baseline; the first arm without one; None for a single arm."""
        if len(self.arms) < 2:
            return None
        wanted = self.suite.sweep.baseline or {}
        for arm in self.arms:
            if all(arm.key.get(axis) == value for axis, value in wanted.items()):
                return arm.arm_id
        return self.arms[0].arm_id
