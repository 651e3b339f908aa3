"""
The series that captured telemetry amounts to, by the metric catalogue: what every truth is compared with.
"""

from collections import Counter

from droidscope.conventions import attributes as names
from droidscope.conventions import metrics
from droidscope.conventions.attributes import Kind, Outcome, Severity


def attributes(captured, kind):
    """
    The attributes of each span of one kind, and whether its status is an error.
    """
    for span in captured.records(kind):
        yield {**span.attributes, "failed": not span.status.is_ok}


def recorded(captured):
    """
    The series of the telemetry, by family name and label values.
    """
    counts = Counter()
    for count in (
        count_sessions,
        count_phases,
        count_tasks,
        count_attempts,
        count_tools,
        count_messages,
        count_gates,
        count_syntheses,
        count_conflicts,
    ):
        count(captured, counts)
    return {series: round(value, 9) for series, value in counts.items() if value}


def count_sessions(captured, counts):
    for span in attributes(captured, Kind.SESSION):
        pattern, outcome = span[names.PATTERN_ID], span[names.SESSION_OUTCOME]
        counts[metrics.SESSIONS.name, pattern, outcome] += 1
        if outcome != Outcome.CANCELLED:
            counts[f"{metrics.SESSION_DURATION.name}_count", pattern, outcome] += 1
    for event in captured.events_named(names.STARTED_EVENT):
        if event.attributes[names.KIND] == Kind.SESSION:
            counts[metrics.SESSIONS_STARTED.name, event.attributes[names.PATTERN_ID]] += 1


def count_phases(captured, counts):
    for span in attributes(captured, Kind.PHASE):
        place, outcome = (span[names.PATTERN_ID], span[names.PHASE_ID]), span[names.PHASE_OUTCOME]
        counts[metrics.PHASES.name, *place, outcome] += 1
        if outcome == Outcome.COMPLETED:
            counts[f"{metrics.PHASE_DURATION.name}_count", *place] += 1
        if outcome == Outcome.FAILED:
            counts[metrics.FAILURES.name, *place, span[names.ERROR_TYPE]] += 1


def tasks(captured):
    """
    The attributes of each task, its own before those of its later attempts before earlier ones.
    """
    attempts = {}
    for span in sorted(attributes(captured, Kind.ATTEMPT), key=lambda span: span[names.TASK_ATTEMPT]):
        attempts[span[names.TASK_ID]] = {**attempts.get(span[names.TASK_ID], {}), **span}
    for span in attributes(captured, Kind.TASK):
        yield {**attempts.get(span[names.TASK_ID], {}), **span}


def count_tasks(captured, counts):
    for span in tasks(captured):
        pattern, droid, kind = span[names.PATTERN_ID], span[names.AGENT_NAME], span[names.TASK_TYPE]
        outcome = Outcome.FAILED if span["failed"] else Outcome.COMPLETED
        counts[metrics.TASKS.name, droid, kind, outcome] += 1
        counts[metrics.ASSIGNMENTS.name, pattern, droid, outcome] += 1
        counts[metrics.FILES_CREATED.name, droid] += span.get(names.OUTPUT_FILES_CREATED, 0)
        for severity in Severity:
            found = span.get(names.OUTPUT_FINDINGS + severity, 0)
            counts[metrics.SECURITY_FINDINGS.name, droid, severity] += found
        counts[f"{metrics.TASK_DURATION.name}_count", droid, kind] += not span["failed"]
        counts[f"{metrics.CODE_QUALITY.name}_count", pattern, droid, kind] += (
            names.OUTPUT_CODE_QUALITY in span
        )
        counts[f"{metrics.TEST_COVERAGE.name}_count", droid] += names.OUTPUT_TEST_COVERAGE in span
        counts[f"{metrics.SECURITY.name}_count", droid] += names.OUTPUT_SECURITY in span


def count_attempts(captured, counts):
    for span in attributes(captured, Kind.ATTEMPT):
        droid, kind, model = span[names.AGENT_NAME], span[names.TASK_TYPE], span[names.REQUEST_MODEL]
        outcome = Outcome.FAILED if span["failed"] else Outcome.SUCCEEDED
        counts[metrics.ATTEMPTS.name, droid, kind, outcome] += 1
        counts[metrics.RETRIES.name, droid, kind] += span[names.TASK_ATTEMPT] > 1
        counts[metrics.TOKENS.name, droid, model, "input"] += span[names.INPUT_TOKENS]
        counts[metrics.TOKENS.name, droid, model, "output"] += span[names.OUTPUT_TOKENS]
        counts[metrics.COST.name, span[names.PATTERN_ID], droid, model] += span[names.COST_USD]


def count_tools(captured, counts):
    for span in attributes(captured, Kind.TOOL):
        outcome = Outcome.FAILED if span["failed"] else Outcome.SUCCEEDED
        counts[metrics.TOOL_CALLS.name, span[names.AGENT_NAME], span[names.TOOL_NAME], outcome] += 1


def count_messages(captured, counts):
    for span in attributes(captured, Kind.MESSAGE):
        sender, receiver = span[names.MESSAGE_SENDER], span.get(names.MESSAGE_RECEIVER, "")
        kind, outcome = span[names.MESSAGE_TYPE], span[names.MESSAGE_OUTCOME]
        counts[metrics.MESSAGES.name, sender, kind, outcome] += 1
        counts[metrics.MESSAGE_EDGES.name, sender, receiver] += 1
        if kind == "query":
            counts[metrics.QUERIES.name, receiver, outcome] += 1
            counts[f"{metrics.QUERY_RESPONSE.name}_count", receiver] += outcome in {"answered", "late"}


def count_gates(captured, counts):
    for span in attributes(captured, Kind.GATE):
        outcome = Outcome.PASSED if span[names.GATE_PASSED] else Outcome.FAILED
        counts[metrics.GATE_RESULTS.name, span[names.PATTERN_ID], span[names.GATE_ID], outcome] += 1


def count_syntheses(captured, counts):
    for span in attributes(captured, Kind.SYNTHESIS):
        outcome = Outcome.INTEGRATED
        if span[names.SYNTHESIS_CONFLICTS]:
            outcome = Outcome.CONFLICT
        elif span[names.SYNTHESIS_MISSING] or not span[names.SYNTHESIS_GATES_PASSED]:
            outcome = Outcome.GATE_FAILED
        counts[metrics.SYNTHESES.name, span[names.PATTERN_ID], outcome] += 1


def count_conflicts(captured, counts):
    for event in captured.events_named(names.CONFLICT_EVENT):
        place = event.attributes[names.PATTERN_ID], event.attributes[names.PHASE_ID]
        counts[metrics.CONFLICTS.name, *place, event.attributes[names.CONFLICT_TYPE]] += 1
