"""
The metric catalogue: every series we expose, its kind, its labels and its help, written once.

Every domain series also has the labels of its orchestrator (`orchestrator`, then the configured
resource labels), which come first and are not repeated in `labels`.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

MetricKind = Literal["counter", "histogram", "summary", "gauge"]


class MetricSpec(NamedTuple):
    """
    One metric family: what the exposition, the rules, the dashboards and the docs agree on.

    *labels* are those beside the orchestrator's own; *bounds* are a histogram's upper bounds in
    seconds, without +Inf.
    """

    name: str
    kind: MetricKind
    labels: tuple[str, ...]
    help: str
    bounds: tuple[float, ...] = ()


ORCHESTRATOR: Final = "orchestrator"
"""
Label of every domain series: the resource's `service.name`.
"""

DURATION_BOUNDS: Final = (
    1.0,
    5.0,
    15.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1800.0,
    2700.0,
    3600.0,
    7200.0,
    10800.0,
)
RESPONSE_BOUNDS: Final = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0)

_families: dict[str, MetricSpec] = {}


def _family(
    name: str, kind: MetricKind, labels: tuple[str, ...], help_: str, bounds: tuple[float, ...] = ()
) -> MetricSpec:
    spec = MetricSpec(name, kind, labels, help_, bounds)
    if name in _families:
        msg = f"metric {name} is declared twice"
        raise ValueError(msg)
    _families[name] = spec
    return spec


def _counter(name: str, *labels: str, help: str) -> MetricSpec:
    return _family(name, "counter", labels, help)


def _histogram(name: str, *labels: str, help: str, bounds: tuple[float, ...] = DURATION_BOUNDS) -> MetricSpec:
    return _family(name, "histogram", labels, help, bounds)


def _summary(name: str, *labels: str, help: str) -> MetricSpec:
    return _family(name, "summary", labels, help)


def _gauge(name: str, *labels: str, help: str) -> MetricSpec:
    return _family(name, "gauge", labels, help)


# --- counters -----------------------------------------------------------------------------------

SESSIONS_STARTED = _counter(
    "orchestrator_sessions_started_total",
    "pattern",
    help="Sessions of which a first record of any kind has arrived.",
)
SESSIONS = _counter(
    "orchestrator_sessions_total", "pattern", "outcome", help="Sessions ended, or declared lost."
)
SESSIONS_RECOVERED = _counter(
    "orchestrator_sessions_recovered_total",
    "pattern",
    "outcome",
    help="Sessions declared lost that ended after all.",
)
SESSIONS_ENDED_OVER_LIMIT = _counter(
    "orchestrator_sessions_ended_over_limit_total",
    "pattern",
    help="Sessions that ended after more than their time limit.",
)
PHASES = _counter("orchestrator_phases_total", "pattern", "phase", "outcome", help="Phases ended.")
PHASE_BLOCKED_SECONDS = _counter(
    "orchestrator_phase_blocked_seconds_total", "pattern", "phase", help="Seconds phases spent blocked."
)
TASKS = _counter(
    "orchestrator_tasks_total", "droid", "task_type", "outcome", help="Tasks ended, by final outcome."
)
ASSIGNMENTS = _counter(
    "orchestrator_assignments_total",
    "pattern",
    "droid",
    "outcome",
    help="The same tasks, by pattern and droid.",
)
ATTEMPTS = _counter(
    "orchestrator_attempts_total",
    "droid",
    "task_type",
    "outcome",
    help="Attempts ended; a task without any counts as one.",
)
RETRIES = _counter(
    "orchestrator_retries_total", "droid", "task_type", help="Attempts after the first of their task."
)
FAILURES = _counter(
    "orchestrator_failures_total",
    "pattern",
    "phase",
    "reason",
    help="Failed phases, and failed or lost sessions with no failed phase (phase is empty).",
)
MESSAGES = _counter(
    "orchestrator_messages_total",
    "sender",
    "message_type",
    "outcome",
    help="Messages between droids, by sender.",
)
QUERIES = _counter(
    "orchestrator_queries_total",
    "droid",
    "outcome",
    help="Queries by the droid asked; answered means in time.",
)
QUERY_CREDIT = _counter(
    "orchestrator_query_response_credit_total",
    "droid",
    help="Sum of clip(1 - t/300) over the queries put to the droid; late and unanswered ones give 0.",
)
MESSAGE_EDGES = _counter(
    "orchestrator_message_edges_total", "sender", "receiver", help="Messages by sender and receiver."
)
CONFLICTS = _counter(
    "orchestrator_conflicts_total",
    "pattern",
    "phase",
    "conflict_type",
    help="Conflicts between droids' results.",
)
SYNTHESES = _counter(
    "orchestrator_syntheses_total", "pattern", "outcome", help="Syntheses of a session's results."
)
GATE_RESULTS = _counter(
    "orchestrator_gate_results_total", "pattern", "gate", "outcome", help="Quality gates evaluated."
)
FILES_CREATED = _counter("orchestrator_files_created_total", "droid", help="Files that tasks created.")
SECURITY_FINDINGS = _counter(
    "orchestrator_security_findings_total", "droid", "finding_severity", help="Security findings as reported."
)
TOOL_CALLS = _counter(
    "orchestrator_tool_calls_total", "droid", "tool", "outcome", help="Tool calls of droids."
)
MODEL_REQUESTS = _counter(
    "orchestrator_model_requests_total", "model", "outcome", help="Requests to model providers."
)
TOKENS = _counter(
    "orchestrator_tokens_total",
    "droid",
    "model",
    "direction",
    help="Tokens: input, output, cache_read, cache_write.",
)
UNPRICED_TOKENS = _counter(
    "orchestrator_unpriced_tokens_total", "model", help="Tokens with no cost given and no price configured."
)
COST = _counter("orchestrator_cost_usd_total", "pattern", "droid", "model", help="Cost in US dollars.")

# --- histograms and summaries -------------------------------------------------------------------

SESSION_DURATION = _histogram(
    "orchestrator_session_duration_seconds", "pattern", "outcome", help="Duration of ended sessions."
)
PHASE_DURATION = _histogram(
    "orchestrator_phase_duration_seconds", "pattern", "phase", help="Duration of completed phases."
)
TASK_DURATION = _histogram(
    "orchestrator_task_duration_seconds", "droid", "task_type", help="Duration of completed tasks."
)
QUERY_RESPONSE = _histogram(
    "orchestrator_query_response_seconds",
    "droid",
    help="Time to the answer of a query, by the droid asked.",
    bounds=RESPONSE_BOUNDS,
)
MODEL_REQUEST_DURATION = _histogram(
    "orchestrator_model_request_duration_seconds", "model", help="Duration of requests to model providers."
)
CODE_QUALITY = _summary(
    "orchestrator_code_quality_score",
    "pattern",
    "droid",
    "task_type",
    help="Code quality scores of tasks, 0 to 100.",
)
TEST_COVERAGE = _summary(
    "orchestrator_test_coverage_score", "droid", help="Test coverage of tasks, 0 to 100."
)
SECURITY = _summary("orchestrator_security_score", "droid", help="Security scores of tasks, 0 to 100.")

# --- live gauges --------------------------------------------------------------------------------

SESSIONS_ACTIVE = _gauge("orchestrator_sessions_active", "pattern", help="Sessions running now.")
SESSIONS_SILENT = _gauge(
    "orchestrator_sessions_silent", "pattern", help="Running sessions of which nothing arrives."
)
SESSIONS_STALLED = _gauge(
    "orchestrator_sessions_stalled", "pattern", help="Running sessions that are alive and make no progress."
)
SESSIONS_OVER_LIMIT = _gauge(
    "orchestrator_sessions_over_limit", "pattern", help="Sessions running for longer than their time limit."
)
SESSION_OLDEST_START = _gauge(
    "orchestrator_session_oldest_start_timestamp_seconds",
    "pattern",
    help="Start of the oldest running session.",
)
ACTIVE_SESSION_INFO = _gauge(
    "orchestrator_active_session_info",
    "session_id",
    "pattern",
    "phase",
    help="A running session and its latest phase.",
)
ACTIVE_SESSION_START = _gauge(
    "orchestrator_active_session_start_timestamp_seconds",
    "session_id",
    "pattern",
    help="Start of a running session.",
)
ACTIVE_SESSION_PROGRESS = _gauge(
    "orchestrator_active_session_progress_ratio",
    "session_id",
    "pattern",
    help="Progress of a running session.",
)
ACTIVE_SESSION_DROIDS = _gauge(
    "orchestrator_active_session_droids", "session_id", "pattern", help="Droids working in a running session."
)
ACTIVE_SESSION_CONFLICTS = _gauge(
    "orchestrator_active_session_conflicts",
    "session_id",
    "pattern",
    help="Conflicts met in a running session.",
)
PHASES_ACTIVE = _gauge(
    "orchestrator_phases_active", "pattern", "phase", "state", help="Phases running or blocked now."
)
ATTEMPTS_ACTIVE = _gauge("orchestrator_attempts_active", "droid", help="Attempts in flight.")
DROID_CONCURRENCY_LIMIT = _gauge(
    "orchestrator_droid_concurrency_limit",
    "droid",
    help="Attempts a droid may have in flight, as configured.",
)
DROID_STATUS = _gauge(
    "orchestrator_droid_status",
    "droid",
    "status",
    help="1 for the status that holds over 24 hours, 0 for the others.",
)
FINDINGS_OPEN = _gauge(
    "orchestrator_security_findings_open",
    "pattern",
    "droid",
    "finding_severity",
    help="Security findings of the latest report.",
)

ALERTS_ACTIVE = _gauge(
    "orchestrator_alerts_active",
    "alert",
    "alert_severity",
    help="Patterns, droids or findings that breach the alert's limit now.",
)
ALERT_LEVEL = _gauge(
    "orchestrator_alert_level",
    help="Highest severity of the active alerts: 0 none, 1 low, 2 medium, 3 high, 4 critical.",
)

# --- KPI gauges: every one has the label window; see KPIS -----------------------------------------

WINDOW: Final = "window"
WINDOWS: Final = {"1h": 60, "24h": 1440, "7d": 10080}
"""
Name of each window and its length in minutes.
"""
TREND_WINDOWS: Final = ("7d", "30d")
"""
Windows of trends: by the hour, and by the day.
"""
ASSIGNMENT_WINDOW: Final = "7d"
"""
Window over which assignments are judged.
"""


def _kpi(name: str, *labels: str, help: str) -> MetricSpec:
    return _family(name, "gauge", (*labels, WINDOW), help)


TASK_COMPLETION_RATIO = _kpi("orchestrator_task_completion_ratio", help="Tasks completed of tasks ended.")
SESSION_SUCCESS_RATIO = _kpi(
    "orchestrator_session_success_ratio", help="Sessions completed of sessions ended or lost."
)
PHASE_SUCCESS_RATIO = _kpi(
    "orchestrator_phase_success_ratio", help="Phases completed of phases completed or failed."
)
ERROR_RATIO = _kpi("orchestrator_error_ratio", help="Failed attempts of attempts.")
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
    "orchestrator_droid_task_completion_ratio", "droid", help="Tasks of the droid completed of those ended."
)
DROID_ERROR_RATIO = _kpi(
    "orchestrator_droid_error_ratio", "droid", help="Failed attempts of the droid's attempts."
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
    help="0.30 completion + 0.25 quality + 0.20 collaboration + 0.15 (1 - error) + 0.10 response, 0 to 100.",
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
    help="Sessions of the pattern completed of those ended or lost.",
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

# --- findings and trends: they have a window, too, and come from `insights` -------------------------


def _finding(name: str, *labels: str, help: str) -> MetricSpec:
    return _family(name, "gauge", (*labels, WINDOW), help)


DROID_QUALITY_TREND = _finding(
    "orchestrator_droid_code_quality_trend_points_per_week",
    "droid",
    help="Theil-Sen slope of the medians of code quality, in points a week.",
)
DROID_QUALITY_VOLATILITY = _finding(
    "orchestrator_droid_code_quality_volatility_points",
    "droid",
    help="How restless the medians of code quality are, in points.",
)
DROID_QUALITY_DIRECTION = _finding(
    "orchestrator_droid_code_quality_trend_direction",
    "droid",
    help="1 if code quality improves, -1 if it declines, 0 if it is stable.",
)
ASSIGNMENT_EFFECTIVENESS = _finding(
    "orchestrator_assignment_effectiveness_ratio",
    "pattern",
    "droid",
    help="Wilson lower bound of the droid's completed tasks in the pattern.",
)
ASSIGNMENT_EXPECTED = _finding(
    "orchestrator_assignment_expected_ratio",
    "pattern",
    "droid",
    help="Posterior mean of the droid's completed tasks in the pattern.",
)
BOTTLENECK_IMPACT = _finding(
    "orchestrator_bottleneck_impact_score",
    "kind",
    "subject",
    help="Share of the outcome that a bottleneck costs, 0 to 100.",
)
RECOMMENDATION_IMPACT = _finding(
    "orchestrator_recommendation_impact_score",
    "kind",
    "subject",
    "rule",
    help="Impact of the finding behind a recommendation, 0 to 100.",
)

UNWEIGHTED: Final = (EFFICIENCY_WEIGHT, DROID_EFFICIENCY_WEIGHT)
"""
KPI gauges named like a ratio that have no samples sibling.
"""


def samples_of(spec: MetricSpec) -> MetricSpec:
    """
    The sibling that carries the sample count of a ratio or a score.
    """
    return MetricSpec(f"{spec.name}_samples", "gauge", spec.labels, f"Sample count of {spec.name}.")


# --- the exporter itself ------------------------------------------------------------------------

BUILD_INFO = _gauge("droidscope_build_info", "version", help="1; the label says which version runs.")
RECEIVED = _counter(
    "droidscope_received_total",
    "signal",
    "transport",
    "outcome",
    help="Spans, log records and metric points received since the process started.",
)
REJECTED = _counter(
    "droidscope_rejected_total",
    "reason",
    help="Requests and items refused since the process started, by reason.",
)
LATE_RECORDS = _counter(
    "droidscope_late_records_total", help="Records that arrived after their session had been closed."
)
RECORDS = _counter("droidscope_records_total", "kind", help="Records stored, by kind.")
INGEST_DURATION = _histogram(
    "droidscope_ingest_duration_seconds",
    help="Receipt of a request to its acknowledgement.",
    bounds=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
FSYNC_DURATION = _histogram(
    "droidscope_fsync_duration_seconds",
    help="Time to make a group of requests durable.",
    bounds=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
QUEUE_BYTES = _gauge("droidscope_queue_bytes", help="Bytes received and not yet durable.")
QUEUE_LIMIT_BYTES = _gauge(
    "droidscope_queue_limit_bytes", help="Bytes at which requests are refused for now."
)
OPEN_SESSIONS = _gauge(
    "droidscope_open_sessions", help="Sessions held in memory: running, settling or lately closed."
)
STORE_BYTES = _gauge("droidscope_store_bytes", help="Size of the store on disk.")
STORE_FREE_BYTES = _gauge("droidscope_store_free_bytes", help="Free bytes on the disk of the store.")
STORE_RECORDS = _gauge("droidscope_store_records", help="Records the store has taken in over its life.")
COLLECT_DURATION = _gauge(
    "droidscope_collect_duration_seconds", "part", help="Time the last collection of a part took."
)
COLLECT_SUCCESS = _gauge(
    "droidscope_collect_success", "part", help="1 if the last collection of a part succeeded."
)
LAST_RECEIPT = _gauge(
    "droidscope_last_receipt_timestamp_seconds", "orchestrator", "signal", help="When something last arrived."
)
LABEL_OVERFLOW = _counter(
    "droidscope_label_overflow_total",
    "orchestrator",
    "label",
    help="Events counted under `other` for want of room.",
)
LABEL_VALUES = _gauge("droidscope_label_values", "orchestrator", "label", help="Distinct values of a label.")
LABEL_VALUES_LIMIT = _gauge(
    "droidscope_label_values_limit", "label", help="Values of a label before `other` takes over."
)
CLIENT_RECORDS_EMITTED = _counter(
    "droidscope_client_records_emitted_total",
    "orchestrator",
    "kind",
    help="Records the instrumentation says it emitted.",
)
CLIENT_RECORDS_STORED = _counter(
    "droidscope_client_records_stored_total",
    "orchestrator",
    "kind",
    help="Records of our instrumentation stored.",
)
COMPLETENESS = _gauge(
    "droidscope_completeness_ratio",
    "orchestrator",
    help="Records stored of records emitted; below 1 telemetry is lost.",
)

CATALOGUE: Final = tuple(_families.values())
"""
Every family above, in order.
"""
FINDINGS: Final = (
    DROID_QUALITY_TREND,
    DROID_QUALITY_VOLATILITY,
    DROID_QUALITY_DIRECTION,
    ASSIGNMENT_EFFECTIVENESS,
    ASSIGNMENT_EXPECTED,
    BOTTLENECK_IMPACT,
    RECOMMENDATION_IMPACT,
)
"""
Gauges with a window that come from `insights`; of these the assignments alone have samples siblings.
"""
ASSIGNMENTS_JUDGED: Final = (ASSIGNMENT_EFFECTIVENESS, ASSIGNMENT_EXPECTED)
KPIS: Final = tuple(
    spec for spec in CATALOGUE if spec.labels and spec.labels[-1] == WINDOW and spec not in FINDINGS
)
"""
The KPI gauges; a `_ratio` or `_score` among them that is not in UNWEIGHTED has a samples sibling.
"""
