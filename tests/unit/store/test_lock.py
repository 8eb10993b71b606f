from __future__ import annotations

import os
from pathlib import Path

import pytest

from evalharness.core.errors import ExitCode, StoreError
from evalharness.store import lock


def test_a_second_start_is_refused_at_once_and_told_who_owns_the_lock(tmp_path: Path) -> None:
    with lock.hold(tmp_path / "suite"):
        with (
            pytest.raises(StoreError, match=rf"process {os.getpid()}, started \d{{4}}-") as caught,
            lock.hold(tmp_path / "suite"),
        ):
            pass
        assert caught.value.exit_code == ExitCode.STORE
    with lock.hold(tmp_path / "suite"):
        pass


def test_suites_do_not_lock_each_other_out(tmp_path: Path) -> None:
    with lock.hold(tmp_path / "one"), lock.hold(tmp_path / "other"):
        pass


def test_a_lock_without_a_readable_owner_is_still_a_lock(tmp_path: Path) -> None:
    with lock.hold(tmp_path):
        (tmp_path / lock.LOCK).write_text("[]")
        with pytest.raises(StoreError, match="another process"), lock.hold(tmp_path):
            pass


def test_a_place_that_cannot_hold_a_lock_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file"), lock.hold(tmp_path / "file" / "suite"):
        pass
