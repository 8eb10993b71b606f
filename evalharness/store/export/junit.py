"""JUnit XML, for CI pages that know nothing of evaluations.

Of a suite with gates: one test case per gate and arm, and one per case that has to pass; what the gates allow to be
wrong is no failed test. Else one test suite per arm and one test case per case: it passes when every repeat was right,
errors when a call failed or could not be graded, and is skipped while it is pending. There a single case says little:
the verdict is the report's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from xml.etree import ElementTree

from evalharness.core.failure import FailureKind
from evalharness.core.findings import Analysis
from evalharness.core.model import Arm, Case, Demand, Phase, Status
from evalharness.core.record import RunRecord, TrialResult
from evalharness.metrics.measure import measure_trial
from evalharness.report.gate_words import GateLine, GateState, GatesText, gates_text

#: What XML 1.0 cannot hold, even escaped.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EXCERPT_CHARACTERS = 500


def export(run: RunRecord, analysis: Analysis | None = None) -> bytes:
    """UTF-8 XML. Times are seconds, summed over repeats.

    ``analysis``: the run's; None: it is made here if there are gates to judge.
    """
    if analysis is None and run.plan.suite.gates:
        from evalharness.verdict.compare import analyse

        analysis = analyse(run)
    text = gates_text(analysis) if analysis else None
    root = ElementTree.Element("testsuites", name=_xml_text(run.manifest.suite_name))
    if text is None:
        _add_arms(root, run)
    else:
        _add_gates(root, run, text)
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _by_place(run: RunRecord) -> Mapping[tuple[str, str], list[TrialResult]]:
    """The results of each arm (by id) and case."""
    places: dict[tuple[str, str], list[TrialResult]] = {}
    for trial in run.plan.trials:
        if trial.phase is Phase.MEASURED:
            places.setdefault((trial.arm_id, trial.case_id), []).append(run.results[trial.trial_id])
    return places


def _count(suite: ElementTree.Element, outcomes: Sequence[str | None]) -> None:
    counts = Counter(outcomes)
    suite.set("tests", str(len(outcomes)))
    for name, outcome in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(counts[outcome]))


# ---------------------------------------------------------------- gates


def _add_gates(root: ElementTree.Element, run: RunRecord, text: GatesText) -> None:
    name = run.manifest.suite_name
    suite = ElementTree.SubElement(root, "testsuite", name="gates")
    outcomes = [_add_gate(suite, name, line) for line in text.lines]
    if text.state is GateState.INVALID:
        test = ElementTree.SubElement(suite, "testcase", classname=_xml_text(f"{name}.gates"), name="comparison")
        ElementTree.SubElement(test, "error", message=_xml_text(text.lead))
        outcomes = ["error"]
    _count(suite, outcomes)
    required = list(_required(run, text))
    if required:
        suite = ElementTree.SubElement(root, "testsuite", name="cases that must pass")
        _count(suite, [_add_required(suite, name, *each) for each in required])


def _add_gate(suite: ElementTree.Element, suite_name: str, line: GateLine) -> str | None:
    """A gate's sentence is its message, and stands in the output of one that passes."""
    test = ElementTree.SubElement(
        suite, "testcase", classname=_xml_text(f"{suite_name}.gates"), name=_xml_text(line.name)
    )
    outcome = {GateState.PASS: None, GateState.FAIL: "failure"}.get(line.state, "skipped")
    if outcome is None:
        ElementTree.SubElement(test, "system-out").text = _xml_text(line.outcome)
    else:
        ElementTree.SubElement(test, outcome, message=_xml_text(line.outcome))
    return outcome


def _required(run: RunRecord, text: GatesText) -> Iterator[tuple[Arm, Case, Sequence[TrialResult], str | None]]:
    """Every case that has to be right every time, in each arm of which that is demanded, once."""
    places, arms = _by_place(run), {arm.arm_id: arm for arm in run.plan.arms}
    primary = _primary(run)
    seen: set[tuple[str, str]] = set()
    for line in text.lines:
        spec, arm_id = line.finding.spec, line.finding.arm_id
        if spec.demand is not Demand.MUST_PASS:
            continue
        for case in run.plan.suite.cases:
            place = arm_id, case.case_id
            if place not in seen and place in places and (spec.tag is None or spec.tag in case.tags):
                seen.add(place)
                yield arms[arm_id], case, places[place], primary


