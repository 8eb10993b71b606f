"""Every statistical word that is printed anywhere has an entry: reports, gates, plans, names of methods."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalharness.app.explain import explanations
from evalharness.core.findings import Met, Outcome, Reading, Standing, Verdict
from evalharness.core.model import Demand, OnInconclusive
from evalharness.verdict.decision import BEST, BEST_VALUE, CHEAPEST
from tests.support.reports import ALL_KINDS, rendered, shown_text

#: A word as it is printed -> the entry that explains it.
VOCABULARY = {
    r"\binterval": "interval", r"\bCI\b": "95% ci", r"\bp = |\bp-value": "p-value", r"\bHolm\b": "holm",
    r"Benjamini": "benjamini-hochberg", r"\bBonferroni": "bonferroni", r"max-\|t\|": "max-|t|",
    r"\bbootstrap": "bootstrap", r"\bResampl|\bresampl": "resamples", r"\bWilson\b": "wilson", r"\bTango\b": "tango",
    r"\bMcNemar\b": "mcnemar", r"mid-p": "mid-p", r"\bsign flip": "sign flip", r"Newcombe": "newcombe",
    r"Clopper": "clopper-pearson", r"order statistics": "order statistics", r"Hodges": "hodges-lehmann",
    r"[Ss]igned.rank": "wilcoxon", r"Welch": "welch", r"Page's L": "page's l", r"\bICC\b": "icc",
    r"[Ii]ndependent calls": "worth, in independent calls", r"\beffective number": "effective number",
    r"\bmedian": "median", r"\bp95\b": "p95", r"\bp99\b": "p99", r"\bexploratory": "exploratory",
    r"\bmargin\b": "margin", r"\bdrift": "drift", r"\bshrunk\b": "shrunk", r"\brouter\b": "router",
    r"\bdominated\b": "dominated", r"\befficient\b": "efficient", r"\bpaired\b": "paired", r"not paired": "unpaired",
    r"\bpower\b": "power", r"\bpilot\b": "pilot", r"\bstudentised\b": "studentised bootstrap", r"\bband\b": "dkw band",
    r"\bsettle": "settles", r"\bbaseline run\b": "baseline run", r"\bshift function\b": "shift function",
    r"\bCochran": "cochran's q", r"\bFisher": "fisher's test", r"\bpass@k\b": "pass@k", r"\bpass\^k": "pass^k",
    r"\bmaj@k": "maj@k", r"PPI\+\+": "ppi++", r"Rogan-Gladen": "rogan-gladen", r"Lang-Reiczigel": "lang-reiczigel",
    r"Bradley-Terry": "bradley-terry", r"\bElo\b": "elo", r"\bkappa\b": "kappa", r"sensitivity": "sensitivity",
    r"specificity": "specificity", r"judge only": "judge only", r"\bBCa\b": "bca", r"Paule-Mandel": "paule-mandel",
    r"Jonckheere": "jonckheere", r"blocks of time": "blocks of time",
    r"confidence sequence": "confidence sequence", r"log odds": "bradley-terry",
    r"\bWilcoxon\b": "wilcoxon",
    r"\bcoverage\b": "coverage",
}  # fmt: skip

FIXED = [
    *(verdict.value for verdict in Verdict), *(demand.value for demand in Demand),
    *(standing.value for standing in Standing), *(met.value for met in Met), *(each.value for each in OnInconclusive),
    CHEAPEST, BEST, BEST_VALUE, Outcome.NO_CLEAR_WINNER.value, Reading.TOO_CLOSE.value, "front", "one-sided bound",
    "non-inferior", "equivalent", "family-wise error", "false discovery rate", "peeking", "win rate", "type i error",
    "spearman", "order-dependent", "smallest detectable difference", "design effect", "sequential",
    "heterogeneity",
]  # fmt: skip


def strings(package: str) -> Iterator[str]:
    """Every text in the code of a package that is no docstring."""
    for path in sorted(Path(f"evalharness/{package}").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        first = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(getattr(node, "body", None), list)
                 and node.body and isinstance(node.body[0], ast.Expr)}  # fmt: skip
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in first:
                yield node.value


@pytest.mark.parametrize("term", sorted({*VOCABULARY.values(), *FIXED}))
def test_the_word_has_an_entry(term: str) -> None:
    assert len(explanations()[term]) > 20


def test_the_words_of_the_vocabulary_are_printed_somewhere() -> None:
    """Else the list would be of words that nobody meets, and could hide one that was renamed."""
    printed = "\n".join([*strings("stats"), *strings("verdict"), *strings("report"), *strings("app"), *strings("cli")])
    printed += "\n".join(path.read_text("utf-8") for path in Path("evalharness/report").rglob("*.j2"))
    printed += "\n".join(Path(f"evalharness/docs/{page}.md").read_text("utf-8") for page in ("analysis", "calibration"))
    assert [word for word in VOCABULARY if not re.search(word, printed)] == []


def test_every_method_named_after_somebody_is_explained() -> None:
    """Wilson, Hodges-Lehmann and so on, as the statistics name the method of an estimate or of a p-value."""
    known = " ".join([*explanations(), *explanations().values()]).lower()
    named = {
        name
        for text in strings("stats")
        for name in re.findall(r"(?<![\w`])[A-Z][a-z]+(?:-[A-Z][a-z]+)?\b", text)
        if not text.endswith((".", "?")) and not text[0].isspace()
    }
    assert {"Wilson", "Tango", "Hodges-Lehmann"} <= named
    assert sorted(name for name in named if name.lower() not in known) == []


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_page_names_no_method_without_an_entry(kind: str) -> None:
    known = " ".join([*explanations(), *explanations().values()]).lower()
    words = re.findall(r"\b[A-Z][a-z]+(?:-[A-Z][a-z]+)\b", shown_text(rendered(kind)))
    assert sorted({word for word in words if word.lower() not in known}) == []
