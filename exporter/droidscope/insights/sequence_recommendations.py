"""
Recommendations to start phases earlier, where they wait for others that they do not depend on.

Definition: docs/kpis.md#recommendations
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from droidscope.conventions.insight_kinds import RUN_IN_PARALLEL
from droidscope.facts.fact_totals import Totals, sum_by
from droidscope.facts.facts import PhaseIdleTime, SessionSequencing
from droidscope.formatting import counted, duration, named, percent
from droidscope.insights.analysis_window import AnalysisWindow
from droidscope.insights.insight_types import Improvement, Recommendation
from droidscope.kpi.critical_path import sequencing_ratio
from droidscope.kpi.improvement import sequencing_impact
from droidscope.model.examples import ExampleKind
from droidscope.units import SECOND_NS


def sequence_recommendations(window: AnalysisWindow) -> Iterator[Recommendation]:
    """
    One for each pattern whose phases could be run in less time.

    Definition: docs/kpis.md#recommendations
    """
    totals = sum_by(window.hours.of(SessionSequencing), lambda key: (key.pattern, key.total))
    idle_ns = _idle_times(window.hours)
    for pattern in sorted({pattern for pattern, _ in totals}):
        n, makespan_ns, critical_ns = (totals[pattern, name] for name in ("n", "makespan_ns", "critical_ns"))
        share = sequencing_ratio(makespan_ns, critical_ns)
        impact = None if share is None else sequencing_impact(share)
        if share is None or impact is None:
            continue
        target = _phases_text(idle_ns[pattern], n) or "phases that run one after the other"
        mean_seconds, needed_seconds = makespan_ns / n / SECOND_NS, critical_ns / n / SECOND_NS
        yield Recommendation(
            kind=RUN_IN_PARALLEL.kind,
            rule=RUN_IN_PARALLEL.id,
            orchestrator=window.orchestrator,
            window=window.name,
            subject=pattern,
            description=(
                f"{named('Pattern', pattern)} takes {duration(mean_seconds)} from the start of its first "
                f"phase to the end of its last; with the declared dependencies, {duration(needed_seconds)} "
                f"would suffice (mean of {counted(n, 'session')})."
            ),
            recommendations=[step.format(target=target) for step in RUN_IN_PARALLEL.steps],
            impact_score=impact,
            value=mean_seconds,
            baseline=needed_seconds,
            unit="seconds",
            n=n,
            expected_improvement=Improvement(
                metric="session_duration_ratio",
                estimate=share,
                low=None,
                high=None,
                text=f"Sessions end up to {percent(share)} earlier.",
            ),
            pattern=pattern,
            sessions=window.example_sessions(ExampleKind.IDLE, pattern),
        )


def _idle_times(hours: Totals) -> defaultdict[str, dict[str, int]]:
    """
    The time in nanoseconds that each phase waited without need, by pattern.
    """
    idle_ns: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for key, ns in hours.of(PhaseIdleTime).items():
        if ns > 0:
            idle_ns[key.pattern][key.phase] = ns
    return idle_ns


def _phases_text(idle_ns: Mapping[str, int], n: int) -> str:
    """
    The phases with their mean idle times in *n* sessions, the longest first.
    """
    longest = sorted(idle_ns.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{phase} ({duration(ns / n / SECOND_NS)} earlier)" for phase, ns in longest)
