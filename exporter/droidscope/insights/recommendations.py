"""
The optimisation engine: advice on patterns, assignment, sequencing and communication.

Definition: docs/kpis.md#recommendations
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec import Struct

from droidscope.conventions.insight_kinds import RecommendationKind
from droidscope.conventions.thresholds import MESSAGES_PLATEAU, RESPONSE_LIMIT_SECONDS, SUCCESS_TARGET
from droidscope.facts import facts as f
from droidscope.facts.fact_totals import Totals, sum_by
from droidscope.formatting import counted, duration, named, percent, rounded
from droidscope.insights import advice
from droidscope.insights.analysis_window import AnalysisWindow, SessionRef, sessions
from droidscope.insights.bottlenecks import Bottleneck, Unit
from droidscope.insights.reassignments import reassignments
from droidscope.kpi.critical_path import sequencing_ratio
from droidscope.kpi.improvement import (
    FAILURES_MINIMUM,
    Urgency,
    failure_point_improvement,
    pattern_impact,
    pattern_urgency,
    sequencing_impact,
)
from droidscope.kpi.patterns import FailurePoint, failure_points
from droidscope.kpi.statistics import median_of_counts, wilson_interval
from droidscope.kpi.totals import DroidTotals, PatternTotals
from droidscope.model.examples import ExampleKind
from droidscope.units import SECOND_NS

POINTS_SHOWN: Final = 3
"""
Failure points that advice names.
"""


class Improvement(Struct, frozen=True):
    """
    The most that following the advice can gain, as a change of *metric* (a ratio, 0 to 1): the
    *estimate* within its 95 % interval from *low* to *high*, which is null where none can be given.
    """

    metric: str
    estimate: float
    low: float | None
    high: float | None
    text: str


class Recommendation(Struct, frozen=True):
    """
    Advice by a rule of the closed set, with the finding it rests on.

    *impact_score*, 0 to 100, is the finding's. *value* against *baseline*, both in *unit*, is what was
    found over *n* sessions, tasks, queries or messages of the window. *expected_improvement* is computed
    from them, null where the data say nothing. *subject* is a pattern, droid, `pattern/phase` or
    `pattern/task type/droid`.
    """

    kind: RecommendationKind
    rule: str
    orchestrator: str
    window: str
    subject: str
    description: str
    recommendations: list[str]
    impact_score: float
    value: float
    baseline: float
    unit: Unit
    n: int
    expected_improvement: Improvement | None = None
    pattern: str | None = None
    phase: str | None = None
    droid: str | None = None
    sessions: list[SessionRef] = []


def recommendations(window: AnalysisWindow, found: Iterable[Bottleneck]) -> list[Recommendation]:
    """
    All advice for a window, what matters most first; *found* are the window's bottlenecks.

    Definition: docs/kpis.md#recommendations
    """
    facts = window.subjects
    advice = (
        *_patterns(window, facts.patterns),
        *_assignments(window),
        *_sequences(window),
        *_messages(window, facts.droids),
        *_waits(found),
        *_responders(found, facts.droids),
    )
    return sorted(advice, key=lambda each: (-each.impact_score, each.rule, each.subject))


def _at_most(metric: str, estimate: float, text: str) -> Improvement:
    """
    An improvement for which no interval can be given.
    """
    return Improvement(metric=metric, estimate=estimate, low=None, high=None, text=text)


# --- patterns -----------------------------------------------------------------------------------------


def _patterns(window: AnalysisWindow, patterns: dict[str, PatternTotals]) -> Iterator[Recommendation]:
    all_sessions = sum(each.sessions.sessions_ended for each in patterns.values())
    failures = _failures(window.minutes)
    for pattern, each in patterns.items():
        completed, n = each.sessions.sessions_completed, each.sessions.sessions_ended
        urgency = pattern_urgency(completed, n)
        if urgency is None:
            continue
        rule = advice.REVIEW_FAILURE_POINTS if urgency is Urgency.REVIEW else advice.WATCH_FAILURE_POINTS
        points = failure_points(failures[pattern])
        success = completed / n
        yield Recommendation(
            kind=rule.kind,
            rule=rule.id,
            orchestrator=window.orchestrator,
            window=window.window,
            subject=pattern,
            description=(
                f"{named('Pattern', pattern)} has a low success rate: {percent(success)} of "
                f"{counted(n, 'session')}; {percent(SUCCESS_TARGET)} are the target."
            ),
            recommendations=_steps(rule, points),
            impact_score=pattern_impact(completed, n, all_sessions) or 0.0,
            value=success,
            baseline=SUCCESS_TARGET,
            unit="ratio",
            n=n,
            expected_improvement=_failure_improvement(points, success),
            pattern=pattern,
            sessions=_failed_sessions(window, pattern, points),
        )


def _failures(minutes: Totals) -> defaultdict[str, dict[tuple[str, str], int]]:
    """
    How many failures of each phase there are for each reason, by pattern.
    """
    failures: defaultdict[str, dict[tuple[str, str], int]] = defaultdict(dict)
    for key, n in minutes.of(f.Failures).items():
        if n > 0:
            failures[key.pattern][key.phase, key.reason] = n
    return failures


def _steps(rule: advice.Rule, points: list[FailurePoint]) -> list[str]:
    named_points = ", ".join(
        f"{_place(point)}: {point.reason} ({percent(point.share)})" for point in points[:POINTS_SHOWN]
    )
    where = next((named("phase", point.phase) for point in points if point.phase), "its last phase")
    return [step.format(points=named_points or "none is known yet", where=where) for step in rule.steps]


def _place(point: FailurePoint) -> str:
    return point.phase or "the session itself"


def _failure_improvement(points: list[FailurePoint], success: float) -> Improvement | None:
    if not points:
        return None
    total = round(points[0].failures / points[0].share)
    gain = failure_point_improvement(points[0].failures, total)
    if gain is None:
        return None
    failed = 1 - success
    return Improvement(
        metric="session_success_ratio",
        estimate=gain.share * failed,
        low=gain.low * failed,
        high=gain.high * failed,
        text=(
            f"Fixing {_place(points[0])}: {points[0].reason} removes at most {percent(gain.share)} of the "
            f"failures ({percent(gain.low)} to {percent(gain.high)}): "
            f"up to {percent(gain.share * failed)} more sessions succeed."
        ),
    )


def _failed_sessions(window: AnalysisWindow, pattern: str, points: list[FailurePoint]) -> list[SessionRef]:
    for point in points:
        shown = sessions(window, ExampleKind.FAILURE, pattern, point.phase, point.reason)
        if shown:
            return shown
    return []


# --- assignment ---------------------------------------------------------------------------------------


def _assignments(window: AnalysisWindow) -> Iterator[Recommendation]:
    rule = advice.REASSIGN_TASKS
    for pair in reassignments(window.minutes):
        estimate = pair.outcomes.successes / pair.outcomes.n
        better_estimate = pair.better_outcomes.successes / pair.better_outcomes.n
        low, high = wilson_interval(*pair.better_outcomes) or (0.0, 0.0)
        better, subject = named("droid", pair.better), (pair.pattern, pair.task_type, pair.droid)
        yield Recommendation(
            kind=rule.kind,
            rule=rule.id,
            orchestrator=window.orchestrator,
            window=window.window,
            subject="/".join(subject),
            description=(
                f"{named('Droid', pair.droid)} completes {percent(estimate)} of {pair.outcomes.n} "
                f"{pair.task_type or 'other'} tasks in {named('pattern', pair.pattern)}, {better} "
                f"{percent(better_estimate)} of {pair.better_outcomes.n}."
            ),
            recommendations=[step.format(where=better) for step in rule.steps],
            impact_score=pair.impact,
            value=estimate,
            baseline=low,
            unit="ratio",
            n=pair.outcomes.n,
            expected_improvement=Improvement(
                metric="task_completion_ratio",
                estimate=better_estimate - estimate,
                low=pair.gain,
                high=high - estimate,
                text=f"{percent(pair.gain)} to {percent(high - estimate)} more of these tasks are completed.",
            ),
            pattern=pair.pattern,
            droid=pair.droid,
            sessions=sessions(window, ExampleKind.FAILED_TASK, *subject),
        )


# --- sequencing ---------------------------------------------------------------------------------------


def _sequences(window: AnalysisWindow) -> Iterator[Recommendation]:
    rule = advice.RUN_IN_PARALLEL
    totals = sum_by(window.hours.of(f.SessionSequencing), lambda key: (key.pattern, key.total))
    idle_ns = sum_by(window.hours.of(f.PhaseIdleTime), lambda key: (key.pattern, key.phase))
    for pattern in sorted({pattern for pattern, _ in totals}):
        n, makespan_ns = totals[pattern, "n"], totals[pattern, "makespan_ns"]
        critical_ns = totals[pattern, "critical_ns"]
        share = sequencing_ratio(makespan_ns, critical_ns)
        impact = None if share is None else sequencing_impact(share)
        if share is None or impact is None:
            continue
        makespan_seconds, critical_seconds = makespan_ns / n / SECOND_NS, critical_ns / n / SECOND_NS
        waited = {phase: ns for (of, phase), ns in idle_ns.items() if of == pattern and ns > 0}
        late = sorted(waited, key=lambda phase: (-waited[phase], phase))
        where = ", ".join(f"{phase} ({duration(waited[phase] / n / SECOND_NS)} earlier)" for phase in late)
        yield Recommendation(
            kind=rule.kind,
            rule=rule.id,
            orchestrator=window.orchestrator,
            window=window.window,
            subject=pattern,
            description=(
                f"{named('Pattern', pattern)} takes {duration(makespan_seconds)} from its first phase "
                f"to its last, and needs {duration(critical_seconds)} by what its phases depend on, "
                f"over {counted(n, 'session')}."
            ),
            recommendations=[
                step.format(where=where or "phases that run one after the other") for step in rule.steps
            ],
            impact_score=impact,
            value=makespan_seconds,
            baseline=critical_seconds,
            unit="seconds",
            n=n,
            expected_improvement=_at_most(
                metric="session_duration_ratio",
                estimate=share,
                text=f"Sessions end up to {percent(share)} sooner.",
            ),
            pattern=pattern,
            sessions=sessions(window, ExampleKind.IDLE, pattern),
        )


# --- communication ------------------------------------------------------------------------------------


def _messages(window: AnalysisWindow, droids: dict[str, DroidTotals]) -> Iterator[Recommendation]:
    rule = advice.BATCH_MESSAGES
    _, plateau, _ = MESSAGES_PLATEAU
    all_messages = sum(each.mail.sent for each in droids.values())
    for droid, facts in droids.items():
        median = median_of_counts(facts.session_messages)
        if median is None or median <= plateau or not all_messages:
            continue
        surplus = sum(max(0.0, sent - plateau) * n for sent, n in facts.session_messages.items())
        n = sum(facts.session_messages.values())
        yield Recommendation(
            kind=rule.kind,
            rule=rule.id,
            orchestrator=window.orchestrator,
            window=window.window,
            subject=droid,
            description=(
                f"{named('Droid', droid)} sends {rounded(median)} messages a session (median over "
                f"{counted(n, 'session')}); more than {rounded(plateau)} are of no use."
            ),
            recommendations=list(rule.steps),
            impact_score=100 * min(1.0, surplus / all_messages),
            value=median,
            baseline=plateau,
            unit="messages",
            n=n,
            expected_improvement=_at_most(
                metric="messages_ratio",
                estimate=min(1.0, surplus / all_messages),
                text=f"Up to {percent(min(1.0, surplus / all_messages))} of all messages are saved.",
            ),
            droid=droid,
            sessions=sessions(window, ExampleKind.MESSAGES, droid),
        )


def _waits(found: Iterable[Bottleneck]) -> Iterator[Recommendation]:
    rule = advice.SHORTEN_WAITS
    for each in found:
        if each.kind == "communication" and each.phase is not None:
            yield _of_bottleneck(
                rule,
                each,
                _at_most(
                    metric="phase_duration_ratio",
                    estimate=each.value,
                    text=f"The phase ends up to {percent(each.value)} sooner.",
                ),
            )


def _responders(found: Iterable[Bottleneck], droids: dict[str, DroidTotals]) -> Iterator[Recommendation]:
    for each in found:
        if each.kind != "communication" or each.droid is None:
            continue
        queries = droids[each.droid].queries
        if each.unit == "seconds":
            share = 1 - RESPONSE_LIMIT_SECONDS / each.value
            yield _of_bottleneck(
                advice.SPEED_UP_RESPONSES,
                each,
                _at_most(
                    metric="response_time_ratio",
                    estimate=share,
                    text=f"Answers within {duration(RESPONSE_LIMIT_SECONDS)} come {percent(share)} sooner.",
                ),
            )
        if queries.queries_unanswered:
            left = msgspec.structs.replace(
                each, value=queries.queries_unanswered, baseline=0.0, unit="queries", n=queries.queries
            )
            yield _of_bottleneck(
                advice.ANSWER_QUERIES, left, _answers(queries.queries_unanswered, queries.queries)
            )


def _answers(unanswered: int, queries: int) -> Improvement | None:
    interval = wilson_interval(unanswered, queries)
    if interval is None or queries < FAILURES_MINIMUM:
        return None
    share = unanswered / queries
    return Improvement(
        "queries_answered_ratio",
        share,
        *interval,
        f"Up to {percent(share)} more of its queries are answered "
        f"({percent(interval[0])} to {percent(interval[1])}).",
    )


def _of_bottleneck(rule: advice.Rule, found: Bottleneck, improvement: Improvement | None) -> Recommendation:
    return Recommendation(
        kind=rule.kind,
        rule=rule.id,
        orchestrator=found.orchestrator,
        window=found.window,
        subject=found.subject,
        description=found.description,
        recommendations=list(rule.steps),
        impact_score=found.impact_score,
        value=found.value,
        baseline=found.baseline,
        unit=found.unit,
        n=found.n,
        expected_improvement=improvement,
        pattern=found.pattern,
        phase=found.phase,
        droid=found.droid,
        sessions=found.sessions,
    )
