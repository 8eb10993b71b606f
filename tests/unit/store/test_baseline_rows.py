"""What a run folder keeps of the baseline its run was compared with."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evalharness.core.errors import StoreError
from evalharness.core.record import RunState
from evalharness.store import load, run_store
from evalharness.store.baseline_file import file_text, sums_of_text
from evalharness.store.baseline_rows import keep_baseline, load_baseline
from evalharness.store.verify import verify
from evalharness.verdict.baseline_sums import BaselineSums, sums_of
from evalharness.verdict.baseline_trials import BaselineTrials, trials_of
from evalharness.verdict.compare import analyse
from evalharness.verdict.view import view
from tests.support.runs import make_run
from tests.support.stored import store_run

OLD = make_run(arms=2, cases=15, repeats=2, seed=1, failures=0.1, graded_share=True)
NEW = make_run(arms=2, cases=15, repeats=2, seed=2)
TRIALS = trials_of(view(OLD))


def assert_same_columns(one: BaselineTrials, other: BaselineTrials) -> None:
    assert one.facts == other.facts
    for left, right in ((one.scores, other.scores), (one.metrics, other.metrics), (one.asked, other.asked)):
        assert list(left) == list(right)
        assert all(np.array_equal(left[name], right[name], equal_nan=left[name].dtype.kind == "f") for name in left)
    assert np.array_equal(one.arm_index, other.arm_index)
    assert np.array_equal(one.case_index, other.case_index)
    assert np.array_equal(one.is_right, other.is_right, equal_nan=True)


def test_a_run_that_was_compared_with_nothing_has_no_baseline(tmp_path: Path) -> None:
    assert load_baseline(store_run(tmp_path, NEW)) is None


def test_the_columns_of_a_baseline_run_come_back_to_the_bit(tmp_path: Path) -> None:
    folder = store_run(tmp_path, NEW)
    keep_baseline(folder, TRIALS)
    found = load_baseline(folder)
    assert isinstance(found, BaselineTrials)
    assert_same_columns(found, TRIALS)
    assert verify(folder) == []


def test_an_analysis_with_the_stored_baseline_is_the_one_with_the_run_itself(tmp_path: Path) -> None:
    folder = store_run(tmp_path, NEW)
    keep_baseline(folder, TRIALS)
    record = load.load(folder)
    stored, live = (analyse(record, baseline=kept, n_resamples=100) for kept in (load_baseline(folder), TRIALS))
    assert stored == live


def test_a_baseline_file_is_kept_as_its_text(tmp_path: Path) -> None:
    text = file_text(sums_of(TRIALS))
    folder = store_run(tmp_path, NEW)
    keep_baseline(folder, sums_of_text(text, "base.json"))
    found = load_baseline(folder)
    assert isinstance(found, BaselineSums)
    assert file_text(found) == text


def test_a_new_baseline_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    folder = store_run(tmp_path, NEW)
    keep_baseline(folder, TRIALS)
    keep_baseline(folder, sums_of(TRIALS))
    assert isinstance(load_baseline(folder), BaselineSums)


def test_a_run_begun_with_a_baseline_has_it_and_keeps_it_when_it_is_continued_without_one(tmp_path: Path) -> None:
    with run_store.create(tmp_path, replace(NEW.manifest, state=RunState.RUNNING), NEW.plan, baseline=TRIALS) as store:
        folder = store.folder
    with run_store.open(folder):
        pass
    found = load_baseline(folder)
    assert found is not None and found.facts.run_id == OLD.manifest.run_id


def test_an_altered_baseline_is_found_out(tmp_path: Path) -> None:
    folder = store_run(tmp_path, NEW)
    keep_baseline(folder, TRIALS)
    connection = sqlite3.connect(folder / "run.db")
    connection.execute("UPDATE baseline SET content = zeroblob(8)")
    connection.commit()
    connection.close()
    assert any("baseline" in line and "altered" in line for line in verify(folder))
    with pytest.raises(StoreError, match="baseline in the run folder was altered"):
        load_baseline(folder)


def test_a_run_of_an_older_schema_has_no_baseline_and_takes_one(tmp_path: Path) -> None:
    folder = tmp_path / "effort-maths" / "old"
    folder.mkdir(parents=True)
    connection = sqlite3.connect(folder / "run.db")
    connection.executescript((Path(__file__).parent / "schema_1" / "run.sql").read_text(encoding="utf-8"))
    connection.close()
    before = (folder / "run.db").read_bytes()
    assert load_baseline(folder) is None
    assert (folder / "run.db").read_bytes() == before
    keep_baseline(folder, TRIALS)
    assert load_baseline(folder) is not None
    assert verify(folder) == []
