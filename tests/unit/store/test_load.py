from __future__ import annotations

import asyncio
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest

from evalharness.core.errors import StoreError
from evalharness.core.model import LevelUnit, Load, PendingReason, Phase, Route, Status, Warmup
from evalharness.core.record import Attempt, AttemptStatus, Call, Purpose, RunState, Stamps, TrialResult
from evalharness.metrics.table import analysed_trials
from evalharness.store import run_store
from evalharness.store.load import load, measured_ns
from evalharness.store.lock import hold
from evalharness.store.runs import list_runs
from tests.support.runs import make_run
from tests.support.stored import append_all, create, rounded, store_run

RUN = make_run(arms=2, cases=3, repeats=2, seed=4)
RESULTS = tuple(RUN.results.values())


def killed(tmp_path: Path) -> Path:
    """A copy of a folder in the middle of a run: the last rows are in the log only."""
    with create(tmp_path / "reports", RUN) as store:
        append_all(store, RESULTS[:5])
        folder = tmp_path / "killed" / store.folder.name
        shutil.copytree(store.folder, folder)
    (folder / "run.db-shm").unlink()
    return folder


def test_trials_that_never_ended_are_pending_in_the_order_of_the_plan(tmp_path: Path) -> None:
    run = load(killed(tmp_path))
    assert list(run.results) == [trial.trial_id for trial in RUN.plan.trials]
    statuses = [result.status for result in run.results.values()]
    assert statuses[5:] == [Status.PENDING] * (len(RESULTS) - 5)
    assert Status.PENDING not in statuses[:5]
    assert run.manifest.state is RunState.RUNNING


def test_attempts_in_flight_are_lost_unless_a_process_goes_on_with_the_run(tmp_path: Path) -> None:
    first, second = RESULTS[0].trial_id, RESULTS[1].trial_id
    with create(tmp_path, RUN) as store:
        asyncio.run(store.begin_attempt(first, 0, 0))
    with hold(store.folder.parent), run_store.open(store.folder) as resumed:
        asyncio.run(resumed.begin_attempt(second, 1, 2))
        alive = load(store.folder).lost_attempts
        assert [run.n_lost for run in list_runs(tmp_path)] == [1]
    assert [(attempt.trial_id, attempt.session) for attempt in alive] == [(first, 1)]
    lost = [
        (attempt.trial_id, attempt.turn_index, attempt.attempt_index) for attempt in load(store.folder).lost_attempts
    ]
    assert lost == [(first, 0, 0), (second, 1, 2)]
    assert [run.n_lost for run in list_runs(tmp_path)] == [2]


def test_an_aborted_run_says_why_trials_were_never_sent(tmp_path: Path) -> None:
    ended = replace(RUN.manifest, state=RunState.ABORTED, stop_message="3 calls in a row were not authorised")
    run = load(store_run(tmp_path, replace(RUN, manifest=ended, results={})))
    assert {result.pending_reason for result in run.results.values()} == {PendingReason.ABORTED}


def test_warm_up_trials_that_were_not_sent_are_left_out(tmp_path: Path) -> None:
    first, *others = RUN.plan.trials
    plan = replace(RUN.plan, trials=(replace(first, phase=Phase.WARMUP), *others))
    run = load(store_run(tmp_path, replace(RUN, plan=plan, results={})))
    assert list(run.results) == [trial.trial_id for trial in others]


def test_a_killed_run_on_a_medium_that_cannot_be_written_is_read_with_the_rows_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = killed(tmp_path)
    real, refused = sqlite3.connect, []

    def no_index_beside_it(target: str, **options: object) -> sqlite3.Connection:
        if "mode=ro" in target and str(folder) in target:
            refused.append(target)
            raise sqlite3.OperationalError("unable to open database file")
        return real(target, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(sqlite3, "connect", no_index_beside_it)
    results = load(folder).results
    assert refused
    assert {trial_id: result for trial_id, result in results.items() if result.status is not Status.PENDING} == {
        result.trial_id: rounded(result) for result in RESULTS[:5]
    }
    assert sorted(path.name for path in folder.iterdir()) == ["run.db", "run.db-wal"]


def test_a_run_can_be_zipped_and_read_elsewhere(tmp_path: Path) -> None:
    folder = store_run(tmp_path / "here", RUN)
    with ZipFile(tmp_path / "run.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    with ZipFile(tmp_path / "run.zip") as archive:
        archive.extractall(tmp_path / "there")
    assert load(tmp_path / "there") == load(folder)


def test_reading_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = store_run(tmp_path, RUN)
    before = (folder / "run.db").read_bytes()
    load(folder)
    assert [path.name for path in folder.iterdir()] == ["run.db"]
    assert (folder / "run.db").read_bytes() == before


def test_the_plan_can_be_read_alone(tmp_path: Path) -> None:
    assert load(store_run(tmp_path, RUN)).plan == RUN.plan


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no run") as caught:
        load(tmp_path)
    assert "run.db" in (caught.value.hint or "")


def test_a_run_that_was_killed_before_its_plan_was_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.db").touch()
    with pytest.raises(StoreError, match="holds no run"):
        load(tmp_path)


def test_a_file_that_is_no_database_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "run.db").write_text("<html>not found</html>" * 100)
    with pytest.raises(StoreError, match=r"run\.db: file is not a database"):
        load(tmp_path)


def test_a_newer_run_is_not_guessed_at(tmp_path: Path) -> None:
    folder = store_run(tmp_path, RUN)
    connection = sqlite3.connect(folder / "run.db")
    connection.execute("INSERT INTO migrations VALUES (4, 'm004_later', '')")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="schema 4"):
        load(folder)


