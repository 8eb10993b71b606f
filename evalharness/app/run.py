"""``run``: a suite in, measured trials, a run folder, a report."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from evalharness import __version__
from evalharness.app import interrupts
from evalharness.app.continuation import Continuation, continuation, is_missing_data
from evalharness.app.ending import WHOLE, how_it_ended
from evalharness.app.environment import client_environment
from evalharness.app.foreman import staffed
from evalharness.app.lanes import LaneParts, accesses, base_urls, check_keys, check_requests, open_lanes, used_endpoints
from evalharness.app.observer import Observer
from evalharness.app.passes import Passes
from evalharness.app.preflight import most_in_flight, wanted_in_flight
from evalharness.app.settings import Resolved, RunSettings, with_suite
from evalharness.app.undisturbed import undisturbed
from evalharness.core.clock import SystemClock, utc_text
from evalharness.core.errors import ExitCode, StoreError, UsageError
from evalharness.core.events import AttemptStarted, RunFinished, RunStarted
from evalharness.core.model import EndpointKind, Json, PendingReason, Phase, Plan, Status, Trial
from evalharness.core.ports import Sink
from evalharness.core.record import RunManifest, RunRecord, RunState
from evalharness.core.units import ns_from_ms
from evalharness.engine.budget import Ledger
from evalharness.engine.call import Lane
from evalharness.engine.execute import Conduct, execute
from evalharness.engine.grading import Grading, RunCode, no_code
from evalharness.engine.response_ids import ResponseIds
from evalharness.engine.stop import StopSignal
from evalharness.engine.trial import TrialContext
from evalharness.load_shapes import stretches
from evalharness.plan.expand import PlanFlags, make_plan
from evalharness.store import load, lock, run_store
from evalharness.store.runs import new_run_id, suite_folder
from evalharness.suite.files import LoadedSuite, ReadSettings, grader_of, read_suite, reader_of, runs_code
from evalharness.suite.templates import render_turn
from evalharness.transport.crew import Crew
from evalharness.transport.loop import new_event_loop

if TYPE_CHECKING:
    from evalharness.verdict.baseline_trials import Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a person asked for on the command line or through the API.

    ``baseline``: a run or a baseline file to compare with; None: the one that a continued run was begun with, if any.
    """

    suite_path: Path
    flags: PlanFlags
    resolved: Resolved
    environ: Mapping[str, str]
    fresh: bool = False
    retry_errors: bool = False
    offline: bool = False
    baseline: str | None = None

    @property
    def settings(self) -> RunSettings:
        return self.resolved.settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """``stop_message`` None: every planned trial has ended and no more than tolerated failed; it may say why a run that
    is complete sent less than was planned.

    ``exit_code`` is that of the run alone, before any gate is judged. ``n_missing`` trials failed in a way that leaves
    a gap in the data.
    """

    folder: Path
    exit_code: ExitCode
    stop_message: str | None
    n_missing: int
    has_gates: bool = False


def load_and_plan(request: RunRequest) -> tuple[LoadedSuite, Plan]:
    """Read the suite and make the plan; nothing is called.

    Raises:
        SuiteError: every problem of the suite.
        UsageError: flags that select nothing or name what is not there.
    """
    settings = ReadSettings(
        endpoint=request.flags.endpoint,
        allow_outside=request.settings.allow_outside,
        allow_code=request.settings.allow_code,
        allow_http=request.settings.allow_http,
        environ=request.environ,
    )
    loaded = read_suite(request.suite_path, settings=settings)
    plan = make_plan(loaded.suite, request.flags)
    check_requests(plan)
    outside = [endpoint.name for endpoint in used_endpoints(plan) if endpoint.kind is EndpointKind.HTTP]
    if request.offline and outside:
        hint = "choose a simulator or local endpoint with --endpoint, or leave --offline out"
        raise UsageError(f"--offline, but the plan calls endpoint {', '.join(outside)}", hint=hint)
    return loaded, plan


#: Connections opened before an open loop begins, and at most before any.
OPEN_AHEAD = 16
MOST_OPEN_AHEAD = 256


