"""The real command in any order: see the machine."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.durability.command_machine import Commands
from tests.durability.stable import stable


def test_runs_go_on_and_nothing_is_lost_in_any_order_of_commands(tmp_path: Path) -> None:
    with stable(tmp_path) as commands:
        machine = type("Commands", (Commands,), {"commands": commands})
        quick = settings(max_examples=4, stateful_step_count=8, suppress_health_check=list(HealthCheck))
        run_state_machine_as_test(machine, settings=quick)
