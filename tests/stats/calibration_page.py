"""Measures the situations of all topics and writes evalharness/docs/calibration.md: ``poe calibrate``.

    poe calibrate --runs 1000 --jobs 2        everything, as for a release
    poe calibrate --topic gates --runs 200    one topic; the others keep their figures
    poe calibrate --page                      the page again from what was measured

A thousand runs of all topics but ``simulator`` take about 85 minutes of one core; of ``simulator``, whose calls wait as
calls do, 400 take 22 minutes with two processes and half of a core each; the machine has to be quiet for its times.

Figures are kept in ``calibration.json`` beside this file, so that topics can be measured one at a time; the page is
made from it and from the situations as they are now.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.stats.calibrate import ERRORS_ALLOWED, RESAMPLES, Cell, Rate, measure

STORE = Path(__file__).with_name("calibration.json")
PAGE = Path("evalharness/docs/calibration.md")
MOST_JOBS = 2
#: Cell name -> (runs in which it covered or rejected, runs).
Counts = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Topic:
    name: str
    title: str
    module: str
    about: str

    def cells(self) -> list[Cell]:
        return _cells(self.module)

    def counts(self, runs: int, jobs: int, only: str) -> dict[str, tuple[int, int]]:
        """Topics whose one run answers all their situations measure themselves: ``counts(runs, jobs)`` of their
        module."""
        together: Callable[[int, int], dict[str, tuple[int, int]]] | None
        together = getattr(importlib.import_module(self.module), "counts", None)
        if together is not None:
            return together(runs, jobs)
        return dict(self._each(runs, jobs, only))

    def _each(self, runs: int, jobs: int, only: str) -> Iterator[tuple[str, tuple[int, int]]]:
        wanted = [index for index, cell in enumerate(self.cells()) if only in cell.name]
        if jobs == 1:
            yield from (_measured(self.module, index, runs) for index in wanted)
            return
        n = len(wanted)
        with ProcessPoolExecutor(jobs) as pool:
            yield from pool.map(_measured, [self.module] * n, wanted, [runs] * n)


TOPICS = (
    Topic(
        "means",
        "Shares, differences, quantiles, money",
        "tests.stats.calibrate",
        "`share` and `score`: the interval of one arm. `paired`: a candidate against a baseline on the same cases. "
        "`wrong ... bound`: the one-sided 95% bound. `joint coverage`: all intervals of a family at once.",
    ),
    Topic(
        "gates",
        "Gates, and looking while a run goes on",
        "tests.stats.calibrate_gates",
        "The truth lies exactly at a gate's limit, where errors are most frequent. `wrong pass`, `wrong fail`: how "
        "often that verdict is given. `peeking`: a look after every case until there is a verdict.",
    ),
    Topic(
        "times",
        "Times of latency runs",
        "tests.stats.calibrate_times",
        "Trials in the order of time: independent, with correlation from each to the next (AR(1)), with stalls that "
        "hit all in flight, with three requests of different length. Wider bounds mark what blocks of time are not "
        "made for (see `decisions/0010-latency-estimand.md`).",
    ),
    Topic(
        "orders",
        "Order of efforts, fronts, shifts, routers",
        "tests.stats.calibrate_ordered_shift_router",
        "Page's L, Jonckheere and trends where levels differ or do not; all quantile ratios of a shift function at "
        "once; the places of an arm on the front; bounds of what a router over efforts could gain.",
    ),
    Topic(
        "judge",
        "Judges, preference, several tries",
        "tests.stats.calibrate_judge",
        "A judge with sensitivity Se and specificity Sp, corrected by labels of this run (PPI++) or of other outputs "
        "(Rogan-Gladen); preferences in both orders; Bradley-Terry; pass@k, pass^k and maj@k.",
    ),
    Topic(
        "planning",
        "Plans, pilots, flips and tags",
        "tests.stats.calibrate_planning",
        "Power of runs planned for 80%; how often a pilot's cautious variance is not below the true one (at least four "
        "times in five, with some allowance); false claims about single cases (false discoveries at 10%) and tags.",
    ),
    Topic(
        "prices",
        "What a step takes for what it gains",
        "tests.stats.calibrate_prices",
        "Extra cost per point of score, given only where the step is shown to gain: how often a price is shown whose "
        "interval misses the true one. Without a true gain every finite price is wrong.",
    ),
    Topic(
        "changes",
        "Changes from run to run",
        "tests.stats.calibrate_changes",
        "Histories of runs in which nothing changed, and such with one change; sizes in standard errors of a run. The "
        "alarm rate asked for is 5% over the whole history. Outliers between runs are not what the method is made for.",
    ),
    Topic(
        "simulator",
        "End to end: the intervals and verdicts of whole reports",
        "tests.stats.calibrate_end_to_end",
        "Each run is a whole evaluation of the built-in simulator, whose truth is declared: other difficulties, other "
        "answers. What is counted are the intervals as printed in the report.",
    ),
    Topic(
        "mistakes",
        "What usual mistakes cost",
        "tests.stats.calibrate_mistakes",
        "Methods this program does not use, in the same situations. They have no bound to keep.",
    ),
)


@cache
def _cells(module: str) -> list[Cell]:
    return list(importlib.import_module(module).grid())


def _measured(module: str, index: int, runs: int) -> tuple[str, tuple[int, int]]:
    """In a worker: cells hold closures, so that only their place in the grid can be sent."""
    rate = measure(_cells(module)[index], runs)
    return rate.cell.name, (round(rate.rate * runs), runs)


def stored() -> dict[str, dict[str, list[int]]]:
    return json.loads(STORE.read_text(encoding="utf-8")) if STORE.exists() else {}


def rates(topic: Topic, counts: Counts) -> list[Rate]:
    """Those of the topic's situations that were measured."""
    found = [(cell, counts[cell.name]) for cell in topic.cells() if cell.name in counts]
    return [Rate(cell=cell, runs=runs, rate=hits / runs) for cell, (hits, runs) in found]


