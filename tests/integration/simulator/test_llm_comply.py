"""A compliance tester that nobody here wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import simulator


@pytest.mark.parametrize("profile", ["default", "open-responses"])
def test_the_compliance_tester_finds_no_failure(profile: str) -> None:
    command = str(Path(sys.executable).with_name("llm-comply"))
    with simulator(profile=profile) as server:
        arguments = ["run", "-u", server.base_url, "-k", "k", "-m", "sim-mini", "--json"]
        done = subprocess.run([command, *arguments], capture_output=True, timeout=120, check=False)
    summary = json.loads(done.stdout)["summary"]
    assert (summary["total"], summary["failed"]) == (13, 0)


def test_the_compliance_tester_accepts_the_reasoning_summary_it_skips_for_other_model_names() -> None:
    """Its reasoning test runs for model names it knows; ``sim-o3`` contains one."""
    command = str(Path(sys.executable).with_name("llm-comply"))
    with simulator() as server:
        arguments = ["run", "-u", server.base_url, "-k", "k", "-m", "sim-o3", "--json", "-f", "reasoning-summary"]
        done = subprocess.run([command, *arguments], capture_output=True, timeout=120, check=False)
    assert json.loads(done.stdout)["summary"]["passed"] == 1
