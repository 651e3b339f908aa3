"""
One cumulative series: a counter, histogram or summary with its label values.

A value is held as whole units and billionths, both integers, so neither the order of events nor a
replay nor a restart changes it.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from droidscope.units import SECOND_NS

NEVER: Final = -1
"""
The clock of the last event of a series that has had none.
"""


class Exemplar(Struct, frozen=True, gc=False):
    """
    The session behind an event. *time_ns* is wall time, Unix; ids are "" where not known.
    """

    trace_id: str
    session_id: str
    time_ns: int


class Cell(Struct, array_like=True, gc=False):
    """
    One series: its label values and what it holds.

    *amount* is the value of a counter, or the sum of a histogram or summary, as (whole, billionths)
    with the latter below 1e9. Every event makes a new tuple, as its last step: a reader never sees
    half of a change, and knows by identity whether there was one. *counts* has
    the observations of each bucket, the last one without a bound; it is empty for counters.
    *last_ns* is the clock of the last event; *reserved* whether the series takes room in its
    orchestrator's budget. *exemplars* has the latest of each bucket, with its value.
    """

    labels: tuple[str, ...]
    counts: list[int]
    amount: tuple[int, int] = (0, 0)
    last_ns: int = NEVER
    reserved: bool = True
    exemplars: dict[int, tuple[Exemplar, float]] = field(default_factory=dict)

    @property
    def billionths(self) -> int:
        """
        The value or sum in units of 1e-9.
        """
        whole, nano = self.amount
        return whole * SECOND_NS + nano

    def add(self, amount: float) -> None:
        """
        Add *amount*, to the nearest billionth unless it is an integer.
        """
        whole, nano = self.amount
        if isinstance(amount, int):
            self.amount = (whole + amount, nano)
        else:
            carry, nano = divmod(nano + round(amount * SECOND_NS), SECOND_NS)
            self.amount = (whole + carry, nano)

    def merge(self, other: Cell) -> None:
        """
        Add what *other* holds: a series that has become the same as this one.
        """
        self.amount = divmod(self.billionths + other.billionths, SECOND_NS)
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.last_ns = max(self.last_ns, other.last_ns)
        self.reserved = self.reserved or other.reserved

    def value_before(self, clock_ns: int) -> Cell:
        """
        A copy to show while the series is new.
        """
        return Cell(self.labels, self.counts.copy(), self.amount, clock_ns, self.reserved)


class PendingSeries(Struct, array_like=True, gc=False):
    """
    A series that appeared at *since_ns*: it is shown as *value_before* for a while.
    """

    since_ns: int
    value_before: Cell