def _add_required(
    suite: ElementTree.Element,
    suite_name: str,
    arm: Arm,
    case: Case,
    results: Sequence[TrialResult],
    primary: str | None,
) -> str | None:
    test = _added(suite, suite_name, arm, case, results)
    n_wrong = sum(_is_wrong(result, primary) for result in results)
    n_missing = sum(_is_missing(result, primary) for result in results)
    if n_wrong:
        outcome, message = "failure", f"{n_wrong} of {len(results)} answers are not right"
    elif n_missing:
        outcome, message = "skipped", f"{n_missing} of {len(results)} answers are missing"
    else:
        return None
    ElementTree.SubElement(test, outcome, message=message).text = _xml_text(_excerpt(results))
    return outcome


def _is_missing(result: TrialResult, primary: str | None) -> bool:
    """Nobody knows what it would have been; a timeout is known to be no answer."""
    if result.status is Status.ERROR:
        return result.failure is None or result.failure.kind is not FailureKind.TIMEOUT
    score = result.scores.get(primary or "")
    return result.status is Status.PENDING or (score is not None and score.value is None)


def _is_wrong(result: TrialResult, primary: str | None) -> bool:
    score = result.scores.get(primary or "")
    return not _is_missing(result, primary) and not (score is not None and score.passed)


# ---------------------------------------------------------------- cases


def _primary(run: RunRecord) -> str | None:
    return run.plan.suite.graders[0].grader_id if run.plan.suite.graders else None


def _add_arms(root: ElementTree.Element, run: RunRecord) -> None:
    primary, places = _primary(run), _by_place(run)
    for arm in run.plan.arms:
        suite = ElementTree.SubElement(root, "testsuite", name=_xml_text(arm.label))
        outcomes = [
            _test_case(suite, run.manifest.suite_name, arm, case, places[arm.arm_id, case.case_id], primary)
            for case in run.plan.suite.cases
        ]
        _count(suite, outcomes)


def _added(
    suite: ElementTree.Element, suite_name: str, arm: Arm, case: Case, results: Sequence[TrialResult]
) -> ElementTree.Element:
    seconds = sum(measure_trial(result).get("total_ms") or 0.0 for result in results) / 1000
    return ElementTree.SubElement(
        suite,
        "testcase",
        classname=_xml_text(f"{suite_name}.{arm.label}"),
        name=_xml_text(case.case_id),
        time=f"{seconds:.3f}",
    )


def _test_case(
    suite: ElementTree.Element,
    suite_name: str,
    arm: Arm,
    case: Case,
    results: Sequence[TrialResult],
    primary: str | None,
) -> str | None:
    """Add a test case; its outcome, None where it passed."""
    element = _added(suite, suite_name, arm, case, results)
    outcome, message = _outcome(results, primary)
    if outcome is not None:
        child = ElementTree.SubElement(element, outcome, message=_xml_text(message))
        child.text = _xml_text(_excerpt(results))
    return outcome


def _outcome(results: Sequence[TrialResult], primary: str | None) -> tuple[str | None, str]:
    n = len(results)
    failed = [result for result in results if result.status is Status.ERROR]
    if failed:
        kind = failed[0].failure.kind if failed[0].failure else "unknown"
        return "error", f"{len(failed)} of {n} trials failed: {kind}"
    pending = sum(result.status is Status.PENDING for result in results)
    if pending:
        return "skipped", f"{pending} of {n} trials are pending"
    if primary is None:
        return None, ""
    scores = [result.scores.get(primary) for result in results]
    if any(score is not None and score.value is None for score in scores):
        return "error", f"grader {primary} could not judge every answer"
    right = sum(score is not None and bool(score.passed) for score in scores)
    return (None, "") if right == n else ("failure", f"{right} of {n} answers are right")


def _excerpt(results: Sequence[TrialResult]) -> str:
    """The first answers that did not pass, shortened."""
    texts = [
        result.calls[-1].answer.text if result.calls else (result.failure.message if result.failure else "")
        for result in results
    ]
    return "\n---\n".join(text[:_EXCERPT_CHARACTERS] for text in texts)


def _xml_text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
