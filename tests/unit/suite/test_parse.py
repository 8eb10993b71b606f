from __future__ import annotations

import hashlib

import pytest

from evalharness.core.errors import SuiteError, UsageError
from evalharness.core.model import (
    DecisionLimit,
    EndpointKind,
    Limits,
    Order,
    Prices,
    RetryPolicy,
    Slo,
    Status,
    Timeouts,
    Warmup,
)
from evalharness.suite.ports import ReadSettings
from tests.support.suites import HEAD, ONE_CASE, parsed

WHOLE = """\
suite: whole
description: All of it
endpoints:
  sim: {simulator: default, model: sim-mini}
  small: {local: smollm2, model: smollm2}
  gateway:
    protocol: chat
    base_url: https://example.com/v1/
    model: big
    api_key_env: A_KEY
    prices: {input: 0.75, cached_input: 0.075, output: 4.50, per_tokens: 1000, as_of: 2026-11-01}
    limits: {max_concurrency: 64, requests_per_minute: 500, tokens_per_minute: 200000}
    timeouts_ms: {connect: 1, first_event: 2, idle: 3, total: 4}
    retry: {max_attempts: 1, budget_share: 0.5, max_retry_after_ms: 0}
request: {text: {verbosity: low}, max_output_tokens: 4096, store: false, made_up: [1, null]}
prompts:
  plain: "{{ question }}"
  careful: [{role: developer, content: "You check your work."}, {role: user, content: "{{ question }}"}]
sweep:
  axes: {reasoning.effort: [none, low, medium], prompt: [plain, careful]}
  exclude: [{reasoning.effort: low, prompt: careful}]
  include: [{reasoning.effort: high, prompt: plain, model: bigger}]
  baseline: {reasoning.effort: none, prompt: plain}
cases:
  - id: apples
    vars: {question: "3 + 4?"}
    expected: 1.10
    tags: [easy]
    cluster: arithmetic
    graders: [{id: own, type: contains, expected: "7"}]
repeats: 5
graders:
  - {id: answer, type: numeric, expected: "{{ expected }}", tolerance: 0, pass_at: 0.5, grades: [ok, refused]}
load: {shape: closed, concurrency: 3, think_ms: 10, warmup: {calls: 5}, order: sequential, seed: 9}
budget: {max_cost_usd: 5.00, max_calls: 20000, max_wall_s: 3600}
slo: {ttfo_ms: 2000, total_ms: 20000, share_at_least: 0.95}
decision:
  rule: cheapest_within_margin
  metric: answer
  margin: 0.02
  limits: {total_ms: {quantile: 0.5, at_most: 10000}, cost_usd: {at_most: 0.02}}
tolerate: {error_share: 0.01}
analysis: {scope: suite, exact: true}
"""


def test_every_key_of_the_format_arrives_in_the_suite():
    suite = parsed(WHOLE)
    assert (suite.name, suite.description, suite.repeats) == ("whole", "All of it", 5)
    assert [(each.name, each.kind, each.target) for each in suite.endpoints] == [
        ("sim", EndpointKind.SIMULATOR, "default"),
        ("small", EndpointKind.LOCAL, "smollm2"),
        ("gateway", EndpointKind.HTTP, "https://example.com/v1"),
    ]
    gateway = suite.endpoints[2]
    assert (gateway.protocol, gateway.model, gateway.api_key_env) == ("chat", "big", "A_KEY")
    assert gateway.prices == Prices(input=0.75, output=4.5, cached_input=0.075, per_tokens=1000, as_of="2026-11-01")
    assert gateway.limits == Limits(max_concurrency=64, requests_per_minute=500, tokens_per_minute=200000)
    assert gateway.timeouts == Timeouts(connect=1, first_event=2, idle=3, total=4)
    assert gateway.retry == RetryPolicy(max_attempts=1, budget_share=0.5, max_retry_after_ms=0)
    assert suite.request == {
        "text": {"verbosity": "low"},
        "max_output_tokens": 4096,
        "store": False,
        "made_up": [1, None],
    }
    assert [prompt.name for prompt in suite.prompts] == ["plain", "careful"]
    assert suite.sweep.axes == {"reasoning.effort": ("none", "low", "medium"), "prompt": ("plain", "careful")}
    assert suite.sweep.baseline == {"reasoning.effort": "none", "prompt": "plain"}
    (case,) = suite.cases
    assert (case.case_id, case.expected, case.expected_text) == ("apples", 1.1, "1.10")
    assert (case.tags, case.cluster, case.graders[0].grader_id) == (("easy",), "arithmetic", "own")
    (grader,) = suite.graders
    assert grader.params == {"expected": "{{ expected }}", "tolerance": 0}
    assert (grader.pass_at, grader.grades) == (0.5, (Status.OK, Status.REFUSED))
    assert (suite.load.concurrency, suite.load.think_ms, suite.load.warmup) == (3, 10, Warmup(calls=5))
    assert (suite.load.order, suite.load.seed) == (Order.SEQUENTIAL, 9)
    assert (suite.budget.max_cost_usd, suite.budget.max_calls, suite.budget.max_wall_s) == (5, 20000, 3600)
    assert suite.slo == Slo(limits_ms={"ttfo_ms": 2000, "total_ms": 20000}, share_at_least=0.95)
    assert suite.decision is not None and suite.decision.limits == (
        DecisionLimit(metric="total_ms", at_most=10000, quantile=0.5),
        DecisionLimit(metric="cost_usd", at_most=0.02),
    )
    assert suite.tolerate_error_share == 0.01 and suite.analysis.scope == "suite" and suite.analysis.exact


