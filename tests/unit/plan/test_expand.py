from __future__ import annotations

import subprocess
import sys
from itertools import groupby

import pytest

from evalharness.core.errors import UsageError
from evalharness.core.model import Phase
from evalharness.plan.expand import PlanFlags, differences, further_trials, make_plan
from tests.support.suites import HEAD, parsed

CASES = "cases:\n" + "".join(
    f'  - {{id: c{n}, vars: {{question: "{n}?"}}, expected: "1", tags: [{"even" if n % 2 == 0 else "odd"}]}}\n'
    for n in range(6)
)
SWEEP = "sweep: {axes: {reasoning.effort: [none, low, high]}, baseline: {reasoning.effort: low}}\n"
TEXT = HEAD + CASES + SWEEP + "repeats: 2\n"


def plan_of(text: str = TEXT, **flags):
    return make_plan(parsed(text), PlanFlags(**flags))


def test_every_case_meets_every_arm_in_every_repeat_once():
    plan = plan_of()
    slots = [(trial.case_id, trial.arm_id, trial.repeat_index) for trial in plan.trials]
    assert len(slots) == len(set(slots)) == 6 * 3 * 2 == len({trial.trial_id for trial in plan.trials})
    assert {trial.phase for trial in plan.trials} == {Phase.MEASURED}
    assert plan.baseline_arm_id == plan.arms[1].arm_id


def test_a_block_is_one_case_in_all_arms_and_repeats_are_passes():
    trials = plan_of().trials
    blocks = [(key, list(block)) for key, block in groupby(trials, key=lambda t: (t.repeat_index, t.case_id))]
    assert len(blocks) == 12 and all(len({t.arm_id for t in block}) == 3 for _, block in blocks)
    assert [repeat for (repeat, _), _ in blocks] == [0] * 6 + [1] * 6
    orders = {tuple(t.arm_id for t in block) for _, block in blocks}
    assert len(orders) > 2, "arms are shuffled inside the blocks"
    first, second = ([case for (repeat, case), _ in blocks if repeat == r] for r in (0, 1))
    assert first != second != sorted(second), "blocks are shuffled, in each pass another way"


def test_sequential_is_one_arm_after_the_other_in_the_order_of_the_suite():
    trials = plan_of(TEXT + "load: {order: sequential}\n").trials
    assert [arm for arm, _ in groupby(trial.arm_id for trial in trials)] == [arm.arm_id for arm in plan_of().arms]
    assert [trial.case_id for trial in trials[:6]] == [f"c{n}" for n in range(6)]


def test_the_seed_alone_decides_the_order():
    one, again, other = plan_of(seed=1), plan_of(seed=1), plan_of(seed=2)
    assert one == again
    assert one.trials != other.trials and set(one.trials) == set(other.trials)


def test_fewer_cases_leave_the_order_of_the_others_as_it_was():
    kept = {"c0", "c1", "c2"}
    whole = [trial.trial_id for trial in plan_of().trials if trial.case_id in kept]
    assert [trial.trial_id for trial in plan_of(limit=3).trials] == whole


def test_the_order_is_the_same_in_another_process():
    code = (
        "from tests.unit.plan.test_expand import plan_of\n"
        "p = plan_of(TEXT)\nprint(p.plan_hash, *[t.trial_id for t in p.trials])"
    ).replace("TEXT", repr(TEXT))
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    plan = plan_of()
    assert found == [plan.plan_hash, *(trial.trial_id for trial in plan.trials)]


def test_warm_up_goes_round_the_arms_of_each_endpoint_before_anything_is_measured():
    text = TEXT.replace(
        "sim: {simulator: default, model: sim-mini}",
        'sim: {simulator: default, model: m}\n  far: {base_url: "https://example.com/v1", model: m}',
    ).replace("axes: {", "axes: {endpoint: [sim, far], ")
    plan = plan_of(text + "load: {warmup: {calls: 4}}\n")
    warmup = [trial for trial in plan.trials if trial.phase is Phase.WARMUP]
    assert warmup == list(plan.trials[:8])
    sim = [arm.arm_id for arm in plan.arms if arm.endpoint == "sim"]
    assert [trial.arm_id for trial in warmup[:4]] == [sim[0], sim[1], sim[2], sim[0]]
    ids = [trial.trial_id for trial in plan.trials]
    assert len(set(ids)) == len(ids)


