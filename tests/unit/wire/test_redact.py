from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.wire.redact import redact, without_secrets
from evalharness.wire.settings import CodecSettings
from tests.support.wire_bytes import answer_stream, decode

KEY = "sk-proj-a+b/c=d0123456789"


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        quote(KEY, safe=""),
        KEY.encode().hex(),
        KEY.encode().hex().upper(),
        base64.b64encode(KEY.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(b"user:" + KEY.encode() + b"@host").decode(),
        base64.b64encode(b"Bearer " + KEY.encode()).decode(),
        base64.b64encode(b"ab" + KEY.encode() + b"xyz").decode(),
    ],
    ids=["raw", "url", "hex", "HEX", "base64", "in base64url", "bearer base64", "shifted base64"],
)
def test_no_form_of_the_key_survives(form: str):
    cleaned = redact(f"before {form} after", [KEY])
    assert "[redacted]" in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")
    # Of the base64 forms only the characters that also depend on neighbours may remain.
    assert len(cleaned) < len("before [redacted] after") + 16


def test_whatever_follows_bearer_goes_even_when_the_key_is_not_known():
    assert redact("authorization: Bearer abc.def-123, x", []) == "authorization: Bearer [redacted], x"


def test_ordinary_text_stays():
    assert redact("the answer is 12", [KEY, "", "an"]) == "the answer is 12"


def test_settings_do_not_show_the_secret():
    assert KEY not in repr(CodecSettings(secrets=(KEY,)))


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner))
#: ``repr`` writes the last two otherwise than they are.
KEYS = (KEY, 'sk-it\'s-a-"key"', "sk-back\\slash-é-0123")


@given(trees, st.sampled_from(KEYS), st.text(max_size=5), st.sampled_from(["text", "list", "key", "value"]))
def test_a_key_goes_wherever_it_stands_in_what_a_service_sent(tree, key, around, place):
    said = around + key + around
    sent = {"text": said, "list": [tree, said], "key": {said: tree}, "value": {"a": tree, "b": [{"c": said}]}}[place]
    clean = without_secrets(sent, (key,))
    assert key not in str(clean) and repr(key)[1:-1] not in str(clean)
    assert "[redacted]" in str(clean)


@given(trees)
def test_what_holds_no_key_is_the_same_object(tree):
    for key in KEYS:
        assert without_secrets(tree, (key,)) is tree


def test_a_placeholder_for_a_key_is_left_in_answers():
    assert without_secrets({"text": "none of 1234"}, ("none", "1234")) == {"text": "none of 1234"}


@pytest.mark.parametrize("pieces", [1, 3, 20])
def test_an_answer_that_says_the_key_is_kept_without_it_and_marked(pieces):
    found = decode(answer_stream(f"My key is {KEY}.", pieces=pieces, model=KEY), secrets=[KEY])
    assert found.answer.text == "My key is [redacted]."
    assert (found.answer.model_reported, found.anomalies) == ("[redacted]", ("key_echoed",))
    assert KEY not in repr(found)


def test_an_answer_about_bearer_tokens_stays_as_it_is():
    text = "Send `Authorization: Bearer abc.def-123` with each request."
    assert decode(answer_stream(text), secrets=[KEY]).answer.text == text
