"""The lock of development dependencies and ``pyproject.toml`` agree, and whatever may be installed has its hash.

Where they do not: the command that makes the lock anew is in its first lines.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[2]
#: What CI installs.
EXTRAS = ("test", "local", "parquet")


def locked() -> list[tuple[Requirement, list[str]]]:
    """Each pin with its hashes; a package may have one pin for each range of Python versions."""
    text = (REPOSITORY / ".ci" / "requirements.lock").read_text(encoding="utf-8")
    entries = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    split = [re.split(r"\s+--hash=", entry.strip()) for entry in entries]
    return [(Requirement(pin), hashes) for pin, *hashes in split]


def wanted() -> list[Requirement]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [written for extra in EXTRAS for written in project["optional-dependencies"][extra]]
    return [Requirement(written) for written in [*project["dependencies"], *extras]]


def test_every_dependency_is_locked_at_versions_that_pyproject_allows():
    pins: dict[str, list[str]] = {}
    for pin, _ in locked():
        (specifier,) = pin.specifier
        assert specifier.operator == "==", pin
        pins.setdefault(canonicalize_name(pin.name), []).append(specifier.version)
    for requirement in wanted():
        versions = pins.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement} is not locked"
        assert all(requirement.specifier.contains(version) for version in versions), (
            f"{requirement}, locked: {versions}"
        )


def test_every_pin_has_hashes_and_names_no_place_to_load_from():
    for pin, hashes in locked():
        assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes), pin
        assert pin.url is None
    assert "://" not in (REPOSITORY / ".ci" / "requirements.lock").read_text(encoding="utf-8")
