"""
Gauges of trends, assignments, bottlenecks and recommendations; every one has the label `window`.

Assignments alone have samples siblings.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions.metrics.spec import WINDOW, LabelName, MetricSpec, family


def _insight(name: str, *labels: LabelName, help: str) -> MetricSpec:
    return family(name, "gauge", (*labels, WINDOW), help)


DROID_QUALITY_TREND = _insight(
    "orchestrator_droid_code_quality_trend_points_per_week",
    "droid",
    help="Theil-Sen slope of the medians of code quality, in points a week.",
)
DROID_QUALITY_VOLATILITY = _insight(
    "orchestrator_droid_code_quality_volatility_points",
    "droid",
    help="Volatility of the medians of code quality, in points.",
)
DROID_QUALITY_DIRECTION = _insight(
    "orchestrator_droid_code_quality_trend_direction",
    "droid",
    help="1 if code quality improves, -1 if it declines, 0 if it is stable.",
)
ASSIGNMENT_EFFECTIVENESS = _insight(
    "orchestrator_assignment_effectiveness_ratio",
    "pattern",
    "droid",
    help="Wilson lower bound of the droid's completed tasks in the pattern.",
)
ASSIGNMENT_EXPECTED = _insight(
    "orchestrator_assignment_expected_ratio",
    "pattern",
    "droid",
    help="Posterior mean of the droid's completed tasks in the pattern.",
)
BOTTLENECK_IMPACT = _insight(
    "orchestrator_bottleneck_impact_score",
    "kind",
    "subject",
    help="Share of the outcome that a bottleneck costs, 0 to 100.",
)
RECOMMENDATION_IMPACT = _insight(
    "orchestrator_recommendation_impact_score",
    "kind",
    "subject",
    "rule",
    help="Impact of the finding behind a recommendation, 0 to 100.",
)

ASSIGNMENTS_JUDGED: Final = (ASSIGNMENT_EFFECTIVENESS, ASSIGNMENT_EXPECTED)
