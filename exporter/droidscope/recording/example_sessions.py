"""
The exhibits that are kept: of each subject the sessions that show best what is said of it.
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
An orchestrator's label values; what is shown, and labels of the subject.
"""

SHOWN: Final = 5
"""
Sessions that a finding shows.
"""
KEPT: Final = 25
"""
Sessions that are kept of one subject.
"""
KEYS_LIMIT: Final = 10_000
"""
Subjects of which sessions are known; the one shown longest ago is forgotten.
"""
_LONGEST_NS: Final = max(WINDOWS.values()) * MINUTE_NS + HOUR_NS
"""
How far a window of findings may reach back: it begins at a full hour.
"""


class ExampleSessions:
    """
    The five weightiest sessions of each subject since any time in the longest window.

    One is let go of only if five younger ones outweigh it, so that no window will ever miss it; but
    where `KEPT` are not enough for that, the lightest is. One that is hidden does not bring back
    those that had given way to it.
    """

    dump_type: ClassVar = list[tuple[ExampleKey, list[ExampleSession]]]

    def __init__(self) -> None:
        self._by_key: BoundedMap[ExampleKey, list[ExampleSession]] = BoundedMap(KEYS_LIMIT)

    def show(self, key: ExampleKey, example: ExampleSession, now_ns: int) -> None:
        """
        Show a session; of what was shown of it before under the same key the weightier stays.
        """
        known = self._by_key.get(key, [])
        before = next((each for each in known if each.session == example.session), None)
        if before is not None and _rank(before) <= _rank(example):
            return
        others = [each for each in known if each is not before and each.time_ns >= now_ns - _LONGEST_NS]
        self._by_key[key] = _needed([*others, example])

    def hide(self, key: ExampleKey, session: str) -> None:
        """
        Show a session no longer.
        """
        if key not in self._by_key:
            return
        others = [each for each in self._by_key[key] if each.session != session]
        if others:
            self._by_key.replace(key, others)
        else:
            del self._by_key[key]

    def of(self, key: ExampleKey, since_ns: int) -> list[ExampleSession]:
        """
        Sessions shown of a subject, at most five since *since_ns*, the weightiest first.
        """
        return [each for each in self._by_key.get(key, ()) if each.time_ns >= since_ns][:SHOWN]

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
    found: list[ExampleSession] = []
    for example in sorted(examples, key=_rank):
        if sum(each.time_ns >= example.time_ns for each in found) < SHOWN:
            found.append(example)
    return found[:KEPT]
