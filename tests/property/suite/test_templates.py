from __future__ import annotations

import string

from hypothesis import example, given
from hypothesis import strategies as st

from evalharness.core.model import Case, Prompt
from evalharness.suite.jinja_sandbox import JinjaTemplate
from evalharness.suite.template_values import TemplateError
from evalharness.suite.templates import SimpleTemplate, compiled, render_input, render_params

NAMES = st.sampled_from(["question", "b", "_c", "x1"])
VALUES = st.text() | st.integers() | st.booleans() | st.lists(st.text(), max_size=3)
# No brace: what is around the names must not itself be a template.
AROUND = st.text(st.characters(exclude_characters="{}\r", exclude_categories=["Cs"]))


@given(st.lists(AROUND | NAMES.map("{{{{ {} }}}}".format), max_size=6), st.dictionaries(NAMES, VALUES))
def test_the_short_way_and_jinja_give_the_same_text_or_the_same_error(pieces, variables):
    text = "".join(pieces)

    def outcome(make):
        try:
            return make(text).render(variables, lambda path: b"")
        except TemplateError as error:
            return str(error)

    assert outcome(SimpleTemplate) == outcome(JinjaTemplate)


@given(st.text(), st.text(alphabet="{}% #\n" + string.ascii_lowercase))
@example("", "{{ question }}")
def test_values_are_inserted_as_they_are(before, value):
    case = Case(case_id="a", vars={"question": value})
    prompt = Prompt(name="p", template="[{{ question }}]")
    assert render_input(prompt, case, lambda path: b"") == f"[{value}]"


@given(st.text())
def test_the_expectation_reaches_a_grader_as_it_was_written(text):
    case = Case(case_id="a", expected=text, expected_text=text)
    assert render_params({"expected": "{{ expected }}"}, case) == {"expected": text}


@given(st.text(alphabet="{}%#|.()[]'\"~ +-*/<>=!_:,\n0123456789abcdefinrsxo"))
def test_any_template_is_filled_or_refused(text):
    try:
        compiled(text).render({"a": "x", "b": [1], "c": {"d": None}}, lambda path: b"")
    except TemplateError as error:
        assert str(error)
