"""One run of a suite at a time in one output folder."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evalharness.core.clock import SystemClock, utc_text
from evalharness.core.errors import StoreError
from evalharness.store.connect import store_error

LOCK = ".lock"


@contextmanager
def hold(suite_folder: Path) -> Iterator[None]:
    """Hold the lock of ``reports/<suite>/`` (made if missing) until the end of the ``with``.

    The lock is the kernel's (flock): it goes with the process however that dies, so nothing stale is ever found. The
    file's content only names the owner for the message, and the file stays: to delete it would let a third process lock
    a new file while a second one waits for the old. Raises ``StoreError`` at once where another process holds it.
    """
    path = suite_folder / LOCK
    try:
        suite_folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise store_error(error, path) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _held(suite_folder, handle) from error
        except OSError as error:
            raise StoreError(
                f"{path}: this file system has no locks ({error.strerror})",
                hint="choose a local folder with --out",
            ) from error
        _name_owner(handle, path)
        yield
    finally:
        os.close(handle)


def _name_owner(handle: int, path: Path) -> None:
    owner = {"pid": os.getpid(), "started_utc": utc_text(SystemClock().utc_ns())}
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(owner).encode(), 0)
    except OSError as error:
        raise store_error(error, path) from error


def is_held(suite_folder: Path) -> bool:
    """Whether a process is running the suite now."""
    try:
        handle = os.open(suite_folder / LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _held(suite_folder: Path, handle: int) -> StoreError:
    try:
        owner = json.loads(os.pread(handle, 1024, 0))
        who = f"process {owner['pid']}, started {owner['started_utc']}"
    except (OSError, ValueError, TypeError, KeyError):
        # Between its lock and its name, or another program's file.
        who = "another process"
    return StoreError(
        f"{suite_folder} is in use: a run of this suite is going on ({who})",
        hint="wait for it, or give this run a folder of its own with --out",
    )
