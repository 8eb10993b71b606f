"""``python -m tests.soak``: one run of the whole command against a simulator of its own, watched from outside.

As it is a soak: 200 streams for 20 minutes, while about one request in six meets a fault of the list that the page of
faults is made from. ``--load``: 1,000 streams for 10 minutes without faults. Prints a table and whether the targets are
met; exit code 1 where one is not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.store import load
from tests.bench import machine
from tests.bench.tables import Cell, Column, Table, Target, as_markdown, at_most
from tests.soak.accounts import Accounts, accounts
from tests.soak.faults import rules
from tests.soak.watching import Look, slope_mib_per_min, watched
from tests.support.command import PROGRAM, environment
from tests.support.servers import simulator

#: 50 deltas; an answer takes 20 s, or 8.
_PROFILE = {"extends": "latency"}
_GAP_MS = {True: 396, False: 156}
#: By then pools are filled and the first trials have ended.
_SETTLED_S = 120
_CASES = 500
#: The database, its two logs, a lock, standard streams: of them some may be open at the last look.
_OWN_FILES = 8
_CASE = '  - {{id: {id}, vars: {{question: "{question}"}}, expected: "{answer}"}}'
_SUITE = """
suite: soak
endpoints:
  e:
    base_url: "{base_url}"
    model: sim-mini
    timeouts_ms: {{first_event: 10000, idle: 10000}}
    limits: {{max_output_bytes: 1048576, max_body_bytes: 4194304}}
prompts: {{plain: "{{{{ question }}}}"}}
cases:
{cases}
graders: [{{id: answer, type: numeric, expected: "{{{{ expected }}}}"}}]
tolerate: {{error_share: 1}}
load: {{concurrency: {streams}, duration_s: {seconds}}}
"""


@dataclass(frozen=True)
class Soaked:
    seconds: float
    exit_code: int
    looks: Sequence[Look]
    accounts: Accounts
    log: str

    @property
    def during(self) -> list[Look]:
        return [look for look in self.looks if _SETTLED_S <= look.at_s <= self.seconds]


def main() -> int:
    options = _options()
    streams = options.streams or (1_000 if options.load else 200)
    minutes = options.minutes or (10.0 if options.load else 20.0)
    strain = machine.Strain()
    with tempfile.TemporaryDirectory(prefix="evalharness-soak-") as name:
        soaked = soak(Path(name), streams=streams, seconds=minutes * 60, is_load=options.load)
    table = _table(soaked, streams=streams, minutes=minutes, is_load=options.load, strain=strain)
    print(", ".join(f"{key} {value}" for key, value in machine.described().items()), end="\n\n")
    print(as_markdown(table))
    if soaked.log:
        print(soaked.log)
    return int(any(target.is_met is False for target in table.targets))


def soak(folder: Path, *, streams: int, seconds: float, is_load: bool) -> Soaked:
    profile, log, errors = folder / "profile.json", folder / "truth.jsonl", folder / "stderr"
    profile.write_text(json.dumps(_PROFILE | {"gap_ms": {"median": _GAP_MS[is_load]}}), encoding="utf-8")
    options: dict[str, Any] = {} if is_load else {"faults": rules(), "folder": folder}
    with simulator(profile=str(profile), truth_log=log, **options) as server:
        cases = "\n".join(
            f'  - {{id: c{n}, vars: {{question: "{n} + 4?"}}, expected: "{n + 4}"}}' for n in range(_CASES)
        )
        text = _SUITE.format(base_url=server.base_url, cases=cases, streams=streams, seconds=seconds)
        (folder / "suite.yaml").write_text(text, encoding="utf-8")
        with errors.open("wb") as stderr:
            running = subprocess.Popen(
                [PROGRAM, "run", "suite.yaml", "--quiet", "--no-report"], cwd=folder, env=environment(),
                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
            )  # fmt: skip
            looks = watched(running, folder / "reports")
    (stored,) = (folder / "reports" / "soak").glob("2*")
    said = errors.read_text(encoding="utf-8")
    return Soaked(seconds, running.returncode, looks, accounts(load.load(stored), log), said)


def _table(soaked: Soaked, *, streams: int, minutes: float, is_load: bool, strain: machine.Strain) -> Table:
    found, during = soaked.accounts, soaked.during
    last = soaked.looks[-1] if soaked.looks else None
    first = next((look for look in soaked.looks if look.at_s > 1), last)
    base = min((look.descriptors for look in soaked.looks[:3]), default=0)
    peak_mib = max((look.rss_mib for look in soaked.looks), default=None)
    slope = slope_mib_per_min(during)
    statuses: list[dict[str, Cell]] = [
        {"what": f"trials {status}", "value": n} for status, n in found.statuses.most_common()
    ]
    rows: list[dict[str, Cell]] = [
        {"what": "trials planned", "value": found.n_planned},
        *statuses,
        {"what": "requests that the server saw", "value": found.n_requests},
        {"what": "of these, with a fault", "value": found.n_faults},
        {"what": "memory settled, MiB", "value": during[0].rss_mib if during else None},
        {"what": "memory at the end of the load, MiB", "value": during[-1].rss_mib if during else None},
        {"what": "memory at most, analysis included, MiB", "value": peak_mib},
        {"what": "descriptors at first / at most / at the end", "value": _of(soaked.looks, "descriptors", base, last)},
        {"what": "threads at first / at most / at the end", "value": _of(soaked.looks, "threads", None, last, first)},
        {"what": "log of writes at most, MiB", "value": max((look.wal_mib for look in soaked.looks), default=None)},
        {"what": "bytes waited to be read, longest of an attempt, p99, ms", "value": found.lag_p99_ms},
        {"what": "event loop away from its sockets, p99 within, ms", "value": found.loop_p99_ms},
        {"what": "exit code", "value": soaked.exit_code},
    ]
    what = "without faults" if is_load else "with the faults of the list"
    return Table(
        title="load" if is_load else "soak",
        load=f"{streams:,} streams for {minutes:g} minutes, {what}, the whole command in one process, on a simulator in"
        f" another; {strain.words}.",
        columns=(Column("what", "what", digits=None), Column("value", "found")),
        rows=rows,
        notes=[f"{n} failed without a fault: {words}" for words, n in found.unexplained.most_common(5)],
        targets=_targets(soaked, base, last, peak_mib, slope),
    )


def _of(looks: Sequence[Look], name: str, base: int | None, last: Look | None, first: Look | None = None) -> str:
    most = max((getattr(look, name) for look in looks), default=0)
    return f"{base if base is not None else getattr(first, name, '')} / {most} / {getattr(last, name, '')}"


def _targets(soaked: Soaked, base: int, last: Look | None, peak_mib: float | None, slope: float | None) -> list[Target]:
    found = soaked.accounts
    return [
        at_most("trials lost", found.n_lost, 0),
        at_most("calls of which the server saw another number of requests", found.n_unlike, 0),
        at_most("failures without a fault", found.unexplained.total(), 0),
        at_most("memory", peak_mib, 600, " MiB"),
        at_most("memory grows after minute 2 by", slope, 1, " MiB/min"),
        at_most("descriptors left behind", None if last is None else last.descriptors - base, _OWN_FILES),
        at_most("event loop away, p99", found.loop_p99_ms, 50, " ms"),
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--streams", type=int)
    parser.add_argument("--load", action="store_true", help="1,000 streams for 10 minutes, and no faults")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
