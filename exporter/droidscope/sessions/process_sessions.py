"""
Which sessions each process has open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from droidscope.model.labels import OrchestratorLabels, SessionKey
from droidscope.sessions.session_state import SessionState

ProcessKey = tuple[OrchestratorLabels, str]
"""
An orchestrator's label values and the id of a process of it.
"""


class ProcessSessions:
    """
    Finds sessions by their process in *sessions*, which has them by key.
    """

    def __init__(self, sessions: Mapping[SessionKey, SessionState]) -> None:
        self._sessions = sessions
        self._keys: dict[ProcessKey, dict[SessionKey, None]] = {}

    def rebuild(self, sessions: Iterable[SessionState]) -> None:
        """
        Know of the processes of *sessions* alone.
        """
        self._keys = {}
        for session in sessions:
            self._add(session)

    def move(self, session: SessionState, process: str) -> None:
        """
        Record which process has a session open, by its instance id; "" if none has.
        """
        if session.process == process:
            return
        before = session.orchestrator, session.process
        keys = self._keys.get(before)
        if keys is not None:
            keys.pop(session.key, None)
            if not keys:
                del self._keys[before]
        session.process = process
        self._add(session)

    def _add(self, session: SessionState) -> None:
        if session.process:
            key = session.orchestrator, session.process
            self._keys.setdefault(key, {})[session.key] = None

    def of(self, orchestrator: OrchestratorLabels, process: str) -> list[SessionState]:
        """
        The sessions that run in a process.
        """
        keys = self._keys.get((orchestrator, process), ())
        return [session for session in map(self._sessions.__getitem__, keys) if session.running]
