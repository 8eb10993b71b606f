"""The declared truth against what many draws really give: Monte-Carlo, with seeds fixed, so it cannot flicker."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace

import pytest

from evalharness.simulator.ask import from_responses
from evalharness.simulator.behaviour import DrawKey, Reply, reply_to
from evalharness.simulator.profile import load_profile
from evalharness.simulator.truth import declared, declared_for

PROFILE = load_profile("default")
#: One complexity: every product of two such numbers has 1.5 + 0.5 * 2 = 2.5.
PROMPTS = [f"What is {a} * {b}?\nGive only the number." for a in range(110, 130) for b in (113, 127)]
STANDARD_ERRORS = 4.5


def replies(effort: str, seeds: range, n_draws: int) -> list[Reply]:
    return [
        reply_to(
            from_responses({"model": "sim-mini", "input": prompt, "reasoning": {"effort": effort}}),
            PROFILE,
            DrawKey(seed=seed, draw=f"{draw}.0"),
        )
        for seed in seeds
        for prompt in PROMPTS
        for draw in range(n_draws)
    ]


@pytest.fixture(scope="module")
def over_seeds() -> dict[str, list[Reply]]:
    """One draw of each problem in 50 populations: 2,000 independent replies per effort."""
    return {effort: replies(effort, range(50), 1) for effort in ("none", "medium")}


@pytest.mark.parametrize("effort", ["none", "medium"])
def test_accuracy_over_populations_is_the_declared_one(over_seeds: dict[str, list[Reply]], effort: str) -> None:
    truth = declared(PROFILE, model="sim-mini", complexity=2.5)["population"][effort]["accuracy"]
    found = statistics.fmean(bool(reply.right) for reply in over_seeds[effort])
    error = math.sqrt(truth * (1 - truth) / len(over_seeds[effort]))
    assert abs(found - truth) < STANDARD_ERRORS * error


def test_accuracy_of_one_suite_is_the_declared_one() -> None:
    truth = declared_for(PROFILE, 7, model="sim-mini", prompts=PROMPTS, request={})["suite"]["low"]["accuracy"]
    found = [bool(reply.right) for reply in replies("low", range(7, 8), 60)]
    assert abs(statistics.fmean(found) - truth) < STANDARD_ERRORS * math.sqrt(truth * (1 - truth) / len(found))


def test_reasoning_tokens_have_the_declared_mean(over_seeds: dict[str, list[Reply]]) -> None:
    truth = declared(PROFILE, model="sim-mini", complexity=2.5)["population"]["medium"]["reasoning_tokens_mean"]
    tokens = [reply.reasoning_tokens for reply in over_seeds["medium"]]
    assert abs(statistics.fmean(tokens) - truth) < STANDARD_ERRORS * statistics.stdev(tokens) / math.sqrt(len(tokens))


def test_visible_tokens_have_the_declared_mean(over_seeds: dict[str, list[Reply]]) -> None:
    truth = declared_for(PROFILE, 1, model="sim-mini", prompts=PROMPTS, request={})["population"]["none"]
    visible = [len(reply.pieces) for reply in over_seeds["none"]]
    error = statistics.stdev(visible) / math.sqrt(len(visible))
    assert abs(statistics.fmean(visible) - truth["visible_tokens_mean"]) < STANDARD_ERRORS * error + 1e-9


@pytest.mark.parametrize("q", [0.5, 0.9, 0.99])
def test_times_to_first_output_have_the_declared_quantiles(over_seeds: dict[str, list[Reply]], q: float) -> None:
    truth = declared(PROFILE, model="sim-mini", complexity=2.5)["population"]["medium"]["ttfo_ms"][str(q)]
    times = [reply.schedule.first_output_ms for reply in over_seeds["medium"]]
    below = statistics.fmean(at <= truth for at in times)
    assert abs(below - q) < STANDARD_ERRORS * math.sqrt(q * (1 - q) / len(times))


def test_harder_problems_are_declared_less_accurate_and_slower() -> None:
    easy, hard = (declared(PROFILE, model="sim-mini", complexity=c)["population"]["low"] for c in (1.0, 6.0))
    assert easy["accuracy"] > hard["accuracy"]
    assert easy["ttfo_ms"]["0.5"] < hard["ttfo_ms"]["0.5"]
    assert easy["reasoning_tokens_mean"] < hard["reasoning_tokens_mean"]


def test_a_service_that_ignores_the_effort_declares_one_truth_for_all() -> None:
    truth = declared(load_profile("ignores-effort"), model="sim-mini", complexity=None)["population"]
    assert truth["none"] == truth["xhigh"]


def test_prompts_that_are_not_understood_are_counted_apart() -> None:
    truth = declared_for(PROFILE, 1, model="sim-mini", prompts=["3 + 4?", "Hello!"], request={})
    assert (truth["n"], truth["n_not_understood"]) == (1, 1)
    nothing = declared_for(PROFILE, 1, model="sim-mini", prompts=["Hello!"], request={})
    assert nothing["suite"]["low"]["accuracy"] is None


def test_instant_declares_no_waiting() -> None:
    assert (
        declared(load_profile("instant"), model="sim-mini", complexity=None)["population"]["high"]["ttfo_ms"]["0.99"]
        == 0
    )


@pytest.mark.parametrize("effort", ["none", "medium"])
def test_the_work_on_a_request_takes_the_declared_mean_time(over_seeds: dict[str, list[Reply]], effort: str) -> None:
    truth = declared_for(PROFILE, 1, model="sim-mini", prompts=PROMPTS, request={})["population"][effort]
    times = [reply.schedule.end_ms for reply in over_seeds[effort]]
    error = statistics.stdev(times) / math.sqrt(len(times))
    assert abs(statistics.fmean(times) - truth["service_ms_mean"]) < STANDARD_ERRORS * error


def test_the_knee_is_slots_over_service_time() -> None:
    """100 ms to the first of 26 deltas, 4 ms between them, 16 at once: 16 / 0.2 s."""
    truth = declared(load_profile("queueing"), model="sim-mini", complexity=None)
    assert truth["capacity"] == {"slots": 16}
    for measures in truth["population"].values():
        assert measures["service_ms_mean"] == pytest.approx(200)
        assert measures["capacity_per_s"] == pytest.approx(80)


def test_no_knee_is_declared_where_there_is_none_or_nobody_knows_it() -> None:
    endless = declared(load_profile("latency"), model="sim-mini", complexity=None)
    assert endless["capacity"] is None
    assert endless["population"]["low"]["capacity_per_s"] is None
    assert endless["population"]["low"]["service_ms_mean"] == pytest.approx(690)
    unknown_length = replace(load_profile("queueing"), answer_tokens=None)
    assert declared(unknown_length, model="sim-mini", complexity=None)["population"]["low"]["capacity_per_s"] is None
