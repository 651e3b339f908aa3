"""
Sessions of the days before the demo began, as a recording of OTLP.

Without past sessions there is no baseline, no trend and no forecast. They are drawn as those of the fleet
are, by the same world at the same speed, but no orchestrator runs them: their spans are written with the
times that they would have had.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Kind, MessageType, Outcome
from droidscope.units import DAY_NS, SECOND_NS
from droidscope_demo import world
from droidscope_demo.script import Attempt, PhaseRun, Session, Task, TaskOutput, draw_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SESSIONS_A_DAY: Final = 24
IMPROVEMENT_OF_TEN: Final = 0.06
"""
Points of ten that code quality rises by with each day.
"""
SESSIONS_A_REQUEST: Final = 8


def write_past(path: Path, service: str, seed: str, days: int, seconds_per_minute: float, now_ns: int) -> int:
    """
    Record the sessions that a service would have run in the *days* before *now_ns*, Unix time.

    Returns:
        How many sessions that are.
    """
    past = list(_sessions(f"{seed}/{service}/past", days, seconds_per_minute, now_ns))
    with path.open("wb") as file:
        for first in range(0, len(past), SESSIONS_A_REQUEST):
            body = _request(service, past[first : first + SESSIONS_A_REQUEST])
            file.write(struct.pack(">I", len(body)) + body)
    return len(past)


def _sessions(seed: str, days: int, seconds_per_minute: float, now_ns: int) -> Iterator[list[Span]]:
    random = Random(seed)  # noqa: S311 - a simulation, no secret
    for number in range(days * SESSIONS_A_DAY):
        age_ns = DAY_NS * (days * SESSIONS_A_DAY - number) // SESSIONS_A_DAY
        start_ns = now_ns - age_ns + random.randrange(DAY_NS // SESSIONS_A_DAY // 2)
        spans = _SessionSpans(random, round(SECOND_NS * seconds_per_minute), age_ns / DAY_NS)
        yield spans.session(draw_session(seed, number), start_ns)


def _request(service: str, sessions: list[list[Span]]) -> bytes:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(_key_values({names.SERVICE_NAME: service}))
    scope = group.scope_spans.add()
    scope.scope.name, scope.scope.version = names.SCOPE, names.SCHEMA_VERSION
    for spans in sessions:
        scope.spans.extend(spans)
    return request.SerializeToString()


@dataclass(slots=True)
class _SessionSpans:
    """
    Makes the spans of one session; a minute of the world takes *minute_ns*, and it was *age_days* ago.
    """

    random: Random
    minute_ns: int
    age_days: float
    spans: list[Span] = field(default_factory=list)
    trace_id: bytes = b""

    def session(self, session: Session, start_ns: int) -> list[Span]:
        """
        All spans of a session that began at *start_ns*.
        """
        pattern = session.pattern
        self.trace_id = self.random.randbytes(16)
        shared = {names.SESSION_ID: session.id, names.PATTERN_ID: pattern.id}
        cursor = start_ns
        for run in session.phase_runs:
            cursor = self._phase(shared, session, run, cursor)
        for phase in session.skipped:
            skipped = {names.PHASE_ID: phase.id, names.PHASE_OUTCOME: Outcome.SKIPPED}
            self._span(Kind.PHASE, cursor, cursor, {**shared, **skipped})
        waited_ns = self._ns(session.approval_minutes)
        if not (session.error or session.cancelled):
            cursor = self._synthesis(shared, session, cursor + waited_ns)
        planned = world.TYPICAL_SHARE * pattern.budget_minutes * self.minute_ns / SECOND_NS
        own = {
            names.PATTERN_NAME: pattern.name,
            names.SESSION_OUTCOME: _outcome(session),
            names.SESSION_WAITING_SECONDS: waited_ns / SECOND_NS,
            names.SESSION_PLAN: [phase.id for phase in pattern.phases],
            names.SESSION_PLANNED_SECONDS: planned,
        }
        self._span(Kind.SESSION, start_ns, cursor, {**shared, **own}, session.error)
        return self.spans

    def _phase(self, shared: dict[str, Any], session: Session, run: PhaseRun, start_ns: int) -> int:
        phase = run.phase
        shared = {**shared, names.PHASE_ID: phase.id}
        begin = start_ns + self._ns(run.blocked_minutes)
        end = max(self._task(shared, task, begin) for task in run.tasks)
        if not run.error:
            for result in run.gate_results:
                gate = {
                    names.GATE_ID: result.gate.id,
                    names.GATE_CATEGORY: result.gate.category,
                    names.GATE_SEVERITY: result.gate.severity,
                    names.GATE_PASSED: result.passed,
                    names.GATE_SCORE: 10 * result.score_of_ten,
                }
                self._span(Kind.GATE, end, end, {**shared, **gate})
        own = {
            names.PHASE_NAME: phase.name,
            names.PHASE_OUTCOME: Outcome.FAILED if run.error else Outcome.COMPLETED,
            names.PHASE_DEPENDS_ON: list(session.pattern.dependencies(phase)),
            names.PHASE_PLANNED_SECONDS: world.TYPICAL_SHARE
            * phase.budget_minutes
            * self.minute_ns
            / SECOND_NS,
            names.PHASE_BLOCKED_SECONDS: self._ns(run.blocked_minutes) / SECOND_NS,
        }
        span = self._span(Kind.PHASE, start_ns, end, {**shared, **own}, run.error)
        for number, conflict in enumerate(run.conflicts):
            event = span.events.add(name=names.CONFLICT_EVENT, time_unix_nano=end)
            attributes = {
                names.CONFLICT_ID: f"{session.id}-{phase.id}-{number}",
                names.CONFLICT_TYPE: conflict.type,
                names.CONFLICT_SEVERITY: conflict.severity,
            }
            event.attributes.extend(_key_values(attributes))
        return end

    def _synthesis(self, shared: dict[str, Any], session: Session, start_ns: int) -> int:
        end = start_ns + self.minute_ns
        own = {
            names.SYNTHESIS_CONFLICTS: session.conflicts,
            names.SYNTHESIS_MISSING: session.missing_components,
            names.SYNTHESIS_GATES_PASSED: session.gates_passed,
        }
        self._span(Kind.SYNTHESIS, start_ns, end, {**shared, **own})
        return end

    def _task(self, shared: dict[str, Any], task: Task, start_ns: int) -> int:
        shared = {
            **shared,
            names.TASK_ID: self.random.randbytes(8).hex(),
            names.TASK_TYPE: task.type,
            names.AGENT_NAME: task.droid.name,
        }
        cursor = self._messages(shared, task, start_ns)
        for number, attempt in enumerate(task.attempts, 1):
            cursor = self._attempt(shared, task, attempt, number, cursor)
        output = {} if task.error else self._output(task.output)
        own = {names.TASK_ATTEMPTS: len(task.attempts), **output}
        self._span(Kind.TASK, start_ns, cursor, {**shared, **own}, task.error)
        return cursor

    def _messages(self, shared: dict[str, Any], task: Task, start_ns: int) -> int:
        for notice in task.notices:
            self._message(shared, notice.type, task.droid.name, notice.receiver, notice.outcome, start_ns, 0)
        cursor = start_ns
        for query in task.queries:
            duration_ns = self._ns(query.minutes)
            sender, receiver = task.droid.name, query.receiver
            self._message(shared, MessageType.QUERY, sender, receiver, query.outcome, cursor, duration_ns)
            cursor += duration_ns
        return cursor

    def _message(
        self,
        shared: dict[str, Any],
        type_: str,
        sender: str,
        receiver: str,
        outcome: str,
        at: int,
        duration_ns: int,
    ) -> None:
        own = {
            names.MESSAGE_ID: self.random.randbytes(8).hex(),
            names.MESSAGE_TYPE: type_,
            names.MESSAGE_SENDER: sender,
            names.MESSAGE_RECEIVER: receiver,
            names.MESSAGE_OUTCOME: outcome,
        }
        self._span(Kind.MESSAGE, at, at + duration_ns, {**shared, **own})

    def _attempt(
        self, shared: dict[str, Any], task: Task, attempt: Attempt, number: int, start_ns: int
    ) -> int:
        cursor = start_ns
        for call in attempt.tools:
            end = cursor + self._ns(call.minutes)
            error = "ToolError" if call.failed else ""
            self._span(Kind.TOOL, cursor, end, {**shared, names.TOOL_NAME: call.tool}, error)
            cursor = end
        cursor += self._ns(attempt.minutes)
        model = world.MODELS[task.droid.model]
        own = {
            names.TASK_ATTEMPT: number,
            names.REQUEST_MODEL: model.name,
            names.INPUT_TOKENS: attempt.input_tokens,
            names.OUTPUT_TOKENS: attempt.output_tokens,
            names.COST_USD: round(model.cost_usd(attempt.input_tokens, attempt.output_tokens), 6),
        }
        self._span(Kind.ATTEMPT, start_ns, cursor, {**shared, **own}, attempt.error)
        return cursor

    def _output(self, output: TaskOutput) -> dict[str, Any]:
        quality = max(0.0, output.code_quality_of_ten - IMPROVEMENT_OF_TEN * self.age_days)
        scores = {
            names.OUTPUT_FILES_CREATED: output.files_created,
            names.OUTPUT_CODE_QUALITY: round(10 * quality, 1),
            names.OUTPUT_TEST_COVERAGE: output.test_coverage_percent,
            names.OUTPUT_SECURITY: None if output.security_of_ten is None else 10 * output.security_of_ten,
        }
        findings = {names.OUTPUT_FINDINGS + severity: count for severity, count in output.findings}
        return {name: value for name, value in {**scores, **findings}.items() if value is not None}

    def _ns(self, minutes: float) -> int:
        return round(minutes * self.minute_ns)

    def _span(self, kind: Kind, start_ns: int, end_ns: int, own: dict[str, Any], error: str = "") -> Span:
        failed = {names.ERROR_TYPE: error} if error else {}
        span = Span(
            trace_id=self.trace_id,
            span_id=self.random.randbytes(8),
            name=kind,
            start_time_unix_nano=start_ns,
            end_time_unix_nano=end_ns,
            attributes=_key_values({names.KIND: kind, **own, **failed}),
            status=Status(code=Status.STATUS_CODE_ERROR if error else Status.STATUS_CODE_UNSET),
        )
        self.spans.append(span)
        return span


def _outcome(session: Session) -> Outcome:
    if session.cancelled:
        return Outcome.CANCELLED
    return Outcome.FAILED if session.error else Outcome.COMPLETED


def _key_values(attributes: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=name, value=_any_value(value)) for name, value in attributes.items()]


def _any_value(value: Any) -> AnyValue:  # noqa: ANN401 - an attribute may be anything
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=[_any_value(each) for each in value]))
        case _:
            return AnyValue(string_value=str(value))
