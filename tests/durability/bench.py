"""A small run that is made again and again, and what has to be true of its folder whatever happened to it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.core.model import Status
from evalharness.store import load
from evalharness.store.trial_lines import trial_lines
from evalharness.store.verify import verify
from tests.support.servers import simulator

CONCURRENCY = 3
_SUITE = """
suite: kept
endpoints:
  e: {{base_url: "{base_url}", model: sim-mini}}
prompts: {{plain: "{prompt} {{{{ question }}}}"}}
sweep: {{axes: {{reasoning.effort: [none, high]}}}}
cases:
{cases}
repeats: 2
graders:
  - {{id: answer, type: numeric, expected: "{{{{ expected }}}}"}}
load: {{concurrency: {concurrency}}}
"""
#: What differs between two runs of one suite: when, and by which attempt.
_OF_ONE_RUN = ("request_id", "response_id", "run_id", "timing", "attempts")


@dataclass(frozen=True)
class Served:
    """A simulator for many runs. Its log is whole when it has ended."""

    base_url: str
    log: Path

    def seen(self) -> Mapping[str, list[dict[str, Any]]]:
        """Requests by run id."""
        entries = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]
        by_run: dict[str, list[dict[str, Any]]] = {}
        for entry in entries:
            if entry["client_request_id"]:
                by_run.setdefault(entry["client_request_id"].split(".")[0], []).append(entry)
        return by_run


#: Three in ten first attempts fail and are sent again, so that trials are cut between attempts too.
RETRIED = "status;code=503;retry_after_ms=5"


@contextmanager
def served(folder: Path, *, time_scale: float, fault: str = RETRIED, share: float = 0.3) -> Iterator[Served]:
    profile = folder / "profile.json"
    profile.write_text(json.dumps({"extends": "default", "time_scale": time_scale}), encoding="utf-8")
    faults = {"rules": [{"fault": fault, "share": share}]}
    log = folder / "truth.jsonl"
    with simulator(profile=str(profile), faults=faults, folder=folder, truth_log=log) as server:
        yield Served(server.base_url, log)


def write_suite(folder: Path, base_url: str, *, n_cases: int, prompt: str = "Give only the number.") -> Path:
    """Four trials a case."""
    cases = "\n".join(
        f'  - {{id: c{n}, vars: {{question: "What is {n + 10} + {n + 20}?"}}, expected: "{2 * n + 30}"}}'
        for n in range(n_cases)
    )
    path = folder / "suite.yaml"
    path.write_text(_SUITE.format(base_url=base_url, prompt=prompt, cases=cases, concurrency=CONCURRENCY), "utf-8")
    return path


def run_folders(out: Path) -> list[Path]:
    """In no order that says which came first; whatever else lies there is none."""
    return sorted(path for path in (out / "kept").glob("2*") if path.is_dir())


def kept(folder: Path) -> Mapping[str, str]:
    """Trial id to all that is exported of it, of those that have ended."""
    lines = {line["trial_id"]: line for line in trial_lines(load.load(folder))}
    return {name: json.dumps(line) for name, line in lines.items() if line["status"] != Status.PENDING}


def without_times(folder: Path) -> bytes:
    """The export of a run but for what is different in every run."""
    lines = trial_lines(load.load(folder))
    return b"\n".join(
        json.dumps({key: value for key, value in line.items() if key not in _OF_ONE_RUN}).encode() for line in lines
    )


def damage(folder: Path, before: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with a run that had ``before`` as it was committed; nothing where all is well."""
    yield from verify(folder)
    now = kept(folder)
    for name, line in before.items():
        if name not in now:
            yield f"{folder.name}: trial {name} was committed and is lost"
        elif now[name] != line:
            yield f"{folder.name}: trial {name} was committed and is another now"


def unaccounted(folder: Path, seen: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Where requests and records of a run differ: what was recorded was seen, and nothing was seen that is recorded
    neither as an attempt nor as one that may have been sent."""
    n_seen = Counter(entry["client_request_id"].split(".")[1] for entry in seen)
    record = load.load(folder)
    n_recorded: Counter[str] = Counter()
    for result in (*record.results.values(), *load.earlier_results(folder)):
        n_recorded[result.trial_id] += sum(len(call.attempts) for call in result.calls)
    lost = load.lost_attempts(folder)
    n_unknown = Counter(attempt.trial_id for attempt in lost)
    for name in sorted({*n_seen, *n_recorded, *n_unknown}):
        if not n_recorded[name] <= n_seen[name] <= n_recorded[name] + n_unknown[name]:
            yield (
                f"{folder.name}: trial {name} was seen {n_seen[name]} times, "
                f"{n_recorded[name]} attempts are recorded and {n_unknown[name]} unknown"
            )
    # By trial: the attempts before the one that was in flight are stored with the trial's end, like itself.
    for session, n in Counter(session for session, _ in {(lost.session, lost.trial_id) for lost in lost}).items():
        if n > CONCURRENCY:
            yield f"{folder.name}: {n} trials unknown of session {session}, with {CONCURRENCY} in flight"