def test_warm_up_by_time_is_a_list_long_enough_to_be_cut():
    plan = plan_of(TEXT + "load: {concurrency: 4, warmup: {seconds: 2}}\n")
    n_warmup = sum(trial.phase is Phase.WARMUP for trial in plan.trials)
    assert n_warmup == 2 * 20 * 4


@pytest.mark.parametrize(
    ("load", "least"),
    [
        ("{shape: constant, rate_per_s: 50, warmup: {seconds: 3}}", 150),
        # A Poisson count of mean 10,000 is above 10,400, four standard deviations, once in 30,000 runs.
        ("{shape: poisson, rate_per_s: 1000, warmup: {seconds: 10}}", 10_400),
        ("{shape: ramp, from_per_s: 10, to_per_s: 20, over_s: 10, warmup: {seconds: 4}}", 4 * (10 + 14) // 2),
        ("{shape: ramp, from_per_s: 10, to_per_s: 20, over_s: 2, warmup: {seconds: 4}}", 30),
        ("{shape: burst, size: 7, every_s: 2, warmup: {seconds: 4.5}}", 21),
        ("{shape: steps, concurrency: [1, 8], warmup: {seconds: 1}}", 160),
        ("{shape: steps, rate_per_s: [1, 40], warmup: {seconds: 1}}", 64),
        ("{shape: trace, file: t.json, warmup: {seconds: 1}}", 3),
    ],
)
def test_a_warm_up_by_time_lists_more_than_the_shape_starts_in_it(load, least):
    plan = make_plan(parsed(TEXT + f"load: {load}\n", {"t.json": b"[0, 0.5, 0.9, 1.1, 5]"}))
    n_warmup = sum(trial.phase is Phase.WARMUP for trial in plan.trials)
    assert least <= n_warmup <= 1.2 * least + 10
    assert len({trial.trial_id for trial in plan.trials}) == len(plan.trials)


@pytest.mark.parametrize("shape", ["steps, concurrency: [1, 2, 4]", "steps, rate_per_s: [1, 2, 4], each_s: 5"])
def test_each_step_has_the_whole_list_in_an_order_of_its_own(shape):
    plain, plan = plan_of(), plan_of(TEXT + f"load: {{shape: {shape}, warmup: {{calls: 3}}}}\n")
    trials = [trial for trial in plan.trials if trial.phase is Phase.MEASURED]
    assert [(step, len(list(each))) for step, each in groupby(trials, key=lambda trial: trial.step)] == [
        (0, 36),
        (1, 36),
        (2, 36),
    ]
    slots = {(trial.case_id, trial.arm_id, trial.repeat_index) for trial in trials}
    assert len(slots) == len({trial.trial_id for trial in plan.trials}) - 3 == 108
    assert [sorted({t.repeat_index for t in trials if t.step == step}) for step in range(3)] == [[0, 1], [2, 3], [4, 5]]
    orders = [[(t.case_id, t.arm_id) for t in trials if t.step == step] for step in range(3)]
    assert orders[0] != orders[1] != orders[2] and sorted(orders[0]) == sorted(orders[2])
    # What another shape would send is the first step, by the same ids: they were there before steps were.
    assert tuple(trials[:36]) == plain.trials


def test_a_cut_anywhere_leaves_no_arm_more_than_one_trial_behind():
    trials = plan_of(TEXT + "load: {shape: poisson, rate_per_s: 5, duration_s: 10}\n").trials
    arm_ids = [arm.arm_id for arm in plan_of().arms]
    for cut in range(len(trials)):
        sent = [sum(trial.arm_id == arm_id for trial in trials[:cut]) for arm_id in arm_ids]
        assert max(sent) - min(sent) <= 1


def test_a_further_pass_is_every_case_in_every_arm_once_more_in_another_order():
    plan = plan_of(TEXT + "load: {shape: steps, concurrency: [1, 2], each_s: 9}\n")
    more = further_trials(plan, step=1, repeat_index=4)
    assert {(trial.case_id, trial.arm_id) for trial in more} == {(t.case_id, t.arm_id) for t in plan.trials}
    assert len(more) == 18 and {(trial.repeat_index, trial.step, trial.phase) for trial in more} == {
        (4, 1, Phase.MEASURED)
    }
    again = further_trials(plan, step=1, repeat_index=5)
    assert [trial.case_id for trial in again] != [trial.case_id for trial in more]
    ids = [trial.trial_id for trial in (*plan.trials, *more, *again)]
    assert len(set(ids)) == len(ids)
    assert more == further_trials(plan, step=1, repeat_index=4), "a resumed run asks again"
    blocks = [more[start : start + 3] for start in range(0, 18, 3)]
    assert all(len({trial.case_id for trial in block}) == 1 for block in blocks)


@pytest.mark.parametrize(
    ("flags", "cases"),
    [
        ({"limit": 2}, ["c0", "c1"]),
        ({"limit": 99}, ["c0", "c1", "c2", "c3", "c4", "c5"]),
        ({"tags": ("odd",)}, ["c1", "c3", "c5"]),
        ({"tags": ("odd",), "limit": 1}, ["c1"]),
        ({"tags": ("odd", "even"), "cases": ("c[45]", "c0")}, ["c0", "c4", "c5"]),
        ({"cases": ("c*",), "limit": 1}, ["c0"]),
    ],
)
def test_flags_select_cases(flags, cases):
    plan = plan_of(**flags)
    assert [case.case_id for case in plan.suite.cases] == cases
    assert {trial.case_id for trial in plan.trials} == set(cases)


def test_flags_select_arms_and_repeats():
    plan = plan_of(arms={"reasoning.effort": "high"}, repeats=1)
    assert [arm.label for arm in plan.arms] == ["high"] and len(plan.trials) == 6
    assert plan.suite.repeats == 1
    assert [arm.label for arm in plan_of(arms={"reasoning.effort": ("none", "high")}).arms] == ["none", "high"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"tags": ("hard",)}, "no case has the tag `hard`"),
        ({"cases": ("x*",)}, "no case matches `x[*]`"),
        ({"tags": ("odd",), "cases": ("c0",)}, "no case matches `c0`"),
        ({"limit": 0}, "--limit must be at least 1"),
        ({"repeats": 0}, "--repeats must be at least 1"),
        ({"arms": {"effort": "low"}}, "there is no axis `effort`"),
        ({"arms": {"reasoning.effort": "medium"}}, "no arm has reasoning.effort=medium"),
        ({"endpoint": "far"}, "no endpoint `far`"),
    ],
)
def test_flags_that_select_nothing_are_a_usage_error_with_a_hint(flags, message):
    with pytest.raises(UsageError, match=message) as caught:
        plan_of(**flags)
    assert caught.value.hint or "at least 1" in message


