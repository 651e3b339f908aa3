"""
Quality gates, and the synthesis of the results that have to pass them.
"""

from __future__ import annotations

from typing import Final, Literal, TypedDict, Unpack

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Kind
from droidscope.instrument import outputs
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

    def _conclude(self, emitter: Emitter, error: BaseException | None) -> Values:
        passed = error is None and self._passed is not False
        session = enclosing(self.parent, Session)
        if session is not None:
            session.gates[str(self._id)] = passed
        values: Values = {names.GATE_PASSED: passed}
        if self._score is not None:
            points = outputs.points(names.GATE_SCORE, self._score, emitter.counters)
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

    def _conclude(self, emitter: Emitter, error: BaseException | None) -> Values:  # noqa: ARG002
        values: Values = {
            name: self._reported[key]
            for key, name in _INTEGRATION.items()
            if self._reported.get(key) is not None
        }
        session = enclosing(self.parent, Session)
        if session is not None and session.gates:
            values.setdefault(names.SYNTHESIS_GATES_PASSED, all(session.gates.values()))
        return values
