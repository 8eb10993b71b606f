"""Two texts word by word: what only the first has, and what only the second has, as markup made on the server."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from markupsafe import Markup, escape

from evalharness.report import numbers
from evalharness.report.visible import visible

_PUNCTUATION = r"!-/:-@\[-`{-~"
# Scripts written without spaces between words: one character is one word there, with the marks that follow it.
_IDEOGRAPHS = "\u3041-\u3096\u309d-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_MARKS = "\u3099\u309a\ufe00-\ufe0f\U000e0100-\U000e01ef"
_TOKEN = re.compile(
    rf"(?P<word>\d+(?:[.,:]\d+)*|[{_IDEOGRAPHS}][{_MARKS}]*|[^\s{_PUNCTUATION}{_IDEOGRAPHS}]+|.)(?P<space>\s*)", re.S
)
_HAS_LETTER = re.compile(rf"[^\s{_PUNCTUATION}]")
#: Beyond these no words are compared: characters of a text, and pairs of equal words that would have to be looked at.
_LONGEST = 20_000
_MOST_PAIRS = 100_000
#: Of two texts this long that share fewer of their words than this, marks would show nothing but noise.
_FEW_WORDS = 20
_LEAST_SHARED = 0.25
#: Words kept on either side of a change where a long text is shortened.
_AROUND = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """``before`` with ``<del>``, ``after`` with ``<ins>``; ``note``: a sentence where nothing is marked, else empty."""

    before: Markup
    after: Markup
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    word: str
    space: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Neighbouring tokens that are all alike in both texts, or all not."""

    tokens: Sequence[_Token]
    changed: bool


def diff(before: str, after: str, *, longest: int | None = None) -> Diff:
    """Words that differ, marked. Neither text is trusted: both are made visible and escaped.

    White space is shown as it is and not compared. ``longest``: characters shown of each; of a longer text the words
    around changes are kept and the stretches between them counted. Texts too long or too different to be compared are
    shown without marks.
    """
    before, after = visible(before), visible(after)
    note, runs = _compared(before, after)
    if runs is None:
        return Diff(before=opening(before, longest), after=opening(after, longest), note=note)
    old, new = runs
    return Diff(
        before=_marked(old, Markup("del"), longest, len(before)),
        after=_marked(new, Markup("ins"), longest, len(after)),
    )


def opening(text: str, longest: int | None = None) -> Markup:
    """The text, visible and escaped; of a longer one its first ``longest`` characters and how many follow."""
    text = visible(text)
    if longest is None or len(text) <= longest:
        return escape(text)
    return escape(text[:longest]) + _left_out(numbers.plural(len(text) - longest, "more character"))


def _compared(before: str, after: str) -> tuple[str, tuple[list[_Run], list[_Run]] | None]:
    if before == after:
        return "Both texts are the same.", None
    if max(len(before), len(after)) > _LONGEST:
        return "Too long to be compared word by word.", None
    old, new = _tokens(before), _tokens(after)
    start, end = _alike_at_the_ends(old, new)
    inner_old, inner_new = old[start : len(old) - end], new[start : len(new) - end]
    if not inner_old and not inner_new:
        return "The texts differ in white space alone.", None
    if _pairs(inner_old, inner_new) > _MOST_PAIRS:
        return "Too many words are repeated for the texts to be compared word by word.", None
    matched = SequenceMatcher(
        None, [token.word for token in inner_old], [token.word for token in inner_new], autojunk=False
    ).get_opcodes()
    shared = start + end + sum(a_end - a for kind, a, a_end, _, _ in matched if kind == "equal")
    n_words = max(len(old), len(new))
    if n_words >= _FEW_WORDS and shared < _LEAST_SHARED * n_words:
        return "The texts have few words in common, so none are marked.", None
    spans = [
        (0, start, 0, start, False),
        *(
            (a + start, a_end + start, b + start, b_end + start, kind != "equal" or _is_noise(inner_old[a:a_end]))
            for kind, a, a_end, b, b_end in matched
        ),
        (len(old) - end, len(old), len(new) - end, len(new), False),
    ]
    return "", (
        _joined([(old[a:a_end], changed) for a, a_end, _, _, changed in spans]),
        _joined([(new[b:b_end], changed) for _, _, b, b_end, changed in spans]),
    )


def _tokens(text: str) -> list[_Token]:
    """White space before the first word is a token without a word."""
    lead = text[: len(text) - len(text.lstrip())]
    found = [_Token(word=each["word"], space=each["space"]) for each in _TOKEN.finditer(text, len(lead))]
    return [_Token(word="", space=lead), *found]


def _alike_at_the_ends(old: Sequence[_Token], new: Sequence[_Token]) -> tuple[int, int]:
    """How many words both begin with, and how many of the rest they end with."""
    most = min(len(old), len(new))
    start = next((place for place in range(most) if old[place].word != new[place].word), most)
    left = most - start
    end = next((place for place in range(left) if old[-1 - place].word != new[-1 - place].word), left)
    return start, end


def _pairs(old: Sequence[_Token], new: Sequence[_Token]) -> int:
    """Pairs of equal words: what one pass of the matcher looks at."""
    counts = Counter(token.word for token in new)
    return sum(counts[token.word] for token in old)


def _is_noise(tokens: Sequence[_Token]) -> bool:
    """A comma between two changes is no word that both texts share."""
    return not any(_HAS_LETTER.search(token.word) for token in tokens)


def _joined(spans: Sequence[tuple[Sequence[_Token], bool]]) -> list[_Run]:
    runs: list[_Run] = []
    for tokens, changed in spans:
        if not tokens:
            continue
        if runs and runs[-1].changed is changed:
            tokens = [*runs.pop().tokens, *tokens]
        runs.append(_Run(tokens=tokens, changed=changed))
    return runs


def _marked(runs: Sequence[_Run], mark: Markup, longest: int | None, length: int) -> Markup:
    whole = longest is None or length <= longest
    left = length if longest is None or whole else longest
    shown = Markup("")
    for place, run in enumerate(runs):
        for text, is_said in _parts(run, is_first=place == 0, is_last=place == len(runs) - 1, whole=whole):
            if is_said:
                shown += _left_out(text)
                continue
            body = text[:left]
            left -= len(body)
            words = body.rstrip()
            space = body[len(words) :]
            shown += Markup("<{0}>{1}</{0}>{2}").format(mark, words, space) if run.changed and words else escape(body)
            if len(body) < len(text):
                return shown + _left_out("the rest is left out")
    return shown


def _parts(run: _Run, *, is_first: bool, is_last: bool, whole: bool) -> Iterator[tuple[str, bool]]:
    """Texts to show and, True, what is said in place of a stretch that is the same in both."""
    tokens = run.tokens
    head, tail = (0 if is_first else _AROUND), (0 if is_last else _AROUND)
    hidden = len(tokens) - head - tail
    if whole or run.changed or hidden <= _AROUND:
        yield _text(tokens), False
        return
    yield _text(tokens[:head]), False
    yield f"{numbers.plural(hidden, 'word')} the same in both", True
    yield _text(tokens[len(tokens) - tail :]), False


def _text(tokens: Sequence[_Token]) -> str:
    return "".join(token.word + token.space for token in tokens)


def _left_out(what: str) -> Markup:
    return Markup("<small> … {} … </small>").format(what)