def test_values_that_are_no_text_are_chosen_as_json():
    text = TEXT.replace("reasoning.effort: [none, low, high]}, baseline: {reasoning.effort: low}", "top_p: [0.5, 1]}")
    assert [arm.label for arm in plan_of(text, arms={"top_p": "0.5"}).arms] == ["0.5"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("repeats: 2", "repeats: 3", ["repeats: 2 -> 3"]),
        ("sim-mini", "sim-large", ['endpoints.sim.model: ["sim-mini"] -> ["sim-large"]']),
        ("simulator: default", "simulator: instant", ["endpoints.sim.simulator: default -> instant"]),
        ('"{{ question }}"', '"{{ question }}!"', ["prompts.plain: changed"]),
        ('"3?"', '"4?"', ["cases: 1 changed (c3)"]),
        ("type: exact", "type: contains", ["graders.answer: changed"]),
        ("repeats: 2", "repeats: 2\nload: {concurrency: 9}", ["load.concurrency: 8 -> 9"]),
        ("repeats: 2", "repeats: 2\nload: {duration_s: 60}", ["load.duration_s: new"]),
        (
            "repeats: 2",
            "repeats: 2\nload: {shape: steps, rate_per_s: [1, 2]}",
            [
                "load.shape: closed -> steps",
                "load.concurrency: no longer there",
                "load.think_ms: no longer there",
                "load.rate_per_s: new",
            ],
        ),
        ("repeats: 2", "repeats: 2\nrequest: {store: false}", ["request.store: new"]),
        (
            "[none, low, high]",
            "[none, low]",
            [
                'arms: ["none","low","high"] -> ["none","low"]',
                'sweep.axes.reasoning.effort: ["none","low","high"] -> ["none","low"]',
            ],
        ),
    ],
)
def test_what_decides_the_measurement_changes_the_hash_and_is_told_in_words(old, new, words):
    before, after = plan_of(), plan_of(TEXT.replace(old, new))
    assert before.plan_hash != after.plan_hash
    assert differences(before.hashed, after.hashed) == words


