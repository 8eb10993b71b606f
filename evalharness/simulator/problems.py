"""Finds the problem in a prompt and works out its right answer from the text alone.

Understood are arithmetic expressions (``arithmetic.py``), word problems of the phrases in ``word_problems.py``,
capitals of some countries, and each of these as a multiple choice with lettered options, one a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from evalharness.simulator.arithmetic import Step, find_expression, number_text, work_out
from evalharness.simulator.draws import digest
from evalharness.simulator.word_problems import solve_story

_CAPITALS = {
    "australia": "Canberra", "austria": "Vienna", "brazil": "Brasília", "canada": "Ottawa", "egypt": "Cairo",
    "finland": "Helsinki", "france": "Paris", "germany": "Berlin", "greece": "Athens", "india": "New Delhi",
    "ireland": "Dublin", "italy": "Rome", "japan": "Tokyo", "kenya": "Nairobi", "norway": "Oslo", "peru": "Lima",
    "poland": "Warsaw", "portugal": "Lisbon", "spain": "Madrid", "turkey": "Ankara",
}  # fmt: skip
_CAPITAL_OF = re.compile(r"\bcapital(?: city)? of (?:the )?([A-Za-z]+)", re.IGNORECASE)
_OPTION = re.compile(r"^\s*\(?([A-J])[).:]\s+(.+?)\s*$", re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<=[.?!\n])")
_INSTRUCTION = re.compile(
    r"\b(?:give|reply|respond|answer|write|return|show|explain|say|think|work|end|finish|state|let)\b", re.IGNORECASE
)
_MAX_CHARACTERS = 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem that was understood.

    ``key`` identifies it whatever instructions stand around it. ``wrong`` are the plausible mistakes, of which a wrong
    answer takes each with the same probability.
    """

    key: str
    answer: str
    wrong: tuple[str, ...]
    complexity: float
    steps: tuple[str, ...] = ()


def find_problem(text: str) -> Problem | None:
    """The problem of a prompt, None where nothing in it is understood. Of a very long prompt the end is read."""
    return _find_problem(text[-_MAX_CHARACTERS:])


@lru_cache(maxsize=4096)
def _find_problem(text: str) -> Problem | None:
    options = _OPTION.findall(text)
    if len(options) < 2:
        return _open_problem(text)
    stem = _OPTION.sub("", text)
    problem = _open_problem(stem)
    return None if problem is None else _choice(problem, options)


def problem_key(text: str) -> str:
    """Identifies a problem: the hash of its text without differences of spacing and case."""
    return digest(" ".join(text.lower().split())).hex()


def _open_problem(text: str) -> Problem | None:
    capital = _CAPITAL_OF.search(text)
    if capital is not None and capital.group(1).lower() in _CAPITALS:
        return _capital(capital.group(1).lower())
    expression = find_expression(text)
    try:
        steps = work_out(expression) if expression is not None else None
    except (ValueError, ZeroDivisionError):
        return None
    if steps is not None:
        return _number_problem(str(expression).replace(" ", ""), steps)
    story = story_text(text)
    steps = solve_story(story)
    return None if steps is None else _number_problem(story, steps)


def story_text(text: str) -> str:
    """A prompt without the sentences that say how to answer."""
    question_end = text.rfind("?")
    if question_end >= 0:
        return text[: question_end + 1].strip()
    told = (sentence for sentence in _SENTENCE_END.split(text) if not _INSTRUCTION.search(sentence))
    return "".join(told).strip()


def _number_problem(text: str, steps: tuple[Step, ...]) -> Problem:
    return Problem(
        key=problem_key(text),
        answer=number_text(steps[-1].value),
        wrong=mistakes(steps),
        complexity=sum(step.complexity for step in steps),
        steps=tuple(map(str, steps)),
    )


def _capital(country: str) -> Problem:
    answer = _CAPITALS[country]
    others = [city for city in _CAPITALS.values() if city != answer]
    start = digest(country)[0]
    wrong = tuple(others[(start + offset) % len(others)] for offset in range(3))
    return Problem(key=problem_key(f"capital of {country}"), answer=answer, wrong=wrong, complexity=1.0)


def _choice(problem: Problem, options: list[tuple[str, str]]) -> Problem | None:
    """The same problem answered by a letter; None where no option is the answer."""
    letters = [letter for letter, option in options if _same(option, problem.answer)]
    others = tuple(letter for letter, option in options if not _same(option, problem.answer))
    if len(letters) != 1 or not others:
        return None
    key = problem_key(problem.key + "".join(option for _, option in options))
    return replace(problem, key=key, answer=letters[0], wrong=others)


def _same(option: str, answer: str) -> bool:
    number = option.replace(",", "").strip(" $.")
    return number.casefold() == answer.casefold() or number.split(" ")[0] == answer


def mistakes(steps: tuple[Step, ...]) -> tuple[str, ...]:
    """Plausible wrong results, all different from the right one: off by one, a lost carry, swapped digits, the last
    operation done the wrong way."""
    right = steps[-1].value
    candidates = [right + 1, right - 1, right + 10, right - 10]
    digits = str(abs(right.numerator)) if right.denominator == 1 else ""
    for place in range(len(digits) - 1):
        swapped = digits[:place] + digits[place + 1] + digits[place] + digits[place + 2 :]
        candidates.append(Fraction(int(swapped)) * (-1 if right < 0 else 1))
    last = steps[-1]
    candidates += [last.left + last.right, last.left - last.right, last.left * last.right]
    answer = number_text(right)
    fits = (number_text(wrong) for wrong in candidates if wrong >= 0 or right <= 0)
    return tuple(dict.fromkeys(text for text in fits if text != answer))
