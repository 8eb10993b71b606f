"""How often a history of runs is said to have changed, and how often a change is found: ``change_points``.

By hand: ``poe calibrate --topic changes --runs 1000``. ``test_change_points.py`` runs some of the cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from evalharness.stats.change_points import change_points
from evalharness.stats.proportions import wilson
from evalharness.stats.sample import Settings
from tests.stats.calibrate import Cell, case_shares

ALARM = 0.05
Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def shares(p: float, cases: int, *, same_cases: bool) -> Draw:
    """Share right of each run with its Wilson interval; on the same cases, or on as many new ones each time."""

    def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        own = case_shares(rng, cases, p, 0.5) if same_cases else np.full(cases, p)
        values = (rng.random((n, cases)) < own).mean(axis=1)
        limits = np.array([wilson(value, cases, 1.96) for value in values])
        return values, (limits[:, 1] - limits[:, 0]) / 2 / 1.96

    return draw


def times(between: float, *, own: float = 0.1) -> Draw:
    """Log of a time: each run's own error, which its interval states within a third, and what moves between runs."""

    def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        values = rng.normal(0, own, n) + rng.normal(0, between, n)
        return values, own * np.exp(rng.normal(0, 0.3, n))

    return draw


def of_two_sizes(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Every other run has a quarter of the calls, so that its error is twice as large."""
    errors = np.where(np.arange(n) % 2, 0.1, 0.2)
    return rng.normal(0, errors), errors


def with_outliers(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """A t with three degrees of freedom between runs: some hour goes wrong now and then."""
    return 0.1 * rng.standard_t(3, n), np.full(n, 0.05)


def alarm_cell(name: str, draw_runs: Draw, n: int, at_most: float | None = ALARM) -> Cell:
    """Nothing changed, and a change is marked somewhere."""

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        return bool(change_points(*draw_runs(rng, n), alarm=ALARM))

    return Cell(f"a change where there is none, {name}: {n} runs", draw, at_most=at_most)


def second_cell(n: int, at: int, size: float) -> Cell:
    """One change of so many errors of a run; more than one is marked."""

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        return len(change_points(*_with_change(rng, n, at, size), alarm=ALARM)) > 1

    return Cell(f"a second change where there is one, {size:g} errors at {at} of {n} runs", draw, at_most=ALARM)


def found_cell(n: int, at: int, size: float, at_least: float | None = None) -> Cell:
    """One change, and one is marked within a run of its place."""

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        found = change_points(*_with_change(rng, n, at, size), alarm=ALARM)
        return any(abs(change.at - at) <= 1 for change in found)

    return Cell(f"a change is found, {size:g} errors at {at} of {n} runs", draw, at_least=at_least)


def _with_change(rng: np.random.Generator, n: int, at: int, size: float) -> tuple[np.ndarray, np.ndarray]:
    error = 0.03
    return rng.normal(0, error, n) + error * size * (np.arange(n) >= at), np.full(n, error)


def grid() -> Iterator[Cell]:
    for n in (4, 6, 10, 20, 60):
        yield alarm_cell("100 cases, 70% right", shares(0.7, 100, same_cases=False), n)
        yield alarm_cell("the same 100 cases, 70% right", shares(0.7, 100, same_cases=True), n)
        yield alarm_cell("50 cases, 98% right", shares(0.98, 50, same_cases=False), n)
        yield alarm_cell("the same 20 cases, 90% right", shares(0.9, 20, same_cases=True), n)
        yield from (alarm_cell(f"times, between runs {b:g}", times(b), n) for b in (0.0, 0.1, 0.4))
        yield alarm_cell("runs of two sizes", of_two_sizes, n)
        yield alarm_cell("times with outliers between runs", with_outliers, n, at_most=None)
    for n, at in ((10, 5), (10, 9), (20, 10), (20, 19), (60, 30)):
        for size in (2.0, 4.0, 6.0):
            yield second_cell(n, at, size)
            easy = size * math.sqrt(at * (n - at) / n) > 6
            yield found_cell(n, at, size, at_least=0.8 if easy else None)
