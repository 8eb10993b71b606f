"""The catalogue: one declaration per metric. Names, units, titles and definitions are written here and nowhere else.

Standard library only: the engine measures each trial with it on the way of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from evalharness.core.record import Call
from evalharness.metrics import timeline


class Unit(StrEnum):
    MS = "ms"
    TOKENS = "tokens"
    TOKENS_PER_S = "tokens/s"
    USD = "usd"


class OverTurns(StrEnum):
    """What a trial of several calls has: the value of its last call, or the sum over all."""

    LAST = "last"
    SUM = "sum"


class WhenFailed(StrEnum):
    """What a trial that failed counts as where the times of an arm are described.

    ``endless``: a caller waits for it from the start and it never came. ``as_measured``: it comes before the answer, so
    failed trials have it too. ``left_out``: it is a property of answers that came, and figures say so.
    """

    ENDLESS = "endless"
    AS_MEASURED = "as_measured"
    LEFT_OUT = "left_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measured quantity of a call.

    ``title`` is its only name on pages. ``needs`` says in words what must have been recorded; without it the value is
    None. ``higher_is_better`` None: neither direction is good in itself.
    """

    name: str
    unit: Unit
    title: str
    formula: str
    from_call: Callable[[Call], float | None]
    needs: tuple[str, ...] = ()
    higher_is_better: bool | None = False
    over_turns: OverTurns = OverTurns.LAST
    when_failed: WhenFailed = WhenFailed.LEFT_OUT

    @property
    def is_time(self) -> bool:
        """What asks for a time (a gate, a limit) takes a trial that failed as infinitely long, whichever it is: none
        is kept by failing."""
        return self.unit is Unit.MS


def _usage(field: str) -> Callable[[Call], float | None]:
    def read(call: Call) -> float | None:
        count = None if call.usage is None else getattr(call.usage, field)
        return None if count is None else float(count)

    return read


def _cost_usd(call: Call) -> float | None:
    return call.cost_usd


