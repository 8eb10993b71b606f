"""Word problems of a closed set of phrases, solved as one running amount from left to right.

``N`` and ``M`` are numbers in digits or the words two to twelve; between a verb and its number up to three words may
stand ("gives her brother 5"). The phrases, in any order and number:

========  ============================================================================================================
start     "has N", "there are N", "starts with N", "holds N" ...; the first amount of a text is its start anyway
product   "N apples at M dollars each", "N boxes of M pens each", "N boxes with M pens in each", "N pages a day for M
          days", "N km per hour for M hours": worked out first, then used like a number
plus      "buys N", "finds N", "gets N", "adds N", "wins N", "earns N", "receives N", "saves N", "N more join" ...
minus     "gives N", "gives away N", "sells N", "loses N", "eats N", "uses N", "spends N", "breaks N", "N leave" ...;
          "buys N books at M dollars each" and "buys a hat for N dollars", when there is an amount already
times     "doubles", "triples", "twice as many", "N times as many"
divide    "shares them among N", "splits it between N", "packs them into bags of N", "half"
percent   "N% discount", "N% off", "N% tip", "N% tax"
and       "and N" repeats what was done before; so does a verb that is the same as the first of the text
========  ============================================================================================================

A text is understood only if a phrase used every number in it: a wrong guess would be a wrong truth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction

from evalharness.simulator.arithmetic import Step, apply

_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_WORD_VALUES = {word: value for value, word in enumerate(_WORDS, start=2)}
_NUMBER_WORD = re.compile(r"\b(?:" + "|".join(_WORD_VALUES) + r")\b", re.IGNORECASE)

#: A number, or ``@k``: the product that was worked out k-th.
_N = r"\$?(?<![\d.@])(@?\d{1,12}(?:\.\d{1,6})?)(?!\d)"
_GAP = r"(?:\s+[a-z']+){0,3}?\s+"
_THINGS = r"(?:[a-z]+\s+){1,3}?"
_MONEY = r"(?:dollars?|euros?|cents?|pounds?)"
_HAVE = r"has|have|had|there (?:are|were)|starts? with|begins? with|holds?|owns?|contains?|carries|keeps?|seats?|costs?"
_PLUS = (
    r"buys?|gets?|finds?|receives?|adds?|wins?|earns?|picks?|bakes?|makes?|collects?|saves?|gains?|plants?|scores?|"
    r"reads?|brings?|grows?"
)
_MINUS = (
    r"gives?|sells?|loses?|eats?|uses?|spends?|breaks?|returns?|pays?|drops?|donates?|throws? away|takes? off|removes?|"
    r"drinks?|lends?|hands? out"
)
_ARRIVE = r"get on|board|arrive|join|come|fly in|are added"
_LEAVE = r"get off|leave|go home|are sold|are eaten|are broken|are lost|fly away|break|wilt|melt"
_SPLIT = r"shares?|splits?|divides?|packs?|puts?|are shared|are split|are packed"

_PRODUCTS = tuple(
    (name, re.compile(form, re.IGNORECASE))
    for name, form in (
        ("price", rf"{_N} {_THINGS}(?:at|for) {_N}(?: {_MONEY})? (?:each|apiece)\b"),
        ("groups", rf"{_N} {_THINGS}(?:of|with|holding) {_N} (?:[a-z]+ ){{0,2}}(?:in )?each\b"),
        ("rate", rf"{_N} {_THINGS}(?:an?|per|each|every) [a-z]+ for {_N} [a-z]+"),
    )
)
_PHRASES = tuple(
    (name, re.compile(form, re.IGNORECASE))
    for name, form in (
        ("percent_off", rf"{_N} ?(?:%|percent) (?:discount|off)\b"),
        ("percent_on", rf"{_N} ?(?:%|percent) (?:tip|tax)\b"),
        ("times", rf"{_N} times as (?:many|much)\b"),
        ("double", r"\b(?:doubles?|twice as (?:many|much))\b"),
        ("triple", r"\btriples?\b"),
        ("divide", rf"\b(?:{_SPLIT})\b[^.?!\d@]*?\b(?:among|between|into|of|in|by)(?: the)? {_N}\b"),
        ("half", r"\bhalf\b"),
        ("arrive", rf"{_N} (?:[a-z]+ ){{0,3}}?(?:{_ARRIVE})\b"),
        ("leave", rf"{_N} (?:[a-z]+ ){{0,3}}?(?:{_LEAVE})\b"),
        ("buy_for", rf"\b(?:buys?)(?:\s+[a-z']+){{1,3}}? for {_N} {_MONEY}\b"),
        ("minus", rf"\b({_MINUS})\b{_GAP}{_N}\b"),
        ("plus", rf"\b({_PLUS})\b{_GAP}{_N}\b"),
        ("start", rf"\b(?:{_HAVE})\b{_GAP}{_N}\b"),
        ("again", rf"\band(?: another)? {_N}\b"),
        ("bare", rf"(?<![\w.]){_N}\b"),
    )
)
_FACTORS = {"double": ("*", 2), "triple": ("*", 3), "half": ("/", 2)}


def solve_story(text: str) -> tuple[Step, ...] | None:
    """The steps of a word problem, the last with the result; None where the text is not understood."""
    if "@" in text:
        return None
    text = _NUMBER_WORD.sub(lambda word: str(_WORD_VALUES[word.group().lower()]), text)
    story = _Story()
    text = _replace_products(re.sub(r"(?<=\d),(?=\d{3}\b)", "", text), story)
    position = 0
    try:
        while (found := _next_phrase(text, position)) is not None:
            name, match = found
            if not story.tell(name, match):
                return None
            position = match.end()
    except ZeroDivisionError:
        return None
    return tuple(story.steps) if story.steps else None


def _replace_products(text: str, story: _Story) -> str:
    for name, form in _PRODUCTS:
        text = form.sub(lambda match, name=name: story.product(name, match), text)  # type: ignore[misc]
    return text


def _next_phrase(text: str, position: int) -> tuple[str, re.Match[str]] | None:
    """The phrase with the first number (or, without one, the first place); of several, the first of the table."""
    found = [(name, match) for name, form in _PHRASES if (match := form.search(text, position)) is not None]
    return min(found, key=lambda pair: pair[1].start(pair[1].re.groups)) if found else None


@dataclass(slots=True)
class _Story:
    """What has been told so far: the amount, the last sign, the first verb."""

    amount: Fraction | None = None
    sign: str = "+"
    first_verb: str = ""
    steps: list[Step] = field(default_factory=list)
    products: list[tuple[str, Step]] = field(default_factory=list)

    def product(self, name: str, match: re.Match[str]) -> str:
        step = apply(Fraction(match.group(1)), "*", Fraction(match.group(2)))
        self.products.append((name, step))
        return f"@{len(self.products) - 1}"

    def tell(self, name: str, match: re.Match[str]) -> bool:
        """Apply one phrase; False where it makes no sense here."""
        if name in _FACTORS:
            operator, factor = _FACTORS[name]
            return self._do(operator, Fraction(factor))
        number, is_price = self._number(match.groups()[-1])
        if name in ("percent_off", "percent_on"):
            return self._do("*", 1 + number / 100 * (-1 if name == "percent_off" else 1))
        if name in ("times", "divide"):
            return self._do("*" if name == "times" else "/", number)
        if name == "bare" and not match.group(1).startswith("@"):
            return False
        if self.amount is None:
            self.amount = number
            self.first_verb = match.group(1).lower() if name in ("minus", "plus") else ""
            return True
        if name == "start":
            return False
        if name != "again":
            self.sign = self._sign(name, match, is_price)
        return self._do(self.sign, number)

    def _sign(self, name: str, match: re.Match[str], is_price: bool) -> str:
        if name in ("minus", "plus") and match.group(1).lower() == self.first_verb:
            return "+"
        if name in ("minus", "leave", "buy_for") or (name == "plus" and is_price):
            return "-"
        return "+"

    def _number(self, text: str) -> tuple[Fraction, bool]:
        if not text.startswith("@"):
            return Fraction(text), False
        name, step = self.products[int(text[1:])]
        self.steps.append(step)
        return step.value, name == "price"

    def _do(self, operator: str, number: Fraction) -> bool:
        if self.amount is None:
            return False
        self.steps.append(apply(self.amount, operator, number))
        self.amount = self.steps[-1].value
        return True
