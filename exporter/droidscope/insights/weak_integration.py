"""
Weak integration: patterns of which too few syntheses are integrated.

Definition: docs/kpis.md#bottlenecks
"""

from __future__ import annotations

from collections.abc import Iterator

from droidscope.conventions.attributes import Outcome
from droidscope.conventions.insight_kinds import REMEDIES
from droidscope.conventions.outcomes import SYNTHESIS_ENDS
from droidscope.conventions.thresholds import SUCCESS_TARGET
from droidscope.facts.fact_totals import sum_by
from droidscope.facts.facts import Syntheses
from droidscope.formatting import counted, named
from droidscope.insights.analysis_window import AnalysisWindow
from droidscope.insights.insight_types import Bottleneck
from droidscope.kpi.bottleneck_impact import integration_impact, is_integration_weak
from droidscope.model.examples import ExampleKind


def weak_integration(window: AnalysisWindow) -> Iterator[Bottleneck]:
    """
    The patterns whose share of integrated syntheses is below the target.

    Definition: docs/kpis.md#bottlenecks
    """
    syntheses = window.minutes.of(Syntheses)
    by_outcome = sum_by(syntheses, lambda key: (key.pattern, key.outcome))
    by_pattern = sum_by(syntheses, lambda key: key.pattern, where=lambda key: key.outcome in SYNTHESIS_ENDS)
    total = by_pattern.total()
    for pattern, n in sorted(by_pattern.items()):
        integrated, conflicts = by_outcome[pattern, Outcome.INTEGRATED], by_outcome[pattern, Outcome.CONFLICT]
        if not is_integration_weak(integrated, n):
            continue
        failed = n - integrated
        yield Bottleneck(
            kind="integration",
            orchestrator=window.orchestrator,
            window=window.name,
            subject=pattern,
            description=(
                f"{failed} of {counted(n, 'synthesis', 'syntheses')} of {named('pattern', pattern)} "
                f"were not integrated: {conflicts} had conflicts, "
                f"{failed - conflicts} failed a gate or lacked a component."
            ),
            impact_score=integration_impact(total - failed, total) or 0.0,
            value=integrated / n,
            baseline=SUCCESS_TARGET,
            unit="ratio",
            n=n,
            flagged=failed,
            pattern=pattern,
            sessions=window.example_sessions(ExampleKind.SYNTHESIS, pattern),
            recommendations=list(REMEDIES["integration"]),
        )
