"""
The exhibits that are kept: of each subject the sessions that show best what is said of it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from droidscope.conventions.metrics import WINDOWS
from droidscope.model.evidence import Exhibit

Orchestrator = tuple[str, ...]
ExhibitKey = tuple[Orchestrator, tuple[str, ...]]
"""
An orchestrator's label values; what is shown, and labels of the subject.
"""

SHOWN: Final = 5
"""
Sessions that a finding shows.
"""
KEYS_LIMIT: Final = 10_000
"""
Subjects of which sessions are known; the one shown longest ago is forgotten.
"""
_MINUTE_NS: Final = 60 * 10**9
_SHORTEST_NS: Final = min(WINDOWS.values()) * _MINUTE_NS


class Exhibits:
    """
    The weightiest sessions of each subject in every window.
    """

    def __init__(self) -> None:
        self._by_key: OrderedDict[ExhibitKey, list[Exhibit]] = OrderedDict()

    def show(self, key: ExhibitKey, exhibit: Exhibit, now_ns: int) -> None:
        """
        Show a session; what was shown of it before under the same key is replaced.
        """
        known = self._by_key.get(key, [])
        if _is_outdone(exhibit, known, now_ns):
            return
        others = [each for each in known if each.session != exhibit.session]
        self._by_key[key] = _weightiest([*others, exhibit], now_ns)
        self._by_key.move_to_end(key)
        if len(self._by_key) > KEYS_LIMIT:
            self._by_key.popitem(last=False)

    def of(self, key: ExhibitKey, since_ns: int) -> list[Exhibit]:
        """
        Sessions shown of a subject, at most five since *since_ns*, the weightiest first.
        """
        return _first([each for each in self._by_key.get(key, ()) if each.time_ns >= since_ns])

    def copy(self) -> Exhibits:
        """
        The same, for a reader, while this one goes on.
        """
        copied = Exhibits()
        copied._by_key = self._by_key.copy()
        return copied

    def dump(self) -> list[tuple[ExhibitKey, list[Exhibit]]]:
        """
        The state for a checkpoint.
        """
        return list(self._by_key.items())

    def load(self, dump: list[tuple[ExhibitKey, list[Exhibit]]]) -> None:
        """
        Go on from a checkpoint.
        """
        self._by_key = OrderedDict(dump)


def _is_outdone(exhibit: Exhibit, known: list[Exhibit], now_ns: int) -> bool:
    """
    Whether enough weightier ones are younger than the shortest window, and it is not among them.
    """
    younger = 0
    for each in known:
        if each.session == exhibit.session:
            return False
        younger += each.time_ns >= now_ns - _SHORTEST_NS and each.weight > exhibit.weight
    return younger >= SHOWN


def _weightiest(exhibits: list[Exhibit], now_ns: int) -> list[Exhibit]:
    """
    Those among the first of any window.
    """
    kept = {
        each.session
        for minutes in WINDOWS.values()
        for each in _first([each for each in exhibits if each.time_ns >= now_ns - minutes * _MINUTE_NS])
    }
    return [each for each in exhibits if each.session in kept]


def _first(exhibits: list[Exhibit]) -> list[Exhibit]:
    return sorted(exhibits, key=lambda each: (-each.weight, -each.time_ns, each.session))[:SHOWN]
