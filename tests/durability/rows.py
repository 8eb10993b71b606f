"""The one list of what can befall a run on its own machine. Tests bring each about; the page is made from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """``exit_code``: of the command that it befalls; below 0: the signal that killed it. ``says``: what it prints on
    stderr. ``kept``: what is in the run's folder afterwards. ``again``: what the same command does then."""

    name: str
    what: str
    exit_code: int
    says: str
    kept: str
    again: str


ROWS: Sequence[Row] = (
    Row(
        name="no-room",
        what="The disk has no room before the run",
        exit_code=5,
        says="no room for a run (16 MiB are kept in reserve)",
        kept="nothing: no request was sent, no folder is left",
        again="runs when there is room",
    ),
    Row(
        name="read-only",
        what="The disk is read-only before the run",
        exit_code=5,
        says="Read-only file system",
        kept="earlier runs, which can be read, verified and exported; no request was sent",
        again="runs when it can be written, or with another `--out`",
    ),
    Row(
        name="broken-at-the-start",
        what="A write fails while the run's folder is made",
        exit_code=5,
        says="disk I/O error",
        kept="nothing: no request was sent, no folder is left",
        again="runs when the disk works",
    ),
    Row(
        name="fills-up",
        what="The disk fills up in mid-run",
        exit_code=5,
        says="database or disk is full",
        kept="all that had ended, and the calls in flight: they find room in the reserve; state `aborted`",
        again="refused without a request until there is room, then sends what is left",
    ),
    Row(
        name="breaks",
        what="Writes fail in mid-run (EIO)",
        exit_code=5,
        says="disk I/O error",
        kept="all that was committed; calls in flight are `unknown`; listed as `killed`",
        again="says how many may have been charged, asks them again, sends what is left",
    ),
    Row(
        name="turns-read-only",
        what="The kernel makes the disk read-only in mid-run (EROFS)",
        exit_code=5,
        says="run.db: ",
        kept="as above",
        again="as above, when it can be written",
    ),
    Row(
        name="killed",
        what="kill -9, or the machine stops",
        exit_code=-9,
        says="",
        kept="all that was committed; calls in flight are `unknown`; listed as `killed`; no lock is left",
        again="says how many may have been charged, asks them again, sends what is left",
    ),
    Row(
        name="ctrl-c",
        what="Ctrl-C",
        exit_code=130,
        says="stopping: interrupted; no new call",
        kept="all that had ended, and the calls in flight that end within 10 s; state `partial`",
        again="sends what is left",
    ),
    Row(
        name="ctrl-c-twice",
        what="Ctrl-C a second time",
        exit_code=130,
        says="stopping: interrupted; no new call",
        kept="all that had ended; calls in flight are `unknown`; state `partial`",
        again="asks those again, sends what is left",
    ),
    Row(
        name="sigterm",
        what="SIGTERM",
        exit_code=130,
        says="stopping: interrupted; no new call",
        kept="as after Ctrl-C",
        again="sends what is left",
    ),
    Row(
        name="second-run",
        what="A second run of the suite in the same folder",
        exit_code=5,
        says="is in use: a run of this suite is going on (process ",
        kept="the first run, undisturbed; the second sent nothing",
        again="runs when the first has ended",
    ),
    Row(
        name="changed",
        what="The suite was changed before its unfinished run goes on",
        exit_code=2,
        says="is unfinished and was planned differently",
        kept="the unfinished run as it was; nothing was sent",
        again="refused with the differences until the change is undone; `--fresh` begins a new run",
    ),
    Row(
        name="no-report",
        what="The report cannot be written",
        exit_code=5,
        says="the stored run is safe",
        kept="the whole run, and no half page",
        again="`evalharness report latest` writes it when it can be",
    ),
)
