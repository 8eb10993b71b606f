"""What ``doctor`` says of disk, descriptors, clocks, proxies and certificates, from values."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from evalharness.app.surroundings import clocks, descriptors, disk, proxies, surroundings, trust
from evalharness.transport.clock_watch import ClockWatch

REPOSITORY = Path(__file__).parents[3]
MS = 1_000_000


def test_little_room_and_a_folder_that_cannot_be_written_are_not_fine() -> None:
    assert disk("reports", 40 * 2**30, can_write=True).told == "40.0 GiB are free where reports is."
    little = disk("reports", 2**29, can_write=True)
    assert not little.is_fine and "0.5 GiB" in little.told and "16 MiB aside" in little.told
    closed = disk("reports", 40 * 2**30, can_write=False)
    assert not closed.is_fine and "--out" in closed.told


@pytest.mark.parametrize(("hard", "is_fine"), [(1_048_576, True), (1_024, True), (1_023, False)])
def test_few_descriptors_are_not_fine(hard: int, is_fine: bool) -> None:
    check = descriptors(hard)
    assert check.is_fine is is_fine and f"{hard:,}" in check.told


def test_no_limit_of_descriptors_is_no_number() -> None:
    assert descriptors(resource.RLIM_INFINITY).told == "A process may open any number of files and connections."


def test_a_clock_is_fine_until_something_is_known_against_it() -> None:
    assert clocks([], 0, source="tsc", is_in_step=True).told == "Steady while this ran, read from tsc."
    unknown = clocks([], 0, source=None, is_in_step=None)
    assert unknown.is_fine and unknown.told.startswith("Steady while this ran. Whether a time service")
    assert "jumped by 250 ms" in clocks([60 * MS, -250 * MS], 0, source="tsc", is_in_step=True).told
    assert "slept" in clocks([], 10**9, source="tsc", is_in_step=True).told
    assert "hpet" in clocks([], 0, source="hpet", is_in_step=True).told
    assert "slept" in (told := clocks([], 10**9, source="tsc", is_in_step=None).told) and "cannot be found out" in told
    both = clocks([60 * MS], 0, source="tsc", is_in_step=False)
    assert not both.is_fine
    assert both.told.startswith("The wall clock jumped by 60 ms") and "; no time service" in both.told


_DOCTOR_S_CHECKS = """
import os
from pathlib import Path
from evalharness.app.surroundings import surroundings
from evalharness.transport.clock_watch import ClockWatch
for check in surroundings(Path("."), os.environ, ClockWatch(), wants_proxy=()):
    print(check.name, check.told)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the rules of Linux containers")
def test_where_the_kernel_may_not_be_asked_it_is_said_that_this_could_not_be_found_out(tmp_path: Path) -> None:
    """Of a real kernel that refuses ``adjtimex``, as it does in containers."""
    confined = [sys.executable, "-m", "tests.support.container_rules", sys.executable]
    done = subprocess.run(
        [*confined, "-c", _DOCTOR_S_CHECKS], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    told = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert list(told) == ["disk", "descriptors", "clock", "proxy", "certificates"]
    assert told["clock"].startswith("Steady while this ran")
    assert "Whether a time service keeps the wall clock in step cannot be found out here" in told["clock"]


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("http://proxy.example:3128", "proxy.example:3128"),
        ("http://name:word@proxy.example", "proxy.example"),
        ("proxy.example:8080", "proxy.example:8080"),
        ("name:word@proxy.example:8080", "proxy.example:8080"),
        ("http://[::1", "no address"),
    ],
)
def test_a_proxy_is_named_without_its_password(address: str, place: str) -> None:
    check = proxies({"https_proxy": address}, [])
    assert check.is_fine and f"HTTPS_PROXY ({place})" in check.told and "word" not in check.told


def test_a_proxy_that_is_wanted_and_not_set_is_not_fine() -> None:
    assert proxies({}, []).is_fine
    missing = proxies({"NO_PROXY": "localhost"}, ["gateway"])
    assert not missing.is_fine and "gateway" in missing.told
    assert "used by endpoint gateway" in proxies({"ALL_PROXY": "http://p:1"}, ["gateway"]).told


def test_certificates_that_are_missing_are_named() -> None:
    assert trust(142, missing=()).is_fine
    assert not trust(0, missing=(), why="no such file").is_fine
    assert "SSL_CERT_FILE=/nowhere.pem is not there" in trust(142, missing=("SSL_CERT_FILE=/nowhere.pem",)).told


def test_this_machine_is_looked_at_without_leaving_anything(tmp_path: Path) -> None:
    checks = {
        check.name: check
        for check in surroundings(
            tmp_path / "not" / "there", {"SSL_CERT_FILE": "/nowhere.pem"}, ClockWatch(), wants_proxy=[]
        )
    }
    assert list(checks) == ["disk", "descriptors", "clock", "proxy", "certificates"]
    assert "where" in checks["disk"].told and str(tmp_path) in checks["disk"].told
    assert not checks["certificates"].is_fine
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("", encoding="utf-8")
    (found,) = [
        each for each in surroundings(tmp_path / "reports", {}, ClockWatch(), wants_proxy=[]) if each.name == "disk"
    ]
    assert not found.is_fine
