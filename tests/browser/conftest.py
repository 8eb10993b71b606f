"""A real Chromium for the report, and axe-core from npm. Missing in CI is a failure, elsewhere a skip."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

AXE = "axe-core@4.10.3"


def _missing(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"CI needs this: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def chromium():
    """For one module at a time: while Playwright is open its event loop runs, and no test could start its own."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        _missing("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe_source(request) -> str:
    """The text of axe.min.js, fetched once by npm and kept in pytest's cache folder."""
    folder = Path(request.config.cache.mkdir("axe-core"))
    script = folder / "package" / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            _missing("no npm to fetch axe-core with")
        packed = subprocess.run(
            [npm, "pack", AXE], cwd=folder, capture_output=True, text=True, timeout=120, check=False
        )
        if packed.returncode != 0:
            _missing(f"npm could not fetch {AXE}: {packed.stderr.strip()[-200:]}")
        with tarfile.open(next(folder.glob("axe-core-*.tgz"))) as archive:
            archive.extractall(folder, filter="data")
    return script.read_text(encoding="utf-8")
