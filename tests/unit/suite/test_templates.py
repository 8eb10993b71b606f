from __future__ import annotations

import base64

import pytest

from evalharness.core.model import Case, Prompt
from evalharness.suite import templates
from evalharness.suite.jinja_sandbox import JinjaTemplate
from evalharness.suite.template_values import TemplateError
from evalharness.suite.templates import SimpleTemplate, render_input, render_params

CASE = Case(
    case_id="a",
    vars={
        "question": "3 + 4?",
        "options": ["yes", "no", 7],
        "row": {"items": 5, "_id": 6},
        "nothing": None,
        "flag": True,
        "pi": 3.5,
        "picture": "cat.png",
        "hostile": "{{ question }} {% for x in y %}",
    },
    expected=1.1,
    expected_text="1.10",
)


def render(text, read_bytes=lambda path: b""):
    return render_input(Prompt(name="p", template=text), CASE, read_bytes)


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("no template, not even { one }\n", "no template, not even { one }\n"),
        ("{{ question }}\n", "3 + 4?\n"),
        ("{{question}}{{ pi }}{{ flag }}", "3 + 4?3.5true"),
        ("{{ options }} {{ row }}", '["yes", "no", 7] {"items": 5, "_id": 6}'),
        ("{{ hostile }}", "{{ question }} {% for x in y %}"),
        ("{{ question | upper | replace('?', '!') }}", "3 + 4!"),
        ("{% for o in options %}{{ loop.index }}) {{ o }}\n{% endfor %}", "1) yes\n2) no\n3) 7\n"),
        ("{{ row.items }} {{ row._id }}", "5 6"),
        ("{{ options | join(', ') }}", "yes, no, 7"),
        ("{{ nothing | default('-', true) }}", "-"),
        ("{% if nothing is none %}empty{% endif %}", "empty"),
        ("{% raw %}{{ question }}{% endraw %}", "{{ question }}"),
    ],
)
def test_templates_are_filled_and_data_is_never_a_template(text, rendered):
    assert render(text) == rendered


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ qestion }}", "`qestion` is missing"),
        ("{{ qestion | upper }}", "`qestion` is missing"),
        ("{{ nothing }}", "`nothing` is null"),
        ("{{ nothing | upper }}", "a null goes into the filter"),
        ("{% if x %}{% endif %}", "`x` is missing"),
        ("{{ question.__class__.__mro__ }}", "no attribute '__class__'"),
        ("{{ question['__class__'] }}", "no attribute '__class__'"),
        ("{{ row.items() }}", "calls"),
        ("{{ ''.join(options) }}", "calls"),
        ("{{ 'a' * 1000000000 }}", "`*`"),
        ("{{ '%1000000000d' % 1 }}", "`%`"),
        ("{{ 9 ** 9 ** 9 }}", "`**`"),
        ("{{ 1.5 | round(1000000000) }}", "larger than"),
        ("{% set a = 1 %}", "`set`"),
        ("{% macro f() %}{% endmacro %}", "macros"),
        ("{% include 'x' %}", "Include"),
        ("{% for a in row recursive %}{% endfor %}", "recursive"),
        ("{{ question | attr('x') }}", "No filter"),
        ("{{ lipsum }}", "`lipsum` is missing"),
        ("{{ self }}", "missing"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested too deep"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ options[9] }}", "no element 9"),
    ],
)
def test_what_cannot_be_filled_or_might_run_away_is_an_error(text, message):
    with pytest.raises(TemplateError) as caught:
        render(text)
    assert message in str(caught.value)


def test_nested_loops_end_after_a_fixed_number_of_steps():
    case = Case(case_id="a", vars={"long": list(range(1000))})
    text = "{% for a in long %}{% for b in long %}{% endfor %}{% endfor %}"
    with pytest.raises(TemplateError, match="more than 100000 steps"):
        render_input(Prompt(name="p", template=text), case, lambda path: b"")


def test_replace_cannot_blow_a_text_up():
    case = Case(case_id="a", vars={"long": "a" * 100_000})
    text = "{{ long | replace('a', long) }}"
    with pytest.raises(TemplateError, match="longer than"):
        render_input(Prompt(name="p", template=text), case, lambda path: b"")


def test_input_items_are_rendered_text_by_text_with_files_as_data_urls():
    template = [
        {"role": "developer", "content": "You check your work."},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "{{ question }}"},
                {"type": "input_image", "image_url": "{{ picture | data_url }}", "detail": None},
            ],
        },
    ]
    rendered = render(template, {"cat.png": b"\x89PNG"}.__getitem__)
    assert rendered[0] == template[0]
    assert rendered[1]["content"][0]["text"] == "3 + 4?"
    head, body = rendered[1]["content"][1]["image_url"].split(",")
    assert head == "data:image/png;base64" and base64.b64decode(body) == b"\x89PNG"


def test_a_file_type_nobody_knows_is_an_error():
    with pytest.raises(TemplateError, match="does not know the file type"):
        render("{{ question | data_url }}")


def test_grader_parameters_keep_the_spelling_of_the_expectation():
    assert render_params({"expected": "{{ expected }}", "tolerance": 0}, CASE) == {"expected": "1.10", "tolerance": 0}


def test_a_bare_name_of_a_list_becomes_the_list_in_grader_parameters_only():
    params = {"of": [{"values": "{{ options }}"}], "text": "{{ options }}!"}
    assert render_params(params, CASE) == {"of": [{"values": ["yes", "no", 7]}], "text": '["yes", "no", 7]!'}
    assert render("{{ options }}") == '["yes", "no", 7]'


def test_a_structured_expectation_is_handed_over_whole():
    case = Case(case_id="a", expected={"city": "Rome"}, expected_text='{"city": "Rome"}')
    assert render_params({"expected": "{{ expected }}"}, case) == {"expected": {"city": "Rome"}}


def test_prompts_do_not_see_the_expectation():
    with pytest.raises(TemplateError, match="`expected` is missing"):
        render("{{ expected }}")


def test_a_case_without_expectation_cannot_fill_a_grader():
    with pytest.raises(TemplateError, match="`expected` is missing"):
        render_params({"expected": "{{ expected }}"}, Case(case_id="a"))


def test_a_template_is_compiled_once():
    assert templates.compiled("{{ a | upper }}") is templates.compiled("{{ a | upper }}")


@pytest.mark.parametrize("text", ["{{ question }}\n", "{{ pi }}{{ flag }} {{ options }}", "a {{ row }}\n\n"])
def test_bare_names_are_filled_the_same_with_and_without_jinja(text):
    fast = SimpleTemplate(text).render(CASE.vars, lambda path: b"")
    assert fast == JinjaTemplate(text).render(CASE.vars, lambda path: b"")


def test_characters_of_an_input_are_counted_without_its_files():
    template = [{"role": "user", "content": [{"image_url": "{{ picture | data_url }}"}, {"text": "{{ question }}"}]}]
    assert templates.input_chars(Prompt(name="p", template="{{ question }}"), CASE) == len("3 + 4?")
    assert templates.input_chars(Prompt(name="p", template=template), CASE) < 60
