"""
Names of the attributes, events and instruments of droidscope's semantic conventions, and their sources.

Names under `orchestrator.` are droidscope's own. `gen_ai.*` names are copies pinned to the GenAI semantic
conventions v0.1.0 (github.com/open-telemetry/semantic-conventions-genai): they are in Development
and the constants of the Python package are deprecated. `error.type` and `service.*` are stable in
the core conventions v1.42.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

SCOPE: Final = "droidscope"
"""
Instrumentation scope of all telemetry of droidscope's instrumentation; its version is that of the schema.
"""

SCHEMA_VERSION: Final = "1.0.0"


class Kind(StrEnum):
    """
    The kind of a droidscope span: the value of `orchestrator.kind`.
    """

    SESSION = "session"
    PHASE = "phase"
    TASK = "task"
    ATTEMPT = "attempt"
    TOOL = "tool"
    MODEL_REQUEST = "model_request"
    MESSAGE = "message"
    GATE = "gate"
    SYNTHESIS = "synthesis"


class Outcome(StrEnum):
    """
    The outcome of a session, phase, task, ...; `kpis.md` lists the members that each kind uses.
    """

    COMPLETED = "completed"
    FAILED = "failed"
    LOST = "lost"
    CANCELLED = "cancelled"
    """
    Nobody wanted the result any more: counted, and in no success or error ratio.
    """
    WAITING = "waiting"
    """
    Of a session's span: it has not ended, but waits for a person, and another span will go on with it.
    """
    UNKNOWN = "unknown"
    """
    Of a session whose living process no longer names it, and whose end has not arrived: in no ratio.
    """
    BLOCKED = "blocked"
    SKIPPED = "skipped"
    SUCCEEDED = "succeeded"
    PASSED = "passed"
    INTEGRATED = "integrated"
    CONFLICT = "conflict"
    GATE_FAILED = "gate_failed"
    ACCEPTED = "accepted"
    ANSWERED = "answered"
    LATE = "late"
    UNANSWERED = "unanswered"
    REJECTED = "rejected"


SessionStatus = Literal[
    "running", "waiting", "silent", "stalled", "completed", "failed", "lost", "cancelled", "unknown"
]
"""
The status of a session: its outcome, or before its end, whether it waits, is silent or stalled.
"""


class MessageType(StrEnum):
    """
    The four types of messages between droids.
    """

    QUERY = "query"
    RESPONSE = "response"
    COORDINATION = "coordination"
    DISCOVERY = "discovery"


class Severity(StrEnum):
    """
    Severities of findings, gates, conflicts and alerts, the worst first.
    """

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


# --- resource
SERVICE_NAME: Final = "service.name"
SERVICE_INSTANCE_ID: Final = "service.instance.id"
DEPLOYMENT_ENVIRONMENT: Final = "deployment.environment.name"

# --- standard attributes
ERROR_TYPE: Final = "error.type"
OPERATION: Final = "gen_ai.operation.name"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
AGENT_NAME: Final = "gen_ai.agent.name"
TOOL_NAME: Final = "gen_ai.tool.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_MODEL: Final = "gen_ai.response.model"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"

# --- ids of a droidscope span and of the spans that contain it
KIND: Final = "orchestrator.kind"
ORCHESTRATOR_NAME: Final = "orchestrator.name"
"""
The `service.name` of the process that opened the session, if it is another process; it arrives as baggage
and takes precedence over the `service.name` of the resource.
"""
SESSION_ID: Final = "orchestrator.session.id"
SESSION_RUN: Final = "orchestrator.session.run"
"""
Id of the session's span, in hexadecimal, on everything inside of it: tells sessions apart that have one id.
"""
PATTERN_ID: Final = "orchestrator.pattern.id"
PHASE_ID: Final = "orchestrator.phase.id"
TASK_ID: Final = "orchestrator.task.id"
TASK_TYPE: Final = "orchestrator.task.type"

# --- session
PATTERN_NAME: Final = "orchestrator.pattern.name"
SESSION_OUTCOME: Final = "orchestrator.session.outcome"
SESSION_PLAN: Final = "orchestrator.session.plan"
SESSION_PLANNED_SECONDS: Final = "orchestrator.session.planned_seconds"
SESSION_RESUMED: Final = "orchestrator.session.resumed"
"""
True on the start and the span of a session that goes on under its id, instead of beginning anew.
"""
SESSION_BY_ID: Final = "orchestrator.session.by_id"
"""
True on a session's span that a call ended by its id: if that run has ended, it ends the newest open one.
"""
SESSION_WAITING_SECONDS: Final = "orchestrator.session.waiting_seconds"
"""
How long the session waited for people within this span.
"""
USER_ATTRIBUTE: Final = "orchestrator.attribute."
"""
Prefix of attributes that the user gives to sessions and tasks; they never become labels.
"""

# --- phase
PHASE_NAME: Final = "orchestrator.phase.name"
PHASE_OUTCOME: Final = "orchestrator.phase.outcome"
PHASE_DEPENDS_ON: Final = "orchestrator.phase.depends_on"
PHASE_PLANNED_SECONDS: Final = "orchestrator.phase.planned_seconds"
PHASE_BLOCKED_SECONDS: Final = "orchestrator.phase.blocked_seconds"

# --- task and attempt
TASK_ATTEMPTS: Final = "orchestrator.task.attempts"
TASK_DELIVERY: Final = "orchestrator.task.delivery"
"""
On a task: the number of its attempt spans; 0 if the task itself is its only attempt.
"""
TASK_ATTEMPT: Final = "orchestrator.task.attempt"
TASK_OUTCOME: Final = "orchestrator.task.outcome"
"""
Optional, on a task (completed, failed, cancelled) or an attempt (succeeded, failed, cancelled): takes
precedence over the status.
"""

# --- tool and model request
TOOL_OUTCOME: Final = "orchestrator.tool.outcome"
"""
Optional, succeeded, failed or cancelled: takes precedence over the status. Likewise of a model request.
"""
MODEL_OUTCOME: Final = "orchestrator.model.outcome"

# --- outputs of a task or an attempt; scores are 0..100
OUTPUT_FILES_CREATED: Final = "orchestrator.output.files_created"
OUTPUT_CODE_QUALITY: Final = "orchestrator.output.code_quality_score"
OUTPUT_TEST_COVERAGE: Final = "orchestrator.output.test_coverage"
OUTPUT_SECURITY: Final = "orchestrator.output.security_score"
OUTPUT_FINDINGS: Final = "orchestrator.output.findings."
"""
Prefix; the severity follows: `orchestrator.output.findings.critical`.
"""
OUTPUT_ISSUES: Final = "orchestrator.output.issues"
OUTPUT_TEST_SUCCESS_RATIO: Final = "orchestrator.output.test_success_ratio"
"""
Share of the tests run that passed, 0..1; for other backends, the exporter ignores it.
"""
COST_USD: Final = "orchestrator.cost.usd"

# --- message
MESSAGE_ID: Final = "orchestrator.message.id"
MESSAGE_TYPE: Final = "orchestrator.message.type"
MESSAGE_SENDER: Final = "orchestrator.message.sender"
MESSAGE_RECEIVER: Final = "orchestrator.message.receiver"
MESSAGE_CORRELATION_ID: Final = "orchestrator.message.correlation_id"
MESSAGE_DEADLINE_SECONDS: Final = "orchestrator.message.deadline_seconds"
DEFAULT_DEADLINE_SECONDS: Final = 900.0
"""
Deadline of a query that has none of its own.
"""
MESSAGE_OUTCOME: Final = "orchestrator.message.outcome"

# --- gate
GATE_ID: Final = "orchestrator.gate.id"
GATE_CATEGORY: Final = "orchestrator.gate.category"
GATE_SEVERITY: Final = "orchestrator.gate.severity"
GATE_PASSED: Final = "orchestrator.gate.passed"
GATE_SCORE: Final = "orchestrator.gate.score"
GATE_OUTCOME: Final = "orchestrator.gate.outcome"
"""
Optional, cancelled: the gate gives no verdict. One without a verdict gives none either, unless it failed.
"""

# --- synthesis
SYNTHESIS_CONFLICTS: Final = "orchestrator.synthesis.conflicts"
SYNTHESIS_UNRESOLVED: Final = "orchestrator.synthesis.unresolved_conflicts"
SYNTHESIS_MISSING: Final = "orchestrator.synthesis.missing_components"
SYNTHESIS_GATES_PASSED: Final = "orchestrator.synthesis.gates_passed"
SYNTHESIS_OUTCOME: Final = "orchestrator.synthesis.outcome"
"""
Only cancelled, and only on a synthesis that was: it integrated nothing, and counts as none.
"""

# --- conflict: a span event, and immediately a log event with the same id
CONFLICT_EVENT: Final = "orchestrator.conflict"
CONFLICT_ID: Final = "orchestrator.conflict.id"
"""
Unique id shared by the span event and the log event of one conflict, so that it counts once.
"""
CONFLICT_TYPE: Final = "orchestrator.conflict.type"
CONFLICT_SEVERITY: Final = "orchestrator.conflict.severity"

# --- log events of spans that have not ended yet
STARTED_EVENT: Final = "orchestrator.started"
PROGRESS_EVENT: Final = "orchestrator.progress"
BLOCKED_EVENT: Final = "orchestrator.blocked"
UNBLOCKED_EVENT: Final = "orchestrator.unblocked"
ALIVE_EVENT: Final = "orchestrator.alive"
WAITING_EVENT: Final = "orchestrator.waiting"
RESUMED_EVENT: Final = "orchestrator.resumed"
WAITING_REASON: Final = "orchestrator.waiting.reason"
ALIVE_SESSIONS: Final = "orchestrator.alive.sessions"
"""
On a sign of life: the ids of the sessions that are open in the process, a part of them at a time.
"""
ALIVE_PART: Final = "orchestrator.alive.part"
ALIVE_PARTS: Final = "orchestrator.alive.parts"
"""
Which part of how many the list of open sessions is, from 1.
"""
PROGRESS_RATIO: Final = "orchestrator.progress.ratio"
BLOCKED_REASON: Final = "orchestrator.blocked.reason"

# --- counters the instrumentation sends as OTLP metrics
CLIENT_RECORDS: Final = "orchestrator.client.records"
CLIENT_TASKS: Final = "orchestrator.client.tasks"
CLIENT_RETRIES: Final = "orchestrator.client.retries"
CLIENT_MESSAGES: Final = "orchestrator.client.messages"
CLIENT_CONFLICTS: Final = "orchestrator.client.conflicts"
CLIENT_TASK_DURATION: Final = "orchestrator.client.task.duration"
CLIENT_SESSION_DURATION: Final = "orchestrator.client.session.duration"
RECORD_KIND: Final = "kind"
"""
Label of `orchestrator.client.records`: a `Kind`, or `CONFLICT_RECORD`.
"""
CONFLICT_RECORD: Final = "conflict"
CLIENT_DROPPED: Final = "orchestrator.client.dropped"
DROP_REASON: Final = "reason"
"""
Label of `orchestrator.client.dropped`: scale_missing, out_of_range, invalid, ended, report or no_task.
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
"""
Bounds of histograms of durations in seconds, of the exporter and of the instrumentation.
"""
