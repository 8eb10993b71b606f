"""Settings: who wins, where a value came from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalharness.app.settings import explain, resolve, with_env_file, with_suite
from evalharness.core.errors import UsageError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "config" / "evalharness"
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text('out = "from-user"\nquiet = true\nmax_cost_usd = 1.5\n', encoding="utf-8")
    (tmp_path / "work").mkdir()
    return tmp_path


def project(home: Path, text: str) -> Path:
    (home / "work" / "pyproject.toml").write_text(f"[tool.evalharness]\n{text}\n", encoding="utf-8")
    return home / "work"


def resolved(home: Path, flags: dict | None = None, **variables: str):
    environ = {"XDG_CONFIG_HOME": str(home / "config"), **variables}
    return resolve(flags or {}, environ=environ, folder=home / "work")


def test_the_highest_source_wins_and_is_named(home: Path) -> None:
    project(home, 'out = "from-project"')
    assert (resolved(home).settings.out, resolved(home).sources["out"]) == (Path("from-project"), "pyproject.toml")
    by_variable = resolved(home, EVALHARNESS_OUT="from-variable")
    assert (by_variable.settings.out, by_variable.sources["out"]) == (Path("from-variable"), "variable")
    by_flag = resolved(home, {"out": Path("from-flag")}, EVALHARNESS_OUT="from-variable")
    assert (by_flag.settings.out, by_flag.sources["out"]) == (Path("from-flag"), "flag")
    assert (by_flag.settings.quiet, by_flag.sources["quiet"]) == (True, "user file")
    assert by_flag.sources["junit"] == "default"


def test_the_suites_budget_stands_below_flags_and_above_files(home: Path) -> None:
    assert with_suite(resolved(home), max_cost_usd=5.0).settings.max_cost_usd == 5.0
    by_flag = with_suite(resolved(home, {"max_cost_usd": 9.0}), max_cost_usd=5.0)
    assert (by_flag.settings.max_cost_usd, by_flag.sources["max_cost_usd"]) == (9.0, "flag")
    assert with_suite(resolved(home), max_cost_usd=None).settings.max_cost_usd == 1.5


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"EVALHARNESS_QUIET": "perhaps"}, "neither true nor false"),
        ({"EVALHARNESS_MAX_COST_USD": "much"}, "no amount"),
        ({"EVALHARNESS_MAX_COST_USD": "-1"}, "zero or more"),
        ({"EVALHARNESS_MAX_COST_USD": "nan"}, "zero or more"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(home: Path, variables: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        resolved(home, **variables)


@pytest.mark.parametrize("text", ['outt = "x"', 'env_file = ".env"', "allow_outside = true", "allow_http = true"])
def test_a_project_file_may_not_lift_a_protection_or_say_what_nobody_knows(home: Path, text: str) -> None:
    project(home, text)
    with pytest.raises(UsageError, match="unknown setting"):
        resolved(home)


def test_a_broken_file_is_named(home: Path) -> None:
    project(home, "out = ")
    with pytest.raises(UsageError, match=r"pyproject\.toml cannot be read"):
        resolved(home)


def test_every_setting_is_explained_with_its_source(home: Path) -> None:
    lines = explain(resolved(home, {"out": Path("here")})).splitlines()
    assert any(line.split() == ["out", "here", "flag"] for line in lines)
    assert any(line.split() == ["quiet", "True", "user", "file"] for line in lines)


def test_variables_of_a_file_stand_below_the_environments_own(tmp_path: Path) -> None:
    path = tmp_path / "keys.env"
    path.write_text("A_KEY='from file'\nB_KEY=from-file\n", encoding="utf-8")
    environ = with_env_file({"B_KEY": "from environment"}, path)
    assert (environ["A_KEY"], environ["B_KEY"]) == ("from file", "from environment")
    with pytest.raises(UsageError, match="does not exist"):
        with_env_file({}, tmp_path / "missing.env")