@pytest.mark.parametrize(
    "addition",
    [
        "description: other words\n",
        "budget: {max_calls: 5}\n",
        "slo: {ttfo_ms: 5, share_at_least: 0.5}\n",
        "decision: {rule: cheapest_within_margin, metric: answer, margin: 0.1}\n",
        "tolerate: {error_share: 0.5}\n",
        "analysis: {scope: suite}\n",
    ],
)
def test_what_only_judges_the_measurement_does_not_change_the_hash(addition):
    assert plan_of(TEXT + addition).plan_hash == plan_of().plan_hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("model: sim-mini", "model: sim-mini, prices: {input: 1, output: 2}"),
        ("model: sim-mini", "model: sim-mini, limits: {max_concurrency: 2}"),
        ("endpoints:\n  sim", "endpoints:\n  sim"),
        ("model: sim-mini}", 'model: sim-mini}\n  spare: {base_url: "https://example.com/v1", model: m}'),
        ("baseline: {reasoning.effort: low}", "baseline: {reasoning.effort: none}"),
    ],
)
def test_prices_limits_baseline_and_unused_endpoints_do_not_change_the_hash(old, new):
    assert plan_of(TEXT.replace(old, new)).plan_hash == plan_of().plan_hash


def test_narrowing_flags_change_the_hash_and_say_which_cases_are_gone():
    whole, part = plan_of(), plan_of(limit=1)
    assert differences(whole.hashed, part.hashed) == ["cases: 5 removed (c1, c2, c3, c4, c5)"]
    assert differences(part.hashed, whole.hashed) == ["cases: 5 added (c1, c2, c3, c4, c5)"]
    assert plan_of(limit=6).plan_hash == whole.plan_hash, "a flag without effect is no difference"


def test_many_changed_cases_are_counted_not_listed():
    lines = differences({f"cases.c{n}": "a" for n in range(20)}, {f"cases.c{n}": "b" for n in range(20)})
    assert lines == ["cases: 20 changed (c0, c1, c2, c3, c4 and 15 more)"]


def test_only_what_a_shape_uses_is_in_the_hash():
    """So that a field added for one shape leaves the plans of all others, and their unfinished runs, as they are."""

    def load_keys(load: str) -> set[str]:
        return {key for key in plan_of(TEXT + f"load: {load}\n").hashed if key.startswith("load.")}

    common = {"load.shape", "load.warmup", "load.order", "load.seed"}
    assert load_keys("{}") == common | {"load.concurrency", "load.think_ms"}
    assert load_keys("{shape: constant, rate_per_s: 1}") == common | {"load.rate_per_s"}
    assert load_keys("{shape: burst, size: 2, every_s: 1, duration_s: 5}") == common | {
        "load.size",
        "load.every_s",
        "load.duration_s",
    }
    assert load_keys("{shape: steps, concurrency: [1], each_s: 5}") == common | {"load.concurrency", "load.each_s"}


@pytest.mark.parametrize(
    ("load", "plan_hash"),
    [
        ("", "33b74a51b046d8eb"),
        (
            "load: {concurrency: 3, think_ms: 5, warmup: {calls: 2}, order: sequential, seed: 4}\n",
            "b499c4dceee1297a",
        ),
    ],
)
def test_plans_of_closed_suites_have_the_hashes_they_had_before_there_were_other_shapes(load, plan_hash):
    """Noted from the version before: a run it left unfinished can be resumed."""
    assert plan_of(TEXT + load).plan_hash == plan_hash


def test_a_default_that_is_written_out_changes_nothing():
    written = TEXT.replace(
        "model: sim-mini",
        "model: sim-mini, retry: {max_attempts: 3, budget_share: 0.2, max_retry_after_ms: 60000}, "
        "timeouts_ms: {connect: 5000, first_event: 120000, idle: 600000, total: 2400000}",
    )
    plan = plan_of(written + "load: {shape: closed, concurrency: 8, think_ms: 0, order: interleaved, seed: 1}\n")
    assert plan.plan_hash == plan_of().plan_hash


@pytest.mark.parametrize("more", ["repeats: 1000000000000\n", "load: {shape: steps, concurrency: [1, 2], each_s: 9}\n"])
def test_a_plan_that_no_memory_holds_is_refused_before_it_is_made(more: str, monkeypatch: pytest.MonkeyPatch):
    if "steps" in more:
        monkeypatch.setattr("evalharness.plan.expand.MAX_TRIALS", 35)
    assert len(make_plan(parsed(HEAD + CASES + SWEEP)).trials) == 18
    with pytest.raises(UsageError, match=r"the plan would have more than .* trials: 6 cases, 3 arms") as caught:
        plan_of(HEAD + CASES + SWEEP + more)
    assert "lower repeats" in (caught.value.hint or "")
