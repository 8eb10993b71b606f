from __future__ import annotations

import pytest

from evalharness.core.errors import UsageError
from evalharness.plan.arms import arms, request_with
from tests.support.suites import HEAD, ONE_CASE, parsed

TWO_PLACES = HEAD.replace(
    "{simulator: default, model: sim-mini}",
    '{simulator: default, model: sim-mini}\n  far: {base_url: "https://example.com/v1", model: far-mini}\n'
    '  bare: {base_url: "https://example.com/v2"}',
).replace('{plain: "{{ question }}"}', '{plain: "{{ question }}", careful: "Think. {{ question }}"}')


def suite_of(rest: str = "", head: str = HEAD):
    return parsed(head + ONE_CASE + rest)


def test_without_a_sweep_there_is_one_arm():
    (arm,) = arms(suite_of("request: {store: false, model: other}\n"))
    assert (arm.key, arm.label, arm.endpoint, arm.model, arm.prompt) == ({}, "all calls", "sim", "other", "plain")
    assert arm.request == {"store": False}


def test_arms_are_the_product_of_the_axes_less_excluded_plus_included():
    rest = """\
sweep:
  axes: {reasoning.effort: [none, low], prompt: [plain, careful], text.verbosity: [low, high]}
  exclude: [{reasoning.effort: low, prompt: careful}, {text.verbosity: high, prompt: careful}]
  include: [{model: bigger, prompt: plain, text.verbosity: low, reasoning.effort: high}]
request: {text: {format: {type: text}}}
"""
    found = arms(suite_of(rest, TWO_PLACES))
    assert [arm.label for arm in found] == [
        "none, plain, low",
        "none, plain, high",
        "none, careful, low",
        "low, plain, low",
        "low, plain, high",
        "high, plain, low, bigger",
    ]
    assert list(found[-1].key) == ["reasoning.effort", "prompt", "text.verbosity", "model"]
    assert found[-1].model == "bigger" and found[0].model == "sim-mini"
    assert found[1].request == {
        "text": {"format": {"type": "text"}, "verbosity": "high"},
        "reasoning": {"effort": "none"},
    }
    assert found[0].effort == "none"


def test_the_model_comes_from_sweep_then_request_then_endpoint():
    axis = "sweep: {axes: {endpoint: [sim, far], prompt: [plain]}}\n"
    assert [arm.model for arm in arms(suite_of(axis, TWO_PLACES))] == ["sim-mini", "far-mini"]
    named = axis + "request: {model: m}\n"
    assert [arm.model for arm in arms(suite_of(named, TWO_PLACES))] == ["m", "m"]
    swept = "sweep: {axes: {model: [a, b], prompt: [plain]}}\n"
    assert [arm.model for arm in arms(suite_of(swept, TWO_PLACES))] == ["a", "b"]


def test_another_endpoint_can_be_chosen_where_the_sweep_does_not():
    suite = suite_of("sweep: {axes: {prompt: [plain]}}\n", TWO_PLACES)
    assert [(arm.endpoint, arm.model) for arm in arms(suite, "far")] == [("far", "far-mini")]
    with pytest.raises(UsageError, match="no model is named"):
        arms(suite, "bare")
    with pytest.raises(UsageError, match="no endpoint `near`"):
        arms(suite, "near")
    swept = suite_of("sweep: {axes: {endpoint: [sim, far], prompt: [plain]}}\n", TWO_PLACES)
    with pytest.raises(UsageError, match="cannot replace"):
        arms(swept, "far")


def test_two_arms_that_send_the_same_are_an_error():
    rest = """\
sweep:
  axes: {reasoning.effort: [none, low]}
  include: [{reasoning.effort: low, model: sim-mini}]
"""
    with pytest.raises(UsageError, match="`low` and `low, sim-mini` send the same"):
        arms(suite_of(rest))


def ids(rest: str, head: str = HEAD) -> list[str]:
    return [arm.arm_id for arm in arms(suite_of(rest, head))]


def test_an_arm_is_what_it_sends_not_how_it_is_called():
    by_axis = ids("sweep: {axes: {reasoning.effort: [low]}}\n")
    by_request = ids("request: {reasoning: {effort: low}}\n")
    assert by_axis == by_request
    assert ids("request: {reasoning: {effort: low}}\n", HEAD.replace("{{ question }}", "{{ question }}!")) != by_request
    assert ids("request: {reasoning: {effort: low}}\n", HEAD.replace("sim-mini", "other")) != by_request
    renamed = HEAD.replace("{plain:", "{renamed:")
    assert ids("request: {reasoning: {effort: low}}\n", renamed) == by_request


def test_setting_parameters_leaves_the_suite_as_it_is():
    request = {"text": {"verbosity": "low"}, "model": "m"}
    changed = request_with(request, {"text.format": {"type": "text"}, "reasoning.effort": "low", "tools": []})
    assert changed == {
        "text": {"verbosity": "low", "format": {"type": "text"}},
        "reasoning": {"effort": "low"},
        "tools": [],
    }
    assert request == {"text": {"verbosity": "low"}, "model": "m"}


def test_one_and_true_are_different_values_of_an_axis():
    rest = "sweep: {axes: {store: [1, true]}, exclude: [{store: true}]}\n"
    assert [arm.key for arm in arms(suite_of(rest))] == [{"store": 1}]
