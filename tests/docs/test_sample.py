"""The sample report in the repository is what this version makes of its stored run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.sample import RENDERED, SAMPLE, render


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    render(folder)
    return folder


@pytest.mark.parametrize("name", RENDERED)
def test_the_sample_is_fresh(fresh: Path, name: str) -> None:
    assert (fresh / name).read_bytes() == (SAMPLE / name).read_bytes(), "run: poe sample --render-only"
