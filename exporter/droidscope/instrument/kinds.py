"""
The kinds of activities: a class for each row of docs/conventions.md#spans.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from itertools import count
from threading import Lock
from time import perf_counter_ns
from typing import Final, Literal, TypedDict, Unpack
from uuid import uuid4

from opentelemetry import baggage
from opentelemetry.trace import SpanKind

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Kind, MessageType, Outcome
from droidscope.conventions.thresholds import DEFAULT_DEADLINE_SECONDS
from droidscope.instrument import alive, outputs
from droidscope.instrument.activity import (
    NS,
    PHASE_IDS,
    SESSION_IDS,
    Activity,
    Judged,
    Values,
    enclosing,
    seconds,
)
from droidscope.instrument.guard import quietly, warn_once
from droidscope.instrument.providers import Emitter
from droidscope.instrument.scores import Score


class Session(Judged):
    """
    One run of a pattern, from request to result.
    """

    kind = Kind.SESSION
    inherits = ()
    announced = True
    outcome_name = names.SESSION_OUTCOME

    __slots__ = ("_id", "_name", "_pattern", "_plan", "_planned", "gates")

    def __init__(
        self,
        pattern: str,
        id: str | None = None,
        name: str | None = None,
        plan: Iterable[str] | None = None,
        planned: float | timedelta | None = None,
    ) -> None:
        super().__init__()
        self._pattern = pattern
        self._id = id
        self._name = name
        self._plan = plan
        self._planned = planned
        self.gates: dict[str, bool] = {}

    @property
    def id(self) -> str:
        """
        The session's id: the given one, else 32 random hex digits.
        """
        if self._id is None:
            self._id = uuid4().hex
        return str(self._id)

    def _describe(self, inherited: Mapping[str, str]) -> tuple[str, dict[str, str], Values]:  # noqa: ARG002
        pattern = str(self._pattern)
        values: Values = {names.OPERATION: "invoke_workflow", names.CONVERSATION_ID: self.id}
        if self._name:
            values[names.PATTERN_NAME] = self._name
        if self._plan is not None:
            values[names.SESSION_PLAN] = tuple(str(phase) for phase in self._plan)
        planned = seconds(self._planned, "session(planned)")
        if planned is not None:
            values[names.SESSION_PLANNED_SECONDS] = planned
        return f"invoke_workflow {pattern}", {names.SESSION_ID: self.id, names.PATTERN_ID: pattern}, values

    @quietly
    def begin(self, emitter: Emitter, *, enter: bool = True) -> None:
        """
        As every activity; the process says that the session is alive until it ends.
        """
        super().begin(emitter, enter=enter)
        if self.recording and emitter.is_heard(names.ALIVE_EVENT):
            alive.PULSE.add(self)

    @quietly
    def end(self, error: BaseException | None = None) -> None:
        """
        As every activity.
        """
        alive.PULSE.discard(self)
        super().end(error)

    def still_alive(self) -> None:
        """
        Say that the process of this session lives.
        """
        if self.emitter is not None and not self.ended:
            self.emitter.event(names.ALIVE_EVENT, self.inside, self.context)

    def _conclude(self, error: BaseException | None) -> Values:
        outcome = self._decided(error).value
        if self.emitter is not None:
            labels = {names.PATTERN_ID: str(self._pattern), self.outcome_name: outcome}
            self.emitter.session_duration.record(self._elapsed_ns() / NS, labels)
        return {**super()._conclude(error), self.outcome_name: outcome}


class Phase(Judged):
    """
    One phase of a session; it may be blocked for some of its time.
    """

    kind = Kind.PHASE
    inherits = SESSION_IDS
    announced = True
    outcome_name = names.PHASE_OUTCOME
    outcomes = (Outcome.COMPLETED, Outcome.FAILED, Outcome.SKIPPED, Outcome.BLOCKED)

    __slots__ = (
        "_blocked_ns",
        "_blocked_since",
        "_blocks",
        "_depends_on",
        "_id",
        "_lock",
        "_name",
        "_planned",
    )

    def __init__(
        self,
        id: str,
        name: str | None = None,
        depends_on: Iterable[str] = (),
        planned: float | timedelta | None = None,
    ) -> None:
        super().__init__()
        self._id = id
        self._name = name
        self._depends_on = depends_on
        self._planned = planned
        self._blocks: set[object] = set()
        self._blocked_since = self._blocked_ns = 0
        self._lock = Lock()

    @property
    def id(self) -> str:
        """
        The phase's id, as given.
        """
        return str(self._id)

    def skip(self) -> None:
        """
        State that the phase was skipped.
        """
        self.outcome(Outcome.SKIPPED)

    def block(self, blocker: object) -> None:
        """
        Begin to count blocked time on account of *blocker*; blockers that overlap count once.
        """
        with self._lock:
            if not self._blocks:
                self._blocked_since = perf_counter_ns()
            self._blocks.add(blocker)

    def unblock(self, blocker: object | None = None) -> bool:
        """
        Forget *blocker*, or all of them; True if that set the phase free.
        """
        with self._lock:
            was_blocked = bool(self._blocks)
            self._blocks = set() if blocker is None else self._blocks - {blocker}
            is_free = was_blocked and not self._blocks
            if is_free:
                self._blocked_ns += perf_counter_ns() - self._blocked_since
            return is_free

    def _describe(self, inherited: Mapping[str, str]) -> tuple[str, dict[str, str], Values]:  # noqa: ARG002
        values: Values = {}
        if self._name:
            values[names.PHASE_NAME] = self._name
        depends_on = tuple(str(phase) for phase in self._depends_on)
        if depends_on:
            values[names.PHASE_DEPENDS_ON] = depends_on
        planned = seconds(self._planned, "phase(planned)")
        if planned is not None:
            values[names.PHASE_PLANNED_SECONDS] = planned
        return f"phase {self.id}", {names.PHASE_ID: self.id}, values

    def _conclude(self, error: BaseException | None) -> Values:
        self.unblock()
        values = {**super()._conclude(error), self.outcome_name: self._decided(error).value}
        if self._blocked_ns:
            values[names.PHASE_BLOCKED_SECONDS] = self._blocked_ns / NS
        return values


class Producing(Judged):
    """
    A task or an attempt: what droids' outputs are attached to.
    """

    announced = True
    outcome_name = names.TASK_OUTCOME

    __slots__ = ("_sums",)

    def __init__(self) -> None:
        super().__init__()
        self._sums: dict[str, float] = {}

    @quietly
    def output(self, **given: Unpack[outputs.Outputs]) -> None:
        """
        Attach what was produced, as `droidscope.output` does, to this one.
        """
        if self.ended:
            warn_once("output:ended", "output for a %s that has ended is dropped", self.kind)
        elif self.emitter is not None and self.recording:
            self.span.set_attributes(outputs.describe(given, self._sums, self.emitter.tally))


class Task(Producing):
    """
    A droid's piece of work, over all its attempts.
    """

    kind = Kind.TASK
    inherits = PHASE_IDS

    __slots__ = ("_droid", "_id", "_numbers", "_type")

    def __init__(self, droid: str, type: str = "", id: str | None = None) -> None:
        super().__init__()
        self._droid = droid
        self._type = type
        self._id = id
        self._numbers = count(1)

    @property
    def id(self) -> str:
        """
        The task's id: the given one, else 32 random hex digits.
        """
        if self._id is None:
            self._id = uuid4().hex
        return str(self._id)

    @property
    def droid(self) -> str:
        """
        The droid's name, as given.
        """
        return str(self._droid)

    def next_attempt(self) -> int:
        """
        The number of the attempt that begins now, from 1.
        """
        return next(self._numbers)

    def _describe(self, inherited: Mapping[str, str]) -> tuple[str, dict[str, str], Values]:  # noqa: ARG002
        own = {names.TASK_ID: self.id, names.AGENT_NAME: self.droid}
        if self._type:
            own[names.TASK_TYPE] = str(self._type)
        return f"invoke_agent {self.droid}", own, {names.OPERATION: "invoke_agent"}

    def _conclude(self, error: BaseException | None) -> Values:
        if self.emitter is not None:
            outcome = self._decided(error).value
            labels = (
                (names.AGENT_NAME, self.droid),
                (names.TASK_TYPE, str(self._type)),
                (names.TASK_OUTCOME, outcome),
            )
            self.emitter.tally.add(names.CLIENT_TASKS, labels)
            self.emitter.task_duration.record(self._elapsed_ns() / NS, dict(labels))
        return {**super()._conclude(error), names.TASK_ATTEMPTS: next(self._numbers) - 1}


class Attempt(Producing):
    """
    One try at the task it is inside of; outside of any it is nothing.
    """

    kind = Kind.ATTEMPT
    outcomes = (Outcome.SUCCEEDED, Outcome.FAILED)

    __slots__ = ("_number", "number")

    def __init__(self, number: int | None = None) -> None:
        super().__init__()
        self._number = number
        self.number = number or 1

    def begin(self, emitter: Emitter, *, enter: bool = True) -> None:
        """
        As every activity, but for the task's sake only inside one.
        """
        if baggage.get_baggage(names.TASK_ID) is None:
            warn_once(
                "attempt", "an attempt outside of a task is not recorded: put it inside a droidscope.task"
            )
            return
        super().begin(emitter, enter=enter)

    def _describe(self, inherited: Mapping[str, str]) -> tuple[str, dict[str, str], Values]:
        task = enclosing(self.parent, Task)
        counted = task.next_attempt() if task is not None else 1
        self.number = self._number or counted
        return f"attempt {inherited.get(names.AGENT_NAME, '')}", {}, {names.TASK_ATTEMPT: self.number}

    def _conclude(self, error: BaseException | None) -> Values:
        if self.emitter is not None and self.number > 1:
            droid = self.inside.get(names.AGENT_NAME, "")
            self.emitter.tally.add(names.CLIENT_RETRIES, ((names.AGENT_NAME, droid),))
        return super()._conclude(error)


class Tool(Activity):
    """
    A call of a tool.
    """

    kind = Kind.TOOL

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def _describe(self, inherited: Mapping[str, str]) -> tuple[str, dict[str, str], Values]:  # noqa: ARG002
        name = str(self._name)
        return f"execute_tool {name}", {}, {names.OPERATION: "execute_tool", names.TOOL_NAME: name}


class Message(Activity):
    """
    A message from one droid to another, or to all where *receiver* is None.
    """

    kind = Kind.MESSAGE
    span_kind = SpanKind.PRODUCER

    __slots__ = ("_correlation_id", "_id", "_outcome", "_receiver", "_sender", "_type")

    def __init__(
        self,
        type: MessageType,
        sender: str,
        receiver: str | None,
        id: str | None = None,
        correlation_id: str | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        super().__init__()
        self._type = type
        self._sender = sender
        self._receiver = receiver
        self._id = id
        self._correlation_id = correlation_id
        self._outcome = outcome

    @property
    def id(self) -> str:
        """
        The message's id: the given one, else 32 random hex digits.
        """
        if self._id is None:
            self._id = uuid4().hex
        return str(self._id)

    def _describe(self, inherited: Mapping[str, str]) -> tuple[str, dict[str, str], Values]:  # noqa: ARG002
        values: Values = {
            names.MESSAGE_ID: self.id,
            names.MESSAGE_TYPE: self._type.value,
            names.MESSAGE_SENDER: str(self._sender),
        }
        if self._receiver is not None:
            values[names.MESSAGE_RECEIVER] = str(self._receiver)
        if self._correlation_id is not None:
            values[names.MESSAGE_CORRELATION_ID] = str(self._correlation_id)
        return f"message {self._type.value}", {}, values

    def _decided(self, error: BaseException | None) -> Outcome:  # noqa: ARG002 - a query cares
        return self._outcome or Outcome.ACCEPTED

    def _conclude(self, error: BaseException | None) -> Values:
        outcome = self._decided(error).value
        if self.emitter is not None:
            labels = ((names.MESSAGE_TYPE, self._type.value), (names.MESSAGE_OUTCOME, outcome))
            self.emitter.tally.add(names.CLIENT_MESSAGES, labels)
        return {names.MESSAGE_OUTCOME: outcome}


class Query(Message):
    """
    A question to a droid; it lasts until its answer.
    """

    announced = True

    __slots__ = ("_deadline", "_limit_seconds")

    def __init__(
        self,
        sender: str,
        receiver: str | None,
        deadline: float | timedelta | None = None,
        id: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        super().__init__(MessageType.QUERY, sender, receiver, id, correlation_id)
        self._deadline = deadline
        self._limit_seconds = DEFAULT_DEADLINE_SECONDS

    @property
    def correlation_id(self) -> str:
        """
        What an answer names to say which question it answers: the given one, else the query's id.
        """
        return str(self._correlation_id) if self._correlation_id is not None else self.id

    def unanswered(self) -> None:
        """
        State that no answer came.
        """
        self._outcome = Outcome.UNANSWERED

    def rejected(self) -> None:
        """
        State that the query was refused, by the bus or by the droid asked.
        """
        self._outcome = Outcome.REJECTED

    def _describe(self, inherited: Mapping[str, str]) -> tuple[str, dict[str, str], Values]:
        name, own, values = super()._describe(inherited)
        deadline = seconds(self._deadline, "ask(deadline)")
        if deadline is not None:
            values[names.MESSAGE_DEADLINE_SECONDS] = self._limit_seconds = deadline
        return name, own, values

    def _decided(self, error: BaseException | None) -> Outcome:
        if self._outcome is not None:
            return self._outcome
        if error is not None:
            return Outcome.UNANSWERED
        return Outcome.LATE if self._elapsed_ns() > self._limit_seconds * NS else Outcome.ANSWERED


class Gate(Activity):
    """
    A quality gate. It passes if its body ends without a verdict, and fails by an exception.
    """

    kind = Kind.GATE

    __slots__ = ("_category", "_id", "_passed", "_score", "_severity")

    def __init__(self, id: str, category: str | None = None, severity: str | None = None) -> None:
        super().__init__()
        self._id = id
        self._category = category
        self._severity = severity
        self._passed: bool | None = None
        self._score: Score | None = None

    def passed(self, score: Score | None = None) -> None:
        """
        State that the gate passed, with a score if it gives one.
        """
        self._passed, self._score = True, score

    def failed(self, score: Score | None = None) -> None:
        """
        State that the gate failed, with a score if it gives one.
        """
        self._passed, self._score = False, score

    def _describe(self, inherited: Mapping[str, str]) -> tuple[str, dict[str, str], Values]:  # noqa: ARG002
        values: Values = {names.GATE_ID: str(self._id)}
        if self._category:
            values[names.GATE_CATEGORY] = str(self._category)
        if self._severity:
            values[names.GATE_SEVERITY] = str(self._severity)
        return f"gate {self._id}", {}, values

    def _conclude(self, error: BaseException | None) -> Values:
        passed = error is None and self._passed is not False
        session = enclosing(self.parent, Session)
        if session is not None:
            session.gates[str(self._id)] = passed
        values: Values = {names.GATE_PASSED: passed}
        if self._score is not None and self.emitter is not None:
            points = outputs.points(names.GATE_SCORE, self._score, self.emitter.tally)
            if points is not None:
                values[names.GATE_SCORE] = points
        return values


class Integration(TypedDict, total=False):
    """
    What a synthesis may report: counts from 0, and whether the gates passed (default: those of the session).
    """

    conflicts: int
    missing_components: int
    unresolved: int
    gates_passed: bool


_INTEGRATION: Final[dict[Literal["conflicts", "missing_components", "unresolved", "gates_passed"], str]] = {
    "conflicts": names.SYNTHESIS_CONFLICTS,
    "missing_components": names.SYNTHESIS_MISSING,
    "unresolved": names.SYNTHESIS_UNRESOLVED,
    "gates_passed": names.SYNTHESIS_GATES_PASSED,
}


class Synthesis(Activity):
    """
    The integration of a session's results.
    """

    kind = Kind.SYNTHESIS

    __slots__ = ("_reported",)

    def __init__(self) -> None:
        super().__init__()
        self._reported: Integration = {}

    def integrated(self, **reported: Unpack[Integration]) -> None:
        """
        Report the integration: conflicts met, those left unresolved, components missing.
        """
        self._reported = reported

    def _describe(self, inherited: Mapping[str, str]) -> tuple[str, dict[str, str], Values]:  # noqa: ARG002
        return "synthesize", {}, {}

    def _conclude(self, error: BaseException | None) -> Values:  # noqa: ARG002
        values: Values = {
            name: self._reported[key]
            for key, name in _INTEGRATION.items()
            if self._reported.get(key) is not None
        }
        session = enclosing(self.parent, Session)
        if session is not None and session.gates:
            values.setdefault(names.SYNTHESIS_GATES_PASSED, all(session.gates.values()))
        return values
