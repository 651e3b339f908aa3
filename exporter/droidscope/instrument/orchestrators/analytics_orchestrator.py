"""
Analytics for an existing orchestrator class: `class Mine(ds.AnalyticsOrchestrator, Base)`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, ClassVar, Final

from droidscope.instrument.configure import flush
from droidscope.instrument.never_raise import logger
from droidscope.instrument.orchestrators import client
from droidscope.instrument.orchestrators.alert_poller import active_alerts, log_alerts
from droidscope.instrument.orchestrators.client import Period
from droidscope.instrument.orchestrators.method_sessions import MAKER
from droidscope.instrument.orchestrators.outcome_of import outcome_of
from droidscope.instrument.orchestrators.own_name import OwnName, own_name
from droidscope.instrument.orchestrators.session_analytics import Analytics, SessionAnalytics
from droidscope.instrument.orchestrators.session_methods import (
    as_session_method,
    is_session_method,
    method_kind,
)

DEFAULT_METHODS: Final = ("execute_task", "executeTask")
"""
The methods whose calls are sessions, unless a class names others: the specification's, in both spellings.
"""

OTHER_NAMES: Final = ("run", "arun", "execute", "invoke", "ainvoke", "kickoff", "process", "handle")
"""
What such a method is often called; a class that has one and no session gets a warning.
"""


FLUSH_SECONDS: Final = 2.0
"""
How long what is recorded is sent before the exporter is asked about it.
"""


class AnalyticsOrchestrator:
    """
    Runs each `execute_task` of its subclass inside a session, and queries the exporter for it.

    The method may be defined in a base class before or after this one, or in the class itself, whether or
    not it calls `super()`. It may be synchronous or asynchronous, a generator of either kind, a context
    manager made of one, a class method or a static method, and stays what it is. A call from within a session
    of the same object, by `super()` or by itself, belongs to that session.

    Raises:
        TypeError: Where a subclass is defined that names a method which does not exist, or has an
            asynchronous `analytics_pattern` for a synchronous method.
    """

    analytics_method: ClassVar[str | Iterable[str] | None] = None
    """
    The name of the method whose calls are sessions, or several names; by default `execute_task` and
    `executeTask`. Empty if none is: then `start_session`, `complete` and `fail` make the sessions.
    """

    analytics_pattern: ClassVar[Any] = None
    """
    The pattern of the sessions: a text or an enumeration's member, or a method that takes what the session's
    method takes and returns one, asynchronous only where that is. By default the name of the class.

    Of a member counts the value, if that is a text, else the name; of a class or function the name.
    Anything else is no pattern.
    """

    analytics: ClassVar[SessionAnalytics] = Analytics()  # type: ignore[assignment] # of each object its own
    """
    Starts and ends sessions by id, as the specification's orchestrator does.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - as the bases have them
        super().__init_subclass__(**kwargs)
        found = [name for name in _method_names(cls) if _wrap(cls, name)]
        if not found and cls.analytics_method is None:
            others = [name for name in OTHER_NAMES if callable(getattr(cls, name, None))]
            if others:
                logger.warning(
                    "%s has no method %s, so it has no sessions; if %s is it, set analytics_method = %r",
                    cls.__qualname__, " or ".join(DEFAULT_METHODS), others[0], others[0],
                )  # fmt: skip

    def get_performance_dashboard(self, *, everything: bool = False) -> Any:  # noqa: ANN401 - JSON
        """
        The current dashboard of this process's orchestrator, from the exporter at DROIDSCOPE_URL.

        It is that of its environment, if `deployment.environment.name` is known. It sends what is recorded
        first, for at most 2 s, and waits for the answer; from a coroutine call it by `asyncio.to_thread`.

        Args:
            everything: The dashboard of all orchestrators instead.

        Raises:
            DroidscopeError: If the exporter does not answer, or the name of the orchestrator is not known.
        """
        name = OwnName() if everything else own_name()
        flush(FLUSH_SECONDS)
        return client.dashboard(name.orchestrator, name.environment)

    def generate_performance_report(self, period: Period) -> Any:  # noqa: ANN401 - JSON
        """
        The report of the latest whole period: daily, weekly or monthly. It waits, as above.

        Raises:
            DroidscopeError: If the exporter does not answer; the message names the URL.
        """
        return client.report(period)

    def check_alerts(self, *, everything: bool = False) -> list[Any]:
        """
        The active alerts of this process's orchestrator and environment, or of all. It waits, as above.

        Raises:
            DroidscopeError: If the exporter does not answer, or the name of the orchestrator is not known.
        """
        if not everything:
            own_name()  # without one there is nothing to wait for
        flush(FLUSH_SECONDS)
        return active_alerts(everything)

    def handle_alerts(self, alerts: list[Any]) -> Any:  # noqa: ANN401 - None, or an awaitable
        """
        Called with the active alerts of this orchestrator some seconds after a session, if there are any.

        Logs them; override it to do more. It is called on a thread of its own; if it is asynchronous, it is
        awaited on the session's event loop, or on a loop of its own where that has ended. What it raises is
        logged.
        """
        log_alerts(alerts)

    def outcome_of(self, result: Any) -> str | None:  # noqa: ANN401 - whatever the method returns
        """
        The outcome of a session by what its method returned: `completed`, `failed`, `cancelled`, or
        `waiting` for a person.

        By default `ds.outcome_of`. An exception leaves no result, and has failed. Of a generator it is what
        it returns; an asynchronous one returns nothing. An error in it is logged: the session has completed.
        """
        return outcome_of(result)


