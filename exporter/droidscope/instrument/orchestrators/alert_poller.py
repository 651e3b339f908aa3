"""
Asks the exporter for alerts after sessions, and hands them to the orchestrators whose sessions they were.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from threading import Condition, Thread
from time import monotonic
from typing import Any, Final, Protocol, runtime_checkable

from droidscope.errors import DroidscopeError
from droidscope.instrument import providers
from droidscope.instrument.emission.forks import after_fork_in_child
from droidscope.instrument.never_raise import logger, never_raise, warn_once
from droidscope.instrument.orchestrators import client
from droidscope.instrument.orchestrators.own_name import OwnName, own_name

DELAY_SECONDS: Final = 2.0
"""
From the end of a session to the question for alerts: meanwhile its span is sent and counted.
"""

PROVIDER_DELAY_SECONDS: Final = 6.0
"""
The same without `configure`: the batches of OpenTelemetry's SDK wait for five seconds.
"""

HANDLER_LIMIT: Final = 256
IDLE_SECONDS: Final = 10.0


@runtime_checkable
class AlertHandler(Protocol):
    """
    Something that handles alerts: an orchestrator, or its class where the session was that of a class method.
    """

    @property
    def handle_alerts(self) -> Callable[[list[Any]], object]:
        """
        What takes the active alerts; a coroutine function may.
        """


@dataclass
class _Waiting:
    handler: AlertHandler
    loop: asyncio.AbstractEventLoop | None
    due: float
    again: float


class AlertPoller:
    """
    Queries the exporter some time after sessions have ended, on one daemon thread that ends when it is idle.

    Sessions of one handler that end meanwhile share a question; all handlers that are due share the answer.
    """

    def __init__(self, idle_seconds: float = IDLE_SECONDS, delay_seconds: float | None = None) -> None:
        self._idle_seconds = idle_seconds
        self._given_delay_seconds = delay_seconds
        self.restart()

    def restart(self) -> None:
        """
        Begin anew: a forked child has neither the thread nor its requests.
        """
        self._waiting: dict[int, _Waiting] = {}
        self._changed = Condition()
        self._thread: Thread | None = None
        self._delivering = False

    @property
    def delay_seconds(self) -> float:
        """
        From a request to the question: the given time, else what the records of this process take.
        """
        if self._given_delay_seconds is not None:
            return self._given_delay_seconds
        return DELAY_SECONDS if providers.is_configured() else PROVIDER_DELAY_SECONDS

    @property
    def thread(self) -> Thread | None:
        """
        The thread that queries, None while there is nothing to do.
        """
        return self._thread

    def is_busy(self) -> bool:
        """
        Whether a handler waits, or is being called.
        """
        return bool(self._waiting) or self._delivering

    @never_raise
    def request(self, handler: AlertHandler) -> None:
        """
        Give *handler* the active alerts soon; if too many handlers are waiting, it is left out.

        An asynchronous handler is awaited on the loop that runs here now.
        """
        due, loop = monotonic() + self.delay_seconds, _running_loop()
        with self._changed:
            waiting = self._waiting.get(id(handler))
            if waiting is not None:
                waiting.again, waiting.loop = due, loop
                return
            if len(self._waiting) >= HANDLER_LIMIT:
                return
            self._waiting[id(handler)] = _Waiting(handler, loop, due, due)
            self._changed.notify()
            if self._thread is None:
                self._thread = Thread(target=self._run, name="droidscope-alerts", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while (due := self._next()) is not None:
            deliver_alerts(due)
            self._delivering = False

    def _next(self) -> list[_Waiting] | None:
        """
        The handlers whose time has come, once there are any; None once the thread is to end.
        """
        idle_until = monotonic() + self._idle_seconds
        with self._changed:
            while True:
                now = monotonic()
                until = min((waiting.due for waiting in self._waiting.values()), default=idle_until)
                if self._waiting and until <= now:
                    soon = now + self.delay_seconds / 4  # whose time comes soon need no question of their own
                    due = [waiting for waiting in self._waiting.values() if waiting.due <= soon]
                    self._delivering = True
                    self._put_off(due, soon)
                    return due
                if not self._waiting and now >= idle_until:
                    self._thread = None
                    return None
                self._changed.wait(until - now)

    def _put_off(self, due: list[_Waiting], soon: float) -> None:
        for waiting in due:
            if waiting.again > soon:  # a session has ended since, and may not have been counted yet
                waiting.due = waiting.again
            else:
                del self._waiting[id(waiting.handler)]


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def active_alerts(everything: bool = False) -> list[Any]:
    """
    The active alerts of this process's orchestrator and environment, or of all.

    Raises:
        DroidscopeError: If the exporter does not answer, or the orchestrator's name is not known.
    """
    name = OwnName() if everything else own_name()
    return client.alerts(name.orchestrator, name.environment)


def log_alerts(alerts: list[Any]) -> None:
    """
    What is done with alerts by default.
    """
    logger.warning("%d alerts are active after a session: %s", len(alerts), alerts)


@never_raise
def deliver_alerts(due: list[_Waiting]) -> None:
    """
    Give those who are *due* the alerts that are active, if any are.
    """
    try:
        active = active_alerts()
    except DroidscopeError as error:
        warn_once("alerts", "no alerts to handle: %s", error)
        return
    if active:
        for waiting in due:
            _deliver(waiting.handler, list(active), waiting.loop)


@never_raise
def _deliver(handler: AlertHandler, active: list[Any], loop: asyncio.AbstractEventLoop | None) -> None:
    try:
        result = handler.handle_alerts(active)
    except Exception as error:  # noqa: BLE001 - it is the user's, and may raise anything
        _warn_of_failure(error)
        return
    if not isinstance(result, Awaitable):
        return
    if loop is not None and loop.is_running():
        asyncio.run_coroutine_threadsafe(_awaited(result), loop)
    else:  # that of the session is over
        asyncio.run(_awaited(result))


async def _awaited(result: Awaitable[object]) -> None:
    try:
        await result
    except Exception as error:  # noqa: BLE001 - likewise
        _warn_of_failure(error)


def _warn_of_failure(error: Exception) -> None:
    warn_once(f"handle_alerts:{type(error).__name__}", "handle_alerts failed: %r", error)


ALERT_POLLER: Final = AlertPoller()
after_fork_in_child(ALERT_POLLER.restart)
