"""What this machine can hold, asked before anything is sent."""

from __future__ import annotations

import resource

import pytest

from evalharness.app import preflight
from evalharness.core.errors import UsageError
from evalharness.core.model import Arm, Endpoint, EndpointKind, LevelUnit, Limits, Load, Plan, Suite


def plan(load: Load, *, limits: Limits | None = None) -> Plan:
    endpoint = Endpoint(name="e", kind=EndpointKind.HTTP, target="http://127.0.0.1:1/v1", limits=limits or Limits())
    suite = Suite(name="s", endpoints=(endpoint,), prompts=(), cases=(), graders=(), load=load)
    arm = Arm(arm_id="a", key={}, endpoint="e", model="m", prompt="p")
    return Plan(suite=suite, arms=(arm,), trials=(), plan_hash="", hashed={})


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The process's limit on descriptors, [soft, hard]; the last entry holds."""
    held = [(100, 200)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: held[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: held.append(both))
    return held


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (Load(concurrency=12), 12),
        (Load(shape="steps", levels=(4, 64, 8), level_unit=LevelUnit.CONCURRENCY), 64),
        (Load(shape="poisson", rate_per_s=50), 1),
        (Load(shape="steps", levels=(10, 100), level_unit=LevelUnit.RATE_PER_S), 1),
    ],
    ids=["closed", "steps of concurrency", "open", "steps of rates"],
)
def test_a_closed_load_wants_its_largest_level_and_an_open_one_at_least_a_call(load: Load, expected: int) -> None:
    assert preflight.wanted_in_flight(plan(load)) == expected


def test_an_endpoint_s_own_limit_is_enough() -> None:
    assert preflight.wanted_in_flight(plan(Load(concurrency=500), limits=Limits(max_concurrency=20))) == 20


def test_the_soft_limit_is_raised_as_far_as_the_hard_one_allows(limits: list[tuple[int, int]]) -> None:
    assert preflight.most_in_flight(10) == 200 - preflight.SPARE_DESCRIPTORS
    assert limits[-1] == (200, 200)


def test_a_load_beyond_the_hard_limit_is_refused_with_the_command_that_raises_it(limits: list[tuple[int, int]]) -> None:
    with pytest.raises(UsageError, match="1,000 calls in flight, and this process may open 200 files") as refused:
        preflight.most_in_flight(1000)
    assert f"ulimit -n {1000 + preflight.SPARE_DESCRIPTORS}" in (refused.value.hint or "")


def test_more_calls_than_local_ports_are_refused(
    limits: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    limits.append((100_000, 100_000))
    range_file = preflight._PORT_RANGE.__class__(str(tmp_path)) / "range"
    range_file.write_text("40000\t40099\n")
    monkeypatch.setattr(preflight, "_PORT_RANGE", range_file)
    with pytest.raises(UsageError, match="this machine has 100 local ports"):
        preflight.most_in_flight(101)
    assert preflight.most_in_flight(100) == 100
