"""Disk space set aside before the first paid call, given back when the disk is full.

With it the calls in flight at that moment can still be stored: they were paid for.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from evalharness.core.errors import StoreError
from evalharness.store.connect import is_full, store_error

RESERVE_BYTES = 16 * 2**20


class Reserve:
    """A file of 16 MiB beside the run folders of a suite (one for all its runs: a killed one leaves no litter)."""

    def __init__(self, path: Path, *, n_bytes: int = RESERVE_BYTES) -> None:
        """Raises ``StoreError`` where the folder cannot be written or has no such room."""
        self._path = path
        try:
            handle = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
            try:
                _allocate(handle, n_bytes)
            finally:
                os.close(handle)
        except OSError as error:
            with contextlib.suppress(OSError):
                path.unlink()
            if not is_full(error):
                raise store_error(error, path) from error
            raise StoreError(
                f"{path.parent}: no room for a run ({n_bytes // 2**20} MiB are kept in reserve): {error.strerror}",
                hint="free some disk space, or choose another folder with --out",
            ) from error

    def release(self) -> bool:
        """Give the space back; False if that was done before."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True


def _allocate(handle: int, n_bytes: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, n_bytes)
        return
    block = bytes(2**20)
    for _ in range(n_bytes // len(block)):
        os.write(handle, block)
    os.fsync(handle)