def page() -> str:
    """What stands in the docs. Raises nothing for situations without figures: the test of the page does."""
    kept = stored()
    found = {topic: rates(topic, kept[topic.name]) for topic in TOPICS if topic.name in kept}
    sections = [_section(topic, topic_rates) for topic, topic_rates in found.items()]
    return "\n".join([HEADER.format(resamples=RESAMPLES, beyond=_beyond(found)), *sections])


def _beyond(found: Mapping[Topic, list[Rate]]) -> str:
    bounded = [rate for each in found.values() for rate in each if _bound(rate.cell)]
    beyond = [rate for rate in bounded if not rate.holds]
    first = f"{len(beyond)} of {len(bounded)} situations with a bound lie beyond it"
    lines = [f"- {rate.cell.name}: {rate.rate:.3f}, {_bound(rate.cell)} ({rate.runs:,} runs)" for rate in beyond]
    return "\n".join([first + (":" if beyond else "."), *lines])


def _section(topic: Topic, found: list[Rate]) -> str:
    runs = sorted({rate.runs for rate in found})
    each = f"{runs[0]:,}" if len(runs) == 1 else f"{runs[0]:,} to {runs[-1]:,}"
    head = f"## {topic.title}\n\n{topic.about}\n{each} runs each.\n\n"
    lines = ["| situation | rate | Monte-Carlo error | bound | |", "|---|---|---|---|---|"]
    for rate in found:
        verdict = "" if rate.holds else "**beyond the bound**"
        lines.append(f"| {rate.cell.name} | {rate.rate:.4f} | {rate.error:.4f} | {_bound(rate.cell)} | {verdict} |")
    return head + "\n".join(lines) + "\n"


def _bound(cell: Cell) -> str:
    if cell.at_least is not None:
        return f"at least {cell.at_least:g}"
    return f"at most {cell.at_most:g}" if cell.at_most is not None else ""


HEADER = f"""# Calibration

How often the intervals of this program cover the truth, and how often its tests, gates and rules raise a false alarm,
in simulated evaluations where the truth is known. Levels are 95%, two-sided unless a situation says `bound`: there it
is the one-sided 95% bound that gates and limits use. n cases, K repeats; icc is the correlation of two trials of one
case. The bound of an interval's coverage is 0.94 where 10 or more minority outcomes are expected, 0.93 from 3, 0.90
below. A rate counts as beyond its bound when it misses by more than {ERRORS_ALLOWED} Monte-Carlo errors: of a thousand
rates that lie exactly at their bound about five would.

Made by `poe calibrate`, with {{resamples}} resamples where a method draws. Each situation has its own stream of random
numbers: the same code gives the same table.

{{beyond}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--topic", action="append", choices=[topic.name for topic in TOPICS], help="default: all")
    parser.add_argument("--only", default="", help="situations whose name contains this")
    parser.add_argument("--jobs", type=int, choices=range(1, MOST_JOBS + 1), default=1, help="processes")
    parser.add_argument("--page", action="store_true", help="measure nothing, write the page again")
    options = parser.parse_args()
    for topic in TOPICS:
        if options.page or (options.topic and topic.name not in options.topic):
            continue
        counts = topic.counts(options.runs, options.jobs, options.only)
        _keep(topic, counts)
        beyond = [rate.cell.name for rate in rates(topic, counts) if not rate.holds]
        print(f"{topic.name}: {len(counts)} situations, {len(beyond)} beyond their bound", *beyond, sep="\n  ")
        sys.stdout.flush()
    PAGE.write_text(page(), encoding="utf-8")


def _keep(topic: Topic, counts: Counts) -> None:
    """New figures over old ones; those of situations that are no longer there go."""
    kept = stored()
    known = {cell.name for cell in topic.cells()}
    merged = {**kept.get(topic.name, {}), **counts}
    kept[topic.name] = {name: merged[name] for name in merged if name in known}
    STORE.write_text(json.dumps(kept, indent=0) + "\n", encoding="utf-8")
