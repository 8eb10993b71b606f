"""Further passes over the list, for runs that time ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from evalharness.app.passes import Passes
from evalharness.core.model import Case, Endpoint, EndpointKind, Load, Phase, Prompt, Suite, Sweep, Warmup
from evalharness.plan.expand import make_plan

SUITE = Suite(
    name="s",
    endpoints=tuple(
        Endpoint(name=name, kind=EndpointKind.HTTP, target=f"http://{name}.invalid/v1", model="m") for name in "ab"
    ),
    prompts=(Prompt(name="p", template="hi"),),
    cases=tuple(Case(case_id=f"c{i}", content_hash=str(i)) for i in range(3)),
    graders=(),
    sweep=Sweep(axes={"endpoint": ("a", "b")}),
    repeats=2,
    load=Load(duration_s=5),
)


def test_a_pass_is_the_list_of_one_endpoint_again_with_repeats_nobody_had() -> None:
    plan = make_plan(SUITE)
    trials = Passes(plan, plan.trials)("a", 0)
    endpoint_of = {arm.arm_id: arm.endpoint for arm in plan.arms}
    assert {endpoint_of[trial.arm_id] for trial in trials} == {"a"}
    assert min(trial.repeat_index for trial in trials) == 2
    per_pass = Counter(trial.repeat_index for trial in trials)
    assert set(per_pass.values()) == {3}, "every case once a pass"
    assert len({trial.trial_id for trial in (*plan.trials, *trials)}) == len(plan.trials) + len(trials)


def test_warm_up_calls_are_no_passes() -> None:
    plan = make_plan(replace(SUITE, load=replace(SUITE.load, warmup=Warmup(calls=8))))
    assert max(trial.repeat_index for trial in plan.trials if trial.phase is Phase.WARMUP) > 2
    assert min(trial.repeat_index for trial in Passes(plan, plan.trials)("a", 0)) == 2


def test_passes_go_on_after_those_of_an_earlier_session_and_come_out_alike() -> None:
    plan = make_plan(SUITE)
    passes = Passes(plan, plan.trials)
    first, second = passes("a", 0), passes("a", 0)
    assert Passes(plan, [*plan.trials, *first])("a", 0) == second


def test_endpoints_count_their_passes_apart() -> None:
    plan = make_plan(replace(SUITE, repeats=1))
    passes = Passes(plan, plan.trials)
    assert [t.repeat_index for t in passes("a", 0)] == [t.repeat_index for t in passes("b", 0)]