def _method_names(cls: type[AnalyticsOrchestrator]) -> tuple[str, ...]:
    """
    The names that *cls* gives, or those of the default methods that it has.
    """
    named = cls.analytics_method
    if named is None:
        return tuple(name for name in DEFAULT_METHODS if _defining_class(cls, name) is not None)
    names = (named,) if isinstance(named, str) else tuple(named) if isinstance(named, Iterable) else (named,)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"analytics_method of {cls.__qualname__} has {name!r}; expected a method's name")
        if _defining_class(cls, name) is None:
            raise TypeError(f"analytics_method of {cls.__qualname__} names {name!r}, which it does not have")
    return tuple(name for name in names if name)


def _defining_class(cls: type, name: str) -> type | None:
    """
    The class whose method *name* an object of *cls* has.
    """
    return next((base for base in cls.__mro__ if name in vars(base)), None)


def _wrap(cls: type[AnalyticsOrchestrator], name: str) -> bool:
    """
    Have *cls* make sessions of the calls of its method *name*, if it does not yet; True.

    Raises:
        TypeError: If that cannot be done.
    """
    owner = _defining_class(cls, name)
    method = vars(owner)[name]
    kind = method_kind(method)
    if not kind:
        raise TypeError(
            f"{name} of {cls.__qualname__} is of type {type(method).__name__}; expected a method, "
            "since its calls are sessions (analytics_method)"
        )
    _check(cls, name, method, kind)
    if not is_session_method(method):
        setattr(cls, name, as_session_method(cls, method, MAKER))
    return True


def _check(cls: type[AnalyticsOrchestrator], name: str, method: object, kind: str) -> None:
    """
    Raises:
        TypeError: If what belongs to the sessions of *method* cannot be called as it is.
    """
    what = f"{name} of {cls.__qualname__}"
    pattern = inspect.getattr_static(cls, "analytics_pattern", None)
    if method_kind(pattern) == "coroutine" and kind in {"function", "generator", "context manager"}:
        raise TypeError(
            f"{what} is synchronous, and cannot await analytics_pattern; make that synchronous, too"
        )
    if "generator" in method_kind(pattern):
        raise TypeError(
            f"analytics_pattern of {cls.__qualname__} is a generator; expected one that returns a text"
        )
    if method_kind(inspect.getattr_static(cls, "outcome_of")) != "function":
        raise TypeError(f"outcome_of of {cls.__qualname__} is asynchronous; expected one that returns a word")
    if isinstance(method, staticmethod | classmethod):
        for needed in ("analytics_pattern", "outcome_of", "handle_alerts"):
            attribute = inspect.getattr_static(cls, needed)
            own = attribute is not vars(AnalyticsOrchestrator)[needed]
            if own and inspect.isfunction(attribute):
                raise TypeError(
                    f"{what} is called without an object, and {needed} needs one; make that a class method"
                )
