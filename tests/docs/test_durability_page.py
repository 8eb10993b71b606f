from __future__ import annotations

from pathlib import Path

from tests.durability import page

PAGE = Path(__file__).parents[2] / "evalharness" / "docs" / "durability.md"


def test_the_page_of_durability_is_fresh():
    """Otherwise: python -m tests.durability.page > evalharness/docs/durability.md"""
    assert PAGE.read_text(encoding="utf-8") == page.page()
