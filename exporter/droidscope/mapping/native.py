"""
Our own conventions: spans, log events and counters of the droidscope instrumentation -> records.

Each span carries all ids it needs, so each maps alone, in whatever order they arrive. What makes
an item unusable (no kind, no session) drops it; an optional value that does not fit is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Kind, MessageType, Outcome, Severity
from droidscope.conventions.reasons import Reason
from droidscope.conventions.thresholds import DEFAULT_DEADLINE_SECONDS
from droidscope.mapping.attribute_reader import LARGEST, AttributeReader
from droidscope.model import records as r
from droidscope.model.labels import OrchestratorLabels
from droidscope.model.otlp import STATUS_ERROR, LogRecord, Span, SumPoint
from droidscope.units import SECOND_NS


class UnusableError(Exception):
    """
    An item becomes no record; *reason* is a short, bounded word, the message says more.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def is_own_span(span: Span) -> bool:
    """
    Whether our conventions say what this span is.
    """
    return names.KIND in span.attributes


def is_own_log(log: LogRecord) -> bool:
    """
    Whether it is an event of ours.
    """
    return log.event_name in _BY_EVENT


def is_own_point(point: SumPoint) -> bool:
    """
    Whether it is a counter of ours that we read; we derive the others from the records.
    """
    return point.name == names.CLIENT_RECORDS


def map_span(span: Span, orchestrator: OrchestratorLabels) -> tuple[list[r.AnyRecord], list[str]]:
    """
    The records of one span of ours: itself, then the conflicts among its events.

    Returns:
        The records, and a sentence for each optional value that does not fit.

    Raises:
        UnusableError: If its kind is unknown or it belongs to no session.
    """
    read = AttributeReader(span.attributes)
    kind = read.name(names.KIND)
    make = _BY_KIND.get(kind)
    if make is None:
        msg = f"{names.KIND} of span {span.name!r:.60} is {kind!r:.40}; expected one of {', '.join(_BY_KIND)}"
        raise UnusableError(Reason.UNKNOWN_KIND, msg)
    place = _place(read, orchestrator, span.trace_id, f"span {span.name!r:.60}")
    records: list[r.AnyRecord] = [make(span, read, place)]
    records += [
        _conflict(event.name, event.time_ns, AttributeReader(event.attributes), place, span.span_id)
        for event in span.events
        if event.name == names.CONFLICT_EVENT
    ]
    return records, read.invalid_values


def _place(read: AttributeReader, orchestrator: OrchestratorLabels, trace_id: bytes, what: str) -> r.Place:
    session = read.name(names.SESSION_ID)
    if not session:
        msg = f"{names.SESSION_ID} of {what} is missing; every span and event of ours carries it"
        raise UnusableError(Reason.NO_SESSION, msg)
    return r.Place(
        orchestrator=_opener(read, orchestrator),
        session=session,
        pattern=read.name(names.PATTERN_ID),
        phase=read.name(names.PHASE_ID),
        task=read.name(names.TASK_ID),
        task_type=read.name(names.TASK_TYPE),
        droid=read.name(names.AGENT_NAME),
        trace_id=trace_id.hex(),
    )


def _opener(read: AttributeReader, orchestrator: OrchestratorLabels) -> OrchestratorLabels:
    """
    The orchestrator that opened the session, where another service than the sender did.
    """
    name = read.name(names.ORCHESTRATOR_NAME)
    return (name, *orchestrator[1:]) if name else orchestrator


def _outcome(
    span: Span, read: AttributeReader, key: str, good: Outcome, allowed: frozenset[Outcome]
) -> Outcome:
    """
    The explicit outcome if there is one, else what the status says.
    """
    explicit = read.name(key)
    if explicit in allowed:
        return Outcome(explicit)
    if explicit:
        read.invalid_values.append(f"{key} is {explicit!r:.40}; expected one of {', '.join(sorted(allowed))}")
    return Outcome.FAILED if span.status == STATUS_ERROR else good


