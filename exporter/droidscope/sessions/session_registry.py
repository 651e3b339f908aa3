"""
The sessions in memory, by key, and when each is due for something.

Only arrivals and the passing of uptime change anything here, so a replay of the same frames ends
in the same sessions.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import ClassVar, Final

from msgspec import Struct
from msgspec.structs import replace

from droidscope.bounded import BoundedMap
from droidscope.conventions.attributes import Outcome
from droidscope.model.labels import OrchestratorLabels, Relabel, SessionKey, unchanged
from droidscope.model.records import Place
from droidscope.sessions.due_queue import DueQueue
from droidscope.sessions.process_sessions import ProcessSessions
from droidscope.sessions.session_ids import SessionIds, may_be, take_run
from droidscope.sessions.session_parts import absorb, go_on_as, rest_of
from droidscope.sessions.session_state import ForgottenSession, SessionState, ended, run_key
from droidscope.sessions.settings import HeadSettings
from droidscope.units import MINUTE_NS

FORGOTTEN_LIMIT: Final = 100_000
"""
Forgotten sessions whose outcome is still known.
"""

RECEIPTS_LIMIT: Final = 10_000
"""
Orchestrators of which the last receipt is known.
"""


class SessionRegistryDump(Struct, rename={"forgotten": "gone"}):
    """
    What a checkpoint keeps; all in order of last arrival.
    """

    sessions: list[SessionState]
    ended: list[SessionKey]
    forgotten: list[tuple[SessionKey, ForgottenSession]]
    last_receipt: list[tuple[OrchestratorLabels, int]]


class SessionRegistry:
    """
    Sessions by key, and when each is due for something.

    A record that moves a session's due time away leaves the queue alone: the session is looked at
    when it was to be, and put back.

    Attributes:
        retained_size: How many things all sessions hold together, when each was last measured.
    """

    dump_type: ClassVar = SessionRegistryDump

    def __init__(self, settings: HeadSettings) -> None:
        self.retained_size = 0
        self._settings = settings
        self._by_key: OrderedDict[SessionKey, SessionState] = OrderedDict()
        self._ended: OrderedDict[SessionKey, None] = OrderedDict()
        self._forgotten: BoundedMap[SessionKey, ForgottenSession] = BoundedMap(FORGOTTEN_LIMIT)
        self._last_receipt: BoundedMap[OrchestratorLabels, int] = BoundedMap(RECEIPTS_LIMIT)
        # The last of `_last_receipt`.
        self._receipt_orchestrator: OrchestratorLabels | None = None
        self._receipt_clock = 0
        self.queue = DueQueue(self._by_key)
        self.ids = SessionIds(self._by_key)
        self.processes = ProcessSessions(self._by_key)

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[SessionState]:
        return iter(self._by_key.values())

    def get(self, key: SessionKey) -> SessionState | None:
        """
        The session of a key, None if nothing is known of it.
        """
        return self._by_key.get(key)

    def knows(self, place: Place) -> bool:
        """
        Whether anything is known of a session of a place's id, whatever its run.
        """
        key = (place.orchestrator, place.session)
        return key in self._by_key or key in self._forgotten or any(self.ids.all(key))

    def arrive(self, place: Place, start_ns: int, clock_ns: int) -> tuple[SessionState, bool]:
        """
        Record a sign of life of a place's session.

        Returns:
            The session, and whether nothing was known of it before.
        """
        orchestrator = place.orchestrator
        if clock_ns != self._receipt_clock or orchestrator != self._receipt_orchestrator:
            self._receive(orchestrator, clock_ns)
        key = (orchestrator, place.session)
        session = self._by_key.get(key)
        if session is not None and session.run == place.run:
            self._by_key.move_to_end(key)
            session.last_clock = clock_ns
            session.unnamed_clock = None
            if start_ns < session.start_ns or not (session.pattern and session.trace_id):
                self._learn(session, place, start_ns)
            return session, False
        return self._arrive_otherwise(place, start_ns, clock_ns)

    def _receive(self, orchestrator: OrchestratorLabels, clock_ns: int) -> None:
        """
        Note that something of an orchestrator arrived; again at one clock, it changes nothing.
        """
        self._receipt_orchestrator, self._receipt_clock = orchestrator, clock_ns
        self._last_receipt.put(orchestrator, clock_ns)

    def _learn(self, session: SessionState, place: Place, start_ns: int) -> None:
        if start_ns < session.start_ns and (session.resumed or not ended(session)):
            session.start_ns = start_ns
        session.pattern = session.pattern or place.pattern
        session.trace_id = session.trace_id or place.trace_id

    def _arrive_otherwise(self, place: Place, start_ns: int, clock_ns: int) -> tuple[SessionState, bool]:
        """
        `arrive` for a session that is not known by its id and run.
        """
        session = self.ids.find(place)
        if session is None:
            forgotten = self._recall(place)
            session = self._open(place, start_ns, clock_ns)
            if forgotten is not None:
                session.restore(forgotten)
                session.started = True
                take_run(session, place.run, start_ns)
                self.schedule(session)
            return session, forgotten is None
        if place.run != session.run:
            take_run(session, place.run, start_ns)
        self._touch(session, clock_ns)
        self._learn(session, place, start_ns)
        return session, False

    def _recall(self, place: Place) -> ForgottenSession | None:
        key = (place.orchestrator, place.session)
        for kept in (key, run_key(key, place.run)):
            if may_be(self._forgotten.get(kept), place.run):
                return self._forgotten.pop(kept)
        return None

    def _touch(self, session: SessionState, clock_ns: int) -> None:
        self._by_key.move_to_end(session.key)
        session.last_clock = clock_ns
        session.unnamed_clock = None

    def named(self, session: SessionState, process: str, clock_ns: int) -> None:
        """
        Record that a live process named a session as open in it.
        """
        self._receive(session.orchestrator, clock_ns)
        self._touch(session, clock_ns)
        self.processes.move(session, process)
        if not session.alive_seen:
            session.alive_seen = True
            self.schedule(session)

    def _open(self, place: Place, start_ns: int, clock_ns: int) -> SessionState:
        key = (place.orchestrator, place.session)
        twin = place.run if key in self._by_key else ""
        session = SessionState(
            orchestrator=place.orchestrator,
            id=place.session,
            native=place.native,
            pattern=place.pattern,
            start_ns=start_ns,
            last_clock=clock_ns,
            moved_clock=clock_ns,
            trace_id=place.trace_id,
            run=place.run,
            twin=twin,
            started=not twin and key not in self._forgotten,
        )
        self._by_key[session.key] = session
        self.ids.add(session)
        self.schedule(session)
        return session

    def restart(self, session: SessionState, place: Place, start_ns: int, clock_ns: int) -> SessionState:
        """
        A new session under the key of one that has ended: its id was used again.
        """
        self._drop(session)
        return self._open(place, start_ns, clock_ns)

    def split(self, session: SessionState, clock_ns: int) -> SessionState:
        """
        Go on with a session as if it began now: what it holds is let go of, but not what runs in it.
        """
        process = session.process
        self._drop(session)
        rest = rest_of(session)
        self._by_key[rest.key] = rest
        self.ids.add(rest)
        self.processes.move(rest, process)
        rest.last_clock = clock_ns
        self.schedule(rest)
        return rest

    def join(self, session: SessionState, other: SessionState) -> SessionState:
        """
        Have *other* go on with the run of a session, which turned out to be the same; the one that is left.
        """
        process, clock_ns = session.process, max(session.last_clock, other.last_clock)
        self._drop(session)
        go_on_as(other, session)
        self.processes.move(other, process)
        self._touch(other, clock_ns)
        self.schedule(other)
        return other

    def join_earlier(self, session: SessionState, later: SessionState) -> None:
        """
        Have *later* hold what a session holds, from which it went on.
        """
        self._drop(session)
        later.earlier_runs = [session.run, *later.earlier_runs]
        absorb(later, session)
        self.measure(later)

    def recall(self, place: Place, clock_ns: int) -> SessionState | None:
        """
        The latest session of a place's id, whatever its run, from memory or what is known of forgotten ones.
        """
        key = (place.orchestrator, place.session)
        known = [session for session in self.ids.latest_first(key) if not session.has_run(place.run)]
        if known:
            return known[0]
        forgotten = self._forgotten.get(key)
        if forgotten is None or may_be(forgotten, place.run):
            return None
        del self._forgotten[key]
        session = self._open(
            replace(place, run=forgotten.run, trace_id=forgotten.trace_id), forgotten.start_ns, clock_ns
        )
        session.restore(forgotten)
        session.started = True
        self.schedule(session)
        return session

    def reopen(self, session: SessionState) -> None:
        """
        Have a session run again that had ended.
        """
        if session.counted_as is None or ended(session):
            session.counted_as = session.outcome
        session.outcome = None
        session.close_clock = session.analysis_clock = None
        self._ended.pop(session.key, None)
        self.schedule(session)

    def _drop(self, session: SessionState) -> None:
        self.processes.move(session, "")
        self.ids.discard(session)
        del self._by_key[session.key]
        self._ended.pop(session.key, None)
        self.retained_size -= session.measured_size

    def measure(self, session: SessionState) -> None:
        """
        Bring up to date how much a session holds.
        """
        size = session.size
        self.retained_size += size - session.measured_size
        session.measured_size = size

    def least_needed(self) -> SessionState | None:
        """
        The session to drop where too much is retained: the one that ended first, else the
        longest silent one; None if there is room.
        """
        if self.retained_size <= self._settings.retained_limit:
            return None
        return self._by_key[next(iter(self._ended or self._by_key))]

    def schedule(self, session: SessionState) -> None:
        """
        Have a session looked at when it is due, if that is not to happen before.
        """
        if session.outcome is not None:
            self._ended.setdefault(session.key)
        self.queue.push(session, self._due_clock(session))

    def _due_clock(self, session: SessionState) -> int:
        if session.close_clock is not None:
            return session.close_clock
        if session.analysis_clock is not None:
            return session.analysis_clock
        if session.running:
            # Whether others of its orchestrator arrive may change any time: look at the earliest.
            return session.last_clock + self._settings.lost_ns(
                alive_seen=session.alive_seen, others_arrive=True
            )
        return max(session.last_clock, session.end_clock) + self._settings.forget_after_ns

    def lost(self, session: SessionState, clock_ns: int) -> bool:
        """
        Whether a running session has been silent for so long that it counts as lost.
        """
        others_arrive = self._last_receipt.get(session.orchestrator, 0) > session.last_clock + 5 * MINUTE_NS
        patience = self._settings.lost_ns(alive_seen=session.alive_seen, others_arrive=others_arrive)
        return session.running and not session.waiting and clock_ns - session.last_clock >= patience

    def next_due(self) -> int | None:
        """
        The uptime before which nothing is due, None if nothing ever is.
        """
        return self.queue.next_due()

    def due(self, clock_ns: int) -> Iterator[SessionState]:
        """
        Sessions due by now, each to be closed, analysed, lost or forgotten and then scheduled again.
        """
        for session in self.queue.pop(clock_ns):
            if self._due_clock(session) > clock_ns:
                self.schedule(session)
            elif session.running and not self.lost(session, clock_ns):
                self.queue.push(session, clock_ns + MINUTE_NS)
            else:
                yield session

    def forget(self, session: SessionState) -> None:
        """
        Drop a session that ended long ago; its outcome stays known, for the newest ones.
        """
        self._drop(session)
        outcome = Outcome.WAITING if session.waiting else session.outcome
        if outcome is None:
            return
        key = (session.orchestrator, session.id)
        end_ns = session.end_ns or session.waits.since_ns or session.start_ns
        older = self._forgotten.pop(key, None)
        if older is not None and older.run != session.run:
            self._forgotten[run_key(key, older.run)] = older
        self._forgotten[key] = ForgottenSession(
            pattern=session.pattern,
            outcome=outcome,
            span_id=session.span_id,
            start_ns=session.start_ns,
            end_ns=end_ns,
            waited_ns=session.waiting_ns(end_ns),
            trace_id=session.trace_id,
            blamed=session.blamed,
            run=session.run,
            earlier_runs=tuple(session.earlier_runs),
        )

    def dump(self) -> SessionRegistryDump:
        """
        The state for a checkpoint.
        """
        return SessionRegistryDump(
            sessions=list(self._by_key.values()),
            ended=list(self._ended),
            forgotten=list(self._forgotten.items()),
            last_receipt=list(self._last_receipt.items()),
        )

    def load(self, dump: SessionRegistryDump, relabel: Relabel = unchanged) -> None:
        """
        Go on from a checkpoint.
        """
        for session in dump.sessions:
            session.orchestrator = relabel(session.orchestrator)
        self._by_key.clear()
        self._by_key.update((session.key, session) for session in dump.sessions)
        self._ended = OrderedDict.fromkeys((relabel(labels), id_) for labels, id_ in dump.ended)
        self._forgotten = BoundedMap(
            FORGOTTEN_LIMIT, (((relabel(labels), id_), session) for (labels, id_), session in dump.forgotten)
        )
        self._last_receipt = BoundedMap(
            RECEIPTS_LIMIT, ((relabel(labels), clock_ns) for labels, clock_ns in dump.last_receipt)
        )
        self._receipt_orchestrator = None
        self.ids.rebuild(dump.sessions)
        self.processes.rebuild(dump.sessions)
        self.retained_size = sum(session.measured_size for session in dump.sessions)
        self.queue.rebuild()
