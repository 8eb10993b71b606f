from __future__ import annotations

from pathlib import Path

import evalharness
from evalharness.graders import load, names
from evalharness.graders._reference import markdown


def test_page_in_the_package_is_fresh() -> None:
    page = Path(evalharness.__file__).parent / "docs" / "graders.md"
    assert page.read_text(encoding="utf-8") == markdown(), "run: python -m evalharness.graders._reference > (the page)"


def test_page_has_every_type_and_every_key() -> None:
    text = markdown()
    for name in names():
        section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        keys = load(name).Params.model_json_schema()["properties"]
        assert section
        assert all(f"| `{key}` |" in section for key in keys)
