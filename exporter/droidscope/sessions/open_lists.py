"""
Which sessions live processes name as open in them: one that is no longer named has ended unseen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from msgspec import Struct, field

from droidscope.bounded import BoundedMap
from droidscope.model.labels import Relabel, unchanged
from droidscope.model.records import ProcessAlive
from droidscope.sessions.process_sessions import ProcessKey
from droidscope.sessions.session_registry import SessionRegistry
from droidscope.sessions.session_state import SessionState
from droidscope.units import SECOND_NS

UNNAMED_NS: Final = 90 * SECOND_NS
"""
How long a session may be missing from the lists of its process, which come every 30 s, and send nothing: its
end may be under way, however long the sender had to keep it.
"""
PROCESSES_LIMIT: Final = 50_000
"""
Processes whose latest list is known; the longest silent one is forgotten.
"""


class OpenList(Struct):
    """
    A list that arrives in *parts*, of about the process's own Unix time *time_ns*: the *names* in the
    parts that have been *seen*.
    """

    time_ns: int = 0
    parts: int = 1
    seen: set[int] = field(default_factory=set)
    names: set[str] = field(default_factory=set)


class OpenLists:
    """
    Tells by the signs of life of processes which of *sessions* are still open.
    """

    dump_type: ClassVar = list[tuple[ProcessKey, OpenList]]

    def __init__(self, sessions: SessionRegistry) -> None:
        self._sessions = sessions
        self._lists: BoundedMap[ProcessKey, OpenList] = BoundedMap(PROCESSES_LIMIT)

    def take(self, alive: ProcessAlive, clock_ns: int) -> Iterator[SessionState]:
        """
        Take in a sign of life that arrived at *clock_ns*.

        Yields:
            Sessions that the process has not named for too long, each to end as unknown.
        """
        for id_ in alive.sessions:
            for session in self._sessions.ids.all((alive.orchestrator, id_)):
                if session.running and session.process in {"", alive.instance}:
                    self._sessions.named(session, alive.instance, clock_ns)
        if not alive.instance:
            return
        whole = self._completed(alive)
        if whole is not None:
            yield from self._unnamed(alive, whole, clock_ns)

    def _completed(self, alive: ProcessAlive) -> OpenList | None:
        """
        The list that a part completes, None if it does not.
        """
        key = alive.orchestrator, alive.instance
        known = self._lists.get(key)
        if known is None or known.parts != alive.parts or alive.part in known.seen:
            known = OpenList(parts=alive.parts)
        known.time_ns = max(known.time_ns, alive.time_ns)
        known.seen.add(alive.part)
        known.names.update(alive.sessions)
        self._lists.put(key, known)
        if len(known.seen) < known.parts:
            return None
        self._lists.put(key, OpenList(parts=alive.parts))
        return known

    def _unnamed(self, alive: ProcessAlive, whole: OpenList, clock_ns: int) -> Iterator[SessionState]:
        for session in self._sessions.processes.of(alive.orchestrator, alive.instance):
            if session.id in whole.names or session.start_ns >= whole.time_ns:
                continue
            if session.unnamed_clock is None:
                session.unnamed_clock = clock_ns
            elif clock_ns - session.unnamed_clock >= UNNAMED_NS:
                yield session

    def dump(self) -> list[tuple[ProcessKey, OpenList]]:
        """
        The state for a checkpoint.
        """
        return list(self._lists.items())

    def load(self, dump: list[tuple[ProcessKey, OpenList]], relabel: Relabel = unchanged) -> None:
        """
        Go on from a checkpoint.
        """
        kept = (
            ((relabel(orchestrator), instance), open_list) for (orchestrator, instance), open_list in dump
        )
        self._lists = BoundedMap(PROCESSES_LIMIT, kept)