def test_defaults_are_those_of_the_core_types():
    suite = parsed(HEAD + ONE_CASE)
    (sim,) = suite.endpoints
    assert (sim.timeouts, sim.retry, sim.limits) == (Timeouts(), RetryPolicy(), Limits())
    assert (suite.repeats, suite.load.concurrency, suite.load.warmup, suite.slo) == (1, 8, None, None)


def test_several_prompts_are_an_axis_without_being_listed():
    text = (HEAD + ONE_CASE).replace('{plain: "{{ question }}"}', '{plain: "{{ question }}", bare: "{{ question }}."}')
    assert parsed(text).sweep.axes == {"prompt": ("plain", "bare")}
    swept = text + "sweep: {axes: {prompt: [bare]}}\n"
    assert parsed(swept).sweep.axes == {"prompt": ("bare",)}


def test_an_effort_called_none_is_text():
    suite = parsed(HEAD + ONE_CASE + "sweep: {axes: {reasoning.effort: [none, low]}}\n")
    assert suite.sweep.axes["reasoning.effort"] == ("none", "low")


GATEWAY = HEAD.replace(
    "{simulator: default, model: sim-mini}", '{base_url: "https://${HOST:-example.com}/${V}", model: "${MODEL}"}'
)


def test_variables_are_taken_from_the_environment_and_an_empty_one_counts_as_unset():
    environ = {"HOST": "", "V": "v1", "MODEL": "m"}
    (endpoint,) = parsed(GATEWAY + ONE_CASE, settings=ReadSettings(environ=environ)).endpoints
    assert (endpoint.target, endpoint.model) == ("https://example.com/v1", "m")


def test_variables_outside_endpoints_stay_text():
    text = (HEAD + ONE_CASE).replace("1 + 1?", "${HOME}")
    assert parsed(text, settings=ReadSettings(environ={"HOME": "x"})).cases[0].vars == {"question": "${HOME}"}


def test_an_endpoint_that_is_not_used_may_lack_its_variables():
    text = (GATEWAY + ONE_CASE).replace("endpoints:\n", "endpoints:\n  other: {simulator: default, model: m}\n")
    assert parsed(text).endpoints[1].target.endswith("${V}")
    with pytest.raises(SuiteError, match="variable V is not set"):
        parsed(text, settings=ReadSettings(endpoint="sim"))
    with pytest.raises(SuiteError, match="variable V is not set"):
        parsed(text + "sweep: {axes: {endpoint: [other, sim]}}\n")


def test_an_endpoint_flag_that_names_nothing_is_a_usage_error_with_a_hint():
    with pytest.raises(UsageError) as caught:
        parsed(HEAD + ONE_CASE, settings=ReadSettings(endpoint="simm"))
    assert caught.value.hint == "did you mean `sim`?"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "127.8.9.1", "[::1]:80"])
def test_plain_http_is_for_this_machine(host):
    text = HEAD.replace("simulator: default", f'base_url: "http://{host}/v1"') + ONE_CASE
    assert parsed(text).endpoints[0].target == f"http://{host}/v1"


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "localhost.example.com", "127.0.0.1.nip.io"])
def test_plain_http_to_any_other_machine_is_refused_unless_it_is_allowed(host):
    text = HEAD.replace("simulator: default", f'base_url: "http://{host}/v1"') + ONE_CASE
    with pytest.raises(SuiteError, match=r"this machine only.*--allow-http"):
        parsed(text)
    allowed = parsed(text, settings=ReadSettings(allow_http=True))
    assert allowed.endpoints[0].target == f"http://{host}/v1"


PICTURES = HEAD.replace('"{{ question }}"', '"{{ question }} {{ picture | data_url }}"') + ONE_CASE.replace(
    'question: "1 + 1?"', 'question: "1 + 1?", picture: cat.png'
)


def test_files_that_prompts_name_are_hashed_and_change_the_case():
    old, new = (parsed(PICTURES, {"cat.png": content}) for content in (b"old", b"new"))
    assert old.files[0].sha256 == hashlib.sha256(b"old").hexdigest()
    assert old.cases[0].content_hash != new.cases[0].content_hash
    with pytest.raises(SuiteError, match=r"cat\.png does not exist \(case `a`\)"):
        parsed(PICTURES)


