from __future__ import annotations

from pathlib import Path

from tests.support import fault_page

PAGE = Path(__file__).parents[2] / "evalharness" / "docs" / "faults.md"


def test_the_page_of_faults_is_fresh():
    """Otherwise: python -m tests.support.fault_page > evalharness/docs/faults.md"""
    assert PAGE.read_text(encoding="utf-8") == fault_page.page()