_ENDED: Final = frozenset({Outcome.COMPLETED, Outcome.FAILED})
_PHASE_ENDED: Final = _ENDED | {Outcome.SKIPPED, Outcome.BLOCKED}
_TRIED: Final = frozenset({Outcome.SUCCEEDED, Outcome.FAILED})


def _session(span: Span, read: AttributeReader, place: r.Place) -> r.Session:
    return r.Session(
        place=place,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        span_id=span.span_id.hex(),
        outcome=_outcome(span, read, names.SESSION_OUTCOME, Outcome.COMPLETED, _ENDED),
        error_type=read.name(names.ERROR_TYPE),
        pattern_name=read.name(names.PATTERN_NAME),
        plan=read.names(names.SESSION_PLAN),
        planned_ns=read.duration_ns(names.SESSION_PLANNED_SECONDS),
    )


def _phase(span: Span, read: AttributeReader, place: r.Place) -> r.Phase:
    return r.Phase(
        place=place,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        span_id=span.span_id.hex(),
        outcome=_outcome(span, read, names.PHASE_OUTCOME, Outcome.COMPLETED, _PHASE_ENDED),
        error_type=read.name(names.ERROR_TYPE),
        name=read.name(names.PHASE_NAME),
        depends_on=read.names(names.PHASE_DEPENDS_ON),
        planned_ns=read.duration_ns(names.PHASE_PLANNED_SECONDS),
        blocked_ns=read.duration_ns(names.PHASE_BLOCKED_SECONDS) or 0,
    )


def _task(span: Span, read: AttributeReader, place: r.Place) -> r.Task:
    return r.Task(
        place=place,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        span_id=span.span_id.hex(),
        outcome=_outcome(span, read, names.TASK_OUTCOME, Outcome.COMPLETED, _ENDED),
        error_type=read.name(names.ERROR_TYPE),
        attempts=read.count(names.TASK_ATTEMPTS) or 0,
        output=_output(read),
        usage=usage(read),
    )


def _attempt(span: Span, read: AttributeReader, place: r.Place) -> r.Attempt:
    return r.Attempt(
        place=place,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        span_id=span.span_id.hex(),
        outcome=_outcome(span, read, names.TASK_OUTCOME, Outcome.SUCCEEDED, _TRIED),
        error_type=read.name(names.ERROR_TYPE),
        number=read.count(names.TASK_ATTEMPT) or 1,
        output=_output(read),
        usage=usage(read),
    )


_FINDINGS: Final = {severity: names.OUTPUT_FINDINGS + severity for severity in Severity}


def _output(read: AttributeReader) -> r.Output:
    findings = {severity: read.count(key) for severity, key in _FINDINGS.items()}
    given = {severity: count for severity, count in findings.items() if count is not None}
    return r.Output(
        files_created=read.count(names.OUTPUT_FILES_CREATED),
        code_quality=read.score(names.OUTPUT_CODE_QUALITY),
        test_coverage=read.score(names.OUTPUT_TEST_COVERAGE),
        security=read.score(names.OUTPUT_SECURITY),
        findings=given or None,
        issues=read.names(names.OUTPUT_ISSUES),
    )


def usage(read: AttributeReader) -> r.Usage | None:
    """
    Tokens and cost in the standard attributes, None where there are none.
    """
    found = r.Usage(
        model=read.name(names.REQUEST_MODEL) or read.name(names.RESPONSE_MODEL),
        input=read.count(names.INPUT_TOKENS) or 0,
        output=read.count(names.OUTPUT_TOKENS) or 0,
        cache_read=read.count(names.CACHE_READ_TOKENS) or 0,
        cache_write=read.count(names.CACHE_WRITE_TOKENS) or 0,
        cost_usd=read.number(names.COST_USD),
    )
    spent = found.input or found.output or found.cache_read or found.cache_write
    return found if spent or found.cost_usd is not None else None


def _tool(span: Span, read: AttributeReader, place: r.Place) -> r.ToolCall:
    return r.ToolCall(
        place=place,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        span_id=span.span_id.hex(),
        tool=read.name(names.TOOL_NAME),
        outcome=Outcome.FAILED if span.status == STATUS_ERROR else Outcome.SUCCEEDED,
    )


