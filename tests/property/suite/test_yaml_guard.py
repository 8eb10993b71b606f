"""Whatever bytes a suite file holds: a suite, or a ``SuiteError`` with a place. Never another exception."""

from __future__ import annotations

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from evalharness.core.errors import SuiteError
from evalharness.suite import yaml_text
from evalharness.suite.files import template_text
from tests.support.suites import parsed

STARTER = template_text()
PIECES = st.sampled_from(
    (
        *("{", "}", "[", "]", ":", ": ", "- ", "\n", "\n  ", "\t", "&a ", "*a", "!!x ", "|\n", ">-\n", '"', "'", "#"),
        *("%", "---\n", "...\n", "? ", "<<: ", "key", "1.10", "0x", "~", "\\x", "\ud800", "\x00", "\u2028", "\ufeff"),
        *("@", "`"),
    )
)


@given(st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=80))
@example("? ? ? a")
@example("a: |2\n x")
@example("{a: [b, {c: }]}: d")
def test_any_text_is_a_value_or_a_suite_error(text):
    try:
        document = yaml_text.load(text, "f.yaml")
    except SuiteError as error:
        assert len(error.problems) == 1 and error.problems[0].message
        return
    json.dumps(document.value, allow_nan=False)


# YAML looks for the colon of a key within 1024 characters; an escaped character takes up to 12.
KEYS = st.text(max_size=80)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)
# JSON's escapes are YAML's but for the surrogates.
PLAIN_JSON = JSON.filter(lambda value: "\\ud" not in json.dumps(value))


@given(PLAIN_JSON)
def test_every_json_text_is_read_as_json_reads_it(value):
    """``json`` is the reference: YAML 1.2 contains JSON."""
    text = json.dumps({"value": value})
    assert yaml_text.load(text, "f.yaml").value == json.loads(text)


@given(PLAIN_JSON, st.data())
def test_the_place_of_every_value_is_in_the_text(value, data):
    text = json.dumps({"value": value}, indent=1)
    document = yaml_text.load(text, "f.yaml")
    node, path = document.root, ()
    while node.children:
        part = data.draw(st.sampled_from(list(node.children)))
        node, path = node.children[part], (*path, part)
    line, column = document.place(path)
    assert 1 <= line <= text.count("\n") + 1 and column >= 1
    assert text.split("\n")[line - 1][column - 1 :][:1] == json.dumps(node.value)[:1]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_suite_is_read_or_refused_but_never_crashes(data):
    text = STARTER
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text) - 1))
        length = data.draw(st.integers(0, 20))
        text = text[:start] + data.draw(PIECES | st.text(max_size=5)) + text[start + length :]
    try:
        parsed(text)
    except SuiteError as error:
        assert all(problem.message for problem in error.problems)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_suite_with_any_value_anywhere_is_read_or_refused(data):
    """Structure kept, one value replaced by any other JSON: what a person mistypes is rarely broken YAML."""
    tree = yaml_text.load(STARTER, "s.yaml").value
    parent, key, node = None, None, tree
    while isinstance(node, dict | list) and node and (parent is None or data.draw(st.booleans())):
        parent, key = node, data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        node = parent[key]
    parent[key] = data.draw(PLAIN_JSON)
    text = json.dumps(tree)
    try:
        parsed(text)
    except SuiteError as error:
        assert all(problem.message and problem.line == 1 for problem in error.problems)
