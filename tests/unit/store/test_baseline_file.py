"""The baseline file: what is in it, what it is read back as, and what is said of one that cannot be read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evalharness.core.errors import UsageError
from evalharness.core.model import Status
from evalharness.core.record import RunRecord
from evalharness.store.baseline_file import file_text, read, sums_of_text
from evalharness.verdict.baseline_sums import BaselineSums, sums_of
from evalharness.verdict.baseline_trials import trials_of
from evalharness.verdict.view import view
from tests.support.runs import make_run

SHAPE = {"arms": 2, "cases": 12, "repeats": 3, "failures": 0.35, "seed": 3}


def sums(run: RunRecord) -> BaselineSums:
    return sums_of(trials_of(view(run)))


@pytest.fixture(scope="module")
def run() -> RunRecord:
    return make_run(**SHAPE)


@pytest.fixture(scope="module")
def text(run) -> str:
    return file_text(sums(run))


def test_every_case_and_arm_is_one_line_with_sums_that_the_trials_have(run, text) -> None:
    found = json.loads(text)
    assert found["run_id"] == run.manifest.run_id
    assert list(found["cases"]) == sorted(case.case_id for case in run.plan.suite.cases)
    lines = [line for line in text.splitlines() if line.startswith('  {"repeats"')]
    assert len(lines) == 24
    for case_id, case in found["cases"].items():
        for arm, entry in zip(run.plan.arms, case["arms"], strict=True):
            planned = [t for t in run.plan.trials if (t.case_id, t.arm_id) == (case_id, arm.arm_id)]
            results = [run.results[trial.trial_id] for trial in planned]
            assert entry["repeats"] == 3
            known = [result.cost_usd for result in results if result.cost_usd is not None]
            cost = entry["sums"].get("cost_usd", 0)
            assert (cost[0] if isinstance(cost, list) else cost) == pytest.approx(sum(known))
            failed = sum(result.status is Status.ERROR for result in results)
            assert entry["scores"]["error_share"] == [failed, failed]


def test_it_holds_no_text_of_any_model_and_no_question(run, text) -> None:
    texts = {call.answer.text for result in run.results.values() for call in result.calls if len(call.answer.text) > 3}
    assert texts
    assert not any(answer in text for answer in texts)
    assert not any(str(case.vars["question"]) in text for case in run.plan.suite.cases)


def test_what_is_read_back_is_written_again_to_the_byte(text) -> None:
    assert file_text(sums_of_text(text, "it")) == text


def test_it_is_the_same_in_another_process(text) -> None:
    code = (
        "from tests.unit.store.test_baseline_file import SHAPE, sums\n"
        "from evalharness.store.baseline_file import file_text\n"
        "from tests.support.runs import make_run\n"
        "import sys; sys.stdout.reconfigure(encoding='utf-8'); sys.stdout.write(file_text(sums(make_run(**SHAPE))))"
    )
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": "7"})
    assert again.stdout.decode("utf-8") == text


def test_scores_times_and_sums_come_back_as_they_were_to_nine_digits(run, text) -> None:
    before, after = sums(run), sums_of_text(text, "it")
    order = [list(before.facts.cases).index(case_id) for case_id in after.facts.cases]
    for name, cells in before.scores.items():
        assert (after.scores[name].n == cells.n[:, order]).all()
        assert after.scores[name].value == pytest.approx(cells.value[:, order], rel=1e-8)
    for name, cells in before.metrics.items():
        assert (after.metrics[name].missing == cells.missing[:, order]).all()
        measured = cells.n[:, order] > 0
        assert after.metrics[name].value[measured] == pytest.approx(cells.value[:, order][measured], rel=1e-6, abs=5e-4)
    assert np.isinf(after.metrics["total_ms"].value).any()


def test_names_in_any_script_are_kept_readable_and_lone_surrogates_are_escaped() -> None:
    run = make_run(arms=1, cases=2, repeats=1)
    facts = sums(run)
    first, second = facts.facts.cases
    cases = {"Größe": facts.facts.cases[first], "\ud800": facts.facts.cases[second]}
    from dataclasses import replace

    text = file_text(replace(facts, facts=replace(facts.facts, cases=cases)))
    assert '"Größe"' in text
    assert set(sums_of_text(text.encode("utf-8").decode("utf-8"), "it").facts.cases) == {"Größe", "\ud800"}


def changed(text: str, **values: object) -> str:
    return json.dumps(json.loads(text) | values)


def test_a_file_that_is_not_there_is_named_with_the_way_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.json cannot be read: No such file") as caught:
        read(tmp_path / "none.json")
    assert "baseline write" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00", "it is no text"),
        (b"{", "it is no JSON"),
        (b"[]", "no `baseline_format`"),
        (b'{"arms": []}', "no `baseline_format`"),
        (b'{"baseline_format": 2}', "baseline format 2, this evalharness knows 1"),
        (b'{"baseline_format": 1}', "is damaged at run_id: Field required"),
    ],
)
def test_what_is_no_baseline_file_is_refused_with_the_reason(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "base.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        read(path)


def test_a_file_that_was_edited_into_nonsense_is_refused_with_the_place(text) -> None:
    cases = json.loads(text)["cases"]
    first = next(iter(cases))

    def edited(**entry: object) -> str:
        arms = [cases[first]["arms"][0] | entry, cases[first]["arms"][1]]
        return changed(text, cases=cases | {first: cases[first] | {"arms": arms}})

    with pytest.raises(UsageError, match=rf"damaged at cases\.{first}\.arms\.0\.repeats"):
        sums_of_text(edited(repeats="three"), "it")
    with pytest.raises(UsageError, match=r"damaged at .*\.retries"):
        sums_of_text(edited(retries=3), "it")
    with pytest.raises(UsageError, match="scores of 'answer': a sum of scores lies outside"):
        sums_of_text(edited(scores={"answer": [7, 7]}), "it")
    with pytest.raises(UsageError, match="more trials than there were"):
        sums_of_text(edited(scores={"answer": [1, 1, 4]}), "it")
    with pytest.raises(UsageError, match="1 entries for 2 arms"):
        sums_of_text(changed(text, cases=cases | {first: cases[first] | {"arms": cases[first]["arms"][:1]}}), "it")
