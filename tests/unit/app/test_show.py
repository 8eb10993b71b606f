"""One case in full, as text that is safe to print."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace

import pytest

from evalharness.app.show import show
from evalharness.core.errors import UsageError
from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Endpoint, EndpointKind, Status
from evalharness.core.record import Attempt, AttemptStatus, LostAttempt, RunRecord, TrialResult
from evalharness.report.curl import curl, without_files
from tests.support.runs import make_run

RUN = make_run(arms=2, cases=4, repeats=2, seed=3)
CASE = RUN.plan.suite.cases[0].case_id


def test_all_trials_of_the_chosen_arms_are_shown() -> None:
    text = show(RUN, CASE, arms=RUN.plan.arms, repeat=None)
    assert text.count("── ") == 4
    assert text.count("score ") >= 4
    assert "first output" in text
    for repeat in (1, 2):
        one = show(RUN, CASE, arms=RUN.plan.arms[:1], repeat=repeat)
        assert [line for line in one.splitlines() if "── " in line] == [
            line for line in text.splitlines() if f"── {RUN.plan.arms[0].label}, repeat {repeat}:" in line
        ]
    with pytest.raises(UsageError, match="has no repeat 3"):
        show(RUN, CASE, arms=RUN.plan.arms, repeat=3)


def test_an_unknown_case_names_the_near_ones() -> None:
    with pytest.raises(UsageError) as problem:
        show(RUN, CASE + "x", arms=RUN.plan.arms, repeat=None)
    assert CASE in (problem.value.hint or "")


def test_what_a_model_wrote_cannot_steer_the_terminal() -> None:
    trial = next(trial for trial in RUN.plan.trials if trial.case_id == CASE)
    result = RUN.results[trial.trial_id]
    call = replace(result.calls[0], answer=replace(result.calls[0].answer, text="\x1b[2J\u202eevil"))
    run = replace(RUN, results={**RUN.results, trial.trial_id: replace(result, calls=(call,))})
    text = show(run, CASE, arms=RUN.plan.arms, repeat=None)
    assert "\x1b" not in text and "\u202e" not in text
    assert "\\x1b[2J\\u202eevil" in text


def test_an_attempt_that_was_in_flight_at_a_kill_stands_with_its_trial_alone() -> None:
    trial = next(trial for trial in RUN.plan.trials if trial.case_id == CASE)
    lost = LostAttempt(
        trial_id=trial.trial_id, turn_index=0, attempt_index=1, session=1, begun_utc="2026-11-22T14:02:16Z"
    )
    blocks = show(replace(RUN, lost_attempts=(lost,)), CASE, arms=RUN.plan.arms, repeat=None).split("── ")
    told = [block for block in blocks if "may have been charged" in block]
    assert len(told) == 1 and "attempt 2: begun 2026-11-22T14:02:16Z" in told[0]
    assert f"repeat {trial.repeat_index + 1}:" in told[0]


def test_the_curl_command_is_a_shell_command_and_names_the_key_only() -> None:
    endpoint = Endpoint(name="e", kind=EndpointKind.HTTP, target="http://127.0.0.1:1/v1", api_key_env="SOME_KEY")
    call = replace(RUN.results[RUN.plan.trials[0].trial_id].calls[0], request={"input": "it's $HOME `id`\nBODY\nx"})
    script = "curl() { printf '%s\\n' \"$@\"; cat; }\n" + curl(endpoint, call.request)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env={"SOME_KEY": "k"}, check=True)
    assert done.stdout.splitlines()[1] == "http://127.0.0.1:1/v1/responses"
    assert "authorization: Bearer k" in done.stdout
    assert json.loads(done.stdout[done.stdout.index("{") :]) == call.request


def test_a_file_in_a_request_is_named_in_the_page_and_not_repeated() -> None:
    body = {
        "input": [{"image_url": "data:image/png;base64," + "A" * 4000}, {"image_url": "data:image/png;base64,AAAA"}]
    }
    first, second = (item["image_url"] for item in without_files(body)["input"])
    assert first.startswith("data:image/png;base64,(4,000 characters, sha256 of them ")
    assert second == "data:image/png;base64,AAAA"


def failing(**changes: object) -> tuple[str, RunRecord, TrialResult]:
    """A trial, the run in which its only attempt failed, and that result."""
    trial = next(trial for trial in RUN.plan.trials if trial.case_id == CASE)
    failure = Failure(kind=FailureKind.STREAM_CUT, message="broke off", **changes)  # type: ignore[arg-type]
    attempt = Attempt(index=0, status=AttemptStatus.ERROR, http_status=200, failure=failure)
    before = RUN.results[trial.trial_id]
    call = replace(before.calls[0], status=Status.ERROR, attempts=(attempt,), failure=failure)
    result = replace(before, status=Status.ERROR, calls=(call,), failure=failure, scores={})
    return trial.trial_id, replace(RUN, results={**RUN.results, trial.trial_id: result}), result


def test_one_trial_is_shown_by_its_id() -> None:
    trial_id, run, _ = failing()
    text = show(run, trial_id, arms=run.plan.arms, repeat=None)
    assert text.count("── ") == 1
    assert f"\n  trial {trial_id}\n" in text and text.startswith(f"case {CASE}")


def test_the_first_bytes_of_a_failed_attempt_are_shown_on_demand_and_obeyed_by_nobody() -> None:
    trial_id, run, _ = failing(body_excerpt="event: x\n── faked, repeat 1: ok\n\x1b[2J\\xff")
    assert "faked" not in show(run, trial_id, arms=run.plan.arms, repeat=None)
    lines = show(run, trial_id, arms=run.plan.arms, repeat=None, raw=True).splitlines()
    at = lines.index("    | event: x")
    assert "began with (44 bytes are kept" in lines[at - 1]
    assert lines[at + 1 : at + 3] == ["    | ── faked, repeat 1: ok", "    | \\x1b[2J\\xff"]
    trial_id, run, _ = failing()
    assert "no byte of a body came" in show(run, trial_id, arms=run.plan.arms, repeat=None, raw=True)


def test_attempts_of_a_trial_before_it_was_asked_again_are_shown_too() -> None:
    trial_id, _, failed = failing()
    text = show(RUN, trial_id, arms=RUN.plan.arms, repeat=None, earlier=(failed, replace(failed, trial_id="another")))
    first, second = text.index("asked the 1st time: error"), text.index("asked the 2nd time:")
    assert first < text.index("stream_cut: broke off") < second < text.index("attempt 1: ok")
    assert "asked the 3rd" not in text
