"""Run folders of any size: some thousand results are stored, and their rows copied to the other trials of their arm."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from evalharness.core.model import Status
from evalharness.store.connect import DATABASE
from tests.support.runs import make_run
from tests.support.stored import append_all, create

#: Cases of each arm whose results are drawn one by one; those of other cases and repeats are their copies.
_DRAWN_CASES = 2_000


def stored_run(out: Path, *, arms: int, cases: int, repeats: int, seed: int = 1) -> Path:
    """The folder of a run in which one call in a hundred failed and one was tried twice.

    Copies have the stamps of what they were copied from: sizes and times of reading are as of a run of such a length,
    its statistics are not those of independent trials.
    """
    drawn = make_run(arms=arms, cases=min(cases, _DRAWN_CASES), repeats=1, seed=seed)
    planned = make_run(arms=arms, cases=cases, repeats=repeats, seed=seed, pending=1.0)
    run_id = f"{drawn.manifest.run_id}-{len(planned.plan.trials)}"
    run = replace(
        planned, manifest=replace(drawn.manifest, plan_hash=planned.plan.plan_hash, run_id=run_id), results={}
    )
    arm_of = {trial.trial_id: trial.arm_id for trial in drawn.plan.trials}
    waiting: dict[str, list[str]] = {arm.arm_id: [] for arm in planned.plan.arms}
    for trial in planned.plan.trials:
        waiting[trial.arm_id].append(trial.trial_id)
    free = {arm_id: iter(ids) for arm_id, ids in waiting.items()}
    results = [
        replace(result, trial_id=next(free[arm_of[result.trial_id]]))
        for result in drawn.results.values()
        if result.status is not Status.PENDING
    ]
    with create(out, run) as store:
        for begin in range(0, len(results), 1_000):
            append_all(store, results[begin : begin + 1_000])
        asyncio.run(store.finish(run.manifest))
    _copy(store.folder / DATABASE)
    return store.folder


def _copy(path: Path) -> None:
    """Give every trial without a result the row of one of its arm, one after the other."""
    with closing(sqlite3.connect(path)) as connection:
        stored: dict[str, list[int]] = {}
        for arm_id, position in connection.execute(
            "SELECT arm_id, position FROM results JOIN trials ON position = result ORDER BY position"
        ):
            stored.setdefault(arm_id, []).append(position)
        sources = {arm_id: cycle(positions) for arm_id, positions in stored.items()}
        without = connection.execute(
            "SELECT position, arm_id FROM trials WHERE position NOT IN (SELECT result FROM results) ORDER BY position"
        )
        connection.execute("CREATE TEMP TABLE copies (position INTEGER PRIMARY KEY, source INTEGER NOT NULL)")
        connection.executemany(
            "INSERT INTO copies VALUES (?, ?)", [(position, next(sources[arm_id])) for position, arm_id in without]
        )
        connection.execute(
            "INSERT INTO results SELECT copies.position, session, status, numbers, gaps, remarks"
            " FROM copies JOIN results ON result = source ORDER BY copies.position"
        )
        connection.execute(
            "INSERT INTO outputs SELECT copies.position, calls"
            " FROM copies JOIN outputs ON result = source ORDER BY copies.position"
        )
        connection.commit()
