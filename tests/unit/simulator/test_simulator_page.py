from __future__ import annotations

from pathlib import Path

import pytest

from evalharness.simulator.faults import CATALOGUE
from evalharness.simulator.profile import built_in_profiles

PAGE = (Path(__file__).parents[3] / "evalharness/docs/simulator.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*CATALOGUE, *built_in_profiles()])
def test_the_page_names_every_fault_and_profile(name: str) -> None:
    assert f"`{name}`" in PAGE or f"`{name};" in PAGE


@pytest.mark.parametrize("name", [key for settings in CATALOGUE.values() for key in settings])
def test_the_page_names_every_setting_of_a_fault(name: str) -> None:
    assert f"{name}=" in PAGE
