"""On the simulator, whose truth is declared, the 95% intervals of a run hold the truth about 95 times in 100.

Each seed is a new population of difficulties and answers. The truth is asked of the simulator's side endpoint, which a
run never sees.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from scipy import stats

import evalharness as eh
from evalharness.core.findings import Estimate
from tests.support.servers import simulator

N_SEEDS = 10
N_CASES = 40
EFFORTS = ("none", "high")

SUITE = """
suite: coverage
endpoints: {{e: {{base_url: "{base_url}", model: sim-mini}}}}
prompts: {{plain: "{{{{ question }}}}"}}
request: {{max_output_tokens: 8000}}
sweep: {{axes: {{reasoning.effort: [none, high]}}}}
cases:
{cases}
repeats: {repeats}
graders: [{{id: answer, type: numeric, expected: "{{{{ expected }}}}"}}]
load: {{concurrency: {concurrency}}}
"""


def problems() -> list[tuple[str, str]]:
    return [(f"What is {17 + 3 * i} * {11 + i} + {i}?", str((17 + 3 * i) * (11 + i) + i)) for i in range(N_CASES)]


def suite_text(base_url: str, *, repeats: int, concurrency: int) -> str:
    cases = "\n".join(
        f'  - {{id: c{i}, vars: {{question: "{question}"}}, expected: "{expected}"}}'
        for i, (question, expected) in enumerate(problems())
    )
    return SUITE.format(base_url=base_url, cases=cases, repeats=repeats, concurrency=concurrency)


def analyses(
    folder: Path, *, profile: str, repeats: int, seeds: range, concurrency: int
) -> Iterator[tuple[eh.Analysis, dict]]:
    for seed in seeds:
        with simulator(profile=profile, seed=seed) as server:
            truth = server.truth(prompts=[question for question, _ in problems()])
            path = folder / "suite.yaml"
            path.write_text(suite_text(server.base_url, repeats=repeats, concurrency=concurrency), encoding="utf-8")
            run = eh.run(path, out=folder / "reports", fresh=True, report=False)
        yield run.analysis, truth


def holds(estimate: Estimate | None, value: float) -> bool:
    assert estimate is not None
    low = estimate.lower if estimate.lower is not None else -float("inf")
    high = estimate.upper if estimate.upper is not None else float("inf")
    return low <= value <= high


def assert_covers(n_held: int, n: int) -> None:
    """Fails where fewer would be seen once in 2,000 times at a true coverage of 93%, the floor for such samples."""
    assert n_held >= stats.binom.ppf(0.0005, n, 0.93), f"{n_held} of {n} intervals hold the truth"


def arms(analysis: eh.Analysis) -> dict[str, object]:
    return {arm.label: arm for arm in analysis.arms}


@pytest.mark.parametrize("repeats", [1, 3])
def test_accuracy_differences_and_tokens(tmp_path: Path, repeats: int) -> None:
    held: dict[str, list[bool]] = {"accuracy": [], "difference": [], "reasoning tokens": []}
    for analysis, truth in analyses(
        tmp_path, profile="instant", repeats=repeats, seeds=range(1, N_SEEDS + 1), concurrency=8
    ):
        declared = truth["population"]
        found = arms(analysis)
        for effort in EFFORTS:
            held["accuracy"].append(holds(found[effort].quality["answer"], declared[effort]["accuracy"]))
        difference = declared["high"]["accuracy"] - declared["none"]["accuracy"]
        held["difference"].append(holds(analysis.versus_baseline[0].estimate, difference))
        reasoning = declared["high"]["reasoning_tokens_mean"]
        held["reasoning tokens"].append(holds(found["high"].tokens["reasoning"], reasoning))
    for values in held.values():
        assert_covers(sum(values), len(values))


def test_time_to_first_output(tmp_path: Path) -> None:
    """Slow on purpose: 300 ms and more, so that this client's own few milliseconds are no part of the question."""
    profile = json.loads((Path(eh.__file__).parent / "simulator" / "profiles" / "default.json").read_text("utf-8"))
    for effort, median_ms in (("none", 300), ("high", 600)):
        profile["efforts"][effort]["ttfo_ms"] = {"median": median_ms, "sigma": 0.35}
    path = tmp_path / "slow.json"
    path.write_text(json.dumps(profile), encoding="utf-8")
    held = []
    for analysis, truth in analyses(tmp_path, profile=str(path), repeats=1, seeds=range(1, 9), concurrency=16):
        for effort in EFFORTS:
            times = arms(analysis)[effort].times["ttfo_ms"]
            held.append(holds(times.quantiles["0.5"], truth["population"][effort]["ttfo_ms"]["0.5"]))
    assert_covers(sum(held), len(held))
