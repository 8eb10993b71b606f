"""docs/calibration.md is what was measured, of every situation there is now."""

from __future__ import annotations

import pytest

from tests.stats.calibration_page import PAGE, TOPICS, Topic, page, stored


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_situation_has_a_figure_and_a_name_of_its_own(topic: Topic) -> None:
    names = [cell.name for cell in topic.cells()]
    assert len(set(names)) == len(names)
    assert set(names) == set(stored()[topic.name]), "measure it: poe calibrate"


def test_the_page_is_made_from_what_was_measured() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "poe calibrate --page writes it again"
