from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evalharness.core.errors import ExitCode, StoreError
from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import PendingReason, Status
from evalharness.core.record import (
    Observed,
    ObserverRecord,
    RunRecord,
    RunState,
    Score,
    StampSource,
    TrialResult,
)
from evalharness.store import connect, run_store, writer
from evalharness.store.load import earlier_results, load, lost_attempts
from evalharness.store.run_store import RunStore
from evalharness.store.verify import verify
from tests.support.runs import make_run
from tests.support.stored import append_all, create, rounded, store_run

RUN = make_run(arms=2, cases=4, repeats=2, seed=3, failures=0.2, retries=0.3)
RESULTS = tuple(RUN.results.values())
FIRST, SECOND, THIRD = RESULTS[:3]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    with create(tmp_path, RUN) as store:
        yield store


def test_a_stored_run_is_loaded_as_it_was(tmp_path: Path) -> None:
    run = make_run(arms=3, cases=5, repeats=2, seed=3, failures=0.2, retries=0.3, turns=2, prompts=("plain", "careful"))
    expected = replace(run, results={trial_id: rounded(result) for trial_id, result in run.results.items()})
    assert load(store_run(tmp_path, run)) == expected


def test_the_suite_is_loaded_with_templates_of_items_and_exact_numbers(tmp_path: Path) -> None:
    suite = RUN.plan.suite
    template = ({"role": "user", "content": "{{ question }}"},)
    case = replace(suite.cases[0], vars={"big": 10**30, "small": 5e-324, "odd": "\ud800"}, expected=[1, None, "\udfff"])
    changed = replace(suite, prompts=(replace(suite.prompts[0], template=template),), cases=(case, *suite.cases[1:]))
    run = replace(RUN, plan=replace(RUN.plan, suite=changed))
    assert load(store_run(tmp_path, run)).plan == run.plan


def test_the_database_can_be_read_by_its_owner_only(store: RunStore) -> None:
    append_all(store, [FIRST])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store.folder.iterdir()}
    assert modes == {"run.db": 0o600, "run.db-wal": 0o600, "run.db-shm": 0o600}


def test_a_closed_run_is_one_file(tmp_path: Path) -> None:
    folder = store_run(tmp_path, RUN)
    assert [path.name for path in folder.iterdir()] == ["run.db"]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_result_can_be_read_by_others_as_soon_as_it_is_acknowledged(store: RunStore) -> None:
    append_all(store, [FIRST])
    assert load(store.folder).results[FIRST.trial_id] == rounded(FIRST)
    assert store.finished_trial_ids() == {FIRST.trial_id}


def test_an_attempt_is_lost_until_its_trial_has_ended(store: RunStore) -> None:
    async def begin_all() -> None:
        await store.begin_attempt(FIRST.trial_id, 0, 0)
        await store.begin_attempt(SECOND.trial_id, 0, 0)
        await store.begin_attempt(SECOND.trial_id, 0, 1)
        await store.append(FIRST)

    asyncio.run(begin_all())
    lost = [(attempt.trial_id, attempt.attempt_index, attempt.session) for attempt in lost_attempts(store.folder)]
    assert lost == [(SECOND.trial_id, 0, 1), (SECOND.trial_id, 1, 1)]


def test_attempts_lost_with_their_process_stay_on_record_after_the_trial_was_asked_again(store: RunStore) -> None:
    asyncio.run(store.begin_attempt(FIRST.trial_id, 0, 0))
    store.close()
    with run_store.open(store.folder) as resumed:
        asyncio.run(resumed.begin_attempt(FIRST.trial_id, 0, 0))
        append_all(resumed, [FIRST])
        assert [(attempt.trial_id, attempt.session) for attempt in lost_attempts(store.folder)] == [(FIRST.trial_id, 1)]
        assert load(store.folder).results[FIRST.trial_id] == rounded(FIRST)


def test_begun_and_ended_without_waiting_in_between_leaves_no_lost_attempt(store: RunStore) -> None:
    async def race() -> None:
        for result in RESULTS:
            await asyncio.gather(store.begin_attempt(result.trial_id, 0, 0), store.append(result))

    asyncio.run(race())
    assert lost_attempts(store.folder) == ()


def test_a_trial_that_has_ended_is_not_stored_twice(store: RunStore) -> None:
    append_all(store, [FIRST])
    with pytest.raises(StoreError, match=f"result of trial {FIRST.trial_id} cannot be stored"):
        append_all(store, [FIRST])
    append_all(store, [SECOND])
    assert store.finished_trial_ids() == {FIRST.trial_id, SECOND.trial_id}


