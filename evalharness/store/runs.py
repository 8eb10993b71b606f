"""Which runs there are, and which one a person means."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from evalharness.core.clock import utc_text
from evalharness.core.errors import StoreError, UsageError
from evalharness.core.ids import content_id
from evalharness.core.model import Phase, Status
from evalharness.core.record import RunManifest, RunState
from evalharness.store.begun_rows import read_lost
from evalharness.store.connect import DATABASE, reading
from evalharness.store.plan_rows import read_manifest

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_SHOWN_CANDIDATES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """One line of the list of runs. ``n_planned`` and ``n_ended`` count trials of the measured phase, ``n_lost`` the
    attempts that were begun and never ended."""

    folder: Path
    manifest: RunManifest
    n_planned: int
    n_ended: int
    n_lost: int

    @property
    def complete(self) -> bool:
        """Nothing is left to send: all trials ended, or the run was ended by a rule of its plan."""
        return self.n_ended == self.n_planned or self.manifest.state is RunState.COMPLETE


def new_run_id(utc_ns: int, plan_hash: str) -> str:
    """``20261122T140216Z-3f9a``: sorts by time, and two runs of one second hardly ever share one."""
    second = utc_text(utc_ns)[:19].replace("-", "").replace(":", "")
    return f"{second}Z-{content_id([utc_ns, plan_hash], digits=4)}"


def suite_folder(out_dir: Path, suite_name: str) -> Path:
    """Where the runs of a suite lie. A name that is no plain file name is made one, and kept apart by a hash."""
    if _PLAIN_NAME.fullmatch(suite_name):
        return out_dir / suite_name
    readable = re.sub(r"[^A-Za-z0-9]+", "-", suite_name).strip("-")[:60] or "suite"
    return out_dir / f"{readable}-{content_id(suite_name, digits=6)}"


def list_runs(out_dir: Path) -> tuple[StoredRun, ...]:
    """All runs under ``out_dir``, newest first; folders that cannot be read are left out."""
    return _newest_first(folder for suite in _subfolders(out_dir) for folder in _run_folders(suite))


def newest(out_dir: Path, suite_name: str) -> StoredRun | None:
    """The newest run of the suite, None where there is none."""
    folders = sorted(_run_folders(suite_folder(out_dir, suite_name)), key=_second, reverse=True)
    for folder in folders:
        # Run ids tell seconds; within one the manifests tell.
        runs = _newest_first(other for other in folders if _second(other) == _second(folder))
        if runs:
            return runs[0]
    return None


def find(out_dir: Path, text: str) -> Path:
    """The folder of the run a person named: its path, its id (a unique prefix is enough) or ``latest``.

    Raises ``UsageError`` with the candidates where it names none or several.
    """
    path = Path(text)
    if path.name == DATABASE and path.is_file():
        return path.parent
    if (path / DATABASE).is_file():
        return path
    if text == "latest":
        runs = list_runs(out_dir)
        if not runs:
            raise UsageError(
                f"no run under {out_dir}", hint="`evalharness run SUITE` makes one; --out names the folder"
            )
        return runs[0].folder
    folders = sorted(
        (folder for suite in _subfolders(out_dir) for folder in _run_folders(suite)),
        key=lambda folder: folder.name,
        reverse=True,
    )
    matching = [folder for folder in folders if folder.name.startswith(text)]
    exact = [folder for folder in matching if folder.name == text]
    if len(exact) == 1 or len(matching) == 1:
        return (exact or matching)[0]
    if matching:
        raise UsageError(f"{text!r} begins {len(matching)} run ids under {out_dir}", hint=_candidates(matching))
    raise UsageError(f"no run {text!r}: no such folder, and no such run id under {out_dir}", hint=_candidates(folders))


def read_run(folder: Path) -> StoredRun | None:
    """None for a folder that cannot be read or whose run never got as far as its plan."""
    try:
        with reading(folder) as connection:
            manifest = read_manifest(connection)
            n_planned = connection.execute(
                "SELECT count(*) FROM trials WHERE phase = ?", (Phase.MEASURED.value,)
            ).fetchone()[0]
            n_ended = connection.execute(
                "SELECT count(*) FROM results JOIN trials ON position = result WHERE phase = ? AND status != ?",
                (Phase.MEASURED.value, Status.PENDING.value),
            ).fetchone()[0]
            if manifest is None:
                return None
            n_lost = len(read_lost(connection, folder, manifest))
    except StoreError:
        return None
    return StoredRun(folder=folder, manifest=manifest, n_planned=n_planned, n_ended=n_ended, n_lost=n_lost)


def _candidates(folders: list[Path]) -> str:
    if not folders:
        return "there are no runs there; --out names the folder where they lie"
    names = ", ".join(f"{folder.parent.name}/{folder.name}" for folder in folders[:_SHOWN_CANDIDATES])
    more = f" and {len(folders) - _SHOWN_CANDIDATES} more" if len(folders) > _SHOWN_CANDIDATES else ""
    return f"there are {names}{more}"


def _subfolders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []


def _run_folders(suite: Path) -> list[Path]:
    return [folder for folder in _subfolders(suite) if (folder / DATABASE).is_file()]


def _second(folder: Path) -> str:
    return folder.name.split("-")[0]


def _newest_first(folders: Iterable[Path]) -> tuple[StoredRun, ...]:
    runs = [run for run in map(read_run, folders) if run is not None]
    return tuple(sorted(runs, key=lambda run: (run.manifest.created_utc, run.manifest.run_id), reverse=True))
