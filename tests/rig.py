"""
A pipeline on a store of its own, with clocks the test moves.
"""

from __future__ import annotations

from collections import Counter

from builders import NOON, SECOND
from droidscope.assembly.foreign_settings import ForeignSettings
from droidscope.head.head import Head
from droidscope.ingest.sink import Signal
from droidscope.mapping.mapper import Mapper
from droidscope.pipeline.pipeline import Pipeline
from droidscope.series.label_limits import SeriesLimits
from droidscope.sessions.settings import HeadSettings
from droidscope.store.store import Store


class Counts:
    """
    Remembers what the pipeline counted.
    """

    def __init__(self):
        self.items = Counter()
        self.reasons = Counter()

    def received(self, signal, _transport, outcome, n=1):
        self.items[signal, outcome] += n

    def rejected(self, reason, n=1):
        self.reasons[reason] += n

    def fsync_seconds(self, seconds):
        pass

    def last_receipt(self, orchestrator, signal, unix_seconds):
        pass


class Rig:
    """
    An exporter's inner road: `send` requests, let time `pass_seconds`, `restart` it.
    """

    def __init__(self, directory, *, settings=None, limits=None, foreign=None, mapper=None, **store):
        self.directory = directory
        self.settings = settings or HeadSettings()
        self.limits = limits or SeriesLimits(hold_ns=0)
        self.foreign = foreign or ForeignSettings()
        self.mapper = mapper or Mapper(())
        self.store_options = store
        self.now = 0
        self.recovers = True
        self.counts = Counts()
        self.pipeline = None
        self.open()

    def open(self):
        head = Head(self.settings, self.limits, self.foreign)
        self.pipeline = Pipeline(
            Store(self.directory, **self.store_options),
            head,
            self.mapper,
            self.counts,
            queue_limit_bytes=1 << 20,
            clock_ns=lambda: self.now,
            wall_ns=lambda: NOON + self.now,
        )
        if self.recovers:
            self.pipeline.recover()

    @property
    def head(self):
        return self.pipeline.head

    def send(self, signal, body):
        """
        Walk one request down the road on this thread; its receipt.
        """
        future = self.pipeline.submit(Signal(signal), body, "test")
        self.pipeline.step()
        return future.result(timeout=0)

    def pass_seconds(self, seconds):
        self.now += round(seconds * SECOND)
        self.pipeline.step()

    def state(self):
        """
        All that the head is, as a checkpoint would keep it.
        """
        return self.head.decode(self.head.dump())

    def crash(self):
        """
        Stop as SIGKILL would: no checkpoint, only what the disk has.
        """
        self.pipeline.store.abandon()
        self.open()

    def restart(self):
        self.pipeline.stop()
        self.open()

    def value(self, spec, *labels):
        return self.head.series.value(spec, ("atlas",), labels)
