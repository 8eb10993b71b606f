"""JUnit XML: one test suite per arm, one test case per case, for CI pages that know nothing of evaluations.

A case passes when every repeat was right; it errors when a call failed or could not be graded, and is skipped while it
is pending. A single case says little: the verdict is the report's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from evalharness.core.model import Arm, Case, Phase, Status
from evalharness.core.record import RunRecord, TrialResult
from evalharness.metrics.measure import measure_trial

#: What XML 1.0 cannot hold, even escaped.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EXCERPT_CHARACTERS = 500


def export(run: RunRecord) -> bytes:
    """UTF-8 XML. Times are seconds, summed over repeats."""
    primary = run.plan.suite.graders[0].grader_id if run.plan.suite.graders else None
    root = ElementTree.Element("testsuites", name=_xml_text(run.manifest.suite_name))
    by_place: dict[tuple[str, str], list[TrialResult]] = {}
    for trial in run.plan.trials:
        if trial.phase is Phase.MEASURED:
            by_place.setdefault((trial.arm_id, trial.case_id), []).append(run.results[trial.trial_id])
    for arm in run.plan.arms:
        suite = ElementTree.SubElement(root, "testsuite", name=_xml_text(arm.label))
        cases = [
            _test_case(suite, run.manifest.suite_name, arm, case, by_place[arm.arm_id, case.case_id], primary)
            for case in run.plan.suite.cases
        ]
        suite.set("tests", str(len(cases)))
        for outcome in ("failure", "error", "skipped"):
            plural = {"failure": "failures", "error": "errors", "skipped": "skipped"}[outcome]
            suite.set(plural, str(sum(case == outcome for case in cases)))
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _test_case(
    suite: ElementTree.Element,
    suite_name: str,
    arm: Arm,
    case: Case,
    results: Sequence[TrialResult],
    primary: str | None,
) -> str | None:
    """Add a test case; its outcome, None where it passed."""
    seconds = sum(measure_trial(result).get("total_ms") or 0.0 for result in results) / 1000
    element = ElementTree.SubElement(
        suite,
        "testcase",
        classname=_xml_text(f"{suite_name}.{arm.label}"),
        name=_xml_text(case.case_id),
        time=f"{seconds:.3f}",
    )
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
