"""
What a session waits for: a person, an approval. It is neither work nor failure, and counts in no limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import RLock
from typing import Final

from opentelemetry.context import get_current

from droidscope.conventions import attributes as names
from droidscope.instrument import providers
from droidscope.instrument.baggage import current_baggage, ids
from droidscope.instrument.checks.decorated import no_decorator
from droidscope.instrument.checks.values import text
from droidscope.instrument.emission.forks import after_fork_in_child
from droidscope.instrument.instrumented_span import current, enclosing
from droidscope.instrument.never_raise import never_raise, warn_of_no_session
from droidscope.instrument.pauses.overlapping_time import OverlappingTime
from droidscope.instrument.pauses.period import Period
from droidscope.instrument.providers import Emitter
from droidscope.instrument.sessions import SessionSpan


class _SessionsElsewhere:
    """
    The waits of sessions that are open in another process, by the ids of the session, while they last.
    """

    LIMIT: Final = 1000

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """
        Begin anew: a forked child waits for nothing yet, and a lock may be held by a thread it does not have.
        """
        self._waits: dict[tuple[str, str], OverlappingTime] = {}
        self._lock = RLock()  # a signal handler may come while its own thread holds it

    def waits_of(self, inside: Mapping[str, str]) -> OverlappingTime:
        """
        The waits of the session that has the ids *inside*.
        """
        key = (inside.get(names.SESSION_ID, ""), inside.get(names.SESSION_RUN, ""))
        with self._lock:
            waits = self._waits.pop(key, None) or OverlappingTime()
            self._waits[key] = waits  # now the youngest
            if len(self._waits) > self.LIMIT:
                del self._waits[next(iter(self._waits))]
        return waits


_elsewhere: Final = _SessionsElsewhere()
after_fork_in_child(_elsewhere.restart)


class WaitingPeriod(Period):
    """
    A reason why the current session waits, until `resumed` or the end of its `with` block.
    """

    __slots__ = ("_context", "_waits")
    function = "waiting"

    def __init__(self) -> None:
        self._context = get_current()
        self._waits: OverlappingTime | None = None

    @never_raise
    def begin(self, reason: str) -> None:
        """
        Record that the session waits, and for what.
        """
        emitter = _recording_emitter()
        if emitter is None:
            return
        values = ids(current_baggage(), emitter.service)
        self._waits = _waits(values)
        self._waits.begin(self)
        known_reason = text("waiting(reason)", reason)
        if known_reason:
            values[names.WAITING_REASON] = known_reason
        emitter.event(names.WAITING_EVENT, values, self._context)

    @never_raise
    def end(self) -> None:
        """
        Record that the session goes on, unless it still waits for something else.
        """
        emitter = providers.current()
        if emitter is not None and self._waits is not None and self._waits.end(self):
            values = ids(current_baggage(self._context), emitter.service)
            emitter.event(names.RESUMED_EVENT, values, self._context)


@no_decorator
def waiting(reason: str = "") -> WaitingPeriod:
    """
    Record that the session waits for a person, from here to `resumed()` or to the end of the `with` block.

    The time counts as such, in no limit and as no silence; what overlaps counts once. A session that waits
    for longer than its process lives ends its block by `Session.wait` instead.

    Args:
        reason: What it waits for, for people.
    """
    period = WaitingPeriod()
    period.begin(reason)
    return period


@never_raise
def resumed() -> None:
    """
    Record that the current session goes on, whatever it waited for, in whichever process.
    """
    emitter = _recording_emitter()
    if emitter is None:
        return
    values = ids(current_baggage(), emitter.service)
    _waits(values).end()
    emitter.event(names.RESUMED_EVENT, values, get_current())


def _waits(inside: Mapping[str, str]) -> OverlappingTime:
    session = enclosing(current(), SessionSpan)
    return _elsewhere.waits_of(inside) if session is None else session.waits


def _recording_emitter() -> Emitter | None:
    """
    The emitter, None without one, outside of any session, and inside of what is not recorded.
    """
    around = current()
    if names.SESSION_ID not in current_baggage():
        if providers.current() is not None:
            warn_of_no_session("waiting")
        return None
    return providers.current() if around is None or around.recording or around.emitter is None else None
