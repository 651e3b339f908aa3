"""
The KPI gauges; every one has the label `window`.
"""

from __future__ import annotations

from droidscope.conventions.metrics.spec import WINDOW, LabelName, MetricSpec, family
from droidscope.conventions.scoring import EFFICIENCY_FORMULA


def _kpi(name: str, *labels: LabelName, help: str) -> MetricSpec:
    return family(name, "gauge", (*labels, WINDOW), help)


TASK_COMPLETION_RATIO = _kpi(
    "orchestrator_task_completion_ratio", help="Tasks completed of those completed or failed."
)
SESSION_SUCCESS_RATIO = _kpi(
    "orchestrator_session_success_ratio", help="Sessions completed of those completed, failed or lost."
)
PHASE_SUCCESS_RATIO = _kpi(
    "orchestrator_phase_success_ratio", help="Phases completed of phases completed or failed."
)
ERROR_RATIO = _kpi("orchestrator_error_ratio", help="Attempts failed of those succeeded or failed.")
RETRY_RATIO = _kpi("orchestrator_retry_ratio", help="Attempts after the first of their task, of attempts.")
INTEGRATION_SUCCESS_RATIO = _kpi(
    "orchestrator_integration_success_ratio", help="Syntheses integrated of syntheses."
)
COMMUNICATION_SUCCESS_RATIO = _kpi(
    "orchestrator_communication_success_ratio",
    help="Queries answered in time and other messages accepted, of messages.",
)
COMMUNICATION_CONFLICT_RATIO = _kpi(
    "orchestrator_communication_conflict_ratio", help="Conflicts per message, at most 1."
)
COMMUNICATION_EFFICIENCY_RATIO = _kpi(
    "orchestrator_communication_efficiency_ratio", help="Communication success x (1 - conflict ratio)."
)
COMMUNICATION_WAIT_RATIO = _kpi(
    "orchestrator_communication_wait_ratio", help="Phase time covered by queries waiting for their answer."
)
EFFICIENCY_SCORE = _kpi(
    "orchestrator_efficiency_score",
    help="0.5 task completion + 0.3 phase success + 0.2 plan adherence, 0 to 100.",
)
EFFICIENCY_WEIGHT = _kpi(
    "orchestrator_efficiency_weight_ratio", help="Share of the efficiency score's weight present."
)

DROID_TASK_COMPLETION_RATIO = _kpi(
    "orchestrator_droid_task_completion_ratio",
    "droid",
    help="Tasks of the droid completed of those completed or failed.",
)
DROID_ERROR_RATIO = _kpi(
    "orchestrator_droid_error_ratio",
    "droid",
    help="Attempts of the droid failed of those succeeded or failed.",
)
DROID_RETRY_RATIO = _kpi("orchestrator_droid_retry_ratio", "droid", help="Retries of the droid's attempts.")
DROID_RESPONSE_SCORE = _kpi(
    "orchestrator_droid_response_score",
    "droid",
    help="100 x mean of clip(1 - t/300) over queries put to the droid.",
)
DROID_EFFICIENCY_SCORE = _kpi(
    "orchestrator_droid_efficiency_score",
    "droid",
    help=f"{EFFICIENCY_FORMULA}, 0 to 100.",
)
DROID_EFFICIENCY_WEIGHT = _kpi(
    "orchestrator_droid_efficiency_weight_ratio",
    "droid",
    help="Share of the droid's efficiency weight present.",
)
DROID_COLLABORATION_SCORE = _kpi(
    "orchestrator_droid_collaboration_score",
    "droid",
    help="0.4 balance + 0.3 response + 0.3 answered in time, 0 to 100.",
)
DROID_CODE_QUALITY_SCORE = _kpi(
    "orchestrator_droid_code_quality_score", "droid", help="Mean code quality, 0 to 100."
)
DROID_TEST_COVERAGE_SCORE = _kpi(
    "orchestrator_droid_test_coverage_score", "droid", help="Mean test coverage, 0 to 100."
)
DROID_SECURITY_SCORE = _kpi(
    "orchestrator_droid_security_score", "droid", help="Mean security score, 0 to 100."
)
DROID_QUALITY_CONSISTENCY_RATIO = _kpi(
    "orchestrator_droid_quality_consistency_ratio", "droid", help="1 - SD/50 of code quality scores."
)

PATTERN_SUCCESS_RATIO = _kpi(
    "orchestrator_pattern_success_ratio",
    "pattern",
    help="Sessions of the pattern completed of those completed, failed or lost.",
)
PATTERN_COST_PER_SUCCESS = _kpi(
    "orchestrator_pattern_cost_per_success_usd",
    "pattern",
    help="Cost of all executions over the successful ones.",
)
PATTERN_COST_EFFICIENCY_RATIO = _kpi(
    "orchestrator_pattern_cost_efficiency_ratio",
    "pattern",
    help="Reference cost over cost per success, at most 1.",
)
PATTERN_CODE_QUALITY_SCORE = _kpi(
    "orchestrator_pattern_code_quality_score",
    "pattern",
    help="Mean code quality of the pattern's tasks, 0 to 100.",
)
