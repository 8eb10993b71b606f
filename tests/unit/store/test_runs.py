from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evalharness.core.errors import UsageError
from evalharness.core.record import RunState
from evalharness.store import runs
from tests.support.runs import make_run
from tests.support.stored import store_run

RUN = make_run(arms=2, cases=2, repeats=1, seed=5, failures=0.0, incomplete=0.0)


def stored(out: Path, run_id: str, created_utc: str, *, suite: str = "effort", n_results: int = 4) -> Path:
    manifest = replace(RUN.manifest, run_id=run_id, created_utc=created_utc, suite_name=suite, state=RunState.PARTIAL)
    results = dict(list(RUN.results.items())[:n_results])
    return store_run(out, replace(RUN, manifest=manifest, results=results))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    stored(tmp_path, "20261122T140216Z-3f9a", "2026-11-22T14:02:16.000Z")
    stored(tmp_path, "20261122T140217Z-ffff", "2026-11-22T14:02:17.100Z")
    stored(tmp_path, "20261122T140217Z-0000", "2026-11-22T14:02:17.900Z", n_results=3)
    stored(tmp_path, "20261123T000000Z-1111", "2026-11-23T00:00:00.000Z", suite="other")
    return tmp_path


def test_a_run_id_holds_the_second_and_tells_runs_of_one_second_apart() -> None:
    at_ns = 1_795_356_136_120_000_000  # `date -u -d @1795356136`: 2026-11-22 14:02:16
    assert runs.new_run_id(at_ns, "a").startswith("20261122T140216Z-")
    assert len(runs.new_run_id(at_ns, "a")) == len("20261122T140216Z-3f9a")
    assert runs.new_run_id(at_ns, "a") != runs.new_run_id(at_ns + 1, "a")


def test_runs_are_listed_newest_first(out: Path) -> None:
    listed = [run.folder.name[9:] for run in runs.list_runs(out)]
    assert listed == ["000000Z-1111", "140217Z-0000", "140217Z-ffff", "140216Z-3f9a"]


def test_what_is_no_run_is_left_out_of_the_list(out: Path) -> None:
    (out / "effort" / "20270101T000000Z-aaaa").mkdir()
    (out / "effort" / "20270101T000000Z-bbbb").mkdir()
    (out / "effort" / "20270101T000000Z-bbbb" / "run.db").touch()
    assert len(runs.list_runs(out)) == 4
    newest = runs.newest(out, "effort")
    assert newest is not None
    assert newest.folder.name == "20261122T140217Z-0000"


def test_a_run_with_a_trial_left_is_not_complete(out: Path) -> None:
    unfinished, finished = runs.newest(out, "effort"), runs.newest(out, "other")
    assert unfinished is not None
    assert finished is not None
    assert (unfinished.n_ended, unfinished.n_planned, unfinished.complete) == (3, 4, False)
    assert (finished.n_ended, finished.n_planned, finished.complete) == (4, 4, True)


def test_a_suite_without_runs_has_no_newest(out: Path) -> None:
    assert runs.newest(out, "never run") is None
    assert runs.list_runs(out / "nowhere") == ()


@pytest.mark.parametrize("name", ["../../etc", "a/b", "", ".hidden", "näme", "x" * 300])
def test_a_suite_name_cannot_leave_the_output_folder(name: str, tmp_path: Path) -> None:
    folder = runs.suite_folder(tmp_path, name)
    assert folder.parent == tmp_path
    assert folder.name[0] not in ".-"
    assert len(folder.name) < 100
    assert folder != runs.suite_folder(tmp_path, name + "!")


def test_a_run_is_found_by_path_id_prefix_and_latest(out: Path) -> None:
    folder = out / "effort" / "20261122T140216Z-3f9a"
    for text in (str(folder), str(folder / "run.db"), folder.name, "20261122T140216"):
        assert runs.find(out, text) == folder
    assert runs.find(out, "latest").name == "20261123T000000Z-1111"


def test_a_prefix_of_several_runs_lists_them(out: Path) -> None:
    with pytest.raises(UsageError, match="begins 3 run ids") as caught:
        runs.find(out, "20261122")
    assert "effort/20261122T140217Z-ffff" in (caught.value.hint or "")


def test_an_unknown_run_lists_what_there_is(out: Path) -> None:
    with pytest.raises(UsageError, match="no run '1999'") as caught:
        runs.find(out, "1999")
    assert "other/20261123T000000Z-1111" in (caught.value.hint or "")


def test_without_any_run_the_hint_says_where_to_look(tmp_path: Path) -> None:
    for text in ("latest", "2026"):
        with pytest.raises(UsageError) as caught:
            runs.find(tmp_path, text)
        assert "--out" in (caught.value.hint or "")
