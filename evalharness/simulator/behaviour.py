"""Declared truth -> what is answered, with how much thought, and when. Pure: the same keys give the same reply.

What decides what:

* difficulty: (seed, problem); a problem is found in the prompt whatever instructions stand around it (``problems.py``,
  ``word_problems.py``: which prompts are understood);
* right or wrong, which mistake, reasoning tokens: (seed, model, effort, problem, draw), where ``draw`` is the part
  ``TRIAL.TURN`` of the ``X-Client-Request-Id`` header (``RUN.TRIAL.TURN``), so that repeats differ, and a resumed or
  reordered run draws the same;
* times: the same and the attempt.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, repeat
from random import Random

from evalharness.simulator import draws
from evalharness.simulator.ask import Ask
from evalharness.simulator.draws import LogNormal
from evalharness.simulator.problems import Problem, find_problem, problem_key
from evalharness.simulator.profile import Profile, Stalls
from evalharness.simulator.wording import (
    REFUSAL,
    answer_text,
    arguments_text,
    is_harmful,
    visible_pieces,
    wanted_tool,
)

_HEAD_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawKey:
    """What a reply is drawn from, beside the request itself."""

    seed: int
    draw: str
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When things are sent, in milliseconds after the request was read. ``output_ms`` has one entry per delta."""

    head_ms: float
    reasoning_ms: float
    first_output_ms: float
    output_ms: tuple[float, ...]

    @property
    def end_ms(self) -> float:
        return self.output_ms[-1] if self.output_ms else self.first_output_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is answered. ``kind`` is text, refusal or function_call; ``pieces`` are its deltas, one token each.

    ``incomplete_reason`` None: completed. ``problem_key`` names the problem in the truth log. ``right`` None: nothing
    that can be right or wrong.
    """

    kind: str
    pieces: tuple[str, ...]
    effort: str
    reasoning_tokens: int
    schedule: Schedule
    problem_key: str
    summary: tuple[str, ...] = ()
    tool_name: str | None = None
    incomplete_reason: str | None = None
    right: bool | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def output_tokens(self) -> int:
        return self.reasoning_tokens + len(self.pieces)


def reply_to(ask: Ask, profile: Profile, key: DrawKey) -> Reply:
    """The reply to one request."""
    effort = profile.effort(ask.effort)
    problem = find_problem(ask.question)
    name = problem.key if problem is not None else problem_key(ask.question)
    drawn = (key.seed, ask.model, effort, name, key.draw)
    hardness = 0.0 if problem is None else difficulty(profile, key.seed, problem)
    answer, right = _answer(profile, ask.model, effort, problem, hardness, drawn)
    kind, text, tool_name = _content(ask, problem, answer, effort)
    thought = profile.thought_per_difficulty * hardness
    tokens = reasoning_tokens(profile, effort, thought, drawn)
    summary = _summary(problem) if ask.wants_summary and tokens else ()
    pieces, tokens, reason = _capped(
        visible_pieces(ask, text, answer, profile.answer_tokens), tokens, ask.max_output_tokens
    )
    return Reply(
        kind=kind,
        pieces=pieces,
        effort=effort,
        reasoning_tokens=tokens,
        schedule=_schedule(profile, effort, thought, len(pieces), (*drawn, key.attempt)),
        problem_key=name,
        summary=summary,
        tool_name=tool_name,
        incomplete_reason=reason,
        right=right if kind == "text" and reason is None else None,
    )


def difficulty(profile: Profile, seed: int, problem: Problem) -> float:
    """How hard a problem is in the population of this seed."""
    law = profile.difficulty
    return law.mean(problem.complexity) + law.spread * draws.normal(seed, "difficulty", problem.key)


def probability_right(profile: Profile, model: str, effort: str, hardness: float) -> float:
    """The declared accuracy: ceiling / (1 + exp(-slope * (ability - difficulty)))."""
    return profile.accuracy_ceiling / (
        1.0 + math.exp(-profile.accuracy_slope * (profile.ability(model, effort) - hardness))
    )


def _answer(
    profile: Profile, model: str, effort: str, problem: Problem | None, hardness: float, drawn: tuple[object, ...]
) -> tuple[str | None, bool | None]:
    if problem is None:
        return None, None
    if draws.uniform(*drawn, "right") < probability_right(profile, model, effort, hardness):
        return problem.answer, True
    return problem.wrong[int(draws.uniform(*drawn, "mistake") * len(problem.wrong))], False


def _content(ask: Ask, problem: Problem | None, answer: str | None, effort: str) -> tuple[str, str, str | None]:
    """Kind, text, and the name of the tool that is called."""
    if is_harmful(ask):
        return "refusal", REFUSAL, None
    tool = wanted_tool(ask)
    if tool is not None:
        return "function_call", arguments_text(ask, tool), tool.name
    return "text", answer_text(ask, problem, answer, effort), None


def reasoning_tokens(profile: Profile, effort: str, thought: float, drawn: tuple[object, ...]) -> int:
    law = profile.efforts[effort].reasoning_tokens
    return round(law.at(draws.normal(*drawn, "reasoning")) * math.exp(thought))


def _summary(problem: Problem | None) -> tuple[str, ...]:
    """Two paragraphs without a number of the answer: a summary must not tell what the answer should have been."""
    first = "**Understanding the question**\n\nI read the question and decide what has to be worked out."
    if problem is None:
        return (first,)
    n_steps = max(1, len(problem.steps))
    return (first, f"**Working it out**\n\nIt takes {n_steps} step{'s' * (n_steps > 1)}; I do one after the other.")


def _capped(pieces: tuple[str, ...], tokens: int, cap: int | None) -> tuple[tuple[str, ...], int, str | None]:
    """Output is cut at the cap, which reasoning tokens count against."""
    if cap is None or tokens + len(pieces) <= cap:
        return pieces, tokens, None
    tokens = min(tokens, cap)
    return pieces[: cap - tokens], tokens, "max_output_tokens"


def _schedule(profile: Profile, effort: str, thought: float, n_pieces: int, drawn: tuple[object, ...]) -> Schedule:
    random = draws.stream(*drawn, "times")
    scale = profile.time_scale
    first = profile.efforts[effort].ttfo_ms.at(random.gauss(0, 1)) * math.exp(thought)
    if random.random() < profile.ttfo_stalls.share:
        first *= profile.ttfo_stalls.factor
    head = min(profile.head_ms.at(random.gauss(0, 1)), first * _HEAD_SHARE)
    gap, stalls = profile.gap_ms, profile.gap_stalls
    gaps: Iterable[float] = repeat(gap.median, n_pieces - 1)
    if gap.sigma or stalls.share:
        gaps = (_gap(gap, stalls, random) for _ in range(n_pieces - 1))
    return Schedule(
        head_ms=head * scale,
        reasoning_ms=max(head, first * profile.reasoning_share) * scale,
        first_output_ms=first * scale,
        output_ms=tuple(at * scale for at in accumulate(gaps, initial=first)) if n_pieces else (),
    )


def _gap(gap: LogNormal, stalls: Stalls, random: Random) -> float:
    at = gap.at(random.gauss(0, 1))
    return at * stalls.factor if random.random() < stalls.share else at
