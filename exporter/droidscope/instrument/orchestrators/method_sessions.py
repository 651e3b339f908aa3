"""
The sessions of an orchestrator's method: each belongs to the object, or the class, that was called.
"""

from __future__ import annotations

import inspect
from typing import Any, Final

from droidscope.conventions.attributes import Outcome
from droidscope.instrument.instrumented_span import InstrumentedSpan, current
from droidscope.instrument.never_raise import never_raise
from droidscope.instrument.orchestrators.alert_poller import ALERT_POLLER, AlertHandler, log_alerts
from droidscope.instrument.orchestrators.open_sessions import OPEN_SESSIONS
from droidscope.instrument.orchestrators.outcome_of import outcome_of
from droidscope.instrument.orchestrators.session_methods import ConcludedSession, SessionMaker
from droidscope.instrument.orchestrators.session_patterns import awaited_pattern, pattern_now
from droidscope.instrument.orchestrators.sessions_by_id import RESULT


class MethodSession(ConcludedSession):
    """
    The session of a call, which asks for alerts when it has ended.
    """

    def __init__(self, owner: Any, pattern: str) -> None:  # noqa: ANN401 - an object, or a class
        super().__init__(pattern)
        self.owner = owner
        self._joined: list[str] = []

    def join(self, id: str) -> None:
        """
        Let this be the session of another id, too, by which it can be ended from elsewhere.
        """
        self._joined.append(id)
        OPEN_SESSIONS.add(id, self)

    @never_raise
    def conclude(self, result: object) -> None:
        """
        Take the outcome from what the method returned, unless somebody has given one.
        """
        if self._explicit_outcome is None and not self.ended:
            outcome = _verdict(self.owner, result)
            if outcome == Outcome.FAILED:
                self.outcome(outcome, error_type=RESULT)
            else:
                self.stop(outcome)

    @never_raise
    def end(self, error: BaseException | None = None) -> None:
        """
        As every session.
        """
        super().end(error)
        while self._joined:
            OPEN_SESSIONS.discard(self._joined.pop(), self)
        ALERT_POLLER.request(_handler_of(self.owner))


def session_around(owner: Any) -> MethodSession | None:  # noqa: ANN401 - an object, or a class
    """
    The open session of *owner* that the current code is inside of, None if it is in none.
    """
    span: InstrumentedSpan | None = current()
    while span is not None:
        if isinstance(span, MethodSession) and span.owner is owner and not span.ended:
            return span
        span = span.parent
    return None


def _is_inside(owner: Any) -> bool:  # noqa: ANN401 - likewise
    return session_around(owner) is not None


def _verdict(owner: Any, result: object) -> str | None:  # noqa: ANN401 - likewise
    if isinstance(owner, type) and inspect.isfunction(inspect.getattr_static(owner, "outcome_of")):
        return outcome_of(result)  # the class has no other, or it would not have been made
    verdict = owner.outcome_of(result)
    return outcome_of(verdict) if isinstance(verdict, bool) else verdict


class _ClassHandler:
    """
    Handles alerts for a class, whose sessions are those of class and static methods.
    """

    def __init__(self, owner: Any) -> None:  # noqa: ANN401 - a class
        self._owner = owner

    def handle_alerts(self, alerts: list[Any]) -> Any:  # noqa: ANN401 - None, or an awaitable
        """
        As the class does; without a method of its own it logs them.
        """
        if inspect.isfunction(inspect.getattr_static(self._owner, "handle_alerts")):
            log_alerts(alerts)
            return None
        return self._owner.handle_alerts(alerts)


_class_handlers: Final[dict[type, _ClassHandler]] = {}


def _handler_of(owner: Any) -> AlertHandler:  # noqa: ANN401 - an object, or a class
    if isinstance(owner, type):
        return _class_handlers.setdefault(owner, _ClassHandler(owner))
    return owner  # type: ignore[no-any-return] # an AnalyticsOrchestrator


MAKER: Final = SessionMaker(_is_inside, pattern_now, awaited_pattern, MethodSession)
