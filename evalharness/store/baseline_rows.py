"""The baseline that a run was compared with, in its database: its report needs neither that run nor the file again.

A baseline file is kept as its text; of a run the columns that comparisons take, without texts.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalharness.core.clock import SystemClock, utc_text
from evalharness.core.errors import StoreError
from evalharness.store import schema
from evalharness.store.baseline_file import file_text, sums_of_text
from evalharness.store.connect import DATABASE, connect_for_writing, reading, store_error
from evalharness.verdict.baseline_facts import BaselineCase, BaselineFacts
from evalharness.verdict.baseline_sums import BaselineSums
from evalharness.verdict.baseline_trials import BaselineTrials, Kept

_SUMS, _TRIALS = "sums", "trials"


def write_baseline(connection: sqlite3.Connection, kept: Kept) -> None:
    """In place of the one that may be there."""
    kind, content = _packed(kept)
    connection.execute(
        "INSERT OR REPLACE INTO baseline (only, kind, run_id, sha256, content) VALUES (1, ?, ?, ?, ?)",
        (kind, kept.facts.run_id, hashlib.sha256(content).hexdigest(), content),
    )


def read_baseline(connection: sqlite3.Connection) -> Kept | None:
    """None: the run was compared with nothing. Raises ``StoreError`` for one that was altered."""
    row = connection.execute("SELECT kind, sha256, content FROM baseline").fetchone()
    if row is None:
        return None
    kind, sha256, content = row
    if hashlib.sha256(content).hexdigest() != sha256:
        raise StoreError("the baseline in the run folder was altered", hint="name it again with --baseline")
    plain = zlib.decompress(content)
    return sums_of_text(plain.decode("utf-8"), "the stored baseline") if kind == _SUMS else _trials(plain)


def load_baseline(folder: Path) -> Kept | None:
    """The baseline that the run in ``folder`` was compared with last. Raises ``StoreError``."""
    with reading(folder) as connection:
        return read_baseline(connection)


def keep_baseline(folder: Path, kept: Kept) -> None:
    """Let the stored run be compared with this one from now on. Raises ``StoreError`` where it cannot be written."""
    path = folder / DATABASE
    with closing(connect_for_writing(path, synchronous="FULL")) as connection:
        try:
            schema.migrate(connection, applied_utc=utc_text(SystemClock().utc_ns()))
            write_baseline(connection, kept)
        except sqlite3.Error as error:
            raise store_error(error, path) from error


def _packed(kept: Kept) -> tuple[str, bytes]:
    if isinstance(kept, BaselineSums):
        return _SUMS, zlib.compress(file_text(kept).encode("utf-8"))
    assert isinstance(kept, BaselineTrials)
    return _TRIALS, zlib.compress(_trials_bytes(kept))


def _trials_bytes(trials: BaselineTrials) -> bytes:
    """A line of JSON, then the columns one after the other, as they are in memory of a little-endian machine."""
    head = {
        "facts": asdict(trials.facts),
        "n": len(trials.arm_index),
        "scores": list(trials.scores),
        "metrics": list(trials.metrics),
    }
    columns = [
        trials.arm_index.astype("<i4"),
        trials.case_index.astype("<i4"),
        *(column.astype("<f8") for column in (*trials.scores.values(), *trials.metrics.values(), trials.is_right)),
        *(trials.asked[name].astype("u1") for name in trials.scores),
    ]
    line = json.dumps(head)  # not sorted: the order of the cases is what the columns count by
    return b"".join([line.encode("ascii"), b"\n", *(column.tobytes() for column in columns)])


def _trials(plain: bytes) -> BaselineTrials:
    line, _, rest = plain.partition(b"\n")
    head = json.loads(line)
    facts, n, place = _facts(head["facts"]), head["n"], 0

    def column(kind: str, length: int) -> NDArray[Any]:
        nonlocal place
        found = np.frombuffer(rest, dtype=kind, count=length, offset=place)
        place += found.nbytes
        return found

    arm_index, case_index = (column("<i4", n).astype(np.int64) for _ in range(2))
    scores = {name: column("<f8", n) for name in head["scores"]}
    metrics = {name: column("<f8", n) for name in head["metrics"]}
    return BaselineTrials(
        facts=facts,
        arm_index=arm_index,
        case_index=case_index,
        scores=scores,
        metrics=metrics,
        is_right=column("<f8", n),
        asked={name: column("u1", len(facts.cases)).astype(np.bool_) for name in scores},
    )


def _facts(values: dict[str, Any]) -> BaselineFacts:
    cases = {case_id: BaselineCase(**case) for case_id, case in values["cases"].items()}
    return BaselineFacts(**values | {"arms": tuple(values["arms"]), "cases": cases})
