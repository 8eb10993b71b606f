"""How many trials a load starts at an endpoint, and how long that takes: arithmetic, before anything is sent."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace

from evalharness.core.model import LevelUnit, Load

# A closed warm-up of so many seconds is a list too long to be sent in that time, which the runner cuts: nobody answers
# faster than this at any concurrency of interest, and the list must end somewhere.
_FASTEST_CALL_S = 0.05
_MAX_WARMUP_TRIALS = 20_000
# A random count is above its mean by more than six standard deviations once in a billion times.
_FAR_SDS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What is sent to one endpoint.

    ``n_listed`` are its measured trials in the plan, of all steps together. ``trial_s`` is how long a trial is expected
    to take, with its turns and the pauses between them. Of the endpoint's limits: ``spacing_s`` is the time they ask
    for between two starts, 0 for none; ``slots`` how many calls may be in flight.
    """

    n_listed: int
    trial_s: float
    spacing_s: float = 0.0
    slots: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """``most_trials`` bounds ``n_trials``; None where that depends on how fast the service answers."""

    n_trials: float
    seconds: float
    most_trials: float | None


def measured_pace(load: Load, stream: Stream) -> Pace:
    """The measured trials at one endpoint: a guess as good as ``trial_s`` where a closed load ends by time."""
    parts = levels(load)
    listed = replace(stream, n_listed=stream.n_listed // len(parts))
    paces = [_pace(part, listed) for part in parts]
    most = [pace.most_trials for pace in paces if pace.most_trials is not None]
    return Pace(
        n_trials=sum(pace.n_trials for pace in paces),
        seconds=sum(pace.seconds for pace in paces),
        most_trials=sum(most) if len(most) == len(paces) else None,
    )


def warmup_pace(load: Load, stream: Stream, n_listed: int) -> Pace:
    """The warm-up at one endpoint, for which the plan lists ``n_listed`` trials. Steps warm up at their first level."""
    if load.warmup is None:
        return Pace(n_trials=0, seconds=0, most_trials=0)
    first = levels(load)[0]
    seconds = load.warmup.seconds
    if seconds is None:
        return Pace(n_trials=n_listed, seconds=n_listed / _per_s(first, stream), most_trials=n_listed)
    started = _starts(first, seconds) if first.is_open else seconds * _per_s(first, stream)
    return Pace(n_trials=min(started, n_listed), seconds=seconds, most_trials=n_listed)


def warmup_length(load: Load) -> int:
    """Trials to list for the warm-up of one endpoint: with ``seconds`` more than can be sent in them."""
    if load.warmup is None:
        return 0
    if load.warmup.calls is not None:
        return load.warmup.calls
    assert load.warmup.seconds is not None  # exactly one is set
    return max(_most_starts(level, load.warmup.seconds) for level in levels(load))


def _most_starts(load: Load, seconds: float) -> int:
    if not load.is_open:
        return min(math.ceil(seconds / _FASTEST_CALL_S) * load.concurrency, _MAX_WARMUP_TRIALS)
    started = _starts(load, seconds)
    return math.ceil(started + (_FAR_SDS * math.sqrt(started) if load.shape == "poisson" else 0)) + 1


def levels(load: Load) -> tuple[Load, ...]:
    """Each level of steps as the load it is; every other load by itself."""
    plain = replace(load, levels=(), level_unit=None, each_s=None, duration_s=load.each_s)
    if load.level_unit is LevelUnit.CONCURRENCY:
        return tuple(replace(plain, shape="closed", concurrency=int(level)) for level in load.levels)
    if load.level_unit is LevelUnit.RATE_PER_S:
        return tuple(replace(plain, shape="poisson", rate_per_s=level) for level in load.levels)
    return (load,)


def length_s(load: Load) -> float | None:
    """When time ends a load that is no steps; None where its list of trials does."""
    if load.shape == "trace":
        return load.offsets_s[-1] / load.speed
    return load.over_s or load.duration_s


def _pace(load: Load, stream: Stream) -> Pace:
    per_s, seconds = _per_s(load, stream), length_s(load)
    if not load.is_open:
        n_trials = stream.n_listed if seconds is None else seconds * per_s
        return Pace(n_trials=n_trials, seconds=n_trials / per_s, most_trials=n_trials if seconds is None else None)
    n_trials = stream.n_listed if seconds is None else _starts(load, seconds)
    most = n_trials + (_FAR_SDS * math.sqrt(n_trials) if load.shape == "poisson" and seconds is not None else 0)
    # The last one starts then, or later where the endpoint's limits are below the rate, and takes its time.
    last_s = max(n_trials / per_s if seconds is None else seconds, n_trials * _least_spacing_s(stream))
    return Pace(n_trials=n_trials, seconds=last_s + stream.trial_s, most_trials=most)


def _per_s(load: Load, stream: Stream) -> float:
    """Trials a second: as many as are answered where the load is closed, the mean of the starts where it is open."""
    if not load.is_open:
        slots = min(load.concurrency, stream.slots or load.concurrency)
        return 1 / max((stream.trial_s + load.think_ms / 1000) / slots, stream.spacing_s)
    seconds = length_s(load)
    if load.shape in ("ramp", "trace") and seconds:
        return _starts(load, seconds) / seconds
    if load.shape == "burst":
        assert load.size is not None and load.every_s is not None  # the suite has them
        return load.size / load.every_s
    return load.rate_per_s or math.inf  # a trace of a single moment has no rate


def _least_spacing_s(stream: Stream) -> float:
    return max(stream.spacing_s, stream.trial_s / stream.slots if stream.slots is not None else 0.0)


def _starts(load: Load, seconds: float) -> float:
    """Trials that an open load starts in its first ``seconds``, on average where they are random."""
    if load.shape == "ramp":
        assert load.from_per_s is not None and load.to_per_s is not None and load.over_s is not None
        until_s = min(seconds, load.over_s)
        return load.from_per_s * until_s + (load.to_per_s - load.from_per_s) * until_s**2 / (2 * load.over_s)
    if load.shape == "burst":
        assert load.size is not None and load.every_s is not None
        return float(load.size * math.ceil(seconds / load.every_s))
    if load.shape == "trace":
        return float(bisect_right(load.offsets_s, seconds * load.speed * (1 + 1e-12)))
    assert load.rate_per_s is not None
    return load.rate_per_s * seconds


def load_words(load: Load) -> str:
    """``at concurrency 8``, ``at 5 trials a second (poisson) for 600 s``: to follow a duration or a count."""
    length = f" for {load.duration_s:g} s" if load.duration_s is not None else ""
    if load.shape == "closed":
        return f"at concurrency {load.concurrency}{length}"
    if load.shape == "ramp":
        return f"at {load.from_per_s:g} to {load.to_per_s:g} trials a second over {load.over_s:g} s"
    if load.shape == "burst":
        return f"in bursts of {load.size} every {load.every_s:g} s{length}"
    if load.shape == "trace":
        return f"as in {load.file}" + (f" at speed {load.speed:g}" if load.speed != 1 else "")
    if load.shape == "steps":
        unit = "concurrency" if load.level_unit is LevelUnit.CONCURRENCY else "trials a second"
        each = f", {load.each_s:g} s each" if load.each_s is not None else ""
        return f"in {len(load.levels)} steps of {', '.join(f'{level:g}' for level in load.levels)} ({unit}{each})"
    return f"at {load.rate_per_s:g} trials a second ({load.shape}){length}"