def test_the_content_of_a_case_decides_its_hash_and_nothing_else_does():
    base = parsed(HEAD + ONE_CASE).cases[0].content_hash
    assert parsed(HEAD + "repeats: 3\n" + ONE_CASE).cases[0].content_hash == base
    assert parsed(HEAD + ONE_CASE.replace("id: a", "id: b")).cases[0].content_hash == base
    assert parsed(HEAD + ONE_CASE.replace("1 + 1?", "1 + 2?")).cases[0].content_hash != base
    assert parsed(HEAD + ONE_CASE.replace('"2"', '"2.0"')).cases[0].content_hash != base
    numbers = [parsed(HEAD + ONE_CASE.replace('"2"', text)).cases[0].content_hash for text in ("1.1", "1.10")]
    assert numbers[0] != numbers[1]


def test_missing_variables_of_many_cases_are_one_problem_that_counts_them():
    rows = b"".join(b'{"id": "c%d", "vars": {}, "expected": "1"}\n' % n for n in range(1000))
    with pytest.raises(SuiteError) as caught:
        parsed(HEAD + "cases: [{file: c.jsonl}]\n", {"c.jsonl": rows})
    (problem,) = caught.value.problems
    assert problem.message == "`question` is missing (case `c0`, `c1`, `c2` and 997 more of 1000)"
    assert (problem.line, problem.key_path) == (4, "prompts.plain")


def test_one_wrong_case_does_not_hide_the_next():
    text = HEAD + ONE_CASE + "  - {id: b, wars: {}}\n  - {id: c, vars: {questio: x}, expected: y}\n"
    with pytest.raises(SuiteError) as caught:
        parsed(text)
    assert [problem.line for problem in caught.value.problems] == [4, 9]


def test_templates_of_graders_may_stand_for_lists_that_are_checked_per_case():
    head = HEAD.replace(
        '{id: answer, type: exact, expected: "{{ expected }}"}', "{id: a, type: contains_all, values: X}"
    )
    head = head.replace("X", '"{{ expected }}"')
    assert parsed(head + ONE_CASE.replace('"2"', "[x, y]")).graders[0].params == {"values": "{{ expected }}"}
    with pytest.raises(SuiteError, match=r"must be a list, not the text `2` \(case `a`\)"):
        parsed(head + ONE_CASE)


def test_keys_that_hide_a_typo_in_a_nested_section_are_found_with_their_path():
    with pytest.raises(SuiteError) as caught:
        parsed(HEAD + ONE_CASE + "decision: {rule: cheapest_within_margin, metric: anser, margin: 0.02}\n")
    (problem,) = caught.value.problems
    assert (problem.key_path, problem.hint) == ("decision.metric", "did you mean `answer`?")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('graders: [{id: g, type: exact, expected: "7", value: "{{ expected }}"}]', "unknown key `value`"),
        ("<<: 1", "unknown key `<<`"),
    ],
)
def test_an_unknown_key_is_told_whatever_it_is_called_or_holds(line: str, message: str):
    text = """
suite: x
endpoints: {e: {simulator: default, model: sim-mini}}
prompts: {p: "{{ q }}"}
cases: [{id: a, vars: {q: "1"}, expected: "7"}]
"""
    graders = "" if line.startswith("graders") else 'graders: [{id: g, type: exact, expected: "7"}]\n'
    with pytest.raises(SuiteError) as error:
        parsed(f"{text}{graders}{line}\n")
    assert [problem.message for problem in error.value.problems] == [message]


def test_axes_with_more_combinations_than_can_be_listed_are_refused_at_their_place():
    axes = ", ".join(f"metadata.a{n}: [{', '.join(map(str, range(100)))}]" for n in range(9))
    with pytest.raises(SuiteError) as caught:
        parsed(HEAD + ONE_CASE + f"sweep:\n  axes: {{{axes}}}\n")
    (problem,) = caught.value.problems
    line = (HEAD + ONE_CASE).count("\n") + 2
    assert (problem.line, problem.key_path) == (line, "sweep.axes")
    assert problem.message == "the axes have more than 10,000 combinations"


def test_of_thousands_of_mistakes_the_first_hundred_are_shown():
    cases = "".join(f"  - {{id: c{n}, var: {{}}}}\n" for n in range(1_500))
    with pytest.raises(SuiteError) as caught:
        parsed(HEAD + "cases:\n" + cases)
    assert len(caught.value.problems) == 1_500
    first, *shown, last = caught.value.message.splitlines()
    assert (first, last) == ("1,500 problems in the suite", "and 1,400 more")
    assert shown == [str(problem) for problem in caught.value.problems[:100]]


def test_what_a_mistake_quotes_is_shortened():
    with pytest.raises(SuiteError) as caught:
        parsed(HEAD + ONE_CASE + "sweep: {axes: {prompt: [" + "x" * 50_000 + "]}}\n")
    assert len(caught.value.message) < 5_000
