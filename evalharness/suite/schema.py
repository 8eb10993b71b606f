"""The shape of a suite file: one pydantic model per mapping, one description per key.

The models validate, and the JSON Schema and ``docs/suites.md`` are generated from them. Strict: no value is coerced.
Top-level keys that a suite must have are optional here and required in ``parse``, so that one missing key does not hide
the mistakes of the others.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from evalharness.core.model import Limits, Prices, RetryPolicy, Timeouts
from evalharness.suite.decision_parts import DecisionPart
from evalharness.suite.gate_parts import GatePart
from evalharness.suite.load_parts import ClosedPart, LoadPart
from evalharness.suite.part import Identifier, NotNegative, Part, Positive, PositiveInt, Share

# The defaults are those of the core types. From instances: a slotted dataclass has no default on the class.
_PRICES, _LIMITS, _TIMEOUTS, _RETRY = Prices(input=0, output=0), Limits(), Timeouts(), RetryPolicy()

#: Keys every suite must have.
REQUIRED = ("suite", "endpoints", "prompts", "cases", "graders")


class PricesPart(Part):
    """What the endpoint charges, in US dollars."""

    input: NotNegative = Field(description="US dollars per `per_tokens` input tokens")
    output: NotNegative = Field(description="US dollars per `per_tokens` output tokens, reasoning included")
    cached_input: NotNegative | None = Field(None, description="the same for cached input; without it: the input price")
    per_tokens: PositiveInt = Field(_PRICES.per_tokens, description="how many tokens the prices are for")
    as_of: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = Field(
        None, description="the day the prices were looked up, shown in the report"
    )


class LimitsPart(Part):
    """What may not be exceeded at one endpoint."""

    max_concurrency: PositiveInt | None = Field(None, description="calls in flight")
    requests_per_minute: Positive | None = Field(None, description="requests sent in a minute")
    tokens_per_minute: Positive | None = Field(None, description="tokens asked for in a minute")
    max_output_bytes: PositiveInt = Field(_LIMITS.max_output_bytes, description="longest answer text that is kept")
    max_body_bytes: PositiveInt = Field(_LIMITS.max_body_bytes, description="longest response body, decompressed")


class TimeoutsPart(Part):
    """Four clocks, in milliseconds. Comments of a stream do not reset them."""

    connect: Positive = Field(_TIMEOUTS.connect, description="to open a connection")
    first_event: Positive = Field(_TIMEOUTS.first_event, description="request sent to first data event")
    idle: Positive = Field(
        _TIMEOUTS.idle, description="silence between data events; minutes, where reasoning is hidden"
    )
    total: Positive = Field(_TIMEOUTS.total, description="request sent to end")


class RetryPart(Part):
    """One retry layer; an attempt that failed is measured and priced, and not part of the latency."""

    max_attempts: PositiveInt = Field(_RETRY.max_attempts, description="tries of one call, the first included")
    budget_share: Annotated[float, Field(gt=0, le=1)] = Field(
        _RETRY.budget_share, description="retries per success at length; above it failures are final"
    )
    max_retry_after_ms: NotNegative = Field(
        _RETRY.max_retry_after_ms, description="a service that asks for a longer wait is not asked again"
    )


class EndpointPart(Part):
    """Where calls go: exactly one of `base_url`, `simulator`, `local`."""

    base_url: str | None = Field(None, description="`https://…`; `http://` for this machine, or with `--allow-http`")
    simulator: str | None = Field(None, description="profile of the built-in simulator; needs no key and no network")
    local: str | None = Field(None, description="name of a local model, started and stopped with the run")
    protocol: Literal["responses", "chat"] = Field("responses", description="the dialect the service speaks")
    model: str | None = Field(None, description="the model where neither sweep nor request names one")
    api_key_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = Field(
        None, description="the *name* of the environment variable that holds the key"
    )
    unix_socket: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="socket file to connect to, with `base_url: http://localhost/v1`; its path may be absolute"
    )
    proxy: str | None = Field(
        None, description="its URL, or `environment` for HTTPS_PROXY and NO_PROXY; times are coarser through a proxy"
    )
    http2: bool = Field(False, description="offer HTTP/2; times are coarser with it")
    prices: PricesPart | None = Field(None, description="needed for costs")
    limits: LimitsPart = Field(default_factory=LimitsPart, description="see below")
    timeouts_ms: TimeoutsPart = Field(default_factory=TimeoutsPart, description="see below")
    retry: RetryPart = Field(default_factory=RetryPart, description="see below")


class GraderPart(BaseModel):
    """One grader. Further keys belong to its type."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, allow_inf_nan=False)

    id: Identifier = Field(description="name of the score; unique")
    type: str = Field(description="which grader: the name of a module in `evalharness/graders/`")
    pass_at: Share = Field(1.0, description="a score of at least this is right")
    grades: Annotated[list[Literal["ok", "refused", "incomplete"]], Field(min_length=1)] = Field(
        ["ok"], description="the endings it judges; refused and incomplete answers score 0 where not listed"
    )


