"""In which order trials are sent."""

from __future__ import annotations

from itertools import groupby

from evalharness.plan.order import slots_by_unit

UNITS = (("a",), ("b1", "b2", "b3"), ("c",), ("d1", "d2"))
ARMS = ("low", "high")


def test_a_run_that_may_stop_early_sends_unit_after_unit_whole() -> None:
    ordered = list(slots_by_unit(UNITS, ARMS, (0, 1), seed=1))
    unit_of = {case_id: unit for unit in UNITS for case_id in unit}
    in_turn = [unit for unit, _ in groupby(unit_of[case_id] for case_id, _, _ in ordered)]
    assert len(in_turn) == len(UNITS), "no unit is begun before the one before it was planned to its end"
    assert len(set(ordered)) == len(ordered) == 7 * 2 * 2


def test_the_units_of_a_run_that_may_stop_early_come_in_an_order_of_chance() -> None:
    firsts = {next(iter(slots_by_unit(UNITS, ARMS, (0,), seed=seed)))[0] for seed in range(30)}
    assert firsts == {"a", "b1", "b2", "b3", "c", "d1", "d2"}


def test_one_unit_more_does_not_change_the_order_of_the_others() -> None:
    def order(units: tuple[tuple[str, ...], ...]) -> list[str]:
        return [case_id for case_id, _ in groupby(case for case, _, _ in slots_by_unit(units, ARMS, (0,), seed=3))]

    assert [case_id for case_id in order((*UNITS, ("e",))) if case_id != "e"] == order(UNITS)
