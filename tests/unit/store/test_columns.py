"""Columns read from packed numbers are those of the same results as objects."""

from __future__ import annotations

import math
import random
from array import array
from dataclasses import fields, replace
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.core.model import Phase, Status
from evalharness.core.record import Call, Observed, Purpose, RunRecord, StampSource, TrialResult
from evalharness.metrics.columns import ResultColumns
from evalharness.metrics.facts import Facts, Seen
from evalharness.metrics.table import Table, answer_texts, failed_results, result_columns, table
from evalharness.report.page import render_page
from evalharness.report.settings import ReportSettings
from evalharness.store import columns as store_columns
from evalharness.store.load import load
from evalharness.store.result_texts import heads_of
from evalharness.verdict.compare import analyse
from tests.support.runs import make_run
from tests.support.stored import store_run

#: Text that looks like the end of what a call says before its texts.
FORGED = 'm","text":"x","request":7}]'


def seen_by(result: TrialResult, rng: random.Random) -> TrialResult:
    """With stamps of a real client: observed or not, deltas near and far, fields that are missing now and then."""
    calls = tuple(_seen(call, rng) for call in result.calls)
    return replace(result, calls=calls, anomalies=rng.choice([(), ("no_deltas", "late")]))


def _seen(call: Call, rng: random.Random) -> Call:
    def some(value: int) -> int | None:
        return rng.choice([None, value])

    attempt = call.last_attempt
    stamps = attempt.stamps
    first_ns = stamps.first_output_ns
    if first_ns is not None:
        widest = rng.choice([0, 10_000_000, 10**12])
        gaps = [rng.randint(0, widest) for _ in range(rng.choice([0, 1, 2, 7, 300]))]
        stamps = replace(stamps, deltas_ns=array("q", [first_ns + sum(gaps[:place]) for place in range(len(gaps))]))
    stamps = replace(stamps, connect_ns=some(rng.randint(0, 10**7)), first_reasoning_ns=some((first_ns or 0) - 1000))
    observed = Observed(
        source=rng.choice(list(StampSource)),
        send_ns=rng.randint(0, 10**5),
        max_lag_ns=rng.randint(0, 10**6),
        n_coalesced=rng.choice([0, 0, 3]),
        first_output_error_ns=some(rng.randint(0, 10**5)),
        done_error_ns=some(rng.randint(0, 10**5)),
        first_reasoning_error_ns=some(rng.randint(0, 10**5)),
    )
    attempt = replace(
        attempt,
        stamps=stamps,
        observed=rng.choice([None, observed]),
        connection_reused=rng.choice([None, False, True]),
        wait_ms=rng.choice([0.0, 0.0, 12.3456]),
        partial_text=rng.choice([None, "4"]),
    )
    answer = replace(
        call.answer,
        text=rng.choice(["", call.answer.text, "two\nlines \ud800", FORGED]),
        refusal=rng.choice([None, "No."]),
        model_reported=rng.choice([None, "sim-mini", "sim-maxi", FORGED]),
        tier_reported=rng.choice([None, "flex"]),
    )
    return replace(
        call,
        attempts=(*call.attempts[:-1], attempt),
        answer=answer,
        anomalies=rng.choice([(), ("no_deltas",), ("duplicate_id", "no_deltas")]),
        cost_usd=rng.choice([None, 0.0, 0.000_324, 1 / 3, call.cost_usd]),
    )


#: The cell of a call, and its head; None: the whole cell.
HEADS = {
    b'[{"stop_reason":"stop","text":"a","request":3}]': b'[{"stop_reason":"stop"}]',
    b'[{"stop_reason":"stop","text":"b","request":3}]': b'[{"stop_reason":"stop"}]',
    b'[{"stop_reason":"stop","model_reported":"m","text":"a","request":3}]': (
        b'[{"stop_reason":"stop","model_reported":"m"}]'
    ),
    b'[{"stop_reason":"a\\",\\"text\\":","request":3}]': b'[{"stop_reason":"a\\",\\"text\\":"}]',
    b'[{"text":"a","request":3}]': b'[{"text":"a"}]',
    b'[{"request":3,"text":"a","stop_reason":"stop"}]': None,  # of an earlier version
    b'[{"request":3}]': None,
}


@pytest.mark.parametrize("cell", HEADS)
def test_the_head_of_a_text_ends_before_what_is_an_answer_s_own(cell):
    assert list(heads_of(b"before" + cell + b"after", [(6, 6 + len(cell))])) == [HEADS[cell] or cell]


@given(st.lists(st.sampled_from(list(HEADS)), min_size=1, max_size=30))
def test_each_of_many_texts_has_its_own_head_whatever_came_before(cells):
    ends = list(accumulate(map(len, cells), initial=0))
    assert list(heads_of(b"".join(cells), pairwise(ends))) == [HEADS[cell] or cell for cell in cells]


def varied(**options: object) -> RunRecord:
    run = make_run(arms=2, cases=25, repeats=2, **options)
    rng = random.Random(5)
    results = {trial_id: seen_by(result, rng) for trial_id, result in run.results.items()}
    return replace(run, results=results)


