"""
What tasks and attempts produced: files, scores, security findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Severity
from droidscope.facts.amounts import score_sums
from droidscope.facts.fact_key import Score
from droidscope.facts.facts import FilesCreated, QualityIssues
from droidscope.facts.sketch import tenths
from droidscope.facts.sketched_facts import ScoreCounts
from droidscope.model.records import NO_OUTPUT, Output, Record
from droidscope.recording.metric_writer import Labels, MetricWriter
from droidscope.recording.security_findings import OpenSecurityFindings

ISSUES_DIGITS: Final = 6
"""
Digits a report's number of issues may have.
"""
UNKNOWN: Final = (None, ())
"""
What an output's attribute is when nothing was reported of it.
"""


class OutputRecorder:
    """
    Counts outputs; *findings* knows the latest report of each droid.
    """

    def __init__(self, writer: MetricWriter, findings: OpenSecurityFindings) -> None:
        self._writer = writer
        self._open_findings = findings

    def produced(self, record: Record, output: Output) -> None:
        """
        Count what the droid of a record produced by its end.
        """
        place = record.place
        droid = (place.droid,)
        if output.files_created:
            self._writer.count(m.FILES_CREATED, place.orchestrator, droid, record, output.files_created)
            files = FilesCreated(droid=place.droid)
            self._writer.add_fact(place.orchestrator, record.end_ns, files, output.files_created)
        if output.code_quality is not None:
            labels = (place.pattern, place.droid, place.task_type)
            self._score(record, m.CODE_QUALITY, labels, Score.CODE_QUALITY, output.code_quality)
        if output.test_coverage is not None:
            self._score(record, m.TEST_COVERAGE, droid, Score.TEST_COVERAGE, output.test_coverage)
        if output.security is not None:
            self._score(record, m.SECURITY, droid, Score.SECURITY, output.security)
        if output.findings is not None:
            self._findings(record, output.findings)
        for rule, count in issues_of(output):
            issues = QualityIssues(droid=place.droid, rule=rule)
            self._writer.add_fact(place.orchestrator, record.end_ns, issues, count)

    def _score(self, record: Record, spec: m.MetricSpec, labels: Labels, score: Score, points: float) -> None:
        place = record.place
        self._writer.observe(spec, place.orchestrator, labels, points)
        for key, amount in score_sums(
            score, pattern=place.pattern, droid=place.droid, task_type=place.task_type, points=points
        ):
            self._writer.add_fact(place.orchestrator, record.end_ns, key, amount)
        bucket = ScoreCounts.bucket_of(tenths(points))
        counts = ScoreCounts(score=score, droid=place.droid, bucket=bucket)
        self._writer.add_fact(place.orchestrator, record.end_ns, counts, 1)

    def _findings(self, record: Record, findings: dict[Severity, int]) -> None:
        place = record.place
        orchestrator, (pattern, droid) = self._writer.admitted(
            place.orchestrator, ("pattern", "droid"), (place.pattern, place.droid)
        )
        self._open_findings.report((orchestrator, pattern, droid), record.end_ns, findings)
        for severity in Severity:
            count = findings.get(severity, 0)
            labels = (place.droid, severity)
            self._writer.ensure(m.SECURITY_FINDINGS, place.orchestrator, labels)
            if count:
                self._writer.count(m.SECURITY_FINDINGS, place.orchestrator, labels, record, count)


def issues_of(output: Output) -> Iterator[tuple[str, int]]:
    """
    The rules whose issues a quality report gave, and how many of each; one without a count is one.
    """
    for issue in output.issues:
        rule, _, count = issue.rpartition(":")
        if rule and count.isascii() and count.isdigit() and len(count) <= ISSUES_DIGITS:
            yield rule, int(count)
        elif issue:
            yield issue, 1


def merged(preferred: Output, other: Output | None) -> Output:
    """
    The preferred output, attribute by attribute; the other fills what it lacks.
    """
    if other is None or other == NO_OUTPUT:
        return preferred
    return Output(
        **{
            name: other_value if value in UNKNOWN else value
            for name, value, other_value in _pairs(preferred, other)
        }
    )


def without(output: Output, known: Output) -> Output:
    """
    What *output* has that *known* lacks.
    """
    return Output(
        **{name: value for name, value, known_value in _pairs(output, known) if known_value in UNKNOWN}
    )


def _pairs(one: Output, other: Output) -> Iterator[tuple[str, Any, Any]]:
    return ((name, getattr(one, name), getattr(other, name)) for name in Output.__struct_fields__)
