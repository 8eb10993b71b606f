"""Words of two texts that differ, marked: everything is still there, nothing becomes markup, long texts stay short."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.report.text_diff import diff, opening
from evalharness.report.visible import visible

MARK = re.compile(r"</?(?:ins|del)>")
WORDS = st.lists(st.sampled_from(["the", "answer", "is", "4.2", "42", "<b>", "&", "\n", "北京", "."]), max_size=12)


def without_marks(text: str) -> str:
    return unescape(MARK.sub("", text))


@pytest.mark.parametrize(
    ("before", "after", "deleted", "inserted"),
    [
        ("The answer is 41.", "The answer is 42.", ["41"], ["42"]),
        ("It costs 1,000.50 now", "It costs 1,000.51 now", ["1,000.50"], ["1,000.51"]),
        ("one two three", "one three", ["two"], []),
        ("", "new", [], ["new"]),
        ("billing", "Technical", ["billing"], ["Technical"]),
        ("a, b, c", "x, y, c", ["a, b"], ["x, y"]),  # a comma between two changes is not held against them
        ("我们去北京。", "我们去上海。", ["北京"], ["上海"]),
        ("नमस्ते दुनिया", "नमस्ते भारत", ["दुनिया"], ["भारत"]),
        ("سلام دنیا", "سلام جهان", ["دنیا"], ["جهان"]),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467 ok", "\U0001f468\u200d\U0001f469\u200d\U0001f466 ok",
         ["\U0001f468\u200d\U0001f469\u200d\U0001f467"], ["\U0001f468\u200d\U0001f469\u200d\U0001f466"]),
    ],
)  # fmt: skip
def test_the_words_that_differ_are_marked_and_no_others(before, after, deleted, inserted):
    found = diff(before, after)
    assert re.findall(r"<del>(.*?)</del>", found.before, re.S) == deleted
    assert re.findall(r"<ins>(.*?)</ins>", found.after, re.S) == inserted
    assert found.note == ""


@given(WORDS, WORDS)
def test_nothing_is_lost_and_what_is_not_marked_is_the_same_in_both(before, after):
    old, new = " ".join(before), " ".join(after)
    found = diff(old, new)
    assert without_marks(found.before) == old
    assert without_marks(found.after) == new
    if not found.note:
        kept = [re.sub(r"<(ins|del)>.*?</\1>", "", text, flags=re.S) for text in (found.before, found.after)]
        assert kept[0].split() == kept[1].split()


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_comes_back_as_visible_text_and_never_as_markup(before, after):
    found = diff(before, after)
    for text, shown in ((before, found.before), (after, found.after)):
        assert without_marks(shown) == visible(text)
        assert "<" not in MARK.sub("", shown)


@pytest.mark.parametrize(
    ("before", "after", "note"),
    [
        ("a b", "a b", "Both texts are the same."),
        ("a b", "a\n b ", "The texts differ in white space alone."),
        ("x" * 20_001, "y", "Too long to be compared word by word."),
        ("a b " * 1000, "b c " * 1000, "Too many words are repeated for the texts to be compared word by word."),
        (
            " ".join(f"a{n}" for n in range(30)),
            " ".join(f"b{n}" for n in range(30)),
            "The texts have few words in common, so none are marked.",
        ),
    ],
)
def test_where_nothing_is_marked_the_reader_is_told_why(before, after, note):
    found = diff(before, after)
    assert found.note == note
    assert not MARK.search(found.before + found.after)
    assert without_marks(found.before) == before


def test_of_long_texts_the_change_is_shown_and_the_rest_counted():
    words = [f"w{n}" for n in range(400)]
    found = diff(" ".join([*words, "right", *words]), " ".join([*words, "wrong", *words]), longest=500)
    assert "<del>right</del>" in found.before
    assert "<ins>wrong</ins>" in found.after
    # 400 words on either side and the blank before the first; 12 stay next to the change.
    assert found.before.count("the same in both") == 2
    assert "388 words the same in both" in found.before
    assert len(found.before) < 500


def test_a_long_text_is_cut_inside_a_change_and_says_so():
    found = diff("one", "two " + "x" * 5_000, longest=100)
    assert found.after.endswith("<small> … the rest is left out … </small>")
    assert len(found.after) < 200
    assert opening("<" * 30, 10) == "&lt;" * 10 + "<small> … 20 more characters … </small>"