_MESSAGE_TYPES: Final = tuple(map(str, MessageType))
_QUERY_OUTCOMES: Final = frozenset({Outcome.ANSWERED, Outcome.LATE, Outcome.UNANSWERED, Outcome.REJECTED})
_OTHER_OUTCOMES: Final = frozenset({Outcome.ACCEPTED, Outcome.REJECTED})


def _message(span: Span, read: AttributeReader, place: r.Place) -> r.Message:
    type_ = read.name(names.MESSAGE_TYPE)
    if type_ not in _MESSAGE_TYPES:
        read.invalid_values.append(
            f"{names.MESSAGE_TYPE} is {type_!r:.40}; expected one of {', '.join(_MESSAGE_TYPES)}"
        )
    deadline_ns = read.duration_ns(names.MESSAGE_DEADLINE_SECONDS)
    return r.Message(
        place=place,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        span_id=span.span_id.hex(),
        id=read.name(names.MESSAGE_ID) or span.span_id.hex(),
        type=type_,
        sender=read.name(names.MESSAGE_SENDER),
        receiver=read.name(names.MESSAGE_RECEIVER),
        outcome=_message_outcome(span, read, type_, deadline_ns),
        correlation_id=read.name(names.MESSAGE_CORRELATION_ID),
        deadline_ns=deadline_ns,
    )


def _message_outcome(span: Span, read: AttributeReader, type_: str, deadline_ns: int | None) -> Outcome:
    """
    The explicit outcome, but an answer past its deadline is late whatever it says.
    """
    if type_ != MessageType.QUERY:
        good = _outcome(span, read, names.MESSAGE_OUTCOME, Outcome.ACCEPTED, _OTHER_OUTCOMES)
        return Outcome.REJECTED if good is Outcome.FAILED else good
    outcome = _outcome(span, read, names.MESSAGE_OUTCOME, Outcome.ANSWERED, _QUERY_OUTCOMES)
    if outcome is Outcome.FAILED:
        return Outcome.UNANSWERED
    limit_ns = deadline_ns if deadline_ns is not None else round(DEFAULT_DEADLINE_SECONDS * SECOND_NS)
    if outcome is Outcome.ANSWERED and span.end_ns - span.start_ns > limit_ns:
        return Outcome.LATE
    return outcome


def _gate(span: Span, read: AttributeReader, place: r.Place) -> r.Gate:
    passed = read.flag(names.GATE_PASSED)
    return r.Gate(
        place=place,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        span_id=span.span_id.hex(),
        gate=read.name(names.GATE_ID),
        passed=span.status != STATUS_ERROR if passed is None else passed,
        category=read.name(names.GATE_CATEGORY),
        severity=read.name(names.GATE_SEVERITY),
        score=read.score(names.GATE_SCORE),
    )


def _synthesis(span: Span, read: AttributeReader, place: r.Place) -> r.Synthesis:
    return r.Synthesis(
        place=place,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        span_id=span.span_id.hex(),
        conflicts=read.count(names.SYNTHESIS_CONFLICTS) or 0,
        unresolved=read.count(names.SYNTHESIS_UNRESOLVED) or 0,
        missing=read.count(names.SYNTHESIS_MISSING) or int(span.status == STATUS_ERROR),
        gates_passed=read.flag(names.SYNTHESIS_GATES_PASSED),
    )


_BY_KIND: Final[dict[str, Callable[[Span, AttributeReader, r.Place], r.AnyRecord]]] = {
    Kind.SESSION: _session,
    Kind.PHASE: _phase,
    Kind.TASK: _task,
    Kind.ATTEMPT: _attempt,
    Kind.TOOL: _tool,
    Kind.MESSAGE: _message,
    Kind.GATE: _gate,
    Kind.SYNTHESIS: _synthesis,
}


