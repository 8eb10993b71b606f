from __future__ import annotations

from pathlib import Path

from evalharness.suite import reference

PAGE = Path(__file__).parents[2] / "evalharness" / "docs" / "suites.md"


def test_the_page_of_suite_keys_is_fresh():
    """Otherwise: python -m evalharness.suite.reference > evalharness/docs/suites.md"""
    assert PAGE.read_text(encoding="utf-8") == reference.page()
