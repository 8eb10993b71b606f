"""Answers of a declared number of tokens are still the answers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from evalharness.simulator.ask import from_responses
from evalharness.simulator.behaviour import DrawKey, Reply, reply_to
from evalharness.simulator.profile import ProfileError, load_profile

PROFILE = load_profile("latency")
PROMPTS = ["What is 17 * 23?", "What is 17 * 23? Give only the number.", "What is 17 * 23? End with 'Answer: N'."]
LONG = "What is " + " + ".join(str(number) for number in range(101, 130)) + "?"


def reply(prompt: str, n_tokens: int = 50, **changes: Any) -> Reply:
    ask = from_responses({"model": "sim-large", "input": prompt} | changes)
    profile = replace(PROFILE, answer_tokens=n_tokens, ability_by_model={"sim-large": 100.0}, accuracy_ceiling=1.0)
    return reply_to(ask, profile, DrawKey(seed=1, draw="0.0"))


@pytest.mark.parametrize("prompt", [*PROMPTS, LONG, "Hello!"])
@pytest.mark.parametrize("n_tokens", [8, 50, 400])
@pytest.mark.parametrize("verbosity", ["low", "medium", "high"])
def test_a_text_has_as_many_deltas_as_declared(prompt: str, n_tokens: int, verbosity: str) -> None:
    made = reply(prompt, n_tokens, text={"verbosity": verbosity})
    assert len(made.pieces) == len(made.schedule.output_ms) == n_tokens
    assert all(made.pieces)


@pytest.mark.parametrize("prompt", [PROMPTS[0], PROMPTS[2]])
@pytest.mark.parametrize("n_tokens", [8, 50])
def test_the_answer_stays_at_the_end_of_a_text(prompt: str, n_tokens: int) -> None:
    assert reply(prompt, n_tokens).text.rstrip(".").endswith("391")


def test_nothing_but_the_answer_stays_nothing_but_the_answer() -> None:
    assert reply(PROMPTS[1]).text.strip() == "391"


def test_json_stays_json_and_is_never_cut() -> None:
    for n_tokens in (1, 50):
        assert json.loads(reply(PROMPTS[0], n_tokens, text={"format": {"type": "json_object"}}).text)["answer"] == "391"


def test_arguments_of_a_tool_stay_json() -> None:
    tool = {"type": "function", "name": "add", "parameters": {"properties": {"a": {"type": "integer"}}}}
    made = reply(PROMPTS[0], tools=[tool], tool_choice="required")
    assert isinstance(json.loads(made.text), dict) and len(made.pieces) == 50


def test_the_cap_of_a_request_comes_first() -> None:
    made = reply(PROMPTS[0], max_output_tokens=16)
    assert (len(made.pieces), made.incomplete_reason) == (16, "max_output_tokens")


def test_latency_has_no_chance_in_its_times() -> None:
    for effort in PROFILE.efforts:
        for prompt in PROMPTS:
            asked = from_responses({"model": "sim-mini", "input": prompt, "reasoning": {"effort": effort}})
            times = reply_to(asked, PROFILE, DrawKey(seed=3, draw=f"{effort}.0")).schedule
            assert times.first_output_ms == 200
            assert list(times.output_ms) == pytest.approx([200 + 10 * n for n in range(50)])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"answer_tokens": 0}, "answer_tokens"),
        ({"answer_tokens": 2.5}, "answer_tokens"),
        ({"capacity": {"slots": 0}}, "capacity.slots"),
        ({"capacity": {"slot": 1}}, "known keys"),
    ],
)
def test_a_wrong_length_or_capacity_is_explained(tmp_path: Any, change: dict[str, Any], words: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"extends": "default"} | change))
    with pytest.raises(ProfileError, match=words):
        load_profile(str(path))
