"""What charts must not do: labels over each other, lines that zigzag, axes that differ between panels."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.report.charts.marks import Interval, Mark
from evalharness.report.charts.scales import LETTER, apart
from evalharness.report.charts.scatter import Dot, Panel, scatter
from evalharness.report.charts.strip import forest_scale
from evalharness.report.charts.svg import path
from evalharness.report.method_words import method_sentence


@given(st.lists(st.tuples(st.floats(0, 320), st.sampled_from(["50 ms", "1 s", "200 ms", "0"])), max_size=9).map(sorted))
def test_no_two_labels_of_an_axis_touch_and_none_leaves_it(labels):
    kept = apart(labels, 0, 320)
    boxes = [(x - len(label) * LETTER / 2, x + len(label) * LETTER / 2) for x, label in kept]
    assert all(left >= -1e-9 and right <= 320 + 1e-9 for left, right in boxes)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(boxes))
    assert bool(kept) is bool(labels)


def dot(label: str, x: float, y: float, series: str = "", named: bool = False, dash: int = 0) -> Dot:
    at = [Interval(point=value, lower=None, upper=None) for value in (x, y)]
    return Dot(label=label, mark=Mark(2, dash), x=at[0], y=at[1], series=series, named=named)


def drawn(dots: list[Dot], beside: list[Dot] | None = None) -> str:
    panel = Panel(title="T", x_title="X", y_title="Y", write_x=str, dots=dots, beside=beside or [])
    return str(scatter(panel))


def labels(picture: str) -> list[str]:
    return re.findall(r'font-weight="600">([^<]*)<', picture)


def test_twelve_arms_on_one_spot_never_print_a_label_over_another():
    picture = drawn([dot(f"effort {n}, careful", 5 + n / 100, 50 - n / 100, named=True) for n in range(12)])
    places = re.findall(r'x="([\d.]+)" y="([\d.]+)"(?: text-anchor="(\w+)")? font-weight', picture)
    boxes = []
    for (x, y, anchor), label in zip(places, labels(picture), strict=True):
        width = len(label) * 7.2
        left = float(x) - width * {"": 0.0, "middle": 0.5, "end": 1.0}[anchor]
        boxes.append((left, float(y) - 10, left + width, float(y)))
    assert boxes
    for i, one in enumerate(boxes):
        for other in boxes[i + 1 :]:
            assert min(one[2], other[2]) <= max(one[0], other[0]) or min(one[3], other[3]) <= max(one[1], other[1])


def test_a_label_lies_on_no_interval_and_a_named_arm_always_has_one():
    """Twelve arms with wide intervals on both axes, close to each other: the label of every named one is in a free
    place, with a line to it where that is not beside the marker."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        dots = []
        for n in range(12):
            x, y = float(rng.uniform(100, 400)), float(rng.uniform(60, 90))
            at = Interval(point=x, lower=x * 0.8, upper=x * 1.4), Interval(point=y, lower=y - 6, upper=min(y + 6, 100))
            dots.append(Dot(label=f"arm {n}, low", mark=Mark(2), x=at[0], y=at[1], series=str(n), named=n < 4))
        picture = drawn(dots)
        assert {f"arm {n}, low" for n in range(4)} <= set(labels(picture))
        places = re.findall(r'x="([\d.]+)" y="([\d.]+)"(?: text-anchor="(\w+)")? font-weight', picture)
        bars = re.findall(r'class="s-e2"[^>]* d="M([\d.]+) ([\d.]+)V([\d.]+)M([\d.]+) ([\d.]+)H([\d.]+)"', picture)
        assert len(bars) == 12
        for (x, y, anchor), label in zip(places, labels(picture), strict=True):
            width = len(label) * 7.2  # of 12 units, bold
            left = float(x) - width * {"": 0.0, "middle": 0.5, "end": 1.0}[anchor]
            for column, top, bottom, start, level, end in (map(float, bar) for bar in bars):
                upright = left < column < left + width and top < float(y) and bottom > float(y) - 9
                level_one = start < left + width and end > left and float(y) - 9 < level < float(y)
                assert not upright
                assert not level_one


def test_steps_between_points_add_up_to_where_the_points_are():
    rng = np.random.default_rng(5)
    points = [(float(x), float(y)) for x, y in rng.uniform(0, 400, (500, 2)).round(3)]
    points[100:110] = [(points[100][0], y) for _, y in points[100:110]]
    data = path(points)
    at, reached = [0.0, 0.0], []
    for letter, numbers in re.findall(r"([Mlhv])([^Mlhv]*)", data):
        values = [float(value) for value in re.findall(r"-?(?:\d+(?:\.\d)?|\.\d)", numbers)]
        if letter == "M":
            at = values
        elif letter == "l":
            at = [at[0] + values[0], at[1] + values[1]]
        else:
            at["hv".index(letter)] += values[0]
        reached.append(tuple(at))
    assert reached[0] == pytest.approx(points[0], abs=0.051)
    assert reached[-1] == pytest.approx(points[-1], abs=0.051)
    assert len(reached) == 500 - 8
    for place in points[:100] + points[110:]:
        assert any(abs(place[0] - x) < 0.051 and abs(place[1] - y) < 0.051 for x, y in reached)


def test_above_eight_arms_only_efficient_and_named_ones_are_labelled():
    dots = [dot("cheap", 1, 50), dot("best", 90, 80), *(dot(f"worse {n}", 10 * n, 40 - n) for n in range(2, 9))]
    assert sorted(labels(drawn([*dots, dot("base", 30, 20, named=True)]))) == ["base", "best", "cheap"]


def test_panels_beside_each_other_share_their_axes():
    one, other = [dot("a", 1, 20), dot("b", 2, 30)], [dot("c", 50, 80), dot("d", 60, 90)]
    ticks = [re.findall(r'text-anchor="\w+">([^<]+)<', drawn(*pair)) for pair in ((one, other), (other, one))]
    assert set(ticks[0]) == set(ticks[1])


def test_a_method_is_named_once_and_cleanly():
    both = {"Wilson", "Wilson at the effective number of trials"}
    assert method_sentence("Mean scores", both) == (
        "Mean scores: Wilson score intervals, repeats of a case counted for what they add."
    )
    none = "no interval: no spread between independent cases"
    assert method_sentence("Cost", {none, "studentised cluster bootstrap"}) == (
        "Cost: studentised cluster bootstrap; no interval where all cases have the same value."
    )
    assert method_sentence("Cost", {none}) == "Cost: no interval where all cases have the same value."


def test_no_difference_of_scores_is_drawn_beyond_a_hundred_points():
    scale = forest_scale([Interval(point=-100, lower=-100, upper=0), Interval(point=99, lower=20, upper=100)], None)
    assert (scale.low, scale.high) == (-100, 100)
