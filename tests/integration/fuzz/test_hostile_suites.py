"""Hostile suites are refused with a place and a reason, at once; ten thousand by ``python -m tests.fuzz.suites``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.suites import KINDS, Hostile, Told, complaint, hostile, large, validated
from tests.support.command import evalharness

_IN_THIS_PROCESS = 400


def test_the_suite_that_is_made_hostile_is_one(tmp_path: Path):
    assert validated(Hostile().write(tmp_path)).exit_code == 0


@pytest.mark.parametrize("part", range(4))
def test_every_hostile_suite_is_refused_with_a_place_or_taken(tmp_path: Path, part: int):
    taken = 0
    for index in range(part, _IN_THIS_PROCESS, 4):
        folder = tmp_path / str(index)
        folder.mkdir()
        kind, made = hostile(Random(index))
        told = validated(made.write(folder))
        assert complaint(made, told) is None, (index, kind, told.text[:2_000])
        taken += told.exit_code == 0
    # Most are refused, and not because of one and the same mistake.
    assert 2 < taken < 30


@pytest.mark.parametrize("kind", [*KINDS[::3], large], ids=lambda kind: kind.__name__)
def test_the_command_refuses_some_kinds(tmp_path: Path, kind: Callable[[Random], Hostile]):
    made = next(made for seed in range(100) if (made := kind(Random(seed))).is_certain or seed == 99)
    done = evalharness("plan", made.write(tmp_path).name, cwd=tmp_path)
    assert complaint(made, Told(done.exit_code, done.stdout + done.stderr, 0.0)) is None, done
    assert "Traceback" not in done.stderr
