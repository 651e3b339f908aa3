"""
Sessions and their phases: the run of a pattern.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from threading import Lock
from time import perf_counter_ns

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Kind, Outcome
from droidscope.instrument import heartbeat
from droidscope.instrument.baggage import IDS, PHASE_IDS, TASK_IDS, new_id
from droidscope.instrument.instrumented_span import Description, Values, WithOutcome, seconds
from droidscope.instrument.never_raise import never_raise
from droidscope.instrument.providers import Emitter
from droidscope.units import SECOND_NS


class Session(WithOutcome):
    """
    One run of a pattern, from request to result.
    """

    kind = Kind.SESSION.value
    clears_ids = frozenset(IDS)
    emits_started = True
    outcome_name = names.SESSION_OUTCOME

    def __init__(
        self,
        pattern: str,
        id: str | None = None,
        name: str | None = None,
        plan: Iterable[str] | None = None,
        planned: float | timedelta | None = None,
    ) -> None:
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
            self._id = new_id()
        return str(self._id)

    def _describe(self) -> Description:
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

    def _propagated_ids(self, own_ids: dict[str, str], emitter: Emitter) -> Mapping[str, str]:
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

    def send_heartbeat(self) -> None:
        """
        Send an event that the process of this session is alive.
        """
        if self.emitter is not None and not self.ended:
            self.emitter.event(names.ALIVE_EVENT, self.inside, self.context)

    def _conclude(self, emitter: Emitter, error: BaseException | None) -> Values:
        outcome = self._final_outcome(error)
        labels = {names.PATTERN_ID: str(self._pattern), self.outcome_name: outcome}
        emitter.session_duration.record(self._elapsed_ns() / SECOND_NS, labels)
        return {**super()._conclude(emitter, error), self.outcome_name: outcome}


class Phase(WithOutcome):
    """
    One phase of a session; it may be blocked for some of its time.
    """

    kind = Kind.PHASE.value
    clears_ids = frozenset({*PHASE_IDS, *TASK_IDS})
    emits_started = True
    outcome_name = names.PHASE_OUTCOME
    outcomes = (Outcome.COMPLETED, Outcome.FAILED, Outcome.SKIPPED, Outcome.BLOCKED)

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
        self._blockers: set[object] = set()
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
        Set the outcome to skipped.
        """
        self.outcome(Outcome.SKIPPED)

    def block(self, blocker: object) -> None:
        """
        Begin to count blocked time on account of *blocker*; blockers that overlap count once.
        """
        with self._lock:
            if not self._blockers:
                self._blocked_since = perf_counter_ns()
            self._blockers.add(blocker)

    def unblock(self, blocker: object | None = None) -> bool:
        """
        Remove *blocker*, or all of them; True if that ends the blocked time.
        """
        with self._lock:
            was_blocked = bool(self._blockers)
            self._blockers = set() if blocker is None else self._blockers - {blocker}
            is_free = was_blocked and not self._blockers
            if is_free:
                self._blocked_ns += perf_counter_ns() - self._blocked_since
            return is_free

    def _describe(self) -> Description:
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

    def _conclude(self, emitter: Emitter, error: BaseException | None) -> Values:
        self.unblock()
        values = {**super()._conclude(emitter, error), self.outcome_name: self._final_outcome(error)}
        if self._blocked_ns:
            values[names.PHASE_BLOCKED_SECONDS] = self._blocked_ns / SECOND_NS
        return values
