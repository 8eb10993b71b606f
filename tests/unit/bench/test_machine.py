"""What the machine was busy with, from figures of /proc/stat written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import machine
from tests.bench.machine import Strain, worst
from tests.bench.tables import STRAIN, Column, Table, as_markdown


def at(monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    def read_text(_path: Path, **_options: object) -> str:
        if text is None:
            raise FileNotFoundError
        return text

    monkeypatch.setattr(machine, "Path", type("Paths", (), {"__init__": lambda *_: None, "read_text": read_text}))


def test_stolen_is_the_share_of_all_cpu_time_since_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, "cpu  100 0 50 800 0 0 0 50 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
    strain = Strain()
    at(monkeypatch, "cpu  130 0 60 840 0 0 0 70 0 0\n")
    assert strain.cells()["stolen"] == pytest.approx(20)
    assert strain.words.endswith(", 20% of CPU stolen")


def test_a_system_that_says_nothing_has_no_column_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, None)
    cells = Strain().cells()
    assert cells["stolen"] is None
    table = Table(title="t", load="l", columns=(Column("load", "load"), *STRAIN), rows=[cells])
    assert "stolen" not in as_markdown(table)
    assert "load average" in as_markdown(table)


def test_of_several_the_worst_is_shown() -> None:
    assert worst([{"load": 1.0, "stolen": None}, {"load": 0.5, "stolen": 3.0}]) == {"load": 1.0, "stolen": 3.0}
