"""
Sessions and their phases: the run of a pattern.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

from opentelemetry.trace import format_span_id

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Kind, Outcome
from droidscope.instrument import handles
from droidscope.instrument.baggage import IDS, PHASE_IDS, TASK_IDS, new_id
from droidscope.instrument.checks.values import duration, text
from droidscope.instrument.emission import heartbeat
from droidscope.instrument.endings.endings import Ending
from droidscope.instrument.instrumented_span import Description, Values, WithOutcome
from droidscope.instrument.never_raise import never_raise, warn_once
from droidscope.instrument.pauses.overlapping_time import OverlappingTime
from droidscope.instrument.providers import Emitter
from droidscope.instrument.user_attributes import Scalar, WithAttributes
from droidscope.units import SECOND_NS

_TO_THE_END: Final = "to the end of the block"


class SessionSpan(WithAttributes, handles.Session):
    """
    One run of a pattern, from request to result.
    """

    kind = Kind.SESSION.value
    clears_ids = frozenset(IDS)
    emits_started = True
    outcome_name = names.SESSION_OUTCOME
    states_success = True

    def __init__(
        self,
        pattern: str,
        id: str | None = None,
        name: str | None = None,
        plan: Iterable[str] | None = None,
        planned: float | timedelta | None = None,
        resume: bool = False,
        attributes: Mapping[str, Scalar] | None = None,
    ) -> None:
        self._pattern = pattern
        self._id = id
        self._name = name
        self._plan = plan
        self._planned = planned
        self._resume = resume
        self._given_attributes = attributes
        self.gates: dict[str, bool] = {}
        self.waits = OverlappingTime()

    @property
    def id(self) -> str:
        """
        The session's id: the given one, else 32 random hex digits.
        """
        if self._id is None:
            self._id = new_id()
        return str(self._id)

    @never_raise
    def wait(self, reason: str = "") -> None:
        """
        When this block ends, the session waits for a person, and another one of its id will go on with it.

        It is neither running nor ended until then, in whatever process that is.
        """
        if self._is_over("wait()"):
            return
        self._explicit_outcome = Outcome.WAITING
        self.waits.begin(_TO_THE_END)
        known_reason = text("wait(reason)", reason)
        if self.emitter is not None and self.recording:
            values = {**self.inside, names.WAITING_REASON: known_reason} if known_reason else self.inside
            self.emitter.event(names.WAITING_EVENT, values, self.context)

    def stop(self, outcome: str | None) -> None:
        """
        Take the outcome that a result has; by a completed one, or None, it does not wait any more.
        """
        if outcome == Outcome.WAITING:
            self.wait()
        elif outcome is not None and outcome != Outcome.COMPLETED:
            self.outcome(outcome)
        elif self._explicit_outcome is Outcome.WAITING:
            self._explicit_outcome = None

    def give_up(self) -> None:
        """
        Nothing: its block will end it.
        """

    def _final_outcome(self, ending: Ending) -> Outcome:
        if self._explicit_outcome is Outcome.WAITING and ending is not Ending.BY_ITSELF:
            return Outcome.CANCELLED if ending is Ending.CANCELLED else Outcome.FAILED
        return super()._final_outcome(ending)

    def _describe(self) -> Description:
        is_resumed = self._is_resumed()
        pattern = str(self._pattern)
        values: Values = {names.OPERATION: "invoke_workflow", names.CONVERSATION_ID: self.id}
        if is_resumed:
            values[names.SESSION_RESUMED] = True
        if self._name:
            values[names.PATTERN_NAME] = self._name
        if self._plan is not None:
            values[names.SESSION_PLAN] = tuple(str(phase) for phase in self._plan)
        planned = duration("session(planned)", self._planned)
        if planned is not None:
            values[names.SESSION_PLANNED_SECONDS] = planned
        values.update(self._user_values())
        return f"invoke_workflow {pattern}", {names.SESSION_ID: self.id, names.PATTERN_ID: pattern}, values

    def _is_resumed(self) -> bool:
        if self._resume and self._id is None:
            warn_once("session:resume", "session(resume=True) needs the id of the session that goes on")
        return bool(self._resume) and self._id is not None

    def _ids_of_span(self) -> Mapping[str, str]:
        context = self.span.get_span_context()
        return {names.SESSION_RUN: format_span_id(context.span_id)} if context.is_valid else {}

    def _propagated_ids(self, own_ids: Mapping[str, str], emitter: Emitter) -> Mapping[str, str]:
        return own_ids if emitter.service is None else {**own_ids, names.ORCHESTRATOR_NAME: emitter.service}

    @never_raise
    def begin(self, emitter: Emitter, *, enter: bool = True) -> None:
        """
        As every span; the process sends heartbeats until it ends.
        """
        super().begin(emitter, enter=enter)
        if self.recording and emitter.is_enabled(names.ALIVE_EVENT):
            heartbeat.HEARTBEAT.add(self)

    @never_raise
    def end(self, error: BaseException | None = None) -> None:
        """
        As every span.
        """
        heartbeat.HEARTBEAT.discard(self)
        super().end(error)

    def _conclude(self, emitter: Emitter, ending: Ending) -> Values:
        outcome = self._final_outcome(ending).value
        key = ((names.PATTERN_ID, str(self._pattern)), (self.outcome_name, outcome))
        emitter.session_duration.record(self._elapsed_ns() / SECOND_NS, key)
        self.waits.end()
        waited_ns = self.waits.total_ns
        return {names.SESSION_WAITING_SECONDS: waited_ns / SECOND_NS} if waited_ns else {}


class PhaseSpan(WithOutcome, handles.Phase):
    """
    One phase of a session; it may be blocked for some of its time.
    """

    kind = Kind.PHASE.value
    clears_ids = frozenset({*PHASE_IDS, *TASK_IDS})
    emits_started = True
    outcome_name = names.PHASE_OUTCOME
    outcomes = (
        Outcome.COMPLETED,
        Outcome.FAILED,
        Outcome.CANCELLED,
        Outcome.SKIPPED,
        Outcome.BLOCKED,
    )
    states_success = True

    def __init__(
        self,
        id: str,
        name: str | None = None,
        depends_on: Iterable[str] = (),
        planned: float | timedelta | None = None,
    ) -> None:
        self._id = id
        self._name = name
        self._depends_on = depends_on
        self._planned = planned
        self._blocks = OverlappingTime()

    @property
    def id(self) -> str:
        """
        The phase's id, as given.
        """
        return str(self._id)

    def skip(self) -> None:
        """
        Set the outcome to skipped.
        """
        if not self._is_over("skip()"):
            self.outcome(Outcome.SKIPPED)

    def block(self, blocker: object) -> None:
        """
        Begin to count blocked time on account of *blocker*; blockers that overlap count once.
        """
        self._blocks.begin(blocker)

    def unblock(self, blocker: object | None = None) -> bool:
        """
        Remove *blocker*, or all of them; True if that ends the blocked time.
        """
        return self._blocks.end(blocker)

    def _describe(self) -> Description:
        values: Values = {}
        if self._name:
            values[names.PHASE_NAME] = self._name
        depends_on = tuple(str(phase) for phase in self._depends_on)
        if depends_on:
            values[names.PHASE_DEPENDS_ON] = depends_on
        planned = duration("phase(planned)", self._planned)
        if planned is not None:
            values[names.PHASE_PLANNED_SECONDS] = planned
        return f"phase {self.id}", {names.PHASE_ID: self.id}, values

    def _conclude(self, emitter: Emitter, ending: Ending) -> Values:  # noqa: ARG002 - as every span
        self._blocks.end()
        blocked_ns = self._blocks.total_ns
        return {names.PHASE_BLOCKED_SECONDS: blocked_ns / SECOND_NS} if blocked_ns else {}
