"""What the README says can be pasted."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from evalharness import __all__ as exported
from evalharness.cli.main import COMMANDS
from evalharness.suite.files import ReadSettings, read_suite

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_ci_runs_the_test_command_of_the_readme_word_for_word() -> None:
    command = next(block.strip() for block in blocks("sh") if "pytest" in block)
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_every_command_and_flag_it_names_exists() -> None:
    from importlib import import_module

    lines = [line.split("#")[0] for block in blocks("sh") for line in block.splitlines()]
    named = [line.split("evalharness ", 1)[1] for line in lines if "evalharness " in line]
    named += re.findall(r"\| `evalharness ([^`]*)`", README)
    assert len(named) > 8
    for text in named:
        name, *arguments = shlex.split(text)
        command = import_module(COMMANDS[name][0]).command
        known = {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)}
        assert [word for word in arguments if word.startswith("-") and word not in known] == []


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(((?!http)[^)]+)\)", README))))
def test_every_link_leads_somewhere(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_example_suite_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(blocks("yaml")[0], encoding="utf-8")
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["suite"] == "my-first"
    suite = read_suite(path, settings=ReadSettings(environ={})).suite
    assert len(suite.sweep.axes["reasoning.effort"]) == 3


def test_the_python_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "suites").symlink_to(ROOT / "suites")
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks("python")[0], "README.md", "exec"), {})
    assert "Estimate(point=" in capsys.readouterr().out


def test_what_the_package_exports_is_there() -> None:
    import evalharness

    assert [name for name in exported if not hasattr(evalharness, name)] == []