def map_log(log: LogRecord, orchestrator: OrchestratorLabels) -> tuple[list[r.AnyRecord], list[str]]:
    """
    The record of one log event of ours.

    Returns:
        One record, and a sentence for each optional value that does not fit.

    Raises:
        UnusableError: If it belongs to no session, or says that something of unknown kind started.
    """
    read = AttributeReader(log.attributes)
    place = _place(read, orchestrator, log.trace_id, f"event {log.event_name}")
    return [_BY_EVENT[log.event_name](log, read, place)], read.invalid_values


def _conflict(name: str, time_ns: int, read: AttributeReader, place: r.Place, span_id: bytes) -> r.Conflict:
    return r.Conflict(
        place=place,
        start_ns=time_ns,
        end_ns=time_ns,
        id=read.name(names.CONFLICT_ID) or f"{span_id.hex()}:{name}:{time_ns}",
        type=read.name(names.CONFLICT_TYPE),
        severity=read.name(names.CONFLICT_SEVERITY),
    )


def _conflict_event(log: LogRecord, read: AttributeReader, place: r.Place) -> r.Conflict:
    return _conflict(log.event_name, log.time_ns, read, place, log.span_id)


def _started(log: LogRecord, read: AttributeReader, place: r.Place) -> r.Started:
    what = read.name(names.KIND)
    if what not in _BY_KIND:
        msg = f"{names.KIND} of event {log.event_name} is {what!r:.40}; expected one of {', '.join(_BY_KIND)}"
        raise UnusableError(Reason.UNKNOWN_KIND, msg)
    planned = names.SESSION_PLANNED_SECONDS if what == Kind.SESSION else names.PHASE_PLANNED_SECONDS
    return r.Started(
        place=place,
        start_ns=log.time_ns,
        end_ns=log.time_ns,
        span_id=log.span_id.hex(),
        what=what,
        planned_ns=read.duration_ns(planned),
        plan=read.names(names.SESSION_PLAN),
    )


def _progress(log: LogRecord, read: AttributeReader, place: r.Place) -> r.Progress:
    return r.Progress(
        place=place, start_ns=log.time_ns, end_ns=log.time_ns, ratio=read.number(names.PROGRESS_RATIO, 1.0)
    )


def _alive(log: LogRecord, _read: AttributeReader, place: r.Place) -> r.Alive:
    return r.Alive(place=place, start_ns=log.time_ns, end_ns=log.time_ns)


def _blocked(log: LogRecord, read: AttributeReader, place: r.Place) -> r.Blocked:
    return r.Blocked(
        place=place, start_ns=log.time_ns, end_ns=log.time_ns, reason=read.name(names.BLOCKED_REASON)
    )


def _unblocked(log: LogRecord, _read: AttributeReader, place: r.Place) -> r.Unblocked:
    return r.Unblocked(place=place, start_ns=log.time_ns, end_ns=log.time_ns)


_BY_EVENT: Final[dict[str, Callable[[LogRecord, AttributeReader, r.Place], r.AnyRecord]]] = {
    names.STARTED_EVENT: _started,
    names.PROGRESS_EVENT: _progress,
    names.ALIVE_EVENT: _alive,
    names.BLOCKED_EVENT: _blocked,
    names.UNBLOCKED_EVENT: _unblocked,
    names.CONFLICT_EVENT: _conflict_event,
}

_DELTA: Final = 1


def map_point(point: SumPoint, orchestrator: OrchestratorLabels) -> tuple[list[r.AnyRecord], list[str]]:
    """
    What a process says it has emitted.

    Raises:
        UnusableError: If the count is not a whole number from 0 to 1e10.
    """
    if not 0 <= point.value <= LARGEST or point.value != int(point.value):
        msg = f"{point.name} is {point.value:g}; expected a whole number from 0 to {float(LARGEST):g}"
        raise UnusableError(Reason.BAD_COUNT, msg)
    read = AttributeReader(point.attributes)
    emitted = r.Emitted(
        orchestrator=_opener(read, orchestrator),
        instance=AttributeReader(point.resource.attributes).name(names.SERVICE_INSTANCE_ID),
        kind=read.name(names.RECORD_KIND),
        count=int(point.value),
        start_ns=point.start_ns,
        time_ns=point.time_ns,
        delta=point.temporality == _DELTA,
    )
    return [emitted], []
