"""A run's folder under any order of what can be done to it: ``python -m tests.durability machine`` goes on longer."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.durability.machine import Folder

TestFolder = Folder.TestCase
TestFolder.settings = settings(max_examples=10, stateful_step_count=30, suppress_health_check=list(HealthCheck))
