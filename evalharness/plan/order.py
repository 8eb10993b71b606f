"""In which order trials are sent. Order is part of the measurement: a service drifts while it is measured."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias, TypeVar

from evalharness.core.model import Order

T = TypeVar("T")

#: (case id, arm id, repeat index)
Slot: TypeAlias = tuple[str, str, int]


def shuffled(ids: Iterable[str], *context: object) -> list[str]:
    """``ids`` in an order that is random in them, ``context`` and nothing else.

    Sorted by hash. A generator's stream would serve as well, but then one case more or ``--limit`` would change the
    order of all the others; and its sequence is a promise of its library, which SHA-256 is not.
    """
    prefix = "\0".join(str(part) for part in context)
    return sorted(ids, key=lambda each: hashlib.sha256(f"{prefix}\0{each}".encode("utf-8", "surrogatepass")).digest())


def slots(
    order: Order, case_ids: Sequence[str], arm_ids: Sequence[str], repeats: Iterable[int], seed: int
) -> Iterator[Slot]:
    """Every (case, arm, repeat) once. ``repeats`` are the indices of the passes, each of which has an order of its own.

    Interleaved: a block is one case in all arms, arms shuffled; blocks shuffled; one pass per repeat. So each arm meets
    the same minutes of the service, and a cut anywhere leaves no arm more than one trial behind another. Sequential:
    one arm after the other, cases in the order of the suite.
    """
    if order is Order.SEQUENTIAL:
        passes = tuple(repeats)
        for arm_id in arm_ids:
            for repeat_index in passes:
                for case_id in case_ids:
                    yield case_id, arm_id, repeat_index
        return
    for repeat_index in repeats:
        for case_id in shuffled(case_ids, seed, repeat_index):
            for arm_id in shuffled(arm_ids, seed, repeat_index, case_id):
                yield case_id, arm_id, repeat_index


def slots_by_unit(
    units: Sequence[Sequence[str]], arm_ids: Sequence[str], repeats: Sequence[int], seed: int
) -> Iterator[Slot]:
    """Every (case, arm, repeat) once, for a run that ends as soon as its gates are settled: what enters a decision is
    a unit (a case, or all cases of a cluster) that is complete, so units come whole, one after the other, shuffled.
    """
    by_first = {unit[0]: unit for unit in units}
    for first in shuffled(by_first, seed, "unit"):
        for case_id in shuffled(by_first[first], seed, "case"):
            for repeat_index in repeats:
                for arm_id in shuffled(arm_ids, seed, repeat_index, case_id):
                    yield case_id, arm_id, repeat_index
