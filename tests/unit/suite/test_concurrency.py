"""A concurrency that limits of endpoints do not let come about: wrong in steps, worth a warning in a closed load."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalharness.suite.files import ReadSettings, read_suite

SUITE = """suite: narrow
endpoints:
  narrow: {simulator: default, model: m, limits: {max_concurrency: 4}}
  wide: {simulator: default, model: m}
prompts: {plain: "{{ question }}"}
SWEEP
cases:
  - {id: a, vars: {question: "1 + 1?"}, expected: "2"}
graders:
  - {id: answer, type: numeric, expected: "{{ expected }}"}
load: LOAD
"""
BOTH = "sweep: {axes: {endpoint: [narrow, wide]}}"


def warnings_of(folder: Path, load: str, *, sweep: str = "request: {}", endpoint: str | None = None) -> list[str]:
    path = folder / "s.yaml"
    path.write_text(SUITE.replace("LOAD", load).replace("SWEEP", sweep), encoding="utf-8")
    found = read_suite(path, settings=ReadSettings(endpoint=endpoint)).warnings
    return [str(warning).removeprefix(f"{folder}/") for warning in found]


def test_a_concurrency_that_is_never_reached_is_a_warning_with_its_place(tmp_path: Path) -> None:
    assert warnings_of(tmp_path, "{concurrency: 32}") == [
        "s.yaml:11:21: load.concurrency: 32 in flight are more than endpoint `narrow` takes: its "
        "`limits.max_concurrency` is 4 (a run has 4 in flight there: write that, or raise the limit)"
    ]


@pytest.mark.parametrize(
    ("load", "options"),
    [
        ("{concurrency: 4}", {}),
        ("{seed: 2}", {}),
        ("{concurrency: 32}", {"endpoint": "wide"}),
        ("{concurrency: 32}", {"sweep": BOTH}),
        ("{shape: burst, size: 32, every_s: 1}", {}),
        ("{shape: steps, rate_per_s: [32]}", {}),
        ("{shape: steps, concurrency: [1, 4]}", {}),
    ],
    ids=["within", "the default", "another endpoint", "one of two takes it", "burst", "rates", "levels within"],
)
def test_what_can_come_about_is_no_cause_for_a_warning(tmp_path: Path, load: str, options: dict[str, str]) -> None:
    assert warnings_of(tmp_path, load, **options) == []


def test_an_endpoint_that_is_not_used_limits_no_level(tmp_path: Path) -> None:
    assert warnings_of(tmp_path, "{shape: steps, concurrency: [1, 64]}", endpoint="wide") == []
