"""
Patterns and their KPIs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from msgspec import Struct

from droidscope.api.endpoint import Endpoint
from droidscope.api.kpi_schema import to_pattern_kpis
from droidscope.api.params import Limit, Window, matches
from droidscope.api.schema import PatternItem, PatternList, PhasePerformance
from droidscope.api.serializers import by_pattern, to_seconds
from droidscope.conventions.attributes import Outcome
from droidscope.facts.fact_totals import Totals, sketch_by, sum_by
from droidscope.facts.facts import Failures, PhasesEnded, PhaseTime, PhaseWaitTime
from droidscope.facts.sketched_facts import PhaseDurations
from droidscope.insights.assignments import Assignment, assignments
from droidscope.insights.insight_types import Bottleneck, Recommendation
from droidscope.kpi.durations import mean_session_ns
from droidscope.kpi.patterns import failure_points
from droidscope.kpi.statistics import ratio
from droidscope.kpi.totals import PatternTotals, by_subject
from droidscope.model.labels import OrchestratorLabels
from droidscope.units import SECOND_NS
from droidscope.views.head_reader import HeadReader
from droidscope.views.insight_cache import WindowInsights


class PatternsParams(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Filters, the window of the KPIs, and the maximum number of patterns.
    """

    orchestrator: str | None = None
    pattern: str | None = None
    window: Window = "24h"
    limit: Limit = 100


class _PatternWindow(NamedTuple):
    """
    One pattern over a window: its totals, the facts that name it (those of minutes and of hours), and
    its insights.
    """

    pattern: str
    totals: PatternTotals
    minutes: Totals
    hours: Totals
    bottlenecks: list[Bottleneck]
    recommendations: list[Recommendation]
    assignments: list[Assignment]


def list_patterns(reader: HeadReader, params: PatternsParams) -> PatternList:
    """
    The patterns of which something ended in the window.
    """
    now_ns = reader.now_ns()
    references_usd = reader.insights.reference_costs_usd()
    totals = reader.window_totals([params.window], now_ns)
    insights = reader.insights.by_window()
    wanted = [
        (orchestrator, window)
        for orchestrator, by_window in totals.items()
        if matches(params.orchestrator, orchestrator[0])
        for window in _pattern_windows(
            by_window[params.window],
            insights.get((orchestrator, params.window)),
            {**references_usd.get(orchestrator, {}), **reader.settings.budgets_usd},
        )
        if matches(params.pattern, window.pattern)
    ]
    patterns = [
        _to_pattern_item(reader, orchestrator, window) for orchestrator, window in wanted[: params.limit]
    ]
    return PatternList(now_ns / SECOND_NS, params.window, len(wanted), patterns)


def _pattern_windows(
    facts: Totals, insights: WindowInsights | None, references_usd: Mapping[str, float]
) -> Iterator[_PatternWindow]:
    """
    The patterns that the facts of one orchestrator's window name; *references_usd* is what a success may
    cost, by pattern.
    """
    hours = insights.window.hours if insights else Totals({})
    assigned = by_pattern(assignments(facts, hours))
    bottlenecks = by_pattern(insights.bottlenecks if insights else ())
    recommendations = by_pattern(insights.recommendations if insights else ())
    for pattern, totals in sorted(by_subject(facts, references_usd).patterns.items()):
        yield _PatternWindow(
            pattern=pattern,
            totals=totals,
            minutes=facts.by_pattern[pattern],
            hours=hours.by_pattern.get(pattern, Totals({})),
            bottlenecks=bottlenecks[pattern],
            recommendations=recommendations[pattern],
            assignments=assigned[pattern],
        )


def _to_pattern_item(
    reader: HeadReader, orchestrator: OrchestratorLabels, window: _PatternWindow
) -> PatternItem:
    with reader.locked_head() as (head, _):
        name = head.names.of(orchestrator, window.pattern)
    failures = sum_by(window.minutes.of(Failures), lambda key: (key.phase, key.reason))
    return PatternItem(
        orchestrator=orchestrator[0],
        labels=reader.resource_labels(orchestrator),
        pattern=window.pattern,
        pattern_name=name,
        executions=window.totals.sessions.sessions_ended,
        cancelled=window.totals.sessions.sessions_cancelled,
        unknown=window.totals.sessions.sessions_unknown,
        average_duration_seconds=to_seconds(mean_session_ns(window.totals.sessions)),
        kpis=to_pattern_kpis(window.totals),
        failure_points=failure_points({point: n for point, n in failures.items() if n > 0}),
        phases=_phase_performance(window.minutes, window.hours),
        bottlenecks=[bottleneck.description for bottleneck in window.bottlenecks],
        optimization_opportunities=[
            step for advice in window.recommendations for step in advice.recommendations
        ],
        efficiency_improvements=[
            advice.expected_improvement.text
            for advice in window.recommendations
            if advice.expected_improvement
        ],
        droids=window.assignments,
    )


def _phase_performance(minutes: Totals, hours: Totals) -> list[PhasePerformance]:
    """
    The phases of one pattern, from the facts that name it.
    """
    ended = sum_by(minutes.of(PhasesEnded), lambda key: (key.phase, key.outcome))
    phase_ns = sum_by(minutes.of(PhaseTime), lambda key: key.phase)
    wait_ns = sum_by(minutes.of(PhaseWaitTime), lambda key: key.phase)
    durations = sketch_by(
        hours.of(PhaseDurations),
        lambda key: key.phase,
        where=lambda key: key.outcome == Outcome.COMPLETED,
    )
    performance = []
    for phase in sorted({phase for phase, _ in ended}):
        completed, failed = (ended[phase, outcome] for outcome in (Outcome.COMPLETED, Outcome.FAILED))
        median_ns = durations[phase].quantile(0.5) if phase in durations else None
        performance.append(
            PhasePerformance(
                phase_id=phase,
                completed=completed,
                failed=failed,
                cancelled=ended[phase, Outcome.CANCELLED],
                success_ratio=ratio(completed, completed + failed),
                median_duration_seconds=to_seconds(median_ns),
                wait_ratio=ratio(wait_ns[phase], phase_ns[phase]),
            )
        )
    return performance


ENDPOINTS: Final = (
    Endpoint(
        path="patterns",
        params=PatternsParams,
        answer=PatternList,
        title="Patterns and their KPIs",
        description=(
            "Patterns with executions, phases, failure points, assignments, possible improvements, and "
            "every KPI with its samples."
        ),
        handler=list_patterns,
    ),
)
