from __future__ import annotations

from dataclasses import replace
from itertools import groupby

from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.core.model import (
    Case,
    Endpoint,
    EndpointKind,
    LevelUnit,
    Load,
    Order,
    Phase,
    Prompt,
    Suite,
    Sweep,
    Warmup,
)
from evalharness.plan.expand import PlanFlags, differences, further_trials, make_plan
from evalharness.plan.order import shuffled

AXES = st.dictionaries(
    st.sampled_from(["reasoning.effort", "top_p", "text.verbosity", "store"]),
    st.lists(st.text(max_size=3) | st.integers(0, 3), min_size=1, max_size=3, unique_by=repr).map(tuple),
    max_size=3,
)
CASE_IDS = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=8, unique=True)


@st.composite
def suites(draw) -> Suite:
    return Suite(
        name="made-up",
        endpoints=(Endpoint(name="sim", kind=EndpointKind.SIMULATOR, target="default", model="m"),),
        prompts=(Prompt(name="plain", template="{{ question }}"),),
        cases=tuple(Case(case_id=case_id, content_hash=f"hash of {case_id}") for case_id in draw(CASE_IDS)),
        graders=(),
        sweep=Sweep(axes=draw(AXES)),
        repeats=draw(st.integers(1, 3)),
        load=Load(
            order=draw(st.sampled_from(Order)),
            seed=draw(st.integers()),
            warmup=draw(st.none() | st.integers(1, 10).map(lambda calls: Warmup(calls=calls))),
        ),
    )


def measured(plan):
    return [trial for trial in plan.trials if trial.phase is Phase.MEASURED]


@given(suites())
def test_each_planned_trial_comes_once_and_none_is_missing(suite):
    plan = make_plan(suite)
    slots = [(trial.case_id, trial.arm_id, trial.repeat_index) for trial in measured(plan)]
    assert set(slots) == {
        (case.case_id, arm.arm_id, repeat)
        for case in suite.cases
        for arm in plan.arms
        for repeat in range(suite.repeats)
    }
    assert len({trial.trial_id for trial in plan.trials}) == len(plan.trials)
    assert len(plan.trials) - len(slots) == (suite.load.warmup.calls if suite.load.warmup else 0)


@given(suites())
def test_the_same_suite_and_seed_give_the_same_plan(suite):
    assert make_plan(suite) == make_plan(suite)


@given(suites(), st.integers(), st.sampled_from(Order))
def test_ids_do_not_depend_on_the_order(suite, seed, order):
    other = replace(suite, load=replace(suite.load, seed=seed, order=order), cases=tuple(reversed(suite.cases)))
    ids = [{trial.trial_id for trial in measured(make_plan(each))} for each in (suite, other)]
    assert ids[0] == ids[1]


@given(suites())
def test_interleaved_blocks_hold_one_case_in_all_arms(suite):
    suite = replace(suite, load=replace(suite.load, order=Order.INTERLEAVED))
    plan = make_plan(suite)
    n_arms = len(plan.arms)
    trials = measured(plan)
    blocks = [trials[start : start + n_arms] for start in range(0, len(trials), n_arms)]
    assert all(len({(trial.case_id, trial.repeat_index) for trial in block}) == 1 for block in blocks)
    assert all({trial.arm_id for trial in block} == {arm.arm_id for arm in plan.arms} for block in blocks)
    passes = [repeat for repeat, _ in groupby(trial.repeat_index for trial in trials)]
    assert passes == list(range(suite.repeats))


@given(suites(), st.integers(1, 4), st.integers(0, 3))
def test_steps_and_further_passes_are_the_list_again_without_a_trial_in_common(suite, n_levels, n_passes):
    load = replace(suite.load, shape="steps", levels=tuple(range(1, n_levels + 1)), level_unit=LevelUnit.CONCURRENCY)
    plan = make_plan(replace(suite, load=load))
    first = n_levels * suite.repeats
    more = [further_trials(plan, step=at % n_levels, repeat_index=first + at) for at in range(n_passes)]
    every = [*measured(plan), *(trial for each in more for trial in each)]
    assert len({trial.trial_id for trial in every}) == len(every)
    assert len({(trial.case_id, trial.arm_id, trial.repeat_index) for trial in every}) == len(every)
    pairs = {(case.case_id, arm.arm_id) for case in suite.cases for arm in plan.arms}
    assert all({(trial.case_id, trial.arm_id) for trial in each} == pairs for each in more)
    for step in range(n_levels):
        here = [(trial.case_id, trial.arm_id) for trial in measured(plan) if trial.step == step]
        assert len(here) == len(pairs) * suite.repeats and set(here) == pairs


@given(suites(), st.data())
def test_removing_a_case_keeps_the_order_of_the_others(suite, data):
    gone = data.draw(st.sampled_from(suite.cases))
    rest = tuple(case for case in suite.cases if case is not gone)
    if rest:
        kept = [trial for trial in measured(make_plan(suite)) if trial.case_id != gone.case_id]
        assert measured(make_plan(replace(suite, cases=rest))) == kept


@given(suites(), suites())
def test_plans_differ_in_words_exactly_when_their_hashes_differ(one, other):
    plans = make_plan(one), make_plan(other)
    words = differences(plans[0].hashed, plans[1].hashed)
    assert bool(words) == (plans[0].plan_hash != plans[1].plan_hash)


@given(suites(), st.integers(1, 10), st.integers(1, 4))
def test_flags_narrow_and_never_add(suite, limit, repeats):
    whole = make_plan(replace(suite, repeats=4))
    part = make_plan(suite, PlanFlags(limit=limit, repeats=repeats))
    assert {trial.trial_id for trial in measured(part)} <= {trial.trial_id for trial in measured(whole)}
    assert {trial.case_id for trial in part.trials} == {case.case_id for case in suite.cases[:limit]}


@settings(max_examples=20)
@given(st.integers())
def test_every_place_is_as_likely_for_every_item(seed):
    """600 shuffles of 5: each item is first 120 times on average, with a standard deviation of 9.8."""
    firsts = [shuffled("abcde", seed, index)[0] for index in range(600)]
    assert all(60 <= firsts.count(item) <= 180 for item in "abcde")


@given(st.lists(st.text(), unique=True), st.integers())
def test_a_shuffle_keeps_every_item_and_ignores_the_order_given(ids, seed):
    assert sorted(shuffled(ids, seed)) == sorted(ids)
    assert shuffled(ids, seed) == shuffled(reversed(ids), seed)
