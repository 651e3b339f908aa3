"""
Analytics for an existing orchestrator class: `class Mine(ds.AnalyticsOrchestrator, Base)`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from inspect import iscoroutinefunction
from queue import Empty, Full, Queue
from threading import Lock, Thread
from typing import Any, Final, Protocol

from droidscope.errors import DroidscopeError
from droidscope.instrument import client
from droidscope.instrument.client import Period
from droidscope.instrument.decorators import Operation
from droidscope.instrument.emission.forks import after_fork_in_child
from droidscope.instrument.never_raise import logger, never_raise, warn_once
from droidscope.instrument.sessions import SessionSpan

QUEUE_LIMIT: Final = 16
IDLE_SECONDS: Final = 10.0


class AnalyticsOrchestrator:
    """
    Runs each `execute_task` of its subclass inside a session, and queries the exporter for it.

    `execute_task` may be defined in a base class before or after this one, or in the class itself, whether
    or not it calls `super()`. It stays synchronous or asynchronous, and keeps its signature.
    """

    analytics_pattern: Any = None
    """
    The pattern of the sessions: a word, or a method that takes what `execute_task` takes and returns
    one; by default the name of the class.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - as the bases have them
        super().__init_subclass__(**kwargs)
        owner = _owner(cls)
        if owner is not None and (owner is cls or not issubclass(owner, AnalyticsOrchestrator)):
            cls.execute_task = _wrapped_in_session(cls, getattr(owner, "execute_task"))  # type: ignore[attr-defined] # noqa: B009

    def get_performance_dashboard(self) -> Any:  # noqa: ANN401 - JSON
        """
        The current dashboard, from the exporter at DROIDSCOPE_URL.

        It waits for the answer; from a coroutine call it by `asyncio.to_thread`.

        Raises:
            DroidscopeError: If the exporter does not answer; the message names the URL.
        """
        return client.dashboard()

    def generate_performance_report(self, period: Period) -> Any:  # noqa: ANN401 - JSON
        """
        The report of the latest whole period: daily, weekly or monthly. It waits, as above.

        Raises:
            DroidscopeError: If the exporter does not answer; the message names the URL.
        """
        return client.report(period)

    def handle_alerts(self, alerts: list[Any]) -> None:
        """
        Called with the active alerts after a session, if there are any, on a thread of its own.

        Logs them; override it to do more. What it raises is logged.
        """
        logger.warning("%d alerts are active after a session: %s", len(alerts), alerts)

    @never_raise
    def _pattern_of(self, *args: Any, **kwargs: Any) -> str:  # noqa: ANN401 - as the wrapped class has it
        pattern = self.analytics_pattern
        return str(pattern(*args, **kwargs) if callable(pattern) else pattern or "")


def _owner(cls: type) -> type | None:
    """
    The class whose `execute_task` an object of *cls* has.
    """
    return next((base for base in cls.__mro__ if "execute_task" in vars(base)), None)


def _wrapped_in_session(owner: type, execute_task: Callable[..., Any]) -> Callable[..., Any]:
    def within(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the wrapped class has it
        if _owner(type(self)) is not owner:  # called by `super()`, from within the session of a subclass
            return execute_task(self, *args, **kwargs)
        pattern = self._pattern_of(*args, **kwargs) or type(self).__name__
        return Operation(partial(_SessionWithAlerts, self, pattern))(execute_task)(self, *args, **kwargs)

    async def within_async(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - likewise
        return await within(self, *args, **kwargs)

    return wraps(execute_task)(within_async if iscoroutinefunction(execute_task) else within)


class AlertHandler(Protocol):
    """
    Something that handles alerts.
    """

    def handle_alerts(self, alerts: list[Any]) -> None:
        """
        Handle the active alerts.
        """


class _SessionWithAlerts(SessionSpan):
    __slots__ = ("_owner",)

    def __init__(self, owner: AlertHandler, pattern: str) -> None:
        super().__init__(pattern)
        self._owner = owner

    @never_raise
    def end(self, error: BaseException | None = None) -> None:
        super().end(error)
        ALERT_POLLER.request(self._owner)


class AlertPoller:
    """
    Queries the exporter for alerts after sessions, on one daemon thread that ends when it is idle.
    """

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self.restart()

    def restart(self) -> None:
        """
        Begin anew: a forked child has neither the thread nor its requests.
        """
        self._requests: Queue[AlertHandler] = Queue(QUEUE_LIMIT)
        self._lock = Lock()
        self._thread: Thread | None = None

    @property
    def thread(self) -> Thread | None:
        """
        The thread that queries, None while there is nothing to do.
        """
        return self._thread

    def request(self, handler: AlertHandler) -> None:
        """
        Give *handler* the active alerts soon; if too many requests are waiting, this one is dropped.
        """
        with self._lock:
            try:
                self._requests.put_nowait(handler)
            except Full:
                return
            if self._thread is None:
                self._thread = Thread(target=self._run, name="droidscope-alerts", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                handler = self._requests.get(timeout=self._idle_seconds)
            except Empty:
                with self._lock:
                    if self._requests.empty():
                        self._thread = None
                        return
            else:
                deliver_alerts(handler)


@never_raise
def deliver_alerts(handler: AlertHandler) -> None:
    """
    Flush, then give *handler* the alerts that are active, if any are.
    """
    from droidscope.instrument.configure import flush  # noqa: PLC0415 - an extra; a provider is set, so it is there

    flush()  # else the exporter has not received the session that has just ended
    try:
        active = client.alerts()
    except DroidscopeError as error:
        warn_once("alerts", "no alerts to handle: %s", error)
        return
    if active:
        handler.handle_alerts(active)


ALERT_POLLER: Final = AlertPoller()
after_fork_in_child(ALERT_POLLER.restart)
