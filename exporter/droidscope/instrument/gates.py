"""
Quality gates, and the synthesis of the results that have to pass them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Kind, Outcome
from droidscope.instrument import handles
from droidscope.instrument.checks.values import flag, truth, whole
from droidscope.instrument.endings.endings import Ending
from droidscope.instrument.instrumented_span import Description, InstrumentedSpan, Values, enclosing
from droidscope.instrument.never_raise import never_raise, warn_once
from droidscope.instrument.outputs import points
from droidscope.instrument.providers import Emitter
from droidscope.instrument.scores import Score
from droidscope.instrument.sessions import SessionSpan


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What a decorated gate returns to give a score with its verdict; without one, True or False will do.
    """

    passed: bool
    score: Score | None = None


class GateSpan(InstrumentedSpan, handles.Gate):
    """
    A quality gate. It passes if its body ends without a verdict, and fails by an exception.

    What a decorated gate returns is its verdict if it is True, False or a `Verdict`.
    """

    kind = Kind.GATE.value
    takes_result = True

    def __init__(self, id: str, category: str | None = None, severity: str | None = None) -> None:
        self._id = id
        self._category = category
        self._severity = severity
        self._passed: bool | None = None
        self._points: float | None = None

    @property
    def id(self) -> str:
        """
        The gate's id, as given.
        """
        return str(self._id)

    def passed(self, score: Score | None = None) -> None:
        """
        Set the verdict to passed, with a score if the gate gives one.
        """
        self._decide(True, score)

    def failed(self, score: Score | None = None) -> None:
        """
        Set the verdict to failed, with a score if the gate gives one.
        """
        self._decide(False, score)

    @never_raise
    def returned(self, result: object) -> None:
        """
        Take what its function has returned as the verdict, if it is one and none was given before.
        """
        if self._passed is not None or result is None:
            return
        if isinstance(result, Verdict):
            passed, score = flag("Verdict(passed)", result.passed), result.score
        else:
            passed, score = truth(result), None
            if passed is None:
                warn_once(
                    "gate:verdict",
                    "the gate %s returned %r, which is no verdict; the gate has passed: return True, False "
                    "or a droidscope.Verdict, or None",
                    self.id,
                    result,
                )
        if passed is not None:
            self._decide(passed, score)

    @never_raise
    def _decide(self, passed: bool, score: Score | None) -> None:
        if self._is_over("passed()" if passed else "failed()"):
            return
        self._passed, self._points = passed, points("gate(score)", score)

    def _describe(self) -> Description:
        values: Values = {names.GATE_ID: str(self._id)}
        if self._category:
            values[names.GATE_CATEGORY] = str(self._category)
        if self._severity:
            values[names.GATE_SEVERITY] = str(self._severity)
        return f"gate {self._id}", {}, values

    def _outcome_values(self, ending: Ending) -> Values:
        verdict = self._verdict(ending)
        return (
            {names.GATE_OUTCOME: Outcome.CANCELLED.value} if verdict is None else {names.GATE_PASSED: verdict}
        )

    def _verdict(self, ending: Ending) -> bool | None:
        """
        Whether it passed; None, and it counts as no gate, if it was cancelled before it had a verdict.
        """
        if ending is Ending.CANCELLED:
            return self._passed
        return ending is Ending.BY_ITSELF and self._passed is not False

    def _conclude(self, emitter: Emitter, ending: Ending) -> Values:  # noqa: ARG002 - as every span
        verdict = self._verdict(ending)
        session = enclosing(self.parent, SessionSpan)
        if session is not None and verdict is not None:
            session.gates[str(self._id)] = verdict
        return {} if self._points is None else {names.GATE_SCORE: self._points}


_COUNTS: Final = {
    "conflicts": names.SYNTHESIS_CONFLICTS,
    "missing_components": names.SYNTHESIS_MISSING,
    "unresolved": names.SYNTHESIS_UNRESOLVED,
}


class SynthesisSpan(InstrumentedSpan, handles.Synthesis):
    """
    The integration of a session's results.
    """

    kind = Kind.SYNTHESIS.value

    def __init__(self) -> None:
        self._reported: Values = {}

    @never_raise
    def integrated(
        self,
        *,
        conflicts: int | None = None,
        missing_components: int | None = None,
        unresolved: int | None = None,
        gates_passed: bool | None = None,
    ) -> None:
        """
        Report the integration. What is not given is not reported.

        Args:
            conflicts: How many were met, from 0.

            missing_components: How many results were missing, from 0.

            unresolved: How many of the conflicts are left, from 0.

            gates_passed: Whether the gates passed; by default those of the session.
        """
        if self._is_over("integrated()"):
            return
        given = {"conflicts": conflicts, "missing_components": missing_components, "unresolved": unresolved}
        counted = {name: whole(f"integrated({key})", given[key]) for key, name in _COUNTS.items()}
        self._reported = {name: number for name, number in counted.items() if number is not None}
        passed = flag("integrated(gates_passed)", gates_passed)
        if passed is not None:
            self._reported[names.SYNTHESIS_GATES_PASSED] = passed

    def _describe(self) -> Description:
        return "synthesize", {}, {}

    def _outcome_values(self, ending: Ending) -> Values:
        return {names.SYNTHESIS_OUTCOME: Outcome.CANCELLED.value} if self._is_cancelled(ending) else {}

    def _is_cancelled(self, ending: Ending) -> bool:
        return ending is Ending.CANCELLED and not self._reported

    def _conclude(self, emitter: Emitter, ending: Ending) -> Values:  # noqa: ARG002 - as every span
        if self._is_cancelled(ending):
            return {}
        values = dict(self._reported)
        session = enclosing(self.parent, SessionSpan)
        if session is not None and session.gates:
            values.setdefault(names.SYNTHESIS_GATES_PASSED, all(session.gates.values()))
        return values
