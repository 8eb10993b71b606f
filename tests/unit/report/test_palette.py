"""Colours: apart from each other for every kind of colour vision, and readable on their background.

CIELAB after CIE 15, contrast after WCAG 2.1, colour vision after Machado, Oliveira and Fernandes 2009 (severity 1):
written here from those sources, on numpy.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from evalharness.report import palette

VISION = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    ratios = (TO_XYZ @ np.clip(rgb, 0, 1)) / (TO_XYZ @ np.ones(3))
    f = np.where(ratios > 216 / 24389, np.cbrt(ratios), (24389 / 27 * ratios + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def luminance(colour: str) -> float:
    return float(TO_XYZ[1] @ linear(colour))


def contrast(one: str, other: str) -> float:
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def effort_colours(theme: str) -> list[str]:
    return [getattr(palette.COLOURS[f"e{place}"], theme) for place in range(len(palette.EFFORTS))]


def distance(one: str, other: str) -> float:
    return min(float(np.linalg.norm(lab(m @ linear(one)) - lab(m @ linear(other)))) for m in VISION.values())


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_neighbouring_efforts_differ_in_every_kind_of_colour_vision(theme):
    assert min(distance(a, b) for a, b in pairwise(effort_colours(theme))) >= 12


@pytest.mark.parametrize(("theme", "smallest"), [("light", 17.7), ("dark", 12.6)])
def test_the_five_main_efforts_are_as_far_apart_as_the_design_says(theme, smallest):
    main = [getattr(palette.COLOURS[f"e{place}"], theme) for place in (0, 2, 3, 4, 5)]
    assert min(distance(a, b) for a, b in pairwise(main)) == pytest.approx(smallest, abs=0.1)


def test_luminance_falls_with_the_effort_on_white_and_rises_on_dark():
    on_white = [luminance(colour) for colour in effort_colours("light")]
    on_dark = [luminance(colour) for colour in effort_colours("dark")]
    assert on_white == sorted(on_white, reverse=True)
    assert on_dark == sorted(on_dark)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("role", ["text", "muted", "link", "better", "worse"])
@pytest.mark.parametrize("surface", ["bg", "panel"])
def test_text_is_readable_on_page_and_panel(theme, role, surface):
    colours = palette.COLOURS
    assert contrast(getattr(colours[role], theme), getattr(colours[surface], theme)) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_marker_stands_out_from_the_page(theme):
    background = getattr(palette.COLOURS["bg"], theme)
    assert min(contrast(colour, background) for colour in effort_colours(theme)) >= 3


def test_every_effort_has_a_shape_of_its_own():
    assert len(set(palette.SHAPES)) == len(palette.EFFORTS)
    assert sorted(palette.PLACES_IN_ORDER) == list(range(len(palette.EFFORTS)))
