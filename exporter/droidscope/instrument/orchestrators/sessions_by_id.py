"""
Sessions that one call starts and another ends, by id: for orchestrators driven by hooks and callbacks.

The two calls may be on different threads and in different asyncio tasks. In different processes, too: then
the one that ends it sends a span of its own under the id, marked as resumed, from which the exporter knows
the end and the outcome; the start it knows from the event of the one that started it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import Context, attach, get_current

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Outcome
from droidscope.instrument.baggage import IDS, current_baggage, new_id, with_baggage, without
from droidscope.instrument.checks.values import duration, flag, needed, needed_id, text, texts
from droidscope.instrument.emission.heartbeat import HEARTBEAT
from droidscope.instrument.endings.endings import Ending
from droidscope.instrument.handles import Session
from droidscope.instrument.instrumented_span import Description, Values
from droidscope.instrument.never_raise import Shown, logger, never_raise, warn_once
from droidscope.instrument.orchestrators.open_sessions import OPEN_SESSIONS
from droidscope.instrument.orchestrators.outcome_of import outcome_of
from droidscope.instrument.providers import Emitter
from droidscope.instrument.providers import current as current_emitter
from droidscope.instrument.sessions import SessionSpan
from droidscope.instrument.user_attributes import Scalar

if TYPE_CHECKING:
    from types import TracebackType

RESULT: Final = "result"
"""
`error.type` of a session that failed by its result.
"""

OutcomeOf = Callable[[Any], str | None]


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
    an id that is open here is logged once and begins a new run; the former one is given up: if no other
    process ends it, the exporter counts it as unknown. Without a provider it does nothing.

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
    return session


@never_raise
def _start(id: str, session: SessionSpan) -> None:
    emitter = current_emitter()
    if emitter is None:
        return
    OPEN_SESSIONS.add(id, session)
    session.begin(emitter, enter=False)


def complete(id: str, result: object = None) -> bool:
    """
    End the session of an id; it has completed, unless *result* says that it failed (`outcome_of`).

    If it is not open here, its end is sent from here to the exporter, which applies it to the newest open run
    of the id, whatever process started that, and to none if none is open. False for a second end of a session
    that has ended here, which is logged once and ignored.
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
    if session is None and has_ended:
        warn_once("complete:twice", "the session %r has ended already; its first end counts", id)
    elif session is None:
        session = _begun_elsewhere(id)
    if session is None or session.ended:
        return False
    _conclude(session, outcome, result, error, outcome_of)
    session.end(error if isinstance(error, BaseException) else None)
    return True


@never_raise
def _begun_elsewhere(id: str) -> SessionSpan | None:
    """
    A session span under an id that is not open here; None if nothing is sent.
    """
    emitter = current_emitter()
    if emitter is None:
        return None
    logger.info("the session %r is not open in this process; the exporter is sent its end", Shown(id))
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
        session.outcome(word, error_type=error or (RESULT if outcome is None else ""))
    else:
        session.stop(word)


class SessionById(SessionSpan):
    """
    A session that is current only `within` it, which restores what was before by itself.
    """

    def give_up(self) -> None:
        """
        Know it no longer: nobody here will end it, and its process does not name it as alive.
        """
        HEARTBEAT.discard(self)
        self.ended = True
        self.context = self.previous

    def _conclude(self, emitter: Emitter, ending: Ending) -> Values:
        return {names.SESSION_BY_ID: True, **super()._conclude(emitter, ending)}

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

    def __repr__(self) -> str:
        return f"<droidscope within {Shown(self._id)!r}>"

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
