"""One JSON object per line and trial: the fields of the interface documentation, in its order."""

from __future__ import annotations

import json

from evalharness.core.record import RunRecord
from evalharness.store.trial_lines import trial_lines


def export(run: RunRecord) -> bytes:
    """ASCII: what is not is escaped, so that every text (lone surrogates, control characters) survives any tool."""
    lines = (json.dumps(line, ensure_ascii=True, allow_nan=False) for line in trial_lines(run))
    return "".join(f"{line}\n" for line in lines).encode("ascii")
