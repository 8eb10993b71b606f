from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from evalharness.core.errors import EndpointError
from evalharness.local.__main__ import main
from evalharness.local.server import LocalServerSettings, serve


def test_missing_extra_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    settings = LocalServerSettings(weights=Path("none.gguf"), alias="smollm2")
    with pytest.raises(EndpointError) as caught:
        serve(settings, on_ready=lambda _url: None, stop=threading.Event())
    assert caught.value.hint == "pip install 'evalharness[local]'"


def test_missing_weights_name_the_command_that_gets_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cache-dir", str(tmp_path)]) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert "evalharness local pull" in said.err
