"""Every mistake of the suites in ``bad/``, word for word: file, line, column, key path, message, hint.

``EVALHARNESS_ACCEPT=1`` rewrites the expectations; the change is then reviewed as a diff.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evalharness.core.errors import SuiteError
from evalharness.suite.files import read_suite

BAD = Path(__file__).with_name("bad")
SUITES = sorted(path.stem for path in BAD.glob("*.yaml"))


def problems_of(path: Path) -> str:
    with pytest.raises(SuiteError) as caught:
        read_suite(path)
    text = "\n".join(str(problem) for problem in caught.value.problems) + "\n"
    return text.replace(f"{path.parent.resolve()}", "FOLDER").replace(f"{path.parent}/", "")


@pytest.mark.parametrize("name", SUITES)
def test_every_mistake_is_told_with_its_place_and_a_hint(name):
    expected = BAD / f"{name}.expected.txt"
    told = problems_of(BAD / f"{name}.yaml")
    if os.environ.get("EVALHARNESS_ACCEPT"):
        expected.write_text(told, encoding="utf-8")
    assert told == expected.read_text(encoding="utf-8")


def test_no_expectation_is_left_over():
    assert sorted(path.name.removesuffix(".expected.txt") for path in BAD.glob("*.expected.txt")) == SUITES


def test_a_key_written_into_a_suite_is_never_repeated_in_the_message():
    assert "secret" not in problems_of(BAD / "endpoints.yaml")
