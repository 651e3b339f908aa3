"""
Time for which there is at least one reason; reasons that overlap count once.
"""

from __future__ import annotations

from time import perf_counter_ns

from droidscope.instrument.emission.forks import ProcessLock


class OverlappingTime:
    """
    Nanoseconds during which at least one reason held. Reasons are objects that can be hashed.
    """

    def __init__(self) -> None:
        self._reasons: set[object] = set()
        self._since_ns = 0
        self._lock = ProcessLock()
        self.total_ns = 0
        """
        Of the times that are over.
        """

    def begin(self, reason: object) -> None:
        """
        *reason* holds from now on.
        """
        with self._lock:
            if not self._reasons:
                self._since_ns = perf_counter_ns()
            self._reasons.add(reason)

    def end(self, reason: object | None = None) -> bool:
        """
        *reason* holds no more, or none where it is None; True if that ends a time.
        """
        with self._lock:
            held = bool(self._reasons)
            self._reasons = set() if reason is None else self._reasons - {reason}
            is_over = held and not self._reasons
            if is_over:
                self.total_ns += perf_counter_ns() - self._since_ns
            return is_over
