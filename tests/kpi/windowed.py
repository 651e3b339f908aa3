"""
Windows by their definition: a list of all facts, summed anew each time; and what may happen to them.
"""

from __future__ import annotations

from collections import Counter

import msgspec
from hypothesis import strategies as st

from droidscope.facts.windows import Windows, WindowsDump

ACME = ("acme", "prod")
OTHER = ("other", "")


def floor(time_ns, layout):
    """
    The start of the bucket that a time lies in.
    """
    return time_ns - time_ns % layout.bucket_ns


def covered(layout, window, now_ns):
    """
    From when to when a window reaches; up to now where it has no other end.
    """
    span = layout.spans[window]
    begin_ns = floor(now_ns - span.first * layout.bucket_ns, layout)
    return begin_ns, floor(now_ns - span.stop * layout.bucket_ns, layout) if span.stop else now_ns


def summed(facts, layout, window, orchestrator, reach):
    begin_ns, end_ns = reach
    wanted = layout.spans[window].facts
    sums = Counter()
    for whose, time_ns, key, amount in facts:
        if whose == orchestrator and begin_ns <= time_ns < end_ns and (not wanted or type(key) in wanted):
            sums[key] += amount
    return {key: amount for key, amount in sums.items() if amount}


def defined(facts, layout, window, orchestrator, now_ns):
    """
    The definition: the sum of what ended in [floor(now - window), now).
    """
    return summed(facts, layout, window, orchestrator, covered(layout, window, now_ns))


class Remembered:
    """
    The same with a clock that may step back: all facts in a list, each either passed or ahead.

    What the clock has passed stays passed in the bucket stepped into; later buckets do not
    count; what was too old for every window once is gone.
    """

    def __init__(self, layout):
        self.layout = layout
        self.facts = []
        self.now_ns = self.passed_ns = 0

    def add(self, *fact):
        self.facts.append(fact)
        self._forget()

    def advance(self, now_ns):
        self.now_ns = now_ns
        self.passed_ns = max(self.passed_ns, now_ns)
        self._forget()

    def totals(self, orchestrator, window):
        begin_ns, end_ns = covered(self.layout, window, self.now_ns)
        ceiling_ns = -floor(-end_ns, self.layout)
        passed = [fact for fact in self.facts if fact[1] < self.passed_ns]
        return summed(passed, self.layout, window, orchestrator, (begin_ns, ceiling_ns))

    def _forget(self):
        oldest_ns = floor(self.now_ns - self.layout.reach * self.layout.bucket_ns, self.layout)
        self.facts = [fact for fact in self.facts if fact[1] >= oldest_ns]


def reloaded(windows):
    """
    The windows after a checkpoint and a restart.
    """
    stored = msgspec.msgpack.encode(windows.dump())
    again = Windows(windows.layout)
    again.load(msgspec.msgpack.decode(stored, type=WindowsDump))
    return again


def applied(windows, step, now_ns):
    """
    The windows and the clock after one step: a fact is added, time passes, or a restart.
    """
    match step:
        case ("add", orchestrator, age_ns, key, amount):
            windows.add(orchestrator, now_ns - age_ns, key, amount)
        case ("reload",):
            windows = reloaded(windows)
        case ("step", step_ns, whole_buckets):
            now_ns += step_ns
            now_ns = floor(now_ns, windows.layout) if whole_buckets else now_ns
    return windows, now_ns


class Steps:
    """
    Strategies for what may happen to the windows of a layout; facts have some *keys*.
    """

    def __init__(self, layout, keys):
        edges = {span.first for span in layout.spans.values()} | {span.stop for span in layout.spans.values()}
        around = sorted({edge + nudge for edge in edges for nudge in (-1, 0, 1)})
        lengths = [1, 1, 2, *around]
        self._bucket_ns = layout.bucket_ns
        ages = self._spans_ns(st.sampled_from(around) | st.integers(-90, 120) | st.integers(-2, 2))
        lengths_ns = st.just(0) | self._spans_ns(st.sampled_from(lengths))
        amounts = st.sampled_from([-2, -1, 1, 1, 2, 10**20])
        self.adding = st.tuples(
            st.just("add"), st.sampled_from([ACME, OTHER]), ages, st.sampled_from(keys), amounts
        )
        self.going_on = st.tuples(st.just("step"), lengths_ns.map(abs), st.just(False))
        self.jumping = st.tuples(st.just("step"), lengths_ns | lengths_ns.map(lambda ns: -ns), st.booleans())
        self.reloading = st.just(("reload",))

    def _spans_ns(self, buckets):
        """
        Lengths of time around whole buckets and around whole buckets before a time within one.
        """
        bucket_ns = self._bucket_ns
        nudges = st.sampled_from([-1, 0, 1, bucket_ns // 3, bucket_ns // 3 + 1, bucket_ns - 1])
        return st.builds(lambda bucket, nudge: bucket * bucket_ns + nudge, buckets, nudges)