class CasePart(Part):
    """One question with its expectation, inline."""

    id: Annotated[str, Field(min_length=1, max_length=200)] = Field(description="unique in the suite")
    vars: dict[str, Any] = Field(default_factory=dict, description="what templates may name")
    expected: Any = Field(None, description="the expectation, for graders; a number keeps its spelling (`1.10`)")
    tags: list[str] = Field(default_factory=list, description="for `--tag`, gates and tables by tag")
    cluster: str | None = Field(None, description="cases of one origin (a passage): they are not independent")
    graders: list[GraderPart] = Field(default_factory=list, description="graders for this case alone")


def _text_or_list(value: object) -> str:
    return "<text>" if isinstance(value, str) else "<list>"


class MapPart(Part):
    """Which column is what."""

    id: str | None = Field(None, description="column of the id; without it: file name and row number")
    vars: dict[str, str] | None = Field(
        None, description="variable: column; without it every other column is a variable of its own name"
    )
    expected: str | None = Field(None, description="column of the expectation")
    tags: (
        Annotated[
            Annotated[str, Tag("<text>")] | Annotated[list[str], Tag("<list>")],
            Discriminator(_text_or_list),
        ]
        | None
    ) = Field(None, description="a column, or a list of columns; a cell holds one tag or a list of tags")
    cluster: str | None = Field(None, description="column of the cluster")


class TakePart(Part):
    """A sample without replacement, the same for a seed; a larger `n` contains the smaller."""

    n: PositiveInt = Field(description="how many rows")
    seed: int = Field(description="which sample")


class CaseFilePart(Part):
    """Cases from a file below the suite's folder."""

    file: str = Field(description="path: `.jsonl`, `.json`, `.csv`, `.yaml` or `.parquet` (with the extra `parquet`)")
    map: MapPart | None = Field(
        None,
        description="columns to cases; without it rows look like inline cases (csv, parquet: columns `id`, "
        "`expected`, `tags`, `cluster`, all others are variables)",
    )
    take: TakePart | None = Field(None, description="use a sample of the rows")


def case_kind(value: object) -> str:
    return "<file>" if isinstance(value, dict) and "file" in value else "<case>"


AnyCase = Annotated[
    Annotated[CasePart, Tag("<case>")] | Annotated[CaseFilePart, Tag("<file>")],
    Discriminator(case_kind),
]

AnyTurn = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[list[dict[str, Any]], Tag("<list>"), Field(min_length=1)],
    Discriminator(_text_or_list),
]


class ConversationPart(Part):
    """A prompt of several turns: each is sent after the answer to the one before, with all that was said so far."""

    turns: Annotated[list[AnyTurn], Field(min_length=2)] = Field(
        description="what the user says, turn by turn: templates, or lists of input items; the last answer is graded"
    )


def prompt_kind(value: object) -> str:
    return "<turns>" if isinstance(value, dict | ConversationPart) else _text_or_list(value)


AnyPrompt = Annotated[
    Annotated[str, Tag("<text>")]
    | Annotated[list[dict[str, Any]], Tag("<list>"), Field(min_length=1)]
    | Annotated[ConversationPart, Tag("<turns>")],
    Discriminator(prompt_kind),
]


class SweepPart(Part):
    """Arms: every combination of the axes, less `exclude`, plus `include`."""

    axes: Annotated[
        dict[str, Annotated[list[Any], Field(min_length=1)]],
        Field(min_length=1, description="axis: values. `endpoint`, `model`, `prompt` or a dotted path into `request`"),
    ]
    exclude: list[dict[str, Any]] = Field(
        default_factory=list, description="combinations left out: all that match the axes named"
    )
    include: list[dict[str, Any]] = Field(
        default_factory=list, description="further arms: each names every axis; other keys are added to it"
    )
    baseline: dict[str, Any] | None = Field(
        None, description="the arm the others are compared with; default: the first"
    )


