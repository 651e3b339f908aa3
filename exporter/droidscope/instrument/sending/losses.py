"""
What is lost: counted by reason, and logged with its number, at most every five minutes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final

from droidscope.instrument.emission.os_threads import real_rlock
from droidscope.instrument.never_raise import logger

WARNING_SECONDS: Final = 300.0
"""
The shortest time between two warnings of one kind.
"""


def _count_nowhere(_reason: str, _count: int) -> None:
    """
    Losses are counted here alone.
    """


class Losses:
    """
    Counts what is lost for good since it was made; *on_loss* gets each reason and number, too.

    At the end of a process, *is_ending*, nobody reads other counters any more, and a signal handler may have
    interrupted one of them: *on_loss* is left out, and `tell_rest` logs it all at once.
    """

    def __init__(
        self,
        on_loss: Callable[[str, int], None] = _count_nowhere,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._on_loss = on_loss
        self._clock = clock
        self.is_ending = False
        self._lock = real_rlock()  # a signal handler may count what was lost while its own thread counts
        self._by_reason: Counter[str] = Counter()
        self._untold: Counter[str] = Counter()
        self._texts: dict[str, str] = {}
        self._told_at: dict[str, float] = {}

    @property
    def total(self) -> int:
        """
        How many items are lost.
        """
        return sum(dict(self._by_reason).values())

    @property
    def by_reason(self) -> dict[str, int]:
        """
        How many items are lost, by reason.
        """
        return dict(self._by_reason)

    def add(self, reason: str, count: int, text: str) -> None:
        """
        Count *count* items that are lost for *reason*; *text* says more of it, and names no user's value.
        """
        with self._lock:
            self._by_reason[reason] += count
            self._untold[reason] += count
            self._texts[reason] = text
        if self.is_ending:
            return
        self._on_loss(reason, count)
        if self._may_tell(f"lost:{reason}"):
            self._tell(reason)

    def inherit(self, lost: Mapping[str, int]) -> None:
        """
        Add what was lost, counted and logged elsewhere before.
        """
        with self._lock:
            self._by_reason.update(lost)

    def warn(self, kind: str, message: str, *args: object) -> None:
        """
        Log trouble that has cost nothing yet, at most every `WARNING_SECONDS` of its *kind*.
        """
        if self._may_tell(kind):
            logger.warning(message + " (more of it is not logged for %d s)", *args, WARNING_SECONDS)

    def tell_rest(self) -> None:
        """
        Log what was counted since the last warning of its reason.
        """
        for reason, count in list(self._untold.items()):
            if count:
                self._tell(reason)

    def _may_tell(self, kind: str) -> bool:
        now = self._clock()
        if now < self._told_at.get(kind, float("-inf")) + WARNING_SECONDS:
            return False
        self._told_at[kind] = now
        return True

    def _tell(self, reason: str) -> None:
        with self._lock:
            count, self._untold[reason] = self._untold[reason], 0
        logger.warning(
            "droidscope telemetry is lost: %d records, %s: %s (more of it is not logged for %d s)",
            count, reason, self._texts[reason], WARNING_SECONDS,
        )  # fmt: skip
