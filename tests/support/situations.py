"""The list of what no single request shows: an endpoint that is down, a proxy in between, a bad link. The tests play
each by its name; the page of faults is made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.support.command_runs import CommandRun


@dataclass(frozen=True, kw_only=True)
class Situation:
    """``trials``: how many of the run's trials end how, as ``ok``, ``error: KIND`` or ``pending``. ``requests``: how
    many whoever is asked has to see; None where chance decides, and then as many as were recorded. ``then``: what else
    follows. ``says``: a part of what ``run`` prints."""

    name: str
    what: str
    trials: Mapping[str, int]
    requests: int | None
    then: str
    exit_code: int
    says: str = ""


def check(situation: Situation, run: CommandRun, n_seen: int) -> None:
    """What the row says is what happened, and all of it: each trial has one status, each request is accounted for."""
    counted: dict[str, int] = {}
    for result in run.results.values():
        ending = result.status.value if result.failure is None else f"{result.status}: {result.failure.kind}"
        counted[ending] = counted.get(ending, 0) + 1
    assert counted == dict(situation.trials), run.printed
    assert (run.exit_code, run.record.manifest.exit_code) == (situation.exit_code, situation.exit_code)
    assert situation.says in run.printed and "Traceback" not in run.printed
    n_recorded = sum(len(call.attempts) for result in run.results.values() for call in result.calls)
    assert n_seen == (n_recorded if situation.requests is None else situation.requests)


_ENDPOINT = (
    Situation(
        name="down-and-back", what="Twenty calls in a row fail, and the service comes back",
        trials={"ok": 10, "error: server": 20}, requests=30, exit_code=3, says="20 of 30 calls",
        then="nothing is sent for 30 s, then one call alone; it is answered, and the rest follows",
    ),
    Situation(
        name="down-for-good", what="Twenty calls in a row fail, and so do all later ones",
        trials={"ok": 1, "error: server": 23, "pending": 6}, requests=24, exit_code=4,
        says="is down: it failed 20 calls",
        then="three times, 30 s apart, one call alone; then the run ends",
    ),
    Situation(
        name="half-down", what="Two of every three calls fail, never twenty in a row",
        trials={"ok": 29, "error: server": 51}, requests=80, exit_code=3, says="51 of 80 calls",
        then="nothing is sent for 30 s after the 51st failure among the last hundred calls",
    ),
    Situation(
        name="never-up", what="None of the first twenty calls is answered",
        trials={"error: server": 20, "pending": 10}, requests=20, exit_code=4,
        says="answered none of the first 20 calls", then="the run ends",
    ),
    Situation(
        name="key-withdrawn", what="A key that was accepted is refused three times in a row",
        trials={"ok": 1, "error: auth": 3, "pending": 6}, requests=4, exit_code=4,
        says="3 calls in a row were refused: check the key", then="the run ends",
    ),
    Situation(
        name="all-pause", what="One of many calls is told to come back in 2 s",
        trials={"ok": 30}, requests=31, exit_code=0,
        then="no call of the endpoint starts for 2 s; that is their `wait_ms`, and no part of their latency",
    ),
    Situation(
        name="budget-spent", what="The run's budget of retries is spent (`retry.budget_share` 0.004: two)",
        trials={"ok": 6, "error: server": 4}, requests=12, exit_code=3, says="4 of 10 calls",
        then="the first failure is tried three times, the others once",
    ),
)  # fmt: skip

_NGINX = (
    Situation(
        name="lumps", what="It hands on a stream without chunks whenever a buffer is full",
        trials={"ok": 6}, requests=6, exit_code=0,
        then="`n_deltas` come in few `n_reads`; the first token is as late as the buffer that held it; the report says "
        "that answers came in lumps",
    ),
    Situation(
        name="impatient", what="It waits 1 s for the service (504 with a web page; in mid-stream it closes)",
        trials={"ok": 6, "error: server": 1, "error: stream_cut": 1}, requests=12, exit_code=3, says="2 of 8 calls",
        then="it would compress, and is asked not to: a compressed stream is held back until it fills a block",
    ),
    Situation(
        name="narrow", what="It takes no request of this size (413 with a web page)",
        trials={"error: request": 2}, requests=2, exit_code=3, says="HTTP 413 with an HTML page", then="no retry",
    ),
    Situation(
        name="idle", what="It closes a connection that was idle for 1 s",
        trials={"ok": 3}, requests=3, exit_code=0, then="each call has a connection of its own, and no failed attempt",
    ),
    Situation(
        name="gone", what="The service behind it is gone (502 with a web page)",
        trials={"error: server": 2}, requests=6, exit_code=3, says="HTTP 502 with an HTML page",
        then="each call is tried three times",
    ),
)  # fmt: skip

_LINK = (
    Situation(
        name="far", what="The service is 25 ms away, each way (TLS with a private authority)",
        trials={"ok": 4}, requests=4, exit_code=0,
        then="`ttfo_ms` and `latency_ms` are 50 ms more than the service took; gaps are those of the service",
    ),
    Situation(
        name="lossy", what="5 % of all packets are lost, both ways",
        trials={"ok": 12}, requests=12, exit_code=0, then="answers are whole, and are those that the service gave",
    ),
    Situation(
        name="torn", what="The link is cut in mid-stream, for good",
        trials={"ok": 1, "error: timeout": 2}, requests=2, exit_code=3, says="2 of 3 calls",
        then="clock `idle` with the text so far, and clock `connect` for all that comes after",
    ),
    Situation(
        name="mended", what="The link is cut in mid-stream, for a second",
        trials={"ok": 3}, requests=3, exit_code=0, then="one attempt each; the second is part of the latency",
    ),
)  # fmt: skip

_LLMOCK = (
    Situation(
        name="judged",
        what="429 with a wait, 500, 400; a stream cut, closed, silent for 3 s; a malformed one: one after the other",
        trials={"ok": 4, "error: request": 1, "error: timeout": 1}, requests=11, exit_code=3, says="2 of 6 calls",
        then="`llmock report` passes the client; one warning, as it takes the retry after the malformed one for a call",
    ),
)  # fmt: skip

#: Title of a group to its rows.
SITUATIONS: Mapping[str, Sequence[Situation]] = {
    "An endpoint as a whole": _ENDPOINT,
    "nginx in front of the service": _NGINX,
    "A bad link, packet by packet, between two network namespaces": _LINK,
    "llmock, which breaks answers and judges the client": _LLMOCK,
}

BY_NAME: Mapping[str, Situation] = {row.name: row for rows in SITUATIONS.values() for row in rows}
