from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evalharness.core.errors import SuiteError, UsageError
from evalharness.core.model import Case, GraderSpec, Status
from evalharness.core.ports import Transcript
from evalharness.suite.files import ReadSettings, grader_of, read_suite, reader_of, template_text
from evalharness.suite.ports import UnreadableFileError
from tests.support.runs import make_run
from tests.support.suites import HEAD, ONE_CASE

SHIPPED = Path(__file__).parents[3] / "suites"
ROW = '{"id": "a", "vars": {"question": "q"}, "expected": "x"}\n'


@pytest.fixture
def suite(tmp_path):
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "outside.jsonl").write_text(ROW)
    (folder / "suite.yaml").write_text(HEAD + "cases:\n  - {file: FILE}\n")
    return folder / "suite.yaml"


def naming(suite: Path, file: str) -> Path:
    suite.write_text(suite.read_text().replace("FILE", f'"{file}"'))
    return suite


def test_the_text_read_and_the_path_come_back_with_the_suite(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + (HEAD + ONE_CASE).replace("\n", "\r\n").encode())
    loaded = read_suite(path)
    assert loaded.path == path and loaded.text.startswith("suite: made-up\r\n") and loaded.warnings == ()
    assert loaded.suite.name == "made-up"


@pytest.mark.parametrize("file", ["../outside.jsonl", "data/../../outside.jsonl", "link.jsonl"])
def test_a_file_outside_the_suites_folder_is_refused_links_followed(suite, file):
    (suite.parent / "link.jsonl").symlink_to(suite.parent.parent / "outside.jsonl")
    (suite.parent / "data").mkdir()
    with pytest.raises(SuiteError, match="lies outside the suite's folder"):
        read_suite(naming(suite, file))
    settings = ReadSettings(allow_outside=True)
    assert [case.case_id for case in read_suite(suite, settings=settings).suite.cases] == ["a"]


def test_an_absolute_path_is_outside_too(suite):
    with pytest.raises(SuiteError, match="lies outside"):
        read_suite(naming(suite, str(suite.parent.parent / "outside.jsonl")))


def test_a_suite_reached_through_a_link_reads_beside_the_file_itself(suite, tmp_path):
    (suite.parent / "rows.jsonl").write_text(ROW)
    link = tmp_path / "link"
    link.symlink_to(suite.parent)
    naming(suite, "rows.jsonl")
    assert len(read_suite(link / "suite.yaml").suite.cases) == 1


@pytest.mark.parametrize(
    ("file", "message"),
    [("", "is no file"), (".", "is no file"), ("none.jsonl", "does not exist"), ("a\\0b", "cannot be read")],
)
def test_what_is_no_readable_file_is_said(suite, file, message):
    with pytest.raises(SuiteError, match=message):
        read_suite(naming(suite, file))


def test_a_loop_of_links_is_an_error_and_no_crash(suite):
    (suite.parent / "loop.jsonl").symlink_to(suite.parent / "loop.jsonl")
    with pytest.raises(SuiteError, match=r"loop\.jsonl"):
        read_suite(naming(suite, "loop.jsonl"))


def test_the_reader_of_a_run_raises_an_error_that_can_be_printed(suite):
    with pytest.raises(UnreadableFileError) as caught:
        reader_of(suite, allow_outside=False)("../outside.jsonl")
    assert isinstance(caught.value, UsageError) and caught.value.hint


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.write_bytes(b"suite: \xff"), "byte 7 is not UTF-8"),
        (lambda path: path.write_bytes(b"#" * (11 * 2**20)), "too large for a suite"),
    ],
)
def test_a_suite_that_cannot_be_read_is_a_usage_error(tmp_path, make, message):
    path = tmp_path / "s.yaml"
    make(path)
    with pytest.raises(UsageError, match=message):
        read_suite(path)


def test_much_yaml_is_read_with_a_warning(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(HEAD + ONE_CASE + "#" * 2**20)
    (warning,) = read_suite(path).warnings
    assert (warning.file, warning.line) == (str(path), None)
    assert "read slowly" in warning.message and "JSONL" in (warning.hint or "")


def test_a_grader_is_built_with_its_templates_filled():
    spec = GraderSpec(grader_id="answer", type="exact", params={"expected": "{{ expected }}"})
    run = make_run(arms=1, cases=1, repeats=1, seed=1, failures=0)
    call = next(iter(run.results.values())).calls[0]
    transcript = Transcript(status=Status.OK, calls=(call,))
    case = Case(case_id="a", expected=1.5, expected_text=call.answer.text)
    assert grader_of(spec, case).grade(case, transcript).passed is True


def test_the_text_that_init_writes_is_a_suite_that_names_the_schema(tmp_path):
    path = tmp_path / "suite.yaml"
    path.write_text(template_text())
    assert template_text().startswith("# yaml-language-server: $schema=./evalharness.schema.json\n")
    assert read_suite(path).suite.endpoints[0].target == "default"


@pytest.mark.parametrize("name", ["quickstart", "effort-gateway"])
def test_shipped_suites_are_valid_where_they_are_copied_to(tmp_path, name):
    shutil.copytree(SHIPPED / "data", tmp_path / "data")
    shutil.copy(SHIPPED / f"{name}.yaml", tmp_path)
    suite = read_suite(tmp_path / f"{name}.yaml").suite
    assert suite.name == name and len(suite.cases) == 100 and suite.graders[0].type == "numeric"
    assert suite.sweep.axes == {"reasoning.effort": ("none", "low", "medium", "high", "xhigh")}


def test_the_sums_of_the_shipped_problems_are_right():
    """Python's own arithmetic is the reference, for the problems that are written as expressions."""
    checked = 0
    for case in read_suite(SHIPPED / "quickstart.yaml").suite.cases:
        if "arithmetic" in case.tags:
            expression = case.vars["question"].removeprefix("What is ").removesuffix("?").replace(",", "")
            assert case.expected_text == f"{eval(expression):g}", case.case_id
            checked += 1
    assert checked == 36
