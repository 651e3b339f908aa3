"""
Counters, histograms and summaries of orchestrators.
"""

from __future__ import annotations

from droidscope.conventions.metrics.spec import RESPONSE_BOUNDS, counter, histogram, summary

SESSIONS_STARTED = counter(
    "orchestrator_sessions_started_total",
    "pattern",
    help="Sessions of which a first record of any kind has arrived.",
)
SESSIONS = counter(
    "orchestrator_sessions_total", "pattern", "outcome", help="Sessions ended, or declared lost or unknown."
)
SESSIONS_RECOVERED = counter(
    "orchestrator_sessions_recovered_total",
    "pattern",
    "outcome",
    help="Sessions declared lost that ended after all.",
)
SESSIONS_REOPENED = counter(
    "orchestrator_sessions_reopened_total",
    "pattern",
    "outcome",
    help="Sessions that had ended, went on and ended otherwise, by the later outcome.",
)
SESSIONS_SPLIT = counter(
    "orchestrator_sessions_split_total",
    "pattern",
    help="Sessions that went on as another one because they held too many records.",
)
SESSION_WAITING_SECONDS = counter(
    "orchestrator_session_waiting_seconds_total",
    "pattern",
    help="Seconds that sessions waited for people.",
)
SESSIONS_ENDED_OVER_LIMIT = counter(
    "orchestrator_sessions_ended_over_limit_total",
    "pattern",
    help="Sessions that ended after more than their time limit.",
)
PHASES = counter("orchestrator_phases_total", "pattern", "phase", "outcome", help="Phases ended.")
PHASE_BLOCKED_SECONDS = counter(
    "orchestrator_phase_blocked_seconds_total", "pattern", "phase", help="Seconds phases spent blocked."
)
TASKS = counter(
    "orchestrator_tasks_total", "droid", "task_type", "outcome", help="Tasks ended, by final outcome."
)
ASSIGNMENTS = counter(
    "orchestrator_assignments_total",
    "pattern",
    "droid",
    "outcome",
    help="The same tasks, by pattern and droid.",
)
ATTEMPTS = counter(
    "orchestrator_attempts_total",
    "droid",
    "task_type",
    "outcome",
    help="Attempts ended; a task without any counts as one.",
)
RETRIES = counter(
    "orchestrator_retries_total", "droid", "task_type", help="Attempts after the first of their task."
)
FAILURES = counter(
    "orchestrator_failures_total",
    "pattern",
    "phase",
    "reason",
    help="Failed phases, and failed or lost sessions with no failed phase (phase is empty).",
)
MESSAGES = counter(
    "orchestrator_messages_total",
    "sender",
    "message_type",
    "outcome",
    help="Messages between droids, by sender.",
)
QUERIES = counter(
    "orchestrator_queries_total",
    "droid",
    "outcome",
    help="Queries by the droid asked; answered means in time.",
)
QUERY_CREDIT = counter(
    "orchestrator_query_response_credit_total",
    "droid",
    help="Sum of clip(1 - t/300) over the queries put to the droid; late and unanswered ones give 0.",
)
MESSAGE_EDGES = counter(
    "orchestrator_message_edges_total", "sender", "receiver", help="Messages by sender and receiver."
)
CONFLICTS = counter(
    "orchestrator_conflicts_total",
    "pattern",
    "phase",
    "conflict_type",
    help="Conflicts between droids' results.",
)
SYNTHESES = counter(
    "orchestrator_syntheses_total", "pattern", "outcome", help="Syntheses of a session's results."
)
GATE_RESULTS = counter(
    "orchestrator_gate_results_total", "pattern", "gate", "outcome", help="Quality gates evaluated."
)
FILES_CREATED = counter("orchestrator_files_created_total", "droid", help="Files that tasks created.")
SECURITY_FINDINGS = counter(
    "orchestrator_security_findings_total", "droid", "finding_severity", help="Security findings as reported."
)
TOOL_CALLS = counter(
    "orchestrator_tool_calls_total", "droid", "tool", "outcome", help="Tool calls of droids."
)
MODEL_REQUESTS = counter(
    "orchestrator_model_requests_total", "model", "outcome", help="Requests to model providers."
)
TOKENS = counter(
    "orchestrator_tokens_total",
    "droid",
    "model",
    "direction",
    help="Tokens: input, output, cache_read, cache_write.",
)
UNPRICED_TOKENS = counter(
    "orchestrator_unpriced_tokens_total", "model", help="Tokens with no cost given and no price configured."
)
COST = counter("orchestrator_cost_usd_total", "pattern", "droid", "model", help="Cost in US dollars.")


SESSION_DURATION = histogram(
    "orchestrator_session_duration_seconds", "pattern", "outcome", help="Duration of ended sessions."
)
PHASE_DURATION = histogram(
    "orchestrator_phase_duration_seconds", "pattern", "phase", help="Duration of completed phases."
)
TASK_DURATION = histogram(
    "orchestrator_task_duration_seconds", "droid", "task_type", help="Duration of completed tasks."
)
QUERY_RESPONSE = histogram(
    "orchestrator_query_response_seconds",
    "droid",
    help="Time to the answer of a query, by the droid asked.",
    bounds=RESPONSE_BOUNDS,
)
MODEL_REQUEST_DURATION = histogram(
    "orchestrator_model_request_duration_seconds", "model", help="Duration of requests to model providers."
)
CODE_QUALITY = summary(
    "orchestrator_code_quality_score",
    "pattern",
    "droid",
    "task_type",
    help="Code quality scores of tasks, 0 to 100.",
)
TEST_COVERAGE = summary("orchestrator_test_coverage_score", "droid", help="Test coverage of tasks, 0 to 100.")
SECURITY = summary("orchestrator_security_score", "droid", help="Security scores of tasks, 0 to 100.")
