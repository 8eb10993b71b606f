"""What may be said of a comparison, over generated intervals; readings come from the rule that makes them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.core.findings import ArmFindings, Comparison, Estimate, Reading
from evalharness.report import words
from evalharness.verdict.reading import reading

FORBIDDEN = re.compile(r"±|\b(significant|proves|no difference|outperforms?|trend|equivalent|nan|inf|best)\b", re.I)


@st.composite
def comparisons(draw) -> tuple[Comparison, float | None]:
    low, point, high = sorted(draw(st.lists(st.floats(-0.9, 0.9), min_size=3, max_size=3, unique=True)))
    margin = draw(st.none() | st.floats(0.001, 0.3).map(lambda value: round(value, 3)))
    shown = Estimate(point=point, lower=low, upper=high, method="test", n=50, unit="share")
    said = reading(shown, higher_is_better=True, margin=margin, agrees=draw(st.booleans()))
    comparison = Comparison(
        metric="answer",
        candidate="b",
        baseline="a",
        kind="difference",
        design="paired",
        estimate=shown,
        reading=said,
        higher_is_better=True,
    )
    return comparison, margin


@given(comparisons())
def test_a_sentence_names_its_baseline_its_interval_and_no_forbidden_word(made):
    comparison, margin = made
    sentence = words.quality_sentence(comparison, "medium", "low", margin)
    assert "low" in sentence
    assert "95% CI" in sentence
    assert not FORBIDDEN.search(sentence)


@given(comparisons())
def test_no_sign_stands_beside_a_word_of_direction(made):
    comparison, margin = made
    sentence = words.quality_sentence(comparison, "medium", "effort none", margin)
    assert not re.search(r"[+−]\d", sentence)


@given(comparisons())
def test_the_sentence_says_higher_only_where_the_reading_is_certain(made):
    comparison, margin = made
    sentence = words.quality_sentence(comparison, "medium", "effort none", margin)
    certain = comparison.reading not in (Reading.SAME, Reading.TOO_CLOSE)
    assert ("scores" in sentence and " than " in sentence) is certain
    if comparison.reading is Reading.TOO_CLOSE:
        assert "too close to tell" in sentence


@pytest.mark.parametrize(
    ("said", "margin", "text"),
    [
        (Reading.SAME, 0.01, "the same (within 1 point)"),
        (Reading.BETTER_BUT_SMALL, 0.02, "better, but too small to matter (under 2 points)"),
        (Reading.WORSE_BUT_SMALL, 0.005, "worse, but too small to matter (under 0.5 points)"),
        (Reading.TOO_CLOSE, 0.02, "too close to tell"),
        (Reading.BETTER, None, "better"),
    ],
)
def test_readings_are_the_allowed_ones_with_their_margin(said, margin, text):
    assert words.reading_text(said, margin) == text


@pytest.mark.parametrize(
    ("key", "spoken"),
    [
        ({"reasoning.effort": "none"}, "effort none"),
        ({"reasoning.effort": "medium"}, "medium"),
        ({"top_p": 0.9}, "top p 0.9"),
        ({"reasoning.effort": "none", "prompt": "careful"}, "“none, careful”"),
    ],
)
def test_an_arm_called_none_cannot_be_read_as_nobody(key, spoken):
    label = ", ".join(str(value) for value in key.values())
    arm = ArmFindings(arm_id="a", label=label, key=key, n_planned=1, counts={}, quality={})
    assert words.spoken(arm) == spoken


def test_a_name_keeps_its_small_letter_where_it_is_a_models():
    assert words.name_first("medium") == "Medium"
    assert words.name_first("gpt-5.4-mini") == "gpt-5.4-mini"
