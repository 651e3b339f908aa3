"""
Sessions that one call starts and another ends, by id: for orchestrators driven by hooks and callbacks.

The two calls may be on different threads and in different asyncio tasks. In different processes, too: then
the one that ends it sends a span of its own under the id, marked as resumed, from which the exporter knows
the end and the outcome; the start it knows from the event of the one that started it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import Context, attach, get_current

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Outcome
from droidscope.instrument.baggage import IDS, current_baggage, new_id, with_baggage, without
from droidscope.instrument.checks.values import duration, flag, needed, needed_id, text, texts
from droidscope.instrument.emission.forks import after_fork_in_child
from droidscope.instrument.handles import Session
from droidscope.instrument.instrumented_span import Description
from droidscope.instrument.never_raise import never_raise, warn_once
from droidscope.instrument.orchestrators.outcome_of import outcome_of
from droidscope.instrument.providers import current as current_emitter
from droidscope.instrument.sessions import SessionSpan
from droidscope.instrument.user_attributes import Scalar

if TYPE_CHECKING:
    from types import TracebackType

OPEN_LIMIT: Final = 10_000
"""
Sessions that may be open by id in a process. Beyond it the oldest is given up: its process no longer names
it as alive, and the exporter counts it as unknown.
"""

ENDED_LIMIT: Final = 10_000
"""
Ids that are known to have ended here, so that a second end is none.
"""

OutcomeOf = Callable[[Any], str | None]


class OpenSessions:
    """
    The sessions of this process that were started by id and have not ended, the oldest first.
    """

    def __init__(self, limit: int = OPEN_LIMIT) -> None:
        self._limit = limit
        self.restart()

    def restart(self) -> None:
        """
        Forget everything: a forked child has started nothing yet.
        """
        self._lock = RLock()  # a signal handler may come while its own thread holds it
        self._open: OrderedDict[str, SessionSpan] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def find(self, id: str) -> SessionSpan | None:
        """
        The open session of an id.
        """
        with self._lock:
            return self._open.get(id)

    def add(self, id: str, session: SessionSpan) -> SessionSpan:
        """
        Add a session; the one that is open under its id already, if there is one.
        """
        with self._lock:
            known = self._open.setdefault(id, session)
            self._ended.pop(id, None)
            given_up = self._open.popitem(last=False)[0] if len(self._open) > self._limit else None
        if given_up is not None:
            warn_once(
                "start_session:limit",
                "%d sessions that start_session began are open; given up is the oldest, %r",
                self._limit, given_up,
            )  # fmt: skip
        return known

    def take(self, id: str) -> tuple[SessionSpan | None, bool]:
        """
        Remove the open session of an id; and whether one of that id has ended here before.
        """
        with self._lock:
            session, has_ended = self._open.pop(id, None), id in self._ended
            self._ended[id] = None
            if len(self._ended) > ENDED_LIMIT:
                self._ended.popitem(last=False)
        return session, has_ended


OPEN_SESSIONS: Final = OpenSessions()
after_fork_in_child(OPEN_SESSIONS.restart)


def start_session(
    id: str,
    pattern: str,
    *,
    name: str | None = None,
    plan: Iterable[str] | None = None,
    planned: float | timedelta | None = None,
    resume: bool = False,
    attributes: Mapping[str, Scalar] | None = None,
) -> Session:
    """
    Begin a session that `complete`, `fail` or `cancel` ends by its id, wherever that is.

    It is not current here afterwards: what is done for it goes inside of `within(id)`. A second start under
    an id that is open is logged once, and returns the first. Without a provider it does nothing.

    Args:
        id: Its id, unique for ever.

        pattern: Id of the pattern; a bounded set of words.

        name: As of `session`, like *plan*, *planned*, *resume* and *attributes*.

        plan: Ids of the phases it will go through, so that progress is known.

        planned: How long it should take, in seconds or as a timedelta.

        resume: Whether the session of this *id* goes on, which waited or had ended.

        attributes: Attributes of your own, at most 32: text, booleans and numbers. They never become labels.
    """
    session = SessionById(
        needed("start_session(pattern)", pattern),
        needed_id("start_session(id)", id) or new_id(),
        text("start_session(name)", name),
        texts("start_session(plan)", plan),
        duration("start_session(planned)", planned),
        flag("start_session(resume)", resume) or False,
        attributes,
    )
    _start(session.id, session)
    return OPEN_SESSIONS.find(session.id) or session


@never_raise
def _start(id: str, session: SessionSpan) -> None:
    emitter = current_emitter()
    if emitter is None:
        return
    if OPEN_SESSIONS.add(id, session) is not session:
        warn_once("start_session:twice", "start_session: %r is open already; the first one goes on", id)
        return
    session.begin(emitter, enter=False)


def complete(id: str, result: object = None) -> bool:
    """
    End the session of an id; it has completed, unless *result* says that it failed (`outcome_of`).

    If it was started in another process, its end is sent from here. True if this call has ended it; a second
    end is logged once and ignored.
    """
    known = needed_id("complete(id)", id)
    return known is not None and end_by_id(known, result=result)


def fail(id: str, error: BaseException | str | None = None) -> bool:
    """
    End the session of an id as failed, by an exception or by a short word for `error.type`.

    An exception that means cancellation cancels it. As `complete` otherwise.
    """
    known = needed_id("fail(id)", id)
    return known is not None and end_by_id(known, Outcome.FAILED, error=error)


def cancel(id: str) -> bool:
    """
    End the session of an id as cancelled: nobody wants its result any more. As `complete` otherwise.
    """
    known = needed_id("cancel(id)", id)
    return known is not None and end_by_id(known, Outcome.CANCELLED)


def end_by_id(
    id: str,
    outcome: Outcome | None = None,
    *,
    result: object = None,
    error: BaseException | str | None = None,
    outcome_of: OutcomeOf = outcome_of,
) -> bool:
    """
    End the session of an id with *outcome*, else with that of its *result*; True if this call has ended it.
    """
    session, has_ended = OPEN_SESSIONS.take(id)
    if session is None:
        session = _begun_elsewhere(id, has_ended=has_ended)
    if session is None or session.ended:
        return False
    _conclude(session, outcome, result, error, outcome_of)
    session.end(error if isinstance(error, BaseException) else None)
    return True


@never_raise
def _begun_elsewhere(id: str, *, has_ended: bool) -> SessionSpan | None:
    """
    A session span under an id that is not open here; None if it has ended here, or nothing is sent.
    """
    if has_ended:
        warn_once("complete:twice", "the session %r has ended already; its first end counts", id)
        return None
    emitter = current_emitter()
    if emitter is None:
        return None
    session = _LaterSpan(_pattern_here(id), id, resume=True)
    session.begin(emitter, enter=False)
    return session


@never_raise
def _conclude(
    session: SessionSpan,
    outcome: Outcome | None,
    result: object,
    error: BaseException | str | None,
    outcome_of: OutcomeOf,
) -> None:
    if isinstance(error, BaseException):
        return  # `end` knows what it means
    word = outcome_of(result) if outcome is None else outcome.value
    if word == Outcome.FAILED:
        session.outcome(word, error_type=error or "")
    elif word is not None and word != Outcome.COMPLETED:
        session.outcome(word)


class SessionById(SessionSpan):
    """
    A session that is current only `within` it, which restores what was before by itself.
    """

    def leave(self) -> None:
        """
        Nothing: what is current where it is ended is not what was where it was started.
        """


class _LaterSpan(SessionById):
    """
    The end of a session that another process has started.
    """

    emits_started = False

    def _describe(self) -> Description:
        name, own_ids, values = super()._describe()
        if not own_ids[names.PATTERN_ID]:  # the exporter has it from the start
            own_ids = without(frozenset({names.PATTERN_ID}), own_ids)
        return name.strip(), own_ids, values


def _pattern_here(id: str) -> str:
    """
    The pattern of a session that the current context has arrived from, "" if it is of no or another one.
    """
    baggage = current_baggage()
    return str(baggage.get(names.PATTERN_ID, "")) if baggage.get(names.SESSION_ID) == id else ""


class within:  # noqa: N801 - used as a function
    """
    `with ds.within(id):` what is done in the block belongs to the session of the id.

    That is the one which `start_session` began here; else, where another process did, spans and events
    still carry the id. Also with `async with`; it gives the session, None if that is not open here.

    Args:
        id: Id of the session.

        pattern: Its pattern, for what is counted by pattern, where it was started in another process and
            its context has not come along.
    """

    __slots__ = ("_id", "_pattern", "_previous")

    def __init__(self, id: str, *, pattern: str = "") -> None:
        self._id = needed_id("within(id)", id)
        self._pattern = text("within(pattern)", pattern) or ""
        self._previous: list[Context] = []

    def __enter__(self) -> Session | None:
        """
        Make the session current.
        """
        self._previous.append(get_current())
        return self._enter()

    @never_raise
    def _enter(self) -> SessionSpan | None:
        if self._id is None:
            return None
        session = OPEN_SESSIONS.find(self._id)
        if session is not None:
            attach(session.context)
        elif current_emitter() is not None:
            attach(_context_of(self._id, self._pattern))
        return session

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """
        Make current what was current before; an exception goes on, and leaves the session open.
        """
        attach(self._previous.pop())

    async def __aenter__(self) -> Session | None:
        """
        As `__enter__`; nothing is awaited.
        """
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """
        As `__exit__`; nothing is awaited.
        """
        self.__exit__(kind, error, traceback)

    def __dir__(self) -> Iterable[str]:
        return ()  # what there is, is done by `with`


def _context_of(id: str, pattern: str) -> Context:
    """
    The current context with the id of a session that another process has started, unless it has it.
    """
    here, baggage = get_current(), current_baggage()
    if baggage.get(names.SESSION_ID) == id:
        return here
    others = without(frozenset({*IDS, names.SESSION_RUN}), baggage)
    given = {names.PATTERN_ID: pattern} if pattern else {}
    return with_baggage({**others, names.SESSION_ID: id, **given}, here)
