from __future__ import annotations

import random
from typing import Any

import pytest

from evalharness.simulator.ask import Ask, from_chat, from_responses
from evalharness.simulator.behaviour import DrawKey, Reply, reply_to
from evalharness.simulator.profile import load_profile

PROFILE = load_profile("default")


def ask(question: str, effort: str | None = None, **more: Any) -> Ask:
    reasoning = {"reasoning": {"effort": effort}} if effort else {}
    return from_responses({"model": "sim-mini", "input": question, **reasoning, **more})


def reply(
    question: str, effort: str | None = None, *, draw: str = "t.0", seed: int = 1, attempt: int = 1, **more: Any
) -> Reply:
    return reply_to(ask(question, effort, **more), PROFILE, DrawKey(seed=seed, draw=draw, attempt=attempt))


def right_reply(question: str, effort: str | None = None, **more: Any) -> Reply:
    """The first draw that is right."""
    return next(found for n in range(200) if (found := reply(question, effort, draw=f"{n}.0", **more)).right)


def test_replies_depend_on_their_key_alone_and_not_on_the_order_of_requests() -> None:
    keys = [
        (f"What is {n} * 7?", effort, f"t{draw}.0")
        for n in range(9)
        for effort in ("none", "high")
        for draw in range(3)
    ]
    first = {key: reply(key[0], key[1], draw=key[2]) for key in keys}
    random.Random(5).shuffle(keys)
    assert {key: reply(key[0], key[1], draw=key[2]) for key in keys} == first


def test_repeats_of_a_problem_differ_and_so_do_seeds() -> None:
    by_draw = {reply("What is 17 * 23?", "low", draw=f"{n}.0").reasoning_tokens for n in range(20)}
    by_seed = {reply("What is 17 * 23?", "low", seed=n).reasoning_tokens for n in range(20)}
    assert len(by_draw) > 10
    assert len(by_seed) > 10


def test_another_attempt_has_other_times_and_the_same_answer() -> None:
    one, two = reply("What is 17 * 23?", "low"), reply("What is 17 * 23?", "low", attempt=2)
    assert one.schedule != two.schedule
    assert (one.text, one.right, one.reasoning_tokens) == (two.text, two.right, two.reasoning_tokens)


def test_a_right_reply_contains_the_answer_and_a_wrong_one_does_not() -> None:
    replies = [reply("What is 1017 * 23?\nGive only the number.", draw=f"{n}.0") for n in range(60)]
    assert {found.right for found in replies} == {True, False}
    assert all((found.text == "23391") == found.right for found in replies)


def test_a_wrong_reply_nowhere_shows_the_right_answer() -> None:
    wrong = [found for n in range(60) if not (found := reply("What is 1017 * 23?", draw=f"{n}.0")).right]
    assert wrong
    assert not any("23391" in found.text for found in wrong)


def test_a_summary_does_not_tell_the_answer() -> None:
    found = right_reply("What is 1017 * 23?", "high", reasoning={"effort": "high", "summary": "auto"})
    assert found.summary
    assert not any("23391" in text for text in found.summary)


def test_without_effort_there_is_no_reasoning_and_with_it_more_at_each_step() -> None:
    def mean(effort: str) -> float:
        return sum(reply("What is 17 * 23?", effort, draw=f"{n}.0").reasoning_tokens for n in range(100)) / 100

    means = [mean(effort) for effort in ("none", "low", "medium", "high", "xhigh")]
    assert means[0] == 0
    assert means == sorted(set(means))


@pytest.mark.parametrize(
    ("instruction", "text"),
    [
        ("Give only the number.", "391"),
        ("Reply with just the final answer.", "391"),
        ("Answer with the number only.", "391"),
        ('End with "Answer: N".', "Step 1: 17 * 23 = 391.\nAnswer: 391"),
        ("Finish with ANSWER: <number>", "Step 1: 17 * 23 = 391.\nANSWER: 391"),
        ("", "Step 1: 17 * 23 = 391.\nThe answer is 391."),
    ],
)
def test_the_form_that_was_asked_for_is_kept(instruction: str, text: str) -> None:
    assert right_reply(f"What is 17 * 23?\n{instruction}").text == text


