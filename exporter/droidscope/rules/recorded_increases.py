"""
Recorded numerators and denominators: what happened within an hour, a day and a week.

Kept apart, not divided, so that whoever reads them divides sums over whatever they choose, over any
number of exporters, and never averages ratios.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from droidscope.conventions import metrics as m
from droidscope.conventions.metrics import ORCHESTRATOR, MetricSpec
from droidscope.rules.promql import Part, Recording, Scope

_ALL: Final = Scope()


class RecordedIncreases(NamedTuple):
    """
    The parts over one window; the first labels after the orchestrator's give each its level.
    """

    sessions: Recording
    sessions_unsuccessful: Recording
    session_duration_sum: Recording
    session_duration_count: Recording
    conflicts: Recording
    syntheses: Recording
    syntheses_integrated: Recording
    cost: Recording
    phases: Recording
    phases_completed: Recording
    phase_duration_sum: Recording
    phase_duration_count: Recording
    tasks: Recording
    tasks_completed: Recording
    task_duration_sum: Recording
    task_duration_count: Recording
    attempts: Recording
    attempts_failed: Recording
    retries: Recording
    queries: Recording
    query_credit: Recording
    query_response_sum: Recording
    query_response_count: Recording
    test_coverage_sum: Recording
    test_coverage_count: Recording
    security_sum: Recording
    security_count: Recording
    code_quality_sum: Recording
    code_quality_count: Recording
    messages: Recording
    messages_delivered: Recording
    model_requests: Recording
    model_requests_failed: Recording
    model_request_duration_sum: Recording
    model_request_duration_count: Recording


PATTERN: Final = ("pattern",)
PHASE: Final = ("pattern", "phase")
DROID: Final = ("droid",)
PATTERN_DROID: Final = ("pattern", "droid")
MODEL: Final = ("model",)
EVERYONE: Final = ()


def level(labels: tuple[str, ...]) -> str:
    """
    The first word of a recorded series: the labels it keeps beside the orchestrator's.
    """
    return "_".join(labels) or ORCHESTRATOR


def _parts(window: str) -> RecordedIncreases:
    """
    The parts over *window*, from the counters themselves.
    """

    def rose(
        metric: MetricSpec, levels: tuple[str, ...], *matchers: str, part: Part = "", of: str = ""
    ) -> Recording:
        labels = (ORCHESTRATOR, *levels)
        words = [metric.name.removesuffix("_total"), part, of]
        return Recording(
            f"{level(levels)}:{'_'.join(filter(None, words))}:increase{window}",
            labels,
            _ALL.increase(metric, labels, window, *matchers, part=part),
        )

    def mean(metric: MetricSpec, levels: tuple[str, ...], *matchers: str) -> tuple[Recording, Recording]:
        return (
            rose(metric, levels, *matchers, part="sum"),
            rose(metric, levels, *matchers, part="count"),
        )

    sessions = rose(m.SESSIONS, PATTERN)
    by_pattern = (ORCHESTRATOR, *PATTERN)
    unsuccessful = Recording(
        f"pattern:orchestrator_sessions_unsuccessful:increase{window}",
        by_pattern,
        # 0, not nothing, where all went well: sums and differences go on.
        f"{_ALL.unsuccessful(by_pattern, window)}\nor 0 * {sessions.expr}",
    )
    return RecordedIncreases(
        sessions,
        unsuccessful,
        *mean(m.SESSION_DURATION, PATTERN, 'outcome="completed"'),
        rose(m.CONFLICTS, PATTERN),
        rose(m.SYNTHESES, PATTERN),
        rose(m.SYNTHESES, PATTERN, 'outcome="integrated"', of="integrated"),
        rose(m.COST, PATTERN),
        rose(m.PHASES, PHASE, 'outcome=~"completed|failed"'),
        rose(m.PHASES, PHASE, 'outcome="completed"', of="completed"),
        *mean(m.PHASE_DURATION, PHASE),
        rose(m.TASKS, DROID),
        rose(m.TASKS, DROID, 'outcome="completed"', of="completed"),
        *mean(m.TASK_DURATION, DROID),
        rose(m.ATTEMPTS, DROID),
        rose(m.ATTEMPTS, DROID, 'outcome="failed"', of="failed"),
        rose(m.RETRIES, DROID),
        rose(m.QUERIES, DROID),
        rose(m.QUERY_CREDIT, DROID),
        *mean(m.QUERY_RESPONSE, DROID),
        *mean(m.TEST_COVERAGE, DROID),
        *mean(m.SECURITY, DROID),
        *mean(m.CODE_QUALITY, PATTERN_DROID),
        rose(m.MESSAGES, EVERYONE),
        # A query is never "accepted" and nothing else is "answered".
        rose(m.MESSAGES, EVERYONE, 'outcome=~"accepted|answered"', of="delivered"),
        rose(m.MODEL_REQUESTS, MODEL),
        rose(m.MODEL_REQUESTS, MODEL, 'outcome="failed"', of="failed"),
        *mean(m.MODEL_REQUEST_DURATION, MODEL),
    )


def _week(hour: RecordedIncreases) -> RecordedIncreases:
    """
    The parts over seven days, as a sum of 168 recorded hours: up to an hour behind, and cheap.

    An `increase` over a week reads 40,000 samples of each series, each time.
    """
    return RecordedIncreases(
        *(
            Recording(
                part.name.replace(":increase1h", ":increase7d"),
                part.labels,
                f"sum_over_time({part.name}[7d:1h])",
            )
            for part in hour
        )
    )


HOUR: Final = _parts("1h")
DAY: Final = _parts("24h")
WEEK: Final = _week(HOUR)
