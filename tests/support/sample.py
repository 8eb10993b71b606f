"""The sample report: made anew with ``poe sample`` (needs Chromium for the picture), kept fresh by a test."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from evalharness.app.publish import read
from evalharness.report.settings import ReportSettings
from evalharness.report.write import write_report
from tests.support.command import evalharness

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "reports" / "sample"
RENDERED = ("report.html", "report.json", "summary.md")


def render(folder: Path) -> None:
    """The report of the stored sample run, as this version makes it, into ``folder``."""
    found = read(SAMPLE)
    write_report(found.run, found.analysis, folder, settings=ReportSettings())


def run_again() -> None:
    """A new sample run of the quickstart suite on the simulator."""
    with tempfile.TemporaryDirectory() as name:
        done = evalharness("run", ROOT / "suites" / "quickstart.yaml", "--json", "--out", name, cwd=ROOT)
        assert done.exit_code == 0, done.stderr
        SAMPLE.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(done.json["folder"]) / "run.db", SAMPLE / "run.db")


def take_picture() -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1240, "height": 1010}, color_scheme="light")
        page.goto((SAMPLE / "report.html").as_uri())
        page.screenshot(path=SAMPLE / "report.png")
        browser.close()


if __name__ == "__main__":
    if "--render-only" not in sys.argv:
        run_again()
    render(SAMPLE)
    take_picture()
