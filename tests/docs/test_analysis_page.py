"""The examples of docs/analysis.md print what the page says, and what it claims of rates is in the calibration."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from evalharness.stats.paired_bounds import Flips
from evalharness.stats.proportions import normal_quantile, tango
from tests.stats.calibration_page import stored
from tests.stats.test_paired_bounds import worst_error

PAGE = Path("evalharness/docs/analysis.md")
#: A reader gets through about 250 words a minute of a page like this, examples included.
TWENTY_MINUTES = 5_000


def blocks() -> list[str]:
    return re.findall(r"^```\n(>>> .*?)^```", PAGE.read_text(encoding="utf-8"), re.S | re.M)


def test_every_example_prints_what_the_page_says() -> None:
    parser, known = doctest.DocTestParser(), {}
    runner = doctest.DocTestRunner(optionflags=doctest.REPORT_NDIFF)
    reports: list[str] = []
    for number, block in enumerate(blocks()):
        example = parser.get_doctest(block, known, f"example {number}", str(PAGE), 0)
        runner.run(example, out=reports.append, clear_globs=False)
        known = example.globs
    assert runner.tries > 30
    assert runner.failures == 0, "".join(reports)


def test_every_part_of_the_specification_has_its_heading() -> None:
    headings = re.findall(r"^## \((\w)\)", PAGE.read_text(encoding="utf-8"), re.M)
    assert headings == list("abcdefghijkl")


def test_every_part_says_what_it_assumes_or_when_it_fails() -> None:
    parts = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.M)
    mute = [part[:20] for part in parts if part[0] == "(" and not re.search(r"\*(Assumes|Fails|Not done)|assum", part)]
    assert mute == []


def test_an_engineer_reads_it_in_twenty_minutes() -> None:
    assert len(PAGE.read_text(encoding="utf-8").split()) <= TWENTY_MINUTES


#: What the page says of rates, by the situation that it was seen in: (topic, beginning of its name), from, to.
SEEN = {
    "cover the truth in 50 to 75% of runs": ("mistakes", "coverage, repeats taken for cases", 0.48, 0.78),
    "found in seven of ten runs by pairs": ("means", "paired power: n=200", 0.65, 0.75),
    "one of eight by an unpaired test": ("mistakes", "power, unpaired t test", 0.10, 0.15),
    "it found the gain in one run of a hundred": ("mistakes", "power, intervals that do not overlap", 0.0, 0.015),
    "raise one in about one of seven runs": ("mistakes", "any false claim, 4 uncorrected", 0.12, 0.165),
    "four in ten intervals of a median missed": ("mistakes", "time quantile 0.5 without blocks", 0.55, 0.65),
    "in a fifth to a third of runs": ("mistakes", "false alarm, gate on the mean alone", 0.19, 0.36),
    "give 16% false passes": ("mistakes", "peeking with fixed intervals every 15", 0.14, 0.18),
    "is too low in a fifth of runs": ("gates", "wrong pass: one cost in twenty is tenfold, n=30", 0.18, 0.22),
    "at 60 in a tenth": ("gates", "wrong pass: one cost in twenty is tenfold, n=60", 0.07, 0.13),
}


@pytest.mark.parametrize("claim", SEEN)
def test_a_rate_on_the_page_is_one_that_was_seen(claim: str) -> None:
    topic, name, least, most = SEEN[claim]
    assert claim in " ".join(PAGE.read_text(encoding="utf-8").split())
    found = [hits / runs for cell, (hits, runs) in stored()[topic].items() if cell.startswith(name)]
    assert found
    assert all(least <= rate <= most for rate in found), found


def says(claim: str) -> bool:
    return claim in " ".join(PAGE.read_text(encoding="utf-8").split())


def test_the_power_of_the_fixed_plan_is_what_the_exact_test_has() -> None:
    assert says("at 86% right and a limit of 80%") and says("a fixed plan of 251 has a power of 79%")
    least = next(right for right in range(252) if stats.binom.sf(right - 1, 251, 0.8) <= 0.05)
    assert stats.binom.sf(least - 1, 251, 0.86) == pytest.approx(0.79, abs=0.005)


def test_wilsons_upper_bound_alone_errs_as_often_as_the_page_says() -> None:
    assert says("right in 98% of cases, as demanded, in 14% of runs of 33 cases")
    right = np.arange(34)
    upper = proportion_confint(right, 33, alpha=0.10, method="wilson")[1]
    assert stats.binom.pmf(right, 33, 0.98)[upper < 0.98].sum() == pytest.approx(0.14, abs=0.005)


def test_the_bounds_of_a_difference_err_as_often_as_the_page_says() -> None:
    """All that 60 pairs can do for Tango's, all that 40 can do for the gate's, each with its multinomial chance."""
    assert says("So it is with Tango's bounds of a difference: 6% to 9% singly.")
    z, wrong = normal_quantile(0.90), 0.0
    for gained in range(8):
        for lost in range(20):
            chance = stats.multinomial.pmf([gained, lost, 60 - gained - lost], 60, [0.01, 0.06, 0.93])
            wrong += chance if tango(gained, lost, 60, z)[1] < -0.05 else 0.0
    assert wrong == pytest.approx(0.088, abs=0.002)
    assert says("of 40 to 200 cases its bounds err in 4.8 to 5.1% at worst")
    for difference in (-0.1, -0.05):
        worst = worst_error(40, difference, lambda g, lost, at=difference: Flips(gained=g, lost=lost, n=40).p_above(at))
        assert 0.048 <= worst <= 0.051
