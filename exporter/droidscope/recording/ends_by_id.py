"""
Which run of an id a call has ended that named nothing but the id.

It is the one that the span is of, as long as that is open. Else its process did not know that the run has
ended, or never knew any, and the newest open run of the id is meant.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from droidscope.model import records as r
from droidscope.recording.session_endings import SessionEndings
from droidscope.sessions.session_registry import SessionRegistry
from droidscope.sessions.session_state import SessionState, ended
from droidscope.units import SECOND_NS

CLOCKS_DIFFER_NS: Final = 5 * SECOND_NS
"""
By so much the only session of an id may seem to begin after its end: they are of two processes.
"""


class EndsById:
    """
    Finds in *sessions* what such a span ends.
    """

    def __init__(self, sessions: SessionRegistry, endings: SessionEndings) -> None:
        self._sessions = sessions
        self._endings = endings

    def directed(self, record: r.Record) -> r.Record | None:
        """
        Such a span as one of the run that it ends, which goes on with it; None if no run is open: then it is
        kept, for the start of one may arrive later. Other records are as they are.
        """
        if not isinstance(record, r.Session) or not record.by_id:
            return record
        place = record.place
        own = self._sessions.ids.find(place)
        known = self._sessions.ids.latest_first((place.orchestrator, place.session))
        if (own is not None and not ended(own)) or not known or not place.run:
            return record
        began = [session for session in known if session.start_ns <= record.end_ns]
        if not began and len(known) == 1 and known[0].start_ns - record.end_ns <= CLOCKS_DIFFER_NS:
            began = known
        target = _newest_open(began)
        if target is None:
            known[0].unclaimed_end = record
            return None
        if target.outcome is not None:
            self._endings.reopen(target)
        return _as_last_of(target, record)

    def claim(self, started: r.Started, session: SessionState) -> r.Session | None:
        """
        The end of a session that has just *started*, if that has arrived before.
        """
        for other in self._sessions.ids.others(session):
            end = other.unclaimed_end
            if end is not None and end.end_ns >= started.start_ns:
                other.unclaimed_end = None
                return _as_last_of(session, end)
        return None


def _newest_open(latest_first: list[SessionState]) -> SessionState | None:
    """
    The newest session that runs, else the newest one if its end did not arrive.
    """
    running = next((session for session in latest_first if session.running), None)
    if running is not None or not latest_first or ended(latest_first[0]):
        return running
    return latest_first[0]


def _as_last_of(session: SessionState, record: r.Session) -> r.Session:
    """
    The span as the last one of a session; of a run of its own that has ended it tells nothing else.
    """
    session.go_on(record.place.run, record.start_ns)
    session.resumed = True
    waited_ns = record.waited_ns if record.resumed else 0
    start_ns = max(record.start_ns, session.start_ns)
    return replace(record, start_ns=start_ns, waited_ns=waited_ns, resumed=True)
