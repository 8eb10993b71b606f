"""``run --log FILE``: what happens in a run, as one JSON object a line. Its names are documented in ``docs/log.md``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from evalharness.core.clock import SystemClock, utc_text
from evalharness.core.errors import StoreError
from evalharness.core.events import (
    AttemptFailed,
    AttemptStarted,
    RunFinished,
    RunStarted,
    RunStopping,
    TrialFinished,
    TrialStarted,
)
from evalharness.core.model import Plan, Trial
from evalharness.core.ports import Clock
from evalharness.metrics.measure import measure_trial
from evalharness.wire.redact import redact

Fields = dict[str, Any]


class EventLog:
    """Implements ``Sink``. Lines are added to what the file has, so that a resumed run goes on in it.

    A log that cannot be written any more is given up with one line on stderr: the run itself goes on.
    """

    def __init__(self, path: Path, *, environ: Mapping[str, str], clock: Clock | None = None) -> None:
        """``environ`` has the keys that are kept out of every line. Raises ``StoreError`` where there is no such file
        to be had."""
        self._path = path
        self._environ = environ
        self._clock = clock or SystemClock()
        self._run_id = ""
        self._secrets: tuple[str, ...] = ()
        try:
            # Error messages of services are in it: for its owner alone, as the run's own file.
            self._file: int | None = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            hint = "name a file in a folder that is there and can be written"
            raise StoreError(f"--log {path}: {error.strerror}", hint=hint) from error

    def receive(self, event: object) -> None:
        if isinstance(event, RunStarted):
            self._run_id = event.run_id
            self._secrets = _keys(event.plan, self._environ)
        if type(event) not in _TOLD or self._file is None:
            return
        name, fields_of = _TOLD[type(event)]
        told_at = {"at": utc_text(self._clock.utc_ns()), "event": name, "run_id": self._run_id}
        line = json.dumps(told_at | self._clean(fields_of(event)), separators=(",", ":"))
        try:
            os.write(self._file, line.encode("ascii") + b"\n")
        except OSError as error:
            self.close()
            print(f"--log {self._path}: {error.strerror}: nothing more is logged", file=sys.stderr, flush=True)  # noqa: T201

    def _clean(self, fields: Fields) -> Fields:
        return {
            name: redact(value, self._secrets) if isinstance(value, str) else value for name, value in fields.items()
        }

    def close(self) -> None:
        """Safe to call twice."""
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
            self._file = None


def _keys(plan: Plan, environ: Mapping[str, str]) -> tuple[str, ...]:
    names = [endpoint.api_key_env for endpoint in plan.suite.endpoints if endpoint.api_key_env]
    return tuple(key for name in names if (key := environ.get(name, "").strip()))


# ---------------------------------------------------------------- what is told of each event


def _run_started(event: RunStarted) -> Fields:
    return {
        "suite": event.plan.suite.name,
        "plan_hash": event.plan.plan_hash,
        "n_trials": len(event.plan.trials),
        "n_finished": len(event.finished),
        "n_lost_attempts": event.n_lost_attempts,
    }


def _trial(trial: Trial) -> Fields:
    return {
        "trial_id": trial.trial_id,
        "case_id": trial.case_id,
        "arm_id": trial.arm_id,
        "repeat_index": trial.repeat_index,
        "phase": trial.phase.value,
    }


def _attempt_failed(event: AttemptFailed) -> Fields:
    failure = event.failure
    return {
        "trial_id": event.trial.trial_id,
        "attempt": event.attempt_index,
        "kind": failure.kind.value,
        "message": failure.message,
        "http_status": failure.http_status,
        "code": failure.code,
        "clock": None if failure.clock is None else failure.clock.value,
        "retry_after_ms": failure.retry_after_ms,
        "wait_ms": event.wait_ms,
        "reason": event.reason,
    }


def _trial_finished(event: TrialFinished) -> Fields:
    result, measured = event.result, measure_trial(event.result)
    last = result.calls[-1] if result.calls else None
    return {
        "trial_id": result.trial_id,
        "status": result.status.value,
        "kind": None if result.failure is None else result.failure.kind.value,
        "n_attempts": sum(len(call.attempts) for call in result.calls),
        "request_id": None if last is None else last.last_attempt.request_id,
        "response_id": None if last is None else last.answer.response_id,
        "anomalies": list(result.anomalies),
        "scores": {grader_id: score.value for grader_id, score in result.scores.items()},
        **{name: measured.get(name) for name in ("wait_ms", "ttfo_ms", "latency_ms", "total_ms", "cost_usd")},
    }


_TOLD: Mapping[type, tuple[str, Callable[[Any], Fields]]] = {
    RunStarted: ("run.started", _run_started),
    TrialStarted: ("trial.started", lambda event: _trial(event.trial)),
    AttemptStarted: (
        "attempt.started",
        lambda event: {"trial_id": event.trial_id, "turn": event.turn_index, "attempt": event.attempt_index},
    ),
    AttemptFailed: ("attempt.failed", _attempt_failed),
    TrialFinished: ("trial.finished", _trial_finished),
    RunStopping: (
        "run.stopping",
        lambda event: {"reason": event.reason, "n_in_flight": event.n_in_flight, "grace_s": event.grace_s},
    ),
    RunFinished: ("run.finished", lambda event: {"stop_message": event.stop_message}),
}
