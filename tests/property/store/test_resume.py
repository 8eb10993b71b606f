from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.store import export, run_store
from evalharness.store.load import load
from tests.support.runs import make_run
from tests.support.stored import append_all, create, rounded

RUN = make_run(arms=2, cases=4, repeats=2, seed=9, failures=0.2)
RESULTS = tuple(RUN.results.values())
WHOLE = {trial_id: rounded(result) for trial_id, result in RUN.results.items()}


@settings(max_examples=20, deadline=None)
@given(st.permutations(RESULTS), st.lists(st.integers(0, len(RESULTS)), max_size=3))
def test_resuming_after_any_prefix_gives_the_same_set(order: list, stops: list[int]) -> None:
    """Results end in any order; the run is stopped and continued after any of them, several times."""
    with TemporaryDirectory() as out:
        with create(Path(out), RUN) as store:
            folder = store.folder
        for stop in (*sorted(stops), len(order)):
            with run_store.open(folder) as store:
                finished = store.finished_trial_ids()
                append_all(store, [result for result in order[:stop] if result.trial_id not in finished])
        run = load(folder)
        assert run.results == WHOLE
        first = export.load("jsonl").export(run)
    assert first.count(b"\n") == len(RESULTS)
