"""Suites that benchmarks run: sums for a simulator that answers at once."""

from __future__ import annotations

from pathlib import Path

_SUITE = """
suite: bench
endpoints: {sim: {ENDPOINT, model: sim-mini}}
request: REQUEST
prompts: {plain: "{{ q }}"}
cases:
CASES
repeats: REPEATS
graders: [{id: answer, type: numeric, expected: "{{ expected }}"}]
load: LOAD
"""


def write_suite(
    folder: Path,
    *,
    cases: int,
    repeats: int,
    endpoint: str = "simulator: instant",
    load: str = "{concurrency: 16}",
    request: str = "{}",
) -> Path:
    rows = "\n".join(f'  - {{id: c{i}, vars: {{q: "{i} + 4?"}}, expected: "{i + 4}"}}' for i in range(cases))
    text = _SUITE.replace("ENDPOINT", endpoint).replace("CASES", rows).replace("REPEATS", str(repeats))
    path = folder / f"bench-{cases}x{repeats}.yaml"
    path.write_text(text.replace("LOAD", load).replace("REQUEST", request), encoding="utf-8")
    return path
