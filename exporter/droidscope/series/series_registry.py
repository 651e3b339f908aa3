"""
Cumulative series: the counters, histograms and summaries of the head.

A value is held as whole units and billionths, both integers, so neither the order of events nor a
replay nor a restart changes it. One thread writes; another may call `families` at any time, and
sees each series before or after an event, never between.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from msgspec import Struct, field

from droidscope.conventions.former_names import FORMER_METRIC_NAMES
from droidscope.conventions.metrics import (
    CATALOGUE,
    LABEL_OVERFLOW,
    LABEL_VALUES,
    LABEL_VALUES_LIMIT,
    MetricSpec,
)
from droidscope.model.labels import OrchestratorLabels
from droidscope.series.label_limits import CLOSED, OTHER, LabelBudget, SeriesLimits, is_domain, label_text
from droidscope.units import SECOND_NS

RECLAIMS_PER_IDLE: Final = 720
"""
How often places of idle series are freed within the idle time: hourly for thirty days.
"""


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
    *last_ns* is the clock of the last event; *placed* whether the series takes a place of its
    orchestrator's. *exemplars* has the latest of each bucket, with its value.
    """

    labels: tuple[str, ...]
    counts: list[int]
    amount: tuple[int, int] = (0, 0)
    last_ns: int = NEVER
    placed: bool = True
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
        self.placed = self.placed or other.placed

    def before(self, clock_ns: int) -> Cell:
        """
        A copy to show while the series is held.
        """
        return Cell(self.labels, self.counts.copy(), self.amount, clock_ns, self.placed)


class PendingSeries(Struct, array_like=True, gc=False):
    """
    A series that appeared at *since_ns* is shown as *before* for a while.
    """

    since_ns: int
    before: Cell


class FamilyDump(Struct):
    """
    A family as it is stored, with the shape its cells have.
    """

    kind: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...]
    cells: list[Cell]
    holds: dict[int, PendingSeries]


class SeriesRegistryDump(Struct):
    """
    All series as they are stored in a checkpoint.
    """

    resource_labels: tuple[str, ...]
    reclaimed_ns: int
    families: dict[str, FamilyDump]
    places: list[LabelBudget]


class Family:
    """
    The series of one metric. Cells are only ever appended, so a position names a series for good.
    """

    __slots__ = ("cells", "domain", "holds", "index", "spec")

    def __init__(self, spec: MetricSpec) -> None:
        self.spec = spec
        self.domain = is_domain(spec)
        self.cells: list[Cell] = []
        self.index: dict[tuple[str, ...], int] = {}
        self.holds: dict[int, PendingSeries] = {}

    def find(self, labels: tuple[str, ...]) -> Cell | None:
        """
        The series with these label values, the orchestrator's first.
        """
        at = self.index.get(labels)
        return None if at is None else self.cells[at]

    def add(self, cell: Cell) -> None:
        """
        Append a series, or merge it into the one of the same labels.
        """
        same = self.find(cell.labels)
        if same is not None:
            same.merge(cell)
            return
        self.cells.append(cell)
        self.index[cell.labels] = len(self.cells) - 1

    def new_cell(self, labels: tuple[str, ...]) -> Cell:
        """
        Append an empty series.
        """
        buckets = 0 if self.spec.kind == "counter" else len(self.spec.bounds) + 1
        cell = Cell(labels, [0] * buckets)
        self.add(cell)
        return cell

    def hold(self, cell: Cell, clock_ns: int, hold_ns: int) -> None:
        """
        Show *cell* as it is now for *hold_ns*; forget holds that are over.
        """
        while self.holds and clock_ns - self.holds[oldest := next(iter(self.holds))].since_ns >= hold_ns:
            del self.holds[oldest]
        at = self.index[cell.labels]
        self.holds.pop(at, None)  # so that they stay in order of age
        self.holds[at] = PendingSeries(clock_ns, cell.before(clock_ns))

    def shown(self, clock_ns: int, limits: SeriesLimits) -> list[Cell | None]:
        """
        What to expose at *clock_ns*, by position: None for the idle, the past for the held.
        """
        horizon = clock_ns - limits.idle_ns
        cells: list[Cell | None] = [*self.cells]
        if horizon > 0:  # else nothing can have been idle for so long
            cells = [cell if cell.last_ns >= horizon else None for cell in self.cells]
        for at in reversed(list(self.holds)):  # the youngest first
            hold = self.holds.get(at)
            if hold is not None and clock_ns - hold.since_ns >= limits.hold_ns:
                break
            if hold is not None and at < len(cells):
                cells[at] = hold.before
        return cells

    def state(self) -> FamilyDump:
        """
        The family as it is stored.
        """
        return FamilyDump(self.spec.kind, self.spec.labels, self.spec.bounds, self.cells, self.holds)

    def fits(self, state: FamilyDump) -> bool:
        """
        Whether stored cells have the shape of this family's.
        """
        return (state.kind, state.labels, state.bounds) == (
            self.spec.kind,
            self.spec.labels,
            self.spec.bounds,
        )


