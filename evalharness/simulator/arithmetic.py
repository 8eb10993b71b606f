"""Exact arithmetic on what a person would type: ``17 * (23 - 4)``, ``1,200 / 8``, ``15% of 80``, ``3 plus 4``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

# All repetitions are bounded: a prompt of 20,000 digits or brackets must not cost more than a normal one.
_NUMBER = r"(?<![\d.])(?:\d{1,3}(?:,\d{3}){1,4}|\d{1,15})(?:\.\d{1,6})?(?!\d)"
_TOKEN = re.compile(rf"({_NUMBER})|([-+*/()%])|\s+")
# An expression starts with a number, a sign or a bracket, and holds at least one operator between two operands.
_OPERAND = rf"(?:[-(]\s{{0,3}}){{0,6}}(?:{_NUMBER})(?:\s{{0,3}}\)){{0,6}}"
_EXPRESSION = re.compile(rf"(?<![\w.]){_OPERAND}(?:\s{{0,3}}[-+*/]\s{{0,3}}{_OPERAND})+(?![\w])")
_MAX_OPERATIONS = 60

_SIGNS = (("×", "*"), ("·", "*"), ("÷", "/"), ("−", "-"), ("–", "-"))
_WORDS = (
    (re.compile(rf"({_NUMBER})\s*(?:%|percent)\s+of\s+({_NUMBER})"), r"(\1 / 100 * \2)"),
    (re.compile(rf"\bsum of ({_NUMBER}) and ({_NUMBER})"), r"(\1 + \2)"),
    (re.compile(rf"\bproduct of ({_NUMBER}) and ({_NUMBER})"), r"(\1 * \2)"),
    (re.compile(rf"\bdifference between ({_NUMBER}) and ({_NUMBER})"), r"(\1 - \2)"),
    (re.compile(r"(?<=[\d)])\s+plus\s+(?=[-(\d])"), " + "),
    (re.compile(r"(?<=[\d)])\s+minus\s+(?=[-(\d])"), " - "),
    (re.compile(r"(?<=[\d)])\s+(?:times|multiplied by|x)\s+(?=[-(\d])"), " * "),
    (re.compile(r"(?<=\d)x(?=\d)"), "*"),
    (re.compile(r"(?<=[\d)])\s+(?:divided by|over)\s+(?=[-(\d])"), " / "),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One operation as it is worked out: ``12 * 3 = 36``."""

    left: Fraction
    operator: str
    right: Fraction
    value: Fraction

    def __str__(self) -> str:
        return f"{number_text(self.left)} {self.operator} {number_text(self.right)} = {number_text(self.value)}"

    @property
    def complexity(self) -> float:
        """1 for a sum of one-digit numbers; more for a product and for each further digit of the longer number."""
        digits = max(len(str(abs(int(side)))) for side in (self.left, self.right))
        return (1.0 if self.operator in "+-" else 1.5) + 0.5 * (digits - 1)


def number_text(value: Fraction) -> str:
    """Integers without a point, other numbers rounded to two decimals."""
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):.2f}".rstrip("0").rstrip(".")


def find_expression(text: str) -> str | None:
    """The longest arithmetic expression in ``text``, in plain signs; None where there is none."""
    for written, plain in _SIGNS:
        text = text.replace(written, plain)
    for pattern, plain in _WORDS:
        text = pattern.sub(plain, text)
    found = [match.group().strip() for match in _EXPRESSION.finditer(text)]
    return max(found, key=len) if found else None


def work_out(expression: str) -> tuple[Step, ...]:
    """The steps of an expression in the order of evaluation; the last one has the result.

    Raises ``ValueError`` for what is no expression, ``ZeroDivisionError`` for a division by zero.
    """
    tokens = [match.group(1) or match.group(2) for match in _tokens(expression) if match.group().strip()]
    if sum(token in "+-*/" for token in tokens) > _MAX_OPERATIONS:
        raise ValueError("too many operations")
    reader = _Reader(tokens)
    reader.sum()
    if reader.position != len(tokens):
        raise ValueError(f"unexpected {tokens[reader.position]!r} in {expression!r}")
    return tuple(reader.steps)


def _tokens(expression: str) -> Iterator[re.Match[str]]:
    position = 0
    while position < len(expression):
        match = _TOKEN.match(expression, position)
        if match is None:
            raise ValueError(f"no arithmetic: {expression[position:]!r}")
        yield match
        position = match.end()


class _Reader:
    """Recursive descent: a sum of products of signed operands."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.position = 0
        self.steps: list[Step] = []

    def _next(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def sum(self) -> Fraction:
        value = self._product()
        while self._next() in ("+", "-"):
            value = self._step(value, self._take(), self._product())
        return value

    def _product(self) -> Fraction:
        value = self._operand()
        while self._next() in ("*", "/"):
            value = self._step(value, self._take(), self._operand())
        return value

    def _operand(self) -> Fraction:
        token = self._take()
        if token == "-":
            return -self._operand()
        if token == "(":
            value = self.sum()
            if self._take() != ")":
                raise ValueError("a bracket is not closed")
            return value
        if not token or not token[0].isdigit():
            raise ValueError(f"a number is missing before {token!r}")
        return Fraction(token.replace(",", ""))

    def _take(self) -> str:
        token = self._next()
        self.position += 1
        return token

    def _step(self, left: Fraction, operator: str, right: Fraction) -> Fraction:
        step = apply(left, operator, right)
        self.steps.append(step)
        return step.value


def apply(left: Fraction, operator: str, right: Fraction) -> Step:
    """One operation. Raises ``ZeroDivisionError``."""
    if operator == "+":
        value = left + right
    elif operator == "-":
        value = left - right
    elif operator == "*":
        value = left * right
    else:
        value = left / right
    return Step(left=left, operator=operator, right=right, value=value)
