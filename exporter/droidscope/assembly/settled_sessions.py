"""
Foreign sessions already counted, so that what arrives late is not counted as another session.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from droidscope.assembly.foreign_settings import ForeignSettings
from droidscope.bounded import BoundedMap
from droidscope.model.foreign_steps import SettledForeignSession
from droidscope.model.labels import Relabel, SessionKey


class SettledSessions:
    """
    The settled sessions by key, and the keys by trace; those settled last.
    """

    def __init__(self, settings: ForeignSettings) -> None:
        self._settings = settings
        self._by_key: BoundedMap[SessionKey, SettledForeignSession] = BoundedMap(settings.max_known)
        self._keys: BoundedMap[bytes, SessionKey] = BoundedMap(settings.max_known)

    def get(self, key: SessionKey) -> SettledForeignSession | None:
        """
        The session of a key, however long ago it was settled; None if it is not known.
        """
        return self._by_key.get(key)

    def recall(self, key: SessionKey, clock_ns: int) -> SettledForeignSession | None:
        """
        The session of a key, None if it is not known or was settled too long ago.
        """
        session = self._by_key.get(key)
        if session is None or session.clock_ns + self._settings.known_for_ns < clock_ns:
            return None
        return session

    def key_of(self, trace_id: bytes) -> SessionKey | None:
        """
        The session that a trace was counted in, None if it is not known.
        """
        return self._keys.get(trace_id)

    def remember(self, trace_ids: Iterable[bytes], session: SettledForeignSession) -> None:
        """
        Record that a session was counted, and of which traces.
        """
        key = (session.orchestrator, session.session)
        self._by_key[key] = session
        for trace_id in sorted(trace_ids):
            self._keys[trace_id] = key

    def dump(self) -> tuple[list[SettledForeignSession], dict[bytes, SessionKey]]:
        """
        The sessions and the keys by trace, for a checkpoint.
        """
        return list(self._by_key.values()), dict(self._keys)

    def load(
        self, sessions: Iterable[SettledForeignSession], keys: Mapping[bytes, SessionKey], relabel: Relabel
    ) -> None:
        """
        Go on from a checkpoint.
        """
        relabelled = (replace(session, orchestrator=relabel(session.orchestrator)) for session in sessions)
        self._by_key = BoundedMap(
            self._settings.max_known,
            (((session.orchestrator, session.session), session) for session in relabelled),
        )
        self._keys = BoundedMap(
            self._settings.max_known,
            ((trace_id, (relabel(labels), id_)) for trace_id, (labels, id_) in keys.items()),
        )