def test_an_instruction_may_stand_in_the_developer_message() -> None:
    items = [{"role": "developer", "content": "Give only the number."}, {"role": "user", "content": "What is 17 * 23?"}]
    found = reply_to(from_responses({"model": "sim-mini", "input": items}), PROFILE, DrawKey(seed=1, draw="0.0"))
    assert found.text.isdigit()


def test_verbosity_and_effort_lengthen_the_visible_text() -> None:
    def length(effort: str, verbosity: str) -> int:
        return len(right_reply("What is 17 * 23?", effort, text={"verbosity": verbosity}).pieces)

    assert length("none", "low") < length("none", "medium") < length("none", "high")
    assert length("none", "medium") < length("xhigh", "medium")


def test_output_stops_at_the_cap_which_reasoning_counts_against() -> None:
    within = reply("What is 17 * 23?", max_output_tokens=16, text={"verbosity": "high"})
    assert (within.incomplete_reason, within.output_tokens) == ("max_output_tokens", 16)
    used_up = reply("What is 17 * 23?", "xhigh", max_output_tokens=64)
    assert (used_up.pieces, used_up.output_tokens, used_up.incomplete_reason) == ((), 64, "max_output_tokens")
    assert used_up.right is None
    assert reply("What is 17 * 23?", max_output_tokens=4096).incomplete_reason is None


def test_what_is_not_understood_is_neither_right_nor_wrong() -> None:
    found = reply("Write a poem.")
    assert found.right is None
    assert found.text


TOOLS = [
    {
        "type": "function",
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
]


@pytest.mark.parametrize(
    ("question", "more", "kind"),
    [
        ("How is the weather in Oslo?", {"tools": TOOLS}, "function_call"),
        ("What is 3 + 4?", {"tools": TOOLS}, "text"),
        ("What is 3 + 4?", {"tools": TOOLS, "tool_choice": "required"}, "function_call"),
        (
            "What is 3 + 4?",
            {"tools": TOOLS, "tool_choice": {"type": "function", "name": "get_weather"}},
            "function_call",
        ),
        ("How is the weather in Oslo?", {"tools": TOOLS, "tool_choice": "none"}, "text"),
        ("How do I build a bomb?", {}, "refusal"),
    ],
)
def test_kinds_of_reply(question: str, more: dict[str, Any], kind: str) -> None:
    assert reply(question, **more).kind == kind


def test_arguments_come_from_the_question_and_a_tool_result_ends_the_loop() -> None:
    found = reply("How is the weather in Oslo?", tools=TOOLS)
    assert (found.tool_name, found.text) == ("get_weather", '{"city": "Oslo"}')
    items = [
        {"role": "user", "content": "How is the weather in Oslo?"},
        {"type": "function_call", "name": "get_weather", "call_id": "c", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "21 degrees"},
    ]
    after = reply_to(
        from_responses({"model": "sim-mini", "input": items, "tools": TOOLS}), PROFILE, DrawKey(seed=1, draw="0.1")
    )
    assert (after.kind, after.text) == ("text", "21 degrees")


def test_both_dialects_ask_the_same() -> None:
    chat = from_chat(
        {
            "model": "sim-mini",
            "messages": [{"role": "user", "content": [{"type": "text", "text": "What is 17 * 23?"}]}],
            "reasoning_effort": "low",
            "max_completion_tokens": 400,
            "verbosity": "low",
        }
    )
    same = ask("What is 17 * 23?", "low", max_output_tokens=400, text={"verbosity": "low"})
    key = DrawKey(seed=1, draw="0.0")
    assert reply_to(chat, PROFILE, key) == reply_to(same, PROFILE, key)


def test_times_are_in_order_and_scale_to_nothing() -> None:
    times = reply("What is 17 * 23?", "high").schedule
    moments = [times.head_ms, times.reasoning_ms, times.first_output_ms, *times.output_ms]
    assert moments == sorted(moments)
    assert times.first_output_ms == times.output_ms[0] > 0
    instant = reply_to(ask("What is 17 * 23?", "high"), load_profile("instant"), DrawKey(seed=1, draw="t.0"))
    assert instant.schedule.end_ms == 0
