"""
Example sessions: for each subject of an insight, the sessions that show it best.
"""

from __future__ import annotations

from typing import ClassVar, Final

from droidscope.bounded import BoundedMap
from droidscope.conventions.metrics import WINDOWS
from droidscope.model.examples import ExampleSession
from droidscope.model.labels import OrchestratorLabels, Relabel, unchanged
from droidscope.units import HOUR_NS, MINUTE_NS

ExampleKey = tuple[OrchestratorLabels, tuple[str, ...]]
"""
An orchestrator's label values; the kind of example, and labels of the subject.
"""

SHOWN: Final = 5
"""
Sessions that an insight shows.
"""
KEPT: Final = 25
"""
Sessions that are kept of one subject.
"""
KEYS_LIMIT: Final = 10_000
"""
Subjects of which sessions are kept; the one added to longest ago is forgotten.
"""
_LONGEST_NS: Final = max(WINDOWS.values()) * MINUTE_NS + HOUR_NS
"""
How far a window of insights may reach back: it begins at a full hour.
"""


class ExampleSessions:
    """
    The five sessions of most weight of each subject since any time in the longest window.

    One is dropped only if five younger ones outweigh it, so that no window will ever miss it; but
    where `KEPT` are not enough for that, the lightest is. Removing one does not bring back those that
    were dropped for it.
    """

    dump_type: ClassVar = list[tuple[ExampleKey, list[ExampleSession]]]

    def __init__(self) -> None:
        self._by_key: BoundedMap[ExampleKey, list[ExampleSession]] = BoundedMap(KEYS_LIMIT)

    def add(self, key: ExampleKey, example: ExampleSession, now_ns: int) -> None:
        """
        Add a session; if it is there already under the same key, the weightier of the two stays.
        """
        known = self._by_key.get(key, [])
        before = next((other for other in known if other.session == example.session), None)
        if before is not None and _rank(before) <= _rank(example):
            return
        others = [other for other in known if other is not before and other.time_ns >= now_ns - _LONGEST_NS]
        self._by_key[key] = _needed([*others, example])

    def remove(self, key: ExampleKey, session: str) -> None:
        """
        Remove a session.
        """
        if key not in self._by_key:
            return
        others = [example for example in self._by_key[key] if example.session != session]
        if others:
            self._by_key.replace(key, others)
        else:
            del self._by_key[key]

    def of(self, key: ExampleKey, since_ns: int) -> list[ExampleSession]:
        """
        The examples of a subject, at most five since *since_ns*, the weightiest first.
        """
        return [example for example in self._by_key.get(key, ()) if example.time_ns >= since_ns][:SHOWN]

    def copy(self) -> ExampleSessions:
        """
        The same, for a reader, while this one goes on.
        """
        copied = ExampleSessions()
        copied._by_key = self._by_key.copy()
        return copied

    def dump(self) -> list[tuple[ExampleKey, list[ExampleSession]]]:
        """
        The state for a checkpoint.
        """
        return list(self._by_key.items())

    def load(self, dump: list[tuple[ExampleKey, list[ExampleSession]]], relabel: Relabel = unchanged) -> None:
        """
        Go on from a checkpoint.
        """
        kept = (((relabel(orchestrator), subject), examples) for (orchestrator, subject), examples in dump)
        self._by_key = BoundedMap(KEYS_LIMIT, kept)


def _rank(example: ExampleSession) -> tuple[float, int, str]:
    return -example.weight, -example.time_ns, example.session


def _needed(examples: list[ExampleSession]) -> list[ExampleSession]:
    """
    Those that are not outweighed by five younger ones, the weightiest first.
    """
    needed: list[ExampleSession] = []
    for example in sorted(examples, key=_rank):
        if sum(heavier.time_ns >= example.time_ns for heavier in needed) < SHOWN:
            needed.append(example)
    return needed[:KEPT]
