"""
Slow communication: phases that wait for answers, and droids that answer late or never.

Definition: docs/kpis.md#bottlenecks
"""

from __future__ import annotations

from collections.abc import Iterator

from droidscope.conventions.insight_kinds import REMEDIES
from droidscope.conventions.outcomes import TIMED_PHASE_ENDS
from droidscope.conventions.thresholds import RESPONSE_LIMIT_SECONDS
from droidscope.facts.fact_totals import sum_by
from droidscope.facts.facts import PhasesEnded, PhaseTime, PhaseWaitTime
from droidscope.formatting import counted, duration, named, percent
from droidscope.insights.analysis_window import AnalysisWindow, PhaseName
from droidscope.insights.insight_types import Bottleneck
from droidscope.kpi.bottleneck_impact import WAIT_LIMIT, is_communication_slow
from droidscope.kpi.durations import mean_response_ns
from droidscope.kpi.statistics import ratio
from droidscope.model.examples import ExampleKind
from droidscope.units import SECOND_NS


def waiting_phases(window: AnalysisWindow) -> Iterator[Bottleneck]:
    """
    The phases that wait for answers for too large a share of their time.

    Definition: docs/kpis.md#bottlenecks
    """
    minutes = window.minutes
    phase_ns = sum_by(minutes.of(PhaseTime), lambda key: PhaseName(key.pattern, key.phase))
    wait_ns = sum_by(minutes.of(PhaseWaitTime), lambda key: PhaseName(key.pattern, key.phase))
    ended = sum_by(
        minutes.of(PhasesEnded),
        lambda key: PhaseName(key.pattern, key.phase),
        where=lambda key: key.outcome in TIMED_PHASE_ENDS,
    )
    for name, waited_ns in wait_ns.items():
        share = ratio(waited_ns, phase_ns[name])
        if share is None or not is_communication_slow(share, None, 0):
            continue
        yield Bottleneck(
            kind="communication",
            orchestrator=window.orchestrator,
            window=window.name,
            subject="/".join(name),
            description=(
                f"{named('Phase', name.phase)} of {named('pattern', name.pattern)} spent {percent(share)} of "
                f"its time waiting for answers, {duration(waited_ns / SECOND_NS)} in total."
            ),
            impact_score=window.time_impact(waited_ns),
            value=share,
            baseline=WAIT_LIMIT,
            unit="ratio",
            n=ended[name],
            flagged=ended[name],
            pattern=name.pattern,
            phase=name.phase,
            lost_seconds=waited_ns / SECOND_NS,
            sessions=window.example_sessions(ExampleKind.WAIT, *name),
            recommendations=list(REMEDIES["communication"]),
        )


def slow_responders(window: AnalysisWindow) -> Iterator[Bottleneck]:
    """
    The droids whose mean response time is too long, or that leave queries unanswered.

    Definition: docs/kpis.md#bottlenecks
    """
    for droid, totals in window.subjects.droids.items():
        queries, unanswered = totals.queries.queries, totals.queries.queries_unanswered
        mean_ns = mean_response_ns(totals.queries)
        if not is_communication_slow(None, mean_ns, unanswered):
            continue
        is_slow = mean_ns is not None and mean_ns > RESPONSE_LIMIT_SECONDS * SECOND_NS
        mean_seconds = (mean_ns or 0.0) / SECOND_NS
        lost_ns = totals.mail.query_wait_ns if is_slow else totals.mail.vain_wait_ns
        problems = []
        if is_slow:
            problems.append(f"has a mean response time of {duration(mean_seconds)}")
        if unanswered:
            problems.append(f"left {unanswered} of {counted(queries, 'query', 'queries')} unanswered")
        yield Bottleneck(
            kind="communication",
            orchestrator=window.orchestrator,
            window=window.name,
            subject=droid,
            description=f"{named('Droid', droid)} {' and '.join(problems)}.",
            impact_score=window.time_impact(lost_ns),
            value=mean_seconds if is_slow else unanswered,
            baseline=RESPONSE_LIMIT_SECONDS if is_slow else 0.0,
            unit="seconds" if is_slow else "queries",
            n=queries,
            flagged=unanswered,
            droid=droid,
            lost_seconds=lost_ns / SECOND_NS,
            sessions=window.example_sessions(ExampleKind.QUERY, droid),
            recommendations=list(REMEDIES["communication"]),
        )