class SeriesRegistry:
    """
    All cumulative series, within *limits*; *catalogue* is the families that survive a load.

    Everywhere, *orchestrator* is the values of (orchestrator, resource labels), which the exporter's
    own families ignore, and *clock_ns* is the exporter's uptime.
    """

    def __init__(
        self,
        limits: SeriesLimits | None = None,
        catalogue: Iterable[MetricSpec] = CATALOGUE,
    ) -> None:
        self._limits = limits or SeriesLimits()
        self._resource_labels = self._limits.resource_labels
        self._families = {spec.name: Family(spec) for spec in catalogue if spec.kind != "gauge"}
        self._places: dict[OrchestratorLabels, LabelBudget] = {}
        self._reclaimed_ns = 0
        self._clock_ns = 0

    def count(
        self,
        spec: MetricSpec,
        orchestrator: OrchestratorLabels,
        labels: tuple[str, ...],
        amount: float = 1,
        *,
        clock_ns: int,
        exemplar: Exemplar | None = None,
    ) -> None:
        """
        Add *amount* to a counter. *labels* are values in the order of `spec.labels`.

        Raises:
            ValueError: If *amount* is negative or not finite, or *labels* do not fit *spec*.
        """
        if not 0 <= amount < math.inf:
            msg = f"{spec.name}: amount is {amount}; it must be finite and not negative"
            raise ValueError(msg)
        cell = self._cell(spec, orchestrator, labels, clock_ns)
        if exemplar is not None:
            cell.exemplars[0] = (exemplar, float(amount))
        cell.add(amount)

    def observe(
        self,
        spec: MetricSpec,
        orchestrator: OrchestratorLabels,
        labels: tuple[str, ...],
        value: float,
        *,
        clock_ns: int,
        exemplar: Exemplar | None = None,
    ) -> None:
        """
        Add an observation, in the unit of *spec*, to a histogram or summary.

        Raises:
            ValueError: If *value* is negative or not finite, or *labels* do not fit *spec*.
        """
        if not 0 <= value < math.inf:
            msg = f"{spec.name}: observed {value}; it must be finite and not negative"
            raise ValueError(msg)
        cell = self._cell(spec, orchestrator, labels, clock_ns)
        bucket = bisect_left(spec.bounds, value)
        cell.counts[bucket] += 1
        if exemplar is not None:
            cell.exemplars[bucket] = (exemplar, float(value))
        cell.add(value)

    def ensure(
        self,
        spec: MetricSpec,
        orchestrator: OrchestratorLabels,
        labels: tuple[str, ...],
        *,
        clock_ns: int | None = None,
    ) -> None:
        """
        Expose a label set at 0 before its first event, and keep it from being idle.

        Its events are not held, but for those that come before it has been exposed for the hold:
        no scrape may have seen its 0. Without *clock_ns* the clock of the last event serves.
        """
        clock_ns = self._clock_ns if clock_ns is None else clock_ns
        self._cell(spec, orchestrator, labels, clock_ns, event=False)

    def label(self, orchestrator: OrchestratorLabels, name: str, value: str) -> str:
        """
        The value that series of *orchestrator* carry for *value* of label *name*: itself, cleaned
        and cut, or `other`. For facts and gauges that must agree with the counters.
        """
        return self._places_of(orchestrator).admit(name, value, self._limits)

    def shown(self, orchestrator: OrchestratorLabels, name: str, value: str) -> str:
        """
        As `label`, but takes no place: for those who only look.
        """
        return self._find_places(orchestrator).shown(name, value, self._limits)

    def who(self, orchestrator: OrchestratorLabels) -> OrchestratorLabels:
        """
        The values that series of *orchestrator* carry for its own labels.
        """
        return self._find_places(orchestrator).orchestrator

    def label_sets(self, spec: MetricSpec, clock_ns: int) -> list[tuple[str, ...]]:
        """
        All label values of each series of *spec* that is not idle, the orchestrator's first.
        """
        family = self._families.get(spec.name)
        return [cell.labels for cell in (family.cells if family else ()) if not self._is_idle(cell, clock_ns)]

    def value(
        self, spec: MetricSpec, orchestrator: OrchestratorLabels, labels: tuple[str, ...]
    ) -> float | None:
        """
        The true value of a counter, or the sum of a histogram or summary; None if there is none.
        """
        cell = self._find(spec, orchestrator, labels)
        return None if cell is None else cell.billionths / SECOND_NS

    def observations(
        self, spec: MetricSpec, orchestrator: OrchestratorLabels, labels: tuple[str, ...]
    ) -> int | None:
        """
        How many observations a histogram or summary has; None if it is not there.
        """
        cell = self._find(spec, orchestrator, labels)
        return None if cell is None else sum(cell.counts)

    def total(self, spec: MetricSpec, **labels: str) -> float | None:
        """
        Sum over the series of *spec* with these *labels*, over all orchestrators; None if there
        are none.
        """
        family = self._families.get(spec.name)
        wanted = {spec.labels.index(name) - len(spec.labels): value for name, value in labels.items()}
        cells = [
            cell
            for cell in (family.cells.copy() if family else ())
            if all(cell.labels[at] == value for at, value in wanted.items())
        ]
        return sum(cell.billionths for cell in cells) / SECOND_NS if cells else None

    def families(self, clock_ns: int) -> Iterator[tuple[Family, list[Cell | None]]]:
        """
        What to expose at *clock_ns*: each family and, by position, what its series show.

        That is a cell, with the past of those on hold, or None for the idle.
        """
        for family in list(self._families.values()):
            if family.cells:
                yield family, family.shown(clock_ns, self._limits)

    def label_values(self) -> Iterator[tuple[MetricSpec, tuple[str, ...], int]]:
        """
        Gauges of the distinct values of each limited label, and of their limits.

        Where resource labels tell orchestrators of one name apart, the fullest one counts.
        """
        counts: dict[tuple[str, str], int] = {}
        for places in list(self._places.values()):
            if not places.orchestrator:
                continue  # the exporter's own families
            name = places.orchestrator[0]
            for label, taken in list(places.values.items()):
                counts[name, label] = max(counts.get((name, label), 0), len(taken))
        for labels, count in counts.items():
            yield LABEL_VALUES, labels, count
        for label in sorted({label for _, label in counts}):
            yield LABEL_VALUES_LIMIT, (label,), self._limits.values_of(label)

    def dump(self) -> SeriesRegistryDump:
        """
        The state for a checkpoint. It refers to live objects: encode it before the next event.
        """
        families = {name: family.state() for name, family in self._families.items() if family.cells}
        return SeriesRegistryDump(
            self._resource_labels, self._reclaimed_ns, families, list(self._places.values())
        )

    def load(self, state: SeriesRegistryDump) -> tuple[str, ...]:
        """
        Replace everything by *state*; holds go on where they were.

        Series of resource labels that are no longer configured are merged.

        Returns:
            Names of stored families left out, since they are gone or have another shape now.
        """
        self._families = {name: Family(family.spec) for name, family in self._families.items()}
        ignored = [
            name for name, stored in state.families.items() if not self._load_family(name, stored, state)
        ]
        self._reclaimed_ns = state.reclaimed_ns
        if state.resource_labels == self._resource_labels:
            self._places = {places.orchestrator: places for places in state.places}
        else:
            self._rebuild_places()
        self._clock_ns = max(
            (cell.last_ns for family in self._families.values() for cell in family.cells), default=0
        )
        return tuple(ignored)

    def _load_family(self, name: str, stored: FamilyDump, state: SeriesRegistryDump) -> bool:
        family = self._families.get(FORMER_METRIC_NAMES.get(name, name))
        if family is None or not family.fits(stored):
            return False
        for cell in chain(stored.cells, (hold.before for hold in stored.holds.values())):
            if family.domain:
                cell.labels = self._relabelled(cell.labels, state.resource_labels)
        for cell in stored.cells:
            family.add(cell)
        if len(family.cells) == len(stored.cells):  # else some were merged and positions moved
            family.holds = stored.holds
        return True

    def _relabelled(self, labels: tuple[str, ...], stored: tuple[str, ...]) -> tuple[str, ...]:
        if stored == self._resource_labels:
            return labels
        known = dict(zip(stored, labels[1:], strict=False))
        resource = tuple(known.get(name, "") for name in self._resource_labels)
        return (labels[0], *resource, *labels[1 + len(stored) :])

    def _find(
        self, spec: MetricSpec, orchestrator: OrchestratorLabels, labels: tuple[str, ...]
    ) -> Cell | None:
        family = self._families.get(spec.name)
        if family is None:
            return None
        return family.find(orchestrator + labels if family.domain else labels)

    def _cell(
        self,
        spec: MetricSpec,
        orchestrator: OrchestratorLabels,
        labels: tuple[str, ...],
        clock_ns: int,
        *,
        event: bool = True,
    ) -> Cell:
        """
        The series of these labels, which lives from now on; made where it is new.
        """
        # Every event comes by here, several a record: a call would cost more than what it does.
        if clock_ns > self._clock_ns:  # noqa: PLR1730 - `max` is a call
            self._clock_ns = clock_ns
        family = self._families.get(spec.name)
        if family is None:
            family = self._families[spec.name] = Family(spec)
        if not family.domain:
            orchestrator = ()
        at = family.index.get(orchestrator + labels)
        cell = None if at is None else family.cells[at]
        if cell is None or clock_ns - cell.last_ns > self._limits.idle_ns:
            cell = self._appear(family, orchestrator, labels, clock_ns, event=event)
        if clock_ns > cell.last_ns:  # noqa: PLR1730 - `max` is a call
            cell.last_ns = clock_ns
        return cell

    def _appear(
        self,
        family: Family,
        orchestrator: OrchestratorLabels,
        labels: tuple[str, ...],
        clock_ns: int,
        *,
        event: bool,
    ) -> Cell:
        """
        The series for labels from outside that no live series has, held if it has just appeared.
        """
        spec = family.spec
        if len(labels) != len(spec.labels):
            msg = f"{spec.name}: label values are {labels}; there must be one for each of {spec.labels}"
            raise ValueError(msg)
        self._reclaim(clock_ns)
        places = self._places_of(orchestrator)
        admitted = tuple(
            places.admit(name, value, self._limits) for name, value in zip(spec.labels, labels, strict=True)
        )
        cell = self._placed_cell(family, places, admitted)
        if cell.last_ns == NEVER or self._is_idle(cell, clock_ns):
            family.hold(cell, clock_ns, self._limits.hold_ns)
        if event:
            self._count_overflow(spec, labels, cell, clock_ns)
        return cell

    def _placed_cell(self, family: Family, places: LabelBudget, admitted: tuple[str, ...]) -> Cell:
        """
        The series of *admitted* label values; where the family is full, the one of `other`.
        """
        spec = family.spec
        cell = family.find(places.orchestrator + admitted)
        if cell is not None and cell.placed:
            return cell
        placed = not family.domain or places.series.get(spec.name, 0) < self._limits.series_of(spec)
        if placed:
            places.take(spec, admitted)
        else:
            admitted = tuple(
                value if name in CLOSED else OTHER for name, value in zip(spec.labels, admitted, strict=True)
            )
        cell = family.find(places.orchestrator + admitted) or family.new_cell(places.orchestrator + admitted)
        cell.placed = placed
        return cell

    def _count_overflow(self, spec: MetricSpec, labels: tuple[str, ...], cell: Cell, clock_ns: int) -> None:
        orchestrator = cell.labels[0] if is_domain(spec) else ""
        admitted = cell.labels[len(cell.labels) - len(labels) :]
        for name, given, value in zip(spec.labels, labels, admitted, strict=True):
            if value == OTHER != given:
                self.count(LABEL_OVERFLOW, (), (orchestrator, name), clock_ns=clock_ns)

    def _places_of(self, orchestrator: OrchestratorLabels) -> LabelBudget:
        """
        The places of *orchestrator*, or of `other` where there are too many orchestrators.
        """
        places = self._find_places(orchestrator)
        return self._places.setdefault(places.orchestrator, places)

    def _find_places(self, orchestrator: OrchestratorLabels) -> LabelBudget:
        """
        As `_places_of`, but new places are not kept.
        """
        places = self._places.get(orchestrator)
        if places is not None:
            return places
        key = tuple(label_text(value) for value in orchestrator)
        if key and key not in self._places and len(self._places) >= self._limits.orchestrators:
            key = (OTHER,) + ("",) * (len(key) - 1)
        return self._places.get(key) or LabelBudget(key)

    def _is_idle(self, cell: Cell, clock_ns: int) -> bool:
        return clock_ns - cell.last_ns > self._limits.idle_ns

    def _reclaim(self, clock_ns: int) -> None:
        """
        Free the places of idle series, now and then.

        By the clock of events alone, so that a replay admits exactly what was admitted before.
        """
        if clock_ns - self._reclaimed_ns < self._limits.idle_ns // RECLAIMS_PER_IDLE:
            return
        self._reclaimed_ns = clock_ns
        for family in self._families.values():
            for cell in family.cells:
                cell.placed = cell.placed and not self._is_idle(cell, clock_ns)
        self._rebuild_places()

    def _rebuild_places(self) -> None:
        self._places = {}
        for family in self._families.values():
            for cell in family.cells:
                if cell.placed:
                    own = len(cell.labels) - len(family.spec.labels)
                    self._places_of(cell.labels[:own]).take(family.spec, cell.labels[own:])
