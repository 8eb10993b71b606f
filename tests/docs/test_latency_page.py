"""The page on latency names every time there is, its drawing names them too, and what it says can be pasted."""

from __future__ import annotations

import re
import shlex
import xml.etree.ElementTree as ElementTree
from importlib import import_module
from pathlib import Path

import pytest

from evalharness.app.explain import explanations
from evalharness.cli.main import COMMANDS
from evalharness.metrics.catalog import CATALOG
from evalharness.report import palette
from evalharness.suite.files import ReadSettings, read_suite

DOCS = Path(__file__).parents[2] / "evalharness" / "docs"
PAGE = (DOCS / "latency.md").read_text(encoding="utf-8")
DRAWING = (DOCS / "call-life.svg").read_text(encoding="utf-8")
TIMES = [name for name, metric in CATALOG.items() if metric.is_time]


@pytest.mark.parametrize("name", TIMES)
def test_every_time_of_the_catalogue_stands_in_the_table_and_in_the_drawing(name: str) -> None:
    assert f"| `{name}` |" in PAGE
    assert f">{name}<" in DRAWING
    assert name in explanations()


def test_the_drawing_names_no_time_that_does_not_exist_and_says_in_words_what_it_shows() -> None:
    root = ElementTree.fromstring(DRAWING)
    told = "".join(text for text in root.itertext() if text)
    assert set(re.findall(r"\b[a-z_]+_ms\b", told)) == set(TIMES)
    description = next(element for element in root.iter() if element.tag.endswith("desc")).text or ""
    assert set(re.findall(r"\b[a-z_]+_ms\b", description)) == set(TIMES)


def test_the_drawing_is_painted_in_the_colours_of_the_reports() -> None:
    known = {shade for colour in palette.COLOURS.values() for shade in (colour.light, colour.dark)}
    assert set(re.findall(r"#[0-9a-f]{6}\b", DRAWING)) <= known


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(((?!http)[^)#]+)\)", PAGE))))
def test_every_link_leads_somewhere(path: str) -> None:
    assert (DOCS / path).exists()


def test_the_example_suite_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0], encoding="utf-8")
    suite = read_suite(path, settings=ReadSettings(environ={})).suite
    assert suite.load.levels == (5, 10, 20, 40)
    assert suite.slo is not None


def test_every_command_and_flag_it_names_exists() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = [line.split("#")[0] for block in blocks for line in block.splitlines()]
    assert len(lines) >= 6
    for line in lines:
        program, name, *arguments = shlex.split(line)
        command = import_module(COMMANDS[name][0]).command
        known = {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)}
        assert program == "evalharness"
        assert [word for word in arguments if word.startswith("-") and word not in known] == []


@pytest.mark.parametrize(
    "word",
    ["coarse", "stated error", "dispatch lag", "coalesced", "knee", "holds up to", "fails from", "level", "good", "met",
     "not met", "not enough data", "goodput", "coordinated omission", "rate not kept"],
)  # fmt: skip
def test_the_words_of_a_latency_report_are_explained(word: str) -> None:
    assert len(explanations()[word]) > 20