def test_trials_that_time_left_over_say_so_in_a_run_that_is_complete(tmp_path: Path) -> None:
    ended = replace(RUN.manifest, state=RunState.COMPLETE, stop_reason=PendingReason.DURATION, exit_code=0)
    first, *others = RUN.results
    run = load(store_run(tmp_path, replace(RUN, manifest=ended, results={first: RUN.results[first]})))
    assert [run.results[trial_id].pending_reason for trial_id in others] == [PendingReason.DURATION] * len(others)
    assert [trial.trial_id for trial in analysed_trials(run)] == [first]


def test_a_plan_keeps_what_load_route_and_conversations_say(tmp_path: Path) -> None:
    suite = RUN.plan.suite
    load_in_steps = Load(
        shape="steps",
        levels=(1, 2.5),
        level_unit=LevelUnit.RATE_PER_S,
        each_s=30,
        offsets_s=(0.0, 0.25),
        speed=2.0,
        file="trace.csv",
        warmup=Warmup(seconds=5),
    )
    endpoint = replace(suite.endpoints[0], route=Route(unix_socket="/run/model.sock", http2=True))
    turns = ("And then?", ({"role": "user", "content": "Why?"},))
    prompt = replace(suite.prompts[0], more_turns=turns)
    changed = replace(suite, load=load_in_steps, endpoints=(endpoint,), prompts=(prompt,))
    trials = tuple(replace(trial, step=place % 2) for place, trial in enumerate(RUN.plan.trials))
    plan = replace(RUN.plan, suite=changed, trials=trials)
    assert load(store_run(tmp_path, replace(RUN, plan=plan, results={}))).plan == plan


def sent(trial_id: str, intended_ns: int, *closed_ns: int) -> TrialResult:
    attempts = tuple(
        Attempt(index=index, status=AttemptStatus.OK, stamps=Stamps(closed_ns=at)) for index, at in enumerate(closed_ns)
    )
    call = Call(
        purpose=Purpose.SUBJECT,
        turn_index=0,
        request={},
        status=Status.OK,
        intended_ns=intended_ns,
        intended_utc_ns=intended_ns,
        attempts=attempts,
    )
    return TrialResult(trial_id=trial_id, status=Status.OK, calls=(call,))


def test_the_time_that_was_measured_is_summed_over_sessions_and_kept_apart_by_step(tmp_path: Path) -> None:
    ids = [trial.trial_id for trial in RUN.plan.trials]
    steps = (Phase.WARMUP, 0), (Phase.MEASURED, 0), (Phase.MEASURED, 0), (Phase.MEASURED, 3), (Phase.MEASURED, 0)
    trials = [
        replace(trial, phase=phase, step=step) for trial, (phase, step) in zip(RUN.plan.trials, steps, strict=False)
    ]
    plan = replace(RUN.plan, trials=(*trials, *RUN.plan.trials[len(steps) :]))
    with create(tmp_path, replace(RUN, plan=plan)) as store:
        assert measured_ns(store.folder) == {}
        append_all(store, [sent(ids[0], 5, 9_999), sent(ids[1], 1_000, 1_400, 1_600), sent(ids[2], 900, 1_500)])
        append_all(store, [sent(ids[3], 7_000, 7_250)])
    with run_store.open(store.folder) as resumed:
        # Another start of the machine: its clock began again.
        append_all(resumed, [sent(ids[4], 10, 60)])
        asyncio.run(resumed.reopen([ids[1]]))
    assert measured_ns(store.folder) == {0: 700 + 50, 3: 250}
