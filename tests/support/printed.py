"""What a report may never print: patterns over its text, each with the reason.

``offences(text)`` is empty for text that keeps to the words of the project. Text is what a reader sees: a terminal's
lines, Markdown with its escapes undone, a page without its markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

NUMBER = r"\d[\d,]*(?:\.\d+)?"
SIGN = "[+−-]"
OVER_100 = r"(?<![\d.,])(?:[2-9]\d\d|1[1-9]\d|10[1-9]|\d{4,})(?:\.\d+)?"
UNIT = r"(?: ?(?:ms|s|%|points?|tokens|calls))?"

NEVER: dict[str, re.Pattern[str]] = {
    # ------------------------------------------------ values that are none
    "not a number": re.compile(r"\bnan\b|\binf(inity)?\b|∞", re.I),
    "a name of Python": re.compile(r"\bNone\b|\bnull\b|np\.|float64|\barray\(|<\w+\.\w+ |\bEstimate\("),
    "an exponent": re.compile(r"(?<![\w.\-])\d(?:\.\d+)?[eE][+-]?\d{1,3}(?!\w)"),
    "a negative nothing": re.compile(rf"(?<!\w){SIGN}\$?0(?:\.0+)?(?!\d|[.,]\d)(?! ?[-–])"),
    "a hyphen for a minus": re.compile(r"(?<![\w\-–.:/])-\d"),
    # ------------------------------------------------ intervals
    "plus-minus": re.compile(r"±|\+/-|\+-"),
    "an interval without width": re.compile(rf"(?<![\d.,])({SIGN}?\$?{NUMBER}){UNIT} to \$?\1{UNIT}(?!\d|[.,]\d)"),
    "an interval without ends": re.compile(r"\bCI\s*\)\s*\d|\(\s*to\b|\bto\s*\)|\bCI\s+to\b|\(\s*\)"),
    "no error": re.compile(r"\bs\.?e\.?\s*[=:]?\s*0\b|standard error (?:of )?0\b", re.I),
    "a p of 0": re.compile(r"\bp\s*[=<]\s*0(?:\.0*)?(?!\d|\.\d)"),
    "a p above 1": re.compile(r"\bp\s*=\s*(?:1\.0*[1-9]|[2-9])"),
    # ------------------------------------------------ limits outside what there is
    "a share above 100%": re.compile(rf"{OVER_100}% (?:right|\(95% CI)"),
    "a negative share": re.compile(r"−\d[\d.]*%"),
    "more than 100 points": re.compile(rf"{OVER_100} points?\b"),
    "a negative time": re.compile(rf"−{NUMBER} ?(?:ms|s)\b"),
    "a negative ratio": re.compile(rf"−{NUMBER}×"),
    # ------------------------------------------------ words
    "significant": re.compile(r"\b(?:in)?significan(?:t|ce|tly)\b", re.I),
    "proof": re.compile(r"\bprove[sdn]?\b", re.I),
    "no difference": re.compile(r"\bno difference\b|\bnot different\b|\bidentical (?:quality|score)", re.I),
    "equivalent": re.compile(r"\bequivalent\b(?! within)", re.I),
    "outperforms": re.compile(r"\boutperform|\bbeats?\b|\bwins over\b", re.I),
    "trend": re.compile(r"\btrend(?:s|ing)?\b", re.I),
    "best": re.compile(r"\bthe best\b|\bbest (?:arm|effort|model)\b", re.I),
    "power after the fact": re.compile(r"\b(?:observed|post.?hoc|achieved) power\b", re.I),
    "a sign beside a word of direction": re.compile(
        rf"[+−]\$?{NUMBER}{UNIT} (?:more|less|higher|lower|better|worse|faster|slower|longer|shorter|cheaper|"
        rf"dearer)\b|\b(?:rose|fell|grew|higher|lower|more|less|faster|slower) by [+−]",
        re.I,
    ),
    "one of several": re.compile(r"(?<![\d.,/])1 (?:cases|calls|trials|points|repeats|arms|pairs|comparisons|steps)\b"),
}  # fmt: skip

#: Digits that no interval of this project supports. A limit has the decimals of its point, however far it is.
_TOO_EXACT = re.compile(r"(?<!to )(?<![\w.,\-:/])\$?(\d[\d,]*\.\d+)(?![\w:/]|\.\w|\s*·)")
_MOST_DIGITS = 5


def offences(text: str) -> list[str]:
    """Each with its reason and its surroundings."""
    found = [_told(reason, text, match) for reason, pattern in NEVER.items() for match in pattern.finditer(text)]
    return [*found, *(_told("more digits than an interval supports", text, match) for match in _too_exact(text))]


def _too_exact(text: str) -> Iterator[re.Match[str]]:
    for match in _TOO_EXACT.finditer(text):
        digits = re.sub(r"\D", "", match.group(1)).lstrip("0")
        if len(digits) > _MOST_DIGITS:
            yield match


def _told(reason: str, text: str, match: re.Match[str]) -> str:
    start, end = match.span()
    return f"{reason}: …{text[max(0, start - 60) : end + 40]}…"
