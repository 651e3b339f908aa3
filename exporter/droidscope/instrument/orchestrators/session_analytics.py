"""
Sessions of an orchestrator that starts and ends them itself, as the specification's does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from droidscope.conventions.attributes import Outcome
from droidscope.instrument.handles import Session
from droidscope.instrument.orchestrators import client
from droidscope.instrument.orchestrators.method_sessions import session_around
from droidscope.instrument.orchestrators.own_name import own_name
from droidscope.instrument.orchestrators.session_patterns import pattern_now
from droidscope.instrument.orchestrators.sessions_by_id import end_by_id, start_session


class SessionAnalytics:
    """
    The sessions of *owner*, an orchestrator, by the ids it gives them.

    In a method whose calls are sessions already (`analytics_method`) a session that is started is that one,
    under its own id. Set `analytics_method = ()` for sessions with the ids given here.
    """

    def __init__(self, owner: Any) -> None:  # noqa: ANN401 - an AnalyticsOrchestrator
        self._owner = owner

    def __dir__(self) -> Iterable[str]:
        return [name for name in super().__dir__() if not name.startswith("_")]

    def start_session(self, session_id: str, *args: Any, **kwargs: Any) -> Session:  # noqa: ANN401 - of the user
        """
        Begin a session; its pattern is what `analytics_pattern` makes of the other arguments.
        """
        around = session_around(self._owner)
        if around is not None:
            around.join(str(session_id))
            return around
        return start_session(session_id, pattern_now(self._owner, args, kwargs))

    def complete_session(self, session_id: str, result: Any = None) -> bool:  # noqa: ANN401 - of the user
        """
        End a session by its result (`outcome_of` of the orchestrator); True if this call has ended it.
        """
        return end_by_id(str(session_id), result=result, outcome_of=self._owner.outcome_of)

    def fail_session(self, session_id: str, error: BaseException | str | None = None) -> bool:
        """
        End a session as failed; True if this call has ended it.
        """
        return end_by_id(str(session_id), Outcome.FAILED, error=error)

    def cancel_session(self, session_id: str) -> bool:
        """
        End a session as cancelled; True if this call has ended it.
        """
        return end_by_id(str(session_id), Outcome.CANCELLED)

    def get_metrics(self) -> Any:  # noqa: ANN401 - JSON
        """
        The current dashboard of this process's orchestrator; it waits for the exporter's answer.

        Raises:
            DroidscopeError: If the exporter does not answer, or the name of the orchestrator is not known.
        """
        name = own_name()
        return client.dashboard(name.orchestrator, name.environment)


class Analytics:
    """
    Gives each orchestrator its `SessionAnalytics`; an attribute of that name that it sets itself wins.
    """

    def __get__(self, owner: Any, kind: type | None = None) -> Any:  # noqa: ANN401 - of the user
        return self if owner is None else SessionAnalytics(owner)