_DECLARED = (
    Metric(
        name="connect_ms",
        unit=Unit.MS,
        title="Connection set-up",
        formula="TCP connect and TLS handshake, where the connection was not reused",
        needs=("a new connection",),
        from_call=timeline.connect_ms,
    ),
    Metric(
        name="queue_ms",
        unit=Unit.MS,
        title="Waiting in the client",
        formula="intended start to the first attempt being sent, without a pause that the service caused",
        from_call=timeline.queue_ms,
        when_failed=WhenFailed.AS_MEASURED,
    ),
    Metric(
        name="wait_ms",
        unit=Unit.MS,
        title="Waiting before attempts",
        formula="sum of the pauses before attempts: back-off, what the service asked for (of this call or of others), "
        "and how long it was left alone because it was down",
        from_call=timeline.wait_ms,
        when_failed=WhenFailed.AS_MEASURED,
    ),
    Metric(
        name="headers_ms",
        unit=Unit.MS,
        title="Time to response head",
        formula="request sent to response head parsed; no sign of a first token",
        from_call=timeline.headers_ms,
        when_failed=WhenFailed.ENDLESS,
    ),
    Metric(
        name="ttfe_ms",
        unit=Unit.MS,
        title="Time to first event",
        formula="request sent to the first event of any kind; comments do not count",
        needs=("streaming",),
        from_call=timeline.ttfe_ms,
        when_failed=WhenFailed.ENDLESS,
    ),
    Metric(
        name="ttfr_ms",
        unit=Unit.MS,
        title="Time to first reasoning",
        formula="request sent to the first non-empty reasoning delta, summary or text",
        needs=("streaming", "reasoning shown"),
        from_call=timeline.ttfr_ms,
        when_failed=WhenFailed.ENDLESS,
    ),
    Metric(
        name="ttft_ms",
        unit=Unit.MS,
        title="Time to first token",
        formula="request sent to the first non-empty token-bearing delta, reasoning included: min(ttfr_ms, ttfo_ms)",
        needs=("streaming",),
        from_call=timeline.ttft_ms,
        when_failed=WhenFailed.ENDLESS,
    ),
    Metric(
        name="ttfo_ms",
        unit=Unit.MS,
        title="Time to first output",
        formula="request sent to the first delta of visible output: text, refusal, or a tool call's arguments, input "
        "or code; hidden reasoning included",
        needs=("streaming",),
        from_call=timeline.ttfo_ms,
        when_failed=WhenFailed.ENDLESS,
    ),
    Metric(
        name="reasoning_ms",
        unit=Unit.MS,
        title="Reasoning time",
        formula="first reasoning delta to the first delta of visible output",
        needs=("streaming", "reasoning shown"),
        from_call=timeline.reasoning_ms,
    ),
    Metric(
        name="answer_ms",
        unit=Unit.MS,
        title="Answer time",
        formula="first delta of visible output to terminal event",
        needs=("streaming",),
        from_call=timeline.answer_ms,
    ),
    Metric(
        name="latency_ms",
        unit=Unit.MS,
        title="Latency",
        formula="request sent to terminal event, of the attempt that succeeded",
        from_call=timeline.latency_ms,
        when_failed=WhenFailed.ENDLESS,
    ),
    Metric(
        name="total_ms",
        unit=Unit.MS,
        title="Total time",
        formula="intended start to terminal event, with queueing, waits and retries; summed over the calls of a "
        "trial, without the pauses between them",
        from_call=timeline.total_ms,
        when_failed=WhenFailed.ENDLESS,
        over_turns=OverTurns.SUM,
    ),
    Metric(
        name="tpot_ms",
        unit=Unit.MS,
        title="Time per output token",
        formula="(last output delta - first) / (visible tokens - 1); null below 2 tokens",
        needs=("streaming", "output and reasoning token counts"),
        from_call=timeline.tpot_ms,
    ),
    Metric(
        name="gap_ms",
        unit=Unit.MS,
        title="Gap between deltas",
        formula="median over the call's gaps between arrivals of output deltas",
        needs=("streaming", "two output deltas"),
        from_call=timeline.gap_ms,
    ),
    Metric(
        name="visible_tokens_per_s",
        unit=Unit.TOKENS_PER_S,
        title="Visible tokens per second",
        formula="(visible tokens - 1) / (last output delta - first)",
        needs=("streaming", "output and reasoning token counts"),
        higher_is_better=True,
        from_call=timeline.visible_tokens_per_s,
    ),
    Metric(
        name="output_tokens_per_s",
        unit=Unit.TOKENS_PER_S,
        title="Output tokens per second",
        formula="output tokens, reasoning included / latency",
        needs=("output token count",),
        higher_is_better=True,
        from_call=timeline.output_tokens_per_s,
    ),
    Metric(
        name="input_tokens",
        unit=Unit.TOKENS,
        title="Input tokens",
        formula="usage.input_tokens, cached ones included",
        needs=("usage",),
        from_call=_usage("input_tokens"),
        over_turns=OverTurns.SUM,
    ),
    Metric(
        name="cached_tokens",
        unit=Unit.TOKENS,
        title="Cached input tokens",
        formula="usage.input_tokens_details.cached_tokens",
        needs=("usage",),
        higher_is_better=None,
        from_call=_usage("cached_tokens"),
        over_turns=OverTurns.SUM,
    ),
    Metric(
        name="output_tokens",
        unit=Unit.TOKENS,
        title="Output tokens",
        formula="usage.output_tokens, reasoning included",
        needs=("usage",),
        from_call=_usage("output_tokens"),
        over_turns=OverTurns.SUM,
    ),
    Metric(
        name="reasoning_tokens",
        unit=Unit.TOKENS,
        title="Reasoning tokens",
        formula="usage.output_tokens_details.reasoning_tokens",
        needs=("usage",),
        from_call=_usage("reasoning_tokens"),
        over_turns=OverTurns.SUM,
    ),
    Metric(
        name="visible_tokens",
        unit=Unit.TOKENS,
        title="Visible tokens",
        formula="output tokens - reasoning tokens",
        needs=("output and reasoning token counts",),
        higher_is_better=None,
        from_call=timeline.visible_tokens,
        over_turns=OverTurns.SUM,
    ),
    Metric(
        name="cost_usd",
        unit=Unit.USD,
        title="Cost",
        formula="(uncached input tokens x input price + cached x cached price + output tokens x output price) / "
        "per_tokens, all attempts",
        needs=("usage", "prices"),
        from_call=_cost_usd,
        over_turns=OverTurns.SUM,
    ),
)

#: Every metric by name, in the order of pages and exports.
CATALOG: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _DECLARED})
