"""What a server did and when, per call: the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.int64]
_HEAD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueCall:
    """``received_ns``: the kernel's stamp of the request's last byte. Each write left between ``before_ns`` and
    ``after_ns`` and was ``due_ns``; one entry per write, in their order. ``connection`` counts connections."""

    number: int
    connection: int
    received_ns: int
    due_ns: Column
    before_ns: Column
    after_ns: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """``calls`` by number. ``n_cold``: how many of them came on a connection that had not been used before."""

    calls: Mapping[int, TrueCall]
    n_cold: int


def read_log(path: Path) -> Truth:
    """The log of ``clocked_server.c``, which says what its integers mean."""
    log = np.fromfile(path, dtype="<i8")
    calls: dict[int, TrueCall] = {}
    used: set[int] = set()
    n_cold = at = 0
    while at < len(log):
        number, connection, received_ns, _read_ns, n_writes = (int(value) for value in log[at : at + _HEAD])
        times = log[at + _HEAD : at + _HEAD + 3 * n_writes].reshape(n_writes, 3)
        at += _HEAD + 3 * n_writes
        n_cold += number >= 0 and connection not in used
        used.add(connection)
        if number >= 0:
            calls[number] = TrueCall(
                number=number, connection=connection, received_ns=received_ns,
                due_ns=times[:, 0], before_ns=times[:, 1], after_ns=times[:, 2],
            )  # fmt: skip
    return Truth(calls=calls, n_cold=n_cold)
