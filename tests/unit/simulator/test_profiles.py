from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalharness.simulator.profile import ProfileError, built_in_profiles, load_profile


@pytest.mark.parametrize("name", built_in_profiles())
def test_every_built_in_profile_loads_and_is_ordered_by_effort(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    abilities = [truth.ability for truth in profile.efforts.values()]
    assert abilities == sorted(abilities)


def test_instant_is_the_default_model_without_waiting() -> None:
    default, instant = load_profile("default"), load_profile("instant")
    assert instant.efforts == default.efforts
    assert (default.time_scale, instant.time_scale) == (1.0, 0.0)


def test_a_profile_file_says_only_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "slow.json"
    path.write_text(json.dumps({"extends": "default", "efforts": {"low": {"ability": -1}}, "quirks": {"done": True}}))
    profile = load_profile(str(path))
    assert profile.efforts["low"].ability == -1
    assert profile.efforts["low"].reasoning_tokens == load_profile("default").efforts["low"].reasoning_tokens
    assert profile.quirks.done


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("[]", "must be a JSON object"),
        ('{"extends": "nothing-like-it"}', "default, ignores-effort, instant, latency, open-responses, queueing"),
        ('{"extends": "default", "spead": 1}', "known keys"),
        ('{"extends": "default", "time_scale": -1}', "time_scale"),
        ('{"extends": "default", "default_effort": "huge"}', "huge"),
        ('{"efforts": {}}', "gap_ms"),
    ],
)
def test_a_wrong_profile_says_what_is_wrong(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(content)
    with pytest.raises(ProfileError, match=words):
        load_profile(str(path))


def test_a_profile_that_extends_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "loop.json"
    path.write_text(json.dumps({"extends": str(path)}))
    with pytest.raises(ProfileError, match="extends itself"):
        load_profile(str(path))
