"""Progress on stderr: one live line per arm on a terminal, a plain line every ten seconds elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

from evalharness.app.tally import ArmTally, Tally
from evalharness.core.clock import SystemClock
from evalharness.core.events import AttemptFailed, RunStarted, RunStopping, TrialFinished
from evalharness.core.units import NS_PER_S
from evalharness.metrics.measure import measure_trial
from evalharness.report.visible import visible

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

PLAIN_EVERY_S = 10
FAILURES_SAID = 5
LIVE_EVERY_S = 0.25


class PlainProgress:
    """Lines for logs and CI. Says nothing of a run that ends within ten seconds but its notices."""

    def __init__(self, stream: TextIO | None = None, clock: SystemClock | None = None) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock or SystemClock()
        self._tally: Tally | None = None
        self._started_ns = self._last_ns = 0
        self._n_found = 0
        self._n_failed = 0

    def receive(self, event: object) -> None:
        if isinstance(event, RunStarted):
            self._start(event)
        elif isinstance(event, TrialFinished) and self._tally is not None:
            ttfo_ms = measure_trial(event.result).get("ttfo_ms")
            self._tally.count(event.trial, event.arm, event.result, ttfo_ms)
            self._tick(self._tally)
        elif isinstance(event, AttemptFailed):
            self._failed(event)
        elif isinstance(event, RunStopping):
            self._say(stopping_text(event))

    def _start(self, event: RunStarted) -> None:
        self._tally = tally = Tally(event.plan)
        self._started_ns = self._last_ns = self._clock.monotonic_ns()
        arms = {arm.arm_id: arm for arm in event.plan.arms}
        for trial in event.plan.trials:
            if (result := event.finished.get(trial.trial_id)) is not None:
                tally.count(trial, arms[trial.arm_id], result, measure_trial(result).get("ttfo_ms"))
        self._n_found = tally.n_done
        if self._n_found:
            self._say(f"resuming {event.run_id}: {self._n_found:,} trials are finished and kept")
        if event.n_lost_attempts:
            lost = f"{event.n_lost_attempts:,} attempts were in flight when the run was killed"
            self._say(f"{lost}: they may have been charged, and will be asked again")

    def _tick(self, tally: Tally) -> None:
        now_ns = self._clock.monotonic_ns()
        if now_ns - self._last_ns >= PLAIN_EVERY_S * NS_PER_S:
            self._last_ns = now_ns
            left = remaining_text(tally, self._n_found, now_ns - self._started_ns)
            planned = f" of {tally.n_planned:,}" if tally.n_planned else ""
            self._say(f"{tally.n_done:,}{planned} trials, {left}")
            for arm in tally.arms.values():
                label, done, quality, ttfo, errors, cost = arm_cells(arm)
                self._say(f"  {label}: {done}, quality {quality}, first output {ttfo}, {errors} errors, {cost}")

    def _failed(self, event: AttemptFailed) -> None:
        if event.wait_ms is not None:
            return
        self._n_failed += 1
        if self._n_failed <= FAILURES_SAID:
            self._say(f"case {event.trial.case_id}: {event.failure.kind}: {event.failure.message}")
        elif self._n_failed == FAILURES_SAID + 1:
            self._say("more calls fail: from here on they are counted, and listed in the report")

    def _say(self, text: str) -> None:
        print(visible(text), file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing is held open by plain lines."""


class LiveProgress(PlainProgress):
    """A table that is redrawn in place; rich is imported when the first result is in, not before the first call."""

    def __init__(self, stream: TextIO | None = None, clock: SystemClock | None = None) -> None:
        super().__init__(stream, clock)
        self._live: Live | None = None

    def _tick(self, tally: Tally) -> None:
        now_ns = self._clock.monotonic_ns()
        if now_ns - self._last_ns < LIVE_EVERY_S * NS_PER_S:
            return
        self._last_ns = now_ns
        table = self._table(tally, now_ns - self._started_ns)
        if self._live is None:
            from rich.console import Console
            from rich.live import Live

            # No refresh thread: it would take the interpreter from the loop that stamps arrivals.
            self._live = Live(console=Console(file=self._stream), auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(table, refresh=True)

    def _table(self, tally: Tally, elapsed_ns: int) -> Table:
        from rich.table import Table
        from rich.text import Text

        # ``Text``, because a label is whatever a suite's author chose: rich would read [brackets] as markup.
        table = Table(box=None, pad_edge=False, header_style="dim", caption_justify="left")
        table.add_column("arm")
        for title in ("done", "quality (95%)", "first output p50", "errors", "cost"):
            table.add_column(title, justify="right")
        for arm in tally.arms.values():
            table.add_row(*(Text(cell) for cell in arm_cells(arm)))
        table.caption = remaining_text(tally, self._n_found, elapsed_ns)
        return table

    def _say(self, text: str) -> None:
        if self._live is not None:
            self._live.console.print(visible(text), markup=False, highlight=False)
        else:
            super()._say(text)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def arm_cells(arm: ArmTally) -> tuple[str, ...]:
    """Label, done of planned, quality, median time to first output, errors, cost; a dash where nothing is known."""
    quality, ttfo_ms = arm.quality, arm.ttfo_p50_ms
    return (
        visible(arm.label),
        f"{arm.n_done:,}/{arm.n_planned:,}" if arm.n_planned else f"{arm.n_done:,}",
        "–" if quality is None else f"{quality[0]:.0%} [{quality[1]:.0%}, {quality[2]:.0%}]",
        "–" if ttfo_ms is None else f"{ttfo_ms:,.0f} ms",
        f"{arm.n_errors:,}",
        "–" if arm.cost_usd is None else f"${arm.cost_usd:.4f}",
    )


def remaining_text(tally: Tally, n_found: int, elapsed_ns: int) -> str:
    """How long the rest takes: by the clock where time ends the run, else at the pace of this process so far."""
    if tally.timed_s is not None:
        return _left(max(0.0, tally.timed_s - elapsed_ns / NS_PER_S))
    n_here = tally.n_done - n_found
    if n_here == 0:
        return "no trial has ended yet"
    seconds = (tally.n_planned - tally.n_done) * elapsed_ns / n_here / NS_PER_S
    return _left(seconds)


def _left(seconds: float) -> str:
    return f"about {seconds:,.0f} s left" if seconds < 120 else f"about {seconds / 60:,.0f} min left"


def stopping_text(event: RunStopping) -> str:
    calls = f"{event.n_in_flight} call{'' if event.n_in_flight == 1 else 's'} in flight"
    grace = "" if event.grace_s is None else f", given {event.grace_s:.0f} s"
    return f"stopping: {event.reason}; no new call, {calls}{grace}"


class NoProgress(PlainProgress):
    """``--quiet``: only notices of stops, which nobody wants to miss."""

    def _tick(self, tally: Tally) -> None:
        """Says nothing."""

    def _failed(self, event: AttemptFailed) -> None:
        """Says nothing: failures are in the report."""


def progress(stream: TextIO, *, quiet: bool) -> PlainProgress:
    """The display that fits where stderr goes."""
    if quiet:
        return NoProgress(stream)
    return LiveProgress(stream) if stream.isatty() else PlainProgress(stream)
