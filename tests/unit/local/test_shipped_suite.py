from __future__ import annotations

from pathlib import Path

from evalharness.core.model import EndpointKind
from evalharness.suite.files import grader_of, read_suite

SUITE = Path(__file__).parents[3] / "suites" / "local-model.yaml"


def test_asks_at_least_thirty_questions_in_two_ways_with_several_graders() -> None:
    suite = read_suite(SUITE).suite
    assert len(suite.cases) >= 30
    assert len(suite.prompts) == 2
    assert suite.endpoints[0].kind is EndpointKind.LOCAL
    types = {spec.type for spec in (*suite.graders, *(spec for case in suite.cases for spec in case.graders))}
    assert len(types) >= 6


def test_every_grader_of_every_case_can_be_built() -> None:
    suite = read_suite(SUITE).suite
    for case in suite.cases:
        for spec in (*suite.graders, *case.graders):
            assert "Unusable" not in type(grader_of(spec, case).inner).__name__, (case.case_id, spec)
