"""The declared truth as numbers: what a perfect measurement of this simulator would find.

Two scopes, as in the analysis. ``population``: problems of the same complexity, with difficulties drawn anew by every
seed. ``suite``: these very problems with the difficulties of this seed. Rounding of reasoning tokens to integers and a
cap on the output are not modelled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalharness.simulator.ask import from_responses
from evalharness.simulator.behaviour import difficulty, probability_right
from evalharness.simulator.draws import LogNormal
from evalharness.simulator.problems import find_problem
from evalharness.simulator.profile import Profile
from evalharness.simulator.wording import answer_text, visible_pieces

_MEASURES = (
    "accuracy",
    "reasoning_tokens_mean",
    "visible_tokens_mean",
    "ttfo_ms",
    "service_ms_mean",
    "capacity_per_s",
)
_QUANTILES = (0.5, 0.9, 0.95, 0.99)
_GRID = tuple(step / 20 for step in range(-120, 121))
_WEIGHTS = tuple(math.exp(-z * z / 2) for z in _GRID)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """A problem as far as the truth knows it: its difficulty is N(mean, sd). Visible tokens None: no text to count."""

    mean: float
    sd: float
    visible_right: float | None = None
    visible_wrong: float | None = None


def declared(profile: Profile, *, model: str, complexity: float | None) -> dict[str, Any]:
    """The truth about problems of one complexity (default: the centre of the profile)."""
    at = profile.difficulty.centre if complexity is None else complexity
    n_visible = profile.answer_tokens
    cell = _Cell(
        mean=profile.difficulty.mean(at),
        sd=profile.difficulty.spread,
        visible_right=n_visible,
        visible_wrong=n_visible,
    )
    efforts = {effort: _measures(profile, model, effort, [cell]) for effort in profile.efforts}
    return _frame(profile, model) | {"complexity": at, "population": efforts}


def declared_for(
    profile: Profile, seed: int, *, model: str, prompts: Sequence[str], request: Mapping[str, Any]
) -> dict[str, Any]:
    """The truth over exactly these prompts, sent with the fields of ``request``. Prompts that are not understood are
    counted apart."""
    scopes: dict[str, dict[str, Any]] = {"population": {}, "suite": {}}
    understood = [prompt for prompt in prompts if find_problem(prompt) is not None]
    for effort in profile.efforts:
        cells = [_cell(profile, model, effort, prompt, request) for prompt in understood]
        fixed = [
            replace(cell, mean=difficulty(profile, seed, problem), sd=0.0)
            for cell, problem in zip(cells, map(find_problem, understood), strict=True)
            if problem is not None
        ]
        scopes["population"][effort] = _measures(profile, model, effort, cells)
        scopes["suite"][effort] = _measures(profile, model, effort, fixed)
    return _frame(profile, model) | {"n": len(understood), "n_not_understood": len(prompts) - len(understood)} | scopes


def _frame(profile: Profile, model: str) -> dict[str, Any]:
    capacity = None if profile.capacity is None else {"slots": profile.capacity.slots}
    return {"profile": profile.name, "model": model, "prices": dict(profile.prices), "capacity": capacity}


def _cell(profile: Profile, model: str, effort: str, prompt: str, request: Mapping[str, Any]) -> _Cell:
    problem = find_problem(prompt)
    assert problem is not None
    ask = from_responses({**request, "model": model, "input": prompt})

    def visible(answer: str) -> int:
        return len(visible_pieces(ask, answer_text(ask, problem, answer, effort), answer, profile.answer_tokens))

    wrong = sum(map(visible, problem.wrong)) / len(problem.wrong)
    mean = profile.difficulty.mean(problem.complexity)
    return _Cell(mean=mean, sd=profile.difficulty.spread, visible_right=visible(problem.answer), visible_wrong=wrong)


def _measures(profile: Profile, model: str, effort: str, cells: Sequence[_Cell]) -> dict[str, Any]:
    if not cells:
        return dict.fromkeys(_MEASURES)
    used = profile.effort(effort)
    shares = [_accuracy(profile, model, used, cell) for cell in cells]
    tokens = [_thought(profile, cell, profile.efforts[used].reasoning_tokens).mean for cell in cells]
    first = [_thought(profile, cell, profile.efforts[used].ttfo_ms) for cell in cells]
    quantiles = {str(q): _ttfo_quantile(profile, first, q) * profile.time_scale for q in _QUANTILES}
    visible = _visible(cells, shares)
    service_ms = _service_ms(profile, first, visible)
    measures = (
        math.fsum(shares) / len(cells),
        math.fsum(tokens) / len(cells),
        visible,
        quantiles,
        service_ms,
        _capacity_per_s(profile, service_ms),
    )
    return dict(zip(_MEASURES, measures, strict=True))


def _accuracy(profile: Profile, model: str, effort: str, cell: _Cell) -> float:
    if cell.sd == 0:
        return probability_right(profile, model, effort, cell.mean)
    values = (
        weight * probability_right(profile, model, effort, cell.mean + cell.sd * z)
        for z, weight in zip(_GRID, _WEIGHTS, strict=True)
    )
    return math.fsum(values) / math.fsum(_WEIGHTS)


def _thought(profile: Profile, cell: _Cell, law: LogNormal) -> LogNormal:
    """The law of a quantity that grows with difficulty, with the difficulty averaged out: log-normal again."""
    rate = profile.thought_per_difficulty
    return LogNormal(median=law.median * math.exp(rate * cell.mean), sigma=math.hypot(law.sigma, rate * cell.sd))


def _visible(cells: Sequence[_Cell], shares: Sequence[float]) -> float | None:
    total = 0.0
    for cell, share in zip(cells, shares, strict=True):
        if cell.visible_right is None or cell.visible_wrong is None:
            return None
        total += share * cell.visible_right + (1 - share) * cell.visible_wrong
    return total / len(cells)


def _service_ms(profile: Profile, first: Sequence[LogNormal], visible: float | None) -> float | None:
    """The mean time a request keeps a slot: from the beginning of the work to the last output."""
    if visible is None:
        return None
    gaps = (visible - 1) * profile.gap_ms.mean * profile.gap_stalls.mean_factor
    return (math.fsum(law.mean for law in first) / len(first) * profile.ttfo_stalls.mean_factor + gaps) * (
        profile.time_scale
    )


def _capacity_per_s(profile: Profile, service_ms: float | None) -> float | None:
    """The load at which a queue begins to grow without end: slots over the mean service time (Little's law).

    None where the service has no limit, or works in no time.
    """
    if profile.capacity is None or not service_ms:
        return None
    return profile.capacity.slots / (service_ms / 1000)


def _ttfo_quantile(profile: Profile, laws: Sequence[LogNormal], q: float) -> float:
    """Of the mixture over problems and over stalled and other requests, by bisection to 1 part in 10^9."""
    stalls = profile.ttfo_stalls
    slow = [replace(law, median=law.median * stalls.factor) for law in laws]

    def share_below(x: float) -> float:
        fast = math.fsum(law.cdf(x) for law in laws)
        return ((1 - stalls.share) * fast + stalls.share * math.fsum(law.cdf(x) for law in slow)) / len(laws)

    low, high = 0.0, 1.0
    while share_below(high) < q:
        high *= 2
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if share_below(middle) < q else (low, middle)
    return high
