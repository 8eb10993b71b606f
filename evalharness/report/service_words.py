"""What the suite's service level asks and what came of it, as sentences."""

from __future__ import annotations

from collections.abc import Mapping

from evalharness.core.findings import Estimate, LimitFindings, Met, ServiceLevel, TimeFindings
from evalharness.core.model import Slo
from evalharness.report import numbers
from evalharness.report.sight import time_text
from evalharness.report.words import listed, metric_title

#: What a share of is meant, where the metric's own title has no natural plural.
_THINGS = {
    "headers_ms": "response heads",
    "ttfe_ms": "first events",
    "ttfr_ms": "first pieces of reasoning",
    "ttft_ms": "first tokens",
    "ttfo_ms": "first outputs",
    "latency_ms": "latencies",
    "total_ms": "answers",
}


def things(metric: str) -> str:
    """``first outputs``: what is late or in time."""
    return _THINGS.get(metric, f"{metric_title(metric).lower()} figures")


def share_text(share: float) -> str:
    """A target: ``95%``, ``99.5%``."""
    return f"{share * 100:.6g}%"


def limit_sentence(
    limit: LimitFindings, *, told: str | None = None, times: Mapping[str, TimeFindings] | None = None
) -> str:
    """``95% of first outputs within 1.80 s (90% interval 1.60 to 1.90 s), target 2 s: met``, without its full stop.

    ``told``: a reason that stands in the sentence before, and is not said twice. ``times``: of the same calls, with
    what this client may be off by; None: not known.
    """
    share, target = share_text(limit.share_at_least), f"target {numbers.duration_tick(limit.limit_ms)}"
    reason = f", {limit.reason}" if limit.reason and limit.reason != told else ""
    if limit.unreached:
        what = things(limit.metric)
        return f"{what[:1].upper()}{what[1:]} came for fewer than {share} of calls, {target}: {limit.met}{reason}"
    if limit.quantile is None:
        return f"No time to {things(limit.metric)} was measured, {target}: {limit.met}{reason}"
    point, interval = apart_from(limit, limit.quantile, (times or {}).get(limit.metric))
    brackets = f" ({limit.quantile.level:.0%} interval {interval})" if interval else ""
    return f"{share} of {things(limit.metric)} within {point}{brackets}, {target}: {limit.met}{reason}"


def apart_from(limit: LimitFindings, estimate: Estimate, times: TimeFindings | None) -> tuple[str, str]:
    """Point and interval of a limit's quantile, with digits enough that none is printed as the limit when it is not.

    ``2.0 s`` beside a target of 2 s that was missed by 30 ms would look like a contradiction.
    """
    ends = [end for end in (estimate.lower, estimate.point, estimate.upper) if end is not None]
    extra = next((digits for digits in range(4) if not any(_hides(end, limit.limit_ms, digits) for end in ends)), 4)
    if not extra:
        return time_text(estimate, times.error_ms(f"{limit.share_at_least:g}") if times else None)
    return numbers.duration_of(estimate, extra), numbers.duration_interval(estimate, extra)


def _hides(end: float, limit_ms: float, extra: int) -> bool:
    """Whether a value that is not the limit prints as the limit."""
    return end != limit_ms and numbers.duration(end, extra) == numbers.duration(limit_ms, extra)


def good_sentence(service: ServiceLevel) -> str:
    """``97.1% of calls right and in time (90% interval 95.0 to 98.4), target 95%: met``, without its full stop."""
    target = f"target {share_text(service.share_at_least)}"
    reason = f", {service.reason}" if service.reason else ""
    if service.share is None:
        return f"Of no call is it known whether it was right and in time, {target}: {service.met}{reason}"
    interval = numbers.share_interval(service.share)
    brackets = f" ({service.share.level:.0%} interval {interval})" if interval else ""
    return f"{numbers.share(service.share)} of calls right and in time{brackets}, {target}: {service.met}{reason}"


def goodput_sentence(service: ServiceLevel) -> str | None:
    """``Goodput: 12.1 of the 12.6 calls that ended each second were right and in time (90% interval 11.8 to 12.3).``"""
    rate, share = service.goodput_per_s, service.share
    if rate is None or share is None:
        return None
    ends = numbers.rate_interval(rate)
    interval = f" ({rate.level:.0%} interval {ends})" if ends else ""
    if not share.point:
        return f"Goodput: no call that ended was right and in time{interval}."
    whole = numbers.significant(rate.point / share.point)
    return (
        f"Goodput: {numbers.significant(rate.point)} of the {whole} calls that ended each second were right and in "
        f"time{interval}."
    )


def target_sentence(slo: Slo) -> str:
    """What the suite asks for."""
    limits = [f"{metric_title(name).lower()} at most {numbers.duration_tick(ms)}" for name, ms in slo.limits_ms.items()]
    asked = f"Target: {share_text(slo.share_at_least)} of calls right, with {listed(limits)} (slo in the suite)."
    return f"{asked} Met and not met: at 95% confidence each; a failed call is neither right nor in time."


def level_outcome(outcomes: list[Met]) -> Met | None:
    """One word for several arms: theirs where they agree, ``OPEN`` where some may still differ, None where they do."""
    if Met.MET in outcomes and Met.NOT_MET in outcomes:
        return None
    return outcomes[0] if len(set(outcomes)) == 1 else Met.OPEN
