"""
Quality gates, and the synthesis of the results that have to pass them.
"""

from __future__ import annotations

from typing import Final, Literal, TypedDict, Unpack

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Kind, Outcome
from droidscope.instrument import outputs
from droidscope.instrument.endings.endings import Ending
from droidscope.instrument.instrumented_span import Description, InstrumentedSpan, Values, enclosing
from droidscope.instrument.providers import Emitter
from droidscope.instrument.scores import Score
from droidscope.instrument.sessions import Session


class Gate(InstrumentedSpan):
    """
    A quality gate. It passes if its body ends without a verdict, and fails by an exception.
    """

    kind = Kind.GATE.value

    def __init__(self, id: str, category: str | None = None, severity: str | None = None) -> None:
        self._id = id
        self._category = category
        self._severity = severity
        self._passed: bool | None = None
        self._score: Score | None = None

    def passed(self, score: Score | None = None) -> None:
        """
        Set the verdict to passed, with a score if the gate gives one.
        """
        self._passed, self._score = True, score

    def failed(self, score: Score | None = None) -> None:
        """
        Set the verdict to failed, with a score if the gate gives one.
        """
        self._passed, self._score = False, score

    def _describe(self) -> Description:
        values: Values = {names.GATE_ID: str(self._id)}
        if self._category:
            values[names.GATE_CATEGORY] = str(self._category)
        if self._severity:
            values[names.GATE_SEVERITY] = str(self._severity)
        return f"gate {self._id}", {}, values

    def _outcome_values(self, ending: Ending) -> Values:
        verdict = self._verdict(ending)
        return {} if verdict is None else {names.GATE_PASSED: verdict}

    def _verdict(self, ending: Ending) -> bool | None:
        """
        Whether it passed; None, and it counts as no gate, if it was cancelled before it had a verdict.
        """
        if ending is Ending.CANCELLED:
            return self._passed
        return ending is Ending.BY_ITSELF and self._passed is not False

    def _conclude(self, emitter: Emitter, ending: Ending) -> Values:
        verdict = self._verdict(ending)
        session = enclosing(self.parent, Session)
        if session is not None and verdict is not None:
            session.gates[str(self._id)] = verdict
        points = None
        if self._score is not None:
            points = outputs.points(names.GATE_SCORE, self._score, emitter.counters)
        return {} if points is None else {names.GATE_SCORE: points}


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


class Synthesis(InstrumentedSpan):
    """
    The integration of a session's results.
    """

    kind = Kind.SYNTHESIS.value

    def __init__(self) -> None:
        self._reported: Integration = {}

    def integrated(self, **reported: Unpack[Integration]) -> None:
        """
        Report the integration: conflicts met, those left unresolved, components missing.
        """
        self._reported = reported

    def _describe(self) -> Description:
        return "synthesize", {}, {}

    def _outcome_values(self, ending: Ending) -> Values:
        return {names.SYNTHESIS_OUTCOME: Outcome.CANCELLED.value} if self._is_cancelled(ending) else {}

    def _is_cancelled(self, ending: Ending) -> bool:
        return ending is Ending.CANCELLED and not self._reported

    def _conclude(self, emitter: Emitter, ending: Ending) -> Values:  # noqa: ARG002 - as every span
        if self._is_cancelled(ending):
            return {}
        values: Values = {
            name: self._reported[key]
            for key, name in _INTEGRATION.items()
            if self._reported.get(key) is not None
        }
        session = enclosing(self.parent, Session)
        if session is not None and session.gates:
            values.setdefault(names.SYNTHESIS_GATES_PASSED, all(session.gates.values()))
        return values
