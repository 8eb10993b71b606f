"""The list of faults as a mixture: each row that leaves the run going, at a share of the first attempts."""

from __future__ import annotations

from typing import Any

from tests.support.fault_rows import ROWS, Course, FaultRow

#: Three shares: of most, of those that hold back all other calls for a second, and of those that send megabytes.
_SHARES = {Course.HARMLESS: 0.003, Course.BROKEN: 0.003, Course.WAITS: 0.0002, Course.TOO_LARGE: 0.0005}
#: Nobody listens meanwhile, to no call: many fail that the log of the server says nothing of.
_FOR_ALL = "refuse"
#: Longer than the clocks of the suite's endpoint wait, in milliseconds.
_SILENCE = ";ms=15000"


def rules() -> dict[str, Any]:
    """As ``--faults`` takes it."""
    return {
        "rules": [
            {"fault": _fault(row), "share": _SHARES[row.course]}
            for row in ROWS
            if row.course in _SHARES and not row.fault.startswith(_FOR_ALL)
        ]
    }


def _fault(row: FaultRow) -> str:
    script = row.fault.format(elsewhere="http://127.0.0.1:9/v1")
    return script + _SILENCE if script.startswith("stall") else script
