"""Every export format found, whoever wrote it: a pure function that stands any run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalharness.core.record import Answer, RunRecord, TrialResult
from evalharness.store import export
from tests.support.runs import make_run

HOSTILE = "\x00\x1b[2J\ud800\u2028</script>]]>&\r\n=1+1,\"'\ufffe💶"


def hostile(run: RunRecord) -> RunRecord:
    """Every answer and every name of a case is what no format likes."""

    def spoiled(result: TrialResult) -> TrialResult:
        calls = (replace(call, answer=Answer(text=HOSTILE, refusal=HOSTILE)) for call in result.calls)
        return replace(result, calls=tuple(calls), anomalies=(HOSTILE,))

    names = {case.case_id: f"{HOSTILE}{case.case_id}" for case in run.plan.suite.cases}
    suite = replace(
        run.plan.suite,
        cases=tuple(replace(case, case_id=names[case.case_id]) for case in run.plan.suite.cases),
    )
    trials = tuple(replace(trial, case_id=names[trial.case_id]) for trial in run.plan.trials)
    results = {trial_id: spoiled(result) for trial_id, result in run.results.items()}
    return replace(run, plan=replace(run.plan, suite=suite, trials=trials), results=results)


RUNS = {
    "usual": make_run(arms=2, cases=3, repeats=2, seed=1),
    "failed": make_run(arms=2, cases=2, repeats=1, seed=1, failures=1.0),
    "interrupted": make_run(arms=2, cases=3, repeats=2, seed=1, pending=0.5),
    "several turns": make_run(arms=1, cases=2, repeats=1, seed=1, turns=3),
    "no usage, no stream": make_run(arms=2, cases=2, repeats=1, seed=1, without_usage=1.0, stream=False, prices=None),
    "hostile": hostile(make_run(arms=2, cases=3, repeats=2, seed=1, null_scores=0.3)),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("name", export.names())
def test_the_same_run_is_the_same_bytes(name: str, run: RunRecord) -> None:
    exporter = export.load(name)
    exported = exporter.export(run)
    assert isinstance(exported, bytes)
    assert exported
    assert exporter.export(run) == exported
