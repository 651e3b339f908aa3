"""
Efficiency scores of orchestrators and droids, 0 to 100.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.conventions.scoring import EFFICIENCY_WEIGHTS
from droidscope.kpi.communication import collaboration_score, response_score
from droidscope.kpi.composites import Composite, composite
from droidscope.kpi.quality import mean_score
from droidscope.kpi.ratios import error_ratio, phase_success_ratio, task_completion_ratio
from droidscope.kpi.statistics import clip, ratio

if TYPE_CHECKING:
    from droidscope.kpi.totals import DroidTotals, OrchestratorTotals, PhaseTotals


def plan_adherence(flow: PhaseTotals) -> float | None:
    """
    Planned of actual duration, at most 1, over completed sessions with a plan; None without any.

    Definition: docs/kpis.md#orchestration-per-orchestrator
    """
    adherence = ratio(flow.planned_ns, flow.actual_ns)
    return None if adherence is None else clip(adherence)


def orchestrator_efficiency(facts: OrchestratorTotals) -> Composite:
    """
    0.5 task completion + 0.3 phase success + 0.2 plan adherence, 0 to 100.

    Definition: docs/kpis.md#orchestration-per-orchestrator
    """
    return composite(
        (50, task_completion_ratio(facts.work)),
        (30, phase_success_ratio(facts.flow)),
        (20, plan_adherence(facts.flow)),
    )


def droid_efficiency(facts: DroidTotals) -> Composite:
    """
    E of one droid's window: see `efficiency_of_parts`.

    Definition: docs/kpis.md#droids
    """
    return efficiency_of_parts(
        completion=task_completion_ratio(facts.work),
        quality=mean_score(facts.code_quality),
        collaboration=collaboration_score(facts),
        error=error_ratio(facts.work),
        response=response_score(facts.queries),
    )


def efficiency_of_parts(
    *,
    completion: float | None,
    quality: float | None,
    collaboration: float | None,
    error: float | None,
    response: float | None,
) -> Composite:
    """
    E: the parts weighted by `EFFICIENCY_WEIGHTS`, 0 to 100.

    Args:
        completion: C, task completion ratio.
        quality: 100 Q, mean code quality score.
        collaboration: 100 K, collaboration score.
        error: e, error ratio of attempts.
        response: 100 R, response score.

    Definition: docs/kpis.md#droids
    """
    parts = {
        "completion": completion,
        "quality": None if quality is None else quality / 100,
        "collaboration": None if collaboration is None else collaboration / 100,
        "(1 - error)": None if error is None else 1 - error,
        "response": None if response is None else response / 100,
    }
    return composite(*((EFFICIENCY_WEIGHTS[part], value) for part, value in parts.items()))
