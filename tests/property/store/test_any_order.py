"""A run's folder under any order of what can be done to it: ``python -m tests.durability machine`` goes on for longer."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.durability.machine import Folder

TestFolder = Folder.TestCase
TestFolder.settings = settings(max_examples=15, stateful_step_count=40, suppress_health_check=list(HealthCheck))