def test_a_trial_that_is_not_planned_is_refused(store: RunStore) -> None:
    with pytest.raises(StoreError, match="result of trial 0000 cannot be stored: the trial is not planned"):
        append_all(store, [TrialResult(trial_id="0000", status=Status.OK)])
    with pytest.raises(StoreError, match="attempt of trial 0000"):
        asyncio.run(store.begin_attempt("0000", 0, 0))


def test_a_value_that_cannot_be_stored_fails_its_own_trial_and_no_other(store: RunStore) -> None:
    call = replace(SECOND.calls[0], request={"input": {1, 2}})
    unfit = replace(SECOND, calls=(call,))

    async def together() -> list[object]:
        appends = (store.append(result) for result in (FIRST, unfit, THIRD))
        return await asyncio.gather(*appends, return_exceptions=True)

    first, second, third = asyncio.run(together())
    assert (first, third) == (None, None)
    assert isinstance(second, StoreError)
    assert "set is no JSON" in second.message
    assert store.finished_trial_ids() == {FIRST.trial_id, THIRD.trial_id}
    append_all(store, [SECOND])


def test_a_pending_result_is_kept_and_may_be_asked_again(store: RunStore) -> None:
    cut_off = replace(FIRST, status=Status.PENDING, pending_reason=PendingReason.INTERRUPTED, scores={})
    append_all(store, [cut_off])
    assert store.finished_trial_ids() == frozenset()
    assert load(store.folder).results[FIRST.trial_id] == rounded(cut_off)
    append_all(store, [FIRST])
    assert load(store.folder).results[FIRST.trial_id] == rounded(FIRST)
    assert earlier_results(store.folder) == (rounded(cut_off),)


def test_a_reopened_trial_is_pending_and_keeps_what_was_recorded(store: RunStore) -> None:
    failed = replace(FIRST, status=Status.ERROR, failure=Failure(kind=FailureKind.SERVER, message="busy"), scores={})
    append_all(store, [failed, SECOND])
    asyncio.run(store.reopen([FIRST.trial_id]))
    assert store.finished_trial_ids() == {SECOND.trial_id}
    assert load(store.folder).results[FIRST.trial_id].status is Status.PENDING
    append_all(store, [FIRST])
    assert load(store.folder).results[FIRST.trial_id] == rounded(FIRST)
    assert earlier_results(store.folder) == (rounded(failed),)


def test_scores_keep_the_order_of_the_graders(store: RunStore) -> None:
    scores = {name: Score(grader="exact", value=1.0, passed=True) for name in ("z", "a", "m")}
    append_all(store, [replace(FIRST, scores=scores)])
    assert list(load(store.folder).results[FIRST.trial_id].scores) == ["z", "a", "m"]


def test_a_result_whose_caller_was_cancelled_is_written_all_the_same(store: RunStore) -> None:
    async def cancelled() -> None:
        task = asyncio.create_task(store.append(FIRST))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    store.close()
    assert load(store.folder).results[FIRST.trial_id] == rounded(FIRST)


def test_the_manifest_is_replaced_at_the_end_and_running_again_after_a_resume(store: RunStore) -> None:
    ended = replace(RUN.manifest, state=RunState.PARTIAL, stop_reason=PendingReason.BUDGET, exit_code=3)
    asyncio.run(store.finish(ended))
    store.close()
    assert load(store.folder).manifest == ended
    assert {result.pending_reason for result in load(store.folder).results.values()} == {PendingReason.BUDGET}
    with run_store.open(store.folder):
        running = load(store.folder).manifest
    assert (running.state, running.stop_reason, running.exit_code, running.finished_utc) == (
        *(RunState.RUNNING, None, None, None),
    )


def test_a_closed_store_says_so_instead_of_waiting_for_ever(store: RunStore) -> None:
    store.close()
    store.close()
    with pytest.raises(RuntimeError, match="closed"):
        append_all(store, [FIRST])


def test_an_existing_run_is_not_written_over(store: RunStore, tmp_path: Path) -> None:
    append_all(store, [FIRST])
    with pytest.raises(StoreError, match="exists already"):
        create(tmp_path, RUN)
    assert store.finished_trial_ids() == {FIRST.trial_id}


