"""Up to which level a service holds, for every pattern of verdicts there can be."""

from __future__ import annotations

from itertools import product

import pytest

from evalharness.core.findings import Met, ServiceLevel, StretchFindings
from evalharness.core.model import LevelUnit
from evalharness.verdict.knee import knee

LEVELS = (5.0, 10.0, 20.0, 40.0)
LETTERS = {"h": Met.MET, "f": Met.NOT_MET, "o": Met.OPEN}


def found(pattern: str, unit: LevelUnit = LevelUnit.RATE_PER_S):
    stretches = [
        StretchFindings(
            step=step,
            arm_id=None,
            level=LEVELS[step],
            level_unit=unit,
            n_sent=1,
            n_ended=1,
            n_failed=0,
            service=ServiceLevel(share_at_least=0.95, met=LETTERS[letter], limits=()),
        )
        for step, letter in enumerate(pattern)
    ]
    return knee(stretches[::-1], unit)


@pytest.mark.parametrize("pattern", ["".join(letters) for letters in product("hfo", repeat=4)])
def test_holds_counts_from_the_lowest_level_and_fails_from_the_highest(pattern: str):
    held = next((i for i, letter in enumerate(pattern) if letter != "h"), 4)
    failed = next((i for i, letter in enumerate(reversed(pattern)) if letter != "f"), 4)
    one = found(pattern)
    assert one.levels == LEVELS
    assert one.holds_up_to == (LEVELS[held - 1] if held else None)
    assert one.fails_from == (LEVELS[4 - failed] if failed else None)


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("hhff", "Holds up to 10/s; shown to fail from 20/s (95% confidence each)."),
        ("hhhf", "Holds up to 20/s; shown to fail at 40/s (95% confidence each)."),
        ("hoof", "Holds up to 5/s; undecided from 10/s to 20/s; shown to fail at 40/s (95% confidence each)."),
        ("hhho", "Holds up to 20/s (95% confidence); undecided at 40/s."),
        ("hhhh", "Holds up to 40/s, the highest level tried (95% confidence)."),
        ("ffff", "Shown to fail from 5/s, the lowest level tried (95% confidence)."),
        ("oooo", "Undecided from 5/s to 40/s, all that was tried."),
        ("oofo", "Undecided from 5/s to 40/s, all that was tried (taken alone: not met at 20/s)."),
        (
            "fhhf",
            "Undecided from 5/s to 20/s (taken alone: met at 10/s and 20/s, not met at 5/s); "
            "shown to fail at 40/s (95% confidence).",
        ),
    ],
)
def test_the_finding_in_words(pattern: str, sentence: str):
    assert found(pattern).sentence == sentence


def test_levels_of_a_closed_loop_are_trials_in_flight():
    sentence = found("hf", LevelUnit.CONCURRENCY).sentence
    assert sentence == "Holds up to 5 in flight; shown to fail at 10 in flight (95% confidence each)."
