"""The grader of own-grader.yaml."""

import re
from typing import Any


def near(answer: str, trial: dict[str, Any]) -> tuple[float, str | None]:
    """1 less the relative error of the last number, 0 at least."""
    numbers = re.findall(r"-?\d[\d,]*\.?\d*", answer)
    if not numbers:
        return 0, "there is no number"
    found, wanted = (float(text.replace(",", "")) for text in (numbers[-1], trial["expected"]))
    error = abs(found - wanted) / max(abs(wanted), 1)
    return max(0, 1 - error), f"{found:g} instead of {wanted:g}" if error else None
