"""
A sink and a meter in memory.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor

from droidscope.ingest.decode import decode
from droidscope.ingest.sink import Receipt


class MemorySink:
    """
    Decodes what it is given on a thread of its own, as the exporter does, and keeps it.

    *faults* are raised instead, one a request: exceptions by the future, callables by `submit`.
    """

    def __init__(self):
        self.requests = []
        self.batches = []
        self.faults = []
        self._thread = ThreadPoolExecutor(1)

    def submit(self, signal, body, transport):
        self.requests.append((signal, body, transport))
        fault = self.faults.pop(0) if self.faults else None
        if callable(fault):
            return fault()
        return self._thread.submit(self._take_in, signal, body, fault)

    def _take_in(self, signal, body, fault):
        if fault:
            raise fault
        batch = decode(signal, body)
        self.batches.append(batch)
        return Receipt(sum(batch.rejected.values()), batch.message)

    def close(self):
        self._thread.shutdown()

    @property
    def spans(self):
        return [span for batch in self.batches for span in batch.spans]


def never():
    """
    A fault: the future that no one resolves.
    """
    return Future()


class CountingMeter:
    """
    Remembers what was counted.
    """

    def __init__(self):
        self.refused = Counter()
        self.durations = []

    def received(self, *_):
        raise AssertionError("items are the pipeline's to count")

    def rejected(self, reason, n):
        self.refused[reason] += n

    def ingest_seconds(self, seconds):
        self.durations.append(seconds)
