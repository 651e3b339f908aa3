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
from droidscope.instrument.never_raise import quietly
from droidscope.instrument.providers import Emitter
from droidscope.units import SECOND_NS


class Session(WithOutcome):
    """
    One run of a pattern, from request to result.
    """

    kind = Kind.SESSION.value
    hides = frozenset(IDS)
    announced = True
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

    def _passed_on(self, own: dict[str, str], emitter: Emitter) -> Mapping[str, str]:
        return own if emitter.service is None else {**own, names.ORCHESTRATOR_NAME: emitter.service}

    @quietly
    def begin(self, emitter: Emitter, *, enter: bool = True) -> None:
        """
        As every activity; the process says that the session is alive until it ends.
        """
        super().begin(emitter, enter=enter)
        if self.recording and emitter.is_heard(names.ALIVE_EVENT):
            heartbeat.PULSE.add(self)

    @quietly
    def end(self, error: BaseException | None = None) -> None:
        """
        As every activity.
        """
        heartbeat.PULSE.discard(self)
        super().end(error)

    def still_alive(self) -> None:
        """
        Say that the process of this session lives.
        """
        if self.emitter is not None and not self.ended:
            self.emitter.event(names.ALIVE_EVENT, self.inside, self.context)

    def _conclude(self, emitter: Emitter, error: BaseException | None) -> Values:
        outcome = self._decided(error)
        labels = {names.PATTERN_ID: str(self._pattern), self.outcome_name: outcome}
        emitter.session_duration.record(self._elapsed_ns() / SECOND_NS, labels)
        return {**super()._conclude(emitter, error), self.outcome_name: outcome}


class Phase(WithOutcome):
    """
    One phase of a session; it may be blocked for some of its time.
    """

    kind = Kind.PHASE.value
    hides = frozenset({*PHASE_IDS, *TASK_IDS})
    announced = True
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
        values = {**super()._conclude(emitter, error), self.outcome_name: self._decided(error)}
        if self._blocked_ns:
            values[names.PHASE_BLOCKED_SECONDS] = self._blocked_ns / SECOND_NS
        return values
