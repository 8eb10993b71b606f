"""Writes prices.json: differences of paired times by R's ``wilcox.test``.

``python -m tests.stats.reference.make_prices`` (needs R; imports nothing of the project).
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np

PLACE = Path(__file__).with_name("prices.json")


def in_r(expression: str) -> list[float]:
    """The numbers that R prints for an expression."""
    script = f"cat(format({expression}, digits=15), sep=' ')"
    printed = subprocess.run(["Rscript", "--vanilla", "-e", script], capture_output=True, text=True, check=True)
    return [float(word) for word in printed.stdout.split()]


def c(values: list[float]) -> str:
    return f"c({','.join(map(str, values))})"


def differences() -> list[dict[str, object]]:
    """Exact limits by R; with 6 pairs or more there are two at 95%."""
    rng = np.random.default_rng(7)
    rows = []
    for n, level in ((6, 0.95), (12, 0.95), (12, 0.975), (25, 0.95), (49, 0.975)):
        a = rng.lognormal(6, 0.6, n).round(3)
        b = (a + rng.normal(120, 200, n)).clip(1).round(3)
        test = f"wilcox.test({c(b.tolist())}, {c(a.tolist())}, paired=TRUE, conf.int=TRUE, conf.level={level})"
        point, lower, upper = in_r(f"c({test}$estimate, {test}$conf.int)")
        given = {"candidate": b.tolist(), "baseline": a.tolist(), "level": level}
        rows.append({"given": given, "expected": {"point": point, "lower": lower, "upper": upper}})
    return rows


if __name__ == "__main__":
    PLACE.write_text(json.dumps(differences(), indent=1) + "\n", encoding="utf-8")
