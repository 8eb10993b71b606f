"""The map can be trusted: imports point down, heavy modules stay off the way to the first call, named paths exist."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "evalharness"

#: Too slow to be imported before they are needed.
HEAVY = {
    "numpy",
    "scipy",
    "jinja2",
    "rich",
    "jsonschema",
    "rapidfuzz",
    "pyarrow",
    "httpx",
    "pydantic",
    "yaml",
    "asyncio",
}


def modules_after(arguments: list[str]) -> set[str]:
    code = (
        "import sys, json\n"
        "from evalharness.cli import main\n"
        "try:\n    main.main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print('\\n' + json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )
    return set(json.loads(done.stdout.strip().splitlines()[-1]))


def test_imports_point_down() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        capture_output=True, text=True, cwd=ROOT, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]


def test_help_imports_nothing_heavy() -> None:
    assert not modules_after(["--help"]) & HEAVY


def test_validate_imports_no_statistics_and_no_network() -> None:
    forbidden = {"numpy", "scipy", "rich", "rapidfuzz", "pyarrow", "httpx"}
    assert not modules_after(["validate", "suites/quickstart.yaml"]) & forbidden


def test_every_path_that_the_map_names_exists() -> None:
    text = (PACKAGE / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:evalharness|tests|suites|\.ci|\.github)/[\w./-]*)`", text)
    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_package_is_on_the_map() -> None:
    text = (PACKAGE / "ARCHITECTURE.md").read_text(encoding="utf-8")
    packages = [path.parent for path in PACKAGE.glob("*/__init__.py")]
    assert [package.name for package in packages if f"`evalharness/{package.name}/`" not in text] == []


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_says_what_it_is_for_and_is_one_thing(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith('"""'), "a module begins with its docstring"
    assert text.count("\n") <= 500, "a module over 500 lines is more than one thing"
