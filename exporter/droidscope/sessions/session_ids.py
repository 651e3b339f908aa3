"""
Which session a record belongs to, where several have one id: the run that it carries tells them apart.

A session is known by its id; only one that comes while another of its id is still in memory has its run in
its key. Records without a run belong to the latest session of their id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from droidscope.conventions.attributes import Outcome
from droidscope.model.labels import SessionKey
from droidscope.model.records import Place
from droidscope.sessions.session_state import ForgottenSession, SessionState


class SessionIds:
    """
    Finds sessions by id and run in *sessions*, which has them by key.
    """

    def __init__(self, sessions: Mapping[SessionKey, SessionState]) -> None:
        self._sessions = sessions
        self._twins: dict[SessionKey, list[SessionKey]] = {}

    def rebuild(self, sessions: Iterable[SessionState]) -> None:
        """
        Know of the twins among *sessions*.
        """
        self._twins = {}
        for session in sessions:
            self.add(session)

    def add(self, session: SessionState) -> None:
        """
        Know of a session that was opened.
        """
        if session.twin:
            self._twins.setdefault((session.orchestrator, session.id), []).append(session.key)

    def discard(self, session: SessionState) -> None:
        """
        Know of a session no longer.
        """
        if session.twin:
            key = session.orchestrator, session.id
            self._twins[key].remove(session.key)
            if not self._twins[key]:
                del self._twins[key]

    def all(self, key: SessionKey) -> Iterator[SessionState]:
        """
        All sessions of an orchestrator and an id.
        """
        session = self._sessions.get(key)
        if session is not None:
            yield session
        for twin in self._twins.get(key, ()):
            yield self._sessions[twin]

    def find(self, place: Place) -> SessionState | None:
        """
        The session of a place; None if none of those in memory is its.

        One that waits goes on with a run that is not known yet, and one of which no run is known has it.
        """
        key, run = (place.orchestrator, place.session), place.run
        session = self._sessions.get(key)
        if session is not None and session.run == run:
            return session
        known = self.latest_first(key)
        if not run:
            return known[0] if known else None
        return (
            next((session for session in known if session.has_run(run)), None)
            or next((session for session in known if _takes(session, run)), None)
            or next((session for session in known if session.waiting), None)
        )

    def latest_first(self, key: SessionKey) -> list[SessionState]:
        """
        All sessions of an orchestrator and an id, those that began last first.
        """
        return sorted(self.all(key), key=lambda session: (session.start_ns, session.twin), reverse=True)

    def others(self, session: SessionState) -> list[SessionState]:
        """
        The other sessions of its id, those that began last first.
        """
        if not self._twins:
            return []
        return [each for each in self.latest_first((session.orchestrator, session.id)) if each is not session]


def take_run(session: SessionState, run: str, start_ns: int) -> None:
    """
    Have a session that `find` gave for a *run* know it as its own; a record of the run began at *start_ns*.
    """
    if not run:
        return
    if not session.run:
        session.run = run
    elif session.has_run(run):
        return
    elif _lacks_earlier(session):
        session.earlier_runs = [run]
    else:
        session.go_on(run, start_ns)


def _takes(session: SessionState, run: str) -> bool:
    """
    Whether a session takes over a *run* that is not known: it has none itself and is open, or said that it
    goes on from one that did not come yet.
    """
    is_open = not session.run and session.outcome is None and session.span_id in {"", run}
    return is_open or _lacks_earlier(session)


def _lacks_earlier(session: SessionState) -> bool:
    return session.resumed and not session.earlier_runs


def may_be(forgotten: ForgottenSession | None, run: str) -> bool:
    """
    Whether a record with this *run* belongs to a forgotten session.
    """
    if forgotten is None:
        return False
    if not run or forgotten.outcome is Outcome.WAITING:
        return True
    return run in {forgotten.run, forgotten.span_id, *forgotten.earlier_runs}