RUNS = {
    "plain": varied(seed=1),
    "failures and retries": varied(seed=2, failures=0.3, retries=0.4, incomplete=0.2, refused=0.2, pending=0.2),
    "no scores, no usage": varied(seed=3, null_scores=0.5, without_usage=0.5),
    "several turns": varied(seed=4, turns=3),
    "shares": varied(seed=5, graded_share=True),
}


def assert_equal(left: Table | ResultColumns, right: Table | ResultColumns) -> None:
    for field in fields(left):
        one, other = getattr(left, field.name), getattr(right, field.name)
        if isinstance(one, dict):
            assert list(one) == list(other)
            for name in one:
                np.testing.assert_array_equal(one[name], other[name], err_msg=f"{field.name} {name}")
        elif isinstance(one, Facts):
            assert_equal_facts(one, other)
        else:
            np.testing.assert_array_equal(one, other, err_msg=field.name)


def assert_equal_facts(left: Facts, right: Facts) -> None:
    """Sayings are numbered, and attempts that were seen listed, in whatever order they were read."""
    for field in fields(Facts):
        one, other = getattr(left, field.name), getattr(right, field.name)
        if field.name == "said":
            assert [left.sayings[code] for code in one] == [right.sayings[code] for code in other]
        elif field.name == "seen":
            assert seen_in_order(one) == seen_in_order(other)
        elif field.name != "sayings":
            np.testing.assert_array_equal(one, other, err_msg=field.name)


def seen_in_order(seen: Seen) -> tuple[object, ...]:
    attempts = sorted(zip(seen.kernel.tolist(), seen.send_ns.tolist(), seen.max_lag_ns.tolist(), strict=True))
    return attempts, seen.n_gaps, seen.n_coalesced, seen.n_unseen


@pytest.mark.parametrize("kind", RUNS)
@pytest.mark.parametrize("chunk", [10_000, 7])
def test_a_table_of_a_stored_run_is_that_of_its_results(
    kind: str, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_columns, "_CHUNK", chunk)
    stored = load(store_run(tmp_path, RUNS[kind]))
    as_objects = replace(stored, results=dict(stored.results))
    assert_equal(table(stored), table(as_objects))
    trials = stored.plan.trials
    assert_equal(result_columns(stored, trials), result_columns(as_objects, trials))
    assert list(answer_texts(stored, trials)) == list(answer_texts(as_objects, trials))
    assert list(failed_results(stored)) == list(failed_results(as_objects))


def test_plain_results_are_read_without_making_objects_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = load(store_run(tmp_path, make_run(arms=2, cases=10, repeats=1, failures=0.0, retries=0.0)))
    monkeypatch.setattr("evalharness.store.loaded.result_of", None)
    assert math.isfinite(table(run).metrics["total_ms"].sum())


def test_a_run_with_judges_only_at_first_or_with_nothing_in_it_has_a_table(tmp_path: Path) -> None:
    run = make_run(arms=1, cases=3, repeats=1, failures=0.0, retries=0.0)
    judged = {
        trial_id: replace(result, calls=(replace(result.calls[0], purpose=Purpose.JUDGE),))
        for trial_id, result in run.results.items()
    }
    assert np.isnan(table(load(store_run(tmp_path / "judged", replace(run, results=judged)))).metrics["total_ms"]).all()
    empty = load(store_run(tmp_path / "empty", replace(run, results={})))
    assert (table(empty).sent_rank == -1).all()


def test_results_are_the_same_objects_when_asked_for_again_and_made_again_beyond_those_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(arms=1, cases=6, repeats=1)
    monkeypatch.setattr("evalharness.store.loaded._KEPT", 2)
    results = load(store_run(tmp_path, run)).results
    first, second = [[results[trial_id] for trial_id in results] for _ in range(2)]
    assert [one is other for one, other in zip(first, second, strict=True)] == [True, True, *[False] * 4]
    assert first == second


def test_loaded_results_are_a_mapping_of_what_was_planned_and_sent(tmp_path: Path) -> None:
    run = make_run(arms=1, cases=3, repeats=1)
    warm, *others = run.plan.trials
    unsent = replace(warm, trial_id="unsent", phase=Phase.WARMUP)
    plan = replace(run.plan, trials=(unsent, replace(warm, phase=Phase.WARMUP), *others))
    results = load(
        store_run(tmp_path, replace(run, plan=plan, results={warm.trial_id: run.results[warm.trial_id]}))
    ).results
    assert list(results) == [trial.trial_id for trial in (warm, *others)]
    assert len(results) == 3
    assert "unsent" not in results
    assert results.get("nobody") is None
    assert results[others[0].trial_id].status is Status.PENDING


@pytest.mark.parametrize("kind", RUNS)
def test_analysis_and_page_of_a_stored_run_are_those_of_its_results(kind: str, tmp_path: Path) -> None:
    stored = load(store_run(tmp_path, RUNS[kind]))
    as_objects = replace(stored, results=dict(stored.results))
    found = analyse(stored, n_resamples=200)
    assert repr(found) == repr(analyse(as_objects, n_resamples=200))
    settings = ReportSettings(failing_text_bytes=2_000)
    assert render_page(stored, found, settings) == render_page(as_objects, found, settings)