def test_a_folder_under_a_file_is_an_error_with_path_and_exit_code(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("not a folder")
    with pytest.raises(StoreError, match="reports") as caught:
        create(tmp_path / "reports", RUN)
    assert caught.value.exit_code == ExitCode.STORE


def limited(pages: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite itself says the disk is full once a file has this many pages."""

    def connect_limited(path: Path, *, synchronous: str) -> sqlite3.Connection:
        connection = connect.connect_for_writing(path, synchronous=synchronous)
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    monkeypatch.setattr(writer, "connect_for_writing", connect_limited)


def test_on_a_full_disk_everything_stops_and_what_was_committed_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: RunRecord = make_run(arms=2, cases=150, repeats=1, seed=3)
    limited(70, monkeypatch)
    acknowledged: list[str] = []

    async def until_full(store: RunStore) -> None:
        for result in run.results.values():
            await store.append(result)
            acknowledged.append(result.trial_id)

    with create(tmp_path, run) as store:
        with pytest.raises(StoreError, match=r"run\.db: database or disk is full") as caught:
            asyncio.run(until_full(store))
        assert "every finished trial is kept" in (caught.value.hint or "")
        with pytest.raises(StoreError, match="full"):
            append_all(store, [FIRST])
        with pytest.raises(StoreError, match="full"):
            asyncio.run(store.begin_attempt(run.plan.trials[-1].trial_id, 0, 0))
    monkeypatch.undo()
    assert 0 < len(acknowledged) < len(run.results)
    assert store.finished_trial_ids() == set(acknowledged)
    with run_store.open(store.folder) as resumed:
        append_all(resumed, [result for trial_id, result in run.results.items() if trial_id not in acknowledged])
    assert load(store.folder).results == {trial_id: rounded(result) for trial_id, result in run.results.items()}


FURTHER = tuple(
    replace(trial, trial_id=f"further-{place}", repeat_index=2, step=1) for place, trial in enumerate(RUN.plan.trials)
)
SEEN = ObserverRecord(
    session=99,
    loop="measuring",
    n_workers=2,
    routes={"sim": "httpx: a proxy is set"},
    loop_lag_counts={20: 7, 13: 40_000},
    clock_steps_ns=(-5, 7_000_000),
    suspended_ns=3,
    notes=("The clock of this machine was set back.",),
)


def test_further_trials_come_after_the_planned_ones_and_leave_the_plan_whole(store: RunStore) -> None:
    asyncio.run(store.add_trials(FURTHER[:2]))
    asyncio.run(store.add_trials(FURTHER[2:]))
    append_all(store, [replace(FIRST, trial_id="further-1")])
    run = load(store.folder)
    assert run.plan.trials == (*RUN.plan.trials, *FURTHER)
    assert run.plan.plan_hash == RUN.plan.plan_hash
    assert run.results["further-1"] == rounded(replace(FIRST, trial_id="further-1"))
    assert run.results["further-2"].status is Status.PENDING
    store.close()
    assert verify(store.folder) == []


def test_a_trial_is_added_once(store: RunStore) -> None:
    asyncio.run(store.add_trials(FURTHER))
    with pytest.raises(StoreError, match="the further trials cannot be stored"):
        asyncio.run(store.add_trials(FURTHER[-1:]))
    assert len(load(store.folder).plan.trials) == len(RUN.plan.trials) + len(FURTHER)


def test_each_session_says_last_what_it_noticed_of_the_client(store: RunStore) -> None:
    asyncio.run(store.observe(replace(SEEN, suspended_ns=0, notes=())))
    asyncio.run(store.observe(SEEN))
    store.close()
    with run_store.open(store.folder) as resumed:
        asyncio.run(resumed.observe(ObserverRecord(session=1, loop="foreign")))
    assert load(store.folder).observers == (replace(SEEN, session=1), ObserverRecord(session=2, loop="foreign"))


def test_how_an_attempt_was_seen_is_stored_with_it(store: RunStore) -> None:
    call = FIRST.calls[0]
    seen = Observed(source=StampSource.KERNEL, send_ns=41_234, max_lag_ns=0, n_coalesced=2, done_error_ns=0)
    observed = replace(FIRST, calls=(replace(call, attempts=(replace(call.attempts[0], observed=seen),)),))
    append_all(store, [observed])
    assert load(store.folder).results[FIRST.trial_id] == rounded(observed)


def test_the_file_of_a_complete_run_is_packed_when_it_is_closed_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(arms=2, cases=60, repeats=2, seed=3, failures=0.1)
    sizes = []
    monkeypatch.setattr(writer, "_WORTH_PACKING", range(10**6))
    for state in (RunState.PARTIAL, RunState.COMPLETE):
        with create(tmp_path / state.value, run) as store:
            append_all(store, reversed(run.results.values()))
            asyncio.run(store.finish(replace(run.manifest, state=state)))
        sizes.append((store.folder / "run.db").stat().st_size)
        assert load(store.folder).results == {trial_id: rounded(result) for trial_id, result in run.results.items()}
    assert sizes[1] < sizes[0]
