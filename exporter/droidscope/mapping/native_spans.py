"""
Native spans -> records.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import (
    DEFAULT_DEADLINE_SECONDS,
    Kind,
    MessageType,
    Outcome,
    Severity,
)
from droidscope.conventions.reasons import Reason
from droidscope.mapping.attribute_reader import AttributeReader
from droidscope.mapping.native_items import UnusableError, conflict_record, read_place
from droidscope.model import records as r
from droidscope.model.labels import OrchestratorLabels
from droidscope.model.otlp import STATUS_ERROR, Span
from droidscope.units import SECOND_NS


def is_native_span(span: Span) -> bool:
    """
    Whether the span has the attribute that all native spans have.
    """
    return names.KIND in span.attributes


def map_span(span: Span, orchestrator: OrchestratorLabels) -> tuple[list[r.AnyRecord], list[str]]:
    """
    The records of one native span: itself, then the conflicts among its events.

    Returns:
        The records, and a sentence for each optional value that does not fit.

    Raises:
        UnusableError: If its kind is unknown or it belongs to no session.
    """
    reader = AttributeReader(span.attributes)
    kind = reader.name(names.KIND)
    make = SPAN_KINDS.get(kind)
    if make is None:
        msg = (
            f"{names.KIND} of span {span.name!r:.60} is {kind!r:.40}; expected one of {', '.join(SPAN_KINDS)}"
        )
        raise UnusableError(Reason.UNKNOWN_KIND, msg)
    place = read_place(reader, orchestrator, span.trace_id, "span", span.name)
    records: list[r.AnyRecord] = [make(span, reader, place)]
    if span.events:
        records += [
            conflict_record(event.name, event.time_ns, AttributeReader(event.attributes), place, span.span_id)
            for event in span.events
            if event.name == names.CONFLICT_EVENT
        ]
    return records, reader.invalid_values


def _outcome(
    span: Span, reader: AttributeReader, key: str, good: Outcome, allowed: frozenset[Outcome]
) -> Outcome:
    """
    The outcome given under *key* if it is one of *allowed*, else `FAILED` or *good* by the span's status.
    """
    explicit = reader.name(key)
    if explicit:
        if explicit in allowed:
            return Outcome(explicit)
        reader.invalid_values.append(
            f"{key} is {explicit!r:.40}; expected one of {', '.join(sorted(allowed))}"
        )
    return Outcome.FAILED if span.status == STATUS_ERROR else good


_ENDED: Final = frozenset({Outcome.COMPLETED, Outcome.FAILED, Outcome.CANCELLED})
_SESSION_ENDED: Final = _ENDED | {Outcome.WAITING}
_PHASE_ENDED: Final = _ENDED | {Outcome.SKIPPED, Outcome.BLOCKED}
_TRIED: Final = frozenset({Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED})


def _session(span: Span, reader: AttributeReader, place: r.Place) -> r.Session:
    return r.Session(
        place=place,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        span_id=span.span_id.hex(),
        outcome=_outcome(span, reader, names.SESSION_OUTCOME, Outcome.COMPLETED, _SESSION_ENDED),
        error_type=reader.name(names.ERROR_TYPE),
        pattern_name=reader.name(names.PATTERN_NAME),
        plan=reader.names(names.SESSION_PLAN),
        planned_ns=reader.duration_ns(names.SESSION_PLANNED_SECONDS),
        waited_ns=reader.duration_ns(names.SESSION_WAITING_SECONDS) or 0,
        resumed=bool(reader.flag(names.SESSION_RESUMED)),
        by_id=bool(reader.flag(names.SESSION_BY_ID)),
        attributes=reader.user_attributes(),
    )


def _phase(span: Span, reader: AttributeReader, place: r.Place) -> r.Phase:
    return r.Phase(
        place=place,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        span_id=span.span_id.hex(),
        outcome=_outcome(span, reader, names.PHASE_OUTCOME, Outcome.COMPLETED, _PHASE_ENDED),
        error_type=reader.name(names.ERROR_TYPE),
        name=reader.name(names.PHASE_NAME),
        depends_on=reader.names(names.PHASE_DEPENDS_ON),
        planned_ns=reader.duration_ns(names.PHASE_PLANNED_SECONDS),
        blocked_ns=reader.duration_ns(names.PHASE_BLOCKED_SECONDS) or 0,
    )


def _task(span: Span, reader: AttributeReader, place: r.Place) -> r.Task:
    return r.Task(
        place=place,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        span_id=span.span_id.hex(),
        outcome=_outcome(span, reader, names.TASK_OUTCOME, Outcome.COMPLETED, _ENDED),
        error_type=reader.name(names.ERROR_TYPE),
        attempts=reader.count(names.TASK_ATTEMPTS) or 0,
        delivery=reader.count(names.TASK_DELIVERY) or 0,
        output=_output(reader),
        usage=_usage(reader),
        attributes=reader.user_attributes(),
    )


def _attempt(span: Span, reader: AttributeReader, place: r.Place) -> r.Attempt:
    return r.Attempt(
        place=place,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        span_id=span.span_id.hex(),
        outcome=_outcome(span, reader, names.TASK_OUTCOME, Outcome.SUCCEEDED, _TRIED),
        error_type=reader.name(names.ERROR_TYPE),
        number=reader.count(names.TASK_ATTEMPT) or 1,
        output=_output(reader),
        usage=_usage(reader),
    )


_FINDINGS: Final = {severity: names.OUTPUT_FINDINGS + severity for severity in Severity}
_FINDINGS_NAMES: Final = frozenset(_FINDINGS.values())
_OUTPUT_NAMES: Final = _FINDINGS_NAMES | {
    names.OUTPUT_FILES_CREATED,
    names.OUTPUT_CODE_QUALITY,
    names.OUTPUT_TEST_COVERAGE,
    names.OUTPUT_SECURITY,
    names.OUTPUT_ISSUES,
}


def _output(reader: AttributeReader) -> r.Output:
    if not reader.has_any(_OUTPUT_NAMES):
        return r.NO_OUTPUT
    return r.Output(
        files_created=reader.count(names.OUTPUT_FILES_CREATED),
        code_quality=reader.score(names.OUTPUT_CODE_QUALITY),
        test_coverage=reader.score(names.OUTPUT_TEST_COVERAGE),
        security=reader.score(names.OUTPUT_SECURITY),
        findings=_findings(reader) if reader.has_any(_FINDINGS_NAMES) else None,
        issues=reader.names(names.OUTPUT_ISSUES),
    )


def _findings(reader: AttributeReader) -> dict[Severity, int] | None:
    findings = {severity: reader.count(key) for severity, key in _FINDINGS.items()}
    return {severity: count for severity, count in findings.items() if count is not None} or None


_USAGE_NAMES: Final = frozenset(
    {
        names.REQUEST_MODEL,
        names.RESPONSE_MODEL,
        names.INPUT_TOKENS,
        names.OUTPUT_TOKENS,
        names.CACHE_READ_TOKENS,
        names.CACHE_WRITE_TOKENS,
        names.COST_USD,
    }
)


def _usage(reader: AttributeReader) -> r.Usage | None:
    """
    Tokens and cost in the standard attributes, None where there are none.
    """
    if not reader.has_any(_USAGE_NAMES):
        return None
    usage = _spent(reader)
    spent = usage.input or usage.output or usage.cache_read or usage.cache_write
    return usage if spent or usage.cost_usd is not None else None


def _spent(reader: AttributeReader) -> r.Usage:
    return r.Usage(
        model=reader.name(names.REQUEST_MODEL) or reader.name(names.RESPONSE_MODEL),
        input=reader.count(names.INPUT_TOKENS) or 0,
        output=reader.count(names.OUTPUT_TOKENS) or 0,
        cache_read=reader.count(names.CACHE_READ_TOKENS) or 0,
        cache_write=reader.count(names.CACHE_WRITE_TOKENS) or 0,
        cost_usd=reader.number(names.COST_USD),
    )


def _tool(span: Span, reader: AttributeReader, place: r.Place) -> r.ToolCall:
    return r.ToolCall(
        place=place,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        span_id=span.span_id.hex(),
        tool=reader.name(names.TOOL_NAME),
        outcome=_outcome(span, reader, names.TOOL_OUTCOME, Outcome.SUCCEEDED, _TRIED),
    )


def _model_request(span: Span, reader: AttributeReader, place: r.Place) -> r.ModelRequest:
    return r.ModelRequest(
        place=place,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        span_id=span.span_id.hex(),
        outcome=_outcome(span, reader, names.MODEL_OUTCOME, Outcome.SUCCEEDED, _TRIED),
        usage=_spent(reader),
    )


_MESSAGE_TYPES: Final = tuple(map(str, MessageType))
_QUERY_OUTCOMES: Final = frozenset(
    {Outcome.ANSWERED, Outcome.LATE, Outcome.UNANSWERED, Outcome.REJECTED, Outcome.CANCELLED}
)
_OTHER_OUTCOMES: Final = frozenset({Outcome.ACCEPTED, Outcome.REJECTED, Outcome.CANCELLED})


def _message(span: Span, reader: AttributeReader, place: r.Place) -> r.Message:
    type_ = reader.name(names.MESSAGE_TYPE)
    if type_ not in _MESSAGE_TYPES:
        reader.invalid_values.append(
            f"{names.MESSAGE_TYPE} is {type_!r:.40}; expected one of {', '.join(_MESSAGE_TYPES)}"
        )
    deadline_ns = reader.duration_ns(names.MESSAGE_DEADLINE_SECONDS)
    return r.Message(
        place=place,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        span_id=span.span_id.hex(),
        id=reader.name(names.MESSAGE_ID) or span.span_id.hex(),
        type=type_,
        sender=reader.name(names.MESSAGE_SENDER),
        receiver=reader.name(names.MESSAGE_RECEIVER),
        outcome=_message_outcome(span, reader, type_, deadline_ns),
        correlation_id=reader.name(names.MESSAGE_CORRELATION_ID),
        deadline_ns=deadline_ns,
    )


def _message_outcome(span: Span, reader: AttributeReader, type_: str, deadline_ns: int | None) -> Outcome:
    """
    The outcome that the span gives, but an answer past its deadline is always late.
    """
    if type_ != MessageType.QUERY:
        good = _outcome(span, reader, names.MESSAGE_OUTCOME, Outcome.ACCEPTED, _OTHER_OUTCOMES)
        return Outcome.REJECTED if good is Outcome.FAILED else good
    outcome = _outcome(span, reader, names.MESSAGE_OUTCOME, Outcome.ANSWERED, _QUERY_OUTCOMES)
    if outcome is Outcome.FAILED:
        return Outcome.UNANSWERED
    limit_ns = deadline_ns if deadline_ns is not None else round(DEFAULT_DEADLINE_SECONDS * SECOND_NS)
    if outcome is Outcome.ANSWERED and span.end_ns - span.start_ns > limit_ns:
        return Outcome.LATE
    return outcome


def _gate(span: Span, reader: AttributeReader, place: r.Place) -> r.Gate:
    return r.Gate(
        place=place,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        span_id=span.span_id.hex(),
        gate=reader.name(names.GATE_ID),
        passed=_verdict(span, reader),
        category=reader.name(names.GATE_CATEGORY),
        severity=reader.name(names.GATE_SEVERITY),
        score=reader.score(names.GATE_SCORE),
    )


def _verdict(span: Span, reader: AttributeReader) -> bool | None:
    """
    Whether a gate was passed; None where it gave no verdict: it was cancelled.
    """
    if reader.name(names.GATE_OUTCOME) == Outcome.CANCELLED:
        return None
    passed = reader.flag(names.GATE_PASSED)
    return False if passed is None and span.status == STATUS_ERROR else passed


def _synthesis(span: Span, reader: AttributeReader, place: r.Place) -> r.Synthesis:
    return r.Synthesis(
        place=place,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        span_id=span.span_id.hex(),
        conflicts=reader.count(names.SYNTHESIS_CONFLICTS) or 0,
        unresolved=reader.count(names.SYNTHESIS_UNRESOLVED) or 0,
        missing=reader.count(names.SYNTHESIS_MISSING) or int(span.status == STATUS_ERROR),
        gates_passed=reader.flag(names.SYNTHESIS_GATES_PASSED),
        cancelled=reader.name(names.SYNTHESIS_OUTCOME) == Outcome.CANCELLED,
    )


SPAN_KINDS: Final[dict[str, Callable[[Span, AttributeReader, r.Place], r.AnyRecord]]] = {
    Kind.SESSION: _session,
    Kind.PHASE: _phase,
    Kind.TASK: _task,
    Kind.ATTEMPT: _attempt,
    Kind.TOOL: _tool,
    Kind.MODEL_REQUEST: _model_request,
    Kind.MESSAGE: _message,
    Kind.GATE: _gate,
    Kind.SYNTHESIS: _synthesis,
}
"""
Kind of a native span -> the function that makes its record.
"""