def run_to_end(request: RunRequest, sinks: Sequence[Sink]) -> RunOutcome:
    """``run`` in an event loop of its own, the one that measures best."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(run(request, sinks))


async def run(request: RunRequest, sinks: Sequence[Sink]) -> RunOutcome:
    """Run a suite, or continue its newest run, and store everything. The report is another use case.

    Raises:
        UsageError, SuiteError, PlanChangedError: nothing was called; a key that is missing among them.
        EndpointError: a server of this machine did not start.
        StoreError: the run folder cannot be written; what was committed is readable.
    """
    loaded, plan = load_and_plan(request)
    check_keys(plan, request.environ)
    _check_cost_budget(plan, request.resolved)
    _check_settling(plan)
    with lock.hold(suite_folder(request.settings.out, plan.suite.name)):
        found = continuation(request.settings.out, plan, fresh=request.fresh, retry_errors=request.retry_errors)
        baseline = _baseline(request, plan, found)
        return await _Run(request, loaded, plan, found, sinks, baseline).carry_out()


def _baseline(request: RunRequest, plan: Plan, found: Continuation | None) -> Kept | None:
    """Raises ``UsageError`` where there is no such baseline, or the run could not be compared with it."""
    if request.baseline is None:
        return None
    from evalharness.app.baseline import read_baseline, refuse_unfit

    kept = read_baseline(request.baseline, request.settings.out)
    if found is not None and kept.facts.run_id == found.manifest.run_id:
        hint = "name an earlier run (`evalharness list`), or begin a new run with --fresh"
        raise UsageError(f"the baseline {kept.facts.run_id} is the run that is continued", hint=hint)
    refuse_unfit(plan, kept)
    return kept


class _Run:
    """One session of a run, from opening its folder to its last commit."""

    def __init__(
        self,
        request: RunRequest,
        loaded: LoadedSuite,
        plan: Plan,
        found: Continuation | None,
        sinks: Sequence[Sink],
        baseline: Kept | None,
    ) -> None:
        self._request = request
        self._loaded = loaded
        self._plan = plan
        self._found = found
        self._sinks = list(sinks)
        self._baseline = baseline
        self._clock = SystemClock()
        self._stop = StopSignal()
        self._unwritten: StoreError | None = None

    async def carry_out(self) -> RunOutcome:
        with interrupts.obeyed(self._stop) as interrupt:
            return await self._carry_out(interrupt)

    async def _carry_out(self, interrupt: interrupts.Interrupt) -> RunOutcome:
        manifest = self._manifest()
        most = most_in_flight(wanted_in_flight(self._plan))
        finished = self._found.finished if self._found else {}
        async with AsyncExitStack() as resources:
            # Servers first: the folder of a run that could not begin would only be in the way.
            urls = await base_urls(self._plan, self._loaded.path.parent, resources)
            run_code = await self._sandbox(resources)
            store = resources.enter_context(self._open_store(manifest))
            if self._found and self._found.to_ask_again:
                await store.reopen(self._found.to_ask_again)
            ledger = self._ledger()
            parts = LaneParts(
                clock=self._clock,
                stop=self._stop,
                ledger=ledger,
                begin_attempt=self._begin_attempt(store),
                emit=self._emit,
                response_ids=self._response_ids(),
            )
            reached = accesses(self._plan, urls, self._request.environ, self._loaded.path.parent)
            crew = Crew(reached)
            resources.push_async_callback(crew.close)
            lanes = open_lanes(reached, crew, parts, resources)
            n_lost = self._found.n_lost_attempts if self._found else 0
            if self._plan.suite.is_sequential:
                from evalharness.app.settled_stop import SettledStop

                self._sinks.append(SettledStop(manifest, self._stop))
            self._emit(RunStarted(plan=self._plan, run_id=manifest.run_id, finished=finished, n_lost_attempts=n_lost))
            async with staffed(crew, self._request.settings.workers), Observer(self._plan, store, crew).watching():
                await self._open_connections(lanes)
                await self._execute(
                    self._context(manifest.run_id, lanes, run_code), self._conduct(store, most), interrupt
                )
            record = load.load(store.folder)
            ended = self._ended(manifest, record, ledger)
            await store.finish(ended)
            self._emit(RunFinished(stop_message=ended.stop_message))
            if self._unwritten is not None:
                raise self._unwritten
            return RunOutcome(
                folder=store.folder,
                exit_code=ExitCode(ended.exit_code or 0),
                stop_message=ended.stop_message,
                n_missing=sum(is_missing_data(result) for result in record.results.values()),
                has_gates=bool(self._plan.suite.gates),
            )

    def _conduct(self, store: run_store.RunStore, most: int) -> Conduct:
        load = self._plan.suite.load
        return Conduct(
            stretches=stretches(load),
            writer=store,
            clock=self._clock,
            stop=self._stop,
            emit=self._emit,
            more=Passes(self._plan, self._trials) if load.is_timed else None,
            warmup=load.warmup,
            measured_ns=self._found.measured_ns if self._found else {},
            max_in_flight=most,
        )

    @property
    def _trials(self) -> Sequence[Trial]:
        """All that are planned, with those that an earlier session added."""
        return self._found.trials if self._found else self._plan.trials

    async def _open_connections(self, lanes: Mapping[str, Lane]) -> None:
        """Before anything is measured: what a first call pays for its connection, the service does not."""
        load = self._plan.suite.load
        wanted = min(load.concurrency if not load.is_open else OPEN_AHEAD, MOST_OPEN_AHEAD)
        for lane in lanes.values():
            most = lane.endpoint.limits.max_concurrency
            await lane.exchanger.open(wanted if most is None else min(wanted, most))

    def _open_store(self, manifest: RunManifest) -> run_store.RunStore:
        if self._found:
            return run_store.open(self._found.folder, manifest, self._plan, baseline=self._baseline)
        return run_store.create(self._request.settings.out, manifest, self._plan, baseline=self._baseline)

    async def _execute(self, context: TrialContext, conduct: Conduct, interrupt: interrupts.Interrupt) -> None:
        """Send what is pending; a second Ctrl-C ends it at once, with what is committed intact."""
        finished = self._found.finished if self._found else {}
        pending = [trial for trial in self._trials if trial.trial_id not in finished]
        interrupt.task = asyncio.create_task(execute(pending, context, conduct))
        with undisturbed():
            try:
                await interrupt.task
            except asyncio.CancelledError:
                if not self._stop.is_set:
                    raise

    async def _sandbox(self, resources: AsyncExitStack) -> RunCode:
        """What runs the code of graders. Raises ``UsageError`` where it cannot be isolated."""
        suite = self._plan.suite
        if not runs_code(suite):
            return no_code
        from evalharness.engine.sandbox import Sandbox

        read_bytes = reader_of(self._loaded.path, allow_outside=self._request.settings.allow_outside)
        hidden = (self._request.settings.out, self._loaded.path.parent, Path.cwd())
        sandbox = Sandbox(files=suite.files, read_bytes=read_bytes, hidden=hidden)
        return (await resources.enter_async_context(sandbox)).run

    def _context(self, run_id: str, lanes: Mapping[str, Lane], run_code: RunCode) -> TrialContext:
        suite = self._plan.suite
        prompts = {prompt.name: prompt for prompt in suite.prompts}
        read_bytes = reader_of(self._loaded.path, allow_outside=self._request.settings.allow_outside)
        return TrialContext(
            run_id=run_id,
            cases={case.case_id: case for case in suite.cases},
            arms={arm.arm_id: arm for arm in self._plan.arms},
            lanes=lanes,
            render=lambda arm, case, turn: render_turn(prompts[arm.prompt], case, turn, read_bytes),
            grading=Grading(suite, grader_of, run_code),
            stop=self._stop,
            n_turns=lambda arm: 1 + len(prompts[arm.prompt].more_turns),
            think_ns=ns_from_ms(suite.load.think_ms),
        )

    def _manifest(self) -> RunManifest:
        """Of the run that is continued, with what may have changed in its suite without changing its plan."""
        if self._found is None:
            return self._new_manifest()
        return replace(self._found.manifest, suite_text=self._loaded.text, flags=_given(self._request.flags))

    def _begin_attempt(self, store: run_store.RunStore) -> Callable[[str, int, int], Awaitable[None]]:
        async def begin(trial_id: str, turn_index: int, attempt_index: int) -> None:
            try:
                await store.begin_attempt(trial_id, turn_index, attempt_index)
            except StoreError as error:
                self._unwritten = self._unwritten or error
                raise
            self._emit(AttemptStarted(trial_id=trial_id, turn_index=turn_index, attempt_index=attempt_index))

        return begin

    def _response_ids(self) -> ResponseIds:
        """Those of earlier sessions count."""
        finished = self._found.finished.values() if self._found else ()
        given = (call.answer.response_id for result in finished for call in result.calls)
        return ResponseIds(response_id for response_id in given if response_id)

    def _ledger(self) -> Ledger:
        """The budget of the whole run: what earlier sessions spent counts."""
        budget = self._plan.suite.budget
        resolved = with_suite(self._request.resolved, max_cost_usd=budget.max_cost_usd)
        return Ledger(
            replace(budget, max_cost_usd=resolved.settings.max_cost_usd),
            started_ns=self._clock.monotonic_ns(),
            spent_usd=self._found.spent_usd if self._found else 0.0,
            n_calls=self._found.n_attempts if self._found else 0,
        )

    def _new_manifest(self) -> RunManifest:
        now_ns = self._clock.utc_ns()
        return RunManifest(
            run_id=new_run_id(now_ns, self._plan.plan_hash),
            suite_name=self._plan.suite.name,
            created_utc=utc_text(now_ns),
            plan_hash=self._plan.plan_hash,
            version=__version__,
            suite_text=self._loaded.text,
            suite_path=_path_to_show(self._loaded.path),
            flags=_given(self._request.flags),
            environment=client_environment(),
            simulated=any(endpoint.kind is EndpointKind.SIMULATOR for endpoint in used_endpoints(self._plan)),
        )

    def _ended(self, manifest: RunManifest, record: RunRecord, ledger: Ledger) -> RunManifest:
        reason = self._reason(record)
        message, exit_code = how_it_ended(reason, self._stop.message, record)
        if reason is None and any(result.status is Status.PENDING for result in record.results.values()):
            # Time ended it, as it was meant to: what was not sent is no gap.
            reason = PendingReason.DURATION
        if reason is PendingReason.BUDGET:
            # Told at the end, when the calls that were in flight have been charged too.
            unknown = f", {ledger.n_unknown_cost:,} more of unknown cost" if ledger.n_unknown_cost else ""
            message = f"{message}: {ledger.n_calls:,} requests, ${ledger.spent_usd:.4f}{unknown}"
        state = RunState.COMPLETE
        if reason not in WHOLE:
            state = RunState.ABORTED if reason is PendingReason.ABORTED else RunState.PARTIAL
        return replace(
            manifest,
            state=state,
            finished_utc=utc_text(self._clock.utc_ns()),
            stop_reason=reason,
            stop_message=message,
            exit_code=int(exit_code if self._unwritten is None else ExitCode.STORE),
            simulated=manifest.simulated or _says_simulated(record),
        )

    def _reason(self, record: RunRecord) -> PendingReason | None:
        """A budget that ends in the reserve ends an extension that was to stay inside it: nothing is missing."""
        reserve = {case.case_id for case in self._plan.suite.cases if case.is_reserve}
        drawn = [trial for trial in self._plan.trials if trial.phase is Phase.MEASURED and trial.case_id not in reserve]
        is_enough = all(record.results[trial.trial_id].status is not Status.PENDING for trial in drawn)
        if self._stop.reason is PendingReason.BUDGET and reserve and is_enough:
            return PendingReason.SETTLED
        return self._stop.reason

    def _emit(self, event: object) -> None:
        """Tell those who watch. One that fails is told no more: no display may end a run that is paid for."""
        for sink in tuple(self._sinks):
            try:
                sink.receive(event)
            except Exception as problem:
                self._sinks.remove(sink)
                sys.stderr.write(f"progress is no longer shown: {type(problem).__name__}: {problem}\n")


def _check_settling(plan: Plan) -> None:
    """Raises ``UsageError`` where the run could not do what ``stop_when_settled`` or ``extend`` promises."""
    if not plan.suite.is_sequential:
        return
    # Statistics are imported for runs that need them before their first call, and for no others.
    from evalharness.verdict.sequence import why_not

    reason = why_not(plan.suite)
    if reason is not None:
        key = "budget.stop_when_settled" if plan.suite.budget.stop_when_settled else "on_inconclusive: extend"
        raise UsageError(f"{key}: {reason}", hint="leave it out: the gates are then judged when all cases have ended")


def _path_to_show(path: Path) -> str:
    """As one would type it from here; of a suite elsewhere its name alone: reports are shown to others."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return path.name


def _given(flags: PlanFlags) -> dict[str, Json]:
    """The flags that were given, for the manifest."""
    return {name: value for name, value in asdict(flags).items() if value not in (None, (), {})}


def _says_simulated(record: RunRecord) -> bool:
    """A simulator that was reached by its URL still says what it is in the model it reports."""
    return any(
        (call.answer.model_reported or "").startswith("sim-")
        for result in record.results.values()
        for call in result.calls
    )


def _check_cost_budget(plan: Plan, resolved: Resolved) -> None:
    """A limit in dollars needs prices: without them nothing would ever be counted against it."""
    if with_suite(resolved, max_cost_usd=plan.suite.budget.max_cost_usd).settings.max_cost_usd is None:
        return
    unpriced = [endpoint.name for endpoint in used_endpoints(plan) if endpoint.prices is None]
    if unpriced:
        hint = "write `prices:` at the endpoint, or limit `budget.max_calls` instead"
        raise UsageError(f"a budget in dollars is set, but endpoint '{unpriced[0]}' has no prices", hint=hint)