class BudgetPart(Part):
    """Nothing is sent once one of these is reached."""

    max_cost_usd: Positive | None = Field(None, description="US dollars, of calls whose cost is known")
    max_calls: PositiveInt | None = Field(None, description="calls, warm-up included")
    max_wall_s: Positive | None = Field(None, description="seconds since the start")
    stop_when_settled: bool = Field(
        False,
        description="stop as soon as every gate passes or fails; intervals are then wider: looking often has a price",
    )


class SloPart(Part):
    """A trial is good when it is right and inside all these limits."""

    share_at_least: Share = Field(description="the share of good trials that must hold")
    headers_ms: Positive | None = Field(None, description="at most, milliseconds: sent to response head")
    ttfe_ms: Positive | None = Field(None, description="at most: sent to first event")
    ttfr_ms: Positive | None = Field(None, description="at most: sent to first reasoning")
    ttft_ms: Positive | None = Field(None, description="at most: sent to first token, reasoning included")
    ttfo_ms: Positive | None = Field(None, description="at most: sent to first visible output")
    latency_ms: Positive | None = Field(None, description="at most: sent to end, of the attempt that succeeded")
    total_ms: Positive | None = Field(None, description="at most: intended start to end, waits and retries included")
    tpot_ms: Positive | None = Field(None, description="at most: time per visible token after the first")


class TolerancePart(Part):
    """How much may go wrong in a run that still counts as complete."""

    error_share: Share = Field(0.0, description="a larger share of failed trials ends the run with exit code 3")


class AnalysisPart(Part):
    """What the intervals speak of."""

    scope: Literal["population", "suite"] = Field(
        "population", description="population: new cases like these; suite: these cases only"
    )
    exact: bool = Field(False, description="Clopper-Pearson intervals and the exact McNemar test")


class SuitePart(Part):
    """One file: what is asked, of whom, how often, how answers are judged and what must hold."""

    suite: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")] = Field(
        "", description="name: a-z, 0-9 and `-`; run folders are filed under it"
    )
    description: str = Field("", description="the question, shown at the head of the report")
    endpoints: Annotated[dict[Identifier, EndpointPart], Field(min_length=1)] = Field(
        default_factory=dict,
        description="name: where calls go; the first is the default. `${NAME}` and "
        "`${NAME:-default}` take environment variables, here only",
    )
    request: dict[str, Any] = Field(
        default_factory=dict, description="body of every call, in the spelling of the Responses API, passed through"
    )
    prompts: Annotated[dict[Identifier, AnyPrompt], Field(min_length=1)] = Field(
        default_factory=dict,
        description="name: a template, a list of input items whose texts are templates, or a conversation of several "
        "`turns`; several prompts are the axis `prompt`",
    )
    sweep: SweepPart | None = Field(None, description="default: one arm per prompt")
    cases: Annotated[list[AnyCase], Field(min_length=1)] = Field(
        default_factory=list, description="inline cases and case files"
    )
    repeats: PositiveInt = Field(1, description="calls of the same case in the same arm")
    graders: Annotated[list[GraderPart], Field(min_length=1)] = Field(
        default_factory=list, description="every case is scored by each; the first is the primary quality metric"
    )
    load: LoadPart = Field(default_factory=ClosedPart, description="how trials are sent: see below")
    budget: BudgetPart = Field(default_factory=BudgetPart, description="default: no limit")
    slo: SloPart | None = Field(None, description="what a user may expect of a trial")
    decision: DecisionPart | None = Field(None, description="how the report chooses an arm")
    gates: Annotated[list[GatePart], Field(min_length=1)] = Field(
        default_factory=list, description="what has to hold; each entry has one demand, and all have to pass"
    )
    on_inconclusive: Literal["warn", "fail", "extend"] | None = Field(
        None,
        description="what follows from a gate that neither passes nor fails: `warn` (without this key), `fail` (exit "
        "code 6), or `extend`: cases not drawn yet are added, inside the budget",
    )
    tolerate: TolerancePart = Field(default_factory=TolerancePart, description="errors that may happen")
    analysis: AnalysisPart = Field(default_factory=AnalysisPart, description="see below")
