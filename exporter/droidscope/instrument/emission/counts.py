"""
Counts and durations since the start of the process, cheap to add to.

An instrument of the SDK costs microseconds an increment on the caller's path; a dictionary does not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from droidscope.conventions import attributes
from droidscope.instrument.emission.os_threads import real_rlock
from droidscope.instrument.emission.texts import clean_text

COUNTERS: Final = {
    attributes.CLIENT_RECORDS: ("{record}", "Spans and conflicts this process has emitted, by kind."),
    attributes.CLIENT_TASKS: ("{task}", "Tasks ended."),
    attributes.CLIENT_RETRIES: ("{attempt}", "Attempts after the first."),
    attributes.CLIENT_MESSAGES: ("{message}", "Messages between droids."),
    attributes.CLIENT_CONFLICTS: ("{conflict}", "Conflicts found."),
    attributes.CLIENT_DROPPED: ("{value}", "Values the instrumentation refused, by reason."),
}
DURATIONS: Final = {
    attributes.CLIENT_TASK_DURATION: "Duration of tasks.",
    attributes.CLIENT_SESSION_DURATION: "Duration of sessions.",
}

Key = tuple[tuple[str, str], ...]

_SERIES_LIMIT: Final = 2000
_OVERFLOW: Final[Key] = (("otel.metric.overflow", "true"),)


def _bounded(key: Key, series: Mapping[Key, object]) -> Key:
    """
    *key* in clean texts; the key of all the rest if there are too many *series* for another.
    """
    if key in series:
        return key
    clean = tuple((clean_text(name), clean_text(str(value), 256)) for name, value in key)
    return clean if clean in series or len(series) < _SERIES_LIMIT else _OVERFLOW


class ClientCounters:
    """
    Counters by name and labels.
    """

    def __init__(self) -> None:
        # In lists of one, so that a key is looked up once.
        self._counts: dict[str, dict[Key, list[int]]] = {}
        self.restart()

    def restart(self) -> None:
        """
        Begin at zero: a forked child has emitted nothing yet, whatever its parent did.
        """
        self._lock = real_rlock()  # a signal handler may count while its own thread counts
        self._counts = {name: {} for name in COUNTERS}

    def add(self, name: str, labels: Mapping[str, str], amount: int = 1) -> None:
        """
        Count *amount* more under *name* and *labels*, which come in the same order each time.
        """
        self.add_key(name, tuple(labels.items()), amount)

    def add_key(self, name: str, key: Key, amount: int = 1) -> None:
        """
        As `add`, under the labels of *key*.
        """
        counts = self._counts[name]
        with self._lock:
            count = counts.get(key)
            if count is None:
                count = counts.setdefault(_bounded(key, counts), [0])
            count[0] += amount

    def counts(self, name: str) -> list[tuple[Key, int]]:
        """
        All counts of one counter, by labels.
        """
        # Without the lock: a signal handler that waits for a flush may have interrupted who holds it.
        return [(key, count[0]) for key, count in list(self._counts[name].items())]


@dataclass(slots=True)
class DurationPoint:
    """
    The durations of one set of labels, in seconds, with a bucket for each bound and one for the rest.
    """

    buckets: list[int] = field(default_factory=lambda: [0] * (len(attributes.DURATION_BOUNDS) + 1))
    sum: float = 0.0
    min: float = float("inf")
    max: float = 0.0


class ClientDurations:
    """
    A histogram of durations by labels.
    """

    def __init__(self) -> None:
        self._points: dict[Key, DurationPoint] = {}
        self.restart()

    def restart(self) -> None:
        """
        Begin anew, as the counters do.
        """
        self._lock = real_rlock()
        self._points = {}

    def record(self, seconds: float, key: Key) -> None:
        """
        Count one duration under the labels of *key*, which come in the same order each time.
        """
        with self._lock:
            point = self._points.get(key)
            if point is None:
                point = self._points.setdefault(_bounded(key, self._points), DurationPoint())
            point.sum += seconds
            if seconds < point.min:  # noqa: PLR1730 - `min` is a call, and every task comes by here
                point.min = seconds
            if seconds > point.max:  # noqa: PLR1730 - as above
                point.max = seconds
            # Last, so that a point that counts something has its least and its most.
            point.buckets[bisect_left(attributes.DURATION_BOUNDS, seconds)] += 1

    def points(self) -> list[tuple[Key, DurationPoint]]:
        """
        A copy of all points, by labels.
        """
        # Without the lock, as above: what is missing of the latest duration is there the next time.
        return [
            (key, DurationPoint(list(point.buckets), point.sum, point.min, point.max))
            for key, point in list(self._points.items())
            if any(point.buckets)
        ]
